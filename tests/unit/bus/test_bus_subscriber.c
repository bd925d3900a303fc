#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NAMES = 40, STEPS = 600 };

/* Rules come, change and go in any order; names stay sorted, numbers are used again. */
static void test_lists_and_numbers(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus *bus = fixture->bus;
  bool there[NAMES] = {false};
  srand(7);
  for (int step = 0; step < STEPS; step++) {
    int i = rand() % NAMES;
    char name[16], pattern[64];
    snprintf(name, sizeof name, "r%02d", i);
    snprintf(pattern, sizeof pattern, "{\"detail\":{\"n\":[%d]}}", step);
    if (there[i] && rand() % 2 == 0) {
      struct plan *plan = bus_fixture_plan(fixture);
      assert_int_equal(bus_rule_delete(bus, plan, bytes_of_text(name), &fixture->error), BUS_OK);
      bus_fixture_commit(fixture);
      there[i] = false;
    } else {
      bus_fixture_rule(fixture, name, pattern, NULL, 0);
      there[i] = true;
    }
    if (rand() % 5 == 0) bus_fixture_tick(fixture);
  }
  bus_fixture_tick(fixture);
  uint32_t count = 0;
  for (struct subscriber *rule = bus->rules; rule != NULL; rule = rule->next) {
    assert_true(rule->live);
    assert_ptr_equal(bus->by_number[rule->number], rule);
    if (rule->next != NULL) assert_true(bytes_compare(rule->name, rule->next->name) < 0);
    count++;
  }
  assert_int_equal(count, bus->rule_count);
  assert_int_equal(count, pattern_set_count(bus->patterns));
  assert_true(bus->number_capacity <= 4 * NAMES);
  for (int i = 0; i < NAMES; i++) {
    char name[16];
    snprintf(name, sizeof name, "r%02d", i);
    assert_int_equal(subscriber_find(bus->rules, bytes_of_text(name)) != NULL, there[i]);
  }
  assert_ptr_equal(subscriber_next(bus->rules, BYTES("")), bus->rules);
  assert_null(subscriber_next(bus->rules, BYTES("s")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {WITH_BUS(test_lists_and_numbers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
