#include "base/check.h"
#include "load/run_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  CONNECTING_MAX = 256,     /* at one time: below the backlog of a listener */
  LINKS_PER_SOURCE = 20000, /* an address has 28,000 ports for one target */
  SPARE_DESCRIPTORS = 64,   /* for everything that is no link */
};

static const int64_t CONNECT_TIMEOUT_NS = INT64_C(3000000000);
static const int64_t CONNECT_PAUSE_NS = 100000000; /* after a refusal */
static const int64_t ROUND_PAUSE_NS = 1000000;     /* after a round in which none was closed */

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t address_of(const struct world_address *from, union address *to)
{
  memset(to, 0, sizeof *to);
  if (inet_pton(AF_INET, from->host, &to->v4.sin_addr) == 1) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(from->port);
    return sizeof to->v4;
  }
  if (inet_pton(AF_INET6, from->host, &to->v6.sin6_addr) == 1) {
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(from->port);
    return sizeof to->v6;
  }
  return 0;
}

/* Beyond what one source address has ports for, loopback has others: 127.0.0.2, ... */
static bool bind_source(int socket, const union address *target, uint32_t index)
{
  uint32_t source = index / LINKS_PER_SOURCE;
  bool is_loopback = target->any.sa_family == AF_INET &&
                     (ntohl(target->v4.sin_addr.s_addr) >> 24) == 127;
  if (source == 0 || !is_loopback) return true;
  int on = 1;
  struct sockaddr_in from = {.sin_family = AF_INET,
                             .sin_addr = {htonl(UINT32_C(0x7F000001) + source)}};
  return setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
         bind(socket, (const struct sockaddr *)&from, sizeof from) == 0;
}

/* Begins a connection; false with errno. */
static bool begin_connection(struct run *run, struct link *link)
{
  union address target;
  socklen_t size = address_of(&run->load.options->target, &target);
  CHECK_THAT(size, >, 0);
  int on = 1;
  int fd = socket(target.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd == -1) return false;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.u64 = (uint64_t)(link - run->links)};
  bool begun = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
               bind_source(fd, &target, (uint32_t)(link - run->links)) &&
               (connect(fd, &target.any, size) == 0 || errno == EINPROGRESS) &&
               epoll_ctl(run->poller, EPOLL_CTL_ADD, fd, &event) == 0;
  if (!begun) {
    int problem = errno;
    close(fd);
    errno = problem;
    return false;
  }
  link->socket = fd;
  return true;
}

static void set_idle(struct run *run, struct link *link)
{
  uint32_t place = run->idle_first + run->idle_count;
  uint32_t count = run->load.options->connections;
  CHECK_THAT(run->idle_count, <, count);
  run->idle[place >= count ? place - count : place] = (uint32_t)(link - run->links);
  run->idle_count++;
  link->state = LINK_IDLE;
}

static struct link *take_idle(struct run *run)
{
  while (run->idle_count > 0) {
    struct link *link = &run->links[run->idle[run->idle_first]];
    run->idle_first = run->idle_first + 1 == run->load.options->connections ? 0
                                                                            : run->idle_first + 1;
    run->idle_count--;
    /* Those that the peer closed meanwhile are still in the ring. */
    if (link->state == LINK_IDLE) return link;
    CHECK_THAT(link->state, ==, LINK_LEAVING);
    link->state = LINK_CLOSED;
  }
  return NULL;
}

static void close_link(struct run *run, struct link *link)
{
  CHECK(link->socket != -1);
  close(link->socket);
  link->socket = -1;
  /* Only after a connection that could not be made there is a pause. */
  link->since_ns = link->state == LINK_CONNECTING ? run->now_ns : INT64_MIN / 2;
  if (link->state == LINK_CONNECTING)
    run->connecting--;
  else
    run->load.connected--;
  buffer_clear(&link->unsent);
  /* An idle one keeps its place in the ring until it comes up: it may not be there twice. */
  link->state = link->state == LINK_IDLE ? LINK_LEAVING : LINK_CLOSED;
}

/* As many as are needed; more than the hard limit only with the privilege. */
static bool raise_descriptors(uint32_t needed, struct error *error)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return true;
  rlim_t most = limit.rlim_max;
  limit.rlim_cur = needed;
  if (needed > most) limit.rlim_max = needed;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return true;
  return error_set(error, ERROR_LIMIT,
                   "so many connections need %u descriptors, and this process may have %llu: raise "
                   "the limit with ulimit -n %u",
                   needed, (unsigned long long)most, needed);
}

bool links_init(struct run *run, struct error *error)
{
  const struct load_options *options = run->load.options;
  uint32_t count = options->connections;
  if (!raise_descriptors(count + SPARE_DESCRIPTORS, error)) return false;
  run->links = memory_alloc_zeroed(options->memory, count * sizeof run->links[0]);
  run->idle = memory_alloc(options->memory, count * sizeof run->idle[0]);
  if (run->links == NULL || run->idle == NULL)
    return error_set(error, ERROR_NO_MEMORY, "no memory for %u connections", count);
  for (uint32_t i = 0; i < count; i++) {
    struct link *link = &run->links[i];
    link->socket = -1;
    link->since_ns = INT64_MIN / 2;
    response_init(&link->response, options->memory);
    buffer_init(&link->unsent, options->memory);
  }
  return true;
}

