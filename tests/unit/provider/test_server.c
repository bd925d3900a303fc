#include "provider/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer(void *context, struct bytes path, struct bytes message, struct arena *arena,
                   struct grpc_reply *reply)
{
  (void)context;
  (void)path;
  (void)arena;
  reply->message = message;
}

static bool is_stream(void *context, struct bytes path)
{
  (void)context;
  (void)path;
  return false;
}

static void test_a_path_that_is_too_long(void **state)
{
  (void)state;
  char path[200];
  struct error error;
  memset(path, 'x', sizeof(path) - 1);
  path[sizeof(path) - 1] = '\0';
  assert_int_equal(server_listen(path, &error), -1);
  assert_int_equal(error.code, ERROR_LIMIT);
  assert_int_equal(server_listen("/none/socket", &error), -1);
  assert_int_equal(error.code, ERROR_IO);
}

static int connect_to(const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  return fd;
}

/* The server runs in a child and ends when its last connection does; its memory is all freed. */
static void test_serves_until_idle(void **state)
{
  (void)state;
  char directory[] = "/tmp/tacos-server-XXXXXX";
  char path[64];
  struct error error;
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof(path), "%s/s", directory);
  int listener = server_listen(path, &error);
  assert_true(listener >= 0);
  pid_t child = fork();
  if (child == 0) {
    volatile sig_atomic_t stop = 0;
    struct memory memory = {0};
    struct grpc_handler handler = {NULL, answer, is_stream};
    struct server server = {.listener = listener,
                            .handler = &handler,
                            .memory = &memory,
                            .stop = &stop,
                            .until_idle = true};
    server_run(&server);
    _exit(memory.in_use == 0 ? 0 : 1);
  }
  int good = connect_to(path);
  int bad = connect_to(path);
  static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
  uint8_t settings[9] = {0};
  assert_int_equal(write(good, PREFACE, sizeof(PREFACE)), sizeof(PREFACE));
  assert_int_equal(write(bad, "nonsense that is no preface", 27), 27);
  assert_int_equal(recv(good, settings, sizeof(settings), MSG_WAITALL), sizeof(settings));
  assert_int_equal(settings[3], 4); /* SETTINGS */
  close(bad);
  close(good);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  close(listener);
  unlink(path);
  rmdir(directory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_path_that_is_too_long),
      cmocka_unit_test(test_serves_until_idle),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
