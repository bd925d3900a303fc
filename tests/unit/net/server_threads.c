#include "unit/net/server_threads.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void server_threads_open(struct server_threads *server, uint32_t reactors)
{
  memset(server, 0, sizeof *server);
  world_linux_init(&server->linux_world);
  CHECK(world_linux_open_net(&server->linux_world) == 0);
  loop_init(&server->loop, &server->linux_world.world);
  const struct server_endpoint endpoints[] = {
      {.name = "http",
       .address = {.host = "127.0.0.1"},
       .inherited = -1,
       .routes = net_app_routes,
       .route_count = NET_APP_ROUTES},
      {.name = "operations",
       .address = {.host = "127.0.0.1"},
       .inherited = -1,
       .routes = net_app_routes,
       .route_count = NET_APP_ROUTES,
       .stays_in_drain = true},
  };
  struct server_options options = {
      .endpoints = endpoints,
      .endpoint_count = 2,
      .reactors = reactors,
      .limits = net_limits_default(),
      .context = &server->app,
  };
  struct error error;
  server->server = server_open(&server->linux_world.world, &server->loop, &options, &error);
  CHECK(server->server != NULL);
  server->app.topic = server_topic(server->server);
  CHECK(server->app.topic != NULL);
}

void server_threads_close(struct server_threads *server)
{
  net_app_release_all(&server->app);
  server_close(server->server);
  CHECK_THAT(server->linux_world.world.memory.in_use, ==, 0);
  world_linux_close(&server->linux_world);
}

void server_threads_turn(struct server_threads *server, int limit_ms)
{
  uint64_t durable = server->app.sequence;
  server_turn(server->server, limit_ms);
  if (server->publish_each > 0 && ++server->turns % server->publish_each == 0) {
    char event[64];
    snprintf(event, sizeof event, "data: %llu\n\n", (unsigned long long)++server->published);
    CHECK(server_publish(server->server, server->app.topic, bytes_of_text(event)));
  }
  server_release(server->server, durable);
}

struct thread_argument {
  struct server_threads *server;
  thread_client_function *function;
  uint32_t index;
  pthread_t thread;
};

static void *run_client(void *context)
{
  struct thread_argument *argument = context;
  argument->function(argument->server, argument->index);
  atomic_fetch_sub(&argument->server->clients_left, 1);
  loop_wake(&argument->server->loop);
  return NULL;
}

void server_threads_run(struct server_threads *server, uint32_t clients,
                        thread_client_function *function)
{
  struct thread_argument arguments[THREAD_CLIENTS_MAX];
  CHECK_THAT(clients, <=, THREAD_CLIENTS_MAX);
  atomic_store(&server->clients_left, clients);
  for (uint32_t i = 0; i < clients; i++) {
    arguments[i] = (struct thread_argument){.server = server, .function = function, .index = i};
    CHECK(pthread_create(&arguments[i].thread, NULL, run_client, &arguments[i]) == 0);
  }
  while (atomic_load(&server->clients_left) > 0)
    server_threads_turn(server, server->app.sequence > 0 || server->publish_each > 0 ? 1 : 20);
  for (uint32_t i = 0; i < clients; i++) CHECK(pthread_join(arguments[i].thread, NULL) == 0);
}

uint16_t server_threads_port(const struct server_threads *server, size_t endpoint)
{
  return server_address(server->server, endpoint)->port;
}

struct thread_client *thread_client_open(uint16_t port)
{
  struct thread_client *client = calloc(1, sizeof *client);
  CHECK(client != NULL);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  /* A test that waits in vain fails instead of hanging. */
  struct timeval patience = {.tv_sec = 60};
  CHECK(client->socket >= 0 &&
        setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  CHECK(connect(client->socket, (struct sockaddr *)&address, sizeof address) == 0);
  return client;
}

void thread_client_close(struct thread_client *client)
{
  close(client->socket);
  free(client);
}

void thread_client_send(struct thread_client *client, const char *text)
{
  size_t size = strlen(text);
  while (size > 0) {
    ssize_t sent = send(client->socket, text, size, MSG_NOSIGNAL);
    CHECK(sent > 0);
    text += sent;
    size -= (size_t)sent;
  }
}

bool thread_client_more(struct thread_client *client)
{
  CHECK_THAT(client->size, <, sizeof client->in);
  ssize_t got = recv(client->socket, client->in + client->size, sizeof client->in - client->size,
                     0);
  if (got < 0) CHECK(errno == ECONNRESET);
  if (got <= 0) return false;
  client->size += (size_t)got;
  return true;
}

struct net_reply thread_client_reply(struct thread_client *client, uint16_t status)
{
  struct net_reply reply;
  enum net_reply_parse parse;
  while ((parse = net_reply_parse(bytes_of(client->in, client->size), false, &reply)) ==
         NET_REPLY_MORE)
    CHECK(thread_client_more(client));
  CHECK(parse == NET_REPLY_DONE);
  CHECK_THAT(reply.status, ==, status);
  return reply;
}

void thread_client_take(struct thread_client *client, size_t size)
{
  CHECK_THAT(size, <=, client->size);
  client->size -= size;
  memmove(client->in, client->in + size, client->size);
}
