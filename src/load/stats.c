#include "load/stats.h"

#include "base/check.h"

static const uint64_t LATENCY_MAX_NS = UINT64_C(1) << 40; /* 18 minutes */

static const struct failure_row {
  const char *name;
  const char *meaning;
} FAILURES[FAILURE_COUNT] = {
    [FAILURE_CONNECT] = {"connect", "no connection could be made"},
    [FAILURE_RESET] = {"reset", "the connection ended before the reply"},
    [FAILURE_TIMEOUT] = {"timeout", "no reply in time"},
    [FAILURE_PROTOCOL] = {"protocol", "the reply was no HTTP/1.1"},
    [FAILURE_STATUS] = {"status", "a status that the step does not expect"},
    [FAILURE_CHECK] = {"check", "a field that a check is of was not as it should be"},
    [FAILURE_REPEAT] = {"repeat", "what a step waits for did not come"},
    [FAILURE_ROOM] = {"room", "more people under way than the generator has room for"},
};

const char *load_failure_name(enum load_failure failure)
{
  CHECK_THAT(failure, <, FAILURE_COUNT);
  return FAILURES[failure].name;
}

const char *load_failure_meaning(enum load_failure failure)
{
  CHECK_THAT(failure, <, FAILURE_COUNT);
  return FAILURES[failure].meaning;
}

bool stats_init(struct load_stats *stats, struct memory *memory, uint32_t step_count,
                struct error *error)
{
  *stats = (struct load_stats){
      .memory = memory, .step_count = step_count, .seats_left = -1, .seats_total = -1};
  size_t size = step_count * sizeof stats->steps[0];
  stats->steps = memory_alloc_zeroed(memory, size);
  bool good = stats->steps != NULL ||
              error_set(error, ERROR_NO_MEMORY, "no memory for the figures of a run");
  good = good && histogram_init(&stats->latency, memory, LATENCY_MAX_NS, error) &&
         histogram_init(&stats->service, memory, LATENCY_MAX_NS, error) &&
         histogram_init(&stats->interval, memory, LATENCY_MAX_NS, error);
  for (uint32_t i = 0; good && i < step_count; i++)
    good = histogram_init(&stats->steps[i].latency, memory, LATENCY_MAX_NS, error) &&
           histogram_init(&stats->steps[i].service, memory, LATENCY_MAX_NS, error);
  if (!good) stats_free(stats);
  return good;
}

static void free_histogram(struct histogram *histogram)
{
  if (histogram->counts != NULL) histogram_free(histogram);
}

void stats_free(struct load_stats *stats)
{
  for (uint32_t i = 0; stats->steps != NULL && i < stats->step_count; i++) {
    free_histogram(&stats->steps[i].latency);
    free_histogram(&stats->steps[i].service);
  }
  free_histogram(&stats->latency);
  free_histogram(&stats->service);
  free_histogram(&stats->interval);
  memory_free(stats->memory, stats->steps,
              stats->steps == NULL ? 0 : stats->step_count * sizeof stats->steps[0]);
  memory_free(stats->memory, stats->points, stats->point_capacity * sizeof stats->points[0]);
  stats->steps = NULL;
  stats->points = NULL;
  stats->point_capacity = stats->point_count = 0;
}

void stats_reply(struct load_stats *stats, uint32_t step, uint16_t status, int64_t latency_ns,
                 int64_t service_ns, uint64_t bytes)
{
  CHECK_THAT(step, <, stats->step_count);
  CHECK_THAT(latency_ns, >=, 0);
  struct step_stats *own = &stats->steps[step];
  histogram_record(&own->latency, (uint64_t)latency_ns);
  if (service_ns >= 0) histogram_record(&own->service, (uint64_t)service_ns);
  histogram_record(&stats->interval, (uint64_t)latency_ns);
  own->requests++;
  stats->requests++;
  stats->interval_requests++;
  stats->bytes += bytes;
  if (status < STATS_STATUS_MAX) stats->statuses[status]++;
}

void stats_failure(struct load_stats *stats, uint32_t step, enum load_failure failure)
{
  CHECK_THAT(step, <, stats->step_count);
  stats->failures[failure]++;
  stats->errors++;
  stats->interval_errors++;
  stats->steps[step].failed++;
}

static bool make_room(struct load_stats *stats)
{
  if (stats->point_count < stats->point_capacity) return true;
  uint32_t capacity = stats->point_capacity == 0 ? 128 : 2 * stats->point_capacity;
  struct load_point *points = memory_resize(stats->memory, stats->points,
                                            stats->point_capacity * sizeof points[0],
                                            capacity * sizeof points[0]);
  if (points == NULL) return false;
  stats->points = points;
  stats->point_capacity = capacity;
  return true;
}

void stats_point(struct load_stats *stats, double second, double span_s)
{
  struct histogram *interval = &stats->interval;
  if (make_room(stats))
    stats->points[stats->point_count++] = (struct load_point){
        .second = second,
        .span_s = span_s,
        .requests = stats->interval_requests,
        .errors = stats->interval_errors,
        .p50_ns = histogram_percentile(interval, 50),
        .p95_ns = histogram_percentile(interval, 95),
        .p99_ns = histogram_percentile(interval, 99),
        .max_ns = histogram_max(interval),
        .people = stats->people,
        .seats_left = stats->seats_left,
    };
  histogram_merge(&stats->latency, interval);
  histogram_reset(interval);
  stats->interval_requests = stats->interval_errors = 0;
}
