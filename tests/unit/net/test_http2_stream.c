#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http2_fixture.h"

#include <stdio.h>

enum { WINDOW = 65535 };

static uint8_t upload[3 << 20];

static struct http2_fixture *open_connected(const struct net_limits *limits)
{
  struct http2_fixture *fixture = http2_fixture_open(limits);
  http2_fixture_connect(fixture, WINDOW, false);
  memset(upload, 'u', sizeof upload);
  return fixture;
}

static void check_text(const struct http2_reply *reply, int status, const char *text)
{
  assert_true(reply->closed);
  assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
  assert_int_equal(reply->status, status);
  assert_true(bytes_equal(buffer_bytes(&reply->body), bytes_of_text(text)));
}

static void check_code(const struct http2_reply *reply, int status, const char *code)
{
  char text[64];
  int size = snprintf(text, sizeof text, "{\"error\":{\"code\":\"%s\"", code);
  assert_int_equal(reply->status, status);
  assert_true(bytes_starts_with(buffer_bytes(&reply->body), bytes_of(text, (size_t)size)));
}

/* That the connection is as before. */
static void check_alive(struct http2_fixture *fixture)
{
  int32_t id = http2_fixture_request(fixture, "GET", "/hello", NULL);
  check_text(http2_fixture_await(fixture, id), 200, "hello");
}

/* ---- requests ---- */

static void test_bodies(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  for (int length = 0; length < 2; length++) {
    int32_t id = http2_fixture_post(fixture, "/echo", BYTES("some text"), length == 1);
    check_text(http2_fixture_await(fixture, id), 200, "some text");
    id = http2_fixture_post(fixture, "/echo", bytes_of(upload, 0), length == 1);
    check_text(http2_fixture_await(fixture, id), 200, "");
    id = http2_fixture_post(fixture, "/echo", bytes_of(upload, NET_BODY_BYTES), length == 1);
    struct http2_reply *reply = http2_fixture_await(fixture, id);
    assert_int_equal(reply->body.size, NET_BODY_BYTES);
    assert_memory_equal(reply->body.data, upload, NET_BODY_BYTES);
    /* Larger than all windows. */
    id = http2_fixture_post(fixture, "/big", bytes_of(upload, HTTP2_BIG_LIMIT_BYTES), length == 1);
    check_text(http2_fixture_await(fixture, id), 200, "2097152");
  }
  http2_fixture_free(fixture);
}

static void test_bodies_that_are_too_large(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  for (int length = 0; length < 2; length++) {
    int32_t id = http2_fixture_post(fixture, "/echo", bytes_of(upload, sizeof upload), length == 1);
    struct http2_reply *reply = http2_fixture_await(fixture, id);
    check_code(reply, 413, "BODY_TOO_LARGE");
    /* RFC 9113 8.1: the rest is not wanted, and the reply stands. */
    assert_true(reply->closed);
    assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
    id = http2_fixture_post(fixture, "/hello", BYTES("x"), length == 1);
    check_code(http2_fixture_await(fixture, id), 405, "METHOD_NOT_ALLOWED");
  }
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_BODY_LARGE), 2);
  check_alive(fixture);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HTTP2_FLOOD), 0);
  http2_fixture_free(fixture);
}

static void test_many_refused_uploads_are_no_flood(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t ids[NET_HTTP2_STREAMS];
  for (int i = 0; i < NET_HTTP2_STREAMS; i++)
    ids[i] = http2_fixture_post(fixture, "/hello", bytes_of(upload, sizeof upload), false);
  for (int i = 0; i < NET_HTTP2_STREAMS; i++)
    check_code(http2_fixture_await(fixture, ids[i]), 413, "BODY_TOO_LARGE");
  check_alive(fixture);
  http2_fixture_free(fixture);
}

