/*
 * Items and attribute values: DynamoDB's data model in a compact binary form.
 *
 * One form serves memory, log and snapshot; it is canonical, so equal values are equal bytes:
 *
 *     value := tag, then
 *       NULL, FALSE, TRUE   nothing
 *       INTEGER             varint(zigzag(i64)): numbers that are 64-bit integers
 *       DECIMAL             varint(zigzag(exponent)), u8 sign << 7 | n, n coefficient bytes
 *                           (little-endian, no high zero): all other numbers, normalised
 *       STRING, BINARY      varint(size), bytes
 *       LIST                u32 body size, u32 count, values
 *       MAP                 u32 body size, u32 count, (varint(name size), name, value)... in
 *                           ascending byte order of names
 *       STRING_SET, NUMBER_SET, BINARY_SET
 *                           u32 body size, u32 count, values (with their tags), ascending
 *     item  := a MAP value
 *
 * "body size" counts the bytes after the count. u32 are little-endian; varint is LEB128.
 *
 * A `struct value` borrows and never changes what it points to. Functions here are pure; any
 * thread.
 */
#ifndef TACOS_STORE_ITEM_H
#define TACOS_STORE_ITEM_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/error.h"
#include "store/limits.h"

enum value_tag {
  VALUE_TAG_NULL = 0,
  VALUE_TAG_FALSE = 1,
  VALUE_TAG_TRUE = 2,
  VALUE_TAG_INTEGER = 3,
  VALUE_TAG_DECIMAL = 4,
  VALUE_TAG_STRING = 5,
  VALUE_TAG_BINARY = 6,
  VALUE_TAG_LIST = 7,
  VALUE_TAG_MAP = 8,
  VALUE_TAG_STRING_SET = 9,
  VALUE_TAG_NUMBER_SET = 10,
  VALUE_TAG_BINARY_SET = 11,
};

/* DynamoDB's types. VALUE_ABSENT is no attribute at all. */
enum value_type {
  VALUE_ABSENT = 0,
  VALUE_STRING,
  VALUE_NUMBER,
  VALUE_BINARY,
  VALUE_BOOL,
  VALUE_NULL,
  VALUE_LIST,
  VALUE_MAP,
  VALUE_STRING_SET,
  VALUE_NUMBER_SET,
  VALUE_BINARY_SET,
};

/* A borrowed encoded value; {NULL, 0} is "no value". */
struct value {
  const uint8_t *data;
  size_t size;
};

#define VALUE_NONE ((struct value){NULL, 0})

static inline bool value_present(struct value value)
{
  return value.size > 0;
}

/* The encoding's own sizes in bytes. */
enum {
  VALUE_HEADER_BYTES = 9,  /* of a container: tag, body size, count */
  VALUE_VARINT_BYTES = 10, /* at most, for 64 bits */
  VALUE_NUMBER_BYTES = 20, /* at most: tag, exponent of 2, sign and size, coefficient of 16 */
};

static inline enum value_type value_type(struct value value)
{
  static const uint8_t types[] = {
      [VALUE_TAG_NULL] = VALUE_NULL,
      [VALUE_TAG_FALSE] = VALUE_BOOL,
      [VALUE_TAG_TRUE] = VALUE_BOOL,
      [VALUE_TAG_INTEGER] = VALUE_NUMBER,
      [VALUE_TAG_DECIMAL] = VALUE_NUMBER,
      [VALUE_TAG_STRING] = VALUE_STRING,
      [VALUE_TAG_BINARY] = VALUE_BINARY,
      [VALUE_TAG_LIST] = VALUE_LIST,
      [VALUE_TAG_MAP] = VALUE_MAP,
      [VALUE_TAG_STRING_SET] = VALUE_STRING_SET,
      [VALUE_TAG_NUMBER_SET] = VALUE_NUMBER_SET,
      [VALUE_TAG_BINARY_SET] = VALUE_BINARY_SET,
  };
  return value.size == 0 ? VALUE_ABSENT : (enum value_type)types[value.data[0]];
}

