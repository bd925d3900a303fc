#include "room/pace.h"

#include "sim/random.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Everybody is taken who may come, in ticks of so many seconds; how many they are. */
static uint64_t run(struct pace *pace, double seconds, double tick)
{
  uint64_t admitted = 0;
  for (double at = 0; at < seconds - tick / 2; at += tick) {
    pace_advance(pace, tick, true);
    uint32_t permits = pace_permits(pace);
    pace_take(pace, permits);
    admitted += permits;
  }
  return admitted;
}

static void test_is_the_rate_and_never_more(void **state)
{
  (void)state;
  static const uint32_t limits[] = {1, 3, 7, 20, 100, 999, 10000};
  static const double ticks[] = {0.001, 0.05, 0.3, 1.5};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    for (size_t j = 0; j < sizeof ticks / sizeof ticks[0]; j++) {
      struct pace pace;
      double burst = 1 + limits[i] * 0.1;
      pace_init(&pace, limits[i], 200);
      uint64_t admitted = run(&pace, 60, ticks[j]);
      assert_true((double)admitted <= limits[i] * 60.0 + burst);
      /* Later ticks than a tenth of a second lose what does not fit in the bucket. */
      if (ticks[j] <= 0.1) assert_true((double)admitted >= limits[i] * 60.0 - burst - 1e-6);
    }
}

/* In no window of time more than its share and the bucket, however ticks come. */
static void test_no_window_has_more(void **state)
{
  enum { TICKS = 3000 };
  (void)state;
  static double at[TICKS];
  static uint32_t admitted[TICKS];
  struct random random;
  struct pace pace;
  double now = 0;
  random_init(&random, 6);
  pace_init(&pace, 40, 200);
  for (int i = 0; i < TICKS; i++) {
    double passed = (double)random_below(&random, 120) / 1000;
    now += passed;
    pace_advance(&pace, passed, true);
    uint32_t permits = pace_permits(&pace);
    if (permits > 0 && random_coin(&random)) permits = (uint32_t)random_below(&random, permits + 1);
    pace_take(&pace, permits);
    at[i] = now;
    admitted[i] = permits;
  }
  for (int from = 0; from < TICKS; from += 7) {
    uint32_t sum = 0;
    for (int to = from; to < TICKS; to++) {
      sum += admitted[to];
      assert_true(sum <= 40 * (at[to] - at[from]) + 5 + 1e-6);
    }
  }
}

static void test_slows_down_and_recovers(void **state)
{
  (void)state;
  struct pace pace;
  pace_init(&pace, 100, 200);
  run(&pace, 5, 0.05);
  assert_true(pace.allowed > 99.9);
  double before = pace.allowed;
  for (int i = 0; i < 30; i++) {
    pace_note_latency(&pace, 500);
    run(&pace, 1, 0.05);
    assert_true(pace.allowed < before || fabs(pace.allowed - 2) < 1e-9);
    before = pace.allowed;
  }
  assert_true(fabs(pace.allowed - 2) < 1e-9); /* never quite stopped */
  assert_true(run(&pace, 2, 0.05) > 0);
  /* Fast again: by a twentieth of the limit a second. */
  for (int i = 0; i < 40; i++) pace_note_latency(&pace, 20);
  before = pace.allowed;
  run(&pace, 10, 0.05);
  assert_true(fabs(pace.allowed - before - 50) < 6);
  run(&pace, 20, 0.05);
  assert_true(pace.allowed > 99.9 && pace.allowed <= 100);
}

static void test_an_old_latency_is_forgotten(void **state)
{
  (void)state;
  struct pace pace;
  pace_init(&pace, 100, 200);
  pace_note_latency(&pace, 5000);
  run(&pace, 2.5, 0.05);
  assert_true(pace.allowed < 60);
  /* Nobody reserves any more, so nothing says that it is slow. */
  run(&pace, 30, 0.05);
  assert_true(pace.allowed > 99.9);
  /* The next one is the mean, not a fifth of it. */
  pace_note_latency(&pace, 300);
  assert_true(fabs(pace.latency_ms - 300) < 1e-9);
  pace_note_latency(&pace, 100);
  assert_true(fabs(pace.latency_ms - 260) < 1e-9);
}

