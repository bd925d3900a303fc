#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <string.h>

enum { HUGE_PAGE = 2 << 20 };

static void test_alloc_and_free(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  uint8_t *block = memory_alloc(&memory, 100);
  assert_non_null(block);
  assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
  memset(block, 1, 100);
  assert_int_equal(memory.in_use, 100);
  uint8_t *zeroed = memory_alloc_zeroed(&memory, 1000);
  assert_non_null(zeroed);
  for (size_t i = 0; i < 1000; i++) assert_int_equal(zeroed[i], 0);
  assert_int_equal(memory.in_use, 1100);
  assert_int_equal(memory.calls, 2);
  memory_free(&memory, block, 100);
  memory_free(&memory, zeroed, 1000);
  memory_free(&memory, NULL, 0);
  assert_int_equal(memory.in_use, 0);
}

static void test_size_zero_is_an_address(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  void *block = memory_alloc(&memory, 0);
  void *zeroed = memory_alloc_zeroed(&memory, 0);
  assert_non_null(block);
  assert_non_null(zeroed);
  assert_int_equal(memory.in_use, 0);
  block = memory_resize(&memory, block, 0, 0);
  assert_non_null(block);
  memory_free(&memory, block, 0);
  memory_free(&memory, zeroed, 0);
}

static void test_resize_keeps_contents(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  uint8_t *block = memory_resize(&memory, NULL, 0, 10);
  assert_non_null(block);
  memcpy(block, "0123456789", 10);
  block = memory_resize(&memory, block, 10, 100000);
  assert_memory_equal(block, "0123456789", 10);
  assert_int_equal(memory.in_use, 100000);
  block = memory_resize(&memory, block, 100000, 4);
  assert_memory_equal(block, "0123", 4);
  assert_int_equal(memory.in_use, 4);
  assert_int_equal(memory.calls, 3);
  memory_free(&memory, block, 4);
  assert_int_equal(memory.in_use, 0);
}

static void test_map(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  for (size_t pages = 1; pages <= 3; pages++) {
    uint8_t *block = memory_map(&memory, pages * HUGE_PAGE);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % HUGE_PAGE, 0);
    assert_int_equal(block[0], 0);
    assert_int_equal(block[pages * HUGE_PAGE - 1], 0);
    block[pages * HUGE_PAGE - 1] = 1;
    assert_int_equal(memory.in_use, pages * HUGE_PAGE);
    memory_unmap(&memory, block, pages * HUGE_PAGE);
    assert_int_equal(memory.in_use, 0);
  }
  uint8_t *page = memory_map(&memory, 4096);
  assert_non_null(page);
  page[4095] = 1;
  memory_unmap(&memory, page, 4096);
  memory_unmap(&memory, NULL, 0);
  assert_int_equal(memory.in_use, 0);
}

/* One round over every kind of call; NULL exactly for the nth. */
static void test_the_nth_call_fails_once(void **unused)
{
  (void)unused;
  for (uint64_t n = 1; n <= 6; n++) {
    struct memory memory = {.fail_at = n};
    void *alloc = memory_alloc(&memory, 8);
    assert_int_equal(alloc == NULL, n == 1);
    void *zeroed = memory_alloc_zeroed(&memory, 8);
    assert_int_equal(zeroed == NULL, n == 2);
    void *resized = memory_resize(&memory, NULL, 0, 8);
    assert_int_equal(resized == NULL, n == 3);
    void *mapped = memory_map(&memory, 4096);
    assert_int_equal(mapped == NULL, n == 4);
    assert_int_equal(memory_permit(&memory), n != 5);
    assert_int_equal(memory.calls, 5);
    memory_free(&memory, alloc, 8);
    memory_free(&memory, zeroed, 8);
    memory_free(&memory, resized, 8);
    memory_unmap(&memory, mapped, 4096);
    assert_int_equal(memory.in_use, 0);
  }
}

static void test_failed_resize_leaves_the_block(void **unused)
{
  (void)unused;
  struct memory memory = {.fail_at = 2};
  char *block = memory_alloc(&memory, 5);
  memcpy(block, "seat", 5);
  assert_null(memory_resize(&memory, block, 5, 5000));
  assert_string_equal(block, "seat");
  assert_int_equal(memory.in_use, 5);
  memory_free(&memory, block, 5);
  assert_int_equal(memory.in_use, 0);
}

static void test_impossible_size(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  assert_null(memory_map(&memory, (size_t)1 << 62));
  assert_null(memory_map(&memory, ((size_t)1 << 62) + 4096));
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alloc_and_free),
      cmocka_unit_test(test_size_zero_is_an_address),
      cmocka_unit_test(test_resize_keeps_contents),
      cmocka_unit_test(test_map),
      cmocka_unit_test(test_the_nth_call_fails_once),
      cmocka_unit_test(test_failed_resize_leaves_the_block),
      cmocka_unit_test(test_impossible_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
