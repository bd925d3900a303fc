#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/client_fixture.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOW_LOOKUP_MS = 600, AT_ONCE_MS = 250 };

static _Atomic uint32_t lookups_begun;
static _Atomic uint32_t lookups_ended;

/*
 * Stands in front of the resolver, which libcurl calls in a thread of its own: no name of .invalid
 * exists (RFC 6761 6.4), and slow.invalid takes its time to say so.
 */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
  static const char domain[] = ".invalid";
  size_t size = name == NULL ? 0 : strlen(name);
  if (size >= sizeof(domain) && strcmp(name + size + 1 - sizeof(domain), domain) == 0) {
    atomic_fetch_add(&lookups_begun, 1);
    if (strcmp(name, "slow.invalid") == 0) usleep(SLOW_LOOKUP_MS * 1000);
    atomic_fetch_add(&lookups_ended, 1);
    return EAI_NONAME;
  }
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  return real(name, service, hints, found);
}

/* Abandoned look-ups may outlive their request, but not the test that counts leaks. */
static void await_lookups(void)
{
  while (atomic_load(&lookups_begun) != atomic_load(&lookups_ended)) usleep(1000);
  usleep(20000);
}

static int64_t now_of(struct client_fixture *fixture)
{
  return world_monotonic_ns(fixture->world) / 1000000;
}

static void assert_idle(struct client_fixture *fixture)
{
  struct client_counts counts = client_counts(fixture->client);
  assert_int_equal(counts.queued + counts.running + counts.waiting, 0);
  assert_int_equal(fixture->timer_ms, INT64_MAX);
}

static void test_a_reply_arrives_and_its_connection_is_used_again(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  for (int i = 0; i < 5; i++) {
    struct client_result result = {0};
    client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), NULL, &result);
    assert_int_equal(result.outcome, CLIENT_OK);
    assert_int_equal(result.status, 200);
    assert_string_equal(result.body, "hello");
    assert_string_equal(result.test, "yes");
    assert_int_equal(result.header_count, 2);
    assert_int_equal(result.attempts, 1);
    assert_string_equal(result.text, "");
    assert_true(result.elapsed_ms >= 0 && result.elapsed_ms < 5000);
  }
  assert_int_equal(fixture->accepted, 1);
  assert_int_equal(fixture->requests, 5);
}

static void test_long_bodies_pass_both_ways_over_an_edge_triggered_loop(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  size_t size = 6 << 20;
  uint8_t *body = malloc(size);
  assert_non_null(body);
  memset(body, 'b', size);
  struct client_request request = {
      .method = BYTES("PUT"), .body = bytes_of(body, size), .response_bytes_max = 8 << 20};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/echo"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_in_range(result.body_size, size, size + 1000);
  free(body);
}

static void test_a_slow_reply_is_waited_for(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/slow"), NULL, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_string_equal(result.body, "slowly");
  assert_true(result.elapsed_ms > 50);
}

/* The bound of requests in flight, then the queue's, in the order of arrival. */
static void test_what_is_too_much_waits_and_then_is_refused(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.in_flight = 2, .queued = 2});
  struct client_result results[4] = {0};
  for (int i = 0; i < 4; i++)
    client_fixture_send(fixture, client_fixture_url(fixture, i < 2 ? "/slow" : "/ok"), NULL,
                        &results[i]);
  struct client_counts counts = client_counts(fixture->client);
  assert_int_equal(counts.running, 2);
  assert_int_equal(counts.queued, 2);
  const char *url = client_fixture_url(fixture, "/ok");
  struct client_request request = {.method = BYTES("GET"), .url = bytes_of_text(url)};
  struct client_handle handle = {7, 7};
  struct error error = {0};
  assert_false(
      client_send(fixture->client, &request, client_fixture_record, NULL, &handle, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  assert_int_equal(handle.generation, 0);
  for (int i = 0; i < 4; i++) client_fixture_await(fixture, &results[i]);
  for (int i = 0; i < 4; i++) assert_int_equal(results[i].outcome, CLIENT_OK);
  assert_int_equal(fixture->accepted, 2);
  assert_idle(fixture);
}

static void test_many_requests_share_few_connections(void **state)
{
  enum { MANY = 300 };
  struct client_fixture *fixture = *state;
  client_fixture_start(
      fixture, &(struct client_options){
                   .in_flight = 32, .queued = MANY, .connections = 6, .connections_per_host = 4});
  struct client_result *results = calloc(MANY, sizeof(*results));
  assert_non_null(results);
  for (int i = 0; i < MANY; i++)
    client_fixture_send(fixture, client_fixture_url(fixture, "/ok"), NULL, &results[i]);
  for (int i = 0; i < MANY; i++) {
    client_fixture_await(fixture, &results[i]);
    assert_int_equal(results[i].outcome, CLIENT_OK);
  }
  assert_int_equal(fixture->accepted, 4);
  assert_int_equal(fixture->requests, MANY);
  free(results);
}

static void test_total_time_counts_in_the_queue(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.in_flight = 1});
  struct client_result first = {0}, second = {0};
  client_fixture_send(fixture, client_fixture_url(fixture, "/never"),
                      &(struct client_request){.timeout_ms = 400}, &first);
  client_fixture_send(fixture, client_fixture_url(fixture, "/ok"),
                      &(struct client_request){.total_ms = 100}, &second);
  client_fixture_await(fixture, &second);
  assert_int_equal(first.calls, 0);
  assert_int_equal(second.outcome, CLIENT_TIMEOUT);
  assert_int_equal(second.attempts, 0);
  assert_in_range(second.elapsed_ms, 100, 300);
  client_fixture_await(fixture, &first);
  assert_int_equal(first.outcome, CLIENT_TIMEOUT);
  assert_idle(fixture);
}

