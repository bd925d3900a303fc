/*
 * Backups: a directory that holds a store's whole history, made while the store runs.
 *
 * A backup copies the snapshots and the log, record by record, verifying every checksum on the
 * way; it needs nothing from the process that writes the store, because all files only grow and
 * only whole groups of records are read. What was acknowledged before the backup began is in it,
 * and it ends at a record's boundary. Run again on the same directory it adds what is new; one that
 * was cut short can be restored as far as it got, and carried on.
 *
 * The newest group may not be synced yet by the source: should a power failure take it back at that
 * very moment, the next backup finds another history and refuses.
 *
 * A restore makes a new store from a backup (or from another store's directory) as it was at the
 * end of a given millisecond. The new store has an identity of its own: its future is not the old
 * one's.
 *
 * Sealed stores: the same key reads the source and seals the copy. Called from a tool's only
 * thread.
 */
#ifndef TACOS_STORE_BACKUP_H
#define TACOS_STORE_BACKUP_H

#include "base/error.h"
#include "base/world.h"

struct backup_options {
  const char *source;
  const char *target;
  const uint8_t *key;     /* LOG_KEY_BYTES, or NULL */
  int64_t at_ms;          /* restore: end of this millisecond; INT64_MAX: all there is */
  uint32_t segment_bytes; /* of the copy's log segments; 0: LOG_SEGMENT_BYTES */
};

struct backup_result {
  uint64_t snapshots;     /* copied now */
  uint64_t records;       /* log records copied now */
  uint64_t last_sequence; /* the copy ends with this record */
  int64_t last_ms;        /* ... and this is its time; 0 when it has none */
};

/*
 * Copies the store in `source` to `target`, which is made when absent. Refuses (ERROR_EXISTS) a
 * target that holds another store or other files, or a history that is not the source's;
 * ERROR_LOCKED while another process uses the target.
 */
bool backup_run(struct world *world, const struct backup_options *options,
                struct backup_result *result, struct error *error);

/*
 * Makes a new store in `target` (absent or empty) from the backup in `source`. ERROR_NOT_FOUND when
 * the source does not reach back to at_ms; the message tells how far it does. A damaged snapshot is
 * passed over when an older one and more of the log serve.
 */
bool backup_restore(struct world *world, const struct backup_options *options,
                    struct backup_result *result, struct error *error);

#endif
