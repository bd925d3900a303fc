/*
 * One simulated rush: an event, its waiting room, a crowd with all its habits, and a server that
 * dies again and again, with its disk.
 *
 *     room_run.c       what is drawn, turns of the loop, crashes, the whole life
 *     room_process.c   the process under test: what is opened, ticked and lost with it
 *     room_crowd.c     who comes when, and what they do in line
 *     room_ask.c       one request to the room, its answer held against the model
 *     room_shop.c      shoppers: seats, payments, and the model of the sale
 *     room_check.c     admissions of a turn; what was recovered against the model
 *     room_measure.c   the crowd's figures, and what they must be
 *     room_model.c     the model of the room; sale_model.c that of the sale
 *
 * As in the server an answer leaves when its sequence is durable, and whoever gets none asks again.
 * Everything random comes from one seed; room_run_fail prints the command that repeats a run.
 */
#ifndef TACOS_SIM_ROOM_RUN_H
#define TACOS_SIM_ROOM_RUN_H

#include "bus/bus.h"
#include "queue/queue.h"
#include "room/room.h"
#include "sale/relay.h"
#include "sale/sale.h"
#include "sale/worker.h"
#include "sim/random.h"
#include "sim/room_model.h"
#include "sim/world_sim.h"

/* What somebody is like; most are ordinary. */
enum room_kind {
  KIND_ORDINARY,
  KIND_BACKGROUND, /* a tab that polls once a minute */
  KIND_GONE,       /* closes the tab, for ever */
  KIND_AWAY_SHORT, /* is silent for less than the grace, again and again */
  KIND_AWAY_LONG,  /* for longer than it, once */
  KIND_AWAY_NIGHT, /* for more than two hours */
  KIND_LEAVER,     /* gives up the place */
  KIND_LATE,       /* enters when the time for it is over */
  KIND_NEVER,      /* does not enter */
  KIND_TWICE,      /* enters twice, reserves twice with one token */
  KIND_SHARER,     /* gives the reservation token to somebody else */
  KIND_CHEAT,      /* reserves without an admission, forges tokens */
  KIND_MANY,       /* a bot that joins with many keys */
  KIND_BOT,        /* polls a hundred times a second */
  KIND_TWIN,       /* an ordinary buyer who comes with a bot */
  KINDS,
};

enum room_mood {
  MOOD_OUTSIDE,
  MOOD_JOINING, /* has not been told of a place yet */
  MOOD_LINE,
  MOOD_ENTERING,
  MOOD_BROWSING, /* was admitted, and wants nothing */
  MOOD_CHOOSING,
  MOOD_HOLDING,
  MOOD_PAYING, /* an intent is open */
  MOOD_BUYING, /* paid; waits for the order */
  MOOD_DONE,
};

struct room_buyer {
  uint32_t next;   /* of those due in the same slot */
  uint32_t number; /* MODEL_NONE: has been told none */
  int64_t due_ms;  /* wall clock */
  uint32_t truth;  /* the model's newest number of this joiner, told or not; MODEL_NONE: none */
  uint32_t user;   /* who buys: of several places of one bot the same */
  int64_t seen_ms; /* monotonic: of the last request, whatever became of the server */
  uint8_t kind, mood, tries;
  bool known;         /* joins as a user, not by a key */
  uint16_t key;       /* of its requests; another key is another place */
  uint16_t period_ds; /* between polls, in tenths of a second */
  uint32_t reservation, payment;
  int64_t away_ms; /* when it will be silent, or leave; 0: never (again) */
  int64_t told_ms; /* of a prediction that is followed; 0: none */
  uint32_t told_s;
  char token[TOKEN_TEXT_BYTES];
  char pass[TOKEN_TEXT_BYTES]; /* reservation token; pass[0] 0: none */
};

enum room_news { NEWS_PLACE, NEWS_PASS, NEWS_SEATS, NEWS_INTENT, NEWS_PAID };

/* An answer that waits for the disk. */
struct room_reply {
  uint64_t sequence;
  uint32_t buyer;
  enum room_news news;
  uint32_t result; /* number, reservation or payment */
  char token[TOKEN_TEXT_BYTES];
};

/* A prediction and what came true. */
struct room_guess {
  uint32_t told_s;
  uint32_t true_s;
  bool early; /* soon after the opening */
};

