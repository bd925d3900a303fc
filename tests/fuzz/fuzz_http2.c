/*
 * Any bytes on a connection that speaks HTTP/2: the server neither crashes nor leaks, and is there
 * for the next client.
 *
 *     first byte   bit 0: the preface and SETTINGS are sent before the bytes
 *                  bit 1: limits are short, and their time is let pass at the end
 *                  bit 2: the client reads nothing
 *                  others: where the bytes are cut
 */
#include "base/check.h"
#include "net/reactor.h"
#include "net/server.h"
#include "sim/world_sim.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORT = 80, KEPT_MAX = 4096, SHORT_MS = 50 };

struct fuzz {
  struct topic *topic;
  struct exchange *kept[KEPT_MAX];
  size_t kept_count;
};

static uint8_t large[200000];

static void get_large(struct exchange *exchange)
{
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, bytes_of(large, sizeof large));
  exchange->reply.encoded = true;
  exchange_send(exchange);
}

static void post_echo(struct exchange *exchange)
{
  struct bytes copy = arena_copy(&exchange->arena, exchange->body);
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, copy);
  exchange_send(exchange);
}

static void get_later(struct exchange *exchange)
{
  struct fuzz *fuzz = exchange->context;
  if (fuzz->kept_count < KEPT_MAX) {
    fuzz->kept[fuzz->kept_count++] = exchange;
    return;
  }
  exchange_reply_empty(exchange, 204);
  exchange_send(exchange);
}

static void get_events(struct exchange *exchange)
{
  struct fuzz *fuzz = exchange->context;
  exchange_reply_stream(exchange, fuzz->topic, BYTES(": first\n\n"));
  exchange_send(exchange);
}

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_GET), "/", AUTH_NONE, KEY_NONE, 0, get_large},
    {HTTP_BIT(HTTP_POST), "/", AUTH_NONE, KEY_NONE, 1000, post_echo},
    {HTTP_BIT(HTTP_GET), "/l", AUTH_NONE, KEY_NONE, 0, get_later},
    {HTTP_BIT(HTTP_GET), "/e", AUTH_NONE, KEY_NONE, 0, get_events},
};

static struct server *open_server(struct world *world, struct loop *loop, struct fuzz *fuzz,
                                  bool hurried)
{
  struct server_endpoint endpoint = {.name = "http",
                                     .address = {"127.0.0.1", PORT},
                                     .inherited = -1,
                                     .routes = ROUTES,
                                     .route_count = sizeof ROUTES / sizeof ROUTES[0]};
  struct server_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .limits = net_limits_default(), .context = fuzz};
  if (hurried)
    options.limits.head_ms = options.limits.idle_ms = options.limits.write_stall_ms =
        options.limits.body_grace_ms = options.limits.stream_ping_ms = SHORT_MS;
  struct error error;
  struct server *server = server_open(world, loop, &options, &error);
  CHECK(server != NULL);
  return server;
}

/* Sends as much as is taken and reads what came; false when the connection is gone. */
static bool talk(struct world *client, int stream, struct bytes bytes, size_t *sent, bool reads)
{
  static uint8_t block[65536];
  int64_t got;
  while (*sent < bytes.size) {
    got = client->net->write(client, stream, bytes.data + *sent, bytes.size - *sent);
    if (got == -EAGAIN) break;
    if (got < 0) return false;
    *sent += (size_t)got;
  }
  while (reads) {
    got = client->net->read(client, stream, block, sizeof block);
    if (got == -EAGAIN) break;
    if (got <= 0) return false;
  }
  return true;
}

static void converse(struct world_sim *sim, struct server *server, struct fuzz *fuzz,
                     struct bytes input, int flags)
{
  static const struct bytes hello = {
      (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33};
  struct world *client = world_sim_client(sim);
  struct world_address address = {"127.0.0.1", PORT};
  int stream = client->net->connect(client, &address);
  CHECK(stream >= 0);
  struct bytes parts[3] = {hello, input, {NULL, 0}};
  size_t cut = input.size * (size_t)(flags >> 3) / 31;
  parts[1].size = cut;
  parts[2] = bytes_of(input.data + cut, input.size - cut);
  bool there = true;
  for (size_t i = (flags & 1) != 0 ? 0 : 1; i < 3; i++) {
    size_t sent = 0;
    for (int turn = 0; turn < 40 && there && (turn < 10 || sent < parts[i].size); turn++) {
      there = talk(client, stream, parts[i], &sent, (flags & 4) == 0);
      server_turn(server, 0);
      world_sim_advance_to_delivery(sim, 5);
    }
    CHECK(server_publish(server, fuzz->topic, BYTES("data: 1\n\n")));
    server_turn(server, 0);
  }
  for (int turn = 0; (flags & 2) != 0 && turn < 20; turn++) {
    world_sim_advance_ms(sim, SHORT_MS);
    server_turn(server, 0);
    size_t sent = 0;
    there = there && talk(client, stream, (struct bytes){NULL, 0}, &sent, (flags & 4) == 0);
  }
  if ((flags & 8) != 0) client->net->close(client, stream);
  for (size_t i = 0; i < fuzz->kept_count; i++) {
    exchange_reply_empty(fuzz->kept[i], 204);
    exchange_send(fuzz->kept[i]);
    if (i % 2 == 0) server_turn(server, 0);
  }
  server_turn(server, 0);
  if ((flags & 8) == 0) client->net->close(client, stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0 || size > 100000) return 0;
  struct world_sim *sim = world_sim_new(size);
  struct world *world = world_sim_world(sim);
  struct fuzz *fuzz = memory_alloc_zeroed(&world->memory, sizeof *fuzz);
  struct loop loop;
  loop_init(&loop, world);
  struct server *server = open_server(world, &loop, fuzz, (data[0] & 2) != 0);
  fuzz->topic = server_topic(server);
  CHECK(fuzz->topic != NULL);
  converse(sim, server, fuzz, bytes_of(data + 1, size - 1), data[0]);
  server_turn(server, 0);
  server_close(server);
  memory_free(&world->memory, fuzz, sizeof *fuzz);
  CHECK_THAT(world->memory.in_use, ==, 0);
  world_sim_free(sim);
  return 0;
}
