/*
 * A server in the Linux world on a loopback port, run by the test's thread, and client threads with
 * blocking sockets.
 *
 * The routes are those of sim/net_app.h. What a client says or meets is CHECKed, since only the
 * test's own thread may fail a test. Memory and threads: of the caller; a client function has its
 * own client.
 */
#ifndef TACOS_UNIT_NET_SERVER_THREADS_H
#define TACOS_UNIT_NET_SERVER_THREADS_H

#include "base/world_linux.h"
#include "net/reactor.h"
#include "sim/net_app.h"
#include "sim/net_client.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREAD_CLIENTS_MAX = 32, THREAD_CLIENT_BYTES = 1 << 20 };

struct server_threads {
  struct world_linux linux_world;
  struct loop loop;
  struct net_app app;
  struct server *server;
  _Atomic uint32_t clients_left;
  uint32_t publish_each; /* publishes "data: <n>" at each so many turns; 0: never */
  uint64_t turns;
  uint64_t published;
};

struct thread_client {
  int socket;
  size_t size;
  uint8_t in[THREAD_CLIENT_BYTES];
};

typedef void thread_client_function(struct server_threads *server, uint32_t index);

void server_threads_open(struct server_threads *server, uint32_t reactors);
void server_threads_close(struct server_threads *server);

/* One turn of the engine's loop; what waits for a sequence leaves one turn later. */
void server_threads_turn(struct server_threads *server, int limit_ms);

/* Runs so many clients in threads of their own, and the server until they have returned. */
void server_threads_run(struct server_threads *server, uint32_t clients,
                        thread_client_function *function);

uint16_t server_threads_port(const struct server_threads *server, size_t endpoint);

/* Blocking calls of client threads. */
struct thread_client *thread_client_open(uint16_t port);
void thread_client_close(struct thread_client *client);
void thread_client_send(struct thread_client *client, const char *text);
/* Waits for the next reply, which has this status; its slices hold until the next call. */
struct net_reply thread_client_reply(struct thread_client *client, uint16_t status);
/* Forgets the reply (or its head, when it is chunked). */
void thread_client_take(struct thread_client *client, size_t size);
/* Waits for more bytes; false at the end. */
bool thread_client_more(struct thread_client *client);

#endif
