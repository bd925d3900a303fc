#include "store/keyspace.h"
#include "unit/store/keyspace_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 600, STABLE = 400, CAPACITY_MAX = 300, WALKS = 6, SEGMENTS = 5 };

static const struct keyspace_shape shapes[] = {
    {"s", {VALUE_STRING, VALUE_NUMBER, VALUE_NUMBER, VALUE_STRING}, "g", "h"},
    {NULL, {VALUE_NUMBER, 0, VALUE_STRING, VALUE_BINARY}, "g", NULL},
    {"s", {VALUE_BINARY, VALUE_BINARY, VALUE_STRING, VALUE_STRING}, "s", "p"},
    {"s", {VALUE_STRING, VALUE_STRING, VALUE_BINARY, VALUE_STRING}, "g", "s"},
    {"s", {VALUE_NUMBER, VALUE_STRING, VALUE_NUMBER, VALUE_STRING}, "p", NULL},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* Entries [0, STABLE) are always there, the others come and go; none changes its keys. */
struct entry {
  struct key_numbers numbers;
  struct item *item; /* NULL: not there now */
  uint32_t met;
};

struct model {
  struct keyspace_fixture fixture;
  struct keyspace *walked;
  struct random random;
  struct entry entries[ITEMS];
};

/* Of the keyspace that is walked only; the other stays empty. */
static void add(struct model *model, struct entry *entry)
{
  entry->item = keyspace_fixture_item(&model->fixture, &entry->numbers,
                                      (uint32_t)random_below(&model->random, 60));
  if (!keyspace_covers(model->walked, entry->item)) return;
  keyspace_fixture_insert(&model->fixture, model->walked,
                          keyspace_fixture_hash(model->walked, entry->item), entry->item);
}

static void take(struct model *model, struct entry *entry)
{
  if (keyspace_covers(model->walked, entry->item))
    keyspace_remove(model->walked, keyspace_fixture_hash(model->walked, entry->item), entry->item);
  keyspace_fixture_free_item(&model->fixture, entry->item);
  entry->item = NULL;
}

static void replace(struct model *model, struct entry *entry)
{
  struct item *old_item = entry->item;
  entry->item = keyspace_fixture_item(&model->fixture, &entry->numbers,
                                      (uint32_t)random_below(&model->random, 60));
  if (keyspace_covers(model->walked, old_item))
    keyspace_replace(model->walked, keyspace_fixture_hash(model->walked, old_item), old_item,
                     entry->item);
  keyspace_fixture_free_item(&model->fixture, old_item);
}

/* Half of all entries in one partition, a few in others; every eighth is not in the index. */
static void model_open(struct model *model, const struct keyspace_shape *shape, bool secondary,
                       uint64_t seed)
{
  *model = (struct model){0};
  keyspace_fixture_open(&model->fixture, shape);
  model->walked = secondary ? &model->fixture.secondary : &model->fixture.primary;
  random_init(&model->random, seed);
  for (int i = 0; i < ITEMS; i++) {
    int own = i * 7 % ITEMS; /* so that those that come and go stand between the others */
    bool lone = shape->sort_name == NULL;
    int partition = lone ? own : own % 2 == 0 ? 0 : own % 40;
    model->entries[i].numbers = (struct key_numbers){
        {partition, lone ? KEY_ABSENT : own, own % 8 == 7 ? KEY_ABSENT : own % 3, own % 11}};
    if (i < STABLE) add(model, &model->entries[i]);
  }
}

static void model_close(struct model *model)
{
  for (int i = 0; i < ITEMS; i++) {
    if (model->entries[i].item != NULL) take(model, &model->entries[i]);
  }
  keyspace_fixture_close(&model->fixture);
}

static void churn(struct model *model)
{
  for (uint64_t changes = random_below(&model->random, 30); changes > 0; changes--) {
    struct entry *entry = &model->entries[random_below(&model->random, ITEMS)];
    if (entry->item == NULL)
      add(model, entry);
    else if (entry < model->entries + STABLE || random_coin(&model->random))
      replace(model, entry);
    else
      take(model, entry);
  }
}

static void meet(struct model *model, const struct item *item)
{
  for (int i = 0; i < ITEMS; i++) {
    if (model->entries[i].item != item) continue;
    model->entries[i].met++;
    return;
  }
  fail_msg("the walk met an item that is not there");
}

/* Order of the walk: hash, partition, place in the partition. */
static int compare_places(const struct keyspace *keyspace, struct value left,
                          const struct item *right)
{
  struct value partitions[] = {value_attribute(left, keyspace->partition.name),
                               keyspace_partition_of(keyspace, right)};
  uint64_t hashes[] = {keyspace_hash(keyspace, partitions[0]),
                       keyspace_hash(keyspace, partitions[1])};
  if (hashes[0] != hashes[1]) return hashes[0] < hashes[1] ? -1 : 1;
  assert_true(value_equal(partitions[0], partitions[1]));
  return keyspace_compare(keyspace, left, right);
}

/* Where the walk stood before, to see that a failed step leaves it there. */
struct place {
  struct keyspace_walk walk;
  uint8_t bytes[512];
};

static void remember(const struct keyspace_walk *walk, struct place *place)
{
  place->walk = *walk;
  assert_true(walk->place.size <= sizeof place->bytes);
  if (walk->place.size > 0) memcpy(place->bytes, walk->place.data, walk->place.size);
}

static void assert_stands(const struct keyspace_walk *walk, const struct place *place)
{
  assert_int_equal(walk->hash, place->walk.hash);
  assert_int_equal(walk->last_hash, place->walk.last_hash);
  assert_int_equal(walk->inside, place->walk.inside);
  assert_int_equal(walk->place.size, place->walk.place.size);
  if (walk->place.size > 0) assert_memory_equal(walk->place.data, place->bytes, walk->place.size);
}

/* One slice, in which every allocation fails once before it succeeds. */
static size_t next_after_failures(struct model *model, struct keyspace_walk *walk,
                                  struct item **items, size_t capacity, bool *done)
{
  struct memory *memory = &model->fixture.memory;
  size_t count = 0;
  for (uint64_t n = 1;; n++) {
    struct place place;
    remember(walk, &place);
    uint64_t calls = memory->calls;
    memory->fail_at = calls + n;
    bool walked = keyspace_walk_next(walk, model->walked, items, capacity, &count, done);
    memory->fail_at = 0;
    if (walked) {
      assert_true(memory->calls < calls + n);
      return count;
    }
    assert_int_equal(memory->calls, calls + n);
    assert_stands(walk, &place);
  }
}

static void walk_through(struct model *model, uint64_t first_hash, uint64_t last_hash,
                         bool changing)
{
  struct item *items[CAPACITY_MAX];
  struct keyspace_walk walk;
  struct buffer last;
  struct value last_place = VALUE_NONE;
  bool done = false;
  keyspace_walk_init(&walk, &model->fixture.memory, first_hash, last_hash);
  buffer_init(&last, &model->fixture.memory);
  size_t capacity_max = 1 + random_below(&model->random, 2) * (CAPACITY_MAX - 1);
  while (!done) {
    size_t capacity = 1 +
                      random_below(&model->random, random_coin(&model->random) ? capacity_max : 5);
    size_t count = next_after_failures(model, &walk, items, capacity, &done);
    assert_true(count <= capacity);
    assert_true(done || count > 0);
    for (size_t i = 0; i < count; i++) {
      uint64_t hash = keyspace_fixture_hash(model->walked, items[i]);
      assert_true(hash >= first_hash && hash <= last_hash);
      assert_true(!value_present(last_place) ||
                  compare_places(model->walked, last_place, items[i]) < 0);
      buffer_clear(&last);
      assert_true(keyspace_write_place(model->walked, item_value(items[i]), &last, &last_place));
      meet(model, items[i]);
    }
    if (changing) churn(model);
  }
  buffer_free(&last);
  keyspace_walk_free(&walk);
}

static void assert_met(struct model *model)
{
  for (int i = 0; i < ITEMS; i++) {
    struct entry *entry = &model->entries[i];
    bool covered = entry->item != NULL && keyspace_covers(model->walked, entry->item);
    if (i < STABLE)
      assert_int_equal(entry->met, covered);
    else
      assert_true(entry->met <= 1);
    entry->met = 0;
  }
}

static void for_each_model(uint64_t fixed_seed, void (*run)(struct model *model))
{
  static struct model model;
  uint64_t seed = random_seed(fixed_seed);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_keyspace_walk\n",
                seed);
  for (int shape = 0; shape < SHAPES; shape++) {
    for (int secondary = 0; secondary < 2; secondary++) {
      model_open(&model, &shapes[shape], secondary, seed);
      run(&model);
      model_close(&model);
    }
  }
}

