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
  if (!read) return false;
  *identity = (struct identity){.created_ms = header.created_ms};
  memcpy(identity->store_id, header.store_id, STORE_ID_BYTES);
  memcpy(identity->salt, header.salt, STORE_FILE_SALT_BYTES);
  return true;
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

struct identity identity_make(struct world *world)
{
  struct identity identity = {.created_ms = world_clock_ms(world)};
  world_entropy(world, identity.store_id, sizeof identity.store_id);
  world_entropy(world, identity.salt, sizeof identity.salt);
  return identity;
}

bool identity_write(struct world *world, const char *directory, const struct identity *identity,
                    struct error *error)
{
  if (!store_file_check_directory(directory, error)) return false;
  struct store_file_header header = {.created_ms = identity->created_ms};
  memcpy(header.store_id, identity->store_id, STORE_ID_BYTES);
  memcpy(header.salt, identity->salt, STORE_FILE_SALT_BYTES);
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  store_file_header_encode(&IDENTITY_KIND, &header, block);

  char temporary[STORE_FILE_PATH_BYTES];
  char path[STORE_FILE_PATH_BYTES];
  store_file_path(temporary, directory, IDENTITY_TEMPORARY);
  store_file_path(path, directory, IDENTITY_NAME);
  if (!write_temporary(world, temporary, block, error)) return false;
  int status = world->operations->file_rename(world, temporary, path);
  if (status == 0) status = world->operations->dir_sync(world, directory);
  return status == 0 || error_set_errno(error, -status, "cannot create %s", path);
}
