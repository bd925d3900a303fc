/*
 * Schedule expressions: when a rule is due, in the language of Amazon EventBridge, in UTC.
 *
 *   rate(5 minutes)               every so often, from the moment the rule was given it
 *   cron(0 18 ? * MON-FRI *)      minutes hours day-of-month month day-of-week year
 *   at(2026-11-20T13:00:00)       once
 *
 * Fields of cron: values, names (JAN-DEC, SUN-SAT; SUN is 1), lists "a,b", ranges "a-b" (that wrap
 * around, but for years), steps "a/n", "a-b/n", "*" and
 *
 *   day of month    ?   L: the last   LW: the last weekday   15W: the weekday nearest to the 15th
 *                   in the month (a month without that day has none)
 *   day of week     ?   L: Saturday   6L: the month's last Friday   6#3: its third
 *
 * One of the two fields of days is "?", and only one. L, W and # stand alone in their field.
 * Source: EventBridge user guide, "Setting a schedule pattern for scheduled rules".
 *
 * Pure functions; any thread.
 */
#ifndef TACOS_BUS_SCHEDULE_H
#define TACOS_BUS_SCHEDULE_H

#include "base/bytes.h"
#include "base/error.h"

enum {
  SCHEDULE_YEAR_MIN = 1970,
  SCHEDULE_YEAR_MAX = 2199,
  SCHEDULE_YEAR_WORDS = (SCHEDULE_YEAR_MAX - SCHEDULE_YEAR_MIN) / 64 + 1,
  SCHEDULE_BYTES_MAX = 256, /* ScheduleExpression's length limit */
};

enum schedule_kind { SCHEDULE_RATE, SCHEDULE_CRON, SCHEDULE_AT };

/* Which days of a month. */
enum cron_days {
  CRON_OF_MONTH,     /* cron.days: bits 1 to 31 */
  CRON_LAST,         /* L */
  CRON_LAST_WEEKDAY, /* LW */
  CRON_NEAREST,      /* nW: the weekday nearest to cron.nth */
  CRON_OF_WEEK,      /* cron.days: bits 1 (Sunday) to 7 */
  CRON_LAST_OF_WEEK, /* nL: cron.days has one bit */
  CRON_NTH_OF_WEEK,  /* n#k: the same, cron.nth is k */
};

/* Bits are values: bit 0 of minutes is minute 0, bit 1 of months January. */
struct cron {
  uint64_t minutes;
  uint32_t hours;
  uint32_t months;
  uint32_t days;
  uint32_t nth;
  enum cron_days kind;
  uint64_t years[SCHEDULE_YEAR_WORDS]; /* bit 0: SCHEDULE_YEAR_MIN */
};

struct schedule {
  enum schedule_kind kind;
  int64_t rate_ms;
  int64_t at_ms;
  struct cron cron;
};

/* ERROR_INVALID says which field. */
bool schedule_parse(struct bytes text, struct schedule *schedule, struct error *error);

/*
 * The first time after after_ms that a schedule which began at since_ms is due; INT64_MAX: there is
 * none.
 */
int64_t schedule_next(const struct schedule *schedule, int64_t since_ms, int64_t after_ms);

/* ---- cron.c ---- */

/* The six fields between cron's parentheses. */
bool cron_parse(struct bytes fields, struct cron *cron, struct error *error);
int64_t cron_next(const struct cron *cron, int64_t after_ms);

#endif
