#include "load/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(const char *json, const char *path, const char *text, bool is_json)
{
  struct memory memory = {0};
  struct arena arena;
  struct load_value value;
  arena_init(&arena, &memory);
  bool found = field_find(bytes_of_text(json), bytes_of_text(path), &arena, &value);
  assert_true(found == (text != NULL));
  if (found) {
    assert_true(bytes_equal(value.text, bytes_of_text(text)));
    assert_true(value.is_json == is_json);
  }
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_found(void **state)
{
  (void)state;
  const char *json = "{\"a\":1,\"b\":{\"c\":\"x\\u0041\",\"d\":[10,{\"e\":[true, null]},\"z\"]},"
                     "\"list\":[ \"s\" ,2]}";
  expect(json, "a", "1", true);
  expect(json, "b.c", "xA", false);
  expect(json, "b.d.0", "10", true);
  expect(json, "b.d.1.e", "[true, null]", true);
  expect(json, "b.d.2", "z", false);
  expect(json, "list", "[ \"s\" ,2]", true);
  expect("[[1,2],[3]]", "1.0", "3", true);
}

static void test_not_found(void **state)
{
  (void)state;
  const char *json = "{\"a\":1,\"b\":[1,2]}";
  static const char *const paths[] = {"c", "a.b", "b.2", "b.x", "b.00000000", "a.0"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) expect(json, paths[i], NULL, false);
  expect("", "a", NULL, false);
  expect("{\"a\"", "a", NULL, false);
  expect("{\"a\":tru}", "a", NULL, false);
}

static void test_paths(void **state)
{
  (void)state;
  assert_true(field_path_is_valid(BYTES("a")));
  assert_true(field_path_is_valid(BYTES("error.details.0")));
  assert_false(field_path_is_valid(BYTES("")));
  assert_false(field_path_is_valid(BYTES("a.")));
  assert_false(field_path_is_valid(BYTES(".a")));
  assert_false(field_path_is_valid(BYTES("a..b")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found),
      cmocka_unit_test(test_not_found),
      cmocka_unit_test(test_paths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
