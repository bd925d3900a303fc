/*
 * What all durable files of the store have in common: names, the first block, keys.
 *
 *     log-00000000000000a1.seg        snapshot-00000000000000a1.snap       (the number is a
 *     sequence)
 *
 * Every file opens with one block of 4096 bytes, integers little-endian, unused bytes zero:
 *
 *      0  magic[8]       which kind of file
 *      8  u32 version    of the kind's format
 *     12  u32 flags      1: sealed, everything after the block that is marked so is AES-256-GCM
 *     16  store id[16]   files of another store are refused
 *     32  u64 sequence   the one in the name
 *     40  i64 created_ms UTC
 *     48  salt[16]       unpredictable and never used twice (below)
 *     64  key check[16]  of the key that seals it; zeros when plain
 *     80  u64 unused
 *     88  u64 checksum   xxh3-64 of the 88 bytes before, seed 0
 *
 * The salt does two things. Checksums after the block are seeded with it, so that neither what the
 * disk held before nor bytes that a client made us store can pass as ours. And the key of the file
 * is HKDF(master key, salt, what the file is), so that a counter is a safe nonce in it.
 *
 * A file that is sealed needs the key; a plain one is read whether or not a key is configured, so
 * that a store can be given a key later. Any thread may call these; the list belongs to one thread.
 */
#ifndef TACOS_STORE_STORE_FILE_H
#define TACOS_STORE_STORE_FILE_H

#include "base/error.h"
#include "base/seal.h"
#include "base/world.h"

enum {
  STORE_ID_BYTES = 16,
  STORE_FILE_BLOCK_BYTES = 4096,
  STORE_FILE_SALT_BYTES = 16,
  STORE_FILE_KEY_CHECK_BYTES = 16,
  STORE_FILE_PATH_BYTES = 1024, /* of a path with its zero; a longer directory is refused */
};

struct store_file_kind {
  char magic[9];
  uint32_t version;
  const char *prefix; /* of the name */
  const char *suffix;
  const char *what; /* in messages, and as label of the key derivation */
};

struct store_file_header {
  uint8_t store_id[STORE_ID_BYTES];
  uint64_t sequence;
  int64_t created_ms;
  uint8_t salt[STORE_FILE_SALT_BYTES];
  bool sealed;
  uint8_t key_check[STORE_FILE_KEY_CHECK_BYTES];
};

/* ---- names ---- */

/* Whether any name in `directory` fits a path; else false with ERROR_INVALID. */
bool store_file_check_directory(const char *directory, struct error *error);

/* directory/name, of a checked directory. */
void store_file_path(char path[STORE_FILE_PATH_BYTES], const char *directory, const char *name);

/* directory/prefix<16 hex digits>suffix */
void store_file_numbered_path(char path[STORE_FILE_PATH_BYTES], const struct store_file_kind *kind,
                              const char *directory, uint64_t sequence);

/* The sequences in the names of a kind's files, ascending. */
struct store_file_list {
  uint64_t *sequences;
  size_t count;
  size_t capacity;
  struct memory *memory;
};

/* Empties the list and fills it. False with ERROR_IO or ERROR_NO_MEMORY, the list empty. */
bool store_file_list_read(struct store_file_list *list, struct world *world,
                          const struct store_file_kind *kind, const char *directory,
                          struct error *error);
void store_file_list_free(struct store_file_list *list);

/* ---- the first block ---- */

void store_file_header_encode(const struct store_file_kind *kind,
                              const struct store_file_header *header,
                              uint8_t block[STORE_FILE_BLOCK_BYTES]);

/* ERROR_CORRUPT or ERROR_UNSUPPORTED (another version), naming the path. */
bool store_file_header_decode(const struct store_file_kind *kind,
                              const uint8_t block[STORE_FILE_BLOCK_BYTES], const char *path,
                              struct store_file_header *header, struct error *error);

/* Reads and decodes the block of a file, which must carry the sequence of its name. */
bool store_file_header_read(struct world *world, int file, const struct store_file_kind *kind,
                            uint64_t sequence, const char *path, struct store_file_header *header,
                            struct error *error);

/* The seed of the checksums in a file with this salt. */
uint64_t store_file_seed(const uint8_t salt[STORE_FILE_SALT_BYTES]);

/*
 * Makes a new file sealed under `key` (NULL: leaves it plain, *sealer zero) after the salt is set.
 */
bool store_file_seal(const struct store_file_kind *kind, struct store_file_header *header,
                     const uint8_t *key, struct sealer *sealer, struct error *error);

/*
 * Checks that the file is of this store and makes its sealer (zero when plain): ERROR_CORRUPT for
 * another store, ERROR_KEY for a missing or wrong key, naming the path.
 */
bool store_file_unseal(const struct store_file_kind *kind, const struct store_file_header *header,
                       const uint8_t store_id[STORE_ID_BYTES], const uint8_t *key, const char *path,
                       struct sealer *sealer, struct error *error);

#endif
