/*
 * The inside of a store, shared by the files of this room that make it up:
 *
 *     open.c     open, recover, close           tables.c      create, change, drop
 *     commit.c   the one path to the log        write.c       conditions, updates, transactions
 *     read.c     get, batch, transactional      query.c, scan.c, page.c
 *     apply.c    log records into state         stream.c      change streams
 *     jobs.c     store_tick: TTL, index fills   checkpoint*.c snapshots    restore.c time travel
 *
 * Invariants
 *   E1  State changes only in commit_apply and in replay, always after (or from) a log record.
 *   E2  Between commit_begin's success and commit_apply's end nothing can fail.
 *   E3  Record times never go back: now = max(clock, newest record's time).
 *   E4  A table's id is never used again.
 */
#ifndef TACOS_STORE_ENGINE_H
#define TACOS_STORE_ENGINE_H

#include "store/checkpoint.h"
#include "store/directory.h"
#include "store/heap.h"
#include "store/identity.h"
#include "store/log.h"
#include "store/log_format.h"
#include "store/record.h"
#include "store/restore.h"
#include "store/store.h"
#include "store/table.h"
#include "store/tokens.h"
#include "store/warmer.h"

struct store {
  struct world *world;
  struct memory *memory;
  struct store_options options; /* directory points to directory_text, key to key_bytes */
  char *directory_text;
  uint8_t key_bytes[LOG_KEY_BYTES];
  int lock_file;
  struct identity identity;
  struct heap heap;
  struct warmer warmer; /* runs with options.threads */
  struct log *log;
  struct tokens tokens;
  struct table **tables; /* ascending names; TABLES_MAX places */
  uint32_t table_count;
  uint32_t next_table_id;
  struct table *by_id_cache;           /* the table last looked up by id during replay */
  struct table *dropped;               /* list: being freed in the background */
  struct table_index *dropped_indexes; /* list: the same */
  int64_t last_time_ms;                /* of the newest record (E3) */
  uint64_t replayed_sequence;          /* newest record that recovery read */
  struct checkpoint checkpoint;
  struct restore restore;
  struct arena scratch; /* of one commit */
  uint32_t step_turn;   /* of store_step */
  struct store_statistics statistics;
};

/* The engine's clock (E3). */
int64_t store_now_ms(const struct store *store);

/* Tells the operator. */
void store_report(const struct store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Maps a failure of the log or of memory to STORE_UNAVAILABLE with a message; keeps error->code. */
enum store_status store_unavailable(struct error *error);
enum store_status store_no_memory(struct error *error);

/* Of the store's own log, also for readers of it. */
struct log_options store_log_options(const struct store *store);

/* ---- commit.c ---- */

/* One item that a commit changes. */
struct commit_item {
  struct table *table;
  uint64_t hash;
  struct item *old_item; /* NULL: insert */
  struct value image;    /* the new item; VALUE_NONE: delete */
  struct item_key key;   /* inside the image */
  uint8_t flags;         /* PART_BY_TTL */
};

struct commit {
  struct commit_item *items;
  size_t count; /* at most TRANSACTION_ACTIONS_MAX */
  struct store_token token;
};

/*
 * All that can fail, then the log record, then the change. STORE_OK with the record's sequence,
 * STORE_UNAVAILABLE with nothing changed. A commit of no items and no token writes nothing.
 */
enum store_status commit_run(struct store *store, const struct commit *commit, uint64_t *sequence,
                             struct error *error);

/* Appends a record of one payload: table definitions and deletions. */
enum store_status commit_record(struct store *store, enum record_type type, struct bytes payload,
                                uint64_t *sequence, struct error *error);

/* ---- tables.c ---- */

struct table *tables_by_id(struct store *store, uint32_t id);
struct table_origin tables_origin(struct store *store);

/* Puts a table in, or takes it (or an index) out for the background to free. */
void tables_insert(struct store *store, struct table *table);
void tables_drop(struct store *store, struct table *table);
void tables_drop_index(struct store *store, struct table *table, uint32_t position);

/* Create and delete, logged; `restoring`: TABLE_CREATING until a restore has filled it. */
enum store_status tables_create(struct store *store, const struct table_definition *definition,
                                bool restoring, struct table **made, struct error *error);
enum store_status tables_delete(struct store *store, struct table *table, struct error *error);

/* Logs the definition as it is now. */
enum store_status tables_log(struct store *store, const struct table *table, struct error *error);

/* ---- jobs.c ---- */

/* Frees all dropped tables and indexes now: at close. */
void jobs_drop_all(struct store *store);

/* ---- apply.c ---- */

/* Puts one log record into the state: recovery. */
bool apply_record(struct store *store, const struct log_record *record, struct error *error);

/* Puts one item over what is there, one part of a record or of a snapshot. */
bool apply_put(struct table *table, struct value image, struct error *error);
bool apply_delete(struct table *table, struct value map, struct error *error);
bool apply_table(struct store *store, struct value encoded, struct error *error);
bool apply_token(struct store *store, struct bytes text, uint64_t request_hash, int64_t time_ms,
                 struct error *error);

#endif
