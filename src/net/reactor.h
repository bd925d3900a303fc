/*
 * A reactor: one thread's sockets, and what its connections share.
 *
 * With reactors 0 the engine thread has the only one and an exchange is handled where it was read;
 * otherwise each has a thread, a loop and a world of its own, and exchanges cross by two rings.
 *
 * Memory: connections, exchanges and buffers are on the memory of the reactor's world. Threads: all
 * but what is marked shared belongs to the reactor's thread.
 */
#ifndef TACOS_NET_REACTOR_H
#define TACOS_NET_REACTOR_H

#include "base/id.h"
#include "base/world_linux.h"
#include "net/compress.h"
#include "net/connection.h"
#include "net/net_metrics.h"
#include "net/peers.h"
#include "net/reply.h"
#include "net/ring.h"
#include "net/server.h"

#include <pthread.h>

enum {
  REACTOR_RING_SLOTS = 4096,    /* exchanges under way between two threads before they queue */
  REACTOR_FREE_EXCHANGES = 256, /* kept for reuse: 5 KiB each */
  REACTOR_DATE_BYTES = 29,      /* "Fri, 27 Nov 2026 04:20:00 GMT", RFC 9110 5.6.7 */
};

struct listener {
  struct watch watch;
  struct reactor *reactor;
  const struct server_endpoint *endpoint;
  const struct route_index *routes;
  uint32_t endpoint_index;
  int handle; /* -1: closed */
};

/*
 * An event on its way to a reactor's thread, which frees it. Made outside of any struct memory,
 * whose count belongs to one thread.
 */
struct publication {
  struct topic *topic;
  size_t size;
  uint8_t event[];
};

struct publication *publication_new(struct topic *topic, struct bytes event);
void publication_free(struct publication *publication);

/* A queue of exchanges, oldest first. */
struct exchange_queue {
  struct exchange *first, *last;
  uint64_t count;
};

struct reactor {
  struct server *server;
  uint32_t index;
  struct loop *loop;
  struct world *world;
  struct memory *memory;

  struct listener listeners[SERVER_ENDPOINTS_MAX];
  struct loop_timer accept_timer; /* tries again after the descriptors ran out */
  int spare;                      /* a descriptor to refuse with when none is left, or -1 */
  struct connection *connections; /* all; NULL: none */
  struct connection *graveyard;   /* closed in this turn */
  struct connection *again;       /* that had their share of this turn, and more to do */
  uint32_t connection_count;
  uint32_t staying_count; /* of them at endpoints that stay in a drain */
  uint32_t connections_max, connections_per_address_max; /* this reactor's share */
  struct peers peers;

  struct exchange *free_exchanges;
  uint32_t free_count;
  uint32_t exchange_count; /* in use */

  struct connection *working;  /* a request of it is with its handler */
  struct exchange_queue later; /* replies to others that the handler sent meanwhile */

  uint8_t *input; /* NET_HEAD_BYTES + NET_READ_BYTES: what one read gives, behind what was kept */
  struct buffer out; /* replies of the connection that is being worked on */
  struct compressor compressor;
  struct id_generator ids;
  char date[REACTOR_DATE_BYTES + 1];
  int64_t date_s;

  struct topic_shard *dirty; /* topics with streams that lack events */
  struct net_metrics metrics;
  bool draining;

  /* With a thread of its own. */
  bool threaded;
  bool running;
  pthread_t thread;
  struct world_linux own_world;
  struct loop own_loop;
  struct ring requests;         /* to the engine */
  struct ring replies;          /* from the engine: exchanges */
  struct ring events;           /* from the engine: publications */
  struct exchange_queue late;   /* requests the ring had no room for */
  struct exchange_queue queued; /* engine thread: replies the ring had no room for */
  _Atomic bool stop;            /* shared: end the thread */
  _Atomic bool drain;           /* shared: begin to drain */
  _Atomic bool drained;         /* shared: nothing but staying connections is left */
};

/*
 * What the reactors share: constant once it is open, but for what is marked as the engine thread's.
 */
struct server {
  struct world *world; /* the engine thread's, with its loop */
  struct loop *loop;
  struct memory *memory;
  struct server_options options;
  struct server_endpoint endpoints[SERVER_ENDPOINTS_MAX];
  struct route_index *routes[SERVER_ENDPOINTS_MAX];
  struct world_address addresses[SERVER_ENDPOINTS_MAX]; /* really listened at */
  struct reactor *reactors;
  uint32_t reactor_count; /* at least 1: with reactors 0 the engine's own */
  bool threaded;
  /* The engine thread's. */
  struct topic *topics;
  struct exchange_queue waiting; /* replies, by the sequence they wait for */
  uint64_t waiting_for;          /* the greatest sequence in the queue */
  int64_t drain_until_ms;        /* 0: not draining */
};

/* Lets the request's route answer, or who is asked; engine thread. */
void server_handle(struct server *server, struct exchange *exchange);

/* Prepares a reactor; the thread of a threaded one is started by reactor_start. */
bool reactor_init(struct reactor *reactor, struct server *server, uint32_t index,
                  struct world *world, struct loop *loop, struct error *error);
/* Closes all connections and frees everything. */
void reactor_free(struct reactor *reactor);

/* Listens at all endpoints of the server. */
bool reactor_listen(struct reactor *reactor, struct error *error);

bool reactor_start(struct reactor *reactor, struct error *error);
void reactor_stop(struct reactor *reactor);

/* What is to be done at the end of a turn: events fanned out, the graveyard emptied. */
void reactor_end_turn(struct reactor *reactor);

/* Runs the connection at the end of the turn; forgets to. */
void reactor_run_again(struct reactor *reactor, struct connection *connection);
void reactor_forget_again(struct reactor *reactor, struct connection *connection);

/* Whether there is work that should not wait for a socket. */
bool reactor_busy(const struct reactor *reactor);

/* Drops the listeners that do not stay, and what is idle. */
void reactor_drain(struct reactor *reactor);
bool reactor_is_drained(const struct reactor *reactor);

/* A fresh exchange, or NULL without memory. */
struct exchange *reactor_take_exchange(struct reactor *reactor, struct connection *connection);
void reactor_drop_exchange(struct reactor *reactor, struct exchange *exchange);

/*
 * The request is whole: finds who answers and lets them. Fills match, client and trace id before
 * (reactor_route), when the head is known.
 */
void reactor_route(struct reactor *reactor, struct exchange *exchange);
void reactor_dispatch(struct reactor *reactor, struct exchange *exchange);

/* A reply that may leave now. */
void reactor_deliver(struct reactor *reactor, struct exchange *exchange);

/* An event for all streams of a topic. */
void reactor_publish(struct reactor *reactor, struct topic *topic, struct bytes event);

/* What reply.h needs to know of the reactor. */
struct reply_context reactor_reply_context(struct reactor *reactor);

void exchange_queue_push(struct exchange_queue *queue, struct exchange *exchange);
struct exchange *exchange_queue_pop(struct exchange_queue *queue);

#endif
