/*
 * Passwords as argon2id hashes (RFC 9106) in the PHC string format:
 *
 *     $argon2id$v=19$m=19456,t=2,p=1$<salt, base64 without padding>$<hash, the same>
 *
 * Today's cost is OWASP's first choice for argon2id (Password Storage Cheat Sheet: 19 MiB, two
 * passes, one lane): RFC 9106's second option takes 64 MiB for each login that is under way, more
 * than a machine has to spare when a whole city logs in. A hash is verified with the cost in its
 * string, which is bounded, so that a string from outside cannot make us take any memory or time.
 *
 * Hashing takes the memory of its cost from malloc for 20 to 40 ms and wipes it (libargon2). Pure
 * functions, any thread; the struct memory (of the calling thread) is asked for permission only,
 * so that a test can refuse it.
 */
#ifndef TACOS_SHIELD_PASSWORD_H
#define TACOS_SHIELD_PASSWORD_H

#include "base/bytes.h"

enum {
  PASSWORD_BYTES_MIN = 6,
  PASSWORD_BYTES_MAX = 72,
  PASSWORD_SALT_BYTES = 16, /* RFC 9106 3.1: enough for any use */
  PASSWORD_HASH_BYTES = 32,
  PASSWORD_TEXT_BYTES = 256, /* of a PHC string with its zero; ours have 98 characters */
  /* What is still verified; the minima are RFC 9106 3.1's. */
  PASSWORD_MEMORY_KIB_MAX = 131072,
  PASSWORD_PASSES_MAX = 16,
  PASSWORD_LANES_MAX = 16,
  PASSWORD_STORED_SALT_MIN = 8,
  PASSWORD_STORED_BYTES_MIN = 16, /* of salt and hash, shorter hashes are guessed */
  PASSWORD_STORED_BYTES_MAX = 64,
};

struct password_cost {
  uint32_t memory_kib;
  uint32_t passes;
  uint32_t lanes; /* run one after the other, in the calling thread */
};

extern const struct password_cost password_cost_today;

/* Writes the PHC string with its zero. False when there is no memory. */
bool password_hash(struct memory *memory, const struct password_cost *cost, struct bytes password,
                   const uint8_t salt[PASSWORD_SALT_BYTES], char text[PASSWORD_TEXT_BYTES]);

enum password_verdict {
  PASSWORD_VERDICT_MATCHES,
  PASSWORD_VERDICT_DIFFERS,
  PASSWORD_VERDICT_UNREADABLE, /* no PHC string of argon2id within the bounds above */
  PASSWORD_VERDICT_NO_MEMORY,
};

enum password_verdict password_verify(struct memory *memory, struct bytes password,
                                      struct bytes text);

/* Whether a PHC string (that was verified) has less of memory, passes, salt or hash than this. */
bool password_is_weaker(struct bytes text, const struct password_cost *cost);

#endif
