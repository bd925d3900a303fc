#include "store/directory.h"

#include "base/world_linux.h"
#include "sim/world_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int close_lock(struct world *world, int file)
{
  return world->operations->file_close(world, file);
}

static void ignore_name(void *context, const char *name)
{
  (void)context;
  (void)name;
}

static bool is_there(struct world *world, const char *directory)
{
  return world->operations->dir_list(world, directory, ignore_name, NULL) == 0;
}

static void test_is_made_and_locked(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct error error;
  int file = directory_claim(world, "/data", &error);
  assert_true(file >= 0);
  assert_int_equal(directory_claim(world, "/data", &error), -1);
  assert_int_equal(error.code, ERROR_LOCKED);
  assert_string_equal(error.message,
                      "the directory '/data' is in use by another process: stop that one first, or "
                      "name another directory");
  assert_int_equal(close_lock(world, file), 0);
  file = directory_claim(world, "/data", &error);
  assert_true(file >= 0);
  close_lock(world, file);
  world_sim_free(sim);
}

static void test_name_survives_a_crash(void **state)
{
  (void)state;
  static const char *const paths[] = {"/data", "/data/", "/outer/data", "/outer//data//"};
  for (int i = 0; i < 4; i++) {
    struct world_sim *sim = world_sim_new(1);
    struct world *world = world_sim_world(sim);
    struct error error;
    assert_int_equal(world->operations->dir_make(world, "/outer"), 0);
    assert_int_equal(world->operations->dir_sync(world, "/"), 0);
    assert_true(directory_claim(world, paths[i], &error) >= 0);
    world_sim_crash(sim, WORLD_SIM_CRASH_DROP);
    assert_true(is_there(world, paths[i]));
    world_sim_free(sim);
  }
}

/* The process that made it died before the sync above: the next one makes up for it. */
static void test_name_survives_after_a_failed_sync(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct error error;
  world_sim_fail(sim, WORLD_SIM_DIR_SYNC, 1, EIO, false);
  assert_int_equal(directory_claim(world, "/data", &error), -1);
  assert_int_equal(error.code, ERROR_IO);
  assert_string_equal(error.message, "cannot sync the directory above '/data': Input/output error");
  assert_true(directory_claim(world, "/data", &error) >= 0);
  world_sim_crash(sim, WORLD_SIM_CRASH_DROP);
  assert_true(is_there(world, "/data"));
  world_sim_free(sim);
}

/* Others made it, and let nobody but themselves read the directory above. */
static void test_an_old_one_needs_no_right_above(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct error error;
  world_sim_fail(sim, WORLD_SIM_DIR_SYNC, 1, EACCES, true);
  assert_int_equal(directory_claim(world, "/data", &error), -1);
  assert_int_equal(error.os_errno, EACCES);
  assert_true(directory_claim(world, "/data", &error) >= 0);
  world_sim_fail(sim, WORLD_SIM_DIR_SYNC, 1, EIO, true);
  assert_int_equal(directory_claim(world, "/data", &error), -1);
  assert_int_equal(error.os_errno, EIO);
  world_sim_free(sim);
}

static void expect_refusal(enum world_sim_operation operation, int os_errno, const char *message)
{
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct error error;
  world_sim_fail(sim, operation, 1, os_errno, false);
  assert_int_equal(directory_claim(world, "/data", &error), -1);
  assert_int_equal(error.code, os_errno == ENOSPC ? ERROR_NO_SPACE : ERROR_IO);
  assert_string_equal(error.message, message);
  assert_true(directory_claim(world, "/data", &error) >= 0);
  world_sim_free(sim);
}

static void test_failures_are_told(void **state)
{
  (void)state;
  expect_refusal(WORLD_SIM_DIR_MAKE, EACCES,
                 "cannot make the directory '/data': Permission denied");
  expect_refusal(WORLD_SIM_CREATE, ENOSPC, "cannot open /data/lock: No space left on device");
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct error error;
  assert_int_equal(directory_claim(world, "/no/data", &error), -1);
  assert_int_equal(error.code, ERROR_IO);
  assert_int_equal(error.os_errno, ENOENT);
  char path[STORE_FILE_PATH_BYTES + 1];
  memset(path, 'a', sizeof path - 1);
  path[0] = '/';
  path[sizeof path - 1] = 0;
  assert_int_equal(directory_claim(world, path, &error), -1);
  assert_int_equal(error.code, ERROR_INVALID);
  world_sim_free(sim);
}

/* ---- on Linux ---- */

/* What a process of its own is told: 0 claimed, 1 locked, 2 anything else. */
static int claim_in_child(struct world *world, const char *directory)
{
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct error error;
    int file = directory_claim(world, directory, &error);
    _exit(file >= 0 ? 0 : error.code == ERROR_LOCKED ? 1 : 2);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void test_another_process_is_locked_out(void **state)
{
  (void)state;
  struct world_linux world_linux;
  struct error error;
  char outer[] = "/tmp/tacos-directory-XXXXXX";
  char directory[64];
  char lock[80];
  world_linux_init(&world_linux);
  struct world *world = &world_linux.world;
  assert_non_null(mkdtemp(outer));
  snprintf(directory, sizeof directory, "%s/data", outer);
  snprintf(lock, sizeof lock, "%s/lock", directory);
  int file = directory_claim(world, directory, &error);
  assert_true(file >= 0);
  struct stat status;
  assert_int_equal(stat(directory, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0700);
  assert_int_equal(claim_in_child(world, directory), 1);
  assert_int_equal(close_lock(world, file), 0);
  /* The lock dies with the process that has it. */
  assert_int_equal(claim_in_child(world, directory), 0);
  file = directory_claim(world, directory, &error);
  assert_true(file >= 0);
  close_lock(world, file);
  assert_int_equal(unlink(lock), 0);
  assert_int_equal(rmdir(directory), 0);
  assert_int_equal(rmdir(outer), 0);
}

static void test_relative_paths(void **state)
{
  (void)state;
  struct world_linux world_linux;
  struct error error;
  char outer[] = "/tmp/tacos-directory-XXXXXX";
  world_linux_init(&world_linux);
  struct world *world = &world_linux.world;
  assert_non_null(mkdtemp(outer));
  assert_int_equal(chdir(outer), 0);
  static const char *const paths[] = {"data", "./other", "data/inner", "."};
  static const char *const locks[] = {"data/lock", "other/lock", "data/inner/lock", "lock"};
  for (int i = 0; i < 4; i++) {
    int file = directory_claim(world, paths[i], &error);
    assert_true(file >= 0);
    close_lock(world, file);
    assert_int_equal(unlink(locks[i]), 0);
  }
  assert_int_equal(rmdir("data/inner"), 0);
  assert_int_equal(rmdir("data"), 0);
  assert_int_equal(rmdir("other"), 0);
  assert_int_equal(chdir("/"), 0);
  assert_int_equal(rmdir(outer), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_made_and_locked),
      cmocka_unit_test(test_name_survives_a_crash),
      cmocka_unit_test(test_name_survives_after_a_failed_sync),
      cmocka_unit_test(test_an_old_one_needs_no_right_above),
      cmocka_unit_test(test_failures_are_told),
      cmocka_unit_test(test_another_process_is_locked_out),
      cmocka_unit_test(test_relative_paths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
