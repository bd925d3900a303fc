/* The server's question who may call: asked before handlers, and what its answers do. */
#include "net/server.h"
#include "sim/world_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_TURNS = 10000, STEP_MS = 5, REPLY_BYTES = 8192 };

struct calls {
  int asked;
  int asked_without_route;
  int handled;
  int told;
  char seen[32]; /* the identity that the handler saw */
};

static void handle(struct exchange *exchange)
{
  struct calls *calls = exchange->context;
  calls->handled++;
  const char *identity = exchange->identity;
  snprintf(calls->seen, sizeof calls->seen, "%s", identity == NULL ? "nobody" : identity);
  exchange_reply_json(exchange, 200, BYTES("{}"));
  exchange_send(exchange);
}

/* Tells, twice, whether it knows anybody. */
static void tell(struct exchange *exchange)
{
  struct calls *calls = exchange->context;
  calls->told++;
  assert_null(exchange->identity);
  if (calls->told == 2)
    exchange_end_stream(exchange, BYTES("data: end\n\n"));
  else
    exchange_reply_event(exchange, exchange->note, BYTES("data: again\n\n"));
  exchange_send(exchange);
}

static void stream(struct exchange *exchange)
{
  exchange_reply_asked_stream(exchange, tell, STEP_MS, (struct bytes){NULL, 0},
                              BYTES("data: begin\n\n"));
  exchange_send(exchange);
}

/* Whoever sends "yes" is let in, and anybody to paths that are no route. */
static bool admit(struct exchange *exchange)
{
  struct calls *calls = exchange->context;
  calls->asked++;
  exchange_add_header(exchange, BYTES("x-asked"), BYTES("1"));
  if (exchange->match.route == NULL) {
    calls->asked_without_route++;
    return true;
  }
  if (!bytes_equal(exchange->head.fields[HTTP_AUTHORIZATION], BYTES("yes"))) {
    exchange_refuse(exchange, REFUSAL_FORBIDDEN);
    return false;
  }
  char *name = arena_alloc(&exchange->arena, sizeof "somebody");
  assert_non_null(name);
  memcpy(name, "somebody", sizeof "somebody");
  exchange->identity = name;
  return true;
}

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_GET), "/open", AUTH_NONE, KEY_NONE, 0, handle},
    {HTTP_BIT(HTTP_GET), "/optional", AUTH_OPTIONAL, KEY_NONE, 0, handle},
    {HTTP_BIT(HTTP_GET), "/user", AUTH_USER, KEY_NONE, 0, handle},
    {HTTP_BIT(HTTP_GET), "/admin", AUTH_ADMIN, KEY_NONE, 0, handle},
    {HTTP_BIT(HTTP_GET), "/signature", AUTH_SIGNATURE, KEY_NONE, 0, handle},
    {HTTP_BIT(HTTP_GET), "/stream", AUTH_USER, KEY_NONE, 0, stream},
    {HTTP_BIT(HTTP_POST), "/keyed", AUTH_USER, KEY_REQUIRED, 64, handle},
};

struct fixture {
  struct world_sim *sim;
  struct loop loop;
  struct server *server;
  struct calls calls;
  char reply[REPLY_BYTES];
};

static void open_server(struct fixture *fixture, bool (*asked)(struct exchange *))
{
  *fixture = (struct fixture){.sim = world_sim_new(1)};
  struct world *world = world_sim_world(fixture->sim);
  loop_init(&fixture->loop, world);
  const struct server_endpoint endpoint = {
      .name = "http",
      .address = {.host = "127.0.0.1", .port = 80},
      .inherited = -1,
      .routes = ROUTES,
      .route_count = sizeof ROUTES / sizeof ROUTES[0],
  };
  const struct server_options options = {
      .endpoints = &endpoint,
      .endpoint_count = 1,
      .limits = net_limits_default(),
      .context = &fixture->calls,
      .admit = asked,
  };
  struct error error;
  fixture->server = server_open(world, &fixture->loop, &options, &error);
  if (fixture->server == NULL) fail_msg("%s", error.message);
}

