#include "store/log_window.h"

#include "base/check.h"

#include <inttypes.h>

static bool grow(struct log_window *window, struct world *world, size_t need, struct error *error)
{
  size_t capacity = need > LOG_WINDOW_BYTES ? need : LOG_WINDOW_BYTES;
  if (capacity <= window->capacity) return true;
  uint8_t *grown = memory_resize(&world->memory, window->data, window->capacity, capacity);
  if (grown == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory to read a file of frames");
  window->data = grown;
  window->capacity = capacity;
  return true;
}

bool log_window_fill(struct log_window *window, struct world *world, int file, const char *path,
                     uint64_t position, size_t need, size_t *have, struct error *error)
{
  uint64_t end = window->start + window->size;
  bool inside = position >= window->start && position <= end;
  size_t kept = inside ? (size_t)(end - position) : 0;
  *have = kept;
  if (kept >= need) return true;
  if (!grow(window, world, need, error)) return false;
  if (kept > 0) memmove(window->data, window->data + window->size - kept, kept);
  window->start = position;
  window->size = kept;
  size_t room = window->capacity - kept;
  size_t wanted = need - kept > window->step ? need - kept : window->step;
  if (window->step > 0 && wanted < room) room = wanted;
  int64_t count = world->operations->file_read(world, file, window->data + kept, room,
                                               position + kept);
  if (count < 0)
    return error_set_errno(error, (int)-count, "cannot read %s at offset %" PRIu64, path,
                           position + kept);
  CHECK((size_t)count <= room);
  window->size = *have = kept + (size_t)count;
  return true;
}

void log_window_free(struct log_window *window, struct world *world)
{
  memory_free(&world->memory, window->data, window->capacity);
  *window = (struct log_window){0};
}
