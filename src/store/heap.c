/*
 * Size classes: 8, 16, ... 128 in steps of 8, then eight to each doubling up to HEAP_SMALL_MAX.
 *
 * An allocation takes the newest free block of its class, else carves one from the newest region; a
 * block never changes its class. Reserving puts carved blocks on the class's free list, so what
 * free_counts says is what cannot fail. Under AddressSanitizer all that is not handed out is
 * poisoned.
 */
#include "store/heap.h"

#include "base/check.h"

#include <sanitizer/asan_interface.h>

enum {
  BLOCK_ALIGNMENT = 8,
  LINEAR_MAX = 128,                              /* largest class of the steps of 8 */
  LINEAR_CLASSES = LINEAR_MAX / BLOCK_ALIGNMENT, /* how many there are */
  LINEAR_MAX_BIT = 7,                            /* log2(LINEAR_MAX) */
  STEPS_BITS = 3,                                /* log2 of the classes to a doubling */
  REGION_HEADER_BYTES = 8,                       /* the next older region */
  PAGE_BYTES = 4096,
};

_Static_assert(1 << LINEAR_MAX_BIT == LINEAR_MAX, "");
_Static_assert(LINEAR_CLASSES + ((15 - LINEAR_MAX_BIT) << STEPS_BITS) == HEAP_CLASSES &&
                   1 << 15 == HEAP_SMALL_MAX,
               "the classes end at HEAP_SMALL_MAX");

/* The smallest class whose blocks hold `size` bytes. */
static inline uint32_t class_of(size_t size)
{
  if (size <= LINEAR_MAX) return size == 0 ? 0 : (uint32_t)((size - 1) / BLOCK_ALIGNMENT);
  size_t last = size - 1;
  uint32_t bit = 63 - (uint32_t)__builtin_clzll(last);
  uint32_t step = (uint32_t)(last >> (bit - STEPS_BITS)) & ((1 << STEPS_BITS) - 1);
  return LINEAR_CLASSES + ((bit - LINEAR_MAX_BIT) << STEPS_BITS) + step;
}

static inline size_t class_bytes(uint32_t size_class)
{
  CHECK_THAT(size_class, <, HEAP_CLASSES);
  if (size_class < LINEAR_CLASSES) return (size_t)(size_class + 1) * BLOCK_ALIGNMENT;
  uint32_t above = size_class - LINEAR_CLASSES;
  uint32_t bit = LINEAR_MAX_BIT + (above >> STEPS_BITS);
  size_t steps = (1 << STEPS_BITS) + (above & ((1 << STEPS_BITS) - 1)) + 1;
  return steps << (bit - STEPS_BITS);
}

void heap_init(struct heap *heap, struct memory *memory, size_t region_bytes)
{
  CHECK_THAT(region_bytes % PAGE_BYTES, ==, 0);
  CHECK_THAT(region_bytes, >=, HEAP_SMALL_MAX + REGION_HEADER_BYTES);
  *heap = (struct heap){.memory = memory, .region_bytes = region_bytes};
}

/* A region on the list `ready`; NULL without memory. */
static void *add_ready(struct heap *heap)
{
  void *region = memory_map(heap->memory, heap->region_bytes);
  if (region == NULL) return NULL;
  /* Its first word is 0 as it comes: writing that would wait for the page. */
  if (heap->ready != NULL) *(void **)region = heap->ready;
  heap->ready = region;
  return region;
}

static void keep_one_ready(struct heap *heap)
{
  if (heap->warm == NULL || heap->ready != NULL) return;
  void *region = add_ready(heap);
  if (region != NULL) heap->warm(heap->warm_context, region, heap->region_bytes);
}

void heap_keep_warm(struct heap *heap, heap_warm *warm, void *context)
{
  heap->warm = warm;
  heap->warm_context = context;
  keep_one_ready(heap);
}

bool heap_prepare(struct heap *heap, size_t bytes)
{
  for (size_t mapped = 0; mapped < bytes; mapped += heap->region_bytes) {
    void *region = add_ready(heap);
    if (region == NULL) return false;
    memory_populate(region, heap->region_bytes);
  }
  return true;
}

