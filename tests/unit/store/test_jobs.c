/* Background work: time to live, filling and dropping indexes, dropping tables, and being idle. */
#include "unit/store/durability_fixture.h"

static struct table *make_ttl_table(struct durability *test, enum table_stream stream)
{
  struct table_definition definition = {
      .name = BYTES("sessions"),
      .partition = {BYTES("k"), VALUE_STRING},
      .ttl_attribute = BYTES("v"),
      .stream = stream,
  };
  struct table *table = NULL;
  assert_int_equal(store_table_create(test->store, &definition, &table, &test->error), STORE_OK);
  return table;
}

static void put_json(struct durability *test, struct table *table, const char *json)
{
  struct store_action action = {.kind = ACTION_PUT, .table = table};
  struct store_write_result result;
  struct bytes text = bytes_of((const uint8_t *)json, strlen(json));
  assert_true(item_from_json(&test->arena, text, &action.item, &test->error));
  assert_int_equal(
      store_write(test->store, &action, RETURN_NONE, &test->arena, &result, &test->error),
      STORE_OK);
  arena_free(&test->arena);
}

static uint64_t ttl_deleted(struct durability *test)
{
  struct store_statistics statistics;
  store_statistics(test->store, &statistics);
  return statistics.ttl_deleted;
}

static bool has_key(struct durability *test, struct table *table, uint32_t key)
{
  char text[32];
  snprintf(text, sizeof text, "key-%" PRIu32, key);
  struct value partition = value_make_string(&test->arena,
                                             bytes_of((const uint8_t *)text, strlen(text)));
  bool found = value_present(store_find(table, partition, VALUE_NONE));
  arena_free(&test->arena);
  return found;
}

static int64_t now_s(struct durability *test)
{
  return world_clock_ms(test->world) / 1000;
}

/* To the first millisecond of the next second. */
static void align_second(struct durability *test)
{
  world_sim_advance_ms(test->sim, 1000 - world_clock_ms(test->world) % 1000);
}

static void test_ttl_expires_at_exactly_the_second(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 1);
  durability_open(&test);
  struct table *table = make_ttl_table(&test, STREAM_OFF);
  durability_work(&test);
  align_second(&test);
  /* The sweep of the empty table was just made: the next is at least 59 s away. */
  int64_t expires = now_s(&test) + 100;
  durability_set(&test, table, 1, expires);
  durability_set(&test, table, 2, expires + 1);
  world_sim_advance_ms(test.sim, 99999);
  durability_work(&test);
  assert_int_equal(ttl_deleted(&test), 0);
  /* The next pass comes 60 s later, and finds both. */
  world_sim_advance_ms(test.sim, 59000);
  durability_work(&test);
  assert_int_equal(ttl_deleted(&test), 0);
  world_sim_advance_ms(test.sim, 1100);
  durability_work(&test);
  assert_int_equal(ttl_deleted(&test), 2);
  /* At the very second: the clock stands at a sweep. */
  world_sim_advance_ms(test.sim, 61000);
  align_second(&test);
  durability_set(&test, table, 3, now_s(&test));
  durability_set(&test, table, 4, now_s(&test) + 1);
  (void)store_tick(test.store);
  assert_false(has_key(&test, table, 3));
  assert_true(has_key(&test, table, 4));
  durability_end(&test);
}

static void test_ttl_takes_only_plausible_numbers(void **state)
{
  (void)state;
  struct durability test;
  char json[128];
  durability_begin(&test, 1);
  durability_open(&test);
  struct table *table = make_ttl_table(&test, STREAM_OFF);
  int64_t now = now_s(&test);
  int64_t five_years = (int64_t)5 * 365 * 86400;
  durability_set(&test, table, 1, now - five_years);
  durability_set(&test, table, 2, now - five_years + 10);
  snprintf(json, sizeof json, "{\"k\":{\"S\":\"key-3\"},\"v\":{\"S\":\"%" PRId64 "\"}}", now - 5);
  put_json(&test, table, json);
  put_json(&test, table, "{\"k\":{\"S\":\"key-4\"}}");
  put_json(&test, table, "{\"k\":{\"S\":\"key-5\"},\"v\":{\"N\":\"1e30\"}}");
  put_json(&test, table, "{\"k\":{\"S\":\"key-6\"},\"v\":{\"N\":\"-1\"}}");
  durability_set(&test, table, 7, now - 1);
  durability_work(&test);
  assert_int_equal(ttl_deleted(&test), 2);
  for (uint32_t key = 1; key <= 7; key++)
    assert_int_equal(has_key(&test, table, key), key != 2 && key != 7);
  durability_end(&test);
}

