#include "store/backup.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/instant.h"
#include "store/directory.h"
#include "store/identity.h"
#include "store/log_format.h"
#include "store/snapshot.h"

#include <inttypes.h>

enum { FLUSH_BYTES = 4 << 20 }; /* of log records copied between two syncs */

struct backup {
  struct world *world;
  const struct backup_options *options;
  struct backup_result *result;
  struct identity source_identity;
  struct identity target_identity;
  int lock_file;
  struct error *error;
};

static struct log_options log_options_of(const struct backup *backup, const char *directory,
                                         const struct identity *identity)
{
  uint32_t segment_bytes = backup->options->segment_bytes;
  struct log_options options = {
      .directory = directory,
      .key = backup->options->key,
      .segment_bytes = segment_bytes == 0 ? LOG_SEGMENT_BYTES : segment_bytes,
  };
  memcpy(options.store_id, identity->store_id, STORE_ID_BYTES);
  return options;
}

static struct snapshot_options snapshot_options_of(const struct backup *backup,
                                                   const char *directory,
                                                   const struct identity *identity)
{
  struct snapshot_options options = {.directory = directory, .key = backup->options->key};
  memcpy(options.store_id, identity->store_id, STORE_ID_BYTES);
  return options;
}

/* ---- snapshots ---- */

/* Runs the writer until it has room (or, finishing, until it is done). */
static bool drive_writer(struct snapshot_writer *writer, bool finishing, struct error *error)
{
  for (;;) {
    enum snapshot_state state = snapshot_writer_state(writer, error);
    if (state == SNAPSHOT_FAILED) return false;
    if (state == SNAPSHOT_DONE) return true;
    if (!finishing && snapshot_writer_room(writer)) return true;
    bool idle = false;
    snapshot_writer_step(writer, &idle);
    CHECK(!idle);
  }
}

static bool copy_records(struct snapshot_reader *reader, struct snapshot_writer *writer,
                         struct error *error)
{
  struct snapshot_record record;
  int status;
  while ((status = snapshot_reader_next(reader, &record, error)) == 1) {
    if (!drive_writer(writer, false, error)) return false;
    uint8_t *to = snapshot_writer_put(writer, record.type, record.payload.size, error);
    if (to == NULL) return false;
    memcpy(to, record.payload.data, record.payload.size);
  }
  const struct snapshot_info *info = snapshot_reader_info(reader);
  if (status == 0) snapshot_writer_finish(writer, info->end_sequence, info->end_ms);
  return status == 0 && drive_writer(writer, true, error);
}

static bool copy_snapshot(struct backup *backup, uint64_t sequence)
{
  struct snapshot_options from = snapshot_options_of(backup, backup->options->source,
                                                     &backup->source_identity);
  struct snapshot_options to = snapshot_options_of(backup, backup->options->target,
                                                   &backup->target_identity);
  struct snapshot_reader *reader = snapshot_reader_open(backup->world, &from, sequence,
                                                        backup->error);
  if (reader == NULL) return false;
  struct snapshot_writer *writer = snapshot_writer_open(backup->world, &to, sequence,
                                                        backup->error);
  bool copied = writer != NULL && copy_records(reader, writer, backup->error);
  snapshot_writer_close(writer);
  snapshot_reader_close(reader);
  if (copied) backup->result->snapshots++;
  return copied;
}

/* ---- log ---- */

static bool drive_log(struct log *log, struct error *error)
{
  for (;;) {
    bool log_idle = true;
    bool prepare_idle = true;
    if (!log_step(log, &log_idle, error) || !log_prepare_step(log, &prepare_idle, error))
      return false;
    if (log_idle && prepare_idle) return true;
  }
}

