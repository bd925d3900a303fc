#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_blocks_are_aligned_and_apart(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  enum { BLOCKS = 2000 };
  uint8_t *blocks[BLOCKS];
  for (size_t i = 0; i < BLOCKS; i++) {
    blocks[i] = arena_alloc(&arena, i % 97);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % 8, 0);
    memset(blocks[i], (int)i & 0xFF, i % 97);
  }
  for (size_t i = 0; i < BLOCKS; i++)
    for (size_t j = 0; j < i % 97; j++) assert_int_equal(blocks[i][j], i & 0xFF);
  assert_true(memory.calls > 1);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_sizes_at_the_edge(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_non_null(arena_alloc(&arena, 0));
  uint64_t calls = memory.calls;
  assert_null(arena_alloc(&arena, SIZE_MAX));
  assert_null(arena_alloc(&arena, SIZE_MAX - 6));
  assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
  assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 4));
  assert_int_equal(memory.calls, calls);
  uint64_t *array = arena_alloc_array(&arena, 100, sizeof(*array));
  assert_non_null(array);
  array[99] = 1;
  /* Exactly to the end of the chunk, then one more. */
  size_t left = (size_t)(arena.end - arena.next);
  assert_non_null(arena_alloc(&arena, left));
  assert_int_equal(memory.calls, calls);
  assert_non_null(arena_alloc(&arena, 1));
  assert_int_equal(memory.calls, calls + 1);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_huge_block_is_not_kept(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_non_null(arena_alloc(&arena, 10));
  size_t small = memory.in_use;
  uint8_t *huge = arena_alloc(&arena, 5 << 20);
  assert_non_null(huge);
  huge[(5 << 20) - 1] = 1;
  arena_reset(&arena);
  assert_int_equal(memory.in_use, small);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  /* Alone, it leaves nothing behind. */
  assert_non_null(arena_alloc(&arena, 5 << 20));
  arena_reset(&arena);
  assert_int_equal(memory.in_use, 0);
  assert_non_null(arena_alloc(&arena, 1));
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_steady_state_allocates_nothing(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  uint64_t calls = 0;
  for (int request = 0; request < 100; request++) {
    for (int i = 0; i < 1000; i++) assert_non_null(arena_alloc(&arena, 300));
    arena_reset(&arena);
    if (request == 10) calls = memory.calls;
  }
  assert_int_equal(memory.calls, calls);
  arena_reset(&arena);
  arena_free(&arena);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_copy(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  char text[] = "row 7";
  struct bytes copy = arena_copy(&arena, bytes_of_text(text));
  text[0] = 'x';
  assert_true(bytes_equal(copy, BYTES("row 7")));
  struct bytes empty = arena_copy(&arena, bytes_of(NULL, 0));
  assert_non_null(empty.data);
  assert_int_equal(empty.size, 0);
  arena_free(&arena);
}

static void test_failures(void **unused)
{
  (void)unused;
  for (uint64_t n = 1;; n++) {
    struct memory memory = {.fail_at = n};
    struct arena arena;
    arena_init(&arena, &memory);
    uint8_t *first = arena_alloc(&arena, 8);
    if (first != NULL) memset(first, 7, 8);
    bool done = first != NULL;
    for (int i = 0; i < 40; i++) done = arena_alloc(&arena, 5000) != NULL && done;
    done = arena_copy(&arena, BYTES("end")).data != NULL && done;
    assert_int_equal(done, memory.calls < n);
    /* A failure loses neither earlier blocks nor the arena. */
    if (first != NULL) assert_int_equal(first[7], 7);
    assert_non_null(arena_alloc(&arena, 100));
    arena_free(&arena);
    assert_int_equal(memory.in_use, 0);
    if (!done) continue;
    assert_true(n > 3);
    break;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_are_aligned_and_apart),
      cmocka_unit_test(test_sizes_at_the_edge),
      cmocka_unit_test(test_huge_block_is_not_kept),
      cmocka_unit_test(test_steady_state_allocates_nothing),
      cmocka_unit_test(test_copy),
      cmocka_unit_test(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
