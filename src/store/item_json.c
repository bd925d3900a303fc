/*
 * DynamoDB JSON: every value is an object of one key, the name of its type.
 *
 * Reading goes straight from the JSON reader's tokens into a value writer. A refusal of ours is set
 * as the writer's first error, because its text is DynamoDB's and must not get the place of a token
 * added; the JSON reader keeps its own for what is not JSON or not of the right shape.
 * Source: DynamoDB API reference, "AttributeValue"; "JSON serialization" for the shapes.
 */
#include "base/check.h"
#include "base/encode.h"
#include "base/json.h"
#include "store/item.h"

#define PARAMETERS_INVALID "One or more parameter values were invalid: "

struct item_reader {
  struct json_reader json;
  struct value_writer writer;
  struct arena *arena;
};

/* VALUE_ABSENT for a key that names no type; DynamoDB ignores those. */
static enum value_type type_of_key(struct bytes key)
{
  for (enum value_type type = VALUE_STRING; type <= VALUE_BINARY_SET; type++) {
    const char *name = value_type_name(type);
    if (bytes_equal(key, bytes_of_text(name))) return type;
  }
  return VALUE_ABSENT;
}

static bool refuse(struct item_reader *reader, const char *message)
{
  return error_set(&reader->writer.error, ERROR_INVALID, "%s", message);
}

static bool writer_ok(const struct item_reader *reader)
{
  return reader->writer.error.code == ERROR_NONE;
}

static bool read_number(struct item_reader *reader, struct bytes text)
{
  struct decimal number;
  if (!decimal_parse(text, &number, &reader->writer.error)) return false;
  value_write_number(&reader->writer, &number);
  return writer_ok(reader);
}

static bool read_binary(struct item_reader *reader, struct bytes text)
{
  size_t size;
  uint8_t *binary = arena_alloc(reader->arena, text.size / 4 * 3 + 2);
  if (binary == NULL)
    return error_set(&reader->writer.error, ERROR_NO_MEMORY, "no memory for a binary value");
  if (!encode_from_base64(text, binary, &size))
    return refuse(reader, PARAMETERS_INVALID "Binary value is not valid Base64");
  value_write_binary(&reader->writer, bytes_of(binary, size));
  return writer_ok(reader);
}

static bool read_text(struct item_reader *reader, enum value_type type, struct bytes text)
{
  if (type == VALUE_NUMBER || type == VALUE_NUMBER_SET) return read_number(reader, text);
  if (type == VALUE_BINARY || type == VALUE_BINARY_SET) return read_binary(reader, text);
  value_write_string(&reader->writer, text);
  return writer_ok(reader);
}

static bool read_value(struct item_reader *reader);

/* From after '{' to after '}': names and values. */
static bool read_attributes(struct item_reader *reader)
{
  value_write_begin(&reader->writer, VALUE_MAP);
  struct bytes name;
  while (writer_ok(reader) && json_read_key(&reader->json, &name)) {
    value_write_name(&reader->writer, name);
    if (!read_value(reader)) return false;
  }
  if (reader->json.error.code != ERROR_NONE) return false;
  value_write_end(&reader->writer);
  return writer_ok(reader);
}

/* From after '[' to after ']': the elements of a list or set. */
static bool read_elements(struct item_reader *reader, enum value_type type)
{
  value_write_begin(&reader->writer, type);
  while (writer_ok(reader) && json_read_element(&reader->json)) {
    struct bytes text;
    if (type == VALUE_LIST) {
      if (!read_value(reader)) return false;
    } else {
      if (!json_read_string(&reader->json, &text)) return false;
      if (!read_text(reader, type, text)) return false;
    }
  }
  if (reader->json.error.code != ERROR_NONE) return false;
  value_write_end(&reader->writer);
  return writer_ok(reader);
}

/* What stands behind a type's key, from its first token on, which is not null. */
static bool read_typed(struct item_reader *reader, enum value_type type, enum json_token token)
{
  switch (type) {
  case VALUE_ABSENT:
    break;
  case VALUE_STRING:
  case VALUE_NUMBER:
  case VALUE_BINARY:
    if (token == JSON_STRING) return read_text(reader, type, reader->json.text);
    break;
  case VALUE_BOOL:
    if (token != JSON_TRUE && token != JSON_FALSE) break;
    value_write_bool(&reader->writer, token == JSON_TRUE);
    return writer_ok(reader);
  case VALUE_NULL:
    if (token == JSON_FALSE)
      return refuse(reader,
                    PARAMETERS_INVALID "Null attribute value types must have the value of true");
    if (token != JSON_TRUE) break;
    value_write_null(&reader->writer);
    return writer_ok(reader);
  case VALUE_MAP:
    if (token == JSON_OBJECT_BEGIN) return read_attributes(reader);
    break;
  case VALUE_LIST:
  case VALUE_STRING_SET:
  case VALUE_NUMBER_SET:
  case VALUE_BINARY_SET:
    if (token == JSON_ARRAY_BEGIN) return read_elements(reader, type);
    break;
  }
  return json_refuse(&reader->json, "not a value of the type \"%s\"", value_type_name(type));
}

