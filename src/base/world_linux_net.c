#include "base/check.h"
#include "base/world_linux.h"
#include "base/world_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  EVENTS_PER_WAIT = 256, /* on the stack of one wait: 3 KiB */
};

/* The user data of the eventfd; refused from callers. */
static const uint64_t WAKER_KEY = UINT64_MAX;

/* Either family's socket address, as the system calls want it. */
union socket_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

_Static_assert(WORLD_HOST_BYTES == INET6_ADDRSTRLEN, "a host is any numeric address");

/* The size of *to, or 0 when the host is no numeric address. */
static socklen_t socket_address_of(const struct world_address *from, union socket_address *to)
{
  memset(to, 0, sizeof(*to));
  if (inet_pton(AF_INET, from->host, &to->v4.sin_addr) == 1) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(from->port);
    return sizeof(to->v4);
  }
  if (inet_pton(AF_INET6, from->host, &to->v6.sin6_addr) == 1) {
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(from->port);
    return sizeof(to->v6);
  }
  return 0;
}

/* A client of a dual-stack listener is told by its IPv4 text, so that it has one name only. */
static void world_address_of(const union socket_address *from, struct world_address *to)
{
  const void *host = &from->v4.sin_addr;
  sa_family_t family = from->any.sa_family;
  to->port = ntohs(from->v4.sin_port);
  if (family == AF_INET6) {
    host = &from->v6.sin6_addr;
    to->port = ntohs(from->v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&from->v6.sin6_addr)) {
      host = &from->v6.sin6_addr.s6_addr[12];
      family = AF_INET;
    }
  }
  CHECK(inet_ntop(family, host, to->host, sizeof(to->host)) != NULL);
}

static int result_of(int outcome)
{
  return outcome == -1 ? -errno : 0;
}

/* Closes the handle of a call that failed; its errno survives as the result. */
static int close_failed(int handle)
{
  int result = -errno;
  close(handle);
  return result;
}

