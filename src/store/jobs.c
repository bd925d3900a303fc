#include "base/check.h"
#include "store/engine.h"

enum {
  SLICE_ITEMS = 256,   /* items a slice of sweep, fill or drop looks at: about 50 us */
  EXPIRE_TOKENS = 256, /* tokens forgotten a slice */
};

static const int64_t SWEEP_EVERY_NS = 60 * (int64_t)1000000000; /* a whole pass over a table */

/* An expiry more than five years back is taken for a mistake, as in DynamoDB. */
static const int64_t TTL_OLDEST_S = 5 * (int64_t)365 * 86400;

/* ---- time to live ---- */

static bool is_over(const struct table *table, const struct item *item, int64_t now_s)
{
  struct value value = value_attribute(item_value(item), table_ttl(table));
  int64_t expires_s;
  if (value_type(value) != VALUE_NUMBER || !value_integer(value, &expires_s)) return false;
  return expires_s <= now_s && expires_s > now_s - TTL_OLDEST_S;
}

static bool delete_expired(struct store *store, struct table *table, struct item *item)
{
  struct commit_item removal = {
      .table = table,
      .hash = table_hash(table, table_key(table, item_value(item))),
      .old_item = item,
      .flags = PART_BY_TTL,
  };
  struct commit commit = {.items = &removal, .count = 1};
  uint64_t sequence;
  struct error error;
  if (commit_run(store, &commit, &sequence, &error) != STORE_OK) return false;
  store->statistics.ttl_deleted++;
  return true;
}

static void restart_walk(struct keyspace_walk *walk, struct memory *memory)
{
  keyspace_walk_free(walk);
  keyspace_walk_init(walk, memory, 0, UINT64_MAX);
}

/* A slice of one table's sweep; what could not be deleted now is met again in the next pass. */
static bool sweep_table(struct store *store, struct table *table)
{
  struct item *items[SLICE_ITEMS];
  size_t count = 0;
  bool done = false;
  int64_t now_ns = world_monotonic_ns(store->world);
  if (table->ttl_name_size == 0 || table->state != TABLE_ACTIVE) return false;
  if (now_ns < table->sweep_again_ns) return false;
  if (!keyspace_walk_next(&table->sweep, &table->primary, items, SLICE_ITEMS, &count, &done))
    return false;
  int64_t now_s = store_now_ms(store) / 1000;
  bool deleted = true;
  for (size_t i = 0; i < count && deleted; i++) {
    if (is_over(table, items[i], now_s)) deleted = delete_expired(store, table, items[i]);
  }
  if (!done) return deleted;
  restart_walk(&table->sweep, store->memory);
  table->sweep_again_ns = now_ns + SWEEP_EVERY_NS;
  return false;
}

/* ---- filling a new index ---- */

static bool fill_slice(struct store *store, struct table *table, struct table_index *index)
{
  struct item *items[SLICE_ITEMS];
  size_t count = 0;
  bool done = false;
  if (!keyspace_walk_next(&index->fill, &table->primary, items, SLICE_ITEMS, &count, &done))
    return false;
  for (size_t i = 0; i < count; i++) {
    if (table_fill_index(table, index, items[i])) continue;
    /* No memory: another pass finds what this one left out. */
    restart_walk(&index->fill, store->memory);
    return false;
  }
  if (!done) return true;
  struct error error;
  index->active = true;
  if (tables_log(store, table, &error) == STORE_OK) return true; /* another one may wait */
  index->active = false;
  restart_walk(&index->fill, store->memory);
  return false;
}

static bool fill_indexes(struct store *store, struct table *table)
{
  for (uint32_t i = 0; i < table->index_count; i++) {
    if (!table->indexes[i]->active) return fill_slice(store, table, table->indexes[i]);
  }
  return false;
}

/* ---- freeing what was dropped ---- */

static void release_item(void *context, struct item *item)
{
  table_free_item(context, item);
}

/* Indexes first: they point to the items. */
static bool drain_table(struct table *table, size_t *budget)
{
  while (table->index_count > 0) {
    struct table_index *index = table->indexes[table->index_count - 1];
    if (!keyspace_drain(&index->keyspace, &index->drain_from, NULL, NULL, budget)) return false;
    table_index_free(table_take_index(table, table->index_count - 1), table->memory);
  }
  return keyspace_drain(&table->primary, &table->drain_from, release_item, table, budget);
}

static bool drop_slice(struct store *store, size_t budget)
{
  while (store->dropped_indexes != NULL) {
    struct table_index *index = store->dropped_indexes;
    if (!keyspace_drain(&index->keyspace, &index->drain_from, NULL, NULL, &budget)) return true;
    store->dropped_indexes = index->next;
    table_index_free(index, store->memory);
  }
  while (store->dropped != NULL) {
    struct table *table = store->dropped;
    if (!drain_table(table, &budget)) return true;
    store->dropped = table->next_dropped;
    table_free(table);
  }
  return false;
}

void jobs_drop_all(struct store *store)
{
  while (drop_slice(store, SIZE_MAX)) {
  }
}

bool store_tick(struct store *store)
{
  log_flush(store->log);
  tokens_expire(&store->tokens, store_now_ms(store), EXPIRE_TOKENS);
  bool more = checkpoint_tick(store);
  more |= restore_tick(store);
  for (uint32_t i = 0; i < store->table_count; i++) {
    more |= sweep_table(store, store->tables[i]);
    more |= fill_indexes(store, store->tables[i]);
  }
  more |= drop_slice(store, SLICE_ITEMS);
  return more;
}
