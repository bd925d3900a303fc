#include "unit/store/durability_fixture.h"

#include <stdlib.h>

static void collect_report(void *context, const char *message)
{
  struct durability *test = context;
  size_t used = strlen(test->reports);
  snprintf(test->reports + used, sizeof test->reports - used, "%s\n", message);
}

void durability_begin(struct durability *test, uint64_t seed)
{
  *test = (struct durability){.seed = seed};
  test->sim = world_sim_new(test->seed);
  test->world = world_sim_world(test->sim);
  world_sim_settings(test->sim)->slow_sync_per_million = 0;
  world_sim_advance_ms(test->sim, 1000);
  random_init(&test->random, test->seed);
  arena_init(&test->arena, &test->world->memory);
  test->options = (struct store_options){
      .directory = "/data",
      .segment_bytes = LOG_SEGMENT_BYTES_MIN,
      .region_bytes = 256 << 10,
      .report = collect_report,
      .report_context = test,
  };
}

void durability_end(struct durability *test)
{
  if (test->store != NULL) durability_close(test);
  arena_free(&test->arena);
  assert_int_equal(test->world->memory.in_use, 0);
  world_sim_free(test->sim);
}

bool durability_try_open(struct durability *test)
{
  assert_null(test->store);
  test->reports[0] = 0;
  test->store = store_open(test->world, &test->options, &test->error);
  return test->store != NULL;
}

void durability_open(struct durability *test)
{
  if (!durability_try_open(test)) fail_msg("store_open: %s", test->error.message);
}

void durability_close(struct durability *test)
{
  if (!store_close(test->store, &test->error)) fail_msg("store_close: %s", test->error.message);
  test->store = NULL;
}

void durability_crash(struct durability *test, enum world_sim_crash mode)
{
  if (!world_sim_is_dead(test->sim)) world_sim_crash_after(test->sim, 1);
  if (test->store != NULL) (void)store_close(test->store, &test->error);
  test->store = NULL;
  world_sim_crash(test->sim, mode);
}

void durability_sync(struct durability *test)
{
  if (!store_sync(test->store, &test->error)) fail_msg("store_sync: %s", test->error.message);
}

void durability_turn(struct durability *test)
{
  (void)store_tick(test->store);
  for (int i = 0; i < 4; i++) {
    bool idle;
    if (!store_step(test->store, &idle, &test->error) || idle) break;
  }
}

void durability_work(struct durability *test)
{
  for (int turn = 0; turn < 1000000; turn++) {
    bool idle = true;
    bool more = store_tick(test->store);
    if (!store_step(test->store, &idle, &test->error)) return;
    if (!more && idle && !store_tick(test->store)) return;
  }
  fail_msg("the store is never idle");
}

void durability_snapshot(struct durability *test)
{
  struct store_statistics before;
  struct store_statistics after;
  while (store_snapshot_busy(test->store)) durability_turn(test);
  store_statistics(test->store, &before);
  assert_int_equal(store_snapshot_begin(test->store, &test->error), STORE_OK);
  while (store_snapshot_busy(test->store)) durability_turn(test);
  store_statistics(test->store, &after);
  assert_int_equal(after.snapshots, before.snapshots + 1);
}

static struct bytes text_of(const char *text)
{
  return bytes_of((const uint8_t *)text, strlen(text));
}

struct table *durability_table(struct durability *test, const char *name, bool index)
{
  struct table_index_definition by_group = {
      .name = BYTES("by_group"),
      .partition = {BYTES("g"), VALUE_STRING},
      .sort = {BYTES("v"), VALUE_NUMBER},
  };
  struct table_definition definition = {
      .name = text_of(name),
      .partition = {BYTES("k"), VALUE_STRING},
      .indexes = &by_group,
      .index_count = index ? 1 : 0,
  };
  struct table *table = NULL;
  if (store_table_create(test->store, &definition, &table, &test->error) != STORE_OK)
    fail_msg("store_table_create: %s", test->error.message);
  return table;
}

struct table *durability_find(struct durability *test, const char *name)
{
  struct table *table = store_table(test->store, text_of(name));
  assert_non_null(table);
  return table;
}

static struct value make_item(struct durability *test, uint32_t key, int64_t value)
{
  struct buffer buffer;
  struct value item;
  char text[32];
  static const uint8_t zeros[64 << 10];
  buffer_init(&buffer, &test->world->memory);
  struct value_writer writer;
  value_writer_init(&writer, &buffer);
  value_write_begin(&writer, VALUE_MAP);
  snprintf(text, sizeof text, "key-%" PRIu32, key);
  value_write_name(&writer, BYTES("k"));
  value_write_string(&writer, text_of(text));
  if (value > 0) {
    value_write_name(&writer, BYTES("v"));
    value_write_integer(&writer, value);
    snprintf(text, sizeof text, "group-%" PRId64, value % 3);
    value_write_name(&writer, BYTES("g"));
    value_write_string(&writer, text_of(text));
    value_write_name(&writer, BYTES("p"));
    value_write_binary(&writer, bytes_of(zeros, test->padding));
  }
  value_write_end(&writer);
  assert_true(value_writer_finish(&writer, &item, &test->error));
  struct bytes copy = arena_copy(&test->arena, bytes_of(item.data, item.size));
  buffer_free(&buffer);
  return (struct value){copy.data, copy.size};
}

enum store_status durability_try_set(struct durability *test, struct table *table, uint32_t key,
                                     int64_t value)
{
  struct store_write_result result = {0};
  struct store_action action = {
      .kind = value > 0 ? ACTION_PUT : ACTION_DELETE,
      .table = table,
      .item = make_item(test, key, value),
  };
  enum store_status status = store_write(test->store, &action, RETURN_NONE, &test->arena, &result,
                                         &test->error);
  if (status == STORE_OK) test->sequence = result.sequence;
  arena_free(&test->arena);
  return status;
}

