#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/client_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  PATIENCE_MS = 10000,
  SLOW_STEP_MS = 3,
  READ_BYTES = 16384,
  /* Keys of the loop: a kind above, an index or descriptor below. */
  KEY_LISTENER = 1,
  KEY_PEER = 2,
  KEY_CLIENT = 3,
};

static uint64_t key_of(uint32_t kind, int number)
{
  return (uint64_t)kind << 32 | (uint32_t)number;
}

static int64_t now_of(struct client_fixture *fixture)
{
  return world_monotonic_ns(fixture->world) / 1000000;
}

/* --- the loop, as the client sees it --- */

static int loop_watch(void *context, int fd, uint32_t interest)
{
  struct client_fixture *fixture = context;
  fixture->watches++;
  if (fixture->watches_fail > 0) {
    fixture->watches_fail--;
    return -ENOMEM;
  }
  return fixture->world->net->watch(fixture->world, fd, interest, key_of(KEY_CLIENT, fd));
}

static void loop_unwatch(void *context, int fd)
{
  struct client_fixture *fixture = context;
  fixture->world->net->unwatch(fixture->world, fd);
}

static void loop_set_timer(void *context, int64_t at_ms)
{
  struct client_fixture *fixture = context;
  fixture->timer_ms = at_ms;
}

/* --- the server's script --- */

static void say(struct client_fixture_peer *peer, const char *text)
{
  assert_true(buffer_append(&peer->out, bytes_of_text(text)));
}

static void say_reply(struct client_fixture_peer *peer, int status, const char *fields,
                      struct bytes body)
{
  assert_true(buffer_append_format(&peer->out,
                                   "HTTP/1.1 %d Whatever\r\nX-Test:  yes \r\n%s"
                                   "Content-Length: %zu\r\n\r\n",
                                   status, fields, body.size));
  assert_true(buffer_append(&peer->out, body));
}

static void say_busy(struct client_fixture *fixture, struct client_fixture_peer *peer)
{
  if (fixture->busy_left == 0) {
    say_reply(peer, 200, "", BYTES("at last"));
    return;
  }
  fixture->busy_left--;
  char fields[64] = "";
  if (fixture->retry_after != NULL)
    snprintf(fields, sizeof(fields), "Retry-After: %s\r\n", fixture->retry_after);
  say_reply(peer, 503, fields, BYTES("busy"));
}

static void say_large(struct client_fixture_peer *peer, size_t size)
{
  say_reply(peer, 200, "", BYTES(""));
  peer->out.size -= strlen("0\r\n\r\n");
  assert_true(buffer_append_format(&peer->out, "%zu\r\n\r\n", size));
  assert_true(buffer_reserve(&peer->out, size));
  memset(peer->out.data + peer->out.size, 'x', size);
  peer->out.size += size;
}

