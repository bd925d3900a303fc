#include "net/server.h"

#include "base/check.h"
#include "net/reactor.h"

#include <stdlib.h>

enum { TAKE_AT_A_TIME = 64 }; /* pointers from a ring */

/* ---- life ---- */

static bool build_routes(struct server *server, struct error *error)
{
  for (size_t i = 0; i < server->options.endpoint_count; i++) {
    const struct server_endpoint *endpoint = &server->endpoints[i];
    server->routes[i] = route_index_new(endpoint->routes, endpoint->route_count, server->memory,
                                        error);
    if (server->routes[i] == NULL) return false;
  }
  return true;
}

/* What a reactor of its own thread stands on; the engine's stands on the engine's world. */
static bool open_reactor(struct server *server, uint32_t index, struct error *error)
{
  struct reactor *reactor = &server->reactors[index];
  if (!server->threaded)
    return reactor_init(reactor, server, index, server->world, server->loop, error);
  world_linux_init(&reactor->own_world);
  int opened = world_linux_open_net(&reactor->own_world);
  if (opened != 0) return error_set_errno(error, -opened, "cannot make a reactor's poller");
  reactor->threaded = true;
  loop_init(&reactor->own_loop, &reactor->own_world.world);
  if (!reactor_init(reactor, server, index, &reactor->own_world.world, &reactor->own_loop, error))
    return false;
  if (ring_init(&reactor->requests, reactor->memory, REACTOR_RING_SLOTS) &&
      ring_init(&reactor->replies, reactor->memory, REACTOR_RING_SLOTS) &&
      ring_init(&reactor->events, reactor->memory, REACTOR_RING_SLOTS))
    return true;
  return error_set(error, ERROR_NO_MEMORY, "no memory for a reactor's rings");
}

static bool open_reactors(struct server *server, struct error *error)
{
  for (uint32_t i = 0; i < server->reactor_count; i++)
    if (!open_reactor(server, i, error) || !reactor_listen(&server->reactors[i], error))
      return false;
  for (uint32_t i = 0; server->threaded && i < server->reactor_count; i++)
    if (!reactor_start(&server->reactors[i], error)) return false;
  return true;
}

struct server *server_open(struct world *world, struct loop *loop,
                           const struct server_options *options, struct error *error)
{
  CHECK(options->endpoint_count > 0 && options->endpoint_count <= SERVER_ENDPOINTS_MAX);
  CHECK_THAT(options->reactors, <=, SERVER_REACTORS_MAX);
  struct server *server = memory_alloc_zeroed(&world->memory, sizeof *server);
  uint32_t reactors = options->reactors == 0 ? 1 : options->reactors;
  if (server != NULL) /* Whole pages: its rings must not share cache lines with anything else. */
    server->reactors = memory_map(&world->memory, reactors * sizeof *server->reactors);
  if (server == NULL || server->reactors == NULL) {
    if (server != NULL) memory_free(&world->memory, server, sizeof *server);
    error_set(error, ERROR_NO_MEMORY, "no memory for the server");
    return NULL;
  }
  server->world = world;
  server->loop = loop;
  server->memory = &world->memory;
  server->options = *options;
  server->reactor_count = reactors;
  server->threaded = options->reactors > 0;
  for (size_t i = 0; i < options->endpoint_count; i++) {
    server->endpoints[i] = options->endpoints[i];
    server->addresses[i] = options->endpoints[i].address;
  }
  server->options.endpoints = server->endpoints;
  if (build_routes(server, error) && open_reactors(server, error)) return server;
  server_close(server);
  return NULL;
}

