#include "store/log_writer.h"
#include "unit/store/log_fixture.h"

/* A log of `count` records, one per frame or all in one, closed. */
static void write_log(struct log_fixture *fixture, uint64_t first, uint64_t count, bool one_frame)
{
  struct log *log = log_open(fixture->world, &fixture->options, first, &fixture->error);
  assert_non_null(log);
  for (uint64_t i = 0; i < count; i++) {
    assert_true(append_next(log, &fixture->error));
    if (!one_frame) assert_true(log_wait(log, log_appended(log), &fixture->error));
    assert_true(prepare_all(log, &fixture->error));
  }
  assert_true(log_close(log, &fixture->error));
}

static void test_what_is_appended_is_read(void **state)
{
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    struct log_fixture fixture;
    log_fixture_open(&fixture, 1);
    if (variant & 1) fixture.options.key = fixture_key;
    write_log(&fixture, 1, 100, (variant & 2) != 0);
    write_log(&fixture, 101, 50, (variant & 2) == 0);
    for (int tail = LOG_TAIL_CUT; tail <= LOG_TAIL_FOLLOW; tail++) {
      for (uint64_t from = 1; from <= 151; from++)
        assert_int_equal(
            read_all(fixture.world, &fixture.options, from, (enum log_tail)tail, &fixture.error),
            150);
    }
    log_fixture_close(&fixture);
  }
}

static void test_nothing_is_durable_before_its_sync(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 2);
  struct log *log = log_open(fixture.world, &fixture.options, 8, &fixture.error);
  assert_non_null(log);
  assert_int_equal(log_appended(log), 7);
  assert_int_equal(log_durable(log), 7);
  bool idle;
  assert_true(log_step(log, &idle, &fixture.error));
  assert_true(idle);
  assert_true(append_next(log, &fixture.error));
  assert_true(append_next(log, &fixture.error));
  assert_true(log_step(log, &idle, &fixture.error));
  assert_true(idle); /* not flushed */
  log_flush(log);
  assert_true(log_step(log, &idle, &fixture.error)); /* write */
  assert_false(idle);
  assert_int_equal(log_durable(log), 7);
  assert_true(log_step(log, &idle, &fixture.error)); /* sync */
  assert_int_equal(log_durable(log), 9);
  assert_int_equal(log_appended(log), 9);
  assert_true(log_step(log, &idle, &fixture.error)); /* confirm: write */
  assert_false(idle);
  assert_true(log_step(log, &idle, &fixture.error)); /* confirm: sync */
  assert_false(idle);
  assert_true(log_step(log, &idle, &fixture.error));
  assert_true(idle);
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

/* A queued buffer is appended to as long as another one is ahead of it: two turns, one frame. */
static void test_a_busy_log_groups_turns(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 3);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  bool idle;
  assert_true(append_next(log, &fixture.error));
  log_flush(log);
  assert_true(append_next(log, &fixture.error)); /* nobody flies: the queued one is left alone */
  log_flush(log);
  assert_int_equal(log->queued_count, 2);
  assert_true(append_next(log, &fixture.error)); /* joins record 2, behind record 1 */
  assert_int_equal(log->queued_count, 1);
  log_flush(log);
  assert_true(log_step(log, &idle, &fixture.error)); /* writes record 1 */
  assert_true(append_next(log, &fixture.error));     /* joins 2 and 3 */
  assert_int_equal(log->fill->records, 3);
  log_flush(log);
  assert_true(step_all(log, &fixture.error));
  assert_int_equal(log_durable(log), 4);
  assert_int_equal(log->current.number, 3); /* two frames and a confirming one */
  assert_true(log_close(log, &fixture.error));
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error), 4);
  log_fixture_close(&fixture);
}

static void test_rolls_over_and_removes(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 4);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  for (uint64_t i = 1; i <= 2000; i++) {
    assert_true(append_next(log, &fixture.error));
    if (i % 5 == 0) assert_true(log_wait(log, i, &fixture.error));
    assert_true(prepare_all(log, &fixture.error));
    if (i % 100 == 0) world_sim_advance_ms(fixture.sim, 1000);
  }
  struct store_file_list list = {0};
  assert_true(
      store_file_list_read(&list, fixture.world, &log_segment_kind, "/data", &fixture.error));
  size_t segments = list.count;
  assert_true(segments >= 5);
  uint64_t third = list.sequences[2];

  int64_t now = world_clock_ms(fixture.world);
  assert_int_equal(log_remove_before(log, third - 1, now + 1, &fixture.error), 1);
  assert_int_equal(log_remove_before(log, third, 0, &fixture.error), 0);
  assert_int_equal(log_remove_before(log, third, now + 1, &fixture.error), 1);
  assert_int_equal(log_remove_before(log, UINT64_MAX, now + 1, &fixture.error), (int)segments - 3);
  assert_true(
      store_file_list_read(&list, fixture.world, &log_segment_kind, "/data", &fixture.error));
  assert_int_equal(list.count, 1); /* the current one stays */
  uint64_t last = list.sequences[0];
  store_file_list_free(&list);
  assert_true(log_close(log, &fixture.error));
  assert_int_equal(read_all(fixture.world, &fixture.options, last, LOG_TAIL_CUT, &fixture.error),
                   2000);
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error),
                   UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_NOT_FOUND);
  assert_string_equal(fixture.error.message, "the log in /data does not reach back to sequence 1");
  log_fixture_close(&fixture);
}

