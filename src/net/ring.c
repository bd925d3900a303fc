/*
 * Positions count on without end and wrap at 2^32; a slot is a position modulo the capacity.
 *
 *     taken <= taking = what the consumer has taken <= published <= pushed <= taken + capacity
 *
 * Sleeping is Dekker's handshake: the consumer stores `sleeping`, then loads `published`; the
 * producer stores `published`, then loads `sleeping`. All four are sequentially consistent, so they
 * have one order, and at least one of the two sees what the other stored: the consumer stays awake,
 * or the producer wakes it.
 */
#include "net/ring.h"

#include "base/check.h"

bool ring_init(struct ring *ring, struct memory *memory, uint32_t capacity)
{
  CHECK(capacity > 0 && (capacity & (capacity - 1)) == 0);
  *ring = (struct ring){.capacity = capacity, .memory = memory};
  ring->slots = memory_alloc(memory, capacity * sizeof ring->slots[0]);
  return ring->slots != NULL;
}

void ring_free(struct ring *ring)
{
  memory_free(ring->memory, ring->slots, ring->capacity * sizeof ring->slots[0]);
  ring->slots = NULL;
}

bool ring_push(struct ring *ring, void *pointer)
{
  if (ring->pushed - ring->seen_taken == ring->capacity) {
    /* Acquire: the consumer has read a slot before it is written again. */
    ring->seen_taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
    if (ring->pushed - ring->seen_taken == ring->capacity) return false;
  }
  ring->slots[ring->pushed & (ring->capacity - 1)] = pointer;
  ring->pushed++;
  return true;
}

bool ring_publish(struct ring *ring)
{
  if (ring->pushed == atomic_load_explicit(&ring->published, memory_order_relaxed)) return false;
  atomic_store_explicit(&ring->published, ring->pushed, memory_order_seq_cst);
  if (!atomic_load_explicit(&ring->sleeping, memory_order_seq_cst)) return false;
  /* One wake-up is enough, however often there is something new before it arrives. */
  return atomic_exchange_explicit(&ring->sleeping, false, memory_order_seq_cst);
}

uint32_t ring_take(struct ring *ring, void **to, uint32_t limit)
{
  if (ring->seen_published - ring->taking < limit)
    ring->seen_published = atomic_load_explicit(&ring->published, memory_order_acquire);
  uint32_t count = ring->seen_published - ring->taking;
  if (count > limit) count = limit;
  if (count == 0) return 0;
  for (uint32_t i = 0; i < count; i++)
    to[i] = ring->slots[(ring->taking + i) & (ring->capacity - 1)];
  ring->taking += count;
  atomic_store_explicit(&ring->taken, ring->taking, memory_order_release);
  return count;
}

bool ring_sleep(struct ring *ring)
{
  atomic_store_explicit(&ring->sleeping, true, memory_order_seq_cst);
  if (atomic_load_explicit(&ring->published, memory_order_seq_cst) == ring->taking) return true;
  atomic_store_explicit(&ring->sleeping, false, memory_order_relaxed);
  return false;
}

void ring_awake(struct ring *ring)
{
  atomic_store_explicit(&ring->sleeping, false, memory_order_relaxed);
}
