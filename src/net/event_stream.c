#include "base/check.h"
#include "net/asked_stream.h"
#include "net/reactor.h"
#include "net/reply.h"

#include <errno.h>

static const struct bytes LAST_CHUNK = {(const uint8_t *)"0\r\n\r\n", 5};

static bool is_chunked(const struct connection *connection)
{
  return connection->asked != NULL ? connection->asked->chunked : connection->subscription->chunked;
}

static void append_chunk(struct buffer *out, struct bytes content)
{
  if (content.size == 0) return; /* would be the last chunk */
  buffer_append_format(out, "%zx\r\n", content.size);
  buffer_append(out, content);
  buffer_append(out, BYTES("\r\n"));
}

static void append_event(struct connection *connection, struct bytes event)
{
  struct buffer *out = &connection->reactor->out;
  if (is_chunked(connection))
    append_chunk(out, event);
  else
    buffer_append(out, event);
}

/* False when there is no memory. */
static bool subscribe(struct connection *connection, struct exchange *exchange)
{
  struct reactor *reactor = connection->reactor;
  struct topic_shard *shard = &exchange->reply.topic->shards[reactor->index];
  struct subscriber *subscriber = memory_alloc_zeroed(reactor->memory, sizeof *subscriber);
  if (subscriber == NULL) return false;
  if (!topic_subscribe(shard, subscriber, reactor->memory)) {
    memory_free(reactor->memory, subscriber, sizeof *subscriber);
    return false;
  }
  subscriber->connection = connection;
  subscriber->chunked = exchange->head.minor_version > 0;
  connection->subscription = subscriber;
  return true;
}

static bool begin(struct connection *connection, struct exchange *exchange)
{
  if (exchange->reply.topic != NULL) return subscribe(connection, exchange);
  connection->asked = asked_stream_new(exchange, NULL);
  return connection->asked != NULL;
}

bool event_stream_begin(struct connection *connection, struct exchange *exchange)
{
  struct reactor *reactor = connection->reactor;
  if (!begin(connection, exchange)) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    http1_deliver(connection, exchange);
    return false;
  }
  metric_add(&reactor->metrics.streams_open, 1);
  struct reply_context context = reactor_reply_context(reactor);
  bool chunked = is_chunked(connection);
  reply_prepare(exchange, &context);
  reply_write_head(exchange, &context, !chunked, chunked, &reactor->out);
  append_event(connection, exchange->reply.body);
  reactor_drop_exchange(reactor, exchange);
  connection->exchange = NULL;
  connection->state = CONNECTION_STREAMING;
  connection->since_ms = reactor->loop->now_ms;
  if (!reactor->out.failed) return true;
  buffer_clear(&reactor->out);
  connection_abort(connection, REFUSAL_MEMORY);
  return false;
}

void event_stream_end(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  struct subscriber *subscriber = connection->subscription;
  if (connection->asked != NULL) {
    asked_stream_free(connection->asked);
    connection->asked = NULL;
  } else {
    topic_unsubscribe(subscriber);
    memory_free(reactor->memory, subscriber, sizeof *subscriber);
    connection->subscription = NULL;
  }
  metric_subtract(&reactor->metrics.streams_open, 1);
}

bool event_stream_has_all(const struct connection *connection)
{
  return connection->asked != NULL || topic_has_all(connection->subscription);
}

bool event_stream_tell(struct connection *connection, struct bytes event, bool last)
{
  struct reactor *reactor = connection->reactor;
  if (event.size == 0 && !last) return false;
  CHECK_THAT(reactor->out.size, ==, 0);
  append_event(connection, event);
  if (last && is_chunked(connection)) buffer_append(&reactor->out, LAST_CHUNK);
  if (reactor->out.failed) {
    buffer_clear(&reactor->out);
    connection_abort(connection, REFUSAL_MEMORY);
    return false;
  }
  /* What already waits has a clock of its own. */
  if (connection->out == NULL) connection->since_ms = reactor->loop->now_ms;
  if (!last) return true;
  event_stream_end(connection);
  /* Whatever the client said meanwhile was thrown away: nothing may follow. */
  connection->state = CONNECTION_HEAD;
  connection->closing = true;
  return true;
}

void event_stream_drain(struct connection *connection)
{
  /* A browser asks again, elsewhere. */
  if (connection->out == NULL && event_stream_has_all(connection) && is_chunked(connection))
    (void)connection_write(connection, LAST_CHUNK);
  connection_close(connection);
}

/* One write of all that is lacking. False when no more can be done now. */
static bool pump_chunked(struct connection *connection)
{
  struct subscriber *subscriber = connection->subscription;
  struct bytes pending = topic_pending(subscriber);
  if (pending.size == 0) return false;
  int64_t sent = connection_write(connection, pending);
  if (sent == -EAGAIN) return false;
  if (sent < 0) {
    connection_close(connection);
    return false;
  }
  subscriber->position += (uint64_t)sent;
  connection->since_ms = connection->reactor->loop->now_ms;
  return true;
}

/* One event for a client that does not know chunks (HTTP/1.0). */
static bool pump_bare(struct connection *connection)
{
  struct subscriber *subscriber = connection->subscription;
  struct bytes pieces[2];
  size_t step = topic_event(subscriber, pieces);
  if (step == 0) return false;
  buffer_append(&connection->reactor->out, pieces[0]);
  buffer_append(&connection->reactor->out, pieces[1]);
  subscriber->position += step;
  return connection_flush(connection);
}

void event_stream_pump(struct connection *connection)
{
  if (connection->asked != NULL) return;
  bool more = true;
  while (more && connection->writable && connection->out == NULL &&
         connection->state == CONNECTION_STREAMING) {
    if (topic_lost(connection->subscription)) {
      connection_abort(connection, REFUSAL_SLOW_STREAM);
      return;
    }
    more = connection->subscription->chunked ? pump_chunked(connection) : pump_bare(connection);
  }
  if (connection->state != CONNECTION_STREAMING) return;
  /* One that stands still is found here when it is its turn, or by its timer. */
  if (topic_lost(connection->subscription)) connection_abort(connection, REFUSAL_SLOW_STREAM);
}

void event_stream_ping(struct connection *connection)
{
  if (!event_stream_has_all(connection)) {
    /* Unless the socket would take it, and only its turn has not come. */
    if (connection->writable && connection->out == NULL)
      event_stream_pump(connection);
    else
      connection_abort(connection, REFUSAL_WRITE_STALL);
    return;
  }
  append_event(connection, BYTES(": ping\n\n"));
  connection->since_ms = connection->reactor->loop->now_ms;
  connection_flush(connection);
}
