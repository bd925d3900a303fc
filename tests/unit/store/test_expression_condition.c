#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/limits.h"

static void test_precedence(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"a = :t OR a = :f AND a = :f", "true"},
      {"(a = :t OR a = :f) AND a = :f", "false"},
      {"NOT a = :f AND a = :f", "false"},
      {"NOT (a = :f AND a = :f)", "true"},
      {"NOT a = :t OR a = :t", "true"},
      {"NOT NOT NOT a = :f", "true"},
      {"a = :f or a = :f oR a = :t", "true"},
      {"a = :t aNd nOt a = :t", "false"},
      {"a BETWEEN :t AND :f AND a = :f", "false"},
      {"a between :t and :f and a = :t", "true"},
      {"a = :f OR a BETWEEN :t AND :f", "true"},
      {"a in (:f, :t) AND a IN(:f)", "false"},
  };
  fixture_placeholders(fixture, NULL, "{:t=1, :f=2}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1}", cases);
}

static void test_parentheses(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"(a) = (:v)", "true"},
      {"(a = :v)", "true"},
      {"(((a) = :v) AND (a <> :w))", "true"},
      {"(a = :v) AND ((a = :v) OR (a = :w))", "true"},
      {"(m).b = :v", "true"},
      {"((m).b) = :v", "true"},
      {"(l)[0] = :v", "true"},
      {"(m.b) = (l[0])", "true"},
      {"(size(l)) = (:v)", "true"},
      {"(attribute_exists(a))", "true"},
      {"NOT (attribute_exists(a))", "false"},
      {"attribute_exists((a))", "true"},
      {"a IN ((:v), :w)", "true"},
      {"a BETWEEN (:v) AND (:w)", "true"},
      {"((a = :v))", "Invalid ConditionExpression: The expression has redundant parentheses;"},
      {"((a)) = :v", "Invalid ConditionExpression: The expression has redundant parentheses;"},
      {"a = ((:v))", "Invalid ConditionExpression: The expression has redundant parentheses;"},
      {"((a = :v) AND ((a = :w)))",
       "Invalid ConditionExpression: The expression has redundant parentheses;"},
      {"attribute_exists(((a)))",
       "Invalid ConditionExpression: The expression has redundant parentheses;"},
  };
  fixture_placeholders(fixture, NULL, "{:v=1, :w=2}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1, m={b=1}, l=[1]}", cases);
}

static void test_syntax(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"a = = :v", "Invalid ConditionExpression: Syntax error; token: \"=\", near: \"= = :v\""},
      {"a", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"a\""},
      {"(a)", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \")\""},
      {":v", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \":v\""},
      {"a AND a = :v",
       "Invalid ConditionExpression: Syntax error; token: \"AND\", near: \"a AND a\""},
      {"a = :v AND a", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"a\""},
      {"NOT a", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"a\""},
      {"a = :v AND", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"AND\""},
      {"AND a = :v", "Invalid ConditionExpression: Syntax error; token: \"AND\", near: \"AND a\""},
      {"(a = :v", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \":v\""},
      {"a = :v)", "Invalid ConditionExpression: Syntax error; token: \")\", near: \":v)\""},
      {"(a = :v) = :w",
       "Invalid ConditionExpression: Syntax error; token: \"=\", near: \") = :w\""},
      {"a = b = c", "Invalid ConditionExpression: Syntax error; token: \"=\", near: \"b = c\""},
      {"a = (b = c)", "Invalid ConditionExpression: Syntax error; token: \"=\", near: \"b = c\""},
      {"a + :v = :w", "Invalid ConditionExpression: Syntax error; token: \"+\", near: \"a + :v\""},
      {"a BETWEEN :v", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \":v\""},
      {"a BETWEEN :v OR :w",
       "Invalid ConditionExpression: Syntax error; token: \"OR\", near: \":v OR :w\""},
      {"a IN :v", "Invalid ConditionExpression: Syntax error; token: \":v\", near: \"IN :v\""},
      {"a IN ()", "Invalid ConditionExpression: Syntax error; token: \")\", near: \"()\""},
      {"a IN (:v :w)",
       "Invalid ConditionExpression: Syntax error; token: \":w\", near: \":v :w)\""},
      {"in = :v", "Invalid ConditionExpression: Syntax error; token: \"in\", near: \"in =\""},
      {"a = 5", "Invalid ConditionExpression: Syntax error; token: \"5\", near: \"= 5\""},
      {"a = 'x'", "Invalid ConditionExpression: Syntax error; token: \"'\", near: \"= 'x\""},
      {"SET a = :v", "Invalid ConditionExpression: Syntax error; token: \"a\", near: \"SET a =\""},
  };
  fixture_placeholders(fixture, NULL, "{:v=1, :w=2}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1}", cases);
}

static void test_misuse(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"size(a)", "Invalid ConditionExpression: The function is not allowed to be used this way in "
                  "an expression; function: size"},
      {"NOT size(a)", "Invalid ConditionExpression: The function is not allowed to be used this "
                      "way in an expression; function: size"},
      {"size(a) AND a = :v", "Invalid ConditionExpression: The function is not allowed to be used "
                             "this way in an expression; function: size"},
      {"attribute_exists(a) = :v", "Invalid ConditionExpression: The function is not allowed to be "
                                   "used this way in an expression; function: attribute_exists"},
      {":v = contains(a, b)", "Invalid ConditionExpression: The function is not allowed to be used "
                              "this way in an expression; function: contains"},
      {"a IN (:v, begins_with(a, b))",
       "Invalid ConditionExpression: The function is not allowed to be used this way in an "
       "expression; function: begins_with"},
      {"a = a",
       "Invalid ConditionExpression: The first operand must be distinct from the remaining "
       "operands for this operator or function; operator: =, first operand: [a]"},
      {"a.b[1] <> a.b[1]",
       "Invalid ConditionExpression: The first operand must be distinct from the remaining "
       "operands for this operator or function; operator: <>, first operand: [a, b, [1]]"},
      {"contains(a, a)",
       "Invalid ConditionExpression: The first operand must be distinct from the remaining "
       "operands for this operator or function; operator: contains, first operand: [a]"},
      {"a BETWEEN a AND b", "true"},
  };
  fixture_placeholders(fixture, NULL, "{:v=1}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1, b=2}", cases);
}

static void test_depth(void **state)
{
  struct expression_fixture *fixture = *state;
  char text[EXPRESSION_SIZE_MAX];
  fixture_placeholders(fixture, NULL, "{:v=1}");
  for (int nots = EXPRESSION_DEPTH_MAX; nots <= EXPRESSION_DEPTH_MAX + 1; nots++) {
    text[0] = '\0';
    for (int i = 0; i < nots; i++) strcat(text, "NOT ");
    strcat(text, "a = :v");
    assert_string_equal(fixture_run(fixture, EXPRESSION_CONDITION, text, "{a=1}"),
                        nots <= EXPRESSION_DEPTH_MAX
                            ? "Invalid ConditionExpression: The expression contains too many "
                              "operators; operator count: 301"
                            : "Invalid ConditionExpression: The expression has too many nesting "
                              "levels; at most 300 are allowed");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_precedence, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_parentheses, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_syntax, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_misuse, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_depth, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
