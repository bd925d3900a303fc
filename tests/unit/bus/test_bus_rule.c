#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char SALE[] = "{\"detail-type\":[\"Sale\"]}";

static enum bus_status put(struct bus_fixture *fixture, const struct bus_rule *rule)
{
  struct plan *plan = bus_fixture_plan(fixture);
  enum bus_status status = bus_rule_put(fixture->bus, plan, rule, fixture->now_ms, &fixture->error);
  if (status == BUS_OK) bus_fixture_commit(fixture);
  return status;
}

static void expect_same(const struct bus_target *left, const struct bus_target *right)
{
  assert_true(bytes_equal(left->id, right->id));
  assert_int_equal(left->kind, right->kind);
  assert_true(bytes_equal(left->address, right->address));
  assert_true(bytes_equal(left->group, right->group));
  assert_int_equal(left->input, right->input);
  assert_true(bytes_equal(left->input_text, right->input_text));
  assert_int_equal(left->variable_count, right->variable_count);
  for (uint32_t i = 0; i < left->variable_count; i++) {
    assert_true(bytes_equal(left->variables[i].name, right->variables[i].name));
    assert_true(bytes_equal(left->variables[i].path, right->variables[i].path));
  }
  assert_int_equal(left->retries, right->retries);
  assert_int_equal(left->age_s, right->age_s);
  assert_true(bytes_equal(left->dead_letter, right->dead_letter));
}

static void test_a_rule_is_what_was_put_also_after_a_crash(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bus_variable variables[] = {{BYTES("a"), BYTES("$.detail.a")},
                                           {BYTES("b"), BYTES("$.id")}};
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "q.fifo"),
                                 bus_fixture_target(BUS_TARGET_WEBHOOK, "https://h.example/?x=1"),
                                 bus_fixture_target(BUS_TARGET_LOG, ""),
                                 bus_fixture_target(BUS_TARGET_LOG, "")};
  targets[0].group = BYTES("g");
  targets[0].input = BUS_INPUT_TEMPLATE;
  targets[0].input_text = BYTES("{\"x\":<a>,\"y\":\"<b>\"}");
  targets[0].variables = variables;
  targets[0].variable_count = 2;
  targets[1].id = BYTES("1");
  targets[1].retries = 7;
  targets[1].age_s = 259200;
  targets[1].dead_letter = BYTES("dlq");
  targets[2].id = BYTES("2");
  targets[2].input = BUS_INPUT_PATH;
  targets[2].input_text = BYTES("$.detail");
  targets[3].id = BYTES("3");
  targets[3].input = BUS_INPUT_CONSTANT;
  targets[3].input_text = BYTES("[1]");
  const struct bus_rule rule = {.name = BYTES("r"),
                                .description = BYTES("what it is for"),
                                .pattern = bytes_of_text(SALE),
                                .schedule = BYTES("rate(1 day)"),
                                .targets = targets,
                                .target_count = 4};
  assert_int_equal(put(fixture, &rule), BUS_OK);
  for (int i = 0; i < 2; i++) {
    const struct bus_rule *found = bus_rule_find(fixture->bus, BYTES("r"));
    assert_true(bytes_equal(found->description, rule.description));
    assert_true(bytes_equal(found->pattern, rule.pattern));
    assert_true(bytes_equal(found->schedule, rule.schedule));
    assert_int_equal(found->created_ms, fixture->now_ms);
    assert_int_equal(found->target_count, 4);
    for (uint32_t k = 0; k < 4; k++) expect_same(&found->targets[k], &targets[k]);
    bus_fixture_settle(fixture);
    bus_fixture_crash(fixture);
  }
}

