#include "api/effect.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char RESERVATIONS[] = "/api/v1/reservations";
static const char BODY[] = "{'event_id':'evt','seat_ids':['A-1-1','A-1-2']}";
static const char KEY[] = "11111111-2222-4333-8444-555555555555";

static void test_replay(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->key = KEY;
  api_fixture_post(fixture, 201, RESERVATIONS, BODY);
  api_fixture_expect_header(fixture, "x-idempotency-cached", NULL);
  const char *first = api_fixture_text(fixture, "reservation_id");
  api_fixture_post(fixture, 201, RESERVATIONS, BODY);
  api_fixture_expect_header(fixture, "x-idempotency-cached", "true");
  assert_string_equal(api_fixture_text(fixture, "reservation_id"), first);
  api_fixture_refused(fixture, 409, "IDEMPOTENCY_CONFLICT", "POST", RESERVATIONS,
                      "{'event_id':'evt','seat_ids':['A-1-1']}");
  /* The scope has who and where. */
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_refused(fixture, 409, "INVENTORY_CONFLICT", "POST", RESERVATIONS, BODY);
}

static void test_refusals_are_not_kept(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->key = KEY;
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "POST", RESERVATIONS,
                      "{'event_id':'none','quantity':1}");
  api_fixture_post(fixture, 201, RESERVATIONS, BODY);
}

static void test_after_a_day_it_is_new(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->key = KEY;
  api_fixture_post(fixture, 201, RESERVATIONS, "{'event_id':'evt','quantity':1}");
  world_sim_jump_clock_ms(fixture->sale->store.sim, 86400000 + 2000);
  api_fixture_run(fixture, 200);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_post(fixture, 201, RESERVATIONS, "{'event_id':'evt','quantity':1}");
  api_fixture_expect_header(fixture, "x-idempotency-cached", NULL);
}

/* Passwords are hashed meanwhile: the twin is told to wait, later it gets the same. */
static void test_twins(void **state)
{
  struct api_fixture *fixture = *state;
  static const char body[] = "{'username':'alice1','password':'secret12','email':'a@b.example',"
                             "'display_name':'A'}";
  struct net_client first = {.stream = -1};
  struct net_client twin = {.stream = -1};
  fixture->key = KEY;
  /* Both arrive before the pool is asked: without threads it works in api_tick only. */
  fixture->resting = true;
  api_fixture_send(fixture, &first, "POST", "/api/v1/auth/register", body);
  api_fixture_send(fixture, &twin, "POST", "/api/v1/auth/register", body);
  api_fixture_run(fixture, 50);
  fixture->resting = false;
  api_fixture_run(fixture, 50);
  assert_true(api_fixture_receive(fixture, &first));
  uint16_t one = fixture->reply.status;
  assert_true(api_fixture_receive(fixture, &twin));
  uint16_t other = fixture->reply.status;
  /* Which of two connections is read first is the network's affair. */
  assert_int_equal(one + other, 201 + 409);
  struct net_client *refused = one == 409 ? &first : &twin;
  assert_true(api_fixture_receive(fixture, refused));
  assert_true(api_fixture_has(fixture, "'code':'IDEMPOTENCY_IN_FLIGHT'"));
  api_fixture_expect_header(fixture, "retry-after", "1");
  api_fixture_post(fixture, 201, "/api/v1/auth/register", body);
  api_fixture_expect_header(fixture, "x-idempotency-cached", "true");
  net_client_free(&first);
  net_client_free(&twin);
}

/* A reply leaves when what it tells is on disk; so does one that shows it to somebody else. */
static void test_replies_wait(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client other = {.stream = -1};
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->key = KEY;
  fixture->held = true;
  api_fixture_send(fixture, &fixture->client, "POST", RESERVATIONS, BODY);
  api_fixture_run(fixture, 50);
  assert_false(api_fixture_receive(fixture, &fixture->client));
  static const char *const shown[][2] = {{"POST", "/api/v1/reservations"},
                                         {"GET", "/api/v1/reservations"},
                                         {"GET", "/api/v1/events/evt/seats"}};
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
    api_fixture_send(fixture, &other, shown[i][0], shown[i][1], i == 0 ? BODY : NULL);
    api_fixture_run(fixture, 50);
    assert_false(api_fixture_receive(fixture, &other));
  }
  fixture->held = false;
  api_fixture_run(fixture, 50);
  assert_true(api_fixture_receive(fixture, &fixture->client));
  assert_int_equal(fixture->reply.status, 201);
  assert_true(api_fixture_receive(fixture, &other));
  net_client_free(&other);
}

/*
 * Whatever allocation of the engine fails: 503 and nothing has changed, or all of it has; asked
 * again with the same key it is done once.
 */
static void test_no_memory(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  char key[64];
  int refused = 0;
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->key = key;
  for (uint64_t n = 1; n <= 24; n++) {
    snprintf(key, sizeof key, "11111111-2222-4333-8444-%012x", (unsigned)n);
    fixture->fail_at = n;
    api_fixture_send(fixture, &fixture->client, "POST", RESERVATIONS, BODY);
    api_fixture_run(fixture, 20);
    fixture->fail_at = fixture->sale->store.world->memory.fail_at = 0;
    if (api_fixture_receive(fixture, &fixture->client) && fixture->reply.status == 503) {
      assert_string_equal(sale_fixture_ticket(fixture->sale, "A-1-1"), "AVAILABLE");
      refused++;
    }
    api_fixture_post(fixture, 201, RESERVATIONS, BODY);
    assert_string_equal(sale_fixture_ticket(fixture->sale, "A-1-1"), "RESERVED");
    snprintf(path, sizeof path, "%s/%s", RESERVATIONS, api_fixture_text(fixture, "reservation_id"));
    api_fixture_ask(fixture, 200, "DELETE", path, NULL);
  }
  assert_true(refused > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_replay),
      WITH_API(test_refusals_are_not_kept),
      WITH_API(test_after_a_day_it_is_new),
      WITH_API(test_twins),
      WITH_API(test_replies_wait),
      WITH_API(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
