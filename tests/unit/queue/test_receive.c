#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_messages_come_in_order_and_are_in_flight(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  for (const char *body = "abc"; *body != '\0'; body++)
    queue_fixture_send(fixture, queue, (const char[]){*body, '\0'});
  assert_string_equal(queue_fixture_counts(fixture, queue), "3 0 0");
  assert_string_equal(queue_fixture_receive(fixture, queue, 2), "a b");
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 2 0");
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "c");
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  contents_assert(fixture->queues);
}

/* Nothing but the deadline decides: no tick in between. */
static void test_a_message_is_visible_again_at_its_time(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "a");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  fixture->now_ms += QUEUE_VISIBILITY_S * 1000 - 1;
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "");
  fixture->now_ms += 1;
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  assert_int_equal(fixture->batch.messages[0].receive_count, 2);
}

static void test_a_message_says_where_it_was(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  const struct queue_attribute attributes[] = {
      {BYTES("price"), BYTES("Number.won"), BYTES("12000")},
      {BYTES("blob"), BYTES("Binary"), {(const uint8_t *)"\0\1", 2}},
  };
  const struct queue_draft draft = {.body = BYTES("hello"),
                                    .attributes = attributes,
                                    .attribute_count = 2,
                                    .delay_s = -1,
                                    .group = BYTES("fair"),
                                    .trace = BYTES("Root=1")};
  struct queue_sent sent;
  int64_t sent_ms = fixture->now_ms;
  assert_int_equal(queue_fixture_try(fixture, queue, &draft, &sent), QUEUE_OK);
  fixture->now_ms += 1234;
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "hello");
  const struct queue_message *message = &fixture->batch.messages[0];
  assert_int_equal(id_compare(&message->id, &sent.id), 0);
  assert_int_equal(message->sent_ms, sent_ms);
  assert_int_equal(message->first_received_ms, sent_ms + 1234);
  assert_int_equal(message->sequence_number, 0);
  assert_true(bytes_equal(message->group, BYTES("fair")));
  assert_true(bytes_equal(message->trace, BYTES("Root=1")));
  assert_int_equal(message->attribute_count, 2);
  assert_true(bytes_equal(message->attributes[0].name, BYTES("blob")));
  assert_true(bytes_equal(message->attributes[0].value, attributes[1].value));
  assert_true(bytes_equal(message->attributes[1].type, BYTES("Number.won")));
  fixture->now_ms += QUEUE_VISIBILITY_S * 1000;
  queue_fixture_receive(fixture, queue, 1);
  assert_int_equal(fixture->batch.messages[0].first_received_ms, sent_ms + 1234);
}

static void test_wrong_requests_are_refused(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct queue_request request = {.max = 0, .visibility_s = -1, .now_ms = fixture->now_ms};
  struct arena *arena = &fixture->store.answers;
  assert_int_equal(queue_receive(queue, &request, arena, &fixture->batch, &fixture->error),
                   QUEUE_INVALID_COUNT);
  request.max = 11;
  assert_int_equal(queue_receive(queue, &request, arena, &fixture->batch, &fixture->error),
                   QUEUE_INVALID_COUNT);
  request.max = 1;
  request.visibility_s = 43201;
  assert_int_equal(queue_receive(queue, &request, arena, &fixture->batch, &fixture->error),
                   QUEUE_INVALID_VISIBILITY);
}

static void test_a_message_received_too_often_goes_to_the_dead_letter_queue(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "work-dlq", 2);
  struct queue *dead = queue_fixture_find(fixture, "work-dlq");
  queue_fixture_send(fixture, queue, "poison");
  for (int i = 0; i < 2; i++) {
    assert_string_equal(queue_fixture_receive(fixture, queue, 10), "poison");
    queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  }
  queue_fixture_send(fixture, queue, "good");
  /* It moves at the next receive, which goes on to what is behind it. */
  assert_string_equal(queue_fixture_counts(fixture, dead), "0 0 0");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "good");
  assert_string_equal(queue_fixture_counts(fixture, dead), "1 0 0");
  queue_fixture_reopen(fixture);
  dead = queue_fixture_find(fixture, "work-dlq");
  assert_string_equal(queue_fixture_counts(fixture, dead), "1 0 0");
}

static void test_a_dead_letter_keeps_id_and_age_and_counts_anew(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "work-dlq", 1);
  struct queue *dead = queue_fixture_find(fixture, "work-dlq");
  struct queue_sent sent = queue_fixture_send(fixture, queue, "poison");
  int64_t sent_ms = fixture->now_ms;
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "poison");
  char receipt[QUEUE_RECEIPT_TEXT];
  memcpy(receipt, fixture->batch.messages[0].receipt, sizeof receipt);
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "");
  /* The old receipt is of another queue now: it deletes nothing. */
  struct bytes old = bytes_of(receipt, sizeof receipt);
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, old), QUEUE_GONE);
  assert_int_equal(queue_fixture_delete_receipt(fixture, dead, old), QUEUE_INVALID_RECEIPT);
  assert_string_equal(queue_fixture_receive(fixture, dead, 1), "poison");
  const struct queue_message *message = &fixture->batch.messages[0];
  assert_int_equal(id_compare(&message->id, &sent.id), 0);
  assert_int_equal(message->receive_count, 1);
  assert_int_equal(message->sent_ms, sent_ms);
  assert_int_equal(message->first_received_ms, fixture->now_ms);
  assert_true(bytes_equal(message->dead_letter_source, BYTES("work")));
}

