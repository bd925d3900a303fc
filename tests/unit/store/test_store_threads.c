/* The store with its threads on real files under load: made for ThreadSanitizer. */
#include "base/world_linux.h"
#include "store/backup.h"
#include "unit/store/durability_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A Linux world behind the durability fixture's helpers; `test.sim` is not there. */
struct fixture {
  struct durability test;
  struct world_linux linux_world;
  char directory[64];
  _Atomic uint64_t notified;
};

static void count_notification(void *context)
{
  struct fixture *fixture = context;
  atomic_fetch_add(&fixture->notified, 1);
}

static void fixture_begin(struct fixture *fixture, uint64_t seed)
{
  *fixture = (struct fixture){.directory = "/tmp/tacos-store-XXXXXX"};
  assert_non_null(mkdtemp(fixture->directory));
  world_linux_init(&fixture->linux_world);
  struct durability *test = &fixture->test;
  test->world = &fixture->linux_world.world;
  random_init(&test->random, random_seed(seed));
  arena_init(&test->arena, &test->world->memory);
  test->options = (struct store_options){
      .directory = fixture->directory,
      .segment_bytes = 1 << 20,
      .region_bytes = 256 << 10,
      .threads = true,
      .notify = count_notification,
      .notify_context = fixture,
  };
}

struct removing {
  const char *directory;
  char paths[64][STORE_FILE_PATH_BYTES];
  int count;
};

static void collect_name(void *context, const char *name)
{
  struct removing *removing = context;
  if (name[0] == '.') return;
  assert_true(removing->count < 64);
  store_file_path(removing->paths[removing->count++], removing->directory, name);
}

static void remove_directory(struct world *world, const char *directory)
{
  struct removing removing = {.directory = directory};
  assert_int_equal(world->operations->dir_list(world, directory, collect_name, &removing), 0);
  for (int i = 0; i < removing.count; i++) {
    assert_null(strstr(removing.paths[i], ".tmp"));
    assert_int_equal(unlink(removing.paths[i]), 0);
  }
  assert_int_equal(rmdir(directory), 0);
}

static void fixture_end(struct fixture *fixture)
{
  arena_free(&fixture->test.arena);
  assert_int_equal(fixture->test.world->memory.in_use, 0);
  remove_directory(fixture->test.world, fixture->directory);
}

/* The next change of the table's items; the store takes it sooner or later. */
static void set_random(struct durability *test, struct table *table, struct durability_state *state)
{
  uint32_t key = (uint32_t)random_below(&test->random, DURABILITY_KEYS);
  int64_t value = (int64_t)random_below(&test->random, 1000);
  while (durability_try_set(test, table, key, value) != STORE_OK) {
    assert_int_equal(test->error.code, ERROR_LIMIT);
    (void)store_tick(test->store);
  }
  state->values[key] = value;
}

/* Reads what the stream has now into a copy of the table. */
static void follow(struct durability *test, struct stream *stream, struct durability_state *copy)
{
  struct stream_record record;
  int status;
  while ((status = store_stream_next(stream, &record, &test->error)) == 1) {
    struct bytes name = value_bytes(value_attribute(record.keys, BYTES("k")));
    char text[32];
    int64_t value = 0;
    snprintf(text, sizeof text, "%.*s", BYTES_FORMAT(name));
    if (record.event != STREAM_REMOVE)
      assert_true(value_integer(value_attribute(record.new_image, BYTES("v")), &value));
    copy->values[strtoul(text + strlen("key-"), NULL, 10)] = value;
    assert_true(record.sequence <= store_durable(test->store));
  }
  assert_int_equal(status, 0);
}

static struct table *make_table(struct durability *test)
{
  struct table *table = durability_table(test, "items", true);
  struct table_settings settings = {.stream = STREAM_NEW_IMAGE};
  assert_int_equal(store_table_update(test->store, table, &settings, &test->error), STORE_OK);
  return table;
}

