#include "provider/data_lookup.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct value find(struct fixture *fixture, const char *data_type, const char *type,
                         const char *json)
{
  struct value found;
  struct value config = fixture_config(fixture, SCHEMA_DATA, data_type, json);
  lookup_one(&fixture->provider, &fixture->arena, bytes_of_text(type), &config, &found,
             &fixture->diagnostics);
  return found;
}

static void test_by_attribute_tag_and_filter(void **state)
{
  (void)state;
  static const char *const MATCHING[] = {
      "{'cidr_block': '10.1.0.0/16'}",
      "{'tags': {'Name': 'b'}}",
      "{'filter': [{'name': 'tag:Name', 'values': ['x', 'b']}]}",
      "{'filter': [{'name': 'cidr-block', 'values': ['10.1.0.0/16']}]}",
  };
  struct fixture fixture;
  fixture_open(&fixture);
  fixture_apply(&fixture, "aws_vpc", "{'cidr_block': '10.0.0.0/16', 'tags': {'Name': 'a'}}");
  struct value wanted = fixture_apply(&fixture, "aws_vpc",
                                      "{'cidr_block': '10.1.0.0/16', 'tags': {'Name': 'b'}}");
  for (size_t i = 0; i < sizeof(MATCHING) / sizeof(MATCHING[0]); i++) {
    struct value found = find(&fixture, "aws_vpc", "aws_vpc", MATCHING[i]);
    assert_true(value_equal(value_get(&found, "id"), value_get(&wanted, "id")));
  }
  assert_int_equal(find(&fixture, "aws_vpc", "aws_vpc", "{'tags': {'Name': 'c'}}").kind,
                   VALUE_NULL);
  assert_int_equal(find(&fixture, "aws_vpc", "aws_vpc", "{'region': 'us-east-1'}").kind,
                   VALUE_NULL);
  assert_string_equal(fixture_error(&fixture), "");
  find(&fixture, "aws_vpc", "aws_vpc", "{}");
  assert_string_equal(fixture_error(&fixture), "More than one matches|");
  fixture_close(&fixture);
}

static void test_ids(void **state)
{
  (void)state;
  struct fixture fixture;
  struct value ids;
  fixture_open(&fixture);
  fixture_apply(&fixture, "aws_subnet", "{'vpc_id': 'v', 'cidr_block': '10.0.0.0/24'}");
  fixture_apply(&fixture, "aws_subnet", "{'vpc_id': 'w', 'cidr_block': '10.0.0.0/24'}");
  struct value config = fixture_config(&fixture, SCHEMA_DATA, "aws_subnets",
                                       "{'filter': [{'name': 'vpc-id', 'values': ['w']}]}");
  lookup_ids(&fixture.provider, &fixture.arena, BYTES("aws_subnet"), &config, &ids,
             &fixture.diagnostics);
  assert_int_equal(ids.count, 1);
  fixture_close(&fixture);
}

static void test_zone_names_with_and_without_dot(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  fixture_apply(&fixture, "aws_route53_zone", "{'name': 'tacos.example'}");
  struct value found = find(&fixture, "aws_route53_zone", "aws_route53_zone",
                            "{'name': 'tacos.example.'}");
  assert_int_equal(found.kind, VALUE_MAP);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_by_attribute_tag_and_filter),
      cmocka_unit_test(test_ids),
      cmocka_unit_test(test_zone_names_with_and_without_dot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
