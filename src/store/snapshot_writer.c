/*
 * The writer of a snapshot file.
 *
 *     engine:       fill -> (handed over when it has reached SNAPSHOT_FRAME_BYTES) -> the other
 *     buffer file thread:  OPEN -> BLOCK -> FRAMES: write | sync ... -> TRAILER -> SYNC -> RENAME
 *     -> DIR_SYNC
 *                     any failure -> FAILED, file removed                          -> DONE
 */
#include "base/check.h"
#include "store/snapshot_format.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
  BUFFER_BYTES = 2 * SNAPSHOT_FRAME_BYTES,
  PACE_MS_MAX = 1000, /* longest sleep at once */
};

enum phase {
  PHASE_OPEN,
  PHASE_BLOCK,
  PHASE_FRAMES,
  PHASE_TRAILER,
  PHASE_SYNC,
  PHASE_RENAME,
  PHASE_DIR_SYNC
};

struct frame_buffer {
  uint8_t *data;
  size_t size; /* header of the frame included */
  size_t capacity;
  uint32_t records;
  uint64_t first_record; /* ordinal, from 1 */
};

struct snapshot_writer {
  /* Constant. */
  struct world *world;
  char directory[STORE_FILE_PATH_BYTES];
  char path[STORE_FILE_PATH_BYTES];
  char unfinished_path[STORE_FILE_PATH_BYTES];
  struct store_file_header header;
  bool threads;
  uint64_t bytes_per_second;

  /* Engine thread, until finished. */
  struct frame_buffer buffers[2];
  struct frame_buffer *fill;
  uint64_t records;

  /* Under the lock. */
  pthread_mutex_t lock;
  pthread_cond_t work;
  struct frame_buffer *handed; /* full, waits for or is at the disk */
  bool finished;
  struct snapshot_trailer trailer;
  bool stop;
  enum snapshot_state state;
  struct error error;
  uint64_t bytes;

  /* File thread, or whoever steps. */
  enum phase phase;
  int file;
  struct log_cipher cipher;
  uint32_t frames;
  uint64_t position;
  uint64_t unsynced; /* bytes */
  int64_t begun_ns;
  uint8_t trailer_data[SNAPSHOT_TRAILER_BYTES];
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  pthread_t thread;
};

/* ---- the file: file thread ---- */

static void begin_frame(struct frame_buffer *buffer, uint64_t records)
{
  buffer->size = LOG_FRAME_HEADER_BYTES;
  buffer->records = 0;
  buffer->first_record = records + 1;
}

static int open_file(struct snapshot_writer *writer)
{
  struct world *world = writer->world;
  /* What an earlier run left; if it cannot be removed the open says so. */
  world->operations->file_remove(world, writer->unfinished_path);
  int file = world->operations->file_open(world, writer->unfinished_path,
                                          WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE);
  writer->file = file;
  return file < 0 ? file : 0;
}

static int write_bytes(struct snapshot_writer *writer, const uint8_t *data, size_t size)
{
  struct world *world = writer->world;
  int result = world->operations->file_write(world, writer->file, data, size, writer->position);
  writer->position += size;
  writer->unsynced += size;
  pthread_mutex_lock(&writer->lock);
  writer->bytes = writer->position;
  pthread_mutex_unlock(&writer->lock);
  return result;
}

static int write_frame(struct snapshot_writer *writer, struct frame_buffer *buffer)
{
  struct log_frame frame = {
      .number = writer->frames++,
      .size = (uint32_t)(buffer->size - LOG_FRAME_HEADER_BYTES),
      .records = buffer->records,
      .first_sequence = buffer->first_record,
      .time_ms = world_clock_ms(writer->world),
  };
  log_frame_encode(&frame, &writer->cipher, buffer->data);
  return write_bytes(writer, buffer->data, (size_t)log_frame_extent(frame.size));
}

static int write_trailer(struct snapshot_writer *writer)
{
  struct frame_buffer buffer = {.data = writer->trailer_data, .records = 1};
  uint8_t *record = buffer.data + LOG_FRAME_HEADER_BYTES;
  writer->trailer.frames = writer->frames;
  buffer.first_record = writer->trailer.records + 1;
  buffer.size = LOG_FRAME_HEADER_BYTES + LOG_RECORD_HEADER_BYTES + SNAPSHOT_TRAILER_PAYLOAD_BYTES;
  log_record_encode(record, SNAPSHOT_TRAILER, 0, SNAPSHOT_TRAILER_PAYLOAD_BYTES);
  snapshot_trailer_encode(&writer->trailer, record + LOG_RECORD_HEADER_BYTES);
  return write_frame(writer, &buffer);
}

