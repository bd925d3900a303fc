#include "net/reply.h"

#include "net/cors.h"
#include "net/http_text.h"
#include "net/net_metrics.h"
#include "net/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <zlib.h>

#include <cmocka.h>

#define API_SECURITY                                                                             \
  "x-content-type-options: nosniff\r\nx-frame-options: DENY\r\nreferrer-policy: no-referrer\r\n" \
  "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"

#define PAGE_SECURITY                                                \
  "x-content-type-options: nosniff\r\nx-frame-options: DENY\r\n"     \
  "referrer-policy: strict-origin-when-cross-origin\r\n"             \
  "content-security-policy: default-src 'self'; script-src 'self'; " \
  "style-src 'self'; img-src 'self' data:; connect-src 'self'; "     \
  "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"

#define DATE "date: Fri, 27 Nov 2026 04:20:00 GMT\r\n"
#define ID   "x-request-id: r-1\r\n"

struct fixture {
  struct memory memory;
  struct compressor compressor;
  struct reply_context context;
  struct exchange *exchange;
  struct buffer head;
};

/* A GET, unless a test says otherwise. */
static void fixture_open(struct fixture *fixture)
{
  memset(fixture, 0, sizeof *fixture);
  compressor_init(&fixture->compressor, &fixture->memory);
  buffer_init(&fixture->head, &fixture->memory);
  fixture->context = (struct reply_context){
      .compressor = &fixture->compressor,
      .date = BYTES("Fri, 27 Nov 2026 04:20:00 GMT"),
  };
  fixture->exchange = exchange_new(&fixture->memory);
  exchange_clear_head(fixture->exchange);
  fixture->exchange->head.method = HTTP_GET;
  fixture->exchange->head.keep_alive = true;
  fixture->exchange->head.authority = BYTES("tacos.example");
  fixture->exchange->trace_id = BYTES("r-1");
}

static void fixture_close(struct fixture *fixture)
{
  exchange_free(fixture->exchange, &fixture->memory);
  buffer_free(&fixture->head);
  compressor_free(&fixture->compressor);
  assert_int_equal(fixture->memory.in_use, 0);
}

static struct bytes write_head(struct fixture *fixture, bool close, bool chunked)
{
  buffer_clear(&fixture->head);
  reply_write_head(fixture->exchange, &fixture->context, close, chunked, &fixture->head);
  return buffer_bytes(&fixture->head);
}

static void expect_head(struct fixture *fixture, bool close, bool chunked, const char *wanted)
{
  struct bytes head = write_head(fixture, close, chunked);
  if (!bytes_equal(head, bytes_of_text(wanted)))
    fail_msg("wanted:\n%s\ngot:\n%.*s", wanted, BYTES_FORMAT(head));
}

/* The value of a header of the reply itself, or data NULL. */
static struct bytes header_of(const struct exchange *exchange, struct bytes name)
{
  for (uint32_t i = 0; i < exchange->reply.header_count; i++)
    if (http_text_same(exchange->reply.headers[i].name, name))
      return exchange->reply.headers[i].value;
  return (struct bytes){NULL, 0};
}

static void test_statuses(void **state)
{
  (void)state;
  size_t count = 1;
  assert_int_equal(reply_status_at(0), 0);
  for (; reply_status_at(count) != 0; count++) {
    assert_int_equal(reply_status_index(reply_status_at(count)), count);
    if (count > 1) assert_true(reply_status_at(count) > reply_status_at(count - 1));
  }
  assert_true(count <= NET_STATUSES);
  assert_int_equal(reply_status_at(count + 1000), 0);
  assert_int_equal(reply_status_index(299), 0);
  assert_int_equal(reply_status_index(0), 0);
}

static void test_heads(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("hello"));
  expect_head(&fixture, false, false,
              "HTTP/1.1 200 OK\r\n" DATE "content-type: text/plain; charset=utf-8\r\n"
              "content-length: 5\r\n" ID "cache-control: no-store\r\n" API_SECURITY "\r\n");
  expect_head(&fixture, true, false,
              "HTTP/1.1 200 OK\r\n" DATE "content-type: text/plain; charset=utf-8\r\n"
              "content-length: 5\r\n" ID "cache-control: no-store\r\n" API_SECURITY
              "connection: close\r\n\r\n");
  exchange->head.minor_version = 0;
  exchange->secure = true;
  exchange_reply_empty(exchange, 201);
  expect_head(&fixture, false, false,
              "HTTP/1.1 201 Created\r\n" DATE "content-length: 0\r\n" ID
              "cache-control: no-store\r\n" API_SECURITY
              "strict-transport-security: max-age=31536000; includeSubDomains\r\n"
              "connection: keep-alive\r\n\r\n");
  exchange->secure = false;
  exchange->head.minor_version = 1;
  exchange_reply_empty(exchange, 204);
  exchange_add_header(exchange, BYTES("allow"), BYTES("GET, HEAD, OPTIONS"));
  expect_head(&fixture, false, false,
              "HTTP/1.1 204 No Content\r\n" DATE ID "cache-control: no-store\r\n"
              "allow: GET, HEAD, OPTIONS\r\n" API_SECURITY "\r\n");
  fixture_close(&fixture);
}

