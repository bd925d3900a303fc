/*
 * An ordered collection: a B+tree of pointers, for the items of one partition and for index
 * partitions.
 *
 *     leaf:   shared prefix length | count | heads[] | entries[] | previous, next
 *     inner:  shared prefix length | count | heads[] | first entry of each child[] | children[]
 *             a head: the 8 key bytes after the prefix, big-endian
 *
 * Entries are ordered by key bytes (memcmp order), ties by the caller's tie function; no two
 * entries may be equal in both. Keys live in what the entries point to and are read through the
 * order's key function, so an entry must stay readable until it is removed or replaced; heads keep
 * most comparisons inside the node, also when all keys start with the same text
 * ("TICKET#2026-..."). All operations are O(log n) but tree_clear and tree_assert. Engine thread
 * only.
 *
 * Nodes come from a heap (TREE_NODE_BYTES each). An insert allocates at most TREE_NODES_PER_INSERT
 * nodes; after heap_reserve(heap, TREE_NODE_BYTES, TREE_NODES_PER_INSERT) it cannot fail. Keys
 * that arrive in ascending order leave full nodes; removes merge a node that is less than a third
 * (inner: half) full with a neighbour, or even the two out.
 */
#ifndef TACOS_STORE_TREE_H
#define TACOS_STORE_TREE_H

#include "base/bytes.h"
#include "store/heap.h"

enum {
  TREE_NODE_BYTES = 512,      /* a small partition costs one node; 1024 is no faster to search */
  TREE_NODES_PER_INSERT = 10, /* one per level of the highest tree of 2^32 entries (tree.c) */
  TREE_KEY_SCRATCH_BYTES = 32,
};

struct tree_node; /* tree.c */

struct tree {
  struct tree_node *root; /* NULL when empty */
  uint32_t count;         /* entries */
  uint32_t height;        /* 1: the root is a leaf */
};

struct tree_order {
  /* The key bytes of an entry: either inside it, or written to scratch. */
  struct bytes (*key)(const struct tree_order *order, const void *entry,
                      uint8_t scratch[TREE_KEY_SCRATCH_BYTES]);
  /* Order of two entries with equal keys; NULL when keys are unique. */
  int (*tie)(const struct tree_order *order, const void *left, const void *right);
  const void *context;
};

/* A place between entries: after every entry for which compare gives > 0 or key is greater. */
struct tree_probe {
  struct bytes key;
  /* Order of the probe against an entry with an equal key; NULL: it is before all of them. */
  int (*tie)(const struct tree_probe *probe, const void *entry);
  const void *context;
};

/* A ready-made tie for tree_probe: the probe is after all entries with an equal key. */
int tree_probe_after(const struct tree_probe *probe, const void *entry);

/* Where an iteration stands; any change of the tree makes it invalid. leaf: NULL at either end. */
struct tree_cursor {
  const struct tree_node *leaf;
  uint32_t position;
};

/* CHECKs that no equal entry is present and that nodes were reserved. */
void tree_insert(struct tree *tree, const struct tree_order *order, struct heap *heap, void *entry);

/* CHECKs that the entry (this pointer) is present. Frees nodes that become empty. */
void tree_remove(struct tree *tree, const struct tree_order *order, struct heap *heap,
                 const void *entry);

/* Puts another pointer in the place of an entry; both have the same key and tie order. */
void tree_replace(struct tree *tree, const struct tree_order *order, const void *old_entry,
                  void *new_entry);

/* Frees all nodes, not the entries. */
void tree_clear(struct tree *tree, struct heap *heap);

/*
 * Frees the nodes of at most *budget entries (and what is left of the last node) without looking at
 * any entry: they may be gone. True when the tree is empty; until then only this may be called.
 */
bool tree_clear_some(struct tree *tree, struct heap *heap, size_t *budget);

/* The first entry at or after the probe; the last one before it; the ends of the tree. */
struct tree_cursor tree_seek(const struct tree *tree, const struct tree_order *order,
                             const struct tree_probe *probe);
struct tree_cursor tree_seek_before(const struct tree *tree, const struct tree_order *order,
                                    const struct tree_probe *probe);
struct tree_cursor tree_first(const struct tree *tree);
struct tree_cursor tree_last(const struct tree *tree);

/* The first entry, without going down the tree; the tree is not empty. */
void *tree_first_entry(const struct tree *tree);

/* The entry under the cursor; NULL at the end. */
void *tree_entry(struct tree_cursor cursor);
struct tree_cursor tree_next(struct tree_cursor cursor);
struct tree_cursor tree_previous(struct tree_cursor cursor);

/* The entry with this key in a tree of unique keys, or NULL. */
void *tree_find(const struct tree *tree, const struct tree_order *order, struct bytes key);

/* CHECKs order, fill, heads, links and count of the whole tree: O(n), for tests. */
void tree_assert(const struct tree *tree, const struct tree_order *order);

#endif
