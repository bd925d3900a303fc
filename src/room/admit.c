#include "room/room_parts.h"

/*
 * Admissions and ends, in bounded slices. Each is a change of what is in the store: a few of them
 * are one transaction, and memory follows once it is in the log.
 */

enum {
  PLANS_PER_TICK = 8,
  QUIET_PER_TICK = 4096, /* passed over, of those who are quiet */
  SHOPPERS_MS = 250,     /* in which all shoppers are looked at once */
};

bool admit_plan_state(struct room *room, struct plan *plan, uint32_t number,
                      enum waiter_state state)
{
  uint8_t image[WAITERS_IMAGE_BYTES];
  uint32_t chunk = number / ROOM_CHUNK;
  waiters_write_image(&room->waiters, chunk, number, state, image);
  return room_plan_put(room, plan,
                       room_states_item(&room->lobby->writer, plan->arena,
                                        room_key(plan->arena, room->record.event_id), chunk,
                                        bytes_of(image, sizeof image)));
}

/* ---- several at once ---- */

struct batch {
  uint32_t resume; /* of the room, before */
  uint32_t count;
  uint32_t numbers[ROOM_ADMIT_PER_PLAN];
  enum waiter_state before[ROOM_ADMIT_PER_PLAN];
};

static void batch_change(struct room *room, struct batch *batch, uint32_t number,
                         enum waiter_state state)
{
  batch->before[batch->count] = waiters_state(&room->waiters, number);
  batch->numbers[batch->count++] = number;
  line_set_state(room, number, state);
}

static void batch_undo(struct room *room, const struct batch *batch)
{
  for (uint32_t i = batch->count; i-- > 0;)
    line_set_state(room, batch->numbers[i], batch->before[i]);
  /* They were passed on the way to quiet ones behind them, and are the next again. */
  room->resume = batch->resume;
}

/* The images of all chunks they are in, as they are now. */
static bool batch_plan(struct room *room, const struct batch *batch, struct plan *plan)
{
  for (uint32_t i = 0; i < batch->count; i++) {
    bool first = true;
    for (uint32_t j = 0; j < i && first; j++)
      first = batch->numbers[j] / ROOM_CHUNK != batch->numbers[i] / ROOM_CHUNK;
    if (first && !admit_plan_state(room, plan, batch->numbers[i],
                                   waiters_state(&room->waiters, batch->numbers[i])))
      return false;
  }
  return true;
}

static bool batch_commit(struct room *room, const struct batch *batch, struct plan *plan)
{
  uint64_t sequence;
  if (batch_plan(room, batch, plan) && lobby_commit(room->lobby, &sequence)) return true;
  batch_undo(room, batch);
  room->failed = true;
  return false;
}

/* ---- predictions ---- */

static void note_probe(struct room *room, uint32_t number, int64_t mono_ms)
{
  for (uint32_t i = 0; i < ROOM_PROBES; i++) {
    struct room_probe *probe = &room->probes[i];
    if (probe->number != number) continue;
    int64_t error_ms = mono_ms - probe->due_ms;
    metric_add(&room->metrics.eta_error_ms, (uint64_t)(error_ms < 0 ? -error_ms : error_ms));
    metric_add(&room->metrics.eta_checked, 1);
    probe->number = ROOM_NOBODY;
  }
}

/* ---- admissions ---- */

/* How many may come in now, for all reasons but the line's length. */
static uint32_t openings(const struct room *room)
{
  const struct room_settings *settings = &room->record.settings;
  uint32_t permits = pace_permits(&room->pace);
  uint32_t shoppers = room->shoppers.count;
  uint64_t seats = (uint64_t)room->supply.free + room->supply.soon;
  if (settings->mode != ROOM_WAITING || !room->supply.on_sale || room->phase != PHASE_LINE ||
      shoppers >= settings->max_shoppers || room->unheld >= seats)
    return 0;
  uint32_t slots = settings->max_shoppers - shoppers;
  uint64_t wanted = seats - room->unheld;
  uint32_t least = permits < slots ? permits : slots;
  return least < wanted ? least : (uint32_t)wanted;
}

