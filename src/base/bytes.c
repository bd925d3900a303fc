#include "base/bytes.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

enum { BUFFER_CAPACITY_MIN = 256 };

#define HIGH_BITS 0x8080808080808080u

size_t bytes_find(struct bytes haystack, struct bytes needle)
{
  if (needle.size == 0) return 0;
  if (needle.size > haystack.size) return SIZE_MAX;
  const uint8_t *found = memmem(haystack.data, haystack.size, needle.data, needle.size);
  return found == NULL ? SIZE_MAX : (size_t)(found - haystack.data);
}

/*
 * The size of the well-formed character that starts with a byte >= 0x80 at `from` and has `room`
 * bytes, or 0. The table of RFC 3629 section 4: only the second byte's range depends on the first.
 */
static size_t utf8_character_size(const uint8_t *from, size_t room)
{
  uint8_t lead = from[0];
  size_t size = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (size == 0 || room < size) return 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;  /* shorter forms exist below */
  if (lead == 0xED) high = 0x9F; /* surrogates */
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F; /* above U+10FFFF */
  if (from[1] < low || from[1] > high) return 0;
  for (size_t i = 2; i < size; i++)
    if ((from[i] & 0xC0) != 0x80) return 0;
  return size;
}

size_t bytes_utf8_prefix(struct bytes slice)
{
  size_t at = 0;
  while (at < slice.size) {
    const uint8_t *from = slice.data + at;
    if (slice.size - at >= 8 && (bytes_get_u64(from) & HIGH_BITS) == 0) {
      at += 8;
    } else if (*from < 0x80) {
      at++;
    } else {
      size_t size = utf8_character_size(from, slice.size - at);
      if (size == 0) break;
      at += size;
    }
  }
  return at;
}

bool bytes_is_utf8(struct bytes slice)
{
  return bytes_utf8_prefix(slice) == slice.size;
}

/* size <= capacity; data is NULL exactly when capacity is 0. */
static void buffer_assert(const struct buffer *buffer)
{
  CHECK_THAT(buffer->size, <=, buffer->capacity);
  CHECK((buffer->data == NULL) == (buffer->capacity == 0));
}

void buffer_init(struct buffer *buffer, struct memory *memory)
{
  *buffer = (struct buffer){.memory = memory};
}

void buffer_free(struct buffer *buffer)
{
  buffer_assert(buffer);
  memory_free(buffer->memory, buffer->data, buffer->capacity);
  buffer_init(buffer, buffer->memory);
}

bool buffer_reserve(struct buffer *buffer, size_t size)
{
  buffer_assert(buffer);
  if (buffer->capacity - buffer->size >= size) return true;
  size_t needed;
  if (__builtin_add_overflow(buffer->size, size, &needed) || needed > SIZE_MAX / 2) return false;
  size_t capacity = buffer->capacity * 2;
  if (capacity < BUFFER_CAPACITY_MIN) capacity = BUFFER_CAPACITY_MIN;
  if (capacity < needed) capacity = needed;
  uint8_t *data = memory_resize(buffer->memory, buffer->data, buffer->capacity, capacity);
  if (data == NULL) return false;
  buffer->data = data;
  buffer->capacity = capacity;
  buffer_assert(buffer);
  return true;
}

/* buffer_reserve for an append: a failure sticks, so that a later append leaves no gap. */
static bool reserve_append(struct buffer *buffer, size_t size)
{
  if (!buffer->failed && !buffer_reserve(buffer, size)) buffer->failed = true;
  return !buffer->failed;
}

bool buffer_append(struct buffer *buffer, struct bytes slice)
{
  if (!reserve_append(buffer, slice.size)) return false;
  if (slice.size > 0) memcpy(buffer->data + buffer->size, slice.data, slice.size);
  buffer->size += slice.size;
  return true;
}

bool buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
  if (!reserve_append(buffer, 1)) return false;
  buffer->data[buffer->size++] = byte;
  return true;
}

uint8_t *buffer_extend(struct buffer *buffer, size_t size)
{
  if (!reserve_append(buffer, size)) return NULL;
  uint8_t *more = buffer->data + buffer->size;
  buffer->size += size;
  return more;
}

bool buffer_append_format(struct buffer *buffer, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  CHECK_THAT(length, >=, 0);
  /* vsnprintf ends with a zero, for which there must be room though it is not kept. */
  size_t room = (size_t)length + 1;
  if (!reserve_append(buffer, room)) return false;
  va_start(arguments, format);
  int written = vsnprintf((char *)buffer->data + buffer->size, room, format, arguments);
  va_end(arguments);
  CHECK_THAT(written, ==, length);
  buffer->size += (size_t)length;
  return true;
}
