#include "room/ranks.h"

#include "sim/random.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PLACES = 5000 };

/* The set as an array of flags, counted from end to end. */
struct naive {
  bool has[PLACES];
};

static uint32_t naive_before(const struct naive *naive, uint32_t place)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < place; i++) count += naive->has[i];
  return count;
}

static uint32_t naive_next(const struct naive *naive, uint32_t place)
{
  while (place < PLACES && !naive->has[place]) place++;
  return place < PLACES ? place : RANKS_NONE;
}

static void compare(const struct ranks *ranks, const struct naive *naive, uint32_t place)
{
  assert_int_equal(ranks_has(ranks, place), naive->has[place]);
  assert_int_equal(ranks_before(ranks, place), naive_before(naive, place));
  assert_int_equal(ranks_next(ranks, place), naive_next(naive, place));
}

static void run(uint64_t seed, uint32_t adds_percent)
{
  struct memory memory = {0};
  struct random random;
  struct ranks ranks;
  static struct naive naive;
  uint32_t reserved = 0;
  memset(&naive, 0, sizeof naive);
  random_init(&random, seed);
  ranks_init(&ranks, &memory);
  for (int step = 0; step < 4000; step++) {
    if (reserved < PLACES && random_below(&random, 10) == 0) {
      reserved += (uint32_t)random_between(&random, 1, PLACES - reserved < 90 ? 1 : 90);
      assert_true(ranks_reserve(&ranks, reserved));
    }
    if (reserved == 0) continue;
    uint32_t place = (uint32_t)random_below(&random, reserved);
    bool add = random_below(&random, 100) < adds_percent;
    naive.has[place] = add;
    if (add)
      ranks_add(&ranks, place);
    else
      ranks_remove(&ranks, place);
    assert_int_equal(ranks.total, naive_before(&naive, PLACES));
    compare(&ranks, &naive, place);
    compare(&ranks, &naive, (uint32_t)random_below(&random, PLACES));
  }
  ranks_free(&ranks);
  assert_int_equal(memory.in_use, 0);
}

static void test_is_like_an_array_of_flags(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) run(seed, seed % 2 == 0 ? 90 : 40);
}

static void test_nothing_in_it(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct ranks ranks;
  ranks_init(&ranks, &memory);
  assert_false(ranks_has(&ranks, 0));
  assert_int_equal(ranks_before(&ranks, 0), 0);
  assert_int_equal(ranks_next(&ranks, 0), RANKS_NONE);
  ranks_remove(&ranks, 7);
  assert_true(ranks_reserve(&ranks, 0));
  assert_int_equal(memory.calls, 0);
  assert_true(ranks_reserve(&ranks, 1));
  assert_int_equal(ranks_next(&ranks, 0), RANKS_NONE);
  ranks_add(&ranks, 0);
  ranks_add(&ranks, 0);
  assert_int_equal(ranks.total, 1);
  assert_int_equal(ranks_next(&ranks, 0), 0);
  assert_int_equal(ranks_next(&ranks, 1), RANKS_NONE);
  assert_int_equal(ranks_before(&ranks, 100000), 1);
  ranks_free(&ranks);
  assert_int_equal(memory.in_use, 0);
}

static void test_a_million_places_are_small(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct ranks ranks;
  ranks_init(&ranks, &memory);
  for (uint32_t place = 0; place < 1000000; place++) {
    assert_true(ranks_reserve(&ranks, place + 1));
    ranks_add(&ranks, place);
  }
  assert_true(memory.in_use < 160000);
  for (uint32_t place = 0; place < 1000000; place += 997) {
    assert_int_equal(ranks_before(&ranks, place), place);
    assert_int_equal(ranks_next(&ranks, place), place);
  }
  ranks_free(&ranks);
}

static void test_without_memory_nothing_changes(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct ranks ranks;
  ranks_init(&ranks, &memory);
  assert_true(ranks_reserve(&ranks, 1));
  ranks_add(&ranks, 0);
  size_t before = memory.in_use;
  for (uint64_t n = 1; n <= 2; n++) {
    memory.fail_at = memory.calls + n;
    assert_false(ranks_reserve(&ranks, 100000));
    assert_int_equal(memory.in_use, before);
    assert_int_equal(ranks.total, 1);
    assert_true(ranks_has(&ranks, 0));
  }
  assert_true(ranks_reserve(&ranks, 100000));
  assert_true(ranks_has(&ranks, 0));
  ranks_free(&ranks);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_like_an_array_of_flags),
      cmocka_unit_test(test_nothing_in_it),
      cmocka_unit_test(test_a_million_places_are_small),
      cmocka_unit_test(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
