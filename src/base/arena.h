/*
 * An arena: memory that is freed all at once.
 *
 * One per request, reset when the reply is built. Blocks stay valid until arena_reset or
 * arena_free. The largest chunk up to 1 MiB is kept over resets, so a steady state allocates
 * nothing. Not thread-safe.
 */
#ifndef TACOS_BASE_ARENA_H
#define TACOS_BASE_ARENA_H

#include "base/bytes.h"
#include "base/memory.h"

struct arena_chunk; /* arena.c */

struct arena {
  struct memory *memory;
  struct arena_chunk *chunk; /* newest; NULL before the first allocation */
  uint8_t *next;             /* first free byte of chunk */
  uint8_t *end;
};

void arena_init(struct arena *arena, struct memory *memory);
void arena_free(struct arena *arena);

/* Gives everything back but one chunk. */
void arena_reset(struct arena *arena);

/* The slow path of arena_alloc: a new chunk. */
void *arena_alloc_chunk(struct arena *arena, size_t size);

/* `size` bytes aligned to 8 (size 0 gives a valid address); NULL when there is no memory. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
  size_t rounded = (size + 7) & ~(size_t)7;
  if (rounded < size || (size_t)(arena->end - arena->next) < rounded || arena->next == NULL)
    return arena_alloc_chunk(arena, size);
  void *block = arena->next;
  arena->next += rounded;
  return block;
}

/* An array of count elements of `size` bytes; NULL also when the product overflows. */
static inline void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return NULL;
  return arena_alloc(arena, total);
}

/* A copy of a slice; data is NULL when there is no memory. */
static inline struct bytes arena_copy(struct arena *arena, struct bytes slice)
{
  uint8_t *copy = arena_alloc(arena, slice.size);
  if (copy != NULL && slice.size > 0) memcpy(copy, slice.data, slice.size);
  return (struct bytes){copy, copy == NULL ? 0 : slice.size};
}

#endif
