#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { RULES = 120 };

static const char SALE[] = "{\"detail-type\":[\"Sale\"]}";

static void make(struct bus_fixture *fixture)
{
  bus_fixture_queue(fixture, "q1");
  for (uint32_t i = 0; i < RULES; i++) {
    char name[32];
    snprintf(name, sizeof name, "rule-%03u", i);
    const struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
    bus_fixture_rule(fixture, name, SALE, &target, 1);
  }
  bus_fixture_tick(fixture);
}

static void test_rules_that_change_meanwhile(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture);
  bus_fixture_put(fixture, "Sale", "{}");
  assert_true(fixture->buses->have_fanouts);
  queues_tick(fixture->queues, fixture->now_ms);
  buses_tick(fixture->buses, fixture->now_ms);
  uint64_t told = bus_fixture_count(fixture, "q1");
  assert_true(told > 50 && told < RULES);
  /* The last one has no target any more; the first one's change is of no use to it. */
  bus_fixture_rule(fixture, "rule-119", SALE, NULL, 0);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_fixture_count(fixture, "q1"), RULES - 1);
  assert_false(fixture->buses->have_fanouts);
}

static void test_a_bus_that_is_deleted_meanwhile(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture);
  bus_fixture_put(fixture, "Sale", "{}");
  for (uint32_t i = 0; i < RULES; i++) {
    char name[32];
    snprintf(name, sizeof name, "rule-%03u", i);
    bus_fixture_rule(fixture, name, SALE, NULL, 0);
    struct plan *plan = bus_fixture_plan(fixture);
    assert_int_equal(bus_rule_delete(fixture->bus, plan, bytes_of_text(name), &fixture->error),
                     BUS_OK);
    bus_fixture_commit(fixture);
  }
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_delete(fixture->bus, plan, &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  bus_fixture_tick(fixture);
  assert_false(fixture->buses->have_fanouts);
  assert_int_equal(bus_fixture_rows(fixture, "tacos-buses"), 0);
}

/* Each allocation of a slice fails once: all rules get it, and once. */
static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture);
  uint64_t told = 0;
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    bus_fixture_put(fixture, "Sale", "{}");
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
    told += RULES;
    assert_int_equal(bus_fixture_count(fixture, "q1"), told);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_rules_that_change_meanwhile),
      WITH_BUS(test_a_bus_that_is_deleted_meanwhile),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