static void test_looking_names_up_holds_nobody(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_result slow = {0}, timed = {0}, absent = {0}, other = {0};
  int64_t begin_ms = now_of(fixture);
  client_fixture_send(fixture, "http://slow.invalid/", NULL, &slow);
  client_fixture_send(fixture, "http://slow.invalid/?again",
                      &(struct client_request){.connect_timeout_ms = 50}, &timed);
  client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), NULL, &other);
  client_fixture_get(fixture, "http://nonexistent.invalid/secret?token=1", NULL, &absent);
  assert_int_equal(other.outcome, CLIENT_OK);
  assert_int_equal(absent.outcome, CLIENT_CONNECT);
  assert_int_equal(absent.status, 0);
  assert_string_equal(absent.text, "http://nonexistent.invalid:80: Couldn't resolve host name");
  /* Its time is over while its thread still waits for an answer. */
  client_fixture_await(fixture, &timed);
  assert_int_equal(timed.outcome, CLIENT_TIMEOUT);
  assert_true(now_of(fixture) - begin_ms < SLOW_LOOKUP_MS);
  client_fixture_await(fixture, &slow);
  assert_int_equal(slow.outcome, CLIENT_CONNECT);
  await_lookups();
}

static void test_a_look_up_is_abandoned_by_cancel_and_free(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_result cancelled = {0}, freed = {0};
  uint32_t before = atomic_load(&lookups_begun);
  client_fixture_send(fixture, "http://slow.invalid/", NULL, &cancelled);
  client_fixture_send(fixture, "http://slow.invalid/", NULL, &freed);
  while (atomic_load(&lookups_begun) < before + 2) client_fixture_turn(fixture, 1);
  int64_t begin_ms = now_of(fixture);
  assert_true(client_cancel(fixture->client, cancelled.handle));
  assert_int_equal(cancelled.outcome, CLIENT_CANCELLED);
  client_free(fixture->client);
  fixture->client = NULL;
  assert_int_equal(freed.calls, 1);
  assert_int_equal(freed.outcome, CLIENT_CANCELLED);
  assert_true(now_of(fixture) - begin_ms < AT_ONCE_MS);
  await_lookups();
}

static void test_nobody_listens(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  fixture->world->net->close(fixture->world, fixture->listeners[0]);
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/secret?token=1"), NULL, &result);
  assert_int_equal(result.outcome, CLIENT_CONNECT);
  char expected[128];
  snprintf(expected, sizeof(expected), "http://127.0.0.1:%u: Connection refused",
           fixture->ports[0]);
  assert_string_equal(result.text, expected);
}

static void assert_tls_refused(struct client_fixture *fixture, const char *url, const char *reason)
{
  struct client_result result = {0};
  client_fixture_get(fixture, url, &(struct client_request){.attempts = 3}, &result);
  assert_int_equal(result.outcome, CLIENT_TLS);
  assert_int_equal(result.attempts, 1);
  if (strstr(result.text, reason) == NULL) fail_msg("\"%s\"", result.text);
  assert_int_equal(fixture->requests, 0);
}

