#include "net/net_metrics.h"

#include "net/reply.h"
#include "net/server.h"
#include "unit/ops/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_GET) | HTTP_BIT(HTTP_HEAD), "/a/{id}", AUTH_NONE, KEY_NONE, 0, NULL},
    {HTTP_BIT(HTTP_POST), "/b", AUTH_NONE, KEY_NONE, 0, NULL},
};

static const struct server_endpoint ENDPOINTS[] = {
    {.name = "http", .routes = ROUTES, .route_count = 2},
    {.name = "operations", .routes = ROUTES, .route_count = 1},
};

enum { SHARDS = 3, ENDPOINT_COUNT = 2 };

struct fixture {
  struct memory memory;
  struct net_metrics shards[SHARDS];
  struct buffer text;
};

static void fixture_open(struct fixture *fixture)
{
  memset(fixture, 0, sizeof *fixture);
  buffer_init(&fixture->text, &fixture->memory);
  for (size_t i = 0; i < SHARDS; i++)
    assert_true(net_metrics_init(&fixture->shards[i], ENDPOINTS, ENDPOINT_COUNT, &fixture->memory));
}

static void fixture_close(struct fixture *fixture)
{
  for (size_t i = 0; i < SHARDS; i++)
    net_metrics_free(&fixture->shards[i], ENDPOINTS, ENDPOINT_COUNT, &fixture->memory);
  buffer_free(&fixture->text);
  assert_int_equal(fixture->memory.in_use, 0);
}

static struct bytes expose(struct fixture *fixture)
{
  const struct net_metrics *shards[SHARDS];
  for (size_t i = 0; i < SHARDS; i++) shards[i] = &fixture->shards[i];
  struct metrics_writer writer;
  buffer_clear(&fixture->text);
  metrics_writer_init(&writer, &fixture->text);
  net_metrics_write(&writer, shards, SHARDS, ENDPOINTS, ENDPOINT_COUNT);
  exposition_check(buffer_bytes(&fixture->text));
  return buffer_bytes(&fixture->text);
}

static void expect(struct bytes text, const char *sample, const char *wanted)
{
  char value[64];
  if (!exposition_find(text, sample, value)) fail_msg("%s is missing", sample);
  assert_string_equal(value, wanted);
}

static void record(struct fixture *fixture, size_t shard, size_t endpoint, int route,
                   uint16_t status, int64_t ns)
{
  net_metrics_reply(&fixture->shards[shard], ENDPOINTS, endpoint, route < 0 ? NULL : &ROUTES[route],
                    status, ns, &fixture->memory);
}

static void test_sums_over_shards(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < SHARDS; i++) {
    metric_add(&fixture.shards[i].connections_opened, 10);
    metric_add(&fixture.shards[i].connections_open, i);
    metric_add(&fixture.shards[i].refusals[REFUSAL_BODY_LARGE], 1);
  }
  struct bytes text = expose(&fixture);
  expect(text, "tacos_net_connections_opened_total", "30");
  expect(text, "tacos_net_connections_open", "3");
  expect(text, "tacos_net_refusals_total{reason=\"body_large\"}", "3");
  for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
    char sample[128];
    snprintf(sample, sizeof sample, "tacos_net_refusals_total{reason=\"%s\"}",
             refusal_row(refusal)->name);
    expect(text, sample, refusal == REFUSAL_BODY_LARGE ? "3" : "0");
  }
  fixture_close(&fixture);
}

#define DURATION "tacos_http_request_duration_seconds_"

static void test_latencies(void **state)
{
  (void)state;
  struct fixture fixture;
  char value[64];
  fixture_open(&fixture);
  record(&fixture, 0, 0, 0, 200, 1000000);
  record(&fixture, 1, 0, 0, 200, 2000000);
  record(&fixture, 1, 0, 0, 404, -5);
  record(&fixture, 2, 0, 1, 201, 500);
  record(&fixture, 2, 0, -1, 404, 500);
  record(&fixture, 2, 1, 0, 299, 500);
  struct bytes text = expose(&fixture);
  expect(text,
         DURATION "count{endpoint=\"http\",method=\"GET,HEAD\",route=\"/a/{id}\",status=\"200\"}",
         "2");
  expect(text,
         DURATION "sum{endpoint=\"http\",method=\"GET,HEAD\",route=\"/a/{id}\",status=\"200\"}",
         "0.003000000");
  expect(text,
         DURATION "sum{endpoint=\"http\",method=\"GET,HEAD\",route=\"/a/{id}\",status=\"404\"}",
         "0.000000000");
  expect(text, DURATION "count{endpoint=\"http\",method=\"POST\",route=\"/b\",status=\"201\"}",
         "1");
  expect(text, DURATION "count{endpoint=\"http\",method=\"any\",route=\"none\",status=\"404\"}",
         "1");
  expect(text,
         DURATION "count{endpoint=\"operations\",method=\"GET,HEAD\",route=\"/a/{id}\","
                  "status=\"0\"}",
         "1");
  assert_false(exposition_find(
      text, DURATION "count{endpoint=\"http\",method=\"POST\",route=\"/b\",status=\"200\"}",
      value));
  fixture_close(&fixture);
}

/* Every status of the table has a place, and none is written over another. */
static void test_every_status(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 1; reply_status_at(i) != 0; i++)
    record(&fixture, 0, 0, 1, reply_status_at(i), 500);
  struct bytes text = expose(&fixture);
  for (size_t i = 1; reply_status_at(i) != 0; i++) {
    char sample[128];
    snprintf(sample, sizeof sample,
             DURATION "count{endpoint=\"http\",method=\"POST\",route=\"/b\",status=\"%u\"}",
             reply_status_at(i));
    expect(text, sample, "1");
  }
  fixture_close(&fixture);
}

static void test_without_memory(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (uint64_t n = 1; n <= 2; n++) {
    fixture.memory.fail_at = fixture.memory.calls + n;
    record(&fixture, 0, 0, 0, 200, 500);
  }
  fixture.memory.fail_at = 0;
  record(&fixture, 0, 0, 0, 200, 500);
  expect(expose(&fixture),
         DURATION "count{endpoint=\"http\",method=\"GET,HEAD\",route=\"/a/{id}\",status=\"200\"}",
         "1");
  fixture_close(&fixture);
  bool failed = true;
  for (uint64_t n = 1; failed; n++) {
    struct memory memory = {.fail_at = n};
    struct net_metrics metrics;
    failed = !net_metrics_init(&metrics, ENDPOINTS, ENDPOINT_COUNT, &memory);
    if (!failed) net_metrics_free(&metrics, ENDPOINTS, ENDPOINT_COUNT, &memory);
    assert_int_equal(memory.in_use, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sums_over_shards),
      cmocka_unit_test(test_latencies),
      cmocka_unit_test(test_every_status),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
