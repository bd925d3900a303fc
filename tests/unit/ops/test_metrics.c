#include "ops/metrics.h"

#include "sim/random.h"
#include "unit/ops/exposition.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct numbers {
  uint64_t seen;
  uint64_t open;
  struct metric_latency latency;
};

static const struct metric_definition DEFINITIONS[] = {
    {"tacos_seen_total", METRIC_COUNTER, "Things seen.", offsetof(struct numbers, seen)},
    {"tacos_open", METRIC_GAUGE, "Things open.", offsetof(struct numbers, open)},
    {"tacos_wait_seconds", METRIC_LATENCY, "Time waited.", offsetof(struct numbers, latency)},
};

struct fixture {
  struct memory memory;
  struct buffer buffer;
  struct metrics_writer writer;
};

static void fixture_open(struct fixture *fixture)
{
  fixture->memory = (struct memory){0};
  buffer_init(&fixture->buffer, &fixture->memory);
  metrics_writer_init(&fixture->writer, &fixture->buffer);
}

static void fixture_close(struct fixture *fixture)
{
  buffer_free(&fixture->buffer);
  assert_int_equal(fixture->memory.in_use, 0);
}

static void assert_text(const struct fixture *fixture, const char *expected)
{
  struct bytes text = buffer_bytes(&fixture->buffer);
  exposition_check(text);
  if (!bytes_equal(text, bytes_of_text(expected))) fail_msg("%.*s", BYTES_FORMAT(text));
}

static void assert_sample(const struct fixture *fixture, const char *sample, const char *expected)
{
  char value[64];
  if (!exposition_find(buffer_bytes(&fixture->buffer), sample, value)) fail_msg("no %s", sample);
  assert_string_equal(value, expected);
}

static void test_numbers_change(void **state)
{
  (void)state;
  uint64_t metric = 0;
  metric_add(&metric, 3);
  metric_add(&metric, 4);
  assert_int_equal(metric_read(&metric), 7);
  metric_subtract(&metric, 2);
  assert_int_equal(metric_read(&metric), 5);
  metric_set(&metric, 1);
  assert_int_equal(metric_read(&metric), 1);
}

static size_t naive_bucket(uint64_t ns)
{
  static const double seconds[] = {50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3,
                                   50e-3, 100e-3, 250e-3, 500e-3, 1,    2.5,    5,    10};
  size_t bucket = 0;
  while (bucket < 17 && (double)ns > seconds[bucket] * 1e9 + 0.5) bucket++;
  return bucket;
}

static void test_bucket_is_the_first_that_is_not_below(void **state)
{
  (void)state;
  for (size_t i = 0; i + 1 < METRIC_LATENCY_BUCKETS; i++) {
    uint64_t bound = metric_latency_bounds_ns[i];
    assert_int_equal(metric_latency_bucket(bound - 1), i);
    assert_int_equal(metric_latency_bucket(bound), i);
    assert_int_equal(metric_latency_bucket(bound + 1), i + 1);
    assert_int_equal(naive_bucket(bound), i);
    if (i > 0) assert_true(bound >= 2 * metric_latency_bounds_ns[i - 1]);
  }
  assert_int_equal(metric_latency_bucket(0), 0);
  assert_int_equal(metric_latency_bucket(UINT64_MAX), METRIC_LATENCY_BUCKETS - 1);
  struct random random;
  random_init(&random, random_seed(1));
  for (int i = 0; i < 100000; i++) {
    uint64_t ns = random_u64(&random) >> random_below(&random, 64);
    assert_int_equal(metric_latency_bucket(ns), naive_bucket(ns));
  }
}

static void test_latency_text(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct metric_latency latency = {0};
  metric_latency_record(&latency, 50000);
  metric_latency_record(&latency, 50001);
  metric_latency_record(&latency, 1200000000);
  metric_latency_record(&latency, 11000000000);
  const struct metric_label labels[] = {{"route", BYTES("/a")}};
  metrics_family(&fixture.writer, "w_seconds", METRIC_LATENCY, "Wait.");
  metrics_latency(&fixture.writer, "w_seconds", labels, 1, &latency);
  assert_text(&fixture, "# HELP w_seconds Wait.\n"
                        "# TYPE w_seconds histogram\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.00005\"} 1\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.0001\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.00025\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.0005\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.001\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.0025\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.005\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.01\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.025\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.05\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.1\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.25\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"0.5\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"1\"} 2\n"
                        "w_seconds_bucket{route=\"/a\",le=\"2.5\"} 3\n"
                        "w_seconds_bucket{route=\"/a\",le=\"5\"} 3\n"
                        "w_seconds_bucket{route=\"/a\",le=\"10\"} 3\n"
                        "w_seconds_bucket{route=\"/a\",le=\"+Inf\"} 4\n"
                        "w_seconds_sum{route=\"/a\"} 12.200100001\n"
                        "w_seconds_count{route=\"/a\"} 4\n");
  fixture_close(&fixture);
}

