#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Somebody who has been admitted. */
static struct room_place admitted(struct room_fixture *fixture, const char *user)
{
  struct room_place place = room_fixture_join(fixture, user);
  room_fixture_pass(fixture, 150);
  assert_int_equal(waiters_state(&fixture->room->waiters, place.joined.number), WAITER_ADMITTED);
  return place;
}

static void test_entering_twice_is_entering_once(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry first;
  struct room_entry again;
  struct room_place place = room_fixture_join(fixture, "u");
  assert_int_equal(room_fixture_enter(fixture, &place, &first), ROOM_NOT_READY);
  assert_int_equal(first.eta_s, 5);
  room_fixture_pass(fixture, 150);
  assert_int_equal(room_fixture_enter(fixture, &place, &first), ROOM_OK);
  assert_int_equal(first.expires_ms, fixture->now_ms + ROOM_TOKEN_TTL_S * 1000);
  assert_int_equal(room_fixture_counts(fixture).entries, 1);
  room_fixture_pass(fixture, 7000);
  assert_int_equal(room_fixture_enter(fixture, &place, &again), ROOM_OK);
  assert_memory_equal(first.token, again.token, TOKEN_TEXT_BYTES);
  /* Nor does it when the process was another one meanwhile. */
  room_fixture_reopen(fixture);
  assert_int_equal(room_fixture_counts(fixture).entered, 1);
  assert_int_equal(room_fixture_counts(fixture).admitted, 0);
  assert_int_equal(room_fixture_enter(fixture, &place, &again), ROOM_OK);
  assert_memory_equal(first.token, again.token, TOKEN_TEXT_BYTES);
  assert_int_equal(again.expires_ms, first.expires_ms);
  room_fixture_leap(fixture, first.expires_ms - fixture->now_ms - 1);
  assert_true(room_fixture_admits(fixture, &again, "u"));
  room_fixture_leap(fixture, 1);
  assert_int_equal(room_fixture_enter(fixture, &place, &again), ROOM_TOKEN_EXPIRED);
  assert_false(room_fixture_admits(fixture, &again, "u"));
}

static void test_who_does_not_enter_in_time_gives_the_slot_back(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  room_fixture_set(fixture, ROOM_WAITING, 100, 1);
  struct room_place place = admitted(fixture, "u");
  struct room_place second = room_fixture_join(fixture, "v");
  room_fixture_pass(fixture, ROOM_ENTRY_S * 1000 - 200);
  (void)room_fixture_look(fixture, &second);
  assert_false(room_fixture_look(fixture, &second).ready_for_entry);
  assert_true(room_fixture_look(fixture, &place).ready_for_entry);
  room_fixture_pass(fixture, 600);
  assert_int_equal(room_fixture_look(fixture, &place).standing, STANDING_EXPIRED);
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_TOKEN_EXPIRED);
  assert_true(room_fixture_look(fixture, &second).ready_for_entry);
  assert_int_equal(room_fixture_counts(fixture).expired, 1);
  /* Whose time is over is at the end of the line again, by joining. */
  struct room_place again = room_fixture_join(fixture, "u");
  assert_false(again.joined.again);
  assert_int_equal(again.joined.number, 2);
}

static void test_an_open_room_is_walked_into(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  struct room_entry again;
  struct room_place place = room_fixture_join(fixture, "u");
  room_fixture_set(fixture, ROOM_OPEN, 1, 1);
  fixture->supply.on_sale = false;
  room_supply(fixture->room, &fixture->supply);
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_NOT_READY);
  fixture->supply.on_sale = true;
  room_supply(fixture->room, &fixture->supply);
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_OK);
  assert_true(room_fixture_admits(fixture, &entry, "u"));
  room_fixture_reopen(fixture);
  assert_int_equal(room_fixture_enter(fixture, &place, &again), ROOM_OK);
  assert_memory_equal(entry.token, again.token, TOKEN_TEXT_BYTES);
  assert_int_equal(room_fixture_counts(fixture).entered, 1);
  /* Rates and numbers are for those who wait. */
  struct room_place other = room_fixture_join(fixture, "v");
  assert_int_equal(room_fixture_enter(fixture, &other, &entry), ROOM_OK);
}

static void test_a_pause_lets_in_who_was_admitted(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  struct room_place place = admitted(fixture, "u");
  struct room_place second = room_fixture_join(fixture, "v");
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  room_fixture_pass(fixture, 3000);
  assert_int_equal(room_fixture_enter(fixture, &second, &entry), ROOM_NOT_READY);
  assert_int_equal(entry.eta_s, PACE_UNKNOWN);
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_OK);
}

/* ---- leaving ---- */

static void test_leaving_from_wherever_one_is(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  struct room_place in = admitted(fixture, "in");
  assert_int_equal(room_fixture_enter(fixture, &in, &entry), ROOM_OK);
  struct room_place may = admitted(fixture, "may");
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  struct room_place waits = room_fixture_join(fixture, "waits");
  struct room_place ghost = room_fixture_join(fixture, "ghost");
  line_set_state(fixture->room, ghost.joined.number, WAITER_GHOST);
  struct room_place *const all[] = {&in, &may, &waits, &ghost};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(room_fixture_leave(fixture, all[i]), ROOM_OK);
    uint64_t before = store_appended(fixture->store.store);
    assert_int_equal(room_fixture_leave(fixture, all[i]), ROOM_OK); /* the same again */
    assert_int_equal(store_appended(fixture->store.store), before);
    assert_int_equal(room_fixture_counts(fixture).abandoned, i + 1);
    room_fixture_check(fixture);
  }
  struct room_counts counts = room_fixture_counts(fixture);
  assert_int_equal(counts.shoppers + counts.waiting + counts.ghosts, 0);
  assert_false(room_fixture_admits(fixture, &entry, "in"));
  room_fixture_reopen(fixture);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(room_fixture_look(fixture, all[i]).standing, STANDING_EXPIRED);
    assert_int_equal(room_fixture_enter(fixture, all[i], &entry), ROOM_TOKEN_EXPIRED);
  }
}

