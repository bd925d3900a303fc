#include "sim/room_run.h"

#include "base/check.h"
#include "room/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USER_BYTES = 16, FORGET_MS = 7200000, FORGET_LATE_MS = 60000 };

/* ---- one request ---- */

struct plan *room_ask_plan(struct room_run *run)
{
  arena_reset(&run->arena);
  plan_init(&run->plan, run->store, &run->arena);
  return &run->plan;
}

bool room_ask_commit(struct room_run *run, struct room_span *span)
{
  struct store_transact_result result;
  if (run->plan.action_count == 0) {
    span->low = span->high = store_appended(run->store);
    return true;
  }
  enum store_status status = plan_commit(&run->plan, &result, &run->error);
  if (status == STORE_UNAVAILABLE) run->busy = true;
  if (status != STORE_OK) {
    if (!room_process_was_spoiled(run))
      room_run_fail(run, "the commit gives %s: %s", store_status_name(status), run->error.message);
    return false;
  }
  *span = (struct room_span){result.sequence - 1, result.sequence};
  return true;
}

struct bytes room_ask_user(uint32_t buyer, char text[16])
{
  return bytes_of(text, (size_t)snprintf(text, USER_BYTES, "user-%u", buyer));
}

static uint32_t index_of(const struct room_run *run, const struct room_buyer *buyer)
{
  return (uint32_t)(buyer - run->buyers);
}

/* A sign of life reaches the room. */
static void seen(struct room_run *run, uint32_t number)
{
  room_model_touch(&run->model, number);
  run->buyers[run->model.places[number].buyer].seen_ms = run->mono_ms;
}

/* Whether who waits may have been given up for a silence of two hours; must have been. */
static bool may_be_forgotten(const struct room_run *run, uint32_t number)
{
  const struct room_place *place = &run->model.places[number];
  return place->maybe_forgotten || run->model.now_ms - place->seen_ms >= FORGET_MS;
}

static bool must_be_forgotten(const struct room_run *run, uint32_t number)
{
  return run->model.now_ms - run->model.places[number].seen_ms >= FORGET_MS + FORGET_LATE_MS;
}

static void forget(struct room_run *run, uint32_t number)
{
  /* When that was written is not known. */
  const struct room_span span = {0, store_appended(run->store)};
  room_model_change(&run->model, span, number)->state = FATE_FORGOTTEN;
  room_model_settle(&run->model, number);
  run->totals->forgotten++;
}

/* A position, of somebody who waits. Without an order it is the last one of all. */
static bool is_last(const struct room_run *run, uint32_t position)
{
  return position >= run->model.sure.total &&
         position <= run->model.maybe.total + run->arrivals_open;
}

static void check_position(struct room_run *run, uint32_t number, bool opened, uint32_t position)
{
  const struct room_model *model = &run->model;
  uint32_t least = model->sure.total - 1;
  uint32_t most = model->maybe.total - 1 + run->arrivals_open;
  if (opened) room_model_before(model, number, &least, &most);
  if (opened ? position > least && position <= most + 1 : is_last(run, position)) return;
  room_run_fail(run, "number %u of %u is told position %u, not %u to %u", number, model->count,
                position, least + 1, most + 1);
}

/* ---- joining ---- */

/* On its way through the lobby. */
struct arrival {
  struct room_joining joining;
  struct room_run *run;
  uint32_t buyer;
  uint16_t key;
  int64_t mono_ms; /* of the lobby, then */
};

/* Whether this joiner must have a place. */
static bool has_place(const struct room_run *run, const struct room_buyer *buyer)
{
  if (buyer->truth == MODEL_NONE || buyer->truth >= run->model.count) return false;
  const struct room_fate *fate = &run->model.places[buyer->truth].fate;
  if (fate->state == FATE_WAITS) return !may_be_forgotten(run, buyer->truth);
  return !room_fate_is_over(fate, run->now_ms);
}

/* By a key that it uses no more: what it is told then is of no interest to it. */
static bool is_stale(const struct arrival *arrival, const struct room_buyer *buyer)
{
  return !buyer->known && buyer->key != arrival->key;
}

