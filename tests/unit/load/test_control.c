#include "load/control.h"

#include "unit/load/stub_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_targets(void **state)
{
  (void)state;
  struct target target;
  struct error error;
  assert_true(target_parse("http://127.0.0.1:8000", &target, &error));
  assert_string_equal(target.address.host, "127.0.0.1");
  assert_int_equal(target.address.port, 8000);
  assert_string_equal(target.host, "127.0.0.1:8000");
  assert_true(target_parse("http://127.0.0.1/", &target, &error));
  assert_int_equal(target.address.port, 80);
  assert_true(target_parse("http://[::1]:81", &target, &error));
  assert_string_equal(target.address.host, "::1");
  assert_string_equal(target.host, "[::1]:81");
  static const char *const wrong[] = {
      "",           "127.0.0.1:8000",           "ftp://x",    "http://",        "http://:80",
      "http://a:b", "http://127.0.0.1:80/path", "http://u@h", "http://a:999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(target_parse(wrong[i], &target, &error));
  assert_false(target_parse("https://127.0.0.1", &target, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
}

static bool answer(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  if (bytes_find(request, BYTES("GET /broken ")) == 0)
    return buffer_append(reply, BYTES("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"));
  if (bytes_find(request, BYTES("GET /gone ")) == 0) return false;
  bool token = bytes_find(request, BYTES("\r\nauthorization: Bearer t\r\n")) != SIZE_MAX;
  return stub_reply(reply, token ? 200 : 401, token ? "{\"a\":1}" : "{}");
}

static void test_get(void **state)
{
  (void)state;
  const struct stub_options options = {.answer = answer};
  struct stub *stub = stub_start(&options);
  struct target target = {.address = {"127.0.0.1", stub_port(stub)}, .host = "x:1"};
  struct memory memory = {0};
  struct arena arena;
  struct control_reply reply;
  struct error error;
  arena_init(&arena, &memory);
  assert_true(control_get(&target, "/", "*/*", BYTES("t"), &arena, &reply, &error));
  assert_int_equal(reply.status, 200);
  assert_true(bytes_equal(reply.body, BYTES("{\"a\":1}")));
  assert_true(control_get(&target, "/", "*/*", BYTES(""), &arena, &reply, &error));
  assert_int_equal(reply.status, 401);
  assert_false(control_get(&target, "/broken", "*/*", BYTES(""), &arena, &reply, &error));
  assert_string_equal(error.message, "GET http://x:1/broken: a length that is no number");
  assert_false(control_get(&target, "/gone", "*/*", BYTES(""), &arena, &reply, &error));
  target.address.port = 1;
  assert_false(control_get(&target, "/", "*/*", BYTES(""), &arena, &reply, &error));
  assert_string_equal(error.message, "GET http://x:1/: Connection refused");
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  stub_stop(stub);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_targets),
      cmocka_unit_test(test_get),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
