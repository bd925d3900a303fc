/* Opening and closing a store: what is refused and how, and that every failure leaves nothing. */
#include "base/hash.h"
#include "unit/store/durability_fixture.h"

static const uint8_t key_one[LOG_KEY_BYTES] = "one key of thirty-two bytes, aes";
static const uint8_t key_two[LOG_KEY_BYTES] = "another key, of thirty-two bytes";

static void assert_refused(struct durability *test, enum error_code code, const char *text)
{
  assert_false(durability_try_open(test));
  if (test->error.code != code || strstr(test->error.message, text) == NULL)
    fail_msg("%s: %s, not %s with '%s'", error_code_name(test->error.code), test->error.message,
             error_code_name(code), text);
  assert_int_equal(test->world->memory.in_use, 0);
}

/* A store with 20 items in one segment per run. */
static void make_store(struct durability *test, struct durability_state *state)
{
  durability_open(test);
  struct table *table = durability_table(test, "items", true);
  for (int i = 0; i < 20; i++) durability_set_random(test, table, state);
  durability_close(test);
}

static void test_new_store_and_again(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  durability_begin(&test, 1);
  make_store(&test, &values);
  durability_open(&test);
  assert_string_equal(test.reports, "");
  durability_assert_state(&test, durability_find(&test, "items"), &values);
  struct store_statistics statistics;
  store_statistics(test.store, &statistics);
  assert_int_equal(statistics.replayed_records, test.sequence);
  assert_int_equal(statistics.snapshot_items, 0);
  assert_int_equal(store_appended(test.store), test.sequence);
  assert_int_equal(store_durable(test.store), test.sequence);
  durability_end(&test);
}

static void test_directories(void **state)
{
  (void)state;
  struct durability test;
  char longer[STORE_FILE_PATH_BYTES + 10];
  durability_begin(&test, 1);
  test.options.directory = "/no/such/parent";
  assert_refused(&test, ERROR_IO, "/no/such/parent");
  test.options.directory = "/data";
  world_sim_fail(test.sim, WORLD_SIM_DIR_MAKE, 1, EACCES, false);
  assert_refused(&test, ERROR_IO, "cannot make the directory '/data'");
  world_sim_fail(test.sim, WORLD_SIM_CREATE, 1, EACCES, false);
  assert_refused(&test, ERROR_IO, "/data/lock");
  world_sim_fail(test.sim, WORLD_SIM_ALLOCATE, 1, ENOSPC, false);
  assert_refused(&test, ERROR_NO_SPACE, "no space for the log");
  memset(longer, 'x', sizeof longer);
  longer[0] = '/';
  longer[sizeof longer - 1] = 0;
  test.options.directory = longer;
  assert_refused(&test, ERROR_INVALID, "");
  test.options.directory = "/data";
  durability_open(&test);
  durability_end(&test);
}

static void test_locked_by_another(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 1);
  durability_open(&test);
  struct error error;
  size_t in_use = test.world->memory.in_use;
  assert_null(store_open(test.world, &test.options, &error));
  assert_int_equal(error.code, ERROR_LOCKED);
  assert_string_equal(error.message,
                      "the directory '/data' is in use by another process: stop that "
                      "one first, or name another directory");
  assert_int_equal(test.world->memory.in_use, in_use);
  durability_close(&test);
  durability_open(&test);
  durability_end(&test);
}

static void remove_files(struct durability *test, const char *text)
{
  const struct world_operations *operations = test->world->operations;
  for (uint64_t sequence = 0; sequence < 2000; sequence++) {
    char path[64];
    snprintf(path, sizeof path, "/data/%s%016" PRIx64 "%s", text, sequence,
             strcmp(text, "log-") == 0 ? ".seg" : ".snap");
    (void)operations->file_remove(test->world, path);
  }
  assert_int_equal(operations->dir_sync(test->world, "/data"), 0);
}

static void test_files_without_identity(void **state)
{
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    struct durability test;
    struct durability_state values = {0};
    durability_begin(&test, 1);
    make_store(&test, &values);
    durability_open(&test);
    durability_snapshot(&test);
    durability_close(&test);
    remove_files(&test, kind == 0 ? "snapshot-" : "log-");
    assert_int_equal(test.world->operations->file_remove(test.world, "/data/identity"), 0);
    assert_refused(&test, ERROR_CORRUPT, "no file 'identity'");
    durability_end(&test);
  }
}

