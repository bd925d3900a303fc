#include "net/client_driver.h"
#include "net/server.h"

#include "base/world_linux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { REQUESTS = 200, TURNS_MAX = 20000, TURN_MS = 10 };

/* A server and a client of it on one loop. */
struct fixture {
  struct world_linux linux_world;
  struct loop loop;
  struct server *server;
  struct client_driver driver;
  struct exchange *kept; /* by the route that never answers */
  char url[64];
  uint32_t done;
  uint32_t good;
  enum client_outcome outcome; /* of the last */
};

static void echo(struct exchange *exchange)
{
  struct bytes copy = arena_copy(&exchange->arena, exchange->body);
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, copy);
  exchange_send(exchange);
}

static void keep(struct exchange *exchange)
{
  struct fixture *fixture = exchange->context;
  fixture->kept = exchange;
}

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_POST), "/echo", AUTH_NONE, KEY_NONE, 1 << 20, echo},
    {HTTP_BIT(HTTP_GET), "/never", AUTH_NONE, KEY_NONE, 0, keep},
};

static int setup(void **state)
{
  struct fixture *fixture = calloc(1, sizeof *fixture);
  struct error error;
  assert_non_null(fixture);
  assert_true(client_global_init(&error));
  world_linux_init(&fixture->linux_world);
  assert_int_equal(world_linux_open_net(&fixture->linux_world), 0);
  loop_init(&fixture->loop, &fixture->linux_world.world);
  const struct server_endpoint endpoint = {
      .name = "http",
      .address = {"127.0.0.1", 0},
      .inherited = -1,
      .routes = ROUTES,
      .route_count = sizeof ROUTES / sizeof ROUTES[0],
  };
  const struct server_options options = {.endpoints = &endpoint,
                                         .endpoint_count = 1,
                                         .limits = net_limits_default(),
                                         .context = fixture};
  fixture->server = server_open(&fixture->linux_world.world, &fixture->loop, &options, &error);
  assert_non_null(fixture->server);
  snprintf(fixture->url, sizeof fixture->url, "http://127.0.0.1:%u",
           server_address(fixture->server, 0)->port);
  const struct client_options none = {0};
  assert_true(client_driver_open(&fixture->driver, &fixture->loop, &none, &error));
  *state = fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  if (fixture->driver.client != NULL) client_driver_close(&fixture->driver);
  if (fixture->kept != NULL) {
    exchange_reply_empty(fixture->kept, 204);
    exchange_send(fixture->kept);
  }
  server_close(fixture->server);
  client_global_cleanup();
  assert_int_equal(fixture->linux_world.world.memory.in_use, 0);
  world_linux_close(&fixture->linux_world);
  free(fixture);
  return 0;
}

static void on_done(void *context, const struct client_response *response)
{
  struct fixture *fixture = context;
  fixture->done++;
  fixture->outcome = response->outcome;
  if (response->outcome == CLIENT_OK && response->status == 200 &&
      bytes_equal(response->body, BYTES("hello")))
    fixture->good++;
}

static void send(struct fixture *fixture, const char *method, const char *path, struct bytes body,
                 uint32_t timeout_ms)
{
  char url[128];
  struct error error = {0};
  snprintf(url, sizeof url, "%s%s", fixture->url, path);
  const struct client_request request = {.method = bytes_of_text(method),
                                         .url = bytes_of_text(url),
                                         .body = body,
                                         .has_idempotency_key = true,
                                         .attempts = 1,
                                         .timeout_ms = timeout_ms};
  if (!client_send(fixture->driver.client, &request, on_done, fixture, NULL, &error))
    fail_msg("%s", error.message);
}

static void run_until(struct fixture *fixture, uint32_t done)
{
  for (int i = 0; i < TURNS_MAX && fixture->done < done; i++) server_turn(fixture->server, TURN_MS);
  assert_int_equal(fixture->done, done);
}

static void test_requests_beside_a_server(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < REQUESTS; i++) send(fixture, "POST", "/echo", BYTES("hello"), 0);
  run_until(fixture, REQUESTS);
  assert_int_equal(fixture->good, REQUESTS);
  /* Again, with connections that are there. */
  for (int i = 0; i < REQUESTS; i++) send(fixture, "POST", "/echo", BYTES("hello"), 0);
  run_until(fixture, 2 * REQUESTS);
  assert_int_equal(fixture->good, 2 * REQUESTS);
}

static void test_the_timer_ends_what_never_answers(void **state)
{
  struct fixture *fixture = *state;
  send(fixture, "GET", "/never", (struct bytes){NULL, 0}, 200);
  run_until(fixture, 1);
  assert_int_equal(fixture->outcome, CLIENT_TIMEOUT);
}

static void test_closing_cancels(void **state)
{
  struct fixture *fixture = *state;
  send(fixture, "GET", "/never", (struct bytes){NULL, 0}, 0);
  for (int i = 0; i < TURNS_MAX && fixture->kept == NULL; i++)
    server_turn(fixture->server, TURN_MS);
  assert_non_null(fixture->kept);
  client_driver_close(&fixture->driver);
  assert_int_equal(fixture->done, 1);
  assert_int_equal(fixture->outcome, CLIENT_CANCELLED);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FIXTURE(test_requests_beside_a_server),
      WITH_FIXTURE(test_the_timer_ends_what_never_answers),
      WITH_FIXTURE(test_closing_cancels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
