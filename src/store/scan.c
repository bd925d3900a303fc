#include "base/check.h"
#include "store/engine.h"
#include "store/page.h"

enum {
  SCAN_CHUNK_ITEMS = 256,
  SCAN_AHEAD = 8, /* items fetched into the cache ahead of their use: they lie anywhere */
};

/*
 * The hashes of one of `count` segments, both inclusive: together they are all hashes, each once.
 */
static void segment_range(uint32_t segment, uint32_t count, uint64_t *first, uint64_t *last)
{
  unsigned __int128 all = (unsigned __int128)1 << 64;
  *first = (uint64_t)(all * segment / count);
  *last = (uint64_t)(all * (segment + 1) / count - 1);
}

static bool check_segment(const struct store_query *query, struct error *error)
{
  if (query->segment_count > SCAN_SEGMENTS_MAX)
    return error_set(error, ERROR_INVALID,
                     "1 validation error detected: Value '%u' at 'totalSegments' failed to satisfy "
                     "constraint: Member must have value less than or equal to %d",
                     query->segment_count, SCAN_SEGMENTS_MAX);
  if (query->segment_count > 0 && query->segment >= query->segment_count)
    return error_set(error, ERROR_INVALID,
                     "The Segment parameter is zero-based and must be less than parameter "
                     "TotalSegments: Segment: %u is not less than TotalSegments: %u",
                     query->segment, query->segment_count);
  return true;
}

static bool start_walk(const struct store_query *query, const struct keyspace *keyspace,
                       struct keyspace_walk *walk, struct error *error)
{
  if (!value_present(query->start_key)) return true;
  if (!page_check_start_key(keyspace, query->start_key, error)) return false;
  struct value partition = value_attribute(query->start_key, keyspace->partition.name);
  uint64_t hash = keyspace_hash(keyspace, partition);
  if (hash < walk->hash || hash > walk->last_hash)
    return error_set(error, ERROR_INVALID,
                     "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                     "ExclusiveStartKey with correct Segment. TotalSegments: %u Segment: %u",
                     query->segment_count, query->segment);
  return keyspace_walk_after(walk, keyspace, query->start_key) ||
         error_set(error, ERROR_NO_MEMORY, "No memory for this page; retry later");
}

static bool read_walk(struct keyspace_walk *walk, const struct keyspace *keyspace,
                      struct page_builder *builder)
{
  struct item *items[SCAN_CHUNK_ITEMS];
  bool done = false;
  while (!done) {
    size_t count = 0;
    if (!keyspace_walk_next(walk, keyspace, items, SCAN_CHUNK_ITEMS, &count, &done))
      return error_set(builder->error, ERROR_NO_MEMORY, "No memory for this page; retry later");
    for (size_t i = 0; i < count; i++) {
      if (i + SCAN_AHEAD < count) item_prefetch(items[i + SCAN_AHEAD]);
      if (!page_add(builder, items[i])) return builder->error->code == ERROR_NONE;
    }
  }
  return true;
}

enum store_status store_scan(struct store *store, const struct store_query *query,
                             struct arena *arena, struct store_page *page, struct error *error)
{
  *page = (struct store_page){.sequence = store_appended(store)};
  const struct keyspace *keyspace;
  enum store_status status = page_keyspace(query, &keyspace, error);
  if (status != STORE_OK) return status;
  if (!check_segment(query, error)) return STORE_VALIDATION;
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;
  if (query->segment_count > 0) segment_range(query->segment, query->segment_count, &first, &last);

  struct keyspace_walk walk;
  keyspace_walk_init(&walk, arena->memory, first, last);
  struct page_builder builder;
  page_builder_init(&builder, query, keyspace, arena, page, error);
  bool read = start_walk(query, keyspace, &walk, error) && read_walk(&walk, keyspace, &builder);
  keyspace_walk_free(&walk);
  return page_finish(&builder, read);
}
