#include "sale/checkin.h"

#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* The public keys of the tickets' signatures, for scanners that work without the server. */
void api_ticket_keys(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct buffer text;
  struct bytes body = {NULL, 0};
  buffer_init(&text, &exchange->memory);
  if (ticket_keys_write(api->ticket_keys, &text))
    body = arena_copy(&exchange->arena, buffer_bytes(&text));
  buffer_free(&text);
  answer_json(exchange, body);
}

struct checkin_body {
  struct bytes code, event_id, gate;
};

static const struct body_field FIELDS[] = {
    {"code", BODY_TEXT, offsetof(struct checkin_body, code), 1, TICKET_CODE_TEXT_MAX,
     BODY_REQUIRED},
    {"event_id", BODY_TEXT, offsetof(struct checkin_body, event_id), 0, SEAT_EVENT_ID_BYTES,
     BODY_OPTIONAL},
    {"gate", BODY_TEXT, offsetof(struct checkin_body, gate), 0, CHECKIN_GATE_BYTES, BODY_OPTIONAL},
};

static struct bytes render_admitted(struct exchange *exchange,
                                    const struct sale_checkin_result *result)
{
  struct render render;
  struct json_writer *json = &render.json;
  render_begin(&render, exchange);
  render_text(json, BYTES("status"), BYTES("ADMITTED"));
  render_text(json, BYTES("ticket_id"), result->ticket_id);
  render_text(json, BYTES("order_id"), result->order_id);
  render_text(json, BYTES("event_id"), result->event->id);
  render_text(json, BYTES("user_id"), result->user_id);
  json_write_key(json, BYTES("seat"));
  json_write_object_begin(json);
  render_seat(json, &result->seat);
  json_write_object_end(json);
  render_time(json, BYTES("admitted_at"), result->admitted_ms);
  render_text_if(json, BYTES("gate"), result->gate);
  return render_end(&render);
}

/* What the person at the door wants to know. */
static struct bytes details_of(struct exchange *exchange, enum sale_refusal refusal,
                               const struct sale_checkin_result *result)
{
  struct render render;
  if (refusal != SALE_TICKET_INVALID && refusal != SALE_ALREADY_ADMITTED)
    return (struct bytes){NULL, 0};
  render_begin(&render, exchange);
  if (refusal == SALE_TICKET_INVALID) {
    render_text(&render.json, BYTES("reason"),
                bytes_of_text(ticket_code_verdict_name(result->verdict)));
  } else {
    render_text(&render.json, BYTES("seat_id"), result->seat.id);
    render_time(&render.json, BYTES("admitted_at"), result->admitted_ms);
    render_text_if(&render.json, BYTES("gate"), result->gate);
  }
  return render_end(&render);
}

void api_admin_checkin(struct exchange *exchange)
{
  struct checkin_body body;
  struct error error = {0};
  struct sale_checkin_result result;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, FIELDS, COUNT(FIELDS), &body)) return;
  const struct sale_checkin ask = {.code = body.code, .event_id = body.event_id, .gate = body.gate};
  enum sale_refusal refusal = sale_checkin(effect->api->sale, &effect->plan,
                                           effect->api->ticket_keys, &ask, effect->now_ms, &result,
                                           &error);
  if (refusal == SALE_OK)
    effect_reply(effect, 200, render_admitted(exchange, &result));
  else
    effect_refuse(effect, refusal, &error, details_of(exchange, refusal, &result));
}
