#include "store/heap.h"
#include "unit/store/value_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { REGION_BYTES = 64 << 10, MODEL_STEPS = 60000, MODEL_BLOCKS = 600 };

static size_t random_size(struct fixture_random *random)
{
  uint64_t kind = fixture_random_below(random, 20);
  if (kind == 0) return HEAP_SMALL_MAX - 20 + fixture_random_below(random, 40);
  if (kind < 4) return fixture_random_below(random, HEAP_SMALL_MAX);
  return fixture_random_below(random, 1200);
}

struct block {
  uint8_t *data; /* NULL: none */
  size_t size;
  uint8_t fill;
};

/* A block that another one overlaps no longer holds what it was filled with. */
static void assert_filled(const struct block *block)
{
  for (size_t i = 0; i < block->size; i++) assert_int_equal(block->data[i], block->fill);
}

static void test_model(void **state)
{
  (void)state;
  struct fixture_random random = fixture_random_init(4);
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/store/test_heap\n",
                (unsigned long long)random.seed);
  struct memory memory = {0};
  struct heap heap;
  heap_init(&heap, &memory, REGION_BYTES);
  static struct block blocks[MODEL_BLOCKS];
  size_t in_use = 0, large = 0;
  for (int step = 0; step < MODEL_STEPS; step++) {
    struct block *block = &blocks[fixture_random_below(&random, MODEL_BLOCKS)];
    size_t size = block->data == NULL ? random_size(&random) : block->size;
    size_t large_size = size > HEAP_SMALL_MAX ? size : 0;
    if (block->data == NULL) {
      block->data = heap_alloc(&heap, size);
      assert_non_null(block->data);
      assert_int_equal((uintptr_t)block->data % 8, 0);
      block->size = size;
      block->fill = (uint8_t)step;
      memset(block->data, block->fill, size);
      in_use += size;
      large += large_size;
    } else {
      assert_filled(block);
      heap_free(&heap, block->data, size);
      block->data = NULL;
      in_use -= size;
      large -= large_size;
    }
    assert_int_equal(heap.in_use, in_use);
    assert_int_equal(memory.in_use, heap.mapped + large);
  }
  for (size_t i = 0; i < MODEL_BLOCKS; i++) {
    if (blocks[i].data == NULL) continue;
    assert_filled(&blocks[i]);
    heap_free(&heap, blocks[i].data, blocks[i].size);
  }
  assert_int_equal(heap.in_use, 0);
  heap_free_all(&heap);
  assert_int_equal(heap.mapped, 0);
  assert_int_equal(memory.in_use, 0);
}

/* Two blocks of one size carved one after the other stand as far apart as their class is wide. */
static void test_classes_waste_at_most_an_eighth(void **state)
{
  (void)state;
  struct memory memory = {0};
  size_t last_width = 0;
  uint32_t classes = 0;
  for (size_t size = 1; size <= HEAP_SMALL_MAX; size += size < 2048 ? 1 : 61) {
    struct heap heap;
    heap_init(&heap, &memory, 3 * HEAP_SMALL_MAX);
    uint8_t *first = heap_alloc(&heap, size);
    uint8_t *second = heap_alloc(&heap, size);
    size_t width = (size_t)(second - first);
    assert_true(width >= size && width >= last_width);
    assert_true(width - size < (size < 64 ? 8 : (size + 7) / 8));
    classes += width != last_width;
    last_width = width;
    heap_free_all(&heap);
  }
  assert_int_equal(classes, HEAP_CLASSES);
  assert_int_equal(last_width, HEAP_SMALL_MAX);
}

static void test_freed_block_is_used_again(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct heap heap;
  heap_init(&heap, &memory, REGION_BYTES);
  void *first = heap_alloc(&heap, 100);
  void *second = heap_alloc(&heap, 0);
  assert_non_null(second);
  heap_free(&heap, first, 100);
  assert_ptr_equal(heap_alloc(&heap, 97), first);
  assert_ptr_not_equal(heap_alloc(&heap, 97), first);
  heap_free_all(&heap);
  assert_int_equal(memory.in_use, 0);
}

