#include "unit/net/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST          "Host: a\r\n"
#define GET(path)     "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define GET_END(path) "GET " path " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define POST(path, length, body) \
  "POST " path " HTTP/1.1\r\n" HOST "Content-Length: " length "\r\n\r\n" body

static struct server_fixture fixture;

static int open_fixture(void **state)
{
  (void)state;
  server_fixture_open(&fixture, NULL);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  server_fixture_close(&fixture);
  return 0;
}

static void expect_bytes(struct net_client *client, size_t size)
{
  struct net_reply reply;
  server_fixture_take(&fixture, client, 200, &reply);
  assert_int_equal(reply.body.size, size);
  for (size_t i = 0; i < size; i++)
    if (reply.body.data[i] != net_app_byte(i)) fail_msg("byte %zu of %zu is wrong", i, size);
  net_client_take(client, reply.size);
}

static void test_keeps_alive(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  for (int i = 0; i < 5; i++) {
    server_fixture_send_text(&fixture, client, GET("/plain"));
    server_fixture_run(&fixture, 1);
    server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  }
  server_fixture_expect_silence(&fixture, client, 10);
  assert_int_equal(metric_read(&server_fixture_reactor(&fixture)->metrics.requests), 5);
}

static void test_closes_when_asked(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  struct net_reply reply;
  server_fixture_send_text(&fixture, client, GET_END("/plain") GET("/plain"));
  server_fixture_run(&fixture, 2);
  server_fixture_take(&fixture, client, 200, &reply);
  assert_true(reply.close);
  net_client_take(client, reply.size);
  server_fixture_expect_end(&fixture, client);
  assert_int_equal(fixture.app.handled, 1);
}

static void test_http_1_0(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  struct net_reply reply;
  server_fixture_send_text(&fixture, client,
                           "GET /plain HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_take(&fixture, client, 200, &reply);
  struct bytes connection = net_reply_header(&reply, BYTES("connection"));
  assert_true(bytes_equal(connection, BYTES("keep-alive")));
  net_client_take(client, reply.size);
  server_fixture_send_text(&fixture, client, "GET /plain HTTP/1.0\r\n\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_take(&fixture, client, 200, &reply);
  assert_true(reply.close);
  net_client_take(client, reply.size);
  server_fixture_expect_end(&fixture, client);
}

static const char MIX[] = GET("/plain") POST("/echo", "5", "first") GET("/bytes/0")
    GET("/nowhere") "\r\n" GET("/bytes/1000") "HEAD /plain HTTP/1.1\r\n" HOST "\r\n"
                                              "POST /echo HTTP/1.1\r\n" HOST
                                              "Transfer-Encoding: chunked\r\n\r\n"
                                              "3\r\nsec\r\n3;x=y\r\nond\r\n0\r\nTrailer: t\r\n\r\n"
                                              "PUT /plain HTTP/1.1\r\n" HOST
                                              "Content-Length: 3\r\n\r\nabc" GET_END("/plain");

static void expect_mix(struct net_client *client)
{
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  server_fixture_expect(&fixture, client, 200, BYTES("first"));
  server_fixture_expect(&fixture, client, 200, BYTES(""));
  server_fixture_expect_error(&fixture, client, 404, "NOT_FOUND", false);
  expect_bytes(client, 1000);
  server_fixture_expect_head(&fixture, client, 200);
  server_fixture_expect(&fixture, client, 200, BYTES("second"));
  server_fixture_expect_error(&fixture, client, 405, "METHOD_NOT_ALLOWED", false);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  server_fixture_expect_end(&fixture, client);
}

static void test_pipeline(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send(&fixture, client, bytes_of_text(MIX));
  server_fixture_run(&fixture, 3);
  expect_mix(client);
}

static void test_pipeline_cut_at_every_place(void **state)
{
  (void)state;
  struct bytes all = bytes_of_text(MIX);
  for (size_t cut = 1; cut < all.size; cut++) {
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send(&fixture, client, bytes_of(all.data, cut));
    server_fixture_run(&fixture, 2);
    server_fixture_send(&fixture, client, bytes_of(all.data + cut, all.size - cut));
    server_fixture_run(&fixture, 2);
    expect_mix(client);
    net_client_free(client);
    free(fixture.clients[--fixture.client_count]);
  }
}

static void test_byte_by_byte(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  struct bytes all = bytes_of_text(MIX);
  for (size_t i = 0; i < all.size; i++) {
    server_fixture_send(&fixture, client, bytes_of(all.data + i, 1));
    server_fixture_run(&fixture, 1);
  }
  server_fixture_run(&fixture, 2);
  expect_mix(client);
}

static void test_rough_network(void **state)
{
  (void)state;
  struct world_sim_settings *settings = world_sim_settings(fixture.sim);
  settings->partial_per_million = 900000;
  settings->slow_delay_per_million = 100000;
  settings->slow_delay_us = 20000;
  settings->stream_bytes = 600;
  for (int i = 0; i < 20; i++) {
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send(&fixture, client, bytes_of_text(MIX));
    server_fixture_run(&fixture, 1000);
    expect_mix(client);
  }
}

static void test_head_has_the_length_of_get(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  struct net_reply reply;
  server_fixture_send_text(&fixture, client,
                           "HEAD /bytes/100000 HTTP/1.1\r\n" HOST "\r\n" GET("/plain"));
  server_fixture_run(&fixture, 2);
  assert_int_equal(net_reply_parse(buffer_bytes(&client->in), true, &reply), NET_REPLY_DONE);
  assert_int_equal(reply.status, 200);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("content-length")), BYTES("100000")));
  net_client_take(client, reply.size);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
}

