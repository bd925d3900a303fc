/*
 * Routes as data: one table says which paths there are, who may call them and who answers.
 *
 *     {HTTP_BIT(HTTP_GET), "/api/v1/events/{id}", AUTH_NONE, KEY_NONE, 0, event_get}
 *
 * From it come dispatch, 404, 405 with Allow, the limit of bodies, the labels of metrics, and the
 * list that docs/openapi.yaml is checked against (`tacos routes`).
 *
 * A segment of a pattern is literal or one {parameter}; a last segment {rest...} takes the whole
 * rest of the path, slashes too. Where several patterns of a method fit, the first segment in which
 * they differ decides: a literal wins over a parameter, and that over a rest. HEAD is answered by
 * the route of GET, unless the same pattern has one of its own.
 *
 * Paths are compared as sent, byte for byte: nothing is decoded, no dots are resolved, no slash is
 * added or taken away. A parameter is 1 to ROUTE_PARAMETER_BYTES bytes of A-Z a-z 0-9 - . _ ~ :
 * (what our ids are made of), in a rest '/' besides; anything else is not found.
 *
 * Memory: the index is built once from the caller's table, which outlives it; matching allocates
 * nothing. Built by one thread, then read by any.
 */
#ifndef TACOS_NET_ROUTE_H
#define TACOS_NET_ROUTE_H

#include "base/error.h"
#include "net/http.h"

enum {
  ROUTE_PARAMETERS_MAX = 4,
  ROUTE_PARAMETER_BYTES = 136,
  ROUTE_SEGMENTS_MAX = 12,
  ROUTE_PATTERN_BYTES = 256,
  ROUTES_MAX = 256,
};

#define HTTP_BIT(method) ((uint32_t)1 << (method))

/*
 * Who may call: anybody, anybody but with no bad token, a user, an administrator, whoever signs
 * (its handler looks). The shield decides; without one (server.h: admit), what is for users and
 * administrators is refused.
 */
enum route_auth { AUTH_NONE, AUTH_OPTIONAL, AUTH_USER, AUTH_ADMIN, AUTH_SIGNATURE };

/* Whether an Idempotency-Key must be sent. */
enum route_key { KEY_NONE, KEY_OPTIONAL, KEY_REQUIRED };

struct exchange;

/* Answers, or keeps the exchange and answers later (exchange.h). Engine thread. */
typedef void route_handler(struct exchange *exchange);

struct route {
  uint32_t methods; /* HTTP_BITs */
  const char *pattern;
  enum route_auth auth;
  enum route_key key;
  uint32_t body_bytes; /* the most it takes; 0: none */
  route_handler *handler;
};

struct route_index;

/*
 * NULL with *error: ERROR_INVALID naming the pattern that is malformed, or the two of rows that
 * answer the same method at the same paths; ERROR_LIMIT beyond ROUTES_MAX; ERROR_NO_MEMORY.
 */
struct route_index *route_index_new(const struct route *routes, size_t count, struct memory *memory,
                                    struct error *error);
void route_index_free(struct route_index *index);

struct route_match {
  const struct route *route;                     /* NULL: see allowed */
  struct bytes parameters[ROUTE_PARAMETERS_MAX]; /* in order of the pattern; slices of the path */
  uint32_t parameter_count;
  uint32_t allowed; /* HTTP_BITs in rows that fit the path; 0: there is no such path */
};

/* Finds the route. HTTP_OTHER matches none. */
void route_match(const struct route_index *index, enum http_method method, struct bytes path,
                 struct route_match *match);

enum { ROUTE_ALLOW_BYTES = 64 };

/*
 * Writes "GET, HEAD, OPTIONS" for a set of methods, OPTIONS always among them and HEAD where GET
 * is; returns the size.
 */
size_t route_allow(uint32_t methods, char text[ROUTE_ALLOW_BYTES]);

#endif
