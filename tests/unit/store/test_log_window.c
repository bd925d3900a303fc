#include "store/log_window.h"
#include "unit/store/log_fixture.h"

enum { FILE_BYTES = 3 * LOG_WINDOW_BYTES + 777 };

static int make_file(struct world *world)
{
  int file = world->operations->file_open(world, "/data/f", WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  for (uint64_t at = 0; at < FILE_BYTES; at += 8) {
    uint64_t value = at * 0x9e3779b97f4a7c15;
    size_t size = FILE_BYTES - at < 8 ? FILE_BYTES - at : 8;
    if (at % 4096 == 0 || size < 8)
      assert_int_equal(world->operations->file_write(world, file, &value, size, at), 0);
  }
  return file;
}

/* The file has a recognisable word at every multiple of 4096 and zeros between. */
static void check_bytes(const struct log_window *window, uint64_t position, size_t size)
{
  for (uint64_t at = (position + 4095) / 4096 * 4096; at + 8 <= position + size; at += 4096)
    assert_true(bytes_get_u64(log_window_at(window, at)) == at * 0x9e3779b97f4a7c15);
}

static void test_moves_forward_over_a_file(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  int file = make_file(fixture.world);
  static const size_t steps[] = {64, 5000, 300000, LOG_WINDOW_BYTES, 2 * LOG_WINDOW_BYTES + 5};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    struct log_window window = {0};
    for (uint64_t position = 0; position < FILE_BYTES; position += steps[i]) {
      size_t have;
      assert_true(log_window_fill(&window, fixture.world, file, "f", position, steps[i], &have,
                                  &fixture.error));
      size_t left = FILE_BYTES - position;
      assert_true(have >= (left < steps[i] ? left : steps[i]) && have <= left);
      check_bytes(&window, position, have < steps[i] ? have : steps[i]);
    }
    assert_true(window.capacity <= 2 * LOG_WINDOW_BYTES + 5);
    log_window_free(&window, fixture.world);
    assert_int_equal(fixture.world->memory.in_use, 0);
  }
  fixture.world->operations->file_close(fixture.world, file);
  log_fixture_close(&fixture);
}

static void test_sees_changes_after_clear_only(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  int file = make_file(fixture.world);
  struct log_window window = {0};
  size_t have;
  assert_true(log_window_fill(&window, fixture.world, file, "f", 0, 8, &have, &fixture.error));
  fixture.world->operations->file_write(fixture.world, file, "changed", 7, 0);
  assert_true(log_window_fill(&window, fixture.world, file, "f", 0, 8, &have, &fixture.error));
  assert_int_equal(*log_window_at(&window, 0), 0);
  log_window_clear(&window);
  assert_true(log_window_fill(&window, fixture.world, file, "f", 0, 8, &have, &fixture.error));
  assert_memory_equal(log_window_at(&window, 0), "changed", 7);
  log_window_free(&window, fixture.world);
  fixture.world->operations->file_close(fixture.world, file);
  log_fixture_close(&fixture);
}

static void test_failures(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  int file = make_file(fixture.world);
  struct log_window window = {0};
  size_t have;
  fixture.world->memory.fail_at = fixture.world->memory.calls + 1;
  assert_false(log_window_fill(&window, fixture.world, file, "f", 0, 8, &have, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
  world_sim_fail(fixture.sim, WORLD_SIM_READ, 1, EIO, false);
  assert_false(log_window_fill(&window, fixture.world, file, "f", 99, 8, &have, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_IO);
  assert_string_equal(fixture.error.message, "cannot read f at offset 99: Input/output error");
  assert_true(log_window_fill(&window, fixture.world, file, "f", 4096, 8, &have, &fixture.error));
  check_bytes(&window, 4096, have);
  log_window_free(&window, fixture.world);
  fixture.world->operations->file_close(fixture.world, file);
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moves_forward_over_a_file),
      cmocka_unit_test(test_sees_changes_after_clear_only),
      cmocka_unit_test(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
