#include "load/threshold.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

enum unit { UNIT_TIME, UNIT_NUMBER, UNIT_PERCENT };

static const struct metric_row {
  const char *name;
  enum threshold_metric metric;
  enum unit unit;
} METRICS[] = {
    {"mean", METRIC_MEAN, UNIT_TIME},
    {"min", METRIC_MIN, UNIT_TIME},
    {"errors", METRIC_ERRORS, UNIT_NUMBER},
    {"requests", METRIC_REQUESTS, UNIT_NUMBER},
    {"refused", METRIC_REFUSED, UNIT_NUMBER},
    {"succeeded", METRIC_SUCCEEDED, UNIT_NUMBER},
    {"error_rate", METRIC_ERROR_RATE, UNIT_PERCENT},
    {"checks", METRIC_CHECKS, UNIT_PERCENT},
    {"rate", METRIC_RATE, UNIT_NUMBER},
};

static enum unit unit_of(enum threshold_metric metric)
{
  for (size_t i = 0; i < COUNT(METRICS); i++)
    if (METRICS[i].metric == metric) return METRICS[i].unit;
  return UNIT_TIME;
}

static bool refuse(const char *text, const char *what, struct error *error)
{
  return error_set(error, ERROR_INVALID,
                   "'%s' is no condition: %s. Write it like 'p99>10ms', 'errors>0' or "
                   "'reserve.p95>20ms'",
                   text, what);
}

/* "p99.9", "max", "errors" */
static bool read_metric(struct bytes name, struct threshold *threshold)
{
  struct bytes service = BYTES("service_");
  threshold->service = bytes_starts_with(name, service);
  if (threshold->service) name = bytes_of(name.data + service.size, name.size - service.size);
  threshold->metric = METRIC_PERCENTILE;
  threshold->percent = 100;
  if (bytes_equal(name, BYTES("max"))) return true;
  char text[16];
  if (name.size > 1 && name.size < sizeof text && name.data[0] == 'p' && name.data[1] >= '0' &&
      name.data[1] <= '9') {
    memcpy(text, name.data + 1, name.size - 1);
    text[name.size - 1] = 0;
    char *end;
    threshold->percent = strtod(text, &end);
    return *end == 0 && threshold->percent <= 100;
  }
  for (size_t i = 0; i < COUNT(METRICS); i++) {
    if (!bytes_equal(name, bytes_of_text(METRICS[i].name))) continue;
    threshold->metric = METRICS[i].metric;
    return !threshold->service || METRICS[i].unit == UNIT_TIME;
  }
  return false;
}

static bool read_bound(const char *at, struct threshold *threshold)
{
  static const struct {
    const char *name;
    double ns;
  } units[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}};
  char *end;
  while (*at == ' ') at++;
  if ((*at < '0' || *at > '9') && *at != '.') return false;
  threshold->bound = strtod(at, &end);
  while (*end == ' ') end++;
  enum unit unit = unit_of(threshold->metric);
  if (unit == UNIT_PERCENT) return *end == 0 || strcmp(end, "%") == 0;
  if (unit == UNIT_NUMBER) return *end == 0;
  for (size_t i = 0; i < COUNT(units); i++) {
    if (strcmp(end, units[i].name) != 0) continue;
    threshold->bound *= units[i].ns;
    return true;
  }
  return false;
}

/* The step that the condition is of, and the rest behind its dot. */
static struct bytes take_step(struct bytes left, const struct load_file *file,
                              struct threshold *threshold)
{
  threshold->step = -1;
  for (uint32_t i = 0; i < file->step_count; i++) {
    struct bytes name = file->steps[i].name;
    if (left.size <= name.size + 1 || !bytes_starts_with(left, name)) continue;
    if (left.data[name.size] != '.') continue;
    threshold->step = (int)i;
    return bytes_of(left.data + name.size + 1, left.size - name.size - 1);
  }
  return left;
}

