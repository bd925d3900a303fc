#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/client_parts.h"
#include "unit/net/client_fixture.h"

/* A world whose only entropy is one number, repeated. */
struct fixed_world {
  struct world world;
  struct world_operations operations;
  uint32_t number;
};

static void give_number(struct world *world, void *to, size_t size)
{
  assert_int_equal(size, 4);
  memcpy(to, &((struct fixed_world *)world)->number, size);
}

static uint32_t backoff(uint32_t number, uint32_t base_ms, uint32_t max_ms, uint32_t attempts)
{
  struct fixed_world fixed = {.operations = {.entropy = give_number}, .number = number};
  fixed.world.operations = &fixed.operations;
  return client_retry_backoff_ms(&fixed.world, base_ms, max_ms, attempts);
}

static void test_backoff_is_between_nothing_and_the_doubled_base(void **state)
{
  (void)state;
  for (uint32_t attempts = 1; attempts < 200; attempts++) {
    uint32_t limit_ms = attempts < 7 ? 200u << (attempts - 1) : 10000;
    assert_int_equal(backoff(0, 200, 10000, attempts), 0);
    assert_int_equal(backoff(UINT32_MAX, 200, 10000, attempts), limit_ms);
    assert_in_range(backoff(UINT32_MAX / 2, 200, 10000, attempts), limit_ms / 2, limit_ms / 2 + 1);
  }
  assert_int_equal(backoff(UINT32_MAX, 500, 100, 1), 100);
  assert_int_equal(backoff(UINT32_MAX, UINT32_MAX, UINT32_MAX, 40), UINT32_MAX);
  assert_int_equal(backoff(UINT32_MAX, 0, 100, 3), 0);
}

