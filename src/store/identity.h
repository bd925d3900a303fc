/*
 * Who a store is: the file `identity` in its directory, made when the store is and never changed.
 *
 * It is one block (store_file.h): the store's id, which every log segment and snapshot repeats, the
 * time it was made, and a salt that seeds the hash indexes, so that strangers cannot choose keys
 * that collide.
 */
#ifndef TACOS_STORE_IDENTITY_H
#define TACOS_STORE_IDENTITY_H

#include "store/store_file.h"

struct identity {
  uint8_t store_id[STORE_ID_BYTES];
  uint8_t salt[STORE_FILE_SALT_BYTES];
  int64_t created_ms; /* UTC */
};

/* The seed of the store's hash indexes. */
static inline uint64_t identity_hash_seed(const struct identity *identity)
{
  return bytes_get_u64(identity->salt);
}

/*
 * Reads the identity of the store in `directory`. ERROR_NOT_FOUND when there is none, ERROR_CORRUPT
 * and ERROR_UNSUPPORTED naming the file.
 */
bool identity_read(struct world *world, const char *directory, struct identity *identity,
                   struct error *error);

/* A new identity, not written yet. */
struct identity identity_make(struct world *world);

/* Writes it; durable when this returns true. */
bool identity_write(struct world *world, const char *directory, const struct identity *identity,
                    struct error *error);

#endif
