/*
 * Accounts: who may log in.
 *
 *     ticket-users   user_id "01J8..."          username "Alice1", password_hash, email,
 *                                               display_name, role, created_at
 *                    user_id "USERNAME#alice1"  account "01J8..."      (the guard)
 *
 * A user name is 3 to 20 letters and digits of ASCII, unique whatever the case: "Alice1" and
 * "alice1" are one. The guard, whose key is the name in lower case, is put in the same transaction
 * as the account, under the condition that there is none; it is also the way from name to account.
 * The name is shown, and stored for the table's username-index, as it was typed.
 *
 *     user_register: validate -> name free? -> hash (password_pool.h) -> one transaction -> done
 *     user_login:    guard -> account -> verify (also when there is none) -> done
 *
 * An answer comes through request->done: in the call when nothing needs hashing, otherwise out of
 * password_pool_collect. Its sequence must be durable before anybody is told (store.h).
 *
 * Memory: texts of an answer are in the request's arena. Passwords are copied by the pool only, and
 * wiped there; no password and no hash is in an answer or a log. Engine thread.
 */
#ifndef TACOS_SHIELD_USERS_H
#define TACOS_SHIELD_USERS_H

#include "base/id.h"
#include "shield/identity.h"
#include "shield/password_pool.h"
#include "store/plan.h"

enum {
  USER_NAME_BYTES_MIN = 3,
  USER_NAME_BYTES_MAX = 20,
  USER_EMAIL_BYTES_MAX = 254,      /* RFC 5321 4.5.3.1.3, without the angle brackets */
  USER_EMAIL_LOCAL_BYTES_MAX = 64, /* 4.5.3.1.1 */
  USER_DISPLAY_NAME_MAX = 50,      /* characters */
};

/* Why not. Looked at in this order. */
enum user_refusal {
  USER_OK,
  USER_INVALID,     /* details say which fields, and what they should be */
  USER_EXISTS,      /* somebody else has the name */
  USER_CREDENTIALS, /* no such account, or not its password: nobody is told which */
  USER_NOT_FOUND,
  USER_BUSY,        /* too many passwords wait to be hashed */
  USER_UNAVAILABLE, /* no memory, or the store cannot take it now */
  USER_REFUSED,     /* an action that `extend` added was: see reasons */
  USER_REFUSALS,
};

/* How the API says it; USER_OK and USER_REFUSED have none (status 0). */
struct user_refusal_row {
  uint16_t status;
  const char *code;
  const char *message;
};

const struct user_refusal_row *user_refusal_row(enum user_refusal refusal);

struct user_account {
  struct bytes user_id;
  struct bytes username;
  struct bytes email;
  struct bytes display_name;
  enum identity_role role;
};

struct user_answer {
  enum user_refusal refusal;
  struct bytes details;        /* with USER_INVALID: {"username":"must be ...", ...} */
  struct user_account account; /* with USER_OK; and for `extend`, who it is about to be */
  uint64_t sequence;           /* what is told is durable at this */
  /* With USER_REFUSED: one for each action of `extend`, in order. */
  const struct store_reason *reasons;
};

struct users;

/* Adds what belongs to the same commit (the idempotency record, an event) to the plan. */
typedef void user_extend(void *context, struct plan *plan, const struct user_answer *answer);
typedef void user_done(void *context, const struct user_answer *answer);

/* One request under way. The caller fills the first part; all of it lives until `done`. */
struct user_request {
  struct arena *arena;
  user_extend *extend; /* may be NULL */
  user_done *done;
  void *context;

  /* users.c only. */
  struct users *users;
  struct user_answer answer;
};

struct user_registration {
  struct bytes username;
  struct bytes password;
  struct bytes email;
  struct bytes display_name;
};

/*
 * Over an open store with its tables, and a pool; both are the caller's and outlive it, until the
 * pool has called back for all. NULL with ERROR_NOT_FOUND without the table, or ERROR_NO_MEMORY.
 */
struct users *users_open(struct world *world, struct store *store, struct password_pool *pool,
                         struct error *error);
void users_close(struct users *users);

/* A new account with ROLE_USER. */
void user_register(struct users *users, struct user_request *request,
                   const struct user_registration *registration);

/*
 * Finds the account of a name and password. `extend` is asked for a plan of its own. A hash weaker
 * than today's is replaced on the way.
 */
void user_login(struct users *users, struct user_request *request, struct bytes username,
                struct bytes password);

/* The account with an id, or with a name in any case; its texts are copied to the arena. */
enum user_refusal user_find(const struct users *users, struct bytes user_id, struct arena *arena,
                            struct user_answer *answer);
enum user_refusal user_find_by_name(const struct users *users, struct bytes username,
                                    struct arena *arena, struct user_answer *answer);

/*
 * For commands, which may wait: a new account with a role, its password hashed by the calling
 * thread at this cost.
 */
enum user_refusal user_add(struct users *users, const struct user_registration *registration,
                           enum identity_role role, const struct password_cost *cost,
                           struct arena *arena, struct user_answer *answer);

/* Tokens that were issued before keep the role they have. */
enum user_refusal user_set_role(struct users *users, struct bytes username, enum identity_role role,
                                struct arena *arena, struct user_answer *answer);

#endif
