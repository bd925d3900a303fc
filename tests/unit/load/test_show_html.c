#include "unit/load/show_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static uint32_t count(const struct show_fixture *fixture, const char *text)
{
  uint32_t found = 0;
  struct bytes rest = buffer_bytes(&fixture->text);
  for (;;) {
    size_t at = bytes_find(rest, bytes_of_text(text));
    if (at == SIZE_MAX) return found;
    found++;
    rest = bytes_of(rest.data + at + 1, rest.size - at - 1);
  }
}

/* One page that asks for nothing else, with all charts, and names as text. */
static void test_page(void **state)
{
  (void)state;
  struct show_fixture fixture;
  show_fixture_begin(&fixture);
  show_html(&fixture.show, &fixture.text);
  assert_false(fixture.text.failed);
  assert_true(show_fixture_has(&fixture, "<!doctype html>"));
  assert_true(show_fixture_has(&fixture, "</html>"));
  assert_true(show_fixture_has(&fixture, "prefers-color-scheme:dark"));
  assert_int_equal(count(&fixture, "<svg "), 5);
  assert_int_equal(count(&fixture, "</svg>"), 5);
  assert_int_equal(count(&fixture, "<polyline "), 8);
  assert_true(show_fixture_has(&fixture, "<td>&lt;pay>"));
  assert_false(show_fixture_has(&fixture, "<pay>"));
  assert_true(show_fixture_has(&fixture, "<td>nothing sold twice<td>0<td class=\"good\">yes"));
  assert_true(show_fixture_has(&fixture, "<td>not errors>0<td>1<td class=\"bad\">NO"));
  static const char *const foreign[] = {"<script", "src=", "href=", "url(",
                                        "@import", "nan",  "inf"};
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    assert_false(show_fixture_has(&fixture, foreign[i]));
  show_fixture_end(&fixture);
}

/* A run of a day has no more points than one can see; one of no time at all has a page too. */
static void test_long_and_empty(void **state)
{
  (void)state;
  struct show_fixture fixture;
  show_fixture_begin(&fixture);
  for (int i = 4; i < 20000; i++) stats_point(&fixture.load.stats, i, 1);
  show_html(&fixture.show, &fixture.text);
  assert_true(fixture.text.size < 150000);
  buffer_clear(&fixture.text);
  fixture.load.stats.point_count = 0;
  show_html(&fixture.show, &fixture.text);
  assert_int_equal(count(&fixture, "<svg "), 0);
  show_fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_page),
      cmocka_unit_test(test_long_and_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
