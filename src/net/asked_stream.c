#include "net/asked_stream.h"

#include "base/check.h"
#include "net/http2.h"
#include "net/reactor.h"

/* Whether its reader has taken all that it was told. */
static bool takes(const struct asked_stream *asked)
{
  if (asked->connection->out != NULL) return false;
  return asked->http2 == NULL || http2_takes_events(asked->http2);
}

/* The exchange of an ask, without a client's request; false when there is no memory. */
static bool fill(struct asked_stream *asked, struct exchange *exchange)
{
  exchange->note = arena_copy(&exchange->arena, bytes_of(asked->note, asked->note_size));
  if (exchange->note.data == NULL && asked->note_size > 0) return false;
  exchange_clear_head(exchange);
  exchange->head.method = HTTP_GET;
  exchange->ask = asked->ask;
  exchange->asked = asked;
  exchange->trusted = asked->trusted;
  exchange->match.route = asked->route;
  exchange->received_ns = exchange->reactor->loop->now_ns;
  memcpy(exchange->client, asked->client, sizeof exchange->client);
  memcpy(exchange->trace_buffer, asked->trace_id, asked->trace_id_size);
  exchange->trace_id = bytes_of(exchange->trace_buffer, asked->trace_id_size);
  return true;
}

/* The stream may be gone when it returns. */
static void ask(struct asked_stream *asked)
{
  struct reactor *reactor = asked->connection->reactor;
  struct exchange *exchange = reactor_take_exchange(reactor, asked->connection);
  if (exchange == NULL || !fill(asked, exchange)) {
    if (exchange != NULL) reactor_drop_exchange(reactor, exchange);
    metric_add(&reactor->metrics.refusals[REFUSAL_MEMORY], 1);
    return;
  }
  metric_add(&reactor->metrics.asks, 1);
  asked->pending = exchange;
  reactor_dispatch(reactor, exchange);
}

static void on_due(struct loop_timer *timer, int64_t now_ms)
{
  struct asked_stream *asked = (struct asked_stream *)timer;
  int64_t due_ms = timer->timer.deadline_ms;
  int64_t periods = (now_ms - due_ms) / asked->period_ms + 1;
  loop_timer_set(asked->connection->reactor->loop, timer, due_ms + periods * asked->period_ms);
  if (asked->pending == NULL && takes(asked)) ask(asked);
}

_Static_assert(offsetof(struct asked_stream, timer) == 0, "a timer is the start of its stream");

static void keep_note(struct asked_stream *asked, struct bytes note)
{
  CHECK_THAT(note.size, <=, STREAM_NOTE_BYTES);
  if (note.size > 0) memcpy(asked->note, note.data, note.size);
  asked->note_size = (uint16_t)note.size;
}

struct asked_stream *asked_stream_new(struct exchange *exchange, struct http2_stream *http2)
{
  struct reactor *reactor = exchange->reactor;
  const struct reply *reply = &exchange->reply;
  struct asked_stream *asked = memory_alloc_zeroed(reactor->memory, sizeof *asked);
  if (asked == NULL) return NULL;
  CHECK_THAT(exchange->trace_id.size, <=, NET_TRACE_ID_BYTES);
  asked->timer.fire = on_due;
  asked->connection = exchange->connection;
  asked->http2 = http2;
  asked->ask = reply->ask;
  asked->route = exchange->match.route;
  asked->period_ms = reply->period_ms;
  asked->chunked = exchange->head.minor_version > 0;
  asked->trusted = exchange->trusted;
  asked->trace_id_size = (uint16_t)exchange->trace_id.size;
  memcpy(asked->trace_id, exchange->trace_id.data, exchange->trace_id.size);
  memcpy(asked->client, exchange->client, sizeof asked->client);
  keep_note(asked, reply->note);
  loop_timer_set(reactor->loop, &asked->timer, reactor->loop->now_ms + asked->period_ms);
  return asked;
}

void asked_stream_free(struct asked_stream *asked)
{
  struct reactor *reactor = asked->connection->reactor;
  if (asked->pending != NULL) {
    asked->pending->connection = NULL;
    asked->pending->asked = NULL;
  }
  loop_timer_clear(reactor->loop, &asked->timer);
  memory_free(reactor->memory, asked, sizeof *asked);
}

void asked_stream_deliver(struct reactor *reactor, struct exchange *exchange)
{
  struct asked_stream *asked = exchange->asked;
  const struct reply *reply = &exchange->reply;
  /* A reply that is no event is a refusal, which the next ask may get over. */
  if (asked == NULL || !reply->told) {
    if (asked != NULL) asked->pending = NULL;
    reactor_drop_exchange(reactor, exchange);
    return;
  }
  CHECK(asked->pending == exchange);
  asked->pending = NULL;
  exchange->asked = NULL;
  keep_note(asked, reply->note);
  if (asked->http2 != NULL) {
    http2_tell(asked->http2, exchange);
    return;
  }
  struct connection *connection = asked->connection;
  if (event_stream_tell(connection, reply->body, reply->last)) {
    reactor_drop_exchange(reactor, exchange);
    connection_flush(connection);
    return;
  }
  reactor_drop_exchange(reactor, exchange);
}
