#include "base/check.h"
#include "store/engine.h"

static bool no_memory(struct error *error)
{
  return error_set(error, ERROR_NO_MEMORY, "no memory to load the store");
}

/* A change during recovery: the same two halves as a commit, one item at a time. */
static bool change(const struct table_change *change, struct error *error)
{
  if (!table_prepare(change, 1) || !keyspace_reserve(change->table->heap, table_inserts(change))) {
    if (change->new_item != NULL) table_free_item(change->table, change->new_item);
    return no_memory(error);
  }
  table_apply(change);
  return true;
}

bool apply_put(struct table *table, struct value image, struct error *error)
{
  const struct keyspace *primary = &table->primary;
  struct item_key key = table_key(table, image);
  if (value_type(key.partition) != primary->partition.type ||
      (primary->sort.name.size > 0 && value_type(key.sort) != primary->sort.type))
    return error_set(error, ERROR_CORRUPT, "an item of table '%.*s' lacks its key",
                     BYTES_FORMAT(table->name));
  struct table_change put = {.table = table, .hash = table_hash(table, key)};
  put.old_item = table_find(table, put.hash, key);
  put.new_item = table_make_item(table, image, key);
  return put.new_item == NULL ? no_memory(error) : change(&put, error);
}

bool apply_delete(struct table *table, struct value map, struct error *error)
{
  struct item_key key = table_key(table, map);
  struct table_change removal = {.table = table, .hash = table_hash(table, key)};
  removal.old_item = table_find(table, removal.hash, key);
  return removal.old_item == NULL || change(&removal, error);
}

bool apply_token(struct store *store, struct bytes text, uint64_t request_hash, int64_t time_ms,
                 struct error *error)
{
  if (text.size == 0 || text.size > TRANSACTION_TOKEN_MAX)
    return error_set(error, ERROR_CORRUPT, "a client request token has %zu characters", text.size);
  /* A fuzzy snapshot may hold tokens that the log brings again. */
  const struct token *known = tokens_find(&store->tokens, text, time_ms);
  if (known != NULL && known->time_ms == time_ms) return true;
  struct token *token = tokens_prepare(&store->tokens, (struct store_token){text, request_hash});
  if (token == NULL) return no_memory(error);
  tokens_add(&store->tokens, token, time_ms);
  return true;
}

/* Makes the table's indexes those of `wanted`; the end of recovery fills them. */
static bool change_indexes(struct store *store, struct table *table, const struct table *wanted,
                           struct error *error)
{
  for (uint32_t i = table->index_count; i > 0; i--) {
    if (table_find_index(wanted, table->indexes[i - 1]->definition.name) < 0)
      tables_drop_index(store, table, i - 1);
  }
  for (uint32_t i = 0; i < wanted->index_count; i++) {
    const struct table_index *index = wanted->indexes[i];
    int position = table_find_index(table, index->definition.name);
    if (position < 0) {
      if (!table_add_index(table, &index->definition, false)) return no_memory(error);
      position = (int)table->index_count - 1;
    }
    table->indexes[position]->active = index->active;
  }
  return true;
}

bool apply_table(struct store *store, struct value encoded, struct error *error)
{
  struct table_origin origin = tables_origin(store);
  struct table *wanted = table_decode(&origin, encoded, error);
  if (wanted == NULL) return false;
  struct table *table = tables_by_id(store, wanted->id);
  if (table == NULL) {
    struct table *namesake = store_table(store, wanted->name);
    /* A fuzzy snapshot may still hold a table that the log deletes before it makes this one. */
    if (namesake != NULL) tables_drop(store, namesake);
    if (store->table_count == TABLES_MAX) {
      table_free(wanted);
      return error_set(error, ERROR_CORRUPT, "more than %d tables", TABLES_MAX);
    }
    /* Items of a snapshot come in the order of their hashes. */
    index_expect_order(&wanted->primary.index, true);
    wanted->recovering = true;
    tables_insert(store, wanted);
    return true;
  }
  table->state = wanted->state;
  table->restoring = wanted->restoring;
  table->created_ms = wanted->created_ms;
  table->stream_since = wanted->stream_since;
  table_set(table, &(struct table_settings){table_ttl(wanted), wanted->stream,
                                            wanted->deletion_protection});
  bool changed = change_indexes(store, table, wanted, error);
  table_free(wanted);
  return changed;
}

static bool apply_part(struct store *store, const struct part *part, int64_t time_ms,
                       struct error *error)
{
  if (part->kind == PART_TOKEN) {
    if (part->old.size != sizeof(uint64_t))
      return error_set(error, ERROR_CORRUPT, "a client request token without its hash");
    return apply_token(store, part->image, bytes_get_u64(part->old.data), time_ms, error);
  }
  struct table *table = tables_by_id(store, part->table_id);
  /* Its deletion follows in the log, or the snapshot was begun after it. */
  if (table == NULL) return true;
  if (part->kind == PART_PUT) return apply_put(table, part_image(part), error);
  return apply_delete(table, part_image(part), error);
}

static bool apply_transaction(struct store *store, const struct log_record *record,
                              struct error *error)
{
  struct bytes payload = record->payload;
  struct part part;
  bool malformed = false;
  while (part_read(&payload, &part, &malformed)) {
    if (!apply_part(store, &part, record->time_ms, error)) return false;
  }
  if (!malformed) return true;
  return error_set(error, ERROR_CORRUPT, "a transaction's record is malformed");
}

bool apply_record(struct store *store, const struct log_record *record, struct error *error)
{
  store->last_time_ms = record->time_ms;
  switch (record->type) {
  case RECORD_TRANSACTION:
    return apply_transaction(store, record, error);
  case RECORD_TABLE:
    return apply_table(store, (struct value){record->payload.data, record->payload.size}, error);
  case RECORD_TABLE_DELETE: {
    if (record->payload.size != 4)
      return error_set(error, ERROR_CORRUPT, "a table deletion's record is malformed");
    struct table *table = tables_by_id(store, bytes_get_u32(record->payload.data));
    if (table != NULL) tables_drop(store, table);
    return true;
  }
  default:
    return error_set(error, ERROR_UNSUPPORTED,
                     "log record %llu has type %u, which this build does not know: use a newer one",
                     (unsigned long long)record->sequence, record->type);
  }
}
