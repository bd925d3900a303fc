#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A room whose sale opens in a minute. */
static int setup_closed(void **state)
{
  struct room_fixture *fixture = calloc(1, sizeof *fixture);
  if (fixture == NULL) return -1;
  fixture->opens_in_ms = 60000;
  room_fixture_open(fixture, 2);
  room_fixture_set(fixture, ROOM_WAITING, 10, 5);
  *state = fixture;
  return 0;
}

#define WITH_CLOSED(test) cmocka_unit_test_setup_teardown(test, setup_closed, room_fixture_teardown)

static void test_before_the_opening_nobody_is_first(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[50];
  struct room_entry entry;
  struct room_fairness fairness;
  room_fixture_crowd(fixture, "u", 50, places);
  room_fixture_pass(fixture, 5000);
  for (uint32_t i = 0; i < 50; i++) {
    struct room_view view = room_fixture_look(fixture, &places[i]);
    assert_int_equal(view.position, 50);
    assert_false(view.opened);
    assert_false(view.ready_for_entry);
    /* 55 s to the opening and five of the line. */
    assert_int_equal(view.eta_s, 60);
    assert_int_equal(places[i].joined.position, 50);
  }
  assert_int_equal(room_fixture_enter(fixture, &places[0], &entry), ROOM_NOT_READY);
  assert_int_equal(entry.eta_s, 60);
  room_fairness(fixture->room, &fairness);
  assert_false(fairness.opened);
  static const uint8_t nothing[SHUFFLE_SEED_BYTES];
  assert_memory_equal(fairness.seed, nothing, sizeof nothing);
  assert_int_equal(fairness.count, 0);
}

/* What was published before fits what is published after, and gives everybody's place. */
static void test_the_opening_can_be_checked(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[50];
  struct room_fairness before;
  struct room_fairness after;
  struct shuffle shuffle;
  uint8_t hash[HASH_SHA256_BYTES];
  room_fixture_crowd(fixture, "u", 50, places);
  room_fairness(fixture->room, &before);
  room_fixture_set(fixture, ROOM_PAUSED, 10, 5);
  room_fixture_leap(fixture, 60000);
  struct room_place late = room_fixture_join(fixture, "late");
  assert_int_equal(late.joined.position, 51);
  room_fairness(fixture->room, &after);
  assert_true(after.opened);
  assert_int_equal(after.count, 50);
  assert_int_equal(after.opened_ms, fixture->now_ms);
  hash_sha256(bytes_of(after.seed, sizeof after.seed), hash);
  assert_memory_equal(before.commitment, hash, sizeof hash);
  assert_memory_equal(after.commitment, hash, sizeof hash);
  shuffle_init(&shuffle, after.seed, after.count);
  for (uint32_t i = 0; i < 50; i++) {
    struct room_view view = room_fixture_look(fixture, &places[i]);
    assert_int_equal(view.position, shuffle_place(&shuffle, i) + 1);
    assert_true(view.opened);
  }
  room_fixture_reopen(fixture);
  for (uint32_t i = 0; i < 50; i++)
    assert_int_equal(room_fixture_look(fixture, &places[i]).position,
                     shuffle_place(&shuffle, i) + 1);
  assert_int_equal(room_fixture_look(fixture, &late).position, 51);
  room_fairness(fixture->room, &before);
  assert_memory_equal(&before, &after, sizeof after);
}

static void test_who_joins_in_the_turn_of_the_opening_is_drawn(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place first;
  struct room_fairness fairness;
  assert_int_equal(room_fixture_ask(fixture, "u", &first), ROOM_OK);
  room_fixture_leap(fixture, 60000);
  assert_int_equal(first.answers, 1);
  assert_int_equal(first.status, ROOM_OK);
  room_fairness(fixture->room, &fairness);
  assert_int_equal(fairness.count, 1);
}

static void test_nobody_came(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_fairness fairness;
  room_fixture_leap(fixture, 60000);
  room_fairness(fixture->room, &fairness);
  assert_true(fairness.opened);
  assert_int_equal(fairness.count, 0);
  assert_int_equal(room_fixture_join(fixture, "u").joined.position, 1);
}

