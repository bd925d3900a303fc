#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "sim/random.h"
#include "sim/world_sim.h"

#include <errno.h>

enum { SECTOR = 512 };

struct fixture {
  struct world_sim *sim;
  struct world *world;
  const struct world_operations *call;
};

static struct fixture make(uint64_t seed)
{
  struct world_sim *sim = world_sim_new(seed);
  struct world *world = world_sim_world(sim);
  return (struct fixture){sim, world, world->operations};
}

static int open_file(struct fixture *fixture, const char *path)
{
  int file = fixture->call->file_open(fixture->world, path, WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  return file;
}

static void put(struct fixture *fixture, int file, uint64_t offset, uint8_t value, size_t size)
{
  uint8_t bytes[8 * SECTOR];
  assert_true(size <= sizeof(bytes));
  memset(bytes, value, size);
  assert_int_equal(fixture->call->file_write(fixture->world, file, bytes, size, offset), 0);
}

static void sync_file(struct fixture *fixture, int file)
{
  assert_int_equal(fixture->call->file_sync(fixture->world, file), 0);
}

static void sync_root(struct fixture *fixture)
{
  assert_int_equal(fixture->call->dir_sync(fixture->world, "/"), 0);
}

/* The size of a file, or the negative errno of opening it. */
static int64_t size_of(struct fixture *fixture, const char *path)
{
  int file = fixture->call->file_open(fixture->world, path, WORLD_OPEN_READ);
  if (file < 0) return file;
  int64_t size = fixture->call->file_size(fixture->world, file);
  assert_int_equal(fixture->call->file_close(fixture->world, file), 0);
  return size;
}

static size_t get(struct fixture *fixture, const char *path, uint8_t *to, size_t size)
{
  int file = fixture->call->file_open(fixture->world, path, WORLD_OPEN_READ);
  assert_true(file >= 0);
  int64_t count = fixture->call->file_read(fixture->world, file, to, size, 0);
  assert_true(count >= 0);
  assert_int_equal(fixture->call->file_close(fixture->world, file), 0);
  return (size_t)count;
}

/* ---- time and entropy ---- */

static void test_time_passes_only_when_told(void **state)
{
  (void)state;
  struct fixture fixture = make(1);
  int64_t start_ms = world_clock_ms(fixture.world);
  int64_t start_ns = world_monotonic_ns(fixture.world);
  assert_int_equal(start_ms, 1767225600000);
  assert_int_equal(start_ns, 0);
  world_sim_advance_ms(fixture.sim, 1500);
  assert_int_equal(world_clock_ms(fixture.world) - start_ms, 1500);
  assert_int_equal(world_monotonic_ns(fixture.world), 1500000000);
  world_sim_jump_clock_ms(fixture.sim, -5000);
  assert_int_equal(world_clock_ms(fixture.world) - start_ms, -3500);
  assert_int_equal(world_monotonic_ns(fixture.world), 1500000000);
  assert_int_equal(world_clock_ms(world_sim_client(fixture.sim)) - start_ms, -3500);
  world_sim_free(fixture.sim);
}

static void test_syncs_take_time_and_some_are_slow(void **state)
{
  (void)state;
  struct fixture fixture = make(2);
  world_sim_settings(fixture.sim)->slow_sync_per_million = 20000;
  int file = open_file(&fixture, "a");
  int slow = 0;
  for (int i = 0; i < 1000; i++) {
    int64_t before_ns = world_monotonic_ns(fixture.world);
    sync_file(&fixture, file);
    int64_t took_ns = world_monotonic_ns(fixture.world) - before_ns;
    assert_in_range(took_ns, 200000, 5000000000);
    slow += took_ns > 1000000000;
  }
  assert_in_range(slow, 3, 60);
  world_sim_free(fixture.sim);
}

static void test_entropy_is_seeded(void **state)
{
  (void)state;
  struct fixture one = make(7), same = make(7), other = make(8);
  uint8_t a[32], b[32], c[32];
  world_entropy(one.world, a, sizeof(a));
  world_entropy(same.world, b, sizeof(b));
  world_entropy(other.world, c, sizeof(c));
  assert_memory_equal(a, b, sizeof(a));
  assert_memory_not_equal(a, c, sizeof(a));
  world_entropy(one.world, b, sizeof(b));
  assert_memory_not_equal(a, b, sizeof(a));
  world_sim_free(one.sim);
  world_sim_free(same.sim);
  world_sim_free(other.sim);
}

/* ---- files without a crash ---- */

static void test_files_behave_like_files(void **state)
{
  (void)state;
  struct fixture fixture = make(3);
  const struct world_operations *call = fixture.call;
  struct world *world = fixture.world;
  assert_int_equal(call->file_open(world, "/d/a", WORLD_OPEN_CREATE), -ENOENT);
  assert_int_equal(call->dir_make(world, "/d"), 0);
  assert_int_equal(call->dir_make(world, "/d"), -EEXIST);
  assert_int_equal(call->file_open(world, "/d/a", WORLD_OPEN_WRITE), -ENOENT);
  int file = open_file(&fixture, "/d/a");
  assert_int_equal(call->file_open(world, "d/./a", WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE),
                   -EEXIST);
  assert_int_equal(call->file_open(world, "/d/a/b", WORLD_OPEN_CREATE), -ENOTDIR);
  assert_int_equal(call->file_open(world, "/d", WORLD_OPEN_READ), -EISDIR);
  assert_int_equal(call->file_write(world, file, "hello", 5, 3), 0);
  char text[16];
  assert_int_equal(call->file_read(world, file, text, sizeof(text), 0), 8);
  assert_memory_equal(text, "\0\0\0hello", 8);
  assert_int_equal(call->file_read(world, file, text, sizeof(text), 8), 0);
  assert_int_equal(call->file_truncate(world, file, 5), 0);
  assert_int_equal(call->file_allocate(world, file, 7), 0);
  assert_int_equal(call->file_read(world, file, text, sizeof(text), 3), 4);
  assert_memory_equal(text, "he\0\0", 4);
  assert_int_equal(call->file_allocate(world, file, 2), 0);
  assert_int_equal(call->file_size(world, file), 7);
  int reader = call->file_open(world, "/d/a", WORLD_OPEN_READ);
  assert_true(reader >= 0 && reader != file);
  assert_int_equal(call->file_write(world, reader, "x", 1, 0), -EBADF);
  assert_int_equal(call->file_close(world, reader), 0);
  assert_int_equal(call->file_close(world, reader), -EBADF);
  assert_int_equal(call->file_read(world, reader, text, 1, 0), -EBADF);
  world_sim_free(fixture.sim);
}

struct names {
  int count;
  char text[64];
};

static void add_name(void *context, const char *name)
{
  struct names *names = context;
  names->count++;
  strcat(names->text, name);
}

static void test_names_behave_like_names(void **state)
{
  (void)state;
  struct fixture fixture = make(4);
  const struct world_operations *call = fixture.call;
  struct world *world = fixture.world;
  int a = open_file(&fixture, "a"), b = open_file(&fixture, "b");
  put(&fixture, a, 0, 1, 100);
  assert_int_equal(call->file_rename(world, "a", "b"), 0);
  assert_int_equal(call->file_rename(world, "a", "b"), -ENOENT);
  assert_int_equal(size_of(&fixture, "b"), 100);
  assert_int_equal(call->file_size(world, b), 0); /* the handle still has the replaced file */
  struct names names = {0};
  assert_int_equal(call->dir_list(world, "/", add_name, &names), 0);
  assert_int_equal(names.count, 1);
  assert_string_equal(names.text, "b");
  assert_int_equal(call->file_remove(world, "b"), 0);
  assert_int_equal(call->file_remove(world, "b"), -ENOENT);
  assert_int_equal(call->file_size(world, a), 100);
  assert_int_equal(call->dir_make(world, "d"), 0);
  int c = open_file(&fixture, "c");
  assert_int_equal(call->file_rename(world, "c", "d/c"), -EXDEV);
  assert_int_equal(call->file_close(world, c), 0);
  assert_int_equal(call->file_remove(world, "d"), -EISDIR);
  assert_int_equal(call->dir_list(world, "c", add_name, &names), -ENOTDIR);
  assert_int_equal(call->dir_sync(world, "nowhere"), -ENOENT);
  world_sim_free(fixture.sim);
}

static void test_locks_exclude_and_die_with_the_process(void **state)
{
  (void)state;
  struct fixture fixture = make(5);
  const struct world_operations *call = fixture.call;
  struct world *world = fixture.world;
  int first = open_file(&fixture, "lock");
  sync_root(&fixture);
  int second = open_file(&fixture, "lock");
  assert_int_equal(call->file_lock(world, first), 0);
  assert_int_equal(call->file_lock(world, first), 0);
  assert_int_equal(call->file_lock(world, second), -EWOULDBLOCK);
  assert_int_equal(call->file_close(world, first), 0);
  assert_int_equal(call->file_lock(world, second), 0);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_KEEP);
  assert_int_equal(call->file_lock(world, second), -EBADF);
  assert_int_equal(call->file_close(world, second), -EBADF);
  int third = open_file(&fixture, "lock");
  assert_int_equal(call->file_lock(world, third), 0);
  world_sim_free(fixture.sim);
}