/* Writes, ticks, snapshots and a stream, and a close with all of it under way. */
static void test_everything_at_once(void **state)
{
  (void)state;
  struct fixture fixture;
  struct durability *test = &fixture.test;
  struct durability_state now = {0};
  struct durability_state copy = {0};
  fixture_begin(&fixture, 1);
  uint64_t snapshots = 0;
  for (int run = 0; run < 3; run++) {
    test->padding = 100;
    durability_open(test);
    struct table *table = run == 0 ? make_table(test) : durability_find(test, "items");
    struct stream *stream = store_stream_open(test->store, table, 0, &test->error);
    assert_non_null(stream);
    for (int turn = 0; turn < 300; turn++) {
      for (uint64_t i = random_below(&test->random, 20); i > 0; i--) set_random(test, table, &now);
      if (turn % 60 == 10)
        assert_int_equal(store_snapshot_begin(test->store, &test->error), STORE_OK);
      (void)store_tick(test->store);
      if (turn % 16 == 0) follow(test, stream, &copy);
      if (turn % 100 == 99) durability_sync(test);
      /* A large item now and then, so that snapshots and segments have several frames. */
      test->padding = random_below(&test->random, 50) == 0 ? 60000 : 100;
    }
    durability_sync(test);
    assert_int_equal(store_durable(test->store), store_appended(test->store));
    follow(test, stream, &copy);
    assert_memory_equal(&copy, &now, sizeof now);
    store_stream_close(stream);
    snapshots += test->store->statistics.snapshots;
    /* Under way at the close: a snapshot and unsynced writes. */
    assert_int_equal(store_snapshot_begin(test->store, &test->error), STORE_OK);
    for (int i = 0; i < 50; i++) set_random(test, table, &now);
    (void)store_tick(test->store);
    durability_close(test);
    memset(&copy, 0, sizeof copy);
  }
  assert_true(snapshots >= 3);
  assert_true(atomic_load(&fixture.notified) > 10);
  durability_open(test);
  durability_assert_state(test, durability_find(test, "items"), &now);
  durability_close(test);
  fixture_end(&fixture);
}

/* ---- a backup from another thread, as another process would make it ---- */

struct copier {
  const char *source;
  char target[96];
  struct world_linux linux_world;
  struct backup_result result;
  struct error error;
  bool done;
  _Atomic bool finished;
};

static void *run_copier(void *context)
{
  struct copier *copier = context;
  world_linux_init(&copier->linux_world);
  struct backup_options options = {
      .source = copier->source, .target = copier->target, .segment_bytes = 1 << 20};
  copier->done = true;
  for (int i = 0; i < 4 && copier->done; i++)
    copier->done = backup_run(&copier->linux_world.world, &options, &copier->result,
                              &copier->error);
  assert_int_equal(copier->linux_world.world.memory.in_use, 0);
  atomic_store(&copier->finished, true);
  return NULL;
}

static void test_backup_and_restore_while_writing(void **state)
{
  (void)state;
  struct fixture fixture;
  struct copier copier = {0};
  struct durability *test = &fixture.test;
  struct durability_state now = {0};
  pthread_t thread;
  fixture_begin(&fixture, 2);
  test->padding = 100;
  durability_open(test);
  struct table *table = durability_table(test, "items", false);
  for (int i = 0; i < 500; i++) set_random(test, table, &now);
  durability_sync(test);
  struct durability_state then = now;
  uint64_t acknowledged = store_durable(test->store);
  struct timespec pause = {.tv_nsec = 3000000};
  nanosleep(&pause, NULL);
  int64_t at_ms = store_now_ms(test->store) - 1;
  nanosleep(&pause, NULL);
  copier.source = fixture.directory;
  snprintf(copier.target, sizeof copier.target, "%s-copy", fixture.directory);
  struct table *restored = durability_restore(test, "items", at_ms, "restored");
  assert_int_equal(pthread_create(&thread, NULL, run_copier, &copier), 0);
  while (!atomic_load(&copier.finished) || store_restore_busy(test->store)) {
    for (int i = 0; i < 5; i++) set_random(test, table, &now);
    if (random_below(&test->random, 30) == 0) (void)store_snapshot_begin(test->store, &test->error);
    (void)store_tick(test->store);
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
  }
  assert_int_equal(pthread_join(thread, NULL), 0);
  if (!copier.done) fail_msg("backup_run: %s", copier.error.message);
  assert_true(copier.result.last_sequence >= acknowledged);
  assert_true(copier.result.last_sequence <= store_appended(test->store));
  durability_assert_state(test, restored, &then);
  durability_assert_state(test, table, &now);
  durability_close(test);
  remove_directory(test->world, copier.target);
  fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_everything_at_once),
      cmocka_unit_test(test_backup_and_restore_while_writing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
