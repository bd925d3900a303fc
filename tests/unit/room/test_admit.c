#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t admissions(const struct room_fixture *fixture)
{
  return room_fixture_counts(fixture).admissions;
}

static void test_comes_in_order_at_the_rate(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[200];
  room_fixture_crowd(fixture, "u", 200, places);
  room_fixture_set(fixture, ROOM_WAITING, 20, 1000);
  for (int second = 1; second <= 8; second++) {
    room_fixture_pass(fixture, 1000);
    uint64_t came = admissions(fixture);
    assert_true(came <= 20 * (uint64_t)second + 3 && came >= 20 * (uint64_t)second - 3);
    for (uint32_t i = 0; i < 200; i++)
      assert_int_equal(waiters_state(&fixture->room->waiters, i),
                       i < came ? WAITER_ADMITTED : WAITER_WAITING);
  }
}

static void test_no_more_shoppers_than_set(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[100];
  room_fixture_set(fixture, ROOM_WAITING, 1000, 7);
  room_fixture_crowd(fixture, "u", 100, places);
  room_fixture_pass(fixture, 1000);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 7);
  assert_int_equal(admissions(fixture), 7);
  /* Who leaves or has bought makes room. */
  struct room_entry entry;
  assert_int_equal(room_fixture_leave(fixture, &places[3]), ROOM_OK);
  assert_int_equal(room_fixture_enter(fixture, &places[4], &entry), ROOM_OK);
  room_fixture_hold(fixture, 4, "u4");
  room_fixture_end(fixture, 4, ROOM_HOLD_BOUGHT);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 7);
  assert_int_equal(admissions(fixture), 9);
  /* Fewer than there are: nobody is sent away, nobody comes. */
  room_fixture_set(fixture, ROOM_WAITING, 1000, 2);
  room_fixture_pass(fixture, 1000);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 7);
}

static void test_nobody_is_admitted_to_nothing(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[30];
  struct room_entry entry;
  fixture->supply.free = 4;
  room_fixture_crowd(fixture, "u", 30, places);
  room_fixture_pass(fixture, 2000);
  assert_int_equal(admissions(fixture), 4);
  /* One has a seat: it is not free any more, and they do not need another. */
  assert_int_equal(room_fixture_enter(fixture, &places[0], &entry), ROOM_OK);
  room_fixture_hold(fixture, 0, "u0");
  fixture->supply.free = 3;
  room_fixture_pass(fixture, 2000);
  assert_int_equal(admissions(fixture), 4);
  /* It is about to be free again: somebody may try. */
  fixture->supply.soon = 1;
  room_fixture_pass(fixture, 2000);
  assert_int_equal(admissions(fixture), 5);
  fixture->supply = (struct room_supply){.on_sale = false, .free = 1000};
  room_fixture_pass(fixture, 2000);
  assert_int_equal(admissions(fixture), 5);
  fixture->supply.on_sale = true;
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  room_fixture_pass(fixture, 2000);
  assert_int_equal(admissions(fixture), 5);
  room_fixture_set(fixture, ROOM_WAITING, 100, 50);
  room_fixture_pass(fixture, 2000);
  assert_int_equal(admissions(fixture), 30);
}

static void test_slow_reservations_slow_it_down(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[900];
  room_fixture_set(fixture, ROOM_WAITING, 20, 5000);
  room_fixture_crowd(fixture, "u", 900, places);
  room_fixture_pass(fixture, 10000);
  uint64_t before = admissions(fixture);
  for (int second = 0; second < 10; second++) {
    for (int i = 0; i < 20; i++) room_note_latency(fixture->room, 900000);
    room_fixture_pass(fixture, 1000);
  }
  uint64_t slowly = admissions(fixture) - before;
  assert_true(slowly > 5 && slowly < 80);
  room_fixture_pass(fixture, 20000);
  before = admissions(fixture);
  for (uint32_t i = 0; i < 900; i++) (void)room_fixture_look(fixture, &places[i]);
  room_fixture_pass(fixture, 5000);
  assert_true(admissions(fixture) - before >= 95);
}

