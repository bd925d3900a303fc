/*
 * Numbers of the bus room.
 */
#ifndef TACOS_BUS_BUS_METRICS_H
#define TACOS_BUS_BUS_METRICS_H

#include <stdint.h>

struct bus_metrics {
  uint64_t events;
  uint64_t matched;
  uint64_t invocations;
  uint64_t queued;
  uint64_t deliveries;
  uint64_t logged;
  uint64_t archived;
  uint64_t dead_lettered;
  uint64_t dropped;
  uint64_t fanouts;
  uint64_t replayed;
  uint64_t fired;
  /* Attempts of deliveries. */
  uint64_t delivered;
  uint64_t retried;
  uint64_t failed;
};

#endif
