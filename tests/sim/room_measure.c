#include "sim/room_run.h"

#include "sale/seat_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  SAMPLE_MS = 1000,
  SILENT_MS = 77000,  /* of the contract's 75 s, and a second of counting */
  RESTART_MS = 80000, /* after which a silence of before does not count any more */
  LOOKED_AT = 5000,
  EARLY_MS = 60000, /* since the opening: the pace is not known yet */
};

/* ---- checkout ---- */

static const double KEPT = 0.8; /* of a second, in the next one */

/* Whether somebody who could be admitted waits. */
static bool somebody_waits(struct room_run *run)
{
  uint32_t place = 0;
  for (int looks = 0; looks < LOOKED_AT; looks++) {
    place = room_model_next(&run->model, place);
    if (place == MODEL_NONE) return false;
    if (room_model_turn(&run->model, room_model_number(&run->model, place++)) == TURN_AWAKE)
      return true;
  }
  return false;
}

/* Whether the rate alone decided in the last seconds. */
static bool is_by_rate(struct room_run *run)
{
  double passed_s = (double)(run->mono_ms - run->sampled_ms) / 1000;
  double most = run->model.settings.admit_per_second * passed_s;
  run->recently = run->recently * KEPT + (double)run->admitted;
  run->recently_most = run->recently_most * KEPT + most;
  run->sampled_ms = run->mono_ms;
  run->admitted = 0;
  return run->recently > 0.7 * run->recently_most;
}

void room_measure_sample(struct room_run *run)
{
  struct room_counts counts;
  if (run->mono_ms < run->next_sample_ms || run->room == NULL) return;
  run->next_sample_ms = run->mono_ms + SAMPLE_MS;
  room_counts(run->room, &counts);
  uint32_t shoppers = room_check_shoppers(run);
  if (shoppers > counts.shoppers)
    room_run_fail(run, "%u shoppers, and the room counts %llu", shoppers,
                  (unsigned long long)counts.shoppers);
  if (counts.waiting > run->totals->most_waiting) {
    run->totals->most_waiting = counts.waiting;
    run->totals->waiter_bytes = (double)counts.memory_bytes / (double)counts.waiting;
  }
  const struct room_settings *settings = &run->model.settings;
  bool by_rate = is_by_rate(run);
  uint32_t free = run->event->map->counts.of[SEAT_FREE];
  if (settings->mode != ROOM_WAITING || !run->model.opened || by_rate ||
      run->now_ms < run->steady_ms || free < settings->max_shoppers || !somebody_waits(run))
    return;
  double used = (double)shoppers / settings->max_shoppers;
  run->totals->used += used < 1 ? used : 1;
  run->totals->usable++;
  if (used < 0.9)
    room_run_tell(run, "%u shoppers of %u, the room counts %llu", shoppers, settings->max_shoppers,
                  (unsigned long long)counts.shoppers);
}

/* ---- predictions, and ghosts ---- */

static void note_guess(struct room_run *run, struct room_buyer *buyer)
{
  struct room_totals *totals = run->totals;
  if (buyer->told_ms == 0) return;
  bool early = buyer->told_ms < run->opens_ms + EARLY_MS;
  if (totals->guess_count == totals->guess_capacity) {
    totals->guess_capacity = totals->guess_capacity == 0 ? 1024 : 2 * totals->guess_capacity;
    totals->guesses = realloc(totals->guesses, totals->guess_capacity * sizeof *totals->guesses);
    if (totals->guesses == NULL) abort();
  }
  totals->guesses[totals->guess_count++] = (struct room_guess){
      buyer->told_s, (uint32_t)((run->now_ms - buyer->told_ms) / 1000), early};
  buyer->told_ms = 0;
}

void room_measure_admission(struct room_run *run, uint32_t number)
{
  struct room_buyer *buyer = &run->buyers[run->model.places[number].buyer];
  run->totals->admitted_kind[buyer->kind]++;
  /* Nobody predicts what an operator does, or that all is sold. */
  if (!run->operated && run->enough && run->crashes == 0) note_guess(run, buyer);
  if (run->mono_ms - buyer->seen_ms < SILENT_MS) return;
  run->totals->wasted++;
  if (run->crashes > 0 && run->mono_ms - run->started_ms < RESTART_MS)
    run->totals->wasted_restart++;
  else
    room_run_fail(run, "number %u is admitted, silent for %lld ms", number,
                  (long long)(run->mono_ms - buyer->seen_ms));
}