static void test_the_quiet_are_passed_over_and_first_when_they_return(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place places[6];
  room_fixture_set(fixture, ROOM_PAUSED, 1, 50);
  room_fixture_crowd(fixture, "u", 6, places);
  room_fixture_leap(fixture, (ROOM_QUIET_S + 2) * 1000);
  (void)room_fixture_look(fixture, &places[3]);
  (void)room_fixture_look(fixture, &places[5]);
  /* Quiet, not yet ghosts: they count. */
  assert_int_equal(room_fixture_counts(fixture).waiting, 6);
  assert_int_equal(room_fixture_look(fixture, &places[3]).position, 4);
  room_fixture_set(fixture, ROOM_WAITING, 1, 50);
  room_fixture_pass(fixture, 100);
  assert_int_equal(admissions(fixture), 1);
  assert_true(room_fixture_look(fixture, &places[3]).ready_for_entry);
  (void)room_fixture_look(fixture, &places[1]);
  assert_int_equal(room_fixture_look(fixture, &places[1]).position, 2);
  room_fixture_pass(fixture, 1000);
  assert_true(room_fixture_look(fixture, &places[1]).ready_for_entry);
  assert_false(room_fixture_look(fixture, &places[5]).ready_for_entry);
  room_fixture_pass(fixture, 1000);
  assert_true(room_fixture_look(fixture, &places[5]).ready_for_entry);
  /* The others wait until they are heard of. */
  room_fixture_pass(fixture, 3000);
  assert_int_equal(admissions(fixture), 3);
  assert_int_equal(room_fixture_look(fixture, &places[0]).position, 1);
  room_fixture_pass(fixture, 1100);
  assert_true(room_fixture_look(fixture, &places[0]).ready_for_entry);
}

static void test_ghosts_cost_no_slot(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[100];
  room_fixture_set(fixture, ROOM_PAUSED, 10, 1000);
  room_fixture_crowd(fixture, "u", 100, places);
  room_fixture_leap(fixture, ROOM_GRACE_S * 1000);
  (void)room_fixture_look(fixture, &places[99]);
  room_fixture_leap(fixture, ROOM_SWEEP_MS);
  assert_int_equal(room_fixture_counts(fixture).ghosts, 99);
  assert_int_equal(room_fixture_look(fixture, &places[99]).position, 1);
  room_fixture_set(fixture, ROOM_WAITING, 10, 1000);
  room_fixture_pass(fixture, 100);
  assert_true(room_fixture_look(fixture, &places[99]).ready_for_entry);
  assert_int_equal(admissions(fixture), 1);
  /* All before have been served: who comes back is the first. */
  struct room_view view = room_fixture_look(fixture, &places[50]);
  assert_true(view.was_away);
  assert_int_equal(view.position, 1);
}

static void test_a_place_is_given_up_after_two_hours(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[3000];
  room_fixture_set(fixture, ROOM_PAUSED, 10, 1000);
  room_fixture_crowd(fixture, "u", 3000, places);
  room_fixture_leap(fixture, ROOM_FORGET_S * 1000);
  assert_int_equal(room_fixture_counts(fixture).ghosts, 3000);
  (void)room_fixture_look(fixture, &places[2500]);
  /* A second later, as fast as transactions can take them: within seconds, and chunks with them. */
  room_fixture_pass(fixture, 6000);
  struct room_counts counts = room_fixture_counts(fixture);
  assert_int_equal(counts.ghosts, 0);
  assert_int_equal(counts.waiting, 1);
  assert_int_equal(counts.expired, 2999);
  assert_int_equal(fixture->room->waiters.chunks_kept, 1);
  assert_int_equal(room_fixture_look(fixture, &places[7]).standing, STANDING_EXPIRED);
  assert_int_equal(room_fixture_look(fixture, &places[2500]).position, 1);
  room_fixture_reopen(fixture);
  assert_int_equal(fixture->room->waiters.chunks_kept, 1);
  assert_int_equal(room_fixture_look(fixture, &places[7]).standing, STANDING_EXPIRED);
  assert_int_equal(room_fixture_look(fixture, &places[2999]).standing, STANDING_EXPIRED);
  assert_int_equal(room_fixture_look(fixture, &places[2500]).position, 1);
  /* Numbers are never given out again. */
  assert_int_equal(room_fixture_join(fixture, "u7").joined.number, 3000);
}

/* Ticks that come late: each shopper whose time is over goes once. */
static void test_late_ticks(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[40];
  room_fixture_crowd(fixture, "u", 40, places);
  for (int i = 0; i < 8; i++) room_fixture_leap(fixture, 400);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 40);
  room_fixture_leap(fixture, ROOM_ENTRY_S * 1000);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 0);
  assert_int_equal(room_fixture_counts(fixture).expired, 40);
  struct room_place place = room_fixture_join(fixture, "one");
  room_fixture_leap(fixture, 400);
  assert_true(room_fixture_look(fixture, &place).ready_for_entry);
  room_fixture_leap(fixture, ROOM_ENTRY_S * 1000);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 0);
}

/* A tick between joining and its flush. */
static void test_who_is_not_in_the_store_is_not_admitted(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place place;
  assert_int_equal(room_fixture_ask(fixture, "u", &place), ROOM_OK);
  room_fixture_pass(fixture, 200);
  assert_int_equal(admissions(fixture), 0);
  lobby_flush(fixture->lobby);
  room_fixture_pass(fixture, 50);
  assert_int_equal(admissions(fixture), 1);
}

