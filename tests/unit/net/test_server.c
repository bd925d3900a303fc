#include "net/server.h"

#include "unit/net/server_fixture.h"
#include "unit/net/server_threads.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST      "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

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

static void expect_no_server(const struct server_endpoint *endpoint, enum error_code code,
                             const char *message)
{
  struct server_options options = {
      .endpoints = endpoint, .endpoint_count = 1, .limits = net_limits_default()};
  struct error error;
  size_t before = fixture.world->memory.in_use;
  assert_null(server_open(fixture.world, &fixture.loop, &options, &error));
  assert_int_equal(error.code, code);
  if (strstr(error.message, message) == NULL) fail_msg("%s", error.message);
  assert_int_equal(fixture.world->memory.in_use, before);
}

static void test_what_cannot_be_opened(void **state)
{
  (void)state;
  static const struct route twice[] = {
      {HTTP_BIT(HTTP_GET), "/a", AUTH_NONE, KEY_NONE, 0, NULL},
      {HTTP_BIT(HTTP_GET), "/a", AUTH_NONE, KEY_NONE, 0, NULL},
  };
  struct server_endpoint endpoint = {
      .name = "http", .address = {.host = "0.0.0.0", .port = 80}, .inherited = -1};
  expect_no_server(&endpoint, ERROR_EXISTS, "0.0.0.0:80 (http) is in use");
  endpoint.address = (struct world_address){.host = "", .port = 90};
  expect_no_server(&endpoint, ERROR_INVALID, "is no numeric address");
  endpoint.address = (struct world_address){.host = "0.0.0.0", .port = 90};
  endpoint.routes = twice;
  endpoint.route_count = 2;
  expect_no_server(&endpoint, ERROR_INVALID, "/a");
}

static void test_address_of_port_0(void **state)
{
  (void)state;
  struct server_endpoint endpoint = {
      .name = "http", .address = {.host = "127.0.0.1"}, .inherited = -1};
  struct server_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .limits = net_limits_default()};
  struct error error;
  struct server *server = server_open(fixture.world, &fixture.loop, &options, &error);
  assert_non_null(server);
  assert_string_equal(server_address(server, 0)->host, "127.0.0.1");
  assert_int_not_equal(server_address(server, 0)->port, 0);
  server_close(server);
}

/* More than are kept for reuse, waiting for the log when the server is closed. */
static void test_close_with_waiting_replies(void **state)
{
  (void)state;
  enum { CLIENTS = 300 };
  for (int i = 0; i < CLIENTS; i++) {
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, client, i % 2 == 0 ? GET("/wait/x") : GET("/plain"));
    if (i % 2 == 1) server_fixture_send_text(&fixture, client, GET("/wait/y"));
  }
  server_fixture_run(&fixture, 5);
  assert_int_equal(server_waiting(fixture.server), CLIENTS);
}

/* Replies to clients that are gone wait and leave like all others. */
static void test_waiting_replies_of_the_gone(void **state)
{
  (void)state;
  struct reactor *reactor = server_fixture_reactor(&fixture);
  for (int i = 0; i < 10; i++) {
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, client, GET("/wait/x"));
  }
  server_fixture_run(&fixture, 5);
  while (reactor->connections != NULL) connection_close(reactor->connections);
  server_fixture_run(&fixture, 5);
  assert_int_equal(server_waiting(fixture.server), 10);
  fixture.durable = 4;
  server_fixture_run(&fixture, 5);
  assert_int_equal(server_waiting(fixture.server), 6);
  assert_int_equal(metric_read(&reactor->metrics.orphaned), 4);
  fixture.durable = 10;
  server_fixture_run(&fixture, 5);
  assert_int_equal(reactor->exchange_count, 0);
}

static void ask(struct net_client *client, const char *text)
{
  server_fixture_send_text(&fixture, client, text);
  server_fixture_run(&fixture, 2);
}

#define UUID "0199d7a8-1111-7222-8333-444455556666"

/* What a route's row asks, whatever the handler would say. */
static void test_rows_are_enforced(void **state)
{
  (void)state;
  static const struct {
    const char *key;
    bool required_ok, optional_ok;
  } rows[] = {
      {"", false, true},
      {"Idempotency-Key: " UUID "\r\n", true, true},
      {"Idempotency-Key: 0199D7A8-1111-7222-8333-44445555666F\r\n", true, true},
      {"Idempotency-Key: \r\n", false, false},
      {"Idempotency-Key: " UUID "0\r\n", false, false},
      {"Idempotency-Key: 0199d7a8-1111-7222-8333-44445555666\r\n", false, false},
      {"Idempotency-Key: 0199d7a8x1111-7222-8333-444455556666\r\n", false, false},
      {"Idempotency-Key: 0199d7a8-1111-7222-8333-44445555666g\r\n", false, false},
  };
  struct net_client *client = server_fixture_connect(&fixture);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int required = 0; required < 2; required++) {
      char text[512];
      snprintf(text, sizeof text, "POST %s HTTP/1.1\r\n" HOST "%sContent-Length: 2\r\n\r\nok",
               required == 1 ? "/key" : "/small", rows[i].key);
      ask(client, text);
      if (required == 1 ? rows[i].required_ok : rows[i].optional_ok)
        server_fixture_expect(&fixture, client, 200, BYTES("ok"));
      else
        server_fixture_expect_error(&fixture, client, 400, "IDEMPOTENCY_KEY_REQUIRED", false);
    }
  }
  /* Who may call users' routes is for the shield to say; there is none yet. */
  ask(client, "GET /user HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n\r\n");
  server_fixture_expect_error(&fixture, client, 401, "UNAUTHORIZED", false);
  ask(client, "GET /admin HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n\r\n");
  server_fixture_expect_error(&fixture, client, 401, "UNAUTHORIZED", false);
}

