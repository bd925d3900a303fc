#include "store/keyspace.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

/* A partition of several items. Tagged in the index by the lowest bit of its address. */
struct collection {
  struct tree tree;
};

enum { COLLECTION_TAG = 1 };

static bool is_collection(const void *entry)
{
  return ((uintptr_t)entry & COLLECTION_TAG) != 0;
}

static struct collection *as_collection(const void *entry)
{
  return (struct collection *)((uintptr_t)entry & ~(uintptr_t)COLLECTION_TAG);
}

static void *tag_collection(struct collection *collection)
{
  return (void *)((uintptr_t)collection | COLLECTION_TAG);
}

static struct value value_at(const struct item *item, uint32_t offset)
{
  if (offset == 0) return VALUE_NONE;
  return (struct value){item->data + offset, value_span(item->data + offset)};
}

static struct value key_attribute(struct value map, struct table_key key)
{
  if (key.name.size == 0) return VALUE_NONE;
  struct value value = value_attribute(map, key.name);
  return value_type(value) == key.type ? value : VALUE_NONE;
}

/*
 * A key of a secondary keyspace. Items written before the index was made may have an empty or a too
 * long value: they are not in it, as in DynamoDB.
 */
static struct value index_attribute(const struct item *item, struct table_key key, size_t size_max)
{
  struct value value = key_attribute(item_value(item), key);
  if (!value_present(value) || key.type == VALUE_NUMBER) return value;
  size_t size = value_bytes(value).size;
  return size > 0 && size <= size_max ? value : VALUE_NONE;
}

struct value keyspace_partition_of(const struct keyspace *keyspace, const struct item *item)
{
  if (keyspace->primary == NULL) return value_at(item, item->partition);
  return index_attribute(item, keyspace->partition, PARTITION_KEY_MAX);
}

struct value keyspace_sort_of(const struct keyspace *keyspace, const struct item *item)
{
  if (keyspace->primary == NULL) return value_at(item, item->sort);
  return index_attribute(item, keyspace->sort, SORT_KEY_MAX);
}

bool keyspace_covers(const struct keyspace *keyspace, const struct item *item)
{
  if (!value_present(keyspace_partition_of(keyspace, item))) return false;
  return keyspace->sort.name.size == 0 || value_present(keyspace_sort_of(keyspace, item));
}

uint64_t keyspace_hash(const struct keyspace *keyspace, struct value partition)
{
  return hash_bytes(bytes_of(partition.data, partition.size), keyspace->hash_seed);
}

struct bytes keyspace_sort_bytes(struct value sort, uint8_t scratch[TREE_KEY_SCRATCH_BYTES])
{
  _Static_assert((int)TREE_KEY_SCRATCH_BYTES >= (int)DECIMAL_SORTABLE_BYTES, "numbers fit");
  if (!value_present(sort)) return (struct bytes){NULL, 0};
  if (value_type(sort) != VALUE_NUMBER) return value_bytes(sort);
  struct decimal number = value_number(sort);
  return bytes_of(scratch, decimal_sortable(&number, scratch));
}

/*
 * The tree key of a partition: the sort key; in a secondary keyspace without one, the primary
 * partition key, so that the order is one of bytes there too.
 */
static struct value tree_value(const struct keyspace *keyspace, const struct item *item)
{
  if (keyspace->sort.name.size > 0) return keyspace_sort_of(keyspace, item);
  return keyspace->primary == NULL ? VALUE_NONE : value_at(item, item->partition);
}

static struct bytes order_key(const struct tree_order *order, const void *entry,
                              uint8_t scratch[TREE_KEY_SCRATCH_BYTES])
{
  return keyspace_sort_bytes(tree_value(order->context, entry), scratch);
}

/* Order of primary keys; items of one table, so the types are the same. */
static int order_tie(const struct tree_order *order, const void *left, const void *right)
{
  (void)order;
  const struct item *left_item = left;
  const struct item *right_item = right;
  int by_partition = value_compare(value_at(left_item, left_item->partition),
                                   value_at(right_item, right_item->partition));
  if (by_partition != 0 || left_item->sort == 0) return by_partition;
  return value_compare(value_at(left_item, left_item->sort),
                       value_at(right_item, right_item->sort));
}

bool keyspace_init(struct keyspace *keyspace, struct memory *memory, struct heap *heap,
                   uint64_t hash_seed, struct table_key partition, struct table_key sort,
                   const struct keyspace *primary)
{
  *keyspace = (struct keyspace){
      .heap = heap,
      .hash_seed = hash_seed,
      .partition = partition,
      .sort = sort,
      .primary = primary,
      .order = {.key = order_key, .tie = primary == NULL ? NULL : order_tie},
  };
  keyspace->order.context = keyspace;
  return index_init(&keyspace->index, memory, heap);
}

