/* Time travel of one table: exactly the items of a moment, whatever happens meanwhile. */
#include "unit/store/durability_fixture.h"

enum { MOMENTS = 40 };

struct moments {
  int count;
  struct moment {
    int64_t at_ms;
    struct durability_state state;
  } all[MOMENTS];
};

/* The state at the end of the present millisecond, which is over when this returns. */
static void remember(struct durability *test, struct moments *moments,
                     const struct durability_state *now)
{
  assert_true(moments->count < MOMENTS);
  moments->all[moments->count++] = (struct moment){store_now_ms(test->store), *now};
  world_sim_advance_ms(test->sim, 1);
}

static void finish_restore(struct durability *test)
{
  for (int turn = 0; store_restore_busy(test->store); turn++) {
    assert_true(turn < 100000);
    durability_turn(test);
  }
}

static void drop(struct durability *test, const char *name)
{
  assert_int_equal(store_table_delete(test->store, durability_find(test, name), &test->error),
                   STORE_OK);
  durability_work(test);
}

/* ---- random ---- */

static void live(struct durability *test, struct moments *moments, struct durability_state *now)
{
  while (moments->count < 12) {
    struct table *table = durability_find(test, "items");
    for (uint64_t i = random_below(&test->random, 30); i > 0; i--) {
      durability_set_random(test, table, now);
      if (random_below(&test->random, 3) == 0) durability_turn(test);
      if (random_below(&test->random, 5) == 0) world_sim_advance_ms(test->sim, 1);
    }
    uint64_t what = random_below(&test->random, 6);
    if (what == 0) assert_int_equal(store_snapshot_begin(test->store, &test->error), STORE_OK);
    if (what == 1) durability_snapshot(test);
    if (what == 2) {
      durability_sync(test);
      durability_crash(test, WORLD_SIM_CRASH_RANDOM);
      durability_open(test);
    }
    remember(test, moments, now);
    world_sim_advance_ms(test->sim, (int64_t)random_below(&test->random, 12 * 3600000));
  }
}

static void restore_moments_of(uint64_t seed)
{
  struct durability test;
  static struct moments moments;
  struct durability_state now = {0};
  moments.count = 0;
  durability_begin(&test, seed);
  test.padding = seed % 3 == 0 ? 3000 : 10;
  durability_open(&test);
  (void)durability_table(&test, "items", true);
  live(&test, &moments, &now);
  for (int i = 0; i < moments.count; i++) {
    const struct moment *moment = &moments.all[i];
    struct table *restored = durability_restore(&test, "items", moment->at_ms, "restored");
    assert_int_equal(restored->state, TABLE_CREATING);
    while (store_restore_busy(test.store)) {
      durability_set_random(&test, durability_find(&test, "items"), &now);
      if (random_below(&test.random, 20) == 0) (void)store_snapshot_begin(test.store, &test.error);
      durability_turn(&test);
    }
    assert_int_equal(restored->state, TABLE_ACTIVE);
    durability_assert_state(&test, restored, &moment->state);
    durability_assert_state(&test, durability_find(&test, "items"), &now);
    assert_int_equal(restored->index_count, 1);
    if (i % 4 == 3) {
      durability_sync(&test);
      durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
      durability_open(&test);
      durability_assert_state(&test, durability_find(&test, "restored"), &moment->state);
    }
    drop(&test, "restored");
  }
  assert_null(strstr(test.reports, "given up"));
  durability_end(&test);
}

static void test_random_moments(void **state)
{
  durability_each_seed(*state, 2000, 10, restore_moments_of);
}

/* ---- what is refused ---- */

static enum store_status try_restore(struct durability *test, const char *source, int64_t at_ms,
                                     struct table **table)
{
  return store_table_restore(test->store, durability_find(test, source), at_ms, BYTES("restored"),
                             table, &test->error);
}

