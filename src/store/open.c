#include "base/check.h"
#include "store/engine.h"
#include "store/snapshot_format.h"

#include <stdlib.h>

static void free_store(struct store *store)
{
  warmer_stop(&store->warmer);
  checkpoint_free(store);
  restore_free(store);
  while (store->table_count > 0) tables_drop(store, store->tables[store->table_count - 1]);
  jobs_drop_all(store);
  if (store->tokens.heap != NULL) tokens_free(&store->tokens);
  memory_free(store->memory, store->tables, TABLES_MAX * sizeof store->tables[0]);
  arena_free(&store->scratch);
  heap_free_all(&store->heap);
  if (store->lock_file >= 0) store->world->operations->file_close(store->world, store->lock_file);
  if (store->directory_text != NULL)
    memory_free(store->memory, store->directory_text, strlen(store->directory_text) + 1);
  explicit_bzero(store->key_bytes, sizeof store->key_bytes);
  memory_free(store->memory, store, sizeof *store);
}

static void set_options(struct store *store, const struct store_options *options)
{
  store->options = *options;
  store->options.directory = NULL;
  if (options->key != NULL) {
    memcpy(store->key_bytes, options->key, sizeof store->key_bytes);
    store->options.key = store->key_bytes;
  }
  if (store->options.segment_bytes == 0) store->options.segment_bytes = LOG_SEGMENT_BYTES;
  if (store->options.region_bytes == 0) store->options.region_bytes = STORE_REGION_BYTES;
  if (store->options.history_ms == 0) store->options.history_ms = STORE_HISTORY_MS;
  if (store->options.snapshot_log_bytes == 0)
    store->options.snapshot_log_bytes = STORE_SNAPSHOT_LOG_BYTES;
}

static bool copy_directory(struct store *store, const char *directory, struct error *error)
{
  size_t size = strlen(directory) + 1;
  store->directory_text = memory_alloc(store->memory, size);
  if (store->directory_text == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory");
  memcpy(store->directory_text, directory, size);
  store->options.directory = store->directory_text;
  return true;
}

/* Files of a store without its identity: damaged, or a restore of a backup that was cut short. */
static bool refuse_leftovers(struct store *store, struct error *error)
{
  const struct store_file_kind *kinds[] = {&log_segment_kind, &snapshot_kind,
                                           &snapshot_unfinished_kind};
  const char *directory = store->options.directory;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    struct store_file_list list = {0};
    bool listed = store_file_list_read(&list, store->world, kinds[i], directory, error);
    size_t count = list.count;
    store_file_list_free(&list);
    if (!listed) return false;
    if (count > 0)
      return error_set(error, ERROR_CORRUPT,
                       "%s holds files of a store (%s) but no file 'identity': restore a backup to "
                       "an empty directory",
                       directory, kinds[i]->what);
  }
  return true;
}

/* Finds the store's identity, or makes a new store in an empty directory. */
static bool find_identity(struct store *store, struct error *error)
{
  struct world *world = store->world;
  const char *directory = store->options.directory;
  if (identity_read(world, directory, &store->identity, error)) return true;
  if (store->options.read_only) return false;
  if (error->code != ERROR_NOT_FOUND || !refuse_leftovers(store, error)) return false;
  store->identity = identity_make(world);
  return identity_write(world, directory, &store->identity, error);
}

struct log_options store_log_options(const struct store *store)
{
  struct log_options options = {
      .directory = store->options.directory,
      .key = store->options.key,
      .segment_bytes = store->options.segment_bytes,
      .last_ms = store->last_time_ms,
      .threads = store->options.threads,
      .notify = store->options.notify,
      .notify_context = store->options.notify_context,
  };
  memcpy(options.store_id, store->identity.store_id, STORE_ID_BYTES);
  return options;
}

/* Reads the log after `sequence` into the state. */
static bool replay(struct store *store, uint64_t sequence, uint64_t needed, struct error *error)
{
  struct log_options options = store_log_options(store);
  store->replayed_sequence = sequence;
  enum log_tail tail = store->options.read_only ? LOG_TAIL_KEEP : LOG_TAIL_CUT;
  struct log_reader *reader = log_reader_open(store->world, &options, sequence + 1, tail, error);
  if (reader == NULL && error->code == ERROR_NOT_FOUND)
    return error_set(error, ERROR_CORRUPT, "%s: restore from a backup", error->message);
  if (reader == NULL) return false;
  if (tail == LOG_TAIL_CUT) log_reader_need(reader, needed);
  struct log_record record;
  int status = 1;
  while ((status = log_reader_next(reader, &record, error)) == 1) {
    if (!apply_record(store, &record, error)) {
      status = -1;
      break;
    }
    store->replayed_sequence = record.sequence;
    store->statistics.replayed_records++;
    store->checkpoint.replayed_bytes += record.payload.size;
  }
  log_reader_close(reader);
  if (status < 0) return false;
  return store->replayed_sequence >= needed ||
         error_set(error, ERROR_CORRUPT,
                   "the log in '%s' ends at record %llu, but the newest snapshot needs it up to "
                   "%llu: restore from a backup",
                   store->options.directory, (unsigned long long)store->replayed_sequence,
                   (unsigned long long)needed);
}

