#include "net/connection.h"

#include "unit/net/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST      "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

enum {
  FIRST_BYTE_MS = 1000,
  HEAD_MS = 2000,
  GRACE_MS = 3000,
  RATE_BYTES = 100, /* per second */
  IDLE_MS = 4000,
  STALL_MS = 5000,
  PING_MS = 7000,
  DRAIN_MS = 60000,
  LINGER_MS = 2000,
  SLACK_MS = 20, /* timers are late by a step of the wheel, packets by their delays */
};

static struct server_fixture fixture;

static struct server_fixture_options short_limits(void)
{
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.first_byte_ms = FIRST_BYTE_MS;
  options.limits.head_ms = HEAD_MS;
  options.limits.body_grace_ms = GRACE_MS;
  options.limits.body_rate_bytes = RATE_BYTES;
  options.limits.idle_ms = IDLE_MS;
  options.limits.write_stall_ms = STALL_MS;
  options.limits.stream_ping_ms = PING_MS;
  options.limits.drain_ms = DRAIN_MS;
  return options;
}

static int open_fixture(void **state)
{
  (void)state;
  struct server_fixture_options options = short_limits();
  server_fixture_open(&fixture, &options);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  server_fixture_close(&fixture);
  return 0;
}

/* Nothing until just before the time is over, then it is. */
static void expect_patience(struct net_client *client, int64_t ms)
{
  server_fixture_expect_silence(&fixture, client, ms - SLACK_MS);
  server_fixture_run(&fixture, (int64_t)2 * SLACK_MS);
}

static uint64_t refused(enum refusal refusal)
{
  return server_fixture_refused(&fixture, refusal);
}

static void expect_nobody(void)
{
  struct reactor *reactor = server_fixture_reactor(&fixture);
  assert_null(reactor->connections);
  assert_int_equal(reactor->connection_count, 0);
  assert_int_equal(metric_read(&reactor->metrics.connections_open), 0);
  assert_int_equal(reactor->peers.count, 0);
  assert_int_equal(fixture.loop.timers.count, 0);
}

static void test_first_byte(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  expect_patience(client, FIRST_BYTE_MS);
  server_fixture_expect_error(&fixture, client, 408, "REQUEST_TIMEOUT", true);
  server_fixture_expect_end(&fixture, client);
  assert_int_equal(refused(REFUSAL_FIRST_BYTE_TIMEOUT), 1);
  net_client_close(client);
  server_fixture_run(&fixture, 2);
  expect_nobody();
}

/* A byte now and then does not help: the clock runs from the first one. */
static void test_head(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_expect_silence(&fixture, client, FIRST_BYTE_MS - 100);
  server_fixture_send_text(&fixture, client, "GET / HTTP/1.1\r\nX: ");
  for (int i = 0; i < 19; i++) {
    server_fixture_expect_silence(&fixture, client, 100);
    server_fixture_send_text(&fixture, client, "x");
  }
  expect_patience(client, 100);
  server_fixture_expect_error(&fixture, client, 408, "REQUEST_TIMEOUT", true);
  server_fixture_expect_end(&fixture, client);
  assert_int_equal(refused(REFUSAL_HEAD_TIMEOUT), 1);
}

/* The same between requests, from the first byte behind the last one. */
static void test_second_head(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, GET("/plain") "G");
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  expect_patience(client, HEAD_MS);
  server_fixture_expect_error(&fixture, client, 408, "REQUEST_TIMEOUT", true);
  assert_int_equal(refused(REFUSAL_HEAD_TIMEOUT), 1);
}

static void test_body_rate(void **state)
{
  (void)state;
  static char body[1000];
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client,
                           "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2000\r\n\r\n");
  expect_patience(client, GRACE_MS);
  server_fixture_expect_error(&fixture, client, 408, "REQUEST_TIMEOUT", true);
  server_fixture_expect_end(&fixture, client);
  /* Each byte buys its share of a second. */
  client = server_fixture_connect(&fixture);
  server_fixture_send_text(
      &fixture, client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e8\r\n");
  server_fixture_send(&fixture, client, bytes_of(body, 200));
  expect_patience(client, GRACE_MS + 200 * 1000 / RATE_BYTES);
  server_fixture_expect_error(&fixture, client, 408, "REQUEST_TIMEOUT", true);
  assert_int_equal(refused(REFUSAL_BODY_TIMEOUT), 2);
  /* A slow one that keeps the rate comes through. */
  client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client,
                           "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
  for (int i = 0; i < 9; i++) {
    server_fixture_send(&fixture, client, bytes_of(body, 100));
    server_fixture_expect_silence(&fixture, client, 1000);
  }
  server_fixture_send(&fixture, client, bytes_of(body, 100));
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, bytes_of(body, 1000));
}