static int sync_file(struct snapshot_writer *writer)
{
  const struct world_operations *operations = writer->world->operations;
  int result = operations->file_sync(writer->world, writer->file);
  if (result == 0)
    (void)operations->file_uncache(writer->world, writer->file, writer->position - writer->unsynced,
                                   writer->unsynced);
  writer->unsynced = 0;
  return result;
}

/* Under the lock: the next frame to write, the engine's last one included. */
static struct frame_buffer *next_frame(struct snapshot_writer *writer)
{
  if (writer->handed == NULL && writer->finished && writer->fill->records > 0) {
    writer->handed = writer->fill;
    writer->fill = writer->handed == &writer->buffers[0] ? &writer->buffers[1]
                                                         : &writer->buffers[0];
    begin_frame(writer->fill, writer->records);
  }
  return writer->handed;
}

/* One frame or one portion's sync; *idle when the engine has not filled the next frame yet. */
static int operate_frames(struct snapshot_writer *writer, bool *idle)
{
  if (writer->unsynced >= SNAPSHOT_SYNC_BYTES) return sync_file(writer);
  pthread_mutex_lock(&writer->lock);
  struct frame_buffer *buffer = next_frame(writer);
  bool finished = writer->finished;
  pthread_mutex_unlock(&writer->lock);
  *idle = buffer == NULL && !finished;
  if (buffer == NULL) {
    if (!finished) return 0;
    writer->phase = PHASE_TRAILER;
    return write_trailer(writer);
  }
  int result = write_frame(writer, buffer);
  pthread_mutex_lock(&writer->lock);
  writer->handed = NULL;
  pthread_mutex_unlock(&writer->lock);
  return result;
}

static int operate(struct snapshot_writer *writer, bool *idle)
{
  const struct world_operations *operations = writer->world->operations;
  switch (writer->phase) {
  case PHASE_OPEN:
    return open_file(writer);
  case PHASE_BLOCK:
    store_file_header_encode(&snapshot_kind, &writer->header, writer->block);
    return write_bytes(writer, writer->block, sizeof writer->block);
  case PHASE_FRAMES:
    return operate_frames(writer, idle);
  case PHASE_SYNC:
    return sync_file(writer);
  case PHASE_RENAME:
    return operations->file_rename(writer->world, writer->unfinished_path, writer->path);
  case PHASE_TRAILER: /* written by operate_frames, which moves on from it */
  case PHASE_DIR_SYNC:
    break;
  }
  CHECK_THAT(writer->phase, ==, PHASE_DIR_SYNC);
  return operations->dir_sync(writer->world, writer->directory);
}

static void close_file(struct snapshot_writer *writer)
{
  if (writer->file >= 0) writer->world->operations->file_close(writer->world, writer->file);
  writer->file = -1;
}

/* The name may be either one when the rename has failed or its sync. */
static void give_up(struct snapshot_writer *writer)
{
  struct world *world = writer->world;
  if (writer->file < 0) return;
  close_file(writer);
  world->operations->file_remove(world, writer->unfinished_path);
  if (writer->phase == PHASE_DIR_SYNC) world->operations->file_remove(world, writer->path);
}

static void end_with(struct snapshot_writer *writer, int result)
{
  if (result < 0)
    give_up(writer);
  else
    close_file(writer);
  pthread_mutex_lock(&writer->lock);
  writer->state = result < 0 ? SNAPSHOT_FAILED : SNAPSHOT_DONE;
  if (result < 0)
    error_set_errno(&writer->error, -result, "cannot write the snapshot %s", writer->path);
  pthread_mutex_unlock(&writer->lock);
}

void snapshot_writer_step(struct snapshot_writer *writer, bool *idle)
{
  pthread_mutex_lock(&writer->lock);
  *idle = writer->state != SNAPSHOT_WRITING;
  pthread_mutex_unlock(&writer->lock);
  if (*idle) return;
  enum phase phase = writer->phase;
  int result = operate(writer, idle);
  if (result < 0 || phase == PHASE_DIR_SYNC)
    end_with(writer, result);
  else if (phase != PHASE_FRAMES || writer->phase == PHASE_TRAILER)
    writer->phase++;
}

