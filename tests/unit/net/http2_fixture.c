#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http2_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const struct bytes HTTP2_PREFACE = {(const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24};

enum { STEP_MS = 20, AWAIT_MS = 60000, FIELDS_MAX = 100, PORT = 8080 };

static uint8_t large[HTTP2_LARGE_BYTES];

/* ---- the server ---- */

static void reply_text(struct exchange *exchange, struct bytes text)
{
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, text);
  exchange->reply.encoded = true;
  exchange_send(exchange);
}

static struct http2_fixture *begin(struct exchange *exchange)
{
  struct http2_fixture *fixture = exchange->context;
  fixture->handled++;
  return fixture;
}

static void get_hello(struct exchange *exchange)
{
  begin(exchange);
  reply_text(exchange, BYTES("hello"));
}

static void get_large(struct exchange *exchange)
{
  begin(exchange);
  reply_text(exchange, bytes_of(large, sizeof large));
}

static void get_empty(struct exchange *exchange)
{
  begin(exchange);
  exchange_reply_empty(exchange, 204);
  exchange_send(exchange);
}

static void post_echo(struct exchange *exchange)
{
  begin(exchange);
  struct bytes copy = arena_copy(&exchange->arena, exchange->body);
  if (copy.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, copy);
  exchange_send(exchange);
}

static void post_big(struct exchange *exchange)
{
  begin(exchange);
  char *text = arena_alloc(&exchange->arena, 32);
  assert_non_null(text);
  reply_text(exchange, bytes_of(text, (size_t)snprintf(text, 32, "%zu", exchange->body.size)));
}

static void get_later(struct exchange *exchange)
{
  struct http2_fixture *fixture = begin(exchange);
  assert_true(fixture->kept_count < HTTP2_KEPT);
  fixture->kept[fixture->kept_count++] = exchange;
}

/* Answers others from within its own call. */
static void get_release(struct exchange *exchange)
{
  struct http2_fixture *fixture = begin(exchange);
  for (size_t i = 0; i < fixture->kept_count; i++)
    if (fixture->kept[i] != NULL) http2_fixture_answer(fixture, i);
  reply_text(exchange, BYTES("released"));
}

static void get_durable(struct exchange *exchange)
{
  begin(exchange);
  exchange_wait_for(exchange, 7);
  reply_text(exchange, BYTES("durable"));
}

static void get_close(struct exchange *exchange)
{
  begin(exchange);
  exchange->reply.close = true;
  reply_text(exchange, BYTES("bye"));
}

static void get_events(struct exchange *exchange)
{
  struct http2_fixture *fixture = begin(exchange);
  exchange_reply_stream(exchange, fixture->topic, BYTES(": first\n\n"));
  exchange_send(exchange);
}

/* ": <n> ...", n the number of asks of this stream, which is the note. */
static void ask(struct exchange *exchange)
{
  struct http2_fixture *fixture = exchange->context;
  uint64_t n;
  assert_int_equal(exchange->note.size, sizeof n);
  memcpy(&n, exchange->note.data, sizeof n);
  n++;
  fixture->asked++;
  struct bytes note = arena_copy(&exchange->arena, bytes_of(&n, sizeof n));
  char *text = arena_alloc(&exchange->arena, HTTP2_ASKED_BYTES);
  if (note.data == NULL || text == NULL) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    exchange_send(exchange);
    return;
  }
  memset(text, '.', HTTP2_ASKED_BYTES);
  text[snprintf(text, HTTP2_ASKED_BYTES, ": %llu ", (unsigned long long)n)] = '.';
  memcpy(text + HTTP2_ASKED_BYTES - 2, "\n\n", 2);
  struct bytes event = bytes_of(text, fixture->tell_nothing ? 0 : HTTP2_ASKED_BYTES);
  if (n == fixture->ask_last)
    exchange_end_stream(exchange, event);
  else
    exchange_reply_event(exchange, note, event);
  if (!fixture->keep_asks) {
    exchange_send(exchange);
    return;
  }
  assert_true(fixture->kept_count < HTTP2_KEPT);
  fixture->kept[fixture->kept_count++] = exchange;
}

