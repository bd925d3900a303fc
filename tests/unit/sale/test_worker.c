#include "sale/worker.h"

#include "sale/sale_parts.h"
#include "sale/wiring.h"
#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOLD_MS = 60000, VISIBILITY_MS = 30000 };

static void test_a_hold_expires_by_itself(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  sale_fixture_run(fixture);
  sale_fixture_pass(fixture, HOLD_MS - 1);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "RESERVED");
  sale_fixture_pass(fixture, 1000);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_EXPIRED);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), 0);
  assert_int_equal(sale_fixture_unpublished(fixture), 0);
  assert_int_equal(fixture->workers.counts[WORKER_RESERVATION_EVENTS].done, 1);
}

/* The hold was extended when its payment began: its message waits for the rest. */
static void test_an_early_message_comes_again_when_it_is_time(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  sale_fixture_intend(fixture, id);
  sale_fixture_run(fixture);
  sale_fixture_pass(fixture, HOLD_MS);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_PENDING);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), 1);
  sale_fixture_pass(fixture, SALE_EXTENSION_MS - 1000);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "RESERVED");
  sale_fixture_pass(fixture, 2000);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
  assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), 0);
}

static void test_an_approval_confirms_without_the_buyer(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  struct bytes intent = sale_fixture_intend(fixture, id);
  sale_fixture_approve(fixture, intent);
  sale_fixture_run(fixture);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
  assert_int_equal(sale_fixture_orders(fixture), 1);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-2"), "SOLD");
  assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS), 0);
  /* The expiry's message, which still comes, finds nothing to do. */
  sale_fixture_pass(fixture, 10 * HOLD_MS);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), 0);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
}

/* The approval was late and the seat is somebody else's: the money goes back. */
static void test_a_late_approval_is_refunded(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_payment payment;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  sale_fixture_run(fixture);
  sale_fixture_pass(fixture, HOLD_MS + SALE_EXTENSION_MS + 1000);
  sale_fixture_hold(fixture, "bob", "A-1-1");
  sale_fixture_approve(fixture, intent);
  sale_fixture_run(fixture);
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_find(fixture->sale, plan->arena, intent, &payment), SALE_OK);
  assert_int_equal(payment.status, PAYMENT_REFUNDED);
  assert_int_equal(sale_fixture_orders(fixture), 0);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS), 0);
}

/* A message that no worker understands is in the dead-letter queue after three receives. */
static void test_what_fails_three_times_is_dead_lettered(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct queue_sent sent;
  const struct queue_draft draft = {.body = BYTES("{\"detail-type\":7}"), .delay_s = -1};
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(queue_send(queue_find(fixture->queues, BYTES(WIRING_PAYMENTS)), plan, &draft,
                              fixture->now_ms, &sent),
                   QUEUE_OK);
  sale_fixture_commit(fixture);
  for (uint64_t i = 1; i <= 3; i++) {
    sale_fixture_run(fixture);
    assert_int_equal(fixture->workers.counts[WORKER_PAYMENT].refused, i);
    assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS), 1);
    sale_fixture_pass(fixture, VISIBILITY_MS - 1);
    assert_int_equal(fixture->workers.counts[WORKER_PAYMENT].refused, i);
    fixture->now_ms += 1000;
  }
  sale_fixture_run(fixture);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS), 0);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS "-dlq"), 1);
}

/* The parts of a turn, one by one. */
static void step(struct sale_fixture *fixture, int part)
{
  switch (part) {
  case 0:
    queues_tick(fixture->queues, fixture->now_ms);
    break;
  case 1:
    buses_tick(fixture->buses, fixture->now_ms);
    break;
  case 2:
    relay_tick(fixture->relay, fixture->now_ms);
    break;
  default:
    workers_tick(&fixture->workers, fixture->now_ms);
    break;
  }
}

enum { STEPS = 10 };

/*
 * The process dies after any step between approval and order, with what it did since the last sync
 * or without: then there is one order, nothing is left to be told, and the law holds.
 */
