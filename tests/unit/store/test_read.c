#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MISMATCH     "The provided key element does not match the schema"
#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static void test_status_names(void **state)
{
  (void)state;
  assert_string_equal(store_status_name(STORE_OK), "OK");
  assert_string_equal(store_status_name(STORE_VALIDATION), "ValidationException");
  assert_string_equal(store_status_name(STORE_NOT_FOUND), "ResourceNotFoundException");
  assert_string_equal(store_status_name(STORE_IN_USE), "ResourceInUseException");
  assert_string_equal(store_status_name(STORE_LIMIT), "LimitExceededException");
  assert_string_equal(store_status_name(STORE_TOKEN_MISMATCH),
                      "IdempotentParameterMismatchException");
  assert_string_equal(store_status_name(STORE_CONDITION_FAILED), "ConditionalCheckFailedException");
  assert_string_equal(store_status_name(STORE_CANCELED), "TransactionCanceledException");
  assert_string_equal(store_status_name(STORE_UNAVAILABLE), "ServiceUnavailable");
}

/* Partitions of one item and of several are found in different ways. */
static void test_find(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S place:N");
  struct table *plain = store_fixture_table(fixture, "plain id:B");
  store_fixture_put(fixture, table, "{'id':{'S':'one'},'place':{'N':'1'}}");
  for (int i = 1; i <= 3; i++)
    store_fixture_put(fixture, table, "{'id':{'S':'three'},'place':{'N':'%d'}}", i);
  store_fixture_put(fixture, plain, "{'id':{'B':'eA=='}}");
  struct value keys = store_fixture_item(
      fixture, "{'one':{'S':'one'},'three':{'S':'three'},'1':{'N':'1.00'},'4':{'N':'4'},"
               "'x':{'B':'eA=='},'s1':{'S':'1'},'sx':{'S':'x'},'bool':{'BOOL':true},"
               "'list':{'L':[]},'null':{'NULL':true},'none':{'S':'none'}}");
  const struct {
    const struct table *table;
    const char *partition, *sort;
    const char *found;
  } cases[] = {
      {table, "one", "1", "{'id':{'S':'one'},'place':{'N':'1'}}"},
      {table, "three", "1", "{'id':{'S':'three'},'place':{'N':'1'}}"},
      {plain, "x", "absent", "{'id':{'B':'eA=='}}"},
      {table, "none", "1", NULL},
      {table, "one", "4", NULL},
      {table, "three", "4", NULL},
      /* values of other types */
      {plain, "sx", "absent", NULL},
      {table, "x", "1", NULL},
      {table, "bool", "1", NULL},
      {table, "absent", "1", NULL},
      {table, "one", "s1", NULL},
      {table, "three", "s1", NULL},
      {table, "three", "bool", NULL},
      {table, "three", "list", NULL},
      {table, "three", "null", NULL},
      {table, "three", "absent", NULL},
      {table, "one", "absent", NULL},
      {plain, "x", "1", NULL},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    struct value partition = value_attribute(keys, bytes_of_text(cases[i].partition));
    struct value sort = value_attribute(keys, bytes_of_text(cases[i].sort));
    store_fixture_expect_item(fixture, store_find(cases[i].table, partition, sort), cases[i].found);
  }
}

static enum store_status get(struct store_fixture *fixture, const struct table *table,
                             const char *key, const char *projection, struct value *item)
{
  struct store_fixture_values values = store_fixture_values(fixture, NULL);
  struct store_get request = {
      .table = table,
      .key = store_fixture_item(fixture, "%s", key),
      .projection = store_fixture_expression(fixture, EXPRESSION_PROJECTION, projection, &values)};
  uint64_t sequence = 0;
  enum store_status status = store_get(fixture->store, &request, &fixture->answers, item, &sequence,
                                       &fixture->error);
  assert_int_equal(sequence, store_appended(fixture->store));
  return status;
}

