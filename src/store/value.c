/*
 * Reading trusted values: made by the writer, or accepted by value_validate.
 *
 * Nothing here looks for the end of the bytes before it reads on; the grammar says where it is.
 * What a caller could get wrong, the type, is CHECKed.
 */
#include "store/item.h"

#include "base/check.h"

const char *value_type_name(enum value_type type)
{
  static const char *const names[] = {
      [VALUE_ABSENT] = "",       [VALUE_STRING] = "S",      [VALUE_NUMBER] = "N",
      [VALUE_BINARY] = "B",      [VALUE_BOOL] = "BOOL",     [VALUE_NULL] = "NULL",
      [VALUE_LIST] = "L",        [VALUE_MAP] = "M",         [VALUE_STRING_SET] = "SS",
      [VALUE_NUMBER_SET] = "NS", [VALUE_BINARY_SET] = "BS",
  };
  CHECK_THAT((size_t)type, <, sizeof(names) / sizeof(names[0]));
  return names[type];
}

struct bytes value_bytes(struct value value)
{
  CHECK(value_type(value) == VALUE_STRING || value_type(value) == VALUE_BINARY);
  uint64_t size;
  const uint8_t *data = value_get_varint(value.data + 1, &size);
  return (struct bytes){data, size};
}

bool value_bool(struct value value)
{
  CHECK(value_type(value) == VALUE_BOOL);
  return value.data[0] == VALUE_TAG_TRUE;
}

struct decimal value_number(struct value value)
{
  CHECK(value_type(value) == VALUE_NUMBER);
  int64_t integer;
  if (value_integer(value, &integer)) return decimal_from_integer(integer);

  uint64_t zigzag;
  const uint8_t *next = value_get_varint(value.data + 1, &zigzag);
  struct decimal number = {
      .exponent = (int16_t)((int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1)),
      .negative = *next >= 0x80,
  };
  size_t size = *next & 0x7F;
  CHECK_THAT(size, <=, sizeof(number.coefficient));
  memcpy(&number.coefficient, next + 1, size);
  return number;
}

/* Nearly all numbers in practice are integers: those cost no 128-bit arithmetic. */
static int compare_numbers(struct value left, struct value right)
{
  int64_t left_integer, right_integer;
  if (value_integer(left, &left_integer) && value_integer(right, &right_integer))
    return (left_integer > right_integer) - (left_integer < right_integer);
  struct decimal left_number = value_number(left);
  struct decimal right_number = value_number(right);
  return decimal_compare(&left_number, &right_number);
}

int value_compare(struct value left, struct value right)
{
  enum value_type type = value_type(left);
  CHECK_THAT(type, ==, value_type(right));
  if (type == VALUE_NUMBER) return compare_numbers(left, right);
  if (type == VALUE_BOOL) return (int)value_bool(left) - (int)value_bool(right);
  if (type == VALUE_NULL) return 0;
  return bytes_compare(value_bytes(left), value_bytes(right));
}

static bool is_container(struct value value)
{
  /* The tags of containers are the last ones. */
  return value.size > 0 && value.data[0] >= VALUE_TAG_LIST;
}

uint32_t value_count(struct value value)
{
  CHECK(is_container(value));
  return bytes_get_u32(value.data + 5);
}

struct value_iterator value_iterate(struct value container)
{
  CHECK(is_container(container));
  return (struct value_iterator){
      .next = container.data + VALUE_HEADER_BYTES,
      .end = container.data + container.size,
      .named = container.data[0] == VALUE_TAG_MAP,
  };
}

bool value_next(struct value_iterator *iterator, struct bytes *name, struct value *element)
{
  if (iterator->next == iterator->end) return false;
  const uint8_t *next = iterator->next;
  if (iterator->named) {
    uint64_t size;
    next = value_get_varint(next, &size);
    if (name != NULL) *name = (struct bytes){next, size};
    next += size;
  }
  *element = (struct value){next, value_span(next)};
  iterator->next = next + element->size;
  CHECK(iterator->next <= iterator->end);
  return true;
}