static void joined_anew(const struct arrival *arrival, struct room_buyer *buyer,
                        const struct room_joined *joined, uint64_t sequence)
{
  struct room_run *run = arrival->run;
  const struct room_span span = {sequence - 1, sequence};
  if (joined->number != run->model.count)
    room_run_fail(run, "number %u is given out, %u would be the next", joined->number,
                  run->model.count);
  run->totals->joins++;
  room_model_join(&run->model, span, arrival->buyer, arrival->key, arrival->mono_ms);
  if (is_stale(arrival, buyer)) return;
  if (has_place(run, buyer))
    room_run_fail(run, "buyer %u has number %u and is given %u", arrival->buyer, buyer->truth,
                  joined->number);
  if (buyer->truth != MODEL_NONE && buyer->truth < run->model.count &&
      run->model.places[buyer->truth].fate.state == FATE_WAITS)
    forget(run, buyer->truth);
  buyer->truth = joined->number;
}

static void joined_again(const struct arrival *arrival, const struct room_buyer *buyer,
                         const struct room_joined *joined)
{
  struct room_run *run = arrival->run;
  run->totals->again++;
  if (is_stale(arrival, buyer)) return;
  if (buyer->truth != joined->number)
    room_run_fail(run, "buyer %u has number %u, and is told of %u", arrival->buyer, buyer->truth,
                  joined->number);
  if (buyer->number == joined->number)
    ROOM_CHECK(run, memcmp(buyer->token, joined->token, TOKEN_TEXT_BYTES) == 0);
}

static void joined(void *context, enum room_status status, const struct room_joined *joined,
                   uint64_t sequence)
{
  const struct arrival arrival = *(struct arrival *)context;
  struct room_run *run = arrival.run;
  struct room_buyer *buyer = &run->buyers[arrival.buyer];
  run->arrivals_open--;
  free(context);
  if (status != ROOM_OK) {
    ROOM_CHECK(run, status == ROOM_UNAVAILABLE && room_process_was_spoiled(run));
    return;
  }
  if (joined->again)
    joined_again(&arrival, buyer, joined);
  else
    joined_anew(&arrival, buyer, joined, sequence);
  enum fate_state state = run->model.places[joined->number].fate.state;
  if (state != FATE_WAITS)
    ROOM_CHECK(run, joined->position == 0);
  else if (!is_last(run, joined->position)) /* as long as places are drawn */
    check_position(run, joined->number, run->model.opened, joined->position);
  room_crowd_reply(run, buyer, NEWS_PLACE, joined->number, sequence, joined->token);
}

/* That is a sign of life at once, though the answer is still to come. */
static void found_again(struct room_run *run, uint32_t number)
{
  enum fate_state state = run->model.places[number].fate.state;
  ROOM_CHECK(run, state != FATE_LEFT && state != FATE_FORGOTTEN);
  ROOM_CHECK(run, !must_be_forgotten(run, number) || state != FATE_WAITS);
  if (state == FATE_WAITS) run->model.places[number].maybe_forgotten = false;
  seen(run, number);
}

