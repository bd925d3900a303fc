#include "sale/sale_parts.h"
#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_an_item_is_read_as_it_was_written(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reservation read;
  struct sale_reserve_result result;
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1 B-1-2", &result), SALE_OK);
  struct arena *arena = &fixture->store.answers;
  struct value item = reservation_load(fixture->sale, arena, result.reservation.id);
  assert_true(reservation_read(fixture->sale, arena, item, &read));
  assert_true(bytes_equal(read.id, result.reservation.id));
  assert_true(bytes_equal(read.user_id, BYTES("ann")));
  assert_int_equal(read.amount, 1500);
  assert_int_equal(read.quantity, 2);
  assert_int_equal(read.created_ms, fixture->now_ms);
  assert_int_equal(read.hold_expires_ms, fixture->now_ms + 60000);
  assert_true(bytes_equal(read.seats[1].id, BYTES("B-1-2")));
  assert_true(value_equal(reservation_item(fixture->sale, arena, &read), item));
}

static void test_what_is_no_reservation(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reservation read;
  assert_false(reservation_read(fixture->sale, &fixture->arena, VALUE_NONE, &read));
  struct value item = store_fixture_item(&fixture->store,
                                         "{'pk':{'S':'RESERVATION#x'},'eventId':{'S':'evt'},"
                                         "'status':{'S':'ODD'},'seatIds':{'L':[]}}");
  assert_false(reservation_read(fixture->sale, &fixture->arena, item, &read));
}

static void test_somebody_elses_is_not_found(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reservation read;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_reservation_find(fixture->sale, plan->arena, id, BYTES("bob"), fixture->now_ms, &read),
      SALE_RESERVATION_NOT_FOUND);
  assert_int_equal(sale_reservation_find(fixture->sale, plan->arena, BYTES("x#y"), BYTES("bob"),
                                         fixture->now_ms, &read),
                   SALE_RESERVATION_NOT_FOUND);
}

static void test_counters_are_per_event_and_buyer(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  sale_fixture_hold(fixture, "bob", "A-1-3");
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(buyer_seats(fixture->sale, plan->arena, fixture->event, BYTES("ann")), 2);
  assert_int_equal(buyer_seats(fixture->sale, plan->arena, fixture->event, BYTES("bob")), 1);
  assert_int_equal(buyer_seats(fixture->sale, plan->arena, fixture->event, BYTES("eve")), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_an_item_is_read_as_it_was_written),
      WITH_SALE(test_what_is_no_reservation),
      WITH_SALE(test_somebody_elses_is_not_found),
      WITH_SALE(test_counters_are_per_event_and_buyer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
