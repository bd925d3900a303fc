/*
 * Who calls: what a token says about its bearer, once it is verified.
 *
 * The texts lie in the arena of the exchange, or wherever whoever made the identity says.
 */
#ifndef TACOS_SHIELD_IDENTITY_H
#define TACOS_SHIELD_IDENTITY_H

#include "base/bytes.h"

enum {
  /* Our user ids are 26 characters (base/id.h); those of others' tokens must fit into this. */
  IDENTITY_USER_ID_BYTES = 128,
  /* Ours have at most 20 (users.h). */
  IDENTITY_USERNAME_BYTES = 128,
};

enum identity_role { ROLE_USER, ROLE_ADMIN, ROLE_COUNT };

struct identity {
  struct bytes user_id;  /* never empty */
  struct bytes username; /* empty when another's token does not tell it */
  enum identity_role role;
};

/* "user", "admin": as tokens, accounts and replies spell it. */
static inline struct bytes identity_role_name(enum identity_role role)
{
  return role == ROLE_ADMIN ? BYTES("admin") : BYTES("user");
}

/* False when it is no role's name. */
static inline bool identity_role_parse(struct bytes name, enum identity_role *role)
{
  for (enum identity_role i = ROLE_USER; i < ROLE_COUNT; i++) {
    if (!bytes_equal(name, identity_role_name(i))) continue;
    *role = i;
    return true;
  }
  return false;
}

#endif
