#include "sim/sale_run.h"

#include "sale/platform_tables.h"
#include "sale/seat_import.h"
#include "sale/seat_map.h"
#include "sale/wiring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100000, FAULT_APART_MS = 100000 };

/* ---- the events ---- */

static void write_section(const struct model_event *event, uint32_t number, bool standing,
                          uint32_t row_seats, struct buffer *json)
{
  const struct model_section *section = &event->sections[number];
  buffer_append_format(json, "%s{\"id\":\"%c\",\"name\":\"Section %u\",\"price\":%lld,",
                       number == 0 ? "" : ",", 'A' + (int)number, number,
                       (long long)section->price);
  if (standing) {
    buffer_append_format(json, "\"capacity\":%u}", section->count);
    return;
  }
  buffer_append_format(json, "\"rows\":[");
  for (uint32_t from = 0, row = 1; from < section->count; from += row_seats, row++) {
    uint32_t seats = section->count - from < row_seats ? section->count - from : row_seats;
    buffer_append_format(json, "%s{\"row\":\"%u\",\"seats\":%u}", from == 0 ? "" : ",", row, seats);
  }
  buffer_append_format(json, "]}");
}

/* Sections of a hall that is drawn, and its seating as JSON. */
static void draw_event(struct sale_run *run, struct model_event *event, struct buffer *json)
{
  struct random *random = &run->random;
  event->setting = (struct model_setting){.limit = (uint32_t)random_between(random, 2, 6),
                                          .hold_s = (uint32_t)random_between(random, 10, 60)};
  event->section_count = (uint32_t)random_between(random, 1, MODEL_SECTIONS);
  event->seat_count = 0;
  buffer_append_format(json,
                       "{\"event_id\":\"%s\",\"name\":\"N\",\"venue\":\"V\","
                       "\"starts_at\":\"2060-03-01T19:00:00Z\",\"sale_opens_at\":"
                       "\"2001-01-01T00:00:00Z\",\"currency\":\"KRW\",\"max_per_buyer\":%u,"
                       "\"hold_seconds\":%u,\"sections\":[",
                       event->id, event->setting.limit, event->setting.hold_s);
  uint32_t most = (random_below(random, 4) == 0 ? MODEL_SEATS : 64) / event->section_count;
  for (uint32_t i = 0; i < event->section_count; i++) {
    struct model_section *section = &event->sections[i];
    section->first = event->seat_count;
    section->count = (uint32_t)random_between(random, 20 / event->section_count + 1, most);
    section->price = (int64_t)random_between(random, 1, 100) * 1000;
    event->seat_count += section->count;
    write_section(event, i, random_below(random, 4) == 0, (uint32_t)random_between(random, 3, 20),
                  json);
  }
  buffer_append_format(json, "]}");
  sale_model_seat(event);
}

static void created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  (void)sequence;
  *(enum sale_refusal *)context = refusal;
}

struct sale_event *sale_process_event(struct sale_run *run, uint32_t event)
{
  return sale_event_find(run->sale, bytes_of_text(run->model.events[event].id));
}

/* One that is cut short by a crash is not there, and is made again. */
static void make_event(struct sale_run *run, uint32_t number, const struct seat_plan *plan)
{
  while (sale_process_event(run, number) == NULL) {
    enum sale_refusal outcome = SALE_REFUSALS;
    RUN_CHECK(run, sale_event_create(run->sale, plan, created, &outcome, run->now_ms) == SALE_OK);
    bool crashes = random_below(&run->random, 4) == 0;
    while (outcome == SALE_REFUSALS && !run->died) {
      (void)sale_tick(run->sale, run->now_ms);
      store_flush(run->store);
      if (crashes && random_below(&run->random, 3) == 0) break;
    }
    RUN_CHECK(run, outcome == SALE_OK || crashes);
    if (crashes)
      sale_process_crash(run);
    else
      sale_process_sync(run);
  }
  RUN_CHECK(run, sale_process_event(run, number)->map->seat_count ==
                     run->model.events[number].seat_count);
}

