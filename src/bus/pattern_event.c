#include "bus/pattern_parts.h"

#include "base/check.h"
#include "base/hash.h"

enum {
  PATHS_FIRST_CAPACITY = 16, /* a power of two: what one pattern mostly needs */
};

/* --- Paths --- */

static uint64_t path_hash(const struct paths *paths, uint32_t parent, struct bytes name)
{
  return hash_bytes(name, paths->seed + (uint64_t)parent * 0x9e3779b97f4a7c15);
}

static void link_path(struct paths *paths, uint32_t path)
{
  uint32_t mask = 2 * paths->capacity - 1;
  uint32_t slot = (uint32_t)paths->paths[path].hash & mask;
  while (paths->slots[slot] != 0) slot = (slot + 1) & mask;
  paths->slots[slot] = path;
}

/* Moves to tables of `capacity` paths. */
static bool resize_paths(struct paths *paths, uint32_t capacity)
{
  struct path *larger = arena_alloc_array(paths->arena, capacity, sizeof(*larger));
  uint32_t *slots = arena_alloc_array(paths->arena, 2 * (size_t)capacity, sizeof(*slots));
  if (larger == NULL || slots == NULL) return false;
  if (paths->count > 0) memcpy(larger, paths->paths, paths->count * sizeof(*larger));
  memset(slots, 0, 2 * (size_t)capacity * sizeof(*slots));
  paths->paths = larger;
  paths->slots = slots;
  paths->capacity = capacity;
  for (uint32_t path = 1; path < paths->count; path++) link_path(paths, path);
  return true;
}

bool paths_init(struct paths *paths, struct arena *arena, uint64_t seed)
{
  *paths = (struct paths){.arena = arena, .seed = seed};
  if (!resize_paths(paths, PATHS_FIRST_CAPACITY)) return false;
  paths->paths[0] = (struct path){0};
  paths->count = 1;
  return true;
}

/* 0 when no pattern has the name there. */
static uint32_t find_path(const struct paths *paths, uint32_t parent, struct bytes name,
                          uint64_t hash)
{
  uint32_t mask = 2 * paths->capacity - 1;
  for (uint32_t slot = (uint32_t)hash & mask; paths->slots[slot] != 0; slot = (slot + 1) & mask) {
    uint32_t path = paths->slots[slot];
    const struct path *found = &paths->paths[path];
    if (found->hash == hash && found->parent == parent && bytes_equal(found->name, name))
      return path;
  }
  return 0;
}

/* 0 without memory. */
static uint32_t add_path(struct paths *paths, uint32_t parent, struct bytes name)
{
  uint64_t hash = path_hash(paths, parent, name);
  uint32_t path = find_path(paths, parent, name, hash);
  if (path != 0) return path;
  if (paths->count == paths->capacity && !resize_paths(paths, 2 * paths->capacity)) return 0;
  struct bytes copy = arena_copy(paths->arena, name);
  if (copy.data == NULL) return 0;
  path = paths->count++;
  paths->paths[path] = (struct path){.parent = parent, .hash = hash, .name = copy};
  link_path(paths, path);
  return path;
}

bool paths_resolve(struct paths *paths, struct pattern *pattern)
{
  for (uint32_t i = 0; i < pattern->fields_count; i++) {
    struct field *field = pattern->fields[i];
    field->path = arena_alloc_array(paths->arena, field->depth, sizeof(*field->path));
    if (field->path == NULL) return false;
    uint32_t parent = 0;
    for (uint32_t depth = 0; depth < field->depth; depth++) {
      parent = add_path(paths, parent, field->names[depth]);
      if (parent == 0) return false;
      field->path[depth] = parent;
    }
  }
  return true;
}

/* --- Events --- */

struct event_reader {
  struct json_reader *reader;
  struct event *event;
  struct paths *paths;
  struct arena *arena;
};

static struct event_node *refuse_memory(struct event_reader *reader)
{
  json_refuse(reader->reader, "out of memory");
  reader->reader->error.code = ERROR_NO_MEMORY;
  return NULL;
}