/* ---- bots ---- */

struct admitted {
  int64_t at_ms;
  uint32_t place;
  uint32_t buyer;
};

static int compare_admitted(const void *left, const void *right)
{
  const struct admitted *a = left;
  const struct admitted *b = right;
  if (a->at_ms != b->at_ms) return a->at_ms < b->at_ms ? -1 : 1;
  return a->place < b->place ? -1 : a->place > b->place;
}

static void compare_pair(struct room_run *run, uint32_t bot, uint32_t twin, const uint32_t *ranks,
                         uint32_t count)
{
  struct room_totals *totals = run->totals;
  uint32_t numbers[] = {run->buyers[bot].truth, run->buyers[twin].truth};
  if (numbers[0] == MODEL_NONE || numbers[1] == MODEL_NONE) return;
  if (ranks[bot] == 0 && ranks[twin] == 0) return;
  bool late = numbers[0] >= run->model.drawn;
  /* One of them had to ask twice. */
  if (late != (numbers[1] >= run->model.drawn)) return;
  /* Who was not admitted comes after all who were. */
  double by = ranks[bot] == 0 ? 1 : (double)ranks[bot] / count;
  by -= ranks[twin] == 0 ? 1 : (double)ranks[twin] / count;
  if (late) {
    totals->late_pairs++;
    totals->late_wins += by < 0;
  } else {
    totals->bot_pairs++;
    totals->bot_sum += by;
    totals->bot_squares += by * by;
  }
}

/* A bot is beside its twin, who came in the same moment. */
static void compare_twins(struct room_run *run, const uint32_t *ranks, uint32_t count)
{
  for (uint32_t i = 0; i + 1 < run->buyer_count; i++) {
    uint32_t bot = i;
    uint32_t twin = i + 1;
    if (run->buyers[bot].kind == KIND_TWIN && run->buyers[twin].kind == KIND_BOT) {
      bot = i + 1;
      twin = i;
    } else if (run->buyers[bot].kind != KIND_BOT || run->buyers[twin].kind != KIND_TWIN) {
      continue;
    }
    compare_pair(run, bot, twin, ranks, count);
    i++;
  }
}

void room_measure_end(struct room_run *run)
{
  /* In a room that is open for a while who looks first is in first. */
  if (run->operated) return;
  struct admitted *all = calloc(run->model.count + 1, sizeof *all);
  uint32_t *ranks = calloc(run->buyer_count, sizeof *ranks);
  uint32_t count = 0;
  if (all == NULL || ranks == NULL) abort();
  for (uint32_t number = 0; number < run->model.count; number++) {
    const struct room_place *place = &run->model.places[number];
    if (place->fate.admitted_ms == 0) continue;
    all[count++] = (struct admitted){place->fate.admitted_ms, room_model_place(&run->model, number),
                                     place->buyer};
  }
  qsort(all, count, sizeof *all, compare_admitted);
  for (uint32_t i = count; i-- > 0;) ranks[all[i].buyer] = i + 1;
  compare_twins(run, ranks, count);
  free(all);
  free(ranks);
}

/* ---- what they must be ---- */

static int compare_doubles(const void *left, const void *right)
{
  double a = *(const double *)left;
  double b = *(const double *)right;
  return a < b ? -1 : a > b;
}

/* Medians of predictions of more than half a minute: by what share, and by how many seconds. */
static size_t guess_errors(const struct room_totals *totals, bool early, double *bias,
                           double *share, double *seconds)
{
  double *signed_shares = calloc(totals->guess_count + 1, sizeof *signed_shares);
  double *shares = calloc(totals->guess_count + 1, sizeof *shares);
  double *errors = calloc(totals->guess_count + 1, sizeof *errors);
  size_t count = 0;
  if (signed_shares == NULL || shares == NULL || errors == NULL) abort();
  for (size_t i = 0; i < totals->guess_count; i++) {
    const struct room_guess *guess = &totals->guesses[i];
    if (guess->true_s < 30 || guess->early != early) continue;
    double error = (double)guess->told_s - guess->true_s;
    signed_shares[count] = error / guess->true_s;
    shares[count] = fabs(error) / guess->true_s;
    errors[count++] = fabs(error);
  }
  qsort(signed_shares, count, sizeof *shares, compare_doubles);
  qsort(shares, count, sizeof *shares, compare_doubles);
  qsort(errors, count, sizeof *errors, compare_doubles);
  *bias = signed_shares[count / 2];
  *share = shares[count / 2];
  *seconds = errors[count / 2];
  free(signed_shares);
  free(shares);
  free(errors);
  return count;
}

