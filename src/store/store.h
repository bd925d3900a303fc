/*
 * The store: tables of items with DynamoDB's data model and transactions, in memory, durable
 * through one write-ahead log.
 *
 *     caller -> validate, find, test conditions, build new images      (may refuse; nothing
 *     changed)
 *            -> reserve log space, memory, tree nodes                  (may refuse; nothing
 *            changed) == the point of no return ==
 *            -> redo record into the log buffer, items and indexes swapped
 *            -> store_flush: log thread writes and syncs a frame       (group commit)
 *            -> store_durable() >= result.sequence: now the reply may leave
 *
 * Threads: everything here is called by the engine thread, which owns all state. The log thread,
 * the preparer of segments, the writer of a snapshot and the warmer of memory run beside it (log.h,
 * snapshot.h, warmer.h) and touch none of it.
 *
 * Memory: a `struct value` handed out by a read points into the store and is valid until the next
 * write or store_tick; results built for the caller live in the caller's arena. Arguments are
 * borrowed for the call.
 *
 * A read must also wait: it may have seen what is not yet durable. Every result carries the
 * sequence to wait for.
 */
#ifndef TACOS_STORE_STORE_H
#define TACOS_STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/world.h"
#include "store/expression.h"
#include "store/item.h"
#include "store/log.h"

struct store;
struct table;

/*
 * What a call answers. One enum, checked in this order: a request wrong in itself is refused before
 * one whose table is missing, that before one whose token or condition fails.
 */
enum store_status {
  STORE_OK = 0,
  STORE_VALIDATION,       /* the request is wrong; error->message is DynamoDB's */
  STORE_NOT_FOUND,        /* no such table, index, snapshot in time */
  STORE_IN_USE,           /* table exists, or is being created or deleted */
  STORE_LIMIT,            /* a limit of limits.h on tables or indexes */
  STORE_TOKEN_MISMATCH,   /* the client request token was used with another request */
  STORE_CONDITION_FAILED, /* single write: the condition does not hold */
  STORE_CANCELED,         /* transaction: see the reasons */
  STORE_UNAVAILABLE,      /* disk full, no memory, log behind: nothing changed, retry later */
};

/* DynamoDB's exception name: "ConditionalCheckFailedException", ...; "OK". */
const char *store_status_name(enum store_status status);

struct store_options {
  const char *directory;  /* made (mode 0700) when absent */
  const uint8_t *key;     /* LOG_KEY_BYTES for encryption at rest, or NULL */
  uint32_t segment_bytes; /* of log segments; 0: LOG_SEGMENT_BYTES */
  size_t region_bytes;    /* of the heap; 0: STORE_REGION_BYTES */
  size_t ready_bytes;     /* of the heap, made resident at once (heap_prepare); 0: as it is used */
  int64_t history_ms;     /* how far back a restore can go; 0: STORE_HISTORY_MS */
  uint64_t
      snapshot_log_bytes; /* a snapshot starts after this much log; 0: STORE_SNAPSHOT_LOG_BYTES */
  bool threads;           /* log and file threads; false: the owner calls store_step */
  /*
   * What the files hold now, in memory: nothing in the directory is made, changed or locked, and
   * another process may use it meanwhile. For reading of tables alone: no writes, no ticks, and
   * indexes are empty. ERROR_NOT_FOUND when there is no store.
   */
  bool read_only;
  void (*notify)(void *context); /* log thread, after each sync; may be NULL */
  void *notify_context;
  /*
   * A line for the operator (a damaged snapshot skipped, a tail cut, a snapshot failed). May be
   * NULL.
   */
  void (*report)(void *context, const char *message);
  void *report_context;
};

#define STORE_REGION_BYTES       ((size_t)2 << 20)        /* 2 MiB: one huge page */
#define STORE_HISTORY_MS         ((int64_t)35 * 86400000) /* 35 days, as DynamoDB's window */
#define STORE_SNAPSHOT_LOG_BYTES ((uint64_t)256 << 20) /* and at least the last snapshot's size */

/*
 * Opens or creates the store in a directory and recovers it. NULL with *error: ERROR_LOCKED
 * (another process has it), ERROR_KEY, ERROR_CORRUPT (file and offset), ERROR_UNSUPPORTED (format
 * of a newer build), ERROR_IO, ERROR_NO_SPACE, ERROR_NO_MEMORY.
 */
