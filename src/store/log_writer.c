#include "store/log_writer.h"

#include "base/check.h"
#include "base/thread.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

enum { BUFFER_BYTES_MIN = 64 << 10 };

bool log_wait_condition(struct log *log, pthread_cond_t *condition, int timeout_ms)
{
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t nanoseconds = until.tv_nsec + (int64_t)timeout_ms * 1000000;
  until.tv_sec += (time_t)(nanoseconds / 1000000000);
  until.tv_nsec = (long)(nanoseconds % 1000000000);
  return pthread_cond_timedwait(condition, &log->lock, &until) != ETIMEDOUT;
}

/* ---- the filling buffer ---- */

/* Under the lock: makes a buffer the filling one (log_writer.h, BUFFERS). */
static void begin_filling(struct log *log)
{
  if (log->filling) return;
  log->filling = true;
  if (log->queued_count > 1 || (log->queued_count == 1 && log->flying != NULL)) {
    log->fill = log->queued[--log->queued_count];
    return;
  }
  struct log_buffer *buffer = &log->buffers[0];
  if (buffer == log->flying || (log->queued_count == 1 && buffer == log->queued[0])) buffer++;
  CHECK(buffer != log->flying && (log->queued_count == 0 || buffer != log->queued[0]));
  buffer->size = LOG_FRAME_HEADER_BYTES;
  buffer->records = 0;
  buffer->first_sequence = log->next_sequence;
  log->fill = buffer;
}

/* Under the lock: the filling buffer joins the queue, or is free again when nothing is in it. */
static void end_filling(struct log *log)
{
  struct log_buffer *buffer = log->fill;
  CHECK(log->filling && buffer != NULL);
  log->filling = false;
  log->fill = NULL;
  log->fill_limit = 0;
  log->reserved = false;
  if (buffer->records > 0) {
    CHECK_THAT(log->queued_count, <, 2);
    log->queued[log->queued_count++] = buffer;
    log->queued_ms = log->last_time_ms;
  }
  pthread_cond_signal(&log->work);
}

