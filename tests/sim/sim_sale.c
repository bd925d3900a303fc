/*
 * Whole on-sales under a simulated disk and clock: crowds that want the same seats, a payment
 * provider that is late, says things twice or never, a server that dies at any moment. Every answer
 * and the whole state at the end are held against a model of the contract.
 *
 *     sim_sale [--seed N] [--sales N] [--crashes N] [--forever] [--verbose]
 *
 * One sale has one seed; sales follow with seed + 1, + 2, ... With --crashes until that many were
 * met.
 */
#include "sim/sale_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SALES_DEFAULT = 220 };

struct arguments {
  uint64_t seed;
  uint64_t sales;
  uint64_t crashes; /* 0: as many as there are */
  bool forever;
  bool verbose;
};

static bool parse(int count, char **texts, struct arguments *arguments)
{
  *arguments = (struct arguments){.seed = random_seed(1), .sales = SALES_DEFAULT};
  for (int i = 1; i < count; i++) {
    bool has_number = i + 1 < count;
    if (strcmp(texts[i], "--forever") == 0)
      arguments->forever = true;
    else if (strcmp(texts[i], "--verbose") == 0)
      arguments->verbose = true;
    else if (strcmp(texts[i], "--seed") == 0 && has_number)
      arguments->seed = strtoull(texts[++i], NULL, 0);
    else if (strcmp(texts[i], "--sales") == 0 && has_number)
      arguments->sales = strtoull(texts[++i], NULL, 0);
    else if (strcmp(texts[i], "--crashes") == 0 && has_number)
      arguments->crashes = strtoull(texts[++i], NULL, 0);
    else
      return false;
  }
  return true;
}

static bool is_enough(const struct arguments *arguments, const struct sale_run_totals *totals)
{
  if (arguments->forever) return false;
  return arguments->crashes > 0 ? totals->crashes >= arguments->crashes
                                : totals->sales >= arguments->sales;
}

static void print_totals(const struct sale_run_totals *totals, uint64_t first, uint64_t last,
                         double seconds)
{
  printf("sim_sale: seeds %llu-%llu: %llu sales, %llu crashes (%llu within a write, %llu answers "
         "lost), %llu faults, %llu requests (%llu replayed), %llu reservations, %llu orders (%llu "
         "late), %llu refunds, %llu admitted, %llu events, %llu messages, %.1f s\n ",
         (unsigned long long)first, (unsigned long long)last, (unsigned long long)totals->sales,
         (unsigned long long)totals->crashes, (unsigned long long)totals->torn,
         (unsigned long long)totals->lost, (unsigned long long)totals->faults,
         (unsigned long long)totals->requests, (unsigned long long)totals->replays,
         (unsigned long long)totals->reservations, (unsigned long long)totals->orders,
         (unsigned long long)totals->late, (unsigned long long)totals->refunds,
         (unsigned long long)totals->admitted, (unsigned long long)totals->events,
         (unsigned long long)totals->messages, seconds);
  for (enum sale_refusal i = SALE_OK + 1; i < SALE_REFUSALS; i++)
    if (totals->refusals[i] > 0)
      printf(" %s %llu", sale_refusal_row(i)->code, (unsigned long long)totals->refusals[i]);
  printf("\n");
  fflush(stdout);
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
  struct sale_run_totals totals = {0};
  if (!parse(count, texts, &arguments)) {
    fprintf(stderr,
            "usage: sim_sale [--seed N] [--sales N] [--crashes N] [--forever] [--verbose]\n");
    return 2;
  }
  double begin = seconds_now();
  uint64_t seed = arguments.seed;
  for (; !is_enough(&arguments, &totals); seed++) {
    /* Before the run, so that a failed CHECK is met with its seed on the screen. */
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    sale_run_whole(seed, arguments.verbose, &totals);
    if ((seed - arguments.seed + 1) % REPORT_RUNS == 0)
      print_totals(&totals, arguments.seed, seed, seconds_now() - begin);
  }
  print_totals(&totals, arguments.seed, seed - 1, seconds_now() - begin);
  return 0;
}
