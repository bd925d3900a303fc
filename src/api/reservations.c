#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/render.h"
#include "sale/seat_plan.h"

enum {
  RESERVATIONS_DEFAULT = 20,
  RESERVATIONS_MAX = 50,
  TOKEN_BYTES = 1024, /* of the waiting room */
  REASON_BYTES_MAX = 500,
  KEY_BYTES = 36, /* a UUID (RFC 9562) */
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- making ---- */

struct reserve_body {
  struct bytes event_id, section, reservation_token;
  struct body_texts seat_ids;
  int64_t quantity;
};

static const struct body_field RESERVE_FIELDS[] = {
    {"event_id", BODY_TEXT, offsetof(struct reserve_body, event_id), 0, SEAT_EVENT_ID_BYTES,
     BODY_OPTIONAL},
    {"seat_ids", BODY_TEXTS, offsetof(struct reserve_body, seat_ids), 0, SALE_SEATS_MAX,
     BODY_OPTIONAL},
    {"quantity", BODY_INTEGER, offsetof(struct reserve_body, quantity), 1, SALE_SEATS_MAX,
     BODY_OPTIONAL},
    {"section", BODY_TEXT, offsetof(struct reserve_body, section), 0, SEAT_SECTION_BYTES,
     BODY_OPTIONAL},
    {"reservation_token", BODY_TEXT, offsetof(struct reserve_body, reservation_token), 0,
     TOKEN_BYTES, BODY_OPTIONAL},
};

/* {"unavailable_seats":[...],"alternative_seats":[...]} */
static struct bytes conflict_details(struct exchange *exchange,
                                     const struct sale_reserve_result *result)
{
  struct render render;
  render_begin(&render, exchange);
  render_ids(&render.json, BYTES("unavailable_seats"), result->unavailable,
             result->unavailable_count);
  render_ids(&render.json, BYTES("alternative_seats"), result->alternative,
             result->alternative_count);
  return render_end(&render);
}

static struct bytes render_created(struct exchange *exchange,
                                   const struct sale_reservation *reservation, int64_t now_ms)
{
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("reservation_id"), reservation->id);
  render_text(json, BYTES("status"), reservation_status_name(reservation->status));
  render_text(json, BYTES("event_id"), reservation->event->id);
  render_text(json, BYTES("user_id"), reservation->user_id);
  render_seat_ids(json, BYTES("seat_ids"), reservation->seats, reservation->quantity);
  render_integer(json, BYTES("quantity"), reservation->quantity);
  render_seats(json, BYTES("reserved_seats"), reservation->seats, reservation->quantity);
  render_money(json, BYTES("total_amount"), reservation->amount, reservation->event->currency);
  render_time(json, BYTES("hold_expires_at"), reservation->hold_expires_ms);
  render_integer(json, BYTES("expires_in"),
                 render_seconds_left(reservation->hold_expires_ms, now_ms));
  return render_end(&render);
}

void api_reservation_create(struct exchange *exchange)
{
  struct reserve_body body;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, RESERVE_FIELDS, COUNT(RESERVE_FIELDS), &body)) return;
  const struct sale_reserve ask = {
      .event_id = body.event_id,
      .user_id = effect->user_id,
      .seat_ids = body.seat_ids.items,
      .seat_count = body.seat_ids.count,
      .quantity = body.quantity == BODY_ABSENT ? 0 : (uint32_t)body.quantity,
      .section = body.section,
      .reservation_token = body.reservation_token,
  };
  struct error error = {0};
  struct sale_reserve_result result;
  enum sale_refusal refusal = sale_reserve(effect->api->sale, &effect->plan, &ask, effect->now_ms,
                                           &result, &error);
  if (refusal != SALE_OK) {
    effect_refuse(effect, refusal, &error,
                  refusal == SALE_CONFLICT ? conflict_details(exchange, &result)
                                           : (struct bytes){NULL, 0});
    return;
  }
  struct api *api = effect->api;
  int64_t received_ns = exchange->received_ns;
  struct room *room = result.reservation.event->room;
  effect_reply(effect, 201, render_created(exchange, &result.reservation, effect->now_ms));
  api_follow_reservation(api, room, received_ns);
}

/* ---- reading ---- */

void api_reservation_list(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct bytes cursor;
  uint32_t limit;
  uint32_t count;
  if (!query_page(exchange, RESERVATIONS_MAX, RESERVATIONS_DEFAULT, &cursor, &limit)) return;
  int64_t now_ms = world_clock_ms(api->world);
  struct sale_reservation *list = arena_alloc_array(&exchange->arena, limit, sizeof *list);
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  if (list != NULL)
    refusal = sale_reservation_list(api->sale, &exchange->arena, api_user_id(exchange), &cursor,
                                    limit, now_ms, list, &count);
  if (refusal == SALE_INVALID) {
    query_refuse_cursor(exchange);
    return;
  }
  if (refusal != SALE_OK) {
    answer_refusal(exchange, refusal);
    return;
  }
  struct render render;
  render_begin(&render, exchange);
  json_write_key(&render.json, BYTES("reservations"));
  json_write_array_begin(&render.json);
  for (uint32_t i = 0; i < count; i++) {
    json_write_object_begin(&render.json);
    render_reservation(&render.json, &list[i], now_ms);
    json_write_object_end(&render.json);
  }
  json_write_array_end(&render.json);
  render_cursor(&render.json, cursor);
  answer_json(exchange, render_end(&render));
}

