#include "api/api.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_who_may_call(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_refused(fixture, 401, "UNAUTHORIZED", "GET", "/api/v1/reservations", NULL);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_get(fixture, 200, "/api/v1/reservations");
  api_fixture_refused(fixture, 403, "FORBIDDEN", "GET", "/api/v1/admin/events/evt/report", NULL);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_get(fixture, 200, "/api/v1/admin/events/evt/report");
}

/* What is answered later is answered before the server goes. */
static void test_stop_answers_all(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  fixture->resting = true;
  api_fixture_send(
      fixture, &fixture->client, "POST", "/api/v1/admin/events",
      "{'event_id':'evt_2','name':'n','venue':'v','starts_at':'2040-01-01T00:00:00Z',"
      "'sale_opens_at':'2001-01-01T00:00:00Z','currency':'KRW','max_per_buyer':4,"
      "'hold_seconds':60,'sections':[{'id':'S','name':'S','price':1,'capacity':500}]}");
  api_fixture_run(fixture, 20);
  assert_false(api_fixture_receive(fixture, &fixture->client));
  api_stop(&fixture->api);
  api_fixture_run(fixture, 20);
  assert_true(api_fixture_receive(fixture, &fixture->client));
  assert_int_equal(fixture->reply.status, 201);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_who_may_call),
      WITH_API(test_stop_answers_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
