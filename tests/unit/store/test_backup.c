/* Backups of a store at work, and new stores made from them. */
#include "store/backup.h"

#include "base/instant.h"

#include "unit/store/durability_fixture.h"

static const uint8_t key_one[LOG_KEY_BYTES] = "one key of thirty-two bytes, aes";
static const uint8_t key_two[LOG_KEY_BYTES] = "another key, of thirty-two bytes";

static struct backup_options options_of(const struct durability *test, const char *source,
                                        const char *target)
{
  return (struct backup_options){
      .source = source,
      .target = target,
      .key = test->options.key,
      .at_ms = INT64_MAX,
      .segment_bytes = LOG_SEGMENT_BYTES_MIN,
  };
}

static struct backup_result run_backup(struct durability *test, const char *target)
{
  struct backup_options options = options_of(test, "/data", target);
  struct backup_result result;
  if (!backup_run(test->world, &options, &result, &test->error))
    fail_msg("backup_run: %s", test->error.message);
  return result;
}

static struct backup_result run_restore(struct durability *test, const char *source,
                                        const char *target, int64_t at_ms)
{
  struct backup_options options = options_of(test, source, target);
  struct backup_result result;
  options.at_ms = at_ms;
  if (!backup_restore(test->world, &options, &result, &test->error))
    fail_msg("backup_restore: %s", test->error.message);
  return result;
}

static void assert_refused(struct durability *test, enum error_code code, const char *text)
{
  if (test->error.code != code || strstr(test->error.message, text) == NULL)
    fail_msg("%s: %s, not %s with '%s'", error_code_name(test->error.code), test->error.message,
             error_code_name(code), text);
}

static void refuse_backup(struct durability *test, const char *source, const char *target,
                          enum error_code code, const char *text)
{
  struct backup_options options = options_of(test, source, target);
  struct backup_result result;
  size_t in_use = test->world->memory.in_use;
  assert_false(backup_run(test->world, &options, &result, &test->error));
  assert_refused(test, code, text);
  assert_int_equal(test->world->memory.in_use, in_use);
}

static void refuse_restore(struct durability *test, const char *source, const char *target,
                           int64_t at_ms, enum error_code code, const char *text)
{
  struct backup_options options = options_of(test, source, target);
  struct backup_result result;
  options.at_ms = at_ms;
  assert_false(backup_restore(test->world, &options, &result, &test->error));
  assert_refused(test, code, text);
}

/* The store in `directory` opens, holds this state, and takes a write. */
static void check_store(struct durability *test, const char *directory,
                        const struct durability_state *state)
{
  struct durability other = {.sim = test->sim, .world = test->world, .options = test->options};
  other.options.directory = directory;
  other.options.report_context = &other;
  arena_init(&other.arena, &test->world->memory);
  durability_open(&other);
  struct table *table = store_table(other.store, BYTES("items"));
  if (table != NULL) {
    durability_assert_state(&other, table, state);
    durability_set(&other, table, 1, 4711);
  }
  struct durability_state none = {0};
  if (table == NULL) assert_memory_equal(state, &none, sizeof none);
  durability_close(&other);
}

static void begin(struct durability *test, uint64_t seed)
{
  durability_begin(test, seed);
  durability_open(test);
  (void)durability_table(test, "items", true);
}

static void change(struct durability *test, struct durability_history *history, int count)
{
  for (int i = 0; i < count; i++) {
    durability_change(test, durability_find(test, "items"), history);
    if (random_below(&test->random, 3) == 0) durability_turn(test);
    if (random_below(&test->random, 3) == 0) world_sim_advance_ms(test->sim, 1);
  }
}

/* ---- a store at work ---- */

static void restore_and_check(struct durability *test, const struct durability_history *history,
                              int number, uint64_t last_sequence)
{
  char target[32];
  snprintf(target, sizeof target, "/restored-%d", number);
  struct durability_state state = durability_state_at(history, last_sequence);
  struct backup_result result = run_restore(test, "/backup", target, INT64_MAX);
  assert_int_equal(result.last_sequence, last_sequence);
  check_store(test, target, &state);
}

