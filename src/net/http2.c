#include "net/http2.h"

#include "base/check.h"
#include "net/http2_parts.h"

#include <errno.h>
#include <stddef.h>

enum {
  SHARE = 2 * NET_READS_PER_TURN, /* of a turn: reads, and blocks that are sent */
  LOOK_MS = 60000,                /* a handler has no deadline here: the timer only comes by */
  LEAVE_MS = 1000,                /* between two GOAWAYs, should the peer not answer our PING */
};

/* ---- the end ---- */

static uint32_t error_code_of(enum refusal why)
{
  switch (why) {
  case REFUSAL_IDLE:
    return NGHTTP2_NO_ERROR;
  case REFUSAL_HTTP2_FLOOD:
  case REFUSAL_HEAD_TIMEOUT:
    return NGHTTP2_ENHANCE_YOUR_CALM;
  default:
    return NGHTTP2_PROTOCOL_ERROR;
  }
}

/* nghttp2 has nothing more to say: streams that are left are given up. */
static void finish(struct connection *connection)
{
  CHECK(connection->out == NULL);
  http2_free(connection);
  connection->closing = true;
  connection_linger(connection);
}

/* Tells the peer why it ends, where it listens; false when the connection is closed now. */
static bool settle_failure(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  enum refusal why = http2->memory.starved ? REFUSAL_MEMORY : http2->failure;
  if (why == REFUSAL_NONE || (http2->terminated && why != REFUSAL_MEMORY)) return true;
  http2->terminated = true;
  if (why == REFUSAL_MEMORY || why == REFUSAL_WRITE_STALL ||
      nghttp2_session_terminate_session(http2->session, error_code_of(why)) != 0) {
    connection_abort(connection, why);
    return false;
  }
  metric_add(&connection->reactor->metrics.refusals[why], 1);
  return true;
}

/* Gathers frames; false when there is no memory. */
static bool gather(struct http2 *http2, struct buffer *out)
{
  while (out->size < NET_READ_BYTES) {
    const uint8_t *data;
    ssize_t size = nghttp2_session_mem_send(http2->session, &data);
    if (size < 0) return false;
    /* It also returns 0 where http2_stream_send_data let it pause. */
    if (size == 0) break;
    if (!buffer_append(out, bytes_of(data, (size_t)size))) return false;
  }
  return true;
}

/*
 * Sends as long as there is something, the socket takes it and the connection has a share of the
 * turn left. False when nothing is to be read now: it blocks, or the connection ended.
 */
static bool send_some(struct connection *connection, int *share)
{
  struct http2 *http2 = connection->http2;
  struct buffer *out = &connection->reactor->out;
  while (connection->out == NULL) {
    CHECK_THAT(out->size, ==, 0);
    if (*share <= 0) return true;
    if (!settle_failure(connection)) return false;
    if (!gather(http2, out)) {
      buffer_clear(out);
      connection_abort(connection, REFUSAL_MEMORY);
      return false;
    }
    if (out->size > 0) {
      (*share)--;
      if (!connection_flush(connection)) return false;
    } else if (http2->failure == REFUSAL_NONE || http2->terminated) {
      break;
    }
  }
  if (connection->out != NULL) return false;
  if (nghttp2_session_want_read(http2->session) != 0 ||
      nghttp2_session_want_write(http2->session) != 0)
    return true;
  finish(connection);
  return false;
}

/* ---- working ---- */

void http2_wake(struct http2 *http2)
{
  struct connection *connection = http2->connection;
  /* While it is being worked on, or blocked, whoever does that comes by anyway. */
  if (!connection->processing && connection->out == NULL)
    reactor_run_again(connection->reactor, connection);
}

/* Reads and works once; false when there is nothing to read, or the connection is closed. */
static bool receive(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  int64_t got = connection_read(connection, reactor->input, NET_READ_BYTES);
  if (got == -EAGAIN) return false;
  if (got <= 0) {
    /* The peer is gone, and nobody is left to take a reply. */
    connection_close(connection);
    return false;
  }
  http2_session_feed(connection->http2, bytes_of(reactor->input, (size_t)got));
  return true;
}

/* Lets it wait for its next turn, with the timer set. */
static void rest(struct connection *connection, bool more)
{
  if (connection->state == CONNECTION_CLOSED) return;
  connection->processing = false;
  if (connection->http2 != NULL && connection_flush(connection) && more)
    http2_wake(connection->http2);
}

void http2_run(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  if (http2 == NULL || connection->processing) return;
  /* Called by a handler, while the output of another connection is being gathered. */
  if (connection->reactor->out.size > 0) {
    http2_wake(http2);
    return;
  }
  connection->processing = true;
  int share = SHARE;
  bool more = send_some(connection, &share);
  while (more && connection->readable && share-- > 0)
    more = receive(connection) && send_some(connection, &share);
  rest(connection, more && (connection->readable || share <= 0));
}

