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

static void test_a_simple_request(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/hello", NULL);
  struct http2_reply *reply = http2_fixture_await(fixture, id);
  assert_true(reply->closed);
  assert_int_equal(reply->error_code, NGHTTP2_NO_ERROR);
  assert_int_equal(reply->status, 200);
  assert_true(http2_reply_has(reply, "content-length: 5"));
  assert_true(http2_reply_has(reply, "content-type: text/plain; charset=utf-8"));
  assert_true(http2_reply_has(reply, "x-content-type-options: nosniff"));
  assert_true(bytes_equal(buffer_bytes(&reply->body), BYTES("hello")));
  check_hello(fixture);
  const struct net_metrics *metrics = &fixture->server->reactors[0].metrics;
  assert_int_equal(metrics->requests, 2);
  assert_int_equal(metrics->connections_http2, 1);
  http2_fixture_free(fixture);
}

static void test_bytes_cut_anywhere(void **state)
{
  (void)state;
  size_t total = 1;
  for (size_t cut = 1; cut < total; cut++) {
    struct http2_fixture *fixture = open_connected(NULL);
    static const char body[] = "a body";
    int32_t id = http2_fixture_post(fixture, "/echo", BYTES("a body"), true);
    struct buffer all;
    buffer_init(&all, &fixture->memory);
    const uint8_t *data;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(fixture->session, &data)) > 0)
      buffer_append(&all, bytes_of(data, (size_t)size));
    total = all.size;
    http2_fixture_write(fixture, bytes_of(all.data, cut));
    http2_fixture_run(fixture, 30);
    http2_fixture_write(fixture, bytes_of(all.data + cut, all.size - cut));
    buffer_free(&all);
    struct http2_reply *reply = http2_fixture_await(fixture, id);
    assert_int_equal(reply->status, 200);
    assert_true(bytes_equal(buffer_bytes(&reply->body), bytes_of_text(body)));
    http2_fixture_free(fixture);
  }
}

/* ---- patience ---- */

static void test_an_idle_connection(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  http2_fixture_run(fixture, 60000);
  check_hello(fixture);
  int64_t from_ms = fixture->loop.now_ms;
  /* A ping is no use of it. */
  nghttp2_submit_ping(fixture->session, NGHTTP2_FLAG_NONE, NULL);
  assert_true(http2_fixture_await_end(fixture, 100000));
  assert_in_range(fixture->gone_at_ms - from_ms, 74000, 77000);
  assert_int_equal(fixture->goaways, 1);
  assert_int_equal(fixture->goaway_code, NGHTTP2_NO_ERROR);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_IDLE), 1);
  http2_fixture_free(fixture);
}

static void test_a_head_that_stops(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  int64_t from_ms = fixture->loop.now_ms;
  http2_fixture_write_frame(fixture, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 3, BYTES("\x82"));
  assert_true(http2_fixture_await_end(fixture, 60000));
  assert_in_range(fixture->gone_at_ms - from_ms, 9900, 12000);
  assert_int_equal(fixture->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_HEAD_TIMEOUT), 1);
  http2_fixture_free(fixture);
}

static void test_replies_that_are_not_taken(void **state)
{
  (void)state;
  /* Windows that stay closed, the socket is read. */
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, WINDOW, true);
  int64_t from_ms = fixture->loop.now_ms;
  for (int i = 0; i < NET_HTTP2_STREAMS; i++) http2_fixture_request(fixture, "GET", "/large", NULL);
  http2_fixture_run(fixture, 5000);
  assert_int_equal(fixture->handled, NET_HTTP2_STREAMS);
  /* What waits is not copied for each stream. */
  assert_true(fixture->world->memory.in_use < (size_t)4 << 20);
  assert_true(http2_fixture_await_end(fixture, 60000));
  assert_in_range(fixture->gone_at_ms - from_ms, 29000, 33000);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_WRITE_STALL), 1);
  http2_fixture_free(fixture);
  /* Windows are open, the socket is not read. */
  fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1 << 30, false);
  check_hello(fixture);
  nghttp2_session_set_local_window_size(fixture->session, NGHTTP2_FLAG_NONE, 0, 1 << 30);
  for (int i = 0; i < 10; i++) http2_fixture_request(fixture, "GET", "/large", NULL);
  fixture->no_read = true;
  http2_fixture_run(fixture, 35000);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_WRITE_STALL), 1);
  assert_int_equal(fixture->server->reactors[0].connection_count, 0);
  http2_fixture_free(fixture);
}

