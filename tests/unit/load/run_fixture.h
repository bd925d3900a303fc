/*
 * A run of a scenario's text against a stub, for tests of the engine.
 *
 * Memory: everything belongs to the fixture, until run_fixture_end, which asserts that nothing
 * leaked.
 */
#ifndef TACOS_TESTS_UNIT_LOAD_RUN_FIXTURE_H
#define TACOS_TESTS_UNIT_LOAD_RUN_FIXTURE_H

#include "load/run.h"
#include "unit/load/stub_server.h"

struct run_fixture {
  struct memory memory;
  struct arena arena;
  struct load_file file;
  struct buyers buyers;
  struct seat_list seats;
  struct load_options options;
  struct stub *stub;
  struct load *load;
};

/* Reads the scenario (asserts that it is good) and starts the stub. */
void run_fixture_begin(struct run_fixture *fixture, const char *scenario,
                       const struct stub_options *stub);

/* Runs it; the figures are in fixture->load->stats. */
const struct load_stats *run_fixture_go(struct run_fixture *fixture);
void run_fixture_end(struct run_fixture *fixture);

/* A percentile of all latencies, in milliseconds. */
double run_fixture_latency_ms(const struct run_fixture *fixture, double percent);

#endif
