#include "base/check.h"
#include "store/log_window.h"
#include "store/snapshot_format.h"

#include <errno.h>
#include <inttypes.h>

struct snapshot_reader {
  struct world *world;
  char path[STORE_FILE_PATH_BYTES];
  int file;
  struct log_cipher cipher;
  struct snapshot_info info;
  uint64_t frames; /* as the trailer says */
  uint64_t trailer_position;

  struct log_window window;
  uint64_t position; /* of the next frame */
  uint64_t number;   /* of the next frame */
  uint64_t record;   /* ordinal of the next record */

  uint64_t frame_position;
  struct bytes records;
  size_t record_offset;
  uint32_t records_left;
};

static bool corrupt(const struct snapshot_reader *reader, uint64_t offset, const char *what,
                    struct error *error)
{
  return error_set(error, ERROR_CORRUPT, "%s at offset %" PRIu64 ": %s", reader->path, offset,
                   what);
}

/*
 * Loads the frame at `position`, which must be whole, of the expected number and end before
 * `limit`.
 */
static bool load_frame(struct snapshot_reader *reader, uint64_t limit, struct error *error)
{
  size_t have;
  struct log_frame frame;
  uint64_t position = reader->position;
  if (!log_window_fill(&reader->window, reader->world, reader->file, reader->path, position,
                       LOG_FRAME_HEADER_BYTES, &have, error))
    return false;
  if (have < LOG_FRAME_HEADER_BYTES ||
      !log_frame_decode_header(log_window_at(&reader->window, position), reader->cipher.seed,
                               &frame) ||
      log_frame_extent(frame.size) > limit - position)
    return corrupt(reader, position, "the header of a frame is damaged", error);
  size_t extent = (size_t)log_frame_extent(frame.size);
  if (!log_window_fill(&reader->window, reader->world, reader->file, reader->path, position, extent,
                       &have, error))
    return false;
  uint8_t *at = log_window_at(&reader->window, position);
  if (have < extent || log_frame_open(&frame, &reader->cipher, at) != LOG_FRAME_VALID)
    return corrupt(reader, position, "a frame is damaged", error);
  if (frame.number != reader->number || frame.first_sequence != reader->record)
    return corrupt(reader, position, "a frame is out of order", error);
  reader->records = bytes_of(at + LOG_FRAME_HEADER_BYTES, frame.size);
  reader->record_offset = 0;
  reader->records_left = frame.records;
  reader->frame_position = position;
  reader->position += extent;
  reader->number++;
  return true;
}

/* The next record of the loaded frame. */
static bool take_record(struct snapshot_reader *reader, struct log_record *record,
                        struct error *error)
{
  CHECK_THAT(reader->records_left, >, 0);
  if (!log_record_decode(reader->records, &reader->record_offset, record))
    return corrupt(reader, reader->frame_position, "a record reaches outside of its frame", error);
  if (--reader->records_left == 0 && reader->record_offset != reader->records.size)
    return corrupt(reader, reader->frame_position, "a frame is longer than its records", error);
  reader->record++;
  return true;
}

/*
 * Reads the trailer first, so that a file that was never finished is refused before the engine has
 * taken a single item from it. Its own number and ordinal are those it speaks of.
 */
static bool read_trailer(struct snapshot_reader *reader, struct error *error)
{
  struct world *world = reader->world;
  int64_t size = world->operations->file_size(world, reader->file);
  if (size < 0)
    return error_set_errno(error, (int)-size, "cannot read the size of %s", reader->path);
  if (size < STORE_FILE_BLOCK_BYTES + SNAPSHOT_TRAILER_BYTES)
    return corrupt(reader, (uint64_t)size, "the file ends before its trailer", error);
  reader->info.bytes = (uint64_t)size;
  reader->trailer_position = (uint64_t)size - SNAPSHOT_TRAILER_BYTES;
  uint8_t at[SNAPSHOT_TRAILER_BYTES];
  int64_t count = world->operations->file_read(world, reader->file, at, sizeof at,
                                               reader->trailer_position);
  if (count < 0)
    return error_set_errno(error, (int)-count, "cannot read %s at offset %" PRIu64, reader->path,
                           reader->trailer_position);
  struct log_frame frame;
  struct log_record record = {0};
  size_t offset = 0;
  if ((size_t)count < sizeof at || !log_frame_decode_header(at, reader->cipher.seed, &frame) ||
      frame.size != LOG_RECORD_HEADER_BYTES + SNAPSHOT_TRAILER_PAYLOAD_BYTES ||
      log_frame_open(&frame, &reader->cipher, at) != LOG_FRAME_VALID ||
      !log_record_decode(bytes_of(at + LOG_FRAME_HEADER_BYTES, frame.size), &offset, &record) ||
      record.type != SNAPSHOT_TRAILER || record.payload.size != SNAPSHOT_TRAILER_PAYLOAD_BYTES)
    return corrupt(reader, reader->trailer_position, "the trailer is damaged or missing", error);
  struct snapshot_trailer trailer = snapshot_trailer_decode(record.payload.data);
  if (trailer.frames != frame.number || trailer.records + 1 != frame.first_sequence)
    return corrupt(reader, reader->trailer_position, "the trailer contradicts itself", error);
  reader->info.end_sequence = trailer.end_sequence;
  reader->info.end_ms = trailer.end_ms;
  reader->info.records = trailer.records;
  reader->frames = trailer.frames;
  return true;
}

