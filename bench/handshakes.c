#include "handshakes.h"

#include "base/check.h"
#include "report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  EVENTS_PER_WAIT = 256,
  READ_BYTES = 4096,
  WAIT_MS = 100,
};

static const char REQUEST[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

struct caller {
  SSL *ssl;
  int stream;
  bool asked;
  bool answered;
};

struct callers {
  SSL_CTX *context;
  int poller;
  uint16_t port;
  uint64_t count;
};

static SSL_CTX *make_context(void)
{
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  CHECK(context != NULL);
  CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return context;
}

static void dial(struct callers *callers, struct caller *caller)
{
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons(callers->port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  *caller = (struct caller){
      .ssl = SSL_new(callers->context),
      .stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
  };
  CHECK(caller->ssl != NULL && caller->stream >= 0);
  CHECK(setsockopt(caller->stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
  CHECK(connect(caller->stream, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
  CHECK(SSL_set_fd(caller->ssl, caller->stream) == 1);
  SSL_set_connect_state(caller->ssl);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = caller};
  CHECK(epoll_ctl(callers->poller, EPOLL_CTL_ADD, caller->stream, &event) == 0);
}

static void hang_up(struct caller *caller)
{
  (void)SSL_shutdown(caller->ssl);
  SSL_free(caller->ssl);
  ERR_clear_error(); /* of one that is hung up in the middle */
  close(caller->stream);
  *caller = (struct caller){.stream = -1};
}

/* Whether the step has to wait for the socket; another failure is a CHECK. */
static bool has_to_wait(const struct caller *caller, int result)
{
  int why = SSL_get_error(caller->ssl, result);
  if (why == SSL_ERROR_ZERO_RETURN) return false;
  CHECK(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE);
  return true;
}

/* Goes as far as it gets; true when the server has said all. */
static bool talk(struct caller *caller)
{
  char text[READ_BYTES];
  if (!caller->asked) {
    int sent = SSL_write(caller->ssl, REQUEST, sizeof REQUEST - 1);
    if (sent <= 0) {
      CHECK(has_to_wait(caller, sent));
      return false;
    }
    CHECK(SSL_session_reused(caller->ssl) == 0);
    caller->asked = true;
  }
  for (;;) {
    int got = SSL_read(caller->ssl, text, sizeof text);
    if (got <= 0) return !has_to_wait(caller, got);
    if (!caller->answered) CHECK(got > 12 && memcmp(text, "HTTP/1.1 200", 12) == 0);
    caller->answered = true;
  }
}

static void on_ready(struct callers *callers, struct caller *caller)
{
  if (!talk(caller)) return;
  CHECK(caller->answered);
  callers->count++;
  hang_up(caller);
  dial(callers, caller);
}

double handshakes_run(uint16_t port, int clients, int seconds, uint64_t *count)
{
  struct callers callers = {
      .context = make_context(), .poller = epoll_create1(EPOLL_CLOEXEC), .port = port};
  struct caller *all = calloc((size_t)clients, sizeof *all);
  CHECK(all != NULL && callers.poller >= 0);
  int64_t begin_ns = report_now_ns();
  int64_t end_ns = begin_ns + (int64_t)seconds * 1000000000;
  int64_t now_ns;
  for (int i = 0; i < clients; i++) dial(&callers, &all[i]);
  while ((now_ns = report_now_ns()) < end_ns) {
    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(callers.poller, events, EVENTS_PER_WAIT, WAIT_MS);
    CHECK(ready >= 0 || errno == EINTR);
    for (int i = 0; i < ready; i++) on_ready(&callers, events[i].data.ptr);
  }
  for (int i = 0; i < clients; i++) hang_up(&all[i]);
  free(all);
  close(callers.poller);
  SSL_CTX_free(callers.context);
  CHECK_THAT(callers.count, >, 0);
  *count = callers.count;
  return (double)callers.count * 1e9 / (double)(now_ns - begin_ns);
}
