#include "net/http.h"
#include "net/http_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_letter(unsigned int byte)
{
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(unsigned int byte)
{
  return byte >= '0' && byte <= '9';
}

static bool is_in(unsigned int byte, const char *others)
{
  return byte > 0 && strchr(others, (int)byte) != NULL;
}

static void test_classes_are_those_of_the_rfcs(void **state)
{
  (void)state;
  for (unsigned int byte = 0; byte < 256; byte++) {
    bool plain = is_letter(byte) || is_digit(byte);
    uint8_t at = (uint8_t)byte;
    assert_int_equal(http_byte_is(at, HTTP_CLASS_TOKEN), plain || is_in(byte, "!#$%&'*+-.^_`|~"));
    assert_int_equal(http_byte_is(at, HTTP_CLASS_TARGET),
                     byte > 0x20 && byte < 0x7f && !is_in(byte, "\"<>\\#%?"));
    assert_int_equal(http_byte_is(at, HTTP_CLASS_HOST), plain || is_in(byte, "-._~"));
    assert_int_equal(http_byte_is(at, HTTP_CLASS_DIGIT), is_digit(byte));
    assert_int_equal(http_byte_is(at, HTTP_CLASS_LETTER), is_letter(byte));
    assert_int_equal(http_byte_is(at, HTTP_CLASS_HEX),
                     is_digit(byte) || is_in(byte, "abcdefABCDEF"));
    assert_int_equal(http_byte_is(at, HTTP_CLASS_VALUE),
                     byte == '\t' || (byte >= 0x20 && byte != 0x7f));
  }
}

static void test_hex_digits_have_their_values(void **state)
{
  (void)state;
  static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
  for (unsigned int i = 0; i < 16; i++) {
    assert_int_equal(http_hex_value((uint8_t)lower[i]), i);
    assert_int_equal(http_hex_value((uint8_t)upper[i]), i);
  }
}

/* Of all pairs of bytes, those are the same that are equal or one letter in two cases. */
static void test_case_is_that_of_letters_only(void **state)
{
  (void)state;
  for (unsigned int i = 0; i < 65536; i++) {
    uint8_t left = (uint8_t)i, right = (uint8_t)(i >> 8);
    bool same = left == right || (is_letter(left) && (left ^ right) == 0x20);
    assert_int_equal(http_text_same(bytes_of(&left, 1), bytes_of(&right, 1)), same);
  }
  assert_true(http_text_same(BYTES(""), (struct bytes){0}));
  assert_true(http_text_same(BYTES("Keep-Alive"), BYTES("kEEP-aLIVE")));
  assert_false(http_text_same(BYTES("close"), BYTES("closed")));
}

static void test_list_has_whole_elements(void **state)
{
  (void)state;
  static const struct {
    const char *list;
    bool has;
  } cases[] = {
      {"close", true},       {"Close", true},        {" close ", true},     {"a,close", true},
      {"close,a", true},     {"a, close\t,b", true}, {",,close,", true},    {"a,\tCLOSE", true},
      {"", false},           {",", false},           {" , ,", false},       {"closed", false},
      {"xclose", false},     {"clo se", false},      {"close;q=1", false},  {"\"close\"", false},
      {"close x, a", false}, {"clos", false},        {"keep-alive", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    if (http_list_has(bytes_of_text(cases[i].list), BYTES("close")) != cases[i].has)
      fail_msg("\"%s\"", cases[i].list);
  }
  assert_false(http_list_has((struct bytes){0}, BYTES("close")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_classes_are_those_of_the_rfcs),
      cmocka_unit_test(test_hex_digits_have_their_values),
      cmocka_unit_test(test_case_is_that_of_letters_only),
      cmocka_unit_test(test_list_has_whole_elements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
