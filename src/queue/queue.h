/*
 * Queues with the semantics of Amazon SQS, standard and FIFO, durable through the store's one log.
 *
 * A message is an item of a table, so that log, snapshots, recovery and time travel cover it, and a
 * send or a delete can be part of somebody else's transaction (store/plan.h): a relay writes the
 * messages of several queues and marks its row in one log record; a worker deletes its message in
 * the record of its effect. What is kept in memory beside the items is derived from them: which
 * messages are ready, what waits for which time, which group is busy. It is built by one scan when
 * the queues are opened and follows commits through the hooks of plans.
 *
 *     send -.-> DELAYED --- time ---.
 *           |                       v
 *           `--------------------> READY --- receive ---> IN FLIGHT --- delete ---> gone
 *                                   | ^                       |
 *                                   | `-- time, visibility 0 -'
 *                                   | next receive, when it was received too often:
 *                                   `--> READY in the dead-letter queue --- move task ---> READY
 *
 *     any state --- retention, purge, drop of the queue ---> gone
 *
 * A message is ready when now >= its time, and gone when now >= the end of its retention: the
 * deadline decides, whoever looks first; queues_tick only tidies. Each function costs the same with
 * ten messages and with ten million. In memory a message takes its item (about 150 bytes over its
 * body) and about 92 bytes beside it (state.h).
 *
 * FIFO queues. The order of a group is that of its messages' sequence numbers, which is the order
 * of sends. A message in flight blocks its group, a delayed one does not: those before it can be
 * received, and those behind it are delayed as long (the delay is the queue's, and changing it
 * concerns what is still delayed). A deduplication id is remembered for 5 minutes, also when its
 * message is gone, after a purge and over a restart.
 *
 * Standard queues are served about in order. A message may be delivered twice, a deleted one never
 * comes back. A group given to a standard queue is only handed on. Messages in flight are not
 * limited in number, as they are in SQS (120,000).
 *
 * Time is the engine's clock, given by the caller as now_ms. When it goes back, also over a
 * restart, the queues stand at the newest time they knew. No deadline depends on another clock.
 *
 * Answers may leave when the log record they rest on is durable (store_durable): commits give their
 * sequence. A plan is committed in the turn of the loop in which it was made, before the next
 * queues_tick: until then the memory that its hooks need is held.
 *
 * Memory: struct queues and all below belong to the memory given to queues_open; struct queue
 * pointers are valid until queue_drop. Slices given out say where they point. Arguments are
 * borrowed for the call. Engine thread.
 */
#ifndef TACOS_QUEUE_QUEUE_H
#define TACOS_QUEUE_QUEUE_H

#include "base/id.h"
#include "net/timer.h"
#include "ops/metrics.h"
#include "queue/limits.h"
#include "store/plan.h"

struct queues;
struct queue;

/*
 * What a call answers; the first that applies in this order. Names of SQS's errors are the wire's
 * business.
 */
enum queue_status {
  QUEUE_OK = 0,
  QUEUE_GONE, /* the message is not in the queue any more: nothing to do. SQS answers success */
  /* about queues */
  QUEUE_INVALID_NAME,
  QUEUE_INVALID_SETTING, /* out of range, or not for this kind of queue; see the error */
  QUEUE_INVALID_TAG,
  QUEUE_EXISTS,          /* a queue of this name has other settings */
  QUEUE_NOT_FOUND,       /* no such queue or task */
  QUEUE_REDRIVE_REFUSED, /* the dead-letter queue is of another kind or does not allow it */
  QUEUE_LIMIT,           /* too many queues */
  QUEUE_BUSY,            /* a move task runs on the queue already */
  QUEUE_NOT_RUNNING,     /* the task is over */
  /* about messages */
  QUEUE_EMPTY_BODY,
  QUEUE_INVALID_CHARACTERS,
  QUEUE_INVALID_ATTRIBUTE, /* name, type or value of a message's attribute; or too many */
  QUEUE_TOO_LARGE,         /* body and attributes over the queue's maximum */
  QUEUE_INVALID_DELAY,     /* out of range, or given for a message of a FIFO queue */
  QUEUE_MISSING_GROUP,
  QUEUE_INVALID_GROUP,
  QUEUE_MISSING_DEDUPLICATION,
  QUEUE_INVALID_DEDUPLICATION, /* malformed, or given to a standard queue */
  QUEUE_INVALID_COUNT,         /* of messages to receive */
  QUEUE_INVALID_VISIBILITY,
  QUEUE_INVALID_RATE,
  QUEUE_INVALID_RECEIPT, /* not one of this queue */
  QUEUE_EXPIRED_RECEIPT, /* received again since, or (FIFO) its time is over */
  QUEUE_NOT_IN_FLIGHT,
  /* about us */
  QUEUE_PLAN_FULL,   /* it does not fit into this plan; nothing was added */
  QUEUE_UNAVAILABLE, /* no memory, disk full: nothing changed, retry later */
};

