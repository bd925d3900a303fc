#include "unit/sale/sale_fixture.h"

#include "sale/seat_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { HOLD_MS = 60000 };

static void test_a_hold_is_one_record_of_everything(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1 A-1-2", &result), SALE_OK);
  assert_int_equal(store_appended(fixture->store.store), before + 1);
  const struct sale_reservation *reservation = &result.reservation;
  assert_int_equal(reservation->status, RESERVATION_PENDING);
  assert_int_equal(reservation->amount, 2000);
  assert_int_equal(reservation->quantity, 2);
  assert_int_equal(reservation->hold_expires_ms, fixture->now_ms + HOLD_MS);
  assert_true(bytes_equal(reservation->seats[1].id, BYTES("A-1-2")));
  assert_true(bytes_equal(reservation->seats[1].row, BYTES("1")));
  assert_true(bytes_equal(reservation->seats[1].number, BYTES("2")));
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "RESERVED");
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-3"), "AVAILABLE");
  assert_string_equal(sale_fixture_outbox(fixture),
                      "TicketStatusChanged TicketStatusChanged ReservationCreated ");
  assert_int_equal(fixture->told, 1);
}

static void test_all_or_nothing(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  sale_fixture_hold(fixture, "ann", "A-1-5");
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(sale_fixture_reserve(fixture, "bob", "A-1-4 A-1-5 A-1-6", &result),
                   SALE_CONFLICT);
  assert_int_equal(store_appended(fixture->store.store), before);
  assert_int_equal(result.unavailable_count, 1);
  assert_true(bytes_equal(result.unavailable[0], BYTES("A-1-5")));
  assert_int_equal(result.alternative_count, 3);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-4"), "AVAILABLE");
}

static void test_what_is_wrong_is_named(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "", &result), SALE_MISSING_SEATS);
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-99", &result), SALE_SEAT_NOT_FOUND);
  assert_non_null(strstr(fixture->error.message, "A-1-99"));
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1 A-1-1", &result), SALE_INVALID);
  assert_non_null(strstr(fixture->error.message, "seat_ids"));
  assert_int_equal(
      sale_fixture_reserve(fixture, "ann",
                           "A-1-1 A-1-2 A-1-3 A-1-4 A-1-5 A-1-6 A-1-7 A-1-8 A-1-9 A-1-10 A-2-1",
                           &result),
      SALE_INVALID);
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1 A-1-2 A-1-3 A-1-4 A-1-5", &result),
                   SALE_BUYER_LIMIT);
  struct sale_reserve ask = {.user_id = BYTES("ann"), .quantity = 1};
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result, &fixture->error),
      SALE_MISSING_EVENT_ID);
  ask.event_id = BYTES("other");
  assert_int_equal(
      sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result, &fixture->error),
      SALE_EVENT_NOT_FOUND);
}

static void test_a_buyer_has_a_limit(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2 A-1-3");
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-4 A-1-5", &result), SALE_BUYER_LIMIT);
  sale_fixture_hold(fixture, "ann", "A-1-4");
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-2-1", &result), SALE_BUYER_LIMIT);
  sale_fixture_hold(fixture, "bob", "A-2-1");
  /* What lapsed does not count, though no sweeper came by. */
  fixture->now_ms += HOLD_MS;
  sale_fixture_hold(fixture, "ann", "A-2-2 A-2-3 A-2-4 A-2-5");
}

static void test_a_lapsed_seat_is_free_at_once(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  struct bytes first = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  fixture->now_ms += HOLD_MS - 1;
  assert_int_equal(sale_fixture_reserve(fixture, "bob", "A-1-1", &result), SALE_CONFLICT);
  fixture->now_ms += 1;
  struct bytes second = sale_fixture_hold(fixture, "bob", "A-1-1");
  assert_int_equal(sale_fixture_status(fixture, first), RESERVATION_EXPIRED);
  assert_int_equal(sale_fixture_status(fixture, second), RESERVATION_PENDING);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-2"), "AVAILABLE");
  /* The first hold was resolved in the log before the second began. */
  assert_string_equal(sale_fixture_outbox(fixture),
                      "TicketStatusChanged TicketStatusChanged ReservationCreated "
                      "TicketStatusChanged TicketStatusChanged ReservationExpired "
                      "TicketStatusChanged ReservationCreated ");
}

