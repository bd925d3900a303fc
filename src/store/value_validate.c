/*
 * The encoding's grammar as a recursive descent over untrusted bytes.
 *
 * What is accepted is exactly what the writer produces, so every trusted reader (value.c) may go
 * over it without looking at an end. Recursion is bounded by ITEM_DEPTH_MAX.
 */
#include "store/item.h"

#include "base/check.h"

struct validator {
  const uint8_t *start;
  const uint8_t *end;
  const uint8_t *next;
  struct error *error;
};

static bool refuse(const struct validator *validator, const uint8_t *at, const char *what)
{
  CHECK(at >= validator->start && at <= validator->end);
  return error_set(validator->error, ERROR_CORRUPT, "value: %s at offset %zu", what,
                   (size_t)(at - validator->start));
}

static size_t bytes_left(const struct validator *validator)
{
  return (size_t)(validator->end - validator->next);
}

/* In its shortest form, and at most 64 bits. */
static bool read_varint(struct validator *validator, uint64_t *number)
{
  const uint8_t *at = validator->next;
  uint64_t sum = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (validator->next == validator->end) return refuse(validator, at, "number cut off");
    uint64_t byte = *validator->next++;
    sum |= (byte & 0x7F) << shift;
    if (byte >= 0x80) continue;
    if (shift > 0 && byte == 0) return refuse(validator, at, "number not in its shortest form");
    if (shift == 63 && byte > 1) break;
    *number = sum;
    return true;
  }
  return refuse(validator, at, "number above 64 bits");
}

static bool read_text(struct validator *validator, struct bytes *text)
{
  const uint8_t *at = validator->next;
  uint64_t size = 0;
  if (!read_varint(validator, &size)) return false;
  if (size > bytes_left(validator)) return refuse(validator, at, "text cut off");
  *text = (struct bytes){validator->next, size};
  validator->next += size;
  return true;
}

static bool read_string(struct validator *validator)
{
  struct bytes text = {0};
  if (!read_text(validator, &text)) return false;
  return bytes_is_utf8(text) || refuse(validator, text.data, "text not UTF-8");
}

static bool read_decimal(struct validator *validator)
{
  const uint8_t *at = validator->next;
  uint64_t zigzag = 0;
  if (!read_varint(validator, &zigzag)) return false;
  if (validator->next == validator->end) return refuse(validator, at, "decimal cut off");
  int64_t exponent = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
  struct decimal number = {.negative = *validator->next >= 0x80};
  size_t size = *validator->next++ & 0x7F;
  if (size == 0 || size > sizeof(number.coefficient) || size > bytes_left(validator))
    return refuse(validator, at, "decimal with a wrong size");
  memcpy(&number.coefficient, validator->next, size);
  validator->next += size;

  if (validator->next[-1] == 0 || number.coefficient % 10 == 0)
    return refuse(validator, at, "decimal not normalised");
  /* Bounds the exponent to int16 before it is narrowed. */
  if (exponent > DECIMAL_MAGNITUDE_MAX || exponent < DECIMAL_MAGNITUDE_MIN - DECIMAL_DIGITS_MAX)
    return refuse(validator, at, "decimal out of range");
  number.exponent = (int16_t)exponent;
  /* 10^38 and above have 39 digits. */
  int digits = decimal_digits(&number);
  int64_t magnitude = exponent + digits - 1;
  if (digits > DECIMAL_DIGITS_MAX || magnitude > DECIMAL_MAGNITUDE_MAX ||
      magnitude < DECIMAL_MAGNITUDE_MIN)
    return refuse(validator, at, "decimal out of range");
  int64_t integer;
  return !decimal_to_integer(&number, &integer) ||
         refuse(validator, at, "integer written as a decimal");
}

static bool read_value(struct validator *validator, uint32_t level);

static bool read_name(struct validator *validator, struct bytes *last)
{
  const uint8_t *at = validator->next;
  struct bytes name;
  if (!read_text(validator, &name)) return false;
  if (name.size == 0 || name.size > ATTRIBUTE_NAME_MAX)
    return refuse(validator, at, "name with a wrong size");
  if (!bytes_is_utf8(name)) return refuse(validator, at, "name not UTF-8");
  /* The first name follows the empty one. */
  if (bytes_compare(*last, name) >= 0) return refuse(validator, at, "names not ascending");
  *last = name;
  return true;
}

