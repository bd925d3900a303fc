/*
 * Deadlines of a pool's structs, exact to the millisecond from now to 2109: a wheel of seven levels
 * (Varghese and Lauck 1987, scheme 7), each digit of 6 bits of the time being a level.
 *
 *     level 6 | ... | level 2: 64 x 4 s | level 1: 64 x 64 ms | level 0: 64 x 1 ms
 *
 * A struct lies at the level of the highest digit in which its deadline differs from the wheel's
 * time, so it is moved at most six times on its way down, however far away it was: constant time
 * for each, where a heap of a million takes twenty steps. The wheel of net/timer.h, made for
 * timeouts of seconds, would look at each of a million messages that wait for 12 hours every 33 s,
 * and costs 40 bytes for each of them; this one costs 8.
 *
 * Work is done in steps that the caller bounds, also when a million structs are due at once.
 * Nothing here allocates. Engine thread.
 */
#ifndef TACOS_QUEUE_WHEEL_H
#define TACOS_QUEUE_WHEEL_H

#include "queue/pool.h"

enum { WHEEL_LEVELS = 7, WHEEL_DIGIT_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_DIGIT_BITS };

struct queue_wheel {
  const struct queue_pool *pool;
  size_t link_offset;            /* of a struct's queue_link */
  size_t key_offset;             /* of its int64_t deadline, which does not change while it is in */
  int64_t time_ms;               /* all that was due up to here is in `due` or `moving` */
  uint32_t due;                  /* ring of structs whose deadline is reached */
  uint32_t moving;               /* ring: a slot that the wheel has entered, not yet distributed */
  uint64_t filled[WHEEL_LEVELS]; /* a bit for each slot that has a struct */
  uint32_t slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* time_ms: nothing earlier will be asked for; what is due by then is due at once. */
void queue_wheel_init(struct queue_wheel *wheel, const struct queue_pool *pool, size_t link_offset,
                      size_t key_offset, int64_t time_ms);

void queue_wheel_add(struct queue_wheel *wheel, uint32_t number);
void queue_wheel_remove(struct queue_wheel *wheel, uint32_t number);

/*
 * Lets time pass: what is due by now_ms comes into wheel->due, in order of deadlines. Takes one
 * from *steps for each struct it moves; false when they ran out before it was done.
 */
bool queue_wheel_advance(struct queue_wheel *wheel, int64_t now_ms, uint32_t *steps);

/* When it has work next: nothing is due before that. INT64_MAX: never, INT64_MIN: now. */
int64_t queue_wheel_next_ms(const struct queue_wheel *wheel);

/*
 * One with the least deadline, to within the width of its slot, of those added in order of
 * deadlines exactly; or 0.
 */
uint32_t queue_wheel_first(const struct queue_wheel *wheel);

#endif