static void test_slow_bodies(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int64_t from_ms = fixture->loop.now_ms;
  int32_t id = http2_fixture_post_nothing(fixture, "/echo");
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  check_code(reply, 408, "REQUEST_TIMEOUT");
  assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
  assert_in_range(fixture->loop.now_ms - from_ms, 5000, 6500);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_BODY_TIMEOUT), 1);
  check_alive(fixture);
  http2_fixture_free(fixture);
}

static void test_expectations(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  static const char *const extra[] = {"expect: 100-continue", NULL};
  int32_t id = http2_fixture_request(fixture, "POST", "/echo", extra);
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  assert_int_equal(reply->continues, 0); /* there is no body to wait for */
  check_text(reply, 200, "");
  http2_fixture_write_frame(fixture, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3,
                            BYTES("\x83\x86\x04\x05/echo\x01\x01x\x0f\x14\x0c"
                                  "100-continue"));
  http2_fixture_run(fixture, 3000);
  http2_fixture_write_frame(fixture, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 3, BYTES("x"));
  http2_fixture_run(fixture, 3000);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_EXPECTATION), 0);
  assert_int_equal(fixture->handled, 2);
  http2_fixture_free(fixture);
}

static void trailers(const char *value, size_t size, int status)
{
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_post_nothing(fixture, "/echo");
  check_alive(fixture);
  http2_fixture_write_frame(fixture, NGHTTP2_DATA, 0, id, BYTES("body"));
  struct buffer block;
  buffer_init(&block, &fixture->memory);
  /* Literals without indexing (RFC 7541 6.2.2), with lengths below 127. */
  for (int i = 0; i < 60; i++) {
    buffer_append(&block, BYTES("\x00\x01t"));
    buffer_append_byte(&block, (uint8_t)size);
    buffer_append(&block, bytes_of(value, size));
  }
  http2_fixture_write_frame(fixture, NGHTTP2_HEADERS,
                            NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
                            buffer_bytes(&block));
  buffer_free(&block);
  http2_fixture_run(fixture, 1000);
  struct http2_reply *reply = http2_fixture_reply(fixture, id);
  assert_int_equal(reply->status, status);
  if (status == 200) assert_true(bytes_equal(buffer_bytes(&reply->body), BYTES("body")));
  check_alive(fixture);
  http2_fixture_free(fixture);
}

static void test_trailers(void **state)
{
  (void)state;
  char long_value[100];
  memset(long_value, 'v', sizeof long_value);
  trailers("value", 5, 200);
  trailers(long_value, sizeof long_value, 400);
  trailers("a\1b", 3, 400);
}

/* ---- replies ---- */

static void test_a_hundred_out_of_order(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t ids[NET_HTTP2_STREAMS];
  for (int i = 0; i < NET_HTTP2_STREAMS; i++)
    ids[i] = http2_fixture_request(fixture, "GET", "/later", NULL);
  http2_fixture_run(fixture, 1000);
  assert_int_equal(fixture->kept_count, NET_HTTP2_STREAMS);
  for (size_t i = 0; i < NET_HTTP2_STREAMS; i++) {
    http2_fixture_answer(fixture, (i * 37 + 11) % NET_HTTP2_STREAMS);
    if (i % 10 == 0) http2_fixture_run(fixture, 10);
  }
  for (int i = 0; i < NET_HTTP2_STREAMS; i++)
    check_text(http2_fixture_await(fixture, ids[i]), 200, "later");
  http2_fixture_free(fixture);
}

static void test_a_handler_answers_others(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t first = http2_fixture_request(fixture, "GET", "/later", NULL);
  int32_t second = http2_fixture_request(fixture, "GET", "/later", NULL);
  int32_t release = http2_fixture_request(fixture, "GET", "/release", NULL);
  check_text(http2_fixture_await(fixture, release), 200, "released");
  check_text(http2_fixture_await(fixture, first), 200, "later");
  check_text(http2_fixture_await(fixture, second), 200, "later");
  http2_fixture_free(fixture);
}

