/*
 * A hash index of a pool's structs by keys of 16 bytes that are evenly spread in their last 8 (ids,
 * digests): linear hashing (Litwin 1980), so that it grows and shrinks by one bucket at a time.
 *
 *     bucket := 10 numbers, 10 tags (the bits of their hashes that splits will ask for), overflow
 *
 * A bucket is a cache line, and a look-up, insert or split touches hardly anything else: that is
 * what an operation among ten million costs. What does not fit into its bucket is chained through
 * `chain` of the structs, so that an insert fails at no time and needs no reservation; without
 * memory for another bucket the chains become longer. Engine thread.
 */
#ifndef TACOS_QUEUE_INDEX_H
#define TACOS_QUEUE_INDEX_H

#include "queue/pool.h"

enum { QUEUE_KEY_BYTES = 16 };

/* The beginning of every struct that is indexed. */
struct queue_entry {
  uint8_t key[QUEUE_KEY_BYTES];
  uint32_t chain;
};

struct queue_index {
  const struct queue_pool *pool;
  struct memory *memory;
  uint8_t **segments; /* of buckets */
  uint32_t segment_capacity;
  uint32_t segment_count;
  uint32_t bucket_count; /* in use: split up to bucket_count - the power of two at or below it */
  size_t count;
  size_t overflowed; /* of these, in chains */
};

/* False when there is no memory for the first segment. */
bool queue_index_init(struct queue_index *index, const struct queue_pool *pool,
                      struct memory *memory);
void queue_index_free(struct queue_index *index);

/* The struct's number, or 0. */
uint32_t queue_index_find(const struct queue_index *index, const uint8_t key[QUEUE_KEY_BYTES]);

/* Fetches the cache line of a key's bucket: for an insert that will come. */
void queue_index_prefetch(const struct queue_index *index, const uint8_t key[QUEUE_KEY_BYTES]);

/* A struct whose key is set and not there yet. */
void queue_index_insert(struct queue_index *index, uint32_t number);

/* CHECKs that it is there. */
void queue_index_remove(struct queue_index *index, uint32_t number);

size_t queue_index_bytes(const struct queue_index *index);

#endif
