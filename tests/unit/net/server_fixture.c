#include "unit/net/server_fixture.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NET_DELAY_US = 100 };

struct server_fixture_options server_fixture_defaults(void)
{
  return (struct server_fixture_options){.seed = 1, .limits = net_limits_default()};
}

bool server_fixture_try(struct server_fixture *fixture,
                        const struct server_fixture_options *options, uint64_t fail_at)
{
  struct server_fixture_options usual = server_fixture_defaults();
  if (options == NULL) options = &usual;
  memset(fixture, 0, sizeof *fixture);
  fixture->sim = world_sim_new(options->seed);
  fixture->world = world_sim_world(fixture->sim);
  struct world_sim_settings *settings = world_sim_settings(fixture->sim);
  settings->delay_us = NET_DELAY_US;
  settings->slow_delay_per_million = 0;
  settings->partial_per_million = 0;
  loop_init(&fixture->loop, fixture->world);
  const struct server_endpoint endpoints[] = {
      {.name = "http",
       .address = {.host = "0.0.0.0", .port = 80},
       .inherited = -1,
       .routes = net_app_routes,
       .route_count = NET_APP_ROUTES,
       .fallback = options->fallback,
       .tls = options->tls},
      {.name = "operations",
       .address = {.host = "0.0.0.0", .port = 81},
       .inherited = -1,
       .routes = net_app_routes,
       .route_count = NET_APP_ROUTES,
       .stays_in_drain = true},
  };
  struct server_options server_options = {
      .endpoints = endpoints,
      .endpoint_count = 2,
      .limits = options->limits,
      .cors = options->cors,
      .proxies = options->proxies,
      .context = &fixture->app,
  };
  struct error error;
  fixture->world->memory.calls = 0;
  fixture->world->memory.fail_at = fail_at;
  fixture->server = server_open(fixture->world, &fixture->loop, &server_options, &error);
  if (fixture->server != NULL) fixture->app.topic = server_topic(fixture->server);
  if (fixture->server != NULL) return true;
  assert_int_equal(error.code, ERROR_NO_MEMORY);
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
  return false;
}

void server_fixture_open(struct server_fixture *fixture,
                         const struct server_fixture_options *options)
{
  assert_true(server_fixture_try(fixture, options, 0));
}

void server_fixture_close(struct server_fixture *fixture)
{
  net_app_release_all(&fixture->app);
  server_close(fixture->server);
  assert_int_equal(fixture->world->memory.in_use, 0);
  for (uint32_t i = 0; i < fixture->client_count; i++) {
    net_client_free(fixture->clients[i]);
    free(fixture->clients[i]);
  }
  assert_int_equal(fixture->client_memory.in_use, 0);
  world_sim_free(fixture->sim);
}

struct net_client *server_fixture_connect_to(struct server_fixture *fixture, size_t endpoint)
{
  struct world_address address = *server_address(fixture->server, endpoint);
  memcpy(address.host, "192.0.2.80", sizeof "192.0.2.80");
  struct net_client *client = calloc(1, sizeof *client);
  assert_non_null(client);
  assert_true(fixture->client_count < SERVER_FIXTURE_CLIENTS);
  assert_true(
      net_client_open(client, world_sim_client(fixture->sim), &address, &fixture->client_memory));
  fixture->clients[fixture->client_count++] = client;
  server_fixture_run(fixture, 1);
  return client;
}

struct net_client *server_fixture_connect(struct server_fixture *fixture)
{
  return server_fixture_connect_to(fixture, 0);
}

static void read_clients(struct server_fixture *fixture)
{
  for (uint32_t i = 0; i < fixture->client_count; i++) net_client_read(fixture->clients[i]);
}

void server_fixture_run(struct server_fixture *fixture, int64_t ms)
{
  int64_t end_ms = world_monotonic_ns(fixture->world) / 1000000 + ms;
  for (;;) {
    server_turn(fixture->server, 0);
    server_release(fixture->server, fixture->durable);
    read_clients(fixture);
    int64_t now_ms = world_monotonic_ns(fixture->world) / 1000000;
    if (now_ms >= end_ms && !reactor_busy(&fixture->server->reactors[0])) return;
    int limit_ms = (int)(end_ms - now_ms);
    if (now_ms >= end_ms || reactor_busy(&fixture->server->reactors[0])) continue;
    int wait_ms = timers_wait_ms(&fixture->loop.timers, now_ms, limit_ms);
    world_sim_advance_to_delivery(fixture->sim, wait_ms > 0 ? wait_ms : 1);
  }
}