/* The fill of the last frame and the header of the record must fit too. */
static bool grow_buffer(struct log *log, struct log_buffer *buffer, size_t size,
                        struct error *error)
{
  size_t need = (size_t)log_frame_extent(size - LOG_FRAME_HEADER_BYTES);
  if (need <= buffer->capacity) return true;
  size_t capacity = buffer->capacity * 2 > need ? buffer->capacity * 2 : need;
  uint8_t *grown = memory_resize(&log->world->memory, buffer->data, buffer->capacity, capacity);
  if (grown == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for the log's buffer");
  buffer->data = grown;
  buffer->capacity = capacity;
  return true;
}

/*
 * Under the lock, with threads: one wait for what keeps a buffer of `size` bytes from its place.
 * False with *error when it is of no use.
 */
static bool wait_for_space(struct log *log, int64_t until_ns, struct error *error)
{
  bool full = log->prepare_state == LOG_PREPARE_FAILED;
  if (full) {
    *error = log->prepare_error;
    return false;
  }
  if (log->prepare_state == LOG_PREPARE_READY)
    /* The place exists, but what is buffered has to go there first. */
    end_filling(log);
  else
    log_prepare_want(log, true);
  int64_t left_ns = until_ns - world_monotonic_ns(log->world);
  if (log->threads && left_ns > 0) {
    (void)log_wait_condition(log, &log->progress, (int)(left_ns / 1000000) + 1);
    return true;
  }
  return error_set(error, ERROR_LIMIT,
                   "the log is behind: %s waits for the disk; retry when it has caught up",
                   log->filling ? "the next segment" : "a segment's worth of records");
}

/*
 * Begins or goes on filling a buffer that may grow by `size` bytes; the slow path of log_reserve.
 */
static bool find_space(struct log *log, size_t size, struct error *error)
{
  if (log_frame_extent(size) > log->frame_max)
    return error_set(error, ERROR_LIMIT,
                     "a log record of %zu bytes does not fit into a segment of %" PRIu32, size,
                     log->segment_bytes);
  int64_t until_ns = world_monotonic_ns(log->world) + (int64_t)LOG_RESERVE_WAIT_MS * 1000000;
  uint64_t space;
  bool found;
  pthread_mutex_lock(&log->lock);
  for (;;) {
    begin_filling(log);
    space = log_space(log);
    found = log->fill->size + size <= space;
    if (found || !wait_for_space(log, until_ns, error)) break;
  }
  pthread_mutex_unlock(&log->lock);
  if (!found || !grow_buffer(log, log->fill, log->fill->size + size, error)) return false;
  uint64_t room = log->fill->capacity / LOG_FRAME_ALIGN * LOG_FRAME_ALIGN;
  log->fill_limit = (size_t)(room < space ? room : space);
  return true;
}

uint8_t *log_reserve(struct log *log, size_t payload_size, struct error *error)
{
  size_t size = payload_size + LOG_RECORD_HEADER_BYTES;
  size_t used = log->fill == NULL ? 0 : log->fill->size;
  if (__builtin_expect(used + size > log->fill_limit || size < payload_size, 0)) {
    if (log->dead || size < payload_size) {
      error_set(error, log->dead ? ERROR_IO : ERROR_LIMIT, "the log in %s %s", log->directory,
                log->dead ? "stopped after a failed write" : "cannot hold such a record");
      return NULL;
    }
    if (!find_space(log, size, error)) return NULL;
  }
  CHECK(log->fill != NULL); /* with room for at least this record */
  log->reserved = true;
  log->reserved_size = payload_size;
  return log->fill->data + log->fill->size + LOG_RECORD_HEADER_BYTES;
}

uint64_t log_append(struct log *log, uint16_t type, int64_t time_ms, size_t payload_size)
{
  struct log_buffer *fill = log->fill;
  CHECK(log->reserved);
  CHECK_THAT(payload_size, <=, log->reserved_size);
  CHECK_THAT(time_ms, >=, log->last_time_ms);
  log_record_encode(fill->data + fill->size, type, time_ms, (uint32_t)payload_size);
  fill->size += LOG_RECORD_HEADER_BYTES + payload_size;
  fill->records++;
  log->reserved = false;
  log->last_time_ms = time_ms;
  return log->next_sequence++;
}

uint64_t log_appended(const struct log *log)
{
  return log->next_sequence - 1;
}

uint64_t log_durable(const struct log *log)
{
  return atomic_load_explicit(&log->durable, memory_order_acquire);
}

void log_flush(struct log *log)
{
  if (log->fill == NULL) return;
  if (log->threads) atomic_store_explicit(&log->engine_cpu, thread_cpu(), memory_order_relaxed);
  pthread_mutex_lock(&log->lock);
  end_filling(log);
  pthread_mutex_unlock(&log->lock);
}

/* ---- stepping and waiting ---- */

bool log_step(struct log *log, bool *idle, struct error *error)
{
  CHECK(!log->threads);
  *idle = false;
  if (log->dead)
    return error_set(error, ERROR_IO, "the log in %s stopped after a failed write", log->directory);
  pthread_mutex_lock(&log->lock);
  *idle = log->flight_step == FLIGHT_NONE && !log_take_off(log, true);
  pthread_mutex_unlock(&log->lock);
  return *idle || log_flight_operate(log, error);
}

bool log_prepare_step(struct log *log, bool *idle, struct error *error)
{
  CHECK(!log->threads);
  pthread_mutex_lock(&log->lock);
  if (log->prepare_state == LOG_PREPARE_FAILED) {
    log->prepare_state = LOG_PREPARE_NONE;
    log_prepare_want(log, false);
  }
  *idle = log->prepare_state != LOG_PREPARE_WANTED || log->dead;
  pthread_mutex_unlock(&log->lock);
  return *idle || log_prepare_operate(log, error);
}

bool log_wait(struct log *log, uint64_t sequence, struct error *error)
{
  CHECK_THAT(sequence, <, log->next_sequence);
  log_flush(log);
  if (log->threads) {
    pthread_mutex_lock(&log->lock);
    while (log_durable(log) < sequence) pthread_cond_wait(&log->progress, &log->lock);
    pthread_mutex_unlock(&log->lock);
    return true;
  }
  bool idle;
  while (log_durable(log) < sequence) {
    if (!log_step(log, &idle, error)) return false;
    CHECK(!idle);
  }
  return true;
}

/* ---- opening ---- */

/* Frees what log_open made; the threads are gone. */
static void free_log(struct log *log)
{
  struct memory *memory = &log->world->memory;
  const struct world_operations *operations = log->world->operations;
  log_prepare_abandon(log);
  if (log->current.file >= 0) operations->file_close(log->world, log->current.file);
  if (log->retired_file >= 0) operations->file_close(log->world, log->retired_file);
  seal_free(&log->current.cipher.sealer);
  for (int i = 0; i < 2; i++) memory_free(memory, log->buffers[i].data, log->buffers[i].capacity);
  memory_free(memory, log->zeros, log->zeros_size);
  pthread_mutex_destroy(&log->lock);
  pthread_cond_destroy(&log->work);
  pthread_cond_destroy(&log->prepare);
  pthread_cond_destroy(&log->progress);
  explicit_bzero(log->key, sizeof log->key);
  memory_free(memory, log, sizeof *log);
}

static void init_locks(struct log *log)
{
  pthread_condattr_t monotonic;
  CHECK(pthread_condattr_init(&monotonic) == 0);
  CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  CHECK(pthread_mutex_init(&log->lock, NULL) == 0);
  CHECK(pthread_cond_init(&log->work, &monotonic) == 0);
  CHECK(pthread_cond_init(&log->prepare, &monotonic) == 0);
  CHECK(pthread_cond_init(&log->progress, &monotonic) == 0);
  pthread_condattr_destroy(&monotonic);
}

static void init_log(struct log *log, struct world *world, const struct log_options *options,
                     uint64_t next_sequence)
{
  log->world = world;
  memcpy(log->directory, options->directory, strlen(options->directory) + 1);
  store_file_path(log->prepared_path, options->directory, LOG_PREPARED_NAME);
  memcpy(log->store_id, options->store_id, STORE_ID_BYTES);
  log->has_key = options->key != NULL;
  if (log->has_key) memcpy(log->key, options->key, LOG_KEY_BYTES);
  log->segment_bytes = options->segment_bytes;
  log->frame_max = options->segment_bytes - STORE_FILE_BLOCK_BYTES - LOG_FRAME_HEADER_BYTES;
  log->threads = options->threads;
  log->notify = options->notify;
  log->notify_context = options->notify_context;
  log->next_sequence = next_sequence;
  log->last_time_ms = INT64_MIN;
  log->queued_ms = options->last_ms;
  log->current.file = log->next.file = log->retired_file = -1;
  log->confirmed = true;
  log->confirm = (struct log_buffer){.data = log->confirm_data, .size = LOG_FRAME_HEADER_BYTES};
  atomic_init(&log->durable, next_sequence - 1);
  world_entropy(world, log->next_salt, sizeof log->next_salt);
  init_locks(log);
}

static bool allocate_buffers(struct log *log, struct error *error)
{
  struct memory *memory = &log->world->memory;
  log->zeros_size = log->segment_bytes < LOG_ZERO_BYTES ? log->segment_bytes : LOG_ZERO_BYTES;
  log->zeros = memory_alloc_zeroed(memory, log->zeros_size);
  bool done = log->zeros != NULL;
  for (int i = 0; i < 2 && done; i++) {
    log->buffers[i].data = memory_alloc(memory, BUFFER_BYTES_MIN);
    done = log->buffers[i].data != NULL;
    if (done) log->buffers[i].capacity = BUFFER_BYTES_MIN;
  }
  return done || error_set(error, ERROR_NO_MEMORY, "no memory for the log");
}

/*
 * The new segment may replace one of the same name that an earlier run opened and wrote no record
 * to. Anything more there means that recovery did not come this far.
 */
static bool check_nothing_follows(struct log *log, const struct log_options *options,
                                  struct error *error)
{
  struct store_file_list list = {0};
  bool done = store_file_list_read(&list, log->world, &log_segment_kind, log->directory, error);
  uint64_t newest = done && list.count > 0 ? list.sequences[list.count - 1] : 0;
  store_file_list_free(&list);
  if (!done || newest < log->next_sequence) return done;
  struct log_record record;
  struct log_reader *reader = log_reader_open(log->world, options, log->next_sequence,
                                              LOG_TAIL_KEEP, error);
  if (reader == NULL) return false;
  int found = newest > log->next_sequence ? 1 : log_reader_next(reader, &record, error);
  log_reader_close(reader);
  if (found > 0)
    error_set(error, ERROR_EXISTS, "the log in %s already has the sequence %" PRIu64,
              log->directory, log->next_sequence);
  return found == 0;
}

/* The first segment is allocated but not zeroed: starting does not wait for that. */
static bool open_first_segment(struct log *log, struct error *error)
{
  log_prepare_want(log, true);
  while (log->prepare_state == LOG_PREPARE_WANTED)
    if (!log_prepare_operate(log, error)) return false;
  log_roll_over(log);
  while (log->flight_step != FLIGHT_NONE)
    if (!log_flight_operate(log, error)) return false;
  return true;
}

static bool start_threads(struct log *log, struct error *error)
{
  if (!log->threads) return true;
  int result = pthread_create(&log->log_thread, NULL, log_flight_thread, log);
  if (result != 0) return error_set_errno(error, result, "cannot start the log thread");
  result = pthread_create(&log->prepare_thread, NULL, log_prepare_thread, log);
  if (result == 0) return true;
  pthread_mutex_lock(&log->lock);
  log->stop = true;
  pthread_cond_broadcast(&log->work);
  pthread_mutex_unlock(&log->lock);
  pthread_join(log->log_thread, NULL);
  return error_set_errno(error, result, "cannot start the log's file thread");
}

struct log *log_open(struct world *world, const struct log_options *options, uint64_t next_sequence,
                     struct error *error)
{
  CHECK_THAT(next_sequence, >, 0);
  if (!store_file_check_directory(options->directory, error)) return NULL;
  if (options->segment_bytes < LOG_SEGMENT_BYTES_MIN ||
      options->segment_bytes > LOG_SEGMENT_BYTES_MAX ||
      options->segment_bytes % STORE_FILE_BLOCK_BYTES != 0) {
    error_set(error, ERROR_INVALID,
              "a log segment has %d to %d bytes, a multiple of %d, not %" PRIu32,
              LOG_SEGMENT_BYTES_MIN, LOG_SEGMENT_BYTES_MAX, STORE_FILE_BLOCK_BYTES,
              options->segment_bytes);
    return NULL;
  }
  struct log *log = memory_alloc_zeroed(&world->memory, sizeof *log);
  if (log == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the log");
    return NULL;
  }
  init_log(log, world, options, next_sequence);
  if (allocate_buffers(log, error) && check_nothing_follows(log, options, error) &&
      open_first_segment(log, error) && start_threads(log, error))
    return log;
  free_log(log);
  return NULL;
}

/* ---- closing ---- */

/* L7, and the unused rest of the segment goes back to the disk. */
static bool close_segment(struct log *log, struct error *error)
{
  struct world *world = log->world;
  CHECK(log->queued_count == 0 && !log->filling);
  while (log->flight_step != FLIGHT_NONE || log_take_off(log, true))
    if (!log_flight_operate(log, error)) return false;
  int result = world->operations->file_truncate(world, log->current.file, log->current.position);
  if (result == 0) result = world->operations->file_sync(world, log->current.file);
  if (result == 0) return true;
  return error_set_errno(error, -result, "cannot close the log in %s", log->directory);
}

bool log_close(struct log *log, struct error *error)
{
  bool done = log_wait(log, log_appended(log), error);
  if (log->threads) {
    pthread_mutex_lock(&log->lock);
    log->stop = true;
    pthread_cond_broadcast(&log->work);
    pthread_cond_broadcast(&log->prepare);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->log_thread, NULL);
    pthread_join(log->prepare_thread, NULL);
  }
  if (done && log->dead)
    done = error_set(error, ERROR_IO, "the log in %s stopped after a failed write", log->directory);
  done = done && close_segment(log, error);
  free_log(log);
  return done;
}

