/*
 * The engine's figures against a server whose latency is known: a steady one, one that stands still
 * for a second, and none.
 */
#include "unit/load/run_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define ONE_STEP "\"scenarios\":[{\"name\":\"a\",\"steps\":[{\"name\":\"get\",\"path\":\"/x\"}]}]}"

enum { ATTEMPTS = 20 }; /* others may have the cores for a moment */

static bool is_near(double value, double wanted, double share)
{
  return fabs(value - wanted) <= wanted * share;
}

/*
 * 50 ms are reported as 50 ms, within 1 %. A busy machine only adds to it, so of each percentile
 * the best attempt counts.
 */
static void test_known_latency(void **state)
{
  (void)state;
  double p25 = INFINITY, p50 = INFINITY, p75 = INFINITY;
  for (int i = 0; i < ATTEMPTS; i++) {
    struct run_fixture fixture;
    const struct stub_options stub = {.delay_ns = 50000000};
    run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":200,\"seconds\":1}]," ONE_STEP, &stub);
    const struct load_stats *stats = run_fixture_go(&fixture);
    assert_int_equal(stats->requests, 200);
    assert_int_equal(stats->errors, 0);
    assert_int_equal(stats->statuses[200], 200);
    assert_int_equal(stats->ends[END_FINISHED], 200);
    assert_int_equal(stub_requests(fixture.stub), 200);
    p25 = fmin(p25, run_fixture_latency_ms(&fixture, 25));
    p50 = fmin(p50, run_fixture_latency_ms(&fixture, 50));
    p75 = fmin(p75, run_fixture_latency_ms(&fixture, 75));
    assert_true(run_fixture_latency_ms(&fixture, 0) >= 50);
    run_fixture_end(&fixture);
    if (is_near(p25, 50, 0.01) && is_near(p50, 50, 0.01) && is_near(p75, 50, 0.01)) return;
  }
  fail_msg("50 ms are reported as p25 %.3f, p50 %.3f, p75 %.3f ms", p25, p50, p75);
}

/*
 * A second of standstill in three seconds of 500 requests/s: of a third of all requests, latencies
 * are spread evenly up to one second. So p90 is that of 70 % of the way, p99 that of 97 %.
 */
static void test_stall_is_charged(void **state)
{
  (void)state;
  double p60 = 0, p90 = 0, p99 = 0, service = 0;
  for (int i = 0; i < ATTEMPTS; i++) {
    struct run_fixture fixture;
    const struct stub_options stub = {
        .delay_ns = 1000000, .stall_at_ns = 1000000000, .stall_ns = 1000000000};
    run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":500,\"seconds\":3}]," ONE_STEP, &stub);
    const struct load_stats *stats = run_fixture_go(&fixture);
    assert_int_equal(stats->requests, 1500);
    assert_int_equal(stats->errors, 0);
    p60 = run_fixture_latency_ms(&fixture, 60);
    p90 = run_fixture_latency_ms(&fixture, 90);
    p99 = run_fixture_latency_ms(&fixture, 99);
    service = (double)histogram_percentile(&stats->service, 90) / 1e6;
    run_fixture_end(&fixture);
    /* Only the 16 that were on the wire took long; that is what a closed loop would tell. */
    if (p60 < 10 && service < 50 && is_near(p90, 700, 0.04) && is_near(p99, 970, 0.02)) return;
  }
  fail_msg("p60 %.1f, p90 %.1f, p99 %.1f ms; service p90 %.1f ms", p60, p90, p99, service);
}

/* The rate is the schedule's, also over a ramp, and each second has its point. */
static void test_rate_and_points(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {0};
  run_fixture_begin(
      &fixture,
      "{\"stages\":[{\"rate\":[0,1000],\"seconds\":1},{\"rate\":1000,\"seconds\":1.5}]," ONE_STEP,
      &stub);
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_int_equal(stats->requests, 2000);
  assert_true(is_near(stats->seconds, 2.5, 0.05));
  assert_true(stats->point_count >= 2 && stats->point_count <= 4);
  assert_true(is_near((double)stats->points[0].requests, 500, 0.3));
  run_fixture_end(&fixture);
}

static void test_virtual_users(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {.delay_ns = 10000000};
  run_fixture_begin(&fixture, "{\"stages\":[{\"virtual_users\":8,\"seconds\":1}]," ONE_STEP, &stub);
  const struct load_stats *stats = run_fixture_go(&fixture);
  /* Eight people, a hundred turns of 10 ms each. */
  assert_in_range(stats->requests, 400, 808);
  assert_int_equal(stats->errors, 0);
  run_fixture_end(&fixture);
}

