#include "unit/store/expression_fixture.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

int fixture_setup(void **state)
{
  struct expression_fixture *fixture = calloc(1, sizeof(*fixture));
  CHECK(fixture != NULL);
  arena_init(&fixture->arena, &fixture->memory);
  buffer_init(&fixture->buffer, &fixture->memory);
  *state = fixture;
  return 0;
}

int fixture_teardown(void **state)
{
  struct expression_fixture *fixture = *state;
  arena_free(&fixture->arena);
  buffer_free(&fixture->buffer);
  bool leaked = fixture->memory.in_use != 0;
  free(fixture);
  return leaked ? -1 : 0;
}

/* ---- reading the notation ---- */

static const char *skip_blanks(const char *at)
{
  while (*at == ' ' || *at == '\n') at++;
  return at;
}

static const char *read_value(struct value_writer *writer, const char *at);

static const char *read_container(struct value_writer *writer, const char *at)
{
  char close = *at == '{' ? '}' : *at == '[' ? ']' : '>';
  const char *first = skip_blanks(at + 1);
  enum value_type type = *at == '{' ? VALUE_MAP : VALUE_LIST;
  if (*at == '<')
    type = *first == '\'' ? VALUE_STRING_SET : *first == 'b' ? VALUE_BINARY_SET : VALUE_NUMBER_SET;
  value_write_begin(writer, type);
  at = first;
  while (*at != close) {
    if (type == VALUE_MAP) {
      size_t size = strcspn(at, "=,} ");
      value_write_name(writer, bytes_of(at, size));
      at = skip_blanks(at + size);
      CHECK_THAT(*at, ==, '=');
      at = skip_blanks(at + 1);
    }
    at = skip_blanks(read_value(writer, at));
    CHECK(*at == close || *at == ',');
    if (*at == ',') at = skip_blanks(at + 1);
  }
  value_write_end(writer);
  return at + 1;
}

static const char *read_quoted(struct value_writer *writer, const char *at)
{
  bool binary = *at == 'b';
  const char *start = at + (binary ? 2 : 1);
  const char *end = strchr(start, '\'');
  CHECK(end != NULL);
  struct bytes content = bytes_of(start, (size_t)(end - start));
  if (binary)
    value_write_binary(writer, content);
  else
    value_write_string(writer, content);
  return end + 1;
}

static const char *read_value(struct value_writer *writer, const char *at)
{
  if (strchr("{[<", *at) != NULL) return read_container(writer, at);
  if (*at == '\'' || (*at == 'b' && at[1] == '\'')) return read_quoted(writer, at);
  size_t size = strcspn(at, ",]}> ");
  struct bytes word = bytes_of(at, size);
  struct decimal number;
  struct error error;
  if (bytes_equal(word, BYTES("true")) || bytes_equal(word, BYTES("false"))) {
    value_write_bool(writer, *at == 't');
  } else if (bytes_equal(word, BYTES("null"))) {
    value_write_null(writer);
  } else {
    CHECK(decimal_parse(word, &number, &error));
    value_write_number(writer, &number);
  }
  return at + size;
}

struct value fixture_value(struct expression_fixture *fixture, const char *notation)
{
  struct value_writer writer;
  struct value value;
  struct error error;
  buffer_clear(&fixture->buffer);
  value_writer_init(&writer, &fixture->buffer);
  const char *end = read_value(&writer, skip_blanks(notation));
  CHECK_THAT(*skip_blanks(end), ==, '\0');
  bool written = value_writer_finish(&writer, &value, &error);
  CHECK(written);
  struct bytes copy = arena_copy(&fixture->arena, bytes_of(value.data, value.size));
  CHECK(copy.data != NULL);
  return (struct value){copy.data, copy.size};
}

/* ---- printing it ---- */

static void print_value(struct buffer *buffer, struct value value);

static void print_container(struct buffer *buffer, struct value value)
{
  enum value_type type = value_type(value);
  const char *brackets = type == VALUE_MAP ? "{}" : type == VALUE_LIST ? "[]" : "<>";
  struct value_iterator iterator = value_iterate(value);
  struct bytes name;
  struct value element;
  const char *comma = "";
  buffer_append_byte(buffer, (uint8_t)brackets[0]);
  while (value_next(&iterator, &name, &element)) {
    buffer_append_format(buffer, "%s", comma);
    if (type == VALUE_MAP) buffer_append_format(buffer, "%.*s=", BYTES_FORMAT(name));
    print_value(buffer, element);
    comma = ", ";
  }
  buffer_append_byte(buffer, (uint8_t)brackets[1]);
}