/* One stream's window stays closed while others go on: its own clock runs. */
static void test_one_stream_that_is_not_taken(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect(fixture, 1000, true);
  http2_fixture_request(fixture, "GET", "/large", NULL);
  for (int i = 0; i < 60 && !fixture->gone; i++) {
    check_hello(fixture);
    nghttp2_session_consume_connection(fixture->session, 1005);
    http2_fixture_run(fixture, 1000);
  }
  assert_true(fixture->gone);
  assert_int_equal(http2_fixture_refusals(fixture, REFUSAL_WRITE_STALL), 1);
  http2_fixture_free(fixture);
}

/* ---- the end ---- */

static void test_drain_finishes_what_is_under_way(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/later", NULL);
  int32_t events = http2_fixture_request(fixture, "GET", "/events", NULL);
  check_hello(fixture);
  server_drain(fixture->server);
  http2_fixture_run(fixture, 2000);
  assert_false(fixture->gone);
  assert_int_equal(fixture->goaways, 2);
  assert_int_equal(fixture->goaway_code, NGHTTP2_NO_ERROR);
  struct http2_reply *stream = http2_fixture_reply(fixture, events);
  assert_true(stream->closed);
  assert_int_equal(stream->error_code, NGHTTP2_NO_ERROR);
  assert_false(server_drained(fixture->server));
  http2_fixture_answer(fixture, 0);
  assert_int_equal(http2_fixture_await(fixture, id)->status, 200);
  assert_true(http2_fixture_await_end(fixture, 5000));
  http2_fixture_disconnect(fixture);
  http2_fixture_run(fixture, 500);
  assert_true(server_drained(fixture->server));
  http2_fixture_free(fixture);
}

static void test_drain_of_an_idle_connection(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  check_hello(fixture);
  server_drain(fixture->server);
  assert_true(http2_fixture_await_end(fixture, 900));
  assert_int_equal(fixture->goaway_code, NGHTTP2_NO_ERROR);
  http2_fixture_free(fixture);
}

static void test_drain_before_the_preface_is_whole(void **state)
{
  (void)state;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  http2_fixture_connect_raw(fixture);
  http2_fixture_write(fixture, bytes_of(HTTP2_PREFACE.data, 10));
  http2_fixture_run(fixture, 500);
  server_drain(fixture->server);
  http2_fixture_write(fixture, bytes_of(HTTP2_PREFACE.data + 10, HTTP2_PREFACE.size - 10));
  http2_fixture_write_frame(fixture, NGHTTP2_SETTINGS, 0, 0, BYTES(""));
  assert_true(http2_fixture_await_end(fixture, 2000));
  http2_fixture_free(fixture);
}

static void test_handlers_may_take_their_time(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/later", NULL);
  http2_fixture_run(fixture, 1000000);
  assert_false(fixture->gone);
  http2_fixture_answer(fixture, 0);
  assert_int_equal(http2_fixture_await(fixture, id)->status, 200);
  http2_fixture_free(fixture);
}

static void test_requests_per_connection(void **state)
{
  (void)state;
  struct net_limits limits = net_limits_default();
  limits.requests_per_connection = 3;
  struct http2_fixture *fixture = open_connected(&limits);
  for (int i = 0; i < 3; i++) check_hello(fixture);
  assert_true(http2_fixture_await_end(fixture, 5000));
  assert_in_range(fixture->goaways, 1, 2); /* the client may leave at the first */
  assert_int_equal(fixture->goaway_code, NGHTTP2_NO_ERROR);
  http2_fixture_free(fixture);
}

static void test_a_reply_that_closes(void **state)
{
  (void)state;
  struct http2_fixture *fixture = open_connected(NULL);
  int32_t id = http2_fixture_request(fixture, "GET", "/close", NULL);
  assert_int_equal(http2_fixture_await(fixture, id)->status, 200);
  assert_true(http2_fixture_await_end(fixture, 5000));
  http2_fixture_free(fixture);
}

/* ---- memory ---- */

