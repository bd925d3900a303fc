#include "shield/user_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEN "0123456789"

struct text_case {
  const char *text;
  bool valid;
};

static void expect(bool (*is_valid)(struct bytes text), const struct text_case *cases, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (is_valid(bytes_of_text(cases[i].text)) != cases[i].valid)
      fail_msg("%s: %s", cases[i].valid ? "refused" : "taken", cases[i].text);
  assert_false(is_valid((struct bytes){NULL, 0}));
}

static void test_names(void **state)
{
  (void)state;
  static const struct text_case cases[] = {
      {"abc", true},     {"ABC", true},         {"a1B", true},  {"123", true},
      {TEN TEN, true},   {TEN TEN "0", false},  {"ab", false},  {"", false},
      {"a b", false},    {"a_b", false},        {"a-b", false}, {"abc ", false},
      {"ab\n", false},   {"ab\xc3\xa4", false}, {"a@b", false}, {"a#b", false},
      {"ab\x7f", false}, {"ab\xd0\xb0", false},
  };
  expect(user_name_is_valid, cases, sizeof cases / sizeof cases[0]);
  assert_false(user_name_is_valid(bytes_of("a\0b", 3)));
  uint8_t folded[USER_NAME_BYTES_MAX];
  assert_true(bytes_equal(user_name_fold(BYTES("AliCE09zZ"), folded), BYTES("alice09zz")));
  assert_int_equal(user_name_fold(BYTES(""), folded).size, 0);
}

static void test_emails(void **state)
{
  (void)state;
  static const struct text_case cases[] = {
      {"a@b.co", true},
      {"first.last+tag@sub.example.com", true},
      {"o'hara!#$%&*-/=?^_`{|}~@example.com", true},
      {"a@1.2", true},
      {"a@x-y.com", true},
      {TEN TEN TEN TEN TEN TEN "0123@example.com", true},
      {TEN TEN TEN TEN TEN TEN "01234@example.com", false},
      {"a@" TEN TEN TEN TEN TEN TEN "012.com", true},
      {"a@" TEN TEN TEN TEN TEN TEN "0123.com", false},
      {"", false},
      {"a", false},
      {"@", false},
      {"a@", false},
      {"@b.co", false},
      {"a@b", false},
      {"a@b.", false},
      {"a@.b", false},
      {"a@b..co", false},
      {"a@-b.co", false},
      {"a@b-.co", false},
      {"a@b.co-", false},
      {"a@b_c.co", false},
      {".a@b.co", false},
      {"a.@b.co", false},
      {"a..b@c.co", false},
      {"a@b@c.co", false},
      {"a b@c.co", false},
      {"a@b.co ", false},
      {"\"a b\"@c.co", false},
      {"a@[127.0.0.1]", false},
      {"a\n@b.co", false},
      {"<a@b.co>", false},
      {"a,b@c.co", false},
      {"\xc3\xa4@b.co", false},
      {"a@\xc3\xa4.co", false},
  };
  expect(user_email_is_valid, cases, sizeof cases / sizeof cases[0]);
  char longest[USER_EMAIL_BYTES_MAX + 2];
  snprintf(longest, sizeof longest, "a@");
  while (strlen(longest) + 2 <= USER_EMAIL_BYTES_MAX - 2) strcat(longest, "b.");
  strcat(longest, "co");
  assert_int_equal(strlen(longest), USER_EMAIL_BYTES_MAX);
  assert_true(user_email_is_valid(bytes_of_text(longest)));
  strcat(longest, "m");
  assert_false(user_email_is_valid(bytes_of_text(longest)));
}

static void test_display_names(void **state)
{
  (void)state;
#define TEN_WIDE                                                 \
  "\xed\x83\x80\xed\x83\x80\xed\x83\x80\xed\x83\x80\xed\x83\x80" \
  "\xed\x83\x80\xed\x83\x80\xed\x83\x80\xed\x83\x80\xed\x83\x80"
  static const struct text_case cases[] = {
      {"a", true},
      {"Ada Lovelace <3 \"Tacos\"", true},
      {"\xea\xb9\x80\xec\xb2\xa0\xec\x88\x98", true},
      {"\xf0\x9f\x8c\xae", true},
      {"\xc2\xa0x", true},
      {TEN TEN TEN TEN TEN, true},
      {TEN TEN TEN TEN TEN "0", false},
      {TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE, true},
      {TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE "0", false},
      {"", false},
      {" ", false},
      {" a", false},
      {"a ", false},
      {"a\tb", false},
      {"a\nb", false},
      {"a\x7f", false},
      {"a\xc2\x85"
       "b",
       false},
      {"a\xff", false},
      {"a\xc2", false},
  };
  expect(user_display_name_is_valid, cases, sizeof cases / sizeof cases[0]);
}

static void test_details_name_the_fields(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct buffer details;
  buffer_init(&details, &memory);
  struct user_registration registration = {BYTES("alice1"), BYTES("secret"), BYTES("a@b.co"),
                                           BYTES("Alice")};
  assert_true(user_fields_check(&registration, &details));
  assert_int_equal(details.size, 0);
  registration.password = BYTES("12345");
  assert_false(user_fields_check(&registration, &details));
  assert_true(
      bytes_equal(buffer_bytes(&details), BYTES("{\"password\":\"must be 6 to 72 bytes long\"}")));
  buffer_clear(&details);
  registration.password = BYTES(TEN TEN TEN TEN TEN TEN TEN "12");
  assert_true(user_fields_check(&registration, &details));
  registration = (struct user_registration){.password = BYTES(TEN TEN TEN TEN TEN TEN TEN "123")};
  assert_false(user_fields_check(&registration, &details));
  static const struct bytes names[] = {
      {(const uint8_t *)"{\"username\":", 12},
      {(const uint8_t *)",\"password\":", 12},
      {(const uint8_t *)",\"email\":", 9},
      {(const uint8_t *)",\"display_name\":", 16},
  };
  for (size_t i = 0; i < 4; i++)
    assert_true(bytes_find(buffer_bytes(&details), names[i]) < details.size);
  buffer_free(&details);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_emails),
      cmocka_unit_test(test_display_names),
      cmocka_unit_test(test_details_name_the_fields),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
