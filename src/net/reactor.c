#include "net/reactor.h"

#include "base/check.h"
#include "base/instant.h"
#include "net/asked_stream.h"
#include "net/http2.h"
#include "net/trace.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
  BACKLOG = 4096,         /* connections not yet accepted; the kernel's limit is lower */
  ACCEPTS_PER_TURN = 256, /* so that a flood of connections does not starve those there are */
  ACCEPT_RETRY_MS = 100,  /* after the descriptors ran out */
  FANOUT_PER_TURN = 64,   /* streams that get an event before the loop looks at sockets again */
  CONNECTIONS_OVER = 64,  /* beyond the limit that may wait for their refusal to be sent */
  OPERATORS_MAX = 64,     /* of operators, who are beyond the limits of clients */
  NS_PER_MS = 1000000,
  DAYS_OF_EPOCH = 4, /* 1970-01-01 was a Thursday */
};

/* ---- accepting ---- */

/* Descriptors ran out: one that was kept for this tells the client, instead of silence. */
static bool refuse_without_descriptor(struct reactor *reactor, struct listener *listener)
{
  static const char REPLY[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
                              "content-length: 0\r\nconnection: close\r\n\r\n";
  const struct world_operations *files = reactor->world->operations;
  const struct world_net_operations *net = reactor->world->net;
  if (reactor->spare < 0) return false;
  files->file_close(reactor->world, reactor->spare);
  reactor->spare = -1;
  int stream = net->accept(reactor->world, listener->handle, NULL);
  if (stream >= 0) {
    metric_add(&reactor->metrics.refusals[REFUSAL_DESCRIPTORS], 1);
    if (listener->endpoint->tls == NULL)
      (void)net->write(reactor->world, stream, REPLY, sizeof REPLY - 1);
    net->close(reactor->world, stream);
  }
  reactor->spare = files->file_open(reactor->world, "/dev/null", WORLD_OPEN_READ);
  return stream >= 0;
}

/* Whether another connection would not even be told that there are too many. */
static bool is_full(const struct reactor *reactor, const struct listener *listener)
{
  if (listener->endpoint->stays_in_drain) return reactor->staying_count >= OPERATORS_MAX;
  uint32_t limit = reactor->connections_max;
  uint32_t clients = reactor->connection_count - reactor->staying_count;
  return limit > 0 && clients >= limit + CONNECTIONS_OVER;
}

/* False when there is nobody to accept now; true when there may be more. */
static bool accept_one(struct reactor *reactor, struct listener *listener)
{
  struct world_address peer;
  int stream = reactor->world->net->accept(reactor->world, listener->handle, &peer);
  if (stream == -EMFILE || stream == -ENFILE || stream == -ENOBUFS || stream == -ENOMEM) {
    if (refuse_without_descriptor(reactor, listener)) return true;
    loop_timer_set(reactor->loop, &reactor->accept_timer, reactor->loop->now_ms + ACCEPT_RETRY_MS);
    return false;
  }
  if (stream < 0) return false;
  if (is_full(reactor, listener)) {
    metric_add(&reactor->metrics.refusals[REFUSAL_CONNECTIONS], 1);
    reactor->world->net->close(reactor->world, stream);
    return true;
  }
  connection_open(reactor, listener, stream, &peer);
  return true;
}

static void accept_some(struct reactor *reactor, struct listener *listener)
{
  for (int i = 0; i < ACCEPTS_PER_TURN && listener->handle >= 0; i++)
    if (!accept_one(reactor, listener)) return;
  /* Readiness is told once: we come back by ourselves. */
  loop_timer_set(reactor->loop, &reactor->accept_timer, reactor->loop->now_ms);
}

static void on_listener_ready(struct watch *watch, uint32_t ready)
{
  (void)ready;
  struct listener *listener = (struct listener *)watch;
  accept_some(listener->reactor, listener);
}

_Static_assert(offsetof(struct listener, watch) == 0, "a watch is the start of its listener");

static void on_accept_timer(struct loop_timer *timer, int64_t now_ms)
{
  (void)now_ms;
  struct reactor *reactor = (struct reactor *)((uint8_t *)timer -
                                               offsetof(struct reactor, accept_timer));
  for (size_t i = 0; i < SERVER_ENDPOINTS_MAX; i++)
    if (reactor->listeners[i].handle >= 0) accept_some(reactor, &reactor->listeners[i]);
}

/* A handle for the endpoint, whose address is settled by the first reactor that listens. */
static int listen_at(struct reactor *reactor, size_t index)
{
  struct server *server = reactor->server;
  const struct world_net_operations *net = reactor->world->net;
  const struct world_address *address = &server->addresses[index];
  int inherited = server->endpoints[index].inherited;
  if (inherited >= 0) return reactor->index == 0 ? inherited : dup(inherited);
  if (server->reactor_count == 1) return net->listen(reactor->world, address, BACKLOG);
  if (net->listen_shared == NULL) return -EOPNOTSUPP;
  if (reactor->index == 0) {
    /* Whoever shares an address shares it with every process of this user: first see that there
       is none. */
    int alone = net->listen(reactor->world, address, 1);
    if (alone < 0) return alone;
    net->close(reactor->world, alone);
  }
  return net->listen_shared(reactor->world, address, BACKLOG);
}

static bool refuse_to_listen(const struct server *server, size_t index, int result,
                             struct error *error)
{
  const struct server_endpoint *endpoint = &server->endpoints[index];
  const struct world_address *address = &endpoint->address;
  if (result == -EADDRINUSE)
    return error_set(error, ERROR_EXISTS,
                     "%s:%u (%s) is in use: another server listens on port %u; stop it, or choose "
                     "another address",
                     address->host, address->port, endpoint->name, address->port);
  if (result == -EINVAL)
    return error_set(error, ERROR_INVALID, "'%s' is no numeric address to listen at (%s)",
                     address->host, endpoint->name);
  return error_set_errno(error, -result, "cannot listen at %s:%u (%s)", address->host,
                         address->port, endpoint->name);
}

bool reactor_listen(struct reactor *reactor, struct error *error)
{
  struct server *server = reactor->server;
  for (size_t i = 0; i < server->options.endpoint_count; i++) {
    struct listener *listener = &reactor->listeners[i];
    listener->watch.ready = on_listener_ready;
    listener->reactor = reactor;
    listener->endpoint = &server->endpoints[i];
    listener->routes = server->routes[i];
    listener->endpoint_index = (uint32_t)i;
    int handle = listen_at(reactor, i);
    if (handle < 0) return refuse_to_listen(server, i, handle, error);
    listener->handle = handle;
    int done = reactor->world->net->local(reactor->world, handle, &server->addresses[i]);
    if (done == 0) done = loop_watch(reactor->loop, handle, WORLD_READ, &listener->watch);
    if (done != 0) return refuse_to_listen(server, i, done, error);
  }
  return true;
}

static void close_listener(struct reactor *reactor, struct listener *listener)
{
  if (listener->handle < 0) return;
  reactor->world->net->close(reactor->world, listener->handle);
  listener->handle = -1;
}

/* ---- life ---- */

static uint32_t share_of(uint32_t limit, uint32_t reactors)
{
  return reactors <= 1 ? limit : (limit + reactors - 1) / reactors;
}

bool reactor_init(struct reactor *reactor, struct server *server, uint32_t index,
                  struct world *world, struct loop *loop, struct error *error)
{
  const struct net_limits *limits = &server->options.limits;
  uint32_t reactors = server->reactor_count;
  reactor->server = server;
  reactor->index = index;
  reactor->world = world;
  reactor->loop = loop;
  reactor->memory = &world->memory;
  reactor->connections_max = share_of(limits->connections, reactors);
  reactor->connections_per_address_max = share_of(limits->connections_per_address, reactors);
  reactor->accept_timer.fire = on_accept_timer;
  reactor->date_s = INT64_MIN;
  for (size_t i = 0; i < SERVER_ENDPOINTS_MAX; i++) reactor->listeners[i].handle = -1;
  buffer_init(&reactor->out, reactor->memory);
  compressor_init(&reactor->compressor, reactor->memory);
  id_generator_init(&reactor->ids, world);
  reactor->spare = world->operations->file_open(world, "/dev/null", WORLD_OPEN_READ);
  reactor->input = memory_alloc(reactor->memory, NET_HEAD_BYTES + NET_READ_BYTES);
  peers_init(&reactor->peers, world);
  if (reactor->input == NULL || !buffer_reserve(&reactor->out, NET_READ_BYTES) ||
      !net_metrics_init(&reactor->metrics, server->endpoints, server->options.endpoint_count,
                        reactor->memory)) {
    reactor_free(reactor);
    return error_set(error, ERROR_NO_MEMORY, "no memory for a reactor's buffers");
  }
  return true;
}

void reactor_free(struct reactor *reactor)
{
  for (size_t i = 0; i < SERVER_ENDPOINTS_MAX; i++) close_listener(reactor, &reactor->listeners[i]);
  while (reactor->connections != NULL) connection_close(reactor->connections);
  reactor_end_turn(reactor);
  while (reactor->free_exchanges != NULL) {
    struct exchange *exchange = reactor->free_exchanges;
    reactor->free_exchanges = exchange->next;
    exchange_free(exchange, reactor->memory);
  }
  /* What a handler still has would be freed behind its back. */
  CHECK_THAT(reactor->exchange_count, ==, 0);
  loop_timer_clear(reactor->loop, &reactor->accept_timer);
  if (reactor->spare >= 0) reactor->world->operations->file_close(reactor->world, reactor->spare);
  reactor->spare = -1;
  peers_free(&reactor->peers);
  if (reactor->input != NULL)
    memory_free(reactor->memory, reactor->input, NET_HEAD_BYTES + NET_READ_BYTES);
  reactor->input = NULL;
  buffer_free(&reactor->out);
  compressor_free(&reactor->compressor);
  net_metrics_free(&reactor->metrics, reactor->server->endpoints,
                   reactor->server->options.endpoint_count, reactor->memory);
}

static void fan_out(struct reactor *reactor)
{
  int left = FANOUT_PER_TURN;
  while (left > 0 && reactor->dirty != NULL) {
    struct topic_shard *shard = reactor->dirty;
    struct subscriber *subscriber = topic_turn(shard);
    if (subscriber == NULL) {
      reactor->dirty = shard->next_dirty;
      shard->dirty = false;
      continue;
    }
    left--;
    if (subscriber->http2_stream != 0)
      http2_pump(subscriber);
    else
      event_stream_pump(subscriber->connection);
  }
}

void reactor_run_again(struct reactor *reactor, struct connection *connection)
{
  if (connection->again) return;
  connection->again = true;
  connection->next_again = reactor->again;
  reactor->again = connection;
}

void reactor_forget_again(struct reactor *reactor, struct connection *connection)
{
  connection->again = false;
  /*
   * One that is not in the list is in the one that run_again has taken, and is passed over there.
   */
  for (struct connection **link = &reactor->again; *link != NULL; link = &(*link)->next_again) {
    if (*link != connection) continue;
    *link = connection->next_again;
    return;
  }
}

/* Each once; who has still more to do is in the next turn's list. */
static void run_again(struct reactor *reactor)
{
  struct connection *next;
  struct connection *connection = reactor->again;
  reactor->again = NULL;
  for (; connection != NULL; connection = next) {
    next = connection->next_again;
    connection->again = false;
    connection_run(connection);
  }
}

/* Once; what handlers send meanwhile is for the next turn. */
static void deliver_later(struct reactor *reactor)
{
  struct exchange *exchange;
  struct exchange_queue queue = reactor->later;
  reactor->later = (struct exchange_queue){0};
  while ((exchange = exchange_queue_pop(&queue)) != NULL) reactor_deliver(reactor, exchange);
}

void reactor_end_turn(struct reactor *reactor)
{
  deliver_later(reactor);
  run_again(reactor);
  fan_out(reactor);
  while (reactor->graveyard != NULL) {
    struct connection *connection = reactor->graveyard;
    reactor->graveyard = connection->next;
    memory_free(reactor->memory, connection, sizeof *connection);
  }
}

bool reactor_busy(const struct reactor *reactor)
{
  return reactor->dirty != NULL || reactor->again != NULL || reactor->later.first != NULL;
}

void reactor_drain(struct reactor *reactor)
{
  reactor->draining = true;
  for (size_t i = 0; i < SERVER_ENDPOINTS_MAX; i++) {
    struct listener *listener = &reactor->listeners[i];
    if (listener->handle >= 0 && !listener->endpoint->stays_in_drain)
      close_listener(reactor, listener);
  }
  struct connection *next;
  for (struct connection *connection = reactor->connections; connection != NULL;
       connection = next) {
    next = connection->next;
    connection_drain(connection);
  }
}

bool reactor_is_drained(const struct reactor *reactor)
{
  return reactor->draining && reactor->connection_count == reactor->staying_count;
}

/* ---- exchanges ---- */

void exchange_queue_push(struct exchange_queue *queue, struct exchange *exchange)
{
  exchange->next = NULL;
  if (queue->last != NULL)
    queue->last->next = exchange;
  else
    queue->first = exchange;
  queue->last = exchange;
  queue->count++;
}

struct exchange *exchange_queue_pop(struct exchange_queue *queue)
{
  struct exchange *exchange = queue->first;
  if (exchange == NULL) return NULL;
  queue->first = exchange->next;
  if (queue->first == NULL) queue->last = NULL;
  queue->count--;
  return exchange;
}

struct exchange *reactor_take_exchange(struct reactor *reactor, struct connection *connection)
{
  struct exchange *exchange = reactor->free_exchanges;
  if (exchange != NULL) {
    reactor->free_exchanges = exchange->next;
    reactor->free_count--;
  } else {
    exchange = exchange_new(reactor->memory);
    if (exchange == NULL) return NULL;
    exchange->server = reactor->server;
    exchange->reactor = reactor;
    exchange->context = reactor->server->options.context;
  }
  reactor->exchange_count++;
  exchange->connection = connection;
  exchange->secure = connection->tls != NULL;
  exchange->fallback = connection->listener->endpoint->fallback;
  return exchange;
}

void reactor_drop_exchange(struct reactor *reactor, struct exchange *exchange)
{
  reactor->exchange_count--;
  if (reactor->free_count >= REACTOR_FREE_EXCHANGES) {
    exchange_free(exchange, reactor->memory);
    return;
  }
  exchange_reset(exchange);
  exchange->next = reactor->free_exchanges;
  reactor->free_exchanges = exchange;
  reactor->free_count++;
}

/* The client behind the proxies that are trusted. */
static void find_client(const struct server *server, const struct connection *connection,
                        struct exchange *exchange)
{
  const struct trusted_proxies *proxies = server->options.proxies;
  const struct http_head *head = &exchange->head;
  memcpy(exchange->client, connection->host, sizeof exchange->client);
  if (proxies == NULL || proxies->count == 0) return;
  struct address peer;
  exchange->trusted = address_parse(bytes_of_text(connection->host), &peer) &&
                      trusted_proxies_have(proxies, &peer);
  if (!exchange->trusted || head->fields[HTTP_FORWARDED_FOR].data == NULL) return;
  struct bytes values[NET_HEADERS_MAX];
  size_t count = 0;
  for (uint32_t i = 0; i < head->header_count; i++)
    if (http_field_of(head->headers[i].name) == HTTP_FORWARDED_FOR)
      values[count++] = head->headers[i].value;
  client_address(proxies, connection->host, values, count, exchange->client);
}

void reactor_route(struct reactor *reactor, struct exchange *exchange)
{
  struct connection *connection = exchange->connection;
  exchange->received_ns = reactor->loop->now_ns;
  exchange->trace_id = trace_id_choose(&exchange->head, &reactor->ids, exchange->trace_buffer);
  find_client(reactor->server, connection, exchange);
  route_match(connection->listener->routes, exchange->head.method, exchange->head.path,
              &exchange->match);
}

void reactor_dispatch(struct reactor *reactor, struct exchange *exchange)
{
  if (!reactor->threaded) {
    struct connection *before = reactor->working;
    reactor->working = exchange->connection;
    server_handle(reactor->server, exchange);
    reactor->working = before;
    return;
  }
  /* The engine reads it while we go on reading into the same buffer. */
  if (!exchange_keep_request(exchange)) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    reactor_deliver(reactor, exchange);
    return;
  }
  if (reactor->late.first != NULL || !ring_push(&reactor->requests, exchange))
    exchange_queue_push(&reactor->late, exchange);
}

