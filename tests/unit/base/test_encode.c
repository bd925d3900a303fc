#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TEXT_BYTES_MAX = 1024 };

typedef size_t encode_function(struct bytes slice, char *text);
typedef bool decode_function(struct bytes text, uint8_t *to, size_t *size);

static void assert_pair(encode_function *encode, decode_function *decode, const char *plain,
                        const char *expected)
{
  char text[TEXT_BYTES_MAX];
  uint8_t back[TEXT_BYTES_MAX];
  size_t size = encode(bytes_of_text(plain), text);
  assert_int_equal(size, strlen(expected));
  assert_memory_equal(text, expected, size);
  assert_true(decode(bytes_of_text(expected), back, &size));
  assert_int_equal(size, strlen(plain));
  assert_memory_equal(back, plain, size);
}

static void assert_refused(decode_function *decode, const char *text)
{
  uint8_t back[TEXT_BYTES_MAX];
  size_t size = 77;
  if (decode(bytes_of_text(text), back, &size)) fail_msg("accepted \"%s\"", text);
  assert_int_equal(size, 77);
}

/* RFC 4648, section 10. */
static void test_gives_published_values(void **state)
{
  (void)state;
  static const struct {
    const char *plain, *base64, *base64url, *base32, *hex;
  } vectors[] = {
      {"", "", "", "", ""},
      {"f", "Zg==", "Zg", "MY", "66"},
      {"fo", "Zm8=", "Zm8", "MZXQ", "666f"},
      {"foo", "Zm9v", "Zm9v", "MZXW6", "666f6f"},
      {"foob", "Zm9vYg==", "Zm9vYg", "MZXW6YQ", "666f6f62"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE", "MZXW6YTB", "666f6f6261"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy", "MZXW6YTBOI", "666f6f626172"},
      {"\xfb\xff\xbf", "+/+/", "-_-_", "7P736", "fbffbf"},
  };
  for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
    assert_pair(encode_to_base64, encode_from_base64, vectors[i].plain, vectors[i].base64);
    assert_pair(encode_to_base64url, encode_from_base64url, vectors[i].plain, vectors[i].base64url);
    assert_pair(encode_to_base32, encode_from_base32, vectors[i].plain, vectors[i].base32);
    assert_pair(encode_to_hex, encode_from_hex, vectors[i].plain, vectors[i].hex);
  }
}

/* Every size up to 256, every byte value; decoded in place. */
static void test_round_trip_in_place(void **state)
{
  (void)state;
  static const struct {
    encode_function *encode;
    decode_function *decode;
  } pairs[] = {{encode_to_hex, encode_from_hex},
               {encode_to_base64, encode_from_base64},
               {encode_to_base64url, encode_from_base64url},
               {encode_to_base32, encode_from_base32}};
  uint8_t plain[256];
  for (size_t i = 0; i < sizeof(plain); i++) plain[i] = (uint8_t)(i * 167 + 13);
  for (size_t pair = 0; pair < sizeof(pairs) / sizeof(pairs[0]); pair++) {
    for (size_t size = 0; size <= sizeof(plain); size++) {
      char text[TEXT_BYTES_MAX];
      size_t text_size = pairs[pair].encode(bytes_of(plain, size), text);
      size_t back_size;
      assert_true(pairs[pair].decode(bytes_of(text, text_size), (uint8_t *)text, &back_size));
      assert_int_equal(back_size, size);
      assert_memory_equal(text, plain, size);
    }
  }
}

static void test_sizes_are_exact(void **state)
{
  (void)state;
  assert_int_equal(encode_base64_size(0), 0);
  assert_int_equal(encode_base64_size(1), 4);
  assert_int_equal(encode_base64_size(3), 4);
  assert_int_equal(encode_base64_size(4), 8);
  assert_int_equal(encode_base64url_size(0), 0);
  assert_int_equal(encode_base64url_size(1), 2);
  assert_int_equal(encode_base64url_size(2), 3);
  assert_int_equal(encode_base64url_size(3), 4);
  assert_int_equal(encode_base64url_size(16), 22);
  assert_int_equal(encode_hex_size(16), 32);
  assert_int_equal(encode_base32_size(0), 0);
  assert_int_equal(encode_base32_size(1), 2);
  assert_int_equal(encode_base32_size(2), 4);
  assert_int_equal(encode_base32_size(3), 5);
  assert_int_equal(encode_base32_size(4), 7);
  assert_int_equal(encode_base32_size(5), 8);
  assert_int_equal(encode_base32_size(16), 26);
}