static void test_refusals(void **state)
{
  (void)state;
  struct durability test;
  struct table *table = NULL;
  int64_t earliest_ms;
  int64_t latest_ms;
  char window[64];
  durability_begin(&test, 1);
  durability_open(&test);
  int64_t created_ms = test.store->identity.created_ms;
  (void)durability_table(&test, "items", false);
  durability_set(&test, durability_find(&test, "items"), 1, 1);
  int64_t before_ms = world_clock_ms(test.world);
  world_sim_advance_ms(test.sim, 5000);
  (void)durability_table(&test, "late", false);
  world_sim_advance_ms(test.sim, 5000);
  store_restore_window(test.store, &earliest_ms, &latest_ms);
  assert_int_equal(earliest_ms, created_ms);
  assert_int_equal(latest_ms, world_clock_ms(test.world) - 1);
  snprintf(window, sizeof window, "from %" PRId64 " to %" PRId64, earliest_ms, latest_ms);
  assert_int_equal(try_restore(&test, "items", latest_ms + 1, &table), STORE_VALIDATION);
  assert_non_null(strstr(test.error.message, window));
  assert_int_equal(try_restore(&test, "items", earliest_ms - 1, &table), STORE_VALIDATION);
  assert_int_equal(try_restore(&test, "late", before_ms, &table), STORE_NOT_FOUND);
  assert_non_null(strstr(test.error.message, "Table late did not exist at that time"));
  assert_null(store_table(test.store, BYTES("restored")));
  struct table *late = durability_find(&test, "late");
  assert_int_equal(
      store_table_restore(test.store, late, latest_ms, BYTES("items"), &table, &test.error),
      STORE_IN_USE);
  assert_int_equal(
      store_table_restore(test.store, late, latest_ms, BYTES("x"), &table, &test.error),
      STORE_VALIDATION);
  /* One at a time; the table cannot be changed or deleted before it is there. */
  assert_int_equal(try_restore(&test, "items", latest_ms, &table), STORE_OK);
  assert_int_equal(
      store_table_restore(test.store, late, latest_ms, BYTES("other"), &table, &test.error),
      STORE_LIMIT);
  assert_int_equal(store_table_delete(test.store, table, &test.error), STORE_IN_USE);
  assert_int_equal(durability_try_set(&test, table, 1, 5), STORE_NOT_FOUND);
  finish_restore(&test);
  assert_int_equal(table->item_count, 1);
  durability_end(&test);
}

static void test_settings_of_the_new_table(void **state)
{
  (void)state;
  struct durability test;
  struct table *source = NULL;
  struct table_definition definition = {
      .name = BYTES("items"),
      .partition = {BYTES("k"), VALUE_STRING},
      .ttl_attribute = BYTES("v"),
      .stream = STREAM_NEW_IMAGE,
      .deletion_protection = true,
  };
  durability_begin(&test, 1);
  durability_open(&test);
  assert_int_equal(store_table_create(test.store, &definition, &source, &test.error), STORE_OK);
  durability_set(&test, source, 1, world_clock_ms(test.world) / 1000 + 1000);
  world_sim_advance_ms(test.sim, 10);
  struct table *table = durability_restore(&test, "items", world_clock_ms(test.world) - 1, "copy");
  finish_restore(&test);
  struct table_description description;
  store_table_describe(table, &description);
  assert_int_equal(description.state, TABLE_ACTIVE);
  assert_int_equal(description.definition.stream, STREAM_OFF);
  assert_int_equal(description.definition.ttl_attribute.size, 0);
  assert_false(description.definition.deletion_protection);
  assert_int_equal(description.item_count, 1);
  durability_end(&test);
}

/* The source may be deleted while it is restored from the files. */
static void test_source_goes_meanwhile(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state now = {0};
  durability_begin(&test, 3);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", true);
  for (int i = 0; i < 100; i++) durability_set_random(&test, table, &now);
  durability_snapshot(&test);
  world_sim_advance_ms(test.sim, 10);
  table = durability_restore(&test, "items", world_clock_ms(test.world) - 1, "restored");
  drop(&test, "items");
  finish_restore(&test);
  durability_assert_state(&test, table, &now);
  durability_end(&test);
}

