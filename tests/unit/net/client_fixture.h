/*
 * A client on an edge-triggered loop, and a scripted HTTP server on the same one: what the server
 * does is named by the path it is asked for.
 *
 *     /ok /echo /chunk /slow /status/N /busy /large/N /redirect /hints /folded /control
 *     /close /half /garbage /never /partial /endless /endless-head /many-headers
 *
 * One thread: the test's. Everything belongs to the fixture.
 */
#ifndef TACOS_UNIT_NET_CLIENT_FIXTURE_H
#define TACOS_UNIT_NET_CLIENT_FIXTURE_H

#include "base/world_linux.h"
#include "base/world_net.h"
#include "net/client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

enum {
  CLIENT_FIXTURE_PEERS = 64,
  CLIENT_FIXTURE_TEXT_BYTES = 8192,
};

/* What the server does once it has sent what it has. */
enum client_fixture_then { THEN_NEXT, THEN_CLOSE, THEN_STALL, THEN_ENDLESS, THEN_ENDLESS_HEAD };

/* One connection at the server. */
struct client_fixture_peer {
  int fd; /* -1: not in use */
  SSL *ssl;
  struct buffer in, out;
  size_t sent; /* of out */
  enum client_fixture_then then;
  int64_t slow_ms; /* when the next byte goes out; 0: as fast as it can */
  struct client_fixture_http2 *http2;
};

struct client_fixture {
  struct world_linux linux_world;
  struct world *world;
  struct memory memory; /* the client's */
  struct memory server_memory;
  struct client *client; /* NULL: none yet */
  int64_t timer_ms;
  uint32_t watches;      /* calls */
  uint32_t watches_fail; /* the next ones that fail */
  int listeners[2];      /* plain, TLS */
  uint16_t ports[2];
  SSL_CTX *tls;
  char ca_file[64];
  struct client_fixture_peer peers[CLIENT_FIXTURE_PEERS];
  uint32_t accepted;
  uint32_t open;
  uint32_t requests;
  uint32_t http2_requests;
  uint32_t busy_left; /* of /busy: 503s before the 200 */
  const char *retry_after;
  char request[CLIENT_FIXTURE_TEXT_BYTES]; /* the last one received, cut */
};

struct client_result;
typedef void client_fixture_next(struct client_result *result);

/* What a callback was told; zeroed before the send. */
struct client_result {
  uint32_t calls;
  enum client_outcome outcome;
  uint16_t status;
  uint32_t header_count;
  uint32_t attempts;
  int64_t elapsed_ms;
  size_t body_size;
  char body[CLIENT_FIXTURE_TEXT_BYTES]; /* cut, with a zero */
  char test[64];                        /* header X-Test, or "-" */
  char text[CLIENT_TEXT_BYTES];
  struct client_handle handle;
  client_fixture_next *next; /* called at the end of the callback; or NULL */
  void *next_context;
};

int client_fixture_make(void **state);
/* Frees the client, too; fails when memory of the client is left. */
int client_fixture_drop(void **state);

/* A client with these options; NULL: the defaults. */
void client_fixture_start(struct client_fixture *fixture, const struct client_options *options);

/* "http://127.0.0.1:port/path"; in memory that the next four calls leave alone. */
const char *client_fixture_url(struct client_fixture *fixture, const char *path);
/* "https://localhost:port/path" */
const char *client_fixture_tls_url(struct client_fixture *fixture, const char *path);

/* Sends; a refusal fails the test. method and url of the request are filled in when empty. */
void client_fixture_send(struct client_fixture *fixture, const char *url,
                         const struct client_request *request, struct client_result *result);

/* The callback that fills a client_result. */
void client_fixture_record(void *context, const struct client_response *response);

/* One turn of the loop, at most limit_ms long. */
void client_fixture_turn(struct client_fixture *fixture, int limit_ms);

/* Turns until the callback was told; fails after ten seconds. */
void client_fixture_await(struct client_fixture *fixture, const struct client_result *result);

/* Turns until *counter is at least `value`; fails after ten seconds. */
void client_fixture_await_count(struct client_fixture *fixture, const uint32_t *counter,
                                uint32_t value);

/* Send and await. */
void client_fixture_get(struct client_fixture *fixture, const char *url,
                        const struct client_request *request, struct client_result *result);

/* --- client_fixture_tls.c, client_fixture_http2.c --- */

/* A key and a certificate for "localhost", written to ca_file; the server's context. */
SSL_CTX *client_fixture_tls_context(char *ca_file);

struct client_fixture_http2 *client_fixture_http2_new(struct client_fixture *fixture);
void client_fixture_http2_free(struct client_fixture_http2 *http2);
/* Takes what came, appends what is to be sent. */
void client_fixture_http2_run(struct client_fixture_http2 *http2, struct buffer *in,
                              struct buffer *out);

#endif