struct store *store_open(struct world *world, const struct store_options *options,
                         struct error *error);

/* Makes everything appended durable and closes. False when that failed; frees in any case. */
bool store_close(struct store *store, struct error *error);

/* Lets what was appended go to disk as one group: call once per turn of the loop. */
void store_flush(struct store *store);

/* Newest sequence appended, and newest durable one. */
uint64_t store_appended(const struct store *store);
uint64_t store_durable(const struct store *store);

/* Waits until a sequence that was flushed is durable. */
bool store_wait(struct store *store, uint64_t sequence, struct error *error);

/* store_flush, then waits until all that was appended is durable. */
bool store_sync(struct store *store, struct error *error);

/*
 * Background work between transactions, in slices of bounded length: snapshot, TTL, index backfill,
 * table restore, freeing of dropped tables. Call once per turn of the loop; returns true while
 * there is more to do now.
 */
bool store_tick(struct store *store);

/* Without threads: one write, sync or allocation of log or snapshot. *idle: nothing to do. */
bool store_step(struct store *store, bool *idle, struct error *error);

/* Starts a snapshot now unless one is under way; store_tick carries it on. */
enum store_status store_snapshot_begin(struct store *store, struct error *error);
bool store_snapshot_busy(const struct store *store);

struct store_statistics {
  uint64_t items;            /* in all tables */
  size_t item_bytes;         /* heap in use: items and index nodes */
  size_t mapped_bytes;       /* heap mapped from the system */
  uint64_t transactions;     /* committed since open */
  uint64_t log_bytes;        /* appended since open */
  uint64_t snapshots;        /* finished since open */
  uint64_t snapshots_failed; /* since open */
  uint64_t replayed_records; /* read from the log at open */
  uint64_t snapshot_items;   /* read from the snapshot at open */
  int64_t open_ms;           /* how long opening took */
  uint64_t ttl_deleted;      /* since open */
};

void store_statistics(const struct store *store, struct store_statistics *statistics);

/* ---- tables ---- */

struct table_key {
  struct bytes name;    /* empty: no such key */
  enum value_type type; /* VALUE_STRING, VALUE_NUMBER or VALUE_BINARY */
};

enum table_projection { PROJECTION_ALL, PROJECTION_KEYS_ONLY, PROJECTION_INCLUDE };

struct table_index_definition {
  struct bytes name;
  struct table_key partition;
  struct table_key sort;
  enum table_projection projection;
  const struct bytes *include; /* with PROJECTION_INCLUDE: attribute names */
  uint32_t include_count;
};

/* Which images a change stream's records carry; STREAM_OFF: no stream. */
enum table_stream {
  STREAM_OFF,
  STREAM_KEYS_ONLY,
  STREAM_NEW_IMAGE,
  STREAM_OLD_IMAGE,
  STREAM_NEW_AND_OLD_IMAGES,
};

struct table_definition {
  struct bytes name;
  struct table_key partition;
  struct table_key sort;
  const struct table_index_definition *indexes;
  uint32_t index_count;
  struct bytes ttl_attribute; /* empty: no TTL */
  enum table_stream stream;
  bool deletion_protection;
};

enum table_state { TABLE_CREATING, TABLE_ACTIVE };

struct table_description {
  struct table_definition definition; /* points into the table; valid until it changes */
  uint32_t id;                        /* never used twice in a store */
  enum table_state state;
  int64_t created_ms;
  uint64_t item_count;
  uint64_t stream_since;                /* first log sequence of the current stream */
  bool index_active[TABLE_INDEXES_MAX]; /* false while it is being filled */
};

enum store_status store_table_create(struct store *store, const struct table_definition *definition,
                                     struct table **table, struct error *error);

/* Fails with deletion protection on. `table` is gone when this returns STORE_OK. */
enum store_status store_table_delete(struct store *store, struct table *table, struct error *error);

/* Adds an index (filled in the background), or removes one. */
enum store_status store_index_create(struct store *store, struct table *table,
                                     const struct table_index_definition *definition,
                                     struct error *error);
enum store_status store_index_delete(struct store *store, struct table *table, struct bytes name,
                                     struct error *error);

/* Changes what is not about keys: TTL attribute (empty: off), stream, deletion protection. */
struct table_settings {
  struct bytes ttl_attribute;
  enum table_stream stream;
  bool deletion_protection;
};