/* ---- trouble ---- */

/* Two snapshots and changes before, between and after them; nothing is open. */
static void make_past(struct durability *test, uint64_t seed, size_t padding,
                      struct moments *moments, struct durability_state *now)
{
  *now = (struct durability_state){0};
  moments->count = 0;
  durability_begin(test, seed);
  test->padding = padding;
  durability_open(test);
  (void)durability_table(test, "items", true);
  for (int part = 0; part < 4; part++) {
    for (int i = 0; i < 60; i++) durability_set_random(test, durability_find(test, "items"), now);
    remember(test, moments, now);
    if (part == 1 || part == 2) durability_snapshot(test);
  }
  durability_sync(test);
}

static void test_crash_in_the_middle(void **state)
{
  (void)state;
  static struct moments moments;
  bool finished = false;
  int dropped = 0;
  for (int turns = 0; !finished; turns++) {
    struct durability test;
    struct durability_state now;
    make_past(&test, 50 + (uint64_t)turns, 0, &moments, &now);
    (void)durability_restore(&test, "items", moments.all[2].at_ms, "restored");
    for (int i = 0; i < turns; i++) (void)store_tick(test.store);
    finished = !store_restore_busy(test.store);
    durability_sync(&test);
    durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    durability_open(&test);
    durability_assert_state(&test, durability_find(&test, "items"), &now);
    if (finished) {
      durability_assert_state(&test, durability_find(&test, "restored"), &moments.all[2].state);
    } else {
      dropped++;
      assert_null(store_table(test.store, BYTES("restored")));
      assert_non_null(strstr(test.reports, "table 'restored' was being restored when the store "
                                           "stopped: dropped, start the restore again"));
      durability_work(&test);
      (void)durability_restore(&test, "items", moments.all[2].at_ms, "restored");
      finish_restore(&test);
      durability_assert_state(&test, durability_find(&test, "restored"), &moments.all[2].state);
    }
    durability_end(&test);
  }
  assert_in_range(dropped, 4, 60);
}

static void test_disk_full_while_copying(void **state)
{
  (void)state;
  static struct moments moments;
  struct durability test;
  struct durability_state now;
  make_past(&test, 4, 0, &moments, &now);
  test.padding = 6000;
  for (uint32_t key = 0; key < DURABILITY_KEYS; key++)
    durability_set(&test, durability_find(&test, "items"), key, now.values[key] = key + 1);
  remember(&test, &moments, &now);
  durability_work(&test);
  world_sim_fail(test.sim, WORLD_SIM_ALLOCATE, 1, ENOSPC, true);
  world_sim_fail(test.sim, WORLD_SIM_CREATE, 1, ENOSPC, true);
  struct table *table = durability_restore(&test, "items", moments.all[4].at_ms, "restored");
  for (int i = 0; i < 500; i++) durability_turn(&test);
  assert_true(store_restore_busy(test.store));
  assert_int_equal(test.store->restore.phase, RESTORE_COPY);
  assert_false(store_tick(test.store));
  assert_in_range(table->item_count, 1, DURABILITY_KEYS - 1);
  world_sim_fail(test.sim, WORLD_SIM_ALLOCATE, 0, 0, false);
  world_sim_fail(test.sim, WORLD_SIM_CREATE, 0, 0, false);
  world_sim_advance_ms(test.sim, 1000);
  finish_restore(&test);
  durability_assert_state(&test, table, &now);
  durability_end(&test);
}

