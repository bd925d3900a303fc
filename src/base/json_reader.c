#include "base/json.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>

#define EACH_BYTE(value) (0x0101010101010101u * (uint64_t)(value))

_Static_assert(JSON_KEYS_MAX < UINT16_MAX, "key indexes are 16 bits");
_Static_assert((JSON_KEYS_INLINE & (JSON_KEYS_INLINE - 1)) == 0, "capacities are powers of two");

static const char *const TOKEN_NAMES[] = {
    [JSON_ERROR] = "an error",
    [JSON_OBJECT_BEGIN] = "an object",
    [JSON_OBJECT_END] = "the end of the object",
    [JSON_ARRAY_BEGIN] = "an array",
    [JSON_ARRAY_END] = "the end of the array",
    [JSON_KEY] = "a key",
    [JSON_STRING] = "a string",
    [JSON_INTEGER] = "an integer",
    [JSON_NUMBER] = "a number that is not a 64-bit integer",
    [JSON_TRUE] = "true",
    [JSON_FALSE] = "false",
    [JSON_NULL] = "null",
    [JSON_END] = "the end of the document",
};

/* --- Errors --- */

/* Sets the error with the place of `offset`, unless there is one already. */
static void fail_at(struct json_reader *reader, size_t offset, enum error_code code,
                    const char *format, va_list arguments)
{
  if (reader->state == JSON_STATE_FAILED) return;
  reader->state = JSON_STATE_FAILED;
  unsigned line = 1;
  unsigned column = 1; /* in characters: continuation bytes of UTF-8 do not count */
  for (size_t i = 0; i < offset; i++) {
    uint8_t byte = reader->input.data[i];
    column += (byte & 0xC0) != 0x80;
    if (byte != '\n') continue;
    line++;
    column = 1;
  }
  char what[ERROR_MESSAGE_BYTES];
  (void)vsnprintf(what, sizeof(what), format, arguments);
  error_set(&reader->error, code, "invalid JSON at byte %zu (line %u, column %u): %s", offset, line,
            column, what);
}

__attribute__((format(printf, 4, 5))) static enum json_token refuse_at(struct json_reader *reader,
                                                                       size_t offset,
                                                                       enum error_code code,
                                                                       const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  fail_at(reader, offset, code, format, arguments);
  va_end(arguments);
  return JSON_ERROR;
}

bool json_refuse(struct json_reader *reader, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  fail_at(reader, reader->token_offset, ERROR_INVALID, format, arguments);
  va_end(arguments);
  return false;
}

/* Refuses the byte at the reader's offset, or the end of the input there. */
static enum json_token refuse_here(struct json_reader *reader, const char *expected)
{
  size_t offset = reader->offset;
  if (offset == reader->input.size)
    return refuse_at(reader, offset, ERROR_INVALID, "expected %s, found the end of the input",
                     expected);
  uint8_t byte = reader->input.data[offset];
  if (byte > ' ' && byte < 0x7F)
    return refuse_at(reader, offset, ERROR_INVALID, "expected %s, found '%c'", expected, byte);
  return refuse_at(reader, offset, ERROR_INVALID, "expected %s, found byte 0x%02X", expected, byte);
}

static enum json_token refuse_memory(struct json_reader *reader)
{
  return refuse_at(reader, reader->token_offset, ERROR_NO_MEMORY, "out of memory");
}

/* --- Words of the grammar --- */

/* Marks the highest bit of each byte below `limit` <= 0x80; exact up to the first such byte. */
static uint64_t bytes_below(uint64_t word, uint8_t limit)
{
  return (word - EACH_BYTE(limit)) & ~word & EACH_BYTE(0x80);
}

size_t json_plain_size(struct bytes text)
{
  size_t at = 0;
  for (; text.size - at >= 8; at += 8) {
    uint64_t word = bytes_get_u64(text.data + at);
    uint64_t special = bytes_below(word, ' ') | bytes_below(word ^ EACH_BYTE('"'), 1) |
                       bytes_below(word ^ EACH_BYTE('\\'), 1);
    if (special != 0) return at + (size_t)__builtin_ctzll(special) / 8;
  }
  while (at < text.size && text.data[at] >= ' ' && text.data[at] != '"' && text.data[at] != '\\')
    at++;
  return at;
}

