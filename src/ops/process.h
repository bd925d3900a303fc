/*
 * What the operating system says about this process, as metrics under the names that every
 * Prometheus dashboard knows (prometheus.io/docs/instrumenting/writing_clientlibs, "Process
 * metrics").
 *
 * Reads Linux directly and not through the injected world, on purpose: these numbers are about the
 * real process, decide nothing, and would mean nothing in the simulator.
 *
 * Memory: nothing is allocated besides the text. Any thread.
 */
#ifndef TACOS_OPS_PROCESS_H
#define TACOS_OPS_PROCESS_H

#include "ops/metrics.h"

struct process {
  /*
   * Nanoseconds since 1970; 0: unknown. Read once, since computed again it would follow the
   * corrections of the wall clock, and a changed start time means a restart to whoever looks.
   */
  uint64_t start_ns;
};

/* At the start of the program. */
void process_init(struct process *process);

/* Writes the families process_...; one that cannot be read is left out. */
void process_write_metrics(const struct process *process, struct metrics_writer *writer);

#endif
