#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char RESERVATIONS[] = "/api/v1/reservations";

static const char *below(struct api_fixture *fixture, const char *id, const char *what)
{
  char *path = arena_alloc(&fixture->sale->store.arena, 256);
  assert_non_null(path);
  snprintf(path, 256, "%s/%s%s", RESERVATIONS, id, what);
  return path;
}

static void test_made(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  assert_true(api_fixture_has(fixture, "'status':'PENDING','event_id':'evt','user_id':'alice',"
                                       "'seat_ids':['A-1-1','A-1-2'],'quantity':2,"));
  assert_true(api_fixture_has(fixture, "'total_amount':{'amount':2000,'currency':'KRW'}"));
  assert_true(api_fixture_has(fixture, "'expires_in':60}"));
}

static void test_conflict(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-5'");
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_refused(fixture, 409, "INVENTORY_CONFLICT", "POST", RESERVATIONS,
                      "{'event_id':'evt','seat_ids':['A-1-5','A-1-6']}");
  assert_true(api_fixture_has(fixture, "'details':{'unavailable_seats':['A-1-5'],"
                                       "'alternative_seats':['A-1-"));
}

static void test_limit(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1','A-1-2','A-1-3'");
  api_fixture_refused(fixture, 409, "BUYER_LIMIT", "POST", RESERVATIONS,
                      "{'event_id':'evt','quantity':2}");
  /* The first hold lapses, and counts no more. */
  world_sim_jump_clock_ms(fixture->sale->store.sim, 60000);
  api_fixture_post(fixture, 201, RESERVATIONS, "{'event_id':'evt','quantity':4}");
}

static void test_expired(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  world_sim_jump_clock_ms(fixture->sale->store.sim, 59000);
  api_fixture_get(fixture, 200, below(fixture, id, ""));
  assert_true(api_fixture_has(fixture, "'status':'PENDING'"));
  world_sim_jump_clock_ms(fixture->sale->store.sim, 1000);
  api_fixture_get(fixture, 200, below(fixture, id, ""));
  assert_true(api_fixture_has(fixture, "'status':'EXPIRED'"));
  assert_true(api_fixture_has(fixture, "'expires_in':0"));
  api_fixture_refused(fixture, 409, "RESERVATION_EXPIRED", "POST", below(fixture, id, "/cancel"),
                      NULL);
  api_fixture_refused(fixture, 409, "RESERVATION_EXPIRED", "POST", below(fixture, id, "/confirm"),
                      NULL);
}

static void test_confirmed(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  api_fixture_refused(fixture, 412, "PAYMENT_NOT_APPROVED", "POST", below(fixture, id, "/confirm"),
                      NULL);
  api_fixture_pay(fixture, id, 2000);
  const char *order = api_fixture_confirm(fixture, id);
  assert_true(api_fixture_has(fixture, "'status':'CONFIRMED'"));
  assert_true(api_fixture_has(fixture, "'qr':'TT1:"));
  assert_string_equal(api_fixture_confirm(fixture, id), order);
  api_fixture_refused(fixture, 409, "ALREADY_CONFIRMED", "DELETE", below(fixture, id, ""), NULL);
}

/* DESIGN 8: paid after the hold was over. The seats are free still. */
static void test_paid_late(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_pay(fixture, id, 1000);
  world_sim_jump_clock_ms(fixture->sale->store.sim, 60000 + SALE_EXTENSION_MS);
  api_fixture_get(fixture, 200, below(fixture, id, ""));
  assert_true(api_fixture_has(fixture, "'status':'EXPIRED'"));
  api_fixture_confirm(fixture, id);
  api_fixture_get(fixture, 200, below(fixture, id, ""));
  assert_true(api_fixture_has(fixture, "'status':'CONFIRMED'"));
}

/* The same when they are gone: the money goes back, once, and the answer is kept. */
static void test_paid_too_late(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  const char *intent = api_fixture_pay(fixture, id, 1000);
  world_sim_jump_clock_ms(fixture->sale->store.sim, 60000 + SALE_EXTENSION_MS);
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_as(fixture, "alice", ROLE_USER);
  fixture->key = "11111111-2222-4333-8444-555555555555";
  for (int i = 0; i < 2; i++) {
    api_fixture_refused(fixture, 409, "RESERVATION_EXPIRED", "POST", below(fixture, id, "/confirm"),
                        NULL);
    assert_true(api_fixture_has(fixture, "'details':{'payment_status':'REFUNDED'}"));
    api_fixture_expect_header(fixture, "x-idempotency-cached", i == 0 ? NULL : "true");
  }
  char path[256];
  snprintf(path, sizeof path, "/api/v1/payments/%s/status", intent);
  api_fixture_get(fixture, 200, path);
  assert_true(api_fixture_has(fixture, "'status':'REFUNDED'"));
}

static void test_cancelled(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_post(fixture, 200, below(fixture, id, "/cancel"), "{'reason':'rain'}");
  assert_true(api_fixture_has(fixture, "'status':'CANCELLED','cancelled_at':'"));
  assert_true(api_fixture_has(fixture, "'released_seats':['A-1-1']"));
  const char *at = api_fixture_text(fixture, "cancelled_at");
  api_fixture_ask(fixture, 200, "DELETE", below(fixture, id, ""), NULL);
  assert_string_equal(api_fixture_text(fixture, "cancelled_at"), at);
  api_fixture_reserve(fixture, "'A-1-1'");
}

static void test_somebody_elses(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1'");
  api_fixture_as(fixture, "bob", ROLE_USER);
  api_fixture_refused(fixture, 404, "RESERVATION_NOT_FOUND", "GET", below(fixture, id, ""), NULL);
  api_fixture_refused(fixture, 404, "RESERVATION_NOT_FOUND", "DELETE", below(fixture, id, ""),
                      NULL);
  api_fixture_get(fixture, 200, RESERVATIONS);
  assert_true(api_fixture_has(fixture, "{'reservations':[],'next_cursor':null}"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_made),          WITH_API(test_conflict),  WITH_API(test_limit),
      WITH_API(test_expired),       WITH_API(test_confirmed), WITH_API(test_paid_late),
      WITH_API(test_paid_too_late), WITH_API(test_cancelled), WITH_API(test_somebody_elses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
