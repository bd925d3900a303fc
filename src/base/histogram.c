#include "base/histogram.h"

#include "base/check.h"

#include <math.h>
#include <string.h>

bool histogram_init(struct histogram *histogram, struct memory *memory, uint64_t maximum,
                    struct error *error)
{
  *histogram = (struct histogram){.memory = memory, .maximum = maximum};
  histogram->buckets = histogram_index(maximum) + 1;
  histogram->counts = memory_alloc_zeroed(memory, histogram->buckets * sizeof(uint64_t));
  if (histogram->counts == NULL)
    return error_set(error, ERROR_NO_MEMORY, "no memory for a histogram of %zu buckets",
                     histogram->buckets);
  histogram->least = UINT64_MAX;
  return true;
}

void histogram_free(struct histogram *histogram)
{
  memory_free(histogram->memory, histogram->counts, histogram->buckets * sizeof(uint64_t));
  *histogram = (struct histogram){0};
}

void histogram_reset(struct histogram *histogram)
{
  memset(histogram->counts, 0, histogram->buckets * sizeof(uint64_t));
  histogram->count = 0;
  histogram->sum = 0;
  histogram->least = UINT64_MAX;
  histogram->greatest = 0;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
  CHECK_THAT(into->maximum, ==, from->maximum);
  CHECK_THAT(into->buckets, ==, from->buckets);
  for (size_t i = 0; i < into->buckets; i++) into->counts[i] += from->counts[i];
  into->count += from->count;
  into->sum += from->sum;
  if (from->least < into->least) into->least = from->least;
  if (from->greatest > into->greatest) into->greatest = from->greatest;
}

/* The greatest value that falls into a bucket: the inverse of histogram_index. */
static uint64_t bucket_end(size_t index)
{
  if (index < (size_t)2 * HISTOGRAM_STEPS) return index;
  size_t shift = index / HISTOGRAM_STEPS - 1;
  uint64_t step = index - shift * HISTOGRAM_STEPS;
  uint64_t first = step << shift;
  uint64_t end = first + ((UINT64_C(1) << shift) - 1);
  CHECK_SLOW(histogram_index(first) == index && histogram_index(end) == index);
  return end;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
  CHECK(percent >= 0 && percent <= 100);
  if (histogram->count == 0) return 0;
  /* In whole parts of a million: 99.9 as a double times the count may land above its rank. */
  uint64_t parts = (uint64_t)llround(percent * 10000);
  unsigned __int128 product = (unsigned __int128)histogram->count * parts;
  uint64_t rank = (uint64_t)((product + 999999) / 1000000);
  if (rank == 0) return histogram->least;
  uint64_t seen = 0;
  for (size_t i = 0; i < histogram->buckets; i++) {
    seen += histogram->counts[i];
    if (seen < rank) continue;
    uint64_t end = bucket_end(i);
    return end < histogram->greatest ? end : histogram->greatest;
  }
  CHECK_THAT(seen, ==, histogram->count);
  check_failed(__FILE__, __LINE__, __func__, "a rank up to count is in some bucket");
}

double histogram_mean(const struct histogram *histogram)
{
  return histogram->count == 0 ? 0 : (double)histogram->sum / (double)histogram->count;
}

uint64_t histogram_min(const struct histogram *histogram)
{
  return histogram->count == 0 ? 0 : histogram->least;
}

uint64_t histogram_max(const struct histogram *histogram)
{
  return histogram->greatest;
}
