#include "base/check.h"
#include "store/engine.h"

#include <stdarg.h>
#include <stdio.h>

int64_t store_now_ms(const struct store *store)
{
  int64_t now_ms = world_clock_ms(store->world);
  return now_ms > store->last_time_ms ? now_ms : store->last_time_ms;
}

void store_report(const struct store *store, const char *format, ...)
{
  if (store->options.report == NULL) return;
  char message[ERROR_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  store->options.report(store->options.report_context, message);
}

enum store_status store_unavailable(struct error *error)
{
  CHECK(error->code != ERROR_NONE);
  return STORE_UNAVAILABLE;
}

enum store_status store_no_memory(struct error *error)
{
  error_set(error, ERROR_NO_MEMORY, "No memory for this request; nothing was changed, retry later");
  return STORE_UNAVAILABLE;
}

/* Whether the table's stream carries old images: then the record keeps them. */
static bool keeps_old(const struct table *table)
{
  return table->stream == STREAM_OLD_IMAGE || table->stream == STREAM_NEW_AND_OLD_IMAGES;
}

static struct bytes value_slice(struct value value)
{
  return bytes_of(value.data, value.size);
}

/*
 * The bytes a deletion's part carries: the key map, written behind the old item's own key values.
 */
static bool delete_key(struct store *store, const struct commit_item *item, struct bytes *key)
{
  struct buffer buffer;
  buffer_init(&buffer, store->memory);
  struct value place;
  bool written = keyspace_write_place(&item->table->primary, item_value(item->old_item), &buffer,
                                      &place);
  if (written) *key = arena_copy(&store->scratch, value_slice(place));
  buffer_free(&buffer);
  return written && key->data != NULL;
}

/* What a commit prepares: one per item, on the stack of commit_run. */
struct prepared {
  struct table_change change;
  struct part part;
};

static bool prepare_item(struct store *store, const struct commit_item *item,
                         struct prepared *prepared, uint32_t count)
{
  prepared->change = (struct table_change){
      .table = item->table, .hash = item->hash, .old_item = item->old_item};
  struct part *part = &prepared->part;
  *part = (struct part){.table_id = item->table->id, .flags = item->flags};
  if (item->old_item != NULL && keeps_old(item->table))
    part->old = value_slice(item_value(item->old_item));
  if (!value_present(item->image)) {
    CHECK(item->old_item != NULL);
    part->kind = PART_DELETE;
    return delete_key(store, item, &part->image);
  }
  part->kind = PART_PUT;
  part->image = value_slice(item->image);
  if (item->old_item != NULL) part->flags |= PART_REPLACED;
  if (item->table->stream != STREAM_OFF && value_equal(item_value(item->old_item), item->image))
    part->flags |= PART_UNCHANGED;
  prepared->change.new_item = table_make_item(item->table, item->image, item->key);
  return prepared->change.new_item != NULL && table_prepare(&prepared->change, count);
}

static void discard(struct prepared *prepared, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const struct table_change *change = &prepared[i].change;
    if (change->new_item != NULL) table_free_item(change->table, change->new_item);
  }
}

/*
 * All blocks and index room of the items; tree nodes last, so that no other block can take what was
 * reserved for them. On failure the caller discards; *done counts prepared[] in use.
 */
static bool prepare_all(struct store *store, const struct commit *commit, struct prepared *prepared,
                        size_t *done, size_t *record_size)
{
  uint32_t inserts = 0;
  for (*done = 0; *done < commit->count;) {
    struct prepared *next = &prepared[(*done)++];
    next->change.new_item = NULL;
    if (!prepare_item(store, &commit->items[*done - 1], next, (uint32_t)commit->count))
      return false;
    *record_size += part_size(next->part.image.size, next->part.old.size);
    inserts += table_inserts(&next->change);
  }
  return keyspace_reserve(&store->heap, inserts);
}

static uint8_t *write_token(uint8_t *to, const struct token *token)
{
  uint8_t request_hash[8];
  bytes_put_u64(request_hash, token->request_hash);
  return part_write(to, &(struct part){.kind = PART_TOKEN,
                                       .image = bytes_of(token->text, token->size),
                                       .old = bytes_of(request_hash, sizeof request_hash)});
}

enum store_status commit_run(struct store *store, const struct commit *commit, uint64_t *sequence,
                             struct error *error)
{
  CHECK_THAT(commit->count, <=, TRANSACTION_ACTIONS_MAX);
  CHECK(!store->options.read_only);
  *sequence = log_appended(store->log);
  if (commit->count == 0 && commit->token.text.size == 0) return STORE_OK;
  struct prepared prepared[TRANSACTION_ACTIONS_MAX];
  struct token *token = NULL;
  size_t done = 0;
  size_t record_size = 0;
  uint8_t *to = NULL;
  error->code = ERROR_NONE;
  bool ready = true;
  if (commit->token.text.size > 0) {
    token = tokens_prepare(&store->tokens, commit->token);
    ready = token != NULL;
    record_size = part_size(commit->token.text.size, sizeof(uint64_t));
  }
  ready = ready && prepare_all(store, commit, prepared, &done, &record_size);
  if (ready) to = log_reserve(store->log, record_size, error);
  if (to == NULL) {
    discard(prepared, done);
    if (token != NULL) tokens_discard(&store->tokens, token);
    arena_reset(&store->scratch);
    return error->code == ERROR_NONE ? store_no_memory(error) : store_unavailable(error);
  }

  /* ==== The point of no return: past this line nothing can fail. ==== */

  const uint8_t *start = to;
  int64_t time_ms = store_now_ms(store);
  for (size_t i = 0; i < done; i++) to = part_write(to, &prepared[i].part);
  if (token != NULL) to = write_token(to, token);
  CHECK_THAT((size_t)(to - start), ==, record_size);
  *sequence = log_append(store->log, RECORD_TRANSACTION, time_ms, record_size);
  for (size_t i = 0; i < done; i++) table_apply(&prepared[i].change);
  if (token != NULL) tokens_add(&store->tokens, token, time_ms);
  store->last_time_ms = time_ms;
  store->statistics.transactions++;
  store->statistics.log_bytes += record_size;
  arena_reset(&store->scratch);
  return STORE_OK;
}

enum store_status commit_record(struct store *store, enum record_type type, struct bytes payload,
                                uint64_t *sequence, struct error *error)
{
  CHECK(!store->options.read_only);
  uint8_t *to = log_reserve(store->log, payload.size, error);
  if (to == NULL) return store_unavailable(error);
  memcpy(to, payload.data, payload.size);
  store->last_time_ms = store_now_ms(store);
  *sequence = log_append(store->log, type, store->last_time_ms, payload.size);
  store->statistics.log_bytes += payload.size;
  return STORE_OK;
}
