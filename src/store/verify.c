#include "store/verify.h"

#include "base/check.h"
#include "base/instant.h"
#include "store/checkpoint.h"
#include "store/heap.h"
#include "store/identity.h"
#include "store/log_format.h"
#include "store/record.h"
#include "store/snapshot_format.h"
#include "store/store.h"
#include "store/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* What a snapshot needs of the log. */
struct needed {
  uint64_t sequence;
  uint64_t end_sequence;
  int64_t end_ms;
};

struct verify {
  struct world *world;
  const struct verify_options *options;
  struct verify_result *result;
  struct error *error;
  struct identity identity;
  struct heap heap; /* of decoded definitions */

  /* Of the record being looked into. */
  const char *path;
  uint64_t offset;

  /* Tables of the snapshot being read. */
  uint32_t *tables;
  uint32_t table_count;
  uint32_t table_last; /* position of the one found last: items come table by table */

  struct needed *needed; /* of the undamaged snapshots, ascending */
  size_t needed_count;
  size_t needed_capacity;
  struct error last; /* the newest finding about the log */
};

static void find(struct verify *verify, const char *message)
{
  verify->result->findings++;
  verify->options->finding(verify->options->finding_context, message);
}

/* A finding about the record being looked into. */
__attribute__((format(printf, 2, 3))) static void find_here(struct verify *verify,
                                                            const char *format, ...)
{
  char what[ERROR_MESSAGE_BYTES];
  struct error finding;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  error_set(&finding, ERROR_CORRUPT, "%s at offset %" PRIu64 ": %s", verify->path, verify->offset,
            what);
  find(verify, finding.message);
}

/* Whether going on with other files makes sense after this error. */
static bool is_finding(const struct error *error)
{
  return error->code != ERROR_KEY && error->code != ERROR_NO_MEMORY;
}

/* ---- what records hold ---- */

/* Whether the bytes are an item or a map of key attributes. */
static bool check_image(struct verify *verify, const char *what, struct bytes image)
{
  struct error error;
  verify->result->images++;
  if (!value_validate(image, &error)) {
    find_here(verify, "%s is malformed: %s", what, error.message);
    return false;
  }
  bool is_map = value_type((struct value){image.data, image.size}) == VALUE_MAP;
  if (!is_map) find_here(verify, "%s is not a map", what);
  return is_map;
}

/* The table's id, 0 when the definition does not decode; false when there is no memory. */
static bool check_definition(struct verify *verify, struct bytes encoded, uint32_t *id)
{
  *id = 0;
  if (!check_image(verify, "a table's definition", encoded)) return true;
  struct table_origin origin = {.memory = &verify->world->memory, .heap = &verify->heap};
  struct error error;
  struct table *table = table_decode(&origin, (struct value){encoded.data, encoded.size}, &error);
  if (table == NULL) {
    if (is_finding(&error)) {
      find_here(verify, "%s", error.message);
      return true;
    }
    *verify->error = error;
    return false;
  }
  CHECK_THAT(table->id, >, 0);
  *id = table->id;
  table_free(table);
  return true;
}

static void check_token(struct verify *verify, size_t size)
{
  if (size == 0 || size > TRANSACTION_TOKEN_MAX)
    find_here(verify, "a client request token has %zu characters", size);
}

/* ---- snapshots ---- */

static bool has_table(struct verify *verify, uint32_t id)
{
  CHECK_THAT(verify->table_count, <=, TABLES_MAX);
  uint32_t at = verify->table_last;
  if (at < verify->table_count && verify->tables[at] == id) return true;
  for (at = 0; at < verify->table_count; at++) {
    if (verify->tables[at] != id) continue;
    verify->table_last = at;
    return true;
  }
  return false;
}

static bool check_snapshot_table(struct verify *verify, struct bytes payload)
{
  uint32_t id;
  if (!check_definition(verify, payload, &id)) return false;
  if (id == 0) return true;
  if (verify->table_count == TABLES_MAX || has_table(verify, id))
    find_here(verify, "table %u is one too many", id);
  else
    verify->tables[verify->table_count++] = id;
  return true;
}

