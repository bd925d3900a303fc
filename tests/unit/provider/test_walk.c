#include "provider/rules.h"

#include "provider/text.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char VPC[] = "{'cidr_block': '10.0.0.0/16', 'tags': {'Name': 'v'}}";

/* Plans one after the other, as one run; '%' stands for the id that the VPC will start with. */
static const char *plan_all(struct fixture *fixture, const char *type, const char *const *json,
                            size_t count)
{
  struct plan vpc = fixture_plan(fixture, "aws_vpc", VPC);
  struct bytes prefix = value_get(&vpc.planned, "id")->text;
  for (size_t i = 0; i < count; i++) {
    struct bytes text = text_format(&fixture->arena, json[i], BYTES_FORMAT(prefix));
    fixture_plan(fixture, type, (const char *)text.data);
  }
  return fixture_error(fixture);
}

static void test_subnets(void **state)
{
  (void)state;
  static const struct {
    const char *json[2];
    const char *error;
  } CASES[] = {
      {{"{'vpc_id': '?%.*s', 'cidr_block': '10.0.0.0/24'}",
        "{'vpc_id': '?%.*s', 'cidr_block': '10.0.1.0/24'}"},
       ""},
      {{"{'vpc_id': '?%.*s', 'cidr_block': '10.0.0.0/24'}",
        "{'vpc_id': '?%.*s', 'cidr_block': '10.0.0.128/25'}"},
       "Subnets overlap|cidr_block"},
      {{"{'vpc_id': '?%.*s', 'cidr_block': '10.0.0.0/24'}",
        "{'vpc_id': '?%.*s', 'cidr_block': '10.1.0.0/24'}"},
       "Subnet outside of its VPC|cidr_block"},
      {{"{'vpc_id': '?%.*s', 'cidr_block': '10.0.0.0/24'}",
        "{'vpc_id': '?', 'cidr_block': '10.0.0.0/24'}"},
       ""},
      {{"{'vpc_id': '?%.*s', 'cidr_block': '10.0.0.0/24'}",
        "{'vpc_id': 'vpc-000000000000', 'cidr_block': '10.0.0.0/24'}"},
       ""},
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct fixture fixture;
    fixture_open(&fixture);
    assert_string_equal(plan_all(&fixture, "aws_subnet", CASES[i].json, 2), CASES[i].error);
    fixture_close(&fixture);
  }
}

/* The VPC is of an earlier run and this one does not plan it. */
static void test_vpc_of_the_cloud(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value vpc = fixture_apply(&fixture, "aws_vpc", VPC);
  fixture_clear(&fixture);
  struct bytes json = text_format(&fixture.arena, "{'vpc_id': '%s', 'cidr_block': '10.9.0.0/24'}",
                                  fixture_text(&fixture, &vpc, "id"));
  fixture_plan(&fixture, "aws_subnet", (const char *)json.data);
  assert_string_equal(fixture_error(&fixture), "Subnet outside of its VPC|cidr_block");
  fixture_close(&fixture);
}

static void test_rules_of_one_group(void **state)
{
  (void)state;
  static const char RULE[] = "{'security_group_id': '?sg-0123456789ab', 'ip_protocol': 'tcp',"
                             " 'from_port': 80, 'to_port': 80, 'cidr_ipv4': '0.0.0.0/0'}";
  static const char OTHER[] = "{'security_group_id': '?sg-0123456789ab', 'ip_protocol': 'tcp',"
                              " 'from_port': 81, 'to_port': 81, 'cidr_ipv4': '0.0.0.0/0'}";
  struct fixture fixture;
  fixture_open(&fixture);
  fixture_plan(&fixture, "aws_vpc_security_group_ingress_rule", RULE);
  fixture_plan(&fixture, "aws_vpc_security_group_ingress_rule", OTHER);
  fixture_plan(&fixture, "aws_vpc_security_group_egress_rule", RULE);
  assert_string_equal(fixture_error(&fixture), "");
  fixture_plan(&fixture, "aws_vpc_security_group_ingress_rule", RULE);
  assert_string_equal(fixture_error(&fixture), "Rule twice|security_group_id");
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_subnets),
      cmocka_unit_test(test_vpc_of_the_cloud),
      cmocka_unit_test(test_rules_of_one_group),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
