#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void test_set(void **unused)
{
  (void)unused;
  struct error error = {.os_errno = 5};
  assert_false(error_set(&error, ERROR_NOT_FOUND, "no table %s in %d", "seats", 7));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_int_equal(error.os_errno, 0);
  assert_string_equal(error.message, "no table seats in 7");
}

static void test_wraps_its_own_message(void **unused)
{
  (void)unused;
  struct error error;
  error_set(&error, ERROR_CORRUPT, "bad checksum");
  error_set(&error, error.code, "segment 3: %s", error.message);
  assert_string_equal(error.message, "segment 3: bad checksum");
  assert_int_equal(error.code, ERROR_CORRUPT);
}

/* A message one byte too long for every phase of a 3-byte character: never cut inside one. */
static void test_cuts_at_a_character(void **unused)
{
  (void)unused;
  for (size_t lead = 0; lead < 3; lead++) {
    char text[2 * ERROR_MESSAGE_BYTES] = "xxx";
    size_t size = lead;
    while (size < ERROR_MESSAGE_BYTES + 30) {
      memcpy(text + size, "\xE2\x82\xAC", 3);
      size += 3;
    }
    text[size] = 0;
    struct error error;
    assert_false(error_set(&error, ERROR_INVALID, "%s", text));
    size_t room = ERROR_MESSAGE_BYTES - 1;
    assert_int_equal(strlen(error.message), room - (room - lead) % 3);
    assert_memory_equal(error.message, text, strlen(error.message));
  }
  /* One that fits exactly is whole. */
  char text[ERROR_MESSAGE_BYTES];
  memset(text, 'y', sizeof(text));
  text[ERROR_MESSAGE_BYTES - 1] = 0;
  struct error error;
  error_set(&error, ERROR_INVALID, "%s", text);
  assert_string_equal(error.message, text);
}

static void test_set_errno(void **unused)
{
  (void)unused;
  struct error error;
  assert_false(error_set_errno(&error, EIO, "reading %s", "log.1"));
  assert_int_equal(error.code, ERROR_IO);
  assert_int_equal(error.os_errno, EIO);
  assert_string_equal(error.message, "reading log.1: Input/output error");

  assert_false(error_set_errno(&error, ENOSPC, "writing"));
  assert_int_equal(error.code, ERROR_NO_SPACE);
  assert_int_equal(error.os_errno, ENOSPC);
  assert_string_equal(error.message, "writing: No space left on device");

  error_set_errno(&error, 4711, "odd");
  assert_int_equal(error.code, ERROR_IO);
  assert_string_equal(error.message, "odd: errno 4711");
}

static void test_reason_is_never_cut(void **unused)
{
  (void)unused;
  char path[1000];
  memset(path, 'p', sizeof(path));
  path[sizeof(path) - 1] = 0;
  struct error error;
  error_set_errno(&error, EACCES, "%s", path);
  assert_int_equal(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
  const char *reason = ": Permission denied";
  assert_string_equal(error.message + strlen(error.message) - strlen(reason), reason);
}

static void test_names(void **unused)
{
  (void)unused;
  static const char *const NAMES[] = {
      "ERROR_NONE",    "ERROR_INVALID",   "ERROR_NOT_FOUND", "ERROR_EXISTS",
      "ERROR_LIMIT",   "ERROR_NO_MEMORY", "ERROR_NO_SPACE",  "ERROR_IO",
      "ERROR_CORRUPT", "ERROR_LOCKED",    "ERROR_KEY",       "ERROR_UNSUPPORTED",
  };
  /* The order is part of the contract. */
  assert_int_equal(ERROR_UNSUPPORTED + 1, sizeof(NAMES) / sizeof(NAMES[0]));
  for (int code = 0; code <= ERROR_UNSUPPORTED; code++)
    assert_string_equal(error_code_name((enum error_code)code), NAMES[code]);
  assert_string_equal(error_code_name((enum error_code)(ERROR_UNSUPPORTED + 1)), "ERROR_UNKNOWN");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_set),
      cmocka_unit_test(test_wraps_its_own_message),
      cmocka_unit_test(test_cuts_at_a_character),
      cmocka_unit_test(test_set_errno),
      cmocka_unit_test(test_reason_is_never_cut),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