static void test_idle(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  for (int i = 0; i < 3; i++) {
    server_fixture_send_text(&fixture, client, GET("/plain"));
    server_fixture_run(&fixture, 2);
    server_fixture_expect(&fixture, client, 200, BYTES("hello"));
    server_fixture_expect_silence(&fixture, client, IDLE_MS - 100);
  }
  expect_patience(client, 100);
  server_fixture_expect_end(&fixture, client);
  assert_int_equal(refused(REFUSAL_IDLE), 1);
  expect_nobody();
}

/* A large body and many small replies, of which the client takes nothing more. */
static void test_write_stall(void **state)
{
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    struct net_client *client = server_fixture_connect(&fixture);
    client->paused = true;
    if (kind == 0) server_fixture_send_text(&fixture, client, GET("/bytes/1000000"));
    for (int i = 0; kind == 1 && i < 20; i++)
      server_fixture_send_text(&fixture, client, GET("/bytes/10000"));
    server_fixture_run(&fixture, STALL_MS - SLACK_MS);
    assert_int_equal(refused(REFUSAL_WRITE_STALL), (uint64_t)kind);
    /* What it takes starts the clock anew. */
    client->paused = false;
    net_client_read(client);
    client->paused = true;
    server_fixture_run(&fixture, STALL_MS - SLACK_MS);
    assert_int_equal(refused(REFUSAL_WRITE_STALL), (uint64_t)kind);
    server_fixture_run(&fixture, (int64_t)2 * SLACK_MS);
    assert_int_equal(refused(REFUSAL_WRITE_STALL), (uint64_t)kind + 1);
    expect_nobody();
  }
}

/* After a handler's long thought the clock of the writing begins with the reply. */
static void test_late_large_reply(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  client->paused = true;
  /* Fills the network to the last byte, so that nothing of the reply is taken at once. */
  for (int i = 0; i < 10; i++) server_fixture_send_text(&fixture, client, GET("/bytes/8000"));
  server_fixture_send_text(&fixture, client, GET("/hold/x"));
  server_fixture_run(&fixture, STALL_MS / 2);
  client->paused = false;
  server_fixture_run(&fixture, 10);
  assert_int_equal(fixture.app.held_count, 1);
  server_fixture_run(&fixture, 10 * STALL_MS);
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 10);
  assert_int_equal(refused(REFUSAL_WRITE_STALL), 0);
}

/* The last reply was sent: the peer has a while to read it, whatever it does. */
static void test_linger(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, "nonsense\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_expect_error(&fixture, client, 400, "BAD_REQUEST", true);
  struct connection *connection = server_fixture_reactor(&fixture)->connections;
  assert_non_null(connection);
  assert_int_equal(connection->state, CONNECTION_LINGER);
  server_fixture_run(&fixture, LINGER_MS - SLACK_MS);
  server_fixture_send_text(&fixture, client, "more");
  assert_int_equal(server_fixture_reactor(&fixture)->connection_count, 1);
  server_fixture_run(&fixture, (int64_t)2 * SLACK_MS);
  expect_nobody();
  /* One that ends is not waited for. */
  client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, "nonsense\r\n");
  net_client_finish(client);
  server_fixture_run(&fixture, 5);
  expect_nobody();
}

static void test_limit_of_connections(void **state)
{
  (void)state;
  struct server_fixture limited;
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.connections = 3;
  server_fixture_open(&limited, &options);
  struct net_client *clients[4];
  for (size_t i = 0; i < 4; i++) clients[i] = server_fixture_connect(&limited);
  for (size_t i = 0; i < 3; i++) {
    server_fixture_send_text(&limited, clients[i], GET("/plain"));
    server_fixture_run(&limited, 2);
    server_fixture_expect(&limited, clients[i], 200, BYTES("hello"));
  }
  server_fixture_expect_error(&limited, clients[3], 503, "SERVER_BUSY", true);
  server_fixture_expect_end(&limited, clients[3]);
  net_client_close(clients[3]);
  assert_int_equal(server_fixture_refused(&limited, REFUSAL_CONNECTIONS), 1);
  /* One that goes makes room for one. */
  net_client_close(clients[0]);
  server_fixture_run(&limited, 2);
  struct net_client *late = server_fixture_connect(&limited);
  server_fixture_send_text(&limited, late, GET("/plain"));
  server_fixture_run(&limited, 2);
  server_fixture_expect(&limited, late, 200, BYTES("hello"));
  server_fixture_close(&limited);
}

