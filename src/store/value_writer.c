/*
 * Encoding: entries are appended as they come; a container's header is filled in at its end.
 *
 *     buffer: ... | tag size? count? | entry | entry | entry |   level.last is the newest entry
 *
 * A map or set that came out of order is sorted at its end: its entries are described in the unused
 * end of the buffer, merged there, copied in order behind that, and moved back.
 */
#include "store/item.h"

#include "base/check.h"
#include "base/encode.h"

#define PARAMETERS_INVALID "One or more parameter values were invalid: "

static const enum value_tag container_tags[] = {
    [VALUE_LIST] = VALUE_TAG_LIST,
    [VALUE_MAP] = VALUE_TAG_MAP,
    [VALUE_STRING_SET] = VALUE_TAG_STRING_SET,
    [VALUE_NUMBER_SET] = VALUE_TAG_NUMBER_SET,
    [VALUE_BINARY_SET] = VALUE_TAG_BINARY_SET,
};

static uint8_t *put_varint(uint8_t *to, uint64_t number)
{
  for (; number >= 0x80; number >>= 7) *to++ = (uint8_t)(number | 0x80);
  *to++ = (uint8_t)number;
  return to;
}

static uint64_t zigzag_of(int64_t integer)
{
  return ((uint64_t)integer << 1) ^ (uint64_t)(integer >> 63);
}

static uint8_t *put_integer(uint8_t *to, int64_t integer)
{
  *to++ = VALUE_TAG_INTEGER;
  return put_varint(to, zigzag_of(integer));
}

static uint8_t *put_number(uint8_t *to, const struct decimal *number)
{
  int64_t integer;
  if (decimal_to_integer(number, &integer)) return put_integer(to, integer);
  *to++ = VALUE_TAG_DECIMAL;
  to = put_varint(to, zigzag_of(number->exponent));
  unsigned size = 0;
  for (unsigned __int128 rest = number->coefficient; rest > 0; rest >>= 8) size++;
  *to++ = (uint8_t)((number->negative ? 0x80 : 0) | size);
  memcpy(to, &number->coefficient, size);
  return to + size;
}

static uint8_t *put_text(uint8_t *to, enum value_tag tag, struct bytes text)
{
  *to++ = (uint8_t)tag;
  to = put_varint(to, text.size);
  if (text.size > 0) memcpy(to, text.data, text.size);
  return to + text.size;
}

void value_writer_init(struct value_writer *writer, struct buffer *buffer)
{
  writer->buffer = buffer;
  writer->start = buffer->size;
  writer->depth = 0;
  writer->level_max = ITEM_DEPTH_MAX;
  writer->error.code = ERROR_NONE;
}

static bool writer_reserve(struct value_writer *writer, size_t size)
{
  struct buffer *buffer = writer->buffer;
  if (buffer->capacity - buffer->size >= size) return true;
  if (buffer_reserve(buffer, size)) return true;
  return error_set(&writer->error, ERROR_NO_MEMORY, "no memory for a value of %zu more bytes",
                   size);
}

static bool set_takes(enum value_tag set, enum value_tag element)
{
  switch (element) {
  case VALUE_TAG_STRING:
    return set == VALUE_TAG_STRING_SET;
  case VALUE_TAG_INTEGER:
  case VALUE_TAG_DECIMAL:
    return set == VALUE_TAG_NUMBER_SET;
  case VALUE_TAG_BINARY:
    return set == VALUE_TAG_BINARY_SET;
  default:
    return false;
  }
}

static bool refuse_depth(struct error *error)
{
  return error_set(error, ERROR_INVALID,
                   "Nesting Levels have exceeded supported limits: Attributes in the item have "
                   "nested levels beyond supported limit");
}

