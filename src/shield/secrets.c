#include "shield/secrets.h"

#include "base/check.h"
#include "base/encode.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
  HEX_BYTES = 2 * SECRET_BYTES,
  FILE_BYTES = HEX_BYTES + 1, /* with the line break */
  PATH_BYTES = 4096,
};

static const char *const NAMES[SECRET_COUNT] = {
    [SECRET_JWT] = "jwt.key",
    [SECRET_WEBHOOK] = "webhook.key",
    [SECRET_TICKET] = "ticket.key",
    [SECRET_ADMISSION] = "admission.key",
};

/* One opening of the secrets: where they are, and how they are looked at. */
struct place {
  struct world *world;
  bool files_have_modes;
  char directory[PATH_BYTES];
};

static bool path_of(const struct place *place, enum secret secret, const char *suffix,
                    char path[PATH_BYTES], struct error *error)
{
  int size = snprintf(path, PATH_BYTES, "%s/%s%s", place->directory, NAMES[secret], suffix);
  if (size > 0 && size < PATH_BYTES) return true;
  return error_set(error, ERROR_LIMIT, "the path of the data directory is too long");
}

static bool check_mode(int file, const char *path, struct error *error)
{
  struct stat status;
  if (fstat(file, &status) != 0) return error_set_errno(error, errno, "cannot look at %s", path);
  if (!S_ISREG(status.st_mode)) return error_set(error, ERROR_KEY, "%s is not a file", path);
  if ((status.st_mode & (ALLPERMS & ~(mode_t)0600)) == 0) return true;
  return error_set(error, ERROR_KEY,
                   "the secret %s has mode %04o, others may be able to read it: run chmod 600 %s",
                   path, status.st_mode & ALLPERMS, path);
}

static bool decode(struct bytes text, uint8_t secret[SECRET_BYTES])
{
  size_t size = 0;
  if (text.size != FILE_BYTES || text.data[HEX_BYTES] != '\n') return false;
  text.size = HEX_BYTES;
  return encode_from_hex(text, secret, &size) && size == SECRET_BYTES;
}

static bool read_file(const struct place *place, int file, const char *path,
                      uint8_t secret[SECRET_BYTES], struct error *error)
{
  struct world *world = place->world;
  if (place->files_have_modes && !check_mode(file, path, error)) return false;
  uint8_t text[FILE_BYTES + 1]; /* one more than a whole file has */
  int64_t size = world->operations->file_read(world, file, text, sizeof text, 0);
  bool whole = size >= 0 && decode(bytes_of(text, (size_t)size), secret);
  explicit_bzero(text, sizeof text);
  if (whole) return true;
  if (size < 0) return error_set_errno(error, (int)-size, "cannot read the secret %s", path);
  return error_set(error, ERROR_KEY,
                   "%s is damaged: it should be 64 hex digits and a line break. Restore it, or "
                   "remove it to get a new one: what the old one signed is refused then",
                   path);
}

static int write_file(struct world *world, int file, const uint8_t secret[SECRET_BYTES])
{
  char text[FILE_BYTES];
  CHECK_THAT(encode_to_hex(bytes_of(secret, SECRET_BYTES), text), ==, HEX_BYTES);
  text[HEX_BYTES] = '\n';
  int status = world->operations->file_truncate(world, file, 0); /* of an attempt before */
  if (status == 0) status = world->operations->file_write(world, file, text, sizeof text, 0);
  explicit_bzero(text, sizeof text);
  return status == 0 ? world->operations->file_sync(world, file) : status;
}

static bool make(const struct place *place, enum secret which, uint8_t secret[SECRET_BYTES],
                 struct error *error)
{
  struct world *world = place->world;
  const struct world_operations *operations = world->operations;
  char path[PATH_BYTES];
  char temporary[PATH_BYTES];
  if (!path_of(place, which, "", path, error) || !path_of(place, which, ".new", temporary, error))
    return false;
  int file = operations->file_open(world, temporary, WORLD_OPEN_WRITE | WORLD_OPEN_CREATE);
  if (file < 0) return error_set_errno(error, -file, "cannot create %s", temporary);
  /* A file that somebody else put there may have any mode; one of ours has 0600. */
  bool ours = !place->files_have_modes || check_mode(file, temporary, error);
  world_entropy(world, secret, SECRET_BYTES);
  int status = ours ? write_file(world, file, secret) : 0;
  operations->file_close(world, file);
  if (!ours) return false;
  if (status == 0) status = operations->file_rename(world, temporary, path);
  if (status == 0) return true;
  operations->file_remove(world, temporary);
  return error_set_errno(error, -status, "cannot write the secret %s", path);
}

static bool read_or_make(const struct place *place, enum secret which, struct secrets *secrets,
                         uint32_t *made, struct error *error)
{
  char path[PATH_BYTES];
  if (!path_of(place, which, "", path, error)) return false;
  struct world *world = place->world;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file >= 0) {
    bool read = read_file(place, file, path, secrets->bytes[which], error);
    world->operations->file_close(world, file);
    return read;
  }
  if (file != -ENOENT) return error_set_errno(error, -file, "cannot open the secret %s", path);
  if (!make(place, which, secrets->bytes[which], error)) return false;
  (*made)++;
  return true;
}

static bool open_directory(struct place *place, const char *data_directory, struct error *error)
{
  struct world *world = place->world;
  int size = snprintf(place->directory, PATH_BYTES, "%s/secrets", data_directory);
  if (size <= 0 || size >= PATH_BYTES)
    return error_set(error, ERROR_LIMIT, "the path of the data directory is too long");
  int status = world->operations->dir_make(world, place->directory);
  if (status == 0 || status == -EEXIST) return true;
  return error_set_errno(error, -status, "cannot make %s", place->directory);
}

static bool sync_directories(const struct place *place, const char *data_directory,
                             struct error *error)
{
  struct world *world = place->world;
  int status = world->operations->dir_sync(world, place->directory);
  if (status == 0) status = world->operations->dir_sync(world, data_directory);
  return status == 0 || error_set_errno(error, -status, "cannot sync %s", place->directory);
}

bool secrets_open(struct world *world, const char *data_directory, bool files_have_modes,
                  struct secrets *secrets, uint32_t *made, struct error *error)
{
  struct place place = {.world = world, .files_have_modes = files_have_modes};
  *secrets = (struct secrets){0};
  *made = 0;
  bool opened = open_directory(&place, data_directory, error);
  for (enum secret i = 0; opened && i < SECRET_COUNT; i++)
    opened = read_or_make(&place, i, secrets, made, error);
  /* Also names that a process made which died before it synced them. */
  if (opened) opened = sync_directories(&place, data_directory, error);
  if (!opened) secrets_close(secrets);
  return opened;
}

void secrets_close(struct secrets *secrets)
{
  explicit_bzero(secrets, sizeof *secrets);
}
