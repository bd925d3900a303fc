#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_queues_are_found_and_listed_by_name(void **state)
{
  struct queue_fixture *fixture = *state;
  static const char *const names[] = {"mail", "a", "work.fifo", "work", "b-1"};
  static const char *const sorted[] = {"a", "b-1", "mail", "work", "work.fifo"};
  for (int i = 0; i < 5; i++) queue_fixture_queue(fixture, names[i], NULL);
  for (int again = 0; again < 2; again++) {
    struct bytes after = BYTES("");
    for (int i = 0; i < 5; i++) {
      const struct queue *queue = queue_next(fixture->queues, after);
      assert_non_null(queue);
      after = queue_name(queue);
      assert_true(bytes_equal(after, bytes_of_text(sorted[i])));
      assert_ptr_equal(queue_find(fixture->queues, after), queue);
    }
    assert_null(queue_next(fixture->queues, after));
    assert_null(queue_find(fixture->queues, BYTES("b")));
    assert_true(bytes_equal(queue_name(queue_next(fixture->queues, BYTES("b"))), BYTES("b-1")));
    queue_fixture_reopen(fixture);
  }
}

static void test_ages_are_those_of_the_oldest(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct queue_counts counts;
  queue_counts(queue, fixture->now_ms, &counts);
  assert_int_equal(counts.oldest_age_ms, 0);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_pass(fixture, 5000);
  queue_fixture_send(fixture, queue, "b");
  queue_fixture_pass(fixture, 2000);
  queue_counts(queue, fixture->now_ms, &counts);
  assert_int_equal(counts.oldest_age_ms, 7000);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  queue_fixture_delete(fixture, queue, 0);
  queue_counts(queue, fixture->now_ms, &counts);
  assert_int_equal(counts.oldest_age_ms, 2000);
  /* A clock that goes back makes no age negative and no message younger. */
  queue_counts(queue, fixture->now_ms - 100000, &counts);
  assert_int_equal(counts.oldest_age_ms, 2000);
}

static void test_every_status_has_a_name(void **state)
{
  (void)state;
  for (int status = QUEUE_OK; status <= QUEUE_UNAVAILABLE; status++) {
    const char *name = queue_status_name((enum queue_status)status);
    assert_non_null(name);
    assert_memory_equal(name, "QUEUE_", 6);
  }
}

/* Whatever allocation fails, opening is refused, leaks nothing, and can be tried again. */
static void test_without_memory_they_do_not_open(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  queue_fixture_queue(fixture, "mail", NULL);
  struct id task;
  uint64_t sequence;
  assert_int_equal(
      queue_move_start(queue, NULL, 0, fixture->now_ms, &task, &sequence, &fixture->error),
      QUEUE_OK);
  for (int i = 0; i < 50; i++) {
    char id[16];
    snprintf(id, sizeof id, "%d", i);
    queue_fixture_send_group(fixture, queue, "m", id, id);
  }
  queues_close(fixture->queues);
  fixture->queues = NULL;
  int failures = 0;
  for (uint64_t n = 1; fixture->queues == NULL; n++) {
    fixture->memory.fail_at = fixture->memory.calls + n;
    fixture->queues = queues_open(fixture->store.store, &fixture->memory, fixture->store.world,
                                  fixture->now_ms, &fixture->error);
    fixture->memory.fail_at = 0;
    if (fixture->queues != NULL) break;
    failures++;
    assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
    assert_int_equal(fixture->memory.in_use, 0);
  }
  assert_true(failures > 20);
  assert_string_equal(queue_fixture_counts(fixture, queue_fixture_find(fixture, "work.fifo")),
                      "50 0 0");
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_queues_are_found_and_listed_by_name),
      TEST(test_ages_are_those_of_the_oldest),
      TEST(test_every_status_has_a_name),
      TEST(test_without_memory_they_do_not_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
