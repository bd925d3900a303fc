#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void copy_text(char *to, size_t size, struct bytes text)
{
  assert_true(text.size < size);
  memcpy(to, text.data, text.size);
  to[text.size] = 0;
}

static bool send_request(void *context, const struct bus_request *request,
                         const struct bus_reply *reply, struct client_handle *handle,
                         struct error *error)
{
  struct bus_fixture *fixture = context;
  if (fixture->invalid) return error_set(error, ERROR_INVALID, "the URL has no host");
  if (fixture->refuses) return error_set(error, ERROR_LIMIT, "too many requests wait");
  assert_true(fixture->sent_count < BUS_FIXTURE_SENT_MAX);
  handle->slot = fixture->sent_count;
  struct bus_fixture_sent *sent = &fixture->sent[fixture->sent_count++];
  copy_text(sent->url, sizeof sent->url, request->url);
  copy_text(sent->body, sizeof sent->body, request->body);
  copy_text(sent->event_id, sizeof sent->event_id, request->event_id);
  copy_text(sent->signature, sizeof sent->signature, request->signature);
  sent->reply = reply;
  return true;
}

void bus_fixture_answer(struct bus_fixture *fixture, uint32_t index, uint16_t status,
                        const char *text)
{
  assert_true(index < fixture->sent_count);
  const struct bus_reply *reply = fixture->sent[index].reply;
  assert_non_null(reply);
  fixture->sent[index].reply = NULL;
  const struct bus_answer answer = {.status = status, .text = text};
  reply->answered(reply->context, &answer);
}

static void cancel_request(void *context, struct client_handle handle)
{
  bus_fixture_answer(context, handle.slot, 0, "cancelled");
}

static bool take_line(void *context, struct bytes line)
{
  struct bus_fixture *fixture = context;
  size_t used = strlen(fixture->log);
  if (used + line.size >= sizeof fixture->log) return false;
  memcpy(fixture->log + used, line.data, line.size);
  fixture->log[used + line.size] = 0;
  return true;
}

static void open_buses(struct bus_fixture *fixture)
{
  fixture->queues = queues_open(fixture->store.store, &fixture->memory, fixture->store.world,
                                fixture->now_ms, &fixture->error);
  if (fixture->queues == NULL) fail_msg("the queues do not open: %s", fixture->error.message);
  fixture->sender = (struct bus_sender){fixture, send_request, cancel_request};
  fixture->logger = (struct logger){.world = fixture->store.world,
                                    .threshold = LOGGER_DEBUG,
                                    .sink = take_line,
                                    .sink_context = fixture};
  const struct buses_options options = {
      .store = fixture->store.store,
      .queues = fixture->queues,
      .world = fixture->store.world,
      .memory = &fixture->memory,
      .sender = &fixture->sender,
      .logger = &fixture->logger,
      .account = BYTES("000000000000"),
      .region = BYTES("ap-northeast-2"),
      .signing_key = BYTES("secret"),
  };
  fixture->buses = buses_open(&options, fixture->now_ms, &fixture->error);
  if (fixture->buses == NULL) fail_msg("the buses do not open: %s", fixture->error.message);
  fixture->bus = bus_find(fixture->buses, BYTES("main"));
}

