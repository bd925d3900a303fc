#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A node without an item, in the contents of a queue. */
static uint32_t attach(struct queue_fixture *fixture, struct queue *queue, uint64_t sequence,
                       const char *group, int64_t visible_ms)
{
  struct queues *queues = fixture->queues;
  assert_true(queue_pool_reserve(&queues->nodes));
  assert_true(contents_reserve_group(queues, queue->contents));
  uint32_t number = queue_pool_take(&queues->nodes);
  struct message_node *node = node_at(queues, number);
  node->contents = queue->contents->slot;
  node->sequence = sequence;
  node->sent_ms = fixture->now_ms;
  node->visible_ms = visible_ms;
  node->receives = visible_ms > fixture->now_ms;
  memcpy(node->entry.key, &sequence, sizeof sequence);
  queue_index_insert(&queues->node_index, number);
  struct group_key key = group_key_of(queues, queue->contents, bytes_of_text(group));
  contents_attach(queues, number, &key);
  return number;
}

static void detach(struct queue_fixture *fixture, uint32_t number)
{
  contents_detach(fixture->queues, number);
  queue_index_remove(&fixture->queues->node_index, number);
  queue_pool_release(&fixture->queues->nodes, number);
}

/* Sequences in the order they would be served. */
static const char *order(struct queue_fixture *fixture, struct queue *queue)
{
  static char text[512];
  struct ready_walk walk;
  size_t length = 0;
  text[0] = '\0';
  for (uint32_t number = ready_walk_first(&walk, fixture->queues, queue->contents); number != 0;
       number = ready_walk_next(&walk))
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%llu", length > 0 ? " " : "",
                               (unsigned long long)node_at(fixture->queues, number)->sequence);
  return text;
}

static void test_a_group_is_in_order_whatever_comes_when(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  const uint64_t sequences[] = {5, 3, 9, 1, 7, 4, 8};
  uint32_t numbers[7];
  for (int i = 0; i < 7; i++)
    numbers[i] = attach(fixture, queue, sequences[i], "g", fixture->now_ms);
  assert_string_equal(order(fixture, queue), "1 3 4 5 7 8 9");
  contents_assert(fixture->queues);
  for (int i = 0; i < 7; i++) detach(fixture, numbers[i]);
  assert_string_equal(order(fixture, queue), "");
  assert_int_equal(fixture->queues->groups.used, 1); /* number 0 */
}

static void test_what_comes_back_stands_in_front(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  uint32_t numbers[4];
  for (uint64_t i = 0; i < 4; i++)
    numbers[i] = attach(fixture, queue, i + 1, "g", fixture->now_ms + (i < 3 ? 10 : 0));
  assert_string_equal(order(fixture, queue), ""); /* three are in flight */
  const int back[] = {1, 2, 0};
  for (int i = 0; i < 3; i++) {
    contents_unplace(fixture->queues, numbers[back[i]]);
    node_at(fixture->queues, numbers[back[i]])->visible_ms = fixture->now_ms;
    contents_place(fixture->queues, numbers[back[i]]);
    assert_string_equal(order(fixture, queue), i < 2 ? "" : "1 2 3 4");
  }
  contents_assert(fixture->queues);
  for (int i = 0; i < 4; i++) detach(fixture, numbers[i]);
}

static void test_groups_are_served_in_turn(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  uint32_t numbers[5];
  const char *groups[] = {"a", "b", "a", "c", "b"};
  for (uint64_t i = 0; i < 5; i++)
    numbers[i] = attach(fixture, queue, i + 1, groups[i], fixture->now_ms);
  assert_string_equal(order(fixture, queue), "1 3 2 5 4");
  struct ready_walk walk;
  (void)ready_walk_first(&walk, fixture->queues, queue->contents);
  assert_int_equal(ready_walk_next_group(&walk), numbers[1]);
  assert_int_equal(ready_walk_next_group(&walk), numbers[3]);
  assert_int_equal(ready_walk_next_group(&walk), 0);
  for (int i = 0; i < 5; i++) detach(fixture, numbers[i]);
}

/* A million that are due at once are brought in by steps, and meanwhile what is there is served. */
static void test_a_flood_of_deadlines_is_taken_in_steps(void **state)
{
  enum { COUNT = 20000 };
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  static uint32_t numbers[COUNT];
  for (uint64_t i = 0; i < COUNT; i++)
    numbers[i] = attach(fixture, queue, i + 1, "", fixture->now_ms + 40000);
  (void)queues_now(fixture->queues, fixture->now_ms + 40000);
  assert_false(contents_advance(fixture->queues, queue->contents, 10, 100000));
  assert_int_equal(queue->contents->counts[PLACE_READY], 10);
  int calls = 0;
  while (!contents_advance(fixture->queues, queue->contents, UINT64_MAX, 1000)) calls++;
  assert_true(calls >= COUNT / 1000 - 1 && calls <= 7 * COUNT / 1000);
  assert_int_equal(queue->contents->counts[PLACE_READY], COUNT);
  contents_assert(fixture->queues);
  for (int i = 0; i < COUNT; i++) detach(fixture, numbers[i]);
}

/* The delay of a FIFO queue is the queue's: making it shorter concerns what waits already. */
static void test_a_fifo_delay_is_changed_for_what_waits(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  uint64_t sequence;
  queue_settings_init(&settings, true);
  settings.delay_s = 100;
  struct queue *queue = queue_fixture_queue(fixture, "late.fifo", &settings);
  queue_fixture_send_group(fixture, queue, "a", "g", "d");
  queue_fixture_pass(fixture, 10000);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 1");
  settings.delay_s = 20;
  assert_int_equal(queue_set(queue, &settings, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_OK);
  queue_fixture_pass(fixture, 9999);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 1");
  queue_fixture_pass(fixture, 1);
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
}

static void test_no_memory_makes_no_contents(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queues *queues = fixture->queues;
  struct contents *made[40];
  for (int i = 0; i < 40; i++) {
    size_t before = fixture->memory.in_use;
    fixture->memory.fail_at = fixture->memory.calls + 1;
    assert_null(contents_make(queues, 100, false));
    fixture->memory.fail_at = 0;
    assert_int_equal(fixture->memory.in_use, before);
    made[i] = contents_make(queues, 100, false);
    assert_non_null(made[i]);
    assert_ptr_equal(queues->slots[made[i]->slot], made[i]);
  }
  for (int i = 0; i < 40; i++) contents_free(queues, made[i]);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_group_is_in_order_whatever_comes_when),
      TEST(test_what_comes_back_stands_in_front),
      TEST(test_groups_are_served_in_turn),
      TEST(test_a_flood_of_deadlines_is_taken_in_steps),
      TEST(test_a_fifo_delay_is_changed_for_what_waits),
      TEST(test_no_memory_makes_no_contents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
