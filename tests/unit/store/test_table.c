#include "store/table.h"

#include "sim/random.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { REGION_BYTES = 256 << 10, IDS = 6, TIMES = 60, STEPS = 4000, TRANSACTION_MAX = 20 };

#define KEY(text, value_type) ((struct table_key){BYTES(text), value_type})

static const struct bytes included[] = {{(const uint8_t *)"row", 3}, {(const uint8_t *)"seat", 4}};

static const struct table_index_definition index_definitions[] = {
    {.name = {(const uint8_t *)"owners", 6},
     .partition = {{(const uint8_t *)"owner", 5}, VALUE_STRING},
     .sort = {{(const uint8_t *)"price", 5}, VALUE_NUMBER},
     .projection = PROJECTION_INCLUDE,
     .include = included,
     .include_count = 2},
    {.name = {(const uint8_t *)"times", 5},
     .partition = {{(const uint8_t *)"at", 2}, VALUE_NUMBER}},
    {.name = {(const uint8_t *)"prices", 6},
     .partition = {{(const uint8_t *)"price", 5}, VALUE_NUMBER},
     .sort = {{(const uint8_t *)"id", 2}, VALUE_STRING},
     .projection = PROJECTION_KEYS_ONLY},
};

static struct table_definition definition_of(uint32_t index_count)
{
  return (struct table_definition){
      .name = BYTES("seats"),
      .partition = KEY("id", VALUE_STRING),
      .sort = KEY("at", VALUE_NUMBER),
      .indexes = index_definitions,
      .index_count = index_count,
      .ttl_attribute = BYTES("until"),
      .stream = STREAM_NEW_IMAGE,
      .deletion_protection = true,
  };
}

/* What the table must hold: version 0 is no item. */
struct model_item {
  uint32_t version;
  int owner; /* below 0: absent */
  int price;
};

struct fixture {
  struct memory memory;
  struct heap heap;
  struct random random;
  struct table *table;
  struct buffer text;
  struct model_item model[IDS][TIMES];
};

static void fixture_open(struct fixture *fixture, uint64_t seed, uint32_t index_count)
{
  *fixture = (struct fixture){0};
  random_init(&fixture->random, seed);
  heap_init(&fixture->heap, &fixture->memory, REGION_BYTES);
  buffer_init(&fixture->text, &fixture->memory);
  assert_true(buffer_reserve(&fixture->text, 4096));
  struct table_origin origin = {&fixture->memory, &fixture->heap, 3};
  struct table_definition definition = definition_of(index_count);
  fixture->table = table_make(&origin, 5, &definition);
  assert_non_null(fixture->table);
}

static void release(void *context, struct item *item)
{
  table_free_item(context, item);
}

static void fixture_close(struct fixture *fixture)
{
  struct table *table = fixture->table;
  for (uint32_t i = 0; i < table->index_count; i++) {
    uint64_t from = 0;
    size_t budget = SIZE_MAX;
    assert_true(keyspace_drain(&table->indexes[i]->keyspace, &from, NULL, NULL, &budget));
  }
  uint64_t from = 0;
  size_t budget = SIZE_MAX;
  assert_true(keyspace_drain(&table->primary, &from, release, table, &budget));
  table_free(table);
  assert_int_equal(fixture->heap.in_use, 0);
  buffer_free(&fixture->text);
  heap_free_all(&fixture->heap);
  assert_int_equal(fixture->memory.in_use, 0);
}

/* In fixture->text, which is large enough: no allocation. */
static struct value write_map(struct fixture *fixture, int id, int time,
                              const struct model_item *item)
{
  struct value_writer writer;
  struct value map;
  struct error error;
  char text[32];
  buffer_clear(&fixture->text);
  value_writer_init(&writer, &fixture->text);
  value_write_begin(&writer, VALUE_MAP);
  value_write_name(&writer, BYTES("id"));
  snprintf(text, sizeof text, "event-%d", id);
  value_write_string(&writer, bytes_of_text(text));
  value_write_name(&writer, BYTES("at"));
  value_write_integer(&writer, time);
  if (item != NULL) {
    if (item->owner >= 0) {
      value_write_name(&writer, BYTES("owner"));
      snprintf(text, sizeof text, "owner-%d", item->owner);
      value_write_string(&writer, bytes_of_text(text));
    }
    if (item->price >= 0) {
      value_write_name(&writer, BYTES("price"));
      value_write_integer(&writer, item->price);
    }
    value_write_name(&writer, BYTES("version"));
    value_write_integer(&writer, item->version);
  }
  value_write_end(&writer);
  assert_true(value_writer_finish(&writer, &map, &error));
  return map;
}

