/*
 * The room beside a naive model of it (room_naive.h): random joins, leaves, silences, returns,
 * entries and holds, before the opening and after, with failing allocations, restarts and crashes
 * in between. TACOS_STEPS says how many steps, TACOS_SEED which.
 *
 * The model says who is admitted, where everybody is and, while nothing fails, how many come in. A
 * crash leaves some of what was not synced: how far the log came is read from the store, and the
 * model goes back to what it was at that record.
 */
#include "sim/random.h"
#include "unit/room/room_fixture.h"
#include "unit/room/room_naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { STEPS_DEFAULT = 1500, NAMES = 250, HISTORY = 24, RATE = 15, SHOPPERS = 20, GRACE_S = 20 };

struct run {
  struct room_fixture fixture;
  struct random random;
  struct room_naive model;
  double permits; /* of the bucket */
  uint32_t admitted;
  struct room_place places[MODEL_PEOPLE]; /* by number */
  struct room_entry entries[MODEL_PEOPLE];
  int history_count;
  struct {
    uint64_t sequence; /* newest record of this state */
    struct room_naive model;
  } history[HISTORY]; /* since the last sync, oldest first */
};

static uint32_t below(struct run *run, uint32_t limit)
{
  return (uint32_t)random_below(&run->random, limit);
}

static bool chance(struct run *run, uint32_t percent)
{
  return below(run, 100) < percent;
}

static int random_number(struct run *run)
{
  return run->model.count == 0 ? MODEL_NOBODY : (int)below(run, (uint32_t)run->model.count);
}

static const char *name_of(int who, char text[16])
{
  snprintf(text, 16, "user%d", who);
  return text;
}

/* ---- what a crash can go back to ---- */

static void remember(struct run *run)
{
  uint64_t sequence = store_appended(run->fixture.store.store);
  int last = run->history_count - 1;
  if (last >= 0 && run->history[last].sequence == sequence) {
    run->history[last].model = run->model;
    return;
  }
  if (run->history_count == HISTORY) {
    room_fixture_settle(&run->fixture);
    run->history_count = 0;
  }
  run->history[run->history_count].sequence = sequence;
  run->history[run->history_count++].model = run->model;
}

static void sync_all(struct run *run)
{
  room_fixture_settle(&run->fixture);
  run->history_count = 0;
  remember(run);
}

/* Signs of life are not durable: everybody has just been seen. */
static void start_again(struct run *run)
{
  for (int i = 0; i < run->model.count; i++) {
    run->model.people[i].seen_ms = run->fixture.mono_ms;
    run->model.people[i].ghost = false;
  }
  run->permits = 0;
}

static void crash(struct run *run)
{
  bool idle = false;
  struct store *store = run->fixture.store.store;
  if (chance(run, 60)) store_flush(store);
  for (uint32_t steps = below(run, 6); steps > 0 && !idle; steps--)
    assert_true(store_step(store, &idle, &run->fixture.error));
  uint64_t durable = store_durable(store);
  room_fixture_crash(&run->fixture, WORLD_SIM_CRASH_RANDOM);
  uint64_t sequence = store_appended(run->fixture.store.store);
  assert_true(sequence >= durable);
  int at = run->history_count - 1;
  while (at >= 0 && run->history[at].sequence > sequence) at--;
  assert_true(at >= 0);
  run->model = run->history[at].model;
  start_again(run);
  sync_all(run);
}

/* ---- comparing ---- */

static enum waiter_state expected_state(const struct model_person *person)
{
  switch (person->state) {
  case MODEL_WAITING:
    return person->ghost ? WAITER_GHOST : WAITER_WAITING;
  case MODEL_ADMITTED:
    return WAITER_ADMITTED;
  case MODEL_ENTERED:
    return WAITER_ENTERED;
  case MODEL_EXPIRED:
    return WAITER_EXPIRED;
  case MODEL_LEFT:
    break;
  }
  return WAITER_LEFT;
}

static void expect_states(struct run *run)
{
  const struct room *room = run->fixture.room;
  assert_int_equal(room->waiters.next, run->model.count);
  assert_int_equal(room->line.total, room_naive_waiting(&run->model));
  for (int i = 0; i < run->model.count; i++) {
    const struct model_person *person = &run->model.people[i];
    assert_int_equal(waiters_state(&room->waiters, (uint32_t)i), expected_state(person));
    if (person->holds == 0) continue;
    const struct shopper *shopper = shoppers_find(&room->shoppers, (uint32_t)i);
    assert_non_null(shopper);
    assert_int_equal(shopper->holds, person->holds);
  }
}

