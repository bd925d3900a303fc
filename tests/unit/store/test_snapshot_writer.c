#include "base/world_linux.h"
#include "sim/random.h"
#include "sim/world_sim.h"
#include "store/snapshot_format.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t key[SEAL_KEY_BYTES] = "an AES-256 key of 32 bytes, fix";

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct snapshot_options options;
  struct error error;
};

static void fixture_open(struct fixture *fixture, uint64_t seed)
{
  *fixture = (struct fixture){.sim = world_sim_new(seed)};
  fixture->world = world_sim_world(fixture->sim);
  fixture->options = (struct snapshot_options){.directory = "/data"};
  memcpy(fixture->options.store_id, "store-id-16bytes", STORE_ID_BYTES);
  assert_int_equal(fixture->world->operations->dir_make(fixture->world, "/data"), 0);
  assert_int_equal(fixture->world->operations->dir_sync(fixture->world, "/"), 0);
}

static void fixture_close(struct fixture *fixture)
{
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static size_t record_size(uint64_t ordinal)
{
  return ordinal % 50 == 0 ? 300000 : (size_t)(ordinal * 131 % 9000);
}

static void put_record(struct snapshot_writer *writer, uint64_t ordinal, struct error *error)
{
  size_t size = record_size(ordinal);
  uint8_t *payload = snapshot_writer_put(writer, (uint16_t)(ordinal % 9), size, error);
  assert_non_null(payload);
  memset(payload, (int)(ordinal * 7), size);
}

/* Steps, while the engine fills, until the snapshot is done or has failed. */
static enum snapshot_state write_stepping(struct fixture *fixture, uint64_t sequence,
                                          uint64_t records)
{
  struct snapshot_writer *writer = snapshot_writer_open(fixture->world, &fixture->options, sequence,
                                                        &fixture->error);
  assert_non_null(writer);
  uint64_t put = 0;
  bool idle = false;
  bool finished = false;
  while (snapshot_writer_state(writer, &fixture->error) == SNAPSHOT_WRITING) {
    while (put < records && snapshot_writer_room(writer))
      put_record(writer, ++put, &fixture->error);
    if (put == records && !finished) {
      snapshot_writer_finish(writer, sequence + 5, 1000);
      finished = true;
      assert_false(snapshot_writer_room(writer));
    }
    snapshot_writer_step(writer, &idle);
  }
  enum snapshot_state state = snapshot_writer_state(writer, &fixture->error);
  snapshot_writer_step(writer, &idle);
  assert_true(idle);
  snapshot_writer_close(writer);
  return state;
}

/* Reads all; the number of records, UINT64_MAX with error. */
static uint64_t read_snapshot(struct world *world, const struct snapshot_options *options,
                              uint64_t sequence, struct error *error)
{
  struct snapshot_reader *reader = snapshot_reader_open(world, options, sequence, error);
  if (reader == NULL) return UINT64_MAX;
  assert_int_equal(snapshot_reader_info(reader)->sequence, sequence);
  assert_int_equal(snapshot_reader_info(reader)->end_sequence, sequence + 5);
  uint64_t expected = snapshot_reader_info(reader)->records;
  struct snapshot_record record;
  uint64_t count = 0;
  int more;
  while ((more = snapshot_reader_next(reader, &record, error)) == 1) {
    count++;
    assert_int_equal(record.type, count % 9);
    assert_int_equal(record.payload.size, record_size(count));
    for (size_t i = 0; i < record.payload.size; i += 97)
      assert_int_equal(record.payload.data[i], (uint8_t)(count * 7));
  }
  if (more == 0) assert_int_equal(count, expected);
  snapshot_reader_close(reader);
  return more == 0 ? count : UINT64_MAX;
}

struct files {
  int unfinished;
  int whole;
};

static void count_file(void *context, const char *name)
{
  struct files *files = context;
  files->unfinished += strstr(name, ".tmp") != NULL;
  files->whole += strstr(name, ".snap") != NULL;
}

static struct files count_files(struct world *world, const char *directory)
{
  struct files files = {0};
  assert_int_equal(world->operations->dir_list(world, directory, count_file, &files), 0);
  return files;
}

static void test_written_is_read(void **state)
{
  (void)state;
  static const uint64_t counts[] = {0, 1, 2, 49, 50, 51, 700};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    for (int sealed = 0; sealed < 2; sealed++) {
      struct fixture fixture;
      fixture_open(&fixture, i);
      if (sealed) fixture.options.key = key;
      assert_int_equal(write_stepping(&fixture, 0xabc, counts[i]), SNAPSHOT_DONE);
      assert_int_equal(read_snapshot(fixture.world, &fixture.options, 0xabc, &fixture.error),
                       counts[i]);
      world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
      assert_int_equal(read_snapshot(fixture.world, &fixture.options, 0xabc, &fixture.error),
                       counts[i]);
      fixture_close(&fixture);
    }
  }
}

