#include "unit/sale/provider_fixture.h"

#include "sale/sale_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PAYMENTS_MAX = 64 };

static const struct bytes NONE = {NULL, 0};

void provider_fixture_open(struct provider_fixture *fixture)
{
  fixture->options.sale = fixture->sale->sale;
  fixture->options.world = fixture->sale->store.world;
  fixture->options.channel = fixture->channel;
  fixture->sale->sale->options.captures = fixture->captures;
  fixture->provider = provider_open(&fixture->options, &fixture->sale->error);
  assert_non_null(fixture->provider);
}

void provider_fixture_close(struct provider_fixture *fixture)
{
  provider_close(fixture->provider);
  fixture->provider = NULL;
}

void provider_fixture_crash(struct provider_fixture *fixture)
{
  provider_fixture_close(fixture);
  sale_fixture_crash(fixture->sale);
  provider_fixture_open(fixture);
}

struct bytes provider_fixture_intend(struct provider_fixture *fixture, struct bytes reservation,
                                     const char *scenario)
{
  struct sale_fixture *sale = fixture->sale;
  struct sale_reservation found;
  struct sale_payment payment;
  struct plan *plan = sale_fixture_plan(sale);
  assert_int_equal(
      sale_reservation_find(sale->sale, plan->arena, reservation, NONE, sale->now_ms, &found),
      SALE_OK);
  assert_int_equal(sale_payment_intend(sale->sale, plan, reservation, NONE, found.amount, NONE,
                                       bytes_of_text(scenario), sale->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(sale);
  return arena_copy(&sale->store.arena, payment.intent_id);
}

struct sale_payment provider_fixture_payment(struct provider_fixture *fixture, struct bytes intent)
{
  struct sale_payment payment;
  struct plan *plan = sale_fixture_plan(fixture->sale);
  assert_int_equal(sale_payment_find(fixture->sale->sale, plan->arena, intent, &payment), SALE_OK);
  return payment;
}

static uint32_t list(struct provider_fixture *fixture, struct bytes partition, struct value *items)
{
  struct sale_fixture *sale = fixture->sale;
  struct store_query query = {.table = sale->sale->orders, .start_key = VALUE_NONE};
  struct store_page page;
  uint32_t count = 0;
  assert_int_equal(store_scan(sale->store.store, &query, &sale->store.answers, &page, &sale->error),
                   STORE_OK);
  for (uint32_t i = 0; i < page.count; i++) {
    if (!bytes_starts_with(record_get_text(page.items[i], BYTES("pk")), partition)) continue;
    assert_true(count < PAYMENTS_MAX);
    items[count++] = page.items[i];
  }
  return count;
}

void provider_fixture_work(struct provider_fixture *fixture)
{
  struct sale_fixture *sale = fixture->sale;
  struct value items[PAYMENTS_MAX];
  struct bytes intents[PAYMENTS_MAX];
  uint32_t count = list(fixture, BYTES("PAYMENT#"), items);
  for (uint32_t i = 0; i < count; i++)
    intents[i] = arena_copy(&sale->store.answers,
                            record_get_text(items[i], BYTES("paymentIntentId")));
  for (uint32_t i = 0; i < count; i++) {
    struct sale_order order;
    bool refunded;
    struct sale_payment payment = provider_fixture_payment(fixture, intents[i]);
    if (payment.status != PAYMENT_COMPLETED || payment.order_id.size > 0) continue;
    struct bytes reservation = arena_copy(&sale->store.answers, payment.reservation_id);
    struct plan *plan = sale_fixture_plan(sale);
    enum sale_refusal refusal = sale_confirm(sale->sale, plan, reservation, NONE, intents[i],
                                             sale->now_ms, &order, &refunded);
    assert_true(refusal == SALE_OK || refunded);
    sale_fixture_commit(sale);
  }
}

void provider_fixture_turn(struct provider_fixture *fixture, int64_t pass_ms)
{
  provider_tick(fixture->provider, fixture->sale->now_ms);
  sale_fixture_settle(fixture->sale);
  provider_fixture_work(fixture);
  sale_fixture_settle(fixture->sale);
  arena_reset(&fixture->sale->store.answers);
  fixture->sale->now_ms += pass_ms;
}

void provider_fixture_run(struct provider_fixture *fixture, int64_t time_ms, int64_t pass_ms)
{
  for (int64_t passed_ms = 0; passed_ms < time_ms; passed_ms += pass_ms)
    provider_fixture_turn(fixture, pass_ms);
}

uint32_t provider_fixture_rows(struct provider_fixture *fixture, const char *partition)
{
  struct value items[PAYMENTS_MAX];
  struct bytes key = record_key(&fixture->sale->store.answers, BYTES("PROVIDER#"),
                                bytes_of_text(partition));
  return list(fixture, key, items);
}

void provider_fixture_check(struct provider_fixture *fixture, struct bytes intent,
                            const struct provider_fixture_account *account)
{
  struct sale_order order;
  struct sale_payment payment = provider_fixture_payment(fixture, intent);
  bool bought = payment.order_id.size > 0;
  if (!account->approved) {
    assert_int_equal(payment.status, PAYMENT_FAILED);
    assert_false(bought);
    assert_int_equal(account->refunds, 0);
    return;
  }
  if (payment.status == PAYMENT_REFUNDED) {
    assert_int_equal(account->refunded, payment.amount);
    assert_int_equal(account->refunds, 1);
    return;
  }
  assert_int_equal(payment.status, PAYMENT_COMPLETED);
  assert_int_equal(account->refunded, 0);
  assert_true(bought);
  assert_int_equal(
      sale_order_find(fixture->sale->sale, &fixture->sale->arena, payment.order_id, NONE, &order),
      SALE_OK);
  assert_int_equal(order.status, ORDER_PAID);
  assert_int_equal(order.amount, payment.amount);
  assert_true(bytes_equal(order.intent_id, intent));
}
