#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"
#include "sale/seat_import.h"
#include "sale/seat_map.h"

#include <stdlib.h>

enum { WORD_BYTES = 16, REASON_BYTES_MAX = 500 };

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- a new event ---- */

struct creation {
  struct effect *effect;
  struct bytes event_id;
  uint32_t total;
};

/* {"line":n} of a message that says "line n, column m: ..." */
static struct bytes line_details(struct exchange *exchange, const struct error *error)
{
  struct bytes message = bytes_of_text(error->message);
  size_t at = bytes_find(message, BYTES("line "));
  long line = at == SIZE_MAX ? 0 : strtol(error->message + at + 5, NULL, 10);
  if (line <= 0) return (struct bytes){NULL, 0};
  struct render render;
  render_begin(&render, exchange);
  render_integer(&render.json, BYTES("line"), line);
  render_text(&render.json, BYTES("reason"), message);
  return render_end(&render);
}

static void created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  const struct creation *creation = context;
  struct effect *effect = creation->effect;
  struct exchange *exchange = effect->exchange;
  effect_resume(effect);
  exchange_wait_for(exchange, sequence);
  struct render render;
  render_begin(&render, exchange);
  render_text(&render.json, BYTES("event_id"), creation->event_id);
  render_integer(&render.json, BYTES("total"), creation->total);
  effect_finish(effect, refusal, NULL, 201, render_end(&render));
}

static bool import(struct effect *effect, struct seat_plan *plan)
{
  struct exchange *exchange = effect->exchange;
  struct error error;
  uint64_t seed;
  world_entropy(effect->api->world, &seed, sizeof seed);
  if (seat_import_json(exchange->body, seed, &exchange->arena, plan, &error)) return true;
  if (error.code == ERROR_NO_MEMORY) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return false;
  }
  effect_refuse(effect, SALE_INVALID, &error, line_details(exchange, &error));
  return false;
}

/* Tickets are made in slices, so this one answers later. */
void api_admin_event_create(struct exchange *exchange)
{
  struct seat_plan plan;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !import(effect, &plan)) return;
  struct creation *creation = arena_alloc(&exchange->arena, sizeof *creation);
  if (creation != NULL) {
    creation->effect = effect;
    creation->event_id = arena_copy(&exchange->arena, plan.event.event_id);
    creation->total = plan.seat_count;
  }
  if (creation == NULL || creation->event_id.data == NULL) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return;
  }
  if (!effect_defer(effect)) return;
  enum sale_refusal refusal = sale_event_create(effect->api->sale, &plan, created, creation,
                                                effect->now_ms);
  if (refusal != SALE_OK) effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
}

/* ---- changing one ---- */

struct update_body {
  struct bytes status;
  int64_t sale_opens_at, max_per_buyer, hold_seconds;
};

static const struct body_field UPDATE_FIELDS[] = {
    {"status", BODY_TEXT, offsetof(struct update_body, status), 1, WORD_BYTES, BODY_OPTIONAL},
    {"sale_opens_at", BODY_TIME, offsetof(struct update_body, sale_opens_at), 0, 0, BODY_OPTIONAL},
    {"max_per_buyer", BODY_INTEGER, offsetof(struct update_body, max_per_buyer), 1, SEAT_BUYER_MAX,
     BODY_OPTIONAL},
    {"hold_seconds", BODY_INTEGER, offsetof(struct update_body, hold_seconds),
     SEAT_HOLD_SECONDS_MIN, SEAT_HOLD_SECONDS_MAX, BODY_OPTIONAL},
};

static bool take_status(struct bytes name, struct sale_event_change *change)
{
  if (name.size == 0) return true;
  change->has_status = true;
  for (enum sale_status i = 0; i < SALE_STATUSES; i++) {
    if (!bytes_equal(name, sale_status_name(i))) continue;
    change->status = i;
    return true;
  }
  return false;
}

static void take_number(int64_t from, bool *has, uint32_t *to)
{
  *has = from != BODY_ABSENT;
  if (*has) *to = (uint32_t)from;
}

/* What the event will be once the plan is in the log. */
static struct bytes render_updated(struct exchange *exchange, const struct sale_event *event,
                                   const struct sale_event_change *change, int64_t now_ms)
{
  struct sale_event changed = *event;
  struct render render;
  if (change->has_status) changed.status = change->status;
  if (change->has_sale_opens) changed.sale_opens_ms = change->sale_opens_ms;
  if (change->has_max_per_buyer) changed.max_per_buyer = change->max_per_buyer;
  if (change->has_hold_seconds) changed.hold_seconds = change->hold_seconds;
  render_begin(&render, exchange);
  render_event(&render.json, &changed, true, now_ms);
  return render_end(&render);
}

void api_admin_event_update(struct exchange *exchange)
{
  struct update_body body;
  struct error error = {0};
  struct sale_event_change change = {0};
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, UPDATE_FIELDS, COUNT(UPDATE_FIELDS), &body)) return;
  if (!take_status(body.status, &change)) {
    body_refuse(exchange, "status", "must be SCHEDULED, ON_SALE, PAUSED or CLOSED");
    return;
  }
  take_number(body.max_per_buyer, &change.has_max_per_buyer, &change.max_per_buyer);
  take_number(body.hold_seconds, &change.has_hold_seconds, &change.hold_seconds);
  change.has_sale_opens = body.sale_opens_at != BODY_ABSENT;
  change.sale_opens_ms = body.sale_opens_at;
  struct sale_event *event = sale_event_find(effect->api->sale, exchange_parameter(exchange, 0));
  enum sale_refusal refusal = SALE_EVENT_NOT_FOUND;
  if (event != NULL)
    refusal = sale_event_update(effect->api->sale, &effect->plan, event, &change, effect->now_ms,
                                &error);
  if (refusal == SALE_OK)
    effect_reply(effect, 200, render_updated(exchange, event, &change, effect->now_ms));
  else
    effect_refuse(effect, refusal, &error, (struct bytes){NULL, 0});
}

/* ---- refund ---- */

struct refund_body {
  struct bytes reason;
  int64_t amount;
};

static const struct body_field REFUND_FIELDS[] = {
    {"reason", BODY_TEXT, offsetof(struct refund_body, reason), 1, REASON_BYTES_MAX, BODY_REQUIRED},
    {"amount", BODY_INTEGER, offsetof(struct refund_body, amount), 1, INT64_MAX, BODY_OPTIONAL},
};

void api_admin_refund(struct exchange *exchange)
{
  struct refund_body body;
  struct sale_order order;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, REFUND_FIELDS, COUNT(REFUND_FIELDS), &body)) return;
  int64_t amount = body.amount == BODY_ABSENT ? 0 : body.amount;
  enum sale_refusal refusal = sale_refund(effect->api->sale, &effect->plan,
                                          exchange_parameter(exchange, 0), amount, body.reason,
                                          effect->now_ms, &order);
  if (refusal != SALE_OK) {
    effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
    return;
  }
  struct render render;
  render_begin(&render, exchange);
  render_order(&render.json, &order, effect->api->ticket_signer);
  effect_reply(effect, 200, render_end(&render));
}