static void test_who_leaves_with_a_hold_counts_until_it_ends(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  struct room_place place = admitted(fixture, "u");
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_OK);
  room_fixture_hold(fixture, 0, "u");
  assert_int_equal(room_fixture_leave(fixture, &place), ROOM_OK);
  assert_false(room_fixture_admits(fixture, &entry, "u"));
  assert_int_equal(room_fixture_counts(fixture).shoppers, 1);
  room_fixture_reopen(fixture);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 1);
  assert_int_equal(room_fixture_look(fixture, &place).standing, STANDING_EXPIRED);
  room_fixture_end(fixture, 0, ROOM_HOLD_RELEASED);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 0);
}

/* All of a full chunk have left, one of them with a hold: it is kept until that ends. */
static void test_a_hold_keeps_its_chunk(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[ROOM_CHUNK + 1];
  struct room_entry entry;
  places[0] = admitted(fixture, "first");
  assert_int_equal(room_fixture_enter(fixture, &places[0], &entry), ROOM_OK);
  room_fixture_hold(fixture, 0, "first");
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  room_fixture_crowd(fixture, "u", ROOM_CHUNK, places + 1);
  for (uint32_t i = 0; i < ROOM_CHUNK; i++)
    assert_int_equal(room_fixture_leave(fixture, &places[i]), ROOM_OK);
  room_fixture_pass(fixture, 1000);
  assert_non_null(fixture->room->waiters.chunks[0]);
  room_fixture_end(fixture, 0, ROOM_HOLD_BOUGHT);
  room_fixture_pass(fixture, 1000);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 0);
  assert_null(fixture->room->waiters.chunks[0]);
  room_fixture_reopen(fixture);
  assert_int_equal(room_fixture_look(fixture, &places[5]).standing, STANDING_EXPIRED);
  assert_int_equal(room_fixture_look(fixture, &places[ROOM_CHUNK]).position, 1);
}

static void test_tokens_that_are_none(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  struct room_place forged = room_fixture_join(fixture, "u");
  forged.joined.token[30] ^= 1;
  assert_int_equal(room_fixture_enter(fixture, &forged, &entry), ROOM_TOKEN_NOT_FOUND);
  assert_int_equal(room_fixture_leave(fixture, &forged), ROOM_TOKEN_NOT_FOUND);
}

/* ---- failures ---- */

static void fresh_arena(struct room_fixture *fixture)
{
  arena_free(&fixture->arena);
  arena_init(&fixture->arena, &fixture->store.world->memory);
}

/* Each allocation fails once, in making the plan or in its commit: nothing has changed then. */
static void fail_each(struct room_fixture *fixture, const struct room_place *place, bool enters,
                      enum waiter_state after)
{
  struct memory *memory = &fixture->store.world->memory;
  enum waiter_state before = waiters_state(&fixture->room->waiters, place->joined.number);
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct room_entry entry;
    struct store_transact_result result;
    fresh_arena(fixture);
    struct plan *plan = room_fixture_plan(fixture);
    memory->fail_at = memory->calls + n;
    enum room_status status = enters ? room_enter(fixture->lobby, plan, room_token(place),
                                                  fixture->now_ms, &entry)
                                     : room_leave(fixture->lobby, plan, room_token(place));
    assert_true(status == ROOM_OK || status == ROOM_UNAVAILABLE);
    done = status == ROOM_OK && plan_commit(plan, &result, &fixture->error) == STORE_OK;
    memory->fail_at = 0;
    assert_int_equal(waiters_state(&fixture->room->waiters, place->joined.number),
                     done ? after : before);
    room_fixture_check(fixture);
  }
  fresh_arena(fixture);
}

static void test_without_memory_nothing_changes(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_entry entry;
  struct room_place place = admitted(fixture, "u");
  fail_each(fixture, &place, true, WAITER_ENTERED);
  fail_each(fixture, &place, false, WAITER_LEFT);
  place = admitted(fixture, "v");
  assert_int_equal(room_fixture_enter(fixture, &place, &entry), ROOM_OK);
  room_fixture_hold(fixture, place.joined.number, "v");
  /* Counts until the hold ends, and has finished. */
  fail_each(fixture, &place, false, WAITER_ENTERED);
  room_fixture_end(fixture, place.joined.number, ROOM_HOLD_RELEASED);
  room_fixture_set(fixture, ROOM_OPEN, 100, 50);
  place = room_fixture_join(fixture, "w");
  fail_each(fixture, &place, true, WAITER_ENTERED);
  arena_free(&fixture->arena);
  arena_init(&fixture->arena, &fixture->store.memory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_entering_twice_is_entering_once),
      WITH_ROOM(test_who_does_not_enter_in_time_gives_the_slot_back),
      WITH_ROOM(test_an_open_room_is_walked_into),
      WITH_ROOM(test_a_pause_lets_in_who_was_admitted),
      WITH_ROOM(test_leaving_from_wherever_one_is),
      WITH_ROOM(test_who_leaves_with_a_hold_counts_until_it_ends),
      WITH_ROOM(test_a_hold_keeps_its_chunk),
      WITH_ROOM(test_tokens_that_are_none),
      WITH_ROOM(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