enum store_status store_table_update(struct store *store, struct table *table,
                                     const struct table_settings *settings, struct error *error);

/* NULL when there is none. The pointer is valid until the table is deleted. */
struct table *store_table(const struct store *store, struct bytes name);

/* Tables in order of name: the first one after `after` (empty: the first), or NULL. */
struct table *store_table_next(const struct store *store, struct bytes after);

void store_table_describe(const struct table *table, struct table_description *description);

/* ---- writing ---- */

enum store_action_kind { ACTION_PUT, ACTION_UPDATE, ACTION_DELETE, ACTION_CHECK };

struct store_action {
  enum store_action_kind kind;
  struct table *table;
  struct value item; /* PUT: the item; otherwise a map of exactly the key attributes */
  const struct expression *condition; /* NULL: none. CHECK needs one */
  const struct expression *update; /* UPDATE: what to do; NULL: only make sure the item is there */
  const struct value *values;      /* one per slot of the expressions' placeholders */
  bool return_old_on_failure;      /* ReturnValuesOnConditionCheckFailure: ALL_OLD */
};

enum store_return {
  RETURN_NONE,
  RETURN_ALL_OLD,
  RETURN_UPDATED_OLD,
  RETURN_ALL_NEW,
  RETURN_UPDATED_NEW
};

struct store_write_result {
  uint64_t sequence; /* durable when store_durable() reaches it */
  struct value item; /* what was asked for, or the old item of a failed condition; in the arena */
};

/* One put, update or delete. PUT and DELETE know RETURN_NONE and RETURN_ALL_OLD. */
enum store_status store_write(struct store *store, const struct store_action *action,
                              enum store_return returns, struct arena *arena,
                              struct store_write_result *result, struct error *error);

enum store_reason_code {
  REASON_NONE,
  REASON_CONDITION_FAILED, /* "ConditionalCheckFailed" */
  REASON_VALIDATION,       /* "ValidationError" */
};

struct store_reason {
  enum store_reason_code code;
  const char *message; /* in the arena; NULL with REASON_NONE */
  struct value item;   /* the old item when asked for, in the arena */
};

/*
 * A client request token: the same token with the same request within 10 minutes changes nothing.
 */
struct store_token {
  struct bytes text;     /* 1-36 characters; empty: no token */
  uint64_t request_hash; /* of what the request means; the same for the same request */
};

struct store_transact_result {
  uint64_t sequence;
  struct store_reason *reasons; /* with STORE_CANCELED: one per action, in order; in the arena */
  bool replayed;                /* the token was known: nothing was done now */
};

/* Up to TRANSACTION_ACTIONS_MAX actions on different items: all or nothing. */
enum store_status store_transact_write(struct store *store, const struct store_action *actions,
                                       size_t count, struct store_token token, struct arena *arena,
                                       struct store_transact_result *result, struct error *error);

/*
 * Up to BATCH_WRITE_MAX puts and deletes (no conditions), each on its own. Stops at the first that
 * the store cannot take now; *done says how many were written (the rest is "unprocessed").
 */
enum store_status store_batch_write(struct store *store, const struct store_action *actions,
                                    size_t count, struct arena *arena, size_t *done,
                                    uint64_t *sequence, struct error *error);

/* ---- reading ---- */

/*
 * The fast path: the item with these key values, or VALUE_NONE. sort is VALUE_NONE for a table
 * without sort key. Types are not checked: a value of the wrong type is simply not found.
 */
struct value store_find(const struct table *table, struct value partition, struct value sort);

struct store_get {
  const struct table *table;
  struct value key;                    /* a map of exactly the key attributes */
  const struct expression *projection; /* NULL: all */
};

/* item is VALUE_NONE when there is none. */
enum store_status store_get(struct store *store, const struct store_get *get, struct arena *arena,
                            struct value *item, uint64_t *sequence, struct error *error);

/*
 * Up to BATCH_GET_MAX different keys; items[i] answers gets[i]. Past BATCH_GET_SIZE_MAX bytes:
 * *done < count.
 */
enum store_status store_batch_get(struct store *store, const struct store_get *gets, size_t count,
                                  struct arena *arena, struct value *items, size_t *done,
                                  uint64_t *sequence, struct error *error);

