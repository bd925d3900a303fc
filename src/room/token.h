/*
 * The two tokens of the waiting room: who waits where, and who may choose seats. Signed and
 * self-contained, so that a place needs no session.
 *
 *     w1.AAAAAQAAAAAHAAABm...     kind, version, "." and base64url (RFC 4648 5, no padding) of
 *
 *     offset  bytes
 *       0       4    room
 *       4       4    number
 *       8       6    time: UTC milliseconds of joining; of a reservation token: when it expires
 *      14       2    key id: the first bytes of SHA-256 of the key
 *      16      16    HMAC-SHA-256 of "w1" or "r1" and the 16 bytes before, truncated (RFC 2104 5)
 *
 * Numbers are big-endian. A token has one spelling (encode.h), 46 characters. Two kinds sign
 * different bytes: a waiting token is never taken for a reservation token.
 *
 * A token that is malformed costs as much as one whose signature is wrong, and one comparison in
 * constant time decides: an answer's time tells nothing about the signature.
 *
 * Memory: OpenSSL's, some hundred bytes for the key. One thread.
 */
#ifndef TACOS_ROOM_TOKEN_H
#define TACOS_ROOM_TOKEN_H

#include "base/bytes.h"
#include "base/error.h"

enum token_kind { TOKEN_WAITING, TOKEN_RESERVATION, TOKEN_KINDS };

enum {
  TOKEN_KEY_BYTES = 32,
  TOKEN_BODY_BYTES = 16,
  TOKEN_MAC_BYTES = 16,
  TOKEN_TEXT_BYTES = 46, /* "w1." and 43 */
};

struct token {
  uint32_t room;
  uint32_t number;
  int64_t time_ms; /* 0 to 2^48 - 1 */
};

struct token_signer;

/* NULL with ERROR_NO_MEMORY. The key is copied. */
struct token_signer *token_signer_new(struct memory *memory, const uint8_t key[TOKEN_KEY_BYTES],
                                      struct error *error);
void token_signer_free(struct token_signer *signer);

void token_sign(struct token_signer *signer, enum token_kind kind, const struct token *token,
                char text[TOKEN_TEXT_BYTES]);

/* Whether this signer made the text as a token of this kind. */
bool token_verify(struct token_signer *signer, enum token_kind kind, struct bytes text,
                  struct token *token);

/*
 * 128 bits that stand for a name, the same in every life of the key and unknown to who does not
 * have it: of who joined, of who a shopper is.
 */
struct token_name {
  uint64_t high, low;
};

struct token_name token_name_of(struct token_signer *signer, struct bytes what, struct bytes name,
                                struct bytes more);

#endif