static void test_expect_continue(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client,
                           "POST /echo HTTP/1.1\r\n" HOST
                           "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 100, BYTES(""));
  server_fixture_expect_silence(&fixture, client, 10);
  server_fixture_send_text(&fixture, client, "body");
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("body"));
  /* It is there already: nobody waits for 100. */
  server_fixture_send_text(&fixture, client,
                           "POST /echo HTTP/1.1\r\n" HOST
                           "Content-Length: 4\r\nExpect: 100-continue\r\n\r\nmore");
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("more"));
  /* A body that is refused is not asked for. */
  server_fixture_send_text(&fixture, client,
                           "POST /small HTTP/1.1\r\n" HOST
                           "Content-Length: 17\r\nExpect: 100-continue\r\n\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_expect_error(&fixture, client, 413, "BODY_TOO_LARGE", true);
  server_fixture_expect_end(&fixture, client);
}

static void test_body_limits(void **state)
{
  (void)state;
  static char large[NET_BODY_BYTES + 1];
  memset(large, 'x', sizeof large);
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, POST("/small", "16", "0123456789abcdef"));
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("0123456789abcdef"));
  server_fixture_send_text(&fixture, client,
                           "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n");
  server_fixture_send(&fixture, client, bytes_of(large, NET_BODY_BYTES));
  server_fixture_run(&fixture, 5);
  server_fixture_expect(&fixture, client, 200, bytes_of(large, NET_BODY_BYTES));
  /* Chunks are counted as they come. */
  server_fixture_send_text(&fixture, client,
                           "POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                           "10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_expect_error(&fixture, client, 413, "BODY_TOO_LARGE", true);
  server_fixture_expect_end(&fixture, client);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_BODY_LARGE), 1);
}

/* A client that sends all of its body before it looks gets to see why it was refused. */
static void test_a_refused_upload_is_told(void **state)
{
  (void)state;
  world_sim_settings(fixture.sim)->stream_bytes = 1 << 20;
  static char large[2 << 20];
  struct net_client *client = server_fixture_connect(&fixture);
  client->paused = true;
  server_fixture_send_text(&fixture, client,
                           "POST /small HTTP/1.1\r\n" HOST "Content-Length: 2097152\r\n\r\n");
  server_fixture_send(&fixture, client, bytes_of(large, sizeof large));
  server_fixture_run(&fixture, 10);
  client->paused = false;
  server_fixture_run(&fixture, 10);
  server_fixture_expect_error(&fixture, client, 413, "BODY_TOO_LARGE", true);
  server_fixture_expect_end(&fixture, client);
}

struct refused_case {
  const char *input;
  uint16_t status;
  const char *code;
  enum refusal refusal;
};

