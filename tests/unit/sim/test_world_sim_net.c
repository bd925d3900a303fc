#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/random.h"
#include "sim/world_sim.h"

#include <errno.h>

enum { LISTENER_KEY = 1, SERVER_KEY = 2, CLIENT_KEY = 3, LONG_MS = 100000 };

static const struct world_address SERVICE = {.host = "10.0.0.1", .port = 80};

struct fixture {
  struct world_sim *sim;
  struct world *server;
  struct world *client;
  const struct world_net_operations *net;
  int listener;
};

static struct fixture make(uint64_t seed)
{
  struct fixture fixture = {.sim = world_sim_new(seed)};
  fixture.server = world_sim_world(fixture.sim);
  fixture.client = world_sim_client(fixture.sim);
  fixture.net = fixture.server->net;
  fixture.listener = fixture.net->listen(fixture.server, &SERVICE, 4);
  assert_true(fixture.listener >= 0);
  return fixture;
}

/* Everything that is under way arrives. */
static void settle(struct fixture *fixture)
{
  while (world_sim_advance_to_delivery(fixture->sim, LONG_MS)) continue;
}

struct pair {
  int client;
  int server;
};

static struct pair connect_pair(struct fixture *fixture)
{
  struct pair pair;
  pair.client = fixture->net->connect(fixture->client, &SERVICE);
  assert_true(pair.client >= 0);
  settle(fixture);
  pair.server = fixture->net->accept(fixture->server, fixture->listener, NULL);
  assert_true(pair.server >= 0);
  return pair;
}

static void test_a_connection_is_made_in_virtual_time(void **state)
{
  (void)state;
  struct fixture fixture = make(1);
  const struct world_net_operations *net = fixture.net;
  int client = net->connect(fixture.client, &SERVICE);
  assert_true(client >= 0);
  char byte = 0;
  assert_int_equal(net->write(fixture.client, client, "x", 1), -EAGAIN);
  assert_int_equal(net->read(fixture.client, client, &byte, 1), -EAGAIN);
  assert_int_equal(net->accept(fixture.server, fixture.listener, NULL), -EAGAIN);
  assert_int_equal(net->watch(fixture.client, client, WORLD_WRITE, CLIENT_KEY), 0);
  assert_int_equal(net->watch(fixture.server, fixture.listener, WORLD_READ, LISTENER_KEY), 0);
  struct world_event event = {0};
  assert_int_equal(net->wait(fixture.server, &event, 1, LONG_MS), 1);
  assert_int_equal(event.user_data, LISTENER_KEY);
  assert_int_equal(event.ready, WORLD_READ);
  int64_t passed_ns = world_monotonic_ns(fixture.server);
  assert_in_range(passed_ns, 100000, 1000000); /* one delay */
  struct world_address peer, own;
  int server = net->accept(fixture.server, fixture.listener, &peer);
  assert_true(server >= 0);
  assert_int_equal(net->local(fixture.client, client, &own), 0);
  assert_string_equal(peer.host, own.host);
  assert_int_equal(peer.port, own.port);
  assert_int_equal(net->wait(fixture.client, &event, 1, LONG_MS), 1);
  assert_int_equal(event.user_data, CLIENT_KEY);
  assert_int_equal(event.ready, WORLD_WRITE);
  assert_int_equal(net->write(fixture.client, client, "x", 1), 1);
  assert_int_equal(net->read(fixture.server, server, &byte, 1), -EAGAIN);
  settle(&fixture);
  assert_int_equal(net->read(fixture.server, server, &byte, 1), 1);
  assert_int_equal(byte, 'x');
  /* A handle belongs to the world that made it. */
  assert_int_equal(net->read(fixture.client, server, &byte, 1), -EBADF);
  world_sim_free(fixture.sim);
}

static void test_refusals(void **state)
{
  (void)state;
  struct fixture fixture = make(2);
  const struct world_net_operations *net = fixture.net;
  assert_int_equal(net->listen(fixture.server, &SERVICE, 4), -EADDRINUSE);
  struct world_address nowhere = {.host = "10.0.0.1", .port = 81};
  int client = net->connect(fixture.client, &nowhere);
  assert_int_equal(net->watch(fixture.client, client, WORLD_WRITE, CLIENT_KEY), 0);
  struct world_event event;
  assert_int_equal(net->wait(fixture.client, &event, 1, LONG_MS), 1);
  assert_int_equal(event.ready, WORLD_READ | WORLD_WRITE);
  assert_int_equal(net->write(fixture.client, client, "x", 1), -ECONNREFUSED);
  assert_int_equal(net->close(fixture.client, client), 0);
  assert_int_equal(net->close(fixture.client, client), -EBADF);
  /* Beyond the backlog of four. */
  int clients[5];
  for (int i = 0; i < 5; i++) clients[i] = net->connect(fixture.client, &SERVICE);
  settle(&fixture);
  int refused = 0;
  for (int i = 0; i < 5; i++)
    refused += net->write(fixture.client, clients[i], "x", 1) == -ECONNREFUSED;
  assert_int_equal(refused, 1);
  /* A listener that goes resets whom it did not accept. */
  assert_int_equal(net->close(fixture.server, fixture.listener), 0);
  settle(&fixture);
  for (int i = 0; i < 5; i++) assert_true(net->write(fixture.client, clients[i], "x", 1) < 0);
  world_sim_free(fixture.sim);
}

