#include "base/json.h"
#include "load/show.h"

#include <stdio.h>

static void key_integer(struct json_writer *json, const char *key, uint64_t value)
{
  json_write_key(json, bytes_of_text(key));
  json_write_unsigned(json, value);
}

static void key_text(struct json_writer *json, const char *key, struct bytes text)
{
  json_write_key(json, bytes_of_text(key));
  json_write_string(json, text);
}

/* To three decimals. */
static void key_number(struct json_writer *json, const char *key, double value)
{
  char text[40];
  int size = snprintf(text, sizeof text, "%.3f", value);
  json_write_key(json, bytes_of_text(key));
  json_write_number(json, bytes_of(text, (size_t)size));
}

static void key_bool(struct json_writer *json, const char *key, bool value)
{
  json_write_key(json, bytes_of_text(key));
  json_write_bool(json, value);
}

static void open_object(struct json_writer *json, const char *key)
{
  if (key != NULL) json_write_key(json, bytes_of_text(key));
  json_write_object_begin(json);
}

/* Milliseconds. */
static void write_times(struct json_writer *json, const char *key, const struct histogram *times)
{
  static const struct {
    const char *name;
    double percent;
  } rows[] = {{"p50", 50}, {"p75", 75},     {"p90", 90},       {"p95", 95},
              {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}, {"max", 100}};
  open_object(json, key);
  key_number(json, "mean", histogram_mean(times) / 1e6);
  key_number(json, "min", (double)histogram_min(times) / 1e6);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    key_number(json, rows[i].name, (double)histogram_percentile(times, rows[i].percent) / 1e6);
  json_write_object_end(json);
}

