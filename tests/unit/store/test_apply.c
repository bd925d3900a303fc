#include "store/engine.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static void expect_same_after_reopen(struct store_fixture *fixture)
{
  const char *before = store_fixture_dump(fixture);
  store_fixture_reopen(fixture);
  assert_string_equal(store_fixture_dump(fixture), before);
}

/* A little of everything that a log can hold. */
static void write_all_kinds(struct store_fixture *fixture, int round)
{
  struct store *store = fixture->store;
  struct table *table = store_table(store, BYTES("items"));
  struct store_fixture_action update = {.kind = ACTION_UPDATE,
                                        .table = table,
                                        .item = "{'p':{'S':'1'},'s':{'N':'7'}}",
                                        .update = "SET q = :q REMOVE r",
                                        .values = "{':q':{'S':'moved'}}"};
  for (int i = 0; i < 40; i++)
    store_fixture_put(fixture, table,
                      "{'p':{'S':'%d'},'s':{'N':'%d'},'q':{'S':'%d'},'r':{'N':'%d'}}", i % 3, i,
                      (i + round) % 5, i % 4);
  for (int i = 0; i < 40; i += 5)
    store_fixture_delete(fixture, table, "{'p':{'S':'%d'},'s':{'N':'%d'}}", i % 3, i);
  assert_int_equal(store_fixture_write(fixture, &update, RETURN_NONE, NULL), STORE_OK);
  struct table *gone = store_fixture_table(fixture, "gone id:S");
  store_fixture_put(fixture, gone, "{'id':{'S':'a'}}");
  assert_int_equal(store_table_delete(store, gone, &fixture->error), STORE_OK);
  if (round % 2 == 1) {
    assert_int_equal(store_index_delete(store, table, BYTES("by_r"), &fixture->error), STORE_OK);
  } else if (round > 0) {
    const struct table_index_definition definition = {.name = BYTES("by_r"),
                                                      .partition = {BYTES("r"), VALUE_NUMBER},
                                                      .projection = PROJECTION_KEYS_ONLY};
    enum store_status status = store_index_create(store, table, &definition, &fixture->error);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    store_fixture_settle(fixture);
  }
  const struct table_settings settings = {.ttl_attribute = round % 2 == 0 ? BYTES("until")
                                                                          : BYTES(""),
                                          .stream = (enum table_stream)(round % 5)};
  assert_int_equal(store_table_update(store, table, &settings, &fixture->error), STORE_OK);
}

static void test_recovery(void **state)
{
  struct store_fixture *fixture = *state;
  expect_same_after_reopen(fixture);
  store_fixture_table(fixture, "items p:S s:N | by_q q:S r:N | by_r r:N KEYS");
  expect_same_after_reopen(fixture);
  for (int round = 0; round < 6; round++) {
    write_all_kinds(fixture, round);
    expect_same_after_reopen(fixture);
    if (round == 3) {
      store_fixture_snapshot(fixture);
      expect_same_after_reopen(fixture);
    }
  }
  /* An id is never used again, also not that of a table that the log forgot. */
  struct table_description description;
  struct table *table = store_fixture_table(fixture, "last id:S");
  store_table_describe(table, &description);
  uint32_t id = description.id;
  assert_int_equal(store_table_delete(fixture->store, table, &fixture->error), STORE_OK);
  store_fixture_snapshot(fixture);
  store_fixture_reopen(fixture);
  store_table_describe(store_fixture_table(fixture, "last id:S"), &description);
  assert_int_equal(description.id, id + 1);
}

