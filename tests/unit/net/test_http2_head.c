#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http2_fixture.h"

#include <stdio.h>

static struct http2_fixture *open_connected(void)
{
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 65535, false);
  return fixture;
}

static void check_body(const struct http2_reply *reply, const char *text)
{
  struct bytes body = buffer_bytes(&reply->body);
  if (reply->status != 200 || !bytes_equal(body, bytes_of_text(text)))
    fail_msg("%d %.*s", reply->status, BYTES_FORMAT(body));
}

static void test_what_a_handler_sees(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected();
  static const char *const extra[] = {"accept: */*", "cookie: a=1",   "x-own:   spaced",
                                      "cookie: b=2", "user-agent: t", "x-own: again",
                                      "cookie: c=3", "te: trailers",  NULL};
  int32_t id = http2_fixture_request(fixture, "GET", "/head?x=1&y", extra);
  char text[512];
  snprintf(text, sizeof text, "GET /head?x=1&y host=localhost n=6 v=1 framing=%d\n%s",
           (int)HTTP_NO_BODY,
           "accept=*/*\ncookie=a=1; b=2; c=3\nx-own=spaced\nuser-agent=t\nx-own=again\n"
           "te=trailers\n");
  /* The client sends white space as it is told; RFC 9113 8.2.1 refuses it. */
  assert_int_equal(http2_fixture_await(fixture, id)->status, 400);
  static const char *const clean[] = {"accept: */*", "cookie: a=1",   "x-own: spaced",
                                      "cookie: b=2", "user-agent: t", "x-own: again",
                                      "cookie: c=3", "te: trailers",  NULL};
  id = http2_fixture_request(fixture, "GET", "/head?x=1&y", clean);
  check_body(http2_fixture_await(fixture, id), text);
  http2_fixture_free(fixture);
}

static void test_framing(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected();
  char text[128];
  int32_t id = http2_fixture_post(fixture, "/head", BYTES("x"), false);
  snprintf(text, sizeof text, "POST /head? host=localhost n=0 v=1 framing=%d\n",
           (int)HTTP_BODY_CHUNKED);
  check_body(http2_fixture_await(fixture, id), text);
  id = http2_fixture_post(fixture, "/head", BYTES("x"), true);
  snprintf(text, sizeof text, "POST /head? host=localhost n=1 v=1 framing=%d\ncontent-length=1\n",
           (int)HTTP_BODY_LENGTH);
  check_body(http2_fixture_await(fixture, id), text);
  static const char *const host[] = {"host: example.com:80", NULL};
  id = http2_fixture_request(fixture, "GET", "/head", host);
  snprintf(text, sizeof text, "GET /head? host=example.com:80 n=1 v=1 framing=%d\n%s",
           (int)HTTP_NO_BODY, "host=example.com:80\n");
  check_body(http2_fixture_await(fixture, id), text);
  http2_fixture_free(fixture);
}

static void test_cookies_in_many_pieces(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected();
  const char *extra[91];
  char pieces[90][32];
  size_t size = 0;
  for (int i = 0; i < 90; i++) {
    snprintf(pieces[i], sizeof pieces[i], "cookie: name%d=value", i);
    size += strlen(pieces[i]) - 8 + (i == 0 ? 0 : 2);
    extra[i] = pieces[i];
  }
  extra[90] = NULL;
  int32_t id = http2_fixture_request(fixture, "GET", "/head", extra);
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  assert_int_equal(reply->status, 200);
  size_t at = bytes_find(buffer_bytes(&reply->body), BYTES("cookie="));
  assert_true(at != SIZE_MAX);
  assert_int_equal(reply->body.size - at, 7 + size + 1);
  assert_true(bytes_find(buffer_bytes(&reply->body), BYTES("; name89=value\n")) != SIZE_MAX);
  http2_fixture_free(fixture);
}

static char large_value[NET_HEAD_BYTES + 1];
static char long_path[NET_REQUEST_LINE_BYTES + 2];
static char longest_path[NET_REQUEST_LINE_BYTES - 12];

struct refused {
  const char *method;
  const char *path;
  const char *extra[3];
  int status;
  enum refusal refusal; /* NONE: nghttp2 resets the stream */
};

