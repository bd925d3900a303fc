#include "store/item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define VALUE(literal) ((struct value){(const uint8_t *)(literal), sizeof(literal) - 1})

/* {"a":1,"b":"xy","bc":[true,null],"c":{"-1.5","7"}} by hand, from the diagram in item.h. */
static const char item_bytes[] = "\x08\x29\0\0\0\x04\0\0\0"
                                 "\x01"
                                 "a"
                                 "\x03\x02"
                                 "\x01"
                                 "b"
                                 "\x05\x02xy"
                                 "\x02"
                                 "bc"
                                 "\x07\x02\0\0\0\x02\0\0\0\x02\x00"
                                 "\x01"
                                 "c"
                                 "\x0A\x06\0\0\0\x02\0\0\0"
                                 "\x04\x01\x81\x0F"
                                 "\x03\x0E";
#define ITEM VALUE(item_bytes)

static void assert_slice(struct bytes slice, const char *text)
{
  assert_int_equal(slice.size, strlen(text));
  assert_memory_equal(slice.data, text, slice.size);
}

static void test_type_of_every_tag(void **state)
{
  (void)state;
  static const char *const names[] = {"NULL", "BOOL", "BOOL", "N",  "N",  "S",
                                      "B",    "L",    "M",    "SS", "NS", "BS"};
  for (uint8_t tag = 0; tag < 12; tag++)
    assert_string_equal(value_type_name(value_type((struct value){&tag, 1})), names[tag]);
  assert_int_equal(value_type(VALUE_NONE), VALUE_ABSENT);
  assert_string_equal(value_type_name(VALUE_ABSENT), "");
  assert_false(value_present(VALUE_NONE));
}

static void test_attribute_finds_by_name(void **state)
{
  (void)state;
  int64_t integer = 0;
  assert_true(value_integer(value_attribute(ITEM, BYTES("a")), &integer));
  assert_int_equal(integer, 1);
  assert_slice(value_bytes(value_attribute(ITEM, BYTES("b"))), "xy");
  assert_int_equal(value_type(value_attribute(ITEM, BYTES("bc"))), VALUE_LIST);
  assert_int_equal(value_type(value_attribute(ITEM, BYTES("c"))), VALUE_NUMBER_SET);
  assert_false(value_present(value_attribute(ITEM, BYTES("bd"))));
  assert_false(value_present(value_attribute(ITEM, BYTES("A"))));
  assert_false(value_present(value_attribute(ITEM, BYTES("d"))));
  assert_false(value_present(value_attribute(ITEM, BYTES(""))));
  assert_false(value_present(value_attribute(VALUE_NONE, BYTES("a"))));
}

static void test_iteration_in_stored_order(void **state)
{
  (void)state;
  static const char *const names[] = {"a", "b", "bc", "c"};
  struct value_iterator iterator = value_iterate(ITEM);
  struct bytes name;
  struct value element;
  for (size_t i = 0; i < 4; i++) {
    assert_true(value_next(&iterator, &name, &element));
    assert_slice(name, names[i]);
    assert_true(value_equal(element, value_attribute(ITEM, name)));
    assert_int_equal(value_span(element.data), element.size);
  }
  assert_false(value_next(&iterator, &name, &element));
  assert_int_equal(value_count(ITEM), 4);
  assert_int_equal(value_span(ITEM.data), ITEM.size);
}

static void test_elements_of_a_list(void **state)
{
  (void)state;
  struct value list = value_attribute(ITEM, BYTES("bc"));
  assert_int_equal(value_count(list), 2);
  assert_true(value_bool(value_element(list, 0)));
  assert_int_equal(value_type(value_element(list, 1)), VALUE_NULL);
  assert_false(value_present(value_element(list, 2)));
}

static void test_set_contains(void **state)
{
  (void)state;
  struct value set = value_attribute(ITEM, BYTES("c"));
  assert_true(value_set_contains(set, VALUE("\x03\x0E")));
  assert_true(value_set_contains(set, VALUE("\x04\x01\x81\x0F")));
  assert_false(value_set_contains(set, VALUE("\x03\x0D")));
  assert_false(value_set_contains(set, VALUE("\x05\x01\x37")));
}

