#include "provider/provider.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void configure(struct fixture *fixture, const char *json)
{
  struct value config = fixture_config(fixture, SCHEMA_PROVIDER, "aws", json);
  provider_configure(&fixture->provider, &config, &fixture->diagnostics);
}

static void test_says_that_it_is_a_rehearsal(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  configure(&fixture, "{'region': 'us-east-1', 'default_tags': [{'tags': {'a': 'b'}}]}");
  assert_int_equal(fixture.diagnostics.count, 1);
  assert_int_equal(fixture.diagnostics.first->severity, DIAGNOSTIC_WARNING);
  assert_true(bytes_starts_with(fixture.diagnostics.first->summary, BYTES("This is a rehearsal")));
  assert_true(bytes_equal(fixture.provider.region, BYTES("us-east-1")));
  assert_string_equal(fixture_text(&fixture, &fixture.provider.default_tags, "a"), "b");
  fixture_close(&fixture);
}

static void test_regions(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  configure(&fixture, "{'region': 'mars-1'}");
  assert_string_equal(fixture_error(&fixture), "Region does not exist|region");
  assert_int_equal(fixture.diagnostics.first->severity, DIAGNOSTIC_WARNING);
  fixture_clear(&fixture);
  fixture.provider.region = bytes_of(NULL, 0);
  configure(&fixture, "{}");
  assert_string_equal(fixture_error(&fixture), "Region is missing|region");
  fixture_close(&fixture);
}

static void test_accounts(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  configure(&fixture, "{'allowed_account_ids': ['111111111111', '222222222222']}");
  assert_true(bytes_equal(fixture.provider.account, BYTES("111111111111")));
  configure(&fixture, "{'allowed_account_ids': ['222222222222']}");
  assert_string_equal(fixture_error(&fixture), "AWS account is not allowed|allowed_account_ids");
  fixture_close(&fixture);
}

static void test_keys(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value role = fixture_value(&fixture, "{'id': 'r', 'region': 'us-east-1'}");
  struct cloud_key key = provider_key(&fixture.provider, &fixture.arena, BYTES("aws_iam_role"),
                                      fixture_block(&fixture, SCHEMA_RESOURCE, "aws_iam_role"),
                                      &role);
  assert_int_equal(key.region.size, 0);
  key = provider_key(&fixture.provider, &fixture.arena, BYTES("aws_eip"),
                     fixture_block(&fixture, SCHEMA_RESOURCE, "aws_eip"), &role);
  assert_true(bytes_equal(key.region, BYTES("us-east-1")));
  struct value exclusive = fixture_value(&fixture, "{'role_name': 'x'}");
  key = provider_key(&fixture.provider, &fixture.arena, BYTES("aws_iam_role_policies_exclusive"),
                     fixture_block(&fixture, SCHEMA_RESOURCE, "aws_iam_role_policies_exclusive"),
                     &exclusive);
  assert_true(bytes_equal(key.id, BYTES("x")));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_says_that_it_is_a_rehearsal),
      cmocka_unit_test(test_regions),
      cmocka_unit_test(test_accounts),
      cmocka_unit_test(test_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