/* ---- crashes ---- */

/* A durable file of `sectors` sectors of 'o', then all of them overwritten with 'n', unsynced. */
static struct fixture make_overwritten(uint64_t seed, size_t sectors)
{
  struct fixture fixture = make(seed);
  int file = open_file(&fixture, "f");
  put(&fixture, file, 0, 'o', sectors * SECTOR);
  sync_file(&fixture, file);
  sync_root(&fixture);
  put(&fixture, file, 0, 'n', sectors * SECTOR);
  return fixture;
}

enum outcome { ALL_OLD = 1, ALL_NEW = 2, TORN = 4 };

static enum outcome outcome_of(const uint8_t *sector)
{
  size_t count = 0;
  for (size_t i = 0; i < SECTOR; i++) {
    assert_true(sector[i] == 'o' || sector[i] == 'n');
    count += sector[i] == 'n';
  }
  return count == 0 ? ALL_OLD : count == SECTOR ? ALL_NEW : TORN;
}

static void test_a_crash_drops_keeps_or_tears_unsynced_sectors(void **state)
{
  (void)state;
  unsigned in_mix = 0;
  for (uint64_t seed = 0; seed < 50; seed++) {
    uint8_t bytes[8 * SECTOR];
    struct fixture fixture = make_overwritten(seed, 8);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
    assert_int_equal(get(&fixture, "f", bytes, sizeof(bytes)), sizeof(bytes));
    for (int i = 0; i < 8; i++) assert_int_equal(outcome_of(bytes + i * SECTOR), ALL_OLD);
    world_sim_free(fixture.sim);

    fixture = make_overwritten(seed, 8);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_KEEP);
    assert_int_equal(get(&fixture, "f", bytes, sizeof(bytes)), sizeof(bytes));
    for (int i = 0; i < 8; i++) assert_int_equal(outcome_of(bytes + i * SECTOR), ALL_NEW);
    world_sim_free(fixture.sim);

    fixture = make_overwritten(seed, 8);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_PREFIX);
    assert_int_equal(get(&fixture, "f", bytes, sizeof(bytes)), sizeof(bytes));
    bool ended = false;
    for (int i = 0; i < 8; i++) {
      enum outcome outcome = outcome_of(bytes + i * SECTOR);
      if (ended) assert_int_equal(outcome, ALL_OLD);
      if (outcome != ALL_NEW) ended = true;
    }
    world_sim_free(fixture.sim);

    fixture = make_overwritten(seed, 8);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_MIX);
    get(&fixture, "f", bytes, sizeof(bytes));
    for (int i = 0; i < 8; i++) in_mix |= outcome_of(bytes + i * SECTOR);
    world_sim_free(fixture.sim);
  }
  assert_int_equal(in_mix, ALL_OLD | ALL_NEW | TORN);
}

