/*
 * For tests of tokens: key pairs of other issuers, their JWKs, and tokens signed with them.
 *
 * Texts that are returned are the caller's to free; whatever fails stops the test.
 */
#ifndef TACOS_TESTS_UNIT_SHIELD_JWK_FIXTURE_H
#define TACOS_TESTS_UNIT_SHIELD_JWK_FIXTURE_H

#include "base/bytes.h"

#include <openssl/evp.h>

EVP_PKEY *jwk_fixture_rsa(unsigned int bits);
EVP_PKEY *jwk_fixture_p256(void);

/* The public key as a JWK; `members` are further ones: "\"kid\":\"a\"," or "". */
char *jwk_fixture_json(EVP_PKEY *key, const char *members);

/* base64url(header) "." base64url(claims) "." signature, by the key or by HMAC with a secret. */
char *jwk_fixture_token(EVP_PKEY *key, const char *header, const char *claims);
char *jwk_fixture_hmac_token(struct bytes secret, const char *header, const char *claims);

#endif