/* Accounts for a value that comes next in the innermost open container. */
static bool level_take(struct value_writer *writer, struct value_writer_level *level,
                       enum value_tag tag)
{
  if (level->tag >= VALUE_TAG_STRING_SET) {
    if (!set_takes(level->tag, tag))
      return error_set(&writer->error, ERROR_INVALID,
                       PARAMETERS_INVALID "Set contains an element of another type");
    level->count++;
    return true;
  }
  if (level->tag == VALUE_TAG_MAP) {
    CHECK(level->named);
    level->named = false;
  } else {
    level->count++;
  }
  return writer->depth <= writer->level_max || refuse_depth(&writer->error);
}

/* Where a value of at most `size` bytes may be put; NULL after an error. */
static inline uint8_t *writer_place(struct value_writer *writer, enum value_tag tag, size_t size)
{
  if (writer->error.code != ERROR_NONE) return NULL;
  struct buffer *buffer = writer->buffer;
  if (writer->depth == 0)
    CHECK_THAT(buffer->size, ==, writer->start);
  else if (!level_take(writer, &writer->open[writer->depth - 1], tag))
    return NULL;
  return writer_reserve(writer, size) ? buffer->data + buffer->size : NULL;
}

/* The newest element of a set against the one before it. */
static void level_order_element(struct buffer *buffer, struct value_writer_level *level,
                                size_t start)
{
  struct value element = {buffer->data + start, buffer->size - start};
  if (level->count > 1 && !level->unsorted) {
    struct value last = {buffer->data + level->last, start - level->last};
    level->unsorted = value_compare(last, element) >= 0;
  }
  level->last = start;
}

/* A scalar was put up to `end`. */
static inline void writer_advance(struct value_writer *writer, const uint8_t *end)
{
  struct buffer *buffer = writer->buffer;
  size_t start = buffer->size;
  buffer->size = (size_t)(end - buffer->data);
  if (writer->depth == 0) return;
  struct value_writer_level *level = &writer->open[writer->depth - 1];
  if (level->tag >= VALUE_TAG_STRING_SET) level_order_element(buffer, level, start);
}

static struct bytes name_at(const uint8_t *entry)
{
  uint64_t size;
  const uint8_t *data = value_get_varint(entry, &size);
  return (struct bytes){data, size};
}

void value_write_name(struct value_writer *writer, struct bytes name)
{
  if (writer->error.code != ERROR_NONE) return;
  CHECK_THAT(writer->depth, >, 0);
  CHECK_SLOW(bytes_is_utf8(name));
  struct value_writer_level *level = &writer->open[writer->depth - 1];
  CHECK(level->tag == VALUE_TAG_MAP && !level->named);
  if (name.size == 0 || name.size > ATTRIBUTE_NAME_MAX) {
    error_set(&writer->error, ERROR_INVALID,
              name.size == 0 ? "Empty attribute name"
                             : "Attribute name is too large, must be less than 65536 bytes");
    return;
  }
  if (!writer_reserve(writer, VALUE_VARINT_BYTES + name.size)) return;

  struct buffer *buffer = writer->buffer;
  if (level->count > 0 && bytes_compare(name_at(buffer->data + level->last), name) >= 0)
    level->unsorted = true;
  level->last = buffer->size;
  level->count++;
  level->named = true;
  uint8_t *to = put_varint(buffer->data + buffer->size, name.size);
  memcpy(to, name.data, name.size);
  buffer->size = (size_t)(to + name.size - buffer->data);
}

static void write_tag(struct value_writer *writer, enum value_tag tag)
{
  uint8_t *to = writer_place(writer, tag, 1);
  if (to == NULL) return;
  *to = (uint8_t)tag;
  writer_advance(writer, to + 1);
}

void value_write_null(struct value_writer *writer)
{
  write_tag(writer, VALUE_TAG_NULL);
}

void value_write_bool(struct value_writer *writer, bool boolean)
{
  write_tag(writer, boolean ? VALUE_TAG_TRUE : VALUE_TAG_FALSE);
}

