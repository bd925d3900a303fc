/*
 * A server over the simulated network, and an HTTP/2 client by nghttp2 as its peer.
 *
 * Everything that goes wrong in the fixture itself fails the test.
 */
#ifndef TACOS_UNIT_NET_HTTP2_FIXTURE_H
#define TACOS_UNIT_NET_HTTP2_FIXTURE_H

#include "net/reactor.h"
#include "net/server.h"
#include "sim/world_sim.h"

#include <nghttp2/nghttp2.h>

enum {
  HTTP2_REPLIES = 2048, /* streams a test may open */
  HTTP2_KEPT = 256,
  HTTP2_LARGE_BYTES = 1 << 20,
  HTTP2_BIG_LIMIT_BYTES = 2 << 20, /* of POST /big */
  HTTP2_ASK_MS = 1000,             /* period of GET /asked */
  HTTP2_ASKED_BYTES = 2000,        /* of each event it tells */
};

/* What came back on a stream. */
struct http2_reply {
  int status; /* the last; 0: none yet */
  int continues;
  bool closed;
  uint32_t error_code; /* with closed */
  struct buffer head;  /* "name: value\n" */
  struct buffer body;
};

struct http2_fixture {
  struct world_sim *sim;
  struct world *world, *client_world;
  struct loop loop;
  struct net_limits limits;
  struct server *server;
  struct topic *topic;
  struct error error;
  uint64_t durable; /* given to server_release */
  bool leave_open;  /* /later: handlers keep what they get */
  struct exchange *kept[HTTP2_KEPT];
  size_t kept_count;
  uint32_t handled; /* requests that reached a handler */
  uint32_t asked;   /* asks of GET /asked */
  bool keep_asks;   /* they are kept like /later */
  bool tell_nothing;
  uint64_t ask_last; /* the ask that ends its stream; 0: none */

  int stream;
  nghttp2_session *session; /* NULL: bytes are counted only */
  struct memory memory;     /* the client's */
  struct buffer to_send;
  size_t sent;
  bool gone;    /* the server ended the connection */
  bool no_read; /* the client takes nothing from the socket */
  uint64_t bytes_received;
  struct http2_reply replies[HTTP2_REPLIES];
  int goaways;
  uint32_t goaway_code;
  int32_t goaway_last;
  int64_t gone_at_ms; /* of the loop */
};

/* limits NULL: the usual. server may be missing (error set) when memory fails. */
struct http2_fixture *http2_fixture_new(const struct net_limits *limits, uint64_t seed,
                                        uint64_t fail_at);
struct http2_fixture *http2_fixture_open(const struct net_limits *limits);

/* Closes all; checks that the server's memory is back. */
void http2_fixture_free(struct http2_fixture *fixture);

/* Connects. window: of the client's streams, without updates by itself when `manual`. */
void http2_fixture_connect(struct http2_fixture *fixture, uint32_t window, bool manual);
/* The same without a session: the test writes bytes. */
void http2_fixture_connect_raw(struct http2_fixture *fixture);
/* Ends the client's connection. */
void http2_fixture_disconnect(struct http2_fixture *fixture);

/* One step of all; then time passes until `ms` are over. */
void http2_fixture_run(struct http2_fixture *fixture, int64_t ms);
/* Runs until a reply is whole (at most 60 s). */
struct http2_reply *http2_fixture_await(struct http2_fixture *fixture, int32_t id);
/* Runs until the connection is gone (at most `ms`); whether it is. */
bool http2_fixture_await_end(struct http2_fixture *fixture, int64_t ms);

/* Requests. extra: "name: value" texts, ended by NULL; may be NULL. */
int32_t http2_fixture_request(struct http2_fixture *fixture, const char *method, const char *path,
                              const char *const *extra);
/* With a body that lives as long; `length`: Content-Length is sent. */
int32_t http2_fixture_post(struct http2_fixture *fixture, const char *path, struct bytes body,
                           bool length);
/* With a body that never comes: the client holds it back. */
int32_t http2_fixture_post_nothing(struct http2_fixture *fixture, const char *path);

/* Bytes put behind what the session has to say. */
void http2_fixture_write(struct http2_fixture *fixture, struct bytes bytes);
void http2_fixture_write_frame(struct http2_fixture *fixture, uint8_t type, uint8_t flags,
                               int32_t id, struct bytes payload);

struct http2_reply *http2_fixture_reply(struct http2_fixture *fixture, int32_t id);

/* Whether the head has this line. */
bool http2_reply_has(const struct http2_reply *reply, const char *line);

/* Answers what /later keeps: the i-th. */
void http2_fixture_answer(struct http2_fixture *fixture, size_t i);

uint64_t http2_fixture_refusals(const struct http2_fixture *fixture, enum refusal refusal);

extern const struct bytes HTTP2_PREFACE;

#endif