/* The next who can be admitted; ROOM_NOBODY: nobody, or too many quiet ones for one tick. */
static uint32_t next_in_line(struct room *room, uint32_t *budget)
{
  uint32_t now_s = lobby_now_s(room->lobby);
  uint32_t quiet_s = room->record.settings.grace_s;
  if (quiet_s > ROOM_QUIET_S) quiet_s = ROOM_QUIET_S;
  while (*budget > 0) {
    uint32_t place = ranks_next(&room->line, room->resume);
    /* Who joined in this turn is behind all others, and may have to be taken back. */
    if (place == RANKS_NONE || place >= room->durable_next) {
      room->resume = 0;
      return ROOM_NOBODY;
    }
    uint32_t number = line_number(room, place);
    if (waiters_silence_s(&room->waiters, number, now_s) <= quiet_s) return number;
    room->resume = place + 1;
    (*budget)--;
  }
  return ROOM_NOBODY;
}

static bool admit_some(struct room *room, uint32_t wanted, uint32_t *budget, int64_t wall_ms)
{
  struct batch batch = {.resume = room->resume};
  struct plan *plan = lobby_plan(room->lobby);
  if (wanted > ROOM_ADMIT_PER_PLAN) wanted = ROOM_ADMIT_PER_PLAN;
  bool planned = shoppers_reserve(&room->shoppers, wanted);
  int64_t expires_ms = wall_ms + (int64_t)room->record.settings.entry_s * 1000;
  while (planned && batch.count < wanted) {
    uint32_t number = next_in_line(room, budget);
    if (number == ROOM_NOBODY) break;
    batch_change(room, &batch, number, WAITER_ADMITTED);
    const struct shopper shopper = {
        .number = number, .admitted_ms = wall_ms, .expires_ms = expires_ms};
    planned = shopping_plan_put(room, plan, &shopper, (struct bytes){NULL, 0});
  }
  if (!planned) {
    batch_undo(room, &batch);
    room->failed = true;
  }
  if (!planned || batch.count == 0 || !batch_commit(room, &batch, plan)) return false;
  for (uint32_t i = 0; i < batch.count; i++) {
    const struct shopper shopper = {
        .number = batch.numbers[i], .admitted_ms = wall_ms, .expires_ms = expires_ms};
    shopping_add(room, &shopper);
    note_probe(room, batch.numbers[i], room->lobby->mono_ms);
  }
  pace_take(&room->pace, batch.count);
  metric_add(&room->metrics.admissions, batch.count);
  return true;
}

/* ---- ends of shoppers ---- */

static bool end_some(struct room *room, int64_t wall_ms, uint32_t *looks)
{
  struct batch batch = {.resume = room->resume};
  bool planned = true;
  struct plan *plan = lobby_plan(room->lobby);
  struct shoppers *shoppers = &room->shoppers;
  for (; planned && *looks > 0 && batch.count < ROOM_ADMIT_PER_PLAN; (*looks)--) {
    if (room->shopper_next >= shoppers->used) room->shopper_next = 0;
    const struct shopper *shopper = &shoppers->table[room->shopper_next++];
    if (!shopper->used || !shopping_is_over(shopper, wall_ms)) continue;
    batch_change(room, &batch, shopper->number, WAITER_EXPIRED);
    planned = room_plan_delete(room, plan, ROOM_ITEM_SHOPPER, shopper->number, 0);
  }
  if (!planned) {
    batch_undo(room, &batch);
    room->failed = true;
  }
  if (!planned || batch.count == 0 || !batch_commit(room, &batch, plan)) return false;
  for (uint32_t i = 0; i < batch.count; i++) {
    const struct shopper *shopper = shoppers_find(shoppers, batch.numbers[i]);
    if (!shopper->finished) metric_add(&room->metrics.expired, 1);
    shopping_remove(room, batch.numbers[i]);
  }
  return *looks > 0;
}

/* ---- ghosts ---- */

