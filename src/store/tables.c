#include "base/check.h"
#include "store/engine.h"

struct table_origin tables_origin(struct store *store)
{
  return (struct table_origin){store->memory, &store->heap, identity_hash_seed(&store->identity)};
}

/* The first place in tables[] whose name is not below `name`. */
static uint32_t find_place(const struct store *store, struct bytes name)
{
  uint32_t low = 0;
  uint32_t high = store->table_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (bytes_compare(store->tables[middle]->name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct table *store_table(const struct store *store, struct bytes name)
{
  uint32_t place = find_place(store, name);
  if (place == store->table_count || !bytes_equal(store->tables[place]->name, name)) return NULL;
  return store->tables[place];
}

struct table *store_table_next(const struct store *store, struct bytes after)
{
  uint32_t place = find_place(store, after);
  if (place < store->table_count && bytes_equal(store->tables[place]->name, after)) place++;
  return place < store->table_count ? store->tables[place] : NULL;
}

struct table *tables_by_id(struct store *store, uint32_t id)
{
  if (store->by_id_cache != NULL && store->by_id_cache->id == id) return store->by_id_cache;
  for (uint32_t i = 0; i < store->table_count; i++) {
    if (store->tables[i]->id == id) return store->by_id_cache = store->tables[i];
  }
  return NULL;
}

void tables_insert(struct store *store, struct table *table)
{
  CHECK_THAT(store->table_count, <, TABLES_MAX);
  uint32_t place = find_place(store, table->name);
  memmove(store->tables + place + 1, store->tables + place,
          (store->table_count - place) * sizeof store->tables[0]);
  store->tables[place] = table;
  store->table_count++;
  if (table->id >= store->next_table_id) store->next_table_id = table->id + 1;
}

void tables_drop(struct store *store, struct table *table)
{
  uint32_t place = find_place(store, table->name);
  CHECK(place < store->table_count && store->tables[place] == table);
  store->table_count--;
  memmove(store->tables + place, store->tables + place + 1,
          (store->table_count - place) * sizeof store->tables[0]);
  if (store->by_id_cache == table) store->by_id_cache = NULL;
  table->next_dropped = store->dropped;
  store->dropped = table;
}

enum store_status tables_log(struct store *store, const struct table *table, struct error *error)
{
  struct buffer buffer;
  struct value encoded;
  uint64_t sequence;
  buffer_init(&buffer, store->memory);
  enum store_status status;
  if (!table_encode(table, &buffer, &encoded))
    status = store_no_memory(error);
  else
    status = commit_record(store, RECORD_TABLE, bytes_of(encoded.data, encoded.size), &sequence,
                           error);
  buffer_free(&buffer);
  return status;
}

static enum store_status check_new_table(const struct store *store,
                                         const struct table_definition *definition,
                                         struct error *error)
{
  if (!table_check_definition(definition, error)) return STORE_VALIDATION;
  if (store_table(store, definition->name) != NULL) {
    error_set(error, ERROR_EXISTS, "Table already exists: %.*s", BYTES_FORMAT(definition->name));
    return STORE_IN_USE;
  }
  if (store->table_count == TABLES_MAX) {
    error_set(error, ERROR_LIMIT, "There are %d tables already, the most a store can have",
              TABLES_MAX);
    return STORE_LIMIT;
  }
  return STORE_OK;
}

enum store_status tables_create(struct store *store, const struct table_definition *definition,
                                bool restoring, struct table **made, struct error *error)
{
  enum store_status status = check_new_table(store, definition, error);
  if (status != STORE_OK) return status;
  struct table_origin origin = tables_origin(store);
  struct table *table = table_make(&origin, store->next_table_id, definition);
  if (table == NULL) return store_no_memory(error);
  table->created_ms = store_now_ms(store);
  table->stream_since = log_appended(store->log) + 1;
  table->restoring = restoring;
  if (restoring) table->state = TABLE_CREATING;
  status = tables_log(store, table, error);
  if (status != STORE_OK) {
    table_free(table);
    return status;
  }
  tables_insert(store, table);
  *made = table;
  return STORE_OK;
}

enum store_status store_table_create(struct store *store, const struct table_definition *definition,
                                     struct table **table, struct error *error)
{
  return tables_create(store, definition, false, table, error);
}

enum store_status tables_delete(struct store *store, struct table *table, struct error *error)
{
  uint8_t id[4];
  uint64_t sequence;
  bytes_put_u32(id, table->id);
  enum store_status status = commit_record(store, RECORD_TABLE_DELETE, bytes_of(id, sizeof id),
                                           &sequence, error);
  if (status == STORE_OK) tables_drop(store, table);
  return status;
}

static enum store_status check_not_busy(const struct table *table, struct error *error)
{
  if (table->state == TABLE_ACTIVE) return STORE_OK;
  error_set(error, ERROR_INVALID,
            "Attempt to change a resource which is still in use: Table is being created: %.*s",
            BYTES_FORMAT(table->name));
  return STORE_IN_USE;
}

enum store_status store_table_delete(struct store *store, struct table *table, struct error *error)
{
  enum store_status status = check_not_busy(table, error);
  if (status != STORE_OK) return status;
  if (table->deletion_protection) {
    error_set(error, ERROR_INVALID,
              "Resource cannot be deleted as it is currently protected against deletion. Disable "
              "deletion protection first.");
    return STORE_VALIDATION;
  }
  return tables_delete(store, table, error);
}

static struct table_definition definition_of(const struct table *table)
{
  return (struct table_definition){
      .name = table->name,
      .partition = table->primary.partition,
      .sort = table->primary.sort,
      .indexes = table->index_definitions,
      .index_count = table->index_count,
      .ttl_attribute = table_ttl(table),
      .stream = table->stream,
      .deletion_protection = table->deletion_protection,
  };
}

void store_table_describe(const struct table *table, struct table_description *description)
{
  *description = (struct table_description){
      .definition = definition_of(table),
      .id = table->id,
      .state = table->state,
      .created_ms = table->created_ms,
      .item_count = table->item_count,
      .stream_since = table->stream_since,
  };
  for (uint32_t i = 0; i < table->index_count; i++)
    description->index_active[i] = table->indexes[i]->active;
}

void tables_drop_index(struct store *store, struct table *table, uint32_t position)
{
  struct table_index *index = table_take_index(table, position);
  index->drain_from = 0;
  index->next = store->dropped_indexes;
  store->dropped_indexes = index;
}

enum store_status store_index_create(struct store *store, struct table *table,
                                     const struct table_index_definition *definition,
                                     struct error *error)
{
  enum store_status status = check_not_busy(table, error);
  if (status != STORE_OK) return status;
  struct table_definition now = definition_of(table);
  if (!table_check_index(&now, definition, error)) return STORE_VALIDATION;
  if (table->index_count == TABLE_INDEXES_MAX) {
    error_set(error, ERROR_LIMIT, "Table %.*s has %d indexes already, the most a table can have",
              BYTES_FORMAT(table->name), TABLE_INDEXES_MAX);
    return STORE_LIMIT;
  }
  if (!table_add_index(table, definition, table->item_count == 0)) return store_no_memory(error);
  status = tables_log(store, table, error);
  if (status == STORE_OK) return STORE_OK;
  uint32_t newest = table->index_count - 1;
  table_index_free(table_take_index(table, newest), table->memory);
  return status;
}

enum store_status store_index_delete(struct store *store, struct table *table, struct bytes name,
                                     struct error *error)
{
  enum store_status status = check_not_busy(table, error);
  if (status != STORE_OK) return status;
  int found = table_find_index(table, name);
  if (found < 0) {
    error_set(error, ERROR_NOT_FOUND, "The table does not have the specified index: %.*s",
              BYTES_FORMAT(name));
    return STORE_NOT_FOUND;
  }
  uint32_t position = (uint32_t)found;
  struct table_index *index = table_take_index(table, position);
  status = tables_log(store, table, error);
  table_put_index(table, index, position);
  if (status == STORE_OK) tables_drop_index(store, table, position);
  return status;
}

enum store_status store_table_update(struct store *store, struct table *table,
                                     const struct table_settings *settings, struct error *error)
{
  enum store_status status = check_not_busy(table, error);
  if (status != STORE_OK) return status;
  if (!table_check_ttl(settings->ttl_attribute, error)) return STORE_VALIDATION;
  uint8_t ttl_name[ATTRIBUTE_KEY_NAME_MAX];
  struct bytes ttl = table_ttl(table);
  memcpy(ttl_name, ttl.data, ttl.size);
  const struct table_settings before = {bytes_of(ttl_name, ttl.size), table->stream,
                                        table->deletion_protection};
  uint64_t since = table->stream_since;
  if (settings->stream != table->stream) table->stream_since = log_appended(store->log) + 1;
  table_set(table, settings);
  status = tables_log(store, table, error);
  if (status == STORE_OK) return STORE_OK;
  table_set(table, &before);
  table->stream_since = since;
  return status;
}
