#include "load/buyers.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

size_t buyers_sign(const uint8_t *secret, const char *user_id, const char *role, int64_t now_s,
                   char token[BUYER_TOKEN_BYTES])
{
  static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
  char claims[BUYER_TOKEN_BYTES / 4 * 3 - 128];
  int size = snprintf(claims, sizeof claims,
                      "{\"sub\":\"%s\",\"user_id\":\"%s\",\"username\":\"%s\",\"role\":\"%s\","
                      "\"iat\":%lld,\"exp\":%lld,\"iss\":\"traffic-tacos\","
                      "\"aud\":\"traffic-tacos-api\"}",
                      user_id, user_id, user_id, role, (long long)now_s,
                      (long long)now_s + BUYERS_LIFETIME_S);
  CHECK(size > 0 && (size_t)size < sizeof claims);
  size_t at = encode_to_base64url(bytes_of_text(header), token);
  token[at++] = '.';
  at += encode_to_base64url(bytes_of(claims, (size_t)size), token + at);
  uint8_t mac[HASH_SHA256_BYTES];
  hash_hmac_sha256(bytes_of(secret, BUYERS_SECRET_BYTES), bytes_of(token, at), mac);
  token[at++] = '.';
  at += encode_to_base64url(bytes_of(mac, sizeof mac), token + at);
  CHECK_THAT(at, <=, BUYER_TOKEN_BYTES);
  return at;
}

struct bytes buyer_id(const struct buyers *buyers, uint32_t index, char id[BUYER_ID_BYTES])
{
  /* For every request: printf would cost as much as all the rest of it. */
  enum { HEX_DIGITS = 8, DIGITS = 7 };
  static const char hex[] = "0123456789abcdef";
  CHECK_THAT(index, <, 10000000);
  memcpy(id, "load", 4);
  for (int i = 0; i < HEX_DIGITS; i++)
    id[4 + i] = hex[buyers->run >> (4 * (HEX_DIGITS - 1 - i)) & 15];
  for (int i = DIGITS; i-- > 0; index /= 10) id[4 + HEX_DIGITS + i] = (char)('0' + index % 10);
  id[4 + HEX_DIGITS + DIGITS] = 0;
  return bytes_of(id, 4 + HEX_DIGITS + DIGITS);
}

bool buyers_make(struct buyers *buyers, struct memory *memory, uint32_t count,
                 const uint8_t *secret, int64_t now_s, uint64_t run, struct error *error)
{
  CHECK(count > 0 && count <= BUYERS_MAX);
  *buyers = (struct buyers){.memory = memory, .count = count, .run = run};
  if (secret == NULL) return true;
  char token[BUYER_TOKEN_BYTES];
  char id[BUYER_ID_BYTES];
  buyer_id(buyers, 0, id);
  /* All ids have one size, and so have all tokens. */
  buyers->token_bytes = (uint32_t)buyers_sign(secret, id, "user", now_s, token);
  buyers->tokens = memory_alloc(memory, (size_t)count * buyers->token_bytes);
  if (buyers->tokens == NULL)
    return error_set(error, ERROR_NO_MEMORY, "no memory for the tokens of %u users", count);
  for (uint32_t i = 0; i < count; i++) {
    buyer_id(buyers, i, id);
    size_t size = buyers_sign(secret, id, "user", now_s, token);
    CHECK_THAT(size, ==, buyers->token_bytes);
    memcpy(buyers->tokens + (size_t)i * size, token, size);
  }
  return true;
}

void buyers_free(struct buyers *buyers)
{
  memory_free(buyers->memory, buyers->tokens,
              buyers->tokens == NULL ? 0 : (size_t)buyers->count * buyers->token_bytes);
  *buyers = (struct buyers){0};
}

struct bytes buyer_token(const struct buyers *buyers, uint32_t index)
{
  CHECK_THAT(index, <, buyers->count);
  if (buyers->tokens == NULL) return (struct bytes){NULL, 0};
  return bytes_of(buyers->tokens + (size_t)index * buyers->token_bytes, buyers->token_bytes);
}

static char *put_byte(char *at, uint32_t byte)
{
  if (byte >= 100) *at++ = (char)('0' + byte / 100);
  if (byte >= 10) *at++ = (char)('0' + byte / 10 % 10);
  *at++ = (char)('0' + byte % 10);
  return at;
}

void buyer_address(uint32_t index, char address[LOAD_ADDRESS_BYTES])
{
  uint32_t host = index + 1;
  char *at = address;
  *at++ = '1';
  *at++ = '0';
  for (int shift = 16; shift >= 0; shift -= 8) {
    *at++ = '.';
    at = put_byte(at, (host >> shift) & 255);
  }
  *at = 0;
}
