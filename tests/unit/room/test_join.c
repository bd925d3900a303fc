#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void expect_same_token(const struct room_place *place, const struct room_place *other)
{
  assert_int_equal(place->joined.number, other->joined.number);
  assert_memory_equal(place->joined.token, other->joined.token, TOKEN_TEXT_BYTES);
}

static void test_numbers_are_in_order_of_arrival(void **state)
{
  struct room_fixture *fixture = *state;
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  struct room_place places[40];
  for (uint32_t i = 0; i < 40; i++) {
    char name[16];
    snprintf(name, sizeof name, "user%u", i);
    places[i] = room_fixture_join(fixture, name);
    assert_int_equal(places[i].joined.number, i);
    assert_int_equal(places[i].joined.position, i + 1);
    assert_false(places[i].joined.again);
    assert_int_equal(places[i].sequence, store_appended(fixture->store.store));
    room_fixture_leap(fixture, 700);
  }
  for (uint32_t i = 0; i < 40; i++) {
    char name[16];
    snprintf(name, sizeof name, "user%u", i);
    struct room_place again = room_fixture_join(fixture, name);
    assert_true(again.joined.again);
    assert_int_equal(again.joined.position, i + 1);
    expect_same_token(&places[i], &again);
  }
  assert_int_equal(room_fixture_counts(fixture).joins, 40);
}

static uint32_t number_of(struct room_fixture *fixture, const char *user, const char *client,
                          const char *key)
{
  struct room_place place = {0};
  struct room_place unused;
  const struct room_joiner joiner = {
      .user_id = bytes_of_text(user), .client = bytes_of_text(client), .key = bytes_of_text(key)};
  (void)room_fixture_ask(fixture, "asks for its callback", &unused);
  place.joining = unused.joining;
  place.joining.context = &place;
  assert_int_equal(room_join(fixture->room, &joiner, fixture->now_ms, &place.joining), ROOM_OK);
  lobby_flush(fixture->lobby);
  assert_int_equal(place.status, ROOM_OK);
  return place.joined.number;
}

static void test_who_somebody_is(void **state)
{
  struct room_fixture *fixture = *state;
  uint32_t known = number_of(fixture, "u", "1.1.1.1", "k");
  /* A user is a user, wherever and with whatever key. */
  assert_int_equal(number_of(fixture, "u", "2.2.2.2", "other"), known);
  uint32_t unknown = number_of(fixture, "", "1.1.1.1", "k");
  assert_int_not_equal(unknown, known);
  assert_int_equal(number_of(fixture, "", "1.1.1.1", "k"), unknown);
  assert_int_not_equal(number_of(fixture, "", "1.1.1.2", "k"), unknown);
  assert_int_not_equal(number_of(fixture, "", "1.1.1.1", "k2"), unknown);
  /* Nobody's key is somebody's name. */
  assert_int_not_equal(number_of(fixture, "", "user", "u"), known);
}

static void test_a_turn_is_one_record(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[200];
  uint64_t before = store_appended(fixture->store.store);
  room_fixture_crowd(fixture, "a", 200, places);
  assert_int_equal(store_appended(fixture->store.store), before + 1);
  for (uint32_t i = 0; i < 200; i++) assert_int_equal(places[i].sequence, before + 1);
  lobby_flush(fixture->lobby);
  assert_int_equal(store_appended(fixture->store.store), before + 1);
}

static void test_twice_in_one_turn_is_one_place(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place first;
  struct room_place second;
  assert_int_equal(room_fixture_ask(fixture, "u", &first), ROOM_OK);
  assert_int_equal(room_fixture_ask(fixture, "u", &second), ROOM_OK);
  lobby_flush(fixture->lobby);
  assert_int_equal(first.status, ROOM_OK);
  assert_int_equal(second.status, ROOM_OK);
  assert_false(first.joined.again);
  assert_true(second.joined.again);
  expect_same_token(&first, &second);
  assert_int_equal(room_fixture_counts(fixture).joins, 1);
}