static void test_a_version_between_may_have_reached_the_disk(void **state)
{
  (void)state;
  int seen[3] = {0};
  for (uint64_t seed = 0; seed < 100; seed++) {
    struct fixture fixture = make(seed);
    int file = open_file(&fixture, "f");
    put(&fixture, file, 0, 0, SECTOR);
    sync_file(&fixture, file);
    sync_root(&fixture);
    put(&fixture, file, 0, 1, SECTOR);
    put(&fixture, file, 0, 2, SECTOR);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
    uint8_t bytes[SECTOR];
    assert_int_equal(get(&fixture, "f", bytes, sizeof(bytes)), SECTOR);
    seen[bytes[0]]++;
    world_sim_free(fixture.sim);
  }
  assert_true(seen[0] > 50 && seen[1] > 5 && seen[2] == 0);
}

static void test_sizes_are_pending_until_a_sync(void **state)
{
  (void)state;
  int kept = 0, cut = 0;
  for (uint64_t seed = 0; seed < 100; seed++) {
    struct fixture fixture = make(seed);
    int grown = open_file(&fixture, "grown"), cut_off = open_file(&fixture, "cut");
    put(&fixture, grown, 0, 'a', 100);
    put(&fixture, cut_off, 0, 'b', 3000);
    sync_file(&fixture, grown);
    sync_file(&fixture, cut_off);
    sync_root(&fixture);
    assert_int_equal(fixture.call->file_allocate(fixture.world, grown, 4000), 0);
    put(&fixture, grown, 3000, 'c', 1000);
    assert_int_equal(fixture.call->file_truncate(fixture.world, cut_off, 700), 0);
    put(&fixture, cut_off, 1000, 'd', 24);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_MIX);

    uint8_t bytes[4096];
    int64_t size = (int64_t)get(&fixture, "grown", bytes, sizeof(bytes));
    assert_true(size == 100 || size == 4000);
    kept += size == 4000;
    for (int64_t i = 0; i < size; i++)
      assert_true(i < 100 ? bytes[i] == 'a' : bytes[i] == 0 || (bytes[i] == 'c' && i >= 3000));
    size = (int64_t)get(&fixture, "cut", bytes, sizeof(bytes));
    assert_true(size == 3000 || size == 1024);
    cut += size == 1024;
    for (int64_t i = 0; i < size; i++) {
      if (size == 3000 || i < 700)
        assert_int_equal(bytes[i], 'b');
      else
        assert_true(bytes[i] == 0 || (bytes[i] == 'd' && i >= 1000));
    }
    world_sim_free(fixture.sim);
  }
  assert_in_range(kept, 20, 80);
  assert_in_range(cut, 20, 80);
}

