#include "provider/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

static void test_cookie_and_protocol(void **state)
{
  (void)state;
  assert_true(
      handshake_is_cookie("d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"));
  assert_false(handshake_is_cookie("d602"));
  assert_false(handshake_is_cookie(NULL));
  assert_true(handshake_has_protocol("5,6"));
  assert_true(handshake_has_protocol("6"));
  assert_false(handshake_has_protocol("5"));
  assert_false(handshake_has_protocol("66,x"));
  assert_false(handshake_has_protocol(NULL));
}

static void test_lines(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_true(
      bytes_equal(handshake_line(&arena, "/s", BYTES("CERT")), BYTES("1|6|unix|/s|grpc|CERT\n")));
  assert_true(bytes_equal(handshake_reattach(&arena, "/s", 7),
                          BYTES("{\"registry.terraform.io/hashicorp/aws\":{\"Protocol\":\"grpc\","
                                "\"ProtocolVersion\":6,\"Pid\":7,\"Test\":true,"
                                "\"Addr\":{\"Network\":\"unix\",\"String\":\"/s\"}}}")));
  arena_free(&arena);
}

static void test_socket_path(void **state)
{
  (void)state;
  char path[HANDSHAKE_PATH_BYTES];
  char directory[HANDSHAKE_PATH_BYTES];
  struct error error;
  assert_true(handshake_socket_path("/tmp", path, &error));
  assert_int_equal(strncmp(path, "/tmp/tacos-provider-", 20), 0);
  *strrchr(path, '/') = '\0';
  assert_int_equal(rmdir(path), 0);
  memset(directory, 'x', sizeof(directory) - 1);
  directory[sizeof(directory) - 1] = '\0';
  assert_false(handshake_socket_path(directory, path, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  assert_false(handshake_socket_path("/none", path, &error));
  assert_int_equal(error.code, ERROR_IO);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cookie_and_protocol),
      cmocka_unit_test(test_lines),
      cmocka_unit_test(test_socket_path),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
