#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_a_position_counts_the_living(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[100];
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  room_fixture_crowd(fixture, "u", 100, places);
  /* All but every tenth fall silent. */
  for (int i = 0; i < 40; i++) {
    room_fixture_leap(fixture, 10000);
    for (uint32_t j = 0; j < 100; j += 10) (void)room_fixture_look(fixture, &places[j]);
  }
  struct room_counts counts = room_fixture_counts(fixture);
  assert_int_equal(counts.waiting, 10);
  assert_int_equal(counts.ghosts, 90);
  for (uint32_t i = 0; i < 10; i++) {
    struct room_view view = room_fixture_look(fixture, &places[10 * i]);
    assert_int_equal(view.position, i + 1);
    assert_int_equal(view.total_waiting, 10);
    assert_false(view.was_away);
  }
  /* A ghost who returns has the old place, and is told. */
  struct room_view view = room_fixture_look(fixture, &places[55]);
  assert_true(view.was_away);
  assert_int_equal(view.standing, STANDING_WAITING);
  assert_int_equal(view.position, 7);
  assert_int_equal(view.total_waiting, 11);
  assert_int_equal(room_fixture_look(fixture, &places[60]).position, 8);
  assert_false(room_fixture_look(fixture, &places[55]).was_away);
  /* Joining is a sign of life too, and keeps the place. */
  struct room_place again = room_fixture_join(fixture, "u15");
  assert_true(again.joined.again);
  assert_int_equal(again.joined.position, 3);
}

static void test_what_is_told_in_line(void **state)
{
  struct room_fixture *fixture = *state;
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  struct room_place place = room_fixture_join(fixture, "u");
  room_fixture_leap(fixture, 12345);
  struct room_view view = room_fixture_look(fixture, &place);
  assert_int_equal(view.waiting_ms, 12345);
  assert_true(view.paused);
  assert_int_equal(view.eta_s, PACE_UNKNOWN);
  room_fixture_set(fixture, ROOM_WAITING, 100, 50);
  view = room_fixture_look(fixture, &place);
  assert_false(view.paused);
  assert_int_equal(view.eta_s, 5);
  /* Without a seat nobody can say. */
  fixture->supply.free = 0;
  room_fixture_tick(fixture);
  assert_int_equal(room_fixture_look(fixture, &place).eta_s, PACE_UNKNOWN);
  fixture->supply.soon = 1;
  room_supply(fixture->room, &fixture->supply);
  assert_int_equal(room_fixture_look(fixture, &place).eta_s, 5);
  /* Who may enter is told so, and for how long. */
  room_fixture_leap(fixture, 100);
  view = room_fixture_look(fixture, &place);
  assert_int_equal(view.standing, STANDING_WAITING);
  assert_true(view.ready_for_entry);
  assert_int_equal(view.position, 0);
  assert_int_equal(view.left_s, ROOM_ENTRY_S);
  assert_int_equal(view.sequence, store_appended(fixture->store.store));
  struct room_entry entry;
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_OK);
  room_fixture_leap(fixture, 1500);
  view = room_fixture_look(fixture, &place);
  assert_int_equal(view.standing, STANDING_READY);
  assert_int_equal(view.left_s, ROOM_TOKEN_TTL_S - 1);
}

static void test_an_open_room_is_ready_for_everybody(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place place = room_fixture_join(fixture, "u");
  room_fixture_set(fixture, ROOM_OPEN, 100, 50);
  assert_true(room_fixture_look(fixture, &place).ready_for_entry);
  fixture->supply.on_sale = false;
  room_supply(fixture->room, &fixture->supply);
  assert_false(room_fixture_look(fixture, &place).ready_for_entry);
}

static enum room_status look_at(struct room_fixture *fixture, struct bytes token)
{
  struct room_view view;
  return room_look(fixture->lobby, token, fixture->now_ms, &view);
}

