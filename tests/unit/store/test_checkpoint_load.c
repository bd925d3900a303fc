/* Which snapshot recovery takes, what it does about damaged ones, and which files may go. */
#include "unit/store/durability_fixture.h"

enum { DAY_MS = 86400000, QUARTER_MS = DAY_MS / 4, DAYS = 60, MOMENTS = DAYS * 4 };

/* Items, a snapshot, more, a snapshot, more; closed. */
static void make_store(struct durability *test, uint64_t seed, size_t padding,
                       struct durability_state *now)
{
  *now = (struct durability_state){0};
  durability_begin(test, seed);
  test->padding = padding;
  durability_open(test);
  struct table *table = durability_table(test, "items", true);
  for (int part = 0; part < 3; part++) {
    for (int i = 0; i < 50; i++) durability_set_random(test, table, now);
    durability_sync(test);
    if (part < 2) durability_snapshot(test);
  }
  durability_close(test);
}

static size_t open_and_check(struct durability *test, const struct durability_state *now,
                             uint64_t *replayed)
{
  durability_open(test);
  durability_assert_state(test, durability_find(test, "items"), now);
  *replayed = test->store->statistics.replayed_records;
  size_t in_use = test->store->heap.in_use;
  assert_null(test->store->dropped);
  durability_close(test);
  return in_use;
}

static void test_damaged_snapshots_are_passed_over(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state now;
  uint64_t replayed[3];
  make_store(&test, 1, 12000, &now);
  size_t in_use = open_and_check(&test, &now, &replayed[0]);
  assert_string_equal(test.reports, "");
  /* In the second frame: it is met when part of the items is loaded. What was is freed at once. */
  durability_damage(&test, ".snap", 1, SNAPSHOT_FRAME_BYTES + 50000);
  assert_int_equal(open_and_check(&test, &now, &replayed[1]), in_use);
  assert_non_null(strstr(test.reports, ".snap at offset 2"));
  assert_non_null(strstr(test.reports, "; trying an older snapshot and more of the log"));
  assert_true(replayed[1] > replayed[0] + 30);
  durability_damage(&test, ".snap", 0, 20);
  assert_int_equal(open_and_check(&test, &now, &replayed[2]), in_use);
  assert_true(replayed[2] > replayed[1] + 30);
  durability_end(&test);
}

static void test_every_flip_in_a_snapshot(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 60; seed++) {
    struct durability test;
    struct durability_state now;
    struct world_sim_place place;
    make_store(&test, 100 + seed, 500, &now);
    struct store_file_list list = {0};
    assert_true(snapshot_list(&list, test.world, "/data", &test.error));
    assert_int_equal(list.count, 2);
    char path[STORE_FILE_PATH_BYTES];
    snprintf(path, sizeof path, "/data/snapshot-%016" PRIx64 ".snap", list.sequences[1]);
    store_file_list_free(&list);
    assert_true(world_sim_flip_random(test.sim, path, &place));
    durability_open(&test);
    durability_assert_state(&test, durability_find(&test, "items"), &now);
    durability_end(&test);
  }
}

/* ---- what may go ---- */

struct past {
  struct durability_state states[MOMENTS];
  int64_t at_ms[MOMENTS];
};

/* Sixty days, a snapshot every six hours. */
static void live(struct durability *test, struct past *past, struct durability_state *now)
{
  test->padding = 1500;
  for (int moment = 0; moment < MOMENTS; moment++) {
    struct table *table = durability_find(test, "items");
    for (int i = 0; i < 12; i++) durability_set_random(test, table, now);
    past->at_ms[moment] = store_now_ms(test->store);
    past->states[moment] = *now;
    world_sim_advance_ms(test->sim, 1);
    durability_snapshot(test);
    world_sim_advance_ms(test->sim, QUARTER_MS);
    if (moment % 50 == 49) {
      durability_close(test);
      durability_open(test);
    }
  }
}

