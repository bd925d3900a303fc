#include "unit/sale/sale_fixture.h"

#include "sale/seat_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOLD_MS = 60000, LAPSED_MS = HOLD_MS + SALE_EXTENSION_MS };

static const struct bytes NONE = {NULL, 0};

static enum payment_status payment_of(struct sale_fixture *fixture, struct bytes intent)
{
  struct sale_payment payment;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_find(fixture->sale, plan->arena, intent, &payment), SALE_OK);
  return payment.status;
}

static void test_confirm_gives_the_same_order_always(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_PAYMENT_NOT_APPROVED);
  struct bytes intent = sale_fixture_intend(fixture, id);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_PAYMENT_NOT_APPROVED);
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  struct bytes order_id = arena_copy(&fixture->store.arena, order.id);
  assert_int_equal(order.amount, 2000);
  assert_int_equal(order.quantity, 2);
  assert_true(bytes_equal(order.ticket_ids[1], BYTES("evt:A-1-2")));
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "SOLD");
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_true(bytes_equal(order.id, order_id));
  assert_int_equal(store_appended(fixture->store.store), before);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
  /* Time does nothing to it. */
  fixture->now_ms += 10 * LAPSED_MS;
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
  assert_int_equal(sale_order_find(fixture->sale, &fixture->arena, order_id, BYTES("bob"), &order),
                   SALE_ORDER_NOT_FOUND);
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  assert_int_equal(fixture->event->map->counts.of[SEAT_SOLD], 2);
}

/* The first attempt failed, another one was approved, and then the first was approved after all. */
static void test_of_two_payments_one_goes_back(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  struct sale_payment payment;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes first = sale_fixture_intend(fixture, id);
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_payment_settle(fixture->sale, plan, first, false, NONE, fixture->now_ms, &payment),
      SALE_OK);
  sale_fixture_commit(fixture);
  struct bytes second = sale_fixture_intend(fixture, id);
  sale_fixture_approve(fixture, second);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  sale_fixture_approve(fixture, first);
  plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_confirm(fixture->sale, plan, id, NONE, first, fixture->now_ms, &order, &refunded),
      SALE_OK);
  assert_true(refunded);
  assert_true(bytes_equal(order.intent_id, second));
  sale_fixture_commit(fixture);
  assert_int_equal(payment_of(fixture, first), PAYMENT_REFUNDED);
  assert_int_equal(payment_of(fixture, second), PAYMENT_COMPLETED);
  /* Once: it is not approved any more. */
  plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_confirm(fixture->sale, plan, id, NONE, first, fixture->now_ms, &order, &refunded),
      SALE_OK);
  assert_false(refunded);
  assert_int_equal(plan->action_count, 0);
}

/* A worker lets a message go that names nothing: a shortage must not look like that. */
static void test_without_memory_nothing_is_missing(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct memory *memory = &fixture->store.memory;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, id));
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  for (uint64_t nth = 1; refusal != SALE_OK; nth++) {
    arena_free(&fixture->arena);
    struct plan *plan = sale_fixture_plan(fixture);
    memory->fail_at = memory->calls + nth;
    refusal = sale_confirm(fixture->sale, plan, id, NONE, NONE, fixture->now_ms, &order, &refunded);
    memory->fail_at = 0;
    assert_true(refusal == SALE_OK || refusal == SALE_UNAVAILABLE);
    if (refusal == SALE_UNAVAILABLE) assert_true(nth < 100);
  }
  sale_fixture_commit(fixture);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
}

/* Other holds of the buyer that are over do not count, though nobody has written that down. */
static void test_paid_too_late_beside_another_lapsed_hold(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  struct bytes intent = sale_fixture_intend(fixture, id);
  sale_fixture_hold(fixture, "ann", "B-1-1 B-1-2");
  fixture->now_ms += LAPSED_MS + 5000;
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_EXPIRED);
  sale_fixture_hold(fixture, "ann", "A-2-1 A-2-2");
  fixture->now_ms += HOLD_MS;
  sale_fixture_hold(fixture, "ann", "A-2-5 A-2-6");
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_false(refunded);
}

static void test_paid_too_late_and_still_free(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  struct bytes intent = sale_fixture_intend(fixture, id);
  fixture->now_ms += LAPSED_MS + 5000;
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_false(refunded);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-2"), "SOLD");
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_CONFIRMED);
  assert_int_equal(payment_of(fixture, intent), PAYMENT_COMPLETED);
}

static void test_paid_too_late_and_taken(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  struct bytes intent = sale_fixture_intend(fixture, id);
  fixture->now_ms += LAPSED_MS;
  struct bytes other = sale_fixture_hold(fixture, "bob", "A-1-2");
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_EXPIRED);
  assert_true(refunded);
  assert_int_equal(payment_of(fixture, intent), PAYMENT_REFUNDED);
  assert_int_equal(sale_fixture_status(fixture, other), RESERVATION_PENDING);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
  /* Asked again: it stays as it is. */
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_EXPIRED);
  assert_false(refunded);
}

