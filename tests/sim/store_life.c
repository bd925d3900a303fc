#include "sim/store_run.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- opening ---- */

static void report(void *context, const char *message)
{
  struct store_run *run = context;
  store_run_tell(run, "report: %s", message);
  if (strstr(message, "was being restored when the store stopped") != NULL) run->dropped = true;
}

/* Small files, so that segments roll over and snapshots and removals happen all the time. */
static void choose_options(struct store_run *run)
{
  static const int64_t histories_ms[] = {0, 7200000, 93600000};
  struct random *random = &run->random;
  random_fill(random, run->key, sizeof run->key);
  run->options = (struct store_options){
      .directory = STORE_RUN_DIRECTORY,
      .key = random_below(random, 4) == 0 ? run->key : NULL,
      .segment_bytes = (uint32_t)random_between(random, 16, 32) * 4096,
      .region_bytes = random_between(random, 16, 64) * 4096,
      .history_ms = histories_ms[random_below(random, 3)],
      .snapshot_log_bytes = random_between(random, 1, 32) * 1024,
      .report = report,
      .report_context = run,
  };
}

static void clear_faults(struct store_run *run)
{
  for (int i = 0; i < WORLD_SIM_OPERATIONS; i++)
    world_sim_fail(run->sim, (enum world_sim_operation)i, 0, 0, false);
  world_sim_crash_after(run->sim, 0);
  run->armed = false;
}

static void add_size(void *context, const char *path, uint64_t size)
{
  (void)path;
  *(uint64_t *)context += (size + 4095) / 4096 * 4096;
}

static void fill_disk(struct store_run *run)
{
  uint64_t used = 0;
  world_sim_visit_files(run->sim, add_size, &used);
  world_sim_settings(run->sim)->disk_bytes = used + random_below(&run->random, 300000) + 4096;
  run->full = true;
}

static void free_disk(struct store_run *run)
{
  world_sim_settings(run->sim)->disk_bytes = 0;
  run->full = false;
}

/* One operation of a random kind fails. */
static void arm_error(struct store_run *run, uint64_t soon)
{
  enum world_sim_operation operation = WORLD_SIM_SYNC;
  if (random_coin(&run->random))
    operation = (enum world_sim_operation)random_below(&run->random, WORLD_SIM_OPERATIONS);
  world_sim_fail(run->sim, operation, random_between(&run->random, 1, soon), EIO,
                 random_coin(&run->random));
  run->armed = true;
}

static void crash(struct store_run *run)
{
  world_sim_crash(run->sim, WORLD_SIM_CRASH_RANDOM);
  run->crashes++;
  run->totals->crashes++;
  clear_faults(run);
}

/* Opens under a random fault; false when that got in the way, as it may. */
static bool try_to_open(struct store_run *run)
{
  struct error error = {0};
  uint64_t chance = random_below(&run->random, 20);
  if (chance < 3) world_sim_crash_after(run->sim, random_between(&run->random, 1, 30));
  if (chance == 3) arm_error(run, 8);
  if (chance == 4) fill_disk(run);
  if (chance == 5)
    run->world->memory.fail_at = run->world->memory.calls + random_between(&run->random, 1, 200);
  run->store = store_open(run->world, &run->options, &error);
  bool hit = store_run_heal_memory(run);
  if (run->store != NULL) return true;
  store_run_tell(run, "not opened: %s", error.message);
  RUN_CHECK(run, run->world->memory.in_use == 0);
  bool expected = (error.code == ERROR_IO && store_run_troubled(run)) ||
                  (error.code == ERROR_NO_SPACE && run->full) ||
                  (error.code == ERROR_NO_MEMORY && hit);
  if (!expected)
    store_run_fail(run, "cannot be opened: %s: %s", error_code_name(error.code), error.message);
  free_disk(run);
  if (store_run_dead(run) || random_coin(&run->random)) crash(run);
  clear_faults(run);
  return false;
}

static bool is_in_store(void *context, const struct model_change *change)
{
  struct store_run *run = context;
  const struct table *table = store_table(run->store, store_run_table_name(change->table));
  if (change->kind == CHANGE_TABLE) return table != NULL;
  if (table == NULL) return true;
  const struct model_table *wanted = &run->model.tables[change->table];
  uint32_t sorts = store_model_sorts(wanted);
  struct value sort = VALUE_NONE;
  if (sorts > 1) sort = store_model_key_value(wanted->sort_type, change->key % sorts, &run->arena);
  struct value partition = store_model_key_value(wanted->partition_type, change->key / sorts,
                                                 &run->arena);
  return !value_present(store_find(table, partition, sort));
}

