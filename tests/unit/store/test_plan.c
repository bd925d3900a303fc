#include "store/plan.h"

#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct table *seats_of(struct store_fixture *fixture)
{
  return store_fixture_table(fixture, "seats id:S");
}

static struct store_action put(struct store_fixture *fixture, struct table *table, int number,
                               const char *condition)
{
  char item[64];
  snprintf(item, sizeof item, "{'id':{'S':'seat%d'}}", number);
  return store_fixture_action(
      fixture, &(struct store_fixture_action){
                   .kind = ACTION_PUT, .table = table, .item = item, .condition = condition});
}

struct trace {
  char text[64];
  uint64_t sequence;
};

static void note_first(void *context, uint64_t sequence)
{
  struct trace *trace = context;
  strcat(trace->text, "first ");
  trace->sequence = sequence;
}

static void note_second(void *context, uint64_t sequence)
{
  struct trace *trace = context;
  strcat(trace->text, "second ");
  assert_int_equal(trace->sequence, sequence);
}

static void test_actions_and_hooks_happen_together(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *seats = seats_of(fixture);
  struct plan plan;
  struct trace trace = {0};
  struct store_transact_result result;
  plan_init(&plan, fixture->store, &fixture->answers);
  for (int i = 0; i < 3; i++) {
    struct store_action action = put(fixture, seats, i, NULL);
    assert_int_equal(plan_add(&plan, &action), i);
  }
  assert_int_equal(plan_room(&plan), TRANSACTION_ACTIONS_MAX - 3);
  plan_after(&plan, note_first, &trace);
  plan_after(&plan, note_second, &trace);
  assert_string_equal(trace.text, "");
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_OK);
  assert_string_equal(trace.text, "first second ");
  assert_int_equal(trace.sequence, store_appended(fixture->store));
  store_fixture_expect_stored(fixture, seats, "{'id':{'S':'seat2'}}", "{'id':{'S':'seat2'}}");
}

static void test_a_refused_plan_does_nothing(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *seats = seats_of(fixture);
  store_fixture_put(fixture, seats, "{'id':{'S':'seat1'}}");
  struct plan plan;
  struct trace trace = {0};
  struct store_transact_result result;
  plan_init(&plan, fixture->store, &fixture->answers);
  struct store_action free_seat = put(fixture, seats, 0, "attribute_not_exists(id)");
  struct store_action taken_seat = put(fixture, seats, 1, "attribute_not_exists(id)");
  plan_add(&plan, &free_seat);
  size_t taken = plan_add(&plan, &taken_seat);
  plan_after(&plan, note_first, &trace);
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_CANCELED);
  assert_int_equal(result.reasons[taken].code, REASON_CONDITION_FAILED);
  assert_int_equal(result.reasons[0].code, REASON_NONE);
  assert_string_equal(trace.text, "");
  store_fixture_expect_stored(fixture, seats, "{'id':{'S':'seat0'}}", NULL);
}

static void test_an_empty_plan_is_done(void **state)
{
  struct store_fixture *fixture = *state;
  struct plan plan;
  struct trace trace = {0};
  struct store_transact_result result;
  uint64_t before = store_appended(fixture->store);
  plan_init(&plan, fixture->store, &fixture->answers);
  plan_after(&plan, note_first, &trace);
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_OK);
  assert_string_equal(trace.text, "first ");
  assert_int_equal(store_appended(fixture->store), before);
}

static void test_more_than_fits_is_refused_whole(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *seats = seats_of(fixture);
  struct plan plan;
  struct trace trace = {0};
  struct store_transact_result result;
  plan_init(&plan, fixture->store, &fixture->answers);
  for (int i = 0; i <= TRANSACTION_ACTIONS_MAX; i++) {
    struct store_action action = put(fixture, seats, i, NULL);
    plan_add(&plan, &action);
  }
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_VALIDATION);
  store_fixture_expect_stored(fixture, seats, "{'id':{'S':'seat0'}}", NULL);
  plan_init(&plan, fixture->store, &fixture->answers);
  for (int i = 0; i <= PLAN_HOOKS_MAX; i++) plan_after(&plan, note_first, &trace);
  assert_int_equal(plan_commit(&plan, &result, &fixture->error), STORE_VALIDATION);
  assert_string_equal(trace.text, "");
}

#define WITH_FIXTURE(test) \
  cmocka_unit_test_setup_teardown(test, store_fixture_setup, store_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FIXTURE(test_actions_and_hooks_happen_together),
      WITH_FIXTURE(test_a_refused_plan_does_nothing),
      WITH_FIXTURE(test_an_empty_plan_is_done),
      WITH_FIXTURE(test_more_than_fits_is_refused_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
