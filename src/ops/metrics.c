#include "ops/metrics.h"

#include "base/check.h"

#include <inttypes.h>

/* Nanoseconds, and the same in seconds as Prometheus wants it: a float without noise. */
#define LATENCY_BOUNDS(BOUND, argument) \
  BOUND(argument, 50000, "0.00005")     \
  BOUND(argument, 100000, "0.0001")     \
  BOUND(argument, 250000, "0.00025")    \
  BOUND(argument, 500000, "0.0005")     \
  BOUND(argument, 1000000, "0.001")     \
  BOUND(argument, 2500000, "0.0025")    \
  BOUND(argument, 5000000, "0.005")     \
  BOUND(argument, 10000000, "0.01")     \
  BOUND(argument, 25000000, "0.025")    \
  BOUND(argument, 50000000, "0.05")     \
  BOUND(argument, 100000000, "0.1")     \
  BOUND(argument, 250000000, "0.25")    \
  BOUND(argument, 500000000, "0.5")     \
  BOUND(argument, 1000000000, "1")      \
  BOUND(argument, 2500000000, "2.5")    \
  BOUND(argument, 5000000000, "5")      \
  BOUND(argument, 10000000000, "10")    \
  BOUND(argument, UINT64_MAX, "+Inf")

#define NANOSECONDS(unused, ns, seconds) ns,
#define SECONDS(unused, ns, seconds)     seconds,
#define IS_BELOW(power, ns, seconds)     +((ns) < (uint64_t)1 << (power))

/* The bucket of 2^power is the first whose bound is not below it. */
#define FIRST(power) (0 LATENCY_BOUNDS(IS_BELOW, power))
#define FIRST_8(power)                                                                          \
  FIRST(power), FIRST((power) + 1), FIRST((power) + 2), FIRST((power) + 3), FIRST((power) + 4), \
      FIRST((power) + 5), FIRST((power) + 6), FIRST((power) + 7)

const uint64_t metric_latency_bounds_ns[] = {LATENCY_BOUNDS(NANOSECONDS, )};
const uint8_t metric_latency_first[] = {FIRST_8(0),  FIRST_8(8),  FIRST_8(16), FIRST_8(24),
                                        FIRST_8(32), FIRST_8(40), FIRST_8(48), FIRST_8(56)};

static const char *const BOUND_SECONDS[] = {LATENCY_BOUNDS(SECONDS, )};

static const char *const KIND_NAMES[] = {"counter", "gauge", "histogram"};

enum { NS_PER_SECOND = 1000000000 };

void metric_latency_add(struct metric_latency *into, const struct metric_latency *from)
{
  for (size_t i = 0; i < METRIC_LATENCY_BUCKETS; i++)
    into->counts[i] += metric_read(&from->counts[i]);
  into->sum_ns += metric_read(&from->sum_ns);
}

void metrics_writer_init(struct metrics_writer *writer, struct buffer *buffer)
{
  *writer = (struct metrics_writer){.buffer = buffer};
}

/* [a-zA-Z_][a-zA-Z0-9_]*; colons are for recording rules, not for what a program exposes. */
static bool is_name(const char *name)
{
  if (name[0] >= '0' && name[0] <= '9') return false;
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return name[0] != 0 && name[strspn(name, allowed)] == 0;
}

/* Names with two leading underscores are Prometheus's own, and "le" is that of buckets. */
static bool is_label_name(const char *name)
{
  return is_name(name) && strncmp(name, "__", 2) != 0 && strcmp(name, "le") != 0;
}

static void put(const struct metrics_writer *writer, const char *text)
{
  buffer_append(writer->buffer, bytes_of_text(text));
}

/* A help text (which has its quotes as they are) or, with quotes escaped, a label value. */
static void put_escaped(const struct metrics_writer *writer, struct bytes text, bool escape_quotes)
{
  while (text.size > 0) {
    size_t valid = bytes_utf8_prefix(text);
    for (size_t i = 0; i < valid; i++) {
      uint8_t byte = text.data[i];
      if (byte == '\\' || (byte == '"' && escape_quotes)) buffer_append_byte(writer->buffer, '\\');
      if (byte == '\n')
        put(writer, "\\n");
      else
        buffer_append_byte(writer->buffer, byte);
    }
    if (valid < text.size) {
      put(writer, "\xef\xbf\xbd");
      valid++;
    }
    text = bytes_of(text.data + valid, text.size - valid);
  }
}

