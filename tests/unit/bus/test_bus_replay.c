#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char ALL[] = "{\"source\":[\"test\"]}";

/* An archive with `count` events, a second apart, and rules "one" and "two" with queues. */
static void make(struct bus_fixture *fixture, uint32_t count)
{
  bus_fixture_archive(fixture, "all", "", 0);
  for (uint32_t i = 0; i < count; i++) {
    bus_fixture_put(fixture, "T", "{}");
    fixture->now_ms += 1000;
  }
  bus_fixture_queue(fixture, "q1");
  bus_fixture_queue(fixture, "q2");
  struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
  bus_fixture_rule(fixture, "one", ALL, &target, 1);
  target.address = BYTES("q2");
  bus_fixture_rule(fixture, "two", ALL, &target, 1);
  bus_fixture_tick(fixture);
}

static struct bus_replay ask_for(struct bus_fixture *fixture, uint32_t seconds)
{
  return (struct bus_replay){.name = BYTES("again"),
                             .archive_bus = BYTES("main"),
                             .archive = BYTES("all"),
                             .bus = BYTES("main"),
                             .from_ms = fixture->now_ms - (int64_t)seconds * 1000,
                             .to_ms = fixture->now_ms};
}

static enum bus_status start(struct bus_fixture *fixture, const struct bus_replay *replay)
{
  struct plan *plan = bus_fixture_plan(fixture);
  enum bus_status status = bus_replay_start(fixture->buses, plan, replay, fixture->now_ms,
                                            &fixture->error);
  if (status == BUS_OK) bus_fixture_commit(fixture);
  return status;
}

static struct bus_replay find(struct bus_fixture *fixture)
{
  struct bus_replay replay;
  assert_int_equal(bus_replay_find(fixture->buses, BYTES("again"), &fixture->store.arena, &replay),
                   BUS_OK);
  return replay;
}

static void test_a_range_comes_again_in_order(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, 10);
  struct bus_replay replay = ask_for(fixture, 6);
  replay.to_ms -= 2000; /* e5 to e8 */
  assert_int_equal(start(fixture, &replay), BUS_OK);
  assert_int_equal(find(fixture).state, BUS_REPLAY_RUNNING);
  bus_fixture_tick(fixture);
  replay = find(fixture);
  assert_int_equal(replay.state, BUS_REPLAY_COMPLETED);
  assert_int_equal(replay.events, 4);
  assert_int_equal(replay.reached_ms, fixture->now_ms - 3000);
  const char *taken = bus_fixture_take(fixture, "q1");
  for (char id = '5'; id <= '8'; id++) {
    char part[16];
    snprintf(part, sizeof part, "\"id\":\"e%c\"", id);
    const char *found = strstr(taken, part);
    assert_non_null(found);
    taken = found;
  }
  assert_null(strstr(taken, "\"id\":\"e9\""));
  assert_non_null(strstr(taken, ",\"replay-name\":\"again\"}"));
  assert_int_equal(bus_fixture_count(fixture, "q2"), 4);
  /* It is not archived again. */
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), 10);
}

static void test_only_to_rules_that_are_named(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bytes rules[] = {BYTES("two"), BYTES("none")};
  make(fixture, 3);
  struct bus_replay replay = ask_for(fixture, 3);
  replay.rules = rules;
  replay.rule_count = 2;
  assert_int_equal(start(fixture, &replay), BUS_OK);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
  assert_int_equal(bus_fixture_count(fixture, "q2"), 3);
  assert_int_equal(find(fixture).rule_count, 2);
}

/* A crash after any slice: each event comes exactly once. */
static void test_a_crash_anywhere_repeats_nothing(void **state)
{
  struct bus_fixture *fixture = *state;
  enum { EVENTS = 3 * BUS_SLICE_EVENTS + 5 };
  make(fixture, EVENTS);
  struct bus_replay replay = ask_for(fixture, EVENTS);
  assert_int_equal(start(fixture, &replay), BUS_OK);
  bus_fixture_settle(fixture);
  for (int i = 0; find(fixture).state == BUS_REPLAY_RUNNING; i++) {
    assert_true(i < 50);
    queues_tick(fixture->queues, fixture->now_ms);
    buses_tick(fixture->buses, fixture->now_ms);
    if (i % 2 == 0) bus_fixture_settle(fixture);
    bus_fixture_crash(fixture);
  }
  assert_int_equal(find(fixture).events, EVENTS);
  assert_int_equal(bus_fixture_count(fixture, "q1"), EVENTS);
  assert_int_equal(bus_fixture_count(fixture, "q2"), EVENTS);
}