void value_write_integer(struct value_writer *writer, int64_t integer)
{
  uint8_t *to = writer_place(writer, VALUE_TAG_INTEGER, 1 + VALUE_VARINT_BYTES);
  if (to != NULL) writer_advance(writer, put_integer(to, integer));
}

void value_write_number(struct value_writer *writer, const struct decimal *number)
{
  uint8_t *to = writer_place(writer, VALUE_TAG_DECIMAL, VALUE_NUMBER_BYTES);
  if (to != NULL) writer_advance(writer, put_number(to, number));
}

static void write_text(struct value_writer *writer, enum value_tag tag, struct bytes text)
{
  uint8_t *to = writer_place(writer, tag, 1 + VALUE_VARINT_BYTES + text.size);
  if (to != NULL) writer_advance(writer, put_text(to, tag, text));
}

void value_write_string(struct value_writer *writer, struct bytes text)
{
  CHECK_SLOW(bytes_is_utf8(text));
  write_text(writer, VALUE_TAG_STRING, text);
}

void value_write_binary(struct value_writer *writer, struct bytes binary)
{
  write_text(writer, VALUE_TAG_BINARY, binary);
}

/* How many levels lie below the value: none below a scalar, a set or an empty container. */
static uint32_t levels_below(struct value value)
{
  if (value.data[0] != VALUE_TAG_LIST && value.data[0] != VALUE_TAG_MAP) return 0;
  uint32_t levels = 0;
  struct value_iterator iterator = value_iterate(value);
  struct value element;
  while (value_next(&iterator, NULL, &element)) {
    uint32_t below = 1 + levels_below(element);
    if (below > levels) levels = below;
  }
  return levels;
}

void value_write_value(struct value_writer *writer, struct value value)
{
  CHECK(value_present(value));
  CHECK_SLOW(value_span(value.data) == value.size);
  uint8_t *to = writer_place(writer, (enum value_tag)value.data[0], value.size);
  if (to == NULL) return;
  if (writer->depth + levels_below(value) > writer->level_max) {
    refuse_depth(&writer->error);
    return;
  }
  memcpy(to, value.data, value.size);
  writer_advance(writer, to + value.size);
}

void value_write_begin(struct value_writer *writer, enum value_type type)
{
  CHECK(type >= VALUE_LIST && type <= VALUE_BINARY_SET);
  enum value_tag tag = container_tags[type];
  uint8_t *to = writer_place(writer, tag, VALUE_HEADER_BYTES);
  if (to == NULL) return;
  CHECK_THAT(writer->depth, <=, ITEM_DEPTH_MAX);
  struct buffer *buffer = writer->buffer;
  writer->open[writer->depth++] = (struct value_writer_level){.start = buffer->size, .tag = tag};
  *to = (uint8_t)tag;
  buffer->size += VALUE_HEADER_BYTES;
}

/* ---- the end of a container ---- */

/* Where an entry of a map or set stands in the body. */
struct entry {
  uint32_t offset;
  uint32_t size;
};

static int entry_compare(enum value_tag tag, const uint8_t *body, struct entry left,
                         struct entry right)
{
  const uint8_t *left_data = body + left.offset;
  const uint8_t *right_data = body + right.offset;
  if (tag == VALUE_TAG_MAP) return bytes_compare(name_at(left_data), name_at(right_data));
  return value_compare((struct value){left_data, left.size},
                       (struct value){right_data, right.size});
}

static void entries_find(struct value container, size_t count, struct entry *entries)
{
  struct value_iterator iterator = value_iterate(container);
  const uint8_t *body = iterator.next;
  struct value element;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *entry = iterator.next;
    CHECK(value_next(&iterator, NULL, &element));
    entries[i].offset = (uint32_t)(entry - body);
    entries[i].size = (uint32_t)(iterator.next - entry);
  }
  CHECK(iterator.next == iterator.end);
}