static void test_bounds_are_written_as_they_count(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < METRIC_LATENCY_BUCKETS; i++) {
    char name[32], sample[64], value[64];
    snprintf(name, sizeof(name), "w%zu_seconds", i);
    struct metric_latency latency = {.counts = {[0] = 0}};
    latency.counts[i] = 1;
    buffer_clear(&fixture.buffer);
    metrics_writer_init(&fixture.writer, &fixture.buffer);
    metrics_family(&fixture.writer, name, METRIC_LATENCY, "");
    metrics_latency(&fixture.writer, name, NULL, 0, &latency);
    exposition_check(buffer_bytes(&fixture.buffer));
    if (i + 1 == METRIC_LATENCY_BUCKETS) break;
    /* The shortest text of the bound, without an exponent. */
    snprintf(value, sizeof(value), "%.5f", (double)metric_latency_bounds_ns[i] / 1e9);
    value[strspn(value, "0123456789.")] = 0;
    while (value[strlen(value) - 1] == '0') value[strlen(value) - 1] = 0;
    if (value[strlen(value) - 1] == '.') value[strlen(value) - 1] = 0;
    snprintf(sample, sizeof(sample), "w%zu_seconds_bucket{le=\"%.20s\"}", i, value);
    assert_sample(&fixture, sample, "1");
  }
  fixture_close(&fixture);
}

static void test_labels_and_help_are_escaped(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  metrics_family(&fixture.writer, "a_total", METRIC_COUNTER, "A \"b\" \\ c\nd.");
  const struct metric_label labels[] = {{"one", BYTES("x\"y\\z\n")},
                                        {"_two", BYTES("a\xff\xc3\xa9\xc3")}};
  metrics_sample(&fixture.writer, "a_total", labels, 2, UINT64_MAX);
  metrics_sample(&fixture.writer, "a_total", labels, 1, 0);
  metrics_sample(&fixture.writer, "a_total", NULL, 0, 5);
  const struct metric_label empty[] = {{"one", BYTES("")}};
  metrics_sample_ns(&fixture.writer, "a_total", empty, 1, 1000000001);
  assert_text(&fixture,
              "# HELP a_total A \"b\" \\\\ c\\nd.\n"
              "# TYPE a_total counter\n"
              "a_total{one=\"x\\\"y\\\\z\\n\",_two=\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\"} "
              "18446744073709551615\n"
              "a_total{one=\"x\\\"y\\\\z\\n\"} 0\n"
              "a_total 5\n"
              "a_total{one=\"\"} 1.000000001\n");
  fixture_close(&fixture);
}

static void test_table_sums_shards(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct numbers first = {.seen = 3, .open = 1}, second = {.seen = 4};
  metric_subtract(&second.open, 1);
  metric_latency_record(&first.latency, 1000000);
  metric_latency_record(&second.latency, 2000000);
  const void *shards[] = {&first, &second};
  metrics_write_table(&fixture.writer, DEFINITIONS, 3, shards, 2);
  exposition_check(buffer_bytes(&fixture.buffer));
  assert_sample(&fixture, "tacos_seen_total", "7");
  assert_sample(&fixture, "tacos_open", "0");
  assert_sample(&fixture, "tacos_wait_seconds_bucket{le=\"0.001\"}", "1");
  assert_sample(&fixture, "tacos_wait_seconds_bucket{le=\"0.0025\"}", "2");
  assert_sample(&fixture, "tacos_wait_seconds_sum", "0.003000000");
  assert_sample(&fixture, "tacos_wait_seconds_count", "2");
  fixture_close(&fixture);
}

