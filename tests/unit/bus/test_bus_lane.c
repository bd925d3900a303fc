#include "base/encode.h"
#include "base/hash.h"
#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void make_hook(struct bus_fixture *fixture, const char *name, const char *pattern,
                      const char *url)
{
  const struct bus_target target = bus_fixture_target(BUS_TARGET_WEBHOOK, url);
  bus_fixture_rule(fixture, name, pattern, &target, 1);
}

static uint32_t sent_to(const struct bus_fixture *fixture, const char *url)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < fixture->sent_count; i++)
    if (strcmp(fixture->sent[i].url, url) == 0) count++;
  return count;
}

static void test_requests_are_signed(void **state)
{
  struct bus_fixture *fixture = *state;
  uint8_t mac[HASH_SHA256_BYTES];
  char expected[7 + 2 * HASH_SHA256_BYTES + 1] = "sha256=";
  make_hook(fixture, "a", "{\"source\":[\"test\"]}", "http://a/");
  bus_fixture_put(fixture, "T", "{}");
  bus_fixture_tick(fixture);
  hash_hmac_sha256(BYTES("secret"), bytes_of_text(fixture->sent[0].body), mac);
  encode_to_hex(bytes_of(mac, sizeof mac), expected + 7);
  expected[sizeof expected - 1] = 0;
  assert_string_equal(fixture->sent[0].signature, expected);
}

/* A receiver that does not answer takes its own places, not those of others. */
static void test_a_slow_receiver_holds_up_only_its_own(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, "slow", "{\"detail-type\":[\"Slow\"]}", "http://slow/");
  make_hook(fixture, "fast", "{\"detail-type\":[\"Fast\"]}", "http://fast/");
  for (int i = 0; i < 50; i++) bus_fixture_put(fixture, "Slow", "{}");
  bus_fixture_put(fixture, "Fast", "{}");
  bus_fixture_tick(fixture);
  assert_int_equal(sent_to(fixture, "http://slow/"), BUS_LANE_IN_FLIGHT_MAX);
  assert_int_equal(sent_to(fixture, "http://fast/"), 1);
  assert_true(buses_wait_ms(fixture->buses, fixture->now_ms, 1000) > 0);
  for (uint32_t i = 0; i < 50; i++) {
    while (i == fixture->sent_count) bus_fixture_tick(fixture);
    bus_fixture_answer(fixture, i, 200, "");
    assert_int_equal(buses_wait_ms(fixture->buses, fixture->now_ms, 1000), 0);
    bus_fixture_tick(fixture);
  }
  assert_int_equal(sent_to(fixture, "http://slow/"), 50);
}

/* One that is down is asked by one request at a time, with pauses, until it answers. */
static void test_a_receiver_that_is_down_is_probed(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, "a", "{\"source\":[\"test\"]}", "http://a/");
  for (int i = 0; i < 40; i++) bus_fixture_put(fixture, "T", "{}");
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, BUS_LANE_IN_FLIGHT_MAX);
  for (uint32_t i = 0; i < BUS_LANE_IN_FLIGHT_MAX; i++)
    bus_fixture_answer(fixture, i, 0, "a: no connection");
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, BUS_LANE_IN_FLIGHT_MAX);
  bus_fixture_pass(fixture, 29000);
  assert_int_equal(fixture->sent_count, BUS_LANE_IN_FLIGHT_MAX);
  bus_fixture_pass(fixture, 1000);
  assert_int_equal(fixture->sent_count, BUS_LANE_IN_FLIGHT_MAX + 1);
  bus_fixture_answer(fixture, BUS_LANE_IN_FLIGHT_MAX, 200, "");
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 2 * BUS_LANE_IN_FLIGHT_MAX + 1);
}

static void test_no_more_than_the_limit_is_in_flight(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target targets[BUS_TARGETS_MAX];
  static const char *const urls[] = {"http://1/", "http://2/", "http://3/", "http://4/",
                                     "http://5/"};
  static const char *const ids[] = {"1", "2", "3", "4", "5"};
  for (uint32_t i = 0; i < BUS_TARGETS_MAX; i++) {
    targets[i] = bus_fixture_target(BUS_TARGET_WEBHOOK, urls[i]);
    targets[i].id = bytes_of_text(ids[i]);
  }
  bus_fixture_rule(fixture, "all", "{\"source\":[\"test\"]}", targets, BUS_TARGETS_MAX);
  for (int i = 0; i < 20; i++) bus_fixture_put(fixture, "T", "{}");
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->buses->in_flight, BUS_IN_FLIGHT_MAX);
  for (uint32_t i = 0; i < 100; i++) {
    bus_fixture_answer(fixture, i, 200, "");
    bus_fixture_tick(fixture);
  }
  assert_int_equal(fixture->sent_count, 100);
  assert_int_equal(fixture->buses->metrics.delivered, 100);
  assert_int_equal(fixture->buses->in_flight, 0);
}

/* What was under way when the process died is sent again, what was answered and recorded is not. */
static void test_a_crash_repeats_what_was_in_flight(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, "a", "{\"source\":[\"test\"]}", "http://a/");
  for (int i = 0; i < 3; i++) bus_fixture_put(fixture, "T", "{}");
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 3);
  bus_fixture_answer(fixture, 0, 200, "");
  bus_fixture_tick(fixture);
  bus_fixture_settle(fixture);
  bus_fixture_answer(fixture, 1, 200, "");
  bus_fixture_tick(fixture); /* recorded, and not durable */
  bus_fixture_crash(fixture);
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 5);
  assert_string_equal(fixture->sent[3].event_id, "e2");
  assert_string_equal(fixture->sent[4].event_id, "e3");
  bus_fixture_answer(fixture, 3, 200, "");
  bus_fixture_answer(fixture, 4, 200, "");
  bus_fixture_tick(fixture);
  assert_true(buses_wait_ms(fixture->buses, fixture->now_ms, 1000) == 1000);
}

/* A sender without room is asked again a little later. */
static void test_a_sender_that_is_busy(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, "a", "{\"source\":[\"test\"]}", "http://a/");
  fixture->refuses = true;
  bus_fixture_put(fixture, "T", "{}");
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 0);
  assert_true(buses_wait_ms(fixture->buses, fixture->now_ms, 60000) > 0);
  fixture->refuses = false;
  bus_fixture_pass(fixture, 1000);
  assert_int_equal(fixture->sent_count, 1);
}

/* A rule that is gone leaves its deliveries, and its lane goes with the last of them. */
static void test_lanes_go_when_nobody_needs_them(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, "a", "{\"source\":[\"test\"]}", "http://a/");
  bus_fixture_put(fixture, "T", "{}");
  bus_fixture_rule(fixture, "a", "{\"source\":[\"test\"]}", NULL, 0);
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_rule_delete(fixture->bus, plan, BYTES("a"), &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 1);
  assert_non_null(fixture->buses->lanes);
  bus_fixture_answer(fixture, 0, 200, "");
  bus_fixture_tick(fixture);
  bus_fixture_tick(fixture);
  assert_null(fixture->buses->lanes);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_requests_are_signed),
      WITH_BUS(test_a_slow_receiver_holds_up_only_its_own),
      WITH_BUS(test_a_receiver_that_is_down_is_probed),
      WITH_BUS(test_no_more_than_the_limit_is_in_flight),
      WITH_BUS(test_a_crash_repeats_what_was_in_flight),
      WITH_BUS(test_a_sender_that_is_busy),
      WITH_BUS(test_lanes_go_when_nobody_needs_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
