#include "unit/bus/pattern_cases.h"
#include "unit/bus/pattern_naive.h"
#include "unit/bus/pattern_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
  RANDOM_RULES = 300,
  RANDOM_EVENTS = 60,
  STEPS = 4000,
  STEP_RULES = 120,
};

struct fixture {
  struct memory memory;
  struct arena arena;
  struct error error;
  struct pattern_set *set;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  fixture.set = pattern_set_new(&fixture.memory, 7);
  *state = &fixture;
  return fixture.set == NULL;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  pattern_set_free(fixture->set);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static void add(struct fixture *fixture, uint32_t rule, const char *text)
{
  if (!pattern_set_add(fixture->set, rule, bytes_of_text(text), &fixture->error))
    fail_msg("%s: %s", text, fixture->error.message);
}

/* The rules that match, as "1 5 7". */
static const char *match(struct fixture *fixture, const char *event)
{
  static char text[256];
  struct pattern_matches matches;
  arena_reset(&fixture->arena);
  if (!pattern_set_match(fixture->set, bytes_of_text(event), &fixture->arena, &matches,
                         &fixture->error))
    fail_msg("%s: %s", event, fixture->error.message);
  int size = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < matches.count; i++)
    size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%u", i == 0 ? "" : " ",
                     matches.rules[i]);
  return text;
}

static bool contains(const struct pattern_matches *matches, uint32_t rule)
{
  for (uint32_t i = 0; i < matches->count; i++)
    if (matches->rules[i] == rule) return true;
  return false;
}

static void test_adds_and_removes(void **state)
{
  struct fixture *fixture = *state;
  assert_string_equal(match(fixture, "{\"a\":1}"), "");
  add(fixture, 5, "{\"a\":[1]}");
  add(fixture, 3, "{\"a\":[1,2]}");
  add(fixture, 9, "{\"b\":[1]}");
  assert_int_equal(pattern_set_count(fixture->set), 3);
  assert_string_equal(match(fixture, "{\"a\":1}"), "3 5");
  assert_string_equal(match(fixture, "{\"a\":2,\"b\":1}"), "3 9");
  assert_true(pattern_set_remove(fixture->set, 3));
  assert_false(pattern_set_remove(fixture->set, 3));
  assert_false(pattern_set_remove(fixture->set, 4));
  assert_false(pattern_set_remove(fixture->set, 100000));
  assert_string_equal(match(fixture, "{\"a\":2,\"b\":1}"), "9");
  add(fixture, 3, "{\"b\":[1]}");
  assert_string_equal(match(fixture, "{\"a\":2,\"b\":1}"), "3 9");
  assert_int_equal(pattern_set_count(fixture->set), 3);
}

static void test_gives_a_rule_once(void **state)
{
  struct fixture *fixture = *state;
  add(fixture, 1, "{\"$or\":[{\"a\":[1]},{\"b\":[1]},{\"c\":[1]}]}");
  assert_string_equal(match(fixture, "{\"a\":[1,1],\"b\":1,\"c\":1}"), "1");
  for (uint32_t rule = 2; rule < 60; rule++) add(fixture, rule, "{\"x\":[1]}");
  assert_string_equal(match(fixture, "{\"a\":[1,1],\"b\":1,\"c\":1}"), "1");
}

