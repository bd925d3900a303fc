#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOLD_MS = 60000 };

static enum sale_refusal expire(struct sale_fixture *fixture, struct bytes id, int64_t *wait_ms)
{
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_expire(fixture->sale, plan, id, fixture->now_ms, wait_ms);
  if (refusal == SALE_OK) sale_fixture_commit(fixture);
  return refusal;
}

static enum sale_refusal cancel(struct sale_fixture *fixture, struct bytes id, const char *user)
{
  struct sale_reservation reservation;
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_cancel(fixture->sale, plan, id, bytes_of_text(user),
                                          fixture->now_ms, &reservation);
  if (refusal == SALE_OK) {
    sale_fixture_commit(fixture);
    assert_int_equal(reservation.status, RESERVATION_CANCELLED);
  }
  return refusal;
}

static void test_a_hold_ends_at_its_time_and_once(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  int64_t wait_ms;
  fixture->now_ms += HOLD_MS - 1;
  assert_int_equal(expire(fixture, id, &wait_ms), SALE_OK);
  assert_int_equal(wait_ms, 1);
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_PENDING);
  fixture->now_ms++;
  /* It is over for whoever looks, before it is written down. */
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_EXPIRED);
  assert_int_equal(expire(fixture, id, &wait_ms), SALE_OK);
  assert_int_equal(wait_ms, 0);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(expire(fixture, id, &wait_ms), SALE_OK);
  assert_int_equal(store_appended(fixture->store.store), before);
  assert_int_equal(expire(fixture, BYTES("rsv_none"), &wait_ms), SALE_RESERVATION_NOT_FOUND);
}

static void test_cancelling_frees_the_seats(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  assert_int_equal(cancel(fixture, id, "bob"), SALE_RESERVATION_NOT_FOUND);
  assert_int_equal(cancel(fixture, id, "ann"), SALE_OK);
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(cancel(fixture, id, "ann"), SALE_OK);
  assert_int_equal(store_appended(fixture->store.store), before);
  sale_fixture_hold(fixture, "bob", "A-1-1");
}

static void test_cancelling_gives_the_money_back(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  struct sale_payment payment;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  sale_fixture_approve(fixture, intent);
  assert_int_equal(cancel(fixture, id, "ann"), SALE_OK);
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_find(fixture->sale, plan->arena, intent, &payment), SALE_OK);
  assert_int_equal(payment.status, PAYMENT_REFUNDED);
  assert_non_null(strstr(sale_fixture_outbox(fixture), "PaymentRefunded"));
  /* The worker that the approval woke finds nothing to do. */
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_CANCELLED);
  assert_false(refunded);
}

static void test_cancel_against_expiry_and_confirm(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  struct bytes lapsed = sale_fixture_hold(fixture, "ann", "A-1-1");
  fixture->now_ms += HOLD_MS;
  assert_int_equal(cancel(fixture, lapsed, "ann"), SALE_EXPIRED);
  struct bytes paid = sale_fixture_hold(fixture, "ann", "A-1-2");
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, paid));
  assert_int_equal(sale_fixture_confirm(fixture, paid, &order, &refunded), SALE_OK);
  assert_int_equal(cancel(fixture, paid, "ann"), SALE_ALREADY_CONFIRMED);
  struct bytes cancelled = sale_fixture_hold(fixture, "ann", "A-1-3");
  assert_int_equal(cancel(fixture, cancelled, "ann"), SALE_OK);
  assert_int_equal(sale_fixture_confirm(fixture, cancelled, &order, &refunded), SALE_CANCELLED);
}

static void test_a_restart_neither_revives_nor_shortens(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  fixture->now_ms += HOLD_MS - 1;
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_PENDING);
  assert_int_equal(sale_fixture_reserve(fixture, "bob", "A-1-1", &result), SALE_CONFLICT);
  fixture->now_ms++;
  sale_fixture_reopen(fixture);
  sale_fixture_hold(fixture, "bob", "A-1-1");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_a_hold_ends_at_its_time_and_once),
      WITH_SALE(test_cancelling_frees_the_seats),
      WITH_SALE(test_cancelling_gives_the_money_back),
      WITH_SALE(test_cancel_against_expiry_and_confirm),
      WITH_SALE(test_a_restart_neither_revives_nor_shortens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