static void test_a_certificate_nobody_vouches_for_is_refused(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  assert_tls_refused(fixture, client_fixture_tls_url(fixture, "/ok"), "self-signed certificate");
}

static void test_the_certificate_of_another_host_is_refused(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.ca_file = fixture->ca_file});
  char url[64];
  snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok", fixture->ports[1]);
  assert_tls_refused(fixture, url, "the certificate is of another host");
}

static void test_old_tls_is_refused(void **state)
{
  struct client_fixture *fixture = *state;
  SSL_CTX_set_security_level(fixture->tls, 0);
  assert_int_equal(SSL_CTX_set_min_proto_version(fixture->tls, TLS1_VERSION), 1);
  assert_int_equal(SSL_CTX_set_max_proto_version(fixture->tls, TLS1_1_VERSION), 1);
  client_fixture_start(fixture, &(struct client_options){.ca_file = fixture->ca_file});
  assert_tls_refused(fixture, client_fixture_tls_url(fixture, "/ok"), "SSL connect error");
}

/* Bodies larger than all windows, many streams at a time, one connection. */
static void test_http2_is_spoken_where_it_is_offered(void **state)
{
  enum { STREAMS = 24 };
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.ca_file = fixture->ca_file});
  struct client_request request = {.response_bytes_max = 4 << 20};
  struct client_result first = {0};
  client_fixture_get(fixture, client_fixture_tls_url(fixture, "/large/10"), &request, &first);
  if (first.outcome != CLIENT_OK) fail_msg("%s", first.text);
  assert_string_equal(first.test, "h2");
  assert_string_equal(first.body, "xxxxxxxxxx");
  struct client_result *results = calloc(STREAMS, sizeof(*results));
  assert_non_null(results);
  for (int i = 0; i < STREAMS; i++) {
    const char *path = i % 8 == 7 ? "/never" : i % 2 == 0 ? "/large/3000000" : "/large/7";
    request.timeout_ms = i % 8 == 7 ? 300 : 0;
    client_fixture_send(fixture, client_fixture_tls_url(fixture, path), &request, &results[i]);
  }
  for (int i = 0; i < STREAMS; i++) {
    client_fixture_await(fixture, &results[i]);
    assert_int_equal(results[i].outcome, i % 8 == 7 ? CLIENT_TIMEOUT : CLIENT_OK);
    assert_int_equal(results[i].body_size, i % 8 == 7 ? 0 : i % 2 == 0 ? 3000000 : 7);
  }
  assert_int_equal(fixture->accepted, 1);
  assert_int_equal(fixture->http2_requests, STREAMS + 1);
  free(results);
}

static void test_a_request_is_cancelled_wherever_it_is(void **state)
{
  static const char *const paths[] = {"/ok", "/never", "/partial", "/stuck", "/slow"};
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.in_flight = 1});
  for (uint32_t turns = 0; turns < 12; turns++) {
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
      struct client_result running = {0}, queued = {0};
      client_fixture_send(fixture, client_fixture_url(fixture, paths[i]), NULL, &running);
      client_fixture_send(fixture, client_fixture_url(fixture, "/ok"), NULL, &queued);
      if (turns % 2 == 0) assert_true(client_cancel(fixture->client, queued.handle));
      for (uint32_t turn = 0; turn < turns; turn++) client_fixture_turn(fixture, 0);
      bool ended = running.calls > 0;
      assert_int_equal(client_cancel(fixture->client, running.handle), !ended);
      assert_int_equal(running.calls, 1);
      if (!ended) assert_int_equal(running.outcome, CLIENT_CANCELLED);
      if (!ended) assert_string_equal(strstr(running.text, "canc"), "cancelled");
      assert_false(client_cancel(fixture->client, running.handle));
      if (queued.calls == 0) client_fixture_await(fixture, &queued);
      assert_int_equal(queued.outcome, turns % 2 == 0 ? CLIENT_CANCELLED : CLIENT_OK);
      client_fixture_turn(fixture, 0);
    }
  }
  assert_false(client_cancel(fixture->client, (struct client_handle){0}));
  assert_false(client_cancel(fixture->client, (struct client_handle){100000, 1}));
  client_fixture_turn(fixture, 0);
  client_fixture_turn(fixture, 0);
  assert_idle(fixture);
}

