#include "unit/bus/pattern_cases.h"
#include "unit/bus/pattern_naive.h"
#include "unit/bus/pattern_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROUNDS = 20000 };

struct fixture {
  struct memory memory;
  struct arena arena;
  struct error error;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static void test_cases(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_cases cases = pattern_cases_read(&fixture->arena);
  assert_true(cases.count >= 300);
  for (size_t i = 0; i < cases.count; i++) {
    const struct pattern_case *one = &cases.cases[i];
    if (one->event.size == 0) continue;
    enum pattern_answer answer = pattern_test(one->pattern, one->event, &fixture->arena,
                                              &fixture->error);
    if (answer > PATTERN_MATCH)
      fail_msg("%.*s: %s", BYTES_FORMAT(one->about), fixture->error.message);
    if ((answer == PATTERN_MATCH) != one->matches)
      fail_msg("%.*s: %.*s %s", BYTES_FORMAT(one->about), BYTES_FORMAT(one->event),
               one->matches ? "does not match" : "matches");
  }
}

/* The oracle of the other tests is held against the same cases. */
static void test_cases_of_the_naive_matcher(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_cases cases = pattern_cases_read(&fixture->arena);
  for (size_t i = 0; i < cases.count; i++) {
    const struct pattern_case *one = &cases.cases[i];
    struct naive naive;
    if (one->event.size == 0) continue;
    naive_event(&naive, one->event, &fixture->arena);
    if (naive_matches(&naive, one->pattern) != one->matches)
      fail_msg("%.*s: %.*s", BYTES_FORMAT(one->about), BYTES_FORMAT(one->event));
  }
}

static void test_random_patterns_like_the_naive_matcher(void **state)
{
  struct fixture *fixture = *state;
  uint64_t seed = random_seed(1);
  struct random random;
  struct buffer pattern, event;
  random_init(&random, seed);
  buffer_init(&pattern, &fixture->memory);
  buffer_init(&event, &fixture->memory);
  int answers[PATTERN_NO_MEMORY + 1] = {0};
  for (int i = 0; i < ROUNDS; i++) {
    struct naive naive;
    arena_reset(&fixture->arena);
    buffer_clear(&pattern);
    buffer_clear(&event);
    pattern_random_pattern(&random, 2, &pattern);
    pattern_random_object(&random, 4, &event);
    enum pattern_answer answer = pattern_test(buffer_bytes(&pattern), buffer_bytes(&event),
                                              &fixture->arena, &fixture->error);
    answers[answer]++;
    if (answer > PATTERN_MATCH) continue;
    naive_event(&naive, buffer_bytes(&event), &fixture->arena);
    if (naive_matches(&naive, buffer_bytes(&pattern)) != (answer == PATTERN_MATCH))
      fail_msg("TACOS_SEED=%llu round %d: %.*s %.*s", (unsigned long long)seed, i,
               BYTES_FORMAT(pattern), BYTES_FORMAT(event));
  }
  print_message("matches %d of %d, invalid %d\n", answers[PATTERN_MATCH], ROUNDS,
                answers[PATTERN_INVALID]);
  assert_true(answers[PATTERN_MATCH] > ROUNDS / 20);
  assert_true(answers[PATTERN_NO_MATCH] > ROUNDS / 10);
  assert_true(answers[PATTERN_INVALID] < ROUNDS / 4);
  assert_int_equal(answers[PATTERN_INVALID_EVENT], 0);
  buffer_free(&pattern);
  buffer_free(&event);
}

static void test_refuses_events_that_are_no_objects(void **state)
{
  struct fixture *fixture = *state;
  static const char *const events[] = {"",
                                       "[]",
                                       "1",
                                       "\"x\"",
                                       "null",
                                       "{",
                                       "{}{}",
                                       "{\"a\":1,\"a\":1}",
                                       "{\"a\":\"\xff\"}",
                                       "{\"x\":{\"y\":1,\"y\":2}}",
                                       "{\"a\":01}",
                                       "{\"a\":[1,]}"};
  for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
    assert_int_equal(pattern_test(BYTES("{\"a\":[1]}"), bytes_of_text(events[i]), &fixture->arena,
                                  &fixture->error),
                     PATTERN_INVALID_EVENT);
    assert_true(fixture->error.message[0] != 0);
  }
}

static void test_every_allocation_may_fail(void **state)
{
  struct fixture *fixture = *state;
  struct bytes pattern = BYTES("{\"a\":[{\"equals-ignore-case\":\"X\"},{\"wildcard\":\"a*\"},5],"
                               "\"$or\":[{\"b\":[1]},{\"c\":[{\"anything-but\":[\"y\"]}]}]}");
  struct bytes event = BYTES("{\"a\":[\"y\",\"\\u0078\"],\"c\":\"z\",\"d\":[1.5e3]}");
  /* Leaves ever more room in an arena's first chunk, and the second one fails. */
  int failures = 0;
  enum pattern_answer answer;
  for (size_t left = 0; left < 16000; left += 8) {
    struct memory memory = {0};
    struct arena arena;
    arena_init(&arena, &memory);
    assert_non_null(arena_alloc(&arena, 16000 - left));
    memory.fail_at = memory.calls + 1;
    answer = pattern_test(pattern, event, &arena, &fixture->error);
    if (answer == PATTERN_NO_MEMORY) {
      assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
      failures++;
    }
    arena_free(&arena);
    assert_int_equal(memory.in_use, 0);
  }
  assert_int_equal(answer, PATTERN_MATCH);
  assert_true(failures > 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
      cmocka_unit_test_setup_teardown(test_cases_of_the_naive_matcher, setup, teardown),
      cmocka_unit_test_setup_teardown(test_random_patterns_like_the_naive_matcher, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_events_that_are_no_objects, setup, teardown),
      cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
