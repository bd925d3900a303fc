/*
 * Seeded random numbers of tests and the simulator: xoshiro256** 1.0 by Blackman and Vigna
 * (prng.di.unimi.it), its state filled by SplitMix64 as they advise. Same seed, same numbers.
 */
#ifndef TACOS_SIM_RANDOM_H
#define TACOS_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct random {
  uint64_t state[4];
};

static inline uint64_t random_split_mix(uint64_t *state)
{
  uint64_t mixed = (*state += 0x9e3779b97f4a7c15);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

static inline void random_init(struct random *random, uint64_t seed)
{
  for (int i = 0; i < 4; i++) random->state[i] = random_split_mix(&seed);
}

static inline uint64_t random_rotate(uint64_t value, int bits)
{
  return (value << bits) | (value >> (64 - bits));
}

static inline uint64_t random_u64(struct random *random)
{
  uint64_t *state = random->state;
  uint64_t result = random_rotate(state[1] * 5, 7) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = random_rotate(state[3], 45);
  return result;
}

/* 0 up to limit - 1 (limit > 0); the bias of the multiplication is below 2^-32 for small limits. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
  return (uint64_t)(((unsigned __int128)random_u64(random) * limit) >> 64);
}

/* Both ends included. */
static inline uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
  return low + random_below(random, high - low + 1);
}

static inline bool random_chance(struct random *random, uint32_t per_million)
{
  return random_below(random, 1000000) < per_million;
}

static inline bool random_coin(struct random *random)
{
  return random_u64(random) >> 63;
}

static inline void random_fill(struct random *random, void *to, size_t size)
{
  for (size_t i = 0; i < size; i++) ((uint8_t *)to)[i] = (uint8_t)(random_u64(random) >> 56);
}

/* The seed of this run: the environment's TACOS_SEED, else `fixed`. */
static inline uint64_t random_seed(uint64_t fixed)
{
  const char *text = getenv("TACOS_SEED");
  return text == NULL ? fixed : strtoull(text, NULL, 0);
}

#endif
