#include "net/asked_stream.h"

#include "unit/net/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
  PING_MS = 1000,
  STALL_MS = 3000,
  PERIOD_MS = NET_APP_ASK_MS,
  LATE_MS = 2 * TIMER_STEP_MS, /* at most, with the way to the client */
};

static struct server_fixture fixture;

static int open_fixture(void **state)
{
  (void)state;
  struct server_fixture_options options = server_fixture_defaults();
  options.limits.stream_ping_ms = PING_MS;
  options.limits.write_stall_ms = STALL_MS;
  server_fixture_open(&fixture, &options);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  server_fixture_close(&fixture);
  return 0;
}

static const struct net_metrics *metrics(void)
{
  return &server_fixture_reactor(&fixture)->metrics;
}

/* A client whose stream has begun; only events are left in what came. */
static struct net_client *begin(const char *name, int minor_version)
{
  char request[256];
  struct net_client *client = server_fixture_connect(&fixture);
  snprintf(request, sizeof request, "GET /asked/%s HTTP/1.%d\r\nHost: a\r\n\r\n", name,
           minor_version);
  server_fixture_send_text(&fixture, client, request);
  server_fixture_run(&fixture, 2);
  struct bytes in = buffer_bytes(&client->in);
  size_t end = bytes_find(in, BYTES("\r\n\r\n"));
  assert_true(end != SIZE_MAX);
  struct net_reply reply = {.head = bytes_of(in.data, end + 4)};
  bool chunked = minor_version > 0;
  assert_true(bytes_starts_with(in, BYTES("HTTP/1.1 200 OK\r\n")));
  assert_true(
      bytes_equal(net_reply_header(&reply, BYTES("content-type")), BYTES("text/event-stream")));
  assert_int_equal(net_reply_header(&reply, BYTES("transfer-encoding")).data != NULL, chunked);
  assert_int_equal(net_reply_header(&reply, BYTES("connection")).data != NULL, !chunked);
  assert_null(net_reply_header(&reply, BYTES("content-length")).data);
  net_client_take(client, end + 4);
  return client;
}

/* The next that came is exactly this, as a chunk or bare. */
static void expect(struct net_client *client, bool chunked, struct bytes content)
{
  char line[16];
  int size = chunked ? snprintf(line, sizeof line, "%zx\r\n", content.size) : 0;
  struct bytes in = buffer_bytes(&client->in);
  size_t whole = (size_t)size + content.size + (chunked ? 2 : 0);
  if (in.size < whole || !bytes_equal(bytes_of(in.data + size, content.size), content))
    fail_msg("%.40s wanted, got %.*s", (const char *)content.data, BYTES_FORMAT(in));
  assert_memory_equal(in.data, line, (size_t)size);
  if (chunked) assert_memory_equal(in.data + whole - 2, "\r\n", 2);
  net_client_take(client, whole);
}

static void expect_event(struct net_client *client, bool chunked, unsigned n, const char *name)
{
  static char text[NET_APP_BIG_BYTES + 64];
  int size = snprintf(text, sizeof text, "data: %u %s", n, name);
  if (name[0] == 'b' && n > 0) {
    memset(text + size, '.', NET_APP_BIG_BYTES);
    size += NET_APP_BIG_BYTES;
  }
  memcpy(text + size, "\n\n", 2);
  expect(client, chunked, bytes_of(text, (size_t)size + 2));
}

/* ---- periods ---- */

static void test_every_reader_is_told_its_own(void **state)
{
  (void)state;
  struct net_client *new = begin("new", 1);
  struct net_client *old = begin("old", 0);
  expect_event(new, true, 0, "new");
  expect_event(old, false, 0, "old");
  uint64_t requests = metric_read(&metrics()->requests);
  server_fixture_run(&fixture, LATE_MS);
  for (unsigned n = 1; n <= 20; n++) {
    server_fixture_run(&fixture, PERIOD_MS);
    expect_event(new, true, n, "new");
    expect_event(old, false, n, "old");
    assert_int_equal(new->in.size + old->in.size, 0);
  }
  assert_int_equal(metric_read(&metrics()->streams_open), 2);
  assert_int_equal(metric_read(&metrics()->asks), 40);
  assert_int_equal(fixture.app.asked, 40);
  /* They are no requests. */
  assert_int_equal(fixture.app.handled, 2);
  assert_int_equal(metric_read(&metrics()->requests), requests);
  assert_int_equal(server_fixture_reactor(&fixture)->exchange_count, 0);
}

