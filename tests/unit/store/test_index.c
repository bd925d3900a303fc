#include "store/index.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
  REGION_BYTES = 64 << 10,
  WALK_SLOTS = INDEX_PAGE_BYTES / sizeof(struct index_slot),
  MODEL_ENTRIES = 6000,
  MODEL_GROUPS = 40, /* hashes shared by several entries */
  MODEL_STEPS = 1000000,
};

/* splitmix64: also a bijection, so different counters give different hashes. */
static uint64_t mix(uint64_t value)
{
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
  const char *text = getenv(name);
  return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

struct fixture {
  struct memory memory;
  struct heap heap;
  struct index index;
};

static void fixture_open(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  heap_init(&fixture->heap, &fixture->memory, REGION_BYTES);
  assert_true(index_init(&fixture->index, &fixture->memory, &fixture->heap));
}

static void fixture_close(struct fixture *fixture)
{
  index_assert(&fixture->index);
  index_free(&fixture->index);
  assert_int_equal(fixture->heap.in_use, 0);
  heap_free_all(&fixture->heap);
  assert_int_equal(fixture->memory.in_use, 0);
}

static void put(struct fixture *fixture, uint64_t hash, void *entry)
{
  assert_true(index_prepare(&fixture->index, hash, 1));
  index_insert(&fixture->index, hash, entry);
}

static void test_empty_index_finds_nothing(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  assert_null(index_find(&fixture.index, 0));
  assert_null(index_find(&fixture.index, UINT64_MAX));
  struct index_slot slots[WALK_SLOTS];
  uint64_t next = 7;
  bool done = false;
  assert_int_equal(index_walk(&fixture.index, 0, slots, WALK_SLOTS, &next, &done), 0);
  assert_true(done);
  fixture_close(&fixture);
}

static void test_finds_what_was_inserted(void **state)
{
  (void)state;
  enum { COUNT = 20000 };
  static uint8_t entries[COUNT];
  struct fixture fixture;
  fixture_open(&fixture);
  for (uint64_t i = 0; i < COUNT; i++) put(&fixture, mix(i), &entries[i]);
  assert_int_equal(fixture.index.count, COUNT);
  index_assert(&fixture.index);
  for (uint64_t i = 0; i < COUNT; i++) {
    const struct index_slot *slot = index_find(&fixture.index, mix(i));
    assert_non_null(slot);
    assert_ptr_equal(slot->entry, &entries[i]);
    assert_null(index_find_next(&fixture.index, slot));
    assert_null(index_find(&fixture.index, mix(COUNT + i)));
  }
  /* Pages are at least half as full as the load at which they split. */
  assert_in_range(fixture.heap.in_use / INDEX_PAGE_BYTES, COUNT / 255, COUNT / 100);
  fixture_close(&fixture);
}

static void test_equal_hashes_are_all_found(void **state)
{
  (void)state;
  enum { COUNT = 200 };
  static uint8_t entries[COUNT];
  struct fixture fixture;
  fixture_open(&fixture);
  for (int i = 0; i < COUNT; i++) put(&fixture, 0xffffffff, &entries[i]);
  bool seen[COUNT] = {false};
  int found = 0;
  for (struct index_slot *slot = index_find(&fixture.index, 0xffffffff); slot != NULL;
       slot = index_find_next(&fixture.index, slot)) {
    ptrdiff_t which = (uint8_t *)slot->entry - entries;
    assert_false(seen[which]);
    seen[which] = true;
    found++;
  }
  assert_int_equal(found, COUNT);
  fixture_close(&fixture);
}

static void test_entry_is_replaced_in_place(void **state)
{
  (void)state;
  struct fixture fixture;
  uint8_t entries[2];
  fixture_open(&fixture);
  put(&fixture, 42, &entries[0]);
  index_find(&fixture.index, 42)->entry = &entries[1];
  assert_ptr_equal(index_find(&fixture.index, 42)->entry, &entries[1]);
  index_remove(&fixture.index, 42, &entries[1]);
  assert_null(index_find(&fixture.index, 42));
  fixture_close(&fixture);
}

/* The extremes of the hash range, and hashes that differ in the last bit only. */
static void test_extreme_hashes(void **state)
{
  (void)state;
  static uint8_t entries[600];
  struct fixture fixture;
  fixture_open(&fixture);
  for (uint64_t i = 0; i < 300; i++) {
    put(&fixture, mix(i) >> 1, &entries[i]);
    put(&fixture, ~(mix(i) >> 1), &entries[300 + i]);
  }
  put(&fixture, 0, &entries[0]);
  put(&fixture, 1, &entries[1]);
  put(&fixture, UINT64_MAX, &entries[2]);
  put(&fixture, UINT64_MAX - 1, &entries[3]);
  assert_ptr_equal(index_find(&fixture.index, 0)->entry, &entries[0]);
  assert_ptr_equal(index_find(&fixture.index, 1)->entry, &entries[1]);
  assert_ptr_equal(index_find(&fixture.index, UINT64_MAX)->entry, &entries[2]);
  assert_ptr_equal(index_find(&fixture.index, UINT64_MAX - 1)->entry, &entries[3]);

  struct index_slot slots[WALK_SLOTS];
  uint64_t from = UINT64_MAX - 1;
  bool done = false;
  assert_int_equal(index_walk(&fixture.index, from, slots, WALK_SLOTS, &from, &done), 2);
  assert_true(done);
  assert_true(slots[0].hash == UINT64_MAX - 1 && slots[1].hash == UINT64_MAX);
  fixture_close(&fixture);
}

static void test_refuses_more_equal_hashes_than_a_page_holds(void **state)
{
  (void)state;
  static uint8_t entries[300];
  struct fixture fixture;
  fixture_open(&fixture);
  uint32_t count = 0;
  while (count < 300 && index_prepare(&fixture.index, 99, 1)) {
    index_insert(&fixture.index, 99, &entries[count]);
    count++;
  }
  assert_int_equal(count, 224);
  assert_int_equal(fixture.index.depth, 0);
  assert_int_equal(fixture.heap.in_use, INDEX_PAGE_BYTES);
  assert_null(index_find(&fixture.index, 98));

  /* Others are not shut out: the page splits where they part from the crowd. */
  put(&fixture, UINT64_MAX, &entries[299]);
  assert_int_equal(fixture.index.depth, 1);
  assert_false(index_prepare(&fixture.index, 99, 1));
  index_remove(&fixture.index, 99, &entries[7]);
  assert_true(index_prepare(&fixture.index, 99, 1));
  fixture_close(&fixture);
}

/* Hashes that share more leading bits than chance allows must not blow up the directory. */
static void test_refuses_crowded_range(void **state)
{
  (void)state;
  static uint8_t entries[1000];
  struct fixture fixture;
  fixture_open(&fixture);
  uint64_t count = 0;
  while (count < 1000 && index_prepare(&fixture.index, mix(count) >> 20, 1)) {
    index_insert(&fixture.index, mix(count) >> 20, &entries[count]);
    count++;
  }
  assert_int_equal(count, 224);
  assert_int_equal(fixture.index.depth, 0);
  fixture_close(&fixture);
}

/* Twelve equal leading bits: several splits and several doublings in one prepare. */
/* The smallest hashes of what will be four million entries need the depth of all of them. */
static void test_takes_entries_in_order_of_hashes(void **state)
{
  (void)state;
  static uint8_t entries[3000];
  const uint64_t spacing = UINT64_MAX / 4000000;
  struct fixture fixture;
  fixture_open(&fixture);
  uint64_t count = 0;
  for (; count < 3000 && index_prepare(&fixture.index, count * spacing, 1); count++)
    index_insert(&fixture.index, count * spacing, &entries[count]);
  assert_int_equal(count, 224); /* not expected, it is taken for an attack */
  index_expect_order(&fixture.index, true);
  for (; count < 3000 && index_prepare(&fixture.index, count * spacing, 1); count++)
    index_insert(&fixture.index, count * spacing, &entries[count]);
  assert_int_equal(count, 3000);
  assert_in_range(fixture.index.depth, 14, 16);
  index_assert(&fixture.index);
  for (uint64_t i = 0; i < count; i++)
    assert_ptr_equal(index_find(&fixture.index, i * spacing)->entry, &entries[i]);
  /* Afterwards strangers cannot deepen it. */
  index_expect_order(&fixture.index, false);
  uint32_t depth = fixture.index.depth;
  uint64_t more = 0;
  while (more < 1000 && index_prepare(&fixture.index, UINT64_MAX - more, 1)) {
    index_insert(&fixture.index, UINT64_MAX - more, &entries[more]);
    more++;
  }
  assert_int_equal(more, 224);
  assert_int_equal(fixture.index.depth, depth);
  fixture_close(&fixture);
}

static void test_presized_pages(void **state)
{
  (void)state;
  static uint8_t entries[5000];
  struct fixture fixture;
  fixture_open(&fixture);
  assert_true(index_presize(&fixture.index, 5000));
  uint32_t depth = fixture.index.depth;
  size_t in_use = fixture.heap.in_use;
  for (uint64_t i = 0; i < 5000; i++) put(&fixture, mix(i), &entries[i]);
  index_assert(&fixture.index);
  assert_int_equal(fixture.index.depth, depth); /* nothing had to be split */
  assert_int_equal(fixture.heap.in_use, in_use);
  fixture_close(&fixture);
  for (uint64_t nth = 1; nth < 1000; nth++) {
    fixture_open(&fixture);
    fixture.memory.fail_at = fixture.memory.calls + nth;
    bool done = index_presize(&fixture.index, 5000);
    fixture.memory.fail_at = 0;
    put(&fixture, 1, &entries[1]);
    index_assert(&fixture.index);
    fixture_close(&fixture);
    if (done) return;
  }
  fail();
}

static void test_splits_several_levels_at_once(void **state)
{
  (void)state;
  static uint8_t entries[400];
  struct fixture fixture;
  fixture_open(&fixture);
  for (uint64_t i = 0; i < 400; i++) {
    put(&fixture, mix(i) >> 11, &entries[i]);
    if (i == 223) assert_int_equal(fixture.index.depth, 0);
    if (i == 224) assert_int_equal(fixture.index.depth, 12);
  }
  assert_int_equal(fixture.heap.in_use, 13 * INDEX_PAGE_BYTES);
  index_assert(&fixture.index);
  for (uint64_t i = 0; i < 400; i++)
    assert_ptr_equal(index_find(&fixture.index, mix(i) >> 11)->entry, &entries[i]);
  fixture_close(&fixture);
}

/* A directory of 2 MiB, which is mapped instead of allocated. */
static void test_large_directory(void **state)
{
  (void)state;
  enum { COUNT = 1 << 18, CROWD = 300 };
  static uint8_t entries[COUNT + CROWD];
  struct fixture fixture;
  fixture_open(&fixture);
  for (uint64_t i = 0; i < COUNT; i++) put(&fixture, mix(i), &entries[i]);
  assert_true(fixture.index.depth < 14);
  for (uint64_t i = 0; i < CROWD; i++) put(&fixture, mix(i) >> 17, &entries[COUNT + i]);
  assert_int_equal(fixture.index.depth, 18);
  for (uint64_t i = 0; i < COUNT; i += 101)
    assert_ptr_equal(index_find(&fixture.index, mix(i))->entry, &entries[i]);
  for (uint64_t i = 0; i < CROWD; i++)
    assert_ptr_equal(index_find(&fixture.index, mix(i) >> 17)->entry, &entries[COUNT + i]);
  fixture_close(&fixture);
}

static void test_removed_pages_are_given_back(void **state)
{
  (void)state;
  enum { COUNT = 50000 };
  static uint8_t entries[COUNT];
  struct fixture fixture;
  fixture_open(&fixture);
  for (int round = 0; round < 2; round++) {
    for (uint64_t i = 0; i < COUNT; i++) put(&fixture, mix(i), &entries[i]);
    size_t full = fixture.heap.in_use;
    for (uint64_t i = 0; i < COUNT - 1000; i++) index_remove(&fixture.index, mix(i), &entries[i]);
    index_assert(&fixture.index);
    assert_true(fixture.heap.in_use < full / 4);
    for (uint64_t i = COUNT - 1000; i < COUNT; i++)
      index_remove(&fixture.index, mix(i), &entries[i]);
    assert_int_equal(fixture.index.count, 0);
    assert_int_equal(fixture.heap.in_use, INDEX_PAGE_BYTES);
  }
  fixture_close(&fixture);
}

/* What was prepared stays prepared while other pages split and the own one loses entries. */
static void test_prepared_inserts_need_no_memory(void **state)
{
  (void)state;
  enum { COUNT = 30000, BATCH = INDEX_PREPARE_MAX };
  static uint8_t entries[COUNT + BATCH];
  struct fixture fixture;
  fixture_open(&fixture);
  uint64_t seed = environment_number("TACOS_SEED", 1);
  for (uint64_t i = 0; i < COUNT; i += BATCH) {
    for (uint64_t j = i; j < i + BATCH; j++)
      assert_true(index_prepare(&fixture.index, mix(seed + j), BATCH));
    uint64_t calls = fixture.memory.calls;
    if (i % 500 == 0 && i > 0)
      for (uint64_t j = i - 500; j < i - 100; j++)
        index_remove(&fixture.index, mix(seed + j), &entries[j]);
    for (uint64_t j = i; j < i + BATCH; j++)
      index_insert(&fixture.index, mix(seed + j), &entries[j]);
    assert_int_equal(fixture.memory.calls, calls);
  }
  fixture_close(&fixture);
}

/* ---- the model: entries with fixed hashes, each present or not ---- */

struct model_entry {
  uint64_t hash;
  bool present;
  bool steady; /* present since the walk began */
  uint32_t met;
};

struct model {
  struct fixture fixture;
  struct model_entry *entries;
  uint64_t random;
  size_t present;
  uint64_t walk_next;
  uint64_t walk_last; /* hash of the last slot met */
  bool walking;
};

static uint64_t draw(struct model *model, uint64_t below)
{
  return mix(model->random++) % below;
}

static void model_open(struct model *model, uint64_t seed)
{
  *model = (struct model){.random = mix(seed)};
  fixture_open(&model->fixture);
  model->entries = calloc(MODEL_ENTRIES, sizeof *model->entries);
  assert_non_null(model->entries);
  for (uint64_t i = 0; i < MODEL_ENTRIES; i++) {
    uint64_t hash = mix(seed ^ (i << 32));
    if (i % 5 == 0) hash = mix(seed + i % MODEL_GROUPS);
    if (i % 50 == 1) hash >>= 9;
    model->entries[i].hash = hash;
  }
}

static void model_close(struct model *model)
{
  fixture_close(&model->fixture);
  free(model->entries);
}

static void model_insert(struct model *model, struct model_entry *entry)
{
  uint32_t wanted = draw(model, 4) == 0 ? (uint32_t)draw(model, INDEX_PREPARE_MAX) + 1 : 1;
  assert_true(index_prepare(&model->fixture.index, entry->hash, wanted));
  index_insert(&model->fixture.index, entry->hash, entry);
  entry->present = true;
  model->present++;
}

static void model_remove(struct model *model, struct model_entry *entry)
{
  index_remove(&model->fixture.index, entry->hash, entry);
  entry->present = false;
  entry->steady = false;
  model->present--;
}

static void model_find(struct model *model, const struct model_entry *entry)
{
  uint32_t found = 0;
  for (struct index_slot *slot = index_find(&model->fixture.index, entry->hash); slot != NULL;
       slot = index_find_next(&model->fixture.index, slot)) {
    const struct model_entry *other = slot->entry;
    assert_true(other->present && other->hash == entry->hash && slot->hash == entry->hash);
    found += other == entry;
  }
  assert_int_equal(found, entry->present);
}

static void model_walk_begin(struct model *model)
{
  for (size_t i = 0; i < MODEL_ENTRIES; i++) {
    model->entries[i].steady = model->entries[i].present;
    model->entries[i].met = 0;
  }
  model->walk_next = 0;
  model->walk_last = 0;
  model->walking = true;
}

static void model_walk_end(struct model *model)
{
  for (size_t i = 0; i < MODEL_ENTRIES; i++) {
    assert_in_range(model->entries[i].met, model->entries[i].steady, 1);
    model->entries[i].met = 0;
  }
  model->walking = false;
}

static void model_walk(struct model *model)
{
  if (!model->walking) model_walk_begin(model);
  struct index_slot slots[3 * WALK_SLOTS];
  size_t capacity = WALK_SLOTS + draw(model, 2 * WALK_SLOTS);
  uint64_t from = model->walk_next;
  bool done = false;
  size_t count = index_walk(&model->fixture.index, from, slots, capacity, &model->walk_next, &done);
  assert_true(count <= capacity);
  for (size_t i = 0; i < count; i++) {
    struct model_entry *entry = slots[i].entry;
    assert_true(entry->present && entry->hash == slots[i].hash);
    assert_true(slots[i].hash >= from && slots[i].hash >= model->walk_last);
    assert_true(done || slots[i].hash < model->walk_next);
    model->walk_last = slots[i].hash;
    entry->met++;
  }
  if (done) model_walk_end(model);
}

static void model_step(struct model *model, bool growing)
{
  struct model_entry *entry = &model->entries[draw(model, MODEL_ENTRIES)];
  uint64_t action = draw(model, 100);
  if (action < 40) {
    model_find(model, entry);
  } else if (action < 41) {
    model_walk(model);
  } else if (action < (growing ? 85u : 55u)) {
    if (!entry->present) model_insert(model, entry);
  } else if (entry->present) {
    model_remove(model, entry);
  }
}

static void test_random_operations_match_model(void **state)
{
  (void)state;
  uint64_t seed = environment_number("TACOS_SEED", 20260101);
  uint64_t steps = environment_number("TACOS_STEPS", MODEL_STEPS);
  print_message("replay: TACOS_SEED=%" PRIu64 " TACOS_STEPS=%" PRIu64
                " build/asan/tests/unit/store/test_index\n",
                seed, steps);
  struct model model;
  model_open(&model, seed);
  bool growing = true;
  for (uint64_t step = 0; step < steps; step++) {
    if (step % 30000 == 0) growing = !growing || step == 0;
    model_step(&model, growing);
    assert_int_equal(model.fixture.index.count, model.present);
    if (step % 2000 == 0) index_assert(&model.fixture.index);
  }
  for (size_t i = 0; i < MODEL_ENTRIES; i++) model_find(&model, &model.entries[i]);
  for (size_t i = 0; i < MODEL_ENTRIES; i++)
    if (model.entries[i].present) model_remove(&model, &model.entries[i]);
  model_close(&model);
}

/* ---- memory that runs out ---- */

static void test_init_fails_cleanly(void **state)
{
  (void)state;
  bool made = false;
  for (uint64_t n = 1; !made; n++) {
    struct memory memory = {.fail_at = n};
    struct heap heap;
    heap_init(&heap, &memory, REGION_BYTES);
    struct index index;
    made = index_init(&index, &memory, &heap);
    if (made) index_free(&index);
    assert_int_equal(heap.in_use, 0);
    heap_free_all(&heap);
    assert_int_equal(memory.in_use, 0);
    assert_true(made || n < 10);
    if (n == 1) assert_false(made);
  }
}

/* A prepare that needs twelve pages and a larger directory, with each allocation failing once. */
static void test_prepare_fails_cleanly(void **state)
{
  (void)state;
  static uint8_t entries[225];
  struct fixture fixture;
  fixture_open(&fixture);
  for (uint64_t i = 0; i < 224; i++) put(&fixture, mix(i) >> 11, &entries[i]);
  uint32_t failures = 0;
  for (uint64_t n = 1;; n++) {
    fixture.memory.fail_at = fixture.memory.calls + n;
    size_t in_use = fixture.heap.in_use;
    if (index_prepare(&fixture.index, mix(224) >> 11, 1)) break;
    failures++;
    assert_int_equal(fixture.heap.in_use, in_use);
    assert_int_equal(fixture.index.depth, 0);
    index_assert(&fixture.index);
    for (uint64_t i = 0; i < 224; i++)
      assert_ptr_equal(index_find(&fixture.index, mix(i) >> 11)->entry, &entries[i]);
  }
  assert_true(failures > 1);
  fixture.memory.fail_at = 0;
  index_insert(&fixture.index, mix(224) >> 11, &entries[224]);
  assert_int_equal(fixture.index.depth, 12);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_empty_index_finds_nothing),
      cmocka_unit_test(test_finds_what_was_inserted),
      cmocka_unit_test(test_equal_hashes_are_all_found),
      cmocka_unit_test(test_entry_is_replaced_in_place),
      cmocka_unit_test(test_extreme_hashes),
      cmocka_unit_test(test_refuses_more_equal_hashes_than_a_page_holds),
      cmocka_unit_test(test_refuses_crowded_range),
      cmocka_unit_test(test_takes_entries_in_order_of_hashes),
      cmocka_unit_test(test_presized_pages),
      cmocka_unit_test(test_splits_several_levels_at_once),
      cmocka_unit_test(test_large_directory),
      cmocka_unit_test(test_removed_pages_are_given_back),
      cmocka_unit_test(test_prepared_inserts_need_no_memory),
      cmocka_unit_test(test_random_operations_match_model),
      cmocka_unit_test(test_init_fails_cleanly),
      cmocka_unit_test(test_prepare_fails_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