static void test_large_replies_to_a_fast_client(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  world_sim_settings(fixture->sim)->stream_bytes = 64 << 20;
  http2_fixture_connect(fixture, 1 << 30, false);
  nghttp2_session_set_local_window_size(fixture->session, NGHTTP2_FLAG_NONE, 0, 1 << 30);
  int32_t ids[20];
  for (int i = 0; i < 20; i++) ids[i] = http2_fixture_request(fixture, "GET", "/large", NULL);
  for (int i = 0; i < 20; i++)
    assert_int_equal(http2_fixture_await(fixture, ids[i])->body.size, HTTP2_LARGE_BYTES);
  http2_fixture_free(fixture);
}

static void test_large_replies_through_small_windows(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 5000, false);
  int32_t ids[10];
  for (int i = 0; i < 10; i++) ids[i] = http2_fixture_request(fixture, "GET", "/large", NULL);
  for (int i = 0; i < 10; i++) {
    struct http2_reply *reply = http2_fixture_await(fixture, ids[i]);
    assert_int_equal(reply->body.size, HTTP2_LARGE_BYTES);
    for (size_t at = 0; at < HTTP2_LARGE_BYTES; at++)
      assert_int_equal(reply->body.data[at], 'a' + at % 26);
  }
  http2_fixture_free(fixture);
}

static void test_replies_without_body(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  struct http2_reply *reply = http2_fixture_await(
      fixture, http2_fixture_request(fixture, "HEAD", "/hello", NULL));
  check_text(reply, 200, "");
  assert_true(http2_reply_has(reply, "content-length: 5"));
  reply = http2_fixture_await(fixture, http2_fixture_request(fixture, "HEAD", "/large", NULL));
  check_text(reply, 200, "");
  assert_true(http2_reply_has(reply, "content-length: 1048576"));
  reply = http2_fixture_await(fixture, http2_fixture_request(fixture, "GET", "/empty", NULL));
  check_text(reply, 204, "");
  reply = http2_fixture_await(fixture, http2_fixture_request(fixture, "HEAD", "/events", NULL));
  check_text(reply, 200, "");
  reply = http2_fixture_await(fixture, http2_fixture_request(fixture, "HEAD", "/nowhere", NULL));
  check_text(reply, 404, "");
  http2_fixture_free(fixture);
}

static void test_refusals_of_the_table(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  struct http2_reply *reply = http2_fixture_await(
      fixture, http2_fixture_request(fixture, "GET", "/nowhere", NULL));
  check_code(reply, 404, "NOT_FOUND");
  reply = http2_fixture_await(fixture, http2_fixture_request(fixture, "DELETE", "/hello", NULL));
  check_code(reply, 405, "METHOD_NOT_ALLOWED");
  assert_true(http2_reply_has(reply, "allow: GET, HEAD, OPTIONS"));
  reply = http2_fixture_await(fixture, http2_fixture_request(fixture, "BREW", "/hello", NULL));
  check_code(reply, 405, "METHOD_NOT_ALLOWED");
  http2_fixture_free(fixture);
}

static void test_replies_wait_until_they_are_durable(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/durable", NULL);
  check_alive(fixture);
  assert_int_equal(http2_fixture_reply(fixture, id)->status, 0);
  fixture->durable = 7;
  check_text(http2_fixture_await(fixture, id), 200, "durable");
  http2_fixture_free(fixture);
}

/* ---- streams that die ---- */

