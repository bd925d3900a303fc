/* The door over TLS: every edge of tls.h that the connection must not miss, in virtual time. */
#include "unit/net/server_fixture.h"
#include "unit/net/tls_fixture.h"

#include <stdlib.h>

#define HOST          "Host: a\r\n"
#define GET(path)     "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define GET_END(path) "GET " path " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"

enum { STALL_MS = 5000, FIRST_BYTE_MS = 3000, PING_MS = 2000 };

/* OpenSSL's client between a net_client and the test. */
struct tls_client {
  struct net_client *wire;
  SSL *ssl;
  BIO *from_server, *to_server;
  struct net_client clear; /* only its buffer, for replies */
  struct buffer unsent;    /* of the wire */
  bool ended;              /* close_notify came */
};

static struct tls_files files;
static struct tls *tls;
static SSL_CTX *context;
static struct server_fixture fixture;

static int open_fixture(void **state)
{
  (void)state;
  struct error error;
  tls_files_begin(&files, true);
  struct tls_options tls_options = tls_files_options(&files);
  tls = tls_open(&tls_options, files.world, &error);
  assert_non_null(tls);
  context = SSL_CTX_new(TLS_client_method());
  assert_non_null(context);
  struct server_fixture_options options = server_fixture_defaults();
  options.tls = tls;
  options.limits.write_stall_ms = STALL_MS;
  options.limits.first_byte_ms = FIRST_BYTE_MS;
  options.limits.stream_ping_ms = PING_MS;
  server_fixture_open(&fixture, &options);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  server_fixture_close(&fixture);
  SSL_CTX_free(context);
  tls_close(tls);
  tls_files_end(&files);
  return 0;
}

static struct tls_client *client_open(void)
{
  struct tls_client *client = calloc(1, sizeof *client);
  assert_non_null(client);
  client->wire = server_fixture_connect(&fixture);
  client->ssl = SSL_new(context);
  client->from_server = BIO_new(BIO_s_mem());
  client->to_server = BIO_new(BIO_s_mem());
  SSL_set_bio(client->ssl, client->from_server, client->to_server);
  SSL_set_connect_state(client->ssl);
  buffer_init(&client->clear.in, &fixture.client_memory);
  buffer_init(&client->unsent, &fixture.client_memory);
  client->clear.stream = -1;
  return client;
}

static void client_free(struct tls_client *client)
{
  SSL_free(client->ssl);
  buffer_free(&client->clear.in);
  buffer_free(&client->unsent);
  free(client);
}

/* What came is read, what is to be said goes out as far as the network takes it. */
static void client_work(struct tls_client *client)
{
  uint8_t piece[4096];
  struct net_client *wire = client->wire;
  int got;
  if (wire->in.size > 0) {
    assert_int_equal(BIO_write(client->from_server, wire->in.data, (int)wire->in.size),
                     wire->in.size);
    net_client_take(wire, wire->in.size);
  }
  while ((got = SSL_read(client->ssl, piece, sizeof piece)) > 0)
    assert_true(buffer_append(&client->clear.in, bytes_of(piece, (size_t)got)));
  int why = SSL_get_error(client->ssl, got);
  if (why == SSL_ERROR_ZERO_RETURN) client->ended = client->clear.ended = true;
  while ((got = BIO_read(client->to_server, piece, sizeof piece)) > 0)
    assert_true(buffer_append(&client->unsent, bytes_of(piece, (size_t)got)));
  size_t sent = net_client_write(wire, buffer_bytes(&client->unsent));
  client->unsent.size -= sent;
  memmove(client->unsent.data, client->unsent.data + sent, client->unsent.size);
}

static void run(struct tls_client *client, int ms)
{
  for (int i = 0; i < ms; i++) {
    client_work(client);
    server_fixture_run(&fixture, 1);
  }
  client_work(client);
}

static void say(struct tls_client *client, struct bytes text)
{
  while (text.size > 0) {
    int got = SSL_write(client->ssl, text.data, (int)text.size);
    if (got > 0) text = bytes_of(text.data + got, text.size - (size_t)got);
    client_work(client);
    server_fixture_run(&fixture, 1);
  }
}

static void expect(struct tls_client *client, uint16_t status, struct bytes body)
{
  server_fixture_expect(&fixture, &client->clear, status, body);
}

static void expect_bytes(struct tls_client *client, size_t size)
{
  struct net_reply reply;
  server_fixture_take(&fixture, &client->clear, 200, &reply);
  assert_int_equal(reply.body.size, size);
  for (size_t i = 0; i < size; i++) assert_int_equal(reply.body.data[i], net_app_byte(i));
  net_client_take(&client->clear, reply.size);
}

static void test_requests(void **state)
{
  (void)state;
  struct tls_client *client = client_open();
  struct net_reply reply;
  say(client, BYTES(GET("/plain") GET("/bytes/50000") GET("/wait/x") GET("/plain")));
  run(client, 10);
  expect(client, 200, BYTES("hello"));
  expect_bytes(client, 50000);
  assert_int_equal(client->clear.in.size, 0);
  fixture.durable = 1;
  run(client, 5);
  expect(client, 200, BYTES("x"));
  server_fixture_take(&fixture, &client->clear, 200, &reply);
  assert_non_null(net_reply_header(&reply, BYTES("strict-transport-security")).data);
  net_client_take(&client->clear, reply.size);
  say(client, BYTES(GET_END("/plain")));
  run(client, 5);
  expect(client, 200, BYTES("hello"));
  assert_true(client->ended);
  server_fixture_run(&fixture, 3000);
  assert_null(server_fixture_reactor(&fixture)->connections);
  client_free(client);
}

