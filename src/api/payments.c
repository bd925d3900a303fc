#include "api/payments.h"

#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"
#include "base/check.h"

enum {
  CURRENCY_BYTES = 3, /* ISO 4217 */
  WORD_BYTES = 16,    /* of scenarios and actions */
  RETRY_MS = 1000,    /* of a delayed payment that found no memory or disk */
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- payments that end by themselves ---- */

struct payment_delay {
  struct loop_timer timer;
  struct payment_delay *next;
  struct api *api;
  size_t id_bytes;
  char id[SALE_ID_BYTES];
};

static void free_delay(struct payment_delay *delay)
{
  struct payment_delay **link = &delay->api->delays;
  while (*link != delay) link = &(*link)->next;
  *link = delay->next;
  loop_timer_clear(delay->api->loop, &delay->timer);
  memory_free(&delay->api->world->memory, delay, sizeof *delay);
}

/* Whether it is done with: settled, settled before, or gone. */
static bool settle(struct api *api, struct bytes intent_id)
{
  struct arena arena;
  struct error error;
  struct sale_payment payment;
  struct store_transact_result result;
  arena_init(&arena, &api->world->memory);
  struct plan *plan = arena_alloc(&arena, sizeof *plan);
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  if (plan != NULL) {
    plan_init(plan, api->store, &arena);
    refusal = sale_payment_settle(api->sale, plan, intent_id, true, (struct bytes){NULL, 0},
                                  world_clock_ms(api->world), &payment);
  }
  if (refusal == SALE_OK && plan_commit(plan, &result, &error) != STORE_OK)
    refusal = SALE_UNAVAILABLE;
  arena_free(&arena);
  return refusal != SALE_UNAVAILABLE;
}

static void on_delay(struct loop_timer *timer, int64_t now_ms)
{
  struct payment_delay *delay = (struct payment_delay *)timer;
  if (settle(delay->api, bytes_of(delay->id, delay->id_bytes)))
    free_delay(delay);
  else
    loop_timer_set(delay->api->loop, &delay->timer, now_ms + RETRY_MS);
}

void payment_delay_begin(struct api *api, struct bytes intent_id)
{
  struct payment_delay *delay = memory_alloc_zeroed(&api->world->memory, sizeof *delay);
  if (delay == NULL) return;
  CHECK_THAT(intent_id.size, <=, sizeof delay->id);
  delay->timer.fire = on_delay;
  delay->api = api;
  delay->id_bytes = intent_id.size;
  memcpy(delay->id, intent_id.data, intent_id.size);
  delay->next = api->delays;
  api->delays = delay;
  loop_timer_set(api->loop, &delay->timer, api->loop->now_ms + api->payment_delay_ms);
}

void payment_delay_clear_all(struct api *api)
{
  while (api->delays != NULL) free_delay(api->delays);
}

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

struct delay_hook {
  struct api *api;
  struct bytes intent_id;
};

static void after_intent(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct delay_hook *hook = context;
  payment_delay_begin(hook->api, hook->intent_id);
}

/* A payment that ends by itself does so from the moment its intent is in the log. */
static void plan_delay(struct effect *effect, const struct sale_payment *payment)
{
  bool is_new = payment->status == PAYMENT_PENDING && payment->created_ms == effect->now_ms;
  if (!is_new || !bytes_equal(payment->scenario, BYTES("delay"))) return;
  struct delay_hook *hook = arena_alloc(&effect->exchange->arena, sizeof *hook);
  if (hook == NULL) return;
  hook->api = effect->api;
  hook->intent_id = payment->intent_id;
  plan_after(&effect->plan, after_intent, hook);
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
  struct sale_payment payment;
  int64_t amount = body.amount == BODY_ABSENT ? 0 : body.amount;
  enum sale_refusal refusal = sale_payment_intend(
      effect->api->sale, &effect->plan, body.reservation_id, effect->user_id, amount, body.currency,
      body.scenario, effect->now_ms, &payment);
  if (refusal != SALE_OK) {
    effect_refuse(effect, refusal, NULL, (struct bytes){NULL, 0});
    return;
  }
  plan_delay(effect, &payment);
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

/* How the simulator ends it: the action's word, else the scenario's. */
static bool is_approved(struct api *api, struct bytes action, struct bytes scenario)
{
  struct bytes word = action.size > 0 ? action : scenario;
  uint8_t coin;
  if (bytes_equal(word, BYTES("fail"))) return false;
  if (!bytes_equal(word, BYTES("random"))) return true;
  world_entropy(api->world, &coin, sizeof coin);
  return (coin & 1) != 0;
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
  if (refusal == SALE_OK) {
    bool approved = is_approved(effect->api, body.action, payment.scenario);
    refusal = sale_payment_settle(effect->api->sale, &effect->plan, body.payment_intent_id,
                                  approved, (struct bytes){NULL, 0}, effect->now_ms, &payment);
  }
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
