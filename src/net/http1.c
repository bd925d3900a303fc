#include "base/check.h"
#include "net/http2.h"
#include "net/reactor.h"
#include "net/reply.h"
#include "net/tls.h"

#include <errno.h>

/* The exchange is over; the connection is free for the next. */
static void finish(struct connection *connection)
{
  reactor_drop_exchange(connection->reactor, connection->exchange);
  connection->exchange = NULL;
  connection->state = CONNECTION_HEAD;
  connection->since_ms = connection->reactor->loop->now_ms;
}

void http1_body_sent(struct connection *connection)
{
  finish(connection);
}

/* Whether the connection ends after this reply. */
static bool closes(const struct connection *connection, const struct exchange *exchange)
{
  const struct reactor *reactor = connection->reactor;
  return exchange->reply.close || !exchange->head.keep_alive ||
         connection->requests >= reactor->server->options.limits.requests_per_connection ||
         (reactor->draining && !connection->listener->endpoint->stays_in_drain);
}

static void write_reply(struct connection *connection, struct exchange *exchange)
{
  struct reactor *reactor = connection->reactor;
  struct buffer *out = &reactor->out;
  struct reply_context context = reactor_reply_context(reactor);
  bool close = closes(connection, exchange);
  reply_prepare(exchange, &context);
  reply_write_head(exchange, &context, close, false, out);
  struct bytes body = exchange->reply.body;
  bool later = false;
  if (reply_has_body(exchange)) {
    later = body.size > NET_COPY_BYTES;
    if (!later) buffer_append(out, body);
  }
  if (out->failed) {
    buffer_clear(out);
    connection_abort(connection, REFUSAL_MEMORY);
    return;
  }
  if (close) connection->closing = true;
  if (later)
    connection->state = CONNECTION_SENDING;
  else
    finish(connection);
}

void http1_deliver(struct connection *connection, struct exchange *exchange)
{
  CHECK(connection->exchange == exchange);
  /* It is ours again: whatever ends the connection from here on ends it too. */
  connection->state = CONNECTION_SENDING;
  if (reply_is_stream(&exchange->reply) && exchange->head.method != HTTP_HEAD) {
    if (!event_stream_begin(connection, exchange)) return;
  } else {
    write_reply(connection, exchange);
  }
  if (connection->processing || connection->state == CONNECTION_CLOSED) return;
  /* A handler that answered later: what waited behind it goes on. */
  if (connection_flush(connection)) connection_run(connection);
}

/* Refuses a request whose head is known. */
static void refuse_exchange(struct connection *connection, struct exchange *exchange,
                            enum refusal refusal)
{
  connection->exchange = exchange;
  connection->state = CONNECTION_HANDLING;
  exchange->refused = true;
  exchange_refuse(exchange, refusal);
  reactor_deliver(connection->reactor, exchange);
}

void http1_refuse(struct connection *connection, enum refusal refusal)
{
  struct reactor *reactor = connection->reactor;
  struct exchange *exchange = connection->exchange;
  if (exchange == NULL) {
    exchange = reactor_take_exchange(reactor, connection);
    if (exchange == NULL) {
      connection_abort(connection, REFUSAL_MEMORY);
      return;
    }
    exchange_clear_head(exchange);
    reactor_route(reactor, exchange);
  }
  refuse_exchange(connection, exchange, refusal);
}

static void dispatch(struct connection *connection, struct exchange *exchange, struct bytes body)
{
  exchange->body = body;
  connection->exchange = exchange;
  connection->state = CONNECTION_HANDLING;
  reactor_dispatch(connection->reactor, exchange);
  /* Not answered yet: what its reply depends on must outlive the bytes it came in. */
  if (connection->reactor->threaded || connection->exchange != exchange ||
      connection->state != CONNECTION_HANDLING || exchange_keep_head(exchange))
    return;
  /* Without memory it goes on as a request without fields, whose reply is the last. */
  enum http_method method = exchange->head.method;
  uint8_t minor_version = exchange->head.minor_version;
  exchange_clear_head(exchange);
  exchange->head.method = method;
  exchange->head.minor_version = minor_version;
}

static uint64_t body_limit(const struct exchange *exchange)
{
  /* A request to nowhere is read to its end, so that the connection can go on. */
  const struct route *route = exchange->match.route;
  return route == NULL ? NET_BODY_BYTES : route->body_bytes;
}

