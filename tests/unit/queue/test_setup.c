#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static enum queue_status create(struct queue_fixture *fixture, const char *name,
                                const struct queue_settings *settings, struct queue **queue)
{
  uint64_t sequence;
  return queue_create(fixture->queues, bytes_of_text(name), settings, NULL, 0, fixture->now_ms,
                      queue, &sequence, &fixture->error);
}

static void test_creating_twice_finds_the_same(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  struct queue *queue, *again;
  queue_settings_init(&settings, false);
  assert_int_equal(create(fixture, "work", &settings, &queue), QUEUE_OK);
  assert_int_equal(create(fixture, "work", &settings, &again), QUEUE_OK);
  assert_ptr_equal(queue, again);
  settings.delay_s = 1;
  assert_int_equal(create(fixture, "work", &settings, &again), QUEUE_EXISTS);
  settings.delay_s = -1;
  assert_int_equal(create(fixture, "work", &settings, &again), QUEUE_INVALID_SETTING);
  queue_settings_init(&settings, false);
  assert_int_equal(create(fixture, "work.fifo", &settings, &again), QUEUE_INVALID_NAME);
  assert_int_equal(create(fixture, "", &settings, &again), QUEUE_INVALID_NAME);
  assert_int_equal(queue_created_ms(queue), fixture->now_ms);
  queue_fixture_reopen(fixture);
  queue_settings_init(&settings, false);
  assert_int_equal(create(fixture, "work", &settings, &again), QUEUE_OK);
  assert_int_equal(queue_settings(again)->visibility_s, QUEUE_VISIBILITY_S);
}

