#include "store/item_record.h"

enum { RECORD_BYTES = 1024 }; /* of the buffer at first: most records are smaller */

void record_writer_init(struct record_writer *writer, struct memory *memory)
{
  buffer_init(&writer->buffer, memory);
  (void)buffer_reserve(&writer->buffer, RECORD_BYTES);
}

void record_writer_free(struct record_writer *writer)
{
  buffer_free(&writer->buffer);
}

void record_begin(struct record_writer *writer)
{
  buffer_clear(&writer->buffer);
  value_writer_init(&writer->writer, &writer->buffer);
  value_write_begin(&writer->writer, VALUE_MAP);
}

void record_text(struct record_writer *writer, struct bytes name, struct bytes text)
{
  value_write_name(&writer->writer, name);
  value_write_string(&writer->writer, text);
}

void record_integer(struct record_writer *writer, struct bytes name, int64_t integer)
{
  value_write_name(&writer->writer, name);
  value_write_integer(&writer->writer, integer);
}

void record_bool(struct record_writer *writer, struct bytes name, bool boolean)
{
  value_write_name(&writer->writer, name);
  value_write_bool(&writer->writer, boolean);
}

void record_instant(struct record_writer *writer, struct bytes name, int64_t time_ms)
{
  char text[INSTANT_TEXT_BYTES];
  instant_format(time_ms, text);
  record_text(writer, name, bytes_of(text, sizeof text));
}

void record_binary(struct record_writer *writer, struct bytes name, struct bytes binary)
{
  value_write_name(&writer->writer, name);
  value_write_binary(&writer->writer, binary);
}

void record_texts(struct record_writer *writer, struct bytes name, const struct bytes *texts,
                  size_t count)
{
  value_write_name(&writer->writer, name);
  value_write_begin(&writer->writer, VALUE_LIST);
  for (size_t i = 0; i < count; i++) value_write_string(&writer->writer, texts[i]);
  value_write_end(&writer->writer);
}

void record_integers(struct record_writer *writer, struct bytes name, const int64_t *integers,
                     size_t count)
{
  value_write_name(&writer->writer, name);
  value_write_begin(&writer->writer, VALUE_LIST);
  for (size_t i = 0; i < count; i++) value_write_integer(&writer->writer, integers[i]);
  value_write_end(&writer->writer);
}

struct value record_end(struct record_writer *writer, struct arena *arena)
{
  struct value item;
  struct error error;
  value_write_end(&writer->writer);
  if (!value_writer_finish(&writer->writer, &item, &error)) return VALUE_NONE;
  struct bytes copy = arena_copy(arena, bytes_of(item.data, item.size));
  return (struct value){copy.data, copy.size};
}

struct bytes record_get_text(struct value item, struct bytes name)
{
  struct value value = value_attribute(item, name);
  if (value_type(value) != VALUE_STRING) return (struct bytes){NULL, 0};
  return value_bytes(value);
}

struct bytes record_get_binary(struct value item, struct bytes name)
{
  struct value value = value_attribute(item, name);
  if (value_type(value) != VALUE_BINARY) return (struct bytes){NULL, 0};
  return value_bytes(value);
}

int64_t record_get_integer(struct value item, struct bytes name, int64_t fallback)
{
  int64_t integer;
  return value_integer(value_attribute(item, name), &integer) ? integer : fallback;
}

int64_t record_get_instant(struct value item, struct bytes name, int64_t fallback)
{
  int64_t time_ms;
  struct error error;
  struct bytes text = record_get_text(item, name);
  return text.size > 0 && instant_parse(text, &time_ms, &error) ? time_ms : fallback;
}

struct bytes record_key(struct arena *arena, struct bytes prefix, struct bytes id)
{
  /* A part that there was no memory for makes no key: one without it would be another's. */
  if (prefix.data == NULL || id.data == NULL) return (struct bytes){NULL, 0};
  uint8_t *key = arena_alloc(arena, prefix.size + id.size);
  if (key == NULL) return (struct bytes){NULL, 0};
  memcpy(key, prefix.data, prefix.size);
  memcpy(key + prefix.size, id.data, id.size);
  return bytes_of(key, prefix.size + id.size);
}
