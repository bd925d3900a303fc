#include "unit/net/server_threads.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST      "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

enum { REACTORS = 2, CLIENTS = 6, ROUNDS = 30, EVENTS = 20, ASKED = 4 };

static void expect(struct thread_client *client, uint16_t status, struct bytes body)
{
  struct net_reply reply = thread_client_reply(client, status);
  CHECK(bytes_equal(reply.body, body));
  thread_client_take(client, reply.size);
}

/* Of all kinds, pipelined, on connections that come and go. */
static void ask_much(struct server_threads *server, uint32_t index)
{
  char text[1024], name[32];
  for (int round = 0; round < ROUNDS; round++) {
    struct thread_client *client = thread_client_open(server_threads_port(server, index % 2));
    snprintf(name, sizeof name, "c%u-%d", index, round);
    snprintf(text, sizeof text,
             GET("/plain") "GET /wait/%s HTTP/1.1\r\n" HOST "\r\n" GET(
                 "/bytes/40000") "POST /echo HTTP/1.1\r\n" HOST
                                 "Content-Length: %zu\r\n\r\n%s" GET(
                                     "/none") "GET /text/3000 HTTP/1.1\r\n" HOST
                                              "Accept-Encoding: gzip\r\n\r\n",
             name, strlen(name), name);
    thread_client_send(client, text);
    expect(client, 200, BYTES("hello"));
    expect(client, 200, bytes_of_text(name));
    struct net_reply reply = thread_client_reply(client, 200);
    CHECK_THAT(reply.body.size, ==, 40000);
    for (size_t i = 0; i < reply.body.size; i++) CHECK(reply.body.data[i] == net_app_byte(i));
    thread_client_take(client, reply.size);
    expect(client, 200, bytes_of_text(name));
    reply = thread_client_reply(client, 404);
    thread_client_take(client, reply.size);
    reply = thread_client_reply(client, 200);
    CHECK(net_reply_header(&reply, BYTES("content-encoding")).data != NULL);
    thread_client_take(client, reply.size);
    CHECK_THAT(client->size, ==, 0);
    thread_client_close(client);
  }
}