/* Sizes at which pieces and chunks begin and end, each in turns of several sizes. */
static void test_everybody_is_there_after_a_restart(void **state)
{
  struct room_fixture *fixture = *state;
  enum { COUNT = 2 * ROOM_CHUNK + 70 };
  static struct room_place places[COUNT];
  static const uint32_t turns[] = {1, 30, 1, 1, 31, 33, 200, 726, 1, 1, 1, 1, 40, 1000, 3, 25, 45};
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  uint32_t next = 0;
  for (size_t turn = 0; next < COUNT; turn++) {
    char prefix[16];
    uint32_t count = turn < sizeof turns / sizeof turns[0] ? turns[turn] : 1;
    if (count > COUNT - next) count = COUNT - next;
    snprintf(prefix, sizeof prefix, "t%zu-", turn);
    room_fixture_crowd(fixture, prefix, count, places + next);
    next += count;
    room_fixture_leap(fixture, 13);
    room_fixture_reopen(fixture);
    for (uint32_t i = 0; i < count; i++) {
      char name[32];
      snprintf(name, sizeof name, "%s%u", prefix, i);
      struct room_place again = room_fixture_join(fixture, name);
      assert_true(again.joined.again);
      expect_same_token(&places[next - count + i], &again);
    }
  }
  for (uint32_t i = 0; i < COUNT; i++) {
    assert_int_equal(places[i].joined.number, i);
    assert_int_equal(room_fixture_look(fixture, &places[i]).position, i + 1);
  }
}

/* The same place by a token that is made again, whatever the clock says meanwhile. */
static void test_arrivals_do_not_go_back(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place first = room_fixture_join(fixture, "a");
  fixture->now_ms -= 5000;
  struct room_place second = room_fixture_join(fixture, "b");
  assert_int_equal(room_fixture_look(fixture, &second).waiting_ms, 0);
  room_fixture_reopen(fixture);
  struct room_place again = room_fixture_join(fixture, "b");
  expect_same_token(&second, &again);
  again = room_fixture_join(fixture, "a");
  expect_same_token(&first, &again);
}

/* ---- what is refused ---- */

static struct memory *memory_of(struct room_fixture *fixture)
{
  return &fixture->store.world->memory;
}

/* Each allocation of a turn fails once: who was not told of a place has none. */
static void test_a_failing_turn_changes_nothing(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = memory_of(fixture);
  struct room_place places[3];
  room_fixture_join(fixture, "before");
  bool failed = true;
  for (uint64_t n = 1; failed; n++) {
    struct room_counts before = room_fixture_counts(fixture);
    failed = false;
    memory->fail_at = memory->calls + n;
    enum room_status asked[3];
    for (int i = 0; i < 3; i++) {
      static const char *const names[] = {"a", "b", "before"};
      asked[i] = room_fixture_ask(fixture, names[i], &places[i]);
    }
    lobby_flush(fixture->lobby);
    memory->fail_at = 0;
    for (int i = 0; i < 3; i++) {
      assert_int_equal(places[i].answers, asked[i] == ROOM_OK ? 1 : 0);
      if (asked[i] != ROOM_OK || places[i].status != ROOM_OK) failed = true;
    }
    room_fixture_check(fixture);
    /* None, one or both of the new ones are there, and exactly those who were told. */
    uint32_t told = 0;
    for (int i = 0; i < 2; i++)
      if (asked[i] == ROOM_OK && places[i].status == ROOM_OK && !places[i].joined.again) told++;
    assert_int_equal(room_fixture_counts(fixture).joins, before.joins + told);
    assert_int_equal(room_fixture_counts(fixture).waiting, before.waiting + told);
    if (asked[2] == ROOM_OK && places[2].status == ROOM_OK)
      assert_int_equal(places[2].joined.number, 0);
    else
      assert_true(asked[2] == ROOM_UNAVAILABLE || places[2].status == ROOM_UNAVAILABLE);
  }
  assert_int_equal(room_fixture_counts(fixture).waiting, 3);
}

/* Makes the flush of what was asked for fail, without a failure of the asking. */
static void fail_flush(struct room_fixture *fixture, struct room_place *place)
{
  struct memory *memory = memory_of(fixture);
  for (uint64_t n = 1; place->answers == 0; n++) {
    memory->fail_at = memory->calls + n;
    lobby_flush(fixture->lobby);
    memory->fail_at = 0;
  }
  if (place->status == ROOM_OK) skip();
  assert_int_equal(place->status, ROOM_UNAVAILABLE);
}

/* The first numbers of a new chunk are taken back: who is in the full one before is found. */
static void test_a_chunk_survives_what_fails_behind_it(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[ROOM_CHUNK];
  struct room_place failing[3];
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  room_fixture_crowd(fixture, "u", ROOM_CHUNK, places);
  room_fixture_leap(fixture, 5000);
  for (int i = 0; i < 3; i++) {
    char name[16];
    snprintf(name, sizeof name, "new%d", i);
    assert_int_equal(room_fixture_ask(fixture, name, &failing[i]), ROOM_OK);
  }
  fail_flush(fixture, &failing[2]);
  for (uint32_t i = 0; i < 5; i++) {
    char name[16];
    snprintf(name, sizeof name, "u%u", i);
    struct room_place again = room_fixture_join(fixture, name);
    assert_true(again.joined.again);
    expect_same_token(&places[i], &again);
  }
  struct room_place next = room_fixture_join(fixture, "new0");
  assert_false(next.joined.again);
  assert_int_equal(next.joined.number, ROOM_CHUNK);
  room_fixture_reopen(fixture);
  struct room_place again = room_fixture_join(fixture, "u7");
  expect_same_token(&places[7], &again);
}

