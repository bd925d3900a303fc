#include "load/scenario.h"

#include "load/shipped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct load_file file;

/* The error's message, or NULL when it is read. */
static const char *read_text(struct arena *arena, const char *text)
{
  static struct error error;
  return scenario_read(&file, "my.json", bytes_of_text(text), arena, &error) ? NULL : error.message;
}

static void expect(const char *text, const char *message)
{
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  const char *found = read_text(&arena, text);
  if (message == NULL)
    assert_null(found);
  else
    assert_string_equal(found == NULL ? "(read)" : found, message);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

#define STEPS "\"scenarios\":[{\"name\":\"a\",\"steps\":[{\"name\":\"s\",\"path\":\"/\"}]}]"
#define STAGE "\"stages\":[{\"rate\":1,\"seconds\":1}]"

static void test_least_file(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_null(read_text(&arena, "{" STAGE "," STEPS "}"));
  assert_int_equal(file.stage_count, 1);
  assert_int_equal(file.scenario_count, 1);
  assert_int_equal(file.step_count, 1);
  assert_false(file.counts_requests || file.has_people || file.reconcile);
  assert_true(file.scenarios[0].weight == 1 && file.scenarios[0].order_variable == -1);
  assert_false(scenario_has(&file, PART_TOKEN));
  assert_int_equal(scenario_variable(&file, BYTES("x")), -1);
  arena_free(&arena);
}

static void test_stages(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_null(read_text(&arena, "{\"stages\":[{\"rate\":[0, 3e4],\"seconds\":10},{\"rate\":5.5,"
                                "\"seconds\":0.5}],\"rate_of\":\"requests\"," STEPS "}"));
  assert_true(file.counts_requests);
  assert_true(file.stages[0].from == 0 && file.stages[0].to == 30000);
  assert_true(file.stages[1].from == 5.5 && file.stages[1].to == 5.5);
  assert_true(file.stages[1].seconds == 0.5);
  arena_reset(&arena);
  assert_null(read_text(&arena, "{\"stages\":[{\"virtual_users\":8,\"seconds\":1}]," STEPS "}"));
  assert_true(file.has_people);
  arena_free(&arena);
}

/* Each says file, line and field. */
static void test_refused(void **state)
{
  (void)state;
  expect("{",
         "my.json line 1: the file: expected a key in double quotes, found the end of the input");
  expect("{\n\"stages\":[]," STEPS "}", "my.json line 2: stages: at least one stage is needed");
  expect("{" STEPS "}", "my.json line 1: the file: \"stages\" and \"scenarios\" are needed");
  expect("{\"speed\":1}", "my.json line 1: speed: is no field here; there are stages, scenarios, "
                          "about, rate_of, reconcile, fail_if");
  expect("{\"stages\":[\n{\"rate\":-1,\"seconds\":1}]," STEPS "}",
         "my.json line 2: stages[0].rate: a number or [from, to] is expected, from 0 to 10000000");
  expect("{\"stages\":[{\"rate\":1,\n\n\"seconds\":0}]," STEPS "}",
         "my.json line 3: stages[0].seconds: a number of seconds up to 604800 is expected");
  expect("{\"stages\":[{\"rate\":1,\"seconds\":1},{\"virtual_users\":1,\"seconds\":1}]," STEPS "}",
         "my.json line 1: stages[1]: all stages have a rate, or all have virtual users");
  expect("{\"stages\":[{\"seconds\":1}]," STEPS "}",
         "my.json line 1: stages[0]: \"seconds\" and either \"rate\" or \"virtual_users\" belong "
         "here");
  expect("{" STAGE ",\"rate_of\":\"seats\"," STEPS "}",
         "my.json line 1: rate_of: \"journeys\" or \"requests\" is expected");
  expect("{" STAGE ",\"scenarios\":[{\"name\":\"a\",\"weight\":0,\"steps\":[]}]}",
         "my.json line 1: scenarios[0].weight: a weight is a number above 0, up to 1000000");
  expect("{" STAGE ",\"scenarios\":[{\"name\":\"a\",\"steps\":[]}]}",
         "my.json line 1: scenarios[0].steps: at least one step is needed");
  expect("{" STAGE
         ",\n\"scenarios\":[{\"name\":\"a\",\"steps\":[{\"name\":\"s\",\n\"path\":\"/${x}\"}]}]}",
         "my.json line 3: the file: the variable 'x' is used, but no step takes or sets it");
  expect(
      "{" STAGE ",\"scenarios\":[{\"name\":\"a\",\"set\":{\"token\":\"x\"},\"steps\":[]}]}",
      "my.json line 1: scenarios[0].set.token: is no name for a variable, or there are too many");
}

static void test_spans(void **state)
{
  (void)state;
  struct load_span span;
  assert_true(scenario_span(BYTES("500ms"), &span));
  assert_true(span.low_ns == 500000000 && span.high_ns == 500000000);
  assert_true(scenario_span(BYTES("1.5s-1m"), &span));
  assert_true(span.low_ns == 1500000000 && span.high_ns == 60000000000);
  static const char *const wrong[] = {"",    "5",    "s",  "5 s",   "3s-1s",
                                      "1s-", "1s-2", "1x", "1..2s", "-1s"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(scenario_span(bytes_of_text(wrong[i]), &span));
}

/* Every scenario of the binary is read, under a memory that fails at the Nth call too. */
static void test_shipped_files_are_good(void **state)
{
  (void)state;
  for (uint32_t i = 0; i < SHIPPED_COUNT; i++) {
    struct shipped shipped = shipped_at(i);
    bool good = false;
    for (uint64_t nth = 1; !good; nth++) {
      struct memory memory = {.fail_at = nth};
      struct arena arena;
      struct error error = {0};
      arena_init(&arena, &memory);
      good = scenario_read(&file, shipped.path, shipped.text, &arena, &error);
      if (memory.calls < nth && !good) fail_msg("%s", error.message);
      arena_free(&arena);
      assert_int_equal(memory.in_use, 0);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_least_file),
      cmocka_unit_test(test_stages),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_spans),
      cmocka_unit_test(test_shipped_files_are_good),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