static void test_the_best_seats_are_chosen_inside(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  struct sale_reserve ask = {.event_id = BYTES("evt"), .user_id = BYTES("ann"), .quantity = 2};
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result, &fixture->error), SALE_OK);
  sale_fixture_commit(fixture);
  assert_true(bytes_equal(result.reservation.seats[0].section, BYTES("A")));
  assert_true(bytes_equal(result.reservation.seats[0].row, BYTES("1")));
  ask = (struct sale_reserve){
      .event_id = BYTES("evt"), .user_id = BYTES("bob"), .quantity = 3, .section = BYTES("G")};
  plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result, &fixture->error), SALE_OK);
  sale_fixture_commit(fixture);
  assert_int_equal(result.reservation.amount, 900);
  assert_true(bytes_equal(result.reservation.seats[2].section, BYTES("G")));
}

static void test_until_nothing_is_left(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  uint32_t sold = 0;
  for (int buyer = 0; buyer < 50; buyer++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", buyer);
    struct sale_reserve ask = {
        .event_id = BYTES("evt"), .user_id = bytes_of_text(user), .quantity = 1};
    struct plan *plan = sale_fixture_plan(fixture);
    enum sale_refusal refusal = sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result,
                                             &fixture->error);
    if (refusal == SALE_SOLD_OUT) continue;
    assert_int_equal(refusal, SALE_OK);
    sale_fixture_commit(fixture);
    sold++;
  }
  assert_int_equal(sold, 45);
  assert_int_equal(fixture->event->map->counts.of[SEAT_FREE], 0);
}

static void test_when_it_is_on_sale(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  int64_t now_ms = fixture->now_ms;
  fixture->now_ms = fixture->event->sale_opens_ms - 1;
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1", &result), SALE_CLOSED);
  fixture->now_ms = fixture->event->starts_ms;
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1", &result), SALE_CLOSED);
  fixture->now_ms = now_ms;
  const struct sale_event_change pause = {.has_status = true, .status = SALE_PAUSED};
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_event_update(fixture->sale, plan, fixture->event, &pause, now_ms, &fixture->error),
      SALE_OK);
  sale_fixture_commit(fixture);
  assert_int_equal(sale_fixture_reserve(fixture, "ann", "A-1-1", &result), SALE_CLOSED);
}

static void test_a_crash_takes_only_what_was_not_durable(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_reserve_result result;
  struct bytes kept = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  sale_fixture_settle(fixture);
  sale_fixture_hold(fixture, "bob", "A-1-3");
  sale_fixture_crash(fixture);
  assert_int_equal(sale_fixture_status(fixture, kept), RESERVATION_PENDING);
  assert_int_equal(sale_fixture_reserve(fixture, "eve", "A-1-1", &result), SALE_CONFLICT);
  sale_fixture_hold(fixture, "eve", "A-1-3");
}

static void test_without_memory_nothing_happens(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.memory;
  struct sale_reserve_result result;
  struct bytes names[] = {BYTES("A-1-1"), BYTES("A-1-2")};
  const struct sale_reserve ask = {
      .event_id = BYTES("evt"), .user_id = BYTES("ann"), .seat_ids = names, .seat_count = 2};
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    arena_free(&fixture->arena);
    arena_init(&fixture->arena, memory);
    plan_init(&fixture->plan, fixture->store.store, &fixture->arena);
    memory->fail_at = memory->calls + n;
    uint64_t before = store_appended(fixture->store.store);
    enum sale_refusal refusal = sale_reserve(fixture->sale, &fixture->plan, &ask, fixture->now_ms,
                                             &result, &fixture->error);
    struct store_transact_result outcome;
    done = refusal == SALE_OK && plan_commit(&fixture->plan, &outcome, &fixture->error) == STORE_OK;
    memory->fail_at = 0;
    if (!done) {
      assert_int_equal(store_appended(fixture->store.store), before);
      assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
    }
    assert_true(n < 1000);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_a_hold_is_one_record_of_everything),
      WITH_SALE(test_all_or_nothing),
      WITH_SALE(test_what_is_wrong_is_named),
      WITH_SALE(test_a_buyer_has_a_limit),
      WITH_SALE(test_a_lapsed_seat_is_free_at_once),
      WITH_SALE(test_the_best_seats_are_chosen_inside),
      WITH_SALE(test_until_nothing_is_left),
      WITH_SALE(test_when_it_is_on_sale),
      WITH_SALE(test_a_crash_takes_only_what_was_not_durable),
      WITH_SALE(test_without_memory_nothing_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
