#include "store/item.h"
#include "unit/store/value_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MODEL_ROUNDS = 1500 };

struct fixture {
  struct memory memory;
  struct arena arena;
  struct buffer buffer;
  struct error error;
};

static void fixture_init(struct fixture *fixture)
{
  fixture->memory = (struct memory){0};
  fixture->error = (struct error){0};
  arena_init(&fixture->arena, &fixture->memory);
  buffer_init(&fixture->buffer, &fixture->memory);
}

static void fixture_free(struct fixture *fixture)
{
  arena_free(&fixture->arena);
  buffer_free(&fixture->buffer);
  assert_int_equal(fixture->memory.in_use, 0);
}

/* in: as a client may write it; out: as we write it. */
static const struct {
  const char *in;
  const char *out; /* NULL: the same */
} values[] = {
    {"{\"S\":\"\"}", NULL},
    {"{\"S\":\"a\\\"b\"}", NULL},
    {" { \"S\" : \"\\u00e9\" } ", "{\"S\":\"\xC3\xA9\"}"},
    {"{\"N\":\"1\"}", NULL},
    {"{\"N\":\"-9223372036854775808\"}", NULL},
    {"{\"N\":\"+01.50e1\"}", "{\"N\":\"15\"}"},
    {"{\"N\":\"-1E-3\"}", "{\"N\":\"-0.001\"}"},
    {"{\"N\":\"-0.0\"}", "{\"N\":\"0\"}"},
    {"{\"B\":\"\"}", NULL},
    {"{\"B\":\"YWI=\"}", NULL},
    {"{\"BOOL\":true}", NULL},
    {"{\"BOOL\":false}", NULL},
    {"{\"NULL\":true}", NULL},
    {"{\"L\":[]}", NULL},
    {"{\"L\":[{\"N\":\"2\"},{\"N\":\"1\"}]}", NULL},
    {"{\"M\":{}}", NULL},
    {"{\"M\":{\"b\":{\"N\":\"2\"},\"a\":{\"NULL\":true}}}",
     "{\"M\":{\"a\":{\"NULL\":true},\"b\":{\"N\":\"2\"}}}"},
    {"{\"SS\":[\"b\",\"\",\"a\"]}", "{\"SS\":[\"\",\"a\",\"b\"]}"},
    {"{\"NS\":[\"10\",\"9\",\"0.5\"]}", "{\"NS\":[\"0.5\",\"9\",\"10\"]}"},
    {"{\"BS\":[\"Yg==\",\"YQ==\"]}", "{\"BS\":[\"YQ==\",\"Yg==\"]}"},
    {"{\"S\":\"a\",\"N\":null,\"Future\":[1,{}]}", "{\"S\":\"a\"}"},
};

static void test_values_there_and_back(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
    struct fixture fixture;
    fixture_init(&fixture);
    struct value value;
    if (!value_from_json(&fixture.arena, bytes_of_text(values[i].in), &value, &fixture.error))
      fail_msg("%s: %s", values[i].in, fixture.error.message);
    assert_true(value_validate(bytes_of(value.data, value.size), &fixture.error));
    value_to_json(&fixture.buffer, value);
    buffer_append_byte(&fixture.buffer, 0);
    assert_string_equal((char *)fixture.buffer.data,
                        values[i].out != NULL ? values[i].out : values[i].in);
    fixture_free(&fixture);
  }
}

#define INVALID "One or more parameter values were invalid: "
#define EMPTY \
  "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
#define SEVERAL                                                                           \
  "Supplied AttributeValue has more than one datatypes set, must contain exactly one of " \
  "the supported datatypes"

