/*
 * Random operations on the simulated disk against a model that keeps every version of every file
 * since its last sync: after a crash each byte must be of one of them, and what was synced and not
 * touched since must be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/random.h"
#include "sim/world_sim.h"

enum { FILES = 3, FILE_BYTES = 6000, VERSIONS = 24, STEPS = 400, SEEDS = 60 };

struct version {
  uint64_t size;
  uint8_t bytes[FILE_BYTES]; /* zero beyond size */
};

struct model_file {
  char path[16];
  int handle;
  uint64_t size_low; /* what the operation at the crash point may have left */
  uint64_t size_high;
  int count; /* versions[0] is durable, versions[count - 1] is what readers see */
  struct version versions[VERSIONS];
};

struct run {
  uint64_t seed;
  struct random random;
  struct world_sim *sim;
  struct world *world;
  const struct world_operations *call;
  struct model_file files[FILES];
  int crashes;
};

#define REQUIRE(run, condition)                                                                \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      print_error("replay: TACOS_SEED=%llu build/asan/tests/unit/sim/test_world_sim_random\n", \
                  (unsigned long long)(run)->seed);                                            \
      assert_true(condition);                                                                  \
    }                                                                                          \
  } while (0)

static struct version *last_version(struct model_file *file)
{
  return &file->versions[file->count - 1];
}

/* A copy of the last version to change. */
static struct version *next_version(struct model_file *file)
{
  file->versions[file->count] = *last_version(file);
  file->count++;
  return last_version(file);
}

static void settle(struct model_file *file)
{
  file->versions[0] = *last_version(file);
  file->count = 1;
}

static void do_sync(struct run *run, struct model_file *file)
{
  int result = run->call->file_sync(run->world, file->handle);
  if (result == 0) settle(file);
  REQUIRE(run, result == 0 || world_sim_is_dead(run->sim));
}

static void do_write(struct run *run, struct model_file *file)
{
  uint8_t bytes[2000];
  size_t size = (size_t)random_between(&run->random, 1, sizeof(bytes));
  uint64_t offset = random_below(&run->random, FILE_BYTES - sizeof(bytes));
  memset(bytes, (int)random_between(&run->random, 1, 255), size);
  struct version *version = next_version(file);
  memcpy(version->bytes + offset, bytes, size);
  uint64_t old_size = version->size;
  if (offset + size > version->size) version->size = offset + size;
  int result = run->call->file_write(run->world, file->handle, bytes, size, offset);
  REQUIRE(run, result == 0 || world_sim_is_dead(run->sim));
  file->size_low = result == 0 ? version->size : old_size;
  file->size_high = version->size;
}

static void do_resize(struct run *run, struct model_file *file)
{
  uint64_t size = random_below(&run->random, FILE_BYTES);
  struct version *version = next_version(file);
  uint64_t old_size = version->size;
  int result;
  if (random_coin(&run->random)) {
    if (size < version->size) memset(version->bytes + size, 0, version->size - size);
    version->size = size;
    result = run->call->file_truncate(run->world, file->handle, size);
  } else {
    if (size > version->size) version->size = size;
    result = run->call->file_allocate(run->world, file->handle, size);
  }
  REQUIRE(run, result == 0 || world_sim_is_dead(run->sim));
  file->size_low = version->size;
  file->size_high = version->size;
  if (result != 0 && old_size < version->size) file->size_low = old_size;
  if (result != 0 && old_size > version->size) file->size_high = old_size;
}

static void check_reading(struct run *run, struct model_file *file)
{
  uint8_t bytes[FILE_BYTES];
  int64_t size = run->call->file_read(run->world, file->handle, bytes, sizeof(bytes), 0);
  REQUIRE(run, size == (int64_t)last_version(file)->size);
  REQUIRE(run, memcmp(bytes, last_version(file)->bytes, (size_t)size) == 0);
}

static bool is_of_some_version(const struct model_file *file, uint64_t at, uint8_t byte)
{
  for (int i = 0; i < file->count; i++)
    if (file->versions[i].bytes[at] == byte) return true;
  return false;
}

static void check_after_crash(struct run *run, struct model_file *file)
{
  file->handle = run->call->file_open(run->world, file->path, WORLD_OPEN_WRITE);
  REQUIRE(run, file->handle >= 0);
  struct version found = {0};
  int64_t size = run->call->file_read(run->world, file->handle, found.bytes, sizeof(found.bytes),
                                      0);
  REQUIRE(run, size >= 0);
  found.size = (uint64_t)size;
  REQUIRE(run, found.size == file->versions[0].size ||
                   (found.size >= file->size_low && found.size <= file->size_high));
  for (uint64_t at = 0; at < found.size; at++)
    REQUIRE(run, is_of_some_version(file, at, found.bytes[at]));
  file->versions[0] = found;
  file->count = 1;
  file->size_low = file->size_high = found.size;
}

static void crash(struct run *run)
{
  world_sim_crash(run->sim, WORLD_SIM_CRASH_RANDOM);
  for (int i = 0; i < FILES; i++) check_after_crash(run, &run->files[i]);
  run->crashes++;
}

static void step(struct run *run)
{
  struct model_file *file = &run->files[random_below(&run->random, FILES)];
  uint64_t choice = random_below(&run->random, 100);
  if (file->count == VERSIONS || choice < 15)
    do_sync(run, file);
  else if (choice < 65)
    do_write(run, file);
  else if (choice < 75)
    do_resize(run, file);
  else if (choice < 90)
    check_reading(run, file);
  else if (choice < 95)
    world_sim_crash_after(run->sim, random_between(&run->random, 1, 10));
  else
    crash(run);
  if (world_sim_is_dead(run->sim)) crash(run);
}

/* Returns the trace of the run. */
static uint64_t run_once(uint64_t seed)
{
  struct run *run = test_calloc(1, sizeof(*run));
  run->seed = seed;
  random_init(&run->random, ~seed);
  run->sim = world_sim_new(seed);
  run->world = world_sim_world(run->sim);
  run->call = run->world->operations;
  for (int i = 0; i < FILES; i++) {
    struct model_file *file = &run->files[i];
    snprintf(file->path, sizeof(file->path), "/f%d", i);
    file->handle = run->call->file_open(run->world, file->path, WORLD_OPEN_CREATE);
    file->count = 1;
  }
  REQUIRE(run, run->call->dir_sync(run->world, "/") == 0);
  for (int i = 0; i < STEPS; i++) step(run);
  REQUIRE(run, run->crashes > 5);
  uint64_t trace = world_sim_trace(run->sim);
  world_sim_free(run->sim);
  test_free(run);
  return trace;
}

static void test_no_synced_byte_is_lost_and_no_byte_is_invented(void **state)
{
  (void)state;
  uint64_t seed = random_seed(1);
  for (uint64_t i = 0; i < SEEDS; i++) run_once(seed + i);
}

static void test_a_seed_repeats_its_trace(void **state)
{
  (void)state;
  uint64_t seed = random_seed(1);
  uint64_t trace = run_once(seed);
  assert_true(run_once(seed) == trace);
  assert_true(run_once(seed + 1) != trace);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_synced_byte_is_lost_and_no_byte_is_invented),
      cmocka_unit_test(test_a_seed_repeats_its_trace),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