static void close_rings(struct reactor *reactor)
{
  void *taken[TAKE_AT_A_TIME];
  uint32_t count;
  /* What was pushed after the last turn was not published yet. */
  ring_publish(&reactor->events);
  ring_publish(&reactor->replies);
  if (reactor->events.slots != NULL)
    while ((count = ring_take(&reactor->events, taken, TAKE_AT_A_TIME)) > 0)
      for (uint32_t i = 0; i < count; i++) publication_free(taken[i]);
  if (reactor->requests.slots != NULL)
    while ((count = ring_take(&reactor->requests, taken, TAKE_AT_A_TIME)) > 0)
      for (uint32_t i = 0; i < count; i++) reactor_drop_exchange(reactor, taken[i]);
  if (reactor->replies.slots != NULL)
    while ((count = ring_take(&reactor->replies, taken, TAKE_AT_A_TIME)) > 0)
      for (uint32_t i = 0; i < count; i++) reactor_drop_exchange(reactor, taken[i]);
  struct exchange *exchange;
  while ((exchange = exchange_queue_pop(&reactor->late)) != NULL)
    reactor_drop_exchange(reactor, exchange);
  while ((exchange = exchange_queue_pop(&reactor->queued)) != NULL)
    reactor_drop_exchange(reactor, exchange);
}

static void close_reactor(struct reactor *reactor)
{
  if (reactor->memory == NULL) return; /* was never opened */
  for (struct topic *topic = reactor->server->topics; topic != NULL; topic = topic->next)
    topic_free_shard(&topic->shards[reactor->index], reactor->memory);
  if (reactor->threaded) close_rings(reactor);
  reactor_free(reactor);
  if (!reactor->threaded) return;
  ring_free(&reactor->requests);
  ring_free(&reactor->replies);
  ring_free(&reactor->events);
  CHECK_THAT(reactor->memory->in_use, ==, 0);
  world_linux_close(&reactor->own_world);
}

void server_close(struct server *server)
{
  for (uint32_t i = 0; i < server->reactor_count; i++) reactor_stop(&server->reactors[i]);
  /* Connections first: they know the exchanges that wait, here and in rings. */
  for (uint32_t i = 0; i < server->reactor_count; i++)
    while (server->reactors[i].connections != NULL)
      connection_close(server->reactors[i].connections);
  struct exchange *exchange;
  while ((exchange = exchange_queue_pop(&server->waiting)) != NULL)
    reactor_drop_exchange(exchange->reactor, exchange);
  for (uint32_t i = 0; i < server->reactor_count; i++) close_reactor(&server->reactors[i]);
  while (server->topics != NULL) {
    struct topic *topic = server->topics;
    server->topics = topic->next;
    topic_free(topic, server->memory);
  }
  for (size_t i = 0; i < server->options.endpoint_count; i++)
    if (server->routes[i] != NULL) route_index_free(server->routes[i]);
  memory_unmap(server->memory, server->reactors, server->reactor_count * sizeof *server->reactors);
  memory_free(server->memory, server, sizeof *server);
}

const struct world_address *server_address(const struct server *server, size_t endpoint)
{
  CHECK_THAT(endpoint, <, server->options.endpoint_count);
  return &server->addresses[endpoint];
}

/* ---- requests ---- */

/* A path that exists, asked what it takes, or by a browser on behalf of another origin's page. */
static void answer_options(struct exchange *exchange)
{
  char *allow = arena_alloc(&exchange->arena, ROUTE_ALLOW_BYTES);
  if (allow != NULL)
    exchange_add_header(exchange, BYTES("allow"),
                        bytes_of(allow, route_allow(exchange->match.allowed, allow)));
  exchange_reply_empty(exchange, 204);
}

static void answer_no_route(struct exchange *exchange)
{
  bool reads = exchange->head.method == HTTP_GET || exchange->head.method == HTTP_HEAD;
  if (exchange->match.allowed == 0 && exchange->fallback != NULL && reads) {
    exchange->fallback(exchange);
    return;
  }
  if (bytes_equal(exchange->head.path, BYTES("*"))) {
    exchange_reply_empty(exchange, 204); /* OPTIONS of the server as such (RFC 9110 9.3.7) */
  } else if (exchange->match.allowed == 0) {
    exchange_refuse(exchange, REFUSAL_NOT_FOUND);
  } else if (exchange->head.method == HTTP_OPTIONS) {
    answer_options(exchange);
  } else {
    answer_options(exchange);
    exchange_refuse(exchange, REFUSAL_METHOD);
  }
  exchange_send(exchange);
}