/* Whether this one has been silent for so long that the place is given up. */
static bool sweep_one(struct room *room, uint32_t number, uint32_t now_s)
{
  enum waiter_state state = waiters_state(&room->waiters, number);
  if (state != WAITER_WAITING && state != WAITER_GHOST) return false;
  /* Numbers of a chunk that is forgotten are EXPIRED. */
  uint32_t silence_s = waiters_silence_s(&room->waiters, number, now_s);
  if (state == WAITER_WAITING && silence_s > room->record.settings.grace_s) {
    line_set_state(room, number, WAITER_GHOST);
    metric_add(&room->metrics.ghosts, 1);
  }
  return silence_s > ROOM_FORGET_S;
}

/* True when one transaction could not take all of them. */
static bool sweep_some(struct room *room, uint32_t *looks)
{
  struct batch batch = {.resume = room->resume};
  uint32_t now_s = lobby_now_s(room->lobby);
  for (; *looks > 0 && batch.count < ROOM_ADMIT_PER_PLAN; (*looks)--) {
    if (room->sweep_next >= room->durable_next) room->sweep_next = 0;
    uint32_t number = room->sweep_next++;
    if (number < room->durable_next && sweep_one(room, number, now_s))
      batch_change(room, &batch, number, WAITER_EXPIRED);
  }
  if (batch.count == 0 || !batch_commit(room, &batch, lobby_plan(room->lobby))) return false;
  metric_add(&room->metrics.expired, batch.count);
  return *looks > 0;
}

/* All of a crowd that is gone are met again before their silence is too long to be told. */
static void sweep(struct room *room, uint32_t looks)
{
  for (int plans = 0; plans < PLANS_PER_TICK && sweep_some(room, &looks); plans++) continue;
}

/* A chunk of which everybody is gone takes no memory any more; one in a tick. */
static void forget(struct room *room)
{
  uint64_t sequence;
  struct waiters *waiters = &room->waiters;
  uint32_t full = room->durable_next / ROOM_CHUNK;
  if (full == 0) return;
  if (room->forget_next >= full) room->forget_next = 0;
  uint32_t chunk = room->forget_next++;
  /* The last one in the store tells which numbers were given out. */
  if (chunk == (room->durable_next - 1) / ROOM_CHUNK || !waiters_is_gone(waiters, chunk)) return;
  struct plan *plan = lobby_plan(room->lobby);
  if (room_plan_delete(room, plan, ROOM_ITEM_WAITERS, chunk, 0) &&
      room_plan_delete(room, plan, ROOM_ITEM_STATES, chunk, 0) &&
      lobby_commit(room->lobby, &sequence))
    waiters_forget(waiters, chunk);
}

/* ---- a tick ---- */

/* So many of all in this tick that each is met once in round_ms, and nobody twice in a tick. */
static uint32_t share_of(uint32_t all, int64_t passed_ms, int64_t round_ms)
{
  if (passed_ms >= round_ms) return all;
  uint32_t share = (uint32_t)((uint64_t)all * (uint64_t)passed_ms / (uint64_t)round_ms) + 1;
  return share < all ? share : all;
}

void admit_tick(struct room *room, int64_t wall_ms)
{
  int64_t passed_ms = room->lobby->mono_ms - room->ticked_ms;
  if (passed_ms < 0) passed_ms = 0;
  room->ticked_ms = room->lobby->mono_ms;
  room->failed = false;
  uint32_t looks = share_of(room->shoppers.used, passed_ms, SHOPPERS_MS);
  while (end_some(room, wall_ms, &looks)) {
  }
  sweep(room, share_of(room->durable_next, passed_ms, ROOM_SWEEP_MS));
  forget(room);
  /* No seat and no slot are part of how fast it goes; a pause and the time before the sale not. */
  bool moves = room->record.settings.mode == ROOM_WAITING && room->supply.on_sale &&
               room->phase == PHASE_LINE && room->line.total > 0;
  pace_advance(&room->pace, (double)passed_ms / 1000, moves);
  uint32_t budget = QUIET_PER_TICK;
  for (int plans = 0; plans < PLANS_PER_TICK && !room->failed; plans++) {
    uint32_t wanted = openings(room);
    if (wanted == 0 || !admit_some(room, wanted, &budget, wall_ms)) break;
  }
}
