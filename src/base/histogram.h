/*
 * A histogram with three significant digits: latencies and sizes in constant memory and time.
 *
 * Log-linear buckets, after Gil Tene's HdrHistogram: below 2,048 one bucket per value, above it
 * 1,024 buckets per power of two, so that a bucket is never wider than 1/1,024 (0.098 %) of its
 * values.
 *
 *     value    0 ..... 2047 | 2048 ..... 4095 | 4096 ..... 8191 | ...
 *     width        1        |        2        |        4        |
 *     index    0 ..... 2047 | 2048 ..... 3071 | 3072 ..... 4095 | ...
 *
 * The owner of the struct frees it; one thread at a time. Threads keep one each and merge.
 */
#ifndef TACOS_BASE_HISTOGRAM_H
#define TACOS_BASE_HISTOGRAM_H

#include "base/error.h"
#include "base/memory.h"

enum {
  HISTOGRAM_STEP_BITS = 10,
  HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS, /* buckets per power of two */
};

struct histogram {
  struct memory *memory;
  uint64_t *counts; /* buckets numbers */
  size_t buckets;
  uint64_t maximum; /* of what can be told apart */
  uint64_t count;
  uint64_t least, greatest; /* recorded; UINT64_MAX and 0 when count is 0 */
  unsigned __int128 sum;
};

/*
 * For values up to `maximum` (unit of the caller's choice): 8 KiB per power of two above 1,024, so
 * 160 KiB for 1 us to 1,000 s in microseconds. False with ERROR_NO_MEMORY.
 */
bool histogram_init(struct histogram *histogram, struct memory *memory, uint64_t maximum,
                    struct error *error);
void histogram_free(struct histogram *histogram);

/* Forgets what was recorded. */
void histogram_reset(struct histogram *histogram);

static inline size_t histogram_index(uint64_t value)
{
  if (value < (uint64_t)2 * HISTOGRAM_STEPS) return value;
  unsigned int shift = 63U - (unsigned int)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
  return shift * (size_t)HISTOGRAM_STEPS + (size_t)(value >> shift);
}

/* Counts one value; one above the maximum counts as the maximum. */
static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
  if (value > histogram->maximum) value = histogram->maximum;
  histogram->counts[histogram_index(value)]++;
  histogram->count++;
  histogram->sum += value;
  if (value < histogram->least) histogram->least = value;
  if (value > histogram->greatest) histogram->greatest = value;
}

/* Adds what `from` recorded; both were made with the same maximum. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/*
 * The value that `percent` (0 to 100, to four decimals) of the recorded values do not exceed: at
 * least the exact one (nearest rank) and at most 1/1,024 above it. 0 when nothing was recorded.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/* Exact; 0 when nothing was recorded. */
double histogram_mean(const struct histogram *histogram);
uint64_t histogram_min(const struct histogram *histogram);
uint64_t histogram_max(const struct histogram *histogram);

#endif