static void get_asked(struct exchange *exchange)
{
  begin(exchange);
  static const uint64_t none = 0;
  exchange_reply_asked_stream(exchange, ask, HTTP2_ASK_MS, bytes_of(&none, sizeof none),
                              BYTES(": first\n\n"));
  exchange_send(exchange);
}

/* What of the head a handler sees. */
static void get_head(struct exchange *exchange)
{
  begin(exchange);
  const struct http_head *head = &exchange->head;
  struct buffer text;
  buffer_init(&text, &exchange->memory);
  buffer_append_format(&text, "%.*s %.*s?%.*s host=%.*s n=%u v=%u framing=%d\n",
                       BYTES_FORMAT(head->method_name), BYTES_FORMAT(head->path),
                       BYTES_FORMAT(head->query), BYTES_FORMAT(head->authority), head->header_count,
                       head->minor_version, (int)head->framing);
  for (uint32_t i = 0; i < head->header_count; i++)
    buffer_append_format(&text, "%.*s=%.*s\n", BYTES_FORMAT(head->headers[i].name),
                         BYTES_FORMAT(head->headers[i].value));
  struct bytes copy = arena_copy(&exchange->arena, buffer_bytes(&text));
  buffer_free(&text);
  reply_text(exchange, copy);
}

#define GET  HTTP_BIT(HTTP_GET)
#define POST HTTP_BIT(HTTP_POST)

static const struct route ROUTES[] = {
    {GET, "/hello", AUTH_NONE, KEY_NONE, 0, get_hello},
    {GET, "/large", AUTH_NONE, KEY_NONE, 0, get_large},
    {GET, "/empty", AUTH_NONE, KEY_NONE, 0, get_empty},
    {POST, "/echo", AUTH_NONE, KEY_NONE, NET_BODY_BYTES, post_echo},
    {POST, "/big", AUTH_NONE, KEY_NONE, HTTP2_BIG_LIMIT_BYTES, post_big},
    {GET | POST, "/later", AUTH_NONE, KEY_NONE, NET_BODY_BYTES, get_later},
    {GET, "/release", AUTH_NONE, KEY_NONE, 0, get_release},
    {GET, "/durable", AUTH_NONE, KEY_NONE, 0, get_durable},
    {GET, "/close", AUTH_NONE, KEY_NONE, 0, get_close},
    {GET, "/events", AUTH_NONE, KEY_NONE, 0, get_events},
    {GET, "/asked", AUTH_NONE, KEY_NONE, 0, get_asked},
    {GET | POST, "/head", AUTH_NONE, KEY_NONE, NET_BODY_BYTES, get_head},
};

struct http2_fixture *http2_fixture_new(const struct net_limits *limits, uint64_t seed,
                                        uint64_t fail_at)
{
  struct http2_fixture *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  for (size_t i = 0; i < sizeof large; i++) large[i] = (uint8_t)('a' + i % 26);
  fixture->sim = world_sim_new(seed);
  fixture->world = world_sim_world(fixture->sim);
  fixture->client_world = world_sim_client(fixture->sim);
  fixture->limits = limits == NULL ? net_limits_default() : *limits;
  fixture->stream = -1;
  buffer_init(&fixture->to_send, &fixture->memory);
  loop_init(&fixture->loop, fixture->world);
  struct server_endpoint endpoint = {.name = "http",
                                     .address = {"127.0.0.1", PORT},
                                     .inherited = -1,
                                     .routes = ROUTES,
                                     .route_count = sizeof ROUTES / sizeof ROUTES[0]};
  struct server_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .limits = fixture->limits, .context = fixture};
  fixture->world->memory.calls = 0;
  fixture->world->memory.fail_at = fail_at;
  fixture->server = server_open(fixture->world, &fixture->loop, &options, &fixture->error);
  if (fixture->server != NULL) fixture->topic = server_topic(fixture->server);
  return fixture;
}

