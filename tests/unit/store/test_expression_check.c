#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_conditions(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"a < :t", "Invalid ConditionExpression: Incorrect operand type for operator or function; "
                 "operator or function: <, operand type: BOOL"},
      {":l >= a", "Invalid ConditionExpression: Incorrect operand type for operator or function; "
                  "operator or function: >=, operand type: L"},
      {"a = :l", "false"},
      {"a <> :t", "true"},
      {"a IN (:t, :l)", "false"},
      {"begins_with(a, :n)", "Invalid ConditionExpression: Incorrect operand type for operator or "
                             "function; operator or function: begins_with, operand type: N"},
      {"begins_with(:ss, a)", "Invalid ConditionExpression: Incorrect operand type for operator or "
                              "function; operator or function: begins_with, operand type: SS"},
      {"begins_with(a, size(b))",
       "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or "
       "function: begins_with, operand type: N"},
      {"a = :n OR begins_with(a, :n)",
       "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or "
       "function: begins_with, operand type: N"},
      {"size(:n) = a", "Invalid ConditionExpression: Incorrect operand type for operator or "
                       "function; operator or function: size, operand type: N"},
      {"size(:t) = a", "Invalid ConditionExpression: Incorrect operand type for operator or "
                       "function; operator or function: size, operand type: BOOL"},
      {"size(:null) = a", "Invalid ConditionExpression: Incorrect operand type for operator or "
                          "function; operator or function: size, operand type: NULL"},
      {"size(:s) = a", "true"},
      {"attribute_type(a, :n)",
       "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or "
       "function: attribute_type, operand type: N"},
      {"attribute_type(a, :DOG)", "Invalid ConditionExpression: Invalid attribute type name found; "
                                  "type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
      {"attribute_type(a, :BOOL)", "false"},
      {"a BETWEEN :two AND :n",
       "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than "
       "or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: "
       "AttributeValue: {N:1}"},
      {"a BETWEEN :z AND :s",
       "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than "
       "or equal to lower bound; lower bound operand: AttributeValue: {S:z}, upper bound operand: "
       "AttributeValue: {S:a}"},
      {"a BETWEEN :n AND :s", "Invalid ConditionExpression: The BETWEEN operator requires same "
                              "data type for lower and upper bounds; lower bound operand: "
                              "AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}"},
      {"a BETWEEN :b AND :n",
       "Invalid ConditionExpression: The BETWEEN operator requires same data type for lower and "
       "upper bounds; lower bound operand: AttributeValue: {B:1 bytes}, upper bound operand: "
       "AttributeValue: {N:1}"},
      {"a BETWEEN :t AND :n", "Invalid ConditionExpression: Incorrect operand type for operator or "
                              "function; operator or function: BETWEEN, operand type: BOOL"},
      {"a BETWEEN :n AND :n", "true"},
      {"a BETWEEN b AND :n", "false"},
      {"NOT (a = :n AND a < :ss)",
       "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or "
       "function: <, operand type: SS"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:n=1, :two=2, :s='a', :z='z', :b=b'b', :t=true, :l=[1], :ss=<'a'>, "
                       ":DOG='DOG', :null=null, :BOOL='BOOL'}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION, "{a=1}", cases);
}

static void test_updates(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET a = :s + :n", "Invalid UpdateExpression: Incorrect operand type for operator or "
                          "function; operator or function: +, operand type: S"},
      {"SET a = a - :l", "Invalid UpdateExpression: Incorrect operand type for operator or "
                         "function; operator or function: -, operand type: L"},
      {"SET a = list_append(a, :s)",
       "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or "
       "function: list_append, operand type: S"},
      {"SET a = list_append(if_not_exists(a, :n), :ss)",
       "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or "
       "function: list_append, operand type: SS"},
      {"ADD a :s", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                   "operator: ADD, operand type: STRING"},
      {"ADD a :b", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                   "operator: ADD, operand type: BINARY"},
      {"ADD a :t", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                   "operator: ADD, operand type: BOOLEAN"},
      {"ADD a :null", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                      "operator: ADD, operand type: NULL"},
      {"ADD a :l", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                   "operator: ADD, operand type: LIST"},
      {"ADD a :m", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                   "operator: ADD, operand type: MAP"},
      {"DELETE z :n", "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                      "operator: DELETE, operand type: NUMBER"},
      {"ADD a :n DELETE z :ss", "{a=2, z=<'b'>}"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:n=1, :s='a', :b=b'b', :t=true, :l=[1], :m={}, :null=null, :ss=<'a'>}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=1, z=<'a', 'b'>}", cases);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_conditions, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_updates, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
