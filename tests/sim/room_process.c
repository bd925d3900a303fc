#include "sim/room_run.h"

#include "sale/platform_tables.h"
#include "sale/seat_import.h"
#include "sale/seat_map.h"
#include "sale/wiring.h"

#include <stdio.h>

enum { STEPS_MAX = 1 << 20, ROW_SEATS = 50, HOLD_S = 60, HISTORY_MS = 60000, STEADY_MS = 3000 };

/* ---- the event ---- */

/* The hall as JSON, and as the model has it. */
static void write_event(struct room_run *run, uint32_t seats, struct buffer *json)
{
  struct model_event *event = &run->sales.events[0];
  char opens[INSTANT_TEXT_BYTES];
  instant_format(run->opens_ms, opens);
  event->setting = (struct model_setting){.limit = 4, .hold_s = HOLD_S};
  event->section_count = MODEL_SECTIONS;
  buffer_append_format(json,
                       "{\"event_id\":\"%s\",\"name\":\"N\",\"venue\":\"V\",\"starts_at\":"
                       "\"2060-03-01T19:00:00Z\",\"sale_opens_at\":\"%.*s\",\"currency\":\"KRW\","
                       "\"max_per_buyer\":%u,\"hold_seconds\":%u,\"sections\":[",
                       event->id, INSTANT_TEXT_BYTES, opens, event->setting.limit,
                       event->setting.hold_s);
  for (uint32_t i = 0; i < MODEL_SECTIONS; i++) {
    struct model_section *section = &event->sections[i];
    section->first = event->seat_count;
    section->price = (int64_t)random_between(&run->random, 1, 100) * 1000;
    buffer_append_format(json, "%s{\"id\":\"%c\",\"name\":\"%c\",\"price\":%lld,\"rows\":[",
                         i == 0 ? "" : ",", 'A' + (int)i, 'A' + (int)i, (long long)section->price);
    for (uint32_t row = 0; row < seats / MODEL_SECTIONS / ROW_SEATS + 1; row++) {
      buffer_append_format(json, "%s{\"row\":\"%u\",\"seats\":%u}", row == 0 ? "" : ",", row + 1,
                           ROW_SEATS);
      section->count += ROW_SEATS;
    }
    buffer_append_format(json, "]}");
    event->seat_count += section->count;
  }
  buffer_append_format(json, "]}");
  sale_model_seat(event);
}

static void created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  (void)sequence;
  *(enum sale_refusal *)context = refusal;
}

static void make_event(struct room_run *run, uint32_t seats)
{
  struct memory memory = {0};
  struct buffer json;
  struct arena arena;
  struct seat_plan plan;
  enum sale_refusal outcome = SALE_REFUSALS;
  buffer_init(&json, &memory);
  arena_init(&arena, &memory);
  snprintf(run->sales.events[0].id, sizeof run->sales.events[0].id, "ev0");
  run->sales.event_count = 1;
  write_event(run, seats, &json);
  if (!seat_import_json(buffer_bytes(&json), run->wanted.seed, &arena, &plan, &run->error))
    room_run_fail(run, "the plan: %s", run->error.message);
  ROOM_CHECK(run, sale_event_create(run->sale, &plan, created, &outcome, run->now_ms) == SALE_OK);
  while (outcome == SALE_REFUSALS) {
    (void)sale_tick(run->sale, run->now_ms);
    room_process_sync(run);
  }
  ROOM_CHECK(run, outcome == SALE_OK);
  arena_free(&arena);
  buffer_free(&json);
}

/* ---- opening and closing ---- */

