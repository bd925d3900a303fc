#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FAILED       "The conditional request failed"
#define INVALID      "One or more parameter values were invalid: "
#define NOT_VALID    "One or more parameter values are not valid. "
#define MISMATCH     "The provided key element does not match the schema"
#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- one write ---- */

static void test_put(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S place:N");
  struct store_fixture_action put = {.table = table,
                                     .item = "{'id':{'S':'a'},'place':{'N':'1'},'row':{'N':'7'}}"};
  struct store_write_result result;
  uint64_t before = store_appended(fixture->store);
  store_fixture_expect(fixture, store_fixture_write(fixture, &put, RETURN_ALL_OLD, &result),
                       STORE_OK, NULL);
  store_fixture_expect_item(fixture, result.item, NULL);
  assert_int_equal(result.sequence, before + 1);
  assert_int_equal(store_appended(fixture->store), before + 1);
  const char *key = "{'id':{'S':'a'},'place':{'N':'1'}}";
  store_fixture_expect_stored(fixture, table, key, put.item);

  struct store_fixture_action again = put;
  again.item = "{'id':{'S':'a'},'place':{'N':'1.0'},'row':{'N':'8'}}";
  store_fixture_expect(fixture, store_fixture_write(fixture, &again, RETURN_ALL_OLD, &result),
                       STORE_OK, NULL);
  store_fixture_expect_item(fixture, result.item, put.item);
  assert_int_equal(result.sequence, before + 2);
  store_fixture_expect_stored(fixture, table, key, again.item);
  store_fixture_expect(fixture, store_fixture_write(fixture, &put, RETURN_NONE, &result), STORE_OK,
                       NULL);
  store_fixture_expect_item(fixture, result.item, NULL);
}

static void test_delete(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  struct store_fixture_action removal = {
      .kind = ACTION_DELETE, .table = table, .item = "{'id':{'S':'a'}}"};
  struct store_write_result result;
  uint64_t before = store_appended(fixture->store);
  store_fixture_expect(fixture, store_fixture_write(fixture, &removal, RETURN_ALL_OLD, &result),
                       STORE_OK, NULL);
  store_fixture_expect_item(fixture, result.item, NULL);
  assert_int_equal(result.sequence, before);
  assert_int_equal(store_appended(fixture->store), before);

  const char *item = "{'id':{'S':'a'},'row':{'N':'7'}}";
  store_fixture_put(fixture, table, "{'id':{'S':'a'},'row':{'N':'7'}}");
  store_fixture_expect(fixture, store_fixture_write(fixture, &removal, RETURN_ALL_OLD, &result),
                       STORE_OK, NULL);
  store_fixture_expect_item(fixture, result.item, item);
  assert_int_equal(result.sequence, before + 2);
  store_fixture_expect_stored(fixture, table, removal.item, NULL);
}

static void test_update_returns(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  const char *old = "{'id':{'S':'a'},'n':{'N':'1'},'gone':{'S':'x'},'rest':{'BOOL':true}}";
  const char *new = "{'id':{'S':'a'},'n':{'N':'2'},'made':{'N':'1'},'rest':{'BOOL':true}}";
  const struct {
    enum store_return returns;
    const char *on_old; /* what an existing item gives */
    const char *on_none;
  } cases[] = {
      {RETURN_NONE, NULL, NULL},
      {RETURN_ALL_OLD, old, NULL},
      {RETURN_UPDATED_OLD, "{'n':{'N':'1'},'gone':{'S':'x'}}", NULL},
      {RETURN_ALL_NEW, new, "{'id':{'S':'a'},'made':{'N':'1'},'n':{'N':'1'}}"},
      {RETURN_UPDATED_NEW, "{'made':{'N':'1'},'n':{'N':'2'}}", "{'made':{'N':'1'},'n':{'N':'1'}}"},
  };
  struct store_fixture_action update = {
      .kind = ACTION_UPDATE,
      .table = table,
      .item = "{'id':{'S':'a'}}",
      .update = "SET made = if_not_exists(n, :one) REMOVE gone ADD n :one",
      .values = "{':one':{'N':'1'}}",
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    struct store_write_result result;
    store_fixture_put(fixture, table, "%s", old);
    enum store_status status = store_fixture_write(fixture, &update, cases[i].returns, &result);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    store_fixture_expect_item(fixture, result.item, cases[i].on_old);
    store_fixture_expect_stored(fixture, table, update.item, new);

    store_fixture_delete(fixture, table, "%s", update.item);
    status = store_fixture_write(fixture, &update, cases[i].returns, &result);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    store_fixture_expect_item(fixture, result.item, cases[i].on_none);
    store_fixture_expect_stored(fixture, table, update.item,
                                "{'id':{'S':'a'},'made':{'N':'1'},'n':{'N':'1'}}");
  }
}

