#include "api/body.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char RESERVATIONS[] = "/api/v1/reservations";
static const char EVENT[] = "/api/v1/admin/events/evt";

static void refused(struct api_fixture *fixture, const char *body, const char *details)
{
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", RESERVATIONS, body);
  if (!api_fixture_has(fixture, details))
    fail_msg("%s wanted, got %.*s", details, BYTES_FORMAT(fixture->reply.body));
}

static void test_types(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  refused(fixture, "{'event_id':1}", "'field':'event_id','reason':'must be a string'");
  refused(fixture, "{'event_id':{'a':[1,{}]}}", "'field':'event_id'");
  refused(fixture, "{'event_id':true}", "'field':'event_id'");
  refused(fixture, "{'quantity':'2'}",
          "'field':'quantity','reason':'must be a whole number from 1 to 10'");
  refused(fixture, "{'quantity':2.0}", "'field':'quantity'");
  refused(fixture, "{'quantity':[2]}", "'field':'quantity'");
  refused(fixture, "{'seat_ids':'A-1-1'}", "'reason':'must be a list of strings'");
  refused(fixture, "{'seat_ids':{'0':'A-1-1'}}", "'reason':'must be a list of strings'");
  refused(fixture, "{'seat_ids':['A-1-1',2,{'a':[]}]}", "must be a list of strings that are not");
  refused(fixture, "{'seat_ids':['']}", "must be a list of strings that are not empty");
}

static void test_limits(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  refused(fixture, "{'quantity':0}", "must be a whole number from 1 to 10");
  refused(fixture, "{'quantity':11}", "must be a whole number from 1 to 10");
  refused(fixture, "{'quantity':99999999999999999999}", "must be a whole number from 1 to 10");
  refused(fixture, "{'seat_ids':['1','2','3','4','5','6','7','8','9','10','11']}",
          "must have 0 to 10 elements");
  refused(fixture,
          "{'event_id':'12345678901234567890123456789012345678901234567890123456789012345'}",
          "must have 0 to 64 bytes");
}

static void test_all_that_is_wrong_is_named(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  refused(fixture, "{'quantity':'x','section':1,'event_id':'evt'}",
          "'fields':{'quantity':'must be a whole number from 1 to 10','section':'must be a "
          "string'}");
}

static void test_no_document(void **state)
{
  struct api_fixture *fixture = *state;
  static const char *const bodies[] = {
      "{", "[]", "1", "null", "{}{}", "{'event_id':'a',}", "{'event_id':'a','event_id':'b'}"};
  api_fixture_as(fixture, "alice", ROLE_USER);
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
    refused(fixture, bodies[i], "'field':'body'");
}

static void test_what_is_not_asked_for(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_refused(fixture, 400, "MISSING_EVENT_ID", "POST", RESERVATIONS, NULL);
  api_fixture_refused(fixture, 400, "MISSING_EVENT_ID", "POST", RESERVATIONS, "{}");
  api_fixture_post(fixture, 201, RESERVATIONS,
                   "{'event_id':'evt','quantity':1,'section':null,'seat_ids':null,"
                   "'more':{'a':[1,2,{'b':null}]}}");
}

static void test_times(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "PATCH", EVENT, "{'sale_opens_at':1}");
  assert_true(api_fixture_has(fixture, "must be a time like"));
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "PATCH", EVENT,
                      "{'sale_opens_at':'2026-02-30T00:00:00Z'}");
  api_fixture_ask(fixture, 200, "PATCH", EVENT, "{'sale_opens_at':'2026-01-01T09:00:00+09:00'}");
  assert_true(api_fixture_has(fixture, "'sale_opens_at':'2026-01-01T00:00:00.000Z'"));
}

static void test_a_field_that_is_needed(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  static const char *const bodies[] = {NULL, "{}", "{'payment_intent_id':null}"};
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", "/api/v1/payments/process",
                        bodies[i]);
    assert_true(api_fixture_has(fixture, "'field':'payment_intent_id','reason':'is missing'"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_types),
      WITH_API(test_limits),
      WITH_API(test_all_that_is_wrong_is_named),
      WITH_API(test_no_document),
      WITH_API(test_what_is_not_asked_for),
      WITH_API(test_times),
      WITH_API(test_a_field_that_is_needed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
