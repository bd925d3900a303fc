#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char SALE[] = "{\"detail-type\":[\"Sale\"]}";

static void test_an_event_goes_to_the_queues_of_its_rules(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  bus_fixture_queue(fixture, "q2");
  struct bus_target to_q1 = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  struct bus_target both[] = {to_q1, bus_fixture_target(BUS_TARGET_QUEUE, "q2")};
  both[1].id = BYTES("other");
  bus_fixture_rule(fixture, "one", SALE, &to_q1, 1);
  bus_fixture_rule(fixture, "two", "{\"detail\":{\"n\":[7]}}", both, 2);
  bus_fixture_put(fixture, "Sale", "{\"n\":1}");
  bus_fixture_put(fixture, "Sale", "{\"n\":7}");
  bus_fixture_put(fixture, "Other", "{\"n\":8}");
  assert_int_equal(bus_fixture_count(fixture, "q1"), 3);
  const char *taken = bus_fixture_take(fixture, "q2");
  char expected[400], time[BUS_SECOND_BYTES];
  bus_format_second(fixture->now_ms, time);
  snprintf(expected, sizeof expected,
           "{\"version\":\"0\",\"id\":\"e2\",\"detail-type\":\"Sale\",\"source\":\"test\","
           "\"account\":\"000000000000\",\"time\":\"%.20s\",\"region\":\"ap-northeast-2\","
           "\"resources\":[],\"detail\":{\"n\":7}}\n",
           time);
  assert_string_equal(taken, expected);
  assert_int_equal(bus_rule_invocations(bus_rule_find(fixture->bus, BYTES("one"))), 2);
  assert_int_equal(fixture->buses->metrics.events, 3);
  assert_int_equal(fixture->buses->metrics.matched, 2);
  assert_int_equal(fixture->buses->metrics.queued, 4);
}

static void test_rules_and_what_they_did_outlive_the_process(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  bus_fixture_rule(fixture, "one", SALE, &target, 1);
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_settle(fixture);
  bus_fixture_crash(fixture);
  assert_non_null(fixture->bus);
  bus_fixture_put(fixture, "Sale", "{}");
  assert_int_equal(bus_fixture_count(fixture, "q1"), 2);
}

static void test_a_disabled_rule_and_an_uncommitted_one_do_nothing(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  struct bus_rule rule = {.name = BYTES("one"),
                          .pattern = bytes_of_text(SALE),
                          .disabled = true,
                          .targets = &target,
                          .target_count = 1};
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_rule_put(fixture->bus, plan, &rule, fixture->now_ms, &fixture->error),
                   BUS_OK);
  bus_fixture_commit(fixture);
  bus_fixture_put(fixture, "Sale", "{}");
  rule.name = BYTES("two");
  rule.disabled = false;
  plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_rule_put(fixture->bus, plan, &rule, fixture->now_ms, &fixture->error),
                   BUS_OK);
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_tick(fixture);
  bus_fixture_put(fixture, "Sale", "{}");
  assert_null(bus_rule_find(fixture->bus, BYTES("two")));
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
}

static void test_a_log_target_writes_a_line_once_it_is_committed(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target target = bus_fixture_target(BUS_TARGET_LOG, "");
  bus_fixture_rule(fixture, "one", SALE, &target, 1);
  const struct bus_event event = bus_fixture_event("x", "Sale", "{}", fixture->now_ms);
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error), BUS_OK);
  assert_string_equal(fixture->log, "");
  bus_fixture_commit(fixture);
  assert_non_null(strstr(fixture->log, "\"event_id\":\"x\""));
  assert_non_null(strstr(fixture->log, "rule/main/one"));
}

static void test_a_missing_queue_is_what_dead_letter_queues_are_for(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "dlq");
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "gone"),
                                 bus_fixture_target(BUS_TARGET_QUEUE, "gone")};
  targets[0].dead_letter = BYTES("dlq");
  targets[1].id = BYTES("lost");
  bus_fixture_rule(fixture, "one", SALE, targets, 2);
  bus_fixture_put(fixture, "Sale", "{}");
  assert_int_equal(bus_fixture_count(fixture, "dlq"), 1);
  assert_non_null(strstr(fixture->log, "event_dropped"));
  assert_int_equal(fixture->buses->metrics.dead_lettered, 1);
  assert_int_equal(fixture->buses->metrics.dropped, 1);
}

static void test_a_fifo_queue_knows_an_event_again(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q.fifo");
  struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q.fifo");
  target.group = BYTES("g");
  bus_fixture_rule(fixture, "one", SALE, &target, 1);
  const struct bus_event event = bus_fixture_event("x", "Sale", "{}", fixture->now_ms);
  for (int i = 0; i < 2; i++) {
    struct plan *plan = bus_fixture_plan(fixture);
    assert_int_equal(bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error), BUS_OK);
    bus_fixture_commit(fixture);
  }
  assert_int_equal(bus_fixture_count(fixture, "q.fifo"), 1);
}

static void test_archives_keep_what_matches_them(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_archive(fixture, "all", "", 365);
  bus_fixture_archive(fixture, "sales", SALE, 0);
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_put(fixture, "Other", "{}");
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), 3);
  assert_int_equal(fixture->buses->metrics.archived, 3);
}

/* So many rules that take the event that no plan holds all their messages. */
static void make_rules(struct bus_fixture *fixture, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "rule-%03u", i);
    struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
    bus_fixture_rule(fixture, name, SALE, &target, 1);
    bus_fixture_tick(fixture);
  }
}

