/*
 * The inside of the queues: what is kept in memory beside the items, shared by the files of this
 * room.
 *
 *     queues.c    open and close, names              setup.c     create, change, purge, drop
 *     load.c      items into memory                  contents.c  the lists that messages are in
 *     send.c      drafts into plans                  receive.c   what is ready, into plans
 *     changes.c   changes of messages: their actions, and the one hook that brings memory after
 *     settle.c    delete, visibility                 tick.c      what time does
 *     wait.c      long polls                         move.c      tasks
 *
 *     queue --> contents --> ready:   ring of messages, or (FIFO) of groups that can be served
 *                        --> delayed: ring of messages by sequence (FIFO)
 *                        --> visibility: wheel of what waits for its time
 *                        --> ages: wheel of all, by the time they were sent
 *     group --> ring of its ready messages by sequence
 *
 * A queue's messages belong to its contents, which have a number that the items carry. A purge
 * gives the queue new contents, a drop leaves it without: the old ones are doomed and emptied in
 * the background, and so are items whose number no queue has when the store is opened. Nothing is
 * ever half purged.
 *
 * Invariants
 *   Q1  Memory follows commits: it changes in hooks of plans, in queues_open, and by the mere
 *       passing of time. So it is rebuilt equal after a crash, but for the order of what came back
 *       from flight in a standard queue.
 *   Q2  A message is in the index of ids, in the ages of its contents, and in exactly one of: ready
 *       (its group's ring), delayed, visibility. counts[] say how many are where.
 *   Q3  A group is in the ring of ready groups exactly when it has a ready message and none in
 *       flight. It exists while it has messages.
 *   Q4  A hook of a plan runs in the turn in which it was made, so what it reserved is there.
 */
#ifndef TACOS_QUEUE_STATE_H
#define TACOS_QUEUE_STATE_H

#include "queue/index.h"
#include "queue/message_item.h"
#include "queue/queue.h"
#include "queue/queue_metrics.h"
#include "queue/record.h"
#include "queue/wheel.h"

enum message_place { PLACE_READY, PLACE_DELAYED, PLACE_IN_FLIGHT, PLACES };

struct message_node {
  struct queue_entry entry; /* its id */
  uint32_t contents;        /* slot */
  struct queue_link link;   /* where it is (Q2) */
  struct queue_link age;
  int64_t visible_ms;
  int64_t sent_ms;
  uint64_t sequence;
  uint32_t receives;
  uint32_t receives_before;
  uint32_t group; /* 0: in a standard queue */
  uint8_t place;
  uint8_t parts;
  uint16_t unused;
};

struct group_node {
  struct queue_entry entry; /* a keyed hash of contents and name */
  uint32_t contents;
  struct queue_link link; /* ready groups */
  uint32_t first;         /* ring of ready messages */
  uint32_t count;         /* messages wherever they are */
  uint32_t in_flight;
  uint32_t unused;
};

struct seen_node {
  struct queue_entry entry; /* digest of queue, group and deduplication id */
  uint32_t unused;
  struct queue_link link; /* all, in order of until_ms */
  struct message_seen seen;
};

_Static_assert(sizeof(struct message_node) == 80, "what a message costs beside its item");
_Static_assert(sizeof(struct group_node) == 48 && sizeof(struct seen_node) == 64, "and these");

struct contents {
  struct queue *queue; /* NULL: doomed */
  uint32_t slot;
  uint32_t number;
  bool fifo;
  uint32_t ready;
  uint32_t delayed;
  struct queue_wheel visibility;
  struct queue_wheel ages;
  uint64_t counts[PLACES];
  struct contents *next_doomed;
};

/* What queue_alarm.kind says. */
enum { ALARM_QUEUE, ALARM_WAITER, ALARM_BACKGROUND };

struct queue {
  struct queues *queues;
  struct queue_record record; /* points into image */
  struct value image;         /* of its item, a block of its own */
  struct contents *contents;
  struct queue_waiter *waiters; /* ring */
  struct queue_alarm alarm;     /* when its contents have work */
  bool woken;                   /* in queues->woken: look at its waiters */
  struct queue *next_woken;
};

struct task {
  struct task_record record;
  struct task *next;  /* newest first */
  int64_t resumed_ms; /* when this process took it up, and what was moved then: for the rate */
  uint64_t resumed_moved;
};

