#include "room/room_parts.h"

/* ---- shoppers of a room ---- */

void shopping_add(struct room *room, const struct shopper *shopper)
{
  shoppers_add(&room->shoppers, shopper);
  if (shopper->holds == 0) room->unheld++;
  if (shopper->entered_ms > 0) room->entered++;
}

void shopping_remove(struct room *room, uint32_t number)
{
  const struct shopper *shopper = shoppers_find(&room->shoppers, number);
  CHECK(shopper != NULL);
  if (shopper->holds == 0) room->unheld--;
  if (shopper->entered_ms > 0) room->entered--;
  shoppers_remove(&room->shoppers, number);
}

bool shopping_is_over(const struct shopper *shopper, int64_t wall_ms)
{
  return shopper->holds == 0 && (shopper->finished || wall_ms >= shopper->expires_ms);
}

struct bytes shopping_buyer(const struct room *room, struct arena *arena, uint32_t number)
{
  struct value item;
  if (!room_look_up(room, arena, ROOM_ITEM_SHOPPER, number, &item)) return (struct bytes){NULL, 0};
  return arena_copy(arena, record_get_text(item, BYTES("userId")));
}

bool shopping_plan_put(struct room *room, struct plan *plan, const struct shopper *shopper,
                       struct bytes user_id)
{
  struct arena *arena = plan->arena;
  return room_plan_put(room, plan,
                       room_shopper_item(&room->lobby->writer, arena,
                                         room_key(arena, room->record.event_id), shopper, user_id));
}

/* ---- reservations of them ---- */

struct token_name shopping_name(const struct room *room, struct bytes user_id)
{
  return token_name_of(room->lobby->signer, BYTES("buyer"), room->record.event_id, user_id);
}

bool room_admits(struct room *room, struct bytes text, struct bytes user_id, int64_t wall_ms,
                 uint32_t *number)
{
  struct token token;
  struct lobby *lobby = room->lobby;
  if (lobby_verify(lobby, TOKEN_RESERVATION, text, &token) != room) return false;
  const struct shopper *shopper = shoppers_find(&room->shoppers, token.number);
  if (shopper == NULL || shopper->entered_ms == 0 || shopper->finished ||
      wall_ms >= shopper->expires_ms || token.time_ms != shopper->expires_ms)
    return false;
  *number = token.number;
  if (!shopper->bound) return true;
  struct token_name buyer = shopping_name(room, user_id);
  return buyer.high == shopper->buyer.high && buyer.low == shopper->buyer.low;
}

/* What a shopper becomes once the plan is in the log. */
struct shopper_hook {
  struct room *room;
  struct shopper changed;
};

static void after_change(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct shopper_hook *hook = context;
  struct room *room = hook->room;
  struct shopper *shopper = shoppers_find(&room->shoppers, hook->changed.number);
  CHECK(shopper != NULL);
  if (shopper->entered_ms == 0 && hook->changed.entered_ms > 0) room->entered++;
  if (shopper->holds == 0 && hook->changed.holds > 0) room->unheld--;
  if (shopper->holds > 0 && hook->changed.holds == 0) room->unheld++;
  struct shopper changed = hook->changed;
  changed.next = shopper->next;
  *shopper = changed;
}

bool shopping_plan_change(struct room *room, struct plan *plan, const struct shopper *changed,
                          struct bytes user_id)
{
  struct shopper_hook *hook = arena_alloc(plan->arena, sizeof *hook);
  if (hook == NULL || !shopping_plan_put(room, plan, changed, user_id)) return false;
  *hook = (struct shopper_hook){room, *changed};
  plan_after(plan, after_change, hook);
  return true;
}

bool room_hold_begins(struct room *room, struct plan *plan, uint32_t number, struct bytes user_id)
{
  if (number == ROOM_NOBODY || room == NULL) return true;
  const struct shopper *shopper = shoppers_find(&room->shoppers, number);
  if (shopper == NULL) return true;
  struct shopper changed = *shopper;
  changed.holds++;
  changed.bound = true;
  changed.buyer = shopping_name(room, user_id);
  return shopping_plan_change(room, plan, &changed, user_id);
}

bool room_hold_ends(struct room *room, struct plan *plan, uint32_t number, enum room_hold_end end)
{
  if (number == ROOM_NOBODY || room == NULL) return true;
  const struct shopper *shopper = shoppers_find(&room->shoppers, number);
  if (shopper == NULL) return true;
  struct shopper changed = *shopper;
  if (end != ROOM_HOLD_BOUGHT_LATE) {
    CHECK_THAT(changed.holds, >, 0);
    changed.holds--;
  }
  if (end != ROOM_HOLD_RELEASED) changed.finished = true;
  struct bytes user_id = shopping_buyer(room, plan->arena, number);
  return user_id.data != NULL && shopping_plan_change(room, plan, &changed, user_id);
}
