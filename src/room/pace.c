#include "room/pace.h"

#include <math.h>

static const double DECREASE = 0.7;       /* a second, while it is too slow */
static const double INCREASE = 0.05;      /* of the limit, a second */
static const double LEAST = 0.02;         /* of the limit: it never stops by itself */
static const double BUCKET_S = 0.1;       /* what may come at once */
static const double MEAN = 0.1;           /* weight of the last second */
static const double LATENCY_MEAN = 0.2;   /* weight of the last reservation */
static const double LATENCY_KEPT_S = 3;   /* after which nothing is known of it */
static const double RATE_MIN = 1.0 / 600; /* less than one in ten minutes is nobody */
static const double ETA_MAX_S = 86400;

void pace_init(struct pace *pace, uint32_t limit, uint32_t target_ms)
{
  *pace = (struct pace){.limit = limit, .target_ms = target_ms, .measured = -1};
  pace->allowed = pace->limit;
}

void pace_set(struct pace *pace, uint32_t limit, uint32_t target_ms)
{
  double share = pace->limit > 0 ? pace->allowed / pace->limit : 1;
  pace->limit = limit;
  pace->target_ms = target_ms;
  pace->allowed = pace->limit * share;
}

void pace_note_latency(struct pace *pace, double latency_ms)
{
  bool known = pace->latency_age_s < LATENCY_KEPT_S && pace->latency_ms > 0;
  double weight = known ? LATENCY_MEAN : 1;
  pace->latency_ms += (latency_ms - pace->latency_ms) * weight;
  pace->latency_age_s = 0;
}

/* Once a second. */
static void adapt(struct pace *pace)
{
  bool slow = pace->latency_age_s < LATENCY_KEPT_S && pace->latency_ms > pace->target_ms;
  if (slow)
    pace->allowed = fmax(pace->allowed * DECREASE, pace->limit * LEAST);
  else
    pace->allowed = fmin(pace->allowed + pace->limit * INCREASE, pace->limit);
  /* A second in which the line was empty says nothing about how fast it moves. */
  if (pace->waited || pace->admitted > 0) {
    double weight = pace->measured < 0 ? 1 : MEAN;
    double before = pace->measured < 0 ? 0 : pace->measured;
    if (pace->waited || pace->admitted > before)
      pace->measured = before + (pace->admitted - before) * weight;
  }
  pace->admitted = 0;
  pace->waited = true;
}

void pace_advance(struct pace *pace, double seconds, bool waiting)
{
  pace->latency_age_s += seconds;
  pace->permits = fmin(pace->permits + pace->allowed * seconds, fmax(1, pace->allowed * BUCKET_S));
  pace->second += seconds;
  if (!waiting) pace->waited = false;
  if (pace->second < 1) return;
  pace->second = pace->second < 2 ? pace->second - 1 : 0;
  adapt(pace);
}

uint32_t pace_permits(const struct pace *pace)
{
  return (uint32_t)pace->permits;
}

void pace_take(struct pace *pace, uint32_t admitted)
{
  pace->permits -= admitted;
  pace->admitted += admitted;
}

uint32_t pace_round_s(double seconds)
{
  double step = seconds <= 60 ? 5 : seconds <= 600 ? 15 : 60;
  if (seconds >= ETA_MAX_S) return (uint32_t)ETA_MAX_S;
  return (uint32_t)(ceil(seconds / step) * step);
}

uint32_t pace_eta_s(const struct pace *pace, uint32_t position)
{
  double rate = pace->measured < 0 ? pace->allowed : fmin(pace->measured, pace->allowed);
  if (rate < RATE_MIN) return PACE_UNKNOWN;
  return pace_round_s(position / rate);
}
