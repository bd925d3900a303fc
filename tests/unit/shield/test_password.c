#include "shield/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <argon2.h>
#include <cmocka.h>

static const struct password_cost CHEAP = {.memory_kib = 8, .passes = 1, .lanes = 1};
static const uint8_t SALT[PASSWORD_SALT_BYTES] = "0123456789abcdef";

static enum password_verdict verify(const char *password, const char *text)
{
  struct memory memory = {0};
  return password_verify(&memory, bytes_of_text(password), bytes_of_text(text));
}

/* RFC 9106 5.3: that the library is argon2id. */
static void test_vector_of_rfc_9106(void **state)
{
  (void)state;
  static const uint8_t tag[32] = {0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37,
                                  0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75,
                                  0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59};
  uint8_t password[32];
  uint8_t salt[16];
  uint8_t secret[8];
  uint8_t data[12];
  uint8_t out[32];
  memset(password, 1, sizeof password);
  memset(salt, 2, sizeof salt);
  memset(secret, 3, sizeof secret);
  memset(data, 4, sizeof data);
  argon2_context context = {
      .out = out,
      .outlen = sizeof out,
      .pwd = password,
      .pwdlen = sizeof password,
      .salt = salt,
      .saltlen = sizeof salt,
      .secret = secret,
      .secretlen = sizeof secret,
      .ad = data,
      .adlen = sizeof data,
      .t_cost = 3,
      .m_cost = 32,
      .lanes = 4,
      .threads = 1,
      .version = ARGON2_VERSION_13,
  };
  assert_int_equal(argon2id_ctx(&context), ARGON2_OK);
  assert_memory_equal(out, tag, sizeof tag);
}

