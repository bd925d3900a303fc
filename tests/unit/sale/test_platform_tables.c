#include "sale/platform_tables.h"

#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_tables_are_made_once(void **state)
{
  struct store_fixture *fixture = *state;
  uint32_t made;
  assert_true(platform_tables_create(fixture->store, &made, &fixture->error));
  assert_true(made >= 7);
  assert_non_null(store_table(fixture->store, BYTES("ticket-tickets")));
  assert_non_null(store_table(fixture->store, BYTES("ticket-users")));
  assert_true(platform_tables_create(fixture->store, &made, &fixture->error));
  assert_int_equal(made, 0);
  store_fixture_settle(fixture);
  store_fixture_crash(fixture);
  assert_true(platform_tables_create(fixture->store, &made, &fixture->error));
  assert_int_equal(made, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_tables_are_made_once, store_fixture_setup,
                                      store_fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
