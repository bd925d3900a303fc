#include "store/expression_tree.h"
#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What is written by hand is what the value writer writes. */
static void test_write(void **state)
{
  struct expression_fixture *fixture = *state;
  uint8_t memory[512];
  char long_name[201];
  struct container map;
  struct container list;
  memset(long_name, 'n', 200);
  long_name[200] = '\0';

  container_begin(&map, memory, memory + sizeof(memory), VALUE_TAG_MAP);
  container_add(&map, &BYTES("a"), fixture_value(fixture, "1"));
  list.start = container_add_name(&map, BYTES("list"));
  container_begin(&list, list.start, map.limit, VALUE_TAG_LIST);
  container_add(&list, NULL, fixture_value(fixture, "'x'"));
  struct value some = fixture_value(fixture, "[true, null]");
  struct value_iterator iterator = value_iterate(some);
  container_add_run(&list, iterator.next, iterator.end, 2);
  container_add_run(&list, iterator.end, iterator.end, 0);
  container_add_inner(&map, &list);
  struct bytes name = bytes_of_text(long_name);
  container_add(&map, &name, fixture_value(fixture, "[]"));
  struct value written = container_end(&map);

  char notation[300] = "{a=1, list=['x', true, null], ";
  strcat(strcat(notation, long_name), "=[]}");
  assert_true(value_equal(written, fixture_value(fixture, notation)));
}

static void test_seek(void **state)
{
  struct expression_fixture *fixture = *state;
  struct entry entry = entry_first(fixture_value(fixture, "{b=1, d=2, e=3}"));
  const struct path_step a = {.name = BYTES("a")};
  const struct path_step d = {.name = BYTES("d")};
  const struct path_step f = {.name = BYTES("f")};
  assert_false(entry_seek(&entry, &a));
  assert_int_equal(entry.index, 0);
  assert_true(entry_seek(&entry, &d));
  assert_int_equal(entry.index, 1);
  assert_true(entry.start < entry.value.data);
  entry_advance(&entry);
  assert_false(entry_seek(&entry, &f));
  assert_int_equal(entry.index, 3);
  assert_ptr_equal(entry.start, entry.iterator.end);

  entry = entry_first(fixture_value(fixture, "[5, 6, 7]"));
  assert_true(entry_seek(&entry, &(struct path_step){.index = 0}));
  assert_true(entry_seek(&entry, &(struct path_step){.index = 2}));
  assert_string_equal(fixture_print(fixture, entry.value), "7");
  assert_false(entry_seek(&entry, &(struct path_step){.index = 3}));
  entry = entry_first(fixture_value(fixture, "{}"));
  assert_false(entry_seek(&entry, &a));
  assert_int_equal(entry.index, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_write, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_seek, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
