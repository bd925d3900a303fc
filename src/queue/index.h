/*
 * A hash index of a pool's structs by keys of 16 bytes that are evenly spread in their last 8 (ids,
 * digests): linear hashing (Litwin 1980), so that it grows and shrinks by one bucket at a time.
 *
 *     segments[bucket / SEGMENT_BUCKETS] -> buckets -> struct -> struct -> 0   (through `chain`)
 *
 * Without memory for a bucket the chains become longer and nothing fails: an insert needs no
 * reservation. Engine thread.
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
  uint32_t **segments;
  uint32_t segment_capacity;
  uint32_t segment_count;
  uint32_t bucket_count; /* in use: split up to bucket_count - the power of two at or below it */
  size_t count;
};

/* False when there is no memory for the first segment. */
bool queue_index_init(struct queue_index *index, const struct queue_pool *pool,
                      struct memory *memory);
void queue_index_free(struct queue_index *index);

/* The struct's number, or 0. */
uint32_t queue_index_find(const struct queue_index *index, const uint8_t key[QUEUE_KEY_BYTES]);

/* A struct whose key is set and not there yet. */
void queue_index_insert(struct queue_index *index, uint32_t number);

/* CHECKs that it is there. */
void queue_index_remove(struct queue_index *index, uint32_t number);

size_t queue_index_bytes(const struct queue_index *index);

#endif
