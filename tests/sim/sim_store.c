/*
 * The store under a simulated disk, clock and memory: processes that die at any moment, disks that
 * lose, tear, fill up and fail, bits that flip. After every recovery the store must hold exactly
 * what a model says it may hold.
 *
 *     sim_store [--seed N] [--crashes N] [--forever] [--verbose]
 *
 * One run has one seed; runs follow with seed + 1, + 2, ... until that many crashes were met.
 */
#include "sim/store_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  CRASHES_DEFAULT = 10000, /* what `make test` promises */
  LIVES = 30,              /* processes of one run: its files and journal stay small */
};

struct arguments {
  uint64_t seed;
  uint64_t crashes;
  bool forever;
  bool verbose;
};

static bool parse(int count, char **texts, struct arguments *arguments)
{
  *arguments = (struct arguments){.seed = random_seed(1), .crashes = CRASHES_DEFAULT};
  for (int i = 1; i < count; i++) {
    bool has_number = i + 1 < count;
    if (strcmp(texts[i], "--forever") == 0)
      arguments->forever = true;
    else if (strcmp(texts[i], "--verbose") == 0)
      arguments->verbose = true;
    else if (strcmp(texts[i], "--seed") == 0 && has_number)
      arguments->seed = strtoull(texts[++i], NULL, 0);
    else if (strcmp(texts[i], "--crashes") == 0 && has_number)
      arguments->crashes = strtoull(texts[++i], NULL, 0);
    else
      return false;
  }
  return true;
}

static double seconds_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_totals(const struct store_run_totals *totals, uint64_t first, uint64_t last,
                         double seconds)
{
  printf(
      "sim_store: seeds %llu-%llu: %llu crashes, %llu recoveries, %llu commits, %llu refused, "
      "%llu snapshots, %llu restores, %llu backups, %llu stream records, %llu bits flipped (%llu "
      "refused, %llu lost the last frame), %.1f s\n",
      (unsigned long long)first, (unsigned long long)last, (unsigned long long)totals->crashes,
      (unsigned long long)totals->recoveries, (unsigned long long)totals->commits,
      (unsigned long long)totals->refused, (unsigned long long)totals->snapshots,
      (unsigned long long)totals->restores, (unsigned long long)totals->backups,
      (unsigned long long)totals->stream_records, (unsigned long long)totals->flips,
      (unsigned long long)totals->flips_refused, (unsigned long long)totals->flips_lost, seconds);
  fflush(stdout);
}

int main(int count, char **texts)
{
  enum { REPORT_RUNS = 100 };
  struct arguments arguments;
  struct store_run_totals totals = {0};
  if (!parse(count, texts, &arguments)) {
    fprintf(stderr, "usage: sim_store [--seed N] [--crashes N] [--forever] [--verbose]\n");
    return 2;
  }
  double begin = seconds_now();
  uint64_t seed = arguments.seed;
  for (; arguments.forever || totals.crashes < arguments.crashes; seed++) {
    /* Before the run, so that a failed CHECK of the store is met with its seed on the screen. */
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    store_life_whole(seed, LIVES, arguments.verbose, &totals);
    if ((seed - arguments.seed + 1) % REPORT_RUNS == 0)
      print_totals(&totals, arguments.seed, seed, seconds_now() - begin);
  }
  print_totals(&totals, arguments.seed, seed - 1, seconds_now() - begin);
  return 0;
}
