#include "base/hash.h"
#include "base/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MESSAGE_BYTES_MAX = 64 };

static size_t from_hex(const char *text, uint8_t *to)
{
  size_t size = strlen(text) / 2;
  for (size_t i = 0; i < size; i++) {
    char pair[3] = {text[2 * i], text[2 * i + 1], 0};
    to[i] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return size;
}

static void assert_hex(const uint8_t *actual, const char *expected)
{
  uint8_t bytes[MESSAGE_BYTES_MAX];
  size_t size = from_hex(expected, bytes);
  assert_memory_equal(actual, bytes, size);
}

/* Test cases 13 to 16 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega. */
static const struct vector {
  const char *key, *nonce, *plain, *associated, *sealed, *tag;
} vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "00000000000000000000000000000000", "", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void test_gives_published_values(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
    uint8_t key[SEAL_KEY_BYTES], nonce[SEAL_NONCE_BYTES], tag[SEAL_TAG_BYTES];
    uint8_t data[MESSAGE_BYTES_MAX], associated[MESSAGE_BYTES_MAX];
    from_hex(vectors[i].key, key);
    from_hex(vectors[i].nonce, nonce);
    size_t size = from_hex(vectors[i].plain, data);
    struct bytes extra = {associated, from_hex(vectors[i].associated, associated)};
    struct sealer sealer;
    struct error error;
    assert_true(seal_init(&sealer, key, &error));
    seal_encrypt(&sealer, nonce, extra, data, size, tag);
    assert_hex(data, vectors[i].sealed);
    assert_hex(tag, vectors[i].tag);
    assert_true(seal_decrypt(&sealer, nonce, extra, data, size, tag));
    assert_hex(data, vectors[i].plain);
    seal_free(&sealer);
  }
}

struct message {
  struct sealer sealer;
  uint8_t nonce[SEAL_NONCE_BYTES];
  uint8_t associated[5];
  uint8_t data[MESSAGE_BYTES_MAX];
  uint8_t tag[SEAL_TAG_BYTES];
};

static bool open_message(struct message *message, size_t size)
{
  struct bytes associated = {message->associated, sizeof(message->associated)};
  return seal_decrypt(&message->sealer, message->nonce, associated, message->data, size,
                      message->tag);
}

/* A sealed message of 'a's under a key of 1s; everything else is zero. */
static void seal_message(struct message *message)
{
  uint8_t key[SEAL_KEY_BYTES];
  struct error error;
  memset(key, 1, sizeof(key));
  memset(message, 0, sizeof(*message));
  assert_true(seal_init(&message->sealer, key, &error));
  memset(message->data, 'a', sizeof(message->data));
  struct bytes associated = {message->associated, sizeof(message->associated)};
  seal_encrypt(&message->sealer, message->nonce, associated, message->data, MESSAGE_BYTES_MAX,
               message->tag);
  memset(key, 2, sizeof(key)); /* the sealer has its own copy */
}

static void assert_refused(struct message *message, size_t size)
{
  static const uint8_t zeros[MESSAGE_BYTES_MAX];
  assert_false(open_message(message, size));
  assert_memory_equal(message->data, zeros, size);
  seal_free(&message->sealer);
}

static void test_opens_what_was_sealed(void **state)
{
  (void)state;
  struct message message;
  seal_message(&message);
  assert_true(open_message(&message, MESSAGE_BYTES_MAX));
  for (size_t i = 0; i < MESSAGE_BYTES_MAX; i++) assert_int_equal(message.data[i], 'a');
  seal_free(&message.sealer);
}

static void flip(uint8_t *bytes, size_t bit)
{
  bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1U << bit % 8);
}

static void test_refuses_any_flipped_bit(void **state)
{
  (void)state;
  struct message message;
  for (size_t bit = 0; bit < sizeof(message.data) * 8; bit++) {
    seal_message(&message);
    flip(message.data, bit);
    assert_refused(&message, MESSAGE_BYTES_MAX);
  }
  for (size_t bit = 0; bit < sizeof(message.tag) * 8; bit++) {
    seal_message(&message);
    flip(message.tag, bit);
    assert_refused(&message, MESSAGE_BYTES_MAX);
  }
  for (size_t bit = 0; bit < sizeof(message.nonce) * 8; bit++) {
    seal_message(&message);
    flip(message.nonce, bit);
    assert_refused(&message, MESSAGE_BYTES_MAX);
  }
  for (size_t bit = 0; bit < sizeof(message.associated) * 8; bit++) {
    seal_message(&message);
    flip(message.associated, bit);
    assert_refused(&message, MESSAGE_BYTES_MAX);
  }
}

