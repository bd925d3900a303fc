#include "store/store_file.h"

#include "base/check.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  HEADER_CHECKED_BYTES = 88,
  HEADER_FLAG_SEALED = 1,
  SEQUENCE_DIGITS = 16,
  NAME_BYTES_MAX = 64, /* of the longest name we make, with slash and zero */
};

/* ---- names ---- */

bool store_file_check_directory(const char *directory, struct error *error)
{
  if (strlen(directory) + NAME_BYTES_MAX <= STORE_FILE_PATH_BYTES) return true;
  return error_set(error, ERROR_INVALID, "the path of the data directory is longer than %d bytes",
                   STORE_FILE_PATH_BYTES - NAME_BYTES_MAX);
}

void store_file_path(char path[STORE_FILE_PATH_BYTES], const char *directory, const char *name)
{
  int length = snprintf(path, STORE_FILE_PATH_BYTES, "%s/%s", directory, name);
  CHECK_THAT(length, <, STORE_FILE_PATH_BYTES);
}

void store_file_numbered_path(char path[STORE_FILE_PATH_BYTES], const struct store_file_kind *kind,
                              const char *directory, uint64_t sequence)
{
  int length = snprintf(path, STORE_FILE_PATH_BYTES, "%s/%s%016" PRIx64 "%s", directory,
                        kind->prefix, sequence, kind->suffix);
  CHECK_THAT(length, <, STORE_FILE_PATH_BYTES);
}

/* Whether the name is exactly one that store_file_numbered_path makes. */
static bool parse_name(const struct store_file_kind *kind, const char *name, uint64_t *sequence)
{
  size_t prefix = strlen(kind->prefix);
  if (strlen(name) != prefix + SEQUENCE_DIGITS + strlen(kind->suffix)) return false;
  if (memcmp(name, kind->prefix, prefix) != 0) return false;
  const char *digits = name + prefix;
  if (strcmp(digits + SEQUENCE_DIGITS, kind->suffix) != 0) return false;
  uint64_t value = 0;
  for (int i = 0; i < SEQUENCE_DIGITS; i++) {
    const char *hex = "0123456789abcdef";
    const char *digit = strchr(hex, digits[i]);
    if (digit == NULL || *digit == '\0') return false;
    value = value << 4 | (uint64_t)(digit - hex);
  }
  *sequence = value;
  return true;
}

struct listing {
  struct store_file_list *list;
  const struct store_file_kind *kind;
  bool no_memory;
};

static void visit_name(void *context, const char *name)
{
  struct listing *listing = context;
  struct store_file_list *list = listing->list;
  uint64_t sequence;
  if (listing->no_memory || !parse_name(listing->kind, name, &sequence)) return;
  if (list->count == list->capacity) {
    size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
    uint64_t *grown = memory_resize(list->memory, list->sequences, list->capacity * sizeof *grown,
                                    capacity * sizeof *grown);
    if (grown == NULL) {
      listing->no_memory = true;
      return;
    }
    list->sequences = grown;
    list->capacity = capacity;
  }
  list->sequences[list->count++] = sequence;
}

