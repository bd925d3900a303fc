/*
 * The first byte says what the others are: the text of a token of one of the kinds, or what a token
 * says and how its text is spoilt. Only what the signer made is valid: a valid text is the one that
 * signing again gives, and every token that was made is read back as it was, by its kind alone.
 */
#include "base/check.h"
#include "room/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
  const uint8_t *next;
  size_t left;
};

static uint64_t take(struct input *input, size_t bytes)
{
  uint64_t number = 0;
  for (; bytes > 0 && input->left > 0; bytes--, input->left--)
    number = number << 8 | *input->next++;
  return number;
}

/* Any text: valid only if it is what the signer writes for it. */
static void try_text(struct token_signer *signer, enum token_kind kind, struct bytes text)
{
  struct token token;
  char again[TOKEN_TEXT_BYTES];
  if (!token_verify(signer, kind, text, &token)) return;
  token_sign(signer, kind, &token, again);
  CHECK(bytes_equal(text, bytes_of(again, sizeof again)));
}

static void try_token(struct token_signer *signer, enum token_kind kind, struct input *input)
{
  char text[TOKEN_TEXT_BYTES + 1];
  struct token back;
  size_t size = TOKEN_TEXT_BYTES;
  const struct token token = {.room = (uint32_t)take(input, 4),
                              .number = (uint32_t)take(input, 4),
                              .time_ms = (int64_t)take(input, 6)};
  token_sign(signer, kind, &token, text);
  CHECK(token_verify(signer, kind, bytes_of(text, size), &back));
  CHECK(back.room == token.room && back.number == token.number && back.time_ms == token.time_ms);
  CHECK(!token_verify(signer, !kind, bytes_of(text, size), &back));
  /* One character is another one, or is not there, or is there twice. */
  size_t at = take(input, 1) % size;
  char character = (char)take(input, 1);
  if (character == text[at]) return;
  if (character == '!') {
    memmove(text + at, text + at + 1, --size - at);
  } else if (character == '+') {
    memmove(text + at + 1, text + at, size++ - at);
  } else {
    text[at] = character;
  }
  CHECK(!token_verify(signer, kind, bytes_of(text, size), &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const uint8_t key[TOKEN_KEY_BYTES] = "a key of the tests";
  struct memory memory = {0};
  struct error error;
  if (size == 0) return 0;
  struct token_signer *signer = token_signer_new(&memory, key, &error);
  CHECK(signer != NULL);
  enum token_kind kind = data[0] % 2 == 0 ? TOKEN_WAITING : TOKEN_RESERVATION;
  struct input input = {data + 1, size - 1};
  if (data[0] < 'a')
    try_text(signer, kind, bytes_of(input.next, input.left));
  else
    try_token(signer, kind, &input);
  token_signer_free(signer);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
