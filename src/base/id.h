/*
 * Time-ordered ids of 128 bits (ULID): sorted by their bytes, or by their text, they are sorted by
 * the time they were made.
 *
 *     | 48 bits: UTC milliseconds, big-endian | 80 bits: random |
 *
 * An id is hard to collide with, not hard to guess: ids of one millisecond follow each other. What
 * must not be guessed (tokens) is drawn from the world's entropy.
 * Source: github.com/ulid/spec; digits are Crockford's base 32.
 */
#ifndef TACOS_BASE_ID_H
#define TACOS_BASE_ID_H

#include "base/bytes.h"
#include "base/world.h"

enum {
  ID_BYTES = 16,
  ID_TEXT_BYTES = 26,
  ID_RANDOM_BYTES = 10,
  ID_POOL_BYTES = 64 * ID_RANDOM_BYTES, /* one call for entropy serves 64 milliseconds */
};

struct id {
  uint8_t bytes[ID_BYTES];
};

/* One per thread that makes ids, on the world of that thread. Nothing to free. */
struct id_generator {
  struct world *world;
  struct id last;
  size_t pool_used;
  uint8_t pool[ID_POOL_BYTES]; /* random bytes not given out yet, from pool_used on */
};

void id_generator_init(struct id_generator *generator, struct world *world);

/*
 * A new id, greater than all before it from this generator. In the millisecond of the last id, or
 * when the clock went back, it is the last one plus one; a carry out of the random part goes into
 * the time, which is then ahead of the clock.
 */
struct id id_generate(struct id_generator *generator);

/* The milliseconds since 1970 of an id. */
int64_t id_time_ms(const struct id *id);

/* Negative, 0 or positive. */
static inline int id_compare(const struct id *left, const struct id *right)
{
  return memcmp(left->bytes, right->bytes, ID_BYTES);
}

/* Writes exactly ID_TEXT_BYTES characters, no zero. */
void id_format(const struct id *id, char text[ID_TEXT_BYTES]);

/*
 * False unless the text is what id_format writes (upper case; no I, L, O, U; not above 7ZZ...), so
 * that an id has one spelling.
 */
bool id_parse(struct bytes text, struct id *id);

#endif
