/*
 * The REST API: one table of routes for each endpoint, and what their handlers work with.
 *
 * Handlers parse, call the rooms below, and answer; they run on the engine thread (net/exchange.h).
 * The tables are what docs/openapi.yaml is checked against, through `tacos routes`.
 */
#ifndef TACOS_API_API_H
#define TACOS_API_API_H

#include "bus/bus.h"
#include "net/compress.h"
#include "net/server.h"
#include "net/static_files.h"
#include "ops/health.h"
#include "ops/process.h"
#include "sale/provider_simulator.h"
#include "sale/sale.h"
#include "sale/ticket_code.h"
#include "shield/shield.h"
#include "shield/users.h"
#include "store/store.h"

struct feed;
struct report;

/* The context of every exchange. Its members are the caller's and outlive the server. */
struct api {
  struct world *world;
  struct loop *loop;
  struct store *store;
  struct sale *sale;
  struct lobby *lobby;
  struct buses *buses;
  struct provider_simulator *simulator; /* NULL: payments are real */
  struct shield *shield;
  struct users *users;
  struct password_pool *passwords;
  struct server *server;       /* set once it is open */
  struct bytes webhook_secret; /* of the payment provider's signatures */
  const struct ticket_signer *ticket_signer;
  const struct ticket_keys *ticket_keys;
  struct health health;
  struct process process;
  const char *version;
  struct static_files *web;                                            /* NULL: no pages */
  void (*write_metrics)(void *context, struct metrics_writer *writer); /* NULL: none further */
  void *metrics_context;

  /* The API's own; NULL at first. */
  struct feed *feeds;     /* events that somebody looks at: feed.h */
  struct report *reports; /* being made, oldest first: report.h */
  int64_t feeds_due_ms;   /* monotonic */
  struct {
    struct room *room; /* NULL: none is followed */
    uint64_t sequence;
    int64_t received_ns;
  } reserving; /* a reservation on its way to be durable: how long it takes is the room's pace */
  struct compressor compressor;
};

/* Who may call: the server's `admit`. */
bool api_admit(struct exchange *exchange);

/* Once `world` is set. */
void api_open(struct api *api);

/* A reservation was appended: its room is told how long it takes to be durable. */
void api_follow_reservation(struct api *api, struct room *room, int64_t received_ns);

/* Work between requests, once per turn of the loop. True while there is more to do now. */
bool api_tick(struct api *api);

/*
 * Before the server is closed: what is answered later is answered now, nothing is begun any more.
 * Afterwards, before the sale is closed: api_close.
 */
void api_stop(struct api *api);
void api_close(struct api *api);

/* Who calls; empty: nobody we know. */
static inline struct bytes api_user_id(const struct exchange *exchange)
{
  const struct identity *identity = exchange->identity;
  return identity == NULL ? (struct bytes){NULL, 0} : identity->user_id;
}

struct api_routes {
  const char *endpoint; /* "http", "operations" */
  const struct route *routes;
  size_t count;
};

enum api_endpoint { API_HTTP, API_OPERATIONS, API_ENDPOINTS };

extern const struct api_routes api_routes[API_ENDPOINTS];

/* What answers GET and HEAD of paths that are no route: the pages. */
void api_web(struct exchange *exchange);

#endif
