#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail_check(void)
{
  bool seat_free = false;
  CHECK(seat_free);
}

static void fail_check_that(void)
{
  int held = 3;
  CHECK_THAT(held, <=, 2);
}

static void fail_negative(void)
{
  int64_t balance = INT64_MIN;
  CHECK_THAT(balance, ==, INT64_MAX);
}

/* Runs `action` in a child: what it printed to stderr, and that it died of SIGABRT. */
static void run_aborting(void (*action)(void), char *output, size_t capacity)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    action();
    _exit(0);
  }
  close(ends[1]);
  size_t size = 0;
  ssize_t got;
  while ((got = read(ends[0], output + size, capacity - 1 - size)) > 0) size += (size_t)got;
  output[size] = 0;
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_failure_says_what_and_where(void **unused)
{
  (void)unused;
  char output[1024];
  char wanted[1024];
  run_aborting(fail_check, output, sizeof(output));
  snprintf(wanted, sizeof(wanted), "CHECK failed: seat_free, in fail_check at %s:", __FILE__);
  assert_memory_equal(output, wanted, strlen(wanted));
  int line = 0;
  assert_int_equal(sscanf(output + strlen(wanted), "%d\n", &line), 1);
  assert_true(line > 10 && line < __LINE__);
}

static void test_comparison_prints_both_values(void **unused)
{
  (void)unused;
  char output[1024];
  char wanted[1024];
  run_aborting(fail_check_that, output, sizeof(output));
  snprintf(wanted, sizeof(wanted),
           "CHECK failed: held <= 2 (3, 2), in fail_check_that at %s:", __FILE__);
  assert_memory_equal(output, wanted, strlen(wanted));
  run_aborting(fail_negative, output, sizeof(output));
  assert_non_null(strstr(output, "(-9223372036854775808, 9223372036854775807), in fail_negative"));
}

static int evaluated(int *count)
{
  return ++*count;
}

static void test_success_evaluates_once(void **unused)
{
  (void)unused;
  int count = 0;
  CHECK(evaluated(&count) == 1);
  CHECK_THAT(evaluated(&count), ==, 2);
  assert_int_equal(count, 2);
  CHECK_SLOW(evaluated(&count) == 3);
#ifdef TACOS_CHECK_SLOW
  assert_int_equal(count, 3);
#else
  assert_int_equal(count, 2);
#endif
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_failure_says_what_and_where),
      cmocka_unit_test(test_comparison_prints_both_values),
      cmocka_unit_test(test_success_evaluates_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