void keyspace_free(struct keyspace *keyspace)
{
  index_free(&keyspace->index);
}

bool keyspace_reserve(struct heap *heap, uint32_t inserts)
{
  return heap_reserve(heap, TREE_NODE_BYTES, TREE_NODES_PER_INSERT * inserts) &&
         heap_reserve(heap, sizeof(struct collection), inserts);
}

/* An item that stands for the whole partition of an index entry. */
static const struct item *entry_item(const void *entry)
{
  if (!is_collection(entry)) return entry;
  return tree_first_entry(&as_collection(entry)->tree);
}

/* The index slot of a partition, or NULL. */
static struct index_slot *find_slot(const struct keyspace *keyspace, uint64_t hash,
                                    struct value partition)
{
  for (struct index_slot *slot = index_find(&keyspace->index, hash); slot != NULL;
       slot = index_find_next(&keyspace->index, slot)) {
    if (value_equal(keyspace_partition_of(keyspace, entry_item(slot->entry)), partition))
      return slot;
  }
  return NULL;
}

void keyspace_insert(struct keyspace *keyspace, uint64_t hash, struct item *item)
{
  struct index_slot *slot = find_slot(keyspace, hash, keyspace_partition_of(keyspace, item));
  if (slot == NULL) {
    index_insert(&keyspace->index, hash, item);
    return;
  }
  if (!is_collection(slot->entry)) {
    struct collection *collection = heap_alloc(keyspace->heap, sizeof *collection);
    CHECK(collection != NULL); /* reserved by keyspace_reserve */
    *collection = (struct collection){0};
    tree_insert(&collection->tree, &keyspace->order, keyspace->heap, slot->entry);
    slot->entry = tag_collection(collection);
  }
  tree_insert(&as_collection(slot->entry)->tree, &keyspace->order, keyspace->heap, item);
}

void keyspace_remove(struct keyspace *keyspace, uint64_t hash, const struct item *item)
{
  struct index_slot *slot = find_slot(keyspace, hash, keyspace_partition_of(keyspace, item));
  CHECK(slot != NULL);
  if (!is_collection(slot->entry)) {
    CHECK(slot->entry == item);
    index_remove(&keyspace->index, hash, item);
    return;
  }
  struct collection *collection = as_collection(slot->entry);
  tree_remove(&collection->tree, &keyspace->order, keyspace->heap, item);
  if (collection->tree.count > 1) return;
  slot->entry = tree_entry(tree_first(&collection->tree));
  tree_clear(&collection->tree, keyspace->heap);
  heap_free(keyspace->heap, collection, sizeof *collection);
}

void keyspace_replace(struct keyspace *keyspace, uint64_t hash, const struct item *old_item,
                      struct item *new_item)
{
  struct index_slot *slot = find_slot(keyspace, hash, keyspace_partition_of(keyspace, old_item));
  CHECK(slot != NULL);
  if (is_collection(slot->entry)) {
    tree_replace(&as_collection(slot->entry)->tree, &keyspace->order, old_item, new_item);
    return;
  }
  CHECK(slot->entry == old_item);
  slot->entry = new_item;
}

bool keyspace_holds(const struct keyspace *keyspace, uint64_t hash, const struct item *item)
{
  const struct index_slot *slot = find_slot(keyspace, hash, keyspace_partition_of(keyspace, item));
  if (slot == NULL) return false;
  if (!is_collection(slot->entry)) return slot->entry == item;
  struct keyspace_partition place = {.tree = &as_collection(slot->entry)->tree};
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct tree_probe probe = {.key = order_key(&keyspace->order, item, scratch)};
  for (struct tree_cursor cursor = tree_seek(place.tree, &keyspace->order, &probe);
       tree_entry(cursor) != NULL; cursor = tree_next(cursor)) {
    if (tree_entry(cursor) == item) return true;
    if (keyspace_compare(keyspace, item_value(item), tree_entry(cursor)) < 0) return false;
  }
  return false;
}