static void test_get(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S place:N");
  store_fixture_put(fixture, table,
                    "{'id':{'S':'a'},'place':{'N':'1'},'m':{'M':{'x':{'N':'1'},'y':{'N':'2'}}}}");
  const char *key = "{'id':{'S':'a'},'place':{'N':'1'}}";
  struct value item;
  assert_int_equal(get(fixture, table, key, "m.y, id, nothing", &item), STORE_OK);
  store_fixture_expect_item(fixture, item, "{'id':{'S':'a'},'m':{'M':{'y':{'N':'2'}}}}");
  assert_int_equal(get(fixture, table, key, "nothing", &item), STORE_OK);
  store_fixture_expect_item(fixture, item, "{}");
  assert_int_equal(get(fixture, table, "{'id':{'S':'a'},'place':{'N':'2'}}", "m", &item), STORE_OK);
  store_fixture_expect_item(fixture, item, NULL);

  const char *wrong[] = {
      "{'id':{'S':'a'}}",
      "{'id':{'S':'a'},'place':{'S':'1'}}",
      "{'id':{'S':'a'},'place':{'N':'1'},'m':{'N':'1'}}",
      "{'id':{'S':'a'},'other':{'N':'1'}}",
  };
  for (size_t i = 0; i < LENGTH_OF(wrong); i++) {
    enum store_status status = get(fixture, table, wrong[i], NULL, &item);
    store_fixture_expect(fixture, status, STORE_VALIDATION, MISMATCH);
    store_fixture_expect_item(fixture, item, NULL);
  }
  store_fixture_expect(fixture,
                       get(fixture, table, "{'id':{'S':''},'place':{'N':'1'}}", NULL, &item),
                       STORE_VALIDATION,
                       "One or more parameter values are not valid. The AttributeValue for a key "
                       "attribute cannot contain an empty string value. Key: id");
}

