#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char ALL[] = "{\"source\":[\"test\"]}";

static void test_each_kind_of_input(void **state)
{
  struct bus_fixture *fixture = *state;
  static const struct {
    enum bus_input input;
    const char *text;
    const char *given; /* NULL: the whole event */
  } cases[] = {
      {BUS_INPUT_EVENT, "", NULL},
      {BUS_INPUT_PATH, "$.detail.list[1]", "\"b\"\n"},
      {BUS_INPUT_PATH, "$.detail.nothing", "null\n"},
      {BUS_INPUT_CONSTANT, "{\"fixed\": 1}", "{\"fixed\": 1}\n"},
      {BUS_INPUT_TEMPLATE, "{\"first\": <first>, \"rule\": \"<aws.events.rule-name>\"}",
       "{\"first\":\"a\",\"rule\":\"one\"}\n"},
  };
  const struct bus_variable variable = {BYTES("first"), BYTES("$.detail.list[0]")};
  bus_fixture_queue(fixture, "q1");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q1");
    target.input = cases[i].input;
    target.input_text = bytes_of_text(cases[i].text);
    if (cases[i].input == BUS_INPUT_TEMPLATE) {
      target.variables = &variable;
      target.variable_count = 1;
    }
    bus_fixture_rule(fixture, "one", ALL, &target, 1);
    bus_fixture_put(fixture, "T", "{\"list\":[\"a\",\"b\"]}");
    const char *taken = bus_fixture_take(fixture, "q1");
    if (cases[i].given == NULL)
      assert_non_null(strstr(taken, "\"detail\":{\"list\":[\"a\",\"b\"]}}"));
    else
      assert_string_equal(taken, cases[i].given);
  }
}

/* What an input makes of a large event may be too large: the event goes to the dead letters. */
static void test_an_input_that_is_too_large(void **state)
{
  struct bus_fixture *fixture = *state;
  size_t size = 200 << 10;
  char *detail = malloc(size + 1);
  assert_non_null(detail);
  memset(detail, ' ', size);
  detail[0] = '{';
  detail[size - 1] = '}';
  detail[size] = 0;
  bus_fixture_queue(fixture, "dlq");
  struct bus_target target = bus_fixture_target(BUS_TARGET_WEBHOOK, "http://h/");
  target.input = BUS_INPUT_PATH;
  target.input_text = BYTES("$.detail");
  target.dead_letter = BYTES("dlq");
  bus_fixture_rule(fixture, "one", ALL, &target, 1);
  bus_fixture_put(fixture, "T", detail);
  assert_int_equal(bus_fixture_count(fixture, "dlq"), 1);
  assert_int_equal(fixture->buses->metrics.deliveries, 0);
  free(detail);
}

/* A dead letter says what it was for. */
static void test_dead_letters_have_attributes(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "gone");
  target.dead_letter = BYTES("dlq");
  struct queue *queue = bus_fixture_queue(fixture, "dlq");
  bus_fixture_rule(fixture, "one", ALL, &target, 1);
  bus_fixture_put(fixture, "T", "{}");
  const struct queue_request request = {.max = 1, .visibility_s = -1, .now_ms = fixture->now_ms};
  struct queue_batch batch;
  assert_int_equal(queue_receive(queue, &request, &fixture->store.arena, &batch, &fixture->error),
                   QUEUE_OK);
  assert_int_equal(batch.count, 1);
  static const char *const expected[][2] = {
      {"ERROR_CODE", "NO_QUEUE"},
      {"ERROR_MESSAGE", "the queue is not there"},
      {"RETRY_ATTEMPTS", "0"},
      {"RULE_ARN", "arn:aws:events:ap-northeast-2:000000000000:rule/main/one"},
      {"TARGET", "t"},
  };
  assert_int_equal(batch.messages[0].attribute_count, 5);
  for (uint32_t i = 0; i < 5; i++) {
    const struct queue_attribute *attribute = &batch.messages[0].attributes[i];
    assert_true(bytes_equal(attribute->name, bytes_of_text(expected[i][0])));
    assert_true(bytes_equal(attribute->value, bytes_of_text(expected[i][1])));
  }
}

/* Also a FIFO queue can be one of dead letters. */
static void test_dead_letters_in_a_fifo_queue(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target target = bus_fixture_target(BUS_TARGET_QUEUE, "q.fifo");
  target.dead_letter = BYTES("dlq.fifo");
  bus_fixture_queue(fixture, "dlq.fifo");
  bus_fixture_queue(fixture, "q.fifo");
  bus_fixture_rule(fixture, "one", ALL, &target, 1);
  /* Without a group the queue does not take it. */
  bus_fixture_put(fixture, "T", "{}");
  bus_fixture_put(fixture, "T", "{}");
  assert_int_equal(bus_fixture_count(fixture, "q.fifo"), 0);
  assert_int_equal(bus_fixture_count(fixture, "dlq.fifo"), 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_each_kind_of_input),
      WITH_BUS(test_an_input_that_is_too_large),
      WITH_BUS(test_dead_letters_have_attributes),
      WITH_BUS(test_dead_letters_in_a_fifo_queue),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