static void test_names_survive_as_a_prefix_of_their_changes(void **state)
{
  (void)state;
  int seen[5] = {0};
  for (uint64_t seed = 0; seed < 200; seed++) {
    struct fixture fixture = make(seed);
    struct world *world = fixture.world;
    int old = open_file(&fixture, "current");
    put(&fixture, old, 0, 'o', 10);
    sync_file(&fixture, old);
    sync_root(&fixture);
    int new = open_file(&fixture, "next");
    put(&fixture, new, 0, 'n', 20);
    sync_file(&fixture, new);
    assert_int_equal(fixture.call->file_rename(world, "next", "current"), 0);
    assert_int_equal(fixture.call->file_close(world, open_file(&fixture, "third")), 0);
    assert_int_equal(fixture.call->file_remove(world, "current"), 0);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_PREFIX);
    int64_t current = size_of(&fixture, "current"), next = size_of(&fixture, "next");
    int64_t third = size_of(&fixture, "third");
    if (current == 10 && next == -ENOENT && third == -ENOENT)
      seen[0]++;
    else if (current == 10 && next == 20 && third == -ENOENT)
      seen[1]++;
    else if (current == 20 && next == -ENOENT && third == -ENOENT)
      seen[2]++;
    else if (current == 20 && next == -ENOENT && third == 0)
      seen[3]++;
    else if (current == -ENOENT && next == -ENOENT && third == 0)
      seen[4]++;
    else
      fail_msg("seed %d: no prefix leaves %d %d %d", (int)seed, (int)current, (int)next,
               (int)third);
    world_sim_free(fixture.sim);
  }
  for (int i = 0; i < 5; i++) assert_in_range(seen[i], 15, 80);
}