/* False when the check cannot go on. */
static bool check_snapshot_record(struct verify *verify, const struct snapshot_record *record,
                                  bool first)
{
  struct bytes payload = record->payload;
  if (first != (record->type == CHECKPOINT_HEAD))
    find_here(verify, "record of type %u: the head comes first and once", record->type);
  switch (record->type) {
  case CHECKPOINT_HEAD:
    if (payload.size != 12) find_here(verify, "the head has %zu bytes", payload.size);
    return true;
  case CHECKPOINT_TABLE:
    return check_snapshot_table(verify, payload);
  case CHECKPOINT_ITEM:
    if (payload.size < sizeof(uint32_t)) {
      find_here(verify, "an item has no table");
      return true;
    }
    if (!has_table(verify, bytes_get_u32(payload.data)))
      find_here(verify, "an item belongs to table %u, which is not there",
                bytes_get_u32(payload.data));
    check_image(verify, "an item", bytes_of(payload.data + 4, payload.size - 4));
    return true;
  case CHECKPOINT_TOKEN:
    check_token(verify, payload.size < 16 ? 0 : payload.size - 16);
    return true;
  default:
    find_here(verify, "record of type %u, which this build does not know", record->type);
    return true;
  }
}

/* 0 at the end of an undamaged snapshot, -1 with *error. */
static int read_snapshot(struct verify *verify, struct snapshot_reader *reader, struct error *error)
{
  struct snapshot_record record;
  bool first = true;
  int status;
  verify->table_count = 0;
  verify->path = snapshot_reader_path(reader);
  while ((status = snapshot_reader_next(reader, &record, error)) == 1) {
    verify->result->snapshot_records++;
    verify->offset = snapshot_reader_offset(reader, &record);
    if (!check_snapshot_record(verify, &record, first)) {
      *error = *verify->error;
      return -1;
    }
    first = false;
  }
  return status;
}

static bool check_snapshot(struct verify *verify, uint64_t sequence)
{
  struct snapshot_options options = {.directory = verify->options->directory,
                                     .key = verify->options->key};
  memcpy(options.store_id, verify->identity.store_id, STORE_ID_BYTES);
  struct error error;
  struct snapshot_reader *reader = snapshot_reader_open(verify->world, &options, sequence, &error);
  /* It was there when it was listed: the store has retired it. */
  if (reader == NULL && error.code == ERROR_NOT_FOUND) return true;
  int status = reader == NULL ? -1 : read_snapshot(verify, reader, &error);
  if (status == 0) {
    const struct snapshot_info *info = snapshot_reader_info(reader);
    CHECK_THAT(verify->needed_count, <, verify->needed_capacity);
    verify->needed[verify->needed_count++] = (struct needed){
        .sequence = info->sequence, .end_sequence = info->end_sequence, .end_ms = info->end_ms};
    verify->result->snapshots++;
  }
  snapshot_reader_close(reader);
  if (status == 0) return true;
  if (is_finding(&error)) {
    find(verify, error.message);
    return true;
  }
  *verify->error = error;
  return false;
}

static bool check_snapshots(struct verify *verify, const struct store_file_list *list)
{
  verify->needed_capacity = list->count;
  verify->needed = memory_alloc(&verify->world->memory, list->count * sizeof *verify->needed + 1);
  if (verify->needed == NULL) return error_set(verify->error, ERROR_NO_MEMORY, "no memory");
  for (size_t i = 0; i < list->count; i++)
    if (!check_snapshot(verify, list->sequences[i])) return false;
  return true;
}

/* ---- the log ---- */

