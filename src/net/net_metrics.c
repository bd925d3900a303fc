#include "net/net_metrics.h"

#include "base/check.h"
#include "net/reply.h"
#include "net/server.h"

#include <stdio.h>

static const struct metric_definition DEFINITIONS[] = {
    {"tacos_net_connections_opened_total", METRIC_COUNTER, "Connections accepted.",
     offsetof(struct net_metrics, connections_opened)},
    {"tacos_net_connections_open", METRIC_GAUGE, "Connections open now.",
     offsetof(struct net_metrics, connections_open)},
    {"tacos_net_connections_tls_total", METRIC_COUNTER, "Connections that began TLS.",
     offsetof(struct net_metrics, connections_tls)},
    {"tacos_net_connections_http2_total", METRIC_COUNTER, "Connections that spoke HTTP/2.",
     offsetof(struct net_metrics, connections_http2)},
    {"tacos_net_streams_open", METRIC_GAUGE, "Event streams open now.",
     offsetof(struct net_metrics, streams_open)},
    {"tacos_net_received_bytes_total", METRIC_COUNTER, "Bytes read from clients, within TLS.",
     offsetof(struct net_metrics, bytes_received)},
    {"tacos_net_sent_bytes_total", METRIC_COUNTER, "Bytes written to clients, within TLS.",
     offsetof(struct net_metrics, bytes_sent)},
    {"tacos_net_requests_total", METRIC_COUNTER, "Requests whose head was read.",
     offsetof(struct net_metrics, requests)},
    {"tacos_net_events_published_total", METRIC_COUNTER, "Events given to topics.",
     offsetof(struct net_metrics, events_published)},
    {"tacos_net_asks_total", METRIC_COUNTER, "Asks what event streams have to tell.",
     offsetof(struct net_metrics, asks)},
    {"tacos_net_replies_orphaned_total", METRIC_COUNTER, "Replies whose client had gone.",
     offsetof(struct net_metrics, orphaned)},
};

enum { DEFINITION_COUNT = sizeof DEFINITIONS / sizeof DEFINITIONS[0] };

_Static_assert(SERVER_ENDPOINTS_MAX == 4, "net_metrics has room for each endpoint");

bool net_metrics_init(struct net_metrics *metrics, const struct server_endpoint *endpoints,
                      size_t count, struct memory *memory)
{
  memset(metrics, 0, sizeof *metrics);
  for (size_t i = 0; i < count; i++) {
    size_t rows = endpoints[i].route_count + 1;
    metrics->latencies[i] = memory_alloc_zeroed(memory, rows * sizeof *metrics->latencies[i]);
    if (metrics->latencies[i] == NULL) {
      net_metrics_free(metrics, endpoints, count, memory);
      return false;
    }
  }
  return true;
}

static void free_row(struct metric_latency **row, struct memory *memory)
{
  if (row == NULL) return;
  for (size_t status = 0; status < NET_STATUSES; status++)
    if (row[status] != NULL) memory_free(memory, row[status], sizeof *row[status]);
  memory_free(memory, row, NET_STATUSES * sizeof *row);
}

void net_metrics_free(struct net_metrics *metrics, const struct server_endpoint *endpoints,
                      size_t count, struct memory *memory)
{
  for (size_t i = 0; i < count; i++) {
    if (metrics->latencies[i] == NULL) continue;
    size_t rows = endpoints[i].route_count + 1;
    for (size_t route = 0; route < rows; route++) free_row(metrics->latencies[i][route], memory);
    memory_free(memory, metrics->latencies[i], rows * sizeof *metrics->latencies[i]);
    metrics->latencies[i] = NULL;
  }
}

/* The slot of a route and status, made when it is not there; published whole to other threads. */
static struct metric_latency *latency_of(struct metric_latency ***row, size_t status,
                                         struct memory *memory)
{
  struct metric_latency **statuses = *row;
  if (statuses == NULL) {
    statuses = memory_alloc_zeroed(memory, NET_STATUSES * sizeof *statuses);
    if (statuses == NULL) return NULL;
    __atomic_store_n(row, statuses, __ATOMIC_RELEASE);
  }
  if (statuses[status] == NULL) {
    struct metric_latency *latency = memory_alloc_zeroed(memory, sizeof *latency);
    if (latency == NULL) return NULL;
    __atomic_store_n(&statuses[status], latency, __ATOMIC_RELEASE);
  }
  return statuses[status];
}

