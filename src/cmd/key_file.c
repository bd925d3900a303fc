#include "cmd/key_file.h"

#include "base/check.h"
#include "base/encode.h"

#include <errno.h>
#include <sys/stat.h>

enum { HEX_BYTES = 2 * SEAL_KEY_BYTES };

/* The handle of a Linux world is a file descriptor (world_linux.h). */
static bool check_mode(int file, const char *path, struct error *error)
{
  struct stat status;
  if (fstat(file, &status) != 0) return error_set_errno(error, errno, "cannot look at %s", path);
  if (!S_ISREG(status.st_mode))
    return error_set(error, ERROR_KEY, "%s is not a file: name the key file", path);
  if ((status.st_mode & (ALLPERMS & ~(mode_t)0600)) == 0) return true;
  return error_set(error, ERROR_KEY,
                   "the key file %s has mode %04o, others may be able to read it: run chmod 600 %s",
                   path, status.st_mode & ALLPERMS, path);
}

static bool decode(struct bytes text, struct key *key)
{
  if (text.size == SEAL_KEY_BYTES) {
    memcpy(key->bytes, text.data, SEAL_KEY_BYTES);
    return true;
  }
  if (text.size > HEX_BYTES && text.data[text.size - 1] == '\n') text.size--;
  if (text.size > HEX_BYTES && text.data[text.size - 1] == '\r') text.size--;
  size_t size = 0;
  if (text.size != HEX_BYTES || !encode_from_hex(text, key->bytes, &size)) return false;
  CHECK_THAT(size, ==, SEAL_KEY_BYTES);
  return true;
}

bool key_file_read(struct world *world, const char *path, struct key *key, struct error *error)
{
  *key = (struct key){0};
  if (path == NULL) return true;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0) return error_set_errno(error, -file, "cannot open the key file %s", path);
  uint8_t text[HEX_BYTES + 3]; /* one more than any key file has */
  bool read = check_mode(file, path, error);
  if (read) {
    int64_t size = world->operations->file_read(world, file, text, sizeof text, 0);
    if (size < 0)
      read = error_set_errno(error, (int)-size, "cannot read the key file %s", path);
    else if (!decode(bytes_of(text, (size_t)size), key))
      read = error_set(error, ERROR_KEY,
                       "%s is no key file: 32 bytes or 64 hex digits, as 'tacos keygen' makes it",
                       path);
  }
  world->operations->file_close(world, file);
  explicit_bzero(text, sizeof text);
  key->present = read;
  if (!read) key_file_forget(key);
  return read;
}

/* Makes the file's name durable too: a key that a power cut takes away takes the store with it. */
static int write_durably(struct world *world, const char *path, int file)
{
  const struct world_operations *operations = world->operations;
  uint8_t bytes[SEAL_KEY_BYTES];
  char text[HEX_BYTES + 1];
  world_entropy(world, bytes, sizeof bytes);
  CHECK_THAT(encode_to_hex(bytes_of(bytes, sizeof bytes), text), ==, HEX_BYTES);
  text[HEX_BYTES] = '\n';
  int status = operations->file_write(world, file, text, sizeof text, 0);
  explicit_bzero(bytes, sizeof bytes);
  explicit_bzero(text, sizeof text);
  if (status == 0) status = operations->file_sync(world, file);
  if (status < 0) return status;
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return operations->dir_sync(world, ".");
  size_t size = (size_t)(slash - path) + 1;
  char *directory = memory_alloc(&world->memory, size + 1);
  if (directory == NULL) return -ENOMEM;
  memcpy(directory, path, size);
  directory[size] = 0;
  status = operations->dir_sync(world, directory);
  memory_free(&world->memory, directory, size + 1);
  return status;
}

bool key_file_make(struct world *world, const char *path, struct error *error)
{
  const struct world_operations *operations = world->operations;
  int flags = WORLD_OPEN_WRITE | WORLD_OPEN_CREATE | WORLD_OPEN_EXCLUSIVE;
  int file = operations->file_open(world, path, flags);
  if (file == -EEXIST)
    return error_set(error, ERROR_EXISTS,
                     "%s exists: a key is never overwritten, name another file", path);
  if (file < 0) return error_set_errno(error, -file, "cannot create %s", path);
  int status = write_durably(world, path, file);
  operations->file_close(world, file);
  if (status == 0) return true;
  operations->file_remove(world, path);
  return error_set_errno(error, -status, "cannot write %s", path);
}