static struct item *find(struct fixture *fixture, struct value map)
{
  struct item_key key = table_key(fixture->table, map);
  return table_find(fixture->table, table_hash(fixture->table, key), key);
}

static struct item *find_item(struct fixture *fixture, int id, int time)
{
  return find(fixture, write_map(fixture, id, time, NULL));
}

/* The change to `next` (version 0: delete). new_item stays NULL when there was no memory for it. */
static struct table_change change_to(struct fixture *fixture, int id, int time,
                                     const struct model_item *next)
{
  struct value map = write_map(fixture, id, time, next->version == 0 ? NULL : next);
  struct item_key key = table_key(fixture->table, map);
  struct table_change change = {.table = fixture->table,
                                .hash = table_hash(fixture->table, key),
                                .old_item = find(fixture, map)};
  if (next->version != 0) change.new_item = table_make_item(fixture->table, map, key);
  return change;
}

static struct model_item random_item(struct fixture *fixture, uint32_t version)
{
  struct random *random = &fixture->random;
  return (struct model_item){random_below(random, 3) == 0 ? 0 : version,
                             (int)random_below(random, 4) - 1, (int)random_below(random, 5) - 1};
}

/* ---- what is there ---- */

static bool index_wants(uint32_t index, const struct model_item *item)
{
  if (item->version == 0) return false;
  if (index == 0) return item->owner >= 0 && item->price >= 0;
  return index == 1 || item->price >= 0;
}

static size_t count_items(struct fixture *fixture, const struct keyspace *keyspace)
{
  struct item *items[64];
  struct keyspace_walk walk;
  size_t total = 0;
  bool done = false;
  keyspace_walk_init(&walk, &fixture->memory, 0, UINT64_MAX);
  while (!done) {
    size_t count = 0;
    assert_true(keyspace_walk_next(&walk, keyspace, items, 64, &count, &done));
    total += count;
  }
  keyspace_walk_free(&walk);
  return total;
}

static bool index_holds(const struct table_index *index, const struct item *item)
{
  const struct keyspace *keyspace = &index->keyspace;
  if (!keyspace_covers(keyspace, item)) return false;
  uint64_t hash = keyspace_hash(keyspace, keyspace_partition_of(keyspace, item));
  return keyspace_holds(keyspace, hash, item);
}

/* Table and active indexes hold exactly the model's items. */
static void check_model(struct fixture *fixture)
{
  const struct table *table = fixture->table;
  size_t wanted[1 + TABLE_INDEXES_MAX] = {0};
  for (int id = 0; id < IDS; id++) {
    for (int time = 0; time < TIMES; time++) {
      const struct model_item *item = &fixture->model[id][time];
      const struct item *found = find_item(fixture, id, time);
      if (item->version == 0) {
        assert_null(found);
        continue;
      }
      assert_non_null(found);
      assert_true(value_equal(item_value(found), write_map(fixture, id, time, item)));
      wanted[TABLE_INDEXES_MAX]++;
      for (uint32_t i = 0; i < table->index_count; i++) {
        if (!table->indexes[i]->active) continue;
        assert_int_equal(index_holds(table->indexes[i], found), index_wants(i, item));
        wanted[i] += index_wants(i, item);
      }
    }
  }
  assert_int_equal(table->item_count, wanted[TABLE_INDEXES_MAX]);
  assert_int_equal(count_items(fixture, &table->primary), wanted[TABLE_INDEXES_MAX]);
  for (uint32_t i = 0; i < table->index_count; i++) {
    if (table->indexes[i]->active)
      assert_int_equal(count_items(fixture, &table->indexes[i]->keyspace), wanted[i]);
  }
}

/* ---- changes ---- */

struct step {
  int id;
  int time;
  struct model_item next;
};

