#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t KEY[TOKEN_KEY_BYTES] = "a key of the tests";

static void open_lobby(struct room_fixture *fixture)
{
  const struct lobby_options options = {.world = fixture->store.world,
                                        .store = fixture->store.store,
                                        .key = KEY,
                                        .capacity = fixture->capacity};
  fixture->lobby = lobby_open(&options, fixture->mono_ms, &fixture->error);
  if (fixture->lobby == NULL) fail_msg("the lobby does not open: %s", fixture->error.message);
  fixture->room = lobby_make_room(fixture->lobby, BYTES("evt"));
  assert_non_null(fixture->room);
  room_supply(fixture->room, &fixture->supply);
}

void room_fixture_open(struct room_fixture *fixture, uint64_t seed)
{
  *fixture = (struct room_fixture){.capacity = fixture->capacity,
                                   .opens_in_ms = fixture->opens_in_ms};
  store_fixture_open(&fixture->store, seed);
  arena_init(&fixture->arena, &fixture->store.memory);
  fixture->now_ms = world_clock_ms(fixture->store.world);
  fixture->mono_ms = 1000000;
  fixture->supply = (struct room_supply){.on_sale = fixture->opens_in_ms == 0,
                                         .opens_ms = fixture->now_ms + fixture->opens_in_ms,
                                         .free = 1000};
  open_lobby(fixture);
  room_fixture_set(fixture, ROOM_WAITING, 100, 50);
  room_fixture_tick(fixture);
}

void room_fixture_close(struct room_fixture *fixture)
{
  lobby_flush(fixture->lobby);
  lobby_close(fixture->lobby);
  arena_free(&fixture->arena);
  store_fixture_close(&fixture->store);
}

int room_fixture_setup(void **state)
{
  struct room_fixture *fixture = calloc(1, sizeof *fixture);
  if (fixture == NULL) return -1;
  room_fixture_open(fixture, 1);
  *state = fixture;
  return 0;
}

int room_fixture_teardown(void **state)
{
  struct room_fixture *fixture = *state;
  room_fixture_check(fixture);
  room_fixture_close(fixture);
  free(fixture);
  return 0;
}

void room_fixture_reopen(struct room_fixture *fixture)
{
  lobby_flush(fixture->lobby);
  lobby_close(fixture->lobby);
  store_fixture_reopen(&fixture->store);
  open_lobby(fixture);
  room_fixture_check(fixture);
}

void room_fixture_crash(struct room_fixture *fixture, enum world_sim_crash mode)
{
  struct store_fixture *store = &fixture->store;
  lobby_flush(fixture->lobby);
  world_sim_crash(store->sim, mode);
  lobby_close(fixture->lobby);
  (void)store_close(store->store, &store->error);
  arena_reset(&store->answers);
  store->store = store_open(store->world, &store->options, &store->error);
  if (store->store == NULL) fail_msg("the store does not open: %s", store->error.message);
  open_lobby(fixture);
  room_fixture_check(fixture);
}

void room_fixture_settle(struct room_fixture *fixture)
{
  store_fixture_settle(&fixture->store);
}

/* ---- time ---- */

void room_fixture_tick(struct room_fixture *fixture)
{
  if (fixture->opens_in_ms > 0 && fixture->now_ms >= fixture->supply.opens_ms)
    fixture->supply.on_sale = true;
  room_supply(fixture->room, &fixture->supply);
  while (lobby_tick(fixture->lobby, fixture->now_ms, fixture->mono_ms)) continue;
}

void room_fixture_pass(struct room_fixture *fixture, int64_t ms)
{
  while (ms > 0) {
    int64_t step = ms < ROOM_TICK_MS ? ms : ROOM_TICK_MS;
    room_fixture_leap(fixture, step);
    ms -= step;
  }
}

void room_fixture_leap(struct room_fixture *fixture, int64_t ms)
{
  fixture->now_ms += ms;
  fixture->mono_ms += ms;
  room_fixture_tick(fixture);
}

/* ---- settings ---- */

struct plan *room_fixture_plan(struct room_fixture *fixture)
{
  arena_reset(&fixture->arena);
  plan_init(&fixture->plan, fixture->store.store, &fixture->arena);
  return &fixture->plan;
}

void room_fixture_commit(struct room_fixture *fixture)
{
  struct store_transact_result result;
  enum store_status status = plan_commit(&fixture->plan, &result, &fixture->store.error);
  store_fixture_expect(&fixture->store, status, STORE_OK, NULL);
}

void room_fixture_settings(struct room_fixture *fixture, const struct room_settings *settings)
{
  struct plan *plan = room_fixture_plan(fixture);
  assert_int_equal(room_set(fixture->room, plan, settings, &fixture->error), ROOM_OK);
  room_fixture_commit(fixture);
}

void room_fixture_set(struct room_fixture *fixture, enum room_mode mode, uint32_t admit_per_second,
                      uint32_t max_shoppers)
{
  struct room_settings settings = *room_settings(fixture->room);
  settings.mode = mode;
  settings.admit_per_second = admit_per_second;
  settings.max_shoppers = max_shoppers;
  room_fixture_settings(fixture, &settings);
}

/* ---- joining ---- */

static void on_joined(void *context, enum room_status status, const struct room_joined *joined,
                      uint64_t sequence)
{
  struct room_place *place = context;
  assert_int_equal(status == ROOM_OK, joined != NULL);
  place->answers++;
  place->status = status;
  if (joined == NULL) return;
  place->joined = *joined;
  place->sequence = sequence;
}

