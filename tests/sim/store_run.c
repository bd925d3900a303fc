#include "sim/store_run.h"

#include "base/check.h"
#include "store/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- telling ---- */

void store_run_fail(const struct store_run *run, const char *format, ...)
{
  va_list arguments;
  fprintf(stderr, "\nsim_store: seed %llu, crash %llu, sequences %llu durable, %llu appended: ",
          (unsigned long long)run->seed, (unsigned long long)run->crashes,
          (unsigned long long)run->durable, (unsigned long long)run->model.appended);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "\nreplay: make sim SEED=%llu\n", (unsigned long long)run->seed);
  exit(1);
}

void store_run_tell(const struct store_run *run, const char *format, ...)
{
  if (!run->verbose) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "  [%llu] ", (unsigned long long)run->model.appended);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

/* ---- names and state ---- */

struct bytes store_run_table_name(uint32_t position)
{
  static const char names[MODEL_TABLES][8] = {"table-0", "table-1", "table-2", "table-3",
                                              "table-4"};
  return bytes_of_text(names[position]);
}

struct bytes store_run_index_name(uint32_t number)
{
  static const char names[4][8] = {"index-0", "index-1", "index-2", "index-3"};
  return bytes_of_text(names[number]);
}

struct table *store_run_table(const struct store_run *run, uint32_t position)
{
  const struct model_table *wanted = &run->model.tables[position];
  if (!wanted->exists || wanted->restoring) return NULL;
  struct table *table = store_table(run->store, store_run_table_name(position));
  RUN_CHECK(run, table != NULL);
  return table;
}

int64_t store_run_now_ms(const struct store_run *run)
{
  int64_t now_ms = world_clock_ms(run->world);
  if (run->model.appended == 0) return now_ms;
  int64_t last_ms = store_model_record(&run->model, run->model.appended)->time_high_ms;
  return now_ms > last_ms ? now_ms : last_ms;
}

static void see_time(struct store_run *run, int64_t now_ms)
{
  if (now_ms > run->now_max_ms) run->now_max_ms = now_ms;
}

void store_run_appended(struct store_run *run)
{
  int64_t now_ms = store_run_now_ms(run);
  int64_t low_ms = now_ms;
  if (run->model.appended > 0 && now_ms > world_clock_ms(run->world)) {
    low_ms = store_model_record(&run->model, run->model.appended)->time_ms;
    if (low_ms < world_clock_ms(run->world)) low_ms = world_clock_ms(run->world);
  }
  see_time(run, now_ms);
  run->confirmed = false;
  store_model_append(&run->model, low_ms, now_ms);
  run->totals->commits++;
}

const struct model_change *store_run_token(const struct store_run *run, uint32_t token, bool *clear)
{
  const struct model_change *change = store_model_token(&run->model, token, store_run_now_ms(run));
  *clear = change == NULL || store_model_token(&run->model, token, run->now_max_ms) == change;
  return change;
}

bool store_run_dead(const struct store_run *run)
{
  return run->died || world_sim_is_dead(run->sim);
}

bool store_run_troubled(const struct store_run *run)
{
  return run->armed || store_run_dead(run);
}

/* ---- memory that runs out ---- */

void store_run_fail_memory(struct store_run *run)
{
  run->world->memory.fail_at = run->world->memory.calls + random_between(&run->random, 1, 12);
}

bool store_run_heal_memory(struct store_run *run)
{
  struct memory *memory = &run->world->memory;
  bool hit = memory->fail_at != 0 && memory->calls >= memory->fail_at;
  memory->fail_at = 0;
  return hit;
}

/* ---- steps and ticks ---- */

static void see_durable(struct store_run *run)
{
  uint64_t durable = store_durable(run->store);
  RUN_CHECK(run, durable >= run->durable && durable <= run->model.appended);
  if (durable == run->durable) return;
  run->durable_before = run->durable;
  run->durable = durable;
  run->confirmed = false;
}

/* One step; false when there was nothing to do. */
static bool step(struct store_run *run)
{
  bool idle = false;
  struct error error;
  if (!store_step(run->store, &idle, &error)) {
    if (!store_run_troubled(run)) store_run_fail(run, "a step fails: %s", error.message);
    store_run_tell(run, "the process must die: %s", error.message);
    run->died = true;
    return false;
  }
  see_durable(run);
  if (idle && run->durable == run->model.appended) run->confirmed = true;
  return !idle;
}

