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
  struct paths paths;
  struct pattern *pattern;
  struct event event;
  struct error error;
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  *state = &fixture;
  return !paths_init(&fixture.paths, &fixture.arena, 3);
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static void use_pattern(struct fixture *fixture, const char *text)
{
  fixture->pattern = pattern_parse(bytes_of_text(text), &fixture->arena, &fixture->error);
  assert_non_null(fixture->pattern);
  assert_true(paths_resolve(&fixture->paths, fixture->pattern));
}

static void read_event(struct fixture *fixture, const char *text)
{
  if (!event_read(&fixture->event, bytes_of_text(text), false, &fixture->paths, &fixture->arena,
                  &fixture->error))
    fail_msg("%s", fixture->error.message);
}

/* The values of the pattern's nth field as "1 x null", with '+' when one is in an element. */
static void assert_values(struct fixture *fixture, uint32_t n, const char *expected)
{
  static const char *const words[] = {"null", "false", "true"};
  char text[128] = "";
  size_t size = 0;
  const struct field *field = fixture->pattern->fields[n];
  const struct event_path *values = event_values(&fixture->paths, field->path[field->depth - 1]);
  if (values != NULL && values->in_element) text[size++] = '+';
  for (const struct event_node *node = values == NULL ? NULL : values->first; node != NULL;
       node = node->next_value) {
    struct bytes shown = node->value.kind <= VALUE_TRUE ? bytes_of_text(words[node->value.kind])
                                                        : node->value.text;
    size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s",
                             node == values->first ? "" : " ", BYTES_FORMAT(shown));
  }
  assert_string_equal(text, expected);
}

static void test_paths_are_shared(void **state)
{
  struct fixture *fixture = *state;
  use_pattern(fixture, "{\"a\":{\"b\":[1],\"c\":[1]},\"b\":[1]}");
  const struct field *ab = fixture->pattern->fields[0];
  const struct field *ac = fixture->pattern->fields[1];
  const struct field *b = fixture->pattern->fields[2];
  assert_int_equal(fixture->paths.count, 5);
  assert_int_equal(ab->path[0], ac->path[0]);
  assert_true(ab->path[1] != ac->path[1]);
  assert_true(ab->path[1] != b->path[0]);
  use_pattern(fixture, "{\"a\":{\"b\":[2]}}");
  assert_int_equal(fixture->paths.count, 5);
  assert_int_equal(fixture->pattern->fields[0]->path[1], ab->path[1]);
}

static void test_paths_grow(void **state)
{
  struct fixture *fixture = *state;
  uint32_t first[200];
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < 200; i++) {
      char text[64];
      snprintf(text, sizeof(text), "{\"x%u\":[1]}", i);
      use_pattern(fixture, text);
      uint32_t path = fixture->pattern->fields[0]->path[0];
      if (round == 0) first[i] = path;
      assert_int_equal(path, first[i]);
    }
  }
  assert_int_equal(fixture->paths.count, 201);
}

static void test_values_come_in_order(void **state)
{
  struct fixture *fixture = *state;
  use_pattern(fixture, "{\"a\":[1],\"b\":{\"c\":[1]},\"d\":[1]}");
  read_event(fixture, "{\"d\":\"\\u0078\",\"z\":{\"a\":[9]},\"a\":[1,\"x\",null,true,[false]],"
                      "\"b\":{\"c\":2.50,\"e\":7}}");
  assert_values(fixture, 0, "+1 x null true false");
  assert_values(fixture, 1, "2.50");
  assert_values(fixture, 2, "x");
  assert_int_equal(fixture->event.paths_count, 3);
  assert_true(fixture->event.has_elements);
  read_event(fixture, "{\"a\":[1,{\"a\":2},3]}");
  assert_values(fixture, 0, "1 3");
  assert_values(fixture, 1, "");
  assert_values(fixture, 2, "");
  assert_false(fixture->event.has_elements);
}

static void test_values_in_elements(void **state)
{
  struct fixture *fixture = *state;
  use_pattern(fixture, "{\"a\":{\"b\":[1]},\"c\":[1]}");
  read_event(fixture, "{\"a\":[{\"b\":1},5,[{\"b\":[2,3]}]],\"c\":[4]}");
  assert_values(fixture, 0, "+1 2 3");
  assert_values(fixture, 1, "4");
  read_event(fixture, "{\"a\":{\"b\":[1]}}");
  assert_values(fixture, 0, "1");
  read_event(fixture, "{\"a\":{\"b\":[[1]]}}");
  assert_values(fixture, 0, "+1");
  read_event(fixture, "{\"a\":{\"b\":{}},\"c\":[]}");
  assert_values(fixture, 0, "");
  assert_values(fixture, 1, "");
}

static void test_keeps_the_tree(void **state)
{
  struct fixture *fixture = *state;
  use_pattern(fixture, "{\"a\":{\"b\":[1]}}");
  read_event(fixture, "{\"x\":1,\"a\":[{\"y\":2,\"b\":3},4],\"z\":[]}");
  const struct event_node *root = fixture->event.root;
  assert_int_equal(root->kind, EVENT_OBJECT);
  const struct event_node *array = root->child;
  assert_null(array->next);
  assert_int_equal(array->kind, EVENT_ARRAY);
  assert_int_equal(array->path, fixture->pattern->fields[0]->path[0]);
  assert_int_equal(array->child->kind, EVENT_OBJECT);
  assert_int_equal(array->child->child->path, fixture->pattern->fields[0]->path[1]);
  assert_null(array->child->child->next);
  assert_int_equal(array->child->next->kind, EVENT_VALUE);
}

static void test_refuses_what_is_no_event(void **state)
{
  struct fixture *fixture = *state;
  use_pattern(fixture, "{\"a\":[1]}");
  static const char *const bad[] = {"",
                                    "[]",
                                    "1",
                                    "{\"a\":}",
                                    "{\"a\":[1}",
                                    "{\"b\":[1}",
                                    "{\"a\":{\"a\":1,\"a\":2}}",
                                    "{} {}",
                                    "{\"a\":[1],}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    assert_false(event_read(&fixture->event, bytes_of_text(bad[i]), false, &fixture->paths,
                            &fixture->arena, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_INVALID);
  }
  struct buffer deep;
  buffer_init(&deep, &fixture->memory);
  buffer_append(&deep, BYTES("{\"a\":"));
  for (int i = 0; i < 100000; i++) buffer_append_byte(&deep, '[');
  assert_false(event_read(&fixture->event, buffer_bytes(&deep), false, &fixture->paths,
                          &fixture->arena, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_LIMIT);
  buffer_free(&deep);
  read_event(fixture, "{\"a\":1}");
  assert_values(fixture, 0, "1");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_paths_are_shared, setup, teardown),
      cmocka_unit_test_setup_teardown(test_paths_grow, setup, teardown),
      cmocka_unit_test_setup_teardown(test_values_come_in_order, setup, teardown),
      cmocka_unit_test_setup_teardown(test_values_in_elements, setup, teardown),
      cmocka_unit_test_setup_teardown(test_keeps_the_tree, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refuses_what_is_no_event, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
