#include "store/log_format.h"
#include "unit/store/log_fixture.h"

#define FIRST_PATH  "/data/log-0000000000000001.seg"
#define SECOND_PATH "/data/log-0000000000000005.seg"

enum { FIRST_RECORDS = 4, SECOND_RECORDS = 5, RECORDS = FIRST_RECORDS + SECOND_RECORDS };

struct frame_place {
  uint64_t offset;
  uint64_t end;   /* of the records */
  uint64_t first; /* sequence */
};

/*
 * Two segments: records 1 to 4, closed; 5 to 9, one frame each, not closed because the process died
 * before the last frame was confirmed.
 */
static void write_logs(struct log_fixture *fixture, const uint8_t *key)
{
  log_fixture_open(fixture, 1);
  fixture->options.key = key;
  struct log *log = log_open(fixture->world, &fixture->options, 1, &fixture->error);
  for (int i = 0; i < FIRST_RECORDS; i++) {
    assert_true(append_next(log, &fixture->error));
    assert_true(log_wait(log, log_appended(log), &fixture->error));
  }
  assert_true(log_close(log, &fixture->error));
  log = log_open(fixture->world, &fixture->options, FIRST_RECORDS + 1, &fixture->error);
  for (int i = 0; i < SECOND_RECORDS; i++) {
    assert_true(append_next(log, &fixture->error));
    assert_true(log_wait(log, log_appended(log), &fixture->error));
  }
  world_sim_crash_after(fixture->sim, 1);
  assert_false(log_close(log, &fixture->error));
  world_sim_crash(fixture->sim, WORLD_SIM_CRASH_DROP);
}

static uint64_t recover(struct log_fixture *fixture)
{
  return read_all(fixture->world, &fixture->options, 1, LOG_TAIL_CUT, &fixture->error);
}

/* Where the frames of a segment of the fixture lie: records from `first` on, one per frame. */
static size_t place_frames(uint64_t first, size_t records, struct frame_place *places)
{
  uint64_t offset = STORE_FILE_BLOCK_BYTES;
  for (size_t i = 0; i < records; i++) {
    uint64_t size = LOG_RECORD_HEADER_BYTES + record_size(first + i);
    places[i] = (struct frame_place){offset, offset + LOG_FRAME_HEADER_BYTES + size, first + i};
    offset += log_frame_extent(size);
  }
  return (size_t)offset;
}

static const struct frame_place *frame_around(const struct frame_place *places, size_t count,
                                              uint64_t offset)
{
  for (size_t i = 0; i < count; i++)
    if (offset >= places[i].offset && offset < places[i].end) return &places[i];
  return NULL;
}

static void assert_names(const struct error *error, const char *path, uint64_t offset)
{
  char expected[128];
  snprintf(expected, sizeof expected, "%s at offset %" PRIu64 ": ", path, offset);
  if (strncmp(error->message, expected, strlen(expected)) != 0)
    fail_msg("'%s' does not begin with '%s'", error->message, expected);
}

/* What recovery says when one bit at `offset` of a segment is wrong. */
static void check_flip(const uint8_t *key, const char *path, uint64_t offset, unsigned bit,
                       const struct frame_place *places, size_t count)
{
  struct log_fixture fixture;
  write_logs(&fixture, key);
  assert_int_equal(world_sim_flip(fixture.sim, path, offset, bit), 0);
  uint64_t last = recover(&fixture);
  const struct frame_place *frame = frame_around(places, count, offset);
  if (offset < 96) {
    assert_int_equal(last, UINT64_MAX);
    assert_int_equal(fixture.error.code, ERROR_CORRUPT);
    assert_names(&fixture.error, path, 0);
  } else if (frame == NULL) {
    assert_int_equal(last, RECORDS); /* unused bytes, fill, a confirming frame */
  } else if (frame->first == RECORDS) {
    assert_int_equal(last, RECORDS - 1); /* looks torn: nothing says that it was acknowledged */
  } else {
    assert_int_equal(last, UINT64_MAX);
    assert_int_equal(fixture.error.code, ERROR_CORRUPT);
    assert_names(&fixture.error, path, frame->offset);
  }
  log_fixture_close(&fixture);
}