/* The body is not all here: the head is copied, and the rest is waited for. */
static void await_body(struct connection *connection, struct exchange *exchange, bool nothing_yet)
{
  connection->exchange = exchange;
  connection->body_received = 0;
  connection->chunks = (struct http_chunks){0};
  connection->state = CONNECTION_BODY;
  connection->since_ms = connection->reactor->loop->now_ms;
  if (!exchange_keep_head(exchange)) {
    http1_refuse(connection, REFUSAL_MEMORY);
    return;
  }
  if (exchange->head.expect_continue && nothing_yet)
    buffer_append(&connection->reactor->out, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* A whole head; returns how many bytes of the input it and its body used. */
static size_t begin_request(struct connection *connection, struct exchange *exchange,
                            struct bytes input, size_t head_size)
{
  struct http_head *head = &exchange->head;
  connection->requests++;
  metric_add(&connection->reactor->metrics.requests, 1);
  exchange->raw_head = bytes_of(input.data, head_size);
  reactor_route(connection->reactor, exchange);
  if (head->framing == HTTP_BODY_LENGTH && head->content_length > body_limit(exchange)) {
    refuse_exchange(connection, exchange, REFUSAL_BODY_LARGE);
    return head_size;
  }
  struct bytes rest = bytes_of(input.data + head_size, input.size - head_size);
  if (head->framing == HTTP_NO_BODY) {
    dispatch(connection, exchange, (struct bytes){NULL, 0});
    return head_size;
  }
  if (head->framing == HTTP_BODY_LENGTH && head->content_length <= rest.size) {
    dispatch(connection, exchange, bytes_of(rest.data, head->content_length));
    return head_size + head->content_length;
  }
  await_body(connection, exchange, rest.size == 0);
  return head_size;
}

/* *used bytes of the input were a head (and its body); false when more must be read first. */
static bool take_head(struct connection *connection, struct bytes input, size_t *used)
{
  struct reactor *reactor = connection->reactor;
  struct exchange *exchange = reactor_take_exchange(reactor, connection);
  if (exchange == NULL) {
    connection_abort(connection, REFUSAL_MEMORY);
    return false;
  }
  size_t scanned = connection->scanned;
  size_t head_size = 0;
  enum refusal refusal;
  enum http_parse parse = http_head_parse(input, &scanned, &exchange->head, &head_size, &refusal);
  connection->scanned = parse == HTTP_PARSE_MORE ? (uint32_t)scanned : 0;
  if (parse == HTTP_PARSE_DONE) {
    *used = begin_request(connection, exchange, input, head_size);
    return true;
  }
  reactor_drop_exchange(reactor, exchange);
  if (parse == HTTP_PARSE_REFUSED) {
    connection->requests++;
    *used = input.size;
    http1_refuse(connection, refusal);
    return true;
  }
  return false;
}

/* Keeps a piece of the body; false when it was refused. */
static bool receive(struct connection *connection, struct bytes data)
{
  struct exchange *exchange = connection->exchange;
  connection->body_received += data.size;
  if (connection->body_received > body_limit(exchange)) {
    http1_refuse(connection, REFUSAL_BODY_LARGE);
    return false;
  }
  if (buffer_append(&exchange->received, data)) return true;
  http1_refuse(connection, REFUSAL_MEMORY);
  return false;
}

static bool take_chunked(struct connection *connection, struct bytes input, size_t *used)
{
  *used = 0;
  while (*used < input.size) {
    size_t step;
    struct bytes data;
    enum refusal refusal;
    enum http_parse parse = http_chunks_read(&connection->chunks,
                                             bytes_of(input.data + *used, input.size - *used),
                                             &step, &data, &refusal);
    *used += step;
    if (parse == HTTP_PARSE_REFUSED) {
      http1_refuse(connection, refusal);
      return true;
    }
    if (data.size > 0 && !receive(connection, data)) return true;
    if (parse == HTTP_PARSE_DONE) {
      dispatch(connection, connection->exchange, buffer_bytes(&connection->exchange->received));
      return true;
    }
  }
  return false;
}

/* As take_head, for what belongs to the body of the exchange. */
static bool take_body(struct connection *connection, struct bytes input, size_t *used)
{
  struct exchange *exchange = connection->exchange;
  if (exchange->head.framing == HTTP_BODY_CHUNKED) return take_chunked(connection, input, used);
  uint64_t left = exchange->head.content_length - connection->body_received;
  *used = left < input.size ? left : input.size;
  if (!receive(connection, bytes_of(input.data, *used))) return true;
  if (connection->body_received < exchange->head.content_length) return false;
  dispatch(connection, exchange, buffer_bytes(&exchange->received));
  return true;
}

static bool takes_input(const struct connection *connection)
{
  return (connection->state == CONNECTION_HEAD || connection->state == CONNECTION_BODY) &&
         !connection->closing;
}

/* HTTP/2 without TLS, for clients that know (RFC 9113 3.3). *more: it may become one. */
static bool begins_http2(struct connection *connection, struct bytes input, bool *more)
{
  static const struct bytes preface = {(const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24};
  *more = false;
  if (connection->requests > 0 || connection->state != CONNECTION_HEAD || input.data[0] != 'P')
    return false;
  if (bytes_starts_with(input, preface)) return true;
  *more = input.size < preface.size && bytes_starts_with(preface, input);
  return false;
}

/* Works on the input; the rest that belongs to a later step is kept. */
static void process(struct connection *connection, struct bytes input)
{
  bool was_kept = connection->kept != NULL;
  bool more;
  if (begins_http2(connection, input, &more)) {
    if (connection_keep(connection, input)) http2_begin(connection);
    return;
  }
  size_t used = 0;
  connection->hungry = more;
  connection->processing = true;
  while (!connection->hungry && used < input.size && takes_input(connection) &&
         connection->reactor->out.size < NET_READ_BYTES) {
    size_t step = 0;
    bool whole = connection->state == CONNECTION_HEAD
                     ? take_head(connection, bytes_of(input.data + used, input.size - used), &step)
                     : take_body(connection, bytes_of(input.data + used, input.size - used), &step);
    used += step;
    connection->hungry = !whole;
  }
  if (connection->state == CONNECTION_CLOSED) return;
  struct bytes rest = bytes_of(input.data + used, input.size - used);
  if (connection->closing || connection->state == CONNECTION_STREAMING) rest.size = 0;
  if (connection->state == CONNECTION_HEAD && rest.size > 0 && (used > 0 || !was_kept))
    connection->since_ms = connection->reactor->loop->now_ms;
  bool kept = connection_keep(connection, rest);
  connection->processing = false;
  if (kept) connection_flush(connection);
}

/* Reads behind what was kept; the input, empty when there is none or the connection is gone. */
static struct bytes gather(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  size_t size = connection->kept_size;
  if (size > 0) memcpy(reactor->input, connection->kept, size);
  if (connection->readable && !connection->ended && size <= NET_HEAD_BYTES) {
    int64_t got = connection_read(connection, reactor->input + size, NET_READ_BYTES);
    if (got > 0) {
      size += (size_t)got;
    } else if (got == 0) {
      connection->ended = true;
      connection->readable = false;
    } else if (got == -EPROTO) {
      connection_abort(connection, REFUSAL_TLS);
      return (struct bytes){NULL, 0};
    } else if (got != -EAGAIN) {
      connection_close(connection);
      return (struct bytes){NULL, 0};
    }
  }
  return bytes_of(reactor->input, size);
}

/* The client says no more: what it asked for is answered, then there is nothing to wait for. */
static void end_of_input(struct connection *connection)
{
  if (takes_input(connection) && !connection_blocked(connection)) connection_close(connection);
}

/* Agreed upon within TLS (RFC 7301). */
static bool speaks_http2(const struct connection *connection)
{
  return connection->tls != NULL && tls_stream_handshaken(connection->tls) &&
         bytes_equal(tls_stream_protocol(connection->tls), BYTES("h2"));
}

void http1_run(struct connection *connection)
{
  for (int reads = 0; takes_input(connection) && !connection_blocked(connection); reads++) {
    if (reads == NET_READS_PER_TURN) {
      reactor_run_again(connection->reactor, connection);
      return;
    }
    size_t before = connection->kept_size;
    struct bytes input = gather(connection);
    if (connection->state == CONNECTION_CLOSED) return;
    if (connection->requests == 0 && speaks_http2(connection)) {
      if (connection_keep(connection, input)) http2_begin(connection);
      return;
    }
    if (input.size == 0 || (input.size == before && connection->hungry)) {
      if (connection->ended) end_of_input(connection);
      return;
    }
    process(connection, input);
    if (connection->state == CONNECTION_CLOSED) return;
  }
}