struct http2_fixture *http2_fixture_open(const struct net_limits *limits)
{
  struct http2_fixture *fixture = http2_fixture_new(limits, 1, 0);
  if (fixture->server == NULL) fail_msg("%s", fixture->error.message);
  return fixture;
}

void http2_fixture_free(struct http2_fixture *fixture)
{
  http2_fixture_disconnect(fixture);
  for (size_t i = 0; i < fixture->kept_count; i++)
    if (fixture->kept[i] != NULL) http2_fixture_answer(fixture, i);
  if (fixture->server != NULL) server_close(fixture->server);
  assert_int_equal(fixture->world->memory.in_use, 0);
  for (size_t i = 0; i < HTTP2_REPLIES; i++) {
    buffer_free(&fixture->replies[i].head);
    buffer_free(&fixture->replies[i].body);
  }
  buffer_free(&fixture->to_send);
  assert_int_equal(fixture->memory.in_use, 0);
  world_sim_free(fixture->sim);
  free(fixture);
}

/* ---- the client ---- */

struct http2_reply *http2_fixture_reply(struct http2_fixture *fixture, int32_t id)
{
  assert_true(id > 0 && (size_t)id / 2 < HTTP2_REPLIES);
  struct http2_reply *reply = &fixture->replies[id / 2];
  reply->head.memory = reply->body.memory = &fixture->memory;
  return reply;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
  (void)session;
  (void)flags;
  struct http2_reply *reply = http2_fixture_reply(context, frame->hd.stream_id);
  if (bytes_equal(bytes_of(name, name_size), BYTES(":status"))) {
    reply->status = atoi((const char *)value);
    if (reply->status == 100) reply->continues++;
  }
  buffer_append_format(&reply->head, "%s: %s\n", (const char *)name, (const char *)value);
  (void)value_size;
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
  (void)session;
  (void)flags;
  buffer_append(&http2_fixture_reply(context, id)->body, bytes_of(data, size));
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  (void)session;
  struct http2_fixture *fixture = context;
  if (frame->hd.type != NGHTTP2_GOAWAY) return 0;
  fixture->goaways++;
  fixture->goaway_code = frame->goaway.error_code;
  fixture->goaway_last = frame->goaway.last_stream_id;
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *context)
{
  (void)session;
  struct http2_reply *reply = http2_fixture_reply(context, id);
  reply->closed = true;
  reply->error_code = error_code;
  return 0;
}

