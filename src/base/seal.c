#include "base/seal.h"

#include "base/check.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

bool seal_init(struct sealer *sealer, const uint8_t key[SEAL_KEY_BYTES], struct error *error)
{
  sealer->context = EVP_CIPHER_CTX_new();
  if (sealer->context == NULL ||
      EVP_CipherInit_ex2(sealer->context, EVP_aes_256_gcm(), key, NULL, 1, NULL) != 1) {
    seal_free(sealer);
    return error_set(error, ERROR_NO_MEMORY, "no memory to set up AES-256-GCM; try again later");
  }
  CHECK_THAT(EVP_CIPHER_CTX_get_key_length(sealer->context), ==, SEAL_KEY_BYTES);
  CHECK_THAT(EVP_CIPHER_CTX_get_iv_length(sealer->context), ==, SEAL_NONCE_BYTES);
  return true;
}

void seal_free(struct sealer *sealer)
{
  EVP_CIPHER_CTX_free(sealer->context);
  sealer->context = NULL;
}

/* Starts a message in one direction with the key that the context already has. */
static void begin_message(struct sealer *sealer, const uint8_t *nonce, struct bytes associated,
                          bool encrypt)
{
  CHECK(sealer->context != NULL);
  CHECK_THAT(associated.size, <=, INT_MAX);
  CHECK(EVP_CipherInit_ex2(sealer->context, NULL, NULL, nonce, encrypt, NULL) == 1);
  if (associated.size == 0) return;
  int done = 0;
  CHECK(EVP_CipherUpdate(sealer->context, NULL, &done, associated.data, (int)associated.size) == 1);
  CHECK_THAT(done, ==, (int)associated.size);
}

static void transform(struct sealer *sealer, uint8_t *data, size_t size)
{
  CHECK_THAT(size, <=, INT_MAX);
  if (size == 0) return;
  int done = 0;
  CHECK(EVP_CipherUpdate(sealer->context, data, &done, data, (int)size) == 1);
  CHECK_THAT(done, ==, (int)size);
}

void seal_encrypt(struct sealer *sealer, const uint8_t nonce[SEAL_NONCE_BYTES],
                  struct bytes associated, uint8_t *data, size_t size, uint8_t tag[SEAL_TAG_BYTES])
{
  begin_message(sealer, nonce, associated, true);
  transform(sealer, data, size);
  int rest = 0;
  uint8_t nothing[SEAL_TAG_BYTES];
  CHECK(EVP_CipherFinal_ex(sealer->context, nothing, &rest) == 1);
  CHECK_THAT(rest, ==, 0);
  CHECK(EVP_CIPHER_CTX_ctrl(sealer->context, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, tag) == 1);
}

bool seal_decrypt(struct sealer *sealer, const uint8_t nonce[SEAL_NONCE_BYTES],
                  struct bytes associated, uint8_t *data, size_t size,
                  const uint8_t tag[SEAL_TAG_BYTES])
{
  begin_message(sealer, nonce, associated, false);
  transform(sealer, data, size);
  uint8_t expected[SEAL_TAG_BYTES]; /* OpenSSL takes a pointer to non-const */
  memcpy(expected, tag, sizeof(expected));
  CHECK(EVP_CIPHER_CTX_ctrl(sealer->context, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, expected) == 1);
  int rest = 0;
  uint8_t nothing[SEAL_TAG_BYTES];
  if (EVP_CipherFinal_ex(sealer->context, nothing, &rest) == 1) return true;
  if (size > 0) OPENSSL_cleanse(data, size);
  return false;
}

/* OSSL_PARAM holds non-const addresses also for what is only read. */
static OSSL_PARAM read_only_octets(const char *name, const void *data, size_t size)
{
  return OSSL_PARAM_construct_octet_string(name, (void *)data, size);
}

bool seal_derive_key(const uint8_t master[SEAL_KEY_BYTES], struct bytes salt, struct bytes label,
                     uint8_t out[SEAL_KEY_BYTES], struct error *error)
{
  char digest[] = "SHA256";
  OSSL_PARAM parameters[5];
  size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
  parameters[count++] = read_only_octets(OSSL_KDF_PARAM_KEY, master, SEAL_KEY_BYTES);
  /* Absent is RFC 5869's default for both, and OpenSSL refuses an empty salt. */
  if (salt.size > 0)
    parameters[count++] = read_only_octets(OSSL_KDF_PARAM_SALT, salt.data, salt.size);
  if (label.size > 0)
    parameters[count++] = read_only_octets(OSSL_KDF_PARAM_INFO, label.data, label.size);
  parameters[count] = OSSL_PARAM_construct_end();

  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
  bool derived = context != NULL && EVP_KDF_derive(context, out, SEAL_KEY_BYTES, parameters) == 1;
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  if (derived) return true;
  return error_set(error, ERROR_NO_MEMORY, "no memory to derive a key; try again later");
}
