#include "provider/diagnostic.h"

#include "base/check.h"
#include "provider/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { DETAIL_BYTES_MAX = 2048 };

static const struct path *copy_path(struct arena *arena, const struct path *path)
{
  if (path == NULL) return NULL;
  struct path *copy = text_alloc(arena, 1, sizeof(*copy));
  *copy = *path;
  copy->parent = copy_path(arena, path->parent);
  return copy;
}

void diagnostics_add(struct diagnostics *diagnostics, enum diagnostic_severity severity,
                     const struct path *path, const char *summary, const char *format, ...)
{
  struct arena *arena = diagnostics->arena;
  struct diagnostic *diagnostic = text_alloc(arena, 1, sizeof(*diagnostic));
  char detail[DETAIL_BYTES_MAX];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(detail, sizeof(detail), format, arguments);
  va_end(arguments);
  CHECK_THAT(size, >=, 0);
  size_t kept = (size_t)size < sizeof(detail) ? (size_t)size : sizeof(detail) - 1;
  kept = bytes_utf8_prefix(bytes_of(detail, kept));
  diagnostic->severity = severity;
  diagnostic->summary = arena_copy(arena, bytes_of_text(summary));
  diagnostic->detail = arena_copy(arena, bytes_of(detail, kept));
  diagnostic->path = copy_path(arena, path);
  if (diagnostics->last != NULL) {
    diagnostics->last->next = diagnostic;
  } else {
    diagnostics->first = diagnostic;
  }
  diagnostics->last = diagnostic;
  diagnostics->count++;
  diagnostics->errors += severity == DIAGNOSTIC_ERROR;
}

struct bytes path_to_text(struct arena *arena, const struct path *path)
{
  if (path == NULL) return bytes_of(NULL, 0);
  struct bytes before = path_to_text(arena, path->parent);
  if (path->name.data == NULL)
    return text_format(arena, "%.*s[%zu]", BYTES_FORMAT(before), path->index);
  return text_format(arena, "%.*s%s%.*s", BYTES_FORMAT(before), before.size > 0 ? "." : "",
                     BYTES_FORMAT(path->name));
}
