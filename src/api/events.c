#include "api/answer.h"
#include "api/feed.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/render.h"
#include "sale/seat_json.h"

#include <stdio.h>

enum {
  EVENTS_DEFAULT = 20,
  EVENTS_MAX = 100,
  SEATS_ASKED_MAX = 100,
  ETAG_TEXT_BYTES = 32,
};

/* The event of the path, its holds ended as of now; NULL: refused. */
static struct sale_event *find(struct exchange *exchange, int64_t *now_ms)
{
  const struct api *api = exchange->context;
  struct sale_event *event = sale_event_find(api->sale, exchange_parameter(exchange, 0));
  *now_ms = world_clock_ms(api->world);
  if (event == NULL) {
    answer_refusal(exchange, SALE_EVENT_NOT_FOUND);
    return NULL;
  }
  seat_map_advance(event->map, *now_ms);
  return event;
}

void api_event_list(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct bytes cursor;
  uint32_t limit;
  if (!query_page(exchange, EVENTS_MAX, EVENTS_DEFAULT, &cursor, &limit)) return;
  int64_t now_ms = world_clock_ms(api->world);
  struct render render;
  render_begin(&render, exchange);
  json_write_key(&render.json, BYTES("events"));
  json_write_array_begin(&render.json);
  struct sale_event *event = sale_event_next(api->sale, cursor);
  cursor = (struct bytes){NULL, 0};
  for (uint32_t i = 0; event != NULL && i < limit; i++) {
    seat_map_advance(event->map, now_ms);
    json_write_object_begin(&render.json);
    render_event(&render.json, event, false, now_ms);
    json_write_object_end(&render.json);
    struct sale_event *next = sale_event_next(api->sale, event->id);
    if (next != NULL && i + 1 == limit) cursor = event->id;
    event = next;
  }
  json_write_array_end(&render.json);
  render_cursor(&render.json, cursor);
  answer_json(exchange, render_end(&render));
}

void api_event_get(struct exchange *exchange)
{
  int64_t now_ms;
  const struct sale_event *event = find(exchange, &now_ms);
  if (event == NULL) return;
  struct render render;
  render_begin(&render, exchange);
  render_event(&render.json, event, true, now_ms);
  answer_json(exchange, render_end(&render));
}

/* Asked seats that cannot be had: taken, or none of the event's. */
static uint32_t keep_unavailable(const struct seat_map *map, struct bytes *seats, uint32_t count)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t seat = seat_map_find(map, seats[i]);
    if (seat == SEAT_NONE || seat_map_state(map, seat) != SEAT_FREE) seats[kept++] = seats[i];
  }
  return kept;
}

void api_event_availability(struct exchange *exchange)
{
  int64_t now_ms;
  struct bytes seats[SEATS_ASKED_MAX];
  uint32_t count;
  uint32_t quantity;
  const struct sale_event *event = find(exchange, &now_ms);
  if (event == NULL || !query_list(exchange, "seat_ids", seats, SEATS_ASKED_MAX, &count) ||
      !query_number(exchange, "quantity", 1, SALE_SEATS_MAX, 0, &quantity))
    return;
  bool asked = count > 0;
  uint32_t unavailable = keep_unavailable(event->map, seats, count);
  struct buffer text;
  buffer_init(&text, &exchange->memory);
  struct bytes body = {NULL, 0};
  if (seat_json_write_availability(event->map, asked ? seats : NULL, unavailable, &text))
    body = arena_copy(&exchange->arena, buffer_bytes(&text));
  buffer_free(&text);
  answer_json(exchange, body);
}

/*
 * The tag of a version; "-gz" of its gzip, which is another representation (RFC 9110 8.8.3.3).
 * Without memory the reply has none.
 */
static void set_etag(struct exchange *exchange, uint64_t version, bool packed)
{
  char *etag = arena_alloc(&exchange->arena, ETAG_TEXT_BYTES);
  if (etag == NULL) return;
  int size = snprintf(etag, ETAG_TEXT_BYTES, "\"%llu%s\"", (unsigned long long)version,
                      packed ? "-gz" : "");
  exchange->reply.etag = bytes_of(etag, (size_t)size);
}

/* The map, packed once for all who take it so. */
void api_event_seats(struct exchange *exchange)
{
  struct api *api = exchange->context;
  int64_t now_ms;
  struct sale_event *event = find(exchange, &now_ms);
  if (event == NULL) return;
  struct feed *feed = feed_of(api, event);
  struct bytes body = {NULL, 0};
  bool packed = feed != NULL && accepts_gzip(exchange->head.fields[HTTP_ACCEPT_ENCODING]);
  if (packed) body = feed_seats_packed(api, feed);
  packed = body.size > 0;
  if (!packed && feed != NULL) body = feed_seats(feed);
  /* The document changes with the next version; the reply may take longer to leave. */
  if (body.data != NULL) body = arena_copy(&exchange->arena, body);
  if (body.data != NULL) set_etag(exchange, event->map->version, packed);
  exchange->reply.encoded = true;
  exchange_add_header(exchange, BYTES("vary"), BYTES("accept-encoding"));
  if (packed) exchange_add_header(exchange, BYTES("content-encoding"), BYTES("gzip"));
  answer_json(exchange, body);
}

void api_event_stream(struct exchange *exchange)
{
  struct api *api = exchange->context;
  int64_t now_ms;
  struct sale_event *event = find(exchange, &now_ms);
  if (event == NULL) return;
  struct feed *feed = feed_of(api, event);
  struct topic *topic = feed == NULL ? NULL : feed_topic(api, feed);
  struct buffer text;
  struct bytes first = {NULL, 0};
  buffer_init(&text, &exchange->memory);
  if (topic != NULL) feed_write_availability(feed, &text);
  if (topic != NULL && !text.failed) first = arena_copy(&exchange->arena, buffer_bytes(&text));
  buffer_free(&text);
  if (first.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply_stream(exchange, topic, first);
  answer_send(exchange);
}
