#include "queue/pool.h"

#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct thing {
  struct queue_link link;
  uint64_t value;
};

static const size_t LINK = offsetof(struct thing, link);

static uint32_t take(struct queue_pool *pool, uint64_t value)
{
  assert_true(queue_pool_reserve(pool));
  uint32_t number = queue_pool_take(pool);
  assert_int_not_equal(number, 0);
  struct thing *thing = queue_pool_at(pool, number);
  assert_int_equal(thing->link.next, 0);
  assert_int_equal(thing->value, 0);
  thing->value = value;
  return number;
}

static void test_structs_keep_what_is_in_them(void **state)
{
  enum { COUNT = 5000 };
  (void)state;
  struct memory memory = {0};
  struct queue_pool pool;
  static uint32_t numbers[COUNT];
  struct random random;
  random_init(&random, 1);
  queue_pool_init(&pool, &memory, sizeof(struct thing));
  for (int round = 0; round < 20000; round++) {
    size_t at = random_below(&random, COUNT);
    if (numbers[at] == 0) {
      numbers[at] = take(&pool, at);
      continue;
    }
    const struct thing *thing = queue_pool_at(&pool, numbers[at]);
    assert_int_equal(thing->value, at);
    queue_pool_release(&pool, numbers[at]);
    numbers[at] = 0;
  }
  queue_pool_free(&pool);
  assert_int_equal(memory.in_use, 0);
}

/* What was once in it is given back, whichever goes first; one page is kept. */
static void test_memory_follows_what_is_in_it(void **state)
{
  enum { COUNT = 20 * POOL_PAGE_COUNT };
  (void)state;
  struct memory memory = {0};
  struct queue_pool pool;
  static uint32_t numbers[COUNT];
  queue_pool_init(&pool, &memory, sizeof(struct thing));
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < COUNT; i++) numbers[i] = take(&pool, 1);
    assert_true(memory.in_use > COUNT * sizeof(struct thing));
    assert_true(memory.in_use < COUNT * sizeof(struct thing) * 11 / 10);
    for (int i = 0; i < COUNT; i++) {
      int at = round == 0 ? i : round == 1 ? COUNT - 1 - i : (i * 7919) % COUNT;
      queue_pool_release(&pool, numbers[at]);
    }
    assert_true(memory.in_use < 4 * POOL_PAGE_COUNT * sizeof(struct thing));
    assert_true(queue_pool_bytes(&pool) <= memory.in_use);
  }
  queue_pool_free(&pool);
  assert_int_equal(memory.in_use, 0);
}

/* Releases between a reserve and its take do not give away what was reserved. */
static void test_what_was_reserved_is_there(void **state)
{
  enum { COUNT = 3 * POOL_PAGE_COUNT };
  (void)state;
  struct memory memory = {0};
  struct queue_pool pool;
  static uint32_t numbers[COUNT];
  queue_pool_init(&pool, &memory, sizeof(struct thing));
  for (int i = 0; i < COUNT; i++) numbers[i] = take(&pool, 1);
  for (int i = 0; i < COUNT; i++) assert_true(queue_pool_reserve(&pool));
  for (int i = 0; i < COUNT; i++) queue_pool_release(&pool, numbers[i]);
  memory.fail_at = memory.calls + 1;
  for (int i = 0; i < COUNT; i++) (void)queue_pool_take(&pool);
  memory.fail_at = 0;
  queue_pool_free(&pool);
}

static void test_no_memory_refuses_a_reserve(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct queue_pool pool;
  queue_pool_init(&pool, &memory, sizeof(struct thing));
  /* Two for the directory, one for the page. */
  for (uint64_t n = 1; n <= 3; n++) {
    memory.fail_at = memory.calls + n;
    assert_false(queue_pool_reserve(&pool));
    queue_pool_free(&pool);
    assert_int_equal(memory.in_use, 0);
  }
  memory.fail_at = 0;
  assert_true(queue_pool_reserve(&pool));
  queue_pool_unreserve(&pool);
  queue_pool_free(&pool);
  assert_int_equal(memory.in_use, 0);
}

static void test_a_ring_keeps_its_order(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct queue_pool pool;
  uint32_t head = 0;
  uint32_t numbers[4];
  queue_pool_init(&pool, &memory, sizeof(struct thing));
  for (int i = 0; i < 4; i++) numbers[i] = take(&pool, (uint64_t)i);
  queue_ring_append(&pool, LINK, &head, numbers[0]);
  queue_ring_append(&pool, LINK, &head, numbers[2]);
  queue_ring_insert(&pool, LINK, numbers[2], numbers[1]);
  queue_ring_append(&pool, LINK, &head, numbers[3]);
  uint32_t at = head;
  for (int i = 0; i < 4; i++, at = queue_ring_next(&pool, LINK, head, at))
    assert_int_equal(at, numbers[i]);
  assert_int_equal(at, 0);
  queue_ring_remove(&pool, LINK, &head, numbers[0]);
  assert_int_equal(head, numbers[1]);
  queue_ring_remove(&pool, LINK, &head, numbers[2]);
  assert_int_equal(queue_ring_next(&pool, LINK, head, numbers[1]), numbers[3]);
  queue_ring_remove(&pool, LINK, &head, numbers[3]);
  queue_ring_remove(&pool, LINK, &head, numbers[1]);
  assert_int_equal(head, 0);
  queue_pool_free(&pool);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_structs_keep_what_is_in_them),
      cmocka_unit_test(test_memory_follows_what_is_in_it),
      cmocka_unit_test(test_what_was_reserved_is_there),
      cmocka_unit_test(test_no_memory_refuses_a_reserve),
      cmocka_unit_test(test_a_ring_keeps_its_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