void api_reservation_get(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct sale_reservation reservation;
  int64_t now_ms = world_clock_ms(api->world);
  enum sale_refusal refusal = sale_reservation_find(api->sale, &exchange->arena,
                                                    exchange_parameter(exchange, 0),
                                                    api_user_id(exchange), now_ms, &reservation);
  if (refusal != SALE_OK) {
    answer_refusal(exchange, refusal);
    return;
  }
  struct render render;
  render_begin(&render, exchange);
  json_write_key(&render.json, BYTES("reservation"));
  json_write_object_begin(&render.json);
  render_reservation(&render.json, &reservation, now_ms);
  json_write_object_end(&render.json);
  answer_json(exchange, render_end(&render));
}

/* ---- ending ---- */

struct confirm_body {
  struct bytes payment_intent_id, idempotency_key;
};

static const struct body_field CONFIRM_FIELDS[] = {
    {"payment_intent_id", BODY_TEXT, offsetof(struct confirm_body, payment_intent_id), 0,
     ROUTE_PARAMETER_BYTES, BODY_OPTIONAL},
    {"idempotency_key", BODY_TEXT, offsetof(struct confirm_body, idempotency_key), KEY_BYTES,
     KEY_BYTES, BODY_OPTIONAL},
};

static struct bytes render_confirmed(struct exchange *exchange, const struct sale_order *order)
{
  const struct api *api = exchange->context;
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("order_id"), order->id);
  render_text(json, BYTES("reservation_id"), order->reservation_id);
  render_text(json, BYTES("status"), reservation_status_name(RESERVATION_CONFIRMED));
  render_time(json, BYTES("confirmed_at"), order->created_ms);
  render_seats(json, BYTES("confirmed_seats"), order->seats, order->quantity);
  render_money(json, BYTES("total_amount"), order->amount, order->currency);
  render_tickets(json, BYTES("tickets"), order, api->ticket_signer);
  return render_end(&render);
}

/* Whether the reservation's payment was given back, now or by a worker before. */
static bool is_paid_back(struct effect *effect, struct bytes id)
{
  struct sale_reservation reservation;
  struct sale_payment payment;
  struct sale *sale = effect->api->sale;
  struct arena *arena = &effect->exchange->arena;
  return sale_reservation_find(sale, arena, id, effect->user_id, effect->now_ms, &reservation) ==
             SALE_OK &&
         reservation.payment_intent_id.size > 0 &&
         sale_payment_find(sale, arena, reservation.payment_intent_id, &payment) == SALE_OK &&
         payment.status == PAYMENT_REFUNDED;
}

/*
 * There was nothing to be had for what was paid, and it goes back. Giving it back is an effect,
 * which is kept under the key; to find it given back is not.
 */
static void answer_refunded(struct effect *effect, enum sale_refusal refusal, bool now)
{
  struct exchange *exchange = effect->exchange;
  struct error words;
  struct bytes details = BYTES("{\"payment_status\":\"REFUNDED\"}");
  error_set(&words, ERROR_NOT_FOUND,
            refusal == SALE_CANCELLED
                ? "the reservation was cancelled before the payment came: the payment is refunded"
                : "the hold was over before the payment came, and the seats are gone: the payment "
                  "is refunded");
  if (!now) {
    effect_refuse(effect, refusal, &words, details);
    return;
  }
  render_refusal(exchange, refusal, &words, details);
  struct bytes body = exchange->reply.body;
  effect_reply(effect, exchange->reply.status, body);
}

void api_reservation_confirm(struct exchange *exchange)
{
  struct confirm_body body;
  if (!body_read(exchange, CONFIRM_FIELDS, COUNT(CONFIRM_FIELDS), &body)) return;
  struct effect *effect = effect_begin(exchange, body.idempotency_key);
  if (effect == NULL) return;
  struct sale_order order;
  bool refunded;
  enum sale_refusal refusal = sale_confirm(
      effect->api->sale, &effect->plan, exchange_parameter(exchange, 0), effect->user_id,
      body.payment_intent_id, effect->now_ms, &order, &refunded);
  if (refusal == SALE_OK)
    effect_reply(effect, 200, render_confirmed(exchange, &order));
  else if (refunded || is_paid_back(effect, exchange_parameter(exchange, 0)))
    answer_refunded(effect, refusal, refunded);
  else
    effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
}

struct cancel_body {
  struct bytes reason;
};

static const struct body_field CANCEL_FIELDS[] = {
    {"reason", BODY_TEXT, offsetof(struct cancel_body, reason), 0, REASON_BYTES_MAX, BODY_OPTIONAL},
};

static struct bytes render_cancelled(struct exchange *exchange,
                                     const struct sale_reservation *reservation)
{
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("reservation_id"), reservation->id);
  render_text(json, BYTES("status"), reservation_status_name(reservation->status));
  render_time(json, BYTES("cancelled_at"), reservation->updated_ms);
  render_seat_ids(json, BYTES("released_seats"), reservation->seats, reservation->quantity);
  return render_end(&render);
}

/* POST with a body, or DELETE without one. */
void api_reservation_cancel(struct exchange *exchange)
{
  struct cancel_body body;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, CANCEL_FIELDS, COUNT(CANCEL_FIELDS), &body)) return;
  struct sale_reservation reservation;
  enum sale_refusal refusal = sale_cancel(effect->api->sale, &effect->plan,
                                          exchange_parameter(exchange, 0), effect->user_id,
                                          effect->now_ms, &reservation);
  if (refusal == SALE_OK)
    effect_reply(effect, 200, render_cancelled(exchange, &reservation));
  else
    effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
}
