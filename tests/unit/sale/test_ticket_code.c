#include "sale/ticket_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/err.h>

/* RFC 8032, section 7.1: tests 1 to 3. */
static const char *const PRIVATE_KEYS[] = {
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
};
static const char *const PUBLIC_KEYS[] = {
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
};
enum { KEYS = 3 };

/* The code of typical(), made with the reference program of RFC 8032, section 6. */
static const char TYPICAL_TEXT[] =
    "TT1:AE47OE6QAAAQEAYEAUDAOCAJBIFQYDIOB4AAAAADNMCJWQAOMV3HIXZSGAZD"
    "MX3TMVXXK3CBFUYTELJXYYBNSWF6HD3LMYBBZBPFXVAH4HRRMCJRWBLUYATI4LPW"
    "ELZ67HF4QXUWE2PQTCPS4BSAN3LNMMJLSQ6A37P5GR44ENMER56M5IYMEAI";

struct fixture {
  struct ticket_signer signers[KEYS];
  struct ticket_keys keys; /* of the second and the first signer */
};

static void read_key(const char *hex, uint8_t key[TICKET_KEY_BYTES])
{
  size_t size;
  assert_true(encode_from_hex(bytes_of_text(hex), key, &size));
  assert_int_equal(size, TICKET_KEY_BYTES);
}

static int setup(void **state)
{
  static struct fixture fixture;
  struct error error;
  fixture = (struct fixture){0};
  for (int i = 0; i < KEYS; i++) {
    uint8_t key[TICKET_KEY_BYTES];
    read_key(PRIVATE_KEYS[i], key);
    assert_true(ticket_signer_init(&fixture.signers[i], key, &error));
  }
  assert_true(ticket_keys_add(&fixture.keys, fixture.signers[1].public_key, &error));
  assert_true(ticket_keys_add(&fixture.keys, fixture.signers[0].public_key, &error));
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  ticket_keys_free(&fixture->keys);
  assert_int_equal(fixture->keys.count, 0);
  for (int i = 0; i < KEYS; i++) ticket_signer_free(&fixture->signers[i]);
  assert_null(fixture->signers[0].key);
  return 0;
}

static struct ticket_code typical(void)
{
  struct ticket_code code = {
      .issue = 3,
      .issued_at_s = 1795464000,
      .event_id = BYTES("evt_2026_seoul"),
      .seat_id = BYTES("A-12-7"),
  };
  for (int i = 0; i < ID_BYTES; i++) code.order.bytes[i] = (uint8_t)i;
  return code;
}

static enum ticket_code_verdict verify(struct fixture *fixture, struct bytes text)
{
  uint8_t room[TICKET_CODE_BYTES_MAX];
  struct ticket_code code;
  return ticket_code_verify(&fixture->keys, text, room, &code);
}

static void assert_same(const struct ticket_code *left, const struct ticket_code *right)
{
  assert_memory_equal(left->order.bytes, right->order.bytes, ID_BYTES);
  assert_int_equal(left->issue, right->issue);
  assert_int_equal(left->issued_at_s, right->issued_at_s);
  assert_true(bytes_equal(left->event_id, right->event_id));
  assert_true(bytes_equal(left->seat_id, right->seat_id));
}

static void test_keys_are_those_of_the_rfc(void **state)
{
  const struct fixture *fixture = *state;
  for (int i = 0; i < KEYS; i++) {
    uint8_t key[TICKET_KEY_BYTES];
    read_key(PUBLIC_KEYS[i], key);
    assert_memory_equal(fixture->signers[i].public_key, key, TICKET_KEY_BYTES);
  }
  assert_memory_equal(fixture->signers[0].key_id, "\x21\xfe\x31\xdf", TICKET_KEY_ID_BYTES);
}

static void test_a_code_is_what_the_reference_makes(void **state)
{
  struct fixture *fixture = *state;
  char text[TICKET_CODE_TEXT_MAX];
  struct ticket_code code = typical();
  for (int i = 0; i < 2; i++) {
    size_t size = ticket_code_sign(&fixture->signers[1], &code, text);
    assert_int_equal(size, sizeof TYPICAL_TEXT - 1);
    assert_memory_equal(text, TYPICAL_TEXT, size);
  }
  uint8_t room[TICKET_CODE_BYTES_MAX];
  struct ticket_code back;
  assert_int_equal(ticket_code_verify(&fixture->keys, bytes_of_text(TYPICAL_TEXT), room, &back),
                   TICKET_CODE_VALID);
  assert_same(&back, &code);
}

