#include "store/checkpoint.h"

#include "base/check.h"
#include "store/engine.h"

enum {
  SLICE_ITEMS = 64, /* items of one slice: cache misses bound its time, about 20 us */
  HEAD_BYTES = 12,  /* u32 next table id, i64 time */
  TOKEN_BYTES = 16, /* i64 time, u64 request hash */
};

static const int64_t RETRY_AFTER_NS = 10 * (int64_t)1000000000; /* after a failed snapshot */

struct snapshot_options checkpoint_options(const struct store *store)
{
  struct snapshot_options options = {
      .directory = store->options.directory,
      .key = store->options.key,
      .threads = store->options.threads,
  };
  memcpy(options.store_id, store->identity.store_id, STORE_ID_BYTES);
  return options;
}

static void finish(struct store *store)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  snapshot_writer_close(checkpoint->writer);
  memory_free(store->memory, checkpoint->table_ids,
              checkpoint->table_count * sizeof checkpoint->table_ids[0]);
  if (checkpoint->walking) keyspace_walk_free(&checkpoint->walk);
  checkpoint->writer = NULL;
  checkpoint->table_ids = NULL;
  checkpoint->walking = false;
  checkpoint->phase = CHECKPOINT_IDLE;
}

static void fail(struct store *store, const char *message)
{
  store_report(store, "snapshot given up, the log keeps everything: %s", message);
  store->statistics.snapshots_failed++;
  store->checkpoint.again_ns = world_monotonic_ns(store->world) + RETRY_AFTER_NS;
  finish(store);
}

/* ---- begin ---- */

static bool put_head(struct store *store, struct error *error)
{
  uint8_t *to = snapshot_writer_put(store->checkpoint.writer, CHECKPOINT_HEAD, HEAD_BYTES, error);
  if (to == NULL) return false;
  bytes_put_u32(to, store->next_table_id);
  bytes_put_u64(to + 4, (uint64_t)store->last_time_ms);
  return true;
}

enum store_status store_snapshot_begin(struct store *store, struct error *error)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  if (checkpoint->phase != CHECKPOINT_IDLE) return STORE_OK;
  struct snapshot_options options = checkpoint_options(store);
  checkpoint->table_count = store->table_count;
  checkpoint->table_ids = memory_alloc(store->memory,
                                       store->table_count * sizeof checkpoint->table_ids[0]);
  if (checkpoint->table_ids == NULL) return store_no_memory(error);
  for (uint32_t i = 0; i < store->table_count; i++) checkpoint->table_ids[i] = store->tables[i]->id;
  checkpoint->writer = snapshot_writer_open(store->world, &options, log_appended(store->log),
                                            error);
  if (checkpoint->writer == NULL || !put_head(store, error)) {
    finish(store);
    return store_unavailable(error);
  }
  checkpoint->position = 0;
  checkpoint->log_bytes_begin = store->statistics.log_bytes;
  checkpoint->phase = CHECKPOINT_TABLES;
  return STORE_OK;
}

bool store_snapshot_busy(const struct store *store)
{
  return store->checkpoint.phase != CHECKPOINT_IDLE;
}

static bool is_due(const struct store *store)
{
  const struct checkpoint *checkpoint = &store->checkpoint;
  uint64_t grown = store->statistics.log_bytes - checkpoint->log_bytes_saved +
                   checkpoint->replayed_bytes;
  return grown >= store->options.snapshot_log_bytes && grown >= checkpoint->snapshot_bytes &&
         world_monotonic_ns(store->world) >= checkpoint->again_ns;
}

/* ---- slices; each returns false only when there is nothing more to do now ---- */

static bool put_tables(struct store *store, struct error *error)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  for (; checkpoint->position < checkpoint->table_count; checkpoint->position++) {
    if (!snapshot_writer_room(checkpoint->writer)) return true;
    struct table *table = tables_by_id(store, checkpoint->table_ids[checkpoint->position]);
    if (table == NULL) continue; /* deleted meanwhile: the log says so */
    struct buffer buffer;
    struct value encoded;
    buffer_init(&buffer, store->memory);
    uint8_t *to = NULL;
    error_set(error, ERROR_NO_MEMORY, "no memory");
    if (table_encode(table, &buffer, &encoded))
      to = snapshot_writer_put(checkpoint->writer, CHECKPOINT_TABLE, encoded.size, error);
    if (to != NULL) memcpy(to, encoded.data, encoded.size);
    buffer_free(&buffer);
    if (to == NULL) return false;
  }
  checkpoint->position = 0;
  checkpoint->phase = CHECKPOINT_ITEMS;
  return true;
}

