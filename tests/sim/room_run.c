#include "sim/room_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  LARGE = 100000,     /* buyers, from which on a run is for its size */
  NIGHT_MS = 9600000, /* longer than the longest silence that counts */
  NIGHT_STEP_MS = 1000,
  DRAIN_STEP_MS = 5000,
  DRAIN_TURNS = 200,
};

void room_run_fail(const struct room_run *run, const char *format, ...)
{
  va_list arguments;
  fprintf(stderr,
          "\nsim_room: seed %llu, crash %llu, time %lld (opened %lld ms ago), %llu durable: ",
          (unsigned long long)run->wanted.seed, (unsigned long long)run->crashes,
          (long long)run->now_ms, (long long)(run->now_ms - run->opens_ms),
          (unsigned long long)run->durable);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "\nreplay: build/sim/tests/sim/sim_room --seed %llu --runs 1",
          (unsigned long long)run->wanted.seed);
  if (run->wanted.small) fprintf(stderr, " --small");
  if (run->wanted.buyers > 0) fprintf(stderr, " --buyers %u", run->wanted.buyers);
  if (run->wanted.crashes != UINT32_MAX) fprintf(stderr, " --crashes %u", run->wanted.crashes);
  fprintf(stderr, "\n");
  exit(1);
}

void room_run_tell(const struct room_run *run, const char *format, ...)
{
  if (!run->wanted.verbose) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "  [%lld] ", (long long)(run->now_ms - run->opens_ms));
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

void *room_run_grow(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
  if (count < *capacity) return items;
  *capacity = *capacity == 0 ? 64 : 2 * *capacity;
  void *grown = realloc(items, *capacity * size);
  if (grown == NULL) abort();
  return grown;
}

int64_t room_run_later(struct room_run *run, int64_t least_ms, int64_t most_ms)
{
  return run->now_ms + (int64_t)random_between(&run->random, (uint64_t)least_ms, (uint64_t)most_ms);
}

/* ---- what this run is like ---- */

static uint32_t draw_buyers(const struct room_run *run, struct random *random)
{
  if (!run->wanted.small && random_below(random, 4) == 0)
    return (uint32_t)random_between(random, 1500, 4000);
  return (uint32_t)random_between(random, 40, 500);
}

/* Shoppers, and either them or the rate as what decides. */
static void draw_settings(struct room_run *run)
{
  struct random *random = &run->random;
  struct room_settings *settings = &run->settings;
  room_settings_init(settings);
  settings->mode = ROOM_WAITING;
  bool large = run->buyer_count >= LARGE;
  settings->token_ttl_s = (uint32_t)random_between(random, 40, large ? 60 : 150);
  settings->entry_s = (uint32_t)random_between(random, 15, 60);
  settings->grace_s = (uint32_t)(random_below(random, 3) == 0 ? random_between(random, 20, 74)
                                                              : random_between(random, 80, 300));
  /* A buyer in ten is gone or does not come; admissions end before the last one arrives. */
  double a_second = run->buyer_count * 0.9 / ((double)run->rush_ms * 0.8 / 1000);
  double stays_s = 12 + 0.35 * settings->token_ttl_s;
  double shoppers = a_second * stays_s;
  settings->max_shoppers = shoppers < 5 ? 5 : (uint32_t)shoppers;
  double rate = a_second * (run->wanted.buyers == 0 && random_below(random, 3) == 0 ? 1.1 : 4);
  settings->admit_per_second = rate < 1 ? 1 : rate > ROOM_RATE_MAX ? ROOM_RATE_MAX : (uint32_t)rate;
}

/* More than shoppers; enough for all who want some, or for most of them. */
static void draw_seats(struct room_run *run)
{
  run->seats = run->buyer_count / 8 + 100;
  if (run->buyer_count >= LARGE) run->seats = run->buyer_count / 20;
  uint32_t least = (run->buyer_count >= LARGE ? 2 : 3) * run->settings.max_shoppers;
  if (run->seats < least) run->seats = least;
  run->enough = run->wanted.buyers > 0 || random_below(&run->random, 3) > 0;
  double wanted = (run->enough ? 0.7 : 1.5) * run->seats;
  double buys = wanted / (run->buyer_count * 0.75 * 2.5 * 0.75);
  run->buys_per_million = buys < 0.9 ? (uint32_t)(buys * 1e6) : 900000;
}

