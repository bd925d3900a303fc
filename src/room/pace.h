/*
 * The pace of a room: how many may come in now, and how long those in line will wait. Numbers only;
 * it knows no waiters, no store and no clock.
 *
 *     allowed    admissions a second: additive increase up to the operator's limit while reserving
 *                is fast, multiplicative decrease while it is slower than its target
 *                (Chiu and Jain, 1989)
 *     permits    a token bucket of `allowed` a second, which holds a tenth of a second, at least 1
 *     measured   admissions a second as they were, an exponential mean over about ten seconds in
 *                which somebody waited
 *
 * Nothing in here depends on how often anybody polls.
 */
#ifndef TACOS_ROOM_PACE_H
#define TACOS_ROOM_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
  double limit;     /* admissions a second, as set */
  double target_ms; /* of reserving */
  double allowed;
  double permits;
  double measured; /* < 0: nothing was measured yet */
  double latency_ms;
  double latency_age_s; /* since the last one was noted */
  double second;        /* of the running second */
  uint32_t admitted;    /* in it */
  bool waited;          /* somebody did, in all of it */
};

void pace_init(struct pace *pace, uint32_t limit, uint32_t target_ms);

/* The operator changed them; `allowed` goes on from where it is. */
void pace_set(struct pace *pace, uint32_t limit, uint32_t target_ms);

/* How long one reservation took, until it was durable. */
void pace_note_latency(struct pace *pace, double latency_ms);

/* Time passes. waiting: somebody could be admitted all the time. */
void pace_advance(struct pace *pace, double seconds, bool waiting);

/* How many may be admitted now, whole. */
uint32_t pace_permits(const struct pace *pace);
void pace_take(struct pace *pace, uint32_t admitted);

/*
 * Seconds until the position (1: the next) is admitted at the measured rate, never fewer than the
 * allowed rate gives. Rounded up: to 5 below a minute, to 15 below ten minutes, to whole minutes
 * above. PACE_UNKNOWN when nobody is being admitted.
 */
#define PACE_UNKNOWN UINT32_MAX
uint32_t pace_eta_s(const struct pace *pace, uint32_t position);

/* The same rounding. */
uint32_t pace_round_s(double seconds);

#endif
