#include "ops/process.h"

#include "unit/ops/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static double metric(const struct process *process, const char *name)
{
  struct memory memory = {0};
  struct buffer buffer;
  struct metrics_writer writer;
  char value[64];
  buffer_init(&buffer, &memory);
  metrics_writer_init(&writer, &buffer);
  process_write_metrics(process, &writer);
  exposition_check(buffer_bytes(&buffer));
  bool found = exposition_find(buffer_bytes(&buffer), name, value);
  buffer_free(&buffer);
  return found ? strtod(value, NULL) : -1;
}

static void test_memory_is_what_is_touched(void **state)
{
  (void)state;
  struct process process;
  process_init(&process);
  double before = metric(&process, "process_resident_memory_bytes");
  assert_true(before > 1e6);
  struct memory memory = {0};
  size_t size = 64 << 20;
  uint8_t *block = memory_map(&memory, size);
  assert_non_null(block);
  for (size_t i = 0; i < size; i += 4096) block[i] = 1;
  double after = metric(&process, "process_resident_memory_bytes");
  assert_true(after > before + (double)size * 0.9);
  memory_unmap(&memory, block, size);
}

static void test_time_is_used(void **state)
{
  (void)state;
  struct process process;
  process_init(&process);
  double before = metric(&process, "process_cpu_seconds_total");
  assert_true(before > 0);
  struct timespec now;
  do {
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < before + 0.02);
  double after = metric(&process, "process_cpu_seconds_total");
  assert_true(after >= before + 0.02 && after < before + 60);
}

static void test_descriptors_are_counted(void **state)
{
  (void)state;
  struct process process;
  process_init(&process);
  double before = metric(&process, "process_open_fds");
  assert_true(before >= 0);
  int ends[300][2];
  for (int i = 0; i < 300; i++) assert_int_equal(pipe(ends[i]), 0);
  assert_true(metric(&process, "process_open_fds") == before + 600);
  for (int i = 0; i < 300; i++) {
    close(ends[i][0]);
    close(ends[i][1]);
  }
  assert_true(metric(&process, "process_open_fds") == before);
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_true(metric(&process, "process_max_fds") == (double)limit.rlim_cur);
}

static void test_start_is_a_moment_ago_and_stays(void **state)
{
  (void)state;
  struct process process;
  process_init(&process);
  double start = metric(&process, "process_start_time_seconds");
  double now = (double)time(NULL);
  assert_true(start > now - 600 && start < now + 2);
  assert_true(metric(&process, "process_start_time_seconds") == start);
}

static void test_what_is_unknown_is_left_out(void **state)
{
  (void)state;
  const struct process process = {0};
  assert_true(metric(&process, "process_start_time_seconds") == -1);
  /* No descriptor is free to read /proc with. */
  struct rlimit limit, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none = limit;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  double memory = metric(&process, "process_resident_memory_bytes");
  double open = metric(&process, "process_open_fds");
  double most = metric(&process, "process_max_fds");
  struct process started;
  process_init(&started);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_true(memory == -1 && open == -1 && most == 0);
  assert_int_equal(started.start_ns, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_memory_is_what_is_touched),
      cmocka_unit_test(test_time_is_used),
      cmocka_unit_test(test_descriptors_are_counted),
      cmocka_unit_test(test_start_is_a_moment_ago_and_stays),
      cmocka_unit_test(test_what_is_unknown_is_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
