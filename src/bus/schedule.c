#include "bus/schedule.h"

#include "base/instant.h"

#include <stdio.h>

enum {
  MINUTE_MS = 60000,
  RATE_VALUE_MAX = 10000000, /* of any unit: 27,000 years of days */
  AT_BYTES = 19,             /* 2026-11-20T13:00:00 */
};

static const struct {
  const char *singular;
  const char *plural;
  int64_t ms;
} UNITS[] = {
    {"minute", "minutes", MINUTE_MS},
    {"hour", "hours", 60 * (int64_t)MINUTE_MS},
    {"day", "days", (int64_t)24 * 60 * MINUTE_MS},
};

/* What stands between "name(" and ")". */
static bool inside(struct bytes text, struct bytes name, struct bytes *content)
{
  if (!bytes_starts_with(text, name) || text.data[text.size - 1] != ')') return false;
  *content = bytes_of(text.data + name.size, text.size - name.size - 1);
  return true;
}

static bool parse_rate(struct bytes text, struct schedule *schedule, struct error *error)
{
  int64_t value = 0;
  size_t digits = 0;
  while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
    if (value < RATE_VALUE_MAX) value = 10 * value + (text.data[digits] - '0');
    digits++;
  }
  size_t space = digits;
  while (space < text.size && text.data[space] == ' ') space++;
  if (digits == 0 || space == digits || value == 0 || value > RATE_VALUE_MAX)
    return error_set(error, ERROR_INVALID,
                     "rate(...) has a number from 1 to %d and a unit: rate(5 minutes)",
                     RATE_VALUE_MAX);
  struct bytes unit = bytes_of(text.data + space, text.size - space);
  for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
    const char *name = value == 1 ? UNITS[i].singular : UNITS[i].plural;
    if (!bytes_equal(unit, bytes_of_text(name))) continue;
    schedule->kind = SCHEDULE_RATE;
    schedule->rate_ms = value * UNITS[i].ms;
    return true;
  }
  return error_set(error, ERROR_INVALID, "the unit of rate(...) is %s",
                   value == 1 ? "minute, hour or day" : "minutes, hours or days");
}

static bool parse_at(struct bytes text, struct schedule *schedule, struct error *error)
{
  char zoned[AT_BYTES + 1];
  if (text.size != AT_BYTES)
    return error_set(error, ERROR_INVALID, "at(...) has a time like 2026-11-20T13:00:00");
  memcpy(zoned, text.data, AT_BYTES);
  zoned[AT_BYTES] = 'Z';
  schedule->kind = SCHEDULE_AT;
  return instant_parse(bytes_of(zoned, sizeof zoned), &schedule->at_ms, error);
}

bool schedule_parse(struct bytes text, struct schedule *schedule, struct error *error)
{
  struct bytes content;
  *schedule = (struct schedule){0};
  if (text.size > SCHEDULE_BYTES_MAX)
    return error_set(error, ERROR_INVALID, "a schedule has at most %d bytes", SCHEDULE_BYTES_MAX);
  if (inside(text, BYTES("rate("), &content)) return parse_rate(content, schedule, error);
  if (inside(text, BYTES("at("), &content)) return parse_at(content, schedule, error);
  schedule->kind = SCHEDULE_CRON;
  if (inside(text, BYTES("cron("), &content)) return cron_parse(content, &schedule->cron, error);
  return error_set(error, ERROR_INVALID,
                   "a schedule is rate(5 minutes), cron(0 12 * * ? *) or at(2026-11-20T13:00:00)");
}

/* since_ms + k * rate_ms for the least k >= 1 that is after after_ms. */
static int64_t next_of_rate(const struct schedule *schedule, int64_t since_ms, int64_t after_ms)
{
  int64_t passed = after_ms < since_ms ? 0 : (after_ms - since_ms) / schedule->rate_ms;
  int64_t next_ms = since_ms + (passed + 1) * schedule->rate_ms;
  return next_ms <= INSTANT_MAX_MS ? next_ms : INT64_MAX;
}

int64_t schedule_next(const struct schedule *schedule, int64_t since_ms, int64_t after_ms)
{
  switch (schedule->kind) {
  case SCHEDULE_RATE:
    return next_of_rate(schedule, since_ms, after_ms);
  case SCHEDULE_AT:
    return schedule->at_ms > after_ms ? schedule->at_ms : INT64_MAX;
  case SCHEDULE_CRON:
    break;
  }
  return cron_next(&schedule->cron, after_ms);
}
