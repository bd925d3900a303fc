/*
 * The people of a run: an id, an address and a token each, all made before the run, so that signing
 * is in no measured time.
 *
 * Tokens are HS256 JWTs (RFC 7519, RFC 7515) with the claims of the platform's own:
 *
 *     base64url({"alg":"HS256","typ":"JWT"}) . base64url(claims) . base64url(HMAC-SHA-256)
 *     claims  {"sub","user_id","username","role","iat","exp","iss","aud"}
 *
 * Memory: one block of equal slots on the struct memory given. Read-only once made.
 */
#ifndef TACOS_LOAD_BUYERS_H
#define TACOS_LOAD_BUYERS_H

#include "base/bytes.h"
#include "base/error.h"
#include "load/template.h"

enum {
  BUYERS_MAX = 2000000,
  BUYERS_SECRET_BYTES = 32,
  BUYER_ID_BYTES = 32,
  BUYER_TOKEN_BYTES = 512,
  BUYERS_LIFETIME_S = 86400,
};

struct buyers {
  struct memory *memory;
  uint32_t count;
  uint32_t token_bytes; /* of a slot; 0: there are no tokens */
  uint64_t run;         /* part of every id: two runs are two crowds */
  uint8_t *tokens;
};

/* secret NULL: without tokens. now_s is the wall clock's, run any number. */
bool buyers_make(struct buyers *buyers, struct memory *memory, uint32_t count,
                 const uint8_t *secret, int64_t now_s, uint64_t run, struct error *error);
void buyers_free(struct buyers *buyers);

/* Writes the id with its zero. */
struct bytes buyer_id(const struct buyers *buyers, uint32_t index, char id[BUYER_ID_BYTES]);

/* Empty without a secret. */
struct bytes buyer_token(const struct buyers *buyers, uint32_t index);

/* An address of 10.0.0.0/8, for X-Forwarded-For. */
void buyer_address(uint32_t index, char address[LOAD_ADDRESS_BYTES]);

/* A token for anybody; its size. */
size_t buyers_sign(const uint8_t *secret, const char *user_id, const char *role, int64_t now_s,
                   char token[BUYER_TOKEN_BYTES]);

#endif
