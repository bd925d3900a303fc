#include "unit/load/stub_server.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 1024, QUEUE = 1 << 16, EVENTS = 64 };

static const int64_t NS_PER_S = 1000000000;
static const int64_t POLL_NS = 80000;

struct peer {
  uint32_t generation;
  size_t size;
  uint8_t input[STUB_REQUEST_BYTES];
};

struct waiting {
  int socket;
  uint32_t generation;
  int64_t due_ns;
  struct bytes request; /* a copy */
};

struct stub {
  struct stub_options options;
  struct memory memory;
  pthread_t thread;
  int poller, listener, stop;
  uint16_t port;
  int64_t first_ns;
  uint64_t requests; /* atomic */
  struct peer *peers[PEERS_MAX];
  struct waiting queue[QUEUE]; /* a ring: the delay is the same for all */
  uint64_t head, tail;
};

static int64_t now(void)
{
  struct timespec time;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
  return time.tv_sec * NS_PER_S + time.tv_nsec;
}

bool stub_reply(struct buffer *reply, int status, const char *body)
{
  return buffer_append_format(reply,
                              "HTTP/1.1 %d X\r\ncontent-type: application/json\r\n"
                              "content-length: %zu\r\n\r\n%s",
                              status, strlen(body), body);
}

static void watch(struct stub *stub, int descriptor)
{
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  CHECK(epoll_ctl(stub->poller, EPOLL_CTL_ADD, descriptor, &event) == 0);
}

static void hang_up(struct stub *stub, int descriptor)
{
  free(stub->peers[descriptor]);
  stub->peers[descriptor] = NULL;
  close(descriptor);
}

