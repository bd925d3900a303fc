#include "store/item.h"
#include "unit/store/value_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MODEL_ROUNDS = 4000 };

struct fixture {
  struct memory memory;
  struct buffer buffer;
  struct value_writer writer;
  struct error error;
};

static void fixture_init(struct fixture *fixture)
{
  fixture->memory = (struct memory){0};
  buffer_init(&fixture->buffer, &fixture->memory);
  value_writer_init(&fixture->writer, &fixture->buffer);
}

static void fixture_free(struct fixture *fixture)
{
  buffer_free(&fixture->buffer);
  assert_int_equal(fixture->memory.in_use, 0);
}

/* Finishes, checks the bytes and starts over. */
static void expect_bytes(struct fixture *fixture, const char *bytes, size_t size)
{
  struct value value;
  assert_true(value_writer_finish(&fixture->writer, &value, &fixture->error));
  assert_int_equal(value.size, size);
  assert_memory_equal(value.data, bytes, size);
  assert_true(value_validate((struct bytes){value.data, value.size}, &fixture->error));
  value_writer_init(&fixture->writer, &fixture->buffer);
}

#define EXPECT(fixture, literal) expect_bytes(fixture, literal, sizeof(literal) - 1)

/* Finishes, expects a refusal that leaves the buffer as it was, and starts over. */
static void expect_refusal(struct fixture *fixture, const char *message)
{
  struct value value;
  size_t size = fixture->writer.start;
  assert_false(value_writer_finish(&fixture->writer, &value, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_INVALID);
  assert_string_equal(fixture->error.message, message);
  assert_int_equal(fixture->buffer.size, size);
  value_writer_init(&fixture->writer, &fixture->buffer);
}

static void test_scalars(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  value_write_null(&fixture.writer);
  EXPECT(&fixture, "\x00");
  value_write_bool(&fixture.writer, false);
  EXPECT(&fixture, "\x01");
  value_write_bool(&fixture.writer, true);
  EXPECT(&fixture, "\x02");
  value_write_integer(&fixture.writer, 0);
  EXPECT(&fixture, "\x03\x00");
  value_write_integer(&fixture.writer, -1);
  EXPECT(&fixture, "\x03\x01");
  value_write_integer(&fixture.writer, 100);
  EXPECT(&fixture, "\x03\xC8\x01");
  value_write_integer(&fixture.writer, INT64_MIN);
  EXPECT(&fixture, "\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  value_write_string(&fixture.writer, BYTES("xy"));
  EXPECT(&fixture, "\x05\x02xy");
  value_write_binary(&fixture.writer, bytes_of(NULL, 0));
  EXPECT(&fixture, "\x06\x00");
  fixture_free(&fixture);
}

static void write_number(struct fixture *fixture, const char *text)
{
  struct decimal number;
  assert_true(decimal_parse(bytes_of_text(text), &number, &fixture->error));
  value_write_number(&fixture->writer, &number);
}

static void test_numbers_choose_their_form(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  write_number(&fixture, "1.00E2");
  EXPECT(&fixture, "\x03\xC8\x01");
  write_number(&fixture, "-0");
  EXPECT(&fixture, "\x03\x00");
  write_number(&fixture, "-9223372036854775808");
  EXPECT(&fixture, "\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  write_number(&fixture, "-1.5");
  EXPECT(&fixture, "\x04\x01\x81\x0F");
  write_number(&fixture, "9223372036854775808");
  EXPECT(&fixture, "\x04\x00\x08\x00\x00\x00\x00\x00\x00\x00\x80");
  write_number(&fixture, "1E+125");
  EXPECT(&fixture, "\x04\xFA\x01\x01\x01");
  write_number(&fixture, "-1E-130");
  EXPECT(&fixture, "\x04\x83\x02\x81\x01");
  fixture_free(&fixture);
}

static void test_map_is_sorted(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  value_write_begin(&fixture.writer, VALUE_MAP);
  value_write_name(&fixture.writer, BYTES("b"));
  value_write_bool(&fixture.writer, true);
  value_write_name(&fixture.writer, BYTES("ab"));
  value_write_begin(&fixture.writer, VALUE_NUMBER_SET);
  value_write_integer(&fixture.writer, 3);
  value_write_integer(&fixture.writer, -2);
  value_write_end(&fixture.writer);
  value_write_name(&fixture.writer, BYTES("a"));
  value_write_null(&fixture.writer);
  value_write_end(&fixture.writer);
  EXPECT(&fixture, "\x08\x16\0\0\0\x03\0\0\0"
                   "\x01\x61\x00"
                   "\x02\x61\x62\x0A\x04\0\0\0\x02\0\0\0\x03\x03\x03\x06"
                   "\x01\x62\x02");
  fixture_free(&fixture);
}

static void test_list_keeps_its_order(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  value_write_begin(&fixture.writer, VALUE_LIST);
  value_write_integer(&fixture.writer, 2);
  value_write_integer(&fixture.writer, 1);
  value_write_end(&fixture.writer);
  EXPECT(&fixture, "\x07\x04\0\0\0\x02\0\0\0\x03\x04\x03\x02");
  value_write_begin(&fixture.writer, VALUE_MAP);
  value_write_end(&fixture.writer);
  EXPECT(&fixture, "\x08\0\0\0\0\0\0\0\0");
  fixture_free(&fixture);
}

static void write_string_set(struct fixture *fixture, const char *const *members, size_t count)
{
  value_write_begin(&fixture->writer, VALUE_STRING_SET);
  for (size_t i = 0; i < count; i++)
    value_write_string(&fixture->writer, bytes_of_text(members[i]));
  value_write_end(&fixture->writer);
}

static void test_refuses_duplicates(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  write_string_set(&fixture, (const char *const[]){"a", "a"}, 2);
  expect_refusal(&fixture, "One or more parameter values were invalid: "
                           "Input collection [a, a] contains duplicates.");
  write_string_set(&fixture, (const char *const[]){"c", "a", "b", "a"}, 4);
  expect_refusal(&fixture, "One or more parameter values were invalid: "
                           "Input collection [c, a, b, a] contains duplicates.");
  value_write_begin(&fixture.writer, VALUE_BINARY_SET);
  value_write_binary(&fixture.writer, BYTES("b"));
  value_write_binary(&fixture.writer, BYTES("b"));
  value_write_end(&fixture.writer);
  expect_refusal(&fixture, "One or more parameter values were invalid: "
                           "Input collection [Yg==, Yg==]of type BS contains duplicates.");
  value_write_begin(&fixture.writer, VALUE_NUMBER_SET);
  value_write_integer(&fixture.writer, 100);
  write_number(&fixture, "1e2");
  value_write_end(&fixture.writer);
  expect_refusal(&fixture, "Input collection contains duplicates");
  value_write_begin(&fixture.writer, VALUE_MAP);
  for (int i = 0; i < 2; i++) {
    value_write_name(&fixture.writer, BYTES("n"));
    value_write_integer(&fixture.writer, i);
  }
  value_write_end(&fixture.writer);
  expect_refusal(&fixture,
                 "One or more parameter values were invalid: Duplicate attribute name: n");
  fixture_free(&fixture);
}

static void test_long_duplicates_fit_the_message(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  char text[1001];
  memset(text, 'x', 1000);
  text[1000] = '\0';
  write_string_set(&fixture, (const char *const[]){"a", text, text}, 3);
  struct value value;
  assert_false(value_writer_finish(&fixture.writer, &value, &fixture.error));
  assert_non_null(strstr(fixture.error.message, "[a, xxx"));
  assert_non_null(strstr(fixture.error.message, "x] contains duplicates."));
  value_writer_init(&fixture.writer, &fixture.buffer);
  value_write_begin(&fixture.writer, VALUE_BINARY_SET);
  for (int i = 0; i < 2; i++) value_write_binary(&fixture.writer, bytes_of(text, 1000));
  value_write_end(&fixture.writer);
  assert_false(value_writer_finish(&fixture.writer, &value, &fixture.error));
  assert_non_null(strstr(fixture.error.message, "]of type BS contains duplicates."));
  fixture_free(&fixture);
}

static void test_refuses_empty_sets_and_names(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  static const struct {
    enum value_type type;
    const char *message;
  } sets[] = {
      {VALUE_STRING_SET, "One or more parameter values were invalid: "
                         "An string set  may not be empty"},
      {VALUE_NUMBER_SET, "One or more parameter values were invalid: "
                         "An number set  may not be empty"},
      {VALUE_BINARY_SET, "One or more parameter values were invalid: "
                         "Binary sets should not be empty"},
  };
  for (size_t i = 0; i < 3; i++) {
    value_write_begin(&fixture.writer, sets[i].type);
    value_write_end(&fixture.writer);
    expect_refusal(&fixture, sets[i].message);
  }
  value_write_begin(&fixture.writer, VALUE_STRING_SET);
  value_write_integer(&fixture.writer, 1);
  value_write_end(&fixture.writer);
  expect_refusal(&fixture, "One or more parameter values were invalid: "
                           "Set contains an element of another type");

  char *name = test_malloc(ATTRIBUTE_NAME_MAX + 1);
  memset(name, 'n', ATTRIBUTE_NAME_MAX + 1);
  value_write_begin(&fixture.writer, VALUE_MAP);
  value_write_name(&fixture.writer, BYTES(""));
  value_write_null(&fixture.writer);
  value_write_end(&fixture.writer);
  expect_refusal(&fixture, "Empty attribute name");
  for (size_t over = 0; over < 2; over++) {
    value_write_begin(&fixture.writer, VALUE_MAP);
    value_write_name(&fixture.writer, bytes_of(name, ATTRIBUTE_NAME_MAX + over));
    value_write_null(&fixture.writer);
    value_write_end(&fixture.writer);
    struct value value;
    if (over == 0)
      assert_true(value_writer_finish(&fixture.writer, &value, &fixture.error));
    else
      expect_refusal(&fixture, "Attribute name is too large, must be less than 65536 bytes");
    value_writer_init(&fixture.writer, &fixture.buffer);
  }
  test_free(name);
  fixture_free(&fixture);
}

/* An item whose attribute "a" is lists in lists with a leaf, which stands at level `level`. */
static void write_nested(struct value_writer *writer, int level, bool set)
{
  value_write_begin(writer, VALUE_MAP);
  value_write_name(writer, BYTES("a"));
  for (int i = 1; i < level; i++) value_write_begin(writer, VALUE_LIST);
  if (set) value_write_begin(writer, VALUE_STRING_SET);
  value_write_string(writer, BYTES("leaf"));
  if (set) value_write_end(writer);
  for (int i = 1; i < level; i++) value_write_end(writer);
  value_write_end(writer);
}

static void test_depth(void **state)
{
  (void)state;
  static const char message[] = "Nesting Levels have exceeded supported limits: Attributes in the "
                                "item have nested levels beyond supported limit";
  struct fixture fixture;
  fixture_init(&fixture);
  struct value item;
  write_nested(&fixture.writer, ITEM_DEPTH_MAX, true);
  assert_true(value_writer_finish(&fixture.writer, &item, &fixture.error));
  assert_true(value_validate(bytes_of(item.data, item.size), &fixture.error));
  value_writer_init(&fixture.writer, &fixture.buffer);
  write_nested(&fixture.writer, ITEM_DEPTH_MAX + 1, false);
  expect_refusal(&fixture, message);
  write_nested(&fixture.writer, ITEM_DEPTH_MAX + 1, true);
  expect_refusal(&fixture, message);

  /* The same depths by way of an encoded value: as itself it fits, one level further down not. */
  uint8_t copy[512];
  assert_true(item.size <= sizeof(copy));
  memcpy(copy, fixture.buffer.data, item.size);
  item.data = copy;
  value_write_value(&fixture.writer, item);
  expect_bytes(&fixture, (const char *)copy, item.size);
  value_write_begin(&fixture.writer, VALUE_LIST);
  value_write_value(&fixture.writer, item);
  value_write_end(&fixture.writer);
  expect_refusal(&fixture, message);
  fixture_free(&fixture);
}

static void test_make(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  struct decimal number = {.coefficient = 15, .exponent = -1, .negative = true};
  assert_true(value_equal(value_make_string(&arena, BYTES("xy")),
                          (struct value){(const uint8_t *)"\x05\x02xy", 4}));
  assert_true(value_equal(value_make_binary(&arena, BYTES("")),
                          (struct value){(const uint8_t *)"\x06\x00", 2}));
  assert_true(
      value_equal(value_make_integer(&arena, -1), (struct value){(const uint8_t *)"\x03\x01", 2}));
  assert_true(value_equal(value_make_number(&arena, &number),
                          (struct value){(const uint8_t *)"\x04\x01\x81\x0F", 4}));
  assert_true(value_bool(value_make_bool(&arena, true)));
  assert_false(value_bool(value_make_bool(&arena, false)));
  arena_free(&arena);
  arena_init(&arena, &memory);
  memory.fail_at = memory.calls + 1;
  assert_false(value_present(value_make_string(&arena, BYTES("xy"))));
  assert_int_equal(memory.in_use, 0);
}

/* ---- against the model ---- */

static struct value find_child(const struct model *model, uint32_t index, struct value value)
{
  if (model->type == VALUE_MAP) return value_attribute(value, model->names[index]);
  if (model->type == VALUE_LIST) return value_element(value, index);
  struct memory memory = {0};
  struct buffer buffer;
  buffer_init(&buffer, &memory);
  struct value_writer writer;
  value_writer_init(&writer, &buffer);
  model_write(&model->children[index], &writer);
  struct error error;
  struct value wanted, found = VALUE_NONE, element;
  assert_true(value_writer_finish(&writer, &wanted, &error));
  assert_true(value_set_contains(value, wanted));
  struct value_iterator iterator = value_iterate(value);
  while (value_next(&iterator, NULL, &element))
    if (value_compare(element, wanted) == 0) found = element;
  buffer_free(&buffer);
  return found;
}

static void assert_ascending(struct value value)
{
  struct value_iterator iterator = value_iterate(value);
  struct bytes name, last_name = {NULL, 0};
  struct value element, last = VALUE_NONE;
  while (value_next(&iterator, &name, &element)) {
    if (value_type(value) == VALUE_MAP)
      assert_true(bytes_compare(last_name, name) < 0);
    else if (value_type(value) != VALUE_LIST && value_present(last))
      assert_true(value_compare(last, element) < 0);
    last_name = name;
    last = element;
  }
}

static void assert_same(const struct model *model, struct value value)
{
  assert_int_equal(value_type(value), model->type);
  if (model->type == VALUE_BOOL) assert_int_equal(value_bool(value), model->boolean);
  if (model->type == VALUE_NUMBER) {
    struct model read = {.type = VALUE_NUMBER, .number = value_number(value)};
    assert_true(model_scalar_equal(&read, model));
  }
  if (model->type == VALUE_STRING || model->type == VALUE_BINARY)
    assert_true(bytes_equal(value_bytes(value), model->bytes));
  if (model->type < VALUE_LIST) return;
  assert_int_equal(value_count(value), model->count);
  assert_ascending(value);
  for (uint32_t i = 0; i < model->count; i++)
    assert_same(&model->children[i], find_child(model, i, value));
}

static void run_model_round(struct fixture *fixture, struct arena *arena,
                            struct fixture_random *random)
{
  struct model model;
  struct value value;
  model_random(&model, 4, arena, random);
  buffer_clear(&fixture->buffer);
  value_writer_init(&fixture->writer, &fixture->buffer);
  model_write(&model, &fixture->writer);
  assert_true(value_writer_finish(&fixture->writer, &value, &fixture->error));
  assert_same(&model, value);
  assert_true(value_validate(bytes_of(value.data, value.size), &fixture->error));
  if (model.type < VALUE_LIST) return;

  struct bytes first = arena_copy(arena, bytes_of(value.data, value.size));
  model_shuffle(&model, random);
  buffer_clear(&fixture->buffer);
  value_writer_init(&fixture->writer, &fixture->buffer);
  model_write(&model, &fixture->writer);
  assert_true(value_writer_finish(&fixture->writer, &value, &fixture->error));
  assert_true(bytes_equal(first, bytes_of(value.data, value.size)));
}

static void test_model(void **state)
{
  (void)state;
  struct fixture_random random = fixture_random_init(1);
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/store/test_value_writer\n",
                (unsigned long long)random.seed);
  struct fixture fixture;
  fixture_init(&fixture);
  struct arena arena;
  arena_init(&arena, &fixture.memory);
  for (int round = 0; round < MODEL_ROUNDS; round++) {
    run_model_round(&fixture, &arena, &random);
    arena_reset(&arena);
  }
  arena_free(&arena);
  fixture_free(&fixture);
}

static void test_large_map_is_sorted(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  char name[16];
  value_write_begin(&fixture.writer, VALUE_MAP);
  for (int64_t i = 0; i < 20000; i++) {
    int length = snprintf(name, sizeof(name), "n%05d", (int)(i * 7919 % 20000));
    value_write_name(&fixture.writer, bytes_of(name, (size_t)length));
    value_write_integer(&fixture.writer, i * 7919 % 20000);
  }
  value_write_end(&fixture.writer);
  struct value value, element;
  assert_true(value_writer_finish(&fixture.writer, &value, &fixture.error));
  struct value_iterator iterator = value_iterate(value);
  for (int64_t i = 0; i < 20000; i++) {
    int64_t integer = -1;
    assert_true(value_next(&iterator, NULL, &element));
    assert_true(value_integer(element, &integer));
    assert_int_equal(integer, i);
  }
  fixture_free(&fixture);
}

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.memory.fail_at = n;
    value_write_begin(&fixture.writer, VALUE_LIST);
    for (int i = 0; i < 40; i++) {
      char text[] = "0123456789012345678901234567890123456789";
      text[0] = (char)('Z' - i % 20);
      text[1] = (char)('a' + i / 20);
      if (i == 0) value_write_begin(&fixture.writer, VALUE_STRING_SET);
      value_write_string(&fixture.writer, bytes_of_text(text));
    }
    value_write_end(&fixture.writer);
    value_write_end(&fixture.writer);
    struct value value;
    done = value_writer_finish(&fixture.writer, &value, &fixture.error);
    assert_int_equal(done, fixture.memory.calls < n);
    if (!done) {
      assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
      assert_int_equal(fixture.buffer.size, 0);
    }
    assert_true(!done || n > 3);
    fixture_free(&fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scalars),
      cmocka_unit_test(test_numbers_choose_their_form),
      cmocka_unit_test(test_map_is_sorted),
      cmocka_unit_test(test_list_keeps_its_order),
      cmocka_unit_test(test_refuses_duplicates),
      cmocka_unit_test(test_long_duplicates_fit_the_message),
      cmocka_unit_test(test_refuses_empty_sets_and_names),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_make),
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_large_map_is_sorted),
      cmocka_unit_test(test_every_allocation_can_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