/* A batch in which a quiet one is passed over fails: the one before it is still the next. */
static void test_who_could_not_be_admitted_is_the_next(void **state)
{
  (void)state;
  bool failed = true;
  for (uint64_t n = 1; failed; n++) {
    struct room_fixture *fixture = calloc(1, sizeof *fixture);
    struct room_place places[4];
    room_fixture_open(fixture, 1);
    room_fixture_set(fixture, ROOM_PAUSED, 40, 50);
    room_fixture_crowd(fixture, "u", 4, places);
    room_fixture_leap(fixture, (ROOM_QUIET_S + 2) * 1000);
    (void)room_fixture_look(fixture, &places[0]);
    (void)room_fixture_look(fixture, &places[2]);
    (void)room_fixture_look(fixture, &places[3]);
    room_fixture_set(fixture, ROOM_WAITING, 40, 2);
    arena_free(&fixture->lobby->arena);
    arena_init(&fixture->lobby->arena, &fixture->store.world->memory);
    struct memory *memory = &fixture->store.world->memory;
    memory->fail_at = memory->calls + n;
    room_fixture_leap(fixture, 50); /* two may come: 0 and 2 */
    memory->fail_at = 0;
    failed = admissions(fixture) == 0;
    room_fixture_check(fixture);
    if (failed) {
      room_fixture_set(fixture, ROOM_WAITING, 40, 1);
      room_fixture_leap(fixture, 50);
      assert_int_equal(waiters_state(&fixture->room->waiters, 0), WAITER_ADMITTED);
      assert_int_equal(waiters_state(&fixture->room->waiters, 2), WAITER_WAITING);
    }
    room_fixture_reopen(fixture);
    room_fixture_close(fixture);
    free(fixture);
  }
}

/* Everything a tick does, each allocation failing once: a later tick does it. */
static void test_what_fails_is_done_later(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  static struct room_place places[400];
  room_fixture_crowd(fixture, "u", 400, places);
  for (uint64_t n = 1; n < 120; n++) {
    memory->fail_at = memory->calls + n % 40 + 1;
    room_fixture_leap(fixture, 100);
    memory->fail_at = 0;
    room_fixture_check(fixture);
    for (uint32_t i = 0; i < 400; i++) (void)room_fixture_look(fixture, &places[i]);
  }
  assert_int_equal(room_fixture_counts(fixture).shoppers, 50);
  room_fixture_reopen(fixture);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 50);
  room_fixture_leap(fixture, ROOM_ENTRY_S * 1000);
  room_fixture_pass(fixture, 1000);
  assert_int_equal(room_fixture_counts(fixture).expired, 50);
}

/* After a crash at whatever commit: nobody is admitted twice, nobody is between two states. */
static void test_a_crash_admits_nobody_twice(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    struct room_fixture *fixture = calloc(1, sizeof *fixture);
    static struct room_place places[60];
    bool idle = false;
    room_fixture_open(fixture, seed);
    room_fixture_set(fixture, ROOM_WAITING, 20, 1000);
    room_fixture_crowd(fixture, "u", 60, places);
    room_fixture_settle(fixture);
    for (uint64_t i = 0; i < 10 + seed; i++) {
      room_fixture_leap(fixture, 50);
      store_flush(fixture->store.store);
      if (i % 3 == seed % 3) (void)store_step(fixture->store.store, &idle, &fixture->error);
    }
    room_fixture_crash(fixture, (enum world_sim_crash)(seed % 5));
    uint64_t shoppers = room_fixture_counts(fixture).shoppers;
    assert_int_equal(room_fixture_counts(fixture).waiting, 60 - shoppers);
    for (uint32_t i = 0; i < 60; i++)
      assert_int_equal(waiters_state(&fixture->room->waiters, i),
                       i < shoppers ? WAITER_ADMITTED : WAITER_WAITING);
    room_fixture_pass(fixture, 5000);
    assert_int_equal(room_fixture_counts(fixture).shoppers, 60);
    assert_int_equal(admissions(fixture), 60 - shoppers);
    room_fixture_close(fixture);
    free(fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_comes_in_order_at_the_rate),
      WITH_ROOM(test_no_more_shoppers_than_set),
      WITH_ROOM(test_nobody_is_admitted_to_nothing),
      WITH_ROOM(test_slow_reservations_slow_it_down),
      WITH_ROOM(test_the_quiet_are_passed_over_and_first_when_they_return),
      WITH_ROOM(test_ghosts_cost_no_slot),
      WITH_ROOM(test_a_place_is_given_up_after_two_hours),
      WITH_ROOM(test_late_ticks),
      WITH_ROOM(test_who_is_not_in_the_store_is_not_admitted),
      cmocka_unit_test(test_who_could_not_be_admitted_is_the_next),
      WITH_ROOM(test_what_fails_is_done_later),
      cmocka_unit_test(test_a_crash_admits_nobody_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
