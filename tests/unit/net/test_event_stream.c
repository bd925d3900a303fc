#include "unit/net/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENTS     "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
#define EVENTS_1_0 "GET /events HTTP/1.0\r\n\r\n"

enum { PING_MS = 1000, STALL_MS = 3000 };

static struct server_fixture fixture;

static struct server_fixture_options stream_options(void)
{
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.stream_ping_ms = PING_MS;
  options.limits.write_stall_ms = STALL_MS;
  return options;
}

static int open_fixture(void **state)
{
  (void)state;
  struct server_fixture_options options = stream_options();
  server_fixture_open(&fixture, &options);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  server_fixture_close(&fixture);
  return 0;
}

/* A client whose stream has begun; only events are left in what came. */
static struct net_client *subscribe(const char *request, bool chunked)
{
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, request);
  server_fixture_run(&fixture, 2);
  struct net_reply reply;
  struct bytes in = buffer_bytes(&client->in);
  size_t end = bytes_find(in, BYTES("\r\n\r\n"));
  assert_true(end != SIZE_MAX);
  assert_int_equal(bytes_find(in, BYTES("HTTP/1.1 200 OK\r\n")), 0);
  reply.head = bytes_of(in.data, end + 4);
  assert_true(
      bytes_equal(net_reply_header(&reply, BYTES("content-type")), BYTES("text/event-stream")));
  assert_int_equal(net_reply_header(&reply, BYTES("transfer-encoding")).data != NULL, chunked);
  assert_int_equal(net_reply_header(&reply, BYTES("connection")).data != NULL, !chunked);
  assert_null(net_reply_header(&reply, BYTES("content-length")).data);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("cache-control")), BYTES("no-store")));
  net_client_take(client, end + 4);
  return client;
}

/* Takes the next chunk's content. */
static struct bytes next_chunk(struct net_client *client, char *text, size_t capacity)
{
  struct bytes in = buffer_bytes(&client->in);
  size_t line = bytes_find(in, BYTES("\r\n"));
  if (line == SIZE_MAX) return (struct bytes){NULL, 0};
  size_t size = strtoul((const char *)in.data, NULL, 16);
  if (in.size < line + 2 + size + 2) return (struct bytes){NULL, 0};
  assert_memory_equal(in.data + line + 2 + size, "\r\n", 2);
  assert_true(size < capacity);
  memcpy(text, in.data + line + 2, size);
  net_client_take(client, line + 2 + size + 2);
  return bytes_of(text, size);
}

static void expect_chunk(struct net_client *client, struct bytes content)
{
  char text[2 * TOPIC_EVENT_BYTES];
  struct bytes chunk = next_chunk(client, text, sizeof text);
  assert_int_equal(chunk.size, content.size);
  assert_true(bytes_equal(chunk, content));
}

static void expect_bare(struct net_client *client, struct bytes content)
{
  assert_true(bytes_starts_with(buffer_bytes(&client->in), content));
  net_client_take(client, content.size);
}

static void publish(const char *event)
{
  assert_true(server_publish(fixture.server, fixture.app.topic, bytes_of_text(event)));
}

static uint64_t streams(void)
{
  return metric_read(&server_fixture_reactor(&fixture)->metrics.streams_open);
}

static void test_events_reach_everybody(void **state)
{
  (void)state;
  enum { CLIENTS = 300 }; /* more than get an event in one turn */
  publish("data: nobody hears it\n\n");
  struct net_client *old = subscribe(EVENTS_1_0, false);
  expect_bare(old, BYTES(NET_APP_FIRST_EVENT));
  for (int i = 0; i < CLIENTS; i++)
    expect_chunk(subscribe(EVENTS, true), BYTES(NET_APP_FIRST_EVENT));
  assert_int_equal(streams(), CLIENTS + 1);
  publish("data: 1\n\n");
  publish("data: 2\n\n");
  server_fixture_run(&fixture, 5);
  expect_bare(old, BYTES("data: 1\n\ndata: 2\n\n"));
  for (uint32_t i = 1; i < fixture.client_count; i++) {
    expect_chunk(fixture.clients[i], BYTES("data: 1\n\n"));
    expect_chunk(fixture.clients[i], BYTES("data: 2\n\n"));
    assert_int_equal(fixture.clients[i]->in.size, 0);
  }
  for (uint32_t i = 0; i < fixture.client_count; i++) net_client_close(fixture.clients[i]);
  server_fixture_run(&fixture, 5);
  assert_int_equal(streams(), 0);
  assert_null(server_fixture_reactor(&fixture)->connections);
}

