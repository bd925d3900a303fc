#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One of everything. */
static void make(struct bus_fixture *fixture)
{
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "q1"),
                                 bus_fixture_target(BUS_TARGET_WEBHOOK, "http://h/")};
  targets[1].id = BYTES("hook");
  bus_fixture_queue(fixture, "q1");
  bus_fixture_archive(fixture, "all", "{\"source\":[\"test\"]}", 1);
  bus_fixture_rule(fixture, "one", "{\"source\":[\"test\"]}", targets, 2);
  bus_fixture_schedule(fixture, "two", "rate(1 minute)", targets, 1);
  bus_fixture_put(fixture, "T", "{}");
  bus_fixture_pass(fixture, 60000);
  bus_fixture_settle(fixture);
}

static struct buses *open(struct bus_fixture *fixture)
{
  const struct buses_options options = {.store = fixture->store.store,
                                        .queues = fixture->queues,
                                        .world = fixture->store.world,
                                        .memory = &fixture->memory,
                                        .account = BYTES("0"),
                                        .region = BYTES("r"),
                                        .signing_key = BYTES("k")};
  return buses_open(&options, fixture->now_ms, &fixture->error);
}

static void test_opening_without_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture);
  size_t in_use = fixture->memory.in_use;
  struct buses *buses = NULL;
  for (uint64_t nth = 1; buses == NULL; nth++) {
    fixture->memory.fail_at = fixture->memory.calls + nth;
    buses = open(fixture);
    fixture->memory.fail_at = 0;
    if (buses != NULL) break;
    assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
    assert_int_equal(fixture->memory.in_use, in_use);
  }
  buses_close(buses);
  assert_int_equal(fixture->memory.in_use, in_use);
}

/* Without a sender webhooks wait, and the loop sleeps. */
static void test_without_a_sender_deliveries_wait(void **state)
{
  struct bus_fixture *fixture = *state;
  make(fixture);
  struct buses *buses = open(fixture);
  assert_non_null(buses);
  while (buses_tick(buses, fixture->now_ms)) continue;
  assert_int_equal(buses_wait_ms(buses, fixture->now_ms, 1000), 1000);
  buses_close(buses);
}

static void test_an_item_that_is_damaged_is_named(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_item item;
  struct plan *plan = bus_fixture_plan(fixture);
  bus_item_begin(&item, &fixture->buses->scratch);
  bus_item_key(&item, BYTES("BUS#main"), BYTES("RULE#x"));
  bus_item_text(&item, BYTES("name"), BYTES("x"));
  bus_item_text(&item, BYTES("pattern"), BYTES("no pattern"));
  assert_true(bus_plan_put(plan, fixture->buses->table, bus_item_end(&item, plan->arena)));
  bus_fixture_commit(fixture);
  assert_null(open(fixture));
  assert_int_equal(fixture->error.code, ERROR_CORRUPT);
  assert_non_null(strstr(fixture->error.message, "tacos-buses, bus main, RULE#x"));
}

static void test_what_a_loop_waits_for(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_tick(fixture);
  assert_int_equal(buses_wait_ms(fixture->buses, fixture->now_ms, 5000), 5000);
  bus_fixture_schedule(fixture, "two", "rate(1 minute)", NULL, 0);
  assert_int_equal(buses_wait_ms(fixture->buses, fixture->now_ms + 59000, 5000), 1000);
  assert_int_equal(buses_wait_ms(fixture->buses, fixture->now_ms + 60000, 5000), 0);
  assert_ptr_equal(buses_store(fixture->buses), fixture->store.store);
  assert_ptr_equal(buses_memory(fixture->buses), &fixture->memory);
  assert_string_equal(bus_status_name(BUS_PLAN_FULL), "BUS_PLAN_FULL");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_opening_without_memory),
      WITH_BUS(test_without_a_sender_deliveries_wait),
      WITH_BUS(test_an_item_that_is_damaged_is_named),
      WITH_BUS(test_what_a_loop_waits_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
