/*
 * Reading segments, and recovery: what an invalid frame means (log_format.h) is decided in
 * explain().
 *
 * The reader holds a window of the current file, at least one frame, and hands out payloads that
 * lie in it. Files may be growing unless the tail is cut, so bytes behind the last valid frame are
 * read again before anything is concluded from them.
 */
#include "base/check.h"
#include "store/log_format.h"
#include "store/log_window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct log_reader {
  struct world *world;
  char directory[STORE_FILE_PATH_BYTES];
  uint8_t store_id[STORE_ID_BYTES];
  bool has_key;
  uint8_t key[LOG_KEY_BYTES];
  enum log_tail tail;
  uint64_t from;
  uint64_t needed; /* LOG_TAIL_CUT: the log must not end before this sequence */
  struct store_file_list list;
  bool ended; /* LOG_TAIL_CUT: the tail is cut, nothing follows */

  /* The current segment; file is -1 before the first one. */
  int file;
  uint64_t segment; /* the sequence of its name */
  char path[STORE_FILE_PATH_BYTES];
  struct log_cipher cipher;
  uint64_t position; /* in the file, of the next frame */
  uint32_t number;   /* of the next frame */
  uint64_t sequence; /* of the next record */

  struct log_window window; /* on the current segment */

  /* The frame whose records are being handed out; it ends at `position`. */
  uint64_t frame_position;
  struct bytes records;
  size_t record_offset;
  uint32_t records_left;
};

static void close_segment(struct log_reader *reader)
{
  if (reader->file >= 0) reader->world->operations->file_close(reader->world, reader->file);
  seal_free(&reader->cipher.sealer);
  reader->cipher.sealer = (struct sealer){0};
  reader->file = -1;
}

void log_reader_close(struct log_reader *reader)
{
  if (reader == NULL) return;
  struct memory *memory = &reader->world->memory;
  close_segment(reader);
  store_file_list_free(&reader->list);
  log_window_free(&reader->window, reader->world);
  explicit_bzero(reader->key, sizeof reader->key);
  memory_free(memory, reader, sizeof *reader);
}

const char *log_reader_path(const struct log_reader *reader)
{
  return reader->path;
}

uint64_t log_reader_offset(const struct log_reader *reader, const struct log_record *record)
{
  ptrdiff_t payload = record->payload.data - reader->records.data;
  CHECK(payload >= LOG_RECORD_HEADER_BYTES && (size_t)payload <= reader->records.size);
  return reader->frame_position + LOG_FRAME_HEADER_BYTES + (uint64_t)payload -
         LOG_RECORD_HEADER_BYTES;
}

static bool open_segment(struct log_reader *reader, uint64_t sequence, struct error *error)
{
  struct world *world = reader->world;
  close_segment(reader);
  store_file_numbered_path(reader->path, &log_segment_kind, reader->directory, sequence);
  static const int flags[] = {
      [LOG_TAIL_CUT] = WORLD_OPEN_WRITE,
      [LOG_TAIL_KEEP] = WORLD_OPEN_READ,
      /* Behind the last record there is nothing yet, which the kernel would fetch and clear. */
      [LOG_TAIL_FOLLOW] = WORLD_OPEN_READ | WORLD_OPEN_EXACT,
  };
  int file = world->operations->file_open(world, reader->path, flags[reader->tail]);
  if (file == -ENOENT)
    return error_set(error, ERROR_NOT_FOUND, "%s is gone: it was removed as too old", reader->path);
  if (file < 0) return error_set_errno(error, -file, "cannot open %s", reader->path);
  reader->file = file;
  struct store_file_header header;
  if (!store_file_header_read(world, file, &log_segment_kind, sequence, reader->path, &header,
                              error))
    return false;
  if (!store_file_unseal(&log_segment_kind, &header, reader->store_id,
                         reader->has_key ? reader->key : NULL, reader->path, &reader->cipher.sealer,
                         error))
    return false;
  reader->cipher.seed = store_file_seed(header.salt);
  reader->cipher.sealed = header.sealed;
  reader->segment = sequence;
  reader->sequence = sequence;
  reader->position = STORE_FILE_BLOCK_BYTES;
  reader->number = 0;
  log_window_clear(&reader->window);
  return true;
}

