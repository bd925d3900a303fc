#include "base/json.h"

#include "base/check.h"

enum {
  INTEGER_TEXT_BYTES = 21, /* a sign and 20 digits */
};

static const char REPLACEMENT[] = "\xEF\xBF\xBD"; /* U+FFFD */

void json_writer_init(struct json_writer *writer, struct buffer *buffer)
{
  writer->buffer = buffer;
  writer->depth = 0;
  writer->need_comma = false;
  writer->have_key = false;
}

bool json_writer_finish(const struct json_writer *writer)
{
  CHECK_THAT(writer->depth, ==, 0);
  CHECK(writer->need_comma); /* one value stands there */
  return !writer->buffer->failed;
}

static bool in_object(const struct json_writer *writer)
{
  return writer->depth > 0 && writer->is_object[writer->depth - 1];
}

/* What stands before a value; from here on the value is taken as written. */
static void begin_value(struct json_writer *writer)
{
  if (in_object(writer)) {
    CHECK(writer->have_key);
    writer->have_key = false;
  } else if (writer->need_comma) {
    CHECK_THAT(writer->depth, >, 0); /* a document is one value */
    buffer_append_byte(writer->buffer, ',');
  }
  writer->need_comma = true;
}

/* need_comma starts over in a level; outside of it, the level itself was what needs one after. */
static void open_level(struct json_writer *writer, bool is_object)
{
  begin_value(writer);
  CHECK_THAT(writer->depth, <, JSON_DEPTH_MAX);
  writer->is_object[writer->depth++] = is_object;
  writer->need_comma = false;
  buffer_append_byte(writer->buffer, is_object ? '{' : '[');
}

static void close_level(struct json_writer *writer, bool is_object)
{
  CHECK_THAT(writer->depth, >, 0);
  CHECK(writer->is_object[writer->depth - 1] == is_object);
  CHECK(!writer->have_key);
  writer->depth--;
  writer->need_comma = true;
  buffer_append_byte(writer->buffer, is_object ? '}' : ']');
}

void json_write_object_begin(struct json_writer *writer)
{
  open_level(writer, true);
}

void json_write_object_end(struct json_writer *writer)
{
  close_level(writer, true);
}

void json_write_array_begin(struct json_writer *writer)
{
  open_level(writer, false);
}

void json_write_array_end(struct json_writer *writer)
{
  close_level(writer, false);
}

/* One byte that may not stand in a string as it is (RFC 8259 section 7). */
static void append_escape(struct buffer *buffer, uint8_t byte)
{
  static const char HEX[] = "0123456789abcdef";
  static const uint8_t LETTERS[' '] = {
      ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
  CHECK(byte < ' ' || byte == '"' || byte == '\\');
  uint8_t letter = byte < ' ' ? LETTERS[byte] : byte;
  if (letter != 0) {
    uint8_t escape[] = {'\\', letter};
    buffer_append(buffer, bytes_of(escape, sizeof(escape)));
  } else {
    uint8_t escape[] = {'\\', 'u', '0', '0', (uint8_t)HEX[byte >> 4], (uint8_t)HEX[byte & 0xF]};
    buffer_append(buffer, bytes_of(escape, sizeof(escape)));
  }
}

/* Text that is well-formed UTF-8: runs of plain bytes, nearly always one, and escapes between. */
static void append_escaped(struct buffer *buffer, struct bytes text)
{
  for (size_t at = 0; at < text.size; at++) {
    size_t plain = json_plain_size(bytes_of(text.data + at, text.size - at));
    buffer_append(buffer, bytes_of(text.data + at, plain));
    at += plain;
    if (at < text.size) append_escape(buffer, text.data[at]);
  }
}

/* Quotes, and U+FFFD for what is not UTF-8, so that the document is valid whatever the text. */
static void append_any(struct buffer *buffer, struct bytes text)
{
  buffer_append_byte(buffer, '"');
  for (size_t at = 0; at < text.size; at++) {
    struct bytes rest = bytes_of(text.data + at, text.size - at);
    rest.size = bytes_utf8_prefix(rest);
    append_escaped(buffer, rest);
    at += rest.size;
    if (at < text.size) buffer_append(buffer, bytes_of_text(REPLACEMENT));
  }
  buffer_append_byte(buffer, '"');
}

/* Whether all of it is ASCII that stands in a string as it is: nearly every text. */
static bool is_plain(struct bytes text)
{
  if (json_plain_size(text) < text.size) return false;
  uint8_t high = 0;
  for (size_t i = 0; i < text.size; i++) high |= text.data[i];
  return high < 0x80;
}

/* The string with `before` and `after` around it, each one byte or 0: none. */
static void append_string(struct buffer *buffer, char before, struct bytes text, char after)
{
  if (!is_plain(text)) {
    if (before != 0) buffer_append_byte(buffer, (uint8_t)before);
    append_any(buffer, text);
    if (after != 0) buffer_append_byte(buffer, (uint8_t)after);
    return;
  }
  uint8_t *to = buffer_extend(buffer, text.size + 2 + (before != 0) + (after != 0));
  if (to == NULL) return;
  if (before != 0) *to++ = (uint8_t)before;
  *to++ = '"';
  if (text.size > 0) memcpy(to, text.data, text.size);
  to += text.size;
  *to++ = '"';
  if (after != 0) *to = (uint8_t)after;
}

void json_write_key(struct json_writer *writer, struct bytes key)
{
  CHECK(in_object(writer));
  CHECK(!writer->have_key);
  append_string(writer->buffer, writer->need_comma ? ',' : 0, key, ':');
  writer->need_comma = true;
  writer->have_key = true;
}

void json_write_string(struct json_writer *writer, struct bytes text)
{
  begin_value(writer);
  append_string(writer->buffer, 0, text, 0);
}

void json_write_raw(struct json_writer *writer, struct bytes json)
{
  CHECK_THAT(json.size, >, 0);
  begin_value(writer);
  buffer_append(writer->buffer, json);
}

void json_write_number(struct json_writer *writer, struct bytes number)
{
  bool is_integer;
  CHECK(number.size > 0 && json_number_size(number, &is_integer) == number.size);
  json_write_raw(writer, number);
}

/* Not by printf: integers are most of what a seat map consists of. */
static void write_digits(struct json_writer *writer, uint64_t absolute, bool negative)
{
  uint8_t text[INTEGER_TEXT_BYTES];
  size_t at = sizeof(text);
  do {
    text[--at] = (uint8_t)('0' + absolute % 10);
    absolute /= 10;
  } while (absolute > 0);
  if (negative) text[--at] = '-';
  json_write_raw(writer, bytes_of(text + at, sizeof(text) - at));
}

void json_write_integer(struct json_writer *writer, int64_t value)
{
  write_digits(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void json_write_unsigned(struct json_writer *writer, uint64_t value)
{
  write_digits(writer, value, false);
}

void json_write_bool(struct json_writer *writer, bool value)
{
  json_write_raw(writer, value ? BYTES("true") : BYTES("false"));
}

void json_write_null(struct json_writer *writer)
{
  json_write_raw(writer, BYTES("null"));
}
