/*
 * The log over a disk that dies: after every crash what is read is a prefix of what was appended,
 * and holds all that was durable.
 */
#include "store/log_writer.h"
#include "unit/store/log_fixture.h"

#include <stdlib.h>

static void print_replay(uint64_t seed)
{
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_log_crash\n",
                seed);
}

/* What one process run promised before it died. */
struct promise {
  uint64_t durable;
  uint64_t appended;
};

/* A run of `records` appends in random turns that ends early where the disk dies. */
static void run_process(struct log_fixture *fixture, struct random *random, uint64_t records,
                        struct promise *promise)
{
  struct log *log = log_open(fixture->world, &fixture->options, promise->durable + 1,
                             &fixture->error);
  if (log == NULL) return;
  bool alive = true;
  for (uint64_t i = 0; i < records && alive; i++) {
    bool idle;
    if (!append_next(log, &fixture->error)) assert_int_equal(fixture->error.code, ERROR_LIMIT);
    if (random_below(random, 3) == 0) log_flush(log);
    for (uint64_t steps = random_below(random, 4); steps > 0 && alive; steps--)
      alive = log_step(log, &idle, &fixture->error);
    for (uint64_t steps = random_below(random, 3); steps > 0; steps--)
      (void)log_prepare_step(log, &idle, &fixture->error);
    if (log_durable(log) > promise->durable) promise->durable = log_durable(log);
    promise->appended = log_appended(log);
  }
  uint64_t appended = log_appended(log);
  if (log_close(log, &fixture->error)) promise->durable = appended;
  promise->appended = appended;
}

/* Recovers and checks the promise; the next run begins after what was found. */
static void recover(struct log_fixture *fixture, struct promise *promise)
{
  uint64_t last = read_all(fixture->world, &fixture->options, 1, LOG_TAIL_CUT, &fixture->error);
  if (last == UINT64_MAX) {
    print_error("%s: %s\n", error_code_name(fixture->error.code), fixture->error.message);
    fail();
  }
  assert_in_range(last, promise->durable, promise->appended);
  promise->durable = promise->appended = last;
}

static void crash_at(uint64_t seed, uint64_t point, uint64_t records, bool sealed, bool *reached)
{
  struct log_fixture fixture;
  struct random random;
  random_init(&random, seed + point);
  log_fixture_open(&fixture, seed + point * 7919);
  if (sealed) fixture.options.key = fixture_key;
  struct promise promise = {0};
  run_process(&fixture, &random, 20, &promise);
  recover(&fixture, &promise);
  world_sim_crash_after(fixture.sim, point);
  run_process(&fixture, &random, records, &promise);
  *reached = world_sim_is_dead(fixture.sim);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_RANDOM);
  /* A crash during recovery, then another run, then the end. */
  world_sim_crash_after(fixture.sim, 1 + point % 3);
  (void)read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_RANDOM);
  recover(&fixture, &promise);
  run_process(&fixture, &random, 20, &promise);
  recover(&fixture, &promise);
  log_fixture_close(&fixture);
}

static void test_every_crash_point(void **state)
{
  (void)state;
  uint64_t seed = random_seed(1);
  print_replay(seed);
  bool reached = true;
  for (uint64_t point = 1; reached; point++) crash_at(seed, point, 700, point % 2 == 0, &reached);
}

static void test_many_small_crashes(void **state)
{
  (void)state;
  uint64_t seed = random_seed(2);
  print_replay(seed);
  bool reached;
  for (uint64_t point = 1; point <= 40; point++)
    for (uint64_t variant = 0; variant < 8; variant++)
      crash_at(seed + variant * 1000003, point, 40, false, &reached);
}

/* EIO and ENOSPC at any operation of any kind: an error or success, never a lost record. */
static void test_every_operation_may_fail(void **state)
{
  (void)state;
  uint64_t seed = random_seed(3);
  print_replay(seed);
  static const int reasons[] = {EIO, ENOSPC};
  for (int operation = WORLD_SIM_READ; operation < WORLD_SIM_OPERATIONS; operation++) {
    for (uint64_t nth = 1; nth <= 24; nth++) {
      struct log_fixture fixture;
      struct random random;
      random_init(&random, seed + nth);
      log_fixture_open(&fixture, seed + nth);
      struct promise promise = {0};
      run_process(&fixture, &random, 30, &promise);
      recover(&fixture, &promise);
      world_sim_fail(fixture.sim, (enum world_sim_operation)operation, nth, reasons[nth % 2],
                     false);
      run_process(&fixture, &random, 500, &promise);
      uint64_t last = read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error);
      if (last == UINT64_MAX)
        assert_int_equal(fixture.error.code, nth % 2 == 0 ? ERROR_IO : ERROR_NO_SPACE);
      else
        promise.durable = last; /* L6: even if a failed sync left it in the page cache only */
      world_sim_crash(fixture.sim, WORLD_SIM_CRASH_RANDOM);
      recover(&fixture, &promise);
      assert_int_equal(fixture.world->memory.in_use, 0);
      log_fixture_close(&fixture);
    }
  }
}

/* The promise of log_reserve: with a disk that fills up at any point no reserved record is lost. */
static void test_a_disk_that_fills_up(void **state)
{
  (void)state;
  uint64_t seed = random_seed(4);
  print_replay(seed);
  for (uint64_t round = 0; round < 20; round++) {
    struct log_fixture fixture;
    struct random random;
    random_init(&random, seed + round);
    log_fixture_open(&fixture, seed + round);
    world_sim_settings(fixture.sim)->disk_bytes = 150000 + round * 17000;
    struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
    assert_non_null(log);
    uint64_t refused = 0;
    while (refused < 20) {
      bool idle;
      if (!append_next(log, &fixture.error)) {
        assert_true(fixture.error.code == ERROR_NO_SPACE || fixture.error.code == ERROR_LIMIT);
        refused += fixture.error.code == ERROR_NO_SPACE;
      }
      if (random_coin(&random)) log_flush(log);
      assert_true(log_step(log, &idle, &fixture.error));
      (void)log_prepare_step(log, &idle, &fixture.error);
    }
    uint64_t appended = log_appended(log);
    assert_true(appended > 300);
    world_sim_settings(fixture.sim)->disk_bytes = 0;
    assert_true(prepare_all(log, &fixture.error));
    assert_true(append_next(log, &fixture.error));
    assert_true(log_close(log, &fixture.error));
    assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error),
                     appended + 1);
    log_fixture_close(&fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_crash_point),
      cmocka_unit_test(test_many_small_crashes),
      cmocka_unit_test(test_every_operation_may_fail),
      cmocka_unit_test(test_a_disk_that_fills_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
