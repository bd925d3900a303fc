/*
 * The hash index of a table or of a secondary index: 64-bit hash of a partition key to one
 * pointer.
 *
 * Extendible hashing on the top bits, so that it grows one page at a time and can be walked in the
 * order of hashes while it changes:
 *
 *     directory[hash >> (64 - depth)] -> page -> slots of {hash, entry}, linear probing
 *
 * A page holds all hashes of one range of 2^(64 - its depth), and 2^(depth - its depth)
 * neighbouring places of the directory point to it. A page that is full splits in two halves; two
 * halves that became nearly empty become one again. The directory doubles when a page is split
 * that has only one place, and never shrinks; it stays below 8 bytes per entry the index ever had
 * (or 32 KiB).
 *
 * Several entries may have the same hash; the caller tells them apart by their keys. Hashes come
 * from a keyed function (base/hash.h), so strangers cannot fill one page; if more of them crowd in
 * one range than chance allows, index_prepare refuses as if there were no memory. Engine thread
 * only.
 */
#ifndef TACOS_STORE_INDEX_H
#define TACOS_STORE_INDEX_H

#include "store/heap.h"

enum {
  INDEX_PAGE_BYTES = 4096,
  INDEX_PREPARE_MAX = 100, /* slots that index_prepare makes free: actions of a transaction */
};

struct index_slot {
  uint64_t hash;
  void *entry; /* NULL: free */
};

struct index_page; /* index.c */

struct index {
  struct memory *memory; /* of the directory */
  struct heap *heap;     /* of the pages */
  struct index_page **directory;
  uint32_t depth; /* the directory has 2^depth places */
  size_t count;   /* entries */
  bool in_order;  /* entries come in ascending order of hashes: index_expect_order */
};

/* Makes an index with one page; false when there is no memory. */
bool index_init(struct index *index, struct memory *memory, struct heap *heap);
void index_free(struct index *index);

/*
 * From now on (or no longer) entries may come in ascending order of their hashes, as a snapshot's
 * do. Then the pages of the smallest hashes are full before the others have any, and the directory
 * needs its last depth long before it has the entries for it; otherwise index_prepare takes that
 * for hashes that somebody chose, and refuses.
 */
void index_expect_order(struct index *index, bool in_order);

/*
 * Lays out the pages of a new, empty index for about `count` entries, which spares splitting them
 * one by one. False when there is no memory; the index is usable as it was.
 */
bool index_presize(struct index *index, size_t count);

/*
 * The first slot with this hash, or NULL; index_find_next gives the next one with the same hash.
 *     for (slot = index_find(index, hash); slot != NULL; slot = index_find_next(index, slot)) ...
 * A slot is valid until the next insert, prepare or remove; its entry may be replaced in place.
 */
struct index_slot *index_find(const struct index *index, uint64_t hash);

/*
 * Fetches the cache line where the search for a hash begins: for lookups that will come together.
 */
void index_prefetch(const struct index *index, uint64_t hash);
struct index_slot *index_find_next(const struct index *index, const struct index_slot *slot);

/*
 * Makes sure that `count` (at most INDEX_PREPARE_MAX) inserts of hashes that fall into the page of
 * `hash` cannot fail. What was prepared for other hashes, and removes in between, do not spoil it
 * as long as no more than INDEX_PREPARE_MAX inserts follow in all.
 *
 * False: no memory, or no page could hold so many equal or nearly equal hashes (see above);
 * nothing changed.
 */
bool index_prepare(struct index *index, uint64_t hash, uint32_t count);

/* Adds a slot; CHECKs that it was prepared for. */
void index_insert(struct index *index, uint64_t hash, void *entry);

/* Removes the slot that holds this very entry; CHECKs that it is there. */
void index_remove(struct index *index, uint64_t hash, const void *entry);

/*
 * Walks slots in ascending order of hash, those of one hash together and in no particular order:
 * fills slots[] with some whose hash is >= from, whole hash groups only, at most `capacity` (at
 * least 1 page: INDEX_PAGE_BYTES / sizeof(struct index_slot)). Returns how many, perhaps 0 before
 * the end, because one call looks at a bounded number of pages; *next is the hash to go on from,
 * *done is true when the end was reached. An entry that is there during a whole walk is met
 * exactly once, whatever is inserted and removed between the calls.
 */
size_t index_walk(const struct index *index, uint64_t from, struct index_slot *slots,
                  size_t capacity, uint64_t *next, bool *done);

/* CHECKs the structure of the whole index: O(n), for tests. */
void index_assert(const struct index *index);

#endif
