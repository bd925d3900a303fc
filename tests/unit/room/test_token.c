#include "room/token.h"

#include "base/encode.h"
#include "base/hash.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t KEY[TOKEN_KEY_BYTES] = "a key of the tests";
static const struct token TOKEN = {3, 70000, 1700000000123};

/* Computed by a program of its own from the text of token.h. */
static const char *const KNOWN[TOKEN_KINDS] = {
    [TOKEN_WAITING] = "w1.AAAAAwABEXABi8_laHtPNZkfmX88d9pG1e7CF9HQ8Q0",
    [TOKEN_RESERVATION] = "r1.AAAAAwABEXABi8_laHtPNTJkRdQZcobammmeeSatkhA",
};

struct fixture {
  struct memory memory;
  struct token_signer *signer;
  char text[TOKEN_TEXT_BYTES];
};

static int setup(void **state)
{
  struct error error;
  struct fixture *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  fixture->signer = token_signer_new(&fixture->memory, KEY, &error);
  assert_non_null(fixture->signer);
  token_sign(fixture->signer, TOKEN_WAITING, &TOKEN, fixture->text);
  *state = fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  token_signer_free(fixture->signer);
  assert_int_equal(fixture->memory.in_use, 0);
  free(fixture);
  return 0;
}

static bool verifies(struct fixture *fixture, struct bytes text)
{
  struct token token;
  return token_verify(fixture->signer, TOKEN_WAITING, text, &token);
}

static void test_what_is_signed_verifies(void **state)
{
  struct fixture *fixture = *state;
  static const struct token tokens[] = {
      {0, 0, 0}, {3, 70000, 1700000000123}, {UINT32_MAX, UINT32_MAX, ((int64_t)1 << 48) - 1}};
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
    for (enum token_kind kind = 0; kind < TOKEN_KINDS; kind++) {
      char text[TOKEN_TEXT_BYTES];
      struct token back;
      token_sign(fixture->signer, kind, &tokens[i], text);
      assert_true(token_verify(fixture->signer, kind, bytes_of(text, sizeof text), &back));
      assert_int_equal(back.room, tokens[i].room);
      assert_int_equal(back.number, tokens[i].number);
      assert_int_equal(back.time_ms, tokens[i].time_ms);
      /* Never taken for one of the other kind. */
      assert_false(token_verify(fixture->signer, !kind, bytes_of(text, sizeof text), &back));
      text[0] = text[0] == 'w' ? 'r' : 'w';
      assert_false(token_verify(fixture->signer, !kind, bytes_of(text, sizeof text), &back));
    }
}

static void test_tokens_that_were_computed_elsewhere(void **state)
{
  struct fixture *fixture = *state;
  for (enum token_kind kind = 0; kind < TOKEN_KINDS; kind++) {
    char text[TOKEN_TEXT_BYTES];
    token_sign(fixture->signer, kind, &TOKEN, text);
    assert_int_equal(strlen(KNOWN[kind]), TOKEN_TEXT_BYTES);
    assert_memory_equal(text, KNOWN[kind], TOKEN_TEXT_BYTES);
  }
  assert_true(TOKEN_TEXT_BYTES < 80);
}

static void test_every_bit_counts(void **state)
{
  struct fixture *fixture = *state;
  uint8_t whole[TOKEN_TEXT_BYTES];
  size_t size;
  assert_true(verifies(fixture, bytes_of(fixture->text, TOKEN_TEXT_BYTES)));
  assert_true(
      encode_from_base64url(bytes_of(fixture->text + 3, TOKEN_TEXT_BYTES - 3), whole, &size));
  assert_int_equal(size, TOKEN_BODY_BYTES + TOKEN_MAC_BYTES);
  for (size_t bit = 0; bit < size * 8; bit++) {
    char text[TOKEN_TEXT_BYTES];
    memcpy(text, fixture->text, 3);
    whole[bit / 8] ^= (uint8_t)(1U << bit % 8);
    encode_to_base64url(bytes_of(whole, size), text + 3);
    whole[bit / 8] ^= (uint8_t)(1U << bit % 8);
    assert_false(verifies(fixture, bytes_of(text, sizeof text)));
  }
}