/* The segment with the record `from`, out of the list; file stays -1 when there is none yet. */
static bool find_first_segment(struct log_reader *reader, struct error *error)
{
  const struct store_file_list *list = &reader->list;
  size_t after = 0;
  while (after < list->count && list->sequences[after] <= reader->from) after++;
  if (after > 0) return open_segment(reader, list->sequences[after - 1], error);
  if (list->count == 0 && reader->from <= 1) return true;
  return error_set(error, ERROR_NOT_FOUND, "the log in %s does not reach back to sequence %" PRIu64,
                   reader->directory, reader->from);
}

struct log_reader *log_reader_open(struct world *world, const struct log_options *options,
                                   uint64_t from, enum log_tail tail, struct error *error)
{
  if (!store_file_check_directory(options->directory, error)) return NULL;
  struct log_reader *reader = memory_alloc_zeroed(&world->memory, sizeof *reader);
  if (reader == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory to read the log");
    return NULL;
  }
  reader->world = world;
  reader->tail = tail;
  if (tail == LOG_TAIL_FOLLOW) reader->window.step = LOG_WINDOW_TAIL_BYTES;
  reader->from = from == 0 ? 1 : from;
  reader->needed = reader->from - 1;
  reader->file = -1;
  reader->sequence = 1;
  reader->list.memory = &world->memory;
  memcpy(reader->directory, options->directory, strlen(options->directory) + 1);
  memcpy(reader->store_id, options->store_id, STORE_ID_BYTES);
  reader->has_key = options->key != NULL;
  if (reader->has_key) memcpy(reader->key, options->key, LOG_KEY_BYTES);
  if (store_file_list_read(&reader->list, world, &log_segment_kind, reader->directory, error) &&
      find_first_segment(reader, error))
    return reader;
  log_reader_close(reader);
  return NULL;
}

void log_reader_need(struct log_reader *reader, uint64_t sequence)
{
  if (sequence > reader->needed) reader->needed = sequence;
}

static bool corrupt(const struct log_reader *reader, uint64_t offset, const char *what,
                    struct error *error)
{
  return error_set(error, ERROR_CORRUPT, "%s at offset %" PRIu64 ": %s (sequence %" PRIu64 ")",
                   reader->path, offset, what, reader->sequence);
}

static bool fill_window(struct log_reader *reader, size_t need, size_t *have, struct error *error)
{
  return log_window_fill(&reader->window, reader->world, reader->file, reader->path,
                         reader->position, need, have, error);
}

enum frame_found { FRAME_NONE, FRAME_FOUND, FRAME_ERROR };

static enum frame_found accept_frame(struct log_reader *reader, const struct log_frame *frame,
                                     uint8_t *at, struct error *error)
{
  enum log_frame_state state = log_frame_open(frame, &reader->cipher, at);
  if (state == LOG_FRAME_TORN) return FRAME_NONE;
  const char *wrong = NULL;
  if (state == LOG_FRAME_FORGED)
    wrong = "the frame was not sealed with the key of this segment";
  else if (frame->number != reader->number)
    wrong = "the frame has an unexpected number";
  else if (frame->first_sequence != reader->sequence)
    wrong = "the frame begins with another sequence than expected";
  else if ((frame->records == 0) != (frame->size == 0))
    wrong = "the frame's number of records is impossible";
  if (wrong != NULL) {
    corrupt(reader, reader->position, wrong, error);
    return FRAME_ERROR;
  }
  reader->records = bytes_of(at + LOG_FRAME_HEADER_BYTES, frame->size);
  reader->record_offset = 0;
  reader->records_left = frame->records;
  reader->frame_position = reader->position;
  reader->position += log_frame_extent(frame->size);
  reader->number++;
  return FRAME_FOUND;
}

