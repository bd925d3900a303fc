#include "cmd/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  FIRST_SOCKET = 3, /* SD_LISTEN_FDS_START */
  SOCKETS_MAX = 16,
};

/* A number of the environment, or -1. */
static long number_of(const char *variable)
{
  const char *text = secure_getenv(variable);
  if (text == NULL || text[0] == 0) return -1;
  char *end;
  errno = 0;
  long number = strtol(text, &end, 10);
  return errno != 0 || *end != 0 ? -1 : number;
}

/* The name at a place of "http:operations"; false when there are fewer. */
static bool name_is(const char *names, long place, const char *name)
{
  for (long i = 0; i < place; i++) {
    names = strchr(names, ':');
    if (names == NULL) return false;
    names++;
  }
  size_t size = strcspn(names, ":");
  return strlen(name) == size && strncmp(names, name, size) == 0;
}

static bool is_listening_stream(int socket)
{
  int listening = 0;
  int type = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) return false;
  size = sizeof type;
  return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && listening != 0 &&
         type == SOCK_STREAM;
}

int systemd_socket(const char *name)
{
  long count = number_of("LISTEN_FDS");
  if (count <= 0 || count > SOCKETS_MAX || number_of("LISTEN_PID") != getpid()) return -1;
  const char *names = secure_getenv("LISTEN_FDNAMES");
  if (names == NULL) names = "http:operations";
  for (long i = 0; i < count; i++) {
    int socket = (int)(FIRST_SOCKET + i);
    if (!name_is(names, i, name) || !is_listening_stream(socket)) continue;
    int flags = fcntl(socket, F_GETFL);
    if (flags == -1 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) == -1 ||
        fcntl(socket, F_SETFD, FD_CLOEXEC) == -1)
      return -1;
    return socket;
  }
  return -1;
}

bool systemd_notify(const char *state, struct error *error)
{
  const char *path = secure_getenv("NOTIFY_SOCKET");
  if (path == NULL || path[0] == 0) return true;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t size = strlen(path);
  if ((path[0] != '/' && path[0] != '@') || size >= sizeof address.sun_path)
    return error_set(error, ERROR_INVALID, "NOTIFY_SOCKET is no path of a socket");
  memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = 0; /* the abstract name space, unix(7) */
  int socket_handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_handle == -1) return error_set_errno(error, errno, "cannot make a socket to notify");
  socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
  ssize_t sent = sendto(socket_handle, state, strlen(state), MSG_NOSIGNAL,
                        (struct sockaddr *)&address, address_size);
  int problem = errno;
  close(socket_handle);
  return sent >= 0 || error_set_errno(error, problem, "cannot notify %s", path);
}
