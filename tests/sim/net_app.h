/*
 * A small application behind the door, for tests: routes whose right answer can be told from the
 * request alone.
 *
 *     GET  /plain             200, text "hello"
 *     GET  /bytes/{size}      200, so many bytes (net_app_byte), never compressed
 *     GET  /text/{size}       200, the same as text/plain: compressed when asked for
 *     GET  /tagged            200, text "tagged" with the tag "v1"
 *     POST /echo              200, the body; at most 64 KiB
 *     POST /small             200, the body; at most 16 bytes
 *     GET  /hold/{name}       answered with its name when the test lets go (net_app_release)
 *     GET  /wait/{name}       answered with its name once a new sequence is durable
 *     GET  /release           lets go of all that is held, then answers "released" (its own
 *                             answer first with ?first)
 *     GET  /events            an event stream of `topic`, which begins with NET_APP_FIRST_EVENT
 *     GET  /asked/{name}      an event stream that is asked every NET_APP_ASK_MS; it tells
 *                             "data: <n> <name>", from 0 on. The name's first letter says how:
 *                                 b  with NET_APP_BIG_BYTES behind it
 *                                 e  NET_APP_LAST is the last
 *                                 f  the same, but the end comes without an event
 *                                 h  when the test lets go
 *                                 q  nothing but the first
 *                                 r  every second ask is refused
 *                                 w  once a new sequence is durable
 *                             and any other each time
 *     GET  /user, /admin      for users and admins only
 *     POST /key               with Idempotency-Key only
 *
 * Memory: handlers answer from the arena of the exchange; 503 when it has none. One thread.
 */
#ifndef TACOS_SIM_NET_APP_H
#define TACOS_SIM_NET_APP_H

#include "net/server.h"

enum {
  NET_APP_HELD_MAX = 1024,
  NET_APP_ROUTES = 14,
  NET_APP_ASK_MS = 100,
  NET_APP_BIG_BYTES = 15000,
  NET_APP_LAST = 5,
  NET_APP_SIZE_MAX = 4 << 20, /* of /bytes and /text */
};

/* The context of the server's exchanges. */
struct net_app {
  struct topic *topic; /* of /events; NULL: 404 */
  uint64_t sequence;   /* the last that /wait gave away */
  uint64_t handled;    /* requests that reached a handler */
  uint64_t asked;      /* asks that did */
  uint32_t held_count;
  struct exchange *held[NET_APP_HELD_MAX];
  /* Of the last request that reached a handler. */
  char client[WORLD_HOST_BYTES];
  char trace_id[NET_TRACE_ID_BYTES];
  size_t trace_id_size;
};

extern const struct route net_app_routes[NET_APP_ROUTES];

#define NET_APP_FIRST_EVENT "event: first\ndata: 0\n\n"

/* The byte at a place of a body of /bytes and /text. */
static inline uint8_t net_app_byte(size_t at)
{
  return (uint8_t)('a' + at % 23 + (at / 997) % 3);
}

/* Answers one that is held, by its place; the last one takes its place. */
void net_app_release(struct net_app *app, uint32_t place);
void net_app_release_all(struct net_app *app);

#endif