static void test_refuses_bad_rules(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_set *set = fixture->set;
  add(fixture, 1, "{\"a\":[1]}");
  assert_false(pattern_set_add(set, 1, BYTES("{\"a\":[2]}"), &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_EXISTS);
  assert_false(pattern_set_add(set, PATTERN_RULES_MAX, BYTES("{\"a\":[2]}"), &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_LIMIT);
  assert_false(pattern_set_add(set, 2, BYTES("{\"a\":2}"), &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_INVALID);
  assert_string_equal(fixture->error.message, "a: must be an object or an array");
  assert_int_equal(pattern_set_count(set), 1);
  assert_null(pattern_set_text(set, 2).data);
  assert_true(bytes_equal(pattern_set_text(set, 1), BYTES("{\"a\":[1]}")));
  add(fixture, PATTERN_RULES_MAX - 1, "{\"a\":[1]}");
  assert_string_equal(match(fixture, "{\"a\":1}"), "1 65535");
}

static void test_refuses_bad_events(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_matches matches;
  add(fixture, 1, "{\"a\":[{\"exists\":false}]}");
  assert_false(
      pattern_set_match(fixture->set, BYTES("[]"), &fixture->arena, &matches, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_INVALID);
  assert_false(
      pattern_set_match(fixture->set, BYTES("{"), &fixture->arena, &matches, &fixture->error));
  assert_string_equal(match(fixture, "{}"), "1");
}

/* Every pattern of the cases in one set, every event against all of them. */
static void test_cases_together(void **state)
{
  struct fixture *fixture = *state;
  struct arena arena;
  arena_init(&arena, &fixture->memory);
  struct pattern_cases cases = pattern_cases_read(&arena);
  for (uint32_t i = 0; i < cases.count; i++)
    if (cases.cases[i].event.size > 0)
      assert_true(pattern_set_add(fixture->set, i, cases.cases[i].pattern, &fixture->error));
  for (size_t i = 0; i < cases.count; i++) {
    struct pattern_matches matches;
    struct naive naive;
    if (cases.cases[i].event.size == 0) continue;
    arena_reset(&fixture->arena);
    naive_event(&naive, cases.cases[i].event, &fixture->arena);
    assert_true(pattern_set_match(fixture->set, cases.cases[i].event, &fixture->arena, &matches,
                                  &fixture->error));
    assert_int_equal(contains(&matches, (uint32_t)i), cases.cases[i].matches);
    for (uint32_t rule = 0; rule < cases.count; rule++) {
      if (cases.cases[rule].event.size == 0) continue;
      if (contains(&matches, rule) != naive_matches(&naive, cases.cases[rule].pattern))
        fail_msg("%.*s: %.*s", BYTES_FORMAT(cases.cases[rule].about),
                 BYTES_FORMAT(cases.cases[i].event));
    }
  }
  arena_free(&arena);
}

/* What the naive matcher says of every rule of the set for one event. */
static void compare(struct fixture *fixture, struct bytes event, uint32_t rules, uint64_t seed)
{
  struct pattern_matches matches;
  struct naive naive;
  arena_reset(&fixture->arena);
  naive_event(&naive, event, &fixture->arena);
  if (!pattern_set_match(fixture->set, event, &fixture->arena, &matches, &fixture->error))
    fail_msg("%s", fixture->error.message);
  for (uint32_t i = 1; i < matches.count; i++) assert_true(matches.rules[i - 1] < matches.rules[i]);
  for (uint32_t rule = 0; rule < rules; rule++) {
    struct bytes text = pattern_set_text(fixture->set, rule);
    bool expected = text.data != NULL && naive_matches(&naive, text);
    if (contains(&matches, rule) != expected)
      fail_msg("TACOS_SEED=%llu: %.*s %.*s", (unsigned long long)seed, BYTES_FORMAT(text),
               BYTES_FORMAT(event));
  }
}

static void add_random(struct fixture *fixture, struct random *random, uint32_t rule)
{
  struct buffer pattern;
  buffer_init(&pattern, &fixture->memory);
  do {
    buffer_clear(&pattern);
    if (random_below(random, 3) == 0) {
      buffer_append(&pattern, BYTES("{\"a\":"));
      pattern_random_tests(random, 12, &pattern);
      buffer_append(&pattern, BYTES("}"));
    } else {
      pattern_random_pattern(random, 2, &pattern);
    }
  } while (!pattern_set_add(fixture->set, rule, buffer_bytes(&pattern), &fixture->error));
  buffer_free(&pattern);
}

/* Enough rules that groups have indexes. */
static void test_random_rules_like_the_naive_matcher(void **state)
{
  struct fixture *fixture = *state;
  uint64_t seed = random_seed(2);
  struct random random;
  struct buffer event;
  random_init(&random, seed);
  buffer_init(&event, &fixture->memory);
  for (uint32_t rule = 0; rule < RANDOM_RULES; rule++) add_random(fixture, &random, rule);
  for (int i = 0; i < RANDOM_EVENTS; i++) {
    buffer_clear(&event);
    pattern_random_object(&random, 4, &event);
    compare(fixture, buffer_bytes(&event), RANDOM_RULES, seed);
  }
  buffer_free(&event);
}

/* Rules come and go between events; the machine, the recent rules and builds take turns. */
static void test_random_changes_like_the_naive_matcher(void **state)
{
  struct fixture *fixture = *state;
  uint64_t seed = random_seed(3);
  struct random random;
  struct buffer event;
  random_init(&random, seed);
  buffer_init(&event, &fixture->memory);
  for (int step = 0; step < STEPS; step++) {
    uint32_t rule = (uint32_t)random_below(&random, STEP_RULES);
    if (random_below(&random, 12) == 0) {
      buffer_clear(&event);
      pattern_random_object(&random, 4, &event);
      compare(fixture, buffer_bytes(&event), STEP_RULES, seed);
    } else if (!pattern_set_remove(fixture->set, rule)) {
      add_random(fixture, &random, rule);
    }
  }
  buffer_free(&event);
}

/* Adds, removes and matches with the Nth allocation failing: what was refused left no trace. */
static bool run_with_failure(uint64_t fail_at, struct arena *arena)
{
  struct memory memory = {.fail_at = fail_at};
  struct error error;
  struct pattern_matches matches;
  bool failed = false;
  struct pattern_set *set = pattern_set_new(&memory, 1);
  if (set == NULL) return true;
  for (uint32_t rule = 0; rule < 100; rule++) {
    char text[64];
    snprintf(text, sizeof(text), "{\"a\":[%u,\"x\"],\"b\":[{\"prefix\":\"%u\"}]}", rule, rule % 10);
    bool added = pattern_set_add(set, rule, bytes_of_text(text), &error);
    failed |= !added;
    if (!added) assert_int_equal(error.code, ERROR_NO_MEMORY);
    if (!added) assert_true(pattern_set_add(set, rule, bytes_of_text(text), &error));
    if (rule % 7 == 6) assert_true(pattern_set_remove(set, rule));
    if (rule % 20 != 19) continue;
    snprintf(text, sizeof(text), "{\"a\":%u,\"b\":\"%u\"}", rule - 1, (rule - 1) % 10);
    bool matched = pattern_set_match(set, bytes_of_text(text), arena, &matches, &error);
    failed |= !matched;
    if (!matched) assert_int_equal(error.code, ERROR_NO_MEMORY);
    if (!matched) assert_true(pattern_set_match(set, bytes_of_text(text), arena, &matches, &error));
    assert_int_equal(matches.count, (rule - 1) % 7 != 6);
    if (matches.count > 0) assert_int_equal(matches.rules[0], rule - 1);
  }
  assert_int_equal(pattern_set_count(set), 86);
  pattern_set_free(set);
  assert_int_equal(memory.in_use, 0);
  return failed || memory.calls >= fail_at;
}

static void test_every_allocation_may_fail(void **state)
{
  struct fixture *fixture = *state;
  uint64_t fail_at = 1;
  while (run_with_failure(fail_at, &fixture->arena)) fail_at++;
  assert_true(fail_at > 100);
}

/* An arena of the caller without memory: the same event can be matched later. */
static void test_matching_without_memory(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_matches matches;
  int failures = 0;
  struct bytes event = BYTES("{\"a\":[{\"b\":\"\\u0058\"},{\"b\":\"y\"}],\"c\":1.5}");
  for (uint32_t rule = 0; rule < 20; rule++)
    add(fixture, rule, "{\"a\":{\"b\":[{\"equals-ignore-case\":\"x\"}]},\"c\":[1.5]}");
  for (uint32_t rule = 20; rule < 80; rule++) {
    char text[64];
    snprintf(text, sizeof(text), "{\"c\":[{\"numeric\":[\"<\",%u]}]}", rule);
    add(fixture, rule, text);
  }
  for (size_t left = 0; left < 16000; left += 8) {
    struct memory memory = {0};
    struct arena arena;
    arena_init(&arena, &memory);
    assert_non_null(arena_alloc(&arena, 16000 - left));
    memory.fail_at = memory.calls + 1;
    if (!pattern_set_match(fixture->set, event, &arena, &matches, &fixture->error)) {
      assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
      failures++;
      assert_true(pattern_set_match(fixture->set, event, &arena, &matches, &fixture->error));
    }
    assert_int_equal(matches.count, 80);
    arena_free(&arena);
  }
  assert_true(failures > 50);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_adds_and_removes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_gives_a_rule_once, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_bad_rules, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_bad_events, setup, teardown),
      cmocka_unit_test_setup_teardown(test_cases_together, setup, teardown),
      cmocka_unit_test_setup_teardown(test_random_rules_like_the_naive_matcher, setup, teardown),
      cmocka_unit_test_setup_teardown(test_random_changes_like_the_naive_matcher, setup, teardown),
      cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, setup, teardown),
      cmocka_unit_test_setup_teardown(test_matching_without_memory, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
