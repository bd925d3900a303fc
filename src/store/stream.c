#include "base/check.h"
#include "store/engine.h"

/* A stream is a reader of the log that looks at one table; the log is the stream's only storage. */
struct stream {
  struct store *store;
  uint32_t table_id;
  enum table_stream view;
  uint64_t since; /* the table's stream_since: another one is another stream */
  uint64_t read;  /* sequence of the newest record read from the log */
  uint64_t after; /* sequence of the newest transaction that was handed out whole */
  struct log_reader *reader;
  bool has_record;          /* `record` is being handed out, part by part */
  struct log_record record; /* payload is valid until the reader goes on */
  struct bytes rest;        /* parts not yet handed out */
  uint32_t ordinal;         /* parts handed out or passed over */
  struct buffer keys;
};

struct stream *store_stream_open(struct store *store, const struct table *table, uint64_t after,
                                 struct error *error)
{
  if (table->stream == STREAM_OFF) {
    error_set(error, ERROR_NOT_FOUND, "Table %.*s has no stream", BYTES_FORMAT(table->name));
    return NULL;
  }
  struct stream *stream = memory_alloc_zeroed(store->memory, sizeof *stream);
  if (stream == NULL) {
    (void)store_no_memory(error);
    return NULL;
  }
  stream->store = store;
  stream->table_id = table->id;
  stream->view = table->stream;
  stream->since = table->stream_since;
  stream->after = after + 1 > table->stream_since ? after : table->stream_since - 1;
  stream->read = stream->after;
  buffer_init(&stream->keys, store->memory);
  return stream;
}

void store_stream_close(struct stream *stream)
{
  if (stream == NULL) return;
  log_reader_close(stream->reader);
  buffer_free(&stream->keys);
  memory_free(stream->store->memory, stream, sizeof *stream);
}

/* Opens the log where the stream stands, once there is something durable there. */
static int open_reader(struct stream *stream, struct error *error)
{
  struct store *store = stream->store;
  if (stream->after + 1 < store->checkpoint.log_first) {
    /* What was removed is older than what a stream keeps. */
    log_reader_close(stream->reader);
    stream->reader = NULL;
    stream->after = store->checkpoint.log_first - 1;
  }
  if (stream->reader != NULL) return 1;
  if (log_durable(store->log) <= stream->after) return 0;
  struct log_options options = store_log_options(store);
  stream->reader = log_reader_open(store->world, &options, stream->after + 1, LOG_TAIL_FOLLOW,
                                   error);
  if (stream->reader == NULL) return -1;
  return 1;
}

/*
 * The next transaction that is durable and not older than a stream keeps records; 0 when there is
 * none for now, or none among the next *budget records.
 */
static int next_transaction(struct stream *stream, uint32_t *budget, struct error *error)
{
  int status = stream->has_record ? 1 : open_reader(stream, error);
  while (status == 1) {
    if (!stream->has_record) {
      /* What is not durable is not for the stream: no look at a file that is being written. */
      if (*budget == 0 || log_durable(stream->store->log) <= stream->read) return 0;
      (*budget)--;
      status = log_reader_next(stream->reader, &stream->record, error);
      if (status != 1) return status;
      stream->has_record = true;
      stream->read = stream->record.sequence;
      stream->rest = stream->record.payload;
      stream->ordinal = 0;
    }
    if (stream->record.sequence > log_durable(stream->store->log)) return 0;
    if (stream->record.type == RECORD_TRANSACTION &&
        stream->record.time_ms > store_now_ms(stream->store) - STREAM_RETENTION_MS)
      return 1;
    stream->after = stream->record.sequence;
    stream->has_record = false;
  }
  return status;
}

static bool shows_new(enum table_stream view)
{
  return view == STREAM_NEW_IMAGE || view == STREAM_NEW_AND_OLD_IMAGES;
}

static bool shows_old(enum table_stream view)
{
  return view == STREAM_OLD_IMAGE || view == STREAM_NEW_AND_OLD_IMAGES;
}

static bool fill_record(struct stream *stream, const struct table *table, const struct part *part,
                        struct stream_record *record)
{
  *record = (struct stream_record){
      .sequence = stream->record.sequence,
      .ordinal = stream->ordinal + 1,
      .time_ms = stream->record.time_ms,
      .event = STREAM_REMOVE,
      .by_ttl = (part->flags & PART_BY_TTL) != 0,
      .keys = part_image(part),
  };
  if (shows_old(stream->view)) record->old_image = part_old(part);
  if (part->kind == PART_DELETE) return true;
  record->event = (part->flags & PART_REPLACED) != 0 ? STREAM_MODIFY : STREAM_INSERT;
  if (shows_new(stream->view)) record->new_image = part_image(part);
  buffer_clear(&stream->keys);
  return keyspace_write_place(&table->primary, part_image(part), &stream->keys, &record->keys);
}

int store_stream_next(struct stream *stream, struct stream_record *record, struct error *error)
{
  const struct table *table = tables_by_id(stream->store, stream->table_id);
  if (table == NULL) {
    error_set(error, ERROR_NOT_FOUND, "The table of this stream was deleted");
    return -1;
  }
  uint32_t budget = STREAM_LOOK_RECORDS;
  for (;;) {
    int status = next_transaction(stream, &budget, error);
    if (status != 1) return status;
    if (stream->since != table->stream_since && stream->record.sequence >= table->stream_since) {
      error_set(error, ERROR_NOT_FOUND, "The stream of table %.*s was switched off or changed",
                BYTES_FORMAT(table->name));
      return -1;
    }
    struct part part;
    bool malformed = false;
    struct bytes rest = stream->rest;
    while (part_read(&rest, &part, &malformed)) {
      bool shown = part.kind != PART_TOKEN && part.table_id == stream->table_id &&
                   (part.flags & PART_UNCHANGED) == 0;
      /* Without memory the part stays where it is, for the next call. */
      if (shown && !fill_record(stream, table, &part, record)) {
        (void)store_no_memory(error);
        return -1;
      }
      stream->rest = rest;
      stream->ordinal++;
      if (shown) return 1;
    }
    if (malformed) {
      error_set(error, ERROR_CORRUPT, "log record %llu is malformed",
                (unsigned long long)stream->record.sequence);
      return -1;
    }
    stream->after = stream->record.sequence;
    stream->has_record = false;
  }
}

bool store_stream_is_behind(const struct stream *stream)
{
  return log_durable(stream->store->log) > stream->read;
}

uint64_t store_stream_position(const struct stream *stream)
{
  return stream->after;
}
