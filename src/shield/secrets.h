/*
 * The secrets of an installation, made at its first start.
 *
 *     <data directory>/secrets/     mode 0700
 *       jwt.key         signs the tokens of users (HS256)
 *       webhook.key     signs and verifies webhooks of payments
 *       ticket.key      private key of the tickets' signatures (Ed25519, RFC 8032 5.1.5)
 *       admission.key   signs the tokens of the waiting room
 *
 * Each file is 32 random bytes as 64 hex digits and a line break, mode 0600. It is written under
 * another name, synced and renamed, so that under its own name there is a whole secret or none.
 * To replace a secret, stop the server and remove its file: what it signed is worth nothing then.
 *
 * Memory: the caller's struct, wiped by secrets_close. Nothing of a secret is ever printed. Called
 * by the thread that owns the world.
 */
#ifndef TACOS_SHIELD_SECRETS_H
#define TACOS_SHIELD_SECRETS_H

#include "base/error.h"
#include "base/world.h"

enum { SECRET_BYTES = 32 };

enum secret { SECRET_JWT, SECRET_WEBHOOK, SECRET_TICKET, SECRET_ADMISSION, SECRET_COUNT };

struct secrets {
  uint8_t bytes[SECRET_COUNT][SECRET_BYTES];
};

/*
 * Reads the secrets of a data directory, which exists, and makes those that are missing; *made is
 * how many. They are durable when this returns true. The process is the only one that uses the
 * directory (the store's lock).
 *
 * files_have_modes: the world is Linux's, whose handles are descriptors; a file that others may
 * read is then refused with ERROR_KEY and the chmod to run. A damaged file is ERROR_KEY too: it is
 * never replaced, since what it signed may still be out there.
 */
bool secrets_open(struct world *world, const char *data_directory, bool files_have_modes,
                  struct secrets *secrets, uint32_t *made, struct error *error);

/* Wipes them. */
void secrets_close(struct secrets *secrets);

static inline struct bytes secrets_get(const struct secrets *secrets, enum secret secret)
{
  return bytes_of(secrets->bytes[secret], SECRET_BYTES);
}

#endif