static uint64_t count_of(const struct metric_latency *latency)
{
  uint64_t sum = 0;
  for (size_t i = 0; latency != NULL && i < METRIC_LATENCY_BUCKETS; i++)
    sum += metric_read(&latency->counts[i]);
  return sum;
}

/* Of all routes and statuses. */
static uint64_t replies_counted(void)
{
  uint64_t sum = 0;
  for (size_t route = 0; route <= NET_APP_ROUTES; route++) {
    struct metric_latency **row = metrics()->latencies[0][route];
    for (size_t status = 0; row != NULL && status < NET_STATUSES; status++)
      sum += count_of(row[status]);
  }
  return sum;
}

static void test_asks_are_not_in_the_latencies(void **state)
{
  (void)state;
  begin("new", 1);
  assert_int_equal(replies_counted(), 1);
  server_fixture_run(&fixture, 10 * PERIOD_MS);
  assert_true(fixture.app.asked >= 9);
  assert_int_equal(replies_counted(), 1);
}

/* Each from its own start, without drift: a late turn does not move those behind it. */
static void test_asks_are_spread(void **state)
{
  (void)state;
  enum { STREAMS = 8, APART_MS = 8 };
  for (int i = 0; i < STREAMS; i++) {
    begin("q", 1);
    server_fixture_run(&fixture, APART_MS - 3);
  }
  assert_int_equal(fixture.app.asked, 0);
  int64_t begin_ms = fixture.loop.now_ms;
  for (int tenth = 0; tenth < 100; tenth++) {
    uint64_t before = fixture.app.asked;
    server_fixture_run(&fixture, PERIOD_MS / 10);
    assert_in_range(fixture.app.asked - before, 0, 3);
  }
  uint64_t periods = (uint64_t)(fixture.loop.now_ms - begin_ms) / PERIOD_MS;
  assert_in_range(fixture.app.asked, periods * STREAMS - STREAMS, periods * STREAMS + STREAMS);
  /* What was missed while the thread stood still is not made up for. */
  uint64_t before = fixture.app.asked;
  world_sim_advance_ms(fixture.sim, 35 * PERIOD_MS);
  server_fixture_run(&fixture, 1);
  assert_in_range(fixture.app.asked - before, STREAMS, STREAMS + 1);
  server_fixture_run(&fixture, PERIOD_MS);
  assert_in_range(fixture.app.asked - before, 2 * STREAMS - 1, 2 * STREAMS + 1);
}

static void test_nothing_to_tell(void **state)
{
  (void)state;
  struct net_client *new = begin("q1", 1);
  struct net_client *old = begin("q2", 0);
  expect_event(new, true, 0, "q1");
  expect_event(old, false, 0, "q2");
  server_fixture_run(&fixture, PING_MS - 20);
  assert_int_equal(new->in.size + old->in.size, 0);
  assert_in_range(fixture.app.asked, 18, 20);
  for (int i = 0; i < 3; i++) {
    server_fixture_run(&fixture, 40);
    expect(new, true, BYTES(": ping\n\n"));
    expect(old, false, BYTES(": ping\n\n"));
    assert_int_equal(new->in.size + old->in.size, 0);
    server_fixture_run(&fixture, PING_MS - 40);
  }
}

/* A reply that is no event tells nothing, and the note stays. */
static void test_refused_asks(void **state)
{
  (void)state;
  struct net_client *client = begin("r", 1);
  expect_event(client, true, 0, "r");
  server_fixture_run(&fixture, 10 * PERIOD_MS);
  for (unsigned n = 1; n <= 5; n++) expect_event(client, true, n, "r");
  assert_int_equal(client->in.size, 0);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_MEMORY), 5);
}

/* What is known of the stream's client, behind a proxy, though others asked meanwhile. */
static void test_what_the_handler_sees(void **state)
{
  close_fixture(state);
  struct error error;
  struct trusted_proxies proxies = {0};
  assert_true(trusted_proxies_parse(&proxies, BYTES("0.0.0.0/0"), &error));
  struct server_fixture_options options = server_fixture_defaults();
  options.proxies = &proxies;
  server_fixture_open(&fixture, &options);
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client,
                           "GET /asked/x HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n"
                           "X-Forwarded-For: 203.0.113.9\r\n\r\n");
  struct net_client *other = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, other, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_run(&fixture, 2);
  assert_int_equal(fixture.app.handled, 2);
  assert_string_not_equal(fixture.app.client, "203.0.113.9");
  server_fixture_run(&fixture, PERIOD_MS);
  assert_int_equal(fixture.app.asked, 1);
  assert_string_equal(fixture.app.client, "203.0.113.9");
  assert_true(
      bytes_equal(bytes_of(fixture.app.trace_id, fixture.app.trace_id_size), BYTES("mine")));
}

