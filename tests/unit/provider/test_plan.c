#include "provider/plan.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct plan change(struct fixture *fixture, const char *type, const struct value *prior,
                          const char *json)
{
  struct plan plan;
  struct value config = fixture_config(fixture, SCHEMA_RESOURCE, type, json);
  struct value proposed = value_copy(&fixture->arena, prior);
  for (size_t i = 0; i < config.count; i++) {
    if (config.items[i].kind != VALUE_NULL) proposed.items[i] = config.items[i];
  }
  struct plan_request request = {bytes_of_text(type), fixture_block(fixture, SCHEMA_RESOURCE, type),
                                 *prior, proposed, config};
  plan_change(&fixture->provider, &fixture->arena, &request, &plan, &fixture->diagnostics);
  return plan;
}

static void test_new_resource(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct plan plan = fixture_plan(&fixture, "aws_sqs_queue", "{'name': 'q', 'tags': {'a': 'b'}}");
  assert_int_equal(value_get(&plan.planned, "arn")->kind, VALUE_UNKNOWN);
  assert_int_equal(value_get(&plan.planned, "delay_seconds")->kind, VALUE_NULL);
  assert_string_equal(fixture_text(&fixture, &plan.planned, "region"), "ap-northeast-2");
  assert_string_equal(fixture_text(&fixture, value_get(&plan.planned, "tags_all"), "a"), "b");
  fixture_close(&fixture);
}

static void test_no_change_and_change(void **state)
{
  (void)state;
  static const char QUEUE[] = "{'name': 'q', 'delay_seconds': 1}";
  struct fixture fixture;
  fixture_open(&fixture);
  struct value made = fixture_apply(&fixture, "aws_sqs_queue", QUEUE);
  struct plan plan = change(&fixture, "aws_sqs_queue", &made, QUEUE);
  assert_true(value_equal(&plan.planned, &made));
  assert_int_equal(plan.replace_count, 0);
  plan = change(&fixture, "aws_sqs_queue", &made, "{'name': 'q', 'delay_seconds': 2}");
  assert_true(value_is_known(&plan.planned));
  assert_int_equal(plan.replace_count, 0);
  plan = change(&fixture, "aws_sqs_queue", &made, "{'name': 'r', 'delay_seconds': 1}");
  assert_int_equal(plan.replace_count, 1);
  assert_true(bytes_equal(plan.replace[0], BYTES("name")));
  fixture_close(&fixture);
}

static void test_volatile_attributes(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value made = fixture_apply(&fixture, "aws_launch_template", "{'name': 'a'}");
  struct plan plan = change(&fixture, "aws_launch_template", &made,
                            "{'name': 'a', 'description': 'new'}");
  assert_int_equal(value_get(&plan.planned, "latest_version")->kind, VALUE_UNKNOWN);
  fixture_close(&fixture);
}

static void test_destroy(void **state)
{
  (void)state;
  struct fixture fixture;
  struct plan plan;
  fixture_open(&fixture);
  struct value made = fixture_apply(&fixture, "aws_eip", "{}");
  struct plan_request request = {BYTES("aws_eip"),
                                 fixture_block(&fixture, SCHEMA_RESOURCE, "aws_eip"), made,
                                 VALUE_NOTHING, VALUE_NOTHING};
  plan_change(&fixture.provider, &fixture.arena, &request, &plan, &fixture.diagnostics);
  assert_int_equal(plan.planned.kind, VALUE_NULL);
  fixture_close(&fixture);
}

static void test_write_only_is_never_kept(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct plan plan = fixture_plan(&fixture, "aws_secretsmanager_secret_version",
                                  "{'secret_id': 's', 'secret_string_wo': 'hush'}");
  assert_int_equal(value_get(&plan.planned, "secret_string_wo")->kind, VALUE_NULL);
  fixture_close(&fixture);
}

static void test_tags_of_the_provider(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  fixture.provider.default_tags = fixture_value(&fixture, "{'team': 'tacos', 'env': 'dev'}");
  struct value tags = fixture_value(&fixture, "{'env': 'prod'}");
  struct value all = plan_tags_all(&fixture.provider, &fixture.arena, &tags);
  assert_int_equal(all.count, 2);
  assert_string_equal(fixture_text(&fixture, &all, "env"), "prod");
  assert_string_equal(fixture_text(&fixture, &all, "team"), "tacos");
  struct value unknown = value_unknown(bytes_of(NULL, 0));
  all = plan_tags_all(&fixture.provider, &fixture.arena, &unknown);
  assert_int_equal(all.kind, VALUE_UNKNOWN);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_new_resource),
      cmocka_unit_test(test_no_change_and_change),
      cmocka_unit_test(test_volatile_attributes),
      cmocka_unit_test(test_destroy),
      cmocka_unit_test(test_write_only_is_never_kept),
      cmocka_unit_test(test_tags_of_the_provider),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
