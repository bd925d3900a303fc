#include "sale/sale_parts.h"
#include "unit/sale/sale_fixture.h"

#include "room/room_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct ticket_of_queue {
  char waiting[TOKEN_TEXT_BYTES];
  char reservation[TOKEN_TEXT_BYTES];
};

static int setup(void **state)
{
  if (sale_fixture_setup(state) != 0) return -1;
  sale_fixture_rooms(*state);
  return 0;
}

#define WITH_ROOMS(test) cmocka_unit_test_setup_teardown(test, setup, sale_fixture_teardown)

static struct room *room_of(struct sale_fixture *fixture)
{
  return sale_event_room(fixture->sale, fixture->event, fixture->now_ms);
}

static enum sale_refusal set_mode(struct sale_fixture *fixture, enum room_mode mode)
{
  struct plan *plan = sale_fixture_plan(fixture);
  struct room *room = room_of(fixture);
  struct room_settings settings;
  if (room == NULL)
    room_settings_init(&settings);
  else
    settings = *room_settings(room);
  settings.mode = mode;
  enum sale_refusal refusal = sale_room_set(fixture->sale, plan, fixture->event, &settings,
                                            BYTES("boss"), fixture->now_ms, &fixture->error);
  if (refusal == SALE_OK) sale_fixture_commit(fixture);
  return refusal;
}

static void tick(struct sale_fixture *fixture, int64_t ms)
{
  fixture->now_ms += ms;
  sale_supply_rooms(fixture->sale, fixture->now_ms);
  while (lobby_tick(fixture->lobby, fixture->now_ms, fixture->now_ms)) continue;
}

static void on_joined(void *context, enum room_status status, const struct room_joined *joined,
                      uint64_t sequence)
{
  struct ticket_of_queue *ticket = context;
  (void)sequence;
  assert_int_equal(status, ROOM_OK);
  memcpy(ticket->waiting, joined->token, sizeof ticket->waiting);
}

/* Waits in line and enters. */
static struct ticket_of_queue shopper(struct sale_fixture *fixture, const char *user)
{
  struct ticket_of_queue ticket;
  struct room_entry entry;
  struct room_joining joining = {.joined = on_joined, .context = &ticket};
  const struct room_joiner joiner = {.user_id = bytes_of_text(user)};
  assert_int_equal(room_join(room_of(fixture), &joiner, fixture->now_ms, &joining), ROOM_OK);
  lobby_flush(fixture->lobby);
  tick(fixture, 200);
  tick(fixture, 200);
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(room_enter(fixture->lobby, plan, bytes_of(ticket.waiting, TOKEN_TEXT_BYTES),
                              fixture->now_ms, &entry),
                   ROOM_OK);
  sale_fixture_commit(fixture);
  memcpy(ticket.reservation, entry.token, sizeof ticket.reservation);
  return ticket;
}

/* One seat; token NULL: none. */
static enum sale_refusal reserve(struct sale_fixture *fixture, const char *user, const char *seat,
                                 const char *token, struct bytes *id)
{
  struct sale_reserve_result result = {0};
  const struct bytes seats[] = {bytes_of_text(seat)};
  const struct sale_reserve ask = {
      .event_id = BYTES("evt"),
      .user_id = bytes_of_text(user),
      .seat_ids = seats,
      .seat_count = 1,
      .reservation_token = {(const uint8_t *)token, token == NULL ? 0 : TOKEN_TEXT_BYTES}};
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &result,
                                           &fixture->error);
  if (refusal != SALE_OK) return refusal;
  sale_fixture_commit(fixture);
  if (id != NULL) *id = arena_copy(&fixture->store.arena, result.reservation.id);
  return SALE_OK;
}

static void cancel(struct sale_fixture *fixture, struct bytes id)
{
  struct sale_reservation reservation;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_cancel(fixture->sale, plan, id, (struct bytes){NULL, 0}, fixture->now_ms, &reservation),
      SALE_OK);
  sale_fixture_commit(fixture);
}

static void expire(struct sale_fixture *fixture, struct bytes id)
{
  int64_t wait_ms;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_expire(fixture->sale, plan, id, fixture->now_ms, &wait_ms), SALE_OK);
  assert_int_equal(wait_ms, 0);
  sale_fixture_commit(fixture);
}