/* What a region has left when a block does not fit becomes smaller free blocks. */
static void test_rest_of_a_region_is_used(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct heap heap;
  heap_init(&heap, &memory, REGION_BYTES);
  assert_non_null(heap_alloc(&heap, HEAP_SMALL_MAX));
  assert_non_null(heap_alloc(&heap, HEAP_SMALL_MAX));
  assert_int_equal(heap.mapped, 2 * REGION_BYTES);
  /* 32,760 bytes were left: a block of 30 KiB, one of 2,040 or less, and so on. */
  assert_non_null(heap_alloc(&heap, HEAP_SMALL_MAX));
  assert_int_equal(heap.mapped, 3 * REGION_BYTES);
  for (int i = 0; i < 2; i++) assert_non_null(heap_alloc(&heap, 30 << 10));
  assert_int_equal(heap.mapped, 3 * REGION_BYTES);
  heap_free_all(&heap);
  assert_int_equal(memory.in_use, 0);
}

static void test_reserved_blocks_cannot_fail(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct heap heap;
  heap_init(&heap, &memory, REGION_BYTES);
  assert_true(heap_reserve(&heap, 1024, 200));
  assert_true(heap_reserve(&heap, 300, 5));
  assert_int_equal(heap.in_use, 0);
  uint64_t calls = memory.calls;
  for (int i = 0; i < 200; i++) {
    memory.fail_at = memory.calls + 1;
    assert_non_null(heap_alloc(&heap, 1024));
    if (i < 5) assert_non_null(heap_alloc(&heap, 300));
  }
  assert_int_equal(memory.calls, calls);
  assert_null(heap_alloc(&heap, 1024));
  assert_int_equal(heap.in_use, 200 * 1024 + 5 * 300);
  /* Enough free blocks: nothing is asked for. */
  assert_true(heap_reserve(&heap, 1024, 0));
  heap_free_all(&heap);
  assert_int_equal(memory.in_use, 0);
}

static bool allocate_some(struct heap *heap, struct block *blocks, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    blocks[i].size = i % 3 == 0 ? HEAP_SMALL_MAX : i % 3 == 1 ? HEAP_SMALL_MAX + 1 : 100;
    blocks[i].data = heap_alloc(heap, blocks[i].size);
    if (blocks[i].data == NULL) return false;
  }
  return heap_reserve(heap, 8000, 20);
}

static void test_what_is_prepared_is_used_first(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct heap heap;
  heap_init(&heap, &memory, REGION_BYTES);
  assert_true(heap_prepare(&heap, 3 * REGION_BYTES));
  assert_int_equal(memory.in_use, 3 * REGION_BYTES);
  assert_int_equal(heap.mapped, 0);
  /* A block that fills more than half of a region takes one each. */
  for (size_t i = 1; i <= 4; i++) {
    for (size_t k = 0; k < REGION_BYTES / HEAP_SMALL_MAX - 1; k++)
      assert_non_null(heap_alloc(&heap, HEAP_SMALL_MAX));
    assert_int_equal(heap.mapped, i * REGION_BYTES);
    assert_int_equal(memory.in_use, (i < 3 ? 3 : i) * REGION_BYTES);
  }
  heap_free_all(&heap);
  assert_int_equal(memory.in_use, 0);

  memory.fail_at = memory.calls + 2;
  assert_false(heap_prepare(&heap, 3 * REGION_BYTES));
  assert_int_equal(memory.in_use, REGION_BYTES);
  heap_free_all(&heap);
  assert_int_equal(memory.in_use, 0);
}

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct memory memory = {.fail_at = n};
    struct heap heap;
    struct block blocks[9] = {{0}};
    heap_init(&heap, &memory, REGION_BYTES);
    done = allocate_some(&heap, blocks, 9);
    assert_int_equal(done, memory.calls < n);
    assert_true(!done || n > 30);
    for (size_t i = 0; i < 9; i++)
      if (blocks[i].data != NULL) heap_free(&heap, blocks[i].data, blocks[i].size);
    assert_int_equal(heap.in_use, 0);
    /* The heap goes on after a failure. */
    memory.fail_at = 0;
    assert_non_null(heap_alloc(&heap, 500));
    heap_free_all(&heap);
    assert_int_equal(memory.in_use, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_classes_waste_at_most_an_eighth),
      cmocka_unit_test(test_freed_block_is_used_again),
      cmocka_unit_test(test_rest_of_a_region_is_used),
      cmocka_unit_test(test_reserved_blocks_cannot_fail),
      cmocka_unit_test(test_what_is_prepared_is_used_first),
      cmocka_unit_test(test_every_allocation_can_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
