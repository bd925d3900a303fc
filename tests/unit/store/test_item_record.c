#include "store/item_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
  struct memory memory;
  struct arena arena;
  struct record_writer writer;
};

static void open_fixture(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  arena_init(&fixture->arena, &fixture->memory);
  record_writer_init(&fixture->writer, &fixture->memory);
}

static void close_fixture(struct fixture *fixture)
{
  record_writer_free(&fixture->writer);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
}

static struct value write_all(struct fixture *fixture)
{
  const struct bytes list[] = {BYTES("x"), BYTES("y")};
  record_begin(&fixture->writer);
  record_text(&fixture->writer, BYTES("text"), BYTES("a"));
  record_integer(&fixture->writer, BYTES("number"), -7);
  record_bool(&fixture->writer, BYTES("flag"), true);
  record_instant(&fixture->writer, BYTES("time"), 1234567890123);
  record_texts(&fixture->writer, BYTES("list"), list, 2);
  return record_end(&fixture->writer, &fixture->arena);
}

static void test_what_is_written_is_read(void **state)
{
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture);
  struct value first = write_all(&fixture);
  struct value item = write_all(&fixture);
  assert_true(value_equal(first, item));
  assert_true(bytes_equal(record_get_text(item, BYTES("text")), BYTES("a")));
  assert_int_equal(record_get_integer(item, BYTES("number"), 0), -7);
  assert_int_equal(record_get_instant(item, BYTES("time"), 0), 1234567890123);
  assert_true(bytes_equal(record_get_text(item, BYTES("time")), BYTES("2009-02-13T23:31:30.123Z")));
  assert_int_equal(value_count(value_attribute(item, BYTES("list"))), 2);
  assert_true(value_bool(value_attribute(item, BYTES("flag"))));
  close_fixture(&fixture);
}

static void test_what_is_not_there_has_a_fallback(void **state)
{
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture);
  struct value item = write_all(&fixture);
  assert_int_equal(record_get_text(item, BYTES("none")).size, 0);
  assert_int_equal(record_get_text(item, BYTES("number")).size, 0);
  assert_int_equal(record_get_integer(item, BYTES("text"), 5), 5);
  assert_int_equal(record_get_instant(item, BYTES("text"), 6), 6);
  assert_int_equal(record_get_integer(VALUE_NONE, BYTES("text"), 7), 7);
  close_fixture(&fixture);
}

static void test_keys_fail_together(void **state)
{
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture);
  struct bytes none = {NULL, 0};
  struct bytes key = record_key(&fixture.arena, BYTES("A#"), BYTES("b"));
  assert_true(bytes_equal(key, BYTES("A#b")));
  assert_null(record_key(&fixture.arena, BYTES("A#"), none).data);
  assert_null(record_key(&fixture.arena, none, BYTES("b")).data);
  close_fixture(&fixture);
}

static void test_without_memory_there_is_no_item(void **state)
{
  (void)state;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct fixture fixture = {.memory.fail_at = n};
    arena_init(&fixture.arena, &fixture.memory);
    record_writer_init(&fixture.writer, &fixture.memory);
    done = value_present(write_all(&fixture)) && fixture.memory.calls < n;
    close_fixture(&fixture);
    assert_true(n < 100);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_written_is_read),
      cmocka_unit_test(test_what_is_not_there_has_a_fallback),
      cmocka_unit_test(test_keys_fail_together),
      cmocka_unit_test(test_without_memory_there_is_no_item),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