static void test_other_heads(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  exchange->reply.kind = REPLY_PAGE;
  exchange->reply.etag = BYTES("\"v1\"");
  exchange_reply(exchange, 200, BYTES("text/html"), BYTES("<p>"));
  expect_head(&fixture, false, false,
              "HTTP/1.1 200 OK\r\n" DATE "content-type: text/html\r\ncontent-length: 3\r\n" ID
              "etag: \"v1\"\r\n" PAGE_SECURITY "\r\n");
  /* Who has a tag may ask whether it is still the same. */
  exchange->reply.kind = REPLY_API;
  exchange_reply_json(exchange, 299, BYTES("{}"));
  expect_head(&fixture, false, false,
              "HTTP/1.1 299 Unknown\r\n" DATE "content-type: application/json; charset=utf-8\r\n"
              "content-length: 2\r\n" ID "etag: \"v1\"\r\ncache-control: no-cache\r\n" API_SECURITY
              "\r\n");
  struct topic *topic = topic_new(&fixture.memory, 1);
  exchange_reply_stream(exchange, topic, BYTES("data: 0\n\n"));
  exchange->reply.etag = (struct bytes){NULL, 0};
  expect_head(&fixture, false, true,
              "HTTP/1.1 200 OK\r\n" DATE "content-type: text/event-stream\r\n"
              "transfer-encoding: chunked\r\n" ID "cache-control: no-store\r\n" API_SECURITY
              "\r\n");
  assert_false(reply_has_body(exchange));
  topic_free(topic, &fixture.memory);
  fixture_close(&fixture);
}

static void test_who_has_a_body(void **state)
{
  (void)state;
  static const struct {
    uint16_t status;
    bool length;
  } rows[] = {{200, true}, {201, true}, {204, false}, {304, false}, {404, true}, {503, true}};
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    fixture.exchange->head.method = HTTP_GET;
    exchange_reply(fixture.exchange, rows[i].status, CONTENT_TYPE_TEXT, BYTES("x"));
    assert_int_equal(reply_has_length(fixture.exchange), rows[i].length);
    assert_int_equal(reply_has_body(fixture.exchange), rows[i].length);
    fixture.exchange->head.method = HTTP_HEAD;
    assert_int_equal(reply_has_length(fixture.exchange), rows[i].length);
    assert_false(reply_has_body(fixture.exchange));
  }
  exchange_reply(fixture.exchange, 200, CONTENT_TYPE_TEXT, BYTES(""));
  assert_true(reply_has_length(fixture.exchange));
  assert_false(reply_has_body(fixture.exchange));
  fixture_close(&fixture);
}

static void test_not_modified(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  exchange->head.fields[HTTP_IF_NONE_MATCH] = BYTES("\"v0\", W/\"v1\"");
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("tagged"));
  exchange->reply.etag = BYTES("\"v1\"");
  reply_prepare(exchange, &fixture.context);
  expect_head(&fixture, false, false,
              "HTTP/1.1 304 Not Modified\r\n" DATE ID "etag: \"v1\"\r\n"
              "cache-control: no-cache\r\n" API_SECURITY "\r\n");
  assert_false(reply_has_body(exchange));
  /* Only what would be 200, of GET and HEAD. */
  exchange_reply(exchange, 201, CONTENT_TYPE_TEXT, BYTES("tagged"));
  reply_prepare(exchange, &fixture.context);
  assert_int_equal(exchange->reply.status, 201);
  exchange->head.method = HTTP_POST;
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("tagged"));
  reply_prepare(exchange, &fixture.context);
  assert_int_equal(exchange->reply.status, 200);
  exchange->head.method = HTTP_GET;
  exchange->reply.etag = BYTES("\"v2\"");
  reply_prepare(exchange, &fixture.context);
  assert_int_equal(exchange->reply.status, 200);
  fixture_close(&fixture);
}

/* Unpacks a gzip body. */
static size_t unpack(struct bytes body, uint8_t *to, size_t capacity)
{
  z_stream stream = {0};
  assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  stream.next_in = (uint8_t *)(uintptr_t)body.data;
  stream.avail_in = (unsigned)body.size;
  stream.next_out = to;
  stream.avail_out = (unsigned)capacity;
  assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
  size_t size = stream.total_out;
  inflateEnd(&stream);
  return size;
}