/* Without a sign of life. */
static void expect_position(struct run *run, int number)
{
  const struct room *room = run->fixture.room;
  const struct model_person *person = &run->model.people[number];
  if (person->state != MODEL_WAITING || person->ghost || !run->model.open) return;
  uint32_t place = line_place(room, (uint32_t)number);
  assert_int_equal(place, person->place);
  assert_int_equal(ranks_before(&room->line, place) + 1, room_naive_position(&run->model, number));
}

/* ---- time ---- */

/* What happened to those who were there: ghosts, ends, places given up. */
static void follow_ends(struct run *run, bool whole)
{
  int64_t now_ms = run->fixture.now_ms;
  for (int i = 0; i < run->model.count; i++) {
    struct model_person *person = &run->model.people[i];
    int64_t silence_s = run->fixture.mono_ms / 1000 - person->seen_ms / 1000;
    enum waiter_state state = waiters_state(&run->fixture.room->waiters, (uint32_t)i);
    if (person->state == MODEL_WAITING && state == WAITER_GHOST) {
      assert_true(silence_s > GRACE_S);
      person->ghost = true;
    } else if (person->state == MODEL_WAITING && state == WAITER_EXPIRED) {
      assert_true(silence_s > ROOM_FORGET_S);
      person->state = MODEL_EXPIRED;
    } else if (person->state == MODEL_WAITING && !person->ghost && state == WAITER_WAITING) {
      assert_true(!whole || silence_s <= GRACE_S || silence_s > ROOM_FORGET_S);
    } else if (person->state == MODEL_ADMITTED || person->state == MODEL_ENTERED ||
               person->state == MODEL_LEFT) {
      if (state == WAITER_EXPIRED) {
        assert_false(room_naive_shops(person, now_ms));
        person->state = MODEL_EXPIRED;
      } else if (person->state != MODEL_LEFT && whole) {
        assert_true(room_naive_shops(person, now_ms));
      }
    }
  }
}

/* How many must have come in when nothing failed. */
static uint32_t expected_admissions(struct run *run)
{
  const struct room_supply *supply = &run->fixture.supply;
  uint32_t unheld = 0;
  uint32_t shoppers = 0;
  for (int i = 0; i < run->model.count; i++) {
    const struct shopper *shopper = shoppers_find(&run->fixture.room->shoppers, (uint32_t)i);
    if (shopper == NULL || run->model.people[i].state == MODEL_WAITING) continue;
    shoppers++;
    if (run->model.people[i].holds == 0) unheld++;
  }
  if (!run->model.open || !supply->on_sale || shoppers >= SHOPPERS || unheld >= supply->free)
    return 0;
  if (run->fixture.room->record.settings.mode != ROOM_WAITING) return 0;
  uint32_t most = (uint32_t)run->permits;
  if (most > SHOPPERS - shoppers) most = SHOPPERS - shoppers;
  return most < supply->free - unheld ? most : supply->free - unheld;
}

static void follow_admissions(struct run *run, bool failing)
{
  uint32_t came = 0;
  const struct waiters *waiters = &run->fixture.room->waiters;
  uint32_t most = expected_admissions(run);
  for (int i = 0; i < run->model.count; i++)
    came += run->model.people[i].state == MODEL_WAITING &&
            waiters_state(waiters, (uint32_t)i) == WAITER_ADMITTED;
  assert_true(came <= most);
  for (uint32_t i = 0; i < (failing ? came : most); i++) {
    int next = room_naive_next(&run->model, GRACE_S * 1000, run->fixture.mono_ms);
    if (next == MODEL_NOBODY) break;
    struct model_person *person = &run->model.people[next];
    if (waiters_state(waiters, (uint32_t)next) != WAITER_ADMITTED)
      fail_msg("%d (place %u) is the next and was not admitted", next, person->place);
    person->state = MODEL_ADMITTED;
    person->expires_ms = run->fixture.now_ms + ROOM_ENTRY_S * 1000;
    run->permits -= 1;
    run->admitted++;
  }
}

/* Time passes and the room has its tick; what it did is what the model allows. */
static void pass(struct run *run, int64_t ms, struct room_place *asking, int who)
{
  struct room_fixture *fixture = &run->fixture;
  struct memory *memory = &fixture->store.world->memory;
  bool failing = chance(run, 8);
  uint64_t before = store_appended(fixture->store.store);
  if (failing) memory->fail_at = memory->calls + 1 + below(run, 40);
  room_fixture_leap(fixture, ms);
  memory->fail_at = 0;
  /* The opening answers who joined in its turn: they are drawn too. */
  if (asking != NULL && asking->answers > 0 && asking->status == ROOM_OK) {
    int number = room_naive_join(&run->model, who, fixture->mono_ms - ms);
    run->places[number] = *asking;
  }
  if (fixture->room->record.opened && !run->model.open)
    room_naive_open(&run->model, fixture->room->record.seed);
  run->permits = fmin(run->permits + RATE * ((double)ms / 1000), 1 + RATE * 0.1);
  follow_ends(run, ms >= ROOM_SWEEP_MS && !failing);
  follow_admissions(run, failing);
  if (asking == NULL && store_appended(fixture->store.store) <= before + 1)
    remember(run);
  else
    sync_all(run);
}

