#include "sale/sale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_every_refusal_says_what_to_do(void **state)
{
  (void)state;
  for (enum sale_refusal i = SALE_OK + 1; i < SALE_REFUSALS; i++) {
    const struct sale_refusal_row *row = sale_refusal_row(i);
    assert_non_null(row->code);
    assert_true(row->status >= 400 && row->status < 600);
    assert_true(strlen(row->message) > 10);
    assert_int_equal(strspn(row->code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(row->code));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_refusal_says_what_to_do)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
