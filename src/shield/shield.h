/*
 * The shield: who may call, and how often. Nothing reaches a handler that it did not let through.
 *
 *     exchange -> rate of the address -> route's row -> token -> rate of the user -> role
 *                 | 429 (only /api)      | open         | 401    | 429               | 403
 *
 *     AUTH_NONE        anybody; a token is not looked at
 *     AUTH_OPTIONAL    anybody; but a token that is there must be good
 *     AUTH_USER        a good token
 *     AUTH_ADMIN       a good token of an administrator
 *     AUTH_SIGNATURE   the handler looks at the signature of the body
 *
 * Every reply under /api carries X-RateLimit-Limit, -Remaining and -Reset of the tightest limit
 * that was looked at, whoever answers in the end. OPTIONS, which browsers ask by themselves, is not
 * counted. Addresses are counted as such when they are IPv4, and by their /64 when they are IPv6,
 * since that is what one customer has (RFC 6177).
 *
 * It is the `admit` of the server's options (net/server.h), through a function of whoever owns the
 * exchange's context. Memory: on the world given; what concerns an exchange is in its arena. Engine
 * thread.
 */
#ifndef TACOS_SHIELD_SHIELD_H
#define TACOS_SHIELD_SHIELD_H

#include "net/exchange.h"
#include "net/loop.h"
#include "shield/identity.h"
#include "shield/jwt.h"
#include "shield/rate.h"

struct shield;

/*
 * The loop tells the time, and outlives the shield. The secret is copied (jwt.h); rows as of
 * rate.h. NULL with ERROR_NO_MEMORY.
 */
struct shield *shield_open(struct world *world, const struct loop *loop, struct bytes jwt_secret,
                           const struct rate_row rows[RATE_KINDS], struct error *error);
void shield_close(struct shield *shield);

/* To issue tokens, and to give it the keys of others. */
struct jwt *shield_jwt(struct shield *shield);

/*
 * Lets an exchange through, or builds its refusal and returns false. exchange->identity is a
 * `struct identity` in its arena afterwards, or NULL.
 */
bool shield_admit(struct shield *shield, struct exchange *exchange);

/* Who calls; NULL: nobody that we know. For handlers. */
static inline const struct identity *shield_identity(const struct exchange *exchange)
{
  return exchange->identity;
}

/*
 * For handlers, before they do what is limited: takes one of a kind, for the client's address, and
 * with RATE_LOGIN_USER for a name too (in any case). Builds the refusal and returns false when it
 * was too much; the handler sends it.
 */
bool shield_limit(struct shield *shield, struct exchange *exchange, enum rate_kind kind,
                  struct bytes name);

#endif
