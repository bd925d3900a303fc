/*
 * Idempotency: the same request under the same key has its effect once, and the same answer for 24
 * hours.
 *
 *     idempotency_find -> NEW -> ... plan of the effect ... -> idempotency_add -> plan_commit
 *                      -> REPLAY: the stored answer       (one record of the log holds both)
 *                      -> MISMATCH, IN_FLIGHT: refused
 *
 * The scope of a key is who + method + path: two buyers who draw the same UUID never meet. What is
 * kept is a hash of the scope, a hash of the body, status and body of the answer. Only effects are
 * kept: a refusal changed nothing and may come out otherwise next time.
 *
 * IN_FLIGHT is for requests that are answered later (a password is hashed, a provider is asked):
 * their scope is noted in memory meanwhile.
 *
 * Engine thread.
 */
#ifndef TACOS_SALE_IDEMPOTENCY_H
#define TACOS_SALE_IDEMPOTENCY_H

#include "base/hash.h"
#include "sale/sale.h"

enum { IDEMPOTENCY_ID_BYTES = 2 * HASH_SHA256_BYTES };

struct idempotency_request {
  struct bytes who; /* the buyer's id, or the client's address before login */
  struct bytes method;
  struct bytes path;
  struct bytes key;
  struct bytes body;
};

/* A request's scope and body as hashes. */
struct idempotency {
  char id[IDEMPOTENCY_ID_BYTES];
  char body_hash[IDEMPOTENCY_ID_BYTES];
};

enum idempotency_outcome {
  IDEMPOTENCY_NEW,
  IDEMPOTENCY_REPLAY,
  IDEMPOTENCY_MISMATCH,
  IDEMPOTENCY_IN_FLIGHT,
};

struct idempotency_answer {
  uint16_t status;
  struct bytes body; /* in the arena */
};

void idempotency_init(struct idempotency *idempotency, const struct idempotency_request *request);

enum idempotency_outcome idempotency_find(struct sale *sale, struct arena *arena,
                                          const struct idempotency *idempotency, int64_t now_ms,
                                          struct idempotency_answer *answer);

/* Adds the answer to the plan of its effect; false when there is no memory. */
bool idempotency_add(struct sale *sale, struct plan *plan, const struct idempotency *idempotency,
                     uint16_t status, struct bytes body, int64_t now_ms);

/* Notes a request as under way, until idempotency_end; false when there is no memory. */
bool idempotency_begin(struct sale *sale, const struct idempotency *idempotency);
void idempotency_end(struct sale *sale, const struct idempotency *idempotency);

#endif
