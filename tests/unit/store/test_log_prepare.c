#include "store/log_writer.h"
#include "unit/store/log_fixture.h"

enum { SEGMENT = 3 << 20 }; /* three chunks of zeros */

static struct log *open_log(struct log_fixture *fixture)
{
  log_fixture_open(fixture, 1);
  fixture->options.segment_bytes = SEGMENT;
  struct log *log = log_open(fixture->world, &fixture->options, 1, &fixture->error);
  assert_non_null(log);
  return log;
}

static const int64_t MINUTE_NS = 60 * (int64_t)1000000000;

static int steps_until_idle(struct log_fixture *fixture, struct log *log)
{
  bool idle = false;
  int steps = -1;
  while (!idle) {
    assert_true(log_prepare_step(log, &idle, &fixture->error));
    steps++;
  }
  return steps;
}

static void test_begins_when_a_quarter_is_used(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  log->segment_begin_ns -= MINUTE_NS; /* a quiet log */
  assert_int_equal(steps_until_idle(&fixture, log), 0);
  assert_true(append_sized(log, SEGMENT / 4 - 5000, &fixture.error));
  assert_true(log_wait(log, 1, &fixture.error));
  assert_int_equal(log->prepare_state, LOG_PREPARE_NONE);
  assert_true(append_sized(log, 2000, &fixture.error));
  assert_true(log_wait(log, 2, &fixture.error));
  assert_int_equal(log->prepare_state, LOG_PREPARE_WANTED);
  assert_int_equal(steps_until_idle(&fixture, log), 8); /* open, allocate, 3 x (write, sync) */
  assert_int_equal(log->prepare_state, LOG_PREPARE_READY);
  assert_int_equal(log->zeroed, SEGMENT);
  assert_int_equal(fixture.world->operations->file_size(fixture.world, log->next.file), SEGMENT);
  assert_memory_not_equal(log->next.header.salt, log->current.header.salt, STORE_FILE_SALT_BYTES);
  assert_true(log->next.cipher.seed != log->current.cipher.seed);
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

/* A log that fills its segment fast leaves the disk's bandwidth to itself. */
static void test_a_busy_log_is_not_zeroed(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  log->segment_begin_ns += MINUTE_NS; /* faster than any */
  assert_true(append_sized(log, SEGMENT / 4 + 1000, &fixture.error));
  assert_true(log_wait(log, 1, &fixture.error));
  assert_int_equal(log->prepare_state, LOG_PREPARE_WANTED);
  assert_int_equal(steps_until_idle(&fixture, log), 3); /* open, allocate, sync */
  assert_int_equal(log->prepare_state, LOG_PREPARE_READY);
  assert_int_equal(log->zeroed, 0);
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

static void test_a_hurry_skips_zeroing(void **state)
{
  (void)state;
  for (int before = 0; before <= 8; before++) {
    struct log_fixture fixture;
    struct log *log = open_log(&fixture);
    bool idle;
    log_prepare_want(log, false);
    for (int i = 0; i < before; i++) assert_true(log_prepare_step(log, &idle, &fixture.error));
    log_prepare_want(log, true);
    /* No more zeros than the portion that was next, and a sync. */
    int left = steps_until_idle(&fixture, log);
    assert_int_equal(left, before == 8 ? 0 : before < 2 ? 3 - before : 2 - before % 2);
    assert_int_equal(log->prepare_state, LOG_PREPARE_READY);
    assert_true(log_close(log, &fixture.error));
    log_fixture_close(&fixture);
  }
}

static void count_name(void *context, const char *name)
{
  if (strcmp(name, LOG_PREPARED_NAME) == 0) ++*(int *)context;
}

static int prepared_names(struct log_fixture *fixture)
{
  int count = 0;
  assert_int_equal(
      fixture->world->operations->dir_list(fixture->world, "/data", count_name, &count), 0);
  return count;
}

static void test_a_failure_starts_anew(void **state)
{
  (void)state;
  static const enum world_sim_operation operations[] = {WORLD_SIM_CREATE, WORLD_SIM_ALLOCATE,
                                                        WORLD_SIM_WRITE, WORLD_SIM_SYNC};
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    struct log_fixture fixture;
    struct log *log = open_log(&fixture);
    log_prepare_want(log, false);
    bool idle = false;
    bool done = true;
    world_sim_fail(fixture.sim, operations[i], 1, ENOSPC, false);
    while (done && !idle) done = log_prepare_step(log, &idle, &fixture.error);
    assert_false(done);
    assert_false(idle);
    assert_int_equal(fixture.error.code, ERROR_NO_SPACE);
    assert_int_equal(log->prepare_state, LOG_PREPARE_FAILED);
    assert_int_equal(log->prepare_error.code, ERROR_NO_SPACE);
    assert_int_equal(log->next.file, -1);
    assert_int_equal(prepared_names(&fixture), 0);
    assert_true(log_space(log) < SEGMENT); /* the current segment goes on */
    assert_true(append_next(log, &fixture.error));
    assert_int_equal(steps_until_idle(&fixture, log), 8);
    assert_int_equal(log->prepare_state, LOG_PREPARE_READY);
    assert_int_equal(prepared_names(&fixture), 1);
    assert_true(log_close(log, &fixture.error));
    assert_int_equal(prepared_names(&fixture), 0);
    log_fixture_close(&fixture);
  }
}

static void test_a_leftover_is_replaced(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  log_prepare_want(log, false);
  steps_until_idle(&fixture, log);
  world_sim_crash_after(fixture.sim, 1);
  (void)log_close(log, &fixture.error);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_KEEP);
  assert_int_equal(prepared_names(&fixture), 1);
  log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  assert_non_null(log);
  assert_int_equal(prepared_names(&fixture), 0); /* became the first segment's, and its name */
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_begins_when_a_quarter_is_used),
      cmocka_unit_test(test_a_busy_log_is_not_zeroed),
      cmocka_unit_test(test_a_hurry_skips_zeroing),
      cmocka_unit_test(test_a_failure_starts_anew),
      cmocka_unit_test(test_a_leftover_is_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
