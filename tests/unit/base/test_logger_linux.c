#include "base/logger.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_line_arrives(void **state)
{
  (void)state;
  int ends[2];
  char read_back[16];
  assert_int_equal(pipe(ends), 0);
  assert_true(logger_to_descriptor(&ends[1], BYTES("{\"a\":1}\n")));
  assert_int_equal(read(ends[0], read_back, sizeof(read_back)), 8);
  assert_memory_equal(read_back, "{\"a\":1}\n", 8);
  close(ends[0]);
  close(ends[1]);
}

/* The descriptor is in blocking mode: a sink that wrote without looking would hang here. */
static void test_full_pipe_refuses_whole_lines(void **state)
{
  (void)state;
  static uint8_t line[LOGGER_LINE_BYTES], read_back[LOGGER_LINE_BYTES];
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  int capacity = fcntl(ends[1], F_GETPIPE_SZ);
  int taken = 0;
  while (logger_to_descriptor(&ends[1], bytes_of(line, sizeof(line)))) taken++;
  assert_int_equal(taken, capacity / LOGGER_LINE_BYTES);
  assert_false(logger_to_descriptor(&ends[1], BYTES("x\n")));
  assert_int_equal(read(ends[0], read_back, sizeof(read_back)), sizeof(read_back));
  assert_true(logger_to_descriptor(&ends[1], BYTES("x\n")));
  close(ends[0]);
  close(ends[1]);
}

static void test_broken_descriptor_refuses(void **state)
{
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  signal(SIGPIPE, SIG_IGN);
  close(ends[0]);
  assert_false(logger_to_descriptor(&ends[1], BYTES("x\n")));
  close(ends[1]);
  assert_false(logger_to_descriptor(&ends[1], BYTES("x\n")));
}

static void test_file_takes_all(void **state)
{
  (void)state;
  char path[] = "/tmp/tacos-logger-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  unlink(path);
  for (int i = 0; i < 100; i++) assert_true(logger_to_descriptor(&file, BYTES("12345678\n")));
  assert_int_equal(lseek(file, 0, SEEK_CUR), 900);
  close(file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_line_arrives),
      cmocka_unit_test(test_full_pipe_refuses_whole_lines),
      cmocka_unit_test(test_broken_descriptor_refuses),
      cmocka_unit_test(test_file_takes_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
