#include "bus/pattern_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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

/* The only field of {"a": tests}. */
static const struct field *read_tests(struct fixture *fixture, const char *tests)
{
  char text[512];
  snprintf(text, sizeof(text), "{\"a\":%s}", tests);
  const struct pattern *pattern = pattern_parse(bytes_of_text(text), &fixture->arena,
                                                &fixture->error);
  if (pattern == NULL) fail_msg("%s", fixture->error.message);
  assert_int_equal(pattern->fields_count, 1);
  return pattern->fields[0];
}

static const struct test *read_one(struct fixture *fixture, const char *test)
{
  char text[256];
  snprintf(text, sizeof(text), "[%s]", test);
  const struct field *field = read_tests(fixture, text);
  assert_int_equal(field->tests_count, 1);
  return field->tests;
}

static void assert_text(const struct test *test, enum test_kind kind, const char *text)
{
  assert_int_equal(test->kind, kind);
  assert_true(bytes_equal(test->text, bytes_of_text(text)));
}

static void test_reads_each_kind(void **state)
{
  struct fixture *fixture = *state;
  const struct field *field = read_tests(
      fixture, "[null, false, true, \"x\", {\"prefix\":\"p\"}, {\"suffix\":\"s\"},"
               "{\"equals-ignore-case\":\"E\"}, {\"prefix\":{\"equals-ignore-case\":\"P\"}},"
               "{\"suffix\":{\"equals-ignore-case\":\"S\"}}, {\"exists\":true}, {\"exists\":false},"
               "5.0]");
  assert_int_equal(field->tests_count, 12);
  assert_int_equal(field->tests[0].kind, TEST_NULL);
  assert_int_equal(field->tests[1].kind, TEST_FALSE);
  assert_int_equal(field->tests[2].kind, TEST_TRUE);
  assert_text(&field->tests[3], TEST_STRING, "x");
  assert_text(&field->tests[4], TEST_PREFIX, "p");
  assert_text(&field->tests[5], TEST_SUFFIX, "s");
  assert_text(&field->tests[6], TEST_EQUALS_FOLDED, "e");
  assert_text(&field->tests[7], TEST_PREFIX_FOLDED, "p");
  assert_text(&field->tests[8], TEST_SUFFIX_FOLDED, "s");
  assert_int_equal(field->tests[9].kind, TEST_PRESENT);
  assert_int_equal(field->tests[10].kind, TEST_ABSENT);
  assert_int_equal(field->tests[11].kind, TEST_NUMBER);
  assert_true(bytes_equal(field->tests[11].written, BYTES("5.0")));
  assert_true(field->may_be_absent);
  assert_false(read_tests(fixture, "[{\"exists\":true}]")->may_be_absent);
}

