#include "base/logger.h"

#include "base/check.h"
#include "base/instant.h"

/* What always fits after the fields. */
static const char truncated_tail[] = ",\"truncated\":true}\n";
static const char plain_tail[] = "}\n";

struct line {
  size_t size;
  bool full; /* something did not fit; size is unchanged by it */
  bool truncated;
  char text[LOGGER_LINE_BYTES];
};

enum { LINE_BODY_BYTES = LOGGER_LINE_BYTES - (sizeof(truncated_tail) - 1) };

static void put(struct line *line, const void *from, size_t size)
{
  CHECK_THAT(line->size, <=, LINE_BODY_BYTES);
  if (line->full || size > LINE_BODY_BYTES - line->size) {
    line->full = true;
    return;
  }
  memcpy(line->text + line->size, from, size);
  line->size += size;
}

static void put_escape(struct line *line, uint8_t byte)
{
  static const char hex[] = "0123456789abcdef";
  char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
  switch (byte) {
  case '"':
  case '\\':
    escape[1] = (char)byte;
    break;
  case '\n':
    escape[1] = 'n';
    break;
  case '\r':
    escape[1] = 'r';
    break;
  case '\t':
    escape[1] = 't';
    break;
  default:
    put(line, escape, 6);
    return;
  }
  put(line, escape, 2);
}

/* Bytes of the character that starts at `at`, or 0 when no well-formed one does. */
static size_t character_size(struct bytes text, size_t at)
{
  uint8_t lead = text.data[at];
  size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size > text.size - at || !bytes_is_utf8(bytes_of(text.data + at, size))) return 0;
  return size;
}

/* ASCII that stands in a string as it is. */
static bool is_plain(uint8_t byte)
{
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* Copies plain bytes from `at` on, up to the limit; where the first other one is. */
static size_t put_plain(struct line *line, struct bytes text, size_t at)
{
  size_t end = text.size < LOGGER_TEXT_BYTES ? text.size : LOGGER_TEXT_BYTES;
  size_t room = LINE_BODY_BYTES - line->size;
  if (end - at > room) end = at + room;
  char *to = line->text + line->size;
  size_t from = at;
  for (; at < end && is_plain(text.data[at]); at++) *to++ = (char)text.data[at];
  line->size += at - from;
  return at;
}

/* A string in quotes. All of a text that is well-formed and not too long arrives unchanged. */
static void put_string(struct line *line, struct bytes text)
{
  put(line, "\"", 1);
  size_t next = 0;
  for (size_t at = 0; at < text.size && !line->full; at = next) {
    if (at < LOGGER_TEXT_BYTES) at = put_plain(line, text, at);
    if (at == text.size) break;
    size_t size = character_size(text, at);
    next = at + (size > 0 ? size : 1);
    if (next > LOGGER_TEXT_BYTES) {
      line->truncated = true;
      break;
    }
    if (size == 0) {
      put(line, "\xef\xbf\xbd", 3); /* U+FFFD, one for each byte that is in no character */
    } else if (size == 1 && !is_plain(text.data[at])) {
      put_escape(line, text.data[at]);
    } else {
      put(line, text.data + at, size);
    }
  }
  put(line, "\"", 1);
}

static void put_number(struct line *line, uint64_t magnitude, bool negative)
{
  char digits[20]; /* of 2^64 */
  size_t first = sizeof(digits);
  do {
    digits[--first] = (char)('0' + magnitude % 10);
    magnitude /= 10;
  } while (magnitude > 0);
  if (negative) put(line, "-", 1);
  put(line, digits + first, sizeof(digits) - first);
}

static void put_value(struct line *line, const struct logger_field *field)
{
  switch (field->type) {
  case LOGGER_FIELD_TEXT:
    put_string(line, field->text);
    break;
  case LOGGER_FIELD_INTEGER:
    put_number(line, field->integer < 0 ? -(uint64_t)field->integer : (uint64_t)field->integer,
               field->integer < 0);
    break;
  case LOGGER_FIELD_UNSIGNED:
    put_number(line, field->unsigned_integer, false);
    break;
  case LOGGER_FIELD_BOOLEAN:
    put(line, field->boolean ? "true" : "false", field->boolean ? 4 : 5);
    break;
  }
}

/* ,"key":value, or nothing of it when it does not fit. */
static void put_field(struct line *line, const struct logger_field *field)
{
  CHECK(field->key != NULL && field->key[0] != 0);
  size_t size_before = line->size;
  put(line, ",", 1);
  put_string(line, bytes_of_text(field->key));
  put(line, ":", 1);
  put_value(line, field);
  if (!line->full) return;
  line->size = size_before;
  line->full = false;
  line->truncated = true;
}

static void put_time(struct line *line, int64_t time_ms)
{
  char text[INSTANT_TEXT_BYTES];
  /* A clock gone mad must not keep the log from saying so. */
  if (time_ms < INSTANT_MIN_MS) time_ms = INSTANT_MIN_MS;
  if (time_ms > INSTANT_MAX_MS) time_ms = INSTANT_MAX_MS;
  instant_format(time_ms, text);
  put(line, "{\"time\":\"", 9);
  put(line, text, sizeof(text));
  put(line, "\"", 1);
}

void logger_write(struct logger *logger, enum logger_level level, const char *room,
                  const char *event, const char *message, const struct logger_field *fields,
                  size_t field_count)
{
  static const char *const level_names[] = {"debug", "info", "warning", "error"};
  CHECK_THAT(level, <=, LOGGER_ERROR);
  if (level < logger->threshold) return;
  struct line line;
  line.size = 0;
  line.full = line.truncated = false;
  put_time(&line, world_clock_ms(logger->world));
  const struct logger_field head[] = {
      logger_text("level", bytes_of_text(level_names[level])),
      logger_text("room", bytes_of_text(room)),
      logger_text("event", bytes_of_text(event)),
      logger_unsigned("dropped", logger->dropped),
      logger_text("message", bytes_of_text(message)),
  };
  for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
    if (head[i].type == LOGGER_FIELD_TEXT || logger->dropped > 0) put_field(&line, &head[i]);
  for (size_t i = 0; i < field_count; i++) put_field(&line, &fields[i]);

  const char *tail = line.truncated ? truncated_tail : plain_tail;
  size_t tail_size = strlen(tail);
  CHECK_THAT(line.size + tail_size, <=, LOGGER_LINE_BYTES);
  memcpy(line.text + line.size, tail, tail_size);
  if (logger->sink(logger->sink_context, bytes_of(line.text, line.size + tail_size)))
    logger->dropped = 0;
  else
    logger->dropped++;
}