static void test_without_its_dead_letter_queue_a_message_is_delivered_on(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "work-dlq", 1);
  uint64_t sequence;
  assert_int_equal(queue_drop(queue_fixture_find(fixture, "work-dlq"), &sequence, &fixture->error),
                   QUEUE_OK);
  queue_fixture_send(fixture, queue, "poison");
  for (int i = 0; i < 3; i++) {
    assert_string_equal(queue_fixture_receive(fixture, queue, 1), "poison");
    queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  }
}

/* More of them than one commit takes: none hides what is behind them. */
static void test_many_dead_letters_before_a_good_message(void **state)
{
  enum { MANY = 300 };
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "work-dlq", 1);
  for (int i = 0; i < MANY; i++) queue_fixture_send(fixture, queue, "poison");
  for (int i = 0; i < MANY / 10; i++) queue_fixture_receive(fixture, queue, 10);
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  queue_fixture_send(fixture, queue, "good");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "good");
  assert_string_equal(queue_fixture_counts(fixture, queue_fixture_find(fixture, "work-dlq")),
                      "300 0 0");
}

static void test_an_expired_message_is_not_received(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, false);
  settings.retention_s = 60;
  struct queue *queue = queue_fixture_queue(fixture, "short", &settings);
  queue_fixture_send(fixture, queue, "a");
  fixture->now_ms += 30000;
  queue_fixture_send(fixture, queue, "b");
  fixture->now_ms += 30000;
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "b");
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 1 0");
  assert_int_equal(fixture->queues->metrics.expired, 1);
}

static void test_a_receive_is_part_of_a_plan(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_send(fixture, queue, "b");
  struct plan plan;
  struct queue_batch batches[3];
  const struct queue_request request = {.max = 1, .visibility_s = 5, .now_ms = fixture->now_ms};
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  for (int i = 0; i < 3; i++)
    assert_int_equal(queue_receive_into(queue, &request, &plan, &batches[i]), QUEUE_OK);
  /* The plan does not give the same message twice, and nothing has happened so far. */
  assert_true(bytes_equal(batches[0].messages[0].body, BYTES("a")));
  assert_true(bytes_equal(batches[1].messages[0].body, BYTES("b")));
  assert_int_equal(batches[2].count, 0);
  assert_string_equal(queue_fixture_counts(fixture, queue), "2 0 0");
  struct bytes receipt = bytes_of(batches[0].messages[0].receipt, QUEUE_RECEIPT_TEXT);
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, receipt), QUEUE_INVALID_RECEIPT);
  struct store_transact_result result;
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_OK);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 2 0");
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, receipt), QUEUE_OK);
}

/* What came between the making of a plan and its commit refuses it: nothing deleted comes back. */
static void test_a_plan_that_is_overtaken_is_refused(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "a");
  struct plan plan;
  struct queue_batch batch;
  const struct queue_request request = {.max = 1, .visibility_s = 5, .now_ms = fixture->now_ms};
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  assert_int_equal(queue_receive_into(queue, &request, &plan, &batch), QUEUE_OK);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  struct store_transact_result result;
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_CANCELED);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
  queue_fixture_reopen(fixture);
  assert_string_equal(queue_fixture_counts(fixture, queue_fixture_find(fixture, "work")), "0 0 0");
}

/* ---- FIFO ---- */

static void send_groups(struct queue_fixture *fixture, struct queue *queue, const char *bodies)
{
  /* "a1 b1 a2": the letter is the group, the whole also the deduplication id. */
  char body[3] = "";
  for (; *bodies != '\0'; bodies += bodies[2] == '\0' ? 2 : 3) {
    memcpy(body, bodies, 2);
    queue_fixture_send_group(fixture, queue, body, (const char[]){body[0], '\0'}, body);
  }
}

static void test_a_message_in_flight_blocks_its_group(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  send_groups(fixture, queue, "a1 b1 a2 a3 b2");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a1");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "b1");
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  assert_string_equal(queue_fixture_counts(fixture, queue), "3 2 0");
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK); /* b1 */
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "b2");
}

static void test_groups_go_on_when_their_message_is_deleted(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  send_groups(fixture, queue, "a1 a2 a3 a4");
  assert_string_equal(queue_fixture_receive(fixture, queue, 2), "a1 a2");
  assert_int_equal(queue_fixture_delete(fixture, queue, 1), QUEUE_OK);
  /* One of the two is still in flight. */
  struct queue_batch held = fixture->batch;
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  fixture->batch = held;
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "a3 a4");
}

