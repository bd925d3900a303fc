#include "base/check.h"
#include "base/logger.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

_Static_assert(LOGGER_LINE_BYTES <= PIPE_BUF, "a line goes into a pipe whole or not at all");

bool logger_to_descriptor(void *context, struct bytes line)
{
  CHECK_THAT(line.size, <=, LOGGER_LINE_BYTES);
  struct pollfd ready = {.fd = *(const int *)context, .events = POLLOUT};
  /* A pipe that is ready for writing has a free page, which is room for any line. */
  if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return false;
  ssize_t written;
  do {
    written = write(ready.fd, line.data, line.size);
  } while (written < 0 && errno == EINTR);
  return written == (ssize_t)line.size;
}