static void test_keys(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  durability_begin(&test, 1);
  /* A plain store gets a key later, and its old files stay readable. */
  make_store(&test, &values);
  test.options.key = key_one;
  durability_open(&test);
  durability_set_random(&test, durability_find(&test, "items"), &values);
  durability_snapshot(&test);
  durability_set_random(&test, durability_find(&test, "items"), &values);
  durability_close(&test);
  test.options.key = NULL;
  assert_refused(&test, ERROR_KEY, "/data/");
  test.options.key = key_two;
  assert_refused(&test, ERROR_KEY, "/data/");
  remove_files(&test, "snapshot-");
  assert_refused(&test, ERROR_KEY, "/data/log-");
  test.options.key = key_one;
  durability_open(&test);
  durability_assert_state(&test, durability_find(&test, "items"), &values);
  durability_end(&test);
}

static void test_hole_is_refused_with_file_and_offset(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  durability_begin(&test, 1);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", false);
  for (int i = 0; i < 20; i++) {
    durability_set_random(&test, table, &values);
    durability_sync(&test);
  }
  durability_close(&test);
  durability_damage(&test, "log-", 0, STORE_FILE_BLOCK_BYTES + 100);
  assert_refused(&test, ERROR_CORRUPT, "/data/log-0000000000000001.seg at offset 4096");
  durability_damage(&test, "log-", 0, STORE_FILE_BLOCK_BYTES + 100);
  durability_open(&test);
  durability_assert_state(&test, durability_find(&test, "items"), &values);
  durability_end(&test);
}

static void test_torn_tail_is_cut(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    struct durability test;
    struct durability_state durable = {0};
    durability_begin(&test, 40 + seed);
    durability_open(&test);
    struct table *table = durability_table(&test, "items", false);
    for (int i = 0; i < 10; i++) durability_set_random(&test, table, &durable);
    durability_sync(&test);
    struct durability_state last = durable;
    test.padding = 3000;
    durability_set(&test, table, 1, 77);
    last.values[1] = 77;
    store_flush(test.store);
    bool idle;
    assert_true(store_step(test.store, &idle, &test.error));
    durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    durability_open(&test);
    table = durability_find(&test, "items");
    assert_true(durability_has_state(&test, table, &durable) ||
                durability_has_state(&test, table, &last));
    durability_end(&test);
  }
}

/* Writes a header as a newer build would, checksum included. */
static void make_newer(struct durability *test, const char *path,
                       const struct store_file_kind *kind, uint64_t sequence)
{
  const struct world_operations *operations = test->world->operations;
  struct store_file_kind newer = *kind;
  struct store_file_header header;
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  newer.version++;
  int file = operations->file_open(test->world, path, WORLD_OPEN_WRITE);
  assert_true(file >= 0);
  assert_true(
      store_file_header_read(test->world, file, kind, sequence, path, &header, &test->error));
  store_file_header_encode(&newer, &header, block);
  assert_int_equal(operations->file_write(test->world, file, block, sizeof block, 0), 0);
  assert_int_equal(operations->file_sync(test->world, file), 0);
  assert_int_equal(operations->file_close(test->world, file), 0);
}

static void test_newer_versions_are_refused(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  struct store_file_kind identity = {.magic = "TACOSIDT", .version = 1, .what = "store identity"};
  durability_begin(&test, 1);
  make_store(&test, &values);
  make_newer(&test, "/data/log-0000000000000001.seg", &log_segment_kind, 1);
  assert_refused(&test, ERROR_UNSUPPORTED, "/data/log-0000000000000001.seg");
  make_newer(&test, "/data/identity", &identity, 0);
  assert_refused(&test, ERROR_UNSUPPORTED, "/data/identity");
  durability_end(&test);
}

/* ---- a log that does not fit its snapshots ---- */

