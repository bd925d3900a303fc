#include "load/field.h"

enum { INDEX_DIGITS_MAX = 6 };

static struct bytes take_part(struct bytes *path)
{
  const uint8_t *dot = path->size == 0 ? NULL : memchr(path->data, '.', path->size);
  size_t size = dot == NULL ? path->size : (size_t)(dot - path->data);
  struct bytes part = bytes_of(path->data, size);
  size_t skip = dot == NULL ? size : size + 1;
  *path = bytes_of(path->data + skip, path->size - skip);
  return part;
}

bool field_path_is_valid(struct bytes path)
{
  if (path.size == 0 || path.data[path.size - 1] == '.') return false;
  while (path.size > 0)
    if (take_part(&path).size == 0) return false;
  return true;
}

static bool index_of(struct bytes part, uint32_t *index)
{
  *index = 0;
  if (part.size == 0 || part.size > INDEX_DIGITS_MAX) return false;
  for (size_t i = 0; i < part.size; i++) {
    if (part.data[i] < '0' || part.data[i] > '9') return false;
    *index = *index * 10 + (uint32_t)(part.data[i] - '0');
  }
  return true;
}

/* Moves the reader to the value of that key of the object it has entered. */
static bool enter_key(struct json_reader *reader, struct bytes part)
{
  struct bytes key;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, part)) return true;
    if (!json_skip(reader)) return false;
  }
  return false;
}

static bool enter_element(struct json_reader *reader, struct bytes part)
{
  uint32_t index;
  if (!index_of(part, &index)) return false;
  for (uint32_t i = 0; json_read_element(reader); i++) {
    if (i == index) return true;
    if (!json_skip(reader)) return false;
  }
  return false;
}

/* The value that the reader stands at. */
static bool read_value(struct json_reader *reader, struct load_value *value)
{
  struct bytes raw;
  if (!json_read_raw(reader, &raw)) return false;
  value->is_json = raw.size == 0 || raw.data[0] != '"';
  value->text = raw;
  if (value->is_json) return true;
  struct json_reader text;
  json_reader_init(&text, raw, reader->arena);
  return json_read_string(&text, &value->text);
}

bool field_find(struct bytes json, struct bytes path, struct arena *arena, struct load_value *value)
{
  struct json_reader reader;
  json_reader_init(&reader, json, arena);
  while (path.size > 0) {
    struct bytes part = take_part(&path);
    enum json_token token = json_next(&reader);
    if (token == JSON_OBJECT_BEGIN ? !enter_key(&reader, part)
                                   : token != JSON_ARRAY_BEGIN || !enter_element(&reader, part))
      return false;
  }
  return read_value(&reader, value);
}