static void open_pipes(struct room_run *run)
{
  struct world *world = run->world;
  run->queues = queues_open(run->store, &world->memory, world, run->now_ms, &run->error);
  if (run->queues == NULL) room_run_fail(run, "queues: %s", run->error.message);
  const struct buses_options options = {
      .store = run->store,
      .queues = run->queues,
      .world = world,
      .memory = &world->memory,
      .account = BYTES("000000000000"),
      .region = BYTES("ap-northeast-2"),
      .signing_key = BYTES("key"),
  };
  run->buses = buses_open(&options, run->now_ms, &run->error);
  if (run->buses == NULL) room_run_fail(run, "buses: %s", run->error.message);
  if (!wiring_make(run->queues, run->buses, run->now_ms, &run->error))
    room_run_fail(run, "wiring: %s", run->error.message);
  run->relay = relay_open(run->sale, run->buses, &run->error);
  if (run->relay == NULL) room_run_fail(run, "relay: %s", run->error.message);
  if (!workers_open(&run->workers, run->sale, run->queues, &run->error))
    room_run_fail(run, "workers: %s", run->error.message);
}

/* The engine's clock never goes back. */
void room_process_look_at_clock(struct room_run *run)
{
  int64_t now_ms = world_clock_ms(run->world);
  run->mono_ms = world_monotonic_ns(run->world) / 1000000;
  if (now_ms > run->now_ms) run->now_ms = now_ms;
}

static void open_process(struct room_run *run)
{
  uint32_t made;
  run->store = store_open(run->world, &run->options, &run->error);
  if (run->store == NULL) room_run_fail(run, "the store: %s", run->error.message);
  uint64_t recovered = store_appended(run->store);
  if (recovered < run->durable)
    room_run_fail(run, "recovered up to %llu, but %llu was durable", (unsigned long long)recovered,
                  (unsigned long long)run->durable);
  run->died = false;
  room_process_look_at_clock(run);
  run->started_ms = run->mono_ms;
  if (!platform_tables_create(run->store, &made, &run->error))
    room_run_fail(run, "tables: %s", run->error.message);
  const struct lobby_options lobby = {
      .world = run->world, .store = run->store, .key = run->key, .capacity = run->capacity};
  run->lobby = lobby_open(&lobby, run->mono_ms, &run->error);
  if (run->lobby == NULL) room_run_fail(run, "the lobby: %s", run->error.message);
  const struct sale_options options = {
      .world = run->world, .store = run->store, .lobby = run->lobby};
  run->sale = sale_open(&options, &run->error);
  if (run->sale == NULL) room_run_fail(run, "the sale: %s", run->error.message);
  arena_init(&run->arena, &run->world->memory);
  run->admissions = 0;
  run->event = sale_event_find(run->sale, BYTES("ev0"));
  run->room = run->event == NULL ? NULL : run->event->room;
  /* As the server's first turn, before anybody is heard. */
  sale_supply_rooms(run->sale, run->now_ms);
  open_pipes(run);
}

static void close_process(struct room_run *run)
{
  struct relay_counts counts = relay_counts(run->relay);
  ROOM_CHECK(run, counts.refused == 0);
  run->totals->events += counts.published;
  workers_close(&run->workers);
  relay_close(run->relay);
  buses_close(run->buses);
  queues_close(run->queues);
  sale_close(run->sale);
  lobby_close(run->lobby);
  arena_free(&run->arena);
}

void room_process_begin(struct room_run *run)
{
  /* Small ones, so that segments and snapshots follow each other; large ones for large crowds. */
  bool large = run->buyer_count > 5000;
  run->options = (struct store_options){
      .directory = "/data",
      .segment_bytes = large ? 64 << 20 : 1 << 20,
      .region_bytes = large ? 0 : 256 << 10,
      .history_ms = HISTORY_MS,
      .snapshot_log_bytes = large ? 0 : random_between(&run->random, 256, 4096) << 10,
  };
  open_process(run);
  room_process_sync(run);
  make_event(run, run->seats);
  run->event = sale_event_find(run->sale, BYTES("ev0"));
  run->room = sale_event_room(run->sale, run->event, run->now_ms);
  ROOM_CHECK(run, run->event != NULL && run->room != NULL);
  room_process_look_at_clock(run);
  room_ask_set(run, &run->settings);
  room_process_sync(run);
}

