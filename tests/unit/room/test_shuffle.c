#include "room/shuffle.h"

#include "sim/random.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Computed by a program of its own from the text of shuffle.h; the seed is 0, 1, ... 31. */
static const struct known {
  uint32_t count, number, place;
} KNOWN[] = {
    {1, 0, 0},
    {7, 0, 2},
    {7, 1, 6},
    {7, 6, 0},
    {10, 0, 8},
    {10, 5, 7},
    {10, 9, 4},
    {254, 0, 197},
    {254, 127, 56},
    {254, 253, 136},
    {255, 0, 23},
    {255, 254, 121},
    {1000, 2, 605},
    {1000, 999, 841},
    {300000, 0, 207408},
    {300000, 150000, 296806},
    {300000, 299999, 121696},
    {16777216, 0, 4259820},
    {16777216, 8388608, 16252161},
    {16777216, 16777215, 11543851},
};

static void seed_of(uint8_t seed[SHUFFLE_SEED_BYTES], uint64_t number)
{
  struct random random;
  random_init(&random, number);
  random_fill(&random, seed, SHUFFLE_SEED_BYTES);
}

static void test_places_that_were_computed_elsewhere(void **state)
{
  (void)state;
  uint8_t seed[SHUFFLE_SEED_BYTES];
  struct shuffle shuffle;
  for (uint8_t i = 0; i < SHUFFLE_SEED_BYTES; i++) seed[i] = i;
  for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
    shuffle_init(&shuffle, seed, KNOWN[i].count);
    assert_int_equal(shuffle_place(&shuffle, KNOWN[i].number), KNOWN[i].place);
  }
  static const uint32_t of_zeros[] = {0, 3, 4, 2, 1};
  memset(seed, 0, sizeof seed);
  shuffle_init(&shuffle, seed, 5);
  for (uint32_t i = 0; i < 5; i++) assert_int_equal(shuffle_place(&shuffle, i), of_zeros[i]);
}

/* Each place once, and the way back. */
static void expect_permutation(uint64_t seed_number, uint32_t count)
{
  uint8_t seed[SHUFFLE_SEED_BYTES];
  struct shuffle shuffle;
  bool *taken = calloc(count, sizeof *taken);
  assert_non_null(taken);
  seed_of(seed, seed_number);
  shuffle_init(&shuffle, seed, count);
  for (uint32_t number = 0; number < count; number++) {
    uint32_t place = shuffle_place(&shuffle, number);
    assert_true(place < count && !taken[place]);
    taken[place] = true;
    assert_int_equal(shuffle_number(&shuffle, place), number);
  }
  free(taken);
}

static void test_is_a_permutation_with_a_way_back(void **state)
{
  (void)state;
  for (uint32_t count = 1; count <= 300; count++) expect_permutation(count, count);
  for (uint32_t half = 5; half <= 8; half++)
    for (uint32_t off = 0; off < 5; off++) expect_permutation(off, (1U << 2 * half) - 4 + off);
  expect_permutation(1, 123457);
}

/*
 * The places of one number over many seeds, in so many boxes of the same size: the statistic of
 * Pearson's test. With b boxes it has mean b - 1 and variance 2 (b - 1).
 */
static double statistic(uint32_t count, uint32_t number, uint32_t boxes, uint32_t seeds)
{
  uint32_t found[64] = {0};
  assert_true(boxes <= 64 && count % boxes == 0);
  for (uint64_t i = 0; i < seeds; i++) {
    uint8_t seed[SHUFFLE_SEED_BYTES];
    struct shuffle shuffle;
    seed_of(seed, i * 1000 + number);
    shuffle_init(&shuffle, seed, count);
    found[(uint64_t)shuffle_place(&shuffle, number) * boxes / count]++;
  }
  double expected = (double)seeds / boxes;
  double sum = 0;
  for (uint32_t i = 0; i < boxes; i++) sum += (found[i] - expected) * (found[i] - expected);
  return sum / expected;
}

static void test_every_place_is_as_likely(void **state)
{
  (void)state;
  static const uint32_t counts[] = {2, 5, 10, 60, 1000, 300000, 16000000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    uint32_t count = counts[i];
    uint32_t boxes = count < 50 ? count : count % 50 == 0 ? 50 : 60;
    const uint32_t numbers[] = {0, 1, count / 2, count - 1};
    for (int j = 0; j < 4; j++) {
      double of_all = statistic(count, numbers[j], boxes, 2500);
      double mean = boxes - 1;
      /* Three and a half deviations; the seeds are fixed, so it is the same every time. */
      if (of_all > mean + 3.5 * sqrt(2 * mean) + 3)
        fail_msg("n %u, number %u: chi-square %.1f of %u boxes", count, numbers[j], of_all, boxes);
    }
  }
}

/* Within one shuffle: how far neighbours come apart, on average a third of n (of two at random). */
static void test_neighbours_come_apart(void **state)
{
  (void)state;
  enum { COUNT = 200000 };
  uint8_t seed[SHUFFLE_SEED_BYTES];
  struct shuffle shuffle;
  double apart = 0;
  double moved = 0;
  seed_of(seed, 5);
  shuffle_init(&shuffle, seed, COUNT);
  uint32_t last = shuffle_place(&shuffle, 0);
  for (uint32_t number = 1; number < COUNT; number++) {
    uint32_t place = shuffle_place(&shuffle, number);
    apart += fabs((double)place - last) / COUNT;
    moved += fabs((double)place - number) / COUNT;
    last = place;
  }
  assert_true(fabs(apart / COUNT - 1.0 / 3) < 0.005);
  assert_true(fabs(moved / COUNT - 1.0 / 3) < 0.005);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_places_that_were_computed_elsewhere),
      cmocka_unit_test(test_is_a_permutation_with_a_way_back),
      cmocka_unit_test(test_every_place_is_as_likely),
      cmocka_unit_test(test_neighbours_come_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
