#include "provider/apply.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_life_of_a_resource(void **state)
{
  (void)state;
  struct fixture fixture;
  struct value read;
  fixture_open(&fixture);
  const struct type *block = fixture_block(&fixture, SCHEMA_RESOURCE, "aws_dynamodb_table");
  struct bytes type = BYTES("aws_dynamodb_table");
  struct value made = fixture_apply(&fixture, "aws_dynamodb_table",
                                    "{'name': 't', 'point_in_time_recovery': [{'enabled': true}]}");
  apply_read(&fixture.provider, &fixture.arena, type, block, &made, &read, &fixture.diagnostics);
  assert_true(value_equal(&made, &read));
  struct value imported;
  apply_import(&fixture.provider, &fixture.arena, type, block, BYTES("t"), &imported,
               &fixture.diagnostics);
  assert_true(value_equal(&made, &imported));
  struct value gone;
  apply_change(&fixture.provider, &fixture.arena, type, block, &made, &VALUE_NOTHING, &gone,
               &fixture.diagnostics);
  assert_int_equal(gone.kind, VALUE_NULL);
  apply_read(&fixture.provider, &fixture.arena, type, block, &made, &read, &fixture.diagnostics);
  assert_int_equal(read.kind, VALUE_NULL);
  assert_string_equal(fixture_error(&fixture), "");
  apply_import(&fixture.provider, &fixture.arena, type, block, BYTES("t"), &imported,
               &fixture.diagnostics);
  assert_string_equal(fixture_error(&fixture), "Cannot import what does not exist|");
  fixture_close(&fixture);
}

static void test_state_that_cannot_be_written(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  cloud_free(fixture.provider.cloud);
  fixture.provider.cloud = cloud_new("/proc/none/state", &fixture.memory);
  fixture_apply(&fixture, "aws_eip", "{}");
  assert_string_equal(fixture_error(&fixture), "Rehearsal state|");
  fixture_close(&fixture);
}

static void test_upgrade(void **state)
{
  (void)state;
  struct fixture fixture;
  struct error error;
  struct value upgraded;
  fixture_open(&fixture);
  const struct type *block = fixture_block(&fixture, SCHEMA_RESOURCE, "aws_eip");
  assert_true(
      apply_upgrade(&fixture.arena, block, BYTES("{\"id\":\"e\",\"old\":1}"), &upgraded, &error));
  assert_string_equal(fixture_text(&fixture, &upgraded, "id"), "e");
  assert_false(apply_upgrade(&fixture.arena, block, BYTES("{\"id\":[]}"), &upgraded, &error));
  assert_false(apply_upgrade(&fixture.arena, block, BYTES(""), &upgraded, &error));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_life_of_a_resource),
      cmocka_unit_test(test_state_that_cannot_be_written),
      cmocka_unit_test(test_upgrade),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