static void test_pings(void **state)
{
  (void)state;
  struct net_client *client = subscribe(EVENTS, true);
  struct net_client *old = subscribe(EVENTS_1_0, false);
  expect_chunk(client, BYTES(NET_APP_FIRST_EVENT));
  expect_bare(old, BYTES(NET_APP_FIRST_EVENT));
  for (int i = 0; i < 3; i++) {
    server_fixture_run(&fixture, PING_MS + 10);
    expect_chunk(client, BYTES(": ping\n\n"));
    expect_bare(old, BYTES(": ping\n\n"));
  }
  /* An event is as good as a ping. */
  server_fixture_run(&fixture, PING_MS / 2);
  publish("data: 1\n\n");
  server_fixture_run(&fixture, PING_MS - 100);
  expect_chunk(client, BYTES("data: 1\n\n"));
  assert_int_equal(client->in.size, 0);
  server_fixture_run(&fixture, 200);
  expect_chunk(client, BYTES(": ping\n\n"));
}

/* What the client says is forgotten, its end is seen. */
static void test_end_of_the_client(void **state)
{
  (void)state;
  struct net_client *client = subscribe(EVENTS, true);
  expect_chunk(client, BYTES(NET_APP_FIRST_EVENT));
  server_fixture_send_text(&fixture, client, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_expect_silence(&fixture, client, 100);
  assert_int_equal(fixture.app.handled, 1);
  net_client_finish(client);
  server_fixture_run(&fixture, 5);
  server_fixture_expect_end(&fixture, client);
  assert_int_equal(streams(), 0);
}

/* Replies that lie before the stream reach a client that has said its end. */
static void test_end_behind_pipelined_requests(void **state)
{
  (void)state;
  world_sim_settings(fixture.sim)->stream_bytes = 30000;
  struct net_client *client = server_fixture_connect(&fixture);
  struct net_reply reply;
  client->paused = true;
  for (int i = 0; i < 4; i++)
    server_fixture_send_text(&fixture, client, "GET /bytes/15000 HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_send_text(&fixture, client, EVENTS);
  net_client_finish(client);
  server_fixture_run(&fixture, 5);
  client->paused = false;
  server_fixture_run(&fixture, 50);
  for (int i = 0; i < 4; i++) {
    server_fixture_take(&fixture, client, 200, &reply);
    net_client_take(client, reply.size);
  }
  assert_true(client->ended);
  assert_int_equal(streams(), 0);
  assert_null(server_fixture_reactor(&fixture)->connections);
}

/* One that reads nothing is dropped once it has lost events; the others have them all. */
static void test_slow_reader(void **state)
{
  (void)state;
  enum { EVENT_BYTES = 10000, EVENTS_COUNT = 60 };
  static char event[EVENT_BYTES + 1];
  memset(event, 'x', EVENT_BYTES);
  struct net_client *slow = subscribe(EVENTS, true);
  struct net_client *slow_old = subscribe(EVENTS_1_0, false);
  struct net_client *quick = subscribe(EVENTS, true);
  struct net_client *quick_old = subscribe(EVENTS_1_0, false);
  expect_chunk(quick, BYTES(NET_APP_FIRST_EVENT));
  expect_bare(quick_old, BYTES(NET_APP_FIRST_EVENT));
  slow->paused = slow_old->paused = true;
  for (int i = 0; i < EVENTS_COUNT; i++) {
    publish(event);
    server_fixture_run(&fixture, 2);
    expect_chunk(quick, bytes_of_text(event));
    expect_bare(quick_old, bytes_of_text(event));
  }
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_SLOW_STREAM), 2);
  assert_int_equal(streams(), 2);
}

/* One that has not lost anything yet, but takes nothing for long. */
static void test_stalled_reader(void **state)
{
  (void)state;
  static char event[TOPIC_EVENT_BYTES];
  memset(event, 'x', sizeof event - 1);
  struct net_client *slow = subscribe(EVENTS, true);
  slow->paused = true;
  server_fixture_run(&fixture, PING_MS / 2);
  for (int i = 0; i < 8; i++) publish(event);
  server_fixture_run(&fixture, STALL_MS - 50);
  assert_int_equal(streams(), 1);
  server_fixture_run(&fixture, 100);
  assert_int_equal(streams(), 0);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_WRITE_STALL), 1);
}

