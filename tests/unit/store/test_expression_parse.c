#include "store/limits.h"
#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_empty(void **state)
{
  struct expression_fixture *fixture = *state;
  static const char *const names[] = {"Condition", "Filter", "KeyCondition", "Update",
                                      "Projection"};
  for (unsigned kind = 0; kind < 5; kind++) {
    char expected[100] = "Invalid ";
    strcat(strcat(expected, names[kind]), "Expression: The expression can not be empty;");
    for (int blank = 0; blank < 2; blank++) {
      assert_null(fixture_compile(fixture, (enum expression_kind)kind, blank ? " \n" : ""));
      assert_int_equal(fixture->error.code, ERROR_INVALID);
      assert_string_equal(fixture->error.message, expected);
    }
  }
}

static void test_unused(void **state)
{
  struct expression_fixture *fixture = *state;
  struct error *error = &fixture->error;
  fixture_placeholders(fixture, "{#a='a', #b='b', #c='c'}", "{:u=1, :v=1, :w=1}");
  assert_non_null(fixture_compile(fixture, EXPRESSION_CONDITION, "#a = :v"));
  assert_false(expression_check_unused(&fixture->placeholders, error));
  assert_string_equal(
      error->message,
      "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b, #c}");
  assert_non_null(fixture_compile(fixture, EXPRESSION_UPDATE, "SET #b = :u REMOVE x.#c"));
  assert_false(expression_check_unused(&fixture->placeholders, error));
  assert_int_equal(error->code, ERROR_INVALID);
  assert_string_equal(
      error->message,
      "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}");
  assert_non_null(fixture_compile(fixture, EXPRESSION_FILTER, "size(z) = :w"));
  assert_true(expression_check_unused(&fixture->placeholders, error));
}

/* The text, the names and the placeholders may go when the expression is compiled. */
static void test_owns_its_memory(void **state)
{
  struct expression_fixture *fixture = *state;
  char text[] = "a = :v AND #n <> :v";
  char name[] = "b";
  struct expression_name names[] = {{BYTES("#n"), {(uint8_t *)name, 1}}};
  struct bytes values[] = {BYTES(":v")};
  struct expression_placeholders placeholders = {names, 1, values, 1, NULL, NULL};
  const struct expression *expression = expression_compile(
      &fixture->arena, EXPRESSION_CONDITION, bytes_of_text(text), &placeholders, &fixture->error);
  assert_non_null(expression);
  memset(text, 'x', sizeof(text));
  name[0] = 'x';
  memset(&placeholders, 0, sizeof(placeholders));
  bool holds = false;
  struct value one = fixture_value(fixture, "1");
  assert_true(expression_test(expression, fixture_value(fixture, "{a=1, b=2}"), &one,
                              &fixture->arena, &holds, &fixture->error));
  assert_true(holds);
  assert_true(expression_mentions(expression, BYTES("b")));
}

static void test_size_limits(void **state)
{
  struct expression_fixture *fixture = *state;
  char text[EXPRESSION_SIZE_MAX + 2];
  fixture_placeholders(fixture, NULL, "{:v=1}");
  memset(text, ' ', sizeof(text));
  memcpy(text, "a = :v", 6);
  text[EXPRESSION_SIZE_MAX] = '\0';
  assert_non_null(fixture_compile(fixture, EXPRESSION_CONDITION, text));
  text[EXPRESSION_SIZE_MAX] = ' ';
  text[EXPRESSION_SIZE_MAX + 1] = '\0';
  assert_null(fixture_compile(fixture, EXPRESSION_CONDITION, text));
  assert_string_equal(fixture->error.message,
                      "Invalid ConditionExpression: Expression size has exceeded the maximum "
                      "allowed size; expression size: 4097");

  for (int comparisons = 150; comparisons <= 151; comparisons++) {
    strcpy(text, "a=:v");
    for (int i = 1; i < comparisons; i++) strcat(text, " OR a=:v");
    /* 150 comparisons with 149 ORs are 299 operators, one more pair is 301. */
    const struct expression *expression = fixture_compile(fixture, EXPRESSION_CONDITION, text);
    if (comparisons == 150) {
      assert_non_null(expression);
      continue;
    }
    assert_null(expression);
    assert_string_equal(fixture->error.message,
                        "Invalid ConditionExpression: The expression contains too many operators; "
                        "operator count: 301");
  }
}

/* Messages never carry more than the error can hold, and stay well-formed UTF-8. */
static void test_long_tokens(void **state)
{
  struct expression_fixture *fixture = *state;
  char text[EXPRESSION_SIZE_MAX + 1];
  for (size_t size = 90; size < 260; size++) {
    memset(text, 'w', size);
    strcpy(text + size, " \u00e4\u00e4 = :v");
    assert_null(fixture_compile(fixture, EXPRESSION_FILTER, text));
    assert_true(bytes_is_utf8(bytes_of_text(fixture->error.message)));
  }
}

/* Every allocation of a compile fails once. */
static void test_out_of_memory(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct {
    enum expression_kind kind;
    const char *text;
  } cases[] = {
      {EXPRESSION_CONDITION, "attribute_exists(a) AND (b.c[1] = :v OR NOT size(#n) IN (:v, :w))"},
      {EXPRESSION_UPDATE, "SET a.b = list_append(if_not_exists(a.b, :v), :w), c = c + :v ADD d :w"},
      {EXPRESSION_PROJECTION, "a.b, c[1], #n"},
      {EXPRESSION_KEY_CONDITION, "a = :v AND b BETWEEN :v AND :w"},
  };
  fixture_placeholders(fixture, "{#n='name'}", "{:v=1, :w=2}");
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    for (uint64_t fail = 1;; fail++) {
      struct memory memory = {.fail_at = fail};
      struct arena arena;
      arena_init(&arena, &memory);
      const struct expression *expression = expression_compile(
          &arena, cases[i].kind, bytes_of_text(cases[i].text), &fixture->placeholders,
          &fixture->error);
      bool hit = memory.calls >= fail;
      if (expression == NULL) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
      arena_free(&arena);
      assert_int_equal(memory.in_use, 0);
      assert_true((expression == NULL) == hit);
      if (!hit) break;
      assert_true(fail < 100);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_empty, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_unused, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_owns_its_memory, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_size_limits, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_long_tokens, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_out_of_memory, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
