/*
 * Whole rushes for a waiting room under a simulated disk and clock: crowds that poll, refresh, go
 * away and come back, bots, a server that dies at any moment. Every answer is held against a model
 * of the contract, and at the end there are figures: what bots gain, how busy checkout was.
 *
 *     sim_room [--seed N] [--runs N] [--buyers N] [--crashes N] [--small] [--forever] [--verbose]
 *
 * One rush has one seed; rushes follow with seed + 1, + 2, ... With --crashes until that many were
 * met, in small rushes (--small) with many each; with --buyers it is one rush of so many buyers,
 * and --crashes are in it.
 */
#include "sim/room_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS_DEFAULT = 16 };

struct arguments {
  struct room_options options;
  uint64_t runs;
  uint64_t crashes; /* 0: as many as there are */
  bool forever;
};

static bool parse(int count, char **texts, struct arguments *arguments)
{
  *arguments = (struct arguments){.options = {.seed = random_seed(1), .crashes = UINT32_MAX},
                                  .runs = RUNS_DEFAULT};
  for (int i = 1; i < count; i++) {
    bool has_number = i + 1 < count;
    if (strcmp(texts[i], "--forever") == 0)
      arguments->forever = true;
    else if (strcmp(texts[i], "--small") == 0)
      arguments->options.small = true;
    else if (strcmp(texts[i], "--verbose") == 0)
      arguments->options.verbose = true;
    else if (strcmp(texts[i], "--seed") == 0 && has_number)
      arguments->options.seed = strtoull(texts[++i], NULL, 0);
    else if (strcmp(texts[i], "--runs") == 0 && has_number)
      arguments->runs = strtoull(texts[++i], NULL, 0);
    else if (strcmp(texts[i], "--buyers") == 0 && has_number)
      arguments->options.buyers = (uint32_t)strtoul(texts[++i], NULL, 0);
    else if (strcmp(texts[i], "--crashes") == 0 && has_number)
      arguments->crashes = strtoull(texts[++i], NULL, 0);
    else
      return false;
  }
  if (arguments->options.buyers == 0) {
    if (arguments->crashes > 0) arguments->options.small = true;
    return true;
  }
  arguments->options.crashes = (uint32_t)arguments->crashes;
  arguments->crashes = 0;
  arguments->runs = 1;
  return true;
}

static bool is_enough(const struct arguments *arguments, const struct room_totals *totals)
{
  if (arguments->forever) return false;
  return arguments->crashes > 0 ? totals->crashes >= arguments->crashes
                                : totals->runs >= arguments->runs;
}

static double seconds_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **texts)
{
  enum { REPORT_RUNS = 100 };
  struct arguments arguments;
  struct room_totals totals = {0};
  if (!parse(count, texts, &arguments)) {
    fprintf(stderr, "usage: sim_room [--seed N] [--runs N] [--buyers N] [--crashes N] [--small] "
                    "[--forever] [--verbose]\n");
    return 2;
  }
  double begin = seconds_now();
  uint64_t first = arguments.options.seed;
  for (; !is_enough(&arguments, &totals); arguments.options.seed++) {
    /* Before the run, so that a failed CHECK is met with its seed on the screen. */
    printf("seed %llu\n", (unsigned long long)arguments.options.seed);
    fflush(stdout);
    room_run_whole(&arguments.options, &totals);
    if ((arguments.options.seed - first + 1) % REPORT_RUNS != 0) continue;
    room_measure_print(&totals, first, arguments.options.seed, seconds_now() - begin);
    room_measure_assert(&totals);
  }
  room_measure_print(&totals, first, arguments.options.seed - 1, seconds_now() - begin);
  room_measure_assert(&totals);
  free(totals.guesses);
  return 0;
}
