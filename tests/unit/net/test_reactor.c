#include "net/reactor.h"

#include "unit/net/server_fixture.h"
#include "unit/net/server_threads.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST      "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static void run_for(struct server_threads *server, int ms)
{
  int64_t end_ms = server->loop.now_ms + ms;
  while (server->loop.now_ms < end_ms) server_threads_turn(server, 5);
}

/* The greatest descriptor that is open, plus one. */
static rlim_t descriptors_in_use(void)
{
  int probe = dup(0);
  assert_true(probe >= 0);
  close(probe);
  return (rlim_t)probe;
}

static void limit_descriptors(rlim_t limit)
{
  struct rlimit now;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
  now.rlim_cur = limit;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* Who comes when no descriptor is left is told so, and those who are there go on. */
static void test_descriptors_run_out(void **state)
{
  (void)state;
  enum { CLIENTS = 8, ROOM = 3 };
  struct server_threads server;
  struct thread_client *clients[CLIENTS];
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  server_threads_open(&server, 0);
  for (size_t i = 0; i < CLIENTS; i++)
    clients[i] = thread_client_open(server_threads_port(&server, 0));
  limit_descriptors(descriptors_in_use() + ROOM);
  run_for(&server, 20);
  limit_descriptors(before.rlim_cur);
  struct reactor *reactor = &server.server->reactors[0];
  assert_int_equal(reactor->connection_count, ROOM);
  assert_int_equal(metric_read(&reactor->metrics.refusals[REFUSAL_DESCRIPTORS]), CLIENTS - ROOM);
  for (size_t i = 0; i < ROOM; i++) thread_client_send(clients[i], GET("/plain"));
  run_for(&server, 20);
  for (size_t i = 0; i < CLIENTS; i++) {
    struct net_reply reply = thread_client_reply(clients[i], i < ROOM ? 200 : 503);
    assert_int_equal(reply.close, i >= ROOM);
    thread_client_close(clients[i]);
  }
  server_threads_close(&server);
}

/* Without a spare one they wait in the queue until there is room, though nothing tells of them. */
static void test_descriptors_come_back(void **state)
{
  (void)state;
  enum { CLIENTS = 6 };
  struct server_threads server;
  struct thread_client *clients[CLIENTS];
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  server_threads_open(&server, 0);
  struct reactor *reactor = &server.server->reactors[0];
  close(reactor->spare);
  reactor->spare = -1;
  for (size_t i = 0; i < CLIENTS; i++) {
    clients[i] = thread_client_open(server_threads_port(&server, 0));
    thread_client_send(clients[i], GET("/plain"));
  }
  limit_descriptors(descriptors_in_use());
  run_for(&server, 20);
  assert_int_equal(reactor->connection_count, 0);
  limit_descriptors(before.rlim_cur);
  run_for(&server, 150);
  assert_int_equal(reactor->connection_count, CLIENTS);
  for (size_t i = 0; i < CLIENTS; i++) {
    thread_client_reply(clients[i], 200);
    thread_client_close(clients[i]);
  }
  server_threads_close(&server);
}

/* A request and the end of its client in one packet: answered, and ended at once. */
static void test_the_end_comes_with_the_request(void **state)
{
  (void)state;
  struct server_threads server;
  server_threads_open(&server, 0);
  for (int i = 0; i < 3; i++) {
    struct thread_client *client = thread_client_open(server_threads_port(&server, 0));
    thread_client_send(client, i == 0 ? GET("/plain") : i == 1 ? GET("/bytes/300000") : "GET /");
    assert_int_equal(shutdown(client->socket, SHUT_WR), 0);
    usleep(10000);
    run_for(&server, 30);
    if (i < 2) {
      struct net_reply reply = thread_client_reply(client, 200);
      thread_client_take(client, reply.size);
    }
    run_for(&server, 30);
    assert_false(thread_client_more(client));
    assert_int_equal(server.server->reactors[0].connection_count, 0);
    thread_client_close(client);
  }
  server_threads_close(&server);
}

/* An upload that is refused is told why over real sockets too. */
static void send_large(struct server_threads *server, uint32_t index)
{
  (void)index;
  static const char part[65536];
  struct thread_client *client = thread_client_open(server_threads_port(server, 0));
  thread_client_send(client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 8388608\r\n\r\n");
  for (int i = 0; i < 128; i++)
    if (send(client->socket, part, sizeof part, MSG_NOSIGNAL) < 0) break;
  thread_client_reply(client, 413);
  thread_client_close(client);
}

static void test_refused_upload(void **state)
{
  (void)state;
  struct server_threads server;
  server_threads_open(&server, 0);
  server_threads_run(&server, 4, send_large);
  server_threads_close(&server);
}

static int make_listener(uint16_t *port)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int handle = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  assert_true(handle >= 0);
  assert_int_equal(bind(handle, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(handle, 100), 0);
  assert_int_equal(getsockname(handle, (struct sockaddr *)&address, &size), 0);
  *port = ntohs(address.sin_port);
  return handle;
}

/* A socket that someone else made (systemd) is used as it is, by all reactors. */
static void test_inherited_listener(void **state)
{
  (void)state;
  for (uint32_t reactors = 0; reactors <= 2; reactors++) {
    struct world_linux linux_world;
    struct loop loop;
    struct net_app app = {0};
    struct error error;
    uint16_t port;
    world_linux_init(&linux_world);
    assert_int_equal(world_linux_open_net(&linux_world), 0);
    loop_init(&loop, &linux_world.world);
    struct server_endpoint endpoint = {.name = "http",
                                       .inherited = make_listener(&port),
                                       .routes = net_app_routes,
                                       .route_count = NET_APP_ROUTES};
    struct server_options options = {.endpoints = &endpoint,
                                     .endpoint_count = 1,
                                     .reactors = reactors,
                                     .limits = net_limits_default(),
                                     .context = &app};
    struct server *server = server_open(&linux_world.world, &loop, &options, &error);
    assert_non_null(server);
    assert_int_equal(server_address(server, 0)->port, port);
    struct thread_client *client = thread_client_open(port);
    thread_client_send(client, GET("/plain"));
    while (app.handled == 0) server_turn(server, 5);
    for (int i = 0; i < 10; i++) server_turn(server, 1);
    thread_client_reply(client, 200);
    thread_client_close(client);
    server_close(server);
    world_linux_close(&linux_world);
  }
}

/* More connections than are accepted in one turn. */
static void test_many_at_once(void **state)
{
  (void)state;
  enum { CLIENTS = 500 };
  struct server_fixture fixture;
  server_fixture_open(&fixture, NULL);
  struct world *world = world_sim_client(fixture.sim);
  struct net_client clients[CLIENTS];
  for (size_t i = 0; i < CLIENTS; i++)
    assert_true(net_client_open(&clients[i], world, &(struct world_address){"192.0.2.80", 80},
                                &fixture.client_memory));
  server_fixture_run(&fixture, 2);
  for (size_t i = 0; i < CLIENTS; i++) net_client_write(&clients[i], BYTES(GET("/plain")));
  server_fixture_run(&fixture, 10);
  assert_int_equal(fixture.app.handled, CLIENTS);
  for (size_t i = 0; i < CLIENTS; i++) {
    net_client_read(&clients[i]);
    server_fixture_expect(&fixture, &clients[i], 200, BYTES("hello"));
    net_client_free(&clients[i]);
  }
  server_fixture_close(&fixture);
}

static void test_dates(void **state)
{
  (void)state;
  static const struct {
    int64_t at_ms;
    const char *date;
  } rows[] = {{1798761600000, "Fri, 01 Jan 2027 00:00:00 GMT"},
              {1772323199000, "Sat, 28 Feb 2026 23:59:59 GMT"},
              {1709210096789, "Thu, 29 Feb 2024 12:34:56 GMT"},
              {4102444800000, "Fri, 01 Jan 2100 00:00:00 GMT"}};
  struct server_fixture fixture;
  server_fixture_open(&fixture, NULL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    world_sim_jump_clock_ms(fixture.sim, rows[i].at_ms - world_clock_ms(fixture.world));
    world_sim_advance_ms(fixture.sim, LOOP_CLOCK_MS);
    world_sim_jump_clock_ms(fixture.sim, rows[i].at_ms - world_clock_ms(fixture.world));
    server_turn(fixture.server, 0);
    struct reply_context context = reactor_reply_context(server_fixture_reactor(&fixture));
    if (!bytes_equal(context.date, bytes_of_text(rows[i].date)))
      fail_msg("%.*s is not %s", BYTES_FORMAT(context.date), rows[i].date);
  }
  server_fixture_close(&fixture);
}

/* Exchanges are used again, but a flood's are not all kept. */
static void test_exchanges_are_reused(void **state)
{
  (void)state;
  struct server_fixture fixture;
  server_fixture_open(&fixture, NULL);
  for (int i = 0; i < REACTOR_FREE_EXCHANGES + 50; i++)
    server_fixture_send_text(&fixture, server_fixture_connect(&fixture), GET("/hold/x"));
  server_fixture_run(&fixture, 5);
  struct reactor *reactor = server_fixture_reactor(&fixture);
  assert_int_equal(reactor->exchange_count, REACTOR_FREE_EXCHANGES + 50);
  net_app_release_all(&fixture.app);
  server_fixture_run(&fixture, 5);
  assert_int_equal(reactor->exchange_count, 0);
  assert_int_equal(reactor->free_count, REACTOR_FREE_EXCHANGES);
  server_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_descriptors_run_out),
      cmocka_unit_test(test_descriptors_come_back),
      cmocka_unit_test(test_the_end_comes_with_the_request),
      cmocka_unit_test(test_refused_upload),
      cmocka_unit_test(test_inherited_listener),
      cmocka_unit_test(test_many_at_once),
      cmocka_unit_test(test_dates),
      cmocka_unit_test(test_exchanges_are_reused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
