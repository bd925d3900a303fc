#include "store/log_writer.h"

#include "base/check.h"
#include "base/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* L7: what of the current segment may hold records; the confirming frame has its own place. */
static uint64_t current_space(const struct log *log)
{
  uint64_t used = log->current.position + LOG_FRAME_HEADER_BYTES;
  return used < log->segment_bytes ? log->segment_bytes - used : 0;
}

static uint64_t buffer_extent(const struct log_buffer *buffer)
{
  return log_frame_extent(buffer->size - LOG_FRAME_HEADER_BYTES);
}

uint64_t log_space(const struct log *log)
{
  uint64_t space = current_space(log);
  bool ready = log->prepare_state == LOG_PREPARE_READY;
  for (int i = 0; i < log->queued_count; i++) {
    uint64_t extent = buffer_extent(log->queued[i]);
    if (extent > space) {
      CHECK(ready); /* L8 of the queued buffer */
      ready = false;
      space = log->frame_max;
    }
    space -= extent;
  }
  return ready ? log->frame_max : space;
}

void log_roll_over(struct log *log)
{
  CHECK_THAT(log->prepare_state, ==, LOG_PREPARE_READY);
  CHECK_THAT(log->retired_file, ==, -1);
  log->retired_file = log->current.file;
  seal_free(&log->current.cipher.sealer);
  log->current = log->next;
  log->next = (struct log_segment){.file = -1};
  log->prepare_state = LOG_PREPARE_LEAVING;
  log->hurry = false;
  log->segment_begin_ns = world_monotonic_ns(log->world);
  log->confirmed = true;
  log->flight_step = FLIGHT_BLOCK;
}

bool log_confirm_due(const struct log *log)
{
  return !log->confirmed && !log->filling && log->queued_count == 0 && log->flying == NULL &&
         log->current.position + LOG_FRAME_HEADER_BYTES <= log->segment_bytes;
}

bool log_take_off(struct log *log, bool may_confirm)
{
  CHECK(log->flying == NULL && log->flight_step == FLIGHT_NONE);
  if (log->queued_count == 0) {
    if (!may_confirm || !log_confirm_due(log)) return false;
    log->flying = &log->confirm;
    log->confirm.first_sequence = atomic_load(&log->durable) + 1;
    log->flight_step = FLIGHT_WRITE;
  } else {
    log->flying = log->queued[0];
    log->queued[0] = log->queued[1];
    log->queued_count--;
    log->flight_step = FLIGHT_WRITE;
    if (buffer_extent(log->flying) > current_space(log)) log_roll_over(log);
  }
  log->flight_position = log->current.position;
  log->current.position += buffer_extent(log->flying);
  CHECK_THAT(log->current.position, <=, log->segment_bytes);
  return true;
}

/*
 * The block says where the segment begins, which is known only now. No record before it is newer
 * than it, also when the clock went back: log_remove_before relies on that.
 */
static int write_block(struct log *log)
{
  struct world *world = log->world;
  int64_t now_ms = world_clock_ms(world);
  pthread_mutex_lock(&log->lock);
  int64_t queued_ms = log->queued_ms;
  pthread_mutex_unlock(&log->lock);
  if (log->retired_file >= 0) world->operations->file_close(world, log->retired_file);
  log->retired_file = -1;
  log->current.header.sequence = atomic_load(&log->durable) + 1;
  log->current.header.created_ms = now_ms > queued_ms ? now_ms : queued_ms;
  store_file_header_encode(&log_segment_kind, &log->current.header, log->block);
  return world->operations->file_write(world, log->current.file, log->block, sizeof log->block, 0);
}

static int rename_segment(struct log *log)
{
  char path[STORE_FILE_PATH_BYTES];
  store_file_numbered_path(path, &log_segment_kind, log->directory, atomic_load(&log->durable) + 1);
  int result = log->world->operations->file_rename(log->world, log->prepared_path, path);
  pthread_mutex_lock(&log->lock);
  log->prepare_state = LOG_PREPARE_NONE;
  pthread_cond_broadcast(&log->progress);
  pthread_mutex_unlock(&log->lock);
  return result;
}

static int write_frame(struct log *log)
{
  const struct log_buffer *buffer = log->flying;
  struct log_frame frame = {
      .number = log->current.number++,
      .size = (uint32_t)(buffer->size - LOG_FRAME_HEADER_BYTES),
      .records = buffer->records,
      .first_sequence = buffer->first_sequence,
      .time_ms = world_clock_ms(log->world),
  };
  CHECK_THAT(frame.first_sequence, ==, atomic_load(&log->durable) + 1);
  log_frame_encode(&frame, &log->current.cipher, buffer->data);
  return log->world->operations->file_write(log->world, log->current.file, buffer->data,
                                            buffer_extent(buffer), log->flight_position);
}

