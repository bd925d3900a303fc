#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char CHECKIN[] = "/api/v1/admin/checkin";

static void test_admitted_once(void **state)
{
  struct api_fixture *fixture = *state;
  char body[512];
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_pay(fixture, id, 1000);
  api_fixture_confirm(fixture, id);
  snprintf(body, sizeof body, "{'code':'%s','event_id':'evt','gate':'North'}",
           api_fixture_text(fixture, "qr"));
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_post(fixture, 200, CHECKIN, body);
  assert_true(api_fixture_has(fixture, "'status':'ADMITTED'"));
  assert_true(api_fixture_has(fixture, "'user_id':'alice'"));
  assert_true(api_fixture_has(fixture, "'seat':{'id':'A-1-1','section':'A','row':'1'"));
  const char *at = api_fixture_text(fixture, "admitted_at");
  api_fixture_refused(fixture, 409, "ALREADY_ADMITTED", "POST", CHECKIN, body);
  assert_true(api_fixture_has(fixture, "'gate':'North'"));
  assert_string_equal(api_fixture_text(fixture, "admitted_at"), at);
}

static void test_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", CHECKIN, "{}");
  api_fixture_refused(fixture, 400, "TICKET_INVALID", "POST", CHECKIN, "{'code':'TT1:AAAA'}");
  assert_true(api_fixture_has(fixture, "'details':{'reason':'malformed'}"));
}

static void test_keys(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_get(fixture, 200, "/api/v1/tickets/keys");
  assert_true(api_fixture_has(fixture, "{'keys':[{"));
  assert_true(api_fixture_has(fixture, "'crv':'Ed25519'"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_admitted_once),
      WITH_API(test_refused),
      WITH_API(test_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
