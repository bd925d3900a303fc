/*
 * Invariants:
 *
 * 1. A page is in the list of open pages exactly when it has a free struct.
 * 2. room is the sum of free structs over all pages; used + room is POOL_PAGE_COUNT for each page.
 * 3. reserved <= room.
 */
#include "queue/pool.h"

#include "base/check.h"

#include <string.h>

enum { NO_PAGE = UINT32_MAX, FIRST_CAPACITY = 16 };

struct queue_pool_page {
  uint32_t next; /* open pages */
  uint32_t previous;
  uint16_t used;
  uint16_t fresh; /* structs from here on were never used */
  uint16_t free;  /* list of free structs, through their first bytes: 1 + place; 0: none */
  uint16_t unused;
  uint64_t structs[]; /* aligned for any of them */
};

static size_t page_bytes(const struct queue_pool *pool)
{
  return sizeof(struct queue_pool_page) + POOL_PAGE_COUNT * pool->size;
}

void queue_pool_init(struct queue_pool *pool, struct memory *memory, size_t size)
{
  CHECK_THAT(size % sizeof(uint64_t), ==, 0);
  *pool = (struct queue_pool){.memory = memory, .size = size, .first_open = (uint32_t)NO_PAGE};
}

void queue_pool_free(struct queue_pool *pool)
{
  for (uint32_t i = 0; i < pool->page_count; i++)
    if (pool->pages[i] != NULL) memory_free(pool->memory, pool->pages[i], page_bytes(pool));
  memory_free(pool->memory, pool->pages, pool->page_capacity * sizeof(void *));
  memory_free(pool->memory, pool->structs, pool->page_capacity * sizeof(void *));
  queue_pool_init(pool, pool->memory, pool->size);
}

static void open_page(struct queue_pool *pool, uint32_t number)
{
  struct queue_pool_page *page = pool->pages[number];
  page->next = pool->first_open;
  page->previous = (uint32_t)NO_PAGE;
  if (page->next != (uint32_t)NO_PAGE) pool->pages[page->next]->previous = number;
  pool->first_open = number;
}

static void close_page(struct queue_pool *pool, uint32_t number)
{
  const struct queue_pool_page *page = pool->pages[number];
  if (page->next != (uint32_t)NO_PAGE) pool->pages[page->next]->previous = page->previous;
  if (page->previous != (uint32_t)NO_PAGE)
    pool->pages[page->previous]->next = page->next;
  else
    pool->first_open = page->next;
}

static bool grow_directory(struct queue_pool *pool)
{
  uint32_t capacity = pool->page_capacity == 0 ? FIRST_CAPACITY : 2 * pool->page_capacity;
  size_t old_size = pool->page_capacity * sizeof(void *);
  size_t size = capacity * sizeof(void *);
  struct queue_pool_page **pages = memory_alloc(pool->memory, size);
  uint8_t **structs = memory_alloc(pool->memory, size);
  if (pages == NULL || structs == NULL) {
    memory_free(pool->memory, pages, pages == NULL ? 0 : size);
    memory_free(pool->memory, structs, structs == NULL ? 0 : size);
    return false;
  }
  if (old_size > 0) {
    memcpy(pages, pool->pages, old_size);
    memcpy(structs, pool->structs, old_size);
  }
  memory_free(pool->memory, pool->pages, old_size);
  memory_free(pool->memory, pool->structs, old_size);
  pool->pages = pages;
  pool->structs = structs;
  pool->page_capacity = capacity;
  return true;
}

static bool add_page(struct queue_pool *pool)
{
  /* One lies free behind page_count at least; earlier ones are found only when pages went away. */
  uint32_t number = pool->page_count;
  if (pool->used + pool->room < (size_t)pool->page_count * POOL_PAGE_COUNT) {
    number = 0;
    while (pool->pages[number] != NULL) number++;
  }
  if (number == pool->page_capacity && !grow_directory(pool)) return false;
  CHECK_THAT(number, <, UINT32_MAX >> POOL_PAGE_SHIFT);
  struct queue_pool_page *page = memory_alloc(pool->memory, page_bytes(pool));
  if (page == NULL) return false;
  *page = (struct queue_pool_page){0};
  pool->pages[number] = page;
  pool->structs[number] = (uint8_t *)page->structs;
  if (number == pool->page_count) pool->page_count++;
  pool->room += POOL_PAGE_COUNT;
  /* Number 0 is none. */
  if (number == 0) {
    page->fresh = page->used = 1;
    pool->room--;
    pool->used++;
  } else {
    pool->empty_pages++;
  }
  open_page(pool, number);
  return true;
}

