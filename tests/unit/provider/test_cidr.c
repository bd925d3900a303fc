#include "provider/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_parse(void **state)
{
  (void)state;
  static const char *const REFUSED[] = {"",
                                        "10.0.0.0",
                                        "10.0.0.0/33",
                                        "10.0.0/8",
                                        "10.0.0.0.0/8",
                                        "10.0.0.1/24",
                                        "010.0.0.0/8",
                                        "256.0.0.0/8",
                                        "10.0.0.0/",
                                        "/8",
                                        "10.0.0.0/-1",
                                        "a.b.c.d/8",
                                        "10.0.0.0/8/8",
                                        "10..0.0/8"};
  struct cidr cidr;
  for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
    if (cidr_parse(bytes_of_text(REFUSED[i]), &cidr)) fail_msg("accepted %s", REFUSED[i]);
  }
  assert_true(cidr_parse(BYTES("10.180.4.0/22"), &cidr));
  assert_int_equal(cidr.address, 0x0ab40400);
  assert_int_equal(cidr.bits, 22);
  assert_true(cidr_parse(BYTES("0.0.0.0/0"), &cidr));
  assert_true(cidr_parse(BYTES("255.255.255.255/32"), &cidr));
}

static struct cidr parsed(const char *text)
{
  struct cidr cidr;
  assert_true(cidr_parse(bytes_of_text(text), &cidr));
  return cidr;
}

static void test_contains_and_overlaps(void **state)
{
  (void)state;
  struct cidr vpc = parsed("10.180.0.0/20");
  assert_true(cidr_contains(vpc, vpc));
  assert_true(cidr_contains(vpc, parsed("10.180.15.0/24")));
  assert_false(cidr_contains(vpc, parsed("10.180.16.0/24")));
  assert_false(cidr_contains(parsed("10.180.0.0/24"), vpc));
  assert_true(cidr_contains(parsed("0.0.0.0/0"), vpc));
  assert_true(cidr_overlaps(parsed("10.180.0.0/24"), vpc));
  assert_true(cidr_overlaps(vpc, parsed("10.180.0.0/24")));
  assert_false(cidr_overlaps(parsed("10.180.0.0/24"), parsed("10.180.1.0/24")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parse),
      cmocka_unit_test(test_contains_and_overlaps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
