#include "base/check.h"
#include "net/asked_stream.h"
#include "net/http2.h"
#include "net/http2_parts.h"

/* ---- life ---- */

struct http2_stream *http2_stream_open(struct http2 *http2, int32_t id)
{
  struct connection *connection = http2->connection;
  struct reactor *reactor = connection->reactor;
  struct http2_stream *stream = memory_alloc_zeroed(reactor->memory, sizeof *stream);
  if (stream == NULL) return NULL;
  stream->exchange = reactor_take_exchange(reactor, connection);
  if (stream->exchange == NULL) {
    memory_free(reactor->memory, stream, sizeof *stream);
    return NULL;
  }
  stream->exchange->http2_stream = id;
  stream->http2 = http2;
  stream->id = id;
  stream->since_ms = reactor->loop->now_ms;
  stream->next = http2->streams;
  if (stream->next != NULL) stream->next->previous = stream;
  http2->streams = stream;
  http2->stream_count++;
  http2_head_begin(stream);
  http2_look_by(http2, http2_stream_deadline(stream));
  return stream;
}

static void unsubscribe(struct http2_stream *stream)
{
  if (stream->asked != NULL)
    asked_stream_free(stream->asked);
  else if (stream->subscriber.shard != NULL)
    topic_unsubscribe(&stream->subscriber);
  else
    return;
  stream->asked = NULL;
  metric_subtract(&stream->http2->connection->reactor->metrics.streams_open, 1);
}

void http2_stream_close(struct http2_stream *stream)
{
  struct http2 *http2 = stream->http2;
  struct reactor *reactor = http2->connection->reactor;
  unsubscribe(stream);
  if (stream->exchange != NULL) {
    stream->exchange->connection = NULL;
    if (stream->phase != HTTP2_HANDLING) reactor_drop_exchange(reactor, stream->exchange);
  }
  if (stream->previous != NULL)
    stream->previous->next = stream->next;
  else
    http2->streams = stream->next;
  if (stream->next != NULL) stream->next->previous = stream->previous;
  memory_free(reactor->memory, stream, sizeof *stream);
  http2->stream_count--;
  if (http2->stream_count == 0) http2->idle_since_ms = reactor->loop->now_ms;
}

/* Enters a phase, whose clock starts. */
static void enter(struct http2_stream *stream, enum http2_phase phase)
{
  stream->phase = phase;
  stream->since_ms = http2_now_ms(stream->http2);
  http2_look_by(stream->http2, http2_stream_deadline(stream));
}

/* An error of nghttp2 that is not one of the peer: there is no memory. */
static void check_submitted(struct http2_stream *stream, int result)
{
  if (nghttp2_is_fatal(result) != 0) http2_fail(stream->http2, REFUSAL_MEMORY);
}

static void reset(struct http2_stream *stream, uint32_t error_code)
{
  check_submitted(stream, nghttp2_submit_rst_stream(stream->http2->session, NGHTTP2_FLAG_NONE,
                                                    stream->id, error_code));
}

/* ---- the request ---- */

static uint64_t body_limit(const struct exchange *exchange)
{
  /* A request to nowhere is read to its end, as with HTTP/1.1. */
  const struct route *route = exchange->match.route;
  return route == NULL ? NET_BODY_BYTES : route->body_bytes;
}

void http2_stream_refuse(struct http2_stream *stream, enum refusal refusal)
{
  struct exchange *exchange = stream->exchange;
  exchange->refused = true;
  stream->phase = HTTP2_HANDLING;
  exchange_refuse(exchange, refusal);
  reactor_deliver(exchange->reactor, exchange);
}

/* What was no request is answered as one without a head, but for HEAD, which gets no body. */
static void refuse_head(struct http2_stream *stream, enum refusal refusal)
{
  struct exchange *exchange = stream->exchange;
  enum http_method method = exchange->head.method;
  exchange_clear_head(exchange);
  exchange->head.method = method;
  reactor_route(exchange->reactor, exchange);
  http2_stream_refuse(stream, refusal);
}

static void dispatch(struct http2_stream *stream)
{
  struct exchange *exchange = stream->exchange;
  exchange->body = buffer_bytes(&exchange->received);
  stream->phase = HTTP2_HANDLING;
  reactor_dispatch(exchange->reactor, exchange);
}

/* RFC 9110 10.1.1: the client holds its body back until it hears this. */
static void say_continue(struct http2_stream *stream)
{
  static uint8_t name[] = ":status";
  static uint8_t value[] = "100";
  nghttp2_nv field = {name, value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE};
  check_submitted(stream, nghttp2_submit_headers(stream->http2->session, NGHTTP2_FLAG_NONE,
                                                 stream->id, NULL, &field, 1, NULL));
}

