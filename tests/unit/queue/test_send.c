#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_a_message_is_there_when_its_plan_is_committed(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct plan plan;
  struct queue_sent sent;
  const struct queue_draft draft = {.body = BYTES("a"), .delay_s = -1};
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  assert_int_equal(queue_send(queue, &plan, &draft, fixture->now_ms, &sent), QUEUE_OK);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "");
  struct store_transact_result result;
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_OK);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  assert_int_equal(id_compare(&fixture->batch.messages[0].id, &sent.id), 0);
  /* A UUID of version 7 (RFC 9562). */
  assert_int_equal(sent.id.bytes[6] >> 4, 7);
  assert_int_equal(sent.id.bytes[8] >> 6, 2);
}

/* What the outbox does: messages of several queues and a row of another table in one record. */
static void test_sends_are_part_of_another_transaction(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *work = queue_fixture_queue(fixture, "work", NULL);
  struct queue *mail = queue_fixture_queue(fixture, "mail", NULL);
  struct table *rows = store_fixture_table(&fixture->store, "outbox id:S");
  for (int taken = 0; taken < 2; taken++) {
    struct plan plan;
    struct queue_sent sent;
    struct queue_draft draft = {.body = BYTES("event"), .delay_s = -1};
    plan_init(&plan, fixture->store.store, &fixture->store.answers);
    assert_int_equal(queue_send(work, &plan, &draft, fixture->now_ms, &sent), QUEUE_OK);
    assert_int_equal(queue_send(mail, &plan, &draft, fixture->now_ms, &sent), QUEUE_OK);
    struct store_action row = store_fixture_action(
        &fixture->store, &(struct store_fixture_action){.kind = ACTION_PUT,
                                                        .table = rows,
                                                        .item = "{'id':{'S':'row'}}",
                                                        .condition = "attribute_not_exists(id)"});
    plan_add(&plan, &row);
    uint64_t before = store_appended(fixture->store.store);
    struct store_transact_result result;
    assert_int_equal(plan_commit(&plan, &result, &fixture->error),
                     taken ? STORE_CANCELED : STORE_OK);
    assert_int_equal(store_appended(fixture->store.store), before + (taken ? 0 : 1));
    assert_string_equal(queue_fixture_counts(fixture, work), "1 0 0");
    assert_string_equal(queue_fixture_counts(fixture, mail), "1 0 0");
  }
}

static void test_a_delay_is_the_messages_or_the_queues(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, false);
  settings.delay_s = 10;
  struct queue *queue = queue_fixture_queue(fixture, "late", &settings);
  struct queue_sent sent;
  struct queue_draft draft = {.body = BYTES("own"), .delay_s = 3};
  assert_int_equal(queue_fixture_try(fixture, queue, &draft, &sent), QUEUE_OK);
  draft = (struct queue_draft){.body = BYTES("none"), .delay_s = 0};
  assert_int_equal(queue_fixture_try(fixture, queue, &draft, &sent), QUEUE_OK);
  queue_fixture_send(fixture, queue, "queues");
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 2");
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "none");
  fixture->now_ms += 3000;
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "own");
  fixture->now_ms += 6999;
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  fixture->now_ms += 1;
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "queues");
}

static void test_a_large_message_comes_whole(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  size_t size = QUEUE_MESSAGE_BYTES_MAX;
  uint8_t *text = malloc(size);
  assert_non_null(text);
  for (size_t i = 0; i < size; i++) text[i] = (uint8_t)('a' + i % 23);
  struct queue_sent sent;
  const struct queue_draft draft = {.body = bytes_of(text, size), .delay_s = -1};
  assert_int_equal(queue_fixture_try(fixture, queue, &draft, &sent), QUEUE_OK);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work");
  queue_fixture_receive(fixture, queue, 1);
  assert_int_equal(fixture->batch.count, 1);
  assert_true(bytes_equal(fixture->batch.messages[0].body, draft.body));
  free(text);
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  struct table_description description;
  store_table_describe(store_table(fixture->store.store, BYTES(QUEUE_MESSAGES_TABLE)),
                       &description);
  assert_int_equal(description.item_count, 0); /* the parts went with it */
}

