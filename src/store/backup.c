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

/* Appends what the reader still has up to at_ms; unless *log is open, the first record opens it. */
static bool copy_log_records(struct backup *backup, struct log_reader *reader,
                             const struct log_options *to, struct log **log)
{
  struct backup_result *result = backup->result;
  struct log_record record;
  size_t unsynced = 0;
  int status;
  while ((status = log_reader_next(reader, &record, backup->error)) == 1) {
    if (record.time_ms > backup->options->at_ms) break;
    if (*log == NULL) *log = log_open(backup->world, to, record.sequence, backup->error);
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

/*
 * Copies the records from `from` on. A copy without any segment gets one even if there are none: it
 * says where the log of a store that begins with a snapshot goes on.
 */
static bool copy_log(struct backup *backup, uint64_t from, bool first)
{
  struct log_options source = log_options_of(backup, backup->options->source,
                                             &backup->source_identity);
  struct log_options to = log_options_of(backup, backup->options->target, &backup->target_identity);
  struct log_reader *reader = log_reader_open(backup->world, &source, from, LOG_TAIL_KEEP,
                                              backup->error);
  if (reader == NULL) return false;
  struct log *log = first ? log_open(backup->world, &to, from, backup->error) : NULL;
  bool copied = (log != NULL || !first) && copy_log_records(backup, reader, &to, &log);
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
  uint64_t next; /* sequence the copy's log goes on with; 0: it has no segment yet */
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
  /* An interrupted backup may have left a segment without records: go back to one that has some. */
  bool found = list.count == 0;
  struct log_options options = log_options_of(backup, backup->options->target,
                                              &backup->target_identity);
  for (size_t i = list.count; i > 0 && !found; i--) {
    end->next = list.sequences[i - 1];
    struct log_reader *reader = log_reader_open(backup->world, &options, end->next, LOG_TAIL_CUT,
                                                backup->error);
    struct log_record record;
    int status = -1;
    while (reader != NULL && (status = log_reader_next(reader, &record, backup->error)) == 1)
      *end = (struct log_end){record.sequence + 1, record.sequence, record.time_ms, record.type,
                              hash_record(&record)};
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

/* Names that a claim of the directory, cut short perhaps, did not put there. */
static void visit_foreign(void *context, const char *name)
{
  if (strcmp(name, "lock") != 0 && strcmp(name, "identity.tmp") != 0) *(bool *)context = true;
}

static bool check_empty(struct backup *backup)
{
  const char *target = backup->options->target;
  bool foreign = false;
  int status = backup->world->operations->dir_list(backup->world, target, visit_foreign, &foreign);
  if (status < 0) return error_set_errno(backup->error, -status, "cannot list '%s'", target);
  if (!foreign) return true;
  return error_set(backup->error, ERROR_EXISTS,
                   "'%s' is not empty: name a directory that is empty or does not exist", target);
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
  if (error->code != ERROR_NOT_FOUND || !check_empty(backup)) return false;
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

/* Whether the source's snapshot belongs into the copy, whose log has the records first to last. */
static bool is_covered(struct backup *backup, uint64_t sequence, uint64_t first, bool *covered)
{
  struct snapshot_options options = snapshot_options_of(backup, backup->options->source,
                                                        &backup->source_identity);
  struct snapshot_reader *reader = snapshot_reader_open(backup->world, &options, sequence,
                                                        backup->error);
  *covered = false;
  /* Removed as too old since the directory was read. */
  if (reader == NULL) return backup->error->code == ERROR_NOT_FOUND;
  *covered = sequence + 1 >= first &&
             snapshot_reader_info(reader)->end_sequence <= backup->result->last_sequence;
  snapshot_reader_close(reader);
  return true;
}

static bool copy_missing_snapshots(struct backup *backup, uint64_t first)
{
  struct store_file_list from = {0};
  struct store_file_list have = {0};
  bool copied = snapshot_list(&from, backup->world, backup->options->source, backup->error) &&
                snapshot_list(&have, backup->world, backup->options->target, backup->error);
  for (size_t i = 0; i < from.count && copied; i++) {
    bool covered = false;
    if (contains(&have, from.sequences[i])) continue;
    copied = is_covered(backup, from.sequences[i], first, &covered);
    if (copied && covered) copied = copy_snapshot(backup, from.sequences[i]);
  }
  store_file_list_free(&from);
  store_file_list_free(&have);
  return copied;
}

/* The first sequence of a directory's log; 1 when there is none. */
static bool find_log_begin(struct backup *backup, const char *directory, uint64_t *first)
{
  struct store_file_list segments = {0};
  if (!list_segments(backup, directory, &segments)) return false;
  *first = segments.count == 0 ? 1 : segments.sequences[0];
  store_file_list_free(&segments);
  return true;
}

static bool run_backup(struct backup *backup)
{
  struct log_end end;
  uint64_t first;
  const char *source = backup->options->source;
  const char *target = backup->options->target;
  if (!identity_read(backup->world, source, &backup->source_identity, backup->error) ||
      !claim_backup(backup) || !find_end(backup, &end))
    return false;
  if (end.sequence != 0 && !check_same_history(backup, &end)) return false;
  if (!find_log_begin(backup, source, &first)) return false;
  uint64_t from = end.next == 0 ? first : end.next;
  backup->result->last_sequence = from - 1;
  backup->result->last_ms = end.time_ms;
  /*
   * Log first, then only snapshots whose records it has: wherever this is cut short, the copy is
   * one that can be restored.
   */
  return copy_log(backup, from, end.next == 0) && find_log_begin(backup, target, &first) &&
         copy_missing_snapshots(backup, first);
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

static bool claim_empty(struct backup *backup)
{
  backup->lock_file = directory_claim(backup->world, backup->options->target, backup->error);
  return backup->lock_file >= 0 && check_empty(backup);
}

/* When the source's snapshot ended; INT64_MAX when it is damaged or gone: another may serve. */
static bool snapshot_end(struct backup *backup, uint64_t sequence, int64_t *end_ms)
{
  struct snapshot_options options = snapshot_options_of(backup, backup->options->source,
                                                        &backup->source_identity);
  struct snapshot_reader *reader = snapshot_reader_open(backup->world, &options, sequence,
                                                        backup->error);
  *end_ms = INT64_MAX;
  if (reader == NULL)
    return backup->error->code == ERROR_CORRUPT || backup->error->code == ERROR_NOT_FOUND;
  *end_ms = snapshot_reader_info(reader)->end_ms;
  snapshot_reader_close(reader);
  return true;
}

static bool refuse_moment(struct backup *backup, int64_t earliest_ms)
{
  char text[INSTANT_TEXT_BYTES];
  if (earliest_ms > INSTANT_MAX_MS)
    return error_set(backup->error, ERROR_CORRUPT,
                     "'%s' has no undamaged snapshot that its log can carry on",
                     backup->options->source);
  instant_format(earliest_ms, text);
  return error_set(backup->error, ERROR_NOT_FOUND,
                   "'%s' reaches back to %.*s only: choose that time or a later one",
                   backup->options->source, (int)sizeof text, text);
}

/*
 * Copies the newest undamaged snapshot that ended by at_ms and that the log, which begins with
 * `first`, carries on; *sequence 0: the log has everything from the store's begin on.
 */
static bool restore_snapshot(struct backup *backup, const struct store_file_list *list,
                             uint64_t first, uint64_t *sequence)
{
  int64_t earliest_ms = first <= 1 ? backup->source_identity.created_ms : INT64_MAX;
  int64_t at_ms = backup->options->at_ms;
  for (size_t i = list->count; i > 0; i--) {
    int64_t end_ms;
    *sequence = list->sequences[i - 1];
    if (*sequence == 0 || *sequence + 1 < first) continue;
    if (!snapshot_end(backup, *sequence, &end_ms)) return false;
    if (end_ms < earliest_ms) earliest_ms = end_ms;
    if (end_ms > at_ms || end_ms == INT64_MAX) continue;
    backup->result->last_sequence = *sequence;
    backup->result->last_ms = end_ms;
    if (copy_snapshot(backup, *sequence)) return true;
    if (backup->error->code != ERROR_CORRUPT) return false;
  }
  *sequence = 0;
  backup->result->last_sequence = 0;
  backup->result->last_ms = 0;
  bool whole = first <= 1 && at_ms >= backup->source_identity.created_ms;
  return whole || refuse_moment(backup, earliest_ms);
}

static bool run_restore(struct backup *backup)
{
  uint64_t first;
  uint64_t snapshot;
  struct store_file_list list = {0};
  if (!identity_read(backup->world, backup->options->source, &backup->source_identity,
                     backup->error) ||
      !claim_empty(backup) || !find_log_begin(backup, backup->options->source, &first) ||
      !snapshot_list(&list, backup->world, backup->options->source, backup->error))
    return false;
  backup->target_identity = identity_make(backup->world);
  backup->target_identity.created_ms = backup->source_identity.created_ms;
  bool copied = restore_snapshot(backup, &list, first, &snapshot);
  store_file_list_free(&list);
  if (!copied || !copy_log(backup, snapshot + 1, true)) return false;
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
