#include "store/snapshot_format.h"
#include "unit/store/log_fixture.h"

#define PATH "/data/snapshot-0000000000000009.snap"

enum { RECORDS = 9, RECORD_BYTES = 60000 }; /* frames of 5 and 4 records */

static struct snapshot_options options_of(const struct log_fixture *fixture, const uint8_t *key)
{
  struct snapshot_options options = {.directory = "/data", .key = key};
  memcpy(options.store_id, fixture->options.store_id, STORE_ID_BYTES);
  return options;
}

static void write_snapshot(struct log_fixture *fixture, const uint8_t *key)
{
  log_fixture_open(fixture, 1);
  struct snapshot_options options = options_of(fixture, key);
  struct snapshot_writer *writer = snapshot_writer_open(fixture->world, &options, 9,
                                                        &fixture->error);
  bool idle;
  for (uint64_t i = 1; i <= RECORDS; i++) {
    while (!snapshot_writer_room(writer)) snapshot_writer_step(writer, &idle);
    record_fill(i, snapshot_writer_put(writer, (uint16_t)i, RECORD_BYTES, &fixture->error),
                RECORD_BYTES);
  }
  snapshot_writer_finish(writer, 77, 123456);
  while (snapshot_writer_state(writer, &fixture->error) == SNAPSHOT_WRITING)
    snapshot_writer_step(writer, &idle);
  assert_int_equal(snapshot_writer_state(writer, &fixture->error), SNAPSHOT_DONE);
  snapshot_writer_close(writer);
}

/* The number of good records before the end (*whole) or an error. */
static uint64_t read_snapshot(struct log_fixture *fixture, const uint8_t *key, bool *whole)
{
  struct snapshot_options options = options_of(fixture, key);
  *whole = false;
  struct snapshot_reader *reader = snapshot_reader_open(fixture->world, &options, 9,
                                                        &fixture->error);
  if (reader == NULL) return 0;
  struct snapshot_record record;
  uint64_t count = 0;
  int more;
  while ((more = snapshot_reader_next(reader, &record, &fixture->error)) == 1) {
    count++;
    assert_int_equal(record.type, count);
    assert_int_equal(record.payload.size, RECORD_BYTES);
    assert_int_equal(record.payload.data[RECORD_BYTES - 1],
                     (uint8_t)(count * 31 + (RECORD_BYTES - 1) * 7));
  }
  *whole = more == 0;
  snapshot_reader_close(reader);
  return count;
}

