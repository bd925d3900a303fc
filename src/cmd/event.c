#include "base/instant.h"
#include "cmd/commands.h"
#include "cmd/offline.h"
#include "sale/sale.h"
#include "sale/seat_import.h"
#include "sale/seat_map.h"

#include <stdio.h>
#include <string.h>

enum { SYNC_TICKS = 256 }; /* slices of a creation between two syncs: bounds the log's buffer */

struct outcome {
  enum sale_refusal refusal;
  bool done;
};

static void created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  (void)sequence;
  struct outcome *outcome = context;
  outcome->refusal = refusal;
  outcome->done = true;
}

static bool is_csv(const char *path)
{
  size_t size = strlen(path);
  return size > 4 && strcmp(path + size - 4, ".csv") == 0;
}

/* Names the file in front of what is wrong with it. */
static bool refuse_file(const char *path, struct error *error)
{
  return error_set(error, error->code, "%s: %s", path, error->message);
}

static bool read_csv(struct offline *offline, const struct arguments *arguments, struct bytes csv,
                     struct buffer *event_text, uint64_t seed, struct arena *arena,
                     struct seat_plan *plan, struct error *error)
{
  const char *path = arguments->options[OPTION_EVENT];
  struct seat_event event;
  if (path == NULL)
    return error_set(error, ERROR_INVALID, "a CSV has only seats: give --event FILE too");
  if (!offline_read_file(offline, path, SEAT_IMPORT_BYTES, event_text, error)) return false;
  if (!seat_import_event(buffer_bytes(event_text), arena, &event, error))
    return refuse_file(path, error);
  return seat_import_csv(csv, &event, seed, arena, plan, error) ||
         refuse_file(arguments->operand, error);
}

/* Carries the creation on to its end. */
static bool create(struct offline *offline, struct sale *sale, const struct seat_plan *plan,
                   struct error *error)
{
  struct outcome outcome = {0};
  int64_t now_ms = world_clock_ms(offline->world);
  outcome.refusal = sale_event_create(sale, plan, created, &outcome, now_ms);
  for (int i = 1; outcome.refusal == SALE_OK && !outcome.done; i++) {
    (void)sale_tick(sale, now_ms);
    if (i % SYNC_TICKS == 0 && !store_sync(offline->store, error)) return false;
  }
  if (outcome.refusal == SALE_OK) return store_sync(offline->store, error);
  if (outcome.refusal == SALE_EVENT_EXISTS)
    return error_set(error, ERROR_EXISTS, "there is an event %.*s already",
                     BYTES_FORMAT(plan->event.event_id));
  return error_set(error, ERROR_NO_SPACE, "no memory or disk for the event's tickets");
}

static bool import(struct offline *offline, const struct arguments *arguments, struct error *error)
{
  struct arena arena;
  struct buffer text;
  struct buffer event_text;
  struct seat_plan plan = {0};
  uint64_t seed;
  struct memory *memory = &offline->world->memory;
  arena_init(&arena, memory);
  buffer_init(&text, memory);
  buffer_init(&event_text, memory);
  world_entropy(offline->world, &seed, sizeof seed);
  bool done = offline_read_file(offline, arguments->operand, SEAT_IMPORT_BYTES, &text, error);
  if (done && is_csv(arguments->operand))
    done = read_csv(offline, arguments, buffer_bytes(&text), &event_text, seed, &arena, &plan,
                    error);
  else if (done)
    done = seat_import_json(buffer_bytes(&text), seed, &arena, &plan, error) ||
           refuse_file(arguments->operand, error);
  struct sale *sale = NULL;
  const struct sale_options options = {.world = offline->world, .store = offline->store};
  if (done) sale = sale_open(&options, error);
  done = done && sale != NULL && create(offline, sale, &plan, error);
  if (done)
    printf("%.*s: %u seats in %u sections\n", BYTES_FORMAT(plan.event.event_id), plan.seat_count,
           plan.section_count);
  if (sale != NULL) sale_close(sale);
  buffer_free(&event_text);
  buffer_free(&text);
  arena_free(&arena);
  return done;
}

static void print_event(const struct sale_event *event, int64_t now_ms)
{
  char starts[INSTANT_TEXT_BYTES];
  instant_format(event->starts_ms, starts);
  printf("%.*s  %.*s  %u/%u  %.*s  %.*s\n", BYTES_FORMAT(event->id),
         BYTES_FORMAT(sale_status_name(sale_event_status(event, now_ms))),
         event->map->counts.of[SEAT_FREE], event->map->seat_count, INSTANT_TEXT_BYTES, starts,
         BYTES_FORMAT(event->name));
}

static bool list(struct offline *offline, const struct arguments *arguments, struct error *error)
{
  (void)arguments;
  const struct sale_options options = {.world = offline->world, .store = offline->store};
  struct sale *sale = sale_open(&options, error);
  if (sale == NULL) return false;
  int64_t now_ms = world_clock_ms(offline->world);
  struct sale_event *event = sale_event_next(sale, (struct bytes){NULL, 0});
  for (; event != NULL; event = sale_event_next(sale, event->id)) print_event(event, now_ms);
  sale_close(sale);
  return true;
}

static int run(const struct arguments *arguments,
               bool (*work)(struct offline *, const struct arguments *, struct error *))
{
  struct offline offline;
  struct error error;
  struct error closing;
  if (!offline_open(&offline, arguments, &error)) return options_fail(arguments, &error);
  bool done = work(&offline, arguments, &error);
  bool closed = offline_close(&offline, &closing);
  if (!done) return options_fail(arguments, &error);
  return closed ? EXIT_DONE : options_fail(arguments, &closing);
}

int command_event_import(const struct arguments *arguments)
{
  return run(arguments, import);
}

int command_event_list(const struct arguments *arguments)
{
  return run(arguments, list);
}
