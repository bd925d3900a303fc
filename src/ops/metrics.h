/*
 * Metrics as data: numbers in plain structs, one table per room that says what each means, and the
 * text that Prometheus reads.
 *
 *     struct door_metrics { uint64_t requests; uint64_t open; struct metric_latency latency; };
 *
 *     static const struct metric_definition DEFINITIONS[] = {
 *         {"tacos_door_requests_total", METRIC_COUNTER, "Requests answered.",
 *          offsetof(struct door_metrics, requests)},
 *
 * Each thread has a struct of its own (a shard), so that counting costs a load, an add and a store;
 * whoever writes the text sums the shards.
 *
 * Threads: a number has one writer, its owner; any thread may read it. Two numbers read one after
 * the other are not of one moment. Memory: the struct is the owner's; the text goes to a buffer of
 * the caller, whose `failed` says when memory ran out.
 *
 * Text: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4.
 */
#ifndef TACOS_OPS_METRICS_H
#define TACOS_OPS_METRICS_H

#include "base/bytes.h"

/* The Content-Type of the text. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_kind {
  METRIC_COUNTER, /* only grows, from 0 at the start of the process; its name ends in _total */
  METRIC_GAUGE,   /* what is there now */
  METRIC_LATENCY, /* a struct metric_latency; its name ends in _seconds */
};

static inline uint64_t metric_read(const uint64_t *metric)
{
  return __atomic_load_n(metric, __ATOMIC_RELAXED);
}

/* Only the owner, as all that changes a number. */
static inline void metric_set(uint64_t *metric, uint64_t value)
{
  __atomic_store_n(metric, value, __ATOMIC_RELAXED);
}

static inline void metric_add(uint64_t *metric, uint64_t n)
{
  metric_set(metric, metric_read(metric) + n);
}

/* For gauges. A shard may go below 0 as long as the sum of all shards does not. */
static inline void metric_subtract(uint64_t *metric, uint64_t n)
{
  metric_set(metric, metric_read(metric) - n);
}

enum { METRIC_LATENCY_BUCKETS = 18 }; /* the last one is +Inf */

/* Zeroed: nothing recorded. */
struct metric_latency {
  uint64_t counts[METRIC_LATENCY_BUCKETS]; /* each bucket on its own, not cumulative */
  uint64_t sum_ns;
};

/* The greatest value of each bucket, in nanoseconds; the last is UINT64_MAX. */
extern const uint64_t metric_latency_bounds_ns[METRIC_LATENCY_BUCKETS];

/* The bucket of 2^n, for each n. */
extern const uint8_t metric_latency_first[64];

/*
 * The bucket of a value. Each bound is at least twice the one before, so between two powers of two
 * there is at most one: what is not in the bucket of its power is in the next.
 */
static inline size_t metric_latency_bucket(uint64_t ns)
{
  size_t bucket = metric_latency_first[63 - __builtin_clzll(ns | 1)];
  return bucket + (ns > metric_latency_bounds_ns[bucket]);
}

static inline void metric_latency_record(struct metric_latency *latency, uint64_t ns)
{
  metric_add(&latency->counts[metric_latency_bucket(ns)], 1);
  metric_add(&latency->sum_ns, ns);
}

/* Sums shards. `into` is the caller's; `from` may be in use by its owner. */
void metric_latency_add(struct metric_latency *into, const struct metric_latency *from);

/* One row of a room's table: where the number is in each of its shards. */
struct metric_definition {
  const char *name;
  enum metric_kind kind;
  const char *help;
  size_t offset;
};

struct metric_label {
  const char *name;
  struct bytes value; /* any text; bytes that are not UTF-8 become U+FFFD */
};

enum { METRICS_FAMILIES_MAX = 512 };

/*
 * Writes the text. A name that is not valid, a family opened twice and a sample outside its family
 * are mistakes of the program and stop it (CHECK).
 */
struct metrics_writer {
  struct buffer *buffer;
  enum metric_kind kind;                      /* of the last family */
  size_t family_count;                        /* opened so far */
  const char *families[METRICS_FAMILIES_MAX]; /* their names, which outlive the writer */
};

void metrics_writer_init(struct metrics_writer *writer, struct buffer *buffer);

/* Opens a family: all samples that follow are of it. */
void metrics_family(struct metrics_writer *writer, const char *name, enum metric_kind kind,
                    const char *help);

/*
 * One number of the family `name`, which is the last one opened. No two samples of a family have
 * the same labels. labels may be NULL when label_count is 0.
 */
void metrics_sample(struct metrics_writer *writer, const char *name,
                    const struct metric_label *labels, size_t label_count, uint64_t value);

/* metrics_sample of a time: seconds with nine decimals. */
void metrics_sample_ns(struct metrics_writer *writer, const char *name,
                       const struct metric_label *labels, size_t label_count, uint64_t ns);

/* The _bucket, _sum and _count of a METRIC_LATENCY family. No label is named "le". */
void metrics_latency(struct metrics_writer *writer, const char *name,
                     const struct metric_label *labels, size_t label_count,
                     const struct metric_latency *latency);

/* A family of one sample without labels for each row, summed over the shards. */
void metrics_write_table(struct metrics_writer *writer, const struct metric_definition *definitions,
                         size_t count, const void *const *shards, size_t shard_count);

#endif
