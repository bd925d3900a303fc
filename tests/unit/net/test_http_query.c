#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { VALUE_BYTES = 16 };

/* What the query has for "name": its value, or NULL. */
static void assert_value(const char *query, const char *expected, bool expected_present)
{
  uint8_t to[VALUE_BYTES + 1];
  struct bytes value;
  bool present;
  to[VALUE_BYTES] = 77;
  bool good = http_query_get(bytes_of_text(query), BYTES("name"), to, VALUE_BYTES, &value,
                             &present);
  if (good != (expected != NULL) || present != expected_present) fail_msg("\"%s\"", query);
  assert_int_equal(to[VALUE_BYTES], 77);
  assert_int_equal(value.size, expected == NULL ? 0 : strlen(expected));
  if (value.size > 0) assert_memory_equal(value.data, expected, value.size);
}

static void test_finds_and_decodes(void **state)
{
  (void)state;
  static const struct {
    const char *query, *value;
  } cases[] = {
      {"name=a", "a"},
      {"x=1&name=a&y=2", "a"},
      {"name=", ""},
      {"name", ""},
      {"&&name=a&", "a"},
      {"name=a=b", "a=b"},
      {"name=a+b%20c", "a b c"},
      {"name=%41%6a%6A", "Ajj"},
      {"name=%26%3D%2b%25", "&=+%"},
      {"n%61me=a", "a"},
      {"name=caf%C3%A9", "caf\xc3\xa9"},
      {"name=1234567890123456", "1234567890123456"},
      {"name=%31234567890123456", "1234567890123456"},
      {"x=%&name=a", "a"},
      {"name=a;name=b", "a;name=b"},
      {"=x&name=a", "a"},
      {"name2=x&nam=y&name=a", "a"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_value(cases[i].query, cases[i].value, true);
}

static void test_absent(void **state)
{
  (void)state;
  static const char *const queries[] = {"",        "&",       "=",       "x=name",
                                        "Name=a",  "nam=a",   "name2=a", "+name=a",
                                        "name%=a", "nam%6=a", "=name",   "x&y"};
  for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
    assert_value(queries[i], NULL, false);
}

static void test_present_but_of_no_use(void **state)
{
  (void)state;
  static const char *const queries[] = {"name=a&name=a",
                                        "name&name",
                                        "name=a&x=1&n%61me=b",
                                        "name=%",
                                        "name=%4",
                                        "name=%4g",
                                        "name=a%zz",
                                        "name=%00",
                                        "name=%%41",
                                        "name=12345678901234567",
                                        "name=%&name=a",
                                        "name=a&name"};
  for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
    assert_value(queries[i], NULL, true);
}

static void test_empty_capacity_and_absent_query(void **state)
{
  (void)state;
  struct bytes value;
  bool present;
  assert_true(http_query_get(BYTES("a="), BYTES("a"), NULL, 0, &value, &present));
  assert_int_equal(value.size, 0);
  assert_false(http_query_get(BYTES("a=b"), BYTES("a"), NULL, 0, &value, &present));
  assert_true(present);
  assert_false(http_query_get((struct bytes){0}, BYTES("a"), NULL, 0, &value, &present));
  assert_false(present);
}

/* Any value, each byte escaped or not, comes back; but for the zero byte. */
static void test_every_byte_comes_back(void **state)
{
  (void)state;
  for (unsigned int byte = 0; byte < 256; byte++) {
    char query[16];
    uint8_t to[4];
    struct bytes value;
    bool present;
    int size = snprintf(query, sizeof(query), "a=%%%02x", byte);
    bool good = http_query_get(bytes_of(query, (size_t)size), BYTES("a"), to, 4, &value, &present);
    assert_int_equal(good, byte != 0);
    if (good) assert_int_equal(value.data[0], byte);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_finds_and_decodes),
      cmocka_unit_test(test_absent),
      cmocka_unit_test(test_present_but_of_no_use),
      cmocka_unit_test(test_empty_capacity_and_absent_query),
      cmocka_unit_test(test_every_byte_comes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