void room_process_crash(struct room_run *run)
{
  run->totals->torn += world_sim_is_dead(run->sim) ? 1 : 0;
  run->totals->crashes++;
  run->crashes++;
  lobby_flush(run->lobby);
  close_process(run);
  world_sim_crash(run->sim, WORLD_SIM_CRASH_RANDOM);
  (void)store_close(run->store, &run->error);
  ROOM_CHECK(run, run->world->memory.in_use == 0);
  room_crowd_lose(run);
  open_process(run);
  room_run_tell(run, "crash %llu, recovered %llu", (unsigned long long)run->crashes,
                (unsigned long long)store_appended(run->store));
  ROOM_CHECK(run, run->room != NULL);
  /* A room begins without permits. */
  if (run->steady_ms < run->now_ms + STEADY_MS) run->steady_ms = run->now_ms + STEADY_MS;
  room_check_recovered(run);
}

void room_process_end(struct room_run *run)
{
  close_process(run);
  if (!store_close(run->store, &run->error))
    room_run_fail(run, "the store cannot be closed: %s", run->error.message);
  ROOM_CHECK(run, run->world->memory.in_use == 0);
}

/* ---- memory that fails ---- */

void room_process_break_memory(struct room_run *run, uint32_t calls)
{
  struct memory *memory = &run->world->memory;
  memory->fail_at = memory->calls + random_between(&run->random, 1, calls);
  run->faulty = true;
}

bool room_process_was_spoiled(const struct room_run *run)
{
  return run->busy || (run->faulty && run->world->memory.calls >= run->world->memory.fail_at);
}

void room_process_heal_memory(struct room_run *run)
{
  if (room_process_was_spoiled(run)) run->totals->faults++;
  run->busy = false;
  run->world->memory.fail_at = 0;
  run->faulty = false;
}

/* ---- turns ---- */

static void step(struct room_run *run, uint64_t steps)
{
  bool idle = false;
  for (uint64_t i = 0; i < steps && !idle && !run->died; i++) {
    if (store_step(run->store, &idle, &run->error)) continue;
    if (!world_sim_is_dead(run->sim)) room_run_fail(run, "the log: %s", run->error.message);
    run->died = true;
  }
  if (run->died) return;
  ROOM_CHECK(run, store_durable(run->store) >= run->durable);
  run->durable = store_durable(run->store);
  sale_model_settle_log(&run->sales, run->durable);
  room_model_settle_log(&run->model, run->durable);
}

void room_process_sync(struct room_run *run)
{
  store_flush(run->store);
  while (!run->died && run->durable < store_appended(run->store)) step(run, 64);
}

static void tick_lobby(struct room_run *run)
{
  room_model_advance(&run->model, run->mono_ms);
  room_measure_sample(run);
  if (random_chance(&run->random, run->fault_per_million)) room_process_break_memory(run, 40);
  struct room_span span = {store_appended(run->store), 0};
  sale_supply_rooms(run->sale, run->now_ms);
  (void)lobby_tick(run->lobby, run->now_ms, run->mono_ms);
  span.high = store_appended(run->store);
  bool broken = run->faulty;
  uint64_t fail_at = run->world->memory.fail_at;
  run->world->memory.fail_at = 0;
  room_check_tick(run, span);
  if (broken) run->world->memory.fail_at = fail_at;
  lobby_flush(run->lobby);
  room_process_heal_memory(run);
  room_ask_joined_all(run);
}

/* Background work, as in the server. */
void room_process_turn(struct room_run *run)
{
  (void)sale_tick(run->sale, run->now_ms);
  bool more = relay_tick(run->relay, run->now_ms);
  tick_lobby(run);
  for (int i = 0; i < 8; i++) {
    if (workers_tick(&run->workers, run->now_ms)) more = true;
    if (buses_tick(run->buses, run->now_ms)) more = true;
    if (relay_tick(run->relay, run->now_ms)) more = true;
    room_shop_observe(run);
    if (!more) break;
    more = false;
  }
  (void)queues_tick(run->queues, run->now_ms);
  (void)store_tick(run->store);
  store_flush(run->store);
  /* Usually the disk is done by the next turn. */
  step(run, run->closing || random_below(&run->random, 8) > 0 ? STEPS_MAX
                                                              : random_below(&run->random, 12));
  room_process_look_at_clock(run);
}