static bool append(struct log *log, const struct log_record *record, struct error *error)
{
  uint8_t *to = log_reserve(log, record->payload.size, error);
  if (to == NULL && (error->code == ERROR_LIMIT || error->code == ERROR_NO_SPACE)) {
    /* Without threads the next segment is prepared when somebody steps. */
    log_flush(log);
    if (!drive_log(log, error)) return false;
    to = log_reserve(log, record->payload.size, error);
  }
  if (to == NULL) return false;
  memcpy(to, record->payload.data, record->payload.size);
  uint64_t sequence = log_append(log, record->type, record->time_ms, record->payload.size);
  CHECK_THAT(sequence, ==, record->sequence);
  return true;
}

/* Appends what the reader still has up to at_ms; the log is opened with the first record. */
static bool copy_log_records(struct backup *backup, struct log_reader *reader, struct log **log)
{
  struct backup_result *result = backup->result;
  struct log_options to = log_options_of(backup, backup->options->target, &backup->target_identity);
  struct log_record record;
  size_t unsynced = 0;
  int status;
  while ((status = log_reader_next(reader, &record, backup->error)) == 1) {
    if (record.time_ms > backup->options->at_ms) break;
    if (*log == NULL) *log = log_open(backup->world, &to, record.sequence, backup->error);
    if (*log == NULL || !append(*log, &record, backup->error)) return false;
    result->records++;
    result->last_sequence = record.sequence;
    result->last_ms = record.time_ms;
    unsynced += record.payload.size;
    if (unsynced < FLUSH_BYTES) continue;
    log_flush(*log);
    if (!drive_log(*log, backup->error)) return false;
    unsynced = 0;
  }
  return status >= 0;
}

static bool copy_log(struct backup *backup, uint64_t from)
{
  struct log_options source = log_options_of(backup, backup->options->source,
                                             &backup->source_identity);
  struct log_reader *reader = log_reader_open(backup->world, &source, from, LOG_TAIL_KEEP,
                                              backup->error);
  if (reader == NULL) return false;
  struct log *log = NULL;
  bool copied = copy_log_records(backup, reader, &log);
  log_reader_close(reader);
  struct error ignored;
  if (log != NULL && !log_close(log, copied ? backup->error : &ignored)) return false;
  return copied;
}

/* ---- a backup, first or next ---- */

static bool list_segments(struct backup *backup, const char *directory,
                          struct store_file_list *list)
{
  return store_file_list_read(list, backup->world, &log_segment_kind, directory, backup->error);
}

/* The last record of the copy so far: its sequence (0: none), time and hash. */
struct log_end {
  uint64_t sequence;
  int64_t time_ms;
  uint16_t type;
  uint64_t payload_hash;
};

static uint64_t hash_record(const struct log_record *record)
{
  return hash_bytes(record->payload, record->sequence);
}

static bool find_end(struct backup *backup, struct log_end *end)
{
  struct store_file_list list = {0};
  *end = (struct log_end){0};
  if (!list_segments(backup, backup->options->target, &list)) return false;
  uint64_t from = list.count == 0 ? 0 : list.sequences[list.count - 1];
  /* An interrupted backup may have left a segment without records: go back to one that has some. */
  bool found = list.count == 0;
  struct log_options options = log_options_of(backup, backup->options->target,
                                              &backup->target_identity);
  for (size_t i = list.count; i > 0 && !found; i--) {
    from = list.sequences[i - 1];
    struct log_reader *reader = log_reader_open(backup->world, &options, from, LOG_TAIL_CUT,
                                                backup->error);
    struct log_record record;
    int status = -1;
    while (reader != NULL && (status = log_reader_next(reader, &record, backup->error)) == 1)
      *end = (struct log_end){record.sequence, record.time_ms, record.type, hash_record(&record)};
    log_reader_close(reader);
    found = status == 0 && (end->sequence != 0 || i == 1);
    if (status != 0) break;
  }
  store_file_list_free(&list);
  return found;
}

