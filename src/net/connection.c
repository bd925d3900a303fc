#include "net/connection.h"

#include "base/check.h"
#include "net/http2.h"
#include "net/reactor.h"
#include "net/tls.h"

#include <errno.h>

enum {
  LINGER_MS = 2000,          /* for the peer to read the last reply before the socket goes */
  LINGER_READ_BYTES = 16384, /* of what it still sends are thrown away at a time */
  LINGER_READS = 16,         /* before the others have their turn */
  HANDLING_LOOK_MS = 60000,  /* a handler has no deadline here: its timer only comes by */
  BYTES_PER_KEEP = 512,      /* `kept` and `out` are whole multiples, so that growth is rare */
};

/* ---- time ---- */

/* When the state's patience ends, or is to be looked at again. */
static int64_t deadline_of(const struct connection *connection)
{
  const struct net_limits *limits = &connection->reactor->server->options.limits;
  int64_t since_ms = connection->since_ms;
  if (connection->out != NULL && connection->state != CONNECTION_LINGER)
    return since_ms + limits->write_stall_ms;
  switch (connection->state) {
  case CONNECTION_HEAD:
    if (connection->kept != NULL) return since_ms + limits->head_ms;
    if (connection->requests == 0) return since_ms + limits->first_byte_ms;
    return since_ms + limits->idle_ms;
  case CONNECTION_BODY: {
    int64_t grown_ms = limits->body_rate_bytes == 0
                           ? INT64_MAX / 4
                           : (int64_t)(connection->body_received * 1000 / limits->body_rate_bytes);
    return since_ms + limits->body_grace_ms + grown_ms;
  }
  case CONNECTION_SENDING:
    return since_ms + limits->write_stall_ms;
  case CONNECTION_STREAMING:
    return since_ms +
           (event_stream_has_all(connection) ? limits->stream_ping_ms : limits->write_stall_ms);
  case CONNECTION_HTTP2:
    return http2_deadline(connection->http2, since_ms, limits);
  case CONNECTION_LINGER:
    return since_ms + LINGER_MS;
  case CONNECTION_HANDLING:
  case CONNECTION_CLOSED:
    break;
  }
  return connection->reactor->loop->now_ms + HANDLING_LOOK_MS;
}

static void set_timer(struct connection *connection)
{
  int64_t deadline_ms = deadline_of(connection);
  struct timer *timer = &connection->timer.timer;
  if (timer_is_set(timer) && deadline_ms >= timer->deadline_ms)
    timers_push_back(timer, deadline_ms);
  else
    loop_timer_set(connection->reactor->loop, &connection->timer, deadline_ms);
}

void connection_restart_clock(struct connection *connection)
{
  connection->since_ms = connection->reactor->loop->now_ms;
  set_timer(connection);
}

void connection_enter(struct connection *connection, enum connection_state state)
{
  connection->state = state;
  connection_restart_clock(connection);
}

/*
 * Whether a reader that seems to stand still takes something after all: the kernel tells of room
 * only when a good part of its buffer is free, which may take a slow one longer than our patience.
 */
static bool takes_some(struct connection *connection)
{
  int64_t since_ms = connection->since_ms;
  connection->writable = true;
  connection_run(connection);
  return connection->state == CONNECTION_CLOSED || connection->since_ms != since_ms;
}

static void out_of_patience(struct connection *connection)
{
  if (connection->out != NULL && connection->state != CONNECTION_LINGER) {
    if (!takes_some(connection)) connection_abort(connection, REFUSAL_WRITE_STALL);
    return;
  }
  switch (connection->state) {
  case CONNECTION_HEAD:
    if (connection->tls != NULL && !tls_stream_handshaken(connection->tls))
      connection_abort(connection, REFUSAL_TLS);
    else if (connection->kept != NULL)
      http1_refuse(connection, REFUSAL_HEAD_TIMEOUT);
    else if (connection->requests == 0)
      http1_refuse(connection, REFUSAL_FIRST_BYTE_TIMEOUT);
    else
      connection_abort(connection, REFUSAL_IDLE);
    break;
  case CONNECTION_BODY:
    http1_refuse(connection, REFUSAL_BODY_TIMEOUT);
    break;
  case CONNECTION_STREAMING:
    if (event_stream_has_all(connection) || !takes_some(connection)) event_stream_ping(connection);
    break;
  case CONNECTION_HTTP2:
    http2_out_of_patience(connection);
    break;
  case CONNECTION_SENDING:
    if (!takes_some(connection)) connection_abort(connection, REFUSAL_WRITE_STALL);
    break;
  case CONNECTION_LINGER:
    connection_close(connection);
    break;
  case CONNECTION_HANDLING:
  case CONNECTION_CLOSED:
    break;
  }
}