static void check_refused(struct http2_fixture *fixture, const struct refused *row)
{
  uint32_t handled = fixture->handled;
  uint64_t before = row->refusal == REFUSAL_NONE ? 0
                                                 : http2_fixture_refusals(fixture, row->refusal);
  int32_t id = http2_fixture_request(fixture, row->method, row->path, row->extra);
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  if (reply->status != row->status)
    fail_msg("%s %.20s %.40s: %d", row->method, row->path == NULL ? "" : row->path,
             row->extra[0] == NULL ? "" : row->extra[0], reply->status);
  assert_int_equal(fixture->handled, handled);
  if (row->refusal == REFUSAL_NONE) {
    assert_int_equal(reply->error_code, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
  assert_int_equal(http2_fixture_refusals(fixture, row->refusal), before + 1);
  assert_true(http2_reply_has(reply, "content-type: application/json; charset=utf-8"));
}

static void test_heads_that_are_refused(void **state)
{
  (void)state;
  memset(large_value, 'v', sizeof large_value - 1);
  memcpy(large_value, "x: ", 3);
  memset(long_path, 'p', sizeof long_path - 1);
  long_path[0] = '/';
  static const char key[] = "idempotency-key: 123e4567-e89b-12d3-a456-426614174000";
  const struct refused rows[] = {
      {"GET", "/a b", {NULL}, 0, REFUSAL_NONE},
      {"GET", "/a\"b", {NULL}, 400, REFUSAL_TARGET},
      {"GET", "/a#b", {NULL}, 400, REFUSAL_TARGET},
      {"GET", "/a%00b", {NULL}, 400, REFUSAL_TARGET},
      {"GET", "/a%g0", {NULL}, 400, REFUSAL_TARGET},
      {"GET", "*", {NULL}, 0, REFUSAL_NONE},
      {"GET", "hello", {NULL}, 0, REFUSAL_NONE},
      {"GET", "", {NULL}, 0, REFUSAL_NONE},
      {"GET", "http://localhost/hello", {NULL}, 0, REFUSAL_NONE},
      {"GET", NULL, {NULL}, 0, REFUSAL_NONE},
      {"GET", "/hello", {"host: other"}, 0, REFUSAL_NONE},
      {"GET", "/hello", {":authority: a b"}, 0, REFUSAL_NONE},
      {"GET", "/hello", {":authority: user@host"}, 400, REFUSAL_HOST_INVALID},
      {"GET", "/hello", {":authority: a", "host: b"}, 400, REFUSAL_HOST_MISMATCH},
      {"GET", "/hello", {"authorization: a", "authorization: b"}, 400, REFUSAL_FIELD_TWICE},
      {"GET", "/hello", {key, key}, 400, REFUSAL_FIELD_TWICE},
      {"GET", "/hello", {"expect: something"}, 417, REFUSAL_EXPECTATION},
      {"GET", "/hello", {"x-own: a\1b"}, 400, REFUSAL_FIELD_VALUE},
      {"GET", "/hello", {"x own: a"}, 400, REFUSAL_FIELD_NAME},
      {"GET", "/hello", {"connection: close"}, 0, REFUSAL_NONE},
      {"GET", "/hello", {"transfer-encoding: chunked"}, 0, REFUSAL_NONE},
      {"GET", "/hello", {"content-length: 5"}, 0, REFUSAL_NONE},
      {"GET", "/hello", {"content-length: x"}, 0, REFUSAL_NONE},
      {"GET", "/hello", {large_value}, 431, REFUSAL_HEAD_LARGE},
      {"GET", long_path, {NULL}, 414, REFUSAL_REQUEST_LINE_LONG},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    /* Client and server agree on "host: other" when it is the only one. */
    if (rows[i].extra[0] != NULL && strcmp(rows[i].extra[0], "host: other") == 0) continue;
    struct http2_fixture *fixture = open_connected();
    check_refused(fixture, &rows[i]);
    int32_t id = http2_fixture_request(fixture, "GET", "/hello", NULL);
    assert_int_equal(http2_fixture_await(fixture, id)->status, 200);
    http2_fixture_free(fixture);
  }
}

static void test_connect_is_refused(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected();
  /* :method CONNECT and :authority only (RFC 9113 8.5), as literals. */
  int32_t id = http2_fixture_request(fixture, "GET", "/hello", NULL);
  http2_fixture_await(fixture, id);
  http2_fixture_write_frame(fixture, NGHTTP2_HEADERS,
                            NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3,
                            BYTES("\x02\x07"
                                  "CONNECT"
                                  "\x01\x04"
                                  "x:80"));
  http2_fixture_run(fixture, 1000);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_TARGET), 1);
  assert_int_equal(fixture->handled, 1);
  http2_fixture_free(fixture);
}

static void test_the_longest_that_are_taken(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected();
  memset(longest_path, 'p', sizeof longest_path - 1);
  longest_path[0] = '/';
  int32_t id = http2_fixture_request(fixture, "GET", longest_path, NULL);
  assert_int_equal(http2_fixture_await(fixture, id)->status, 404);
  const char *extra[NET_HEADERS_MAX + 2];
  for (size_t i = 0; i < NET_HEADERS_MAX; i++) extra[i] = "x-own: a";
  extra[NET_HEADERS_MAX] = NULL;
  id = http2_fixture_request(fixture, "GET", "/hello", extra);
  assert_int_equal(http2_fixture_await(fixture, id)->status, 200);
  extra[NET_HEADERS_MAX] = "x-own: a";
  extra[NET_HEADERS_MAX + 1] = NULL;
  id = http2_fixture_request(fixture, "GET", "/hello", extra);
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  assert_int_equal(reply->status, 431);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HEADERS_MANY), 1);
  /* A refused HEAD has no body either. */
  id = http2_fixture_request(fixture, "HEAD", "/hello", extra);
  reply = http2_fixture_await(fixture, id);
  assert_int_equal(reply->status, 431);
  assert_int_equal(reply->body.size, 0);
  http2_fixture_free(fixture);
}

static void test_options_of_the_server(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected();
  int32_t id = http2_fixture_request(fixture, "OPTIONS", "*", NULL);
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  assert_int_equal(reply->status, 204);
  id = http2_fixture_request(fixture, "OPTIONS", "/hello", NULL);
  assert_int_equal(http2_fixture_await(fixture, id)->status, 204);
  http2_fixture_free(fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_a_handler_sees),
      cmocka_unit_test(test_framing),
      cmocka_unit_test(test_cookies_in_many_pieces),
      cmocka_unit_test(test_heads_that_are_refused),
      cmocka_unit_test(test_connect_is_refused),
      cmocka_unit_test(test_the_longest_that_are_taken),
      cmocka_unit_test(test_options_of_the_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
