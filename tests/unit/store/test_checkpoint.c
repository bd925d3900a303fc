/* Snapshots while transactions run: what is in them after a crash anywhere, and when they fail. */
#include "unit/store/durability_fixture.h"

/* What recovery found is what the log had, all that was acknowledged included. */
static void recover(struct durability *test, struct durability_history *history,
                    uint64_t acknowledged)
{
  durability_open(test);
  uint64_t last = store_appended(test->store);
  assert_true(last >= acknowledged);
  struct durability_state state = durability_state_at(history, last);
  durability_assert_state(test, durability_find(test, "items"), &state);
  while (history->count > 0 && history->changes[history->count - 1].sequence > last)
    history->count--;
}

static void step_random(struct durability *test)
{
  bool idle;
  for (uint64_t i = random_below(&test->random, 4); i > 0; i--)
    if (!store_step(test->store, &idle, &test->error)) return;
}

static void run_and_crash(uint64_t seed)
{
  struct durability test;
  static struct durability_history history;
  history.count = 0;
  durability_begin(&test, seed);
  durability_open(&test);
  (void)durability_table(&test, "items", true);
  durability_sync(&test);
  test.padding = 12000; /* so that the items fill several frames */
  for (int crash = 0; crash < 3; crash++) {
    struct table *table = durability_find(&test, "items");
    uint64_t turns = random_below(&test.random, 60);
    for (uint64_t turn = 0; turn < turns; turn++) {
      for (uint64_t i = random_below(&test.random, 3); i > 0; i--)
        durability_change(&test, table, &history);
      if (turn % 20 == 5) assert_int_equal(store_snapshot_begin(test.store, &test.error), STORE_OK);
      (void)store_tick(test.store);
      step_random(&test);
    }
    uint64_t acknowledged = store_durable(test.store);
    durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    recover(&test, &history, acknowledged);
  }
  durability_end(&test);
}

static void test_crash_anywhere_while_transactions_run(void **state)
{
  durability_each_seed(*state, 1000, 40, run_and_crash);
}

/* Ticks, and steps of the snapshot's file only: the log stands still. */
static void drive_snapshot_only(struct durability *test)
{
  bool idle = false;
  (void)store_tick(test->store);
  struct snapshot_writer *writer = test->store->checkpoint.writer;
  if (writer != NULL) snapshot_writer_step(writer, &idle);
}

static void test_no_snapshot_of_what_a_crash_takes_back(void **state)
{
  (void)state;
  struct durability test;
  static struct durability_history history;
  history.count = 0;
  durability_begin(&test, 2);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", false);
  for (int i = 0; i < 20; i++) durability_change(&test, table, &history);
  durability_sync(&test);
  uint64_t durable = store_durable(test.store);
  assert_int_equal(store_snapshot_begin(test.store, &test.error), STORE_OK);
  for (int i = 0; i < 20; i++) durability_change(&test, table, &history);
  for (int i = 0; i < 100; i++) drive_snapshot_only(&test);
  /* All is written, and all waits for the log. */
  assert_int_equal(test.store->checkpoint.phase, CHECKPOINT_SYNC);
  assert_true(test.store->checkpoint.end_sequence > durable);
  assert_int_equal(durability_count_files(&test, "/data", ".snap"), 0);
  assert_false(store_tick(test.store));
  durability_crash(&test, WORLD_SIM_CRASH_DROP);
  recover(&test, &history, durable);
  assert_int_equal(store_appended(test.store), durable);
  assert_int_equal(durability_count_files(&test, "/data", ".tmp"), 0);
  durability_end(&test);
}

/* ---- failures ---- */

static const enum world_sim_operation writing[] = {
    WORLD_SIM_CREATE, WORLD_SIM_WRITE, WORLD_SIM_SYNC, WORLD_SIM_RENAME, WORLD_SIM_DIR_SYNC};

static void begin_with_items(struct durability *test, uint64_t seed,
                             struct durability_history *history)
{
  history->count = 0;
  durability_begin(test, seed);
  test->options.snapshot_log_bytes = 100000;
  test->options.segment_bytes = 2 << 20;
  durability_open(test);
  struct table *table = durability_table(test, "items", true);
  test->padding = 12000;
  for (int i = 0; i < 60; i++) {
    durability_change(test, table, history);
    durability_sync(test);
  }
  bool idle = false;
  while (!idle) assert_true(store_step(test->store, &idle, &test->error));
}

