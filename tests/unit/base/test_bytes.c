#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

#include <stdlib.h>

static void test_equal_and_compare(void **unused)
{
  (void)unused;
  static const char *const ASCENDING[] = {"",     "A",    "AB",   "B",       "a",
                                          "\x7F", "\x80", "\xFF", "\xFF\x01"};
  for (size_t i = 0; i < sizeof(ASCENDING) / sizeof(ASCENDING[0]); i++) {
    for (size_t j = 0; j < sizeof(ASCENDING) / sizeof(ASCENDING[0]); j++) {
      int order = bytes_compare(bytes_of_text(ASCENDING[i]), bytes_of_text(ASCENDING[j]));
      assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
      assert_int_equal(bytes_equal(bytes_of_text(ASCENDING[i]), bytes_of_text(ASCENDING[j])),
                       i == j);
    }
  }
  assert_true(bytes_equal(bytes_of(NULL, 0), BYTES("")));
  assert_int_equal(bytes_compare(bytes_of(NULL, 0), bytes_of(NULL, 0)), 0);
}

static void test_starts_with(void **unused)
{
  (void)unused;
  assert_true(bytes_starts_with(BYTES("seat"), BYTES("se")));
  assert_true(bytes_starts_with(BYTES("seat"), BYTES("seat")));
  assert_true(bytes_starts_with(BYTES("seat"), bytes_of(NULL, 0)));
  assert_true(bytes_starts_with(bytes_of(NULL, 0), bytes_of(NULL, 0)));
  assert_false(bytes_starts_with(BYTES("seat"), BYTES("seats")));
  assert_false(bytes_starts_with(BYTES("seat"), BYTES("ea")));
}

static void test_find(void **unused)
{
  (void)unused;
  assert_int_equal(bytes_find(BYTES("abcabd"), BYTES("abd")), 3);
  assert_int_equal(bytes_find(BYTES("abc"), BYTES("abc")), 0);
  assert_int_equal(bytes_find(BYTES("a\0b\0c"), BYTES("\0c")), 3);
  assert_int_equal(bytes_find(BYTES("abc"), BYTES("")), 0);
  assert_int_equal(bytes_find(bytes_of(NULL, 0), bytes_of(NULL, 0)), 0);
  assert_true(bytes_find(BYTES("abc"), BYTES("abcd")) == SIZE_MAX);
  assert_true(bytes_find(BYTES("abc"), BYTES("ac")) == SIZE_MAX);
  assert_true(bytes_find(bytes_of(NULL, 0), BYTES("a")) == SIZE_MAX);
}

