#include "load/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_counts_and_points(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct load_stats stats;
  struct error error;
  assert_true(stats_init(&stats, &memory, 2, &error));
  for (int i = 1; i <= 100; i++) stats_reply(&stats, 0, 200, i * INT64_C(1000000), 500000, 10);
  stats_reply(&stats, 1, 409, 7000000, -1, 5);
  stats_failure(&stats, 1, FAILURE_STATUS);
  stats.people = 3;
  stats_point(&stats, 1.0, 1.0);
  assert_int_equal(stats.requests, 101);
  assert_int_equal(stats.bytes, 1005);
  assert_int_equal(stats.errors, 1);
  assert_int_equal(stats.statuses[409], 1);
  assert_int_equal(stats.steps[1].service.count, 0);
  assert_int_equal(stats.latency.count, 101);
  assert_int_equal(stats.point_count, 1);
  const struct load_point *point = &stats.points[0];
  assert_int_equal(point->requests, 101);
  assert_int_equal(point->errors, 1);
  assert_int_equal(point->people, 3);
  assert_int_equal(point->seats_left, -1);
  assert_true(point->max_ns == 100000000);
  for (int i = 0; i < 300; i++) stats_point(&stats, 2.0 + i, 1.0);
  assert_int_equal(stats.point_count, 301);
  assert_int_equal(stats.points[1].requests, 0);
  assert_int_equal(stats.points[1].p99_ns, 0);
  stats_free(&stats);
  assert_int_equal(memory.in_use, 0);
}

static void test_names(void **state)
{
  (void)state;
  for (enum load_failure i = 0; i < FAILURE_COUNT; i++) {
    assert_true(load_failure_name(i)[0] != 0);
    assert_true(load_failure_meaning(i)[0] != 0);
  }
}

static void test_no_memory(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    struct memory memory = {.fail_at = nth};
    struct load_stats stats;
    struct error error = {0};
    bool good = stats_init(&stats, &memory, 3, &error);
    if (good) stats_free(&stats);
    assert_int_equal(memory.in_use, 0);
    if (good) return;
    assert_int_equal(error.code, ERROR_NO_MEMORY);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_counts_and_points),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