/* Some changes of different items, all prepared before the first is applied. False: no memory. */
static bool transact(struct fixture *fixture, const struct step *steps, uint32_t count)
{
  struct table_change changes[TRANSACTION_MAX];
  uint32_t inserts = 0;
  uint32_t made = 0;
  bool ready = true;
  for (; ready && made < count; made++) {
    const struct step *step = &steps[made];
    struct table_change *change = &changes[made];
    *change = change_to(fixture, step->id, step->time, &step->next);
    ready = (change->new_item != NULL || step->next.version == 0) && table_prepare(change, count);
    inserts += table_inserts(change);
  }
  if (!ready || !keyspace_reserve(&fixture->heap, inserts)) {
    for (uint32_t i = 0; i < made; i++) {
      if (changes[i].new_item != NULL) table_free_item(fixture->table, changes[i].new_item);
    }
    return false;
  }
  uint64_t calls = fixture->memory.calls;
  for (uint32_t i = 0; i < count; i++) table_apply(&changes[i]);
  assert_int_equal(fixture->memory.calls, calls);
  for (uint32_t i = 0; i < count; i++) fixture->model[steps[i].id][steps[i].time] = steps[i].next;
  return true;
}

/* Of items that differ and, to delete, that are there. */
static uint32_t random_steps(struct fixture *fixture, uint32_t version, struct step *steps)
{
  uint32_t count = 0;
  uint32_t wanted = (uint32_t)random_below(&fixture->random, 4) == 0
                        ? (uint32_t)random_between(&fixture->random, 1, TRANSACTION_MAX)
                        : 1;
  while (count < wanted) {
    struct step *step = &steps[count];
    *step = (struct step){(int)random_below(&fixture->random, IDS),
                          (int)random_below(&fixture->random, TIMES),
                          random_item(fixture, version)};
    bool again = fixture->model[step->id][step->time].version == 0 && step->next.version == 0;
    for (uint32_t i = 0; i < count; i++)
      again |= steps[i].id == step->id && steps[i].time == step->time;
    if (again) wanted--;
    if (!again) count++;
  }
  return count;
}

static uint64_t print_seed(uint64_t fixed)
{
  uint64_t seed = random_seed(fixed);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_table\n", seed);
  return seed;
}

static void test_model(void **state)
{
  (void)state;
  static struct fixture fixture;
  struct step steps[TRANSACTION_MAX];
  fixture_open(&fixture, print_seed(41), 3);
  for (uint32_t step = 1; step <= STEPS; step++) {
    assert_true(transact(&fixture, steps, random_steps(&fixture, step, steps)));
    if (step % 400 == 0) check_model(&fixture);
  }
  check_model(&fixture);
  fixture_close(&fixture);
}

/* Indexes that are added while items change, filled in slices, and taken out again. */
static void test_fill_while_changing(void **state)
{
  (void)state;
  static struct fixture fixture;
  struct step steps[TRANSACTION_MAX];
  uint32_t version = 0;
  fixture_open(&fixture, print_seed(42), 0);
  struct table *table = fixture.table;
  for (int round = 0; round < 12; round++) {
    for (int i = 0; i < 100; i++)
      assert_true(transact(&fixture, steps, random_steps(&fixture, ++version, steps)));
    for (uint32_t i = 0; i < 3; i++)
      assert_true(table_add_index(table, &index_definitions[i], false));
    bool done = false;
    while (!done) {
      struct item *items[16];
      for (uint32_t i = 0; i < 3; i++) {
        size_t count = 0;
        struct table_index *index = table->indexes[i];
        if (index->active) continue;
        assert_true(keyspace_walk_next(&index->fill, &table->primary, items,
                                       1 + random_below(&fixture.random, 16), &count,
                                       &index->active));
        for (size_t k = 0; k < count; k++) assert_true(table_fill_index(table, index, items[k]));
      }
      done = table->indexes[0]->active && table->indexes[1]->active && table->indexes[2]->active;
      uint64_t changes = random_below(&fixture.random, 10);
      for (; changes > 0; changes--)
        assert_true(transact(&fixture, steps, random_steps(&fixture, ++version, steps)));
    }
    check_model(&fixture);
    for (uint32_t i = 3; i > 0; i--) {
      struct table_index *index = table_take_index(table, i - 1);
      uint64_t from = 0;
      size_t budget = SIZE_MAX;
      assert_true(keyspace_drain(&index->keyspace, &from, NULL, NULL, &budget));
      table_index_free(index, table->memory);
    }
  }
  fixture_close(&fixture);
}