static bool open_file(struct snapshot_reader *reader, const struct snapshot_options *options,
                      uint64_t sequence, struct error *error)
{
  struct world *world = reader->world;
  store_file_numbered_path(reader->path, &snapshot_kind, options->directory, sequence);
  int file = world->operations->file_open(world, reader->path, WORLD_OPEN_READ);
  if (file == -ENOENT) return error_set(error, ERROR_NOT_FOUND, "there is no %s", reader->path);
  if (file < 0) return error_set_errno(error, -file, "cannot open %s", reader->path);
  reader->file = file;
  struct store_file_header header;
  if (!store_file_header_read(world, file, &snapshot_kind, sequence, reader->path, &header,
                              error) ||
      !store_file_unseal(&snapshot_kind, &header, options->store_id, options->key, reader->path,
                         &reader->cipher.sealer, error))
    return false;
  reader->cipher.seed = store_file_seed(header.salt);
  reader->cipher.sealed = header.sealed;
  reader->info.sequence = sequence;
  reader->info.begin_ms = header.created_ms;
  reader->position = STORE_FILE_BLOCK_BYTES;
  reader->record = 1;
  return read_trailer(reader, error);
}

struct snapshot_reader *snapshot_reader_open(struct world *world,
                                             const struct snapshot_options *options,
                                             uint64_t sequence, struct error *error)
{
  if (!store_file_check_directory(options->directory, error)) return NULL;
  struct snapshot_reader *reader = memory_alloc_zeroed(&world->memory, sizeof *reader);
  if (reader == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory to read a snapshot");
    return NULL;
  }
  reader->world = world;
  reader->file = -1;
  if (open_file(reader, options, sequence, error)) return reader;
  snapshot_reader_close(reader);
  return NULL;
}

const struct snapshot_info *snapshot_reader_info(const struct snapshot_reader *reader)
{
  return &reader->info;
}

const char *snapshot_reader_path(const struct snapshot_reader *reader)
{
  return reader->path;
}

uint64_t snapshot_reader_offset(const struct snapshot_reader *reader,
                                const struct snapshot_record *record)
{
  ptrdiff_t payload = record->payload.data - reader->records.data;
  CHECK(payload >= LOG_RECORD_HEADER_BYTES && (size_t)payload <= reader->records.size);
  return reader->frame_position + LOG_FRAME_HEADER_BYTES + (uint64_t)payload -
         LOG_RECORD_HEADER_BYTES;
}

int snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_record *record,
                         struct error *error)
{
  while (reader->records_left == 0) {
    if (reader->position == reader->trailer_position) {
      if (reader->record == reader->info.records + 1 && reader->number == reader->frames) return 0;
      corrupt(reader, reader->position, "records are missing before the trailer", error);
      return -1;
    }
    if (!load_frame(reader, reader->trailer_position, error)) return -1;
  }
  struct log_record taken;
  if (!take_record(reader, &taken, error)) return -1;
  record->type = taken.type;
  record->payload = taken.payload;
  return 1;
}

void snapshot_reader_close(struct snapshot_reader *reader)
{
  if (reader == NULL) return;
  struct world *world = reader->world;
  if (reader->file >= 0) world->operations->file_close(world, reader->file);
  seal_free(&reader->cipher.sealer);
  log_window_free(&reader->window, world);
  memory_free(&world->memory, reader, sizeof *reader);
}