static const struct {
  const char *json;
  const char *message;
} refusals[] = {
    {"{}", EMPTY},
    {"{\"X\":\"a\"}", EMPTY},
    {"{\"S\":null}", EMPTY},
    {"{\"M\":{\"a\":{}}}", EMPTY},
    {"{\"L\":[{}]}", EMPTY},
    {"{\"S\":\"a\",\"N\":\"1\"}", SEVERAL},
    {"{\"M\":{},\"L\":[]}", SEVERAL},
    {"{\"NULL\":false}", INVALID "Null attribute value types must have the value of true"},
    {"{\"SS\":[]}", INVALID "An string set  may not be empty"},
    {"{\"NS\":[]}", INVALID "An number set  may not be empty"},
    {"{\"BS\":[]}", INVALID "Binary sets should not be empty"},
    {"{\"SS\":[\"a\",\"a\"]}", INVALID "Input collection [a, a] contains duplicates."},
    {"{\"NS\":[\"1\",\"1.0\"]}", "Input collection contains duplicates"},
    {"{\"BS\":[\"Yg==\",\"Yg==\"]}",
     INVALID "Input collection [Yg==, Yg==]of type BS contains duplicates."},
    {"{\"N\":\"\"}", "The parameter cannot be converted to a numeric value"},
    {"{\"N\":\"b\"}", "The parameter cannot be converted to a numeric value: b"},
    {"{\"NS\":[\"1\",\"b\"]}", "The parameter cannot be converted to a numeric value: b"},
    {"{\"B\":\"YQ\"}", INVALID "Binary value is not valid Base64"},
    {"{\"M\":{\"\":{\"NULL\":true}}}", "Empty attribute name"},
};

static void test_refusals_have_the_messages_of_dynamodb(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    struct fixture fixture;
    fixture_init(&fixture);
    struct value value;
    assert_false(
        value_from_json(&fixture.arena, bytes_of_text(refusals[i].json), &value, &fixture.error));
    assert_int_equal(fixture.error.code, ERROR_INVALID);
    assert_string_equal(fixture.error.message, refusals[i].message);
    fixture_free(&fixture);
  }
}

static void test_wrong_shapes(void **state)
{
  (void)state;
  static const struct {
    const char *json;
    const char *part;
  } shapes[] = {
      {"{\"N\":1}", "not a value of the type \"N\""},
      {"{\"S\":{}}", "not a value of the type \"S\""},
      {"{\"BOOL\":\"true\"}", "not a value of the type \"BOOL\""},
      {"{\"NULL\":\"no\"}", "not a value of the type \"NULL\""},
      {"{\"L\":{}}", "not a value of the type \"L\""},
      {"{\"M\":[]}", "not a value of the type \"M\""},
      {"{\"SS\":\"a\"}", "not a value of the type \"SS\""},
      {"{\"SS\":[1]}", ""},
      {"{\"S\":\"a\",\"S\":\"b\"}", ""},
      {"{\"S\":\"a\"} x", ""},
      {"{\"S\":", ""},
      {"{\"S\":\"a", ""},
      {"{\"M\":{\"a\":", ""},
      {"[]", ""},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
    struct fixture fixture;
    fixture_init(&fixture);
    struct value value;
    struct bytes json = bytes_of_text(shapes[i].json);
    assert_false(value_from_json(&fixture.arena, json, &value, &fixture.error));
    assert_int_equal(fixture.error.code, ERROR_INVALID);
    assert_non_null(strstr(fixture.error.message, shapes[i].part));
    assert_true(fixture.error.message[0] != '\0');
    fixture_free(&fixture);
  }
}

static void test_item(void **state)
{
  (void)state;
  static const char json[] = "{\"a\":{\"N\":\"1\"},\"b\":{\"M\":{\"c\":{\"L\":[{\"S\":\"x\"}]}}}}";
  struct fixture fixture;
  fixture_init(&fixture);
  struct value item;
  assert_true(item_from_json(&fixture.arena, bytes_of_text(json), &item, &fixture.error));
  int64_t integer = 0;
  assert_true(value_integer(value_attribute(item, BYTES("a")), &integer));
  assert_int_equal(integer, 1);
  item_to_json(&fixture.buffer, item);
  assert_true(bytes_equal(buffer_bytes(&fixture.buffer), bytes_of_text(json)));
  assert_false(item_from_json(&fixture.arena, BYTES("{\"a\":\"b\"}"), &item, &fixture.error));
  assert_false(item_from_json(&fixture.arena, BYTES("[]"), &item, &fixture.error));
  fixture_free(&fixture);
}