/* Ten runs of one segment each, a snapshot at the end of the fifth and the tenth. */
static void make_runs(struct durability *test, struct durability_state *state)
{
  for (int run = 1; run <= 10; run++) {
    durability_open(test);
    struct table *table = run == 1 ? durability_table(test, "items", true)
                                   : durability_find(test, "items");
    for (int i = 0; i < 10; i++) durability_set_random(test, table, state);
    durability_sync(test);
    if (run % 5 == 0) durability_snapshot(test);
    durability_close(test);
  }
  assert_int_equal(durability_count_files(test, "/data", ".snap"), 2);
}

static void test_log_that_ends_before_the_snapshot(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  durability_begin(&test, 3);
  make_runs(&test, &values);
  remove_files(&test, "log-");
  assert_refused(&test, ERROR_CORRUPT, "restore from a backup");
  /* Also when the snapshots are damaged: an empty store would be a lie. */
  durability_damage(&test, ".snap", 0, STORE_FILE_BLOCK_BYTES + 20);
  durability_damage(&test, ".snap", 1, STORE_FILE_BLOCK_BYTES + 20);
  assert_refused(&test, ERROR_CORRUPT, "restore from a backup");
  assert_non_null(strstr(test.reports, "trying an older snapshot"));
  durability_end(&test);
}

static void test_log_that_begins_after_the_snapshot(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  durability_begin(&test, 3);
  make_runs(&test, &values);
  assert_int_equal(
      test.world->operations->file_remove(test.world, "/data/log-0000000000000001.seg"), 0);
  /* The newest snapshot does not need it ... */
  durability_open(&test);
  durability_assert_state(&test, durability_find(&test, "items"), &values);
  durability_close(&test);
  /* ... but without any snapshot there is nothing to begin with. */
  durability_damage(&test, ".snap", 0, STORE_FILE_BLOCK_BYTES + 20);
  durability_damage(&test, ".snap", 1, STORE_FILE_BLOCK_BYTES + 20);
  assert_refused(&test, ERROR_CORRUPT, "does not reach back to sequence 1: restore from a backup");
  durability_end(&test);
}

/* ---- failures one by one ---- */

static void prepare(struct durability *test, bool existing, struct durability_state *state)
{
  if (!existing) return;
  durability_open(test);
  struct table *table = durability_table(test, "items", true);
  for (int i = 0; i < 30; i++) durability_set_random(test, table, state);
  durability_snapshot(test);
  for (int i = 0; i < 30; i++) durability_set_random(test, table, state);
  durability_close(test);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  for (int existing = 0; existing < 2; existing++) {
    struct durability test;
    struct durability_state values = {0};
    durability_begin(&test, 4);
    prepare(&test, existing, &values);
    assert_int_equal(test.world->memory.in_use, 0);
    uint64_t failures = 0;
    for (uint64_t nth = 1;; nth++) {
      test.world->memory.fail_at = test.world->memory.calls + nth;
      bool opened = durability_try_open(&test);
      bool hit = test.world->memory.calls >= test.world->memory.fail_at;
      test.world->memory.fail_at = 0;
      if (!opened) {
        assert_true(hit);
        assert_int_equal(test.error.code, ERROR_NO_MEMORY);
        assert_int_equal(test.world->memory.in_use, 0);
        failures++;
        continue;
      }
      if (existing) durability_assert_state(&test, durability_find(&test, "items"), &values);
      durability_close(&test);
      if (!hit) break;
    }
    assert_true(failures > 8);
    durability_end(&test);
  }
}

static void test_every_file_operation_may_fail(void **state)
{
  (void)state;
  for (int existing = 0; existing < 2; existing++) {
    for (int operation = 0; operation < WORLD_SIM_OPERATIONS; operation++) {
      struct durability test;
      struct durability_state values = {0};
      durability_begin(&test, 5);
      prepare(&test, existing, &values);
      for (uint64_t nth = 1; nth < 100; nth++) {
        world_sim_fail(test.sim, (enum world_sim_operation)operation, nth, EIO, false);
        bool opened = durability_try_open(&test);
        if (!opened) {
          assert_true(test.error.code == ERROR_IO);
          assert_true(strstr(test.error.message, "/data") != NULL);
          assert_int_equal(test.world->memory.in_use, 0);
          continue;
        }
        world_sim_fail(test.sim, (enum world_sim_operation)operation, 0, 0, false);
        if (existing) durability_assert_state(&test, durability_find(&test, "items"), &values);
        durability_close(&test);
        if (nth > 40) break;
      }
      durability_end(&test);
    }
  }
}

