#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static enum bus_status create(struct bus_fixture *fixture, const char *name, bool commit)
{
  struct plan *plan = bus_fixture_plan(fixture);
  enum bus_status status = bus_create(fixture->buses, plan, bytes_of_text(name), fixture->now_ms,
                                      &fixture->error);
  if (status == BUS_OK && commit) bus_fixture_commit(fixture);
  return status;
}

static void test_buses_are_found_and_listed(void **state)
{
  struct bus_fixture *fixture = *state;
  assert_int_equal(create(fixture, "a/b.c-d_e", true), BUS_OK);
  assert_int_equal(create(fixture, "z", true), BUS_OK);
  assert_int_equal(create(fixture, "z", true), BUS_EXISTS);
  for (int i = 0; i < 2; i++) {
    static const char *const names[] = {"a/b.c-d_e", "main", "z"};
    struct bytes after = {NULL, 0};
    for (size_t k = 0; k < 3; k++) {
      struct bus *bus = bus_next(fixture->buses, after);
      assert_non_null(bus);
      assert_true(bytes_equal(bus_name(bus), bytes_of_text(names[k])));
      assert_int_equal(bus_created_ms(bus), fixture->now_ms);
      after = bus_name(bus);
    }
    assert_null(bus_next(fixture->buses, after));
    bus_fixture_settle(fixture);
    bus_fixture_crash(fixture);
  }
}

static void test_one_whose_plan_is_not_committed_is_none(void **state)
{
  struct bus_fixture *fixture = *state;
  assert_int_equal(create(fixture, "a", false), BUS_OK);
  assert_null(bus_find(fixture->buses, BYTES("a")));
  bus_fixture_tick(fixture);
  assert_int_equal(create(fixture, "a", true), BUS_OK);
  assert_non_null(bus_find(fixture->buses, BYTES("a")));
}

static void test_names_are_checked(void **state)
{
  struct bus_fixture *fixture = *state;
  char longest[BUS_NAME_MAX + 2];
  memset(longest, 'a', sizeof longest);
  longest[BUS_NAME_MAX + 1] = 0;
  assert_int_equal(create(fixture, "", true), BUS_INVALID);
  assert_int_equal(create(fixture, "a b", true), BUS_INVALID);
  assert_int_equal(create(fixture, "a#b", true), BUS_INVALID);
  assert_int_equal(create(fixture, longest, true), BUS_INVALID);
  longest[BUS_NAME_MAX] = 0;
  assert_int_equal(create(fixture, longest, true), BUS_OK);
}

static void test_there_are_so_many_and_no_more(void **state)
{
  struct bus_fixture *fixture = *state;
  for (int i = 1; i < BUSES_MAX; i++) {
    char name[32];
    snprintf(name, sizeof name, "b%d", i);
    assert_int_equal(create(fixture, name, true), BUS_OK);
  }
  assert_int_equal(create(fixture, "more", true), BUS_LIMIT);
}

static void test_only_an_empty_bus_can_be_deleted(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_archive(fixture, "all", "", 1);
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_delete(fixture->bus, plan, &fixture->error), BUS_IN_USE);
  assert_int_equal(bus_archive_delete(fixture->bus, plan, BYTES("all"), &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_delete(fixture->bus, plan, &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  assert_null(bus_find(fixture->buses, BYTES("main")));
  bus_fixture_settle(fixture);
  bus_fixture_crash(fixture);
  assert_null(fixture->bus);
}

static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  enum bus_status status = BUS_UNAVAILABLE;
  for (uint64_t nth = 1; status != BUS_OK; nth++) {
    buffer_free(&fixture->buses->scratch);
    buffer_init(&fixture->buses->scratch, &fixture->memory);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    status = create(fixture, "a", false);
    fixture->memory.fail_at = 0;
    if (status == BUS_OK) break;
    assert_int_equal(status, BUS_UNAVAILABLE);
    assert_int_equal(fixture->plan.action_count + fixture->plan.hook_count, 0);
  }
  bus_fixture_commit(fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_buses_are_found_and_listed),
      WITH_BUS(test_one_whose_plan_is_not_committed_is_none),
      WITH_BUS(test_names_are_checked),
      WITH_BUS(test_there_are_so_many_and_no_more),
      WITH_BUS(test_only_an_empty_bus_can_be_deleted),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
