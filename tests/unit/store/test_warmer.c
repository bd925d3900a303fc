#include "store/warmer.h"

#include "base/memory.h"
#include "store/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

enum { REGION_BYTES = 1 << 20, PAGE_BYTES = 4096, WAIT_MS = 5000 };

/* How many pages of a region are resident. */
static size_t resident_pages(void *region)
{
  unsigned char pages[REGION_BYTES / PAGE_BYTES];
  size_t resident = 0;
  assert_int_equal(mincore(region, REGION_BYTES, pages), 0);
  for (size_t i = 0; i < sizeof pages; i++) resident += pages[i] & 1;
  return resident;
}

static bool becomes_resident(void *region)
{
  for (int i = 0; i < WAIT_MS; i++) {
    if (resident_pages(region) == REGION_BYTES / PAGE_BYTES) return true;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return false;
}

static void test_makes_pages_resident(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct warmer warmer;
  void *region = memory_map(&memory, REGION_BYTES);
  assert_non_null(region);
  assert_int_equal(resident_pages(region), 0);
  assert_true(warmer_start(&warmer));
  warmer_warm(&warmer, region, REGION_BYTES);
  assert_true(becomes_resident(region));
  warmer_stop(&warmer);
  memory_unmap(&memory, region, REGION_BYTES);
  assert_int_equal(memory.in_use, 0);
}

static void test_keeps_contents(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct warmer warmer;
  uint8_t *region = memory_map(&memory, REGION_BYTES);
  assert_non_null(region);
  region[12345] = 42;
  assert_true(warmer_start(&warmer));
  warmer_warm(&warmer, region, REGION_BYTES);
  assert_true(becomes_resident(region));
  warmer_stop(&warmer);
  assert_int_equal(region[12345], 42);
  memory_unmap(&memory, region, REGION_BYTES);
}

/* A heap's next region is warm before it is carved, and goes back with the others. */
static void test_heap_keeps_a_spare(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct heap heap;
  struct warmer warmer;
  assert_true(warmer_start(&warmer));
  heap_init(&heap, &memory, REGION_BYTES);
  heap_keep_warm(&heap, warmer_warm, &warmer);
  uint8_t *spare = heap.ready;
  assert_non_null(spare);
  assert_true(becomes_resident(spare));
  uint8_t *block = heap_alloc(&heap, 1000);
  assert_true(block >= spare && block < spare + REGION_BYTES);
  assert_non_null(heap.ready);
  assert_ptr_not_equal(heap.ready, spare);
  warmer_stop(&warmer);
  heap_free(&heap, block, 1000);
  heap_free_all(&heap);
  assert_int_equal(memory.in_use, 0);
}

static void test_stops_with_a_request_waiting(void **state)
{
  (void)state;
  struct memory memory = {0};
  void *region = memory_map(&memory, REGION_BYTES);
  assert_non_null(region);
  for (int i = 0; i < 50; i++) {
    struct warmer warmer;
    assert_true(warmer_start(&warmer));
    warmer_warm(&warmer, region, REGION_BYTES);
    warmer_stop(&warmer);
    warmer_warm(&warmer, region, REGION_BYTES); /* stopped: does nothing */
  }
  memory_unmap(&memory, region, REGION_BYTES);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_makes_pages_resident),
      cmocka_unit_test(test_keeps_contents),
      cmocka_unit_test(test_heap_keeps_a_spare),
      cmocka_unit_test(test_stops_with_a_request_waiting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
