#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_sections(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET b = :v REMOVE a ADD c :v DELETE s :s", "{b=1, c=1, s=<2>}"},
      {"delete s :s add c :v remove a set b = :v", "{b=1, c=1, s=<2>}"},
      {"  set   b=:v,c=:v  ", "{a=1, b=1, c=1, s=<1, 2>}"},
      {"REMOVE a, s", "{}"},
      {"SET a = :v SET b = :v", "Invalid UpdateExpression: The \"SET\" section can only be used "
                                "once in an update expression;"},
      {"SET a = :v REMOVE b SET c = :v", "Invalid UpdateExpression: The \"SET\" section can only "
                                         "be used once in an update expression;"},
      {"add a :v ADD b :v", "Invalid UpdateExpression: The \"ADD\" section can only be used once "
                            "in an update expression;"},
      {"HELLO a = :v",
       "Invalid UpdateExpression: Syntax error; token: \"HELLO\", near: \"HELLO a\""},
      {"SET", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"SET\""},
      {"SET a", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"a\""},
      {"SET a = ", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"=\""},
      {"SET a < :v", "Invalid UpdateExpression: Syntax error; token: \"<\", near: \"a < :v\""},
      {"SET :v = :v", "Invalid UpdateExpression: Syntax error; token: \":v\", near: \"SET :v =\""},
      {"SET a = :v,", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \",\""},
      {"SET a = :v b = :v",
       "Invalid UpdateExpression: Syntax error; token: \"b\", near: \":v b =\""},
      {"SET set = :v",
       "Invalid UpdateExpression: Syntax error; token: \"set\", near: \"SET set =\""},
      {"ADD a b", "Invalid UpdateExpression: Syntax error; token: \"b\", near: \"a b\""},
      {"ADD a = :v", "Invalid UpdateExpression: Syntax error; token: \"=\", near: \"a = :v\""},
      {"DELETE a", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"a\""},
      {"SET hi-there = :v",
       "Invalid UpdateExpression: Syntax error; token: \"-\", near: \"hi-there\""},
      {"SET a = :v = :v",
       "Invalid UpdateExpression: Syntax error; token: \"=\", near: \":v = :v\""},
  };
  fixture_placeholders(fixture, NULL, "{:v=1, :s=<1>}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=1, s=<1, 2>}", cases);
}

static void test_sums(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET a = a + :w", "{a=4}"},
      {"SET a=a-:w", "{a=-2}"},
      {"SET a = (a + :w)", "{a=4}"},
      {"SET a = (a) + (:w)", "{a=4}"},
      {"SET a = ((a) - (:w))", "{a=-2}"},
      {"SET a = (:w)", "{a=3}"},
      {"SET a = if_not_exists(b, :v) + if_not_exists(a, :w)", "{a=2}"},
      {"SET a = a + :v + :v",
       "Invalid UpdateExpression: Syntax error; token: \"+\", near: \":v + :v\""},
      {"SET a = (a + :v) + :v",
       "Invalid UpdateExpression: Syntax error; token: \"+\", near: \") + :v\""},
      {"SET a = a + (:v + :v)",
       "Invalid UpdateExpression: Syntax error; token: \"+\", near: \":v + :v\""},
      {"SET a = ((a))", "Invalid UpdateExpression: The expression has redundant parentheses;"},
      {"SET a = (a", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"a\""},
  };
  fixture_placeholders(fixture, NULL, "{:v=1, :w=3}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=1}", cases);
}

static void test_faults(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET status = :v, a = foo(:v)",
       "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status"},
      {"SET a = :x, b = foo(:v)", "Invalid UpdateExpression: Invalid function name; function: foo"},
      {"SET a = :x SET b = :v", "Invalid UpdateExpression: The \"SET\" section can only be used "
                                "once in an update expression;"},
      {"SET a = :x, a = :v", "Invalid UpdateExpression: An expression attribute value used in "
                             "expression is not defined; attribute value: :x"},
      {"SET a = :v, #a = if_not_exists(b)",
       "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
       "rewrite one of these paths; path one: [a], path two: [a]"},
      {"SET a = :s + :v ADD b :s", "Invalid UpdateExpression: Incorrect operand type for operator "
                                   "or function; operator: ADD, operand type: STRING"},
  };
  fixture_placeholders(fixture, "{#a='a'}", "{:v=1, :s='x'}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=1}", cases);
}

static void test_projection(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"a", "{a=1}"},
      {"#a, c.d , b [1]", "{a=1, b=[2], c={d=3}}"},
      {"a,", "Invalid ProjectionExpression: Syntax error; token: \"<EOF>\", near: \",\""},
      {"a b", "Invalid ProjectionExpression: Syntax error; token: \"b\", near: \"a b\""},
      {"(a)", "Invalid ProjectionExpression: Syntax error; token: \"(\", near: \"(a\""},
      {":v", "Invalid ProjectionExpression: Syntax error; token: \":v\", near: \":v\""},
      {"a, #a", "Invalid ProjectionExpression: Two document paths overlap with each other; must "
                "remove or rewrite one of these paths; path one: [a], path two: [a]"},
      {"and",
       "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: and"},
  };
  fixture_placeholders(fixture, "{#a='a'}", NULL);
  FIXTURE_RUN(fixture, EXPRESSION_PROJECTION, "{a=1, b=[1, 2], c={d=3}}", cases);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_sections, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_sums, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_faults, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_projection, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
