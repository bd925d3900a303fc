/*
 * The shuffle: who came before the sale opened gets a place by lot, which everybody can check.
 *
 * When the room is made a seed of 32 random bytes is drawn, and SHA-256(seed) is published: the
 * commitment. Numbers 0 .. n-1 are given out until the sale opens; n is known only then. At the
 * opening the seed is published too, and the place of each number follows from seed and n:
 *
 *     keys     key[r] = the first 8 bytes of SHA-256(seed | "tacos-shuffle-1" | byte r), r = 0..9,
 *              as a big-endian number
 *     half     the smallest h >= 4 with 4^h >= n + 2; a value has 2h bits: left | right
 *     round r  (left, right) <- (right, left ^ (mix(key[r] ^ right) mod 2^h))
 *     mix(x)   x ^= x >> 30;  x *= 0xbf58476d1ce4e5b9
 *              x ^= x >> 27;  x *= 0x94d049bb133111eb
 *              x ^= x >> 31                              modulo 2^64 (SplitMix64's finalizer)
 *     place    value <- number; ten rounds, again and again until value < n
 *
 * That is a Feistel network, so it is a permutation of 0 .. 4^h - 1, and "again until" makes one of
 * 0 .. n-1 of it (cycle walking: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
 * Less than four times ten rounds on average above 64 numbers. Nothing is stored, and the way back
 * is the rounds in reverse. Nobody who does not know the seed can tell a place before the opening;
 * who knows it cannot change it, and does not know n.
 *
 * Pure functions; any thread.
 */
#ifndef TACOS_ROOM_SHUFFLE_H
#define TACOS_ROOM_SHUFFLE_H

#include "base/hash.h"

#define SHUFFLE_ALGORITHM "tacos-shuffle-1"

enum { SHUFFLE_SEED_BYTES = 32, SHUFFLE_ROUNDS = 10, SHUFFLE_HALF_MIN = 4 };

struct shuffle {
  uint32_t count; /* n */
  uint32_t half;  /* h */
  uint64_t keys[SHUFFLE_ROUNDS];
};

void shuffle_init(struct shuffle *shuffle, const uint8_t seed[SHUFFLE_SEED_BYTES], uint32_t count);

/* The place of a number, and the number at a place; both below count. */
uint32_t shuffle_place(const struct shuffle *shuffle, uint32_t number);
uint32_t shuffle_number(const struct shuffle *shuffle, uint32_t place);

#endif
