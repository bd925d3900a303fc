#include "sale/wiring.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char PENDING[] = "/api/v1/admin/deliveries?state=pending";

static const char FAILED[] = "/api/v1/admin/deliveries?state=failed";

static bool never(void *context, const struct bus_request *request, const struct bus_reply *reply,
                  struct client_handle *handle, struct error *error)
{
  (void)context, (void)request, (void)reply, (void)handle;
  return error_set(error, ERROR_INVALID, "nobody is there");
}

static void cancel(void *context, struct client_handle handle)
{
  (void)context, (void)handle;
}

/* Takes no request, and never will: deliveries fail at once. */
static const struct bus_sender NOBODY = {.send = never, .cancel = cancel};

/* Buses whose webhooks nobody sends, and an administrator who asks. */
static void wire(struct api_fixture *fixture)
{
  struct sale_fixture *sale = fixture->sale;
  sale->now_ms = world_clock_ms(fixture->api.world);
  sale_fixture_wire(sale);
  fixture->api.buses = sale->buses;
  assert_true(wiring_notify(sale->buses, BYTES("http://127.0.0.1:1/told?key=secret"), sale->now_ms,
                            &sale->error));
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
}

/* What is told of a seat that is held and sold: its two changes, and the order. */
static void sell(struct api_fixture *fixture)
{
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_pay(fixture, id, 1000);
  api_fixture_confirm(fixture, id);
  fixture->sale->now_ms = world_clock_ms(fixture->api.world);
  sale_fixture_run(fixture->sale);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
}

static void test_log(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  wire(fixture);
  api_fixture_get(fixture, 200, PENDING);
  assert_true(api_fixture_has(fixture, "{'deliveries':[],'next_cursor':null}"));
  sell(fixture);
  api_fixture_get(fixture, 200, PENDING);
  assert_true(api_fixture_has(fixture, "'detail_type':'ReservationConfirmed'"));
  assert_true(api_fixture_has(fixture, "'url':'http://127.0.0.1:1/told','state':'PENDING'"));
  assert_true(api_fixture_has(fixture, "'attempts':0,'created_at':"));
  assert_true(api_fixture_has(fixture, "'next_attempt_at':"));
  assert_false(api_fixture_has(fixture, "secret"));
  api_fixture_get(fixture, 200, "/api/v1/admin/deliveries?state=pending&limit=1");
  const char *first = api_fixture_text(fixture, "id");
  snprintf(path, sizeof path, "%s&cursor=%s", PENDING, api_fixture_text(fixture, "next_cursor"));
  api_fixture_get(fixture, 200, path);
  assert_true(api_fixture_has(fixture, "'next_cursor':null"));
  assert_false(api_fixture_has(fixture, first));
  api_fixture_get(fixture, 200, "/api/v1/admin/deliveries?state=delivered");
  assert_true(api_fixture_has(fixture, "{'deliveries':[],"));
}

/* The number of failed deliveries, all of whose attempts are over. */
static uint32_t count_failed(struct api_fixture *fixture)
{
  uint32_t count = 0;
  fixture->sale->now_ms = world_clock_ms(fixture->api.world);
  sale_fixture_run(fixture->sale);
  api_fixture_get(fixture, 200, FAILED);
  struct bytes rest = fixture->reply.body;
  for (size_t at; (at = bytes_find(rest, BYTES("\"FAILED\""))) != SIZE_MAX; count++)
    rest = bytes_of(rest.data + at + 1, rest.size - at - 1);
  return count;
}

static void test_replay(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  fixture->sale->sender = &NOBODY;
  wire(fixture);
  sell(fixture);
  uint32_t count = count_failed(fixture);
  assert_true(count > 0);
  assert_true(api_fixture_has(fixture, "nobody is there"));
  assert_false(api_fixture_has(fixture, "next_attempt_at"));
  const char *id = api_fixture_text(fixture, "id");
  snprintf(path, sizeof path, "/api/v1/admin/deliveries/%s/replay", id);
  fixture->key = "11111111-2222-4333-8444-555555555555";
  api_fixture_post(fixture, 200, path, NULL);
  assert_string_equal(api_fixture_text(fixture, "delivery_id"), id);
  assert_true(api_fixture_has(fixture, "'state':'PENDING'"));
  api_fixture_get(fixture, 200, PENDING);
  assert_true(api_fixture_has(fixture, id));
  api_fixture_post(fixture, 200, path, NULL);
  api_fixture_expect_header(fixture, "x-idempotency-cached", "true");
  assert_int_equal(count_failed(fixture), count);
}

static void test_refused(void **state)
{
  struct api_fixture *fixture = *state;
  char path[128];
  static const char *const bad[] = {"", "?state=", "?state=PENDING", "?state=pending&limit=51",
                                    "?state=failed&cursor=x"};
  wire(fixture);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(path, sizeof path, "/api/v1/admin/deliveries%s", bad[i]);
    api_fixture_refused(fixture, 400, "INVALID_REQUEST", "GET", path, NULL);
  }
  api_fixture_refused(fixture, 404, "DELIVERY_NOT_FOUND", "POST",
                      "/api/v1/admin/deliveries/01M8DQKK3FRM9CQNT38Z6C8M2K/replay", NULL);
  api_fixture_refused(fixture, 404, "DELIVERY_NOT_FOUND", "POST",
                      "/api/v1/admin/deliveries/x/replay", NULL);
  sell(fixture);
  api_fixture_get(fixture, 200, PENDING);
  snprintf(path, sizeof path, "/api/v1/admin/deliveries/%s/replay",
           api_fixture_text(fixture, "id"));
  api_fixture_refused(fixture, 409, "DELIVERY_PENDING", "POST", path, NULL);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_ask(fixture, 403, "GET", PENDING, NULL);
  api_fixture_ask(fixture, 403, "POST", path, NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_log),
      WITH_API(test_replay),
      WITH_API(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
