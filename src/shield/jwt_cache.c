#include "shield/jwt_cache.h"

#include "base/check.h"
#include "base/hash.h"

enum {
  WAYS = 8,
  SETS = JWT_CACHE_SLOTS / WAYS,
  SLOT_TEXT_BYTES = JWT_CACHE_SLOT_BYTES - 16,
};

struct slot {
  int64_t until_s;
  uint16_t token_size;
  uint16_t user_id_size;
  uint16_t username_size;
  uint8_t role;
  uint8_t unused;
  uint8_t text[SLOT_TEXT_BYTES]; /* token, user id, user name */
};

_Static_assert(sizeof(struct slot) == JWT_CACHE_SLOT_BYTES, "no padding");
_Static_assert((SETS & (SETS - 1)) == 0, "a mask chooses the set");

struct jwt_cache {
  struct memory *memory;
  uint64_t seed;
  uint32_t turn;                          /* of the slot that makes room */
  _Alignas(64) uint64_t tags[SETS][WAYS]; /* 0: empty */
  struct slot slots[SETS][WAYS];
};

struct jwt_cache *jwt_cache_new(struct world *world)
{
  struct jwt_cache *cache = memory_map(&world->memory, sizeof *cache);
  if (cache == NULL) return NULL;
  cache->memory = &world->memory;
  world_entropy(world, &cache->seed, sizeof cache->seed);
  return cache;
}

void jwt_cache_clear(struct jwt_cache *cache)
{
  /* Only what was used is resident; the rest need not become so. */
  for (uint32_t i = 0; i < SETS; i++)
    for (uint32_t j = 0; j < WAYS; j++)
      if (cache->tags[i][j] != 0) explicit_bzero(&cache->slots[i][j], sizeof(struct slot));
  memset(cache->tags, 0, sizeof cache->tags);
}

void jwt_cache_free(struct jwt_cache *cache)
{
  if (cache == NULL) return;
  jwt_cache_clear(cache);
  memory_unmap(cache->memory, cache, sizeof *cache);
}

static uint64_t tag_of(const struct jwt_cache *cache, struct bytes token)
{
  uint64_t tag = hash_bytes(token, cache->seed);
  return tag == 0 ? 1 : tag;
}

/*
 * How long it takes says where two tokens with the same tag differ, and nobody who does not know
 * the seed can make a token with the tag of another.
 */
static bool holds(const struct slot *slot, struct bytes token)
{
  return bytes_equal(bytes_of(slot->text, slot->token_size), token);
}

bool jwt_cache_find(const struct jwt_cache *cache, struct bytes token, int64_t now_s,
                    struct identity *identity)
{
  uint64_t tag = tag_of(cache, token);
  uint64_t set = tag >> 32 & (SETS - 1);
  for (uint32_t i = 0; i < WAYS; i++) {
    if (cache->tags[set][i] != tag) continue;
    const struct slot *slot = &cache->slots[set][i];
    if (!holds(slot, token)) continue;
    if (now_s >= slot->until_s) return false;
    const uint8_t *text = slot->text + slot->token_size;
    identity->user_id = bytes_of(text, slot->user_id_size);
    identity->username = bytes_of(text + slot->user_id_size, slot->username_size);
    identity->role = (enum identity_role)slot->role;
    return true;
  }
  return false;
}

/* The slot of the token if it has one, else an empty one, else the next in turn. */
static uint32_t choose_way(struct jwt_cache *cache, uint64_t set, uint64_t tag)
{
  for (uint32_t i = 0; i < WAYS; i++)
    if (cache->tags[set][i] == tag) return i;
  for (uint32_t i = 0; i < WAYS; i++)
    if (cache->tags[set][i] == 0) return i;
  return cache->turn++ % WAYS;
}

void jwt_cache_put(struct jwt_cache *cache, struct bytes token, int64_t until_s,
                   const struct identity *identity)
{
  struct bytes user_id = identity->user_id;
  struct bytes username = identity->username;
  CHECK_THAT(user_id.size, <=, IDENTITY_USER_ID_BYTES);
  CHECK_THAT(username.size, <=, IDENTITY_USERNAME_BYTES);
  if (token.size + user_id.size + username.size > SLOT_TEXT_BYTES) return;
  uint64_t tag = tag_of(cache, token);
  uint64_t set = tag >> 32 & (SETS - 1);
  uint32_t way = choose_way(cache, set, tag);
  struct slot *slot = &cache->slots[set][way];
  cache->tags[set][way] = tag;
  slot->until_s = until_s;
  slot->token_size = (uint16_t)token.size;
  slot->user_id_size = (uint16_t)user_id.size;
  slot->username_size = (uint16_t)username.size;
  slot->role = (uint8_t)identity->role;
  uint8_t *next = slot->text;
  memcpy(next, token.data, token.size);
  next += token.size;
  memcpy(next, user_id.data, user_id.size);
  if (username.size > 0) memcpy(next + user_id.size, username.data, username.size);
}
