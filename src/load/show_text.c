#include "load/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COLUMN_BYTES = 32, NAME_COLUMNS = 12 };

const char *show_count(uint64_t number, char text[32])
{
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%" PRIu64, number);
  char *at = text;
  for (int i = 0; i < size; i++) {
    if (i > 0 && (size - i) % 3 == 0) *at++ = ',';
    *at++ = digits[i];
  }
  *at = 0;
  return text;
}

const char *show_time(uint64_t ns, char text[32])
{
  double value = (double)ns;
  if (value < 1e3)
    snprintf(text, 32, "%.0f ns", value);
  else if (value < 1e6)
    snprintf(text, 32, value < 1e4 ? "%.2f us" : "%.0f us", value / 1e3);
  else if (value < 1e9)
    snprintf(text, 32, value < 1e7 ? "%.2f ms" : value < 1e8 ? "%.1f ms" : "%.0f ms", value / 1e6);
  else
    snprintf(text, 32, "%.2f s", value / 1e9);
  return text;
}

static double percent(uint64_t part, uint64_t whole)
{
  return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static void row_of_times(struct buffer *to, const char *name, const struct histogram *times)
{
  static const double percents[] = {50, 90, 95, 99, 99.9};
  char text[COLUMN_BYTES];
  buffer_append_format(to, "  %-*s %10s", NAME_COLUMNS, name,
                       show_time((uint64_t)histogram_mean(times), text));
  for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++)
    buffer_append_format(to, " %10s", show_time(histogram_percentile(times, percents[i]), text));
  buffer_append_format(to, " %10s\n", show_time(histogram_max(times), text));
}

static void row_of_step(struct buffer *to, const struct load_step *step,
                        const struct step_stats *stats)
{
  char requests[COLUMN_BYTES], ok[COLUMN_BYTES], refused[COLUMN_BYTES], failed[COLUMN_BYTES];
  char p50[COLUMN_BYTES], p99[COLUMN_BYTES], most[COLUMN_BYTES];
  buffer_append_format(to, "  %-*.*s %12s %12s %10s %8s %10s %10s %10s\n", NAME_COLUMNS,
                       (int)step->name.size, (const char *)step->name.data,
                       show_count(stats->requests, requests), show_count(stats->succeeded, ok),
                       show_count(stats->refused, refused), show_count(stats->failed, failed),
                       show_time(histogram_percentile(&stats->latency, 50), p50),
                       show_time(histogram_percentile(&stats->latency, 99), p99),
                       show_time(histogram_max(&stats->latency), most));
}

static void table_of_steps(const struct show *show, struct buffer *to)
{
  const struct load_file *file = show->options->file;
  buffer_append_format(to, "\n  %-*s %12s %12s %10s %8s %10s %10s %10s\n", NAME_COLUMNS, "step",
                       "requests", "expected", "refused", "failed", "p50", "p99", "max");
  for (uint32_t i = 0; i < file->step_count; i++)
    row_of_step(to, &file->steps[i], &show->load->stats.steps[i]);
}

static void list_statuses(const struct load_stats *stats, struct buffer *to)
{
  char text[COLUMN_BYTES];
  buffer_append_format(to, "\n  %-*s", NAME_COLUMNS, "replies");
  for (uint32_t i = 0; i < STATS_STATUS_MAX; i++)
    if (stats->statuses[i] > 0)
      buffer_append_format(to, i == 0 ? "  none%.0u: %s" : "  %u: %s", i,
                           show_count(stats->statuses[i], text));
  buffer_append_byte(to, '\n');
}

static void list_people(const struct load_stats *stats, struct buffer *to)
{
  char texts[END_COUNT + 1][COLUMN_BYTES];
  for (int i = 0; i < END_COUNT; i++) show_count(stats->ends[i], texts[i]);
  buffer_append_format(to,
                       "  %-*s  %s began; %s went all the way, %s were refused, %s gave up, %s met "
                       "an error, %s were\n  %-*s  under way at the end\n",
                       NAME_COLUMNS, "people", show_count(stats->journeys, texts[END_COUNT]),
                       texts[END_FINISHED], texts[END_REFUSED], texts[END_LEFT], texts[END_FAILED],
                       texts[END_CUT], NAME_COLUMNS, "");
}