/* Puts one chunk of items; without room for all of them the walk goes back to the last one put. */
static bool put_items(struct store *store, struct table *table, bool *done, struct error *error)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  struct item *items[SLICE_ITEMS];
  size_t count = 0;
  error_set(error, ERROR_NO_MEMORY, "no memory");
  if (!keyspace_walk_next(&checkpoint->walk, &table->primary, items, SLICE_ITEMS, &count, done))
    return false;
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && !snapshot_writer_room(checkpoint->writer)) {
      *done = false;
      return keyspace_walk_after(&checkpoint->walk, &table->primary, item_value(items[i - 1]));
    }
    uint8_t *to = snapshot_writer_put(checkpoint->writer, CHECKPOINT_ITEM,
                                      sizeof(uint32_t) + items[i]->size, error);
    if (to == NULL) return false;
    bytes_put_u32(to, table->id);
    memcpy(to + sizeof(uint32_t), items[i]->data, items[i]->size);
  }
  return true;
}

static bool put_table_items(struct store *store, struct error *error)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  if (checkpoint->position == checkpoint->table_count) {
    tokens_walk_begin(&store->tokens);
    checkpoint->phase = CHECKPOINT_TOKENS;
    return true;
  }
  struct table *table = tables_by_id(store, checkpoint->table_ids[checkpoint->position]);
  bool done = table == NULL;
  if (!done && !checkpoint->walking)
    keyspace_walk_init(&checkpoint->walk, store->memory, 0, UINT64_MAX);
  checkpoint->walking = checkpoint->walking || !done;
  if (!done && !put_items(store, table, &done, error)) return false;
  if (!done) return true;
  if (checkpoint->walking) keyspace_walk_free(&checkpoint->walk);
  checkpoint->walking = false;
  checkpoint->position++;
  return true;
}

static bool put_tokens(struct store *store, struct error *error)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  for (int i = 0; i < SLICE_ITEMS && snapshot_writer_room(checkpoint->writer); i++) {
    const struct token *token = tokens_walk_next(&store->tokens);
    if (token == NULL) {
      checkpoint->end_sequence = log_appended(store->log);
      checkpoint->end_ms = store->last_time_ms;
      checkpoint->phase = CHECKPOINT_SYNC;
      return true;
    }
    uint8_t *to = snapshot_writer_put(checkpoint->writer, CHECKPOINT_TOKEN,
                                      TOKEN_BYTES + token->size, error);
    if (to == NULL) return false;
    bytes_put_u64(to, (uint64_t)token->time_ms);
    bytes_put_u64(to + 8, token->request_hash);
    memcpy(to + TOKEN_BYTES, token->text, token->size);
  }
  return true;
}

static bool slice(struct store *store, struct error *error)
{
  switch (store->checkpoint.phase) {
  case CHECKPOINT_TABLES:
    return put_tables(store, error);
  case CHECKPOINT_ITEMS:
    return put_table_items(store, error);
  default:
    CHECK(store->checkpoint.phase == CHECKPOINT_TOKENS);
    return put_tokens(store, error);
  }
}

/* Nothing more to do now, but for a finished file. */
static bool wait_for_file(struct store *store)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  struct error error;
  switch (snapshot_writer_state(checkpoint->writer, &error)) {
  case SNAPSHOT_WRITING:
    return false;
  case SNAPSHOT_FAILED:
    fail(store, error.message);
    return false;
  case SNAPSHOT_DONE:
    break;
  }
  checkpoint->snapshot_bytes = snapshot_writer_bytes(checkpoint->writer);
  checkpoint->log_bytes_saved = checkpoint->log_bytes_begin;
  checkpoint->replayed_bytes = 0;
  store->statistics.snapshots++;
  finish(store);
  checkpoint->phase = CHECKPOINT_RETIRE;
  return true;
}

bool checkpoint_tick(struct store *store)
{
  struct checkpoint *checkpoint = &store->checkpoint;
  struct error error = {0};
  switch (checkpoint->phase) {
  case CHECKPOINT_IDLE:
    if (!is_due(store)) return false;
    if (store_snapshot_begin(store, &error) != STORE_OK) fail(store, error.message);
    return true;
  case CHECKPOINT_SYNC:
    if (log_durable(store->log) < checkpoint->end_sequence) return false;
    snapshot_writer_finish(checkpoint->writer, checkpoint->end_sequence, checkpoint->end_ms);
    checkpoint->phase = CHECKPOINT_FILE;
    return true;
  case CHECKPOINT_FILE:
    return wait_for_file(store);
  case CHECKPOINT_RETIRE:
    return checkpoint_retire(store);
  default:
    break;
  }
  if (!snapshot_writer_room(checkpoint->writer)) {
    if (snapshot_writer_state(checkpoint->writer, &error) == SNAPSHOT_FAILED)
      fail(store, error.message);
    return false;
  }
  if (!slice(store, &error)) fail(store, error.message);
  return true;
}

void checkpoint_free(struct store *store)
{
  if (store->checkpoint.phase != CHECKPOINT_IDLE) finish(store);
  checkpoint_retire_end(store);
}