/* Large enough for several turns of drawing; in between people join, leave, look and return. */
static void test_the_room_is_open_while_places_are_drawn(void **state)
{
  enum { COUNT = 2 * ROOM_SHUFFLE_SLICE + 100 };
  struct room_fixture *fixture = *state;
  static struct room_place places[COUNT];
  struct room_place late[3];
  room_fixture_set(fixture, ROOM_PAUSED, 10, 5);
  room_fixture_crowd(fixture, "u", COUNT, places);
  line_set_state(fixture->room, 11, WAITER_GHOST);
  line_set_state(fixture->room, COUNT - 11, WAITER_GHOST);
  fixture->now_ms += 60000;
  fixture->supply.on_sale = true;
  room_supply(fixture->room, &fixture->supply);
  int turns = 0;
  bool more = true;
  while (more) {
    more = lobby_tick(fixture->lobby, fixture->now_ms, fixture->mono_ms);
    if (turns < 3) {
      char name[16];
      snprintf(name, sizeof name, "late%d", turns);
      late[turns] = room_fixture_join(fixture, name);
    }
    if (turns == 0) {
      assert_int_equal(room_fixture_leave(fixture, &places[10]), ROOM_OK);
      assert_int_equal(room_fixture_leave(fixture, &places[COUNT - 10]), ROOM_OK);
      assert_true(room_fixture_look(fixture, &places[11]).was_away);
      assert_true(room_fixture_look(fixture, &places[COUNT - 11]).was_away);
      assert_false(room_fixture_look(fixture, &places[12]).opened);
      assert_int_equal(room_fixture_look(fixture, &places[12]).position, COUNT - 2 + 1);
    }
    turns++;
  }
  assert_int_equal(turns, 3);
  assert_int_equal(fixture->room->phase, PHASE_LINE);
  room_fixture_check(fixture);
  assert_int_equal(room_fixture_counts(fixture).waiting, COUNT - 2 + 3);
  for (uint32_t i = 0; i < 3; i++)
    assert_int_equal(room_fixture_look(fixture, &late[i]).position, COUNT - 2 + 1 + i);
  assert_int_equal(room_fixture_look(fixture, &places[10]).standing, STANDING_EXPIRED);
}

/* The process dies while places are drawn: they are the same ones afterwards. */
static void test_a_crash_changes_no_place(void **state)
{
  enum { COUNT = ROOM_SHUFFLE_SLICE + 100 };
  struct room_fixture *fixture = *state;
  static struct room_place places[COUNT];
  struct room_fairness before;
  struct room_fairness after;
  room_fixture_set(fixture, ROOM_PAUSED, 10, 5);
  room_fixture_crowd(fixture, "u", COUNT, places);
  fixture->now_ms += 60000;
  fixture->supply.on_sale = true;
  room_supply(fixture->room, &fixture->supply);
  assert_true(lobby_tick(fixture->lobby, fixture->now_ms, fixture->mono_ms));
  room_fairness(fixture->room, &before);
  room_fixture_settle(fixture);
  room_fixture_crash(fixture, WORLD_SIM_CRASH_DROP);
  room_fairness(fixture->room, &after);
  assert_memory_equal(&before, &after, sizeof after);
  assert_int_equal(fixture->room->phase, PHASE_LINE);
  for (uint32_t i = 0; i < COUNT; i += 997)
    assert_int_equal(room_fixture_look(fixture, &places[i]).position,
                     shuffle_place(&fixture->room->shuffle, i) + 1);
}

/* Each allocation of the opening fails once: it opens a tick later, with everybody in it. */
static void test_an_opening_that_fails_is_tried_again(void **state)
{
  (void)state;
  bool failed = true;
  for (uint64_t n = 1; failed; n++) {
    struct room_fixture *fixture = calloc(1, sizeof *fixture);
    static struct room_place places[20];
    fixture->opens_in_ms = 1000;
    room_fixture_open(fixture, 1);
    room_fixture_set(fixture, ROOM_PAUSED, 10, 5);
    room_fixture_crowd(fixture, "u", 20, places);
    arena_free(&fixture->lobby->arena);
    arena_init(&fixture->lobby->arena, &fixture->store.world->memory);
    struct memory *memory = &fixture->store.world->memory;
    memory->fail_at = memory->calls + n;
    room_fixture_leap(fixture, 1000);
    memory->fail_at = 0;
    failed = fixture->room->phase != PHASE_LINE;
    if (failed) assert_int_equal(room_fixture_look(fixture, &places[3]).position, 20);
    room_fixture_leap(fixture, 50);
    assert_int_equal(fixture->room->phase, PHASE_LINE);
    assert_int_equal(fixture->room->record.drawn, 20);
    room_fixture_check(fixture);
    room_fixture_close(fixture);
    free(fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_CLOSED(test_before_the_opening_nobody_is_first),
      WITH_CLOSED(test_the_opening_can_be_checked),
      WITH_CLOSED(test_who_joins_in_the_turn_of_the_opening_is_drawn),
      WITH_CLOSED(test_nobody_came),
      WITH_CLOSED(test_the_room_is_open_while_places_are_drawn),
      WITH_CLOSED(test_a_crash_changes_no_place),
      cmocka_unit_test(test_an_opening_that_fails_is_tried_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