static void back_up_at_work(uint64_t seed)
{
  struct durability test;
  static struct durability_history history;
  history.count = 0;
  durability_begin(&test, seed);
  test.padding = 600;
  if (seed % 3 == 0) test.options.key = key_one;
  durability_open(&test);
  (void)durability_table(&test, "items", true);
  uint64_t last_sequence = 0;
  uint64_t records = 0;
  for (int round = 0; round < 6; round++) {
    change(&test, &history, (int)random_below(&test.random, 60));
    if (random_coin(&test.random)) (void)store_snapshot_begin(test.store, &test.error);
    if (random_below(&test.random, 3) == 0) durability_snapshot(&test);
    uint64_t acknowledged = store_durable(test.store);
    struct backup_result result = run_backup(&test, "/backup");
    assert_true(result.last_sequence >= acknowledged);
    assert_true(result.last_sequence <= store_appended(test.store));
    assert_int_equal(result.records, result.last_sequence - last_sequence);
    last_sequence = result.last_sequence;
    records += result.records;
    if (round % 2 == 1) restore_and_check(&test, &history, round, last_sequence);
  }
  assert_int_equal(records, last_sequence);
  for (int i = 0; i < 4 && history.count > 0; i++) {
    char target[32];
    snprintf(target, sizeof target, "/moment-%d", i);
    int64_t from_ms = test.store->identity.created_ms;
    int64_t at_ms = (int64_t)random_between(&test.random, (uint64_t)from_ms,
                                            (uint64_t)store_now_ms(test.store));
    struct durability_state state = durability_state_at_ms(&history, at_ms);
    durability_sync(&test);
    (void)run_restore(&test, i % 2 == 0 ? "/backup" : "/data", target, at_ms);
    if (i % 2 == 1) check_store(&test, target, &state);
  }
  durability_end(&test);
}

static void test_store_at_work(void **state)
{
  durability_each_seed(*state, 3000, 15, back_up_at_work);
}

static void test_moments(void **state)
{
  (void)state;
  struct durability test;
  static struct durability_history history;
  history.count = 0;
  begin(&test, 2);
  int64_t created_ms = test.store->identity.created_ms;
  for (int day = 0; day < 5; day++) {
    change(&test, &history, 30);
    durability_snapshot(&test);
    world_sim_advance_ms(test.sim, 86400000);
  }
  durability_sync(&test);
  (void)run_backup(&test, "/backup");
  for (int i = 0; i < 20; i++) {
    char target[32];
    snprintf(target, sizeof target, "/moment-%d", i);
    uint32_t which = (uint32_t)random_below(&test.random, history.count);
    int64_t at_ms = history.changes[which].time_ms - i % 2;
    struct durability_state then = durability_state_at_ms(&history, at_ms);
    struct backup_result result = run_restore(&test, "/backup", target, at_ms);
    assert_true(result.last_ms <= at_ms);
    check_store(&test, target, &then);
  }
  char text[INSTANT_TEXT_BYTES];
  instant_format(created_ms, text);
  char message[128];
  snprintf(message, sizeof message, "'/backup' reaches back to %.*s only: choose that time",
           (int)sizeof text, text);
  refuse_restore(&test, "/backup", "/early", created_ms - 1, ERROR_NOT_FOUND, message);
  durability_end(&test);
}

/* ---- stores that begin with a snapshot ---- */

