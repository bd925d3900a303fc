#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_line(struct bytes text, const char *line)
{
  if (strstr((const char *)text.data, line) == NULL)
    fail_msg("no%s in\n%s", line, (const char *)text.data);
}

static void test_everything_is_counted(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place places[8];
  struct room_entry entry;
  assert_non_null(lobby_make_room(fixture->lobby, BYTES("other")));
  room_fixture_set(fixture, ROOM_WAITING, 100, 3);
  room_fixture_crowd(fixture, "u", 8, places);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_enter(fixture, &places[0], &entry), ROOM_OK);
  assert_int_equal(room_fixture_leave(fixture, &places[7]), ROOM_OK);
  line_set_state(fixture->room, 6, WAITER_GHOST);
  struct buffer text;
  struct metrics_writer writer;
  buffer_init(&text, &fixture->store.memory);
  metrics_writer_init(&writer, &text);
  lobby_write_metrics(fixture->lobby, &writer);
  buffer_append_byte(&text, 0);
  static const char *const lines[] = {
      "\ntacos_room_waiting{event=\"evt\"} 3\n",
      "\ntacos_room_waiting{event=\"other\"} 0\n",
      "\ntacos_room_ghosts{event=\"evt\"} 1\n",
      "\ntacos_room_admitted{event=\"evt\"} 2\n",
      "\ntacos_room_shoppers{event=\"evt\"} 3\n",
      "\ntacos_room_allowed_per_second{event=\"evt\"} 100\n",
      "\ntacos_room_joins_total{event=\"evt\"} 8\n",
      "\ntacos_room_admissions_total{event=\"evt\"} 3\n",
      "\ntacos_room_entries_total{event=\"evt\"} 1\n",
      "\ntacos_room_abandoned_total{event=\"evt\"} 1\n",
      "\ntacos_room_expired_total{event=\"evt\"} 0\n",
      "\ntacos_room_full_total{event=\"evt\"} 0\n",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    expect_line(buffer_bytes(&text), lines[i]);
  buffer_free(&text);
}

static void test_counts(void **state)
{
  struct room_fixture *fixture = *state;
  struct room_place places[8];
  struct room_entry entry;
  room_fixture_set(fixture, ROOM_WAITING, 100, 3);
  room_fixture_crowd(fixture, "u", 8, places);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_enter(fixture, &places[0], &entry), ROOM_OK);
  struct room_counts counts = room_fixture_counts(fixture);
  assert_int_equal(counts.waiting, 5);
  assert_int_equal(counts.admitted, 2);
  assert_int_equal(counts.entered, 1);
  assert_int_equal(counts.shoppers, 3);
  assert_int_equal(counts.joins, 8);
  assert_int_equal(counts.admissions, 3);
  assert_int_equal(counts.entries, 1);
}

/* All that the room has asked for and not given back, to the byte. */
static void test_memory_is_what_it_is(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[3000];
  struct memory *memory = &fixture->store.world->memory;
  room_fixture_crowd(fixture, "u", 3000, places);
  room_fixture_pass(fixture, 1000);
  size_t told = room_fixture_counts(fixture).memory_bytes;
  arena_free(&fixture->lobby->arena);
  arena_init(&fixture->lobby->arena, memory);
  /* What a lobby without the room has: one that is opened over another store. */
  struct room_fixture *other = calloc(1, sizeof *other);
  room_fixture_open(other, 1);
  size_t empty = room_fixture_counts(other).memory_bytes;
  room_fixture_close(other);
  free(other);
  size_t before = memory->in_use;
  lobby_close(fixture->lobby);
  size_t freed = before - memory->in_use;
  assert_true(empty < told && told <= freed);
  /* The lobby itself, its plan, its signer and its writer are the rest. */
  print_message("told %zu, freed %zu\n", told, freed);
  assert_true(freed - told < sizeof(struct lobby) + sizeof(struct plan) + (96 << 10));
  const struct lobby_options options = {.world = fixture->store.world,
                                        .store = fixture->store.store,
                                        .key = (const uint8_t[TOKEN_KEY_BYTES]){0}};
  fixture->lobby = lobby_open(&options, fixture->mono_ms, &fixture->error);
  fixture->room = lobby_room_at(fixture->lobby, 0);
}

/* One prediction in 256 looks is followed until its time comes. */
static void test_predictions_are_checked(void **state)
{
  struct room_fixture *fixture = *state;
  static struct room_place places[300];
  room_fixture_set(fixture, ROOM_PAUSED, 10, 5000);
  room_fixture_crowd(fixture, "u", 300, places);
  room_fixture_set(fixture, ROOM_WAITING, 10, 5000);
  for (int second = 0; second < 40; second++) {
    for (uint32_t i = 0; i < 300; i++) (void)room_fixture_look(fixture, &places[i]);
    room_fixture_pass(fixture, 1000);
  }
  const struct room_metrics *metrics = &fixture->room->metrics;
  assert_true(metrics->eta_checked >= 5);
  /* The rate is steady: no more than the rounding up, 15 s in the longest, on average. */
  assert_true(metrics->eta_error_ms / metrics->eta_checked < 5000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_everything_is_counted),
      WITH_ROOM(test_counts),
      WITH_ROOM(test_memory_is_what_it_is),
      WITH_ROOM(test_predictions_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