static void test_text_survives_no_memory(void **state)
{
  (void)state;
  struct numbers numbers = {.seen = 1};
  const void *shards[] = {&numbers};
  for (uint64_t fail_at = 1;; fail_at++) {
    struct fixture fixture;
    fixture_open(&fixture);
    fixture.memory.fail_at = fail_at;
    metrics_write_table(&fixture.writer, DEFINITIONS, 3, shards, 1);
    bool failed = fixture.buffer.failed;
    if (!failed) exposition_check(buffer_bytes(&fixture.buffer));
    fixture_close(&fixture);
    if (!failed) {
      assert_true(fail_at > 2);
      return;
    }
  }
}

static void family_twice(struct metrics_writer *writer)
{
  metrics_family(writer, "b_total", METRIC_COUNTER, "");
  metrics_family(writer, "a_total", METRIC_COUNTER, "");
}
static void sample_of_another(struct metrics_writer *writer)
{
  metrics_sample(writer, "b_total", NULL, 0, 1);
}
static void sample_of_a_latency(struct metrics_writer *writer)
{
  metrics_family(writer, "b_seconds", METRIC_LATENCY, "");
  metrics_sample(writer, "b_seconds", NULL, 0, 1);
}
static void latency_of_a_counter(struct metrics_writer *writer)
{
  struct metric_latency latency = {0};
  metrics_latency(writer, "a_total", NULL, 0, &latency);
}
static void bad_name(struct metrics_writer *writer)
{
  metrics_family(writer, "9_total", METRIC_COUNTER, "");
}
static void empty_name(struct metrics_writer *writer)
{
  metrics_family(writer, "", METRIC_COUNTER, "");
}
static void bad_label(struct metrics_writer *writer)
{
  const struct metric_label labels[] = {{"a-b", BYTES("")}};
  metrics_sample(writer, "a_total", labels, 1, 1);
}
static void label_le(struct metrics_writer *writer)
{
  const struct metric_label labels[] = {{"le", BYTES("1")}};
  metrics_sample(writer, "a_total", labels, 1, 1);
}
static void label_twice(struct metrics_writer *writer)
{
  const struct metric_label labels[] = {{"a", BYTES("1")}, {"b", BYTES("")}, {"a", BYTES("2")}};
  metrics_sample(writer, "a_total", labels, 3, 1);
}

static void test_mistakes_stop_the_program(void **state)
{
  (void)state;
  void (*const mistakes[])(struct metrics_writer *) = {
      family_twice, sample_of_another, sample_of_a_latency, latency_of_a_counter,
      bad_name,     empty_name,        bad_label,           label_le,
      label_twice};
  for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      signal(SIGABRT, SIG_DFL);
      close(STDERR_FILENO);
      struct fixture fixture;
      fixture_open(&fixture);
      metrics_family(&fixture.writer, "a_total", METRIC_COUNTER, "");
      mistakes[i](&fixture.writer);
      _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) fail_msg("mistake %zu passed", i);
  }
}

enum { THREAD_STEPS = 100000 };

static void *count_things(void *context)
{
  struct numbers *numbers = context;
  for (uint64_t i = 0; i < THREAD_STEPS; i++) {
    metric_add(&numbers->seen, 1);
    metric_latency_record(&numbers->latency, i);
  }
  return NULL;
}

/* While owners count, a reader sees only what was there: sums that never go back. */
static void test_owners_count_while_read(void **state)
{
  (void)state;
  struct numbers numbers[2] = {0};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, count_things, &numbers[i]), 0);
  uint64_t last = 0, seen = 0;
  for (int i = 0; i < 1000; i++) {
    seen = metric_read(&numbers[0].seen) + metric_read(&numbers[1].seen);
    assert_true(seen >= last);
    last = seen;
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  struct metric_latency sum = {0};
  for (int i = 0; i < 2; i++) metric_latency_add(&sum, &numbers[i].latency);
  uint64_t count = 0;
  for (int i = 0; i < METRIC_LATENCY_BUCKETS; i++) count += sum.counts[i];
  assert_int_equal(count, 2 * THREAD_STEPS);
  assert_int_equal(sum.sum_ns, (uint64_t)THREAD_STEPS * (THREAD_STEPS - 1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers_change),
      cmocka_unit_test(test_bucket_is_the_first_that_is_not_below),
      cmocka_unit_test(test_latency_text),
      cmocka_unit_test(test_bounds_are_written_as_they_count),
      cmocka_unit_test(test_labels_and_help_are_escaped),
      cmocka_unit_test(test_table_sums_shards),
      cmocka_unit_test(test_text_survives_no_memory),
      cmocka_unit_test(test_mistakes_stop_the_program),
      cmocka_unit_test(test_owners_count_while_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
