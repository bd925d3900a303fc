#include "base/error.h"

#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The largest size <= `size` that does not end inside a UTF-8 character of text. */
static size_t character_boundary(const char *text, size_t size)
{
  size_t start = size;
  while (start > 0 && ((uint8_t)text[start] & 0xC0) == 0x80) start--;
  return start;
}

/*
 * Fills *error with the formatted message and reason. The message is cut where the two do not fit,
 * so that the reason is always whole. Formats aside first: an argument may be the old message.
 */
static void fill(struct error *error, enum error_code code, int os_errno, const char *reason,
                 const char *format, va_list arguments)
{
  char
      message[ERROR_MESSAGE_BYTES + 1]; /* one more, to see whether the cut is inside a character */
  size_t reason_size = strlen(reason);
  CHECK_THAT(reason_size, <, ERROR_MESSAGE_BYTES / 2);
  size_t room = ERROR_MESSAGE_BYTES - 1 - reason_size;
  int length = vsnprintf(message, sizeof(message), format, arguments);
  CHECK_THAT(length, >=, 0);
  size_t size = (size_t)length;
  if (size > room) size = character_boundary(message, room);
  memcpy(error->message, message, size);
  memcpy(error->message + size, reason, reason_size + 1);
  error->code = code;
  error->os_errno = os_errno;
}

bool error_set(struct error *error, enum error_code code, const char *format, ...)
{
  CHECK(code != ERROR_NONE);
  va_list arguments;
  va_start(arguments, format);
  fill(error, code, 0, "", format, arguments);
  va_end(arguments);
  return false;
}

bool error_set_errno(struct error *error, int os_errno, const char *format, ...)
{
  CHECK_THAT(os_errno, >, 0);
  char reason[80];
  /* strerror is not thread-safe; strerrordesc_np gives a constant, NULL for an unknown number. */
  const char *description = strerrordesc_np(os_errno);
  if (description != NULL)
    (void)snprintf(reason, sizeof(reason), ": %s", description);
  else
    (void)snprintf(reason, sizeof(reason), ": errno %d", os_errno);
  va_list arguments;
  va_start(arguments, format);
  fill(error, os_errno == ENOSPC ? ERROR_NO_SPACE : ERROR_IO, os_errno, reason, format, arguments);
  va_end(arguments);
  return false;
}

const char *error_code_name(enum error_code code)
{
  switch (code) {
  case ERROR_NONE:
    return "ERROR_NONE";
  case ERROR_INVALID:
    return "ERROR_INVALID";
  case ERROR_NOT_FOUND:
    return "ERROR_NOT_FOUND";
  case ERROR_EXISTS:
    return "ERROR_EXISTS";
  case ERROR_LIMIT:
    return "ERROR_LIMIT";
  case ERROR_NO_MEMORY:
    return "ERROR_NO_MEMORY";
  case ERROR_NO_SPACE:
    return "ERROR_NO_SPACE";
  case ERROR_IO:
    return "ERROR_IO";
  case ERROR_CORRUPT:
    return "ERROR_CORRUPT";
  case ERROR_LOCKED:
    return "ERROR_LOCKED";
  case ERROR_KEY:
    return "ERROR_KEY";
  case ERROR_UNSUPPORTED:
    return "ERROR_UNSUPPORTED";
  }
  return "ERROR_UNKNOWN";
}