/* ---- the file thread ---- */

/* Sleeps on the condition at most until `monotonic_ns`, but wakes up when told to stop. */
static void pace(struct snapshot_writer *writer)
{
  if (writer->bytes_per_second == 0) return;
  double due_ns = (double)writer->position / (double)writer->bytes_per_second * 1e9;
  int64_t left_ns = writer->begun_ns + (int64_t)due_ns - world_monotonic_ns(writer->world);
  if (left_ns <= 0) return;
  if (left_ns > (int64_t)PACE_MS_MAX * 1000000) left_ns = (int64_t)PACE_MS_MAX * 1000000;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t nanoseconds = until.tv_nsec + left_ns;
  until.tv_sec += (time_t)(nanoseconds / 1000000000);
  until.tv_nsec = (long)(nanoseconds % 1000000000);
  pthread_mutex_lock(&writer->lock);
  while (!writer->stop)
    if (pthread_cond_timedwait(&writer->work, &writer->lock, &until) == ETIMEDOUT) break;
  pthread_mutex_unlock(&writer->lock);
}

/* Waits for the engine; false when there is nothing more to write. */
static bool wait_for_work(struct snapshot_writer *writer, bool idle)
{
  pthread_mutex_lock(&writer->lock);
  while (idle && !writer->stop && writer->handed == NULL && !writer->finished)
    pthread_cond_wait(&writer->work, &writer->lock);
  bool more = !writer->stop && writer->state == SNAPSHOT_WRITING;
  pthread_mutex_unlock(&writer->lock);
  return more;
}

static void *run_thread(void *context)
{
  struct snapshot_writer *writer = context;
  bool idle = false;
  while (wait_for_work(writer, idle)) {
    snapshot_writer_step(writer, &idle);
    pace(writer);
  }
  return NULL;
}

/* ---- the engine's side ---- */

bool snapshot_writer_room(struct snapshot_writer *writer)
{
  if (writer->finished) return false;
  struct frame_buffer *full = writer->fill;
  if (full->size < SNAPSHOT_FRAME_BYTES) return true;
  pthread_mutex_lock(&writer->lock);
  bool room = writer->state == SNAPSHOT_WRITING && writer->handed == NULL;
  if (room) {
    writer->handed = full;
    writer->fill = full == &writer->buffers[0] ? &writer->buffers[1] : &writer->buffers[0];
    begin_frame(writer->fill, writer->records);
    pthread_cond_signal(&writer->work);
  }
  pthread_mutex_unlock(&writer->lock);
  return room;
}

uint8_t *snapshot_writer_put(struct snapshot_writer *writer, uint16_t type, size_t payload_size,
                             struct error *error)
{
  struct frame_buffer *fill = writer->fill;
  CHECK(!writer->finished && type != SNAPSHOT_TRAILER);
  CHECK_THAT(fill->size, <, SNAPSHOT_FRAME_BYTES);
  CHECK_THAT(payload_size, <=, SNAPSHOT_RECORD_MAX);
  size_t size = fill->size + LOG_RECORD_HEADER_BYTES + payload_size;
  size_t need = (size_t)log_frame_extent(size - LOG_FRAME_HEADER_BYTES);
  if (need > fill->capacity) {
    uint8_t *grown = memory_resize(&writer->world->memory, fill->data, fill->capacity, need);
    if (grown == NULL) {
      error_set(error, ERROR_NO_MEMORY, "no memory for the snapshot's buffer");
      return NULL;
    }
    fill->data = grown;
    fill->capacity = need;
  }
  uint8_t *record = fill->data + fill->size;
  log_record_encode(record, type, 0, (uint32_t)payload_size);
  fill->size = size;
  fill->records++;
  writer->records++;
  return record + LOG_RECORD_HEADER_BYTES;
}

