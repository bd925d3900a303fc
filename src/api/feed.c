#include "api/feed.h"

#include "base/check.h"
#include "sale/seat_json.h"

enum { FEED_EVENT_BYTES = 256 }; /* of one change with its frame: an id of SEAT_ID_BYTES, escaped */

_Static_assert(FEED_EVENT_BYTES > 2 * SEAT_ID_BYTES + 96, "one change fits");

struct feed *feed_of(struct api *api, struct sale_event *event)
{
  if (event->topic != NULL) return event->topic;
  struct feed *feed = memory_alloc_zeroed(&api->world->memory, sizeof *feed);
  if (feed == NULL) return NULL;
  feed->event = event;
  buffer_init(&feed->seats, &api->world->memory);
  buffer_init(&feed->packed, &api->world->memory);
  buffer_init(&feed->line, &api->world->memory);
  feed->next = api->feeds;
  api->feeds = feed;
  event->topic = feed;
  return feed;
}

struct topic *feed_topic(struct api *api, struct feed *feed)
{
  if (feed->topic != NULL) return feed->topic;
  feed->topic = server_topic(api->server);
  feed->told_version = feed->event->map->version;
  return feed->topic;
}

struct bytes feed_seats(struct feed *feed)
{
  const struct seat_map *map = feed->event->map;
  if (feed->seats_version != map->version || feed->seats.size == 0) {
    buffer_clear(&feed->seats);
    buffer_clear(&feed->packed);
    feed->seats_version = map->version;
    if (!seat_json_write_seats(map, &feed->seats)) {
      buffer_clear(&feed->seats);
      return (struct bytes){NULL, 0};
    }
  }
  return buffer_bytes(&feed->seats);
}

struct bytes feed_seats_packed(struct api *api, struct feed *feed)
{
  struct bytes seats = feed_seats(feed);
  if (feed->packed.size == 0 && seats.size > 0)
    (void)compress_gzip(&api->compressor, seats, COMPRESS_LEVEL_REPLY, &feed->packed);
  return buffer_bytes(&feed->packed);
}

void feed_write_availability(const struct feed *feed, struct buffer *buffer)
{
  const struct seat_map *map = feed->event->map;
  buffer_append_format(buffer,
                       "event: availability\nid: %llu\ndata: ", (unsigned long long)map->version);
  seat_json_write_availability(map, NULL, 0, buffer);
  buffer_append(buffer, BYTES("\n\n"));
}

static void write_change(const struct feed *feed, uint64_t version, struct buffer *buffer)
{
  const struct seat_map *map = feed->event->map;
  buffer_append_format(buffer, "event: seats\nid: %llu\ndata: ", (unsigned long long)version);
  seat_json_write_change(map, seat_map_change(map, version), buffer);
  buffer_append(buffer, BYTES("\n\n"));
}

/* Sends what is gathered, if that is whole. */
static bool publish(struct api *api, struct feed *feed, struct buffer *text)
{
  bool sent = !text->failed && text->size <= TOPIC_EVENT_BYTES &&
              (text->size == 0 || server_publish(api->server, feed->topic, buffer_bytes(text)));
  buffer_clear(text);
  return sent;
}

/* Who cannot follow the changes fetches the map again. */
static void tell_reload(struct api *api, struct feed *feed, struct buffer *text)
{
  buffer_clear(text);
  buffer_append_format(text, "event: reload\nid: %llu\ndata: {\"version\":%llu}\n\n",
                       (unsigned long long)feed->event->map->version,
                       (unsigned long long)feed->event->map->version);
  (void)publish(api, feed, text);
  feed->told_version = feed->event->map->version;
}

static void tell_changes(struct api *api, struct feed *feed, struct buffer *text)
{
  const struct seat_map *map = feed->event->map;
  bool kept = feed->told_version >= seat_map_oldest_version(map);
  while (kept && feed->told_version < map->version) {
    uint64_t version = feed->told_version;
    while (version < map->version && text->size + FEED_EVENT_BYTES <= TOPIC_EVENT_BYTES)
      write_change(feed, ++version, text);
    kept = publish(api, feed, text);
    feed->told_version = version;
  }
  if (!kept) tell_reload(api, feed, text);
  feed->availability_changed = true;
}

static void tick(struct api *api, struct feed *feed, int64_t wall_ms, int64_t mono_ms)
{
  struct seat_map *map = feed->event->map;
  if (seat_map_next_lapse_ms(map) <= wall_ms) seat_map_advance(map, wall_ms);
  bool due = feed->availability_changed || feed->told_version != map->version;
  if (!due) return;
  struct buffer text;
  buffer_init(&text, &api->world->memory);
  if (feed->told_version != map->version) tell_changes(api, feed, &text);
  if (mono_ms - feed->availability_ms >= FEED_AVAILABILITY_MS) {
    feed_write_availability(feed, &text);
    (void)publish(api, feed, &text);
    feed->availability_ms = mono_ms;
    feed->availability_changed = false;
  }
  buffer_free(&text);
}

void feed_tick(struct api *api, int64_t wall_ms, int64_t mono_ms)
{
  if (mono_ms < api->feeds_due_ms) return;
  api->feeds_due_ms = mono_ms + FEED_TICK_MS;
  for (struct feed *feed = api->feeds; feed != NULL; feed = feed->next)
    if (feed->topic != NULL) tick(api, feed, wall_ms, mono_ms);
}

void feed_close_all(struct api *api)
{
  while (api->feeds != NULL) {
    struct feed *feed = api->feeds;
    api->feeds = feed->next;
    feed->event->topic = NULL;
    buffer_free(&feed->seats);
    buffer_free(&feed->packed);
    buffer_free(&feed->line);
    memory_free(&api->world->memory, feed, sizeof *feed);
  }
}
