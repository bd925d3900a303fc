#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/limits.h"

static void test_names(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"#s = :v", "true"},
      {"#dots = :1x_", "true"},
      {"Aa_9 = :v", "true"},
      {"l[0][1] > :v", "true"},
      {"m . x\t.\n y = :v", "true"},
      {"l [ 0 ] [ 1 ] > :v", "true"},
      {"m.#s = :v", "false"},
      {"l[00] = :v", "false"},
      {"m[0] = :v", "false"},
      {"l.x = :v", "false"},
      {"l[9] = :v", "false"},
      {"status = :v", "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved "
                      "keyword: status"},
      {"m.Name = :v",
       "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: Name"},
      {"size = :v",
       "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: size"},
      {"#t = :v", "Invalid ConditionExpression: An expression attribute name used in the document "
                  "path is not defined; attribute name: #t"},
      {"Aa_9 = :w", "Invalid ConditionExpression: An expression attribute value used in expression "
                    "is not defined; attribute value: :w"},
      {"#a = :v", "ExpressionAttributeNames contains invalid value: an attribute name has 1 to "
                  "65535 bytes; key: #a"},
      {"_a = :v", "Invalid ConditionExpression: Syntax error; token: \"_\", near: \"_a\""},
      {"1a = :v", "Invalid ConditionExpression: Syntax error; token: \"1\", near: \"1a\""},
      {"l[:v] = :v", "Invalid ConditionExpression: Syntax error; token: \":v\", near: \"[:v]\""},
      {"l[#s] = :v", "Invalid ConditionExpression: Syntax error; token: \"#s\", near: \"[#s]\""},
      {"l[-1] = :v", "Invalid ConditionExpression: Syntax error; token: \"-\", near: \"[-1\""},
      {"m. = :v", "Invalid ConditionExpression: Syntax error; token: \"=\", near: \". = :v\""},
      {"m.:v = :v", "Invalid ConditionExpression: Syntax error; token: \":v\", near: \".:v =\""},
      {"# = :v", "Invalid ConditionExpression: Syntax error; token: \"#\", near: \"# =\""},
      {"l[2147483647] = :v", "false"},
      {"l[2147483648] = :v", "Invalid ConditionExpression: List index is not within the allowable "
                             "range; index: [2147483648]"},
      {"l[99999999999999999999999] = :v", "Invalid ConditionExpression: List index is not within "
                                          "the allowable range; index: [99999999999999999999999]"},
  };
  fixture_placeholders(fixture, "{#s='status', #dots='a.b', #a=''}", "{:v=1, :1x_=1}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{status=1, a.b=1, Aa_9=1, l=[[1,2]], m={x={y=1}}}",
              cases);
}

static void test_functions(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"attribute_exists (a)", "true"},
      {"attribute_type(a, :s)", "false"},
      {"ATTRIBUTE_EXISTS(a)",
       "Invalid ConditionExpression: Invalid function name; function: ATTRIBUTE_EXISTS"},
      {"dog(a)", "Invalid ConditionExpression: Invalid function name; function: dog"},
      {"if_not_exists(a, b) = :v", "Invalid ConditionExpression: The function is not allowed in a "
                                   "condition expression; function: if_not_exists"},
      {"list_append(a, b) = :v", "Invalid ConditionExpression: The function is not allowed in a "
                                 "condition expression; function: list_append"},
      {"size(a, b) = :v", "Invalid ConditionExpression: Incorrect number of operands for operator "
                          "or function; operator or function: size, number of operands: 2"},
      {"begins_with(a)", "Invalid ConditionExpression: Incorrect number of operands for operator "
                         "or function; operator or function: begins_with, number of operands: 1"},
      {"attribute_exists(:v)", "Invalid ConditionExpression: Operator or function requires a "
                               "document path; operator or function: attribute_exists"},
      {"attribute_not_exists(size(a))",
       "Invalid ConditionExpression: Operator or function requires a document path; operator or "
       "function: attribute_not_exists"},
      {"attribute_type(a, b)",
       "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or "
       "function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"},
      {"contains(a, begins_with(a, b))",
       "Invalid ConditionExpression: The function is not allowed to be used this way in an "
       "expression; function: begins_with"},
      {"contains(a, size(b))", "false"},
      {"contains()", "Invalid ConditionExpression: Syntax error; token: \")\", near: \"()\""},
      {"contains(a, )", "Invalid ConditionExpression: Syntax error; token: \")\", near: \", )\""},
  };
  fixture_placeholders(fixture, NULL, "{:v=1, :s='S'}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1, b='x'}", cases);
}

