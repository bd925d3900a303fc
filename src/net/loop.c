#include "net/loop.h"

#include "base/check.h"

enum {
  EVENTS_PER_WAIT = 256,
  NS_PER_MS = 1000000,
};

static void read_clock(struct loop *loop)
{
  loop->now_ns = world_monotonic_ns(loop->world);
  loop->now_ms = loop->now_ns / NS_PER_MS;
  if (loop->now_ms < loop->clock_due_ms) return;
  loop->clock_ms = world_clock_ms(loop->world);
  loop->clock_due_ms = loop->now_ms + LOOP_CLOCK_MS;
}

static void fire(void *context, struct timer *timer, int64_t now_ms)
{
  (void)context;
  struct loop_timer *owner = (struct loop_timer *)timer;
  owner->fire(owner, now_ms);
}

_Static_assert(offsetof(struct loop_timer, timer) == 0, "a timer is the start of its loop_timer");

void loop_init(struct loop *loop, struct world *world)
{
  CHECK(world->net != NULL);
  loop->world = world;
  loop->clock_due_ms = INT64_MIN;
  read_clock(loop);
  timers_init(&loop->timers, loop->now_ms, fire, loop);
}

int loop_watch(struct loop *loop, int handle, uint32_t interest, struct watch *watch)
{
  return loop->world->net->watch(loop->world, handle, interest, (uint64_t)(uintptr_t)watch);
}

int loop_unwatch(struct loop *loop, int handle)
{
  return loop->world->net->unwatch(loop->world, handle);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t deadline_ms)
{
  timers_set(&loop->timers, &timer->timer, deadline_ms);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
  timers_clear(&loop->timers, &timer->timer);
}

void loop_turn(struct loop *loop, int limit_ms)
{
  struct world_event events[EVENTS_PER_WAIT];
  int wait_ms = timers_wait_ms(&loop->timers, loop->now_ms, limit_ms);
  int count = loop->world->net->wait(loop->world, events, EVENTS_PER_WAIT, wait_ms);
  /* A poller that cannot wait is a bug of ours: it was made with this loop. */
  CHECK_THAT(count, >=, 0);
  read_clock(loop);
  for (int i = 0; i < count; i++) {
    struct watch *watch = (struct watch *)(uintptr_t)events[i].user_data;
    watch->ready(watch, events[i].ready);
  }
  timers_run(&loop->timers, loop->now_ms);
}

void loop_wake(struct loop *loop)
{
  loop->world->net->wake(loop->world);
}
