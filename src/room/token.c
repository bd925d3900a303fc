#include "room/token.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"

enum {
  PREFIX_BYTES = 3,
  KEY_ID_BYTES = 2,
  WHOLE_BYTES = TOKEN_BODY_BYTES + TOKEN_MAC_BYTES,
};

_Static_assert(PREFIX_BYTES + (WHOLE_BYTES * 8 + 5) / 6 == TOKEN_TEXT_BYTES, "as base64url");

static const char PREFIXES[TOKEN_KINDS][PREFIX_BYTES] = {
    [TOKEN_WAITING] = {'w', '1', '.'},
    [TOKEN_RESERVATION] = {'r', '1', '.'},
};

struct token_signer {
  struct memory *memory;
  struct hash_key *key;
  uint8_t key_id[KEY_ID_BYTES];
};

struct token_signer *token_signer_new(struct memory *memory, const uint8_t key[TOKEN_KEY_BYTES],
                                      struct error *error)
{
  uint8_t hash[HASH_SHA256_BYTES];
  struct token_signer *signer = memory_alloc_zeroed(memory, sizeof *signer);
  if (signer != NULL) signer->key = hash_key_new(bytes_of(key, TOKEN_KEY_BYTES));
  if (signer == NULL || signer->key == NULL) {
    if (signer != NULL) memory_free(memory, signer, sizeof *signer);
    error_set(error, ERROR_NO_MEMORY, "no memory to sign the waiting room's tokens");
    return NULL;
  }
  hash_sha256(bytes_of(key, TOKEN_KEY_BYTES), hash);
  memcpy(signer->key_id, hash, KEY_ID_BYTES);
  signer->memory = memory;
  return signer;
}

void token_signer_free(struct token_signer *signer)
{
  if (signer == NULL) return;
  hash_key_free(signer->key);
  memory_free(signer->memory, signer, sizeof *signer);
}

static void sign_body(struct token_signer *signer, enum token_kind kind,
                      const uint8_t body[TOKEN_BODY_BYTES], uint8_t mac[HASH_SHA256_BYTES])
{
  const struct bytes parts[] = {bytes_of(PREFIXES[kind], PREFIX_BYTES - 1),
                                bytes_of(body, TOKEN_BODY_BYTES)};
  hash_key_mac(signer->key, parts, 2, mac);
}

void token_sign(struct token_signer *signer, enum token_kind kind, const struct token *token,
                char text[TOKEN_TEXT_BYTES])
{
  uint8_t whole[WHOLE_BYTES];
  uint8_t mac[HASH_SHA256_BYTES];
  CHECK(token->time_ms >= 0 && token->time_ms < (int64_t)1 << TOKEN_TIME_BITS);
  bytes_put_u32(whole, __builtin_bswap32(token->room));
  bytes_put_u32(whole + 4, __builtin_bswap32(token->number));
  bytes_put_u64(whole + 8, __builtin_bswap64((uint64_t)token->time_ms << (64 - TOKEN_TIME_BITS)));
  memcpy(whole + 14, signer->key_id, KEY_ID_BYTES);
  sign_body(signer, kind, whole, mac);
  memcpy(whole + TOKEN_BODY_BYTES, mac, TOKEN_MAC_BYTES);
  memcpy(text, PREFIXES[kind], PREFIX_BYTES);
  encode_to_base64url(bytes_of(whole, sizeof whole), text + PREFIX_BYTES);
}

bool token_verify(struct token_signer *signer, enum token_kind kind, struct bytes text,
                  struct token *token)
{
  uint8_t whole[TOKEN_TEXT_BYTES] = {0};
  uint8_t mac[HASH_SHA256_BYTES];
  size_t size = 0;
  bool formed =
      text.size == TOKEN_TEXT_BYTES && memcmp(text.data, PREFIXES[kind], PREFIX_BYTES) == 0 &&
      encode_from_base64url(bytes_of(text.data + PREFIX_BYTES, TOKEN_TEXT_BYTES - PREFIX_BYTES),
                            whole, &size) &&
      size == WHOLE_BYTES;
  sign_body(signer, kind, whole, mac);
  bool signed_by_us = hash_equal_constant_time(bytes_of(mac, TOKEN_MAC_BYTES),
                                               bytes_of(whole + TOKEN_BODY_BYTES, TOKEN_MAC_BYTES));
  /* Not &&: what was not decoded is compared all the same. */
  if (!(formed & signed_by_us)) return false;
  token->room = __builtin_bswap32(bytes_get_u32(whole));
  token->number = __builtin_bswap32(bytes_get_u32(whole + 4));
  token->time_ms = (int64_t)(__builtin_bswap64(bytes_get_u64(whole + 8)) >> (64 - TOKEN_TIME_BITS));
  return true;
}

struct token_name token_name_of(struct token_signer *signer, struct bytes what, struct bytes name,
                                struct bytes more)
{
  uint8_t sizes[8];
  uint8_t mac[HASH_SHA256_BYTES];
  bytes_put_u32(sizes, (uint32_t)what.size);
  bytes_put_u32(sizes + 4, (uint32_t)name.size);
  /* The sizes keep ("ab", "c") and ("a", "bc") apart. */
  const struct bytes parts[] = {BYTES("name"), bytes_of(sizes, sizeof sizes), what, name, more};
  hash_key_mac(signer->key, parts, 5, mac);
  return (struct token_name){bytes_get_u64(mac), bytes_get_u64(mac + 8)};
}