/* What it tells leaves when it is durable, and so long nobody asks again. */
static void test_durable_events(void **state)
{
  (void)state;
  struct net_client *client = begin("w", 1);
  expect_event(client, true, 0, "w");
  server_fixture_expect_silence(&fixture, client, 5 * PERIOD_MS);
  assert_int_equal(fixture.app.asked, 1);
  fixture.durable = 1;
  server_fixture_run(&fixture, 2);
  expect_event(client, true, 1, "w");
  fixture.durable = 2;
  server_fixture_run(&fixture, PERIOD_MS + LATE_MS);
  expect_event(client, true, 2, "w");
  assert_int_equal(fixture.app.asked, 2);
}

/* ---- the end ---- */

static void test_end(void **state)
{
  (void)state;
  static const char *const names[] = {"e", "f"};
  for (size_t i = 0; i < 4; i++) {
    const char *name = names[i / 2];
    bool chunked = i % 2 == 0;
    struct net_client *client = begin(name, chunked ? 1 : 0);
    server_fixture_run(&fixture, (NET_APP_LAST + 3) * PERIOD_MS);
    for (unsigned n = 0; n < NET_APP_LAST; n++) expect_event(client, chunked, n, name);
    if (name[0] == 'e') expect_event(client, chunked, NET_APP_LAST, name);
    if (chunked) {
      assert_true(bytes_equal(buffer_bytes(&client->in), BYTES("0\r\n\r\n")));
      net_client_take(client, 5);
    }
    server_fixture_expect_end(&fixture, client);
    assert_int_equal(metric_read(&metrics()->streams_open), 0);
    net_client_close(client);
    server_fixture_run(&fixture, 5);
    assert_null(server_fixture_reactor(&fixture)->connections);
  }
  assert_int_equal(fixture.app.asked, 4 * NET_APP_LAST);
}

/* The end waits behind what a slow reader has not taken. */
static void test_end_for_a_slow_reader(void **state)
{
  (void)state;
  world_sim_settings(fixture.sim)->stream_bytes = 4000;
  struct net_client *client = begin("h-e", 1);
  expect_event(client, true, 0, "h-e");
  server_fixture_run(&fixture, PERIOD_MS + LATE_MS);
  assert_int_equal(fixture.app.held_count, 1);
  struct exchange *exchange = fixture.app.held[0];
  uint8_t *event = arena_alloc(&exchange->arena, NET_APP_BIG_BYTES);
  assert_non_null(event);
  memset(event, 'z', NET_APP_BIG_BYTES);
  exchange_end_stream(exchange, bytes_of(event, NET_APP_BIG_BYTES));
  net_app_release_all(&fixture.app);
  assert_non_null(server_fixture_reactor(&fixture)->connections->out);
  server_fixture_run(&fixture, 1000);
  expect(client, true, bytes_of(client->in.data + 6, NET_APP_BIG_BYTES));
  assert_true(bytes_equal(buffer_bytes(&client->in), BYTES("0\r\n\r\n")));
  assert_true(client->ended);
}

static void test_client_goes(void **state)
{
  (void)state;
  struct net_client *client = begin("x", 1);
  server_fixture_run(&fixture, 3 * PERIOD_MS);
  assert_int_equal(fixture.app.asked, 3);
  net_client_close(client);
  server_fixture_run(&fixture, 10 * PERIOD_MS);
  assert_int_equal(fixture.app.asked, 3);
  assert_int_equal(metric_read(&metrics()->streams_open), 0);
}

static void test_client_goes_during_an_ask(void **state)
{
  (void)state;
  struct net_client *clients[4];
  for (int i = 0; i < 2; i++) clients[i] = begin("h", i);
  for (int i = 2; i < 4; i++) clients[i] = begin("w", i - 2);
  server_fixture_run(&fixture, PERIOD_MS + LATE_MS);
  assert_int_equal(fixture.app.held_count, 2);
  assert_int_equal(server_waiting(fixture.server), 2);
  for (int i = 0; i < 4; i++) net_client_close(clients[i]);
  server_fixture_run(&fixture, 10);
  assert_null(server_fixture_reactor(&fixture)->connections);
  assert_int_equal(server_fixture_reactor(&fixture)->exchange_count, 4);
  net_app_release_all(&fixture.app);
  fixture.durable = fixture.app.sequence;
  server_fixture_run(&fixture, 10);
  assert_int_equal(server_fixture_reactor(&fixture)->exchange_count, 0);
  assert_int_equal(metric_read(&metrics()->streams_open), 0);
  /* Nobody asked for these replies. */
  assert_int_equal(metric_read(&metrics()->orphaned), 0);
}

