#include "net/http2_memory.h"

#include "base/check.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct http2_block {
  struct http2_block *next, *previous;
  size_t size; /* with this head */
};

enum { BLOCK_HEAD_BYTES = 32 };

_Static_assert(BLOCK_HEAD_BYTES >= sizeof(struct http2_block) &&
                   BLOCK_HEAD_BYTES % _Alignof(max_align_t) == 0,
               "what follows the head is aligned for any type");

static struct http2_block *block_of(void *given)
{
  return (struct http2_block *)((uint8_t *)given - BLOCK_HEAD_BYTES);
}

static void link_block(struct http2_memory *memory, struct http2_block *block)
{
  block->previous = NULL;
  block->next = memory->blocks;
  if (block->next != NULL) block->next->previous = block;
  memory->blocks = block;
}

static void unlink_block(struct http2_memory *memory, struct http2_block *block)
{
  if (block->previous != NULL)
    block->previous->next = block->next;
  else
    memory->blocks = block->next;
  if (block->next != NULL) block->next->previous = block->previous;
}

/* What nghttp2 gets for a block; NULL is remembered. */
static void *finish(struct http2_memory *memory, struct http2_block *block, size_t size)
{
  if (block == NULL) {
    memory->starved = true;
    return NULL;
  }
  block->size = size;
  link_block(memory, block);
  return (uint8_t *)block + BLOCK_HEAD_BYTES;
}

static void *give(size_t size, void *context)
{
  struct http2_memory *memory = context;
  size_t total;
  if (__builtin_add_overflow(size, BLOCK_HEAD_BYTES, &total)) return finish(memory, NULL, 0);
  return finish(memory, memory_alloc(memory->memory, total), total);
}

static void *give_zeroed(size_t count, size_t size, void *context)
{
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return finish(context, NULL, 0);
  void *given = give(total, context);
  if (given != NULL) memset(given, 0, total);
  return given;
}

static void take_back(void *given, void *context)
{
  struct http2_memory *memory = context;
  if (given == NULL) return;
  struct http2_block *block = block_of(given);
  unlink_block(memory, block);
  memory_free(memory->memory, block, block->size);
}

static void *resize(void *given, size_t size, void *context)
{
  struct http2_memory *memory = context;
  size_t total;
  if (given == NULL) return give(size, context);
  if (__builtin_add_overflow(size, BLOCK_HEAD_BYTES, &total)) return finish(memory, NULL, 0);
  struct http2_block *block = block_of(given);
  unlink_block(memory, block);
  struct http2_block *resized = memory_resize(memory->memory, block, block->size, total);
  if (resized == NULL) link_block(memory, block);
  return finish(memory, resized, total);
}

nghttp2_mem http2_memory_interface(struct http2_memory *memory)
{
  return (nghttp2_mem){memory, give, take_back, give_zeroed, resize};
}

void http2_memory_free(struct http2_memory *memory)
{
  CHECK(memory->starved || memory->blocks == NULL);
  while (memory->blocks != NULL) take_back((uint8_t *)memory->blocks + BLOCK_HEAD_BYTES, memory);
}
