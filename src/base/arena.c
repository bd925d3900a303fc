#include "base/arena.h"

#include "base/check.h"

enum {
  CHUNK_BYTES = 16 << 10,   /* of the first chunk: a request with its reply mostly fits */
  CHUNK_KEPT_MAX = 1 << 20, /* chunks double up to this; a larger one is not kept over a reset */
};

struct arena_chunk {
  struct arena_chunk *older;
  size_t size; /* of the whole block, header included */
};

_Static_assert(sizeof(struct arena_chunk) % 8 == 0, "what follows the header is aligned to 8");

/* next <= end, both inside the newest chunk; NULL without one. */
static void arena_assert(const struct arena *arena)
{
  CHECK((arena->chunk == NULL) == (arena->next == NULL));
  CHECK(arena->next <= arena->end);
  if (arena->chunk == NULL) return;
  CHECK(arena->end == (uint8_t *)arena->chunk + arena->chunk->size);
  CHECK(arena->next >= (uint8_t *)(arena->chunk + 1));
}

/* Makes all of the newest chunk free. */
static void rewind_chunk(struct arena *arena)
{
  arena->next = (uint8_t *)(arena->chunk + 1);
  arena->end = (uint8_t *)arena->chunk + arena->chunk->size;
}

/* Gives back every chunk but `kept`, which may be NULL, and makes all of that free. */
static void free_chunks_but(struct arena *arena, struct arena_chunk *kept)
{
  struct arena_chunk *chunk = arena->chunk;
  while (chunk != NULL) {
    struct arena_chunk *older = chunk->older;
    if (chunk != kept) memory_free(arena->memory, chunk, chunk->size);
    chunk = older;
  }
  arena_init(arena, arena->memory);
  if (kept == NULL) return;
  kept->older = NULL;
  arena->chunk = kept;
  rewind_chunk(arena);
}

void arena_init(struct arena *arena, struct memory *memory)
{
  *arena = (struct arena){.memory = memory};
}

void arena_free(struct arena *arena)
{
  arena_assert(arena);
  free_chunks_but(arena, NULL);
}

/* Chunks double, so keeping the largest makes the next request of the same size fit into it. */
void arena_reset(struct arena *arena)
{
  arena_assert(arena);
  struct arena_chunk *kept = NULL;
  for (struct arena_chunk *chunk = arena->chunk; chunk != NULL; chunk = chunk->older)
    if (chunk->size <= CHUNK_KEPT_MAX && (kept == NULL || chunk->size > kept->size)) kept = chunk;
  free_chunks_but(arena, kept);
}

void *arena_alloc_chunk(struct arena *arena, size_t size)
{
  arena_assert(arena);
  if (size > SIZE_MAX / 2) return NULL;
  size_t rounded = (size + 7) & ~(size_t)7;
  size_t wanted = sizeof(struct arena_chunk) + rounded;
  size_t chunk_size = arena->chunk == NULL ? CHUNK_BYTES : arena->chunk->size * 2;
  if (chunk_size > CHUNK_KEPT_MAX) chunk_size = CHUNK_KEPT_MAX;
  if (chunk_size < wanted) chunk_size = wanted;
  struct arena_chunk *chunk = memory_alloc(arena->memory, chunk_size);
  if (chunk == NULL) return NULL;
  chunk->size = chunk_size;
  chunk->older = arena->chunk;
  arena->chunk = chunk;
  rewind_chunk(arena);
  void *block = arena->next;
  arena->next += rounded;
  CHECK(arena->next <= arena->end);
  return block;
}