struct queues {
  struct store *store;
  struct memory *memory;
  struct world *world;
  struct table *queues_table;
  struct table *messages_table;
  const struct expression *unchanged; /* condition: the state is the one that was read */
  struct arena compiled;
  struct arena arena;    /* of commits made here */
  struct buffer scratch; /* for encoding */
  struct id_generator ids;
  uint8_t secret[RECEIPT_KEY_BYTES];
  uint64_t hash_seed[2]; /* of group names; drawn at open */
  uint32_t next_number;
  uint64_t last_sequence; /* newest sequence number given to a message */
  int64_t now_ms;         /* newest time the caller gave */
  uint64_t turn;          /* of queues_tick: Q4 */
  int64_t retry_ms;       /* background work failed: not before this */
  struct queue_pool nodes;
  struct queue_pool groups;
  struct queue_pool seen;
  struct queue_index node_index;
  struct queue_index group_index;
  struct queue_index seen_index;
  uint32_t seen_first;     /* ring */
  struct contents **slots; /* NULL: free; slot 0 is none */
  uint32_t slot_capacity;
  struct contents *doomed;
  struct queue **list; /* ascending names */
  uint32_t list_count;
  uint32_t list_capacity;
  struct queue *woken;
  uint64_t waits;     /* of queue_wait so far */
  struct task *tasks; /* newest first */
  struct timers timers;
  struct queue_alarm alarm; /* background work that waits */
  struct queue_metrics metrics;
};

static inline struct message_node *node_at(const struct queues *queues, uint32_t number)
{
  return queue_pool_at(&queues->nodes, number);
}

static inline struct group_node *group_at(const struct queues *queues, uint32_t number)
{
  return queue_pool_at(&queues->groups, number);
}

static inline struct seen_node *seen_at(const struct queues *queues, uint32_t number)
{
  return queue_pool_at(&queues->seen, number);
}

/* The queues' time: that of the caller, unless it went back. */
static inline int64_t queues_now(struct queues *queues, int64_t now_ms)
{
  if (now_ms > queues->now_ms) queues->now_ms = now_ms;
  return queues->now_ms;
}

/* ---- contents.c ---- */

/* NULL without memory. */
struct contents *contents_make(struct queues *queues, uint32_t number, bool fifo);
void contents_free(struct queues *queues, struct contents *contents);

/* From now on they are emptied in the background. */
void contents_doom(struct queues *queues, struct contents *contents);

static inline uint64_t contents_total(const struct contents *contents)
{
  return contents->counts[PLACE_READY] + contents->counts[PLACE_DELAYED] +
         contents->counts[PLACE_IN_FLIGHT];
}

struct group_key {
  uint8_t bytes[QUEUE_KEY_BYTES];
};

struct group_key group_key_of(const struct queues *queues, const struct contents *contents,
                              struct bytes name);

/* What a hook will need for one more message that comes to these contents. */
bool contents_reserve_group(struct queues *queues, const struct contents *contents);

/*
 * Brings a node whose fields are set into its contents. key: of its group in a FIFO queue, whose
 * pool has a reserved struct.
 */
void contents_attach(struct queues *queues, uint32_t number, const struct group_key *key);
void contents_detach(struct queues *queues, uint32_t number);

/* The node's times or receives were changed by `change`: it goes where it belongs now. */
void contents_unplace(struct queues *queues, uint32_t number);
void contents_place(struct queues *queues, uint32_t number);

/*
 * Lets time pass for as long as fewer than `wanted` messages or groups can be served, in at most
 * `steps` steps; false when there was more to do.
 */
bool contents_advance(struct queues *queues, struct contents *contents, uint64_t wanted,
                      uint32_t steps);

/* Whether a message can be received now. */
static inline bool contents_available(const struct contents *contents)
{
  return contents->ready != 0;
}

/* When a message is gone: the end of its retention. Doomed contents keep nothing. */
static inline int64_t contents_expiry_ms(const struct contents *contents, int64_t sent_ms)
{
  if (contents->queue == NULL) return INT64_MIN;
  return sent_ms + (int64_t)contents->queue->record.settings.retention_s * 1000;
}

/* Sets the alarm of the queue to when its contents have work next. */
void contents_schedule(struct queues *queues, struct contents *contents);

/* Ready messages in the order in which they are to be served: 0 at the end. Nothing changes. */
struct ready_walk {
  const struct queues *queues;
  const struct contents *contents;
  uint32_t group;
  uint32_t message;
};

