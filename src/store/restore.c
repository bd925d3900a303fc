#include "store/restore.h"

#include "base/check.h"
#include "store/engine.h"

enum { SLICE_RECORDS = 64 }; /* records of one slice: mostly page-cache reads, about 20 us */

void store_restore_window(const struct store *store, int64_t *earliest_ms, int64_t *latest_ms)
{
  int64_t now_ms = store_now_ms(store);
  int64_t window_ms = now_ms - store->options.history_ms;
  int64_t from_files_ms = store->checkpoint.earliest_ms;
  *earliest_ms = from_files_ms > window_ms ? from_files_ms : window_ms;
  /* The present millisecond may still get changes. */
  *latest_ms = now_ms - 1;
}

bool store_restore_busy(const struct store *store)
{
  return store->restore.phase != RESTORE_IDLE;
}

/*
 * The newest undamaged snapshot below `limit` that ended at or before the moment; NULL: the log
 * from its start.
 */
static struct snapshot_reader *open_snapshot(struct store *store, int64_t at_ms, uint64_t limit,
                                             struct error *error)
{
  struct store_file_list list = {0};
  struct snapshot_options options = checkpoint_options(store);
  struct snapshot_reader *reader = NULL;
  error->code = ERROR_NONE;
  if (!snapshot_list(&list, store->world, options.directory, error)) return NULL;
  for (size_t i = list.count; i > 0 && reader == NULL; i--) {
    if (list.sequences[i - 1] >= limit) continue;
    reader = snapshot_reader_open(store->world, &options, list.sequences[i - 1], error);
    if (reader == NULL && error->code != ERROR_CORRUPT) break;
    if (reader == NULL || snapshot_reader_info(reader)->end_ms <= at_ms) continue;
    snapshot_reader_close(reader);
    reader = NULL;
  }
  store_file_list_free(&list);
  if (error->code == ERROR_CORRUPT) error->code = ERROR_NONE; /* an older one, or the log, serves */
  return reader;
}

static void drop_shadow(struct store *store)
{
  struct table *shadow = store->restore.shadow;
  shadow->next_dropped = store->dropped;
  store->dropped = shadow;
}

void restore_free(struct store *store)
{
  struct restore *restore = &store->restore;
  if (restore->phase == RESTORE_IDLE) return;
  snapshot_reader_close(restore->snapshot);
  log_reader_close(restore->log);
  keyspace_walk_free(&restore->walk);
  drop_shadow(store);
  *restore = (struct restore){.phase = RESTORE_IDLE};
}

static void fail(struct store *store, const char *message)
{
  struct table *target = store->restore.target;
  struct error error;
  store_report(store, "restore of table '%.*s' given up: %s", BYTES_FORMAT(target->name), message);
  restore_free(store);
  /*
   * Should even the deletion find no room, the table stays CREATING until the next start drops it.
   */
  if (tables_delete(store, target, &error) != STORE_OK)
    store_report(store, "the half-restored table stays until the next start: %s", error.message);
}

static enum store_status check_moment(const struct store *store, const struct table *source,
                                      int64_t at_ms, struct error *error)
{
  int64_t earliest_ms;
  int64_t latest_ms;
  if (store->restore.phase != RESTORE_IDLE) {
    error_set(error, ERROR_LIMIT, "another restore is under way: wait until it is done");
    return STORE_LIMIT;
  }
  store_restore_window(store, &earliest_ms, &latest_ms);
  if (at_ms >= earliest_ms && at_ms <= latest_ms) {
    if (at_ms >= source->created_ms) return STORE_OK;
    error_set(error, ERROR_NOT_FOUND, "Table %.*s did not exist at that time, it was made at %lld",
              BYTES_FORMAT(source->name), (long long)source->created_ms);
    return STORE_NOT_FOUND;
  }
  error_set(error, ERROR_INVALID,
            "The time to restore to, %lld, is outside the restorable window: from %lld to %lld "
            "(milliseconds since 1970)",
            (long long)at_ms, (long long)earliest_ms, (long long)latest_ms);
  return STORE_VALIDATION;
}

static struct table *make_shadow(struct store *store, uint32_t id,
                                 struct table_definition definition)
{
  struct table_origin origin = tables_origin(store);
  /* The snapshot's items come in the order of the source's hashes: not to be the shadow's too. */
  origin.hash_seed = ~origin.hash_seed;
  definition.index_count = 0;
  return table_make(&origin, id, &definition);
}

