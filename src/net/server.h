/*
 * The door: listens, reads HTTP/1.1 and HTTP/2, finds the route, lets the engine answer, and sends
 * the reply when what it tells is durable.
 *
 *     reactors 0   engine thread = reactor: sockets, handlers and state in one loop
 *
 *     reactors N   reactor 1 --requests--> engine --replies--> reactor 1
 *                  reactor N --requests-->        --replies--> reactor N
 *                  (one ring each way, batches, one wake-up per batch; SO_REUSEPORT listeners)
 *
 * The engine's loop is
 *
 *     server_turn(server, limit_ms);       sockets, requests, handlers
 *     store_flush(store);                  what they appended goes to disk as one group
 *     server_release(server, durable);     replies whose record is on disk leave
 *
 * Handlers run on the engine thread in both modes and cannot tell which it is (exchange.h).
 *
 * Memory: everything is on the memory of the world it was opened with, each reactor thread has a
 * world of its own. All calls belong to the engine thread.
 */
#ifndef TACOS_NET_SERVER_H
#define TACOS_NET_SERVER_H

#include "base/error.h"
#include "base/logger.h"
#include "net/client_address.h"
#include "net/cors.h"
#include "net/exchange.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/topic.h"
#include "ops/metrics.h"

enum {
  SERVER_ENDPOINTS_MAX = 4,
  SERVER_REACTORS_MAX = 64,
};

/* One address with its routes. */
struct server_endpoint {
  const char *name;             /* for messages and metrics: "http", "operations" */
  struct world_address address; /* port 0: any free one, which server_address tells */
  int inherited;                /* a listening handle to use instead (socket activation), or -1 */
  const struct route *routes;
  size_t route_count;
  route_handler *fallback; /* GET and HEAD of paths that are no route; NULL: 404 */
  struct tls *tls;         /* NULL: in clear */
  bool stays_in_drain;     /* answers until the server is closed: for probes of its state */
};

struct server_options {
  const struct server_endpoint *endpoints;
  size_t endpoint_count;
  uint32_t reactors; /* threads; 0: the engine thread does it */
  struct net_limits limits;
  struct cors *cors;               /* NULL: only the server's own origin */
  struct trusted_proxies *proxies; /* NULL: none */
  void *context;                   /* of exchanges, for handlers */
  /*
   * Who may call: asked for every request that found its way here, before its handler, also where
   * there is no route (match.route NULL). It may add headers and set exchange->identity; when it
   * says no, it has built the reply, which the door sends. NULL: routes for users and admins are
   * refused, and the rest is open.
   */
  bool (*admit)(struct exchange *exchange);
  struct logger *logger; /* NULL: silent */
};

struct server;

/*
 * Listens. The world has a network and is the engine thread's; loop is over it. What the options
 * point to outlives the server. NULL with *error: ERROR_EXISTS naming endpoint and address when
 * somebody listens there, ERROR_INVALID for an address or a table of routes, ERROR_IO,
 * ERROR_NO_MEMORY.
 */
struct server *server_open(struct world *world, struct loop *loop,
                           const struct server_options *options, struct error *error);

/* Closes everything; exchanges that handlers kept must have been sent. */
void server_close(struct server *server);

/* The address an endpoint listens at. */
const struct world_address *server_address(const struct server *server, size_t endpoint);

/* One turn of the loop: waits at most limit_ms for something to do, and does it. */
void server_turn(struct server *server, int limit_ms);

/* Lets replies go whose sequence is durable. */
void server_release(struct server *server, uint64_t durable);

/* Replies that wait for a sequence. */
uint64_t server_waiting(const struct server *server);

/* exchange_send: the reply waits for its sequence, then goes to its reactor. */
void server_complete(struct server *server, struct exchange *exchange);

/*
 * Stops: closes the listeners that do not stay, ends idle connections and streams, lets requests
 * under way finish and their connections close. server_drained is true when all are gone, or
 * limits.drain_ms is over.
 */
void server_drain(struct server *server);
bool server_drained(const struct server *server);

/* ---- event streams ---- */

/* A topic with a name for metrics; NULL when there is no memory. Lives as long as the server. */
struct topic *server_topic(struct server *server);

/*
 * Sends events ("event: x\ndata: ...\n\n", whole, at most TOPIC_EVENT_BYTES) to all streams of the
 * topic. Returns at once; the fan-out goes on in slices. False when there is no memory.
 */
bool server_publish(struct server *server, struct topic *topic, struct bytes event);

/* ---- metrics ---- */

/* Appends all metrics of the door. */
void server_metrics(struct server *server, struct metrics_writer *writer);

#endif
