#include "room/shoppers.h"

#include "base/check.h"

#include <string.h>

enum { SHOPPERS_FIRST = 64 };

void shoppers_init(struct shoppers *shoppers, struct memory *memory)
{
  *shoppers = (struct shoppers){.memory = memory};
}

static void free_tables(struct shoppers *shoppers)
{
  if (shoppers->table != NULL)
    memory_free(shoppers->memory, shoppers->table, shoppers->capacity * sizeof *shoppers->table);
  if (shoppers->heads != NULL)
    memory_free(shoppers->memory, shoppers->heads, shoppers->capacity * sizeof *shoppers->heads);
}

void shoppers_free(struct shoppers *shoppers)
{
  free_tables(shoppers);
  shoppers_init(shoppers, shoppers->memory);
}

/* Numbers come one after the other, so their low bits spread them. */
static uint32_t *head_of(const struct shoppers *shoppers, uint32_t number)
{
  return &shoppers->heads[number & (shoppers->capacity - 1)];
}

static void link(struct shoppers *shoppers, uint32_t at)
{
  struct shopper *shopper = &shoppers->table[at];
  uint32_t *head = head_of(shoppers, shopper->number);
  shopper->next = *head;
  *head = at + 1;
}

static bool grow(struct shoppers *shoppers, uint32_t capacity)
{
  struct shoppers old = *shoppers;
  struct shopper *table = memory_alloc_zeroed(old.memory, capacity * sizeof *table);
  uint32_t *heads = memory_alloc_zeroed(old.memory, capacity * sizeof *heads);
  if (table == NULL || heads == NULL) {
    if (table != NULL) memory_free(old.memory, table, capacity * sizeof *table);
    if (heads != NULL) memory_free(old.memory, heads, capacity * sizeof *heads);
    return false;
  }
  shoppers->table = table;
  shoppers->heads = heads;
  shoppers->capacity = capacity;
  shoppers->used = 0;
  shoppers->free = 0;
  for (uint32_t i = 0; i < old.used; i++) {
    if (!old.table[i].used) continue;
    table[shoppers->used] = old.table[i];
    link(shoppers, shoppers->used++);
  }
  free_tables(&old);
  return true;
}

bool shoppers_reserve(struct shoppers *shoppers, uint32_t more)
{
  uint32_t capacity = shoppers->capacity == 0 ? SHOPPERS_FIRST : shoppers->capacity;
  while (capacity < shoppers->count + more) capacity *= 2;
  return capacity == shoppers->capacity || grow(shoppers, capacity);
}

void shoppers_add(struct shoppers *shoppers, const struct shopper *shopper)
{
  CHECK(shoppers->count < shoppers->capacity && shoppers_find(shoppers, shopper->number) == NULL);
  uint32_t at = shoppers->free;
  if (at > 0)
    shoppers->free = shoppers->table[--at].next;
  else
    at = shoppers->used++;
  shoppers->table[at] = *shopper;
  shoppers->table[at].used = true;
  link(shoppers, at);
  shoppers->count++;
}

struct shopper *shoppers_find(const struct shoppers *shoppers, uint32_t number)
{
  if (shoppers->capacity == 0) return NULL;
  uint32_t at = *head_of(shoppers, number);
  while (at > 0 && shoppers->table[at - 1].number != number) at = shoppers->table[at - 1].next;
  return at == 0 ? NULL : &shoppers->table[at - 1];
}

void shoppers_remove(struct shoppers *shoppers, uint32_t number)
{
  uint32_t *link_to = head_of(shoppers, number);
  while (*link_to > 0 && shoppers->table[*link_to - 1].number != number)
    link_to = &shoppers->table[*link_to - 1].next;
  CHECK(*link_to > 0);
  uint32_t at = *link_to - 1;
  struct shopper *shopper = &shoppers->table[at];
  *link_to = shopper->next;
  shopper->used = false;
  shopper->next = shoppers->free;
  shoppers->free = at + 1;
  shoppers->count--;
}
