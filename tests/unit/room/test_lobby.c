#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t KEY[TOKEN_KEY_BYTES] = "a key of the tests";

static struct lobby *open_again(struct room_fixture *fixture)
{
  const struct lobby_options options = {
      .world = fixture->store.world, .store = fixture->store.store, .key = KEY};
  return lobby_open(&options, fixture->mono_ms, &fixture->error);
}

static void test_each_event_has_its_room(void **state)
{
  struct room_fixture *fixture = *state;
  struct room *rooms[20];
  char name[16];
  for (uint32_t i = 0; i < 20; i++) {
    snprintf(name, sizeof name, "evt%u", i);
    assert_null(lobby_room(fixture->lobby, bytes_of_text(name)));
    rooms[i] = lobby_make_room(fixture->lobby, bytes_of_text(name));
    assert_non_null(rooms[i]);
    assert_ptr_equal(lobby_make_room(fixture->lobby, bytes_of_text(name)), rooms[i]);
    assert_ptr_equal(lobby_room(fixture->lobby, bytes_of_text(name)), rooms[i]);
    assert_int_equal(room_settings(rooms[i])->mode, ROOM_OPEN);
    for (uint32_t j = 0; j < i; j++)
      assert_memory_not_equal(rooms[i]->record.seed, rooms[j]->record.seed, SHUFFLE_SEED_BYTES);
  }
  room_fixture_reopen(fixture);
  for (uint32_t i = 0; i < 20; i++) {
    snprintf(name, sizeof name, "evt%u", i);
    struct room *room = lobby_room_at(fixture->lobby, i + 1);
    assert_true(bytes_equal(room_event_id(room), bytes_of_text(name)));
    assert_ptr_equal(lobby_room(fixture->lobby, bytes_of_text(name)), room);
  }
  assert_null(lobby_room_at(fixture->lobby, 21));
}

/* The same person in two rooms: two places, two tokens, each for its room. */
static void test_rooms_are_apart(void **state)
{
  struct room_fixture *fixture = *state;
  struct room *first = fixture->room;
  struct room_place here = room_fixture_join(fixture, "u");
  fixture->room = lobby_make_room(fixture->lobby, BYTES("other"));
  room_supply(fixture->room, &fixture->supply);
  struct room_place there = room_fixture_join(fixture, "u");
  assert_int_equal(there.joined.number, 0);
  assert_false(there.joined.again);
  assert_memory_not_equal(here.joined.token, there.joined.token, TOKEN_TEXT_BYTES);
  assert_ptr_equal(room_fixture_look(fixture, &there).room, fixture->room);
  fixture->room = first;
  assert_ptr_equal(room_fixture_look(fixture, &here).room, first);
  room_fixture_pass(fixture, 200);
  /* The other one is open to everybody: nobody is admitted from its line. */
  assert_int_equal(room_fixture_counts(fixture).admissions, 1);
}

static void test_waits_for_the_next_look(void **state)
{
  struct room_fixture *fixture = *state;
  assert_int_equal(lobby_wait_ms(fixture->lobby, fixture->mono_ms, 1000), ROOM_TICK_MS);
  assert_int_equal(lobby_wait_ms(fixture->lobby, fixture->mono_ms, 7), 7);
  assert_int_equal(lobby_wait_ms(fixture->lobby, fixture->mono_ms + 45, 1000), 5);
  assert_int_equal(lobby_wait_ms(fixture->lobby, fixture->mono_ms + 450, 1000), 0);
}

/* Time that seems to go back does not. */
static void test_clocks_that_jump(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place place = room_fixture_join(fixture, "u");
  (void)lobby_tick(fixture->lobby, fixture->now_ms - 100000, fixture->mono_ms - 100000);
  assert_int_equal(fixture->lobby->mono_ms, fixture->mono_ms);
  struct room_view view;
  assert_int_equal(room_look(fixture->lobby, room_token(&place), fixture->now_ms - 100000, &view),
                   ROOM_OK);
  assert_int_equal(view.waiting_ms, 0);
}

/* A room with some of everything in it. */
static void fill(struct room_fixture *fixture)
{
  static struct room_place places[ROOM_CHUNK + 100];
  struct room_entry entry;
  room_fixture_crowd(fixture, "u", ROOM_CHUNK + 100, places);
  room_fixture_set(fixture, ROOM_WAITING, 100, 5);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_enter(fixture, &places[1], &entry), ROOM_OK);
  room_fixture_hold(fixture, 1, "u1");
  assert_int_equal(room_fixture_leave(fixture, &places[ROOM_CHUNK + 7]), ROOM_OK);
}

static void test_no_memory_to_open(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  fill(fixture);
  struct room_counts before = room_fixture_counts(fixture);
  lobby_close(fixture->lobby);
  size_t in_use = memory->in_use;
  fixture->lobby = NULL;
  for (uint64_t n = 1; fixture->lobby == NULL; n++) {
    memory->fail_at = memory->calls + n;
    fixture->lobby = open_again(fixture);
    memory->fail_at = 0;
    if (fixture->lobby == NULL) assert_int_equal(memory->in_use, in_use);
    if (fixture->lobby == NULL) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  }
  fixture->room = lobby_room_at(fixture->lobby, 0);
  struct room_counts after = room_fixture_counts(fixture);
  assert_int_equal(after.waiting, before.waiting);
  assert_int_equal(after.shoppers, before.shoppers);
  assert_int_equal(after.entered, before.entered);
  assert_int_equal(after.admitted, before.admitted);
}