/* A UUID of any version (RFC 9562 4). */
static bool is_uuid(struct bytes text)
{
  if (text.size != 36) return false;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
               (byte >= 'A' && byte <= 'F');
    if (dash ? byte != '-' : !hex) return false;
  }
  return true;
}

/* What the route's row asks of the request; REFUSAL_NONE: its handler may see it. */
static enum refusal check_row(const struct exchange *exchange)
{
  const struct route *route = exchange->match.route;
  struct bytes key = exchange->head.fields[HTTP_IDEMPOTENCY_KEY];
  /* Denied by default: nobody is there who could say who calls. */
  bool closed = route->auth == AUTH_USER || route->auth == AUTH_ADMIN;
  if (closed && exchange->server->options.admit == NULL) return REFUSAL_UNAUTHORIZED;
  if (route->key == KEY_REQUIRED && !is_uuid(key)) return REFUSAL_KEY_MISSING;
  if (route->key == KEY_OPTIONAL && key.data != NULL && !is_uuid(key)) return REFUSAL_KEY_MISSING;
  return REFUSAL_NONE;
}

void server_handle(struct server *server, struct exchange *exchange)
{
  exchange->handled_ns = server->loop->now_ns;
  if (exchange->ask != NULL) {
    exchange->ask(exchange);
    return;
  }
  if (server->options.admit != NULL && !server->options.admit(exchange)) {
    exchange_send(exchange);
    return;
  }
  if (exchange->match.route == NULL) {
    answer_no_route(exchange);
    return;
  }
  enum refusal refusal = check_row(exchange);
  if (refusal != REFUSAL_NONE) {
    exchange_refuse(exchange, refusal);
    exchange_send(exchange);
    return;
  }
  exchange->match.route->handler(exchange);
}

/* ---- replies ---- */

static void deliver(struct server *server, struct exchange *exchange)
{
  struct reactor *reactor = exchange->reactor;
  exchange->durable_ns = server->loop->now_ns;
  if (!server->threaded)
    reactor_deliver(reactor, exchange);
  else if (reactor->queued.first != NULL || !ring_push(&reactor->replies, exchange))
    exchange_queue_push(&reactor->queued, exchange);
}

void server_complete(struct server *server, struct exchange *exchange)
{
  exchange->replied_ns = server->loop->now_ns;
  if (exchange->reply.sequence == 0) {
    deliver(server, exchange);
    return;
  }
  /* In order of arrival; one that could leave earlier than those before it waits with them. */
  if (exchange->reply.sequence > server->waiting_for)
    server->waiting_for = exchange->reply.sequence;
  exchange->reply.sequence = server->waiting_for;
  exchange_queue_push(&server->waiting, exchange);
}

uint64_t server_waiting(const struct server *server)
{
  return server->waiting.count;
}

/* Tells reactor threads what is in their rings, once for all of it. */
static void publish_replies(struct server *server)
{
  for (uint32_t i = 0; server->threaded && i < server->reactor_count; i++) {
    struct reactor *reactor = &server->reactors[i];
    while (reactor->queued.first != NULL && ring_push(&reactor->replies, reactor->queued.first))
      exchange_queue_pop(&reactor->queued);
    bool asleep = ring_publish(&reactor->replies);
    asleep = ring_publish(&reactor->events) || asleep;
    if (asleep) loop_wake(reactor->loop);
  }
}

void server_release(struct server *server, uint64_t durable)
{
  while (server->waiting.first != NULL && server->waiting.first->reply.sequence <= durable)
    deliver(server, exchange_queue_pop(&server->waiting));
  publish_replies(server);
}

/* ---- the loop ---- */

