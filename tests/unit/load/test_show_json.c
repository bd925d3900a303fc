#include "unit/load/show_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(const struct show_fixture *fixture, const char *path, const char *text)
{
  struct memory memory = {0};
  struct arena arena;
  struct load_value value;
  arena_init(&arena, &memory);
  if (!field_find(buffer_bytes(&fixture->text), bytes_of_text(path), &arena, &value))
    fail_msg("no %s", path);
  assert_true(bytes_equal(value.text, bytes_of_text(text)));
  arena_free(&arena);
}

static void test_fields(void **state)
{
  (void)state;
  struct show_fixture fixture;
  show_fixture_begin(&fixture);
  show_json(&fixture.show, &fixture.text);
  struct arena arena;
  struct json_reader reader;
  arena_init(&arena, &fixture.memory);
  json_reader_init(&reader, buffer_bytes(&fixture.text), &arena);
  assert_true(json_skip(&reader) && json_read_end(&reader));
  arena_free(&arena);
  expect(&fixture, "scenario", "onsale");
  expect(&fixture, "requests", "1500");
  expect(&fixture, "rate", "500.000");
  expect(&fixture, "statuses.409", "750");
  expect(&fixture, "failures.timeout", "1");
  expect(&fixture, "people.finished", "743");
  expect(&fixture, "steps.1.name", "<pay>");
  expect(&fixture, "latency_ms.min", "1.000");
  expect(&fixture, "thresholds.0.failed", "false");
  expect(&fixture, "thresholds.1.failed", "true");
  expect(&fixture, "accounts.sold", "650");
  expect(&fixture, "accounts.checks.0.good", "true");
  expect(&fixture, "series.2.seats_left", "700");
  expect(&fixture, "series.1.errors", "1");
  show_fixture_end(&fixture);
}

static void test_without_accounts(void **state)
{
  (void)state;
  struct show_fixture fixture;
  show_fixture_begin(&fixture);
  fixture.show.reconciliation = NULL;
  fixture.show.threshold_count = 0;
  show_json(&fixture.show, &fixture.text);
  expect(&fixture, "accounts", "null");
  expect(&fixture, "thresholds", "[]");
  show_fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fields),
      cmocka_unit_test(test_without_accounts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
