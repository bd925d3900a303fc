#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* `count` messages that went from the queue to its dead-letter queue. */
static void kill_messages(struct queue_fixture *fixture, struct queue *queue, int count)
{
  for (int i = 0; i < count; i++) {
    char text[16];
    snprintf(text, sizeof text, "m%d", i);
    if (queue_settings(queue)->fifo)
      queue_fixture_send_group(fixture, queue, text, "g", text);
    else
      queue_fixture_send(fixture, queue, text);
  }
  while (queue_fixture_receive(fixture, queue, 10)[0] != '\0') {
    if (!queue_settings(queue)->fifo) continue;
    for (uint32_t i = 0; i < fixture->batch.count; i++)
      assert_int_equal(queue_fixture_visibility(fixture, queue, i, 0), QUEUE_OK);
  }
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "");
  queue_fixture_clear(fixture);
}

static struct id start(struct queue_fixture *fixture, struct queue *source,
                       struct queue *destination, int32_t rate)
{
  struct id task;
  uint64_t sequence;
  enum queue_status status = queue_move_start(source, destination, rate, fixture->now_ms, &task,
                                              &sequence, &fixture->error);
  if (status != QUEUE_OK) fail_msg("%s", queue_status_name(status));
  return task;
}

static struct queue_task newest(const struct queue *source)
{
  struct queue_task task;
  assert_int_equal(queue_move_list(source, &task, 1), 1);
  return task;
}

static void test_messages_go_back_where_they_came_from(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *one = queue_fixture_redriven(fixture, "one", "dead", 1);
  struct queue *two = queue_fixture_redriven(fixture, "two", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  kill_messages(fixture, one, 2);
  kill_messages(fixture, two, 2);
  assert_string_equal(queue_fixture_counts(fixture, dead), "4 0 0");
  queue_fixture_receive(fixture, dead, 10);
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  start(fixture, dead, NULL, 0);
  queue_fixture_pass(fixture, 0);
  struct queue_task task = newest(dead);
  assert_int_equal(task.status, QUEUE_TASK_COMPLETED);
  assert_int_equal(task.moved, 4);
  assert_int_equal(task.to_move, 4);
  assert_string_equal(queue_fixture_counts(fixture, one), "2 0 0");
  assert_string_equal(queue_fixture_counts(fixture, two), "2 0 0");
  /* Counts and retention start anew. */
  queue_fixture_receive(fixture, one, 1);
  assert_int_equal(fixture->batch.messages[0].receive_count, 1);
  assert_int_equal(fixture->batch.messages[0].sent_ms, fixture->now_ms);
}

static void test_a_large_move_survives_a_crash(void **state)
{
  enum { COUNT = 330 };
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  kill_messages(fixture, queue, COUNT);
  while (queue_fixture_receive(fixture, queue, 10)[0] != '\0') continue;
  while (strcmp(queue_fixture_counts(fixture, dead), "330 0 0") != 0)
    queue_fixture_receive(fixture, queue, 10);
  start(fixture, dead, NULL, 0);
  assert_true(queues_tick(fixture->queues, fixture->now_ms));
  assert_true(queues_tick(fixture->queues, fixture->now_ms));
  store_fixture_settle(&fixture->store);
  assert_true(queues_tick(fixture->queues, fixture->now_ms));
  queue_fixture_crash(fixture, WORLD_SIM_CRASH_DROP);
  dead = queue_fixture_find(fixture, "dead");
  queue = queue_fixture_find(fixture, "work");
  assert_int_equal(newest(dead).moved, 100);
  assert_string_equal(queue_fixture_counts(fixture, dead), "230 0 0");
  queue_fixture_pass(fixture, 0);
  assert_int_equal(newest(dead).moved, COUNT);
  assert_int_equal(newest(dead).status, QUEUE_TASK_COMPLETED);
  assert_string_equal(queue_fixture_counts(fixture, queue), "330 0 0");
}

static void test_a_rate_is_kept(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  kill_messages(fixture, queue, 20);
  start(fixture, dead, NULL, 4);
  queue_fixture_pass(fixture, 0);
  assert_int_equal(newest(dead).moved, 1);
  for (int i = 1; i <= 8; i++) {
    int wait_ms = queues_wait_ms(fixture->queues, fixture->now_ms, 60000);
    assert_true(wait_ms > 100 && wait_ms <= 257);
    queue_fixture_pass(fixture, 250);
    assert_int_equal(newest(dead).moved, 1 + i);
  }
  queue_fixture_pass(fixture, 10000);
  assert_int_equal(newest(dead).moved, 20);
  queue_fixture_pass(fixture, 250);
  assert_int_equal(newest(dead).status, QUEUE_TASK_COMPLETED);
}

static void test_a_destination_takes_all(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  struct queue *other = queue_fixture_queue(fixture, "other", NULL);
  kill_messages(fixture, queue, 3);
  queue_fixture_send(fixture, dead, "direct");
  start(fixture, dead, other, 0);
  queue_fixture_pass(fixture, 0);
  assert_string_equal(queue_fixture_counts(fixture, other), "4 0 0");
  assert_true(bytes_equal(newest(dead).destination, BYTES("other")));
  assert_int_equal(fixture->queues->metrics.moved, 4);
}

/* What was sent to the dead-letter queue itself has no source: it stays, and the task says so. */
static void test_a_message_without_a_source_fails_the_task(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  kill_messages(fixture, queue, 2);
  queue_fixture_send(fixture, dead, "direct");
  start(fixture, dead, NULL, 0);
  queue_fixture_pass(fixture, 0);
  assert_int_equal(newest(dead).status, QUEUE_TASK_FAILED);
  assert_int_equal(newest(dead).moved, 2);
  assert_string_equal(queue_fixture_counts(fixture, dead), "1 0 0");
  assert_string_equal(queue_fixture_receive(fixture, dead, 1), "direct");
}

static void test_a_fifo_group_keeps_its_order(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work.fifo", "dead.fifo", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead.fifo");
  kill_messages(fixture, queue, 5);
  assert_string_equal(queue_fixture_counts(fixture, dead), "5 0 0");
  start(fixture, dead, NULL, 0);
  queue_fixture_pass(fixture, 0);
  assert_string_equal(queue_fixture_receive(fixture, queue, 10), "m0 m1 m2 m3 m4");
}