static void test_every_crash_during_open(void **state)
{
  (void)state;
  for (int existing = 0; existing < 2; existing++) {
    struct durability test;
    struct durability_state values = {0};
    durability_begin(&test, 6);
    prepare(&test, existing, &values);
    bool dead = true;
    for (uint64_t nth = 1; dead; nth++) {
      world_sim_crash_after(test.sim, nth);
      bool opened = durability_try_open(&test);
      dead = world_sim_is_dead(test.sim);
      if (!opened) assert_int_equal(test.world->memory.in_use, 0);
      durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    }
    durability_open(&test);
    if (existing) durability_assert_state(&test, durability_find(&test, "items"), &values);
    durability_end(&test);
  }
}

/* Names come in no particular order: their sum. */
static void add_name(void *context, const char *name)
{
  *(uint64_t *)context += hash_bytes(bytes_of_text(name), 1);
}

static uint64_t sum_names(struct durability *test)
{
  uint64_t sum = 0;
  assert_int_equal(test->world->operations->dir_list(test->world, "/data", add_name, &sum), 0);
  return sum;
}

/* Opens read-only beside the store that is open, or after it; nothing in the directory changes. */
static void expect_reading(struct durability *test, const struct durability_state *values)
{
  uint64_t before = sum_names(test);
  struct store *own = test->store;
  struct store_options options = test->options;
  options.read_only = true;
  test->store = store_open(test->world, &options, &test->error);
  if (test->store == NULL) fail_msg("%s", test->error.message);
  durability_assert_state(test, durability_find(test, "items"), values);
  assert_int_equal(store_appended(test->store), test->sequence);
  assert_int_equal(store_durable(test->store), test->sequence);
  assert_true(store_close(test->store, &test->error));
  test->store = own;
  assert_int_equal(sum_names(test), before);
}

static void test_read_only(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state values = {0};
  durability_begin(&test, 7);
  test.options.read_only = true;
  assert_refused(&test, ERROR_NOT_FOUND, "/data");
  test.options.read_only = false;
  make_store(&test, &values);
  expect_reading(&test, &values);
  durability_open(&test);
  struct table *table = durability_find(&test, "items");
  durability_snapshot(&test);
  for (int i = 0; i < 20; i++) durability_set_random(&test, table, &values);
  durability_sync(&test);
  expect_reading(&test, &values);
  /* Beside a snapshot that is being written: its file stays. */
  assert_int_equal(store_snapshot_begin(test.store, &test.error), STORE_OK);
  durability_turn(&test);
  expect_reading(&test, &values);
  durability_work(&test);
  expect_reading(&test, &values);
  durability_close(&test);
  for (uint64_t n = 1, done = 0; !done; n++) {
    struct store_options options = test.options;
    struct store *store;
    options.read_only = true;
    test.world->memory.fail_at = test.world->memory.calls + n;
    store = store_open(test.world, &options, &test.error);
    done = store != NULL;
    if (done) assert_true(store_close(store, &test.error));
    assert_int_equal(test.world->memory.in_use, 0);
  }
  test.world->memory.fail_at = 0;
  durability_end(&test);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_new_store_and_again),
      cmocka_unit_test(test_directories),
      cmocka_unit_test(test_locked_by_another),
      cmocka_unit_test(test_files_without_identity),
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_hole_is_refused_with_file_and_offset),
      cmocka_unit_test(test_torn_tail_is_cut),
      cmocka_unit_test(test_newer_versions_are_refused),
      cmocka_unit_test(test_log_that_ends_before_the_snapshot),
      cmocka_unit_test(test_log_that_begins_after_the_snapshot),
      cmocka_unit_test(test_read_only),
      cmocka_unit_test(test_every_allocation_may_fail),
      cmocka_unit_test(test_every_file_operation_may_fail),
      cmocka_unit_test(test_every_crash_during_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