/* ---- what people do ---- */

static void joined(struct run *run, int who, const struct room_place *place)
{
  int number = room_naive_find(&run->model, who, run->fixture.now_ms);
  assert_int_equal(place->joined.again, number != MODEL_NOBODY);
  if (number == MODEL_NOBODY) {
    number = room_naive_join(&run->model, who, run->fixture.mono_ms);
    run->places[number] = *place;
  } else {
    room_naive_touch(&run->model, number, run->fixture.mono_ms);
  }
  assert_int_equal(place->joined.number, number);
  assert_memory_equal(place->joined.token, run->places[number].joined.token, TOKEN_TEXT_BYTES);
  bool waits = run->model.people[number].state == MODEL_WAITING;
  assert_int_equal(place->joined.position, waits ? room_naive_position(&run->model, number) : 0);
}

static void step_join(struct run *run)
{
  char name[16];
  struct room_place place;
  int who = (int)below(run, NAMES);
  if (run->model.count >= MODEL_PEOPLE - 2) return;
  if (room_naive_find(&run->model, who, run->fixture.now_ms) != MODEL_NOBODY || chance(run, 80)) {
    assert_int_equal(room_fixture_try_join(&run->fixture, name_of(who, name), &place), ROOM_OK);
    joined(run, who, &place);
    remember(run);
    return;
  }
  /* The room has its tick before what joined is in the store. */
  assert_int_equal(room_fixture_ask(&run->fixture, name_of(who, name), &place), ROOM_OK);
  pass(run, 50 + below(run, 100), &place, who);
  lobby_flush(run->fixture.lobby);
  assert_int_equal(place.answers, 1);
  if (place.status == ROOM_OK &&
      room_naive_find(&run->model, who, run->fixture.now_ms) == MODEL_NOBODY) {
    int number = room_naive_join(&run->model, who, run->fixture.mono_ms);
    run->places[number] = place;
  }
  int number = room_naive_find(&run->model, who, run->fixture.now_ms);
  if (number != MODEL_NOBODY) {
    (void)room_fixture_look(&run->fixture, &run->places[number]);
    room_naive_touch(&run->model, number, run->fixture.mono_ms);
  }
  sync_all(run);
}

static void step_look(struct run *run)
{
  int number = random_number(run);
  if (number == MODEL_NOBODY) return;
  struct model_person *person = &run->model.people[number];
  bool was_away = person->state == MODEL_WAITING && person->ghost;
  struct room_view view = room_fixture_look(&run->fixture, &run->places[number]);
  room_naive_touch(&run->model, number, run->fixture.mono_ms);
  assert_int_equal(view.was_away, was_away);
  assert_int_equal(view.total_waiting, room_naive_waiting(&run->model));
  assert_int_equal(view.opened, run->model.open);
  bool shops = !person->finished && run->fixture.now_ms < person->expires_ms;
  if (person->state == MODEL_WAITING) {
    assert_int_equal(view.standing, STANDING_WAITING);
    assert_false(view.ready_for_entry);
    assert_int_equal(view.position, room_naive_position(&run->model, number));
  } else if (person->state == MODEL_ADMITTED && shops) {
    assert_int_equal(view.standing, STANDING_WAITING);
    assert_true(view.ready_for_entry);
  } else if (person->state == MODEL_ENTERED && shops) {
    assert_int_equal(view.standing, STANDING_READY);
  } else {
    assert_int_equal(view.standing, STANDING_EXPIRED);
  }
}

static void step_enter(struct run *run)
{
  struct room_entry entry;
  int number = random_number(run);
  if (number == MODEL_NOBODY) return;
  struct model_person *person = &run->model.people[number];
  enum room_status status = room_fixture_enter(&run->fixture, &run->places[number], &entry);
  room_naive_touch(&run->model, number, run->fixture.mono_ms);
  bool came = person->state == MODEL_ADMITTED || person->state == MODEL_ENTERED;
  bool shops = came && !person->finished && run->fixture.now_ms < person->expires_ms;
  assert_int_equal(status, person->state == MODEL_WAITING ? ROOM_NOT_READY
                           : shops                        ? ROOM_OK
                                                          : ROOM_TOKEN_EXPIRED);
  if (status != ROOM_OK) return;
  if (person->state == MODEL_ENTERED) {
    assert_memory_equal(entry.token, run->entries[number].token, TOKEN_TEXT_BYTES);
  } else {
    person->state = MODEL_ENTERED;
    person->expires_ms = run->fixture.now_ms + ROOM_TOKEN_TTL_S * 1000;
  }
  assert_int_equal(entry.expires_ms, person->expires_ms);
  run->entries[number] = entry;
  remember(run);
}

