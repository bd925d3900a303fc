/*
 * Memory for items and tree nodes: size classes carved out of large mapped regions.
 *
 * One heap per store, used by the engine thread only. A block is freed with the size it was
 * allocated with and goes to its class's free list; regions go back only with heap_free_all. Small
 * classes are at most 1/8 apart (in steps of 8 bytes up to 128), so a block of 64 bytes or more
 * wastes less than 12.5 %; blocks above HEAP_SMALL_MAX come from memory_alloc one by one.
 *
 * Only carving a new block counts as an allocation that a test can make fail (memory.h): one that
 * takes a freed or reserved block never fails.
 */
#ifndef TACOS_STORE_HEAP_H
#define TACOS_STORE_HEAP_H

#include "base/memory.h"

enum {
  HEAP_SMALL_MAX = 32 << 10, /* largest block that is carved from a region */
  HEAP_CLASSES = 80,
};

struct heap_free_block {
  struct heap_free_block *next;
};

/* Makes the pages of a region resident in the background (memory_populate). */
typedef void heap_warm(void *context, void *region, size_t size);

struct heap {
  struct memory *memory;
  size_t region_bytes; /* of a mapped region: a multiple of 2 MiB for huge pages, less in tests */
  void *regions;       /* newest region, linked through its first word */
  void *ready;         /* regions to be used next, linked the same way */
  heap_warm *warm;     /* told of each that is kept in reserve; NULL: none is */
  void *warm_context;
  uint8_t *next; /* uncarved rest of the newest region */
  uint8_t *end;
  size_t in_use; /* bytes handed out, as asked for */
  size_t mapped; /* bytes of all regions */
  struct heap_free_block *free_blocks[HEAP_CLASSES];
  uint32_t free_counts[HEAP_CLASSES];
};

/* region_bytes: whole pages of 4 KiB, more than HEAP_SMALL_MAX. */
void heap_init(struct heap *heap, struct memory *memory, size_t region_bytes);

/*
 * From now on the heap keeps one region in reserve and has its pages made resident ahead of use:
 * the kernel clears a huge page in a tenth of a millisecond at best, in several at worst.
 */
void heap_keep_warm(struct heap *heap, heap_warm *warm, void *context);

/*
 * Maps regions of `bytes` in all and has their pages made resident, which are used before any
 * other: nobody waits later. False without memory; what was mapped stays.
 */
bool heap_prepare(struct heap *heap, size_t bytes);

/* Gives every region back; blocks above HEAP_SMALL_MAX must have been freed before. */
void heap_free_all(struct heap *heap);

/* A block of `size` bytes aligned to 8, contents undefined; NULL when there is no memory. */
void *heap_alloc(struct heap *heap, size_t size);
void heap_free(struct heap *heap, void *block, size_t size);

/*
 * Makes sure that the next `count` allocations of exactly `size` (at most HEAP_SMALL_MAX) cannot
 * fail, whatever is allocated in other classes between. A commit reserves before its point of no
 * return; reserving one size twice gives the larger count, not the sum, and sizes of one class
 * share their blocks. False: no memory; blocks found so far stay free for later.
 */
bool heap_reserve(struct heap *heap, size_t size, uint32_t count);

#endif
