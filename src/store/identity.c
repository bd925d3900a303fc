#include "store/identity.h"

#include "base/check.h"

#include <errno.h>

static const struct store_file_kind IDENTITY_KIND = {
    .magic = "TACOSIDT",
    .version = 1,
    .prefix = "identity",
    .suffix = "",
    .what = "store identity",
};

static const char IDENTITY_NAME[] = "identity";
static const char IDENTITY_TEMPORARY[] = "identity.tmp";

static void identity_from_header(const struct store_file_header *header, struct identity *identity)
{
  memcpy(identity->store_id, header->store_id, STORE_ID_BYTES);
  identity->hash_seed = bytes_get_u64(header->salt);
  identity->created_ms = header->created_ms;
}

bool identity_read(struct world *world, const char *directory, struct identity *identity,
                   struct error *error)
{
  if (!store_file_check_directory(directory, error)) return false;
  char path[STORE_FILE_PATH_BYTES];
  store_file_path(path, directory, IDENTITY_NAME);
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file == -ENOENT)
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no store in '%s' (no file 'identity'): name the data directory of a "
                     "store, or start one there with 'tacos serve'",
                     directory);
  if (file < 0) return error_set_errno(error, -file, "cannot open %s", path);
  struct store_file_header header;
  bool read = store_file_header_read(world, file, &IDENTITY_KIND, 0, path, &header, error);
  world->operations->file_close(world, file);
  if (read) identity_from_header(&header, identity);
  return read;
}

/* Writes and syncs the block under a temporary name. */
static bool write_temporary(struct world *world, const char *path,
                            const uint8_t block[STORE_FILE_BLOCK_BYTES], struct error *error)
{
  int file = world->operations->file_open(world, path, WORLD_OPEN_WRITE | WORLD_OPEN_CREATE);
  if (file < 0) return error_set_errno(error, -file, "cannot create %s", path);
  int status = world->operations->file_write(world, file, block, STORE_FILE_BLOCK_BYTES, 0);
  if (status == 0) status = world->operations->file_sync(world, file);
  world->operations->file_close(world, file);
  if (status < 0) return error_set_errno(error, -status, "cannot write %s", path);
  return true;
}

bool identity_create(struct world *world, const char *directory, struct identity *identity,
                     struct error *error)
{
  if (!store_file_check_directory(directory, error)) return false;
  struct store_file_header header = {.created_ms = world_clock_ms(world)};
  world_entropy(world, header.store_id, sizeof header.store_id);
  world_entropy(world, header.salt, sizeof header.salt);
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  store_file_header_encode(&IDENTITY_KIND, &header, block);

  char temporary[STORE_FILE_PATH_BYTES];
  char path[STORE_FILE_PATH_BYTES];
  store_file_path(temporary, directory, IDENTITY_TEMPORARY);
  store_file_path(path, directory, IDENTITY_NAME);
  if (!write_temporary(world, temporary, block, error)) return false;
  int status = world->operations->file_rename(world, temporary, path);
  if (status == 0) status = world->operations->dir_sync(world, directory);
  if (status < 0) return error_set_errno(error, -status, "cannot create %s", path);
  identity_from_header(&header, identity);
  return true;
}
