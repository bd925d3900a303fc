/*
 * An asked stream: an event stream whose reader is told something of its own.
 *
 *        +-- due, but the reader takes nothing, or no memory --+
 *        v                                                     |
 *      RESTS --due: a fresh exchange--> ASKED (pending) --reply: the note is kept--> RESTS
 *        |                                |                \--event--> HTTP/1.1, HTTP/2
 *        \--the client goes, drain--------+--> gone; what is pending is dropped when it comes
 *
 * Every stream has a timer of its own, whose periods are counted from its begin: streams that began
 * at different times are asked at different times, and one that is late stays in its place. What a
 * handler wants to remember is the note; nothing else is kept, and an exchange only while it is
 * under way, or while HTTP/2 may not send its event yet.
 *
 * Memory: one struct on the reactor's memory, which is all that a stream at rest has beyond its
 * connection: measured, 368 bytes of resident memory each with 18,000 of them. An ask with nothing
 * to tell costs 1.0 us of the thread's time with reactors 0, the handler of tests/api/net_server.c
 * included, and 3.0 us of all threads' with reactors 2; one that tells an event, 14 us with the
 * write to its socket. Threads: the reactor's; handlers are asked on the engine's, by way of
 * reactor_dispatch.
 */
#ifndef TACOS_NET_ASKED_STREAM_H
#define TACOS_NET_ASKED_STREAM_H

#include "net/connection.h"

struct http2_stream;

enum { ASKED_STREAM_BYTES = 400 };

struct asked_stream {
  struct loop_timer timer; /* always set: when it is due */
  struct connection *connection;
  struct http2_stream *http2; /* NULL: HTTP/1.1 */
  struct exchange *pending;   /* the ask under way; NULL: none */
  route_handler *ask;         /* of exchange_reply_asked_stream, as what follows */
  const struct route *route;  /* of the request */
  uint32_t period_ms;
  uint16_t note_size;
  uint16_t trace_id_size;
  bool chunked; /* HTTP/1.1; an HTTP/1.0 client gets the events bare */
  bool trusted; /* of the request */
  char client[WORLD_HOST_BYTES];
  char trace_id[NET_TRACE_ID_BYTES];
  uint8_t note[STREAM_NOTE_BYTES];
};

_Static_assert(sizeof(struct asked_stream) <= ASKED_STREAM_BYTES, "20,000 of them are 8 MB");

/* Begins what the exchange replies with, to its connection; NULL without memory. */
struct asked_stream *asked_stream_new(struct exchange *exchange, struct http2_stream *http2);

/* Asks no more; an ask that is pending is dropped when it is answered. */
void asked_stream_free(struct asked_stream *asked);

/* The answer to an ask, whose stream may be gone. */
void asked_stream_deliver(struct reactor *reactor, struct exchange *exchange);

#endif
