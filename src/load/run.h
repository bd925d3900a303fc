/*
 * The engine of the load generator: one thread, epoll, keep-alive connections, a fixed schedule.
 *
 *     schedule -> journey -> step -> [think] -> ready -> idle connection -> sent -> reply
 *                    ^                            |  (none is idle: waits, charged)   |
 *                    '----------------------------+---------- next step --------------'
 *
 * A journey is one person's way through a scenario. Connections are not people's own: a request
 * takes the one that was idle longest, so that all of them are used in turn.
 *
 * When a request is meant to be sent is fixed by the schedule for a journey's first step; for later
 * ones it is when the reply before it was there, plus what they think. With a rate of requests it
 * is the schedule for all of them: each slot goes to whoever has waited longest to send, else to
 * somebody new. Latency counts from there, whatever the generator or the server does. Virtual users
 * are a closed loop, in which it counts from the sending.
 *
 * The wait ends some 60 us before the next thing is due, and the rest is polled: a kernel's timer
 * is not exact enough for a latency of 100 us. So a busy generator keeps a core to itself.
 *
 * Memory: everything is on the struct memory of the options, until load_close. One thread.
 */
#ifndef TACOS_LOAD_RUN_H
#define TACOS_LOAD_RUN_H

#include "base/world_net.h"
#include "load/buyers.h"
#include "load/scenario.h"
#include "load/stats.h"

enum {
  LOAD_CONNECTIONS_MAX = 1000000,
  LOAD_JOURNEYS_MAX = 2000000, /* under way at one time */
};

struct load;

struct load_options {
  struct memory *memory;
  const struct load_file *file;
  struct world_address target;
  const char *host; /* for the Host field */
  const struct buyers *buyers;
  const struct seat_list *seats; /* NULL: not known */
  struct bytes event;            /* empty: none */
  const char *probe;             /* the path whose "remaining" is asked for each second; or NULL */
  uint32_t connections;
  int64_t timeout_ns; /* of a request, from when it was meant to be sent */
  int64_t drain_ns;   /* for those under way when the stages are over */
  uint64_t seed;
  /* About once a second; false ends the run. */
  bool (*tick)(void *context, const struct load *load);
  void *context;
};

/* What is to be known of a run while it goes on, and at its end. */
struct load {
  const struct load_options *options;
  struct load_stats stats;
  double elapsed_s;
  double length_s;    /* of the stages */
  double asked;       /* per second, or people, at this time */
  uint32_t connected; /* connections that are open */
  uint32_t open_peak;
  uint64_t *orders; /* hashes of the ids of orders that people were told of */
  uint32_t order_count, order_capacity;
};

/* The hash under which an order is kept in `orders`. */
uint64_t load_order_hash(struct bytes order_id);

/*
 * Runs it all. NULL with *error when it could not begin: nobody listens, no memory, no descriptors.
 * What goes wrong later is in the statistics.
 */
struct load *load_run(const struct load_options *options, struct error *error);
void load_close(struct load *load);

#endif
