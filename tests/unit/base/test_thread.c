#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Leaves the CPU it runs on, twice, and tells where it was and is. */
struct visit {
  int first;
  int second;
  int third;
};

static void *leave_twice(void *context)
{
  struct visit *visit = context;
  visit->first = thread_cpu();
  thread_leave_cpu(visit->first);
  visit->second = thread_cpu();
  thread_leave_cpu(visit->second);
  visit->third = thread_cpu();
  return NULL;
}

static struct visit run_visit(void)
{
  pthread_t thread;
  struct visit visit = {-1, -1, -1};
  assert_int_equal(pthread_create(&thread, NULL, leave_twice, &visit), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  return visit;
}

static void test_leaves_its_cpu(void **state)
{
  (void)state;
  cpu_set_t allowed;
  assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  if (CPU_COUNT(&allowed) < 2) skip();
  for (int i = 0; i < 20; i++) {
    struct visit visit = run_visit();
    assert_int_not_equal(visit.first, visit.second);
    assert_int_not_equal(visit.second, visit.third);
    assert_true(CPU_ISSET((size_t)visit.second, &allowed));
    assert_true(CPU_ISSET((size_t)visit.third, &allowed));
  }
}

static void test_stays_where_it_must(void **state)
{
  (void)state;
  cpu_set_t before;
  cpu_set_t one;
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  CPU_SET((size_t)thread_cpu(), &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  struct visit visit = run_visit();
  assert_int_equal(visit.first, visit.second);
  assert_int_equal(visit.second, visit.third);
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void test_other_cpus_do_not_matter(void **state)
{
  (void)state;
  cpu_set_t before;
  cpu_set_t after;
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  thread_leave_cpu(-1);
  thread_leave_cpu(CPU_SETSIZE);
  thread_leave_cpu(CPU_SETSIZE - 1);
  assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
  assert_true(CPU_EQUAL(&before, &after));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_leaves_its_cpu),
      cmocka_unit_test(test_stays_where_it_must),
      cmocka_unit_test(test_other_cpus_do_not_matter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