static void reset(struct http2_fixture *fixture, int32_t id)
{
  nghttp2_submit_rst_stream(fixture->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  http2_fixture_run(fixture, 2000);
}

static void test_resets_in_every_phase(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, false);
  const struct net_metrics *metrics = &fixture->server->reactors[0].metrics;
  /* In its body. */
  int32_t id = http2_fixture_post_nothing(fixture, "/echo");
  http2_fixture_run(fixture, 1000);
  reset(fixture, id);
  assert_int_equal(fixture->handled, 0);
  /* With a handler. */
  id = http2_fixture_request(fixture, "GET", "/later", NULL);
  http2_fixture_run(fixture, 1000);
  reset(fixture, id);
  http2_fixture_answer(fixture, 0);
  assert_int_equal(metrics->orphaned, 1);
  /* Until it is durable. */
  id = http2_fixture_request(fixture, "GET", "/durable", NULL);
  http2_fixture_run(fixture, 1000);
  reset(fixture, id);
  fixture->durable = 7;
  http2_fixture_run(fixture, 10);
  assert_int_equal(metrics->orphaned, 2);
  /* While its reply is sent. */
  id = http2_fixture_request(fixture, "GET", "/large", NULL);
  http2_fixture_run(fixture, 3);
  reset(fixture, id);
  /* As an event stream. */
  id = http2_fixture_request(fixture, "GET", "/events", NULL);
  http2_fixture_run(fixture, 1000);
  assert_int_equal(metrics->streams_open, 1);
  reset(fixture, id);
  assert_int_equal(metrics->streams_open, 0);
  server_publish(fixture->server, fixture->topic, BYTES("data: 1\n\n"));
  /* As a stream that is asked: at rest, while it is asked, while its event is sent. */
  for (int i = 0; i < 3; i++) {
    fixture->keep_asks = i == 1;
    id = http2_fixture_request(fixture, "GET", "/asked", NULL);
    http2_fixture_run(fixture, i == 0 ? HTTP2_ASK_MS / 2 : HTTP2_ASK_MS + 10);
    assert_int_equal(metrics->streams_open, 1);
    assert_int_equal(fixture->asked, i);
    reset(fixture, id);
    assert_int_equal(metrics->streams_open, 0);
    assert_int_equal(fixture->server->reactors[0].exchange_count, i == 1);
    if (i == 1) http2_fixture_answer(fixture, 1);
  }
  assert_int_equal(fixture->asked, 2);
  assert_int_equal(metrics->orphaned, 2);
  check_alive(fixture);
  assert_int_equal(fixture->server->reactors[0].exchange_count, 0);
  http2_fixture_free(fixture);
}

static void test_the_connection_goes_in_every_phase(void **state)
{
  (void)state;
  for (int ms = 0; ms < 60; ms++) {
    struct http2_fixture *fixture = http2_fixture_new(NULL, (uint64_t)ms + 1, 0);
    http2_fixture_connect(fixture, 1000, false);
    http2_fixture_post_nothing(fixture, "/echo");
    http2_fixture_request(fixture, "GET", "/later", NULL);
    http2_fixture_request(fixture, "GET", "/durable", NULL);
    http2_fixture_request(fixture, "GET", "/large", NULL);
    http2_fixture_request(fixture, "GET", "/events", NULL);
    http2_fixture_request(fixture, "GET", "/asked", NULL);
    fixture->keep_asks = ms % 4 < 2;
    http2_fixture_run(fixture, ms % 3 == 0 ? HTTP2_ASK_MS + ms : ms % 30);
    if (ms % 2 == 0) {
      http2_fixture_disconnect(fixture);
      http2_fixture_run(fixture, 1000);
      assert_int_equal(fixture->server->reactors[0].connection_count, 0);
    }
    fixture->durable = 7;
    server_publish(fixture->server, fixture->topic, BYTES("data: 1\n\n"));
    for (size_t i = 0; i < fixture->kept_count; i++) http2_fixture_answer(fixture, i);
    http2_fixture_run(fixture, 10);
    http2_fixture_free(fixture);
  }
}

/* ---- event streams ---- */

static void publish(struct http2_fixture *fixture, int number, size_t size)
{
  char event[TOPIC_EVENT_BYTES];
  int head = snprintf(event, sizeof event, "data: %d ", number);
  memset(event + head, '.', size - (size_t)head);
  memcpy(event + size - 2, "\n\n", 2);
  assert_true(server_publish(fixture->server, fixture->topic, bytes_of(event, size)));
}