static void test_limit_of_an_address(void **state)
{
  (void)state;
  struct server_fixture limited;
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.connections_per_address = 2;
  server_fixture_open(&limited, &options);
  struct net_client *clients[3];
  for (size_t i = 0; i < 3; i++) clients[i] = server_fixture_connect(&limited);
  server_fixture_run(&limited, 2);
  server_fixture_expect_error(&limited, clients[2], 503, "SERVER_BUSY", true);
  server_fixture_expect_end(&limited, clients[2]);
  assert_int_equal(server_fixture_refused(&limited, REFUSAL_CONNECTIONS_ADDRESS), 1);
  net_client_close(clients[0]);
  server_fixture_run(&limited, 2);
  struct net_client *late = server_fixture_connect(&limited);
  server_fixture_send_text(&limited, late, GET("/plain"));
  server_fixture_run(&limited, 2);
  server_fixture_expect(&limited, late, 200, BYTES("hello"));
  server_fixture_close(&limited);
}

static void test_flood_of_refused(void **state)
{
  (void)state;
  enum { FLOOD = 300 };
  struct server_fixture limited;
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.connections = 10;
  server_fixture_open(&limited, &options);
  for (int i = 0; i < FLOOD; i++) server_fixture_connect(&limited);
  server_fixture_run(&limited, 1);
  assert_true(server_fixture_reactor(&limited)->connection_count < 100);
  assert_int_equal(server_fixture_refused(&limited, REFUSAL_CONNECTIONS), FLOOD - 10);
  server_fixture_run(&limited, 2100);
  assert_int_equal(server_fixture_reactor(&limited)->connection_count, 10);
  server_fixture_close(&limited);
}

/* An idle connection holds no buffer. */
static void test_idle_memory(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, GET("/plain"));
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  size_t before = fixture.world->memory.in_use;
  server_fixture_send_text(&fixture, client, GET("/plain") "GET /plain HT");
  server_fixture_run(&fixture, 2);
  assert_true(fixture.world->memory.in_use > before);
  server_fixture_send_text(&fixture, client, "TP/1.1\r\n" HOST "\r\n");
  server_fixture_run(&fixture, 2);
  assert_int_equal(fixture.world->memory.in_use, before);
  assert_null(server_fixture_reactor(&fixture)->connections->kept);
  assert_null(server_fixture_reactor(&fixture)->connections->out);
}

static void test_resets_at_any_time(void **state)
{
  (void)state;
  static const char *const inputs[] = {"",
                                       "GET ",
                                       GET("/plain"),
                                       GET("/bytes/1000000"),
                                       GET("/hold/x"),
                                       GET("/wait/x"),
                                       GET("/events"),
                                       "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n1",
                                       "nonsense\r\n"};
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
    for (int silent = 0; silent < 2; silent++) {
      struct net_client *client = server_fixture_connect(&fixture);
      client->paused = true;
      server_fixture_send_text(&fixture, client, inputs[i]);
      server_fixture_run(&fixture, 3);
      if (silent == 1) world_sim_silence(client->world, client->stream);
      net_client_close(client);
      server_fixture_run(&fixture, silent == 1 ? 70000 : 5);
      net_app_release_all(&fixture.app);
      fixture.durable = fixture.app.sequence;
      server_fixture_run(&fixture, 5);
      expect_nobody();
      assert_int_equal(server_fixture_reactor(&fixture)->exchange_count, 0);
    }
  }
}

/* What is idle ends at once, what is under way when it is done, probes go on. */
static void test_drain(void **state)
{
  (void)state;
  struct net_client *idle = server_fixture_connect(&fixture);
  struct net_client *held = server_fixture_connect(&fixture);
  struct net_client *half = server_fixture_connect(&fixture);
  struct net_client *body = server_fixture_connect(&fixture);
  struct net_client *probe = server_fixture_connect_to(&fixture, 1);
  server_fixture_send_text(&fixture, idle, GET("/plain"));
  server_fixture_send_text(&fixture, held, GET("/hold/x") GET("/plain"));
  server_fixture_send_text(&fixture, half, "GET /pl");
  server_fixture_send_text(&fixture, body,
                           "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nb");
  server_fixture_send_text(&fixture, probe, GET("/plain"));
  server_fixture_run(&fixture, 5);
  server_fixture_expect(&fixture, idle, 200, BYTES("hello"));
  server_drain(fixture.server);
  assert_false(server_drained(fixture.server));
  server_fixture_run(&fixture, 5);
  server_fixture_expect_end(&fixture, idle);
  net_client_close(idle);
  server_fixture_send_text(&fixture, half, "ain HTTP/1.1\r\n" HOST "\r\n");
  server_fixture_send_text(&fixture, body, "ody");
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 5);
  server_fixture_expect(&fixture, half, 200, BYTES("hello"));
  server_fixture_expect_end(&fixture, half);
  server_fixture_expect(&fixture, body, 200, BYTES("body"));
  server_fixture_expect_end(&fixture, body);
  server_fixture_expect(&fixture, held, 200, BYTES("x"));
  server_fixture_expect_end(&fixture, held);
  net_client_close(half);
  net_client_close(body);
  net_client_close(held);
  server_fixture_run(&fixture, 5);
  assert_true(server_drained(fixture.server));
  server_fixture_expect(&fixture, probe, 200, BYTES("hello"));
  server_fixture_send_text(&fixture, probe, GET("/plain"));
  server_fixture_run(&fixture, 5);
  server_fixture_expect(&fixture, probe, 200, BYTES("hello"));
  struct net_client *late = server_fixture_connect(&fixture);
  assert_int_not_equal(late->error, 0);
}