static void test_a_new_limit_keeps_the_share(void **state)
{
  (void)state;
  struct pace pace;
  pace_init(&pace, 100, 200);
  pace.allowed = 50;
  pace_set(&pace, 10, 300);
  assert_true(fabs(pace.allowed - 5) < 1e-9);
  assert_true(fabs(pace.target_ms - 300) < 1e-9);
  pace_set(&pace, 1000, 300);
  assert_true(fabs(pace.allowed - 500) < 1e-9);
}

static void test_rounding(void **state)
{
  (void)state;
  static const struct {
    double seconds;
    uint32_t rounded;
  } cases[] = {
      {0.01, 5},    {5, 5},         {5.01, 10},     {59, 60},         {60, 60},
      {60.5, 75},   {75, 75},       {599, 600},     {600, 600},       {600.1, 660},
      {3601, 3660}, {86400, 86400}, {86401, 86460}, {604800, 604800}, {4e7, PACE_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(pace_round_s(cases[i].seconds), cases[i].rounded);
}

static void test_an_eta_is_never_below_what_the_rate_allows(void **state)
{
  (void)state;
  struct random random;
  struct pace pace;
  random_init(&random, 9);
  pace_init(&pace, 50, 200);
  for (int i = 0; i < 3000; i++) {
    uint32_t position = (uint32_t)random_between(&random, 1, 1000000);
    uint32_t eta_s = pace_eta_s(&pace, position);
    assert_true(eta_s == PACE_UNKNOWN || eta_s >= position / pace.allowed);
    assert_true(eta_s == PACE_UNKNOWN || eta_s >= position / pace.limit);
    pace_advance(&pace, 0.3, random_below(&random, 10) > 0);
    uint32_t permits = pace_permits(&pace);
    pace_take(&pace, (uint32_t)random_below(&random, permits + 1));
    if (random_below(&random, 5) == 0) pace_note_latency(&pace, (double)random_below(&random, 400));
  }
}

static void test_an_eta_is_of_the_measured_rate(void **state)
{
  (void)state;
  struct pace pace;
  pace_init(&pace, 100, 200);
  /* Nothing measured yet: what is allowed. */
  assert_int_equal(pace_eta_s(&pace, 100), 5);
  assert_int_equal(pace_eta_s(&pace, 6000), 60);
  /* Ten a second are admitted, for want of seats. */
  for (int i = 0; i < 200; i++) {
    pace_advance(&pace, 0.5, true);
    pace_take(&pace, 5);
  }
  assert_true(fabs(pace.measured - 10) < 0.1);
  assert_int_equal(pace_eta_s(&pace, 500), pace_round_s(500 / pace.measured));
  /* Nobody any more: soon it is more, in the end nobody can say. */
  for (int i = 0; i < 10; i++) pace_advance(&pace, 1, true);
  uint32_t eta_s = pace_eta_s(&pace, 500);
  assert_true(eta_s > 100 && eta_s < 200);
  for (int i = 0; i < 100; i++) pace_advance(&pace, 1, true);
  assert_int_equal(pace_eta_s(&pace, 1), PACE_UNKNOWN);
}

static void test_an_empty_line_says_nothing(void **state)
{
  (void)state;
  struct pace pace;
  pace_init(&pace, 100, 200);
  run(&pace, 30, 0.05);
  double before = pace.measured;
  assert_true(fabs(before - 100) < 6);
  for (int i = 0; i < 100; i++) pace_advance(&pace, 0.5, false);
  assert_true(fabs(pace.measured - before) < 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_the_rate_and_never_more),
      cmocka_unit_test(test_no_window_has_more),
      cmocka_unit_test(test_slows_down_and_recovers),
      cmocka_unit_test(test_an_old_latency_is_forgotten),
      cmocka_unit_test(test_a_new_limit_keeps_the_share),
      cmocka_unit_test(test_rounding),
      cmocka_unit_test(test_an_eta_is_never_below_what_the_rate_allows),
      cmocka_unit_test(test_an_eta_is_of_the_measured_rate),
      cmocka_unit_test(test_an_empty_line_says_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