/*
 * Whether the segment fills so fast that zeroing the next one would take from the disk what the log
 * needs: a sync of merely allocated ranges takes longer, but not twice the bandwidth.
 */
static bool is_busy(const struct log *log)
{
  int64_t spent_ms = (world_monotonic_ns(log->world) - log->segment_begin_ns) / 1000000;
  return (int64_t)log->current.position > spent_ms * LOG_ZERO_BELOW_BYTES_PER_MS;
}

/*
 * Pages that were written are of no use until a restart. They come back for the next ones, instead
 * of memory that nobody has touched for long.
 */
static void uncache(struct log *log)
{
  struct log_segment *segment = &log->current;
  if (log->flight_position < segment->uncached + 2 * (uint64_t)LOG_CACHED_BYTES) return;
  (void)log->world->operations->file_uncache(log->world, segment->file, segment->uncached,
                                             LOG_CACHED_BYTES);
  segment->uncached += LOG_CACHED_BYTES;
}

/* The frame is durable: its buffer is free, its records may be acknowledged. */
static void land(struct log *log)
{
  const struct log_buffer *buffer = log->flying;
  uint32_t records = buffer->records; /* the engine may have the buffer after the lock */
  pthread_mutex_lock(&log->lock);
  log->confirmed = records == 0;
  atomic_store_explicit(&log->durable, buffer->first_sequence + records - 1, memory_order_release);
  log->flying = NULL;
  /* Early enough to be zeroed before it is needed, late enough to spare a small store the space. */
  if (log->current.position > log->segment_bytes / 4) log_prepare_want(log, is_busy(log));
  pthread_cond_broadcast(&log->progress);
  pthread_mutex_unlock(&log->lock);
  if (records > 0 && log->notify != NULL) log->notify(log->notify_context);
}

bool log_flight_operate(struct log *log, struct error *error)
{
  struct world *world = log->world;
  const struct world_operations *operations = world->operations;
  enum log_flight_step step = log->flight_step;
  int result = 0;
  CHECK(step != FLIGHT_NONE && !log->dead);
  if (step == FLIGHT_BLOCK) {
    result = write_block(log);
  } else if (step == FLIGHT_BLOCK_SYNC || step == FLIGHT_SYNC) {
    result = operations->file_sync(world, log->current.file);
  } else if (step == FLIGHT_RENAME) {
    result = rename_segment(log);
  } else if (step == FLIGHT_DIR_SYNC) {
    result = operations->dir_sync(world, log->directory);
  } else {
    result = write_frame(log);
  }
  if (result < 0) {
    log->dead = true;
    return error_set_errno(error, -result, "the log in %s cannot be %s after sequence %" PRIu64,
                           log->directory, step == FLIGHT_WRITE ? "written" : "made durable",
                           atomic_load(&log->durable));
  }
  log->flight_step = step + 1;
  if (step == FLIGHT_SYNC || (step == FLIGHT_DIR_SYNC && log->flying == NULL))
    log->flight_step = FLIGHT_NONE;
  if (step == FLIGHT_SYNC) {
    land(log);
    uncache(log);
  }
  return true;
}

/*
 * After a failed write or sync nobody knows what is on the disk, and no later sync would tell. What
 * was acknowledged is durable; recovery sorts out the rest.
 */
_Noreturn static void stop_process(const struct error *error)
{
  fprintf(stderr, "tacos: %s; stopping, so that nothing is acknowledged that is not on the disk\n",
          error->message);
  abort();
}

/* Waits until there is something to do; false when the log is being closed. */
static bool wait_for_work(struct log *log)
{
  bool idle_long = false;
  bool found;
  pthread_mutex_lock(&log->lock);
  while (!(found = log_take_off(log, idle_long)) && !log->stop) {
    if (!log->confirmed)
      idle_long = !log_wait_condition(log, &log->work, LOG_CONFIRM_IDLE_MS);
    else
      pthread_cond_wait(&log->work, &log->lock);
  }
  pthread_mutex_unlock(&log->lock);
  return found;
}

void *log_flight_thread(void *context)
{
  struct log *log = context;
  struct error error;
  while (wait_for_work(log)) {
    while (log->flight_step != FLIGHT_NONE)
      if (!log_flight_operate(log, &error)) stop_process(&error);
    thread_leave_cpu(atomic_load_explicit(&log->engine_cpu, memory_order_relaxed));
  }
  return NULL;
}