/* At any crash point the name of a whole snapshot means a whole one. */
static void test_every_crash_point(void **state)
{
  (void)state;
  uint64_t seed = random_seed(1);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_snapshot_writer\n",
                seed);
  enum snapshot_state result = SNAPSHOT_FAILED;
  uint64_t points = 0;
  for (uint64_t point = 1; result != SNAPSHOT_DONE; point++, points++) {
    struct fixture fixture;
    fixture_open(&fixture, seed + point);
    assert_int_equal(write_stepping(&fixture, 7, 10), SNAPSHOT_DONE);
    world_sim_crash_after(fixture.sim, point);
    result = write_stepping(&fixture, 8, 300);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_RANDOM);
    struct store_file_list list = {0};
    assert_true(snapshot_list(&list, fixture.world, "/data", &fixture.error));
    assert_true(list.count == 1 || list.count == 2);
    assert_int_equal(list.sequences[0], 7);
    assert_int_equal(read_snapshot(fixture.world, &fixture.options, 7, &fixture.error), 10);
    if (result == SNAPSHOT_DONE) assert_int_equal(list.count, 2);
    if (list.count == 2)
      assert_int_equal(read_snapshot(fixture.world, &fixture.options, 8, &fixture.error), 300);
    assert_true(snapshot_remove_unfinished(fixture.world, "/data", &fixture.error));
    assert_int_equal(count_files(fixture.world, "/data").unfinished, 0);
    store_file_list_free(&list);
    fixture_close(&fixture);
  }
  assert_true(points > 10);
}

static void test_failures_are_reported_and_leave_nothing(void **state)
{
  (void)state;
  static const enum world_sim_operation operations[] = {
      WORLD_SIM_CREATE, WORLD_SIM_WRITE, WORLD_SIM_SYNC, WORLD_SIM_RENAME, WORLD_SIM_DIR_SYNC};
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    enum snapshot_state result = SNAPSHOT_FAILED;
    uint64_t nth = 1;
    for (; result == SNAPSHOT_FAILED; nth++) {
      struct fixture fixture;
      fixture_open(&fixture, nth);
      world_sim_fail(fixture.sim, operations[i], nth, nth % 2 == 0 ? EIO : ENOSPC, false);
      result = write_stepping(&fixture, 0x1f, 300);
      struct files files = count_files(fixture.world, "/data");
      assert_int_equal(files.unfinished, 0);
      assert_int_equal(files.whole, result == SNAPSHOT_DONE);
      if (result == SNAPSHOT_FAILED) {
        assert_int_equal(fixture.error.code, nth % 2 == 0 ? ERROR_IO : ERROR_NO_SPACE);
        assert_string_equal(
            fixture.error.message,
            nth % 2 == 0
                ? "cannot write the snapshot /data/snapshot-000000000000001f.snap: Input/output "
                  "error"
                : "cannot write the snapshot /data/snapshot-000000000000001f.snap: No space left "
                  "on device");
      }
      fixture_close(&fixture);
    }
    assert_true(nth > 2);
  }
}