static void on_timer(struct loop_timer *timer, int64_t now_ms)
{
  struct connection *connection = (struct connection *)((uint8_t *)timer -
                                                        offsetof(struct connection, timer));
  if (now_ms >= deadline_of(connection)) out_of_patience(connection);
  if (connection->state != CONNECTION_CLOSED && !timer_is_set(&connection->timer.timer))
    set_timer(connection);
}

/* ---- bytes ---- */

int64_t connection_read(struct connection *connection, void *to, size_t size)
{
  struct world *world = connection->reactor->world;
  int64_t got = connection->tls != NULL ? tls_stream_read(connection->tls, to, size)
                                        : world->net->read(world, connection->stream, to, size);
  if (got > 0) metric_add(&connection->reactor->metrics.bytes_received, (uint64_t)got);
  /* In clear a short read was the last; within TLS a record's end says nothing. */
  bool drained = got > 0 && (size_t)got < size && connection->tls == NULL &&
                 world->net->short_read_drains && !connection->ending;
  if (got == -EAGAIN || drained) connection->readable = false;
  return got;
}

int64_t connection_write(struct connection *connection, struct bytes from)
{
  struct world *world = connection->reactor->world;
  int64_t sent = connection->tls != NULL
                     ? tls_stream_write(connection->tls, from.data, from.size)
                     : world->net->write(world, connection->stream, from.data, from.size);
  if (sent > 0) metric_add(&connection->reactor->metrics.bytes_sent, (uint64_t)sent);
  if (sent == -EAGAIN) connection->writable = false;
  return sent;
}

/* Writes as much as the socket takes; the number of bytes, or a negative errno but EAGAIN. */
static int64_t write_some(struct connection *connection, struct bytes from)
{
  size_t sent = 0;
  while (sent < from.size && connection->writable) {
    int64_t got = connection_write(connection, bytes_of(from.data + sent, from.size - sent));
    if (got == -EAGAIN) break;
    if (got < 0) return got;
    sent += (size_t)got;
  }
  return (int64_t)sent;
}

static uint32_t kept_capacity(size_t size)
{
  return (uint32_t)((size + BYTES_PER_KEEP - 1) / BYTES_PER_KEEP * BYTES_PER_KEEP);
}

/* Makes *block hold exactly these bytes; false when there is no memory. */
static bool keep_bytes(struct memory *memory, uint8_t **block, uint32_t *size, struct bytes bytes)
{
  uint32_t capacity = kept_capacity(bytes.size);
  uint8_t *kept = *block;
  if (kept == NULL || kept_capacity(*size) != capacity) {
    kept = memory_alloc(memory, capacity);
    if (kept == NULL) return false;
  }
  memmove(kept, bytes.data, bytes.size);
  if (*block != NULL && kept != *block) memory_free(memory, *block, kept_capacity(*size));
  *block = kept;
  *size = (uint32_t)bytes.size;
  return true;
}

static void drop_bytes(struct memory *memory, uint8_t **block, uint32_t *size)
{
  if (*block != NULL) memory_free(memory, *block, kept_capacity(*size));
  *block = NULL;
  *size = 0;
}

bool connection_keep(struct connection *connection, struct bytes input)
{
  struct memory *memory = connection->reactor->memory;
  if (input.size == 0) {
    drop_bytes(memory, &connection->kept, &connection->kept_size);
    return true;
  }
  if (keep_bytes(memory, &connection->kept, &connection->kept_size, input)) return true;
  connection_abort(connection, REFUSAL_MEMORY);
  return false;
}

