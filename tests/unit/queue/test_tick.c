#include "unit/queue/queue_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_messages_end_with_their_retention(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, false);
  settings.retention_s = 3600;
  struct queue *queue = queue_fixture_queue(fixture, "short", &settings);
  for (int i = 0; i < 300; i++) queue_fixture_send(fixture, queue, "m");
  queue_fixture_receive(fixture, queue, 10); /* being in flight saves nobody */
  queue_fixture_pass(fixture, 3599999);
  assert_string_equal(queue_fixture_counts(fixture, queue), "300 0 0");
  fixture->now_ms += 1;
  assert_true(queues_tick(fixture->queues, fixture->now_ms)); /* a slice */
  assert_true(fixture->queues->metrics.expired > 0 && fixture->queues->metrics.expired < 300);
  queue_fixture_pass(fixture, 0);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
  assert_int_equal(fixture->queues->metrics.expired, 300);
}

static void test_retention_is_changed_for_what_is_there(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  uint64_t sequence;
  queue_settings_init(&settings, false);
  settings.retention_s = 1000;
  struct queue *queue = queue_fixture_queue(fixture, "work", &settings);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_pass(fixture, 900000);
  settings.retention_s = 2000; /* longer, when its end was near */
  assert_int_equal(queue_set(queue, &settings, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_OK);
  queue_fixture_pass(fixture, 1000000);
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
  settings.retention_s = 60; /* shorter than its age */
  assert_int_equal(queue_set(queue, &settings, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_OK);
  queue_fixture_pass(fixture, 0);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
}

/* A dead letter of a standard queue is as old as when it was sent. */
static void test_a_dead_letter_expires_by_its_first_send(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, false);
  settings.retention_s = 100;
  queue_fixture_queue(fixture, "dead", &settings);
  struct queue *queue = queue_fixture_redriven(fixture, "work", "dead", 1);
  struct queue *dead = queue_fixture_find(fixture, "dead");
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  queue_fixture_pass(fixture, 90000);
  queue_fixture_send(fixture, dead, "young");
  queue_fixture_receive(fixture, queue, 1);
  assert_string_equal(queue_fixture_counts(fixture, dead), "2 0 0");
  queue_fixture_pass(fixture, 10000);
  assert_string_equal(queue_fixture_receive(fixture, dead, 10), "young");
}

static void test_an_idle_tick_says_so(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  assert_false(queues_tick(fixture->queues, fixture->now_ms));
  assert_int_equal(queues_wait_ms(fixture->queues, fixture->now_ms, 1000), 1000);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  queue_fixture_pass(fixture, 0);
  /* Its visibility ends in 30 s: the loop sleeps, with a few looks at the wheel. */
  int wakes = 0;
  for (int64_t end_ms = fixture->now_ms + 30000; fixture->now_ms < end_ms; wakes++)
    queue_fixture_pass(fixture, queues_wait_ms(fixture->queues, fixture->now_ms, 60000) + 1);
  assert_true(wakes < 20);
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
}

/* A disk that is full stops the work, not the loop; it goes on by itself. */
static void test_background_work_is_tried_again(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct memory *memory = &fixture->store.world->memory;
  uint64_t sequence;
  for (int i = 0; i < 10; i++) queue_fixture_send(fixture, queue, "m");
  assert_int_equal(queue_purge(queue, &sequence, &fixture->error), QUEUE_OK);
  memory->fail_at = memory->calls + 1;
  assert_false(queues_tick(fixture->queues, fixture->now_ms));
  memory->fail_at = 0;
  assert_int_equal(fixture->queues->metrics.purged, 0);
  int wait_ms = queues_wait_ms(fixture->queues, fixture->now_ms, 60000);
  assert_true(wait_ms > 900 && wait_ms < 1100);
  queue_fixture_pass(fixture, wait_ms);
  assert_int_equal(fixture->queues->metrics.purged, 10);
}

static void test_what_a_dropped_plan_reserved_is_let_go(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  for (int i = 0; i < 3000; i++) {
    struct plan plan;
    struct queue_sent sent;
    const struct queue_draft draft = {.body = BYTES("m"), .delay_s = -1};
    plan_init(&plan, fixture->store.store, &fixture->store.answers);
    assert_int_equal(queue_send(queue, &plan, &draft, fixture->now_ms, &sent), QUEUE_OK);
    if (i % 100 == 0) queue_fixture_clear(fixture);
    if (i % 10 == 0) queue_fixture_pass(fixture, 0);
  }
  assert_true(queue_pool_bytes(&fixture->queues->nodes) < 3000 * sizeof(struct message_node));
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_messages_end_with_their_retention),
      TEST(test_retention_is_changed_for_what_is_there),
      TEST(test_a_dead_letter_expires_by_its_first_send),
      TEST(test_an_idle_tick_says_so),
      TEST(test_background_work_is_tried_again),
      TEST(test_what_a_dropped_plan_reserved_is_let_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
