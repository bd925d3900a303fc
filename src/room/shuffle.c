#include "room/shuffle.h"

#include "base/check.h"

void shuffle_init(struct shuffle *shuffle, const uint8_t seed[SHUFFLE_SEED_BYTES], uint32_t count)
{
  enum { LABEL_BYTES = sizeof SHUFFLE_ALGORITHM - 1 };
  uint8_t text[SHUFFLE_SEED_BYTES + LABEL_BYTES + 1];
  uint8_t digest[HASH_SHA256_BYTES];
  memcpy(text, seed, SHUFFLE_SEED_BYTES);
  memcpy(text + SHUFFLE_SEED_BYTES, SHUFFLE_ALGORITHM, LABEL_BYTES);
  for (int round = 0; round < SHUFFLE_ROUNDS; round++) {
    text[sizeof text - 1] = (uint8_t)round;
    hash_sha256(bytes_of(text, sizeof text), digest);
    shuffle->keys[round] = __builtin_bswap64(bytes_get_u64(digest));
  }
  shuffle->count = count;
  shuffle->half = SHUFFLE_HALF_MIN;
  while ((uint64_t)1 << (2 * shuffle->half) < (uint64_t)count + 2) shuffle->half++;
}

static uint64_t mix(uint64_t x)
{
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ x >> 31;
}

static uint32_t forward(const struct shuffle *shuffle, uint32_t value)
{
  const uint32_t mask = ((uint32_t)1 << shuffle->half) - 1;
  uint32_t left = value >> shuffle->half;
  uint32_t right = value & mask;
  for (int round = 0; round < SHUFFLE_ROUNDS; round++) {
    uint32_t next = left ^ ((uint32_t)mix(shuffle->keys[round] ^ right) & mask);
    left = right;
    right = next;
  }
  return left << shuffle->half | right;
}

static uint32_t backward(const struct shuffle *shuffle, uint32_t value)
{
  const uint32_t mask = ((uint32_t)1 << shuffle->half) - 1;
  uint32_t left = value >> shuffle->half;
  uint32_t right = value & mask;
  for (int round = SHUFFLE_ROUNDS; round-- > 0;) {
    uint32_t before = right ^ ((uint32_t)mix(shuffle->keys[round] ^ left) & mask);
    right = left;
    left = before;
  }
  return left << shuffle->half | right;
}

uint32_t shuffle_place(const struct shuffle *shuffle, uint32_t number)
{
  CHECK_THAT(number, <, shuffle->count);
  do number = forward(shuffle, number);
  while (number >= shuffle->count);
  return number;
}

uint32_t shuffle_number(const struct shuffle *shuffle, uint32_t place)
{
  CHECK_THAT(place, <, shuffle->count);
  do place = backward(shuffle, place);
  while (place >= shuffle->count);
  return place;
}
