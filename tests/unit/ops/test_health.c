#include "ops/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_ready(const struct health *health, int status, const char *expected)
{
  struct memory memory = {0};
  struct buffer buffer;
  buffer_init(&buffer, &memory);
  assert_int_equal(health_write_ready(health, &buffer), status);
  struct bytes text = buffer_bytes(&buffer);
  if (!bytes_equal(text, bytes_of_text(expected))) fail_msg("%.*s", BYTES_FORMAT(text));
  assert_int_equal(health_is_ready(health), status == 200);
  buffer_free(&buffer);
  assert_int_equal(memory.in_use, 0);
}

static void test_starts_not_ready(void **state)
{
  (void)state;
  struct health health;
  health_init(&health);
  assert_ready(&health, 503,
               "{\"status\":\"not_ready\",\"reasons\":[\"starting: the data is being read\"]}");
  health_set(&health, HEALTH_STARTING, false);
  assert_ready(&health, 200, "{\"status\":\"ready\"}");
}

static void test_all_reasons_are_told(void **state)
{
  (void)state;
  struct health health;
  health_init(&health);
  health_set(&health, HEALTH_STARTING, false);
  health_set(&health, HEALTH_DISK_FULL, true);
  health_set(&health, HEALTH_DISK_FULL, true);
  health_set(&health, HEALTH_DRAINING, true);
  assert_ready(&health, 503,
               "{\"status\":\"not_ready\",\"reasons\":[\"draining: the server is about to stop\","
               "\"disk_full: the disk is full: make room\"]}");
  health_set(&health, HEALTH_DRAINING, false);
  health_set(&health, HEALTH_DISK_FULL, false);
  health_set(&health, HEALTH_LOG_FAILED, false);
  assert_ready(&health, 200, "{\"status\":\"ready\"}");
}

static void test_each_reason_is_a_row(void **state)
{
  (void)state;
  for (enum health_reason reason = 0; reason < HEALTH_REASON_COUNT; reason++) {
    struct memory memory = {0};
    struct buffer buffer;
    struct health health;
    char start[64];
    buffer_init(&buffer, &memory);
    health_init(&health);
    health_set(&health, HEALTH_STARTING, false);
    health_set(&health, reason, true);
    assert_int_equal(health_write_ready(&health, &buffer), 503);
    snprintf(start, sizeof(start), "[\"%s: ", health_reason_name(reason));
    assert_true(bytes_find(buffer_bytes(&buffer), bytes_of_text(start)) != SIZE_MAX);
    for (enum health_reason other = 0; other < reason; other++)
      assert_string_not_equal(health_reason_name(other), health_reason_name(reason));
    buffer_free(&buffer);
  }
}

static void test_alive_has_one_body(void **state)
{
  (void)state;
  assert_true(bytes_equal(health_alive_body(), BYTES("{\"status\":\"ok\"}")));
}

static void test_no_memory_is_told_by_the_buffer(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  struct buffer buffer;
  struct health health;
  buffer_init(&buffer, &memory);
  health_init(&health);
  assert_int_equal(health_write_ready(&health, &buffer), 503);
  assert_true(buffer.failed);
  buffer_free(&buffer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_starts_not_ready),
      cmocka_unit_test(test_all_reasons_are_told),
      cmocka_unit_test(test_each_reason_is_a_row),
      cmocka_unit_test(test_alive_has_one_body),
      cmocka_unit_test(test_no_memory_is_told_by_the_buffer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