static void test_numbers(void **state)
{
  (void)state;
  int64_t integer = 0;
  assert_true(value_integer(VALUE("\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), &integer));
  assert_true(integer == INT64_MIN);
  assert_true(value_integer(VALUE("\x03\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), &integer));
  assert_true(integer == INT64_MAX);
  assert_false(value_integer(VALUE("\x04\x01\x81\x0F"), &integer));
  assert_false(value_integer(VALUE("\x05\x00"), &integer));
  assert_false(value_integer(VALUE_NONE, &integer));

  struct decimal number = value_number(VALUE("\x04\x01\x81\x0F"));
  assert_true(number.coefficient == 15);
  assert_int_equal(number.exponent, -1);
  assert_true(number.negative);
  number = value_number(VALUE("\x03\xC8\x01"));
  assert_true(number.coefficient == 1);
  assert_int_equal(number.exponent, 2);
}

static void test_compare(void **state)
{
  (void)state;
  assert_true(value_compare(VALUE("\x05\x01"
                                  "a"),
                            VALUE("\x05\x02"
                                  "ab")) < 0);
  assert_true(value_compare(VALUE("\x06\x01\xFF"), VALUE("\x06\x02\x7F\x7F")) > 0);
  assert_true(value_compare(VALUE("\x03\x01"), VALUE("\x03\x02")) < 0); /* -1, 1 */
  assert_true(value_compare(VALUE("\x03\x01"), VALUE("\x04\x01\x81\x0F")) > 0);
  assert_true(value_compare(VALUE("\x03\x02"), VALUE("\x03\x02")) == 0);
  assert_true(value_compare(VALUE("\x01"), VALUE("\x02")) < 0);
  assert_true(value_compare(VALUE("\x00"), VALUE("\x00")) == 0);
}

static void assert_number_size(const char *text, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  struct decimal number;
  struct error error;
  assert_true(decimal_parse(bytes_of_text(text), &number, &error));
  struct value value = value_make_number(&arena, &number);
  if (value_size(value) != size) fail_msg("%s: %zu, not %zu", text, value_size(value), size);
  arena_free(&arena);
}

static void test_size_of_numbers(void **state)
{
  (void)state;
  assert_number_size("0", 1);
  assert_number_size("1", 2);
  assert_number_size("-1", 3);
  assert_number_size("10", 2);
  assert_number_size("99", 2);
  assert_number_size("100", 2);
  assert_number_size("1200", 2);
  assert_number_size("120", 3);
  assert_number_size("123", 3);
  assert_number_size("123.4", 4);
  assert_number_size("0.5", 2);
  assert_number_size("0.0012", 2);
  assert_number_size("0.012", 3);
  assert_number_size("1E+125", 2);
  assert_number_size("1E-130", 2);
  assert_number_size("9223372036854775807", 11);
  assert_number_size("-9223372036854775808", 12);
  assert_number_size("12345678901234567890123456789012345678", 20);
  assert_number_size("-12345678901234567890123456789012345678", 21);
  assert_number_size("-1.2345678901234567890123456789012345678", 21);
}

static void test_size_of_values(void **state)
{
  (void)state;
  assert_int_equal(value_size(VALUE_NONE), 0);
  assert_int_equal(value_size(VALUE("\x00")), 1);
  assert_int_equal(value_size(VALUE("\x02")), 1);
  assert_int_equal(value_size(VALUE("\x05\x02xy")), 2);
  assert_int_equal(value_size(VALUE("\x08\0\0\0\0\0\0\0\0")), 3);
  assert_int_equal(value_size(value_attribute(ITEM, BYTES("bc"))), 3 + 2 * (1 + 1));
  assert_int_equal(value_size(value_attribute(ITEM, BYTES("c"))), 4 + 2); /* -1.5: 2 pairs */
  /* a 1+2, b 1+2, bc 2+7, c 1+6 */
  assert_int_equal(item_size(ITEM), 22);
  assert_int_equal(value_size(ITEM), 22 + 3 + 4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_type_of_every_tag),
      cmocka_unit_test(test_attribute_finds_by_name),
      cmocka_unit_test(test_iteration_in_stored_order),
      cmocka_unit_test(test_elements_of_a_list),
      cmocka_unit_test(test_set_contains),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_compare),
      cmocka_unit_test(test_size_of_numbers),
      cmocka_unit_test(test_size_of_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