static void test_update_functions(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET a = size(a)", "Invalid UpdateExpression: The function is not allowed in an update "
                          "expression; function: size"},
      {"SET a = f(b, c, d)", "Invalid UpdateExpression: Invalid function name; function: f"},
      {"SET a = if_not_exists(:v, :v)", "Invalid UpdateExpression: Operator or function requires a "
                                        "document path; operator or function: if_not_exists"},
      {"SET a = if_not_exists(a)",
       "Invalid UpdateExpression: Incorrect number of operands for operator or function; operator "
       "or function: if_not_exists, number of operands: 1"},
      {"SET a = list_append(list_append(:l, :l), :l)",
       "Invalid UpdateExpression: The function is not allowed to be used this way in an "
       "expression; function: list_append"},
      {"SET l = list_append(if_not_exists(l, :v), :l)", "{a=1, l=[2, 1]}"},
      {"SET a = if_not_exists(x, if_not_exists(y, :v))", "{a=1, l=[2]}"},
      {"SET a = if_not_exists(a, :v + :v)",
       "Invalid UpdateExpression: Syntax error; token: \"+\", near: \":v + :v\""},
  };
  fixture_placeholders(fixture, NULL, "{:v=1, :l=[1]}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=1, l=[2]}", cases);
}

static void test_order_of_faults(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"((a = :v)) AND dog(a)",
       "Invalid ConditionExpression: The expression has redundant parentheses;"},
      {"status = :v AND dog(a)",
       "Invalid ConditionExpression: Invalid function name; function: dog"},
      {"status = :v AND size(a)", "Invalid ConditionExpression: The function is not allowed to be "
                                  "used this way in an expression; function: size"},
      {"a = :x AND status = :v", "Invalid ConditionExpression: Attribute name is a reserved "
                                 "keyword; reserved keyword: status"},
      {"begins_with(a) AND a = :x",
       "Invalid ConditionExpression: Incorrect number of operands for operator or function; "
       "operator or function: begins_with, number of operands: 1"},
      {"a = :x AND begins_with(a)", "Invalid ConditionExpression: An expression attribute value "
                                    "used in expression is not defined; attribute value: :x"},
      {"begins_with(a, :x) AND dog(a) AND a = ",
       "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"=\""},
  };
  fixture_placeholders(fixture, NULL, "{:v=1}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1}", cases);
}

static void test_limits(void **state)
{
  struct expression_fixture *fixture = *state;
  char text[EXPRESSION_SIZE_MAX];
  fixture_placeholders(fixture, NULL, "{:v=1}");
  for (int levels = ITEM_DEPTH_MAX; levels <= ITEM_DEPTH_MAX + 2; levels++) {
    strcpy(text, "a");
    for (int i = 1; i < levels; i++) strcat(text, i % 2 ? "[1]" : ".b");
    strcat(text, " = :v");
    const char *expected[] = {
        "false",
        "Invalid ConditionExpression: The document path has too many nesting levels; nesting "
        "levels: 33",
        "Invalid ConditionExpression: The document path has too many nesting levels; nesting "
        "levels: 34"};
    assert_string_equal(fixture_run(fixture, EXPRESSION_CONDITION, text, "{a=1}"),
                        expected[levels - ITEM_DEPTH_MAX]);
  }
  for (int operands = EXPRESSION_OPERANDS_MAX; operands <= EXPRESSION_OPERANDS_MAX + 1;
       operands++) {
    strcpy(text, "a IN (:v");
    for (int i = 1; i < operands; i++) strcat(text, ",:v");
    strcat(text, ")");
    assert_string_equal(fixture_run(fixture, EXPRESSION_CONDITION, text, "{a=1}"),
                        operands == EXPRESSION_OPERANDS_MAX
                            ? "true"
                            : "Invalid ConditionExpression: The IN operator is provided with too "
                              "many operands; number of operands: 101");
  }
  memset(text, 'x', 300);
  strcpy(text + 300, " = :v");
  text[0] = '#';
  assert_non_null(strstr(fixture_run(fixture, EXPRESSION_CONDITION, text, "{a=1}"),
                         "a placeholder has 300 characters, at most 255 are allowed: #xxx"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_names, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_functions, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_update_functions, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_order_of_faults, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_limits, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
