#include "unit/load/run_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t SECRET[BUYERS_SECRET_BYTES] = "0123456789abcdef0123456789abcdef";

void run_fixture_begin(struct run_fixture *fixture, const char *scenario,
                       const struct stub_options *stub)
{
  struct error error;
  *fixture = (struct run_fixture){0};
  arena_init(&fixture->arena, &fixture->memory);
  if (!scenario_read(&fixture->file, "test.json", bytes_of_text(scenario), &fixture->arena, &error))
    fail_msg("%s", error.message);
  assert_true(buyers_make(&fixture->buyers, &fixture->memory, 100, SECRET, 1700000000, 1, &error));
  fixture->stub = stub_start(stub);
  fixture->options = (struct load_options){
      .memory = &fixture->memory,
      .file = &fixture->file,
      .target = {.host = "127.0.0.1", .port = stub_port(fixture->stub)},
      .host = "127.0.0.1",
      .buyers = &fixture->buyers,
      .seats = &fixture->seats,
      .event = BYTES("evt_1"),
      .connections = 16,
      .timeout_ns = INT64_C(5000000000),
      .drain_ns = INT64_C(5000000000),
      .seed = 7,
  };
}

const struct load_stats *run_fixture_go(struct run_fixture *fixture)
{
  struct error error;
  fixture->load = load_run(&fixture->options, &error);
  if (fixture->load == NULL) fail_msg("%s", error.message);
  const struct load_stats *stats = &fixture->load->stats;
  /* Whoever began has ended, in one way. */
  uint64_t ends = 0;
  for (int i = 0; i < END_COUNT; i++) ends += stats->ends[i];
  assert_int_equal(ends, stats->journeys);
  uint64_t requests = 0;
  for (uint32_t i = 0; i < stats->step_count; i++) {
    requests += stats->steps[i].requests;
    assert_int_equal(stats->steps[i].people, 0);
  }
  assert_int_equal(requests, stats->requests);
  assert_int_equal(stats->latency.count, stats->requests);
  return stats;
}

void run_fixture_end(struct run_fixture *fixture)
{
  if (fixture->load != NULL) load_close(fixture->load);
  buyers_free(&fixture->buyers);
  arena_free(&fixture->arena);
  stub_stop(fixture->stub);
  assert_int_equal(fixture->memory.in_use, 0);
}

double run_fixture_latency_ms(const struct run_fixture *fixture, double percent)
{
  return (double)histogram_percentile(&fixture->load->stats.latency, percent) / 1e6;
}
