#include "room/room_parts.h"

enum { LOOKS_PER_PROBE = 256 };

struct room *lobby_verify(struct lobby *lobby, enum token_kind kind, struct bytes text,
                          struct token *token)
{
  if (!token_verify(lobby->signer, kind, text, token) || token->room >= lobby->room_count)
    return NULL;
  struct room *room = lobby->rooms[token->room];
  return token->number < room->durable_next ? room : NULL;
}

bool room_touch(struct room *room, uint32_t number)
{
  enum waiter_state state = waiters_state(&room->waiters, number);
  if (room->waiters.chunks[number / ROOM_CHUNK] == NULL) return false;
  waiters_touch(&room->waiters, number, lobby_now_s(room->lobby));
  if (state == WAITER_GHOST) {
    line_set_state(room, number, WAITER_WAITING);
    metric_add(&room->metrics.returned, 1);
  }
  /* Whoever was passed over for being quiet is not any more. */
  if (room->resume > 0 && (state == WAITER_GHOST || state == WAITER_WAITING)) {
    uint32_t place = line_place(room, number);
    if (place < room->resume) room->resume = place;
  }
  return state == WAITER_GHOST;
}

bool room_is_open(const struct room *room)
{
  return room->record.settings.mode == ROOM_OPEN && room->supply.on_sale;
}

uint32_t room_eta_s(const struct room *room, uint32_t position, int64_t wall_ms)
{
  if (room->record.settings.mode == ROOM_PAUSED) return PACE_UNKNOWN;
  int64_t until_ms = room->supply.opens_ms - wall_ms;
  if (room->phase == PHASE_LINE || until_ms <= 0) {
    if (!room->supply.on_sale || room->supply.free + room->supply.soon == 0) return PACE_UNKNOWN;
    return pace_eta_s(&room->pace, position);
  }
  return pace_round_s((double)until_ms / 1000 + position / room->pace.limit);
}

/* Follows a prediction now and then, to see how good they are. */
static void probe(struct room *room, const struct room_view *view)
{
  if (room->phase != PHASE_LINE || view->eta_s == PACE_UNKNOWN ||
      ++room->looks % LOOKS_PER_PROBE != 0)
    return;
  struct room_probe *next = &room->probes[room->probe_next++ % ROOM_PROBES];
  bool waits = next->number != ROOM_NOBODY &&
               waiters_state(&room->waiters, next->number) == WAITER_WAITING;
  if (!waits)
    *next = (struct room_probe){view->number, room->lobby->mono_ms + view->eta_s * (int64_t)1000};
}

static void view_waiting(struct room *room, int64_t wall_ms, struct room_view *view)
{
  view->standing = STANDING_WAITING;
  view->ready_for_entry = room_is_open(room);
  if (view->ready_for_entry) return;
  view->position = line_position(room, view->number);
  view->eta_s = room_eta_s(room, view->position, wall_ms);
  probe(room, view);
}

/* Admitted, or entered. */
static void view_shopper(struct room *room, enum waiter_state state, int64_t wall_ms,
                         struct room_view *view)
{
  const struct shopper *shopper = shoppers_find(&room->shoppers, view->number);
  CHECK(shopper != NULL);
  view->sequence = store_appended(room->lobby->store);
  if (shopper->finished || wall_ms >= shopper->expires_ms) return;
  view->standing = state == WAITER_ENTERED ? STANDING_READY : STANDING_WAITING;
  view->ready_for_entry = true;
  view->left_s = (uint32_t)((shopper->expires_ms - wall_ms + 999) / 1000);
}

enum room_status room_look(struct lobby *lobby, struct bytes text, int64_t wall_ms,
                           struct room_view *view)
{
  struct token token;
  struct room *room = lobby_verify(lobby, TOKEN_WAITING, text, &token);
  if (room == NULL) return ROOM_TOKEN_NOT_FOUND;
  /* Before the view, which counts who is back. */
  bool was_away = room_touch(room, token.number);
  *view = (struct room_view){
      .room = room,
      .number = token.number,
      .standing = STANDING_EXPIRED,
      .opened = room->phase == PHASE_LINE,
      .paused = room->record.settings.mode == ROOM_PAUSED,
      .waiting_ms = wall_ms > token.time_ms ? wall_ms - token.time_ms : 0,
      .was_away = was_away,
      .total_waiting = room->line.total,
      .sequence = room->opened_at,
  };
  enum waiter_state state = waiters_state(&room->waiters, token.number);
  if (state == WAITER_WAITING)
    view_waiting(room, wall_ms, view);
  else if (state == WAITER_ADMITTED || state == WAITER_ENTERED)
    view_shopper(room, state, wall_ms, view);
  else
    view->sequence = store_appended(lobby->store);
  return ROOM_OK;
}