/* Whether the body is the first event and then those from 0 on, each whole; their number. */
static int count_events(const struct http2_reply *reply)
{
  struct bytes rest = buffer_bytes(&reply->body);
  assert_true(bytes_starts_with(rest, BYTES(": first\n\n")));
  int count = 0;
  size_t at = 9;
  while (at < rest.size) {
    char text[32];
    int size = snprintf(text, sizeof text, "data: %d ", count);
    struct bytes event = bytes_of(rest.data + at, rest.size - at);
    assert_true(bytes_starts_with(event, bytes_of(text, (size_t)size)));
    size_t end = bytes_find(event, BYTES("\n\n"));
    assert_true(end != SIZE_MAX);
    at += end + 2;
    count++;
  }
  return count;
}

static void test_events(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, false);
  int32_t first = http2_fixture_request(fixture, "GET", "/events", NULL);
  int32_t second = http2_fixture_request(fixture, "GET", "/events", NULL);
  http2_fixture_run(fixture, 1000);
  struct http2_reply *reply = http2_fixture_reply(fixture, first);
  assert_int_equal(reply->status, 200);
  assert_true(http2_reply_has(reply, "content-type: text/event-stream"));
  for (int i = 0; i < 300; i++) {
    publish(fixture, i, (size_t)(20 + i * 10));
    if (i % 7 == 0) http2_fixture_run(fixture, 100);
  }
  http2_fixture_run(fixture, 5000);
  assert_false(reply->closed);
  assert_int_equal(count_events(reply), 300);
  assert_int_equal(count_events(http2_fixture_reply(fixture, second)), 300);
  check_alive(fixture);
  http2_fixture_free(fixture);
}

static void test_silent_streams_get_comments(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/events", NULL);
  http2_fixture_run(fixture, 200000);
  struct bytes body = buffer_bytes(&http2_fixture_reply(fixture, id)->body);
  assert_false(fixture->gone);
  assert_in_range(body.size, 9 + 8 * 12, 9 + 8 * 13);
  assert_memory_equal(body.data, ": first\n\n: ping\n\n: ping\n\n", 25);
  http2_fixture_free(fixture);
}

static void test_slow_streams_are_dropped(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, true);
  int32_t id = http2_fixture_request(fixture, "GET", "/events", NULL);
  http2_fixture_run(fixture, 1000);
  for (int i = 0; i < 40; i++) {
    publish(fixture, i, 10000);
    http2_fixture_run(fixture, 20);
  }
  struct http2_reply *reply = http2_fixture_reply(fixture, id);
  http2_fixture_run(fixture, 1000);
  assert_true(reply->closed);
  assert_int_equal(reply->error_code, NGHTTP2_INTERNAL_ERROR);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_SLOW_STREAM), 1);
  assert_int_equal(fixture->server->reactors[0].metrics.streams_open, 0);
  assert_false(fixture->gone);
  check_alive(fixture);
  http2_fixture_free(fixture);
}

static void test_streams_that_take_nothing(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 5, true);
  http2_fixture_request(fixture, "GET", "/events", NULL);
  assert_true(http2_fixture_await_end(fixture, 35000));
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_WRITE_STALL), 1);
  http2_fixture_free(fixture);
}

/* ---- streams that are asked ---- */

/* Whether the body is the first event and then those of asks from 1 on, each whole, with as many
   comments as there are; their number. */
static int count_asked(const struct http2_reply *reply, int *pings)
{
  struct bytes rest = buffer_bytes(&reply->body);
  assert_true(bytes_starts_with(rest, BYTES(": first\n\n")));
  int count = 0;
  *pings = 0;
  for (size_t at = 9, size; at < rest.size; at += size) {
    char text[32];
    struct bytes event = bytes_of(rest.data + at, rest.size - at);
    size = 8;
    if (bytes_starts_with(event, BYTES(": ping\n\n"))) {
      ++*pings;
      continue;
    }
    size = HTTP2_ASKED_BYTES;
    int head = snprintf(text, sizeof text, ": %d ", ++count);
    assert_true(bytes_starts_with(event, bytes_of(text, (size_t)head)));
    assert_int_equal(bytes_find(event, BYTES("\n\n")), size - 2);
  }
  return count;
}

