/*
 * Inside the log's writer: the state that its three parts share. Included by them and their tests
 * only.
 *
 *     log_writer.c    engine thread: buffers, space promise, open and close, waiting
 *     log_flight.c    log thread: takes a buffer, rolls over, writes, syncs, confirms
 *     log_prepare.c   file thread: the next segment
 *
 * BUFFERS. There are two. Each is in one of four places, and moves only under the lock:
 *
 *     free -> filling -> queued -> flying -> free
 *               ^  engine  |  log thread
 *               +----------+ the engine takes a queued buffer back to append more to it, but only
 *                            while another one is ahead of it: else a busy engine could keep a
 *                            log thread that shares its core from ever finding one
 *
 * SPACE (L8). A place in a segment is assigned when a buffer takes off. What may be appended to the
 * filling buffer is computed from the space behind everything assigned and queued, and stays true
 * until the engine queues it: nothing else takes space meanwhile (no confirming frame while
 * filling).
 */
#ifndef TACOS_STORE_LOG_WRITER_H
#define TACOS_STORE_LOG_WRITER_H

#include "store/log_format.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOG_PREPARED_NAME "log-next.tmp"

enum {
  LOG_ZERO_BYTES = 1 << 20, /* written and synced at once by the preparer: bounds what a sync of the
                               log can queue behind */
  LOG_ZERO_BELOW_BYTES_PER_MS = 32 << 10, /* a log that grows faster (32 MiB/s) is not zeroed */
  LOG_CONFIRM_IDLE_MS = 50,
  /* Of the newest of a segment, for streams that lag a little; dropped in steps as large. */
  LOG_CACHED_BYTES = 2 << 20,
  LOG_PREPARE_RETRY_MS = 200,
  LOG_RESERVE_WAIT_MS = 2000, /* longest wait of log_reserve for log thread or preparer */
};

struct log_buffer {
  uint8_t *data;
  size_t size; /* header of the frame included */
  size_t capacity;
  uint32_t records;
  uint64_t first_sequence;
};

struct log_segment {
  int file;                        /* -1: none */
  uint64_t position;               /* where the next frame goes */
  uint64_t uncached;               /* what lies before this is not in the system's cache any more */
  uint32_t number;                 /* of the next frame */
  struct store_file_header header; /* sequence and time are set when it is taken */
  struct log_cipher cipher;
};

enum log_prepare_state {
  LOG_PREPARE_NONE,    /* not needed yet */
  LOG_PREPARE_WANTED,  /* the preparer shall begin or is at work */
  LOG_PREPARE_READY,   /* `next` may be taken */
  LOG_PREPARE_FAILED,  /* it will be tried again */
  LOG_PREPARE_LEAVING, /* taken; its temporary name is still in use */
};

enum log_prepare_step { PREPARE_OPEN, PREPARE_ALLOCATE, PREPARE_ZERO, PREPARE_SYNC };

enum log_flight_step {
  FLIGHT_NONE,
  FLIGHT_BLOCK, /* from here on to FLIGHT_DIR_SYNC only after a roll-over */
  FLIGHT_BLOCK_SYNC,
  FLIGHT_RENAME,
  FLIGHT_DIR_SYNC,
  FLIGHT_WRITE,
  FLIGHT_SYNC,
};

struct log {
  /* Constant after log_open. */
  struct world *world;
  char directory[STORE_FILE_PATH_BYTES];
  char prepared_path[STORE_FILE_PATH_BYTES];
  uint8_t store_id[STORE_ID_BYTES];
  bool has_key;
  uint8_t key[LOG_KEY_BYTES];
  uint32_t segment_bytes;
  uint64_t frame_max; /* largest extent of a frame */
  bool threads;
  void (*notify)(void *context);
  void *notify_context;
  uint8_t *zeros;
  size_t zeros_size;

  /* Engine thread. */
  struct log_buffer buffers[2];
  struct log_buffer *fill; /* the filling one, NULL: none */
  size_t fill_limit;       /* its size may grow to this without asking again */
  bool reserved;
  size_t reserved_size;
  uint64_t next_sequence;
  int64_t last_time_ms;

  /* Under the lock. */
  pthread_mutex_t lock;
  pthread_cond_t work;     /* for the log thread */
  pthread_cond_t prepare;  /* for the preparer */
  pthread_cond_t progress; /* for the engine */
  bool stop;
  bool filling;
  int64_t queued_ms; /* time of the newest record that was ever queued */
  struct log_buffer *queued[2];
  int queued_count;
  struct log_buffer *flying;
  struct log_segment current; /* file and cipher are the log thread's while a flight is on */
  bool confirmed;             /* the last frame, if any, is a confirming one */
  enum log_prepare_state prepare_state;
  bool hurry;               /* the next segment is needed soon: do not zero it */
  int64_t segment_begin_ns; /* monotonic time of the current one's first frame */
  struct error prepare_error;
  _Atomic uint64_t durable; /* written under the lock, read without */
  _Atomic int engine_cpu;   /* where the engine last flushed: not the log thread's place */

  /* Log thread, or whoever steps. */
  enum log_flight_step flight_step;
  uint64_t flight_position;
  int retired_file;
  bool dead; /* a write or sync failed: nothing more is written */
  struct log_buffer confirm;
  uint8_t confirm_data[LOG_FRAME_HEADER_BYTES];
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  pthread_t log_thread;

  /* Preparer, or whoever steps. */
  enum log_prepare_step prepare_step;
  struct log_segment next;
  uint64_t zeroed;                          /* bytes */
  uint8_t next_salt[STORE_FILE_SALT_BYTES]; /* L5: random at open, then counted up */
  pthread_t prepare_thread;
};

/* Under the lock: room for one frame behind what is assigned and queued (its extent in bytes). */
uint64_t log_space(const struct log *log);

/*
 * Under the lock: assigns a place to the first queued buffer, or to a confirming frame when
 * `may_confirm` and one is due; false when there is neither. The steps of the flight follow.
 */
bool log_take_off(struct log *log, bool may_confirm);

/* Under the lock: whether a confirming frame is due. */
bool log_confirm_due(const struct log *log);

/* The next operation of the flight that is on. On false the log is dead. */
bool log_flight_operate(struct log *log, struct error *error);

/*
 * Under the lock: makes the prepared segment the current one; its block and name are still to come.
 */
void log_roll_over(struct log *log);

void *log_flight_thread(void *log);

/* Under the lock: asks for the next segment unless it is there or under way. */
void log_prepare_want(struct log *log, bool hurry);

/* The next operation of preparing. On false the temporary file is gone and it starts anew. */
bool log_prepare_operate(struct log *log, struct error *error);

/* Closes and removes what is prepared or half prepared; threads are stopped. */
void log_prepare_abandon(struct log *log);

void *log_prepare_thread(void *log);

/* Under the lock: waits on a condition for at most timeout_ms; false when the time is up. */
bool log_wait_condition(struct log *log, pthread_cond_t *condition, int timeout_ms);

#endif
