#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define XXH_PRIME32 2654435761U
#define XXH_PRIME64 11400714785074694797ULL

/* Vectors and buffer of XXH3's own sanity test (xxHash 0.8, cli/xsum_sanity_check.c). */
static const struct {
  size_t size;
  uint64_t seed;
  uint64_t expected;
} xxh3_vectors[] = {
    {0, 0, 0x2D06800538D394C2ULL},   {0, XXH_PRIME64, 0xA8A6B918B2F0364AULL},
    {1, 0, 0xC44BDFF4074EECDBULL},   {1, XXH_PRIME64, 0x032BE332DD766EF8ULL},
    {6, 0, 0x27B56A84CD2D7325ULL},   {6, XXH_PRIME64, 0x84589C116AB59AB9ULL},
    {12, 0, 0xA713DAF0DFBB77E7ULL},  {12, XXH_PRIME64, 0xE7303E1B2336DE0EULL},
    {24, 0, 0xA3FE70BF9D3510EBULL},  {24, XXH_PRIME64, 0x850E80FC35BDD690ULL},
    {48, 0, 0x397DA259ECBA1F11ULL},  {48, XXH_PRIME64, 0xADC2CBAA44ACC616ULL},
    {80, 0, 0xBCDEFBBB2C47C90AULL},  {80, XXH_PRIME64, 0xC6DD0CB699532E73ULL},
    {195, 0, 0xCD94217EE362EC3AULL}, {195, XXH_PRIME64, 0xBA68003D370CB3D9ULL},
};

static void fill_pattern(uint8_t *buffer, size_t size)
{
  uint64_t generator = XXH_PRIME32;
  for (size_t i = 0; i < size; i++) {
    buffer[i] = (uint8_t)(generator >> 56);
    generator *= XXH_PRIME64;
  }
}

static void test_bytes_gives_published_values(void **state)
{
  (void)state;
  uint8_t buffer[256];
  fill_pattern(buffer, sizeof(buffer));
  for (size_t i = 0; i < sizeof(xxh3_vectors) / sizeof(xxh3_vectors[0]); i++) {
    struct bytes slice = bytes_of(buffer, xxh3_vectors[i].size);
    assert_int_equal(hash_bytes(slice, xxh3_vectors[i].seed), xxh3_vectors[i].expected);
  }
  assert_int_equal(hash_bytes(bytes_of(NULL, 0), 0), 0x2D06800538D394C2ULL);
}

static void test_bytes_depends_on_every_byte_and_the_seed(void **state)
{
  (void)state;
  static const size_t sizes[] = {1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 512, 1025};
  uint8_t buffer[1025];
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    fill_pattern(buffer, sizeof(buffer));
    struct bytes slice = bytes_of(buffer, sizes[i]);
    uint64_t before = hash_bytes(slice, 7);
    assert_int_not_equal(hash_bytes(slice, 8), before);
    for (size_t at = 0; at < sizes[i]; at++) {
      buffer[at] ^= 1;
      assert_int_not_equal(hash_bytes(slice, 7), before);
      buffer[at] ^= 1;
    }
    assert_int_equal(hash_bytes(slice, 7), before);
  }
}

static void assert_hex(const uint8_t *actual, const char *expected)
{
  char text[2 * HASH_SHA256_BYTES + 1];
  for (int i = 0; i < HASH_SHA256_BYTES; i++) {
    text[2 * i] = "0123456789abcdef"[actual[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[actual[i] & 15];
  }
  text[2 * HASH_SHA256_BYTES] = 0;
  assert_string_equal(text, expected);
}

/* FIPS 180-4 examples. */
static void test_sha256_gives_published_values(void **state)
{
  (void)state;
  uint8_t digest[HASH_SHA256_BYTES];
  hash_sha256(bytes_of(NULL, 0), digest);
  assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  hash_sha256(BYTES("abc"), digest);
  assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  hash_sha256(BYTES("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
  assert_hex(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void test_hmac_gives_published_values(void **state)
{
  (void)state;
  uint8_t mac[HASH_SHA256_BYTES];
  uint8_t key[131];
  memset(key, 0x0b, 20);
  hash_hmac_sha256(bytes_of(key, 20), BYTES("Hi There"), mac);
  assert_hex(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  hash_hmac_sha256(BYTES("Jefe"), BYTES("what do ya want for nothing?"), mac);
  assert_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof(key));
  hash_hmac_sha256(bytes_of(key, sizeof(key)),
                   BYTES("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
  assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* A key that is kept gives what the one call gives, however the text is cut, again and again. */
static void test_a_kept_key_gives_the_same(void **state)
{
  (void)state;
  struct hash_key *key = hash_key_new(BYTES("Jefe"));
  assert_non_null(key);
  const struct bytes parts[] = {BYTES("what do ya "), BYTES(""), BYTES("want for nothing?")};
  const struct bytes whole = BYTES("what do ya want for nothing?");
  uint8_t once[HASH_SHA256_BYTES];
  uint8_t kept[HASH_SHA256_BYTES];
  hash_hmac_sha256(BYTES("Jefe"), whole, once);
  for (int i = 0; i < 3; i++) {
    hash_key_mac(key, parts, 3, kept);
    assert_memory_equal(kept, once, sizeof once);
    hash_key_mac(key, &whole, 1, kept);
    assert_memory_equal(kept, once, sizeof once);
  }
  hash_key_mac(key, NULL, 0, kept);
  hash_hmac_sha256(BYTES("Jefe"), BYTES(""), once);
  assert_memory_equal(kept, once, sizeof once);
  hash_key_free(key);
  hash_key_free(NULL);
}

static void test_hmac_takes_empty_key_and_text(void **state)
{
  (void)state;
  uint8_t mac[HASH_SHA256_BYTES];
  hash_hmac_sha256(bytes_of(NULL, 0), bytes_of(NULL, 0), mac);
  assert_hex(mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_hmac_may_overwrite_its_key(void **state)
{
  (void)state;
  uint8_t apart[HASH_SHA256_BYTES];
  uint8_t chained[HASH_SHA256_BYTES];
  hash_sha256(BYTES("date key"), chained);
  hash_hmac_sha256(bytes_of(chained, sizeof(chained)), BYTES("region"), apart);
  hash_hmac_sha256(bytes_of(chained, sizeof(chained)), BYTES("region"), chained);
  assert_memory_equal(apart, chained, sizeof(apart));
}

static void test_equal_constant_time_compares_all(void **state)
{
  (void)state;
  assert_true(hash_equal_constant_time(BYTES("secret"), BYTES("secret")));
  assert_true(hash_equal_constant_time(bytes_of(NULL, 0), BYTES("")));
  assert_false(hash_equal_constant_time(BYTES("secret"), BYTES("secreT")));
  assert_false(hash_equal_constant_time(BYTES("secret"), BYTES("Secret")));
  assert_false(hash_equal_constant_time(BYTES("secret"), BYTES("secre")));
  assert_false(hash_equal_constant_time(bytes_of(NULL, 0), BYTES("x")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bytes_gives_published_values),
      cmocka_unit_test(test_bytes_depends_on_every_byte_and_the_seed),
      cmocka_unit_test(test_sha256_gives_published_values),
      cmocka_unit_test(test_hmac_gives_published_values),
      cmocka_unit_test(test_a_kept_key_gives_the_same),
      cmocka_unit_test(test_hmac_takes_empty_key_and_text),
      cmocka_unit_test(test_hmac_may_overwrite_its_key),
      cmocka_unit_test(test_equal_constant_time_compares_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
