#include "sale/due.h"

#include "base/check.h"

enum { CAPACITY_FIRST = 64 };

void due_heap_init(struct due_heap *heap, struct memory *memory)
{
  *heap = (struct due_heap){.memory = memory};
}

void due_heap_free(struct due_heap *heap)
{
  memory_free(heap->memory, heap->items, heap->capacity * sizeof *heap->items);
  *heap = (struct due_heap){.memory = heap->memory};
}

bool due_heap_reserve(struct due_heap *heap)
{
  if (heap->count < heap->capacity) return true;
  uint32_t capacity = heap->capacity == 0 ? CAPACITY_FIRST : 2 * heap->capacity;
  if (capacity < heap->capacity) return false;
  struct due **items = memory_resize(heap->memory, heap->items,
                                     heap->capacity * sizeof *heap->items,
                                     capacity * sizeof *heap->items);
  if (items == NULL) return false;
  heap->items = items;
  heap->capacity = capacity;
  return true;
}

static void put(struct due_heap *heap, uint32_t place, struct due *due)
{
  heap->items[place - 1] = due;
  due->place = place;
}

static void rise(struct due_heap *heap, struct due *due, uint32_t place)
{
  while (place > 1 && heap->items[place / 2 - 1]->at_ms > due->at_ms) {
    put(heap, place, heap->items[place / 2 - 1]);
    place /= 2;
  }
  put(heap, place, due);
}

static void sink(struct due_heap *heap, struct due *due, uint32_t place)
{
  for (;;) {
    uint32_t child = 2 * place;
    if (child > heap->count) break;
    if (child < heap->count && heap->items[child]->at_ms < heap->items[child - 1]->at_ms) child++;
    if (heap->items[child - 1]->at_ms >= due->at_ms) break;
    put(heap, place, heap->items[child - 1]);
    place = child;
  }
  put(heap, place, due);
}

void due_set(struct due_heap *heap, struct due *due, int64_t at_ms)
{
  due_clear(heap, due);
  CHECK_THAT(heap->count, <, heap->capacity);
  due->at_ms = at_ms;
  heap->count++;
  rise(heap, due, heap->count);
}

void due_clear(struct due_heap *heap, struct due *due)
{
  uint32_t place = due->place;
  if (place == 0) return;
  CHECK(place <= heap->count && heap->items[place - 1] == due);
  struct due *last = heap->items[heap->count - 1];
  heap->count--;
  due->place = 0;
  if (last == due) return;
  sink(heap, last, place);
  rise(heap, last, last->place);
}

struct due *due_first(const struct due_heap *heap, int64_t now_ms)
{
  if (heap->count == 0 || heap->items[0]->at_ms > now_ms) return NULL;
  return heap->items[0];
}

void due_shift(struct due_heap *heap, int64_t by_ms)
{
  for (uint32_t i = 0; i < heap->count; i++) heap->items[i]->at_ms += by_ms;
}
