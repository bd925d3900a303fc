#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MINUTE_MS = 60000 };

static void make(struct bus_fixture *fixture, const char *schedule)
{
  bus_fixture_queue(fixture, "q1");
  const struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  bus_fixture_schedule(fixture, "timer", schedule, &target, 1);
}

static void test_a_rate_fires_once_for_each_time(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, "rate(5 minutes)");
  int64_t due_ms = fixture->now_ms + 5 * MINUTE_MS;
  assert_int_equal(bus_rule_next_ms(bus_rule_find(fixture->bus, BYTES("timer"))), due_ms);
  bus_fixture_tick(fixture);
  bus_fixture_pass(fixture, 5 * MINUTE_MS - 1);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
  assert_int_equal(buses_wait_ms(fixture->buses, fixture->now_ms, 1000), 1);
  bus_fixture_pass(fixture, 1);
  char part[128], time[BUS_SECOND_BYTES];
  bus_format_second(due_ms, time);
  snprintf(part, sizeof part,
           "\"time\":\"%.20s\",\"region\":\"ap-northeast-2\","
           "\"resources\":[\"arn:aws:events:",
           time);
  const char *taken = bus_fixture_take(fixture, "q1");
  assert_non_null(strstr(taken, part));
  assert_non_null(strstr(taken, "\"detail-type\":\"Scheduled Event\",\"source\":\"aws.events\""));
  assert_non_null(strstr(taken, "rule/main/timer\"],\"detail\":{}}"));
  for (int i = 0; i < 12; i++) bus_fixture_pass(fixture, 5 * MINUTE_MS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 12);
}

static void test_what_was_missed_fires_once(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, "rate(1 minute)");
  bus_fixture_pass(fixture, MINUTE_MS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 1);
  int64_t since_ms = fixture->now_ms - MINUTE_MS;
  bus_fixture_settle(fixture);
  fixture->now_ms += 90 * MINUTE_MS + 100;
  bus_fixture_crash(fixture);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 2);
  assert_int_equal(bus_rule_next_ms(bus_rule_find(fixture->bus, BYTES("timer"))),
                   since_ms + 92 * MINUTE_MS);
}

/* A crash right after it was fired, with and without its record. */
static void test_a_crash_fires_it_once_all_the_same(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, "rate(1 minute)");
  bus_fixture_settle(fixture);
  for (uint64_t i = 1; i <= 6; i++) {
    fixture->now_ms += MINUTE_MS;
    bus_fixture_tick(fixture);
    if (i % 2 == 0) bus_fixture_settle(fixture);
    bus_fixture_crash(fixture);
    bus_fixture_tick(fixture);
    bus_fixture_settle(fixture);
    assert_int_equal(bus_fixture_count(fixture, "q1"), i);
  }
}

static void test_at_fires_once_and_never_again(void **state)
{
  struct bus_fixture *fixture = *state;
  char text[64], time[INSTANT_TEXT_BYTES];
  instant_format(fixture->now_ms + 10000, time);
  snprintf(text, sizeof text, "at(%.19s)", time);
  make(fixture, text);
  bus_fixture_pass(fixture, 11000);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 1);
  bus_fixture_settle(fixture);
  bus_fixture_crash(fixture);
  bus_fixture_pass(fixture, 86400000);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 1);
}

static void test_a_rule_that_is_put_again_keeps_its_rhythm(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, "rate(10 minutes)");
  bus_fixture_pass(fixture, 4 * MINUTE_MS);
  const struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  bus_fixture_schedule(fixture, "timer", "rate(10 minutes)", &target, 1);
  bus_fixture_pass(fixture, 6 * MINUTE_MS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 1);
  /* Another schedule begins now. */
  bus_fixture_schedule(fixture, "timer", "rate(8 minutes)", &target, 1);
  bus_fixture_pass(fixture, 8 * MINUTE_MS - 1);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 1);
  bus_fixture_pass(fixture, 1);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 2);
}

static void test_a_disabled_rule_does_not_fire(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, "rate(1 minute)");
  struct bus_rule rule = *bus_rule_find(fixture->bus, BYTES("timer"));
  rule.disabled = true;
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_rule_put(fixture->bus, plan, &rule, fixture->now_ms, &fixture->error),
                   BUS_OK);
  bus_fixture_commit(fixture);
  bus_fixture_pass(fixture, 5 * MINUTE_MS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
}

static void test_many_rules_that_are_due_together(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  const struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  for (int i = 0; i < 20; i++) {
    char name[8];
    snprintf(name, sizeof name, "t%c", 'a' + i);
    bus_fixture_schedule(fixture, name, i % 2 == 0 ? "rate(1 minute)" : "cron(* * * * ? *)",
                         &target, 1);
  }
  bus_fixture_pass(fixture, MINUTE_MS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 20);
  bus_fixture_pass(fixture, MINUTE_MS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 40);
}

static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, "rate(1 minute)");
  bus_fixture_tick(fixture);
  bool done = false;
  uint64_t fired = 0;
  for (uint64_t nth = 1; !done; nth++) {
    fixture->now_ms += MINUTE_MS;
    arena_free(&fixture->buses->arena);
    arena_init(&fixture->buses->arena, &fixture->memory);
    queues_tick(fixture->queues, fixture->now_ms);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    buses_tick(fixture->buses, fixture->now_ms);
    done = fixture->memory.calls < fixture->memory.fail_at;
    fixture->memory.fail_at = 0;
    /* What failed is done a second later. */
    bus_fixture_pass(fixture, 1000);
    assert_int_equal(bus_fixture_count(fixture, "q1"), ++fired);
    fixture->now_ms -= 1000;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_a_rate_fires_once_for_each_time),
      WITH_BUS(test_what_was_missed_fires_once),
      WITH_BUS(test_a_crash_fires_it_once_all_the_same),
      WITH_BUS(test_at_fires_once_and_never_again),
      WITH_BUS(test_a_rule_that_is_put_again_keeps_its_rhythm),
      WITH_BUS(test_a_disabled_rule_does_not_fire),
      WITH_BUS(test_many_rules_that_are_due_together),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