static bool read_element(struct validator *validator, enum value_tag set, struct value *last)
{
  const uint8_t *at = validator->next;
  if (at == validator->end) return refuse(validator, at, "set cut off");
  bool fits = set == VALUE_TAG_STRING_SET   ? *at == VALUE_TAG_STRING
              : set == VALUE_TAG_NUMBER_SET ? *at == VALUE_TAG_INTEGER || *at == VALUE_TAG_DECIMAL
                                            : *at == VALUE_TAG_BINARY;
  if (!fits) return refuse(validator, at, "set element of another type");
  /* A scalar of a set does not count as a level. */
  if (!read_value(validator, 0)) return false;
  CHECK(validator->next > at);
  struct value element = {at, (size_t)(validator->next - at)};
  if (value_present(*last) && value_compare(*last, element) >= 0)
    return refuse(validator, at, "set not ascending");
  *last = element;
  return true;
}

/* The entries up to the end of the body; level is that of the container. */
static bool read_entries(struct validator *validator, enum value_tag tag, uint32_t level,
                         uint32_t *count)
{
  struct bytes last_name = {NULL, 0};
  struct value last_element = VALUE_NONE;
  for (*count = 0; validator->next < validator->end; ++*count) {
    if (tag >= VALUE_TAG_STRING_SET) {
      if (!read_element(validator, tag, &last_element)) return false;
    } else {
      if (tag == VALUE_TAG_MAP && !read_name(validator, &last_name)) return false;
      if (!read_value(validator, level + 1)) return false;
    }
  }
  return true;
}

static bool read_container(struct validator *validator, enum value_tag tag, uint32_t level)
{
  const uint8_t *at = validator->next;
  if (bytes_left(validator) < VALUE_HEADER_BYTES - 1)
    return refuse(validator, at, "container cut off");
  uint32_t body_size = bytes_get_u32(at);
  uint32_t count = bytes_get_u32(at + 4);
  validator->next = at + VALUE_HEADER_BYTES - 1;
  if (body_size > bytes_left(validator)) return refuse(validator, at, "container cut off");

  const uint8_t *end = validator->end;
  validator->end = validator->next + body_size;
  uint32_t found;
  if (!read_entries(validator, tag, level, &found)) return false;
  CHECK(validator->next == validator->end);
  validator->end = end;
  if (found != count) return refuse(validator, at, "container with a wrong count");
  if (count == 0 && tag >= VALUE_TAG_STRING_SET) return refuse(validator, at, "empty set");
  return true;
}

/* level: 0 for the outermost value, 1 for an attribute of an item, and so on. */
static bool read_value(struct validator *validator, uint32_t level)
{
  const uint8_t *at = validator->next;
  if (at == validator->end) return refuse(validator, at, "value cut off");
  if (level > ITEM_DEPTH_MAX) return refuse(validator, at, "value nested too deeply");
  validator->next++;
  uint64_t number;
  struct bytes text;
  switch (*at) {
  case VALUE_TAG_NULL:
  case VALUE_TAG_FALSE:
  case VALUE_TAG_TRUE:
    return true;
  case VALUE_TAG_INTEGER:
    return read_varint(validator, &number);
  case VALUE_TAG_DECIMAL:
    return read_decimal(validator);
  case VALUE_TAG_STRING:
    return read_string(validator);
  case VALUE_TAG_BINARY:
    return read_text(validator, &text);
  case VALUE_TAG_LIST:
  case VALUE_TAG_MAP:
  case VALUE_TAG_STRING_SET:
  case VALUE_TAG_NUMBER_SET:
  case VALUE_TAG_BINARY_SET:
    return read_container(validator, *at, level);
  default:
    return refuse(validator, at, "unknown tag");
  }
}

bool value_validate(struct bytes encoded, struct error *error)
{
  struct validator validator = {
      .start = encoded.data,
      .end = encoded.data + encoded.size,
      .next = encoded.data,
      .error = error,
  };
  if (!read_value(&validator, 0)) return false;
  return validator.next == validator.end ||
         refuse(&validator, validator.next, "more bytes than the value has");
}
