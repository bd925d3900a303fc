#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/render.h"

enum { DELIVERIES_DEFAULT = 20, DELIVERIES_MAX = 50 };

/* ---- the log ---- */

/* What a query says, in the order of enum bus_delivery_state. */
static const char *const STATES[BUS_DELIVERY_STATES] = {"pending", "delivered", "failed"};

static bool take_state(struct exchange *exchange, enum bus_delivery_state *state)
{
  struct bytes text;
  if (!query_text(exchange, "state", &text)) return false;
  for (enum bus_delivery_state i = 0; i < BUS_DELIVERY_STATES; i++) {
    if (!bytes_equal(text, bytes_of_text(STATES[i]))) continue;
    *state = i;
    return true;
  }
  body_refuse(exchange, "state", "must be pending, delivered or failed");
  return false;
}

/* Queries of webhooks are where their secrets are. */
static struct bytes without_query(struct bytes url)
{
  const uint8_t *end = url.size == 0 ? NULL : memchr(url.data, '?', url.size);
  return end == NULL ? url : bytes_of(url.data, (size_t)(end - url.data));
}

static void render_delivery(struct json_writer *json, const struct bus_delivery *delivery)
{
  json_write_object_begin(json);
  render_text(json, BYTES("id"), delivery->id);
  render_text(json, BYTES("event_id"), delivery->event_id);
  render_text_if(json, BYTES("detail_type"), delivery->detail_type);
  render_text(json, BYTES("url"), without_query(delivery->url));
  render_text(json, BYTES("state"), bus_delivery_state_name(delivery->state));
  render_integer(json, BYTES("attempts"), delivery->attempts);
  if (delivery->last_status != 0) render_integer(json, BYTES("last_status"), delivery->last_status);
  render_text_if(json, BYTES("last_error"), delivery->last_error);
  render_time(json, BYTES("created_at"), delivery->created_ms);
  if (delivery->state == BUS_PENDING)
    render_time(json, BYTES("next_attempt_at"), delivery->next_ms);
  json_write_object_end(json);
}

void api_admin_delivery_list(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  enum bus_delivery_state state;
  struct bytes cursor;
  struct error error;
  uint32_t limit;
  uint32_t count;
  if (!take_state(exchange, &state) ||
      !query_page(exchange, DELIVERIES_MAX, DELIVERIES_DEFAULT, &cursor, &limit))
    return;
  struct bus_delivery *list = arena_alloc_array(&exchange->arena, limit, sizeof *list);
  enum bus_status status = BUS_UNAVAILABLE;
  if (list != NULL)
    status = bus_delivery_list(api->buses, state, &cursor, limit, &exchange->arena, list, &count,
                               &error);
  if (status == BUS_INVALID) {
    query_refuse_cursor(exchange);
    return;
  }
  if (status != BUS_OK) {
    answer_refusal(exchange, SALE_UNAVAILABLE);
    return;
  }
  struct render render;
  render_begin(&render, exchange);
  json_write_key(&render.json, BYTES("deliveries"));
  json_write_array_begin(&render.json);
  for (uint32_t i = 0; i < count; i++) render_delivery(&render.json, &list[i]);
  json_write_array_end(&render.json);
  render_cursor(&render.json, cursor);
  answer_json(exchange, render_end(&render));
}

/* ---- again ---- */

static void refuse(struct effect *effect, enum bus_status status)
{
  const struct bytes none = {NULL, 0};
  if (status == BUS_NOT_FOUND) {
    exchange_reply_error(effect->exchange, 404, "DELIVERY_NOT_FOUND",
                         BYTES("there is no such delivery"), none);
    effect_abandon(effect);
  } else if (status == BUS_IN_USE) {
    exchange_reply_error(effect->exchange, 409, "DELIVERY_PENDING",
                         BYTES("the delivery is pending: it is sent anyway"), none);
    effect_abandon(effect);
  } else {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, none);
  }
}

void api_admin_delivery_replay(struct exchange *exchange)
{
  struct error error;
  struct render render;
  struct bytes id = exchange_parameter(exchange, 0);
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL) return;
  enum bus_status status = bus_delivery_replay(effect->api->buses, &effect->plan, id,
                                               effect->now_ms, &error);
  if (status != BUS_OK) {
    refuse(effect, status);
    return;
  }
  render_begin(&render, exchange);
  render_text(&render.json, BYTES("delivery_id"), id);
  render_text(&render.json, BYTES("state"), bus_delivery_state_name(BUS_PENDING));
  effect_reply(effect, 200, render_end(&render));
}
