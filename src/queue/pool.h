/*
 * A pool of structs of one size that are known by numbers of 32 bits: half the size of pointers in
 * lists and indexes. Number 0 is none.
 *
 *     pages[number / POOL_PAGE_COUNT] -> page of POOL_PAGE_COUNT structs
 *
 * A page without a struct in use goes back to the memory it came from (one is kept), so that a pool
 * holds what is in it and not what once was. Lists and indexes here are made of numbers, and their
 * links lie in the structs, at an offset that the caller names.
 *
 * What a commit will need is reserved before: a take that was reserved cannot fail. Engine thread.
 */
#ifndef TACOS_QUEUE_POOL_H
#define TACOS_QUEUE_POOL_H

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POOL_PAGE_SHIFT = 10, POOL_PAGE_COUNT = 1 << POOL_PAGE_SHIFT };

struct queue_pool_page; /* pool.c */

struct queue_pool {
  struct memory *memory;
  size_t size;       /* bytes of a struct */
  uint8_t **structs; /* of each page, for addresses; NULL: no such page */
  struct queue_pool_page **pages;
  uint32_t page_capacity;
  uint32_t page_count; /* places of `pages` in use, and perhaps free ones among them */
  uint32_t first_open; /* list of pages with a free struct, through them; UINT32_MAX: none */
  size_t used;         /* structs taken */
  size_t room;         /* free structs in pages */
  size_t reserved;
  uint32_t empty_pages;
};

void queue_pool_init(struct queue_pool *pool, struct memory *memory, size_t size);
void queue_pool_free(struct queue_pool *pool);

/* Makes sure that one more take cannot fail; false when there is no memory. */
bool queue_pool_reserve(struct queue_pool *pool);

/* Forgets what was reserved and not taken. */
void queue_pool_unreserve(struct queue_pool *pool);

/* A zeroed struct; CHECKs that it was reserved. */
uint32_t queue_pool_take(struct queue_pool *pool);
void queue_pool_release(struct queue_pool *pool, uint32_t number);

/* Bytes of memory held. */
size_t queue_pool_bytes(const struct queue_pool *pool);

static inline void *queue_pool_at(const struct queue_pool *pool, uint32_t number)
{
  return pool->structs[number >> POOL_PAGE_SHIFT] + (number & (POOL_PAGE_COUNT - 1)) * pool->size;
}

/* ---- rings of structs: `head` is the first, 0 when there is none ---- */

struct queue_link {
  uint32_t next; /* 0: in no ring */
  uint32_t previous;
};

static inline struct queue_link *queue_link_at(const struct queue_pool *pool, size_t offset,
                                               uint32_t number)
{
  return (struct queue_link *)((uint8_t *)queue_pool_at(pool, number) + offset);
}

/* Puts it before `at`, which is in the ring; the head stays. */
void queue_ring_insert(const struct queue_pool *pool, size_t offset, uint32_t at, uint32_t number);
void queue_ring_append(const struct queue_pool *pool, size_t offset, uint32_t *head,
                       uint32_t number);

/* Takes it out of the ring, which may be another one than that of `head`. */
void queue_ring_remove(const struct queue_pool *pool, size_t offset, uint32_t *head,
                       uint32_t number);

/* The one behind it, or 0 when that is the head again. */
static inline uint32_t queue_ring_next(const struct queue_pool *pool, size_t offset, uint32_t head,
                                       uint32_t number)
{
  uint32_t next = queue_link_at(pool, offset, number)->next;
  return next == head ? 0 : next;
}

#endif
