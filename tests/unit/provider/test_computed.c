#include "provider/computed.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_ids_and_arns(void **state)
{
  (void)state;
  static const struct {
    const char *type;
    const char *arguments;
    const char *attribute;
    const char *text;
  } CASES[] = {
      {"aws_sqs_queue", "{'name': 'q'}", "arn", "arn:aws:sqs:ap-northeast-2:123456789012:q"},
      {"aws_sqs_queue", "{'name': 'r'}", "id",
       "https://sqs.ap-northeast-2.amazonaws.com/123456789012/r"},
      {"aws_iam_role", "{'name': 'r', 'path': '/svc/', 'assume_role_policy': '{}'}", "arn",
       "arn:aws:iam::123456789012:role/svc/r"},
      {"aws_iam_role", "{'name': 's', 'assume_role_policy': '{}'}", "arn",
       "arn:aws:iam::123456789012:role/s"},
      {"aws_dynamodb_table", "{'name': 't', 'region': 'us-east-1'}", "arn",
       "arn:aws:dynamodb:us-east-1:123456789012:table/t"},
      {"aws_iam_openid_connect_provider", "{'url': 'https://oidc.eks/id/X'}", "id",
       "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/X"},
      {"aws_vpc_endpoint", "{'vpc_id': 'v'}", "policy",
       "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
       "\"Action\":\"*\",\"Resource\":\"*\"}]}"},
  };
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct value made = fixture_apply(&fixture, CASES[i].type, CASES[i].arguments);
    assert_string_equal(fixture_text(&fixture, &made, CASES[i].attribute), CASES[i].text);
    assert_true(value_is_known(&made));
  }
  fixture_close(&fixture);
}

static void test_same_arguments_get_ids_of_their_own(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value first = fixture_apply(&fixture, "aws_eip", "{}");
  struct value second = fixture_apply(&fixture, "aws_eip", "{}");
  assert_string_not_equal(fixture_text(&fixture, &first, "id"),
                          fixture_text(&fixture, &second, "id"));
  fixture_close(&fixture);
  fixture_open(&fixture);
  struct value again = fixture_apply(&fixture, "aws_eip", "{}");
  assert_int_equal(strlen(fixture_text(&fixture, &again, "id")), strlen("eipalloc-") + 17);
  fixture_close(&fixture);
}

static void test_a_name_twice_is_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  fixture_apply(&fixture, "aws_s3_bucket", "{'bucket': 'b'}");
  assert_string_equal(fixture_error(&fixture), "");
  fixture_apply(&fixture, "aws_s3_bucket", "{'bucket': 'b'}");
  assert_string_equal(fixture_error(&fixture), "Already exists|");
  fixture_close(&fixture);
}

/* What a plan promises of an id is what an apply gives. */
static void test_promised_prefix(void **state)
{
  (void)state;
  static const char VPC[] = "{'cidr_block': '10.0.0.0/16', 'tags': {'Name': 'v'}}";
  struct fixture fixture;
  fixture_open(&fixture);
  struct plan plan = fixture_plan(&fixture, "aws_vpc", VPC);
  const struct value *id = value_get(&plan.planned, "id");
  assert_int_equal(id->kind, VALUE_UNKNOWN);
  assert_int_equal(id->text.size, 16);
  struct value first = fixture_apply(&fixture, "aws_vpc", VPC);
  struct value second = fixture_apply(&fixture, "aws_vpc", VPC);
  assert_true(bytes_starts_with(value_get(&first, "id")->text, id->text));
  assert_true(bytes_starts_with(value_get(&second, "id")->text, id->text));
  assert_false(value_equal(value_get(&first, "id"), value_get(&second, "id")));
  struct plan other = fixture_plan(&fixture, "aws_vpc", "{'cidr_block': '?'}");
  assert_int_equal(value_get(&other.planned, "id")->text.size, 0);
  fixture_close(&fixture);
}

static void test_blocks_inside(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value made = fixture_apply(
      &fixture, "aws_acm_certificate",
      "{'domain_name': '*.a.example', 'subject_alternative_names': ['b.example'],"
      " 'validation_method': 'DNS'}");
  const struct value *options = value_get(&made, "domain_validation_options");
  assert_int_equal(options->count, 2);
  struct bytes name = value_text(value_get(&options->items[0], "resource_record_name"));
  assert_int_equal(bytes_find(name, BYTES("*")), SIZE_MAX);
  assert_int_not_equal(bytes_find(name, BYTES(".a.example.")), SIZE_MAX);
  made = fixture_apply(&fixture, "aws_eks_cluster", "{'name': 'c', 'vpc_config': [{}]}");
  struct bytes issuer = value_text(value_get(
      value_first(value_get(value_first(value_get(&made, "identity")), "oidc")), "issuer"));
  assert_true(
      bytes_starts_with(issuer, BYTES("https://oidc.eks.ap-northeast-2.amazonaws.com/id/")));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ids_and_arns),
      cmocka_unit_test(test_same_arguments_get_ids_of_their_own),
      cmocka_unit_test(test_a_name_twice_is_refused),
      cmocka_unit_test(test_promised_prefix),
      cmocka_unit_test(test_blocks_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