static uint64_t log_start(const struct snapshot_reader *snapshot)
{
  return snapshot == NULL ? 1 : snapshot_reader_info(snapshot)->sequence + 1;
}

enum store_status store_table_restore(struct store *store, const struct table *source,
                                      int64_t at_ms, struct bytes name, struct table **table,
                                      struct error *error)
{
  enum store_status status = check_moment(store, source, at_ms, error);
  if (status != STORE_OK) return status;
  struct restore *restore = &store->restore;
  struct table_description description;
  store_table_describe(source, &description);
  struct table_definition definition = description.definition;
  definition.name = name;
  definition.ttl_attribute = (struct bytes){NULL, 0};
  definition.stream = STREAM_OFF;
  definition.deletion_protection = false;

  struct table *shadow = make_shadow(store, source->id, definition);
  if (shadow == NULL) return store_no_memory(error);
  struct snapshot_reader *snapshot = open_snapshot(store, at_ms, UINT64_MAX, error);
  status = STORE_UNAVAILABLE;
  if (snapshot != NULL || error->code == ERROR_NONE)
    status = tables_create(store, &definition, true, table, error);
  if (status != STORE_OK) {
    snapshot_reader_close(snapshot);
    table_free(shadow);
    return status;
  }
  *restore = (struct restore){
      .phase = snapshot == NULL ? RESTORE_LOG : RESTORE_SNAPSHOT,
      .source_id = source->id,
      .at_ms = at_ms,
      .from_sequence = log_start(snapshot),
      .stop_sequence = log_appended(store->log),
      .target = *table,
      .shadow = shadow,
      .snapshot = snapshot,
  };
  keyspace_walk_init(&restore->walk, store->memory, 0, UINT64_MAX);
  return STORE_OK;
}

/* ---- slices: false with *error when the restore must be given up ---- */

static bool is_source(const struct restore *restore, struct value encoded)
{
  int64_t id;
  struct value value = value_attribute(encoded, BYTES("id"));
  return value_type(value) == VALUE_NUMBER && value_integer(value, &id) && id == restore->source_id;
}