static void test_tells_what_it_is(void **state)
{
  (void)state;
  struct log_fixture fixture;
  write_snapshot(&fixture, NULL);
  struct snapshot_options options = options_of(&fixture, NULL);
  struct snapshot_reader *reader = snapshot_reader_open(fixture.world, &options, 9, &fixture.error);
  const struct snapshot_info *info = snapshot_reader_info(reader);
  assert_int_equal(info->sequence, 9);
  assert_int_equal(info->end_sequence, 77);
  assert_int_equal(info->end_ms, 123456);
  assert_int_equal(info->records, RECORDS);
  uint64_t frames = log_frame_extent(5 * (RECORD_BYTES + 16)) +
                    log_frame_extent(4 * (RECORD_BYTES + 16));
  assert_int_equal(info->bytes, STORE_FILE_BLOCK_BYTES + frames + SNAPSHOT_TRAILER_BYTES);
  snapshot_reader_close(reader);
  assert_null(snapshot_reader_open(fixture.world, &options, 8, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_NOT_FOUND);
  assert_string_equal(fixture.error.message, "there is no /data/snapshot-0000000000000008.snap");
  log_fixture_close(&fixture);
}

static void check_flip(struct log_fixture *fixture, const uint8_t *key, uint64_t offset,
                       uint64_t frame, uint64_t before)
{
  bool whole;
  char expected[100];
  assert_int_equal(world_sim_flip(fixture->sim, PATH, offset, offset % 8), 0);
  assert_int_equal(read_snapshot(fixture, key, &whole), before);
  assert_false(whole);
  assert_int_equal(fixture->error.code, ERROR_CORRUPT);
  snprintf(expected, sizeof expected, PATH " at offset %" PRIu64 ": ", frame);
  if (strncmp(fixture->error.message, expected, strlen(expected)) != 0)
    fail_msg("'%s' does not begin with '%s'", fixture->error.message, expected);
  assert_int_equal(world_sim_flip(fixture->sim, PATH, offset, offset % 8), 0);
}

/* Sampled bytes of the file, all of headers and trailer. */
static void test_flipped_bits_are_found(void **state)
{
  (void)state;
  for (int sealed = 0; sealed < 2; sealed++) {
    const uint8_t *key = sealed ? fixture_key : NULL;
    struct log_fixture fixture;
    bool whole;
    write_snapshot(&fixture, key);
    uint64_t first = STORE_FILE_BLOCK_BYTES;
    uint64_t first_size = 5 * (RECORD_BYTES + 16);
    uint64_t second = first + log_frame_extent(first_size);
    uint64_t second_size = 4 * (RECORD_BYTES + 16);
    uint64_t trailer = second + log_frame_extent(second_size);
    for (uint64_t i = 0; i < 96; i += 3) check_flip(&fixture, key, i, 0, 0);
    for (uint64_t i = 0; i < 64 + first_size; i += i < 70 ? 7 : 14001)
      check_flip(&fixture, key, first + i, first, 0);
    for (uint64_t i = 0; i < 64 + second_size; i += i < 70 ? 7 : 14001)
      check_flip(&fixture, key, second + i, second, 5);
    for (uint64_t i = 0; i < 64 + 16 + 32; i++) check_flip(&fixture, key, trailer + i, trailer, 0);
    assert_int_equal(read_snapshot(&fixture, key, &whole), RECORDS);
    assert_true(whole);
    log_fixture_close(&fixture);
  }
}

static void test_a_shorter_file_is_no_snapshot(void **state)
{
  (void)state;
  static const uint64_t sizes[] = {0, 100, 4095, 4096, 4200, 300000, 544127};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct log_fixture fixture;
    bool whole;
    write_snapshot(&fixture, NULL);
    int file = fixture.world->operations->file_open(fixture.world, PATH, WORLD_OPEN_WRITE);
    fixture.world->operations->file_truncate(fixture.world, file, sizes[i]);
    fixture.world->operations->file_close(fixture.world, file);
    assert_int_equal(read_snapshot(&fixture, NULL, &whole), 0);
    assert_false(whole);
    assert_int_equal(fixture.error.code, ERROR_CORRUPT);
    log_fixture_close(&fixture);
  }
}

static void test_keys_and_stores(void **state)
{
  (void)state;
  struct log_fixture fixture;
  bool whole;
  write_snapshot(&fixture, fixture_key);
  read_snapshot(&fixture, NULL, &whole);
  assert_int_equal(fixture.error.code, ERROR_KEY);
  read_snapshot(&fixture, (const uint8_t *)"another key of 32 bytes, another", &whole);
  assert_int_equal(fixture.error.code, ERROR_KEY);
  fixture.options.store_id[3] ^= 1;
  read_snapshot(&fixture, fixture_key, &whole);
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  assert_string_equal(fixture.error.message,
                      PATH " at offset 16: the snapshot belongs to another store");
  log_fixture_close(&fixture);
}

static void test_every_allocation_and_call_may_fail(void **state)
{
  (void)state;
  struct log_fixture fixture;
  bool whole = false;
  write_snapshot(&fixture, NULL);
  struct memory *memory = &fixture.world->memory;
  uint64_t nth = 1;
  for (; !whole; nth++) {
    memory->fail_at = memory->calls + nth;
    read_snapshot(&fixture, NULL, &whole);
    if (!whole) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_int_equal(memory->in_use, 0);
  }
  assert_int_equal(nth, 4); /* reader, window */
  memory->fail_at = 0;
  whole = false;
  for (nth = 1; !whole; nth++) {
    world_sim_fail(fixture.sim, WORLD_SIM_READ, nth, EIO, false);
    read_snapshot(&fixture, NULL, &whole);
    if (!whole) assert_int_equal(fixture.error.code, ERROR_IO);
    assert_int_equal(memory->in_use, 0);
  }
  assert_true(nth > 3);
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tells_what_it_is),
      cmocka_unit_test(test_flipped_bits_are_found),
      cmocka_unit_test(test_a_shorter_file_is_no_snapshot),
      cmocka_unit_test(test_keys_and_stores),
      cmocka_unit_test(test_every_allocation_and_call_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