bool queue_pool_reserve(struct queue_pool *pool)
{
  if (pool->room <= pool->reserved && !add_page(pool)) return false;
  pool->reserved++;
  return true;
}

void queue_pool_unreserve(struct queue_pool *pool)
{
  pool->reserved = 0;
}

uint32_t queue_pool_take(struct queue_pool *pool)
{
  CHECK_THAT(pool->reserved, >, 0);
  uint32_t number = pool->first_open;
  CHECK(number != (uint32_t)NO_PAGE);
  struct queue_pool_page *page = pool->pages[number];
  uint32_t place = page->free > 0 ? page->free - 1U : page->fresh++;
  uint8_t *taken = pool->structs[number] + place * pool->size;
  if (page->free > 0) memcpy(&page->free, taken, sizeof page->free);
  if (page->used++ == 0) pool->empty_pages--;
  if (page->used == POOL_PAGE_COUNT) close_page(pool, number);
  pool->used++;
  pool->room--;
  pool->reserved--;
  memset(taken, 0, pool->size);
  return (number << POOL_PAGE_SHIFT) + place;
}

void queue_pool_release(struct queue_pool *pool, uint32_t number)
{
  uint32_t page_number = number >> POOL_PAGE_SHIFT;
  uint16_t place = number & (POOL_PAGE_COUNT - 1);
  struct queue_pool_page *page = pool->pages[page_number];
  CHECK(number != 0 && page != NULL && page->used > 0);
  memcpy(queue_pool_at(pool, number), &page->free, sizeof page->free);
  page->free = place + 1;
  if (page->used-- == POOL_PAGE_COUNT) open_page(pool, page_number);
  pool->used--;
  pool->room++;
  if (page->used > 0) return;
  /* One empty page stays, so that a struct that comes and goes costs no allocation. */
  if (pool->empty_pages == 0 || pool->room - POOL_PAGE_COUNT < pool->reserved) {
    pool->empty_pages++;
    return;
  }
  close_page(pool, page_number);
  memory_free(pool->memory, page, page_bytes(pool));
  pool->pages[page_number] = NULL;
  pool->structs[page_number] = NULL;
  pool->room -= POOL_PAGE_COUNT;
  while (pool->page_count > 0 && pool->pages[pool->page_count - 1] == NULL) pool->page_count--;
}

size_t queue_pool_bytes(const struct queue_pool *pool)
{
  return (pool->used + pool->room) / POOL_PAGE_COUNT * page_bytes(pool) +
         pool->page_capacity * (sizeof(void *) + sizeof(uint8_t *));
}

/* ---- rings ---- */

void queue_ring_insert(const struct queue_pool *pool, size_t offset, uint32_t at, uint32_t number)
{
  struct queue_link *link = queue_link_at(pool, offset, number);
  struct queue_link *next = queue_link_at(pool, offset, at);
  CHECK_THAT(link->next, ==, 0);
  link->next = at;
  link->previous = next->previous;
  queue_link_at(pool, offset, next->previous)->next = number;
  next->previous = number;
}

void queue_ring_append(const struct queue_pool *pool, size_t offset, uint32_t *head,
                       uint32_t number)
{
  if (*head != 0) {
    queue_ring_insert(pool, offset, *head, number);
    return;
  }
  struct queue_link *link = queue_link_at(pool, offset, number);
  CHECK_THAT(link->next, ==, 0);
  link->next = link->previous = number;
  *head = number;
}

void queue_ring_remove(const struct queue_pool *pool, size_t offset, uint32_t *head,
                       uint32_t number)
{
  struct queue_link *link = queue_link_at(pool, offset, number);
  CHECK_THAT(link->next, !=, 0);
  if (*head == number) *head = link->next == number ? 0 : link->next;
  queue_link_at(pool, offset, link->previous)->next = link->next;
  queue_link_at(pool, offset, link->next)->previous = link->previous;
  *link = (struct queue_link){0};
}
