#include "queue/receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t KEY[RECEIPT_KEY_BYTES] = "0123456789abcdefghijklm";

static const struct receipt RECEIPT = {.id = {"an id of 16 byte"}, .number = 77};

static struct bytes text_of(const char text[QUEUE_RECEIPT_TEXT])
{
  return bytes_of(text, QUEUE_RECEIPT_TEXT);
}

static void test_a_receipt_comes_back(void **state)
{
  (void)state;
  char text[QUEUE_RECEIPT_TEXT];
  struct receipt back;
  receipt_format(KEY, 3, &RECEIPT, text);
  assert_true(receipt_parse(KEY, 3, text_of(text), &back));
  assert_memory_equal(&back, &RECEIPT, sizeof back);
}

static void test_another_queue_key_or_letter_is_refused(void **state)
{
  (void)state;
  char text[QUEUE_RECEIPT_TEXT];
  uint8_t key[RECEIPT_KEY_BYTES];
  struct receipt back;
  receipt_format(KEY, 3, &RECEIPT, text);
  assert_false(receipt_parse(KEY, 4, text_of(text), &back));
  memcpy(key, KEY, sizeof key);
  key[0] ^= 1;
  assert_false(receipt_parse(key, 3, text_of(text), &back));
  for (size_t i = 0; i < sizeof text; i++) {
    char other[QUEUE_RECEIPT_TEXT];
    memcpy(other, text, sizeof other);
    other[i] = other[i] == 'A' ? 'B' : 'A';
    assert_false(receipt_parse(KEY, 3, text_of(other), &back));
  }
  for (size_t size = 0; size < sizeof text; size++)
    assert_false(receipt_parse(KEY, 3, bytes_of(text, size), &back));
  text[5] = '=';
  assert_false(receipt_parse(KEY, 3, text_of(text), &back));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_receipt_comes_back),
      cmocka_unit_test(test_another_queue_key_or_letter_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
