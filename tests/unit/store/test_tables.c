#include "store/engine.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY(text, value_type) ((struct table_key){BYTES(text), value_type})

static int setup(void **state)
{
  static struct store_fixture fixture;
  const struct store_options options = {.segment_bytes = 1 << 20, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 1, &options);
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  store_fixture_close(*state);
  return 0;
}

static struct table_index_definition owners(void)
{
  return (struct table_index_definition){.name = BYTES("owners"),
                                         .partition = KEY("owner", VALUE_STRING)};
}

static struct table_definition seats(void)
{
  return (struct table_definition){.name = BYTES("seats"),
                                   .partition = KEY("id", VALUE_STRING),
                                   .sort = KEY("at", VALUE_NUMBER)};
}

static struct table *create(struct store_fixture *fixture,
                            const struct table_definition *definition)
{
  struct table *table = NULL;
  enum store_status status = store_table_create(fixture->store, definition, &table,
                                                &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  return table;
}

static struct table *find(struct store_fixture *fixture, const char *name)
{
  return store_table(fixture->store, bytes_of_text(name));
}

static void delete (struct store_fixture *fixture, const char *name)
{
  enum store_status status = store_table_delete(fixture->store, find(fixture, name),
                                                &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
}

static struct table_description describe(const struct table *table)
{
  struct table_description description;
  store_table_describe(table, &description);
  return description;
}

/* Reopened and crashed, all that can be seen is as it was. */
static void expect_survives(struct store_fixture *fixture)
{
  store_fixture_settle(fixture);
  const char *before = store_fixture_dump(fixture);
  store_fixture_reopen(fixture);
  assert_string_equal(store_fixture_dump(fixture), before);
  store_fixture_crash(fixture);
  assert_string_equal(store_fixture_dump(fixture), before);
  store_fixture_snapshot(fixture);
  store_fixture_crash(fixture);
  assert_string_equal(store_fixture_dump(fixture), before);
}

static void test_create_and_describe(void **state)
{
  struct store_fixture *fixture = *state;
  const struct bytes include[] = {BYTES("row"), BYTES("price")};
  const struct table_index_definition indexes[] = {
      owners(),
      {.name = BYTES("times"),
       .partition = KEY("at", VALUE_NUMBER),
       .sort = KEY("tag", VALUE_BINARY),
       .projection = PROJECTION_INCLUDE,
       .include = include,
       .include_count = 2},
  };
  struct table_definition definition = seats();
  definition.indexes = indexes;
  definition.index_count = 2;
  definition.ttl_attribute = BYTES("until");
  definition.stream = STREAM_OLD_IMAGE;
  definition.deletion_protection = true;
  int64_t now_ms = world_clock_ms(fixture->world);
  struct table *table = create(fixture, &definition);
  for (int opened = 0; opened < 2; opened++) {
    struct table_description description = describe(table);
    assert_int_equal(description.id, 1);
    assert_int_equal(description.state, TABLE_ACTIVE);
    assert_int_equal(description.created_ms, now_ms);
    assert_int_equal(description.item_count, 0);
    assert_int_equal(description.stream_since, 1);
    assert_true(bytes_equal(description.definition.name, BYTES("seats")));
    assert_true(bytes_equal(description.definition.partition.name, BYTES("id")));
    assert_true(bytes_equal(description.definition.sort.name, BYTES("at")));
    assert_int_equal(description.definition.sort.type, VALUE_NUMBER);
    assert_true(bytes_equal(description.definition.ttl_attribute, BYTES("until")));
    assert_int_equal(description.definition.stream, STREAM_OLD_IMAGE);
    assert_true(description.definition.deletion_protection);
    assert_int_equal(description.definition.index_count, 2);
    assert_true(description.index_active[0] && description.index_active[1]);
    const struct table_index_definition *times = &description.definition.indexes[1];
    assert_true(bytes_equal(times->name, BYTES("times")));
    assert_int_equal(times->projection, PROJECTION_INCLUDE);
    assert_int_equal(times->include_count, 2);
    assert_true(bytes_equal(times->include[1], BYTES("price")));
    expect_survives(fixture);
    table = find(fixture, "seats");
  }
}

static void test_create_refuses(void **state)
{
  struct store_fixture *fixture = *state;
  struct table_definition definition = seats();
  struct table *table = NULL;
  create(fixture, &definition);
  enum store_status status = store_table_create(fixture->store, &definition, &table,
                                                &fixture->error);
  store_fixture_expect(fixture, status, STORE_IN_USE, "Table already exists: seats");
  assert_int_equal(fixture->error.code, ERROR_EXISTS);
  definition.name = BYTES("se");
  status = store_table_create(fixture->store, &definition, &table, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "TableName must be at least 3 characters long and at most 255 characters "
                       "long");
  assert_null(table);
  assert_int_equal(store_appended(fixture->store), 1);
}

static void test_tables_in_order_of_names(void **state)
{
  struct store_fixture *fixture = *state;
  static const char *const names[] = {"mmm", "aaa", "zzz", "aaaa", "MMM", "a-b", "0.0"};
  static const char *const sorted[] = {"0.0", "MMM", "a-b", "aaa", "aaaa", "mmm", "zzz"};
  struct table_definition definition = seats();
  assert_null(store_table_next(fixture->store, BYTES("")));
  for (int i = 0; i < 7; i++) {
    definition.name = bytes_of_text(names[i]);
    create(fixture, &definition);
  }
  struct bytes after = BYTES("");
  for (int i = 0; i < 7; i++) {
    struct table *table = store_table_next(fixture->store, after);
    after = describe(table).definition.name;
    assert_true(bytes_equal(after, bytes_of_text(sorted[i])));
    assert_ptr_equal(find(fixture, sorted[i]), table);
  }
  assert_null(store_table_next(fixture->store, after));
  assert_null(find(fixture, "aaaaa"));
  assert_null(find(fixture, ""));
  /* A name that is not there stands where it would be. */
  after = describe(store_table_next(fixture->store, BYTES("aab"))).definition.name;
  assert_true(bytes_equal(after, BYTES("mmm")));
  expect_survives(fixture);
}

static void test_delete(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S | owners owner:S");
  for (int i = 0; i < 600; i++)
    store_fixture_put(fixture, table, "{'id':{'S':'%d'},'owner':{'S':'o'}}", i);
  struct store_statistics statistics;
  delete (fixture, "seats");
  assert_null(find(fixture, "seats"));
  /* The same name at once, while the old one is being freed: empty, with another id. */
  table = store_fixture_table(fixture, "seats id:S");
  assert_int_equal(describe(table).id, 2);
  assert_int_equal(describe(table).item_count, 0);
  store_fixture_put(fixture, table, "{'id':{'S':'new'}}");
  expect_survives(fixture);
  table = find(fixture, "seats");
  assert_int_equal(describe(table).id, 2);
  store_fixture_expect_stored(fixture, table, "{'id':{'S':'new'}}", "{'id':{'S':'new'}}");
  store_fixture_expect_stored(fixture, table, "{'id':{'S':'7'}}", NULL);
  delete (fixture, "seats");
  store_fixture_settle(fixture);
  store_statistics(fixture->store, &statistics);
  assert_int_equal(statistics.items, 0);
  assert_true(statistics.item_bytes <= 2 * INDEX_PAGE_BYTES);
}

/* Also not after a snapshot in which the newest table is no more (E4). */
static void test_ids_are_never_used_again(void **state)
{
  struct store_fixture *fixture = *state;
  for (uint32_t id = 1; id < 8; id++) {
    struct table *table = store_fixture_table(fixture, "seats id:S");
    assert_int_equal(describe(table).id, id);
    delete (fixture, "seats");
    store_fixture_settle(fixture);
    if (id % 2 == 0) store_fixture_snapshot(fixture);
    if (id % 3 == 0) store_fixture_reopen(fixture);
    if (id % 3 == 1) store_fixture_crash(fixture);
  }
}

static void test_deletion_protection(void **state)
{
  struct store_fixture *fixture = *state;
  struct table_definition definition = seats();
  definition.deletion_protection = true;
  create(fixture, &definition);
  expect_survives(fixture);
  struct table *table = find(fixture, "seats");
  enum store_status status = store_table_delete(fixture->store, table, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "Resource cannot be deleted as it is currently protected against deletion. "
                       "Disable deletion protection first.");
  struct table_settings settings = {.deletion_protection = false};
  status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  expect_survives(fixture);
  delete (fixture, "seats");
}

static void test_update(void **state)
{
  struct store_fixture *fixture = *state;
  struct table_definition definition = seats();
  struct table *table = create(fixture, &definition);
  struct table_settings settings = {BYTES("until"), STREAM_NEW_IMAGE, true};
  enum store_status status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  struct table_description description = describe(table);
  assert_true(bytes_equal(description.definition.ttl_attribute, BYTES("until")));
  assert_int_equal(description.definition.stream, STREAM_NEW_IMAGE);
  assert_true(description.definition.deletion_protection);
  assert_int_equal(description.stream_since, 2);
  expect_survives(fixture);
  /* What is described may be handed back; the stream goes on. */
  table = find(fixture, "seats");
  description = describe(table);
  settings = (struct table_settings){description.definition.ttl_attribute, STREAM_NEW_IMAGE, false};
  status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(describe(table).stream_since, 2);
  settings.ttl_attribute = BYTES("");
  settings.stream = STREAM_KEYS_ONLY;
  status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(describe(table).stream_since, 4);
  assert_int_equal(describe(table).definition.ttl_attribute.size, 0);
  uint8_t name[ATTRIBUTE_KEY_NAME_MAX + 1];
  memset(name, 't', sizeof name);
  settings.ttl_attribute = bytes_of(name, sizeof name);
  status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "The TTL attribute's name may have at most 255 bytes of UTF-8");
  settings.ttl_attribute = BYTES("\xFF");
  status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "The TTL attribute's name may have at most 255 bytes of UTF-8");
  expect_survives(fixture);
}

