/*
 * One simulated on-sale: a hall or two, a crowd that wants its seats, a payment provider with all
 * its habits, and a server that dies again and again, with its disk.
 *
 *     sale_run.c       turns of the loop, crashes, the whole life
 *     sale_process.c   the process under test: what is opened, ticked and lost with it
 *     sale_request.c   one request to the platform, its answer held against the model
 *     sale_crowd.c     buyers, the operator and the provider: who asks what and when
 *     sale_check.c     all that is in the store against the model
 *     sale_model.c     the model
 *
 * As in the server an answer leaves when its sequence is durable. Whoever gets none asks again with
 * the same key. Everything random comes from one seed; sale_run_fail prints the command that
 * repeats a run.
 */
#ifndef TACOS_SIM_SALE_RUN_H
#define TACOS_SIM_SALE_RUN_H

#include "bus/bus.h"
#include "queue/queue.h"
#include "sale/relay.h"
#include "sale/sale.h"
#include "sale/ticket_code.h"
#include "sale/worker.h"
#include "sim/random.h"
#include "sim/sale_model.h"
#include "sim/world_sim.h"

enum sale_verb {
  VERB_RESERVE,
  VERB_CANCEL,
  VERB_INTEND,
  VERB_CONFIRM,
  VERB_WEBHOOK, /* the provider's word */
  VERB_REFUND,
  VERB_CHECKIN,
  VERB_CHANGE, /* of an event, by its operator */
  VERBS,
};

/* Members that a verb has no use for are zero. */
struct sale_request {
  enum sale_verb verb;
  uint32_t key;   /* of the model; MODEL_NONE: asked without one */
  uint32_t buyer; /* who asks */
  uint32_t event;
  uint32_t seats[SALE_SEATS_MAX];
  uint32_t seat_count;
  uint32_t quantity;
  uint32_t section; /* MODEL_NONE: any */
  uint32_t reservation;
  uint32_t payment; /* MODEL_NONE: the reservation's */
  uint32_t place;   /* of the reservation's seats */
  int64_t amount;
  bool approved;
  struct model_setting setting;
};

struct sale_answer {
  enum sale_refusal refusal;
  bool mismatch;     /* the key was used with another request */
  uint32_t result;   /* number of the reservation or payment */
  uint64_t sequence; /* the answer may leave when this is durable */
};

/* What a buyer is about. */
enum sale_mood {
  MOOD_CHOOSING, /* wants seats */
  MOOD_HOLDING,  /* has a hold */
  MOOD_PAYING,   /* an intent is open, the provider was told or not */
  MOOD_WAITING,  /* for the money to have its effect */
  MOOD_GONE,
};

struct sale_buyer {
  enum sale_mood mood;
  int64_t due_ms; /* when it does what comes next */
  bool asking;    /* `request` is on its way, and made again until it is answered */
  struct sale_request request;
  uint32_t serial;      /* of the request: an answer to an older one is not heard any more */
  uint32_t reservation; /* that it knows of */
  uint32_t payment;
  uint32_t tries; /* what is left of its patience */
};

/* A word of the provider that is on its way. */
struct sale_word {
  int64_t due_ms;
  uint32_t payment;
  bool approved;
};

/* An answer that waits for the disk. */
struct sale_reply {
  struct sale_answer answer;
  uint32_t buyer; /* MODEL_NONE: the provider, about `word` */
  uint32_t serial;
  struct sale_word word;
};

struct sale_run_totals {
  uint64_t sales, crashes, torn; /* torn: crashes in the middle of a write */
  uint64_t requests, replays, refusals[SALE_REFUSALS];
  uint64_t reservations, orders, late, refunds, admitted, lost; /* lost: replies that nobody got */
  uint64_t events, messages, faults;
};

struct sale_run {
  uint64_t seed;
  bool verbose;
  struct sale_run_totals *totals;
  struct random random;
  struct world_sim *sim;
  struct world *world;
  struct store_options options;
  struct ticket_signer signer;
  struct ticket_keys ticket_keys;
  int64_t now_ms;
  struct error error;

  /* the process */
  struct store *store;
  struct sale *sale;
  struct queues *queues;
  struct buses *buses;
  struct relay *relay;
  struct workers workers;
  struct plan plan;   /* of one request */
  struct arena arena; /* of one request */
  uint64_t durable;
  bool died;   /* a write failed: the process must go */
  bool faulty; /* an allocation is made to fail */
  uint64_t crashes;
  uint64_t done[WORKER_KINDS]; /* messages, by all processes */
  int64_t next_fault_ms;

  /* outside */
  struct sale_model model;
  struct sale_buyer *buyers;
  struct sale_word *words;
  uint32_t word_count, word_capacity;
  struct sale_reply *flights;
  uint32_t flight_count, flight_capacity;
  uint32_t crash_per_million; /* of turns */
  uint32_t diligence;         /* of relay, workers and disk: they do something in so many of 16 */
  int64_t idle_until_ms;      /* relay and workers */
  int64_t next_change_ms;
  bool closing; /* nobody comes any more, nothing is broken any more */
};

/* Stops with the seed and the command that repeats it. */
_Noreturn void sale_run_fail(const struct sale_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Told only with --verbose. */
void sale_run_tell(const struct sale_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define RUN_CHECK(run, condition)                                                      \
  do {                                                                                 \
    if (!(condition)) sale_run_fail(run, "%s:%d: %s", __FILE__, __LINE__, #condition); \
  } while (0)

/* A whole on-sale. */
void sale_run_whole(uint64_t seed, bool verbose, struct sale_run_totals *totals);

/* ---- sale_process.c ---- */

/* The first process: makes tables, queues, buses and the events of the model. */
void sale_process_begin(struct sale_run *run);
void sale_process_crash(struct sale_run *run);
void sale_process_end(struct sale_run *run);
/* Background work and the disk's; true while there is more to do now. */
bool sale_process_turn(struct sale_run *run);
/* The engine's time is the world's from now on. */
void sale_process_look_at_clock(struct sale_run *run);
/* All that was appended is durable. */
void sale_process_sync(struct sale_run *run);
struct sale_event *sale_process_event(struct sale_run *run, uint32_t event);

/* ---- sale_request.c ---- */

void sale_request(struct sale_run *run, const struct sale_request *request,
                  struct sale_answer *answer);
/* Looks up what workers did for payments that were open, and whether it was right. */
void sale_request_observe(struct sale_run *run);

/* ---- sale_crowd.c ---- */

void sale_crowd_begin(struct sale_run *run, uint32_t buyers, int64_t for_ms);
void sale_crowd_act(struct sale_run *run);
/* Replies whose sequence is durable. */
void sale_crowd_hear(struct sale_run *run);
/* The process died: replies on their way are lost. */
void sale_crowd_lose(struct sale_run *run);
/* Some of those who have a hold do what comes next by then. */
void sale_crowd_hurry(struct sale_run *run, int64_t until_ms);
/* When somebody does something next; INT64_MAX: nobody will. */
int64_t sale_crowd_next_ms(const struct sale_run *run);

/* ---- sale_check.c ---- */

/* Seats, in the store and in the map, and what one buyer sees. */
void sale_check_seats(struct sale_run *run);
void sale_check_audit(struct sale_run *run);
void sale_check_buyer(struct sale_run *run, uint32_t buyer);
/* When all is drained. */
void sale_check_end(struct sale_run *run);

#endif