static void test_large_bodies_both_ways(void **state)
{
  (void)state;
  static uint8_t body[NET_BODY_BYTES];
  world_sim_settings(fixture.sim)->partial_per_million = 300000;
  world_sim_settings(fixture.sim)->stream_bytes = 5000;
  for (size_t i = 0; i < sizeof body; i++) body[i] = (uint8_t)(i * 7);
  struct tls_client *client = client_open();
  say(client, BYTES("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n"));
  say(client, bytes_of(body, sizeof body));
  say(client, BYTES(GET("/bytes/1000000")));
  run(client, 1500);
  expect(client, 200, bytes_of(body, sizeof body));
  expect_bytes(client, 1000000);
  client_free(client);
}

/* One that pauses, less than is allowed, gets all; one that takes nothing more is dropped. */
static void test_slow_readers(void **state)
{
  (void)state;
  struct tls_client *client = client_open();
  say(client, BYTES(GET("/bytes/500000") GET("/plain")));
  for (int i = 0; i < 20; i++) {
    client->wire->paused = true;
    run(client, i == 5 ? STALL_MS - 100 : 50);
    client->wire->paused = false;
    run(client, 1);
  }
  run(client, 50);
  expect_bytes(client, 500000);
  expect(client, 200, BYTES("hello"));
  client->wire->paused = true;
  say(client, BYTES(GET("/bytes/500000")));
  run(client, STALL_MS + 100);
  assert_null(server_fixture_reactor(&fixture)->connections);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_WRITE_STALL), 1);
  client_free(client);
}

static void test_events(void **state)
{
  (void)state;
  world_sim_settings(fixture.sim)->partial_per_million = 300000;
  world_sim_settings(fixture.sim)->stream_bytes = 700;
  struct tls_client *client = client_open();
  char text[64];
  say(client, BYTES(GET("/events")));
  run(client, 20);
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "data: %d\n\n", i);
    server_publish(fixture.server, fixture.app.topic, bytes_of_text(text));
    run(client, i % 4);
  }
  run(client, PING_MS + 100);
  struct bytes rest = buffer_bytes(&client->clear.in);
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "\r\ndata: %d\n\n\r\n", i);
    size_t at = bytes_find(rest, bytes_of_text(text));
    assert_true(at != SIZE_MAX);
    rest = bytes_of(rest.data + at + 2, rest.size - at - 2);
  }
  assert_true(bytes_find(rest, BYTES(": ping\n\n")) != SIZE_MAX);
  /* Its close_notify is its end. */
  SSL_shutdown(client->ssl);
  run(client, 20);
  assert_null(server_fixture_reactor(&fixture)->connections);
  client_free(client);
}

static void test_half_close(void **state)
{
  (void)state;
  struct tls_client *client = client_open();
  say(client, BYTES(GET("/plain") GET("/bytes/100000")));
  SSL_shutdown(client->ssl);
  run(client, 30);
  expect(client, 200, BYTES("hello"));
  expect_bytes(client, 100000);
  assert_null(server_fixture_reactor(&fixture)->connections);
  client_free(client);
}

static void test_who_never_begins_tls(void **state)
{
  (void)state;
  struct net_client *silent = server_fixture_connect(&fixture);
  struct net_client *plain = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, plain, GET("/plain"));
  server_fixture_run(&fixture, 10);
  assert_true(plain->ended || plain->error != 0);
  assert_int_equal(bytes_find(buffer_bytes(&plain->in), BYTES("HTTP/")), SIZE_MAX);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_TLS), 1);
  server_fixture_expect_silence(&fixture, silent, FIRST_BYTE_MS - 100);
  server_fixture_run(&fixture, 200);
  assert_true(silent->ended);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_TLS), 2);
  assert_null(server_fixture_reactor(&fixture)->connections);
}

static void test_refusals_and_drain(void **state)
{
  (void)state;
  struct tls_client *client = client_open();
  say(client, BYTES(GET("/plain") "nonsense\r\n"));
  run(client, 10);
  expect(client, 200, BYTES("hello"));
  server_fixture_expect_error(&fixture, &client->clear, 400, "BAD_REQUEST", true);
  assert_true(client->ended);
  struct tls_client *idle = client_open();
  say(idle, BYTES(GET("/plain")));
  run(idle, 5);
  expect(idle, 200, BYTES("hello"));
  server_drain(fixture.server);
  run(idle, 5);
  assert_true(idle->ended);
  client_free(client);
  client_free(idle);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_requests),           TEST(test_large_bodies_both_ways),
      TEST(test_slow_readers),       TEST(test_events),
      TEST(test_half_close),         TEST(test_who_never_begins_tls),
      TEST(test_refusals_and_drain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
