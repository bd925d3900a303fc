#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOLD_MS = 60000 };

static const struct bytes NONE = {NULL, 0};

static enum sale_refusal intend(struct sale_fixture *fixture, struct bytes id, const char *user,
                                int64_t amount, const char *currency, struct sale_payment *payment)
{
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_payment_intend(fixture->sale, plan, id, bytes_of_text(user),
                                                  amount, bytes_of_text(currency), NONE,
                                                  fixture->now_ms, payment);
  if (refusal == SALE_OK) sale_fixture_commit(fixture);
  return refusal;
}

static enum payment_status settle(struct sale_fixture *fixture, struct bytes intent, bool approved)
{
  struct sale_payment payment;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_settle(fixture->sale, plan, intent, approved, BYTES("pay_x"),
                                       fixture->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(fixture);
  return payment.status;
}

static void test_an_intent_extends_the_hold_once(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_payment payment;
  struct sale_reserve_result result;
  int64_t begin_ms = fixture->now_ms;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  fixture->now_ms += HOLD_MS - 1;
  assert_int_equal(intend(fixture, id, "ann", 1000, "KRW", &payment), SALE_OK);
  struct bytes intent = arena_copy(&fixture->store.arena, payment.intent_id);
  fixture->now_ms = begin_ms + HOLD_MS + SALE_EXTENSION_MS - 1;
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_PENDING);
  assert_int_equal(sale_fixture_reserve(fixture, "bob", "A-1-1", &result), SALE_CONFLICT);
  /* The same intent again; nothing is extended any more. */
  assert_int_equal(intend(fixture, id, "ann", 1000, "KRW", &payment), SALE_OK);
  assert_true(bytes_equal(payment.intent_id, intent));
  fixture->now_ms++;
  assert_int_equal(sale_fixture_status(fixture, id), RESERVATION_EXPIRED);
  assert_int_equal(intend(fixture, id, "ann", 1000, "KRW", &payment), SALE_EXPIRED);
}

static void test_what_is_refused(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_payment payment;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(intend(fixture, NONE, "ann", 1000, "KRW", &payment),
                   SALE_MISSING_RESERVATION_ID);
  assert_int_equal(intend(fixture, id, "ann", 0, "KRW", &payment), SALE_INVALID_AMOUNT);
  assert_int_equal(intend(fixture, id, "ann", -5, "KRW", &payment), SALE_INVALID_AMOUNT);
  assert_int_equal(intend(fixture, id, "bob", 1000, "KRW", &payment), SALE_RESERVATION_NOT_FOUND);
  assert_int_equal(intend(fixture, id, "ann", 999, "KRW", &payment), SALE_AMOUNT_MISMATCH);
  assert_int_equal(intend(fixture, id, "ann", 1000, "USD", &payment), SALE_AMOUNT_MISMATCH);
  assert_int_equal(store_appended(fixture->store.store), before);
}

static void test_the_first_word_counts(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  assert_int_equal(settle(fixture, intent, true), PAYMENT_COMPLETED);
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(settle(fixture, intent, true), PAYMENT_COMPLETED);
  assert_int_equal(settle(fixture, intent, false), PAYMENT_COMPLETED);
  assert_int_equal(store_appended(fixture->store.store), before);
  struct sale_payment payment;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_settle(fixture->sale, plan, BYTES("pi_none"), true, NONE,
                                       fixture->now_ms, &payment),
                   SALE_PAYMENT_NOT_FOUND);
}

static void test_a_failed_payment_makes_room_for_another(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_payment payment;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  assert_int_equal(settle(fixture, intent, false), PAYMENT_FAILED);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_PAYMENT_NOT_APPROVED);
  assert_int_equal(intend(fixture, id, "ann", 1000, "KRW", &payment), SALE_OK);
  assert_false(bytes_equal(payment.intent_id, intent));
  sale_fixture_approve(fixture, arena_copy(&fixture->store.arena, payment.intent_id));
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_an_intent_extends_the_hold_once),
      WITH_SALE(test_what_is_refused),
      WITH_SALE(test_the_first_word_counts),
      WITH_SALE(test_a_failed_payment_makes_room_for_another),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
