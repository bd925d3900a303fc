#include "sale/provider_signature.h"

#include "base/encode.h"
#include "base/hash.h"

#define SIGNATURE_HEAD "sha256="

bool provider_signature_is_valid(struct bytes body, struct bytes header, struct bytes secret)
{
  enum { HEAD_BYTES = sizeof SIGNATURE_HEAD - 1, HEX_BYTES = 2 * HASH_SHA256_BYTES };
  uint8_t mac[HASH_SHA256_BYTES];
  char expected[HEAD_BYTES + HEX_BYTES] = SIGNATURE_HEAD;
  if (secret.size == 0) return false;
  hash_hmac_sha256(secret, body, mac);
  encode_to_hex(bytes_of(mac, sizeof mac), expected + HEAD_BYTES);
  return hash_equal_constant_time(header, bytes_of(expected, sizeof expected));
}