/* The log brings again what a fuzzy snapshot holds already: changes fall between its slices. */
static void test_fuzzy_snapshot(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:N | by_q q:N");
  struct table *doomed = store_fixture_table(fixture, "doomed id:N");
  for (int i = 0; i < 500; i++) {
    store_fixture_put(fixture, table, "{'id':{'N':'%d'},'q':{'N':'%d'}}", i, i % 9);
    store_fixture_put(fixture, doomed, "{'id':{'N':'%d'}}", i);
  }
  assert_int_equal(store_snapshot_begin(fixture->store, &fixture->error), STORE_OK);
  bool idle;
  for (int i = 0; store_snapshot_busy(fixture->store); i++) {
    store_tick(fixture->store);
    store_flush(fixture->store);
    assert_true(store_step(fixture->store, &idle, &fixture->error));
    if (i > 200) continue;
    store_fixture_put(fixture, table, "{'id':{'N':'%d'},'q':{'N':'%d'}}", i * 5 % 700, i % 4);
    store_fixture_delete(fixture, table, "{'id':{'N':'%d'}}", i * 7 % 500);
    if (i == 2) {
      assert_int_equal(store_table_delete(fixture->store, doomed, &fixture->error), STORE_OK);
      doomed = store_fixture_table(fixture, "doomed id:S");
      store_fixture_put(fixture, doomed, "{'id':{'S':'new'}}");
    }
  }
  struct store_statistics statistics;
  store_statistics(fixture->store, &statistics);
  assert_int_equal(statistics.snapshots, 1);
  expect_same_after_reopen(fixture);
  store_statistics(fixture->store, &statistics);
  assert_true(statistics.snapshot_items > 0);
  assert_true(statistics.replayed_records > 0);
}

/* ---- records that recovery refuses ---- */

static void expect_refused(struct store_fixture *fixture, enum record_type type,
                           struct bytes payload, enum error_code code, const char *message)
{
  struct log_record record = {
      .sequence = 77, .time_ms = 1, .type = (uint16_t)type, .payload = payload};
  assert_false(apply_record(fixture->store, &record, &fixture->error));
  assert_string_equal(error_code_name(fixture->error.code), error_code_name(code));
  assert_string_equal(fixture->error.message, message);
}

static void test_refused_records(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items p:S s:N");
  struct table_description description;
  store_table_describe(table, &description);
  uint8_t bytes[512];
  uint8_t hash[8] = {0};
  expect_refused(fixture, (enum record_type)9, BYTES(""), ERROR_UNSUPPORTED,
                 "log record 77 has type 9, which this build does not know: use a newer one");
  expect_refused(fixture, RECORD_TABLE_DELETE, BYTES("abc"), ERROR_CORRUPT,
                 "a table deletion's record is malformed");
  struct value text = store_fixture_item(fixture, "{'x':{'S':'x'}}");
  expect_refused(fixture, RECORD_TABLE, bytes_of(text.data, text.size), ERROR_CORRUPT,
                 "a table's definition is malformed");
  struct value inner = value_attribute(text, BYTES("x"));
  expect_refused(fixture, RECORD_TABLE, bytes_of(inner.data, inner.size), ERROR_CORRUPT,
                 "a table's definition is not a map");

  const char *malformed = "a transaction's record is malformed";
  struct value item = store_fixture_item(fixture, "{'p':{'S':'x'},'s':{'N':'1'}}");
  struct part part = {
      .kind = PART_PUT, .table_id = description.id, .image = bytes_of(item.data, item.size)};
  size_t size = (size_t)(part_write(bytes, &part) - bytes);
  for (size_t cut = 1; cut < size; cut++)
    expect_refused(fixture, RECORD_TRANSACTION, bytes_of(bytes, cut), ERROR_CORRUPT, malformed);
  bytes[0] = 0;
  expect_refused(fixture, RECORD_TRANSACTION, bytes_of(bytes, size), ERROR_CORRUPT, malformed);
  bytes[0] = PART_TOKEN + 1;
  expect_refused(fixture, RECORD_TRANSACTION, bytes_of(bytes, size), ERROR_CORRUPT, malformed);

  static const char *const keyless[] = {"{'p':{'S':'x'}}", "{'s':{'N':'1'}}",
                                        "{'p':{'S':'x'},'s':{'S':'1'}}", "{}"};
  for (size_t i = 0; i < LENGTH_OF(keyless); i++) {
    item = store_fixture_item(fixture, "%s", keyless[i]);
    part.image = bytes_of(item.data, item.size);
    size = (size_t)(part_write(bytes, &part) - bytes);
    expect_refused(fixture, RECORD_TRANSACTION, bytes_of(bytes, size), ERROR_CORRUPT,
                   "an item of table 'items' lacks its key");
  }
  const struct {
    struct bytes token, hash;
    const char *message;
  } tokens[] = {
      {BYTES("token"), BYTES("1234567"), "a client request token without its hash"},
      {BYTES(""), bytes_of(hash, sizeof hash), "a client request token has 0 characters"},
      {BYTES("0123456789012345678901234567890123456"), bytes_of(hash, sizeof hash),
       "a client request token has 37 characters"},
  };
  for (size_t i = 0; i < LENGTH_OF(tokens); i++) {
    part = (struct part){.kind = PART_TOKEN, .image = tokens[i].token, .old = tokens[i].hash};
    size = (size_t)(part_write(bytes, &part) - bytes);
    expect_refused(fixture, RECORD_TRANSACTION, bytes_of(bytes, size), ERROR_CORRUPT,
                   tokens[i].message);
  }
  assert_int_equal(table->item_count, 0);
}