/* With threads a slow sync of the log does not keep the snapshot from going on. */
static void step_snapshot(struct store_run *run, uint64_t count)
{
  bool idle = false;
  for (uint64_t i = 0; i < count && !idle && run->store->checkpoint.writer != NULL; i++)
    snapshot_writer_step(run->store->checkpoint.writer, &idle);
}

void store_run_steps(struct store_run *run, uint64_t count)
{
  if (run->stalled || random_below(&run->random, 8) == 0) {
    step_snapshot(run, count);
    count = run->stalled ? 0 : count;
  }
  for (uint64_t i = 0; i < count && !store_run_dead(run); i++)
    if (!step(run)) return;
}

/* The store deletes what has expired: the model finds out which items are gone. */
static void see_expired(struct store_run *run, uint32_t position, uint64_t appended,
                        int64_t before_ms)
{
  const struct model_table *wanted = &run->model.tables[position];
  const struct table *table = store_run_table(run, position);
  if (table == NULL || !wanted->ttl) return;
  uint32_t sorts = store_model_sorts(wanted);
  for (uint32_t key = 0; key < MODEL_ITEMS; key++) {
    const struct model_item *item = &wanted->items[key];
    if (!item->present || (item->attributes & MODEL_DUE) == 0) continue;
    if (item->due_s > store_run_now_ms(run) / 1000) continue;
    struct value sort = VALUE_NONE;
    if (sorts > 1) sort = store_model_key_value(wanted->sort_type, key % sorts, &run->arena);
    struct value partition = store_model_key_value(wanted->partition_type, key / sorts,
                                                   &run->arena);
    if (value_present(store_find(table, partition, sort))) continue;
    RUN_CHECK(run, run->model.appended < appended);
    store_model_append(&run->model, before_ms, store_run_now_ms(run));
    store_model_change_item(&run->model, position, key, &(struct model_item){0}, true);
  }
}

/* The table that is being restored is ready, or was given up. */
static void see_restored(struct store_run *run, int64_t before_ms)
{
  struct model_table after = run->model.tables[run->restore_table];
  const struct table *table = store_table(run->store, store_run_table_name(run->restore_table));
  struct table_description description = {.state = TABLE_CREATING};
  if (table != NULL) store_table_describe(table, &description);
  if (table != NULL && description.state == TABLE_CREATING) return;
  run->restoring = false;
  store_model_append(&run->model, before_ms, store_run_now_ms(run));
  if (table == NULL) {
    store_run_tell(run, "the restore of table %u was given up", run->restore_table);
    after.exists = after.restoring = false;
    memset(after.items, 0, sizeof after.items);
  } else {
    struct model_table tables[MODEL_TABLES];
    store_model_state_at(&run->model, run->restore_from, tables);
    memcpy(after.items, tables[run->restore_source].items, sizeof after.items);
    after.restoring = false;
    run->totals->restores++;
  }
  store_model_change_table(&run->model, run->restore_table, &after);
}

bool store_run_tick(struct store_run *run)
{
  int64_t before_ms = store_run_now_ms(run);
  uint64_t first = run->model.appended + 1;
  bool more = store_tick(run->store);
  see_time(run, store_run_now_ms(run));
  uint64_t appended = store_appended(run->store);
  see_durable(run);
  if (appended < first) return more;
  run->confirmed = false;
  for (uint32_t position = 0; position < MODEL_TABLES; position++)
    see_expired(run, position, appended, before_ms);
  arena_reset(&run->arena);
  if (run->restoring) see_restored(run, before_ms);
  RUN_CHECK(run, run->model.appended <= appended);
  /* What is left changed nothing that is visible: an index is filled, a restore goes on. */
  while (run->model.appended < appended)
    store_model_append(&run->model, before_ms, store_run_now_ms(run));
  if (appended > first) store_model_group(&run->model, first);
  return more;
}

void store_run_settle(struct store_run *run)
{
  for (int rounds = 0; rounds < 1000 && !store_run_dead(run); rounds++) {
    bool more = store_run_tick(run);
    uint64_t steps = 0;
    while (!store_run_dead(run) && step(run)) steps++;
    if (!more && steps == 0 && run->durable == run->model.appended) return;
  }
  /* On a full disk it goes on trying to make the next segment. */
  if (!store_run_troubled(run) && !run->full) store_run_fail(run, "the store never comes to rest");
}
