#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_all_is_as_it_was(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *work = queue_fixture_queue(fixture, "work", NULL);
  struct queue *order = queue_fixture_queue(fixture, "order.fifo", NULL);
  struct queue_sent sent;
  const struct queue_draft late = {.body = BYTES("late"), .delay_s = 60};
  assert_int_equal(queue_fixture_try(fixture, work, &late, &sent), QUEUE_OK);
  queue_fixture_send(fixture, work, "flight");
  assert_string_equal(queue_fixture_receive(fixture, work, 1), "flight");
  queue_fixture_send(fixture, work, "ready");
  queue_fixture_send_group(fixture, order, "1", "g", "1");
  queue_fixture_send_group(fixture, order, "2", "g", "2");
  queue_fixture_send_group(fixture, order, "3", "h", "3");
  assert_string_equal(queue_fixture_receive(fixture, order, 1), "1");
  for (int again = 0; again < 3; again++) {
    queue_fixture_reopen(fixture);
    if (again == 1) store_fixture_snapshot(&fixture->store);
    work = queue_fixture_find(fixture, "work");
    order = queue_fixture_find(fixture, "order.fifo");
    assert_string_equal(queue_fixture_counts(fixture, work), "1 1 1");
    assert_string_equal(queue_fixture_counts(fixture, order), "2 1 0");
  }
  assert_string_equal(queue_fixture_receive(fixture, order, 10), "3"); /* g is blocked still */
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  assert_string_equal(queue_fixture_receive(fixture, work, 10), "ready flight");
  assert_int_equal(fixture->batch.messages[1].receive_count, 2);
  assert_string_equal(queue_fixture_receive(fixture, order, 10), "1 2 3");
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  assert_string_equal(queue_fixture_counts(fixture, work), "3 0 0");
}

static void test_what_was_not_synced_never_was(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *work = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, work, "a");
  store_fixture_settle(&fixture->store);
  queue_fixture_send(fixture, work, "b");
  assert_string_equal(queue_fixture_receive(fixture, work, 10), "a b");
  queue_fixture_delete(fixture, work, 0);
  queue_fixture_crash(fixture, WORLD_SIM_CRASH_DROP);
  work = queue_fixture_find(fixture, "work");
  assert_string_equal(queue_fixture_receive(fixture, work, 10), "a");
  assert_int_equal(fixture->batch.messages[0].receive_count, 1);
}

/* What was ready is ready, however wrong the clock is after the restart. */
static void test_a_clock_that_went_back_hides_nothing(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *work = queue_fixture_queue(fixture, "work", NULL);
  struct queue *order = queue_fixture_queue(fixture, "order.fifo", NULL);
  queue_fixture_send(fixture, work, "a");
  queue_fixture_send_group(fixture, order, "b", "g", "d");
  fixture->now_ms -= 3600000;
  queue_fixture_reopen(fixture);
  work = queue_fixture_find(fixture, "work");
  order = queue_fixture_find(fixture, "order.fifo");
  assert_string_equal(queue_fixture_receive(fixture, work, 1), "a");
  assert_string_equal(queue_fixture_receive(fixture, order, 1), "b");
  assert_true(queue_fixture_send_group(fixture, order, "b", "g", "d").duplicate);
  queue_fixture_pass(fixture, 3600000 + QUEUE_VISIBILITY_S * 1000);
  assert_string_equal(queue_fixture_receive(fixture, work, 1), "a");
}

static void expect_corrupt(struct queue_fixture *fixture, const char *what)
{
  queues_close(fixture->queues);
  assert_null(queues_open(fixture->store.store, &fixture->memory, fixture->store.world,
                          fixture->now_ms, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_CORRUPT);
  if (strstr(fixture->error.message, what) == NULL)
    fail_msg("'%s' does not say '%s'", fixture->error.message, what);
  assert_int_equal(fixture->memory.in_use, 0);
}

/* Items that are none of ours are not guessed at: the operator is told which table it is. */
static void test_items_that_make_no_sense_are_refused(void **state)
{
  struct queue_fixture *fixture = *state;
  static const struct {
    const char *table, *item, *what;
  } cases[] = {
      {QUEUE_MESSAGES_TABLE, "{'i':{'B':'AAAA'}}", "a key"},
      {QUEUE_MESSAGES_TABLE, "{'i':{'B':'TUFBQUFBQUFBQUFBQUFBQUE='}}", "no state"},
      {QUEUE_MESSAGES_TABLE, "{'i':{'B':'REFBQUFBQUFBQUFBQUFBQUE='}}", "deduplication"},
      {QUEUE_QUEUES_TABLE, "{'name':{'S':'work'}}", "a queue's item"},
      {QUEUE_QUEUES_TABLE, "{'name':{'S':'#task/x'}}", "a task's item"},
      {QUEUE_QUEUES_TABLE, "{'name':{'S':'#numbers'}}", "#numbers"},
      {QUEUE_QUEUES_TABLE, "{'name':{'S':'#secret'}}", "#secret"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct table *table = store_table(fixture->store.store, bytes_of_text(cases[i].table));
    store_fixture_put(&fixture->store, table, "%s", cases[i].item);
    expect_corrupt(fixture, cases[i].what);
    bool message = strcmp(cases[i].table, QUEUE_MESSAGES_TABLE) == 0;
    if (message) {
      store_fixture_delete(&fixture->store, table, "%s", cases[i].item);
    } else {
      const char *name = strchr(cases[i].item, ':');
      store_fixture_delete(&fixture->store, table, "{'name'%s", name);
    }
    fixture->queues = queues_open(fixture->store.store, &fixture->memory, fixture->store.world,
                                  fixture->now_ms, &fixture->error);
    assert_non_null(fixture->queues);
  }
}

static void test_many_messages_over_several_pages(void **state)
{
  enum { COUNT = 6000 };
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "order.fifo", NULL);
  for (int i = 0; i < COUNT; i++) {
    char id[16];
    char group[2] = {(char)('a' + i % 3), '\0'};
    snprintf(id, sizeof id, "%d", i);
    queue_fixture_send_group(fixture, queue, id, group, id);
    if (i % 100 == 0) queue_fixture_clear(fixture);
  }
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "order.fifo");
  assert_string_equal(queue_fixture_counts(fixture, queue), "6000 0 0");
  assert_string_equal(queue_fixture_receive(fixture, queue, 5), "0 3 6 9 12");
  assert_int_equal(fixture->queues->seen_index.count, COUNT);
  queue_fixture_pass(fixture, QUEUE_DEDUPLICATION_MS);
  assert_int_equal(fixture->queues->seen_index.count, 0);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_all_is_as_it_was),
      TEST(test_what_was_not_synced_never_was),
      TEST(test_a_clock_that_went_back_hides_nothing),
      TEST(test_items_that_make_no_sense_are_refused),
      TEST(test_many_messages_over_several_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