static void test_ttl_shows_in_the_stream(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 1);
  durability_open(&test);
  struct table *table = make_ttl_table(&test, STREAM_OLD_IMAGE);
  durability_set(&test, table, 1, now_s(&test) - 1);
  durability_work(&test);
  durability_sync(&test);
  struct stream *stream = store_stream_open(test.store, table, 0, &test.error);
  assert_non_null(stream);
  struct stream_record record;
  assert_int_equal(store_stream_next(stream, &record, &test.error), 1);
  assert_int_equal(record.event, STREAM_INSERT);
  assert_false(record.by_ttl);
  assert_int_equal(store_stream_next(stream, &record, &test.error), 1);
  assert_int_equal(record.event, STREAM_REMOVE);
  assert_true(record.by_ttl);
  assert_true(value_present(record.old_image));
  assert_int_equal(store_stream_next(stream, &record, &test.error), 0);
  store_stream_close(stream);
  durability_end(&test);
}

/* ---- indexes ---- */

static const struct table_index_definition by_group = {
    .name = {(const uint8_t *)"by_group", 8},
    .partition = {{(const uint8_t *)"g", 1}, VALUE_STRING},
    .sort = {{(const uint8_t *)"v", 1}, VALUE_NUMBER},
};

/* The items of one partition of the table's index, in order. */
static size_t read_group(struct durability *test, struct table *table, int group,
                         struct item *found[4096])
{
  struct keyspace_walk walk;
  struct item *items[4096];
  size_t count;
  size_t matching = 0;
  bool done = false;
  char text[16];
  struct keyspace *keyspace = &table->indexes[0]->keyspace;
  assert_true(table->indexes[0]->active);
  index_assert(&keyspace->index);
  keyspace_walk_init(&walk, &test->world->memory, 0, UINT64_MAX);
  assert_true(keyspace_walk_next(&walk, keyspace, items, 4096, &count, &done));
  assert_true(done);
  keyspace_walk_free(&walk);
  snprintf(text, sizeof text, "group-%d", group);
  for (size_t i = 0; i < count; i++) {
    struct bytes name = value_bytes(keyspace_partition_of(keyspace, items[i]));
    if (bytes_equal(name, bytes_of((const uint8_t *)text, strlen(text))))
      found[matching++] = items[i];
  }
  return matching;
}

/* Equal to what an index made with the table would hold, in the same order. */
static void assert_same_index(struct durability *test, struct table *left, struct table *right)
{
  struct item *items[2][4096];
  size_t total = 0;
  for (int group = 0; group < 3; group++) {
    size_t count = read_group(test, left, group, items[0]);
    assert_int_equal(read_group(test, right, group, items[1]), count);
    for (size_t i = 0; i < count; i++)
      assert_true(value_equal(item_value(items[0][i]), item_value(items[1][i])));
    total += count;
  }
  assert_int_equal(total, left->item_count);
}

static void set_both(struct durability *test, struct table *left, struct table *right, uint32_t key,
                     int64_t value)
{
  durability_set(test, left, key, value);
  durability_set(test, right, key, value);
}

static void set_both_random(struct durability *test, struct table *left, struct table *right)
{
  uint32_t key = (uint32_t)random_below(&test->random, 1500);
  int64_t value = (int64_t)random_below(&test->random, 40);
  set_both(test, left, right, key, value);
}

static void test_fill_while_writes_go_on(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 7);
  durability_open(&test);
  struct table *from_start = durability_table(&test, "from-start", true);
  struct table *later = durability_table(&test, "later", false);
  for (uint32_t key = 0; key < 1000; key++)
    set_both(&test, from_start, later, key, (int64_t)(key % 40) + 1);
  assert_int_equal(store_index_create(test.store, later, &by_group, &test.error), STORE_OK);
  assert_false(later->indexes[0]->active);
  int slices = 0;
  while (!later->indexes[0]->active) {
    for (int i = 0; i < 50; i++) set_both_random(&test, from_start, later);
    durability_turn(&test);
    slices++;
  }
  assert_in_range(slices, 3, 20);
  for (int i = 0; i < 100; i++) set_both_random(&test, from_start, later);
  assert_same_index(&test, from_start, later);
  durability_crash(&test, WORLD_SIM_CRASH_KEEP);
  durability_open(&test);
  durability_work(&test);
  assert_same_index(&test, durability_find(&test, "from-start"), durability_find(&test, "later"));
  durability_end(&test);
}

static void test_two_indexes_are_filled_in_one_go(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 8);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", false);
  for (uint32_t key = 0; key < 700; key++) durability_set(&test, table, key, 1 + key % 40);
  struct table_index_definition second = by_group;
  second.name = BYTES("second");
  assert_int_equal(store_index_create(test.store, table, &by_group, &test.error), STORE_OK);
  assert_int_equal(store_index_create(test.store, table, &second, &test.error), STORE_OK);
  /* As long as there is work, tick says so. */
  while (store_tick(test.store)) continue;
  assert_true(table->indexes[0]->active);
  assert_true(table->indexes[1]->active);
  durability_end(&test);
}