void durability_set(struct durability *test, struct table *table, uint32_t key, int64_t value)
{
  enum store_status status = durability_try_set(test, table, key, value);
  if (status == STORE_UNAVAILABLE) {
    /* The next segment is prepared when somebody steps. */
    durability_sync(test);
    durability_work(test);
    status = durability_try_set(test, table, key, value);
  }
  if (status != STORE_OK) fail_msg("store_write: %s", test->error.message);
}

void durability_set_random(struct durability *test, struct table *table,
                           struct durability_state *state)
{
  uint32_t key = (uint32_t)random_below(&test->random, DURABILITY_KEYS);
  int64_t value = (int64_t)random_below(&test->random, 1000000) - 200000;
  if (value < 0) value = 0;
  durability_set(test, table, key, value);
  state->values[key] = value;
}

static int64_t read_value(struct durability *test, struct table *table, uint32_t key)
{
  char text[32];
  int64_t value = 0;
  snprintf(text, sizeof text, "key-%" PRIu32, key);
  struct value partition = value_make_string(&test->arena, text_of(text));
  struct value item = store_find(table, partition, VALUE_NONE);
  if (value_present(item))
    assert_true(value_integer(value_attribute(item, BYTES("v")), &value) && value > 0);
  arena_free(&test->arena);
  return value;
}

bool durability_has_state(struct durability *test, struct table *table,
                          const struct durability_state *state)
{
  struct table_description description;
  uint64_t items = 0;
  for (uint32_t key = 0; key < DURABILITY_KEYS; key++) {
    if (read_value(test, table, key) != state->values[key]) return false;
    if (state->values[key] != 0) items++;
  }
  store_table_describe(table, &description);
  return description.item_count == items;
}

void durability_assert_state(struct durability *test, struct table *table,
                             const struct durability_state *state)
{
  for (uint32_t key = 0; key < DURABILITY_KEYS; key++)
    assert_int_equal(read_value(test, table, key), state->values[key]);
  assert_true(durability_has_state(test, table, state));
}

struct table *durability_restore(struct durability *test, const char *source, int64_t at_ms,
                                 const char *name)
{
  struct table *table = NULL;
  if (store_table_restore(test->store, durability_find(test, source), at_ms, text_of(name), &table,
                          &test->error) != STORE_OK)
    fail_msg("store_table_restore: %s", test->error.message);
  return table;
}

/* ---- files ---- */

struct search {
  const char *directory;
  const char *text;
  char paths[256][64];
  int count;
};

static void visit_file(void *context, const char *path, uint64_t size)
{
  struct search *search = context;
  (void)size;
  size_t length = strlen(search->directory);
  if (strncmp(path, search->directory, length) != 0 || strstr(path, search->text) == NULL) return;
  assert_true(search->count < 256);
  snprintf(search->paths[search->count++], sizeof search->paths[0], "%s", path);
}

static int compare_paths(const void *left, const void *right)
{
  return strcmp(left, right);
}

int durability_count_files(struct durability *test, const char *directory, const char *text)
{
  struct search search = {.directory = directory, .text = text};
  world_sim_visit_files(test->sim, visit_file, &search);
  return search.count;
}

void durability_damage(struct durability *test, const char *text, int nth, uint64_t offset)
{
  struct search search = {.directory = "/", .text = text};
  world_sim_visit_files(test->sim, visit_file, &search);
  qsort(search.paths, (size_t)search.count, sizeof search.paths[0], compare_paths);
  assert_true(nth < search.count);
  assert_int_equal(world_sim_flip(test->sim, search.paths[nth], offset, 3), 0);
}

/* ---- what happened ---- */

void durability_change(struct durability *test, struct table *table,
                       struct durability_history *history)
{
  assert_true(history->count < DURABILITY_CHANGES_MAX);
  uint32_t key = (uint32_t)random_below(&test->random, DURABILITY_KEYS);
  int64_t value = random_below(&test->random, 10) == 0
                      ? 0
                      : (int64_t)random_between(&test->random, 1, 1000000);
  durability_set(test, table, key, value);
  history->changes[history->count++] = (struct durability_change){
      test->sequence, test->store->last_time_ms, key, value};
}

struct durability_state durability_state_at(const struct durability_history *history,
                                            uint64_t sequence)
{
  struct durability_state state = {0};
  for (uint32_t i = 0; i < history->count && history->changes[i].sequence <= sequence; i++)
    state.values[history->changes[i].key] = history->changes[i].value;
  return state;
}

struct durability_state durability_state_at_ms(const struct durability_history *history,
                                               int64_t at_ms)
{
  struct durability_state state = {0};
  for (uint32_t i = 0; i < history->count && history->changes[i].time_ms <= at_ms; i++)
    state.values[history->changes[i].key] = history->changes[i].value;
  return state;
}

/* ---- random tests ---- */

void durability_each_seed(struct durability_replay *replay, uint64_t first, uint64_t count,
                          void (*run)(uint64_t seed))
{
  if (getenv("TACOS_SEED") != NULL) {
    first = random_seed(first);
    count = 1;
  }
  for (uint64_t i = 0; i < count; i++) {
    replay->seed = first + i;
    run(replay->seed);
  }
  replay->seed = 0;
}

int durability_print_replay(void **state)
{
  const struct durability_replay *replay = *state;
  if (replay->seed != 0)
    print_error("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/%s\n", replay->seed,
                replay->program);
  return 0;
}