/* Whatever allocation fails, nothing is lost and the server goes on. */
static void test_every_allocation_fails_once(void **state)
{
  (void)state;
  bool failed = true;
  struct http2_fixture *fixture = http2_fixture_open(NULL);
  uint64_t before = fixture->world->memory.calls;
  http2_fixture_free(fixture);
  for (uint64_t nth = before + 1; failed; nth++) {
    fixture = http2_fixture_new(NULL, 1, nth);
    assert_non_null(fixture->server);
    http2_fixture_connect(fixture, WINDOW, false);
    http2_fixture_request(fixture, "GET", "/hello", NULL);
    http2_fixture_post(fixture, "/echo", BYTES("a body"), true);
    http2_fixture_request(fixture, "GET", "/events", NULL);
    http2_fixture_request(fixture, "GET", "/later", NULL);
    http2_fixture_request(fixture, "GET", "/large", NULL);
    http2_fixture_request(fixture, "GET", "/asked", NULL);
    http2_fixture_run(fixture, 200);
    server_publish(fixture->server, fixture->topic, BYTES("data: 1\n\n"));
    http2_fixture_run(fixture, 2 * HTTP2_ASK_MS);
    fixture->keep_asks = true;
    http2_fixture_run(fixture, HTTP2_ASK_MS);
    for (size_t i = 0; i < fixture->kept_count; i++) http2_fixture_answer(fixture, i);
    http2_fixture_run(fixture, 200);
    server_drain(fixture->server);
    http2_fixture_run(fixture, 500);
    failed = fixture->world->memory.calls >= nth;
    http2_fixture_free(fixture);
  }
}

/* Two replies at once, and none of the memory for the first: the second is not forgotten. */
static void test_replies_without_memory(void **state)
{
  (void)state;
  for (uint64_t n = 1; n <= 12; n++) {
    struct http2_fixture *fixture = open_connected(NULL);
    for (int i = 0; i < 3; i++) http2_fixture_request(fixture, "GET", "/durable", NULL);
    http2_fixture_run(fixture, 200);
    assert_int_equal(server_waiting(fixture->server), 3);
    fixture->world->memory.fail_at = fixture->world->memory.calls + n;
    fixture->durable = 7;
    http2_fixture_run(fixture, 200);
    http2_fixture_disconnect(fixture);
    http2_fixture_run(fixture, 200);
    assert_int_equal(fixture->server->reactors[0].exchange_count, 0);
    http2_fixture_free(fixture);
  }
}

static void test_seeds(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    struct http2_fixture *fixture = http2_fixture_new(NULL, seed, 0);
    world_sim_settings(fixture->sim)->reset_per_million = seed % 3 == 0 ? 20000 : 0;
    world_sim_settings(fixture->sim)->stream_bytes = seed % 2 == 0 ? 1000 : 65536;
    http2_fixture_connect(fixture, (uint32_t)(seed * 1000), false);
    for (int i = 0; i < 20; i++) {
      http2_fixture_request(fixture, "GET", i % 2 == 0 ? "/large" : "/hello", NULL);
      http2_fixture_request(fixture, "GET", "/events", NULL);
      http2_fixture_run(fixture, 50);
      server_publish(fixture->server, fixture->topic, BYTES("data: 1\n\n"));
    }
    http2_fixture_run(fixture, 20000);
    if (seed % 3 != 0) {
      assert_false(fixture->gone);
      for (int i = 0; i < 20; i++)
        assert_int_equal(http2_fixture_await(fixture, 1 + 4 * i)->status, 200);
    }
    http2_fixture_free(fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_simple_request),
      cmocka_unit_test(test_bytes_cut_anywhere),
      cmocka_unit_test(test_an_idle_connection),
      cmocka_unit_test(test_a_head_that_stops),
      cmocka_unit_test(test_replies_that_are_not_taken),
      cmocka_unit_test(test_one_stream_that_is_not_taken),
      cmocka_unit_test(test_drain_finishes_what_is_under_way),
      cmocka_unit_test(test_drain_of_an_idle_connection),
      cmocka_unit_test(test_drain_before_the_preface_is_whole),
      cmocka_unit_test(test_handlers_may_take_their_time),
      cmocka_unit_test(test_requests_per_connection),
      cmocka_unit_test(test_a_reply_that_closes),
      cmocka_unit_test(test_every_allocation_fails_once),
      cmocka_unit_test(test_replies_without_memory),
      cmocka_unit_test(test_seeds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