/* Brings the model to the prefix that was recovered, and beyond it what opening itself did. */
static void take_prefix(struct store_run *run, uint64_t prefix)
{
  if (!store_model_settle(&run->model, prefix, is_in_store, run))
    store_run_fail(run, "recovered %llu records, but more or less of them than that shows",
                   (unsigned long long)prefix);
  arena_reset(&run->arena);
  store_model_rewind(&run->model, prefix);
  run->restoring = false;
  for (uint32_t position = 0; position < MODEL_TABLES; position++) {
    if (!run->model.tables[position].restoring) continue;
    RUN_CHECK(run, run->dropped);
    struct model_table after = {0};
    int64_t low_ms = store_model_record(&run->model, prefix)->time_ms;
    store_model_append(&run->model, low_ms, store_run_now_ms(run));
    store_model_change_table(&run->model, position, &after);
  }
  RUN_CHECK(run, run->model.appended == store_appended(run->store));
}

/* How far a restore can go back must not depend on what crashed. */
static void check_window(struct store_run *run)
{
  int64_t earliest_ms;
  int64_t latest_ms;
  int64_t history_ms = run->options.history_ms == 0 ? STORE_HISTORY_MS : run->options.history_ms;
  store_restore_window(run->store, &earliest_ms, &latest_ms);
  int64_t now_ms = store_run_now_ms(run);
  if (now_ms > run->now_max_ms) run->now_max_ms = now_ms;
  int64_t promised_ms = run->now_max_ms - history_ms;
  if (promised_ms < run->created_ms) promised_ms = run->created_ms;
  if (earliest_ms > promised_ms)
    store_run_fail(run, "a restore can go back to %lld only, %lld ms less than promised",
                   (long long)earliest_ms, (long long)(earliest_ms - promised_ms));
}

/* After opening: at least `durable_min` must be there, and all of it must be right. */
static void check_recovered(struct store_run *run, uint64_t durable_min)
{
  uint64_t prefix = store_appended(run->store) - (run->dropped ? 1 : 0);
  if (prefix < durable_min || prefix > run->model.appended)
    store_run_fail(run, "recovered up to %llu", (unsigned long long)prefix);
  store_run_tell(run, "recovered %llu, %llu were durable", (unsigned long long)prefix,
                 (unsigned long long)run->durable);
  take_prefix(run, prefix);
  RUN_CHECK(run, store_durable(run->store) >= prefix);
  run->durable = run->durable_before = store_durable(run->store);
  run->confirmed = run->died = false;
  run->totals->recoveries++;
  store_check_state(run, run->store, run->model.tables);
  if (!store_run_troubled(run) && !run->damaged) check_window(run);
  store_check_tokens(run);
}

static void open_store(struct store_run *run)
{
  run->dropped = false;
  run->died = false;
  while (!try_to_open(run)) continue;
  check_recovered(run, run->durable);
}

/* ---- dying ---- */

static void count_snapshots(struct store_run *run)
{
  struct store_statistics statistics;
  store_statistics(run->store, &statistics);
  run->totals->snapshots += statistics.snapshots;
}

/*
 * The end of a process: closed in order; stopped by a failed write or sync, so that the page cache
 * shows what the disk does not have; or the machine loses power.
 */
static void end_process(struct store_run *run)
{
  struct error error;
  bool orderly = random_below(&run->random, 10) == 0 && !store_run_troubled(run);
  bool killed = run->died && !world_sim_is_dead(run->sim) && random_coin(&run->random);
  count_snapshots(run);
  store_stream_close_all(run);
  if (!orderly && !killed && !world_sim_is_dead(run->sim)) world_sim_crash_after(run->sim, 1);
  bool closed = store_close(run->store, &error);
  run->store = NULL;
  RUN_CHECK(run, run->world->memory.in_use == 0);
  if (closed) {
    run->durable = run->model.appended;
    run->confirmed = true;
    store_run_tell(run, "closed");
  } else if (orderly && !run->full && !world_sim_is_dead(run->sim)) {
    store_run_fail(run, "cannot be closed: %s", error.message);
  }
  free_disk(run);
  if (world_sim_is_dead(run->sim))
    crash(run);
  else
    clear_faults(run);
}