/* All sizes of both ids, and the ends of the numbers. */
static void test_round_trip(void **state)
{
  struct fixture *fixture = *state;
  char ids[SEAT_ID_BYTES];
  memset(ids, 'x', sizeof ids);
  for (size_t event = 1; event <= SEAT_EVENT_ID_BYTES; event += event == 1 ? 1 : 31) {
    for (size_t seat = 1; seat <= SEAT_ID_BYTES; seat++) {
      struct ticket_code code = {.issue = seat % 2 ? UINT32_MAX : 0,
                                 .issued_at_s = seat % 2 ? 0 : UINT32_MAX,
                                 .event_id = bytes_of(ids, event),
                                 .seat_id = bytes_of(ids, seat)};
      char text[TICKET_CODE_TEXT_MAX];
      uint8_t room[TICKET_CODE_BYTES_MAX];
      struct ticket_code back;
      size_t size = ticket_code_sign(&fixture->signers[seat % 2], &code, text);
      assert_int_equal(ticket_code_verify(&fixture->keys, bytes_of(text, size), room, &back),
                       TICKET_CODE_VALID);
      assert_same(&back, &code);
    }
  }
}

static void test_the_longest_code_has_the_longest_text(void **state)
{
  struct fixture *fixture = *state;
  char ids[SEAT_ID_BYTES] = {0};
  char text[TICKET_CODE_TEXT_MAX];
  struct ticket_code code = {.event_id = bytes_of(ids, SEAT_EVENT_ID_BYTES),
                             .seat_id = bytes_of(ids, SEAT_ID_BYTES)};
  assert_int_equal(ticket_code_sign(&fixture->signers[0], &code, text), TICKET_CODE_TEXT_MAX);
  assert_int_equal(TICKET_CODE_TEXT_MAX, 363);
  code.event_id.size = code.seat_id.size = 1;
  assert_int_equal(ticket_code_sign(&fixture->signers[0], &code, text),
                   TICKET_CODE_PREFIX_BYTES + encode_base32_size(TICKET_CODE_BYTES_MIN));
}

/* Every bit of every byte: the signature is over all of them, and cannot be changed itself. */
static void test_no_bit_may_change(void **state)
{
  struct fixture *fixture = *state;
  uint8_t bytes[TICKET_CODE_BYTES_MAX];
  size_t size;
  assert_true(
      encode_from_base32(bytes_of_text(TYPICAL_TEXT + TICKET_CODE_PREFIX_BYTES), bytes, &size));
  for (size_t bit = 0; bit < 8 * size; bit++) {
    char text[TICKET_CODE_TEXT_MAX];
    memcpy(text, "TT1:", 4);
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    size_t text_size = 4 + encode_to_base32(bytes_of(bytes, size), text + 4);
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    size_t byte = bit / 8;
    enum ticket_code_verdict expected = byte == 0   ? TICKET_CODE_MALFORMED
                                        : byte <= 4 ? TICKET_CODE_UNKNOWN_KEY
                                                    : TICKET_CODE_BAD_SIGNATURE;
    enum ticket_code_verdict verdict = verify(fixture, bytes_of(text, text_size));
    if (byte == 29) /* the event's size: more than there is, or another cut */
      assert_int_not_equal(verdict, TICKET_CODE_VALID);
    else if (verdict != expected)
      fail_msg("bit %zu: %s", bit, ticket_code_verdict_name(verdict));
  }
}

/* Every byte value in the place of every character, the last one's spare bits included. */
static void test_no_character_may_change(void **state)
{
  struct fixture *fixture = *state;
  char changed[sizeof TYPICAL_TEXT];
  memcpy(changed, TYPICAL_TEXT, sizeof changed);
  for (size_t at = 0; at < sizeof changed - 1; at++) {
    /* Digits cost a check of the signature: neighbours will do, test_no_bit_may_change has all. */
    for (int value = 0; value < 256; value++) {
      bool digit = value > 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", value) != NULL;
      if ((digit && at >= 12 && value % 8 != 1) || (char)value == TYPICAL_TEXT[at]) continue;
      changed[at] = (char)value;
      assert_int_not_equal(verify(fixture, bytes_of(changed, sizeof changed - 1)),
                           TICKET_CODE_VALID);
    }
    changed[at] = TYPICAL_TEXT[at];
  }
  assert_int_equal(verify(fixture, bytes_of(changed, sizeof changed - 1)), TICKET_CODE_VALID);
}

