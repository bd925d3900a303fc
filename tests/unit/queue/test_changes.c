#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint32_t number_of(struct queue_fixture *fixture, const struct id *id)
{
  return queue_index_find(&fixture->queues->node_index, id->bytes);
}

static void test_changes_of_several_messages_are_one_record(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queues *queues = fixture->queues;
  struct queue *from = queue_fixture_queue(fixture, "from", NULL);
  struct queue *to = queue_fixture_queue(fixture, "to", NULL);
  struct queue_sent sent[3];
  for (int i = 0; i < 3; i++) sent[i] = queue_fixture_send(fixture, from, "m");
  struct plan plan;
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  struct changes *changes = changes_begin(queues, &plan, 3);
  uint32_t numbers[3];
  for (int i = 0; i < 3; i++) numbers[i] = number_of(fixture, &sent[i].id);
  assert_int_equal(changes_remove(changes, numbers[0], CHANGE_DELETED), QUEUE_OK);
  assert_int_equal(changes_move(changes, numbers[1], CHANGE_DEAD_LETTERED,
                                queues_item_of(queues, numbers[1]), to, fixture->now_ms),
                   QUEUE_OK);
  struct message_state message;
  struct value item = queues_item_of(queues, numbers[2]), image;
  assert_true(message_state_read(item, &message));
  message.receives = 1;
  message.visible_ms = fixture->now_ms + 5;
  assert_int_equal(changes_set(changes, numbers[2], CHANGE_RECEIVED, item, &message, &image),
                   QUEUE_OK);
  assert_int_equal(changes_remove(changes, numbers[0], CHANGE_DELETED), QUEUE_PLAN_FULL);
  assert_int_equal(changes_count(changes), 3);
  assert_string_equal(queue_fixture_counts(fixture, from), "3 0 0");
  uint64_t before = store_appended(fixture->store.store);
  uint64_t sequence;
  assert_int_equal(queues_commit(&plan, &sequence, &fixture->error), QUEUE_OK);
  assert_int_equal(sequence, before + 1);
  assert_string_equal(queue_fixture_counts(fixture, from), "0 1 0");
  assert_string_equal(queue_fixture_counts(fixture, to), "1 0 0");
  assert_int_equal(queues->metrics.deleted + queues->metrics.dead_lettered, 2);
  queue_fixture_reopen(fixture);
  assert_string_equal(queue_fixture_counts(fixture, queue_fixture_find(fixture, "from")), "0 1 0");
  assert_string_equal(queue_fixture_counts(fixture, queue_fixture_find(fixture, "to")), "1 0 0");
}

static void test_what_a_plan_does_is_found_in_it(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queues *queues = fixture->queues;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct queue_sent sent = queue_fixture_send(fixture, queue, "m");
  struct message_key key = message_key(MESSAGE_KIND_MESSAGE, sent.id.bytes, 0);
  struct plan plan;
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  assert_null(queues_planned(queues, &plan, &key));
  struct changes *changes = changes_begin(queues, &plan, 1);
  assert_int_equal(changes_remove(changes, number_of(fixture, &sent.id), CHANGE_DELETED), QUEUE_OK);
  assert_int_equal(queues_planned(queues, &plan, &key)->kind, ACTION_DELETE);
}

/* Numbers only grow, over restarts too, also when no message is left to tell of the last one. */
static void test_sequence_numbers_only_grow(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  uint64_t last = 0;
  for (int i = 0; i < 6; i++) {
    const char id[] = {(char)('a' + i), '\0'};
    struct queue_sent sent = queue_fixture_send_group(fixture, queue, "m", "g", id);
    assert_true(sent.sequence_number > last);
    last = sent.sequence_number;
    queue_fixture_receive(fixture, queue, 1);
    queue_fixture_delete(fixture, queue, 0);
    if (i % 2 == 0) queue_fixture_pass(fixture, QUEUE_DEDUPLICATION_MS);
    queue_fixture_reopen(fixture);
    queue = queue_fixture_find(fixture, "work.fifo");
  }
}

static void test_a_commit_that_fails_changes_nothing(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "m");
  struct memory *memory = &fixture->store.world->memory;
  struct plan plan;
  struct queue_batch batch;
  const struct queue_request request = {.max = 1, .visibility_s = 1, .now_ms = fixture->now_ms};
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  assert_int_equal(queue_receive_into(queue, &request, &plan, &batch), QUEUE_OK);
  uint64_t sequence;
  memory->fail_at = memory->calls + 1;
  assert_int_equal(queues_commit(&plan, &sequence, &fixture->error), QUEUE_UNAVAILABLE);
  memory->fail_at = 0;
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_changes_of_several_messages_are_one_record),
      TEST(test_what_a_plan_does_is_found_in_it),
      TEST(test_sequence_numbers_only_grow),
      TEST(test_a_commit_that_fails_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