void room_ask_join(struct room_run *run, struct room_buyer *buyer)
{
  char user[USER_BYTES];
  char client[USER_BYTES];
  char key[2 * USER_BYTES];
  uint32_t number = index_of(run, buyer);
  struct room_joiner joiner = {0};
  /* Whoever is known may send any key. */
  uint32_t sent = buyer->known ? (uint32_t)random_below(&run->random, 1000) : buyer->key;
  joiner.key = bytes_of(key, (size_t)snprintf(key, sizeof key, "key-%u-%u", number, sent));
  joiner.client = bytes_of(client,
                           (size_t)snprintf(client, sizeof client, "10.0.0.%u", number % 200));
  if (buyer->known) joiner.user_id = room_ask_user(number, user);
  struct arrival *arrival = malloc(sizeof *arrival);
  if (arrival == NULL) abort();
  *arrival = (struct arrival){.joining = {.joined = joined, .context = arrival},
                              .run = run,
                              .buyer = number,
                              .key = buyer->key,
                              .mono_ms = run->model.now_ms};
  run->arrivals_open++;
  if (random_chance(&run->random, run->fault_per_million / 8)) room_process_break_memory(run, 6);
  enum room_status status = room_join(run->room, &joiner, run->now_ms, &arrival->joining);
  bool spoiled = room_process_was_spoiled(run);
  room_process_heal_memory(run);
  buyer->seen_ms = run->mono_ms;
  if (status == ROOM_OK) {
    const struct room_joining *joining = &arrival->joining;
    if (joining->again && joining->number < run->model.count) found_again(run, joining->number);
    return;
  }
  if (status == ROOM_IS_FULL)
    ROOM_CHECK(run, run->model.count + run->arrivals_open > run->capacity);
  else
    ROOM_CHECK(run, status == ROOM_UNAVAILABLE && spoiled);
  if (status == ROOM_IS_FULL) {
    run->totals->full++;
    /* As Retry-After says. */
    room_crowd_at(run, buyer, room_run_later(run, 25000, 35000));
  }
  run->arrivals_open--;
  free(arrival);
}

void room_ask_joined_all(struct room_run *run)
{
  ROOM_CHECK(run, run->arrivals_open == 0);
}

/* ---- looking ---- */

/* The room is open to everybody, by its mode. */
static bool is_open(const struct room_run *run)
{
  return run->model.settings.mode == ROOM_OPEN && run->now_ms >= run->opens_ms;
}

static enum room_seen check_waiting(struct room_run *run, const struct room_view *view)
{
  const struct room_model *model = &run->model;
  ROOM_CHECK(run, view->standing == STANDING_WAITING);
  if (view->ready_for_entry) {
    if (!is_open(run)) room_run_fail(run, "number %u may enter and was not admitted", view->number);
    return SEEN_READY;
  }
  check_position(run, view->number, view->opened, view->position);
  ROOM_CHECK(run, view->total_waiting >= model->sure.total &&
                      view->total_waiting <= model->maybe.total + run->arrivals_open);
  /* Nobody can come sooner than the operator's rate allows. */
  if (view->eta_s != PACE_UNKNOWN)
    ROOM_CHECK(run, view->eta_s * (uint64_t)model->settings.admit_per_second >= view->position);
  ROOM_CHECK(run, view->paused == (model->settings.mode == ROOM_PAUSED));
  return SEEN_WAITING;
}

static enum room_seen check_view(struct room_run *run, uint32_t number,
                                 const struct room_view *view)
{
  const struct room_fate *fate = &run->model.places[number].fate;
  bool over = room_fate_is_over(fate, run->now_ms);
  ROOM_CHECK(run, view->room == run->room && view->number == number);
  /* An order that is told is one that stays. */
  if (view->opened)
    ROOM_CHECK(run, run->model.opened &&
                        (view->sequence >= run->opened_at || run->durable >= run->opened_at));
  if (fate->state == FATE_WAITS) return check_waiting(run, view);
  ROOM_CHECK(run, view->sequence <= store_appended(run->store));
  if (over) {
    if (view->standing != STANDING_EXPIRED)
      room_run_fail(run, "number %u is over and told %d", number, (int)view->standing);
    return SEEN_OVER;
  }
  ROOM_CHECK(run, view->ready_for_entry && view->position == 0);
  ROOM_CHECK(run,
             view->standing == (fate->state == FATE_ENTERED ? STANDING_READY : STANDING_WAITING));
  ROOM_CHECK(run, view->left_s == (fate->expires_ms - run->now_ms + 999) / 1000);
  return view->sequence <= run->durable ? SEEN_READY : SEEN_NOTHING;
}

/* What somebody is told who may have been given up. */
static bool met_forgotten(struct room_run *run, uint32_t number, bool gone)
{
  if (run->model.places[number].fate.state != FATE_WAITS) return false;
  if (gone) {
    if (!may_be_forgotten(run, number))
      room_run_fail(run, "number %u waits, and its place is gone", number);
    forget(run, number);
    return true;
  }
  ROOM_CHECK(run, !must_be_forgotten(run, number));
  run->model.places[number].maybe_forgotten = false;
  return false;
}