/* An index that does not know the old items yet gets them all from replaces of equal keys. */
static void test_fill_by_replacing(void **state)
{
  (void)state;
  enum { MANY = 1500 };
  static struct fixture fixture;
  fixture_open(&fixture, 1, 0);
  for (uint32_t version = 1; version <= 2; version++) {
    for (int time = 0; time < MANY; time++) {
      struct model_item next = {version, 1, 1};
      struct table_change change = change_to(&fixture, 0, time, &next);
      assert_true(table_prepare(&change, 1));
      assert_true(keyspace_reserve(&fixture.heap, table_inserts(&change)));
      table_apply(&change);
    }
    if (version == 1) assert_true(table_add_index(fixture.table, &index_definitions[1], false));
  }
  const struct keyspace *keyspace = &fixture.table->indexes[0]->keyspace;
  index_assert(&keyspace->index);
  assert_int_equal(keyspace->index.count, MANY);
  assert_int_equal(count_items(&fixture, keyspace), MANY);
  fixture_close(&fixture);
}

/* ---- memory ---- */

/* The heap keeps what it carved, so each failure needs a table of its own. */
static void test_every_allocation_of_a_change_can_fail(void **state)
{
  (void)state;
  static struct fixture fixture;
  struct step steps[TRANSACTION_MAX];
  uint64_t seed = print_seed(43);
  bool done = false;
  uint64_t n = 1;
  for (; !done; n += n < 80 ? 1 : 19) {
    fixture_open(&fixture, seed, 3);
    for (uint32_t version = 1; version <= 60; version++) {
      steps[0] = (struct step){(int)version % IDS,
                               (int)version * 7 % TIMES,
                               {version, (int)version % 3, (int)version % 5}};
      assert_true(transact(&fixture, steps, 1));
    }
    for (int i = 0; i < TRANSACTION_MAX; i++)
      steps[i] = (struct step){i % IDS, i * 7 % TIMES, {i % 5 == 0 ? 0 : 99, i % 4 - 1, i % 3}};
    for (int i = 0; i < TRANSACTION_MAX; i++) {
      if (fixture.model[steps[i].id][steps[i].time].version == 0) steps[i].next.version = 99;
    }
    size_t in_use = fixture.heap.in_use;
    fixture.memory.fail_at = fixture.memory.calls + n;
    done = transact(&fixture, steps, TRANSACTION_MAX);
    assert_int_equal(done, fixture.memory.calls < fixture.memory.fail_at);
    fixture.memory.fail_at = 0;
    /* An index page may have been split; items and nodes are as before. */
    assert_true(done || (fixture.heap.in_use - in_use) % INDEX_PAGE_BYTES == 0);
    check_model(&fixture);
    fixture_close(&fixture);
  }
  /* 20 changes reserve for four keyspaces. */
  assert_true(n > 500);
}

static void test_every_allocation_of_a_fill_can_fail(void **state)
{
  (void)state;
  static struct fixture fixture;
  struct step steps[TRANSACTION_MAX];
  fixture_open(&fixture, 1, 0);
  for (int i = 0; i < IDS * TIMES; i++) {
    steps[0] = (struct step){i % IDS, i / IDS, {(uint32_t)i + 1, i % 4 - 1, i % 5 - 1}};
    assert_true(transact(&fixture, steps, 1));
  }
  assert_true(table_add_index(fixture.table, &index_definitions[0], false));
  struct table_index *index = fixture.table->indexes[0];
  uint64_t failures = 0;
  for (int id = 0; id < IDS; id++) {
    for (int time = 0; time < TIMES; time++) {
      struct item *item = find_item(&fixture, id, time);
      bool filled = item == NULL;
      for (uint64_t n = 1; !filled; n++) {
        fixture.memory.fail_at = fixture.memory.calls + n;
        filled = table_fill_index(fixture.table, index, item);
        assert_int_equal(filled, fixture.memory.calls < fixture.memory.fail_at);
        assert_int_equal(index_holds(index, item),
                         filled && index_wants(0, &fixture.model[id][time]));
        failures += !filled;
      }
      fixture.memory.fail_at = 0;
    }
  }
  index->active = true;
  check_model(&fixture);
  assert_true(failures > 5);
  fixture_close(&fixture);
}

