/*
 * The inside of the buses: what is kept in memory beside the items, shared by the files of this
 * room.
 *
 *     buses.c        open, close, tick           bus_list.c      buses by name
 *     bus_rule.c     rules: check, make, change  bus_archive.c   archives, and their emptying
 *     bus_subscriber.c  the life of both         bus_query.c     reading tables
 *     bus_event.c    envelopes                   bus_put.c       an event into a plan
 *     bus_target.c   one target of it            bus_fanout.c    the rest of a large one
 *     bus_delivery.c rows of deliveries          bus_lane.c      sending them
 *     bus_replay.c   replays                     bus_fire.c      schedules
 *     bus_explain.c  why                         bus_metrics.c   numbers
 *
 *     bus --> rules, archives: lists in order of names
 *         --> patterns: their numbers, and by_number back to them
 *     rule --> targets --> lane: all deliveries to one URL
 *
 * A rule or archive in memory never changes: a change makes another, and the hook of its plan puts
 * it in the place of the old one.
 *
 * Invariants
 *   B1  Memory follows commits: it changes in hooks of plans, in buses_open, and by sending.
 *   B2  A hook runs in the turn in which it was made. What a plan that was not committed had made
 *       is freed at the next tick, and so is what a hook replaced: pointers hold for a turn.
 *   B3  A pattern is in the set from before the commit of its rule; matches of rules that are not
 *       live do not count.
 *   B4  A pending delivery has the attribute `lane`, others do not; its lane's next_ms is not after
 *       its time. So a lane that is not due has nothing to send.
 */
#ifndef TACOS_BUS_BUS_STATE_H
#define TACOS_BUS_BUS_STATE_H

#include "base/id.h"
#include "base/instant.h"
#include "bus/bus.h"
#include "bus/bus_item.h"
#include "bus/bus_metrics.h"
#include "bus/schedule.h"

#define BUS_BUSES_TABLE      "tacos-buses"
#define BUS_DELIVERIES_TABLE "tacos-deliveries"
#define BUS_ARCHIVE_TABLE    "tacos-archive"

/* Partitions of tacos-buses. */
#define BUS_PK_BUSES          "BUSES" /* sk: the bus */
#define BUS_PK_BUS            "BUS#"  /* and its name; sk: RULE#, FIRED#, ARCHIVE# and a name */
#define BUS_PK_FANOUT         "FANOUT"
#define BUS_PK_PURGE          "PURGE"
#define BUS_PK_REPLAY_RUNNING "REPLAY#RUNNING" /* sk: the replay */
#define BUS_PK_REPLAY_ENDED   "REPLAY#ENDED"

enum {
  BUS_SECOND_BYTES = 20, /* "2026-11-23T05:12:00Z": the time of an envelope */
  BUS_LANE_BYTES = 32,   /* hex of half a hash of the URL */
  BUS_RETRY_MS = 1000,   /* after background work failed: disk full, no memory */
};

enum { BUS_NO_NUMBER = UINT32_MAX };

/* All deliveries to one URL (bus_lane.c). */
struct lane {
  struct lane *next;
  char key[BUS_LANE_BYTES];
  uint32_t uses;      /* by targets of rules */
  uint32_t in_flight; /* requests */
  uint32_t failures;  /* in a row, of a kind that says the receiver is down */
  int64_t next_ms;    /* B4; INT64_MAX: nothing is pending */
  int64_t pause_ms;   /* not before this, as it is down */
};

struct target {
  const struct bus_target *shown;
  const struct input_path *path;         /* BUS_INPUT_PATH */
  const struct input_template *template; /* BUS_INPUT_TEMPLATE */
  struct lane *lane;                     /* of a webhook */
};

enum subscriber_kind { SUBSCRIBER_RULE, SUBSCRIBER_ARCHIVE };

/* What rules and archives have in common. */
struct subscriber {
  enum subscriber_kind kind;
  bool live;               /* committed, and not replaced */
  uint32_t number;         /* of its pattern, or BUS_NO_NUMBER */
  uint64_t turn;           /* in which it was made */
  struct bus *bus;         /* NULL once it is gone from there */
  struct bytes name;       /* in the arena, as all it has */
  struct subscriber *next; /* in order of names; or of those to be freed */
  struct arena arena;
};

