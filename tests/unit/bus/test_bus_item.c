#include "bus/bus_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct value make(struct buffer *scratch, struct arena *arena)
{
  const struct bytes texts[] = {BYTES("x"), BYTES("y")};
  struct bus_item item;
  bus_item_begin(&item, scratch);
  bus_item_key(&item, BYTES("p"), BYTES("s"));
  bus_item_text(&item, BYTES("text"), BYTES("t"));
  bus_item_integer(&item, BYTES("integer"), -5);
  bus_item_bool(&item, BYTES("bool"), true);
  bus_item_texts(&item, BYTES("texts"), texts, 2);
  return bus_item_end(&item, arena);
}

static void test_what_is_written_is_read(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct buffer scratch;
  struct arena arena;
  buffer_init(&scratch, &memory);
  arena_init(&arena, &memory);
  struct value item = make(&scratch, &arena);
  assert_true(bytes_equal(bus_item_get_text(item, BYTES("pk")), BYTES("p")));
  assert_true(bytes_equal(bus_item_get_text(item, BYTES("sk")), BYTES("s")));
  assert_true(bytes_equal(bus_item_copy_text(item, BYTES("text"), &arena), BYTES("t")));
  assert_int_equal(bus_item_get_integer(item, BYTES("integer"), 0), -5);
  assert_int_equal(bus_item_get_integer(item, BYTES("text"), 7), 7);
  assert_true(bus_item_get_bool(item, BYTES("bool")));
  assert_false(bus_item_get_bool(item, BYTES("nothing")));
  assert_int_equal(bus_item_get_text(item, BYTES("integer")).size, 0);
  assert_int_equal(value_count(value_attribute(item, BYTES("texts"))), 2);
  struct value key = bus_item_key_map(&scratch, &arena, BYTES("p"), BYTES("s"));
  assert_int_equal(value_count(key), 2);
  assert_true(
      bytes_equal(bus_join(&arena, BYTES("a"), BYTES(""), BYTES("bc"), BYTES("d")), BYTES("abcd")));
  arena_free(&arena);
  buffer_free(&scratch);
}

static void test_no_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct value item = VALUE_NONE;
  for (uint64_t nth = 1; !value_present(item); nth++) {
    struct buffer scratch;
    struct arena arena;
    buffer_init(&scratch, &memory);
    arena_init(&arena, &memory);
    memory.fail_at = memory.calls + nth;
    item = make(&scratch, &arena);
    memory.fail_at = memory.calls + 1;
    arena_free(&arena);
    arena_init(&arena, &memory);
    assert_null(bus_join(&arena, BYTES("a"), BYTES(""), BYTES(""), BYTES("")).data);
    arena_free(&arena);
    buffer_free(&scratch);
    assert_int_equal(memory.in_use, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_written_is_read),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
