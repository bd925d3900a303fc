#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_one(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_get(fixture, 200, "/api/v1/events/evt");
  assert_true(api_fixture_has(fixture, "'status':'ON_SALE'"));
  assert_true(api_fixture_has(fixture, "'price_min':300,'price_max':1000,'total':45"));
  assert_true(
      api_fixture_has(fixture, "{'id':'B','name':'Circle','price':500,'total':5,'remain':5}"));
}

static void test_availability(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1'");
  fixture->token[0] = 0;
  api_fixture_get(fixture, 200, "/api/v1/events/evt/availability");
  assert_true(api_fixture_has(fixture, "'remaining':44,'total':45"));
  assert_false(api_fixture_has(fixture, "unavailable_seats"));
  api_fixture_get(fixture, 200, "/api/v1/events/evt/availability?seat_ids=A-1-1,A-1-2,Z");
  assert_true(api_fixture_has(fixture, "'unavailable_seats':['A-1-1','Z']"));
  api_fixture_get(fixture, 200, "/api/v1/events/evt/availability?seat_ids=A-1-2");
  assert_true(api_fixture_has(fixture, "'unavailable_seats':[]"));
}

/* A hold that has lapsed is free to whoever looks, though nobody has written it down. */
static void test_lapsed_holds(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1'");
  world_sim_jump_clock_ms(fixture->sale->store.sim, 60000);
  fixture->token[0] = 0;
  api_fixture_get(fixture, 200, "/api/v1/events/evt");
  assert_true(api_fixture_has(fixture, "'remaining':45"));
  api_fixture_get(fixture, 200, "/api/v1/events/evt/seats");
  assert_true(api_fixture_has(fixture, "'states':'aaaaaaaaaa'"));
}

static void test_tags(void **state)
{
  struct api_fixture *fixture = *state;
  char field[128];
  api_fixture_get(fixture, 200, "/api/v1/events/evt/seats");
  struct bytes tag = net_reply_header(&fixture->reply, BYTES("etag"));
  snprintf(field, sizeof field, "If-None-Match: %.*s\r\n", BYTES_FORMAT(tag));
  fixture->headers = field;
  api_fixture_get(fixture, 304, "/api/v1/events/evt/seats");
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_reserve(fixture, "'A-1-1'");
  fixture->headers = field;
  api_fixture_get(fixture, 200, "/api/v1/events/evt/seats");
  assert_true(api_fixture_has(fixture, "'states':'raaaaaaaaa'"));
}

static void test_packed(void **state)
{
  struct api_fixture *fixture = *state;
  char field[128];
  fixture->headers = "Accept-Encoding: gzip\r\n";
  api_fixture_get(fixture, 200, "/api/v1/events/evt/seats");
  api_fixture_expect_header(fixture, "content-encoding", "gzip");
  api_fixture_expect_header(fixture, "vary", "accept-encoding");
  assert_int_equal(fixture->reply.body.data[0], 0x1f);
  struct bytes tag = net_reply_header(&fixture->reply, BYTES("etag"));
  assert_true(bytes_find(tag, BYTES("-gz\"")) != SIZE_MAX);
  snprintf(field, sizeof field, "Accept-Encoding: gzip\r\nIf-None-Match: %.*s\r\n",
           BYTES_FORMAT(tag));
  fixture->headers = field;
  api_fixture_get(fixture, 304, "/api/v1/events/evt/seats");
  api_fixture_get(fixture, 200, "/api/v1/events/evt/seats");
  api_fixture_expect_header(fixture, "content-encoding", NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_one),  WITH_API(test_availability), WITH_API(test_lapsed_holds),
      WITH_API(test_tags), WITH_API(test_packed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
