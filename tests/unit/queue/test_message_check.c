#include "queue/message_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t encode(uint32_t c, uint8_t *to)
{
  if (c < 0x80) {
    to[0] = (uint8_t)c;
    return 1;
  }
  size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = size - 1; i > 0; i--, c >>= 6) to[i] = (uint8_t)(0x80 | (c & 0x3F));
  to[0] = (uint8_t)(c | (size == 2 ? 0xC0 : size == 3 ? 0xE0 : 0xF0));
  return size;
}

/* Every code point there is, at every place of a word. */
static void test_characters_are_those_of_sqs(void **state)
{
  (void)state;
  for (uint32_t c = 0; c <= 0x110000; c++) {
    bool allowed = c == 9 || c == 10 || c == 13 || (c >= 0x20 && c <= 0xD7FF) ||
                   (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
    uint8_t text[24] = "0123456789abcdefghijklm";
    size_t at = c % 11;
    size_t size = encode(c, text + at);
    /* Both at the end of the text and in it. */
    assert_int_equal(queue_text_is_allowed(bytes_of(text, at + size)), allowed);
    assert_int_equal(queue_text_is_allowed(bytes_of(text, sizeof text - 1)), allowed);
  }
  assert_true(queue_text_is_allowed(BYTES("")));
  assert_false(queue_text_is_allowed(BYTES("\xC3")));
  assert_false(queue_text_is_allowed(BYTES("\xEF\xBF")));
}

static void test_names(void **state)
{
  (void)state;
  char name[82];
  memset(name, 'n', sizeof name);
  assert_true(queue_name_is_valid(BYTES("a"), false));
  assert_true(queue_name_is_valid(BYTES("Az_09-"), false));
  assert_true(queue_name_is_valid(bytes_of(name, 80), false));
  assert_false(queue_name_is_valid(bytes_of(name, 81), false));
  assert_false(queue_name_is_valid(BYTES(""), false));
  assert_false(queue_name_is_valid(BYTES("a.fifo"), false));
  assert_false(queue_name_is_valid(BYTES("a b"), false));
  assert_false(queue_name_is_valid(BYTES("#a"), false));
  assert_true(queue_name_is_valid(BYTES("a.fifo"), true));
  assert_false(queue_name_is_valid(BYTES(".fifo"), true));
  assert_false(queue_name_is_valid(BYTES("fifo"), true));
  assert_false(queue_name_is_valid(BYTES("a.b.fifo"), true));
}

static enum queue_status check(bool fifo, const struct queue_draft *draft)
{
  struct queue_settings settings;
  queue_settings_init(&settings, fifo);
  settings.message_bytes_max = 1024;
  return queue_draft_check(&settings, draft);
}

static enum queue_status check_attribute(struct bytes name, struct bytes type, struct bytes value)
{
  const struct queue_attribute attribute = {name, type, value};
  return check(false, &(struct queue_draft){.body = BYTES("b"),
                                            .attributes = &attribute,
                                            .attribute_count = 1,
                                            .delay_s = -1});
}

static void test_attributes(void **state)
{
  (void)state;
  static const struct {
    struct bytes name, type, value;
    bool valid;
  } cases[] = {
      {BYTES("a"), BYTES("String"), BYTES("x"), true},
      {BYTES("a.b_c-9"), BYTES("String.label"), BYTES("x"), true},
      {BYTES("a"), BYTES("Number"), BYTES("-1.5e3"), true},
      {BYTES("a"), BYTES("Number.int"), BYTES("42"), true},
      {BYTES("a"), BYTES("Binary"), BYTES("\x01\xFF"), true},
      {BYTES("awsome"), BYTES("String"), BYTES("x"), true},
      {BYTES("a"), BYTES("Number"), BYTES("x"), false},
      {BYTES("a"), BYTES("String"), BYTES(""), false},
      {BYTES("a"), BYTES("String"), BYTES("\x01"), false},
      {BYTES("a"), BYTES("Strings"), BYTES("x"), false},
      {BYTES("a"), BYTES(""), BYTES("x"), false},
      {BYTES(""), BYTES("String"), BYTES("x"), false},
      {BYTES(".a"), BYTES("String"), BYTES("x"), false},
      {BYTES("a."), BYTES("String"), BYTES("x"), false},
      {BYTES("a..b"), BYTES("String"), BYTES("x"), false},
      {BYTES("a b"), BYTES("String"), BYTES("x"), false},
      {BYTES("aWs.a"), BYTES("String"), BYTES("x"), false},
      {BYTES("Amazon.a"), BYTES("String"), BYTES("x"), false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(check_attribute(cases[i].name, cases[i].type, cases[i].value),
                     cases[i].valid ? QUEUE_OK : QUEUE_INVALID_ATTRIBUTE);
  struct queue_attribute many[11];
  char names[11][2];
  for (int i = 0; i < 11; i++) {
    names[i][0] = (char)('a' + i);
    many[i] = (struct queue_attribute){bytes_of(names[i], 1), BYTES("String"), BYTES("x")};
  }
  struct queue_draft draft = {
      .body = BYTES("b"), .attributes = many, .attribute_count = 10, .delay_s = -1};
  assert_int_equal(check(false, &draft), QUEUE_OK);
  draft.attribute_count = 11;
  assert_int_equal(check(false, &draft), QUEUE_INVALID_ATTRIBUTE);
  draft.attribute_count = 2;
  many[1].name = many[0].name;
  assert_int_equal(check(false, &draft), QUEUE_INVALID_ATTRIBUTE);
}

static void test_sizes_count_attributes_too(void **state)
{
  (void)state;
  static uint8_t text[1025];
  memset(text, 'x', sizeof text);
  struct queue_draft draft = {.body = bytes_of(text, 1024), .delay_s = -1};
  assert_int_equal(check(false, &draft), QUEUE_OK);
  draft.body.size = 1025;
  assert_int_equal(check(false, &draft), QUEUE_TOO_LARGE);
  const struct queue_attribute attribute = {BYTES("n"), BYTES("String"), bytes_of(text, 17)};
  draft = (struct queue_draft){
      .body = bytes_of(text, 1000), .attributes = &attribute, .attribute_count = 1, .delay_s = -1};
  assert_int_equal(queue_draft_size(&draft), 1024);
  assert_int_equal(check(false, &draft), QUEUE_OK);
  draft.body.size++;
  assert_int_equal(check(false, &draft), QUEUE_TOO_LARGE);
}

static void test_what_each_kind_of_queue_takes(void **state)
{
  (void)state;
  struct queue_draft draft = {.delay_s = -1};
  assert_int_equal(check(false, &draft), QUEUE_EMPTY_BODY);
  draft.body = BYTES("a\x01");
  assert_int_equal(check(false, &draft), QUEUE_INVALID_CHARACTERS);
  draft.body = BYTES("a");
  assert_int_equal(check(false, &draft), QUEUE_OK);
  draft.delay_s = 901;
  assert_int_equal(check(false, &draft), QUEUE_INVALID_DELAY);
  draft.delay_s = 900;
  assert_int_equal(check(false, &draft), QUEUE_OK);
  assert_int_equal(check(true, &draft), QUEUE_INVALID_DELAY);
  draft.delay_s = 0;
  assert_int_equal(check(true, &draft), QUEUE_MISSING_GROUP);
  draft.group = BYTES("g h");
  assert_int_equal(check(true, &draft), QUEUE_INVALID_GROUP);
  assert_int_equal(check(false, &draft), QUEUE_INVALID_GROUP);
  draft.group = BYTES("g!~");
  assert_int_equal(check(true, &draft), QUEUE_MISSING_DEDUPLICATION);
  assert_int_equal(check(false, &draft), QUEUE_OK);
  draft.deduplication = BYTES("d\x7F");
  assert_int_equal(check(true, &draft), QUEUE_INVALID_DEDUPLICATION);
  draft.deduplication = BYTES("d");
  assert_int_equal(check(true, &draft), QUEUE_OK);
  assert_int_equal(check(false, &draft), QUEUE_INVALID_DEDUPLICATION);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_characters_are_those_of_sqs),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_attributes),
      cmocka_unit_test(test_sizes_count_attributes_too),
      cmocka_unit_test(test_what_each_kind_of_queue_takes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