static void make_events(struct sale_run *run)
{
  uint32_t count = random_below(&run->random, 4) == 0 ? 2 : 1;
  for (uint32_t i = 0; i < count; i++) {
    struct memory memory = {0};
    struct buffer json;
    struct arena arena;
    struct seat_plan plan;
    buffer_init(&json, &memory);
    arena_init(&arena, &memory);
    snprintf(run->model.events[i].id, sizeof run->model.events[i].id, "ev%u", i);
    draw_event(run, &run->model.events[i], &json);
    if (!seat_import_json(buffer_bytes(&json), run->seed, &arena, &plan, &run->error))
      sale_run_fail(run, "the plan: %s", run->error.message);
    make_event(run, i, &plan);
    run->model.event_count = i + 1;
    arena_free(&arena);
    buffer_free(&json);
  }
}

/* ---- opening and closing ---- */

static void open_pipes(struct sale_run *run)
{
  struct store *store = run->store;
  struct world *world = run->world;
  run->queues = queues_open(store, &world->memory, world, run->now_ms, &run->error);
  if (run->queues == NULL) sale_run_fail(run, "queues: %s", run->error.message);
  const struct buses_options options = {
      .store = store,
      .queues = run->queues,
      .world = world,
      .memory = &world->memory,
      .account = BYTES("000000000000"),
      .region = BYTES("ap-northeast-2"),
      .signing_key = BYTES("key"),
  };
  run->buses = buses_open(&options, run->now_ms, &run->error);
  if (run->buses == NULL) sale_run_fail(run, "buses: %s", run->error.message);
  if (!wiring_make(run->queues, run->buses, run->now_ms, &run->error))
    sale_run_fail(run, "wiring: %s", run->error.message);
  run->relay = relay_open(run->sale, run->buses, &run->error);
  if (run->relay == NULL) sale_run_fail(run, "relay: %s", run->error.message);
  if (!workers_open(&run->workers, run->sale, run->queues, &run->error))
    sale_run_fail(run, "workers: %s", run->error.message);
}

/* The engine's clock never goes back. */
void sale_process_look_at_clock(struct sale_run *run)
{
  int64_t now_ms = world_clock_ms(run->world);
  if (now_ms > run->now_ms) run->now_ms = now_ms;
}

static void open_process(struct sale_run *run)
{
  uint32_t made;
  run->store = store_open(run->world, &run->options, &run->error);
  if (run->store == NULL) sale_run_fail(run, "the store: %s", run->error.message);
  uint64_t recovered = store_appended(run->store);
  if (recovered < run->durable)
    sale_run_fail(run, "recovered up to %llu, but %llu was durable", (unsigned long long)recovered,
                  (unsigned long long)run->durable);
  sale_run_tell(run, "recovered %llu", (unsigned long long)recovered);
  sale_model_rewind(&run->model, recovered);
  run->died = false;
  sale_process_look_at_clock(run);
  if (!platform_tables_create(run->store, &made, &run->error))
    sale_run_fail(run, "tables: %s", run->error.message);
  const struct sale_options options = {.world = run->world, .store = run->store};
  run->sale = sale_open(&options, &run->error);
  if (run->sale == NULL) sale_run_fail(run, "the sale: %s", run->error.message);
  arena_init(&run->arena, &run->world->memory);
  open_pipes(run);
}

static void count_work(struct sale_run *run)
{
  struct relay_counts counts = relay_counts(run->relay);
  RUN_CHECK(run, counts.refused == 0);
  run->totals->events += counts.published;
  for (enum worker_kind i = 0; i < WORKER_KINDS; i++) {
    run->done[i] += run->workers.counts[i].done;
    run->totals->messages += run->workers.counts[i].done;
  }
}

static void close_process(struct sale_run *run)
{
  count_work(run);
  workers_close(&run->workers);
  relay_close(run->relay);
  buses_close(run->buses);
  queues_close(run->queues);
  sale_close(run->sale);
  arena_free(&run->arena);
}

void sale_process_begin(struct sale_run *run)
{
  run->options = (struct store_options){
      .directory = "/data",
      .segment_bytes = 512 << 10,
      .region_bytes = 256 << 10,
      .snapshot_log_bytes = random_between(&run->random, 64, 1024) << 10,
  };
  run->diligence = random_coin(&run->random) ? 15 : (uint32_t)random_between(&run->random, 1, 15);
  open_process(run);
  sale_process_sync(run);
  make_events(run);
}

