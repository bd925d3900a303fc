#include "net/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_etags_are_the_hash_in_hex(void **state)
{
  (void)state;
  char text[ETAG_BYTES];
  assert_int_equal(etag_format(0x0123456789abcdef, false, text), ETAG_PLAIN_BYTES);
  assert_memory_equal(text, "\"0123456789abcdef\"", ETAG_PLAIN_BYTES);
  assert_int_equal(etag_format(0, true, text), ETAG_GZIP_BYTES);
  assert_memory_equal(text, "\"0000000000000000-gz\"", ETAG_GZIP_BYTES);
  assert_int_equal(etag_format(UINT64_MAX, true, text), ETAG_GZIP_BYTES);
  assert_memory_equal(text, "\"ffffffffffffffff-gz\"", ETAG_GZIP_BYTES);
}

static void test_if_none_match(void **state)
{
  (void)state;
  static const char *const yes[] = {"\"abc\"",
                                    "W/\"abc\"",
                                    "*",
                                    " * ",
                                    "\"x\", \"abc\"",
                                    "\"abc\",\"x\"",
                                    "\"x\" ,\tW/\"abc\" ",
                                    ",\"abc\"",
                                    ", ,\"abc\",,",
                                    "\"a,b\", \"abc\"",
                                    "\"\", \"abc\"",
                                    "\"\\\", \"abc\"",
                                    "\"\x80\xff\",\"abc\"",
                                    "\"abc\", \"abc\"",
                                    "\"*\", \"abc\""};
  static const char *const no[] = {"", " ", ",", "\"ab\"", "\"abcd\"", "\"ABC\"", "\"abc-gz\"",
                                   "\"*\"", "W/\"*\"", "\"x\", \"y\"", "\", \"", "\"x,\"",
                                   /* not well-formed */
                                   "abc", "\"abc", "abc\"", "w/\"abc\"", "W/abc", "W/", "W",
                                   "W/ \"abc\"", "W/W/\"abc\"", "\"abc\" \"x\"", "\"abc\"\"x\"",
                                   "\"abc\", x", "\"abc\", *", "*, \"abc\"", "**", "\"abc\";",
                                   "\"abc\", \"x y\"", "\"abc\", \"\x7f\"", "\"abc\", \"\x01\"",
                                   "\"abc\", W/", "'abc'", "\"abc\", W/,"};
  struct bytes etag = BYTES("\"abc\"");
  for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
    if (!etag_matches(bytes_of_text(yes[i]), etag)) fail_msg("does not match: %s", yes[i]);
  for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
    if (etag_matches(bytes_of_text(no[i]), etag)) fail_msg("matches: %s", no[i]);
  assert_false(etag_matches((struct bytes){0}, etag));
  assert_false(etag_matches(bytes_of("\"abc\"\0", 6), etag));
}

static void test_if_range_is_strong(void **state)
{
  (void)state;
  struct bytes etag = BYTES("\"abc\"");
  assert_true(etag_allows_range((struct bytes){0}, etag));
  assert_true(etag_allows_range(BYTES("\"abc\""), etag));
  static const char *const no[] = {"",
                                   "W/\"abc\"",
                                   "*",
                                   "\"abd\"",
                                   "\"abc\",\"abc\"",
                                   "abc",
                                   "\"abc-gz\"",
                                   "Sat, 29 Oct 1994 19:43:31 GMT"};
  for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
    if (etag_allows_range(bytes_of_text(no[i]), etag)) fail_msg("allowed: %s", no[i]);
}

static void test_ranges_that_are_served(void **state)
{
  (void)state;
  static const struct {
    const char *field;
    uint64_t size, first, last;
  } rows[] = {
      {"bytes=0-0", 1, 0, 0},
      {"bytes=0-499", 10000, 0, 499}, /* the examples of RFC 9110 14.1.2 */
      {"bytes=500-999", 10000, 500, 999},
      {"bytes=-500", 10000, 9500, 9999},
      {"bytes=9500-", 10000, 9500, 9999},
      {"bytes=0-", 10000, 0, 9999},
      {"bytes=0-10000", 10000, 0, 9999},
      {"bytes=9999-9999", 10000, 9999, 9999},
      {"bytes=-10000", 10000, 0, 9999},
      {"bytes=-10001", 10000, 0, 9999},
      {"bytes=-1", 10000, 9999, 9999},
      {"BYTES=0-1", 10, 0, 1},
      {"bytes= 0-1\t", 10, 0, 1},
      {"bytes=0-18446744073709551615", 10, 0, 9},
      {"bytes=0-18446744073709551616", 10, 0, 9},
      {"bytes=0-99999999999999999999999999", 10, 0, 9},
      {"bytes=-99999999999999999999999999", 10, 0, 9},
      {"bytes=00000000000000000000000001-0002", 10, 1, 2},
      {"bytes=18446744073709551614-", UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 1},
      {"bytes=-18446744073709551615", UINT64_MAX, 0, UINT64_MAX - 1},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct range range;
    if (range_parse(bytes_of_text(rows[i].field), rows[i].size, &range) != RANGE_OK)
      fail_msg("not served: %s", rows[i].field);
    assert_true(range.first == rows[i].first && range.last == rows[i].last);
  }
}