static void test_a_lost_directory_takes_its_files_along(void **state)
{
  (void)state;
  struct fixture fixture = make(6);
  assert_int_equal(fixture.call->dir_make(fixture.world, "d"), 0);
  int file = open_file(&fixture, "d/f");
  sync_file(&fixture, file);
  assert_int_equal(fixture.call->dir_sync(fixture.world, "d"), 0);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
  assert_int_equal(size_of(&fixture, "d/f"), -ENOENT);
  assert_int_equal(fixture.call->dir_make(fixture.world, "d"), 0);
  sync_root(&fixture);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
  assert_int_equal(fixture.call->dir_make(fixture.world, "d"), -EEXIST);
  world_sim_free(fixture.sim);
}

/* ---- crash points ---- */

/* A write, a sync, a rename and the like; the number of operations that succeeded. */
static int run_script(struct fixture *fixture)
{
  const struct world_operations *call = fixture->call;
  struct world *world = fixture->world;
  uint8_t bytes[2 * SECTOR];
  memset(bytes, 'n', sizeof(bytes));
  int done = 0;
  int file = call->file_open(world, "f", WORLD_OPEN_CREATE);
  if (file < 0) return done;
  done++;
  done += call->file_allocate(world, file, 4096) == 0;
  done += call->file_write(world, file, bytes, sizeof(bytes), 0) == 0;
  done += call->file_sync(world, file) == 0;
  done += call->file_truncate(world, file, 1000) == 0;
  done += call->file_rename(world, "f", "g") == 0;
  done += call->dir_sync(world, "/") == 0;
  done += call->dir_make(world, "d") == 0;
  done += call->file_remove(world, "g") == 0;
  if (world_sim_is_dead(fixture->sim)) {
    uint8_t byte;
    assert_int_equal(call->file_read(world, file, &byte, 1, 0), -EIO);
    assert_int_equal(call->file_size(world, file), -EIO);
    assert_int_equal(call->file_lock(world, file), -EIO);
    assert_int_equal(call->file_open(world, "f", WORLD_OPEN_READ), -EIO);
    assert_int_equal(call->dir_list(world, "/", add_name, NULL), -EIO);
    assert_int_equal(call->file_close(world, file), 0);
  }
  return done;
}

static void test_a_crash_point_kills_every_later_operation(void **state)
{
  (void)state;
  struct fixture fixture = make(9);
  assert_int_equal(run_script(&fixture), 9);
  assert_int_equal(world_sim_disk_operations(fixture.sim), 9);
  assert_false(world_sim_is_dead(fixture.sim));
  world_sim_free(fixture.sim);
  bool took_effect[2] = {false, false};
  for (uint64_t seed = 0; seed < 20; seed++) {
    for (int n = 1; n <= 9; n++) {
      fixture = make(seed);
      world_sim_crash_after(fixture.sim, (uint64_t)n);
      assert_int_equal(run_script(&fixture), n - 1);
      assert_true(world_sim_is_dead(fixture.sim));
      world_sim_crash(fixture.sim, WORLD_SIM_CRASH_KEEP);
      assert_false(world_sim_is_dead(fixture.sim));
      if (n == 1) took_effect[size_of(&fixture, "f") == 0] = true;
      if (n == 9) assert_true(size_of(&fixture, "d") == -EISDIR);
      if (n == 8) assert_int_equal(size_of(&fixture, "g"), 1000);
      world_sim_free(fixture.sim);
    }
  }
  assert_true(took_effect[0] && took_effect[1]);
}

static void test_the_last_write_may_be_partial(void **state)
{
  (void)state;
  int shorter = 0;
  for (uint64_t seed = 0; seed < 40; seed++) {
    struct fixture fixture = make(seed);
    world_sim_crash_after(fixture.sim, 3);
    run_script(&fixture);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_KEEP);
    uint8_t bytes[4096];
    assert_int_equal(get(&fixture, "f", bytes, sizeof(bytes)), 4096);
    size_t written = 0;
    while (bytes[written] == 'n') written++;
    assert_true(written <= 2 * SECTOR);
    for (size_t i = written; i < sizeof(bytes); i++) assert_int_equal(bytes[i], 0);
    shorter += written < 2 * SECTOR;
    world_sim_free(fixture.sim);
  }
  assert_true(shorter > 30);
}

