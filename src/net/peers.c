#include "net/peers.h"

#include "base/check.h"
#include "base/hash.h"
#include "net/address.h"

enum {
  BUCKETS_MIN = 64,
  V6_BITS = 64, /* of an IPv6 address that are one subscriber */
};

struct peer {
  struct peer *next; /* in its bucket */
  uint64_t hash;
  struct address address; /* as it is counted */
  uint32_t count;         /* connections, at least 1 */
};

void peers_init(struct peers *peers, struct world *world)
{
  *peers = (struct peers){.memory = &world->memory};
  world_entropy(world, &peers->seed, sizeof(peers->seed));
}

static void free_buckets(struct peers *peers)
{
  memory_free(peers->memory, peers->buckets, peers->bucket_count * sizeof(struct peer *));
}

void peers_free(struct peers *peers)
{
  for (size_t i = 0; i < peers->bucket_count; i++) {
    struct peer *peer = peers->buckets[i];
    while (peer != NULL) {
      struct peer *next = peer->next;
      memory_free(peers->memory, peer, sizeof(*peer));
      peer = next;
    }
  }
  free_buckets(peers);
  peers->buckets = NULL;
  peers->bucket_count = peers->count = 0;
}

/*
 * Under which address one is counted. What is not an address, as a host with a zone, is counted by
 * a hash of its text.
 */
static struct address counted_address(const struct peers *peers, struct bytes text)
{
  struct address address;
  if (address_parse(text, &address)) {
    if (address_is_v4(&address)) return address;
    return address_prefix(&address, V6_BITS);
  }
  uint64_t hash = hash_bytes(text, peers->seed);
  /* A last byte of 1 sets it apart: counted addresses of IPv6 end in zeros. */
  address = (struct address){.bytes = {[ADDRESS_BYTES - 1] = 1}};
  memcpy(address.bytes, &hash, sizeof(hash));
  return address;
}

static uint64_t hash_address(const struct peers *peers, const struct address *address)
{
  return hash_bytes(bytes_of(address->bytes, ADDRESS_BYTES), peers->seed);
}

static struct peer **bucket_of(const struct peers *peers, uint64_t hash)
{
  return &peers->buckets[hash & (peers->bucket_count - 1)];
}

static struct peer *find(const struct peers *peers, const struct address *address, uint64_t hash)
{
  if (peers->bucket_count == 0) return NULL;
  for (struct peer *peer = *bucket_of(peers, hash); peer != NULL; peer = peer->next)
    if (peer->hash == hash && address_equal(&peer->address, address)) return peer;
  return NULL;
}

/* False without memory: the old buckets go on to serve, with longer or emptier chains. */
static bool resize(struct peers *peers, size_t bucket_count)
{
  struct peers new = *peers;
  new.bucket_count = bucket_count;
  new.buckets = memory_alloc_zeroed(peers->memory, bucket_count * sizeof(struct peer *));
  if (new.buckets == NULL) return false;
  for (size_t i = 0; i < peers->bucket_count; i++) {
    struct peer *peer = peers->buckets[i];
    while (peer != NULL) {
      struct peer *next = peer->next;
      struct peer **bucket = bucket_of(&new, peer->hash);
      peer->next = *bucket;
      *bucket = peer;
      peer = next;
    }
  }
  free_buckets(peers);
  *peers = new;
  return true;
}

enum peers_outcome peers_enter(struct peers *peers, struct bytes address, uint32_t limit,
                               struct peer **slot)
{
  struct address counted = counted_address(peers, address);
  uint64_t hash = hash_address(peers, &counted);
  struct peer *peer = find(peers, &counted, hash);
  if ((peer == NULL ? 0 : peer->count) >= limit) return PEERS_LIMIT;
  if (peer == NULL) {
    if (peers->bucket_count == 0 && !resize(peers, BUCKETS_MIN)) return PEERS_NO_MEMORY;
    peer = memory_alloc(peers->memory, sizeof(*peer));
    if (peer == NULL) return PEERS_NO_MEMORY;
    if (peers->count >= peers->bucket_count) resize(peers, peers->bucket_count * 2);
    struct peer **bucket = bucket_of(peers, hash);
    *peer = (struct peer){.next = *bucket, .hash = hash, .address = counted};
    *bucket = peer;
    peers->count++;
  }
  peer->count++;
  *slot = peer;
  return PEERS_OK;
}

static void remove_peer(struct peers *peers, struct peer *peer)
{
  struct peer **link = bucket_of(peers, peer->hash);
  while (*link != peer) {
    CHECK(*link != NULL);
    link = &(*link)->next;
  }
  *link = peer->next;
  memory_free(peers->memory, peer, sizeof(*peer));
  peers->count--;
  /* A quarter, so that one who comes and goes at the border does not move everybody each time. */
  if (peers->bucket_count > BUCKETS_MIN && peers->count <= peers->bucket_count / 4)
    resize(peers, peers->bucket_count / 2);
}

void peers_leave(struct peers *peers, struct peer *slot)
{
  CHECK_THAT(peers->count, >, 0);
  CHECK_THAT(slot->count, >, 0);
  if (--slot->count == 0) remove_peer(peers, slot);
}

uint32_t peers_connections(const struct peers *peers, struct bytes address)
{
  struct address counted = counted_address(peers, address);
  const struct peer *peer = find(peers, &counted, hash_address(peers, &counted));
  return peer == NULL ? 0 : peer->count;
}
