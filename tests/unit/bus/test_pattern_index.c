/*
 * One group with many tests, each on an edge of its own, against every value: an index reaches
 * exactly the edges whose test passes.
 */
#include "bus/pattern_parts.h"
#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { EDGES_MAX = 4000 };

struct fixture {
  struct memory memory;
  struct arena arena;
  struct arena scratch;
  struct index_table table;
  struct group group;
  struct paths paths;
  struct edge edges[EDGES_MAX];
  struct state states[EDGES_MAX];
  uint32_t count;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){.group = {.state = 3, .path = 5}};
  arena_init(&fixture.arena, &fixture.memory);
  arena_init(&fixture.scratch, &fixture.memory);
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  arena_free(&fixture->scratch);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

__attribute__((format(printf, 2, 3))) static void add(struct fixture *fixture, const char *format,
                                                      ...)
{
  char text[512];
  struct error error;
  va_list arguments;
  int size = snprintf(text, sizeof(text), "{\"a\":[");
  va_start(arguments, format);
  size += vsnprintf(text + size, sizeof(text) - (size_t)size, format, arguments);
  va_end(arguments);
  snprintf(text + size, sizeof(text) - (size_t)size, "]}");
  struct pattern *pattern = pattern_parse(bytes_of_text(text), &fixture->arena, &error);
  if (pattern == NULL) fail_msg("%s: %s", text, error.message);
  assert_true(fixture->count < EDGES_MAX);
  struct edge *edge = &fixture->edges[fixture->count];
  *edge = (struct edge){.field = pattern->fields[0],
                        .to = &fixture->states[fixture->count],
                        .next = fixture->group.edges};
  fixture->group.edges = edge;
  fixture->group.tests_count += pattern->fields[0]->tests_count;
  fixture->count++;
}

static void build(struct fixture *fixture)
{
  assert_true(index_table_init(&fixture->table, &fixture->arena, 11, fixture->group.tests_count));
  assert_true(index_build(&fixture->table, &fixture->group, &fixture->arena, &fixture->scratch));
}

/* Compares what the index reaches with each test; returns how many passed. */
static uint32_t check_value(struct fixture *fixture, struct value value)
{
  bool failed = false;
  uint32_t passed = 0;
  fixture->paths.stamp++;
  struct machine_walk walk = {.paths = &fixture->paths, .arena = &fixture->scratch};
  index_match(&fixture->table, &fixture->group, &value, &walk);
  assert_false(walk.failed);
  for (uint32_t i = 0; i < fixture->count; i++) {
    const struct field *field = fixture->edges[i].field;
    bool passes = false;
    for (uint32_t j = 0; j < field->tests_count; j++)
      passes |= test_passes(&field->tests[j], &value, &fixture->scratch, &failed);
    passed += passes;
    if ((fixture->states[i].stamp == fixture->paths.stamp) != passes)
      fail_msg("edge %u, \"%.*s\": %s", i, BYTES_FORMAT(value.text),
               passes ? "not reached" : "reached");
  }
  return passed;
}

static uint32_t check_string(struct fixture *fixture, const char *text)
{
  return check_value(fixture, (struct value){.kind = VALUE_STRING, .text = bytes_of_text(text)});
}

static uint32_t check_number(struct fixture *fixture, const char *text)
{
  struct value value = {.kind = VALUE_NUMBER, .text = bytes_of_text(text)};
  assert_true(number_read(value.text, &fixture->scratch, &value.number));
  return check_value(fixture, value);
}

/* Texts of two letters, all up to size 6. */
static void check_all_texts(struct fixture *fixture)
{
  char text[8];
  for (unsigned size = 0; size <= 6; size++) {
    for (unsigned bits = 0; bits < 1U << size; bits++) {
      for (unsigned i = 0; i < size; i++) text[i] = bits >> i & 1 ? 'b' : 'A';
      text[size] = 0;
      check_string(fixture, text);
    }
  }
}

static void test_texts(void **state)
{
  struct fixture *fixture = *state;
  static const char *const operators[] = {"%s",
                                          "{\"prefix\":%s}",
                                          "{\"suffix\":%s}",
                                          "{\"equals-ignore-case\":%s}",
                                          "{\"prefix\":{\"equals-ignore-case\":%s}}",
                                          "{\"suffix\":{\"equals-ignore-case\":%s}}"};
  for (unsigned size = 0; size <= 4; size++) {
    for (unsigned bits = 0; bits < 1U << size; bits++) {
      char text[8] = "\"", test[128];
      for (unsigned i = 0; i < size; i++) text[1 + i] = bits >> i & 1 ? 'b' : 'A';
      text[1 + size] = '"';
      text[2 + size] = 0;
      for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        const char *hole = strstr(operators[i], "%s");
        snprintf(test, sizeof(test), "%.*s%s%s", (int)(hole - operators[i]), operators[i], text,
                 hole + 2);
        add(fixture, "%s", test);
      }
    }
  }
  build(fixture);
  check_all_texts(fixture);
  assert_true(check_string(fixture, "AbA") > 10);
  assert_int_equal(check_number(fixture, "5"), 0);
}