/* A handler that answers a request lets go of an ask that is held. */
static void test_released_by_another(void **state)
{
  (void)state;
  struct net_client *client = begin("h", 1);
  expect_event(client, true, 0, "h");
  server_fixture_expect_silence(&fixture, client, 3 * PERIOD_MS);
  assert_int_equal(fixture.app.held_count, 1);
  struct net_client *other = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, other, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_run(&fixture, 2);
  server_fixture_expect(&fixture, other, 200, BYTES("released"));
  expect_event(client, true, 1, "h");
  assert_int_equal(client->in.size, 0);
}

static void test_drain(void **state)
{
  (void)state;
  struct net_client *resting = begin("q", 1);
  struct net_client *asked = begin("h", 1);
  struct net_client *old = begin("q", 0);
  server_fixture_run(&fixture, PERIOD_MS + LATE_MS);
  expect_event(resting, true, 0, "q");
  expect_event(asked, true, 0, "h");
  expect_event(old, false, 0, "q");
  server_drain(fixture.server);
  server_fixture_run(&fixture, 5);
  assert_true(server_drained(fixture.server));
  for (int i = 0; i < 2; i++) {
    struct net_client *client = i == 0 ? resting : asked;
    assert_true(bytes_equal(buffer_bytes(&client->in), BYTES("0\r\n\r\n")));
    net_client_take(client, 5);
    server_fixture_expect_end(&fixture, client);
  }
  server_fixture_expect_end(&fixture, old);
}

/* ---- readers that are slow ---- */

static void test_slow_reader_is_not_asked(void **state)
{
  (void)state;
  world_sim_settings(fixture.sim)->stream_bytes = 4000;
  struct net_client *slow = begin("b", 1);
  struct net_client *quick = begin("x", 1);
  expect_event(slow, true, 0, "b");
  expect_event(quick, true, 0, "x");
  slow->paused = true;
  server_fixture_run(&fixture, 20 * PERIOD_MS + LATE_MS);
  for (unsigned n = 1; n <= 20; n++) expect_event(quick, true, n, "x");
  /* Once: what it was told then is still on its way. */
  assert_int_equal(fixture.app.asked, 21);
  assert_int_equal(metric_read(&metrics()->streams_open), 2);
  slow->paused = false;
  server_fixture_run(&fixture, 50);
  expect_event(slow, true, 1, "b");
  server_fixture_run(&fixture, PERIOD_MS);
  expect_event(slow, true, 2, "b");
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_WRITE_STALL), 0);
}

static void test_stalled_reader_is_dropped(void **state)
{
  (void)state;
  world_sim_settings(fixture.sim)->stream_bytes = 4000;
  struct net_client *slow = begin("b", 1);
  slow->paused = true;
  server_fixture_run(&fixture, PERIOD_MS + STALL_MS - 100);
  assert_int_equal(metric_read(&metrics()->streams_open), 1);
  server_fixture_run(&fixture, 200);
  assert_int_equal(metric_read(&metrics()->streams_open), 0);
  assert_int_equal(server_fixture_refused(&fixture, REFUSAL_WRITE_STALL), 1);
}

static void test_rough_network(void **state)
{
  (void)state;
  enum { CLIENTS = 20, ASKS = 30 };
  struct world_sim_settings *settings = world_sim_settings(fixture.sim);
  settings->partial_per_million = 700000;
  settings->stream_bytes = 100;
  struct net_client *clients[CLIENTS];
  char names[CLIENTS][16];
  for (int i = 0; i < CLIENTS; i++) {
    char request[64];
    snprintf(names[i], sizeof names[i], "n%d", i);
    snprintf(request, sizeof request, "GET /asked/%s HTTP/1.%d\r\nHost: a\r\n\r\n", names[i],
             i % 2);
    clients[i] = server_fixture_connect(&fixture);
    server_fixture_send_text(&fixture, clients[i], request);
  }
  server_fixture_run(&fixture, ASKS * 2 * PERIOD_MS);
  for (int i = 0; i < CLIENTS; i++) {
    struct bytes in = buffer_bytes(&clients[i]->in);
    net_client_take(clients[i], bytes_find(in, BYTES("\r\n\r\n")) + 4);
    for (unsigned n = 0; n < ASKS; n++) expect_event(clients[i], i % 2 == 1, n, names[i]);
  }
}

/* ---- the rest ---- */