/* {"<type>": ...}. Keys whose value is null count as absent, as in DynamoDB. */
static bool read_value(struct item_reader *reader)
{
  if (!writer_ok(reader) || !json_read_object(&reader->json)) return false;
  bool found = false;
  struct bytes key;
  while (json_read_key(&reader->json, &key)) {
    enum value_type type = type_of_key(key);
    if (type == VALUE_ABSENT) {
      if (!json_skip(&reader->json)) return false;
      continue;
    }
    enum json_token token = json_next(&reader->json);
    if (token == JSON_NULL) continue;
    if (token == JSON_ERROR) return false;
    if (found)
      return refuse(reader, "Supplied AttributeValue has more than one datatypes set, must contain "
                            "exactly one of the supported datatypes");
    if (!read_typed(reader, type, token)) return false;
    found = true;
  }
  if (reader->json.error.code != ERROR_NONE) return false;
  return found || refuse(reader, "Supplied AttributeValue is empty, must contain exactly one of "
                                 "the supported datatypes");
}

static bool read_document(struct arena *arena, struct bytes json, bool item, struct value *value,
                          struct error *error)
{
  struct buffer buffer;
  struct item_reader reader;
  reader.arena = arena;
  buffer_init(&buffer, arena->memory);
  json_reader_init(&reader.json, json, arena);
  value_writer_init(&reader.writer, &buffer);
  if (!item) reader.writer.level_max = ITEM_DEPTH_MAX - 1;

  bool read = item ? json_read_object(&reader.json) && read_attributes(&reader)
                   : read_value(&reader);
  struct value written;
  if (!writer_ok(&reader)) {
    read = value_writer_finish(&reader.writer, &written, error);
  } else if (!read || !json_read_end(&reader.json)) {
    read = false;
    CHECK(reader.json.error.code != ERROR_NONE);
    *error = reader.json.error;
  } else {
    CHECK(value_writer_finish(&reader.writer, &written, error));
    struct bytes copy = arena_copy(arena, bytes_of(written.data, written.size));
    *value = (struct value){copy.data, copy.size};
    read = copy.data != NULL || error_set(error, ERROR_NO_MEMORY, "no memory for an item");
  }
  buffer_free(&buffer);
  return read;
}

bool item_from_json(struct arena *arena, struct bytes json, struct value *item, struct error *error)
{
  return read_document(arena, json, true, item, error);
}

bool value_from_json(struct arena *arena, struct bytes json, struct value *value,
                     struct error *error)
{
  return read_document(arena, json, false, value, error);
}

/* ---- writing ---- */

static void write_binary(struct json_writer *writer, struct bytes binary)
{
  /* The JSON writer accounts for a whole value; the rest of the string goes behind its back. */
  json_write_raw(writer, BYTES("\""));
  struct buffer *buffer = writer->buffer;
  size_t size = encode_base64_size(binary.size);
  if (!buffer_reserve(buffer, size)) {
    buffer->failed = true;
    return;
  }
  size_t written = encode_to_base64(binary, (char *)buffer->data + buffer->size);
  CHECK_THAT(written, ==, size);
  buffer->size += size;
  buffer_append_byte(buffer, '"');
}

/* The string in which a string, number or binary stands. */
static void write_text(struct json_writer *writer, struct value scalar)
{
  enum value_type type = value_type(scalar);
  if (type == VALUE_STRING) {
    json_write_string(writer, value_bytes(scalar));
  } else if (type == VALUE_BINARY) {
    write_binary(writer, value_bytes(scalar));
  } else {
    char text[DECIMAL_TEXT_BYTES];
    struct decimal number = value_number(scalar);
    size_t size = decimal_format(&number, text);
    json_write_string(writer, bytes_of(text, size));
  }
}

static void write_value(struct json_writer *writer, struct value value);

static void write_attributes(struct json_writer *writer, struct value map)
{
  json_write_object_begin(writer);
  struct value_iterator iterator = value_iterate(map);
  struct bytes name;
  struct value element;
  while (value_next(&iterator, &name, &element)) {
    json_write_key(writer, name);
    write_value(writer, element);
  }
  json_write_object_end(writer);
}

static void write_elements(struct json_writer *writer, struct value container)
{
  json_write_array_begin(writer);
  struct value_iterator iterator = value_iterate(container);
  struct value element;
  while (value_next(&iterator, NULL, &element)) {
    if (value_type(container) == VALUE_LIST)
      write_value(writer, element);
    else
      write_text(writer, element);
  }
  json_write_array_end(writer);
}

static void write_value(struct json_writer *writer, struct value value)
{
  enum value_type type = value_type(value);
  CHECK(type != VALUE_ABSENT);
  json_write_object_begin(writer);
  json_write_key(writer, bytes_of_text(value_type_name(type)));
  if (type == VALUE_NULL)
    json_write_bool(writer, true);
  else if (type == VALUE_BOOL)
    json_write_bool(writer, value_bool(value));
  else if (type == VALUE_MAP)
    write_attributes(writer, value);
  else if (type >= VALUE_LIST)
    write_elements(writer, value);
  else
    write_text(writer, value);
  json_write_object_end(writer);
}

void item_to_json(struct buffer *buffer, struct value item)
{
  struct json_writer writer;
  json_writer_init(&writer, buffer);
  write_attributes(&writer, item);
  (void)json_writer_finish(&writer); /* buffer->failed tells the caller */
}

void value_to_json(struct buffer *buffer, struct value value)
{
  struct json_writer writer;
  json_writer_init(&writer, buffer);
  write_value(&writer, value);
  (void)json_writer_finish(&writer); /* buffer->failed tells the caller */
}
