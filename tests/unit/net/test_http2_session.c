#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http2_fixture.h"

enum { WINDOW = 65535 };

static struct http2_fixture *open_connected(const struct net_limits *limits)
{
  struct http2_fixture *fixture = http2_fixture_open(limits);
  http2_fixture_connect(fixture, WINDOW, false);
  return fixture;
}

static void check_hello(struct http2_fixture *fixture)
{
  struct http2_reply *reply = http2_fixture_await(
      fixture, http2_fixture_request(fixture, "GET", "/hello", NULL));
  assert_int_equal(reply->status, 200);
  assert_true(bytes_equal(buffer_bytes(&reply->body), BYTES("hello")));
}

static void test_settings_are_announced(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  nghttp2_session *session = fixture->session;
  assert_int_equal(
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
      NET_HTTP2_STREAMS);
  assert_int_equal(
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE),
      NET_HEAD_BYTES);
  assert_int_equal(
      nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), 65536);
  assert_int_equal(nghttp2_session_get_remote_window_size(session), 1 << 20);
  http2_fixture_free(fixture);
}

/* ---- floods ---- */

/* A connection that was ended for a flood, and told so. */
static void check_flooded(struct http2_fixture *fixture)
{
  assert_true(http2_fixture_await_end(fixture, 5000));
  assert_int_equal(fixture->goaways, 1);
  assert_int_equal(fixture->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HTTP2_FLOOD), 1);
  http2_fixture_run(fixture, 3000);
  assert_int_equal(fixture->server->reactors[0].connection_count, 0);
  http2_fixture_free(fixture);
}

