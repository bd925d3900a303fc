#include "store/keyspace.h"
#include "unit/store/keyspace_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL_ITEMS = 400, MODEL_STEPS = 6000, CHECK_EVERY = 300 };

static const struct keyspace_shape shapes[] = {
    {"s", {VALUE_STRING, VALUE_NUMBER, VALUE_NUMBER, VALUE_STRING}, "g", "h"},
    {NULL, {VALUE_NUMBER, 0, VALUE_STRING, VALUE_BINARY}, "g", NULL},
    {NULL, {VALUE_STRING, 0, VALUE_BINARY, VALUE_NUMBER}, "g", "h"},
    {"s", {VALUE_BINARY, VALUE_BINARY, VALUE_STRING, VALUE_STRING}, "s", "p"},
    {"s", {VALUE_STRING, VALUE_STRING, VALUE_BINARY, VALUE_STRING}, "g", "s"},
    {"s", {VALUE_NUMBER, VALUE_STRING, VALUE_NUMBER, VALUE_STRING}, "h", NULL},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* ---- the model: an array in no order ---- */

struct entry {
  struct key_numbers numbers;
  struct item *item;
};

struct model {
  struct keyspace_fixture fixture;
  struct random random;
  uint64_t hash_mask; /* few bits: partitions that share their hash */
  struct entry entries[MODEL_ITEMS];
  size_t count;
};

static int number_of(const struct entry *entry, const char *name)
{
  return name == NULL ? 0 : entry->numbers.at[strchr("psgh", name[0]) - "psgh"];
}

static bool model_covers(const struct keyspace_shape *shape, const struct entry *entry)
{
  return number_of(entry, shape->index_partition) >= 0 && number_of(entry, shape->index_sort) >= 0;
}

static int compare_primary(const struct keyspace_shape *shape, const struct entry *left,
                           const struct entry *right)
{
  if (left->numbers.at[0] != right->numbers.at[0])
    return left->numbers.at[0] - right->numbers.at[0];
  return number_of(left, shape->sort_name) - number_of(right, shape->sort_name);
}

static int compare_secondary(const struct keyspace_shape *shape, const struct entry *left,
                             const struct entry *right)
{
  int order = number_of(left, shape->index_sort) - number_of(right, shape->index_sort);
  return order != 0 ? order : compare_primary(shape, left, right);
}

static uint64_t hash_in(const struct model *model, const struct keyspace *keyspace,
                        const struct item *item)
{
  return keyspace_fixture_hash(keyspace, item) & model->hash_mask;
}

/* ---- checking a whole keyspace ---- */

static void assert_sign_equal(int left, int right)
{
  assert_int_equal((left > 0) - (left < 0), (right > 0) - (right < 0));
}

/* All entries of the keyspace in one partition, in its order. */
static size_t gather(const struct model *model, bool secondary, int partition,
                     const struct entry **gathered)
{
  const struct keyspace_shape *shape = model->fixture.shape;
  size_t count = 0;
  for (size_t i = 0; i < model->count; i++) {
    const struct entry *entry = &model->entries[i];
    if (secondary && !model_covers(shape, entry)) continue;
    if (number_of(entry, secondary ? shape->index_partition : "p") != partition) continue;
    size_t place = count++;
    for (; place > 0; place--) {
      int order = secondary ? compare_secondary(shape, gathered[place - 1], entry)
                            : compare_primary(shape, gathered[place - 1], entry);
      if (order < 0) break;
      gathered[place] = gathered[place - 1];
    }
    gathered[place] = entry;
  }
  return count;
}

static void assert_partition(const struct model *model, bool secondary, const struct entry **wanted,
                             size_t count)
{
  const struct keyspace *keyspace = secondary ? &model->fixture.secondary : &model->fixture.primary;
  struct value key = keyspace_partition_of(keyspace, wanted[0]->item);
  uint64_t hash = hash_in(model, keyspace, wanted[0]->item);
  struct keyspace_partition content = keyspace_partition(keyspace, hash, key);
  if (count == 1) {
    assert_ptr_equal(content.single, wanted[0]->item);
    assert_null(content.tree);
    return;
  }
  assert_null(content.single);
  assert_int_equal(content.tree->count, count);
  tree_assert(content.tree, &keyspace->order);
  struct tree_cursor cursor = tree_first(content.tree);
  for (size_t i = 0; i < count; i++, cursor = tree_next(cursor)) {
    assert_ptr_equal(tree_entry(cursor), wanted[i]->item);
    struct value map = item_value(wanted[i]->item);
    size_t other = i * 7 % count;
    assert_sign_equal(keyspace_compare(keyspace, map, wanted[other]->item), (int)i - (int)other);
  }
}

static void assert_holds(const struct model *model, const struct keyspace *keyspace, bool expected,
                         const struct item *item)
{
  if (!keyspace_covers(keyspace, item)) {
    assert_false(expected);
    return;
  }
  assert_int_equal(keyspace_holds(keyspace, hash_in(model, keyspace, item), item), expected);
}

static void check_model(struct model *model)
{
  static const struct entry *gathered[MODEL_ITEMS];
  struct keyspace_fixture *fixture = &model->fixture;
  for (int secondary = 0; secondary < 2; secondary++) {
    const struct keyspace *keyspace = secondary ? &fixture->secondary : &fixture->primary;
    size_t partitions = 0;
    for (int partition = 0; partition < MODEL_ITEMS; partition++) {
      size_t count = gather(model, secondary, partition, gathered);
      if (count == 0) continue;
      assert_partition(model, secondary, gathered, count);
      partitions++;
    }
    index_assert(&keyspace->index);
    assert_int_equal(keyspace->index.count, partitions);
  }
  for (size_t i = 0; i < model->count; i++) {
    struct entry *entry = &model->entries[i];
    bool covered = model_covers(fixture->shape, entry);
    assert_int_equal(keyspace_covers(&fixture->secondary, entry->item), covered);
    assert_holds(model, &fixture->primary, true, entry->item);
    assert_holds(model, &fixture->secondary, covered, entry->item);
    /* Another item with equal keys is not the one that is there. */
    struct item *twin = keyspace_fixture_item(fixture, &entry->numbers, 1);
    assert_holds(model, &fixture->primary, false, twin);
    assert_holds(model, &fixture->secondary, false, twin);
    keyspace_fixture_free_item(fixture, twin);
  }
}

/* ---- steps ---- */

static struct key_numbers random_numbers(struct model *model)
{
  const struct keyspace_shape *shape = model->fixture.shape;
  struct random *random = &model->random;
  bool single = shape->sort_name == NULL;
  struct key_numbers numbers = {{(int)random_below(random, single ? MODEL_ITEMS : 4),
                                 single ? KEY_ABSENT : (int)random_below(random, 80),
                                 (int)random_below(random, 5) - 2,
                                 (int)random_below(random, 9) - 2}};
  return numbers;
}

static struct entry *find_entry(struct model *model, const struct key_numbers *numbers)
{
  struct entry wanted = {.numbers = *numbers};
  for (size_t i = 0; i < model->count; i++) {
    if (compare_primary(model->fixture.shape, &model->entries[i], &wanted) == 0)
      return &model->entries[i];
  }
  return NULL;
}

static void secondary_change(struct model *model, struct item *old_item, struct item *new_item)
{
  struct keyspace *keyspace = &model->fixture.secondary;
  bool old_in = old_item != NULL && keyspace_covers(keyspace, old_item);
  bool new_in = new_item != NULL && keyspace_covers(keyspace, new_item);
  if (old_in && new_in &&
      value_equal(keyspace_partition_of(keyspace, old_item),
                  keyspace_partition_of(keyspace, new_item)) &&
      value_equal(keyspace_sort_of(keyspace, old_item), keyspace_sort_of(keyspace, new_item))) {
    keyspace_replace(keyspace, hash_in(model, keyspace, old_item), old_item, new_item);
    return;
  }
  if (old_in) keyspace_remove(keyspace, hash_in(model, keyspace, old_item), old_item);
  if (new_in)
    keyspace_fixture_insert(&model->fixture, keyspace, hash_in(model, keyspace, new_item),
                            new_item);
}

static void put(struct model *model, const struct key_numbers *numbers)
{
  struct keyspace_fixture *fixture = &model->fixture;
  struct entry *entry = find_entry(model, numbers);
  if (entry == NULL && model->count == MODEL_ITEMS) return;
  uint32_t payload_size = (uint32_t)random_below(&model->random, 64);
  struct item *item = keyspace_fixture_item(fixture, numbers, payload_size);
  uint64_t hash = hash_in(model, &fixture->primary, item);
  if (entry == NULL) {
    keyspace_fixture_insert(fixture, &fixture->primary, hash, item);
    secondary_change(model, NULL, item);
    entry = &model->entries[model->count++];
  } else {
    keyspace_replace(&fixture->primary, hash, entry->item, item);
    secondary_change(model, entry->item, item);
    keyspace_fixture_free_item(fixture, entry->item);
  }
  *entry = (struct entry){*numbers, item};
}

static void take(struct model *model, const struct key_numbers *numbers)
{
  struct keyspace_fixture *fixture = &model->fixture;
  struct entry *entry = find_entry(model, numbers);
  if (entry == NULL) return;
  uint64_t hash = hash_in(model, &fixture->primary, entry->item);
  uint64_t calls = fixture->memory.calls;
  keyspace_remove(&fixture->primary, hash, entry->item);
  secondary_change(model, entry->item, NULL);
  assert_int_equal(fixture->memory.calls, calls);
  keyspace_fixture_free_item(fixture, entry->item);
  *entry = model->entries[--model->count];
}

static void check_find(struct model *model, const struct key_numbers *numbers)
{
  struct keyspace_fixture *fixture = &model->fixture;
  const struct entry *entry = find_entry(model, numbers);
  struct item *probe = keyspace_fixture_item(fixture, numbers, 0);
  struct item *found = keyspace_find(&fixture->primary, hash_in(model, &fixture->primary, probe),
                                     keyspace_partition_of(&fixture->primary, probe),
                                     keyspace_sort_of(&fixture->primary, probe));
  assert_ptr_equal(found, entry == NULL ? NULL : entry->item);
  keyspace_fixture_free_item(fixture, probe);
}

static void run_model(const struct keyspace_shape *shape, uint64_t seed, uint64_t hash_mask)
{
  static struct model model;
  model = (struct model){.hash_mask = hash_mask};
  keyspace_fixture_open(&model.fixture, shape);
  random_init(&model.random, seed);
  for (int step = 0; step < MODEL_STEPS; step++) {
    /* It fills and empties in turn. */
    bool grows = step / 1000 % 2 == 0;
    struct key_numbers numbers = random_numbers(&model);
    if (random_below(&model.random, 10) < (grows ? 7 : 3))
      put(&model, &numbers);
    else
      take(&model, &numbers);
    numbers = random_numbers(&model);
    check_find(&model, &numbers);
    if (step % CHECK_EVERY == 0) check_model(&model);
  }
  check_model(&model);
  while (model.count > 0) {
    struct key_numbers numbers = model.entries[0].numbers;
    take(&model, &numbers);
  }
  keyspace_fixture_close(&model.fixture);
}

static uint64_t print_seed(uint64_t fixed)
{
  uint64_t seed = random_seed(fixed);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_keyspace\n", seed);
  return seed;
}

static void test_model(void **state)
{
  (void)state;
  uint64_t seed = print_seed(21);
  for (int shape = 0; shape < SHAPES; shape++) run_model(&shapes[shape], seed, UINT64_MAX);
}

static void test_model_with_equal_hashes(void **state)
{
  (void)state;
  uint64_t seed = print_seed(22);
  run_model(&shapes[0], seed, 1);
  run_model(&shapes[3], seed, 0);
  run_model(&shapes[4], seed, 0);
  run_model(&shapes[1], seed, (uint64_t)15 << 60);
}

/* ---- single cases ---- */

static void test_find_in_an_empty_keyspace(void **state)
{
  (void)state;
  struct keyspace_fixture fixture;
  keyspace_fixture_open(&fixture, &shapes[0]);
  struct item *item = keyspace_fixture_item(&fixture, &(struct key_numbers){{1, 1, 1, 1}}, 0);
  struct value partition = keyspace_partition_of(&fixture.primary, item);
  uint64_t hash = keyspace_hash(&fixture.primary, partition);
  assert_null(keyspace_find(&fixture.primary, hash, partition, VALUE_NONE));
  struct keyspace_partition content = keyspace_partition(&fixture.primary, hash, partition);
  assert_null(content.single);
  assert_null(content.tree);
  assert_false(keyspace_holds(&fixture.primary, hash, item));
  keyspace_fixture_free_item(&fixture, item);
  keyspace_fixture_close(&fixture);
}

/* A key of another type is not found, in a partition of one item and of several. */
static void test_find_does_not_check_types(void **state)
{
  (void)state;
  struct keyspace_fixture fixture;
  struct item *items[2];
  struct arena arena;
  keyspace_fixture_open(&fixture, &shapes[0]);
  arena_init(&arena, &fixture.memory);
  const struct value wrong[] = {VALUE_NONE, value_make_bool(&arena, true),
                                value_make_string(&arena, BYTES("1")),
                                value_make_string(&arena, BYTES(""))};
  for (int count = 1; count <= 2; count++) {
    items[count - 1] = keyspace_fixture_item(&fixture, &(struct key_numbers){{1, count, 1, 1}}, 0);
    struct value partition = keyspace_partition_of(&fixture.primary, items[0]);
    uint64_t hash = keyspace_hash(&fixture.primary, partition);
    keyspace_fixture_insert(&fixture, &fixture.primary, hash, items[count - 1]);
    for (int i = 0; i < 4; i++) {
      assert_null(keyspace_find(&fixture.primary, hash, partition, wrong[i]));
      uint64_t wrong_hash = keyspace_hash(&fixture.primary, wrong[i]);
      assert_null(keyspace_find(&fixture.primary, wrong_hash, wrong[i],
                                keyspace_sort_of(&fixture.primary, items[0])));
    }
  }
  for (int i = 0; i < 2; i++) {
    uint64_t hash = keyspace_fixture_hash(&fixture.primary, items[i]);
    keyspace_remove(&fixture.primary, hash, items[i]);
    keyspace_fixture_free_item(&fixture, items[i]);
  }
  arena_free(&arena);
  keyspace_fixture_close(&fixture);
}

static void test_sort_bytes_order_as_values(void **state)
{
  (void)state;
  static const char *const numbers[] = {"-1E+125", "-12.5", "-12", "-1E-130", "0",     "1E-130",
                                        "0.5",     "1",     "9",   "10",      "9E+125"};
  enum { COUNT = sizeof numbers / sizeof numbers[0] };
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  arena_init(&arena, &memory);
  uint8_t before_scratch[TREE_KEY_SCRATCH_BYTES];
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes before = {NULL, 0};
  for (int i = 0; i < COUNT; i++) {
    struct decimal decimal;
    assert_true(decimal_parse(bytes_of_text(numbers[i]), &decimal, &error));
    struct bytes key = keyspace_sort_bytes(value_make_number(&arena, &decimal), scratch);
    assert_true(i == 0 || bytes_compare(before, key) < 0);
    memcpy(before_scratch, key.data, key.size);
    before = bytes_of(before_scratch, key.size);
  }
  struct value text = value_make_string(&arena, BYTES("a\0b"));
  assert_true(bytes_equal(keyspace_sort_bytes(text, scratch), BYTES("a\0b")));
  assert_int_equal(keyspace_sort_bytes(VALUE_NONE, scratch).size, 0);
  arena_free(&arena);
}

/* ---- draining ---- */

struct released {
  struct keyspace_fixture *fixture;
  size_t count;
};

static void release(void *context, struct item *item)
{
  struct released *released = context;
  released->count++;
  keyspace_fixture_free_item(released->fixture, item);
}

/* One large partition, two small ones and 300 of one item. */
static size_t fill(struct keyspace_fixture *fixture, struct item **items)
{
  size_t count = 0;
  for (int i = 0; i < 700; i++) {
    struct key_numbers numbers = {{i < 300 ? 0 : i < 400 ? 1 + i % 2 : i, i, i % 3, i % 50}};
    struct item *item = keyspace_fixture_item(fixture, &numbers, 0);
    uint64_t hash = keyspace_fixture_hash(&fixture->primary, item);
    keyspace_fixture_insert(fixture, &fixture->primary, hash, item);
    hash = keyspace_fixture_hash(&fixture->secondary, item);
    keyspace_fixture_insert(fixture, &fixture->secondary, hash, item);
    items[count++] = item;
  }
  return count;
}

static void test_drain_in_slices(void **state)
{
  (void)state;
  for (size_t slice = 1; slice <= 1000; slice = slice * 5 / 2 + 1) {
    struct keyspace_fixture fixture;
    struct item *items[700];
    keyspace_fixture_open(&fixture, &shapes[0]);
    size_t count = fill(&fixture, items);
    uint64_t from = 0;
    size_t budget = slice;
    while (!keyspace_drain(&fixture.secondary, &from, NULL, NULL, &budget)) {
      assert_int_equal(budget, 0);
      budget = slice;
    }
    struct released released = {.fixture = &fixture};
    size_t before = 0;
    from = 0;
    budget = slice;
    while (!keyspace_drain(&fixture.primary, &from, release, &released, &budget)) {
      assert_int_equal(budget, 0);
      assert_int_equal(released.count - before, slice);
      before = released.count;
      budget = slice;
    }
    assert_int_equal(released.count, count);
    assert_int_equal(fixture.primary.index.count, 0);
    keyspace_fixture_close(&fixture);
  }
}

/* The index was dropped, its table lives on: items go while the drain is under way. */
static void test_drain_does_not_look_at_items(void **state)
{
  (void)state;
  struct keyspace_fixture fixture;
  struct item *items[700];
  keyspace_fixture_open(&fixture, &shapes[0]);
  size_t count = fill(&fixture, items);
  uint64_t from = 0;
  bool drained = false;
  for (size_t i = 0; !drained || i < count; i++) {
    if (i < count) {
      keyspace_remove(&fixture.primary, keyspace_fixture_hash(&fixture.primary, items[i]),
                      items[i]);
      keyspace_fixture_free_item(&fixture, items[i]);
    }
    size_t budget = 1;
    if (!drained) drained = keyspace_drain(&fixture.secondary, &from, NULL, NULL, &budget);
  }
  keyspace_fixture_close(&fixture);
}

/* ---- memory ---- */

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  bool done = false;
  uint64_t n = 1;
  for (; !done; n++) {
    struct memory memory = {.fail_at = n};
    struct heap heap;
    struct keyspace keyspace;
    heap_init(&heap, &memory, KEYSPACE_REGION_BYTES);
    if (keyspace_init(&keyspace, &memory, &heap, 1, keyspace_fixture_key(&shapes[0], "p"),
                      keyspace_fixture_key(&shapes[0], "s"), NULL)) {
      bool reserved = keyspace_reserve(&heap, 3);
      bool prepared = keyspace_prepare(&keyspace, 7, INDEX_PREPARE_MAX);
      done = memory.calls < n;
      assert_int_equal(reserved && prepared, done);
      keyspace_free(&keyspace);
    }
    assert_int_equal(heap.in_use, 0);
    heap_free_all(&heap);
    assert_int_equal(memory.in_use, 0);
  }
  /* 30 nodes, 3 collections, a region, the index. */
  assert_true(n > 34);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_model_with_equal_hashes),
      cmocka_unit_test(test_find_in_an_empty_keyspace),
      cmocka_unit_test(test_find_does_not_check_types),
      cmocka_unit_test(test_sort_bytes_order_as_values),
      cmocka_unit_test(test_drain_in_slices),
      cmocka_unit_test(test_drain_does_not_look_at_items),
      cmocka_unit_test(test_every_allocation_can_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
