#include "unit/load/show_fixture.h"

#include "base/check.h"

#include <stdio.h>

static void fill_stats(struct load_stats *stats)
{
  for (int second = 1; second <= 3; second++) {
    for (int i = 0; i < 500; i++)
      stats_reply(stats, i % 2 == 0 ? 0 : 1, i % 2 == 0 ? 201 : 409, 1000000 * second, 500000, 100);
    if (second == 2) stats_failure(stats, 1, FAILURE_TIMEOUT);
    stats->seats_left = 1000 - 100 * second;
    stats->people = 7;
    stats_point(stats, second, 1);
  }
  stats->steps[0].succeeded = 750;
  stats->steps[1].refused = 749;
  stats->steps[0].checks_passed = 750;
  stats->steps[0].people = 7;
  stats->journeys = 750;
  stats->ends[END_FINISHED] = 743;
  stats->ends[END_CUT] = 7;
  stats->scheduled_requests = 1500;
  stats->seconds = stats->total_s = 3;
  stats->seats_total = 1000;
  snprintf(stats->example, sizeof stats->example, "pay: unexpected status 500 <b>");
}

void show_fixture_begin(struct show_fixture *fixture)
{
  struct error error;
  *fixture = (struct show_fixture){.buyers = {.count = 12345}};
  fixture->file.step_count = 2;
  fixture->file.steps[0].name = BYTES("reserve");
  fixture->file.steps[1].name = BYTES("<pay>");
  fixture->options = (struct load_options){.memory = &fixture->memory,
                                           .file = &fixture->file,
                                           .buyers = &fixture->buyers,
                                           .connections = 64,
                                           .seed = 99};
  fixture->load.options = &fixture->options;
  fixture->load.length_s = 6;
  fixture->load.elapsed_s = 3;
  CHECK(stats_init(&fixture->load.stats, &fixture->memory, 2, &error));
  fill_stats(&fixture->load.stats);
  CHECK(threshold_parse("p99>1s", &fixture->file, &fixture->thresholds[0], &error));
  CHECK(threshold_parse("errors>0", &fixture->file, &fixture->thresholds[1], &error));
  fixture->reconciliation = (struct reconciliation){.total = 1000,
                                                    .sold = 650,
                                                    .held = 50,
                                                    .available = 300,
                                                    .paid_orders = 325,
                                                    .good = true,
                                                    .count = 1,
                                                    .currency = "KRW",
                                                    .checks = {{"nothing sold twice", true, "0"}}};
  fixture->show = (struct show){.name = "onsale",
                                .target = "http://127.0.0.1:8000",
                                .version = "1.0",
                                .started = "2026-11-27T12:00:00.000Z",
                                .event = BYTES("evt_1"),
                                .options = &fixture->options,
                                .load = &fixture->load,
                                .thresholds = fixture->thresholds,
                                .threshold_count = 2,
                                .reconciliation = &fixture->reconciliation};
  buffer_init(&fixture->text, &fixture->memory);
}

void show_fixture_end(struct show_fixture *fixture)
{
  buffer_free(&fixture->text);
  stats_free(&fixture->load.stats);
  CHECK_THAT(fixture->memory.in_use, ==, 0);
}

bool show_fixture_has(const struct show_fixture *fixture, const char *text)
{
  return bytes_find(buffer_bytes(&fixture->text), bytes_of_text(text)) != SIZE_MAX;
}
