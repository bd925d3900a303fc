#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *function, const char *condition)
{
  fprintf(stderr, "CHECK failed: %s, in %s at %s:%d\n", condition, function, file, line);
  abort();
}

_Noreturn void check_compare_failed(const char *file, int line, const char *function,
                                    const char *condition, int64_t left, int64_t right)
{
  fprintf(stderr, "CHECK failed: %s (%" PRId64 ", %" PRId64 "), in %s at %s:%d\n", condition, left,
          right, function, file, line);
  abort();
}
