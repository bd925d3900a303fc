/*
 * Snapshot files: what the engine writes of its tables so that recovery need not read the whole
 * log.
 *
 * WHAT is in one is the engine's matter; here it is a row of typed records in a file that is either
 * whole and verified or not a snapshot at all.
 *
 *     snapshot-<sequence>.tmp                     being written
 *     snapshot-<sequence>.snap                    whole; the sequence is the log's when it began
 *
 *     block of store_file.h | frame | frame | ... | trailer
 *
 * Frames are those of log_format.h (checksums and sealing included), each of about 256 KiB: its
 * number counts from 0, its "first sequence" is the ordinal of its first record, from 1. The
 * trailer is one more frame, always 128 bytes at the end of the file, with a single record of type
 * SNAPSHOT_TRAILER: u64 end sequence, i64 end time, u64 number of records, u64 number of frames.
 *
 * Writing is cut into portions: one frame is written, and every SNAPSHOT_SYNC_BYTES are synced at
 * once, because a sync of a gigabyte would stand in the way of the log's. A snapshot that cannot be
 * written (disk full) is removed and reported; that is never fatal.
 *
 * Threads: a writer belongs to the engine thread, which never waits for the disk; with
 * options->threads the writer has a thread of its own for the file, otherwise the owner steps. A
 * reader belongs to the thread that opened it.
 */
#ifndef TACOS_STORE_SNAPSHOT_H
#define TACOS_STORE_SNAPSHOT_H

#include "base/error.h"
#include "base/world.h"
#include "store/store_file.h"

enum {
  SNAPSHOT_FRAME_BYTES = 256 << 10, /* a frame is closed when it has reached this */
  SNAPSHOT_SYNC_BYTES = 2 << 20,    /* written at most between two syncs, and one frame */
  SNAPSHOT_RECORD_MAX = 64 << 20,   /* bytes of one payload */
  SNAPSHOT_TRAILER = 0xffff,        /* the type that the engine may not use */
};

struct snapshot_options {
  const char *directory;            /* must exist */
  uint8_t store_id[STORE_ID_BYTES]; /* a snapshot of another store is refused */
  const uint8_t *key;               /* SEAL_KEY_BYTES for AES-256-GCM, or NULL: plain */
  bool threads;                     /* writer: write in a thread of its own */
  uint64_t bytes_per_second;        /* with threads: write no faster on average; 0: no limit */
};

/* ---- writing: engine thread ---- */

enum snapshot_state {
  SNAPSHOT_WRITING, /* also after finish, until everything is on the disk */
  SNAPSHOT_DONE,    /* whole, durable, has its name */
  SNAPSHOT_FAILED,  /* the temporary file is removed */
};

struct snapshot_writer;

/*
 * Begins a snapshot of the state as of `sequence`, the newest in the log. Touches no file yet.
 * NULL with *error: ERROR_INVALID (directory too long), ERROR_NO_MEMORY.
 */
struct snapshot_writer *snapshot_writer_open(struct world *world,
                                             const struct snapshot_options *options,
                                             uint64_t sequence, struct error *error);

/*
 * Whether a record may be put now: false while both frame buffers wait for the disk, and for good
 * once the writer has failed or is finished.
 */
bool snapshot_writer_room(struct snapshot_writer *writer);

/*
 * Adds a record; call only after snapshot_writer_room said true. The returned address is where to
 * write the payload, before the next call. NULL with ERROR_NO_MEMORY, nothing added; try again or
 * close.
 */
uint8_t *snapshot_writer_put(struct snapshot_writer *writer, uint16_t type, size_t payload_size,
                             struct error *error);

/*
 * No more records: the state is consistent with the log from `end_sequence` on (a fuzzy snapshot
 * needs the log's records from the sequence it began at up to here), whose time is end_ms. Goes on
 * in the background.
 */
void snapshot_writer_finish(struct snapshot_writer *writer, uint64_t end_sequence, int64_t end_ms);

/* How far it is; *error is filled when it failed. */
enum snapshot_state snapshot_writer_state(struct snapshot_writer *writer, struct error *error);

/* Bytes of the file written so far. */
uint64_t snapshot_writer_bytes(struct snapshot_writer *writer);

/* Without threads: the next operation on the file. *idle is true when there was nothing to do. */
void snapshot_writer_step(struct snapshot_writer *writer, bool *idle);

/* Frees; a snapshot that is not done is given up and its temporary file removed. May be NULL. */
void snapshot_writer_close(struct snapshot_writer *writer);

/* ---- reading ---- */

struct snapshot_info {
  uint64_t sequence;     /* of the log when it began, and in the name */
  uint64_t end_sequence; /* of the log when it was finished */
  int64_t begin_ms;      /* UTC, when the file was begun */
  int64_t end_ms;        /* time of the log's record end_sequence */
  uint64_t records;      /* without the trailer */
  uint64_t bytes;        /* of the file */
};

struct snapshot_record {
  uint16_t type;
  struct bytes payload; /* valid until the next call */
};

struct snapshot_reader;

/*
 * Opens and checks header and trailer. NULL with *error: ERROR_NOT_FOUND, ERROR_CORRUPT (file and
 * offset), ERROR_KEY, ERROR_UNSUPPORTED, ERROR_IO, ERROR_NO_MEMORY.
 */
struct snapshot_reader *snapshot_reader_open(struct world *world,
                                             const struct snapshot_options *options,
                                             uint64_t sequence, struct error *error);

const struct snapshot_info *snapshot_reader_info(const struct snapshot_reader *reader);

/* 1 and a record; 0 after the last one, when all counts agree; -1 with *error. */
int snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_record *record,
                         struct error *error);

/* Where the record that was read last lies: the file, and the offset of its header in it. */
const char *snapshot_reader_path(const struct snapshot_reader *reader);
uint64_t snapshot_reader_offset(const struct snapshot_reader *reader,
                                const struct snapshot_record *record);

void snapshot_reader_close(struct snapshot_reader *reader);

/* ---- files ---- */

/*
 * The sequences of the snapshots in a directory, ascending: all that have the name of a whole one.
 * Whether one is undamaged, snapshot_reader_open tells. The list is store_file_list's: zero it
 * first, free it with store_file_list_free.
 */
bool snapshot_list(struct store_file_list *list, struct world *world, const char *directory,
                   struct error *error);

/* Removes one, durably. */
bool snapshot_remove(struct world *world, const char *directory, uint64_t sequence,
                     struct error *error);

/* Removes what interrupted writers left; not while one is at work. */
bool snapshot_remove_unfinished(struct world *world, const char *directory, struct error *error);

#endif