static void test_tokens_that_are_none(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place place = room_fixture_join(fixture, "u");
  char text[TOKEN_TEXT_BYTES];
  assert_int_equal(look_at(fixture, room_token(&place)), ROOM_OK);
  memcpy(text, place.joined.token, sizeof text);
  text[20] = text[20] == 'A' ? 'B' : 'A';
  assert_int_equal(look_at(fixture, bytes_of(text, sizeof text)), ROOM_TOKEN_NOT_FOUND);
  assert_int_equal(look_at(fixture, bytes_of(place.joined.token, 45)), ROOM_TOKEN_NOT_FOUND);
  assert_int_equal(look_at(fixture, (struct bytes){NULL, 0}), ROOM_TOKEN_NOT_FOUND);
  /* Well signed, of a number or a room that is not there, or of the other kind. */
  static const struct token tokens[] = {{0, 1, 5}, {0, UINT32_MAX, 5}, {1, 0, 5}};
  for (size_t i = 0; i < 3; i++) {
    token_sign(fixture->lobby->signer, TOKEN_WAITING, &tokens[i], text);
    assert_int_equal(look_at(fixture, bytes_of(text, sizeof text)), ROOM_TOKEN_NOT_FOUND);
  }
  token_sign(fixture->lobby->signer, TOKEN_RESERVATION, &(struct token){0, 0, 5}, text);
  assert_int_equal(look_at(fixture, bytes_of(text, sizeof text)), ROOM_TOKEN_NOT_FOUND);
  /* A number is not shown before it is in the store. */
  struct room_place asking;
  assert_int_equal(room_fixture_ask(fixture, "v", &asking), ROOM_OK);
  token_sign(fixture->lobby->signer, TOKEN_WAITING, &(struct token){0, 1, 5}, text);
  assert_int_equal(look_at(fixture, bytes_of(text, sizeof text)), ROOM_TOKEN_NOT_FOUND);
  lobby_flush(fixture->lobby);
  assert_int_equal(look_at(fixture, bytes_of(text, sizeof text)), ROOM_OK);
}

/* A poll touches no table: nothing is appended, however often. */
static void test_looking_costs_no_write(void **state)
{
  struct room_fixture *fixture = *state;
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  struct room_place place = room_fixture_join(fixture, "u");
  uint64_t before = store_appended(fixture->store.store);
  uint64_t calls = fixture->store.world->memory.calls;
  for (int i = 0; i < 1000; i++) (void)room_fixture_look(fixture, &place);
  assert_int_equal(store_appended(fixture->store.store), before);
  assert_int_equal(fixture->store.world->memory.calls, calls);
}

/* One polls a hundred times a second, the others once in two: nobody is admitted for it. */
static void test_polling_gains_nothing(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[40];
  room_fixture_set(fixture, ROOM_PAUSED, 2, 50);
  room_fixture_crowd(fixture, "u", 40, places);
  room_fixture_set(fixture, ROOM_WAITING, 2, 50);
  uint32_t last = 0;
  for (int tick = 0; tick < 300; tick++) {
    for (int i = 0; i < 5; i++) (void)room_fixture_look(fixture, &places[39]);
    if (tick % 40 == 0)
      for (uint32_t i = 0; i < 39; i++) (void)room_fixture_look(fixture, &places[i]);
    room_fixture_leap(fixture, 50);
    uint32_t admitted = 0;
    while (admitted < 40 && room_fixture_look(fixture, &places[admitted]).ready_for_entry)
      admitted++;
    assert_true(admitted >= last);
    last = admitted;
    /* All who are in came in order. */
    assert_int_equal(admitted, room_fixture_counts(fixture).admissions);
  }
  assert_true(last >= 29 && last <= 31);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_a_position_counts_the_living),
      WITH_ROOM(test_what_is_told_in_line),
      WITH_ROOM(test_an_open_room_is_ready_for_everybody),
      WITH_ROOM(test_tokens_that_are_none),
      WITH_ROOM(test_looking_costs_no_write),
      WITH_ROOM(test_polling_gains_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