static int make_socket(sa_family_t family)
{
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Replies are written whole, so waiting to fill a packet (Nagle) only delays them. */
static int set_option(int handle, int level, int option)
{
  int on = 1;
  return setsockopt(handle, level, option, &on, sizeof(on));
}

static int listen_at(const struct world_address *address, int backlog, bool shared)
{
  union socket_address where;
  socklen_t size = socket_address_of(address, &where);
  if (size == 0) return -EINVAL;
  int handle = make_socket(where.any.sa_family);
  if (handle == -1) return -errno;
  if ((shared && set_option(handle, SOL_SOCKET, SO_REUSEPORT) == -1) ||
      set_option(handle, SOL_SOCKET, SO_REUSEADDR) == -1 || bind(handle, &where.any, size) == -1 ||
      listen(handle, backlog) == -1)
    return close_failed(handle);
  return handle;
}

static int linux_listen(struct world *world, const struct world_address *address, int backlog)
{
  (void)world;
  return listen_at(address, backlog, false);
}

static int linux_listen_shared(struct world *world, const struct world_address *address,
                               int backlog)
{
  (void)world;
  return listen_at(address, backlog, true);
}

static int linux_accept(struct world *world, int listener, struct world_address *peer)
{
  (void)world;
  union socket_address who = {0};
  int stream;
  /* A connection that died in the queue (accept(2), "Error handling") concerns nobody. */
  do {
    socklen_t size = sizeof(who);
    stream = accept4(listener, &who.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (stream == -1 && (errno == EINTR || errno == ECONNABORTED));
  if (stream == -1) return -errno;
  if (set_option(stream, IPPROTO_TCP, TCP_NODELAY) == -1) return close_failed(stream);
  if (peer != NULL) world_address_of(&who, peer);
  return stream;
}

static int linux_connect(struct world *world, const struct world_address *address)
{
  (void)world;
  union socket_address where;
  socklen_t size = socket_address_of(address, &where);
  if (size == 0) return -EINVAL;
  int stream = make_socket(where.any.sa_family);
  if (stream == -1) return -errno;
  if (set_option(stream, IPPROTO_TCP, TCP_NODELAY) == -1) return close_failed(stream);
  /* An interrupted connect(2) goes on in the background like any other that does not block. */
  if (connect(stream, &where.any, size) == -1 && errno != EINPROGRESS && errno != EINTR)
    return close_failed(stream);
  return stream;
}

static int linux_local(struct world *world, int handle, struct world_address *address)
{
  (void)world;
  union socket_address where = {0};
  socklen_t size = sizeof(where);
  if (getsockname(handle, &where.any, &size) == -1) return -errno;
  world_address_of(&where, address);
  return 0;
}

static int64_t linux_read(struct world *world, int stream, void *to, size_t size)
{
  (void)world;
  CHECK_THAT(size, >, 0);
  for (;;) {
    ssize_t got = recv(stream, to, size, 0);
    if (got >= 0) return got;
    if (errno != EINTR) return -errno;
  }
}

static int64_t linux_write(struct world *world, int stream, const void *from, size_t size)
{
  (void)world;
  CHECK_THAT(size, >, 0);
  for (;;) {
    ssize_t sent = send(stream, from, size, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

static int linux_shutdown(struct world *world, int stream)
{
  (void)world;
  return result_of(shutdown(stream, SHUT_WR));
}

static int linux_close(struct world *world, int handle)
{
  (void)world;
  /* The last descriptor of a socket takes its place in epoll along; EINTR has closed it too. */
  return close(handle) == -1 && errno != EINTR ? -errno : 0;
}

static int poller_of(struct world *world)
{
  return ((struct world_linux *)world)->poller;
}

static int linux_watch(struct world *world, int handle, uint32_t interest, uint64_t user_data)
{
  CHECK_THAT(user_data, !=, WAKER_KEY);
  struct epoll_event event = {.events = EPOLLET, .data.u64 = user_data};
  if ((interest & WORLD_READ) != 0) event.events |= EPOLLIN | EPOLLRDHUP;
  if ((interest & WORLD_WRITE) != 0) event.events |= EPOLLOUT;
  int result = result_of(epoll_ctl(poller_of(world), EPOLL_CTL_ADD, handle, &event));
  if (result != -EEXIST) return result;
  return result_of(epoll_ctl(poller_of(world), EPOLL_CTL_MOD, handle, &event));
}

static int linux_unwatch(struct world *world, int handle)
{
  return result_of(epoll_ctl(poller_of(world), EPOLL_CTL_DEL, handle, NULL));
}

/* An error is told as both, because the next call of either kind will meet it. */
static uint32_t ready_of(uint32_t events)
{
  uint32_t ready = 0;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) ready |= WORLD_READ;
  if ((events & EPOLLRDHUP) != 0) ready |= WORLD_END;
  if ((events & EPOLLOUT) != 0) ready |= WORLD_WRITE;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) ready |= WORLD_READ | WORLD_WRITE | WORLD_END;
  return ready;
}

static int linux_wait(struct world *world, struct world_event *events, int capacity, int timeout_ms)
{
  struct world_linux *self = (struct world_linux *)world;
  CHECK_THAT(capacity, >, 0);
  struct epoll_event found[EVENTS_PER_WAIT];
  int limit = capacity < EVENTS_PER_WAIT ? capacity : EVENTS_PER_WAIT;
  int count = epoll_wait(self->poller, found, limit, timeout_ms);
  if (count == -1) return errno == EINTR ? 0 : -errno;
  int filled = 0;
  for (int i = 0; i < count; i++) {
    if (found[i].data.u64 == WAKER_KEY) {
      uint64_t wakes;
      /* Resets the counter; only this thread reads, so it cannot be empty. */
      CHECK(read(self->waker, &wakes, sizeof(wakes)) == sizeof(wakes));
      continue;
    }
    events[filled++] = (struct world_event){found[i].data.u64, ready_of(found[i].events)};
  }
  return filled;
}

static void linux_wake(struct world *world)
{
  /* Can fail only with EAGAIN at 2^64 - 2 unread wakes: then the wait is awake already. */
  uint64_t one = 1;
  ssize_t ignored = write(((struct world_linux *)world)->waker, &one, sizeof(one));
  (void)ignored;
}

static const struct world_net_operations linux_net_operations = {
    .short_read_drains = true,
    .listen = linux_listen,
    .listen_shared = linux_listen_shared,
    .accept = linux_accept,
    .connect = linux_connect,
    .local = linux_local,
    .read = linux_read,
    .write = linux_write,
    .shutdown = linux_shutdown,
    .close = linux_close,
    .watch = linux_watch,
    .unwatch = linux_unwatch,
    .wait = linux_wait,
    .wake = linux_wake,
};

int world_linux_open_net(struct world_linux *self)
{
  CHECK(self->world.net == NULL);
  self->poller = epoll_create1(EPOLL_CLOEXEC);
  self->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKER_KEY};
  if (self->poller == -1 || self->waker == -1 ||
      epoll_ctl(self->poller, EPOLL_CTL_ADD, self->waker, &event) == -1) {
    int result = -errno;
    world_linux_close(self);
    return result;
  }
  self->world.net = &linux_net_operations;
  return 0;
}

void world_linux_close(struct world_linux *self)
{
  if (self->poller != -1) close(self->poller);
  if (self->waker != -1) close(self->waker);
  self->poller = -1;
  self->waker = -1;
  self->world.net = NULL;
}
