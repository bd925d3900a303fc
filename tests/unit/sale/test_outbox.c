#include "sale/sale_parts.h"
#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_row_is_what_the_bus_will_tell(void **state)
{
  struct sale_fixture *fixture = *state;
  struct plan *plan = sale_fixture_plan(fixture);
  struct sale_step step = {fixture->sale, plan, fixture->now_ms, false};
  for (int i = 0; i < 3; i++)
    outbox_add(&step, BYTES("Thing"), BYTES("thing"), BYTES("t1"), BYTES("{}"));
  assert_false(step.failed);
  assert_int_equal(plan->action_count, 3);
  struct value item = plan->actions[1].item;
  assert_true(bytes_equal(record_get_text(item, BYTES("eventType")), BYTES("Thing")));
  assert_true(bytes_equal(record_get_text(item, BYTES("aggregateId")), BYTES("t1")));
  assert_true(bytes_equal(record_get_text(item, BYTES("eventData")), BYTES("{}")));
  assert_false(value_bool(value_attribute(item, BYTES("published"))));
  struct bytes id = record_get_text(item, BYTES("eventId"));
  struct bytes before = record_get_text(plan->actions[0].item, BYTES("eventId"));
  assert_true(bytes_compare(before, id) < 0);
  struct bytes pk = record_get_text(item, BYTES("pk"));
  assert_true(bytes_equal(bytes_of(pk.data, 7), BYTES("OUTBOX#")));
  assert_true(bytes_equal(bytes_of(pk.data + 7, pk.size - 7), id));
  sale_fixture_commit(fixture);
  assert_string_equal(sale_fixture_outbox(fixture), "Thing Thing Thing ");
}

int main(void)
{
  const struct CMUnitTest tests[] = {WITH_SALE(test_a_row_is_what_the_bus_will_tell)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
