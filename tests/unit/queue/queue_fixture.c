#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void open_queues(struct queue_fixture *fixture)
{
  fixture->queues = queues_open(fixture->store.store, &fixture->memory, fixture->store.world,
                                fixture->now_ms, &fixture->error);
  if (fixture->queues == NULL) fail_msg("the queues do not open: %s", fixture->error.message);
}

void queue_fixture_open(struct queue_fixture *fixture, uint64_t seed)
{
  memset(fixture, 0, sizeof *fixture);
  /* Segments that hold the greatest message. */
  const struct store_options options = {.segment_bytes = 4 << 20, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture->store, seed, &options);
  fixture->now_ms = world_clock_ms(fixture->store.world);
  open_queues(fixture);
}

void queue_fixture_close(struct queue_fixture *fixture)
{
  queues_close(fixture->queues);
  assert_int_equal(fixture->memory.in_use, 0);
  store_fixture_close(&fixture->store);
}

int queue_fixture_setup(void **state)
{
  struct queue_fixture *fixture = malloc(sizeof *fixture);
  if (fixture == NULL) return -1;
  queue_fixture_open(fixture, 1);
  *state = fixture;
  return 0;
}

int queue_fixture_teardown(void **state)
{
  queue_fixture_close(*state);
  free(*state);
  return 0;
}

void queue_fixture_reopen(struct queue_fixture *fixture)
{
  queues_close(fixture->queues);
  assert_int_equal(fixture->memory.in_use, 0);
  store_fixture_reopen(&fixture->store);
  open_queues(fixture);
  contents_assert(fixture->queues);
}

void queue_fixture_crash(struct queue_fixture *fixture, enum world_sim_crash mode)
{
  struct store_fixture *store = &fixture->store;
  queues_close(fixture->queues);
  world_sim_crash(store->sim, mode);
  (void)store_close(store->store, &store->error);
  arena_reset(&store->answers);
  store->store = store_open(store->world, &store->options, &store->error);
  if (store->store == NULL) fail_msg("the store does not open: %s", store->error.message);
  open_queues(fixture);
  contents_assert(fixture->queues);
}

void queue_fixture_pass(struct queue_fixture *fixture, int64_t ms)
{
  fixture->now_ms += ms;
  while (queues_tick(fixture->queues, fixture->now_ms)) continue;
  contents_assert(fixture->queues);
}

void queue_fixture_clear(struct queue_fixture *fixture)
{
  store_fixture_clear(&fixture->store);
}

/* ---- queues ---- */

static bool is_fifo(const char *name)
{
  size_t size = strlen(name);
  return size > 5 && strcmp(name + size - 5, ".fifo") == 0;
}

struct queue *queue_fixture_queue(struct queue_fixture *fixture, const char *name,
                                  const struct queue_settings *settings)
{
  struct queue_settings defaults;
  queue_settings_init(&defaults, is_fifo(name));
  struct queue *queue = NULL;
  uint64_t sequence;
  enum queue_status status = queue_create(fixture->queues, bytes_of_text(name),
                                          settings == NULL ? &defaults : settings, NULL, 0,
                                          fixture->now_ms, &queue, &sequence, &fixture->error);
  if (status != QUEUE_OK)
    fail_msg("%s: %s: %s", name, queue_status_name(status), fixture->error.message);
  return queue;
}

struct queue *queue_fixture_find(struct queue_fixture *fixture, const char *name)
{
  return queue_find(fixture->queues, bytes_of_text(name));
}

struct queue *queue_fixture_redriven(struct queue_fixture *fixture, const char *name,
                                     const char *dead_letter, int32_t receives_max)
{
  if (queue_fixture_find(fixture, dead_letter) == NULL)
    queue_fixture_queue(fixture, dead_letter, NULL);
  struct queue_settings settings;
  queue_settings_init(&settings, is_fifo(name));
  settings.dead_letter = bytes_of_text(dead_letter);
  settings.receives_max = receives_max;
  return queue_fixture_queue(fixture, name, &settings);
}

/* ---- messages ---- */

