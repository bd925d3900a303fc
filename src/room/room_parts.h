/*
 * What the files of the room share; room.h is for everybody else.
 *
 *     lobby.c     all rooms: opening, loading, turns        line.c     places, opening, shuffle
 *     join.c      numbers, gathered into items              admit.c    admissions, ghosts, ends
 *     room.c      looking                                   shopping.c holds of shoppers
 *     entry.c     entering, leaving                         room_item.c   items of the table
 *     settings.c  what an operator sets                     room_metrics.c
 */
#ifndef TACOS_ROOM_ROOM_PARTS_H
#define TACOS_ROOM_ROOM_PARTS_H

#include "base/check.h"
#include "room/identities.h"
#include "room/pace.h"
#include "room/ranks.h"
#include "room/room.h"
#include "room/room_item.h"
#include "room/shoppers.h"
#include "room/waiters.h"

enum {
  ROOM_QUIET_S = 75, /* a tab in the background polls once a minute: who is quiet for longer is not
                        admitted until the next sign of life */
  ROOM_PIECES_MAX = ROOM_CHUNK / ROOM_PIECE + 1,
  ROOM_PROBES = 64, /* predictions of the ETA that are followed at a time */
};

/*
 *     PREQUEUE ---- the sale opens ----> SHUFFLING ---- all places drawn ----> LINE
 */
enum room_phase { PHASE_PREQUEUE, PHASE_SHUFFLING, PHASE_LINE };

/* A prediction: when it is this number's turn. */
struct room_probe {
  uint32_t number; /* ROOM_NOBODY: none */
  int64_t due_ms;  /* monotonic */
};

struct room_metrics {
  uint64_t joins, admissions, entries, abandoned, expired, ghosts, returned, refused_full;
  uint64_t eta_error_ms, eta_checked; /* of probes: the sum of |predicted - true|, how many */
};

struct room {
  struct lobby *lobby;
  struct room_record record; /* event_id is the room's own copy */
  uint8_t commitment[HASH_SHA256_BYTES];
  enum room_phase phase;
  struct shuffle shuffle; /* once it is not PREQUEUE */
  struct ranks line;      /* places of WAITING: before the opening a number is its place */
  struct ranks drawn;     /* SHUFFLING: the line that is being made */
  uint32_t drawn_next;    /* the next number to be drawn */
  uint64_t opened_at;     /* sequence of the opening; 0: of an earlier life, or still to come */
  struct waiters waiters;
  struct identities identities;
  struct shoppers shoppers;
  struct pace pace;
  struct room_supply supply;
  uint32_t unheld;       /* shoppers without a pending hold */
  uint32_t entered;      /* shoppers who entered */
  uint32_t resume;       /* place from which the quiet are passed over already */
  uint32_t sweep_next;   /* number; of the sweep for ghosts */
  uint32_t shopper_next; /* entry; of the sweep of shoppers */
  uint32_t forget_next;  /* chunk */
  int64_t ticked_ms;     /* monotonic */
  bool failed;           /* the store took no change in the last tick: try again later */
  /* Joins of this turn. */
  struct room_joining *joining, **joining_end;
  uint32_t durable_next;            /* numbers below are in the store */
  uint16_t pieces[ROOM_PIECES_MAX]; /* offsets in the last chunk; the last may grow */
  uint32_t piece_count;
  int64_t arrival_ms; /* of the last join: arrivals do not go back */
  struct room_probe probes[ROOM_PROBES];
  uint32_t probe_next, looks;
  struct room_metrics metrics;
};

struct lobby {
  struct lobby_options options;
  struct store *store;
  struct memory *memory;
  struct table *table;
  struct token_signer *signer;
  struct record_writer writer;
  struct arena arena; /* of the lobby's own plan */
  struct plan *plan;
  struct room **rooms; /* by id */
  uint32_t room_count, room_capacity;
  int64_t wall_ms; /* of the last tick */
  int64_t mono_ms;
  int64_t next_ms; /* monotonic: of the next look */
};