static size_t digits_end(struct bytes text, size_t at)
{
  while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') at++;
  return at;
}

size_t json_number_size(struct bytes text, bool *is_integer)
{
  *is_integer = true;
  size_t at = text.size > 0 && text.data[0] == '-';
  size_t end = digits_end(text, at);
  if (end == at) return 0;
  if (text.data[at] == '0' && end > at + 1) return 0;
  at = end;
  if (at < text.size && text.data[at] == '.') {
    *is_integer = false;
    end = digits_end(text, at + 1);
    if (end == at + 1) return 0;
    at = end;
  }
  if (at < text.size && (text.data[at] | 0x20) == 'e') {
    *is_integer = false;
    at++;
    if (at < text.size && (text.data[at] == '+' || text.data[at] == '-')) at++;
    end = digits_end(text, at);
    if (end == at) return 0;
    at = end;
  }
  return at;
}

/* Whether text, of JSON's grammar without fraction and exponent, fits into 64 bits. */
static bool parse_integer(struct bytes text, int64_t *value)
{
  bool negative = text.data[0] == '-';
  uint64_t absolute = 0;
  for (size_t i = negative; i < text.size; i++)
    if (__builtin_mul_overflow(absolute, 10, &absolute) ||
        __builtin_add_overflow(absolute, (uint64_t)(text.data[i] - '0'), &absolute))
      return false;
  if (absolute > (uint64_t)INT64_MAX + negative) return false;
  *value = (int64_t)(negative ? 0 - absolute : absolute);
  return true;
}

