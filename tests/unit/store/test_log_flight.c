#include "store/log_writer.h"
#include "unit/store/log_fixture.h"

static const uint64_t FIRST_PLACE = STORE_FILE_BLOCK_BYTES;

static struct log *open_log(struct log_fixture *fixture)
{
  log_fixture_open(fixture, 1);
  struct log *log = log_open(fixture->world, &fixture->options, 1, &fixture->error);
  assert_non_null(log);
  return log;
}

static void close_log(struct log_fixture *fixture, struct log *log)
{
  uint64_t last = log_appended(log);
  struct log_record record;
  assert_true(log_close(log, &fixture->error));
  struct log_reader *reader = log_reader_open(fixture->world, &fixture->options, last, LOG_TAIL_CUT,
                                              &fixture->error);
  assert_int_equal(log_reader_next(reader, &record, &fixture->error), 1);
  assert_record_sized(&record, last, record.payload.size);
  assert_int_equal(log_reader_next(reader, &record, &fixture->error), 0);
  log_reader_close(reader);
  log_fixture_close(fixture);
}

static void test_space_counts_what_is_queued(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  assert_int_equal(log->frame_max, 65536 - 4096 - 64);
  assert_int_equal(log_space(log), log->frame_max);
  append_sized(log, 1000, &fixture.error); /* extent 1088 */
  log_flush(log);
  assert_int_equal(log_space(log), log->frame_max - 1088);
  append_sized(log, 60000, &fixture.error); /* extent 60096: as much as is left, but for 288 */
  log_flush(log);
  assert_int_equal(log_space(log), log->frame_max - 1088 - 60096);
  assert_true(step_all(log, &fixture.error));
  assert_int_equal(log_space(log), log->frame_max - 1088 - 60096 - 64); /* confirming frame */
  assert_true(prepare_all(log, &fixture.error));
  assert_int_equal(log_space(log), log->frame_max);
  append_sized(log, 1000, &fixture.error); /* goes to the next segment */
  log_flush(log);
  assert_int_equal(log_space(log), log->frame_max - 1088);
  close_log(&fixture, log);
}

static void test_a_flight_is_one_operation_after_the_other(void **state)
{
  (void)state;
  static const enum log_flight_step steps[] = {FLIGHT_BLOCK,    FLIGHT_BLOCK_SYNC, FLIGHT_RENAME,
                                               FLIGHT_DIR_SYNC, FLIGHT_WRITE,      FLIGHT_SYNC};
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  append_sized(log, 50000, &fixture.error);
  assert_true(log_wait(log, 1, &fixture.error));
  assert_true(prepare_all(log, &fixture.error));
  append_sized(log, 50000, &fixture.error);
  log_flush(log);
  assert_true(log_take_off(log, false));
  assert_int_equal(log->flight_position, FIRST_PLACE);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    uint64_t before = world_sim_disk_operations(fixture.sim);
    assert_int_equal(log->flight_step, steps[i]);
    /* The temporary name is free again once the segment has its own. */
    assert_int_equal(log->prepare_state, i <= 2 ? LOG_PREPARE_LEAVING : LOG_PREPARE_NONE);
    assert_int_equal(log_durable(log), 1);
    assert_true(log_flight_operate(log, &fixture.error));
    assert_int_equal(world_sim_disk_operations(fixture.sim), before + 1);
  }
  assert_int_equal(log->flight_step, FLIGHT_NONE);
  assert_int_equal(log_durable(log), 2);
  assert_int_equal(log->prepare_state, LOG_PREPARE_WANTED);
  close_log(&fixture, log);
}

static void test_confirms_only_when_nothing_is_going_on(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  assert_false(log_confirm_due(log)); /* nothing to confirm */
  append_sized(log, 10, &fixture.error);
  assert_true(log_wait(log, 1, &fixture.error));
  assert_true(log_confirm_due(log));
  append_sized(log, 10, &fixture.error);
  assert_false(log_confirm_due(log)); /* space is promised to the filling buffer */
  assert_false(log_take_off(log, true));
  log_flush(log);
  assert_false(log_confirm_due(log));
  assert_true(log_wait(log, 2, &fixture.error));
  assert_false(log_take_off(log, false));
  assert_true(log_take_off(log, true));
  assert_false(log_confirm_due(log));
  assert_true(log_flight_operate(log, &fixture.error));
  assert_true(log_flight_operate(log, &fixture.error));
  assert_false(log_confirm_due(log));
  assert_int_equal(log->current.position, FIRST_PLACE + 128 + 128 + 64);
  close_log(&fixture, log);
}

/* The last 64 bytes of a segment take the confirming frame even if records fill all the rest. */
static void test_a_full_segment_is_confirmed(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log *log = open_log(&fixture);
  size_t most = (size_t)log->frame_max - LOG_FRAME_HEADER_BYTES - LOG_RECORD_HEADER_BYTES;
  append_sized(log, most, &fixture.error);
  assert_true(log_wait(log, 1, &fixture.error));
  assert_int_equal(log_space(log), 0);
  assert_true(step_all(log, &fixture.error));
  assert_true(log->confirmed);
  assert_int_equal(log->current.position, LOG_SEGMENT_BYTES_MIN);
  assert_int_equal(log_space(log), 0);
  assert_true(log_close(log, &fixture.error));
  world_sim_flip(fixture.sim, "/data/log-0000000000000001.seg", 5000, 1);
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_CUT, &fixture.error),
                   UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_space_counts_what_is_queued),
      cmocka_unit_test(test_a_flight_is_one_operation_after_the_other),
      cmocka_unit_test(test_confirms_only_when_nothing_is_going_on),
      cmocka_unit_test(test_a_full_segment_is_confirmed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
