#include "load/template.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
  struct memory memory;
  struct arena arena;
  struct template_names names;
  uint64_t random;
  char text[1024];
  struct error error;
};

static struct bench *bench_new(void)
{
  static struct bench bench;
  bench = (struct bench){.random = 1};
  arena_init(&bench.arena, &bench.memory);
  return &bench;
}

/* The text with its values, or NULL when it is refused. */
static const char *render(struct bench *bench, enum template_use use, const char *text)
{
  static struct bytes ids[] = {BYTES("A-1-1"), BYTES("A-1-2"), BYTES("A-1-3"), BYTES("B-1-1")};
  static struct seat_row rows[] = {{0, 3}, {3, 1}};
  const struct seat_list seats = {ids, 4, rows, 2};
  const struct load_value variables[LOAD_NAMES_MAX] = {{BYTES("x \"1\"/\n"), false},
                                                       {BYTES("[1,2]"), true}};
  const struct template_source source = {.random = &bench->random,
                                         .event = BYTES("evt_1"),
                                         .seats = &seats,
                                         .user = BYTES("u1"),
                                         .token = BYTES("to.ke.n"),
                                         .address = "10.0.0.1",
                                         .number = 42,
                                         .variables = variables};
  struct template template;
  struct buffer buffer;
  bench->names = (struct template_names){.count = 2, .names = {BYTES("text"), BYTES("list")}};
  if (!template_compile(&template, use, bytes_of_text(text), &bench->names, &bench->arena,
                        &bench->error))
    return NULL;
  buffer_init(&buffer, &bench->memory);
  assert_true(template_render(&template, &source, &buffer));
  snprintf(bench->text, sizeof bench->text, "%.*s", BYTES_FORMAT(buffer_bytes(&buffer)));
  buffer_free(&buffer);
  return bench->text;
}

static void test_values(void **state)
{
  (void)state;
  struct bench *bench = bench_new();
  assert_string_equal(render(bench, TEMPLATE_HEADER, "Bearer ${token}!"), "Bearer to.ke.n!");
  assert_string_equal(render(bench, TEMPLATE_PATH, "/e/${event}/${user}?n=${number}&a=${address}"),
                      "/e/evt_1/u1?n=42&a=10.0.0.1");
  assert_string_equal(render(bench, TEMPLATE_PATH, "/${text}"), "/x%20%221%22%2F%0A");
  assert_string_equal(render(bench, TEMPLATE_BODY, "{\"a\":\"${text}\"}"),
                      "{\"a\":\"x \\\"1\\\"/\\u000a\"}");
  assert_string_equal(render(bench, TEMPLATE_HEADER, "${text}."), "x \"1\"/.");
  assert_string_equal(
      render(bench, TEMPLATE_BODY, "{\"a\": \"${json list}\", \"b\":\"${json text}\"}"),
      "{\"a\": [1,2], \"b\":\"x \\\"1\\\"/\\u000a\"}");
  assert_string_equal(render(bench, TEMPLATE_HEADER, ""), "");
  arena_free(&bench->arena);
  assert_int_equal(bench->memory.in_use, 0);
}

static void test_random_values(void **state)
{
  (void)state;
  struct bench *bench = bench_new();
  bool seen[4] = {false};
  for (int i = 0; i < 200; i++) {
    int number = atoi(render(bench, TEMPLATE_HEADER, "${random 3 6}"));
    assert_in_range(number, 3, 6);
    seen[number - 3] = true;
    const char *word = render(bench, TEMPLATE_HEADER, "${choice a|bb|}");
    assert_true(strcmp(word, "a") == 0 || strcmp(word, "bb") == 0 || strcmp(word, "") == 0);
    const char *seats = render(bench, TEMPLATE_HEADER, "${some_seats 2}");
    assert_true(strcmp(seats, "[\"A-1-1\",\"A-1-2\"]") == 0 ||
                strcmp(seats, "[\"A-1-2\",\"A-1-3\"]") == 0 || strcmp(seats, "[\"B-1-1\"]") == 0);
    assert_string_equal(render(bench, TEMPLATE_HEADER, "${hot_seat}"), "[\"A-1-1\"]");
  }
  assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
  arena_free(&bench->arena);
}

static void test_uuid(void **state)
{
  (void)state;
  struct bench *bench = bench_new();
  char first[40];
  snprintf(first, sizeof first, "%s", render(bench, TEMPLATE_HEADER, "${uuid}"));
  const char *uuid = render(bench, TEMPLATE_HEADER, "${uuid}");
  assert_string_not_equal(uuid, first);
  assert_int_equal(strlen(uuid), 36);
  for (int i = 0; i < 36; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    assert_true(dash ? uuid[i] == '-'
                     : isxdigit((unsigned char)uuid[i]) && !isupper((unsigned char)uuid[i]));
  }
  assert_true(uuid[14] == '4' && strchr("89ab", uuid[19]) != NULL);
  arena_free(&bench->arena);
}

static void test_refused(void **state)
{
  (void)state;
  struct bench *bench = bench_new();
  static const struct {
    enum template_use use;
    const char *text, *message;
  } rows[] = {
      {TEMPLATE_HEADER, "${", "\"${\" without its \"}\""},
      {TEMPLATE_HEADER, "${}", "${} is no variable"},
      {TEMPLATE_HEADER, "${a b}", "${a b} is no variable"},
      {TEMPLATE_HEADER, "${a-b}", "${a-b} is no variable"},
      {TEMPLATE_HEADER, "${uuid 4}", "${uuid 4} takes nothing behind its name"},
      {TEMPLATE_HEADER, "${choice}", "${choice}: write ${choice a|b|c}"},
      {TEMPLATE_HEADER, "${random 6 1}",
       "${random 6 1}: write ${random 1 6}, the least and the greatest"},
      {TEMPLATE_HEADER, "${some_seats 11}",
       "${some_seats 11}: write ${some_seats 2} or ${some_seats 1-4}, up to 10"},
      {TEMPLATE_PATH, "/${json list}", "${json list}: a JSON value stands only in a body"},
      {TEMPLATE_BODY, "{\"a\":\"x${json list}\"}",
       "${json list} must be all of its string: \"${json list}\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_null(render(bench, rows[i].use, rows[i].text));
    assert_string_equal(bench->error.message, rows[i].message);
  }
  arena_free(&bench->arena);
}

static void test_names(void **state)
{
  (void)state;
  struct template_names names = {0};
  char texts[LOAD_NAMES_MAX + 1][16];
  for (int i = 0; i < LOAD_NAMES_MAX + 1; i++) {
    snprintf(texts[i], sizeof texts[i], "n%d", i);
    int place = template_name(&names, bytes_of_text(texts[i]));
    assert_int_equal(place, i < LOAD_NAMES_MAX ? i : -1);
  }
  assert_int_equal(template_name(&names, BYTES("n3")), 3);
  assert_true(template_name_is_valid(BYTES("waiting_1")));
  assert_false(template_name_is_valid(BYTES("token")));
  assert_false(template_name_is_valid(BYTES("json")));
  assert_false(template_name_is_valid(BYTES("a b")));
  assert_false(template_name_is_valid(BYTES("")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values), cmocka_unit_test(test_random_values),
      cmocka_unit_test(test_uuid),   cmocka_unit_test(test_refused),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