static void step_leave(struct run *run)
{
  int number = random_number(run);
  if (number == MODEL_NOBODY) return;
  struct model_person *person = &run->model.people[number];
  assert_int_equal(room_fixture_leave(&run->fixture, &run->places[number]), ROOM_OK);
  if (person->state != MODEL_EXPIRED) person->state = MODEL_LEFT;
  if (person->holds > 0) person->finished = true;
  remember(run);
}

static void step_hold(struct run *run)
{
  char name[16];
  int number = random_number(run);
  if (number == MODEL_NOBODY || run->entries[number].room == NULL) return;
  struct model_person *person = &run->model.people[number];
  int buyer = chance(run, 80) ? person->who : person->who + 1;
  bool may = person->state == MODEL_ENTERED && !person->finished &&
             run->fixture.now_ms < person->expires_ms &&
             (person->buyer == MODEL_NOBODY || person->buyer == buyer);
  bool does = room_fixture_admits(&run->fixture, &run->entries[number], name_of(buyer, name));
  assert_int_equal(does, may);
  if (!may) return;
  room_fixture_hold(&run->fixture, (uint32_t)number, name);
  person->holds++;
  person->buyer = buyer;
  remember(run);
}

static void step_end_hold(struct run *run)
{
  for (int i = 0; i < run->model.count; i++) {
    struct model_person *person = &run->model.people[i];
    if (person->holds == 0 || !chance(run, 30)) continue;
    enum room_hold_end end = chance(run, 50) ? ROOM_HOLD_RELEASED : ROOM_HOLD_BOUGHT;
    room_fixture_end(&run->fixture, (uint32_t)i, end);
    person->holds--;
    if (end == ROOM_HOLD_BOUGHT) person->finished = true;
    remember(run);
  }
}

/* ---- a run ---- */

static void step(struct run *run)
{
  uint32_t what = below(run, 1000);
  if (what < 330)
    step_join(run);
  else if (what < 550)
    step_look(run);
  else if (what < 650)
    step_enter(run);
  else if (what < 680)
    step_leave(run);
  else if (what < 740)
    step_hold(run);
  else if (what < 770)
    step_end_hold(run);
  else if (what < 900)
    pass(run, 50 + below(run, 400), NULL, 0);
  else if (what < 940)
    pass(run, ROOM_SWEEP_MS + below(run, 20000), NULL, 0);
  else if (what < 942)
    pass(run, (ROOM_FORGET_S + 5) * 1000 + below(run, 5000), NULL, 0);
  else if (what < 950)
    run->fixture.supply.free = below(run, 30);
  else if (what < 960)
    room_fixture_set(&run->fixture, chance(run, 30) ? ROOM_PAUSED : ROOM_WAITING, RATE, SHOPPERS);
  else if (what < 975)
    sync_all(run);
  else if (what < 985)
    crash(run);
  else if (what < 988) {
    room_fixture_reopen(&run->fixture);
    start_again(run);
    sync_all(run);
  }
  remember(run);
}

static void run_seed(uint64_t seed, int steps)
{
  struct run *run = calloc(1, sizeof *run);
  assert_non_null(run);
  random_init(&run->random, seed);
  run->fixture.opens_in_ms = 1000 * (int64_t)random_between(&run->random, 1, 200);
  room_fixture_open(&run->fixture, seed);
  struct room_settings settings = *room_settings(run->fixture.room);
  settings.admit_per_second = RATE;
  settings.max_shoppers = SHOPPERS;
  settings.grace_s = GRACE_S;
  room_fixture_settings(&run->fixture, &settings);
  room_naive_init(&run->model);
  sync_all(run);
  for (int i = 0; i < steps; i++) {
    step(run);
    int number = random_number(run);
    if (number != MODEL_NOBODY) expect_position(run, number);
    if (i % 20 > 0) continue;
    expect_states(run);
    room_fixture_check(&run->fixture);
    store_fixture_clear(&run->fixture.store);
  }
  assert_true(run->model.open && run->admitted > 50);
  room_fixture_close(&run->fixture);
  free(run);
}

static void test_is_like_a_naive_room(void **state)
{
  (void)state;
  const char *text = getenv("TACOS_STEPS");
  int steps = text == NULL ? STEPS_DEFAULT : atoi(text);
  uint64_t first = random_seed(1);
  uint64_t seeds = getenv("TACOS_SEED") == NULL ? 10 : 1;
  for (uint64_t seed = first; seed < first + seeds; seed++) run_seed(seed, steps);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_is_like_a_naive_room)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
