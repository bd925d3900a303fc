#include "base/hash.h"

#include "base/check.h"

/* Inlined so that the branch on the length of a short key costs no second call. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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

/* struct hash_key is OpenSSL's context with the key in it; with none given it begins anew. */
static EVP_MAC_CTX *context_of(struct hash_key *key)
{
  return (EVP_MAC_CTX *)key;
}

struct hash_key *hash_key_new(struct bytes key)
{
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  CHECK_THAT(key.size, >, 0);
  EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *context = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  if (context == NULL || EVP_MAC_init(context, key.data, key.size, parameters) == 1)
    return (struct hash_key *)context;
  EVP_MAC_CTX_free(context);
  return NULL;
}

void hash_key_free(struct hash_key *key)
{
  EVP_MAC_CTX_free(context_of(key));
}

void hash_key_mac(struct hash_key *key, const struct bytes *parts, size_t count,
                  uint8_t mac[HASH_SHA256_BYTES])
{
  size_t size = 0;
  EVP_MAC_CTX *context = context_of(key);
  CHECK(EVP_MAC_init(context, NULL, 0, NULL) == 1);
  for (size_t i = 0; i < count; i++)
    CHECK(EVP_MAC_update(context, parts[i].data, parts[i].size) == 1);
  CHECK(EVP_MAC_final(context, mac, &size, HASH_SHA256_BYTES) == 1);
  CHECK_THAT(size, ==, HASH_SHA256_BYTES);
}

bool hash_equal_constant_time(struct bytes left, struct bytes right)
{
  if (left.size != right.size) return false;
  return left.size == 0 || CRYPTO_memcmp(left.data, right.data, left.size) == 0;
}
