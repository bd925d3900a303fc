#include "base/instant.h"
#include "bus/schedule.h"

enum { MINUTE_MS = 60000, DAY_MINUTES = 1440, FIELDS = 6, SUNDAY = 1, SATURDAY = 7 };

/* What a field may have. */
struct field {
  const char *name;
  uint32_t least, most;
  const char *names; /* three letters each, in order of values; NULL: none */
  bool wraps;        /* ranges may go from high to low */
};

static const struct field MINUTES = {"minutes", 0, 59, NULL, true};
static const struct field HOURS = {"hours", 0, 23, NULL, true};
static const struct field DAYS = {"day-of-month", 1, 31, NULL, true};
static const struct field MONTHS = {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", true};
static const struct field WEEKDAYS = {"day-of-week", 1, 7, "SUNMONTUEWEDTHUFRISAT", true};
static const struct field YEARS = {"year", SCHEDULE_YEAR_MIN, SCHEDULE_YEAR_MAX, NULL, false};

/* Bits of values from `least` on; the first word does for all but years. */
struct value_set {
  uint64_t words[SCHEDULE_YEAR_WORDS];
};

static void set_add(struct value_set *set, uint32_t bit)
{
  set->words[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool refuse(const struct field *field, struct bytes text, struct error *error)
{
  return error_set(error, ERROR_INVALID, "cron: \"%.*s\" is no %s; values are %u to %u",
                   BYTES_FORMAT(text), field->name, field->least, field->most);
}

/* ---- parsing ---- */

static uint8_t upper(uint8_t letter)
{
  return letter >= 'a' && letter <= 'z' ? (uint8_t)(letter - 32) : letter;
}

/* A number or a name at the start of *rest; false when there is none in the field's range. */
static bool take_value(const struct field *field, struct bytes *rest, uint32_t *value)
{
  uint32_t number = 0;
  size_t size = 0;
  while (size < rest->size && size < 4 && rest->data[size] >= '0' && rest->data[size] <= '9')
    number = 10 * number + (uint32_t)(rest->data[size++] - '0');
  if (size == 0 && field->names != NULL && rest->size >= 3) {
    for (uint32_t i = 0; field->names[3 * (size_t)i] != 0 && size == 0; i++) {
      const char *name = field->names + 3 * (size_t)i;
      if (upper(rest->data[0]) != (uint8_t)name[0] || upper(rest->data[1]) != (uint8_t)name[1] ||
          upper(rest->data[2]) != (uint8_t)name[2])
        continue;
      number = field->least + i;
      size = 3;
    }
  }
  if (size == 0 || number < field->least || number > field->most) return false;
  *rest = bytes_of(rest->data + size, rest->size - size);
  *value = number;
  return true;
}

static bool take_byte(struct bytes *rest, uint8_t byte)
{
  if (rest->size == 0 || rest->data[0] != byte) return false;
  *rest = bytes_of(rest->data + 1, rest->size - 1);
  return true;
}

/* "/n" at the start of *rest, or a step of 1 when there is none. */
static bool take_step(const struct field *field, struct bytes *rest, uint32_t *step)
{
  const struct field steps = {field->name, 1, field->most, NULL, false};
  *step = 1;
  return !take_byte(rest, '/') || take_value(&steps, rest, step);
}

/* One element of a list: "*", "a", "a-b", "a/n", "a-b/n", "*" "/n". */
static bool parse_element(const struct field *field, struct bytes text, struct value_set *set)
{
  struct bytes rest = text;
  uint32_t from = field->least, to = field->most, step;
  bool is_range = take_byte(&rest, '*');
  if (!is_range) {
    if (!take_value(field, &rest, &from)) return false;
    is_range = take_byte(&rest, '-');
    if (is_range && !take_value(field, &rest, &to)) return false;
  }
  bool has_step = rest.size > 0;
  if (!take_step(field, &rest, &step) || rest.size > 0) return false;
  if (!is_range && !has_step) to = from;
  if (to < from && !field->wraps) return false;
  uint32_t range = field->most - field->least + 1;
  uint32_t span = (to + range - from) % range; /* steps from the first value to the last */
  for (uint32_t i = 0; i <= span; i += step) set_add(set, (from - field->least + i) % range);
  return true;
}

static bool parse_list(const struct field *field, struct bytes text, struct value_set *set,
                       struct error *error)
{
  struct bytes rest = text;
  *set = (struct value_set){0};
  for (;;) {
    size_t comma = bytes_find(rest, BYTES(","));
    size_t size = comma == SIZE_MAX ? rest.size : comma;
    if (!parse_element(field, bytes_of(rest.data, size), set)) return refuse(field, text, error);
    if (comma == SIZE_MAX) return true;
    rest = bytes_of(rest.data + size + 1, rest.size - size - 1);
  }
}

static bool parse_days(struct bytes text, struct cron *cron, struct error *error)
{
  struct bytes rest = text;
  if (bytes_equal(text, BYTES("L"))) {
    cron->kind = CRON_LAST;
  } else if (bytes_equal(text, BYTES("LW"))) {
    cron->kind = CRON_LAST_WEEKDAY;
  } else if (take_value(&DAYS, &rest, &cron->nth) && bytes_equal(rest, BYTES("W"))) {
    cron->kind = CRON_NEAREST;
  } else {
    struct value_set set;
    if (!parse_list(&DAYS, text, &set, error)) return false;
    cron->kind = CRON_OF_MONTH;
    cron->days = (uint32_t)set.words[0] << 1;
  }
  return true;
}

static bool parse_weekdays(struct bytes text, struct cron *cron, struct error *error)
{
  struct bytes rest = text;
  uint32_t day;
  const struct field which = {"day-of-week", 1, 5, NULL, false};
  if (bytes_equal(text, BYTES("L"))) {
    cron->kind = CRON_OF_WEEK;
    cron->days = 1U << SATURDAY;
    return true;
  }
  if (take_value(&WEEKDAYS, &rest, &day)) {
    cron->days = 1U << day;
    if (bytes_equal(rest, BYTES("L"))) {
      cron->kind = CRON_LAST_OF_WEEK;
      return true;
    }
    if (take_byte(&rest, '#')) {
      cron->kind = CRON_NTH_OF_WEEK;
      return (take_value(&which, &rest, &cron->nth) && rest.size == 0) ||
             error_set(error, ERROR_INVALID,
                       "cron: \"%.*s\" is no day-of-week; # is followed by 1 to 5 and stands alone",
                       BYTES_FORMAT(text));
    }
  }
  struct value_set set;
  if (!parse_list(&WEEKDAYS, text, &set, error)) return false;
  cron->kind = CRON_OF_WEEK;
  cron->days = (uint32_t)set.words[0] << 1;
  return true;
}

/* Splits at white space; false unless there are six. */
static bool split(struct bytes text, struct bytes fields[FIELDS])
{
  size_t count = 0;
  size_t i = 0;
  while (i < text.size) {
    size_t start = i;
    while (i < text.size && text.data[i] != ' ' && text.data[i] != '\t') i++;
    if (i > start) {
      if (count == FIELDS) return false;
      fields[count++] = bytes_of(text.data + start, i - start);
    }
    if (i < text.size) i++;
  }
  return count == FIELDS;
}

bool cron_parse(struct bytes text, struct cron *cron, struct error *error)
{
  struct bytes fields[FIELDS];
  struct value_set set;
  *cron = (struct cron){0};
  if (!split(text, fields))
    return error_set(error, ERROR_INVALID,
                     "cron(...) has six fields: minutes hours day-of-month month day-of-week year");
  bool any_day = bytes_equal(fields[2], BYTES("?"));
  if (any_day == bytes_equal(fields[4], BYTES("?")))
    return error_set(error, ERROR_INVALID,
                     "cron: one of day-of-month and day-of-week, and only one, is \"?\"");
  if (!parse_list(&MINUTES, fields[0], &set, error)) return false;
  cron->minutes = set.words[0];
  if (!parse_list(&HOURS, fields[1], &set, error)) return false;
  cron->hours = (uint32_t)set.words[0];
  if (!(any_day ? parse_weekdays(fields[4], cron, error) : parse_days(fields[2], cron, error)))
    return false;
  if (!parse_list(&MONTHS, fields[3], &set, error)) return false;
  cron->months = (uint32_t)set.words[0] << 1;
  if (!parse_list(&YEARS, fields[5], &set, error)) return false;
  memcpy(cron->years, set.words, sizeof cron->years);
  return true;
}

/* ---- the calendar ---- */

static bool is_leap(uint32_t year)
{
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

/* Days from 1970-01-01 to the first of a month. */
static int64_t days_before(uint32_t year, uint32_t month)
{
  uint32_t past = year - 1;
  int64_t days = (int64_t)past * 365 + past / 4 - past / 100 + past / 400 - 719162;
  for (uint32_t i = 1; i < month; i++) days += month_days(year, i);
  return days;
}

/* 1 (Sunday) to 7 of the first of a month; 1970-01-01 was a Thursday. */
static uint32_t first_weekday(uint32_t year, uint32_t month)
{
  return (uint32_t)((days_before(year, month) + 4) % 7) + 1;
}

static uint32_t weekday_of(uint32_t first, uint32_t day)
{
  return (first + day - 2) % 7 + 1;
}

/* The Monday to Friday of the month that is nearest to a day of it. */
static uint32_t nearest_weekday(uint32_t first, uint32_t day, uint32_t last)
{
  uint32_t weekday = weekday_of(first, day);
  if (weekday == SATURDAY) return day == 1 ? 3 : day - 1;
  if (weekday == SUNDAY) return day == last ? day - 2 : day + 1;
  return day;
}

/* The days of a month, bits 1 to 31. */
static uint32_t days_of(const struct cron *cron, uint32_t year, uint32_t month)
{
  uint32_t last = month_days(year, month);
  uint32_t first = first_weekday(year, month);
  uint32_t days = 0;
  switch (cron->kind) {
  case CRON_OF_MONTH:
    return cron->days & (uint32_t)((UINT64_C(2) << last) - 1);
  case CRON_LAST:
    return 1U << last;
  case CRON_LAST_WEEKDAY:
    return 1U << nearest_weekday(first, last, last);
  case CRON_NEAREST:
    return cron->nth > last ? 0 : 1U << nearest_weekday(first, cron->nth, last);
  case CRON_OF_WEEK:
  case CRON_LAST_OF_WEEK:
  case CRON_NTH_OF_WEEK:
    break;
  }
  for (uint32_t day = 1, nth = 1; day <= last; day++) {
    if ((cron->days >> weekday_of(first, day) & 1) == 0) continue;
    if (cron->kind == CRON_LAST_OF_WEEK) days = 1U << day;
    if (cron->kind == CRON_OF_WEEK || (cron->kind == CRON_NTH_OF_WEEK && nth == cron->nth))
      days |= 1U << day;
    nth++;
  }
  return days;
}

/* The lowest bit from `from` on, or 64. */
static uint32_t next_bit(uint64_t bits, uint32_t from)
{
  if (from > 63) return 64;
  bits &= UINT64_MAX << from;
  return bits == 0 ? 64 : (uint32_t)__builtin_ctzll(bits);
}

/* The first minute of a day, from a minute of it on; DAY_MINUTES: none. */
static uint32_t next_minute(const struct cron *cron, uint32_t from)
{
  for (uint32_t hour = next_bit(cron->hours, from / 60); hour < 24;
       hour = next_bit(cron->hours, hour + 1)) {
    uint32_t minute = next_bit(cron->minutes, hour == from / 60 ? from % 60 : 0);
    if (minute < 60) return hour * 60 + minute;
  }
  return DAY_MINUTES;
}

/* From a moment of a month on: in minutes since 1970, or -1 when the month has none. */
static int64_t next_in_month(const struct cron *cron, uint32_t year, uint32_t month,
                             uint32_t from_day, uint32_t from_minute)
{
  uint32_t days = days_of(cron, year, month);
  for (uint32_t day = next_bit(days, from_day); day < 64; day = next_bit(days, day + 1)) {
    uint32_t minute = next_minute(cron, day == from_day ? from_minute : 0);
    if (minute < DAY_MINUTES) return (days_before(year, month) + day - 1) * DAY_MINUTES + minute;
  }
  return -1;
}

int64_t cron_next(const struct cron *cron, int64_t after_ms)
{
  if (after_ms < -1) after_ms = -1;
  if (after_ms >= INSTANT_MAX_MS - MINUTE_MS) return INT64_MAX;
  int64_t start_ms = after_ms < 0 ? 0 : (after_ms / MINUTE_MS + 1) * MINUTE_MS;
  struct instant_fields start = instant_split(start_ms);
  uint32_t day = (uint32_t)start.day;
  uint32_t minute = (uint32_t)(start.hour * 60 + start.minute);
  uint32_t month = (uint32_t)start.month;
  for (uint32_t year = (uint32_t)start.year; year <= SCHEDULE_YEAR_MAX; year++) {
    uint32_t bit = year - SCHEDULE_YEAR_MIN;
    bool wanted = (cron->years[bit / 64] >> bit % 64 & 1) != 0;
    for (; wanted && month <= 12; month++) {
      int64_t next = -1;
      if ((cron->months >> month & 1) != 0) next = next_in_month(cron, year, month, day, minute);
      if (next >= 0) return next * MINUTE_MS;
      day = 1;
      minute = 0;
    }
    month = 1;
    day = 1;
    minute = 0;
  }
  return INT64_MAX;
}
