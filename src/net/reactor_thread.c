#include "base/check.h"
#include "net/reactor.h"

enum {
  WAIT_MS = 1000,      /* a reactor's thread looks after itself at least so often */
  TAKE_AT_A_TIME = 64, /* pointers from a ring */
};

static void take_replies(struct reactor *reactor)
{
  void *taken[TAKE_AT_A_TIME];
  uint32_t count;
  while ((count = ring_take(&reactor->replies, taken, TAKE_AT_A_TIME)) > 0)
    for (uint32_t i = 0; i < count; i++) reactor_deliver(reactor, taken[i]);
}

static void take_events(struct reactor *reactor)
{
  void *taken[TAKE_AT_A_TIME];
  uint32_t count;
  while ((count = ring_take(&reactor->events, taken, TAKE_AT_A_TIME)) > 0) {
    for (uint32_t i = 0; i < count; i++) {
      struct publication *publication = taken[i];
      reactor_publish(reactor, publication->topic, bytes_of(publication->event, publication->size));
      publication_free(publication);
    }
  }
}

static void hand_over(struct reactor *reactor)
{
  while (reactor->late.first != NULL && ring_push(&reactor->requests, reactor->late.first))
    exchange_queue_pop(&reactor->late);
  if (ring_publish(&reactor->requests)) loop_wake(reactor->server->loop);
}

static int wait_ms_of(struct reactor *reactor)
{
  /* Both, since each remembers that we sleep. */
  bool replies = ring_sleep(&reactor->replies);
  bool events = ring_sleep(&reactor->events);
  if (!replies || !events || reactor_busy(reactor)) return 0;
  /* Requests that wait for a slot: the engine takes them, but tells nobody. */
  return reactor->late.first != NULL ? 1 : WAIT_MS;
}

static void *run(void *context)
{
  struct reactor *reactor = context;
  while (!atomic_load_explicit(&reactor->stop, memory_order_acquire)) {
    loop_turn(reactor->loop, wait_ms_of(reactor));
    ring_awake(&reactor->replies);
    ring_awake(&reactor->events);
    take_replies(reactor);
    take_events(reactor);
    if (!reactor->draining && atomic_load_explicit(&reactor->drain, memory_order_acquire))
      reactor_drain(reactor);
    reactor_end_turn(reactor);
    hand_over(reactor);
    if (reactor_is_drained(reactor) &&
        !atomic_exchange_explicit(&reactor->drained, true, memory_order_acq_rel))
      loop_wake(reactor->server->loop);
  }
  return NULL;
}

bool reactor_start(struct reactor *reactor, struct error *error)
{
  CHECK(reactor->threaded);
  int failed = pthread_create(&reactor->thread, NULL, run, reactor);
  if (failed != 0) return error_set_errno(error, failed, "cannot start a reactor's thread");
  reactor->running = true;
  return true;
}

void reactor_stop(struct reactor *reactor)
{
  if (!reactor->running) return;
  atomic_store_explicit(&reactor->stop, true, memory_order_release);
  loop_wake(reactor->loop);
  CHECK(pthread_join(reactor->thread, NULL) == 0);
  reactor->running = false;
}