void links_free(struct run *run)
{
  const struct load_options *options = run->load.options;
  for (uint32_t i = 0; run->links != NULL && i < options->connections; i++) {
    struct link *link = &run->links[i];
    if (link->socket != -1) close(link->socket);
    response_free(&link->response);
    buffer_free(&link->unsent);
  }
  memory_free(options->memory, run->links,
              run->links == NULL ? 0 : options->connections * sizeof run->links[0]);
  memory_free(options->memory, run->idle,
              run->idle == NULL ? 0 : options->connections * sizeof run->idle[0]);
}

static void connect_failed(struct run *run, int problem)
{
  run->connect_errors++;
  run->connect_errno = problem;
}

void links_connect(struct run *run)
{
  uint32_t count = run->load.options->connections;
  if (run->now_ns < run->connect_pause_ns) return;
  bool begun = false;
  /* One round at most. */
  for (uint32_t i = 0; i < count && run->connecting < CONNECTING_MAX; i++) {
    if (run->load.connected + run->connecting >= count) return;
    struct link *link = &run->links[run->connect_next];
    run->connect_next = run->connect_next + 1 == count ? 0 : run->connect_next + 1;
    if (link->state != LINK_CLOSED || run->now_ns - link->since_ns < CONNECT_PAUSE_NS) continue;
    link->since_ns = run->now_ns;
    if (!begin_connection(run, link)) {
      connect_failed(run, errno);
      return;
    }
    link->state = LINK_CONNECTING;
    link->ending = false;
    run->connecting++;
    begun = true;
  }
  /* Those that are closed rest, or are in the ring of idle ones: no need to look each turn. */
  if (!begun) run->connect_pause_ns = run->now_ns + ROUND_PAUSE_NS;
}

/* Ends a link's request, if there is one, and the link. */
static void fail_link(struct run *run, struct link *link, enum load_failure failure)
{
  struct request request = link->request;
  bool busy = link->state == LINK_BUSY;
  close_link(run, link);
  if (busy) journey_failed(run, &request, failure);
}

static bool write_some(struct run *run, struct link *link, struct bytes data)
{
  ssize_t sent = send(link->socket, data.data, data.size, MSG_NOSIGNAL);
  if (sent == -1 && errno != EAGAIN && errno != EINTR) {
    fail_link(run, link, FAILURE_RESET);
    return false;
  }
  size_t taken = sent > 0 ? (size_t)sent : 0;
  struct bytes rest = bytes_of(data.data + taken, data.size - taken);
  if (rest.size == 0 || buffer_append(&link->unsent, rest)) return true;
  fail_link(run, link, FAILURE_ROOM);
  return false;
}

/* Sends what run->head holds. */
static void start(struct run *run, struct link *link, const struct request *request)
{
  const struct load_step *step = request->step;
  CHECK_THAT(link->state, ==, LINK_IDLE);
  link->request = *request;
  link->state = LINK_BUSY;
  response_begin(&link->response, step == NULL || step->wants_body,
                 step != NULL && step->method == HTTP_HEAD);
  link->request.sent_ns = run_clock_ns();
  if (run->file->has_people) link->request.due_ns = link->request.sent_ns;
  (void)write_some(run, link, buffer_bytes(&run->head));
}

bool links_send(struct run *run, struct journey *journey)
{
  struct link *link = take_idle(run);
  if (link == NULL) return false;
  const struct load_step *step = &run->file->steps[journey->scenario->first_step + journey->step];
  struct request request = {.journey = journey, .step = step, .due_ns = journey->due_ns};
  if (!journey_render(run, journey)) {
    set_idle(run, link);
    journey_failed(run, &request, FAILURE_ROOM);
    return true;
  }
  /* The second click goes out right behind the first, on another connection. */
  struct link *second = NULL;
  if (step->twice > 0 && run_happens(run, step->twice)) second = take_idle(run);
  if (second != NULL) {
    const struct request again = {.journey = NULL, .step = step, .due_ns = journey->due_ns};
    run->load.stats.twice++;
    start(run, second, &again);
  }
  start(run, link, &request);
  return true;
}

void links_probe(struct run *run)
{
  struct link *link = take_idle(run);
  if (link == NULL) return;
  const struct request request = {.due_ns = run->now_ns};
  start(run, link, &request);
}

/* The seats that are left, from the reply to the probe. */
static void take_probe(struct run *run, const struct response *response)
{
  struct load_value value;
  struct load_stats *stats = &run->load.stats;
  arena_reset(&run->arena);
  if (response->status != 200) return;
  int64_t *const targets[] = {&stats->seats_left, &stats->seats_total};
  const struct bytes names[] = {BYTES("remaining"), BYTES("total")};
  for (int i = 0; i < 2; i++) {
    if (!field_find(response->body, names[i], &run->arena, &value) || value.text.size > 15)
      continue;
    int64_t number = 0;
    for (size_t k = 0; k < value.text.size && value.text.data[k] >= '0'; k++)
      number = number * 10 + (value.text.data[k] - '0');
    *targets[i] = number;
  }
}