void http2_stream_take_head(struct http2_stream *stream, bool ended)
{
  struct exchange *exchange = stream->exchange;
  struct reactor *reactor = exchange->reactor;
  stream->request_ended = ended;
  enum refusal refusal = http2_head_end(stream, ended);
  if (refusal != REFUSAL_NONE) {
    refuse_head(stream, refusal);
    return;
  }
  metric_add(&reactor->metrics.requests, 1);
  reactor_route(reactor, exchange);
  if (exchange->head.framing == HTTP_BODY_LENGTH &&
      exchange->head.content_length > body_limit(exchange)) {
    http2_stream_refuse(stream, REFUSAL_BODY_LARGE);
    return;
  }
  if (ended) {
    dispatch(stream);
    return;
  }
  if (exchange->head.expect_continue) say_continue(stream);
  enter(stream, HTTP2_BODY);
}

void http2_stream_take_data(struct http2_stream *stream, struct bytes data)
{
  /* What comes behind a refusal is thrown away until the peer learns of it. */
  if (stream->phase != HTTP2_BODY) return;
  stream->body_received += data.size;
  if (stream->body_received > body_limit(stream->exchange))
    http2_stream_refuse(stream, REFUSAL_BODY_LARGE);
  else if (!buffer_append(&stream->exchange->received, data))
    http2_stream_refuse(stream, REFUSAL_MEMORY);
}

void http2_stream_end_request(struct http2_stream *stream)
{
  stream->request_ended = true;
  if (stream->phase == HTTP2_BODY) dispatch(stream);
}

/* ---- the reply ---- */

/* The peer lets us send some of it. */
static void moved(struct http2_stream *stream)
{
  stream->since_ms = stream->http2->moved_ms = http2_now_ms(stream->http2);
}

/* How much of the body goes into the next frame; the bytes are taken by http2_stream_send_data. */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t capacity,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)id;
  (void)to;
  (void)context;
  struct http2_stream *stream = source->ptr;
  size_t left = stream->exchange->reply.body.size - stream->exchange->body_sent;
  moved(stream);
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (left <= capacity) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)(left < capacity ? left : capacity);
}

int http2_stream_send_data(struct http2_stream *stream, const uint8_t *frame_head, size_t size)
{
  struct exchange *exchange = stream->exchange;
  struct buffer *out = &exchange->reactor->out;
  CHECK_THAT(exchange->body_sent + size, <=, exchange->reply.body.size);
  buffer_append(out, bytes_of(frame_head, HTTP2_FRAME_HEAD_BYTES));
  buffer_append(out, bytes_of(exchange->reply.body.data + exchange->body_sent, size));
  exchange->body_sent += size;
  if (out->failed) {
    http2_fail(stream->http2, REFUSAL_MEMORY);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  return out->size < NET_READ_BYTES ? 0 : NGHTTP2_ERR_PAUSE;
}

static nghttp2_nv field_of(struct bytes name, struct bytes value, uint8_t flags)
{
  /* nghttp2 copies both before it returns. */
  return (nghttp2_nv){(uint8_t *)name.data, (uint8_t *)value.data, name.size, value.size, flags};
}

/* A value that never comes again would only push others out of the table (RFC 7541 7.1.3). */
static uint8_t indexing_of(struct bytes name)
{
  if (bytes_equal(name, BYTES("x-request-id")) || bytes_equal(name, BYTES("server-timing")))
    return NGHTTP2_NV_FLAG_NO_INDEX;
  return NGHTTP2_NV_FLAG_NONE;
}

static void submit(struct http2_stream *stream, nghttp2_data_source_read_callback read)
{
  const struct exchange *exchange = stream->exchange;
  struct reply_context context = reactor_reply_context(exchange->reactor);
  struct http_header fields[REPLY_FIELDS_MAX];
  nghttp2_nv pairs[REPLY_FIELDS_MAX + 1];
  char number[REPLY_NUMBER_BYTES];
  char status[3];
  size_t count = reply_fields(exchange, &context, fields, number);
  for (size_t i = 0, rest = exchange->reply.status; i < sizeof status; i++, rest /= 10)
    status[sizeof status - 1 - i] = (char)('0' + rest % 10);
  pairs[0] = field_of(BYTES(":status"), bytes_of(status, sizeof status), NGHTTP2_NV_FLAG_NONE);
  for (size_t i = 0; i < count; i++)
    pairs[i + 1] = field_of(fields[i].name, fields[i].value, indexing_of(fields[i].name));
  nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read};
  check_submitted(stream, nghttp2_submit_response(stream->http2->session, stream->id, pairs,
                                                  count + 1, read == NULL ? NULL : &provider));
}