static void test_no_memory_to_make_a_room(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  struct room *room = NULL;
  arena_free(&fixture->lobby->arena);
  arena_init(&fixture->lobby->arena, memory);
  for (uint64_t n = 1; room == NULL; n++) {
    memory->fail_at = memory->calls + n;
    room = lobby_make_room(fixture->lobby, BYTES("other"));
    memory->fail_at = 0;
    assert_ptr_equal(lobby_room(fixture->lobby, BYTES("other")), room);
  }
  room_fixture_reopen(fixture);
  assert_non_null(lobby_room(fixture->lobby, BYTES("other")));
}

/* ---- damaged tables ---- */

static void expect_damaged(struct room_fixture *fixture, const char *message)
{
  lobby_close(fixture->lobby);
  fixture->lobby = open_again(fixture);
  assert_null(fixture->lobby);
  assert_int_equal(fixture->error.code, ERROR_CORRUPT);
  assert_string_equal(fixture->error.message, message);
}

/* Puts an item that makes the table one that no lobby wrote, looks, and takes it away again. */
static void try_damage(struct room_fixture *fixture, const char *sort, const char *rest,
                       const char *message)
{
  struct table *table = store_table(fixture->store.store, BYTES(ROOM_TABLE));
  store_fixture_put(&fixture->store, table, "{'pk':{'S':'ROOM#evt'},'sk':{'S':'%s'}%s}", sort,
                    rest);
  expect_damaged(fixture, message);
  store_fixture_delete(&fixture->store, table, "{'pk':{'S':'ROOM#evt'},'sk':{'S':'%s'}}", sort);
  fixture->lobby = open_again(fixture);
  if (fixture->lobby == NULL) fail_msg("%s", fixture->error.message);
  fixture->room = lobby_room_at(fixture->lobby, 0);
}

#define ENTRY ",'base':{'N':'1'},'count':{'N':'1'},'entries':{'B':'AAAAAAAAAAA='}"
#define SHOPPER                                                                            \
  ",'admittedAt':{'N':'1'},'enteredAt':{'N':'1'},'expiresAt':{'N':'1'},'holds':{'N':'0'}," \
  "'finished':{'BOOL':false}"

static void test_damaged_items_are_told(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[10];
  room_fixture_set(fixture, ROOM_PAUSED, 100, 5);
  room_fixture_crowd(fixture, "u", 10, places);
  try_damage(fixture, "NONSENSE", "", "table tacos-rooms: the item ROOM#evt NONSENSE is damaged");
  try_damage(fixture, "WAITERS#00000#0004", ENTRY,
             "room of event evt: waiters of chunk 0 are damaged");
  try_damage(fixture, "WAITERS#00000#0010", ",'base':{'N':'1'}",
             "room of event evt: waiters of chunk 0 are damaged");
  try_damage(fixture, "WAITERS#00001", ENTRY, "room of event evt: waiters of chunk 1 are damaged");
  try_damage(fixture, "STATES#00001", ",'states':{'B':'AAAA'}",
             "table tacos-rooms: the item ROOM#evt STATES#00001 is damaged");
  try_damage(fixture, "STATES#00000", ",'states':{'B':'AAAA'}",
             "table tacos-rooms: the item ROOM#evt STATES#00000 is damaged");
  try_damage(fixture, "SHOPPER#00000010", SHOPPER,
             "table tacos-rooms: the item ROOM#evt SHOPPER#00000010 is damaged");
  try_damage(fixture, "SHOPPER#00000001", "",
             "table tacos-rooms: the item ROOM#evt SHOPPER#00000001 is damaged");
  /* Nothing of it has harmed who waits. */
  assert_int_equal(room_fixture_look(fixture, &places[9]).position, 10);
}

static void test_a_shopper_that_is_missing(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place place = room_fixture_join(fixture, "u");
  room_fixture_pass(fixture, 200);
  assert_true(room_fixture_look(fixture, &place).ready_for_entry);
  struct table *table = store_table(fixture->store.store, BYTES(ROOM_TABLE));
  store_fixture_delete(&fixture->store, table,
                       "{'pk':{'S':'ROOM#evt'},'sk':{'S':'SHOPPER#00000000'}}");
  expect_damaged(fixture, "room of event evt: no shopper 0");
  store_fixture_put(&fixture->store, table,
                    "{'pk':{'S':'ROOM#evt'},'sk':{'S':'SHOPPER#00000000'}" SHOPPER "}");
  fixture->lobby = open_again(fixture);
  fixture->room = lobby_room_at(fixture->lobby, 0);
}

/* More pieces of one chunk than a room ever writes. */
static void test_too_many_pieces(void **state)
{
  struct room_fixture *fixture = *state;
  struct table *table = store_table(fixture->store.store, BYTES(ROOM_TABLE));
  for (int i = 0; i < 100; i++)
    store_fixture_put(&fixture->store, table,
                      "{'pk':{'S':'ROOM#evt'},'sk':{'S':'WAITERS#00000#%04d'}" ENTRY "}", i);
  expect_damaged(fixture, "room of event evt: waiters of chunk 0 are damaged");
  for (int i = 0; i < 100; i++)
    store_fixture_delete(&fixture->store, table,
                         "{'pk':{'S':'ROOM#evt'},'sk':{'S':'WAITERS#00000#%04d'}}", i);
  fixture->lobby = open_again(fixture);
  fixture->room = lobby_room_at(fixture->lobby, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_each_event_has_its_room), WITH_ROOM(test_rooms_are_apart),
      WITH_ROOM(test_waits_for_the_next_look), WITH_ROOM(test_clocks_that_jump),
      WITH_ROOM(test_no_memory_to_open),       WITH_ROOM(test_no_memory_to_make_a_room),
      WITH_ROOM(test_damaged_items_are_told),  WITH_ROOM(test_a_shopper_that_is_missing),
      WITH_ROOM(test_too_many_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
