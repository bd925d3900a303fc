#include "queue/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct thing {
  struct queue_entry entry;
  uint32_t value;
};

static void set_key(uint8_t key[QUEUE_KEY_BYTES], uint64_t number, bool in_order)
{
  memset(key, 7, QUEUE_KEY_BYTES);
  uint64_t low = in_order ? __builtin_bswap64(number) : number * UINT64_C(0x2545f4914f6cdd1d);
  memcpy(key + 8, &low, sizeof low);
}

static uint32_t add(struct queue_pool *pool, struct queue_index *index, uint64_t number,
                    bool in_order)
{
  assert_true(queue_pool_reserve(pool));
  uint32_t taken = queue_pool_take(pool);
  struct thing *thing = queue_pool_at(pool, taken);
  set_key(thing->entry.key, number, in_order);
  queue_index_insert(index, taken);
  return taken;
}

/* Up and down again, by ids that count upwards and by spread ones. */
static void grow_and_shrink(bool in_order)
{
  enum { COUNT = 40000 };
  struct memory memory = {0};
  struct queue_pool pool;
  struct queue_index index;
  static uint32_t numbers[COUNT];
  queue_pool_init(&pool, &memory, sizeof(struct thing));
  assert_true(queue_index_init(&index, &pool, &memory));
  size_t empty_bytes = queue_index_bytes(&index);
  for (uint64_t i = 0; i < COUNT; i++) numbers[i] = add(&pool, &index, i, in_order);
  assert_true(index.bucket_count > 1024);
  assert_true(index.overflowed < COUNT / 20); /* nearly all are found in one cache line */
  assert_true(queue_index_bytes(&index) < COUNT * 16);
  uint8_t key[QUEUE_KEY_BYTES];
  for (uint64_t i = 0; i < COUNT; i++) {
    set_key(key, i, in_order);
    assert_int_equal(queue_index_find(&index, key), numbers[i]);
  }
  set_key(key, COUNT, in_order);
  assert_int_equal(queue_index_find(&index, key), 0);
  for (uint64_t i = 0; i < COUNT; i++) {
    queue_index_remove(&index, numbers[i]);
    set_key(key, i, in_order);
    assert_int_equal(queue_index_find(&index, key), 0);
    if (i + 1 == COUNT) break;
    set_key(key, COUNT - 1, in_order);
    assert_int_equal(queue_index_find(&index, key), numbers[COUNT - 1]);
  }
  assert_int_equal(index.count, 0);
  assert_int_equal(index.overflowed, 0);
  assert_true(queue_index_bytes(&index) <= 2 * empty_bytes);
  queue_index_free(&index);
  queue_pool_free(&pool);
  assert_int_equal(memory.in_use, 0);
}

static void test_ids_that_count_upwards(void **state)
{
  (void)state;
  grow_and_shrink(true);
}

static void test_digests(void **state)
{
  (void)state;
  grow_and_shrink(false);
}

/* Without memory for more buckets chains become longer, and everything is found. */
static void test_no_memory_fails_no_insert(void **state)
{
  enum { COUNT = 12000 };
  (void)state;
  struct memory pool_memory = {0};
  struct memory memory = {0};
  struct queue_pool pool;
  struct queue_index index;
  static uint32_t numbers[COUNT];
  queue_pool_init(&pool, &pool_memory, sizeof(struct thing));
  assert_true(queue_index_init(&index, &pool, &memory));
  for (uint64_t i = 0; i < COUNT; i++) {
    memory.fail_at = memory.calls + 1;
    numbers[i] = add(&pool, &index, i, true);
  }
  assert_int_equal(index.bucket_count, 1024);
  for (uint64_t i = 0; i < COUNT; i++) {
    uint8_t key[QUEUE_KEY_BYTES];
    set_key(key, i, true);
    assert_int_equal(queue_index_find(&index, key), numbers[i]);
  }
  queue_index_free(&index);
  for (uint64_t n = 1; n <= 2; n++) {
    memory.fail_at = memory.calls + n;
    assert_false(queue_index_init(&index, &pool, &memory));
    assert_int_equal(memory.in_use, 0);
  }
  queue_pool_free(&pool);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ids_that_count_upwards),
      cmocka_unit_test(test_digests),
      cmocka_unit_test(test_no_memory_fails_no_insert),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