static void test_tasks_are_refused_listed_and_cancelled(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  struct queue *fifo = queue_fixture_queue(fixture, "order.fifo", NULL);
  kill_messages(fixture, queue, 5);
  struct id task;
  uint64_t sequence, moved;
  assert_int_equal(
      queue_move_start(dead, fifo, 0, fixture->now_ms, &task, &sequence, &fixture->error),
      QUEUE_REDRIVE_REFUSED);
  assert_int_equal(
      queue_move_start(dead, dead, 0, fixture->now_ms, &task, &sequence, &fixture->error),
      QUEUE_REDRIVE_REFUSED);
  assert_int_equal(
      queue_move_start(dead, NULL, 501, fixture->now_ms, &task, &sequence, &fixture->error),
      QUEUE_INVALID_RATE);
  task = start(fixture, dead, NULL, 1);
  queue_fixture_pass(fixture, 2000);
  assert_int_equal(
      queue_move_start(dead, NULL, 0, fixture->now_ms, &task, &sequence, &fixture->error),
      QUEUE_BUSY);
  queue_fixture_reopen(fixture);
  dead = queue_fixture_find(fixture, "dead");
  assert_int_equal(queue_move_cancel(fixture->queues, &task, &moved, &sequence, &fixture->error),
                   QUEUE_OK);
  assert_int_equal(moved, 3);
  assert_int_equal(queue_move_cancel(fixture->queues, &task, &moved, &sequence, &fixture->error),
                   QUEUE_NOT_RUNNING);
  task.bytes[0] ^= 1;
  assert_int_equal(queue_move_cancel(fixture->queues, &task, &moved, &sequence, &fixture->error),
                   QUEUE_NOT_FOUND);
  queue_fixture_pass(fixture, 10000);
  assert_string_equal(queue_fixture_counts(fixture, dead), "2 0 0");
  for (int i = 0; i < 12; i++) {
    start(fixture, dead, NULL, 0);
    queue_fixture_pass(fixture, 1);
  }
  struct queue_task tasks[20];
  assert_int_equal(queue_move_list(dead, tasks, 20), QUEUE_MOVE_TASKS_KEPT);
  for (int i = 1; i < QUEUE_MOVE_TASKS_KEPT; i++)
    assert_true(tasks[i - 1].started_ms > tasks[i].started_ms);
}

/* The Nth allocation of each tick fails: it is tried again, and every message arrives once. */
static void test_without_memory_nothing_is_lost(void **state)
{
  enum { COUNT = 120 };
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work.fifo", "dead.fifo", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead.fifo");
  kill_messages(fixture, queue, COUNT);
  struct memory *memories[] = {&fixture->memory, &fixture->store.world->memory};
  start(fixture, dead, NULL, 0);
  int failures = 0;
  for (uint64_t n = 1; newest(dead).status == QUEUE_TASK_RUNNING; n++) {
    struct memory *memory = memories[n % 2];
    arena_free(&fixture->queues->arena); /* so that its chunk is allocated anew */
    memory->fail_at = memory->calls + 1 + n / 2;
    uint64_t moved = newest(dead).moved;
    (void)queues_tick(fixture->queues, fixture->now_ms);
    memory->fail_at = 0;
    failures += newest(dead).moved == moved;
    contents_assert(fixture->queues);
    assert_int_equal(fixture->queues->node_index.count, COUNT);
    fixture->now_ms += 1000;
  }
  assert_true(failures > 3);
  assert_string_equal(queue_fixture_counts(fixture, queue), "120 0 0");
}

static void test_a_dropped_source_ends_its_task(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  kill_messages(fixture, queue, 5);
  start(fixture, dead, NULL, 1);
  uint64_t sequence;
  assert_int_equal(queue_drop(dead, &sequence, &fixture->error), QUEUE_OK);
  queue_fixture_pass(fixture, 1000);
  assert_int_equal(fixture->queues->tasks->record.status, QUEUE_TASK_COMPLETED);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_messages_go_back_where_they_came_from),
      TEST(test_a_large_move_survives_a_crash),
      TEST(test_a_rate_is_kept),
      TEST(test_a_destination_takes_all),
      TEST(test_a_message_without_a_source_fails_the_task),
      TEST(test_a_fifo_group_keeps_its_order),
      TEST(test_tasks_are_refused_listed_and_cancelled),
      TEST(test_without_memory_nothing_is_lost),
      TEST(test_a_dropped_source_ends_its_task),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
