/*
 * Event buses with the semantics of Amazon EventBridge: rules with patterns, targets, archives,
 * replays and schedules, durable through the store's one log.
 *
 *     bus_put(plan) --- pattern_set_match ---> rule --- target: queue      message in the same plan
 *           |                                      |--- target: webhook    delivery row, same plan
 *           |                                      `--- target: log        a line, after the commit
 *           `--- archives whose pattern matches ---> archive row, same plan
 *
 *     delivery row --- buses_tick ---> sender (HTTP) --- 2xx ---> DELIVERED
 *           ^                             | otherwise
 *           `-- backoff, attempts, age ---'--- given up ---> dead-letter queue, FAILED
 *
 * An event and everything that is to happen because of it are one record of the log: whoever puts
 * an event marks its own row in the same plan, so that nothing is told twice or forgotten. Queues
 * get a message exactly once per put; webhooks are told at least once, always with the same event
 * id.
 *
 * Changes of buses, rules and archives are parts of plans too, so that whoever makes them can add
 * what tells of it. State is items of tables (tacos-buses, tacos-deliveries, tacos-archive); rules
 * are kept compiled in memory, which follows commits through hooks.
 *
 *     tacos-buses       BUS#{bus}       BUS, RULE#{rule}, FIRED#{rule}, ARCHIVE#{archive}
 *                       FANOUT, PURGE, REPLAY#RUNNING, REPLAY#ENDED: work of buses_tick
 *     tacos-deliveries  {id}            by state and id; pending ones by URL and time
 *     tacos-archive     ARCHIVE#{bus}#{archive}#{generation}   {time of the event}#{event id}
 *
 * Time is the engine's clock, given by the caller as now_ms and taken as not going back. A plan is
 * committed in the turn of the loop in which it was made, before the next buses_tick; until then
 * what its hooks need is held.
 *
 * Memory: struct buses and all below it belong to the memory it was opened with. Pointers to buses,
 * rules and archives are valid until buses_tick. Arguments are borrowed for the call; what goes
 * into a plan is copied to its arena. Engine thread.
 */
#ifndef TACOS_BUS_BUS_H
#define TACOS_BUS_BUS_H

#include "base/logger.h"
#include "bus/input.h"
#include "bus/limits.h"
#include "bus/pattern.h"
#include "net/client.h"
#include "ops/metrics.h"
#include "queue/queue.h"
#include "store/plan.h"

struct buses;
struct bus;

/* ---- how webhooks are sent ---- */

/* A POST of JSON. */
struct bus_request {
  struct bytes url;
  struct bytes body;
  struct bytes event_id;  /* X-Webhook-Id */
  struct bytes signature; /* X-Webhook-Signature: "sha256=" and the HMAC of the body in hex */
};

struct bus_answer {
  uint16_t status;        /* of HTTP; 0: there was no reply */
  int64_t retry_after_ms; /* that the reply asks for; 0: nothing */
  const char *text;       /* without a reply: why, for an operator; never part of the URL's path */
};

/* Where an answer goes; the caller's, and stays where it is until then. */
struct bus_reply {
  void (*answered)(void *context, const struct bus_answer *answer);
  void *context;
};

struct bus_sender {
  void *context;
  /*
   * As client_send: false with *error and no answer (ERROR_INVALID: it never will be sent, else:
   * later), otherwise exactly one, never from within the call.
   */
  bool (*send)(void *context, const struct bus_request *request, const struct bus_reply *reply,
               struct client_handle *handle, struct error *error);
  /* Ends a request; its answer comes from within. */
  void (*cancel)(void *context, struct client_handle handle);
};

/* The sender over an HTTP client, which outlives it. */
struct bus_sender bus_client_sender(struct client *client);

/* ---- all buses ---- */

struct buses_options {
  struct store *store;
  struct queues *queues;
  struct world *world;
  struct memory *memory;
  const struct bus_sender *sender; /* for webhooks; NULL: they wait. Copied */
  struct logger *logger;           /* for log targets and what is dropped; NULL: silent */
  struct bytes account;            /* "000000000000" */
  struct bytes region;             /* "ap-northeast-2" */
  struct bytes signing_key;        /* of webhooks */
};

enum bus_status {
  BUS_OK = 0,
  BUS_INVALID, /* error says which member */
  BUS_NOT_FOUND,
  BUS_EXISTS,
  BUS_IN_USE, /* a bus with rules or archives, a rule with targets, an archive that is replayed */
  BUS_LIMIT,
  BUS_PLAN_FULL, /* nothing was added: commit the plan, and put again into a new one */
  BUS_UNAVAILABLE,
};

const char *bus_status_name(enum bus_status status);

/* Makes its tables when they are not there. NULL with *error (ERROR_CORRUPT names the item). */
struct buses *buses_open(const struct buses_options *options, int64_t now_ms, struct error *error);
/* Requests under way are cancelled; they are made again after the next open. */
void buses_close(struct buses *buses);