/* Puts a scalar into the list of its path. */
static bool add_value(struct event_reader *reader, struct event_node *node, bool in_element)
{
  struct path *path = &reader->paths->paths[node->path];
  if (path->stamp != reader->paths->stamp) {
    struct event_path *values = arena_alloc(reader->arena, sizeof(*values));
    if (values == NULL) return false;
    *values = (struct event_path){
        .path = node->path, .first = node, .last = node, .next = reader->event->paths};
    path->values = values;
    path->stamp = reader->paths->stamp;
    reader->event->paths = values;
    reader->event->paths_count++;
  } else {
    path->values->last->next_value = node;
    path->values->last = node;
  }
  path->values->in_element |= in_element;
  reader->event->has_elements |= in_element;
  return true;
}

static bool set_scalar(struct event_reader *reader, enum json_token token, struct value *value)
{
  switch (token) {
  case JSON_STRING:
    value->kind = VALUE_STRING;
    value->text = reader->reader->text;
    return true;
  case JSON_INTEGER:
  case JSON_NUMBER:
    value->kind = VALUE_NUMBER;
    value->text = reader->reader->text;
    return number_read(value->text, reader->arena, &value->number);
  case JSON_TRUE:
    value->kind = VALUE_TRUE;
    return true;
  case JSON_FALSE:
    value->kind = VALUE_FALSE;
    return true;
  default:
    CHECK(token == JSON_NULL);
    value->kind = VALUE_NULL;
    return true;
  }
}

/* Where the value being read stands. */
struct place {
  uint32_t path;
  bool in_array;   /* it is an element */
  bool in_element; /* it is inside of one */
};

static struct event_node *read_node(struct event_reader *reader, enum json_token token,
                                    struct place place);

static bool read_members(struct event_reader *reader, struct event_node *node, bool in_element)
{
  struct event_node **last = &node->child;
  enum json_token token;
  while ((token = json_next(reader->reader)) == JSON_KEY) {
    struct bytes name = reader->reader->text;
    uint64_t hash = path_hash(reader->paths, node->path, name);
    struct place place = {.path = find_path(reader->paths, node->path, name, hash),
                          .in_element = in_element};
    if (place.path == 0) {
      if (!json_skip(reader->reader)) return false;
      continue;
    }
    *last = read_node(reader, json_next(reader->reader), place);
    if (*last == NULL) return false;
    last = &(*last)->next;
  }
  return token == JSON_OBJECT_END;
}

static bool read_elements(struct event_reader *reader, struct event_node *node, bool in_element)
{
  struct place place = {.path = node->path, .in_array = true, .in_element = in_element};
  struct event_node **last = &node->child;
  enum json_token token;
  while ((token = json_next(reader->reader)) != JSON_ARRAY_END) {
    *last = read_node(reader, token, place);
    if (*last == NULL) return false;
    last = &(*last)->next;
  }
  return true;
}

/* The value whose first token was read; NULL when the reader has an error. */
static struct event_node *read_node(struct event_reader *reader, enum json_token token,
                                    struct place place)
{
  if (token == JSON_ERROR) return NULL;
  struct event_node *node = arena_alloc(reader->arena, sizeof(*node));
  if (node == NULL) return refuse_memory(reader);
  *node = (struct event_node){.kind = EVENT_VALUE, .path = place.path};
  bool inside = place.in_element || place.in_array;
  switch (token) {
  case JSON_OBJECT_BEGIN:
    node->kind = EVENT_OBJECT;
    return read_members(reader, node, inside) ? node : NULL;
  case JSON_ARRAY_BEGIN:
    node->kind = EVENT_ARRAY;
    return read_elements(reader, node, inside) ? node : NULL;
  default:
    if (!set_scalar(reader, token, &node->value)) return refuse_memory(reader);
    return add_value(reader, node, place.in_element) ? node : refuse_memory(reader);
  }
}

bool event_read(struct event *event, struct bytes text, bool trusted, struct paths *paths,
                struct arena *arena, struct error *error)
{
  struct json_reader reader;
  struct event_reader event_reader = {&reader, event, paths, arena};
  *event = (struct event){0};
  paths->stamp++;
  json_reader_init(&reader, text, arena);
  if (trusted) json_reader_trust(&reader);
  enum json_token token = json_next(&reader);
  if (token != JSON_OBJECT_BEGIN)
    json_refuse(&reader, "the event is not an object");
  else
    event->root = read_node(&event_reader, token, (struct place){0});
  if (event->root != NULL && json_read_end(&reader)) return true;
  return error_set(error, reader.error.code, "%s", reader.error.message);
}
