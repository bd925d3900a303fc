/*
 * Tokens that were verified a moment ago, so that the next request of the same buyer needs no
 * cryptography.
 *
 *     token --keyed hash--> set of 8 tags (a cache line) --> slot: token, expiry, identity
 *
 * A token is found only if all of its bytes are those that were verified: the hash just says where
 * to look. An entry is of use until the token expires. Fixed memory; in a full set the next in turn
 * makes room. Tokens that are longer than a slot are not kept.
 *
 * Engine thread; memory of the world given, wiped when it is freed.
 */
#ifndef TACOS_SHIELD_JWT_CACHE_H
#define TACOS_SHIELD_JWT_CACHE_H

#include "base/world.h"
#include "shield/identity.h"

enum {
  JWT_CACHE_SLOTS = 4096,
  JWT_CACHE_SLOT_BYTES = 1024, /* ours take 500; an RS256 token of others about 900 */
};

struct jwt_cache;

/* NULL when there is no memory. */
struct jwt_cache *jwt_cache_new(struct world *world);
void jwt_cache_free(struct jwt_cache *cache);

/* Forgets all: a key may be gone. */
void jwt_cache_clear(struct jwt_cache *cache);

/* The identity's texts point into the cache until the next put or clear. */
bool jwt_cache_find(const struct jwt_cache *cache, struct bytes token, int64_t now_s,
                    struct identity *identity);

/* Keeps a token that was verified and is good while now < until_s. */
void jwt_cache_put(struct jwt_cache *cache, struct bytes token, int64_t until_s,
                   const struct identity *identity);

#endif
