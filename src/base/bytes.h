/*
 * Bytes and slices.
 *
 * `struct bytes` borrows: it never owns what it points to and is passed by value. `struct buffer`
 * owns and grows: it is made on a `struct memory` and freed by the same thread. Text is UTF-8 in
 * bytes without a terminating zero.
 */
#ifndef TACOS_BASE_BYTES_H
#define TACOS_BASE_BYTES_H

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
  const uint8_t *data; /* may be NULL only when size is 0 */
  size_t size;
};

/* BYTES("literal"): a slice of a string literal, without its zero. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

/* For printf's "%.*s". */
#define BYTES_FORMAT(slice) (int)(slice).size, (const char *)(slice).data

static inline struct bytes bytes_of(const void *data, size_t size)
{
  return (struct bytes){data, size};
}

static inline struct bytes bytes_of_text(const char *text)
{
  return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static inline bool bytes_equal(struct bytes left, struct bytes right)
{
  return left.size == right.size &&
         (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

/* Order of unsigned bytes, a prefix before what it starts: negative, 0 or positive. */
static inline int bytes_compare(struct bytes left, struct bytes right)
{
  size_t shared = left.size < right.size ? left.size : right.size;
  int order = shared == 0 ? 0 : memcmp(left.data, right.data, shared);
  if (order != 0) return order;
  return (left.size > right.size) - (left.size < right.size);
}

static inline bool bytes_starts_with(struct bytes slice, struct bytes prefix)
{
  return slice.size >= prefix.size &&
         (prefix.size == 0 || memcmp(slice.data, prefix.data, prefix.size) == 0);
}

/* The offset of the first occurrence of needle, or SIZE_MAX; an empty needle is at 0. */
size_t bytes_find(struct bytes haystack, struct bytes needle);

/* Whether the slice is well-formed UTF-8 (RFC 3629: no overlong form, no surrogate). */
bool bytes_is_utf8(struct bytes slice);

/* The size of the longest start of the slice that is well-formed UTF-8. */
size_t bytes_utf8_prefix(struct bytes slice);

/* A growing buffer. When memory runs out an append returns false and `failed` stays true. */
struct buffer {
  uint8_t *data;
  size_t size;
  size_t capacity;
  struct memory *memory;
  bool failed; /* an append did not fit; contents are incomplete until buffer_clear */
};

void buffer_init(struct buffer *buffer, struct memory *memory);
void buffer_free(struct buffer *buffer);

/* Makes room for `size` more bytes; false when there is no memory, and the buffer is as before. */
bool buffer_reserve(struct buffer *buffer, size_t size);

/* What is appended may not lie in the buffer itself, which can move. */
bool buffer_append(struct buffer *buffer, struct bytes slice);
bool buffer_append_byte(struct buffer *buffer, uint8_t byte);
/* `size` bytes more, which the caller fills at once; NULL when there is no memory. */
uint8_t *buffer_extend(struct buffer *buffer, size_t size);
bool buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void buffer_clear(struct buffer *buffer)
{
  buffer->size = 0;
  buffer->failed = false;
}

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
  return (struct bytes){buffer->data, buffer->size};
}

/* Little-endian integers at any alignment: the byte order of everything on disk. */
static inline void bytes_put_u16(uint8_t *to, uint16_t value)
{
  memcpy(to, &value, 2);
}
static inline void bytes_put_u32(uint8_t *to, uint32_t value)
{
  memcpy(to, &value, 4);
}
static inline void bytes_put_u64(uint8_t *to, uint64_t value)
{
  memcpy(to, &value, 8);
}

static inline uint16_t bytes_get_u16(const uint8_t *from)
{
  uint16_t value;
  memcpy(&value, from, 2);
  return value;
}

static inline uint32_t bytes_get_u32(const uint8_t *from)
{
  uint32_t value;
  memcpy(&value, from, 4);
  return value;
}

static inline uint64_t bytes_get_u64(const uint8_t *from)
{
  uint64_t value;
  memcpy(&value, from, 8);
  return value;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "disk formats are little-endian");

#endif
