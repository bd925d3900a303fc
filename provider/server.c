#include "provider/server.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  CONNECTIONS_MAX = 16, /* Terraform has one; a debugger or a second one beside it */
  READ_BYTES = 64 << 10,
  BACKLOG = 8,
};

struct connection {
  int fd; /* -1: free */
  SSL *ssl;
  struct grpc_session *session;
  struct bytes pending; /* of grpc_session_output, not sent yet */
  bool wants_write;     /* the socket is full */
};

struct loop {
  struct server *server;
  struct connection connections[CONNECTIONS_MAX];
  size_t count;
  uint8_t input[READ_BYTES];
};

int server_listen(const char *path, struct error *error)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof(address.sun_path)) {
    error_set(error, ERROR_LIMIT, "socket path of %zu bytes is too long: %s", strlen(path), path);
    return -1;
  }
  memcpy(address.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0077);
  bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              listen(fd, BACKLOG) == 0;
  int reason = errno;
  umask(mask);
  if (good) return fd;
  if (fd >= 0) close(fd);
  error_set_errno(error, reason, "cannot listen on %s", path);
  return -1;
}

/* --- one connection --- */

static void close_connection(struct connection *connection)
{
  grpc_session_free(connection->session);
  SSL_free(connection->ssl);
  close(connection->fd);
}

/* Bytes read; 0 when there are none now, -1 at the end. */
static ssize_t read_some(struct connection *connection, uint8_t *to, size_t size)
{
  if (connection->ssl == NULL) {
    ssize_t got = read(connection->fd, to, size);
    if (got > 0) return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
  }
  ERR_clear_error();
  int got = SSL_read(connection->ssl, to, (int)size);
  if (got > 0) return got;
  int reason = SSL_get_error(connection->ssl, got);
  if (reason == SSL_ERROR_WANT_WRITE) connection->wants_write = true;
  return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t write_some(struct connection *connection, struct bytes bytes)
{
  if (connection->ssl == NULL) {
    ssize_t sent = send(connection->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
  }
  ERR_clear_error();
  int sent = SSL_write(connection->ssl, bytes.data, (int)bytes.size);
  if (sent > 0) return sent;
  int reason = SSL_get_error(connection->ssl, sent);
  return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Sends until nothing is left or the socket is full. False when the peer is gone. */
static bool flush(struct connection *connection)
{
  connection->wants_write = false;
  for (;;) {
    if (connection->pending.size == 0)
      connection->pending = grpc_session_output(connection->session);
    if (connection->pending.size == 0) return true;
    ssize_t sent = write_some(connection, connection->pending);
    if (sent < 0) return false;
    if (sent == 0) {
      connection->wants_write = true;
      return true;
    }
    connection->pending = bytes_of(connection->pending.data + sent,
                                   connection->pending.size - (size_t)sent);
  }
}

/* False when the connection is over. */
static bool serve(struct loop *loop, struct connection *connection)
{
  for (;;) {
    ssize_t got = read_some(connection, loop->input, sizeof(loop->input));
    if (got < 0) return false;
    if (got == 0) break;
    if (!grpc_session_feed(connection->session, bytes_of(loop->input, (size_t)got))) {
      (void)flush(connection); /* GOAWAY says why */
      return false;
    }
  }
  return flush(connection) && !grpc_session_is_done(connection->session);
}

/* --- all of them --- */

static void accept_one(struct loop *loop)
{
  struct server *server = loop->server;
  int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  struct connection connection = {.fd = fd};
  bool good = true;
  if (server->tls != NULL) {
    connection.ssl = SSL_new(server->tls);
    good = connection.ssl != NULL && SSL_set_fd(connection.ssl, fd) == 1;
    if (good) SSL_set_accept_state(connection.ssl);
  }
  if (good) connection.session = grpc_session_new(server->handler, server->memory);
  if (connection.session == NULL) {
    close_connection(&connection);
    return;
  }
  loop->connections[loop->count++] = connection;
}

static void drop(struct loop *loop, size_t index)
{
  close_connection(&loop->connections[index]);
  loop->connections[index] = loop->connections[--loop->count];
}

static void wait_for_events(struct loop *loop, struct pollfd *events)
{
  bool has_room = loop->count < CONNECTIONS_MAX;
  events[0] = (struct pollfd){.fd = has_room ? loop->server->listener : -1, .events = POLLIN};
  for (size_t i = 0; i < loop->count; i++) {
    bool wants_write = loop->connections[i].wants_write;
    events[i + 1] = (struct pollfd){.fd = loop->connections[i].fd,
                                    .events = (short)(POLLIN | (wants_write ? POLLOUT : 0))};
  }
  if (poll(events, loop->count + 1, -1) < 0) {
    for (size_t i = 0; i <= loop->count; i++) events[i].revents = 0;
  }
}

void server_run(struct server *server)
{
  struct loop *loop = memory_alloc_zeroed(server->memory, sizeof(*loop));
  CHECK(loop != NULL);
  loop->server = server;
  bool had_one = false;
  struct pollfd events[CONNECTIONS_MAX + 1];
  while (!*server->stop && !(server->until_idle && had_one && loop->count == 0)) {
    wait_for_events(loop, events);
    /* From the end, because drop() moves the last one to the free place. */
    for (size_t i = loop->count; i-- > 0;) {
      if (events[i + 1].revents != 0 && !serve(loop, &loop->connections[i])) drop(loop, i);
    }
    if (events[0].revents != 0) accept_one(loop);
    had_one = had_one || loop->count > 0;
  }
  while (loop->count > 0) drop(loop, loop->count - 1);
  memory_free(server->memory, loop, sizeof(*loop));
}
