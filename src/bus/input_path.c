#include "bus/input.h"

#include "base/json.h"

enum { INDEX_MAX = 1000000 };

enum step_kind { STEP_NAME, STEP_INDEX, STEP_ALL };

struct step {
  enum step_kind kind;
  struct bytes name;
  uint32_t index;
};

struct input_path {
  struct step *steps;
  uint32_t count;
  bool many; /* has STEP_ALL: the result is an array */
};

static const struct bytes NO_MEMORY = {NULL, 1};

/* ---- compiling ---- */

static bool is_name(uint8_t byte)
{
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == '-' || byte == '/' || byte == ':' ||
         byte == '@' || byte == '$';
}

/* "[3]" or "[*]" at an offset; returns where it ends, 0: it is neither. */
static size_t read_bracket(struct bytes text, size_t at, struct step *step)
{
  uint32_t index = 0;
  size_t i = at + 1;
  if (i < text.size && text.data[i] == '*') {
    *step = (struct step){.kind = STEP_ALL};
    i++;
  } else {
    size_t start = i;
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && index < INDEX_MAX)
      index = 10 * index + (uint32_t)(text.data[i++] - '0');
    if (i == start) return 0;
    *step = (struct step){.kind = STEP_INDEX, .index = index};
  }
  return i < text.size && text.data[i] == ']' ? i + 1 : 0;
}

/* ".name" or ".*" at an offset. */
static size_t read_dot(struct bytes text, size_t at, struct step *step)
{
  size_t i = at + 1;
  if (i < text.size && text.data[i] == '*') {
    *step = (struct step){.kind = STEP_ALL};
    return i + 1;
  }
  while (i < text.size && is_name(text.data[i])) i++;
  *step = (struct step){.kind = STEP_NAME, .name = bytes_of(text.data + at + 1, i - at - 1)};
  return i == at + 1 ? 0 : i;
}

const struct input_path *input_path_compile(struct bytes text, struct arena *arena,
                                            struct error *error)
{
  if (text.size == 0 || text.size > BUS_PATH_MAX || text.data[0] != '$' || !bytes_is_utf8(text)) {
    error_set(error, ERROR_INVALID, "a path starts with $ and has at most %d bytes", BUS_PATH_MAX);
    return NULL;
  }
  struct input_path *path = arena_alloc(arena, sizeof *path);
  /* A step takes two bytes or more. */
  struct step *steps = arena_alloc_array(arena, text.size / 2 + 1, sizeof *steps);
  if (path == NULL || steps == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for a path");
    return NULL;
  }
  *path = (struct input_path){.steps = steps};
  for (size_t i = 1; i < text.size;) {
    struct step *step = &steps[path->count];
    size_t end = 0;
    if (text.data[i] == '.') end = read_dot(text, i, step);
    if (text.data[i] == '[') end = read_bracket(text, i, step);
    if (end == 0) {
      error_set(error, ERROR_INVALID,
                "the path \"%.*s\" is not understood from byte %zu on: it has .name, [0], [*], .*",
                BYTES_FORMAT(text), i + 1);
      return NULL;
    }
    path->many = path->many || step->kind == STEP_ALL;
    path->count++;
    i = end;
  }
  return path;
}

/* ---- finding ---- */

/* Slices of the event. */
struct found {
  struct bytes *values;
  size_t count;
  size_t capacity;
};

static bool add_found(struct found *found, struct bytes value, struct arena *arena)
{
  if (found->count == found->capacity) {
    size_t capacity = found->capacity == 0 ? 8 : 2 * found->capacity;
    struct bytes *values = arena_alloc_array(arena, capacity, sizeof *values);
    if (values == NULL) return false;
    if (found->count > 0) memcpy(values, found->values, found->count * sizeof *values);
    found->values = values;
    found->capacity = capacity;
  }
  found->values[found->count++] = value;
  return true;
}

static bool find_in_object(struct json_reader *reader, const struct step *step, struct found *found,
                           struct arena *arena)
{
  struct bytes key, value;
  if (step->kind == STEP_INDEX) return true;
  json_read_object(reader);
  while (json_read_key(reader, &key)) {
    if (!json_read_raw(reader, &value)) break;
    if (step->kind == STEP_NAME && !bytes_equal(key, step->name)) continue;
    if (!add_found(found, value, arena)) return false;
    if (step->kind == STEP_NAME) return true;
  }
  return reader->error.code != ERROR_NO_MEMORY;
}

static bool find_in_array(struct json_reader *reader, const struct step *step, struct found *found,
                          struct arena *arena)
{
  struct bytes value;
  if (step->kind == STEP_NAME) return true;
  json_read_array(reader);
  for (uint32_t i = 0; json_read_element(reader); i++) {
    if (!json_read_raw(reader, &value)) break;
    if (step->kind == STEP_INDEX && i != step->index) continue;
    if (!add_found(found, value, arena)) return false;
    if (step->kind == STEP_INDEX) return true;
  }
  return reader->error.code != ERROR_NO_MEMORY;
}

/* What a step leads to from one value; false without memory. */
static bool find_from(struct bytes value, const struct step *step, struct json_reader *reader,
                      struct found *found, struct arena *arena)
{
  json_reader_init(reader, value, arena);
  if (value.data[0] == '{') return find_in_object(reader, step, found, arena);
  if (value.data[0] == '[') return find_in_array(reader, step, found, arena);
  return true;
}

static struct bytes join(const struct found *found, struct arena *arena)
{
  size_t size = 2 + found->count;
  for (size_t i = 0; i < found->count; i++) size += found->values[i].size;
  uint8_t *text = arena_alloc(arena, size);
  if (text == NULL) return NO_MEMORY;
  size_t at = 0;
  text[at++] = '[';
  for (size_t i = 0; i < found->count; i++) {
    if (i > 0) text[at++] = ',';
    memcpy(text + at, found->values[i].data, found->values[i].size);
    at += found->values[i].size;
  }
  text[at++] = ']';
  return bytes_of(text, at);
}

struct bytes input_path_find(const struct input_path *path, struct bytes event, struct arena *arena)
{
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  struct found found = {0};
  if (reader == NULL) return NO_MEMORY;
  json_reader_init(reader, event, arena);
  if (!json_read_raw(reader, &event)) return (struct bytes){NULL, 0};
  if (!add_found(&found, event, arena)) return NO_MEMORY;
  for (uint32_t i = 0; i < path->count && found.count > 0; i++) {
    struct found next = {0};
    for (size_t k = 0; k < found.count; k++)
      if (!find_from(found.values[k], &path->steps[i], reader, &next, arena)) return NO_MEMORY;
    found = next;
  }
  if (found.count == 0) return (struct bytes){NULL, 0};
  return path->many ? join(&found, arena) : found.values[0];
}