static void take_requests(struct server *server)
{
  void *taken[TAKE_AT_A_TIME];
  for (uint32_t i = 0; i < server->reactor_count; i++) {
    struct reactor *reactor = &server->reactors[i];
    uint32_t count;
    while ((count = ring_take(&reactor->requests, taken, TAKE_AT_A_TIME)) > 0)
      for (uint32_t j = 0; j < count; j++) server_handle(server, taken[j]);
  }
}

static int engine_wait_ms(struct server *server, int limit_ms)
{
  bool empty = true;
  bool queued = false;
  for (uint32_t i = 0; i < server->reactor_count; i++) {
    if (!ring_sleep(&server->reactors[i].requests)) empty = false;
    if (server->reactors[i].queued.first != NULL) queued = true;
  }
  if (!empty) return 0;
  /* A full ring is emptied soon, but its reader tells nobody. */
  return queued && limit_ms > 1 ? 1 : limit_ms;
}

void server_turn(struct server *server, int limit_ms)
{
  if (!server->threaded) {
    struct reactor *reactor = &server->reactors[0];
    loop_turn(server->loop, reactor_busy(reactor) ? 0 : limit_ms);
    reactor_end_turn(reactor);
    return;
  }
  loop_turn(server->loop, engine_wait_ms(server, limit_ms));
  for (uint32_t i = 0; i < server->reactor_count; i++) ring_awake(&server->reactors[i].requests);
  take_requests(server);
  publish_replies(server);
}

void server_drain(struct server *server)
{
  server->drain_until_ms = server->loop->now_ms + server->options.limits.drain_ms;
  for (uint32_t i = 0; i < server->reactor_count; i++) {
    struct reactor *reactor = &server->reactors[i];
    if (!server->threaded) {
      reactor_drain(reactor);
      continue;
    }
    atomic_store_explicit(&reactor->drain, true, memory_order_release);
    loop_wake(reactor->loop);
  }
}

bool server_drained(const struct server *server)
{
  CHECK_THAT(server->drain_until_ms, >, 0);
  if (server->loop->now_ms >= server->drain_until_ms) return true;
  for (uint32_t i = 0; i < server->reactor_count; i++) {
    struct reactor *reactor = &server->reactors[i];
    bool drained = server->threaded ? atomic_load_explicit(&reactor->drained, memory_order_acquire)
                                    : reactor_is_drained(reactor);
    if (!drained) return false;
  }
  return true;
}

/* ---- event streams ---- */

struct topic *server_topic(struct server *server)
{
  struct topic *topic = topic_new(server->memory, server->reactor_count);
  if (topic == NULL) return NULL;
  topic->next = server->topics;
  server->topics = topic;
  return topic;
}

struct publication *publication_new(struct topic *topic, struct bytes event)
{
  struct publication *publication = malloc(sizeof *publication + event.size);
  if (publication == NULL) return NULL;
  publication->topic = topic;
  publication->size = event.size;
  memcpy(publication->event, event.data, event.size);
  return publication;
}

void publication_free(struct publication *publication)
{
  free(publication);
}

bool server_publish(struct server *server, struct topic *topic, struct bytes event)
{
  if (!server->threaded) {
    reactor_publish(&server->reactors[0], topic, event);
    return true;
  }
  bool all = true;
  for (uint32_t i = 0; i < server->reactor_count; i++) {
    struct publication *publication = publication_new(topic, event);
    if (publication != NULL && ring_push(&server->reactors[i].events, publication)) continue;
    if (publication != NULL) publication_free(publication);
    all = false;
  }
  return all;
}

/* ---- metrics ---- */

void server_metrics(struct server *server, struct metrics_writer *writer)
{
  const struct net_metrics *shards[SERVER_REACTORS_MAX];
  for (uint32_t i = 0; i < server->reactor_count; i++) shards[i] = &server->reactors[i].metrics;
  net_metrics_write(writer, shards, server->reactor_count, server->endpoints,
                    server->options.endpoint_count);
}
