/*
 * HTTP requests to others (webhooks, AWS), on a loop that somebody else runs: no thread, no wait.
 *
 *                     a place is free            a reply, or no more attempts
 *     send --> QUEUED ---------------> RUNNING -----------------------------> callback
 *               ^   \                     |
 *               |    +--> callback        | worth another attempt
 *               |     total_ms is over    v
 *               +--- backoff is over -- WAITING
 *
 * The protocols are libcurl's (multi interface); what may be asked for, how much is held and what
 * is tried again is decided here. Always: certificate and host name are checked, TLS 1.2 or later,
 * http and https only, HTTP/2 where TLS offers it, no redirects, cookies, netrc or proxies from
 * the environment. A request is sent as given, with Host, Content-Length and, unless given,
 * User-Agent and Accept added; a body comes as received, not decompressed.
 *
 * The loop. libcurl wants readiness told for as long as it lasts; our loop (world_net.h) tells when
 * it begins. So every descriptor that was reported is watched again before client_ready returns, if
 * libcurl still wants it: watching again reports at the next wait what is ready already. libcurl
 * may thus leave bytes unread, and is told again. A descriptor that libcurl closes leaves the loop
 * with its close; if its number comes back within one batch of events, the event of the old one is
 * at worst a spurious one of the new, and both sides cope with those.
 *
 * Every request that client_send took gets exactly one callback, from within client_ready,
 * client_timer, client_cancel or client_free, never from within client_send. A callback may send
 * and cancel, but not free the client.
 *
 * Memory: all that is needed of a request is copied; it and the reply are on the client's struct
 * memory, bounded by the limits below. libcurl allocates from malloc for itself, bounded by
 * connections and requests in flight. One thread: that of the loop. libcurl looks names up in short
 * threads of its own and abandons those whose request has ended. The first request over TLS reads
 * the trusted certificates: some milliseconds, once a day.
 */
#ifndef TACOS_NET_CLIENT_H
#define TACOS_NET_CLIENT_H

#include "base/error.h"
#include "base/world.h"
#include "net/http.h"

enum {
  /* Of a request; beyond, client_send says ERROR_LIMIT. */
  CLIENT_URL_BYTES = 8192,
  CLIENT_HEADERS_MAX = 64,
  CLIENT_HEADER_BYTES = 32768, /* an AWS session token alone may have 4 KiB */
  CLIENT_BODY_BYTES = 16 << 20,
  CLIENT_ATTEMPTS_MAX = 100,
  CLIENT_TIME_MS_MAX = 24 * 60 * 60 * 1000,
  /* Of a reply; beyond, CLIENT_TOO_LARGE. */
  CLIENT_REPLY_HEADERS_MAX = 64,
  CLIENT_REPLY_HEADER_BYTES = 32768, /* all lines, those of 1xx replies and trailers too */
  CLIENT_RESPONSE_BYTES_MAX = 256 << 20,
  /* Of an error text. */
  CLIENT_TEXT_BYTES = 512,
  /* A longer Retry-After is taken as this; whoever cannot wait sets total_ms. */
  CLIENT_RETRY_AFTER_MS_MAX = 60 * 1000,
  /* Of client_options. */
  CLIENT_IN_FLIGHT_MAX = 1024,
  CLIENT_QUEUED_MAX = 1 << 20,
  CLIENT_CONNECTIONS_MAX = 4096,
};

struct client;

/*
 * What the client asks of the loop. Called only from within functions of this header, which they
 * may not call in turn.
 */
struct client_loop {
  void *context;
  /*
   * As `watch` of world_net.h, or level-triggered: client_ready from now on, also for what is ready
   * already. 0 or a negative errno; after a failure it is asked again a little later.
   */
  int (*watch)(void *context, int fd, uint32_t interest);
  /* The descriptor may have left the loop already. */
  void (*unwatch)(void *context, int fd);
  /*
   * Call client_timer once, at at_ms or soon after (at once when it is past). Replaces the time set
   * before; INT64_MAX: none. Milliseconds of world_monotonic_ns.
   */
  void (*set_timer)(void *context, int64_t at_ms);
};

/* 0 takes the default in brackets. */
struct client_options {
  uint32_t in_flight;            /* requests at a time [64] */
  uint32_t queued;               /* further ones, waiting for a place or an attempt [1024] */
  uint32_t connections;          /* open at a time, idle ones too [64] */
  uint32_t connections_per_host; /* [16] */
  const char *ca_file;           /* trusted certificates, PEM. NULL: those of the system */
  const char *user_agent;        /* NULL: "tacos" */
};