/* "QUEUE_OK", ...: for logs. */
const char *queue_status_name(enum queue_status status);

/*
 * Opens the queues of a store, making their tables when they are not there, and scans them. The
 * store and the world outlive the queues. NULL with *error (ERROR_CORRUPT names the item).
 */
struct queues *queues_open(struct store *store, struct memory *memory, struct world *world,
                           int64_t now_ms, struct error *error);

/* No waiter may be left. */
void queues_close(struct queues *queues);

/*
 * Background work in bounded slices: what became visible, waiters, retention, purged and dropped
 * messages, deduplication records, move tasks. Call once per turn of the loop and before
 * store_flush, so that what waiters receive goes to disk with the turn. True while there is more to
 * do now.
 */
bool queues_tick(struct queues *queues, int64_t now_ms);

/* How long the loop may sleep until the next tick, 0 to limit_ms. */
int queues_wait_ms(const struct queues *queues, int64_t now_ms, int limit_ms);

/* ---- queues ---- */

enum queue_allow { QUEUE_ALLOW_ALL, QUEUE_ALLOW_NONE, QUEUE_ALLOW_LISTED };

/* SQS's queue attributes. */
struct queue_settings {
  bool fifo;
  bool deduplicate_by_content; /* FIFO: without an id, the SHA-256 of the body is the id */
  bool deduplicate_by_group;   /* FIFO: an id counts within its group, else within the queue */
  bool limit_by_group;         /* FIFO: FifoThroughputLimit is perMessageGroupId; only kept */
  int32_t visibility_s;
  int32_t delay_s;
  int32_t retention_s;
  int32_t wait_s;
  int32_t message_bytes_max;
  struct bytes dead_letter; /* name of the queue for what was received too often; empty: none */
  int32_t receives_max;     /* how often a message may be received before that */
  enum queue_allow allow;   /* whose dead-letter queue this may be */
  struct bytes allowed[QUEUE_ALLOWED_MAX]; /* QUEUE_ALLOW_LISTED: names of queues */
  uint32_t allowed_count;
};

void queue_settings_init(struct queue_settings *settings, bool fifo);

struct queue_tag {
  struct bytes key;
  struct bytes value;
};

/*
 * Creates a queue, or finds the one that has this name and these settings (tags are not compared).
 * A FIFO queue's name ends in ".fifo", no other does.
 */
enum queue_status queue_create(struct queues *queues, struct bytes name,
                               const struct queue_settings *settings, const struct queue_tag *tags,
                               uint32_t tag_count, int64_t now_ms, struct queue **queue,
                               uint64_t *sequence, struct error *error);

/* NULL when there is none. */
struct queue *queue_find(const struct queues *queues, struct bytes name);

/* Queues in order of name: the first one behind `after` (empty: the first), or NULL. */
struct queue *queue_next(const struct queues *queues, struct bytes after);