static void draw_run(struct room_run *run)
{
  struct random *random = &run->random;
  run->buyer_count = run->wanted.buyers > 0 ? run->wanted.buyers : draw_buyers(run, random);
  bool large = run->buyer_count >= LARGE;
  bool small = run->buyer_count < 1000;
  run->rush_ms = large ? 1800000 : (int64_t)random_between(random, 100, 300) * 1000;
  run->opens_ms = run->now_ms + (large ? 120000 : (int64_t)random_between(random, 20000, 90000));
  run->step_ms = large ? 45 : (uint32_t)random_between(random, 20, 50);
  run->capacity = run->buyer_count * 2 + ROOM_CAPACITY_MIN;
  if (run->buyer_count > 3000 && random_below(random, 3) == 0)
    run->capacity = run->buyer_count - 1000;
  /* A run of so many is for its figures. */
  bool figures = run->wanted.buyers > 0;
  run->operated = !figures && random_below(random, 3) == 0;
  run->night = !figures && random_below(random, 4) == 0;
  run->fault_per_million = figures || random_below(random, 3) > 0 ? 0 : 4000;
  draw_settings(run);
  draw_seats(run);
  static const uint32_t crashes[] = {0, 2, 8, 20};
  uint32_t wanted = run->wanted.crashes;
  if (wanted == UINT32_MAX) wanted = crashes[random_below(random, small ? 4 : 2)];
  if (run->wanted.small) wanted = 2 * crashes[3];
  if (wanted == 0) return;
  run->crash_every_ms = (run->opens_ms - run->now_ms + run->rush_ms) / wanted;
}

/* ---- turns ---- */

static void plan_crash(struct room_run *run)
{
  if (run->crash_every_ms == 0) return;
  run->next_crash_ms = run->now_ms +
                       (int64_t)random_below(&run->random, 2 * (uint64_t)run->crash_every_ms);
}

/* The process dies between two turns, or in the middle of a write that comes. */
static void maybe_crash(struct room_run *run)
{
  bool due = run->crash_every_ms > 0 && run->now_ms >= run->next_crash_ms && !run->closing;
  if (due) {
    plan_crash(run);
    if (random_coin(&run->random))
      world_sim_crash_after(run->sim, random_between(&run->random, 1, 40));
    else
      run->died = true;
  }
  if (run->died) room_process_crash(run);
}

/* Somebody turns the knobs, and turns them back; for a while reserving is slow. */
static void operate(struct room_run *run)
{
  struct random *random = &run->random;
  struct room_settings settings = run->model.settings;
  if (run->now_ms < run->slow_until_ms) room_note_latency(run->room, 600000);
  if (!run->operated || run->now_ms < run->next_change_ms) return;
  run->next_change_ms = room_run_later(run, 10000, 40000);
  run->steady_ms = run->now_ms + 5000;
  if (settings.mode != ROOM_WAITING) {
    settings.mode = ROOM_WAITING;
  } else if (random_coin(random)) {
    settings.mode = random_below(random, 4) == 0 ? ROOM_OPEN : ROOM_PAUSED;
    run->next_change_ms = room_run_later(run, 500, 6000);
  } else if (random_coin(random)) {
    settings.admit_per_second = run->settings.admit_per_second / 2 + 1;
    settings.max_shoppers = (uint32_t)random_between(random, run->settings.max_shoppers / 2 + 1,
                                                     run->settings.max_shoppers * 2);
  } else {
    settings = run->settings;
    run->slow_until_ms = run->now_ms + 10000;
    run->steady_ms = run->now_ms + 60000;
  }
  room_ask_set(run, &settings);
}

