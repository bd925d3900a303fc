#include "store/expression_tree.h"
#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The path of a projection of one path. */
static struct path path_of(struct expression_fixture *fixture, const char *text)
{
  fixture_placeholders(fixture, "{#dot='a.b'}", NULL);
  const struct expression *expression = fixture_compile(fixture, EXPRESSION_PROJECTION, text);
  assert_non_null(expression);
  return expression->targets[0].path;
}

static void test_order(void **state)
{
  struct expression_fixture *fixture = *state;
  static const char *const ascending[] = {"a",   "a[0]",   "a[1]", "a[1].b", "a[2]", "a[10]", "a.A",
                                          "a.a", "a.a[0]", "a.b",  "a.b.c",  "#dot", "aa",    "b"};
  size_t count = sizeof(ascending) / sizeof(ascending[0]);
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < count; j++) {
      struct path left = path_of(fixture, ascending[i]);
      struct path right = path_of(fixture, ascending[j]);
      int order = path_compare(&left, &right);
      assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
      assert_int_equal(path_equal(&left, &right), i == j);
    }
  }
}

static void test_resolve(void **state)
{
  struct expression_fixture *fixture = *state;
  struct value item = fixture_value(fixture, "{a=[1, {b='x'}], a.b=2, s=<1>}");
  static const char *const cases[][2] = {
      {"a[0]", "1"},     {"a[1].b", "'x'"},    {"#dot", "2"},
      {"a.b", "absent"}, {"a[2]", "absent"},   {"s[0]", "absent"},
      {"q", "absent"},   {"a[0].b", "absent"}, {"s", "<1>"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct path path = path_of(fixture, cases[i][0]);
    assert_string_equal(fixture_print(fixture, path_resolve(&path, item)), cases[i][1]);
    assert_false(value_present(path_resolve(&path, VALUE_NONE)));
  }
}

static void test_format(void **state)
{
  struct expression_fixture *fixture = *state;
  char text[PATH_TEXT_BYTES];
  struct path path = path_of(fixture, "a[12].#dot[0]");
  assert_string_equal(path_format(&path, text), "[a, [12], a.b, [0]]");
  char name[300];
  memset(name, 'n', sizeof(name));
  name[sizeof(name) - 1] = '\0';
  path = path_of(fixture, name);
  assert_int_equal(strlen(path_format(&path, text)), PATH_TEXT_BYTES - 2);
  assert_int_equal(text[PATH_TEXT_BYTES - 3], ']');
  assert_memory_equal(text, "[nnn", 4);
  for (size_t size = 1; size < 80; size++) {
    fixture_placeholders(fixture, "{#u='\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4'}", NULL);
    char paths[400];
    memset(paths, 'n', size);
    strcpy(paths + size, ".#u.#u.#u.#u.#u.#u.#u.#u.#u.#u.#u.#u");
    path = fixture_compile(fixture, EXPRESSION_PROJECTION, paths)->targets[0].path;
    assert_true(bytes_is_utf8(bytes_of_text(path_format(&path, text))));
  }
}

static void test_targets(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, NULL, NULL);
  const struct expression *expression = fixture_compile(
      fixture, EXPRESSION_PROJECTION, "m.z, b, m.a[3], k, m.a[1], l, c, m.a[2], a");
  assert_non_null(expression);
  assert_int_equal(expression->target_count, 9);
  for (uint32_t i = 1; i < 9; i++)
    assert_true(path_compare(&expression->targets[i - 1].path, &expression->targets[i].path) < 0);
  assert_int_equal(targets_group_end(expression->targets, 5, 9, 0), 9);
  assert_int_equal(targets_group_end(expression->targets, 5, 9, 1), 8);
  assert_int_equal(targets_group_end(expression->targets, 5, 9, 2), 6);
}

static void test_clashes(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, NULL, NULL);
#define CLASH(how, one, two)                              \
  "Invalid ProjectionExpression: Two document paths " how \
  " with each other; must remove or rewrite one of these paths; path one: " one ", path two: " two
  static const struct fixture_case cases[] = {
      {"a, a.b", CLASH("overlap", "[a]", "[a, b]")},
      {"a.b, c, a", CLASH("overlap", "[a, b]", "[a]")},
      {"a[1], a[1][2]", CLASH("overlap", "[a, [1]]", "[a, [1], [2]]")},
      {"b, c, d, b", CLASH("overlap", "[b]", "[b]")},
      {"a.b, a[1]", CLASH("conflict", "[a, b]", "[a, [1]]")},
      {"a.b[2], c, a.b.c", CLASH("conflict", "[a, b, [2]]", "[a, b, c]")},
      {"a.b, a[1], a.b.c", CLASH("overlap", "[a, b]", "[a, b, c]")},
      {"a.b, a.c, b.a, c[1], c[2]", "{}"},
  };
#undef CLASH
  FIXTURE_RUN(fixture, EXPRESSION_PROJECTION, "{}", cases);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_order, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_resolve, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_format, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_targets, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_clashes, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
