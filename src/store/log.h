/*
 * The write-ahead log: what makes an acknowledgement true.
 *
 * The engine thread appends records to a buffer; the log thread takes the whole buffer, makes it
 * one FRAME (a group commit), writes it at the end of the current SEGMENT file and calls fdatasync;
 * then every record of the frame is durable. At most one frame is in flight.
 *
 *     engine: log_reserve -> fill -> log_append ...      log_durable >= sequence -> reply may leave
 *                     | buffer (swap)                        ^
 *     log thread:     write frame -> fdatasync --------------+
 *     file thread:    allocate, zero and sync the next segment ahead of need
 *
 * Without threads (simulator, some tests) the owner calls log_step and log_prepare_step; each does
 * at most one write, sync or allocation, so that a crash can fall between any two.
 *
 * Bytes on disk, validity rule, recovery and invariants: log_format.h.
 */
#ifndef TACOS_STORE_LOG_H
#define TACOS_STORE_LOG_H

#include "base/error.h"
#include "base/world.h"
#include "store/store_file.h"

enum {
  LOG_SEGMENT_BYTES = 64 << 20,     /* default size of a segment file */
  LOG_SEGMENT_BYTES_MIN = 64 << 10, /* smallest, for tests */
  LOG_SEGMENT_BYTES_MAX = 1 << 30,  /* a frame is sealed in one piece */
  LOG_KEY_BYTES = 32,               /* AES-256 */
};

struct log_options {
  const char *directory;            /* must exist; segments are files in it */
  uint8_t store_id[STORE_ID_BYTES]; /* a segment of another store is refused */
  const uint8_t *key;               /* LOG_KEY_BYTES for AES-256-GCM, or NULL: plain */
  uint32_t segment_bytes;           /* of new segments; a record must fit into one */
  int64_t last_ms;                  /* log_open: time of the record before next_sequence */
  bool threads;                     /* start the log thread and the preparer */
  void (*notify)(void *context);    /* called by the log thread after each sync; may be NULL */
  void *notify_context;
};

/* One record as the reader gives it; payload is valid until the next call. */
struct log_record {
  uint64_t sequence; /* 1, 2, 3, ... without gap over the life of a store */
  int64_t time_ms;   /* engine's wall clock at append; never less than the record before */
  uint16_t type;     /* the store's (store.h) */
  struct bytes payload;
};

/* ---- appending: engine thread ---- */

struct log;

/*
 * Starts a new segment whose first record will have `next_sequence`, after recovery. NULL with
 * *error (ERROR_NO_SPACE, ERROR_IO).
 */
struct log *log_open(struct world *world, const struct log_options *options, uint64_t next_sequence,
                     struct error *error);

/* Flushes, confirms the last frame, joins the threads. Frees also when it returns false. */
bool log_close(struct log *log, struct error *error);

/*
 * Room for one record of at most payload_size bytes; the returned address is where to write the
 * payload. NULL, with nothing changed: ERROR_NO_SPACE (no preallocated space is left and no more
 * can be had; retry later), ERROR_LIMIT (more than a segment's worth waits for the disk, or the
 * record is larger than a segment; wait for log_durable in the first case), ERROR_NO_MEMORY.
 * After it succeeded log_append cannot fail: this is the last refusal before the point of no
 * return. A reservation that is not wanted any more needs no call.
 *
 * With threads it waits, at most LOG_RESERVE_WAIT_MS, while the log thread or the preparer is
 * about to make room, so that a burst meets no ERROR_LIMIT; what was appended before may be
 * flushed for it. On a full disk it does not wait: ERROR_NO_SPACE until a segment could be
 * prepared again.
 */
uint8_t *log_reserve(struct log *log, size_t payload_size, struct error *error);

/* Ends the reserved record with the size really used and returns its sequence. */
uint64_t log_append(struct log *log, uint16_t type, int64_t time_ms, size_t payload_size);

/* The sequence of the newest record appended; of the newest that is durable. */
uint64_t log_appended(const struct log *log);
uint64_t log_durable(const struct log *log);

/* Lets the log thread (or log_step) take what was appended: call once per turn of the loop. */
void log_flush(struct log *log);

/*
 * Waits until `sequence` is durable. A write or sync that fails stops the process in production (a
 * durable answer is a contract); without threads it returns false, and the log is dead from then
 * on.
 */
bool log_wait(struct log *log, uint64_t sequence, struct error *error);

/* Without threads: the next write or sync. *idle is true when there was nothing to do. */
bool log_step(struct log *log, bool *idle, struct error *error);

/* Without threads: the next step of preparing a segment ahead. Failing here is not fatal. */
bool log_prepare_step(struct log *log, bool *idle, struct error *error);

/*
 * Deletes whole segments that hold only records below `sequence` and were last written before
 * `time_ms`. Engine thread; returns the number removed, -1 with *error.
 */
int log_remove_before(struct log *log, uint64_t sequence, int64_t time_ms, struct error *error);

/* ---- reading: any thread, also while the log is written ---- */

struct log_reader;

enum log_tail {
  LOG_TAIL_CUT,  /* recovery: a torn last frame is cut off the file, a hole refuses */
  LOG_TAIL_KEEP, /* files that may be in use: a torn or growing last frame ends the reading */
  /* The same, of a log that is read as it is written: in small steps, and nothing ahead. */
  LOG_TAIL_FOLLOW,
};

/*
 * Opens the segments of options->directory at the record `from` (or the first after it).
 * ERROR_NOT_FOUND when segments before `from` are gone; ERROR_CORRUPT, naming file and offset, for
 * a hole, a bad header, a segment of another store; ERROR_KEY for a missing or wrong key.
 */
struct log_reader *log_reader_open(struct world *world, const struct log_options *options,
                                   uint64_t from, enum log_tail tail, struct error *error);

/*
 * With LOG_TAIL_CUT: the log is known to reach up to this sequence (`from` - 1 when not called). If
 * it ends before, that is ERROR_CORRUPT and nothing is cut.
 */
void log_reader_need(struct log_reader *reader, uint64_t sequence);

/*
 * 1 and a record; 0 at the end; -1 with *error. With LOG_TAIL_CUT the end says that all that was
 * read is durable. With the others it may be called again after 0, and records that are written
 * but not yet durable are seen: compare log_durable.
 */
int log_reader_next(struct log_reader *reader, struct log_record *record, struct error *error);

/*
 * Where the record that was read last lies: its segment (valid until the next call), and the offset
 * of its header in it.
 */
const char *log_reader_path(const struct log_reader *reader);
uint64_t log_reader_offset(const struct log_reader *reader, const struct log_record *record);

void log_reader_close(struct log_reader *reader);

#endif