/* Up to TRANSACTION_ACTIONS_MAX keys, at most TRANSACTION_SIZE_MAX bytes. */
enum store_status store_transact_get(struct store *store, const struct store_get *gets,
                                     size_t count, struct arena *arena, struct value *items,
                                     uint64_t *sequence, struct error *error);

struct store_query {
  const struct table *table;
  struct bytes index;                     /* empty: the table itself */
  const struct expression *key_condition; /* query only */
  const struct expression *filter;        /* may be NULL */
  const struct expression *projection;    /* may be NULL */
  const struct value *values;
  bool backward;          /* query only */
  uint32_t limit;         /* items evaluated; 0: none but the page's size */
  struct value start_key; /* exclusive; a last_key of before, or VALUE_NONE */
  bool count_only;
  uint32_t segment;       /* scan only: 0 <= segment < segment_count */
  uint32_t segment_count; /* 0: not parallel */
};

struct store_page {
  struct value *items; /* those that passed the filter, in the arena; NULL with count_only */
  uint32_t count;
  uint32_t scanned;      /* evaluated before the filter */
  size_t scanned_bytes;  /* DynamoDB's size of them */
  struct value last_key; /* where to go on, or VALUE_NONE at the end; in the arena */
  uint64_t sequence;
};

enum store_status store_query(struct store *store, const struct store_query *query,
                              struct arena *arena, struct store_page *page, struct error *error);
enum store_status store_scan(struct store *store, const struct store_query *query,
                             struct arena *arena, struct store_page *page, struct error *error);

/* Is shown an item, which is valid during the call; false ends it, with *error. */
typedef bool store_visit(void *context, struct value item, struct error *error);

/*
 * Shows all items of a scan, or of a query when there is a key condition, page after page. The
 * query's values are not in an arena that `visit` resets. False when `visit` was, or the store
 * could not be read: *error says why.
 */
bool store_each(struct store *store, const struct store_query *query, store_visit *visit,
                void *context, struct error *error);

/* ---- change streams ---- */

enum stream_event { STREAM_INSERT, STREAM_MODIFY, STREAM_REMOVE };

struct stream_record {
  uint64_t sequence; /* of the transaction; with ordinal: unique and increasing */
  uint32_t ordinal;  /* of the change in its transaction */
  int64_t time_ms;
  enum stream_event event;
  bool by_ttl;
  struct value keys;
  struct value new_image; /* VALUE_NONE when the view or the event has none */
  struct value old_image;
};

struct stream;

/*
 * Reads the durable changes of a table with a stream from a position on: `after` 0 is the beginning
 * of the stream (or 24 h ago, whichever is later), otherwise the sequence of the last transaction
 * that was read whole. Close it before the store.
 */
struct stream *store_stream_open(struct store *store, const struct table *table, uint64_t after,
                                 struct error *error);

/*
 * 1 and a record (valid until the next call); 0: none for now, ask again at the next turn of the
 * loop (also when the next STREAM_LOOK_RECORDS log records held none); -1 with *error:
 * ERROR_NOT_FOUND when the table was deleted or its stream switched off or changed.
 */
int store_stream_next(struct stream *stream, struct stream_record *record, struct error *error);

/* Whether the log has durable records that the stream has not looked at: ask again soon. */
bool store_stream_is_behind(const struct stream *stream);

/*
 * The sequence of the last transaction that was passed whole: where to open the stream again. All
 * that is durable was seen when it has reached store_durable().
 */
uint64_t store_stream_position(const struct stream *stream);
void store_stream_close(struct stream *stream);

/* ---- time travel ---- */

/* The window in which a restore can be made, both ends inclusive. */
void store_restore_window(const struct store *store, int64_t *earliest_ms, int64_t *latest_ms);

/*
 * Starts to make a new table with the items that `source` had at the end of the millisecond
 * `at_ms`. store_tick carries it on; the new table is TABLE_CREATING until all is there and
 * durable. Keys and indexes are the source's of today; TTL, stream and deletion protection are off,
 * as in DynamoDB. One restore at a time (STORE_LIMIT). STORE_VALIDATION outside of the window,
 * STORE_NOT_FOUND for a moment before the source was made. A restore that must be given up later
 * (damaged files) is reported and takes the new table away.
 */
enum store_status store_table_restore(struct store *store, const struct table *source,
                                      int64_t at_ms, struct bytes name, struct table **table,
                                      struct error *error);
bool store_restore_busy(const struct store *store);

#endif