static void turn(struct room_run *run, int64_t step_ms)
{
  world_sim_advance_ms(run->sim, step_ms);
  room_process_look_at_clock(run);
  operate(run);
  room_crowd_act(run);
  room_process_turn(run);
  if (!run->died) room_crowd_hear(run);
  maybe_crash(run);
}

static void rush(struct room_run *run)
{
  int64_t until_ms = run->opens_ms + 2 * run->rush_ms;
  int64_t next_look_ms = 0;
  while (run->now_ms < until_ms) {
    uint32_t most_ms = run->buyer_count >= LARGE ? run->step_ms : 2 * run->step_ms - 1;
    turn(run,
         (int64_t)random_between(&run->random, run->buyer_count >= LARGE ? most_ms : 1, most_ms));
    if (run->now_ms < next_look_ms) continue;
    next_look_ms = run->now_ms + 10000;
    if (!room_crowd_is_there(run)) break;
    room_run_tell(run, "%u numbers, %u living, %u shoppers", run->model.count,
                  run->model.sure.total, room_check_shoppers(run));
  }
}

static void pass_night(struct room_run *run)
{
  int64_t until_ms = run->now_ms + NIGHT_MS;
  run->operated = false;
  run->crash_every_ms *= 20;
  plan_crash(run);
  run->steady_ms = until_ms + NIGHT_MS;
  room_crowd_go_home(run);
  while (run->now_ms < until_ms) turn(run, NIGHT_STEP_MS);
}

/* Nobody comes any more; holds end, relay and workers finish. */
static void drain(struct room_run *run)
{
  run->closing = true;
  world_sim_crash_after(run->sim, 0);
  if (run->died) room_process_crash(run);
  run->fault_per_million = 0;
  for (uint32_t i = 0; i < run->buyer_count; i++) run->buyers[i].mood = MOOD_DONE;
  for (int i = 0; i < DRAIN_TURNS; i++) {
    world_sim_advance_ms(run->sim, DRAIN_STEP_MS);
    room_process_look_at_clock(run);
    room_process_turn(run);
    room_process_sync(run);
  }
  room_check_audit(run);
}

static void free_run(struct room_run *run)
{
  sale_model_free(&run->sales);
  room_model_free(&run->model);
  world_sim_free(run->sim);
  free(run->buyers);
  free(run->slots);
  free(run->replies);
  free(run->undecided);
  free(run->shopper_of);
  free(run->shoppers);
  free(run);
}

void room_run_whole(const struct room_options *options, struct room_totals *totals)
{
  enum { PLACES = 4 }; /* of one buyer at most, all the time together */
  struct room_run *run = calloc(1, sizeof *run);
  struct room_fairness fairness;
  if (run == NULL) abort();
  run->wanted = *options;
  run->totals = totals;
  random_init(&run->random, options->seed);
  random_fill(&run->random, run->key, sizeof run->key);
  run->sim = world_sim_new(options->seed);
  run->world = world_sim_world(run->sim);
  world_sim_settings(run->sim)->slow_sync_us = 500000;
  room_process_look_at_clock(run);
  draw_run(run);
  sale_model_init(&run->sales, run->buyer_count);
  room_model_init(&run->model, run->buyer_count * PLACES);
  room_process_begin(run);
  room_fairness(run->room, &fairness);
  memcpy(run->commitment, fairness.commitment, sizeof run->commitment);
  room_run_tell(run, "%u buyers, %u seats, at most %u shoppers, %u a second, grace %u s",
                run->buyer_count, run->sales.events[0].seat_count, run->settings.max_shoppers,
                run->settings.admit_per_second, run->settings.grace_s);
  room_crowd_begin(run);
  plan_crash(run);
  run->next_change_ms = run->opens_ms + 20000;
  run->steady_ms = run->opens_ms + 10000;
  rush(run);
  room_measure_end(run);
  if (run->night) pass_night(run);
  drain(run);
  room_process_end(run);
  totals->runs++;
  totals->buyers += run->buyer_count;
  free_run(run);
}