static const struct refused_case REFUSED[] = {
    {"GET / HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST", REFUSAL_HOST_MISSING},
    {"GET /\r\n\r\n", 400, "BAD_REQUEST", REFUSAL_REQUEST_LINE},
    {"\x16\x03\x01\x02", 400, "BAD_REQUEST", REFUSAL_REQUEST_LINE},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505, "HTTP_VERSION_NOT_SUPPORTED", REFUSAL_VERSION},
    {"GET /\" HTTP/1.1\r\n" HOST "\r\n", 400, "BAD_REQUEST", REFUSAL_TARGET},
    {"GET / HTTP/1.1\r\n" HOST "a : b\r\n\r\n", 400, "BAD_REQUEST", REFUSAL_FIELD_SPACE},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, "BAD_REQUEST", REFUSAL_HOST_MISSING},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\n", 400, "BAD_REQUEST",
     REFUSAL_LENGTH_INVALID},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "BAD_REQUEST", REFUSAL_LENGTH_CONFLICT},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501, "NOT_IMPLEMENTED",
     REFUSAL_TRANSFER_UNKNOWN},
    {"POST /echo HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417, "EXPECTATION_FAILED",
     REFUSAL_EXPECTATION},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400, "BAD_REQUEST",
     REFUSAL_CHUNK},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n a: b\r\n\r\n", 400,
     "BAD_REQUEST", REFUSAL_TRAILER},
    {POST("/plain", "70000", ""), 413, "BODY_TOO_LARGE", REFUSAL_BODY_LARGE},
    {POST("/small", "17", ""), 413, "BODY_TOO_LARGE", REFUSAL_BODY_LARGE},
};

/* What was right before is answered, what follows is not looked at. */
static void test_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
    uint64_t before = server_fixture_refused(&fixture, REFUSED[i].refusal);
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, client, GET("/plain"));
    server_fixture_send_text(&fixture, client, REFUSED[i].input);
    server_fixture_send_text(&fixture, client, GET("/plain"));
    server_fixture_run(&fixture, 5);
    server_fixture_expect(&fixture, client, 200, BYTES("hello"));
    server_fixture_expect_error(&fixture, client, REFUSED[i].status, REFUSED[i].code, true);
    server_fixture_expect_end(&fixture, client);
    if (server_fixture_refused(&fixture, REFUSED[i].refusal) != before + 1)
      fail_msg("case %zu was counted for another reason", i);
  }
}

static void test_refused_large_heads(void **state)
{
  (void)state;
  static char text[2 * NET_HEAD_BYTES];
  struct net_client *client = server_fixture_connect(&fixture);
  memset(text, 'a', sizeof text);
  memcpy(text, "GET /", 5);
  server_fixture_send(&fixture, client, bytes_of(text, NET_REQUEST_LINE_BYTES + 10));
  server_fixture_run(&fixture, 2);
  server_fixture_expect_error(&fixture, client, 414, "URI_TOO_LONG", true);
  server_fixture_expect_end(&fixture, client);

  client = server_fixture_connect(&fixture);
  static const char start[] = "GET / HTTP/1.1\r\nCookie: ";
  memset(text, 'a', sizeof text);
  memcpy(text, start, sizeof start - 1);
  server_fixture_send(&fixture, client, bytes_of(text, NET_HEAD_BYTES + 1));
  server_fixture_run(&fixture, 2);
  server_fixture_expect_error(&fixture, client, 431, "HEADERS_TOO_LARGE", true);
  server_fixture_expect_end(&fixture, client);
}

static void test_route_refusals_keep_the_connection(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  struct net_reply reply;
  server_fixture_send_text(&fixture, client,
                           GET("/user") GET("/admin") POST("/key", "2", "{}")
                               POST("/nowhere", "4", "body") "DELETE /echo HTTP/1.1\r\n" HOST
                                                             "\r\n");
  server_fixture_run(&fixture, 3);
  server_fixture_expect_error(&fixture, client, 401, "UNAUTHORIZED", false);
  server_fixture_expect_error(&fixture, client, 401, "UNAUTHORIZED", false);
  server_fixture_expect_error(&fixture, client, 400, "IDEMPOTENCY_KEY_REQUIRED", false);
  server_fixture_expect_error(&fixture, client, 404, "NOT_FOUND", false);
  server_fixture_take(&fixture, client, 405, &reply);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("allow")), BYTES("POST, OPTIONS")));
  net_client_take(client, reply.size);
  assert_int_equal(fixture.app.handled, 0);
  server_fixture_send_text(&fixture, client,
                           "POST /key HTTP/1.1\r\n" HOST
                           "Idempotency-Key: 0199d7a8-1111-7222-8333-444455556666\r\n"
                           "Content-Length: 2\r\n\r\n{}");
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("{}"));
}

