#include "provider/rpc_message.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_values(void **state)
{
  (void)state;
  struct fixture fixture;
  struct error error;
  struct value back;
  fixture_open(&fixture);
  const struct type *block = fixture_block(&fixture, SCHEMA_RESOURCE, "aws_eip");
  struct value value = fixture_config(&fixture, SCHEMA_RESOURCE, "aws_eip", "{'domain': 'vpc'}");
  Tfplugin6__DynamicValue *message = rpc_dynamic(&fixture.arena, &value);
  assert_true(rpc_value(&fixture.arena, message, block, &back, &error));
  assert_true(value_equal(&value, &back));
  assert_true(rpc_value(&fixture.arena, NULL, block, &back, &error));
  assert_int_equal(back.kind, VALUE_NULL);
  Tfplugin6__DynamicValue json = TFPLUGIN6__DYNAMIC_VALUE__INIT;
  json.json = (ProtobufCBinaryData){16, (uint8_t *)"{\"domain\":\"vpc\"}"};
  assert_true(rpc_value(&fixture.arena, &json, block, &back, &error));
  json.json.len = 5;
  assert_false(rpc_value(&fixture.arena, &json, block, &back, &error));
  fixture_close(&fixture);
}

static void test_diagnostics(void **state)
{
  (void)state;
  struct fixture fixture;
  size_t count;
  fixture_open(&fixture);
  struct path rule = path_attribute(NULL, "rule");
  struct path second = path_element(&rule, 1);
  diagnostics_add(&fixture.diagnostics, DIAGNOSTIC_WARNING, NULL, "w", "d");
  diagnostics_add(&fixture.diagnostics, DIAGNOSTIC_ERROR, &second, "e", "d");
  Tfplugin6__Diagnostic **all = rpc_diagnostics(&fixture.diagnostics, &count);
  assert_int_equal(count, 2);
  assert_int_equal(all[0]->severity, TFPLUGIN6__DIAGNOSTIC__SEVERITY__WARNING);
  assert_null(all[0]->attribute);
  assert_int_equal(all[1]->attribute->n_steps, 2);
  assert_string_equal(all[1]->attribute->steps[0]->attribute_name, "rule");
  assert_int_equal(all[1]->attribute->steps[1]->element_key_int, 1);
  fixture_close(&fixture);
}

static void test_schema(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  Tfplugin6__Schema *schema = rpc_schema(
      &fixture.arena, fixture_block(&fixture, SCHEMA_RESOURCE, "aws_dynamodb_table"));
  assert_string_equal(schema->block->attributes[0]->name, "arn");
  assert_true(schema->block->attributes[0]->computed);
  assert_memory_equal(schema->block->attributes[0]->type.data, "\"string\"", 8);
  assert_string_equal(schema->block->block_types[0]->type_name, "attribute");
  assert_int_equal(schema->block->block_types[0]->nesting, TFPLUGIN6__NESTED_BLOCK__NESTING__SET);
  fixture_close(&fixture);
}

static void test_not_a_message(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  assert_null(
      rpc_unpack(&fixture.arena, &tfplugin6__validate_request__descriptor, BYTES("\x0a\xff")));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_diagnostics),
      cmocka_unit_test(test_schema),
      cmocka_unit_test(test_not_a_message),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
