/*
 * Where memory comes from: one `struct memory` per owner thread, handed down in arguments.
 *
 * Every allocation of the engine passes through here, so that a test can make the Nth one fail
 * (fail_at) and see that nothing is lost, leaked or half done. A block is freed with the size it
 * was allocated with; in_use counts the bytes between. Not thread-safe: one thread per struct.
 */
#ifndef TACOS_BASE_MEMORY_H
#define TACOS_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory {
  uint64_t calls;   /* allocations asked for so far */
  uint64_t fail_at; /* the call with this number (1-based) fails once; 0: none fails */
  size_t in_use;    /* bytes allocated and not freed */
};

/*
 * Aligned for any type, contents undefined. NULL when there is no memory or the call is made to
 * fail.
 */
void *memory_alloc(struct memory *memory, size_t size);

/* The same, zeroed. */
void *memory_alloc_zeroed(struct memory *memory, size_t size);

/*
 * A block of new_size with the old contents up to the smaller size; on NULL the old block stands.
 * block may be NULL (old_size 0).
 */
void *memory_resize(struct memory *memory, void *block, size_t old_size, size_t new_size);

/* block may be NULL (size 0). */
void memory_free(struct memory *memory, void *block, size_t size);

/*
 * Address space in whole pages, zeroed, aligned to 2 MiB when size is a multiple of it and advised
 * for huge pages; resident only once touched. Freed with memory_unmap.
 */
void *memory_map(struct memory *memory, size_t size);
void memory_unmap(struct memory *memory, void *block, size_t size);

/*
 * Makes mapped pages resident now instead of at their first touch; contents stay. Any thread, also
 * while another uses the block. Only advice: nothing is different when the kernel cannot.
 */
void memory_populate(void *block, size_t size);

/*
 * Counts one allocation without making it; false when it is the one that must fail. For allocators
 * that carve their blocks out of larger ones.
 */
static inline bool memory_permit(struct memory *memory)
{
  return ++memory->calls != memory->fail_at;
}

#endif
