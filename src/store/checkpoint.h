/*
 * Checkpoints: when a snapshot is taken, what is in it, and which old files may go.
 *
 * A snapshot is written in slices between transactions, so it is fuzzy: items change while it is
 * written. It holds every item as it was at some moment between its begin and its end; replaying
 * the log from its begin on over it gives the exact state (record.h).
 *
 *     snapshot record         payload
 *     CHECKPOINT_HEAD         u32 next table id | i64 time of the newest record      first
 *     CHECKPOINT_TABLE        a definition (table_encode)                            each table
 *     CHECKPOINT_ITEM         u32 table id | item                                    each item
 *     CHECKPOINT_TOKEN        i64 time | u64 request hash | text                     each token
 *
 *     IDLE -> TABLES -> ITEMS -> TOKENS -> SYNC -> FILE -> RETIRE -> IDLE
 *
 * SYNC waits until the log is durable up to the newest change the snapshot may hold: a snapshot
 * must never know of a transaction that a crash takes back.
 */
#ifndef TACOS_STORE_CHECKPOINT_H
#define TACOS_STORE_CHECKPOINT_H

#include "store/keyspace.h"
#include "store/snapshot.h"

enum checkpoint_phase {
  CHECKPOINT_IDLE,
  CHECKPOINT_TABLES,
  CHECKPOINT_ITEMS,
  CHECKPOINT_TOKENS,
  CHECKPOINT_SYNC,
  CHECKPOINT_FILE,
  CHECKPOINT_RETIRE,
};

enum checkpoint_record {
  CHECKPOINT_HEAD = 1,
  CHECKPOINT_TABLE = 2,
  CHECKPOINT_ITEM = 3,
  CHECKPOINT_TOKEN = 4,
};

/* What the phase RETIRE has seen so far: one snapshot is looked at in a slice. */
struct checkpoint_retirement {
  struct store_file_list list; /* of the snapshots; empty: not begun */
  size_t position;             /* in the list: the next to be looked at */
  uint64_t oldest;             /* of those that stay, once kept_ms is set */
  int64_t end_ms;              /* of the one being looked at; INT64_MAX: damaged */
  int64_t next_end_ms;         /* of the one behind it */
  int64_t kept_ms;             /* end of the newest that stays; INT64_MIN: none seen yet */
};

struct checkpoint {
  enum checkpoint_phase phase;
  struct snapshot_writer *writer;
  uint32_t *table_ids; /* of the tables at its begin */
  uint32_t table_count;
  uint32_t position; /* in table_ids */
  struct keyspace_walk walk;
  bool walking; /* walk belongs to table_ids[position] */
  uint64_t end_sequence;
  int64_t end_ms;
  uint64_t log_bytes_begin; /* statistics.log_bytes when the one under way began */
  uint64_t log_bytes_saved; /* ... when the newest whole one began */
  uint64_t replayed_bytes;  /* of log that recovery read: the next snapshot saves it, too */
  uint64_t snapshot_bytes;  /* size of the newest snapshot */
  int64_t again_ns;         /* after a failure: not before this monotonic time */
  int64_t earliest_ms;      /* a restore can go back to here */
  struct checkpoint_retirement retirement;
  uint64_t log_first; /* first sequence that the log still has */
};

struct store;

/*
 * One slice; true while there is more to do now. Begins a snapshot by itself when enough was
 * logged.
 */
bool checkpoint_tick(struct store *store);

/*
 * Loads the newest usable snapshot: *sequence is where replay starts after, 0 without one. A
 * damaged one is reported and an older one taken when the log still reaches back to it. *needed is
 * the sequence that the log must reach for the state to be whole: no less than the newest snapshot,
 * also a damaged one, is a witness of.
 */
bool checkpoint_load(struct store *store, uint64_t *sequence, uint64_t *needed,
                     struct error *error);

/* Finds out how far back a restore can go, from the files that are there. */
bool checkpoint_survey(struct store *store, struct error *error);

/*
 * A slice of RETIRE: removes what no restore in the window of history needs. True while there is
 * more to do.
 */
bool checkpoint_retire(struct store *store);
void checkpoint_retire_end(struct store *store);

/* Gives up what is under way. */
void checkpoint_free(struct store *store);

/* Writer and reader options of this store. */
struct snapshot_options checkpoint_options(const struct store *store);

#endif
