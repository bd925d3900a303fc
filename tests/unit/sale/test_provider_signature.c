#include "sale/provider_signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 4231, test case 2. */
#define KEY  BYTES("Jefe")
#define BODY BYTES("what do ya want for nothing?")
#define MAC  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

static bool is_valid(struct bytes header)
{
  return provider_signature_is_valid(BODY, header, KEY);
}

static void test_only_the_signature_is_valid(void **state)
{
  (void)state;
  assert_true(is_valid(BYTES("sha256=" MAC)));
  assert_false(is_valid(BYTES(MAC)));
  assert_false(is_valid(BYTES("sha256=" MAC "0")));
  assert_false(is_valid(BYTES("SHA256=" MAC)));
  assert_false(
      is_valid(BYTES("sha256=5BDCC146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")));
  assert_false(
      is_valid(BYTES("sha256=6bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")));
  assert_false(is_valid(BYTES("sha256=")));
  assert_false(is_valid((struct bytes){NULL, 0}));
  assert_false(provider_signature_is_valid(BYTES("What do ya want for nothing?"),
                                           BYTES("sha256=" MAC), KEY));
}

static void test_without_a_secret_nothing_is_signed(void **state)
{
  (void)state;
  /* HMAC-SHA-256 of nothing with an empty key. */
  assert_false(provider_signature_is_valid(
      BYTES(""), BYTES("sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
      BYTES("")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_only_the_signature_is_valid),
      cmocka_unit_test(test_without_a_secret_nothing_is_signed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