static void skip_space(struct json_reader *reader)
{
  size_t at = reader->offset;
  while (at < reader->input.size) {
    uint8_t byte = reader->input.data[at];
    if (byte > ' ' || (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t')) break;
    at++;
  }
  reader->offset = at;
}

static bool next_byte_is(const struct json_reader *reader, uint8_t byte)
{
  return reader->offset < reader->input.size && reader->input.data[reader->offset] == byte;
}

/* --- Strings --- */

/* The four hexadecimal digits at offset, or UINT32_MAX. */
static uint32_t parse_hex(const struct json_reader *reader, size_t offset, size_t end)
{
  if (end - offset < 4) return UINT32_MAX;
  uint32_t value = 0;
  for (size_t i = offset; i < offset + 4; i++) {
    uint8_t byte = reader->input.data[i];
    uint8_t lower = byte | 0x20;
    if (byte >= '0' && byte <= '9')
      value = value << 4 | (uint32_t)(byte - '0');
    else if (lower >= 'a' && lower <= 'f')
      value = value << 4 | (uint32_t)(lower - 'a' + 10);
    else
      return UINT32_MAX;
  }
  return value;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t code)
{
  CHECK_THAT(code, <=, 0x10FFFF);
  if (code < 0x80) {
    *to++ = (uint8_t)code;
    return to;
  }
  if (code < 0x800) {
    *to++ = (uint8_t)(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      *to++ = (uint8_t)(0xE0 | code >> 12);
    } else {
      *to++ = (uint8_t)(0xF0 | code >> 18);
      *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    }
    *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
  }
  *to++ = (uint8_t)(0x80 | (code & 0x3F));
  return to;
}

/*
 * Decodes \uXXXX, or a pair of them for a character above U+FFFF, at *offset, which it moves after
 * it. False when it is not one.
 */
static bool parse_unicode_escape(struct json_reader *reader, size_t *offset, size_t end,
                                 uint32_t *code)
{
  size_t start = *offset;
  uint32_t high = parse_hex(reader, start + 2, end);
  *offset = start + 6;
  *code = high;
  if (high == UINT32_MAX)
    return refuse_at(reader, start, ERROR_INVALID, "expected four hexadecimal digits after \\u");
  if (high < 0xD800 || high > 0xDFFF) return true;
  uint32_t low = UINT32_MAX;
  const uint8_t *data = reader->input.data;
  if (end - *offset >= 6 && data[*offset] == '\\' && data[*offset + 1] == 'u')
    low = parse_hex(reader, *offset + 2, end);
  if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
    return refuse_at(reader, start, ERROR_INVALID, "\\u%04X is half of a surrogate pair", high);
  *offset += 6;
  *code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  return true;
}

/* What the byte after a backslash stands for; 0 for 'u' and for no escape. */
static uint8_t short_escape(uint8_t byte)
{
  switch (byte) {
  case '"':
  case '\\':
  case '/':
    return byte;
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  default:
    return 0;
  }
}

/* Unescapes input[begin, end) into the arena; it never gets longer. */
static bool unescape(struct json_reader *reader, size_t begin, size_t end, struct bytes *text)
{
  const uint8_t *data = reader->input.data;
  uint8_t *copy = arena_alloc(reader->arena, end - begin);
  if (copy == NULL) return refuse_memory(reader);
  uint8_t *to = copy;
  size_t at = begin;
  while (at < end) {
    size_t plain = json_plain_size(bytes_of(data + at, end - at));
    memcpy(to, data + at, plain);
    to += plain;
    at += plain;
    if (at == end) break;
    CHECK(data[at] == '\\' && at + 1 < end);
    uint8_t byte = short_escape(data[at + 1]);
    if (byte != 0) {
      *to++ = byte;
      at += 2;
    } else if (data[at + 1] == 'u') {
      uint32_t code;
      if (!parse_unicode_escape(reader, &at, end, &code)) return false;
      to = put_utf8(to, code);
    } else {
      reader->offset = at + 1;
      return refuse_here(reader, "one of \"\\/bfnrtu after a backslash");
    }
  }
  CHECK((size_t)(to - copy) <= end - begin);
  *text = bytes_of(copy, (size_t)(to - copy));
  return true;
}

/* Reads the string whose opening quote is at the offset, into reader->text. */
static bool parse_string(struct json_reader *reader)
{
  struct bytes input = reader->input;
  CHECK(input.data[reader->offset] == '"');
  size_t begin = reader->offset + 1;
  size_t at = begin;
  bool escaped = false;
  for (;;) {
    at += json_plain_size(bytes_of(input.data + at, input.size - at));
    if (at >= input.size || input.data[at] != '\\') break;
    escaped = true;
    at += input.size - at >= 2 ? 2 : 1;
  }
  reader->offset = at;
  if (at == input.size) return refuse_here(reader, "'\"' at the end of the string");
  if (input.data[at] != '"')
    return refuse_at(reader, at, ERROR_INVALID, "control character 0x%02X in a string, escape it",
                     input.data[at]);
  if (escaped) {
    if (!unescape(reader, begin, at, &reader->text)) return false;
  } else {
    reader->text = bytes_of(input.data + begin, at - begin);
  }
  reader->offset = at + 1;
  return true;
}

/* --- Keys of open objects ---
 *
 * One hash table for the keys of all open objects, whose entries come and go like a stack: a new
 * key becomes the head of its bucket's chain, and the newest key always is a head. A chain has
 * the keys of the innermost object first, so a search ends at the first key from outside.
 */

static uint16_t *key_bucket(const struct json_reader *reader, uint32_t hash)
{
  return &reader->buckets[hash & (2 * reader->keys_capacity - 1)];
}

static void link_key(struct json_reader *reader, uint32_t index)
{
  uint16_t *bucket = key_bucket(reader, reader->keys[index].hash);
  reader->keys[index].older = *bucket;
  *bucket = (uint16_t)(index + 1);
}

static void drop_keys(struct json_reader *reader, uint32_t count)
{
  CHECK_THAT(count, <=, reader->keys_count);
  while (reader->keys_count > count) {
    const struct json_key *key = &reader->keys[--reader->keys_count];
    uint16_t *bucket = key_bucket(reader, key->hash);
    CHECK_THAT(*bucket, ==, reader->keys_count + 1);
    *bucket = key->older;
  }
}

/* Doubles the table, in the arena. */
static bool grow_keys(struct json_reader *reader)
{
  uint32_t capacity = reader->keys_capacity * 2;
  if (capacity > JSON_KEYS_MAX)
    return refuse_at(reader, reader->token_offset, ERROR_LIMIT, "more than %d keys in open objects",
                     JSON_KEYS_MAX);
  struct json_key *keys = arena_alloc_array(reader->arena, capacity, sizeof(*keys));
  uint16_t *buckets = arena_alloc_array(reader->arena, 2 * (size_t)capacity, sizeof(*buckets));
  if (keys == NULL || buckets == NULL) return refuse_memory(reader);
  memcpy(keys, reader->keys, reader->keys_count * sizeof(*keys));
  memset(buckets, 0, 2 * (size_t)capacity * sizeof(*buckets));
  reader->keys = keys;
  reader->buckets = buckets;
  reader->keys_capacity = capacity;
  for (uint32_t i = 0; i < reader->keys_count; i++) link_key(reader, i);
  return true;
}

/* Adds reader->text to the keys of the innermost object, which may not have it yet. */
static bool add_key(struct json_reader *reader)
{
  struct bytes text = reader->text;
  uint32_t first = reader->levels[reader->depth - 1].keys_before;
  /* The seed is nothing a client can know, so it cannot choose keys that share a bucket. What is
     accepted does not depend on it. */
  uint32_t hash = (uint32_t)hash_bytes(text, (uint64_t)(uintptr_t)reader);
  uint32_t next = *key_bucket(reader, hash);
  while (next > first) {
    const struct json_key *key = &reader->keys[next - 1];
    if (key->hash == hash && bytes_equal(key->text, text)) {
      size_t begin = reader->token_offset;
      struct bytes written = bytes_of(reader->input.data + begin, reader->offset - begin);
      if (written.size > 80) written.size = 80;
      written.size = bytes_utf8_prefix(written);
      return refuse_at(reader, begin, ERROR_INVALID, "key %.*s twice in one object",
                       BYTES_FORMAT(written));
    }
    next = key->older;
  }
  if (reader->keys_count == reader->keys_capacity && !grow_keys(reader)) return false;
  reader->keys[reader->keys_count] = (struct json_key){.text = text, .hash = hash};
  link_key(reader, reader->keys_count++);
  return true;
}

/* --- Tokens --- */

static void assert_state(const struct json_reader *reader)
{
  CHECK_THAT(reader->offset, <=, reader->input.size);
  CHECK_THAT(reader->depth, <=, JSON_DEPTH_MAX);
  CHECK_THAT(reader->keys_count, <=, reader->keys_capacity);
  CHECK(reader->state != JSON_STATE_DONE || reader->depth == 0);
  CHECK(reader->state != JSON_STATE_AFTER_VALUE || reader->depth > 0);
}

static void end_value(struct json_reader *reader)
{
  reader->state = reader->depth == 0 ? JSON_STATE_DONE : JSON_STATE_AFTER_VALUE;
}

static enum json_token open_level(struct json_reader *reader, bool is_object)
{
  if (reader->depth == JSON_DEPTH_MAX)
    return refuse_at(reader, reader->offset, ERROR_LIMIT, "nested deeper than %d levels",
                     JSON_DEPTH_MAX);
  reader->offset++;
  reader->levels[reader->depth++] = (struct json_level){(uint16_t)reader->keys_count, is_object};
  reader->state = is_object ? JSON_STATE_OBJECT_BEGUN : JSON_STATE_ARRAY_BEGUN;
  return is_object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
}

static enum json_token close_level(struct json_reader *reader)
{
  reader->offset++;
  struct json_level level = reader->levels[--reader->depth];
  drop_keys(reader, level.keys_before);
  end_value(reader);
  return level.is_object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_token read_word(struct json_reader *reader, struct bytes word,
                                 enum json_token token)
{
  struct bytes rest = bytes_of(reader->input.data + reader->offset,
                               reader->input.size - reader->offset);
  if (!bytes_starts_with(rest, word)) return refuse_here(reader, "a value");
  reader->offset += word.size;
  end_value(reader);
  return token;
}

static enum json_token read_number(struct json_reader *reader)
{
  struct bytes rest = bytes_of(reader->input.data + reader->offset,
                               reader->input.size - reader->offset);
  bool is_integer;
  size_t size = json_number_size(rest, &is_integer);
  if (size == 0)
    return refuse_at(reader, reader->offset, ERROR_INVALID,
                     "not a number: digits are missing, or it starts with 0");
  reader->text = bytes_of(rest.data, size);
  reader->offset += size;
  end_value(reader);
  if (is_integer && parse_integer(reader->text, &reader->integer)) return JSON_INTEGER;
  return JSON_NUMBER;
}

static enum json_token read_value(struct json_reader *reader)
{
  reader->token_offset = reader->offset;
  if (reader->offset == reader->input.size) return refuse_here(reader, "a value");
  switch (reader->input.data[reader->offset]) {
  case '{':
    return open_level(reader, true);
  case '[':
    return open_level(reader, false);
  case '"':
    if (!parse_string(reader)) return JSON_ERROR;
    end_value(reader);
    return JSON_STRING;
  case 't':
    return read_word(reader, BYTES("true"), JSON_TRUE);
  case 'f':
    return read_word(reader, BYTES("false"), JSON_FALSE);
  case 'n':
    return read_word(reader, BYTES("null"), JSON_NULL);
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9':
    return read_number(reader);
  default:
    return refuse_here(reader, "a value");
  }
}

/* A key and its colon. */
static enum json_token read_key(struct json_reader *reader)
{
  reader->token_offset = reader->offset;
  if (!next_byte_is(reader, '"')) return refuse_here(reader, "a key in double quotes");
  if (!parse_string(reader) || !add_key(reader)) return JSON_ERROR;
  skip_space(reader);
  if (!next_byte_is(reader, ':')) return refuse_here(reader, "':' after the key");
  reader->offset++;
  reader->state = JSON_STATE_VALUE;
  return JSON_KEY;
}

/* After a value inside an object or array: its end, or a comma and what follows. */
static enum json_token read_following(struct json_reader *reader)
{
  bool is_object = reader->levels[reader->depth - 1].is_object;
  if (next_byte_is(reader, is_object ? '}' : ']')) return close_level(reader);
  if (!next_byte_is(reader, ','))
    return refuse_here(reader, is_object ? "',' or '}'" : "',' or ']'");
  reader->offset++;
  skip_space(reader);
  return is_object ? read_key(reader) : read_value(reader);
}

void json_reader_init(struct json_reader *reader, struct bytes input, struct arena *arena)
{
  reader->text = bytes_of(NULL, 0);
  reader->integer = 0;
  reader->token_offset = 0;
  reader->trusted = false;
  reader->error.code = ERROR_NONE;
  reader->error.message[0] = 0;
  reader->input = input;
  reader->offset = 0;
  reader->arena = arena;
  reader->state = JSON_STATE_VALUE;
  reader->depth = 0;
  reader->keys_count = 0;
  reader->keys_capacity = JSON_KEYS_INLINE;
  reader->keys = reader->inline_keys;
  reader->buckets = reader->inline_buckets;
  memset(reader->inline_buckets, 0, sizeof(reader->inline_buckets));
  size_t valid = bytes_utf8_prefix(input);
  if (valid < input.size) refuse_at(reader, valid, ERROR_INVALID, "not UTF-8");
}

enum json_token json_next(struct json_reader *reader)
{
  assert_state(reader);
  if (reader->state == JSON_STATE_FAILED) return JSON_ERROR;
  skip_space(reader);
  reader->token_offset = reader->offset;
  switch (reader->state) {
  case JSON_STATE_VALUE:
    return read_value(reader);
  case JSON_STATE_ARRAY_BEGUN:
    return next_byte_is(reader, ']') ? close_level(reader) : read_value(reader);
  case JSON_STATE_OBJECT_BEGUN:
    return next_byte_is(reader, '}') ? close_level(reader) : read_key(reader);
  case JSON_STATE_AFTER_VALUE:
    return read_following(reader);
  case JSON_STATE_DONE:
    if (reader->offset == reader->input.size) return JSON_END;
    return refuse_here(reader, TOKEN_NAMES[JSON_END]);
  case JSON_STATE_FAILED:
    break;
  }
  return JSON_ERROR;
}

/* --- Helpers of handlers --- */

static bool refuse_token(struct json_reader *reader, const char *expected, enum json_token found)
{
  return json_refuse(reader, "expected %s, found %s", expected, TOKEN_NAMES[found]);
}

static bool expect(struct json_reader *reader, enum json_token expected)
{
  enum json_token token = json_next(reader);
  return token == expected || refuse_token(reader, TOKEN_NAMES[expected], token);
}

bool json_read_raw(struct json_reader *reader, struct bytes *raw)
{
  uint32_t depth = reader->depth;
  enum json_token token = json_next(reader);
  if (token == JSON_KEY || token == JSON_OBJECT_END || token == JSON_ARRAY_END || token == JSON_END)
    return refuse_token(reader, "a value", token);
  size_t begin = reader->token_offset;
  while (token != JSON_ERROR && reader->depth > depth) token = json_next(reader);
  if (token == JSON_ERROR) return false;
  *raw = bytes_of(reader->input.data + begin, reader->offset - begin);
  return true;
}

void json_reader_trust(struct json_reader *reader)
{
  reader->trusted = true;
}

/* Behind the string that begins at `at`, or the input's end. */
static size_t pass_string(struct bytes input, size_t at)
{
  for (at++; at < input.size; at += 2) {
    at += json_plain_size(bytes_of(input.data + at, input.size - at));
    if (at < input.size && input.data[at] == '"') return at + 1;
  }
  return input.size;
}

/* Behind the value that begins at `at`, or the input's end. */
static size_t pass_value(struct bytes input, size_t at)
{
  uint32_t depth = 0;
  while (at < input.size) {
    uint8_t byte = input.data[at];
    if (byte == '"') {
      at = pass_string(input, at);
    } else if (byte == '{' || byte == '[') {
      depth++;
      at++;
    } else if (byte == '}' || byte == ']') {
      if (depth == 0) return at; /* of a scalar: the end of what is around it */
      depth--;
      at++;
    } else if (byte == ',' && depth == 0) {
      return at;
    } else {
      at++;
      continue;
    }
    if (depth == 0) return at;
  }
  return at;
}

bool json_skip(struct json_reader *reader)
{
  if (reader->trusted && reader->state == JSON_STATE_VALUE) {
    skip_space(reader);
    reader->token_offset = reader->offset;
    reader->offset = pass_value(reader->input, reader->offset);
    end_value(reader);
    return true;
  }
  struct bytes raw;
  return json_read_raw(reader, &raw);
}

bool json_read_string(struct json_reader *reader, struct bytes *value)
{
  if (!expect(reader, JSON_STRING)) return false;
  *value = reader->text;
  return true;
}

bool json_read_integer(struct json_reader *reader, int64_t *value)
{
  if (!expect(reader, JSON_INTEGER)) return false;
  *value = reader->integer;
  return true;
}

bool json_read_bool(struct json_reader *reader, bool *value)
{
  enum json_token token = json_next(reader);
  if (token != JSON_TRUE && token != JSON_FALSE)
    return refuse_token(reader, "true or false", token);
  *value = token == JSON_TRUE;
  return true;
}

bool json_read_object(struct json_reader *reader)
{
  return expect(reader, JSON_OBJECT_BEGIN);
}

bool json_read_key(struct json_reader *reader, struct bytes *key)
{
  enum json_token token = json_next(reader);
  if (token == JSON_OBJECT_END) return false;
  if (token != JSON_KEY) return refuse_token(reader, TOKEN_NAMES[JSON_KEY], token);
  *key = reader->text;
  return true;
}

bool json_read_array(struct json_reader *reader)
{
  return expect(reader, JSON_ARRAY_BEGIN);
}

bool json_read_element(struct json_reader *reader)
{
  if (reader->state == JSON_STATE_FAILED) return false;
  CHECK(reader->depth > 0 && !reader->levels[reader->depth - 1].is_object);
  skip_space(reader);
  if (reader->state == JSON_STATE_ARRAY_BEGUN && !next_byte_is(reader, ']')) return true;
  if (reader->state == JSON_STATE_AFTER_VALUE && next_byte_is(reader, ',')) return true;
  /* The end of the array, or an error. */
  enum json_token token = json_next(reader);
  CHECK(token == JSON_ARRAY_END || token == JSON_ERROR);
  return false;
}

bool json_read_end(struct json_reader *reader)
{
  return expect(reader, JSON_END);
}
