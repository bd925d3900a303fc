#include "api/api.h"

#include "api/feed.h"
#include "api/report.h"

enum { NS_PER_MS = 1000000, NS_PER_US = 1000 };

bool api_admit(struct exchange *exchange)
{
  struct api *api = exchange->context;
  return shield_admit(api->shield, exchange);
}

void api_open(struct api *api)
{
  compressor_init(&api->compressor, &api->world->memory);
}

/* Follows one reservation at a time until it is durable. */
static void note_latency(struct api *api)
{
  if (api->reserving.room == NULL || store_durable(api->store) < api->reserving.sequence) return;
  int64_t took_ns = world_monotonic_ns(api->world) - api->reserving.received_ns;
  room_note_latency(api->reserving.room, took_ns / NS_PER_US);
  api->reserving.room = NULL;
}

void api_follow_reservation(struct api *api, struct room *room, int64_t received_ns)
{
  if (room == NULL || api->reserving.room != NULL) return;
  api->reserving.room = room;
  api->reserving.received_ns = received_ns;
  api->reserving.sequence = store_appended(api->store);
}

bool api_tick(struct api *api)
{
  int64_t wall_ms = world_clock_ms(api->world);
  password_pool_collect(api->passwords);
  note_latency(api);
  feed_tick(api, wall_ms, world_monotonic_ns(api->world) / NS_PER_MS);
  bool reports = report_tick(api);
  return sale_tick(api->sale, wall_ms) || reports;
}

void api_stop(struct api *api)
{
  while (report_tick(api)) continue;
  while (sale_tick(api->sale, world_clock_ms(api->world))) continue;
}

void api_close(struct api *api)
{
  feed_close_all(api);
  compressor_free(&api->compressor);
}
