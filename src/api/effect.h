/*
 * The one path of every request that changes something.
 *
 *     effect_begin   -> what the key says: a replay, 409 IDEMPOTENCY_CONFLICT or
 *        |              IDEMPOTENCY_IN_FLIGHT -> answered already, NULL
 *        |           -> new, or there is no key
 *     the handler reads the body, asks the domain, which fills effect->plan, renders the answer
 *        |-- refused -> effect_refuse: nothing has changed, nothing is kept
 *        |-- later   -> effect_defer: the exchange is kept, the key is in flight until the end
 *     effect_reply   -> answer under the key and effect in one transaction; the reply leaves
 *                       once it is durable
 *
 * An effect ends with exactly one of effect_refuse and effect_reply, which send the reply.
 *
 * Memory: all of it is in the exchange's arena. Engine thread.
 */
#ifndef TACOS_API_EFFECT_H
#define TACOS_API_EFFECT_H

#include "api/api.h"
#include "sale/idempotency.h"
#include "store/plan.h"

struct effect {
  struct exchange *exchange;
  struct api *api;
  struct bytes user_id; /* of the caller; empty: nobody we know */
  int64_t now_ms;       /* the engine's wall clock, read once */
  bool keyed;
  bool in_flight;
  struct idempotency idempotency;
  struct plan plan;
};

/*
 * NULL when the request is answered. key: the one of the body where a route takes it there too; the
 * header's counts first, and without either the effect has none.
 */
struct effect *effect_begin(struct exchange *exchange, struct bytes key);

/* The same for routes whose Idempotency-Key, if one was sent, says nothing. */
struct effect *effect_begin_unkeyed(struct exchange *exchange);

/* Commits and replies. A body with data NULL (no memory to render it) refuses. */
void effect_reply(struct effect *effect, uint16_t status, struct bytes body);

/* The same, unless the domain refused. */
void effect_finish(struct effect *effect, enum sale_refusal refusal, const struct error *error,
                   uint16_t status, struct bytes body);

/* error may be NULL, details empty (render.h). */
void effect_refuse(struct effect *effect, enum sale_refusal refusal, const struct error *error,
                   struct bytes details);

/* The reply was built by the caller; ends the effect without a change. */
void effect_abandon(struct effect *effect);

/*
 * The answer comes later: another request under the same key is told so meanwhile. What the handler
 * reads of the request outlives its call. False when it refused for lack of memory.
 */
bool effect_defer(struct effect *effect);

/* The plan and the clock anew, before a deferred effect goes on. */
void effect_resume(struct effect *effect);

#endif
