#include "shield/secrets.h"

#include "base/world_linux.h"
#include "sim/world_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const FILES[SECRET_COUNT] = {"jwt.key", "webhook.key", "ticket.key",
                                                "admission.key"};

/* A data directory on the real disk. */
struct fixture {
  struct world_linux linux_world;
  struct world *world;
  char directory[64];
  struct secrets secrets;
  uint32_t made;
  struct error error;
};

static void setup(struct fixture *fixture)
{
  memset(fixture, 0, sizeof *fixture);
  world_linux_init(&fixture->linux_world);
  fixture->world = &fixture->linux_world.world;
  snprintf(fixture->directory, sizeof fixture->directory, "/tmp/test-secrets-XXXXXX");
  assert_non_null(mkdtemp(fixture->directory));
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/secrets%s%s", fixture->directory, name[0] == 0 ? "" : "/", name);
  return path;
}

static void teardown(struct fixture *fixture)
{
  for (size_t i = 0; i < SECRET_COUNT; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s.new", FILES[i]);
    unlink(path_of(fixture, FILES[i]));
    unlink(path_of(fixture, name));
  }
  rmdir(path_of(fixture, ""));
  assert_int_equal(rmdir(fixture->directory), 0);
  assert_int_equal(fixture->world->memory.in_use, 0);
}

static bool open_secrets(struct fixture *fixture)
{
  return secrets_open(fixture->world, fixture->directory, true, &fixture->secrets, &fixture->made,
                      &fixture->error);
}

static void write_text(const char *path, const char *text)
{
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static bool is_zero(const struct secrets *secrets)
{
  static const struct secrets zero;
  return memcmp(secrets, &zero, sizeof zero) == 0;
}

static void test_made_once_then_read(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  assert_true(open_secrets(&fixture));
  assert_int_equal(fixture.made, SECRET_COUNT);
  struct secrets first = fixture.secrets;
  for (enum secret i = 0; i < SECRET_COUNT; i++) {
    struct stat status;
    assert_int_equal(stat(path_of(&fixture, FILES[i]), &status), 0);
    assert_int_equal(status.st_mode & ALLPERMS, 0600);
    assert_int_equal(status.st_size, 2 * SECRET_BYTES + 1);
    for (enum secret j = 0; j < i; j++)
      assert_memory_not_equal(first.bytes[i], first.bytes[j], SECRET_BYTES);
  }
  struct stat status;
  assert_int_equal(stat(path_of(&fixture, ""), &status), 0);
  assert_int_equal(status.st_mode & ALLPERMS, 0700);
  secrets_close(&fixture.secrets);
  assert_true(is_zero(&fixture.secrets));

  assert_true(open_secrets(&fixture));
  assert_int_equal(fixture.made, 0);
  assert_memory_equal(&fixture.secrets, &first, sizeof first);
  assert_memory_equal(secrets_get(&fixture.secrets, SECRET_TICKET).data, first.bytes[SECRET_TICKET],
                      SECRET_BYTES);

  /* One that was removed is made anew, the others stay. */
  assert_int_equal(unlink(path_of(&fixture, "webhook.key")), 0);
  assert_true(open_secrets(&fixture));
  assert_int_equal(fixture.made, 1);
  assert_memory_not_equal(fixture.secrets.bytes[SECRET_WEBHOOK], first.bytes[SECRET_WEBHOOK],
                          SECRET_BYTES);
  assert_memory_equal(fixture.secrets.bytes[SECRET_JWT], first.bytes[SECRET_JWT], SECRET_BYTES);
  teardown(&fixture);
}

static void test_refused_when_others_may_read(void **state)
{
  (void)state;
  static const mode_t modes[] = {0644, 0640, 0604, 0660, 0601, 0700, 04600};
  struct fixture fixture;
  setup(&fixture);
  assert_true(open_secrets(&fixture));
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    assert_int_equal(chmod(path_of(&fixture, "ticket.key"), modes[i]), 0);
    assert_false(open_secrets(&fixture));
    assert_int_equal(fixture.error.code, ERROR_KEY);
    assert_non_null(strstr(fixture.error.message, "run chmod 600 "));
    assert_non_null(strstr(fixture.error.message, "/secrets/ticket.key"));
    assert_true(is_zero(&fixture.secrets));
  }
  assert_int_equal(chmod(path_of(&fixture, "ticket.key"), 0400), 0);
  assert_true(open_secrets(&fixture));
  teardown(&fixture);
}

