#include "store/snapshot_format.h"

#include <errno.h>

const struct store_file_kind snapshot_kind = {
    .magic = "TACOSNAP",
    .version = 1,
    .prefix = "snapshot-",
    .suffix = ".snap",
    .what = "snapshot",
};

const struct store_file_kind snapshot_unfinished_kind = {
    .magic = "TACOSNAP",
    .version = 1,
    .prefix = "snapshot-",
    .suffix = ".tmp",
    .what = "unfinished snapshot",
};

void snapshot_trailer_encode(const struct snapshot_trailer *trailer,
                             uint8_t payload[SNAPSHOT_TRAILER_PAYLOAD_BYTES])
{
  bytes_put_u64(payload, trailer->end_sequence);
  bytes_put_u64(payload + 8, (uint64_t)trailer->end_ms);
  bytes_put_u64(payload + 16, trailer->records);
  bytes_put_u64(payload + 24, trailer->frames);
}

struct snapshot_trailer snapshot_trailer_decode(
    const uint8_t payload[SNAPSHOT_TRAILER_PAYLOAD_BYTES])
{
  return (struct snapshot_trailer){
      .end_sequence = bytes_get_u64(payload),
      .end_ms = (int64_t)bytes_get_u64(payload + 8),
      .records = bytes_get_u64(payload + 16),
      .frames = bytes_get_u64(payload + 24),
  };
}

bool snapshot_list(struct store_file_list *list, struct world *world, const char *directory,
                   struct error *error)
{
  return store_file_list_read(list, world, &snapshot_kind, directory, error);
}

static bool remove_file(struct world *world, const struct store_file_kind *kind,
                        const char *directory, uint64_t sequence, struct error *error)
{
  char path[STORE_FILE_PATH_BYTES];
  store_file_numbered_path(path, kind, directory, sequence);
  int result = world->operations->file_remove(world, path);
  if (result == -ENOENT) return error_set(error, ERROR_NOT_FOUND, "there is no %s", path);
  if (result == 0) result = world->operations->dir_sync(world, directory);
  return result == 0 || error_set_errno(error, -result, "cannot remove %s", path);
}

bool snapshot_remove(struct world *world, const char *directory, uint64_t sequence,
                     struct error *error)
{
  return store_file_check_directory(directory, error) &&
         remove_file(world, &snapshot_kind, directory, sequence, error);
}

bool snapshot_remove_unfinished(struct world *world, const char *directory, struct error *error)
{
  struct store_file_list list = {0};
  bool done = store_file_check_directory(directory, error) &&
              store_file_list_read(&list, world, &snapshot_unfinished_kind, directory, error);
  for (size_t i = 0; i < list.count && done; i++)
    done = remove_file(world, &snapshot_unfinished_kind, directory, list.sequences[i], error);
  if (list.memory != NULL) store_file_list_free(&list);
  return done;
}
