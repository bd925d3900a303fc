#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char INTENT[] = "/api/v1/payments/intent";
static const char PROCESS[] = "/api/v1/payments/process";

static const char *intend(struct api_fixture *fixture, const char *scenario)
{
  char body[256];
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  snprintf(body, sizeof body, "{'reservation_id':'%s','amount':1000,'scenario':'%s'}", id,
           scenario);
  api_fixture_post(fixture, 200, INTENT, body);
  assert_true(api_fixture_has(fixture, "'status':'PENDING','amount':1000,'currency':'KRW'"));
  assert_true(api_fixture_has(fixture, "'next':'webhook'"));
  return api_fixture_text(fixture, "payment_intent_id");
}

static void expect_status(struct api_fixture *fixture, const char *intent, const char *status)
{
  char path[128];
  char wanted[64];
  snprintf(path, sizeof path, "/api/v1/payments/%s/status", intent);
  snprintf(wanted, sizeof wanted, "'status':'%s'", status);
  api_fixture_get(fixture, 200, path);
  assert_true(api_fixture_has(fixture, wanted));
}

static void test_delay_ends_by_itself(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *intent = intend(fixture, "delay");
  expect_status(fixture, intent, "PENDING");
  api_fixture_run(fixture, 600);
  expect_status(fixture, intent, "COMPLETED");
}

/* Settled before its time; what the timer says then changes nothing. */
static void test_delay_that_comes_second(void **state)
{
  struct api_fixture *fixture = *state;
  char body[128];
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *intent = intend(fixture, "delay");
  snprintf(body, sizeof body, "{'payment_intent_id':'%s'}", intent);
  api_fixture_post(fixture, 200, PROCESS, body);
  const char *payment = api_fixture_text(fixture, "payment_id");
  api_fixture_run(fixture, 600);
  expect_status(fixture, intent, "COMPLETED");
  assert_string_equal(api_fixture_text(fixture, "payment_id"), payment);
}

static void test_scenarios(void **state)
{
  struct api_fixture *fixture = *state;
  static const char *const cases[][3] = {
      {"approve", "", "COMPLETED"},     {"fail", "", "FAILED"},        {"", "", "COMPLETED"},
      {"fail", "approve", "COMPLETED"}, {"approve", "fail", "FAILED"},
  };
  char body[128];
  char wanted[64];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char user[16];
    snprintf(user, sizeof user, "user%zu", i);
    api_fixture_as(fixture, user, ROLE_USER);
    const char *intent = intend(fixture, cases[i][0]);
    snprintf(body, sizeof body, "{'payment_intent_id':'%s','action':'%s'}", intent, cases[i][1]);
    api_fixture_post(fixture, 200, PROCESS, body);
    snprintf(wanted, sizeof wanted, "'status':'%s'", cases[i][2]);
    assert_true(api_fixture_has(fixture, wanted));
    world_sim_jump_clock_ms(fixture->sale->store.sim, 60000 + SALE_EXTENSION_MS);
  }
}

static void test_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_refused(fixture, 400, "MISSING_RESERVATION_ID", "POST", INTENT, "{'amount':1}");
  api_fixture_refused(fixture, 400, "INVALID_AMOUNT", "POST", INTENT, "{'reservation_id':'a'}");
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", INTENT, "{'scenario':'maybe'}");
  api_fixture_refused(fixture, 404, "RESERVATION_NOT_FOUND", "POST", INTENT,
                      "{'reservation_id':'a','amount':1}");
  api_fixture_refused(fixture, 404, "PAYMENT_NOT_FOUND", "POST", PROCESS,
                      "{'payment_intent_id':'a'}");
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", PROCESS,
                      "{'payment_intent_id':'a','action':'delay'}");
}

static void test_whose(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *intent = intend(fixture, "");
  snprintf(path, sizeof path, "/api/v1/payment/%s/status", intent);
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_refused(fixture, 404, "PAYMENT_NOT_FOUND", "GET", path, NULL);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_get(fixture, 200, path);
  api_fixture_as(fixture, NULL, ROLE_USER);
  api_fixture_get(fixture, 200, path);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_delay_ends_by_itself),
      WITH_API(test_delay_that_comes_second),
      WITH_API(test_scenarios),
      WITH_API(test_refused),
      WITH_API(test_whose),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