static void list_checks(const struct load_stats *stats, struct buffer *to)
{
  uint64_t passed = 0, failed = 0;
  char texts[2][COLUMN_BYTES];
  for (uint32_t i = 0; i < stats->step_count; i++) {
    passed += stats->steps[i].checks_passed;
    failed += stats->steps[i].checks_failed;
  }
  if (passed + failed == 0) return;
  buffer_append_format(to, "  %-*s  %s of %s passed (%.2f %%)\n", NAME_COLUMNS, "checks",
                       show_count(passed, texts[0]), show_count(passed + failed, texts[1]),
                       percent(passed, passed + failed));
}

static void list_failures(const struct load_stats *stats, struct buffer *to)
{
  char text[COLUMN_BYTES];
  for (enum load_failure i = 0; i < FAILURE_COUNT; i++)
    if (stats->failures[i] > 0)
      buffer_append_format(to, "  %-*s  %s %s: %s\n", NAME_COLUMNS, "errors",
                           show_count(stats->failures[i], text), load_failure_name(i),
                           load_failure_meaning(i));
  if (stats->example[0] != 0)
    buffer_append_format(to, "  %-*s  %s\n", NAME_COLUMNS, "the first", stats->example);
  if (stats->statuses[429] > 0)
    buffer_append_format(to,
                         "  %-*s  429 is the server's rate limit, for which this machine is one "
                         "address: start it with\n  %-*s  --trusted-proxies 127.0.0.1 (each buyer "
                         "has an address of their own then) or --address-rate 0\n",
                         NAME_COLUMNS, "advice", NAME_COLUMNS, "");
}

static void list_thresholds(const struct show *show, struct buffer *to)
{
  char text[32];
  for (uint32_t i = 0; i < show->threshold_count; i++) {
    const struct threshold *threshold = &show->thresholds[i];
    double value = threshold_value(threshold, &show->load->stats);
    bool failed = threshold_is_met(threshold, &show->load->stats);
    buffer_append_format(to, "  %-*s  %s if %s: it is %s\n", NAME_COLUMNS,
                         failed ? "FAILED" : "passed", failed ? "fails" : "would fail",
                         threshold->text, threshold_format(threshold, value, text));
  }
}

static void list_reconciliation(const struct show *show, struct buffer *to)
{
  const struct reconciliation *found = show->reconciliation;
  char texts[4][COLUMN_BYTES];
  if (found == NULL) return;
  buffer_append_format(
      to,
      "\n  %-*s  %s seats: %s sold, %s held, %s free; %" PRId64 " paid orders, %" PRId64 " %s\n",
      NAME_COLUMNS, "the server", show_count((uint64_t)found->total, texts[0]),
      show_count((uint64_t)found->sold, texts[1]), show_count((uint64_t)found->held, texts[2]),
      show_count((uint64_t)found->available, texts[3]), found->paid_orders, found->revenue,
      found->currency);
  for (uint32_t i = 0; i < found->count; i++)
    buffer_append_format(to, "  %-*s  %s (%s)\n", NAME_COLUMNS,
                         found->checks[i].good ? "right" : "WRONG", found->checks[i].what,
                         found->checks[i].detail);
}

void show_table(const struct show *show, struct buffer *to)
{
  const struct load_stats *stats = &show->load->stats;
  char texts[4][COLUMN_BYTES];
  buffer_append_format(to, "\n%s against %s", show->name, show->target);
  if (show->event.size > 0) buffer_append_format(to, ", event %.*s", BYTES_FORMAT(show->event));
  buffer_append_format(to, ": %.1f s, %s connections, %s users\n\n", stats->seconds,
                       show_count(show->options->connections, texts[0]),
                       show_count(show->options->buyers->count, texts[1]));
  double rate = stats->seconds <= 0 ? 0 : (double)stats->scheduled_requests / stats->seconds;
  double bytes = stats->total_s <= 0 ? 0 : (double)stats->bytes / stats->total_s;
  buffer_append_format(
      to, "  %-*s  %s, %s/s; %s failed (%.3f %%); %.2f MB/s received\n", NAME_COLUMNS, "requests",
      show_count(stats->requests, texts[0]), show_count((uint64_t)(rate + 0.5), texts[1]),
      show_count(stats->errors, texts[2]), percent(stats->errors, stats->requests), bytes / 1e6);
  buffer_append_format(to, "\n  %-*s %10s %10s %10s %10s %10s %10s %10s\n", NAME_COLUMNS, "",
                       "mean", "p50", "p90", "p95", "p99", "p99.9", "max");
  row_of_times(to, "latency", &stats->latency);
  row_of_times(to, "service time", &stats->service);
  table_of_steps(show, to);
  list_statuses(stats, to);
  list_people(stats, to);
  list_checks(stats, to);
  list_failures(stats, to);
  list_thresholds(show, to);
  list_reconciliation(show, to);
}