/* A full chunk is flushed by the join that needs the next: those before are answered then. */
static void test_more_than_a_chunk_in_a_turn(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[3 * ROOM_CHUNK];
  uint64_t before = store_appended(fixture->store.store);
  room_fixture_crowd(fixture, "u", 3 * ROOM_CHUNK, places);
  assert_int_equal(store_appended(fixture->store.store), before + 3);
  room_fixture_reopen(fixture);
  struct room_place again = room_fixture_join(fixture, "u2047");
  expect_same_token(&places[2047], &again);
}

static void test_nobody_is_found_without_memory(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = memory_of(fixture);
  static struct room_place places[ROOM_CHUNK + 1];
  room_fixture_crowd(fixture, "u", ROOM_CHUNK + 1, places);
  /* The arena to look with is given back first, so that looking must ask for it. */
  arena_free(&fixture->lobby->arena);
  arena_init(&fixture->lobby->arena, memory);
  struct room_place place;
  memory->fail_at = memory->calls + 1;
  assert_int_equal(room_fixture_ask(fixture, "u3", &place), ROOM_UNAVAILABLE);
  memory->fail_at = 0;
  struct room_place again = room_fixture_join(fixture, "u3");
  expect_same_token(&places[3], &again);
}

static void test_a_full_room(void **state)
{
  (void)state;
  struct room_fixture *fixture = calloc(1, sizeof *fixture);
  static struct room_place places[2 * ROOM_CHUNK];
  struct room_place place;
  fixture->capacity = 2 * ROOM_CHUNK;
  room_fixture_open(fixture, 1);
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  room_fixture_crowd(fixture, "u", 2 * ROOM_CHUNK, places);
  assert_int_equal(room_fixture_try_join(fixture, "late", &place), ROOM_IS_FULL);
  /* Who has a place has it, also when the room is full. */
  assert_true(room_fixture_join(fixture, "u9").joined.again);
  /* One who leaves makes no place; a whole chunk of them does, once it is forgotten. */
  for (uint32_t i = 0; i < ROOM_CHUNK; i++) {
    assert_int_equal(room_fixture_try_join(fixture, "late", &place), ROOM_IS_FULL);
    assert_int_equal(room_fixture_leave(fixture, &places[i]), ROOM_OK);
  }
  size_t before = room_fixture_counts(fixture).memory_bytes;
  room_fixture_pass(fixture, 200);
  assert_true(room_fixture_counts(fixture).memory_bytes < before);
  assert_int_equal(room_fixture_try_join(fixture, "late", &place), ROOM_OK);
  assert_int_equal(place.joined.number, 2 * ROOM_CHUNK);
  assert_int_equal(place.joined.position, ROOM_CHUNK + 1);
  room_fixture_reopen(fixture);
  assert_true(room_fixture_join(fixture, "late").joined.again);
  /* Who left comes again at the end. */
  struct room_place back = room_fixture_join(fixture, "u0");
  assert_false(back.joined.again);
  assert_int_equal(back.joined.number, 2 * ROOM_CHUNK + 1);
  assert_int_equal(room_fixture_look(fixture, &places[0]).standing, STANDING_EXPIRED);
  room_fixture_check(fixture);
  room_fixture_close(fixture);
  free(fixture);
}

/* Who joins after somebody in the same chunk left: the image of states was written before. */
static void test_who_joins_after_a_leave_is_there_after_a_restart(void **state)
{
  struct room_fixture *fixture = *state;
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  struct room_place first = room_fixture_join(fixture, "a");
  struct room_place second = room_fixture_join(fixture, "b");
  assert_int_equal(room_fixture_leave(fixture, &first), ROOM_OK);
  struct room_place third = room_fixture_join(fixture, "c");
  room_fixture_reopen(fixture);
  assert_int_equal(room_fixture_look(fixture, &first).standing, STANDING_EXPIRED);
  assert_int_equal(room_fixture_look(fixture, &second).position, 1);
  assert_int_equal(room_fixture_look(fixture, &third).position, 2);
}

