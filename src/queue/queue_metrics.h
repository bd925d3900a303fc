/*
 * What the queues count. Written by the engine thread (ops/metrics.h).
 */
#ifndef TACOS_QUEUE_QUEUE_METRICS_H
#define TACOS_QUEUE_QUEUE_METRICS_H

#include <stdint.h>

struct queue_metrics {
  uint64_t sent;
  uint64_t duplicates;
  uint64_t received;
  uint64_t empty_receives;
  uint64_t deleted;
  uint64_t dead_lettered;
  uint64_t moved;
  uint64_t expired;
  uint64_t purged;
};

#endif
