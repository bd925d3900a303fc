#include "bus/pattern.h"
#include "unit/bus/pattern_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
  struct memory memory;
  struct arena arena;
  struct buffer why;
  struct error error;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  buffer_init(&fixture.why, &fixture.memory);
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  buffer_free(&fixture->why);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static void test_names_what_rejected(void **state)
{
  struct fixture *fixture = *state;
  static const struct {
    const char *pattern, *event, *why;
  } cases[] = {
      {"{\"detail\":{\"price\":[{\"numeric\":[\">\",100]}]}}", "{\"detail\":{\"price\":12}}",
       "detail.price: 12 is not > 100"},
      {"{\"a\":[{\"numeric\":[\">=\",0.5,\"<\",2.000001]}]}", "{\"a\":1e3}",
       "a: 1e3 is not >= 0.5 and < 2.000001"},
      {"{\"a\":[{\"numeric\":[\"<=\",-0.25]}]}", "{\"a\":0}", "a: 0 is not <= -0.25"},
      {"{\"a\":[{\"numeric\":[\">=\",-5e9,\"<=\",5e9]}]}", "{\"a\":6e9}",
       "a: 6e9 is not <= 5000000000"},
      {"{\"a\":[{\"numeric\":[\"=\",5e0]}]}", "{\"a\":\"5\"}", "a: \"5\" is not 5e0"},
      {"{\"a\":[\"x\"]}", "{\"a\":\"y\"}", "a: \"y\" is not \"x\""},
      {"{\"a\":[\"x\"]}", "{}", "a: the event has no value there, it must be \"x\""},
      {"{\"a\":[\"x\"]}", "{\"a\":{\"x\":1}}", "a: the event has no value there, it must be \"x\""},
      {"{\"a\":[null,true,false]}", "{\"a\":[1,\"q\\\"\",true1]}", NULL},
      {"{\"a\":[null,false]}", "{\"a\":[1,\"q\\\"\",true,5]}",
       "a: none of 1, \"q\\\"\", true, ... is null or false"},
      {"{\"a\":[{\"prefix\":\"p\"},{\"suffix\":\"s\"}]}", "{\"a\":\"x\"}",
       "a: \"x\" is not a text that begins with \"p\" or a text that ends with \"s\""},
      {"{\"a\":[{\"equals-ignore-case\":\"Ab\"}]}", "{\"a\":\"x\"}",
       "a: \"x\" is not in any case \"Ab\""},
      {"{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"Ab\"}}]}", "{\"a\":\"x\"}",
       "a: \"x\" is not a text that begins, in any case, with \"Ab\""},
      {"{\"a\":[{\"wildcard\":\"a*\"}]}", "{\"a\":\"x\"}", "a: \"x\" is not a text like \"a*\""},
      {"{\"a\":[{\"cidr\":\"10.0.0.0/8\"}]}", "{\"a\":\"11.0.0.1\"}",
       "a: \"11.0.0.1\" is not an address in \"10.0.0.0/8\""},
      {"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"x\"}",
       "a: \"x\" is not anything but \"x\" or \"y\""},
      {"{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", "{\"a\":\"xy\"}",
       "a: \"xy\" is not anything but a text that begins with \"x\""},
      {"{\"a\":[{\"exists\":true}]}", "{}",
       "a: the event has no value there, it must be any value"},
      {"{\"a\":[{\"exists\":false}]}", "{\"a\":null}", "a: null is not absent"},
      {"{\"a\":[1,2,3,4,5,6,7]}", "{\"a\":0}", "a: 0 is not 1, 2, 3, 4, 5 or 2 more"},
      {"{\"a\":[1],\"b\":[2],\"c\":[3]}", "{\"a\":1,\"b\":3,\"c\":4}", "b: 3 is not 2"},
      {"{\"$or\":[{\"a\":[1],\"b\":[1]},{\"c\":[1],\"d\":[1]}]}", "{\"c\":1,\"d\":2}",
       "d: 2 is not 1 (the closest of 2 combinations of $or)"},
      {"{\"a\":{\"x\":[1],\"y\":[1]},\"b\":[1]}", "{\"a\":[{\"x\":1},{\"y\":1}],\"b\":1}",
       "no element of an array has all of a.x, a.y"},
      {"{\"a\":{\"x\":[{\"exists\":false}],\"y\":[1]}}", "{\"a\":[{\"x\":1,\"y\":1}]}",
       "no element of an array has all of a.x, a.y"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    buffer_clear(&fixture->why);
    enum pattern_answer answer = pattern_explain(bytes_of_text(cases[i].pattern),
                                                 bytes_of_text(cases[i].event), &fixture->arena,
                                                 &fixture->why);
    if (cases[i].why == NULL) {
      assert_int_equal(answer, PATTERN_INVALID_EVENT);
      continue;
    }
    assert_int_equal(answer, PATTERN_NO_MATCH);
    if (!bytes_equal(buffer_bytes(&fixture->why), bytes_of_text(cases[i].why)))
      fail_msg("\"%.*s\" instead of \"%s\"", BYTES_FORMAT(fixture->why), cases[i].why);
  }
}

static void test_says_nothing_of_a_match(void **state)
{
  struct fixture *fixture = *state;
  assert_int_equal(
      pattern_explain(BYTES("{\"a\":[1]}"), BYTES("{\"a\":1.0}"), &fixture->arena, &fixture->why),
      PATTERN_MATCH);
  assert_int_equal(fixture->why.size, 0);
}

static void test_gives_errors(void **state)
{
  struct fixture *fixture = *state;
  assert_int_equal(pattern_explain(BYTES("{\"a\":1}"), BYTES("{}"), &fixture->arena, &fixture->why),
                   PATTERN_INVALID);
  assert_true(bytes_equal(buffer_bytes(&fixture->why), BYTES("a: must be an object or an array")));
  buffer_clear(&fixture->why);
  assert_int_equal(
      pattern_explain(BYTES("{\"a\":[1]}"), BYTES("[]"), &fixture->arena, &fixture->why),
      PATTERN_INVALID_EVENT);
  assert_true(fixture->why.size > 0);
}

static void test_long_values_are_cut(void **state)
{
  struct fixture *fixture = *state;
  struct buffer event;
  buffer_init(&event, &fixture->memory);
  buffer_append(&event, BYTES("{\"a\":[\""));
  for (int i = 0; i < 300; i++) buffer_append(&event, BYTES("é"));
  buffer_append(&event, BYTES("\",1"));
  for (int i = 0; i < 300; i++) buffer_append(&event, BYTES("0"));
  buffer_append(&event, BYTES("]}"));
  assert_int_equal(
      pattern_explain(BYTES("{\"a\":[1]}"), buffer_bytes(&event), &fixture->arena, &fixture->why),
      PATTERN_NO_MATCH);
  assert_true(fixture->why.size < 250);
  assert_true(bytes_is_utf8(buffer_bytes(&fixture->why)));
  buffer_free(&event);
}

/* There is a line for every case that does not match, and none for the others. */
static void test_explains_every_case(void **state)
{
  struct fixture *fixture = *state;
  struct pattern_cases cases = pattern_cases_read(&fixture->arena);
  for (size_t i = 0; i < cases.count; i++) {
    const struct pattern_case *one = &cases.cases[i];
    buffer_clear(&fixture->why);
    struct bytes event = one->event.size == 0 ? BYTES("{}") : one->event;
    enum pattern_answer answer = pattern_explain(one->pattern, event, &fixture->arena,
                                                 &fixture->why);
    enum pattern_answer expected = one->matches ? PATTERN_MATCH : PATTERN_NO_MATCH;
    if (one->event.size == 0) expected = PATTERN_INVALID;
    assert_int_equal(answer, expected);
    assert_int_equal(fixture->why.size > 0, answer != PATTERN_MATCH);
  }
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct bytes pattern = BYTES("{\"a\":{\"b\":[{\"equals-ignore-case\":\"x\"},5]}}");
  struct bytes event = BYTES("{\"a\":[{\"b\":\"\\u0079\"},{\"b\":1.5}]}");
  int failures = 0;
  for (size_t left = 0; left < 16000; left += 8) {
    struct memory memory = {0};
    struct arena arena;
    struct buffer why;
    arena_init(&arena, &memory);
    buffer_init(&why, &memory);
    assert_non_null(arena_alloc(&arena, 16000 - left));
    memory.fail_at = memory.calls + 1;
    enum pattern_answer answer = pattern_explain(pattern, event, &arena, &why);
    failures += answer == PATTERN_NO_MEMORY;
    assert_true(answer == PATTERN_NO_MEMORY || answer == PATTERN_NO_MATCH);
    arena_free(&arena);
    buffer_free(&why);
    assert_int_equal(memory.in_use, 0);
  }
  assert_true(failures > 50);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_names_what_rejected, setup, teardown),
      cmocka_unit_test_setup_teardown(test_says_nothing_of_a_match, setup, teardown),
      cmocka_unit_test_setup_teardown(test_gives_errors, setup, teardown),
      cmocka_unit_test_setup_teardown(test_long_values_are_cut, setup, teardown),
      cmocka_unit_test_setup_teardown(test_explains_every_case, setup, teardown),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