/* ---- living ---- */

static void pass_time(struct store_run *run)
{
  struct random *random = &run->random;
  const int64_t hour_ms = 3600000;
  uint64_t chance = random_below(random, 400);
  if (chance == 0) {
    world_sim_advance_ms(run->sim, (int64_t)random_between(random, 1, 30) * hour_ms);
  } else if (chance < 3) {
    int64_t jump_ms = (int64_t)random_below(random,
                                            (uint64_t)(random_coin(random) ? 4000 : hour_ms));
    world_sim_jump_clock_ms(run->sim, random_coin(random) ? jump_ms : -jump_ms);
  } else if (chance < 15) {
    world_sim_advance_ms(run->sim, (int64_t)random_below(random, 100000));
  } else if (chance < 200) {
    world_sim_advance_ms(run->sim, (int64_t)random_below(random, 20));
  }
}

static void change_fullness(struct store_run *run)
{
  if (!run->full && random_below(&run->random, 200) == 0) fill_disk(run);
  if (!run->full || random_below(&run->random, 20) != 0) return;
  free_disk(run);
  if (store_run_troubled(run)) return;
  store_run_settle(run);
  store_workload_put(run);
}

static void look(struct store_run *run)
{
  uint64_t chance = random_below(&run->random, 200);
  if (chance < 2) store_check_state(run, run->store, run->model.tables);
  if (chance < 12) store_check_some(run);
  if (chance >= 180) store_stream_check(run, chance == 199);
}

static void live(struct store_run *run)
{
  struct random *random = &run->random;
  uint64_t scale = random_between(random, 1, 10);
  uint64_t actions = random_between(random, 3, 10 * scale);
  if (random_below(random, 3) > 0)
    world_sim_crash_after(run->sim, random_between(random, 1, 20 * scale));
  if (random_below(random, 12) == 0) arm_error(run, 20);
  for (uint64_t i = 0; i < actions && !store_run_dead(run); i++) {
    if (store_snapshot_busy(run->store) || run->stalled)
      run->stalled = random_below(random, 12) < (run->stalled ? 11 : 1);
    if (random_below(random, 10) == 0)
      store_tables_act(run);
    else
      store_workload_act(run);
    if (random_below(random, 3) == 0) (void)store_run_tick(run);
    if (random_below(random, 2) == 0) store_flush(run->store);
    store_run_steps(run, random_below(random, 8));
    pass_time(run);
    change_fullness(run);
    if (!store_run_dead(run)) look(run);
  }
  run->stalled = false;
  if (!store_run_dead(run) && random_below(random, 8) == 0) store_run_settle(run);
}

/* ---- bit flips ---- */

struct file_choice {
  struct random *random;
  uint32_t count;
  char path[256];
  char newest[256]; /* log segment */
};

/* Each file is as likely as another one: small ones matter as well. */
static void choose_file(void *context, const char *path, uint64_t size)
{
  struct file_choice *choice = context;
  if (strncmp(path, STORE_RUN_DIRECTORY "/", strlen(STORE_RUN_DIRECTORY "/")) != 0 || size == 0)
    return;
  if (random_below(choice->random, ++choice->count) == 0) strcpy(choice->path, path);
  if (strstr(path, ".seg") != NULL && strcmp(path, choice->newest) > 0)
    strcpy(choice->newest, path);
}

static uint8_t read_byte(struct store_run *run, const char *path, uint64_t offset)
{
  const struct world_operations *operations = run->world->operations;
  uint8_t byte = 0;
  int file = operations->file_open(run->world, path, WORLD_OPEN_READ);
  if (file < 0) return 0;
  (void)operations->file_read(run->world, file, &byte, 1, offset);
  operations->file_close(run->world, file);
  return byte;
}

/* Flips a bit, mostly where something was written; false when there is nothing to flip. */
static bool flip(struct store_run *run, struct world_sim_place *place)
{
  struct file_choice choice = {.random = &run->random};
  world_sim_visit_files(run->sim, choose_file, &choice);
  RUN_CHECK(run, choice.count > 0);
  bool newest = choice.newest[0] != 0 && random_below(&run->random, 3) == 0;
  for (int tries = 40; tries > 0; tries--) {
    if (!world_sim_flip_random(run->sim, newest ? choice.newest : choice.path, place)) return false;
    if (read_byte(run, place->path, place->offset) != 1 << place->bit) return true;
    RUN_CHECK(run, world_sim_flip(run->sim, place->path, place->offset, place->bit) == 0);
  }
  return false;
}

