/*
 * Requests whose times are fixed beforehand, so that a server that stands still does not keep its
 * clients from noticing (an open loop): request number i leaves at begin + i / rate on connection
 * i % count, and its latency is counted from that time.
 */
#ifndef TACOS_BENCH_PROBE_H
#define TACOS_BENCH_PROBE_H

#include "base/histogram.h"
#include "clients.h"

struct probe {
  const struct crowd *crowd; /* that has stopped waiting */
  struct bytes request;      /* answered by crowd->reply_bytes */
  int64_t interval_ns;
  int64_t duration_ns;         /* no request leaves later */
  _Atomic bool stop;           /* set by another thread: the same, now */
  struct histogram *latencies; /* in microseconds */
  uint64_t unanswered;         /* after CLIENT_PATIENCE_S */
};

/* Asks until time is over, then waits for what is not answered. */
void probe_run(struct probe *probe);

#endif
