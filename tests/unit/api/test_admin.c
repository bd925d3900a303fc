#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char EVENTS[] = "/api/v1/admin/events";
static const char NEW[] =
    "{'event_id':'evt_2','name':'n','venue':'v','starts_at':'2040-01-01T00:00:00Z',"
    "'sale_opens_at':'2001-01-01T00:00:00Z','currency':'KRW','max_per_buyer':4,"
    "'hold_seconds':60,'sections':[{'id':'S','name':'S','price':1,'capacity':100}]}";

static void test_create(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  fixture->key = "11111111-2222-4333-8444-555555555555";
  for (int i = 0; i < 2; i++) {
    api_fixture_post(fixture, 201, EVENTS, NEW);
    assert_true(api_fixture_has(fixture, "{'event_id':'evt_2','total':100}"));
    api_fixture_expect_header(fixture, "x-idempotency-cached", i == 0 ? NULL : "true");
  }
  fixture->key = NULL;
  api_fixture_refused(fixture, 409, "EVENT_EXISTS", "POST", EVENTS, NEW);
  api_fixture_get(fixture, 200, "/api/v1/events/evt_2");
}

/* While its tickets are made, a twin is told to wait, and another one that the name is taken. */
static void test_create_twice_at_once(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client first = {.stream = -1};
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  fixture->resting = true;
  fixture->key = "11111111-2222-4333-8444-555555555555";
  api_fixture_send(fixture, &first, "POST", EVENTS, NEW);
  api_fixture_run(fixture, 20);
  api_fixture_refused(fixture, 409, "IDEMPOTENCY_IN_FLIGHT", "POST", EVENTS, NEW);
  fixture->key = NULL;
  api_fixture_refused(fixture, 409, "EVENT_EXISTS", "POST", EVENTS, NEW);
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "GET", "/api/v1/events/evt_2", NULL);
  fixture->resting = false;
  api_fixture_run(fixture, 50);
  assert_true(api_fixture_receive(fixture, &first));
  assert_int_equal(fixture->reply.status, 201);
  net_client_free(&first);
}

static void test_the_line(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", EVENTS,
                      "{'event_id':'evt_2',\n'name':'n',\n'nmae':'v'}");
  assert_true(api_fixture_has(fixture, "'details':{'line':3,'reason':"));
}

static void test_update(void **state)
{
  struct api_fixture *fixture = *state;
  static const char path[] = "/api/v1/admin/events/evt";
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_ask(fixture, 200, "PATCH", path,
                  "{'status':'PAUSED','max_per_buyer':2,'hold_seconds':30}");
  assert_true(api_fixture_has(fixture, "'status':'PAUSED'"));
  assert_true(api_fixture_has(fixture, "'max_per_buyer':2,'hold_seconds':30"));
  api_fixture_get(fixture, 200, "/api/v1/events/evt");
  assert_true(api_fixture_has(fixture, "'max_per_buyer':2,'hold_seconds':30"));
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "PATCH", path, "{'status':'OPEN'}");
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "PATCH", "/api/v1/admin/events/none", "{}");
  api_fixture_ask(fixture, 200, "PATCH", path, "{'status':'ON_SALE','max_per_buyer':4}");
}

static void test_refund(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_pay(fixture, id, 1000);
  snprintf(path, sizeof path, "/api/v1/admin/orders/%s/refund", api_fixture_confirm(fixture, id));
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", path, "{'amount':1}");
  api_fixture_post(fixture, 200, path, "{'reason':'rain','amount':400}");
  assert_true(api_fixture_has(fixture, "'status':'PAID'"));
  api_fixture_refused(fixture, 409, "NOT_REFUNDABLE", "POST", path,
                      "{'reason':'rain','amount':601}");
  api_fixture_post(fixture, 200, path, "{'reason':'rain'}");
  assert_true(api_fixture_has(fixture, "'status':'REFUNDED'"));
  assert_true(api_fixture_has(fixture, "'refunded_amount':{'amount':1000,'currency':'KRW'}"));
  api_fixture_refused(fixture, 404, "ORDER_NOT_FOUND", "POST", "/api/v1/admin/orders/x/refund",
                      "{'reason':'rain'}");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_create),   WITH_API(test_create_twice_at_once),
      WITH_API(test_the_line), WITH_API(test_update),
      WITH_API(test_refund),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
