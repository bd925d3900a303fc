#include "queue/message_check.h"

#include "base/decimal.h"

#include <strings.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of 8 bytes of ASCII is below 0x20: a borrow out of its low bits. */
static bool has_control(uint64_t ascii)
{
  return ((ascii - EACH_BYTE(0x20)) & ~ascii & EACH_BYTE(0x80)) != 0;
}

static bool is_allowed_control(uint8_t c)
{
  return c == '\t' || c == '\n' || c == '\r';
}

bool queue_text_is_allowed(struct bytes text)
{
  if (!bytes_is_utf8(text)) return false;
  size_t at = 0;
  while (at < text.size) {
    const uint8_t *from = text.data + at;
    if (text.size - at >= 8 && (bytes_get_u64(from) & EACH_BYTE(0x80)) == 0 &&
        !has_control(bytes_get_u64(from))) {
      at += 8;
      continue;
    }
    if (*from < 0x20 && !is_allowed_control(*from)) return false;
    /* U+FFFE and U+FFFF are EF BF BE and EF BF BF. */
    if (*from == 0xEF && from[1] == 0xBF && from[2] >= 0xBE) return false;
    at++;
  }
  return true;
}

bool queue_id_text_is_allowed(struct bytes text)
{
  if (text.size == 0 || text.size > QUEUE_GROUP_MAX) return false;
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~') return false;
  return true;
}

static bool is_letter_or_digit(uint8_t c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool queue_name_is_valid(struct bytes name, bool fifo)
{
  const struct bytes suffix = BYTES(".fifo");
  if (name.size > QUEUE_NAME_MAX) return false;
  if (fifo) {
    if (name.size < suffix.size) return false;
    name.size -= suffix.size;
    if (!bytes_equal(bytes_of(name.data + name.size, suffix.size), suffix)) return false;
  }
  for (size_t i = 0; i < name.size; i++)
    if (!is_letter_or_digit(name.data[i]) && name.data[i] != '-' && name.data[i] != '_')
      return false;
  return name.size > 0;
}

bool queue_type_is(struct bytes type, struct bytes base)
{
  return bytes_starts_with(type, base) && (type.size == base.size || type.data[base.size] == '.');
}

static bool starts_with_any_case(struct bytes name, const char *prefix)
{
  size_t size = strlen(prefix);
  return name.size >= size && strncasecmp((const char *)name.data, prefix, size) == 0;
}

static bool attribute_name_is_valid(struct bytes name)
{
  if (name.size == 0 || name.size > QUEUE_ATTRIBUTE_NAME_MAX) return false;
  for (size_t i = 0; i < name.size; i++) {
    uint8_t c = name.data[i];
    if (!is_letter_or_digit(c) && c != '_' && c != '-' && c != '.') return false;
    if (c == '.' && (i == 0 || i + 1 == name.size || name.data[i - 1] == '.')) return false;
  }
  return !starts_with_any_case(name, "AWS.") && !starts_with_any_case(name, "Amazon.");
}

static bool attribute_is_valid(const struct queue_attribute *attribute)
{
  if (!attribute_name_is_valid(attribute->name)) return false;
  struct bytes type = attribute->type;
  if (type.size > QUEUE_ATTRIBUTE_NAME_MAX || attribute->value.size == 0) return false;
  if (queue_type_is(type, BYTES("Binary"))) return queue_text_is_allowed(type);
  if (!queue_text_is_allowed(type) || !queue_text_is_allowed(attribute->value)) return false;
  if (queue_type_is(type, BYTES("String"))) return true;
  struct decimal number;
  struct error error;
  return queue_type_is(type, BYTES("Number")) && decimal_parse(attribute->value, &number, &error);
}

static bool attributes_are_valid(const struct queue_draft *draft)
{
  if (draft->attribute_count > QUEUE_ATTRIBUTES_MAX) return false;
  for (uint32_t i = 0; i < draft->attribute_count; i++) {
    if (!attribute_is_valid(&draft->attributes[i])) return false;
    for (uint32_t k = 0; k < i; k++)
      if (bytes_equal(draft->attributes[i].name, draft->attributes[k].name)) return false;
  }
  return draft->trace.size <= QUEUE_TRACE_MAX && queue_text_is_allowed(draft->trace);
}

size_t queue_draft_size(const struct queue_draft *draft)
{
  size_t size = draft->body.size;
  for (uint32_t i = 0; i < draft->attribute_count; i++) {
    const struct queue_attribute *attribute = &draft->attributes[i];
    size += attribute->name.size + attribute->type.size + attribute->value.size;
  }
  return size;
}

static enum queue_status check_fifo(const struct queue_settings *settings,
                                    const struct queue_draft *draft)
{
  /* In a standard queue a group is allowed and only handed on, a deduplication id is not. */
  if (settings->fifo && draft->group.size == 0) return QUEUE_MISSING_GROUP;
  if (draft->group.size > 0 && !queue_id_text_is_allowed(draft->group)) return QUEUE_INVALID_GROUP;
  if (draft->deduplication.size > 0)
    return settings->fifo && queue_id_text_is_allowed(draft->deduplication)
               ? QUEUE_OK
               : QUEUE_INVALID_DEDUPLICATION;
  return settings->fifo && !settings->deduplicate_by_content ? QUEUE_MISSING_DEDUPLICATION
                                                             : QUEUE_OK;
}

enum queue_status queue_draft_check(const struct queue_settings *settings,
                                    const struct queue_draft *draft)
{
  if (draft->body.size == 0) return QUEUE_EMPTY_BODY;
  /* Before anything is looked at byte by byte. */
  bool large = queue_draft_size(draft) > (size_t)settings->message_bytes_max;
  if (!large && !queue_text_is_allowed(draft->body)) return QUEUE_INVALID_CHARACTERS;
  if (!large && !attributes_are_valid(draft)) return QUEUE_INVALID_ATTRIBUTE;
  if (large) return QUEUE_TOO_LARGE;
  if (draft->delay_s < -1 || draft->delay_s > QUEUE_DELAY_S_MAX) return QUEUE_INVALID_DELAY;
  if (settings->fifo && draft->delay_s > 0) return QUEUE_INVALID_DELAY;
  return check_fifo(settings, draft);
}
