/*
 * Conditions under which a run has failed: "p99>10ms", "errors>0", "reserve.p95>=20ms".
 *
 *     [STEP.]METRIC OPERATOR NUMBER[UNIT]
 *
 *     METRIC    p50 p95 p99 p99.9 (any percentile), max, mean, min    of the latency; us, ms, s
 *               service_p99 and so on: of the service time
 *               errors, requests, refused, succeeded             counts
 *               error_rate, checks                per cent, of requests and of checks
 *               rate                                                  requests per second
 *     OPERATOR  > >= < <= ==
 *
 * Memory: the text is the caller's. Pure.
 */
#ifndef TACOS_LOAD_THRESHOLD_H
#define TACOS_LOAD_THRESHOLD_H

#include "load/stats.h"

enum threshold_operator { MORE, MORE_OR_SAME, LESS, LESS_OR_SAME, SAME };

enum threshold_metric {
  METRIC_PERCENTILE,
  METRIC_MEAN,
  METRIC_MIN,
  METRIC_ERRORS,
  METRIC_REQUESTS,
  METRIC_REFUSED,
  METRIC_SUCCEEDED,
  METRIC_ERROR_RATE,
  METRIC_CHECKS,
  METRIC_RATE,
};

struct threshold {
  const char *text;
  int step; /* -1: all of them */
  enum threshold_metric metric;
  bool service;
  double percent; /* of METRIC_PERCENTILE */
  enum threshold_operator operator;
  double bound; /* in nanoseconds for times */
};

/* ERROR_INVALID naming what is wrong. Steps are looked up in the file. */
bool threshold_parse(const char *text, const struct load_file *file, struct threshold *threshold,
                     struct error *error);

/* The value that was measured. */
double threshold_value(const struct threshold *threshold, const struct load_stats *stats);

/* Whether the run has failed by it. */
bool threshold_is_met(const struct threshold *threshold, const struct load_stats *stats);

/* The measured value in the unit of its metric, "12.3 ms"; returns text. */
const char *threshold_format(const struct threshold *threshold, double value, char text[32]);

#endif
