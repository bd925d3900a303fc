#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_equality_of_types(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"n = :n", "true"},   {"n = :s", "false"},   {"n = :b", "false"},   {"n = :t", "false"},
      {"n = :z", "false"},  {"n = :l", "false"},   {"n = :m", "false"},   {"n = :ss", "false"},
      {"n = :ns", "false"}, {"n = :bs", "false"},  {"s = :n", "false"},   {"s = :s", "true"},
      {"s = :b", "false"},  {"s = :t", "false"},   {"s = :z", "false"},   {"s = :l", "false"},
      {"s = :m", "false"},  {"s = :ss", "false"},  {"s = :ns", "false"},  {"s = :bs", "false"},
      {"b = :n", "false"},  {"b = :s", "false"},   {"b = :b", "true"},    {"b = :t", "false"},
      {"b = :z", "false"},  {"b = :l", "false"},   {"b = :m", "false"},   {"b = :ss", "false"},
      {"b = :ns", "false"}, {"b = :bs", "false"},  {"t = :n", "false"},   {"t = :s", "false"},
      {"t = :b", "false"},  {"t = :t", "true"},    {"t = :z", "false"},   {"t = :l", "false"},
      {"t = :m", "false"},  {"t = :ss", "false"},  {"t = :ns", "false"},  {"t = :bs", "false"},
      {"z = :n", "false"},  {"z = :s", "false"},   {"z = :b", "false"},   {"z = :t", "false"},
      {"z = :z", "true"},   {"z = :l", "false"},   {"z = :m", "false"},   {"z = :ss", "false"},
      {"z = :ns", "false"}, {"z = :bs", "false"},  {"l = :n", "false"},   {"l = :s", "false"},
      {"l = :b", "false"},  {"l = :t", "false"},   {"l = :z", "false"},   {"l = :l", "true"},
      {"l = :m", "false"},  {"l = :ss", "false"},  {"l = :ns", "false"},  {"l = :bs", "false"},
      {"m = :n", "false"},  {"m = :s", "false"},   {"m = :b", "false"},   {"m = :t", "false"},
      {"m = :z", "false"},  {"m = :l", "false"},   {"m = :m", "true"},    {"m = :ss", "false"},
      {"m = :ns", "false"}, {"m = :bs", "false"},  {"ss = :n", "false"},  {"ss = :s", "false"},
      {"ss = :b", "false"}, {"ss = :t", "false"},  {"ss = :z", "false"},  {"ss = :l", "false"},
      {"ss = :m", "false"}, {"ss = :ss", "true"},  {"ss = :ns", "false"}, {"ss = :bs", "false"},
      {"ns = :n", "false"}, {"ns = :s", "false"},  {"ns = :b", "false"},  {"ns = :t", "false"},
      {"ns = :z", "false"}, {"ns = :l", "false"},  {"ns = :m", "false"},  {"ns = :ss", "false"},
      {"ns = :ns", "true"}, {"ns = :bs", "false"}, {"bs = :n", "false"},  {"bs = :s", "false"},
      {"bs = :b", "false"}, {"bs = :t", "false"},  {"bs = :z", "false"},  {"bs = :l", "false"},
      {"bs = :m", "false"}, {"bs = :ss", "false"}, {"bs = :ns", "false"}, {"bs = :bs", "true"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:n=1, :s='ab', :b=b'ab', :t=true, :z=null, :l=[1, 'x'], :m={k=1}, "
                       ":ss=<'a', 'b'>, :ns=<1, 2>, :bs=<b'a'>}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION,
              "{n=1, s='ab', b=b'ab', t=true, z=null, l=[1, 'x'], m={k=1}, ss=<'a', 'b'>, ns=<1, "
              "2>, bs=<b'a'>}",
              cases);
}

static void test_comparisons(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"n < :two", "true"},
      {"n < :one", "false"},
      {"n <= :one", "true"},
      {"n > :one", "false"},
      {"n >= :one", "true"},
      {"n > :neg", "true"},
      {"n < :dec", "true"},
      {"d = :dec", "true"},
      {"d < :big", "true"},
      {"d > :one", "true"},
      {"s < :dog", "true"},
      {"s <= :cat", "true"},
      {"s > :cat", "false"},
      {"s > :e", "true"},
      {"e < :cat", "true"},
      {"b >= :bin", "true"},
      {"s < :two", "false"},
      {"s > :two", "false"},
      {"s <> :two", "true"},
      {"b = :cat", "false"},
      {"b <> :cat", "true"},
      {"n <> :one", "false"},
      {"n <> :two", "true"},
      {"t < :two", "false"},
      {"l > :two", "false"},
      {"x = :one", "false"},
      {"x <> :one", "true"},
      {"x < :one", "false"},
      {"x = y", "false"},
      {"x <> y", "true"},
      {"NOT x < :one", "true"},
      {":one < n", "false"},
      {":one = n", "true"},
      {":one < :two", "true"},
      {"n BETWEEN :one AND :two", "true"},
      {"d BETWEEN :one AND :two", "true"},
      {"n BETWEEN :dec AND :two", "false"},
      {"s BETWEEN :cat AND :dog", "true"},
      {"x BETWEEN :one AND :two", "false"},
      {"n BETWEEN s AND :two", "false"},
      {"s BETWEEN :one AND :two", "false"},
      {":dec BETWEEN n AND :two", "true"},
      {"n BETWEEN d AND n", "false"},
      {"n IN (:two, :cat, :one)", "true"},
      {"n IN (:two, :cat)", "false"},
      {"x IN (y, :one)", "false"},
      {"s IN (n, :cat)", "true"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:one=1, :two=2, :dec=1.5, :big=1E100, :cat='cat', :dog='dog', "
                       ":bin=b'cat', :neg=-5, :e=''}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION,
              "{n=1, s='cat', b=b'cat', d=1.50, t=true, l=[1], e=''}", cases);
}

