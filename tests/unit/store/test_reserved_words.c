#include "store/expression_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_words(void **state)
{
  (void)state;
  static const char *const reserved[] = {"ABORT", "abort", "aBoRt",  "Status",  "ZONE",
                                         "year",  "name",  "hold",   "or",      "To",
                                         "size",  "TTL",   "IN",     "inner",   "LOCALTIMESTAMP",
                                         "token", "data",  "region", "counter", "DETERMINISTIC"};
  static const char *const free_words[] = {
      "",    "A",   "pk",      "statuses", "stat",     "zones", "holds", "LOCALTIMESTAMPS",
      "in1", "a_b", "ABORTED", "on_",      "quantity", "seat",  "{ABORT"};
  for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
    if (!reserved_word(bytes_of_text(reserved[i]))) fail_msg("%s is reserved", reserved[i]);
  }
  for (size_t i = 0; i < sizeof(free_words) / sizeof(free_words[0]); i++) {
    if (reserved_word(bytes_of_text(free_words[i]))) fail_msg("%s is not reserved", free_words[i]);
  }
}

/* How many words of up to three letters the guide lists: all 18,278 are tried. */
static void test_short_words(void **state)
{
  (void)state;
  int found[4] = {0};
  for (int length = 1; length <= 3; length++) {
    int words = length == 1 ? 26 : length == 2 ? 26 * 26 : 26 * 26 * 26;
    for (int word = 0; word < words; word++) {
      uint8_t text[3];
      int rest = word;
      for (int i = 0; i < length; i++, rest /= 26) text[i] = (uint8_t)('a' + rest % 26);
      if (reserved_word(bytes_of(text, (size_t)length))) found[length]++;
    }
  }
  assert_int_equal(found[1], 0);
  assert_int_equal(found[2], 13);
  assert_int_equal(found[3], 37);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_short_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