static void test_refused_when_damaged(void **state)
{
  (void)state;
  static const char DIGITS[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  struct fixture fixture;
  char text[128];
  setup(&fixture);
  assert_true(open_secrets(&fixture));
  static const char *const damaged[] = {"%s",     "%s\r\n",    "%.63s\n", "%s0\n",
                                        "%s\n\n", "%.62s0g\n", "%.0s"};
  for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, damaged[i], DIGITS);
#pragma GCC diagnostic pop
    write_text(path_of(&fixture, "jwt.key"), text);
    assert_false(open_secrets(&fixture));
    assert_int_equal(fixture.error.code, ERROR_KEY);
    assert_non_null(strstr(fixture.error.message, "jwt.key is damaged"));
    /* What stands in it is nobody's business. */
    assert_null(strstr(fixture.error.message, "0001020304"));
  }
  snprintf(text, sizeof text, "%s\n", DIGITS);
  write_text(path_of(&fixture, "jwt.key"), text);
  assert_true(open_secrets(&fixture));
  for (size_t i = 0; i < SECRET_BYTES; i++)
    assert_int_equal(fixture.secrets.bytes[SECRET_JWT][i], i);
  teardown(&fixture);
}

static void test_not_into_what_others_may_read(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  assert_true(open_secrets(&fixture));
  assert_int_equal(unlink(path_of(&fixture, "jwt.key")), 0);
  write_text(path_of(&fixture, "jwt.key.new"), "");
  assert_int_equal(chmod(path_of(&fixture, "jwt.key.new"), 0644), 0);
  assert_false(open_secrets(&fixture));
  assert_int_equal(fixture.error.code, ERROR_KEY);
  assert_int_equal(access(path_of(&fixture, "jwt.key"), F_OK), -1);
  /* A directory under the name of a secret. */
  assert_int_equal(unlink(path_of(&fixture, "jwt.key.new")), 0);
  assert_int_equal(mkdir(path_of(&fixture, "jwt.key"), 0700), 0);
  assert_false(open_secrets(&fixture));
  assert_int_equal(rmdir(path_of(&fixture, "jwt.key")), 0);
  teardown(&fixture);
}

static void test_the_data_directory_must_be_there(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  assert_false(secrets_open(fixture.world, "/nonexistent/data", true, &fixture.secrets,
                            &fixture.made, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_IO);
  char path[5000];
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = 0;
  assert_false(
      secrets_open(fixture.world, path, true, &fixture.secrets, &fixture.made, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  teardown(&fixture);
}

/* ---- in the simulated world ---- */

static struct world_sim *new_world(uint64_t seed)
{
  struct world_sim *sim = world_sim_new(seed);
  struct world *world = world_sim_world(sim);
  assert_int_equal(world->operations->dir_make(world, "/data"), 0);
  assert_int_equal(world->operations->dir_sync(world, "/"), 0);
  return sim;
}

/* The process dies at each of its operations: what was given out is still there afterwards. */
static void test_every_crash_leaves_whole_secrets(void **state)
{
  (void)state;
  for (uint64_t operation = 1;; operation++) {
    struct world_sim *sim = new_world(operation);
    struct world *world = world_sim_world(sim);
    struct secrets given;
    struct secrets found;
    uint32_t made;
    struct error error;
    world_sim_crash_after(sim, operation);
    bool opened = secrets_open(world, "/data", false, &given, &made, &error);
    bool died = world_sim_is_dead(sim);
    assert_true(opened || is_zero(&given));
    world_sim_crash(sim, WORLD_SIM_CRASH_RANDOM);
    if (!secrets_open(world, "/data", false, &found, &made, &error))
      fail_msg("after a crash at operation %d: %s", (int)operation, error.message);
    if (opened) {
      assert_int_equal(made, 0);
      assert_memory_equal(&found, &given, sizeof found);
    }
    world_sim_free(sim);
    if (!died) break;
  }
}

static void test_every_failure_is_told(void **state)
{
  (void)state;
  static const enum world_sim_operation kinds[] = {
      WORLD_SIM_DIR_MAKE, WORLD_SIM_CREATE, WORLD_SIM_TRUNCATE, WORLD_SIM_WRITE,
      WORLD_SIM_SYNC,     WORLD_SIM_RENAME, WORLD_SIM_DIR_SYNC,
  };
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
      struct world_sim *sim = new_world(nth);
      struct world *world = world_sim_world(sim);
      struct secrets secrets;
      uint32_t made;
      struct error error;
      world_sim_fail(sim, kinds[i], nth, ENOSPC, false);
      failed = !secrets_open(world, "/data", false, &secrets, &made, &error);
      assert_true(failed || nth > 1);
      if (failed) assert_int_equal(error.code, ERROR_NO_SPACE);
      if (failed) assert_true(secrets_open(world, "/data", false, &secrets, &made, &error));
      world_sim_free(sim);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_made_once_then_read),
      cmocka_unit_test(test_refused_when_others_may_read),
      cmocka_unit_test(test_refused_when_damaged),
      cmocka_unit_test(test_not_into_what_others_may_read),
      cmocka_unit_test(test_the_data_directory_must_be_there),
      cmocka_unit_test(test_every_crash_leaves_whole_secrets),
      cmocka_unit_test(test_every_failure_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
