#include "net/http2_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_blocks_are_counted_and_freed(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct http2_memory blocks = {.memory = &memory};
  nghttp2_mem mem = http2_memory_interface(&blocks);
  uint8_t *given[20];
  for (size_t i = 0; i < 20; i++) {
    given[i] = i % 2 == 0 ? mem.malloc(i * 10, mem.mem_user_data)
                          : mem.calloc(i, 10, mem.mem_user_data);
    assert_non_null(given[i]);
    assert_int_equal((uintptr_t)given[i] % 16, 0);
    for (size_t at = 0; i % 2 == 1 && at < i * 10; at++) assert_int_equal(given[i][at], 0);
    memset(given[i], (int)i, i * 10);
  }
  assert_true(memory.in_use > 1900);
  for (size_t i = 0; i < 20; i++) {
    given[i] = mem.realloc(given[i], i * 20, mem.mem_user_data);
    for (size_t at = 0; at < i * 10; at++) assert_int_equal(given[i][at], i);
  }
  for (size_t i = 0; i < 20; i++) mem.free(given[i * 7 % 20], mem.mem_user_data);
  mem.free(NULL, mem.mem_user_data);
  void *fresh = mem.realloc(NULL, 5, mem.mem_user_data);
  assert_non_null(fresh);
  mem.free(fresh, mem.mem_user_data);
  assert_false(blocks.starved);
  http2_memory_free(&blocks);
  assert_int_equal(memory.in_use, 0);
}

static void test_what_is_left_after_a_failure_is_freed(void **state)
{
  (void)state;
  for (int kind = 0; kind < 6; kind++) {
    struct memory memory = {0};
    struct http2_memory blocks = {.memory = &memory};
    nghttp2_mem mem = http2_memory_interface(&blocks);
    uint8_t *first = mem.malloc(100, mem.mem_user_data);
    assert_non_null(first);
    assert_non_null(mem.malloc(10, mem.mem_user_data));
    memset(first, 7, 100);
    if (kind < 3) memory.fail_at = memory.calls + 1;
    void *given = NULL;
    if (kind == 0) given = mem.malloc(1, mem.mem_user_data);
    if (kind == 1) given = mem.calloc(1, 1, mem.mem_user_data);
    if (kind == 2) given = mem.realloc(first, 200, mem.mem_user_data);
    if (kind == 3) given = mem.malloc(SIZE_MAX, mem.mem_user_data);
    if (kind == 4) given = mem.calloc(SIZE_MAX / 2, 3, mem.mem_user_data);
    if (kind == 5) given = mem.realloc(first, SIZE_MAX - 8, mem.mem_user_data);
    assert_null(given);
    assert_true(blocks.starved);
    assert_int_equal(first[99], 7);
    assert_true(memory.in_use > 110);
    http2_memory_free(&blocks);
    assert_int_equal(memory.in_use, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_are_counted_and_freed),
      cmocka_unit_test(test_what_is_left_after_a_failure_is_freed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
