#include "bus/pattern_parts.h"
#include "unit/bus/pattern_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
  struct memory memory;
  struct arena arena;
  struct error error;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static void assert_refused(struct fixture *fixture, struct bytes text, enum error_code code,
                           const char *message)
{
  assert_null(pattern_parse(text, &fixture->arena, &fixture->error));
  if (strncmp(fixture->error.message, message, strlen(message)) != 0)
    fail_msg("\"%s\" instead of \"%s\"", fixture->error.message, message);
  assert_int_equal(fixture->error.code, code);
}

static void test_refuses_invalid_cases(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_cases cases = pattern_cases_read(&fixture->arena);
  int count = 0;
  for (size_t i = 0; i < cases.count; i++) {
    const struct pattern_case *one = &cases.cases[i];
    if (one->event.size > 0) continue;
    count++;
    assert_false(pattern_check(one->pattern, &fixture->arena, &fixture->error));
    assert_true(fixture->error.code == ERROR_INVALID || fixture->error.code == ERROR_LIMIT);
    if (!bytes_starts_with(bytes_of_text(fixture->error.message), one->message))
      fail_msg("%.*s: \"%s\" instead of \"%.*s\"", BYTES_FORMAT(one->about), fixture->error.message,
               BYTES_FORMAT(one->message));
  }
  assert_true(count > 50);
}

static void test_refuses_bad_json(void **state)
{
  struct fixture *fixture = *state;
  assert_refused(fixture, BYTES(""), ERROR_INVALID, "invalid JSON at byte 0");
  assert_refused(fixture, BYTES("{\"a\":[1]"), ERROR_INVALID, "invalid JSON at byte 8");
  assert_refused(fixture, BYTES("{\"a\":[1]} x"), ERROR_INVALID, "invalid JSON at byte 10");
  assert_refused(fixture, BYTES("{\"a\":[1],\"a\":[2]}"), ERROR_INVALID,
                 "invalid JSON at byte 9 (line 1, column 10): key \"a\" twice in one object");
  assert_refused(fixture, BYTES("{\"x\":{\"a\":[1],\"a\":[2]}}"), ERROR_INVALID,
                 "x: invalid JSON at byte 14 (line 1, column 15): key \"a\" twice in one object");
  assert_refused(fixture, BYTES("{\"x\":{\"a\":[{\"prefix\":\"\\x\"}]}}"), ERROR_INVALID,
                 "x.a: invalid JSON");
  assert_refused(fixture, BYTES("{\"\xff\":[1]}"), ERROR_INVALID, "invalid JSON at byte 2");
}

static void test_refuses_what_is_too_large(void **state)
{
  struct fixture *fixture = *state;
  char text[PATTERN_BYTES_MAX + 2];
  memset(text, ' ', sizeof(text));
  memcpy(text, "{\"a\":[1]}", 9);
  assert_non_null(
      pattern_parse(bytes_of(text, PATTERN_BYTES_MAX), &fixture->arena, &fixture->error));
  assert_refused(fixture, bytes_of(text, PATTERN_BYTES_MAX + 1), ERROR_LIMIT,
                 "the pattern has 4097 bytes, more than 4096");
  struct buffer deep;
  buffer_init(&deep, &fixture->memory);
  for (int i = 0; i < PATTERN_DEPTH_MAX + 1; i++) buffer_append(&deep, BYTES("{\"a\":"));
  buffer_append(&deep, BYTES("[1]"));
  for (int i = 0; i < PATTERN_DEPTH_MAX + 1; i++) buffer_append(&deep, BYTES("}"));
  assert_refused(fixture, buffer_bytes(&deep), ERROR_LIMIT, "a.a.a.a.");
  assert_non_null(strstr(fixture->error.message, "a.a: nested deeper than 32 names"));
  buffer_free(&deep);
}

