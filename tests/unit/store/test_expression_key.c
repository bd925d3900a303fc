#include "store/expression_tree.h"
#include "unit/store/expression_fixture.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* "partition range low high", or the refusal, for a table with keys p and s. */
static const char *resolve(struct expression_fixture *fixture, const char *text, const char *sort)
{
  static const char *const ranges[] = {"all", "=", "<", "<=", ">", ">=", "between", "begins_with"};
  struct expression_keys keys;
  char printed[512];
  const struct expression *expression = fixture_compile(fixture, EXPRESSION_KEY_CONDITION, text);
  if (expression == NULL ||
      !expression_check_values(expression, fixture->values, &fixture->error) ||
      !expression_resolve_keys(expression, fixture->values, BYTES("p"), bytes_of_text(sort), &keys,
                               &fixture->error))
    return fixture->error.message;
  int used = snprintf(printed, sizeof(printed), "%s", fixture_print(fixture, keys.partition));
  used += snprintf(printed + used, sizeof(printed) - (size_t)used, " %s", ranges[keys.range]);
  if (value_present(keys.low))
    used += snprintf(printed + used, sizeof(printed) - (size_t)used, " %s",
                     fixture_print(fixture, keys.low));
  if (value_present(keys.high))
    snprintf(printed + used, sizeof(printed) - (size_t)used, " %s",
             fixture_print(fixture, keys.high));
  return strcpy(fixture->text, printed);
}

static void check(struct expression_fixture *fixture, const char *text, const char *sort,
                  const char *expected)
{
  const char *answer = resolve(fixture, text, sort);
  if (strcmp(answer, expected) != 0)
    fail_msg("%s\n  gives    %s\n  not      %s", text, answer, expected);
}

static void test_ranges(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, "{#s='s', #p='p'}", "{:p='k', :a=1, :b=2, :x='x'}");
  static const char *const cases[][2] = {
      {"p = :p", "'k' all"},
      {":p = #p", "'k' all"},
      {"(p = :p)", "'k' all"},
      {"p = :p AND s = :a", "'k' = 1"},
      {"s < :a AND p = :p", "'k' < 1"},
      {"p = :p and #s <= :a", "'k' <= 1"},
      {"(p = :p) AND (s > :a)", "'k' > 1"},
      {"p = :p AND s >= :a", "'k' >= 1"},
      {"p = :p AND :a < s", "'k' > 1"},
      {"p = :p AND :a <= s", "'k' >= 1"},
      {"p = :p AND :a > s", "'k' < 1"},
      {"p = :p AND :a >= s", "'k' <= 1"},
      {"p = :p AND s BETWEEN :a AND :b", "'k' between 1 2"},
      {"begins_with(s, :x) AND p = :p", "'k' begins_with 'x'"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    check(fixture, cases[i][0], "s", cases[i][1]);
  check(fixture, "p = :p", "", "'k' all");
}

static void test_refused_by_schema(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, NULL, "{:a=1, :b=2}");
  check(fixture, "s = :a", "s", "Query condition missed key schema element: p");
  check(fixture, "q = :a", "", "Query condition missed key schema element: p");
  check(fixture, "p = :a AND q = :b", "s", "Query condition missed key schema element: s");
  check(fixture, "p = :a AND q = :b", "", "Query key condition not supported");
  check(fixture, "p < :a", "s", "Query key condition not supported");
  check(fixture, "p BETWEEN :a AND :b AND s = :a", "s", "Query key condition not supported");
  check(fixture, "p = :a AND s = :b AND q = :a", "s", "Conditions can be of length 1 or 2 only");
  check(fixture, "p = :a AND s BETWEEN :b AND :a", "s",
        "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater "
        "than "
        "or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: "
        "AttributeValue: {N:1}");
  check(fixture, "p = :c", "s",
        "Invalid KeyConditionExpression: An expression attribute value used in expression is not "
        "defined; attribute value: :c");
}

static void test_refused_by_shape(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, NULL, "{:a='1', :b='2'}");
#define OPERATOR(name)  "Invalid operator used in KeyConditionExpression: " name
#define CONDITION(what) "Invalid condition in KeyConditionExpression: " what
  static const char *const cases[][2] = {
      {"a > b and size(b) > c or a > c", OPERATOR("OR")},
      {"a in (b, size(c), d)", OPERATOR("IN")},
      {"attribute_exists(a)", OPERATOR("attribute_exists")},
      {"attribute_not_exists(a)", OPERATOR("attribute_not_exists")},
      {"attribute_type(a, :a)", OPERATOR("attribute_type")},
      {"contains(a.d, b)", OPERATOR("contains")},
      {"not a > b", OPERATOR("NOT")},
      {"a <> b", OPERATOR("<>")},
      {":a between size(b) and size(a) and b > :b",
       CONDITION("BETWEEN operator must have the key attribute as its first operand")},
      {"begins_with(:a, b) and a > :b",
       CONDITION("begins_with operator must have the key attribute as its first operand")},
      {"size(b) > a AND a.b > b AND b > c",
       "KeyConditionExpressions cannot contain nested operations"},
      {"a > size(b.d)", "KeyConditionExpressions cannot contain nested operations"},
      {"a between size(b) and size(a)", "KeyConditionExpressions cannot contain nested operations"},
      {"b > a.b", CONDITION("Multiple attribute names used in one condition")},
      {"a between b and size(a)", CONDITION("Multiple attribute names used in one condition")},
      {"begins_with(a, b)", CONDITION("Multiple attribute names used in one condition")},
      {"b.d > a AND c.d > e.f",
       "KeyConditionExpressions cannot have conditions on nested attributes"},
      {"b[0] > a", "KeyConditionExpressions cannot have conditions on nested attributes"},
      {":b > :a AND a < :b", CONDITION("No key attribute specified")},
      {":a > b AND :a < :b", CONDITION("No key attribute specified")},
      {"b > :a AND b < :a and c = :a and d = :a",
       "KeyConditionExpressions must only contain one condition per key"},
      {"(a > :a and b > :a) and (b > :a and c > :a)",
       "KeyConditionExpressions must only contain one condition per key"},
  };
#undef OPERATOR
#undef CONDITION
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    check(fixture, cases[i][0], "s", cases[i][1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_ranges, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_refused_by_schema, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_refused_by_shape, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