int bus_fixture_setup(void **state)
{
  struct bus_fixture *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  store_fixture_open(&fixture->store, 1);
  arena_init(&fixture->arena, &fixture->store.memory);
  fixture->now_ms = world_clock_ms(fixture->store.world);
  open_buses(fixture);
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(
      bus_create(fixture->buses, plan, BYTES("main"), fixture->now_ms, &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  fixture->bus = bus_find(fixture->buses, BYTES("main"));
  assert_non_null(fixture->bus);
  *state = fixture;
  return 0;
}

static void close_buses(struct bus_fixture *fixture)
{
  buses_close(fixture->buses);
  queues_close(fixture->queues);
  assert_int_equal(fixture->memory.in_use, 0);
}

int bus_fixture_teardown(void **state)
{
  struct bus_fixture *fixture = *state;
  close_buses(fixture);
  arena_free(&fixture->arena);
  store_fixture_close(&fixture->store);
  free(fixture);
  return 0;
}

void bus_fixture_reopen(struct bus_fixture *fixture)
{
  close_buses(fixture);
  store_fixture_reopen(&fixture->store);
  open_buses(fixture);
}

void bus_fixture_crash(struct bus_fixture *fixture)
{
  close_buses(fixture);
  store_fixture_crash(&fixture->store);
  open_buses(fixture);
}

void bus_fixture_settle(struct bus_fixture *fixture)
{
  store_fixture_settle(&fixture->store);
}

void bus_fixture_tick(struct bus_fixture *fixture)
{
  for (int i = 0;; i++) {
    assert_true(i < 10000);
    bool more = queues_tick(fixture->queues, fixture->now_ms);
    if (buses_tick(fixture->buses, fixture->now_ms)) more = true;
    if (!more) return;
  }
}

void bus_fixture_pass(struct bus_fixture *fixture, int64_t ms)
{
  fixture->now_ms += ms;
  bus_fixture_tick(fixture);
}

struct plan *bus_fixture_plan(struct bus_fixture *fixture)
{
  arena_reset(&fixture->arena);
  plan_init(&fixture->plan, fixture->store.store, &fixture->arena);
  return &fixture->plan;
}

void bus_fixture_commit(struct bus_fixture *fixture)
{
  struct store_transact_result result;
  enum store_status status = plan_commit(&fixture->plan, &result, &fixture->error);
  store_fixture_expect(&fixture->store, status, STORE_OK, NULL);
}

struct queue *bus_fixture_queue(struct bus_fixture *fixture, const char *name)
{
  struct queue_settings settings;
  struct queue *queue = NULL;
  uint64_t sequence;
  size_t size = strlen(name);
  queue_settings_init(&settings, size > 5 && strcmp(name + size - 5, ".fifo") == 0);
  assert_int_equal(queue_create(fixture->queues, bytes_of_text(name), &settings, NULL, 0,
                                fixture->now_ms, &queue, &sequence, &fixture->error),
                   QUEUE_OK);
  return queue;
}

struct bus_target bus_fixture_target(enum bus_target_kind kind, const char *address)
{
  struct bus_target target;
  bus_target_init(&target, BYTES("t"), kind, bytes_of_text(address));
  return target;
}

static void put_rule_of(struct bus_fixture *fixture, const struct bus_rule *rule)
{
  struct plan *plan = bus_fixture_plan(fixture);
  enum bus_status status = bus_rule_put(fixture->bus, plan, rule, fixture->now_ms, &fixture->error);
  if (status != BUS_OK) fail_msg("%s: %s", bus_status_name(status), fixture->error.message);
  bus_fixture_commit(fixture);
}

void bus_fixture_rule(struct bus_fixture *fixture, const char *name, const char *pattern,
                      const struct bus_target *targets, uint32_t count)
{
  put_rule_of(fixture, &(struct bus_rule){.name = bytes_of_text(name),
                                          .pattern = bytes_of_text(pattern),
                                          .targets = targets,
                                          .target_count = count});
}

void bus_fixture_schedule(struct bus_fixture *fixture, const char *name, const char *schedule,
                          const struct bus_target *targets, uint32_t count)
{
  put_rule_of(fixture, &(struct bus_rule){.name = bytes_of_text(name),
                                          .schedule = bytes_of_text(schedule),
                                          .targets = targets,
                                          .target_count = count});
}

void bus_fixture_archive(struct bus_fixture *fixture, const char *name, const char *pattern,
                         int32_t days)
{
  const struct bus_archive archive = {
      .name = bytes_of_text(name), .pattern = bytes_of_text(pattern), .retention_days = days};
  struct plan *plan = bus_fixture_plan(fixture);
  enum bus_status status = bus_archive_put(fixture->bus, plan, &archive, fixture->now_ms,
                                           &fixture->error);
  if (status != BUS_OK) fail_msg("%s: %s", bus_status_name(status), fixture->error.message);
  bus_fixture_commit(fixture);
}

struct bus_event bus_fixture_event(const char *id, const char *type, const char *detail,
                                   int64_t time_ms)
{
  return (struct bus_event){.id = bytes_of_text(id),
                            .detail_type = bytes_of_text(type),
                            .source = BYTES("test"),
                            .detail = bytes_of_text(detail),
                            .time_ms = time_ms};
}

void bus_fixture_put(struct bus_fixture *fixture, const char *type, const char *detail)
{
  char id[16];
  snprintf(id, sizeof id, "e%u", ++fixture->events);
  const struct bus_event event = bus_fixture_event(id, type, detail, fixture->now_ms);
  struct plan *plan = bus_fixture_plan(fixture);
  enum bus_status status = bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error);
  if (status != BUS_OK) fail_msg("%s: %s", bus_status_name(status), fixture->error.message);
  bus_fixture_commit(fixture);
}

const char *bus_fixture_take(struct bus_fixture *fixture, const char *name)
{
  struct queue *queue = queue_find(fixture->queues, bytes_of_text(name));
  struct arena *arena = &fixture->store.arena;
  struct buffer text;
  assert_non_null(queue);
  buffer_init(&text, &fixture->store.memory);
  for (;;) {
    const struct queue_request request = {
        .max = QUEUE_BATCH_MAX, .visibility_s = -1, .now_ms = fixture->now_ms};
    struct queue_batch *batch = arena_alloc(arena, sizeof *batch);
    assert_int_equal(queue_receive(queue, &request, arena, batch, &fixture->error), QUEUE_OK);
    if (batch->count == 0) break;
    for (uint32_t i = 0; i < batch->count; i++) {
      buffer_append(&text, batch->messages[i].body);
      buffer_append_byte(&text, '\n');
      struct plan *plan = bus_fixture_plan(fixture);
      assert_int_equal(queue_delete(queue, plan,
                                    bytes_of(batch->messages[i].receipt, QUEUE_RECEIPT_TEXT),
                                    fixture->now_ms),
                       QUEUE_OK);
      bus_fixture_commit(fixture);
    }
  }
  buffer_append_byte(&text, 0);
  struct bytes copy = arena_copy(arena, buffer_bytes(&text));
  buffer_free(&text);
  return (const char *)copy.data;
}

uint64_t bus_fixture_count(struct bus_fixture *fixture, const char *name)
{
  struct queue_counts counts;
  struct queue *queue = queue_find(fixture->queues, bytes_of_text(name));
  assert_non_null(queue);
  queue_counts(queue, fixture->now_ms, &counts);
  return counts.visible + counts.in_flight + counts.delayed;
}

uint64_t bus_fixture_rows(struct bus_fixture *fixture, const char *table)
{
  struct table_description description;
  store_table_describe(store_table(fixture->store.store, bytes_of_text(table)), &description);
  return description.item_count;
}
