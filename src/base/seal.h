/*
 * Sealing: AES-256-GCM (NIST SP 800-38D) for what lies on disk, and the derivation of its keys.
 *
 * A sealer holds one expanded key and is made once per file (64 MiB of log); sealing a frame then
 * allocates nothing. It belongs to one thread at a time and may be handed from one to another.
 *
 *     master key --HKDF(salt of the file, label)--> key of one file --nonce--> sealed frame + tag
 *
 * The rule that everything hangs on: under one key a nonce is used ONCE. The caller keeps it, by a
 * fresh random salt for every file and a counter as the nonce in it.
 */
#ifndef TACOS_BASE_SEAL_H
#define TACOS_BASE_SEAL_H

#include "base/bytes.h"
#include "base/error.h"

enum {
  SEAL_KEY_BYTES = 32,
  SEAL_NONCE_BYTES = 12,
  SEAL_TAG_BYTES = 16,
};

struct sealer {
  struct evp_cipher_ctx_st *context; /* EVP_CIPHER_CTX with the key scheduled */
};

/* The key is copied. ERROR_NO_MEMORY when OpenSSL has none; there is nothing to free then. */
bool seal_init(struct sealer *sealer, const uint8_t key[SEAL_KEY_BYTES], struct error *error);

/* Wipes the key. A sealer of zeros is freed too. */
void seal_free(struct sealer *sealer);

/*
 * Encrypts `size` bytes in place (size at most INT_MAX) and writes the tag, which also covers
 * `associated`: bytes that stay readable but must not change. Cannot fail.
 */
void seal_encrypt(struct sealer *sealer, const uint8_t nonce[SEAL_NONCE_BYTES],
                  struct bytes associated, uint8_t *data, size_t size, uint8_t tag[SEAL_TAG_BYTES]);

/*
 * Decrypts in place. False when key, nonce, associated bytes, data or tag are not those of the
 * encryption; data is zeroed then, so that nobody reads what was not authenticated.
 */
bool seal_decrypt(struct sealer *sealer, const uint8_t nonce[SEAL_NONCE_BYTES],
                  struct bytes associated, uint8_t *data, size_t size,
                  const uint8_t tag[SEAL_TAG_BYTES]);

/*
 * HKDF-SHA-256 (RFC 5869), 32 bytes: a key for one use out of a master key. `label` says what for
 * ("log segment 1"), `salt` is public. False with ERROR_NO_MEMORY.
 */
bool seal_derive_key(const uint8_t master[SEAL_KEY_BYTES], struct bytes salt, struct bytes label,
                     uint8_t out[SEAL_KEY_BYTES], struct error *error);

#endif