/* "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"; "" for VALUE_ABSENT. */
const char *value_type_name(enum value_type type);

/* Reads a (trusted) varint; returns where it ends. */
static inline const uint8_t *value_get_varint(const uint8_t *from, uint64_t *number)
{
  uint64_t sum = *from & 0x7F;
  for (unsigned shift = 7; *from++ >= 0x80; shift += 7) sum |= (uint64_t)(*from & 0x7F) << shift;
  *number = sum;
  return from;
}

/* The length in bytes of the (trusted) encoded value that starts at data. */
static inline size_t value_span(const uint8_t *data)
{
  const uint8_t *next = data + 1;
  uint64_t number = 0;
  switch ((enum value_tag)data[0]) {
  case VALUE_TAG_NULL:
  case VALUE_TAG_FALSE:
  case VALUE_TAG_TRUE:
    return 1;
  case VALUE_TAG_INTEGER:
    while (*next++ >= 0x80) continue;
    return (size_t)(next - data);
  case VALUE_TAG_DECIMAL:
    next = value_get_varint(next, &number);
    return (size_t)(next - data) + 1 + (*next & 0x7F);
  case VALUE_TAG_STRING:
  case VALUE_TAG_BINARY:
    next = value_get_varint(next, &number);
    return (size_t)(next - data) + number;
  case VALUE_TAG_LIST:
  case VALUE_TAG_MAP:
  case VALUE_TAG_STRING_SET:
  case VALUE_TAG_NUMBER_SET:
  case VALUE_TAG_BINARY_SET:
    break;
  }
  return VALUE_HEADER_BYTES + (size_t)bytes_get_u32(next);
}

/* Contents of a STRING or BINARY; of a BOOL; of a number. CHECK the type. */
struct bytes value_bytes(struct value value);
bool value_bool(struct value value);
struct decimal value_number(struct value value);

/* Whether it is a number that is a 64-bit integer, and which: no decimal arithmetic. */
static inline bool value_integer(struct value value, int64_t *integer)
{
  if (value.size == 0 || value.data[0] != VALUE_TAG_INTEGER) return false;
  uint64_t zigzag;
  value_get_varint(value.data + 1, &zigzag);
  *integer = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
  return true;
}