/* True when the snapshot succeeded although the nth operation was to fail. */
static bool fail_snapshot(enum world_sim_operation operation, uint64_t nth, int os_errno)
{
  struct durability test;
  static struct durability_history history;
  struct store_statistics statistics;
  begin_with_items(&test, 3, &history);
  world_sim_fail(test.sim, operation, nth, os_errno, false);
  do drive_snapshot_only(&test);
  while (test.store->checkpoint.writer != NULL);
  world_sim_fail(test.sim, operation, 0, 0, false);
  store_statistics(test.store, &statistics);
  assert_int_equal(statistics.snapshots + statistics.snapshots_failed, 1);
  if (statistics.snapshots_failed == 1) {
    assert_non_null(strstr(test.reports, "snapshot given up, the log keeps everything: "));
    assert_non_null(strstr(test.reports, "/data/snapshot-"));
    assert_int_equal(durability_count_files(&test, "/data", "snapshot"), 0);
    /* Tried again after ten seconds, not before. */
    world_sim_advance_ms(test.sim, 9900);
    (void)store_tick(test.store);
    assert_false(store_snapshot_busy(test.store));
    world_sim_advance_ms(test.sim, 200);
    durability_work(&test);
    struct store_statistics after;
    store_statistics(test.store, &after);
    assert_int_equal(after.snapshots, 1);
  }
  assert_int_equal(durability_count_files(&test, "/data", ".snap"), 1);
  durability_crash(&test, WORLD_SIM_CRASH_DROP);
  recover(&test, &history, history.changes[history.count - 1].sequence);
  assert_int_equal(durability_count_files(&test, "/data", ".snap"), 1);
  durability_end(&test);
  return statistics.snapshots_failed == 0;
}

static void test_every_file_operation_may_fail(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof writing / sizeof writing[0]; i++) {
    uint64_t nth = 1;
    while (!fail_snapshot(writing[i], nth, nth % 2 == 0 ? EIO : ENOSPC)) nth++;
    assert_true(nth > 1);
  }
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  static struct durability_history history;
  struct durability test;
  begin_with_items(&test, 4, &history);
  durability_work(&test);
  int failures = 0;
  for (uint64_t nth = 1;; nth++) {
    struct store_statistics before;
    struct store_statistics after;
    store_statistics(test.store, &before);
    world_sim_advance_ms(test.sim, 20000);
    size_t in_use = test.world->memory.in_use;
    test.world->memory.fail_at = test.world->memory.calls + nth;
    if (store_snapshot_begin(test.store, &test.error) != STORE_OK) {
      assert_int_equal(test.error.code, ERROR_NO_MEMORY);
      assert_int_equal(test.world->memory.in_use, in_use);
      assert_false(store_snapshot_busy(test.store));
      failures++;
      continue;
    }
    while (test.store->checkpoint.writer != NULL) drive_snapshot_only(&test);
    durability_work(&test);
    bool hit = test.world->memory.calls >= test.world->memory.fail_at;
    test.world->memory.fail_at = 0;
    store_statistics(test.store, &after);
    assert_int_equal(test.world->memory.in_use, in_use);
    if (after.snapshots_failed > before.snapshots_failed) {
      assert_true(hit);
      failures++;
    }
    if (!hit) break;
  }
  assert_true(failures > 5);
  assert_int_equal(durability_count_files(&test, "/data", ".tmp"), 1); /* the log's next segment */
  durability_crash(&test, WORLD_SIM_CRASH_KEEP);
  recover(&test, &history, history.changes[history.count - 1].sequence);
  durability_end(&test);
}

/* ---- when ---- */

static void test_due_by_bytes_of_log_also_across_restarts(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 5);
  test.options.snapshot_log_bytes = 20000;
  test.padding = 1000;
  durability_open(&test);
  struct table *table = durability_table(&test, "items", false);
  for (uint32_t key = 0; key < 12; key++) durability_set(&test, table, key, 1);
  assert_false(store_tick(test.store));
  durability_close(&test);
  durability_open(&test);
  table = durability_find(&test, "items");
  assert_false(store_tick(test.store));
  for (uint32_t key = 0; key < 6; key++) durability_set(&test, table, key, 2);
  assert_false(store_snapshot_busy(test.store));
  for (uint32_t key = 6; key < 12; key++) durability_set(&test, table, key, 2);
  assert_true(store_tick(test.store));
  assert_true(store_snapshot_busy(test.store));
  durability_work(&test);
  assert_false(store_snapshot_busy(test.store));
  /* Counted from the begin of the last one, and at least as much as it is long. */
  for (uint32_t key = 0; key < 12; key++) durability_set(&test, table, key, 3);
  (void)store_tick(test.store);
  assert_false(store_snapshot_busy(test.store));
  for (uint32_t key = 0; key < 12; key++) durability_set(&test, table, key, 4);
  (void)store_tick(test.store);
  assert_true(store_snapshot_busy(test.store));
  durability_end(&test);
}

/* ---- tables come and go while a snapshot is written ---- */

