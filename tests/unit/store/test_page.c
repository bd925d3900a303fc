#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct store_page run(struct store_fixture *fixture, const struct store_query *query)
{
  struct store_page page;
  enum store_status status =
      query->key_condition == NULL
          ? store_scan(fixture->store, query, &fixture->answers, &page, &fixture->error)
          : store_query(fixture->store, query, &fixture->answers, &page, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  return page;
}

/* Items p 'p', s 1 to count, with a text of `size` letters. */
static struct table *filled(struct store_fixture *fixture, const char *line, int count, int size)
{
  static char text[ITEM_SIZE_MAX];
  memset(text, 'x', sizeof text);
  struct table *table = store_fixture_table(fixture, line);
  for (int i = 1; i <= count; i++) {
    store_fixture_put(fixture, table,
                      "{'p':{'S':'p'},'s':{'N':'%d'},'odd':{'BOOL':%s},"
                      "'t':{'S':'%.*s'}}",
                      i, i % 2 == 1 ? "true" : "false", size, text);
    if (size > 10000) store_fixture_settle(fixture);
  }
  return table;
}

/* The limit counts what is read, the filter comes after it. */
static void test_filter_and_limit(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = filled(fixture, "items p:S s:N", 10, 1);
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table,
                                             .key_condition = "p = :p",
                                             .filter = "odd = :yes",
                                             .projection = "s",
                                             .values = "{':p':{'S':'p'},':yes':{'BOOL':true}}"});
  static const struct {
    uint32_t limit;
    const char *list;
    uint32_t scanned;
    const char *last_key;
  } cases[] = {
      {0, "1 3 5 7 9", 10, NULL},
      {11, "1 3 5 7 9", 10, NULL},
      {10, "1 3 5 7 9", 10, "{'p':{'S':'p'},'s':{'N':'10'}}"},
      {4, "1 3", 4, "{'p':{'S':'p'},'s':{'N':'4'}}"},
      {1, "1", 1, "{'p':{'S':'p'},'s':{'N':'1'}}"},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    query.limit = cases[i].limit;
    query.count_only = false;
    struct store_page page = run(fixture, &query);
    assert_string_equal(store_fixture_list(fixture, &page, "s"), cases[i].list);
    assert_int_equal(page.scanned, cases[i].scanned);
    store_fixture_expect_item(fixture, page.last_key, cases[i].last_key);
    store_fixture_expect_item(fixture, page.items[0], "{'s':{'N':'1'}}");
    query.count_only = true;
    struct store_page counted = run(fixture, &query);
    assert_null(counted.items);
    assert_int_equal(counted.count, page.count);
    assert_int_equal(counted.scanned, page.scanned);
    assert_int_equal(counted.scanned_bytes, page.scanned_bytes);
    store_fixture_expect_item(fixture, counted.last_key, cases[i].last_key);
  }
  /* A page that shows nothing still says where to go on. */
  query.start_key = store_fixture_item(fixture, "{'p':{'S':'p'},'s':{'N':'1'}}");
  query.limit = 1;
  struct store_page page = run(fixture, &query);
  assert_int_equal(page.count, 0);
  assert_int_equal(page.scanned, 1);
  store_fixture_expect_item(fixture, page.last_key, "{'p':{'S':'p'},'s':{'N':'2'}}");
}

/* A page ends with the item that reaches 1 MB. */
static void test_page_size(void **state)
{
  struct store_fixture *fixture = *state;
  /* p 2, s 1 + 2, odd 3 + 1, t 1 + text */
  const int item_bytes = 100000;
  struct table *table = filled(fixture, "items p:S s:N | by_s s:N p:S KEYS", 25, item_bytes - 10);
  struct store_query queries[] = {
      store_fixture_query(fixture, &(struct store_fixture_query){.table = table,
                                                                 .key_condition = "p = :p",
                                                                 .values = "{':p':{'S':'p'}}"}),
      store_fixture_query(fixture, &(struct store_fixture_query){.table = table}),
  };
  for (size_t i = 0; i < LENGTH_OF(queries); i++) {
    for (int count_only = 0; count_only < 2; count_only++) {
      uint32_t scanned = 0;
      int pages = 0;
      queries[i].count_only = count_only;
      queries[i].start_key = VALUE_NONE;
      do {
        struct store_page page = run(fixture, &queries[i]);
        scanned += page.scanned;
        assert_int_equal(page.scanned, ++pages == 3 ? 3 : 11);
        assert_int_equal(page.scanned_bytes, page.scanned * (size_t)item_bytes);
        queries[i].start_key = page.last_key;
      } while (value_present(queries[i].start_key));
      assert_int_equal(scanned, 25);
    }
  }
  /* Only what an index holds of an item counts. */
  struct store_query index = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table, .index = "by_s"});
  struct store_page page = run(fixture, &index);
  assert_int_equal(page.scanned, 25);
  assert_int_equal(page.scanned_bytes, 25 * 5);
}

