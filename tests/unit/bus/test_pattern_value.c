#include "unit/bus/pattern_naive.h"
#include "unit/bus/pattern_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <wctype.h>

struct fixture {
  struct memory memory;
  struct arena arena;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static struct number number(struct fixture *fixture, const char *text)
{
  struct number result;
  assert_true(number_read(bytes_of_text(text), &fixture->arena, &result));
  return result;
}

static void test_numbers_are_equal_in_all_forms(void **state)
{
  struct fixture *fixture = *state;
  static const char *const forms[][5] = {
      {"5", "5.0", "5e0", "0.5E1", "500e-2"},
      {"0", "-0", "0.000", "0e5", "-0.0e-5"},
      {"-1200", "-1.2e3", "-12E+2", "-1200.000", "-0.0012e6"},
      {"123456789012345678901234567890", "123456789012345678901234567890.0",
       "12345678901234567890123456789e1", "1.2345678901234567890123456789e29",
       "0.0123456789012345678901234567890e31"},
      {"1e400", "10e399", "0.1e401", "1.0e400", "1e0400"},
      {"1e-400", "0.1e-399", "10e-401", "1.0e-400", "1E-0400"},
      {"7e999999999999999999", "70e999999999999999998", "0.7e1000000000000000000",
       "7.0e999999999999999999", "7E+999999999999999999"}};
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    for (size_t j = 0; j < 5; j++) {
      if (i == 6 && j == 2) continue; /* an exponent of 19 digits stands for itself */
      struct number one = number(fixture, forms[i][j]);
      assert_true(bytes_equal(one.canonical, number(fixture, forms[i][0]).canonical));
      for (size_t other = 0; other < i; other++)
        assert_false(bytes_equal(one.canonical, number(fixture, forms[other][0]).canonical));
    }
  }
}

static void test_numbers_have_an_order(void **state)
{
  struct fixture *fixture = *state;
  static const char *const ascending[] = {"-5e9",
                                          "-4999999999.9999999",
                                          "-4999999999.999999",
                                          "-100.5",
                                          "-1",
                                          "-0.0000011",
                                          "-0.000001",
                                          "-1e-300",
                                          "0",
                                          "1e-300",
                                          "0.0000009",
                                          "0.000001",
                                          "0.0000011",
                                          "0.3",
                                          "0.30000001",
                                          "2.5",
                                          "10",
                                          "4999999999.9999999",
                                          "5e9"};
  size_t count = sizeof(ascending) / sizeof(ascending[0]);
  for (size_t i = 0; i < count; i++) {
    struct number one = number(fixture, ascending[i]);
    assert_true(one.in_range);
    if (i == 0) continue;
    struct number before = number(fixture, ascending[i - 1]);
    /* Within a millionth two fractions may share an order; a whole number of them never does. */
    assert_true(before.order <= one.order);
    if (before.order % 2 == 0 || one.order % 2 == 0) assert_true(before.order < one.order);
  }
  static const char *const beyond[] = {
      "5000000000.0000001", "-5000000000.0000001", "1e10", "-6e9", "1e400", "1e99999999999999"};
  for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
    assert_false(number(fixture, beyond[i]).in_range);
}

static void test_random_numbers_like_decimals(void **state)
{
  struct fixture *fixture = *state;
  struct random random;
  random_init(&random, random_seed(4));
  for (int i = 0; i < 20000; i++) {
    char texts[2][64];
    arena_reset(&fixture->arena);
    for (int j = 0; j < 2; j++)
      snprintf(texts[j], sizeof(texts[j]), "%s%u.%03ue%d", random_coin(&random) ? "-" : "",
               (unsigned)random_below(&random, 30), (unsigned)random_below(&random, 3) * 100,
               (int)random_below(&random, 5) - 2);
    struct decimal a = naive_number(bytes_of_text(texts[0]));
    struct decimal b = naive_number(bytes_of_text(texts[1]));
    struct number left = number(fixture, texts[0]);
    struct number right = number(fixture, texts[1]);
    int order = decimal_compare(&a, &b);
    assert_int_equal((left.order > right.order) - (left.order < right.order),
                     (order > 0) - (order < 0));
    assert_int_equal(bytes_equal(left.canonical, right.canonical), order == 0);
  }
}

static size_t put_utf8(uint32_t code, uint8_t *to)
{
  if (code < 0x80) {
    to[0] = (uint8_t)code;
    return 1;
  }
  if (code < 0x800) {
    to[0] = (uint8_t)(0xC0 | code >> 6);
    to[1] = (uint8_t)(0x80 | (code & 0x3F));
    return 2;
  }
  to[0] = (uint8_t)(0xE0 | code >> 12);
  to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
  to[2] = (uint8_t)(0x80 | (code & 0x3F));
  return 3;
}

static bool is_covered(uint32_t code)
{
  return code < 0x180 || (code >= 0x370 && code < 0x590) || (code >= 0x1E00 && code < 0x1F00);
}