/* Replies that the client had not taken when the drain began end their connections too. */
static void test_drain_while_writing(void **state)
{
  (void)state;
  struct net_client *large = server_fixture_connect(&fixture);
  struct net_client *many = server_fixture_connect(&fixture);
  struct net_client *stream = server_fixture_connect(&fixture);
  large->paused = many->paused = true;
  server_fixture_send_text(&fixture, large, GET("/bytes/200000"));
  for (int i = 0; i < 5; i++) server_fixture_send_text(&fixture, many, GET("/bytes/15000"));
  server_fixture_send_text(&fixture, stream, GET("/events"));
  server_fixture_run(&fixture, 5);
  assert_int_equal(server_fixture_reactor(&fixture)->connection_count, 3);
  server_drain(fixture.server);
  server_fixture_run(&fixture, 5);
  large->paused = many->paused = false;
  server_fixture_run(&fixture, 20);
  struct net_reply reply;
  server_fixture_take(&fixture, large, 200, &reply);
  net_client_take(large, reply.size);
  server_fixture_expect_end(&fixture, large);
  for (int i = 0; i < 5; i++) {
    server_fixture_take(&fixture, many, 200, &reply);
    net_client_take(many, reply.size);
  }
  server_fixture_expect_end(&fixture, many);
  assert_true(stream->ended);
  assert_int_equal(memcmp(stream->in.data + stream->in.size - 5, "0\r\n\r\n", 5), 0);
  net_client_close(large);
  net_client_close(many);
  server_fixture_run(&fixture, 5);
  assert_true(server_drained(fixture.server));
}

/* One that never ends does not keep the server. */
static void test_drain_has_an_end(void **state)
{
  (void)state;
  struct net_client *held = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, held, GET("/hold/x"));
  server_fixture_run(&fixture, 5);
  server_drain(fixture.server);
  server_fixture_run(&fixture, DRAIN_MS - SLACK_MS);
  assert_false(server_drained(fixture.server));
  server_fixture_run(&fixture, (int64_t)2 * SLACK_MS);
  assert_true(server_drained(fixture.server));
}

/* Everybody gets answers while one connection sends without end. */
static void test_fairness(void **state)
{
  (void)state;
  enum { REQUESTS = 30000 };
  struct world_sim_settings *settings = world_sim_settings(fixture.sim);
  settings->stream_bytes = 4 << 20;
  struct net_client *greedy = server_fixture_connect(&fixture);
  struct net_client *modest = server_fixture_connect(&fixture);
  for (int i = 0; i < REQUESTS; i++) net_client_write(greedy, BYTES(GET("/bytes/10")));
  net_client_write(modest, BYTES(GET("/plain")));
  world_sim_advance_ms(fixture.sim, 5);
  server_turn(fixture.server, 0);
  assert_true(fixture.app.handled < REQUESTS);
  world_sim_advance_ms(fixture.sim, 1);
  net_client_read(modest);
  server_fixture_expect(&fixture, modest, 200, BYTES("hello"));
  server_fixture_run(&fixture, 100);
  assert_int_equal(fixture.app.handled, REQUESTS + 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_first_byte),
      TEST(test_head),
      TEST(test_second_head),
      TEST(test_body_rate),
      TEST(test_idle),
      TEST(test_write_stall),
      TEST(test_late_large_reply),
      TEST(test_linger),
      cmocka_unit_test(test_limit_of_connections),
      cmocka_unit_test(test_limit_of_an_address),
      cmocka_unit_test(test_flood_of_refused),
      TEST(test_idle_memory),
      TEST(test_resets_at_any_time),
      TEST(test_drain),
      TEST(test_drain_while_writing),
      TEST(test_drain_has_an_end),
      TEST(test_fairness),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