static void test_an_event_of_three_hundred_rules_is_told_in_slices(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  bus_fixture_archive(fixture, "all", "", 1);
  make_rules(fixture, 300);
  bus_fixture_put(fixture, "Sale", "{}");
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), 1);
  /* A crash between any two slices loses and repeats nothing. */
  uint64_t told = 0;
  for (int slices = 0; told < 300; slices++) {
    assert_true(slices < 10);
    bus_fixture_settle(fixture);
    bus_fixture_crash(fixture);
    told = bus_fixture_count(fixture, "q1");
    queues_tick(fixture->queues, fixture->now_ms);
    buses_tick(fixture->buses, fixture->now_ms);
  }
  assert_int_equal(told, 300);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 300);
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), 1);
}

static void test_a_plan_that_is_full_takes_nothing(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  make_rules(fixture, 40);
  struct plan *plan = bus_fixture_plan(fixture);
  for (int i = 0; i < 2; i++) {
    char id[8];
    snprintf(id, sizeof id, "x%c", 'a' + i);
    const struct bus_event event = bus_fixture_event(id, "Sale", "{}", fixture->now_ms);
    assert_int_equal(bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error), BUS_OK);
  }
  size_t actions = plan->action_count, hooks = plan->hook_count;
  const struct bus_event event = bus_fixture_event("x3", "Sale", "{}", fixture->now_ms);
  assert_int_equal(bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error),
                   BUS_PLAN_FULL);
  assert_int_equal(plan->action_count, actions);
  assert_int_equal(plan->hook_count, hooks);
  assert_true(plan_room(plan) >= BUS_OWN_ACTIONS);
  bus_fixture_commit(fixture);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 80);
}

static void test_large_events_are_sliced_by_their_size(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  make_rules(fixture, 30);
  size_t size = 200 << 10;
  char *detail = malloc(size + 32);
  assert_non_null(detail);
  int start = snprintf(detail, 32, "{\"text\":\"");
  memset(detail + start, 'a', size);
  memcpy(detail + start + size, "\"}", 3);
  bus_fixture_put(fixture, "Sale", detail);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 30);
  free(detail);
}

static void test_events_are_checked(void **state)
{
  struct bus_fixture *fixture = *state;
  static const char *const details[] = {
      "", "[]", "{", "{} {}", "{\"a\":1},\"b\":{}", "{\"a\":1,\"a\":2}", "null"};
  for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
    const struct bus_event event = bus_fixture_event("x", "Sale", details[i], fixture->now_ms);
    struct plan *plan = bus_fixture_plan(fixture);
    assert_int_equal(bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error),
                     BUS_INVALID);
    assert_int_equal(plan->action_count + plan->hook_count, 0);
  }
  struct bus_event event = bus_fixture_event("", "Sale", "{}", fixture->now_ms);
  assert_int_equal(bus_put(fixture->bus, &fixture->plan, &event, fixture->now_ms, &fixture->error),
                   BUS_INVALID);
  assert_non_null(strstr(fixture->error.message, "id"));
}

/* Each allocation of a put fails once: nothing was added, and the next one works. */
static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "q1"),
                                 bus_fixture_target(BUS_TARGET_WEBHOOK, "http://h/"),
                                 bus_fixture_target(BUS_TARGET_LOG, "")};
  const struct bus_variable variable = {BYTES("n"), BYTES("$.detail.n")};
  targets[0].input = BUS_INPUT_TEMPLATE;
  targets[0].input_text = BYTES("{\"n\":<n>,\"e\":<aws.events.event>}");
  targets[0].variables = &variable;
  targets[0].variable_count = 1;
  targets[1].id = BYTES("hook");
  targets[2].id = BYTES("log");
  bus_fixture_archive(fixture, "all", "", 1);
  bus_fixture_rule(fixture, "one", SALE, targets, 3);
  struct memory *memories[] = {&fixture->memory, &fixture->store.memory};
  for (size_t m = 0; m < 2; m++) {
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
      arena_free(&fixture->arena);
      arena_init(&fixture->arena, &fixture->store.memory);
      arena_free(&fixture->buses->match);
      arena_init(&fixture->buses->match, &fixture->memory);
      buffer_free(&fixture->buses->scratch);
      buffer_init(&fixture->buses->scratch, &fixture->memory);
      struct plan *plan = bus_fixture_plan(fixture);
      const struct bus_event event = bus_fixture_event("x", "Sale", "{\"n\":1}", fixture->now_ms);
      memories[m]->fail_at = memories[m]->calls + nth;
      enum bus_status status = bus_put(fixture->bus, plan, &event, fixture->now_ms,
                                       &fixture->error);
      done = memories[m]->calls < memories[m]->fail_at;
      memories[m]->fail_at = 0;
      if (status == BUS_OK) {
        bus_fixture_commit(fixture);
        continue;
      }
      assert_int_equal(status, BUS_UNAVAILABLE);
      assert_int_equal(plan->action_count + plan->hook_count, 0);
      bus_fixture_tick(fixture);
    }
  }
  assert_true(bus_fixture_count(fixture, "q1") >= 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_an_event_goes_to_the_queues_of_its_rules),
      WITH_BUS(test_rules_and_what_they_did_outlive_the_process),
      WITH_BUS(test_a_disabled_rule_and_an_uncommitted_one_do_nothing),
      WITH_BUS(test_a_log_target_writes_a_line_once_it_is_committed),
      WITH_BUS(test_a_missing_queue_is_what_dead_letter_queues_are_for),
      WITH_BUS(test_a_fifo_queue_knows_an_event_again),
      WITH_BUS(test_archives_keep_what_matches_them),
      WITH_BUS(test_an_event_of_three_hundred_rules_is_told_in_slices),
      WITH_BUS(test_a_plan_that_is_full_takes_nothing),
      WITH_BUS(test_large_events_are_sliced_by_their_size),
      WITH_BUS(test_events_are_checked),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
