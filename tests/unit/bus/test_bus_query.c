#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void put_row(struct bus_fixture *fixture, const char *sk, struct bytes text)
{
  struct bus_item item;
  struct plan *plan = bus_fixture_plan(fixture);
  bus_item_begin(&item, &fixture->buses->scratch);
  bus_item_key(&item, BYTES("P"), bytes_of_text(sk));
  bus_item_text(&item, BYTES("text"), text);
  assert_true(bus_plan_put(plan, fixture->buses->table, bus_item_end(&item, plan->arena)));
  bus_fixture_commit(fixture);
}

static bool visit(void *context, struct value item, struct error *error)
{
  char *seen = context;
  struct bytes sk = bus_item_get_text(item, BYTES("sk"));
  (void)error;
  strncat(seen, (const char *)sk.data, sk.size);
  return true;
}

static void test_ranges(void **state)
{
  struct bus_fixture *fixture = *state;
  static const struct {
    enum bus_range range;
    const char *sk;
    uint32_t count;
  } cases[] = {{RANGE_ALL, "", 4}, {RANGE_PREFIX, "a", 2}, {RANGE_AFTER, "a2", 2}};
  static const char *const keys[] = {"a1", "a2", "b1", "c1"};
  for (size_t i = 0; i < 4; i++) put_row(fixture, keys[i], BYTES("x"));
  for (size_t i = 0; i < 3; i++) {
    struct store_page page;
    const struct bus_query query = {.table = fixture->buses->table,
                                    .range = cases[i].range,
                                    .pk = BYTES("P"),
                                    .sk = bytes_of_text(cases[i].sk)};
    assert_true(buses_query(fixture->buses, &query, &fixture->store.arena, &page, &fixture->error));
    assert_int_equal(page.count, cases[i].count);
  }
  struct value found = buses_find(fixture->buses->table, &fixture->store.arena, BYTES("P"),
                                  BYTES("b1"));
  assert_true(value_present(found));
  found = buses_find(fixture->buses->table, &fixture->store.arena, BYTES("P"), BYTES("b2"));
  assert_false(value_present(found));
}

/* Rows of several pages, and those alone that start so. */
static void test_each(void **state)
{
  struct bus_fixture *fixture = *state;
  enum { ROWS = 8, SIZE = 300 << 10 };
  char *text = malloc(SIZE);
  char seen[128] = "";
  assert_non_null(text);
  memset(text, 'x', SIZE);
  for (int i = 0; i < ROWS; i++) {
    char sk[] = "k0";
    sk[1] = (char)('0' + i);
    put_row(fixture, sk, bytes_of(text, SIZE));
  }
  put_row(fixture, "j", BYTES(""));
  put_row(fixture, "l", BYTES(""));
  assert_true(buses_each(fixture->buses, BYTES("P"), BYTES("k"), visit, seen, &fixture->error));
  assert_string_equal(seen, "k0k1k2k3k4k5k6k7");
  seen[0] = 0;
  assert_true(buses_each(fixture->buses, BYTES("P"), BYTES(""), visit, seen, &fixture->error));
  assert_string_equal(seen, "jk0k1k2k3k4k5k6k7l");
  free(text);
}

static void test_room_of_plans(void **state)
{
  struct bus_fixture *fixture = *state;
  struct plan *plan = bus_fixture_plan(fixture);
  assert_true(bus_plan_fits(plan, TRANSACTION_ACTIONS_MAX, PLAN_HOOKS_MAX));
  assert_false(bus_plan_fits(plan, TRANSACTION_ACTIONS_MAX + 1, 0));
  assert_false(bus_plan_fits(plan, 0, PLAN_HOOKS_MAX + 1));
  assert_false(bus_plan_put(plan, fixture->buses->table, VALUE_NONE));
  assert_false(bus_plan_delete(plan, fixture->buses->table, VALUE_NONE));
  assert_int_equal(plan->action_count, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_ranges),
      WITH_BUS(test_each),
      WITH_BUS(test_room_of_plans),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
