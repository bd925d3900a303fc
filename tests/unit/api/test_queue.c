#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char JOIN[] = "/api/v1/queue/join";
static const char ENTER[] = "/api/v1/queue/enter";
static const char EVENT[] = "{'event_id':'evt'}";
static const char KEY[] = "11111111-2222-4333-8444-555555555555";
static const char FORGED[] = "w1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static const char *path_of(struct api_fixture *fixture, const char *what, const char *token)
{
  char *path = arena_alloc(&fixture->sale->store.arena, 256);
  assert_non_null(path);
  snprintf(path, 256, "/api/v1/queue/%s?token=%s", what, token);
  return path;
}

static const char *entering(struct api_fixture *fixture, const char *token)
{
  char *body = arena_alloc(&fixture->sale->store.arena, 256);
  assert_non_null(body);
  snprintf(body, 256, "{'waiting_token':'%s'}", token);
  return body;
}

static void expect_status(struct api_fixture *fixture, const char *token, const char *text)
{
  api_fixture_get(fixture, 200, path_of(fixture, "status", token));
  if (!api_fixture_has(fixture, text))
    fail_msg("%s wanted, got %.*s", text, BYTES_FORMAT(fixture->reply.body));
}

static void test_join(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'paused'");
  fixture->key = KEY;
  const char *token = api_fixture_join(fixture);
  assert_true(api_fixture_has(fixture, "'position_hint':1,'status':'waiting','number':0}"));
  api_fixture_expect_header(fixture, "x-idempotency-cached", NULL);
  assert_string_equal(api_fixture_join(fixture), token);
  api_fixture_expect_header(fixture, "x-idempotency-cached", "true");
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *alices = api_fixture_join(fixture);
  assert_string_not_equal(alices, token);
  fixture->key = NULL;
  assert_string_equal(api_fixture_join(fixture), alices);
  assert_true(api_fixture_has(fixture, "'position_hint':2,"));
}

static void test_join_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_refused(fixture, 400, "MISSING_EVENT_ID", "POST", JOIN, "{}");
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", JOIN, "{'event_id':1}");
  api_fixture_refused(fixture, 404, "EVENT_NOT_FOUND", "POST", JOIN, "{'event_id':'other'}");
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_ask(fixture, 200, "PATCH", "/api/v1/admin/events/evt", "{'status':'CLOSED'}");
  api_fixture_refused(fixture, 409, "SALE_CLOSED", "POST", JOIN, EVENT);
}

static void test_full(void **state)
{
  struct api_fixture *fixture = *state;
  for (int i = 0; i < API_FIXTURE_PLACES; i++) (void)api_fixture_join(fixture);
  api_fixture_refused(fixture, 503, "ROOM_FULL", "POST", JOIN, EVENT);
  api_fixture_expect_header(fixture, "retry-after", "30");
}

/* Whoever joins in the same turn is one record; each is told when that is on disk. */
static void test_joins_wait_for_the_disk(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client clients[3] = {{.stream = -1}, {.stream = -1}, {.stream = -1}};
  fixture->held = true;
  for (int i = 0; i < 3; i++) api_fixture_send(fixture, &clients[i], "POST", JOIN, EVENT);
  api_fixture_run(fixture, 50);
  for (int i = 0; i < 3; i++) assert_false(api_fixture_receive(fixture, &clients[i]));
  fixture->held = false;
  api_fixture_run(fixture, 50);
  for (int i = 0; i < 3; i++) {
    assert_true(api_fixture_receive(fixture, &clients[i]));
    assert_int_equal(fixture->reply.status, 202);
    net_client_free(&clients[i]);
  }
}

static void test_status(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'paused'");
  (void)api_fixture_join(fixture);
  const char *token = api_fixture_join(fixture);
  expect_status(fixture, token, "{'status':'waiting','position':2,'eta_sec':null,");
  expect_status(fixture, token, "'ready_for_entry':false,'total_waiting':2,'event_id':'evt',");
  api_fixture_refused(fixture, 400, "MISSING_TOKEN", "GET", "/api/v1/queue/status", NULL);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "GET",
                      "/api/v1/queue/status?token=a&token=b", NULL);
  api_fixture_refused(fixture, 404, "TOKEN_NOT_FOUND", "GET", path_of(fixture, "status", FORGED),
                      NULL);
}

