#include "provider/schema.h"

#include "provider/text.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool open_schemas(struct fixture *fixture, struct schemas *schemas, const char *text)
{
  struct error error;
  return schemas_open(schemas, &fixture->arena, bytes_of_text(text), &error);
}

static void test_a_line(void **state)
{
  (void)state;
  static const char TEXT[] =
      "# comment\nversion 6.1.2\n"
      "resource aws_x b:os=M(s) a:rc=S(O(q=n,p=L(b))) c@S13{d:o=s} e@G00{}\n";
  struct fixture fixture;
  struct schemas schemas;
  struct error error;
  fixture_open(&fixture);
  assert_true(open_schemas(&fixture, &schemas, TEXT));
  assert_true(bytes_equal(schemas.version, BYTES("6.1.2")));
  const struct type *block = schemas_find(&schemas, SCHEMA_RESOURCE, BYTES("aws_x"), &error);
  assert_non_null(block);
  assert_int_equal(block->count, 4);
  const struct field *a = schema_field(block, BYTES("a"));
  assert_int_equal(a->flags, FIELD_REQUIRED | FIELD_COMPUTED);
  assert_int_equal(a->type->kind, TYPE_SET);
  assert_true(bytes_equal(a->type->element->fields[0].name, BYTES("p")));
  assert_int_equal(schema_field(block, BYTES("b"))->flags, FIELD_OPTIONAL | FIELD_SENSITIVE);
  const struct field *c = schema_field(block, BYTES("c"));
  assert_true(c->is_block);
  assert_int_equal(c->least, 1);
  assert_int_equal(c->most, 3);
  assert_int_equal(schema_field(block, BYTES("e"))->type->kind, TYPE_OBJECT);
  assert_null(schema_field(block, BYTES("z")));
  assert_ptr_equal(schemas_find(&schemas, SCHEMA_RESOURCE, BYTES("aws_x"), &error), block);
  assert_null(schemas_find(&schemas, SCHEMA_DATA, BYTES("aws_x"), &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  fixture_close(&fixture);
}

static void test_wrong_lines(void **state)
{
  (void)state;
  static const char *const WRONG[] = {
      "a",           "a:o",     "a:o=",   "a:x=s",  "a:o=Q",        "a:o=L(s",      "a:o=O(b)",
      "a@L01{b:o=s", "a@X01{}", "a@L0{}", "a:o=s)", "a@L01{&none}", "a@L01{&self}", "a:o=s  b:o=s",
  };
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
    struct schemas schemas;
    struct error error;
    struct bytes text = text_format(&fixture.arena, "resource x %s\nblock self a@L01{&self}",
                                    WRONG[i]);
    assert_true(open_schemas(&fixture, &schemas, (const char *)text.data));
    if (schemas_find(&schemas, SCHEMA_RESOURCE, BYTES("x"), &error) != NULL)
      fail_msg("accepted %s", WRONG[i]);
    assert_int_equal(error.code, ERROR_CORRUPT);
  }
  struct schemas schemas;
  assert_false(open_schemas(&fixture, &schemas, "recourse x a:o=s"));
  fixture_close(&fixture);
}

static void test_conform(void **state)
{
  (void)state;
  struct fixture fixture;
  struct error error;
  struct value value;
  fixture_open(&fixture);
  const struct type *block = fixture_block(&fixture, SCHEMA_RESOURCE, "aws_dynamodb_table");
  struct value given = fixture_value(&fixture, "{'name': 't', 'gone': 1, 'ttl': [{}]}");
  assert_true(schema_conform(&fixture.arena, block, &given, &value, &error));
  assert_int_equal(value.count, block->count);
  assert_int_equal(value_get(&value, "arn")->kind, VALUE_NULL);
  assert_int_equal(value_get(&value, "attribute")->kind, VALUE_LIST);
  assert_int_equal(value_first(value_get(&value, "ttl"))->count, 2);
  assert_ptr_equal(value_get(&value, "gone"), &VALUE_NOTHING);
  given = fixture_value(&fixture, "{'name': ['t']}");
  assert_false(schema_conform(&fixture.arena, block, &given, &value, &error));
  given = fixture_value(&fixture, "{'attribute': [7]}");
  assert_false(schema_conform(&fixture.arena, block, &given, &value, &error));
  fixture_close(&fixture);
}

static void test_types_as_json(void **state)
{
  (void)state;
  struct fixture fixture;
  struct buffer buffer;
  struct json_writer writer;
  fixture_open(&fixture);
  const struct type *block = fixture_block(&fixture, SCHEMA_RESOURCE, "aws_eks_cluster");
  buffer_init(&buffer, &fixture.memory);
  json_writer_init(&writer, &buffer);
  schema_write_type(&writer, schema_field(block, BYTES("identity"))->type);
  assert_true(bytes_equal(
      buffer_bytes(&buffer),
      BYTES("[\"list\",[\"object\",{\"oidc\":[\"list\",[\"object\",{\"issuer\":\"string\"}]]}]]")));
  buffer_free(&buffer);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_line),
      cmocka_unit_test(test_wrong_lines),
      cmocka_unit_test(test_conform),
      cmocka_unit_test(test_types_as_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
