#include "load/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct load_file file;

static const char *read_step(struct arena *arena, const char *step)
{
  static struct error error;
  static char text[2048];
  snprintf(text, sizeof text,
           "{\"stages\":[{\"rate\":1,\"seconds\":1}],\"scenarios\":[{\"name\":\"a\",\"steps\":[{"
           "\"name\":\"s\",\"path\":\"/\"%s%s}]}]}",
           step[0] == 0 ? "" : ",", step);
  return scenario_read(&file, "f", bytes_of_text(text), arena, &error) ? NULL : error.message;
}

static void test_all_fields(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_null(read_step(
      &arena,
      "\"method\":\"POST\",\"headers\":{\"Content-Type\":\"text/plain\",\"A\":\"${uuid}\"},"
      "\"body\":{\"s\":\"${json seats}\"},\"set\":{\"seats\":\"${some_seats 2}\",\"b\":\"x\"},"
      "\"think\":\"1s-2s\",\"chance\":0.5,\"leave\":0.1,\"again\":0.2,\"twice\":1,"
      "\"expect\":[201,\"OK\"],\"end_on\":[409],\"check\":{\"a\":\"b\",\"c\":true,\"d\":5},"
      "\"take\":{\"id\":\"x.y\"},\"repeat\":{\"every\":\"2s\",\"until\":{\"a\":\"b\"},"
      "\"at_most\":7,\"else\":\"leave\"},\"retry\":{\"on\":[\"X\",503],\"at_most\":2,"
      "\"after\":\"10ms\",\"take\":{\"seats\":\"error.details.0\"}}"));
  const struct load_step *step = &file.steps[0];
  assert_int_equal(step->method, HTTP_POST);
  assert_int_equal(step->header_count, 2);
  assert_true(step->has_type && step->has_body && step->wants_body && step->wants_code);
  assert_int_equal(step->set.count, 2);
  assert_true(step->set.items[0].is_json && !step->set.items[1].is_json);
  assert_true(step->think.low_ns == 1000000000 && step->think.high_ns == 2000000000);
  assert_true(step->chance == 0.5 && step->leave == 0.1 && step->again == 0.2 && step->twice == 1);
  assert_int_equal(step->expect.items[0].status, 201);
  assert_true(bytes_equal(step->expect.items[1].code, BYTES("OK")));
  assert_int_equal(step->check.count, 3);
  assert_true(step->check.items[1].any);
  assert_int_equal(step->repeat.at_most, 7);
  assert_true(step->repeat.leave && step->repeat.every_ns == 2000000000);
  assert_int_equal(step->retry.at_most, 2);
  assert_int_equal(step->retry.on.count, 2);
  assert_true(scenario_has(&file, PART_SEATS) && scenario_has(&file, PART_UUID));
  arena_free(&arena);
}

static void test_least_step(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  assert_null(read_step(&arena, ""));
  const struct load_step *step = &file.steps[0];
  assert_int_equal(step->method, HTTP_GET);
  assert_true(step->chance == 1 && !step->wants_body && !step->has_body);
  arena_free(&arena);
}

#define AT "f line 1: scenarios[0].steps[0]"

static void test_refused(void **state)
{
  (void)state;
  static const struct {
    const char *step, *message;
  } rows[] = {
      {"\"method\":\"GRAB\"",
       AT ".method: a method is expected: GET, POST, PUT, PATCH, DELETE, HEAD"},
      {"\"headers\":{\"Host\":\"x\"}", AT ".headers.Host: is no header that may be set here"},
      {"\"headers\":{\"a b\":\"x\"}", AT ".headers.a b: is no header that may be set here"},
      {"\"headers\":{\"a\":\"x\\ny\"}", AT ".headers.a: a header may not have control bytes"},
      {"\"think\":\"soon\"", AT ".think: a time is expected, like \"500ms\", \"2s\" or \"1s-3s\""},
      {"\"think\":5", AT ".think: expected a string, found an integer"},
      {"\"chance\":2", AT ".chance: a chance is a number from 0 to 1"},
      {"\"expect\":[99]", AT ".expect: a status like 409 or a code like \"SOLD_OUT\" is expected"},
      {"\"check\":{\"a..b\":\"x\"}",
       AT ".check.a..b: is no path of a field, or there are more than 8"},
      {"\"check\":{\"a\":null}",
       AT ".check.a: a string, a number, or true for any value is expected"},
      {"\"take\":{\"uuid\":\"x\"}",
       AT ".take.uuid: is no name for a variable, or there are too many"},
      {"\"take\":{\"x\":\"\"}", AT ".take.x: the path of a field is expected, like \"error.code\""},
      {"\"repeat\":{\"every\":\"2s\"}",
       AT ".repeat: \"every\", \"until\" and \"at_most\" are needed here"},
      {"\"repeat\":{\"every\":\"1s-2s\"}", AT ".repeat.every: one time is expected, no range"},
      {"\"retry\":{\"on\":[409]}", AT ".retry: \"on\" and \"at_most\" are needed here"},
      {"\"retry\":{\"on\":[409],\"at_most\":0}",
       AT ".retry.at_most: a number from 1 to 1000000 is expected"},
      {"\"body\":{\"a\":\"${json}\"}", AT ".body: ${json} is no variable"},
      {"\"delay\":1",
       AT ".delay: is no field here; there are name, path, method, headers, body, set, "
          "think, chance, leave, again, twice, expect, end_on, check, take, repeat, retry"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct memory memory = {0};
    struct arena arena;
    arena_init(&arena, &memory);
    const char *message = read_step(&arena, rows[i].step);
    assert_string_equal(message == NULL ? "(read)" : message, rows[i].message);
    arena_free(&arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_fields),
      cmocka_unit_test(test_least_step),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
