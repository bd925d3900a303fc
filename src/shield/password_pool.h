/*
 * Threads that hash passwords, so that a login never stalls the engine.
 *
 *     engine: password_pool_hash, _verify --> queue (bounded; full: busy) --> worker
 *     engine: password_pool_collect <-- wake <-- finished <-- hash, verify --/
 *             \-> the job's callback
 *
 * With no threads (simulator, tests) the jobs run in password_pool_collect.
 *
 * Memory: jobs and their texts are made when it opens, so that a login allocates nothing here;
 * each worker has one hash's memory at a time (password.h). Passwords are wiped as soon as they are
 * used. All calls belong to the engine thread; `wake` is called by workers.
 */
#ifndef TACOS_SHIELD_PASSWORD_POOL_H
#define TACOS_SHIELD_PASSWORD_POOL_H

#include "base/error.h"
#include "base/world.h"
#include "shield/password.h"

enum {
  PASSWORD_THREADS_MAX = 16,
  PASSWORD_THREADS = 1, /* unless told otherwise: 25 to 50 logins a second */
  PASSWORD_JOBS = 64,   /* waiting and running: the last one waits for 2.5 s at most */
  PASSWORD_NICE = 5,    /* priority below the engine's and the log's (nice(2)) */
};

struct password_pool_options {
  uint32_t threads;            /* 0: none */
  uint32_t jobs;               /* at least 1 */
  struct password_cost cost;   /* of new hashes */
  void (*wake)(void *context); /* something is to be collected; may be NULL */
  void *wake_context;
};

struct password_pool;

/* NULL with ERROR_NO_MEMORY, or ERROR_IO when a thread cannot be made. */
struct password_pool *password_pool_open(struct world *world,
                                         const struct password_pool_options *options,
                                         struct error *error);

/* Waits for the hashes under way; every job still gets its callback, PASSWORD_STOPPED at worst. */
void password_pool_close(struct password_pool *pool);

enum password_outcome {
  PASSWORD_HASHED,  /* text: the hash */
  PASSWORD_MATCHES, /* text: a hash to store instead of the weaker one that was given, or NULL */
  PASSWORD_DIFFERS,
  PASSWORD_FAILED,  /* no memory */
  PASSWORD_STOPPED, /* the pool was closed first */
};

/* `text` is valid in the call. It may ask for further jobs. */
typedef void password_done(void *context, enum password_outcome outcome, const char *text);

/*
 * Hashes a password of at most PASSWORD_BYTES_MAX bytes, which is copied. False when it is busy:
 * `done` is not called then.
 */
bool password_pool_hash(struct password_pool *pool, struct bytes password, password_done *done,
                        void *context);

/*
 * Verifies one against a PHC string, which is copied; with data NULL there is none, which takes as
 * long and differs. So does what cannot be right: a password or a string that is too long.
 */
bool password_pool_verify(struct password_pool *pool, struct bytes password, struct bytes stored,
                          password_done *done, void *context);

/* Calls back for the jobs that are done; their number. Without threads it does them first. */
uint32_t password_pool_collect(struct password_pool *pool);

/* Jobs that were asked for and not called back yet. */
uint32_t password_pool_jobs(const struct password_pool *pool);

#endif
