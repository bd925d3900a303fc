#include "provider/value.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_reads_and_writes(void **state)
{
  (void)state;
  static const char JSON[] = "{\"a\":[1,2.5,\"x\",true,null,{}],\"b\":[]}";
  struct fixture fixture;
  struct error error;
  struct value value;
  fixture_open(&fixture);
  assert_true(value_from_json(&fixture.arena, bytes_of_text(JSON), &value, &error));
  assert_true(bytes_equal(value_to_json(&fixture.arena, &value), bytes_of_text(JSON)));
  fixture_close(&fixture);
}

/* More members than the first allocation has room for. */
static void test_long_lists(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value list = fixture_value(&fixture, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]");
  assert_int_equal(list.count, 18);
  assert_true(bytes_equal(list.items[17].text, BYTES("18")));
  fixture_close(&fixture);
}

static void test_unknown_becomes_null(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value list = fixture_value(&fixture, "['?', '?x']");
  assert_true(bytes_equal(value_to_json(&fixture.arena, &list), BYTES("[null,null]")));
  fixture_close(&fixture);
}

static void test_refusals(void **state)
{
  (void)state;
  static const char *const REFUSED[] = {"", "{", "[1,]", "{} {}", "nul", "{\"a\":}"};
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
    struct error error = {0};
    struct value value;
    assert_false(value_from_json(&fixture.arena, bytes_of_text(REFUSED[i]), &value, &error));
    assert_true(error.message[0] != '\0');
  }
  char deep[2 * VALUE_DEPTH_MAX + 3];
  memset(deep, '[', VALUE_DEPTH_MAX + 1);
  memset(deep + VALUE_DEPTH_MAX + 1, ']', VALUE_DEPTH_MAX + 1);
  struct error error;
  struct value value;
  assert_false(
      value_from_json(&fixture.arena, bytes_of(deep, 2 * VALUE_DEPTH_MAX + 2), &value, &error));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_and_writes),
      cmocka_unit_test(test_long_lists),
      cmocka_unit_test(test_unknown_becomes_null),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