static void test_asked(void **state)
{
  (void)state;
  int pings;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, false);
  int32_t first = http2_fixture_request(fixture, "GET", "/asked", NULL);
  http2_fixture_run(fixture, HTTP2_ASK_MS / 2);
  int32_t second = http2_fixture_request(fixture, "GET", "/asked", NULL);
  http2_fixture_run(fixture, 10 * HTTP2_ASK_MS + 20);
  struct http2_reply *reply = http2_fixture_reply(fixture, first);
  assert_int_equal(reply->status, 200);
  assert_true(http2_reply_has(reply, "content-type: text/event-stream"));
  assert_false(reply->closed);
  assert_int_equal(count_asked(reply, &pings), 10);
  assert_int_equal(count_asked(http2_fixture_reply(fixture, second), &pings), 10);
  const struct net_metrics *metrics = &fixture->server->reactors[0].metrics;
  assert_int_equal(metrics->asks, 20);
  assert_int_equal(metrics->requests, 2);
  assert_int_equal(fixture->server->reactors[0].exchange_count, 0);
  check_alive(fixture);
  http2_fixture_free(fixture);
}

static void test_asked_with_nothing_to_tell(void **state)
{
  (void)state;
  int pings;
  struct http2_fixture *fixture = open_connected(NULL);
  fixture->tell_nothing = true;
  int32_t id = http2_fixture_request(fixture, "GET", "/asked", NULL);
  http2_fixture_run(fixture, 100 * HTTP2_ASK_MS + 20);
  assert_int_equal(fixture->asked, 100);
  assert_int_equal(count_asked(http2_fixture_reply(fixture, id), &pings), 0);
  assert_int_equal(pings, 6);
  http2_fixture_free(fixture);
}

static void test_asked_to_the_end(void **state)
{
  (void)state;
  int pings;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, false);
  fixture->ask_last = 3;
  for (int i = 0; i < 2; i++) {
    int32_t id = http2_fixture_request(fixture, "GET", "/asked", NULL);
    http2_fixture_run(fixture, 2 * HTTP2_ASK_MS + 500);
    fixture->tell_nothing = i == 1;
    struct http2_reply *reply = http2_fixture_await(fixture, id);
    assert_true(reply->closed);
    assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
    assert_int_equal(count_asked(reply, &pings), i == 0 ? 3 : 2);
    http2_fixture_run(fixture, 3 * HTTP2_ASK_MS);
    assert_int_equal(fixture->asked, 3 * (i + 1));
    assert_int_equal(fixture->server->reactors[0].metrics.streams_open, 0);
  }
  check_alive(fixture);
  http2_fixture_free(fixture);
}

/* One whose window is shut is not asked; a ping that waits in it stays whole. */
static void test_asked_while_the_window_is_shut(void **state)
{
  (void)state;
  int pings;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, true);
  int32_t id = http2_fixture_request(fixture, "GET", "/asked", NULL);
  http2_fixture_run(fixture, 10 * HTTP2_ASK_MS);
  assert_int_equal(fixture->asked, 1);
  for (int i = 0; i < 40; i++) {
    nghttp2_submit_window_update(fixture->session, NGHTTP2_FLAG_NONE, id, 777);
    http2_fixture_run(fixture, HTTP2_ASK_MS + 20);
  }
  nghttp2_submit_window_update(fixture->session, NGHTTP2_FLAG_NONE, id, 1 << 20);
  http2_fixture_run(fixture, 2 * HTTP2_ASK_MS);
  assert_int_equal(count_asked(http2_fixture_reply(fixture, id), &pings), fixture->asked);
  assert_in_range(fixture->asked, 13, 20);
  http2_fixture_free(fixture);
}

