#include "api/api.h"

#include "api/feed.h"
#include "api/report.h"

enum { NS_PER_MS = 1000000 };

bool api_admit(struct exchange *exchange)
{
  struct api *api = exchange->context;
  return shield_admit(api->shield, exchange);
}

void api_open(struct api *api)
{
  compressor_init(&api->compressor, &api->world->memory);
}

bool api_tick(struct api *api)
{
  int64_t wall_ms = world_clock_ms(api->world);
  password_pool_collect(api->passwords);
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
