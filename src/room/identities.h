/*
 * Who has which number: from a hash of 56 bits of who joined to the number they got.
 *
 *     hash:  | tag 8 | 32 | partition 16 |
 *
 *     partitions[partition bits]:   | number 24, tag 8 | number 24, tag 8 | ...   4 bytes each
 *
 * A partition holds the numbers of about a hundred hashes, the newest last; tags say which of them
 * are worth a look, and the caller compares the whole hash, which lies with the waiters
 * (waiters.h). So all bits decide, and only 4 bytes are kept: 5 with what is reserved ahead. That
 * two of a million joiners share a hash happens once in a hundred thousand sales.
 *
 * Finding is a pass over half a kilobyte; adding is one write. Nothing is ever moved for growth but
 * one partition.
 *
 * Memory: of the struct memory given; one thread.
 */
#ifndef TACOS_ROOM_IDENTITIES_H
#define TACOS_ROOM_IDENTITIES_H

#include "base/memory.h"

#define IDENTITIES_NONE UINT32_MAX

struct identity_partition {
  uint32_t *slots;
  uint16_t count;
  uint16_t capacity;
};

struct identities {
  struct memory *memory;
  uint32_t mask; /* partitions - 1 */
  size_t slots;  /* there is memory for, in all of them */
  struct identity_partition *partitions;
};

#define IDENTITY_HASH_BITS 56

/* For about so many; false without memory. */
bool identities_init(struct identities *identities, struct memory *memory, uint32_t capacity);
void identities_free(struct identities *identities);

/* Where a search is. */
struct identity_search {
  uint64_t hash;
  uint32_t at;
};

/*
 * The next number that may be this hash's, newest first; IDENTITIES_NONE: there is none further.
 * Begins with {hash, 0}.
 */
uint32_t identities_next(const struct identities *identities, struct identity_search *search);

/* Whether a number is still worth finding. */
typedef bool identity_is_alive(void *context, uint32_t number);

/*
 * Makes room for one more with this hash, so that adding cannot fail; forgets those that are not
 * worth finding before it grows. False without memory.
 */
bool identities_reserve(struct identities *identities, uint64_t hash, identity_is_alive *is_alive,
                        void *context);
void identities_add(struct identities *identities, uint64_t hash, uint32_t number);

/* The number is with this hash. */
void identities_remove(struct identities *identities, uint64_t hash, uint32_t number);

#endif
