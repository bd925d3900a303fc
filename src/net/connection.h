/*
 * A connection: one socket of a reactor, speaking HTTP/1.1 or HTTP/2, in clear or over TLS.
 *
 *        +---------------- sent, keep-alive ----------------+
 *        v                                                  |
 *     HEAD --head--> BODY --whole--> HANDLING --reply--> SENDING --sent, close--> LINGER --> CLOSED
 *      | |  \---head, no body---------^   |                                          ^
 *      | |                                +--stream--> STREAMING --------------------+
 *      | +--refused, timed out--> SENDING
 *      +--preface or ALPN h2--> HTTP2 -----------------------------------------------+
 *     any state --error, reset, stall--> CLOSED
 *
 * An idle connection holds no buffer: bytes are read into memory that all connections of the
 * reactor share, and only what is not whole yet, or not taken by the socket yet, is kept. HTTP/1.1
 * has one exchange at a time; pipelined requests wait in `kept` and the socket, in their order.
 *
 * Threads: all of it belongs to the reactor's.
 */
#ifndef TACOS_NET_CONNECTION_H
#define TACOS_NET_CONNECTION_H

#include "net/exchange.h"
#include "net/loop.h"
#include "net/peers.h"
#include "net/topic.h"

enum connection_state {
  CONNECTION_HEAD,
  CONNECTION_BODY,
  CONNECTION_HANDLING,
  CONNECTION_SENDING,
  CONNECTION_STREAMING,
  CONNECTION_HTTP2,
  CONNECTION_LINGER,
  CONNECTION_CLOSED,
};

struct http2;
struct tls_stream;
struct listener;
struct asked_stream;

struct connection {
  struct watch watch;
  struct loop_timer timer;
  struct connection *next_again;
  struct connection *next, *previous; /* of all of the reactor; next: of the graveyard */
  struct reactor *reactor;
  const struct listener *listener;
  struct tls_stream *tls;          /* NULL: in clear */
  struct http2 *http2;             /* with CONNECTION_HTTP2 */
  struct exchange *exchange;       /* HTTP/1.1: under way, or NULL */
  struct subscriber *subscription; /* with CONNECTION_STREAMING: this */
  struct asked_stream *asked;      /* or this */
  struct peer *peer;               /* in reactor->peers; NULL: not counted */
  uint8_t *kept;                   /* read and not yet used; NULL: nothing */
  uint8_t *out;                    /* to be written; NULL: nothing */
  uint32_t kept_size;
  uint32_t out_size, out_sent;
  uint32_t scanned; /* of `kept`, while looking for the end of a head */
  int stream;       /* the world's handle */
  uint32_t requests;
  int64_t since_ms;       /* when the clock of the state began */
  uint64_t body_received; /* bytes of the body so far */
  struct http_chunks chunks;
  enum connection_state state;
  bool readable;   /* the socket may have more */
  bool writable;   /* the socket may take more */
  bool hungry;     /* what is kept cannot be worked on before more is read */
  bool processing; /* its input is being worked on: replies gather in reactor->out */
  bool closing;    /* ends when what is to be written is written */
  bool ending;     /* the peer's end is behind what is still to be read */
  bool ended;      /* it was read */
  bool again;      /* in reactor->again */
  char host[WORLD_HOST_BYTES];
};

/* Takes over an accepted stream; what is refused gets its refusal and ends. */
void connection_open(struct reactor *reactor, const struct listener *listener, int stream,
                     const struct world_address *peer);

/* Ends it now; its exchange goes on without it. The struct stays until the turn is over. */
void connection_close(struct connection *connection);

/* Ends it and counts why. */
void connection_abort(struct connection *connection, enum refusal why);

/* Does what can be done: writes, reads, works. */
void connection_run(struct connection *connection);

/* A finished exchange of it. */
void connection_deliver(struct connection *connection, struct exchange *exchange);

/* The server is about to stop: ends what is idle, closes the rest when it is done. */
void connection_drain(struct connection *connection);

/* ---- for http1.c, http2.c and event_stream.c ---- */

/* As the world's read and write, through TLS if there is. */
int64_t connection_read(struct connection *connection, void *to, size_t size);
int64_t connection_write(struct connection *connection, struct bytes from);

/*
 * Writes what waits, then reactor->out, then the rest of a large body. What the socket does not
 * take is kept. False when the connection is closed now.
 */
bool connection_flush(struct connection *connection);

/* Whether something waits to be written. */
static inline bool connection_blocked(const struct connection *connection)
{
  return connection->out != NULL ||
         (connection->exchange != NULL && connection->state == CONNECTION_SENDING);
}

/* Keeps bytes of the input for later; false (and closed) when there is no memory. */
bool connection_keep(struct connection *connection, struct bytes input);

/* Enters a state, whose clock starts. */
void connection_enter(struct connection *connection, enum connection_state state);

/* The clock of the state starts again. */
void connection_restart_clock(struct connection *connection);

/* Nothing more will be said: shuts down, and waits a while for the peer to have read it. */
void connection_linger(struct connection *connection);

/* http1.c: works on the input; refuses what is under way. */
void http1_run(struct connection *connection);
void http1_deliver(struct connection *connection, struct exchange *exchange);
void http1_refuse(struct connection *connection, enum refusal refusal);
void http1_body_sent(struct connection *connection);

/* event_stream.c */
bool event_stream_begin(struct connection *connection, struct exchange *exchange);
void event_stream_end(struct connection *connection);
/* Whether there is nothing to send beyond what lies in `out`. */
bool event_stream_has_all(const struct connection *connection);
/* Sends what the subscriber lacks, as far as the socket takes it. */
void event_stream_pump(struct connection *connection);
void event_stream_ping(struct connection *connection);
/*
 * Puts an answer to an asked stream into reactor->out, to be flushed; `last`: the stream is over.
 * False when there is nothing to flush, or no memory and the connection is closed.
 */
bool event_stream_tell(struct connection *connection, struct bytes event, bool last);
/* Ends the stream where its client can know that it is whole, and the connection. */
void event_stream_drain(struct connection *connection);

#endif
