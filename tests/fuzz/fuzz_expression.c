/*
 * Expressions of any text: compiling refuses with a message or gives an expression that can be
 * checked and run on an item, with a canonical result. The first byte chooses the kind.
 */
#include "base/check.h"
#include "store/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAME_COUNT = 4, VALUE_COUNT = 8 };

static const struct expression_name names[NAME_COUNT] = {
    {{(const uint8_t *)"#a", 2}, {(const uint8_t *)"a", 1}},
    {{(const uint8_t *)"#s", 2}, {(const uint8_t *)"status", 6}},
    {{(const uint8_t *)"#m", 2}, {(const uint8_t *)"m", 1}},
    {{(const uint8_t *)"#d", 2}, {(const uint8_t *)"a.b", 3}},
};

static const struct bytes value_names[VALUE_COUNT] = {
    {(const uint8_t *)":n", 2}, {(const uint8_t *)":s", 2}, {(const uint8_t *)":b", 2},
    {(const uint8_t *)":t", 2}, {(const uint8_t *)":l", 2}, {(const uint8_t *)":u", 2},
    {(const uint8_t *)":v", 2}, {(const uint8_t *)":w", 2},
};

static void write_set(struct value_writer *writer)
{
  value_write_begin(writer, VALUE_NUMBER_SET);
  value_write_integer(writer, 1);
  value_write_integer(writer, 7);
  value_write_end(writer);
}

static void write_list(struct value_writer *writer)
{
  value_write_begin(writer, VALUE_LIST);
  value_write_integer(writer, 5);
  value_write_string(writer, BYTES("N"));
  value_write_end(writer);
}

/* One value per placeholder, of most types. */
static void write_placeholder(struct value_writer *writer, size_t slot)
{
  struct decimal fraction = {.coefficient = 15, .exponent = -1};
  switch (slot) {
  case 0:
    value_write_integer(writer, INT64_MAX);
    return;
  case 1:
    value_write_string(writer, BYTES("N"));
    return;
  case 2:
    value_write_binary(writer, BYTES("N"));
    return;
  case 3:
    value_write_bool(writer, true);
    return;
  case 4:
    write_list(writer);
    return;
  case 5:
    write_set(writer);
    return;
  case 6:
    value_write_number(writer, &fraction);
    return;
  default:
    value_write_null(writer);
  }
}

/* {a: 1, b: "free", m: {a: set, l: [5, "N", {b: 2}]}, s: set, status: "held"} */
static void write_item(struct value_writer *writer)
{
  value_write_begin(writer, VALUE_MAP);
  value_write_name(writer, BYTES("a"));
  value_write_integer(writer, 1);
  value_write_name(writer, BYTES("b"));
  value_write_string(writer, BYTES("free"));
  value_write_name(writer, BYTES("m"));
  value_write_begin(writer, VALUE_MAP);
  value_write_name(writer, BYTES("a"));
  write_set(writer);
  value_write_name(writer, BYTES("l"));
  value_write_begin(writer, VALUE_LIST);
  value_write_integer(writer, 5);
  value_write_string(writer, BYTES("N"));
  value_write_begin(writer, VALUE_MAP);
  value_write_name(writer, BYTES("b"));
  value_write_integer(writer, 2);
  value_write_end(writer);
  value_write_end(writer);
  value_write_end(writer);
  value_write_name(writer, BYTES("s"));
  write_set(writer);
  value_write_name(writer, BYTES("status"));
  value_write_string(writer, BYTES("held"));
  value_write_end(writer);
}

/* Writes the item (slot VALUE_COUNT) or the value of a placeholder into the arena. */
static struct value make_value(struct arena *arena, size_t slot)
{
  struct buffer buffer;
  struct value_writer writer;
  struct value value;
  struct error error;
  buffer_init(&buffer, arena->memory);
  value_writer_init(&writer, &buffer);
  if (slot == VALUE_COUNT)
    write_item(&writer);
  else
    write_placeholder(&writer, slot);
  bool written = value_writer_finish(&writer, &value, &error);
  CHECK(written);
  struct bytes copy = arena_copy(arena, bytes_of(value.data, value.size));
  CHECK(copy.data != NULL);
  buffer_free(&buffer);
  return (struct value){copy.data, copy.size};
}

static void check_result(struct value result)
{
  struct error error;
  bool valid = value_validate(bytes_of(result.data, result.size), &error);
  CHECK(valid);
}

static void run(const struct expression *expression, enum expression_kind kind, struct arena *arena,
                const struct value *values)
{
  struct error error;
  struct expression_keys keys;
  struct value item = make_value(arena, VALUE_COUNT);
  struct value result;
  bool holds;
  if (!expression_check_values(expression, values, &error)) return;
  if (kind <= EXPRESSION_KEY_CONDITION)
    CHECK(expression_test(expression, item, values, arena, &holds, &error));
  if (kind == EXPRESSION_KEY_CONDITION)
    expression_resolve_keys(expression, values, BYTES("a"), BYTES("b"), &keys, &error);
  if (kind >= EXPRESSION_UPDATE) {
    CHECK(expression_project(expression, item, arena, &result, &error));
    check_result(result);
  }
  if (kind == EXPRESSION_UPDATE &&
      expression_update(expression, item, values, arena, &result, &error))
    check_result(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct value values[VALUE_COUNT];
  bool names_used[NAME_COUNT] = {false};
  bool values_used[VALUE_COUNT] = {false};
  struct expression_placeholders placeholders = {names,       NAME_COUNT, value_names,
                                                 VALUE_COUNT, names_used, values_used};
  struct error error = {.code = ERROR_NONE};
  if (size == 0) return 0;
  arena_init(&arena, &memory);
  for (size_t slot = 0; slot < VALUE_COUNT; slot++) values[slot] = make_value(&arena, slot);
  enum expression_kind kind = data[0] % (EXPRESSION_PROJECTION + 1);
  const struct expression *expression = expression_compile(
      &arena, kind, bytes_of(data + 1, size - 1), &placeholders, &error);
  if (expression == NULL)
    CHECK(error.code == ERROR_INVALID && error.message[0] != '\0');
  else
    run(expression, kind, &arena, values);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