/* Turns the bit back, unless the file was cut or made anew meanwhile. */
static void flip_back(struct store_run *run, const struct world_sim_place *place, uint8_t damaged)
{
  if (read_byte(run, place->path, place->offset) == damaged)
    (void)world_sim_flip(run->sim, place->path, place->offset, place->bit);
}

/* What may be lost: the records of the last frame before it was confirmed (log_format.h, L7). */
static void check_loss(struct store_run *run, const struct world_sim_place *place)
{
  uint64_t prefix = store_appended(run->store) - (run->dropped ? 1 : 0);
  if (prefix >= run->durable) return;
  bool log_file = strstr(place->path, ".seg") != NULL;
  if (run->confirmed || !log_file || prefix != run->durable_before)
    store_run_fail(run, "a flipped bit of %s at offset %llu loses the records from %llu on",
                   place->path, (unsigned long long)place->offset, (unsigned long long)prefix + 1);
  run->totals->flips_lost++;
  run->durable = prefix;
  for (uint32_t i = 0; i < MODEL_TABLES; i++)
    if (run->streams[i].after > prefix) run->streams[i].after = prefix;
}

/*
 * One flipped bit, the store closed. Either it refuses to open and names the file, then the bit is
 * turned back and everything must be there; or it opens, and everything is there.
 */
static void meet_flip(struct store_run *run)
{
  struct world_sim_place place;
  struct error error;
  if (!flip(run, &place)) return;
  uint8_t damaged = read_byte(run, place.path, place.offset);
  run->totals->flips++;
  run->dropped = false;
  run->damaged = true;
  run->store = store_open(run->world, &run->options, &error);
  store_run_tell(run, "flip of %s at %llu: %s", place.path, (unsigned long long)place.offset,
                 run->store == NULL ? error.message : "opens");
  if (run->store != NULL) {
    check_loss(run, &place);
    check_recovered(run, run->durable);
    end_process(run);
  } else {
    if (error.code != ERROR_CORRUPT || strstr(error.message, STORE_RUN_DIRECTORY "/") == NULL)
      store_run_fail(run, "a flipped bit of %s at offset %llu gives %s: %s", place.path,
                     (unsigned long long)place.offset, error_code_name(error.code), error.message);
    run->totals->flips_refused++;
  }
  flip_back(run, &place, damaged);
  run->damaged = false;
}

/* ---- a whole run ---- */

static void create(struct store_run *run)
{
  run->sim = world_sim_new(random_u64(&run->random));
  run->world = world_sim_world(run->sim);
  struct world_sim_settings *settings = world_sim_settings(run->sim);
  settings->slow_sync_per_million = 5000;
  settings->write_back_per_million = (uint32_t)random_below(&run->random, 500000);
  arena_init(&run->arena, &run->memory);
  arena_init(&run->constant, &run->memory);
  store_workload_compile(run);
  choose_options(run);
  run->created_ms = INT64_MAX;
  open_store(run);
  run->created_ms = world_clock_ms(run->world);
  do {
    store_tables_create(run);
  } while (random_coin(&run->random));
}

static void destroy(struct store_run *run)
{
  struct error error;
  if (run->store != NULL) {
    count_snapshots(run);
    store_stream_close_all(run);
    RUN_CHECK(run, store_close(run->store, &error) || store_run_troubled(run) || run->full);
  }
  RUN_CHECK(run, run->world->memory.in_use == 0);
  arena_free(&run->arena);
  arena_free(&run->constant);
  RUN_CHECK(run, run->memory.in_use == 0);
  store_model_free(&run->model);
  world_sim_free(run->sim);
}

void store_life_whole(uint64_t seed, uint32_t lives, bool verbose, struct store_run_totals *totals)
{
  struct store_run run = {.seed = seed, .verbose = verbose, .totals = totals};
  random_init(&run.random, seed);
  create(&run);
  for (uint32_t i = 0; i < lives; i++) {
    live(&run);
    end_process(&run);
    if (random_below(&run.random, 2) == 0) meet_flip(&run);
    open_store(&run);
    if (random_below(&run.random, 20) != 0 || store_run_troubled(&run)) continue;
    store_tables_back_up(&run);
    store_stream_check(&run, true);
  }
  destroy(&run);
}
