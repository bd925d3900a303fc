#include "api/line.h"

#include "api/feed.h"
#include "api/render.h"
#include "room/pace.h"
#include "sale/seat_map.h"

enum { MS_PER_S = 1000 };

static const struct bytes STANDINGS[] = {
    [STANDING_WAITING] = {(const uint8_t *)"waiting", 7},
    [STANDING_READY] = {(const uint8_t *)"ready", 5},
    [STANDING_EXPIRED] = {(const uint8_t *)"expired", 7},
};

/* The feed with a fresh summary of the seats; NULL without memory, or when the event is gone. */
static struct feed *fresh(struct api *api, const struct room *room)
{
  struct sale_event *event = sale_event_find(api->sale, room_event_id(room));
  struct feed *feed = event == NULL ? NULL : feed_of(api, event);
  if (feed == NULL) return NULL;
  int64_t mono_ms = api->loop->now_ms;
  bool due = feed->line.size == 0 || mono_ms - feed->line_ms >= LINE_SEATS_MS;
  if (!due || (feed->line.size > 0 && feed->line_version == event->map->version)) return feed;
  struct json_writer json;
  buffer_clear(&feed->line);
  json_writer_init(&json, &feed->line);
  json_write_object_begin(&json);
  render_text(&json, BYTES("currency"), event->currency);
  render_seats_left(&json, event->map);
  json_write_object_end(&json);
  if (!json_writer_finish(&json)) {
    buffer_clear(&feed->line);
    return NULL;
  }
  feed->line_version = event->map->version;
  feed->line_ms = mono_ms;
  return feed;
}

uint64_t line_version(struct api *api, const struct room *room)
{
  const struct feed *feed = fresh(api, room);
  return feed == NULL ? 0 : feed->line_version;
}

void line_write_eta(struct json_writer *json, uint32_t eta_s)
{
  json_write_key(json, BYTES("eta_sec"));
  if (eta_s == PACE_UNKNOWN)
    json_write_null(json);
  else
    json_write_integer(json, eta_s);
}

static void write_place(struct json_writer *json, const struct room_view *view)
{
  render_text(json, BYTES("status"), STANDINGS[view->standing]);
  render_integer(json, BYTES("position"), view->position);
  line_write_eta(json, view->eta_s);
  render_integer(json, BYTES("waiting_time"), view->waiting_ms / MS_PER_S);
  render_bool(json, BYTES("ready_for_entry"), view->ready_for_entry);
  render_integer(json, BYTES("total_waiting"), view->total_waiting);
  render_text(json, BYTES("event_id"), room_event_id(view->room));
  render_integer(json, BYTES("number"), view->number);
  render_bool(json, BYTES("opened"), view->opened);
  if (view->paused) render_bool(json, BYTES("paused"), true);
  if (view->was_away) render_bool(json, BYTES("was_away"), true);
  if (view->left_s > 0) render_integer(json, BYTES("ttl_sec"), view->left_s);
}

struct bytes line_render(struct exchange *exchange, const struct room_view *view)
{
  struct api *api = exchange->context;
  struct render render;
  render_begin(&render, exchange);
  write_place(&render.json, view);
  struct bytes place = render_end(&render);
  const struct feed *feed = place.data == NULL ? NULL : fresh(api, view->room);
  if (feed == NULL) return place;
  /* {"a":1} and {"b":2} make {"a":1,"b":2}. */
  struct bytes seats = buffer_bytes(&feed->line);
  uint8_t *joined = arena_alloc(&exchange->arena, place.size + seats.size - 1);
  if (joined == NULL) return (struct bytes){NULL, 0};
  memcpy(joined, place.data, place.size);
  memcpy(joined + place.size - 1, seats.data, seats.size);
  joined[place.size - 1] = ',';
  return bytes_of(joined, place.size + seats.size - 1);
}