static void test_a_full_stream_gets_room_when_the_peer_reads(void **state)
{
  (void)state;
  struct fixture fixture = make(3);
  const struct world_net_operations *net = fixture.net;
  world_sim_settings(fixture.sim)->stream_bytes = 1000;
  world_sim_settings(fixture.sim)->partial_per_million = 0;
  struct pair pair = connect_pair(&fixture);
  uint8_t bytes[3000] = {0};
  assert_int_equal(net->write(fixture.client, pair.client, bytes, sizeof(bytes)), 1000);
  assert_int_equal(net->write(fixture.client, pair.client, bytes, 1), -EAGAIN);
  settle(&fixture);
  assert_int_equal(net->write(fixture.client, pair.client, bytes, 1), -EAGAIN);
  assert_int_equal(net->watch(fixture.client, pair.client, WORLD_WRITE, CLIENT_KEY), 0);
  struct world_event event;
  assert_int_equal(net->wait(fixture.client, &event, 1, 0), 0);
  assert_int_equal(net->read(fixture.server, pair.server, bytes, 300), 300);
  assert_int_equal(net->write(fixture.client, pair.client, bytes, 1), -EAGAIN);
  assert_int_equal(net->wait(fixture.client, &event, 1, LONG_MS), 1);
  assert_int_equal(event.ready, WORLD_WRITE);
  assert_int_equal(net->write(fixture.client, pair.client, bytes, 3000), 300);
  assert_int_equal(net->wait(fixture.client, &event, 1, 0), 0);
  world_sim_free(fixture.sim);
}

/* Ends of streams: half close, close with and without unread bytes. */
static void test_ends(void **state)
{
  (void)state;
  struct fixture fixture = make(4);
  const struct world_net_operations *net = fixture.net;
  world_sim_settings(fixture.sim)->partial_per_million = 0;
  char text[8];
  struct pair pair = connect_pair(&fixture);
  assert_int_equal(net->write(fixture.client, pair.client, "end", 3), 3);
  assert_int_equal(net->shutdown(fixture.client, pair.client), 0);
  assert_int_equal(net->write(fixture.client, pair.client, "x", 1), -EPIPE);
  settle(&fixture);
  assert_int_equal(net->read(fixture.server, pair.server, text, sizeof(text)), 3);
  assert_int_equal(net->read(fixture.server, pair.server, text, sizeof(text)), 0);
  assert_int_equal(net->write(fixture.server, pair.server, "ok", 2), 2);
  assert_int_equal(net->close(fixture.server, pair.server), 0);
  settle(&fixture);
  assert_int_equal(net->read(fixture.client, pair.client, text, sizeof(text)), 2);
  assert_int_equal(net->read(fixture.client, pair.client, text, sizeof(text)), 0);

  pair = connect_pair(&fixture);
  assert_int_equal(net->write(fixture.client, pair.client, "unread", 6), 6);
  settle(&fixture);
  assert_int_equal(net->close(fixture.server, pair.server), 0);
  settle(&fixture);
  assert_int_equal(net->read(fixture.client, pair.client, text, sizeof(text)), -ECONNRESET);

  pair = connect_pair(&fixture);
  assert_int_equal(net->close(fixture.server, pair.server), 0);
  settle(&fixture);
  assert_int_equal(net->write(fixture.client, pair.client, "late", 4), 4);
  settle(&fixture);
  assert_int_equal(net->write(fixture.client, pair.client, "late", 4), -ECONNRESET);
  world_sim_free(fixture.sim);
}