static void test_every_flipped_byte(void **state)
{
  (void)state;
  struct frame_place first[FIRST_RECORDS];
  struct frame_place second[SECOND_RECORDS];
  size_t first_end = place_frames(1, FIRST_RECORDS, first) + LOG_FRAME_HEADER_BYTES;
  size_t second_end = place_frames(FIRST_RECORDS + 1, SECOND_RECORDS, second);
  for (uint64_t offset = 0; offset < second_end + 128; offset++) {
    if (offset == 104) offset = STORE_FILE_BLOCK_BYTES - 2;
    const uint8_t *key = offset % 2 == 0 ? fixture_key : NULL;
    if (offset < first_end)
      check_flip(key, FIRST_PATH, offset, (unsigned)(offset * 5 % 8), first, FIRST_RECORDS);
    check_flip(key, SECOND_PATH, offset, (unsigned)(offset * 5 % 8), second, SECOND_RECORDS);
  }
}

/* A later valid frame header is proof enough, even if its records are damaged too. */
static void test_two_damaged_frames_are_a_hole(void **state)
{
  (void)state;
  struct frame_place second[SECOND_RECORDS];
  struct log_fixture fixture;
  place_frames(FIRST_RECORDS + 1, SECOND_RECORDS, second);
  write_logs(&fixture, NULL);
  world_sim_flip(fixture.sim, SECOND_PATH, second[3].offset + 60, 0);
  world_sim_flip(fixture.sim, SECOND_PATH, second[4].end - 1, 0);
  assert_int_equal(recover(&fixture), UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  char expected[256];
  snprintf(expected, sizeof expected,
           SECOND_PATH " at offset %" PRIu64 ": the frame is damaged, but a later one at offset "
                       "%" PRIu64 " was written (sequence 8)",
           second[3].offset, second[4].offset);
  assert_string_equal(fixture.error.message, expected);
  /*
   * Both in reverse: the tail from record 8 on was never acknowledged as far as anybody can tell.
   */
  world_sim_flip(fixture.sim, SECOND_PATH, second[4].offset + 60, 0);
  assert_int_equal(recover(&fixture), 7);
  assert_int_equal(recover(&fixture), 7);
  log_fixture_close(&fixture);
}

static void test_missing_pieces_are_holes(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct frame_place first[FIRST_RECORDS];
  place_frames(1, FIRST_RECORDS, first);
  for (int piece = 0; piece < 4; piece++) {
    write_logs(&fixture, NULL);
    const struct world_operations *operations = fixture.world->operations;
    int file = operations->file_open(fixture.world, FIRST_PATH, WORLD_OPEN_WRITE);
    uint64_t size = piece == 0 ? first[3].offset : piece == 1 ? 4000 : 0;
    if (piece < 3) assert_int_equal(operations->file_truncate(fixture.world, file, size), 0);
    operations->file_close(fixture.world, file);
    if (piece == 3) operations->file_remove(fixture.world, FIRST_PATH);
    assert_int_equal(recover(&fixture), UINT64_MAX);
    if (piece < 3) {
      assert_int_equal(fixture.error.code, ERROR_CORRUPT);
      assert_names(&fixture.error, FIRST_PATH, size);
    } else {
      assert_int_equal(fixture.error.code, ERROR_NOT_FOUND);
    }
    if (piece == 0)
      assert_string_equal(strchr(fixture.error.message, ':'),
                          ": records are missing here, the next segment begins with sequence 5 "
                          "(sequence 4)");
    assert_int_equal(read_all(fixture.world, &fixture.options, 5, LOG_TAIL_CUT, &fixture.error),
                     RECORDS);
    log_fixture_close(&fixture);
  }
}

static void test_a_log_shorter_than_known_is_refused(void **state)
{
  (void)state;
  struct log_fixture fixture;
  write_logs(&fixture, NULL);
  assert_int_equal(
      read_all(fixture.world, &fixture.options, RECORDS + 1, LOG_TAIL_CUT, &fixture.error),
      RECORDS);
  assert_int_equal(
      read_all(fixture.world, &fixture.options, RECORDS + 2, LOG_TAIL_CUT, &fixture.error),
      UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  assert_non_null(strstr(fixture.error.message,
                         "the log ends before a sequence known to be durable (sequence 10)"));
  log_fixture_close(&fixture);
}

static void test_nothing_needed_is_cut(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct log_record record;
  write_logs(&fixture, NULL);
  struct log_reader *reader = log_reader_open(fixture.world, &fixture.options, 1, LOG_TAIL_CUT,
                                              &fixture.error);
  assert_non_null(reader);
  log_reader_need(reader, RECORDS + 1);
  log_reader_need(reader, 1);
  uint64_t operations = world_sim_disk_operations(fixture.sim);
  for (int i = 0; i < RECORDS; i++)
    assert_int_equal(log_reader_next(reader, &record, &fixture.error), 1);
  assert_int_equal(log_reader_next(reader, &record, &fixture.error), -1);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  assert_int_equal(world_sim_disk_operations(fixture.sim), operations);
  log_reader_close(reader);
  log_fixture_close(&fixture);
}

static void test_keys_and_stores(void **state)
{
  (void)state;
  struct log_fixture fixture;
  write_logs(&fixture, fixture_key);
  fixture.options.key = NULL;
  assert_int_equal(recover(&fixture), UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_KEY);
  assert_string_equal(fixture.error.message, FIRST_PATH " is encrypted and no key is configured");
  fixture.options.key = (const uint8_t *)"another key of 32 bytes, another";
  assert_int_equal(recover(&fixture), UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_KEY);
  assert_string_equal(fixture.error.message,
                      FIRST_PATH " is encrypted with another key than the configured one");
  fixture.options.key = fixture_key;
  fixture.options.store_id[0] ^= 1;
  assert_int_equal(recover(&fixture), UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  assert_string_equal(fixture.error.message,
                      FIRST_PATH " at offset 16: the log segment belongs to another store");
  fixture.options.store_id[0] ^= 1;
  assert_int_equal(recover(&fixture), RECORDS);
  log_fixture_close(&fixture);

  write_logs(&fixture, NULL);
  fixture.options.key = fixture_key; /* a plain store is given a key */
  assert_int_equal(recover(&fixture), RECORDS);
  log_fixture_close(&fixture);
}

/* Every part of a frame may arrive on its own, and files are left alone. */
static void wait_for_growing_tail(enum log_tail kind)
{
  struct log_fixture fixture;
  struct frame_place second[SECOND_RECORDS];
  size_t end = place_frames(FIRST_RECORDS + 1, SECOND_RECORDS, second);
  write_logs(&fixture, NULL);
  const struct world_operations *operations = fixture.world->operations;
  int file = operations->file_open(fixture.world, SECOND_PATH, WORLD_OPEN_WRITE);
  uint8_t tail[2048];
  uint8_t zeros[2048] = {0};
  uint64_t start = second[3].offset;
  size_t size = end - start;
  assert_true(size <= sizeof tail);
  assert_int_equal(operations->file_read(fixture.world, file, tail, size, start), size);
  assert_int_equal(operations->file_write(fixture.world, file, zeros, size, start), 0);

  struct log_reader *reader = log_reader_open(fixture.world, &fixture.options, 1, kind,
                                              &fixture.error);
  struct log_record record;
  uint64_t read = 0;
  for (size_t written = 0; written <= size; written++) {
    if (written > 0)
      assert_int_equal(
          operations->file_write(fixture.world, file, tail + written - 1, 1, start + written - 1),
          0);
    int more;
    while ((more = log_reader_next(reader, &record, &fixture.error)) == 1)
      assert_record(&record, ++read);
    assert_int_equal(more, 0);
    uint64_t whole = start + written >= second[4].end   ? 9
                     : start + written >= second[3].end ? 8
                                                        : 7;
    assert_int_equal(read, whole);
  }
  operations->file_close(fixture.world, file);
  /* The next segment appears. */
  struct log *log = log_open(fixture.world, &fixture.options, RECORDS + 1, &fixture.error);
  assert_non_null(log);
  assert_int_equal(log_reader_next(reader, &record, &fixture.error), 0);
  assert_true(append_next(log, &fixture.error));
  assert_true(log_wait(log, RECORDS + 1, &fixture.error));
  assert_int_equal(log_reader_next(reader, &record, &fixture.error), 1);
  assert_record(&record, RECORDS + 1);
  assert_int_equal(log_reader_next(reader, &record, &fixture.error), 0);
  log_reader_close(reader);
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

static void test_a_growing_tail_is_waited_for(void **state)
{
  (void)state;
  wait_for_growing_tail(LOG_TAIL_KEEP);
  wait_for_growing_tail(LOG_TAIL_FOLLOW);
}

static void test_keep_finds_holes_too(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct frame_place second[SECOND_RECORDS];
  place_frames(FIRST_RECORDS + 1, SECOND_RECORDS, second);
  write_logs(&fixture, NULL);
  world_sim_flip(fixture.sim, SECOND_PATH, second[2].end - 1, 7);
  assert_int_equal(read_all(fixture.world, &fixture.options, 1, LOG_TAIL_KEEP, &fixture.error),
                   UINT64_MAX);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  assert_names(&fixture.error, SECOND_PATH, second[2].offset);
  log_fixture_close(&fixture);
}

static void test_an_empty_directory_is_an_empty_log(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  assert_int_equal(recover(&fixture), 0);
  struct log_record record;
  struct log_reader *reader = log_reader_open(fixture.world, &fixture.options, 1, LOG_TAIL_KEEP,
                                              &fixture.error);
  assert_int_equal(log_reader_next(reader, &record, &fixture.error), 0);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  assert_true(append_next(log, &fixture.error));
  assert_true(log_wait(log, 1, &fixture.error));
  assert_int_equal(log_reader_next(reader, &record, &fixture.error), 1);
  assert_record(&record, 1);
  log_reader_close(reader);
  assert_true(log_close(log, &fixture.error));
  log_fixture_close(&fixture);
}

/* Frames larger than the window, between small ones. */
static void test_large_frames(void **state)
{
  (void)state;
  static const size_t sizes[] = {10, 3000000, 20, 1 << 20, (1 << 20) - 80, 30, 2500000};
  enum { COUNT = sizeof sizes / sizeof *sizes };
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  fixture.options.segment_bytes = 8 << 20;
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  for (size_t i = 0; i < COUNT; i++) {
    assert_true(append_sized(log, sizes[i], &fixture.error));
    assert_true(log_wait(log, i + 1, &fixture.error));
  }
  for (int round = 0; round < 3; round++) {
    enum log_tail tail = round == 0 ? LOG_TAIL_KEEP : LOG_TAIL_CUT;
    struct log_reader *reader = log_reader_open(fixture.world, &fixture.options, 1, tail,
                                                &fixture.error);
    struct log_record record;
    for (size_t i = 0; i < COUNT; i++) {
      assert_int_equal(log_reader_next(reader, &record, &fixture.error), 1);
      assert_int_equal(record.sequence, i + 1);
      assert_int_equal(record.payload.size, sizes[i]);
      for (size_t at = 0; at < sizes[i]; at += 4099)
        assert_int_equal(record.payload.data[at], (uint8_t)((i + 1) * 31 + at * 7));
    }
    assert_int_equal(log_reader_next(reader, &record, &fixture.error), 0);
    log_reader_close(reader);
    if (round == 0) assert_true(log_close(log, &fixture.error));
  }
  log_fixture_close(&fixture);
}

static void test_every_allocation_and_call_may_fail(void **state)
{
  (void)state;
  struct log_fixture fixture;
  write_logs(&fixture, NULL);
  struct memory *memory = &fixture.world->memory;
  uint64_t nth = 1;
  for (bool failed = true; failed; nth++) {
    memory->fail_at = memory->calls + nth;
    failed = recover(&fixture) == UINT64_MAX;
    if (failed) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_int_equal(memory->in_use, 0);
  }
  memory->fail_at = 0;
  assert_in_range(nth, 4, 8);
  static const enum world_sim_operation operations[] = {WORLD_SIM_READ, WORLD_SIM_OPEN,
                                                        WORLD_SIM_DIR_LIST, WORLD_SIM_SYNC};
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    nth = 1;
    for (bool failed = true; failed; nth++) {
      world_sim_fail(fixture.sim, operations[i], nth, EIO, false);
      failed = recover(&fixture) == UINT64_MAX;
      if (failed) assert_int_equal(fixture.error.code, ERROR_IO);
      assert_int_equal(memory->in_use, 0);
    }
    assert_true(nth > 2);
  }
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_flipped_byte),
      cmocka_unit_test(test_two_damaged_frames_are_a_hole),
      cmocka_unit_test(test_missing_pieces_are_holes),
      cmocka_unit_test(test_a_log_shorter_than_known_is_refused),
      cmocka_unit_test(test_nothing_needed_is_cut),
      cmocka_unit_test(test_keys_and_stores),
      cmocka_unit_test(test_a_growing_tail_is_waited_for),
      cmocka_unit_test(test_keep_finds_holes_too),
      cmocka_unit_test(test_an_empty_directory_is_an_empty_log),
      cmocka_unit_test(test_large_frames),
      cmocka_unit_test(test_every_allocation_and_call_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