static inline bool value_equal(struct value left, struct value right)
{
  return left.size == right.size &&
         (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

/*
 * Order of two values of the same scalar type (S, N, B; BOOL false first; NULL equal): negative, 0
 * or positive. CHECKs the types.
 */
int value_compare(struct value left, struct value right);

/* Number of elements of a list, map or set. */
uint32_t value_count(struct value value);

/* Walks a list, map or set in stored order. */
struct value_iterator {
  const uint8_t *next;
  const uint8_t *end;
  bool named; /* a map: entries have names */
};

struct value_iterator value_iterate(struct value container);

/* False at the end. `name` is set for maps only and may be NULL. */
bool value_next(struct value_iterator *iterator, struct bytes *name, struct value *element);

/* The attribute of a map (or item), or VALUE_NONE; also when the map is VALUE_NONE. */
struct value value_attribute(struct value map, struct bytes name);

/* The element of a list, or VALUE_NONE. O(index). */
struct value value_element(struct value list, uint32_t index);

/* Whether a set holds an element equal to this scalar. O(log n) is not promised. */
bool value_set_contains(struct value set, struct value element);

/*
 * DynamoDB's size of an item or value in bytes: UTF-8 names; strings and binaries by length;
 * numbers 1 + pairs, +1 if negative, 1 for zero, at most 21; BOOL and NULL 1; lists and maps 3 plus
 * 1 per element; sets their elements. item_size counts attributes without the 3 and the 1s.
 *
 * "pairs": digits are stored two by two from the decimal point (1|23.45|6), and pairs of zeros at
 * either end are dropped: 1200 and 0.0012 have one pair, 120 has two. Source: developer guide,
 * "DynamoDB item sizes and formats" ("one byte per two significant digits, plus one").
 */
size_t value_size(struct value value);
size_t item_size(struct value item);

/*
 * Checks bytes from outside (disk, backup): one whole value in canonical form with nothing after
 * it, well-formed UTF-8, depth and number ranges. ERROR_CORRUPT with the offset of what is wrong.
 */
bool value_validate(struct bytes encoded, struct error *error);

/* ---- writing ---- */

/* A container that was begun and not ended. */
struct value_writer_level {
  size_t start; /* offset of the container's tag */
  size_t last;  /* offset of its newest entry; of use when count > 0 */
  uint32_t count;
  enum value_tag tag;
  bool unsorted; /* a map or set whose entries do not stand in ascending order */
  bool named;    /* a map whose newest entry has its name and not yet its value */
};

/*
 * Writes one value front to back into a buffer. Maps and sets may be written in any order: end
 * sorts them when needed and refuses a name or element that stands twice, an empty set, mixed set
 * types. The first error is kept; later calls do nothing; value_writer_finish reports it.
 *
 * Depth: DynamoDB calls an attribute's own value level 1 and refuses values below level
 * ITEM_DEPTH_MAX. The writer takes the outermost container for the item; for a lone attribute value
 * set level_max to one less after init, or it is refused only once it becomes part of an item.
 */
struct value_writer {
  struct buffer *buffer; /* not owned; the value is appended to it */
  size_t start;
  uint32_t depth;     /* open containers */
  uint32_t level_max; /* of a value; init: ITEM_DEPTH_MAX */
  struct value_writer_level open[ITEM_DEPTH_MAX + 1];
  struct error error; /* code ERROR_NONE while all is well */
};

void value_writer_init(struct value_writer *writer, struct buffer *buffer);

/* In a map, before each value: its name, UTF-8. */
void value_write_name(struct value_writer *writer, struct bytes name);

void value_write_null(struct value_writer *writer);
void value_write_bool(struct value_writer *writer, bool boolean);
void value_write_integer(struct value_writer *writer, int64_t integer);
void value_write_number(struct value_writer *writer, const struct decimal *number);
void value_write_string(struct value_writer *writer, struct bytes text); /* must be UTF-8 */
void value_write_binary(struct value_writer *writer, struct bytes binary);

/* type is VALUE_LIST, VALUE_MAP or one of the sets. */
void value_write_begin(struct value_writer *writer, enum value_type type);
void value_write_end(struct value_writer *writer);

/* An already encoded (trusted) value; the depth inside it is counted too. */
void value_write_value(struct value_writer *writer, struct value value);

/*
 * The finished value inside the buffer (valid until the buffer grows). False with the first error,
 * and the buffer ends where it ended before: ERROR_INVALID with DynamoDB's message, ERROR_LIMIT,
 * ERROR_NO_MEMORY.
 */
bool value_writer_finish(struct value_writer *writer, struct value *value, struct error *error);

/* Shorthands that make one scalar in an arena; VALUE_NONE when there is no memory. */
struct value value_make_string(struct arena *arena, struct bytes text);
struct value value_make_binary(struct arena *arena, struct bytes binary);
struct value value_make_integer(struct arena *arena, int64_t integer);
struct value value_make_number(struct arena *arena, const struct decimal *number);
struct value value_make_bool(struct arena *arena, bool boolean);

/* ---- DynamoDB JSON: {"S":"text"}, {"N":"1"}, ... ---- */

/*
 * Parses an item ({"name":{"S":"x"},...}) or one attribute value from DynamoDB JSON into the arena.
 * ERROR_INVALID with DynamoDB's message for empty sets, duplicate set members, bad numbers, wrong
 * types, too much nesting.
 */
bool item_from_json(struct arena *arena, struct bytes json, struct value *item,
                    struct error *error);
bool value_from_json(struct arena *arena, struct bytes json, struct value *value,
                     struct error *error);

/* Appends the DynamoDB JSON of an item (without the outer {"M":...}) or of a value. */
void item_to_json(struct buffer *buffer, struct value item);
void value_to_json(struct buffer *buffer, struct value value);

#endif
