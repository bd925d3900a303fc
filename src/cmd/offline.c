#include "cmd/offline.h"

#include "cmd/key_file.h"
#include "sale/platform_tables.h"

#include <stdio.h>

static void report(void *context, const char *message)
{
  const char *command = context;
  fprintf(stderr, "tacos %s: %s\n", command, message);
}

bool offline_open(struct offline *offline, const struct arguments *arguments, struct error *error)
{
  struct key key;
  struct error ignored;
  world_linux_init(&offline->linux_world);
  offline->world = &offline->linux_world.world;
  offline->store = NULL;
  if (!key_file_read(offline->world, arguments->options[OPTION_KEY_FILE], &key, error))
    return false;
  struct store_options options = {
      .directory = arguments->options[OPTION_DATA_DIR],
      .key = key_file_bytes(&key),
      .threads = true,
      .report = report,
      .report_context = (void *)arguments->command,
  };
  offline->store = store_open(offline->world, &options, error);
  key_file_forget(&key);
  uint32_t made;
  if (offline->store != NULL && platform_tables_create(offline->store, &made, error)) return true;
  if (error->code == ERROR_LOCKED)
    error_set(error, ERROR_LOCKED,
              "%s is in use by a running server: stop it first, or use its admin API",
              arguments->options[OPTION_DATA_DIR]);
  (void)offline_close(offline, &ignored);
  return false;
}

bool offline_close(struct offline *offline, struct error *error)
{
  bool closed = offline->store == NULL || store_close(offline->store, error);
  world_linux_close(&offline->linux_world);
  return closed;
}

static bool read_all(struct world *world, int file, const char *path, size_t most,
                     struct buffer *buffer, struct error *error)
{
  int64_t size = world->operations->file_size(world, file);
  if (size < 0) return error_set_errno(error, (int)-size, "cannot read %s", path);
  if ((uint64_t)size > most)
    return error_set(error, ERROR_LIMIT, "%s has more than %zu bytes", path, most);
  if (!buffer_reserve(buffer, (size_t)size + 1))
    return error_set(error, ERROR_NO_MEMORY, "no memory for %s", path);
  int64_t got = world->operations->file_read(world, file, buffer->data, (size_t)size, 0);
  if (got < 0) return error_set_errno(error, (int)-got, "cannot read %s", path);
  buffer->size = (size_t)got;
  return true;
}

bool offline_read_file(struct offline *offline, const char *path, size_t most,
                       struct buffer *buffer, struct error *error)
{
  struct world *world = offline->world;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0) return error_set_errno(error, -file, "cannot open %s", path);
  bool read = read_all(world, file, path, most, buffer, error);
  (void)world->operations->file_close(world, file);
  return read;
}