static void test_who_the_client_is(void **state)
{
  (void)state;
  struct trusted_proxies proxies;
  struct server_fixture_options options = server_fixture_defaults();
  struct error error;
  struct net_client *client = server_fixture_connect(&fixture);
  ask(client, "GET /plain HTTP/1.1\r\n" HOST "X-Forwarded-For: 203.0.113.7\r\n"
              "X-Request-ID: mine\r\nX-Tacos-Debug: timing\r\n\r\n");
  assert_string_equal(fixture.app.client, "192.0.2.1");
  assert_int_equal(fixture.app.trace_id_size, 4);
  struct net_reply reply;
  server_fixture_take(&fixture, client, 200, &reply);
  assert_null(net_reply_header(&reply, BYTES("server-timing")).data);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("x-request-id")), BYTES("mine")));
  close_fixture(state);
  assert_true(trusted_proxies_parse(&proxies, BYTES("192.0.2.0/24"), &error));
  options.proxies = &proxies;
  server_fixture_open(&fixture, &options);
  client = server_fixture_connect(&fixture);
  ask(client, "GET /plain HTTP/1.1\r\n" HOST "X-Forwarded-For: 1.2.3.4, 203.0.113.7\r\n"
              "X-Forwarded-For: 192.0.2.9\r\nX-Tacos-Debug: timing\r\n\r\n");
  assert_string_equal(fixture.app.client, "203.0.113.7");
  server_fixture_take(&fixture, client, 200, &reply);
  assert_non_null(net_reply_header(&reply, BYTES("server-timing")).data);
}

static void test_metrics(void **state)
{
  (void)state;
  struct buffer text;
  struct metrics_writer writer;
  struct net_client *client = server_fixture_connect(&fixture);
  ask(client, GET("/plain") GET("/none"));
  buffer_init(&text, &fixture.client_memory);
  metrics_writer_init(&writer, &text);
  server_metrics(fixture.server, &writer);
  struct bytes all = buffer_bytes(&text);
  assert_true(bytes_find(all, BYTES("tacos_net_requests_total 2\n")) != SIZE_MAX);
  assert_true(bytes_find(all, BYTES("tacos_net_refusals_total{reason=\"not_found\"} 1\n")) !=
              SIZE_MAX);
  buffer_free(&text);
}

static void ask_plain(struct server_threads *server, uint32_t index)
{
  (void)index;
  struct thread_client *client = thread_client_open(server_threads_port(server, 0));
  for (int i = 0; i < 200; i++) {
    thread_client_send(client, GET("/plain"));
    struct net_reply reply = thread_client_reply(client, 200);
    thread_client_take(client, reply.size);
  }
  thread_client_close(client);
}

/* The same in both modes, over real sockets. */
static void test_both_modes(void **state)
{
  (void)state;
  for (uint32_t reactors = 0; reactors <= 3; reactors++) {
    struct server_threads server;
    server_threads_open(&server, reactors);
    server_threads_run(&server, 4, ask_plain);
    assert_int_equal(server.app.handled, 800);
    uint64_t requests = 0;
    for (uint32_t i = 0; i < server.server->reactor_count; i++)
      requests += metric_read(&server.server->reactors[i].metrics.requests);
    assert_int_equal(requests, 800);
    server_threads_close(&server);
  }
}

/* Threads share the address with each other, and with nobody else. */
static void test_threads_share_an_address(void **state)
{
  (void)state;
  struct server_threads server;
  struct error error;
  server_threads_open(&server, 2);
  struct server_endpoint endpoint = {
      .name = "http", .address = *server_address(server.server, 0), .inherited = -1};
  for (uint32_t reactors = 0; reactors <= 2; reactors++) {
    struct server_options options = {.endpoints = &endpoint,
                                     .endpoint_count = 1,
                                     .reactors = reactors,
                                     .limits = net_limits_default()};
    assert_null(server_open(&server.linux_world.world, &server.loop, &options, &error));
    assert_int_equal(error.code, ERROR_EXISTS);
  }
  server_threads_close(&server);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_what_cannot_be_opened),
      TEST(test_address_of_port_0),
      TEST(test_close_with_waiting_replies),
      TEST(test_waiting_replies_of_the_gone),
      TEST(test_rows_are_enforced),
      TEST(test_who_the_client_is),
      TEST(test_metrics),
      cmocka_unit_test(test_both_modes),
      cmocka_unit_test(test_threads_share_an_address),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