static void test_projections_of_indexes(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(
      fixture, "items p:S s:N | all q:S r:N | keys q:S r:N KEYS | some q:S r:N INCLUDE a b");
  store_fixture_put(fixture, table,
                    "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'N':'2'},'a':{'L':[]},"
                    "'c':{'S':'c'},'m':{'M':{'b':{'NULL':true}}}}");
  /* Sparse: these lack a key of the indexes. */
  store_fixture_put(fixture, table, "{'p':{'S':'p'},'s':{'N':'2'},'q':{'S':'q'}}");
  store_fixture_put(fixture, table, "{'p':{'S':'p'},'s':{'N':'3'},'r':{'N':'2'}}");
  static const struct {
    const char *index, *projection, *item;
  } cases[] = {
      {"all", NULL,
       "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'N':'2'},'a':{'L':[]},"
       "'c':{'S':'c'},'m':{'M':{'b':{'NULL':true}}}}"},
      {"all", "m.b, c", "{'c':{'S':'c'},'m':{'M':{'b':{'NULL':true}}}}"},
      {"keys", NULL, "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'N':'2'}}"},
      {"keys", "c, s", "{'s':{'N':'1'}}"},
      {"some", NULL, "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'N':'2'},'a':{'L':[]}}"},
      {"some", "m, a", "{'a':{'L':[]}}"},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    for (int scan = 0; scan < 2; scan++) {
      struct store_query query = store_fixture_query(
          fixture, &(struct store_fixture_query){.table = table,
                                                 .index = cases[i].index,
                                                 .key_condition = scan ? NULL : "q = :q",
                                                 .projection = cases[i].projection,
                                                 .values = "{':q':{'S':'q'}}"});
      struct store_page page = run(fixture, &query);
      assert_int_equal(page.count, 1);
      assert_int_equal(page.scanned, 1);
      store_fixture_expect_item(fixture, page.items[0], cases[i].item);
    }
  }
  /* A filter sees what the index holds. */
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table,
                                             .index = "some",
                                             .key_condition = "q = :q",
                                             .filter = "attribute_exists(c)",
                                             .values = "{':q':{'S':'q'}}"});
  assert_int_equal(run(fixture, &query).count, 0);
  query.index = BYTES("all");
  assert_int_equal(run(fixture, &query).count, 1);
}

/* The last key of an index holds its keys and the table's, each name once. */
static void test_last_key_of_an_index(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items p:S s:N | by_q q:S s:N | by_s s:N p:S");
  store_fixture_put(fixture, table, "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'c':{'S':'c'}}");
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table, .index = "by_q"});
  query.limit = 1;
  struct store_page page = run(fixture, &query);
  store_fixture_expect_item(fixture, page.last_key, "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'}}");
  query.start_key = page.last_key;
  assert_int_equal(run(fixture, &query).count, 0);
  query.index = BYTES("by_s");
  query.start_key = VALUE_NONE;
  page = run(fixture, &query);
  store_fixture_expect_item(fixture, page.last_key, "{'p':{'S':'p'},'s':{'N':'1'}}");
}