/* ---- faults ---- */

static void test_the_nth_operation_fails_once_or_for_ever(void **state)
{
  (void)state;
  struct fixture fixture = make(10);
  const struct world_operations *call = fixture.call;
  struct world *world = fixture.world;
  int file = open_file(&fixture, "f");
  put(&fixture, file, 0, 'a', 100);
  uint8_t byte;
  world_sim_fail(fixture.sim, WORLD_SIM_READ, 2, EIO, false);
  assert_int_equal(call->file_read(world, file, &byte, 1, 0), 1);
  assert_int_equal(call->file_read(world, file, &byte, 1, 0), -EIO);
  assert_int_equal(call->file_read(world, file, &byte, 1, 0), 1);
  world_sim_fail(fixture.sim, WORLD_SIM_WRITE, 1, ENOSPC, true);
  for (int i = 0; i < 3; i++) assert_int_equal(call->file_write(world, file, "x", 1, 200), -ENOSPC);
  world_sim_fail(fixture.sim, WORLD_SIM_WRITE, 0, 0, false);
  assert_int_equal(call->file_write(world, file, "x", 1, 0), 0);
  world_sim_fail(fixture.sim, WORLD_SIM_ALLOCATE, 1, ENOSPC, false);
  int64_t size = call->file_size(world, file);
  assert_int_equal(call->file_allocate(world, file, 5000), -ENOSPC);
  assert_int_equal(call->file_size(world, file), size);
  world_sim_fail(fixture.sim, WORLD_SIM_RENAME, 1, EIO, false);
  assert_int_equal(call->file_rename(world, "f", "g"), -EIO);
  assert_int_equal(size_of(&fixture, "g"), -ENOENT);
  world_sim_fail(fixture.sim, WORLD_SIM_CREATE, 1, ENOSPC, false);
  assert_int_equal(call->file_open(world, "new", WORLD_OPEN_CREATE), -ENOSPC);
  assert_int_equal(size_of(&fixture, "new"), -ENOENT);
  world_sim_fail(fixture.sim, WORLD_SIM_DIR_SYNC, 1, EIO, false);
  assert_int_equal(call->dir_sync(world, "/"), -EIO);
  world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
  assert_int_equal(size_of(&fixture, "f"), -ENOENT);
  world_sim_free(fixture.sim);
}

/* fsync(2): after an error the kernel calls lost pages clean, so a second sync proves nothing. */
static void test_a_failed_sync_loses_data_that_a_second_one_does_not_save(void **state)
{
  (void)state;
  unsigned seen = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    struct fixture fixture = make_overwritten(seed, 4);
    int file = open_file(&fixture, "f");
    world_sim_fail(fixture.sim, WORLD_SIM_SYNC, 1, EIO, false);
    assert_int_equal(fixture.call->file_sync(fixture.world, file), -EIO);
    uint8_t bytes[4 * SECTOR];
    get(&fixture, "f", bytes, sizeof(bytes));
    for (int i = 0; i < 4; i++) assert_int_equal(outcome_of(bytes + i * SECTOR), ALL_NEW);
    put(&fixture, file, 3 * SECTOR, 'n', SECTOR);
    sync_file(&fixture, file);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_KEEP);
    get(&fixture, "f", bytes, sizeof(bytes));
    for (int i = 0; i < 3; i++) seen |= outcome_of(bytes + i * SECTOR);
    assert_int_equal(outcome_of(bytes + 3 * SECTOR), ALL_NEW);
    world_sim_free(fixture.sim);
  }
  assert_int_equal(seen, ALL_OLD | ALL_NEW);
}