/* With a rate of requests, steps and new people share the slots: their sum is the rate. */
static void test_rate_of_requests(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {0};
  run_fixture_begin(&fixture,
                    "{\"rate_of\":\"requests\",\"stages\":[{\"rate\":1000,\"seconds\":1}],"
                    "\"scenarios\":[{\"name\":\"a\",\"steps\":[{\"name\":\"one\",\"path\":\"/1\"},"
                    "{\"name\":\"two\",\"path\":\"/2\"},{\"name\":\"three\",\"path\":\"/3\"}]}]}",
                    &stub);
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_in_range(stats->requests, 1000, 1400);
  assert_in_range(stats->journeys, 330, 600);
  assert_int_equal(stats->ends[END_FINISHED], stats->journeys);
  run_fixture_end(&fixture);
}

static bool hang_up(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  (void)request;
  (void)reply;
  return false;
}

static bool talk_nonsense(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  (void)request;
  return buffer_append(reply, BYTES("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"));
}

static void expect_failures(bool (*answer)(void *, struct bytes, struct buffer *),
                            enum load_failure failure)
{
  struct run_fixture fixture;
  const struct stub_options stub = {.answer = answer};
  run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":50,\"seconds\":0.5}]," ONE_STEP, &stub);
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_int_equal(stats->requests, 25);
  assert_int_equal(stats->failures[failure], 25);
  assert_int_equal(stats->errors, 25);
  assert_int_equal(stats->ends[END_FAILED], 25);
  run_fixture_end(&fixture);
}

static void test_failures_are_counted(void **state)
{
  (void)state;
  expect_failures(hang_up, FAILURE_RESET);
  expect_failures(talk_nonsense, FAILURE_PROTOCOL);
}

static void test_timeout(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {.delay_ns = 3000000000};
  run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":100,\"seconds\":0.3}]," ONE_STEP, &stub);
  fixture.options.timeout_ns = 200000000;
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_int_equal(stats->requests, 30);
  assert_int_equal(stats->failures[FAILURE_TIMEOUT], 30);
  assert_true(run_fixture_latency_ms(&fixture, 0) >= 200);
  run_fixture_end(&fixture);
}

static bool stop(void *context, const struct load *load)
{
  (void)context;
  return load->elapsed_s < 1;
}

/* Who is under way when a run is stopped is counted as such. */
static void test_stop(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {.delay_ns = 300000000};
  run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":100,\"seconds\":60}]," ONE_STEP, &stub);
  fixture.options.tick = stop;
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_in_range(stats->journeys, 80, 200);
  assert_true(stats->ends[END_CUT] > 0);
  run_fixture_end(&fixture);
}

static void test_nobody_listens(void **state)
{
  (void)state;
  struct run_fixture fixture;
  struct error error;
  const struct stub_options stub = {0};
  run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":1,\"seconds\":1}]," ONE_STEP, &stub);
  fixture.options.target.port = 1;
  assert_null(load_run(&fixture.options, &error));
  assert_non_null(strstr(error.message, "cannot connect to 127.0.0.1 port 1: is the server "));
  run_fixture_end(&fixture);
}

/* Whichever allocation fails before the run, it is an error and nothing leaks. */
static void test_no_memory(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {0};
  bool began = false;
  run_fixture_begin(&fixture, "{\"stages\":[{\"rate\":10,\"seconds\":0.1}]," ONE_STEP, &stub);
  for (uint64_t nth = 1; !began; nth++) {
    struct error error = {0};
    assert_true(nth < 1000);
    fixture.memory.fail_at = fixture.memory.calls + nth;
    struct load *load = load_run(&fixture.options, &error);
    began = load != NULL;
    fixture.memory.fail_at = 0;
    if (began)
      load_close(load);
    else
      assert_int_equal(error.code, ERROR_NO_MEMORY);
  }
  run_fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known_latency),    cmocka_unit_test(test_stall_is_charged),
      cmocka_unit_test(test_rate_and_points),  cmocka_unit_test(test_virtual_users),
      cmocka_unit_test(test_rate_of_requests), cmocka_unit_test(test_failures_are_counted),
      cmocka_unit_test(test_timeout),          cmocka_unit_test(test_stop),
      cmocka_unit_test(test_nobody_listens),   cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
