#include "bus/pattern_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { RULES_MOST = 10000 };

struct fixture {
  struct memory memory;
  struct arena arena;
  struct arena event_arena;
  struct paths paths;
  struct machine_rule *rules;
  uint32_t count;
  struct machine *machine;
  uint32_t found;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  arena_init(&fixture.event_arena, &fixture.memory);
  fixture.rules = arena_alloc_array(&fixture.arena, RULES_MOST, sizeof(*fixture.rules));
  *state = &fixture;
  return !paths_init(&fixture.paths, &fixture.arena, 9);
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  arena_free(&fixture->event_arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

__attribute__((format(printf, 2, 3))) static void add(struct fixture *fixture, const char *format,
                                                      ...)
{
  char text[512];
  struct error error;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  struct pattern *pattern = pattern_parse(bytes_of_text(text), &fixture->arena, &error);
  if (pattern == NULL) fail_msg("%s: %s", text, error.message);
  assert_true(paths_resolve(&fixture->paths, pattern));
  assert_true(fixture->count < RULES_MOST);
  fixture->rules[fixture->count] = (struct machine_rule){fixture->count, 0, pattern};
  fixture->count++;
}

static void build(struct fixture *fixture)
{
  fixture->machine = machine_build(fixture->rules, fixture->count, &fixture->paths);
  assert_non_null(fixture->machine);
}

static bool count_found(void *context, const struct state_end *end)
{
  struct fixture *fixture = context;
  assert_true(end->rule < fixture->count);
  fixture->found++;
  return true;
}

static uint32_t count_reached(const struct fixture *fixture, const struct state *state)
{
  if (state->stamp != fixture->paths.stamp) return 0;
  uint32_t count = 1;
  for (const struct group *group = state->groups; group != NULL; group = group->next)
    for (const struct edge *edge = group->edges; edge != NULL; edge = edge->next)
      count += count_reached(fixture, edge->to);
  return count;
}

static uint32_t count_states(const struct state *state)
{
  uint32_t count = 1;
  for (const struct group *group = state->groups; group != NULL; group = group->next)
    for (const struct edge *edge = group->edges; edge != NULL; edge = edge->next)
      count += count_states(edge->to);
  return count;
}

/* Matches, and says how many states the event reached. */
static void assert_match(struct fixture *fixture, const char *text, uint32_t found,
                         uint32_t reached_most)
{
  struct event event;
  struct error error;
  arena_reset(&fixture->event_arena);
  fixture->found = 0;
  assert_true(event_read(&event, bytes_of_text(text), false, &fixture->paths, &fixture->event_arena,
                         &error));
  assert_true(machine_match(fixture->machine, &event, &fixture->event_arena, count_found, fixture));
  assert_int_equal(fixture->found, found);
  uint32_t reached = count_reached(fixture, fixture->machine->root);
  if (reached > reached_most) fail_msg("%u states", reached);
}

static void test_no_rules(void **state)
{
  struct fixture *fixture = *state;
  build(fixture);
  assert_match(fixture, "{\"a\":1}", 0, 1);
}

/* The shared field is asked for after the rare one. */
static void test_rules_that_share_a_field_are_not_reached(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < RULES_MOST; i++)
    add(fixture, "{\"source\":[\"reservation.service\"],\"detail\":{\"eventId\":[\"evt_%d\"]}}", i);
  build(fixture);
  assert_int_equal(count_states(fixture->machine->root), 1 + 2 * RULES_MOST);
  assert_match(fixture, "{\"source\":\"reservation.service\",\"detail\":{\"eventId\":\"x\"}}", 0,
               1);
  assert_match(fixture, "{\"source\":\"reservation.service\",\"detail\":{\"eventId\":\"evt_7\"}}",
               1, 3);
  assert_match(fixture, "{\"source\":\"other\",\"detail\":{\"eventId\":\"evt_7\"}}", 0, 2);
}

/* Also when the name of the shared field comes first, and each rule has a further value for it. */
static void test_rules_that_share_a_value_are_not_reached(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 1000; i++)
    add(fixture, "{\"a\":[\"shared\",\"x%d\"],\"b\":[\"y%d\"],\"c\":[{\"anything-but\":\"z%d\"}]}",
        i, i, i);
  build(fixture);
  assert_match(fixture, "{\"a\":\"shared\",\"b\":\"y\",\"c\":1}", 0, 1);
  assert_match(fixture, "{\"a\":\"shared\",\"b\":\"y3\",\"c\":1}", 1, 4);
}

