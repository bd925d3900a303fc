#include "base/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
  int64_t time_ms;
  const char *text;
} known[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {1000000000000, "2001-09-09T01:46:40.000Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {951868800000, "2000-03-01T00:00:00.000Z"},
    {1795410720000, "2026-11-23T05:12:00.000Z"},
    {-2203891200001, "1900-02-28T23:59:59.999Z"},
    {-2203891200000, "1900-03-01T00:00:00.000Z"},
    {2147483648000, "2038-01-19T03:14:08.000Z"},
    {INSTANT_MIN_MS, "0000-01-01T00:00:00.000Z"},
    {INSTANT_MAX_MS, "9999-12-31T23:59:59.999Z"},
};

static int64_t parse(const char *text)
{
  int64_t time_ms = 0;
  struct error error = {0};
  if (!instant_parse(bytes_of_text(text), &time_ms, &error))
    fail_msg("\"%s\" refused: %s", text, error.message);
  return time_ms;
}

static void assert_refused(const char *text, const char *message)
{
  int64_t time_ms = 42;
  struct error error = {0};
  if (instant_parse(bytes_of_text(text), &time_ms, &error)) fail_msg("accepted \"%s\"", text);
  assert_int_equal(error.code, ERROR_INVALID);
  assert_string_equal(error.message, message);
  assert_int_equal(time_ms, 42);
}

static void test_known_instants_both_ways(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    char text[INSTANT_TEXT_BYTES + 1] = {0};
    instant_format(known[i].time_ms, text);
    assert_string_equal(text, known[i].text);
    assert_int_equal(parse(known[i].text), known[i].time_ms);
  }
}

/* Every day of 10,000 years, counted with the schoolbook rule. */
static void test_every_day_both_ways(void **state)
{
  (void)state;
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t time_ms = INSTANT_MIN_MS + 43200123;
  for (int year = 0; year <= 9999; year++) {
    bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    for (int month = 1; month <= 12; month++) {
      int days = lengths[month - 1] + (leap && month == 2);
      for (int day = 1; day <= days; day++, time_ms += 86400000) {
        struct instant_fields fields = instant_split(time_ms);
        if (fields.year != year || fields.month != month || fields.day != day)
          fail_msg("%d-%d-%d became %d-%d-%d", year, month, day, fields.year, fields.month,
                   fields.day);
        if (day > 2 && day < days) continue;
        char text[INSTANT_TEXT_BYTES];
        int64_t back = 0;
        struct error error;
        instant_format(time_ms, text);
        assert_true(instant_parse(bytes_of(text, sizeof(text)), &back, &error));
        assert_int_equal(back, time_ms);
      }
    }
  }
  assert_int_equal(time_ms, INSTANT_MAX_MS + 1 + 43200123);
}

static void test_split_gives_time_of_day(void **state)
{
  (void)state;
  struct instant_fields fields = instant_split(-1);
  assert_int_equal(fields.hour, 23);
  assert_int_equal(fields.minute, 59);
  assert_int_equal(fields.second, 59);
  assert_int_equal(fields.millisecond, 999);
}

static void test_parse_takes_fractions(void **state)
{
  (void)state;
  assert_int_equal(parse("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(parse("1970-01-01T00:00:00.1Z"), 100);
  assert_int_equal(parse("1970-01-01T00:00:00.12Z"), 120);
  assert_int_equal(parse("1970-01-01T00:00:00.123Z"), 123);
  assert_int_equal(parse("1970-01-01T00:00:00.1239Z"), 123);
  assert_int_equal(parse("1970-01-01T00:00:00.001999999Z"), 1);
  assert_int_equal(parse("1969-12-31T23:59:59.999999999Z"), -1);
}

static void test_parse_takes_offsets(void **state)
{
  (void)state;
  assert_int_equal(parse("1970-01-01T01:00:00+01:00"), 0);
  assert_int_equal(parse("1969-12-31T19:00:00-05:00"), 0);
  assert_int_equal(parse("1970-01-01T05:30:00.5+05:30"), 500);
  assert_int_equal(parse("1970-01-01T00:00:00-00:00"), 0);
  assert_int_equal(parse("1970-01-01T23:59:00+23:59"), 0);
  assert_int_equal(parse("0000-01-01T00:00:00-00:01"), INSTANT_MIN_MS + 60000);
}

static void test_parse_refuses_other_shapes(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",
      "Z",
      "1970-01-01",
      "1970-01-01T00:00:00",
      "1970-01-01 00:00:00Z",
      "1970-01-01t00:00:00Z",
      "1970-01-01T00:00:00z",
      "1970-01-01T00:00Z",
      "1970-1-1T00:00:00Z",
      "19700101T000000Z",
      "+1970-01-01T00:00:00Z",
      "-001-01-01T00:00:00Z",
      "10000-01-01T00:00:00Z",
      "1970-01-01T00:00:00.Z",
      "1970-01-01T00:00:00,5Z",
      "1970-01-01T00:00:00.1234567890Z",
      "1970-01-01T00:00:00ZZ",
      "1970-01-01T00:00:00Z ",
      " 1970-01-01T00:00:00Z",
      "1970-01-01T00:00:00+0100",
      "1970-01-01T00:00:00+01",
      "1970-01-01T00:00:00+01:0",
      "1970-01-01T00:00:00+01:00Z",
      "1970-01-01T00:00:00Z+01:00",
      "1970-01-01T00:00:0aZ",
      "197o-01-01T00:00:00Z",
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_refused(bad[i], "not a time like 2026-11-23T05:12:00Z or 2026-11-23T05:12:00.000+01:00");
}

static void test_parse_refuses_what_no_calendar_has(void **state)
{
  (void)state;
  assert_refused("1970-00-01T00:00:00Z", "month 0 is not in 1 to 12");
  assert_refused("1970-13-01T00:00:00Z", "month 13 is not in 1 to 12");
  assert_refused("1970-01-00T00:00:00Z", "day 0 is not in 1 to 31, the days of 1970-01");
  assert_refused("1970-04-31T00:00:00Z", "day 31 is not in 1 to 30, the days of 1970-04");
  assert_refused("2023-02-29T00:00:00Z", "day 29 is not in 1 to 28, the days of 2023-02");
  assert_refused("1900-02-29T00:00:00Z", "day 29 is not in 1 to 28, the days of 1900-02");
  assert_refused("2000-02-30T00:00:00Z", "day 30 is not in 1 to 29, the days of 2000-02");
  assert_refused("1970-01-01T24:00:00Z", "time of day 24:00:00 is not below 24:00:00");
  assert_refused("1970-01-01T00:60:00Z", "time of day 00:60:00 is not below 24:00:00");
  assert_refused("2016-12-31T23:59:60Z", "time of day 23:59:60 is not below 24:00:00");
  assert_refused("1970-01-01T00:00:00+24:00", "offset 24:00 is not below 24:00");
  assert_refused("1970-01-01T00:00:00+00:60", "offset 00:60 is not below 24:00");
  assert_refused("0000-01-01T00:00:00+00:01", "the time is outside of years 0000 to 9999 in UTC");
  assert_refused("9999-12-31T23:59:59-00:01", "the time is outside of years 0000 to 9999 in UTC");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known_instants_both_ways),
      cmocka_unit_test(test_every_day_both_ways),
      cmocka_unit_test(test_split_gives_time_of_day),
      cmocka_unit_test(test_parse_takes_fractions),
      cmocka_unit_test(test_parse_takes_offsets),
      cmocka_unit_test(test_parse_refuses_other_shapes),
      cmocka_unit_test(test_parse_refuses_what_no_calendar_has),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