/* Each character in each position of a group is accepted exactly when it is a digit. */
static void test_digits_are_exactly_the_alphabet(void **state)
{
  (void)state;
  static const char *const base64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static const char *const base64url =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (unsigned int character = 0; character < 256; character++) {
    for (size_t at = 0; at < 4; at++) {
      uint8_t text[8] = "AAAAAAAA", back[8];
      size_t size;
      text[at] = (uint8_t)character;
      bool known = character > 0 && strchr(base64, (int)character) != NULL;
      assert_int_equal(encode_from_base64(bytes_of(text, 8), back, &size), known);
      known = character > 0 && strchr(base64url, (int)character) != NULL;
      assert_int_equal(encode_from_base64url(bytes_of(text, 8), back, &size), known);
      known = character > 0 && strchr("0123456789abcdefABCDEF", (int)character) != NULL;
      assert_int_equal(encode_from_hex(bytes_of(text, 8), back, &size), known);
      known = character > 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", (int)character) != NULL;
      assert_int_equal(encode_from_base32(bytes_of(text, 8), back, &size), known);
    }
  }
}

static void test_base64_refuses_bad_padding(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "Zg",       "Zg=",  "Zg===", "Zm9",      "Zm9v=", "Z===",  "====",     "=",       "==",
      "Zg==Zg==", "Zg=a", "=Zg=",  "Zm8=Zm8=", "Z=g=",  "Zm9vY", "Zm9v====", "Zm9v Zg="};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_refused(encode_from_base64, bad[i]);
}

static void test_base64url_refuses_padding_and_odd_sizes(void **state)
{
  (void)state;
  static const char *const bad[] = {"Zg==", "Zm8=", "Z", "Zm9vY", "=", "Zm9v\n", "Zm+v", "Zm/v"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_refused(encode_from_base64url, bad[i]);
}

/* "Zh==" would decode to "f" like "Zg==": a second spelling of the same bytes. */
static void test_refuses_bits_after_the_last_byte(void **state)
{
  (void)state;
  static const char *const bad[] = {"Zh", "Zk", "Zo", "Zx", "Zm9", "Zm-"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_refused(encode_from_base64url, bad[i]);
  assert_refused(encode_from_base64, "Zh==");
  assert_refused(encode_from_base64, "Zm9=");
}

/* No byte ends in a first, third or sixth digit of a group; bits after the last byte are zero. */
static void test_base32_has_one_spelling(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "A",        "AAA", "AAAAAA",    "MZXW6YTBO", "MZ",   "MZXR",     "my", "MZXW7",    "MZXW6YR",
      "MY======", "MY=", "MZXW6 YTB", "M Y",       "MY\n", "MZXW6YT=", "01", "MZXW6YT8", "=="};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_refused(encode_from_base32, bad[i]);
}

static void test_hex_refuses_odd_and_foreign(void **state)
{
  (void)state;
  static const char *const bad[] = {"6", "666", "6g", "g6", " 6", "6 ", "0x66", "66\n1"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_refused(encode_from_hex, bad[i]);
  uint8_t back[2];
  size_t size;
  assert_true(encode_from_hex(BYTES("aFFa"), back, &size));
  assert_memory_equal(back, "\xaf\xfa", 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gives_published_values),
      cmocka_unit_test(test_round_trip_in_place),
      cmocka_unit_test(test_sizes_are_exact),
      cmocka_unit_test(test_digits_are_exactly_the_alphabet),
      cmocka_unit_test(test_base64_refuses_bad_padding),
      cmocka_unit_test(test_base64url_refuses_padding_and_odd_sizes),
      cmocka_unit_test(test_refuses_bits_after_the_last_byte),
      cmocka_unit_test(test_base32_has_one_spelling),
      cmocka_unit_test(test_hex_refuses_odd_and_foreign),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
