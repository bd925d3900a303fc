#include "base/check.h"
#include "store/engine.h"

#include <inttypes.h>

/* ---- loading ---- */

static bool load_item(struct store *store, struct bytes payload, struct error *error)
{
  if (payload.size < sizeof(uint32_t))
    return error_set(error, ERROR_CORRUPT, "an item of the snapshot is malformed");
  struct table *table = tables_by_id(store, bytes_get_u32(payload.data));
  if (table == NULL)
    return error_set(error, ERROR_CORRUPT, "an item of the snapshot belongs to no table");
  struct value image = {payload.data + sizeof(uint32_t), payload.size - sizeof(uint32_t)};
  store->statistics.snapshot_items++;
  return apply_put(table, image, error);
}

static bool load_record(struct store *store, const struct snapshot_record *record,
                        struct error *error)
{
  struct bytes payload = record->payload;
  switch (record->type) {
  case CHECKPOINT_HEAD:
    if (payload.size != 12) break;
    store->next_table_id = bytes_get_u32(payload.data);
    store->last_time_ms = (int64_t)bytes_get_u64(payload.data + 4);
    return true;
  case CHECKPOINT_TABLE:
    return apply_table(store, (struct value){payload.data, payload.size}, error);
  case CHECKPOINT_ITEM:
    return load_item(store, payload, error);
  case CHECKPOINT_TOKEN:
    if (payload.size <= 16) break;
    return apply_token(store, bytes_of(payload.data + 16, payload.size - 16),
                       bytes_get_u64(payload.data + 8), (int64_t)bytes_get_u64(payload.data),
                       error);
  default:
    return error_set(error, ERROR_UNSUPPORTED,
                     "the snapshot has a record of type %u, which this build does not know: use a "
                     "newer one",
                     record->type);
  }
  return error_set(error, ERROR_CORRUPT, "a record of the snapshot is malformed");
}

static bool load_file(struct store *store, uint64_t sequence, uint64_t *needed, struct error *error)
{
  struct snapshot_options options = checkpoint_options(store);
  struct snapshot_reader *reader = snapshot_reader_open(store->world, &options, sequence, error);
  if (reader == NULL) return false;
  *needed = snapshot_reader_info(reader)->end_sequence;
  store->checkpoint.snapshot_bytes = snapshot_reader_info(reader)->bytes;
  struct snapshot_record record;
  int status = 1;
  while (status == 1) {
    status = snapshot_reader_next(reader, &record, error);
    if (status == 1 && !load_record(store, &record, error)) status = -1;
  }
  snapshot_reader_close(reader);
  return status == 0;
}

/* Empties what a damaged snapshot left, all at once: nothing runs yet. */
static void unload(struct store *store)
{
  while (store->table_count > 0) tables_drop(store, store->tables[store->table_count - 1]);
  jobs_drop_all(store);
  tokens_clear(&store->tokens);
  store->checkpoint.snapshot_bytes = 0;
  store->next_table_id = 1;
  store->last_time_ms = 0;
  store->statistics.snapshot_items = 0;
}

bool checkpoint_load(struct store *store, uint64_t *sequence, uint64_t *needed, struct error *error)
{
  struct store_file_list list = {0};
  *sequence = 0;
  *needed = 0;
  /* An unfinished one may be the work of another process. */
  if (!store->options.read_only &&
      !snapshot_remove_unfinished(store->world, store->options.directory, error))
    return false;
  if (!snapshot_list(&list, store->world, store->options.directory, error)) return false;
  bool loaded = list.count == 0;
  for (size_t i = list.count; i > 0 && !loaded; i--) {
    *sequence = list.sequences[i - 1];
    loaded = load_file(store, *sequence, needed, error);
    if (loaded || error->code != ERROR_CORRUPT) break;
    store_report(store, "%s; trying an older snapshot and more of the log", error->message);
    unload(store);
    *sequence = *needed = 0;
  }
  /* With every snapshot damaged, the log alone may still hold everything: replay finds out. */
  if (!loaded && error->code == ERROR_CORRUPT) loaded = true;
  if (list.count > 0 && *needed < list.sequences[list.count - 1])
    *needed = list.sequences[list.count - 1];
  store_file_list_free(&list);
  return loaded;
}

/* ---- how far back, and what may go ---- */

/* When one snapshot ended; INT64_MAX when it is damaged. False when it cannot be read now. */
static bool snapshot_end(struct store *store, uint64_t sequence, int64_t *end_ms,
                         struct error *error)
{
  struct snapshot_options options = checkpoint_options(store);
  struct snapshot_reader *reader = snapshot_reader_open(store->world, &options, sequence, error);
  *end_ms = INT64_MAX;
  if (reader == NULL) return error->code == ERROR_CORRUPT;
  *end_ms = snapshot_reader_info(reader)->end_ms;
  snapshot_reader_close(reader);
  return true;
}

