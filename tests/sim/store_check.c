#include "base/check.h"
#include "sim/store_run.h"

#include <stdio.h>

static void fail_at(const struct store_run *run, uint32_t position, const char *what,
                    int64_t detail)
{
  store_run_fail(run, "table %u: %s (%lld)", position, what, (long long)detail);
}

/* What an index gives of an item. */
static unsigned projected(const struct model_index *index)
{
  unsigned keys = MODEL_GROUP | (index->has_sort ? MODEL_RANK : 0);
  if (index->projection == PROJECTION_ALL) return MODEL_ALL;
  return index->projection == PROJECTION_INCLUDE ? keys | MODEL_COUNT : keys;
}

static bool same_item(struct store_run *run, const struct model_table *wanted, uint32_t key,
                      unsigned mask, struct value found)
{
  const struct model_item *item = &wanted->items[key];
  if (!item->present) return !value_present(found);
  return value_equal(store_model_item(wanted, key, item, mask, &run->arena), found);
}

static void check_keys(struct store_run *run, const struct table *table, uint32_t position,
                       const struct model_table *wanted)
{
  uint32_t sorts = store_model_sorts(wanted);
  for (uint32_t key = 0; key < sorts * store_model_partitions(wanted); key++) {
    struct value sort = VALUE_NONE;
    if (sorts > 1) sort = store_model_key_value(wanted->sort_type, key % sorts, &run->arena);
    struct value partition = store_model_key_value(wanted->partition_type, key / sorts,
                                                   &run->arena);
    struct value found = store_find(table, partition, sort);
    if (!same_item(run, wanted, key, MODEL_ALL, found)) fail_at(run, position, "item differs", key);
  }
}

/* ---- pages ---- */

/* What the pages of one query or scan gave. */
struct walk {
  struct store_run *run;
  struct store *store;
  uint32_t position;
  const struct model_table *wanted;
  const struct model_index *index; /* NULL: the table */
  bool seen[MODEL_ITEMS];
  uint32_t count;
  uint32_t last;
};

static void check_page(struct walk *walk, const struct store_query *query,
                       const struct store_page *page)
{
  unsigned mask = walk->index == NULL ? MODEL_ALL : projected(walk->index);
  for (uint32_t i = 0; i < page->count; i++) {
    uint32_t key = store_model_find_key(walk->wanted, page->items[i]);
    if (key == MODEL_ITEMS || !walk->wanted->items[key].present)
      fail_at(walk->run, walk->position, "an item that should not be there", key);
    if (!same_item(walk->run, walk->wanted, key, mask, page->items[i]))
      fail_at(walk->run, walk->position, "an item of a page differs", key);
    if (walk->seen[key]) fail_at(walk->run, walk->position, "an item comes twice", key);
    walk->seen[key] = true;
    uint32_t last = walk->last;
    walk->last = key;
    if (walk->count++ == 0 || query->key_condition == NULL) continue;
    const struct model_item *before = &walk->wanted->items[last];
    int64_t order = (int64_t)key - last;
    if (walk->index != NULL)
      order = walk->index->has_sort ? walk->wanted->items[key].rank - before->rank : 0;
    if (query->backward ? order > 0 : order < 0)
      fail_at(walk->run, walk->position, "a query's order is wrong at item", key);
  }
}

static void walk_pages(struct walk *walk, struct store_query *query)
{
  struct store_run *run = walk->run;
  struct error error;
  for (int pages = 0;; pages++) {
    struct store_page page;
    enum store_status status = query->key_condition != NULL
                                   ? store_query(walk->store, query, &run->arena, &page, &error)
                                   : store_scan(walk->store, query, &run->arena, &page, &error);
    if (status != STORE_OK)
      store_run_fail(run, "table %u: a read fails: %s", walk->position, error.message);
    check_page(walk, query, &page);
    query->start_key = page.last_key;
    if (!value_present(page.last_key)) return;
    RUN_CHECK(run, pages <= MODEL_ITEMS);
  }
}

