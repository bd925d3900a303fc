/*
 * What a waiting room must be, after issue and contract, by other means than the platform's: an
 * array of places, two sums over them, and the clock.
 *
 *     numbers   in order of joining; `fate` is what became of each, and is durable
 *     order     before the opening a number is its place; then those of before it are at the place
 *               that seed and count give (docs of src/room/shuffle.h), later ones at their number
 *     life      by silence:   SURE   the room must count it among the living
 *                             MAYBE  silent for longer than the grace, and the room may not have
 *                                    seen that yet
 *                             GHOST  in nobody's way
 *     turn      who is QUIET must be passed over, who is AWAKE must not; a second in between is
 *               UNSURE, as the room counts silences in whole seconds
 *
 * Every change of a fate is noted with the sequences of the log between which it was made. After a
 * crash the model goes back to what was recovered. Silences begin anew then, as documented.
 *
 * Memory: malloc; running out stops the test. One thread.
 */
#ifndef TACOS_SIM_ROOM_MODEL_H
#define TACOS_SIM_ROOM_MODEL_H

#include "room/room.h"
#include "sim/sale_model.h"

enum room_life { LIFE_SURE, LIFE_MAYBE, LIFE_GHOST };
enum room_turn { TURN_AWAKE, TURN_UNSURE, TURN_QUIET };

enum fate_state {
  FATE_WAITS,
  FATE_ADMITTED, /* or over by the clock: fate_is_over tells */
  FATE_ENTERED,
  FATE_LEFT,
  FATE_FORGOTTEN, /* silent for two hours, or an admission that was over and swept away */
};

/* What became of a number: all that must survive. */
struct room_fate {
  enum fate_state state;
  bool finished;        /* bought, or left with a hold */
  uint32_t bound;       /* user of the reservation token; MODEL_NONE: nobody yet */
  uint32_t reservation; /* the last one of this shopper; MODEL_NONE: none */
  int64_t admitted_ms, entered_ms, expires_ms;
};

struct room_place {
  struct room_fate fate;
  uint32_t buyer;
  uint16_t key;           /* of the buyer who joined */
  int64_t seen_ms;        /* monotonic */
  uint32_t before, after; /* among those of its life, by silence */
  enum room_life life;
  bool maybe_forgotten; /* was silent for two hours when the process died */
};

struct room_sums { /* a Fenwick tree */
  uint32_t *nodes;
  uint32_t total;
};

struct room_chain {
  uint32_t first, last;
};

struct room_undo;

struct room_model {
  struct room_settings settings;
  struct room_place *places;
  uint32_t count, capacity;
  bool opened;
  uint32_t drawn;
  uint8_t seed[SHUFFLE_SEED_BYTES];
  uint32_t *place_of, *number_at; /* of those drawn */
  struct room_sums sure, maybe;   /* maybe: SURE and MAYBE */
  uint64_t *line;                 /* bits of places: WAITS, SURE or MAYBE */
  uint32_t front;                 /* no bit is set below */
  struct room_chain chains[2];    /* SURE, MAYBE: the longest silence first */
  struct room_undo *undo;         /* oldest first */
  size_t undo_count, undo_capacity;
  int64_t now_ms; /* monotonic */
};

/* capacity: numbers there will be at most. */
void room_model_init(struct room_model *model, uint32_t capacity);
void room_model_free(struct room_model *model);

/* Time passes, as the lobby is told of it: silences grow. Between two ticks it stands still. */
void room_model_advance(struct room_model *model, int64_t mono_ms);

/* ---- what is ---- */

uint32_t room_model_place(const struct room_model *model, uint32_t number);
uint32_t room_model_number(const struct room_model *model, uint32_t place);
/* How many of the living are before it: at least, at most. */
void room_model_before(const struct room_model *model, uint32_t number, uint32_t *least,
                       uint32_t *most);
enum room_turn room_model_turn(const struct room_model *model, uint32_t number);
/* The next place of somebody who may be living; MODEL_NONE: none. */
uint32_t room_model_next(struct room_model *model, uint32_t place);
/* An admission whose time is over, whatever is held. */
bool room_fate_is_over(const struct room_fate *fate, int64_t wall_ms);

/* ---- what happens ---- */

/* The sequences between which a record lies: above low, up to high. */
struct room_span {
  uint64_t low, high;
};

void room_model_join(struct room_model *model, struct room_span span, uint32_t buyer, uint16_t key,
                     int64_t mono_ms);
void room_model_touch(struct room_model *model, uint32_t number);
/* Notes how it was; the caller changes the fate that is returned, then calls room_model_settle. */
struct room_fate *room_model_change(struct room_model *model, struct room_span span,
                                    uint32_t number);
/* The line follows the fate. */
void room_model_settle(struct room_model *model, uint32_t number);
/* Those of before the opening are drawn; false: seed and count give no permutation. */
bool room_model_open(struct room_model *model, struct room_span span,
                     const uint8_t seed[SHUFFLE_SEED_BYTES], uint32_t drawn);
void room_model_set(struct room_model *model, struct room_span span,
                    const struct room_settings *settings);

/*
 * Takes back what came after the sequence, and lets everybody have been seen just now. A change of
 * which the log may have a part is asked for: `happened` tells whether a number's newest change, or
 * with MODEL_NONE the opening, is there.
 */
typedef bool room_model_happened(void *context, uint32_t number);
void room_model_rewind(struct room_model *model, uint64_t sequence, room_model_happened *happened,
                       void *context);
/* Forgets how to take back what is durable. */
void room_model_settle_log(struct room_model *model, uint64_t sequence);

#endif