/* The snapshot turned out to be damaged: anew from an older one, or from the log alone. */
static bool read_older(struct store *store, struct error *error)
{
  struct restore *restore = &store->restore;
  const struct keyspace *primary = &restore->shadow->primary;
  struct table_definition definition = {
      .name = restore->shadow->name, .partition = primary->partition, .sort = primary->sort};
  uint64_t limit = restore->from_sequence - 1;
  store_report(store, "%s; restoring from an older snapshot and more of the log", error->message);
  struct table *shadow = make_shadow(store, restore->source_id, definition);
  if (shadow == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory");
  drop_shadow(store);
  restore->shadow = shadow;
  snapshot_reader_close(restore->snapshot);
  restore->snapshot = open_snapshot(store, restore->at_ms, limit, error);
  if (restore->snapshot == NULL && error->code != ERROR_NONE) return false;
  restore->from_sequence = log_start(restore->snapshot);
  restore->source_seen = false;
  if (restore->snapshot == NULL) restore->phase = RESTORE_LOG;
  return true;
}

static bool read_snapshot(struct store *store, struct error *error)
{
  struct restore *restore = &store->restore;
  struct snapshot_record record;
  for (int i = 0; i < SLICE_RECORDS; i++) {
    int status = snapshot_reader_next(restore->snapshot, &record, error);
    if (status < 0) return error->code == ERROR_CORRUPT && read_older(store, error);
    if (status == 0) {
      snapshot_reader_close(restore->snapshot);
      restore->snapshot = NULL;
      restore->phase = RESTORE_LOG;
      return true;
    }
    struct value payload = {record.payload.data, record.payload.size};
    if (record.type == CHECKPOINT_TABLE && is_source(restore, payload)) restore->source_seen = true;
    if (record.type != CHECKPOINT_ITEM || payload.size < sizeof(uint32_t) ||
        bytes_get_u32(payload.data) != restore->source_id)
      continue;
    struct value image = {payload.data + sizeof(uint32_t), payload.size - sizeof(uint32_t)};
    if (!apply_put(restore->shadow, image, error)) return false;
  }
  return true;
}

static bool replay_transaction(struct restore *restore, struct bytes payload, struct error *error)
{
  struct part part;
  bool malformed = false;
  while (part_read(&payload, &part, &malformed)) {
    if (part.kind == PART_TOKEN || part.table_id != restore->source_id) continue;
    if (part.kind == PART_PUT && !apply_put(restore->shadow, part_image(&part), error))
      return false;
    if (part.kind == PART_DELETE && !apply_delete(restore->shadow, part_image(&part), error))
      return false;
  }
  return !malformed || error_set(error, ERROR_CORRUPT, "a transaction's record is malformed");
}

static bool replay_record(struct restore *restore, const struct log_record *record,
                          struct error *error)
{
  if (record->type == RECORD_TABLE &&
      is_source(restore, (struct value){record->payload.data, record->payload.size}))
    restore->source_seen = true;
  if (record->type != RECORD_TRANSACTION) return true;
  return replay_transaction(restore, record->payload, error);
}

static bool end_log(struct restore *restore, struct error *error)
{
  log_reader_close(restore->log);
  restore->log = NULL;
  restore->phase = RESTORE_COPY;
  return restore->source_seen ||
         error_set(error, ERROR_NOT_FOUND, "the source table did not exist at that time");
}

static bool read_log(struct store *store, bool *more, struct error *error)
{
  struct restore *restore = &store->restore;
  struct log_options options = store_log_options(store);
  struct log_record record;
  if (restore->log == NULL) {
    restore->log = log_reader_open(store->world, &options, restore->from_sequence, LOG_TAIL_KEEP,
                                   error);
    if (restore->log == NULL) return false;
  }
  for (int i = 0; i < SLICE_RECORDS; i++) {
    int status = log_reader_next(restore->log, &record, error);
    if (status < 0) return false;
    if (status == 0) {
      *more = false; /* the rest is on its way to the disk */
      return true;
    }
    if (record.time_ms > restore->at_ms || record.sequence > restore->stop_sequence)
      return end_log(restore, error);
    if (!replay_record(restore, &record, error)) return false;
    if (record.sequence == restore->stop_sequence) return end_log(restore, error);
  }
  return true;
}

/* Copies what fits into one record of the waiting chunk; STORE_UNAVAILABLE: again next slice. */
static enum store_status copy_chunk(struct store *store, struct error *error)
{
  struct restore *restore = &store->restore;
  struct commit_item items[RESTORE_CHUNK_ITEMS];
  size_t count = 0;
  size_t bytes = 0;
  for (; count < restore->chunk_count; count++) {
    struct value image = item_value(restore->chunk[count]);
    bytes += image.size;
    if (count > 0 && bytes > RESTORE_CHUNK_BYTES) break;
    struct item_key key = table_key(restore->target, image);
    items[count] = (struct commit_item){
        .table = restore->target,
        .hash = table_hash(restore->target, key),
        .image = image,
        .key = key,
    };
  }
  struct commit commit = {.items = items, .count = count};
  uint64_t sequence;
  enum store_status status = commit_run(store, &commit, &sequence, error);
  if (status != STORE_OK) return status;
  restore->chunk_count -= count;
  memmove(restore->chunk, restore->chunk + count, restore->chunk_count * sizeof restore->chunk[0]);
  return STORE_OK;
}

static bool copy_items(struct store *store, bool *more, struct error *error)
{
  struct restore *restore = &store->restore;
  if (restore->chunk_count == 0 && !restore->walked &&
      !keyspace_walk_next(&restore->walk, &restore->shadow->primary, restore->chunk,
                          RESTORE_CHUNK_ITEMS, &restore->chunk_count, &restore->walked))
    return error_set(error, ERROR_NO_MEMORY, "no memory");
  enum store_status status = copy_chunk(store, error);
  *more = status == STORE_OK;
  if (status != STORE_OK || !restore->walked || restore->chunk_count > 0) return true;
  struct table *target = restore->target;
  target->state = TABLE_ACTIVE;
  target->restoring = false;
  if (tables_log(store, target, error) != STORE_OK) {
    target->state = TABLE_CREATING;
    target->restoring = true;
    *more = false;
    return true;
  }
  restore_free(store);
  *more = false;
  return true;
}

bool restore_tick(struct store *store)
{
  struct error error = {0};
  bool more = true;
  bool going = true;
  switch (store->restore.phase) {
  case RESTORE_IDLE:
    return false;
  case RESTORE_SNAPSHOT:
    going = read_snapshot(store, &error);
    break;
  case RESTORE_LOG:
    going = read_log(store, &more, &error);
    break;
  case RESTORE_COPY:
    going = copy_items(store, &more, &error);
    break;
  }
  if (!going) fail(store, error.message);
  return going && more;
}