/*
 * Deliveries, schedules, replays, what is left of large fan-outs and deleted archives, in bounded
 * slices; true while there is more to do now. Once per turn of the loop, before store_flush.
 */
bool buses_tick(struct buses *buses, int64_t now_ms);
int buses_wait_ms(const struct buses *buses, int64_t now_ms, int limit_ms);

/* What they were opened with: for whoever makes plans of changes. */
struct store *buses_store(const struct buses *buses);
struct memory *buses_memory(const struct buses *buses);

void buses_write_metrics(struct buses *buses, struct metrics_writer *writer);

/* ---- buses ---- */

/* There once the plan is committed. BUS_EXISTS: there is one of this name. */
enum bus_status bus_create(struct buses *buses, struct plan *plan, struct bytes name,
                           int64_t now_ms, struct error *error);
/* BUS_IN_USE: it has rules or archives. Events put into it in the same turn still are. */
enum bus_status bus_delete(struct bus *bus, struct plan *plan, struct error *error);

struct bus *bus_find(const struct buses *buses, struct bytes name);
/* In order of name: the first one behind `after` (empty: the first), or NULL. */
struct bus *bus_next(const struct buses *buses, struct bytes after);
struct bytes bus_name(const struct bus *bus);
int64_t bus_created_ms(const struct bus *bus);

/* ---- rules ---- */

enum bus_target_kind { BUS_TARGET_QUEUE, BUS_TARGET_WEBHOOK, BUS_TARGET_LOG };

/* What a target is given of an event; input.h has the language. */
enum bus_input {
  BUS_INPUT_EVENT,    /* all of it */
  BUS_INPUT_PATH,     /* the value that input_text leads to */
  BUS_INPUT_TEMPLATE, /* input_text, with variables */
  BUS_INPUT_CONSTANT, /* input_text, which is JSON */
};

struct bus_target {
  struct bytes id; /* unique in its rule */
  enum bus_target_kind kind;
  struct bytes address; /* the queue's name, the webhook's URL; a log has none */
  struct bytes group;   /* of a FIFO queue: the message group */
  enum bus_input input;
  struct bytes input_text;
  const struct bus_variable *variables;
  uint32_t variable_count;
  int32_t retries;          /* after the first attempt */
  int32_t age_s;            /* how long it is tried */
  struct bytes dead_letter; /* name of the queue for what could not be delivered; empty: none */
};

/* All of the event, retried as EventBridge does. */
void bus_target_init(struct bus_target *target, struct bytes id, enum bus_target_kind kind,
                     struct bytes address);

struct bus_rule {
  struct bytes name;
  struct bytes description;
  struct bytes pattern;  /* empty: matches no event */
  struct bytes schedule; /* an expression (schedule.h); empty: none. One of the two is needed */
  bool disabled;
  const struct bus_target *targets;
  uint32_t target_count;
  int64_t created_ms, changed_ms; /* set by bus_rule_put */
};

/*
 * Makes the rule or replaces the one of this name, targets included. Errors name the member:
 * "targets[2].input_text: ...".
 */
enum bus_status bus_rule_put(struct bus *bus, struct plan *plan, const struct bus_rule *rule,
                             int64_t now_ms, struct error *error);
/* BUS_IN_USE: it has targets. */
enum bus_status bus_rule_delete(struct bus *bus, struct plan *plan, struct bytes name,
                                struct error *error);

const struct bus_rule *bus_rule_find(const struct bus *bus, struct bytes name);
const struct bus_rule *bus_rule_next(const struct bus *bus, struct bytes after);

/* When a rule with a schedule is due next; INT64_MAX: never. `rule` is one of the above. */
int64_t bus_rule_next_ms(const struct bus_rule *rule);
/* Matched events and schedules that came since open. */
uint64_t bus_rule_invocations(const struct bus_rule *rule);

/* ---- archives ---- */

struct bus_archive {
  struct bytes name;
  struct bytes description;
  struct bytes pattern;   /* empty: every event */
  int32_t retention_days; /* 0: for ever */
  int64_t created_ms;     /* set by bus_archive_put */
};

/* Makes the archive, or changes the one of this name: what it has keeps its end. */
enum bus_status bus_archive_put(struct bus *bus, struct plan *plan,
                                const struct bus_archive *archive, int64_t now_ms,
                                struct error *error);
/* With all it has, in the background. BUS_IN_USE: a replay reads it. */
enum bus_status bus_archive_delete(struct bus *bus, struct plan *plan, struct bytes name,
                                   struct error *error);
const struct bus_archive *bus_archive_find(const struct bus *bus, struct bytes name);
const struct bus_archive *bus_archive_next(const struct bus *bus, struct bytes after);