/* A long silence before an event is not the reader's fault. */
static void test_stall_begins_with_the_event(void **state)
{
  (void)state;
  struct server_fixture_options options = stream_options();
  options.limits.stream_ping_ms = 10 * STALL_MS;
  close_fixture(state);
  server_fixture_open(&fixture, &options);
  static char event[TOPIC_EVENT_BYTES];
  memset(event, 'x', sizeof event - 1);
  struct net_client *client = subscribe(EVENTS, true);
  client->paused = true;
  server_fixture_run(&fixture, 10 * STALL_MS - 1000);
  for (int i = 0; i < 8; i++) publish(event);
  server_fixture_run(&fixture, STALL_MS - 100);
  assert_int_equal(streams(), 1);
  server_fixture_run(&fixture, 200);
  assert_int_equal(streams(), 0);
  /* Nor is it that its timer is due before its turn to be sent the event. */
  client = subscribe(EVENTS, true);
  server_fixture_run(&fixture, 10 * STALL_MS - 1000);
  publish("data: 1\n\n");
  world_sim_advance_ms(fixture.sim, 1100);
  server_fixture_run(&fixture, 5);
  assert_int_equal(streams(), 1);
  expect_chunk(client, BYTES(NET_APP_FIRST_EVENT));
  expect_chunk(client, BYTES("data: 1\n\n"));
}

static void test_events_in_a_rough_network(void **state)
{
  (void)state;
  enum { CLIENTS = 20, EVENTS_COUNT = 200 };
  struct world_sim_settings *settings = world_sim_settings(fixture.sim);
  settings->partial_per_million = 700000;
  settings->stream_bytes = 100;
  fixture.server->options.limits.stream_ping_ms = 3600000;
  char text[64];
  for (int i = 0; i < CLIENTS; i++) {
    struct net_client *client = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, client, i % 2 == 0 ? EVENTS : EVENTS_1_0);
  }
  server_fixture_run(&fixture, 500);
  for (int i = 0; i < EVENTS_COUNT; i++) {
    snprintf(text, sizeof text, "data: %d\n\n", i);
    publish(text);
    server_fixture_run(&fixture, i % 3);
  }
  server_fixture_run(&fixture, 600);
  for (int i = 0; i < CLIENTS; i++) {
    struct net_client *client = fixture.clients[i];
    net_client_take(client, bytes_find(buffer_bytes(&client->in), BYTES("\r\n\r\n")) + 4);
    if (i % 2 == 0)
      expect_chunk(client, BYTES(NET_APP_FIRST_EVENT));
    else
      expect_bare(client, BYTES(NET_APP_FIRST_EVENT));
    for (int j = 0; j < EVENTS_COUNT; j++) {
      snprintf(text, sizeof text, "data: %d\n\n", j);
      if (i % 2 == 0)
        expect_chunk(client, bytes_of_text(text));
      else
        expect_bare(client, bytes_of_text(text));
    }
    assert_int_equal(client->in.size, 0);
  }
}

static void test_head_of_a_stream(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client,
                           "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\nGET /plain HTTP/1.1\r\nHost: "
                           "a\r\n\r\n");
  server_fixture_run(&fixture, 5);
  server_fixture_expect_head(&fixture, client, 200);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  assert_int_equal(streams(), 0);
}

static void test_no_memory_for_a_stream(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_run(&fixture, 5);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  uint64_t refused = 0;
  for (uint64_t n = 1; n <= 8; n++) {
    client = server_fixture_connect(&fixture);
    fixture.world->memory.fail_at = fixture.world->memory.calls + n;
    server_fixture_send_text(&fixture, client, EVENTS);
    server_fixture_run(&fixture, 5);
    struct net_reply reply;
    enum net_reply_parse parse = net_reply_parse(buffer_bytes(&client->in), false, &reply);
    if (parse == NET_REPLY_MORE || reply.status == 503) {
      if (client->in.size > 0)
        server_fixture_expect_error(&fixture, client, 503, "SERVER_BUSY", true);
      server_fixture_expect_end(&fixture, client);
      refused++;
    }
    net_client_close(client);
    server_fixture_run(&fixture, 5);
    assert_int_equal(streams(), 0);
  }
  assert_true(refused >= 1);
  fixture.world->memory.fail_at = 0;
  expect_chunk(subscribe(EVENTS, true), BYTES(NET_APP_FIRST_EVENT));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_events_reach_everybody),
      TEST(test_pings),
      TEST(test_end_of_the_client),
      TEST(test_end_behind_pipelined_requests),
      TEST(test_slow_reader),
      TEST(test_stalled_reader),
      TEST(test_stall_begins_with_the_event),
      TEST(test_events_in_a_rough_network),
      TEST(test_head_of_a_stream),
      TEST(test_no_memory_for_a_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
