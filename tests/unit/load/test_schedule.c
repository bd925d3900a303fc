#include "load/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_constant(void **state)
{
  (void)state;
  const struct stage stage = {100, 100, 2};
  struct schedule schedule;
  load_schedule_init(&schedule, &stage, 1);
  for (int i = 0; i < 200; i++)
    assert_true(llabs(load_schedule_next(&schedule) - i * INT64_C(10000000)) <= 1);
  assert_true(load_schedule_next(&schedule) == SCHEDULE_OVER);
  assert_true(load_schedule_next(&schedule) == SCHEDULE_OVER);
}

/* As many as the integral of the rate, in order, each where the integral reaches its number. */
static void test_stages(void **state)
{
  (void)state;
  const struct stage stages[] = {
      {0, 1000, 1}, {1000, 1000, 0.5}, {1000, 0, 2}, {0, 0, 1}, {50, 50, 1}};
  struct schedule schedule;
  load_schedule_init(&schedule, stages, 5);
  int64_t before = -1, at;
  uint64_t count = 0, first_second = 0, last_second = 0;
  while ((at = load_schedule_next(&schedule)) != SCHEDULE_OVER) {
    assert_true(at >= before);
    before = at;
    count++;
    first_second += at < 1000000000;
    last_second += at >= 4500000000;
    if (at < 1000000000) {
      double seconds = (double)at / 1e9;
      assert_true(fabs(500 * seconds * seconds - (double)(count - 1)) < 1e-3);
    }
  }
  assert_int_equal(count, 500 + 500 + 1000 + 50);
  assert_int_equal(first_second, 500);
  assert_int_equal(last_second, 50);
  assert_true(load_schedule_length_ns(stages, 5) == 5500000000);
}

static void test_values(void **state)
{
  (void)state;
  const struct stage stages[] = {{0, 100, 2}, {100, 50, 1}};
  assert_true(load_schedule_value(stages, 2, 0) == 0);
  assert_true(load_schedule_value(stages, 2, 1000000000) == 50);
  assert_true(load_schedule_value(stages, 2, 2500000000) == 75);
  assert_true(load_schedule_value(stages, 2, 99000000000) == 50);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_constant),
      cmocka_unit_test(test_stages),
      cmocka_unit_test(test_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
