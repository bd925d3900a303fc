#include "unit/sale/sale_fixture.h"

#include "sale/seat_import.h"
#include "sale/seat_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char OTHER[] =
    "{\"event_id\":\"%s\",\"name\":\"Other\",\"venue\":\"Hall\","
    "\"starts_at\":\"2040-03-01T19:00:00Z\",\"sale_opens_at\":\"2001-01-01T00:00:00Z\","
    "\"currency\":\"KRW\",\"max_per_buyer\":4,\"hold_seconds\":60,\"sections\":["
    "{\"id\":\"A\",\"name\":\"Floor\",\"price\":1000,\"rows\":[{\"row\":\"1\",\"seats\":%d}]}]}";

struct outcome {
  enum sale_refusal refusal;
  uint64_t sequence;
  int calls;
};

static void on_created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  struct outcome *outcome = context;
  outcome->refusal = refusal;
  outcome->sequence = sequence;
  outcome->calls++;
}

static enum sale_refusal create(struct sale_fixture *fixture, const char *id, int seats,
                                struct outcome *outcome)
{
  char text[1024];
  struct seat_plan plan;
  struct arena arena;
  int size = snprintf(text, sizeof text, OTHER, id, seats);
  arena_init(&arena, &fixture->store.memory);
  if (!seat_import_json(bytes_of(text, (size_t)size), 1, &arena, &plan, &fixture->error))
    fail_msg("%s", fixture->error.message);
  enum sale_refusal refusal = sale_event_create(fixture->sale, &plan, on_created, outcome,
                                                fixture->now_ms);
  arena_free(&arena);
  return refusal;
}

static void test_events_are_made_in_slices(void **state)
{
  struct sale_fixture *fixture = *state;
  struct outcome outcome = {0};
  int ticks = 0;
  assert_int_equal(create(fixture, "big", 900, &outcome), SALE_OK);
  assert_int_equal(create(fixture, "big", 900, &outcome), SALE_EVENT_EXISTS);
  do {
    assert_null(sale_event_find(fixture->sale, BYTES("big")));
    ticks++;
  } while (sale_tick(fixture->sale, fixture->now_ms));
  assert_true(ticks > 10);
  assert_int_equal(outcome.calls, 1);
  assert_int_equal(outcome.refusal, SALE_OK);
  assert_int_equal(outcome.sequence, store_appended(fixture->store.store));
  assert_int_equal(sale_event_find(fixture->sale, BYTES("big"))->map->seat_count, 900);
}

static void test_a_crash_half_way_leaves_no_event(void **state)
{
  struct sale_fixture *fixture = *state;
  struct outcome outcome = {0};
  assert_int_equal(create(fixture, "half", 500, &outcome), SALE_OK);
  assert_true(sale_tick(fixture->sale, fixture->now_ms));
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  assert_null(sale_event_find(fixture->sale, BYTES("half")));
  assert_int_equal(create(fixture, "half", 500, &outcome), SALE_OK);
  while (sale_tick(fixture->sale, fixture->now_ms)) continue;
  assert_int_equal(outcome.refusal, SALE_OK);
}

static void test_events_are_listed_in_order(void **state)
{
  struct sale_fixture *fixture = *state;
  struct outcome outcome = {0};
  static const char *const names[] = {"z", "a", "m"};
  static const char *const order[] = {"a", "evt", "m", "z"};
  for (size_t i = 0; i < 3; i++) assert_int_equal(create(fixture, names[i], 5, &outcome), SALE_OK);
  while (sale_tick(fixture->sale, fixture->now_ms)) continue;
  assert_int_equal(outcome.calls, 3);
  struct sale_event *event = sale_event_next(fixture->sale, (struct bytes){NULL, 0});
  for (size_t i = 0; i < 4; i++) {
    assert_true(bytes_equal(event->id, bytes_of_text(order[i])));
    event = sale_event_next(fixture->sale, event->id);
  }
  assert_null(event);
  event = sale_event_next(fixture->sale, BYTES("b"));
  assert_true(bytes_equal(event->id, BYTES("evt")));
}

static enum sale_refusal change(struct sale_fixture *fixture,
                                const struct sale_event_change *change)
{
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_event_update(fixture->sale, plan, fixture->event, change,
                                                fixture->now_ms, &fixture->error);
  if (refusal == SALE_OK) sale_fixture_commit(fixture);
  return refusal;
}

static void test_changes_last(void **state)
{
  struct sale_fixture *fixture = *state;
  const struct sale_event_change good = {.has_status = true,
                                         .status = SALE_PAUSED,
                                         .has_max_per_buyer = true,
                                         .max_per_buyer = 2,
                                         .has_hold_seconds = true,
                                         .hold_seconds = 30};
  const struct sale_event_change bad = {.has_hold_seconds = true, .hold_seconds = 1};
  assert_int_equal(change(fixture, &bad), SALE_INVALID);
  assert_non_null(strstr(fixture->error.message, "hold_seconds"));
  assert_int_equal(fixture->event->hold_seconds, 60);
  assert_int_equal(change(fixture, &good), SALE_OK);
  assert_int_equal(fixture->event->max_per_buyer, 2);
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  assert_int_equal(fixture->event->status, SALE_PAUSED);
  assert_int_equal(fixture->event->max_per_buyer, 2);
  assert_int_equal(fixture->event->hold_seconds, 30);
  assert_int_equal(fixture->event->map->seat_count, 45);
}

/* A hold of many seats is one in the map, also when it was read from the store. */
static void test_holds_are_whole_after_a_restart(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_hold(fixture, "ann", "A-1-1 A-2-3 A-1-2");
  struct bytes other = sale_fixture_hold(fixture, "bob", "A-1-3 B-1-1");
  struct sale_order order;
  bool refunded;
  struct bytes sold = sale_fixture_hold(fixture, "cid", "A-1-4 A-1-5");
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, sold));
  assert_int_equal(sale_fixture_confirm(fixture, sold, &order, &refunded), SALE_OK);
  assert_int_equal(fixture->event->map->heap_count, 2);
  sale_fixture_settle(fixture);
  sale_fixture_reopen(fixture);
  assert_int_equal(fixture->event->map->heap_count, 2);
  assert_int_equal(fixture->event->map->counts.of[SEAT_HELD], 5);
  assert_int_equal(fixture->event->map->counts.of[SEAT_SOLD], 2);
  sale_fixture_intend(fixture, other);
  assert_int_equal(fixture->event->map->heap_count, 2);
  sale_fixture_check(fixture);
}

static void test_status_follows_the_clock(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_event *event = fixture->event;
  assert_int_equal(sale_event_status(event, event->sale_opens_ms - 1), SALE_SCHEDULED);
  assert_int_equal(sale_event_status(event, event->sale_opens_ms), SALE_ON_SALE);
  assert_int_equal(sale_event_status(event, event->starts_ms - 1), SALE_ON_SALE);
  assert_int_equal(sale_event_status(event, event->starts_ms), SALE_ENDED);
  assert_true(bytes_equal(sale_status_name(SALE_ENDED), BYTES("CLOSED")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_events_are_made_in_slices),
      WITH_SALE(test_a_crash_half_way_leaves_no_event),
      WITH_SALE(test_events_are_listed_in_order),
      WITH_SALE(test_changes_last),
      WITH_SALE(test_holds_are_whole_after_a_restart),
      WITH_SALE(test_status_follows_the_clock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
