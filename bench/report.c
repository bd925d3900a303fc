#include "report.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void report_add(struct report_series *series, double figure)
{
  CHECK_THAT(series->count, <, REPORT_ROUNDS_MAX);
  series->rounds[series->count++] = figure;
}

static int compare_figures(const void *left, const void *right)
{
  double a = *(const double *)left;
  double b = *(const double *)right;
  return (a > b) - (a < b);
}

static struct report_series sorted(const struct report_series *series)
{
  struct report_series copy = *series;
  CHECK_THAT(copy.count, >, 0);
  qsort(copy.rounds, (size_t)copy.count, sizeof copy.rounds[0], compare_figures);
  return copy;
}

double report_median(const struct report_series *series)
{
  struct report_series copy = sorted(series);
  int middle = copy.count / 2;
  if (copy.count % 2 == 1) return copy.rounds[middle];
  return (copy.rounds[middle - 1] + copy.rounds[middle]) / 2;
}

double report_minimum(const struct report_series *series)
{
  return sorted(series).rounds[0];
}

double report_maximum(const struct report_series *series)
{
  return sorted(series).rounds[series->count - 1];
}

/* 12345.6 -> "12,346"; below a hundred two decimals. */
static int format_figure(double figure, char *text, size_t size)
{
  if (figure < 100) return snprintf(text, size, "%.2f", figure);
  long long whole = (long long)(figure + 0.5);
  if (whole < 1000) return snprintf(text, size, "%lld", whole);
  if (whole < 1000000) return snprintf(text, size, "%lld,%03lld", whole / 1000, whole % 1000);
  return snprintf(text, size, "%lld,%03lld,%03lld", whole / 1000000, whole / 1000 % 1000,
                  whole % 1000);
}

const char *report_text(const struct report_series *series, char text[128])
{
  char least[32];
  char most[32];
  char median[32];
  format_figure(report_minimum(series), least, sizeof least);
  format_figure(report_maximum(series), most, sizeof most);
  format_figure(report_median(series), median, sizeof median);
  if (series->count == 1)
    snprintf(text, 128, "%s", median);
  else
    snprintf(text, 128, "%s (%s - %s)", median, least, most);
  return text;
}

void report_table(void)
{
  printf("| what | measured | peer | ratio | bar | |\n|---|---|---|---|---|---|\n");
}

void report_row(const char *what, const char *figure, const char *peer, const char *ratio,
                const char *bar, bool reached)
{
  printf("| %s | %s | %s | %s | %s | %s |\n", what, figure, peer, ratio, bar,
         reached ? "reached" : "**missed**");
  fflush(stdout);
}

void report_note(const char *what, const char *figure, const char *peer, const char *ratio)
{
  printf("| %s | %s | %s | %s | | |\n", what, figure, peer, ratio);
  fflush(stdout);
}

void report_raw(const char *what, const struct report_series *series)
{
  printf("raw %-52s", what);
  for (int i = 0; i < series->count; i++) {
    char text[32];
    format_figure(series->rounds[i], text, sizeof text);
    printf(" %s", text);
  }
  printf("\n");
}

int64_t report_now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
