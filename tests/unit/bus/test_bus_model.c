/*
 * Random lives of a bus: events, time, answers of a receiver, changed rules, crashes. In the end
 * every event that was durable is one message, one row of the archive and one delivery that was
 * taken; one that was lost in a crash is nowhere.
 */
#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LIVES = 12, STEPS = 400, EVENTS_MAX = STEPS + 1 };

enum fate { UNKNOWN, COMMITTED, DURABLE, LOST };

struct model {
  struct bus_fixture *fixture;
  enum fate fates[EVENTS_MAX];
  uint32_t count;
  uint64_t random;
};

static uint32_t draw(struct model *model, uint32_t below)
{
  model->random = model->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(model->random >> 33) % below;
}

static void change_rule(struct model *model)
{
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "q1"),
                                 bus_fixture_target(BUS_TARGET_WEBHOOK, "http://h/")};
  targets[1].id = BYTES("hook");
  bus_fixture_rule(model->fixture, "one", "{\"source\":[\"test\"]}", targets, 2);
}

static void settle(struct model *model)
{
  bus_fixture_settle(model->fixture);
  for (uint32_t i = 1; i <= model->count; i++)
    if (model->fates[i] == COMMITTED) model->fates[i] = DURABLE;
}

static void crash(struct model *model)
{
  bus_fixture_crash(model->fixture);
  for (uint32_t i = 1; i <= model->count; i++)
    if (model->fates[i] == COMMITTED) model->fates[i] = LOST;
}

/* Some of what is in flight is answered, well or badly. */
static void answer(struct model *model, uint32_t percent, bool well)
{
  static const uint16_t statuses[] = {200, 204, 500, 404, 429, 0};
  struct bus_fixture *fixture = model->fixture;
  for (uint32_t i = 0; i < fixture->sent_count; i++) {
    if (fixture->sent[i].reply == NULL || draw(model, 100) >= percent) continue;
    uint16_t status = well ? 200 : statuses[draw(model, 6)];
    bus_fixture_answer(fixture, i, status, status == 0 ? "no connection" : "");
  }
}

static void step(struct model *model)
{
  struct bus_fixture *fixture = model->fixture;
  switch (draw(model, 16)) {
  default:
    bus_fixture_put(fixture, "T", "{}");
    model->count = fixture->events;
    model->fates[model->count] = COMMITTED;
    break;
  case 0:
  case 1:
  case 2:
    bus_fixture_tick(fixture);
    break;
  case 3:
  case 4:
    answer(model, 60, false);
    break;
  case 5:
  case 6:
    settle(model);
    break;
  case 7:
    bus_fixture_pass(fixture, draw(model, 20000));
    break;
  case 8:
    change_rule(model);
    break;
  case 9:
    crash(model);
    break;
  }
}

static uint32_t count_of(const char *text, const char *part)
{
  uint32_t count = 0;
  for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) count++;
  return count;
}

static void check(struct model *model)
{
  struct bus_fixture *fixture = model->fixture;
  struct bus_delivery list[1];
  struct bytes cursor = {NULL, 0};
  uint32_t durable = 0, count;
  const char *taken = bus_fixture_take(fixture, "q1");
  for (uint32_t i = 1; i <= model->count; i++) {
    char part[32];
    snprintf(part, sizeof part, "\"id\":\"e%u\"", i);
    assert_int_equal(count_of(taken, part), model->fates[i] == DURABLE);
    durable += model->fates[i] == DURABLE;
  }
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), durable);
  assert_int_equal(bus_fixture_rows(fixture, "tacos-deliveries"), durable);
  for (enum bus_delivery_state i = BUS_PENDING; i < BUS_DELIVERY_STATES; i++) {
    assert_int_equal(bus_delivery_list(fixture->buses, i, &cursor, 1, &fixture->store.arena, list,
                                       &count, &fixture->error),
                     BUS_OK);
    assert_int_equal(count, i == BUS_DELIVERED && durable > 0);
    cursor = (struct bytes){NULL, 0};
  }
}

static void live(uint64_t seed)
{
  void *state;
  struct model *model = calloc(1, sizeof *model);
  assert_non_null(model);
  assert_int_equal(bus_fixture_setup(&state), 0);
  model->fixture = state;
  model->random = seed;
  bus_fixture_queue(model->fixture, "q1");
  bus_fixture_archive(model->fixture, "all", "", 0);
  change_rule(model);
  settle(model);
  for (int i = 0; i < STEPS; i++) step(model);
  settle(model);
  for (int i = 0; buses_wait_ms(model->fixture->buses, model->fixture->now_ms, 1) == 0 ||
                  model->fixture->buses->in_flight > 0 || i < 3;
       i++) {
    assert_true(i < 10000);
    answer(model, 100, true);
    bus_fixture_pass(model->fixture, 60000);
  }
  bus_fixture_pass(model->fixture, 3600000);
  answer(model, 100, true);
  bus_fixture_tick(model->fixture);
  check(model);
  bus_fixture_teardown(&state);
  free(model);
}

static void test_random_lives(void **state)
{
  (void)state;
  const char *seed = getenv("TACOS_SEED");
  if (seed != NULL) {
    live(strtoull(seed, NULL, 10));
    return;
  }
  for (uint64_t i = 1; i <= LIVES; i++) {
    print_message("TACOS_SEED=%u\n", (unsigned)i);
    live(i);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_lives)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