/* Every other character at every place: also those that decode to the same bytes. */
static void test_has_one_spelling(void **state)
{
  struct fixture *fixture = *state;
  char text[TOKEN_TEXT_BYTES + 2];
  for (size_t at = 0; at < TOKEN_TEXT_BYTES; at++)
    for (int character = 0; character < 256; character++) {
      memcpy(text, fixture->text, TOKEN_TEXT_BYTES);
      text[at] = (char)character;
      assert_int_equal(verifies(fixture, bytes_of(text, TOKEN_TEXT_BYTES)),
                       text[at] == fixture->text[at]);
    }
  memcpy(text, fixture->text, TOKEN_TEXT_BYTES);
  for (size_t size = 0; size < TOKEN_TEXT_BYTES; size++) {
    assert_false(verifies(fixture, bytes_of(text, size)));
    assert_false(verifies(fixture, bytes_of(text + TOKEN_TEXT_BYTES - size, size)));
  }
  assert_false(verifies(fixture, (struct bytes){NULL, 0}));
  static const char *const tails[] = {"=", "A", "\n", "=="};
  for (size_t i = 0; i < 4; i++) {
    size_t size = strlen(tails[i]);
    memcpy(text + TOKEN_TEXT_BYTES, tails[i], size);
    assert_false(verifies(fixture, bytes_of(text, TOKEN_TEXT_BYTES + size)));
  }
}

static void test_another_key_is_another_platform(void **state)
{
  struct fixture *fixture = *state;
  struct error error;
  struct token token;
  uint8_t key[TOKEN_KEY_BYTES];
  for (size_t bit = 0; bit < TOKEN_KEY_BYTES * 8; bit += 5) {
    memcpy(key, KEY, sizeof key);
    key[bit / 8] ^= (uint8_t)(1U << bit % 8);
    struct token_signer *other = token_signer_new(&fixture->memory, key, &error);
    assert_non_null(other);
    assert_false(
        token_verify(other, TOKEN_WAITING, bytes_of(fixture->text, TOKEN_TEXT_BYTES), &token));
    token_signer_free(other);
  }
}

static void test_names_are_apart(void **state)
{
  struct fixture *fixture = *state;
  static const char *const texts[][3] = {{"a", "b", "c"}, {"ab", "", "c"}, {"a", "bc", ""},
                                         {"", "ab", "c"}, {"", "", "abc"}, {"abc", "", ""}};
  struct token_name names[6];
  for (int i = 0; i < 6; i++) {
    names[i] = token_name_of(fixture->signer, bytes_of_text(texts[i][0]),
                             bytes_of_text(texts[i][1]), bytes_of_text(texts[i][2]));
    struct token_name again = token_name_of(fixture->signer, bytes_of_text(texts[i][0]),
                                            bytes_of_text(texts[i][1]), bytes_of_text(texts[i][2]));
    assert_true(names[i].high == again.high && names[i].low == again.low);
    for (int j = 0; j < i; j++)
      assert_false(names[i].high == names[j].high || names[i].low == names[j].low);
  }
}

static void test_says_when_there_is_no_memory(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  struct error error;
  assert_null(token_signer_new(&memory, KEY, &error));
  assert_int_equal(error.code, ERROR_NO_MEMORY);
  assert_int_equal(memory.in_use, 0);
  token_signer_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_what_is_signed_verifies, setup, teardown),
      cmocka_unit_test_setup_teardown(test_tokens_that_were_computed_elsewhere, setup, teardown),
      cmocka_unit_test_setup_teardown(test_every_bit_counts, setup, teardown),
      cmocka_unit_test_setup_teardown(test_has_one_spelling, setup, teardown),
      cmocka_unit_test_setup_teardown(test_another_key_is_another_platform, setup, teardown),
      cmocka_unit_test_setup_teardown(test_names_are_apart, setup, teardown),
      cmocka_unit_test(test_says_when_there_is_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
