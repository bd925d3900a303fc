#include "bus/bus_item.h"

void bus_item_begin(struct bus_item *item, struct buffer *scratch)
{
  buffer_clear(scratch);
  value_writer_init(&item->writer, scratch);
  value_write_begin(&item->writer, VALUE_MAP);
}

void bus_item_key(struct bus_item *item, struct bytes pk, struct bytes sk)
{
  bus_item_text(item, BYTES("pk"), pk);
  bus_item_text(item, BYTES("sk"), sk);
}

void bus_item_text(struct bus_item *item, struct bytes name, struct bytes text)
{
  value_write_name(&item->writer, name);
  value_write_string(&item->writer, text);
}

void bus_item_integer(struct bus_item *item, struct bytes name, int64_t integer)
{
  value_write_name(&item->writer, name);
  value_write_integer(&item->writer, integer);
}

void bus_item_bool(struct bus_item *item, struct bytes name, bool boolean)
{
  value_write_name(&item->writer, name);
  value_write_bool(&item->writer, boolean);
}

void bus_item_texts(struct bus_item *item, struct bytes name, const struct bytes *texts,
                    size_t count)
{
  value_write_name(&item->writer, name);
  value_write_begin(&item->writer, VALUE_LIST);
  for (size_t i = 0; i < count; i++) value_write_string(&item->writer, texts[i]);
  value_write_end(&item->writer);
}

struct value bus_item_end(struct bus_item *item, struct arena *arena)
{
  struct value value;
  struct error error;
  value_write_end(&item->writer);
  if (!value_writer_finish(&item->writer, &value, &error)) return VALUE_NONE;
  struct bytes copy = arena_copy(arena, bytes_of(value.data, value.size));
  return (struct value){copy.data, copy.size};
}

struct value bus_item_key_map(struct buffer *scratch, struct arena *arena, struct bytes pk,
                              struct bytes sk)
{
  struct bus_item item;
  bus_item_begin(&item, scratch);
  bus_item_key(&item, pk, sk);
  return bus_item_end(&item, arena);
}

struct bytes bus_item_get_text(struct value item, struct bytes name)
{
  struct value value = value_attribute(item, name);
  if (value_type(value) != VALUE_STRING) return (struct bytes){NULL, 0};
  return value_bytes(value);
}

int64_t bus_item_get_integer(struct value item, struct bytes name, int64_t fallback)
{
  int64_t integer;
  return value_integer(value_attribute(item, name), &integer) ? integer : fallback;
}

bool bus_item_get_bool(struct value item, struct bytes name)
{
  struct value value = value_attribute(item, name);
  return value_type(value) == VALUE_BOOL && value_bool(value);
}

struct bytes bus_item_copy_text(struct value item, struct bytes name, struct arena *arena)
{
  return arena_copy(arena, bus_item_get_text(item, name));
}

struct bytes bus_join(struct arena *arena, struct bytes first, struct bytes second,
                      struct bytes third, struct bytes fourth)
{
  const struct bytes parts[] = {first, second, third, fourth};
  size_t size = first.size + second.size + third.size + fourth.size;
  uint8_t *text = arena_alloc(arena, size);
  if (text == NULL) return (struct bytes){NULL, 0};
  size_t at = 0;
  for (size_t i = 0; i < 4; i++) {
    if (parts[i].size > 0) memcpy(text + at, parts[i].data, parts[i].size);
    at += parts[i].size;
  }
  return bytes_of(text, size);
}