/* The source must hold the very record the copy ends with. */
static bool check_same_history(struct backup *backup, const struct log_end *end)
{
  struct log_options options = log_options_of(backup, backup->options->source,
                                              &backup->source_identity);
  struct log_reader *reader = log_reader_open(backup->world, &options, end->sequence, LOG_TAIL_KEEP,
                                              backup->error);
  if (reader == NULL) return false;
  struct log_record record;
  int status = log_reader_next(reader, &record, backup->error);
  bool same = status == 1 && record.sequence == end->sequence && record.time_ms == end->time_ms &&
              record.type == end->type && hash_record(&record) == end->payload_hash;
  log_reader_close(reader);
  if (status < 0 || same) return same;
  return error_set(backup->error, ERROR_EXISTS,
                   "the backup in '%s' has another history than the store in '%s' (they differ at "
                   "log record %" PRIu64 "): back up to a new directory",
                   backup->options->target, backup->options->source, end->sequence);
}

/* The target is this store's backup, or becomes it. */
static bool claim_backup(struct backup *backup)
{
  struct error *error = backup->error;
  const char *target = backup->options->target;
  backup->lock_file = directory_claim(backup->world, target, error);
  if (backup->lock_file < 0) return false;
  if (identity_read(backup->world, target, &backup->target_identity, error)) {
    if (memcmp(backup->target_identity.store_id, backup->source_identity.store_id,
               STORE_ID_BYTES) == 0)
      return true;
    return error_set(error, ERROR_EXISTS,
                     "'%s' holds another store or its backup: name a new directory", target);
  }
  if (error->code != ERROR_NOT_FOUND) return false;
  backup->target_identity = backup->source_identity;
  return identity_write(backup->world, target, &backup->target_identity, error);
}

static bool contains(const struct store_file_list *list, uint64_t sequence)
{
  for (size_t i = 0; i < list->count; i++) {
    if (list->sequences[i] == sequence) return true;
  }
  return false;
}

/* Copies the snapshots the copy lacks and its log (from `first` on) can carry on. */
static bool copy_missing_snapshots(struct backup *backup, uint64_t first)
{
  struct store_file_list from = {0};
  struct store_file_list have = {0};
  bool copied = snapshot_list(&from, backup->world, backup->options->source, backup->error) &&
                snapshot_list(&have, backup->world, backup->options->target, backup->error);
  for (size_t i = 0; i < from.count && copied; i++) {
    if (from.sequences[i] + 1 < first || contains(&have, from.sequences[i])) continue;
    copied = copy_snapshot(backup, from.sequences[i]);
  }
  store_file_list_free(&from);
  store_file_list_free(&have);
  return copied;
}

static bool run_backup(struct backup *backup)
{
  struct log_end end;
  if (!identity_read(backup->world, backup->options->source, &backup->source_identity,
                     backup->error) ||
      !claim_backup(backup) || !find_end(backup, &end))
    return false;
  backup->result->last_sequence = end.sequence;
  backup->result->last_ms = end.time_ms;
  if (end.sequence != 0 && !check_same_history(backup, &end)) return false;
  struct store_file_list segments = {0};
  if (!list_segments(backup, backup->options->source, &segments)) return false;
  uint64_t first = segments.count == 0 ? 1 : segments.sequences[0];
  store_file_list_free(&segments);
  uint64_t from = end.sequence == 0 ? first : end.sequence + 1;
  /* Snapshots first: the log read after them holds what they need (checkpoint.h, SYNC). */
  return copy_missing_snapshots(backup, first) && copy_log(backup, from);
}

bool backup_run(struct world *world, const struct backup_options *options,
                struct backup_result *result, struct error *error)
{
  struct backup_options all = *options;
  all.at_ms = INT64_MAX;
  *result = (struct backup_result){0};
  struct backup backup = {
      .world = world, .options = &all, .result = result, .lock_file = -1, .error = error};
  bool done = run_backup(&backup);
  if (backup.lock_file >= 0) world->operations->file_close(world, backup.lock_file);
  return done;
}