static void test_rapid_reset(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  for (int i = 0; i <= NET_HTTP2_ODD_FRAMES && !fixture->gone; i++) {
    int32_t id = http2_fixture_request(fixture, "GET", "/later", NULL);
    /* The session leaves out a request that is reset before it was sent. */
    http2_fixture_write(fixture, (struct bytes){NULL, 0});
    nghttp2_submit_rst_stream(fixture->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    http2_fixture_run(fixture, 1);
    for (size_t k = 0; k < fixture->kept_count; k++)
      if (fixture->kept[k] != NULL) http2_fixture_answer(fixture, k);
    fixture->kept_count = 0;
  }
  check_flooded(fixture);
}

static void test_resets_at_a_human_rate(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  for (int i = 0; i < 3 * NET_HTTP2_ODD_FRAMES; i++) {
    int32_t id = http2_fixture_request(fixture, "GET", "/durable", NULL);
    http2_fixture_write(fixture, (struct bytes){NULL, 0});
    nghttp2_submit_rst_stream(fixture->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    http2_fixture_run(fixture, 100);
  }
  assert_false(fixture->gone);
  fixture->durable = 7;
  check_hello(fixture);
  assert_int_equal(fixture->server->reactors[0].metrics.orphaned, 3 * NET_HTTP2_ODD_FRAMES);
  http2_fixture_free(fixture);
}

static void flood(uint8_t type, uint8_t flags, int32_t id, struct bytes payload, bool with_post)
{
  struct http2_fixture *fixture = open_connected(NULL);
  if (with_post) http2_fixture_post_nothing(fixture, "/echo");
  check_hello(fixture);
  for (int i = 0; i < NET_HTTP2_ODD_FRAMES + 50; i++)
    http2_fixture_write_frame(fixture, type, flags, id, payload);
  check_flooded(fixture);
}

static void test_floods_of_frames(void **state)
{
  (void)state;
  flood(NGHTTP2_PING, 0, 0, BYTES("12345678"), false);
  flood(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, BYTES("12345678"), false);
  flood(NGHTTP2_PRIORITY, 0, 1, BYTES("\0\0\0\3\1"), false);
  flood(NGHTTP2_WINDOW_UPDATE, 0, 0, BYTES("\0\0\0\1"), false);
  flood(NGHTTP2_DATA, 0, 1, BYTES(""), true);
  flood(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, BYTES("\3\0\0\0"), true);
  flood(0x10, 0, 0, BYTES("\0\0\0\1u=0"), false); /* PRIORITY_UPDATE */
  flood(0x77, 0, 0, BYTES("unknown"), false);
}

static void test_flood_of_settings(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  /* By the session, which would not understand the answers to frames it does not know of. */
  for (int i = 0; i < NET_HTTP2_ODD_FRAMES + 50; i++)
    nghttp2_submit_settings(fixture->session, NGHTTP2_FLAG_NONE, NULL, 0);
  check_flooded(fixture);
}

static void test_data_to_closed_streams(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_post_nothing(fixture, "/nowhere");
  check_hello(fixture);
  nghttp2_submit_rst_stream(fixture->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  http2_fixture_run(fixture, 100);
  for (int i = 0; i < NET_HTTP2_ODD_FRAMES + 50; i++)
    http2_fixture_write_frame(fixture, NGHTTP2_DATA, 0, id, BYTES("x"));
  check_flooded(fixture);
}

/* CVE-2025-8671: the peer makes us reset its streams. */
static void test_made_resets(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  for (int i = 0; i < NET_HTTP2_ODD_FRAMES + 1 && !fixture->gone; i++) {
    int32_t id = http2_fixture_request(fixture, "GET", "/durable", NULL);
    http2_fixture_write_frame(fixture, NGHTTP2_WINDOW_UPDATE, 0, id, BYTES("\x7f\xff\xff\xff"));
    http2_fixture_run(fixture, 5);
  }
  assert_true(http2_fixture_refusals(fixture, REFUSAL_HTTP2_PROTOCOL) > 100);
  fixture->durable = 7;
  check_flooded(fixture);
}

static void test_continuations_without_end(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  http2_fixture_write_frame(fixture, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 3, BYTES("\x82"));
  for (int i = 0; i < 1000; i++)
    http2_fixture_write_frame(fixture, NGHTTP2_CONTINUATION, 0, 3,
                              BYTES("\x00\x01"
                                    "a"
                                    "\x01"
                                    "b"));
  check_flooded(fixture);
}

static void test_window_updates_with_a_reason(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 4096, false);
  for (int i = 0; i < 4; i++) {
    int32_t id = http2_fixture_request(fixture, "GET", "/large", NULL);
    assert_int_equal(http2_fixture_await(fixture, id)->body.size, HTTP2_LARGE_BYTES);
  }
  assert_false(fixture->gone);
  http2_fixture_free(fixture);
}

/* ---- protocol errors ---- */

static void test_garbage(void **state)
{
  (void)state;
  static const struct bytes garbage[] = {
      {(const uint8_t *)"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 28},
      {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12},
      {(const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22},
      /* SETTINGS of a wrong size, DATA on stream 0, HEADERS on an even stream */
      {(const uint8_t *)"\0\0\5\4\0\0\0\0\0\0\0\0\0\0", 14},
      {(const uint8_t *)"\0\0\0\4\0\0\0\0\0\0\0\1\0\0\0\0\0\0x", 19},
      {(const uint8_t *)"\0\0\0\4\0\0\0\0\0\0\0\1\1\5\0\0\0\2\x82", 19},
  };
  for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
    struct http2_fixture *fixture = http2_fixture_open(NULL);
    http2_fixture_connect_raw(fixture);
    http2_fixture_write(fixture, HTTP2_PREFACE);
    http2_fixture_write(fixture, garbage[i]);
    assert_true(http2_fixture_await_end(fixture, 5000));
    assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HTTP2_PROTOCOL), 1);
    assert_int_equal(fixture->handled, 0);
    http2_fixture_free(fixture);
  }
}

static void test_an_error_of_the_connection_ends_it(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/later", NULL);
  check_hello(fixture);
  http2_fixture_write_frame(fixture, NGHTTP2_PING, 0, id, BYTES("12345678"));
  assert_true(http2_fixture_await_end(fixture, 5000));
  assert_int_equal(fixture->goaways, 1);
  assert_int_equal(fixture->goaway_code, NGHTTP2_PROTOCOL_ERROR);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HTTP2_PROTOCOL), 1);
  /* A handler has the exchange still, and answers nobody. */
  http2_fixture_answer(fixture, 0);
  assert_int_equal(fixture->server->reactors[0].metrics.orphaned, 1);
  http2_fixture_free(fixture);
}

static void test_more_streams_than_announced(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  /* By hand, since the client keeps to what was announced: GET /later by literal fields. */
  for (int32_t i = 0; i < NET_HTTP2_STREAMS + 1; i++)
    http2_fixture_write_frame(fixture, NGHTTP2_HEADERS,
                              NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3 + 2 * i,
                              BYTES("\x82\x86\x04\x06/later\x01\x01x"));
  assert_true(http2_fixture_await_end(fixture, 5000));
  assert_int_equal(fixture->kept_count, NET_HTTP2_STREAMS);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HTTP2_PROTOCOL), 1);
  http2_fixture_free(fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_settings_are_announced),
      cmocka_unit_test(test_rapid_reset),
      cmocka_unit_test(test_resets_at_a_human_rate),
      cmocka_unit_test(test_floods_of_frames),
      cmocka_unit_test(test_flood_of_settings),
      cmocka_unit_test(test_data_to_closed_streams),
      cmocka_unit_test(test_made_resets),
      cmocka_unit_test(test_continuations_without_end),
      cmocka_unit_test(test_window_updates_with_a_reason),
      cmocka_unit_test(test_garbage),
      cmocka_unit_test(test_an_error_of_the_connection_ends_it),
      cmocka_unit_test(test_more_streams_than_announced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
