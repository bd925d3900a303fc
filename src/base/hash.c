#include "base/hash.h"

#include "base/check.h"

/* Inlined so that the branch on the length of a short key costs no second call. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

uint64_t hash_bytes(struct bytes slice, uint64_t seed)
{
  return XXH3_64bits_withSeed(slice.data, slice.size, seed);
}

void hash_sha256(struct bytes slice, uint8_t digest[HASH_SHA256_BYTES])
{
  unsigned int size = 0;
  CHECK(EVP_Digest(slice.data, slice.size, digest, &size, EVP_sha256(), NULL) == 1);
  CHECK_THAT(size, ==, HASH_SHA256_BYTES);
}

void hash_hmac_sha256(struct bytes key, struct bytes slice, uint8_t mac[HASH_SHA256_BYTES])
{
  /* A NULL key means "the key of last time" to OpenSSL; an empty one is a valid key. */
  const void *key_data = key.size > 0 ? (const void *)key.data : "";
  size_t size = 0;
  CHECK(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key_data, key.size, slice.data, slice.size,
                  mac, HASH_SHA256_BYTES, &size) != NULL);
  CHECK_THAT(size, ==, HASH_SHA256_BYTES);
}

bool hash_equal_constant_time(struct bytes left, struct bytes right)
{
  if (left.size != right.size) return false;
  return left.size == 0 || CRYPTO_memcmp(left.data, right.data, left.size) == 0;
}