static void close_server(struct fixture *fixture)
{
  server_close(fixture->server);
  assert_int_equal(world_sim_world(fixture->sim)->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

/* Sends one request on a connection of its own and gives the whole reply. */
static const char *ask(struct fixture *fixture, const char *line, const char *fields)
{
  struct world *client = world_sim_client(fixture->sim);
  char request[512];
  int request_bytes = snprintf(request, sizeof request,
                               "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", line,
                               fields);
  int stream = client->net->connect(client, server_address(fixture->server, 0));
  assert_true(stream >= 0);
  size_t sent = 0;
  size_t received = 0;
  for (int turn = 0; turn < PATIENCE_TURNS; turn++) {
    server_turn(fixture->server, 0);
    server_release(fixture->server, 0);
    if (sent < (size_t)request_bytes) {
      int64_t wrote = client->net->write(client, stream, request + sent,
                                         (size_t)request_bytes - sent);
      assert_true(wrote > 0 || wrote == -EAGAIN);
      if (wrote > 0) sent += (size_t)wrote;
    }
    int64_t got = client->net->read(client, stream, fixture->reply + received,
                                    REPLY_BYTES - 1 - received);
    if (got == 0) {
      fixture->reply[received] = 0;
      client->net->close(client, stream);
      return fixture->reply;
    }
    assert_true(got > 0 || got == -EAGAIN);
    if (got > 0) received += (size_t)got;
    world_sim_advance_to_delivery(fixture->sim, STEP_MS);
  }
  fail_msg("no reply to %s", line);
  return "";
}

static void expect_status(const char *reply, int status)
{
  char start[16];
  snprintf(start, sizeof start, "HTTP/1.1 %d ", status);
  if (strncmp(reply, start, strlen(start)) != 0) fail_msg("not %d: %s", status, reply);
}

static void test_without_it_what_is_for_users_is_closed(void **state)
{
  (void)state;
  struct fixture fixture;
  open_server(&fixture, NULL);
  expect_status(ask(&fixture, "GET /open", ""), 200);
  expect_status(ask(&fixture, "GET /optional", ""), 200);
  expect_status(ask(&fixture, "GET /signature", ""), 200);
  assert_string_equal(fixture.calls.seen, "nobody");
  assert_int_equal(fixture.calls.handled, 3);
  expect_status(ask(&fixture, "GET /user", "Authorization: yes\r\n"), 401);
  expect_status(ask(&fixture, "GET /admin", "Authorization: yes\r\n"), 401);
  assert_int_equal(fixture.calls.handled, 3);
  close_server(&fixture);
}

static void test_it_is_asked_for_every_route(void **state)
{
  (void)state;
  static const char *const lines[] = {"GET /open", "GET /optional", "GET /user", "GET /admin",
                                      "GET /signature"};
  struct fixture fixture;
  open_server(&fixture, admit);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    const char *reply = ask(&fixture, lines[i], "");
    expect_status(reply, 403);
    assert_non_null(strstr(reply, "\"FORBIDDEN\""));
    assert_non_null(strstr(reply, "x-asked: 1"));
    assert_int_equal(fixture.calls.handled, i);
    expect_status(ask(&fixture, lines[i], "Authorization: yes\r\n"), 200);
    assert_string_equal(fixture.calls.seen, "somebody");
  }
  assert_int_equal(fixture.calls.asked, 2 * sizeof lines / sizeof lines[0]);
  close_server(&fixture);
}

static void test_it_is_asked_where_there_is_no_route(void **state)
{
  (void)state;
  struct fixture fixture;
  open_server(&fixture, admit);
  const char *reply = ask(&fixture, "GET /nowhere", "");
  expect_status(reply, 404);
  assert_non_null(strstr(reply, "x-asked: 1"));
  expect_status(ask(&fixture, "DELETE /open", ""), 405);
  expect_status(ask(&fixture, "OPTIONS /open", ""), 204);
  assert_int_equal(fixture.calls.asked_without_route, 3);
  assert_int_equal(fixture.calls.handled, 0);
  close_server(&fixture);
}

static void test_the_key_is_looked_at_after_it(void **state)
{
  (void)state;
  struct fixture fixture;
  open_server(&fixture, admit);
  expect_status(ask(&fixture, "POST /keyed", ""), 403);
  expect_status(ask(&fixture, "POST /keyed", "Authorization: yes\r\n"), 400);
  expect_status(ask(&fixture, "POST /keyed",
                    "Authorization: yes\r\n"
                    "Idempotency-Key: 7c9e6679-7425-40de-944b-e07fc1f90ae7\r\n"),
                200);
  assert_int_equal(fixture.calls.handled, 1);
  close_server(&fixture);
}

/* The exchange is used again for the next request, which is nobody's yet. */
static void test_an_identity_ends_with_its_request(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct exchange *exchange = exchange_new(&memory);
  assert_non_null(exchange);
  assert_null(exchange->identity);
  exchange->identity = &memory;
  exchange_reset(exchange);
  assert_null(exchange->identity);
  exchange_free(exchange, &memory);
}

/* It has let the stream begin: what the door asks by itself is not looked at. */
static void test_it_is_not_asked_for_asks(void **state)
{
  (void)state;
  struct fixture fixture;
  open_server(&fixture, admit);
  const char *reply = ask(&fixture, "GET /stream", "Authorization: yes\r\n");
  assert_non_null(strstr(reply, "x-asked: 1\r\n"));
  assert_non_null(strstr(reply, "data: begin\n\n"));
  assert_non_null(strstr(reply, "data: again\n\n"));
  assert_non_null(strstr(reply, "data: end\n\n\r\n0\r\n\r\n"));
  assert_int_equal(fixture.calls.told, 2);
  assert_int_equal(fixture.calls.asked, 1);
  close_server(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_without_it_what_is_for_users_is_closed),
      cmocka_unit_test(test_it_is_asked_for_every_route),
      cmocka_unit_test(test_it_is_asked_where_there_is_no_route),
      cmocka_unit_test(test_the_key_is_looked_at_after_it),
      cmocka_unit_test(test_an_identity_ends_with_its_request),
      cmocka_unit_test(test_it_is_not_asked_for_asks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
