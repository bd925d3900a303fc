/*
 * How a function tells its caller that something could not be done.
 *
 * A function that can fail takes a `struct error *` as its last argument and returns false (or
 * NULL). The message is for a person: it says what is wrong, where, and what to do. The caller owns
 * the struct, usually on its stack; nothing in it needs freeing. `error` may not be NULL.
 *
 * Refusals that are part of the product (a condition that does not hold, a seat that is taken) are
 * not errors but values of a room's own enum.
 */
#ifndef TACOS_BASE_ERROR_H
#define TACOS_BASE_ERROR_H

#include <stdbool.h>

enum error_code {
  ERROR_NONE = 0,
  ERROR_INVALID,     /* the caller's input is wrong; the same call will fail again */
  ERROR_NOT_FOUND,   /* what was named does not exist */
  ERROR_EXISTS,      /* what was to be made is already there */
  ERROR_LIMIT,       /* a named limit would be exceeded */
  ERROR_NO_MEMORY,   /* retry later */
  ERROR_NO_SPACE,    /* the disk is full; retry later */
  ERROR_IO,          /* the operating system refused; os_errno says how */
  ERROR_CORRUPT,     /* stored bytes are not what was written; message names file and offset */
  ERROR_LOCKED,      /* another process owns it */
  ERROR_KEY,         /* encrypted, and the key is missing or wrong */
  ERROR_UNSUPPORTED, /* a format or feature this build does not know */
};

enum { ERROR_MESSAGE_BYTES = 480 };

struct error {
  enum error_code code;
  int os_errno; /* 0 unless the operating system said no */
  char message[ERROR_MESSAGE_BYTES];
};

/*
 * Fills *error; a message too long for it is cut at a character boundary. Returns false, so that
 * `return error_set(...)` is the whole failure path. An argument may be the old message of *error.
 */
bool error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * error_set for a failed world or system call: os_errno is positive; the code is ERROR_NO_SPACE for
 * ENOSPC, otherwise ERROR_IO. Appends ": <strerror>", which is never cut.
 */
bool error_set_errno(struct error *error, int os_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The short upper-case name of a code, for logs: "ERROR_CORRUPT". */
const char *error_code_name(enum error_code code);

#endif
