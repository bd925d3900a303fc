#include "bus/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char EVENT[] =
    "{\"id\":\"e\",\"detail-type\":\"T\",\"n\":null,"
    "\"detail\":{\"a\":{\"b\":[1,\"x\",{\"c\":true}]},"
    "\"items\":[{\"id\":7},{\"id\":\"8\"},{},5,[{\"id\":9}]],\"empty\":[],\"a.b\":1}}";

static const struct {
  const char *path;
  const char *found; /* NULL: nothing */
} CASES[] = {
    {"$", EVENT},
    {"$.id", "\"e\""},
    {"$.detail-type", "\"T\""},
    {"$.n", "null"},
    {"$.detail.a.b", "[1,\"x\",{\"c\":true}]"},
    {"$.detail.a.b[0]", "1"},
    {"$.detail.a.b[2].c", "true"},
    {"$.detail.a.b[3]", NULL},
    {"$.detail.a.b.c", NULL},
    {"$.detail.a[0]", NULL},
    {"$.detail.nothing", NULL},
    {"$.id.x", NULL},
    {"$.id[0]", NULL},
    {"$.detail.items[*].id", "[7,\"8\"]"},
    {"$.detail.items[*]", "[{\"id\":7},{\"id\":\"8\"},{},5,[{\"id\":9}]]"},
    {"$.detail.items[*][*].id", "[9]"},
    {"$.detail.empty[*]", NULL},
    {"$.detail.a.*", "[[1,\"x\",{\"c\":true}]]"},
    {"$.detail.a.b[1]", "\"x\""},
};

static void test_what_paths_lead_to(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  arena_init(&arena, &memory);
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    const struct input_path *path = input_path_compile(bytes_of_text(CASES[i].path), &arena,
                                                       &error);
    if (path == NULL) fail_msg("%s: %s", CASES[i].path, error.message);
    struct bytes found = input_path_find(path, bytes_of_text(EVENT), &arena);
    assert_false(input_failed(found));
    assert_int_equal(input_found(found), CASES[i].found != NULL);
    if (CASES[i].found != NULL && !bytes_equal(found, bytes_of_text(CASES[i].found)))
      fail_msg("%s: %.*s", CASES[i].path, BYTES_FORMAT(found));
  }
  arena_free(&arena);
}

static void test_what_is_no_path(void **state)
{
  (void)state;
  static const char *const texts[] = {"",      "x",    "detail", "$.",     "$detail",       "$..a",
                                      "$[",    "$[a]", "$[1",    "$[]",    "$[-1]",         "$.a.",
                                      "$.a b", "$.a[", "$['a']", "$.a$x!", "$[99999999999]"};
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct error error;
    if (input_path_compile(bytes_of_text(texts[i]), &arena, &error) != NULL)
      fail_msg("%s is taken", texts[i]);
    assert_int_equal(error.code, ERROR_INVALID);
  }
  arena_free(&arena);
}

static void test_no_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    struct arena arena;
    struct error error;
    arena_init(&arena, &memory);
    memory.fail_at = memory.calls + nth;
    const struct input_path *path = input_path_compile(BYTES("$.detail.items[*].id"), &arena,
                                                       &error);
    if (path == NULL)
      assert_int_equal(error.code, ERROR_NO_MEMORY);
    else
      done = input_found(input_path_find(path, bytes_of_text(EVENT), &arena));
    arena_free(&arena);
  }
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_paths_lead_to),
      cmocka_unit_test(test_what_is_no_path),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
