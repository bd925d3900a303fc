/*
 * Ticket codes: what is printed on a sold ticket, shown as a QR code and read at the door. A code
 * says which seat of which event, in which sale, and is signed: nobody but the holder of the
 * private key can make one, and everybody who has the public key can check it.
 *
 *     TT1:AHM4Y2...     "TT1:" and base32 (RFC 4648 section 6, upper case, no padding) of
 *
 *     offset  bytes
 *       0       1    version: 1
 *       1       4    key id
 *       5      16    order
 *      21       4    issue
 *      25       4    issued at
 *      29       1    size of the event id
 *      30     1..64  event id
 *             1..66  seat id
 *              64    signature
 *
 * Numbers are big-endian. The key id is the first four bytes of the SHA-256 of the public key. The
 * order is the ULID of its id. The issue is the version that the ticket had once it was sold: when
 * the seat is refunded and sold again, the old code says another one. Issued at counts seconds
 * since 1970. The seat id takes what is left before the signature. The signature is Ed25519 (RFC
 * 8032, section 5.1) over all bytes before it, the version first.
 *
 * Only characters of QR's alphanumeric mode are used, which takes 5.5 bits for each: base64url in
 * byte mode would be a fifth longer. All of them may stand in a URL's path or query.
 *
 * Checking a code without the server (a scanner that is offline):
 *   1. fetch GET /api/v1/tickets/keys beforehand: a JWK set (RFC 7517) of OKP keys (RFC 8037); `x`
 *      is the public key in base64url, `kid` the key id in hex;
 *   2. refuse what does not begin with "TT1:", has a character that is not A-Z or 2-7 behind it, or
 *      does not decode to 96..224 bytes with the first of them 1;
 *   3. take the key whose kid is bytes 1..4, and verify the last 64 bytes as signature of all bytes
 *      before them;
 *   4. compare the event id with the event at this door, and admit each event id, seat id and issue
 *      once.
 * What such a scanner cannot know is whether the order was refunded since, or another door admitted
 * the same code: that is for sale_checkin (checkin.h).
 *
 * Memory: OpenSSL's, some hundred bytes for each key; signing and verifying stop the process when
 * OpenSSL has no memory for a few hundred more (hash.h). A signer or key ring is used by one thread
 * at a time.
 */
#ifndef TACOS_SALE_TICKET_CODE_H
#define TACOS_SALE_TICKET_CODE_H

#include "base/encode.h"
#include "base/error.h"
#include "base/id.h"
#include "sale/seat_plan.h"

enum {
  TICKET_CODE_VERSION = 1,
  TICKET_KEY_BYTES = 32,       /* of a private and of a public key (RFC 8032, section 5.1.5) */
  TICKET_SIGNATURE_BYTES = 64, /* (section 5.1.6) */
  TICKET_KEY_ID_BYTES = 4,
  TICKET_KEYS_MAX = 8,         /* one that signs, the others of tickets that are still to be used */
  TICKET_CODE_HEAD_BYTES = 30, /* before the event id */
  TICKET_CODE_BYTES_MIN = TICKET_CODE_HEAD_BYTES + 1 + 1 + TICKET_SIGNATURE_BYTES,
  TICKET_CODE_BYTES_MAX = TICKET_CODE_HEAD_BYTES + SEAT_EVENT_ID_BYTES + SEAT_ID_BYTES +
                          TICKET_SIGNATURE_BYTES,
  TICKET_CODE_PREFIX_BYTES = 4, /* "TT1:" */
  TICKET_CODE_TEXT_MAX = TICKET_CODE_PREFIX_BYTES + (TICKET_CODE_BYTES_MAX * 8 + 4) / 5,
};

/* What a code says. */
struct ticket_code {
  struct id order;
  uint32_t issue;
  uint32_t issued_at_s; /* since 1970 */
  struct bytes event_id;
  struct bytes seat_id;
};

/* ---- signing ---- */

struct ticket_signer {
  struct evp_pkey_st *key; /* NULL: none */
  uint8_t public_key[TICKET_KEY_BYTES];
  uint8_t key_id[TICKET_KEY_ID_BYTES];
};

/*
 * The private key is 32 random bytes, and copied. ERROR_KEY when they are all zero,
 * ERROR_NO_MEMORY; there is nothing to free then.
 */
bool ticket_signer_init(struct ticket_signer *signer, const uint8_t private_key[TICKET_KEY_BYTES],
                        struct error *error);

/* Wipes the key. A signer of zeros is freed too. */
void ticket_signer_free(struct ticket_signer *signer);

/*
 * Writes the code and returns its size. The same code gives the same text every time. Both ids are
 * within their limits, and not empty.
 */
size_t ticket_code_sign(const struct ticket_signer *signer, const struct ticket_code *code,
                        char text[TICKET_CODE_TEXT_MAX]);

/* ---- verifying ---- */

struct ticket_key {
  struct evp_pkey_st *key;
  uint8_t public_key[TICKET_KEY_BYTES];
  uint8_t key_id[TICKET_KEY_ID_BYTES];
};

/* The public keys that are trusted; all zeros is a ring without keys. */
struct ticket_keys {
  uint32_t count;
  struct ticket_key keys[TICKET_KEYS_MAX];
};

/*
 * Trusts one more key: that of the signer first, those of earlier signers after it. ERROR_EXISTS
 * when a key with this id is there, ERROR_LIMIT beyond TICKET_KEYS_MAX, ERROR_KEY when it is all
 * zero (with which anybody could sign), ERROR_NO_MEMORY.
 */
bool ticket_keys_add(struct ticket_keys *keys, const uint8_t public_key[TICKET_KEY_BYTES],
                     struct error *error);
void ticket_keys_free(struct ticket_keys *keys);

/* Appends the JWK set; false when there is no memory. */
bool ticket_keys_write(const struct ticket_keys *keys, struct buffer *buffer);

/* In the order in which they are looked for. */
enum ticket_code_verdict {
  TICKET_CODE_VALID,
  TICKET_CODE_MALFORMED,     /* no code of this version */
  TICKET_CODE_UNKNOWN_KEY,   /* of another server, or of a key that is not trusted any more */
  TICKET_CODE_BAD_SIGNATURE, /* forged, or read wrongly */
  TICKET_CODE_VERDICTS,
};

/* "valid", "malformed", "unknown_key", "bad_signature". */
const char *ticket_code_verdict_name(enum ticket_code_verdict verdict);

/*
 * Whether a text is a code that one of the keys signed. A code has one spelling: its text and no
 * other is valid. The work is bounded: one decoding of at most TICKET_CODE_TEXT_MAX characters and
 * one check of a signature, before anything that the code says is used. *code is set when it is
 * valid, and points into `room`.
 */
enum ticket_code_verdict ticket_code_verify(const struct ticket_keys *keys, struct bytes text,
                                            uint8_t room[TICKET_CODE_BYTES_MAX],
                                            struct ticket_code *code);

#endif
