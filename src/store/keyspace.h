/*
 * A keyspace: the items of a table in the order of one key schema. A table has a primary keyspace
 * and one for each secondary index; all of them point to the same items.
 *
 *     hash(partition key) --index--> item                    a partition with one item
 *                               \--> collection --tree--> items in sort-key order
 *
 * In a secondary keyspace several items may have equal keys; their primary keys order them. Items
 * that lack a key attribute, or have one of another type, empty or too long, are not in it (a
 * sparse index).
 *
 * Changes come in two halves: prepare (may fail, changes nothing) and insert, remove, replace
 * (cannot fail). Items are owned by the table (table.h); keyspaces only point. Engine thread only.
 */
#ifndef TACOS_STORE_KEYSPACE_H
#define TACOS_STORE_KEYSPACE_H

#include "store/index.h"
#include "store/item.h"
#include "store/store.h"
#include "store/tree.h"

/* An item in the heap: immutable once made. */
struct item {
  uint32_t size;      /* bytes of data */
  uint32_t partition; /* offset in data of the partition key's value */
  uint32_t sort;      /* offset of the sort key's value; 0: the table has none */
  uint8_t data[];     /* a MAP value (item.h) */
};

_Static_assert(sizeof(struct item) == 12, "item header has no padding");

static inline size_t item_block_size(size_t data_size)
{
  return sizeof(struct item) + data_size;
}

static inline struct value item_value(const struct item *item)
{
  return item == NULL ? VALUE_NONE : (struct value){item->data, item->size};
}

enum {
  ITEM_KEY_LINES = 4, /* cache lines of an item that mostly hold its keys */
  CACHE_LINE_BYTES = 64,
};

/* Fetches the lines of an item all at once instead of one cache miss after the other. */
static inline void item_prefetch(const struct item *item)
{
  for (int line = 0; line < ITEM_KEY_LINES; line++)
    __builtin_prefetch((const uint8_t *)item + line * CACHE_LINE_BYTES);
}

struct keyspace {
  struct index index;
  struct heap *heap;
  uint64_t hash_seed;
  struct table_key partition;
  struct table_key sort;
  const struct keyspace *primary; /* NULL: this is the primary one */
  struct tree_order order;
};

/* Names in the keys are borrowed. False when there is no memory. */
bool keyspace_init(struct keyspace *keyspace, struct memory *memory, struct heap *heap,
                   uint64_t hash_seed, struct table_key partition, struct table_key sort,
                   const struct keyspace *primary);

/* Frees the index's pages; items must have been removed or be freed by the caller. */
void keyspace_free(struct keyspace *keyspace);

/* The key values of an item in this keyspace; VALUE_NONE when it has none. */
struct value keyspace_partition_of(const struct keyspace *keyspace, const struct item *item);
struct value keyspace_sort_of(const struct keyspace *keyspace, const struct item *item);

/* Whether the item has all key attributes of this keyspace. */
bool keyspace_covers(const struct keyspace *keyspace, const struct item *item);

uint64_t keyspace_hash(const struct keyspace *keyspace, struct value partition);

/* Bytes whose memcmp order is the order of key values of one type. */
struct bytes keyspace_sort_bytes(struct value sort, uint8_t scratch[TREE_KEY_SCRATCH_BYTES]);

/*
 * Heap to reserve for `inserts` inserts into any keyspaces of one heap: call it after all item
 * blocks were allocated and before the point of no return.
 */
bool keyspace_reserve(struct heap *heap, uint32_t inserts);

/* Room in the index for `count` inserts near this hash. */
static inline bool keyspace_prepare(struct keyspace *keyspace, uint64_t hash, uint32_t count)
{
  return index_prepare(&keyspace->index, hash, count);
}

void keyspace_insert(struct keyspace *keyspace, uint64_t hash, struct item *item);
void keyspace_remove(struct keyspace *keyspace, uint64_t hash, const struct item *item);
void keyspace_replace(struct keyspace *keyspace, uint64_t hash, const struct item *old_item,
                      struct item *new_item);

/* Whether this very item is in the keyspace. */
bool keyspace_holds(const struct keyspace *keyspace, uint64_t hash, const struct item *item);

/* The item of a primary keyspace with these key values, or NULL. */
struct item *keyspace_find(const struct keyspace *keyspace, uint64_t hash, struct value partition,
                           struct value sort);

/*
 * Fills an empty secondary keyspace with all items of the primary one, of which there are
 * `item_count`. False when there is no memory; then it is half filled, and of use to nobody.
 */
bool keyspace_build(struct keyspace *keyspace, struct memory *memory, uint64_t item_count);

/* One partition: at most one of the two is set. */
struct keyspace_partition {
  struct item *single;
  const struct tree *tree;
};

struct keyspace_partition keyspace_partition(const struct keyspace *keyspace, uint64_t hash,
                                             struct value partition);

/* What one entry of the index stands for: its items, and their partition key. */
struct keyspace_partition keyspace_content(const void *entry);
struct value keyspace_entry_partition(const struct keyspace *keyspace, const void *entry);

/*
 * Order of two places inside one partition: by sort key, then, in a secondary keyspace, by primary
 * key. `map` is an item or any map with the key attributes.
 */
int keyspace_compare(const struct keyspace *keyspace, struct value map, const struct item *item);

/*
 * Where to go on reading a partition from a place (a map with the key attributes): the first entry
 * behind it, or, backward, the last one before it. The place itself need not be there any more.
 */
struct tree_cursor keyspace_seek_past(const struct keyspace *keyspace, const struct tree *tree,
                                      struct value place, bool forward);

/*
 * A walk over a whole keyspace in slices, in the order (hash, partition key, sort key, primary
 * key), while it changes: an item that is there all the time is met exactly once, also when
 * replaced.
 */
struct keyspace_walk {
  uint64_t hash;       /* go on at this hash */
  uint64_t last_hash;  /* and stop after this one (inclusive) */
  bool inside;         /* after the place `place` */
  struct buffer place; /* a map: partition and sort key of this keyspace, and the primary key */
};

/* Walks hashes from first to last, both inclusive: (0, UINT64_MAX) is everything. */
void keyspace_walk_init(struct keyspace_walk *walk, struct memory *memory, uint64_t first_hash,
                        uint64_t last_hash);
void keyspace_walk_free(struct keyspace_walk *walk);

/* Starts after this place: a map with all key attributes. False when there is no memory. */
bool keyspace_walk_after(struct keyspace_walk *walk, const struct keyspace *keyspace,
                         struct value place);

/*
 * Up to `capacity` next items. *done is true at the end. False when there is no memory to remember
 * the place; the walk stands where it stood.
 */
bool keyspace_walk_next(struct keyspace_walk *walk, const struct keyspace *keyspace,
                        struct item **items, size_t capacity, size_t *count, bool *done);

/* Writes the map of a keyspace's key attributes and, for a secondary one, the primary key's. */
bool keyspace_write_place(const struct keyspace *keyspace, struct value item, struct buffer *buffer,
                          struct value *place);

/* Called with each item that a drain took out. */
typedef void keyspace_release(void *context, struct item *item);

/*
 * Empties a keyspace that is no longer used otherwise, at most *budget items now; true when it is
 * empty. *from is where to go on, 0 at first. `release` receives each item; NULL: the items are not
 * looked at, so that they may be changed and freed while the keyspace of a dropped index waits.
 */
bool keyspace_drain(struct keyspace *keyspace, uint64_t *from, keyspace_release *release,
                    void *context, size_t *budget);

#endif
