#include "provider/data.h"

#include "provider/text.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct value ask(struct fixture *fixture, enum schema_kind kind, const char *type,
                        const char *json)
{
  struct value state;
  struct value config = fixture_config(fixture, kind, type, json);
  data_read(&fixture->provider, &fixture->arena, bytes_of_text(type),
            fixture_block(fixture, kind, type), &config, &state, &fixture->diagnostics);
  return state;
}

static void test_answers(void **state)
{
  (void)state;
  static const struct {
    const char *type;
    const char *arguments;
    const char *attribute;
    const char *text;
  } CASES[] = {
      {"aws_caller_identity", "{}", "account_id", "123456789012"},
      {"aws_partition", "{}", "dns_suffix", "amazonaws.com"},
      {"aws_region", "{}", "region", "ap-northeast-2"},
      {"aws_region", "{'region': 'us-east-1'}", "description", "US East (N. Virginia)"},
      {"aws_elb_service_account", "{}", "id", "600734575887"},
      {"aws_lb_hosted_zone_id", "{'region': 'us-east-1'}", "id", "Z35SXDOTRQ7X7K"},
      {"aws_service_principal", "{'service_name': 'ec2'}", "name", "ec2.amazonaws.com"},
      {"aws_arn", "{'arn': 'arn:aws:sqs:r:1:q:x'}", "resource", "q:x"},
      {"aws_iam_session_context", "{'arn': 'arn:x'}", "issuer_arn", "arn:x"},
      {"aws_cloudfront_cache_policy", "{'name': 'Managed-CachingDisabled'}", "id",
       "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"},
      {"aws_eks_cluster_auth", "{'name': 'c'}", "token", "k8s-aws-v1.Yw"},
  };
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct value answer = ask(&fixture, SCHEMA_DATA, CASES[i].type, CASES[i].arguments);
    assert_string_equal(fixture_text(&fixture, &answer, CASES[i].attribute), CASES[i].text);
  }
  fixture_close(&fixture);
}

static void test_zones(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value zones = ask(&fixture, SCHEMA_DATA, "aws_availability_zones",
                           "{'exclude_names': ['ap-northeast-2b']}");
  const struct value *names = value_get(&zones, "names");
  assert_int_equal(names->count, 3);
  assert_true(bytes_equal(names->items[1].text, BYTES("ap-northeast-2c")));
  assert_true(bytes_equal(value_get(&zones, "zone_ids")->items[1].text, BYTES("apne2-az3")));
  fixture_close(&fixture);
}

static void test_public_parameters_and_images(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value parameter = ask(&fixture, SCHEMA_DATA, "aws_ssm_parameter",
                               "{'name': '/aws/service/ami-amazon-linux-latest/x'}");
  assert_true(bytes_starts_with(value_get(&parameter, "value")->text, BYTES("ami-")));
  struct value image = ask(&fixture, SCHEMA_DATA, "aws_ami", "{'owners': ['amazon']}");
  assert_true(bytes_starts_with(value_get(&image, "id")->text, BYTES("ami-")));
  fixture_close(&fixture);
}

static void test_refusals(void **state)
{
  (void)state;
  static const struct {
    const char *type;
    const char *arguments;
    const char *error;
  } CASES[] = {
      {"aws_region", "{'region': 'mars-1'}", "Not found in AWS|region"},
      {"aws_vpc", "{'id': 'vpc-0'}", "Not found in AWS|"},
      {"aws_ssm_parameter", "{'name': '/mine'}", "Not found in AWS|"},
      {"aws_cloudfront_cache_policy", "{'name': 'None'}", "Not found in AWS|name"},
      {"aws_eks_addon_version", "{'addon_name': 'none'}", "Not found in AWS|addon_name"},
      {"aws_arn", "{'arn': 'none'}", "Not found in AWS|arn"},
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct fixture fixture;
    fixture_open(&fixture);
    struct value answer = ask(&fixture, SCHEMA_DATA, CASES[i].type, CASES[i].arguments);
    assert_int_equal(answer.kind, VALUE_NULL);
    assert_string_equal(fixture_error(&fixture), CASES[i].error);
    fixture_close(&fixture);
  }
}

static void test_passwords(void **state)
{
  (void)state;
  static const char TYPE[] = "aws_secretsmanager_random_password";
  struct fixture fixture;
  fixture_open(&fixture);
  struct value first = ask(&fixture, SCHEMA_EPHEMERAL, TYPE, "{'password_length': 40}");
  struct value second = ask(&fixture, SCHEMA_EPHEMERAL, TYPE, "{'password_length': 40}");
  assert_int_equal(value_get(&first, "random_password")->text.size, 40);
  assert_false(
      value_equal(value_get(&first, "random_password"), value_get(&second, "random_password")));
  struct value digits = ask(&fixture, SCHEMA_EPHEMERAL, TYPE,
                            "{'exclude_lowercase': true, 'exclude_uppercase': true,"
                            " 'exclude_punctuation': true, 'exclude_characters': '012345678'}");
  assert_string_equal(fixture_text(&fixture, &digits, "random_password"),
                      "99999999999999999999999999999999");
  ask(&fixture, SCHEMA_EPHEMERAL, TYPE, "{'password_length': 5000}");
  assert_string_equal(fixture_error(&fixture), "No such password|password_length");
  fixture_close(&fixture);
}

/* A secret that was written write-only can be read, but not as what it is. */
static void test_write_only_secret(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value secret = fixture_apply(&fixture, "aws_secretsmanager_secret", "{'name': 's'}");
  struct bytes json = text_format(&fixture.arena, "{'secret_id': '%s', 'secret_string_wo': 'hush'}",
                                  fixture_text(&fixture, &secret, "id"));
  fixture_apply(&fixture, "aws_secretsmanager_secret_version", (const char *)json.data);
  json = text_format(&fixture.arena, "{'secret_id': '%s'}", fixture_text(&fixture, &secret, "id"));
  struct value version = ask(&fixture, SCHEMA_DATA, "aws_secretsmanager_secret_version",
                             (const char *)json.data);
  assert_string_equal(fixture_text(&fixture, &version, "secret_string"),
                      "rehearsal-of-a-write-only-secret");
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers),
      cmocka_unit_test(test_zones),
      cmocka_unit_test(test_public_parameters_and_images),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_passwords),
      cmocka_unit_test(test_write_only_secret),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
