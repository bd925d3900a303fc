/*
 * Which web pages of other origins may call us, and what is said to their browsers (Fetch standard,
 * "CORS protocol").
 *
 * Credentials are allowed, so an origin is let in by its exact text only: no wildcards, no
 * suffixes. Browsers write an origin in one way (RFC 6454 6.2: lower case, no default port, no
 * path); whatever is written otherwise is not one, and since only that grammar is echoed, nothing
 * can be smuggled into a reply. "null" (files, sandboxes) is never let in.
 *
 * Memory: nothing is allocated; origins are slices of the configured text, which outlives the
 * struct. Read by any thread once it is filled.
 */
#ifndef TACOS_NET_CORS_H
#define TACOS_NET_CORS_H

#include "base/error.h"
#include "net/http.h"

enum {
  CORS_ORIGINS_MAX = 32,
  CORS_HOST_BYTES = 253, /* RFC 1035 2.3.4, as text without the last dot */
  CORS_HEADERS_MAX = 6,
};

struct cors {
  size_t count;
  struct bytes origins[CORS_ORIGINS_MAX];
};

/*
 * Reads "https://a.example,http://localhost:3000": origins, separated by commas and spaces around
 * them; an empty text has none. False with ERROR_INVALID (naming the origin that is wrong, and how
 * to write it) or ERROR_LIMIT.
 */
bool cors_parse(struct cors *cors, struct bytes text, struct error *error);

/*
 * Whether a page of this origin (the value of Origin) may call: a configured one, or our own, which
 * is scheme ("http" or "https", as the client sees it) and authority (of the request's head).
 */
bool cors_allows(const struct cors *cors, struct bytes origin, struct bytes scheme,
                 struct bytes authority);

enum cors_reply {
  CORS_REPLY,     /* to the request itself */
  CORS_PREFLIGHT, /* to OPTIONS with Origin and Access-Control-Request-Method: 204, no body */
};

/*
 * Fills the fields of a reply and returns their number. `origin` is what cors_allows let in, or
 * empty: then there is only Vary, which tells caches that another origin gets another answer. The
 * first value is `origin` itself.
 */
size_t cors_headers(enum cors_reply reply, struct bytes origin,
                    struct http_header headers[CORS_HEADERS_MAX]);

#endif