/* An answer that comes while a comment is cut in two. */
static void test_asked_behind_half_a_ping(void **state)
{
  (void)state;
  int pings;
  struct net_limits limits = net_limits_default();
  limits.stream_ping_ms = 300;
  struct http2_fixture *fixture = http2_fixture_open(&limits);
  http2_fixture_connect(fixture, 9 + 3 * 8 + 3, true);
  fixture->keep_asks = true;
  int32_t id = http2_fixture_request(fixture, "GET", "/asked", NULL);
  http2_fixture_run(fixture, HTTP2_ASK_MS + 50);
  assert_int_equal(fixture->asked, 1);
  assert_int_equal(http2_fixture_reply(fixture, id)->body.size, 9 + 3 * 8);
  http2_fixture_run(fixture, 300);
  assert_int_equal(http2_fixture_reply(fixture, id)->body.size, 9 + 3 * 8 + 3);
  http2_fixture_answer(fixture, 0);
  nghttp2_submit_window_update(fixture->session, NGHTTP2_FLAG_NONE, id, 1 << 20);
  http2_fixture_run(fixture, 100);
  assert_int_equal(count_asked(http2_fixture_reply(fixture, id), &pings), 1);
  assert_int_equal(pings, 4);
  http2_fixture_free(fixture);
}

static void test_asked_and_drained(void **state)
{
  (void)state;
  int pings;
  for (int kept = 0; kept < 2; kept++) {
    struct http2_fixture *fixture = open_connected(NULL);
    fixture->keep_asks = kept == 1;
    int32_t id = http2_fixture_request(fixture, "GET", "/asked", NULL);
    http2_fixture_run(fixture, HTTP2_ASK_MS + 20);
    assert_int_equal(fixture->asked, 1);
    server_drain(fixture->server);
    struct http2_reply *reply = http2_fixture_await(fixture, id);
    assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
    assert_int_equal(count_asked(reply, &pings), 1 - kept);
    assert_true(http2_fixture_await_end(fixture, 5000));
    assert_int_equal(fixture->asked, 1);
    http2_fixture_free(fixture);
  }
}

static void test_asked_by_head(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_text(http2_fixture_await(fixture, http2_fixture_request(fixture, "HEAD", "/asked", NULL)),
             200, "");
  http2_fixture_run(fixture, 2 * HTTP2_ASK_MS);
  assert_int_equal(fixture->asked, 0);
  http2_fixture_free(fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bodies),
      cmocka_unit_test(test_bodies_that_are_too_large),
      cmocka_unit_test(test_many_refused_uploads_are_no_flood),
      cmocka_unit_test(test_slow_bodies),
      cmocka_unit_test(test_expectations),
      cmocka_unit_test(test_trailers),
      cmocka_unit_test(test_a_hundred_out_of_order),
      cmocka_unit_test(test_a_handler_answers_others),
      cmocka_unit_test(test_large_replies_to_a_fast_client),
      cmocka_unit_test(test_large_replies_through_small_windows),
      cmocka_unit_test(test_replies_without_body),
      cmocka_unit_test(test_refusals_of_the_table),
      cmocka_unit_test(test_replies_wait_until_they_are_durable),
      cmocka_unit_test(test_resets_in_every_phase),
      cmocka_unit_test(test_the_connection_goes_in_every_phase),
      cmocka_unit_test(test_events),
      cmocka_unit_test(test_silent_streams_get_comments),
      cmocka_unit_test(test_slow_streams_are_dropped),
      cmocka_unit_test(test_streams_that_take_nothing),
      cmocka_unit_test(test_asked),
      cmocka_unit_test(test_asked_with_nothing_to_tell),
      cmocka_unit_test(test_asked_to_the_end),
      cmocka_unit_test(test_asked_while_the_window_is_shut),
      cmocka_unit_test(test_asked_behind_half_a_ping),
      cmocka_unit_test(test_asked_and_drained),
      cmocka_unit_test(test_asked_by_head),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