enum room_status room_fixture_ask(struct room_fixture *fixture, const char *user,
                                  struct room_place *place)
{
  *place = (struct room_place){.joining = {.joined = on_joined, .context = place}};
  const struct room_joiner joiner = {.user_id = bytes_of_text(user)};
  return room_join(fixture->room, &joiner, fixture->now_ms, &place->joining);
}

enum room_status room_fixture_try_join(struct room_fixture *fixture, const char *user,
                                       struct room_place *place)
{
  enum room_status status = room_fixture_ask(fixture, user, place);
  lobby_flush(fixture->lobby);
  assert_int_equal(place->answers, status == ROOM_OK ? 1 : 0);
  return status == ROOM_OK ? place->status : status;
}

struct room_place room_fixture_join(struct room_fixture *fixture, const char *user)
{
  struct room_place place;
  assert_int_equal(room_fixture_try_join(fixture, user, &place), ROOM_OK);
  return place;
}

void room_fixture_crowd(struct room_fixture *fixture, const char *prefix, uint32_t count,
                        struct room_place *places)
{
  char name[32];
  for (uint32_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%s%u", prefix, i);
    assert_int_equal(room_fixture_ask(fixture, name, &places[i]), ROOM_OK);
  }
  lobby_flush(fixture->lobby);
  for (uint32_t i = 0; i < count; i++) {
    assert_int_equal(places[i].answers, 1);
    assert_int_equal(places[i].status, ROOM_OK);
  }
}

/* ---- what people do ---- */

struct room_view room_fixture_look(struct room_fixture *fixture, const struct room_place *place)
{
  struct room_view view;
  assert_int_equal(room_look(fixture->lobby, room_token(place), fixture->now_ms, &view), ROOM_OK);
  assert_ptr_equal(view.room, fixture->room);
  assert_int_equal(view.number, place->joined.number);
  return view;
}

enum room_status room_fixture_enter(struct room_fixture *fixture, const struct room_place *place,
                                    struct room_entry *entry)
{
  struct plan *plan = room_fixture_plan(fixture);
  enum room_status status = room_enter(fixture->lobby, plan, room_token(place), fixture->now_ms,
                                       entry);
  if (status == ROOM_OK)
    room_fixture_commit(fixture);
  else
    assert_int_equal(plan->action_count + plan->hook_count, 0);
  return status;
}

enum room_status room_fixture_leave(struct room_fixture *fixture, const struct room_place *place)
{
  struct plan *plan = room_fixture_plan(fixture);
  enum room_status status = room_leave(fixture->lobby, plan, room_token(place));
  if (status == ROOM_OK) room_fixture_commit(fixture);
  return status;
}

bool room_fixture_admits(struct room_fixture *fixture, const struct room_entry *entry,
                         const char *user)
{
  uint32_t number;
  return room_admits(fixture->room, bytes_of(entry->token, TOKEN_TEXT_BYTES), bytes_of_text(user),
                     fixture->now_ms, &number);
}

void room_fixture_hold(struct room_fixture *fixture, uint32_t number, const char *user)
{
  struct plan *plan = room_fixture_plan(fixture);
  assert_true(room_hold_begins(fixture->room, plan, number, bytes_of_text(user)));
  room_fixture_commit(fixture);
}

void room_fixture_end(struct room_fixture *fixture, uint32_t number, enum room_hold_end end)
{
  struct plan *plan = room_fixture_plan(fixture);
  assert_true(room_hold_ends(fixture->room, plan, number, end));
  room_fixture_commit(fixture);
}

struct room_counts room_fixture_counts(const struct room_fixture *fixture)
{
  struct room_counts counts;
  room_counts(fixture->room, &counts);
  return counts;
}

/* ---- what must be so ---- */

static void check_waiters(const struct room *room)
{
  uint32_t counts[WAITER_STATES] = {0};
  const struct waiters *waiters = &room->waiters;
  for (uint32_t number = 0; number < waiters->next; number++) {
    enum waiter_state state = waiters_state(waiters, number);
    bool kept = waiters->chunks[number / ROOM_CHUNK] != NULL;
    if (kept) counts[state]++;
    uint32_t place = line_place(room, number);
    assert_int_equal(line_number(room, place), number);
    assert_int_equal(ranks_has(&room->line, place), state == WAITER_WAITING);
    const struct shopper *shopper = shoppers_find(&room->shoppers, number);
    if (state == WAITER_ADMITTED || state == WAITER_ENTERED) {
      assert_non_null(shopper);
      assert_int_equal(shopper->entered_ms > 0, state == WAITER_ENTERED);
    } else if (shopper != NULL) {
      assert_int_equal(state, WAITER_LEFT);
      assert_true(kept && shopper->finished);
    }
  }
  for (int state = WAITER_WAITING; state < WAITER_STATES; state++)
    assert_int_equal(waiters->counts[state], counts[state]);
  assert_int_equal(room->line.total, counts[WAITER_WAITING]);
}

static void check_shoppers(const struct room *room)
{
  uint32_t count = 0;
  uint32_t unheld = 0;
  uint32_t entered = 0;
  for (uint32_t i = 0; i < room->shoppers.used; i++) {
    const struct shopper *shopper = &room->shoppers.table[i];
    if (!shopper->used) continue;
    count++;
    if (shopper->holds == 0) unheld++;
    if (shopper->entered_ms > 0) entered++;
    assert_true(shopper->holds == 0 || shopper->bound);
  }
  assert_int_equal(room->shoppers.count, count);
  assert_int_equal(room->unheld, unheld);
  assert_int_equal(room->entered, entered);
}

void room_fixture_check(const struct room_fixture *fixture)
{
  check_waiters(fixture->room);
  check_shoppers(fixture->room);
}