static void change_tables(struct durability *test)
{
  static const struct table_index_definition by_value = {
      .name = {(const uint8_t *)"by_value", 8},
      .partition = {{(const uint8_t *)"v", 1}, VALUE_NUMBER},
  };
  struct table *dropped = durability_find(test, "dropped");
  assert_int_equal(store_table_delete(test->store, dropped, &test->error), STORE_OK);
  struct table *again = durability_find(test, "again");
  assert_int_equal(store_table_delete(test->store, again, &test->error), STORE_OK);
  again = durability_table(test, "again", false);
  durability_set(test, again, 1, 11);
  struct table *made = durability_table(test, "made", true);
  durability_set(test, made, 2, 22);
  struct table *indexed = durability_find(test, "indexed");
  assert_int_equal(store_index_delete(test->store, indexed, BYTES("by_group"), &test->error),
                   STORE_OK);
  assert_int_equal(store_index_create(test->store, indexed, &by_value, &test->error), STORE_OK);
}

static void assert_changed_tables(struct durability *test)
{
  struct durability_state again = {0};
  struct durability_state made = {0};
  again.values[1] = 11;
  made.values[2] = 22;
  assert_null(store_table(test->store, BYTES("dropped")));
  durability_assert_state(test, durability_find(test, "again"), &again);
  durability_assert_state(test, durability_find(test, "made"), &made);
  struct table *indexed = durability_find(test, "indexed");
  assert_int_equal(indexed->index_count, 1);
  assert_true(bytes_equal(indexed->indexes[0]->definition.name, BYTES("by_value")));
  assert_true(indexed->indexes[0]->active);
  assert_int_equal(indexed->indexes[0]->keyspace.index.count, 40);
  assert_int_equal(indexed->item_count, 40);
}

static void test_tables_change_during_a_snapshot(void **state)
{
  (void)state;
  const char *names[] = {"again", "dropped", "indexed"};
  bool finished = false;
  for (int at = 0; !finished; at++) {
    struct durability test;
    durability_begin(&test, 6);
    durability_open(&test);
    for (int i = 0; i < 3; i++) {
      struct table *table = durability_table(&test, names[i], true);
      for (uint32_t key = 0; key < 40; key++) durability_set(&test, table, key, key + 1);
    }
    durability_sync(&test);
    uint32_t next_id = test.store->next_table_id;
    assert_int_equal(store_snapshot_begin(test.store, &test.error), STORE_OK);
    for (int i = 0; i < at; i++) (void)store_tick(test.store);
    finished = test.store->checkpoint.phase > CHECKPOINT_TOKENS;
    change_tables(&test);
    durability_work(&test);
    durability_sync(&test);
    assert_false(store_snapshot_busy(test.store));
    assert_changed_tables(&test);
    durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    durability_open(&test);
    assert_true(test.store->statistics.snapshot_items > 0);
    durability_work(&test);
    assert_changed_tables(&test);
    assert_int_equal(test.store->next_table_id, next_id + 2);
    durability_end(&test);
  }
}

/* ---- tokens ---- */

static bool transact(struct durability *test, const char *token, int64_t value)
{
  struct store_transact_result result;
  char json[96];
  snprintf(json, sizeof json, "{\"k\":{\"S\":\"key-1\"},\"v\":{\"N\":\"%" PRId64 "\"}}", value);
  struct store_action action = {.kind = ACTION_PUT, .table = durability_find(test, "items")};
  struct bytes text = bytes_of((const uint8_t *)json, strlen(json));
  assert_true(item_from_json(&test->arena, text, &action.item, &test->error));
  struct store_token once = {bytes_of((const uint8_t *)token, strlen(token)), 7};
  assert_int_equal(
      store_transact_write(test->store, &action, 1, once, &test->arena, &result, &test->error),
      STORE_OK);
  arena_free(&test->arena);
  return result.replayed;
}

static void test_tokens_are_in_the_snapshot(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 7);
  durability_open(&test);
  (void)durability_table(&test, "items", false);
  assert_false(transact(&test, "first", 1));
  durability_sync(&test);
  durability_snapshot(&test);
  assert_false(transact(&test, "second", 2));
  durability_sync(&test);
  durability_crash(&test, WORLD_SIM_CRASH_DROP);
  durability_open(&test);
  assert_int_equal(test.store->statistics.snapshot_items, 1);
  assert_true(transact(&test, "first", 1));
  assert_true(transact(&test, "second", 2));
  world_sim_advance_ms(test.sim, TRANSACTION_TOKEN_MS);
  assert_false(transact(&test, "first", 3));
  durability_end(&test);
}

int main(void)
{
  struct durability_replay replay = {.program = "test_checkpoint"};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate_setup_teardown(test_crash_anywhere_while_transactions_run, NULL,
                                               durability_print_replay, &replay),
      cmocka_unit_test(test_no_snapshot_of_what_a_crash_takes_back),
      cmocka_unit_test(test_every_file_operation_may_fail),
      cmocka_unit_test(test_every_allocation_may_fail),
      cmocka_unit_test(test_due_by_bytes_of_log_also_across_restarts),
      cmocka_unit_test(test_tables_change_during_a_snapshot),
      cmocka_unit_test(test_tokens_are_in_the_snapshot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
