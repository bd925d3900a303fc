/*
 * The key file: 32 bytes, or 64 hex digits with or without a line break.
 *
 * The file must belong to nobody else's eyes: mode 0600 or stricter. Nothing of a key is ever
 * printed; whoever holds one wipes it with key_file_forget.
 */
#ifndef TACOS_CMD_KEY_FILE_H
#define TACOS_CMD_KEY_FILE_H

#include "base/error.h"
#include "base/seal.h"
#include "base/world.h"

struct key {
  bool present;
  uint8_t bytes[SEAL_KEY_BYTES];
};

/* Reads a key; path NULL: there is none. The world must be Linux's. */
bool key_file_read(struct world *world, const char *path, struct key *key, struct error *error);

/* For options that take NULL for no key. */
static inline const uint8_t *key_file_bytes(const struct key *key)
{
  return key->present ? key->bytes : NULL;
}

static inline void key_file_forget(struct key *key)
{
  explicit_bzero(key, sizeof *key);
}

/* Makes a new key in a new file, durable when this returns true; ERROR_EXISTS when there is one. */
bool key_file_make(struct world *world, const char *path, struct error *error);

#endif
