#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/world_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fixture {
  struct world_linux linux_world;
  struct world *world;
  const struct world_operations *call;
  char directory[64];
  char path[2][96];
};

static int make_fixture(void **state)
{
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  assert_non_null(fixture);
  world_linux_init(&fixture->linux_world);
  fixture->world = &fixture->linux_world.world;
  fixture->call = fixture->world->operations;
  strcpy(fixture->directory, "/tmp/tacos_world_XXXXXX");
  assert_non_null(mkdtemp(fixture->directory));
  snprintf(fixture->path[0], sizeof(fixture->path[0]), "%s/one", fixture->directory);
  snprintf(fixture->path[1], sizeof(fixture->path[1]), "%s/two", fixture->directory);
  *state = fixture;
  return 0;
}

static int drop_fixture(void **state)
{
  struct fixture *fixture = *state;
  unlink(fixture->path[0]);
  unlink(fixture->path[1]);
  int result = rmdir(fixture->directory);
  free(fixture);
  return result;
}

static void test_clocks_tell_the_system_time(void **state)
{
  struct fixture *fixture = *state;
  int64_t now_ms = world_clock_ms(fixture->world);
  assert_in_range(now_ms, (uintmax_t)(time(NULL) - 2) * 1000, (uintmax_t)(time(NULL) + 2) * 1000);
  int64_t before_ns = world_monotonic_ns(fixture->world);
  usleep(2000);
  int64_t passed_ns = world_monotonic_ns(fixture->world) - before_ns;
  assert_true(passed_ns >= 2000000);
}

static void test_entropy_never_repeats_and_is_wiped(void **state)
{
  struct fixture *fixture = *state;
  enum { DRAWS = 500 };
  uint8_t draws[DRAWS][16];
  for (int i = 0; i < DRAWS; i++) world_entropy(fixture->world, draws[i], sizeof(draws[i]));
  for (int i = 0; i < DRAWS; i++)
    for (int j = 0; j < i; j++) assert_memory_not_equal(draws[i], draws[j], 16);
  /* The used part of the pool holds nothing of what was handed out. */
  const struct world_linux *linux_world = &fixture->linux_world;
  size_t used = WORLD_LINUX_POOL_BYTES - linux_world->pool_left;
  assert_true(used > 0);
  for (size_t i = 0; i < used; i++) assert_int_equal(linux_world->pool[i], 0);

  uint8_t large[2][3000];
  world_entropy(fixture->world, large[0], sizeof(large[0]));
  world_entropy(fixture->world, large[1], sizeof(large[1]));
  assert_memory_not_equal(large[0], large[1], sizeof(large[0]));
  int counts[256] = {0};
  for (size_t i = 0; i < sizeof(large[0]); i++) counts[large[0][i]]++;
  for (int i = 0; i < 256; i++) assert_in_range(counts[i], 0, 60); /* 12 are expected */
}