/* ---- progress ---- */

void show_progress_line(const struct load *load, struct buffer *to)
{
  const struct load_stats *stats = &load->stats;
  char texts[6][COLUMN_BYTES];
  if (stats->point_count == 0) return;
  const struct load_point *point = &stats->points[stats->point_count - 1];
  double rate = point->span_s <= 0 ? 0 : (double)point->requests / point->span_s;
  buffer_append_format(to, "%5.0f s  %s/s  errors %s  p50 %s  p95 %s  p99 %s  people %s",
                       load->elapsed_s, show_count((uint64_t)(rate + 0.5), texts[0]),
                       show_count(stats->errors, texts[1]), show_time(point->p50_ns, texts[2]),
                       show_time(point->p95_ns, texts[3]), show_time(point->p99_ns, texts[4]),
                       show_count(point->people, texts[5]));
  if (stats->seats_left >= 0)
    buffer_append_format(to, "  seats left %s", show_count((uint64_t)stats->seats_left, texts[0]));
  buffer_append_byte(to, '\n');
}

/* A bar of `width` cells, filled by a share of 0 to 1. */
static void bar(struct buffer *to, double share, uint32_t width)
{
  uint32_t filled = share <= 0 ? 0 : share >= 1 ? width : (uint32_t)(share * width + 0.5);
  for (uint32_t i = 0; i < width; i++)
    buffer_append(to, i < filled ? BYTES("\xE2\x96\x88") : BYTES("\xE2\x96\x91"));
}

#define END_OF_LINE "\033[K\n"

static void screen_head(const struct load *load, const char *name, const struct load_point *point,
                        struct buffer *to)
{
  char texts[4][COLUMN_BYTES];
  const struct load_stats *stats = &load->stats;
  double rate = point->span_s <= 0 ? 0 : (double)point->requests / point->span_s;
  double done = load->length_s <= 0 ? 1 : load->elapsed_s / load->length_s;
  buffer_append_format(to, "%s  ", name);
  bar(to, done, 30);
  buffer_append_format(to, "  %.0f of %.0f s" END_OF_LINE, load->elapsed_s, load->length_s);
  buffer_append_format(to, "  rate %s/s  requests %s  errors %s" END_OF_LINE,
                       show_count((uint64_t)(rate + 0.5), texts[0]),
                       show_count(stats->requests, texts[1]), show_count(stats->errors, texts[2]));
  buffer_append_format(to, "  p50 %s  p95 %s  p99 %s  max %s" END_OF_LINE,
                       show_time(point->p50_ns, texts[0]), show_time(point->p95_ns, texts[1]),
                       show_time(point->p99_ns, texts[2]), show_time(point->max_ns, texts[3]));
}

void show_progress_screen(const struct load *load, const char *name, struct buffer *to,
                          uint32_t *lines)
{
  const struct load_stats *stats = &load->stats;
  const struct load_file *file = load->options->file;
  char texts[2][COLUMN_BYTES];
  *lines = 0;
  if (stats->point_count == 0) return;
  screen_head(load, name, &stats->points[stats->point_count - 1], to);
  *lines = 3;
  if (stats->seats_left >= 0 && stats->seats_total > 0) {
    buffer_append(to, BYTES("  seats left "));
    bar(to, (double)stats->seats_left / (double)stats->seats_total, 30);
    buffer_append_format(to, "  %s of %s" END_OF_LINE,
                         show_count((uint64_t)stats->seats_left, texts[0]),
                         show_count((uint64_t)stats->seats_total, texts[1]));
    ++*lines;
  }
  buffer_append(to, BYTES("  people "));
  for (uint32_t i = 0; i < file->step_count; i++) {
    if (i > 0 && i % 6 == 0) {
      buffer_append(to, BYTES(END_OF_LINE "         "));
      ++*lines;
    }
    buffer_append_format(to, " %.*s %s ", BYTES_FORMAT(file->steps[i].name),
                         show_count(stats->steps[i].people, texts[0]));
  }
  buffer_append(to, BYTES(END_OF_LINE));
  ++*lines;
}
