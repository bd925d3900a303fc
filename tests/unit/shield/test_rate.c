#include "shield/rate.h"

#include "sim/random.h"
#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { START_MS = 1000000 };

static const enum rate_kind KIND = RATE_API_ADDRESS;

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct rate_limits *limits;
  struct rate_decision decision;
  int64_t now_ms;
};

/* Limits of one kind; the others do not exist. */
static void setup(struct fixture *fixture, struct rate_row row)
{
  struct rate_row rows[RATE_KINDS] = {0};
  rows[KIND] = row;
  fixture->sim = world_sim_new(1);
  fixture->world = world_sim_world(fixture->sim);
  fixture->limits = rate_limits_new(fixture->world, rows);
  fixture->now_ms = START_MS;
  assert_non_null(fixture->limits);
}

static void teardown(struct fixture *fixture)
{
  rate_limits_free(fixture->limits);
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static bool take(struct fixture *fixture, const char *key)
{
  return rate_take(fixture->limits, KIND, bytes_of_text(key), fixture->now_ms, &fixture->decision);
}

static bool take_number(struct fixture *fixture, uint64_t number)
{
  return rate_take(fixture->limits, KIND, bytes_of(&number, sizeof number), fixture->now_ms,
                   &fixture->decision);
}

static void test_a_burst_then_the_rate(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture, (struct rate_row){"x", 10, 60, 3, 64}); /* one in 6 s, 3 at once */
  for (uint32_t i = 1; i <= 3; i++) {
    assert_true(take(&fixture, "a"));
    assert_true(fixture.decision.limited);
    assert_int_equal(fixture.decision.limit, 3);
    assert_int_equal(fixture.decision.remaining, 3 - i);
    assert_int_equal(fixture.decision.reset_s, 6 * i);
    assert_int_equal(fixture.decision.retry_after_s, 0);
  }
  for (int i = 0; i < 10; i++) { /* asking again costs nothing */
    assert_false(take(&fixture, "a"));
    assert_int_equal(fixture.decision.limit, 3);
    assert_int_equal(fixture.decision.remaining, 0);
    assert_int_equal(fixture.decision.reset_s, 18);
    assert_int_equal(fixture.decision.retry_after_s, 6);
  }
  assert_true(take(&fixture, "b"));
  fixture.now_ms += 5999;
  assert_false(take(&fixture, "a"));
  assert_int_equal(fixture.decision.retry_after_s, 1);
  fixture.now_ms += 1;
  assert_true(take(&fixture, "a"));
  assert_int_equal(fixture.decision.remaining, 0);
  fixture.now_ms += 3600000;
  assert_true(take(&fixture, "a"));
  assert_int_equal(fixture.decision.remaining, 2);
  teardown(&fixture);
}

static void test_kinds_are_counted_apart(void **state)
{
  (void)state;
  struct rate_row rows[RATE_KINDS] = {0};
  rows[RATE_LOGIN_USER] = (struct rate_row){"x", 1, 1, 1, 64};
  rows[RATE_LOGIN_ADDRESS] = (struct rate_row){"y", 1, 1, 1, 64};
  struct world_sim *sim = world_sim_new(1);
  struct rate_limits *limits = rate_limits_new(world_sim_world(sim), rows);
  struct rate_decision decision;
  assert_non_null(limits);
  assert_string_equal(rate_row(limits, RATE_LOGIN_ADDRESS)->name, "y");
  assert_true(rate_take(limits, RATE_LOGIN_USER, BYTES("a"), 5, &decision));
  assert_true(rate_take(limits, RATE_LOGIN_ADDRESS, BYTES("a"), 5, &decision));
  assert_false(rate_take(limits, RATE_LOGIN_USER, BYTES("a"), 5, &decision));
  assert_false(rate_take(limits, RATE_LOGIN_ADDRESS, BYTES("a"), 5, &decision));
  for (int i = 0; i < 1000; i++) { /* without a row there is no limit */
    assert_true(rate_take(limits, RATE_JOIN_ADDRESS, BYTES("a"), 5, &decision));
    assert_false(decision.limited);
    assert_int_equal(decision.limit, 0);
  }
  rate_limits_free(limits);
  world_sim_free(sim);
}

/* The model: requests that were let in, each paid back T after the one before it. */
struct model_key {
  double full_at_ms;
};

