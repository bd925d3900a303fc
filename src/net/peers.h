/*
 * How many connections each client address has, so that one address cannot take them all.
 *
 *     buckets: [ . | o | . | . ]     a power of two, grows and shrinks with the addresses
 *                    |
 *                    +--> peer{address, count} --> peer --> NULL
 *
 * An IPv6 address is counted by its first 64 bits: a subscriber gets a whole /64 (RFC 6177) and
 * could use a new address for every connection. An IPv4 address counts whole, also in its mapped
 * form.
 *
 * Memory: a block for each address that is connected now, given back with its last connection, and
 * up to 4 buckets (of 64 or more) per address. Entering and leaving take
 * constant time, but for the seldom moment when buckets double or halve. Which bucket an address
 * falls into is decided by a secret seed, so that nobody can aim at one. One thread per struct.
 */
#ifndef TACOS_NET_PEERS_H
#define TACOS_NET_PEERS_H

#include "base/bytes.h"
#include "base/world.h"

struct peer; /* peers.c */

struct peers {
  struct memory *memory;
  struct peer **buckets; /* bucket_count chains; NULL when there are none */
  size_t bucket_count;
  size_t count; /* addresses */
  uint64_t seed;
};

enum peers_outcome {
  PEERS_OK,
  PEERS_LIMIT,     /* the address has its limit of connections */
  PEERS_NO_MEMORY, /* nothing changed */
};

/* Uses the memory and the entropy of the world. */
void peers_init(struct peers *peers, struct world *world);

/* Everybody may still be in. */
void peers_free(struct peers *peers);

/*
 * Counts one connection from an address (a numeric host as the world tells it, without a port),
 * which may have at most `limit`. On PEERS_OK *slot is what to leave with.
 */
enum peers_outcome peers_enter(struct peers *peers, struct bytes address, uint32_t limit,
                               struct peer **slot);

/* The connection that entered with this slot is gone. */
void peers_leave(struct peers *peers, struct peer *slot);

/* The connections counted for an address. */
uint32_t peers_connections(const struct peers *peers, struct bytes address);

#endif