static void test_ranges_beyond_the_end(void **state)
{
  (void)state;
  static const struct {
    const char *field;
    uint64_t size;
  } rows[] = {{"bytes=10-", 10},
              {"bytes=10-20", 10},
              {"bytes=0-", 0},
              {"bytes=0-0", 0},
              {"bytes=-0", 10},
              {"bytes=-0", 0},
              {"bytes=-000", 10},
              {"bytes=18446744073709551615-", UINT64_MAX},
              {"bytes=9999999999999999999999-", UINT64_MAX}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct range range = {77, 77};
    if (range_parse(bytes_of_text(rows[i].field), rows[i].size, &range) != RANGE_UNSATISFIABLE)
      fail_msg("not refused: %s", rows[i].field);
    assert_int_equal(range.first, 77);
  }
}

static void test_ranges_that_are_ignored(void **state)
{
  (void)state;
  static const char *const fields[] = {"",
                                       "bytes",
                                       "bytes=",
                                       "bytes=-",
                                       "bytes=--1",
                                       "bytes=1",
                                       "bytes=1-2-3",
                                       "bytes=a-b",
                                       "bytes=1-b",
                                       "bytes=2-1",
                                       "bytes=0-0,-1",
                                       "bytes=0-1,2-3",
                                       "bytes=0-1,",
                                       ",bytes=0-1",
                                       "bytes 0-1",
                                       "bytes =0-1",
                                       " bytes=0-1",
                                       "bytes=0 -1",
                                       "bytes=0- 1",
                                       "bytes=+0-1",
                                       "bytes=0x0-1",
                                       "items=0-1",
                                       "bytes:0-1",
                                       "bytes=0-1;x",
                                       "bytes=1.0-2",
                                       "byte=0-1",
                                       "bytess=0-1",
                                       "bytes==0-1",
                                       "bytes=\n0-1"};
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    struct range range = {77, 77};
    if (range_parse(bytes_of_text(fields[i]), 10, &range) != RANGE_NONE)
      fail_msg("not ignored: %s", fields[i]);
    assert_int_equal(range.first, 77);
  }
  struct range range;
  assert_int_equal(range_parse((struct bytes){0}, 10, &range), RANGE_NONE);
  assert_int_equal(range_parse(bytes_of("bytes=0-1\0", 10), 10, &range), RANGE_NONE);
  assert_int_equal(range_parse(BYTES("bytes=-5"), 0, &range), RANGE_NONE);
}

static void assert_content_range(const struct range *range, uint64_t size, const char *expected)
{
  char text[CONTENT_RANGE_BYTES];
  size_t length = content_range_format(range, size, text);
  assert_int_equal(length, strlen(expected));
  assert_memory_equal(text, expected, length);
}

static void test_content_range(void **state)
{
  (void)state;
  assert_content_range(&(struct range){0, 0}, 1, "bytes 0-0/1");
  assert_content_range(&(struct range){500, 999}, 1234, "bytes 500-999/1234");
  assert_content_range(NULL, 0, "bytes */0");
  assert_content_range(NULL, 1234, "bytes */1234");
  assert_content_range(&(struct range){UINT64_MAX - 1, UINT64_MAX - 1}, UINT64_MAX,
                       "bytes 18446744073709551614-18446744073709551614/18446744073709551615");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_etags_are_the_hash_in_hex),
      cmocka_unit_test(test_if_none_match),
      cmocka_unit_test(test_if_range_is_strong),
      cmocka_unit_test(test_ranges_that_are_served),
      cmocka_unit_test(test_ranges_beyond_the_end),
      cmocka_unit_test(test_ranges_that_are_ignored),
      cmocka_unit_test(test_content_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