/* What these point to is the queue's, valid until its settings or tags change. */
struct bytes queue_name(const struct queue *queue);
const struct queue_settings *queue_settings(const struct queue *queue);
struct value queue_tags(const struct queue *queue); /* a map of strings */
int64_t queue_created_ms(const struct queue *queue);
int64_t queue_changed_ms(const struct queue *queue); /* settings or tags */

/* The kind of a queue stays. */
enum queue_status queue_set(struct queue *queue, const struct queue_settings *settings,
                            int64_t now_ms, uint64_t *sequence, struct error *error);
enum queue_status queue_set_tags(struct queue *queue, const struct queue_tag *tags,
                                 uint32_t tag_count, int64_t now_ms, uint64_t *sequence,
                                 struct error *error);

/*
 * The queue is gone at once, and all that was in it; waiters are told. Items go in the background.
 */
enum queue_status queue_drop(struct queue *queue, uint64_t *sequence, struct error *error);

/* All messages are gone at once, those in flight too. Items go in the background. */
enum queue_status queue_purge(struct queue *queue, uint64_t *sequence, struct error *error);

struct queue_counts {
  uint64_t visible; /* FIFO: also those whose group is blocked */
  uint64_t in_flight;
  uint64_t delayed;
  int64_t oldest_age_ms; /* since the oldest message was sent; 0 without messages */
};

/* Constant time; after a flood of deadlines it may lag until queues_tick has caught up. */
void queue_counts(struct queue *queue, int64_t now_ms, struct queue_counts *counts);

/* ---- messages ---- */

struct queue_attribute {
  struct bytes name;
  struct bytes type; /* "String", "Number" or "Binary", or with a label behind it: "Number.int" */
  struct bytes value;
};

/* A message to be sent. */
struct queue_draft {
  struct bytes body; /* UTF-8: #x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD #x10000-#x10FFFF */
  const struct queue_attribute *attributes;
  uint32_t attribute_count;
  int32_t delay_s;            /* -1: the queue's */
  struct bytes group;         /* FIFO: needed; standard: kept and given back */
  struct bytes deduplication; /* FIFO; empty: by content */
  struct bytes trace;         /* AWSTraceHeader; does not count for the size */
};

struct queue_sent {
  struct id id;
  uint64_t sequence_number; /* FIFO: grows with each message of the queue */
  bool duplicate;           /* FIFO: nothing was added; id and number are the first one's */
};

/*
 * Adds a message to a plan: its actions, and a hook that makes it visible. At most
 * 2 + QUEUE_PARTS_MAX actions. The id is known now and final once the plan is committed.
 */
enum queue_status queue_send(struct queue *queue, struct plan *plan,
                             const struct queue_draft *draft, int64_t now_ms,
                             struct queue_sent *sent);

/* A received message; all slices lie in the arena. */
struct queue_message {
  struct id id;
  struct bytes body;
  struct queue_attribute *attributes; /* in order of names */
  uint32_t attribute_count;
  char receipt[QUEUE_RECEIPT_TEXT]; /* no zero */
  uint32_t receive_count;           /* in this queue: a move to another one starts it anew */
  int64_t sent_ms;
  int64_t first_received_ms;
  uint64_t sequence_number; /* FIFO */
  struct bytes group;
  struct bytes deduplication;
  struct bytes trace;
  struct bytes dead_letter_source; /* name of the queue that it comes from, if that still is */
};

struct queue_request {
  uint32_t max;         /* messages, 1 to QUEUE_BATCH_MAX */
  int32_t visibility_s; /* -1: the queue's */
  int64_t now_ms;
};

struct queue_batch {
  struct queue_message messages[QUEUE_BATCH_MAX];
  uint32_t count;    /* 0: none is ready */
  uint64_t sequence; /* of the commit */
};

/*
 * Receives what is ready and commits. Messages that were received too often go to the dead-letter
 * queue in the same commit; without that queue they are delivered on.
 */
enum queue_status queue_receive(struct queue *queue, const struct queue_request *request,
                                struct arena *arena, struct queue_batch *batch,
                                struct error *error);

/*
 * The same as part of a plan: the messages are received when it is committed, and their receipts
 * are good from then on. The plan does not give one twice.
 */
