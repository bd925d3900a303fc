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

static void test_the_outbox_of_an_earlier_version_gets_its_ttl(void **state)
{
  struct store_fixture *fixture = *state;
  struct table_description description;
  uint32_t made;
  store_fixture_table(fixture, "ticket-reservation-outbox pk:S sk:S | stream NEW");
  assert_true(platform_tables_create(fixture->store, &made, &fixture->error));
  store_fixture_settle(fixture);
  store_fixture_crash(fixture);
  store_table_describe(store_table(fixture->store, BYTES("ticket-reservation-outbox")),
                       &description);
  assert_true(bytes_equal(description.definition.ttl_attribute, BYTES("ttl")));
  assert_int_equal(description.definition.stream, STREAM_NEW_IMAGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_the_outbox_of_an_earlier_version_gets_its_ttl,
                                      store_fixture_setup, store_fixture_teardown),
      cmocka_unit_test_setup_teardown(test_tables_are_made_once, store_fixture_setup,
                                      store_fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
