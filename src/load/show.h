/*
 * What a run shows: a table for people, JSON for programs, a page with charts, progress.
 *
 * Writers append to the caller's buffer, whose `failed` says that memory ran out. Pure; one thread.
 */
#ifndef TACOS_LOAD_SHOW_H
#define TACOS_LOAD_SHOW_H

#include "load/reconcile.h"
#include "load/run.h"
#include "load/threshold.h"

/* What there is to tell about a run beside its figures. */
struct show {
  const char *name;   /* of the scenario */
  const char *target; /* "http://127.0.0.1:8000" */
  const char *version;
  const char *started; /* an instant */
  struct bytes event;  /* empty: none */
  const struct load_options *options;
  const struct load *load;
  const struct threshold *thresholds;
  uint32_t threshold_count;
  const struct reconciliation *reconciliation; /* NULL: not asked for */
};

/* The final table. */
void show_table(const struct show *show, struct buffer *to);

/* One JSON object; docs/load.md has its fields. */
void show_json(const struct show *show, struct buffer *to);

/* One HTML document that needs nothing else. */
void show_html(const struct show *show, struct buffer *to);

/* One line for a log. */
void show_progress_line(const struct load *load, struct buffer *to);

/* Several lines for a terminal, each ended with an erase to its end; *lines is how many. */
void show_progress_screen(const struct load *load, const char *name, struct buffer *to,
                          uint32_t *lines);

/* A number with commas, "1,234,567"; returns text. */
const char *show_count(uint64_t number, char text[32]);

/* A time in its best unit, "1.23 ms"; returns text. */
const char *show_time(uint64_t ns, char text[32]);

#endif