static void test_gzip(void **state)
{
  (void)state;
  static uint8_t text[4 * NET_COMPRESS_BYTES], unpacked[sizeof text];
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  memset(text, 'a', sizeof text);
  exchange->head.fields[HTTP_ACCEPT_ENCODING] = BYTES("gzip, br");
  exchange_reply_json(exchange, 200, bytes_of(text, sizeof text));
  exchange->reply.etag = BYTES("\"v1\"");
  reply_prepare(exchange, &fixture.context);
  assert_true(exchange->reply.body.size < sizeof text / 10);
  assert_int_equal(unpack(exchange->reply.body, unpacked, sizeof unpacked), sizeof text);
  assert_memory_equal(unpacked, text, sizeof text);
  assert_true(bytes_equal(exchange->reply.etag, BYTES("\"v1-gz\"")));
  assert_true(bytes_equal(header_of(exchange, BYTES("content-encoding")), BYTES("gzip")));
  assert_true(bytes_equal(header_of(exchange, BYTES("vary")), BYTES("accept-encoding")));
  /* Its own tag is known again. */
  exchange_reset(exchange);
  exchange->head.fields[HTTP_IF_NONE_MATCH] = BYTES("\"v1-gz\"");
  exchange_reply_json(exchange, 200, bytes_of(text, sizeof text));
  exchange->reply.etag = BYTES("\"v1\"");
  reply_prepare(exchange, &fixture.context);
  assert_int_equal(exchange->reply.status, 304);
  fixture_close(&fixture);
}

static void test_what_is_not_compressed(void **state)
{
  (void)state;
  static uint8_t text[NET_COMPRESS_BYTES];
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  memset(text, 'a', sizeof text);
  struct bytes body = bytes_of(text, sizeof text);
  for (int i = 0; i < 4; i++) {
    exchange_reset(exchange);
    exchange->head.fields[HTTP_ACCEPT_ENCODING] = i == 0 ? (struct bytes){NULL, 0} : BYTES("gzip");
    exchange_reply(exchange, 200, i == 1 ? BYTES("image/png") : CONTENT_TYPE_TEXT,
                   i == 2 ? bytes_of(text, sizeof text - 1) : body);
    exchange->reply.encoded = i == 3;
    reply_prepare(exchange, &fixture.context);
    assert_ptr_equal(exchange->reply.body.data, text);
    assert_null(header_of(exchange, BYTES("content-encoding")).data);
    assert_int_equal(header_of(exchange, BYTES("vary")).data != NULL, i == 0);
  }
  /* Without memory it is sent as it is. */
  for (uint64_t n = 1; n < 4; n++) {
    exchange_reset(exchange);
    exchange->memory.fail_at = exchange->memory.calls + n;
    exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, body);
    exchange->reply.etag = BYTES("\"v1\"");
    reply_prepare(exchange, &fixture.context);
    bool packed = header_of(exchange, BYTES("content-encoding")).data != NULL;
    assert_int_equal(exchange->reply.body.data != text, packed);
    if (packed) assert_false(bytes_equal(exchange->reply.etag, BYTES("\"v1\"")));
    exchange->memory.fail_at = 0;
  }
  fixture_close(&fixture);
}

static void test_cors(void **state)
{
  (void)state;
  struct fixture fixture;
  struct cors cors;
  struct error error;
  fixture_open(&fixture);
  assert_true(cors_parse(&cors, BYTES("https://shop.example"), &error));
  fixture.context.cors = &cors;
  struct exchange *exchange = fixture.exchange;
  struct bytes name = BYTES("access-control-allow-origin");
  exchange_reply_empty(exchange, 200);
  reply_prepare(exchange, &fixture.context);
  assert_int_equal(exchange->reply.header_count, 0);
  exchange->head.fields[HTTP_ORIGIN] = BYTES("https://shop.example");
  reply_prepare(exchange, &fixture.context);
  assert_true(bytes_equal(header_of(exchange, name), BYTES("https://shop.example")));
  assert_non_null(header_of(exchange, BYTES("vary")).data);
  /* Another one is told nothing but that it depends. */
  exchange_reset(exchange);
  exchange_reply_empty(exchange, 200);
  exchange->head.fields[HTTP_ORIGIN] = BYTES("https://evil.example");
  reply_prepare(exchange, &fixture.context);
  assert_null(header_of(exchange, name).data);
  assert_non_null(header_of(exchange, BYTES("vary")).data);
  /* The own origin depends on the scheme it came by. */
  exchange_reset(exchange);
  exchange_reply_empty(exchange, 200);
  exchange->head.fields[HTTP_ORIGIN] = BYTES("http://tacos.example");
  fixture.context.cors = NULL;
  reply_prepare(exchange, &fixture.context);
  assert_non_null(header_of(exchange, name).data);
  exchange_reset(exchange);
  exchange_reply_empty(exchange, 200);
  exchange->secure = true;
  reply_prepare(exchange, &fixture.context);
  assert_null(header_of(exchange, name).data);
  /* Before the request itself: what is allowed. */
  exchange_reset(exchange);
  fixture.context.cors = &cors;
  exchange->head.method = HTTP_OPTIONS;
  exchange->head.fields[HTTP_ORIGIN] = BYTES("https://shop.example");
  exchange->head.fields[HTTP_REQUEST_METHOD] = BYTES("POST");
  exchange_reply_empty(exchange, 204);
  reply_prepare(exchange, &fixture.context);
  assert_non_null(header_of(exchange, BYTES("access-control-allow-methods")).data);
  fixture_close(&fixture);
}

