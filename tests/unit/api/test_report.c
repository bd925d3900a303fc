#include "api/report.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char PATH[] = "/api/v1/admin/events/evt/report";

static void test_numbers(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  api_fixture_pay(fixture, id, 2000);
  api_fixture_confirm(fixture, id);
  api_fixture_reserve(fixture, "'B-1-1'");
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_get(fixture, 200, PATH);
  assert_true(api_fixture_has(fixture, "'seats':{'available':42,'reserved':1,'sold':2}"));
  assert_true(api_fixture_has(fixture, "{'id':'B','name':'Circle','price':500,'total':5,"
                                       "'available':4,'reserved':1,'sold':0}"));
  assert_true(api_fixture_has(fixture, "'revenue':{'amount':2000,'currency':'KRW'}"));
  assert_true(api_fixture_has(fixture, "'holds':1,'orders':{'paid':1,'refunded':0,'tickets':2}"));
}

/* The user id of another issuer's token may be anything: it is no formula, and no other field. */
static void test_table(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "=1+\"2,3", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  api_fixture_pay(fixture, id, 2000);
  api_fixture_confirm(fixture, id);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  fixture->headers = "Accept: text/csv\r\n";
  api_fixture_get(fixture, 200, PATH);
  assert_true(bytes_starts_with(
      fixture->reply.body,
      BYTES("order_id,reservation_id,user_id,status,seats,amount,refunded,currency,created_at\r\n"
            "\"ord_")));
  assert_true(bytes_find(fixture->reply.body,
                         BYTES(",\"'=1+\"\"2,3\",\"PAID\",\"A-1-1 A-1-2\",2000,0,KRW,")) !=
              SIZE_MAX);
}

/* A payment that failed, one of many: they lie beside the orders. */
static void fail_payment(struct api_fixture *fixture, const char *reservation)
{
  struct sale_payment payment;
  struct bytes none = {NULL, 0};
  struct sale_fixture *sale = fixture->sale;
  sale->now_ms = world_clock_ms(fixture->api.world);
  assert_int_equal(sale_payment_intend(sale->sale, sale_fixture_plan(sale),
                                       bytes_of_text(reservation), none, 1000, none, none,
                                       sale->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(sale);
  struct bytes intent = arena_copy(&sale->store.arena, payment.intent_id);
  assert_int_equal(sale_payment_settle(sale->sale, sale_fixture_plan(sale), intent, false, none,
                                       sale->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(sale);
}

/* More than one slice looks at; others are answered meanwhile. */
static void test_slices(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = {.stream = -1};
  api_fixture_as(fixture, "alice", ROLE_USER);
  for (int i = 0; i < 2; i++) {
    const char *id = api_fixture_reserve(fixture, i == 0 ? "'A-1-1'" : "'A-1-2'");
    for (int j = 0; j < 450; j++) fail_payment(fixture, id);
    sale_fixture_settle(fixture->sale);
    api_fixture_pay(fixture, id, 1000);
    api_fixture_confirm(fixture, id);
  }
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  fixture->resting = true;
  api_fixture_send(fixture, &client, "GET", PATH, NULL);
  api_fixture_run(fixture, 20);
  assert_non_null(fixture->api.reports);
  int ticks = 1;
  while (report_tick(&fixture->api)) ticks++;
  assert_true(ticks >= 3);
  fixture->resting = false;
  api_fixture_run(fixture, 20);
  assert_true(api_fixture_receive(fixture, &client));
  assert_true(api_fixture_has(fixture, "'orders':{'paid':2,'refunded':0,'tickets':2}"));
  net_client_free(&client);
  fixture->headers = "Accept: text/csv\r\n";
  api_fixture_get(fixture, 200, PATH);
  assert_true(bytes_find(fixture->reply.body, BYTES("A-1-2")) != SIZE_MAX);
}

static void test_none(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "GET", "/api/v1/admin/events/none/report",
                      NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_numbers),
      WITH_API(test_table),
      WITH_API(test_slices),
      WITH_API(test_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
