#include "room/identities.h"

#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NUMBERS = 60000 };

/* A map from numbers to their hashes, looked through from the newest on. */
struct naive {
  uint32_t count;
  uint64_t hashes[NUMBERS];
  bool there[NUMBERS];
};

static struct naive naive;

static bool is_alive(void *context, uint32_t number)
{
  const struct naive *map = context;
  return map->there[number];
}

/* As the room does: among what may be it, the first whose whole hash is. */
static uint32_t find(const struct identities *identities, uint64_t hash)
{
  struct identity_search search = {hash, 0};
  uint32_t number;
  while ((number = identities_next(identities, &search)) != IDENTITIES_NONE)
    if (naive.there[number] && naive.hashes[number] == hash) return number;
  return IDENTITIES_NONE;
}

static uint32_t naive_find(uint64_t hash)
{
  for (uint32_t number = naive.count; number-- > 0;)
    if (naive.there[number] && naive.hashes[number] == hash) return number;
  return IDENTITIES_NONE;
}

static uint64_t random_hash(struct random *random)
{
  return random_u64(random) >> (64 - IDENTITY_HASH_BITS);
}

static void add(struct identities *identities, uint64_t hash)
{
  assert_true(identities_reserve(identities, hash, is_alive, &naive));
  naive.hashes[naive.count] = hash;
  naive.there[naive.count] = true;
  identities_add(identities, hash, naive.count++);
}

static void test_is_like_a_map(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct random random;
  struct identities identities;
  naive = (struct naive){0};
  random_init(&random, 3);
  assert_true(identities_init(&identities, &memory, 2000));
  for (int step = 0; step < 20000; step++) {
    uint64_t what = random_below(&random, 100);
    uint32_t number = naive.count == 0 ? 0 : (uint32_t)random_below(&random, naive.count);
    if (what < 60 || naive.count == 0) {
      /* Some hashes come again after their number is gone, some while it is there. */
      uint64_t hash = random_hash(&random);
      if (what < 10 && naive.count > 0) hash = naive.hashes[number];
      add(&identities, hash);
    } else if (what < 75) {
      naive.there[number] = false; /* gone; forgotten when its partition is full */
    } else if (what < 80) {
      number = naive.count - 1;
      if (naive.there[number]) identities_remove(&identities, naive.hashes[number], number);
      naive.there[number] = false;
    }
    uint64_t hash = step % 2 == 0 && naive.count > 0 ? naive.hashes[number] : random_hash(&random);
    assert_int_equal(find(&identities, hash), naive_find(hash));
  }
  identities_free(&identities);
  assert_int_equal(memory.in_use, 0);
}

static void test_the_newest_comes_first(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct identities identities;
  naive = (struct naive){0};
  assert_true(identities_init(&identities, &memory, 1));
  for (int i = 0; i < 5; i++) add(&identities, 7);
  identities_remove(&identities, 7, 3);
  struct identity_search search = {7, 0};
  assert_int_equal(identities_next(&identities, &search), 4);
  assert_int_equal(identities_next(&identities, &search), 2);
  assert_int_equal(identities_next(&identities, &search), 1);
  assert_int_equal(identities_next(&identities, &search), 0);
  assert_int_equal(identities_next(&identities, &search), IDENTITIES_NONE);
  identities_free(&identities);
}

/* Crowd after crowd that leaves: what is gone takes no memory for long. */
static void test_the_gone_are_forgotten(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct random random;
  struct identities identities;
  naive = (struct naive){0};
  random_init(&random, 4);
  assert_true(identities_init(&identities, &memory, 4000));
  size_t most = 0;
  for (int crowd = 0; crowd < 15; crowd++) {
    uint32_t first = naive.count;
    for (int i = 0; i < 4000; i++) add(&identities, random_hash(&random));
    if (crowd == 0) most = memory.in_use;
    for (uint32_t number = first; number < naive.count; number++) naive.there[number] = false;
  }
  /* A partition grows when more than usual are in it, not with all who ever were. */
  assert_true(memory.in_use < most + most / 3);
  identities_free(&identities);
}

static bool everybody_is(void *context, uint32_t number)
{
  (void)context;
  (void)number;
  return true;
}

static void test_a_million_takes_five_bytes_each(void **state)
{
  enum { COUNT = 1000000 };
  (void)state;
  struct memory memory = {0};
  struct random random;
  struct identities identities;
  random_init(&random, 5);
  assert_true(identities_init(&identities, &memory, COUNT));
  for (uint32_t number = 0; number < COUNT; number++) {
    uint64_t hash = random_hash(&random);
    assert_true(identities_reserve(&identities, hash, everybody_is, NULL));
    identities_add(&identities, hash, number);
  }
  print_message("identities: %.2f bytes each\n", (double)memory.in_use / COUNT);
  assert_true(memory.in_use < 5 * COUNT);
  identities_free(&identities);
}

static void test_without_memory_nothing_changes(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  struct identities identities;
  naive = (struct naive){0};
  assert_false(identities_init(&identities, &memory, 1000));
  identities_free(&identities);
  memory.fail_at = 0;
  assert_true(identities_init(&identities, &memory, 1));
  for (int i = 0; i < 16; i++) add(&identities, 7);
  memory.fail_at = memory.calls + 1;
  assert_false(identities_reserve(&identities, 7, is_alive, &naive));
  assert_int_equal(find(&identities, 7), 15);
  add(&identities, 7);
  assert_int_equal(find(&identities, 7), 16);
  identities_free(&identities);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_like_a_map),
      cmocka_unit_test(test_the_newest_comes_first),
      cmocka_unit_test(test_the_gone_are_forgotten),
      cmocka_unit_test(test_a_million_takes_five_bytes_each),
      cmocka_unit_test(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