/* An update without expression only makes sure that the item is there. */
static void test_update_of_nothing(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S | stream NEW_AND_OLD");
  struct store_fixture_action update = {
      .kind = ACTION_UPDATE, .table = table, .item = "{'id':{'S':'a'}}"};
  struct store_write_result result;
  store_fixture_expect(fixture, store_fixture_write(fixture, &update, RETURN_ALL_NEW, &result),
                       STORE_OK, NULL);
  store_fixture_expect_item(fixture, result.item, update.item);
  store_fixture_expect_stored(fixture, table, update.item, update.item);

  const char *item = "{'id':{'S':'a'},'row':{'N':'7'}}";
  store_fixture_put(fixture, table, "%s", item);
  const enum store_return whole[] = {RETURN_ALL_NEW, RETURN_ALL_OLD};
  for (size_t i = 0; i < LENGTH_OF(whole); i++) {
    store_fixture_expect(fixture, store_fixture_write(fixture, &update, whole[i], &result),
                         STORE_OK, NULL);
    store_fixture_expect_item(fixture, result.item, item);
  }
  const enum store_return parts[] = {RETURN_UPDATED_NEW, RETURN_UPDATED_OLD};
  for (size_t i = 0; i < LENGTH_OF(parts); i++) {
    store_fixture_expect(fixture, store_fixture_write(fixture, &update, parts[i], &result),
                         STORE_OK, NULL);
    store_fixture_expect_item(fixture, result.item, NULL);
  }
  store_fixture_expect_stored(fixture, table, update.item, item);
}

static void test_condition(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  const char *item = "{'id':{'S':'a'},'n':{'N':'1'}}";
  store_fixture_put(fixture, table, "%s", item);
  for (enum store_action_kind kind = ACTION_PUT; kind <= ACTION_CHECK; kind++) {
    struct store_fixture_action action = {
        .kind = kind,
        .table = table,
        .item = "{'id':{'S':'a'}}",
        .condition = "n = :two",
        .update = kind == ACTION_UPDATE ? "SET n = :two" : NULL,
        .values = "{':two':{'N':'2'}}",
    };
    struct store_write_result result;
    uint64_t before = store_appended(fixture->store);
    enum store_status status = store_fixture_write(fixture, &action, RETURN_NONE, &result);
    store_fixture_expect(fixture, status, STORE_CONDITION_FAILED, FAILED);
    store_fixture_expect_item(fixture, result.item, NULL);
    action.return_old = true;
    status = store_fixture_write(fixture, &action, RETURN_ALL_OLD, &result);
    store_fixture_expect(fixture, status, STORE_CONDITION_FAILED, FAILED);
    store_fixture_expect_item(fixture, result.item, item);
    assert_int_equal(result.sequence, before);
    assert_int_equal(store_appended(fixture->store), before);
    store_fixture_expect_stored(fixture, table, action.item, item);

    action.item = "{'id':{'S':'nobody'}}";
    status = store_fixture_write(fixture, &action, RETURN_NONE, &result);
    store_fixture_expect(fixture, status, STORE_CONDITION_FAILED, FAILED);
    store_fixture_expect_item(fixture, result.item, NULL);
    action.condition = "attribute_not_exists(id) OR n = :two";
    store_fixture_expect(fixture, store_fixture_write(fixture, &action, RETURN_NONE, &result),
                         STORE_OK, NULL);
    store_fixture_delete(fixture, table, "%s", action.item);
  }
}

