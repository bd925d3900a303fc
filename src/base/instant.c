#include "base/instant.h"

#include "base/check.h"

enum {
  DAY_MS = 86400000,
  HOUR_MS = 3600000,
  MINUTE_MS = 60000,
  SECOND_MS = 1000,
  ERA_DAYS = 146097,   /* the calendar repeats every 400 years */
  EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
};

/*
 * Both ways count years from 1 March, so that the leap day is the last of its year and a month's
 * first day is a linear function of its number: Howard Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms". Shifted by one era because year 0000 begins before 0000-03-01.
 */
static int64_t days_from_date(int year, int month, int day)
{
  int shifted_year = year - (month <= 2) + 400;
  int era = shifted_year / 400;
  int year_of_era = shifted_year % 400;
  int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (int64_t)era * ERA_DAYS + day_of_era - ERA_DAYS - EPOCH_DAYS;
}

static void date_from_days(int64_t days, struct instant_fields *fields)
{
  int shifted = (int)(days + EPOCH_DAYS + ERA_DAYS);
  CHECK_THAT(shifted, >=, 0);
  int era = shifted / ERA_DAYS;
  int day_of_era = shifted % ERA_DAYS;
  int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) /
                    365;
  int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int month = (5 * day_of_year + 2) / 153;
  fields->day = day_of_year - (153 * month + 2) / 5 + 1;
  fields->month = month < 10 ? month + 3 : month - 9;
  fields->year = year_of_era + era * 400 + (fields->month <= 2) - 400;
}