static int compare_sequences(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left;
  uint64_t b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

bool store_file_list_read(struct store_file_list *list, struct world *world,
                          const struct store_file_kind *kind, const char *directory,
                          struct error *error)
{
  list->count = 0;
  list->memory = &world->memory;
  struct listing listing = {.list = list, .kind = kind};
  int result = world->operations->dir_list(world, directory, visit_name, &listing);
  if (result < 0 || listing.no_memory) list->count = 0;
  if (result < 0) return error_set_errno(error, -result, "cannot list %s", directory);
  if (listing.no_memory)
    return error_set(error, ERROR_NO_MEMORY, "no memory to list %s", directory);
  if (list->count > 1)
    qsort(list->sequences, list->count, sizeof *list->sequences, compare_sequences);
  return true;
}

void store_file_list_free(struct store_file_list *list)
{
  memory_free(list->memory, list->sequences, list->capacity * sizeof *list->sequences);
  *list = (struct store_file_list){0};
}

/* ---- the first block ---- */

void store_file_header_encode(const struct store_file_kind *kind,
                              const struct store_file_header *header,
                              uint8_t block[STORE_FILE_BLOCK_BYTES])
{
  memset(block, 0, STORE_FILE_BLOCK_BYTES);
  memcpy(block, kind->magic, 8);
  bytes_put_u32(block + 8, kind->version);
  bytes_put_u32(block + 12, header->sealed ? HEADER_FLAG_SEALED : 0);
  memcpy(block + 16, header->store_id, STORE_ID_BYTES);
  bytes_put_u64(block + 32, header->sequence);
  bytes_put_u64(block + 40, (uint64_t)header->created_ms);
  memcpy(block + 48, header->salt, STORE_FILE_SALT_BYTES);
  memcpy(block + 64, header->key_check, STORE_FILE_KEY_CHECK_BYTES);
  bytes_put_u64(block + HEADER_CHECKED_BYTES, hash_bytes(bytes_of(block, HEADER_CHECKED_BYTES), 0));
}

bool store_file_header_decode(const struct store_file_kind *kind,
                              const uint8_t block[STORE_FILE_BLOCK_BYTES], const char *path,
                              struct store_file_header *header, struct error *error)
{
  uint64_t checksum = hash_bytes(bytes_of(block, HEADER_CHECKED_BYTES), 0);
  if (memcmp(block, kind->magic, 8) != 0 || bytes_get_u64(block + HEADER_CHECKED_BYTES) != checksum)
    return error_set(error, ERROR_CORRUPT, "%s at offset 0: the header of the %s is damaged", path,
                     kind->what);
  uint32_t version = bytes_get_u32(block + 8);
  uint32_t flags = bytes_get_u32(block + 12);
  if (version != kind->version || (flags & ~(uint32_t)HEADER_FLAG_SEALED) != 0)
    return error_set(error, ERROR_UNSUPPORTED,
                     "%s: %s format version %" PRIu32 ", flags %" PRIx32
                     "; this build knows version %" PRIu32,
                     path, kind->what, version, flags, kind->version);
  memcpy(header->store_id, block + 16, STORE_ID_BYTES);
  header->sequence = bytes_get_u64(block + 32);
  header->created_ms = (int64_t)bytes_get_u64(block + 40);
  memcpy(header->salt, block + 48, STORE_FILE_SALT_BYTES);
  header->sealed = (flags & HEADER_FLAG_SEALED) != 0;
  memcpy(header->key_check, block + 64, STORE_FILE_KEY_CHECK_BYTES);
  return true;
}

bool store_file_header_read(struct world *world, int file, const struct store_file_kind *kind,
                            uint64_t sequence, const char *path, struct store_file_header *header,
                            struct error *error)
{
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  int64_t count = world->operations->file_read(world, file, block, sizeof block, 0);
  if (count < 0) return error_set_errno(error, (int)-count, "cannot read %s at offset 0", path);
  if ((size_t)count < sizeof block)
    return error_set(error, ERROR_CORRUPT,
                     "%s at offset %" PRId64 ": the file ends inside its header", path, count);
  if (!store_file_header_decode(kind, block, path, header, error)) return false;
  if (header->sequence != sequence)
    return error_set(error, ERROR_CORRUPT,
                     "%s at offset 32: the header says sequence %" PRIu64 ", the name %" PRIu64,
                     path, header->sequence, sequence);
  return true;
}

uint64_t store_file_seed(const uint8_t salt[STORE_FILE_SALT_BYTES])
{
  return bytes_get_u64(salt) ^ bytes_get_u64(salt + 8);
}

/* Tells a wrong key at once, without a frame to try it on. */
static bool make_key_check(const uint8_t *key, const uint8_t *salt, uint8_t *check,
                           struct error *error)
{
  uint8_t derived[SEAL_KEY_BYTES];
  struct bytes salt_bytes = bytes_of(salt, STORE_FILE_SALT_BYTES);
  if (!seal_derive_key(key, salt_bytes, BYTES("tacos key check"), derived, error)) return false;
  memcpy(check, derived, STORE_FILE_KEY_CHECK_BYTES);
  return true;
}

static bool make_sealer(const struct store_file_kind *kind, const uint8_t *key, const uint8_t *salt,
                        struct sealer *sealer, struct error *error)
{
  uint8_t derived[SEAL_KEY_BYTES];
  struct bytes salt_bytes = bytes_of(salt, STORE_FILE_SALT_BYTES);
  bool done = seal_derive_key(key, salt_bytes, bytes_of_text(kind->what), derived, error) &&
              seal_init(sealer, derived, error);
  explicit_bzero(derived, sizeof derived);
  return done;
}

bool store_file_seal(const struct store_file_kind *kind, struct store_file_header *header,
                     const uint8_t *key, struct sealer *sealer, struct error *error)
{
  *sealer = (struct sealer){0};
  header->sealed = key != NULL;
  memset(header->key_check, 0, sizeof header->key_check);
  if (key == NULL) return true;
  return make_key_check(key, header->salt, header->key_check, error) &&
         make_sealer(kind, key, header->salt, sealer, error);
}

bool store_file_unseal(const struct store_file_kind *kind, const struct store_file_header *header,
                       const uint8_t store_id[STORE_ID_BYTES], const uint8_t *key, const char *path,
                       struct sealer *sealer, struct error *error)
{
  *sealer = (struct sealer){0};
  if (memcmp(header->store_id, store_id, STORE_ID_BYTES) != 0)
    return error_set(error, ERROR_CORRUPT, "%s at offset 16: the %s belongs to another store", path,
                     kind->what);
  if (!header->sealed) return true;
  if (key == NULL)
    return error_set(error, ERROR_KEY, "%s is encrypted and no key is configured", path);
  uint8_t check[STORE_FILE_KEY_CHECK_BYTES];
  if (!make_key_check(key, header->salt, check, error)) return false;
  if (memcmp(check, header->key_check, sizeof check) != 0)
    return error_set(error, ERROR_KEY, "%s is encrypted with another key than the configured one",
                     path);
  return make_sealer(kind, key, header->salt, sealer, error);
}
