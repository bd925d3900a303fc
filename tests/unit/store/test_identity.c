#include "store/identity.h"

#include "sim/world_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world *new_world(struct world_sim **sim, uint64_t seed)
{
  *sim = world_sim_new(seed);
  struct world *world = world_sim_world(*sim);
  assert_int_equal(world->operations->dir_make(world, "/data"), 0);
  assert_int_equal(world->operations->dir_sync(world, "/"), 0);
  return world;
}

static void assert_identity_equal(const struct identity *left, const struct identity *right)
{
  assert_memory_equal(left->store_id, right->store_id, sizeof left->store_id);
  assert_memory_equal(left->salt, right->salt, sizeof left->salt);
  assert_int_equal(left->created_ms, right->created_ms);
}

static void test_survives_a_crash(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed < 20; seed++) {
    struct world_sim *sim;
    struct world *world = new_world(&sim, seed);
    struct identity made = identity_make(world);
    struct identity read;
    struct error error;
    assert_int_equal(made.created_ms, world_clock_ms(world));
    assert_true(identity_write(world, "/data", &made, &error));
    world_sim_crash(sim, seed == 1 ? WORLD_SIM_CRASH_DROP : WORLD_SIM_CRASH_RANDOM);
    assert_true(identity_read(world, "/data", &read, &error));
    assert_identity_equal(&read, &made);
    assert_int_equal(identity_hash_seed(&read), bytes_get_u64(made.salt));
    world_sim_free(sim);
  }
}

static void test_two_are_different(void **state)
{
  (void)state;
  struct world_sim *sim;
  struct world *world = new_world(&sim, 3);
  struct identity first = identity_make(world);
  struct identity second = identity_make(world);
  assert_memory_not_equal(first.store_id, second.store_id, sizeof first.store_id);
  assert_memory_not_equal(first.salt, second.salt, sizeof first.salt);
  assert_memory_not_equal(first.salt, first.store_id, sizeof first.salt);
  world_sim_free(sim);
}

static void test_absent(void **state)
{
  (void)state;
  struct world_sim *sim;
  struct world *world = new_world(&sim, 1);
  static const char *const directories[] = {"/data", "/other"};
  for (int i = 0; i < 2; i++) {
    struct identity identity;
    struct error error;
    char expected[200];
    snprintf(expected, sizeof expected,
             "there is no store in '%s' (no file 'identity'): name the data directory of a store, "
             "or start one there with 'tacos serve'",
             directories[i]);
    assert_false(identity_read(world, directories[i], &identity, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_string_equal(error.message, expected);
  }
  world_sim_free(sim);
}

/* A crash at every operation: afterwards there is none or the whole one, and it can be made. */
static void test_crash_while_it_is_made(void **state)
{
  (void)state;
  bool finished = false;
  int absent = 0;
  for (uint64_t operation = 1; !finished; operation++) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
      struct world_sim *sim;
      struct world *world = new_world(&sim, seed);
      struct identity made = identity_make(world);
      struct identity read;
      struct error error;
      world_sim_crash_after(sim, operation);
      finished = identity_write(world, "/data", &made, &error);
      assert_int_equal(finished, !world_sim_is_dead(sim));
      world_sim_crash(sim, WORLD_SIM_CRASH_RANDOM);
      if (identity_read(world, "/data", &read, &error)) {
        assert_identity_equal(&read, &made);
      } else {
        assert_int_equal(error.code, ERROR_NOT_FOUND);
        assert_false(finished);
        absent++;
        assert_true(identity_write(world, "/data", &made, &error));
        assert_true(identity_read(world, "/data", &read, &error));
        assert_identity_equal(&read, &made);
      }
      world_sim_free(sim);
    }
  }
  assert_true(absent > 8);
}

static void test_damage_is_refused(void **state)
{
  (void)state;
  struct world_sim *sim;
  struct world *world = new_world(&sim, 1);
  struct identity made = identity_make(world);
  struct identity read;
  struct error error;
  assert_true(identity_write(world, "/data", &made, &error));
  /* The block's fields end at 96 with the checksum; nothing is read from the zeros behind. */
  for (uint64_t offset = 0; offset < STORE_FILE_BLOCK_BYTES; offset += offset < 96 ? 1 : 400) {
    for (unsigned bit = 0; bit < 8; bit++) {
      assert_int_equal(world_sim_flip(sim, "/data/identity", offset, bit), 0);
      assert_int_equal(identity_read(world, "/data", &read, &error), offset >= 96);
      if (offset < 96) {
        assert_true(error.code == ERROR_CORRUPT || error.code == ERROR_UNSUPPORTED);
        assert_non_null(strstr(error.message, "/data/identity"));
      }
      assert_int_equal(world_sim_flip(sim, "/data/identity", offset, bit), 0);
    }
  }
  assert_true(identity_read(world, "/data", &read, &error));
  assert_identity_equal(&read, &made);
  int file = world->operations->file_open(world, "/data/identity", WORLD_OPEN_WRITE);
  assert_int_equal(world->operations->file_truncate(world, file, 100), 0);
  assert_false(identity_read(world, "/data", &read, &error));
  assert_int_equal(error.code, ERROR_CORRUPT);
  assert_non_null(strstr(error.message, "/data/identity"));
  world_sim_free(sim);
}

static void expect_failure(enum world_sim_operation operation, int os_errno, const char *message)
{
  struct world_sim *sim;
  struct world *world = new_world(&sim, 1);
  struct identity made = identity_make(world);
  struct error error;
  world_sim_fail(sim, operation, 1, os_errno, false);
  assert_false(identity_write(world, "/data", &made, &error));
  assert_int_equal(error.code, os_errno == ENOSPC ? ERROR_NO_SPACE : ERROR_IO);
  assert_string_equal(error.message, message);
  assert_true(identity_write(world, "/data", &made, &error));
  world_sim_fail(sim, WORLD_SIM_OPEN, 1, EIO, false);
  assert_false(identity_read(world, "/data", &made, &error));
  assert_string_equal(error.message, "cannot open /data/identity: Input/output error");
  world_sim_free(sim);
}

static void test_failures_are_told(void **state)
{
  (void)state;
  expect_failure(WORLD_SIM_CREATE, ENOSPC,
                 "cannot create /data/identity.tmp: No space left on device");
  expect_failure(WORLD_SIM_WRITE, ENOSPC,
                 "cannot write /data/identity.tmp: No space left on device");
  expect_failure(WORLD_SIM_SYNC, EIO, "cannot write /data/identity.tmp: Input/output error");
  expect_failure(WORLD_SIM_RENAME, EIO, "cannot create /data/identity: Input/output error");
  expect_failure(WORLD_SIM_DIR_SYNC, EIO, "cannot create /data/identity: Input/output error");
}

static void test_path_too_long(void **state)
{
  (void)state;
  struct world_sim *sim;
  struct world *world = new_world(&sim, 1);
  struct identity identity = identity_make(world);
  struct error error;
  char path[STORE_FILE_PATH_BYTES];
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = 0;
  assert_false(identity_read(world, path, &identity, &error));
  assert_int_equal(error.code, ERROR_INVALID);
  assert_false(identity_write(world, path, &identity, &error));
  assert_int_equal(error.code, ERROR_INVALID);
  world_sim_free(sim);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_survives_a_crash),
      cmocka_unit_test(test_two_are_different),
      cmocka_unit_test(test_absent),
      cmocka_unit_test(test_crash_while_it_is_made),
      cmocka_unit_test(test_damage_is_refused),
      cmocka_unit_test(test_failures_are_told),
      cmocka_unit_test(test_path_too_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