static void test_the_window_stays_and_the_rest_goes(void **state)
{
  (void)state;
  struct durability test;
  static struct past past;
  struct durability_state now = {0};
  struct table *table;
  int64_t earliest_ms;
  int64_t latest_ms;
  durability_begin(&test, 2);
  durability_open(&test);
  (void)durability_table(&test, "items", false);
  live(&test, &past, &now);
  store_restore_window(test.store, &earliest_ms, &latest_ms);
  assert_int_equal(earliest_ms, world_clock_ms(test.world) - STORE_HISTORY_MS);
  /* About 60 days * 4 * 10 puts of 1.6 KB in segments of 64 KB; 35 days of them stay. */
  assert_in_range(durability_count_files(&test, "/data", ".seg"), 30, 55);
  /* One in 13 hours (35 days / 64), the newest two, and one before the window. */
  assert_in_range(durability_count_files(&test, "/data", ".snap"), 35, 67);
  int restored = 0;
  for (int moment = 0; moment < MOMENTS; moment += 7) {
    struct table *source = durability_find(&test, "items");
    enum store_status status = store_table_restore(test.store, source, past.at_ms[moment],
                                                   BYTES("then"), &table, &test.error);
    assert_int_equal(status, past.at_ms[moment] < earliest_ms ? STORE_VALIDATION : STORE_OK);
    if (status != STORE_OK) continue;
    while (store_restore_busy(test.store)) durability_turn(&test);
    durability_assert_state(&test, table, &past.states[moment]);
    assert_int_equal(store_table_delete(test.store, table, &test.error), STORE_OK);
    restored++;
  }
  assert_in_range(restored, 18, 21);
  /* The same window after a start. */
  durability_close(&test);
  durability_open(&test);
  int64_t earliest_after_ms;
  store_restore_window(test.store, &earliest_after_ms, &latest_ms);
  assert_in_range(earliest_after_ms - earliest_ms, 0, 60000);
  durability_assert_state(&test, durability_find(&test, "items"), &now);
  durability_end(&test);
}

/* A whole pass over the files. */
static void retire(struct durability *test)
{
  int slices = 0;
  while (checkpoint_retire(test->store)) slices++;
  assert_in_range(slices, 0, 6);
}

/* Trouble while looking at the files never takes one away that a restore needs. */
static void test_trouble_removes_nothing(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 3);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", false);
  for (int day = 0; day < 6; day++) {
    durability_set(&test, table, (uint32_t)day, 1);
    durability_snapshot(&test);
    world_sim_advance_ms(test.sim, DAY_MS);
  }
  assert_int_equal(durability_count_files(&test, "/data", ".snap"), 6);
  const enum world_sim_operation operations[] = {WORLD_SIM_OPEN, WORLD_SIM_READ,
                                                 WORLD_SIM_DIR_LIST};
  for (size_t i = 0; i < 3; i++) {
    for (uint64_t nth = 1; nth < 25; nth++) {
      world_sim_fail(test.sim, operations[i], nth, EIO, false);
      retire(&test);
      world_sim_fail(test.sim, operations[i], 0, 0, false);
    }
  }
  assert_non_null(strstr(test.reports, "old snapshots and log segments stay: "));
  for (uint64_t nth = 1; nth < 60; nth++) {
    test.world->memory.fail_at = test.world->memory.calls + nth;
    retire(&test);
    test.world->memory.fail_at = 0;
  }
  assert_int_equal(durability_count_files(&test, "/data", ".snap"), 6);
  /* A damaged one is of no use to anybody. */
  durability_damage(&test, ".snap", 2, 8);
  retire(&test);
  assert_int_equal(durability_count_files(&test, "/data", ".snap"), 5);
  durability_end(&test);
}

static void test_crash_while_files_are_removed(void **state)
{
  (void)state;
  for (uint64_t nth = 1; nth <= 24; nth++) {
    struct durability test;
    struct durability_state now = {0};
    durability_begin(&test, 400 + nth);
    test.options.history_ms = DAY_MS;
    test.padding = 3000;
    durability_open(&test);
    struct table *table = durability_table(&test, "items", false);
    for (int part = 0; part < 6; part++) {
      for (int i = 0; i < 30; i++) durability_set_random(&test, table, &now);
      durability_sync(&test);
      if (part == 5) world_sim_advance_ms(test.sim, 3 * DAY_MS);
      if (part < 5) durability_snapshot(&test);
    }
    assert_int_equal(store_snapshot_begin(test.store, &test.error), STORE_OK);
    while (test.store->checkpoint.phase != CHECKPOINT_RETIRE) durability_turn(&test);
    int before = durability_count_files(&test, "/data", ".seg");
    world_sim_crash_after(test.sim, nth);
    while (store_tick(test.store)) continue;
    durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    durability_open(&test);
    durability_assert_state(&test, durability_find(&test, "items"), &now);
    int64_t earliest_ms;
    int64_t latest_ms;
    store_restore_window(test.store, &earliest_ms, &latest_ms);
    assert_true(earliest_ms <= latest_ms - DAY_MS + 60000);
    durability_snapshot(&test);
    assert_true(durability_count_files(&test, "/data", ".seg") < before);
    durability_end(&test);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_damaged_snapshots_are_passed_over),
      cmocka_unit_test(test_every_flip_in_a_snapshot),
      cmocka_unit_test(test_the_window_stays_and_the_rest_goes),
      cmocka_unit_test(test_trouble_removes_nothing),
      cmocka_unit_test(test_crash_while_files_are_removed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
