#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One long poll: what it does when it is woken, and what became of it. */
struct poll {
  struct queue_waiter waiter;
  struct queue_fixture *fixture;
  struct queue *queue;
  bool takes;         /* receives one message */
  bool again;         /* waits on */
  struct poll *stops; /* cancels this one */
  int ready;
  int timeouts;
  int drops;
  char got[16];
};

static void woken(void *context, struct queue_waiter *waiter, enum queue_wake_reason why)
{
  struct poll *poll = context;
  assert_ptr_equal(waiter, &poll->waiter);
  assert_null(waiter->queue);
  poll->ready += why == QUEUE_WAKE_READY;
  poll->timeouts += why == QUEUE_WAKE_TIMEOUT;
  poll->drops += why == QUEUE_WAKE_DROPPED;
  if (poll->stops != NULL) queue_wait_cancel(&poll->stops->waiter);
  if (why == QUEUE_WAKE_READY && poll->takes)
    strncpy(poll->got, queue_fixture_receive(poll->fixture, poll->queue, 1), sizeof poll->got - 1);
  if (why == QUEUE_WAKE_READY && poll->again)
    queue_wait(poll->queue, waiter, poll->fixture->now_ms + 20000);
}

static void start(struct queue_fixture *fixture, struct queue *queue, struct poll *poll)
{
  poll->fixture = fixture;
  poll->queue = queue;
  poll->waiter = (struct queue_waiter){.wake = woken, .context = poll};
  queue_wait(queue, &poll->waiter, fixture->now_ms + 20000);
}

static void test_a_send_wakes_the_first(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct poll polls[3] = {{.takes = true}, {.takes = true}, {.takes = true}};
  for (int i = 0; i < 3; i++) start(fixture, queue, &polls[i]);
  queue_fixture_pass(fixture, 100);
  assert_int_equal(polls[0].ready, 0);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_send(fixture, queue, "b");
  assert_int_equal(polls[0].ready, 0); /* not from within somebody's commit */
  queue_fixture_pass(fixture, 0);
  assert_string_equal(polls[0].got, "a");
  assert_string_equal(polls[1].got, "b");
  assert_int_equal(polls[2].ready, 0);
  queue_wait_cancel(&polls[2].waiter);
  queue_wait_cancel(&polls[2].waiter);
}

static void test_its_time_is_over(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct poll poll = {.takes = true};
  start(fixture, queue, &poll);
  assert_int_not_equal(queues_wait_ms(fixture->queues, fixture->now_ms, 60000), 60000);
  queue_fixture_pass(fixture, 19999);
  assert_int_equal(poll.timeouts, 0);
  queue_fixture_pass(fixture, 1);
  assert_int_equal(poll.timeouts, 1);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_pass(fixture, 0);
  assert_int_equal(poll.ready, 0);
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
}

/* One that is cancelled, and one that is woken and does not receive, keep nothing from the next. */
static void test_a_stale_poll_swallows_nothing(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct poll polls[4] = {[3] = {.takes = true}};
  for (int i = 0; i < 4; i++) start(fixture, queue, &polls[i]);
  polls[1].stops = &polls[2]; /* goes away while others are woken */
  queue_fixture_send(fixture, queue, "a");
  queue_wait_cancel(&polls[0].waiter);
  queue_fixture_pass(fixture, 0);
  assert_int_equal(polls[0].ready, 0);
  assert_int_equal(polls[1].ready, 1);
  assert_int_equal(polls[2].ready, 0);
  assert_string_equal(polls[3].got, "a");
}

static void test_time_wakes_too(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct poll poll = {.takes = true};
  struct queue_sent sent;
  const struct queue_draft draft = {.body = BYTES("late"), .delay_s = 15};
  assert_int_equal(queue_fixture_try(fixture, queue, &draft, &sent), QUEUE_OK);
  start(fixture, queue, &poll);
  queue_fixture_pass(fixture, 14999);
  assert_int_equal(poll.ready, 0);
  assert_int_equal(queues_wait_ms(fixture->queues, fixture->now_ms, 60000) <= 8, true);
  queue_fixture_pass(fixture, 1);
  assert_string_equal(poll.got, "late"); /* a delay ended */
  poll.got[0] = '\0';
  queue_fixture_pass(fixture, 15000);
  start(fixture, queue, &poll);
  queue_fixture_pass(fixture, 15000);
  assert_string_equal(poll.got, "late"); /* a visibility ended */
}

static void test_a_freed_group_wakes(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  struct poll poll = {.takes = true};
  queue_fixture_send_group(fixture, queue, "a", "g", "1");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  queue_fixture_send_group(fixture, queue, "b", "g", "2");
  start(fixture, queue, &poll);
  queue_fixture_pass(fixture, 0);
  assert_int_equal(poll.ready, 0);
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  queue_fixture_pass(fixture, 0);
  assert_string_equal(poll.got, "b");
}

/* Who waits again without receiving is called once a tick, and the tick ends. */
static void test_who_waits_again_does_not_hold_the_tick(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct poll poll = {.again = true};
  queue_fixture_send(fixture, queue, "a");
  start(fixture, queue, &poll);
  for (int i = 1; i <= 3; i++) {
    assert_true(queues_tick(fixture->queues, fixture->now_ms));
    assert_int_equal(poll.ready, i);
  }
  queue_wait_cancel(&poll.waiter);
  assert_false(queues_tick(fixture->queues, fixture->now_ms));
}

static void test_a_dropped_queue_tells_its_waiters(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct poll polls[2] = {[1] = {.takes = false}};
  uint64_t sequence;
  for (int i = 0; i < 2; i++) start(fixture, queue, &polls[i]);
  queue_fixture_send(fixture, queue, "a");
  assert_int_equal(queue_drop(queue, &sequence, &fixture->error), QUEUE_OK);
  for (int i = 0; i < 2; i++) assert_int_equal(polls[i].drops, 1);
  queue_fixture_pass(fixture, 30000);
  for (int i = 0; i < 2; i++) assert_int_equal(polls[i].ready + polls[i].timeouts, 0);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_send_wakes_the_first),
      TEST(test_its_time_is_over),
      TEST(test_a_stale_poll_swallows_nothing),
      TEST(test_time_wakes_too),
      TEST(test_a_freed_group_wakes),
      TEST(test_who_waits_again_does_not_hold_the_tick),
      TEST(test_a_dropped_queue_tells_its_waiters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