static void print_value(struct buffer *buffer, struct value value)
{
  char digits[DECIMAL_TEXT_BYTES];
  struct decimal number;
  enum value_type type = value_type(value);
  switch (type) {
  case VALUE_ABSENT:
    buffer_append(buffer, BYTES("absent"));
    return;
  case VALUE_NULL:
    buffer_append(buffer, BYTES("null"));
    return;
  case VALUE_BOOL:
    buffer_append_format(buffer, "%s", value_bool(value) ? "true" : "false");
    return;
  case VALUE_NUMBER:
    number = value_number(value);
    buffer_append(buffer, bytes_of(digits, decimal_format(&number, digits)));
    return;
  case VALUE_STRING:
  case VALUE_BINARY:
    buffer_append_format(buffer, "%s'%.*s'", type == VALUE_BINARY ? "b" : "",
                         BYTES_FORMAT(value_bytes(value)));
    return;
  default:
    print_container(buffer, value);
  }
}

const char *fixture_print(struct expression_fixture *fixture, struct value value)
{
  buffer_clear(&fixture->buffer);
  print_value(&fixture->buffer, value);
  snprintf(fixture->text, sizeof(fixture->text), "%.*s",
           BYTES_FORMAT(buffer_bytes(&fixture->buffer)));
  return fixture->text;
}

/* ---- compiling and running ---- */

void fixture_placeholders(struct expression_fixture *fixture, const char *names, const char *values)
{
  struct bytes name;
  struct value value;
  struct expression_placeholders *placeholders = &fixture->placeholders;
  size_t count = 0;
  struct value_iterator iterator = value_iterate(
      fixture_value(fixture, names == NULL ? "{}" : names));
  while (value_next(&iterator, &name, &value)) {
    CHECK_THAT(count, <, FIXTURE_PLACEHOLDERS_MAX);
    fixture->names_used[count] = false;
    fixture->names[count++] = (struct expression_name){name, value_bytes(value)};
  }
  *placeholders = (struct expression_placeholders){.names = fixture->names,
                                                   .name_count = count,
                                                   .values = fixture->value_names,
                                                   .names_used = fixture->names_used,
                                                   .values_used = fixture->values_used};
  iterator = value_iterate(fixture_value(fixture, values == NULL ? "{}" : values));
  for (count = 0; value_next(&iterator, &name, &value); count++) {
    CHECK_THAT(count, <, FIXTURE_PLACEHOLDERS_MAX);
    fixture->values_used[count] = false;
    fixture->value_names[count] = name;
    fixture->values[count] = value;
  }
  placeholders->value_count = count;
}

const struct expression *fixture_compile(struct expression_fixture *fixture,
                                         enum expression_kind kind, const char *text)
{
  fixture->error = (struct error){.code = ERROR_NONE};
  return expression_compile(&fixture->arena, kind, bytes_of_text(text), &fixture->placeholders,
                            &fixture->error);
}

const char *fixture_run(struct expression_fixture *fixture, enum expression_kind kind,
                        const char *text, const char *item)
{
  const struct expression *expression = fixture_compile(fixture, kind, text);
  struct error *error = &fixture->error;
  struct value image = fixture_value(fixture, item);
  struct value result;
  bool holds;
  if (expression == NULL || !expression_check_values(expression, fixture->values, error))
    return error->message;
  if (kind <= EXPRESSION_KEY_CONDITION) {
    if (!expression_test(expression, image, fixture->values, &fixture->arena, &holds, error))
      return error->message;
    return holds ? "true" : "false";
  }
  bool done = kind == EXPRESSION_UPDATE
                  ? expression_update(expression, image, fixture->values, &fixture->arena, &result,
                                      error)
                  : expression_project(expression, image, &fixture->arena, &result, error);
  if (!done) return error->message;
  /* Whatever was written must be canonical. */
  bool valid = value_validate(bytes_of(result.data, result.size), error);
  return valid ? fixture_print(fixture, result) : error->message;
}

void fixture_run_cases(struct expression_fixture *fixture, enum expression_kind kind,
                       const char *item, const struct fixture_case *cases, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const char *answer = fixture_run(fixture, kind, cases[i].text, item);
    const char *expected = cases[i].expected;
    if (strncmp(expected, "...", 3) == 0) {
      expected += 3;
      size_t size = strlen(answer);
      if (size > strlen(expected)) answer += size - strlen(expected);
    }
    if (strcmp(answer, expected) != 0)
      fail_msg("%s\n  gives    %s\n  not      %s", cases[i].text, answer, expected);
  }
}
