#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES = 20000 };

static uint64_t seed_from_environment(void)
{
  const char *text = getenv("TACOS_SEED");
  return text == NULL ? 20261123 : strtoull(text, NULL, 10);
}

/* SplitMix64. */
static uint64_t draw(uint64_t *state)
{
  uint64_t z = *state += 0x9E3779B97F4A7C15ULL;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
  return z ^ z >> 31;
}

static int compare_values(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static void make(struct histogram *histogram, struct memory *memory, uint64_t maximum)
{
  struct error error;
  assert_true(histogram_init(histogram, memory, maximum, &error));
}

static void test_empty_gives_zeros(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct histogram histogram;
  make(&histogram, &memory, 1000000);
  assert_int_equal(histogram_percentile(&histogram, 50), 0);
  assert_int_equal(histogram_min(&histogram), 0);
  assert_int_equal(histogram_max(&histogram), 0);
  assert_true(histogram_mean(&histogram) == 0);
  histogram_free(&histogram);
  assert_int_equal(memory.in_use, 0);
}

static void test_small_values_are_exact(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct histogram histogram;
  make(&histogram, &memory, UINT64_MAX);
  for (uint64_t value = 1; value <= 2000; value++) histogram_record(&histogram, value);
  assert_int_equal(histogram_percentile(&histogram, 0), 1);
  assert_int_equal(histogram_percentile(&histogram, 0.05), 1);
  assert_int_equal(histogram_percentile(&histogram, 0.0501), 2);
  assert_int_equal(histogram_percentile(&histogram, 50), 1000);
  assert_int_equal(histogram_percentile(&histogram, 99), 1980);
  assert_int_equal(histogram_percentile(&histogram, 99.9), 1998);
  assert_int_equal(histogram_percentile(&histogram, 100), 2000);
  assert_true(histogram_mean(&histogram) == 1000.5);
  histogram_free(&histogram);
}

/* Buckets follow each other without gap or overlap, none wider than 1/1,024 of its values. */
static void test_buckets_are_contiguous(void **state)
{
  (void)state;
  size_t index = 0;
  for (uint64_t value = 1; value < 1 << 20; value++) {
    size_t next = histogram_index(value);
    assert_true(next == index || next == index + 1);
    index = next;
  }
  for (unsigned int bit = 11; bit < 64; bit++) {
    uint64_t power = UINT64_C(1) << bit;
    uint64_t width = power / HISTOGRAM_STEPS;
    assert_int_equal(histogram_index(power), histogram_index(power - 1) + 1);
    assert_int_equal(histogram_index(power + width - 1), histogram_index(power));
    assert_int_equal(histogram_index(power + width), histogram_index(power) + 1);
  }
  assert_int_equal(histogram_index(UINT64_MAX), 53 * HISTOGRAM_STEPS + 2 * HISTOGRAM_STEPS - 1);
}

static void assert_percentiles(const struct histogram *histogram, const uint64_t *sorted,
                               size_t count, uint64_t seed)
{
  static const int parts[] = {0, 1, 10000, 100000, 500000, 900000, 990000, 999000, 999900, 1000000};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    size_t rank = (count * (size_t)parts[i] + 999999) / 1000000;
    uint64_t exact = sorted[rank == 0 ? 0 : rank - 1];
    uint64_t given = histogram_percentile(histogram, parts[i] / 10000.0);
    if (given < exact || given - exact > exact / 1024)
      fail_msg("percentile %f is %llu, not %llu; replay: TACOS_SEED=%llu "
               "build/asan/tests/unit/base/test_histogram",
               parts[i] / 10000.0, (unsigned long long)given, (unsigned long long)exact,
               (unsigned long long)seed);
  }
  assert_int_equal(histogram_min(histogram), sorted[0]);
  assert_int_equal(histogram_max(histogram), sorted[count - 1]);
}

/* Values of every magnitude against the sorted list, recorded in one and merged from two. */
static void test_percentiles_against_sorted_values(void **state)
{
  (void)state;
  uint64_t seed = seed_from_environment(), random = seed;
  for (unsigned int bits = 4; bits <= 64; bits += 6) {
    struct memory memory = {0};
    struct histogram whole, even, odd;
    static uint64_t values[VALUES];
    uint64_t maximum = UINT64_MAX >> (64 - bits);
    long double sum = 0;
    make(&whole, &memory, maximum);
    make(&even, &memory, maximum);
    make(&odd, &memory, maximum);
    for (size_t i = 0; i < VALUES; i++) {
      values[i] = draw(&random) >> (64 - bits) >> draw(&random) % bits;
      sum += values[i];
      histogram_record(&whole, values[i]);
      histogram_record(i % 2 == 0 ? &even : &odd, values[i]);
    }
    qsort(values, VALUES, sizeof(values[0]), compare_values);
    assert_percentiles(&whole, values, VALUES, seed);
    histogram_merge(&even, &odd);
    assert_percentiles(&even, values, VALUES, seed);
    assert_int_equal(even.count, VALUES);
    assert_true(histogram_mean(&even) == histogram_mean(&whole));
    long double difference = histogram_mean(&whole) - sum / VALUES;
    assert_true(difference <= sum / VALUES * 1e-12L && -difference <= sum / VALUES * 1e-12L);
    histogram_free(&whole);
    histogram_free(&even);
    histogram_free(&odd);
    assert_int_equal(memory.in_use, 0);
  }
}

static void test_values_above_the_maximum_count_as_it(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct histogram histogram;
  make(&histogram, &memory, 5000);
  histogram_record(&histogram, 5001);
  histogram_record(&histogram, UINT64_MAX);
  assert_int_equal(histogram_max(&histogram), 5000);
  assert_int_equal(histogram_percentile(&histogram, 50), 5000);
  assert_true(histogram_mean(&histogram) == 5000);
  histogram_free(&histogram);
}

static void test_merge_with_empty_and_reset(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct histogram one, other;
  make(&one, &memory, 5000);
  make(&other, &memory, 5000);
  histogram_record(&one, 7);
  histogram_merge(&one, &other);
  assert_int_equal(histogram_min(&one), 7);
  histogram_merge(&other, &one);
  assert_int_equal(histogram_min(&other), 7);
  assert_int_equal(histogram_max(&other), 7);
  histogram_reset(&other);
  assert_int_equal(other.count, 0);
  assert_int_equal(histogram_percentile(&other, 100), 0);
  histogram_record(&other, 9);
  assert_int_equal(histogram_percentile(&other, 0), 9);
  histogram_free(&one);
  histogram_free(&other);
}

static void test_no_memory_is_an_error(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  struct histogram histogram;
  struct error error = {0};
  assert_false(histogram_init(&histogram, &memory, 100, &error));
  assert_int_equal(error.code, ERROR_NO_MEMORY);
  assert_string_equal(error.message, "no memory for a histogram of 101 buckets");
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_empty_gives_zeros),
      cmocka_unit_test(test_small_values_are_exact),
      cmocka_unit_test(test_buckets_are_contiguous),
      cmocka_unit_test(test_percentiles_against_sorted_values),
      cmocka_unit_test(test_values_above_the_maximum_count_as_it),
      cmocka_unit_test(test_merge_with_empty_and_reset),
      cmocka_unit_test(test_no_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
