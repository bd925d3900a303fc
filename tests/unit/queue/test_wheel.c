#include "queue/wheel.h"

#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct thing {
  struct queue_link link;
  int64_t deadline_ms;
};

struct bench {
  struct memory memory;
  struct queue_pool pool;
  struct queue_wheel wheel;
};

static const size_t LINK = offsetof(struct thing, link);

static void open_bench(struct bench *bench)
{
  *bench = (struct bench){0};
  queue_pool_init(&bench->pool, &bench->memory, sizeof(struct thing));
  queue_wheel_init(&bench->wheel, &bench->pool, LINK, offsetof(struct thing, deadline_ms), 0);
}

static struct thing *at(struct bench *bench, uint32_t number)
{
  return queue_pool_at(&bench->pool, number);
}

static uint32_t add(struct bench *bench, int64_t deadline_ms)
{
  assert_true(queue_pool_reserve(&bench->pool));
  uint32_t number = queue_pool_take(&bench->pool);
  at(bench, number)->deadline_ms = deadline_ms;
  queue_wheel_add(&bench->wheel, number);
  return number;
}

static bool advance(struct bench *bench, int64_t now_ms, uint32_t steps)
{
  return queue_wheel_advance(&bench->wheel, now_ms, &steps);
}

static void remove_one(struct bench *bench, uint32_t number)
{
  queue_wheel_remove(&bench->wheel, number);
  queue_pool_release(&bench->pool, number);
}

static const int64_t NOW_MS = 1767225600000; /* 2026 */

static void test_nothing_is_due_early_or_late(void **state)
{
  (void)state;
  static const int64_t after_ms[] = {1,      63,     64,       65,         4095,       4096,
                                     4097,   30000,  43200000, 1209600000, 1209600001, 262143,
                                     262144, 262145, 0,        -5};
  struct bench bench;
  for (size_t i = 0; i < sizeof after_ms / sizeof after_ms[0]; i++) {
    open_bench(&bench);
    assert_true(advance(&bench, NOW_MS + 7, 10));
    int64_t deadline_ms = NOW_MS + 7 + after_ms[i];
    uint32_t number = add(&bench, deadline_ms);
    if (after_ms[i] > 0) {
      assert_true(advance(&bench, deadline_ms - 1, 100));
      assert_int_equal(bench.wheel.due, 0);
      assert_true(queue_wheel_next_ms(&bench.wheel) <= deadline_ms);
      assert_true(queue_wheel_next_ms(&bench.wheel) > NOW_MS + 7);
      assert_true(advance(&bench, deadline_ms, 100));
    }
    assert_int_equal(bench.wheel.due, number);
    assert_true(queue_wheel_next_ms(&bench.wheel) == INT64_MIN);
    remove_one(&bench, number);
    assert_true(queue_wheel_next_ms(&bench.wheel) == INT64_MAX);
    queue_pool_free(&bench.pool);
  }
}

/* A step moves one struct, and each is moved at most six times before it is due. */
static void test_work_is_bounded(void **state)
{
  enum { COUNT = 10000 };
  (void)state;
  struct bench bench;
  open_bench(&bench);
  assert_true(advance(&bench, NOW_MS, 1));
  for (int i = 0; i < COUNT; i++) (void)add(&bench, NOW_MS + 43200000);
  uint64_t steps_used = 0;
  for (bool done = false; !done;) {
    uint32_t steps = 7;
    done = queue_wheel_advance(&bench.wheel, NOW_MS + 43200000, &steps);
    steps_used += 7 - steps;
  }
  assert_true(steps_used <= 6 * COUNT);
  size_t due = 0;
  for (uint32_t number = bench.wheel.due; number != 0;
       number = queue_ring_next(&bench.pool, LINK, bench.wheel.due, number))
    due++;
  assert_int_equal(due, COUNT);
  queue_pool_free(&bench.pool);
}

static void test_the_first_is_the_oldest(void **state)
{
  (void)state;
  struct bench bench;
  open_bench(&bench);
  assert_int_equal(queue_wheel_first(&bench.wheel), 0);
  assert_true(advance(&bench, NOW_MS - 1209600000, 1));
  uint32_t numbers[100];
  for (int i = 0; i < 100; i++) numbers[i] = add(&bench, NOW_MS + i * 1000);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(queue_wheel_first(&bench.wheel), numbers[i]);
    if (i == 50) assert_true(advance(&bench, NOW_MS + 20000, 1000));
    assert_int_equal(queue_wheel_first(&bench.wheel), numbers[i]);
    remove_one(&bench, numbers[i]);
  }
  queue_pool_free(&bench.pool);
}

/* Against a list: additions, removals and time in slices, far and near. */
static void test_random_times_against_a_list(void **state)
{
  enum { COUNT = 400, ROUNDS = 60000 };
  (void)state;
  static uint32_t numbers[COUNT];
  struct bench bench;
  struct random random;
  int64_t now_ms = NOW_MS;
  open_bench(&bench);
  random_init(&random, 5);
  for (int round = 0; round < ROUNDS; round++) {
    size_t place = random_below(&random, COUNT);
    uint64_t choice = random_below(&random, 10);
    if (choice < 5 && numbers[place] == 0) {
      int64_t span_ms = (int64_t)1 << random_below(&random, 32);
      numbers[place] = add(&bench, now_ms + (int64_t)random_below(&random, (uint64_t)span_ms));
    } else if (choice < 7 && numbers[place] != 0) {
      remove_one(&bench, numbers[place]);
      numbers[place] = 0;
    } else if (choice < 9) {
      now_ms += (int64_t)random_below(&random, (uint64_t)1 << random_below(&random, 24));
      (void)advance(&bench, now_ms, (uint32_t)random_below(&random, 20));
    } else {
      while (!advance(&bench, now_ms, 3)) continue;
      for (size_t i = 0; i < COUNT; i++) {
        if (numbers[i] == 0 || at(&bench, numbers[i])->deadline_ms > now_ms) continue;
        remove_one(&bench, numbers[i]); /* CHECKs that it is in a ring */
        numbers[i] = 0;
      }
      assert_int_equal(bench.wheel.due, 0); /* and nothing else was due */
    }
  }
  queue_pool_free(&bench.pool);
  assert_int_equal(bench.memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_is_due_early_or_late),
      cmocka_unit_test(test_work_is_bounded),
      cmocka_unit_test(test_the_first_is_the_oldest),
      cmocka_unit_test(test_random_times_against_a_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
