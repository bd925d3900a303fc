#include "base/check.h"
#include "sim/store_run.h"
#include "store/backup.h"

#include <stdio.h>
#include <string.h>

/* What a call for a table answered: true when it was done. A refusal must have a cause. */
static bool was_done(struct store_run *run, enum store_status status, bool memory_hit,
                     const struct error *error, const char *what)
{
  uint64_t appended = run->model.appended + (status == STORE_OK ? 1 : 0);
  RUN_CHECK(run, store_appended(run->store) == appended);
  if (status == STORE_OK) {
    store_run_appended(run);
    store_run_tell(run, "%s", what);
    return true;
  }
  if (status != STORE_UNAVAILABLE)
    store_run_fail(run, "%s: %s: %s", what, store_status_name(status), error->message);
  run->totals->refused++;
  if (random_coin(&run->random)) store_check_state(run, run->store, run->model.tables);
  if (memory_hit || run->full || store_run_troubled(run)) return false;
  store_run_settle(run);
  return false;
}

static void maybe_fail_memory(struct store_run *run)
{
  if (random_below(&run->random, 8) == 0) store_run_fail_memory(run);
}

static struct model_index random_index(struct store_run *run, const struct model_table *table)
{
  struct model_index index = {
      .has_sort = random_coin(&run->random),
      .projection = (enum table_projection)random_below(&run->random, 3),
  };
  bool taken = true;
  while (taken) {
    index.number = (uint32_t)random_below(&run->random, 4);
    taken = false;
    for (uint32_t i = 0; i < table->index_count; i++)
      taken = taken || table->indexes[i].number == index.number;
  }
  return index;
}

static const struct bytes included[] = {BYTES("cnt")};

static struct table_index_definition index_definition(const struct model_index *index)
{
  struct table_index_definition definition = {
      .name = store_run_index_name(index->number),
      .partition = {BYTES("grp"), VALUE_STRING},
      .projection = index->projection,
  };
  if (index->has_sort) definition.sort = (struct table_key){BYTES("rnk"), VALUE_NUMBER};
  if (index->projection == PROJECTION_INCLUDE) {
    definition.include = included;
    definition.include_count = 1;
  }
  return definition;
}

static struct model_table random_table(struct store_run *run)
{
  struct random *random = &run->random;
  struct model_table table = {
      .exists = true,
      .partition_type = (enum value_type)random_between(random, VALUE_STRING, VALUE_BINARY),
      .ttl = random_coin(random),
      .protection = random_below(random, 8) == 0,
      .stream = (enum table_stream)random_below(random, STREAM_NEW_AND_OLD_IMAGES + 1),
  };
  if (random_coin(random))
    table.sort_type = (enum value_type)random_between(random, VALUE_STRING, VALUE_BINARY);
  for (uint64_t count = random_below(random, MODEL_INDEXES + 1); count > 0; count--) {
    table.indexes[table.index_count] = random_index(run, &table);
    table.index_count++;
  }
  return table;
}

/* What is known only once it is made. */
static void take_identity(struct store_run *run, struct model_table *made,
                          const struct table *table)
{
  struct table_description description;
  const struct model_record *record = store_model_record(&run->model, run->model.appended);
  store_table_describe(table, &description);
  RUN_CHECK(run, description.id > run->model.table_id_max);
  RUN_CHECK(run, description.created_ms >= record->time_ms &&
                     description.created_ms <= record->time_high_ms);
  made->id = description.id;
  made->created_ms = description.created_ms;
}

/* A position without a table, or MODEL_TABLES. */
static uint32_t free_position(struct store_run *run)
{
  uint32_t start = (uint32_t)random_below(&run->random, MODEL_TABLES);
  for (uint32_t i = 0; i < MODEL_TABLES; i++) {
    uint32_t position = (start + i) % MODEL_TABLES;
    if (!run->model.tables[position].exists) return position;
  }
  return MODEL_TABLES;
}

void store_tables_create(struct store_run *run)
{
  struct error error;
  struct table *table;
  struct table_index_definition indexes[MODEL_INDEXES];
  uint32_t position = free_position(run);
  if (position == MODEL_TABLES) return;
  struct model_table made = random_table(run);
  for (uint32_t i = 0; i < made.index_count; i++) indexes[i] = index_definition(&made.indexes[i]);
  struct table_definition definition = {
      .name = store_run_table_name(position),
      .partition = {BYTES("pk"), made.partition_type},
      .indexes = indexes,
      .index_count = made.index_count,
      .stream = made.stream,
      .deletion_protection = made.protection,
  };
  if (made.ttl) definition.ttl_attribute = BYTES("due");
  if (made.sort_type != VALUE_ABSENT)
    definition.sort = (struct table_key){BYTES("sk"), made.sort_type};
  maybe_fail_memory(run);
  enum store_status status = store_table_create(run->store, &definition, &table, &error);
  bool hit = store_run_heal_memory(run);
  if (!was_done(run, status, hit, &error, "create a table")) return;
  take_identity(run, &made, table);
  made.stream_since = run->model.appended;
  store_model_change_table(&run->model, position, &made);
}

