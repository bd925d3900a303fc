#include "store/directory.h"

#include "base/check.h"

#include <errno.h>

/* Makes the directory, and its name durable in the directory above. */
static bool make_directory(struct world *world, const char *directory, struct error *error)
{
  if (!store_file_check_directory(directory, error)) return false;
  int status = world->operations->dir_make(world, directory);
  bool made = status == 0;
  if (!made && status != -EEXIST)
    return error_set_errno(error, -status, "cannot make the directory '%s'", directory);
  char parent[STORE_FILE_PATH_BYTES];
  size_t length = strlen(directory);
  CHECK_THAT(length, <, sizeof parent);
  while (length > 0 && directory[length - 1] == '/') length--;
  while (length > 0 && directory[length - 1] != '/') length--;
  while (length > 1 && directory[length - 1] == '/') length--;
  memcpy(parent, directory, length);
  parent[length] = 0;
  status = world->operations->dir_sync(world, length == 0 ? "." : parent);
  /*
   * One that was there may have been made by a process that died before this sync. Where it cannot
   * be done for another reason than a failing disk (no right, read-only), others made it.
   */
  return status == 0 || (!made && status != -EIO) ||
         error_set_errno(error, -status, "cannot sync the directory above '%s'", directory);
}

int directory_claim(struct world *world, const char *directory, struct error *error)
{
  if (!make_directory(world, directory, error)) return -1;
  char path[STORE_FILE_PATH_BYTES];
  store_file_path(path, directory, "lock");
  const struct world_operations *operations = world->operations;
  int file = operations->file_open(world, path, WORLD_OPEN_WRITE | WORLD_OPEN_CREATE);
  if (file < 0) {
    error_set_errno(error, -file, "cannot open %s", path);
    return -1;
  }
  int status = operations->file_lock(world, file);
  if (status == 0) return file;
  operations->file_close(world, file);
  if (status == -EWOULDBLOCK)
    error_set(
        error, ERROR_LOCKED,
        "the directory '%s' is in use by another process: stop that one first, or name another "
        "directory",
        directory);
  else
    error_set_errno(error, -status, "cannot lock %s", path);
  return -1;
}
