#include "net/http.h"
#include "unit/net/http_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BODY_BYTES = 8192 };

/* The whole text is read, or up to its last `left` bytes. */
static void assert_body(const char *text, const char *content, size_t left)
{
  uint8_t buffer[BODY_BYTES];
  struct oracle_body body = {.content = buffer};
  struct bytes input = bytes_of_text(text);
  oracle_check_body(input);
  oracle_read_body(input, SIZE_MAX, &body);
  if (body.parse != HTTP_PARSE_DONE) fail_msg("not done: \"%s\"", text);
  assert_int_equal(input.size - body.used, left);
  assert_int_equal(body.size, strlen(content));
  assert_memory_equal(body.content, content, body.size);
}

static void assert_end(struct bytes input, enum http_parse parse, enum refusal refusal)
{
  uint8_t buffer[BODY_BYTES];
  struct oracle_body body = {.content = buffer};
  oracle_check_body(input);
  oracle_read_body(input, SIZE_MAX, &body);
  assert_int_equal(body.parse, parse);
  assert_int_equal(body.refusal, refusal);
}

static void test_reads_bodies(void **state)
{
  (void)state;
  assert_body("0\r\n\r\n", "", 0);
  assert_body("5\r\nhello\r\n0\r\n\r\n", "hello", 0);
  assert_body("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", 0);
  assert_body("00000005\r\nhello\r\n00000000\r\n\r\nGET", "hello", 3);
  assert_body("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0);
  assert_body("3\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\n", 0);
  assert_body("1;a\r\nx\r\n1;a=b;c=\"d\"\r\ny\r\n0;last\r\n\r\n", "xy", 0);
  assert_body("0\r\nA: b\r\nC:\r\nD: \t e \xff\r\n\r\n\r\n", "", 2);
}

static void test_every_prefix_waits(void **state)
{
  (void)state;
  struct bytes body = BYTES("5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n");
  for (size_t size = 0; size < body.size; size++)
    assert_end(bytes_of(body.data, size), HTTP_PARSE_MORE, REFUSAL_NONE);
  assert_end(body, HTTP_PARSE_DONE, REFUSAL_NONE);
}

/* The state machine, byte by byte: what may follow each of these starts. */
static void test_only_these_bytes_may_follow(void **state)
{
  (void)state;
  static const char hex[] = "0123456789abcdefABCDEF";
  static const struct {
    const char *start, *follow;
    enum refusal refusal;
  } cases[] = {
      {"", hex, REFUSAL_CHUNK},
      {"5", "0123456789abcdefABCDEF;\r", REFUSAL_CHUNK},
      {"12345678", ";\r", REFUSAL_CHUNK},
      {"5\r", "\n", REFUSAL_CHUNK},
      {"5;a\r", "\n", REFUSAL_CHUNK},
      {"1\r\nx", "\r", REFUSAL_CHUNK},
      {"1\r\nx\r", "\n", REFUSAL_CHUNK},
      {"1\r\nx\r\n", hex, REFUSAL_CHUNK},
      {"0\r", "\n", REFUSAL_CHUNK},
      {"0\r\n\r", "\n", REFUSAL_TRAILER},
      {"0\r\nA:b\r", "\n", REFUSAL_TRAILER},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    for (unsigned int byte = 0; byte < 256; byte++) {
      uint8_t text[16];
      size_t size = strlen(cases[i].start);
      memcpy(text, cases[i].start, size);
      text[size] = (uint8_t)byte;
      bool good = byte > 0 && strchr(cases[i].follow, (int)byte) != NULL;
      bool done = i == 9 && good;
      assert_end(bytes_of(text, size + 1),
                 done   ? HTTP_PARSE_DONE
                 : good ? HTTP_PARSE_MORE
                        : HTTP_PARSE_REFUSED,
                 good ? REFUSAL_NONE : cases[i].refusal);
    }
  }
}

static void test_size_line_has_a_limit(void **state)
{
  (void)state;
  char text[NET_CHUNK_LINE_BYTES + 16];
  memset(text, 'a', sizeof(text));
  memcpy(text, "1;", 2);
  memcpy(text + NET_CHUNK_LINE_BYTES, "\r\nx\r\n0\r\n\r\n", 10);
  assert_end(bytes_of(text, NET_CHUNK_LINE_BYTES + 10), HTTP_PARSE_DONE, REFUSAL_NONE);
  text[NET_CHUNK_LINE_BYTES] = 'a';
  assert_end(bytes_of(text, NET_CHUNK_LINE_BYTES), HTTP_PARSE_MORE, REFUSAL_NONE);
  assert_end(bytes_of(text, NET_CHUNK_LINE_BYTES + 1), HTTP_PARSE_REFUSED, REFUSAL_CHUNK);
}

static void test_trailer_has_a_limit(void **state)
{
  (void)state;
  char text[NET_TRAILER_BYTES + 16];
  memset(text, 'a', sizeof(text));
  memcpy(text, "0\r\na:", 5);
  memcpy(text + 3 + NET_TRAILER_BYTES - 4, "\r\n\r\n", 4);
  assert_end(bytes_of(text, 3 + NET_TRAILER_BYTES), HTTP_PARSE_DONE, REFUSAL_NONE);
  memcpy(text + 3 + NET_TRAILER_BYTES - 4, "a\r\n\r\n", 5);
  assert_end(bytes_of(text, 3 + NET_TRAILER_BYTES), HTTP_PARSE_MORE, REFUSAL_NONE);
  assert_end(bytes_of(text, 4 + NET_TRAILER_BYTES), HTTP_PARSE_REFUSED, REFUSAL_TRAILER);
}

/* The largest size: its first bytes come through, nothing overflows. */
static void test_largest_chunk(void **state)
{
  (void)state;
  struct http_chunks chunks = {0};
  struct bytes data;
  size_t used;
  enum refusal refusal;
  struct bytes input = BYTES("ffffffff\r\nabc");
  assert_int_equal(http_chunks_read(&chunks, input, &used, &data, &refusal), HTTP_PARSE_MORE);
  assert_int_equal(used, input.size);
  assert_int_equal(data.size, 3);
  assert_int_equal(chunks.left, UINT32_MAX - 3);
}

/* Once done, nothing more is taken: the next request begins there. */
static void test_done_stays(void **state)
{
  (void)state;
  struct http_chunks chunks = {0};
  struct bytes data;
  size_t used;
  enum refusal refusal;
  assert_int_equal(http_chunks_read(&chunks, BYTES("0\r\n\r\nG"), &used, &data, &refusal),
                   HTTP_PARSE_DONE);
  assert_int_equal(used, 5);
  assert_int_equal(http_chunks_read(&chunks, BYTES("G"), &used, &data, &refusal), HTTP_PARSE_DONE);
  assert_int_equal(used, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_bodies),
      cmocka_unit_test(test_every_prefix_waits),
      cmocka_unit_test(test_only_these_bytes_may_follow),
      cmocka_unit_test(test_size_line_has_a_limit),
      cmocka_unit_test(test_trailer_has_a_limit),
      cmocka_unit_test(test_largest_chunk),
      cmocka_unit_test(test_done_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