/* How many standard errors the bots' mean is from zero; of those who came late, from a coin's. */
static double lot_z(const struct room_totals *totals)
{
  double pairs = (double)totals->bot_pairs;
  if (pairs < 2) return 0;
  double mean = totals->bot_sum / pairs;
  double variance = (totals->bot_squares - pairs * mean * mean) / (pairs - 1);
  return variance > 0 ? mean / sqrt(variance / pairs) : 0;
}

static double late_z(const struct room_totals *totals)
{
  double pairs = (double)totals->late_pairs;
  return pairs == 0 ? 0 : ((double)totals->late_wins - pairs / 2) / sqrt(pairs / 4);
}

void room_measure_assert(const struct room_totals *totals)
{
  enum { SAMPLES = 60, GUESSES = 200 };
  double bias;
  double share;
  double seconds;
  double utilisation = totals->used / totals->usable;
  size_t guesses = guess_errors(totals, false, &bias, &share, &seconds);
  bool fair = fabs(lot_z(totals)) < 4 && fabs(late_z(totals)) < 4;
  bool busy = totals->usable < SAMPLES || utilisation > 0.95;
  bool honest = guesses < GUESSES || share < 0.5;
  bool live = totals->wasted == totals->wasted_restart;
  if (fair && busy && honest && live) return;
  fprintf(stderr,
          "\nsim_room: bots |z| %.2f and %.2f (must be below 4), utilisation %.4f (above "
          "0.95), predictions off by %.2f (below 0.5), ghosts admitted %llu\n",
          fabs(lot_z(totals)), fabs(late_z(totals)), utilisation, share,
          (unsigned long long)(totals->wasted - totals->wasted_restart));
  exit(1);
}

static void print_guesses(const struct room_totals *totals, bool early)
{
  double bias;
  double share;
  double seconds;
  size_t count = guess_errors(totals, early, &bias, &share, &seconds);
  printf("  waits of over 30 s, predicted %s: off by %.0f s or %.1f %% in the median (bias %+.1f "
         "%%, %zu followed)\n",
         early ? "in the first minute" : "later", seconds, 100 * share, 100 * bias, count);
}

#define N(member) (unsigned long long)totals->member

void room_measure_print(const struct room_totals *totals, uint64_t first, uint64_t last,
                        double seconds)
{
  printf("sim_room: seeds %llu-%llu: %llu runs, %llu buyers, %llu crashes (%llu within a write, "
         "%llu answers lost), %llu faults, %.1f s\n",
         (unsigned long long)first, (unsigned long long)last, N(runs), N(buyers), N(crashes),
         N(torn), N(lost), N(faults), seconds);
  printf("  line: %llu places, %llu asked for again (%llu after a crash, same token), %llu looks, "
         "%llu forged, %llu given up, %llu full; %.1f bytes for each of %llu waiters\n",
         N(joins), N(again), N(restored), N(looks), N(forged), N(forgotten), N(full),
         totals->waiter_bytes, N(most_waiting));
  printf("  door: %llu admitted, %llu entered, %llu walked in, %llu too late; %llu passes refused, "
         "%llu shared\n",
         N(admissions), N(entries), N(walked_in), N(too_late), N(refused_passes), N(shared));
  printf("  sale: %llu holds, %llu conflicts, %llu orders (%llu late), %llu events\n",
         N(reservations), N(conflicts), N(orders), N(late), N(events));
  printf("  bots: mean rank %+.5f of their twins' (z %+.2f, %llu pairs by lot), first in %llu of "
         "%llu later pairs (z %+.2f)\n",
         totals->bot_pairs == 0 ? 0 : totals->bot_sum / (double)totals->bot_pairs, lot_z(totals),
         N(bot_pairs), N(late_wins), N(late_pairs), late_z(totals));
  printf("  utilisation of checkout %.4f in %.0f s; ghosts admitted %llu, of which after a restart "
         "%llu\n",
         totals->usable == 0 ? 0 : totals->used / totals->usable, totals->usable, N(wasted),
         N(wasted_restart));
  print_guesses(totals, true);
  print_guesses(totals, false);
  fflush(stdout);
}
