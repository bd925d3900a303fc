#include "unit/shield/jwk_fixture.h"

#include "base/encode.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

enum { NUMBER_BYTES = 1024, TEXT_BYTES = 8192 };

EVP_PKEY *jwk_fixture_rsa(unsigned int bits)
{
  EVP_PKEY *key = EVP_RSA_gen(bits);
  assert_non_null(key);
  return key;
}

EVP_PKEY *jwk_fixture_p256(void)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  assert_non_null(key);
  return key;
}

/* A number of the key in base64url, as `size` bytes, or (0) as few as it takes. */
static const char *number_of(EVP_PKEY *key, const char *name, int size, char text[TEXT_BYTES])
{
  uint8_t bytes[NUMBER_BYTES];
  BIGNUM *number = NULL;
  assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
  if (size == 0) size = BN_num_bytes(number);
  assert_int_equal(BN_bn2binpad(number, bytes, size), size);
  BN_free(number);
  text[encode_to_base64url(bytes_of(bytes, (size_t)size), text)] = 0;
  return text;
}

char *jwk_fixture_json(EVP_PKEY *key, const char *members)
{
  char first[TEXT_BYTES];
  char second[TEXT_BYTES];
  char *json = NULL;
  int size;
  if (EVP_PKEY_is_a(key, "RSA"))
    size = asprintf(&json, "{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", members,
                    number_of(key, OSSL_PKEY_PARAM_RSA_N, 0, first),
                    number_of(key, OSSL_PKEY_PARAM_RSA_E, 0, second));
  else
    size = asprintf(&json, "{%s\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                    members, number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32, first),
                    number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32, second));
  assert_true(size > 0);
  return json;
}

static char *start_token(const char *header, const char *claims)
{
  char *text = calloc(1, TEXT_BYTES);
  assert_non_null(text);
  size_t size = encode_to_base64url(bytes_of_text(header), text);
  text[size++] = '.';
  encode_to_base64url(bytes_of_text(claims), text + size);
  return text;
}

static void end_token(char *text, struct bytes signature)
{
  size_t size = strlen(text);
  text[size++] = '.';
  encode_to_base64url(signature, text + size);
}

/* R and S as RFC 7518 3.4 has them. */
static size_t unpack_der(const uint8_t *der, size_t size, uint8_t *to)
{
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
  assert_non_null(pair);
  assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), to, 32), 32);
  assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), to + 32, 32), 32);
  ECDSA_SIG_free(pair);
  return 64;
}

char *jwk_fixture_token(EVP_PKEY *key, const char *header, const char *claims)
{
  uint8_t signature[NUMBER_BYTES];
  size_t size = sizeof signature;
  char *text = start_token(header, claims);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
  assert_int_equal(EVP_DigestSign(context, signature, &size, (const uint8_t *)text, strlen(text)),
                   1);
  EVP_MD_CTX_free(context);
  if (EVP_PKEY_is_a(key, "EC")) {
    uint8_t der[NUMBER_BYTES];
    memcpy(der, signature, size);
    size = unpack_der(der, size, signature);
  }
  end_token(text, bytes_of(signature, size));
  return text;
}

char *jwk_fixture_hmac_token(struct bytes secret, const char *header, const char *claims)
{
  uint8_t mac[HASH_SHA256_BYTES];
  char *text = start_token(header, claims);
  hash_hmac_sha256(secret, bytes_of_text(text), mac);
  end_token(text, bytes_of(mac, sizeof mac));
  return text;
}