struct rule {
  struct subscriber subscriber;
  struct bus_rule shown;
  struct target *targets;
  struct bytes arn;
  struct schedule schedule;
  int64_t since_ms; /* when it was given the schedule */
  int64_t fired_ms; /* when it was last fired */
  int64_t next_ms;  /* when it is due; INT64_MAX: never */
  uint64_t invocations;
};

struct archive {
  struct subscriber subscriber;
  struct bus_archive shown;
  struct bytes partition; /* of its rows */
};

struct bus {
  struct buses *buses;
  struct bus *next; /* in order of names; or of those to be freed */
  bool live;
  uint64_t turn;
  struct bytes name; /* a block */
  int64_t created_ms;
  struct pattern_set *patterns;
  struct subscriber **by_number;
  uint32_t number_capacity;
  struct subscriber *rules;
  struct subscriber *archives;
  uint32_t rule_count;
  uint32_t archive_count;
};

/* A request under way (bus_lane.c). */
struct flight {
  struct buses *buses;
  struct lane *lane; /* NULL: free */
  bool answered;
  char delivery[ID_TEXT_BYTES];
  struct bus_reply reply;
  struct client_handle handle;
  uint16_t status;
  int64_t retry_after_ms;
  char text[CLIENT_TEXT_BYTES];
};

/* Key conditions, compiled once: all of a partition, what starts so, what comes behind. */
enum bus_range { RANGE_ALL, RANGE_PREFIX, RANGE_AFTER, RANGES };

struct buses {
  struct store *store;
  struct queues *queues;
  struct world *world;
  struct memory *memory;
  struct bus_sender sender;
  bool has_sender;
  struct logger *logger;
  struct bytes account, region, signing_key; /* in `compiled` */
  struct table *table;
  struct table *deliveries;
  struct table *archive;
  struct arena compiled;
  struct arena arena; /* of one piece of background work */
  struct arena match; /* of one match */
  const struct expression *ranges[RANGES];
  const struct expression *of_state;
  const struct expression *of_lane;
  struct buffer scratch;
  struct id_generator ids;
  struct bus *list;
  struct bus *retired; /* buses made or replaced in this turn: those not live are freed */
  struct bus *made;
  struct subscriber *made_subscribers;
  struct subscriber *retired_subscribers;
  uint64_t turn;
  int64_t now_ms;
  struct lane *lanes;
  struct flight flights[BUS_IN_FLIGHT_MAX];
  uint32_t in_flight;
  uint32_t answered;
  int64_t retry_ms; /* background work failed: not before this */
  /* There may be rows of these. */
  bool have_fanouts;
  bool have_purges;
  bool have_replays;
  uint32_t next_replay; /* of those that run */
  int64_t next_fire_ms;
  struct bus_metrics metrics;
};

/* ---- bus_query.c ---- */

struct bus_query {
  struct table *table;
  enum bus_range range;
  struct bytes pk;
  struct bytes sk; /* RANGE_PREFIX, RANGE_AFTER */
  uint32_t limit;  /* 0: a page */
};

bool buses_compile(struct buses *buses, struct error *error);
bool buses_query(struct buses *buses, const struct bus_query *query, struct arena *arena,
                 struct store_page *page, struct error *error);
/* Items of tacos-buses whose sk starts so, over all pages; `visit` may not write. */
typedef bool bus_visit(void *context, struct value item, struct error *error);
bool buses_each(struct buses *buses, struct bytes pk, struct bytes prefix, bus_visit *visit,
                void *context, struct error *error);
/* VALUE_NONE when there is none; valid until the next write. */
struct value buses_find(const struct table *table, struct arena *arena, struct bytes pk,
                        struct bytes sk);

/* Adds a put or delete; false when the value is VALUE_NONE: there was no memory for it. */
bool bus_plan_put(struct plan *plan, struct table *table, struct value item);
bool bus_plan_delete(struct plan *plan, struct table *table, struct value key);
/* Whether so many actions and hooks still fit. */
bool bus_plan_fits(const struct plan *plan, size_t actions, size_t hooks);

enum bus_status bus_no_memory(struct error *error);

/* ---- bus_list.c ---- */

bool bus_name_is_valid(struct bytes name, size_t most, bool slash);
struct bus *bus_make(struct buses *buses, struct bytes name, int64_t created_ms);
void bus_free(struct bus *bus);
void bus_insert(struct bus *bus);
void buses_free_unused(struct buses *buses); /* B2 */

/* ---- bus_subscriber.c ---- */