static void test_options(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  struct net_reply reply;
  server_fixture_send_text(&fixture, client,
                           "OPTIONS /plain HTTP/1.1\r\n" HOST "\r\n"
                           "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_take(&fixture, client, 204, &reply);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("allow")), BYTES("GET, HEAD, OPTIONS")));
  net_client_take(client, reply.size);
  server_fixture_expect(&fixture, client, 204, BYTES(""));
}

static void test_answers_later(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, GET("/plain") GET("/hold/one") GET("/plain"));
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  /* No deadline of ours ends it; what came behind it waits. */
  server_fixture_expect_silence(&fixture, client, 200000);
  assert_int_equal(fixture.app.held_count, 1);
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("one"));
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  /* The head outlives its bytes: this one is still a HEAD when it is answered. */
  server_fixture_send_text(&fixture, client,
                           "HEAD /hold/two HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
  server_fixture_run(&fixture, 2);
  struct net_client *other = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, other, POST("/echo", "5", "other"));
  server_fixture_run(&fixture, 2);
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 2);
  server_fixture_expect_head(&fixture, client, 200);
  server_fixture_expect_end(&fixture, client);
}

static void test_waits_until_durable(void **state)
{
  (void)state;
  struct net_client *clients[3];
  for (size_t i = 0; i < 3; i++) {
    clients[i] = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, clients[i], GET("/wait/a") GET("/plain"));
    server_fixture_run(&fixture, 2);
  }
  assert_int_equal(server_waiting(fixture.server), 3);
  server_fixture_expect_silence(&fixture, clients[0], 50);
  fixture.durable = 2;
  server_fixture_run(&fixture, 2);
  for (size_t i = 0; i < 2; i++) {
    server_fixture_expect(&fixture, clients[i], 200, BYTES("a"));
    server_fixture_expect(&fixture, clients[i], 200, BYTES("hello"));
  }
  assert_int_equal(clients[2]->in.size, 0);
  fixture.durable = 3;
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, clients[2], 200, BYTES("a"));
  assert_int_equal(server_waiting(fixture.server), 0);
}

/* A handler that answers requests of other connections while replies of its own gather. */
static void test_a_handler_answers_others(void **state)
{
  (void)state;
  static const char *const releases[] = {GET("/release"), GET("/release?first")};
  for (size_t i = 0; i < 2; i++) {
    struct net_client *held[3];
    for (size_t j = 0; j < 3; j++) {
      held[j] = server_fixture_connect(&fixture);
      server_fixture_send_text(&fixture, held[j], GET("/hold/held") POST("/echo", "4", "next"));
    }
    struct net_client *client = server_fixture_connect(&fixture);
    char text[512];
    snprintf(text, sizeof text, "%s%s%s", GET("/plain"), releases[i], POST("/echo", "4", "last"));
    server_fixture_run(&fixture, 2);
    assert_int_equal(fixture.app.held_count, 3);
    server_fixture_send_text(&fixture, client, text);
    server_fixture_run(&fixture, 3);
    server_fixture_expect(&fixture, client, 200, BYTES("hello"));
    server_fixture_expect(&fixture, client, 200, BYTES("released"));
    server_fixture_expect(&fixture, client, 200, BYTES("last"));
    for (size_t j = 0; j < 3; j++) {
      server_fixture_expect(&fixture, held[j], 200, BYTES("held"));
      server_fixture_expect(&fixture, held[j], 200, BYTES("next"));
    }
  }
}

