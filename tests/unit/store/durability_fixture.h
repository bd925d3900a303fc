/*
 * What the tests of opening, snapshots, restores, jobs and backups share: a store in a simulated
 * world, stepped by hand, and a table whose items are numbers that a model array remembers.
 *
 * An item is {"k": key, "v": value, "g": group, "p": padding}; a value of 0 stands for "no item".
 */
#ifndef TACOS_UNIT_STORE_DURABILITY_FIXTURE_H
#define TACOS_UNIT_STORE_DURABILITY_FIXTURE_H

#include "sim/random.h"
#include "sim/world_sim.h"
#include "store/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DURABILITY_KEYS = 48, DURABILITY_REPORT_BYTES = 4096 };

struct durability {
  uint64_t seed;
  struct world_sim *sim;
  struct world *world;
  struct store_options options;
  struct store *store; /* NULL: not open */
  struct error error;
  struct arena arena;
  struct random random;
  uint64_t sequence;                     /* of the last write */
  size_t padding;                        /* bytes of "p" of new items */
  char reports[DURABILITY_REPORT_BYTES]; /* all lines since the last open; the start of them */
};

/* The values of all keys at one moment. */
struct durability_state {
  int64_t values[DURABILITY_KEYS];
};

/* A new world of this seed; no store yet. */
void durability_begin(struct durability *test, uint64_t seed);

/* Closes what is open; nothing may be left allocated. */
void durability_end(struct durability *test);

bool durability_try_open(struct durability *test);
void durability_open(struct durability *test);
void durability_close(struct durability *test);

/* The process dies, perhaps amid an operation on the disk, which is then as after a power cut. */
void durability_crash(struct durability *test, enum world_sim_crash mode);

/* Makes everything durable. */
void durability_sync(struct durability *test);

/* Ticks and steps until there is nothing to do. */
void durability_work(struct durability *test);

/* A tick and a few steps. */
void durability_turn(struct durability *test);

/* Begins a snapshot, after one under way, and works until it is finished; it must succeed. */
void durability_snapshot(struct durability *test);

/* Key "k"; with `index`, one by (g, v). */
struct table *durability_table(struct durability *test, const char *name, bool index);
struct table *durability_find(struct durability *test, const char *name);

/* Puts (value > 0) or deletes (value 0) one item. */
enum store_status durability_try_set(struct durability *test, struct table *table, uint32_t key,
                                     int64_t value);
void durability_set(struct durability *test, struct table *table, uint32_t key, int64_t value);

/* Sets a random key to a random value or deletes it, in the table and in `state`. */
void durability_set_random(struct durability *test, struct table *table,
                           struct durability_state *state);

/* The table holds exactly what `state` says. */
void durability_assert_state(struct durability *test, struct table *table,
                             const struct durability_state *state);

/* Whether it does. */
bool durability_has_state(struct durability *test, struct table *table,
                          const struct durability_state *state);

/* Begins a restore; it must be accepted. */
struct table *durability_restore(struct durability *test, const char *source, int64_t at_ms,
                                 const char *name);

/* How many files in `directory` have this text in their names. */
int durability_count_files(struct durability *test, const char *directory, const char *text);

/* Inverts a bit of the n-th (from 0, ascending) file whose path has this text. */
void durability_damage(struct durability *test, const char *text, int nth, uint64_t offset);

/* ---- what happened ---- */

enum { DURABILITY_CHANGES_MAX = 4000 };

/* Every change of a table in order of the log: the state at any sequence or time can be told. */
struct durability_history {
  uint32_t count;
  struct durability_change {
    uint64_t sequence;
    int64_t time_ms;
    uint32_t key;
    int64_t value;
  } changes[DURABILITY_CHANGES_MAX];
};

/* Sets or, rarely, deletes a random key. */
void durability_change(struct durability *test, struct table *table,
                       struct durability_history *history);

/* After the record `sequence`; at the end of a millisecond. */
struct durability_state durability_state_at(const struct durability_history *history,
                                            uint64_t sequence);
struct durability_state durability_state_at_ms(const struct durability_history *history,
                                               int64_t at_ms);

/* ---- random tests ---- */

struct durability_replay {
  const char *program;
  uint64_t seed; /* that runs now; 0: none, all passed */
};

/* Runs the test with `count` seeds from `first` on, or only with that of TACOS_SEED. */
void durability_each_seed(struct durability_replay *replay, uint64_t first, uint64_t count,
                          void (*run)(uint64_t seed));

/* Teardown of such a test: after a failure, the command that repeats it. */
int durability_print_replay(void **state);

#endif
