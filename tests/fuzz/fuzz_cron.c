/*
 * Schedule expressions. The oracle reads an expression's text anew for every moment it is asked
 * about: the next occurrence is one, and there is none before it.
 */
#include "base/check.h"
#include "base/instant.h"
#include "bus/schedule.h"

#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 6, DAY_MS = 86400000, MINUTE_MS = 60000, DAYS_LOOKED_AT = 1500 };

struct range {
  uint32_t least, most;
  const char *names;
};

static const struct range RANGES[FIELDS] = {
    {0, 59, ""},
    {0, 23, ""},
    {1, 31, ""},
    {1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {1, 7, "SUNMONTUEWEDTHUFRISAT"},
    {1970, 2199, ""},
};

static uint32_t value_of(struct bytes *rest, const struct range *range)
{
  uint32_t value = 0;
  if (rest->data[0] >= '0' && rest->data[0] <= '9') {
    while (rest->size > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
      value = 10 * value + (uint32_t)(rest->data[0] - '0');
      *rest = bytes_of(rest->data + 1, rest->size - 1);
    }
    return value;
  }
  for (uint32_t i = 0;; i++) {
    const char *name = range->names + 3 * (size_t)i;
    CHECK(*name != 0);
    if (strncasecmp(name, (const char *)rest->data, 3) != 0) continue;
    *rest = bytes_of(rest->data + 3, rest->size - 3);
    return range->least + i;
  }
}

static bool element_has(struct bytes rest, const struct range *range, uint32_t value)
{
  uint32_t from = range->least, to = range->most, step = 1;
  uint32_t count = range->most - range->least + 1;
  if (rest.data[0] == '*') {
    rest = bytes_of(rest.data + 1, rest.size - 1);
  } else {
    from = value_of(&rest, range);
    if (rest.size == 0) return value == from;
    if (rest.data[0] == '-') {
      rest = bytes_of(rest.data + 1, rest.size - 1);
      to = value_of(&rest, range);
    }
  }
  if (rest.size > 0) {
    CHECK(rest.data[0] == '/');
    rest = bytes_of(rest.data + 1, rest.size - 1);
    step = value_of(&rest, range);
  }
  uint32_t offset = (value + count - from) % count;
  uint32_t span = (to + count - from) % count;
  return offset <= span && offset % step == 0;
}

static bool list_has(struct bytes text, const struct range *range, uint32_t value)
{
  for (;;) {
    size_t comma = bytes_find(text, BYTES(","));
    size_t size = comma == SIZE_MAX ? text.size : comma;
    if (element_has(bytes_of(text.data, size), range, value)) return true;
    if (comma == SIZE_MAX) return false;
    text = bytes_of(text.data + comma + 1, text.size - comma - 1);
  }
}

static uint32_t day_of(int64_t day)
{
  return (uint32_t)instant_split(day * DAY_MS).day;
}

/* 1: Sunday. */
static uint32_t weekday(int64_t day)
{
  return (uint32_t)((day % 7 + 11) % 7) + 1;
}

static bool is_last(int64_t day)
{
  return day_of(day + 1) == 1;
}

static bool is_work(int64_t day)
{
  return weekday(day) >= 2 && weekday(day) <= 6;
}

static bool same_month(int64_t day, int64_t other)
{
  struct instant_fields first = instant_split(day * DAY_MS), second = instant_split(other * DAY_MS);
  return first.year == second.year && first.month == second.month;
}

/* Whether a day is the working day of its month that is nearest to another one of it. */
static bool is_nearest(int64_t day, int64_t to)
{
  static const int64_t distances[] = {0, -1, 1, -2, 2};
  if (!same_month(day, to)) return false;
  for (size_t i = 0; i < 5; i++)
    if (is_work(to + distances[i]) && same_month(to, to + distances[i]))
      return day == to + distances[i];
  return false;
}

static bool month_day_matches(struct bytes text, int64_t day)
{
  uint8_t last = text.data[text.size - 1];
  if (bytes_equal(text, BYTES("L"))) return is_last(day);
  if (bytes_equal(text, BYTES("LW"))) {
    int64_t to = day;
    while (!is_last(to)) to++;
    return is_nearest(day, to);
  }
  if (last == 'W')
    return is_nearest(day, day - day_of(day) + strtol((const char *)text.data, NULL, 10));
  return list_has(text, &RANGES[2], day_of(day));
}

static bool weekday_matches(struct bytes text, int64_t day)
{
  struct bytes rest = text;
  if (bytes_equal(text, BYTES("L"))) return weekday(day) == 7;
  if (text.data[text.size - 1] == 'L' || bytes_find(text, BYTES("#")) != SIZE_MAX) {
    if (value_of(&rest, &RANGES[4]) != weekday(day)) return false;
    if (rest.data[0] == 'L') return !same_month(day, day + 7);
    return (day_of(day) - 1) / 7 + 1 == (uint32_t)strtol((const char *)rest.data + 1, NULL, 10);
  }
  return list_has(text, &RANGES[4], weekday(day));
}

static bool day_matches(const struct bytes fields[FIELDS], int64_t day)
{
  struct instant_fields date = instant_split(day * DAY_MS);
  if (!list_has(fields[3], &RANGES[3], (uint32_t)date.month)) return false;
  if (date.year < 1970 || date.year > 2199 || !list_has(fields[5], &RANGES[5], (uint32_t)date.year))
    return false;
  if (bytes_equal(fields[2], BYTES("?"))) return weekday_matches(fields[4], day);
  return month_day_matches(fields[2], day);
}

static bool minute_matches(const struct bytes fields[FIELDS], int64_t time_ms)
{
  struct instant_fields time = instant_split(time_ms);
  return list_has(fields[0], &RANGES[0], (uint32_t)time.minute) &&
         list_has(fields[1], &RANGES[1], (uint32_t)time.hour) &&
         day_matches(fields, time_ms / DAY_MS);
}

static void split(struct bytes text, struct bytes fields[FIELDS])
{
  size_t i = 0;
  for (size_t count = 0; count < FIELDS; count++) {
    while (text.data[i] == ' ' || text.data[i] == '\t') i++;
    size_t start = i;
    while (i < text.size && text.data[i] != ' ' && text.data[i] != '\t') i++;
    fields[count] = bytes_of(text.data + start, i - start);
  }
}

static void check_cron(struct bytes text, const struct cron *cron, int64_t after_ms)
{
  struct bytes fields[FIELDS];
  split(text, fields);
  int64_t next_ms = cron_next(cron, after_ms);
  CHECK_THAT(next_ms, >, after_ms);
  if (next_ms != INT64_MAX) CHECK(next_ms % MINUTE_MS == 0 && minute_matches(fields, next_ms));
  int64_t first_day = after_ms / DAY_MS, last_day = next_ms / DAY_MS;
  for (int64_t time_ms = (after_ms / MINUTE_MS + 1) * MINUTE_MS;
       time_ms < next_ms && time_ms < (first_day + 1) * DAY_MS; time_ms += MINUTE_MS)
    CHECK(!minute_matches(fields, time_ms));
  for (int64_t day = first_day + 1; day < last_day && day < first_day + DAYS_LOOKED_AT; day++)
    CHECK(!day_matches(fields, day));
  if (next_ms == INT64_MAX || last_day == first_day) return;
  for (int64_t time_ms = last_day * DAY_MS; time_ms < next_ms; time_ms += MINUTE_MS)
    CHECK(!minute_matches(fields, time_ms));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct schedule schedule;
  struct error error;
  uint32_t minutes;
  char text[SCHEDULE_BYTES_MAX + 2];
  if (size < 4 || size > SCHEDULE_BYTES_MAX) return 0;
  memcpy(&minutes, data, 4);
  int64_t after_ms = (int64_t)(minutes % (230U * 366 * 1440)) * MINUTE_MS + minutes % 60000;
  memcpy(text, data + 4, size - 4);
  text[size - 4] = 0;
  struct bytes whole = bytes_of(text, size - 4);
  if (schedule_parse(whole, &schedule, &error)) {
    int64_t next_ms = schedule_next(&schedule, after_ms / 2, after_ms);
    CHECK_THAT(next_ms, >, after_ms);
    if (schedule.kind == SCHEDULE_RATE && next_ms != INT64_MAX)
      CHECK((next_ms - after_ms / 2) % schedule.rate_ms == 0 &&
            next_ms - after_ms <= schedule.rate_ms);
  } else {
    CHECK(error.code == ERROR_INVALID);
  }
  if (cron_parse(whole, &schedule.cron, &error)) check_cron(whole, &schedule.cron, after_ms);
  return 0;
}
