#include "provider/diagnostic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_paths_and_order(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  struct diagnostics diagnostics = {.arena = &arena};
  struct path rule = path_attribute(NULL, "rule");
  struct path third = path_element(&rule, 2);
  struct path priority = path_attribute(&third, "priority");
  diagnostics_add(&diagnostics, DIAGNOSTIC_WARNING, NULL, "first", "%d", 1);
  diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, &priority, "second", "%s", "two");
  priority.name = BYTES("changed afterwards");
  assert_int_equal(diagnostics.count, 2);
  assert_int_equal(diagnostics.errors, 1);
  assert_true(bytes_equal(diagnostics.first->detail, BYTES("1")));
  struct bytes path = path_to_text(&arena, diagnostics.last->path);
  assert_true(bytes_equal(path, BYTES("rule[2].priority")));
  assert_int_equal(path_to_text(&arena, NULL).size, 0);
  arena_free(&arena);
}

static void test_long_details_end_at_a_character(void **state)
{
  (void)state;
  static char text[9000];
  struct memory memory = {0};
  struct arena arena;
  for (size_t i = 0; i + 3 < sizeof(text); i += 3) memcpy(text + i, "\xea\xb0\x80", 3);
  arena_init(&arena, &memory);
  struct diagnostics diagnostics = {.arena = &arena};
  diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, NULL, "long", "%s", text);
  assert_true(bytes_is_utf8(diagnostics.first->detail));
  assert_in_range(diagnostics.first->detail.size, 2000, 2048);
  arena_free(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_paths_and_order),
      cmocka_unit_test(test_long_details_end_at_a_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