/* Whether two names of one size, at least 1, are equal: most are short, a call would cost more. */
static inline bool same_name(const uint8_t *left, const uint8_t *right, size_t size)
{
  if (size > 16) return memcmp(left, right, size) == 0;
  if (size >= 8)
    return bytes_get_u64(left) == bytes_get_u64(right) &&
           bytes_get_u64(left + size - 8) == bytes_get_u64(right + size - 8);
  if (size >= 4)
    return bytes_get_u32(left) == bytes_get_u32(right) &&
           bytes_get_u32(left + size - 4) == bytes_get_u32(right + size - 4);
  return left[0] == right[0] && left[size / 2] == right[size / 2] &&
         left[size - 1] == right[size - 1];
}

struct value value_attribute(struct value map, struct bytes name)
{
  if (map.size == 0 || name.size == 0) return VALUE_NONE;
  CHECK_THAT(map.data[0], ==, VALUE_TAG_MAP);
  const uint8_t *next = map.data + VALUE_HEADER_BYTES;
  const uint8_t *end = map.data + map.size;
  while (next < end) {
    uint64_t size;
    next = value_get_varint(next, &size);
    const uint8_t *found = next;
    next += size;
    size_t span = value_span(next);
    /* Names are never empty, and ascend: past the wanted first byte there is nothing to find. */
    if (found[0] > name.data[0]) break;
    if (size == name.size && same_name(found, name.data, size)) return (struct value){next, span};
    next += span;
  }
  return VALUE_NONE;
}

struct value value_element(struct value list, uint32_t index)
{
  CHECK(value_type(list) == VALUE_LIST);
  if (index >= value_count(list)) return VALUE_NONE;
  const uint8_t *next = list.data + VALUE_HEADER_BYTES;
  for (uint32_t i = 0; i < index; i++) next += value_span(next);
  return (struct value){next, value_span(next)};
}

bool value_set_contains(struct value set, struct value element)
{
  /* Canonical, so equal values have equal bytes. */
  CHECK(is_container(set) && set.data[0] >= VALUE_TAG_STRING_SET);
  struct value_iterator iterator = value_iterate(set);
  struct value member;
  while (value_next(&iterator, NULL, &member))
    if (value_equal(member, element)) return true;
  return false;
}

/* ---- size ---- */

enum { NUMBER_SIZE_MAX = 21 };

static size_t number_size(size_t pairs, bool negative)
{
  size_t size = 1 + pairs + negative;
  return size < NUMBER_SIZE_MAX ? size : NUMBER_SIZE_MAX;
}

/* As decimal_size, in base 100 digits taken off one by one. */
static size_t integer_size(int64_t integer)
{
  uint64_t rest = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
  if (rest == 0) return 1;
  while (rest % 100 == 0) rest /= 100;
  size_t pairs = 0;
  for (; rest > 0; rest /= 100) pairs++;
  return number_size(pairs, integer < 0);
}

/* The coefficient ends in a digit that is not zero, so its ends are those of the stored pairs. */
static size_t decimal_size(const struct decimal *number)
{
  int lowest = number->exponent;
  int highest = lowest + decimal_digits(number) - 1;
  int pairs = (highest >> 1) - (lowest >> 1) + 1;
  return number_size((size_t)pairs, number->negative);
}

static size_t container_size(struct value container)
{
  bool set = container.data[0] >= VALUE_TAG_STRING_SET;
  size_t size = set ? 0 : 3 + (size_t)value_count(container);
  struct value_iterator iterator = value_iterate(container);
  struct bytes name = {NULL, 0};
  struct value element;
  while (value_next(&iterator, &name, &element)) size += name.size + value_size(element);
  return size;
}

size_t value_size(struct value value)
{
  int64_t integer;
  switch (value_type(value)) {
  case VALUE_ABSENT:
    return 0;
  case VALUE_NULL:
  case VALUE_BOOL:
    return 1;
  case VALUE_STRING:
  case VALUE_BINARY:
    return value_bytes(value).size;
  case VALUE_NUMBER:
    if (value_integer(value, &integer)) return integer_size(integer);
    struct decimal number = value_number(value);
    return decimal_size(&number);
  case VALUE_LIST:
  case VALUE_MAP:
  case VALUE_STRING_SET:
  case VALUE_NUMBER_SET:
  case VALUE_BINARY_SET:
    break;
  }
  return container_size(value);
}

size_t item_size(struct value item)
{
  CHECK(value_type(item) == VALUE_MAP);
  return container_size(item) - 3 - value_count(item);
}