static void close_stream(struct store_run *run, uint32_t position)
{
  store_stream_close(run->streams[position].stream);
  run->streams[position].stream = NULL;
}

static void delete_table(struct store_run *run, uint32_t position)
{
  struct error error;
  struct model_table after = {0};
  maybe_fail_memory(run);
  enum store_status status = store_table_delete(run->store, store_run_table(run, position), &error);
  bool hit = store_run_heal_memory(run);
  if (run->model.tables[position].protection) {
    RUN_CHECK(run, status == STORE_VALIDATION);
    return;
  }
  if (!was_done(run, status, hit, &error, "delete a table")) return;
  close_stream(run, position);
  store_model_change_table(&run->model, position, &after);
}

static void change_settings(struct store_run *run, uint32_t position)
{
  struct error error;
  struct model_table after = run->model.tables[position];
  after.ttl = random_coin(&run->random);
  after.protection = random_below(&run->random, 8) == 0;
  if (random_coin(&run->random))
    after.stream = (enum table_stream)random_below(&run->random, STREAM_NEW_AND_OLD_IMAGES + 1);
  struct table_settings settings = {
      .ttl_attribute = after.ttl ? BYTES("due") : (struct bytes){NULL, 0},
      .stream = after.stream,
      .deletion_protection = after.protection,
  };
  maybe_fail_memory(run);
  enum store_status status = store_table_update(run->store, store_run_table(run, position),
                                                &settings, &error);
  bool hit = store_run_heal_memory(run);
  if (!was_done(run, status, hit, &error, "change settings")) return;
  if (after.stream != run->model.tables[position].stream) {
    after.stream_since = run->model.appended;
    close_stream(run, position);
  }
  store_model_change_table(&run->model, position, &after);
}

static void create_index(struct store_run *run, uint32_t position)
{
  struct error error;
  struct model_table after = run->model.tables[position];
  if (after.index_count == MODEL_INDEXES) return;
  struct model_index index = random_index(run, &after);
  struct table_index_definition definition = index_definition(&index);
  maybe_fail_memory(run);
  enum store_status status = store_index_create(run->store, store_run_table(run, position),
                                                &definition, &error);
  bool hit = store_run_heal_memory(run);
  if (!was_done(run, status, hit, &error, "create an index")) return;
  after.indexes[after.index_count++] = index;
  store_model_change_table(&run->model, position, &after);
}

static void delete_index(struct store_run *run, uint32_t position)
{
  struct error error;
  struct model_table after = run->model.tables[position];
  if (after.index_count == 0) return;
  uint32_t which = (uint32_t)random_below(&run->random, after.index_count);
  struct bytes name = store_run_index_name(after.indexes[which].number);
  maybe_fail_memory(run);
  enum store_status status = store_index_delete(run->store, store_run_table(run, position), name,
                                                &error);
  bool hit = store_run_heal_memory(run);
  if (!was_done(run, status, hit, &error, "delete an index")) return;
  after.index_count--;
  memmove(&after.indexes[which], &after.indexes[which + 1],
          (after.index_count - which) * sizeof after.indexes[0]);
  store_model_change_table(&run->model, position, &after);
}

/* ---- time travel ---- */

/* A moment inside the window whose state is known; false when there is none at hand. */
static bool choose_moment(struct store_run *run, uint32_t source, int64_t *at_ms,
                          uint64_t *sequence)
{
  int64_t earliest_ms;
  int64_t latest_ms;
  store_restore_window(run->store, &earliest_ms, &latest_ms);
  if (earliest_ms > latest_ms || run->model.appended == 0) return false;
  uint64_t recent = run->model.appended > 200 ? run->model.appended - 200 : 1;
  uint64_t near = random_between(&run->random, recent, run->model.appended);
  *at_ms = store_model_record(&run->model, near)->time_high_ms +
           (int64_t)random_below(&run->random, 3) - 1;
  if (*at_ms < earliest_ms) *at_ms = earliest_ms;
  if (*at_ms > latest_ms) *at_ms = latest_ms;
  struct model_table tables[MODEL_TABLES];
  if (!store_model_sequence_at(&run->model, *at_ms, sequence)) return false;
  store_model_state_at(&run->model, *sequence, tables);
  const struct model_table *then = &tables[source];
  return then->exists && !then->restoring && then->id == run->model.tables[source].id;
}

static void restore(struct store_run *run, uint32_t source)
{
  struct error error;
  struct table *table;
  int64_t at_ms;
  uint64_t sequence;
  uint32_t position = free_position(run);
  if (position == MODEL_TABLES || run->restoring || run->armed) return;
  if (!choose_moment(run, source, &at_ms, &sequence)) return;
  maybe_fail_memory(run);
  enum store_status status = store_table_restore(run->store, store_run_table(run, source), at_ms,
                                                 store_run_table_name(position), &table, &error);
  bool hit = store_run_heal_memory(run);
  if (!was_done(run, status, hit, &error, "restore a table")) return;
  struct model_table made = run->model.tables[source];
  made.restoring = true;
  made.ttl = made.protection = false;
  made.stream = STREAM_OFF;
  memset(made.items, 0, sizeof made.items);
  take_identity(run, &made, table);
  run->restoring = true;
  run->restore_table = position;
  run->restore_source = source;
  run->restore_from = sequence;
  store_model_change_table(&run->model, position, &made);
}

