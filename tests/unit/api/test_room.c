#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char ROOM[] = "/api/v1/admin/events/evt/room";
static const char FAIRNESS[] = "/api/v1/events/evt/room/fairness";

static void test_settings(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "");
  assert_true(api_fixture_has(
      fixture, "{'event_id':'evt','mode':'open','admit_per_second':100,'max_shoppers':5000,"
               "'token_ttl_sec':300,'grace_sec':300,'entry_sec':60,'latency_target_ms':200,"
               "'waiting':0,'shoppers':0}"));
  api_fixture_room(fixture, "'mode':'waiting','max_shoppers':7");
  api_fixture_room(fixture, "'grace_sec':5");
  assert_true(api_fixture_has(fixture, "'mode':'waiting','admit_per_second':100,'max_shoppers':7,"
                                       "'token_ttl_sec':300,'grace_sec':5,"));
  api_fixture_get(fixture, 200, "/api/v1/events/evt");
  assert_true(api_fixture_has(fixture, "'needs_admission':true"));
}

static void refused(struct api_fixture *fixture, const char *body, const char *details)
{
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "PUT", ROOM, body);
  if (!api_fixture_has(fixture, details))
    fail_msg("%s wanted, got %.*s", details, BYTES_FORMAT(fixture->reply.body));
}

static void test_settings_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  refused(fixture, "{'mode':'shut'}", "'field':'mode','reason':'must be open, waiting or paused'");
  refused(fixture, "{'mode':7}", "'field':'mode'");
  refused(fixture, "{'max_shoppers':0}",
          "'field':'max_shoppers','reason':'must be a whole number from 1 to 200000'");
  refused(fixture, "{'entry_sec':4294967296}", "'field':'entry_sec'");
  refused(fixture, "{'mode':'waiting','admit_per_second':10001}", "'field':'admit_per_second'");
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "PUT", "/api/v1/admin/events/other/room",
                      "{}");
  api_fixture_ask(fixture, 200, "PUT", ROOM, "{}");
  assert_true(api_fixture_has(fixture, "'mode':'open'"));
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_refused(fixture, 403, "FORBIDDEN", "PUT", ROOM, "{}");
}

/* Each change once, and only a change. */
static void test_a_change_is_an_event(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  fixture->key = "11111111-2222-4333-8444-555555555555";
  api_fixture_ask(fixture, 200, "PUT", ROOM, "{'mode':'waiting'}");
  api_fixture_ask(fixture, 200, "PUT", ROOM, "{'mode':'waiting'}");
  api_fixture_expect_header(fixture, "x-idempotency-cached", "true");
  fixture->key = NULL;
  /* Asked for, or said again: nothing has changed. */
  api_fixture_ask(fixture, 200, "PUT", ROOM, "{}");
  api_fixture_ask(fixture, 200, "PUT", ROOM, "{'mode':'waiting'}");
  refused(fixture, "{'grace_sec':0}", "grace_sec");
  const char *told = sale_fixture_outbox(fixture->sale);
  const char *found = strstr(told, "RoomChanged");
  assert_non_null(found);
  assert_null(strstr(found + 1, "RoomChanged"));
}

/* Whatever allocation fails: refused and as before, or changed. */
static void test_settings_without_memory(void **state)
{
  struct api_fixture *fixture = *state;
  uint32_t shoppers = 0;
  int refusals = 0;
  char body[64];
  api_fixture_room(fixture, "'max_shoppers':5000");
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  const struct room *room = fixture->sale->event->room;
  for (uint64_t n = 1; n <= 16; n++) {
    uint32_t before = room_settings(room)->max_shoppers;
    snprintf(body, sizeof body, "{'max_shoppers':%u}", ++shoppers);
    fixture->fail_at = n;
    api_fixture_send(fixture, &fixture->client, "PUT", ROOM, body);
    api_fixture_run(fixture, 20);
    fixture->fail_at = fixture->sale->store.world->memory.fail_at = 0;
    bool answered = api_fixture_receive(fixture, &fixture->client);
    bool done = answered && fixture->reply.status == 200;
    if (answered) assert_int_equal(room_settings(room)->max_shoppers, done ? shoppers : before);
    if (answered && !done) {
      assert_int_equal(fixture->reply.status, 503);
      refusals++;
    }
  }
  assert_true(refusals > 0);
}

static void test_fairness(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_refused(fixture, 404, "ROOM_NOT_FOUND", "GET", FAIRNESS, NULL);
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "GET", "/api/v1/events/other/room/fairness",
                      NULL);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_ask(fixture, 200, "PATCH", "/api/v1/admin/events/evt",
                  "{'sale_opens_at':'2039-01-01T00:00:00Z'}");
  api_fixture_room(fixture, "'mode':'paused'");
  for (int i = 0; i < 3; i++) (void)api_fixture_join(fixture);
  api_fixture_get(fixture, 200, FAIRNESS);
  assert_true(api_fixture_has(fixture, "{'event_id':'evt','algorithm':'tacos-shuffle-1',"
                                       "'commitment':'"));
  assert_true(api_fixture_has(fixture, "','opened':false}"));
  const char *commitment = api_fixture_text(fixture, "commitment");
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_ask(fixture, 200, "PATCH", "/api/v1/admin/events/evt",
                  "{'sale_opens_at':'2001-01-01T00:00:00Z'}");
  api_fixture_run(fixture, 200);
  api_fixture_get(fixture, 200, FAIRNESS);
  assert_true(api_fixture_has(fixture, "'opened':true,'opened_at':'"));
  assert_true(api_fixture_has(fixture, "','drawn':3}"));
  assert_string_equal(api_fixture_text(fixture, "commitment"), commitment);
  assert_int_equal(strlen(api_fixture_text(fixture, "seed")), 2 * SHUFFLE_SEED_BYTES);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_settings),
      WITH_API(test_settings_refused),
      WITH_API(test_a_change_is_an_event),
      WITH_API(test_settings_without_memory),
      WITH_API(test_fairness),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
