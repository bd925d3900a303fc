#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char EVENT[] =
    "{\"version\":\"0\",\"id\":\"x\",\"detail-type\":\"Sale\",\"source\":\"test\","
    "\"time\":\"2026-01-01T00:00:00Z\",\"detail\":{\"n\":7}}";

static const char *explain(struct bus_fixture *fixture, const char *event)
{
  struct buffer json;
  buffer_init(&json, &fixture->store.memory);
  enum bus_status status = bus_explain(fixture->bus, bytes_of_text(event), &json, fixture->now_ms,
                                       &fixture->error);
  buffer_append_byte(&json, 0);
  struct bytes copy = arena_copy(&fixture->store.arena, buffer_bytes(&json));
  buffer_free(&json);
  return status == BUS_OK ? (const char *)copy.data : NULL;
}

static void test_each_rule_says_why(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_queue(fixture, "q1");
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "q1"),
                                 bus_fixture_target(BUS_TARGET_WEBHOOK, "http://h/"),
                                 bus_fixture_target(BUS_TARGET_QUEUE, "gone")};
  targets[0].input = BUS_INPUT_PATH;
  targets[0].input_text = BYTES("$.detail");
  targets[1].id = BYTES("u");
  targets[2].id = BYTES("v");
  targets[1].input = targets[2].input = BUS_INPUT_CONSTANT;
  targets[1].input_text = targets[2].input_text = BYTES("1");
  bus_fixture_rule(fixture, "a", "{\"detail\":{\"n\":[7]}}", targets, 3);
  bus_fixture_rule(fixture, "b", "{\"detail\":{\"n\":[8]}}", targets, 1);
  bus_fixture_schedule(fixture, "c", "rate(1 day)", targets, 0);
  const char *json = explain(fixture, EVENT);
  assert_non_null(json);
  assert_non_null(
      strstr(json, "{\"rule\":\"a\",\"matches\":true,\"targets\":["
                   "{\"id\":\"t\",\"kind\":\"queue\",\"to\":\"q1\",\"input\":\"{\\\"n\\\":7}\"},"
                   "{\"id\":\"u\",\"kind\":\"webhook\",\"to\":\"http://h/\",\"input\":\"1\"},"
                   "{\"id\":\"v\",\"kind\":\"queue\",\"to\":\"gone\",\"input\":\"1\","
                   "\"error\":\"the queue is not there\"}]}"));
  assert_non_null(strstr(json, "{\"rule\":\"b\",\"matches\":false,\"reason\":\"detail.n"));
  assert_non_null(strstr(json, "{\"rule\":\"c\",\"matches\":false,\"reason\":\"the rule has a "
                               "schedule and no pattern\"}"));
  assert_int_equal(bus_fixture_count(fixture, "q1"), 0);
  assert_null(explain(fixture, "no event"));
  assert_int_equal(fixture->error.code, ERROR_INVALID);
}

static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target target = bus_fixture_target(BUS_TARGET_LOG, "");
  bus_fixture_rule(fixture, "a", "{\"detail\":{\"n\":[7]}}", &target, 1);
  bus_fixture_rule(fixture, "b", "{\"detail\":{\"n\":[8]}}", &target, 1);
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    arena_free(&fixture->buses->arena);
    arena_init(&fixture->buses->arena, &fixture->memory);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    const char *json = explain(fixture, EVENT);
    done = fixture->memory.calls < fixture->memory.fail_at;
    fixture->memory.fail_at = 0;
    if (json == NULL) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_each_rule_says_why),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