static void begin_snapshot(struct store_run *run)
{
  struct error error;
  if (random_below(&run->random, 5) == 0) store_run_fail_memory(run);
  enum store_status status = store_snapshot_begin(run->store, &error);
  bool hit = store_run_heal_memory(run);
  RUN_CHECK(run, status == STORE_OK || (status == STORE_UNAVAILABLE && hit));
}

void store_tables_act(struct store_run *run)
{
  uint32_t position = (uint32_t)random_below(&run->random, MODEL_TABLES);
  uint64_t chance = random_below(&run->random, 20);
  if (chance < 4) {
    begin_snapshot(run);
  } else if (store_run_table(run, position) == NULL) {
    store_tables_create(run);
  } else if (chance < 5) {
    delete_table(run, position);
  } else if (chance < 8) {
    change_settings(run, position);
  } else if (chance < 12) {
    create_index(run, position);
  } else if (chance < 15) {
    delete_index(run, position);
  } else {
    restore(run, position);
  }
  arena_reset(&run->arena);
}

/* ---- backups ---- */

/* Opens what was restored from a backup: it must be the state after record `sequence`. */
static void check_copy(struct store_run *run, const char *directory, uint64_t sequence)
{
  struct store_options options = run->options;
  struct model_table tables[MODEL_TABLES];
  struct error error;
  options.directory = directory;
  options.report = NULL;
  struct store *copy = store_open(run->world, &options, &error);
  if (copy == NULL) {
    RUN_CHECK(run, store_run_troubled(run) || run->full);
    return;
  }
  bool clear = sequence == 0 || store_model_record(&run->model, sequence)->group_last == sequence;
  store_model_state_at(&run->model, sequence, tables);
  uint64_t dropped = 0;
  for (uint32_t i = 0; i < MODEL_TABLES; i++) {
    if (!tables[i].restoring) continue;
    dropped++;
    tables[i] = (struct model_table){0};
  }
  if (clear) {
    RUN_CHECK(run, store_appended(copy) == sequence + dropped);
    store_check_state(run, copy, tables);
  }
  (void)store_close(copy, &error);
}

/* True when it was done. A backup whose end the log no longer has is left, a new one begins. */
static bool back_up(struct store_run *run, struct backup_options *options, char *target,
                    struct backup_result *result)
{
  struct error error;
  options->target = target;
  bool begun = run->backups == 0 || random_below(&run->random, 3) == 0;
  do {
    run->backups += begun ? 1 : 0;
    sprintf(target, "/backup-%u", run->backups);
    if (backup_run(run->world, options, result, &error)) return true;
    if (store_run_troubled(run) || run->full) return false;
    if (begun || error.code != ERROR_NOT_FOUND)
      store_run_fail(run, "a backup fails: %s", error.message);
    begun = true;
  } while (true);
}

/* A moment among the newest records up to `last`; false when what came before it is not clear. */
static bool choose_time(struct store_run *run, uint64_t last, int64_t *at_ms, uint64_t *sequence)
{
  if (last == 0) return false;
  uint64_t recent = last > 100 ? last - 100 : 1;
  uint64_t near = random_between(&run->random, recent, last);
  int64_t time_ms = store_model_record(&run->model, near)->time_high_ms;
  uint64_t found;
  if (!store_model_sequence_at(&run->model, time_ms, &found)) return false;
  *at_ms = time_ms;
  *sequence = found < last ? found : last;
  return true;
}

void store_tables_back_up(struct store_run *run)
{
  char backup[32];
  char restored[32];
  struct backup_result result;
  struct error error;
  uint64_t durable = store_durable(run->store);
  struct backup_options options = {
      .source = STORE_RUN_DIRECTORY,
      .key = run->options.key,
      .segment_bytes = run->options.segment_bytes,
      .at_ms = INT64_MAX,
  };
  if (!back_up(run, &options, backup, &result)) return;
  RUN_CHECK(run, result.last_sequence >= durable && result.last_sequence <= run->model.appended);
  sprintf(restored, "/restored-%u", run->restored++);
  options.source = backup;
  options.target = restored;
  uint64_t sequence = result.last_sequence;
  bool earlier = random_coin(&run->random) && choose_time(run, sequence, &options.at_ms, &sequence);
  bool done = backup_restore(run->world, &options, &result, &error);
  if (!done && !store_run_troubled(run) && !run->full &&
      !(earlier && error.code == ERROR_NOT_FOUND))
    store_run_fail(run, "a backup cannot be restored: %s", error.message);
  if (!done) return;
  run->totals->backups++;
  check_copy(run, restored, sequence);
}