static void test_settings_change_and_stay(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  uint64_t sequence;
  struct queue_settings settings = *queue_settings(queue);
  settings.visibility_s = 5;
  fixture->now_ms += 77;
  assert_int_equal(queue_set(queue, &settings, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_OK);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work");
  assert_int_equal(queue_settings(queue)->visibility_s, 5);
  assert_int_equal(queue_changed_ms(queue), fixture->now_ms);
  assert_int_equal(queue_created_ms(queue), fixture->now_ms - 77);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  queue_fixture_pass(fixture, 5000);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  settings.fifo = true;
  assert_int_equal(queue_set(queue, &settings, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_INVALID_SETTING);
}

static void test_a_dead_letter_queue_must_fit(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  struct queue *queue;
  queue_settings_init(&settings, false);
  settings.dead_letter = BYTES("dead");
  settings.receives_max = 3;
  assert_int_equal(create(fixture, "work", &settings, &queue), QUEUE_REDRIVE_REFUSED); /* missing */
  struct queue_settings open;
  queue_settings_init(&open, false);
  open.allow = QUEUE_ALLOW_NONE;
  struct queue *dead = queue_fixture_queue(fixture, "dead", &open);
  assert_int_equal(create(fixture, "work", &settings, &queue), QUEUE_REDRIVE_REFUSED);
  open.allow = QUEUE_ALLOW_LISTED;
  open.allowed[0] = BYTES("other");
  open.allowed[1] = BYTES("work");
  open.allowed_count = 1;
  uint64_t sequence;
  assert_int_equal(queue_set(dead, &open, fixture->now_ms, &sequence, &fixture->error), QUEUE_OK);
  assert_int_equal(create(fixture, "work", &settings, &queue), QUEUE_REDRIVE_REFUSED);
  open.allowed_count = 2;
  assert_int_equal(queue_set(dead, &open, fixture->now_ms, &sequence, &fixture->error), QUEUE_OK);
  assert_int_equal(create(fixture, "work", &settings, &queue), QUEUE_OK);
  queue_settings_init(&settings, true);
  settings.dead_letter = BYTES("dead");
  settings.receives_max = 3;
  open.allow = QUEUE_ALLOW_ALL;
  open.allowed_count = 0;
  assert_int_equal(queue_set(dead, &open, fixture->now_ms, &sequence, &fixture->error), QUEUE_OK);
  assert_int_equal(create(fixture, "work.fifo", &settings, &queue), QUEUE_REDRIVE_REFUSED);
}

static void test_tags_are_replaced(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  const struct queue_tag tags[] = {{BYTES("team"), BYTES("sale")}, {BYTES("env"), BYTES("test")}};
  uint64_t sequence;
  assert_int_equal(queue_set_tags(queue, tags, 2, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_OK);
  assert_int_equal(value_count(queue_tags(queue)), 2);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work");
  assert_true(
      bytes_equal(value_bytes(value_attribute(queue_tags(queue), BYTES("env"))), BYTES("test")));
  assert_int_equal(queue_set_tags(queue, tags, 1, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_OK);
  assert_int_equal(value_count(queue_tags(queue)), 1);
  const struct queue_tag twice[] = {tags[0], tags[0]};
  assert_int_equal(queue_set_tags(queue, twice, 2, fixture->now_ms, &sequence, &fixture->error),
                   QUEUE_INVALID_TAG);
}

static uint64_t items(struct queue_fixture *fixture)
{
  struct table_description description;
  store_table_describe(store_table(fixture->store.store, BYTES(QUEUE_MESSAGES_TABLE)),
                       &description);
  return description.item_count;
}

static void send_many(struct queue_fixture *fixture, struct queue *queue, int count)
{
  for (int i = 0; i < count; i++) queue_fixture_send(fixture, queue, "m");
}

/* At once, whatever is in flight or delayed; the items follow in slices. */
static void test_a_purge_is_whole(void **state)
{
  struct queue_fixture *fixture = *state;
  for (int reopened = 0; reopened < 2; reopened++) {
    struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
    struct queue_sent sent;
    const struct queue_draft late = {.body = BYTES("late"), .delay_s = 60};
    send_many(fixture, queue, 500);
    assert_int_equal(queue_fixture_try(fixture, queue, &late, &sent), QUEUE_OK);
    queue_fixture_receive(fixture, queue, 10);
    struct queue_batch old = fixture->batch;
    uint64_t sequence;
    assert_int_equal(queue_purge(queue, &sequence, &fixture->error), QUEUE_OK);
    assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
    queue_fixture_send(fixture, queue, "new");
    fixture->batch = old;
    assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_GONE);
    if (reopened) queue_fixture_reopen(fixture);
    queue = queue_fixture_find(fixture, "work");
    assert_int_equal(items(fixture), 502);
    assert_true(queues_tick(fixture->queues, fixture->now_ms));
    assert_true(items(fixture) < 502 && items(fixture) > 400);
    queue_fixture_pass(fixture, 60000);
    assert_int_equal(items(fixture), 1);
    assert_string_equal(queue_fixture_receive(fixture, queue, 10), "new");
    queue_fixture_delete(fixture, queue, 0);
  }
}

static void test_a_dropped_queue_is_gone(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  queue_fixture_send_group(fixture, queue, "a", "g", "1");
  queue_fixture_send_group(fixture, queue, "b", "g", "2");
  queue_fixture_receive(fixture, queue, 1);
  uint64_t sequence;
  assert_int_equal(queue_drop(queue, &sequence, &fixture->error), QUEUE_OK);
  assert_null(queue_fixture_find(fixture, "work.fifo"));
  /* One of its name is another queue: it has neither its messages nor its ids. */
  queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "");
  assert_false(queue_fixture_send_group(fixture, queue, "a", "g", "1").duplicate);
  queue_fixture_reopen(fixture);
  queue_fixture_pass(fixture, 0);
  queue = queue_fixture_find(fixture, "work.fifo");
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
  assert_int_equal(fixture->queues->node_index.count, 1);
  assert_int_equal(fixture->queues->metrics.purged, 2);
}

static void test_without_memory_nothing_changes(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  struct queue *queue = queue_fixture_queue(fixture, "first", NULL);
  send_many(fixture, queue, 3);
  queue_settings_init(&settings, false);
  enum queue_status status = QUEUE_UNAVAILABLE;
  struct queue *made = NULL;
  uint64_t sequence;
  arena_free(&fixture->queues->arena); /* so that its chunk is allocated anew */
  for (uint64_t n = 1; status != QUEUE_OK; n++) {
    fixture->memory.fail_at = fixture->memory.calls + n;
    status = create(fixture, "work", &settings, &made);
    fixture->memory.fail_at = 0;
    assert_int_equal(queue_fixture_find(fixture, "work") != NULL, status == QUEUE_OK);
    arena_free(&fixture->queues->arena);
  }
  status = QUEUE_UNAVAILABLE;
  for (uint64_t n = 1; status != QUEUE_OK; n++) {
    assert_string_equal(queue_fixture_counts(fixture, queue), "3 0 0");
    fixture->memory.fail_at = fixture->memory.calls + n;
    status = queue_purge(queue, &sequence, &fixture->error);
    fixture->memory.fail_at = 0;
    arena_free(&fixture->queues->arena);
  }
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
  settings.delay_s = 9;
  status = QUEUE_UNAVAILABLE;
  for (uint64_t n = 1; status != QUEUE_OK; n++) {
    assert_int_equal(queue_settings(queue)->delay_s, 0);
    fixture->memory.fail_at = fixture->memory.calls + n;
    status = queue_set(queue, &settings, fixture->now_ms, &sequence, &fixture->error);
    fixture->memory.fail_at = 0;
    arena_free(&fixture->queues->arena);
  }
  assert_int_equal(queue_settings(queue)->delay_s, 9);
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_creating_twice_finds_the_same),
      TEST(test_settings_change_and_stay),
      TEST(test_a_dead_letter_queue_must_fit),
      TEST(test_tags_are_replaced),
      TEST(test_a_purge_is_whole),
      TEST(test_a_dropped_queue_is_gone),
      TEST(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
