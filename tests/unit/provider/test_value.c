#include "provider/value.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_reading(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value map = fixture_value(&fixture, "{'s': 'x', 'n': 7, 'b': true, 'l': [{'k': 1}]}");
  int64_t number = 0;
  assert_string_equal(fixture_text(&fixture, &map, "s"), "x");
  assert_true(value_to_integer(value_get(&map, "n"), &number));
  assert_int_equal(number, 7);
  assert_false(value_to_integer(value_get(&map, "s"), &number));
  assert_true(value_is_true(value_get(&map, "b")));
  assert_false(value_is_true(value_get(&map, "s")));
  assert_ptr_equal(value_get(&map, "none"), &VALUE_NOTHING);
  assert_ptr_equal(value_get(&VALUE_NOTHING, "s"), &VALUE_NOTHING);
  assert_int_equal(value_first(value_get(&map, "l"))->kind, VALUE_MAP);
  assert_ptr_equal(value_first(value_get(&map, "s")), &VALUE_NOTHING);
  fixture_close(&fixture);
}

static bool equal(struct fixture *fixture, const char *left, const char *right, bool in_order)
{
  struct value a = fixture_value(fixture, left);
  struct value b = fixture_value(fixture, right);
  return in_order ? value_equal(&a, &b) : value_equal_unordered(&a, &b);
}

static void test_equality(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  assert_true(equal(&fixture, "{'a': 1, 'b': [1, 2]}", "{'b': [1, 2], 'a': 1}", true));
  assert_false(equal(&fixture, "{'a': 1}", "{'a': '1'}", true));
  assert_false(equal(&fixture, "{'a': 1}", "{'b': 1}", true));
  assert_false(equal(&fixture, "[1, 2]", "[2, 1]", true));
  assert_true(equal(&fixture, "[1, 2]", "[2, 1]", false));
  assert_false(equal(&fixture, "[1, 1, 2]", "[1, 2, 2]", false));
  assert_true(equal(&fixture, "[{'a': [1, 2]}]", "[{'a': [2, 1]}]", false));
  assert_false(equal(&fixture, "'?'", "'?'", true));
  fixture_close(&fixture);
}

static void test_unknowns_and_copies(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value map = fixture_value(&fixture, "{'a': [{'b': '?vpc-'}]}");
  assert_false(value_is_known(&map));
  struct value copy = value_copy(&fixture.arena, &map);
  value_set(&copy.items[0].items[0], BYTES("b"), value_bool(true));
  assert_true(value_is_known(&copy));
  assert_false(value_is_known(&map));
  assert_string_equal(fixture_text(&fixture, &map.items[0].items[0], "b"), "");
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reading),
      cmocka_unit_test(test_equality),
      cmocka_unit_test(test_unknowns_and_copies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