static void test_enter(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'waiting','max_shoppers':1,'token_ttl_sec':10");
  const char *first = api_fixture_join(fixture);
  const char *second = api_fixture_join(fixture);
  api_fixture_run(fixture, 1500);
  const char *token = api_fixture_enter(fixture, first);
  assert_true(api_fixture_has(fixture, "{'admission':'granted','reservation_token':'r1."));
  assert_true(api_fixture_has(fixture, "'ttl_sec':10,'expires_at':'"));
  assert_string_equal(api_fixture_enter(fixture, first), token);
  expect_status(fixture, first, "{'status':'ready','position':0,'eta_sec':0,");
  api_fixture_refused(fixture, 403, "NOT_READY", "POST", ENTER, entering(fixture, second));
  assert_true(api_fixture_has(fixture, "'details':{'eta_sec':"));
  world_sim_jump_clock_ms(fixture->sale->store.sim, 10000);
  api_fixture_refused(fixture, 410, "TOKEN_EXPIRED", "POST", ENTER, entering(fixture, first));
  api_fixture_run(fixture, 1500);
  (void)api_fixture_enter(fixture, second);
}

static void test_enter_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_refused(fixture, 400, "MISSING_TOKEN", "POST", ENTER, "{}");
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", ENTER, "{'waiting_token':[]}");
  api_fixture_refused(fixture, 404, "TOKEN_NOT_FOUND", "POST", ENTER, entering(fixture, FORGED));
}

static void test_shopping(void **state)
{
  struct api_fixture *fixture = *state;
  char body[256];
  api_fixture_room(fixture, "'mode':'waiting'");
  const char *waiting = api_fixture_join(fixture);
  api_fixture_run(fixture, 200);
  const char *token = api_fixture_enter(fixture, waiting);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_refused(fixture, 403, "ADMISSION_REQUIRED", "POST", "/api/v1/reservations",
                      "{'event_id':'evt','quantity':1}");
  snprintf(body, sizeof body, "{'event_id':'evt','quantity':1,'reservation_token':'%s'}", token);
  api_fixture_post(fixture, 201, "/api/v1/reservations", body);
  const char *id = api_fixture_text(fixture, "reservation_id");
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_refused(fixture, 403, "ADMISSION_INVALID", "POST", "/api/v1/reservations", body);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_pay(fixture, id, 1000);
  (void)api_fixture_confirm(fixture, id);
  expect_status(fixture, waiting, "{'status':'expired',");
  api_fixture_refused(fixture, 403, "ADMISSION_INVALID", "POST", "/api/v1/reservations", body);
}

static void test_leave(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_room(fixture, "'mode':'paused'");
  const char *first = api_fixture_join(fixture);
  const char *second = api_fixture_join(fixture);
  for (int i = 0; i < 2; i++) {
    api_fixture_ask(fixture, 200, "DELETE", path_of(fixture, "leave", first), NULL);
    assert_true(api_fixture_has(fixture, "{'status':'left'}"));
  }
  expect_status(fixture, first, "{'status':'expired',");
  expect_status(fixture, second, "{'status':'waiting','position':1,");
  api_fixture_post(fixture, 200, path_of(fixture, "leave", second), "no json");
  expect_status(fixture, second, "{'status':'expired',");
  api_fixture_ask(fixture, 200, "DELETE", path_of(fixture, "leave", FORGED), NULL);
  api_fixture_refused(fixture, 400, "MISSING_TOKEN", "DELETE", "/api/v1/queue/leave", NULL);
}

/* ---- streams ---- */

static void listen(struct api_fixture *fixture, struct net_client *client, const char *token)
{
  client->stream = -1;
  api_fixture_send(fixture, client, "GET", path_of(fixture, "stream", token), NULL);
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

static void test_stream(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = {.stream = -1};
  api_fixture_room(fixture, "'mode':'paused'");
  const char *first = api_fixture_join(fixture);
  const char *second = api_fixture_join(fixture);
  listen(fixture, &client, second);
  run(fixture, &client, 3500);
  assert_int_equal(count(&client, "content-type: text/event-stream"), 1);
  /* Nothing has changed but the time. */
  assert_int_equal(count(&client, "event: status\ndata: {\"status\":\"waiting\""), 1);
  api_fixture_ask(fixture, 200, "DELETE", path_of(fixture, "leave", first), NULL);
  run(fixture, &client, 1500);
  assert_int_equal(count(&client, "event: status\n"), 2);
  assert_int_equal(count(&client, "\"position\":1,"), 1);
  api_fixture_ask(fixture, 200, "DELETE", path_of(fixture, "leave", second), NULL);
  run(fixture, &client, 1500);
  assert_int_equal(count(&client, "data: {\"status\":\"expired\""), 1);
  assert_int_equal(count(&client, "\r\n0\r\n\r\n"), 1);
  net_client_free(&client);
}

static void test_stream_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_refused(fixture, 400, "MISSING_TOKEN", "GET", "/api/v1/queue/stream", NULL);
  api_fixture_refused(fixture, 404, "TOKEN_NOT_FOUND", "GET", path_of(fixture, "stream", FORGED),
                      NULL);
}