/* In a scan (partition MODEL_ITEMS), a table's partition or an index's group. */
static bool belongs(const struct walk *walk, uint32_t key, uint32_t part)
{
  const struct model_item *item = &walk->wanted->items[key];
  if (walk->index != NULL)
    return store_model_in_index(item, walk->index) && (part == MODEL_ITEMS || item->group == part);
  return item->present && (part == MODEL_ITEMS || key / store_model_sorts(walk->wanted) == part);
}

static void check_walk(struct store_run *run, struct store *store, const struct table *table,
                       uint32_t position, const struct model_table *wanted,
                       const struct model_index *index, uint32_t part)
{
  struct walk walk = {
      .run = run, .store = store, .position = position, .wanted = wanted, .index = index};
  struct value values[SLOTS];
  for (int i = 0; i < SLOTS; i++) values[i] = store_model_group_name(part, &run->arena);
  values[SLOT_PARTITION] = store_model_key_value(wanted->partition_type, part, &run->arena);
  struct store_query query = {.table = table, .values = values};
  if (index != NULL) query.index = store_run_index_name(index->number);
  if (part < MODEL_ITEMS) {
    query.key_condition = index != NULL ? run->by_group : run->by_partition;
    query.backward = random_coin(&run->random);
  }
  if (random_below(&run->random, 4) == 0)
    query.limit = (uint32_t)random_between(&run->random, 1, 9);
  walk_pages(&walk, &query);
  for (uint32_t key = 0; key < MODEL_ITEMS; key++) {
    if (belongs(&walk, key, part) != walk.seen[key])
      store_run_fail(run, "table %u, index %d: %s item %u", position,
                     index == NULL ? -1 : (int)index->number,
                     walk.seen[key] ? "a wrong" : "without", key);
  }
}

/* ---- definitions ---- */

static void check_index_definition(struct store_run *run, uint32_t position,
                                   const struct table_index_definition *found,
                                   const struct model_index *wanted)
{
  if (!bytes_equal(found->name, store_run_index_name(wanted->number)) ||
      !bytes_equal(found->partition.name, BYTES("grp")) ||
      (found->sort.name.size > 0) != wanted->has_sort || found->projection != wanted->projection)
    fail_at(run, position, "index differs", wanted->number);
}

static void check_definition(struct store_run *run, const struct table *table, uint32_t position,
                             const struct model_table *wanted)
{
  struct table_description found;
  store_table_describe(table, &found);
  const struct table_definition *definition = &found.definition;
  if (found.id != wanted->id) fail_at(run, position, "id differs", found.id);
  if (found.created_ms != wanted->created_ms)
    fail_at(run, position, "creation time differs by", found.created_ms - wanted->created_ms);
  if ((found.state == TABLE_CREATING) != wanted->restoring)
    fail_at(run, position, "state differs", found.state);
  if (definition->partition.type != wanted->partition_type ||
      (definition->sort.name.size == 0 ? VALUE_ABSENT : definition->sort.type) != wanted->sort_type)
    fail_at(run, position, "keys differ", definition->partition.type);
  if ((definition->ttl_attribute.size > 0) != wanted->ttl || definition->stream != wanted->stream ||
      definition->deletion_protection != wanted->protection)
    fail_at(run, position, "settings differ", definition->stream);
  if (wanted->stream != STREAM_OFF && found.stream_since != wanted->stream_since)
    fail_at(run, position, "the stream's begin differs", (int64_t)found.stream_since);
  if (definition->index_count != wanted->index_count)
    fail_at(run, position, "number of indexes differs", definition->index_count);
  for (uint32_t i = 0; i < wanted->index_count; i++)
    check_index_definition(run, position, &definition->indexes[i], &wanted->indexes[i]);
  if (!wanted->restoring && found.item_count != store_model_count(wanted))
    fail_at(run, position, "item count differs", (int64_t)found.item_count);
}

