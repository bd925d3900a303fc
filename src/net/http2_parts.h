/*
 * What the files of HTTP/2 share: http2.c has the connection and its patience, http2_session.c
 * the frames, http2_stream.c the life of a stream, http2_head.c its request's head.
 *
 *     HEAD --fields whole--> BODY --END_STREAM--> HANDLING --reply--> SENDING --END_STREAM--> gone
 *      |                      |                                  \--stream-> EVENTS ---------^
 *      +------- refused ------+------> SENDING, then RST_STREAM(NO_ERROR) if the peer still sends
 *     any phase --RST_STREAM, end of the connection--> gone
 *
 * Inside a callback of nghttp2 its session can be neither sent from nor freed. What ends the
 * connection there is put into `failure`, and done when nghttp2 has returned.
 *
 * Threads: all of it belongs to the reactor's.
 */
#ifndef TACOS_NET_HTTP2_PARTS_H
#define TACOS_NET_HTTP2_PARTS_H

#include "net/connection.h"
#include "net/http2_memory.h"
#include "net/reactor.h"

#include <nghttp2/nghttp2.h>

enum { HTTP2_FRAME_HEAD_BYTES = 9 }; /* RFC 9113 4.1 */

enum http2_phase {
  HTTP2_HEAD,     /* fields are coming */
  HTTP2_BODY,     /* so is the body */
  HTTP2_HANDLING, /* a handler, the log or another thread has the exchange */
  HTTP2_SENDING,  /* the reply is with nghttp2, its body still in the exchange */
  HTTP2_EVENTS,   /* the reply is an event stream */
};

struct http2_stream {
  struct http2_stream *next, *previous; /* of all of the connection */
  struct http2 *http2;
  struct exchange *exchange; /* events: what its body still is to be sent of, or NULL */
  struct subscriber subscriber;
  struct asked_stream *asked; /* an event stream that is asked; NULL: it subscribes */
  int64_t since_ms;           /* when the clock of the phase began */
  uint64_t body_received;
  uint64_t head_bytes; /* also of what was not stored, as HTTP/1.1 would count them */
  size_t event_sent;   /* bytes of the event at the subscriber's position */
  int32_t id;
  enum http2_phase phase;
  enum refusal refusal;     /* the first that is wrong with the head */
  uint32_t twice;           /* bits of the fields that stand more than once */
  uint32_t cookie;          /* place of the Cookie field; NET_HEADERS_MAX: none yet */
  uint32_t cookie_capacity; /* of its value, which grows */
  uint8_t ping_left;        /* bytes of a comment that is being sent */
  bool request_ended;       /* the peer sent END_STREAM */
  bool deferred;            /* nghttp2 asks for no events until it is told that there are some */
  bool ending;              /* events: END_STREAM comes next */
};

struct http2 {
  nghttp2_session *session;
  struct http2_memory memory; /* of the session */
  struct connection *connection;
  struct http2_stream *streams; /* newest first; NULL: none */
  uint32_t stream_count;
  int64_t look_ms;       /* when a stream's patience may end; INT64_MAX: none has a limit */
  int64_t idle_since_ms; /* without streams */
  int64_t moved_ms;      /* when a part of a reply was last sent */
  int64_t leave_ms;      /* while leaving: when the second GOAWAY is due */
  int64_t odd_since_ms;  /* when the window of odd_frames began */
  uint64_t frames_seen, frames_told;    /* of the peer, by their lengths and by nghttp2 */
  uint32_t payload_left, payload_bytes; /* of the frame that is being read */
  uint32_t frame_head_bytes;            /* read of the next */
  uint32_t odd_frames;
  uint32_t credit;      /* frames that need a reason and have one */
  enum refusal failure; /* why it ends; REFUSAL_NONE: it goes on */
  bool terminated;      /* the peer was told so */
  bool leaving;         /* GOAWAY was announced */
  bool left;            /* and said: no new streams */
};

/* ---- http2.c ---- */

/* Looks at the streams at this time at the latest. */
static inline void http2_look_by(struct http2 *http2, int64_t at_ms)
{
  if (at_ms < http2->look_ms) http2->look_ms = at_ms;
}

/* The connection is to end for this reason, unless it has one already. */
static inline void http2_fail(struct http2 *http2, enum refusal why)
{
  if (http2->failure == REFUSAL_NONE) http2->failure = why;
}

static inline const struct net_limits *http2_limits(const struct http2 *http2)
{
  return &http2->connection->reactor->server->options.limits;
}

static inline int64_t http2_now_ms(const struct http2 *http2)
{
  return http2->connection->reactor->loop->now_ms;
}

/* What was submitted leaves in this turn or the next, together with what else there is. */
void http2_wake(struct http2 *http2);

/* Announces that no streams will be taken, and soon takes none. */
void http2_leave(struct http2 *http2);

/* No new streams from here on; while leaving, once the peer has heard of it. */
void http2_leave_now(struct http2 *http2);

/* ---- http2_session.c ---- */

/* False when there is no memory. */
bool http2_session_make(struct http2 *http2);

/* Hands bytes of the peer to nghttp2; what comes of it may end the connection (http2_fail). */
void http2_session_feed(struct http2 *http2, struct bytes input);

/* The stream of an id; NULL: it is gone, or was never taken. */
static inline struct http2_stream *http2_stream_of(nghttp2_session *session, int32_t id)
{
  return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- http2_head.c ---- */

/* Prepares the exchange's head. */
void http2_head_begin(struct http2_stream *stream);

/* Takes one field, pseudo or not; what is wrong is kept in stream->refusal. */
void http2_head_add(struct http2_stream *stream, struct bytes name, struct bytes value);

/* The head is whole. `ended`: no body follows. Judges it; returns stream->refusal. */
enum refusal http2_head_end(struct http2_stream *stream, bool ended);

/* ---- http2_stream.c ---- */

/* A new stream, or NULL without memory. */
struct http2_stream *http2_stream_open(struct http2 *http2, int32_t id);

/* Forgets it. Its exchange is dropped, or goes on without it where a handler has it. */
void http2_stream_close(struct http2_stream *stream);

/* Events from nghttp2: head whole, a piece of the body, END_STREAM. */
void http2_stream_take_head(struct http2_stream *stream, bool ended);
void http2_stream_take_data(struct http2_stream *stream, struct bytes data);
void http2_stream_end_request(struct http2_stream *stream);

/* Answers with the words of a refusal instead of a handler's. */
void http2_stream_refuse(struct http2_stream *stream, enum refusal refusal);

/* Hands a finished exchange to nghttp2. */
void http2_stream_reply(struct http2_stream *stream);

/* nghttp2_send_data_callback's work: a DATA frame of a reply's body. */
int http2_stream_send_data(struct http2_stream *stream, const uint8_t *frame_head, size_t size);

/* When its patience ends (INT64_MAX: never), and what then. */
int64_t http2_stream_deadline(const struct http2_stream *stream);
void http2_stream_out_of_patience(struct http2_stream *stream);

/* An event stream: something was published; the server is about to stop. */
void http2_stream_pump(struct http2_stream *stream);
void http2_stream_end_events(struct http2_stream *stream);

#endif
