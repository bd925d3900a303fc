#include "net/static_reply.h"

#include "unit/net/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PAGE_BYTES = 20000 };

static struct server_fixture fixture;
static char page[PAGE_BYTES];

static void put(const char *path, const void *content, size_t size)
{
  struct world *world = fixture.world;
  int file = world->operations->file_open(world, path, WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  assert_int_equal(world->operations->file_write(world, file, content, size, 0), 0);
  assert_int_equal(world->operations->file_close(world, file), 0);
}

/* The context of the fixture's exchanges is its app; the files are found by the test's own. */
static struct static_files *files;

static void fallback(struct exchange *exchange)
{
  static_reply(exchange, files, exchange->head.path);
  exchange_send(exchange);
}

static int open_fixture(void **state)
{
  (void)state;
  struct server_fixture_options options = server_fixture_defaults();
  options.fallback = fallback;
  server_fixture_open(&fixture, &options);
  for (size_t i = 0; i < PAGE_BYTES; i++) page[i] = "<p>tickets</p>\n"[i % 15];
  assert_int_equal(fixture.world->operations->dir_make(fixture.world, "/web"), 0);
  put("/web/index.html", page, PAGE_BYTES);
  put("/web/app.js", "go()", 4);
  struct static_files_options file_options = static_files_options_default();
  struct error error;
  files = static_files_load(fixture.world, "/web", &file_options, &fixture.world->memory, &error);
  assert_non_null(files);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  static_files_free(files);
  files = NULL;
  server_fixture_close(&fixture);
  return 0;
}

static struct net_client *ask(const char *method, const char *path, const char *fields)
{
  char text[1024];
  struct net_client *client = server_fixture_connect(&fixture);
  snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, fields);
  server_fixture_send_text(&fixture, client, text);
  server_fixture_run(&fixture, 5);
  return client;
}

static void test_whole_files(void **state)
{
  (void)state;
  struct net_reply reply;
  server_fixture_expect(&fixture, ask("GET", "/", ""), 200, bytes_of(page, PAGE_BYTES));
  struct net_client *client = ask("GET", "/app.js", "");
  server_fixture_take(&fixture, client, 200, &reply);
  assert_true(bytes_equal(reply.body, BYTES("go()")));
  assert_true(
      bytes_starts_with(net_reply_header(&reply, BYTES("content-type")), BYTES("text/javascript")));
  assert_non_null(net_reply_header(&reply, BYTES("etag")).data);
  assert_non_null(net_reply_header(&reply, BYTES("cache-control")).data);
  /* A page may run its own scripts, an answer of the API nothing. */
  struct bytes policy = net_reply_header(&reply, BYTES("content-security-policy"));
  assert_true(bytes_find(policy, BYTES("script-src 'self'")) != SIZE_MAX);
}

static void test_head_tells_the_length(void **state)
{
  (void)state;
  struct net_reply reply;
  struct net_client *client = ask("HEAD", "/", "Range: bytes=0-9\r\n");
  assert_int_equal(net_reply_parse(buffer_bytes(&client->in), true, &reply), NET_REPLY_DONE);
  assert_int_equal(reply.status, 200);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("content-length")), BYTES("20000")));
  net_client_take(client, reply.size);
  assert_int_equal(client->in.size, 0);
}

static void test_compressed_and_conditional(void **state)
{
  (void)state;
  struct net_reply reply;
  char fields[256];
  struct net_client *client = ask("GET", "/", "Accept-Encoding: gzip\r\n");
  server_fixture_take(&fixture, client, 200, &reply);
  assert_true(bytes_equal(net_reply_header(&reply, BYTES("content-encoding")), BYTES("gzip")));
  assert_true(reply.body.size < PAGE_BYTES / 10);
  snprintf(fields, sizeof fields, "Accept-Encoding: gzip\r\nIf-None-Match: %.*s\r\n",
           BYTES_FORMAT(net_reply_header(&reply, BYTES("etag"))));
  client = ask("GET", "/", fields);
  server_fixture_take(&fixture, client, 304, &reply);
  assert_non_null(net_reply_header(&reply, BYTES("etag")).data);
  net_client_take(client, reply.size);
  assert_int_equal(client->in.size, 0);
}

static void test_ranges(void **state)
{
  (void)state;
  struct net_reply reply;
  struct net_client *client = ask("GET", "/", "Range: bytes=10-19\r\n");
  server_fixture_take(&fixture, client, 206, &reply);
  assert_true(bytes_equal(reply.body, bytes_of(page + 10, 10)));
  assert_true(
      bytes_equal(net_reply_header(&reply, BYTES("content-range")), BYTES("bytes 10-19/20000")));
  client = ask("GET", "/", "Range: bytes=20000-\r\n");
  server_fixture_take(&fixture, client, 416, &reply);
  assert_true(
      bytes_equal(net_reply_header(&reply, BYTES("content-range")), BYTES("bytes */20000")));
  server_fixture_expect_error(&fixture, client, 416, "RANGE_NOT_SATISFIABLE", false);
}

static void test_nothing_there(void **state)
{
  (void)state;
  server_fixture_expect_error(&fixture, ask("GET", "/none", ""), 404, "NOT_FOUND", false);
  server_fixture_expect_error(&fixture, ask("POST", "/app.js", "Content-Length: 0\r\n"), 404,
                              "NOT_FOUND", false);
  struct static_files *kept = files;
  files = NULL;
  server_fixture_expect_error(&fixture, ask("GET", "/app.js", ""), 404, "NOT_FOUND", false);
  files = kept;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_whole_files),
      TEST(test_head_tells_the_length),
      TEST(test_compressed_and_conditional),
      TEST(test_ranges),
      TEST(test_nothing_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
