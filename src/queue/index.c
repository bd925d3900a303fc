/*
 * Invariants:
 *
 * 1. A struct is in the bucket of its hash: the low bits of it, one more in those that were split.
 * 2. The numbers of a bucket stand in front, zeros behind them; there is overflow only when it is
 *    full.
 * 3. A tag is bits TAG_BIT to TAG_BIT + 15 of the hash: bucket_count stays at or below
 *    2^(TAG_BIT + 16), so that it has every bit that a split asks for.
 */
#include "queue/index.h"

#include "base/check.h"

#include <string.h>

enum {
  SLOTS = 10,
  LINE_BYTES = 64,
  TAG_BIT = 10,
  SEGMENT_BUCKETS = 1 << TAG_BIT, /* and the least number of buckets */
  SEGMENT_BYTES = SEGMENT_BUCKETS * LINE_BYTES + LINE_BYTES,
  FIRST_SEGMENTS = 16,
  BUCKETS_MAX = 1 << (TAG_BIT + 16),
  /* Structs for each two buckets: those not yet split have up to twice as many as the others. */
  FULL_PER_TWO = 11,
};

struct bucket {
  uint32_t numbers[SLOTS];
  uint16_t tags[SLOTS];
  uint32_t overflow; /* chain of structs */
};

_Static_assert(sizeof(struct bucket) == LINE_BYTES, "a bucket is a cache line");