static void say_many_headers(struct client_fixture_peer *peer)
{
  say(peer, "HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < CLIENT_REPLY_HEADERS_MAX + 1; i++) say(peer, "A: b\r\n");
  say(peer, "Content-Length: 0\r\n\r\n");
}

/* Paths whose reply is the same text each time. */
static const struct {
  const char *path;
  enum client_fixture_then then;
  const char *reply;
} fixed[] = {
    {"/ok", THEN_NEXT, "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello"},
    {"/chunk", THEN_NEXT,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Test\r\n\r\n"
     "5;note=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Test: trailer\r\n\r\n"},
    {"/redirect", THEN_NEXT,
     "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 5\r\n\r\nmoved"},
    {"/hints", THEN_NEXT,
     "HTTP/1.1 103 Early Hints\r\nX-Test: early\r\nLink: a\r\n\r\n"
     "HTTP/1.1 200 OK\r\nX-Test: late\r\nContent-Length: 2\r\n\r\nok"},
    {"/folded", THEN_NEXT, "HTTP/1.1 200 OK\r\nX-Test: a\r\n  b\r\nContent-Length: 0\r\n\r\n"},
    {"/control", THEN_NEXT, "HTTP/1.1 200 OK\r\nX-Test: a\rb\r\nContent-Length: 0\r\n\r\n"},
    {"/close", THEN_CLOSE, ""},
    {"/half", THEN_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"},
    {"/garbage", THEN_CLOSE, "\x16\x03 this is not HTTP\r\n\r\n"},
    {"/never", THEN_STALL, ""},
    {"/partial", THEN_STALL, "HTTP/1.1 2"},
    {"/stuck", THEN_STALL, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstuck"},
    {"/endless", THEN_ENDLESS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"/endless-head", THEN_ENDLESS_HEAD, "HTTP/1.1 200 OK\r\n"},
};

static void answer(struct client_fixture *fixture, struct client_fixture_peer *peer,
                   const char *path, struct bytes whole)
{
  fixture->requests++;
  peer->then = THEN_NEXT;
  for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
    if (strcmp(path, fixed[i].path) != 0) continue;
    say(peer, fixed[i].reply);
    peer->then = fixed[i].then;
    return;
  }
  if (strcmp(path, "/slow") == 0) {
    say_reply(peer, 200, "", BYTES("slowly"));
    peer->slow_ms = now_of(fixture);
  } else if (strcmp(path, "/busy") == 0) {
    say_busy(fixture, peer);
  } else if (strcmp(path, "/many-headers") == 0) {
    say_many_headers(peer);
  } else if (strncmp(path, "/status/", 8) == 0) {
    say_reply(peer, (int)strtol(path + 8, NULL, 10), "", BYTES(""));
  } else if (strncmp(path, "/large/", 7) == 0) {
    say_large(peer, strtoul(path + 7, NULL, 10));
  } else {
    say_reply(peer, 200, "", whole); /* /echo */
  }
}

/* The size of the request at the start of `in` once it is whole, or 0. */
static size_t request_size(struct bytes in)
{
  size_t head = bytes_find(in, BYTES("\r\n\r\n"));
  if (head == SIZE_MAX) return 0;
  size_t length = bytes_find(in, BYTES("Content-Length: "));
  size_t body = length < head ? strtoul((const char *)in.data + length + 16, NULL, 10) : 0;
  return head + 4 + body <= in.size ? head + 4 + body : 0;
}

static void answer_requests(struct client_fixture *fixture, struct client_fixture_peer *peer)
{
  size_t size = request_size(buffer_bytes(&peer->in));
  if (size == 0) return;
  struct bytes whole = bytes_of(peer->in.data, size);
  snprintf(fixture->request, sizeof(fixture->request), "%.*s", BYTES_FORMAT(whole));
  char method[16] = "", path[256] = "";
  assert_int_equal(sscanf(fixture->request, "%15s %255[^? ]", method, path), 2);
  size_t before = peer->out.size;
  answer(fixture, peer, path, whole);
  if (strcmp(method, "HEAD") == 0) {
    size_t head = bytes_find(buffer_bytes(&peer->out), BYTES("\r\n\r\n"));
    assert_true(head != SIZE_MAX && before == 0);
    peer->out.size = head + 4;
  }
  peer->in.size -= size;
  memmove(peer->in.data, peer->in.data + size, peer->in.size);
}

/* --- the server's connections --- */

static void close_peer(struct client_fixture *fixture, struct client_fixture_peer *peer)
{
  client_fixture_http2_free(peer->http2);
  SSL_free(peer->ssl);
  fixture->world->net->close(fixture->world, peer->fd);
  buffer_free(&peer->in);
  buffer_free(&peer->out);
  *peer = (struct client_fixture_peer){.fd = -1};
  fixture->open--;
}

static void accept_all(struct client_fixture *fixture, int which)
{
  int fd;
  while ((fd = fixture->world->net->accept(fixture->world, fixture->listeners[which], NULL)) >= 0) {
    int at = 0;
    while (fixture->peers[at].fd != -1) at++;
    assert_true(at < CLIENT_FIXTURE_PEERS);
    struct client_fixture_peer *peer = &fixture->peers[at];
    *peer = (struct client_fixture_peer){.fd = fd};
    buffer_init(&peer->in, &fixture->server_memory);
    buffer_init(&peer->out, &fixture->server_memory);
    if (which == 1) {
      peer->ssl = SSL_new(fixture->tls);
      assert_non_null(peer->ssl);
      assert_int_equal(SSL_set_fd(peer->ssl, fd), 1);
      SSL_set_accept_state(peer->ssl);
    }
    fixture->accepted++;
    fixture->open++;
    assert_int_equal(
        fixture->world->net->watch(fixture->world, fd, WORLD_READ, key_of(KEY_PEER, at)), 0);
  }
}

/* As read and write of world_net, also over TLS. */
static int64_t transfer(struct client_fixture *fixture, struct client_fixture_peer *peer, void *to,
                        const void *from, size_t size)
{
  if (peer->ssl == NULL)
    return to != NULL ? fixture->world->net->read(fixture->world, peer->fd, to, size)
                      : fixture->world->net->write(fixture->world, peer->fd, from, size);
  ERR_clear_error();
  int done = to != NULL ? SSL_read(peer->ssl, to, (int)size)
                        : SSL_write(peer->ssl, from, (int)size);
  if (done > 0) return done;
  int why = SSL_get_error(peer->ssl, done);
  ERR_clear_error();
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -EAGAIN : -EIO;
}

/* False when the connection has ended. */
static bool read_all(struct client_fixture *fixture, struct client_fixture_peer *peer)
{
  static uint8_t piece[READ_BYTES];
  for (;;) {
    int64_t got = transfer(fixture, peer, piece, NULL, sizeof(piece));
    if (got == -EAGAIN) return true;
    if (got <= 0) return false;
    assert_true(buffer_append(&peer->in, bytes_of(piece, (size_t)got)));
  }
}

static bool write_all(struct client_fixture *fixture, struct client_fixture_peer *peer)
{
  while (peer->sent < peer->out.size) {
    size_t size = peer->out.size - peer->sent;
    if (peer->slow_ms > now_of(fixture)) return true;
    if (peer->slow_ms > 0) size = 1;
    int64_t sent = transfer(fixture, peer, NULL, peer->out.data + peer->sent, size);
    if (sent == -EAGAIN) return true;
    if (sent < 0) return false;
    peer->sent += (size_t)sent;
    if (peer->slow_ms > 0) peer->slow_ms = now_of(fixture) + SLOW_STEP_MS;
    if (peer->sent < peer->out.size) continue;
    buffer_clear(&peer->out);
    peer->sent = 0;
    peer->slow_ms = 0;
    if (peer->then == THEN_CLOSE) return false;
    if (peer->then == THEN_ENDLESS) say(peer, "10\r\n0123456789abcdef\r\n");
    if (peer->then == THEN_ENDLESS_HEAD) say(peer, "Filler: 0123456789abcdef\r\n");
  }
  return peer->then != THEN_CLOSE;
}

static void run_peer(struct client_fixture *fixture, int at)
{
  struct client_fixture_peer *peer = &fixture->peers[at];
  if (peer->fd == -1) return;
  bool alive = read_all(fixture, peer);
  if (peer->ssl != NULL && peer->http2 == NULL) {
    const uint8_t *protocol;
    unsigned int size;
    SSL_get0_alpn_selected(peer->ssl, &protocol, &size);
    if (size == 2) peer->http2 = client_fixture_http2_new(fixture);
  }
  if (peer->http2 != NULL)
    client_fixture_http2_run(peer->http2, &peer->in, &peer->out);
  else if (peer->out.size == 0 && peer->then == THEN_NEXT)
    answer_requests(fixture, peer);
  if (!alive || !write_all(fixture, peer)) {
    close_peer(fixture, peer);
    return;
  }
  uint32_t interest = WORLD_READ;
  if (peer->sent < peer->out.size && peer->slow_ms == 0) interest |= WORLD_WRITE;
  assert_int_equal(
      fixture->world->net->watch(fixture->world, peer->fd, interest, key_of(KEY_PEER, at)), 0);
}

static void run_slow_peers(struct client_fixture *fixture)
{
  for (int i = 0; i < CLIENT_FIXTURE_PEERS; i++) {
    if (fixture->peers[i].slow_ms > 0) run_peer(fixture, i);
  }
}

/* --- for tests --- */

static void make_listener(struct client_fixture *fixture, int which)
{
  const struct world_net_operations *net = fixture->world->net;
  struct world_address address = {.host = "127.0.0.1"};
  int listener = net->listen(fixture->world, &address, 64);
  assert_true(listener >= 0);
  assert_int_equal(net->local(fixture->world, listener, &address), 0);
  assert_int_equal(net->watch(fixture->world, listener, WORLD_READ, key_of(KEY_LISTENER, which)),
                   0);
  fixture->listeners[which] = listener;
  fixture->ports[which] = address.port;
}

int client_fixture_make(void **state)
{
  struct client_fixture *fixture = calloc(1, sizeof(*fixture));
  assert_non_null(fixture);
  assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  world_linux_init(&fixture->linux_world);
  fixture->world = &fixture->linux_world.world;
  assert_int_equal(world_linux_open_net(&fixture->linux_world), 0);
  fixture->timer_ms = INT64_MAX;
  for (int i = 0; i < CLIENT_FIXTURE_PEERS; i++) fixture->peers[i].fd = -1;
  make_listener(fixture, 0);
  make_listener(fixture, 1);
  snprintf(fixture->ca_file, sizeof(fixture->ca_file), "/tmp/test_client_ca.XXXXXX");
  fixture->tls = client_fixture_tls_context(fixture->ca_file);
  *state = fixture;
  return 0;
}

int client_fixture_drop(void **state)
{
  struct client_fixture *fixture = *state;
  client_free(fixture->client);
  assert_int_equal(fixture->timer_ms, INT64_MAX);
  for (int i = 0; i < CLIENT_FIXTURE_PEERS; i++) {
    if (fixture->peers[i].fd != -1) close_peer(fixture, &fixture->peers[i]);
  }
  for (int i = 0; i < 2; i++) fixture->world->net->close(fixture->world, fixture->listeners[i]);
  SSL_CTX_free(fixture->tls);
  unlink(fixture->ca_file);
  world_linux_close(&fixture->linux_world);
  int unclean = fixture->memory.in_use != 0 || fixture->server_memory.in_use != 0;
  free(fixture);
  return unclean;
}

void client_fixture_start(struct client_fixture *fixture, const struct client_options *options)
{
  const struct client_loop loop = {fixture, loop_watch, loop_unwatch, loop_set_timer};
  const struct client_options defaults = {0};
  struct error error = {0};
  fixture->client = client_new(&fixture->memory, fixture->world, &loop,
                               options != NULL ? options : &defaults, &error);
  if (fixture->client == NULL) fail_msg("%s", error.message);
}

static char *next_text(void)
{
  static char texts[5][512];
  static size_t next;
  return texts[next++ % 5];
}

const char *client_fixture_url(struct client_fixture *fixture, const char *path)
{
  char *text = next_text();
  snprintf(text, 512, "http://127.0.0.1:%u%s", fixture->ports[0], path);
  return text;
}

const char *client_fixture_tls_url(struct client_fixture *fixture, const char *path)
{
  char *text = next_text();
  snprintf(text, 512, "https://localhost:%u%s", fixture->ports[1], path);
  return text;
}

void client_fixture_record(void *context, const struct client_response *response)
{
  struct client_result *result = context;
  result->calls++;
  result->outcome = response->outcome;
  result->status = response->status;
  result->header_count = response->header_count;
  result->attempts = response->attempts;
  result->elapsed_ms = response->elapsed_ms;
  result->body_size = response->body.size;
  snprintf(result->body, sizeof(result->body), "%.*s", BYTES_FORMAT(response->body));
  struct bytes test = client_response_header(response, BYTES("x-test"));
  if (test.data == NULL) test = BYTES("-");
  snprintf(result->test, sizeof(result->test), "%.*s", BYTES_FORMAT(test));
  snprintf(result->text, sizeof(result->text), "%s", response->text);
  if (result->next != NULL) result->next(result);
}

void client_fixture_send(struct client_fixture *fixture, const char *url,
                         const struct client_request *request, struct client_result *result)
{
  struct client_request whole = request != NULL ? *request : (struct client_request){0};
  if (whole.method.size == 0) whole.method = BYTES("GET");
  whole.url = bytes_of_text(url);
  client_fixture_next *next = result->next;
  void *next_context = result->next_context;
  *result = (struct client_result){.next = next, .next_context = next_context};
  struct error error = {0};
  if (!client_send(fixture->client, &whole, client_fixture_record, result, &result->handle, &error))
    fail_msg("refused: %s", error.message);
  assert_int_equal(result->calls, 0);
}

static void dispatch(struct client_fixture *fixture, const struct world_event *event)
{
  int number = (int)(uint32_t)event->user_data;
  switch (event->user_data >> 32) {
  case KEY_LISTENER:
    accept_all(fixture, number);
    break;
  case KEY_PEER:
    run_peer(fixture, number);
    break;
  default:
    if (fixture->client != NULL) client_ready(fixture->client, number, event->ready);
  }
}

void client_fixture_turn(struct client_fixture *fixture, int limit_ms)
{
  struct world_event events[16];
  int64_t now_ms = now_of(fixture);
  int64_t wait_ms = limit_ms;
  if (fixture->timer_ms < now_ms + wait_ms) wait_ms = fixture->timer_ms - now_ms;
  for (int i = 0; i < CLIENT_FIXTURE_PEERS; i++) {
    if (fixture->peers[i].slow_ms > 0 && wait_ms > 1) wait_ms = 1;
  }
  int count = fixture->world->net->wait(fixture->world, events, 16, wait_ms > 0 ? (int)wait_ms : 0);
  assert_true(count >= 0);
  for (int i = 0; i < count; i++) dispatch(fixture, &events[i]);
  run_slow_peers(fixture);
  now_ms = now_of(fixture);
  if (fixture->client != NULL && fixture->timer_ms <= now_ms) {
    fixture->timer_ms = INT64_MAX;
    client_timer(fixture->client, now_ms);
  }
}

void client_fixture_await_count(struct client_fixture *fixture, const uint32_t *counter,
                                uint32_t value)
{
  int64_t end_ms = now_of(fixture) + PATIENCE_MS;
  while (*counter < value) {
    client_fixture_turn(fixture, 100);
    assert_true(now_of(fixture) < end_ms);
  }
}

void client_fixture_await(struct client_fixture *fixture, const struct client_result *result)
{
  client_fixture_await_count(fixture, &result->calls, 1);
  assert_int_equal(result->calls, 1);
}

void client_fixture_get(struct client_fixture *fixture, const char *url,
                        const struct client_request *request, struct client_result *result)
{
  client_fixture_send(fixture, url, request, result);
  client_fixture_await(fixture, result);
}
