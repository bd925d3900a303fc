#include "provider/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_facts(void **state)
{
  (void)state;
  assert_string_equal(fact_find("region", BYTES("ap-northeast-2")), "Asia Pacific (Seoul)");
  assert_null(fact_find("region", BYTES("mars-1")));
  assert_null(fact_find("nothing", BYTES("ap-northeast-2")));
  assert_string_equal(fact_zone_letters(BYTES("ap-northeast-2")), "abcd");
  assert_string_equal(fact_zone_letters(BYTES("eu-west-1")), "abc");
  assert_null(fact_zone_letters(BYTES("mars-1")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_facts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