/*
 * Takes a number for the pattern (empty: none) of a subscriber that is not live yet. False with
 * *error; the caller frees.
 */
bool subscriber_enlist(struct subscriber *subscriber, struct bytes pattern, struct error *error);
/* Past the point of no return: into its place, the one with its name out of it. */
void subscriber_insert(struct subscriber *subscriber);
void subscriber_remove(struct subscriber *subscriber);
void subscriber_free(struct buses *buses, struct subscriber *subscriber);
/* Of a plan: freed at the next tick unless it is live by then. */
void subscriber_made(struct subscriber *subscriber);
/* In the hook of that plan: subscriber_insert. */
void subscriber_commit(struct subscriber *subscriber);
struct subscriber *subscriber_find(struct subscriber *list, struct bytes name);
/* The first behind a name. */
struct subscriber *subscriber_next(struct subscriber *list, struct bytes after);
void buses_free_subscribers(struct buses *buses); /* B2 */

/* ---- bus_rule.c ---- */

static inline struct rule *rule_of(struct subscriber *subscriber)
{
  return (struct rule *)subscriber; /* its first member */
}

bool rule_load(struct bus *bus, struct value item, struct error *error);
bool rule_load_fired(struct bus *bus, struct value item, struct error *error);
void rule_forget(struct rule *rule); /* its lanes */
void rule_set_next(struct rule *rule);

/* ---- bus_archive.c ---- */

static inline struct archive *archive_of(struct subscriber *subscriber)
{
  return (struct archive *)subscriber;
}

bool archive_load(struct bus *bus, struct value item, struct error *error);
/* A slice of the rows of deleted archives; false when it failed. */
bool buses_purge(struct buses *buses, struct error *error);

/* ---- bus_event.c ---- */

/* Checks the event and writes its envelope. */
enum bus_status bus_event_write(struct buses *buses, const struct bus_event *event,
                                struct arena *arena, struct bytes *envelope, struct error *error);
/* The envelope with "replay-name". */
struct bytes bus_event_mark_replayed(struct bytes envelope, struct bytes replay,
                                     struct arena *arena);
/* Members of an envelope that are kept beside it, in the arena; false when it is none. */
struct bus_event_head {
  struct bytes id;
  struct bytes detail_type;
  int64_t time_ms;
};
bool bus_event_read(struct bytes envelope, struct arena *arena, struct bus_event_head *head);
void bus_format_second(int64_t time_ms, char text[BUS_SECOND_BYTES]);

/* ---- bus_put.c ---- */

/* What a hook does for one consequence once the plan is in the log. */
enum effect_kind {
  EFFECT_INVOKED,
  EFFECT_LOGGED,
  EFFECT_QUEUED,
  EFFECT_PENDING,
  EFFECT_ARCHIVED,
  EFFECT_DEAD_LETTERED,
  EFFECT_DROPPED,
};

struct effect {
  struct effect *next;
  enum effect_kind kind;
  struct rule *rule; /* NULL with EFFECT_ARCHIVED */
  const struct target *target;
  struct bytes text; /* EFFECT_LOGGED: the input; EFFECT_DROPPED: why */
};

/* In the plan's arena. */
struct effects {
  struct buses *buses;
  uint64_t turn;
  struct bus_event_head head;
  int64_t now_ms;
  bool is_event; /* one that was put, not the rest of one */
  bool is_replay;
  bool is_matched;
  bool is_fanout; /* leaves a row */
  struct effect *first;
  struct effect **last;
};

/* One event on its way into a plan. */
struct put {
  struct buses *buses;
  struct bus *bus;
  struct plan *plan;
  struct bytes envelope; /* in the plan's arena */
  struct bus_event_head head;
  struct bytes replay;      /* its name, or empty; what is replayed is not archived */
  const struct bytes *only; /* names of rules; none: all */
  uint32_t only_count;
  int64_t now_ms;
  int64_t ingested_ms;
  struct effects *effects;
};

/* The hook, and memory for what it does. */
enum bus_status put_begin(struct put *put, bool is_event);
/* NULL without memory. */
struct effect *put_effect(struct put *put, enum effect_kind kind, struct rule *rule,
                          const struct target *target);
/* Whether a plan has taken so much that what follows must wait for another. */
bool put_is_full(const struct put *put);

/* Where a plan was, to go back to when what follows does not fit. */
struct put_mark {
  size_t action_count;
  size_t hook_count;
  bool overflow;
  struct effect **last;
};