/* Merge sort from runs of one upwards; returns which of the two arrays has the result. */
static struct entry *entries_sort(enum value_tag tag, const uint8_t *body, struct entry *from,
                                  struct entry *to, size_t count)
{
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t low = 0; low < count; low += 2 * width) {
      size_t middle = low + width < count ? low + width : count;
      size_t high = low + 2 * width < count ? low + 2 * width : count;
      size_t left = low, right = middle;
      for (size_t i = low; i < high; i++) {
        bool take_left = right == high ||
                         (left < middle && entry_compare(tag, body, from[left], from[right]) <= 0);
        to[i] = from[take_left ? left++ : right++];
      }
    }
    struct entry *sorted = to;
    to = from;
    from = sorted;
  }
  return from;
}

enum { ELEMENTS_TEXT_BYTES = 360 }; /* with the words around it below ERROR_MESSAGE_BYTES */

/* The elements in the order they were written, as far as they fit. Returns the length. */
static size_t elements_text(struct value set, char text[ELEMENTS_TEXT_BYTES])
{
  size_t used = 0;
  struct value_iterator iterator = value_iterate(set);
  struct value element;
  while (ELEMENTS_TEXT_BYTES - used > 8 && value_next(&iterator, NULL, &element)) {
    if (used > 0) {
      memcpy(text + used, ", ", 2);
      used += 2;
    }
    struct bytes bytes = value_bytes(element);
    size_t room = ELEMENTS_TEXT_BYTES - used;
    if (value_type(element) == VALUE_BINARY) {
      if (bytes.size > room / 4 * 3) bytes.size = room / 4 * 3;
      used += encode_to_base64(bytes, text + used);
    } else {
      if (bytes.size > room) bytes.size = room;
      bytes.size = bytes_utf8_prefix(bytes);
      memcpy(text + used, bytes.data, bytes.size);
      used += bytes.size;
    }
  }
  return used;
}

/* The texts, with their odd spaces, are DynamoDB's. */
static bool refuse_duplicate(struct error *error, struct value container, struct bytes entry)
{
  char text[ELEMENTS_TEXT_BYTES];
  if (container.data[0] == VALUE_TAG_MAP)
    return error_set(error, ERROR_INVALID, PARAMETERS_INVALID "Duplicate attribute name: %.*s",
                     BYTES_FORMAT(name_at(entry.data)));
  if (container.data[0] == VALUE_TAG_NUMBER_SET)
    return error_set(error, ERROR_INVALID, "Input collection contains duplicates");
  size_t size = elements_text(container, text);
  return error_set(error, ERROR_INVALID, PARAMETERS_INVALID "Input collection [%.*s]%s", (int)size,
                   text,
                   container.data[0] == VALUE_TAG_STRING_SET ? " contains duplicates."
                                                             : "of type BS contains duplicates.");
}

static bool refuse_empty_set(struct error *error, enum value_tag tag)
{
  return error_set(error, ERROR_INVALID, PARAMETERS_INVALID "%s",
                   tag == VALUE_TAG_STRING_SET   ? "An string set  may not be empty"
                   : tag == VALUE_TAG_NUMBER_SET ? "An number set  may not be empty"
                                                 : "Binary sets should not be empty");
}

/* Sorts the entries of the container at the end of the buffer. */
static bool sort_container(struct value_writer *writer, const struct value_writer_level *level)
{
  struct buffer *buffer = writer->buffer;
  size_t count = level->count;
  size_t body_size = buffer->size - level->start - VALUE_HEADER_BYTES;
  /* An entry takes at least two bytes, so that none of these products can overflow. */
  CHECK_THAT(count, <=, body_size);
  size_t entries_size = 2 * count * sizeof(struct entry);
  if (!writer_reserve(writer, _Alignof(struct entry) + entries_size + body_size)) return false;

  uint8_t *body = buffer->data + level->start + VALUE_HEADER_BYTES;
  struct value container = {buffer->data + level->start, VALUE_HEADER_BYTES + body_size};
  size_t misaligned = (uintptr_t)(body + body_size) % _Alignof(struct entry);
  uint8_t *scratch = body + body_size + (_Alignof(struct entry) - misaligned);
  struct entry *entries = (struct entry *)(void *)scratch;
  entries_find(container, count, entries);
  entries = entries_sort(level->tag, body, entries, entries + count, count);
  for (size_t i = 1; i < count; i++) {
    if (entry_compare(level->tag, body, entries[i - 1], entries[i]) == 0) {
      struct bytes entry = {body + entries[i].offset, entries[i].size};
      return refuse_duplicate(&writer->error, container, entry);
    }
  }

  uint8_t *to = scratch + entries_size;
  for (size_t i = 0; i < count; i++) {
    memcpy(to, body + entries[i].offset, entries[i].size);
    to += entries[i].size;
  }
  CHECK_THAT((size_t)(to - scratch) - entries_size, ==, body_size);
  memcpy(body, scratch + entries_size, body_size);
  return true;
}

