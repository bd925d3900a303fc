#include "sim/sale_run.h"

#include "sale/wiring.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS_MAX = 200000, DRAIN_TURNS_MAX = 5000, DRAIN_STEP_MS = 5000, QUIET_TURNS = 6 };

void sale_run_fail(const struct sale_run *run, const char *format, ...)
{
  va_list arguments;
  fprintf(stderr, "\nsim_sale: seed %llu, crash %llu, time %lld, %llu durable: ",
          (unsigned long long)run->seed, (unsigned long long)run->crashes, (long long)run->now_ms,
          (unsigned long long)run->durable);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "\nreplay: make sim TARGET=sale SEED=%llu\n", (unsigned long long)run->seed);
  exit(1);
}

void sale_run_tell(const struct sale_run *run, const char *format, ...)
{
  if (!run->verbose) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "  [%lld] ", (long long)run->now_ms);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

/* ---- the sale ---- */

/* The process dies between two turns, or in the middle of a write that comes. */
static void maybe_crash(struct sale_run *run)
{
  if (!run->died && random_chance(&run->random, run->crash_per_million)) {
    if (random_coin(&run->random))
      world_sim_crash_after(run->sim, random_between(&run->random, 1, 40));
    else
      run->died = true;
  }
  if (run->died) sale_process_crash(run);
}

/* When a hold ends that may end next: just then everybody is about. */
static int64_t draw_end(struct sale_run *run)
{
  const struct sale_model *model = &run->model;
  if (model->reservation_count == 0) return 0;
  uint64_t newest = model->reservation_count < 30 ? model->reservation_count : 30;
  uint64_t back = 1 + random_below(&run->random, newest);
  return model->reservations[model->reservation_count - back].until_ms;
}

static void pass_time(struct sale_run *run)
{
  int64_t next_ms = sale_crowd_next_ms(run);
  int64_t step_ms = (int64_t)random_below(&run->random, 300);
  if (random_below(&run->random, 4) == 0 && next_ms > run->now_ms) {
    step_ms = 5000;
    if (next_ms - run->now_ms < step_ms) step_ms = next_ms - run->now_ms;
  }
  int64_t end_ms = draw_end(run);
  if (random_below(&run->random, 4) == 0 && end_ms > run->now_ms + 1 &&
      end_ms <= run->now_ms + 5000) {
    step_ms = end_ms - run->now_ms - (random_below(&run->random, 4) == 0 ? 1 : 0);
    sale_crowd_hurry(run, end_ms);
  }
  world_sim_advance_ms(run->sim, step_ms);
  sale_process_look_at_clock(run);
}

static void sell(struct sale_run *run, int64_t until_ms)
{
  for (uint32_t turns = 0; turns < TURNS_MAX && run->now_ms < until_ms; turns++) {
    if (sale_crowd_next_ms(run) == INT64_MAX) break;
    sale_crowd_act(run);
    (void)sale_process_turn(run);
    if (!run->died) sale_crowd_hear(run);
    maybe_crash(run);
    if (random_below(&run->random, 64) == 0) sale_check_seats(run);
    if (random_below(&run->random, 512) == 0) sale_check_audit(run);
    pass_time(run);
  }
}

/* ---- its end ---- */

/* Messages that are anywhere but in a dead-letter queue. */
static uint64_t messages_left(struct sale_run *run, struct bytes *where)
{
  uint64_t left = 0;
  for (struct queue *queue = queue_next(run->queues, BYTES("")); queue != NULL;
       queue = queue_next(run->queues, queue_name(queue))) {
    struct queue_counts counts;
    queue_counts(queue, run->now_ms, &counts);
    uint64_t here = counts.visible + counts.in_flight + counts.delayed;
    if (here == 0) continue;
    *where = queue_name(queue);
    if (queue_settings(queue)->dead_letter.size == 0)
      sale_run_fail(run, "%llu messages in %.*s", (unsigned long long)here, BYTES_FORMAT(*where));
    left += here;
  }
  return left;
}

/* Nobody comes any more; the provider says what it has to say, relay and workers finish. */
static void drain(struct sale_run *run)
{
  struct bytes where = {NULL, 0};
  uint32_t quiet = 0;
  run->closing = true;
  world_sim_crash_after(run->sim, 0);
  if (run->died || random_coin(&run->random)) sale_process_crash(run);
  for (uint32_t turns = 0; turns < DRAIN_TURNS_MAX; turns++) {
    sale_crowd_act(run);
    bool more = sale_process_turn(run);
    sale_process_sync(run);
    sale_crowd_hear(run);
    if (more) continue;
    bool rests = run->word_count == 0 && run->flight_count == 0 && messages_left(run, &where) == 0;
    quiet = rests ? quiet + 1 : 0;
    if (quiet == QUIET_TURNS) return;
    world_sim_advance_ms(run->sim, DRAIN_STEP_MS);
  }
  sale_run_fail(run, "it never comes to rest: %.*s is not empty", BYTES_FORMAT(where));
}

static void open_door(struct sale_run *run)
{
  uint8_t key[TICKET_KEY_BYTES];
  random_fill(&run->random, key, sizeof key);
  if (!ticket_signer_init(&run->signer, key, &run->error) ||
      !ticket_keys_add(&run->ticket_keys, run->signer.public_key, &run->error))
    sale_run_fail(run, "%s", run->error.message);
}

static uint32_t draw_buyers(struct random *random)
{
  uint64_t chance = random_below(random, 40);
  if (chance == 0) return (uint32_t)random_between(random, 300, 1500);
  return (uint32_t)random_between(random, 10, chance < 6 ? 200 : 60);
}

void sale_run_whole(uint64_t seed, bool verbose, struct sale_run_totals *totals)
{
  static const uint32_t crashes[] = {0, 3000, 10000, 30000};
  struct sale_run *run = calloc(1, sizeof *run);
  if (run == NULL) abort();
  run->seed = seed;
  run->verbose = verbose;
  run->totals = totals;
  random_init(&run->random, seed);
  run->sim = world_sim_new(seed);
  run->world = world_sim_world(run->sim);
  run->crash_per_million = crashes[random_below(&run->random, 4)];
  open_door(run);
  uint32_t buyers = draw_buyers(&run->random);
  sale_model_init(&run->model, buyers);
  sale_process_begin(run);
  int64_t for_ms = (int64_t)random_between(&run->random, 20, 120) * 1000;
  sale_crowd_begin(run, buyers, for_ms);
  sell(run, run->now_ms + for_ms + (int64_t)random_below(&run->random, 200000));
  drain(run);
  sale_check_end(run);
  sale_process_end(run);
  totals->sales++;
  sale_model_free(&run->model);
  ticket_keys_free(&run->ticket_keys);
  ticket_signer_free(&run->signer);
  world_sim_free(run->sim);
  free(run->buyers);
  free(run->words);
  free(run->flights);
  free(run);
}