static void test_numeric_is_an_interval(void **state)
{
  struct fixture *fixture = *state;
  int64_t most = (int64_t)5000000000 * NUMBER_UNIT;
  static const struct {
    const char *text;
    int64_t low, high;
    bool no_low, no_high;
  } cases[] = {
      {"[\"<\",5]", 0, 5 * NUMBER_UNIT - 1, true, false},
      {"[\"<=\",5]", 0, 5 * NUMBER_UNIT, true, false},
      {"[\">\",-1]", -1 * NUMBER_UNIT + 1, 0, false, true},
      {"[\">=\",0.000001]", 2, 0, false, true},
      {"[\">\",0,\"<\",0.000001]", 1, 1, false, false},
      {"[\">=\",-0.5,\"<=\",1.5e0]", -NUMBER_UNIT / 2, 3 * NUMBER_UNIT / 2, false, false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[128];
    snprintf(text, sizeof(text), "{\"numeric\":%s}", cases[i].text);
    const struct test *test = read_one(fixture, text);
    assert_int_equal(test->kind, TEST_NUMERIC);
    assert_int_equal(test->low, cases[i].no_low ? -most : cases[i].low);
    assert_int_equal(test->high, cases[i].no_high ? most : cases[i].high);
  }
  const struct test *exact = read_one(fixture, "5.00");
  const struct test *equal = read_one(fixture, "{\"numeric\":[\"=\",5]}");
  assert_int_equal(equal->kind, TEST_NUMBER);
  assert_true(bytes_equal(equal->text, exact->text));
}

static void test_wildcard_has_pieces(void **state)
{
  struct fixture *fixture = *state;
  const struct test *test = read_one(fixture, "{\"wildcard\":\"*a\\\\*b*\\\\\\\\c\"}");
  assert_int_equal(test->kind, TEST_WILDCARD);
  assert_int_equal(test->count, 3);
  assert_int_equal(test->pieces[0].size, 0);
  assert_true(bytes_equal(test->pieces[1], BYTES("a*b")));
  assert_true(bytes_equal(test->pieces[2], BYTES("\\c")));
  test = read_one(fixture, "{\"wildcard\":\"ab\"}");
  assert_int_equal(test->count, 1);
  assert_true(bytes_equal(test->pieces[0], BYTES("ab")));
}

static void test_cidr_is_masked(void **state)
{
  struct fixture *fixture = *state;
  const struct test *test = read_one(fixture, "{\"cidr\":\"10.1.2.255/25\"}");
  assert_int_equal(test->kind, TEST_CIDR4);
  assert_int_equal(test->bits, 25);
  assert_memory_equal(test->text.data, "\x0a\x01\x02\x80\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  test = read_one(fixture, "{\"cidr\":\"ffff::/4\"}");
  assert_int_equal(test->kind, TEST_CIDR6);
  assert_memory_equal(test->text.data, "\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void test_anything_but_has_values(void **state)
{
  struct fixture *fixture = *state;
  const struct test *test = read_one(fixture, "{\"anything-but\":[1,2.0,3]}");
  assert_int_equal(test->kind, TEST_ANYTHING_BUT);
  assert_int_equal(test->count, 3);
  assert_int_equal(test->excluded[1].kind, TEST_NUMBER);
  test = read_one(fixture, "{\"anything-but\":{\"prefix\":[\"a\",\"b\"]}}");
  assert_int_equal(test->count, 2);
  assert_text(&test->excluded[1], TEST_PREFIX, "b");
  test = read_one(fixture, "{\"anything-but\":{\"equals-ignore-case\":\"A\"}}");
  assert_text(&test->excluded[0], TEST_EQUALS_FOLDED, "a");
  test = read_one(fixture, "{\"anything-but\":{\"wildcard\":\"a*\"}}");
  assert_int_equal(test->excluded[0].kind, TEST_WILDCARD);
}

/* Every end of the text in the middle of a pattern is an error with the path. */
static void test_refuses_what_is_cut_off(void **state)
{
  struct fixture *fixture = *state;
  static const char whole[] =
      "{\"x\":{\"a\":[1,{\"numeric\":[\">\",1,\"<\",2]},{\"prefix\":{\"equals-ignore-case\":\"y\"}}"
      ",{\"anything-but\":{\"suffix\":[\"z\"]}},{\"cidr\":\"::/0\"},{\"exists\":true}],"
      "\"$or\":[{\"b\":[1]},{\"c\":[2]}]}}";
  for (size_t size = 0; size < sizeof(whole) - 1; size++) {
    assert_null(pattern_parse(bytes_of(whole, size), &fixture->arena, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_INVALID);
    if (size > 10 && size < 150) assert_memory_equal(fixture->error.message, "x", 1);
  }
  assert_non_null(pattern_parse(bytes_of_text(whole), &fixture->arena, &fixture->error));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_reads_each_kind, setup, teardown),
      cmocka_unit_test_setup_teardown(test_numeric_is_an_interval, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wildcard_has_pieces, setup, teardown),
      cmocka_unit_test_setup_teardown(test_cidr_is_masked, setup, teardown),
      cmocka_unit_test_setup_teardown(test_anything_but_has_values, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_what_is_cut_off, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