void metrics_family(struct metrics_writer *writer, const char *name, enum metric_kind kind,
                    const char *help)
{
  CHECK(is_name(name));
  CHECK_THAT(writer->family_count, <, METRICS_FAMILIES_MAX);
  for (size_t i = 0; i < writer->family_count; i++) CHECK(strcmp(writer->families[i], name) != 0);
  writer->families[writer->family_count++] = name;
  writer->kind = kind;
  put(writer, "# HELP ");
  put(writer, name);
  put(writer, " ");
  put_escaped(writer, bytes_of_text(help), false);
  put(writer, "\n# TYPE ");
  put(writer, name);
  put(writer, " ");
  put(writer, KIND_NAMES[kind]);
  put(writer, "\n");
}

static void check_family(const struct metrics_writer *writer, const char *name)
{
  CHECK_THAT(writer->family_count, >, 0);
  CHECK(strcmp(writer->families[writer->family_count - 1], name) == 0);
}

/* The start of a line, up to where its value goes. `le` may be NULL. */
static void put_sample(const struct metrics_writer *writer, const char *name, const char *suffix,
                       const struct metric_label *labels, size_t label_count, const char *le)
{
  put(writer, name);
  put(writer, suffix);
  const char *before = "{";
  for (size_t i = 0; i < label_count; i++) {
    CHECK(is_label_name(labels[i].name));
    for (size_t j = 0; j < i; j++) CHECK(strcmp(labels[i].name, labels[j].name) != 0);
    put(writer, before);
    put(writer, labels[i].name);
    put(writer, "=\"");
    put_escaped(writer, labels[i].value, true);
    put(writer, "\"");
    before = ",";
  }
  if (le != NULL) {
    put(writer, before);
    put(writer, "le=\"");
    put(writer, le);
    put(writer, "\"");
  }
  put(writer, label_count > 0 || le != NULL ? "} " : " ");
}

static void put_value(const struct metrics_writer *writer, uint64_t value)
{
  buffer_append_format(writer->buffer, "%" PRIu64 "\n", value);
}

static void put_seconds(const struct metrics_writer *writer, uint64_t ns)
{
  buffer_append_format(writer->buffer, "%" PRIu64 ".%09" PRIu64 "\n", ns / NS_PER_SECOND,
                       ns % NS_PER_SECOND);
}

void metrics_sample(struct metrics_writer *writer, const char *name,
                    const struct metric_label *labels, size_t label_count, uint64_t value)
{
  check_family(writer, name);
  CHECK(writer->kind != METRIC_LATENCY);
  put_sample(writer, name, "", labels, label_count, NULL);
  put_value(writer, value);
}

void metrics_sample_ns(struct metrics_writer *writer, const char *name,
                       const struct metric_label *labels, size_t label_count, uint64_t ns)
{
  check_family(writer, name);
  CHECK(writer->kind != METRIC_LATENCY);
  put_sample(writer, name, "", labels, label_count, NULL);
  put_seconds(writer, ns);
}

void metrics_latency(struct metrics_writer *writer, const char *name,
                     const struct metric_label *labels, size_t label_count,
                     const struct metric_latency *latency)
{
  check_family(writer, name);
  CHECK(writer->kind == METRIC_LATENCY);
  uint64_t count = 0;
  for (size_t i = 0; i < METRIC_LATENCY_BUCKETS; i++) {
    count += metric_read(&latency->counts[i]);
    put_sample(writer, name, "_bucket", labels, label_count, BOUND_SECONDS[i]);
    put_value(writer, count);
  }
  put_sample(writer, name, "_sum", labels, label_count, NULL);
  put_seconds(writer, metric_read(&latency->sum_ns));
  put_sample(writer, name, "_count", labels, label_count, NULL);
  /* What was summed above, not read again: it equals the last bucket. */
  put_value(writer, count);
}

static const void *place(const void *shard, const struct metric_definition *definition)
{
  return (const uint8_t *)shard + definition->offset;
}

void metrics_write_table(struct metrics_writer *writer, const struct metric_definition *definitions,
                         size_t count, const void *const *shards, size_t shard_count)
{
  for (size_t i = 0; i < count; i++) {
    const struct metric_definition *definition = &definitions[i];
    metrics_family(writer, definition->name, definition->kind, definition->help);
    if (definition->kind == METRIC_LATENCY) {
      struct metric_latency sum = {0};
      for (size_t shard = 0; shard < shard_count; shard++)
        metric_latency_add(&sum, place(shards[shard], definition));
      metrics_latency(writer, definition->name, NULL, 0, &sum);
    } else {
      uint64_t sum = 0;
      for (size_t shard = 0; shard < shard_count; shard++)
        sum += metric_read(place(shards[shard], definition));
      metrics_sample(writer, definition->name, NULL, 0, sum);
    }
  }
}
