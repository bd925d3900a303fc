#include "api/feed.h"

#include "sale/seat_map.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char STREAM[] = "/api/v1/events/evt/stream";

/* A stream; what it says lies in client->in. */
static struct net_client open_stream(struct api_fixture *fixture)
{
  struct net_client client = {.stream = -1};
  api_fixture_send(fixture, &client, "GET", STREAM, NULL);
  for (int i = 0; i < 50; i++) {
    api_fixture_run(fixture, 1);
    net_client_read(&client);
  }
  return client;
}

static void run(struct api_fixture *fixture, struct net_client *client, int ms)
{
  for (int i = 0; i < ms; i += 10) {
    api_fixture_run(fixture, 10);
    net_client_read(client);
  }
}

static uint32_t count(const struct net_client *client, const char *text)
{
  struct bytes left = buffer_bytes(&client->in);
  struct bytes wanted = bytes_of_text(text);
  uint32_t found = 0;
  for (size_t at; (at = bytes_find(left, wanted)) != SIZE_MAX; found++)
    left = bytes_of(left.data + at + wanted.size, left.size - at - wanted.size);
  return found;
}

static void test_begins_with_the_availability(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = open_stream(fixture);
  assert_int_equal(count(&client, "content-type: text/event-stream"), 1);
  assert_int_equal(count(&client, "event: availability\nid: "), 1);
  assert_int_equal(count(&client, "data: {\"event_id\":\"evt\",\"remaining\":45,"), 1);
  net_client_free(&client);
}

static void test_changes(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = open_stream(fixture);
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  run(fixture, &client, 200);
  assert_int_equal(count(&client, "event: seats\n"), 2);
  assert_int_equal(count(&client, "data: {\"seat_id\":\"A-1-1\",\"state\":\"r\"}\n\n"), 1);
  assert_int_equal(count(&client, "data: {\"seat_id\":\"A-1-2\",\"state\":\"r\"}\n\n"), 1);
  char path[128];
  snprintf(path, sizeof path, "/api/v1/reservations/%s", id);
  api_fixture_ask(fixture, 200, "DELETE", path, NULL);
  run(fixture, &client, 200);
  assert_int_equal(count(&client, "\"state\":\"a\"}"), 2);
  net_client_free(&client);
}

/* Nobody asks: time alone frees the seat. */
static void test_a_hold_that_lapses(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = open_stream(fixture);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1'");
  world_sim_jump_clock_ms(fixture->sale->store.sim, 60000);
  run(fixture, &client, 200);
  assert_int_equal(count(&client, "data: {\"seat_id\":\"A-1-1\",\"state\":\"a\"}\n\n"), 1);
  net_client_free(&client);
}

static void test_availability_once_a_second(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = open_stream(fixture);
  char path[128];
  api_fixture_as(fixture, "alice", ROLE_USER);
  int64_t begin_ns = world_monotonic_ns(fixture->api.world);
  for (int i = 0; i < 30; i++) {
    snprintf(path, sizeof path, "/api/v1/reservations/%s", api_fixture_reserve(fixture, "'A-1-1'"));
    api_fixture_ask(fixture, 200, "DELETE", path, NULL);
    run(fixture, &client, 50);
  }
  int64_t seconds = (world_monotonic_ns(fixture->api.world) - begin_ns) / 1000000000;
  run(fixture, &client, 1500);
  uint32_t told = count(&client, "event: availability\n");
  assert_in_range(told, 2, (uint32_t)seconds + 4);
  assert_int_equal(count(&client, "event: seats\n"), 60);
  run(fixture, &client, 3000);
  assert_int_equal(count(&client, "event: availability\n"), told);
  net_client_free(&client);
}

/* More changes between two ticks than the map keeps. */
static void test_reload(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = open_stream(fixture);
  struct feed *feed = fixture->sale->event->topic;
  feed->told_version -= SEAT_CHANGES + 1;
  run(fixture, &client, 200);
  assert_int_equal(count(&client, "event: reload\n"), 1);
  run(fixture, &client, 200);
  assert_int_equal(count(&client, "event: reload\n"), 1);
  net_client_free(&client);
}

static void test_one_document_for_a_version(void **state)
{
  struct api_fixture *fixture = *state;
  struct feed *feed = feed_of(&fixture->api, fixture->sale->event);
  assert_non_null(feed);
  assert_ptr_equal(feed, feed_of(&fixture->api, fixture->sale->event));
  struct bytes first = feed_seats(feed);
  assert_ptr_equal(feed_seats(feed).data, first.data);
  struct bytes packed = feed_seats_packed(&fixture->api, feed);
  assert_true(packed.size > 0 && packed.size < first.size);
  assert_ptr_equal(feed_seats_packed(&fixture->api, feed).data, packed.data);
  sale_fixture_hold(fixture->sale, "alice", "A-1-1");
  assert_true(bytes_find(feed_seats(feed), BYTES("\"raaaaaaaaa\"")) != SIZE_MAX);
}

static void test_no_memory(void **state)
{
  struct api_fixture *fixture = *state;
  struct memory *memory = &fixture->api.world->memory;
  memory->calls = 0;
  memory->fail_at = 1;
  assert_null(feed_of(&fixture->api, fixture->sale->event));
  assert_null(fixture->sale->event->topic);
  memory->fail_at = 0;
  assert_non_null(feed_of(&fixture->api, fixture->sale->event));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_begins_with_the_availability),
      WITH_API(test_changes),
      WITH_API(test_a_hold_that_lapses),
      WITH_API(test_availability_once_a_second),
      WITH_API(test_reload),
      WITH_API(test_one_document_for_a_version),
      WITH_API(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
