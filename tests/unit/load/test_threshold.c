#include "load/threshold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct load_file file;

static void name_steps(void)
{
  file.step_count = 2;
  file.steps[0].name = BYTES("reserve");
  file.steps[1].name = BYTES("pay");
}

static void test_values(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct load_stats stats;
  struct error error;
  name_steps();
  assert_true(stats_init(&stats, &memory, 2, &error));
  for (int i = 1; i <= 99; i++) stats_reply(&stats, 0, 200, 10000000, 1000000, 0);
  stats_reply(&stats, 1, 500, 90000000, 80000000, 0);
  stats_failure(&stats, 1, FAILURE_STATUS);
  stats.steps[0].succeeded = 99;
  stats.steps[1].checks_failed = 1;
  stats.steps[1].checks_passed = 3;
  stats_point(&stats, 1, 1);
  stats.scheduled_requests = 100;
  stats.seconds = 2;
  static const struct {
    const char *text;
    bool met;
  } rows[] = {
      {"p50>10.1ms", false},
      {"p50>=10ms", true},
      {"max>89ms", true},
      {"p99.9 > 0.5 s", false},
      {"mean>10ms", true},
      {"errors>0", true},
      {"errors==1", true},
      {"reserve.errors>0", false},
      {"pay.errors>0", true},
      {"reserve.max>11ms", false},
      {"pay.service_max>81ms", false},
      {"service_p50<2ms", true},
      {"error_rate>1%", false},
      {"error_rate>=1", true},
      {"checks<100%", true},
      {"rate<50", false},
      {"rate<51", true},
      {"requests<=100", true},
      {"reserve.succeeded>99", false},
      {"refused>0", false},
      {"min<10000us", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct threshold threshold;
    if (!threshold_parse(rows[i].text, &file, &threshold, &error)) fail_msg("%s", error.message);
    if (threshold_is_met(&threshold, &stats) != rows[i].met)
      fail_msg("%s: %f", rows[i].text, threshold_value(&threshold, &stats));
  }
  stats_free(&stats);
  assert_int_equal(memory.in_use, 0);
}

static void test_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "p99",
      "p99>",
      "p99>ten",
      "p99>10",
      "p99>10kg",
      "p101>1ms",
      "p>1ms",
      "errors>1ms",
      "walk.p99>1ms",
      "service_errors>1",
      "errors=>1",
      "error_rate>1ms",
      "p99>-1ms",
      ">1",
  };
  name_steps();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct threshold threshold;
    struct error error = {0};
    if (threshold_parse(texts[i], &file, &threshold, &error)) fail_msg("%s is taken", texts[i]);
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "is no condition: "));
  }
}

static void test_format(void **state)
{
  (void)state;
  struct threshold threshold;
  struct error error;
  char text[32];
  assert_true(threshold_parse("p99>1ms", &file, &threshold, &error));
  assert_string_equal(threshold_format(&threshold, 1234567, text), "1.235 ms");
  assert_true(threshold_parse("errors>1", &file, &threshold, &error));
  assert_string_equal(threshold_format(&threshold, 12, text), "12");
  assert_true(threshold_parse("checks<99%", &file, &threshold, &error));
  assert_string_equal(threshold_format(&threshold, 98.5, text), "98.500 %");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_format),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