static void make_session(struct http2_fixture *fixture, bool manual)
{
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *option;
  assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
  assert_int_equal(nghttp2_option_new(&option), 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_option_set_no_auto_window_update(option, manual);
  assert_int_equal(nghttp2_session_client_new2(&fixture->session, callbacks, fixture, option), 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
}

void http2_fixture_connect_raw(struct http2_fixture *fixture)
{
  struct world_address address = {"127.0.0.1", PORT};
  fixture->stream = fixture->client_world->net->connect(fixture->client_world, &address);
  assert_true(fixture->stream >= 0);
  fixture->gone = false;
}

void http2_fixture_connect(struct http2_fixture *fixture, uint32_t window, bool manual)
{
  http2_fixture_connect_raw(fixture);
  make_session(fixture, manual);
  nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
  assert_int_equal(nghttp2_submit_settings(fixture->session, NGHTTP2_FLAG_NONE, &entry, 1), 0);
}

void http2_fixture_disconnect(struct http2_fixture *fixture)
{
  if (fixture->stream >= 0)
    fixture->client_world->net->close(fixture->client_world, fixture->stream);
  fixture->stream = -1;
  if (fixture->session != NULL) nghttp2_session_del(fixture->session);
  fixture->session = NULL;
  buffer_clear(&fixture->to_send);
  fixture->sent = 0;
}

static void go(struct http2_fixture *fixture)
{
  if (!fixture->gone) fixture->gone_at_ms = fixture->loop.now_ms;
  fixture->gone = true;
}

static void client_write(struct http2_fixture *fixture)
{
  const uint8_t *data;
  ssize_t size;
  while (fixture->session != NULL && (size = nghttp2_session_mem_send(fixture->session, &data)) > 0)
    buffer_append(&fixture->to_send, bytes_of(data, (size_t)size));
  while (fixture->sent < fixture->to_send.size && !fixture->gone) {
    int64_t took = fixture->client_world->net->write(fixture->client_world, fixture->stream,
                                                     fixture->to_send.data + fixture->sent,
                                                     fixture->to_send.size - fixture->sent);
    if (took == -EAGAIN) return;
    if (took < 0) break; /* what it still says is read */
    fixture->sent += (size_t)took;
  }
  buffer_clear(&fixture->to_send);
  fixture->sent = 0;
}

static void client_read(struct http2_fixture *fixture)
{
  uint8_t block[32768];
  while (!fixture->gone && !fixture->no_read) {
    int64_t got = fixture->client_world->net->read(fixture->client_world, fixture->stream, block,
                                                   sizeof block);
    if (got == -EAGAIN) return;
    if (got <= 0) {
      go(fixture);
      return;
    }
    fixture->bytes_received += (uint64_t)got;
    if (fixture->session != NULL &&
        nghttp2_session_mem_recv(fixture->session, block, (size_t)got) != got)
      fail_msg("the client did not understand the server");
  }
}

static void step(struct http2_fixture *fixture)
{
  if (fixture->server != NULL) {
    server_turn(fixture->server, 0);
    server_release(fixture->server, fixture->durable);
  }
  if (fixture->stream < 0) return;
  client_read(fixture);
  client_write(fixture);
}

void http2_fixture_run(struct http2_fixture *fixture, int64_t ms)
{
  int64_t end_ms = world_monotonic_ns(fixture->world) / 1000000 + ms;
  for (;;) {
    step(fixture);
    int64_t left_ms = end_ms - world_monotonic_ns(fixture->world) / 1000000;
    if (left_ms <= 0) break;
    world_sim_advance_to_delivery(fixture->sim, left_ms < STEP_MS ? left_ms : STEP_MS);
  }
  step(fixture);
}

struct http2_reply *http2_fixture_await(struct http2_fixture *fixture, int32_t id)
{
  struct http2_reply *reply = http2_fixture_reply(fixture, id);
  for (int64_t ms = 0; ms < AWAIT_MS && !reply->closed && !fixture->gone; ms += STEP_MS)
    http2_fixture_run(fixture, STEP_MS);
  return reply;
}

bool http2_fixture_await_end(struct http2_fixture *fixture, int64_t ms)
{
  for (int64_t at = 0; at < ms && !fixture->gone; at += STEP_MS)
    http2_fixture_run(fixture, STEP_MS);
  return fixture->gone;
}

/* ---- requests ---- */

static nghttp2_nv field_of(const char *name, size_t name_size, const char *value)
{
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, name_size,
                      strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static int32_t request(struct http2_fixture *fixture, const char *method, const char *path,
                       const char *const *extra, const nghttp2_data_provider *body)
{
  nghttp2_nv fields[FIELDS_MAX];
  size_t count = 0;
  fields[count++] = field_of(":method", 7, method);
  fields[count++] = field_of(":scheme", 7, "http");
  if (path != NULL) fields[count++] = field_of(":path", 5, path);
  bool host = false;
  for (size_t i = 0; extra != NULL && extra[i] != NULL; i++)
    if (strncmp(extra[i], ":authority", 10) == 0 || strncmp(extra[i], "host:", 5) == 0) host = true;
  if (!host) fields[count++] = field_of(":authority", 10, "localhost");
  for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
    assert_true(count < FIELDS_MAX);
    const char *colon = strstr(extra[i], ": ");
    assert_non_null(colon);
    fields[count++] = field_of(extra[i], (size_t)(colon - extra[i]), colon + 2);
  }
  int32_t id = nghttp2_submit_request(fixture->session, NULL, fields, count, body, NULL);
  assert_true(id > 0);
  return id;
}

int32_t http2_fixture_request(struct http2_fixture *fixture, const char *method, const char *path,
                              const char *const *extra)
{
  return request(fixture, method, path, extra, NULL);
}

struct upload {
  struct bytes body;
  size_t sent;
};

static ssize_t read_upload(nghttp2_session *session, int32_t id, uint8_t *to, size_t capacity,
                           uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)id;
  (void)context;
  struct upload *upload = source->ptr;
  size_t left = upload->body.size - upload->sent;
  size_t size = left < capacity ? left : capacity;
  if (size > 0) memcpy(to, upload->body.data + upload->sent, size);
  upload->sent += size;
  if (size == left) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    upload->sent = 0; /* the place is used again */
  }
  return (ssize_t)size;
}

