#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FAILED       "The conditional request failed"
#define MISMATCH     "The provided key element does not match the schema"
#define CANCELED     "Transaction cancelled, please refer cancellation reasons for specific reasons"
#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct store_token no_token = {{NULL, 0}, 0};

static enum store_status transact(struct store_fixture *fixture, const struct store_action *actions,
                                  size_t count, struct store_token token,
                                  struct store_transact_result *result)
{
  return store_transact_write(fixture->store, actions, count, token, &fixture->answers, result,
                              &fixture->error);
}

static enum store_status transact_texts(struct store_fixture *fixture,
                                        const struct store_fixture_action *texts, size_t count,
                                        struct store_token token,
                                        struct store_transact_result *result)
{
  struct store_action actions[TRANSACTION_ACTIONS_MAX];
  assert_true(count <= LENGTH_OF(actions));
  for (size_t i = 0; i < count; i++) actions[i] = store_fixture_action(fixture, &texts[i]);
  return transact(fixture, actions, count, token, result);
}

static void test_all_kinds_over_tables(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *seats = store_fixture_table(fixture, "seats id:S");
  struct table *orders = store_fixture_table(fixture, "orders who:S no:N");
  store_fixture_put(fixture, seats, "{'id':{'S':'old'},'n':{'N':'1'}}");
  store_fixture_put(fixture, seats, "{'id':{'S':'gone'}}");
  store_fixture_put(fixture, seats, "{'id':{'S':'seen'}}");
  const struct store_fixture_action texts[] = {
      {.table = seats, .item = "{'id':{'S':'new'}}", .condition = "attribute_not_exists(id)"},
      {.kind = ACTION_UPDATE,
       .table = seats,
       .item = "{'id':{'S':'old'}}",
       .update = "ADD n :one",
       .condition = "n = :one",
       .values = "{':one':{'N':'1'}}"},
      {.kind = ACTION_DELETE, .table = seats, .item = "{'id':{'S':'gone'}}"},
      {.kind = ACTION_DELETE, .table = seats, .item = "{'id':{'S':'never'}}"},
      {.kind = ACTION_CHECK,
       .table = seats,
       .item = "{'id':{'S':'seen'}}",
       .condition = "attribute_exists(id)"},
      {.table = orders, .item = "{'who':{'S':'seen'},'no':{'N':'1'}}"},
      {.kind = ACTION_UPDATE, .table = orders, .item = "{'who':{'S':'seen'},'no':{'N':'2'}}"},
  };
  struct store_transact_result result;
  uint64_t before = store_appended(fixture->store);
  enum store_status status = transact_texts(fixture, texts, LENGTH_OF(texts), no_token, &result);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(result.sequence, before + 1); /* one record for all of it */
  assert_int_equal(store_appended(fixture->store), before + 1);
  assert_false(result.replayed);
  assert_null(result.reasons);
  for (int again = 0; again < 2; again++) {
    store_fixture_expect_stored(fixture, seats, "{'id':{'S':'new'}}", "{'id':{'S':'new'}}");
    store_fixture_expect_stored(fixture, seats, "{'id':{'S':'old'}}",
                                "{'id':{'S':'old'},'n':{'N':'2'}}");
    store_fixture_expect_stored(fixture, seats, "{'id':{'S':'gone'}}", NULL);
    store_fixture_expect_stored(fixture, orders, "{'who':{'S':'seen'},'no':{'N':'1'}}",
                                "{'who':{'S':'seen'},'no':{'N':'1'}}");
    store_fixture_expect_stored(fixture, orders, "{'who':{'S':'seen'},'no':{'N':'2'}}",
                                "{'who':{'S':'seen'},'no':{'N':'2'}}");
    store_fixture_reopen(fixture);
    seats = store_table(fixture->store, BYTES("seats"));
    orders = store_table(fixture->store, BYTES("orders"));
  }
}

/* Many items of one partition in one transaction: the partition grows from none and back. */
static void test_one_partition(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "orders who:S no:N | all kind:S no:N");
  struct store_action actions[TRANSACTION_ACTIONS_MAX];
  struct store_transact_result result;
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < LENGTH_OF(actions); i++)
      actions[i] = (struct store_action){
          .kind = round == 2 ? ACTION_DELETE : ACTION_PUT,
          .table = table,
          .item = round == 2 ? store_fixture_item(fixture, "{'who':{'S':'me'},'no':{'N':'%zu'}}", i)
                             : store_fixture_item(fixture,
                                                  "{'who':{'S':'me'},'no':{'N':'%zu'},"
                                                  "'kind':{'S':'%c'}}",
                                                  i, "ab"[round])};
    enum store_status status = transact(fixture, actions, LENGTH_OF(actions), no_token, &result);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    struct store_query query = store_fixture_query(
        fixture, &(struct store_fixture_query){.table = table,
                                               .index = "all",
                                               .key_condition = "kind = :k",
                                               .values = round == 1 ? "{':k':{'S':'b'}}"
                                                                    : "{':k':{'S':'a'}}"});
    struct store_page page;
    status = store_query(fixture->store, &query, &fixture->answers, &page, &fixture->error);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    assert_int_equal(page.count, round == 2 ? 0 : 100);
  }
}