/* A failing condition is told before an update that cannot be done. */
static void test_condition_before_update(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S");
  store_fixture_put(fixture, table, "{'id':{'S':'a'},'n':{'S':'text'}}");
  struct store_fixture_action action = {
      .kind = ACTION_UPDATE,
      .table = table,
      .item = "{'id':{'S':'a'}}",
      .condition = "attribute_not_exists(id)",
      .update = "SET n = n + :one",
      .values = "{':one':{'N':'1'}}",
  };
  store_fixture_expect(fixture, store_fixture_write(fixture, &action, RETURN_NONE, NULL),
                       STORE_CONDITION_FAILED, FAILED);
  action.condition = NULL;
  store_fixture_expect(fixture, store_fixture_write(fixture, &action, RETURN_NONE, NULL),
                       STORE_VALIDATION,
                       "An operand in the update expression has an incorrect data type");
  action.update = "SET n = m + :one";
  store_fixture_expect(
      fixture, store_fixture_write(fixture, &action, RETURN_NONE, NULL), STORE_VALIDATION,
      "The provided expression refers to an attribute that does not exist in the item");
  store_fixture_expect_stored(fixture, table, action.item, "{'id':{'S':'a'},'n':{'S':'text'}}");
}

static void test_key_attributes_are_protected(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S place:N");
  const struct {
    const char *update;
    const char *attribute;
  } cases[] = {
      {"SET id = :s", "id"},      {"SET n = :n, place = :n", "place"},
      {"REMOVE place", "place"},  {"ADD place :n", "place"},
      {"SET id.deep = :s", "id"}, {"REMOVE n SET id = :s", "id"},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    char message[200];
    snprintf(message, sizeof message,
             INVALID "Cannot update attribute %s. This attribute is part of the key",
             cases[i].attribute);
    struct store_fixture_action action = {
        .kind = ACTION_UPDATE,
        .table = table,
        .item = "{'id':{'S':'a'},'place':{'N':'1'}}",
        .update = cases[i].update,
        .values = "{':s':{'S':'a'},':n':{'N':'1'}}",
    };
    store_fixture_expect(fixture, store_fixture_write(fixture, &action, RETURN_NONE, NULL),
                         STORE_VALIDATION, message);
    struct store_action actions[] = {store_fixture_action(fixture, &action)};
    struct store_transact_result result;
    store_fixture_expect(fixture,
                         store_transact_write(fixture->store, actions, 1,
                                              (struct store_token){BYTES(""), 0}, &fixture->answers,
                                              &result, &fixture->error),
                         STORE_VALIDATION, message);
  }
}

struct refusal {
  enum store_action_kind kind;
  const char *item;
  const char *message;
};

static void test_validation(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(
      fixture, "seats id:S place:B | by_buyer buyer:S price:N | by_tag tag:B");
  static const struct refusal cases[] = {
      {ACTION_PUT, "{'place':{'B':'eA=='}}", INVALID "Missing the key id in the item"},
      {ACTION_PUT, "{'id':{'S':'a'}}", INVALID "Missing the key place in the item"},
      {ACTION_PUT, "{'id':{'N':'1'},'place':{'B':'eA=='}}",
       INVALID "Type mismatch for key id expected: S actual: N"},
      {ACTION_PUT, "{'id':{'S':'a'},'place':{'S':'x'}}",
       INVALID "Type mismatch for key place expected: B actual: S"},
      {ACTION_PUT, "{'id':{'S':''},'place':{'B':'eA=='}}",
       NOT_VALID "The AttributeValue for a key attribute cannot contain an empty string value. "
                 "Key: id"},
      {ACTION_PUT, "{'id':{'S':'a'},'place':{'B':''}}",
       NOT_VALID "The AttributeValue for a key attribute cannot contain an empty binary value. "
                 "Key: place"},
      {ACTION_PUT, "{'id':{'S':'a'},'place':{'B':'eA=='},'buyer':{'N':'1'}}",
       INVALID "Type mismatch for Index Key buyer Expected: S Actual: N IndexName: by_buyer"},
      {ACTION_PUT, "{'id':{'S':'a'},'place':{'B':'eA=='},'price':{'NULL':true}}",
       INVALID "Type mismatch for Index Key price Expected: N Actual: NULL IndexName: by_buyer"},
      {ACTION_PUT, "{'id':{'S':'a'},'place':{'B':'eA=='},'tag':{'B':''}}",
       NOT_VALID "A value specified for a secondary index key is not supported. The "
                 "AttributeValue for a key attribute cannot contain an empty binary value. "
                 "IndexName: by_tag, IndexKey: tag"},
      {ACTION_DELETE, "{'id':{'S':'a'}}", MISMATCH},
      {ACTION_DELETE, "{'id':{'S':'a'},'place':{'B':'eA=='},'more':{'N':'1'}}", MISMATCH},
      {ACTION_DELETE, "{'id':{'S':'a'},'other':{'B':'eA=='}}", MISMATCH},
      {ACTION_UPDATE, "{'id':{'BOOL':true},'place':{'B':'eA=='}}", MISMATCH},
      {ACTION_UPDATE, "{'id':{'S':'a'},'place':{'B':''}}",
       NOT_VALID "The AttributeValue for a key attribute cannot contain an empty binary value. "
                 "Key: place"},
  };
  uint64_t before = store_appended(fixture->store);
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    struct store_fixture_action action = {
        .kind = cases[i].kind, .table = table, .item = cases[i].item};
    store_fixture_expect(fixture, store_fixture_write(fixture, &action, RETURN_NONE, NULL),
                         STORE_VALIDATION, cases[i].message);
  }
  /* An update may not make the item one that a put could not. */
  struct store_fixture_action update = {
      .kind = ACTION_UPDATE,
      .table = table,
      .item = "{'id':{'S':'a'},'place':{'B':'eA=='}}",
      .update = "SET buyer = :n",
      .values = "{':n':{'N':'1'}}",
  };
  store_fixture_expect(fixture, store_fixture_write(fixture, &update, RETURN_NONE, NULL),
                       STORE_VALIDATION, cases[6].message);
  assert_int_equal(store_appended(fixture->store), before);
}