static void test_a_full_plan_takes_nothing(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  struct plan plan;
  struct queue_sent sent;
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  for (int i = 0; i < 50; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    const struct queue_draft draft = {.body = BYTES("a"),
                                      .delay_s = -1,
                                      .group = BYTES("g"),
                                      .deduplication = bytes_of_text(number)};
    assert_int_equal(queue_send(queue, &plan, &draft, fixture->now_ms, &sent), QUEUE_OK);
  }
  const struct queue_draft draft = {
      .body = BYTES("a"), .delay_s = -1, .group = BYTES("g"), .deduplication = BYTES("x")};
  assert_int_equal(queue_send(queue, &plan, &draft, fixture->now_ms, &sent), QUEUE_PLAN_FULL);
  struct store_transact_result result;
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_OK);
  assert_string_equal(queue_fixture_counts(fixture, queue), "50 0 0");
}

/* ---- deduplication ---- */

static void test_a_duplicate_is_answered_with_the_first(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  struct queue_sent first = queue_fixture_send_group(fixture, queue, "a", "g", "d");
  struct queue_sent second = queue_fixture_send_group(fixture, queue, "b", "h", "d");
  assert_false(first.duplicate);
  assert_true(second.duplicate);
  assert_int_equal(id_compare(&first.id, &second.id), 0);
  assert_int_equal(first.sequence_number, second.sequence_number);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "a");
  /* Also when the message is gone, after a purge and over a restart, but not in another queue. */
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  uint64_t sequence;
  assert_int_equal(queue_purge(queue, &sequence, &fixture->error), QUEUE_OK);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work.fifo");
  assert_true(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  struct queue *other = queue_fixture_queue(fixture, "other.fifo", NULL);
  assert_false(queue_fixture_send_group(fixture, other, "a", "g", "d").duplicate);
}