/* ---- events ---- */

struct bus_event {
  struct bytes id;          /* never changes over redelivery */
  struct bytes detail_type; /* "ReservationCreated" */
  struct bytes source;      /* "reservation.service" */
  struct bytes detail;      /* a JSON object */
  const struct bytes *resources;
  uint32_t resource_count;
  int64_t time_ms;
};

/*
 * Adds everything that this event causes to the plan. BUS_PLAN_FULL: it does not fit into what is
 * left, BUS_OWN_ACTIONS kept free for the caller; nothing was added. An event that causes more than
 * fits into a plan with no more than BUS_OWN_ACTIONS leaves a row from which buses_tick goes on.
 */
enum bus_status bus_put(struct bus *bus, struct plan *plan, const struct bus_event *event,
                        int64_t now_ms, struct error *error);

/*
 * Why: a JSON array with an element for each rule in order of name, of what it would do with an
 * event (a whole envelope). {"rule","matches","reason"?,"targets":[{"id","kind","to","input"}]}.
 * Nothing happens.
 */
enum bus_status bus_explain(struct bus *bus, struct bytes envelope, struct buffer *json,
                            int64_t now_ms, struct error *error);

/* ---- deliveries: the log of what webhooks were told ---- */

enum bus_delivery_state { BUS_PENDING, BUS_DELIVERED, BUS_FAILED, BUS_DELIVERY_STATES };

/* "PENDING", "DELIVERED", "FAILED". */
struct bytes bus_delivery_state_name(enum bus_delivery_state state);

struct bus_delivery {
  struct bytes id;
  struct bytes bus, rule, target, url;
  struct bytes event_id, detail_type;
  struct bytes body; /* what is sent; not in lists */
  enum bus_delivery_state state;
  uint32_t attempts;       /* that were made and answered, or timed out */
  uint16_t last_status;    /* of HTTP; 0: no reply, or no attempt yet */
  struct bytes last_error; /* of the last attempt; why it was given up */
  int64_t created_ms, updated_ms;
  int64_t next_ms; /* of the next attempt; with BUS_PENDING */
  int64_t end_ms;  /* when it is given up at last */
};

/*
 * Newest first, at most min(limit, BUS_PAGE_MAX), all in the arena. *cursor is empty at first and
 * at the end. BUS_INVALID: the cursor.
 */
enum bus_status bus_delivery_list(struct buses *buses, enum bus_delivery_state state,
                                  struct bytes *cursor, uint32_t limit, struct arena *arena,
                                  struct bus_delivery *list, uint32_t *count, struct error *error);
enum bus_status bus_delivery_find(struct buses *buses, struct bytes id, struct arena *arena,
                                  struct bus_delivery *delivery);
/* Tries it again from now on, with all its attempts and time. BUS_IN_USE: it is pending. */
enum bus_status bus_delivery_replay(struct buses *buses, struct plan *plan, struct bytes id,
                                    int64_t now_ms, struct error *error);

/* ---- replays ---- */

enum bus_replay_state {
  BUS_REPLAY_RUNNING,
  BUS_REPLAY_COMPLETED,
  BUS_REPLAY_CANCELLED,
  BUS_REPLAY_FAILED, /* its bus was deleted */
};

struct bus_replay {
  struct bytes name;
  struct bytes description;
  struct bytes archive_bus, archive;
  struct bytes bus;          /* where the events go */
  int64_t from_ms, to_ms;    /* of the events' times: from <= time < to */
  const struct bytes *rules; /* only these; none: all */
  uint32_t rule_count;
  /* Set by bus_replay_start and on its way. */
  enum bus_replay_state state;
  uint64_t events;    /* that were put */
  int64_t reached_ms; /* the time of the last of them */
  int64_t started_ms, ended_ms;
};

/*
 * Puts the events of an archive again, in order of their times: with their ids, with "replay-name",
 * and without being archived. Errors: BUS_NOT_FOUND (bus or archive), BUS_EXISTS (a replay of this
 * name), BUS_LIMIT.
 */
enum bus_status bus_replay_start(struct buses *buses, struct plan *plan,
                                 const struct bus_replay *replay, int64_t now_ms,
                                 struct error *error);
enum bus_status bus_replay_cancel(struct buses *buses, struct plan *plan, struct bytes name,
                                  int64_t now_ms, struct error *error);
/* Ended ones are known for 90 days. All in the arena. */
enum bus_status bus_replay_find(struct buses *buses, struct bytes name, struct arena *arena,
                                struct bus_replay *replay);
/* Those that run, or those that ended, in order of name behind `after`. */
enum bus_status bus_replay_list(struct buses *buses, bool ended, struct bytes after, uint32_t limit,
                                struct arena *arena, struct bus_replay *list, uint32_t *count,
                                struct error *error);

#endif