static void test_store_without_old_log(void **state)
{
  (void)state;
  struct durability test;
  static struct durability_history history;
  history.count = 0;
  durability_begin(&test, 3);
  test.options.history_ms = 86400000;
  test.padding = 2000;
  durability_open(&test);
  (void)durability_table(&test, "items", true);
  for (int part = 0; part < 8; part++) {
    change(&test, &history, 60);
    durability_snapshot(&test);
    world_sim_advance_ms(test.sim, 2 * 86400000);
  }
  durability_sync(&test);
  assert_true(test.store->checkpoint.earliest_ms > test.store->identity.created_ms);
  struct backup_result first = run_backup(&test, "/backup");
  assert_int_equal(first.last_sequence, store_appended(test.store));
  restore_and_check(&test, &history, 1, first.last_sequence);
  /* Nothing new: the log of a copy of the copy has no record at all behind its snapshot. */
  int64_t now_ms = store_now_ms(test.store);
  (void)run_restore(&test, "/backup", "/restored-2", now_ms);
  durability_close(&test);
  test.options.directory = "/restored-2";
  durability_open(&test);
  uint64_t appended = store_appended(test.store);
  assert_int_equal(appended, first.last_sequence);
  durability_snapshot(&test);
  durability_close(&test);
  struct backup_result result = run_restore(&test, "/restored-2", "/restored-3", now_ms);
  assert_int_equal(result.snapshots, 1);
  assert_int_equal(result.records, 0);
  assert_int_equal(result.last_sequence, appended);
  assert_int_equal(result.last_ms, history.changes[history.count - 1].time_ms);
  struct durability_state now = durability_state_at(&history, appended);
  check_store(&test, "/restored-3", &now);
  refuse_restore(&test, "/backup", "/early", first.last_ms - 4 * (int64_t)86400000, ERROR_NOT_FOUND,
                 "'/backup' reaches back to ");
  durability_end(&test);
}

static void test_damaged_snapshot_is_passed_over(void **state)
{
  (void)state;
  struct durability test;
  static struct durability_history history;
  history.count = 0;
  begin(&test, 4);
  for (int part = 0; part < 3; part++) {
    change(&test, &history, 60);
    durability_snapshot(&test);
  }
  durability_sync(&test);
  struct backup_result result = run_backup(&test, "/backup");
  assert_int_equal(result.snapshots, 3);
  durability_damage(&test, "/backup/snapshot-", 2, STORE_FILE_BLOCK_BYTES + 300);
  durability_damage(&test, "/backup/snapshot-", 1, 12);
  restore_and_check(&test, &history, 1, result.last_sequence);
  durability_damage(&test, "/backup/snapshot-", 0, STORE_FILE_BLOCK_BYTES + 300);
  restore_and_check(&test, &history, 2, result.last_sequence);
  durability_end(&test);
}

/* ---- interruptions ---- */

static void test_interrupted_anywhere(void **state)
{
  (void)state;
  static struct durability_history history;
  bool dead = true;
  for (uint64_t nth = 1; dead; nth++) {
    struct durability test;
    history.count = 0;
    begin(&test, 500 + nth);
    test.padding = 1500;
    change(&test, &history, 40);
    durability_snapshot(&test);
    durability_sync(&test);
    bool first = nth % 2 == 0;
    uint64_t before = first ? 0 : run_backup(&test, "/backup").last_sequence;
    change(&test, &history, 60);
    durability_snapshot(&test);
    change(&test, &history, 10);
    durability_close(&test);
    world_sim_crash_after(test.sim, nth);
    struct backup_options options = options_of(&test, "/data", "/backup");
    struct backup_result result;
    bool done = backup_run(test.world, &options, &result, &test.error);
    dead = world_sim_is_dead(test.sim);
    assert_true(done || dead);
    world_sim_crash(test.sim, WORLD_SIM_CRASH_RANDOM);
    /* What is there can be restored, as far as it got. */
    options = options_of(&test, "/backup", "/partial");
    if (backup_restore(test.world, &options, &result, &test.error)) {
      assert_true(result.last_sequence >= before);
      struct durability_state then = durability_state_at(&history, result.last_sequence);
      check_store(&test, "/partial", &then);
    } else {
      assert_true(first);
      assert_int_equal(test.error.code, ERROR_NOT_FOUND);
    }
    result = run_backup(&test, "/backup");
    uint64_t last = history.changes[history.count - 1].sequence;
    assert_int_equal(result.last_sequence, last);
    restore_and_check(&test, &history, 1, last);
    assert_int_equal(durability_count_files(&test, "/backup", ".snap"), 2);
    durability_end(&test);
  }
}