static void run_changing(struct model *model)
{
  for (int i = 0; i < WALKS; i++) {
    walk_through(model, 0, UINT64_MAX, true);
    assert_met(model);
  }
}

static void test_meets_once_what_stays(void **state)
{
  (void)state;
  for_each_model(31, run_changing);
}

/* Bounds at random and at hashes that are there: both ends are inclusive. */
static void run_segments(struct model *model)
{
  uint64_t bounds[SEGMENTS];
  for (int walk = 0; walk < WALKS; walk++) {
    for (int i = 0; i < SEGMENTS - 1; i++) {
      const struct item *item = model->entries[random_below(&model->random, STABLE)].item;
      bool there = random_coin(&model->random) && keyspace_covers(model->walked, item);
      uint64_t bound = there ? keyspace_fixture_hash(model->walked, item)
                             : random_u64(&model->random);
      int place = i;
      for (; place > 0 && bounds[place - 1] > bound; place--) bounds[place] = bounds[place - 1];
      bounds[place] = bound;
    }
    bounds[SEGMENTS - 1] = UINT64_MAX;
    uint64_t first = 0;
    for (int i = 0; i < SEGMENTS; i++) {
      if (first > bounds[i]) continue; /* two equal bounds: an empty segment */
      walk_through(model, first, bounds[i], true);
      first = bounds[i] + 1;
    }
    assert_met(model);
  }
}