/* The frame at `position`, if there is a valid one. */
static enum frame_found read_frame(struct log_reader *reader, struct error *error)
{
  size_t have;
  struct log_frame frame;
  if (!fill_window(reader, LOG_FRAME_HEADER_BYTES, &have, error)) return FRAME_ERROR;
  if (have < LOG_FRAME_HEADER_BYTES) return FRAME_NONE;
  uint8_t *at = log_window_at(&reader->window, reader->position);
  if (!log_frame_decode_header(at, reader->cipher.seed, &frame)) return FRAME_NONE;
  uint64_t extent = log_frame_extent(frame.size);
  if (have < extent) {
    /* Asked before the window grows, so that no header can make us allocate more than a file. */
    int64_t size = reader->world->operations->file_size(reader->world, reader->file);
    if (size < 0) {
      error_set_errno(error, (int)-size, "cannot read the size of %s", reader->path);
      return FRAME_ERROR;
    }
    if ((uint64_t)size < reader->position + extent) return FRAME_NONE;
    if (!fill_window(reader, (size_t)extent, &have, error)) return FRAME_ERROR;
    if (have < extent) return FRAME_NONE;
    at = log_window_at(&reader->window, reader->position);
  }
  return accept_frame(reader, &frame, at, error);
}

/* Whether a valid frame header lies behind `position`; where, in *found. Empties the window. */
static bool scan_for_header(struct log_reader *reader, bool *any, uint64_t *found,
                            struct error *error)
{
  struct world *world = reader->world;
  uint64_t offset = reader->position + LOG_FRAME_ALIGN;
  *any = false;
  log_window_clear(&reader->window);
  for (;;) {
    int64_t count = world->operations->file_read(world, reader->file, reader->window.data,
                                                 reader->window.capacity, offset);
    if (count < 0)
      return error_set_errno(error, (int)-count, "cannot read %s at offset %" PRIu64, reader->path,
                             offset);
    size_t whole = (size_t)count / LOG_FRAME_ALIGN * LOG_FRAME_ALIGN;
    if (whole == 0) return true;
    for (size_t at = 0; at < whole; at += LOG_FRAME_ALIGN) {
      struct log_frame frame;
      if (!log_frame_decode_header(reader->window.data + at, reader->cipher.seed, &frame)) continue;
      *found = offset + at;
      *any = true;
      return true;
    }
    offset += whole;
  }
}

/*
 * Writes the last frame again as it stands, unless it is a confirming one. After a sync that failed
 * the page cache shows what the disk may not have, and a further sync would succeed without
 * writing it.
 */
static bool rewrite_last_frame(struct log_reader *reader, struct error *error)
{
  struct world *world = reader->world;
  if (reader->position == STORE_FILE_BLOCK_BYTES || reader->records.size == 0) return true;
  size_t extent = (size_t)(reader->position - reader->frame_position);
  CHECK_THAT(extent, <=, reader->window.capacity);
  log_window_clear(&reader->window);
  int64_t result = world->operations->file_read(world, reader->file, reader->window.data, extent,
                                                reader->frame_position);
  if (result == (int64_t)extent)
    result = world->operations->file_write(world, reader->file, reader->window.data, extent,
                                           reader->frame_position);
  else if (result >= 0)
    result = -EIO;
  if (result == 0) return true;
  return error_set_errno(error, (int)-result, "cannot secure %s at offset %" PRIu64, reader->path,
                         reader->frame_position);
}

/* L6: makes the last frame durable and cuts the last segment after it. */
static bool cut_tail(struct log_reader *reader, struct error *error)
{
  struct world *world = reader->world;
  /* Then it is damage, and what is cut might be what a repair needs. */
  if (reader->sequence <= reader->needed)
    return corrupt(reader, reader->position, "the log ends before a sequence known to be durable",
                   error);
  if (!rewrite_last_frame(reader, error)) return false;
  int64_t size = world->operations->file_size(world, reader->file);
  if (size < 0)
    return error_set_errno(error, (int)-size, "cannot read the size of %s", reader->path);
  int result = 0;
  if ((uint64_t)size > reader->position)
    result = world->operations->file_truncate(world, reader->file, reader->position);
  if (result == 0) result = world->operations->file_sync(world, reader->file);
  if (result < 0)
    return error_set_errno(error, -result, "cannot cut %s at offset %" PRIu64, reader->path,
                           reader->position);
  reader->ended = true;
  return true;
}

