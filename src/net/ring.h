/*
 * A ring of pointers from one thread to one other, without locks.
 *
 *     producer: ring_push ... ring_push, ring_publish      consumer: ring_take (a batch)
 *
 * What was pushed becomes visible at ring_publish, all at once: the release store pairs with the
 * acquire load of ring_take, and with it everything the producer wrote to what the pointers point
 * to. Each side keeps a copy of the other's position, so that they do not share a cache line at
 * every step. Waking the consumer is the caller's affair; ring_publish says whether it slept.
 *
 * Memory: ring_init takes it from the caller's struct memory, ring_free gives it back; both by the
 * same thread, when no other uses the ring.
 */
#ifndef TACOS_NET_RING_H
#define TACOS_NET_RING_H

#include "base/memory.h"

#include <stdatomic.h>

enum { RING_LINE_BYTES = 64 }; /* a cache line */

struct ring {
  /* Constant. */
  void **slots;
  uint32_t capacity; /* a power of two */
  struct memory *memory;
  /* The producer's. */
  _Alignas(RING_LINE_BYTES) uint32_t pushed; /* not yet all published */
  uint32_t seen_taken;
  /* The consumer's. */
  _Alignas(RING_LINE_BYTES) uint32_t seen_published;
  uint32_t taking;
  /* Shared. */
  _Alignas(RING_LINE_BYTES) _Atomic uint32_t published;
  _Alignas(RING_LINE_BYTES) _Atomic uint32_t taken;
  _Alignas(RING_LINE_BYTES) _Atomic bool sleeping; /* the consumer is about to wait, or waits */
};

/* False when there is no memory. capacity is a power of two. */
bool ring_init(struct ring *ring, struct memory *memory, uint32_t capacity);
void ring_free(struct ring *ring);

/* Producer. False when the ring is full: publish, and try again when the consumer has moved on. */
bool ring_push(struct ring *ring, void *pointer);

/*
 * Producer. Makes what was pushed visible; true when the consumer must be woken, which is said once
 * for each of its sleeps.
 */
bool ring_publish(struct ring *ring);

/* Consumer. Up to `limit` pointers, oldest first; their number. */
uint32_t ring_take(struct ring *ring, void **to, uint32_t limit);

/*
 * Consumer. Says that it is about to wait: false when there is something to take already, and it
 * must not. ring_awake after the wait. A wake-up may also come late, when it is awake: what wakes
 * it must be remembered until it waits (an eventfd is).
 */
bool ring_sleep(struct ring *ring);
void ring_awake(struct ring *ring);

#endif
