/*
 * A JWK Set (RFC 7517): the public keys with which tokens of others are verified.
 *
 *     {"keys":[{"kty":"RSA","kid":"2026-01","use":"sig","alg":"RS256","n":"...","e":"AQAB"},
 *              {"kty":"EC","kid":"2026-02","crv":"P-256","x":"...","y":"..."}]}
 *
 * A key decides the algorithm, never a token (RFC 8725 3.1): an RSA key verifies RS256 (RFC 7518
 * 3.3) and nothing else, a P-256 key ES256 (3.4). Keys for other things (other types, curves,
 * algorithms, encryption) are passed over, as RFC 7517 section 5 says. What is refused as a whole,
 * since whoever wrote the file should know: a key of ours that is not well-formed, private or
 * symmetric keys, two keys that a token could mean alike, RSA below 2,048 bits, no key at all.
 *
 * Memory: the set is on the struct memory given, the keys' numbers on OpenSSL's. One thread at a
 * time.
 */
#ifndef TACOS_SHIELD_JWKS_H
#define TACOS_SHIELD_JWKS_H

#include "base/error.h"
#include "base/world.h"

enum {
  JWKS_FILE_BYTES = 262144, /* of the document: the largest known ones have 20 KiB */
  JWKS_KEYS_MAX = 64,       /* of ours among them */
  JWKS_KID_BYTES = 256,     /* thumbprints of certificates have 43 */
  JWKS_RSA_BITS_MIN = 2048, /* RFC 7518 3.3 */
  JWKS_RSA_BITS_MAX = 8192, /* verifying takes 0.2 ms then */
  JWKS_ES256_BYTES = 64,    /* of a signature: R and S (RFC 7518 3.4) */
};

enum jwks_algorithm { JWKS_RS256, JWKS_ES256 };

struct jwks;
struct jwks_key;

/* NULL with *error: ERROR_INVALID naming the key by its place, ERROR_NO_MEMORY. */
struct jwks *jwks_parse(struct memory *memory, struct bytes json, struct error *error);

/* The same of a file; also ERROR_IO. The memory is the world's. */
struct jwks *jwks_read(struct world *world, const char *path, struct error *error);

void jwks_free(struct jwks *keys);

size_t jwks_count(const struct jwks *keys);

/*
 * The key that a token with this header is signed with: the one with this kid if it is for this
 * algorithm; without kid (data NULL) the only one there is for it. NULL: none.
 */
const struct jwks_key *jwks_find(const struct jwks *keys, enum jwks_algorithm algorithm,
                                 struct bytes kid);

/* Whether the signature is the key's for the input. */
bool jwks_verify(const struct jwks_key *key, struct bytes input, struct bytes signature);

#endif