bool threshold_parse(const char *text, const struct load_file *file, struct threshold *threshold,
                     struct error *error)
{
  static const struct {
    const char *sign;
    enum threshold_operator operator;
  } operators[] = {
      {">=", MORE_OR_SAME}, {"<=", LESS_OR_SAME}, {"==", SAME}, {">", MORE}, {"<", LESS}};
  *threshold = (struct threshold){.text = text};
  size_t at = strcspn(text, "<>=");
  size_t i = 0;
  while (i < COUNT(operators) &&
         strncmp(text + at, operators[i].sign, strlen(operators[i].sign)) != 0)
    i++;
  if (i == COUNT(operators)) return refuse(text, "it has none of > >= < <= ==", error);
  threshold->operator= operators[i].operator;
  struct bytes left = bytes_of(text, at);
  while (left.size > 0 && left.data[left.size - 1] == ' ') left.size--;
  left = take_step(left, file, threshold);
  if (!read_metric(left, threshold)) return refuse(text, "there is no such step or figure", error);
  if (!read_bound(text + at + strlen(operators[i].sign), threshold))
    return refuse(text, "the number or its unit is wrong (times have us, ms or s)", error);
  return true;
}

static double percent_of(uint64_t part, uint64_t whole)
{
  return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

struct sums {
  uint64_t requests, succeeded, failed, refused, passed, checks;
};

static struct sums sums_of(const struct threshold *threshold, const struct load_stats *stats)
{
  struct sums sums = {0};
  CHECK(stats->steps != NULL);
  for (uint32_t i = 0; i < stats->step_count; i++) {
    const struct step_stats *step = &stats->steps[i];
    if (threshold->step >= 0 && (uint32_t)threshold->step != i) continue;
    sums.requests += step->requests;
    sums.succeeded += step->succeeded;
    sums.failed += step->failed;
    sums.refused += step->refused;
    sums.passed += step->checks_passed;
    sums.checks += step->checks_passed + step->checks_failed;
  }
  return sums;
}

double threshold_value(const struct threshold *threshold, const struct load_stats *stats)
{
  const struct step_stats *step = threshold->step < 0 ? NULL : &stats->steps[threshold->step];
  const struct histogram *times = threshold->service ? &stats->service : &stats->latency;
  if (step != NULL) times = threshold->service ? &step->service : &step->latency;
  struct sums sums = sums_of(threshold, stats);
  switch (threshold->metric) {
  case METRIC_PERCENTILE:
    return (double)histogram_percentile(times, threshold->percent);
  case METRIC_MEAN:
    return histogram_mean(times);
  case METRIC_MIN:
    return (double)histogram_min(times);
  case METRIC_ERRORS:
    return (double)sums.failed;
  case METRIC_REQUESTS:
    return (double)sums.requests;
  case METRIC_REFUSED:
    return (double)sums.refused;
  case METRIC_SUCCEEDED:
    return (double)sums.succeeded;
  case METRIC_ERROR_RATE:
    return percent_of(sums.failed, sums.requests);
  case METRIC_CHECKS:
    return sums.checks == 0 ? 100 : percent_of(sums.passed, sums.checks);
  case METRIC_RATE:
    if (step == NULL)
      return stats->seconds <= 0 ? 0 : (double)stats->scheduled_requests / stats->seconds;
    return stats->total_s <= 0 ? 0 : (double)sums.requests / stats->total_s;
  }
  check_failed(__FILE__, __LINE__, __func__, "a metric has a value");
}

bool threshold_is_met(const struct threshold *threshold, const struct load_stats *stats)
{
  double value = threshold_value(threshold, stats);
  switch (threshold->operator) {
  case MORE:
    return value > threshold->bound;
  case MORE_OR_SAME:
    return value >= threshold->bound;
  case LESS:
    return value < threshold->bound;
  case LESS_OR_SAME:
    return value <= threshold->bound;
  case SAME:
    return value == threshold->bound;
  }
  return false;
}

const char *threshold_format(const struct threshold *threshold, double value, char text[32])
{
  enum unit unit = unit_of(threshold->metric);
  if (unit == UNIT_NUMBER)
    snprintf(text, 32, "%.0f", value);
  else if (unit == UNIT_PERCENT)
    snprintf(text, 32, "%.3f %%", value);
  else
    snprintf(text, 32, "%.3f ms", value / 1e6);
  return text;
}
