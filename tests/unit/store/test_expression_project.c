#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_project(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"a", "{a=1}"},
      {"s, a", "{a=1, s=<1>}"},
      {"q", "{}"},
      {"m.b.c", "{m={b={c=1}}}"},
      {"m.b.d, m.e, m.b.c", "{m={b={c=1, d=2}, e=5}}"},
      {"l[3], l[0]", "{l=[0, 3]}"},
      {"l[2][1], l[1].y", "{l=[{y=2}, [11]]}"},
      {"l[2][2], l[2][0]", "{l=[[10, 12]]}"},
      {"l[9], m.q, a.x, s[0], m.e.f", "{}"},
      {"a[0], m[0], l.x", "{}"},
      {"m.q, m.e", "{m={e=5}}"},
      {"l[1].q, l[3]", "{l=[3]}"},
      {"m.b, l", "{l=[0, {x=1, y=2}, [10, 11, 12], 3], m={b={c=1, d=2}}}"},
  };
  fixture_placeholders(fixture, NULL, NULL);
  FIXTURE_RUN(fixture, EXPRESSION_PROJECTION,
              "{a=1, l=[0, {x=1, y=2}, [10, 11, 12], 3], m={b={c=1, d=2}, e=5}, s=<1>}", cases);
}

/* The paths of an update, for UPDATED_OLD and UPDATED_NEW. */
static void test_update_paths(void **state)
{
  struct expression_fixture *fixture = *state;
  struct value result;
  fixture_placeholders(fixture, NULL, "{:v=1}");
  const struct expression *expression = fixture_compile(fixture, EXPRESSION_UPDATE,
                                                        "SET m.b.c = :v, z = :v REMOVE a, l[1]");
  struct value item = fixture_value(fixture, "{a=1, k=2, l=[0, 'x'], m={b={c=7, d=8}}}");
  assert_true(expression_project(expression, item, &fixture->arena, &result, &fixture->error));
  assert_string_equal(fixture_print(fixture, result), "{a=1, l=['x'], m={b={c=7}}}");
}

static void test_out_of_memory(void **state)
{
  struct expression_fixture *fixture = *state;
  struct memory memory = {.fail_at = 1};
  struct arena arena;
  struct value result;
  struct value item = fixture_value(fixture, "{a=1}");
  const struct expression *expression = fixture_compile(fixture, EXPRESSION_PROJECTION, "a");
  arena_init(&arena, &memory);
  assert_false(expression_project(expression, item, &arena, &result, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  assert_true(expression_project(expression, item, &arena, &result, &fixture->error));
  assert_true(value_equal(result, item));
  arena_free(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_project, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_update_paths, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_out_of_memory, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