/* Bodies that come in pieces, refusals, clients that go before the answer. */
static void ask_badly(struct server_threads *server, uint32_t index)
{
  for (int round = 0; round < ROUNDS; round++) {
    struct thread_client *client = thread_client_open(server_threads_port(server, 0));
    switch ((index + (uint32_t)round) % 4) {
    case 0:
      thread_client_send(client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabc");
      usleep(500);
      thread_client_send(client, "def");
      expect(client, 200, BYTES("abcdef"));
      break;
    case 1:
      thread_client_send(client, GET("/plain") "nonsense\r\n");
      expect(client, 200, BYTES("hello"));
      thread_client_reply(client, 400);
      break;
    case 2:
      thread_client_send(client, GET("/wait/gone") GET("/bytes/500000"));
      break;
    default:
      thread_client_send(client, GET("/release"));
      expect(client, 200, BYTES("released"));
    }
    thread_client_close(client);
  }
}

static void listen_to_events(struct server_threads *server, uint32_t index)
{
  struct thread_client *client = thread_client_open(server_threads_port(server, 0));
  thread_client_send(client, index % 2 == 0 ? GET("/events") : "GET /events HTTP/1.0\r\n\r\n");
  struct bytes event = BYTES("data: ");
  size_t events = 0;
  while (events < EVENTS) {
    CHECK(thread_client_more(client));
    events = 0;
    struct bytes rest = bytes_of(client->in, client->size);
    for (size_t at; (at = bytes_find(rest, event)) != SIZE_MAX; events++)
      rest = bytes_of(rest.data + at + event.size, rest.size - at - event.size);
  }
  thread_client_close(client);
}

/* Streams that are asked: each reader is told its own, in order; then it goes, asked or not. */
static void listen_to_asked(struct server_threads *server, uint32_t index)
{
  static const char *const kinds[] = {"x", "w", "b", "x"};
  for (uint32_t round = 0; round < 3; round++) {
    char text[128];
    const char *kind = kinds[(index + round) % 4];
    struct thread_client *client = thread_client_open(server_threads_port(server, 0));
    snprintf(text, sizeof text, "GET /asked/%s%u HTTP/1.%u\r\n" HOST "\r\n", kind, index,
             round % 2);
    thread_client_send(client, text);
    for (unsigned n = 0; n < ASKED; n++) {
      snprintf(text, sizeof text, "data: %u %s%u", n, kind, index);
      size_t at;
      while ((at = bytes_find(bytes_of(client->in, client->size), bytes_of_text(text))) == SIZE_MAX)
        CHECK(thread_client_more(client));
      thread_client_take(client, at + 6);
      CHECK(n == 0 || bytes_find(bytes_of(client->in, client->size), BYTES("data: ")) == SIZE_MAX);
    }
    thread_client_close(client);
  }
}

/* To the end, with the last chunk. */
static void listen_to_the_end(struct server_threads *server, uint32_t index)
{
  struct thread_client *client = thread_client_open(server_threads_port(server, 0));
  thread_client_send(client, index % 2 == 0 ? GET("/asked/e") : GET("/asked/f"));
  while (thread_client_more(client)) continue;
  CHECK(memcmp(client->in + client->size - 5, "0\r\n\r\n", 5) == 0);
  bool event = bytes_find(bytes_of(client->in, client->size), BYTES("data: 5 ")) != SIZE_MAX;
  CHECK(event == (index % 2 == 0));
  thread_client_close(client);
}

static void test_asked(void **state)
{
  (void)state;
  struct server_threads server;
  server_threads_open(&server, REACTORS);
  server_threads_run(&server, CLIENTS, listen_to_asked);
  uint64_t asks = 0;
  assert_true(server.app.asked >= 3 * CLIENTS * (ASKED - 1));
  server_threads_run(&server, CLIENTS, listen_to_the_end);
  /* What is under way is still answered, to nobody. */
  while (asks != server.app.asked) {
    server_threads_turn(&server, 1);
    asks = 0;
    for (uint32_t i = 0; i < REACTORS; i++)
      asks += metric_read(&server.server->reactors[i].metrics.asks);
  }
  for (uint32_t i = 0; i < REACTORS; i++)
    assert_int_equal(metric_read(&server.server->reactors[i].metrics.orphaned), 0);
  server_threads_close(&server);
}

static void test_many_requests(void **state)
{
  (void)state;
  struct server_threads server;
  server_threads_open(&server, REACTORS);
  server_threads_run(&server, CLIENTS, ask_much);
  assert_int_equal(server.app.sequence, CLIENTS * ROUNDS);
  server_threads_close(&server);
}

static void test_bad_clients(void **state)
{
  (void)state;
  struct server_threads server;
  server_threads_open(&server, REACTORS);
  server_threads_run(&server, CLIENTS, ask_badly);
  server_threads_close(&server);
}

static void test_events(void **state)
{
  (void)state;
  struct server_threads server;
  server_threads_open(&server, REACTORS);
  server.publish_each = 1;
  server_threads_run(&server, CLIENTS, listen_to_events);
  const uint64_t *counted = &server.server->reactors[0].metrics.events_published;
  server.publish_each = 0;
  while (metric_read(counted) < server.published) server_threads_turn(&server, 1);
  assert_int_equal(metric_read(counted), server.published);
  assert_int_equal(metric_read(&server.server->reactors[1].metrics.events_published), 0);
  /* Whoever asks reads the metrics of threads that are at work. */
  struct memory memory = {0};
  struct buffer text;
  struct metrics_writer writer;
  buffer_init(&text, &memory);
  metrics_writer_init(&writer, &text);
  server_metrics(server.server, &writer);
  assert_true(bytes_find(buffer_bytes(&text), BYTES("tacos_net_events_published_total ")) !=
              SIZE_MAX);
  buffer_free(&text);
  server_threads_close(&server);
}

/* A stream until its server ends it, with the last chunk. */
static void *run_stream(void *context)
{
  struct thread_client *client = thread_client_open(server_threads_port(context, 0));
  thread_client_send(client, GET("/events"));
  while (thread_client_more(client)) continue;
  CHECK(memcmp(client->in + client->size - 5, "0\r\n\r\n", 5) == 0);
  thread_client_close(client);
  return NULL;
}

static void test_drain(void **state)
{
  (void)state;
  struct server_threads server;
  pthread_t stream;
  server_threads_open(&server, REACTORS);
  server.server->options.limits.drain_ms = 60000;
  assert_int_equal(pthread_create(&stream, NULL, run_stream, &server), 0);
  while (server.app.handled == 0) server_threads_turn(&server, 1);
  struct thread_client *idle = thread_client_open(server_threads_port(&server, 0));
  struct thread_client *half = thread_client_open(server_threads_port(&server, 0));
  struct thread_client *held = thread_client_open(server_threads_port(&server, 0));
  struct thread_client *probe = thread_client_open(server_threads_port(&server, 1));
  thread_client_send(half, "GET /pl");
  thread_client_send(held, GET("/hold/x"));
  thread_client_send(idle, GET("/hold/x"));
  while (server.app.held_count < 2) server_threads_turn(&server, 1);
  server_drain(server.server);
  for (int i = 0; i < 20; i++) server_threads_turn(&server, 1);
  assert_false(server_drained(server.server));
  net_app_release_all(&server.app);
  thread_client_send(half, "ain HTTP/1.1\r\n" HOST "\r\n");
  thread_client_send(probe, GET("/plain"));
  for (int i = 0; i < 50; i++) server_threads_turn(&server, 1);
  expect(held, 200, BYTES("x"));
  expect(idle, 200, BYTES("x"));
  expect(half, 200, BYTES("hello"));
  expect(probe, 200, BYTES("hello"));
  thread_client_close(held);
  thread_client_close(idle);
  thread_client_close(half);
  while (!server_drained(server.server)) server_threads_turn(&server, 20);
  assert_int_equal(pthread_join(stream, NULL), 0);
  server_threads_close(&server);
  thread_client_close(probe);
}

/* Requests, replies and events are under way in every ring when the server is closed. */
static void test_close_with_all_under_way(void **state)
{
  (void)state;
  for (int round = 0; round < 5; round++) {
    struct server_threads server;
    struct thread_client *clients[8];
    server_threads_open(&server, REACTORS);
    for (size_t i = 0; i < 8; i++) {
      clients[i] = thread_client_open(server_threads_port(&server, 0));
      thread_client_send(clients[i], i < 2 ? GET("/events") : GET("/wait/x") GET("/plain"));
    }
    struct thread_client *asked[2] = {thread_client_open(server_threads_port(&server, 0)),
                                      thread_client_open(server_threads_port(&server, 0))};
    thread_client_send(asked[0], GET("/asked/h"));
    thread_client_send(asked[1], GET("/asked/w"));
    while (round % 2 == 0 && server.app.asked < 2) server_turn(server.server, 1);
    while (server_waiting(server.server) < (uint64_t)round) server_turn(server.server, 1);
    server_publish(server.server, server.app.topic, BYTES("data: x\n\n"));
    server_release(server.server, 1);
    server_publish(server.server, server.app.topic, BYTES("data: y\n\n"));
    if (round % 2 == 1) usleep(2000);
    thread_client_send(clients[7], GET("/hold/x"));
    server_release(server.server, 100);
    for (int i = 0; i < 20; i++) server_turn(server.server, 1);
    server_threads_close(&server);
    for (size_t i = 0; i < 8; i++) thread_client_close(clients[i]);
    for (size_t i = 0; i < 2; i++) thread_client_close(asked[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_many_requests), cmocka_unit_test(test_bad_clients),
      cmocka_unit_test(test_events),        cmocka_unit_test(test_asked),
      cmocka_unit_test(test_drain),         cmocka_unit_test(test_close_with_all_under_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