void reactor_deliver(struct reactor *reactor, struct exchange *exchange)
{
  struct connection *connection = exchange->connection;
  /* Input and output are those of the connection whose handler answers others by the way. */
  if (reactor->working != NULL && connection != NULL && connection != reactor->working) {
    exchange_queue_push(&reactor->later, exchange);
    return;
  }
  if (exchange->reply.refusal != REFUSAL_NONE)
    metric_add(&reactor->metrics.refusals[exchange->reply.refusal], 1);
  if (exchange->ask != NULL) {
    asked_stream_deliver(reactor, exchange);
    return;
  }
  if (connection == NULL) {
    metric_add(&reactor->metrics.orphaned, 1);
    reactor_drop_exchange(reactor, exchange);
    return;
  }
  struct server *server = reactor->server;
  net_metrics_reply(&reactor->metrics, server->endpoints, connection->listener->endpoint_index,
                    exchange->match.route, exchange->reply.status,
                    world_monotonic_ns(reactor->world) - exchange->received_ns, reactor->memory);
  connection_deliver(connection, exchange);
}

void reactor_publish(struct reactor *reactor, struct topic *topic, struct bytes event)
{
  struct topic_shard *shard = &topic->shards[reactor->index];
  /* Every reactor is given each event; it is counted once. */
  if (reactor->index == 0) metric_add(&reactor->metrics.events_published, 1);
  topic_put(shard, event);
  if (shard->dirty || shard->round == 0) return;
  shard->dirty = true;
  shard->next_dirty = reactor->dirty;
  reactor->dirty = shard;
}

/* RFC 9110 5.6.7; made once a second. */
static struct bytes date_of(struct reactor *reactor)
{
  static const char DAYS[] = "SunMonTueWedThuFriSat";
  static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int64_t now_s = reactor->loop->clock_ms / 1000;
  if (now_s != reactor->date_s) {
    struct instant_fields at = instant_split(now_s * 1000);
    int64_t day = (now_s / 86400 + DAYS_OF_EPOCH) % 7;
    snprintf(reactor->date, sizeof reactor->date, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             DAYS + 3 * day, (unsigned)at.day % 100, MONTHS + 3 * (ptrdiff_t)(at.month - 1),
             (unsigned)at.year % 10000, (unsigned)at.hour % 100, (unsigned)at.minute % 100,
             (unsigned)at.second % 100);
    reactor->date_s = now_s;
  }
  return bytes_of(reactor->date, REACTOR_DATE_BYTES);
}

struct reply_context reactor_reply_context(struct reactor *reactor)
{
  return (struct reply_context){
      .compressor = &reactor->compressor,
      .cors = reactor->server->options.cors,
      .date = date_of(reactor),
  };
}
