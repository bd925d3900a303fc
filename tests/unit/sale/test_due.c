#include "sale/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 200 };

static void test_what_is_due_comes_in_order(void **state)
{
  struct memory memory = {0};
  struct due_heap heap;
  struct due dues[COUNT] = {0};
  (void)state;
  due_heap_init(&heap, &memory);
  srand(7);
  for (int i = 0; i < COUNT; i++) {
    assert_true(due_heap_reserve(&heap));
    due_set(&heap, &dues[i], rand() % 1000);
  }
  /* Some move, some go. */
  for (int i = 0; i < COUNT; i += 3) due_set(&heap, &dues[i], rand() % 1000);
  for (int i = 0; i < COUNT; i += 5) due_clear(&heap, &dues[i]);
  due_clear(&heap, &dues[0]);
  assert_int_equal(heap.count, COUNT - COUNT / 5);
  due_shift(&heap, -100);
  int64_t last_ms = -100;
  while (heap.count > 0) {
    struct due *first = due_first(&heap, 900);
    assert_non_null(first);
    assert_true(first->at_ms >= last_ms);
    assert_null(due_first(&heap, first->at_ms - 1));
    last_ms = first->at_ms;
    due_clear(&heap, first);
  }
  assert_null(due_first(&heap, INT64_MAX));
  due_heap_free(&heap);
  assert_int_equal(memory.in_use, 0);
}

static void test_without_memory_there_is_no_room(void **state)
{
  struct memory memory = {.fail_at = 1};
  struct due_heap heap;
  (void)state;
  due_heap_init(&heap, &memory);
  assert_false(due_heap_reserve(&heap));
  assert_true(due_heap_reserve(&heap));
  due_heap_free(&heap);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_due_comes_in_order),
      cmocka_unit_test(test_without_memory_there_is_no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