static void test_wrong_start_keys(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items p:S s:N | by_q q:S r:N");
  store_fixture_put(fixture, table, "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'N':'2'}}");
  static const struct {
    const char *index, *start_key;
  } cases[] = {
      {NULL, "{'p':{'S':'p'}}"},
      {NULL, "{'p':{'S':'p'},'s':{'S':'1'}}"},
      {NULL, "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'}}"},
      {NULL, "{}"},
      {"by_q", "{'p':{'S':'p'},'s':{'N':'1'}}"},
      {"by_q", "{'q':{'S':'q'},'r':{'N':'2'}}"},
      {"by_q", "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'S':'2'}}"},
      {"by_q", "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'x':{'N':'2'}}"},
      {"by_q", "{'p':{'S':'p'},'s':{'N':'1'},'q':{'S':'q'},'r':{'N':'2'},'x':{'N':'2'}}"},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    for (int scan = 0; scan < 2; scan++) {
      struct store_query query = store_fixture_query(
          fixture,
          &(struct store_fixture_query){.table = table,
                                        .index = cases[i].index,
                                        .key_condition = scan                     ? NULL
                                                         : cases[i].index == NULL ? "p = :p"
                                                                                  : "q = :q",
                                        .values = "{':p':{'S':'p'},':q':{'S':'q'}}"});
      query.start_key = store_fixture_item(fixture, "%s", cases[i].start_key);
      struct store_page page;
      enum store_status status =
          scan ? store_scan(fixture->store, &query, &fixture->answers, &page, &fixture->error)
               : store_query(fixture->store, &query, &fixture->answers, &page, &fixture->error);
      store_fixture_expect(fixture, status, STORE_VALIDATION,
                           "The provided starting key is invalid: The provided key element does "
                           "not match the schema");
    }
  }
}

/* An index that is being filled cannot be read, and then has all. */
static void test_index_in_the_making(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = filled(fixture, "items p:S s:N", 1000, 1);
  const struct table_index_definition definition = {.name = BYTES("by_t"),
                                                    .partition = {BYTES("t"), VALUE_STRING}};
  enum store_status status = store_index_create(fixture->store, table, &definition,
                                                &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table,
                                             .index = "by_t",
                                             .key_condition = "t = :t",
                                             .values = "{':t':{'S':'x'}}"});
  struct store_page page;
  store_tick(fixture->store);
  status = store_query(fixture->store, &query, &fixture->answers, &page, &fixture->error);
  store_fixture_expect(
      fixture, status, STORE_VALIDATION,
      "Cannot read from backfilling global secondary index: by_t; try again later");
  /* Changes behind and before the fill. */
  for (int i = 1; i <= 1000; i += 3)
    store_fixture_delete(fixture, table, "{'p':{'S':'p'},'s':{'N':'%d'}}", i);
  for (int i = 2; i <= 1000; i += 3)
    store_fixture_put(fixture, table, "{'p':{'S':'p'},'s':{'N':'%d'},'t':{'S':'y'}}", i);
  store_fixture_settle(fixture);
  assert_int_equal(run(fixture, &query).count, 333);
  query.values = store_fixture_values(fixture, "{':t':{'S':'y'}}").values;
  assert_int_equal(run(fixture, &query).count, 333);
}

static void test_no_memory(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items p:S s:N | some q:S INCLUDE a");
  for (int i = 0; i < 40; i++)
    store_fixture_put(fixture, table,
                      "{'p':{'S':'p'},'s':{'N':'%d'},'q':{'S':'q'},'a':{'S':'a'},'b':{'S':'b'}}",
                      i);
  struct memory *memory = &fixture->world->memory;
  for (int scan = 0; scan < 2; scan++) {
    struct store_query query = store_fixture_query(
        fixture, &(struct store_fixture_query){.table = table,
                                               .index = "some",
                                               .key_condition = scan ? NULL : "q = :q",
                                               .filter = "size(a) = :one",
                                               .projection = "a, s",
                                               .values = "{':q':{'S':'q'},':one':{'N':'1'}}"});
    query.limit = 40;
    enum store_status status = STORE_UNAVAILABLE;
    for (uint64_t n = 1; status != STORE_OK; n++) {
      struct store_page page;
      arena_free(&fixture->answers);
      size_t before = memory->in_use;
      memory->fail_at = memory->calls + n;
      status = scan
                   ? store_scan(fixture->store, &query, &fixture->answers, &page, &fixture->error)
                   : store_query(fixture->store, &query, &fixture->answers, &page, &fixture->error);
      memory->fail_at = 0;
      if (status == STORE_OK) {
        assert_true(n > 10);
        assert_int_equal(page.count, 40);
        break;
      }
      assert_int_equal(status, STORE_UNAVAILABLE);
      assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
      arena_free(&fixture->answers);
      assert_int_equal(memory->in_use, before);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_filter_and_limit),
      TEST(test_page_size),
      TEST(test_projections_of_indexes),
      TEST(test_last_key_of_an_index),
      TEST(test_wrong_start_keys),
      TEST(test_index_in_the_making),
      TEST(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