static void test_refuses_what_is_cut_or_longer(void **state)
{
  struct fixture *fixture = *state;
  for (size_t size = 0; size < sizeof TYPICAL_TEXT - 1; size++)
    assert_int_not_equal(verify(fixture, bytes_of(TYPICAL_TEXT, size)), TICKET_CODE_VALID);
  /* The last one with its zero. */
  assert_int_equal(verify(fixture, bytes_of(TYPICAL_TEXT, sizeof TYPICAL_TEXT)),
                   TICKET_CODE_MALFORMED);
  char longer[1000];
  memset(longer, 'A', sizeof longer);
  memcpy(longer, TYPICAL_TEXT, sizeof TYPICAL_TEXT - 1);
  for (size_t size = sizeof TYPICAL_TEXT; size <= sizeof longer; size++)
    assert_int_not_equal(verify(fixture, bytes_of(longer, size)), TICKET_CODE_VALID);
}

static void test_refuses_other_spellings(void **state)
{
  struct fixture *fixture = *state;
  static const char *const formats[] = {
      "tt1:%s",  "TT2:%s",     "TT1%s",   "%s",       " TT1:%s",    "TT1:%s ",   "TT1:%s\n",
      "TT1:%s=", "TT1:%s====", "TT1: %s", "TT1:%s%%", "TT1:TT1:%s", "TT1%%3A%s", "TT1::%s"};
  char text[TICKET_CODE_TEXT_MAX];
  const char *digits = TYPICAL_TEXT + TICKET_CODE_PREFIX_BYTES;
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    snprintf(text, sizeof text, formats[i], digits);
    assert_int_equal(verify(fixture, bytes_of_text(text)), TICKET_CODE_MALFORMED);
  }
  snprintf(text, sizeof text, "TT1:%s", digits);
  assert_int_equal(verify(fixture, bytes_of_text(text)), TICKET_CODE_VALID);
  for (char *c = text + 4; *c != '\0'; c++)
    if (*c >= 'A') *c = (char)(*c + ('a' - 'A'));
  assert_int_equal(verify(fixture, bytes_of_text(text)), TICKET_CODE_MALFORMED);
}

/* S + L is the same number modulo the order of the group: RFC 8032, section 5.1.7, refuses it. */
static void test_a_signature_has_one_spelling(void **state)
{
  struct fixture *fixture = *state;
  static const uint8_t order[] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  uint8_t bytes[TICKET_CODE_BYTES_MAX];
  size_t size;
  assert_true(
      encode_from_base32(bytes_of_text(TYPICAL_TEXT + TICKET_CODE_PREFIX_BYTES), bytes, &size));
  uint8_t *s = bytes + size - 32;
  unsigned carry = 0;
  for (int i = 0; i < 32; i++) {
    carry += (unsigned)s[i] + order[i];
    s[i] = (uint8_t)carry;
    carry >>= 8;
  }
  assert_int_equal(carry, 0);
  char text[TICKET_CODE_TEXT_MAX] = "TT1:";
  size_t text_size = 4 + encode_to_base32(bytes_of(bytes, size), text + 4);
  assert_int_equal(verify(fixture, bytes_of(text, text_size)), TICKET_CODE_BAD_SIGNATURE);
}

static void test_another_key(void **state)
{
  struct fixture *fixture = *state;
  struct ticket_code code = typical();
  char text[TICKET_CODE_TEXT_MAX];
  size_t size = ticket_code_sign(&fixture->signers[2], &code, text);
  assert_int_equal(verify(fixture, bytes_of(text, size)), TICKET_CODE_UNKNOWN_KEY);
  /* The id of a trusted key over the signature of another. */
  struct ticket_signer liar = fixture->signers[2];
  memcpy(liar.key_id, fixture->signers[0].key_id, sizeof liar.key_id);
  size = ticket_code_sign(&liar, &code, text);
  assert_int_equal(verify(fixture, bytes_of(text, size)), TICKET_CODE_BAD_SIGNATURE);
  /* The key of the first signer is in the ring still: codes of before the rotation are good. */
  size = ticket_code_sign(&fixture->signers[0], &code, text);
  assert_int_equal(verify(fixture, bytes_of(text, size)), TICKET_CODE_VALID);
  struct ticket_keys none = {0};
  uint8_t room[TICKET_CODE_BYTES_MAX];
  assert_int_equal(ticket_code_verify(&none, bytes_of(text, size), room, &code),
                   TICKET_CODE_UNKNOWN_KEY);
}

