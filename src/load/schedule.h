/*
 * When things begin: the arrival times of a run, all of them fixed before its first request.
 *
 * A stage has a rate that is constant or changes evenly from one value to another. With N(t) the
 * integral of the rate, arrival k (k = 0, 1, 2, ...) is at the t with N(t) = k; over a stage of T
 * seconds from rate a to rate b
 *
 *     N(t) = a t + (b - a) t^2 / 2T        t(x) = 2x / (a + sqrt(a^2 + 2x (b - a) / T))
 *
 * A server that stalls moves none of them: that is what makes it an open loop.
 *
 * Stages of virtual users have no arrivals: they say how many people there are at a time, each of
 * whom begins anew when through. All stages of a schedule are of one kind.
 *
 * Memory: the stages are the caller's. Pure; one thread.
 */
#ifndef TACOS_LOAD_SCHEDULE_H
#define TACOS_LOAD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum { SCHEDULE_STAGES_MAX = 32 };

struct stage {
  double from, to; /* per second, or people */
  double seconds;
};

struct schedule {
  const struct stage *stages;
  uint32_t count;
  uint32_t at;    /* the stage of the next arrival */
  double begin_s; /* of that stage */
  double before;  /* N at that stage's begin */
  uint64_t next;  /* k */
};

#define SCHEDULE_OVER INT64_MAX

void load_schedule_init(struct schedule *schedule, const struct stage *stages, uint32_t count);

/* The next arrival, in nanoseconds since the begin; SCHEDULE_OVER when there is none any more. */
int64_t load_schedule_next(struct schedule *schedule);

/* The length of all stages, in nanoseconds. */
int64_t load_schedule_length_ns(const struct stage *stages, uint32_t count);

/* The value of the stages at a time; that of the last at its end when they are over. */
double load_schedule_value(const struct stage *stages, uint32_t count, int64_t at_ns);

#endif