static void test_a_crash_at_any_step_loses_and_repeats_nothing(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  uint32_t orders = 0;
  for (int steps = 0; steps < STEPS; steps++) {
    for (int durable = 0; durable < 2; durable++) {
      char seat[] = "A-1-1", user[] = "userA";
      uint32_t number = (uint32_t)(2 * steps + durable);
      seat[2] = (char)('1' + number / 10 % 2);
      seat[4] = (char)('0' + number % 10);
      user[4] = (char)('A' + number);
      if (seat[4] == '0' || number >= 20) continue;
      struct bytes id = sale_fixture_hold(fixture, user, seat);
      struct bytes intent = sale_fixture_intend(fixture, id);
      sale_fixture_approve(fixture, intent);
      sale_fixture_settle(fixture);
      for (int i = 0; i < steps; i++) {
        step(fixture, i % 4);
        if (i % 4 == 3) sale_fixture_settle(fixture);
      }
      if (durable == 1) sale_fixture_settle(fixture);
      sale_fixture_crash(fixture);
      sale_fixture_run(fixture);
      sale_fixture_pass(fixture, VISIBILITY_MS + 1000);
      assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
      assert_int_equal(sale_fixture_orders(fixture), ++orders);
      assert_int_equal(sale_fixture_unpublished(fixture), 0);
      assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS), 0);
      assert_int_equal(sale_fixture_messages(fixture, WIRING_PAYMENTS "-dlq"), 0);
      sale_fixture_check(fixture);
    }
  }
  assert_true(orders >= 16);
}

/* It dies right after the message was received: it comes again after its visibility. */
static void test_a_crash_between_receive_and_effect(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, id));
  sale_fixture_settle(fixture);
  queues_tick(fixture->queues, fixture->now_ms);
  relay_tick(fixture->relay, fixture->now_ms);
  const struct queue_request request = {
      .max = QUEUE_BATCH_MAX, .visibility_s = -1, .now_ms = fixture->now_ms};
  struct queue_batch batch;
  queues_tick(fixture->queues, fixture->now_ms);
  assert_int_equal(queue_receive(queue_find(fixture->queues, BYTES(WIRING_PAYMENTS)), &request,
                                 &fixture->arena, &batch, &fixture->error),
                   QUEUE_OK);
  assert_int_equal(batch.count, 1);
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  sale_fixture_run(fixture);
  assert_int_equal(sale_fixture_orders(fixture), 0);
  sale_fixture_pass(fixture, VISIBILITY_MS);
  assert_int_equal(sale_fixture_orders(fixture), 1);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
}

/* Each allocation of a worker fails once: the message is done in another receive. */
static void test_no_memory(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
    sale_fixture_settle(fixture);
    queues_tick(fixture->queues, fixture->now_ms);
    relay_tick(fixture->relay, fixture->now_ms);
    fixture->now_ms += HOLD_MS + 1000;
    queues_tick(fixture->queues, fixture->now_ms);
    memory->fail_at = memory->calls + nth;
    workers_tick(&fixture->workers, fixture->now_ms);
    done = memory->calls < memory->fail_at;
    memory->fail_at = 0;
    sale_fixture_run(fixture);
    sale_fixture_pass(fixture, VISIBILITY_MS + 1000);
    assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
    assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_EXPIRED);
    assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), 0);
    assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY "-dlq"), 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_a_hold_expires_by_itself),
      WITH_SALE(test_an_early_message_comes_again_when_it_is_time),
      WITH_SALE(test_an_approval_confirms_without_the_buyer),
      WITH_SALE(test_a_late_approval_is_refunded),
      WITH_SALE(test_what_fails_three_times_is_dead_lettered),
      WITH_SALE(test_a_crash_at_any_step_loses_and_repeats_nothing),
      WITH_SALE(test_a_crash_between_receive_and_effect),
      WITH_SALE(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
