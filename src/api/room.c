#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"
#include "base/encode.h"

enum { MODE_BYTES = 16 };

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- settings ---- */

struct room_body {
  struct bytes mode;
  int64_t admit_per_second, max_shoppers, token_ttl_sec, grace_sec, entry_sec, latency_target_ms;
};

#define NUMBER(name)                                                                    \
  {                                                                                     \
#name, BODY_INTEGER, offsetof(struct room_body, name), 0, UINT32_MAX, BODY_OPTIONAL \
  }

static const struct body_field ROOM_FIELDS[] = {
    {"mode", BODY_TEXT, offsetof(struct room_body, mode), 1, MODE_BYTES, BODY_OPTIONAL},
    NUMBER(admit_per_second),
    NUMBER(max_shoppers),
    NUMBER(token_ttl_sec),
    NUMBER(grace_sec),
    NUMBER(entry_sec),
    NUMBER(latency_target_ms),
};

static void take(int64_t from, uint32_t *to)
{
  if (from != BODY_ABSENT) *to = (uint32_t)from;
}

/* What is absent stays as it is; a mode that is none becomes one that the room refuses. */
static void take_settings(const struct room_body *body, struct room_settings *settings)
{
  if (body->mode.size > 0) settings->mode = room_mode_of(body->mode);
  take(body->admit_per_second, &settings->admit_per_second);
  take(body->max_shoppers, &settings->max_shoppers);
  take(body->token_ttl_sec, &settings->token_ttl_s);
  take(body->grace_sec, &settings->grace_s);
  take(body->entry_sec, &settings->entry_s);
  take(body->latency_target_ms, &settings->target_ms);
}

static struct bytes render_room(struct exchange *exchange, const struct room *room,
                                const struct room_settings *settings)
{
  struct room_counts counts;
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  room_counts(room, &counts);
  render_text(json, BYTES("event_id"), room_event_id(room));
  render_text(json, BYTES("mode"), room_mode_name(settings->mode));
  for (size_t i = 0; i < ROOM_SETTINGS; i++)
    render_integer(json, bytes_of_text(room_setting_rows[i].name),
                   room_setting_get(settings, &room_setting_rows[i]));
  render_integer(json, BYTES("waiting"), (int64_t)counts.waiting);
  render_integer(json, BYTES("shoppers"), (int64_t)counts.shoppers);
  return render_end(&render);
}

void api_admin_room_set(struct exchange *exchange)
{
  struct room_body body;
  struct error error = {0};
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, ROOM_FIELDS, COUNT(ROOM_FIELDS), &body)) return;
  struct sale *sale = effect->api->sale;
  struct sale_event *event = sale_event_find(sale, exchange_parameter(exchange, 0));
  struct bytes none = {NULL, 0};
  if (event == NULL) {
    effect_refuse(effect, SALE_EVENT_NOT_FOUND, NULL, none);
    return;
  }
  const struct room *room = sale_event_room(sale, event, effect->now_ms);
  if (room == NULL) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, none);
    return;
  }
  struct room_settings settings = *room_settings(room);
  take_settings(&body, &settings);
  enum sale_refusal refusal = sale_room_set(sale, &effect->plan, event, &settings, effect->user_id,
                                            effect->now_ms, &error);
  if (refusal == SALE_OK)
    effect_reply(effect, 200, render_room(exchange, room, &settings));
  else
    effect_refuse(effect, refusal, &error, none);
}

/* ---- fairness ---- */

static void render_hex(struct json_writer *json, struct bytes key, const uint8_t *bytes)
{
  char hex[2 * HASH_SHA256_BYTES];
  encode_to_hex(bytes_of(bytes, HASH_SHA256_BYTES), hex);
  render_text(json, key, bytes_of(hex, sizeof hex));
}

_Static_assert((int)SHUFFLE_SEED_BYTES == (int)HASH_SHA256_BYTES, "one function writes both");

void api_room_fairness(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  const struct sale_event *event = sale_event_find(api->sale, exchange_parameter(exchange, 0));
  struct room_fairness fairness;
  if (event == NULL) {
    answer_refusal(exchange, SALE_EVENT_NOT_FOUND);
    return;
  }
  if (event->room == NULL) {
    exchange_reply_error(exchange, 404, "ROOM_NOT_FOUND",
                         BYTES("nobody needs to wait for this event: there is no queue"),
                         (struct bytes){NULL, 0});
    answer_send(exchange);
    return;
  }
  room_fairness(event->room, &fairness);
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("event_id"), event->id);
  render_text(json, BYTES("algorithm"), BYTES(SHUFFLE_ALGORITHM));
  render_hex(json, BYTES("commitment"), fairness.commitment);
  render_bool(json, BYTES("opened"), fairness.opened);
  if (fairness.opened) {
    render_time(json, BYTES("opened_at"), fairness.opened_ms);
    render_hex(json, BYTES("seed"), fairness.seed);
    render_integer(json, BYTES("drawn"), fairness.count);
  }
  answer_json(exchange, render_end(&render));
}