static void expect_reason(struct store_fixture *fixture, const struct store_reason *reason,
                          enum store_reason_code code, const char *message, const char *item)
{
  assert_int_equal(reason->code, code);
  if (message == NULL)
    assert_null(reason->message);
  else
    assert_string_equal(reason->message, message);
  store_fixture_expect_item(fixture, reason->item, item);
}

static void test_reasons_in_order(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S | by_buyer buyer:S");
  store_fixture_put(fixture, table, "{'id':{'S':'a'},'n':{'S':'text'}}");
  store_fixture_put(fixture, table, "{'id':{'S':'b'}}");
  const struct store_fixture_action texts[] = {
      {.table = table, .item = "{'id':{'S':'fine'}}"},
      {.table = table,
       .item = "{'id':{'S':'a'}}",
       .condition = "attribute_not_exists(id)",
       .return_old = true},
      {.kind = ACTION_UPDATE,
       .table = table,
       .item = "{'id':{'S':'b'}}",
       .update = "SET n = n + :one",
       .values = "{':one':{'N':'1'}}"},
      {.table = table, .item = "{'id':{'S':'c'},'buyer':{'N':'1'}}"},
      {.kind = ACTION_DELETE, .table = table, .item = "{'id':{'N':'1'}}"},
      {.kind = ACTION_CHECK,
       .table = table,
       .item = "{'id':{'S':'d'}}",
       .condition = "attribute_exists(id)",
       .return_old = true},
      {.kind = ACTION_DELETE, .table = table, .item = "{'id':{'S':'e'}}"},
  };
  const char *before = store_fixture_dump(fixture);
  uint64_t appended = store_appended(fixture->store);
  struct store_transact_result result;
  struct store_token token = {BYTES("token"), 1};
  enum store_status status = transact_texts(fixture, texts, LENGTH_OF(texts), token, &result);
  store_fixture_expect(fixture, status, STORE_CANCELED,
                       CANCELED " [None, ConditionalCheckFailed, ValidationError, ValidationError, "
                                "ValidationError, ConditionalCheckFailed, None]");
  expect_reason(fixture, &result.reasons[0], REASON_NONE, NULL, NULL);
  expect_reason(fixture, &result.reasons[1], REASON_CONDITION_FAILED, FAILED,
                "{'id':{'S':'a'},'n':{'S':'text'}}");
  expect_reason(fixture, &result.reasons[2], REASON_VALIDATION,
                "The provided expression refers to an attribute that does not exist in the item",
                NULL);
  expect_reason(fixture, &result.reasons[3], REASON_VALIDATION,
                "One or more parameter values were invalid: Type mismatch for Index Key buyer "
                "Expected: S Actual: N IndexName: by_buyer",
                NULL);
  expect_reason(fixture, &result.reasons[4], REASON_VALIDATION, MISMATCH, NULL);
  expect_reason(fixture, &result.reasons[5], REASON_CONDITION_FAILED, FAILED, NULL);
  expect_reason(fixture, &result.reasons[6], REASON_NONE, NULL, NULL);
  assert_int_equal(store_appended(fixture->store), appended);
  assert_string_equal(store_fixture_dump(fixture), before);
  /* A canceled transaction leaves no token. */
  status = transact_texts(fixture, texts, 1, (struct store_token){BYTES("token"), 2}, &result);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_false(result.replayed);
}

/* A long list of reasons is cut, never written beyond. */
static void test_hundred_reasons(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  struct store_fixture_action texts[TRANSACTION_ACTIONS_MAX];
  char items[TRANSACTION_ACTIONS_MAX][32];
  for (size_t i = 0; i < LENGTH_OF(texts); i++) {
    snprintf(items[i], sizeof items[i], "{'id':{'N':'%zu'}}", i);
    texts[i] = (struct store_fixture_action){.kind = ACTION_CHECK,
                                             .table = table,
                                             .item = items[i],
                                             .condition = "attribute_exists(id)"};
  }
  struct store_transact_result result;
  enum store_status status = transact_texts(fixture, texts, LENGTH_OF(texts), no_token, &result);
  assert_int_equal(status, STORE_CANCELED);
  for (size_t i = 0; i < LENGTH_OF(texts); i++)
    expect_reason(fixture, &result.reasons[i], REASON_CONDITION_FAILED, FAILED, NULL);
  assert_memory_equal(fixture->error.message, CANCELED " [ConditionalCheckFailed, Condi",
                      strlen(CANCELED " [ConditionalCheckFailed, Condi"));
}

