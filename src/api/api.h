/*
 * The REST API: one table of routes for each endpoint, and what their handlers work with.
 *
 * Handlers parse, call the rooms below, and answer; they run on the engine thread (net/exchange.h).
 * The tables are what docs/openapi.yaml is checked against, through `tacos routes`.
 */
#ifndef TACOS_API_API_H
#define TACOS_API_API_H

#include "net/server.h"
#include "net/static_files.h"
#include "ops/health.h"
#include "ops/process.h"
#include "store/store.h"

/* The context of every exchange. Its members are the caller's and outlive the server. */
struct api {
  struct store *store;
  struct server *server; /* set once it is open */
  struct health health;
  struct process process;
  const char *version;
  struct static_files *web; /* NULL: no pages */
};

struct api_routes {
  const char *endpoint; /* "http", "operations" */
  const struct route *routes;
  size_t count;
};

enum api_endpoint { API_HTTP, API_OPERATIONS, API_ENDPOINTS };

extern const struct api_routes api_routes[API_ENDPOINTS];

/* What answers GET and HEAD of paths that are no route: the pages. */
void api_web(struct exchange *exchange);

/* status.c */
void api_healthz(struct exchange *exchange);
void api_readyz(struct exchange *exchange);
void api_version(struct exchange *exchange);
void api_metrics(struct exchange *exchange);

#endif
