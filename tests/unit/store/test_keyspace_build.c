#include "store/keyspace.h"
#include "unit/store/keyspace_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 3000 };

static const struct keyspace_shape shapes[] = {
    {"s", {VALUE_STRING, VALUE_NUMBER, VALUE_NUMBER, VALUE_STRING}, "g", "h"},
    {"s", {VALUE_NUMBER, VALUE_STRING, VALUE_STRING, VALUE_NUMBER}, "g", "h"},
    {NULL, {VALUE_NUMBER, 0, VALUE_STRING, VALUE_BINARY}, "g", NULL},
    {"s", {VALUE_BINARY, VALUE_BINARY, VALUE_STRING, VALUE_STRING}, "s", "p"},
    {"s", {VALUE_STRING, VALUE_STRING, VALUE_BINARY, VALUE_STRING}, "h", NULL},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* Items of the primary keyspace, in random order of keys; some lack the index's keys. */
static void fill_primary(struct keyspace_fixture *fixture, struct random *random, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    struct key_numbers numbers = {{(int)(i * 7919 % 9973), (int)(i * 31 % 997),
                                   (int)random_below(random, 6) - 2,
                                   (int)random_below(random, 400) - 2}};
    if (fixture->shape->sort_name == NULL) numbers.at[1] = KEY_ABSENT;
    struct item *item = keyspace_fixture_item(fixture, &numbers, 0);
    keyspace_fixture_insert(fixture, &fixture->primary,
                            keyspace_fixture_hash(&fixture->primary, item), item);
  }
}

static size_t all_items(struct keyspace_fixture *fixture, const struct keyspace *keyspace,
                        struct item **items)
{
  struct keyspace_walk walk;
  size_t count = 0;
  bool done = false;
  keyspace_walk_init(&walk, &fixture->memory, 0, UINT64_MAX);
  assert_true(keyspace_walk_next(&walk, keyspace, items, ITEMS + 1, &count, &done));
  assert_true(done);
  keyspace_walk_free(&walk);
  return count;
}

static void release(void *context, struct item *item)
{
  keyspace_fixture_free_item(context, item);
}

static void drain(struct keyspace *keyspace, keyspace_release *to, void *context)
{
  uint64_t from = 0;
  size_t budget = SIZE_MAX;
  assert_true(keyspace_drain(keyspace, &from, to, context, &budget));
}

static void assert_trees(const struct keyspace *keyspace, struct item *const *items, size_t count)
{
  index_assert(&keyspace->index);
  for (size_t i = 0; i < count; i++) {
    uint64_t hash = keyspace_fixture_hash(keyspace, items[i]);
    struct keyspace_partition content = keyspace_partition(
        keyspace, hash, keyspace_partition_of(keyspace, items[i]));
    if (content.tree != NULL && tree_entry(tree_first(content.tree)) == items[i])
      tree_assert(content.tree, &keyspace->order);
  }
}

/* What is built is what inserts one by one make. */
static void test_equals_inserts(void **state)
{
  (void)state;
  static struct item *primary[ITEMS + 1];
  static struct item *built[ITEMS + 1];
  static struct item *inserted[ITEMS + 1];
  uint64_t seed = random_seed(61);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_keyspace_build\n",
                seed);
  struct random random;
  random_init(&random, seed);
  for (int shape = 0; shape < SHAPES; shape++) {
    for (uint32_t count = 0; count <= ITEMS; count = count * 50 + (count == 0)) {
      struct keyspace_fixture fixture;
      struct keyspace expected;
      keyspace_fixture_open(&fixture, &shapes[shape]);
      fill_primary(&fixture, &random, count);
      assert_true(keyspace_init(&expected, &fixture.memory, &fixture.heap, 99,
                                fixture.secondary.partition, fixture.secondary.sort,
                                &fixture.primary));
      assert_int_equal(all_items(&fixture, &fixture.primary, primary), count);
      for (uint32_t i = 0; i < count; i++) {
        if (!keyspace_covers(&expected, primary[i])) continue;
        keyspace_fixture_insert(&fixture, &expected, keyspace_fixture_hash(&expected, primary[i]),
                                primary[i]);
      }
      assert_true(keyspace_build(&fixture.secondary, &fixture.memory, count));
      size_t built_count = all_items(&fixture, &fixture.secondary, built);
      assert_int_equal(built_count, all_items(&fixture, &expected, inserted));
      if (built_count > 0) assert_memory_equal(built, inserted, built_count * sizeof built[0]);
      assert_true(count < ITEMS / 2 || built_count > count / 4);
      assert_trees(&fixture.secondary, built, built_count);
      drain(&fixture.secondary, NULL, NULL);
      drain(&expected, NULL, NULL);
      drain(&fixture.primary, release, &fixture);
      keyspace_free(&expected);
      keyspace_fixture_close(&fixture);
    }
  }
}

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  bool done = false;
  uint64_t n = 1;
  for (; !done; n++) {
    struct keyspace_fixture fixture;
    struct random random;
    random_init(&random, 1);
    keyspace_fixture_open(&fixture, &shapes[0]);
    fill_primary(&fixture, &random, 300);
    fixture.memory.fail_at = fixture.memory.calls + n;
    done = keyspace_build(&fixture.secondary, &fixture.memory, 300);
    assert_int_equal(done, fixture.memory.calls < fixture.memory.fail_at);
    fixture.memory.fail_at = 0;
    drain(&fixture.secondary, NULL, NULL);
    drain(&fixture.primary, release, &fixture);
    keyspace_fixture_close(&fixture);
  }
  /* Entries, keys, the walk's place, nodes. */
  assert_true(n > 5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_equals_inserts),
      cmocka_unit_test(test_every_allocation_can_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
