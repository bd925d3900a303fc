/*
 * What the door counts: one struct per reactor, one table of names.
 *
 * Written by the reactor's thread, read by the engine's when somebody asks (ops/metrics.h).
 * Latencies are kept for each route and status that occurred, so that memory follows use.
 */
#ifndef TACOS_NET_NET_METRICS_H
#define TACOS_NET_NET_METRICS_H

#include "net/refusal.h"
#include "net/route.h"
#include "ops/metrics.h"

enum { NET_STATUSES = 40 }; /* of reply.c's table */

struct net_metrics {
  uint64_t connections_opened;
  uint64_t connections_open;
  uint64_t connections_tls;
  uint64_t connections_http2;
  uint64_t streams_open;
  uint64_t bytes_received;
  uint64_t bytes_sent;
  uint64_t requests;
  uint64_t events_published;
  uint64_t asks;     /* of streams that are asked */
  uint64_t orphaned; /* replies whose client was gone */
  uint64_t refusals[REFUSAL_COUNT];
  /* [endpoint][route][status]: made when it first occurs. Row route_count is for no route. */
  struct metric_latency ***latencies[4];
};

struct server_endpoint;

/* Room for the latencies of one endpoint; false without memory. */
bool net_metrics_init(struct net_metrics *metrics, const struct server_endpoint *endpoints,
                      size_t count, struct memory *memory);
void net_metrics_free(struct net_metrics *metrics, const struct server_endpoint *endpoints,
                      size_t count, struct memory *memory);

/* Counts one reply. Without memory for a new row it is not counted. */
void net_metrics_reply(struct net_metrics *metrics, const struct server_endpoint *endpoints,
                       size_t endpoint, const struct route *route, uint16_t status, int64_t ns,
                       struct memory *memory);

/* Appends everything, summed over reactors. */
void net_metrics_write(struct metrics_writer *writer, const struct net_metrics *const *shards,
                       size_t shard_count, const struct server_endpoint *endpoints, size_t count);

#endif
