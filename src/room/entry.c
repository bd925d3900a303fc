#include "room/room_parts.h"

/* A waiter that changes once the plan is in the log. */
struct entry_hook {
  struct room *room;
  uint32_t number;
  struct shopper shopper; /* of who walked in: a new one */
};

static struct entry_hook *new_hook(struct room *room, struct plan *plan, uint32_t number)
{
  struct entry_hook *hook = arena_alloc(plan->arena, sizeof *hook);
  if (hook != NULL) *hook = (struct entry_hook){.room = room, .number = number};
  return hook;
}

/* ---- entering ---- */

static void write_entry(struct room *room, uint32_t number, int64_t expires_ms,
                        struct room_entry *entry)
{
  const struct token token = {room->record.id, number, expires_ms};
  entry->room = room;
  entry->expires_ms = expires_ms;
  token_sign(room->lobby->signer, TOKEN_RESERVATION, &token, entry->token);
}

static void after_admitted(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct entry_hook *hook = context;
  line_set_state(hook->room, hook->number, WAITER_ENTERED);
  metric_add(&hook->room->metrics.entries, 1);
}

/* Who was admitted: the token's time begins. */
static enum room_status enter_admitted(struct room *room, struct plan *plan,
                                       const struct shopper *shopper, int64_t wall_ms,
                                       struct room_entry *entry)
{
  struct shopper changed = *shopper;
  changed.entered_ms = wall_ms;
  changed.expires_ms = wall_ms + (int64_t)room->record.settings.token_ttl_s * 1000;
  struct entry_hook *hook = new_hook(room, plan, shopper->number);
  if (hook == NULL || !shopping_plan_change(room, plan, &changed, (struct bytes){NULL, 0}))
    return ROOM_UNAVAILABLE;
  plan_after(plan, after_admitted, hook);
  write_entry(room, shopper->number, changed.expires_ms, entry);
  return ROOM_OK;
}

static void after_walked_in(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct entry_hook *hook = context;
  struct room *room = hook->room;
  line_set_state(room, hook->number, WAITER_ENTERED);
  shopping_add(room, &hook->shopper);
  metric_add(&room->metrics.admissions, 1);
  metric_add(&room->metrics.entries, 1);
}

/* From the line of a room that is open. */
static enum room_status walk_in(struct room *room, struct plan *plan, uint32_t number,
                                int64_t wall_ms, struct room_entry *entry)
{
  if (room->shoppers.count >= ROOM_SHOPPERS_MAX) {
    entry->eta_s = pace_round_s(1);
    return ROOM_NOT_READY;
  }
  struct entry_hook *hook = new_hook(room, plan, number);
  if (hook == NULL || !shoppers_reserve(&room->shoppers, 1)) return ROOM_UNAVAILABLE;
  hook->shopper = (struct shopper){
      .number = number,
      .admitted_ms = wall_ms,
      .entered_ms = wall_ms,
      .expires_ms = wall_ms + (int64_t)room->record.settings.token_ttl_s * 1000,
  };
  if (!shopping_plan_put(room, plan, &hook->shopper, (struct bytes){NULL, 0}) ||
      !admit_plan_state(room, plan, number, WAITER_ENTERED))
    return ROOM_UNAVAILABLE;
  plan_after(plan, after_walked_in, hook);
  write_entry(room, number, hook->shopper.expires_ms, entry);
  return ROOM_OK;
}

enum room_status room_enter(struct lobby *lobby, struct plan *plan, struct bytes text,
                            int64_t wall_ms, struct room_entry *entry)
{
  struct token token;
  struct room *room = lobby_verify(lobby, TOKEN_WAITING, text, &token);
  if (room == NULL) return ROOM_TOKEN_NOT_FOUND;
  (void)room_touch(room, token.number);
  entry->room = room;
  enum waiter_state state = waiters_state(&room->waiters, token.number);
  if (state == WAITER_WAITING && room_is_open(room))
    return walk_in(room, plan, token.number, wall_ms, entry);
  if (state == WAITER_WAITING) {
    entry->eta_s = room_eta_s(room, line_position(room, token.number), wall_ms);
    return ROOM_NOT_READY;
  }
  const struct shopper *shopper = shoppers_find(&room->shoppers, token.number);
  if ((state != WAITER_ADMITTED && state != WAITER_ENTERED) || shopper == NULL ||
      shopper->finished || wall_ms >= shopper->expires_ms)
    return ROOM_TOKEN_EXPIRED;
  if (state == WAITER_ADMITTED) return enter_admitted(room, plan, shopper, wall_ms, entry);
  write_entry(room, token.number, shopper->expires_ms, entry);
  return ROOM_OK;
}

/* ---- leaving ---- */

static void after_left(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct entry_hook *hook = context;
  struct room *room = hook->room;
  line_set_state(room, hook->number, WAITER_LEFT);
  if (shoppers_find(&room->shoppers, hook->number) != NULL) shopping_remove(room, hook->number);
  metric_add(&room->metrics.abandoned, 1);
}

/* Who leaves with a hold counts until it ends, but chooses no more. */
static enum room_status leave_with_hold(struct room *room, struct plan *plan,
                                        const struct shopper *shopper)
{
  struct shopper changed = *shopper;
  changed.finished = true;
  struct bytes user_id = shopping_buyer(room, plan->arena, shopper->number);
  bool planned = user_id.data != NULL && shopping_plan_change(room, plan, &changed, user_id);
  return planned ? ROOM_OK : ROOM_UNAVAILABLE;
}

enum room_status room_leave(struct lobby *lobby, struct plan *plan, struct bytes text)
{
  struct token token;
  struct room *room = lobby_verify(lobby, TOKEN_WAITING, text, &token);
  if (room == NULL) return ROOM_TOKEN_NOT_FOUND;
  enum waiter_state state = waiters_state(&room->waiters, token.number);
  if (state == WAITER_EXPIRED || state == WAITER_LEFT) return ROOM_OK;
  const struct shopper *shopper = shoppers_find(&room->shoppers, token.number);
  if (shopper != NULL && shopper->holds > 0) return leave_with_hold(room, plan, shopper);
  struct entry_hook *hook = new_hook(room, plan, token.number);
  if (hook == NULL || !admit_plan_state(room, plan, token.number, WAITER_LEFT) ||
      (shopper != NULL && !room_plan_delete(room, plan, ROOM_ITEM_SHOPPER, token.number, 0)))
    return ROOM_UNAVAILABLE;
  plan_after(plan, after_left, hook);
  return ROOM_OK;
}