static void check_transaction(struct verify *verify, struct bytes payload)
{
  struct part part;
  bool malformed = false;
  while (part_read(&payload, &part, &malformed)) {
    if (part.kind == PART_TOKEN) {
      check_token(verify, part.image.size);
      if (part.old.size != sizeof(uint64_t))
        find_here(verify, "a client request token has no hash of its request");
      continue;
    }
    check_image(verify, part.kind == PART_PUT ? "a new item" : "a deleted item's key", part.image);
    if (part.old.size > 0) check_image(verify, "an old item", part.old);
  }
  if (malformed) find_here(verify, "a part of a transaction is malformed");
}

/* False when the check cannot go on. */
static bool check_log_record(struct verify *verify, const struct log_record *record)
{
  struct verify_result *result = verify->result;
  uint32_t id;
  CHECK_THAT(record->sequence, >, result->last_sequence);
  result->log_records++;
  if (record->time_ms < INSTANT_MIN_MS || record->time_ms > INSTANT_MAX_MS)
    find_here(verify, "record %" PRIu64 " has an impossible time", record->sequence);
  else if (result->first_sequence != 0 && record->time_ms < result->latest_ms)
    find_here(verify, "record %" PRIu64 " is older than the one before it", record->sequence);
  else
    result->latest_ms = record->time_ms;
  if (result->first_sequence == 0) result->first_sequence = record->sequence;
  result->last_sequence = record->sequence;
  switch (record->type) {
  case RECORD_TRANSACTION:
    check_transaction(verify, record->payload);
    return true;
  case RECORD_TABLE:
    return check_definition(verify, record->payload, &id);
  case RECORD_TABLE_DELETE:
    if (record->payload.size != sizeof(uint32_t))
      find_here(verify, "a table's deletion has %zu bytes", record->payload.size);
    return true;
  default:
    find_here(verify, "record of type %u, which this build does not know", record->type);
    return true;
  }
}

/* Reads from the segment that begins with `from` on: 0 at the end of the log, -1 with *error. */
static int read_log(struct verify *verify, uint64_t from, struct error *error)
{
  struct log_options options = {.directory = verify->options->directory,
                                .key = verify->options->key};
  memcpy(options.store_id, verify->identity.store_id, STORE_ID_BYTES);
  struct log_reader *reader = log_reader_open(verify->world, &options, from, LOG_TAIL_KEEP, error);
  if (reader == NULL) return -1;
  struct log_record record;
  uint64_t expected = from;
  int status;
  while ((status = log_reader_next(reader, &record, error)) == 1) {
    CHECK_THAT(record.sequence, ==, expected);
    expected++;
    verify->path = log_reader_path(reader);
    verify->offset = log_reader_offset(reader, &record);
    if (check_log_record(verify, &record)) continue;
    *error = *verify->error;
    status = -1;
    break;
  }
  log_reader_close(reader);
  return status;
}

static bool list_segments(struct verify *verify, struct store_file_list *list)
{
  return store_file_list_read(list, verify->world, &log_segment_kind, verify->options->directory,
                              verify->error);
}

/* A damaged segment ends the reading of it, not of those behind it. */
static bool check_log(struct verify *verify, struct store_file_list *list)
{
  uint64_t begin = 0;
  while (list_segments(verify, list)) {
    if (begin == 0) verify->result->segments = list->count;
    size_t next = 0;
    while (next < list->count && (list->sequences[next] <= begin ||
                                  list->sequences[next] <= verify->result->last_sequence))
      next++;
    if (next == list->count) return true;
    CHECK_THAT(list->sequences[next], >, begin); /* so this loop ends */
    begin = list->sequences[next];
    struct error error;
    if (read_log(verify, begin, &error) == 0) return true;
    /* Segments that the store has retired meanwhile are none of its damages. */
    if (error.code == ERROR_NOT_FOUND) continue;
    if (!is_finding(&error)) {
      *verify->error = error;
      return false;
    }
    /* A damaged head of a segment is met twice: after the segment before it, and as its own. */
    if (strcmp(error.message, verify->last.message) != 0) find(verify, error.message);
    verify->last = error;
  }
  return false;
}

