#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct bytes keep_receipt(const struct queue_fixture *fixture, char kept[QUEUE_RECEIPT_TEXT])
{
  memcpy(kept, fixture->batch.messages[0].receipt, QUEUE_RECEIPT_TEXT);
  return bytes_of(kept, QUEUE_RECEIPT_TEXT);
}

static void test_a_deleted_message_is_gone(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_OK);
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_GONE);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
  queue_fixture_reopen(fixture);
  queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
  queue = queue_fixture_find(fixture, "work");
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "");
}

/* A standard queue takes any receipt of the message, also when it is visible or received again. */
static void test_an_old_receipt_deletes_in_a_standard_queue(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  char kept[QUEUE_RECEIPT_TEXT];
  for (int again = 0; again < 2; again++) {
    queue_fixture_send(fixture, queue, "a");
    queue_fixture_receive(fixture, queue, 1);
    struct bytes receipt = keep_receipt(fixture, kept);
    queue_fixture_pass(fixture, QUEUE_VISIBILITY_S * 1000);
    if (again) assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
    assert_int_equal(queue_fixture_delete_receipt(fixture, queue, receipt), QUEUE_OK);
    assert_string_equal(queue_fixture_counts(fixture, queue), "0 0 0");
  }
}

static void test_an_expired_receipt_is_refused_in_a_fifo_queue(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work.fifo", NULL);
  char first[QUEUE_RECEIPT_TEXT], second[QUEUE_RECEIPT_TEXT];
  queue_fixture_send_group(fixture, queue, "a", "g", "d");
  queue_fixture_receive(fixture, queue, 1);
  struct bytes old = keep_receipt(fixture, first);
  fixture->now_ms += QUEUE_VISIBILITY_S * 1000; /* no tick: the deadline decides */
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, old), QUEUE_EXPIRED_RECEIPT);
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  struct bytes current = keep_receipt(fixture, second);
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, old), QUEUE_EXPIRED_RECEIPT);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work.fifo");
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, old), QUEUE_EXPIRED_RECEIPT);
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, current), QUEUE_OK);
}

static void test_a_forged_receipt_is_refused(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct queue *other = queue_fixture_queue(fixture, "other", NULL);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  assert_int_equal(queue_fixture_delete(fixture, other, 0), QUEUE_INVALID_RECEIPT);
  fixture->batch.messages[0].receipt[10] ^= 1;
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_INVALID_RECEIPT);
  assert_int_equal(queue_fixture_delete_receipt(fixture, queue, BYTES("x")), QUEUE_INVALID_RECEIPT);
}

/* The worker's way: the message goes with the effect, or not at all. */
static void test_a_delete_is_part_of_another_transaction(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  struct table *effects = store_fixture_table(&fixture->store, "effects id:S");
  store_fixture_put(&fixture->store, effects, "{'id':{'S':'done'}}");
  for (int fresh = 0; fresh < 2; fresh++) {
    queue_fixture_send(fixture, queue, "a");
    queue_fixture_receive(fixture, queue, 1);
    struct plan plan;
    plan_init(&plan, fixture->store.store, &fixture->store.answers);
    struct store_action effect = store_fixture_action(
        &fixture->store,
        &(struct store_fixture_action){.kind = ACTION_PUT,
                                       .table = effects,
                                       .item = fresh ? "{'id':{'S':'new'}}" : "{'id':{'S':'done'}}",
                                       .condition = "attribute_not_exists(id)"});
    plan_add(&plan, &effect);
    struct bytes receipt = bytes_of(fixture->batch.messages[0].receipt, QUEUE_RECEIPT_TEXT);
    assert_int_equal(queue_delete(queue, &plan, receipt, fixture->now_ms), QUEUE_OK);
    assert_int_equal(queue_delete(queue, &plan, receipt, fixture->now_ms), QUEUE_GONE);
    struct store_transact_result result;
    assert_int_equal(plan_commit(&plan, &result, &fixture->error),
                     fresh ? STORE_OK : STORE_CANCELED);
    /* The message of the refused one is still in flight. */
    assert_string_equal(queue_fixture_counts(fixture, queue), "0 1 0");
  }
}

static void test_visibility_moves_both_ways(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 43201), QUEUE_INVALID_VISIBILITY);
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, -1), QUEUE_INVALID_VISIBILITY);
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 43200), QUEUE_OK);
  queue_fixture_reopen(fixture);
  queue = queue_fixture_find(fixture, "work");
  queue_fixture_pass(fixture, 43199999);
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 1 0");
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 0), QUEUE_OK);
  assert_string_equal(queue_fixture_counts(fixture, queue), "1 0 0");
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 10), QUEUE_NOT_IN_FLIGHT);
  struct queue_batch old = fixture->batch;
  assert_string_equal(queue_fixture_receive(fixture, queue, 1), "a");
  fixture->batch = old;
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 10), QUEUE_EXPIRED_RECEIPT);
}

/* A message that expired is gone for its receipts, too, before anything swept it. */
static void test_an_expired_message_is_gone(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, false);
  settings.retention_s = 60;
  settings.visibility_s = 100;
  struct queue *queue = queue_fixture_queue(fixture, "short", &settings);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  fixture->now_ms += 60000;
  assert_int_equal(queue_fixture_delete(fixture, queue, 0), QUEUE_GONE);
  assert_int_equal(queue_fixture_visibility(fixture, queue, 0, 5), QUEUE_GONE);
}

static void test_without_memory_nothing_changes(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_queue(fixture, "work", NULL);
  queue_fixture_send(fixture, queue, "a");
  queue_fixture_receive(fixture, queue, 1);
  struct bytes receipt = bytes_of(fixture->batch.messages[0].receipt, QUEUE_RECEIPT_TEXT);
  for (int deletes = 0; deletes < 2; deletes++) {
    enum queue_status status = QUEUE_UNAVAILABLE;
    for (uint64_t n = 1; status != QUEUE_OK; n++) {
      struct plan plan;
      struct arena arena;
      arena_init(&arena, &fixture->memory);
      plan_init(&plan, fixture->store.store, &arena);
      fixture->memory.fail_at = fixture->memory.calls + n;
      status = deletes ? queue_delete(queue, &plan, receipt, fixture->now_ms)
                       : queue_change_visibility(queue, &plan, receipt, 7, fixture->now_ms);
      fixture->memory.fail_at = 0;
      if (status != QUEUE_OK) assert_int_equal(plan.action_count + plan.hook_count, 0);
      arena_free(&arena);
    }
  }
  assert_string_equal(queue_fixture_counts(fixture, queue), "0 1 0");
}

#define TEST(function) \
  cmocka_unit_test_setup_teardown(function, queue_fixture_setup, queue_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_deleted_message_is_gone),
      TEST(test_an_old_receipt_deletes_in_a_standard_queue),
      TEST(test_an_expired_receipt_is_refused_in_a_fifo_queue),
      TEST(test_a_forged_receipt_is_refused),
      TEST(test_a_delete_is_part_of_another_transaction),
      TEST(test_visibility_moves_both_ways),
      TEST(test_an_expired_message_is_gone),
      TEST(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
