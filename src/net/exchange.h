/*
 * An exchange: one request, and the reply to it.
 *
 *     free -> reading -> handling -> waiting -> delivering -> free
 *              |           |           |            \ bytes leave, HTTP/1.1 or HTTP/2
 *              |           |            \ until what the reply tells is durable
 *              |            \ its handler runs, or has kept it to answer later
 *               \ head known, body arriving
 *
 * An ask is an exchange that no client sent: for each stream of exchange_reply_asked_stream, every
 * period, the door asks what its reader shall be told.
 *
 * A handler reads `head`, `match`, `body` and `client`, which are valid until it returns; what it
 * needs longer it copies into `arena`. It builds a reply and calls exchange_send, in its call or at
 * any time later; until then the exchange is its own. Whether the client is still there is not its
 * affair: the effect stands, and the reply of one that went is dropped.
 *
 * Memory: the arena and the struct memory behind it belong to the exchange and travel with it
 * between the threads. Bytes given to a reply lie in the arena, or outlive the server. Threads: an
 * exchange has one owner at a time; handlers run on the engine thread.
 */
#ifndef TACOS_NET_EXCHANGE_H
#define TACOS_NET_EXCHANGE_H

#include "base/arena.h"
#include "base/json.h"
#include "base/world_net.h"
#include "net/route.h"

enum {
  REPLY_HEADERS_MAX = 16,
  STREAM_NOTE_BYTES =
      160, /* what a handler keeps with a stream: ids, and a hash of the last told */
};

struct topic;
struct asked_stream;
struct connection;
struct server;
struct reactor;

enum reply_kind { REPLY_API, REPLY_PAGE }; /* which security headers: security_headers.h */

struct reply {
  uint16_t status;
  enum reply_kind kind;
  bool close;                /* the connection ends after it */
  bool encoded;              /* the body has its Content-Encoding already, or shall have none */
  enum refusal refusal;      /* counted when the reply leaves; REFUSAL_NONE: none */
  struct bytes content_type; /* empty: no body, no type */
  struct bytes etag;         /* strong, with quotes; empty: none. Makes If-None-Match work */
  struct bytes body;
  struct topic *topic;   /* not NULL: an event stream; body is what it begins with */
  route_handler *ask;    /* the same, of what this handler says every period_ms */
  uint32_t period_ms;    /* of ask */
  uint32_t header_count; /* of further ones */
  struct bytes note;     /* kept with the asked stream, for the next ask */
  bool told;             /* to an ask: body is the event, `note` the new one */
  bool last;             /* and the stream ends with it */
  uint64_t sequence;     /* leaves when this is durable; 0: at once */
  struct http_header headers[REPLY_HEADERS_MAX]; /* names in lower case */
};

struct exchange {
  struct exchange *next; /* of whatever list it is in */

  /* The request. */
  struct http_head head;
  struct route_match match;
  struct bytes body;
  struct bytes trace_id;         /* of the reply and the log */
  char client[WORLD_HOST_BYTES]; /* address, with trusted proxies looked through */
  bool secure;                   /* it came over TLS */
  bool trusted;                  /* the peer is a trusted proxy */

  /* For the handler. */
  void *context;           /* of the server's options */
  void *identity;          /* who calls, as the server's admit found; NULL: nobody we know */
  route_handler *fallback; /* of the endpoint */
  route_handler *ask;      /* whom it asks; NULL: it is a request */
  struct bytes note;       /* of an ask: what the stream keeps */
  struct arena arena;
  struct memory memory; /* of the arena */

  struct reply reply;

  /* The door's own. */
  struct server *server;
  struct reactor *reactor;       /* that owns the connection */
  struct connection *connection; /* NULL: it is gone. Its reactor's thread only */
  struct asked_stream *asked;    /* of an ask, the same */
  int32_t http2_stream;          /* 0: HTTP/1.1 */
  bool sent;                     /* exchange_send was called */
  bool refused;                  /* made by the door itself, not by a handler */
  struct buffer received;        /* a body that came in pieces; on `memory` */
  struct bytes raw_head;         /* what the slices of `head` point into; empty: the arena */
  size_t body_sent;
  int64_t received_ns; /* monotonic: the head was whole; the handler began, ended; was durable */
  int64_t handled_ns;
  int64_t replied_ns;
  int64_t durable_ns;
  char trace_buffer[NET_TRACE_ID_BYTES];
};