/* Who waits for a connection, as long as there are idle ones. */
static void serve_waiting(struct run *run)
{
  while (!list_is_empty(&run->waiting) && run->idle_count > 0) {
    struct journey *journey = list_pop(&run->waiting);
    if (links_send(run, journey)) continue;
    list_push_front(&run->waiting, journey);
    return;
  }
}

static void finish_reply(struct run *run, struct link *link)
{
  struct request request = link->request;
  if (request.step == NULL)
    take_probe(run, &link->response);
  else
    journey_reply(run, &request, &link->response);
  if (link->response.keep_alive && !link->ending)
    set_idle(run, link);
  else
    close_link(run, link);
  serve_waiting(run);
}

/* Takes bytes of a reply; false: the link is closed or has no reply under way any more. */
static bool take_bytes(struct run *run, struct link *link, struct bytes input)
{
  size_t used = 0;
  const char *why = NULL;
  if (link->state != LINK_BUSY) {
    close_link(run, link);
    return false;
  }
  enum http_parse parse = response_read(&link->response, input, &used, &why);
  if (parse == HTTP_PARSE_MORE) return true;
  if (parse == HTTP_PARSE_REFUSED || used < input.size || link->unsent.size > 0) {
    fail_link(run, link, FAILURE_PROTOCOL);
    return false;
  }
  finish_reply(run, link);
  return false;
}

/* The peer has closed, or the connection broke. */
static void end_stream(struct run *run, struct link *link)
{
  if (link->state == LINK_BUSY && response_end(&link->response)) {
    finish_reply(run, link);
    return;
  }
  fail_link(run, link, FAILURE_RESET);
}

static void read_link(struct run *run, struct link *link)
{
  for (;;) {
    ssize_t size = recv(link->socket, run->input, RUN_INPUT_BYTES, 0);
    if (size == -1 && errno == EINTR) continue;
    if (size == -1 && errno == EAGAIN) return;
    if (size <= 0) {
      end_stream(run, link);
      return;
    }
    if (!take_bytes(run, link, bytes_of(run->input, (size_t)size))) return;
    /* A short read has found all there was (epoll(7), Q9), unless the end is behind it. */
    if (size < RUN_INPUT_BYTES && !link->ending) return;
  }
}

static void connected(struct run *run, struct link *link)
{
  int problem = 0;
  socklen_t size = sizeof problem;
  if (getsockopt(link->socket, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) problem = errno;
  if (problem != 0) {
    connect_failed(run, problem);
    close_link(run, link);
    return;
  }
  run->connecting--;
  run->connect_errno = 0;
  run->load.connected++;
  if (run->load.connected > run->load.open_peak) run->load.open_peak = run->load.connected;
  set_idle(run, link);
  serve_waiting(run);
}

void link_ready(struct run *run, struct link *link, uint32_t events)
{
  if (link->socket == -1) return;
  if (link->state == LINK_CONNECTING) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) connected(run, link);
    return;
  }
  if ((events & EPOLLOUT) != 0 && link->unsent.size > 0) {
    struct bytes all = buffer_bytes(&link->unsent);
    ssize_t sent = send(link->socket, all.data, all.size, MSG_NOSIGNAL);
    if (sent > 0) {
      memmove(link->unsent.data, all.data + sent, all.size - (size_t)sent);
      link->unsent.size -= (size_t)sent;
    } else if (sent == -1 && errno != EAGAIN && errno != EINTR) {
      fail_link(run, link, FAILURE_RESET);
      return;
    }
  }
  if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) link->ending = true;
  if ((events & EPOLLIN) != 0 || link->ending) read_link(run, link);
}

void links_expire(struct run *run)
{
  int64_t oldest_ns = run->now_ns - run->load.options->timeout_ns;
  for (uint32_t i = 0; i < run->load.options->connections; i++) {
    struct link *link = &run->links[i];
    if (link->state == LINK_BUSY && link->request.due_ns < oldest_ns) {
      fail_link(run, link, FAILURE_TIMEOUT);
    } else if (link->state == LINK_CONNECTING &&
               run->now_ns - link->since_ns > CONNECT_TIMEOUT_NS) {
      connect_failed(run, ETIMEDOUT);
      close_link(run, link);
    }
  }
  while (!list_is_empty(&run->waiting) && run->waiting.first->due_ns < oldest_ns) {
    struct journey *journey = list_pop(&run->waiting);
    const struct request request = {
        .journey = journey,
        .step = &run->file->steps[journey->scenario->first_step + journey->step],
        .due_ns = journey->due_ns};
    journey_failed(run, &request, run->connect_errno != 0 ? FAILURE_CONNECT : FAILURE_TIMEOUT);
  }
}