/* ---- removing ---- */

/*
 * Whether the segment `successor` was begun before `time_ms`: then the one before it is older
 * still.
 */
static bool begun_before(struct log *log, uint64_t successor, int64_t time_ms, bool *before,
                         struct error *error)
{
  struct world *world = log->world;
  char path[STORE_FILE_PATH_BYTES];
  struct store_file_header header;
  store_file_numbered_path(path, &log_segment_kind, log->directory, successor);
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0) return error_set_errno(error, -file, "cannot open %s", path);
  bool done = store_file_header_read(world, file, &log_segment_kind, successor, path, &header,
                                     error);
  world->operations->file_close(world, file);
  if (done) *before = header.created_ms < time_ms;
  return done;
}

int log_remove_before(struct log *log, uint64_t sequence, int64_t time_ms, struct error *error)
{
  struct world *world = log->world;
  struct store_file_list list = {0};
  if (!store_file_list_read(&list, world, &log_segment_kind, log->directory, error)) return -1;
  int removed = 0;
  int result = 0;
  bool old = true;
  for (size_t i = 0; i + 1 < list.count && list.sequences[i + 1] <= sequence; i++) {
    char path[STORE_FILE_PATH_BYTES];
    if (!begun_before(log, list.sequences[i + 1], time_ms, &old, error)) removed = -1;
    if (removed < 0 || !old) break;
    store_file_numbered_path(path, &log_segment_kind, log->directory, list.sequences[i]);
    result = world->operations->file_remove(world, path);
    /* One after the other, so that what is left after a crash is without a gap. */
    if (result == 0) result = world->operations->dir_sync(world, log->directory);
    if (result < 0) {
      error_set_errno(error, -result, "cannot remove %s", path);
      removed = -1;
      break;
    }
    removed++;
  }
  store_file_list_free(&list);
  return removed;
}