/* Strings of the reference implementation's own tests (phc-winner-argon2, src/test.c). */
static void test_strings_of_the_reference(void **state)
{
  (void)state;
  static const struct {
    const char *password;
    const char *text;
  } cases[] = {
      {"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                   "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
      {"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
                   "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
      {"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$"
                   "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(verify(cases[i].password, cases[i].text), PASSWORD_VERDICT_MATCHES);
    assert_int_equal(verify("passwore", cases[i].text), PASSWORD_VERDICT_DIFFERS);
    assert_int_equal(verify("", cases[i].text), PASSWORD_VERDICT_DIFFERS);
    assert_true(password_is_weaker(bytes_of_text(cases[i].text), &password_cost_today));
  }
}

/* What we write is what the library's string functions read, and the other way round. */
static void test_like_the_library(void **state)
{
  (void)state;
  static const struct password_cost costs[] = {{8, 1, 1}, {64, 3, 2}, {19456, 2, 1}};
  struct memory memory = {0};
  for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
    char text[PASSWORD_TEXT_BYTES];
    char expected[PASSWORD_TEXT_BYTES];
    assert_true(password_hash(&memory, &costs[i], BYTES("p\xc3\xa4ss"), SALT, text));
    assert_int_equal(argon2id_hash_encoded(costs[i].passes, costs[i].memory_kib, costs[i].lanes,
                                           "p\xc3\xa4ss", 5, SALT, sizeof SALT, PASSWORD_HASH_BYTES,
                                           expected, sizeof expected),
                     ARGON2_OK);
    assert_string_equal(text, expected);
    assert_int_equal(argon2id_verify(text, "p\xc3\xa4ss", 5), ARGON2_OK);
    assert_int_equal(verify("p\xc3\xa4ss", expected), PASSWORD_VERDICT_MATCHES);
    assert_false(password_is_weaker(bytes_of_text(text), &costs[i]));
  }
  assert_int_equal(password_cost_today.memory_kib, 19 * 1024);
}

static void test_weaker(void **state)
{
  (void)state;
  struct memory memory = {0};
  char text[PASSWORD_TEXT_BYTES];
  const struct password_cost cost = {.memory_kib = 64, .passes = 2, .lanes = 1};
  assert_true(password_hash(&memory, &cost, BYTES("password"), SALT, text));
  struct bytes string = bytes_of_text(text);
  assert_false(password_is_weaker(string, &cost));
  assert_false(password_is_weaker(string, &(struct password_cost){32, 2, 1}));
  assert_false(password_is_weaker(string, &(struct password_cost){64, 2, 4}));
  assert_true(password_is_weaker(string, &(struct password_cost){65, 2, 1}));
  assert_true(password_is_weaker(string, &(struct password_cost){64, 3, 1}));
  assert_true(password_is_weaker(BYTES("x"), &cost));
}

static void test_no_byte_may_change(void **state)
{
  (void)state;
  struct memory memory = {0};
  char text[PASSWORD_TEXT_BYTES];
  assert_true(password_hash(&memory, &CHEAP, BYTES("password"), SALT, text));
  size_t size = strlen(text);
  for (size_t i = 0; i < size; i++) {
    for (int bit = 0; bit < 8; bit++) {
      text[i] = (char)(text[i] ^ 1 << bit);
      assert_int_not_equal(password_verify(&memory, BYTES("password"), bytes_of(text, size)),
                           PASSWORD_VERDICT_MATCHES);
      text[i] = (char)(text[i] ^ 1 << bit);
    }
  }
  for (size_t i = 0; i < size; i++)
    assert_int_not_equal(password_verify(&memory, BYTES("password"), bytes_of(text, i)),
                         PASSWORD_VERDICT_MATCHES);
}

/* A string from outside takes no more memory and time than we allow. */
static void test_unreadable_strings(void **state)
{
  (void)state;
#define SALT_AND_HASH "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
  static const char *const texts[] = {
      "",
      "password",
      "$argon2i$v=19$m=256,t=2,p=1" SALT_AND_HASH,
      "$argon2d$v=19$m=256,t=2,p=1" SALT_AND_HASH,
      "$argon2id$v=16$m=256,t=2,p=1" SALT_AND_HASH,
      "$argon2id$m=256,t=2,p=1" SALT_AND_HASH,
      "$argon2id$v=19$t=2,m=256,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=0256,t=2,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=7,t=2,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=15,t=2,p=2" SALT_AND_HASH,
      "$argon2id$v=19$m=131073,t=2,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=4294967295,t=2,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=0,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=17,p=1" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=2,p=0" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=2,p=17" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=2,p=" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=2,p=1 " SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=2,p=1,keyid=a" SALT_AND_HASH,
      "$argon2id$v=19$m=256,t=2,p=1" SALT_AND_HASH "=",
      "$argon2id$v=19$m=256,t=2,p=1" SALT_AND_HASH "\n",
      "$argon2id$v=19$m=256,t=2,p=1" SALT_AND_HASH "$",
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
      "$argon2id$v=19$m=256,t=2,p=1$$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXM$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR_uIPnA4rEsF5h7TKyQwu9U1bMCHGi_4",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (verify("password", texts[i]) != PASSWORD_VERDICT_UNREADABLE) fail_msg("read: %s", texts[i]);
  char longest[2 * PASSWORD_TEXT_BYTES];
  snprintf(longest, sizeof longest, "$argon2id$v=19$m=256,t=2,p=1$%0200d$%0200d", 0, 0);
  assert_int_equal(verify("password", longest), PASSWORD_VERDICT_UNREADABLE);
}

static void test_without_memory(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  char text[PASSWORD_TEXT_BYTES];
  assert_false(password_hash(&memory, &CHEAP, BYTES("password"), SALT, text));
  assert_true(password_hash(&memory, &CHEAP, BYTES("password"), SALT, text));
  memory.fail_at = memory.calls + 1;
  assert_int_equal(password_verify(&memory, BYTES("password"), bytes_of_text(text)),
                   PASSWORD_VERDICT_NO_MEMORY);
  assert_int_equal(password_verify(&memory, BYTES("password"), bytes_of_text(text)),
                   PASSWORD_VERDICT_MATCHES);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vector_of_rfc_9106), cmocka_unit_test(test_strings_of_the_reference),
      cmocka_unit_test(test_like_the_library),   cmocka_unit_test(test_weaker),
      cmocka_unit_test(test_no_byte_may_change), cmocka_unit_test(test_unreadable_strings),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