/* Writes what an earlier flush left; false when there is still some, or the connection is gone. */
static bool flush_old(struct connection *connection)
{
  if (connection->out == NULL) return true;
  struct bytes rest = bytes_of(connection->out + connection->out_sent,
                               connection->out_size - connection->out_sent);
  int64_t sent = write_some(connection, rest);
  if (sent < 0) {
    connection_close(connection);
    return false;
  }
  if (sent > 0) connection->since_ms = connection->reactor->loop->now_ms;
  connection->out_sent += (uint32_t)sent;
  if (connection->out_sent < connection->out_size) return false;
  drop_bytes(connection->reactor->memory, &connection->out, &connection->out_size);
  connection->out_sent = 0;
  return true;
}

/* Writes reactor->out, and keeps what the socket does not take. */
static bool flush_new(struct connection *connection)
{
  struct buffer *out = &connection->reactor->out;
  if (out->size == 0) return true;
  CHECK(connection->out == NULL);
  int64_t sent = write_some(connection, buffer_bytes(out));
  bool done = sent >= 0;
  if (done && (size_t)sent < out->size) {
    struct bytes rest = bytes_of(out->data + sent, out->size - (size_t)sent);
    done = keep_bytes(connection->reactor->memory, &connection->out, &connection->out_size, rest);
    connection->since_ms = connection->reactor->loop->now_ms;
  }
  buffer_clear(out);
  if (!done) connection_close(connection);
  return done;
}

/* Sends a large body from where it lies. */
static bool flush_body(struct connection *connection)
{
  struct exchange *exchange = connection->exchange;
  if (connection->state != CONNECTION_SENDING || exchange == NULL) return true;
  struct bytes body = exchange->reply.body;
  struct bytes rest = bytes_of(body.data + exchange->body_sent, body.size - exchange->body_sent);
  int64_t sent = write_some(connection, rest);
  if (sent < 0) {
    connection_close(connection);
    return false;
  }
  if (sent > 0) connection->since_ms = connection->reactor->loop->now_ms;
  exchange->body_sent += (size_t)sent;
  if (exchange->body_sent == body.size) http1_body_sent(connection);
  return true;
}

bool connection_flush(struct connection *connection)
{
  struct buffer *out = &connection->reactor->out;
  if (connection->out != NULL && out->size > 0) {
    /* Behind what already waits. Rare: only what is said unasked comes here (pings, GOAWAY). */
    struct bytes rest = bytes_of(connection->out + connection->out_sent,
                                 connection->out_size - connection->out_sent);
    struct buffer both;
    buffer_init(&both, connection->reactor->memory);
    bool done = buffer_append(&both, rest) && buffer_append(&both, buffer_bytes(out)) &&
                keep_bytes(connection->reactor->memory, &connection->out, &connection->out_size,
                           buffer_bytes(&both));
    connection->out_sent = 0;
    buffer_free(&both);
    buffer_clear(out);
    if (!done) {
      connection_close(connection);
      return false;
    }
  }
  if (!flush_old(connection)) {
    if (connection->state == CONNECTION_CLOSED) return false;
    set_timer(connection);
    return true;
  }
  if (!flush_new(connection)) return false;
  if (connection->out == NULL && !flush_body(connection)) return false;
  if (connection->state == CONNECTION_CLOSED) return false;
  if (connection->closing && !connection_blocked(connection)) {
    connection_linger(connection);
    return connection->state != CONNECTION_CLOSED;
  }
  set_timer(connection);
  return true;
}

/* ---- life ---- */

static void on_ready(struct watch *watch, uint32_t ready)
{
  struct connection *connection = (struct connection *)watch;
  if (connection->state == CONNECTION_CLOSED) return;
  if ((ready & WORLD_READ) != 0) connection->readable = true;
  if ((ready & WORLD_END) != 0) connection->ending = true;
  if ((ready & WORLD_WRITE) != 0) {
    connection->writable = true;
    if (connection->tls != NULL && tls_stream_wants_write(connection->tls))
      connection->readable = true;
  }
  connection_run(connection);
}

_Static_assert(offsetof(struct connection, watch) == 0, "a watch is the start of its connection");

