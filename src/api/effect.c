#include "api/effect.h"

#include "api/render.h"
#include "base/check.h"

static void refuse_key(struct effect *effect, const char *code, struct bytes message, bool retry)
{
  struct exchange *exchange = effect->exchange;
  exchange_reply_error(exchange, 409, code, message, (struct bytes){NULL, 0});
  if (retry) exchange_add_header(exchange, BYTES("retry-after"), BYTES("1"));
  exchange_wait_for(exchange, store_appended(effect->api->store));
  exchange_send(exchange);
}

static void replay(struct effect *effect, const struct idempotency_answer *answer)
{
  struct exchange *exchange = effect->exchange;
  if (answer->body.data == NULL) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return;
  }
  exchange_reply_json(exchange, answer->status, answer->body);
  exchange_add_header(exchange, BYTES("x-idempotency-cached"), BYTES("true"));
  /* The first answer may still be on its way to the disk. */
  exchange_wait_for(exchange, store_appended(effect->api->store));
  exchange_send(exchange);
}

/* Whether the key is new; answers otherwise. */
static bool look_up(struct effect *effect, struct bytes key)
{
  struct exchange *exchange = effect->exchange;
  struct idempotency_answer answer;
  const struct idempotency_request request = {
      .who = effect->user_id.size > 0 ? effect->user_id : bytes_of_text(exchange->client),
      .method = exchange->head.method_name,
      .path = exchange->head.path,
      .key = key,
      .body = exchange->body,
  };
  effect->keyed = true;
  idempotency_init(&effect->idempotency, &request);
  switch (idempotency_find(effect->api->sale, &exchange->arena, &effect->idempotency,
                           effect->now_ms, &answer)) {
  case IDEMPOTENCY_NEW:
    return true;
  case IDEMPOTENCY_REPLAY:
    replay(effect, &answer);
    return false;
  case IDEMPOTENCY_MISMATCH:
    refuse_key(effect, "IDEMPOTENCY_CONFLICT",
               BYTES("this Idempotency-Key was used with another body: draw a new one for a new "
                     "request"),
               false);
    return false;
  case IDEMPOTENCY_IN_FLIGHT:
    break;
  }
  refuse_key(effect, "IDEMPOTENCY_IN_FLIGHT",
             BYTES("the same request is being worked on: send it again in a second"), true);
  return false;
}

struct effect *effect_begin_unkeyed(struct exchange *exchange)
{
  struct api *api = exchange->context;
  struct effect *effect = arena_alloc(&exchange->arena, sizeof *effect);
  if (effect == NULL) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    exchange_send(exchange);
    return NULL;
  }
  effect->exchange = exchange;
  effect->api = api;
  effect->user_id = api_user_id(exchange);
  effect->now_ms = world_clock_ms(api->world);
  effect->keyed = effect->in_flight = false;
  plan_init(&effect->plan, api->store, &exchange->arena);
  return effect;
}

struct effect *effect_begin(struct exchange *exchange, struct bytes key)
{
  struct effect *effect = effect_begin_unkeyed(exchange);
  if (effect == NULL) return NULL;
  struct bytes header = exchange->head.fields[HTTP_IDEMPOTENCY_KEY];
  /* Where a route takes none, nobody looked at its form. */
  if (header.size > 0 && exchange->match.route->key != KEY_NONE) key = header;
  if (key.size > 0 && !look_up(effect, key)) return NULL;
  return effect;
}

void effect_abandon(struct effect *effect)
{
  if (effect->in_flight) idempotency_end(effect->api->sale, &effect->idempotency);
  /* What was refused by may not be durable yet. */
  exchange_wait_for(effect->exchange, store_appended(effect->api->store));
  exchange_send(effect->exchange);
}

void effect_refuse(struct effect *effect, enum sale_refusal refusal, const struct error *error,
                   struct bytes details)
{
  render_refusal(effect->exchange, refusal, error, details);
  effect_abandon(effect);
}

void effect_reply(struct effect *effect, uint16_t status, struct bytes body)
{
  struct api *api = effect->api;
  struct exchange *exchange = effect->exchange;
  struct store_transact_result result;
  struct error error;
  if (body.data == NULL ||
      (effect->keyed && !idempotency_add(api->sale, &effect->plan, &effect->idempotency, status,
                                         body, effect->now_ms)) ||
      plan_commit(&effect->plan, &result, &error) != STORE_OK) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return;
  }
  if (effect->in_flight) idempotency_end(api->sale, &effect->idempotency);
  exchange_reply_json(exchange, status, body);
  exchange_wait_for(exchange, result.sequence);
  exchange_send(exchange);
}

void effect_finish(struct effect *effect, enum sale_refusal refusal, const struct error *error,
                   uint16_t status, struct bytes body)
{
  if (refusal == SALE_OK)
    effect_reply(effect, status, body);
  else
    effect_refuse(effect, refusal, error, (struct bytes){NULL, 0});
}

bool effect_defer(struct effect *effect)
{
  CHECK(!effect->in_flight);
  if (exchange_keep_request(effect->exchange) &&
      (!effect->keyed || idempotency_begin(effect->api->sale, &effect->idempotency))) {
    effect->in_flight = effect->keyed;
    return true;
  }
  effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
  return false;
}

void effect_resume(struct effect *effect)
{
  effect->now_ms = world_clock_ms(effect->api->world);
  plan_init(&effect->plan, effect->api->store, &effect->exchange->arena);
}