static void test_like_the_model(void **state)
{
  (void)state;
  enum { KEYS = 20, STEPS = 200000 };
  static const struct rate_row rows[] = {
      {"x", 1, 1, 1, 4096},
      {"x", 10, 60, 10, 4096},
      {"x", 1000, 1, 2000, 4096},
      {"x", 7, 3600, 2, 4096},
      {"x", 1, RATE_SECONDS_MAX, 5, 4096},
      {"x", 500, 10, 1, 4096},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct fixture fixture;
    struct model_key model[KEYS] = {0};
    struct random random;
    random_init(&random, i + 1);
    setup(&fixture, rows[i]);
    double cost_ms = (double)(rows[i].seconds * UINT64_C(1000000) / rows[i].requests) / 1000.0;
    for (int step = 0; step < STEPS; step++) {
      fixture.now_ms += (int64_t)random_below(&random, (uint64_t)(cost_ms / KEYS * 2) + 2);
      uint64_t key = random_below(&random, KEYS);
      double now = (double)fixture.now_ms;
      double from = model[key].full_at_ms > now ? model[key].full_at_ms : now;
      bool expected = from + cost_ms - now <= cost_ms * rows[i].burst + 1e-6;
      assert_int_equal(take_number(&fixture, key), expected);
      if (expected) model[key].full_at_ms = from = from + cost_ms;
      double remaining = rows[i].burst - (from - now) / cost_ms;
      assert_true(fixture.decision.remaining <= remaining + 1e-3);
      assert_true(fixture.decision.remaining + 1 > remaining - 1e-3);
      assert_true(fixture.decision.reset_s * 1000.0 >= from - now - 1e-3);
      assert_true(fixture.decision.reset_s * 1000.0 < from - now + 1000);
      assert_int_equal(fixture.decision.retry_after_s > 0, !expected);
      if (!expected) {
        double wait = from + cost_ms - cost_ms * rows[i].burst - now;
        assert_true(fixture.decision.retry_after_s * 1000.0 >= wait - 1e-3);
        assert_true(fixture.decision.retry_after_s * 1000.0 < wait + 1000);
      }
    }
    teardown(&fixture);
  }
}

/* Many more addresses than the table has room for. */
static void test_a_flood_takes_no_memory_and_frees_nobody(void **state)
{
  (void)state;
  enum { KEYS = 1 << 12, FLOOD = 1 << 17, LIMITED = 64 };
  struct fixture fixture;
  setup(&fixture, (struct rate_row){"x", 10, 60, 10, KEYS});
  size_t in_use = fixture.world->memory.in_use;
  uint64_t calls = fixture.world->memory.calls;
  for (uint64_t i = 0; i < LIMITED; i++)
    for (int j = 0; j < 10; j++) assert_true(take_number(&fixture, i));
  for (uint64_t i = 0; i < FLOOD; i++) assert_true(take_number(&fixture, 1000 + i));
  for (uint64_t i = 0; i < LIMITED; i++) assert_false(take_number(&fixture, i));
  assert_int_equal(fixture.world->memory.in_use, in_use);
  assert_int_equal(fixture.world->memory.calls, calls);
  assert_true(in_use < KEYS * 16 + 4096);
  teardown(&fixture);
}

/* Up to the room there is, everybody is remembered. */
static void test_a_half_full_table_forgets_next_to_nobody(void **state)
{
  (void)state;
  enum { KEYS = 1 << 14 };
  struct fixture fixture;
  setup(&fixture, (struct rate_row){"x", 1, 60, 1, KEYS});
  for (uint64_t i = 0; i < KEYS / 2; i++) assert_true(take_number(&fixture, i));
  uint32_t forgotten = 0;
  for (uint64_t i = 0; i < KEYS / 2; i++) forgotten += take_number(&fixture, i) ? 1 : 0;
  assert_true(forgotten < KEYS / 2 / 50);
  teardown(&fixture);
}

static void test_the_smallest_table(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture, (struct rate_row){"x", RATE_REQUESTS_MAX, 1, RATE_BURST_MAX, RATE_KEYS_MIN});
  for (uint64_t i = 0; i < 1000; i++) assert_true(take_number(&fixture, i));
  assert_true(take(&fixture, ""));
  assert_int_equal(fixture.decision.remaining, RATE_BURST_MAX - 1);
  teardown(&fixture);
}

static void test_without_memory_there_are_no_limits(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct rate_limits *limits = NULL;
  for (uint64_t nth = 1; limits == NULL; nth++) {
    world->memory.fail_at = world->memory.calls + nth;
    limits = rate_limits_new(world, rate_rows_default);
    if (limits == NULL) assert_int_equal(world->memory.in_use, 0);
    assert_true(nth < 100);
  }
  rate_limits_free(limits);
  rate_limits_free(NULL);
  assert_int_equal(world->memory.in_use, 0);
  world_sim_free(sim);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_burst_then_the_rate),
      cmocka_unit_test(test_kinds_are_counted_apart),
      cmocka_unit_test(test_like_the_model),
      cmocka_unit_test(test_a_flood_takes_no_memory_and_frees_nobody),
      cmocka_unit_test(test_a_half_full_table_forgets_next_to_nobody),
      cmocka_unit_test(test_the_smallest_table),
      cmocka_unit_test(test_without_memory_there_are_no_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
