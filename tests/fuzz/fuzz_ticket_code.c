/*
 * The first byte says what the others are: the text of a code, or what a code says and how its text
 * is spoilt. Only what the signer made is valid: a valid text is the one that signing again gives
 * (RFC 8032's signatures are a function of key and message), and every code that was made is read
 * back as it was.
 */
#include "base/check.h"
#include "sale/ticket_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
  const uint8_t *next;
  size_t left;
};

static uint32_t take(struct input *input, size_t bytes)
{
  uint32_t number = 0;
  for (; bytes > 0 && input->left > 0; bytes--, input->left--)
    number = number << 8 | *input->next++;
  return number;
}

static struct bytes take_id(struct input *input, size_t most)
{
  static const uint8_t filler = 'x';
  if (input->left == 0) return bytes_of(&filler, 1);
  size_t size = 1 + take(input, 1) % most;
  if (input->left == 0) return bytes_of(&filler, 1);
  if (size > input->left) size = input->left;
  struct bytes id = bytes_of(input->next, size);
  input->next += size;
  input->left -= size;
  return id;
}

/* Any text: valid only if it is what the signer writes for it. */
static void try_text(const struct ticket_signer *signer, const struct ticket_keys *keys,
                     struct bytes text)
{
  uint8_t room[TICKET_CODE_BYTES_MAX];
  char again[TICKET_CODE_TEXT_MAX];
  struct ticket_code code;
  if (ticket_code_verify(keys, text, room, &code) != TICKET_CODE_VALID) return;
  size_t size = ticket_code_sign(signer, &code, again);
  CHECK(bytes_equal(text, bytes_of(again, size)));
}

static void try_code(const struct ticket_signer *signer, const struct ticket_keys *keys,
                     struct input *input)
{
  uint8_t room[TICKET_CODE_BYTES_MAX];
  char text[TICKET_CODE_TEXT_MAX + 1];
  struct ticket_code back;
  struct ticket_code code = {.issue = take(input, 4), .issued_at_s = take(input, 4)};
  for (size_t i = 0; i < ID_BYTES; i++) code.order.bytes[i] = (uint8_t)take(input, 1);
  code.event_id = take_id(input, SEAT_EVENT_ID_BYTES);
  code.seat_id = take_id(input, SEAT_ID_BYTES);
  size_t size = ticket_code_sign(signer, &code, text);
  CHECK(ticket_code_verify(keys, bytes_of(text, size), room, &back) == TICKET_CODE_VALID);
  CHECK(id_compare(&back.order, &code.order) == 0);
  CHECK(back.issue == code.issue && back.issued_at_s == code.issued_at_s);
  CHECK(bytes_equal(back.event_id, code.event_id) && bytes_equal(back.seat_id, code.seat_id));
  /* One character is another one, or is not there, or is there twice. */
  size_t at = take(input, 2) % size;
  char character = (char)take(input, 1);
  if (character == text[at]) return;
  if (character == '-') {
    memmove(text + at, text + at + 1, --size - at);
  } else if (character == '+') {
    memmove(text + at + 1, text + at, size++ - at);
  } else {
    text[at] = character;
  }
  CHECK(ticket_code_verify(keys, bytes_of(text, size), room, &back) != TICKET_CODE_VALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const uint8_t key[TICKET_KEY_BYTES] = {1};
  struct ticket_signer signer;
  struct ticket_keys keys = {0};
  struct error error;
  if (size == 0) return 0;
  CHECK(ticket_signer_init(&signer, key, &error));
  CHECK(ticket_keys_add(&keys, signer.public_key, &error));
  struct input input = {data + 1, size - 1};
  if (data[0] == 'c')
    try_code(&signer, &keys, &input);
  else
    try_text(&signer, &keys, bytes_of(input.next, input.left));
  ticket_keys_free(&keys);
  ticket_signer_free(&signer);
  return 0;
}
