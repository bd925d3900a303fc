#include "sale/sale_parts.h"

#include "base/check.h"

enum {
  SOON_MS = 30000, /* a hold that ends so soon may be somebody else's chance */
  SOON_SEATS = 4096,
};

/* ---- of reservations ---- */

enum sale_refusal admission_check(struct sale_event *event, const struct sale_reserve *ask,
                                  int64_t now_ms, uint32_t *shopper)
{
  *shopper = ROOM_NOBODY;
  if (event->room == NULL) return SALE_OK;
  bool needed = room_needs_admission(event->room);
  if (ask->reservation_token.size == 0) return needed ? SALE_ADMISSION_REQUIRED : SALE_OK;
  if (room_admits(event->room, ask->reservation_token, ask->user_id, now_ms, shopper))
    return SALE_OK;
  *shopper = ROOM_NOBODY;
  return needed ? SALE_ADMISSION_INVALID : SALE_OK;
}

void admission_hold_begins(struct sale_step *step, const struct sale_reservation *reservation)
{
  if (!room_hold_begins(reservation->event->room, step->plan, reservation->shopper,
                        reservation->user_id))
    step->failed = true;
}

void admission_hold_ends(struct sale_step *step, const struct sale_reservation *reservation,
                         enum room_hold_end end)
{
  if (!room_hold_ends(reservation->event->room, step->plan, reservation->shopper, end))
    step->failed = true;
}

/* ---- of rooms ---- */

static void supply(struct sale_event *event, int64_t now_ms)
{
  seat_map_advance(event->map, now_ms);
  const struct room_supply supply = {
      .on_sale = sale_event_status(event, now_ms) == SALE_ON_SALE,
      .opens_ms = event->sale_opens_ms,
      .free = event->map->counts.of[SEAT_FREE],
      .soon = seat_map_lapsing(event->map, now_ms + SOON_MS, SOON_SEATS),
  };
  room_supply(event->room, &supply);
}

void sale_supply_rooms(struct sale *sale, int64_t now_ms)
{
  struct room *room;
  if (sale->options.lobby == NULL) return;
  for (uint32_t i = 0; (room = lobby_room_at(sale->options.lobby, i)) != NULL; i++) {
    struct sale_event *event = sale_event_find(sale, room_event_id(room));
    if (event != NULL) supply(event, now_ms);
  }
}

struct room *sale_event_room(struct sale *sale, struct sale_event *event, int64_t now_ms)
{
  if (event->room != NULL || sale->options.lobby == NULL) return event->room;
  event->room = lobby_make_room(sale->options.lobby, event->id);
  if (event->room != NULL) supply(event, now_ms);
  return event->room;
}

/* {"eventId","mode","admitPerSecond",...,"changedBy","changedAt"} */
static struct bytes changed_detail(struct sale_step *step, const struct sale_event *event,
                                   const struct room_settings *settings, struct bytes user_id)
{
  struct sale_detail detail;
  char time[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, time);
  sale_detail_begin(step, &detail);
  struct json_writer *json = &detail.json;
  json_write_key(json, BYTES("eventId"));
  json_write_string(json, event->id);
  json_write_key(json, BYTES("mode"));
  json_write_string(json, room_mode_name(settings->mode));
  for (size_t i = 0; i < ROOM_SETTINGS; i++) {
    json_write_key(json, bytes_of_text(room_setting_rows[i].detail));
    json_write_integer(json, room_setting_get(settings, &room_setting_rows[i]));
  }
  json_write_key(json, BYTES("changedBy"));
  json_write_string(json, user_id);
  json_write_key(json, BYTES("changedAt"));
  json_write_string(json, bytes_of(time, sizeof time));
  return sale_detail_end(step, &detail);
}

/* Compared as bytes: there are none between the members. */
_Static_assert(sizeof(struct room_settings) ==
                   sizeof(enum room_mode) + ROOM_SETTINGS * sizeof(uint32_t),
               "no padding");

enum sale_refusal sale_room_set(struct sale *sale, struct plan *plan, struct sale_event *event,
                                const struct room_settings *settings, struct bytes user_id,
                                int64_t now_ms, struct error *error)
{
  struct sale_step step = {sale, plan, now_ms, false};
  struct room *room = sale_event_room(sale, event, now_ms);
  if (room == NULL) return SALE_UNAVAILABLE;
  bool changes = memcmp(room_settings(room), settings, sizeof *settings) != 0;
  enum room_status status = room_set(room, plan, settings, error);
  if (status == ROOM_INVALID) return SALE_INVALID;
  if (status == ROOM_OK && !changes) return SALE_OK;
  struct bytes detail = changed_detail(&step, event, settings, user_id);
  if (status != ROOM_OK || step.failed) return SALE_UNAVAILABLE;
  outbox_add(&step, BYTES("RoomChanged"), BYTES("event"), event->id, detail);
  return step.failed ? SALE_UNAVAILABLE : SALE_OK;
}