uint32_t ready_walk_first(struct ready_walk *walk, const struct queues *queues,
                          const struct contents *contents);
uint32_t ready_walk_next(struct ready_walk *walk);

/* The next one of another group; in a standard queue just the next. */
uint32_t ready_walk_next_group(struct ready_walk *walk);

/* CHECKs Q2 and Q3 for all contents: O(n), for tests. */
void contents_assert(const struct queues *queues);

/* ---- changes.c ---- */

enum change_kind {
  CHANGE_DELETED, /* these three remove the message */
  CHANGE_EXPIRED,
  CHANGE_PURGED,
  CHANGE_RECEIVED, /* these two give it another state */
  CHANGE_VISIBILITY,
  CHANGE_DEAD_LETTERED, /* these two move it */
  CHANGE_MOVED,
};

struct changes; /* changes.c */

/* Changes of at most `capacity` messages as a part of a plan; NULL without memory. */
struct changes *changes_begin(struct queues *queues, struct plan *plan, uint32_t capacity);

/*
 * Each adds one: QUEUE_OK; QUEUE_PLAN_FULL when the plan has no room for it, QUEUE_UNAVAILABLE
 * without memory, and nothing was added. `item` is the stored one. changes_set gives the item that
 * is put, which lies in the arena of the plan.
 */
enum queue_status changes_remove(struct changes *changes, uint32_t number, enum change_kind kind);
enum queue_status changes_set(struct changes *changes, uint32_t number, enum change_kind kind,
                              struct value item, const struct message_state *state,
                              struct value *image);
enum queue_status changes_move(struct changes *changes, uint32_t number, enum change_kind kind,
                               struct value item, struct queue *to, int64_t now_ms);

uint32_t changes_count(const struct changes *changes);

/* The stored item of a node. */
struct value queues_item_of(const struct queues *queues, uint32_t number);

/* Whether the plan has an action on this item already, and which. */
const struct store_action *queues_planned(const struct queues *queues, const struct plan *plan,
                                          const struct message_key *key);

/* Commits a plan made here. QUEUE_OK, QUEUE_UNAVAILABLE. */
enum queue_status queues_commit(struct plan *plan, uint64_t *sequence, struct error *error);

/* A sequence number for one more message: greater than all before it, also over restarts. */
uint64_t queues_next_sequence(struct queues *queues);

/* ---- queues.c ---- */

struct queue *queues_by_id(const struct queues *queues, uint32_t id);
bool queues_reserve_name(struct queues *queues);
void queues_insert(struct queues *queues, struct queue *queue); /* after queues_reserve_name */
void queues_remove(struct queues *queues, struct queue *queue);

/* A queue of this image, not yet known by its name; NULL without memory. */
struct queue *queues_make_queue(struct queues *queues, struct value image);
void queues_free_queue(struct queues *queues, struct queue *queue);

/* Gives the queue another image, a block that queues_copy_image made. */
struct value queues_copy_image(struct queues *queues, struct value image);
void queues_free_image(struct queues *queues, struct value image);
void queues_set_image(struct queue *queue, struct value block);

/* ---- load.c ---- */

/* Reads both tables into memory. */
bool queues_load(struct queues *queues, struct error *error);

/* ---- tick.c ---- */

void queues_fire(void *context, struct timer *timer, int64_t now_ms);
void queues_set_alarm(struct queues *queues, struct queue_alarm *alarm, int64_t deadline_ms);

/* ---- wait.c ---- */

/* A message came: its waiters are looked at in the next tick. */
void queue_note_ready(struct queue *queue);
void queues_wake_waiters(struct queues *queues);
void queue_wake_all(struct queue *queue, enum queue_wake_reason why);
void queue_waiter_timeout(struct queue_waiter *waiter);

/* ---- send.c ---- */

/* Into memory, in order of time: at open. False without memory. */
bool queues_load_seen(struct queues *queues, const uint8_t digest[ID_BYTES],
                      const struct message_seen *seen);

/* Deletes a slice of records that are over; false when that failed. */
bool queues_forget_seen(struct queues *queues, bool *more, struct error *error);

/* ---- move.c ---- */

bool queues_load_task(struct queues *queues, const struct task_record *record);
void queues_free_tasks(struct queues *queues);

/* One slice of each running task; *next_ms: when there is more. False when a commit failed. */
bool queues_run_tasks(struct queues *queues, int64_t *next_ms, struct error *error);

#endif