/* ---- a restore ---- */

/* Names found in a directory that a restore did not put there. */
static void visit_foreign(void *context, const char *name)
{
  if (strcmp(name, "lock") != 0) *(bool *)context = true;
}

static bool claim_empty(struct backup *backup)
{
  const char *target = backup->options->target;
  bool foreign = false;
  backup->lock_file = directory_claim(backup->world, target, backup->error);
  if (backup->lock_file < 0) return false;
  int status = backup->world->operations->dir_list(backup->world, target, visit_foreign, &foreign);
  if (status < 0) return error_set_errno(backup->error, -status, "cannot list '%s'", target);
  if (!foreign) return true;
  return error_set(backup->error, ERROR_EXISTS,
                   "'%s' is not empty: a restore makes a new store, name a directory that is empty "
                   "or does not exist",
                   target);
}

/* The newest snapshot that ended by at_ms; *sequence 0 when there is none. */
static bool choose_snapshot(struct backup *backup, uint64_t *sequence)
{
  struct store_file_list list = {0};
  *sequence = 0;
  if (!snapshot_list(&list, backup->world, backup->options->source, backup->error)) return false;
  struct snapshot_options options = snapshot_options_of(backup, backup->options->source,
                                                        &backup->source_identity);
  bool going = true;
  for (size_t i = list.count; i > 0 && going; i--) {
    struct snapshot_reader *reader = snapshot_reader_open(backup->world, &options,
                                                          list.sequences[i - 1], backup->error);
    if (reader == NULL) {
      going = backup->error->code == ERROR_CORRUPT; /* an older one may serve */
      if (!going) *sequence = UINT64_MAX;
      continue;
    }
    going = snapshot_reader_info(reader)->end_ms > backup->options->at_ms;
    if (!going) *sequence = list.sequences[i - 1];
    snapshot_reader_close(reader);
  }
  store_file_list_free(&list);
  return *sequence != UINT64_MAX;
}

static bool check_reaches_back(struct backup *backup, uint64_t snapshot)
{
  struct store_file_list list = {0};
  if (!list_segments(backup, backup->options->source, &list)) return false;
  uint64_t first = list.count == 0 ? 1 : list.sequences[0];
  store_file_list_free(&list);
  if (first <= snapshot + 1 && backup->options->at_ms >= backup->source_identity.created_ms)
    return true;
  char text[INSTANT_TEXT_BYTES];
  instant_format(backup->options->at_ms, text);
  return error_set(backup->error, ERROR_NOT_FOUND,
                   "'%s' does not reach back to %.*s: choose a later time", backup->options->source,
                   (int)sizeof text, text);
}

static bool run_restore(struct backup *backup)
{
  uint64_t snapshot;
  if (!identity_read(backup->world, backup->options->source, &backup->source_identity,
                     backup->error) ||
      !claim_empty(backup) || !choose_snapshot(backup, &snapshot) ||
      !check_reaches_back(backup, snapshot))
    return false;
  backup->target_identity = identity_make(backup->world);
  backup->target_identity.created_ms = backup->source_identity.created_ms;
  backup->result->last_sequence = snapshot;
  if (snapshot != 0 && !copy_snapshot(backup, snapshot)) return false;
  if (!copy_log(backup, snapshot + 1)) return false;
  /* Last: without it the directory is no store, and a restore that was cut short is no danger. */
  return identity_write(backup->world, backup->options->target, &backup->target_identity,
                        backup->error);
}

bool backup_restore(struct world *world, const struct backup_options *options,
                    struct backup_result *result, struct error *error)
{
  *result = (struct backup_result){0};
  struct backup backup = {
      .world = world, .options = options, .result = result, .lock_file = -1, .error = error};
  bool done = run_restore(&backup);
  if (backup.lock_file >= 0) world->operations->file_close(world, backup.lock_file);
  return done;
}