static void test_paid_too_late_and_over_the_limit(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  struct bytes intent = sale_fixture_intend(fixture, id);
  fixture->now_ms += LAPSED_MS;
  sale_fixture_hold(fixture, "ann", "A-2-1 A-2-2 A-2-3");
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_EXPIRED);
  assert_true(refunded);
}

/* The seats' other hold lapsed as well: it is resolved on the way. */
static void test_paid_too_late_behind_a_lapsed_hold(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  fixture->now_ms += LAPSED_MS;
  struct bytes other = sale_fixture_hold(fixture, "bob", "A-1-1");
  fixture->now_ms += HOLD_MS;
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_int_equal(sale_fixture_status(fixture, other), RESERVATION_EXPIRED);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "SOLD");
}

static void test_a_cancelled_one_is_paid_back(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  struct sale_reservation reservation;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_cancel(fixture->sale, plan, id, NONE, fixture->now_ms, &reservation),
                   SALE_OK);
  sale_fixture_commit(fixture);
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_CANCELLED);
  assert_true(refunded);
  assert_int_equal(payment_of(fixture, intent), PAYMENT_REFUNDED);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_CANCELLED);
  assert_false(refunded);
}

static struct bytes bought(struct sale_fixture *fixture, const char *user, const char *seats)
{
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, user, seats);
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, id));
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  return arena_copy(&fixture->store.arena, order.id);
}

static enum sale_refusal refund(struct sale_fixture *fixture, struct bytes id, int64_t amount,
                                struct sale_order *order)
{
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_refund(fixture->sale, plan, id, amount, BYTES("rain"),
                                          fixture->now_ms, order);
  if (refusal == SALE_OK) sale_fixture_commit(fixture);
  return refusal;
}

static void test_a_refund_frees_the_seats(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  struct bytes id = bought(fixture, "ann", "A-1-1 A-1-2");
  assert_int_equal(refund(fixture, id, 2001, &order), SALE_NOT_REFUNDABLE);
  assert_int_equal(refund(fixture, id, 500, &order), SALE_OK);
  assert_int_equal(order.status, ORDER_PAID);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "SOLD");
  assert_int_equal(refund(fixture, id, 1501, &order), SALE_NOT_REFUNDABLE);
  assert_int_equal(refund(fixture, id, 0, &order), SALE_OK);
  assert_int_equal(order.status, ORDER_REFUNDED);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
  assert_int_equal(refund(fixture, id, 0, &order), SALE_NOT_REFUNDABLE);
  assert_int_equal(refund(fixture, BYTES("ord_none"), 0, &order), SALE_ORDER_NOT_FOUND);
  bought(fixture, "bob", "A-1-1");
  bought(fixture, "ann", "A-2-1 A-2-2 A-2-3 A-2-4");
}

static void test_lists_go_on_where_they_stopped(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order list[2];
  struct sale_reservation reservations[2];
  struct bytes ids[4];
  for (int i = 0; i < 4; i++) {
    static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3", "A-1-4"};
    ids[i] = bought(fixture, "ann", seats[i]);
    fixture->now_ms++;
  }
  struct bytes cursor = NONE;
  uint32_t count;
  uint32_t seen = 4;
  do {
    struct plan *plan = sale_fixture_plan(fixture);
    cursor = arena_copy(plan->arena, cursor);
    assert_int_equal(sale_order_list(fixture->sale, plan->arena, BYTES("ann"), &cursor, 2,
                                     fixture->now_ms, list, &count),
                     SALE_OK);
    for (uint32_t i = 0; i < count; i++) assert_true(bytes_equal(list[i].id, ids[--seen]));
    cursor = arena_copy(&fixture->store.arena, cursor);
  } while (cursor.size > 0);
  assert_int_equal(seen, 0);
  cursor = BYTES("no cursor");
  assert_int_equal(sale_reservation_list(fixture->sale, &fixture->arena, BYTES("ann"), &cursor, 2,
                                         fixture->now_ms, reservations, &count),
                   SALE_INVALID);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_confirm_gives_the_same_order_always),
      WITH_SALE(test_of_two_payments_one_goes_back),
      WITH_SALE(test_without_memory_nothing_is_missing),
      WITH_SALE(test_paid_too_late_beside_another_lapsed_hold),
      WITH_SALE(test_paid_too_late_and_still_free),
      WITH_SALE(test_paid_too_late_and_taken),
      WITH_SALE(test_paid_too_late_and_over_the_limit),
      WITH_SALE(test_paid_too_late_behind_a_lapsed_hold),
      WITH_SALE(test_a_cancelled_one_is_paid_back),
      WITH_SALE(test_a_refund_frees_the_seats),
      WITH_SALE(test_lists_go_on_where_they_stopped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