static uint32_t hash_of(const uint8_t key[QUEUE_KEY_BYTES])
{
  uint64_t low;
  memcpy(&low, key + QUEUE_KEY_BYTES - sizeof low, sizeof low);
  /* Ids of one millisecond count upwards in their last byte: it is to be the lowest one. */
  return (uint32_t)(__builtin_bswap64(low) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static uint16_t tag_of(uint32_t hash)
{
  return (uint16_t)(hash >> TAG_BIT);
}

/* The highest bit of a number that is not 0. */
static uint32_t high_bit(uint32_t number)
{
  return 31U - (uint32_t)__builtin_clz(number);
}

static uint32_t place_of(const struct queue_index *index, uint32_t hash)
{
  uint32_t half = 1U << high_bit(index->bucket_count);
  uint32_t bucket = hash & (2 * half - 1);
  return bucket < index->bucket_count ? bucket : bucket - half;
}

static struct bucket *bucket_at(const struct queue_index *index, uint32_t place)
{
  uintptr_t segment = (uintptr_t)index->segments[place / SEGMENT_BUCKETS];
  segment = (segment + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1);
  return (struct bucket *)segment + place % SEGMENT_BUCKETS;
}

static struct queue_entry *entry_at(const struct queue_index *index, uint32_t number)
{
  return queue_pool_at(index->pool, number);
}

static bool add_segment(struct queue_index *index)
{
  if (index->segment_count == index->segment_capacity) {
    uint32_t capacity = index->segment_capacity == 0 ? FIRST_SEGMENTS : 2 * index->segment_capacity;
    uint8_t **segments = memory_resize(index->memory, index->segments,
                                       index->segment_capacity * sizeof *segments,
                                       capacity * sizeof *segments);
    if (segments == NULL) return false;
    index->segments = segments;
    index->segment_capacity = capacity;
  }
  uint8_t *segment = memory_alloc_zeroed(index->memory, SEGMENT_BYTES);
  if (segment == NULL) return false;
  index->segments[index->segment_count++] = segment;
  return true;
}

bool queue_index_init(struct queue_index *index, const struct queue_pool *pool,
                      struct memory *memory)
{
  *index = (struct queue_index){.pool = pool, .memory = memory, .bucket_count = SEGMENT_BUCKETS};
  if (add_segment(index)) return true;
  queue_index_free(index);
  return false;
}

void queue_index_free(struct queue_index *index)
{
  if (index->segments == NULL) return; /* never made */
  for (uint32_t i = 0; i < index->segment_count; i++)
    memory_free(index->memory, index->segments[i], SEGMENT_BYTES);
  memory_free(index->memory, index->segments, index->segment_capacity * sizeof *index->segments);
  index->segments = NULL;
  index->segment_count = index->segment_capacity = 0;
}

uint32_t queue_index_find(const struct queue_index *index, const uint8_t key[QUEUE_KEY_BYTES])
{
  uint32_t hash = hash_of(key);
  const struct bucket *bucket = bucket_at(index, place_of(index, hash));
  for (int i = 0; i < SLOTS && bucket->numbers[i] != 0; i++)
    if (bucket->tags[i] == tag_of(hash) &&
        memcmp(entry_at(index, bucket->numbers[i])->key, key, QUEUE_KEY_BYTES) == 0)
      return bucket->numbers[i];
  uint32_t number = bucket->overflow;
  while (number != 0 && memcmp(entry_at(index, number)->key, key, QUEUE_KEY_BYTES) != 0)
    number = entry_at(index, number)->chain;
  return number;
}

void queue_index_prefetch(const struct queue_index *index, const uint8_t key[QUEUE_KEY_BYTES])
{
  __builtin_prefetch(bucket_at(index, place_of(index, hash_of(key))), 1);
}

static void put(struct queue_index *index, struct bucket *bucket, uint32_t number, uint16_t tag)
{
  for (int i = 0; i < SLOTS; i++) {
    if (bucket->numbers[i] != 0) continue;
    bucket->numbers[i] = number;
    bucket->tags[i] = tag;
    return;
  }
  entry_at(index, number)->chain = bucket->overflow;
  bucket->overflow = number;
  index->overflowed++;
}

/* The first of the overflow, taken out, or 0. */
static uint32_t take_overflow(struct queue_index *index, struct bucket *bucket)
{
  uint32_t number = bucket->overflow;
  if (number == 0) return 0;
  struct queue_entry *entry = entry_at(index, number);
  bucket->overflow = entry->chain;
  entry->chain = 0;
  index->overflowed--;
  return number;
}

/* Puts all of a bucket to `low`, or to `high` when the bit of the tag is set. */
static void distribute(struct queue_index *index, struct bucket all, struct bucket *low,
                       struct bucket *high, uint32_t tag_bit)
{
  for (int i = 0; i < SLOTS && all.numbers[i] != 0; i++)
    put(index, all.tags[i] >> tag_bit & 1 ? high : low, all.numbers[i], all.tags[i]);
  for (uint32_t number; (number = take_overflow(index, &all)) != 0;) {
    uint16_t tag = tag_of(hash_of(entry_at(index, number)->key));
    put(index, tag >> tag_bit & 1 ? high : low, number, tag);
  }
}

/* Splits one bucket in two, or leaves it when there is no memory. */
static void grow(struct queue_index *index)
{
  uint32_t added = index->bucket_count;
  if (added == BUCKETS_MAX) return;
  if (added / SEGMENT_BUCKETS == index->segment_count && !add_segment(index)) return;
  uint32_t bit = high_bit(added);
  struct bucket *low = bucket_at(index, added - (1U << bit));
  struct bucket *high = bucket_at(index, added);
  struct bucket all = *low;
  *low = *high = (struct bucket){0};
  index->bucket_count++;
  distribute(index, all, low, high, bit - TAG_BIT);
}

/* Joins the last bucket with the one it was split from. */
static void shrink(struct queue_index *index)
{
  uint32_t last = index->bucket_count - 1;
  uint32_t bit = high_bit(last);
  struct bucket *low = bucket_at(index, last - (1U << bit));
  struct bucket *high = bucket_at(index, last);
  struct bucket all = *high;
  *high = (struct bucket){0};
  index->bucket_count--;
  distribute(index, all, low, low, bit - TAG_BIT);
  /* A segment is kept in hand, or a count that goes up and down would allocate each time. */
  uint32_t needed = (last + SEGMENT_BUCKETS - 1) / SEGMENT_BUCKETS + 1;
  if (index->segment_count > needed)
    memory_free(index->memory, index->segments[--index->segment_count], SEGMENT_BYTES);
}

void queue_index_insert(struct queue_index *index, uint32_t number)
{
  const struct queue_entry *entry = entry_at(index, number);
  CHECK_SLOW(queue_index_find(index, entry->key) == 0);
  uint32_t hash = hash_of(entry->key);
  put(index, bucket_at(index, place_of(index, hash)), number, tag_of(hash));
  index->count++;
  if (2 * index->count > (size_t)FULL_PER_TWO * index->bucket_count) grow(index);
}

/* Out of the chain of a bucket; CHECKs that it is there. */
static void remove_overflow(struct queue_index *index, struct bucket *bucket, uint32_t number)
{
  uint32_t *from = &bucket->overflow;
  while (*from != number) {
    CHECK_THAT(*from, !=, 0);
    from = &entry_at(index, *from)->chain;
  }
  struct queue_entry *entry = entry_at(index, number);
  *from = entry->chain;
  entry->chain = 0;
  index->overflowed--;
}

static void remove_slot(struct queue_index *index, struct bucket *bucket, int slot)
{
  int last = slot;
  while (last + 1 < SLOTS && bucket->numbers[last + 1] != 0) last++;
  bucket->numbers[slot] = bucket->numbers[last];
  bucket->tags[slot] = bucket->tags[last];
  bucket->numbers[last] = 0;
  uint32_t number = take_overflow(index, bucket);
  if (number != 0) put(index, bucket, number, tag_of(hash_of(entry_at(index, number)->key)));
}

void queue_index_remove(struct queue_index *index, uint32_t number)
{
  struct bucket *bucket = bucket_at(index, place_of(index, hash_of(entry_at(index, number)->key)));
  int slot = 0;
  while (slot < SLOTS && bucket->numbers[slot] != number) slot++;
  if (slot < SLOTS)
    remove_slot(index, bucket, slot);
  else
    remove_overflow(index, bucket, number);
  index->count--;
  if (index->bucket_count > SEGMENT_BUCKETS &&
      4 * index->count < (size_t)FULL_PER_TWO * index->bucket_count)
    shrink(index);
}

size_t queue_index_bytes(const struct queue_index *index)
{
  return index->segment_count * (size_t)SEGMENT_BYTES +
         index->segment_capacity * sizeof *index->segments;
}
