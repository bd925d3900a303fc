/*
 * Rows of docs/benchmarks.md: a figure measured in several rounds, ours and the peer's in turn,
 * given as median with minimum and maximum.
 */
#ifndef TACOS_BENCH_REPORT_H
#define TACOS_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

enum { REPORT_ROUNDS_MAX = 16 };

struct report_series {
  double rounds[REPORT_ROUNDS_MAX];
  int count;
};

void report_add(struct report_series *series, double figure);
double report_median(const struct report_series *series);
double report_minimum(const struct report_series *series);
double report_maximum(const struct report_series *series);

/* "median (minimum - maximum)" with a sensible number of digits and thousands separated. */
const char *report_text(const struct report_series *series, char text[128]);

/* Heads a table; then rows: what | figure | against | bar | "reached" or "missed". */
void report_table(void);
void report_row(const char *what, const char *figure, const char *peer, const char *ratio,
                const char *bar, bool reached);
/* A row that is only written down: there is no bar. */
void report_note(const char *what, const char *figure, const char *peer, const char *ratio);

/* Each round of a series as a line that tools/bench puts below the table. */
void report_raw(const char *what, const struct report_series *series);

/* Nanoseconds of the monotonic clock. */
int64_t report_now_ns(void);

#endif