static inline uint32_t lobby_now_s(const struct lobby *lobby)
{
  return (uint32_t)(lobby->mono_ms / 1000);
}

/* ---- lobby.c ---- */

/* The lobby's own plan, empty, in an empty arena. */
struct plan *lobby_plan(struct lobby *lobby);
/* Commits it; false: nothing has changed. */
bool lobby_commit(struct lobby *lobby, uint64_t *sequence);

/* Adds a put to a plan; false when the item is VALUE_NONE. */
bool room_plan_put(struct room *room, struct plan *plan, struct value item);
bool room_plan_delete(struct room *room, struct plan *plan, enum room_item_kind kind,
                      uint32_t number, uint32_t offset);

/* The item of a kind, VALUE_NONE when there is none; false when there is no memory to look. */
bool room_look_up(const struct room *room, struct arena *arena, enum room_item_kind kind,
                  uint32_t number, struct value *item);

/* The room of a valid token whose number was given out; NULL otherwise. */
struct room *lobby_verify(struct lobby *lobby, enum token_kind kind, struct bytes text,
                          struct token *token);

/* ---- line.c ---- */

uint32_t line_place(const struct room *room, uint32_t number);
uint32_t line_number(const struct room *room, uint32_t place);

/* 1: the next. Before the opening everybody is as far as the last. The number waits. */
uint32_t line_position(const struct room *room, uint32_t number);

/* A state that is changed: line and waiters follow. */
void line_set_state(struct room *room, uint32_t number, enum waiter_state state);

/* Makes room for the number's place, and its neighbours'. False without memory. */
bool line_reserve(struct room *room, uint32_t numbers);

/* Opens the room when its time has come, draws places; true while there is more to do now. */
bool line_tick(struct room *room, int64_t wall_ms);

/* ---- join.c ---- */

/* Commits and answers what joined; on failure takes the numbers back. */
void join_flush(struct room *room);

/* A room's waiters from the store, piece by piece in order of number. */
bool join_load(struct room *room, enum room_item_kind kind, uint32_t chunk, uint32_t offset,
               struct value item, struct error *error);

/* ---- room.c ---- */

/* A sign of life: a ghost is in the line again. True when it was one. */
bool room_touch(struct room *room, uint32_t number);

/* Whether who waits may enter without an admission: the room is open, and sells. */
bool room_is_open(const struct room *room);

/* Seconds until a position's turn. */
uint32_t room_eta_s(const struct room *room, uint32_t position, int64_t wall_ms);

/* ---- admit.c ---- */

/* Ends, ghosts, admissions. */
void admit_tick(struct room *room, int64_t wall_ms);

/* A state in the store: of a number that changes, in a plan. False without memory. */
bool admit_plan_state(struct room *room, struct plan *plan, uint32_t number,
                      enum waiter_state state);

/* ---- shopping.c ---- */

/* What a shopper becomes once a plan is in the log. */
bool shopping_plan_change(struct room *room, struct plan *plan, const struct shopper *changed,
                          struct bytes user_id);

/* Shoppers whose admission is over and who hold nothing. */
bool shopping_is_over(const struct shopper *shopper, int64_t wall_ms);
/* Counts of the room follow. There is room for one more (shoppers_reserve). */
void shopping_add(struct room *room, const struct shopper *shopper);
void shopping_remove(struct room *room, uint32_t number);

/* What a user is called as a buyer of this room. */
struct token_name shopping_name(const struct room *room, struct bytes user_id);

/* The id of the buyer the store has for a shopper, in the arena; empty: none. */
struct bytes shopping_buyer(const struct room *room, struct arena *arena, uint32_t number);
bool shopping_plan_put(struct room *room, struct plan *plan, const struct shopper *shopper,
                       struct bytes user_id);

#endif