/* 2^9 combinations of 41 fields each are more than 16,384. */
static void test_refuses_too_many_fields(void **state)
{
  struct fixture *fixture = *state;
  struct buffer text;
  buffer_init(&text, &fixture->memory);
  for (int i = 0; i < 9; i++) {
    buffer_append_format(&text, "%s\"x%d\":{\"$or\":[{\"a\":[1]},{\"b\":[1]}]}", i == 0 ? "{" : ",",
                         i);
  }
  assert_true(buffer_append(&text, BYTES("}")));
  assert_non_null(pattern_parse(buffer_bytes(&text), &fixture->arena, &fixture->error));
  text.size--;
  for (int i = 0; i < 32; i++) buffer_append_format(&text, ",\"f%d\":[1]", i);
  buffer_append(&text, BYTES("}"));
  assert_refused(fixture, buffer_bytes(&text), ERROR_LIMIT,
                 "the combinations of $or have more than 16384 fields together");
  buffer_free(&text);
}

static void test_deep_recursion_is_bounded(void **state)
{
  struct fixture *fixture = *state;
  struct buffer text;
  buffer_init(&text, &fixture->memory);
  for (int i = 0; i < 300; i++) buffer_append(&text, BYTES("{\"$or\":["));
  assert_refused(fixture, buffer_bytes(&text), ERROR_LIMIT, "invalid JSON");
  buffer_free(&text);
}

/* "a.b c" for the fields of a branch. */
static void assert_branch(const struct branch *branch, const char *expected)
{
  char text[256] = "";
  size_t size = 0;
  for (uint32_t i = 0; i < branch->count; i++) {
    for (uint32_t j = 0; j < branch->fields[i]->depth; j++)
      size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s",
                               j > 0   ? "."
                               : i > 0 ? " "
                                       : "",
                               BYTES_FORMAT(branch->fields[i]->names[j]));
  }
  assert_string_equal(text, expected);
}

static void test_multiplies_alternatives(void **state)
{
  struct fixture *fixture = *state;
  const struct pattern *pattern = pattern_parse(
      BYTES(
          "{\"z\":[1],\"d\":{\"$or\":[{\"b\":[1]},{\"a\":[1],\"$or\":[{\"c\":[1]},{\"e\":[1]}]}]},"
          "\"$or\":[{\"x\":[1]},{\"y\":[1]}]}"),
      &fixture->arena, &fixture->error);
  assert_non_null(pattern);
  assert_int_equal(pattern->fields_count, 7);
  assert_int_equal(pattern->branches_count, 6);
  assert_branch(&pattern->branches[0], "d.b x z");
  assert_branch(&pattern->branches[1], "d.a d.c x z");
  assert_branch(&pattern->branches[2], "d.a d.e x z");
  assert_branch(&pattern->branches[3], "d.b y z");
  assert_branch(&pattern->branches[5], "d.a d.e y z");
}

static void test_long_paths_are_cut_in_messages(void **state)
{
  struct fixture *fixture = *state;
  struct buffer text;
  buffer_init(&text, &fixture->memory);
  buffer_append(&text, BYTES("{\""));
  for (int i = 0; i < 400; i++) buffer_append(&text, BYTES("é"));
  buffer_append(&text, BYTES("\":{\"b\":1}}"));
  assert_refused(fixture, buffer_bytes(&text), ERROR_INVALID, "ééé");
  size_t size = strlen(fixture->error.message);
  assert_true(size < 300);
  assert_true(bytes_is_utf8(bytes_of(fixture->error.message, size)));
  assert_non_null(strstr(fixture->error.message, "é: must be an object or an array"));
  buffer_free(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_refuses_invalid_cases, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_bad_json, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_what_is_too_large, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_too_many_fields, setup, teardown),
      cmocka_unit_test_setup_teardown(test_deep_recursion_is_bounded, setup, teardown),
      cmocka_unit_test_setup_teardown(test_multiplies_alternatives, setup, teardown),
      cmocka_unit_test_setup_teardown(test_long_paths_are_cut_in_messages, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
