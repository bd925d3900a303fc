/*
 * The waiting room: turns a crowd into the rate that checkout can bear, in an order that everybody
 * can check.
 *
 *     lobby          all rooms; one room for each event that has one
 *
 *     room_join ----> number, waiting token          gathered, one item for all of a turn
 *     room_look ----> position, ETA, ready?          a sign of life; touches no table
 *     lobby_tick ---> opening, admissions, ghosts    in slices
 *     room_enter ---> reservation token              part of the caller's plan
 *     room_hold ----> checked, bound to its buyer    part of the plan of the reservation
 *
 * Order. Numbers are given out in order of arrival. Those of before the sale opened get a place by
 * lot (shuffle.h), later ones the place of their number. The line is the set of places of the
 * living (ranks.h): the first of them is the next to come in, a position is how many are before it.
 * Who has been silent for longer than the grace is a ghost, and in nobody's way; who comes back has
 * the old place again, so nobody waits longer than if they had stayed, and the first place when all
 * before have been served meanwhile.
 *
 * Durable are numbers and who has them, seed and opening, settings, admissions, shoppers: items of
 * the table `tacos-rooms` (room_item.h). Not durable are signs of life: after a restart everybody
 * has just been seen.
 *
 * Memory per waiter: 2 bytes of state, 5 of identities, 0.2 of places; 8 in the store.
 *
 * Time: wall_ms is the engine's clock, for what is durable; mono_ms never goes back, for silences
 * and rates. lobby_tick brings the second; between two ticks it stands still.
 *
 * A plan is committed in the turn in which it was made. Pointers to rooms live as long as the
 * lobby. Engine thread.
 */
#ifndef TACOS_ROOM_ROOM_H
#define TACOS_ROOM_ROOM_H

#include "base/world.h"
#include "ops/metrics.h"
#include "room/limits.h"
#include "room/shuffle.h"
#include "room/token.h"
#include "store/plan.h"

struct lobby;
struct room;

/* In the order in which they are looked for. */
enum room_status {
  ROOM_OK,
  ROOM_UNAVAILABLE,     /* no memory or disk now: nothing changed, retry later */
  ROOM_INVALID,         /* a setting; error->message names it */
  ROOM_TOKEN_NOT_FOUND, /* forged, truncated, of another key or kind */
  ROOM_TOKEN_EXPIRED,   /* the place is given up: entered too late, silent too long, left */
  ROOM_NOT_READY,       /* its turn has not come */
  ROOM_IS_FULL,         /* no place left: come back later */
  ROOM_STATUSES,
};

struct lobby_options {
  struct world *world;
  struct store *store;
  const uint8_t *key; /* TOKEN_KEY_BYTES: signs tokens; copied */
  uint32_t capacity;  /* waiters of one room; 0: ROOM_CAPACITY */
};

/* Makes its table when there is none, reads all rooms. NULL with *error. */
struct lobby *lobby_open(const struct lobby_options *options, int64_t mono_ms, struct error *error);
void lobby_close(struct lobby *lobby);

/*
 * Once per turn of the loop, before store_flush: openings, admissions, ghosts, shoppers whose time
 * is over. True while there is more to do now.
 */
bool lobby_tick(struct lobby *lobby, int64_t wall_ms, int64_t mono_ms);

/* Commits what joined in this turn and answers it; after the handlers, before store_flush. */
void lobby_flush(struct lobby *lobby);

int lobby_wait_ms(const struct lobby *lobby, int64_t mono_ms, int limit_ms);

/* All rooms together, and each by its event. */
void lobby_write_metrics(const struct lobby *lobby, struct metrics_writer *writer);

/* ---- rooms and their settings ---- */

enum room_mode { ROOM_OPEN, ROOM_WAITING, ROOM_PAUSED, ROOM_MODES };

/* "open", "waiting", "paused". */
struct bytes room_mode_name(enum room_mode mode);
/* ROOM_MODES: none has this name. */
enum room_mode room_mode_of(struct bytes name);

struct room_settings {
  enum room_mode mode;
  uint32_t admit_per_second;
  uint32_t max_shoppers;
  uint32_t token_ttl_s;
  uint32_t grace_s;
  uint32_t entry_s;   /* from admission to entering */
  uint32_t target_ms; /* of reserving: above it fewer are admitted */
};

/* Its numbers as data, in the order of the struct. */
enum { ROOM_SETTINGS = 6 };

extern const struct room_setting {
  const char *name;      /* of the contract: "token_ttl_sec" */
  const char *detail;    /* in events: "tokenTtlSec" */
  const char *attribute; /* of the item */
  size_t offset;         /* in struct room_settings; a uint32_t */
  uint32_t least, most, usual;
} room_setting_rows[ROOM_SETTINGS];

uint32_t room_setting_get(const struct room_settings *settings, const struct room_setting *row);
void room_setting_put(struct room_settings *settings, const struct room_setting *row,
                      uint32_t value);

/* Open to everybody, with the defaults of the other members. */
void room_settings_init(struct room_settings *settings);
/* False with ERROR_INVALID naming the first member that is out of its bounds. */
bool room_settings_check(const struct room_settings *settings, struct error *error);

/* NULL when the event has none. */
struct room *lobby_room(const struct lobby *lobby, struct bytes event_id);
/* In order of their making; NULL at the end. */
struct room *lobby_room_at(const struct lobby *lobby, uint32_t index);

/*
 * The event's room, made open when there is none; durable with whatever is waited for next. NULL:
 * no memory or disk now.
 */
struct room *lobby_make_room(struct lobby *lobby, struct bytes event_id);

const struct room_settings *room_settings(const struct room *room);
struct bytes room_event_id(const struct room *room);

