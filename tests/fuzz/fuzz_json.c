/*
 * Any bytes: the reader refuses them with a message, or what it read can be written, and reading
 * that gives the same tokens.
 */
#include "base/check.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_token(struct json_writer *writer, enum json_token token,
                        const struct json_reader *reader)
{
  switch (token) {
  case JSON_OBJECT_BEGIN:
    json_write_object_begin(writer);
    break;
  case JSON_OBJECT_END:
    json_write_object_end(writer);
    break;
  case JSON_ARRAY_BEGIN:
    json_write_array_begin(writer);
    break;
  case JSON_ARRAY_END:
    json_write_array_end(writer);
    break;
  case JSON_KEY:
    json_write_key(writer, reader->text);
    break;
  case JSON_STRING:
    json_write_string(writer, reader->text);
    break;
  case JSON_INTEGER:
    json_write_integer(writer, reader->integer);
    break;
  case JSON_NUMBER:
    json_write_number(writer, reader->text);
    break;
  case JSON_TRUE:
    json_write_bool(writer, true);
    break;
  case JSON_FALSE:
    json_write_bool(writer, false);
    break;
  case JSON_NULL:
    json_write_null(writer);
    break;
  case JSON_ERROR:
  case JSON_END:
    break;
  }
}

/* Reads all of `input` and writes it to `buffer`; false when the input is refused. */
static bool copy_document(struct bytes input, struct arena *arena, struct buffer *buffer)
{
  struct json_reader reader;
  struct json_writer writer;
  json_reader_init(&reader, input, arena);
  json_writer_init(&writer, buffer);
  enum json_token token;
  do {
    token = json_next(&reader);
    CHECK(reader.token_offset <= input.size);
    write_token(&writer, token, &reader);
  } while (token != JSON_ERROR && token != JSON_END);
  CHECK(json_next(&reader) == token);
  if (token == JSON_ERROR) {
    CHECK(reader.error.code != ERROR_NONE && reader.error.message[0] != 0);
    return false;
  }
  return json_writer_finish(&writer);
}

/* The same tokens, compared one by one. */
static void compare_documents(struct bytes left, struct bytes right, struct arena *arena)
{
  struct json_reader readers[2];
  json_reader_init(&readers[0], left, arena);
  json_reader_init(&readers[1], right, arena);
  for (;;) {
    enum json_token token = json_next(&readers[0]);
    CHECK(json_next(&readers[1]) == token);
    if (token == JSON_END) return;
    if (token == JSON_KEY || token == JSON_STRING || token == JSON_NUMBER)
      CHECK(bytes_equal(readers[0].text, readers[1].text));
    if (token == JSON_INTEGER) CHECK_THAT(readers[0].integer, ==, readers[1].integer);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct buffer copy;
  arena_init(&arena, &memory);
  buffer_init(&copy, &memory);
  struct bytes input = bytes_of(data, size);
  if (copy_document(input, &arena, &copy)) {
    compare_documents(input, buffer_bytes(&copy), &arena);
    struct json_reader reader;
    struct bytes raw;
    json_reader_init(&reader, input, &arena);
    CHECK(json_read_raw(&reader, &raw) && json_read_end(&reader));
    json_reader_init(&reader, input, &arena);
    json_reader_trust(&reader);
    CHECK(json_skip(&reader) && json_read_end(&reader));
  }
  buffer_free(&copy);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