static uint32_t holds(struct sale_fixture *fixture, uint32_t number)
{
  const struct shopper *found = shoppers_find(&room_of(fixture)->shoppers, number);
  assert_non_null(found);
  return found->holds;
}

/* ---- who may reserve ---- */

static void test_without_a_room_nobody_needs_a_token(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_null(fixture->event->room);
  assert_int_equal(reserve(fixture, "u", "A-1-1", NULL, NULL), SALE_OK);
  assert_int_equal(reserve(fixture, "u", "A-1-2", "nonsense", NULL), SALE_OK);
  assert_null(fixture->event->room);
}

static void test_an_open_room_asks_for_nothing(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_non_null(room_of(fixture));
  assert_int_equal(reserve(fixture, "u", "A-1-1", NULL, NULL), SALE_OK);
  char forged[TOKEN_TEXT_BYTES] = "r1.";
  assert_int_equal(reserve(fixture, "u", "A-1-2", forged, NULL), SALE_OK);
  /* Who has one is a shopper all the same. */
  struct ticket_of_queue ticket = shopper(fixture, "v");
  assert_int_equal(reserve(fixture, "v", "A-1-3", ticket.reservation, NULL), SALE_OK);
  assert_int_equal(holds(fixture, 0), 1);
}

static void test_a_waiting_room_asks_for_a_token(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_OK);
  tick(fixture, 0);
  assert_int_equal(reserve(fixture, "u", "A-1-1", NULL, NULL), SALE_ADMISSION_REQUIRED);
  struct ticket_of_queue ticket = shopper(fixture, "u");
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.waiting, NULL), SALE_ADMISSION_INVALID);
  char forged[TOKEN_TEXT_BYTES];
  memcpy(forged, ticket.reservation, sizeof forged);
  forged[12] ^= 1;
  assert_int_equal(reserve(fixture, "u", "A-1-1", forged, NULL), SALE_ADMISSION_INVALID);
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, NULL), SALE_OK);
  assert_int_equal(holds(fixture, 0), 1);
  /* It is theirs now. */
  assert_int_equal(reserve(fixture, "v", "A-1-2", ticket.reservation, NULL),
                   SALE_ADMISSION_INVALID);
  /* A pause lets those finish who are in. */
  assert_int_equal(set_mode(fixture, ROOM_PAUSED), SALE_OK);
  assert_int_equal(reserve(fixture, "v", "A-1-2", NULL, NULL), SALE_ADMISSION_REQUIRED);
  assert_int_equal(reserve(fixture, "u", "A-1-2", ticket.reservation, NULL), SALE_OK);
  assert_int_equal(holds(fixture, 0), 2);
  /* A refusal for another reason changes nothing. */
  assert_int_equal(reserve(fixture, "u", "A-1-2", ticket.reservation, NULL), SALE_CONFLICT);
  assert_int_equal(holds(fixture, 0), 2);
  fixture->now_ms += ROOM_TOKEN_TTL_S * 1000;
  assert_int_equal(reserve(fixture, "u", "A-1-3", ticket.reservation, NULL),
                   SALE_ADMISSION_INVALID);
}

/* ---- how a hold ends ---- */

static void test_cancelled_and_expired_holds_let_choose_again(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bytes id;
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_OK);
  tick(fixture, 0);
  struct ticket_of_queue ticket = shopper(fixture, "u");
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, &id), SALE_OK);
  cancel(fixture, id);
  assert_int_equal(holds(fixture, 0), 0);
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, &id), SALE_OK);
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  assert_int_equal(holds(fixture, 0), 1);
  fixture->now_ms += 60000;
  expire(fixture, id);
  assert_int_equal(holds(fixture, 0), 0);
  /* The room does not know the same end twice. */
  expire(fixture, id);
  tick(fixture, 0);
  assert_int_equal(reserve(fixture, "u", "A-1-2", ticket.reservation, &id), SALE_OK);
  assert_int_equal(holds(fixture, 0), 1);
}

/* A hold that lapsed is ended on the way to the next one, in another transaction. */
static void test_a_lapsed_hold_is_tidied_by_the_next(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_OK);
  tick(fixture, 0);
  struct ticket_of_queue ticket = shopper(fixture, "u");
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, NULL), SALE_OK);
  fixture->now_ms += 60000;
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, NULL), SALE_OK);
  assert_int_equal(holds(fixture, 0), 1);
}