static void test_an_id_is_remembered_for_five_minutes(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  queue_fixture_send_group(fixture, queue, "a", "g", "d");
  fixture->now_ms += 299999;
  assert_true(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  fixture->now_ms += 1;
  /* The deadline decides: its record was not forgotten yet. */
  assert_false(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  assert_true(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  queue_fixture_pass(fixture, 299999);
  assert_int_equal(fixture->queues->seen_index.count, 1);
  assert_true(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  queue_fixture_pass(fixture, 1);
  assert_int_equal(fixture->queues->seen_index.count, 0);
}

static void test_scope_is_the_queue_or_the_group(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, true);
  settings.deduplicate_by_group = true;
  struct queue *queue = queue_fixture_queue(fixture, "group.fifo", &settings);
  assert_false(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  assert_false(queue_fixture_send_group(fixture, queue, "a", "h", "d").duplicate);
  assert_true(queue_fixture_send_group(fixture, queue, "a", "g", "d").duplicate);
  /* Where one text ends and the next begins counts. */
  assert_false(queue_fixture_send_group(fixture, queue, "a", "gd", "e").duplicate);
  assert_false(queue_fixture_send_group(fixture, queue, "a", "g", "de").duplicate);
}

static void test_content_is_an_id(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, true);
  settings.deduplicate_by_content = true;
  struct queue *queue = queue_fixture_queue(fixture, "content.fifo", &settings);
  assert_false(queue_fixture_send_group(fixture, queue, "abc", "g", "").duplicate);
  assert_true(queue_fixture_send_group(fixture, queue, "abc", "g", "").duplicate);
  assert_false(queue_fixture_send_group(fixture, queue, "abd", "g", "").duplicate);
  assert_false(queue_fixture_send_group(fixture, queue, "abc", "g", "own").duplicate);
  queue_fixture_receive(fixture, queue, 1);
  /* FIPS 180-4, appendix: SHA-256 of "abc". */
  assert_true(
      bytes_equal(fixture->batch.messages[0].deduplication,
                  BYTES("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
}

static void test_a_duplicate_within_a_plan(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  struct plan plan;
  struct queue_sent sent[2];
  const struct queue_draft draft = {
      .body = BYTES("a"), .delay_s = -1, .group = BYTES("g"), .deduplication = BYTES("d")};
  for (int round = 0; round < 2; round++) { /* the first plan is dropped: it leaves no trace */
    plan_init(&plan, fixture->store.store, &fixture->store.answers);
    for (int i = 0; i < 2; i++)
      assert_int_equal(queue_send(queue, &plan, &draft, fixture->now_ms, &sent[i]), QUEUE_OK);
    assert_false(sent[0].duplicate);
    assert_true(sent[1].duplicate);
    assert_int_equal(id_compare(&sent[0].id, &sent[1].id), 0);
  }
  struct store_transact_result result;
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_OK);
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
}

/* The order of a group is that of its sends, whichever plan is committed first. */
static void test_plans_made_crosswise_keep_one_order(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  struct plan plans[3];
  const char *bodies[] = {"1", "2", "3"};
  for (int i = 0; i < 3; i++) {
    struct queue_sent sent;
    const struct queue_draft draft = {.body = bytes_of_text(bodies[i]),
                                      .delay_s = -1,
                                      .group = BYTES("g"),
                                      .deduplication = bytes_of_text(bodies[i])};
    plan_init(&plans[i], fixture->store.store, &fixture->store.answers);
    assert_int_equal(queue_send(queue, &plans[i], &draft, fixture->now_ms, &sent), QUEUE_OK);
  }
  for (int i = 2; i >= 0; i--) {
    struct store_transact_result result;
    assert_int_equal(plan_commit(&plans[i], &result, &fixture->error), STORE_OK);
  }
  contents_assert(fixture->queues);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work.fifo");
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "1 2 3");
}

static void test_without_memory_nothing_is_sent(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  static uint8_t text[5000];
  memset(text, 'x', sizeof text);
  const struct queue_draft draft = {.body = bytes_of(text, sizeof text),
                                    .delay_s = -1,
                                    .group = BYTES("g"),
                                    .deduplication = BYTES("d")};
  struct memory *memories[] = {&fixture->memory, &fixture->store.world->memory};
  struct plan plan;
  struct queue_sent sent;
  for (int which = 0; which < 2; which++) {
    enum queue_status status = QUEUE_UNAVAILABLE;
    for (uint64_t n = 1; status != QUEUE_OK; n++) {
      struct arena arena;
      arena_init(&arena, memories[which]);
      plan_init(&plan, fixture->store.store, &arena);
      memories[which]->fail_at = memories[which]->calls + n;
      status = queue_send(queue, &plan, &draft, fixture->now_ms, &sent);
      memories[which]->fail_at = 0;
      if (status != QUEUE_OK) {
        assert_int_equal(status, QUEUE_UNAVAILABLE);
        assert_int_equal(plan.action_count + plan.hook_count, 0);
      }
      arena_free(&arena);
    }
  }
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
  queue_fixture_pass(fixture, 0);
  assert_int_equal(fixture->queues->nodes.reserved, 0);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_message_is_there_when_its_plan_is_committed),
      TEST(test_sends_are_part_of_another_transaction),
      TEST(test_a_delay_is_the_messages_or_the_queues),
      TEST(test_a_large_message_comes_whole),
      TEST(test_a_full_plan_takes_nothing),
      TEST(test_a_duplicate_is_answered_with_the_first),
      TEST(test_an_id_is_remembered_for_five_minutes),
      TEST(test_scope_is_the_queue_or_the_group),
      TEST(test_content_is_an_id),
      TEST(test_a_duplicate_within_a_plan),
      TEST(test_plans_made_crosswise_keep_one_order),
      TEST(test_without_memory_nothing_is_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