struct put_mark put_mark(const struct put *put);
void put_return(struct put *put, const struct put_mark *mark);

/* Live ones that match, rules in order of names; in buses->match. */
struct put_matches {
  struct rule **rules;
  uint32_t rule_count;
  struct archive *archives[BUS_ARCHIVES_MAX];
  uint32_t archive_count;
};

enum bus_status put_match(const struct put *put, struct put_matches *matches, struct error *error);

/* A rule and all its targets: BUS_OK, BUS_PLAN_FULL (some may have been added), BUS_UNAVAILABLE. */
enum bus_status put_rule(struct put *put, struct rule *rule);

/*
 * An event that is an envelope already, for replays: to the rules of these names (none: all), not
 * archived. As bus_put.
 */
enum bus_status bus_put_again(struct bus *bus, struct plan *plan, struct bytes envelope,
                              const struct bus_replay *replay, int64_t now_ms, struct error *error);
/* To one rule alone, whatever its pattern: schedules. The plan is empty. */
enum bus_status bus_put_to(struct rule *rule, struct plan *plan, const struct bus_event *event,
                           int64_t now_ms, struct error *error);

/* ---- bus_target.c ---- */

enum bus_status put_target(struct put *put, struct rule *rule, const struct target *target);
/* What the target is given, in the arena. BUS_LIMIT: it is too large; BUS_UNAVAILABLE. */
enum bus_status target_input(const struct put *put, const struct rule *rule,
                             const struct target *target, struct arena *arena, struct bytes *input);

/* An envelope that could not be delivered. */
struct dead_letter {
  struct bytes queue;
  struct bytes envelope;
  struct bytes rule_arn, target;
  struct bytes code, message; /* not empty */
  uint32_t attempts;
};

/* Into the dead-letter queue; BUS_NOT_FOUND: there is none, or it does not take it. */
enum bus_status put_dead_letter(struct buses *buses, struct plan *plan,
                                const struct dead_letter *letter, int64_t now_ms);

/* ---- bus_fanout.c ---- */

/* The row from which buses_fan_out goes on. */
enum bus_status fanout_add(struct put *put);
/* A slice; false when it failed. */
bool buses_fan_out(struct buses *buses, struct error *error);

/* ---- bus_delivery.c ---- */

enum bus_status delivery_add(struct put *put, const struct rule *rule, const struct target *target,
                             struct bytes body);

/* How an attempt ended. */
struct delivery_outcome {
  uint16_t status; /* of HTTP; 0: there was no reply */
  int64_t retry_after_ms;
  const char *text;  /* without a reply: why */
  bool is_permanent; /* it cannot be tried again */
};

/* Records an attempt and when the next one is due; false when that failed and is to be done again.
 */
bool delivery_settle(struct buses *buses, struct lane *lane, struct bytes id,
                     const struct delivery_outcome *outcome, struct error *error);
struct value delivery_load(const struct buses *buses, struct arena *arena, struct bytes id);

/* ---- bus_lane.c ---- */

/* The lane of a URL or of a key, made when it is new; NULL without memory. */
struct lane *lane_of(struct buses *buses, struct bytes url);
struct lane *lane_by_key(struct buses *buses, struct bytes key);

static inline struct bytes lane_key(const struct lane *lane)
{
  return bytes_of(lane->key, BUS_LANE_BYTES);
}

static inline void lane_due(struct lane *lane, int64_t at_ms)
{
  if (at_ms < lane->next_ms) lane->next_ms = at_ms;
}

bool lanes_load(struct buses *buses, struct error *error);
/* Cancels what is under way. */
void lanes_free(struct buses *buses);
/* Records what was answered, then sends what is due; false when a commit or read failed. */
bool lanes_run(struct buses *buses, struct error *error);
/* When lanes_run has something to do, answers apart. */
int64_t lanes_next_ms(const struct buses *buses);

/* ---- bus_replay.c ---- */

/* A slice of one running replay. */
bool buses_replay(struct buses *buses, struct error *error);
/* Whether a running replay reads the archive. */
bool replays_read(struct buses *buses, struct bytes bus, struct bytes archive, bool *running,
                  struct error *error);

/* ---- bus_fire.c ---- */

/* One rule whose schedule is due. */
bool buses_fire(struct buses *buses, struct error *error);

#endif
