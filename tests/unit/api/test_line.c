#include "api/line.h"

#include "api/feed.h"
#include "sale/seat_map.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *status_of(struct api_fixture *fixture, const char *token)
{
  char *path = arena_alloc(&fixture->sale->store.arena, 256);
  assert_non_null(path);
  snprintf(path, 256, "/api/v1/queue/status?token=%s", token);
  return path;
}

/* The place, and behind it the seats: one object. */
static void test_one_object(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'paused'");
  api_fixture_get(fixture, 200, status_of(fixture, api_fixture_join(fixture)));
  assert_true(api_fixture_has(fixture,
                              "{'status':'waiting','position':1,'eta_sec':null,"
                              "'waiting_time':0,'ready_for_entry':false,"
                              "'total_waiting':1,'event_id':'evt','number':0,"
                              "'opened':true,'paused':true,"
                              "'currency':'KRW','price_min':300,'price_max':1000,'total':45,"
                              "'remaining':45,'sections':[{'id':'A',"));
  assert_true(api_fixture_has(fixture, "'total':20,'remain':20}]}"));
}

static void test_what_is_only_there_when_true(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'waiting'");
  const char *token = api_fixture_join(fixture);
  api_fixture_run(fixture, 200);
  api_fixture_get(fixture, 200, status_of(fixture, token));
  assert_true(api_fixture_has(fixture, "'position':0,'eta_sec':0,"));
  assert_true(api_fixture_has(fixture, "'ready_for_entry':true,"));
  assert_true(api_fixture_has(fixture, "'ttl_sec':60,'currency'"));
  assert_false(api_fixture_has(fixture, "paused"));
  assert_false(api_fixture_has(fixture, "was_away"));
}

/* Seats are summed up for all at once, some hundred milliseconds late. */
static void test_seats_are_made_once(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'open'");
  const char *token = api_fixture_join(fixture);
  const struct room *room = fixture->sale->event->room;
  api_fixture_get(fixture, 200, status_of(fixture, token));
  const struct feed *feed = feed_of(&fixture->api, fixture->sale->event);
  const uint8_t *made = feed->line.data;
  uint64_t version = line_version(&fixture->api, room);
  assert_int_equal(version, fixture->sale->event->map->version);
  sale_fixture_hold(fixture->sale, "alice", "A-1-1");
  assert_int_equal(line_version(&fixture->api, room), version);
  api_fixture_get(fixture, 200, status_of(fixture, token));
  assert_true(api_fixture_has(fixture, "'remaining':45,"));
  assert_ptr_equal(feed->line.data, made);
  api_fixture_run(fixture, LINE_SEATS_MS);
  assert_true(line_version(&fixture->api, room) > version);
  api_fixture_get(fixture, 200, status_of(fixture, token));
  assert_true(api_fixture_has(fixture, "'remaining':44,"));
}

static void test_eta(void **state)
{
  struct api_fixture *fixture = *state;
  static const struct {
    uint32_t eta_s;
    const char *text;
  } rows[] = {{0, "{\"eta_sec\":0}"}, {75, "{\"eta_sec\":75}"}, {UINT32_MAX, "{\"eta_sec\":null}"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, &fixture->sale->store.memory);
    json_writer_init(&json, &text);
    json_write_object_begin(&json);
    line_write_eta(&json, rows[i].eta_s);
    json_write_object_end(&json);
    assert_true(json_writer_finish(&json));
    assert_true(bytes_equal(buffer_bytes(&text), bytes_of_text(rows[i].text)));
    buffer_free(&text);
  }
}

/* The seats are left out rather than the place. */
static void test_no_memory_for_the_seats(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'paused'");
  const char *token = api_fixture_join(fixture);
  struct memory *memory = &fixture->api.world->memory;
  assert_null(fixture->sale->event->topic);
  memory->calls = 0;
  memory->fail_at = 1;
  assert_int_equal(line_version(&fixture->api, fixture->sale->event->room), 0);
  memory->fail_at = 0;
  api_fixture_get(fixture, 200, status_of(fixture, token));
  assert_true(api_fixture_has(fixture, "'remaining':45,"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_one_object),
      WITH_API(test_what_is_only_there_when_true),
      WITH_API(test_seats_are_made_once),
      WITH_API(test_eta),
      WITH_API(test_no_memory_for_the_seats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