/* 0 takes the default in brackets. */
struct client_request {
  struct bytes method; /* GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS */
  struct bytes url;    /* http or https, printable ASCII, without user and password */
  const struct http_header *headers;
  uint32_t header_count;
  struct bytes body;           /* not with GET and HEAD */
  uint32_t connect_timeout_ms; /* until the connection and its TLS stand [5000] */
  uint32_t timeout_ms;         /* of one attempt, connecting included [15000] */
  uint32_t total_ms;           /* of everything: queue, attempts and backoff [120000] */
  uint32_t attempts;           /* at most [1] */
  uint32_t backoff_ms;         /* see client_retry.c [200] */
  uint32_t backoff_max_ms;     /* [10000] */
  uint32_t response_bytes_max; /* of the body [1 MiB] */
  /*
   * Doing it twice does no more than once, whatever the method: it carries an idempotency key.
   * Without it POST and PATCH are attempted once, and over a fresh connection each time, since
   * libcurl repeats on its own what a reused connection lost (RFC 9110 9.2.2).
   */
  bool has_idempotency_key;
};

enum client_outcome {
  CLIENT_OK,        /* a whole reply, of any status */
  CLIENT_CONNECT,   /* no such host, no connection, or it ended before a byte of a reply */
  CLIENT_TLS,       /* no TLS: the certificate is not trusted, or of another host */
  CLIENT_TIMEOUT,   /* of the last attempt, or total_ms is over */
  CLIENT_TOO_LARGE, /* the reply, for response_bytes_max or its header for ours */
  CLIENT_PROTOCOL,  /* what came is not HTTP, or not whole */
  CLIENT_MEMORY,    /* none for the attempt or its reply */
  CLIENT_CANCELLED,
};

/* The outcome's name for logs and metrics: "too_large". */
const char *client_outcome_name(enum client_outcome outcome);

/* Valid during the callback. */
struct client_response {
  enum client_outcome outcome;
  uint16_t status; /* of a reply, 0 unless CLIENT_OK */
  uint32_t header_count;
  const struct http_header *headers; /* names in lower case; without trailers */
  struct bytes body;
  uint32_t attempts;  /* that were begun */
  int64_t elapsed_ms; /* since client_send */
  /*
   * For an operator, "" for CLIENT_OK: scheme, host, port and what went wrong. Never the path or
   * query of the URL, header values or bodies, which may be secret.
   */
  const char *text;
};

/* The value of the first header with this name, or data NULL. */
struct bytes client_response_header(const struct client_response *response,
                                    struct bytes lower_name);

typedef void client_done(void *context, const struct client_response *response);

/* Names a request, also after its end. All zero names none. */
struct client_handle {
  uint32_t slot;
  uint32_t generation;
};

/*
 * Once per process, by main, before any client and while there is no other thread; and after the
 * last client. Process-wide state of libcurl. SIGPIPE must be ignored in the process.
 */
bool client_global_init(struct error *error);
void client_global_cleanup(void);

/*
 * NULL with *error: ERROR_LIMIT (an option is too large), ERROR_IO (ca_file cannot be opened),
 * ERROR_NO_MEMORY. `loop` and `options` are copied; memory and world outlive the client.
 */
struct client *client_new(struct memory *memory, struct world *world,
                          const struct client_loop *loop, const struct client_options *options,
                          struct error *error);

/* Cancels what is under way, with its callbacks, and closes all connections. NULL does nothing. */
void client_free(struct client *client);

/*
 * Takes a request and begins with it. False with *error, and no callback: ERROR_INVALID (malformed,
 * or a header that is not the caller's to set: Host, Connection, Content-Length, ...), ERROR_LIMIT
 * (too large, or no room in the queue: retry later), ERROR_NO_MEMORY. *handle may be NULL.
 */
bool client_send(struct client *client, const struct client_request *request, client_done *callback,
                 void *context, struct client_handle *handle, struct error *error);

/* Ends a request: its callback is told CLIENT_CANCELLED. False when it has ended before. */
bool client_cancel(struct client *client, struct client_handle handle);

/*
 * The loop's reports: a watched descriptor is `ready` (of WORLD_READ and WORLD_WRITE), and it is
 * time. A report about nothing that is wanted is fine.
 */
void client_ready(struct client *client, int fd, uint32_t ready);
void client_timer(struct client *client, int64_t now_ms);

struct client_counts {
  uint32_t queued;
  uint32_t running;
  uint32_t waiting;
};

struct client_counts client_counts(const struct client *client);

#endif