static void test_interrupted_restore_is_no_store(void **state)
{
  (void)state;
  static struct durability_history history;
  struct durability test;
  bool dead = true;
  int refused = 0;
  history.count = 0;
  begin(&test, 5);
  change(&test, &history, 40);
  durability_snapshot(&test);
  change(&test, &history, 10);
  durability_close(&test);
  struct durability_state now = durability_state_at(&history, UINT64_MAX);
  for (uint64_t nth = 1; dead; nth++) {
    char target[32];
    snprintf(target, sizeof target, "/target-%" PRIu64, nth);
    struct backup_options options = options_of(&test, "/data", target);
    struct backup_result result;
    world_sim_crash_after(test.sim, nth);
    (void)backup_restore(test.world, &options, &result, &test.error);
    dead = world_sim_is_dead(test.sim);
    world_sim_crash(test.sim, WORLD_SIM_CRASH_RANDOM);
    test.options.directory = target;
    if (durability_try_open(&test)) {
      struct table *table = store_table(test.store, BYTES("items"));
      /* Whole, or not begun: then it is the empty store of an empty directory. */
      if (table != NULL) durability_assert_state(&test, table, &now);
      durability_close(&test);
    } else {
      assert_int_equal(test.error.code, ERROR_CORRUPT);
      assert_non_null(strstr(test.error.message, "restore a backup to an empty directory"));
      refused++;
    }
  }
  assert_true(refused > 5);
  durability_end(&test);
}

static void test_every_failure_is_clean(void **state)
{
  (void)state;
  static struct durability_history history;
  struct durability test;
  history.count = 0;
  begin(&test, 6);
  change(&test, &history, 40);
  durability_snapshot(&test);
  durability_sync(&test);
  size_t in_use = test.world->memory.in_use;
  uint64_t last_sequence = store_appended(test.store);
  struct backup_result result;
  for (int restore = 0; restore < 2; restore++) {
    int failures = 0;
    for (uint64_t nth = 1;; nth++) {
      char target[32];
      snprintf(target, sizeof target, "/%s-%" PRIu64, restore ? "new" : "copy", nth);
      struct backup_options options = options_of(&test, "/data", target);
      test.world->memory.fail_at = test.world->memory.calls + nth;
      bool done = restore ? backup_restore(test.world, &options, &result, &test.error)
                          : backup_run(test.world, &options, &result, &test.error);
      bool hit = test.world->memory.calls >= test.world->memory.fail_at;
      test.world->memory.fail_at = 0;
      assert_int_equal(test.world->memory.in_use, in_use);
      if (!done) {
        assert_true(hit);
        assert_int_equal(test.error.code, ERROR_NO_MEMORY);
        failures++;
        if (!restore) assert_int_equal(run_backup(&test, target).last_sequence, last_sequence);
      }
      if (!hit) break;
    }
    assert_true(failures > 8);
  }
  for (int operation = 0; operation < WORLD_SIM_OPERATIONS; operation++) {
    for (uint64_t nth = 1; nth < 30; nth++) {
      char target[32];
      snprintf(target, sizeof target, "/io-%d-%" PRIu64, operation, nth);
      struct backup_options options = options_of(&test, "/data", target);
      world_sim_fail(test.sim, (enum world_sim_operation)operation, nth, ENOSPC, false);
      bool done = backup_run(test.world, &options, &result, &test.error);
      world_sim_fail(test.sim, (enum world_sim_operation)operation, 0, 0, false);
      assert_int_equal(test.world->memory.in_use, in_use);
      if (!done) {
        assert_int_equal(test.error.code, ERROR_NO_SPACE);
        assert_int_equal(run_backup(&test, target).last_sequence, last_sequence);
      }
    }
  }
  durability_end(&test);
}

/* ---- what is refused ---- */

