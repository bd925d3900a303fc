#include "api/answer.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* A refusal may tell what is not on disk yet, too. */
static void test_refusals_wait(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client other = {.stream = -1};
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->held = true;
  api_fixture_send(fixture, &fixture->client, "POST", "/api/v1/reservations",
                   "{'event_id':'evt','quantity':1}");
  api_fixture_run(fixture, 50);
  api_fixture_send(fixture, &other, "GET", "/api/v1/reservations/rsv_none", NULL);
  api_fixture_run(fixture, 50);
  assert_false(api_fixture_receive(fixture, &other));
  fixture->held = false;
  api_fixture_run(fixture, 50);
  assert_true(api_fixture_receive(fixture, &other));
  assert_int_equal(fixture->reply.status, 404);
  assert_true(api_fixture_has(fixture, "'code':'RESERVATION_NOT_FOUND'"));
  net_client_free(&other);
}

static void test_nothing_to_wait_for(void **state)
{
  struct api_fixture *fixture = *state;
  fixture->held = true;
  api_fixture_get(fixture, 200, "/api/v1/events/evt");
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "GET", "/api/v1/events/none", NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_refusals_wait),
      WITH_API(test_nothing_to_wait_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