static void test_a_wait_for_the_next_attempt_is_cancelled(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  fixture->busy_left = 1;
  fixture->retry_after = "30";
  struct client_result result = {0};
  client_fixture_send(fixture, client_fixture_url(fixture, "/busy"),
                      &(struct client_request){.attempts = 2}, &result);
  while (client_counts(fixture->client).waiting == 0) client_fixture_turn(fixture, 10);
  assert_true(client_cancel(fixture->client, result.handle));
  assert_int_equal(result.outcome, CLIENT_CANCELLED);
  assert_int_equal(result.attempts, 1);
  assert_int_equal(result.status, 0);
  assert_idle(fixture);
}

static void refuse_while_freed(struct client_result *result)
{
  struct client_fixture *fixture = result->next_context;
  struct client_request request = {.method = BYTES("GET"), .url = BYTES("http://127.0.0.1/")};
  struct error error = {0};
  assert_false(client_send(fixture->client, &request, client_fixture_record, result, NULL, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
}

static void test_free_cancels_everything(void **state)
{
  static const char *const paths[] = {"/never", "/stuck", "/slow", "/busy", "/ok", "/ok"};
  enum { COUNT = sizeof(paths) / sizeof(paths[0]) };
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.in_flight = 3});
  fixture->busy_left = 1;
  fixture->retry_after = "30";
  struct client_result results[COUNT] = {0};
  for (int i = COUNT - 1; i >= 0; i--) {
    results[i].next = refuse_while_freed;
    results[i].next_context = fixture;
  }
  client_fixture_send(fixture, client_fixture_url(fixture, "/busy"),
                      &(struct client_request){.attempts = 2}, &results[3]);
  while (client_counts(fixture->client).waiting == 0) client_fixture_turn(fixture, 10);
  for (int i = 0; i < COUNT; i++) {
    if (i != 3)
      client_fixture_send(fixture, client_fixture_url(fixture, paths[i]), NULL, &results[i]);
  }
  struct client_counts counts = client_counts(fixture->client);
  assert_int_equal(counts.running, 3);
  assert_int_equal(counts.queued, 2);
  assert_int_equal(counts.waiting, 1);
  for (int i = 0; i < 4; i++) client_fixture_turn(fixture, 1);
  client_free(fixture->client);
  fixture->client = NULL;
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(results[i].calls, 1);
    assert_int_equal(results[i].outcome, CLIENT_CANCELLED);
  }
}

/* Sends the next one until three were told, then cancels the bystander. */
static void send_next(struct client_result *result)
{
  static uint32_t rounds;
  struct client_result *bystander = result->next_context;
  struct client_fixture *fixture = bystander->next_context;
  if (++rounds % 3 != 0) {
    uint32_t calls = result->calls;
    client_fixture_send(fixture, client_fixture_url(fixture, "/ok"), NULL, result);
    result->calls = calls - 1;
    return;
  }
  assert_true(client_cancel(fixture->client, bystander->handle));
  assert_false(client_cancel(fixture->client, result->handle));
}

static void test_a_callback_may_send_and_cancel(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_result bystander = {0}, result = {0};
  client_fixture_send(fixture, client_fixture_url(fixture, "/never"), NULL, &bystander);
  bystander.next_context = fixture;
  result.next = send_next;
  result.next_context = &bystander;
  client_fixture_send(fixture, client_fixture_url(fixture, "/ok"), NULL, &result);
  client_fixture_await(fixture, &bystander);
  assert_int_equal(bystander.outcome, CLIENT_CANCELLED);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_int_equal(fixture->requests, 4);
  assert_idle(fixture);
}

static void test_a_watch_that_fails_is_tried_again(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  for (uint32_t fails = 1; fails < 12; fails++) {
    struct client_result result = {0};
    fixture->watches_fail = fails;
    client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), NULL, &result);
    assert_int_equal(result.outcome, CLIENT_OK);
    fixture->watches_fail = 0;
  }
}

static void test_an_idle_client_asks_nothing_of_the_loop(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), NULL, &result);
  for (int i = 0; i < 3; i++) client_fixture_turn(fixture, 1);
  uint32_t watches = fixture->watches;
  assert_idle(fixture);
  /* Reports of descriptors it does not have, and of a time it has not asked for. */
  client_ready(fixture->client, 9999, WORLD_READ);
  client_timer(fixture->client, now_of(fixture));
  assert_int_equal(fixture->watches, watches);
  /* While a reply is waited for, nothing happens either: no busy loop of edges watched again. */
  client_fixture_send(fixture, client_fixture_url(fixture, "/never"),
                      &(struct client_request){.timeout_ms = 300}, &result);
  client_fixture_await(fixture, &result);
  assert_in_range(fixture->watches - watches, 1, 10);
}