/* The segment after the current one; 0 when there is none. */
static bool find_successor(struct log_reader *reader, uint64_t *successor, struct error *error)
{
  if (reader->tail != LOG_TAIL_CUT &&
      !store_file_list_read(&reader->list, reader->world, &log_segment_kind, reader->directory,
                            error))
    return false;
  *successor = 0;
  for (size_t i = 0; i < reader->list.count && *successor == 0; i++)
    if (reader->list.sequences[i] > reader->segment) *successor = reader->list.sequences[i];
  return true;
}

/*
 * Whether the window shows that nothing was ever written at `position`: no need to look behind it.
 */
static bool untouched(const struct log_reader *reader)
{
  uint64_t at = reader->position - reader->window.start;
  for (size_t i = 0; i < LOG_FRAME_HEADER_BYTES; i++)
    if (at + i < reader->window.size && reader->window.data[at + i] != 0) return false;
  return true;
}

/*
 * No valid frame is at `position`: 1 when reading goes on (another segment, or the frame has been
 * completed meanwhile), 0 at the end, -1 with *error. Everything that could prove a hole is looked
 * at BEFORE the frame is read again: a writer cannot have put it there without having finished the
 * frame first (L1, L9).
 */
static int explain(struct log_reader *reader, struct error *error)
{
  uint64_t successor;
  uint64_t later = 0;
  bool hole = false;
  if (reader->tail != LOG_TAIL_CUT || !untouched(reader)) {
    /* The window may be older than the frame: whoever follows a log mostly finds it now. */
    log_window_clear(&reader->window);
    enum frame_found fresh = read_frame(reader, error);
    if (fresh != FRAME_NONE) return fresh == FRAME_FOUND ? 1 : -1;
  }
  if (!find_successor(reader, &successor, error)) return -1;
  if (successor == 0 && (reader->tail == LOG_TAIL_CUT || !untouched(reader)) &&
      !scan_for_header(reader, &hole, &later, error))
    return -1;
  log_window_clear(&reader->window);
  enum frame_found again = read_frame(reader, error);
  if (again != FRAME_NONE) return again == FRAME_FOUND ? 1 : -1;
  if (hole) {
    char what[128];
    snprintf(what, sizeof what,
             "the frame is damaged, but a later one at offset %" PRIu64 " was written", later);
    corrupt(reader, reader->position, what, error);
    return -1;
  }
  if (successor == 0) {
    if (reader->tail == LOG_TAIL_CUT && !cut_tail(reader, error)) return -1;
    return 0;
  }
  if (successor != reader->sequence) {
    char what[128];
    snprintf(what, sizeof what,
             "records are missing here, the next segment begins with sequence %" PRIu64, successor);
    corrupt(reader, reader->position, what, error);
    return -1;
  }
  return open_segment(reader, successor, error) ? 1 : -1;
}

/* 1 with a frame loaded or a segment opened, 0 at the end, -1 with *error. */
static int advance(struct log_reader *reader, struct error *error)
{
  if (reader->ended) return 0;
  if (reader->file < 0) {
    if (!store_file_list_read(&reader->list, reader->world, &log_segment_kind, reader->directory,
                              error) ||
        !find_first_segment(reader, error))
      return -1;
    return reader->file >= 0;
  }
  enum frame_found found = read_frame(reader, error);
  if (found == FRAME_ERROR) return -1;
  return found == FRAME_FOUND ? 1 : explain(reader, error);
}

int log_reader_next(struct log_reader *reader, struct log_record *record, struct error *error)
{
  for (;;) {
    while (reader->records_left > 0) {
      if (!log_record_decode(reader->records, &reader->record_offset, record)) {
        corrupt(reader, reader->frame_position, "a record reaches outside of its frame", error);
        return -1;
      }
      record->sequence = reader->sequence++;
      if (--reader->records_left == 0 && reader->record_offset != reader->records.size) {
        corrupt(reader, reader->frame_position, "the frame is longer than its records", error);
        return -1;
      }
      if (record->sequence >= reader->from) return 1;
    }
    int more = advance(reader, error);
    if (more <= 0) return more;
  }
}