static void commit(struct queue_fixture *fixture, struct plan *plan)
{
  struct store_transact_result result;
  enum store_status status = plan_commit(plan, &result, &fixture->error);
  store_fixture_expect(&fixture->store, status, STORE_OK, NULL);
}

enum queue_status queue_fixture_try(struct queue_fixture *fixture, struct queue *queue,
                                    const struct queue_draft *draft, struct queue_sent *sent)
{
  struct plan plan;
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  enum queue_status status = queue_send(queue, &plan, draft, fixture->now_ms, sent);
  if (status != QUEUE_OK)
    assert_int_equal(plan.action_count + plan.hook_count, 0);
  else
    commit(fixture, &plan);
  return status;
}

struct queue_sent queue_fixture_send_group(struct queue_fixture *fixture, struct queue *queue,
                                           const char *body, const char *group,
                                           const char *deduplication)
{
  struct queue_sent sent;
  const struct queue_draft draft = {
      .body = bytes_of_text(body),
      .delay_s = -1,
      .group = bytes_of_text(group),
      .deduplication = bytes_of_text(deduplication),
  };
  enum queue_status status = queue_fixture_try(fixture, queue, &draft, &sent);
  if (status != QUEUE_OK) fail_msg("send: %s", queue_status_name(status));
  return sent;
}

struct queue_sent queue_fixture_send(struct queue_fixture *fixture, struct queue *queue,
                                     const char *body)
{
  return queue_fixture_send_group(fixture, queue, body, "", "");
}

const char *queue_fixture_receive(struct queue_fixture *fixture, struct queue *queue, uint32_t max)
{
  const struct queue_request request = {.max = max, .visibility_s = -1, .now_ms = fixture->now_ms};
  enum queue_status status = queue_receive(queue, &request, &fixture->store.answers,
                                           &fixture->batch, &fixture->error);
  if (status != QUEUE_OK) fail_msg("receive: %s", queue_status_name(status));
  size_t size = 1;
  for (uint32_t i = 0; i < fixture->batch.count; i++)
    size += fixture->batch.messages[i].body.size + 1;
  char *text = arena_alloc(&fixture->store.answers, size);
  assert_non_null(text);
  char *to = text;
  for (uint32_t i = 0; i < fixture->batch.count; i++) {
    struct bytes body = fixture->batch.messages[i].body;
    if (i > 0) *to++ = ' ';
    memcpy(to, body.data, body.size);
    to += body.size;
  }
  *to = '\0';
  return text;
}

enum queue_status queue_fixture_delete_receipt(struct queue_fixture *fixture, struct queue *queue,
                                               struct bytes receipt)
{
  struct plan plan;
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  enum queue_status status = queue_delete(queue, &plan, receipt, fixture->now_ms);
  if (status == QUEUE_OK) commit(fixture, &plan);
  return status;
}

enum queue_status queue_fixture_delete(struct queue_fixture *fixture, struct queue *queue,
                                       uint32_t place)
{
  return queue_fixture_delete_receipt(
      fixture, queue, bytes_of(fixture->batch.messages[place].receipt, QUEUE_RECEIPT_TEXT));
}

enum queue_status queue_fixture_visibility(struct queue_fixture *fixture, struct queue *queue,
                                           uint32_t place, int32_t visibility_s)
{
  struct plan plan;
  plan_init(&plan, fixture->store.store, &fixture->store.answers);
  struct bytes receipt = bytes_of(fixture->batch.messages[place].receipt, QUEUE_RECEIPT_TEXT);
  enum queue_status status = queue_change_visibility(queue, &plan, receipt, visibility_s,
                                                     fixture->now_ms);
  if (status == QUEUE_OK) commit(fixture, &plan);
  return status;
}

const char *queue_fixture_counts(struct queue_fixture *fixture, struct queue *queue)
{
  struct queue_counts counts;
  queue_counts(queue, fixture->now_ms, &counts);
  char *text = arena_alloc(&fixture->store.answers, 64);
  assert_non_null(text);
  snprintf(text, 64, "%llu %llu %llu", (unsigned long long)counts.visible,
           (unsigned long long)counts.in_flight, (unsigned long long)counts.delayed);
  return text;
}
