#include "base/check.h"
#include "store/keyspace.h"

#include <stdlib.h>

/*
 * A secondary keyspace is built by sorting: inserting item by item in the order of the primary
 * keyspace would meet a cold tree node and several cold items each time.
 *
 *     gather {hash of the partition, key bytes, item} -> sort by hash
 *     -> each partition: sort by key -> insert at the right edge
 */
struct entry {
  uint64_t hash;
  uint64_t head; /* 8 key bytes after those that the whole partition shares */
  uint64_t key;  /* where the key bytes are: offset in `keys` << KEY_SIZE_BITS | size */
  struct item *item;
};

struct build {
  struct keyspace *keyspace;
  struct entry *entries;
  size_t count;
  struct buffer keys; /* sort keys of all entries, so that items need not be looked at again */
};

enum {
  CHUNK_ITEMS = 256,
  AHEAD = 8, /* items fetched into the cache ahead of their use */
  KEY_SIZE_BITS = 12,
};

_Static_assert(PARTITION_KEY_MAX < 1 << KEY_SIZE_BITS, "the size of any key fits");

static bool gather_item(struct build *build, struct item *item)
{
  const struct keyspace *keyspace = build->keyspace;
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  if (!keyspace_covers(keyspace, item)) return true;
  struct bytes key = keyspace->order.key(&keyspace->order, item, scratch);
  build->entries[build->count++] = (struct entry){
      .hash = keyspace_hash(keyspace, keyspace_partition_of(keyspace, item)),
      .key = build->keys.size << KEY_SIZE_BITS | key.size,
      .item = item,
  };
  return buffer_append(&build->keys, key);
}

static bool gather(struct build *build, struct memory *memory)
{
  struct item *items[CHUNK_ITEMS];
  struct keyspace_walk walk;
  keyspace_walk_init(&walk, memory, 0, UINT64_MAX);
  bool done = false;
  bool going = true;
  while (going && !done) {
    size_t count = 0;
    going = keyspace_walk_next(&walk, build->keyspace->primary, items, CHUNK_ITEMS, &count, &done);
    for (size_t i = 0; i < count && going; i++) {
      if (i + AHEAD < count) item_prefetch(items[i + AHEAD]);
      going = gather_item(build, items[i]);
    }
  }
  keyspace_walk_free(&walk);
  return going;
}

static int compare_hashes(const void *left, const void *right)
{
  uint64_t a = ((const struct entry *)left)->hash;
  uint64_t b = ((const struct entry *)right)->hash;
  return (a > b) - (a < b);
}

static struct bytes entry_key(const struct build *build, const struct entry *entry)
{
  return bytes_of(build->keys.data + (entry->key >> KEY_SIZE_BITS),
                  entry->key & ((1 << KEY_SIZE_BITS) - 1));
}

/* qsort_r: by heads, which are in the entries, then by what they are the heads of. */
static int compare_keys(const void *left, const void *right, void *context)
{
  const struct entry *a = left;
  const struct entry *b = right;
  const struct build *build = context;
  const struct tree_order *order = &build->keyspace->order;
  if (a->head != b->head) return a->head < b->head ? -1 : 1;
  int by_key = bytes_compare(entry_key(build, a), entry_key(build, b));
  return by_key != 0 ? by_key : order->tie(order, a->item, b->item);
}

static size_t shared_prefix(struct bytes left, struct bytes right, size_t limit)
{
  if (right.size < limit) limit = right.size;
  size_t shared = 0;
  while (shared < limit && left.data[shared] == right.data[shared]) shared++;
  return shared;
}

static uint64_t head_of(struct bytes key, size_t prefix)
{
  uint8_t head[8] = {0};
  size_t left = key.size - prefix;
  memcpy(head, key.data + prefix, left < sizeof head ? left : sizeof head);
  return __builtin_bswap64(bytes_get_u64(head));
}

/* Sorts the entries of one hash; those of another partition with the same hash do no harm. */
static void sort_partition(struct build *build, struct entry *entries, size_t count)
{
  struct bytes first = entry_key(build, &entries[0]);
  size_t prefix = first.size;
  for (size_t i = 1; i < count; i++)
    prefix = shared_prefix(first, entry_key(build, &entries[i]), prefix);
  for (size_t i = 0; i < count; i++)
    entries[i].head = head_of(entry_key(build, &entries[i]), prefix);
  qsort_r(entries, count, sizeof entries[0], compare_keys, build);
}

static bool insert_all(struct build *build)
{
  struct keyspace *keyspace = build->keyspace;
  for (size_t i = 0; i < build->count; i++) {
    const struct entry *entry = &build->entries[i];
    if (i + AHEAD < build->count) item_prefetch(entry[AHEAD].item);
    if (!keyspace_reserve(keyspace->heap, 1) || !keyspace_prepare(keyspace, entry->hash, 1))
      return false;
    keyspace_insert(keyspace, entry->hash, entry->item);
  }
  return true;
}

static bool build_sorted(struct build *build)
{
  struct entry *entries = build->entries;
  size_t partitions = 0;
  qsort(entries, build->count, sizeof entries[0], compare_hashes);
  for (size_t i = 0, group = 0; i < build->count; i += group, partitions++) {
    for (group = 1; i + group < build->count && entries[i + group].hash == entries[i].hash;)
      group++;
    if (group > 1) sort_partition(build, &entries[i], group);
  }
  return index_presize(&build->keyspace->index, partitions) && insert_all(build);
}

bool keyspace_build(struct keyspace *keyspace, struct memory *memory, uint64_t item_count)
{
  CHECK(keyspace->primary != NULL && keyspace->index.count == 0);
  size_t size = item_count * sizeof(struct entry);
  struct build build = {.keyspace = keyspace, .entries = memory_alloc(memory, size)};
  buffer_init(&build.keys, memory);
  bool built = build.entries != NULL && gather(&build, memory) && build_sorted(&build);
  CHECK_THAT(build.count, <=, item_count);
  buffer_free(&build.keys);
  memory_free(memory, build.entries, size);
  return built;
}
