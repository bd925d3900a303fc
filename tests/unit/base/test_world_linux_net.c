#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/world_linux.h"
#include "base/world_net.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 2000, LISTENER_KEY = 1, CLIENT_KEY = 2, SERVER_KEY = 3 };

struct fixture {
  struct world_linux linux_world;
  struct world *world;
  const struct world_net_operations *net;
  int listener;
  struct world_address address;
};

static int make_fixture(void **state)
{
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  assert_non_null(fixture);
  world_linux_init(&fixture->linux_world);
  fixture->world = &fixture->linux_world.world;
  assert_null(fixture->world->net);
  assert_int_equal(world_linux_open_net(&fixture->linux_world), 0);
  fixture->net = fixture->world->net;
  struct world_address any = {.host = "127.0.0.1", .port = 0};
  fixture->listener = fixture->net->listen(fixture->world, &any, 16);
  assert_true(fixture->listener >= 0);
  assert_int_equal(fixture->net->local(fixture->world, fixture->listener, &fixture->address), 0);
  assert_string_equal(fixture->address.host, "127.0.0.1");
  assert_true(fixture->address.port != 0);
  *state = fixture;
  return 0;
}

static int drop_fixture(void **state)
{
  struct fixture *fixture = *state;
  fixture->net->close(fixture->world, fixture->listener);
  world_linux_close(&fixture->linux_world);
  int unclean = fixture->world->net != NULL || fixture->linux_world.poller != -1;
  free(fixture);
  return unclean;
}

/* Waits until `key` reports `ready`; other events of the same key are fine, other keys are not. */
static void await(struct fixture *fixture, uint64_t key, uint32_t ready)
{
  struct world_event events[4];
  uint32_t seen = 0;
  int64_t end_ns = world_monotonic_ns(fixture->world) + WAIT_MS * INT64_C(1000000);
  while ((seen & ready) != ready) {
    int count = fixture->net->wait(fixture->world, events, 4, WAIT_MS);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
      assert_int_equal(events[i].user_data, key);
      seen |= events[i].ready;
    }
    assert_true(world_monotonic_ns(fixture->world) < end_ns);
  }
}

struct pair {
  int client;
  int server;
};

static struct pair connect_pair(struct fixture *fixture)
{
  struct pair pair;
  struct world_address peer, own;
  assert_int_equal(fixture->net->accept(fixture->world, fixture->listener, NULL), -EAGAIN);
  pair.client = fixture->net->connect(fixture->world, &fixture->address);
  assert_true(pair.client >= 0);
  assert_int_equal(fixture->net->watch(fixture->world, fixture->listener, WORLD_READ, LISTENER_KEY),
                   0);
  await(fixture, LISTENER_KEY, WORLD_READ);
  pair.server = fixture->net->accept(fixture->world, fixture->listener, &peer);
  assert_true(pair.server >= 0);
  assert_int_equal(fixture->net->unwatch(fixture->world, fixture->listener), 0);
  assert_int_equal(fixture->net->local(fixture->world, pair.client, &own), 0);
  assert_string_equal(peer.host, "127.0.0.1");
  assert_int_equal(peer.port, own.port);
  return pair;
}

static void test_bytes_cross_and_an_empty_stream_says_again(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  struct pair pair = connect_pair(fixture);
  char text[16];
  assert_int_equal(net->read(world, pair.server, text, sizeof(text)), -EAGAIN);
  assert_int_equal(net->watch(world, pair.server, WORLD_READ, SERVER_KEY), 0);
  assert_int_equal(net->write(world, pair.client, "ticket", 6), 6);
  await(fixture, SERVER_KEY, WORLD_READ);
  assert_int_equal(net->read(world, pair.server, text, 4), 4);
  assert_int_equal(net->read(world, pair.server, text + 4, 12), 2);
  assert_memory_equal(text, "ticket", 6);
  assert_int_equal(net->read(world, pair.server, text, sizeof(text)), -EAGAIN);
  assert_int_equal(net->close(world, pair.client), 0);
  await(fixture, SERVER_KEY, WORLD_READ);
  assert_int_equal(net->read(world, pair.server, text, sizeof(text)), 0);
  assert_int_equal(net->close(world, pair.server), 0);
  assert_int_equal(net->close(world, pair.server), -EBADF);
}