/* A value that is lists in lists around a string, which stands at level `level`. */
static void append_nested(struct buffer *buffer, int level)
{
  for (int i = 1; i < level; i++) buffer_append(buffer, BYTES("{\"L\":["));
  buffer_append(buffer, BYTES("{\"S\":\"leaf\"}"));
  for (int i = 1; i < level; i++) buffer_append(buffer, BYTES("]}"));
}

static void test_depth(void **state)
{
  (void)state;
  for (int over = 0; over < 2; over++) {
    struct fixture fixture;
    fixture_init(&fixture);
    struct value value;
    append_nested(&fixture.buffer, ITEM_DEPTH_MAX + over);
    bool read = value_from_json(&fixture.arena, buffer_bytes(&fixture.buffer), &value,
                                &fixture.error);
    assert_int_equal(read, over == 0);
    buffer_clear(&fixture.buffer);
    buffer_append(&fixture.buffer, BYTES("{\"a\":"));
    append_nested(&fixture.buffer, ITEM_DEPTH_MAX + over);
    buffer_append(&fixture.buffer, BYTES("}"));
    read = item_from_json(&fixture.arena, buffer_bytes(&fixture.buffer), &value, &fixture.error);
    assert_int_equal(read, over == 0);
    if (over > 0)
      assert_string_equal(fixture.error.message,
                          "Nesting Levels have exceeded supported limits: Attributes in the item "
                          "have nested levels beyond supported limit");
    fixture_free(&fixture);
  }
}

static void run_model_round(struct fixture *fixture, struct fixture_random *random)
{
  struct model model;
  struct value_writer writer;
  struct value value, again;
  struct buffer encoded;
  model_random(&model, 4, &fixture->arena, random);
  buffer_init(&encoded, &fixture->memory);
  value_writer_init(&writer, &encoded);
  model_write(&model, &writer);
  assert_true(value_writer_finish(&writer, &value, &fixture->error));

  buffer_clear(&fixture->buffer);
  value_to_json(&fixture->buffer, value);
  struct bytes json = buffer_bytes(&fixture->buffer);
  if (!value_from_json(&fixture->arena, json, &again, &fixture->error))
    fail_msg("%.*s: %s", BYTES_FORMAT(json), fixture->error.message);
  assert_true(value_equal(value, again));
  buffer_free(&encoded);
}

static void test_model(void **state)
{
  (void)state;
  struct fixture_random random = fixture_random_init(3);
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/store/test_item_json\n",
                (unsigned long long)random.seed);
  struct fixture fixture;
  fixture_init(&fixture);
  for (int round = 0; round < MODEL_ROUNDS; round++) {
    run_model_round(&fixture, &random);
    arena_reset(&fixture.arena);
  }
  fixture_free(&fixture);
}

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  static const char json[] = "{\"b\":{\"S\":\"a longer text with an escape\\n\"},"
                             "\"a\":{\"BS\":[\"Yg==\",\"YQ==\"]}}";
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.memory.fail_at = n;
    struct value item = VALUE_NONE;
    bool read = item_from_json(&fixture.arena, bytes_of_text(json), &item, &fixture.error);
    if (!read) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    if (read) item_to_json(&fixture.buffer, item);
    done = read && !fixture.buffer.failed;
    assert_int_equal(done, fixture.memory.calls < n);
    assert_true(!done || n > 3);
    fixture_free(&fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_there_and_back),
      cmocka_unit_test(test_refusals_have_the_messages_of_dynamodb),
      cmocka_unit_test(test_wrong_shapes),
      cmocka_unit_test(test_item),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_every_allocation_can_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