void net_metrics_reply(struct net_metrics *metrics, const struct server_endpoint *endpoints,
                       size_t endpoint, const struct route *route, uint16_t status, int64_t ns,
                       struct memory *memory)
{
  const struct server_endpoint *of = &endpoints[endpoint];
  size_t row = route == NULL ? of->route_count : (size_t)(route - of->routes);
  CHECK_THAT(row, <=, of->route_count);
  struct metric_latency *latency = latency_of(&metrics->latencies[endpoint][row],
                                              reply_status_index(status), memory);
  if (latency != NULL) metric_latency_record(latency, ns < 0 ? 0 : (uint64_t)ns);
}

static void write_refusals(struct metrics_writer *writer, const struct net_metrics *const *shards,
                           size_t shard_count)
{
  static const char NAME[] = "tacos_net_refusals_total";
  metrics_family(writer, NAME, METRIC_COUNTER, "Requests and connections refused, by reason.");
  for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
    uint64_t sum = 0;
    for (size_t i = 0; i < shard_count; i++) sum += metric_read(&shards[i]->refusals[refusal]);
    struct metric_label label = {"reason", bytes_of_text(refusal_row(refusal)->name)};
    metrics_sample(writer, NAME, &label, 1, sum);
  }
}

/* The sum over the reactors of one endpoint, route and status; false when it never occurred. */
static bool sum_latency(const struct net_metrics *const *shards, size_t shard_count,
                        size_t endpoint, size_t route, size_t status, struct metric_latency *sum)
{
  bool any = false;
  *sum = (struct metric_latency){0};
  for (size_t i = 0; i < shard_count; i++) {
    struct metric_latency **row = __atomic_load_n(&shards[i]->latencies[endpoint][route],
                                                  __ATOMIC_ACQUIRE);
    if (row == NULL) continue;
    const struct metric_latency *latency = __atomic_load_n(&row[status], __ATOMIC_ACQUIRE);
    if (latency == NULL) continue;
    metric_latency_add(sum, latency);
    any = true;
  }
  return any;
}

/* "GET,HEAD" of a row's methods. */
static size_t write_methods(uint32_t methods, char text[ROUTE_ALLOW_BYTES])
{
  size_t size = 0;
  for (enum http_method method = 0; method < HTTP_METHOD_COUNT; method++) {
    if ((methods & HTTP_BIT(method)) == 0) continue;
    struct bytes name = http_method_name(method);
    CHECK_THAT(size + name.size + 1, <=, ROUTE_ALLOW_BYTES);
    if (size > 0) text[size++] = ',';
    memcpy(text + size, name.data, name.size);
    size += name.size;
  }
  return size;
}

static void write_route(struct metrics_writer *writer, const char *name,
                        const struct net_metrics *const *shards, size_t shard_count,
                        const struct server_endpoint *endpoints, size_t endpoint, size_t route)
{
  const struct server_endpoint *of = &endpoints[endpoint];
  char methods[ROUTE_ALLOW_BYTES];
  struct bytes method = BYTES("any");
  struct bytes pattern = BYTES("none");
  if (route < of->route_count) {
    method = bytes_of(methods, write_methods(of->routes[route].methods, methods));
    pattern = bytes_of_text(of->routes[route].pattern);
  }
  for (size_t status = 0; status < NET_STATUSES; status++) {
    struct metric_latency sum;
    if (!sum_latency(shards, shard_count, endpoint, route, status, &sum)) continue;
    char code[8];
    int size = snprintf(code, sizeof code, "%u", reply_status_at(status));
    const struct metric_label labels[] = {
        {"endpoint", bytes_of_text(of->name)},
        {"method", method},
        {"route", pattern},
        {"status", bytes_of(code, (size_t)size)},
    };
    metrics_latency(writer, name, labels, sizeof labels / sizeof labels[0], &sum);
  }
}

void net_metrics_write(struct metrics_writer *writer, const struct net_metrics *const *shards,
                       size_t shard_count, const struct server_endpoint *endpoints, size_t count)
{
  static const char NAME[] = "tacos_http_request_duration_seconds";
  metrics_write_table(writer, DEFINITIONS, DEFINITION_COUNT, (const void *const *)shards,
                      shard_count);
  write_refusals(writer, shards, shard_count);
  metrics_family(writer, NAME, METRIC_LATENCY,
                 "Time from a request's head to the end of its reply's making, by route.");
  for (size_t endpoint = 0; endpoint < count; endpoint++)
    for (size_t route = 0; route <= endpoints[endpoint].route_count; route++)
      write_route(writer, NAME, shards, shard_count, endpoints, endpoint, route);
}