static void test_client_gone_before_the_answer(void **state)
{
  (void)state;
  struct reactor *reactor = server_fixture_reactor(&fixture);
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, GET("/hold/one"));
  server_fixture_run(&fixture, 2);
  net_client_close(client);
  server_fixture_run(&fixture, 2);
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 2);
  assert_null(reactor->connections);
  assert_int_equal(reactor->exchange_count, 0);
  /* One whose connection was closed by us meanwhile. */
  client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, GET("/hold/one"));
  server_fixture_run(&fixture, 2);
  connection_close(reactor->connections);
  server_fixture_run(&fixture, 2);
  assert_int_equal(reactor->exchange_count, 1);
  net_app_release_all(&fixture.app);
  assert_int_equal(reactor->exchange_count, 0);
  assert_int_equal(metric_read(&reactor->metrics.orphaned), 1);
}

static void test_half_close(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, GET("/plain") GET("/bytes/200000") GET("/hold/x"));
  net_client_finish(client);
  server_fixture_run(&fixture, 20);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  expect_bytes(client, 200000);
  server_fixture_expect_silence(&fixture, client, 100);
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("x"));
  server_fixture_expect_end(&fixture, client);
  assert_null(server_fixture_reactor(&fixture)->connections);
}

/* Half a request and the end: there is nothing to answer. */
static void test_half_request(void **state)
{
  (void)state;
  static const char *const halves[] = {"",
                                       "G",
                                       "PRI * HT",
                                       "GET / HTTP/1.1\r\nHo",
                                       POST("/echo", "5", "1234"),
                                       POST("/echo", "5", "")};
  for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, client, halves[i]);
    server_fixture_run(&fixture, 2);
    net_client_finish(client);
    server_fixture_run(&fixture, 2);
    server_fixture_expect_end(&fixture, client);
  }
  assert_null(server_fixture_reactor(&fixture)->connections);
}

/* More replies than are gathered at a time, then an end that was met while they were made. */
static void test_long_pipeline_with_end(void **state)
{
  (void)state;
  enum { REQUESTS = 200 };
  struct net_client *client = server_fixture_connect(&fixture);
  for (int i = 0; i < REQUESTS; i++)
    assert_int_equal(net_client_write(client, BYTES(GET("/bytes/1500"))),
                     sizeof GET("/bytes/1500") - 1);
  net_client_write(client, BYTES(GET_END("/plain")));
  net_client_finish(client);
  server_fixture_run(&fixture, 50);
  for (int i = 0; i < REQUESTS; i++) expect_bytes(client, 1500);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  server_fixture_expect_end(&fixture, client);
  server_fixture_run(&fixture, 70000);
  assert_null(server_fixture_reactor(&fixture)->connections);
}

static void test_large_bodies_in_pieces(void **state)
{
  (void)state;
  static const size_t sizes[] = {NET_COPY_BYTES, NET_COPY_BYTES + 1, 65536, 1000000};
  struct net_client *client = server_fixture_connect(&fixture);
  world_sim_settings(fixture.sim)->partial_per_million = 300000;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, "GET /bytes/%zu HTTP/1.1\r\n" HOST "\r\n" GET("/plain"), sizes[i]);
    server_fixture_send_text(&fixture, client, text);
    server_fixture_run(&fixture, 200);
    expect_bytes(client, sizes[i]);
    server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  }
  /* The last one of a connection. */
  server_fixture_send_text(&fixture, client, GET_END("/bytes/500000"));
  server_fixture_run(&fixture, 200);
  expect_bytes(client, 500000);
  server_fixture_expect_end(&fixture, client);
}

static void test_client_gone_in_a_large_body(void **state)
{
  (void)state;
  struct reactor *reactor = server_fixture_reactor(&fixture);
  struct net_client *client = server_fixture_connect(&fixture);
  client->paused = true;
  server_fixture_send_text(&fixture, client, GET("/bytes/1000000"));
  server_fixture_run(&fixture, 5);
  assert_int_equal(reactor->exchange_count, 1);
  net_client_close(client);
  server_fixture_run(&fixture, 5);
  assert_null(reactor->connections);
  assert_int_equal(reactor->exchange_count, 0);
}