static void free_regions(struct heap *heap, void *region)
{
  while (region != NULL) {
    ASAN_UNPOISON_MEMORY_REGION(region, heap->region_bytes);
    void *next = *(void **)region;
    memory_unmap(heap->memory, region, heap->region_bytes);
    region = next;
  }
}

void heap_free_all(struct heap *heap)
{
  free_regions(heap, heap->ready);
  free_regions(heap, heap->regions);
  heap_init(heap, heap->memory, heap->region_bytes);
}

static inline void push_free(struct heap *heap, uint32_t size_class, void *block)
{
  struct heap_free_block *free_block = block;
  free_block->next = heap->free_blocks[size_class];
  heap->free_blocks[size_class] = free_block;
  heap->free_counts[size_class]++;
  ASAN_POISON_MEMORY_REGION(block, class_bytes(size_class));
}

/* Makes what the newest region has left into free blocks, largest first. */
static void split_rest(struct heap *heap)
{
  size_t left = (size_t)(heap->end - heap->next);
  while (left >= BLOCK_ALIGNMENT) {
    uint32_t size_class = class_of(left < HEAP_SMALL_MAX ? left : HEAP_SMALL_MAX);
    if (class_bytes(size_class) > left) size_class--;
    ASAN_UNPOISON_MEMORY_REGION(heap->next, class_bytes(size_class));
    push_free(heap, size_class, heap->next);
    heap->next += class_bytes(size_class);
    left -= class_bytes(size_class);
  }
}

static bool add_region(struct heap *heap)
{
  uint8_t *region = heap->ready != NULL ? heap->ready : add_ready(heap);
  if (region == NULL) return false;
  heap->ready = *(void **)(void *)region;
  split_rest(heap);
  *(void **)(void *)region = heap->regions;
  heap->regions = region;
  heap->next = region + REGION_HEADER_BYTES;
  heap->end = region + heap->region_bytes;
  heap->mapped += heap->region_bytes;
  ASAN_POISON_MEMORY_REGION(heap->next, heap->region_bytes - REGION_HEADER_BYTES);
  keep_one_ready(heap);
  return true;
}

/* A block that no list has yet, still poisoned. The only step that can fail. */
static void *carve(struct heap *heap, uint32_t size_class)
{
  size_t size = class_bytes(size_class);
  if (!memory_permit(heap->memory)) return NULL;
  if ((size_t)(heap->end - heap->next) < size && !add_region(heap)) return NULL;
  void *block = heap->next;
  heap->next += size;
  CHECK(heap->next <= heap->end);
  return block;
}

void *heap_alloc(struct heap *heap, size_t size)
{
  if (size > HEAP_SMALL_MAX) {
    void *large = memory_alloc(heap->memory, size);
    if (large != NULL) heap->in_use += size;
    return large;
  }
  uint32_t size_class = class_of(size);
  struct heap_free_block *block = heap->free_blocks[size_class];
  if (block != NULL) {
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(*block));
    heap->free_blocks[size_class] = block->next;
    heap->free_counts[size_class]--;
    /* The next allocation reads its link: after a while of use that is a cache miss each time. */
    __builtin_prefetch(block->next);
    ASAN_POISON_MEMORY_REGION(block, sizeof(*block));
  } else {
    block = carve(heap, size_class);
    if (block == NULL) return NULL;
  }
  ASAN_UNPOISON_MEMORY_REGION(block, size);
  heap->in_use += size;
  return block;
}

void heap_free(struct heap *heap, void *block, size_t size)
{
  CHECK(block != NULL);
  CHECK_THAT(heap->in_use, >=, size);
  heap->in_use -= size;
  if (size > HEAP_SMALL_MAX) {
    memory_free(heap->memory, block, size);
    return;
  }
  CHECK_THAT((uintptr_t)block % BLOCK_ALIGNMENT, ==, 0);
  ASAN_UNPOISON_MEMORY_REGION(block, sizeof(struct heap_free_block));
  push_free(heap, class_of(size), block);
}

bool heap_reserve(struct heap *heap, size_t size, uint32_t count)
{
  CHECK_THAT(size, <=, HEAP_SMALL_MAX);
  uint32_t size_class = class_of(size);
  while (heap->free_counts[size_class] < count) {
    void *block = carve(heap, size_class);
    if (block == NULL) return false;
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(struct heap_free_block));
    push_free(heap, size_class, block);
  }
  return true;
}
