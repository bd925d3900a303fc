/*
 * Receipt handles: what a receiver shows to delete a message or to change its time.
 *
 *     | 16 bytes: id of the message | 4: number of the receive | 20: keyed hash |    in base64url
 *
 * The hash is the start of SHA-256 over key, queue, id and number. All are of fixed size and fit
 * into one block together, so that plain hashing with a secret in front is a MAC (length extension
 * changes the length) at a quarter of HMAC's cost. A receipt is of one queue; one of a message that
 * was moved is not taken by the queue it went to. Pure; any thread.
 */
#ifndef TACOS_QUEUE_RECEIPT_H
#define TACOS_QUEUE_RECEIPT_H

#include "base/bytes.h"
#include "base/id.h"
#include "queue/limits.h"

enum { RECEIPT_KEY_BYTES = 24 };

struct receipt {
  struct id id;
  uint32_t number;
};

void receipt_format(const uint8_t key[RECEIPT_KEY_BYTES], uint32_t queue,
                    const struct receipt *receipt, char text[QUEUE_RECEIPT_TEXT]);

/* False unless receipt_format wrote it, with this key and for this queue. */
bool receipt_parse(const uint8_t key[RECEIPT_KEY_BYTES], uint32_t queue, struct bytes text,
                   struct receipt *receipt);

#endif