struct room_totals {
  uint64_t runs, buyers, crashes, torn, faults, joins, again, looks, forged, admissions, entries,
      walked_in, too_late, forgotten, full, reservations, orders, late, conflicts, refused_passes,
      shared, restored, events, wasted, wasted_restart, lost;
  uint64_t admitted_kind[KINDS], entered_kind[KINDS];
  /* Samples of a second in which checkout could have been full. */
  double used, usable;
  /* Ranks of bots minus their twins', as shares of all admissions. */
  double bot_sum, bot_squares;
  uint64_t bot_pairs, late_pairs, late_wins;
  struct room_guess *guesses;
  size_t guess_count, guess_capacity;
  uint64_t most_waiting; /* in one room */
  double waiter_bytes;   /* for each of them, beside the store */
};

struct room_options {
  uint64_t seed;
  uint32_t buyers;  /* 0: drawn */
  bool small;       /* few buyers, many crashes */
  uint32_t crashes; /* in this run; UINT32_MAX: drawn */
  bool verbose;
};

struct room_run {
  struct room_options wanted;
  struct room_totals *totals;
  struct random random;
  struct world_sim *sim;
  struct world *world;
  struct store_options options;
  uint8_t key[TOKEN_KEY_BYTES];
  int64_t now_ms, mono_ms;
  struct error error;

  /* what this run is like */
  uint32_t buyer_count;
  int64_t opens_ms, rush_ms; /* how long it takes about */
  struct room_settings settings;
  uint32_t capacity, seats;
  uint32_t buys_per_million; /* of shoppers want seats */
  bool enough;               /* seats for all who want some */
  bool night;                /* it goes on for hours, hardly anybody stays */
  bool operated;             /* somebody changes settings */
  uint32_t step_ms;
  uint32_t fault_per_million; /* of turns */

  /* the process */
  struct store *store;
  struct lobby *lobby;
  struct sale *sale;
  struct sale_event *event;
  struct room *room;
  struct queues *queues;
  struct buses *buses;
  struct relay *relay;
  struct workers workers;
  struct plan plan;
  struct arena arena;
  uint64_t durable;
  bool died, faulty;
  bool busy; /* the store took nothing: its log was behind the disk */
  uint64_t crashes;
  uint64_t admissions; /* of this process */
  int64_t started_ms;  /* monotonic */

  /* outside */
  struct room_model model;
  struct sale_model sales;
  struct room_buyer *buyers;
  uint32_t *slots;        /* of the wheel: who is due */
  int64_t slot_ms;        /* up to where the wheel has turned */
  uint32_t arrivals_open; /* joins that the lobby has not answered */
  uint64_t opened_at;     /* sequence of the opening, or behind it */
  uint8_t commitment[HASH_SHA256_BYTES];
  struct room_reply *replies;
  uint32_t reply_count, reply_capacity;
  uint32_t *undecided; /* payments that were approved */
  uint32_t undecided_count, undecided_capacity;
  uint32_t *shopper_of; /* of each reservation: the number; MODEL_NONE: came without */
  uint32_t shopper_of_capacity;
  uint32_t *shoppers; /* numbers, some of them done already */
  uint32_t shopper_count, shopper_capacity;
  double permits; /* there may be at most so many */
  double rate;    /* of the last tick */
  int64_t permits_ms;
  uint64_t admitted; /* since the last sample */
  int64_t sampled_ms;
  double recently, recently_most; /* admissions, and what the rate would have given */
  int64_t next_sample_ms, next_change_ms, slow_until_ms, steady_ms;
  int64_t next_crash_ms, crash_every_ms; /* every 0: never */
  bool closing;
};