static void test_refuses_a_cut_message(void **state)
{
  (void)state;
  struct message message;
  seal_message(&message);
  assert_refused(&message, MESSAGE_BYTES_MAX - 1);
  seal_message(&message);
  assert_refused(&message, 0);
}

static void test_refuses_another_key(void **state)
{
  (void)state;
  struct message message;
  struct error error;
  uint8_t key[SEAL_KEY_BYTES];
  memset(key, 3, sizeof(key));
  seal_message(&message);
  seal_free(&message.sealer);
  assert_true(seal_init(&message.sealer, key, &error));
  assert_refused(&message, MESSAGE_BYTES_MAX);
}

/* One sealer serves many messages, also after one that was refused. */
static void test_sealer_is_reused(void **state)
{
  (void)state;
  struct message message;
  seal_message(&message);
  for (uint8_t round = 0; round < 200; round++) {
    struct bytes none = {NULL, 0};
    uint8_t nonce[SEAL_NONCE_BYTES] = {round, 1};
    uint8_t data[3] = {round, 1, 2};
    uint8_t tag[SEAL_TAG_BYTES];
    seal_encrypt(&message.sealer, nonce, none, data, sizeof(data), tag);
    uint8_t copy[3];
    memcpy(copy, data, sizeof(copy));
    tag[0] ^= 1;
    assert_false(seal_decrypt(&message.sealer, nonce, none, copy, sizeof(copy), tag));
    tag[0] ^= 1;
    assert_true(seal_decrypt(&message.sealer, nonce, none, data, sizeof(data), tag));
    assert_int_equal(data[0], round);
    assert_int_equal(data[2], 2);
  }
  seal_free(&message.sealer);
  seal_free(&message.sealer); /* of zeros: nothing to do */
}

/* RFC 5869 sections 2.2 and 2.3 spelled out: extract, then one block of expand. */
static void test_derive_key_is_hkdf(void **state)
{
  (void)state;
  uint8_t master[SEAL_KEY_BYTES], extracted[HASH_SHA256_BYTES], expected[HASH_SHA256_BYTES];
  uint8_t derived[SEAL_KEY_BYTES];
  struct error error;
  for (size_t i = 0; i < sizeof(master); i++) master[i] = (uint8_t)i;
  hash_hmac_sha256(BYTES("salt"), bytes_of(master, sizeof(master)), extracted);
  hash_hmac_sha256(bytes_of(extracted, sizeof(extracted)), BYTES("log segment 1\x01"), expected);
  assert_true(seal_derive_key(master, BYTES("salt"), BYTES("log segment 1"), derived, &error));
  assert_memory_equal(derived, expected, sizeof(expected));

  /* Without a salt the RFC takes a block of zeros as the key, which equals an empty key. */
  hash_hmac_sha256(BYTES(""), bytes_of(master, sizeof(master)), extracted);
  hash_hmac_sha256(bytes_of(extracted, sizeof(extracted)), BYTES("\x01"), expected);
  assert_true(seal_derive_key(master, BYTES(""), BYTES(""), derived, &error));
  assert_memory_equal(derived, expected, sizeof(expected));
}

static void test_derive_key_depends_on_salt_and_label(void **state)
{
  (void)state;
  uint8_t master[SEAL_KEY_BYTES] = {1};
  uint8_t one[SEAL_KEY_BYTES], other[SEAL_KEY_BYTES];
  struct error error;
  assert_true(seal_derive_key(master, BYTES("a"), BYTES("x"), one, &error));
  assert_true(seal_derive_key(master, BYTES("b"), BYTES("x"), other, &error));
  assert_memory_not_equal(one, other, sizeof(one));
  assert_true(seal_derive_key(master, BYTES("a"), BYTES("y"), other, &error));
  assert_memory_not_equal(one, other, sizeof(one));
  master[31] = 1;
  assert_true(seal_derive_key(master, BYTES("a"), BYTES("x"), other, &error));
  assert_memory_not_equal(one, other, sizeof(one));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gives_published_values),
      cmocka_unit_test(test_opens_what_was_sealed),
      cmocka_unit_test(test_refuses_any_flipped_bit),
      cmocka_unit_test(test_refuses_a_cut_message),
      cmocka_unit_test(test_refuses_another_key),
      cmocka_unit_test(test_sealer_is_reused),
      cmocka_unit_test(test_derive_key_is_hkdf),
      cmocka_unit_test(test_derive_key_depends_on_salt_and_label),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