/* Nobody reads or writes a table that a restore still fills. */
static void test_table_in_the_making(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  store_fixture_put(fixture, table, "{'id':{'S':'a'}}");
  store_fixture_settle(fixture);
  int64_t now_ms = world_clock_ms(fixture->world);
  world_sim_advance_ms(fixture->sim, 1);
  struct table *restored;
  enum store_status status = store_table_restore(fixture->store, table, now_ms, BYTES("restored"),
                                                 &restored, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  const char *message = "Requested resource not found: Table: restored is still being created";
  struct value item;
  status = get(fixture, restored, "{'id':{'S':'a'}}", NULL, &item);
  store_fixture_expect(fixture, status, STORE_NOT_FOUND, message);
  struct store_fixture_action put = {.table = restored, .item = "{'id':{'S':'b'}}"};
  status = store_fixture_write(fixture, &put, RETURN_NONE, NULL);
  store_fixture_expect(fixture, status, STORE_NOT_FOUND, message);
  struct store_query scan = {.table = restored};
  struct store_page page;
  status = store_scan(fixture->store, &scan, &fixture->answers, &page, &fixture->error);
  store_fixture_expect(fixture, status, STORE_NOT_FOUND, message);
  while (store_restore_busy(fixture->store)) store_fixture_settle(fixture);
  status = get(fixture, restored, "{'id':{'S':'a'}}", NULL, &item);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  store_fixture_expect_item(fixture, item, "{'id':{'S':'a'}}");
}

/* Makes `count` gets of the items 0, 1, ... of a table. */
static void make_gets(struct store_fixture *fixture, const struct table *table,
                      struct store_get *gets, size_t count)
{
  for (size_t i = 0; i < count; i++)
    gets[i] = (struct store_get){.table = table,
                                 .key = store_fixture_item(fixture, "{'id':{'N':'%zu'}}", i)};
}

static void test_batch_get(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  struct table *other = store_fixture_table(fixture, "other id:N");
  for (int i = 0; i < 50; i++) store_fixture_put(fixture, table, "{'id':{'N':'%d'}}", 2 * i);
  store_fixture_put(fixture, other, "{'id':{'N':'0'},'t':{'S':'x'},'u':{'S':'y'}}");
  struct store_get gets[BATCH_GET_MAX + 1];
  struct value items[LENGTH_OF(gets)];
  make_gets(fixture, table, gets, LENGTH_OF(gets));
  struct store_fixture_values values = store_fixture_values(fixture, NULL);
  gets[99] = (struct store_get){
      .table = other,
      .key = gets[0].key,
      .projection = store_fixture_expression(fixture, EXPRESSION_PROJECTION, "u", &values)};
  size_t done;
  uint64_t sequence;
  enum store_status status = store_batch_get(fixture->store, gets, 100, &fixture->answers, items,
                                             &done, &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(done, 100);
  assert_int_equal(sequence, store_appended(fixture->store));
  for (int i = 0; i < 99; i++) {
    char text[32];
    snprintf(text, sizeof text, "{'id':{'N':'%d'}}", i);
    store_fixture_expect_item(fixture, items[i], i % 2 == 0 ? text : NULL);
  }
  store_fixture_expect_item(fixture, items[99], "{'u':{'S':'y'}}");

  status = store_batch_get(fixture->store, gets, 101, &fixture->answers, items, &done, &sequence,
                           &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "Too many items requested for the BatchGetItem call: 101, at least 1 and at "
                       "most 100 are allowed");
  assert_int_equal(done, 0);
  status = store_batch_get(fixture->store, gets, 0, &fixture->answers, items, &done, &sequence,
                           &fixture->error);
  assert_int_equal(status, STORE_VALIDATION);
  gets[98].key = store_fixture_item(fixture, "{'id':{'N':'0.0'}}");
  status = store_batch_get(fixture->store, gets, 99, &fixture->answers, items, &done, &sequence,
                           &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "Provided list of item keys contains duplicates");
  gets[98].key = store_fixture_item(fixture, "{'id':{'S':'0'}}");
  status = store_batch_get(fixture->store, gets, 99, &fixture->answers, items, &done, &sequence,
                           &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION, MISMATCH);
}

/* Puts `count` items of exactly `size` bytes (DynamoDB's) with the keys 0, 1, ... up to 99. */
static void put_sized(struct store_fixture *fixture, struct table *table, int count, int size)
{
  static char text[ITEM_SIZE_MAX];
  memset(text, 'x', sizeof text);
  /* "id" 2, its number 2, "t" 1 */
  for (int i = 0; i < count; i++) {
    store_fixture_put(fixture, table, "{'id':{'N':'%d'},'t':{'S':'%.*s'}}", i, size - 5 + (i == 0),
                      text);
    store_fixture_settle(fixture);
  }
}

static void test_sizes(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  put_sized(fixture, table, 42, ITEM_SIZE_MAX);
  struct store_get gets[42];
  struct value items[42];
  make_gets(fixture, table, gets, 42);
  size_t done;
  uint64_t sequence;
  struct store *store = fixture->store;
  enum store_status status = store_batch_get(store, gets, 42, &fixture->answers, items, &done,
                                             &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(done, BATCH_GET_SIZE_MAX / ITEM_SIZE_MAX); /* 40, and 16 KiB to spare */
  status = store_batch_get(store, gets + done, 42 - done, &fixture->answers, items, &done,
                           &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(done, 2);

  status = store_transact_get(store, gets, 10, &fixture->answers, items, &sequence,
                              &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  /* What is read counts, not what is asked for of it. */
  struct store_fixture_values values = store_fixture_values(fixture, NULL);
  for (int i = 0; i < 11; i++)
    gets[i].projection = store_fixture_expression(fixture, EXPRESSION_PROJECTION, "id", &values);
  status = store_transact_get(store, gets, 11, &fixture->answers, items, &sequence,
                              &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "The items of the transaction have more than 4194304 bytes together: ask "
                       "for fewer");
}

static void test_transact_get(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  store_fixture_put(fixture, table, "{'id':{'N':'1'}}");
  struct store_get gets[TRANSACTION_ACTIONS_MAX + 1];
  struct value items[LENGTH_OF(gets)];
  make_gets(fixture, table, gets, LENGTH_OF(gets));
  uint64_t sequence;
  struct store *store = fixture->store;
  enum store_status status = store_transact_get(store, gets, 100, &fixture->answers, items,
                                                &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(sequence, store_appended(store));
  store_fixture_expect_item(fixture, items[0], NULL);
  store_fixture_expect_item(fixture, items[1], "{'id':{'N':'1'}}");
  const char *message = "1 validation error detected: Value at 'transactItems' failed to satisfy "
                        "constraint: Member must have length less than or equal to 100 and at "
                        "least 1; it has 101";
  status = store_transact_get(store, gets, 101, &fixture->answers, items, &sequence,
                              &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION, message);
  status = store_transact_get(store, gets, 0, &fixture->answers, items, &sequence, &fixture->error);
  assert_int_equal(status, STORE_VALIDATION);
  gets[7] = gets[3];
  status = store_transact_get(store, gets, 9, &fixture->answers, items, &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "Transaction request cannot include multiple operations on one item");
}

/* An item that is not projected is answered without a copy; a projection may find no memory. */
static void test_no_memory(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  store_fixture_put(fixture, table, "{'id':{'S':'a'},'t':{'S':'x'}}");
  struct memory *memory = &fixture->world->memory;
  struct value item;
  arena_reset(&fixture->answers);
  arena_free(&fixture->answers);
  memory->fail_at = memory->calls + 1;
  assert_int_equal(get(fixture, table, "{'id':{'S':'a'}}", NULL, &item), STORE_OK);
  store_fixture_expect_item(fixture, item, "{'id':{'S':'a'},'t':{'S':'x'}}");
  assert_int_equal(get(fixture, table, "{'id':{'S':'a'}}", "t", &item), STORE_UNAVAILABLE);
  assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  memory->fail_at = 0;
  assert_int_equal(get(fixture, table, "{'id':{'S':'a'}}", "t", &item), STORE_OK);
  store_fixture_expect_item(fixture, item, "{'t':{'S':'x'}}");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_status_names),
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_find),
      TEST(test_get),
      TEST(test_table_in_the_making),
      TEST(test_batch_get),
      TEST(test_sizes),
      TEST(test_transact_get),
      TEST(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
