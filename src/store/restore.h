/*
 * Time travel of one table: a new table with the items another had at a moment of the past, while
 * the store runs.
 *
 *     IDLE -> SNAPSHOT -> LOG -> COPY -> IDLE
 *
 * SNAPSHOT and LOG build the state in a shadow table that nobody sees, from the newest snapshot
 * that ended before the moment and the log after it; COPY writes its items into the new table,
 * logged like any others, in slices between transactions. A restore that the process's end
 * interrupts is undone at the next start: the half-filled table is dropped.
 */
#ifndef TACOS_STORE_RESTORE_H
#define TACOS_STORE_RESTORE_H

#include "store/keyspace.h"
#include "store/log.h"
#include "store/snapshot.h"

enum restore_phase { RESTORE_IDLE, RESTORE_SNAPSHOT, RESTORE_LOG, RESTORE_COPY };

enum {
  RESTORE_CHUNK_ITEMS = 16,
  RESTORE_CHUNK_BYTES = 32 << 10, /* of one record, unless an item is larger: fits any segment */
};

struct restore {
  enum restore_phase phase;
  uint32_t source_id;
  int64_t at_ms;
  uint64_t from_sequence; /* the log record to go on with */
  uint64_t stop_sequence; /* the newest record when the restore began */
  struct table *target;   /* TABLE_CREATING */
  struct table *shadow;
  bool source_seen; /* the source existed at that moment */
  struct snapshot_reader *snapshot;
  struct log_reader *log;
  struct keyspace_walk walk; /* over the shadow */
  struct item *chunk[RESTORE_CHUNK_ITEMS];
  size_t chunk_count; /* items of the shadow that wait to be copied */
  bool walked;        /* the walk is at its end */
};

struct store;

/* One slice; true while there is more to do now. */
bool restore_tick(struct store *store);

/* Gives up what is under way without a trace in the log. */
void restore_free(struct store *store);

#endif
