#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 300, WIDE_BYTES = 20000 }; /* some pages of 1 MiB */

struct seen {
  uint32_t count;
  uint32_t stop_at; /* the item that ends it; 0: none */
  uint8_t times[ITEMS];
};

static bool see(void *context, struct value item, struct error *error)
{
  struct seen *seen = context;
  int64_t n = -1;
  assert_true(value_integer(value_attribute(item, BYTES("n")), &n));
  assert_in_range(n, 0, ITEMS - 1);
  seen->times[n]++;
  if (++seen->count != seen->stop_at) return true;
  return error_set(error, ERROR_LIMIT, "enough");
}

/* Even numbers in one partition, odd ones alone. */
static struct table *filled(struct store_fixture *fixture)
{
  static char wide[WIDE_BYTES + 1];
  struct table *table = store_fixture_table(fixture, "items p:S n:N");
  memset(wide, 'x', WIDE_BYTES);
  for (int n = 0; n < ITEMS; n++)
    store_fixture_put(fixture, table, "{'p':{'S':'%s%d'},'n':{'N':'%d'},'w':{'S':'%s'}}",
                      n % 2 == 0 ? "even" : "odd", n % 2 == 0 ? 0 : n, n, wide);
  return table;
}

static void test_a_scan_shows_all_once(void **state)
{
  struct store_fixture *fixture = *state;
  struct seen seen = {0};
  const struct store_query query = {.table = filled(fixture), .start_key = VALUE_NONE};
  assert_true(store_each(fixture->store, &query, see, &seen, &fixture->error));
  assert_int_equal(seen.count, ITEMS);
  for (int n = 0; n < ITEMS; n++) assert_int_equal(seen.times[n], 1);
}

static void test_a_query_shows_its_own(void **state)
{
  struct store_fixture *fixture = *state;
  const struct bytes names[] = {BYTES(":p")};
  const struct expression_placeholders placeholders = {NULL, 0, names, 1, NULL, NULL};
  struct seen seen = {0};
  struct table *table = filled(fixture);
  const struct expression *even = expression_compile(
      &fixture->arena, EXPRESSION_KEY_CONDITION, BYTES("p = :p"), &placeholders, &fixture->error);
  const struct value values[] = {value_make_string(&fixture->arena, BYTES("even0"))};
  const struct store_query query = {
      .table = table, .key_condition = even, .values = values, .start_key = VALUE_NONE};
  assert_true(store_each(fixture->store, &query, see, &seen, &fixture->error));
  assert_int_equal(seen.count, ITEMS / 2);
  for (int n = 0; n < ITEMS; n++) assert_int_equal(seen.times[n], n % 2 == 0);
}

static void test_a_visit_may_end_it(void **state)
{
  struct store_fixture *fixture = *state;
  struct seen seen = {.stop_at = 7};
  const struct store_query query = {.table = filled(fixture), .start_key = VALUE_NONE};
  assert_false(store_each(fixture->store, &query, see, &seen, &fixture->error));
  assert_int_equal(seen.count, 7);
  assert_string_equal(fixture->error.message, "enough");
}

/* Each allocation fails once: an error, never a table that seems shorter. */
static void test_without_memory(void **state)
{
  struct store_fixture *fixture = *state;
  struct memory *memory = &fixture->world->memory;
  const struct store_query query = {.table = filled(fixture), .start_key = VALUE_NONE};
  size_t in_use = memory->in_use;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct seen seen = {0};
    memory->fail_at = memory->calls + n;
    done = store_each(fixture->store, &query, see, &seen, &fixture->error);
    memory->fail_at = 0;
    assert_true(!done || seen.count == ITEMS);
    if (!done) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
    assert_int_equal(memory->in_use, in_use);
    assert_true(n > 1 || !done);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_scan_shows_all_once, store_fixture_setup,
                                      store_fixture_teardown),
      cmocka_unit_test_setup_teardown(test_a_query_shows_its_own, store_fixture_setup,
                                      store_fixture_teardown),
      cmocka_unit_test_setup_teardown(test_a_visit_may_end_it, store_fixture_setup,
                                      store_fixture_teardown),
      cmocka_unit_test_setup_teardown(test_without_memory, store_fixture_setup,
                                      store_fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