static void test_a_full_disk_refuses_and_recovers(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 5);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  world_sim_fail(fixture.sim, WORLD_SIM_ALLOCATE, 1, ENOSPC, true);
  uint64_t appended = 0;
  for (;;) {
    (void)prepare_all(log, &fixture.error);
    if (!append_next(log, &fixture.error)) break;
    appended++;
    assert_true(log_wait(log, appended, &fixture.error));
    assert_true(appended < 10000);
  }
  assert_true(appended > 100);
  assert_int_equal(fixture.error.code, ERROR_NO_SPACE);
  assert_string_equal(fixture.error.message,
                      "no space for the log: cannot allocate /data/log-next.tmp, 65536 bytes; free "
                      "space and retry: No space left on device");
  assert_int_equal(log_appended(log), appended);
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_KEEP, &fixture.error),
                   appended);

  world_sim_fail(fixture.sim, WORLD_SIM_ALLOCATE, 0, 0, false);
  assert_true(prepare_all(log, &fixture.error));
  for (int i = 0; i < 50; i++) assert_true(append_next(log, &fixture.error));
  assert_true(log_close(log, &fixture.error));
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error),
                   appended + 50);
  log_fixture_close(&fixture);
}

static void test_behind_is_a_limit(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 6);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  size_t most = LOG_SEGMENT_BYTES_MIN - STORE_FILE_BLOCK_BYTES - 2 * LOG_FRAME_HEADER_BYTES -
                LOG_RECORD_HEADER_BYTES;
  assert_null(log_reserve(log, most + 1, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  assert_string_equal(fixture.error.message,
                      "a log record of 61313 bytes does not fit into a segment of 65536");
  assert_null(log_reserve(log, SIZE_MAX - 3, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  assert_true(append_sized(log, most, &fixture.error));
  assert_null(log_reserve(log, 1, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  assert_string_equal(fixture.error.message, "the log is behind: the next segment waits for the "
                                             "disk; retry when it has caught up");
  assert_true(prepare_all(log, &fixture.error));
  assert_null(log_reserve(log, 1, &fixture.error)); /* the full buffer has to leave first */
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  assert_true(append_sized(log, 1, &fixture.error));
  assert_int_equal(log->queued_count, 1);
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

static void test_a_failed_sync_is_the_end(void **state)
{
  (void)state;
  for (int operation = WORLD_SIM_WRITE; operation <= WORLD_SIM_SYNC; operation++) {
    struct log_fixture fixture;
    log_fixture_open(&fixture, 7);
    struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
    assert_true(append_next(log, &fixture.error));
    assert_true(log_wait(log, 1, &fixture.error));
    assert_true(append_next(log, &fixture.error));
    world_sim_fail(fixture.sim, (enum world_sim_operation)operation, 1, EIO, false);
    assert_false(log_wait(log, 2, &fixture.error));
    assert_int_equal(fixture.error.code, ERROR_IO);
    assert_string_equal(fixture.error.message,
                        operation == WORLD_SIM_SYNC
                            ? "the log in /data cannot be made durable after sequence 1: "
                              "Input/output error"
                            : "the log in /data cannot be written after sequence 1: "
                              "Input/output error");
    assert_int_equal(log_durable(log), 1);
    assert_null(log_reserve(log, 10, &fixture.error));
    assert_int_equal(fixture.error.code, ERROR_IO);
    bool idle;
    assert_false(log_step(log, &idle, &fixture.error));
    assert_false(log_close(log, &fixture.error));
    assert_string_equal(fixture.error.message, "the log in /data stopped after a failed write");
    log_fixture_close(&fixture);
  }
}

static void test_opening_refuses(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 8);
  struct log_options options = fixture.options;
  options.segment_bytes = 4096;
  assert_null(log_open(fixture.world, &options, 1, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_INVALID);
  options.segment_bytes = LOG_SEGMENT_BYTES_MIN + 64;
  assert_null(log_open(fixture.world, &options, 1, &fixture.error));
  options = fixture.options;
  options.directory = "/nowhere";
  assert_null(log_open(fixture.world, &options, 1, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_IO);

  write_log(&fixture, 1, 10, false);
  assert_null(log_open(fixture.world, &fixture.options, 1, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_EXISTS);
  assert_string_equal(fixture.error.message, "the log in /data already has the sequence 1");
  write_log(&fixture, 11, 0, false);
  write_log(&fixture, 11, 0, false); /* nothing is lost by replacing an empty segment */
  assert_null(log_open(fixture.world, &fixture.options, 10, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_EXISTS);
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error), 10);
  log_fixture_close(&fixture);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 9);
  struct memory *memory = &fixture.world->memory;
  bool hit = true;
  for (uint64_t nth = 1; hit; nth++) {
    uint64_t failing = memory->calls + nth;
    memory->fail_at = failing;
    struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
    if (log == NULL) {
      assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
      assert_int_equal(memory->in_use, 0);
      continue;
    }
    /* The first record fits, the next one asks for more memory than the buffer has. */
    assert_true(append_sized(log, 40000, &fixture.error));
    assert_true(log_wait(log, 1, &fixture.error));
    assert_true(prepare_all(log, &fixture.error));
    if (!append_sized(log, 61000, &fixture.error))
      assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_true(log_wait(log, log_appended(log), &fixture.error));
    hit = memory->calls >= failing;
    memory->fail_at = 0;
    assert_true(log_close(log, &fixture.error));
    assert_int_equal(memory->in_use, 0);
    struct world_sim *sim = fixture.sim;
    world_sim_free(sim);
    log_fixture_open(&fixture, 9);
    memory = &fixture.world->memory;
  }
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_appended_is_read),
      cmocka_unit_test(test_nothing_is_durable_before_its_sync),
      cmocka_unit_test(test_a_busy_log_groups_turns),
      cmocka_unit_test(test_rolls_over_and_removes),
      cmocka_unit_test(test_a_full_disk_refuses_and_recovers),
      cmocka_unit_test(test_behind_is_a_limit),
      cmocka_unit_test(test_a_failed_sync_is_the_end),
      cmocka_unit_test(test_opening_refuses),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
