#include "store/snapshot_format.h"
#include "unit/store/log_fixture.h"

static void make_file(struct world *world, const char *path)
{
  int file = world->operations->file_open(world, path, WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  world->operations->file_close(world, file);
}

static void test_lists_and_removes(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  static const char *names[] = {
      "/data/snapshot-0000000000000010.snap", "/data/snapshot-0000000000000002.snap",
      "/data/snapshot-0000000000000011.tmp", "/data/snapshot-0000000000000012.tmp",
      "/data/log-0000000000000001.seg"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) make_file(fixture.world, names[i]);
  struct store_file_list list = {0};
  assert_true(snapshot_list(&list, fixture.world, "/data", &fixture.error));
  assert_int_equal(list.count, 2);
  assert_int_equal(list.sequences[0], 2);
  assert_int_equal(list.sequences[1], 16);
  assert_true(snapshot_remove_unfinished(fixture.world, "/data", &fixture.error));
  assert_true(snapshot_remove_unfinished(fixture.world, "/data", &fixture.error));
  assert_true(store_file_list_read(&list, fixture.world, &snapshot_unfinished_kind, "/data",
                                   &fixture.error));
  assert_int_equal(list.count, 0);
  assert_true(snapshot_remove(fixture.world, "/data", 2, &fixture.error));
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP); /* what was removed stays away */
  assert_false(snapshot_remove(fixture.world, "/data", 2, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_NOT_FOUND);
  assert_string_equal(fixture.error.message, "there is no /data/snapshot-0000000000000002.snap");
  store_file_list_free(&list);
  log_fixture_close(&fixture);
}

static void test_failures(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  make_file(fixture.world, "/data/snapshot-0000000000000011.tmp");
  make_file(fixture.world, "/data/snapshot-0000000000000012.tmp");
  static const enum world_sim_operation operations[] = {WORLD_SIM_DIR_LIST, WORLD_SIM_REMOVE,
                                                        WORLD_SIM_DIR_SYNC};
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    world_sim_fail(fixture.sim, operations[i], 1, EIO, false);
    assert_false(snapshot_remove_unfinished(fixture.world, "/data", &fixture.error));
    assert_int_equal(fixture.error.code, ERROR_IO);
  }
  assert_true(snapshot_remove_unfinished(fixture.world, "/data", &fixture.error));
  struct store_file_list list = {0};
  fixture.world->memory.fail_at = fixture.world->memory.calls + 1;
  make_file(fixture.world, "/data/snapshot-0000000000000012.snap");
  assert_false(snapshot_list(&list, fixture.world, "/data", &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
  store_file_list_free(&list);
  log_fixture_close(&fixture);
}

static void test_the_trailer_lies_as_documented(void **state)
{
  (void)state;
  uint8_t payload[SNAPSHOT_TRAILER_PAYLOAD_BYTES];
  struct snapshot_trailer trailer = {
      .end_sequence = 1, .end_ms = -2, .records = 0x030201, .frames = 4};
  snapshot_trailer_encode(&trailer, payload);
  assert_memory_equal(payload,
                      "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"
                      "\1\2\3\0\0\0\0\0\4\0\0\0\0\0\0\0",
                      32);
  struct snapshot_trailer decoded = snapshot_trailer_decode(payload);
  assert_memory_equal(&decoded, &trailer, sizeof trailer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists_and_removes),
      cmocka_unit_test(test_failures),
      cmocka_unit_test(test_the_trailer_lies_as_documented),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