static void test_head_is_no_stream(void **state)
{
  (void)state;
  struct net_client *client = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, client,
                           "HEAD /asked/x HTTP/1.1\r\nHost: a\r\n\r\n"
                           "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_run(&fixture, 5);
  server_fixture_expect_head(&fixture, client, 200);
  server_fixture_expect(&fixture, client, 200, BYTES("hello"));
  server_fixture_run(&fixture, 3 * PERIOD_MS);
  assert_int_equal(fixture.app.asked, 0);
}

static void test_no_memory_to_begin(void **state)
{
  (void)state;
  uint64_t begun = 0, refused = 0;
  for (uint64_t n = 1; n <= 12; n++) {
    struct net_client *client = server_fixture_connect(&fixture);
    fixture.world->memory.fail_at = fixture.world->memory.calls + n;
    server_fixture_send_text(&fixture, client, "GET /asked/x HTTP/1.1\r\nHost: a\r\n\r\n");
    server_fixture_run(&fixture, 5);
    struct net_reply reply;
    enum net_reply_parse parse = net_reply_parse(buffer_bytes(&client->in), false, &reply);
    if (parse == NET_REPLY_DONE && reply.status == 200)
      begun++;
    else
      refused++;
    net_client_close(client);
    server_fixture_run(&fixture, 5);
    assert_int_equal(metric_read(&metrics()->streams_open), 0);
  }
  assert_true(begun >= 1 && refused >= 1);
}

/* Whatever an ask finds no memory for: the stream goes on, or the connection ends. */
static void test_no_memory_for_an_ask(void **state)
{
  (void)state;
  uint64_t skipped = 0;
  for (uint64_t n = 1; n <= 8; n++) {
    struct net_client *client = begin("b", 1);
    expect_event(client, true, 0, "b");
    /* Nothing is kept for reuse, so that an exchange is an allocation too. */
    struct reactor *reactor = server_fixture_reactor(&fixture);
    while (reactor->free_exchanges != NULL) {
      struct exchange *exchange = reactor->free_exchanges;
      reactor->free_exchanges = exchange->next;
      reactor->free_count--;
      exchange_free(exchange, reactor->memory);
    }
    uint64_t before = fixture.app.asked;
    fixture.world->memory.fail_at = fixture.world->memory.calls + n;
    server_fixture_run(&fixture, PERIOD_MS + LATE_MS);
    fixture.world->memory.fail_at = 0;
    skipped += fixture.app.asked == before;
    server_fixture_run(&fixture, PERIOD_MS);
    if (client->error == 0 && !client->ended) {
      expect_event(client, true, 1, "b");
      if (fixture.app.asked == before + 2) expect_event(client, true, 2, "b");
    }
    net_client_close(client);
    server_fixture_run(&fixture, 5);
    assert_int_equal(metric_read(&metrics()->streams_open), 0);
    assert_int_equal(reactor->exchange_count, 0);
  }
  assert_true(skipped >= 1);
  assert_true(server_fixture_refused(&fixture, REFUSAL_MEMORY) >= skipped);
}

static void test_memory_of_a_stream(void **state)
{
  (void)state;
  struct memory *memory = &fixture.world->memory;
  struct net_client *plain = server_fixture_connect(&fixture);
  server_fixture_send_text(&fixture, plain, "GET /asked/q HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_run(&fixture, 3 * PERIOD_MS);
  /* The second has an exchange to take, and a peer that is known. */
  struct net_client *client = server_fixture_connect(&fixture);
  uint64_t before = memory->in_use;
  server_fixture_send_text(&fixture, client, "GET /asked/q HTTP/1.1\r\nHost: a\r\n\r\n");
  server_fixture_run(&fixture, 3 * PERIOD_MS);
  assert_in_range(memory->in_use - before, sizeof(struct asked_stream), ASKED_STREAM_BYTES);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_every_reader_is_told_its_own),
      TEST(test_asks_are_not_in_the_latencies),
      TEST(test_asks_are_spread),
      TEST(test_nothing_to_tell),
      TEST(test_refused_asks),
      TEST(test_what_the_handler_sees),
      TEST(test_durable_events),
      TEST(test_end),
      TEST(test_end_for_a_slow_reader),
      TEST(test_client_goes),
      TEST(test_client_goes_during_an_ask),
      TEST(test_released_by_another),
      TEST(test_drain),
      TEST(test_slow_reader_is_not_asked),
      TEST(test_stalled_reader_is_dropped),
      TEST(test_rough_network),
      TEST(test_head_is_no_stream),
      TEST(test_no_memory_to_begin),
      TEST(test_no_memory_for_an_ask),
      TEST(test_memory_of_a_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