/* A record for a table that is no more changes nothing. */
static void test_unknown_table(void **state)
{
  struct store_fixture *fixture = *state;
  store_fixture_table(fixture, "items id:S");
  const char *before = store_fixture_dump(fixture);
  uint8_t bytes[64];
  struct value item = store_fixture_item(fixture, "{'id':{'S':'x'}}");
  for (enum part_kind kind = PART_PUT; kind <= PART_DELETE; kind++) {
    const struct part part = {
        .kind = kind, .table_id = 99, .image = bytes_of(item.data, item.size)};
    struct log_record record = {.type = RECORD_TRANSACTION,
                                .time_ms = store_now_ms(fixture->store)};
    record.payload = bytes_of(bytes, (size_t)(part_write(bytes, &part) - bytes));
    assert_true(apply_record(fixture->store, &record, &fixture->error));
  }
  assert_string_equal(store_fixture_dump(fixture), before);
}

/* The whole way: what stands in the log stops the start, and says why. */
static void test_start_is_refused(void **state)
{
  struct store_fixture *fixture = *state;
  uint64_t sequence;
  uint64_t expected = store_appended(fixture->store) + 1;
  enum store_status status = commit_record(fixture->store, (enum record_type)1000, BYTES("future"),
                                           &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(sequence, expected);
  assert_true(store_close(fixture->store, &fixture->error));
  fixture->store = store_open(fixture->world, &fixture->options, &fixture->error);
  assert_null(fixture->store);
  assert_int_equal(fixture->error.code, ERROR_UNSUPPORTED);
  char message[128];
  snprintf(message, sizeof message,
           "log record %llu has type 1000, which this build does not know: use a newer one",
           (unsigned long long)expected);
  assert_string_equal(fixture->error.message, message);
}

/* Every allocation of a recovery fails once: the store does not open, and nothing leaks. */
static void test_no_memory(void **state)
{
  struct store_fixture *fixture = *state;
  store_fixture_table(fixture, "items p:S s:N | by_q q:S r:N | by_r r:N KEYS");
  for (int round = 0; round < 3; round++) write_all_kinds(fixture, round);
  struct store_action put = {.table = store_table(fixture->store, BYTES("items")),
                             .item = store_fixture_item(fixture, "{'p':{'S':'x'},'s':{'N':'1'}}")};
  struct store_transact_result result;
  enum store_status status = store_transact_write(fixture->store, &put, 1,
                                                  (struct store_token){BYTES("token"), 1},
                                                  &fixture->answers, &result, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  store_fixture_snapshot(fixture);
  write_all_kinds(fixture, 3);
  const char *before = store_fixture_dump(fixture);
  arena_free(&fixture->answers);
  assert_true(store_close(fixture->store, &fixture->error));
  fixture->store = NULL;
  struct memory *memory = &fixture->world->memory;
  assert_int_equal(memory->in_use, 0);
  uint64_t refused = 0;
  for (uint64_t n = 1; fixture->store == NULL; n++) {
    memory->fail_at = memory->calls + n;
    fixture->store = store_open(fixture->world, &fixture->options, &fixture->error);
    memory->fail_at = 0;
    if (fixture->store != NULL) break;
    refused++;
    assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
    assert_int_equal(memory->in_use, 0);
  }
  assert_true(refused > 30);
  assert_string_equal(store_fixture_dump(fixture), before);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_recovery),      TEST(test_fuzzy_snapshot),   TEST(test_refused_records),
      TEST(test_unknown_table), TEST(test_start_is_refused), TEST(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