static void write_steps(struct json_writer *json, const struct show *show)
{
  const struct load_file *file = show->options->file;
  json_write_key(json, BYTES("steps"));
  json_write_array_begin(json);
  for (uint32_t i = 0; i < file->step_count; i++) {
    const struct step_stats *stats = &show->load->stats.steps[i];
    json_write_object_begin(json);
    key_text(json, "name", file->steps[i].name);
    key_integer(json, "requests", stats->requests);
    key_integer(json, "succeeded", stats->succeeded);
    key_integer(json, "refused", stats->refused);
    key_integer(json, "failed", stats->failed);
    key_integer(json, "retries", stats->retries);
    key_integer(json, "checks_passed", stats->checks_passed);
    key_integer(json, "checks_failed", stats->checks_failed);
    write_times(json, "latency_ms", &stats->latency);
    write_times(json, "service_ms", &stats->service);
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

static void write_series(struct json_writer *json, const struct load_stats *stats)
{
  json_write_key(json, BYTES("series"));
  json_write_array_begin(json);
  for (uint32_t i = 0; i < stats->point_count; i++) {
    const struct load_point *point = &stats->points[i];
    json_write_object_begin(json);
    key_number(json, "second", point->second);
    key_number(json, "rate", point->span_s <= 0 ? 0 : (double)point->requests / point->span_s);
    key_integer(json, "requests", point->requests);
    key_integer(json, "errors", point->errors);
    key_number(json, "p50_ms", (double)point->p50_ns / 1e6);
    key_number(json, "p95_ms", (double)point->p95_ns / 1e6);
    key_number(json, "p99_ms", (double)point->p99_ns / 1e6);
    key_number(json, "max_ms", (double)point->max_ns / 1e6);
    key_integer(json, "people", point->people);
    json_write_key(json, BYTES("seats_left"));
    if (point->seats_left < 0)
      json_write_null(json);
    else
      json_write_integer(json, point->seats_left);
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

static void write_counts(struct json_writer *json, const struct load_stats *stats)
{
  static const char *const ends[END_COUNT] = {"finished", "refused", "left", "failed", "cut"};
  char name[16];
  open_object(json, "statuses");
  for (uint32_t i = 1; i < STATS_STATUS_MAX; i++) {
    if (stats->statuses[i] == 0) continue;
    snprintf(name, sizeof name, "%u", i);
    key_integer(json, name, stats->statuses[i]);
  }
  json_write_object_end(json);
  open_object(json, "failures");
  for (enum load_failure i = 0; i < FAILURE_COUNT; i++)
    key_integer(json, load_failure_name(i), stats->failures[i]);
  json_write_object_end(json);
  open_object(json, "people");
  key_integer(json, "began", stats->journeys);
  for (int i = 0; i < END_COUNT; i++) key_integer(json, ends[i], stats->ends[i]);
  json_write_object_end(json);
}

static void write_thresholds(struct json_writer *json, const struct show *show)
{
  json_write_key(json, BYTES("thresholds"));
  json_write_array_begin(json);
  for (uint32_t i = 0; i < show->threshold_count; i++) {
    const struct threshold *threshold = &show->thresholds[i];
    char text[32];
    double value = threshold_value(threshold, &show->load->stats);
    json_write_object_begin(json);
    key_text(json, "fail_if", bytes_of_text(threshold->text));
    key_text(json, "value", bytes_of_text(threshold_format(threshold, value, text)));
    key_bool(json, "failed", threshold_is_met(threshold, &show->load->stats));
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

static void write_accounts(struct json_writer *json, const struct reconciliation *found)
{
  json_write_key(json, BYTES("accounts"));
  if (found == NULL) {
    json_write_null(json);
    return;
  }
  json_write_object_begin(json);
  key_bool(json, "good", found->good);
  key_integer(json, "total", (uint64_t)found->total);
  key_integer(json, "sold", (uint64_t)found->sold);
  key_integer(json, "held", (uint64_t)found->held);
  key_integer(json, "available", (uint64_t)found->available);
  key_integer(json, "paid_orders", (uint64_t)found->paid_orders);
  key_integer(json, "tickets", (uint64_t)found->tickets);
  json_write_key(json, BYTES("checks"));
  json_write_array_begin(json);
  for (uint32_t i = 0; i < found->count; i++) {
    json_write_object_begin(json);
    key_text(json, "what", bytes_of_text(found->checks[i].what));
    key_bool(json, "good", found->checks[i].good);
    key_text(json, "detail", bytes_of_text(found->checks[i].detail));
    json_write_object_end(json);
  }
  json_write_array_end(json);
  json_write_object_end(json);
}

void show_json(const struct show *show, struct buffer *to)
{
  struct json_writer writer;
  struct json_writer *json = &writer;
  const struct load_stats *stats = &show->load->stats;
  json_writer_init(json, to);
  json_write_object_begin(json);
  key_text(json, "scenario", bytes_of_text(show->name));
  key_text(json, "target", bytes_of_text(show->target));
  key_text(json, "version", bytes_of_text(show->version));
  key_text(json, "started_at", bytes_of_text(show->started));
  key_text(json, "event_id", show->event);
  key_integer(json, "seed", show->options->seed);
  key_integer(json, "connections", show->options->connections);
  key_integer(json, "users", show->options->buyers->count);
  key_number(json, "seconds", stats->seconds);
  key_number(json, "total_seconds", stats->total_s);
  key_integer(json, "requests", stats->requests);
  key_number(json, "rate",
             stats->seconds <= 0 ? 0 : (double)stats->scheduled_requests / stats->seconds);
  key_integer(json, "errors", stats->errors);
  key_integer(json, "bytes", stats->bytes);
  key_integer(json, "sent_twice", stats->twice);
  key_text(json, "first_unexpected", bytes_of_text(stats->example));
  write_times(json, "latency_ms", &stats->latency);
  write_times(json, "service_ms", &stats->service);
  write_counts(json, stats);
  write_steps(json, show);
  write_thresholds(json, show);
  write_accounts(json, show->reconciliation);
  write_series(json, stats);
  json_write_object_end(json);
  (void)json_writer_finish(json);
  buffer_append_byte(to, '\n');
}
