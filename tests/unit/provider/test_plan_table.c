#include "provider/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_rows(void **state)
{
  (void)state;
  assert_true(plan_forces_new(BYTES("aws_vpc"), BYTES("cidr_block")));
  assert_false(plan_forces_new(BYTES("aws_vpc"), BYTES("tags")));
  assert_true(plan_forces_new(BYTES("aws_anything"), BYTES("region")));
  assert_false(plan_forces_new(BYTES("aws_anything"), BYTES("name")));
  assert_true(plan_is_volatile(BYTES("aws_launch_template"), BYTES("latest_version")));
  assert_false(plan_is_volatile(BYTES("aws_vpc"), BYTES("id")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