enum queue_status queue_receive_into(struct queue *queue, const struct queue_request *request,
                                     struct plan *plan, struct queue_batch *batch);

/*
 * Deletes a message within a plan. A receipt of an earlier receive still deletes in a standard
 * queue; in a FIFO queue one that is not the newest, or whose time is over, is refused. QUEUE_GONE
 * when the message is not there.
 */
enum queue_status queue_delete(struct queue *queue, struct plan *plan, struct bytes receipt,
                               int64_t now_ms);

/* Makes a message in flight visible in visibility_s seconds; 0: when the plan is committed. */
enum queue_status queue_change_visibility(struct queue *queue, struct plan *plan,
                                          struct bytes receipt, int32_t visibility_s,
                                          int64_t now_ms);

/* ---- waiting ---- */

enum queue_wake_reason { QUEUE_WAKE_READY, QUEUE_WAKE_TIMEOUT, QUEUE_WAKE_DROPPED };

struct queue_waiter;
typedef void queue_wake(void *context, struct queue_waiter *waiter, enum queue_wake_reason why);

struct queue_alarm { /* queues' own */
  struct timer timer;
  uint32_t kind;
};

/*
 * A long poll. The struct is the caller's and stays where it is until it was woken or cancelled.
 *
 * A waiter holds no message: being woken means that one can be received now. queues_tick wakes
 * waiters in the order they came as long as a message is ready after the one before was called, so
 * one that does not receive, or was cancelled, takes nothing from the next. Never called from
 * within another call but queues_tick and queue_drop; it may call anything but those, and nothing
 * on a queue that is dropped.
 */
struct queue_waiter {
  queue_wake *wake;
  void *context;
  struct queue *queue; /* NULL: not waiting */
  struct queue_waiter *next;
  struct queue_waiter *previous;
  uint64_t number; /* in the order they came */
  struct queue_alarm alarm;
};

/* wake and context are set. until_ms is when QUEUE_WAKE_TIMEOUT is due. */
void queue_wait(struct queue *queue, struct queue_waiter *waiter, int64_t until_ms);

/* A waiter that was zeroed, woken or cancelled may be cancelled. */
void queue_wait_cancel(struct queue_waiter *waiter);

/* ---- moving messages out of a dead-letter queue ---- */

enum queue_task_status {
  QUEUE_TASK_RUNNING,
  QUEUE_TASK_COMPLETED,
  QUEUE_TASK_CANCELLED,
  QUEUE_TASK_FAILED, /* a message has no source queue, or the destination is gone */
};

struct queue_task {
  struct id id;
  struct bytes source;      /* names, the queues' own; empty: dropped */
  struct bytes destination; /* empty: to where each message came from */
  int32_t rate;             /* messages per second; 0: as fast as can be */
  enum queue_task_status status;
  uint64_t to_move; /* messages visible at the start */
  uint64_t moved;
  int64_t started_ms;
};

/*
 * Moves all that is visible in `source` to `destination`, or (NULL) each message to the queue it
 * was dead-lettered from, keeping ids; counts of receives start anew. queues_tick does it, in
 * slices that are transactions: a message is in one of the queues at any time. It goes on after a
 * restart, and ends when nothing is visible.
 */
enum queue_status queue_move_start(struct queue *source, struct queue *destination, int32_t rate,
                                   int64_t now_ms, struct id *task, uint64_t *sequence,
                                   struct error *error);
enum queue_status queue_move_cancel(struct queues *queues, const struct id *task, uint64_t *moved,
                                    uint64_t *sequence, struct error *error);

/* Fills tasks[] with the newest tasks of a source queue, newest first; returns how many. */
uint32_t queue_move_list(const struct queue *source, struct queue_task *tasks, uint32_t max);

/* ---- metrics ---- */

/* Totals of the process, and for each queue what is in it. */
void queues_write_metrics(struct queues *queues, struct metrics_writer *writer, int64_t now_ms);

#endif