/* Decodes by arithmetic: a character is well-formed when encoding what it decodes to gives it. */
static bool is_one_character(const uint8_t *from, size_t size)
{
  static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
  static const uint8_t LEADS[] = {0, 0, 0xC0, 0xE0, 0xF0};
  static const uint8_t MASKS[] = {0, 0, 0xE0, 0xF0, 0xF8};
  if (size == 1) return from[0] < 0x80;
  if ((from[0] & MASKS[size]) != LEADS[size]) return false;
  uint32_t code = from[0] & (uint8_t)~MASKS[size];
  for (size_t i = 1; i < size; i++) {
    if (from[i] >> 6 != 2) return false;
    code = code << 6 | (from[i] & 0x3F);
  }
  return code >= SMALLEST[size] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

/* Every first two bytes with the edges of the others, at every alignment to the 8-byte step. */
static void test_utf8_characters(void **unused)
{
  (void)unused;
  static const uint8_t EDGES[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
  for (uint32_t pair = 0; pair < 65536; pair++) {
    uint8_t text[4] = {(uint8_t)(pair >> 8), (uint8_t)pair};
    assert_int_equal(bytes_is_utf8(bytes_of(text, 1)), is_one_character(text, 1));
    bool two = is_one_character(text, 2) || (text[0] < 0x80 && text[1] < 0x80);
    assert_int_equal(bytes_is_utf8(bytes_of(text, 2)), two);
    if (text[0] < 0xE0) continue;
    for (size_t i = 0; i < sizeof(EDGES); i++) {
      text[2] = EDGES[i];
      assert_int_equal(bytes_is_utf8(bytes_of(text, 3)), is_one_character(text, 3));
      for (size_t j = 0; j < sizeof(EDGES); j++) {
        text[3] = EDGES[j];
        bool four = is_one_character(text, 4) || (is_one_character(text, 3) && text[3] < 0x80);
        assert_int_equal(bytes_is_utf8(bytes_of(text, 4)), four);
      }
    }
  }
}

static void test_utf8_prefix(void **unused)
{
  (void)unused;
  uint8_t text[40];
  for (size_t bad = 0; bad < sizeof(text); bad++) {
    memset(text, 'a', sizeof(text));
    text[bad] = 0xFF;
    assert_int_equal(bytes_utf8_prefix(bytes_of(text, sizeof(text))), bad);
    assert_false(bytes_is_utf8(bytes_of(text, sizeof(text))));
    assert_true(bytes_is_utf8(bytes_of(text, bad)));
    if (bad + 4 > sizeof(text)) continue;
    memcpy(text + bad, "\xF0\x9F\x8C\xAE", 4);
    assert_int_equal(bytes_utf8_prefix(bytes_of(text, sizeof(text))), sizeof(text));
    for (size_t cut = 1; cut < 4; cut++)
      assert_int_equal(bytes_utf8_prefix(bytes_of(text, bad + cut)), bad);
  }
  assert_true(bytes_is_utf8(bytes_of(NULL, 0)));
}

static void test_buffer_appends(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct buffer buffer;
  buffer_init(&buffer, &memory);
  assert_int_equal(buffer_bytes(&buffer).size, 0);
  assert_int_equal(memory.calls, 0);
  assert_true(buffer_append(&buffer, BYTES("seat")));
  assert_true(buffer_append_byte(&buffer, '-'));
  assert_true(buffer_append(&buffer, bytes_of(NULL, 0)));
  assert_true(buffer_append_format(&buffer, "%c%d", 'A', 12));
  assert_true(bytes_equal(buffer_bytes(&buffer), BYTES("seat-A12")));
  assert_true(buffer_append_format(&buffer, "%0300d", 7));
  assert_int_equal(buffer.size, 308);
  assert_int_equal(buffer.data[307], '7');
  assert_true(memory.in_use >= 308);

  uint64_t calls = memory.calls;
  buffer_clear(&buffer);
  assert_true(buffer_append(&buffer, BYTES("again")));
  assert_int_equal(memory.calls, calls);
  assert_true(buffer_reserve(&buffer, 100000));
  uint8_t *data = buffer.data;
  for (int i = 0; i < 100000; i++) assert_true(buffer_append_byte(&buffer, (uint8_t)i));
  assert_ptr_equal(buffer.data, data);
  assert_int_equal(buffer.data[5 + 99999], (uint8_t)99999);
  buffer_free(&buffer);
  assert_int_equal(memory.in_use, 0);
}

/* Capacity doubles: a million bytes one by one cost few allocations. */
static void test_buffer_grows_geometrically(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct buffer buffer;
  buffer_init(&buffer, &memory);
  for (int i = 0; i < 1000000; i++) assert_true(buffer_append_byte(&buffer, 'x'));
  assert_true(memory.calls < 16);
  assert_false(buffer_reserve(&buffer, SIZE_MAX));
  assert_false(buffer_reserve(&buffer, SIZE_MAX / 2));
  assert_false(buffer.failed);
  buffer_free(&buffer);
}

static void test_buffer_failures(void **unused)
{
  (void)unused;
  for (uint64_t n = 1;; n++) {
    struct memory memory = {.fail_at = n};
    struct buffer buffer;
    buffer_init(&buffer, &memory);
    bool done = true;
    for (int i = 0; i < 50; i++)
      done = buffer_append_format(&buffer, "%040d", i) && buffer_append(&buffer, BYTES("item")) &&
             buffer_append_byte(&buffer, ',') && done;
    assert_int_equal(buffer.failed, !done);
    if (done) {
      assert_true(n > 2);
      assert_true(memory.calls < n);
      assert_int_equal(buffer.size, 50 * 45);
    } else {
      /* The failure sticks and leaves what was whole before it; clearing recovers. */
      assert_int_equal(memory.calls, n);
      assert_true(buffer.size < 50 * 45);
      assert_false(buffer_append_byte(&buffer, 'x'));
      buffer_clear(&buffer);
      assert_true(buffer_append(&buffer, BYTES("recovered")));
      assert_true(bytes_equal(buffer_bytes(&buffer), BYTES("recovered")));
    }
    buffer_free(&buffer);
    assert_int_equal(memory.in_use, 0);
    if (done) break;
  }
}

static void test_integers(void **unused)
{
  (void)unused;
  uint8_t bytes[16] = {0};
  for (size_t at = 0; at < 8; at++) {
    bytes_put_u16(bytes + at, 0x0102);
    assert_memory_equal(bytes + at, "\x02\x01", 2);
    assert_int_equal(bytes_get_u16(bytes + at), 0x0102);
    bytes_put_u32(bytes + at, 0x01020304);
    assert_memory_equal(bytes + at, "\x04\x03\x02\x01", 4);
    assert_int_equal(bytes_get_u32(bytes + at), 0x01020304);
    bytes_put_u64(bytes + at, 0xF102030405060708);
    assert_memory_equal(bytes + at, "\x08\x07\x06\x05\x04\x03\x02\xF1", 8);
    assert_true(bytes_get_u64(bytes + at) == 0xF102030405060708);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_equal_and_compare),
      cmocka_unit_test(test_starts_with),
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_utf8_characters),
      cmocka_unit_test(test_utf8_prefix),
      cmocka_unit_test(test_buffer_appends),
      cmocka_unit_test(test_buffer_grows_geometrically),
      cmocka_unit_test(test_buffer_failures),
      cmocka_unit_test(test_integers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