static void test_an_edge_is_reported_once(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  struct pair pair = connect_pair(fixture);
  struct world_event events[4];
  /* Readiness from before the watch is told too. */
  assert_int_equal(net->write(world, pair.client, "a", 1), 1);
  assert_int_equal(net->watch(world, pair.server, WORLD_READ, SERVER_KEY), 0);
  await(fixture, SERVER_KEY, WORLD_READ);
  assert_int_equal(net->wait(world, events, 4, 0), 0);
  /* Watching again re-arms: the byte is still unread. */
  assert_int_equal(net->watch(world, pair.server, WORLD_READ | WORLD_WRITE, 77), 0);
  assert_int_equal(net->wait(world, events, 4, WAIT_MS), 1);
  assert_int_equal(events[0].user_data, 77);
  assert_int_equal(events[0].ready, WORLD_READ | WORLD_WRITE);
  assert_int_equal(net->unwatch(world, pair.server), 0);
  assert_int_equal(net->unwatch(world, pair.server), -ENOENT);
  assert_int_equal(net->write(world, pair.client, "b", 1), 1);
  assert_int_equal(net->wait(world, events, 4, 10), 0);
  net->close(world, pair.client);
  net->close(world, pair.server);
}

static void test_a_full_stream_says_again_and_then_ready(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  struct pair pair = connect_pair(fixture);
  int bytes = 4096;
  setsockopt(pair.client, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  static uint8_t block[65536];
  size_t sent = 0;
  int64_t wrote;
  while ((wrote = net->write(world, pair.client, block, sizeof(block))) > 0) sent += (size_t)wrote;
  assert_int_equal(wrote, -EAGAIN);
  assert_int_equal(net->watch(world, pair.client, WORLD_WRITE, CLIENT_KEY), 0);
  size_t received = 0;
  while (received < sent) {
    int64_t got = net->read(world, pair.server, block, sizeof(block));
    if (got == -EAGAIN) continue;
    assert_true(got > 0);
    received += (size_t)got;
  }
  await(fixture, CLIENT_KEY, WORLD_WRITE);
  assert_true(net->write(world, pair.client, block, 1) == 1);
  net->close(world, pair.client);
  net->close(world, pair.server);
}

static void test_half_close(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  struct pair pair = connect_pair(fixture);
  char text[8];
  assert_int_equal(net->write(world, pair.client, "end", 3), 3);
  assert_int_equal(net->shutdown(world, pair.client), 0);
  assert_int_equal(net->write(world, pair.client, "x", 1), -EPIPE);
  assert_int_equal(net->watch(world, pair.server, WORLD_READ, SERVER_KEY), 0);
  await(fixture, SERVER_KEY, WORLD_READ);
  assert_int_equal(net->read(world, pair.server, text, sizeof(text)), 3);
  int64_t got;
  while ((got = net->read(world, pair.server, text, sizeof(text))) == -EAGAIN) usleep(100);
  assert_int_equal(got, 0);
  /* The other direction still works. */
  assert_int_equal(net->unwatch(world, pair.server), 0);
  assert_int_equal(net->watch(world, pair.client, WORLD_READ, CLIENT_KEY), 0);
  assert_int_equal(net->write(world, pair.server, "answer", 6), 6);
  await(fixture, CLIENT_KEY, WORLD_READ);
  assert_int_equal(net->read(world, pair.client, text, sizeof(text)), 6);
  net->close(world, pair.client);
  net->close(world, pair.server);
}

static void test_refused_and_reset(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  struct pair pair = connect_pair(fixture);
  char text[8];
  struct linger abort_at_close = {.l_onoff = 1, .l_linger = 0};
  setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof(abort_at_close));
  assert_int_equal(net->close(world, pair.client), 0);
  assert_int_equal(net->watch(world, pair.server, WORLD_WRITE, SERVER_KEY), 0);
  await(fixture, SERVER_KEY, WORLD_READ | WORLD_WRITE);
  assert_int_equal(net->read(world, pair.server, text, sizeof(text)), -ECONNRESET);
  assert_int_equal(net->close(world, pair.server), 0);

  assert_int_equal(net->close(world, fixture->listener), 0);
  int client = net->connect(world, &fixture->address);
  if (client >= 0) {
    assert_int_equal(net->watch(world, client, WORLD_WRITE, CLIENT_KEY), 0);
    await(fixture, CLIENT_KEY, WORLD_WRITE);
    assert_int_equal(net->write(world, client, "x", 1), -ECONNREFUSED);
    net->close(world, client);
  } else {
    assert_int_equal(client, -ECONNREFUSED);
  }
}

