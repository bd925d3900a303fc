/*
 * Verifying a store or a backup: reads every snapshot and the whole log as recovery would, and
 * looks into every record.
 *
 *     each snapshot   all checksums, all counts; every definition decodes, every item is canonical
 *                     and belongs to one of its tables
 *     the log         all checksums, no gap in sequences, times never go back; every part of every
 *                     transaction decodes, every image is canonical
 *     together        the log reaches back to and past what each snapshot needs of it
 *
 * Changes nothing, and may run while the store is in use: files only grow, and what retires
 * meanwhile is no finding. One thread; holds no more in memory than a frame.
 */
#ifndef TACOS_STORE_VERIFY_H
#define TACOS_STORE_VERIFY_H

#include "base/error.h"
#include "base/world.h"

struct verify_options {
  const char *directory;
  const uint8_t *key; /* LOG_KEY_BYTES, or NULL */
  /* Called for each thing that is wrong; the message names file and offset. */
  void (*finding)(void *context, const char *message);
  void *finding_context;
};

struct verify_result {
  uint64_t snapshots;        /* undamaged ones */
  uint64_t snapshot_records; /* read from snapshots */
  uint64_t segments;         /* of the log, when it was listed */
  uint64_t log_records;
  uint64_t images;         /* items and keys looked into */
  uint64_t first_sequence; /* of the log; 0: no record */
  uint64_t last_sequence;
  int64_t earliest_ms; /* a restore can go back to here; INT64_MAX: there is no such time */
  int64_t latest_ms;   /* of the newest record */
  uint64_t findings;
};

/*
 * True when everything was looked at, whatever was found. False with *error when that could not be
 * done: ERROR_NOT_FOUND (no store there), ERROR_KEY, ERROR_NO_MEMORY, ERROR_CORRUPT (the file that
 * says who the store is).
 */
bool verify_run(struct world *world, const struct verify_options *options,
                struct verify_result *result, struct error *error);

#endif
