#include "sale/sale_parts.h"
#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_needs_its_tables(void **state)
{
  (void)state;
  struct store_fixture store;
  struct error error;
  store_fixture_open(&store, 1);
  const struct sale_options options = {.world = store.world, .store = store.store};
  assert_null(sale_open(&options, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_non_null(strstr(error.message, "ticket-tickets"));
  store_fixture_close(&store);
}

static void test_opens_with_little_memory_or_not_at_all(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  sale_fixture_hold(fixture, "ann", "A-1-1");
  sale_close(fixture->sale);
  fixture->sale = NULL;
  const struct sale_options options = {.world = fixture->store.world,
                                       .store = fixture->store.store};
  size_t in_use = memory->in_use;
  for (uint64_t n = 1; fixture->sale == NULL; n++) {
    memory->fail_at = memory->calls + n;
    fixture->sale = sale_open(&options, &fixture->error);
    memory->fail_at = 0;
    if (fixture->sale == NULL) assert_int_equal(memory->in_use, in_use);
    assert_true(n < 2000);
  }
  fixture->event = sale_event_find(fixture->sale, BYTES("evt"));
}

static void test_new_ids_have_a_prefix_and_an_order(void **state)
{
  struct sale_fixture *fixture = *state;
  struct plan *plan = sale_fixture_plan(fixture);
  struct bytes first = sale_new_id(fixture->sale, plan->arena, BYTES("x_"));
  struct bytes second = sale_new_id(fixture->sale, plan->arena, BYTES("x_"));
  assert_int_equal(first.size, 2 + ID_TEXT_BYTES);
  assert_true(bytes_compare(first, second) < 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_needs_its_tables),
      WITH_SALE(test_opens_with_little_memory_or_not_at_all),
      WITH_SALE(test_new_ids_have_a_prefix_and_an_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