void value_write_end(struct value_writer *writer)
{
  if (writer->error.code != ERROR_NONE) return;
  CHECK_THAT(writer->depth, >, 0);
  struct value_writer_level *level = &writer->open[writer->depth - 1];
  CHECK(!level->named);
  struct buffer *buffer = writer->buffer;
  size_t body_size = buffer->size - level->start - VALUE_HEADER_BYTES;
  if (body_size > UINT32_MAX) {
    error_set(&writer->error, ERROR_LIMIT, "a value of %zu bytes is too large", body_size);
    return;
  }
  if (level->tag >= VALUE_TAG_STRING_SET && level->count == 0) {
    refuse_empty_set(&writer->error, level->tag);
    return;
  }
  if (level->unsorted && !sort_container(writer, level)) return;
  bytes_put_u32(buffer->data + level->start + 1, (uint32_t)body_size);
  bytes_put_u32(buffer->data + level->start + 5, level->count);
  writer->depth--;
}

bool value_writer_finish(struct value_writer *writer, struct value *value, struct error *error)
{
  struct buffer *buffer = writer->buffer;
  if (writer->error.code != ERROR_NONE) {
    *error = writer->error;
    buffer->size = writer->start;
    return false;
  }
  CHECK_THAT(writer->depth, ==, 0);
  CHECK_THAT(buffer->size, >, writer->start);
  *value = (struct value){buffer->data + writer->start, buffer->size - writer->start};
  return true;
}

/* ---- single scalars ---- */

static struct value make_text(struct arena *arena, enum value_tag tag, struct bytes text)
{
  uint8_t *data = arena_alloc(arena, 1 + VALUE_VARINT_BYTES + text.size);
  if (data == NULL) return VALUE_NONE;
  return (struct value){data, (size_t)(put_text(data, tag, text) - data)};
}

struct value value_make_string(struct arena *arena, struct bytes text)
{
  CHECK_SLOW(bytes_is_utf8(text));
  return make_text(arena, VALUE_TAG_STRING, text);
}

struct value value_make_binary(struct arena *arena, struct bytes binary)
{
  return make_text(arena, VALUE_TAG_BINARY, binary);
}

struct value value_make_integer(struct arena *arena, int64_t integer)
{
  uint8_t *data = arena_alloc(arena, 1 + VALUE_VARINT_BYTES);
  if (data == NULL) return VALUE_NONE;
  return (struct value){data, (size_t)(put_integer(data, integer) - data)};
}

struct value value_make_number(struct arena *arena, const struct decimal *number)
{
  uint8_t *data = arena_alloc(arena, VALUE_NUMBER_BYTES);
  if (data == NULL) return VALUE_NONE;
  return (struct value){data, (size_t)(put_number(data, number) - data)};
}

struct value value_make_bool(struct arena *arena, bool boolean)
{
  uint8_t *data = arena_alloc(arena, 1);
  if (data == NULL) return VALUE_NONE;
  data[0] = boolean ? VALUE_TAG_TRUE : VALUE_TAG_FALSE;
  return (struct value){data, 1};
}