/* After a crash: who was durable has the same token, others can come again. */
static void crash_among_joins(uint64_t seed, enum world_sim_crash mode)
{
  enum { COUNT = 120 };
  struct room_fixture *fixture = calloc(1, sizeof *fixture);
  static struct room_place places[COUNT];
  uint64_t durable = 0;
  room_fixture_open(fixture, seed);
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  for (uint32_t i = 0; i < COUNT; i++) {
    char name[16];
    snprintf(name, sizeof name, "u%u", i);
    places[i] = room_fixture_join(fixture, name);
    room_fixture_leap(fixture, 10);
    if (i % 10 == seed % 10) room_fixture_settle(fixture);
    durable = store_durable(fixture->store.store);
  }
  room_fixture_crash(fixture, mode);
  for (uint32_t i = 0; i < COUNT; i++) {
    char name[16];
    snprintf(name, sizeof name, "u%u", i);
    struct room_place again = room_fixture_join(fixture, name);
    if (places[i].sequence <= durable) assert_true(again.joined.again);
    assert_int_equal(again.joined.number, i);
    if (again.joined.again) expect_same_token(&places[i], &again);
  }
  room_fixture_check(fixture);
  room_fixture_close(fixture);
  free(fixture);
}

static void test_no_crash_loses_a_place(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 12; seed++)
    crash_among_joins(seed, (enum world_sim_crash)(WORLD_SIM_CRASH_DROP + seed % 4));
}

/* At most 16 bytes of state for each of a million, here and in the store. */
static void test_a_million_waiters(void **state)
{
  enum { COUNT = 1000000, TURN = 1000 };
  struct room_fixture *fixture = *state;
  struct store_statistics before;
  struct store_statistics after;
  static struct room_place places[TURN];
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  store_statistics(fixture->store.store, &before);
  for (uint32_t i = 0; i < COUNT / TURN; i++) {
    char prefix[16];
    snprintf(prefix, sizeof prefix, "%u-", i);
    room_fixture_crowd(fixture, prefix, TURN, places);
    room_fixture_leap(fixture, 20);
    room_fixture_settle(fixture);
  }
  store_statistics(fixture->store.store, &after);
  size_t of_room = room_fixture_counts(fixture).memory_bytes;
  size_t of_store = after.item_bytes - before.item_bytes;
  print_message("a million waiters: %zu bytes, %zu more in the store\n", of_room, of_store);
  assert_true(of_room + of_store < (size_t)16 << 20);
  lobby_flush(fixture->lobby);
  lobby_close(fixture->lobby);
  int64_t begin_ms = clock() * (int64_t)1000 / CLOCKS_PER_SEC;
  fixture->lobby = lobby_open(
      &(struct lobby_options){.world = fixture->store.world,
                              .store = fixture->store.store,
                              .key = (const uint8_t[TOKEN_KEY_BYTES]){"a key of the tests"}},
      fixture->mono_ms, &fixture->error);
  assert_non_null(fixture->lobby);
  /* Its own share of being ready; how long the store reads its log is the store's. */
  print_message("read again in %lld ms of processor time\n",
                (long long)(clock() * (int64_t)1000 / CLOCKS_PER_SEC - begin_ms));
  fixture->room = lobby_room_at(fixture->lobby, 0);
  room_supply(fixture->room, &fixture->supply);
  assert_int_equal(room_fixture_counts(fixture).waiting, COUNT);
  assert_true(room_fixture_counts(fixture).memory_bytes <= of_room + (64 << 10));
  struct room_place again = room_fixture_join(fixture, "777-123");
  assert_true(again.joined.again);
  assert_int_equal(again.joined.number, 777123);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_numbers_are_in_order_of_arrival),
      WITH_ROOM(test_who_somebody_is),
      WITH_ROOM(test_a_turn_is_one_record),
      WITH_ROOM(test_twice_in_one_turn_is_one_place),
      WITH_ROOM(test_everybody_is_there_after_a_restart),
      WITH_ROOM(test_arrivals_do_not_go_back),
      WITH_ROOM(test_a_failing_turn_changes_nothing),
      WITH_ROOM(test_a_chunk_survives_what_fails_behind_it),
      WITH_ROOM(test_more_than_a_chunk_in_a_turn),
      WITH_ROOM(test_nobody_is_found_without_memory),
      cmocka_unit_test(test_a_full_room),
      WITH_ROOM(test_who_joins_after_a_leave_is_there_after_a_restart),
      cmocka_unit_test(test_no_crash_loses_a_place),
      WITH_ROOM(test_a_million_waiters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