static void test_addresses(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  struct world_address wrong = {.host = "localhost", .port = 80};
  assert_int_equal(net->listen(world, &wrong, 1), -EINVAL);
  assert_int_equal(net->connect(world, &wrong), -EINVAL);
  assert_int_equal(net->listen(world, &fixture->address, 1), -EADDRINUSE);
  struct world_address local;
  assert_int_equal(net->local(world, -1, &local), -EBADF);

  struct world_address dual = {.host = "::", .port = 0};
  int listener = net->listen(world, &dual, 1);
  if (listener < 0) skip(); /* a machine without IPv6 */
  assert_int_equal(net->local(world, listener, &dual), 0);
  assert_string_equal(dual.host, "::");
  struct world_address over_v4 = {.host = "127.0.0.1", .port = dual.port};
  int client = net->connect(world, &over_v4);
  assert_true(client >= 0);
  assert_int_equal(net->watch(world, listener, WORLD_READ, LISTENER_KEY), 0);
  await(fixture, LISTENER_KEY, WORLD_READ);
  struct world_address peer;
  int server = net->accept(world, listener, &peer);
  assert_true(server >= 0);
  assert_string_equal(peer.host, "127.0.0.1");
  net->close(world, client);
  net->close(world, server);
  net->close(world, listener);
}

static void test_shared_addresses(void **state)
{
  struct fixture *fixture = *state;
  const struct world_net_operations *net = fixture->net;
  struct world *world = fixture->world;
  assert_int_equal(net->listen_shared(world, &fixture->address, 1), -EADDRINUSE);
  struct world_address address = {.host = "127.0.0.1", .port = 0};
  int first = net->listen_shared(world, &address, 1);
  assert_true(first >= 0);
  assert_int_equal(net->local(world, first, &address), 0);
  int second = net->listen_shared(world, &address, 1);
  assert_true(second >= 0);
  assert_int_equal(net->listen(world, &address, 1), -EADDRINUSE);
  net->close(world, first);
  net->close(world, second);
}

static void *wake_from_another_thread(void *context)
{
  struct fixture *fixture = context;
  usleep(5000);
  fixture->net->wake(fixture->world);
  return NULL;
}

static void test_wake_ends_a_wait(void **state)
{
  struct fixture *fixture = *state;
  struct world_event event;
  fixture->net->wake(fixture->world);
  fixture->net->wake(fixture->world);
  assert_int_equal(fixture->net->wait(fixture->world, &event, 1, -1), 0);
  int64_t before_ns = world_monotonic_ns(fixture->world);
  assert_int_equal(fixture->net->wait(fixture->world, &event, 1, 20), 0);
  assert_true(world_monotonic_ns(fixture->world) - before_ns >= 19000000);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, wake_from_another_thread, fixture), 0);
  assert_int_equal(fixture->net->wait(fixture->world, &event, 1, -1), 0);
  pthread_join(thread, NULL);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, make_fixture, drop_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FIXTURE(test_bytes_cross_and_an_empty_stream_says_again),
      WITH_FIXTURE(test_an_edge_is_reported_once),
      WITH_FIXTURE(test_a_full_stream_says_again_and_then_ready),
      WITH_FIXTURE(test_half_close),
      WITH_FIXTURE(test_refused_and_reset),
      WITH_FIXTURE(test_addresses),
      WITH_FIXTURE(test_shared_addresses),
      WITH_FIXTURE(test_wake_ends_a_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