/* ---- event streams ---- */

static const struct bytes PING = {(const uint8_t *)": ping\n\n", 8};

struct space {
  uint8_t *at;
  size_t left;
};

/* Copies what fits; how much that was. */
static size_t put(struct space *space, struct bytes bytes)
{
  size_t size = bytes.size < space->left ? bytes.size : space->left;
  if (size > 0) memcpy(space->at, bytes.data, size);
  space->at += size;
  space->left -= size;
  return size;
}

static struct bytes from(struct bytes bytes, size_t offset)
{
  if (offset >= bytes.size) return (struct bytes){NULL, 0};
  return bytes_of(bytes.data + offset, bytes.size - offset);
}

/* What the stream begins with, or an ask's answer; the exchange is not needed behind it. */
static void put_body(struct http2_stream *stream, struct space *space)
{
  struct exchange *exchange = stream->exchange;
  exchange->body_sent += put(space, from(exchange->reply.body, exchange->body_sent));
  if (exchange->body_sent < exchange->reply.body.size) return;
  stream->exchange = NULL;
  reactor_drop_exchange(stream->http2->connection->reactor, exchange);
}

static void put_ping(struct http2_stream *stream, struct space *space)
{
  stream->ping_left -= (uint8_t)put(space, from(PING, PING.size - stream->ping_left));
}

/* False when there is no further event, or no room for the rest of this one. */
static bool put_event(struct http2_stream *stream, struct space *space)
{
  struct bytes pieces[2];
  size_t step = stream->asked != NULL ? 0 : topic_event(&stream->subscriber, pieces);
  if (step == 0) return false;
  size_t sent = stream->event_sent;
  sent += put(space, from(pieces[0], sent));
  if (sent >= pieces[0].size) sent += put(space, from(pieces[1], sent - pieces[0].size));
  stream->event_sent = sent;
  if (sent < pieces[0].size + pieces[1].size) return false;
  stream->event_sent = 0;
  stream->subscriber.position += step;
  return true;
}

/* Ends a stream that fell behind: what it lost cannot be sent any more. */
static bool is_lost(struct http2_stream *stream)
{
  if (stream->asked != NULL) return false;
  if (stream->subscriber.shard == NULL) return true;
  if (!topic_lost(&stream->subscriber)) return false;
  metric_add(&stream->http2->connection->reactor->metrics.refusals[REFUSAL_SLOW_STREAM], 1);
  unsubscribe(stream);
  return true;
}

