/*
 * One simulated life of a store: a directory that outlives many processes, each of which dies.
 *
 *     store_run.c        steps, ticks, and what they do to the model
 *     store_life.c       open, recover, live, die; bit flips between
 *     store_workload.c   random requests, each predicted by the model
 *     store_tables.c     random changes of tables, settings, restores, backups
 *     store_check.c      the store's state against the model's
 *     store_stream.c     readers of change streams
 *
 * Everything random comes from one seed, so that a failure repeats. store_run_fail prints the
 * command that repeats it and stops the process.
 */
#ifndef TACOS_SIM_STORE_RUN_H
#define TACOS_SIM_STORE_RUN_H

#include "sim/random.h"
#include "sim/store_model.h"
#include "sim/world_sim.h"

#define STORE_RUN_DIRECTORY "/data"

enum store_run_update {
  UPDATE_ADD,    /* counts up */
  UPDATE_INDEX,  /* into another place of the indexes */
  UPDATE_LEAVE,  /* out of the indexes */
  UPDATE_REMOVE, /* rank and text */
  UPDATE_TEXT,
  UPDATE_DUE,
  UPDATES,
};

enum store_run_condition { CONDITION_EXISTS, CONDITION_ABSENT, CONDITION_BELOW, CONDITIONS };

/* Slots of the values that all expressions share. */
enum store_run_slot {
  SLOT_NUMBER,
  SLOT_ZERO,
  SLOT_GROUP,
  SLOT_RANK,
  SLOT_TEXT,
  SLOT_DUE,
  SLOT_PARTITION,
  SLOTS
};

/* A reader of one table's stream. */
struct store_run_stream {
  struct stream *stream; /* NULL: none open */
  uint64_t after;        /* newest sequence it has had in full */
  uint32_t table_id;
};

struct store_run_totals {
  uint64_t crashes;
  uint64_t recoveries;
  uint64_t commits;
  uint64_t refused;   /* no space, no memory, log behind */
  uint64_t snapshots; /* finished */
  uint64_t restores;  /* finished */
  uint64_t backups;
  uint64_t stream_records;
  uint64_t flips;
  uint64_t flips_refused;
  uint64_t flips_lost; /* the documented loss */
};

struct store_run {
  uint64_t seed;
  bool verbose;
  struct store_run_totals *totals;
  uint64_t crashes; /* of this run */
  struct random random;
  struct world_sim *sim;
  struct world *world;
  struct memory memory; /* the client's */
  struct arena arena;   /* of one request */
  struct arena constant;
  const struct expression *updates[UPDATES];
  const struct expression *conditions[CONDITIONS];
  const struct expression *by_partition;
  const struct expression *by_group;
  struct store_options options;
  uint8_t key[LOG_KEY_BYTES];
  struct store *store; /* NULL: closed */
  struct store_model model;
  struct store_run_stream streams[MODEL_TABLES];
  uint64_t durable;        /* newest sequence known to be durable */
  uint64_t durable_before; /* ... before the last frame became so */
  bool confirmed;          /* nothing that is durable rests on an unconfirmed frame */
  bool armed;              /* a fault of the disk is under way: requests may fail */
  bool full;               /* the disk is */
  bool damaged;            /* a bit is flipped: what it destroyed may be missed */
  bool stalled;            /* the log's thread stands in a slow sync */
  bool died;               /* a write or sync failed: the process must go */
  int64_t now_max_ms;      /* latest that the store may have seen: the clock can go back */
  uint32_t restore_table;  /* position of the table that is being restored */
  uint64_t restore_from;   /* sequence that it shall have the state of */
  uint32_t restore_source;
  bool restoring;
  bool dropped; /* opening dropped a half-restored table */
  int64_t created_ms;
  uint32_t token_max; /* highest number of a token used */
  uint32_t backups;   /* directories made */
  uint32_t restored;  /* ... from them */
};

/* Stops with the seed and the command that repeats it. */
_Noreturn void store_run_fail(const struct store_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Told only with --verbose. */
void store_run_tell(const struct store_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define RUN_CHECK(run, condition)                                                       \
  do {                                                                                  \
    if (!(condition)) store_run_fail(run, "%s:%d: %s", __FILE__, __LINE__, #condition); \
  } while (0)

/* The engine's clock, as the contract says: it never goes behind the newest record. */
int64_t store_run_now_ms(const struct store_run *run);

/* A foreground record was appended now. */
void store_run_appended(struct store_run *run);

/*
 * The newest change of a token that is known now, or NULL; *clear is false when a clock that went
 * back leaves it open whether the token was forgotten.
 */
const struct model_change *store_run_token(const struct store_run *run, uint32_t token,
                                           bool *clear);

/* Whether requests may be refused or fail: a fault is under way or the process is dead. */
bool store_run_troubled(const struct store_run *run);
bool store_run_dead(const struct store_run *run);

/* Up to `count` steps; stops when dead. */
void store_run_steps(struct store_run *run, uint64_t count);

/* One store_tick, and what it appended goes into the model. */
bool store_run_tick(struct store_run *run);

/* Steps and ticks until nothing is left to do. */
void store_run_settle(struct store_run *run);

/* One of the next allocations fails; then none does. Healing tells whether it came to that. */
void store_run_fail_memory(struct store_run *run);
bool store_run_heal_memory(struct store_run *run);

/* The table at a position of the model; NULL: none or not to be used now. */
struct table *store_run_table(const struct store_run *run, uint32_t position);
struct bytes store_run_table_name(uint32_t position);
struct bytes store_run_index_name(uint32_t number);

/* ---- store_life.c ---- */

/* One whole run: a store is made and lives through `lives` processes. */
void store_life_whole(uint64_t seed, uint32_t lives, bool verbose, struct store_run_totals *totals);

/* ---- store_workload.c ---- */

void store_workload_compile(struct store_run *run);

/* One random request. */
void store_workload_act(struct store_run *run);

/* A put that must succeed. */
void store_workload_put(struct store_run *run);

/* ---- store_tables.c ---- */

void store_tables_create(struct store_run *run);
void store_tables_act(struct store_run *run);
void store_tables_back_up(struct store_run *run);

/* ---- store_check.c ---- */

/* Everything readable of a store against the tables of a model. */
void store_check_state(struct store_run *run, struct store *store,
                       const struct model_table *tables);

/* That each of the newest tokens is known exactly when its record is there. */
void store_check_tokens(struct store_run *run);

/* A lighter one: some keys of one table, one query. */
void store_check_some(struct store_run *run);

/* ---- store_stream.c ---- */

/* Reads what is new of every stream, `again` from its begin. */
void store_stream_check(struct store_run *run, bool again);
void store_stream_close_all(struct store_run *run);

#endif