static void test_server_timing(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  struct bytes name = BYTES("server-timing");
  for (int trusted = 0; trusted < 2; trusted++) {
    for (int asked = 0; asked < 2; asked++) {
      exchange_reset(exchange);
      exchange->trusted = trusted == 1;
      exchange->head.fields[HTTP_DEBUG] = asked == 1 ? BYTES("x, timing") : (struct bytes){NULL, 0};
      exchange->received_ns = 1000000;
      exchange->handled_ns = 1500000;
      exchange->replied_ns = 3500000;
      exchange->durable_ns = 103500000;
      exchange_reply_empty(exchange, 200);
      reply_prepare(exchange, &fixture.context);
      struct bytes timing = header_of(exchange, name);
      assert_int_equal(timing.data != NULL, trusted == 1 && asked == 1);
      if (timing.data != NULL)
        assert_true(
            bytes_equal(timing, BYTES("queue;dur=0.500, handle;dur=2.000, commit;dur=100.000")));
    }
  }
  /* The clocks of two threads are read at different times; no time is negative. */
  exchange_reset(exchange);
  exchange->trusted = true;
  exchange->received_ns = exchange->handled_ns + 10;
  exchange_reply_empty(exchange, 200);
  reply_prepare(exchange, &fixture.context);
  assert_true(bytes_starts_with(header_of(exchange, name), BYTES("queue;dur=0.000, ")));
  /* What no handler saw has no times. */
  exchange_reset(exchange);
  exchange->trusted = true;
  exchange->refused = true;
  exchange_reply_empty(exchange, 413);
  reply_prepare(exchange, &fixture.context);
  assert_null(header_of(exchange, name).data);
  fixture_close(&fixture);
}

/* HTTP/2's fields are those of the HTTP/1.1 head. */
static void test_fields(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct exchange *exchange = fixture.exchange;
  for (int i = 0; i < 4; i++) {
    struct http_header fields[REPLY_FIELDS_MAX];
    char number[REPLY_NUMBER_BYTES];
    exchange_reset(exchange);
    exchange->secure = i % 2 == 1;
    exchange->reply.kind = i < 2 ? REPLY_API : REPLY_PAGE;
    if (i == 3)
      exchange_reply_empty(exchange, 204);
    else
      exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("hello"));
    if (i == 2) exchange->reply.etag = BYTES("\"v1\"");
    exchange_add_header(exchange, BYTES("x-more"), BYTES("1"));
    size_t count = reply_fields(exchange, &fixture.context, fields, number);
    struct bytes head = write_head(&fixture, false, false);
    size_t at = bytes_find(head, BYTES("\r\n")) + 2;
    for (size_t j = 0; j < count; j++) {
      assert_memory_equal(head.data + at, fields[j].name.data, fields[j].name.size);
      at += fields[j].name.size + 2;
      assert_memory_equal(head.data + at, fields[j].value.data, fields[j].value.size);
      at += fields[j].value.size + 2;
    }
    assert_int_equal(at + 2, head.size);
  }
  fixture_close(&fixture);
}

static void test_large_lengths(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  fixture.exchange->head.method = HTTP_HEAD;
  exchange_reply(fixture.exchange, 200, BYTES("x/y"), bytes_of("x", SIZE_MAX));
  struct bytes head = write_head(&fixture, false, false);
  assert_true(bytes_find(head, BYTES("content-length: 18446744073709551615\r\n")) != SIZE_MAX);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_statuses),
      cmocka_unit_test(test_heads),
      cmocka_unit_test(test_other_heads),
      cmocka_unit_test(test_who_has_a_body),
      cmocka_unit_test(test_not_modified),
      cmocka_unit_test(test_gzip),
      cmocka_unit_test(test_what_is_not_compressed),
      cmocka_unit_test(test_cors),
      cmocka_unit_test(test_server_timing),
      cmocka_unit_test(test_fields),
      cmocka_unit_test(test_large_lengths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
