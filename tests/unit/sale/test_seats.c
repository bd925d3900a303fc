#include "sale/sale_parts.h"
#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_seat_is_described(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_seat seat;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_true(seats_read(plan->arena, fixture->event, BYTES("B-1-3"), &seat));
  assert_true(bytes_equal(seat.id, BYTES("B-1-3")));
  assert_true(bytes_equal(seat.section, BYTES("B")));
  assert_true(bytes_equal(seat.row, BYTES("1")));
  assert_true(bytes_equal(seat.number, BYTES("3")));
  assert_int_equal(seat.price, 500);
  assert_false(seats_read(plan->arena, fixture->event, BYTES("B-1-6"), &seat));
  assert_false(seats_read(plan->arena, fixture->event, BYTES(""), &seat));
}

static void test_the_map_follows_the_log_only(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  struct bytes names[] = {BYTES("A-1-1")};
  const struct sale_reserve ask = {
      .event_id = BYTES("evt"), .user_id = BYTES("ann"), .seat_ids = names, .seat_count = 1};
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result, &fixture->error), SALE_OK);
  uint32_t place = result.reservation.seats[0].place;
  assert_int_equal(seat_map_state(fixture->event->map, place), SEAT_FREE);
  sale_fixture_commit(fixture);
  assert_int_equal(seat_map_state(fixture->event->map, place), SEAT_HELD);
}

static void test_numbers_of_reservations(void **state)
{
  (void)state;
  struct id id;
  assert_true(seats_number(BYTES("rsv_01ARZ3NDEKTSV4RRFFQ69G5FAV"), &id));
  assert_false(seats_number(BYTES("rsv_01ARZ3NDEKTSV4RRFFQ69G5FA"), &id));
  assert_false(seats_number(BYTES("rsv_01arz3ndektsv4rrffq69g5fav"), &id));
  assert_false(seats_number((struct bytes){NULL, 0}, &id));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_a_seat_is_described),
      WITH_SALE(test_the_map_follows_the_log_only),
      cmocka_unit_test(test_numbers_of_reservations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
