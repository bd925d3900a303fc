#include "load/control.h"

#include "load/response.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 30, READ_BYTES = 65536, PORT_BYTES = 6 };

/* Splits "host:port" or "[v6]:port"; port 80 when there is none. */
static bool split(const char *authority, char host[TARGET_HOST_BYTES], char port[PORT_BYTES])
{
  size_t size = strcspn(authority, "/");
  if (authority[size] != 0 && authority[size + 1] != 0) return false;
  if (size == 0 || size >= TARGET_HOST_BYTES || memchr(authority, '@', size) != NULL) return false;
  memcpy(host, authority, size);
  host[size] = 0;
  char *colon = strrchr(host, ':');
  const char *bracket = strrchr(host, ']');
  if (colon != NULL && bracket != NULL && colon < bracket) colon = NULL;
  snprintf(port, PORT_BYTES, "80");
  if (colon == NULL) return true;
  if (strlen(colon + 1) == 0 || strlen(colon + 1) >= PORT_BYTES) return false;
  if (strspn(colon + 1, "0123456789") != strlen(colon + 1)) return false;
  snprintf(port, PORT_BYTES, "%s", colon + 1);
  *colon = 0;
  return host[0] != 0;
}

static bool look_up(const char *host, const char *port, struct target *target, struct error *error)
{
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  char name[TARGET_HOST_BYTES];
  size_t size = strlen(host);
  bool bracketed = size > 2 && host[0] == '[' && host[size - 1] == ']';
  snprintf(name, sizeof name, "%.*s", (int)(bracketed ? size - 2 : size),
           bracketed ? host + 1 : host);
  int problem = getaddrinfo(name, port, &hints, &found);
  if (problem != 0)
    return error_set(error, ERROR_NOT_FOUND, "cannot find '%s': %s", name, gai_strerror(problem));
  problem = getnameinfo(found->ai_addr, found->ai_addrlen, target->address.host,
                        sizeof target->address.host, NULL, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  target->address.port = (uint16_t)strtoul(port, NULL, 10);
  return problem == 0 ||
         error_set(error, ERROR_NOT_FOUND, "cannot find '%s': %s", name, gai_strerror(problem));
}

bool target_parse(const char *url, struct target *target, struct error *error)
{
  char host[TARGET_HOST_BYTES];
  char port[PORT_BYTES];
  *target = (struct target){0};
  if (strncmp(url, "https://", 8) == 0)
    return error_set(error, ERROR_UNSUPPORTED,
                     "'%s': the load generator speaks plain HTTP; measure behind what ends TLS",
                     url);
  if (strncmp(url, "http://", 7) != 0 || !split(url + 7, host, port))
    return error_set(error, ERROR_INVALID, "'%s' is no target: write it like http://127.0.0.1:8000",
                     url);
  snprintf(target->host, sizeof target->host, "%s", url + 7);
  target->host[strcspn(target->host, "/")] = 0;
  return look_up(host, port, target, error);
}

static int connect_to(const struct target *target)
{
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(target->address.port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(target->address.port)};
  const struct sockaddr *to = (const struct sockaddr *)&v4;
  socklen_t size = sizeof v4;
  if (inet_pton(AF_INET, target->address.host, &v4.sin_addr) != 1) {
    if (inet_pton(AF_INET6, target->address.host, &v6.sin6_addr) != 1) {
      errno = EINVAL;
      return -1;
    }
    to = (const struct sockaddr *)&v6;
    size = sizeof v6;
  }
  int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return -1;
  const struct timeval patience = {.tv_sec = TIMEOUT_S};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, to, size) == 0) return fd;
  int problem = errno;
  close(fd);
  errno = problem;
  return -1;
}

static bool send_all(int fd, struct bytes data)
{
  while (data.size > 0) {
    ssize_t sent = send(fd, data.data, data.size, MSG_NOSIGNAL);
    if (sent == -1 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data = bytes_of(data.data + sent, data.size - (size_t)sent);
  }
  return true;
}

/* Reads the whole reply; NULL, or what is wrong. */
static const char *read_reply(int fd, struct response *response, uint8_t *input)
{
  for (;;) {
    ssize_t size = recv(fd, input, READ_BYTES, 0);
    if (size == -1 && errno == EINTR) continue;
    if (size == -1) return strerrordesc_np(errno);
    if (size == 0) return response_end(response) ? NULL : "the connection ended before the reply";
    size_t used;
    const char *why = NULL;
    enum http_parse parse = response_read(response, bytes_of(input, (size_t)size), &used, &why);
    if (parse == HTTP_PARSE_REFUSED) return why;
    if (parse == HTTP_PARSE_DONE) return NULL;
  }
}

static bool render(struct buffer *request, const struct target *target, const char *path,
                   const char *accept, struct bytes token)
{
  return buffer_append_format(request, "GET %s HTTP/1.1\r\nhost: %s\r\naccept: %s\r\n", path,
                              target->host, accept) &&
         (token.size == 0 ||
          buffer_append_format(request, "authorization: Bearer %.*s\r\n", BYTES_FORMAT(token))) &&
         buffer_append(request, BYTES("connection: close\r\n\r\n"));
}

bool control_get(const struct target *target, const char *path, const char *accept,
                 struct bytes token, struct arena *arena, struct control_reply *reply,
                 struct error *error)
{
  struct buffer request;
  struct response response;
  buffer_init(&request, arena->memory);
  response_init(&response, arena->memory);
  response_begin(&response, true, false);
  uint8_t *input = arena_alloc(arena, READ_BYTES);
  int fd = -1;
  const char *why = "there is no memory for it";
  if (input != NULL && render(&request, target, path, accept, token)) {
    fd = connect_to(target);
    bool sent = fd != -1 && send_all(fd, buffer_bytes(&request));
    why = sent ? read_reply(fd, &response, input) : strerrordesc_np(errno);
  }
  if (fd != -1) close(fd);
  if (why == NULL) {
    reply->status = response.status;
    reply->body = arena_copy(arena, response.body);
    if (reply->body.data == NULL) why = "there is no memory for it";
  }
  buffer_free(&request);
  response_free(&response);
  return why == NULL || error_set(error, ERROR_IO, "GET http://%s%s: %s", target->host, path, why);
}