/* Held against the C library's tables; what they map to letters of another size stays. */
static void test_folds_letters(void **state)
{
  (void)state;
  locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  assert_true(locale != (locale_t)0);
  int folded_count = 0;
  for (uint32_t code = 0; code < 0x10000; code++) {
    if (code >= 0xD800 && code < 0xE000) continue;
    uint8_t text[4], folded[4], expected[4];
    uint32_t lower = (uint32_t)towlower_l((wint_t)code, locale);
    size_t size = put_utf8(code, text);
    size_t expected_size = put_utf8(lower, expected);
    text_fold(bytes_of(text, size), folded);
    bool changed = memcmp(text, folded, size) != 0;
    folded_count += changed;
    if (changed)
      assert_true(expected_size == size && memcmp(folded, expected, size) == 0);
    else if (is_covered(code) && lower != code && expected_size == size)
      /* A capital whose small letter has a second capital, and letters of other alphabets. */
      assert_true(code == 0x3F4 || code == 0x3CF || (code >= 0x370 && code <= 0x37F) ||
                  (code >= 0x3D8 && code <= 0x3FF));
  }
  assert_true(folded_count > 400);
  freelocale(locale);
}

static void test_folding_leaves_the_rest(void **state)
{
  (void)state;
  static const char text[] = "aZ09_é\xf0\x9f\x8c\xaeÉß\xe2\x82\xac";
  uint8_t folded[sizeof(text)];
  text_fold(bytes_of_text(text), folded);
  assert_memory_equal(folded, "az09_é\xf0\x9f\x8c\xaeéß\xe2\x82\xac", sizeof(text) - 1);
}

static void test_reads_addresses(void **state)
{
  (void)state;
  uint8_t address[16];
  assert_int_equal(address_read(BYTES("10.1.2.3"), address), 4);
  assert_memory_equal(address, "\x0a\x01\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  assert_int_equal(address_read(BYTES("2001:db8::5"), address), 16);
  assert_memory_equal(address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05", 16);
  static const char *const bad[] = {"",
                                    "1",
                                    "1.2.3",
                                    "1.2.3.4.5",
                                    "1.2.3.",
                                    "256.1.1.1",
                                    "1.2.3.4/32",
                                    "::g",
                                    ":::",
                                    "1:2:3:4:5:6:7:8:9",
                                    "fe80::1%eth0",
                                    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_int_equal(address_read(bytes_of_text(bad[i]), address), 0);
  assert_int_equal(address_read(bytes_of("1.2.3.4\0", 8), address), 0);
  memset(address, 0xFF, 16);
  address_mask(address, 128);
  assert_int_equal(address[15], 0xFF);
  address_mask(address, 13);
  assert_memory_equal(address, "\xff\xf8\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  address_mask(address, 0);
  assert_int_equal(address[0], 0);
}

/* A wildcard as the parser makes it, and its first definition. */
static void test_random_wildcards_like_the_naive_matcher(void **state)
{
  struct fixture *fixture = *state;
  struct random random;
  random_init(&random, random_seed(5));
  int passed = 0;
  for (int i = 0; i < 30000; i++) {
    char text[16], wildcard[16], pattern[64];
    size_t text_size = random_below(&random, 9);
    size_t wildcard_size = random_below(&random, 7);
    for (size_t j = 0; j < text_size; j++) text[j] = random_coin(&random) ? 'a' : 'b';
    for (size_t j = 0; j < wildcard_size; j++) {
      wildcard[j] = "ab*"[random_below(&random, 3)];
      if (j > 0 && wildcard[j] == '*' && wildcard[j - 1] == '*') wildcard[j] = 'a';
    }
    snprintf(pattern, sizeof(pattern), "{\"a\":[{\"wildcard\":\"%.*s\"}]}", (int)wildcard_size,
             wildcard);
    struct error error;
    bool failed = false;
    arena_reset(&fixture->arena);
    struct pattern *parsed = pattern_parse(bytes_of_text(pattern), &fixture->arena, &error);
    assert_non_null(parsed);
    struct value value = {.kind = VALUE_STRING, .text = bytes_of(text, text_size)};
    bool passes = test_passes(parsed->fields[0]->tests, &value, &fixture->arena, &failed);
    assert_false(failed);
    passed += passes;
    if (passes != naive_wildcard(bytes_of(wildcard, wildcard_size), value.text))
      fail_msg("%.*s %.*s", (int)wildcard_size, wildcard, (int)text_size, text);
  }
  assert_true(passed > 1000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_numbers_are_equal_in_all_forms, setup, teardown),
      cmocka_unit_test_setup_teardown(test_numbers_have_an_order, setup, teardown),
      cmocka_unit_test_setup_teardown(test_random_numbers_like_decimals, setup, teardown),
      cmocka_unit_test(test_folds_letters),
      cmocka_unit_test(test_folding_leaves_the_rest),
      cmocka_unit_test(test_reads_addresses),
      cmocka_unit_test_setup_teardown(test_random_wildcards_like_the_naive_matcher, setup,
                                      teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