static void follow_guess(struct room_run *run, struct room_buyer *buyer,
                         const struct room_view *view)
{
  if (buyer->told_ms > 0 || view->eta_s == PACE_UNKNOWN || view->ready_for_entry || !view->opened ||
      random_below(&run->random, 16) > 0)
    return;
  buyer->told_ms = run->now_ms;
  buyer->told_s = view->eta_s;
}

enum room_seen room_ask_look(struct room_run *run, struct room_buyer *buyer)
{
  struct room_view view;
  uint32_t number = buyer->number;
  enum room_life life = run->model.places[number].life;
  struct bytes token = bytes_of(buyer->token, TOKEN_TEXT_BYTES);
  run->totals->looks++;
  enum room_status status = room_look(run->lobby, token, run->now_ms, &view);
  if (status != ROOM_OK) room_run_fail(run, "number %u is not known: %d", number, (int)status);
  if (met_forgotten(run, number, view.standing == STANDING_EXPIRED)) return SEEN_OVER;
  bool waits = run->model.places[number].fate.state == FATE_WAITS;
  if (waits && life != LIFE_MAYBE && view.was_away != (life == LIFE_GHOST))
    room_run_fail(run, "number %u, silent for %lld ms, was %sa ghost to the room", number,
                  (long long)(run->model.now_ms - run->model.places[number].seen_ms),
                  view.was_away ? "" : "not ");
  seen(run, number);
  enum room_seen found = check_view(run, number, &view);
  if (found == SEEN_WAITING) follow_guess(run, buyer, &view);
  return found;
}

/* ---- entering and leaving ---- */

static enum room_status expect_enter(struct room_run *run, const struct room_fate *fate)
{
  if (fate->state == FATE_WAITS) return is_open(run) ? ROOM_OK : ROOM_NOT_READY;
  return room_fate_is_over(fate, run->now_ms) ? ROOM_TOKEN_EXPIRED : ROOM_OK;
}

static void entered(struct room_run *run, struct room_buyer *buyer, struct room_span span,
                    const struct room_entry *entry)
{
  uint32_t number = buyer->number;
  enum fate_state was = run->model.places[number].fate.state;
  if (was == FATE_ENTERED) {
    /* The same session. */
    ROOM_CHECK(run, entry->expires_ms == run->model.places[number].fate.expires_ms);
    if (buyer->pass[0] != 0)
      ROOM_CHECK(run, memcmp(entry->token, buyer->pass, TOKEN_TEXT_BYTES) == 0);
    return;
  }
  int64_t expires_ms = run->now_ms + run->model.settings.token_ttl_s * INT64_C(1000);
  ROOM_CHECK(run, entry->expires_ms == expires_ms);
  struct room_fate *fate = room_model_change(&run->model, span, number);
  if (was == FATE_WAITS) {
    fate->admitted_ms = run->now_ms;
    run->admissions++;
    run->totals->walked_in++;
    room_check_add_shopper(run, number);
  }
  fate->state = FATE_ENTERED;
  fate->entered_ms = run->now_ms;
  fate->expires_ms = expires_ms;
  room_model_settle(&run->model, number);
  run->totals->entries++;
  run->totals->entered_kind[buyer->kind]++;
}

