/*
 * Timers of one thread: a hashed wheel (Varghese and Lauck 1987, scheme 6) that costs constant time
 * to set, move and clear, for a hundred thousand connections.
 *
 *     slots of TIMER_STEP_MS     [0] [1] [2] ... [TIMER_SLOTS - 1]
 *                                     |
 *                                   timer <-> timer <-> ...        doubly linked, any order
 *
 * A timer whose deadline moves later is not touched: its slot comes around, finds it not due, and
 * files it anew (timer_push_back is one store). So a connection may move its deadline at every
 * request for nothing.
 *
 * A run fires all that is due, nothing early. The wait for it is to the end of a slot, so that a
 * timer fires less than TIMER_STEP_MS late, with all others of its slot.
 *
 * The struct belongs to the caller and must stay where it is while set. One thread.
 */
#ifndef TACOS_NET_TIMER_H
#define TACOS_NET_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TIMER_STEP_MS = 8,
  TIMER_SLOTS = 4096, /* one turn of the wheel: 32.8 s; later ones are met once a turn */
};

struct timer;
typedef void timer_fire(void *context, struct timer *timer, int64_t now_ms);

struct timer {
  struct timer *next; /* NULL: not set */
  struct timer *previous;
  int64_t deadline_ms; /* when it is to fire */
  int64_t filed_ms;    /* the deadline its slot was chosen for */
};

struct timers {
  struct timer slots[TIMER_SLOTS];   /* heads of rings */
  uint64_t filled[TIMER_SLOTS / 64]; /* a bit for each slot that has a timer */
  int64_t now_ms;                    /* all slots up to here were looked at */
  int64_t next_ms;                   /* no timer is due before this; INT64_MAX: none is set */
  size_t count;                      /* of timers set */
  timer_fire *fire;
  void *context;
};

/* now_ms is any clock that never goes back. `fire` is told of every timer that is due. */
void timers_init(struct timers *timers, int64_t now_ms, timer_fire *fire, void *context);

/* Sets or moves, to any time; one in the past fires at the next run. */
void timers_set(struct timers *timers, struct timer *timer, int64_t deadline_ms);

/* Moves a timer that is set to a later time (CHECKed), or leaves it where it is. One store. */
void timers_push_back(struct timer *timer, int64_t deadline_ms);

/* A timer that is not set may be cleared. */
void timers_clear(struct timers *timers, struct timer *timer);

static inline bool timer_is_set(const struct timer *timer)
{
  return timer->next != NULL;
}

/*
 * Fires what is due, cleared before its call, which may set, move and clear any timer. One that is
 * set to now or the past by a call fires at the next run.
 */
void timers_run(struct timers *timers, int64_t now_ms);

/* Milliseconds until timers_run should be called, 0 to limit_ms: for the wait of a loop. */
int timers_wait_ms(const struct timers *timers, int64_t now_ms, int limit_ms);

#endif
