/*
 * The loop of one thread: waits for sockets and time, and calls who asked.
 *
 *     loop_turn:  wait -> watches that are ready -> timers that are due -> return
 *
 * A watch is told readiness as the world tells it, edge-triggered (world_net.h): whoever is told
 * READ reads until -EAGAIN. Watches and timers are parts of their owners, which outlive being set;
 * an owner that closes a handle during a turn keeps its watch in place until the turn is over,
 * since the same wait may have reported it.
 *
 * All calls belong to the thread of the loop, except loop_wake.
 */
#ifndef TACOS_NET_LOOP_H
#define TACOS_NET_LOOP_H

#include "base/error.h"
#include "base/world.h"
#include "base/world_net.h"
#include "net/timer.h"

enum { LOOP_CLOCK_MS = 100 }; /* how old the wall clock may be: it is for dates in seconds */

struct watch {
  void (*ready)(struct watch *watch, uint32_t ready); /* WORLD_READ and WORLD_WRITE bits */
};

struct loop_timer {
  struct timer timer;
  void (*fire)(struct loop_timer *timer, int64_t now_ms);
};

struct loop {
  struct world *world;
  int64_t now_ns; /* the world's monotonic clock when the last wait returned */
  int64_t now_ms;
  int64_t clock_ms; /* UTC since 1970, read once in LOOP_CLOCK_MS */
  int64_t clock_due_ms;
  struct timers timers;
};

/* The world has a network. */
void loop_init(struct loop *loop, struct world *world);

/* 0 or a negative errno; watching again replaces the watch. The handle's close ends it. */
int loop_watch(struct loop *loop, int handle, uint32_t interest, struct watch *watch);
int loop_unwatch(struct loop *loop, int handle);

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t deadline_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* One turn; waits at most limit_ms (0: not at all). */
void loop_turn(struct loop *loop, int limit_ms);

/* Makes the wait going on, or the next one, return. Any thread. */
void loop_wake(struct loop *loop);

#endif
