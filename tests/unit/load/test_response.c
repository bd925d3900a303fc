#include "load/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct outcome {
  enum http_parse parse;
  uint16_t status;
  bool keep_alive;
  size_t used;
  char body[256];
};

/* Reads the text in pieces of `step` bytes; the end of the stream is behind it. */
static struct outcome read_in_pieces(const char *text, size_t step, bool to_head)
{
  struct memory memory = {0};
  struct response response;
  struct outcome outcome = {.parse = HTTP_PARSE_MORE};
  size_t size = strlen(text);
  response_init(&response, &memory);
  response_begin(&response, true, to_head);
  while (outcome.parse == HTTP_PARSE_MORE && outcome.used < size) {
    size_t piece = size - outcome.used < step ? size - outcome.used : step;
    size_t used;
    const char *why = NULL;
    outcome.parse = response_read(&response, bytes_of(text + outcome.used, piece), &used, &why);
    outcome.used += used;
    assert_true((outcome.parse == HTTP_PARSE_REFUSED) == (why != NULL));
    if (outcome.parse == HTTP_PARSE_MORE) assert_int_equal(used, piece);
  }
  if (outcome.parse == HTTP_PARSE_MORE && response_end(&response)) outcome.parse = HTTP_PARSE_DONE;
  outcome.status = response.status;
  outcome.keep_alive = response.keep_alive;
  if (outcome.parse == HTTP_PARSE_DONE) {
    assert_int_equal(response.bytes, outcome.used);
    snprintf(outcome.body, sizeof outcome.body, "%.*s", BYTES_FORMAT(response.body));
  }
  response_free(&response);
  assert_int_equal(memory.in_use, 0);
  return outcome;
}

/* However it is cut, it is the same. */
static struct outcome read_all(const char *text, bool to_head)
{
  struct outcome whole = read_in_pieces(text, SIZE_MAX, to_head);
  for (size_t step = 1; step < 40; step++) {
    struct outcome pieces = read_in_pieces(text, step, to_head);
    assert_int_equal(pieces.parse, whole.parse);
    if (whole.parse != HTTP_PARSE_DONE) continue;
    assert_int_equal(pieces.status, whole.status);
    assert_int_equal(pieces.keep_alive, whole.keep_alive);
    assert_int_equal(pieces.used, whole.used);
    assert_string_equal(pieces.body, whole.body);
  }
  return whole;
}

static void expect(const char *text, uint16_t status, bool keep_alive, const char *body)
{
  struct outcome outcome = read_all(text, false);
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
  assert_int_equal(outcome.used, strlen(text));
  assert_int_equal(outcome.status, status);
  assert_int_equal(outcome.keep_alive, keep_alive);
  assert_string_equal(outcome.body, body);
}

static void test_replies(void **state)
{
  (void)state;
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, true, "hello");
  expect("HTTP/1.1 204 No Content\r\nx: y\r\n\r\n", 204, true, "");
  expect("HTTP/1.1 304 \r\n\r\n", 304, true, "");
  expect("HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", 200, true, "");
  expect("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, false, "ok");
  expect("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 200, false, "ok");
  expect("HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n"
         "0\r\nt: v\r\n\r\n",
         409, true, "abcde");
  expect("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\ncontent-length: 1\r\n\r\nx", 201, true,
         "x");
  expect("HTTP/1.1 200 OK\r\n\r\nto the end", 200, false, "to the end");
}

static void test_a_reply_to_head_has_no_content(void **state)
{
  (void)state;
  struct outcome outcome = read_all("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", true);
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
}

static void test_what_follows_is_left(void **state)
{
  (void)state;
  const char *text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP";
  struct outcome outcome = read_all(text, false);
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
  assert_int_equal(outcome.used, strlen(text) - 4);
}

static void test_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 20x OK\r\n\r\n",
      "HTTP/1.1 099 No\r\n\r\n",
      "HTTP/1.1 101 Switching\r\n\r\n",
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 200 O\001K\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
      "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nname: a\001b\r\n\r\n",
      "HTTP/1.1 200 OK\nname: a\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
      "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_int_equal(read_all(texts[i], false).parse, HTTP_PARSE_REFUSED);
}

static void test_a_head_without_end(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct response response;
  response_init(&response, &memory);
  response_begin(&response, false, false);
  enum http_parse parse = HTTP_PARSE_MORE;
  size_t sent = 0;
  for (; parse == HTTP_PARSE_MORE && sent < 100000; sent += 10) {
    size_t used;
    const char *why;
    parse = response_read(&response, BYTES("HTTP/1.1 2"), &used, &why);
  }
  assert_int_equal(parse, HTTP_PARSE_REFUSED);
  assert_true(sent <= RESPONSE_HEAD_BYTES + 20);
  response_free(&response);
  assert_int_equal(memory.in_use, 0);
}

/* What is cut short is no reply, and content that nobody wants is not kept. */
static void test_ends_and_unwanted_content(void **state)
{
  (void)state;
  assert_int_equal(read_all("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", false).parse,
                   HTTP_PARSE_MORE);
  assert_int_equal(read_all("HTTP/1.1 200 OK\r\nconte", false).parse, HTTP_PARSE_MORE);
  struct memory memory = {0};
  struct response response;
  size_t used;
  const char *why;
  response_init(&response, &memory);
  response_begin(&response, false, false);
  struct bytes head = BYTES("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
  assert_int_equal(response_read(&response, head, &used, &why), HTTP_PARSE_MORE);
  static uint8_t content[100000];
  assert_int_equal(response_read(&response, bytes_of(content, 60000), &used, &why),
                   HTTP_PARSE_MORE);
  assert_int_equal(response_read(&response, bytes_of(content, 40000), &used, &why),
                   HTTP_PARSE_DONE);
  assert_int_equal(memory.in_use, 0);
  response_free(&response);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_replies),
      cmocka_unit_test(test_a_reply_to_head_has_no_content),
      cmocka_unit_test(test_what_follows_is_left),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_a_head_without_end),
      cmocka_unit_test(test_ends_and_unwanted_content),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