/* Whose limit a new connection, which is counted already, is over. */
static enum refusal admit(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  /* Operators have places of their own: that all others are taken is what they want to see. */
  if (connection->listener->endpoint->stays_in_drain) return REFUSAL_NONE;
  uint32_t clients = reactor->connection_count - reactor->staying_count;
  if (reactor->connections_max > 0 && clients > reactor->connections_max)
    return REFUSAL_CONNECTIONS;
  switch (peers_enter(&reactor->peers, bytes_of_text(connection->host),
                      reactor->connections_per_address_max, &connection->peer)) {
  case PEERS_LIMIT:
    return REFUSAL_CONNECTIONS_ADDRESS;
  case PEERS_NO_MEMORY:
    return REFUSAL_MEMORY;
  case PEERS_OK:
    break;
  }
  return REFUSAL_NONE;
}

static struct connection *make(struct reactor *reactor, const struct listener *listener, int stream,
                               const struct world_address *peer)
{
  struct connection *connection = memory_alloc_zeroed(reactor->memory, sizeof *connection);
  if (connection == NULL) return NULL;
  connection->watch.ready = on_ready;
  connection->timer.fire = on_timer;
  connection->reactor = reactor;
  connection->listener = listener;
  connection->stream = stream;
  connection->writable = true;
  memcpy(connection->host, peer->host, sizeof connection->host);
  connection->next = reactor->connections;
  if (connection->next != NULL) connection->next->previous = connection;
  reactor->connections = connection;
  reactor->connection_count++;
  if (listener->endpoint->stays_in_drain) reactor->staying_count++;
  metric_add(&reactor->metrics.connections_opened, 1);
  metric_add(&reactor->metrics.connections_open, 1);
  return connection;
}

static bool begin_tls(struct connection *connection)
{
  struct tls *tls = connection->listener->endpoint->tls;
  if (tls == NULL) return true;
  struct reactor *reactor = connection->reactor;
  connection->tls = tls_stream_new(tls, reactor->world, connection->stream, reactor->memory);
  if (connection->tls != NULL) metric_add(&reactor->metrics.connections_tls, 1);
  return connection->tls != NULL;
}

void connection_open(struct reactor *reactor, const struct listener *listener, int stream,
                     const struct world_address *peer)
{
  struct connection *connection = make(reactor, listener, stream, peer);
  if (connection == NULL) {
    metric_add(&reactor->metrics.refusals[REFUSAL_MEMORY], 1);
    reactor->world->net->close(reactor->world, stream);
    return;
  }
  enum refusal refusal = admit(connection);
  connection_enter(connection, CONNECTION_HEAD);
  if (loop_watch(reactor->loop, stream, WORLD_READ | WORLD_WRITE, &connection->watch) != 0 ||
      (refusal == REFUSAL_NONE && !begin_tls(connection))) {
    connection_abort(connection, REFUSAL_MEMORY);
    return;
  }
  if (refusal == REFUSAL_NONE) return;
  /* A refusal in clear would be noise to a client that begins TLS. */
  if (listener->endpoint->tls != NULL)
    connection_abort(connection, refusal);
  else
    http1_refuse(connection, refusal);
}

static void unlink_connection(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  if (connection->previous != NULL)
    connection->previous->next = connection->next;
  else
    reactor->connections = connection->next;
  if (connection->next != NULL) connection->next->previous = connection->previous;
  connection->next = reactor->graveyard;
  connection->previous = NULL;
  reactor->graveyard = connection;
  reactor->connection_count--;
  if (connection->listener->endpoint->stays_in_drain) reactor->staying_count--;
  metric_subtract(&reactor->metrics.connections_open, 1);
}

void connection_close(struct connection *connection)
{
  if (connection->state == CONNECTION_CLOSED) return;
  struct reactor *reactor = connection->reactor;
  if (connection->subscription != NULL || connection->asked != NULL) event_stream_end(connection);
  if (connection->http2 != NULL) http2_free(connection);
  struct exchange *exchange = connection->exchange;
  if (exchange != NULL) {
    /* One that a handler has goes on without us; any other is ours. */
    exchange->connection = NULL;
    connection->exchange = NULL;
    if (connection->state != CONNECTION_HANDLING) reactor_drop_exchange(reactor, exchange);
  }
  if (connection->tls != NULL) tls_stream_free(connection->tls);
  connection->tls = NULL;
  if (connection->again) reactor_forget_again(reactor, connection);
  drop_bytes(reactor->memory, &connection->kept, &connection->kept_size);
  drop_bytes(reactor->memory, &connection->out, &connection->out_size);
  if (connection->processing) buffer_clear(&reactor->out);
  loop_timer_clear(reactor->loop, &connection->timer);
  if (connection->peer != NULL) peers_leave(&reactor->peers, connection->peer);
  reactor->world->net->close(reactor->world, connection->stream);
  connection->state = CONNECTION_CLOSED;
  unlink_connection(connection);
}