static void test_refusals(void **state)
{
  (void)state;
  static struct durability_history history;
  struct durability test;
  history.count = 0;
  begin(&test, 7);
  change(&test, &history, 20);
  durability_sync(&test);
  (void)run_backup(&test, "/backup");
  refuse_backup(&test, "/nothing", "/x", ERROR_NOT_FOUND, "there is no store in '/nothing'");
  refuse_backup(&test, "/data", "/data", ERROR_LOCKED, "'/data' is in use by another process");
  /* A directory with something else in it. */
  const struct world_operations *operations = test.world->operations;
  assert_int_equal(operations->dir_make(test.world, "/home"), 0);
  int file = operations->file_open(test.world, "/home/letters", WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  assert_int_equal(operations->file_close(test.world, file), 0);
  refuse_backup(&test, "/data", "/home", ERROR_EXISTS, "'/home' is not empty");
  refuse_restore(&test, "/backup", "/home", INT64_MAX, ERROR_EXISTS, "'/home' is not empty");
  refuse_restore(&test, "/backup", "/backup", INT64_MAX, ERROR_EXISTS, "not empty");
  /* Another store's backup. */
  (void)run_restore(&test, "/backup", "/other", INT64_MAX);
  refuse_backup(&test, "/other", "/backup", ERROR_EXISTS, "'/backup' holds another store");
  /* A backup that went its own way: somebody started a store in it. */
  durability_close(&test);
  test.options.directory = "/backup";
  durability_open(&test);
  change(&test, &history, 1);
  durability_set(&test, durability_find(&test, "items"), 1, 1);
  durability_close(&test);
  refuse_backup(&test, "/data", "/backup", ERROR_EXISTS, "has another history");
  test.options.directory = "/data";
  durability_open(&test);
  durability_set(&test, durability_find(&test, "items"), 2, 2);
  durability_set(&test, durability_find(&test, "items"), 2, 3);
  durability_set(&test, durability_find(&test, "items"), 2, 4);
  durability_sync(&test);
  refuse_backup(&test, "/data", "/backup", ERROR_EXISTS, "has another history");
  durability_end(&test);
}

static void test_keys(void **state)
{
  (void)state;
  static struct durability_history history;
  struct durability test;
  history.count = 0;
  durability_begin(&test, 8);
  test.options.key = key_one;
  durability_open(&test);
  (void)durability_table(&test, "items", true);
  change(&test, &history, 30);
  durability_snapshot(&test);
  test.options.key = NULL;
  refuse_backup(&test, "/data", "/backup-1", ERROR_KEY, "/data/log-");
  test.options.key = key_two;
  refuse_backup(&test, "/data", "/backup-2", ERROR_KEY, "/data/log-");
  test.options.key = key_one;
  (void)run_backup(&test, "/backup");
  test.options.key = NULL;
  refuse_restore(&test, "/backup", "/new-1", INT64_MAX, ERROR_KEY, "/backup/");
  test.options.key = key_one;
  (void)run_restore(&test, "/backup", "/new-2", INT64_MAX);
  struct durability_state now = durability_state_at(&history, UINT64_MAX);
  check_store(&test, "/new-2", &now);
  durability_end(&test);
}

static void test_new_identity(void **state)
{
  (void)state;
  static struct durability_history history;
  struct identity identities[3];
  struct durability test;
  history.count = 0;
  begin(&test, 9);
  change(&test, &history, 30);
  durability_sync(&test);
  (void)run_backup(&test, "/backup");
  (void)run_restore(&test, "/backup", "/new", INT64_MAX);
  const char *directories[] = {"/data", "/backup", "/new"};
  for (int i = 0; i < 3; i++)
    assert_true(identity_read(test.world, directories[i], &identities[i], &test.error));
  assert_memory_equal(identities[0].store_id, identities[1].store_id, STORE_ID_BYTES);
  assert_memory_not_equal(identities[0].store_id, identities[2].store_id, STORE_ID_BYTES);
  assert_memory_not_equal(identities[0].salt, identities[2].salt, STORE_FILE_SALT_BYTES);
  assert_int_equal(identities[0].created_ms, identities[2].created_ms);
  durability_end(&test);
}

int main(void)
{
  struct durability_replay replay = {.program = "test_backup"};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate_setup_teardown(test_store_at_work, NULL, durability_print_replay,
                                               &replay),
      cmocka_unit_test(test_moments),
      cmocka_unit_test(test_store_without_old_log),
      cmocka_unit_test(test_damaged_snapshot_is_passed_over),
      cmocka_unit_test(test_interrupted_anywhere),
      cmocka_unit_test(test_interrupted_restore_is_no_store),
      cmocka_unit_test(test_every_failure_is_clean),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_new_identity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