/* A text of `size` letters. */
static const char *letters(struct store_fixture *fixture, size_t size)
{
  char *text = arena_alloc(&fixture->arena, size + 1);
  assert_non_null(text);
  memset(text, 'x', size);
  text[size] = '\0';
  return text;
}

static void test_sizes(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S place:S");
  const struct {
    size_t id, at, text;
    const char *message;
  } cases[] = {
      {2048, 1024, 1, NULL},
      {2049, 1, 1, INVALID "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
      {1, 1025, 1,
       INVALID "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
      /* names: id, place, t */
      {1, 1, ITEM_SIZE_MAX - 10, NULL},
      {1, 1, ITEM_SIZE_MAX - 9, "Item size has exceeded the maximum allowed size"},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    struct value item = store_fixture_item(
        fixture, "{'id':{'S':'%s'},'place':{'S':'%s'},'t':{'S':'%s'}}",
        letters(fixture, cases[i].id), letters(fixture, cases[i].at),
        letters(fixture, cases[i].text));
    struct store_action put = {.kind = ACTION_PUT, .table = table, .item = item};
    struct store_write_result result;
    enum store_status status = store_write(fixture->store, &put, RETURN_NONE, &fixture->answers,
                                           &result, &fixture->error);
    store_fixture_expect(fixture, status, cases[i].message == NULL ? STORE_OK : STORE_VALIDATION,
                         cases[i].message == NULL ? "" : cases[i].message);
  }
  struct store_fixture_action update = {.kind = ACTION_UPDATE,
                                        .table = table,
                                        .item = "{'id':{'S':'x'},'place':{'S':'x'}}",
                                        .update = "SET n = :n",
                                        .values = "{':n':{'N':'1'}}"};
  store_fixture_expect(fixture, store_fixture_write(fixture, &update, RETURN_NONE, NULL),
                       STORE_VALIDATION,
                       "Item size to update has exceeded the maximum allowed size");
}

/* ---- a full disk ---- */

/* All is durable; on a full disk preparing a segment is tried for ever. */
static void work_a_little(struct store_fixture *fixture)
{
  assert_true(store_sync(fixture->store, &fixture->error));
  for (int i = 0; i < 10; i++) {
    bool idle;
    assert_true(store_step(fixture->store, &idle, &fixture->error));
  }
}

static void test_disk_full(void **state)
{
  (void)state;
  struct store_fixture fixture;
  const struct store_options options = {.segment_bytes = 256 << 10, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 3, &options);
  struct table *table = store_fixture_table(&fixture, "seats id:N");
  store_fixture_settle(&fixture);
  world_sim_settings(fixture.sim)->disk_bytes = 1;
  const char *filler = letters(&fixture, 10000);
  uint32_t written = 0;
  enum store_status status = STORE_OK;
  struct store_write_result result;
  struct store_action put = {.kind = ACTION_PUT, .table = table};
  for (; status == STORE_OK; written++) {
    assert_true(written < 1000);
    put.item = store_fixture_item(&fixture, "{'id':{'N':'%u'},'t':{'S':'%s'}}", written, filler);
    status = store_write(fixture.store, &put, RETURN_ALL_OLD, &fixture.answers, &result,
                         &fixture.error);
    if (status == STORE_OK) work_a_little(&fixture);
  }
  written--;
  assert_int_equal(status, STORE_UNAVAILABLE);
  assert_int_equal(fixture.error.code, ERROR_NO_SPACE);
  assert_true(written > 20);
  const char *full = store_fixture_dump(&fixture);
  uint64_t appended = store_appended(fixture.store);
  assert_int_equal(store_durable(fixture.store), appended);

  struct store_fixture_values no_values = store_fixture_values(&fixture, NULL);
  struct store_action check = {.kind = ACTION_CHECK,
                               .table = table,
                               .item = store_fixture_item(&fixture, "{'id':{'N':'0'}}"),
                               .condition = store_fixture_expression(&fixture, EXPRESSION_CONDITION,
                                                                     "attribute_exists(t)",
                                                                     &no_values)};
  struct store_action both[] = {check, put};
  struct store_transact_result transacted;
  struct store_token token = {BYTES("token"), 1};
  status = store_transact_write(fixture.store, both, 2, token, &fixture.answers, &transacted,
                                &fixture.error);
  assert_int_equal(status, STORE_UNAVAILABLE);
  assert_int_equal(fixture.error.code, ERROR_NO_SPACE);
  assert_int_equal(store_appended(fixture.store), appended);
  assert_string_equal(store_fixture_dump(&fixture), full);
  /* What writes nothing is answered all the same. */
  status = store_write(fixture.store, &check, RETURN_NONE, &fixture.answers, &result,
                       &fixture.error);
  assert_int_equal(status, STORE_OK);

  world_sim_settings(fixture.sim)->disk_bytes = 0;
  store_fixture_settle(&fixture);
  status = store_transact_write(fixture.store, both, 2, token, &fixture.answers, &transacted,
                                &fixture.error);
  store_fixture_expect(&fixture, status, STORE_OK, NULL);
  assert_false(transacted.replayed); /* the refused one left no token */
  const char *whole = store_fixture_dump(&fixture);
  assert_string_not_equal(whole, full);
  store_fixture_reopen(&fixture);
  assert_string_equal(store_fixture_dump(&fixture), whole);
  store_fixture_close(&fixture);
}

/* ---- batches ---- */

static void test_batch_write(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  struct table *other = store_fixture_table(fixture, "others id:N");
  struct store_action actions[BATCH_WRITE_MAX + 1];
  for (size_t i = 0; i < LENGTH_OF(actions); i++)
    actions[i] = (struct store_action){
        .kind = ACTION_PUT,
        .table = i % 2 == 0 ? table : other,
        .item = store_fixture_item(fixture, "{'id':{'N':'%zu'},'row':{'N':'1'}}", i / 2)};
  size_t done;
  uint64_t sequence;
  struct store *store = fixture->store;
  struct arena *arena = &fixture->answers;
  enum store_status status = store_batch_write(store, actions, BATCH_WRITE_MAX + 1, arena, &done,
                                               &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "Too many items requested for the BatchWriteItem call: 26, at least 1 and "
                       "at most 25 are allowed");
  status = store_batch_write(store, actions, 0, arena, &done, &sequence, &fixture->error);
  assert_int_equal(status, STORE_VALIDATION);
  uint64_t before = store_appended(store);
  status = store_batch_write(store, actions, BATCH_WRITE_MAX, arena, &done, &sequence,
                             &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(done, BATCH_WRITE_MAX);
  assert_int_equal(sequence, before + BATCH_WRITE_MAX);

  /* The same item twice, also as a put and a delete; checked before anything is written. */
  actions[24].kind = ACTION_DELETE;
  actions[24].item = store_fixture_item(fixture, "{'id':{'N':'0.0'}}");
  status = store_batch_write(store, actions, 25, arena, &done, &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "Provided list of item keys contains duplicates");
  assert_int_equal(done, 0);
  actions[24].item = store_fixture_item(fixture, "{'id':{'S':'0'}}");
  status = store_batch_write(store, actions, 25, arena, &done, &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION, MISMATCH);
  assert_int_equal(store_appended(store), before + BATCH_WRITE_MAX);

  actions[24].item = store_fixture_item(fixture, "{'id':{'N':'12'}}");
  status = store_batch_write(store, actions + 24, 1, arena, &done, &sequence, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  store_fixture_expect_stored(fixture, table, "{'id':{'N':'12'}}", NULL);
  store_fixture_expect_stored(fixture, other, "{'id':{'N':'11'}}",
                              "{'id':{'N':'11'},'row':{'N':'1'}}");
}

/* The rest is "unprocessed" when memory runs out behind the first. */
static void test_batch_write_in_part(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:N");
  struct store_action actions[5];
  const char *filler = letters(fixture, 40000);
  for (size_t i = 0; i < 5; i++)
    actions[i] = (struct store_action){
        .kind = ACTION_PUT,
        .table = table,
        .item = store_fixture_item(fixture, "{'id':{'N':'%zu'},'t':{'S':'%s'}}", i, filler)};
  size_t done = 0;
  struct memory *memory = &fixture->world->memory;
  bool in_part = false;
  for (uint64_t n = 1; done < 5; n++) {
    uint64_t sequence;
    memory->fail_at = memory->calls + n;
    enum store_status status = store_batch_write(fixture->store, actions, 5, &fixture->answers,
                                                 &done, &sequence, &fixture->error);
    memory->fail_at = 0;
    assert_int_equal(status, done == 0 ? STORE_UNAVAILABLE : STORE_OK);
    in_part = in_part || (done > 0 && done < 5);
    struct table_description description;
    store_table_describe(table, &description);
    assert_int_equal(description.item_count, done);
    if (done == 5) break;
    for (size_t i = 0; i < done; i++) store_fixture_delete(fixture, table, "{'id':{'N':'%zu'}}", i);
  }
  assert_true(in_part);
}

/* An update that only removes makes no item; one that does nothing makes its key. */
static void test_removing_from_nothing(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "seats id:S | stream NEW_AND_OLD");
  const char *const updates[] = {"REMOVE gone", "DELETE gone :s", "REMOVE a DELETE b :s"};
  for (size_t i = 0; i < 3; i++) {
    struct store_write_result result;
    uint64_t before = store_appended(fixture->store);
    const struct store_fixture_action update = {
        .kind = ACTION_UPDATE,
        .table = table,
        .item = "{'id':{'S':'a'}}",
        .update = updates[i],
        .values = i == 0 ? NULL : "{':s':{'SS':['x']}}",
    };
    store_fixture_expect(fixture, store_fixture_write(fixture, &update, RETURN_ALL_NEW, &result),
                         STORE_OK, NULL);
    store_fixture_expect_item(fixture, result.item, NULL);
    assert_int_equal(store_appended(fixture->store), before);
    store_fixture_expect_stored(fixture, table, "{'id':{'S':'a'}}", NULL);
  }
  const struct store_fixture_action nothing = {
      .kind = ACTION_UPDATE, .table = table, .item = "{'id':{'S':'a'}}"};
  store_fixture_expect(fixture, store_fixture_write(fixture, &nothing, RETURN_NONE, NULL), STORE_OK,
                       NULL);
  store_fixture_expect_stored(fixture, table, "{'id':{'S':'a'}}", "{'id':{'S':'a'}}");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_put),
      TEST(test_delete),
      TEST(test_removing_from_nothing),
      TEST(test_update_returns),
      TEST(test_update_of_nothing),
      TEST(test_condition),
      TEST(test_condition_before_update),
      TEST(test_key_attributes_are_protected),
      TEST(test_validation),
      TEST(test_sizes),
      cmocka_unit_test(test_disk_full),
      TEST(test_batch_write),
      TEST(test_batch_write_in_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