static void test_crash_while_an_index_is_filled(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 8; seed++) {
    struct durability test;
    durability_begin(&test, 100 + seed);
    durability_open(&test);
    struct table *from_start = durability_table(&test, "from-start", true);
    struct table *later = durability_table(&test, "later", false);
    for (uint32_t key = 0; key < 600; key++)
      set_both(&test, from_start, later, key, (int64_t)(key % 40) + 1);
    assert_int_equal(store_index_create(test.store, later, &by_group, &test.error), STORE_OK);
    durability_sync(&test);
    if (seed % 2 == 0) assert_int_equal(store_snapshot_begin(test.store, &test.error), STORE_OK);
    for (uint64_t i = 0; i < seed; i++) durability_turn(&test);
    durability_crash(&test, WORLD_SIM_CRASH_RANDOM);
    durability_open(&test);
    from_start = durability_find(&test, "from-start");
    later = durability_find(&test, "later");
    for (int i = 0; i < 50; i++) set_both_random(&test, from_start, later);
    durability_work(&test);
    assert_same_index(&test, from_start, later);
    durability_end(&test);
  }
}

/* A dropped index waits to be freed while the items it points to are replaced and deleted. */
static void test_items_go_before_the_dropped_index(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 9);
  durability_open(&test);
  struct table *table = durability_table(&test, "items", true);
  for (uint32_t key = 0; key < 1500; key++) durability_set(&test, table, key, 1 + key % 40);
  durability_work(&test);
  assert_int_equal(store_index_delete(test.store, table, BYTES("by_group"), &test.error), STORE_OK);
  for (uint32_t key = 0; key < 1500; key++)
    durability_set(&test, table, key, key % 2 == 0 ? 0 : 1000 + key);
  durability_work(&test);
  assert_null(test.store->dropped_indexes);
  assert_int_equal(test.store->tables[0]->item_count, 750);
  durability_end(&test);
}

/* ---- dropping ---- */

static void test_a_dropped_table_goes_in_slices(void **state)
{
  (void)state;
  struct durability test;
  struct store_statistics before;
  struct store_statistics after;
  durability_begin(&test, 10);
  durability_open(&test);
  durability_work(&test);
  store_statistics(test.store, &before);
  struct table *table = durability_table(&test, "items", true);
  for (uint32_t key = 0; key < 2000; key++) durability_set(&test, table, key, 1 + key % 40);
  durability_work(&test);
  assert_int_equal(store_table_delete(test.store, table, &test.error), STORE_OK);
  int slices = 0;
  size_t in_use = test.store->heap.in_use;
  while (test.store->dropped != NULL) {
    assert_true(store_tick(test.store) || test.store->dropped == NULL);
    slices++;
    /* No slice frees more than its 256 items of about 100 bytes and their nodes. */
    assert_true(in_use - test.store->heap.in_use < 256 * 200 || test.store->dropped == NULL);
    in_use = test.store->heap.in_use;
  }
  /* The index and then the items, 256 a slice. */
  assert_in_range(slices, 2000 / 256, 2 * (2000 / 256) + 4);
  store_statistics(test.store, &after);
  assert_int_equal(after.item_bytes, before.item_bytes);
  durability_end(&test);
}

static void test_an_idle_store_says_so(void **state)
{
  (void)state;
  struct durability test;
  durability_begin(&test, 11);
  durability_open(&test);
  struct table *table = make_ttl_table(&test, STREAM_NEW_IMAGE);
  durability_set(&test, table, 1, now_s(&test) + 3600);
  durability_sync(&test);
  durability_snapshot(&test);
  durability_work(&test);
  for (int i = 0; i < 100; i++) {
    bool idle = false;
    assert_false(store_tick(test.store));
    assert_true(store_step(test.store, &idle, &test.error));
    assert_true(idle);
    world_sim_advance_ms(test.sim, 10);
  }
  durability_end(&test);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ttl_expires_at_exactly_the_second),
      cmocka_unit_test(test_ttl_takes_only_plausible_numbers),
      cmocka_unit_test(test_ttl_shows_in_the_stream),
      cmocka_unit_test(test_fill_while_writes_go_on),
      cmocka_unit_test(test_two_indexes_are_filled_in_one_go),
      cmocka_unit_test(test_crash_while_an_index_is_filled),
      cmocka_unit_test(test_items_go_before_the_dropped_index),
      cmocka_unit_test(test_a_dropped_table_goes_in_slices),
      cmocka_unit_test(test_an_idle_store_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