static void test_a_full_disk_refuses_growth_only(void **state)
{
  (void)state;
  struct fixture fixture = make(11);
  const struct world_operations *call = fixture.call;
  struct world *world = fixture.world;
  world_sim_settings(fixture.sim)->disk_bytes = 16384;
  int first = open_file(&fixture, "a"), second = open_file(&fixture, "b");
  assert_int_equal(call->file_allocate(world, first, 8192), 0);
  assert_int_equal(call->file_allocate(world, second, 8193), -ENOSPC);
  assert_int_equal(call->file_size(world, second), 0);
  assert_int_equal(call->file_allocate(world, second, 8000), 0);
  put(&fixture, first, 4096, 'x', 4096);
  put(&fixture, second, 8000, 'x', 192);
  assert_int_equal(call->file_write(world, second, "12", 2, 8191), -ENOSPC);
  assert_int_equal(call->file_size(world, second), 8192);
  assert_int_equal(call->file_close(world, first), 0);
  assert_int_equal(call->file_remove(world, "a"), 0);
  assert_int_equal(call->file_allocate(world, second, 16384), 0);
  assert_int_equal(call->file_truncate(world, second, 4096), 0);
  int third = open_file(&fixture, "c");
  assert_int_equal(call->file_allocate(world, third, 12288), 0);
  world_sim_free(fixture.sim);
}

static void sum_sizes(void *context, const char *path, uint64_t size)
{
  assert_int_equal(path[0], '/');
  *(uint64_t *)context += size;
}

static void test_flips_change_exactly_one_bit(void **state)
{
  (void)state;
  struct fixture fixture = make(12);
  struct world_sim_place place;
  assert_false(world_sim_flip_random(fixture.sim, NULL, &place));
  assert_int_equal(fixture.call->dir_make(fixture.world, "d"), 0);
  int small = open_file(&fixture, "small"), large = open_file(&fixture, "d/large");
  put(&fixture, small, 0, 0, 10);
  put(&fixture, large, 0, 0, 2000);
  sync_file(&fixture, small);
  sync_file(&fixture, large);
  sync_root(&fixture);
  assert_int_equal(fixture.call->dir_sync(fixture.world, "d"), 0);
  uint64_t total = 0;
  world_sim_visit_files(fixture.sim, sum_sizes, &total);
  assert_int_equal(total, 2010);
  assert_int_equal(world_sim_flip(fixture.sim, "/small", 10, 0), -EINVAL);
  assert_int_equal(world_sim_flip(fixture.sim, "/none", 0, 0), -ENOENT);
  assert_int_equal(world_sim_flip(fixture.sim, "/small", 9, 3), 0);
  uint8_t bytes[2000];
  assert_int_equal(get(&fixture, "small", bytes, sizeof(bytes)), 10);
  assert_int_equal(bytes[9], 8);
  for (int i = 0; i < 50; i++) {
    assert_true(world_sim_flip_random(fixture.sim, i % 2 == 0 ? NULL : "/d/large", &place));
    if (i % 2 == 1) assert_string_equal(place.path, "/d/large");
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_DROP);
    size_t size = get(&fixture, place.path, bytes, sizeof(bytes));
    assert_true(place.offset < size);
    assert_int_equal(bytes[place.offset] >> place.bit & 1, 1);
    assert_int_equal(world_sim_flip(fixture.sim, place.path, place.offset, place.bit), 0);
  }
  world_sim_free(fixture.sim);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_time_passes_only_when_told),
      cmocka_unit_test(test_syncs_take_time_and_some_are_slow),
      cmocka_unit_test(test_entropy_is_seeded),
      cmocka_unit_test(test_files_behave_like_files),
      cmocka_unit_test(test_names_behave_like_names),
      cmocka_unit_test(test_locks_exclude_and_die_with_the_process),
      cmocka_unit_test(test_a_crash_drops_keeps_or_tears_unsynced_sectors),
      cmocka_unit_test(test_a_version_between_may_have_reached_the_disk),
      cmocka_unit_test(test_sizes_are_pending_until_a_sync),
      cmocka_unit_test(test_names_survive_as_a_prefix_of_their_changes),
      cmocka_unit_test(test_a_lost_directory_takes_its_files_along),
      cmocka_unit_test(test_a_crash_point_kills_every_later_operation),
      cmocka_unit_test(test_the_last_write_may_be_partial),
      cmocka_unit_test(test_the_nth_operation_fails_once_or_for_ever),
      cmocka_unit_test(test_a_failed_sync_loses_data_that_a_second_one_does_not_save),
      cmocka_unit_test(test_a_full_disk_refuses_growth_only),
      cmocka_unit_test(test_flips_change_exactly_one_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