/* ---- for handlers ---- */

/* A parameter of the route's pattern, by its place in it. */
static inline struct bytes exchange_parameter(const struct exchange *exchange, uint32_t index)
{
  return exchange->match.parameters[index];
}

/* Sets status, type and body, in place of any reply set before. */
void exchange_reply(struct exchange *exchange, uint16_t status, struct bytes content_type,
                    struct bytes body);

/* The same for a JSON document. */
void exchange_reply_json(struct exchange *exchange, uint16_t status, struct bytes json);

/* Status without body. */
void exchange_reply_empty(struct exchange *exchange, uint16_t status);

/*
 * The contract's error body: {"error":{"code","message","trace_id","details"?}}. details is JSON or
 * empty. Without memory for it the reply is 503 without body.
 */
void exchange_reply_error(struct exchange *exchange, uint16_t status, const char *code,
                          struct bytes message, struct bytes details);

/* The same with the words of a refusal's row. */
void exchange_refuse(struct exchange *exchange, enum refusal refusal);

/*
 * An event stream (text/event-stream) of what is published to the topic from now on; `first` is
 * sent ahead of it, one or more whole events.
 */
void exchange_reply_stream(struct exchange *exchange, struct topic *topic, struct bytes first);

/*
 * An event stream of its own for every reader: `first` is sent at once (empty: only the head), and
 * every period_ms (at least 1), counted from then, `ask` is let answer as if the client had polled.
 * `note`, at most STREAM_NOTE_BYTES (CHECKed), is all that is kept for it; it is copied.
 *
 * `ask` is given a fresh exchange: `note`, `context`, `client`, `secure`, `trusted`, `trace_id` and
 * match.route are those of the stream, the head is a GET without fields, parameters and body, and
 * nobody has looked who calls: `identity` is NULL. It replies with one of the two below, at once or
 * later, and may exchange_wait_for as any other. Any other reply tells the client nothing and
 * leaves the note as it was.
 *
 * A stream is not asked while an ask of it is under way, while its reader has not taken what it was
 * told, or when there is no memory: that period is passed over. What is under way when its client
 * goes is dropped in the end. Neither admit nor the metrics of requests know of asks.
 */
void exchange_reply_asked_stream(struct exchange *exchange, route_handler *ask, uint32_t period_ms,
                                 struct bytes note, struct bytes first);

/* To an ask: one or more whole events, or nothing to tell. The note replaces the kept one. */
void exchange_reply_event(struct exchange *exchange, struct bytes note, struct bytes event);

/* To an ask: the last events, or nothing; then the stream ends as a whole reply does. */
void exchange_end_stream(struct exchange *exchange, struct bytes event);

/* Whether the reply is an event stream. */
static inline bool reply_is_stream(const struct reply *reply)
{
  return reply->topic != NULL || reply->ask != NULL;
}

/* Adds a header; the name in lower case, the value without control characters (CHECKed). */
void exchange_add_header(struct exchange *exchange, struct bytes name, struct bytes value);

/* The reply tells what the store has at this sequence: it leaves when that is durable. */
void exchange_wait_for(struct exchange *exchange, uint64_t sequence);

/* The reply is whole. The exchange is no longer the caller's. */
void exchange_send(struct exchange *exchange);

/* ---- for the door ---- */

/* NULL when there is no memory. The arena keeps its chunk over exchange_reset. */
struct exchange *exchange_new(struct memory *memory);
void exchange_free(struct exchange *exchange, struct memory *memory);
void exchange_reset(struct exchange *exchange);

/*
 * Copies the head's bytes into the arena, if they are not there yet, so that its slices outlive the
 * read buffer. False without memory.
 */
bool exchange_keep_head(struct exchange *exchange);

/* The same for head and body. */
bool exchange_keep_request(struct exchange *exchange);

/* Makes it a request without head: for refusals of what never was one. */
void exchange_clear_head(struct exchange *exchange);

extern const struct bytes CONTENT_TYPE_JSON; /* application/json; charset=utf-8 */
extern const struct bytes CONTENT_TYPE_TEXT; /* text/plain; charset=utf-8 */

#endif