static void test_giving_up_removes_the_file(void **state)
{
  (void)state;
  for (int steps = 0; steps < 30; steps++) {
    struct fixture fixture;
    fixture_open(&fixture, 1);
    struct snapshot_writer *writer = snapshot_writer_open(fixture.world, &fixture.options, 3,
                                                          &fixture.error);
    bool idle;
    uint64_t put = 0;
    for (int i = 0; i < steps; i++) {
      while (put < 100 && snapshot_writer_room(writer)) put_record(writer, ++put, &fixture.error);
      snapshot_writer_step(writer, &idle);
    }
    snapshot_writer_close(writer);
    struct files files = count_files(fixture.world, "/data");
    assert_int_equal(files.unfinished + files.whole, 0);
    fixture_close(&fixture);
  }
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, 1);
  struct memory *memory = &fixture.world->memory;
  uint64_t nth = 1;
  for (bool hit = true; hit; nth++) {
    uint64_t failing = memory->calls + nth;
    memory->fail_at = failing;
    struct snapshot_writer *writer = snapshot_writer_open(fixture.world, &fixture.options, 3,
                                                          &fixture.error);
    if (writer != NULL) {
      size_t size = 900000;
      uint8_t *payload = snapshot_writer_put(writer, 1, size, &fixture.error);
      if (payload == NULL) payload = snapshot_writer_put(writer, 1, size, &fixture.error);
      assert_non_null(payload);
      memset(payload, 1, size);
    } else {
      assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    }
    snapshot_writer_close(writer);
    assert_int_equal(memory->in_use, 0);
    hit = memory->calls >= failing;
    memory->fail_at = 0;
  }
  assert_int_equal(nth, 6);
  fixture_close(&fixture);
}

/* With a thread and real files; the engine only fills and polls. */
static void test_with_a_thread(void **state)
{
  (void)state;
  char directory[] = "/tmp/tacos-snapshot-XXXXXX";
  assert_non_null(mkdtemp(directory));
  struct world_linux linux_world;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  struct error error;
  struct snapshot_options options = {
      .directory = directory, .threads = true, .bytes_per_second = 400000000};
  for (uint64_t run = 0; run < 3; run++) {
    struct snapshot_writer *writer = snapshot_writer_open(world, &options, run, &error);
    assert_non_null(writer);
    uint64_t put = 0;
    while (put < 1000) {
      if (snapshot_writer_room(writer))
        put_record(writer, ++put, &error);
      else
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
      if (run == 2 && put == 500) break;
    }
    if (run < 2) {
      snapshot_writer_finish(writer, run + 5, 1000);
      while (snapshot_writer_state(writer, &error) == SNAPSHOT_WRITING)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
      assert_int_equal(snapshot_writer_state(writer, &error), SNAPSHOT_DONE);
      assert_true(snapshot_writer_bytes(writer) > 10000000);
    }
    snapshot_writer_close(writer);
  }
  assert_int_equal(read_snapshot(world, &options, 1, &error), 1000);
  assert_int_equal(count_files(world, directory).whole, 2);
  assert_int_equal(count_files(world, directory).unfinished, 0);
  assert_true(snapshot_remove(world, directory, 0, &error));
  assert_true(snapshot_remove(world, directory, 1, &error));
  assert_int_equal(rmdir(directory), 0);
  assert_int_equal(world->memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_written_is_read),
      cmocka_unit_test(test_every_crash_point),
      cmocka_unit_test(test_failures_are_reported_and_leave_nothing),
      cmocka_unit_test(test_giving_up_removes_the_file),
      cmocka_unit_test(test_every_allocation_may_fail),
      cmocka_unit_test(test_with_a_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
