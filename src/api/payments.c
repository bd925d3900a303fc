#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"
#include "base/check.h"

enum {
  CURRENCY_BYTES = 3, /* ISO 4217 */
  WORD_BYTES = 16,    /* of scenarios and actions */
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- intent ---- */

struct intent_body {
  struct bytes reservation_id, currency, scenario;
  int64_t amount;
};

static const struct body_field INTENT_FIELDS[] = {
    {"reservation_id", BODY_TEXT, offsetof(struct intent_body, reservation_id), 0,
     ROUTE_PARAMETER_BYTES, BODY_OPTIONAL},
    {"amount", BODY_INTEGER, offsetof(struct intent_body, amount), INT64_MIN + 1, INT64_MAX,
     BODY_OPTIONAL},
    {"currency", BODY_TEXT, offsetof(struct intent_body, currency), CURRENCY_BYTES, CURRENCY_BYTES,
     BODY_OPTIONAL},
    {"scenario", BODY_TEXT, offsetof(struct intent_body, scenario), 0, WORD_BYTES, BODY_OPTIONAL},
};

static bool is_scenario(struct bytes text)
{
  return text.size == 0 || bytes_equal(text, BYTES("approve")) ||
         bytes_equal(text, BYTES("fail")) || bytes_equal(text, BYTES("delay")) ||
         bytes_equal(text, BYTES("random"));
}

static struct bytes render_intent(struct exchange *exchange, const struct sale_payment *payment)
{
  struct render render;
  render_begin(&render, exchange);
  render_payment(&render.json, payment);
  render_text(&render.json, BYTES("next"), BYTES("webhook"));
  return render_end(&render);
}

void api_payment_intent(struct exchange *exchange)
{
  struct intent_body body;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, INTENT_FIELDS, COUNT(INTENT_FIELDS), &body)) return;
  if (!is_scenario(body.scenario)) {
    body_refuse(exchange, "scenario", "must be approve, fail, delay or random");
    return;
  }
  if (body.scenario.size > 0 && effect->api->simulator == NULL) {
    body_refuse(exchange, "scenario", "is for simulated payments only");
    return;
  }
  struct sale_payment payment;
  int64_t amount = body.amount == BODY_ABSENT ? 0 : body.amount;
  enum sale_refusal refusal = sale_payment_intend(
      effect->api->sale, &effect->plan, body.reservation_id, effect->user_id, amount, body.currency,
      body.scenario, effect->now_ms, &payment);
  if (refusal != SALE_OK) {
    effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
    return;
  }
  effect_reply(effect, 200, render_intent(exchange, &payment));
}

/* ---- process ---- */

struct process_body {
  struct bytes payment_intent_id, action;
};

static const struct body_field PROCESS_FIELDS[] = {
    {"payment_intent_id", BODY_TEXT, offsetof(struct process_body, payment_intent_id), 1,
     ROUTE_PARAMETER_BYTES, BODY_REQUIRED},
    {"action", BODY_TEXT, offsetof(struct process_body, action), 0, WORD_BYTES, BODY_OPTIONAL},
};

/* Ends it as the simulator's payment page would: the action's word, else the scenario's. */
static enum sale_refusal decide(struct effect *effect, struct bytes action,
                                struct sale_payment *payment)
{
  struct bytes payment_id = {NULL, 0};
  struct bytes word = action.size > 0 ? action : payment->scenario;
  enum provider_outcome outcome = provider_simulator_decide(
      effect->api->simulator, &effect->exchange->arena, payment, word, &payment_id);
  if (outcome != PROVIDER_APPROVED && outcome != PROVIDER_FAILED) return SALE_UNAVAILABLE;
  return sale_payment_settle(effect->api->sale, &effect->plan, payment->intent_id,
                             outcome == PROVIDER_APPROVED, payment_id, effect->now_ms, payment);
}

/* A real provider has a payment page of its own, and tells by webhook. */
static bool is_simulated(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  if (api->simulator != NULL) return true;
  body_refuse(exchange, "payment_intent_id",
              "is paid at the payment provider: this route ends simulated payments only");
  return false;
}

/* The caller's payment; somebody else's is none. */
static enum sale_refusal find_own(struct exchange *exchange, struct bytes intent_id,
                                  struct sale_payment *payment)
{
  const struct api *api = exchange->context;
  const struct identity *identity = exchange->identity;
  enum sale_refusal refusal = sale_payment_find(api->sale, &exchange->arena, intent_id, payment);
  if (refusal != SALE_OK || identity == NULL || identity->role == ROLE_ADMIN) return refusal;
  return bytes_equal(payment->user_id, identity->user_id) ? SALE_OK : SALE_PAYMENT_NOT_FOUND;
}

static struct bytes render_one(struct exchange *exchange, const struct sale_payment *payment)
{
  struct render render;
  render_begin(&render, exchange);
  render_payment(&render.json, payment);
  return render_end(&render);
}

void api_payment_process(struct exchange *exchange)
{
  struct process_body body;
  struct sale_payment payment;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, PROCESS_FIELDS, COUNT(PROCESS_FIELDS), &body)) return;
  if (body.action.size > 0 && !bytes_equal(body.action, BYTES("approve")) &&
      !bytes_equal(body.action, BYTES("fail"))) {
    body_refuse(exchange, "action", "must be approve or fail");
    return;
  }
  enum sale_refusal refusal = find_own(exchange, body.payment_intent_id, &payment);
  if (refusal == SALE_OK && !is_simulated(exchange)) return;
  if (refusal == SALE_OK) refusal = decide(effect, body.action, &payment);
  if (refusal == SALE_OK)
    effect_reply(effect, 200, render_one(exchange, &payment));
  else
    effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
}

void api_payment_status(struct exchange *exchange)
{
  struct sale_payment payment;
  enum sale_refusal refusal = find_own(exchange, exchange_parameter(exchange, 0), &payment);
  if (refusal == SALE_OK)
    answer_json(exchange, render_one(exchange, &payment));
  else
    answer_refusal(exchange, refusal);
}