void snapshot_writer_finish(struct snapshot_writer *writer, uint64_t end_sequence, int64_t end_ms)
{
  CHECK(!writer->finished);
  CHECK_THAT(end_sequence, >=, writer->header.sequence);
  pthread_mutex_lock(&writer->lock);
  writer->trailer = (struct snapshot_trailer){
      .end_sequence = end_sequence, .end_ms = end_ms, .records = writer->records};
  writer->finished = true;
  pthread_cond_signal(&writer->work);
  pthread_mutex_unlock(&writer->lock);
}

enum snapshot_state snapshot_writer_state(struct snapshot_writer *writer, struct error *error)
{
  pthread_mutex_lock(&writer->lock);
  enum snapshot_state state = writer->state;
  if (state == SNAPSHOT_FAILED) *error = writer->error;
  pthread_mutex_unlock(&writer->lock);
  return state;
}

uint64_t snapshot_writer_bytes(struct snapshot_writer *writer)
{
  pthread_mutex_lock(&writer->lock);
  uint64_t bytes = writer->bytes;
  pthread_mutex_unlock(&writer->lock);
  return bytes;
}

/* ---- opening and closing ---- */

static void free_writer(struct snapshot_writer *writer)
{
  struct memory *memory = &writer->world->memory;
  seal_free(&writer->cipher.sealer);
  for (int i = 0; i < 2; i++)
    memory_free(memory, writer->buffers[i].data, writer->buffers[i].capacity);
  pthread_mutex_destroy(&writer->lock);
  pthread_cond_destroy(&writer->work);
  memory_free(memory, writer, sizeof *writer);
}

static void init_writer(struct snapshot_writer *writer, struct world *world,
                        const struct snapshot_options *options, uint64_t sequence)
{
  writer->world = world;
  memcpy(writer->directory, options->directory, strlen(options->directory) + 1);
  store_file_numbered_path(writer->path, &snapshot_kind, options->directory, sequence);
  store_file_numbered_path(writer->unfinished_path, &snapshot_unfinished_kind, options->directory,
                           sequence);
  memcpy(writer->header.store_id, options->store_id, STORE_ID_BYTES);
  writer->header.sequence = sequence;
  writer->header.created_ms = world_clock_ms(world);
  world_entropy(world, writer->header.salt, STORE_FILE_SALT_BYTES);
  writer->threads = options->threads;
  writer->bytes_per_second = options->bytes_per_second;
  writer->begun_ns = world_monotonic_ns(world);
  writer->file = -1;
  writer->fill = &writer->buffers[0];
  pthread_condattr_t monotonic;
  CHECK(pthread_condattr_init(&monotonic) == 0);
  CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  CHECK(pthread_mutex_init(&writer->lock, NULL) == 0);
  CHECK(pthread_cond_init(&writer->work, &monotonic) == 0);
  pthread_condattr_destroy(&monotonic);
}

static bool prepare_writer(struct snapshot_writer *writer, const struct snapshot_options *options,
                           struct error *error)
{
  for (int i = 0; i < 2; i++) {
    struct frame_buffer *buffer = &writer->buffers[i];
    buffer->data = memory_alloc(&writer->world->memory, BUFFER_BYTES);
    if (buffer->data == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a snapshot");
    buffer->capacity = BUFFER_BYTES;
    begin_frame(buffer, 0);
  }
  if (!store_file_seal(&snapshot_kind, &writer->header, options->key, &writer->cipher.sealer,
                       error))
    return false;
  writer->cipher.seed = store_file_seed(writer->header.salt);
  writer->cipher.sealed = writer->header.sealed;
  if (!writer->threads) return true;
  int result = pthread_create(&writer->thread, NULL, run_thread, writer);
  return result == 0 || error_set_errno(error, result, "cannot start the snapshot's file thread");
}

struct snapshot_writer *snapshot_writer_open(struct world *world,
                                             const struct snapshot_options *options,
                                             uint64_t sequence, struct error *error)
{
  if (!store_file_check_directory(options->directory, error)) return NULL;
  struct snapshot_writer *writer = memory_alloc_zeroed(&world->memory, sizeof *writer);
  if (writer == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for a snapshot");
    return NULL;
  }
  init_writer(writer, world, options, sequence);
  if (prepare_writer(writer, options, error)) return writer;
  free_writer(writer);
  return NULL;
}

void snapshot_writer_close(struct snapshot_writer *writer)
{
  if (writer == NULL) return;
  if (writer->threads) {
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
  }
  give_up(writer);
  free_writer(writer);
}