/* A restore that did not reach its end leaves nothing. */
static bool drop_half_restored(struct store *store, struct error *error)
{
  for (uint32_t i = store->table_count; i > 0; i--) {
    struct table *table = store->tables[i - 1];
    if (!table->restoring) continue;
    store_report(store,
                 "table '%.*s' was being restored when the store stopped: dropped, start the "
                 "restore again",
                 BYTES_FORMAT(table->name));
    if (tables_delete(store, table, error) != STORE_OK) return false;
  }
  return true;
}

static bool build_indexes(struct store *store, struct error *error)
{
  for (uint32_t i = 0; i < store->table_count; i++) {
    if (!table_build_indexes(store->tables[i]))
      return error_set(error, ERROR_NO_MEMORY, "no memory to load the store");
  }
  return true;
}

/*
 * Tells when the wall clock cannot be right: the engine's time stands until it has caught up (E3).
 */
static void check_clock(const struct store *store)
{
  int64_t behind_ms = store->last_time_ms - world_clock_ms(store->world);
  if (behind_ms > 1000)
    store_report(store,
                 "the wall clock is %lld s behind the newest record: set it right; until it has "
                 "caught up nothing expires",
                 (long long)(behind_ms / 1000));
}

static bool recover(struct store *store, struct error *error)
{
  uint64_t sequence;
  uint64_t needed;
  if (!checkpoint_load(store, &sequence, &needed, error) || !replay(store, sequence, needed, error))
    return false;
  if (store->options.read_only) return true;
  if (!build_indexes(store, error)) return false;
  check_clock(store);
  struct log_options options = store_log_options(store);
  store->log = log_open(store->world, &options, store->replayed_sequence + 1, error);
  return store->log != NULL && drop_half_restored(store, error) && checkpoint_survey(store, error);
}

static bool open_parts(struct store *store, const char *directory, struct error *error)
{
  if (!copy_directory(store, directory, error)) return false;
  if (!store->options.read_only)
    store->lock_file = directory_claim(store->world, store->options.directory, error);
  if (store->lock_file < 0 && !store->options.read_only) return false;
  if (!find_identity(store, error)) return false;
  store->tables = memory_alloc(store->memory, TABLES_MAX * sizeof store->tables[0]);
  if (store->tables == NULL || !tokens_init(&store->tokens, store->memory, &store->heap,
                                            identity_hash_seed(&store->identity)))
    return error_set(error, ERROR_NO_MEMORY, "no memory");
  return recover(store, error);
}

static bool prepare_heap(struct store *store, struct error *error)
{
  size_t bytes = store->options.ready_bytes;
  return heap_prepare(&store->heap, bytes) ||
         error_set(error, ERROR_NO_MEMORY, "there are no %zu MiB of memory to have ready",
                   bytes >> 20);
}

struct store *store_open(struct world *world, const struct store_options *options,
                         struct error *error)
{
  int64_t begin_ns = world_monotonic_ns(world);
  struct store *store = memory_alloc_zeroed(&world->memory, sizeof *store);
  if (store == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory");
    return NULL;
  }
  store->world = world;
  store->memory = &world->memory;
  store->lock_file = -1;
  store->next_table_id = 1;
  arena_init(&store->scratch, store->memory);
  set_options(store, options);
  heap_init(&store->heap, store->memory, store->options.region_bytes);
  if (store->options.threads && warmer_start(&store->warmer))
    heap_keep_warm(&store->heap, warmer_warm, &store->warmer);
  if (!prepare_heap(store, error) || !open_parts(store, options->directory, error)) {
    struct error ignored;
    if (store->log != NULL) (void)log_close(store->log, &ignored);
    free_store(store);
    return NULL;
  }
  store->statistics.open_ms = (world_monotonic_ns(world) - begin_ns) / 1000000;
  return store;
}

bool store_close(struct store *store, struct error *error)
{
  checkpoint_free(store);
  restore_free(store);
  bool closed = store->log == NULL || log_close(store->log, error);
  free_store(store);
  return closed;
}

void store_flush(struct store *store)
{
  log_flush(store->log);
}

uint64_t store_appended(const struct store *store)
{
  return store->log == NULL ? store->replayed_sequence : log_appended(store->log);
}

uint64_t store_durable(const struct store *store)
{
  return store->log == NULL ? store->replayed_sequence : log_durable(store->log);
}

bool store_wait(struct store *store, uint64_t sequence, struct error *error)
{
  return log_wait(store->log, sequence, error);
}

bool store_sync(struct store *store, struct error *error)
{
  log_flush(store->log);
  return store_wait(store, log_appended(store->log), error);
}

bool store_step(struct store *store, bool *idle, struct error *error)
{
  CHECK(!store->options.threads);
  *idle = true;
  /* In turn, so that none waits for the others to run dry. */
  for (int i = 0; i < 3 && *idle; i++) {
    struct error ignored;
    switch (store->step_turn++ % 3) {
    case 0:
      if (!log_step(store->log, idle, error)) return false;
      break;
    case 1:
      /* A full disk: log_reserve refuses until a later step finds room. */
      if (!log_prepare_step(store->log, idle, &ignored)) *idle = true;
      break;
    default:
      if (store->checkpoint.writer != NULL) snapshot_writer_step(store->checkpoint.writer, idle);
    }
  }
  return true;
}

void store_statistics(const struct store *store, struct store_statistics *statistics)
{
  *statistics = store->statistics;
  statistics->items = 0;
  for (uint32_t i = 0; i < store->table_count; i++)
    statistics->items += store->tables[i]->item_count;
  statistics->item_bytes = store->heap.in_use;
  statistics->mapped_bytes = store->heap.mapped;
}
