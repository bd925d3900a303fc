#include "unit/load/show_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
  (void)state;
  char text[32];
  assert_string_equal(show_count(0, text), "0");
  assert_string_equal(show_count(999, text), "999");
  assert_string_equal(show_count(1000, text), "1,000");
  assert_string_equal(show_count(1234567, text), "1,234,567");
  assert_string_equal(show_time(999, text), "999 ns");
  assert_string_equal(show_time(1500, text), "1.50 us");
  assert_string_equal(show_time(123456, text), "123 us");
  assert_string_equal(show_time(1234567, text), "1.23 ms");
  assert_string_equal(show_time(12345678, text), "12.3 ms");
  assert_string_equal(show_time(123456789, text), "123 ms");
  assert_string_equal(show_time(1234567890, text), "1.23 s");
}

static void test_table(void **state)
{
  (void)state;
  struct show_fixture fixture;
  show_fixture_begin(&fixture);
  show_table(&fixture.show, &fixture.text);
  static const char *const parts[] = {
      "onsale against http://127.0.0.1:8000, event evt_1: 3.0 s, 64 connections, 12,345 users\n",
      "  requests      1,500, 500/s; 1 failed (0.067 %)",
      "  reserve               750          750          0        0    2.00 ms",
      "  replies       201: 750  409: 750\n",
      "  people        750 began; 743 went all the way",
      "  checks        750 of 750 passed (100.00 %)\n",
      "  errors        1 timeout: no reply in time\n",
      "  passed        would fail if p99>1s: it is 3.0",
      "  FAILED        fails if errors>0: it is 1\n",
      "  the server    1,000 seats: 650 sold, 50 held, 300 free; 325 paid orders, 0 KRW\n",
      "  right         nothing sold twice (0)\n",
  };
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (!show_fixture_has(&fixture, parts[i]))
      fail_msg("no '%s' in:\n%.*s", parts[i], BYTES_FORMAT(buffer_bytes(&fixture.text)));
  show_fixture_end(&fixture);
}

static void test_progress(void **state)
{
  (void)state;
  struct show_fixture fixture;
  uint32_t lines;
  show_fixture_begin(&fixture);
  show_progress_line(&fixture.load, &fixture.text);
  assert_true(show_fixture_has(&fixture, "    3 s  500/s  errors 1  p50 3.00 ms  p95 3.00 ms  p99 "
                                         "3.00 ms  people 7  seats left 700\n"));
  buffer_clear(&fixture.text);
  show_progress_screen(&fixture.load, "onsale", &fixture.text, &lines);
  uint32_t found = 0;
  for (size_t i = 0; i < fixture.text.size; i++) found += fixture.text.data[i] == '\n';
  assert_int_equal(found, lines);
  assert_true(show_fixture_has(&fixture, "  3 of 6 s"));
  assert_true(show_fixture_has(&fixture, "  700 of 1,000"));
  assert_true(show_fixture_has(&fixture, " reserve 7 "));
  show_fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_table),
      cmocka_unit_test(test_progress),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