static void test_options_are_checked(void **state)
{
  struct client_fixture *fixture = *state;
  const struct client_options wrong[] = {{.in_flight = CLIENT_IN_FLIGHT_MAX + 1},
                                         {.queued = CLIENT_QUEUED_MAX + 1},
                                         {.connections = CLIENT_CONNECTIONS_MAX + 1}};
  struct client_loop loop = {0};
  struct error error = {0};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    assert_null(client_new(&fixture->memory, fixture->world, &loop, &wrong[i], &error));
    assert_int_equal(error.code, ERROR_LIMIT);
  }
  struct client_options absent = {.ca_file = "/nonexistent/ca.pem"};
  assert_null(client_new(&fixture->memory, fixture->world, &loop, &absent, &error));
  assert_int_equal(error.code, ERROR_IO);
  client_free(NULL);
}

/* The Nth allocation fails, until none does: nothing is lost, every taken request is told. */
static void test_memory_that_runs_out(void **state)
{
  struct client_fixture *fixture = *state;
  struct client_loop loop = {0};
  struct client_options options = {.ca_file = fixture->ca_file, .user_agent = "test"};
  struct error error = {0};
  for (uint64_t n = 1; fixture->client == NULL; n++) {
    assert_int_equal(fixture->memory.in_use, 0);
    fixture->memory.fail_at = fixture->memory.calls + n;
    fixture->client = client_new(&fixture->memory, fixture->world, &loop, &options, &error);
    if (fixture->client == NULL) assert_int_equal(error.code, ERROR_NO_MEMORY);
  }
  client_free(fixture->client);
  fixture->memory.fail_at = 0;
  client_fixture_start(fixture, NULL);
  const char *url = client_fixture_url(fixture, "/large/100000");
  struct http_header header = {BYTES("X-Key"), BYTES("value")};
  struct client_request request = {.method = BYTES("POST"),
                                   .url = bytes_of_text(url),
                                   .headers = &header,
                                   .header_count = 1,
                                   .body = BYTES("body"),
                                   .has_idempotency_key = true};
  uint32_t refused = 0, failed = 0;
  struct client_result result = {0};
  for (uint64_t n = 1; result.calls == 0 || result.outcome != CLIENT_OK; n++) {
    size_t before = fixture->memory.in_use;
    result = (struct client_result){0};
    fixture->memory.fail_at = fixture->memory.calls + n;
    if (client_send(fixture->client, &request, client_fixture_record, &result, NULL, &error)) {
      client_fixture_await(fixture, &result);
      if (result.outcome != CLIENT_OK) assert_int_equal(result.outcome, CLIENT_MEMORY);
      failed++;
    } else {
      assert_int_equal(error.code, ERROR_NO_MEMORY);
      refused++;
    }
    assert_int_equal(fixture->memory.in_use, before);
  }
  assert_int_equal(result.body_size, 100000);
  assert_true(refused > 1 && failed > 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_fixture_make, client_fixture_drop)

int main(void)
{
  struct error error = {0};
  if (!client_global_init(&error)) return 1;
  const struct CMUnitTest tests[] = {
      TEST(test_a_reply_arrives_and_its_connection_is_used_again),
      TEST(test_long_bodies_pass_both_ways_over_an_edge_triggered_loop),
      TEST(test_a_slow_reply_is_waited_for),
      TEST(test_what_is_too_much_waits_and_then_is_refused),
      TEST(test_many_requests_share_few_connections),
      TEST(test_total_time_counts_in_the_queue),
      TEST(test_looking_names_up_holds_nobody),
      TEST(test_a_look_up_is_abandoned_by_cancel_and_free),
      TEST(test_nobody_listens),
      TEST(test_a_certificate_nobody_vouches_for_is_refused),
      TEST(test_the_certificate_of_another_host_is_refused),
      TEST(test_old_tls_is_refused),
      TEST(test_http2_is_spoken_where_it_is_offered),
      TEST(test_a_request_is_cancelled_wherever_it_is),
      TEST(test_a_wait_for_the_next_attempt_is_cancelled),
      TEST(test_free_cancels_everything),
      TEST(test_a_callback_may_send_and_cancel),
      TEST(test_a_watch_that_fails_is_tried_again),
      TEST(test_an_idle_client_asks_nothing_of_the_loop),
      TEST(test_options_are_checked),
      TEST(test_memory_that_runs_out),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  client_global_cleanup();
  return failed;
}
