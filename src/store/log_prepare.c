#include "store/log_writer.h"

#include "base/check.h"

void log_prepare_want(struct log *log, bool hurry)
{
  if (hurry && log->prepare_state != LOG_PREPARE_READY) log->hurry = true;
  if (log->prepare_state != LOG_PREPARE_NONE) return;
  log->prepare_state = LOG_PREPARE_WANTED;
  log->prepare_step = PREPARE_OPEN;
  pthread_cond_signal(&log->prepare);
}

void log_prepare_abandon(struct log *log)
{
  struct world *world = log->world;
  if (log->next.file < 0) return;
  world->operations->file_close(world, log->next.file);
  world->operations->file_remove(world, log->prepared_path);
  seal_free(&log->next.cipher.sealer);
  log->next = (struct log_segment){.file = -1};
}

static bool open_next(struct log *log, struct error *error)
{
  struct world *world = log->world;
  struct log_segment next = {.file = -1, .position = STORE_FILE_BLOCK_BYTES};
  memcpy(next.header.store_id, log->store_id, STORE_ID_BYTES);
  memcpy(next.header.salt, log->next_salt, STORE_FILE_SALT_BYTES);
  bytes_put_u64(log->next_salt, bytes_get_u64(log->next_salt) + 1); /* L5 */
  if (!store_file_seal(&log_segment_kind, &next.header, log->has_key ? log->key : NULL,
                       &next.cipher.sealer, error))
    return false;
  next.cipher.seed = store_file_seed(next.header.salt);
  next.cipher.sealed = next.header.sealed;
  /* What an earlier run left; if it cannot be removed the open says so. */
  world->operations->file_remove(world, log->prepared_path);
  next.file = world->operations->file_open(world, log->prepared_path,
                                           WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE);
  if (next.file < 0) {
    seal_free(&next.cipher.sealer);
    return error_set_errno(error, -next.file, "no space for the log: cannot make %s",
                           log->prepared_path);
  }
  log->next = next;
  log->zeroed = 0;
  return true;
}

/* The operation of the current step; *result is what the world answered. */
static bool operate(struct log *log, struct error *error)
{
  struct world *world = log->world;
  const struct world_operations *operations = world->operations;
  int result = 0;
  if (log->prepare_step == PREPARE_OPEN) {
    return open_next(log, error);
  } else if (log->prepare_step == PREPARE_ALLOCATE) {
    result = operations->file_allocate(world, log->next.file, log->segment_bytes);
  } else if (log->prepare_step == PREPARE_ZERO) {
    uint64_t left = log->segment_bytes - log->zeroed;
    size_t size = left < log->zeros_size ? (size_t)left : log->zeros_size;
    result = operations->file_write(world, log->next.file, log->zeros, size, log->zeroed);
    log->zeroed += size;
  } else {
    result = operations->file_sync(world, log->next.file);
  }
  if (result < 0)
    return error_set_errno(
        error, -result, "no space for the log: cannot allocate %s, %u bytes; free space and retry",
        log->prepared_path, log->segment_bytes);
  return true;
}

/* What follows a step that succeeded; under the lock. */
static void proceed(struct log *log)
{
  enum log_prepare_step step = log->prepare_step;
  bool zeroing = !log->hurry && log->zeroed < log->segment_bytes;
  if (step == PREPARE_OPEN)
    log->prepare_step = PREPARE_ALLOCATE;
  else if (step == PREPARE_SYNC && !zeroing)
    log->prepare_state = LOG_PREPARE_READY;
  else
    log->prepare_step = step != PREPARE_ZERO && zeroing ? PREPARE_ZERO : PREPARE_SYNC;
}

bool log_prepare_operate(struct log *log, struct error *error)
{
  CHECK_THAT(log->prepare_state, ==, LOG_PREPARE_WANTED);
  bool done = operate(log, error);
  if (!done) log_prepare_abandon(log);
  pthread_mutex_lock(&log->lock);
  if (done) {
    proceed(log);
  } else {
    log->prepare_state = LOG_PREPARE_FAILED;
    log->prepare_error = *error;
  }
  pthread_cond_broadcast(&log->progress);
  pthread_mutex_unlock(&log->lock);
  return done;
}

/* Waits until a segment is wanted; false when the log is being closed. */
static bool wait_until_wanted(struct log *log)
{
  pthread_mutex_lock(&log->lock);
  while (!log->stop && log->prepare_state != LOG_PREPARE_WANTED) {
    if (log->prepare_state != LOG_PREPARE_FAILED) {
      pthread_cond_wait(&log->prepare, &log->lock);
    } else if (!log_wait_condition(log, &log->prepare, LOG_PREPARE_RETRY_MS)) {
      log->prepare_state = LOG_PREPARE_NONE;
      log_prepare_want(log, false);
    }
  }
  bool wanted = !log->stop;
  pthread_mutex_unlock(&log->lock);
  return wanted;
}

void *log_prepare_thread(void *context)
{
  struct log *log = context;
  struct error error;
  /* A failure is kept in prepare_error for log_reserve and tried again. */
  while (wait_until_wanted(log)) (void)log_prepare_operate(log, &error);
  return NULL;
}
