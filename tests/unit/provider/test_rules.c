#include "provider/rules.h"

#include "provider/rules_check.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_regions(void **state)
{
  (void)state;
  assert_true(rules_is_region(BYTES("us-east-1")));
  assert_false(rules_is_region(BYTES("us-east-9")));
}

/* Each finding says type, path and rule. */
static void test_findings_name_the_place(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value config = fixture_config(
      &fixture, SCHEMA_RESOURCE, "aws_dynamodb_table",
      "{'name': 't', 'billing_mode': 'PAY_PER_REQUEST', 'hash_key': 'k',"
      " 'attribute': [{'name': 'k', 'type': 'Z'}]}");
  rules_check_resource(&fixture.arena, BYTES("aws_dynamodb_table"), &config, &fixture.diagnostics);
  assert_int_equal(fixture.diagnostics.errors, 1);
  assert_true(bytes_starts_with(fixture.diagnostics.first->detail,
                                BYTES("aws_dynamodb_table.attribute[0].type: ")));
  fixture_close(&fixture);
}

static size_t visited;

static void count(struct check *check, const struct value *value, const struct path *path,
                  const void *context)
{
  (void)check;
  (void)value;
  (void)path;
  (void)context;
  visited++;
}

static void test_visits_what_is_known(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value config = fixture_value(&fixture,
                                      "{'a': [{'b': [1, 2]}, {'b': null}, '?', {'b': ['?', 3]}]}");
  struct check check = {&fixture.arena, BYTES("aws_x"), &config, &fixture.diagnostics};
  visited = 0;
  check_each(&check, "a.b", count, NULL);
  assert_int_equal(visited, 3);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_regions),
      cmocka_unit_test(test_findings_name_the_place),
      cmocka_unit_test(test_visits_what_is_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