void http2_deliver(struct connection *connection, struct exchange *exchange)
{
  struct http2 *http2 = connection->http2;
  struct http2_stream *stream = http2_stream_of(http2->session, exchange->http2_stream);
  CHECK(stream != NULL && stream->exchange == exchange && stream->phase == HTTP2_HANDLING);
  if (http2->memory.starved) {
    /* It ends, with all of its streams, and what they have: the exchange is ours again. */
    stream->phase = HTTP2_SENDING;
    return;
  }
  /* A refusal closes where the next request cannot be found, which is another stream here. */
  bool closes = exchange->reply.close && exchange->reply.refusal == REFUSAL_NONE;
  http2_stream_reply(stream);
  if (closes) http2_leave(http2);
  http2_wake(http2);
}

void http2_pump(struct subscriber *subscriber)
{
  http2_stream_pump(
      (struct http2_stream *)((uint8_t *)subscriber - offsetof(struct http2_stream, subscriber)));
}

/* ---- time ---- */

int64_t http2_deadline(const struct http2 *http2, int64_t since_ms, const struct net_limits *limits)
{
  if (http2 == NULL) return since_ms + limits->write_stall_ms;
  int64_t deadline_ms = http2->stream_count == 0 ? http2->idle_since_ms + limits->idle_ms
                                                 : http2_now_ms(http2) + LOOK_MS;
  return deadline_ms < http2->look_ms ? deadline_ms : http2->look_ms;
}

/* Looks at what may be late, and finds when to look again. */
static void look(struct http2 *http2)
{
  int64_t now_ms = http2_now_ms(http2);
  if (http2->leaving && now_ms >= http2->leave_ms) http2_leave_now(http2);
  if (http2->stream_count == 0 && now_ms >= http2->idle_since_ms + http2_limits(http2)->idle_ms)
    http2_fail(http2, REFUSAL_IDLE);
  http2->look_ms = http2->leaving && !http2->left ? http2->leave_ms : INT64_MAX;
  for (struct http2_stream *stream = http2->streams; stream != NULL && !http2->memory.starved;
       stream = stream->next) {
    if (now_ms >= http2_stream_deadline(stream)) http2_stream_out_of_patience(stream);
    http2_look_by(http2, http2_stream_deadline(stream));
  }
}

void http2_out_of_patience(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  if (http2 == NULL) {
    connection_abort(connection, REFUSAL_WRITE_STALL);
    return;
  }
  connection->processing = true;
  look(http2);
  connection->processing = false;
  http2_run(connection);
}

/* ---- life ---- */

void http2_leave(struct http2 *http2)
{
  if (http2->leaving) return;
  http2->leaving = true;
  http2->leave_ms = http2_now_ms(http2) + LEAVE_MS;
  http2_look_by(http2, http2->leave_ms);
  /* RFC 9113 6.8: requests on their way are still taken, for about a round trip. */
  if (nghttp2_submit_shutdown_notice(http2->session) != 0 ||
      nghttp2_submit_ping(http2->session, NGHTTP2_FLAG_NONE, NULL) != 0)
    http2_fail(http2, REFUSAL_MEMORY);
}

void http2_leave_now(struct http2 *http2)
{
  if (!http2->leaving || http2->left) return;
  http2->left = true;
  int32_t last = nghttp2_session_get_last_proc_stream_id(http2->session);
  if (nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0) !=
      0)
    http2_fail(http2, REFUSAL_MEMORY);
}

void http2_drain(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  if (http2 == NULL) return;
  http2_leave(http2);
  /* What an idle client may be sending now it sends again, elsewhere. */
  if (http2->stream_count == 0) http2_leave_now(http2);
  for (struct http2_stream *stream = http2->streams; stream != NULL; stream = stream->next)
    http2_stream_end_events(stream);
  http2_wake(http2);
}

void http2_begin(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  struct http2 *http2 = memory_alloc_zeroed(reactor->memory, sizeof *http2);
  if (http2 == NULL) {
    connection_abort(connection, REFUSAL_MEMORY);
    return;
  }
  http2->connection = connection;
  http2->look_ms = INT64_MAX;
  http2->idle_since_ms = http2->odd_since_ms = reactor->loop->now_ms;
  http2->memory.memory = reactor->memory;
  connection->http2 = http2;
  connection_enter(connection, CONNECTION_HTTP2);
  metric_add(&reactor->metrics.connections_http2, 1);
  if (!http2_session_make(http2)) {
    connection_abort(connection, REFUSAL_MEMORY);
    return;
  }
  if (connection->kept != NULL) {
    connection->processing = true;
    http2_session_feed(http2, bytes_of(connection->kept, connection->kept_size));
    connection->processing = false;
    connection_keep(connection, (struct bytes){NULL, 0});
  }
  if (reactor->draining) connection_drain(connection);
  http2_run(connection);
}

void http2_free(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  connection->http2 = NULL;
  while (http2->streams != NULL) http2_stream_close(http2->streams);
  if (http2->session != NULL && !http2->memory.starved) nghttp2_session_del(http2->session);
  http2_memory_free(&http2->memory);
  memory_free(connection->reactor->memory, http2, sizeof *http2);
}