void server_fixture_send(struct server_fixture *fixture, struct net_client *client,
                         struct bytes bytes)
{
  for (int tries = 0; bytes.size > 0 && client->error == 0; tries++) {
    size_t sent = net_client_write(client, bytes);
    bytes = bytes_of(bytes.data + sent, bytes.size - sent);
    if (bytes.size == 0) return;
    assert_true(tries < 100000);
    server_fixture_run(fixture, 1);
  }
}

void server_fixture_send_text(struct server_fixture *fixture, struct net_client *client,
                              const char *text)
{
  server_fixture_send(fixture, client, bytes_of_text(text));
}

static void take(struct net_client *client, bool to_head, uint16_t status, struct net_reply *reply)
{
  struct bytes in = buffer_bytes(&client->in);
  enum net_reply_parse parse = net_reply_parse(in, to_head, reply);
  if (parse != NET_REPLY_DONE || reply->status != status)
    fprintf(stderr, "status %u wanted, got (error %d, ended %d): %.*s\n", status, client->error,
            client->ended, BYTES_FORMAT(in));
  assert_int_equal(parse, NET_REPLY_DONE);
  assert_int_equal(reply->status, status);
}

void server_fixture_take(struct server_fixture *fixture, struct net_client *client, uint16_t status,
                         struct net_reply *reply)
{
  (void)fixture;
  take(client, false, status, reply);
}

void server_fixture_expect(struct server_fixture *fixture, struct net_client *client,
                           uint16_t status, struct bytes body)
{
  struct net_reply reply;
  server_fixture_take(fixture, client, status, &reply);
  assert_int_equal(reply.body.size, body.size);
  assert_true(bytes_equal(reply.body, body));
  net_client_take(client, reply.size);
}

void server_fixture_expect_head(struct server_fixture *fixture, struct net_client *client,
                                uint16_t status)
{
  (void)fixture;
  struct net_reply reply;
  take(client, true, status, &reply);
  net_client_take(client, reply.size);
}

void server_fixture_expect_error(struct server_fixture *fixture, struct net_client *client,
                                 uint16_t status, const char *code, bool close)
{
  struct net_reply reply;
  char start[SERVER_FIXTURE_TEXT_BYTES];
  server_fixture_take(fixture, client, status, &reply);
  snprintf(start, sizeof start, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
  if (!bytes_starts_with(reply.body, bytes_of_text(start)))
    fprintf(stderr, "%s wanted, got %.*s\n", code, BYTES_FORMAT(reply.body));
  assert_true(bytes_starts_with(reply.body, bytes_of_text(start)));
  assert_int_equal(reply.close, close);
  assert_int_equal(net_reply_header(&reply, BYTES("retry-after")).data != NULL, status == 503);
  net_client_take(client, reply.size);
}

void server_fixture_expect_silence(struct server_fixture *fixture, struct net_client *client,
                                   int64_t ms)
{
  server_fixture_run(fixture, ms);
  assert_int_equal(client->in.size, 0);
  assert_int_equal(client->error, 0);
  assert_false(client->ended);
}

void server_fixture_expect_end(struct server_fixture *fixture, struct net_client *client)
{
  server_fixture_run(fixture, 1);
  if (client->in.size > 0) fprintf(stderr, "left: %.*s\n", BYTES_FORMAT(buffer_bytes(&client->in)));
  assert_int_equal(client->in.size, 0);
  assert_int_equal(client->error, 0);
  assert_true(client->ended);
}

struct reactor *server_fixture_reactor(struct server_fixture *fixture)
{
  return &fixture->server->reactors[0];
}

uint64_t server_fixture_refused(struct server_fixture *fixture, enum refusal refusal)
{
  return metric_read(&server_fixture_reactor(fixture)->metrics.refusals[refusal]);
}
