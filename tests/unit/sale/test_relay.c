#include "sale/relay.h"

#include "sale/sale_parts.h"
#include "sale/wiring.h"
#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TICKETS = 45 }; /* of the fixture's event */

static void test_what_was_there_at_the_start_is_told(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_int_equal(sale_fixture_unpublished(fixture), TICKETS);
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  assert_int_equal(sale_fixture_unpublished(fixture), 0);
  assert_int_equal(relay_counts(fixture->relay).published, TICKETS);
  /* The inventory's worker took what came of it. */
  assert_int_equal(fixture->workers.counts[WORKER_INVENTORY].done, TICKETS);
  sale_fixture_reopen(fixture);
  sale_fixture_run(fixture);
  assert_int_equal(relay_counts(fixture->relay).published, 0);
}

static void test_what_comes_later_is_told_once_it_is_durable(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  uint64_t before = relay_counts(fixture->relay).published;
  sale_fixture_hold(fixture, "ann", "A-1-1");
  sale_fixture_turn(fixture);
  assert_int_equal(relay_counts(fixture->relay).published, before);
  sale_fixture_settle(fixture);
  sale_fixture_turn(fixture);
  assert_int_equal(relay_counts(fixture->relay).published, before + 2);
  assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), 1);
}

static void test_published_rows_are_let_go(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct store_query query = {.table = fixture->sale->outbox, .start_key = VALUE_NONE};
  struct store_page page;
  assert_int_equal(
      store_scan(fixture->store.store, &query, &fixture->store.answers, &page, &fixture->error),
      STORE_OK);
  assert_int_equal(page.count, TICKETS);
  for (uint32_t i = 0; i < page.count; i++)
    assert_int_equal(record_get_integer(page.items[i], BYTES("ttl"), 0),
                     (fixture->now_ms + SALE_OUTBOX_MS) / 1000);
}

/* An event that no bus can take is marked with the reason, and those behind it go on. */
static void test_a_row_that_no_bus_takes_is_passed_over(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  struct plan *plan = sale_fixture_plan(fixture);
  struct sale_step step = {fixture->sale, plan, fixture->now_ms, false};
  outbox_add(&step, BYTES("TicketCreated"), BYTES("ticket"), BYTES("t"), BYTES("no json"));
  outbox_add(&step, BYTES("Unheard"), BYTES("thing"), BYTES("t"), BYTES("{}"));
  outbox_add(&step, BYTES("TicketCreated"), BYTES("ticket"), BYTES("t"), BYTES("{}"));
  sale_fixture_commit(fixture);
  sale_fixture_run(fixture);
  assert_int_equal(sale_fixture_unpublished(fixture), 0);
  assert_int_equal(relay_counts(fixture->relay).refused, 1);
  assert_int_equal(fixture->workers.counts[WORKER_INVENTORY].done, TICKETS + 1);
}

/* A crash after any number of turns: each row is told exactly once. */
static void test_a_crash_anywhere_tells_everything_once(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  for (uint32_t turns = 0; turns < 4; turns++) {
    for (int durable = 0; durable < 2; durable++) {
      char seat[] = "A-2-1";
      seat[4] = (char)('1' + 2 * turns + (uint32_t)durable);
      char user[] = "user0";
      user[4] = seat[4];
      sale_fixture_hold(fixture, user, seat);
      sale_fixture_settle(fixture);
      uint64_t before = sale_fixture_messages(fixture, WIRING_EXPIRY);
      for (uint32_t i = 0; i < turns; i++) sale_fixture_turn(fixture);
      if (durable == 1) sale_fixture_settle(fixture);
      sale_fixture_crash(fixture);
      sale_fixture_run(fixture);
      assert_int_equal(sale_fixture_unpublished(fixture), 0);
      assert_int_equal(sale_fixture_messages(fixture, WIRING_EXPIRY), before + 1);
    }
  }
}

/* Each allocation of a tick fails once: the row is told later, and once. */
static void test_no_memory(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  sale_fixture_wire(fixture);
  sale_fixture_run(fixture);
  uint64_t told = relay_counts(fixture->relay).published;
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    struct plan *plan = sale_fixture_plan(fixture);
    struct sale_step step = {fixture->sale, plan, fixture->now_ms, false};
    outbox_add(&step, BYTES("TicketCreated"), BYTES("ticket"), BYTES("t"), BYTES("{}"));
    sale_fixture_commit(fixture);
    sale_fixture_settle(fixture);
    queues_tick(fixture->queues, fixture->now_ms);
    memory->fail_at = memory->calls + nth;
    relay_tick(fixture->relay, fixture->now_ms);
    done = memory->calls < memory->fail_at;
    memory->fail_at = 0;
    assert_true(relay_counts(fixture->relay).failed == 0 ||
                relay_wait_ms(fixture->relay, fixture->now_ms, 5000) <= 5000);
    sale_fixture_pass(fixture, 1000);
    assert_int_equal(relay_counts(fixture->relay).published, ++told);
  }
  assert_int_equal(sale_fixture_unpublished(fixture), 0);
  assert_int_equal(fixture->workers.counts[WORKER_INVENTORY].done, told);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_what_was_there_at_the_start_is_told),
      WITH_SALE(test_what_comes_later_is_told_once_it_is_durable),
      WITH_SALE(test_published_rows_are_let_go),
      WITH_SALE(test_a_row_that_no_bus_takes_is_passed_over),
      WITH_SALE(test_a_crash_anywhere_tells_everything_once),
      WITH_SALE(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
