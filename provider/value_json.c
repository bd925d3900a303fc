/*
 * Values as JSON: the state that Terraform stores, and ours. JSON has no unknown.
 */
#include "base/check.h"
#include "provider/text.h"
#include "provider/value.h"

/* Parts of a list or map while its end is not reached; they double, and the old ones stay behind
   in the arena. */
struct parts {
  struct value *items;
  struct bytes *keys;
  size_t count;
  size_t capacity;
};

enum { PARTS_FIRST = 8 };

static struct value *add_part(struct arena *arena, struct parts *parts, struct bytes key)
{
  if (parts->count == parts->capacity) {
    size_t capacity = parts->capacity == 0 ? PARTS_FIRST : 2 * parts->capacity;
    struct value *items = text_alloc(arena, capacity, sizeof(*items));
    struct bytes *keys = text_alloc(arena, capacity, sizeof(*keys));
    if (parts->count > 0) {
      memcpy(items, parts->items, parts->count * sizeof(*items));
      memcpy(keys, parts->keys, parts->count * sizeof(*keys));
    }
    *parts = (struct parts){items, keys, parts->count, capacity};
  }
  parts->keys[parts->count] = key;
  return &parts->items[parts->count++];
}

static struct value finish(struct parts *parts, enum value_kind kind)
{
  return (struct value){
      .kind = kind, .count = parts->count, .items = parts->items, .keys = parts->keys};
}

static bool read_token(struct json_reader *reader, enum json_token token, struct arena *arena,
                       unsigned depth, struct value *value);

static bool read_list(struct json_reader *reader, struct arena *arena, unsigned depth,
                      struct value *value)
{
  struct parts parts = {0};
  for (;;) {
    enum json_token token = json_next(reader);
    if (token == JSON_ARRAY_END) break;
    struct value item;
    if (!read_token(reader, token, arena, depth, &item)) return false;
    *add_part(arena, &parts, bytes_of(NULL, 0)) = item;
  }
  *value = finish(&parts, VALUE_LIST);
  return true;
}

static bool read_map(struct json_reader *reader, struct arena *arena, unsigned depth,
                     struct value *value)
{
  struct parts parts = {0};
  for (;;) {
    enum json_token token = json_next(reader);
    if (token == JSON_OBJECT_END) break;
    if (token != JSON_KEY) return false;
    struct bytes key = reader->text;
    struct value item;
    if (!read_token(reader, json_next(reader), arena, depth, &item)) return false;
    *add_part(arena, &parts, key) = item;
  }
  *value = finish(&parts, VALUE_MAP);
  return true;
}

static bool read_token(struct json_reader *reader, enum json_token token, struct arena *arena,
                       unsigned depth, struct value *value)
{
  bool nests = token == JSON_ARRAY_BEGIN || token == JSON_OBJECT_BEGIN;
  if (nests && depth == VALUE_DEPTH_MAX) return json_refuse(reader, "nests too deep");
  switch (token) {
  case JSON_NULL:
    *value = VALUE_NOTHING;
    return true;
  case JSON_TRUE:
    *value = value_bool(true);
    return true;
  case JSON_FALSE:
    *value = value_bool(false);
    return true;
  case JSON_STRING:
    *value = value_string(reader->text);
    return true;
  case JSON_INTEGER:
  case JSON_NUMBER:
    *value = (struct value){.kind = VALUE_NUMBER, .text = reader->text};
    return true;
  case JSON_ARRAY_BEGIN:
    return read_list(reader, arena, depth + 1, value);
  case JSON_OBJECT_BEGIN:
    return read_map(reader, arena, depth + 1, value);
  default:
    return false;
  }
}

bool value_from_json(struct arena *arena, struct bytes input, struct value *value,
                     struct error *error)
{
  /* In the arena, because a reader is some kilobytes. */
  struct json_reader *reader = text_alloc(arena, 1, sizeof(*reader));
  json_reader_init(reader, input, arena);
  if (read_token(reader, json_next(reader), arena, 0, value) && json_read_end(reader)) return true;
  json_refuse(reader, "is not a value");
  *error = reader->error;
  return false;
}

void value_write_json(struct json_writer *writer, const struct value *value)
{
  switch (value->kind) {
  case VALUE_NULL:
  case VALUE_UNKNOWN:
    json_write_null(writer);
    break;
  case VALUE_BOOL:
    json_write_bool(writer, value->boolean);
    break;
  case VALUE_NUMBER: {
    bool is_integer;
    bool is_json = json_number_size(value->text, &is_integer) == value->text.size;
    if (is_json) {
      json_write_number(writer, value->text);
    } else {
      json_write_string(writer, value->text); /* "inf": a number to Terraform, not to JSON */
    }
    break;
  }
  case VALUE_STRING:
    json_write_string(writer, value->text);
    break;
  case VALUE_LIST:
    json_write_array_begin(writer);
    for (size_t i = 0; i < value->count; i++) value_write_json(writer, &value->items[i]);
    json_write_array_end(writer);
    break;
  case VALUE_MAP:
    json_write_object_begin(writer);
    for (size_t i = 0; i < value->count; i++) {
      json_write_key(writer, value->keys[i]);
      value_write_json(writer, &value->items[i]);
    }
    json_write_object_end(writer);
    break;
  }
}

struct bytes value_to_json(struct arena *arena, const struct value *value)
{
  struct buffer buffer;
  buffer_init(&buffer, arena->memory);
  struct json_writer writer;
  json_writer_init(&writer, &buffer);
  value_write_json(&writer, value);
  CHECK(json_writer_finish(&writer));
  struct bytes copy = arena_copy(arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  return copy;
}
