#include "provider/value.h"

#include "base/check.h"
#include "provider/text.h"

#include <inttypes.h>

const struct value VALUE_NOTHING = {.kind = VALUE_NULL};

struct value value_string(struct bytes text)
{
  return (struct value){.kind = VALUE_STRING, .text = text};
}

struct value value_bool(bool boolean)
{
  return (struct value){.kind = VALUE_BOOL, .boolean = boolean};
}

struct value value_unknown(struct bytes prefix)
{
  return (struct value){.kind = VALUE_UNKNOWN, .text = prefix};
}

struct value value_integer(struct arena *arena, int64_t number)
{
  return (struct value){.kind = VALUE_NUMBER, .text = text_format(arena, "%" PRId64, number)};
}

struct value value_list(struct arena *arena, size_t count)
{
  struct value *items = text_alloc(arena, count, sizeof(*items));
  return (struct value){.kind = VALUE_LIST, .count = count, .items = items};
}

struct value value_map(struct arena *arena, size_t count)
{
  struct value map = value_list(arena, count);
  map.kind = VALUE_MAP;
  map.keys = text_alloc(arena, count, sizeof(*map.keys));
  return map;
}

static struct value *find(const struct value *map, struct bytes name)
{
  if (map->kind != VALUE_MAP) return NULL;
  for (size_t i = 0; i < map->count; i++) {
    if (bytes_equal(map->keys[i], name)) return &map->items[i];
  }
  return NULL;
}

const struct value *value_get_bytes(const struct value *map, struct bytes name)
{
  const struct value *found = find(map, name);
  return found != NULL ? found : &VALUE_NOTHING;
}

const struct value *value_get(const struct value *map, const char *name)
{
  return value_get_bytes(map, bytes_of_text(name));
}

const struct value *value_first(const struct value *list)
{
  return list->kind == VALUE_LIST && list->count > 0 ? &list->items[0] : &VALUE_NOTHING;
}

struct value value_copy(struct arena *arena, const struct value *value)
{
  struct value copy = *value;
  if (value->kind != VALUE_LIST && value->kind != VALUE_MAP) return copy;
  copy.items = text_alloc(arena, value->count, sizeof(*copy.items));
  for (size_t i = 0; i < value->count; i++) copy.items[i] = value_copy(arena, &value->items[i]);
  return copy;
}

void value_set(struct value *map, struct bytes name, struct value item)
{
  struct value *found = find(map, name);
  CHECK(found != NULL);
  *found = item;
}

struct bytes value_text(const struct value *value)
{
  bool has_text = value->kind == VALUE_STRING || value->kind == VALUE_NUMBER;
  return has_text ? value->text : bytes_of(NULL, 0);
}

bool value_is_string(const struct value *value)
{
  return value->kind == VALUE_STRING;
}

bool value_is_true(const struct value *value)
{
  return value->kind == VALUE_BOOL && value->boolean;
}

bool value_to_integer(const struct value *value, int64_t *number)
{
  return value->kind == VALUE_NUMBER && text_to_integer(value->text, number);
}

bool value_is_known(const struct value *value)
{
  if (value->kind == VALUE_UNKNOWN) return false;
  for (size_t i = 0; i < value->count; i++) {
    if (!value_is_known(&value->items[i])) return false;
  }
  return true;
}

static bool maps_equal(const struct value *left, const struct value *right,
                       bool (*equal)(const struct value *, const struct value *))
{
  for (size_t i = 0; i < left->count; i++) {
    const struct value *other = find(right, left->keys[i]);
    if (other == NULL || !equal(&left->items[i], other)) return false;
  }
  return true;
}

bool value_equal(const struct value *left, const struct value *right)
{
  if (left->kind != right->kind || left->count != right->count) return false;
  switch (left->kind) {
  case VALUE_NULL:
    return true;
  case VALUE_UNKNOWN:
    return false;
  case VALUE_BOOL:
    return left->boolean == right->boolean;
  case VALUE_NUMBER:
  case VALUE_STRING:
    return bytes_equal(left->text, right->text);
  case VALUE_MAP:
    return maps_equal(left, right, value_equal);
  case VALUE_LIST:
    break;
  }
  for (size_t i = 0; i < left->count; i++) {
    if (!value_equal(&left->items[i], &right->items[i])) return false;
  }
  return true;
}

static size_t count_equal(const struct value *list, const struct value *wanted)
{
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++) count += value_equal_unordered(&list->items[i], wanted);
  return count;
}

bool value_equal_unordered(const struct value *left, const struct value *right)
{
  if (left->kind != right->kind || left->count != right->count) return false;
  if (left->kind == VALUE_MAP) return maps_equal(left, right, value_equal_unordered);
  if (left->kind != VALUE_LIST) return value_equal(left, right);
  for (size_t i = 0; i < left->count; i++) {
    const struct value *item = &left->items[i];
    if (count_equal(left, item) != count_equal(right, item)) return false;
  }
  return true;
}