static void test_waits_and_wakes(void **state)
{
  (void)state;
  struct fixture fixture = make(5);
  const struct world_net_operations *net = fixture.net;
  struct world_event events[4];
  assert_int_equal(net->wait(fixture.server, events, 4, 250), 0);
  assert_int_equal(world_monotonic_ns(fixture.server), 250000000);
  net->wake(fixture.server);
  assert_int_equal(net->wait(fixture.server, events, 4, 250), 0);
  assert_int_equal(world_monotonic_ns(fixture.server), 250000000);
  assert_int_equal(net->wait(fixture.server, events, 4, -1), 0); /* nothing will ever happen */
  struct pair pair = connect_pair(&fixture);
  int64_t now_ns = world_monotonic_ns(fixture.server);
  /* What arrives for the other side ends the wait. */
  assert_true(net->write(fixture.server, pair.server, "x", 1) == 1);
  assert_int_equal(net->wait(fixture.server, events, 4, LONG_MS), 0);
  assert_in_range(world_monotonic_ns(fixture.server) - now_ns, 1, 400000000);
  assert_int_equal(net->unwatch(fixture.server, pair.server), -ENOENT);
  assert_int_equal(net->watch(fixture.server, pair.server, WORLD_READ | WORLD_WRITE, 9), 0);
  assert_int_equal(net->wait(fixture.server, events, 4, 0), 1);
  assert_int_equal(events[0].ready, WORLD_WRITE);
  assert_int_equal(net->wait(fixture.server, events, 4, 0), 0);
  assert_int_equal(net->unwatch(fixture.server, pair.server), 0);
  assert_true(net->write(fixture.client, pair.client, "x", 1) == 1);
  settle(&fixture);
  assert_int_equal(net->wait(fixture.server, events, 4, 0), 0);
  world_sim_free(fixture.sim);
}

static void test_connections_overtake_each_other(void **state)
{
  (void)state;
  struct fixture fixture = make(6);
  const struct world_net_operations *net = fixture.net;
  struct pair first = connect_pair(&fixture), second = connect_pair(&fixture);
  net->watch(fixture.server, first.server, WORLD_READ, 1);
  net->watch(fixture.server, second.server, WORLD_READ, 2);
  int order[3] = {0};
  for (int i = 0; i < 60; i++) {
    assert_true(net->write(fixture.client, first.client, "1", 1) == 1);
    assert_true(net->write(fixture.client, second.client, "2", 1) == 1);
    struct world_event event = {0};
    while (net->wait(fixture.server, &event, 1, LONG_MS) == 0) continue;
    order[event.user_data]++;
    settle(&fixture);
    while (net->wait(fixture.server, &event, 1, 0) > 0) continue;
    char byte;
    assert_int_equal(net->read(fixture.server, first.server, &byte, 1), 1);
    assert_int_equal(net->read(fixture.server, second.server, &byte, 1), 1);
    settle(&fixture);
  }
  assert_true(order[1] > 10 && order[2] > 10);
  world_sim_free(fixture.sim);
}

static void test_a_silent_connection_is_half_open_for_a_time(void **state)
{
  (void)state;
  struct fixture fixture = make(7);
  const struct world_net_operations *net = fixture.net;
  struct pair pair = connect_pair(&fixture);
  world_sim_silence(fixture.server, pair.server);
  int64_t start_ns = world_monotonic_ns(fixture.server);
  assert_true(net->write(fixture.client, pair.client, "lost", 4) > 0);
  char text[8];
  world_sim_advance_ms(fixture.sim, 400);
  assert_int_equal(net->read(fixture.server, pair.server, text, sizeof(text)), -EAGAIN);
  assert_true(net->write(fixture.client, pair.client, "lost", 4) > 0);
  settle(&fixture);
  assert_int_equal(net->read(fixture.server, pair.server, text, sizeof(text)), -ETIMEDOUT);
  assert_int_equal(net->write(fixture.client, pair.client, "x", 1), -ETIMEDOUT);
  int64_t passed_ms = (world_monotonic_ns(fixture.server) - start_ns) / 1000000;
  assert_in_range(passed_ms, 400, 60000 + LONG_MS);
  world_sim_free(fixture.sim);
}

static void test_a_crash_ends_the_connections_of_the_process_only(void **state)
{
  (void)state;
  int resets = 0, timeouts = 0;
  for (uint64_t seed = 0; seed < 40; seed++) {
    struct fixture fixture = make(seed);
    const struct world_net_operations *net = fixture.net;
    struct pair pair = connect_pair(&fixture);
    int waiting = net->connect(fixture.client, &SERVICE);
    settle(&fixture);
    world_sim_crash(fixture.sim, WORLD_SIM_CRASH_RANDOM);
    char byte;
    assert_int_equal(net->read(fixture.server, pair.server, &byte, 1), -EBADF);
    assert_int_equal(net->accept(fixture.server, fixture.listener, NULL), -EBADF);
    settle(&fixture);
    int64_t result = net->read(fixture.client, pair.client, &byte, 1);
    assert_true(result == -ECONNRESET || result == -ETIMEDOUT);
    assert_int_equal(net->read(fixture.client, waiting, &byte, 1), result);
    resets += result == -ECONNRESET;
    timeouts += result == -ETIMEDOUT;
    fixture.listener = net->listen(fixture.server, &SERVICE, 4);
    connect_pair(&fixture);
    world_sim_free(fixture.sim);
  }
  assert_true(resets > 5 && timeouts > 5);
}

/* ---- random transfers ---- */

