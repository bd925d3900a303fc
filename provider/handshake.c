#include "provider/handshake.h"

#include "provider/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Public: it says "I was started by Terraform", it protects nothing. */
static const char COOKIE[] = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

enum { PROTOCOL = 6 };

bool handshake_is_cookie(const char *cookie)
{
  return cookie != NULL && strcmp(cookie, COOKIE) == 0;
}

bool handshake_has_protocol(const char *versions)
{
  struct bytes rest = versions == NULL ? bytes_of(NULL, 0) : bytes_of_text(versions);
  while (rest.size > 0) {
    int64_t version;
    if (text_to_integer(text_next_part(&rest, ','), &version) && version == PROTOCOL) return true;
  }
  return false;
}

/* A directory of our own: the name in it cannot have been made by somebody else before. */
bool handshake_socket_path(const char *directory, char path[HANDSHAKE_PATH_BYTES],
                           struct error *error)
{
  if (directory == NULL || directory[0] == '\0') directory = secure_getenv("TMPDIR");
  if (directory == NULL || directory[0] == '\0') directory = "/tmp";
  int size = snprintf(path, HANDSHAKE_PATH_BYTES, "%s/tacos-provider-XXXXXX", directory);
  if (size < 0 || size + (int)sizeof("/socket") > HANDSHAKE_PATH_BYTES)
    return error_set(error, ERROR_LIMIT, "%s: too long for the path of a socket", directory);
  if (mkdtemp(path) == NULL) return error_set_errno(error, errno, "cannot make %s", path);
  strcat(path, "/socket"); /* NOLINT: the size was checked above */
  return true;
}

struct bytes handshake_line(struct arena *arena, const char *path, struct bytes certificate)
{
  return text_format(arena, "1|%d|unix|%s|grpc|%.*s\n", PROTOCOL, path, BYTES_FORMAT(certificate));
}

struct bytes handshake_reattach(struct arena *arena, const char *path, int process)
{
  return text_format(arena,
                     "{\"registry.terraform.io/hashicorp/aws\":{\"Protocol\":\"grpc\","
                     "\"ProtocolVersion\":%d,\"Pid\":%d,\"Test\":true,"
                     "\"Addr\":{\"Network\":\"unix\",\"String\":\"%s\"}}}",
                     PROTOCOL, process, path);
}