/* TLS of the same thread looks at the queue of errors after each of its calls. */
static void test_leaves_no_error_in_openssl(void **state)
{
  struct fixture *fixture = *state;
  struct error error;
  struct ticket_keys keys = {0};
  uint8_t no_point[TICKET_KEY_BYTES];
  ERR_clear_error();
  struct ticket_signer liar = fixture->signers[1];
  struct ticket_code code = typical();
  char text[TICKET_CODE_TEXT_MAX];
  memset(no_point, 0xfe, sizeof no_point);
  assert_true(ticket_keys_add(&keys, no_point, &error));
  memcpy(liar.key_id, keys.keys[0].key_id, sizeof liar.key_id);
  size_t size = ticket_code_sign(&liar, &code, text);
  uint8_t room[TICKET_CODE_BYTES_MAX];
  assert_int_equal(ticket_code_verify(&keys, bytes_of(text, size), room, &code),
                   TICKET_CODE_BAD_SIGNATURE);
  assert_int_equal(verify(fixture, bytes_of(text, size)), TICKET_CODE_UNKNOWN_KEY);
  memcpy(text, TYPICAL_TEXT, sizeof TYPICAL_TEXT - 1);
  text[100] = text[100] == 'A' ? 'B' : 'A';
  assert_int_equal(verify(fixture, bytes_of(text, sizeof TYPICAL_TEXT - 1)),
                   TICKET_CODE_BAD_SIGNATURE);
  assert_int_equal(ERR_peek_error(), 0);
  ticket_keys_free(&keys);
}

static void test_keys_that_are_refused(void **state)
{
  struct fixture *fixture = *state;
  struct ticket_signer signer;
  struct error error;
  uint8_t key[TICKET_KEY_BYTES] = {0};
  assert_false(ticket_signer_init(&signer, key, &error));
  assert_int_equal(error.code, ERROR_KEY);
  ticket_signer_free(&signer);
  assert_false(ticket_keys_add(&fixture->keys, key, &error));
  assert_int_equal(error.code, ERROR_KEY);
  assert_false(ticket_keys_add(&fixture->keys, fixture->signers[0].public_key, &error));
  assert_int_equal(error.code, ERROR_EXISTS);
  for (key[0] = 2; fixture->keys.count < TICKET_KEYS_MAX; key[0]++)
    assert_true(ticket_keys_add(&fixture->keys, key, &error));
  assert_false(ticket_keys_add(&fixture->keys, key, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  assert_int_equal(verify(fixture, bytes_of_text(TYPICAL_TEXT)), TICKET_CODE_VALID);
}

/* RFC 8037, appendix A.2, has the second of these keys. */
static void test_the_key_set(void **state)
{
  const struct fixture *fixture = *state;
  static const char expected[] =
      "{\"keys\":["
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw\","
      "\"kid\":\"39f713d0\",\"use\":\"sig\",\"alg\":\"EdDSA\"},"
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
      "\"kid\":\"21fe31df\",\"use\":\"sig\",\"alg\":\"EdDSA\"}]}";
  struct memory memory = {0};
  struct buffer buffer;
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    buffer_init(&buffer, &memory);
    memory.calls = 0;
    memory.fail_at = nth;
    done = ticket_keys_write(&fixture->keys, &buffer);
    if (done) assert_true(bytes_equal(buffer_bytes(&buffer), bytes_of_text(expected)));
    if (done) assert_true(nth > 1);
    buffer_free(&buffer);
    assert_int_equal(memory.in_use, 0);
  }
  memory.fail_at = 0;
  struct ticket_keys none = {0};
  buffer_init(&buffer, &memory);
  assert_true(ticket_keys_write(&none, &buffer));
  assert_true(bytes_equal(buffer_bytes(&buffer), BYTES("{\"keys\":[]}")));
  buffer_free(&buffer);
}

static void test_verdicts_have_names(void **state)
{
  (void)state;
  for (enum ticket_code_verdict i = 0; i < TICKET_CODE_VERDICTS; i++)
    assert_non_null(ticket_code_verdict_name(i));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_keys_are_those_of_the_rfc),
      TEST(test_a_code_is_what_the_reference_makes),
      TEST(test_round_trip),
      TEST(test_the_longest_code_has_the_longest_text),
      TEST(test_no_bit_may_change),
      TEST(test_no_character_may_change),
      TEST(test_refuses_what_is_cut_or_longer),
      TEST(test_refuses_other_spellings),
      TEST(test_a_signature_has_one_spelling),
      TEST(test_another_key),
      TEST(test_leaves_no_error_in_openssl),
      TEST(test_keys_that_are_refused),
      TEST(test_the_key_set),
      TEST(test_verdicts_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
