/*
 * Hashes: a fast keyed one for tables and checksums, and the cryptographic ones.
 *
 * Nothing but a hash_key keeps state; every other function may be called from any thread. The
 * cryptographic ones run in OpenSSL and stop the process when it has no memory for a few hundred
 * bytes.
 */
#ifndef TACOS_BASE_HASH_H
#define TACOS_BASE_HASH_H

#include "base/bytes.h"

enum {
  HASH_SHA256_BYTES = 32,
};

/*
 * XXH3, 64 bits, with a seed. For a table whose keys come from outside, draw the seed from the
 * world's entropy so that nobody can aim at one bucket; for a checksum on disk use a fixed one. The
 * value is the same in every build and on every machine. Not for secrets: it is not a MAC.
 */
uint64_t hash_bytes(struct bytes slice, uint64_t seed);

/* SHA-256 (FIPS 180-4). */
void hash_sha256(struct bytes slice, uint8_t digest[HASH_SHA256_BYTES]);

/* HMAC-SHA-256 (RFC 2104), key of any length. `mac` may be the memory of `key`. */
void hash_hmac_sha256(struct bytes key, struct bytes slice, uint8_t mac[HASH_SHA256_BYTES]);

/*
 * A key of HMAC-SHA-256 that is used often: its two halves are hashed once. The size of the key is
 * not 0. NULL when there is no memory; used by one thread at a time.
 */
struct hash_key;
struct hash_key *hash_key_new(struct bytes key);
void hash_key_free(struct hash_key *key); /* wipes it; NULL is nothing */

/* The MAC of all parts, one behind the other. */
void hash_key_mac(struct hash_key *key, const struct bytes *parts, size_t count,
                  uint8_t mac[HASH_SHA256_BYTES]);

/*
 * Whether two slices are equal, in a time that depends on their sizes only. For MACs, tokens and
 * passwords, where bytes_equal would tell an attacker how many leading bytes were right.
 */
bool hash_equal_constant_time(struct bytes left, struct bytes right);

#endif