static void check_table(struct store_run *run, struct store *store, uint32_t position,
                        const struct model_table *wanted)
{
  const struct table *table = store_table(store, store_run_table_name(position));
  if ((table != NULL) != wanted->exists)
    fail_at(run, position, table != NULL ? "should not exist" : "is gone", wanted->id);
  if (table == NULL) return;
  check_definition(run, table, position, wanted);
  if (wanted->restoring) return;
  check_keys(run, table, position, wanted);
  check_walk(run, store, table, position, wanted, NULL, MODEL_ITEMS);
  uint32_t part = (uint32_t)random_below(&run->random, store_model_partitions(wanted));
  check_walk(run, store, table, position, wanted, NULL, part);
  struct table_description found;
  store_table_describe(table, &found);
  for (uint32_t i = 0; i < wanted->index_count; i++) {
    if (!found.index_active[i]) continue;
    const struct model_index *index = &wanted->indexes[i];
    check_walk(run, store, table, position, wanted, index, MODEL_ITEMS);
    part = (uint32_t)random_below(&run->random, MODEL_GROUPS);
    check_walk(run, store, table, position, wanted, index, part);
  }
  arena_reset(&run->arena);
}

void store_check_state(struct store_run *run, struct store *store, const struct model_table *tables)
{
  uint32_t tables_wanted = 0;
  uint64_t items = 0;
  for (uint32_t position = 0; position < MODEL_TABLES; position++) {
    check_table(run, store, position, &tables[position]);
    tables_wanted += tables[position].exists;
    if (!tables[position].restoring) items += store_model_count(&tables[position]);
  }
  struct bytes name = {NULL, 0};
  uint32_t count = 0;
  for (const struct table *table = store_table_next(store, name); table != NULL;
       table = store_table_next(store, name)) {
    struct table_description description;
    store_table_describe(table, &description);
    name = description.definition.name;
    if (description.state == TABLE_CREATING) items += description.item_count;
    count++;
  }
  RUN_CHECK(run, count == tables_wanted);
  struct store_statistics statistics;
  store_statistics(store, &statistics);
  RUN_CHECK(run, statistics.items == items);
}

void store_check_some(struct store_run *run)
{
  uint32_t position = (uint32_t)random_below(&run->random, MODEL_TABLES);
  check_table(run, run->store, position, &run->model.tables[position]);
}

/* ---- tokens ---- */

/*
 * A check that always fails, under the token and another request: a token that is known gives
 * STORE_TOKEN_MISMATCH, otherwise the condition is looked at. Neither changes anything.
 */
static enum store_status probe_token(struct store_run *run, uint32_t position, uint32_t token)
{
  char text[24];
  struct error error;
  struct store_transact_result result;
  const struct model_table *wanted = &run->model.tables[position];
  uint32_t key = 0;
  bool present = wanted->items[key].present;
  struct value values[SLOTS] = {{NULL, 0}};
  struct store_action action = {
      .kind = ACTION_CHECK,
      .table = store_run_table(run, position),
      .item = store_model_key(wanted, key, &run->arena),
      .condition = run->conditions[present ? CONDITION_ABSENT : CONDITION_EXISTS],
      .values = values,
  };
  snprintf(text, sizeof text, "token-%u", token);
  struct store_token probe = {bytes_of_text(text), UINT64_MAX};
  enum store_status status = store_transact_write(run->store, &action, 1, probe, &run->arena,
                                                  &result, &error);
  arena_reset(&run->arena);
  return status;
}

void store_check_tokens(struct store_run *run)
{
  enum { NEWEST = 16 };
  uint32_t position = 0;
  while (position < MODEL_TABLES && store_run_table(run, position) == NULL) position++;
  if (position == MODEL_TABLES) return;
  for (uint32_t i = 0; i < NEWEST && i < run->token_max; i++) {
    uint32_t token = run->token_max - i;
    bool clear;
    const struct model_change *change = store_run_token(run, token, &clear);
    if (!clear) continue;
    enum store_status status = probe_token(run, position, token);
    if (status == (change != NULL ? STORE_TOKEN_MISMATCH : STORE_CANCELED)) continue;
    store_run_fail(run, "token %u is %s: %s", token, change != NULL ? "lost" : "not expected",
                   store_status_name(status));
  }
}
