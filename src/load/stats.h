/*
 * What a run has seen: counts, latencies, and a point for each second.
 *
 *     latency   from when a request was meant to be sent to its whole reply
 *     service   from when it was sent: what the server alone is answerable for while it keeps up
 *
 * The difference of the two is what coordinated omission hides (Tene, "How NOT to Measure
 * Latency"): a server that stands still for a second makes a thousand requests wait, not one.
 *
 * Times are in nanoseconds. Memory: on the struct memory given, until stats_free. One thread.
 */
#ifndef TACOS_LOAD_STATS_H
#define TACOS_LOAD_STATS_H

#include "base/histogram.h"
#include "load/scenario.h"

/* Why a request or a journey failed. What a step expects or ends on is no failure. */
enum load_failure {
  FAILURE_CONNECT,  /* no connection could be made */
  FAILURE_RESET,    /* the connection ended before the reply */
  FAILURE_TIMEOUT,  /* no reply in time */
  FAILURE_PROTOCOL, /* the reply is no HTTP/1.1 */
  FAILURE_STATUS,   /* a status that the step does not expect */
  FAILURE_CHECK,    /* a field does not have the value it should */
  FAILURE_REPEAT,   /* "until" never held */
  FAILURE_ROOM,     /* more people under way than the generator has room for */
  FAILURE_COUNT,
};

/* "timeout"; and what it means. */
const char *load_failure_name(enum load_failure failure);
const char *load_failure_meaning(enum load_failure failure);

enum { STATS_STATUS_MAX = 600 };

/* How journeys end. */
enum load_end { END_FINISHED, END_REFUSED, END_LEFT, END_FAILED, END_CUT, END_COUNT };

struct step_stats {
  uint64_t requests;  /* sent and answered, or failed */
  uint64_t succeeded; /* replies that were expected */
  uint64_t refused;   /* replies that end the journey or are tried again */
  uint64_t failed;
  uint64_t retries;
  uint64_t checks_passed, checks_failed;
  uint64_t people; /* in this step now */
  struct histogram latency;
  struct histogram service;
};

struct load_point {
  double second; /* since the begin, of its end */
  double span_s; /* that it covers */
  uint64_t requests;
  uint64_t errors;
  uint64_t p50_ns, p95_ns, p99_ns, max_ns;
  uint64_t people;    /* under way at its end */
  int64_t seats_left; /* -1: not known */
};

struct load_stats {
  struct memory *memory;
  uint32_t step_count;
  struct step_stats *steps;
  struct histogram latency, service, interval;
  uint64_t requests, errors, bytes;
  uint64_t scheduled_requests; /* of them in the time of the stages */
  uint64_t statuses[STATS_STATUS_MAX];
  uint64_t failures[FAILURE_COUNT];
  uint64_t journeys, ends[END_COUNT];
  uint64_t people;
  uint64_t twice; /* second sendings of the same request */
  double seconds; /* of the stages, as far as they were run */
  double total_s; /* with those who were still under way */
  int64_t seats_left, seats_total;
  char example[ERROR_MESSAGE_BYTES]; /* the first unexpected reply */
  /* Since the last point. */
  uint64_t interval_requests, interval_errors;
  uint32_t point_count, point_capacity;
  struct load_point *points;
};

bool stats_init(struct load_stats *stats, struct memory *memory, uint32_t step_count,
                struct error *error);
void stats_free(struct load_stats *stats);

/* One reply; service_ns below 0: it was never sent. */
void stats_reply(struct load_stats *stats, uint32_t step, uint16_t status, int64_t latency_ns,
                 int64_t service_ns, uint64_t bytes);

void stats_failure(struct load_stats *stats, uint32_t step, enum load_failure failure);

/* Ends an interval with a point; without memory it is left out. */
void stats_point(struct load_stats *stats, double second, double span_s);

#endif