static void test_segments_partition_the_space(void **state)
{
  (void)state;
  for_each_model(32, run_segments);
}

/* From the place of every entry on, whether it is there or not: just those behind it. */
static void run_after(struct model *model)
{
  for (int i = 0; i < ITEMS; i += 3) {
    struct item *start = keyspace_fixture_item(&model->fixture, &model->entries[i].numbers, 0);
    struct item *items[ITEMS];
    size_t count = 0;
    bool done = false;
    struct keyspace_walk walk;
    keyspace_walk_init(&walk, &model->fixture.memory, 0, UINT64_MAX);
    if (keyspace_covers(model->walked, start)) {
      assert_true(keyspace_walk_after(&walk, model->walked, item_value(start)));
      assert_true(keyspace_walk_next(&walk, model->walked, items, ITEMS, &count, &done));
      assert_true(done);
      size_t expected = 0;
      for (int k = 0; k < STABLE; k++) {
        const struct item *item = model->entries[k].item;
        expected += keyspace_covers(model->walked, item) &&
                    compare_places(model->walked, item_value(start), item) < 0;
      }
      assert_int_equal(count, expected);
    }
    keyspace_walk_free(&walk);
    keyspace_fixture_free_item(&model->fixture, start);
  }
}

static void test_starts_after_any_place(void **state)
{
  (void)state;
  for_each_model(33, run_after);
}

/*
 * Two partitions of one hash, the first by its bytes of one item: a walk that stopped in the second
 * goes on there.
 */
