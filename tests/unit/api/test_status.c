#include "api/api.h"

#include "sim/net_client.h"
#include "unit/ops/exposition.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The platform's own endpoints over a store, in the simulated world. */
struct fixture {
  struct store_fixture store;
  struct loop loop;
  struct api api;
  struct server *server;
  struct net_client client;
};

static void fixture_open(struct fixture *fixture)
{
  memset(fixture, 0, sizeof *fixture);
  fixture->client.stream = -1;
  store_fixture_open(&fixture->store, 1);
  loop_init(&fixture->loop, fixture->store.world);
  struct server_endpoint endpoints[API_ENDPOINTS] = {
      [API_HTTP] = {.address = {.host = "0.0.0.0", .port = 80}, .fallback = api_web},
      [API_OPERATIONS] = {.address = {.host = "0.0.0.0", .port = 81}, .stays_in_drain = true},
  };
  for (enum api_endpoint i = 0; i < API_ENDPOINTS; i++) {
    endpoints[i].name = api_routes[i].endpoint;
    endpoints[i].routes = api_routes[i].routes;
    endpoints[i].route_count = api_routes[i].count;
    endpoints[i].inherited = -1;
  }
  struct server_options options = {
      .endpoints = endpoints,
      .endpoint_count = API_ENDPOINTS,
      .limits = net_limits_default(),
      .context = &fixture->api,
  };
  struct error error;
  health_init(&fixture->api.health);
  process_init(&fixture->api.process);
  fixture->api.version = "v1.2-\"3\"";
  fixture->api.store = fixture->store.store;
  fixture->server = server_open(fixture->store.world, &fixture->loop, &options, &error);
  fixture->api.server = fixture->server;
  assert_non_null(fixture->server);
}

static void fixture_close(struct fixture *fixture)
{
  server_close(fixture->server);
  net_client_free(&fixture->client);
  store_fixture_close(&fixture->store);
}

/* The reply to a GET, whose slices hold until the next one. */
static struct net_reply get(struct fixture *fixture, enum api_endpoint endpoint, const char *path,
                            uint16_t status)
{
  char text[256];
  struct net_reply reply;
  struct world_address address = {.host = "192.0.2.80", .port = endpoint == API_HTTP ? 80 : 81};
  net_client_free(&fixture->client);
  assert_true(net_client_open(&fixture->client, world_sim_client(fixture->store.sim), &address,
                              &fixture->store.memory));
  snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
  size_t sent = 0;
  for (int i = 0; i < 1000; i++) {
    sent += net_client_write(&fixture->client, bytes_of(text + sent, strlen(text) - sent));
    server_turn(fixture->server, 1);
    net_client_read(&fixture->client);
    if (net_reply_parse(buffer_bytes(&fixture->client.in), false, &reply) == NET_REPLY_DONE) break;
  }
  assert_int_equal(net_reply_parse(buffer_bytes(&fixture->client.in), false, &reply),
                   NET_REPLY_DONE);
  assert_int_equal(reply.status, status);
  return reply;
}

static void expect_body(struct net_reply reply, const char *wanted)
{
  if (!bytes_equal(reply.body, bytes_of_text(wanted)))
    fail_msg("wanted %s, got %.*s", wanted, BYTES_FORMAT(reply.body));
}

static void test_health(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (enum api_endpoint i = 0; i < API_ENDPOINTS; i++) {
    struct net_reply reply = get(&fixture, i, "/healthz", 200);
    assert_true(bytes_equal(reply.body, health_alive_body()));
    reply = get(&fixture, i, "/readyz", 503);
    assert_true(bytes_find(reply.body, BYTES("\"not_ready\"")) != SIZE_MAX);
    assert_true(bytes_equal(net_reply_header(&reply, BYTES("content-type")), CONTENT_TYPE_JSON));
  }
  health_set(&fixture.api.health, HEALTH_STARTING, false);
  expect_body(get(&fixture, API_HTTP, "/readyz", 200), "{\"status\":\"ready\"}");
  health_set(&fixture.api.health, HEALTH_DISK_FULL, true);
  get(&fixture, API_OPERATIONS, "/readyz", 503);
  get(&fixture, API_OPERATIONS, "/healthz", 200);
  fixture_close(&fixture);
}

static void test_version(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  expect_body(get(&fixture, API_HTTP, "/version", 200),
              "{\"name\":\"traffic-tacos\",\"version\":\"v1.2-\\\"3\\\"\"}");
  fixture_close(&fixture);
}

static void test_metrics(void **state)
{
  (void)state;
  static const char *const samples[] = {"tacos_store_items", "tacos_store_transactions_total",
                                        "tacos_store_ttl_deleted_total", "tacos_net_requests_total",
                                        "process_start_time_seconds"};
  struct fixture fixture;
  char value[64];
  fixture_open(&fixture);
  get(&fixture, API_HTTP, "/metrics", 404);
  struct net_reply reply = get(&fixture, API_OPERATIONS, "/metrics", 200);
  exposition_check(reply.body);
  assert_true(
      bytes_equal(net_reply_header(&reply, BYTES("content-type")), BYTES(METRICS_CONTENT_TYPE)));
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
    if (!exposition_find(reply.body, samples[i], value)) fail_msg("%s is missing", samples[i]);
  assert_true(exposition_find(reply.body, "tacos_ready", value));
  assert_string_equal(value, "0");
  health_set(&fixture.api.health, HEALTH_STARTING, false);
  reply = get(&fixture, API_OPERATIONS, "/metrics", 200);
  assert_true(exposition_find(reply.body, "tacos_ready", value));
  assert_string_equal(value, "1");
  assert_true(exposition_find(reply.body,
                              "tacos_http_request_duration_seconds_count{endpoint=\"operations\","
                              "method=\"GET\",route=\"/metrics\",status=\"200\"}",
                              value));
  fixture_close(&fixture);
}

static void test_pages_without_any(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  get(&fixture, API_HTTP, "/", 404);
  get(&fixture, API_OPERATIONS, "/", 404);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_health),
      cmocka_unit_test(test_version),
      cmocka_unit_test(test_metrics),
      cmocka_unit_test(test_pages_without_any),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
