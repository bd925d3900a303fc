#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_one(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  api_fixture_pay(fixture, id, 2000);
  const char *order = api_fixture_confirm(fixture, id);
  const char *code = api_fixture_text(fixture, "qr");
  snprintf(path, sizeof path, "/api/v1/orders/%s", order);
  api_fixture_get(fixture, 200, path);
  assert_true(api_fixture_has(fixture, "'status':'PAID'"));
  assert_true(api_fixture_has(fixture, "'refunded_amount':{'amount':0,'currency':'KRW'}"));
  assert_string_equal(api_fixture_text(fixture, "qr"), code);
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_refused(fixture, 404, "ORDER_NOT_FOUND", "GET", path, NULL);
}

static void test_pages(void **state)
{
  struct api_fixture *fixture = *state;
  char path[256];
  const char *orders[2];
  api_fixture_as(fixture, "alice", ROLE_USER);
  for (int i = 0; i < 2; i++) {
    const char *id = api_fixture_reserve(fixture, i == 0 ? "'A-1-1'" : "'A-1-2'");
    api_fixture_pay(fixture, id, 1000);
    orders[i] = api_fixture_confirm(fixture, id);
  }
  api_fixture_get(fixture, 200, "/api/v1/orders?limit=1");
  assert_string_equal(api_fixture_text(fixture, "order_id"), orders[1]);
  snprintf(path, sizeof path, "/api/v1/orders?limit=1&cursor=%s",
           api_fixture_text(fixture, "next_cursor"));
  api_fixture_get(fixture, 200, path);
  assert_string_equal(api_fixture_text(fixture, "order_id"), orders[0]);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "GET", "/api/v1/orders?cursor=x", NULL);
}

static void test_none(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_get(fixture, 200, "/api/v1/orders");
  assert_true(api_fixture_has(fixture, "{'orders':[],'next_cursor':null}"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_one),
      WITH_API(test_pages),
      WITH_API(test_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
