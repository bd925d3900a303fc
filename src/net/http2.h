/*
 * HTTP/2 (RFC 9113) by nghttp2, on the same routes: a connection of many exchanges.
 *
 *     bytes -> nghttp2 -> callbacks -> exchange per stream -> reactor_dispatch
 *     exchange delivered -> nghttp2_submit_response -> frames -> reactor->out -> socket
 *
 * A stream's exchange is made at its HEADERS, filled by its fields and DATA, dispatched at its
 * end, and dropped when its reply is sent or the stream is reset. A stream whose exchange a
 * handler still has is only forgotten: the effect stands.
 *
 * What a peer can make us hold or do for nothing is bounded: concurrent streams, bytes and number
 * of fields, bodies, frames without use and resets in a time, replies that are not taken.
 *
 * Threads: the reactor's.
 */
#ifndef TACOS_NET_HTTP2_H
#define TACOS_NET_HTTP2_H

#include "net/connection.h"

struct http2_stream;

/* The connection speaks HTTP/2 from here on; its first bytes are in `kept`. */
void http2_begin(struct connection *connection);
void http2_free(struct connection *connection);

/* Reads and works, sends what there is to send. */
void http2_run(struct connection *connection);

/* A finished exchange of one of its streams. */
void http2_deliver(struct connection *connection, struct exchange *exchange);

/* When its patience ends, and what then. */
int64_t http2_deadline(const struct http2 *http2, int64_t since_ms,
                       const struct net_limits *limits);
void http2_out_of_patience(struct connection *connection);

/* GOAWAY: streams under way are finished, then it ends. */
void http2_drain(struct connection *connection);

/* An event stream's turn. */
void http2_pump(struct subscriber *subscriber);

/*
 * An asked stream: whether all that it was told has left; the answer to an ask, whose exchange is
 * the stream's from here on.
 */
bool http2_takes_events(const struct http2_stream *stream);
void http2_tell(struct http2_stream *stream, struct exchange *exchange);

#endif