static ssize_t read_events(nghttp2_session *session, int32_t id, uint8_t *to, size_t capacity,
                           uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)id;
  (void)context;
  struct http2_stream *stream = source->ptr;
  struct space space = {to, capacity};
  if (is_lost(stream)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  /* Begun when all else was sent, so that it stands before what came since. */
  if (stream->ping_left > 0) put_ping(stream, &space);
  if (stream->exchange != NULL && stream->ping_left == 0) put_body(stream, &space);
  if (stream->exchange == NULL && stream->ping_left == 0) {
    while (space.left > 0 && !(stream->ending && stream->event_sent == 0))
      if (!put_event(stream, &space)) break;
    if (stream->ending && stream->event_sent == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  size_t size = capacity - space.left;
  if (size > 0) moved(stream);
  if (size > 0 || (*flags & NGHTTP2_DATA_FLAG_EOF) != 0) return (ssize_t)size;
  stream->deferred = true;
  http2_look_by(stream->http2, http2_stream_deadline(stream));
  return NGHTTP2_ERR_DEFERRED;
}

/* nghttp2 shall ask for events again. */
static void resume(struct http2_stream *stream)
{
  if (!stream->deferred) return;
  stream->deferred = false;
  stream->since_ms = http2_now_ms(stream->http2);
  http2_look_by(stream->http2, http2_stream_deadline(stream));
  check_submitted(stream, nghttp2_session_resume_data(stream->http2->session, stream->id));
  http2_wake(stream->http2);
}

void http2_stream_pump(struct http2_stream *stream)
{
  if (stream->subscriber.shard == NULL) return;
  if (!is_lost(stream)) {
    resume(stream);
    return;
  }
  reset(stream, NGHTTP2_INTERNAL_ERROR);
  http2_wake(stream->http2);
}

void http2_stream_end_events(struct http2_stream *stream)
{
  if (stream->phase != HTTP2_EVENTS) return;
  stream->ending = true;
  resume(stream);
}

bool http2_takes_events(const struct http2_stream *stream)
{
  return stream->deferred && !stream->http2->memory.starved;
}

void http2_tell(struct http2_stream *stream, struct exchange *exchange)
{
  bool last = exchange->reply.last;
  /* Nothing was asked before all was sent, and only asks give it more. */
  CHECK(stream->exchange == NULL);
  if (exchange->reply.body.size == 0 || stream->http2->memory.starved)
    reactor_drop_exchange(exchange->reactor, exchange);
  else
    stream->exchange = exchange;
  if (stream->http2->memory.starved) return; /* it ends, with all of its streams */
  if (last) stream->ending = true;
  if (last || stream->exchange != NULL) resume(stream);
}

static bool subscribe(struct http2_stream *stream)
{
  struct exchange *exchange = stream->exchange;
  struct reactor *reactor = exchange->reactor;
  if (exchange->reply.topic == NULL) {
    stream->asked = asked_stream_new(exchange, stream);
    return stream->asked != NULL;
  }
  struct topic_shard *shard = &exchange->reply.topic->shards[reactor->index];
  stream->subscriber.connection = stream->http2->connection;
  stream->subscriber.http2_stream = stream->id;
  return topic_subscribe(shard, &stream->subscriber, reactor->memory);
}

/* False when there is no memory for it, and the exchange is an ordinary refusal. */
static bool begin_events(struct http2_stream *stream)
{
  struct exchange *exchange = stream->exchange;
  struct reactor *reactor = exchange->reactor;
  if (!subscribe(stream)) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    return false;
  }
  metric_add(&reactor->metrics.streams_open, 1);
  return true;
}

void http2_stream_reply(struct http2_stream *stream)
{
  struct exchange *exchange = stream->exchange;
  struct reply_context context = reactor_reply_context(exchange->reactor);
  bool events = reply_is_stream(&exchange->reply) && exchange->head.method != HTTP_HEAD &&
                begin_events(stream);
  reply_prepare(exchange, &context);
  if (events) {
    submit(stream, read_events);
    enter(stream, HTTP2_EVENTS);
    return;
  }
  submit(stream, reply_has_body(exchange) ? read_body : NULL);
  enter(stream, HTTP2_SENDING);
}

/* ---- patience ---- */

/*
 * Since when the peer takes nothing. While the stream's own window is open it waits for its turn,
 * and all that the connection sends shows that the peer takes.
 */
static int64_t stalled_since_ms(const struct http2_stream *stream)
{
  const struct http2 *http2 = stream->http2;
  if (http2->moved_ms <= stream->since_ms ||
      nghttp2_session_get_stream_remote_window_size(http2->session, stream->id) <= 0)
    return stream->since_ms;
  return http2->moved_ms;
}

int64_t http2_stream_deadline(const struct http2_stream *stream)
{
  const struct net_limits *limits = http2_limits(stream->http2);
  switch (stream->phase) {
  case HTTP2_HEAD:
    return stream->since_ms + limits->head_ms;
  case HTTP2_BODY:
    if (limits->body_rate_bytes == 0) return INT64_MAX;
    return stream->since_ms + limits->body_grace_ms +
           (int64_t)(stream->body_received * 1000 / limits->body_rate_bytes);
  case HTTP2_HANDLING:
    return INT64_MAX;
  case HTTP2_SENDING:
    return stalled_since_ms(stream) + limits->write_stall_ms;
  case HTTP2_EVENTS:
    if (stream->deferred) return stream->since_ms + limits->stream_ping_ms;
    return stalled_since_ms(stream) + limits->write_stall_ms;
  }
  return INT64_MAX;
}

void http2_stream_out_of_patience(struct http2_stream *stream)
{
  switch (stream->phase) {
  case HTTP2_HEAD:
    /* Nothing else may come before the rest of it (RFC 9113 4.3). */
    http2_fail(stream->http2, REFUSAL_HEAD_TIMEOUT);
    break;
  case HTTP2_BODY:
    http2_stream_refuse(stream, REFUSAL_BODY_TIMEOUT);
    break;
  case HTTP2_EVENTS:
    if (stream->deferred) {
      stream->ping_left = (uint8_t)PING.size;
      resume(stream);
      break;
    }
    http2_fail(stream->http2, REFUSAL_WRITE_STALL);
    break;
  case HTTP2_SENDING:
    http2_fail(stream->http2, REFUSAL_WRITE_STALL);
    break;
  case HTTP2_HANDLING:
    break;
  }
}