/* ---- indexes ---- */

static void create_owners(struct store_fixture *fixture, struct table *table)
{
  struct table_index_definition index = owners();
  enum store_status status = store_index_create(fixture->store, table, &index, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
}

static void delete_owners(struct store_fixture *fixture, struct table *table)
{
  enum store_status status = store_index_delete(fixture->store, table, BYTES("owners"),
                                                &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
}

static uint32_t count_in_index(struct store_fixture *fixture, struct table *table)
{
  struct store_query query = {.table = table, .index = BYTES("owners")};
  struct store_page page;
  enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                        &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  return page.count;
}

static void test_index_is_filled(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  create_owners(fixture, table);
  assert_true(describe(table).index_active[0]);
  delete_owners(fixture, table);
  for (int i = 0; i < 700; i++)
    store_fixture_put(fixture, table, "{'id':{'S':'%d'},'%s':{'S':'o%d'}}", i,
                      i % 7 == 0 ? "guest" : "owner", i % 5);
  create_owners(fixture, table);
  assert_false(describe(table).index_active[0]);
  store_tick(fixture->store);
  assert_false(describe(table).index_active[0]);
  /* Between the slices items change. */
  store_fixture_delete(fixture, table, "{'id':{'S':'1'}}");
  store_fixture_put(fixture, table, "{'id':{'S':'0'},'owner':{'S':'o1'}}");
  store_fixture_settle(fixture);
  assert_true(describe(table).index_active[0]);
  assert_int_equal(count_in_index(fixture, table), 600);
  expect_survives(fixture);
  assert_int_equal(count_in_index(fixture, find(fixture, "seats")), 600);
}

/* An index that goes while it is filled, and items that go while it is freed. */
static void test_index_is_dropped_while_items_change(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  for (int i = 0; i < 700; i++)
    store_fixture_put(fixture, table, "{'id':{'S':'%d'},'owner':{'S':'o'}}", i);
  for (int round = 0; round < 2; round++) {
    create_owners(fixture, table);
    store_tick(fixture->store);
    if (round == 1) store_fixture_settle(fixture);
    delete_owners(fixture, table);
    for (int i = round * 300; i < round * 300 + 300; i++)
      store_fixture_delete(fixture, table, "{'id':{'S':'%d'}}", i);
    store_tick(fixture->store);
  }
  create_owners(fixture, table);
  delete (fixture, "seats");
  store_fixture_settle(fixture);
  table = store_fixture_table(fixture, "seats id:S");
  assert_int_equal(describe(table).item_count, 0);
  expect_survives(fixture);
}

/* Items from before the index whose key it cannot take are not in it. */
static void test_index_over_keys_it_cannot_take(void **state)
{
  struct store_fixture *fixture = *state;
  char letters[20001];
  memset(letters, 'a', sizeof letters);
  struct table *table = store_fixture_table(fixture, "seats id:S");
  static const int sizes[] = {0, 1, 2048, 2049, 4096, 20000};
  for (int i = 0; i < 6; i++)
    store_fixture_put(fixture, table, "{'id':{'S':'%d'},'owner':{'S':'%.*s'}}", i, sizes[i],
                      letters);
  store_fixture_put(fixture, table, "{'id':{'S':'n'},'owner':{'N':'1'}}");
  create_owners(fixture, table);
  store_fixture_settle(fixture);
  assert_int_equal(count_in_index(fixture, table), 2);
  store_fixture_delete(fixture, table, "{'id':{'S':'5'}}");
  store_fixture_put(fixture, table, "{'id':{'S':'4'},'owner':{'S':'short'}}");
  assert_int_equal(count_in_index(fixture, table), 3);
  expect_survives(fixture);
}

static void test_index_refusals(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  create_owners(fixture, table);
  struct table_index_definition index = owners();
  enum store_status status = store_index_create(fixture->store, table, &index, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "One or more parameter values were invalid: Duplicate index name: owners");
  status = store_index_delete(fixture->store, table, BYTES("owner"), &fixture->error);
  store_fixture_expect(fixture, status, STORE_NOT_FOUND,
                       "The table does not have the specified index: owner");
  for (int i = 1; i < TABLE_INDEXES_MAX; i++) {
    char name[32];
    snprintf(name, sizeof name, "index-%d", i);
    index.name = bytes_of_text(name);
    status = store_index_create(fixture->store, table, &index, &fixture->error);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
  }
  index.name = BYTES("index-20");
  status = store_index_create(fixture->store, table, &index, &fixture->error);
  store_fixture_expect(fixture, status, STORE_LIMIT,
                       "Table seats has 20 indexes already, the most a table can have");
  expect_survives(fixture);
  table = find(fixture, "seats");
  assert_int_equal(describe(table).definition.index_count, 20);
  delete_owners(fixture, table);
  status = store_index_create(fixture->store, table, &index, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  expect_survives(fixture);
}

/* ---- what fails changes nothing ---- */

/* Each way to change tables; NULL definitions come from above. */
enum { CHANGES = 5 };

static enum store_status change(struct store_fixture *fixture, int kind)
{
  struct store *store = fixture->store;
  struct table *table = find(fixture, "seats");
  struct table_index_definition index = owners();
  struct table_definition definition = seats();
  struct table_settings settings = {BYTES("until"), STREAM_NEW_AND_OLD_IMAGES, true};
  definition.name = BYTES("other");
  switch (kind) {
  case 0:
    return store_table_create(store, &definition, &table, &fixture->error);
  case 1:
    return store_table_update(store, table, &settings, &fixture->error);
  case 2:
    return store_index_create(store, table, &index, &fixture->error);
  case 3:
    return store_index_delete(store, table, BYTES("prices"), &fixture->error);
  default:
    return store_table_delete(store, table, &fixture->error);
  }
}

static void test_busy_tables_are_left_alone(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S | prices price:N");
  table->state = TABLE_CREATING;
  for (int kind = 1; kind < CHANGES; kind++)
    store_fixture_expect(fixture, change(fixture, kind), STORE_IN_USE,
                         "Attempt to change a resource which is still in use: Table is being "
                         "created: seats");
  table->state = TABLE_ACTIVE;
}

static void test_every_allocation_can_fail(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S | prices price:N");
  store_fixture_put(fixture, table, "{'id':{'S':'a'},'price':{'N':'1'}}");
  store_fixture_settle(fixture);
  struct memory *memory = &fixture->world->memory;
  for (int kind = 0; kind < CHANGES; kind++) {
    enum store_status status = STORE_UNAVAILABLE;
    /* A deletion's record is the last change: protection goes first. */
    struct table_settings settings = {.deletion_protection = false};
    assert_int_equal(
        store_table_update(fixture->store, find(fixture, "seats"), &settings, &fixture->error),
        STORE_OK);
    for (uint64_t n = 1; status != STORE_OK; n++) {
      const char *before = store_fixture_dump(fixture);
      uint64_t appended = store_appended(fixture->store);
      memory->fail_at = memory->calls + n;
      status = change(fixture, kind);
      bool hit = memory->calls >= memory->fail_at;
      memory->fail_at = 0;
      assert_int_equal(status == STORE_OK, !hit);
      if (status == STORE_OK) break;
      store_fixture_expect(fixture, status, STORE_UNAVAILABLE,
                           "No memory for this request; nothing was changed, retry later");
      assert_string_equal(store_fixture_dump(fixture), before);
      assert_int_equal(store_appended(fixture->store), appended);
    }
    store_fixture_settle(fixture);
  }
  expect_survives(fixture);
}

static void test_full_disk(void **state)
{
  (void)state;
  struct store_fixture fixture;
  const struct store_options options = {.segment_bytes = LOG_SEGMENT_BYTES_MIN,
                                        .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 1, &options);
  struct table *table = store_fixture_table(&fixture, "seats id:S | prices price:N");
  store_fixture_put(&fixture, table, "{'id':{'S':'a'},'price':{'N':'1'}}");
  store_fixture_settle(&fixture);
  world_sim_settings(fixture.sim)->disk_bytes = 1;
  /* What was allocated before is still there to be used up. */
  enum store_status status = STORE_OK;
  struct table_settings settings = {.stream = STREAM_OFF};
  for (int i = 0; i < 10000 && status == STORE_OK; i++) {
    settings.stream = settings.stream == STREAM_OFF ? STREAM_KEYS_ONLY : STREAM_OFF;
    status = store_table_update(fixture.store, table, &settings, &fixture.error);
  }
  store_fixture_expect(&fixture, status, STORE_UNAVAILABLE, NULL);
  /* Nor is there room for any shorter definition. */
  const struct store_fixture_action put = {
      .kind = ACTION_PUT, .table = table, .item = "{'id':{'S':'a'}}"};
  while ((status = store_fixture_write(&fixture, &put, RETURN_NONE, NULL)) == STORE_OK) continue;
  store_fixture_expect(&fixture, status, STORE_UNAVAILABLE, NULL);
  for (int kind = 0; kind < CHANGES; kind++) {
    const char *before = store_fixture_dump(&fixture);
    uint64_t since = table->stream_since;
    uint64_t appended = store_appended(fixture.store);
    status = change(&fixture, kind);
    /* A deletion's record is short: room for it may be left. */
    if (kind == CHANGES - 1 && status == STORE_OK) break;
    store_fixture_expect(&fixture, status, STORE_UNAVAILABLE, NULL);
    assert_int_not_equal(fixture.error.message[0], 0);
    assert_string_equal(store_fixture_dump(&fixture), before);
    assert_int_equal(table->stream_since, since);
    assert_int_equal(store_appended(fixture.store), appended);
  }
  world_sim_settings(fixture.sim)->disk_bytes = 0;
  store_fixture_settle(&fixture);
  store_fixture_expect(&fixture, change(&fixture, 0), STORE_OK, NULL);
  expect_survives(&fixture);
  store_fixture_close(&fixture);
}

static void test_most_tables(void **state)
{
  struct store_fixture *fixture = *state;
  struct table_definition definition = {.partition = KEY("id", VALUE_STRING)};
  struct table *table;
  char name[32];
  for (int i = 0; i <= TABLES_MAX; i++) {
    snprintf(name, sizeof name, "table-%d", i * 7919 % 10007);
    definition.name = bytes_of_text(name);
    enum store_status status = store_table_create(fixture->store, &definition, &table,
                                                  &fixture->error);
    if (i == TABLES_MAX)
      store_fixture_expect(fixture, status, STORE_LIMIT,
                           "There are 2500 tables already, the most a store can have");
    else
      store_fixture_expect(fixture, status, STORE_OK, NULL);
  }
  store_fixture_reopen(fixture);
  assert_null(find(fixture, name));
  delete (fixture, "table-0");
  create(fixture, &definition);
  assert_non_null(find(fixture, name));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_create_and_describe),
      TEST(test_create_refuses),
      TEST(test_tables_in_order_of_names),
      TEST(test_delete),
      TEST(test_ids_are_never_used_again),
      TEST(test_deletion_protection),
      TEST(test_update),
      TEST(test_index_is_filled),
      TEST(test_index_is_dropped_while_items_change),
      TEST(test_index_over_keys_it_cannot_take),
      TEST(test_index_refusals),
      TEST(test_busy_tables_are_left_alone),
      TEST(test_every_allocation_can_fail),
      cmocka_unit_test(test_full_disk),
      TEST(test_most_tables),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
