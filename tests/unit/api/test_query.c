#include "api/query.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void refused(struct api_fixture *fixture, const char *path, const char *field)
{
  char wanted[64];
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "GET", path, NULL);
  snprintf(wanted, sizeof wanted, "'field':'%s'", field);
  assert_true(api_fixture_has(fixture, wanted));
}

static void test_numbers(void **state)
{
  struct api_fixture *fixture = *state;
  static const char *const bad[] = {"0", "101", "x", "-1", "1.0", "%2B1", "9999999999", "+1"};
  char path[64];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(path, sizeof path, "/api/v1/events?limit=%s", bad[i]);
    refused(fixture, path, "limit");
  }
  refused(fixture, "/api/v1/events?limit=1&limit=1", "limit");
  api_fixture_get(fixture, 200, "/api/v1/events?limit=%31");
  api_fixture_get(fixture, 200, "/api/v1/events?limit=");
  api_fixture_get(fixture, 200, "/api/v1/events?other=1");
}

static void test_texts(void **state)
{
  struct api_fixture *fixture = *state;
  refused(fixture, "/api/v1/events?cursor=%ff", "cursor");
  api_fixture_get(fixture, 200, "/api/v1/events?cursor=evs");
  assert_true(api_fixture_has(fixture, "'event_id':'evt'"));
  api_fixture_get(fixture, 200, "/api/v1/events?cursor=evt");
  assert_true(api_fixture_has(fixture, "{'events':[],'next_cursor':null}"));
}

static void test_lists(void **state)
{
  struct api_fixture *fixture = *state;
  static const char base[] = "/api/v1/events/evt/availability?seat_ids=";
  char path[512];
  snprintf(path, sizeof path, "%sA-1-1,%%41-1-2,x", base);
  api_fixture_get(fixture, 200, path);
  assert_true(api_fixture_has(fixture, "'unavailable_seats':['x']"));
  static const char *const bad[] = {",", "a,", ",a", "a,,b"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(path, sizeof path, "%s%s", base, bad[i]);
    refused(fixture, path, "seat_ids");
  }
  size_t size = (size_t)snprintf(path, sizeof path, "%sx", base);
  for (int i = 0; i < 99; i++) size += (size_t)snprintf(path + size, sizeof path - size, ",x");
  api_fixture_get(fixture, 200, path);
  snprintf(path + size, sizeof path - size, ",x");
  refused(fixture, path, "seat_ids");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_numbers),
      WITH_API(test_texts),
      WITH_API(test_lists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
