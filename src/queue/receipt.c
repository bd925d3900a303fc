#include "queue/receipt.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"

#include <string.h>

enum {
  NUMBER_AT = ID_BYTES,
  MAC_AT = ID_BYTES + 4,
  MAC_BYTES = QUEUE_RECEIPT_BYTES - MAC_AT,
  INPUT_BYTES = RECEIPT_KEY_BYTES + 4 + MAC_AT,
  SHA256_ONE_BLOCK = 55, /* bytes that fit into one block with their padding */
};

_Static_assert(INPUT_BYTES <= SHA256_ONE_BLOCK, "a receipt is hashed in one block");
_Static_assert(QUEUE_RECEIPT_TEXT == (QUEUE_RECEIPT_BYTES * 4 + 2) / 3, "base64url, unpadded");

static void write_mac(const uint8_t key[RECEIPT_KEY_BYTES], uint32_t queue, uint8_t *receipt)
{
  uint8_t input[INPUT_BYTES];
  uint8_t digest[HASH_SHA256_BYTES];
  memcpy(input, key, RECEIPT_KEY_BYTES);
  bytes_put_u32(input + RECEIPT_KEY_BYTES, queue);
  memcpy(input + RECEIPT_KEY_BYTES + 4, receipt, MAC_AT);
  hash_sha256(bytes_of(input, sizeof input), digest);
  memcpy(receipt + MAC_AT, digest, MAC_BYTES);
}

void receipt_format(const uint8_t key[RECEIPT_KEY_BYTES], uint32_t queue,
                    const struct receipt *receipt, char text[QUEUE_RECEIPT_TEXT])
{
  uint8_t bytes[QUEUE_RECEIPT_BYTES];
  memcpy(bytes, receipt->id.bytes, ID_BYTES);
  bytes_put_u32(bytes + NUMBER_AT, receipt->number);
  write_mac(key, queue, bytes);
  CHECK_THAT(encode_to_base64url(bytes_of(bytes, sizeof bytes), text), ==, QUEUE_RECEIPT_TEXT);
}

bool receipt_parse(const uint8_t key[RECEIPT_KEY_BYTES], uint32_t queue, struct bytes text,
                   struct receipt *receipt)
{
  uint8_t bytes[QUEUE_RECEIPT_TEXT / 4 * 3 + 2];
  uint8_t expected[QUEUE_RECEIPT_BYTES];
  size_t size;
  if (text.size != QUEUE_RECEIPT_TEXT || !encode_from_base64url(text, bytes, &size)) return false;
  CHECK_THAT(size, ==, QUEUE_RECEIPT_BYTES);
  memcpy(expected, bytes, MAC_AT);
  write_mac(key, queue, expected);
  if (!hash_equal_constant_time(bytes_of(bytes, size), bytes_of(expected, sizeof expected)))
    return false;
  memcpy(receipt->id.bytes, bytes, ID_BYTES);
  receipt->number = bytes_get_u32(bytes + NUMBER_AT);
  return true;
}