_Noreturn void room_run_fail(const struct room_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void room_run_tell(const struct room_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define ROOM_CHECK(run, condition)                                                     \
  do {                                                                                 \
    if (!(condition)) room_run_fail(run, "%s:%d: %s", __FILE__, __LINE__, #condition); \
  } while (0)

/* A whole rush. */
void room_run_whole(const struct room_options *options, struct room_totals *totals);

/* Room for one more. */
void *room_run_grow(void *items, uint32_t count, uint32_t *capacity, size_t size);

/* The time between `least` and `most` from now. */
int64_t room_run_later(struct room_run *run, int64_t least_ms, int64_t most_ms);

/* ---- room_process.c ---- */

void room_process_begin(struct room_run *run);
void room_process_crash(struct room_run *run);
void room_process_end(struct room_run *run);
void room_process_turn(struct room_run *run);
void room_process_look_at_clock(struct room_run *run);
void room_process_sync(struct room_run *run);
/* One of the next allocations fails, until it is healed. */
void room_process_break_memory(struct room_run *run, uint32_t calls);
void room_process_heal_memory(struct room_run *run);
/* Whether an allocation was made to fail since it was broken, or the store was too busy. */
bool room_process_was_spoiled(const struct room_run *run);

/* ---- room_crowd.c ---- */

void room_crowd_begin(struct room_run *run);
void room_crowd_act(struct room_run *run);
void room_crowd_hear(struct room_run *run);
/* The process died: answers on their way are lost. */
void room_crowd_lose(struct room_run *run);
/* Most of who waits goes home. */
void room_crowd_go_home(struct room_run *run);
/* Whether anybody has something left to do. */
bool room_crowd_is_there(const struct room_run *run);
void room_crowd_at(struct room_run *run, struct room_buyer *buyer, int64_t due_ms);
void room_crowd_reply(struct room_run *run, const struct room_buyer *buyer, enum room_news news,
                      uint32_t result, uint64_t sequence, const char *token);

/* ---- room_ask.c ---- */

/* The empty plan of one request. */
struct plan *room_ask_plan(struct room_run *run);
/* Commits it; false: there was no memory. */
bool room_ask_commit(struct room_run *run, struct room_span *span);
struct bytes room_ask_user(uint32_t buyer, char text[16]);

enum room_seen { SEEN_NOTHING, SEEN_WAITING, SEEN_READY, SEEN_OVER };

void room_ask_join(struct room_run *run, struct room_buyer *buyer);
enum room_seen room_ask_look(struct room_run *run, struct room_buyer *buyer);
/* The answer comes as NEWS_PASS. */
enum room_status room_ask_enter(struct room_run *run, struct room_buyer *buyer);
void room_ask_leave(struct room_run *run, struct room_buyer *buyer);
void room_ask_forged(struct room_run *run, const struct room_buyer *buyer);
void room_ask_set(struct room_run *run, const struct room_settings *settings);
/* All joins of this turn were answered. */
void room_ask_joined_all(struct room_run *run);

/* ---- room_shop.c ---- */

void room_shop_choose(struct room_run *run, struct room_buyer *buyer);
/* With a reservation token that is somebody else's, or none. */
void room_shop_cheat(struct room_run *run, const struct room_buyer *buyer, const char *pass,
                     uint32_t number);
void room_shop_hold(struct room_run *run, struct room_buyer *buyer);
void room_shop_pay(struct room_run *run, struct room_buyer *buyer);
void room_shop_wait(struct room_run *run, struct room_buyer *buyer);
/* Looks up what workers did for payments that were approved. */
void room_shop_observe(struct room_run *run);
/* After the models were taken back. */
void room_shop_recover(struct room_run *run);
/* Whether any hold of the shopper is on, by the clock. */
bool room_shop_holds(const struct room_run *run, uint32_t number);

/* ---- room_check.c ---- */

/* A number counts among the shoppers from now on. */
void room_check_add_shopper(struct room_run *run, uint32_t number);
/* What a tick did: openings and admissions. */
void room_check_tick(struct room_run *run, struct room_span span);
/* All that was recovered. */
void room_check_recovered(struct room_run *run);
bool room_check_happened(void *context, uint32_t number);
/* Shoppers now, by the model: those who count for certain. */
uint32_t room_check_shoppers(struct room_run *run);
void room_check_audit(struct room_run *run);

/* ---- room_measure.c ---- */

/* Before the admissions of a turn, of the time since the turn before. */
void room_measure_sample(struct room_run *run);
/* Somebody is admitted: what was predicted, and whether it is in vain. */
void room_measure_admission(struct room_run *run, uint32_t number);
/* Adds up what bots gained. */
void room_measure_end(struct room_run *run);
/* Stops when the figures of all runs are not what they must be. */
void room_measure_assert(const struct room_totals *totals);
void room_measure_print(const struct room_totals *totals, uint64_t first, uint64_t last,
                        double seconds);

#endif
