#include "api/body.h"

#include "base/check.h"
#include "base/instant.h"

#include <stdarg.h>
#include <stdio.h>

enum { REASON_BYTES = 96 };

/* What is wrong with each field; an empty reason: nothing. */
struct findings {
  const struct body_field *fields;
  size_t count;
  bool any;
  bool seen[BODY_FIELDS_MAX];
  char reasons[BODY_FIELDS_MAX][REASON_BYTES];
};

static void find(struct findings *findings, size_t index, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct findings *findings, size_t index, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(findings->reasons[index], REASON_BYTES, format, arguments);
  va_end(arguments);
  findings->any = true;
}

/* Passes over the rest of a value whose first token was read. */
static void pass(struct json_reader *reader, enum json_token token)
{
  uint32_t depth = 0;
  for (;; token = json_next(reader)) {
    if (token == JSON_ERROR || token == JSON_END) return;
    if (token == JSON_OBJECT_BEGIN || token == JSON_ARRAY_BEGIN) depth++;
    if (token == JSON_OBJECT_END || token == JSON_ARRAY_END) depth--;
    if (depth == 0 && token != JSON_KEY) return;
  }
}

static void read_text(struct findings *findings, size_t index, struct json_reader *reader,
                      enum json_token token, struct bytes *to)
{
  const struct body_field *field = &findings->fields[index];
  if (token != JSON_STRING) {
    pass(reader, token);
    find(findings, index, "must be a string");
    return;
  }
  int64_t size = (int64_t)reader->text.size;
  if (size < field->least || size > field->most)
    find(findings, index, "must have %lld to %lld bytes", (long long)field->least,
         (long long)field->most);
  else
    *to = size == 0 ? BYTES("") : reader->text;
}

static void read_integer(struct findings *findings, size_t index, struct json_reader *reader,
                         enum json_token token, int64_t *to)
{
  const struct body_field *field = &findings->fields[index];
  if (token != JSON_INTEGER || reader->integer < field->least || reader->integer > field->most) {
    pass(reader, token);
    find(findings, index, "must be a whole number from %lld to %lld", (long long)field->least,
         (long long)field->most);
    return;
  }
  *to = reader->integer;
}

static void read_time(struct findings *findings, size_t index, struct json_reader *reader,
                      enum json_token token, int64_t *to)
{
  struct error error;
  int64_t time_ms;
  if (token == JSON_STRING && instant_parse(reader->text, &time_ms, &error)) {
    *to = time_ms;
    return;
  }
  pass(reader, token);
  find(findings, index, "must be a time like 2026-11-23T20:00:00.000Z");
}

static void read_texts(struct findings *findings, size_t index, struct json_reader *reader,
                       enum json_token token, struct body_texts *to)
{
  const struct body_field *field = &findings->fields[index];
  int64_t count = 0;
  bool good = token == JSON_ARRAY_BEGIN;
  if (!good) pass(reader, token);
  while (good && (token = json_next(reader)) != JSON_ARRAY_END) {
    if (token == JSON_ERROR) return;
    if (token != JSON_STRING || reader->text.size == 0) {
      pass(reader, token);
      if (findings->reasons[index][0] == 0)
        find(findings, index, "must be a list of strings that are not empty");
    } else if (count < field->most) {
      to->items[count] = reader->text;
    }
    count++;
  }
  if (!good)
    find(findings, index, "must be a list of strings");
  else if ((count < field->least || count > field->most) && findings->reasons[index][0] == 0)
    find(findings, index, "must have %lld to %lld elements", (long long)field->least,
         (long long)field->most);
  else
    to->count = count > field->most ? 0 : (uint32_t)count;
}

static void read_value(struct findings *findings, size_t index, struct json_reader *reader,
                       void *target)
{
  enum json_token token = json_next(reader);
  /* As good as absent. */
  if (token == JSON_NULL || token == JSON_ERROR) return;
  findings->seen[index] = true;
  switch (findings->fields[index].kind) {
  case BODY_TEXT:
    read_text(findings, index, reader, token, target);
    break;
  case BODY_TEXTS:
    read_texts(findings, index, reader, token, target);
    break;
  case BODY_INTEGER:
    read_integer(findings, index, reader, token, target);
    break;
  case BODY_TIME:
    read_time(findings, index, reader, token, target);
    break;
  }
}

static void clear(const struct body_field *field, void *target)
{
  switch (field->kind) {
  case BODY_TEXT:
    *(struct bytes *)target = (struct bytes){NULL, 0};
    break;
  case BODY_TEXTS:
    CHECK_THAT(field->most, <=, BODY_TEXTS_MAX);
    ((struct body_texts *)target)->count = 0;
    break;
  case BODY_INTEGER:
  case BODY_TIME:
    *(int64_t *)target = BODY_ABSENT;
    break;
  }
}