static void test_goes_on_inside_one_hash(void **state)
{
  (void)state;
  struct keyspace_fixture fixture;
  struct item *items[4];
  struct item *met[8];
  size_t count = 0;
  bool done = false;
  struct keyspace_walk walk;
  keyspace_fixture_open(&fixture, &shapes[0]);
  for (int i = 0; i < 4; i++)
    items[i] = keyspace_fixture_item(&fixture, &(struct key_numbers){{i > 0, i, 0, 0}}, 0);
  uint64_t hash = keyspace_fixture_hash(&fixture.primary, items[1]);
  for (int i = 3; i >= 0; i--) keyspace_fixture_insert(&fixture, &fixture.primary, hash, items[i]);
  for (size_t first = 2; first < 4; first++) {
    keyspace_walk_init(&walk, &fixture.memory, 0, UINT64_MAX);
    assert_true(keyspace_walk_next(&walk, &fixture.primary, met, first, &count, &done));
    assert_int_equal(count, first);
    assert_false(done);
    assert_true(keyspace_walk_next(&walk, &fixture.primary, met + first, 4, &count, &done));
    assert_int_equal(count, 4 - first);
    assert_true(done);
    assert_memory_equal(met, items, sizeof items);
    keyspace_walk_free(&walk);
  }
  for (int i = 0; i < 4; i++) {
    keyspace_remove(&fixture.primary, hash, items[i]);
    keyspace_fixture_free_item(&fixture, items[i]);
  }
  keyspace_fixture_close(&fixture);
}

static void test_empty_keyspace(void **state)
{
  (void)state;
  struct keyspace_fixture fixture;
  keyspace_fixture_open(&fixture, &shapes[0]);
  struct keyspace_walk walk;
  struct item *items[2];
  size_t count = 9;
  bool done = false;
  keyspace_walk_init(&walk, &fixture.memory, 5, 5);
  assert_true(keyspace_walk_next(&walk, &fixture.primary, items, 2, &count, &done));
  assert_int_equal(count, 0);
  assert_true(done);
  keyspace_walk_free(&walk);
  keyspace_fixture_close(&fixture);
}

/* ---- places ---- */

static void assert_place(const struct keyspace_shape *shape, bool secondary, const char *names)
{
  struct keyspace_fixture fixture;
  keyspace_fixture_open(&fixture, shape);
  struct key_numbers numbers = {{1, shape->sort_name == NULL ? KEY_ABSENT : 2, 3, 4}};
  struct item *item = keyspace_fixture_item(&fixture, &numbers, 5);
  const struct keyspace *keyspace = secondary ? &fixture.secondary : &fixture.primary;
  struct buffer buffer;
  struct buffer again;
  struct value place;
  struct value place_again;
  buffer_init(&buffer, &fixture.memory);
  buffer_init(&again, &fixture.memory);
  assert_true(keyspace_write_place(keyspace, item_value(item), &buffer, &place));
  assert_int_equal(value_count(place), strlen(names));
  for (const char *name = names; *name != 0; name++) {
    struct value value = value_attribute(place, bytes_of(name, 1));
    assert_true(value_present(value));
    assert_true(value_equal(value, value_attribute(item_value(item), bytes_of(name, 1))));
  }
  assert_true(keyspace_write_place(keyspace, place, &again, &place_again));
  assert_true(value_equal(place, place_again));
  assert_int_equal(keyspace_compare(keyspace, place, item), 0);
  buffer_free(&buffer);
  buffer_free(&again);
  keyspace_fixture_free_item(&fixture, item);
  keyspace_fixture_close(&fixture);
}

static void test_place_has_each_key_once(void **state)
{
  (void)state;
  assert_place(&shapes[0], false, "ps");
  assert_place(&shapes[0], true, "psgh");
  assert_place(&shapes[1], false, "p");
  assert_place(&shapes[1], true, "pg");
  assert_place(&shapes[2], true, "ps");
  assert_place(&shapes[3], true, "psg");
  assert_place(&shapes[4], true, "ps");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_meets_once_what_stays),
      cmocka_unit_test(test_segments_partition_the_space),
      cmocka_unit_test(test_starts_after_any_place),
      cmocka_unit_test(test_goes_on_inside_one_hash),
      cmocka_unit_test(test_empty_keyspace),
      cmocka_unit_test(test_place_has_each_key_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