static void test_wildcards(void **state)
{
  struct fixture *fixture = *state;
  struct random random;
  random_init(&random, random_seed(6));
  for (int i = 0; i < 400; i++) {
    char wildcard[10];
    size_t size = random_below(&random, 8);
    for (size_t j = 0; j < size; j++) {
      wildcard[j] = "Ab*"[random_below(&random, 3)];
      if (j > 0 && wildcard[j] == '*' && wildcard[j - 1] == '*') wildcard[j] = 'b';
    }
    add(fixture, "{\"wildcard\":\"%.*s\"}", (int)size, wildcard);
  }
  add(fixture, "{\"wildcard\":\"*0123456789abcdefghijklm*\"}");
  add(fixture, "{\"wildcard\":\"*0123456789abcdefghijkln*\"}");
  build(fixture);
  check_all_texts(fixture);
  assert_int_equal(check_string(fixture, "x0123456789abcdefghijklmx") -
                       check_string(fixture, "x0123456789abcdefghijklox"),
                   1);
  for (int i = 0; i < 200; i++) {
    char text[64];
    size_t size = random_below(&random, sizeof(text));
    for (size_t j = 0; j < size; j++) text[j] = random_below(&random, 5) == 0 ? 'A' : 'b';
    check_value(fixture, (struct value){.kind = VALUE_STRING, .text = bytes_of(text, size)});
  }
}

static void test_intervals(void **state)
{
  struct fixture *fixture = *state;
  struct random random;
  random_init(&random, random_seed(7));
  for (int i = 0; i < 300; i++) {
    int low = (int)random_below(&random, 100) - 50;
    int high = low + 1 + (int)random_below(&random, 30);
    add(fixture, "{\"numeric\":[\"%s\",%d,\"%s\",%d.5]}", random_coin(&random) ? ">" : ">=", low,
        random_coin(&random) ? "<" : "<=", high);
  }
  add(fixture, "{\"numeric\":[\"<\",0]}");
  add(fixture, "{\"numeric\":[\">\",0]}, -3.5, 1e30");
  build(fixture);
  for (int i = -70; i < 100; i++) {
    char text[32];
    static const char *const forms[] = {"%d", "%d.5", "%d.4999999", "%d.0000001"};
    for (size_t j = 0; j < 4; j++) {
      const char *rest = forms[j] + 2;
      snprintf(text, sizeof(text), "%d%s", i, rest);
      check_number(fixture, text);
    }
  }
  assert_int_equal(check_number(fixture, "5e9"), 1);
  assert_int_equal(check_number(fixture, "5.1e9"), 0);
  assert_int_equal(check_number(fixture, "10e29"), 1);
  assert_int_equal(check_string(fixture, "5"), 0);
}

static void test_networks(void **state)
{
  struct fixture *fixture = *state;
  for (int bits = 0; bits <= 32; bits++) add(fixture, "{\"cidr\":\"10.11.12.13/%d\"}", bits);
  for (int bits = 0; bits <= 128; bits++) add(fixture, "{\"cidr\":\"2001:db8::7/%d\"}", bits);
  build(fixture);
  assert_int_equal(check_string(fixture, "10.11.12.13"), 33);
  assert_int_equal(check_string(fixture, "10.11.12.12"), 32);
  assert_int_equal(check_string(fixture, "138.11.12.13"), 1);
  assert_int_equal(check_string(fixture, "2001:db8::7"), 129);
  assert_int_equal(check_string(fixture, "2001:db8::3"), 126);
  assert_int_equal(check_string(fixture, "::"), 3);
  assert_int_equal(check_string(fixture, "10.11.12"), 0);
}

static void test_the_rest(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 20; i++) {
    add(fixture, "{\"anything-but\":[\"x%d\",\"y\"]}", i);
    add(fixture, "{\"anything-but\":%d}", i);
    add(fixture, "%d, null, true, {\"exists\":false}", i);
  }
  add(fixture, "{\"exists\":true}");
  add(fixture, "false");
  build(fixture);
  assert_int_equal(check_string(fixture, "x5"), 19 + 20 + 1);
  assert_int_equal(check_string(fixture, "y"), 20 + 1);
  assert_int_equal(check_number(fixture, "5.0"), 20 + 19 + 1 + 1);
  assert_int_equal(check_value(fixture, (struct value){.kind = VALUE_NULL}), 60 + 1);
  assert_int_equal(check_value(fixture, (struct value){.kind = VALUE_TRUE}), 60 + 1);
  assert_int_equal(check_value(fixture, (struct value){.kind = VALUE_FALSE}), 40 + 2);
}

/* Texts longer than any prefix, and prefixes longer than the text. */
static void test_long_texts(void **state)
{
  struct fixture *fixture = *state;
  static char text[8192];
  memset(text, 'x', sizeof(text) - 1);
  for (int size = 1; size < 400; size += 7) {
    add(fixture, "{\"prefix\":\"%.*s\"}", size, text);
    add(fixture, "{\"suffix\":\"%.*s\"}", size, text);
  }
  build(fixture);
  assert_int_equal(check_string(fixture, text), fixture->count);
  assert_int_equal(check_string(fixture, text + sizeof(text) - 51), 16);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wildcards, setup, teardown),
      cmocka_unit_test_setup_teardown(test_intervals, setup, teardown),
      cmocka_unit_test_setup_teardown(test_networks, setup, teardown),
      cmocka_unit_test_setup_teardown(test_the_rest, setup, teardown),
      cmocka_unit_test_setup_teardown(test_long_texts, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
