#include "bus/schedule.h"

#include "base/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct schedule parse(const char *text)
{
  struct schedule schedule;
  struct error error;
  if (!schedule_parse(bytes_of_text(text), &schedule, &error))
    fail_msg("%s: %s", text, error.message);
  return schedule;
}

static void test_rates_count_from_their_beginning(void **state)
{
  (void)state;
  struct schedule schedule = parse("rate(5 minutes)");
  assert_int_equal(schedule_next(&schedule, 1000, 1000), 301000);
  assert_int_equal(schedule_next(&schedule, 1000, 0), 301000);
  assert_int_equal(schedule_next(&schedule, 1000, 300999), 301000);
  assert_int_equal(schedule_next(&schedule, 1000, 301000), 601000);
  assert_int_equal(schedule_next(&schedule, 1000, 10000000), 10201000);
  schedule = parse("rate(1 hour)");
  assert_int_equal(schedule_next(&schedule, 0, 0), 3600000);
  schedule = parse("rate(7 days)");
  assert_int_equal(schedule_next(&schedule, 0, 0), INT64_C(7) * 86400000);
  schedule = parse("rate(10000000 days)");
  assert_true(schedule_next(&schedule, 0, 0) == INT64_MAX);
}

static void test_at_is_due_once(void **state)
{
  (void)state;
  struct schedule schedule = parse("at(2026-11-20T13:00:00)");
  int64_t at_ms;
  struct error error;
  assert_true(instant_parse(BYTES("2026-11-20T13:00:00Z"), &at_ms, &error));
  assert_int_equal(schedule_next(&schedule, 0, 0), at_ms);
  assert_int_equal(schedule_next(&schedule, 0, at_ms - 1), at_ms);
  assert_true(schedule_next(&schedule, 0, at_ms) == INT64_MAX);
}

static void test_cron_is_one_too(void **state)
{
  (void)state;
  struct schedule schedule = parse("cron(0 12 * * ? *)");
  assert_int_equal(schedule_next(&schedule, 0, 0), 12 * 3600000);
}

static void test_what_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "rate()",
      "rate(5)",
      "rate(minutes)",
      "rate(0 minutes)",
      "rate(1 minutes)",
      "rate(5 minute)",
      "rate(5 hour)",
      "rate(1 hours)",
      "rate(5minutes)",
      "rate(-5 minutes)",
      "rate(5.5 minutes)",
      "rate(5 seconds)",
      "rate(5 minutes) ",
      "rate(99999999999999999999 minutes)",
      "rate(10000001 minutes)",
      "Rate(5 minutes)",
      "at(2026-11-20)",
      "at(2026-11-20T13:00:00Z)",
      "at(2026-02-30T13:00:00)",
      "at()",
      "cron()",
      "cron(0 12 * * ? *",
      "cron(0 12 * * * *)",
      "0 12 * * ? *",
      ")",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct schedule schedule;
    struct error error;
    if (schedule_parse(bytes_of_text(texts[i]), &schedule, &error))
      fail_msg("%s is taken", texts[i]);
    assert_int_equal(error.code, ERROR_INVALID);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rates_count_from_their_beginning),
      cmocka_unit_test(test_at_is_due_once),
      cmocka_unit_test(test_cron_is_one_too),
      cmocka_unit_test(test_what_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
