#include "room/ranks.h"

#include "base/check.h"

#include <string.h>

enum {
  BLOCK_WORDS = 8,
  BLOCK_PLACES = BLOCK_WORDS * 64,
  BLOCKS_FIRST = 8, /* reserved at once: a small room needs no more */
};

void ranks_init(struct ranks *ranks, struct memory *memory)
{
  *ranks = (struct ranks){.memory = memory};
}

void ranks_free(struct ranks *ranks)
{
  size_t blocks = ranks->capacity;
  if (ranks->words != NULL)
    memory_free(ranks->memory, ranks->words, blocks * BLOCK_WORDS * sizeof *ranks->words);
  if (ranks->counts != NULL)
    memory_free(ranks->memory, ranks->counts, blocks * sizeof *ranks->counts);
  ranks_init(ranks, ranks->memory);
}

/* Memory for so many blocks; the words may have grown when it is false, the capacity has not. */
static bool grow(struct ranks *ranks, uint32_t blocks)
{
  size_t old = ranks->capacity;
  uint64_t *words = memory_alloc(ranks->memory, blocks * (size_t)BLOCK_WORDS * sizeof *words);
  uint32_t *counts = memory_alloc(ranks->memory, blocks * sizeof *counts);
  if (words == NULL || counts == NULL) {
    if (words != NULL)
      memory_free(ranks->memory, words, blocks * (size_t)BLOCK_WORDS * sizeof *words);
    if (counts != NULL) memory_free(ranks->memory, counts, blocks * sizeof *counts);
    return false;
  }
  if (old > 0) {
    memcpy(words, ranks->words, old * BLOCK_WORDS * sizeof *words);
    memcpy(counts, ranks->counts, old * sizeof *counts);
    memory_free(ranks->memory, ranks->words, old * BLOCK_WORDS * sizeof *words);
    memory_free(ranks->memory, ranks->counts, old * sizeof *counts);
  }
  ranks->words = words;
  ranks->counts = counts;
  ranks->capacity = blocks;
  return true;
}

/* The node of a new, empty block sums what is below it. */
static void append_block(struct ranks *ranks)
{
  uint32_t block = ranks->blocks++;
  uint32_t sum = 0;
  uint32_t least = block & (block + 1);
  for (uint32_t node = block; node > least;) {
    sum += ranks->counts[node - 1];
    node = (node - 1) & node;
  }
  ranks->counts[block] = sum;
  memset(&ranks->words[(size_t)block * BLOCK_WORDS], 0, BLOCK_WORDS * sizeof *ranks->words);
}

bool ranks_reserve(struct ranks *ranks, uint32_t places)
{
  uint32_t blocks = (places + BLOCK_PLACES - 1) / BLOCK_PLACES;
  if (blocks > ranks->capacity) {
    uint32_t most = ranks->capacity + ranks->capacity / 8 + BLOCKS_FIRST;
    if (!grow(ranks, most > blocks ? most : blocks)) return false;
  }
  while (ranks->blocks < blocks) append_block(ranks);
  return true;
}

bool ranks_has(const struct ranks *ranks, uint32_t place)
{
  if (place / BLOCK_PLACES >= ranks->blocks) return false;
  return (ranks->words[place / 64] >> (place % 64) & 1) != 0;
}

static void count(struct ranks *ranks, uint32_t place, uint32_t by)
{
  for (uint32_t node = place / BLOCK_PLACES; node < ranks->blocks; node |= node + 1)
    ranks->counts[node] += by;
  ranks->total += by;
}

void ranks_add(struct ranks *ranks, uint32_t place)
{
  CHECK_THAT(place / BLOCK_PLACES, <, ranks->blocks);
  if (ranks_has(ranks, place)) return;
  ranks->words[place / 64] |= (uint64_t)1 << (place % 64);
  count(ranks, place, 1);
}

void ranks_remove(struct ranks *ranks, uint32_t place)
{
  if (!ranks_has(ranks, place)) return;
  ranks->words[place / 64] &= ~((uint64_t)1 << (place % 64));
  count(ranks, place, UINT32_MAX); /* one less */
}

uint32_t ranks_before(const struct ranks *ranks, uint32_t place)
{
  uint32_t block = place / BLOCK_PLACES;
  if (block >= ranks->blocks) return ranks->total;
  uint32_t sum = 0;
  for (uint32_t node = block; node > 0; node &= node - 1) sum += ranks->counts[node - 1];
  for (uint32_t word = block * BLOCK_WORDS; word < place / 64; word++)
    sum += (uint32_t)__builtin_popcountll(ranks->words[word]);
  uint64_t below = ranks->words[place / 64] & (((uint64_t)1 << (place % 64)) - 1);
  return sum + (uint32_t)__builtin_popcountll(below);
}

/* The place with so many of the set before it, which is below the total. */
static uint32_t select(const struct ranks *ranks, uint32_t before)
{
  /* The most blocks from the start on that have no more than `before` together. */
  uint32_t end = 0;
  uint32_t step = (uint32_t)1 << (31 - __builtin_clz(ranks->blocks));
  for (; step > 0; step >>= 1) {
    if (end + step > ranks->blocks || ranks->counts[end + step - 1] > before) continue;
    end += step;
    before -= ranks->counts[end - 1];
  }
  CHECK_THAT(end, <, ranks->blocks);
  uint32_t word = end * BLOCK_WORDS;
  for (;; word++) {
    uint32_t in_word = (uint32_t)__builtin_popcountll(ranks->words[word]);
    if (before < in_word) break;
    before -= in_word;
  }
  uint64_t bits = ranks->words[word];
  for (; before > 0; before--) bits &= bits - 1;
  return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

uint32_t ranks_next(const struct ranks *ranks, uint32_t place)
{
  uint32_t before = ranks_before(ranks, place);
  return before == ranks->total ? RANKS_NONE : select(ranks, before);
}