/* In force once the plan is committed. */
enum room_status room_set(struct room *room, struct plan *plan,
                          const struct room_settings *settings, struct error *error);

/* Whether a reservation needs a token. room NULL: no. */
bool room_needs_admission(const struct room *room);

/*
 * What there is to sell, from whoever knows; before each lobby_tick. Nobody is admitted to nothing.
 */
struct room_supply {
  bool on_sale;
  int64_t opens_ms; /* when it opens; in the past: it has */
  uint32_t free;    /* seats to be had now */
  uint32_t soon;    /* held ones that become free in a moment, unless they are bought */
};

void room_supply(struct room *room, const struct room_supply *supply);

/* How long a reservation took until it was durable. */
void room_note_latency(struct room *room, int64_t latency_us);

/* ---- joining ---- */

/* Who joins: a user, or nobody known with the key of their request. */
struct room_joiner {
  struct bytes user_id; /* empty: not known */
  struct bytes client;  /* address; with the key, when the user is not known */
  struct bytes key;
};

struct room_joined {
  char token[TOKEN_TEXT_BYTES];
  uint32_t number;
  uint32_t position; /* 1: the next; before the opening: the last it can be */
  bool again;        /* it had this place already */
};

/* The caller's, and stays where it is until it is answered. */
struct room_joining {
  struct room_joining *next;
  struct room *room;
  uint32_t number;
  bool again;
  /*
   * ROOM_OK and what is durable at `sequence`, or ROOM_UNAVAILABLE. From lobby_flush, or before it
   * from a later room_join or lobby_tick that cannot wait so long.
   */
  void (*joined)(void *context, enum room_status status, const struct room_joined *joined,
                 uint64_t sequence);
  void *context;
};

/*
 * A place at the end of the line, or the one that this joiner has and has not given up. ROOM_OK:
 * the answer comes with lobby_flush. Otherwise ROOM_UNAVAILABLE or ROOM_IS_FULL, and nothing will.
 */
enum room_status room_join(struct room *room, const struct room_joiner *joiner, int64_t wall_ms,
                           struct room_joining *joining);

/* ---- waiting ---- */

enum room_standing { STANDING_WAITING, STANDING_READY, STANDING_EXPIRED };

struct room_view {
  struct room *room;
  uint32_t number;
  enum room_standing standing;
  bool ready_for_entry; /* may enter, or has */
  bool opened;          /* the line has its order */
  bool paused;
  bool was_away;      /* a ghost until now */
  uint32_t position;  /* 1: the next; 0: may enter */
  uint32_t eta_s;     /* rounded up; PACE_UNKNOWN (pace.h): nobody can say */
  int64_t waiting_ms; /* since it joined */
  uint32_t total_waiting;
  uint32_t left_s;   /* to enter, or of the reservation token */
  uint64_t sequence; /* what it tells is durable at */
};

/* How a token stands; a sign of life. ROOM_OK or ROOM_TOKEN_NOT_FOUND. */
enum room_status room_look(struct lobby *lobby, struct bytes token, int64_t wall_ms,
                           struct room_view *view);

/* ---- entering and leaving ---- */

struct room_entry {
  struct room *room;
  char token[TOKEN_TEXT_BYTES]; /* for reservations */
  int64_t expires_ms;
  uint32_t eta_s; /* with ROOM_NOT_READY */
};

/* The same token each time while it is valid. */
enum room_status room_enter(struct lobby *lobby, struct plan *plan, struct bytes token,
                            int64_t wall_ms, struct room_entry *entry);

/* Gives up a place or an admission; ROOM_OK also when it was given up before. */
enum room_status room_leave(struct lobby *lobby, struct plan *plan, struct bytes token);

/* ---- shopping ---- */

#define ROOM_NOBODY UINT32_MAX

/*
 * Whether a reservation token admits this buyer to this room now; *number is the shopper. A token
 * that was used before admits only who used it.
 */
bool room_admits(struct room *room, struct bytes token, struct bytes user_id, int64_t wall_ms,
                 uint32_t *number);

/* How a hold of a shopper ends. */
enum room_hold_end {
  ROOM_HOLD_RELEASED,    /* cancelled or lapsed: the shopper may choose again */
  ROOM_HOLD_BOUGHT,      /* the shopper is done */
  ROOM_HOLD_BOUGHT_LATE, /* the same, of a hold that was released before */
};

/*
 * A reservation of the shopper begins, and binds it to the buyer; ends. Nothing for ROOM_NOBODY and
 * shoppers who are gone. False without memory.
 */
bool room_hold_begins(struct room *room, struct plan *plan, uint32_t number, struct bytes user_id);
bool room_hold_ends(struct room *room, struct plan *plan, uint32_t number, enum room_hold_end end);

/* ---- fairness ---- */

struct room_fairness {
  uint8_t commitment[HASH_SHA256_BYTES]; /* SHA-256 of the seed */
  bool opened;
  /* Once it is open. */
  uint8_t seed[SHUFFLE_SEED_BYTES];
  uint32_t count; /* numbers that were drawn for places */
  int64_t opened_ms;
};

void room_fairness(const struct room *room, struct room_fairness *fairness);

/* ---- for operators and tests ---- */

struct room_counts {
  uint64_t waiting; /* living */
  uint64_t ghosts;
  uint64_t admitted; /* may enter */
  uint64_t entered;
  uint64_t shoppers;     /* admitted and entered ones that count */
  uint64_t allowed;      /* admissions a second */
  uint64_t memory_bytes; /* beside the store */
  /* Since the start. */
  uint64_t joins, admissions, entries, abandoned, expired, silent, returned, refused_full;
  uint64_t eta_error_ms, eta_checked; /* the sum of |predicted - true|, how many */
};

void room_counts(const struct room *room, struct room_counts *counts);

#endif