static void test_requests_per_connection(void **state)
{
  (void)state;
  struct server_fixture limited;
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.requests_per_connection = 3;
  server_fixture_open(&limited, &options);
  struct net_client *client = server_fixture_connect(&limited);
  struct net_reply reply;
  for (int i = 0; i < 4; i++) server_fixture_send_text(&limited, client, GET("/plain"));
  server_fixture_run(&limited, 2);
  for (int i = 1; i <= 3; i++) {
    server_fixture_take(&limited, client, 200, &reply);
    assert_int_equal(reply.close, i == 3);
    net_client_take(client, reply.size);
  }
  server_fixture_expect_end(&limited, client);
  server_fixture_close(&limited);
}

/* One request after the other of every kind; whatever comes back is a part of right replies. */
static void send_scenario(struct server_fixture *scene)
{
  struct net_client *clients[4];
  for (size_t i = 0; i < 4; i++) clients[i] = server_fixture_connect(scene);
  server_fixture_send_text(scene, clients[0], GET("/plain") POST("/echo", "9", "123"));
  server_fixture_run(scene, 2);
  server_fixture_send_text(scene, clients[0], "456789" GET("/text/5000"));
  for (int i = 0; i < 60; i++) server_fixture_send_text(scene, clients[1], GET("/bytes/15000"));
  server_fixture_send_text(scene, clients[2],
                           "HEAD /hold/a HTTP/1.1\r\n" HOST "\r\n" GET("/wait/b") GET("/nowhere"));
  server_fixture_send_text(scene, clients[3], "GET /events HTTP/1.1\r\n" HOST "\r\n");
  server_fixture_run(scene, 3);
  net_app_release_all(&scene->app);
  server_fixture_run(scene, 3);
  scene->durable = 1;
  if (scene->app.topic != NULL)
    server_publish(scene->server, scene->app.topic, BYTES("data: 1\n\n"));
  server_fixture_send_text(scene, clients[0], "GET / HTTP/1.1\r\n\r\n");
  server_fixture_run(scene, 20);
}

/* Everything that came is whole replies, or the connection ended. */
static void check_scenario(struct server_fixture *scene)
{
  for (uint32_t i = 0; i < scene->client_count; i++) {
    struct net_client *client = scene->clients[i];
    bool to_head = i == 2;
    struct net_reply reply;
    while (client->in.size > 0) {
      enum net_reply_parse parse = net_reply_parse(buffer_bytes(&client->in), to_head, &reply);
      if (parse == NET_REPLY_MORE) {
        assert_true(client->ended || client->error != 0);
        break;
      }
      if (parse != NET_REPLY_DONE)
        fail_msg("client %u: %.*s", i, BYTES_FORMAT(buffer_bytes(&client->in)));
      if (reply.status == 503 && to_head && !reply.close) fail_msg("503 keeps the connection");
      if (reply.chunked || (to_head && reply.close)) break;
      to_head = false;
      net_client_take(client, reply.size);
    }
  }
}

static void test_nth_allocation_fails(void **state)
{
  (void)state;
  bool failed = true;
  uint64_t opened = 0;
  for (uint64_t n = 1; failed; n++) {
    struct server_fixture scene;
    if (!server_fixture_try(&scene, NULL, n)) continue;
    if (opened == 0) opened = n;
    send_scenario(&scene);
    check_scenario(&scene);
    failed = scene.world->memory.calls >= n;
    server_fixture_close(&scene);
    assert_true(n < 2000);
  }
  assert_true(opened > 5);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_keeps_alive),
      TEST(test_closes_when_asked),
      TEST(test_http_1_0),
      TEST(test_pipeline),
      TEST(test_pipeline_cut_at_every_place),
      TEST(test_byte_by_byte),
      TEST(test_rough_network),
      TEST(test_head_has_the_length_of_get),
      TEST(test_expect_continue),
      TEST(test_body_limits),
      TEST(test_a_refused_upload_is_told),
      TEST(test_refused),
      TEST(test_refused_large_heads),
      TEST(test_route_refusals_keep_the_connection),
      TEST(test_options),
      TEST(test_answers_later),
      TEST(test_waits_until_durable),
      TEST(test_a_handler_answers_others),
      TEST(test_client_gone_before_the_answer),
      TEST(test_half_close),
      TEST(test_half_request),
      TEST(test_long_pipeline_with_end),
      TEST(test_large_bodies_in_pieces),
      TEST(test_client_gone_in_a_large_body),
      cmocka_unit_test(test_requests_per_connection),
      cmocka_unit_test(test_nth_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