/* A stream is a sign of life; who shows none is a ghost after the grace. */
static void test_a_stream_keeps_alive(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client client = {.stream = -1};
  api_fixture_room(fixture, "'mode':'paused','grace_sec':5");
  const char *ghost = api_fixture_join(fixture);
  const char *listener = api_fixture_join(fixture);
  listen(fixture, &client, listener);
  run(fixture, &client, 12000);
  assert_int_equal(count(&client, "\"position\":1,"), 1);
  assert_int_equal(count(&client, "was_away"), 0);
  expect_status(fixture, ghost, "'was_away':true");
  run(fixture, &client, 1500);
  assert_int_equal(count(&client, "\"position\":2,"), 2);
  net_client_free(&client);
}

/* ---- without memory ---- */

/* Whatever allocation fails: a refusal and no place, or a place; asked again it is one place. */
static void test_join_without_memory(void **state)
{
  struct api_fixture *fixture = *state;
  char key[64];
  int refused = 0;
  fixture->key = key;
  for (uint64_t n = 1; n <= 16; n++) {
    struct room_counts counts;
    snprintf(key, sizeof key, "11111111-2222-4333-8444-%012x", (unsigned)n);
    if (n % 2 == 0)
      fixture->exchange_fail_at = n / 2;
    else
      fixture->fail_at = n / 2 + 1;
    api_fixture_send(fixture, &fixture->client, "POST", JOIN, EVENT);
    api_fixture_run(fixture, 20);
    fixture->fail_at = fixture->sale->store.world->memory.fail_at = 0;
    fixture->exchange_fail_at = 0;
    if (api_fixture_receive(fixture, &fixture->client) && fixture->reply.status == 503) refused++;
    const char *token = api_fixture_join(fixture);
    assert_string_equal(api_fixture_join(fixture), token);
    room_counts(fixture->sale->event->room, &counts);
    assert_int_equal(counts.waiting, 1);
    api_fixture_ask(fixture, 200, "DELETE", path_of(fixture, "leave", token), NULL);
    if (n % API_FIXTURE_PLACES == API_FIXTURE_PLACES - 1) break;
  }
  assert_true(refused > 0);
}

/* The same of what is asked for here: refused and nothing has changed, or done. */
static uint32_t ask_without_memory(struct api_fixture *fixture, const char *method,
                                   const char *path, const char *body)
{
  uint32_t refused = 0;
  for (uint64_t n = 1; n <= 12; n++) {
    fixture->fail_at = n;
    api_fixture_send(fixture, &fixture->client, method, path, body);
    api_fixture_run(fixture, 20);
    fixture->fail_at = fixture->sale->store.world->memory.fail_at = 0;
    if (api_fixture_receive(fixture, &fixture->client) && fixture->reply.status != 200) {
      assert_int_equal(fixture->reply.status, 503);
      refused++;
    }
  }
  return refused;
}

static void test_enter_and_leave_without_memory(void **state)
{
  struct api_fixture *fixture = *state;
  const char *token = api_fixture_join(fixture);
  (void)ask_without_memory(fixture, "GET", path_of(fixture, "status", token), NULL);
  assert_true(ask_without_memory(fixture, "POST", ENTER, entering(fixture, token)) > 0);
  const char *reservation = api_fixture_enter(fixture, token);
  expect_status(fixture, token, "{'status':'ready',");
  assert_string_equal(api_fixture_enter(fixture, token), reservation);
  const char *leave = path_of(fixture, "leave", token);
  (void)ask_without_memory(fixture, "DELETE", leave, NULL);
  api_fixture_ask(fixture, 200, "DELETE", leave, NULL);
  expect_status(fixture, token, "{'status':'expired',");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_join),
      WITH_API(test_join_refused),
      WITH_API(test_full),
      WITH_API(test_joins_wait_for_the_disk),
      WITH_API(test_status),
      WITH_API(test_enter),
      WITH_API(test_enter_refused),
      WITH_API(test_shopping),
      WITH_API(test_leave),
      WITH_API(test_stream),
      WITH_API(test_stream_refused),
      WITH_API(test_a_stream_keeps_alive),
      WITH_API(test_join_without_memory),
      WITH_API(test_enter_and_leave_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