enum { STREAMS = 4, TRANSFER_BYTES = 20000 };

/* The bytes that a stream carries: a function of their position, so loss or disorder shows. */
static uint8_t pattern(int stream, size_t at)
{
  return (uint8_t)((at * 31 + at / 251 + (size_t)stream) & 0xff);
}

struct transfer {
  struct pair pair;
  size_t sent;
  size_t received;
  bool shut;
  bool ended;
  int error;
};

/* The end may be told only behind the last byte. */
static void note_result(struct transfer *transfer, int64_t result)
{
  if (result < 0 && result != -EAGAIN) transfer->error = (int)-result;
  if (result != 0) return;
  assert_int_equal(transfer->received, TRANSFER_BYTES);
  transfer->ended = true;
}

static void move_bytes(struct fixture *fixture, struct transfer *transfer, int stream)
{
  uint8_t bytes[700];
  size_t left = TRANSFER_BYTES - transfer->sent;
  size_t size = left < sizeof(bytes) ? left : sizeof(bytes);
  for (size_t i = 0; i < size; i++) bytes[i] = pattern(stream, transfer->sent + i);
  int64_t count = -EAGAIN;
  if (size > 0) {
    count = fixture->net->write(fixture->client, transfer->pair.client, bytes, size);
    if (count > 0) transfer->sent += (size_t)count;
  } else if (!transfer->shut) {
    transfer->shut = true;
    (void)fixture->net->shutdown(fixture->client, transfer->pair.client);
  }
  note_result(transfer, count);
  count = fixture->net->read(fixture->server, transfer->pair.server, bytes, sizeof(bytes));
  for (int64_t i = 0; i < count; i++)
    assert_int_equal(bytes[i], pattern(stream, transfer->received + (size_t)i));
  if (count > 0) transfer->received += (size_t)count;
  note_result(transfer, count);
}

/* Returns the trace; counts the streams that broke. */
static uint64_t run_transfers(uint64_t seed, uint32_t accidents_per_million, int *broken)
{
  struct fixture fixture = make(seed);
  struct transfer transfers[STREAMS] = {0};
  world_sim_settings(fixture.sim)->stream_bytes = 3000;
  for (int i = 0; i < STREAMS; i++) transfers[i].pair = connect_pair(&fixture);
  world_sim_settings(fixture.sim)->reset_per_million = accidents_per_million;
  world_sim_settings(fixture.sim)->silence_per_million = accidents_per_million;
  for (int running = STREAMS; running > 0;) {
    running = 0;
    for (int i = 0; i < STREAMS; i++) {
      if (transfers[i].error != 0 || transfers[i].ended) continue;
      move_bytes(&fixture, &transfers[i], i);
      running++;
    }
    world_sim_advance_to_delivery(fixture.sim, LONG_MS);
  }
  for (int i = 0; i < STREAMS; i++) {
    assert_true(transfers[i].received <= transfers[i].sent);
    if (transfers[i].error != 0)
      ++*broken;
    else
      assert_int_equal(transfers[i].received, TRANSFER_BYTES);
  }
  uint64_t trace = world_sim_trace(fixture.sim);
  world_sim_free(fixture.sim);
  return trace;
}

static void test_streams_carry_every_byte_in_order(void **state)
{
  (void)state;
  uint64_t seed = random_seed(1);
  int broken = 0;
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/sim/test_world_sim_net\n",
                (unsigned long long)seed);
  for (uint64_t i = 0; i < 10; i++) run_transfers(seed + i, 0, &broken);
  assert_int_equal(broken, 0);
}

static void test_accidents_break_streams_but_never_their_bytes(void **state)
{
  (void)state;
  int broken = 0;
  for (uint64_t seed = 0; seed < 20; seed++) run_transfers(seed, 10000, &broken);
  assert_in_range(broken, 10, 20 * STREAMS - 1);
}

static void test_a_seed_repeats_its_trace(void **state)
{
  (void)state;
  int broken = 0;
  uint64_t trace = run_transfers(3, 5000, &broken);
  assert_true(run_transfers(3, 5000, &broken) == trace);
  assert_true(run_transfers(4, 5000, &broken) != trace);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_connection_is_made_in_virtual_time),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_a_full_stream_gets_room_when_the_peer_reads),
      cmocka_unit_test(test_ends),
      cmocka_unit_test(test_waits_and_wakes),
      cmocka_unit_test(test_connections_overtake_each_other),
      cmocka_unit_test(test_a_silent_connection_is_half_open_for_a_time),
      cmocka_unit_test(test_a_crash_ends_the_connections_of_the_process_only),
      cmocka_unit_test(test_streams_carry_every_byte_in_order),
      cmocka_unit_test(test_accidents_break_streams_but_never_their_bytes),
      cmocka_unit_test(test_a_seed_repeats_its_trace),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