struct item *keyspace_find(const struct keyspace *keyspace, uint64_t hash, struct value partition,
                           struct value sort)
{
  for (struct index_slot *slot = index_find(&keyspace->index, hash); slot != NULL;
       slot = index_find_next(&keyspace->index, slot)) {
    struct item *item = slot->entry;
    if (is_collection(item)) {
      if (value_type(sort) != keyspace->sort.type) return NULL;
      uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
      item = tree_find(&as_collection(slot->entry)->tree, &keyspace->order,
                       keyspace_sort_bytes(sort, scratch));
      if (item == NULL) continue;
    } else {
      item_prefetch(item);
    }
    if (value_equal(value_at(item, item->partition), partition) &&
        value_equal(value_at(item, item->sort), sort))
      return item;
  }
  return NULL;
}

struct keyspace_partition keyspace_partition(const struct keyspace *keyspace, uint64_t hash,
                                             struct value partition)
{
  const struct index_slot *slot = find_slot(keyspace, hash, partition);
  if (slot == NULL) return (struct keyspace_partition){0};
  return keyspace_content(slot->entry);
}

struct keyspace_partition keyspace_content(const void *entry)
{
  if (is_collection(entry)) return (struct keyspace_partition){.tree = &as_collection(entry)->tree};
  return (struct keyspace_partition){.single = (struct item *)(uintptr_t)entry};
}

struct value keyspace_entry_partition(const struct keyspace *keyspace, const void *entry)
{
  return keyspace_partition_of(keyspace, entry_item(entry));
}

/* Order of one key of a place against an item's: both have it, or the keyspace has none. */
static int compare_key(struct value map, struct table_key key, struct value value)
{
  if (key.name.size == 0) return 0;
  return value_compare(key_attribute(map, key), value);
}

int keyspace_compare(const struct keyspace *keyspace, struct value map, const struct item *item)
{
  int order = compare_key(map, keyspace->sort, keyspace_sort_of(keyspace, item));
  if (order != 0 || keyspace->primary == NULL) return order;
  const struct keyspace *primary = keyspace->primary;
  order = compare_key(map, primary->partition, value_at(item, item->partition));
  return order != 0 ? order : compare_key(map, primary->sort, value_at(item, item->sort));
}

/* A place between entries; `forward` tells on which side of an equal one. */
struct past {
  const struct keyspace *keyspace;
  struct value place;
  bool forward;
};

static int past_tie(const struct tree_probe *probe, const void *entry)
{
  const struct past *past = probe->context;
  int order = keyspace_compare(past->keyspace, past->place, entry);
  if (order != 0) return order;
  return past->forward ? 1 : -1;
}

struct tree_cursor keyspace_seek_past(const struct keyspace *keyspace, const struct tree *tree,
                                      struct value place, bool forward)
{
  struct past past = {keyspace, place, forward};
  struct bytes name = keyspace->sort.name;
  if (name.size == 0) name = keyspace->primary->partition.name; /* tree_value */
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct tree_probe probe = {
      .key = keyspace_sort_bytes(value_attribute(place, name), scratch),
      .tie = past_tie,
      .context = &past,
  };
  return forward ? tree_seek(tree, &keyspace->order, &probe)
                 : tree_seek_before(tree, &keyspace->order, &probe);
}

/* Takes entries off the end of a collection; true when it is empty and freed. */
static bool drain_collection(struct keyspace *keyspace, struct collection *collection,
                             keyspace_release *release, void *context, size_t *budget)
{
  struct tree *tree = &collection->tree;
  if (release == NULL) (void)tree_clear_some(tree, keyspace->heap, budget);
  for (; release != NULL && *budget > 0 && tree->count > 0; (*budget)--) {
    struct item *item = tree_entry(tree_last(tree));
    tree_remove(tree, &keyspace->order, keyspace->heap, item);
    release(context, item);
  }
  if (tree->root != NULL) return false;
  heap_free(keyspace->heap, collection, sizeof *collection);
  return true;
}

bool keyspace_drain(struct keyspace *keyspace, uint64_t *from, keyspace_release *release,
                    void *context, size_t *budget)
{
  enum { SLOTS = INDEX_PAGE_BYTES / sizeof(struct index_slot) };
  struct index_slot slots[SLOTS];
  while (keyspace->index.count > 0 && *budget > 0) {
    uint64_t next = 0;
    bool done = false;
    size_t count = index_walk(&keyspace->index, *from, slots, SLOTS, &next, &done);
    for (size_t i = 0; i < count; i++) {
      void *entry = slots[i].entry;
      if (*budget == 0) return false;
      if (is_collection(entry)) {
        struct collection *collection = as_collection(entry);
        if (!drain_collection(keyspace, collection, release, context, budget)) return false;
      } else {
        (*budget)--;
        if (release != NULL) release(context, entry);
      }
      index_remove(&keyspace->index, slots[i].hash, entry);
    }
    *from = next;
  }
  return keyspace->index.count == 0;
}