static void accept_peers(struct stub *stub)
{
  static _Atomic uint32_t generation;
  for (;;) {
    int on = 1;
    int descriptor = accept4(stub->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor == -1) return;
    CHECK(descriptor < PEERS_MAX);
    CHECK(setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    stub->peers[descriptor] = calloc(1, sizeof *stub->peers[descriptor]);
    CHECK(stub->peers[descriptor] != NULL);
    stub->peers[descriptor]->generation = ++generation;
    watch(stub, descriptor);
  }
}

/* The size of the request that the input begins with, or 0. */
static size_t request_size(const struct peer *peer)
{
  const char *begin = (const char *)peer->input;
  const char *end = memmem(begin, peer->size, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  size_t size = (size_t)(end - begin) + 4;
  const char *length = memmem(begin, size, "content-length: ", 16);
  if (length != NULL) size += strtoul(length + 16, NULL, 10);
  return size <= peer->size ? size : 0;
}

static void take_requests(struct stub *stub, int descriptor, int64_t now_ns)
{
  struct peer *peer = stub->peers[descriptor];
  ssize_t got = recv(descriptor, peer->input + peer->size, sizeof peer->input - peer->size, 0);
  if (got == 0 || (got == -1 && errno != EAGAIN)) {
    hang_up(stub, descriptor);
    return;
  }
  if (got > 0) peer->size += (size_t)got;
  size_t size;
  while ((size = request_size(peer)) > 0) {
    if (stub->first_ns == 0) stub->first_ns = now_ns;
    CHECK_THAT(stub->tail - stub->head, <, QUEUE);
    uint8_t *copy = malloc(size);
    CHECK(copy != NULL);
    memcpy(copy, peer->input, size);
    stub->queue[stub->tail++ % QUEUE] = (struct waiting){
        descriptor, peer->generation, now_ns + stub->options.delay_ns, bytes_of(copy, size)};
    memmove(peer->input, peer->input + size, peer->size - size);
    peer->size -= size;
    __atomic_fetch_add(&stub->requests, 1, __ATOMIC_RELAXED);
  }
}

static void send_reply(struct stub *stub, const struct waiting *waiting)
{
  const struct peer *peer = stub->peers[waiting->socket];
  struct buffer reply;
  if (peer == NULL || peer->generation != waiting->generation) return;
  buffer_init(&reply, &stub->memory);
  bool good = stub->options.answer == NULL
                  ? stub_reply(&reply, 200, "{\"ok\":true}")
                  : stub->options.answer(stub->options.context, waiting->request, &reply);
  if (!good)
    hang_up(stub, waiting->socket);
  else
    (void)send(waiting->socket, reply.data, reply.size, MSG_NOSIGNAL);
  buffer_free(&reply);
}

/* When the next reply is due; during a stall, its end. */
static int64_t next_due(const struct stub *stub, int64_t now_ns)
{
  int64_t due_ns = now_ns + NS_PER_S / 10;
  if (stub->head < stub->tail && stub->queue[stub->head % QUEUE].due_ns < due_ns)
    due_ns = stub->queue[stub->head % QUEUE].due_ns;
  int64_t stall_ns = stub->first_ns + stub->options.stall_at_ns;
  int64_t end_ns = stall_ns + stub->options.stall_ns;
  bool stalls = stub->options.stall_at_ns > 0 && stub->first_ns > 0 && due_ns >= stall_ns &&
                now_ns < end_ns;
  return stalls && due_ns < end_ns ? end_ns : due_ns;
}

static void *serve(void *context)
{
  struct stub *stub = context;
  (void)prctl(PR_SET_TIMERSLACK, 1000UL);
  for (;;) {
    struct epoll_event events[EVENTS];
    int64_t rest_ns = next_due(stub, now()) - now() - POLL_NS;
    struct timespec span = {0};
    if (rest_ns > 0)
      span = (struct timespec){.tv_sec = rest_ns / NS_PER_S, .tv_nsec = rest_ns % NS_PER_S};
    int count = epoll_pwait2(stub->poller, events, EVENTS, &span, NULL);
    int64_t now_ns = now();
    for (int i = 0; i < count; i++) {
      int descriptor = events[i].data.fd;
      if (descriptor == stub->stop) return NULL;
      if (descriptor == stub->listener)
        accept_peers(stub);
      else
        take_requests(stub, descriptor, now_ns);
    }
    while (stub->head < stub->tail && next_due(stub, now()) <= now()) {
      struct waiting *waiting = &stub->queue[stub->head++ % QUEUE];
      send_reply(stub, waiting);
      free((void *)(uintptr_t)waiting->request.data);
    }
  }
}

struct stub *stub_start(const struct stub_options *options)
{
  struct stub *stub = calloc(1, sizeof *stub);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  CHECK(stub != NULL);
  stub->options = *options;
  stub->poller = epoll_create1(EPOLL_CLOEXEC);
  stub->stop = eventfd(0, EFD_CLOEXEC);
  stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK(bind(stub->listener, (struct sockaddr *)&address, size) == 0);
  CHECK(listen(stub->listener, 512) == 0);
  CHECK(getsockname(stub->listener, (struct sockaddr *)&address, &size) == 0);
  stub->port = ntohs(address.sin_port);
  watch(stub, stub->listener);
  watch(stub, stub->stop);
  CHECK(pthread_create(&stub->thread, NULL, serve, stub) == 0);
  return stub;
}

uint16_t stub_port(const struct stub *stub)
{
  return stub->port;
}

uint64_t stub_requests(const struct stub *stub)
{
  return __atomic_load_n(&stub->requests, __ATOMIC_RELAXED);
}

void stub_stop(struct stub *stub)
{
  uint64_t one = 1;
  CHECK(write(stub->stop, &one, sizeof one) == sizeof one);
  CHECK(pthread_join(stub->thread, NULL) == 0);
  while (stub->head < stub->tail)
    free((void *)(uintptr_t)stub->queue[stub->head++ % QUEUE].request.data);
  for (int i = 0; i < PEERS_MAX; i++)
    if (stub->peers[i] != NULL) hang_up(stub, i);
  close(stub->listener);
  close(stub->stop);
  close(stub->poller);
  CHECK_THAT(stub->memory.in_use, ==, 0);
  free(stub);
}