void sale_process_crash(struct sale_run *run)
{
  run->totals->torn += world_sim_is_dead(run->sim) ? 1 : 0;
  run->totals->crashes++;
  run->crashes++;
  close_process(run);
  world_sim_crash(run->sim, WORLD_SIM_CRASH_RANDOM);
  (void)store_close(run->store, &run->error);
  RUN_CHECK(run, run->world->memory.in_use == 0);
  sale_crowd_lose(run);
  open_process(run);
  sale_request_observe(run);
  sale_check_seats(run);
}

void sale_process_end(struct sale_run *run)
{
  close_process(run);
  if (!store_close(run->store, &run->error))
    sale_run_fail(run, "the store cannot be closed: %s", run->error.message);
  RUN_CHECK(run, run->world->memory.in_use == 0);
}

/* ---- turns ---- */

static void step(struct sale_run *run, uint64_t steps)
{
  bool idle = false;
  for (uint64_t i = 0; i < steps && !idle && !run->died; i++) {
    if (store_step(run->store, &idle, &run->error)) continue;
    if (!world_sim_is_dead(run->sim)) sale_run_fail(run, "the log: %s", run->error.message);
    run->died = true;
  }
  if (run->died) return;
  RUN_CHECK(run, store_durable(run->store) >= run->durable);
  run->durable = store_durable(run->store);
  sale_model_settle_log(&run->model, run->durable);
}

void sale_process_sync(struct sale_run *run)
{
  store_flush(run->store);
  while (!run->died && run->durable < store_appended(run->store)) step(run, 16);
}

static void heal_memory(struct sale_run *run)
{
  run->world->memory.fail_at = 0;
  run->faulty = false;
}

static bool has_messages(const struct sale_run *run, struct queue *queue)
{
  struct queue_counts counts;
  queue_counts(queue, run->now_ms, &counts);
  return counts.visible > 0;
}

/* One of the next allocations of relay or workers fails; what it spoils must come again. */
static void break_memory(struct sale_run *run)
{
  struct memory *memory = &run->world->memory;
  memory->fail_at = memory->calls + random_between(&run->random, 1, 60);
  run->faulty = true;
  run->totals->faults++;
}

static void tick_relay(struct sale_run *run, bool *more)
{
  if (!run->closing && random_below(&run->random, 32) == 0) break_memory(run);
  if (relay_tick(run->relay, run->now_ms)) *more = true;
  heal_memory(run);
}

static void tick_workers(struct sale_run *run, bool *more)
{
  /* Apart, so that no message is spoiled three times and set aside. */
  if (!run->closing && run->now_ms >= run->next_fault_ms &&
      has_messages(run, run->workers.queues[WORKER_PAYMENT])) {
    run->next_fault_ms = run->now_ms + FAULT_APART_MS;
    /* An arena without a chunk asks for one at its first allocation. */
    arena_free(&run->workers.arena);
    break_memory(run);
  }
  if (workers_tick(&run->workers, run->now_ms)) *more = true;
  heal_memory(run);
}

/* How often differs by run; always when the sale is to come to rest. */
static bool has_turn(struct sale_run *run)
{
  return run->closing || random_below(&run->random, 16) < run->diligence;
}

/* Sometimes relay and workers stand still for minutes: holds end by the clock all the same. */
static bool is_idle(struct sale_run *run)
{
  if (run->diligence < 15 && random_below(&run->random, 400) == 0)
    run->idle_until_ms = run->now_ms + (int64_t)random_between(&run->random, 10000, 300000);
  return !run->closing && run->now_ms < run->idle_until_ms;
}

bool sale_process_turn(struct sale_run *run)
{
  struct random *random = &run->random;
  bool more = false;
  sale_process_look_at_clock(run);
  if (sale_tick(run->sale, run->now_ms)) more = true;
  bool idle = is_idle(run);
  if (!idle && has_turn(run)) tick_relay(run, &more);
  if (has_turn(run)) store_flush(run->store);
  if (queues_tick(run->queues, run->now_ms)) more = true;
  if (!idle && has_turn(run)) tick_workers(run, &more);
  if (buses_tick(run->buses, run->now_ms)) more = true;
  sale_request_observe(run);
  if (store_tick(run->store)) more = true;
  if (random_below(random, 4) > 0) store_flush(run->store);
  step(run, run->closing ? STEPS_MAX : random_below(random, 24));
  sale_process_look_at_clock(run);
  return more;
}