static void test_every_allocation_of_a_table_can_fail(void **state)
{
  (void)state;
  bool done = false;
  uint64_t n = 1;
  for (; !done; n++) {
    struct memory memory = {.fail_at = n};
    struct heap heap;
    heap_init(&heap, &memory, REGION_BYTES);
    struct table_origin origin = {&memory, &heap, 3};
    struct table_definition definition = definition_of(3);
    struct table *table = table_make(&origin, 5, &definition);
    done = memory.calls < n;
    assert_int_equal(table != NULL, done);
    if (table != NULL) table_free(table);
    assert_int_equal(heap.in_use, 0);
    heap_free_all(&heap);
    assert_int_equal(memory.in_use, 0);
  }
  assert_true(n > 15);
}

/* ---- definition ---- */

static void test_make_copies_the_definition(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, 1, 3);
  const struct table *table = fixture.table;
  assert_int_equal(table->id, 5);
  assert_int_equal(table->state, TABLE_ACTIVE);
  assert_true(bytes_equal(table->name, BYTES("seats")));
  assert_true(bytes_equal(table->primary.sort.name, BYTES("at")));
  assert_true(bytes_equal(table_ttl(table), BYTES("until")));
  assert_int_equal(table->stream, STREAM_NEW_IMAGE);
  assert_true(table->deletion_protection);
  assert_int_equal(table->index_count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    const struct table_index_definition *copy = &table->indexes[i]->definition;
    assert_true(table->indexes[i]->active);
    assert_true(bytes_equal(copy->name, index_definitions[i].name));
    assert_ptr_not_equal(copy->name.data, index_definitions[i].name.data);
    assert_int_equal(copy->projection, index_definitions[i].projection);
    assert_int_equal(copy->include_count, index_definitions[i].include_count);
    assert_ptr_equal(table->index_definitions[i].name.data, copy->name.data);
    assert_int_equal(table_find_index(table, copy->name), i);
  }
  assert_true(bytes_equal(table->indexes[0]->definition.include[1], BYTES("seat")));
  assert_int_equal(table_find_index(table, BYTES("owner")), -1);
  assert_int_equal(table_find_index(table, BYTES("")), -1);
  fixture_close(&fixture);
}

static void test_indexes_are_taken_and_put_back(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, 1, 3);
  struct table *table = fixture.table;
  for (uint32_t position = 0; position < 3; position++) {
    struct table_index *index = table_take_index(table, position);
    assert_int_equal(table->index_count, 2);
    assert_int_equal(table_find_index(table, index->definition.name), -1);
    table_put_index(table, index, position);
    for (uint32_t i = 0; i < 3; i++) {
      assert_int_equal(table_find_index(table, index_definitions[i].name), i);
      assert_true(bytes_equal(table->index_definitions[i].name, index_definitions[i].name));
    }
  }
  fixture_close(&fixture);
}

static void test_set(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, 1, 0);
  struct table *table = fixture.table;
  uint8_t name[ATTRIBUTE_KEY_NAME_MAX];
  memset(name, 'n', sizeof name);
  table_set(table, &(struct table_settings){bytes_of(name, sizeof name), STREAM_OFF, false});
  assert_true(bytes_equal(table_ttl(table), bytes_of(name, sizeof name)));
  assert_int_equal(table->stream, STREAM_OFF);
  assert_false(table->deletion_protection);
  /* A part of the table's own name. */
  struct bytes own = table_ttl(table);
  table_set(table, &(struct table_settings){bytes_of(own.data + 5, 7), STREAM_KEYS_ONLY, true});
  assert_true(bytes_equal(table_ttl(table), BYTES("nnnnnnn")));
  table_set(table, &(struct table_settings){{NULL, 0}, STREAM_KEYS_ONLY, true});
  assert_int_equal(table_ttl(table).size, 0);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_fill_while_changing),
      cmocka_unit_test(test_fill_by_replacing),
      cmocka_unit_test(test_every_allocation_of_a_change_can_fail),
      cmocka_unit_test(test_every_allocation_of_a_fill_can_fail),
      cmocka_unit_test(test_every_allocation_of_a_table_can_fail),
      cmocka_unit_test(test_make_copies_the_definition),
      cmocka_unit_test(test_indexes_are_taken_and_put_back),
      cmocka_unit_test(test_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