static ssize_t read_nothing(nghttp2_session *session, int32_t id, uint8_t *to, size_t capacity,
                            uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)id;
  (void)to;
  (void)capacity;
  (void)flags;
  (void)source;
  (void)context;
  return NGHTTP2_ERR_DEFERRED;
}

int32_t http2_fixture_post(struct http2_fixture *fixture, const char *path, struct bytes body,
                           bool length)
{
  static struct upload uploads[512];
  static size_t next;
  struct upload *upload = &uploads[next++ % 512];
  *upload = (struct upload){body, 0};
  char text[64];
  snprintf(text, sizeof text, "content-length: %zu", body.size);
  const char *const extra[] = {text, NULL};
  nghttp2_data_provider provider = {.source.ptr = upload, .read_callback = read_upload};
  return request(fixture, "POST", path, length ? extra : NULL, &provider);
}

int32_t http2_fixture_post_nothing(struct http2_fixture *fixture, const char *path)
{
  nghttp2_data_provider provider = {.read_callback = read_nothing};
  return request(fixture, "POST", path, NULL, &provider);
}

void http2_fixture_write(struct http2_fixture *fixture, struct bytes bytes)
{
  if (fixture->session != NULL) client_write(fixture);
  buffer_append(&fixture->to_send, bytes);
}

void http2_fixture_write_frame(struct http2_fixture *fixture, uint8_t type, uint8_t flags,
                               int32_t id, struct bytes payload)
{
  uint8_t head[9] = {(uint8_t)(payload.size >> 16),
                     (uint8_t)(payload.size >> 8),
                     (uint8_t)payload.size,
                     type,
                     flags,
                     (uint8_t)(id >> 24),
                     (uint8_t)(id >> 16),
                     (uint8_t)(id >> 8),
                     (uint8_t)id};
  http2_fixture_write(fixture, bytes_of(head, sizeof head));
  buffer_append(&fixture->to_send, payload);
}

bool http2_reply_has(const struct http2_reply *reply, const char *line)
{
  char text[256];
  int size = snprintf(text, sizeof text, "%s\n", line);
  return bytes_find(buffer_bytes(&reply->head), bytes_of(text, (size_t)size)) != SIZE_MAX;
}

void http2_fixture_answer(struct http2_fixture *fixture, size_t i)
{
  struct exchange *exchange = fixture->kept[i];
  assert_non_null(exchange);
  fixture->kept[i] = NULL;
  if (exchange->ask != NULL) {
    exchange_send(exchange);
    return;
  }
  reply_text(exchange, BYTES("later"));
}

uint64_t http2_fixture_refusals(const struct http2_fixture *fixture, enum refusal refusal)
{
  return fixture->server->reactors[0].metrics.refusals[refusal];
}