/* What is wrong whatever the items are refuses the request, not an action of it. */
static void test_refused_as_a_whole(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  struct store_fixture_action texts[] = {
      {.table = table, .item = "{'id':{'S':'a'}}", .condition = "attribute_exists(id)"},
      {.table = table, .item = "{'id':{'S':''}}"},
  };
  struct store_transact_result result;
  enum store_status status = transact_texts(fixture, texts, 2, no_token, &result);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "One or more parameter values are not valid. The AttributeValue for a key "
                       "attribute cannot contain an empty string value. Key: id");
  assert_null(result.reasons);
  texts[1].item = "{'id':{'S':'a'}}";
  for (enum store_action_kind kind = ACTION_PUT; kind <= ACTION_DELETE; kind++) {
    texts[1].kind = kind;
    status = transact_texts(fixture, texts, 2, no_token, &result);
    store_fixture_expect(fixture, status, STORE_VALIDATION,
                         "Transaction request cannot include multiple operations on one item");
  }
  texts[1] = (struct store_fixture_action){
      .kind = ACTION_CHECK, .table = table, .item = "{'id':{'S':'b'}}"};
  status = transact_texts(fixture, texts, 2, no_token, &result);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "A ConditionCheck needs a ConditionExpression");
  char long_token[TRANSACTION_TOKEN_MAX + 1];
  memset(long_token, 't', sizeof long_token);
  texts[0].condition = NULL;
  struct store_token token = {bytes_of(long_token, sizeof long_token), 1};
  status = transact_texts(fixture, texts, 1, token, &result);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "ClientRequestToken must have length less than or equal to 36");
  token.text.size--;
  status = transact_texts(fixture, texts, 1, token, &result);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
}

static void test_same_key_in_two_tables(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *seats = store_fixture_table(fixture, "seats id:S");
  struct table *others = store_fixture_table(fixture, "others id:S");
  const struct store_fixture_action texts[] = {{.table = seats, .item = "{'id':{'S':'a'}}"},
                                               {.table = others, .item = "{'id':{'S':'a'}}"}};
  struct store_transact_result result;
  store_fixture_expect(fixture, transact_texts(fixture, texts, 2, no_token, &result), STORE_OK,
                       NULL);
}

static void test_counts_and_sizes(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  struct store_action actions[TRANSACTION_ACTIONS_MAX + 1];
  for (size_t i = 0; i < LENGTH_OF(actions); i++)
    actions[i] = (struct store_action){
        .table = table, .item = store_fixture_item(fixture, "{'id':{'N':'%zu'}}", i)};
  struct store_transact_result result;
  assert_int_equal(transact(fixture, actions, 0, no_token, &result), STORE_VALIDATION);
  store_fixture_expect(fixture, transact(fixture, actions, 101, no_token, &result),
                       STORE_VALIDATION,
                       "1 validation error detected: Value at 'transactItems' failed to satisfy "
                       "constraint: Member must have length less than or equal to 100 and at least "
                       "1; it has 101");
  store_fixture_expect(fixture, transact(fixture, actions, 100, no_token, &result), STORE_OK, NULL);

  /* Ten of 400 KB and one with the rest of 4 MB: id 2 + 2 bytes, t 1 + its text. */
  static char text[ITEM_SIZE_MAX + 1];
  memset(text, 'x', ITEM_SIZE_MAX);
  for (int i = 0; i < 10; i++)
    actions[i].item = store_fixture_item(fixture, "{'id':{'N':'%d'},'t':{'S':'%.*s'}}", i + 11,
                                         ITEM_SIZE_MAX - 5, text);
  int rest = TRANSACTION_SIZE_MAX - 10 * ITEM_SIZE_MAX;
  for (int over = 1; over >= 0; over--) {
    actions[10].item = store_fixture_item(fixture, "{'id':{'N':'30'},'t':{'S':'%.*s'}}",
                                          rest - 5 + over, text);
    enum store_status status = transact(fixture, actions, 11, no_token, &result);
    store_fixture_expect(fixture, status, over ? STORE_VALIDATION : STORE_OK,
                         over ? "The items of the transaction have 4194305 bytes together, at most "
                                "4194304 are allowed"
                              : "");
  }
}

/* ---- tokens ---- */