static void test_changes_and_deletion(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bus_target target = bus_fixture_target(BUS_TARGET_LOG, "");
  bus_fixture_rule(fixture, "b", SALE, &target, 1);
  bus_fixture_rule(fixture, "a", SALE, NULL, 0);
  int64_t created_ms = fixture->now_ms;
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_pass(fixture, 1000);
  bus_fixture_rule(fixture, "b", "{\"source\":[\"test\"]}", &target, 1);
  const struct bus_rule *rule = bus_rule_find(fixture->bus, BYTES("b"));
  assert_int_equal(rule->created_ms, created_ms);
  assert_int_equal(rule->changed_ms, fixture->now_ms);
  assert_int_equal(bus_rule_invocations(rule), 1);
  assert_true(bytes_equal(bus_rule_next(fixture->bus, BYTES(""))->name, BYTES("a")));
  assert_true(bytes_equal(bus_rule_next(fixture->bus, BYTES("a"))->name, BYTES("b")));
  assert_null(bus_rule_next(fixture->bus, BYTES("b")));
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_rule_delete(fixture->bus, plan, BYTES("b"), &fixture->error), BUS_IN_USE);
  assert_int_equal(bus_rule_delete(fixture->bus, plan, BYTES("c"), &fixture->error), BUS_NOT_FOUND);
  assert_int_equal(bus_rule_delete(fixture->bus, plan, BYTES("a"), &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  assert_null(bus_rule_find(fixture->bus, BYTES("a")));
  assert_int_equal(fixture->bus->rule_count, 1);
}

/* Several changes of one turn, whose pointers all hold until the next. */
static void test_many_changes_in_one_turn(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bus_target target = bus_fixture_target(BUS_TARGET_LOG, "");
  bus_fixture_rule(fixture, "a", SALE, &target, 1);
  const struct bus_event event = bus_fixture_event("x", "Sale", "{}", fixture->now_ms);
  struct plan *waiting = arena_alloc(&fixture->store.arena, sizeof *waiting);
  plan_init(waiting, fixture->store.store, &fixture->store.arena);
  assert_int_equal(bus_put(fixture->bus, waiting, &event, fixture->now_ms, &fixture->error),
                   BUS_OK);
  for (int i = 0; i < 50; i++) bus_fixture_rule(fixture, "a", SALE, NULL, 0);
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_rule_delete(fixture->bus, plan, BYTES("a"), &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  struct store_transact_result result;
  assert_int_equal(plan_commit(waiting, &result, &fixture->error), STORE_OK);
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->bus->rule_count, 0);
  assert_int_equal(pattern_set_count(fixture->bus->patterns), 0);
}

static void test_members_are_checked(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target good = bus_fixture_target(BUS_TARGET_QUEUE, "q");
  struct bus_target target[2] = {good, good};
  struct bus_rule rule = {
      .name = BYTES("r"), .pattern = bytes_of_text(SALE), .targets = target, .target_count = 1};
#define REFUSED(member)                                      \
  do {                                                       \
    assert_int_equal(put(fixture, &rule), BUS_INVALID);      \
    assert_non_null(strstr(fixture->error.message, member)); \
    target[0] = good;                                        \
  } while (0)
  target[0].id = BYTES("a b");
  REFUSED("targets[0].id");
  target[0].address = BYTES("");
  REFUSED("targets[0].address");
  target[0].kind = BUS_TARGET_WEBHOOK;
  REFUSED("targets[0].address");
  target[0].kind = (enum bus_target_kind)7;
  REFUSED("targets[0].kind");
  target[0].retries = 186;
  REFUSED("targets[0].retries");
  target[0].age_s = 59;
  REFUSED("targets[0].age_s");
  target[0].dead_letter = BYTES("no queue");
  REFUSED("targets[0].dead_letter");
  target[0].input_text = BYTES("x");
  REFUSED("targets[0].input_text");
  target[0].input = BUS_INPUT_PATH;
  REFUSED("targets[0].input_text");
  target[0].input = BUS_INPUT_TEMPLATE;
  target[0].input_text = BYTES("<a>");
  REFUSED("targets[0].input_text: <a>");
  target[0].input = BUS_INPUT_CONSTANT;
  target[0].input_text = BYTES("{");
  REFUSED("targets[0].input_text");
  rule.target_count = 2;
  REFUSED("targets[1].id: stands twice");
  rule.target_count = BUS_TARGETS_MAX + 1;
  REFUSED("targets: at most");
  rule.target_count = 1;
  rule.name = BYTES("");
  REFUSED("name");
  rule.name = BYTES("r");
  rule.pattern = BYTES("{}");
  REFUSED("pattern");
  rule.pattern = BYTES("");
  REFUSED("pattern");
  rule.schedule = BYTES("rate(1 minutes)");
  REFUSED("schedule");
#undef REFUSED
  assert_int_equal(fixture->bus->rule_count, 0);
}

static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bus_variable variable = {BYTES("a"), BYTES("$.detail.a")};
  struct bus_target targets[] = {bus_fixture_target(BUS_TARGET_QUEUE, "q"),
                                 bus_fixture_target(BUS_TARGET_WEBHOOK, "https://h.example/")};
  targets[0].input = BUS_INPUT_TEMPLATE;
  targets[0].input_text = BYTES("{\"x\":<a>}");
  targets[0].variables = &variable;
  targets[0].variable_count = 1;
  targets[1].id = BYTES("1");
  const struct bus_rule rule = {
      .name = BYTES("r"), .pattern = bytes_of_text(SALE), .targets = targets, .target_count = 2};
  enum bus_status status = BUS_UNAVAILABLE;
  for (uint64_t nth = 1; status != BUS_OK; nth++) {
    buffer_free(&fixture->buses->scratch);
    buffer_init(&fixture->buses->scratch, &fixture->memory);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    struct plan *plan = bus_fixture_plan(fixture);
    status = bus_rule_put(fixture->bus, plan, &rule, fixture->now_ms, &fixture->error);
    fixture->memory.fail_at = 0;
    if (status == BUS_OK) break;
    assert_int_equal(status, BUS_UNAVAILABLE);
    assert_int_equal(plan->action_count + plan->hook_count, 0);
    bus_fixture_tick(fixture);
  }
  bus_fixture_commit(fixture);
  assert_int_equal(fixture->bus->rule_count, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_a_rule_is_what_was_put_also_after_a_crash),
      WITH_BUS(test_changes_and_deletion),
      WITH_BUS(test_many_changes_in_one_turn),
      WITH_BUS(test_members_are_checked),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