static int days_of_month(int year, int month)
{
  static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

struct instant_fields instant_split(int64_t time_ms)
{
  CHECK_THAT(time_ms, >=, INSTANT_MIN_MS);
  CHECK_THAT(time_ms, <=, INSTANT_MAX_MS);
  int64_t days = time_ms / DAY_MS - (time_ms % DAY_MS < 0);
  int rest_ms = (int)(time_ms - days * DAY_MS);
  struct instant_fields fields;
  date_from_days(days, &fields);
  fields.hour = rest_ms / HOUR_MS;
  fields.minute = rest_ms % HOUR_MS / MINUTE_MS;
  fields.second = rest_ms % MINUTE_MS / SECOND_MS;
  fields.millisecond = rest_ms % SECOND_MS;
  return fields;
}

static char *put_digits(char *to, int value, int digits)
{
  for (int i = digits - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
  CHECK(value == 0);
  return to + digits;
}

void instant_format(int64_t time_ms, char text[INSTANT_TEXT_BYTES])
{
  struct instant_fields fields = instant_split(time_ms);
  char *next = put_digits(text, fields.year, 4);
  *next++ = '-';
  next = put_digits(next, fields.month, 2);
  *next++ = '-';
  next = put_digits(next, fields.day, 2);
  *next++ = 'T';
  next = put_digits(next, fields.hour, 2);
  *next++ = ':';
  next = put_digits(next, fields.minute, 2);
  *next++ = ':';
  next = put_digits(next, fields.second, 2);
  *next++ = '.';
  next = put_digits(next, fields.millisecond, 3);
  *next++ = 'Z';
  CHECK(next == text + INSTANT_TEXT_BYTES);
}

/* What is left to parse. */
struct cursor {
  const uint8_t *next;
  const uint8_t *end;
};

static bool take_digits(struct cursor *cursor, int digits, int *value)
{
  if (cursor->end - cursor->next < digits) return false;
  *value = 0;
  for (int i = 0; i < digits; i++) {
    int digit = *cursor->next++ - '0';
    if (digit < 0 || digit > 9) return false;
    *value = *value * 10 + digit;
  }
  return true;
}

static bool take_character(struct cursor *cursor, char expected)
{
  if (cursor->next == cursor->end || *cursor->next != (uint8_t)expected) return false;
  cursor->next++;
  return true;
}

/* One to nine digits; the first three are milliseconds. */
static bool take_fraction(struct cursor *cursor, int *millisecond)
{
  int digits = 0;
  *millisecond = 0;
  for (; digits < 9 && cursor->next < cursor->end; digits++, cursor->next++) {
    int digit = *cursor->next - '0';
    if (digit < 0 || digit > 9) break;
    if (digits < 3) *millisecond = *millisecond * 10 + digit;
  }
  for (int missing = digits; missing < 3; missing++) *millisecond *= 10;
  return digits > 0;
}

/* "Z" or "+hh:mm" or "-hh:mm" up to the end of the text. */
static bool take_offset(struct cursor *cursor, int *hour, int *minute, bool *negative)
{
  *hour = *minute = 0;
  *negative = false;
  if (!take_character(cursor, 'Z')) {
    *negative = take_character(cursor, '-');
    if (!*negative && !take_character(cursor, '+')) return false;
    if (!take_digits(cursor, 2, hour) || !take_character(cursor, ':') ||
        !take_digits(cursor, 2, minute))
      return false;
  }
  return cursor->next == cursor->end;
}

static bool take_date_and_time(struct cursor *cursor, struct instant_fields *fields)
{
  fields->millisecond = 0;
  if (!take_digits(cursor, 4, &fields->year) || !take_character(cursor, '-') ||
      !take_digits(cursor, 2, &fields->month) || !take_character(cursor, '-') ||
      !take_digits(cursor, 2, &fields->day) || !take_character(cursor, 'T') ||
      !take_digits(cursor, 2, &fields->hour) || !take_character(cursor, ':') ||
      !take_digits(cursor, 2, &fields->minute) || !take_character(cursor, ':') ||
      !take_digits(cursor, 2, &fields->second))
    return false;
  return !take_character(cursor, '.') || take_fraction(cursor, &fields->millisecond);
}

bool instant_parse(struct bytes text, int64_t *time_ms, struct error *error)
{
  struct cursor cursor = {text.data, text.data + text.size};
  struct instant_fields fields;
  int offset_hour, offset_minute;
  bool behind; /* west of Greenwich: local time is behind UTC */
  if (!take_date_and_time(&cursor, &fields) ||
      !take_offset(&cursor, &offset_hour, &offset_minute, &behind))
    return error_set(error, ERROR_INVALID,
                     "not a time like 2026-11-23T05:12:00Z or 2026-11-23T05:12:00.000+01:00");
  if (fields.month < 1 || fields.month > 12)
    return error_set(error, ERROR_INVALID, "month %d is not in 1 to 12", fields.month);
  int days = days_of_month(fields.year, fields.month);
  if (fields.day < 1 || fields.day > days)
    return error_set(error, ERROR_INVALID, "day %d is not in 1 to %d, the days of %04d-%02d",
                     fields.day, days, fields.year, fields.month);
  if (fields.hour > 23 || fields.minute > 59 || fields.second > 59)
    return error_set(error, ERROR_INVALID, "time of day %02d:%02d:%02d is not below 24:00:00",
                     fields.hour, fields.minute, fields.second);
  if (offset_hour > 23 || offset_minute > 59)
    return error_set(error, ERROR_INVALID, "offset %02d:%02d is not below 24:00", offset_hour,
                     offset_minute);
  int64_t offset_ms = (int64_t)offset_hour * HOUR_MS + (int64_t)offset_minute * MINUTE_MS;
  int64_t day_ms = (int64_t)fields.hour * HOUR_MS + (int64_t)fields.minute * MINUTE_MS +
                   (int64_t)fields.second * SECOND_MS + fields.millisecond;
  int64_t result = days_from_date(fields.year, fields.month, fields.day) * DAY_MS + day_ms +
                   (behind ? offset_ms : -offset_ms);
  if (result < INSTANT_MIN_MS || result > INSTANT_MAX_MS)
    return error_set(error, ERROR_INVALID, "the time is outside of years 0000 to 9999 in UTC");
  *time_ms = result;
  return true;
}
