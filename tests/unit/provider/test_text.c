#include "provider/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_parts_and_words(void **state)
{
  (void)state;
  struct bytes rest = BYTES("a/b");
  assert_true(bytes_equal(text_next_part(&rest, '/'), BYTES("a")));
  assert_true(bytes_equal(text_next_part(&rest, '/'), BYTES("b")));
  assert_int_equal(rest.size, 0);
  assert_int_equal(text_next_part(&rest, '/').size, 0);
  assert_true(text_is_word_of(BYTES("b"), "a b c"));
  assert_false(text_is_word_of(BYTES("bc"), "a b c"));
  assert_false(text_is_word_of(BYTES(""), "a b c"));
  assert_true(text_ends_with(BYTES("q.fifo"), BYTES(".fifo")));
  assert_false(text_ends_with(BYTES("fifo"), BYTES(".fifo")));
}

static void test_integers(void **state)
{
  (void)state;
  static const char *const REFUSED[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x1",
                                        "1e3",
                                        "9223372036854775808",
                                        "111111111111111111111"};
  int64_t value;
  for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
    assert_false(text_to_integer(bytes_of_text(REFUSED[i]), &value));
  assert_true(text_to_integer(BYTES("-9223372036854775808"), &value));
  assert_int_equal(value, INT64_MIN);
  assert_true(text_to_integer(BYTES("0"), &value));
  assert_int_equal(value, 0);
}

static void test_format(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_true(bytes_equal(text_format(&arena, "%d-%s", 7, "x"), BYTES("7-x")));
  assert_string_equal(text_zero_ended(&arena, BYTES("abc")), "abc");
  assert_string_equal(text_zero_ended(&arena, bytes_of(NULL, 0)), "");
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts_and_words),
      cmocka_unit_test(test_integers),
      cmocka_unit_test(test_format),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