static void test_it_can_be_cancelled(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, 2 * BUS_SLICE_EVENTS);
  struct bus_replay replay = ask_for(fixture, 2 * BUS_SLICE_EVENTS);
  assert_int_equal(start(fixture, &replay), BUS_OK);
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_archive_delete(fixture->bus, plan, BYTES("all"), &fixture->error),
                   BUS_IN_USE);
  queues_tick(fixture->queues, fixture->now_ms);
  buses_tick(fixture->buses, fixture->now_ms);
  plan = bus_fixture_plan(fixture);
  assert_int_equal(
      bus_replay_cancel(fixture->buses, plan, BYTES("again"), fixture->now_ms, &fixture->error),
      BUS_OK);
  bus_fixture_commit(fixture);
  bus_fixture_tick(fixture);
  assert_int_equal(find(fixture).state, BUS_REPLAY_CANCELLED);
  uint64_t told = bus_fixture_count(fixture, "q1");
  assert_true(told > 0 && told < 2 * BUS_SLICE_EVENTS);
  plan = bus_fixture_plan(fixture);
  assert_int_equal(
      bus_replay_cancel(fixture->buses, plan, BYTES("again"), fixture->now_ms, &fixture->error),
      BUS_NOT_FOUND);
}

static void test_what_is_refused(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, 1);
  struct bus_replay replay = ask_for(fixture, 1);
  replay.archive = BYTES("none");
  assert_int_equal(start(fixture, &replay), BUS_NOT_FOUND);
  replay = ask_for(fixture, 1);
  replay.bus = BYTES("none");
  assert_int_equal(start(fixture, &replay), BUS_NOT_FOUND);
  replay = ask_for(fixture, 0);
  assert_int_equal(start(fixture, &replay), BUS_INVALID);
  replay = ask_for(fixture, 1);
  replay.name = BYTES("no \"name\"");
  assert_int_equal(start(fixture, &replay), BUS_INVALID);
  replay = ask_for(fixture, 1);
  assert_int_equal(start(fixture, &replay), BUS_OK);
  assert_int_equal(start(fixture, &replay), BUS_EXISTS);
  bus_fixture_tick(fixture);
  assert_int_equal(start(fixture, &replay), BUS_EXISTS);
}

static void test_lists(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_replay list[BUS_REPLAYS_MAX];
  uint32_t count;
  make(fixture, 1);
  struct bus_replay replay = ask_for(fixture, 1);
  for (uint32_t i = 0; i <= BUS_REPLAYS_MAX; i++) {
    char name[8];
    snprintf(name, sizeof name, "r%u", i % 100);
    replay.name = bytes_of_text(name);
    assert_int_equal(start(fixture, &replay), i == BUS_REPLAYS_MAX ? BUS_LIMIT : BUS_OK);
  }
  assert_int_equal(bus_replay_list(fixture->buses, false, BYTES(""), BUS_REPLAYS_MAX,
                                   &fixture->store.arena, list, &count, &fixture->error),
                   BUS_OK);
  assert_int_equal(count, BUS_REPLAYS_MAX);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_replay_list(fixture->buses, true, BYTES("r7"), BUS_REPLAYS_MAX,
                                   &fixture->store.arena, list, &count, &fixture->error),
                   BUS_OK);
  assert_int_equal(count, 2);
  assert_int_equal(list[0].state, BUS_REPLAY_COMPLETED);
}

static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture, 1);
  struct bus_replay replay = ask_for(fixture, 1);
  uint64_t told = 0;
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    char name[16];
    snprintf(name, sizeof name, "r%u", (unsigned)(nth % 1000));
    replay.name = bytes_of_text(name);
    assert_int_equal(start(fixture, &replay), BUS_OK);
    arena_free(&fixture->buses->arena);
    arena_init(&fixture->buses->arena, &fixture->memory);
    arena_free(&fixture->buses->match);
    arena_init(&fixture->buses->match, &fixture->memory);
    queues_tick(fixture->queues, fixture->now_ms);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    buses_tick(fixture->buses, fixture->now_ms);
    done = fixture->memory.calls < fixture->memory.fail_at;
    fixture->memory.fail_at = 0;
    bus_fixture_pass(fixture, 1000);
    assert_int_equal(bus_fixture_count(fixture, "q1"), ++told);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_a_range_comes_again_in_order),
      WITH_BUS(test_only_to_rules_that_are_named),
      WITH_BUS(test_a_crash_anywhere_repeats_nothing),
      WITH_BUS(test_it_can_be_cancelled),
      WITH_BUS(test_what_is_refused),
      WITH_BUS(test_lists),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
