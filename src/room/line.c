#include "room/room_parts.h"

uint32_t line_place(const struct room *room, uint32_t number)
{
  bool by_lot = room->phase == PHASE_LINE && number < room->shuffle.count;
  return by_lot ? shuffle_place(&room->shuffle, number) : number;
}

uint32_t line_number(const struct room *room, uint32_t place)
{
  bool by_lot = room->phase == PHASE_LINE && place < room->shuffle.count;
  return by_lot ? shuffle_number(&room->shuffle, place) : place;
}

uint32_t line_position(const struct room *room, uint32_t number)
{
  if (room->phase != PHASE_LINE) return room->line.total;
  return ranks_before(&room->line, line_place(room, number)) + 1;
}

/* Where the number is in the line that is being drawn; false: it is not drawn yet. */
static bool drawn_place(const struct room *room, uint32_t number, uint32_t *place)
{
  if (room->phase != PHASE_SHUFFLING) return false;
  bool by_lot = number < room->shuffle.count;
  if (by_lot && number >= room->drawn_next) return false;
  *place = by_lot ? shuffle_place(&room->shuffle, number) : number;
  return true;
}

void line_set_state(struct room *room, uint32_t number, enum waiter_state state)
{
  uint32_t place;
  waiters_set_state(&room->waiters, number, state);
  if (state == WAITER_WAITING)
    ranks_add(&room->line, line_place(room, number));
  else
    ranks_remove(&room->line, line_place(room, number));
  if (!drawn_place(room, number, &place)) return;
  if (state == WAITER_WAITING)
    ranks_add(&room->drawn, place);
  else
    ranks_remove(&room->drawn, place);
}

bool line_reserve(struct room *room, uint32_t numbers)
{
  return ranks_reserve(&room->line, numbers) &&
         (room->phase != PHASE_SHUFFLING || ranks_reserve(&room->drawn, numbers));
}

/* ---- opening ---- */

/* How many were drawn is durable before the first place is told. */
static bool open_room(struct room *room, int64_t wall_ms)
{
  uint64_t sequence;
  struct lobby *lobby = room->lobby;
  /* Those of this turn came before the opening, and must be in the store before it. */
  join_flush(room);
  struct room_record record = room->record;
  record.opened = true;
  record.opened_ms = wall_ms;
  record.drawn = room->waiters.next;
  struct plan *plan = lobby_plan(lobby);
  struct value item = room_settings_item(&lobby->writer, plan->arena, &record);
  if (!ranks_reserve(&room->drawn, room->waiters.next) || !room_plan_put(room, plan, item) ||
      !lobby_commit(lobby, &sequence)) {
    room->failed = true;
    return false;
  }
  room->record = record;
  room->opened_at = sequence;
  shuffle_init(&room->shuffle, record.seed, record.drawn);
  room->phase = PHASE_SHUFFLING;
  room->drawn_next = 0;
  /* Nobody is a latecomer yet: all of them are drawn. */
  return true;
}

static void draw(struct room *room)
{
  uint32_t end = room->shuffle.count;
  if (end - room->drawn_next > ROOM_SHUFFLE_SLICE) end = room->drawn_next + ROOM_SHUFFLE_SLICE;
  for (; room->drawn_next < end; room->drawn_next++)
    if (waiters_state(&room->waiters, room->drawn_next) == WAITER_WAITING)
      ranks_add(&room->drawn, shuffle_place(&room->shuffle, room->drawn_next));
  if (room->drawn_next < room->shuffle.count) return;
  ranks_free(&room->line);
  room->line = room->drawn;
  ranks_init(&room->drawn, room->lobby->memory);
  room->phase = PHASE_LINE;
  room->resume = 0;
}

bool line_tick(struct room *room, int64_t wall_ms)
{
  bool due = room->supply.on_sale && wall_ms >= room->supply.opens_ms;
  if (room->phase == PHASE_PREQUEUE && due && !open_room(room, wall_ms)) return false;
  if (room->phase == PHASE_SHUFFLING) draw(room);
  return room->phase == PHASE_SHUFFLING;
}
