/*
 * The door under a simulated network: hundreds of clients with random requests, well-formed,
 * pipelined, split, slow, broken and abandoned, on connections that are cut short, delayed, reset
 * and silent. Every reply must be the right one for its request, in order; whoever keeps to the
 * rules is served in time; and when all are gone nothing is left.
 *
 *     sim_net [--seed N] [--crashes N] [--forever] [--verbose]
 *
 * One run has one seed and one server; runs follow with seed + 1, + 2, ... The work of a run is
 * counted in connections that ended badly, which --crashes counts.
 */
#include "sim/net_run.h"

#include "sim/random.h"

#include <string.h>
#include <time.h>

enum { CRASHES_DEFAULT = 1000 }; /* some five seconds */

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

static void print_totals(const struct net_run_totals *totals, uint64_t first, uint64_t last,
                         double seconds)
{
  printf("sim_net: seeds %llu-%llu: %llu connections, %llu broken, %llu replies, %llu refused, "
         "%llu streams, %llu events, %llu drains, %llu failed allocations, %.1f s\n",
         (unsigned long long)first, (unsigned long long)last,
         (unsigned long long)totals->connections, (unsigned long long)totals->broken,
         (unsigned long long)totals->replies, (unsigned long long)totals->refused,
         (unsigned long long)totals->streams, (unsigned long long)totals->events,
         (unsigned long long)totals->drains, (unsigned long long)totals->failed_allocations,
         seconds);
  fflush(stdout);
}

int main(int count, char **texts)
{
  enum { REPORT_RUNS = 20 };
  struct arguments arguments;
  struct net_run_totals totals = {0};
  if (!parse(count, texts, &arguments)) {
    fprintf(stderr, "usage: sim_net [--seed N] [--crashes N] [--forever] [--verbose]\n");
    return 2;
  }
  double begin = seconds_now();
  uint64_t seed = arguments.seed;
  for (; arguments.forever || totals.broken < arguments.crashes; seed++) {
    /* Before the run, so that a failed CHECK is met with its seed on the screen. */
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    net_run(seed, arguments.verbose, &totals);
    if ((seed - arguments.seed + 1) % REPORT_RUNS == 0)
      print_totals(&totals, arguments.seed, seed, seconds_now() - begin);
  }
  print_totals(&totals, arguments.seed, seed - 1, seconds_now() - begin);
  return 0;
}