/* 100 x 100 pairs: an event knows both values and meets one rule. */
static void test_pairs(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 100; i++)
    for (int j = 0; j < 100; j++) add(fixture, "{\"a\":[\"x%d\"],\"b\":[\"y%d\"]}", i, j);
  build(fixture);
  assert_match(fixture, "{\"a\":\"x5\",\"b\":\"y50\"}", 1, 3);
  assert_match(fixture, "{\"a\":\"x5\",\"b\":\"z\"}", 0, 2);
}

/* The same for each operator that has an index. */
static void test_operators_reach_only_what_passes(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 500; i++) {
    add(fixture, "{\"a\":[{\"prefix\":\"p%d.\"}]}", i);
    add(fixture, "{\"a\":[{\"suffix\":\".s%d\"}]}", i);
    add(fixture, "{\"a\":[{\"equals-ignore-case\":\"E%d\"}]}", i);
    add(fixture, "{\"a\":[{\"wildcard\":\"arn:*:w%d:*\"}]}", i);
    add(fixture, "{\"a\":[{\"numeric\":[\">=\",%d,\"<\",%d]}]}", 10 * i, 10 * i + 10);
    add(fixture, "{\"a\":[{\"cidr\":\"10.%d.%d.0/24\"}]}", i / 250, i % 250);
    add(fixture, "{\"a\":[{\"exists\":false}],\"b\":[%d]}", i);
  }
  build(fixture);
  assert_match(fixture, "{\"a\":\"p7.x.s8\"}", 2, 3);
  assert_match(fixture, "{\"a\":\"e9\"}", 1, 2);
  assert_match(fixture, "{\"a\":\"arn:aws:w77:x\"}", 1, 2);
  assert_match(fixture, "{\"a\":\"arn:aws:w777:x\"}", 0, 1);
  assert_match(fixture, "{\"a\":4321.5}", 1, 2);
  assert_match(fixture, "{\"a\":\"10.1.77.5\"}", 1, 2);
  assert_match(fixture, "{\"b\":78}", 1, 3);
  assert_match(fixture, "{\"a\":1e9,\"b\":78}", 0, 2);
  assert_match(fixture, "{\"a\":[\"p7.\",15,\"e0\"]}", 3, 4);
}

static void test_equal_rules_share_all_states(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 50; i++)
    add(fixture, "{\"b\":[{\"anything-but\":[\"x\",\"y\"]}],\"a\":[1,{\"prefix\":\"p\"}]}");
  build(fixture);
  assert_int_equal(count_states(fixture->machine->root), 3);
  assert_match(fixture, "{\"a\":1,\"b\":2}", 50, 3);
}

/* Rules on many names: the state goes by the names of the event. */
static void test_many_names(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 2000; i++) add(fixture, "{\"x%d\":[1]}", i);
  for (int i = 0; i < 20; i++) add(fixture, "{\"x%d\":[{\"exists\":false}],\"y\":[1]}", i);
  build(fixture);
  assert_match(fixture, "{\"x5\":1,\"x77\":1,\"x78\":2}", 2, 3);
  assert_match(fixture, "{\"x5\":1,\"x77\":1,\"y\":1}", 21, 23);
}

static bool stop_at_once(void *context, const struct state_end *end)
{
  (void)end;
  ++*(int *)context;
  return false;
}

static void test_stops_when_told(void **state)
{
  struct fixture *fixture = *state;
  struct event event;
  struct error error;
  int calls = 0;
  add(fixture, "{\"a\":[1]}");
  add(fixture, "{\"b\":[1]}");
  build(fixture);
  assert_true(event_read(&event, BYTES("{\"a\":1,\"b\":1}"), false, &fixture->paths,
                         &fixture->event_arena, &error));
  assert_false(
      machine_match(fixture->machine, &event, &fixture->event_arena, stop_at_once, &calls));
  assert_int_equal(calls, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_no_rules, setup, teardown),
      cmocka_unit_test_setup_teardown(test_rules_that_share_a_field_are_not_reached, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_rules_that_share_a_value_are_not_reached, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_pairs, setup, teardown),
      cmocka_unit_test_setup_teardown(test_operators_reach_only_what_passes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_equal_rules_share_all_states, setup, teardown),
      cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_stops_when_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
