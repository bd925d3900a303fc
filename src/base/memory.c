#include "base/memory.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

void *memory_alloc(struct memory *memory, size_t size)
{
  if (!memory_permit(memory)) return NULL;
  void *block = malloc(size > 0 ? size : 1);
  if (block != NULL) memory->in_use += size;
  return block;
}

void *memory_alloc_zeroed(struct memory *memory, size_t size)
{
  if (!memory_permit(memory)) return NULL;
  void *block = calloc(1, size > 0 ? size : 1);
  if (block != NULL) memory->in_use += size;
  return block;
}

void *memory_resize(struct memory *memory, void *block, size_t old_size, size_t new_size)
{
  if (!memory_permit(memory)) return NULL;
  void *resized = realloc(block, new_size > 0 ? new_size : 1);
  if (resized != NULL) memory->in_use += new_size - old_size;
  return resized;
}

void memory_free(struct memory *memory, void *block, size_t size)
{
  if (block == NULL) return;
  CHECK_THAT(memory->in_use, >=, size);
  memory->in_use -= size;
  free(block);
}

static void *map_pages(size_t size)
{
  void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}

/* Maps one huge page too much and returns the ends, because mmap aligns to 4 KiB only. */
static void *map_huge_aligned(size_t size)
{
  uint8_t *wide = map_pages(size + HUGE_PAGE_BYTES);
  if (wide == NULL) return NULL;
  size_t lead = (HUGE_PAGE_BYTES - (uintptr_t)wide % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
  if (lead > 0) munmap(wide, lead);
  munmap(wide + lead + size, HUGE_PAGE_BYTES - lead);
  return wide + lead;
}

void *memory_map(struct memory *memory, size_t size)
{
  if (!memory_permit(memory)) return NULL;
  bool huge = size % HUGE_PAGE_BYTES == 0;
  void *block = huge ? map_huge_aligned(size) : map_pages(size);
  if (block == NULL) return NULL;
  /* Only advice: a kernel without transparent huge pages serves small ones. */
  if (huge) (void)madvise(block, size, MADV_HUGEPAGE);
  memory->in_use += size;
  return block;
}

void memory_unmap(struct memory *memory, void *block, size_t size)
{
  if (block == NULL) return;
  CHECK_THAT(memory->in_use, >=, size);
  memory->in_use -= size;
  CHECK(munmap(block, size) == 0);
}

void memory_populate(void *block, size_t size)
{
#ifdef MADV_POPULATE_WRITE
  (void)madvise(block, size, MADV_POPULATE_WRITE);
#else
  (void)block;
  (void)size;
#endif
}
