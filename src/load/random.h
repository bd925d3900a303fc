/*
 * Numbers that only have to look random: which seat, how long somebody thinks. SplitMix64 (Steele,
 * Lea and Flood 2014), so that a seed repeats a run's choices. Not for secrets. The state is the
 * caller's; one thread.
 */
#ifndef TACOS_LOAD_RANDOM_H
#define TACOS_LOAD_RANDOM_H

#include <stdint.h>

static inline uint64_t load_random(uint64_t *state)
{
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

/* 0 up to bound - 1; bound is not 0. */
static inline uint64_t load_random_below(uint64_t *state, uint64_t bound)
{
  return (uint64_t)((unsigned __int128)load_random(state) * bound >> 64);
}

/* 0 up to, but not, 1. */
static inline double load_random_unit(uint64_t *state)
{
  return (double)(load_random(state) >> 11) * 0x1.0p-53;
}

#endif