static void write_member(struct json_writer *writer, struct bytes key, struct bytes text)
{
  json_write_key(writer, key);
  json_write_string(writer, text);
}

static struct bytes finish(struct exchange *exchange, struct json_writer *writer)
{
  struct bytes copy = {NULL, 0};
  json_write_object_end(writer);
  if (json_writer_finish(writer)) copy = arena_copy(&exchange->arena, buffer_bytes(writer->buffer));
  buffer_free(writer->buffer);
  return copy;
}

struct bytes body_details(struct exchange *exchange, struct bytes field, struct bytes reason)
{
  struct buffer text;
  struct json_writer writer;
  buffer_init(&text, &exchange->memory);
  json_writer_init(&writer, &text);
  json_write_object_begin(&writer);
  write_member(&writer, BYTES("field"), field);
  write_member(&writer, BYTES("reason"), reason);
  return finish(exchange, &writer);
}

static void refuse(struct exchange *exchange, struct bytes field, struct bytes reason,
                   struct bytes details)
{
  char message[ERROR_MESSAGE_BYTES];
  int size = snprintf(message, sizeof message, "%.*s: %.*s", BYTES_FORMAT(field),
                      BYTES_FORMAT(reason));
  if ((size_t)size >= sizeof message) size = sizeof message - 1;
  exchange_reply_error(exchange, 400, "INVALID_REQUEST", bytes_of(message, (size_t)size), details);
  exchange_send(exchange);
}

void body_refuse(struct exchange *exchange, const char *field, const char *reason)
{
  struct bytes name = bytes_of_text(field);
  struct bytes why = bytes_of_text(reason);
  refuse(exchange, name, why, body_details(exchange, name, why));
}

/* {"field","reason"} of the first, and all in {"fields":{name: reason}}. */
static void refuse_findings(struct exchange *exchange, const struct findings *findings)
{
  struct buffer text;
  struct json_writer writer;
  size_t first = 0;
  while (findings->reasons[first][0] == 0) first++;
  struct bytes field = bytes_of_text(findings->fields[first].name);
  struct bytes reason = bytes_of_text(findings->reasons[first]);
  buffer_init(&text, &exchange->memory);
  json_writer_init(&writer, &text);
  json_write_object_begin(&writer);
  write_member(&writer, BYTES("field"), field);
  write_member(&writer, BYTES("reason"), reason);
  json_write_key(&writer, BYTES("fields"));
  json_write_object_begin(&writer);
  for (size_t i = first; i < findings->count; i++)
    if (findings->reasons[i][0] != 0)
      write_member(&writer, bytes_of_text(findings->fields[i].name),
                   bytes_of_text(findings->reasons[i]));
  json_write_object_end(&writer);
  refuse(exchange, field, reason, finish(exchange, &writer));
}

static void read_object(struct findings *findings, struct json_reader *reader, void *to)
{
  struct bytes key;
  if (!json_read_object(reader)) return;
  while (json_read_key(reader, &key)) {
    size_t index = 0;
    while (index < findings->count &&
           !bytes_equal(key, bytes_of_text(findings->fields[index].name)))
      index++;
    if (index == findings->count)
      json_skip(reader);
    else
      read_value(findings, index, reader, (uint8_t *)to + findings->fields[index].offset);
  }
}

bool body_read(struct exchange *exchange, const struct body_field *fields, size_t count, void *to)
{
  struct findings findings;
  struct json_reader reader;
  CHECK_THAT(count, <=, BODY_FIELDS_MAX);
  findings.fields = fields;
  findings.count = count;
  findings.any = false;
  for (size_t i = 0; i < count; i++) {
    clear(&fields[i], (uint8_t *)to + fields[i].offset);
    findings.seen[i] = false;
    findings.reasons[i][0] = 0;
  }
  struct bytes body = exchange->body.size == 0 ? BYTES("{}") : exchange->body;
  json_reader_init(&reader, body, &exchange->arena);
  read_object(&findings, &reader, to);
  if (!json_read_end(&reader)) {
    body_refuse(exchange, "body", reader.error.message);
    return false;
  }
  for (size_t i = 0; i < count; i++)
    if (fields[i].need == BODY_REQUIRED && !findings.seen[i]) find(&findings, i, "is missing");
  if (findings.any) refuse_findings(exchange, &findings);
  return !findings.any;
}
