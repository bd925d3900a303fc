#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"
#include "sale/provider_signature.h"

enum {
  CURRENCY_BYTES = 3,
  WORD_BYTES = 32,
  EVENT_TYPE_BYTES = 64,
  WEBHOOK_ID_BYTES = 256,
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

struct webhook_body {
  struct bytes payment_id, reservation_id, status, currency, event_type;
  int64_t amount, timestamp;
};

static const struct body_field FIELDS[] = {
    {"payment_id", BODY_TEXT, offsetof(struct webhook_body, payment_id), 1, ROUTE_PARAMETER_BYTES,
     BODY_REQUIRED},
    {"reservation_id", BODY_TEXT, offsetof(struct webhook_body, reservation_id), 1,
     ROUTE_PARAMETER_BYTES, BODY_REQUIRED},
    {"status", BODY_TEXT, offsetof(struct webhook_body, status), 1, WORD_BYTES, BODY_REQUIRED},
    {"amount", BODY_INTEGER, offsetof(struct webhook_body, amount), 1, INT64_MAX, BODY_REQUIRED},
    {"currency", BODY_TEXT, offsetof(struct webhook_body, currency), CURRENCY_BYTES, CURRENCY_BYTES,
     BODY_OPTIONAL},
    {"timestamp", BODY_TIME, offsetof(struct webhook_body, timestamp), 0, 0, BODY_OPTIONAL},
    {"event_type", BODY_TEXT, offsetof(struct webhook_body, event_type), 0, EVENT_TYPE_BYTES,
     BODY_OPTIONAL},
};

/* "sha256=" and the lower-case hex of HMAC-SHA-256 over the body as it was sent. */
static bool is_signed(const struct exchange *exchange)
{
  const struct api *api = exchange->context;
  return api->webhook_secret.size > 0 &&
         provider_signature_is_valid(exchange->body,
                                     http_head_find(&exchange->head, BYTES("x-webhook-signature")),
                                     api->webhook_secret);
}

static void refuse(struct exchange *exchange, uint16_t status, const char *code,
                   struct bytes message)
{
  exchange_reply_error(exchange, status, code, message, (struct bytes){NULL, 0});
  exchange_send(exchange);
}

static struct bytes received(void)
{
  return BYTES("{\"received\":true}");
}

/*
 * A notification that came before is 200 and nothing else: its id is kept with the effect. True
 * when this one is new, or has no id.
 */
static bool take_id(struct effect *effect)
{
  struct exchange *exchange = effect->exchange;
  struct bytes id = http_head_find(&exchange->head, BYTES("x-webhook-id"));
  struct idempotency_answer answer;
  if (id.size == 0) return true;
  const struct idempotency_request request = {
      .who = BYTES("webhook"),
      .method = exchange->head.method_name,
      .path = exchange->head.path,
      .key = id,
  };
  effect->keyed = true;
  idempotency_init(&effect->idempotency, &request);
  if (idempotency_find(effect->api->sale, &exchange->arena, &effect->idempotency, effect->now_ms,
                       &answer) == IDEMPOTENCY_NEW)
    return true;
  exchange_reply_json(exchange, 200, received());
  effect_abandon(effect);
  return false;
}

/* The payment that the notification is about: its reservation's, and of that amount. */
static enum sale_refusal find(struct effect *effect, const struct webhook_body *body,
                              struct sale_payment *payment)
{
  struct sale *sale = effect->api->sale;
  struct arena *arena = &effect->exchange->arena;
  struct sale_reservation reservation;
  enum sale_refusal refusal = sale_payment_find(sale, arena, body->payment_id, payment);
  if (refusal != SALE_OK) {
    /* The provider's own id for it: then the reservation says which. */
    refusal = sale_reservation_find(sale, arena, body->reservation_id, (struct bytes){NULL, 0},
                                    effect->now_ms, &reservation);
    if (refusal != SALE_OK) return refusal;
    refusal = sale_payment_find(sale, arena, reservation.payment_intent_id, payment);
    if (refusal != SALE_OK) return refusal;
  }
  if (!bytes_equal(payment->reservation_id, body->reservation_id)) return SALE_PAYMENT_NOT_FOUND;
  bool same = payment->amount == body->amount &&
              (body->currency.size == 0 || bytes_equal(payment->currency, body->currency));
  return same ? SALE_OK : SALE_INVALID_AMOUNT;
}

void api_payment_webhook(struct exchange *exchange)
{
  struct webhook_body body;
  struct sale_payment payment;
  if (!is_signed(exchange)) {
    refuse(exchange, 401, "BAD_SIGNATURE",
           BYTES("sign the body as it is sent: X-Webhook-Signature: sha256=<hex of HMAC-SHA256>"));
    return;
  }
  if (http_head_find(&exchange->head, BYTES("x-webhook-id")).size > WEBHOOK_ID_BYTES) {
    body_refuse(exchange, "X-Webhook-Id", "has at most 256 bytes");
    return;
  }
  if (!body_read(exchange, FIELDS, COUNT(FIELDS), &body)) return;
  bool approved = bytes_equal(body.status, BYTES("COMPLETED"));
  if (!approved && !bytes_equal(body.status, BYTES("FAILED"))) {
    body_refuse(exchange, "status", "must be COMPLETED or FAILED");
    return;
  }
  struct effect *effect = effect_begin_unkeyed(exchange);
  if (effect == NULL || !take_id(effect)) return;
  enum sale_refusal refusal = find(effect, &body, &payment);
  if (refusal == SALE_OK)
    refusal = sale_payment_settle(effect->api->sale, &effect->plan, payment.intent_id, approved,
                                  body.payment_id, effect->now_ms, &payment);
  effect_finish(effect, refusal, NULL, 200, received());
}