static void test_who_has_bought_is_done(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bytes id;
  struct sale_order order;
  bool refunded;
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_OK);
  tick(fixture, 0);
  struct ticket_of_queue ticket = shopper(fixture, "u");
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, &id), SALE_OK);
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, id));
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_int_equal(holds(fixture, 0), 0);
  assert_int_equal(reserve(fixture, "u", "A-1-2", ticket.reservation, NULL),
                   SALE_ADMISSION_INVALID);
  tick(fixture, 500);
  assert_int_equal(room_of(fixture)->shoppers.count, 0);
}

static void test_a_purchase_after_the_hold_was_released(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bytes id;
  struct sale_order order;
  bool refunded;
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_OK);
  tick(fixture, 0);
  struct ticket_of_queue ticket = shopper(fixture, "u");
  assert_int_equal(reserve(fixture, "u", "A-1-1", ticket.reservation, &id), SALE_OK);
  struct bytes intent = sale_fixture_intend(fixture, id);
  fixture->now_ms += 180000; /* paying has its one extension */
  expire(fixture, id);
  assert_int_equal(holds(fixture, 0), 0);
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_int_equal(reserve(fixture, "u", "A-1-2", ticket.reservation, NULL),
                   SALE_ADMISSION_INVALID);
}

/* ---- what there is to sell ---- */

static void test_rooms_are_told_what_there_is(void **state)
{
  struct sale_fixture *fixture = *state;
  struct room *room = room_of(fixture);
  tick(fixture, 0);
  assert_true(room->supply.on_sale);
  assert_int_equal(room->supply.opens_ms, fixture->event->sale_opens_ms);
  assert_int_equal(room->supply.free, 45);
  assert_int_equal(room->supply.soon, 0);
  assert_int_equal(reserve(fixture, "u", "A-1-1", NULL, NULL), SALE_OK);
  assert_int_equal(reserve(fixture, "u", "A-1-2", NULL, NULL), SALE_OK);
  tick(fixture, 29999);
  assert_int_equal(room->supply.free, 43);
  assert_int_equal(room->supply.soon, 0);
  tick(fixture, 1);
  assert_int_equal(room->supply.soon, 2);
  tick(fixture, 30000);
  assert_int_equal(room->supply.free, 45);
  assert_int_equal(room->supply.soon, 0);
}

/* ---- settings ---- */

static void test_a_change_is_told_to_the_bus(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_null(strstr(sale_fixture_outbox(fixture), "RoomChanged"));
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_OK);
  assert_non_null(strstr(sale_fixture_outbox(fixture), "RoomChanged"));
  assert_int_equal(room_settings(fixture->event->room)->mode, ROOM_WAITING);
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  assert_non_null(fixture->event->room);
  assert_int_equal(room_settings(fixture->event->room)->mode, ROOM_WAITING);
}

static void test_settings_that_are_refused(void **state)
{
  struct sale_fixture *fixture = *state;
  struct room_settings settings;
  room_settings_init(&settings);
  settings.grace_s = 1;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_room_set(fixture->sale, plan, fixture->event, &settings, BYTES("boss"),
                                 fixture->now_ms, &fixture->error),
                   SALE_INVALID);
  assert_non_null(strstr(fixture->error.message, "grace_sec"));
  assert_int_equal(plan->action_count + plan->hook_count, 0);
}

static void test_no_lobby_no_rooms(void **state)
{
  struct sale_fixture *fixture = *state;
  assert_null(room_of(fixture));
  assert_int_equal(set_mode(fixture, ROOM_WAITING), SALE_UNAVAILABLE);
  sale_supply_rooms(fixture->sale, fixture->now_ms);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOMS(test_without_a_room_nobody_needs_a_token),
      WITH_ROOMS(test_an_open_room_asks_for_nothing),
      WITH_ROOMS(test_a_waiting_room_asks_for_a_token),
      WITH_ROOMS(test_cancelled_and_expired_holds_let_choose_again),
      WITH_ROOMS(test_a_lapsed_hold_is_tidied_by_the_next),
      WITH_ROOMS(test_who_has_bought_is_done),
      WITH_ROOMS(test_a_purchase_after_the_hold_was_released),
      WITH_ROOMS(test_rooms_are_told_what_there_is),
      WITH_ROOMS(test_a_change_is_told_to_the_bus),
      WITH_ROOMS(test_settings_that_are_refused),
      WITH_SALE(test_no_lobby_no_rooms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
