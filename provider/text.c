#include "provider/text.h"

#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { INTEGER_DIGITS_MAX = 20 };

void *text_alloc(struct arena *arena, size_t count, size_t size)
{
  void *block = arena_alloc_array(arena, count, size);
  CHECK(block != NULL);
  return memset(block, 0, count * size);
}

struct bytes text_format(struct arena *arena, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int size = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  CHECK_THAT(size, >=, 0);
  char *text = text_alloc(arena, (size_t)size + 1, 1);
  vsnprintf(text, (size_t)size + 1, format, again);
  va_end(again);
  return bytes_of(text, (size_t)size);
}

char *text_zero_ended(struct arena *arena, struct bytes text)
{
  char *copy = text_alloc(arena, text.size + 1, 1);
  if (text.size > 0) memcpy(copy, text.data, text.size);
  return copy;
}

bool text_ends_with(struct bytes text, struct bytes suffix)
{
  return text.size >= suffix.size &&
         bytes_equal(bytes_of(text.data + text.size - suffix.size, suffix.size), suffix);
}

struct bytes text_next_part(struct bytes *text, char separator)
{
  if (text->size == 0) return *text;
  const uint8_t *found = memchr(text->data, separator, text->size);
  size_t end = found == NULL ? text->size : (size_t)(found - text->data);
  struct bytes part = bytes_of(text->data, end);
  size_t skip = end < text->size ? end + 1 : end;
  *text = bytes_of(text->data + skip, text->size - skip);
  return part;
}

bool text_is_word_of(struct bytes text, const char *list)
{
  struct bytes rest = bytes_of_text(list);
  while (rest.size > 0) {
    if (bytes_equal(text_next_part(&rest, ' '), text)) return true;
  }
  return false;
}

bool text_to_integer(struct bytes text, int64_t *value)
{
  char digits[INTEGER_DIGITS_MAX + 1];
  if (text.size == 0 || text.size > INTEGER_DIGITS_MAX) return false;
  memcpy(digits, text.data, text.size);
  digits[text.size] = '\0';
  if (digits[0] != '-' && (digits[0] < '0' || digits[0] > '9')) return false;
  char *end;
  errno = 0;
  long long number = strtoll(digits, &end, 10);
  if (errno != 0 || end != digits + text.size) return false;
  *value = number;
  return true;
}
