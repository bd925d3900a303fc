/*
 * JSON Web Tokens (RFC 7519, RFC 7515, with the advice of RFC 8725): what a buyer shows with each
 * request.
 *
 *     base64url({"alg":"HS256","typ":"JWT"}) . base64url(claims) . base64url(signature)
 *
 *     claims {"sub","user_id","username","role":"user"|"admin","iat","exp","iss","aud"}
 *
 * Issued are HS256 tokens, with the installation's secret. Verified are those, and RS256 and ES256
 * ones with the keys of a JWK Set (jwks.h) when there is one. The key decides the algorithm:
 * "HS256" means the secret and nothing else, the others mean keys that are made for them; "none"
 * means nothing here. Looked at in this order: size, parts, header, signature, claims. So who has
 * no key learns nothing from our answers but that.
 *
 * Memory: made on the world given; tokens and identities are in the caller's arena. Engine thread.
 */
#ifndef TACOS_SHIELD_JWT_H
#define TACOS_SHIELD_JWT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/world.h"
#include "shield/identity.h"
#include "shield/jwks.h"

#define JWT_ISSUER   "traffic-tacos"
#define JWT_AUDIENCE "traffic-tacos-api"

enum {
  JWT_BYTES_MAX = 4096,      /* a quarter of a request's head */
  JWT_HEADER_BYTES = 1024,   /* of its base64url; certificates in it are of no use here */
  JWT_SECRET_BYTES_MIN = 32, /* RFC 7518 3.2: as long as the hash */
  JWT_LIFETIME_S = 86400,    /* of what is issued */
  JWT_LEEWAY_S = 30,         /* that the clock of another issuer may differ from ours */
};

enum jwt_refusal {
  JWT_OK,
  JWT_SIZE,      /* longer than JWT_BYTES_MAX */
  JWT_MALFORMED, /* not three parts of strict base64url, or its header is not as it should be */
  JWT_ALGORITHM, /* one that is not known here */
  JWT_KEY,       /* no key of that algorithm and kid */
  JWT_SIGNATURE,
  JWT_CLAIMS, /* one is missing, of the wrong type or too long; or the role is unknown */
  JWT_ISSUER_WRONG,
  JWT_AUDIENCE_WRONG,
  JWT_EXPIRED,
  JWT_NOT_YET, /* its nbf is to come */
  JWT_NO_MEMORY,
  JWT_REFUSALS,
};

/* A short name for metrics and logs, "expired"; and what the bearer should do. */
const char *jwt_refusal_name(enum jwt_refusal refusal);
const char *jwt_refusal_message(enum jwt_refusal refusal);

struct jwt;

/* The secret has at least JWT_SECRET_BYTES_MIN bytes (CHECKed). NULL with ERROR_NO_MEMORY. */
struct jwt *jwt_new(struct world *world, struct bytes secret, struct error *error);
void jwt_free(struct jwt *jwt);

/*
 * The keys of others from now on, NULL: none. They are the caller's, who frees the old ones after
 * this. Whatever was verified before is looked at again.
 */
void jwt_use_keys(struct jwt *jwt, const struct jwks *keys);

/*
 * A token for whom the identity describes, from now on. False when there is no memory. The texts
 * are UTF-8 within the limits of identity.h (CHECKed).
 */
bool jwt_issue(const struct jwt *jwt, const struct identity *identity, int64_t now_s,
               struct arena *arena, struct bytes *token);

/* On JWT_OK *identity is who bears it, its texts in the arena. */
enum jwt_refusal jwt_verify(struct jwt *jwt, struct bytes token, int64_t now_s, struct arena *arena,
                            struct identity *identity);

#endif
