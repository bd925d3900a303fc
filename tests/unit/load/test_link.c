/* Connections: that they are kept, made again, used in turn; large replies; a probe. */
#include "unit/load/run_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SCENARIO(rate, seconds)                          \
  "{\"stages\":[{\"rate\":" rate ",\"seconds\":" seconds \
  "}],\"scenarios\":[{\"name\":\"a\",\"steps\":[{\"name\":\"get\",\"path\":\"/x\"}]}]}"

static bool answer_and_close(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  (void)request;
  return buffer_append(reply, BYTES("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2"
                                    "\r\n\r\nok"));
}

/* Each reply ends its connection, and a new one is made: no error. */
static void test_closed_connections_are_made_again(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {.answer = answer_and_close};
  run_fixture_begin(&fixture, SCENARIO("200", "0.5"), &stub);
  fixture.options.connections = 2;
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_int_equal(stats->requests, 100);
  assert_int_equal(stats->errors, 0);
  run_fixture_end(&fixture);
}

enum { LARGE_BYTES = 3000000 };

static bool answer_largely(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  (void)request;
  buffer_append_format(reply, "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n", LARGE_BYTES);
  if (!buffer_reserve(reply, LARGE_BYTES)) return false;
  memset(reply->data + reply->size, 'x', LARGE_BYTES);
  reply->size += LARGE_BYTES;
  return true;
}

/* More than one read's worth; the stub sends what the socket takes and hangs up after that. */
static void test_large_replies(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {.answer = answer_largely};
  run_fixture_begin(&fixture, SCENARIO("10", "0.3"), &stub);
  fixture.options.timeout_ns = 500000000;
  const struct load_stats *stats = run_fixture_go(&fixture);
  /* Whole where the socket's buffer took all of it, else a timeout: never a wrong reply. */
  assert_int_equal(stats->requests, 3);
  assert_int_equal(stats->statuses[200] + stats->failures[FAILURE_TIMEOUT], 3);
  run_fixture_end(&fixture);
}

static bool answer_with_seats(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  bool probe = bytes_starts_with(request, BYTES("GET /probe "));
  return stub_reply(reply, 200, probe ? "{\"remaining\":123,\"total\":500}" : "{}");
}

/* The probe asks each second, beside the figures. */
static void test_probe(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {.answer = answer_with_seats};
  run_fixture_begin(&fixture, SCENARIO("20", "2.5"), &stub);
  fixture.options.probe = "/probe";
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_int_equal(stats->requests, 50);
  assert_int_equal(stats->seats_left, 123);
  assert_int_equal(stats->seats_total, 500);
  assert_true(stub_requests(fixture.stub) > 50);
  run_fixture_end(&fixture);
}

static void test_more_connections_than_descriptors(void **state)
{
  (void)state;
  struct run_fixture fixture;
  struct error error;
  const struct stub_options stub = {0};
  run_fixture_begin(&fixture, SCENARIO("1", "1"), &stub);
  fixture.options.connections = LOAD_CONNECTIONS_MAX;
  assert_null(load_run(&fixture.options, &error));
  assert_true(error.code == ERROR_LIMIT || error.code == ERROR_IO);
  run_fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_closed_connections_are_made_again),
      cmocka_unit_test(test_large_replies),
      cmocka_unit_test(test_probe),
      cmocka_unit_test(test_more_connections_than_descriptors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