static void test_a_group_keeps_its_order_when_messages_come_back(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  send_groups(fixture, queue, "a1 a2 a3 a4");
  assert_string_equal(queue_fixture_receive(fixture, queue, 3), "a1 a2 a3");
  struct queue_batch held = fixture->batch;
  assert_int_equal(queue_fixture_visibility(fixture, queue, 2, 0), QUEUE_OK);
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 40), QUEUE_OK);
  fixture->now_ms += 30000;
  /* a2 and a3 are visible, a1 is not: none of its group is given. */
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  assert_string_equal(queue_fixture_counts(fixture, queue), "3 1 0");
  fixture->batch = held;
  queue_fixture_pass(fixture, 10000);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "a1 a2 a3 a4");
}

static void test_a_delayed_message_blocks_nothing(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, true);
  settings.delay_s = 10;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", &settings);
  send_groups(fixture, queue, "a1");
  fixture->now_ms += 10000;
  send_groups(fixture, queue, "a2 b1");
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 2");
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "a1");
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  fixture->now_ms += 10000;
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "a2 b1");
}

static void test_a_dead_letter_frees_its_group(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work.fifo", "dead.fifo", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead.fifo");
  send_groups(fixture, queue, "a1 a2 a3");
  assert_string_equal(queue_fixture_receive(fixture, queue, 2), "a1 a2");
  int64_t moved_ms = fixture->now_ms + QUEUE_VISIBILITY_S * 1000;
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "a3");
  fixture->now_ms += 5;
  assert_string_equal(queue_fixture_receive(fixture, dead, 10), "a1 a2");
  /* A FIFO queue counts the age anew. */
  assert_int_equal(fixture->batch.messages[0].sent_ms, moved_ms);
  assert_true(bytes_equal(fixture->batch.messages[1].group, BYTES("a")));
  assert_true(bytes_equal(fixture->batch.messages[1].deduplication, BYTES("a2")));
  contents_assert(fixture->queues);
}

/* Each allocation fails once, until none does: a refused receive changed nothing. */
static void receive_with_failures(struct queue_fixture *fixture, struct memory *memory)
{
  struct queue *queue = queue_fixture_redriven(fixture, "work.fifo", "dead.fifo", 1);
  send_groups(fixture, queue, "a1 a2 b1");
  queue_fixture_receive(fixture, queue, 1);
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  const struct queue_request request = {.max = 10, .visibility_s = -1, .now_ms = fixture->now_ms};
  enum queue_status status = QUEUE_UNAVAILABLE;
  for (uint64_t n = 1; status != QUEUE_OK; n++) {
    struct arena arena; /* a fresh one, so that its allocations fail too */
    arena_init(&arena, memory);
    memory->fail_at = memory->calls + n;
    status = queue_receive(queue, &request, &arena, &fixture->batch, &fixture->error);
    memory->fail_at = 0;
    arena_free(&arena);
    contents_assert(fixture->queues);
    if (status == QUEUE_OK) break;
    assert_int_equal(status, QUEUE_UNAVAILABLE);
    assert_string_equal(queue_fixture_counts(fixture, queue), "3 0 0");
  }
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 2 0");
  assert_string_equal(queue_fixture_counts(fixture, queue_fixture_find(fixture, "dead.fifo")),
                      "1 0 0");
}

static void test_without_memory_nothing_is_lost(void **state)
{
  struct queue_fixture *fixture = *state;
  receive_with_failures(fixture, &fixture->memory);
}

static void test_without_memory_of_the_store_nothing_is_lost(void **state)
{
  struct queue_fixture *fixture = *state;
  receive_with_failures(fixture, &fixture->store.world->memory);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_messages_come_in_order_and_are_in_flight),
      TEST(test_a_message_is_visible_again_at_its_time),
      TEST(test_a_message_says_where_it_was),
      TEST(test_wrong_requests_are_refused),
      TEST(test_a_message_received_too_often_goes_to_the_dead_letter_queue),
      TEST(test_a_dead_letter_keeps_id_and_age_and_counts_anew),
      TEST(test_without_its_dead_letter_queue_a_message_is_delivered_on),
      TEST(test_many_dead_letters_before_a_good_message),
      TEST(test_an_expired_message_is_not_received),
      TEST(test_a_receive_is_part_of_a_plan),
      TEST(test_a_plan_that_is_overtaken_is_refused),
      TEST(test_a_message_in_flight_blocks_its_group),
      TEST(test_groups_go_on_when_their_message_is_deleted),
      TEST(test_a_group_keeps_its_order_when_messages_come_back),
      TEST(test_a_delayed_message_blocks_nothing),
      TEST(test_a_dead_letter_frees_its_group),
      TEST(test_without_memory_nothing_is_lost),
      TEST(test_without_memory_of_the_store_nothing_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