static enum store_status put_with_token(struct store_fixture *fixture, const char *token,
                                        uint64_t request, struct store_transact_result *result)
{
  const struct store_fixture_action text = {
      .kind = ACTION_UPDATE,
      .table = store_table(fixture->store, BYTES("seats")),
      .item = "{'id':{'S':'a'}}",
      .update = "ADD n :one",
      .values = "{':one':{'N':'1'}}",
  };
  return transact_texts(fixture, &text, 1, (struct store_token){bytes_of_text(token), request},
                        result);
}

static void expect_count(struct store_fixture *fixture, int count)
{
  char item[64];
  snprintf(item, sizeof item, "{'id':{'S':'a'},'n':{'N':'%d'}}", count);
  store_fixture_expect_stored(fixture, store_table(fixture->store, BYTES("seats")),
                              "{'id':{'S':'a'}}", item);
}

static void expect_replay(struct store_fixture *fixture, bool replayed)
{
  struct store_transact_result result;
  uint64_t before = store_appended(fixture->store);
  store_fixture_expect(fixture, put_with_token(fixture, "token", 7, &result), STORE_OK, NULL);
  assert_int_equal(result.replayed, replayed);
  assert_int_equal(result.sequence, replayed ? before : before + 1);
  store_fixture_expect(
      fixture, put_with_token(fixture, "token", 8, &result), STORE_TOKEN_MISMATCH,
      "The provided ClientRequestToken was used with another request in the last 10 minutes: send "
      "a new token with a new request");
}

static void test_token(void **state)
{
  struct store_fixture *fixture = *state;
  store_fixture_table(fixture, "seats id:S");
  expect_replay(fixture, false);
  expect_replay(fixture, true);
  expect_count(fixture, 1);
  world_sim_advance_ms(fixture->sim, TRANSACTION_TOKEN_MS - 1);
  expect_replay(fixture, true);
  world_sim_advance_ms(fixture->sim, 1);
  expect_replay(fixture, false); /* with the old one still in memory */
  expect_count(fixture, 2);
  world_sim_advance_ms(fixture->sim, TRANSACTION_TOKEN_MS - 1);
  store_tick(fixture->store); /* forgets the first, not the second */
  expect_replay(fixture, true);
  world_sim_advance_ms(fixture->sim, 1);
  store_tick(fixture->store);
  expect_replay(fixture, false);
  expect_count(fixture, 3);
}

static void test_token_survives(void **state)
{
  struct store_fixture *fixture = *state;
  store_fixture_table(fixture, "seats id:S");
  expect_replay(fixture, false);
  store_fixture_reopen(fixture); /* from the log */
  expect_replay(fixture, true);
  store_fixture_snapshot(fixture);
  store_fixture_reopen(fixture); /* from the snapshot */
  struct store_statistics statistics;
  store_statistics(fixture->store, &statistics);
  assert_int_equal(statistics.replayed_records, 0);
  expect_replay(fixture, true);
  expect_count(fixture, 1);
  world_sim_advance_ms(fixture->sim, TRANSACTION_TOKEN_MS);
  store_fixture_reopen(fixture);
  expect_replay(fixture, false);
  expect_count(fixture, 2);
}

/* A transaction of checks changes nothing, but its token is remembered. */
static void test_checks_only(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  const struct store_fixture_action text = {.kind = ACTION_CHECK,
                                            .table = table,
                                            .item = "{'id':{'S':'a'}}",
                                            .condition = "attribute_not_exists(id)"};
  struct store_transact_result result;
  uint64_t before = store_appended(fixture->store);
  store_fixture_expect(fixture, transact_texts(fixture, &text, 1, no_token, &result), STORE_OK,
                       NULL);
  assert_int_equal(result.sequence, before);
  assert_int_equal(store_appended(fixture->store), before);
  struct store_fixture_action again = text;
  struct store_token token = {BYTES("token"), 1};
  for (int i = 0; i < 3; i++) {
    store_fixture_expect(fixture, transact_texts(fixture, &again, 1, token, &result), STORE_OK,
                         NULL);
    assert_int_equal(result.replayed, i > 0);
    assert_int_equal(result.sequence, before + 1);
    if (i == 1) store_fixture_reopen(fixture);
    again.table = store_table(fixture->store, BYTES("seats"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_all_kinds_over_tables), TEST(test_one_partition),
      TEST(test_reasons_in_order),      TEST(test_hundred_reasons),
      TEST(test_refused_as_a_whole),    TEST(test_same_key_in_two_tables),
      TEST(test_counts_and_sizes),      TEST(test_token),
      TEST(test_token_survives),        TEST(test_checks_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