static void test_open_flags_mode_and_cloexec(void **state)
{
  struct fixture *fixture = *state;
  struct world *world = fixture->world;
  const char *path = fixture->path[0];
  assert_int_equal(fixture->call->file_open(world, path, WORLD_OPEN_READ), -ENOENT);
  assert_int_equal(fixture->call->file_open(world, path, WORLD_OPEN_WRITE), -ENOENT);
  umask(0);
  int file = fixture->call->file_open(world, path, WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE);
  assert_true(file >= 0);
  struct stat status;
  assert_int_equal(fstat(file, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0600);
  assert_int_equal(fcntl(file, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal(fixture->call->file_open(world, path, WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE),
                   -EEXIST);
  assert_int_equal(fixture->call->file_write(world, file, "x", 1, 0), 0);
  assert_int_equal(fixture->call->file_close(world, file), 0);
  assert_int_equal(fixture->call->file_close(world, file), -EBADF);

  file = fixture->call->file_open(world, path, WORLD_OPEN_READ);
  assert_true(file >= 0);
  assert_int_equal(fixture->call->file_write(world, file, "x", 1, 0), -EBADF);
  assert_int_equal(fixture->call->file_close(world, file), 0);
  /* Creating an existing file keeps what is in it. */
  file = fixture->call->file_open(world, path, WORLD_OPEN_CREATE);
  assert_int_equal(fixture->call->file_size(world, file), 1);
  assert_int_equal(fixture->call->file_close(world, file), 0);
}

static void test_read_write_and_sizes(void **state)
{
  struct fixture *fixture = *state;
  struct world *world = fixture->world;
  const struct world_operations *call = fixture->call;
  int file = call->file_open(world, fixture->path[0], WORLD_OPEN_CREATE);
  char text[16] = {0};
  assert_int_equal(call->file_read(world, file, text, sizeof(text), 0), 0);
  assert_int_equal(call->file_write(world, file, "hello", 5, 3), 0);
  assert_int_equal(call->file_sync(world, file), 0);
  assert_int_equal(call->file_size(world, file), 8);
  assert_int_equal(call->file_read(world, file, text, sizeof(text), 1), 7);
  assert_memory_equal(text, "\0\0hello", 8);
  assert_int_equal(call->file_read(world, file, text, 4, 4), 4);
  assert_memory_equal(text, "ello", 4);
  assert_int_equal(call->file_uncache(world, file, 0, 4096), 0);
  assert_int_equal(call->file_read(world, file, text, 4, 4), 4);
  assert_memory_equal(text, "ello", 4);
  assert_int_equal(call->file_read(world, file, text, 4, 100), 0);
  assert_int_equal(call->file_truncate(world, file, 5), 0);
  assert_int_equal(call->file_size(world, file), 5);
  assert_int_equal(call->file_truncate(world, file, 7), 0);
  assert_int_equal(call->file_read(world, file, text, sizeof(text), 3), 4);
  assert_memory_equal(text, "he\0\0", 4);
  assert_int_equal(call->file_close(world, file), 0);
  assert_int_equal(call->file_size(world, file), -EBADF);
}

static void test_allocate_takes_blocks_and_keeps_contents(void **state)
{
  struct fixture *fixture = *state;
  struct world *world = fixture->world;
  const struct world_operations *call = fixture->call;
  int file = call->file_open(world, fixture->path[0], WORLD_OPEN_CREATE);
  assert_int_equal(call->file_write(world, file, "keep", 4, 0), 0);
  assert_int_equal(call->file_allocate(world, file, 300000), 0);
  assert_int_equal(call->file_size(world, file), 300000);
  struct stat status;
  assert_int_equal(fstat(file, &status), 0);
  assert_true(status.st_blocks * 512 >= 300000);
  uint8_t bytes[8];
  assert_int_equal(call->file_read(world, file, bytes, 8, 0), 8);
  assert_memory_equal(bytes, "keep\0\0\0\0", 8);
  assert_int_equal(call->file_read(world, file, bytes, 8, 299996), 4);
  assert_memory_equal(bytes, "\0\0\0\0", 4);
  assert_int_equal(call->file_allocate(world, file, 1000), 0);
  assert_int_equal(call->file_size(world, file), 300000);
  assert_int_equal(call->file_allocate(world, file, 0), 0);
  assert_int_equal(call->file_close(world, file), 0);
}

static void test_lock_excludes_a_second_open_in_the_same_process(void **state)
{
  struct fixture *fixture = *state;
  struct world *world = fixture->world;
  const struct world_operations *call = fixture->call;
  int first = call->file_open(world, fixture->path[0], WORLD_OPEN_CREATE);
  int second = call->file_open(world, fixture->path[0], WORLD_OPEN_WRITE);
  assert_int_equal(call->file_lock(world, first), 0);
  assert_int_equal(call->file_lock(world, first), 0);
  assert_int_equal(call->file_lock(world, second), -EWOULDBLOCK);
  assert_int_equal(call->file_close(world, first), 0);
  assert_int_equal(call->file_lock(world, second), 0);
  assert_int_equal(call->file_close(world, second), 0);
}

struct names {
  int count;
  bool seen[2];
};

static void note_name(void *context, const char *name)
{
  struct names *names = context;
  names->count++;
  if (strcmp(name, "one") == 0) names->seen[0] = true;
  if (strcmp(name, "two") == 0) names->seen[1] = true;
}

static struct names list(struct fixture *fixture)
{
  struct names names = {0};
  assert_int_equal(fixture->call->dir_list(fixture->world, fixture->directory, note_name, &names),
                   0);
  return names;
}

static void test_names(void **state)
{
  struct fixture *fixture = *state;
  struct world *world = fixture->world;
  const struct world_operations *call = fixture->call;
  assert_int_equal(list(fixture).count, 0);
  int one = call->file_open(world, fixture->path[0], WORLD_OPEN_CREATE);
  int two = call->file_open(world, fixture->path[1], WORLD_OPEN_CREATE);
  assert_int_equal(call->file_write(world, one, "1", 1, 0), 0);
  assert_int_equal(call->dir_sync(world, fixture->directory), 0);
  struct names names = list(fixture);
  assert_true(names.count == 2 && names.seen[0] && names.seen[1]);

  assert_int_equal(call->file_rename(world, fixture->path[0], fixture->path[1]), 0);
  names = list(fixture);
  assert_true(names.count == 1 && names.seen[1]);
  assert_int_equal(call->file_rename(world, fixture->path[0], fixture->path[1]), -ENOENT);
  assert_int_equal(call->file_close(world, two), 0);
  two = call->file_open(world, fixture->path[1], WORLD_OPEN_READ);
  assert_int_equal(call->file_size(world, two), 1);
  assert_int_equal(call->file_remove(world, fixture->path[1]), 0);
  assert_int_equal(call->file_remove(world, fixture->path[1]), -ENOENT);
  assert_int_equal(list(fixture).count, 0);
  assert_int_equal(call->file_close(world, one), 0);
  assert_int_equal(call->file_close(world, two), 0);
}

static void test_directories(void **state)
{
  struct fixture *fixture = *state;
  struct world *world = fixture->world;
  const struct world_operations *call = fixture->call;
  assert_int_equal(call->dir_make(world, fixture->directory), -EEXIST);
  assert_int_equal(call->dir_make(world, fixture->path[0]), 0);
  struct stat status;
  assert_int_equal(stat(fixture->path[0], &status), 0);
  assert_int_equal(status.st_mode & 07777, 0700);
  assert_int_equal(call->dir_sync(world, fixture->path[0]), 0);
  assert_int_equal(rmdir(fixture->path[0]), 0);
  assert_int_equal(call->dir_sync(world, fixture->path[0]), -ENOENT);
  assert_int_equal(call->dir_list(world, fixture->path[0], note_name, &(struct names){0}), -ENOENT);
  int file = call->file_open(world, fixture->path[0], WORLD_OPEN_CREATE);
  assert_int_equal(call->dir_list(world, fixture->path[0], note_name, NULL), -ENOTDIR);
  assert_int_equal(call->file_close(world, file), 0);
}

/* More entries than one getdents64 call returns. */
static void test_list_of_many_names(void **state)
{
  struct fixture *fixture = *state;
  enum { FILES = 700 };
  char path[128];
  for (int i = 0; i < FILES; i++) {
    snprintf(path, sizeof(path), "%s/a-rather-long-name-%d", fixture->directory, i);
    int file = fixture->call->file_open(fixture->world, path, WORLD_OPEN_CREATE);
    assert_true(file >= 0);
    assert_int_equal(fixture->call->file_close(fixture->world, file), 0);
  }
  assert_int_equal(list(fixture).count, FILES);
  for (int i = 0; i < FILES; i++) {
    snprintf(path, sizeof(path), "%s/a-rather-long-name-%d", fixture->directory, i);
    assert_int_equal(fixture->call->file_remove(fixture->world, path), 0);
  }
}

static void test_failures_are_negative_errno(void **state)
{
  struct fixture *fixture = *state;
  const struct world_operations *call = fixture->call;
  struct world *world = fixture->world;
  int full = call->file_open(world, "/dev/full", WORLD_OPEN_WRITE);
  if (full >= 0) {
    assert_int_equal(call->file_write(world, full, "x", 1, 0), -ENOSPC);
    assert_int_equal(call->file_close(world, full), 0);
  }
  assert_int_equal(call->file_sync(world, -1), -EBADF);
  assert_int_equal(call->file_allocate(world, -1, 10), -EBADF);
  assert_int_equal(call->file_truncate(world, -1, 10), -EBADF);
  assert_int_equal(call->file_uncache(world, -1, 0, 10), -EBADF);
  assert_int_equal(call->file_lock(world, -1), -EBADF);
  uint8_t byte;
  assert_int_equal(call->file_read(world, -1, &byte, 1, 0), -EBADF);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, make_fixture, drop_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FIXTURE(test_clocks_tell_the_system_time),
      WITH_FIXTURE(test_entropy_never_repeats_and_is_wiped),
      WITH_FIXTURE(test_open_flags_mode_and_cloexec),
      WITH_FIXTURE(test_read_write_and_sizes),
      WITH_FIXTURE(test_allocate_takes_blocks_and_keeps_contents),
      WITH_FIXTURE(test_lock_excludes_a_second_open_in_the_same_process),
      WITH_FIXTURE(test_names),
      WITH_FIXTURE(test_directories),
      WITH_FIXTURE(test_list_of_many_names),
      WITH_FIXTURE(test_failures_are_negative_errno),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