static void test_retry_after_in_seconds(void **state)
{
  (void)state;
  static const struct {
    const char *value;
    uint32_t expected_ms;
  } cases[] = {
      {"", 0},
      {"0", 0},
      {"1", 1000},
      {"59", 59000},
      {"60", 60000},
      {"61", 60000},
      {"0000000000000000000000002", 2000},
      {"99999999999999999999999999", 60000},
      {"-1", 0},
      {"+1", 0},
      {"1.5", 0},
      {"1 ", 0},
      {"Fri, 31 Dec 1999 23:59:59 GMT", 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_int_equal(client_retry_after_ms(bytes_of_text(cases[i].value)), cases[i].expected_ms);
  assert_int_equal(client_retry_after_ms((struct bytes){0}), 0);
}

static void test_what_is_worth_another_attempt(void **state)
{
  (void)state;
  for (uint16_t status = 100; status < 600; status++) {
    bool worth = status == 429 || status == 502 || status == 503 || status == 504;
    assert_int_equal(client_retry_is_worth(CLIENT_OK, status, true), worth);
  }
  assert_true(client_retry_is_worth(CLIENT_CONNECT, 0, false));
  assert_true(client_retry_is_worth(CLIENT_TIMEOUT, 0, false));
  assert_false(client_retry_is_worth(CLIENT_TIMEOUT, 200, true));
  assert_false(client_retry_is_worth(CLIENT_TLS, 0, false));
  assert_false(client_retry_is_worth(CLIENT_TOO_LARGE, 503, true));
  assert_false(client_retry_is_worth(CLIENT_PROTOCOL, 0, true));
  assert_false(client_retry_is_worth(CLIENT_MEMORY, 0, false));
  assert_false(client_retry_is_worth(CLIENT_CANCELLED, 0, false));
}

/* --- with a server --- */

static void test_a_busy_server_is_asked_again_when_it_said(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  fixture->busy_left = 1;
  fixture->retry_after = "1";
  struct client_request request = {.attempts = 3, .backoff_ms = 1};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/busy"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_int_equal(result.status, 200);
  assert_string_equal(result.body, "at last");
  assert_int_equal(result.attempts, 2);
  assert_in_range(result.elapsed_ms, 1000, 1500);
}

static void test_attempts_run_out_and_the_last_reply_is_told(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  fixture->busy_left = 100;
  struct client_request request = {.attempts = 4, .backoff_ms = 1, .backoff_max_ms = 2};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/busy"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_int_equal(result.status, 503);
  assert_string_equal(result.body, "busy");
  assert_int_equal(result.attempts, 4);
  assert_int_equal(fixture->requests, 4);
  assert_int_equal(fixture->accepted, 1);
}

static void test_a_wait_beyond_the_total_time_is_not_begun(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  fixture->busy_left = 100;
  fixture->retry_after = "30";
  struct client_request request = {.attempts = 4, .total_ms = 5000};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/busy"), &request, &result);
  assert_int_equal(result.status, 503);
  assert_int_equal(result.attempts, 1);
  assert_true(result.elapsed_ms < 1000);
}

static void test_the_total_time_ends_attempts(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_request request = {
      .attempts = 100, .timeout_ms = 80, .backoff_ms = 1, .total_ms = 300};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/never"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_TIMEOUT);
  assert_in_range(result.attempts, 3, 5);
  assert_in_range(result.elapsed_ms, 230, 400);
}

static void assert_attempts(struct client_fixture *fixture, const char *path,
                            const struct client_request *request, enum client_outcome outcome,
                            uint32_t attempts)
{
  struct client_result result = {0};
  fixture->busy_left = 100;
  client_fixture_get(fixture, client_fixture_url(fixture, path), request, &result);
  assert_int_equal(result.outcome, outcome);
  assert_int_equal(result.attempts, attempts);
}

static void test_only_what_is_safe_is_tried_again(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_request get = {.attempts = 3, .backoff_ms = 1, .timeout_ms = 150};
  assert_attempts(fixture, "/close", &get, CLIENT_CONNECT, 3);
  assert_attempts(fixture, "/never", &get, CLIENT_TIMEOUT, 3);
  assert_attempts(fixture, "/busy", &get, CLIENT_OK, 3);
  /* A reply began, even if only with some bytes of its first line. */
  assert_attempts(fixture, "/partial", &get, CLIENT_TIMEOUT, 1);
  assert_attempts(fixture, "/stuck", &get, CLIENT_TIMEOUT, 1);
  assert_attempts(fixture, "/half", &get, CLIENT_PROTOCOL, 1);
  assert_attempts(fixture, "/status/500", &get, CLIENT_OK, 1);
  struct client_request post = get;
  post.method = BYTES("POST");
  assert_attempts(fixture, "/close", &post, CLIENT_CONNECT, 1);
  assert_attempts(fixture, "/never", &post, CLIENT_TIMEOUT, 1);
  assert_attempts(fixture, "/busy", &post, CLIENT_OK, 1);
  post.has_idempotency_key = true;
  assert_attempts(fixture, "/close", &post, CLIENT_CONNECT, 3);
  assert_attempts(fixture, "/never", &post, CLIENT_TIMEOUT, 3);
  assert_attempts(fixture, "/busy", &post, CLIENT_OK, 3);
  struct client_request put = get;
  put.method = BYTES("PUT");
  assert_attempts(fixture, "/busy", &put, CLIENT_OK, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_fixture_make, client_fixture_drop)

int main(void)
{
  struct error error = {0};
  if (!client_global_init(&error)) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_backoff_is_between_nothing_and_the_doubled_base),
      cmocka_unit_test(test_retry_after_in_seconds),
      cmocka_unit_test(test_what_is_worth_another_attempt),
      TEST(test_a_busy_server_is_asked_again_when_it_said),
      TEST(test_attempts_run_out_and_the_last_reply_is_told),
      TEST(test_a_wait_beyond_the_total_time_is_not_begun),
      TEST(test_the_total_time_ends_attempts),
      TEST(test_only_what_is_safe_is_tried_again),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  client_global_cleanup();
  return failed;
}
