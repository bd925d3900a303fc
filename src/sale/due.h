/*
 * What is due when: a binary heap of structs of the caller, by time.
 *
 * For queues that live by a time that is given, and of which most entries move (a retry, a delayed
 * answer): setting, moving and clearing cost the logarithm of their number.
 *
 * Memory: a due is part of its owner and stays where it is while set; the heap owns an array of
 * pointers. Room is reserved ahead, so that setting cannot fail. One thread.
 */
#ifndef TACOS_SALE_DUE_H
#define TACOS_SALE_DUE_H

#include "base/memory.h"

struct due {
  int64_t at_ms;
  uint32_t place; /* in the heap, from 1; 0: not set */
};

struct due_heap {
  struct due **items; /* the first is due first; each no later than its children */
  uint32_t count;
  uint32_t capacity;
  struct memory *memory;
};

void due_heap_init(struct due_heap *heap, struct memory *memory);
void due_heap_free(struct due_heap *heap);

/* Room for one more than are set; false without memory. */
bool due_heap_reserve(struct due_heap *heap);

/* Sets (there is room: CHECKed) or moves. */
void due_set(struct due_heap *heap, struct due *due, int64_t at_ms);

/* One that is not set may be cleared. */
void due_clear(struct due_heap *heap, struct due *due);

/* The first one when its time has come, still set; NULL: none is due. */
struct due *due_first(const struct due_heap *heap, int64_t now_ms);

/* Moves all by as much: the clock was set. */
void due_shift(struct due_heap *heap, int64_t by_ms);

#endif