/* Items so large that sixteen of them do not fit into a segment. */
static void test_large_items_in_small_segments(void **state)
{
  (void)state;
  struct durability test;
  struct durability_state now = {0};
  durability_begin(&test, 6);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", false);
  test.padding = 40000;
  for (uint32_t key = 0; key < 20; key++)
    durability_set(&test, table, key, now.values[key] = key + 1);
  durability_sync(&test);
  world_sim_advance_ms(test.sim, 10);
  table = durability_restore(&test, "items", world_clock_ms(test.world) - 1, "restored");
  finish_restore(&test);
  durability_assert_state(&test, table, &now);
  durability_end(&test);
}

static void test_damaged_snapshots(void **state)
{
  (void)state;
  static struct moments moments;
  for (int damaged = 1; damaged <= 3; damaged++) {
    struct durability test;
    struct durability_state now;
    make_past(&test, 7, 12000, &moments, &now);
    /* Moment 3 is after both snapshots; the items of their first frames are taken. */
    if (damaged & 1) durability_damage(&test, ".snap", 1, SNAPSHOT_FRAME_BYTES + 50000);
    if (damaged & 2) durability_damage(&test, ".snap", 0, SNAPSHOT_FRAME_BYTES + 50000);
    struct table *table = durability_restore(&test, "items", moments.all[3].at_ms, "restored");
    finish_restore(&test);
    durability_assert_state(&test, table, &moments.all[3].state);
    if (damaged != 2)
      assert_non_null(strstr(test.reports, "; restoring from an older snapshot"));
    else
      assert_string_equal(test.reports, "");
    durability_end(&test);
  }
}

static void test_unreadable_files(void **state)
{
  (void)state;
  static struct moments moments;
  struct durability test;
  struct durability_state now;
  make_past(&test, 8, 0, &moments, &now);
  (void)durability_restore(&test, "items", moments.all[3].at_ms, "restored");
  world_sim_fail(test.sim, WORLD_SIM_READ, 1, EIO, true);
  finish_restore(&test);
  world_sim_fail(test.sim, WORLD_SIM_READ, 0, 0, false);
  assert_non_null(strstr(test.reports, "restore of table 'restored' given up: cannot read"));
  assert_null(store_table(test.store, BYTES("restored")));
  (void)durability_restore(&test, "items", moments.all[3].at_ms, "restored");
  finish_restore(&test);
  durability_assert_state(&test, durability_find(&test, "restored"), &moments.all[3].state);
  durability_end(&test);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  static struct moments moments;
  struct durability test;
  struct durability_state now;
  make_past(&test, 9, 0, &moments, &now);
  durability_work(&test);
  int failures = 0;
  bool hit = true;
  for (uint64_t nth = 1; hit; nth++) {
    struct table *table = NULL;
    size_t in_use = test.store->heap.in_use;
    test.world->memory.fail_at = test.world->memory.calls + nth;
    if (try_restore(&test, "items", moments.all[3].at_ms, &table) == STORE_OK)
      finish_restore(&test);
    else
      assert_int_equal(test.error.code, ERROR_NO_MEMORY);
    hit = test.world->memory.calls >= test.world->memory.fail_at;
    test.world->memory.fail_at = 0;
    if (store_table(test.store, BYTES("restored")) != NULL) {
      durability_assert_state(&test, table, &moments.all[3].state);
      drop(&test, "restored");
    } else {
      assert_true(hit);
      failures++;
    }
    durability_work(&test);
    assert_int_equal(test.store->heap.in_use, in_use);
  }
  assert_true(failures > 5);
  durability_end(&test);
}

int main(void)
{
  struct durability_replay replay = {.program = "test_restore"};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate_setup_teardown(test_random_moments, NULL, durability_print_replay,
                                               &replay),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_settings_of_the_new_table),
      cmocka_unit_test(test_source_goes_meanwhile),
      cmocka_unit_test(test_crash_in_the_middle),
      cmocka_unit_test(test_disk_full_while_copying),
      cmocka_unit_test(test_large_items_in_small_segments),
      cmocka_unit_test(test_damaged_snapshots),
      cmocka_unit_test(test_unreadable_files),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