static void test_functions(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"attribute_exists(n)", "true"},       {"attribute_exists(x)", "false"},
      {"attribute_exists(m.a)", "true"},     {"attribute_exists(m.c)", "false"},
      {"attribute_exists(l[3][0])", "true"}, {"attribute_exists(l[4])", "false"},
      {"attribute_not_exists(n)", "false"},  {"attribute_not_exists(x.y[2])", "true"},
      {"attribute_exists(z)", "true"},       {"attribute_type(n, :N)", "true"},
      {"attribute_type(ss, :SS)", "true"},   {"attribute_type(z, :NULL)", "true"},
      {"attribute_type(l, :L)", "true"},     {"attribute_type(n, :SS)", "false"},
      {"attribute_type(x, :N)", "false"},    {"attribute_type(:n, :N)", "true"},
      {"begins_with(s, :hel)", "true"},      {"begins_with(s, :e)", "true"},
      {"begins_with(s, :ell)", "false"},     {"begins_with(h, s)", "false"},
      {"begins_with(s, h)", "true"},         {"begins_with(b, :bh)", "true"},
      {"begins_with(b, :hel)", "false"},     {"begins_with(n, :hel)", "false"},
      {"begins_with(x, :hel)", "false"},     {"begins_with(:hel, h)", "true"},
      {"contains(s, :ell)", "true"},         {"contains(s, :a)", "false"},
      {"contains(s, :e)", "true"},           {"contains(b, :be)", "true"},
      {"contains(b, :ell)", "false"},        {"contains(ss, :a)", "true"},
      {"contains(ss, :n)", "false"},         {"contains(ns, :n)", "true"},
      {"contains(ns, :two)", "false"},       {"contains(bs, :bh)", "true"},
      {"contains(bs, :a)", "false"},         {"contains(l, :a)", "true"},
      {"contains(l, :inner)", "true"},       {"contains(l, :list)", "true"},
      {"contains(l, :two)", "false"},        {"contains(l, x)", "false"},
      {"contains(m, :a)", "false"},          {"contains(x, :a)", "false"},
      {"contains(n, :n)", "false"},          {"contains(x, y)", "false"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:n=1, :two=2, :a='a', :ell='ell', :e='', :hel='hel', :be=b'el', :bh=b'h', "
                       ":N='N', :SS='SS', :L='L', :NULL='NULL', :inner=<1, 2>, :list=[3]}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION,
              "{n=1, s='hello', b=b'hello', t=true, z=null, l=[1, 'a', <1, 2>, [3]], m={a=1, b=2}, "
              "ss=<'a', 'b'>, ns=<1, 3>, bs=<b'h'>, h='hel'}",
              cases);
}

static void test_size(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"size(s) > :n", "true"},     {"size(e) = :n", "false"},
      {"size(l) > :two", "true"},   {"size(m) = :two", "true"},
      {"size(ss) = :two", "true"},  {"size(bs) = :n", "true"},
      {"size(b) > :two", "true"},   {"size(n) > :n", "false"},
      {"size(t) = :n", "false"},    {"size(z) <> :n", "true"},
      {"size(s) = :a", "false"},    {"size(s) BETWEEN :two AND size(s)", "true"},
      {":n IN (size(bs))", "true"}, {"size(h) > size(m)", "true"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:n=1, :two=2, :a='a', :ell='ell', :e='', :hel='hel', :be=b'el', :bh=b'h', "
                       ":N='N', :SS='SS', :L='L', :NULL='NULL', :inner=<1, 2>, :list=[3]}");
  FIXTURE_RUN(fixture, EXPRESSION_CONDITION,
              "{n=1, s='hello', b=b'hello', t=true, z=null, l=[1, 'a', <1, 2>, [3]], m={a=1, b=2}, "
              "ss=<'a', 'b'>, ns=<1, 3>, bs=<b'h'>, h='hel'}",
              cases);
}

static void test_no_item(void **state)
{
  struct expression_fixture *fixture = *state;
  bool holds = false;
  const struct expression *expression = fixture_compile(fixture, EXPRESSION_CONDITION,
                                                        "attribute_not_exists(pk) AND a <> b.c[1]");
  assert_non_null(expression);
  assert_true(
      expression_test(expression, VALUE_NONE, NULL, &fixture->arena, &holds, &fixture->error));
  assert_true(holds);
}

/* Only size() allocates: when it cannot, the test says so instead of answering. */
static void test_out_of_memory(void **state)
{
  struct expression_fixture *fixture = *state;
  bool holds;
  struct arena empty;
  fixture_placeholders(fixture, NULL, "{:v=1}");
  struct value item = fixture_value(fixture, "{a='x'}");
  const struct expression *expression = fixture_compile(fixture, EXPRESSION_CONDITION,
                                                        "size(a) = :v");
  arena_init(&empty, &fixture->memory);
  fixture->memory.fail_at = fixture->memory.calls + 1;
  assert_false(expression_test(expression, item, fixture->values, &empty, &holds, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  assert_true(expression_test(expression, item, fixture->values, &empty, &holds, &fixture->error));
  assert_true(holds);
  arena_free(&empty);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_equality_of_types, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_comparisons, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_functions, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_size, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_no_item, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_out_of_memory, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