/* The first sequence the log still has. */
static bool log_begin(struct store *store, uint64_t *first, struct error *error)
{
  struct store_file_list list = {0};
  bool read = store_file_list_read(&list, store->world, &log_segment_kind, store->options.directory,
                                   error);
  if (read) *first = list.count == 0 ? 1 : list.sequences[0];
  store_file_list_free(&list);
  return read;
}

bool checkpoint_survey(struct store *store, struct error *error)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  uint64_t first;
  if (!log_begin(store, &first, error)) return false;
  checkpoint->log_first = first;
  checkpoint->earliest_ms = store->identity.created_ms;
  if (first <= 1) return true;
  struct store_file_list list = {0};
  if (!snapshot_list(&list, store->world, store->options.directory, error)) return false;
  checkpoint->earliest_ms = INT64_MAX;
  bool read = true;
  for (size_t i = 0; i < list.count && read && checkpoint->earliest_ms == INT64_MAX; i++) {
    if (list.sequences[i] + 1 >= first)
      read = snapshot_end(store, list.sequences[i], &checkpoint->earliest_ms, error);
  }
  store_file_list_free(&list);
  return read;
}

/*
 * Whether a snapshot may go: not the newest two; all before the newest one that ended before the
 * window of history began (a restore to the window's begin starts from that one); inside the window
 * those less than 1/64 of it after the one kept before; damaged ones.
 */
static bool may_go(const struct checkpoint_retirement *retirement, int64_t history_ms,
                   int64_t window_ms)
{
  int64_t end_ms = retirement->end_ms;
  if (end_ms == INT64_MAX || retirement->next_end_ms <= window_ms) return true;
  return retirement->kept_ms != INT64_MIN && end_ms - retirement->kept_ms < history_ms / 64;
}

/*
 * Removes the log before the oldest snapshot, unless that one ended inside the window: then what
 * came before it takes the log from its begin. Streams read the log, too.
 */
static bool retire_log(struct store *store, uint64_t oldest, int64_t window_ms, struct error *error)
{
  int64_t end_ms;
  if (!snapshot_end(store, oldest, &end_ms, error)) return false;
  if (end_ms > window_ms) return true;
  int64_t stream_ms = store_now_ms(store) - STREAM_RETENTION_MS;
  return log_remove_before(store->log, oldest + 1, window_ms < stream_ms ? window_ms : stream_ms,
                           error) >= 0;
}

/* Looks at one snapshot, and removes it if it may go. */
static bool retire_one(struct store *store, struct checkpoint_retirement *retirement,
                       int64_t window_ms, struct error *error)
{
  size_t position = retirement->position++;
  const uint64_t *sequences = retirement->list.sequences;
  if (position == 0 && !snapshot_end(store, sequences[0], &retirement->next_end_ms, error))
    return false;
  retirement->end_ms = retirement->next_end_ms;
  if (!snapshot_end(store, sequences[position + 1], &retirement->next_end_ms, error)) return false;
  if (may_go(retirement, store->options.history_ms, window_ms))
    return snapshot_remove(store->world, store->options.directory, sequences[position], error);
  if (retirement->kept_ms == INT64_MIN) retirement->oldest = sequences[position];
  retirement->kept_ms = retirement->end_ms;
  return true;
}

/* One step; *done after the last. */
static bool retire_step(struct store *store, bool *done, struct error *error)
{
  struct checkpoint_retirement *retirement = &store->checkpoint.retirement;
  struct store_file_list *list = &retirement->list;
  int64_t window_ms = store_now_ms(store) - store->options.history_ms;
  if (list->count == 0) {
    retirement->kept_ms = INT64_MIN;
    if (!snapshot_list(list, store->world, store->options.directory, error)) return false;
    *done = list->count == 0;
    return true;
  }
  if (retirement->position + 2 < list->count)
    return retire_one(store, retirement, window_ms, error);
  uint64_t oldest = retirement->oldest;
  if (retirement->kept_ms == INT64_MIN)
    oldest = list->sequences[list->count > 1 ? list->count - 2 : 0];
  *done = true;
  /* While there is one snapshot only, the whole log stands in for it, should it be damaged. */
  return (list->count == 1 || retire_log(store, oldest, window_ms, error)) &&
         checkpoint_survey(store, error);
}

bool checkpoint_retire(struct store *store)
{
  struct error error = {0};
  bool done = false;
  bool going = retire_step(store, &done, &error);
  if (!going) store_report(store, "old snapshots and log segments stay: %s", error.message);
  if (going && !done) return true;
  checkpoint_retire_end(store);
  return false;
}

void checkpoint_retire_end(struct store *store)
{
  store_file_list_free(&store->checkpoint.retirement.list);
  store->checkpoint.retirement = (struct checkpoint_retirement){0};
  store->checkpoint.phase = CHECKPOINT_IDLE;
}
