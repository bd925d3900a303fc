#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static enum bus_status write(struct bus_fixture *fixture, const struct bus_event *event,
                             struct bytes *envelope)
{
  return bus_event_write(fixture->buses, event, &fixture->store.arena, envelope, &fixture->error);
}

static void test_an_envelope_is_that_of_the_service(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bytes resources[] = {BYTES("arn:1"), BYTES("a \"b\"")};
  struct bus_event event = bus_fixture_event("id-1", "Type \"x\"", " {\"a\" : 1}",
                                             INT64_C(1795410720789));
  event.resources = resources;
  event.resource_count = 2;
  struct bytes envelope;
  event.detail = BYTES("{\"a\" : 1}");
  assert_int_equal(write(fixture, &event, &envelope), BUS_OK);
  assert_true(bytes_equal(
      envelope,
      BYTES("{\"version\":\"0\",\"id\":\"id-1\",\"detail-type\":\"Type \\\"x\\\"\","
            "\"source\":\"test\",\"account\":\"000000000000\",\"time\":\"2026-11-23T05:12:00Z\","
            "\"region\":\"ap-northeast-2\",\"resources\":[\"arn:1\",\"a \\\"b\\\"\"],"
            "\"detail\":{\"a\" : 1}}")));
  struct bus_event_head head;
  assert_true(bus_event_read(envelope, &fixture->store.arena, &head));
  assert_true(bytes_equal(head.id, BYTES("id-1")));
  assert_true(bytes_equal(head.detail_type, BYTES("Type \"x\"")));
  assert_int_equal(head.time_ms, INT64_C(1795410720000));
  struct bytes replayed = bus_event_mark_replayed(envelope, BYTES("r"), &fixture->store.arena);
  assert_true(bus_event_read(replayed, &fixture->store.arena, &head));
  assert_non_null(strstr((const char *)arena_copy(&fixture->store.arena, replayed).data,
                         ",\"replay-name\":\"r\"}"));
  assert_false(bus_event_read(BYTES("{}"), &fixture->store.arena, &head));
  assert_false(bus_event_read(BYTES("x"), &fixture->store.arena, &head));
}

static void test_members_are_checked(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bytes empty = BYTES("");
  struct bus_event good = bus_fixture_event("x", "T", "{}", fixture->now_ms);
  struct bus_event event = good;
  struct bytes envelope;
  assert_int_equal(write(fixture, &event, &envelope), BUS_OK);
#define REFUSED(member)                                               \
  do {                                                                \
    assert_int_equal(write(fixture, &event, &envelope), BUS_INVALID); \
    assert_non_null(strstr(fixture->error.message, member));          \
    event = good;                                                     \
  } while (0)
  event.id = empty;
  REFUSED("id");
  event.detail_type = empty;
  REFUSED("detail-type");
  event.source = BYTES("\xFF");
  REFUSED("source");
  event.time_ms = INSTANT_MAX_MS + 1;
  REFUSED("time");
  event.resource_count = BUS_RESOURCES_MAX + 1;
  REFUSED("resources");
  event.resources = &empty;
  event.resource_count = 1;
  REFUSED("resources");
  event.detail = BYTES("{\"a\":}");
  REFUSED("detail");
  event.detail = BYTES("1");
  REFUSED("detail");
#undef REFUSED
}

static void test_size(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bytes envelope;
  char *detail = malloc(BUS_EVENT_BYTES_MAX + 1);
  assert_non_null(detail);
  struct bus_event event = bus_fixture_event("x", "T", "{}", fixture->now_ms);
  assert_int_equal(write(fixture, &event, &envelope), BUS_OK);
  size_t room = BUS_EVENT_BYTES_MAX - envelope.size + 2;
  for (size_t size = room; size <= room + 1; size++) {
    memset(detail, ' ', size);
    detail[0] = '{';
    detail[size - 1] = '}';
    event.detail = bytes_of(detail, size);
    assert_int_equal(write(fixture, &event, &envelope), size == room ? BUS_OK : BUS_INVALID);
  }
  free(detail);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_an_envelope_is_that_of_the_service),
      WITH_BUS(test_members_are_checked),
      WITH_BUS(test_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