enum room_status room_ask_enter(struct room_run *run, struct room_buyer *buyer)
{
  struct room_entry entry;
  struct room_span span;
  uint32_t number = buyer->number;
  struct plan *plan = room_ask_plan(run);
  if (random_chance(&run->random, run->fault_per_million)) room_process_break_memory(run, 12);
  enum room_status status = room_enter(run->lobby, plan, bytes_of(buyer->token, TOKEN_TEXT_BYTES),
                                       run->now_ms, &entry);
  bool spoiled = status == ROOM_UNAVAILABLE && room_process_was_spoiled(run);
  if (status == ROOM_OK && !room_ask_commit(run, &span)) spoiled = true;
  room_process_heal_memory(run);
  bool forgotten = met_forgotten(run, number, status == ROOM_TOKEN_EXPIRED);
  seen(run, number);
  if (spoiled || forgotten) return spoiled ? ROOM_UNAVAILABLE : ROOM_TOKEN_EXPIRED;
  enum room_status expected = expect_enter(run, &run->model.places[number].fate);
  if (status != expected)
    room_run_fail(run, "entering of number %u gives %d, not %d", number, (int)status,
                  (int)expected);
  if (status == ROOM_TOKEN_EXPIRED) run->totals->too_late++;
  if (status != ROOM_OK) return status;
  entered(run, buyer, span, &entry);
  room_crowd_reply(run, buyer, NEWS_PASS, number, span.high, entry.token);
  return status;
}

void room_ask_leave(struct room_run *run, struct room_buyer *buyer)
{
  struct room_span span;
  uint32_t number = buyer->number;
  const struct room_fate *fate = &run->model.places[number].fate;
  struct plan *plan = room_ask_plan(run);
  /* It may have been swept away, or not yet: then it is left. */
  bool over = room_fate_is_over(fate, run->now_ms) || may_be_forgotten(run, number);
  if (random_chance(&run->random, run->fault_per_million)) room_process_break_memory(run, 12);
  enum room_status status = room_leave(run->lobby, plan, bytes_of(buyer->token, TOKEN_TEXT_BYTES));
  bool done = status == ROOM_OK && room_ask_commit(run, &span);
  ROOM_CHECK(run, done || room_process_was_spoiled(run));
  room_process_heal_memory(run);
  if (!done) return;
  ROOM_CHECK(run, over || span.high > span.low);
  if (span.high == span.low) return;
  struct room_fate *left = room_model_change(&run->model, span, number);
  /* Who holds something counts until it ends. */
  if (!room_shop_holds(run, number)) left->state = FATE_LEFT;
  left->finished = true;
  room_model_settle(&run->model, number);
}

/* ---- cheating ---- */

void room_ask_forged(struct room_run *run, const struct room_buyer *buyer)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  struct room_view view;
  struct room_entry entry;
  char text[TOKEN_TEXT_BYTES];
  size_t size = TOKEN_TEXT_BYTES;
  memcpy(text, buyer->token, TOKEN_TEXT_BYTES);
  switch (random_below(&run->random, 4)) {
  case 0: /* another number, time or signature */
    text[3 + random_below(&run->random, TOKEN_TEXT_BYTES - 3)] =
        letters[random_below(&run->random, 64)];
    break;
  case 1:
    size = random_below(&run->random, TOKEN_TEXT_BYTES);
    break;
  case 2:
    text[0] = 'r';
    break;
  default:
    for (size_t i = 3; i < size; i++) text[i] = letters[random_below(&run->random, 64)];
    break;
  }
  if (size == TOKEN_TEXT_BYTES && memcmp(text, buyer->token, size) == 0) return;
  struct bytes token = bytes_of(text, size);
  struct plan *plan = room_ask_plan(run);
  ROOM_CHECK(run, room_look(run->lobby, token, run->now_ms, &view) == ROOM_TOKEN_NOT_FOUND);
  ROOM_CHECK(run, room_enter(run->lobby, plan, token, run->now_ms, &entry) == ROOM_TOKEN_NOT_FOUND);
  ROOM_CHECK(run, room_leave(run->lobby, plan, token) == ROOM_TOKEN_NOT_FOUND);
  ROOM_CHECK(run, plan->action_count == 0);
  run->totals->forged++;
}

/* ---- the operator ---- */

void room_ask_set(struct room_run *run, const struct room_settings *settings)
{
  struct room_span span;
  struct plan *plan = room_ask_plan(run);
  ROOM_CHECK(run, sale_room_set(run->sale, plan, run->event, settings, BYTES("operator"),
                                run->now_ms, &run->error) == SALE_OK);
  ROOM_CHECK(run, room_ask_commit(run, &span));
  room_model_set(&run->model, span, settings);
}
