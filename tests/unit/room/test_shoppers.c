#include "room/shoppers.h"

#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NUMBERS = 3000 };

static void test_is_like_an_array(void **state)
{
  (void)state;
  static bool there[NUMBERS];
  static int64_t expires_ms[NUMBERS];
  struct memory memory = {0};
  struct random random;
  struct shoppers shoppers;
  uint32_t count = 0;
  random_init(&random, 2);
  shoppers_init(&shoppers, &memory);
  assert_null(shoppers_find(&shoppers, 0));
  for (int step = 0; step < 40000; step++) {
    /* Numbers with the same low bits are in one chain. */
    uint32_t number = (uint32_t)random_below(&random, NUMBERS) / 8 * 8;
    struct shopper *shopper = shoppers_find(&shoppers, number);
    assert_int_equal(shopper != NULL, there[number]);
    if (shopper != NULL) {
      assert_int_equal(shopper->number, number);
      assert_int_equal(shopper->expires_ms, expires_ms[number]);
    }
    if (shopper == NULL && random_below(&random, 10) < (step < 20000 ? 8 : 4)) {
      assert_true(shoppers_reserve(&shoppers, 1));
      expires_ms[number] = step;
      const struct shopper made = {.number = number, .expires_ms = step};
      shoppers_add(&shoppers, &made);
      shopper = shoppers_find(&shoppers, number);
      assert_true(shopper->used && shopper->holds == 0 && !shopper->bound);
      there[number] = true;
      count++;
    } else if (shopper != NULL && random_below(&random, 10) < 3) {
      shoppers_remove(&shoppers, number);
      there[number] = false;
      count--;
    }
    assert_int_equal(shoppers.count, count);
    assert_true(shoppers.used <= shoppers.capacity);
  }
  shoppers_free(&shoppers);
  assert_int_equal(memory.in_use, 0);
}

static void test_places_are_used_again(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct shoppers shoppers;
  shoppers_init(&shoppers, &memory);
  for (uint32_t number = 0; number < 100000; number++) {
    assert_true(shoppers_reserve(&shoppers, 1));
    shoppers_add(&shoppers, &(struct shopper){.number = number});
    if (number >= 40) shoppers_remove(&shoppers, number - 40);
  }
  assert_int_equal(shoppers.capacity, 64);
  assert_int_equal(shoppers.count, 40);
  shoppers_free(&shoppers);
}

static void test_without_memory_nothing_changes(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct shoppers shoppers;
  shoppers_init(&shoppers, &memory);
  for (uint64_t n = 1; n <= 2; n++) {
    memory.fail_at = memory.calls + n;
    assert_false(shoppers_reserve(&shoppers, 1));
    assert_int_equal(memory.in_use, 0);
  }
  for (uint32_t number = 0; number < 64; number++) {
    assert_true(shoppers_reserve(&shoppers, 1));
    shoppers_add(&shoppers, &(struct shopper){.number = number, .holds = number});
  }
  for (uint64_t n = 1; n <= 2; n++) {
    memory.fail_at = memory.calls + n;
    assert_false(shoppers_reserve(&shoppers, 1));
  }
  assert_true(shoppers_reserve(&shoppers, 1));
  assert_int_equal(shoppers.capacity, 128);
  for (uint32_t number = 0; number < 64; number++)
    assert_int_equal(shoppers_find(&shoppers, number)->holds, number);
  shoppers_free(&shoppers);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_like_an_array),
      cmocka_unit_test(test_places_are_used_again),
      cmocka_unit_test(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