void connection_abort(struct connection *connection, enum refusal why)
{
  metric_add(&connection->reactor->metrics.refusals[why], 1);
  connection_close(connection);
}

/* Reads and forgets, so that the kernel does not answer with a reset that eats our last reply. */
static void run_linger(struct connection *connection)
{
  struct world *world = connection->reactor->world;
  /* Not the reactor's input: another connection may be at work on it, as a drain begins. */
  uint8_t forgotten[LINGER_READ_BYTES];
  for (int reads = 0; reads < LINGER_READS; reads++) {
    int64_t got = world->net->read(world, connection->stream, forgotten, sizeof forgotten);
    if (got == -EAGAIN) return;
    if (got <= 0) {
      connection_close(connection);
      return;
    }
  }
  reactor_run_again(connection->reactor, connection);
}

void connection_linger(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  if (connection->state == CONNECTION_LINGER) return;
  if (connection->tls != NULL) tls_stream_shutdown(connection->tls);
  if (connection->ended || reactor->world->net->shutdown(reactor->world, connection->stream) != 0) {
    connection_close(connection);
    return;
  }
  drop_bytes(reactor->memory, &connection->kept, &connection->kept_size);
  connection_enter(connection, CONNECTION_LINGER);
  /* What is here already is not told again. */
  if (connection->readable) run_linger(connection);
}

/* A stream's client has nothing more to say; its end is what we look for. */
static void run_streaming(struct connection *connection)
{
  for (int reads = 0; connection->readable; reads++) {
    if (reads == NET_READS_PER_TURN) {
      reactor_run_again(connection->reactor, connection);
      break;
    }
    int64_t got = connection_read(connection, connection->reactor->input, NET_READ_BYTES);
    if (got == -EAGAIN) break;
    if (got == 0 && connection->out != NULL) {
      /* The replies before the stream are still on their way: they are the last. */
      event_stream_end(connection);
      connection->state = CONNECTION_HEAD;
      connection->ended = connection->closing = true;
      return;
    }
    if (got <= 0) {
      connection_close(connection);
      return;
    }
  }
  event_stream_pump(connection);
}

void connection_run(struct connection *connection)
{
  if (connection->processing) return;
  if (connection->state == CONNECTION_LINGER) {
    run_linger(connection);
    return;
  }
  if (connection->writable && connection_blocked(connection) && !connection_flush(connection))
    return;
  switch (connection->state) {
  case CONNECTION_HEAD:
  case CONNECTION_BODY:
    if (!connection_blocked(connection)) http1_run(connection);
    break;
  case CONNECTION_STREAMING:
    run_streaming(connection);
    break;
  case CONNECTION_HTTP2:
    http2_run(connection);
    break;
  case CONNECTION_HANDLING:
  case CONNECTION_SENDING:
  case CONNECTION_LINGER:
  case CONNECTION_CLOSED:
    break;
  }
}

void connection_deliver(struct connection *connection, struct exchange *exchange)
{
  if (exchange->http2_stream != 0)
    http2_deliver(connection, exchange);
  else
    http1_deliver(connection, exchange);
}

void connection_drain(struct connection *connection)
{
  if (connection->listener->endpoint->stays_in_drain) return;
  switch (connection->state) {
  case CONNECTION_HEAD:
    if (connection->kept != NULL) break; /* a request is coming */
    connection->closing = true;
    if (!connection_blocked(connection)) connection_linger(connection);
    break;
  case CONNECTION_STREAMING:
    event_stream_drain(connection);
    break;
  case CONNECTION_HTTP2:
    http2_drain(connection);
    break;
  case CONNECTION_SENDING:
    /* Its head did not say so, but a connection may end behind any reply (RFC 9112 9.5). */
    connection->closing = true;
    break;
  case CONNECTION_BODY:
  case CONNECTION_HANDLING:
  case CONNECTION_LINGER:
  case CONNECTION_CLOSED:
    break;
  }
}
