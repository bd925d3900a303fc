#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_numbers_are_told(void **state)
{
  struct bus_fixture *fixture = *state;
  struct metrics_writer *writer = malloc(sizeof *writer);
  struct buffer text;
  const struct bus_target target = bus_fixture_target(BUS_TARGET_LOG, "");
  assert_non_null(writer);
  bus_fixture_rule(fixture, "one", "{\"source\":[\"test\"]}", &target, 1);
  bus_fixture_put(fixture, "T", "{}");
  buffer_init(&text, &fixture->store.memory);
  metrics_writer_init(writer, &text);
  buses_write_metrics(fixture->buses, writer);
  buffer_append_byte(&text, 0);
  assert_false(text.failed);
  const char *all = (const char *)text.data;
  assert_non_null(strstr(all, "\ntacos_bus_events_total 1\n"));
  assert_non_null(strstr(all, "\ntacos_bus_matched_events_total 1\n"));
  assert_non_null(strstr(all, "\ntacos_bus_logged_total 1\n"));
  assert_non_null(strstr(all, "\ntacos_bus_attempts_total{outcome=\"failed\"} 0\n"));
  assert_non_null(strstr(all, "\ntacos_bus_rule_invocations_total{bus=\"main\",rule=\"one\"} 1\n"));
  buffer_free(&text);
  free(writer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {WITH_BUS(test_numbers_are_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