/* ---- both together ---- */

static bool is_listed(const struct store_file_list *list, uint64_t sequence)
{
  for (size_t i = 0; i < list->count; i++)
    if (list->sequences[i] == sequence) return true;
  return false;
}

/* `list` are the snapshots that are there still, `segments` the log that was found. */
static void check_together(struct verify *verify, const struct store_file_list *list,
                           const struct store_file_list *segments)
{
  struct verify_result *result = verify->result;
  uint64_t begin = segments->count == 0 ? 1 : segments->sequences[0];
  uint64_t end = result->last_sequence;
  result->earliest_ms = begin <= 1 ? verify->identity.created_ms : INT64_MAX;
  for (size_t i = 0; i < verify->needed_count; i++) {
    const struct needed *needed = &verify->needed[i];
    char path[STORE_FILE_PATH_BYTES];
    struct error error;
    store_file_numbered_path(path, &snapshot_kind, verify->options->directory, needed->sequence);
    if (needed->sequence + 1 < begin && is_listed(list, needed->sequence)) {
      error_set(&error, ERROR_CORRUPT,
                "%s needs the log from record %" PRIu64 " on, but it begins with %" PRIu64, path,
                needed->sequence + 1, begin);
      find(verify, error.message);
    } else if (needed->end_sequence > end && needed->end_sequence > needed->sequence) {
      error_set(&error, ERROR_CORRUPT,
                "%s needs the log up to record %" PRIu64 ", but it ends with %" PRIu64, path,
                needed->end_sequence, end);
      find(verify, error.message);
    } else if (needed->sequence + 1 >= begin && needed->end_ms < result->earliest_ms) {
      result->earliest_ms = needed->end_ms;
    }
    if (needed->end_ms > result->latest_ms) result->latest_ms = needed->end_ms;
  }
  if (result->earliest_ms != INT64_MAX || segments->count == 0) return;
  struct error error;
  error_set(&error, ERROR_CORRUPT,
            "the log in %s begins with record %" PRIu64
            ", and no undamaged snapshot reaches it: restore from a backup",
            verify->options->directory, begin);
  find(verify, error.message);
}

static bool check_all(struct verify *verify)
{
  struct store_file_list snapshots = {0};
  struct store_file_list segments = {0};
  struct world *world = verify->world;
  const char *directory = verify->options->directory;
  struct error *error = verify->error;
  /* Snapshots first: the log read after them holds what they need (checkpoint.h, SYNC). */
  bool checked = snapshot_list(&snapshots, world, directory, error) &&
                 check_snapshots(verify, &snapshots) && check_log(verify, &segments) &&
                 snapshot_list(&snapshots, world, directory, error);
  if (checked) check_together(verify, &snapshots, &segments);
  CHECK(!checked || verify->needed_count == verify->result->snapshots);
  store_file_list_free(&snapshots);
  store_file_list_free(&segments);
  return checked;
}

bool verify_run(struct world *world, const struct verify_options *options,
                struct verify_result *result, struct error *error)
{
  struct memory *memory = &world->memory;
  CHECK(options->finding != NULL);
  *result = (struct verify_result){.earliest_ms = INT64_MAX, .latest_ms = INT64_MIN};
  struct verify verify = {.world = world, .options = options, .result = result, .error = error};
  if (!identity_read(world, options->directory, &verify.identity, error)) return false;
  verify.tables = memory_alloc(memory, TABLES_MAX * sizeof verify.tables[0]);
  if (verify.tables == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory");
  heap_init(&verify.heap, memory, STORE_REGION_BYTES);
  bool checked = check_all(&verify);
  heap_free_all(&verify.heap);
  memory_free(memory, verify.needed,
              verify.needed == NULL ? 0 : verify.needed_capacity * sizeof *verify.needed + 1);
  memory_free(memory, verify.tables, TABLES_MAX * sizeof verify.tables[0]);
  return checked;
}
