#include "queue/index.h"

#include "base/check.h"

#include <string.h>

enum {
  SEGMENT_BUCKETS = 4096,
  SEGMENT_BYTES = SEGMENT_BUCKETS * 4,
  FIRST_SEGMENTS = 16,
};

static uint64_t hash_of(const uint8_t key[QUEUE_KEY_BYTES])
{
  uint64_t low;
  memcpy(&low, key + QUEUE_KEY_BYTES - sizeof low, sizeof low);
  /* Ids of one millisecond count upwards in their last byte: it is to be the lowest one. */
  return __builtin_bswap64(low) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static uint32_t bucket_of(const struct queue_index *index, uint64_t hash)
{
  uint32_t half = 1U << (31 - __builtin_clz(index->bucket_count));
  uint32_t bucket = (uint32_t)hash & (2 * half - 1);
  return bucket < index->bucket_count ? bucket : bucket - half;
}

static uint32_t *head_at(const struct queue_index *index, uint32_t bucket)
{
  return &index->segments[bucket / SEGMENT_BUCKETS][bucket % SEGMENT_BUCKETS];
}

static struct queue_entry *entry_at(const struct queue_index *index, uint32_t number)
{
  return queue_pool_at(index->pool, number);
}

static bool add_segment(struct queue_index *index)
{
  if (index->segment_count == index->segment_capacity) {
    uint32_t capacity = index->segment_capacity == 0 ? FIRST_SEGMENTS : 2 * index->segment_capacity;
    uint32_t **segments = memory_resize(index->memory, index->segments,
                                        index->segment_capacity * sizeof *segments,
                                        capacity * sizeof *segments);
    if (segments == NULL) return false;
    index->segments = segments;
    index->segment_capacity = capacity;
  }
  uint32_t *segment = memory_alloc_zeroed(index->memory, SEGMENT_BYTES);
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
  uint32_t number = *head_at(index, bucket_of(index, hash_of(key)));
  while (number != 0) {
    const struct queue_entry *entry = entry_at(index, number);
    if (memcmp(entry->key, key, QUEUE_KEY_BYTES) == 0) return number;
    number = entry->chain;
  }
  return 0;
}

/* Splits one bucket in two, or leaves it when there is no memory. */
static void grow(struct queue_index *index)
{
  uint32_t added = index->bucket_count;
  if (added / SEGMENT_BUCKETS == index->segment_count && !add_segment(index)) return;
  uint32_t half = 1U << (31 - __builtin_clz(added));
  uint32_t *old = head_at(index, added - half);
  uint32_t *new = head_at(index, added);
  uint32_t number = *old;
  *old = *new = 0;
  index->bucket_count++;
  while (number != 0) {
    struct queue_entry *entry = entry_at(index, number);
    uint32_t rest = entry->chain;
    uint32_t *head = bucket_of(index, hash_of(entry->key)) == added ? new : old;
    entry->chain = *head;
    *head = number;
    number = rest;
  }
}

/* Joins the last bucket with the one it was split from. */
static void shrink(struct queue_index *index)
{
  uint32_t last = index->bucket_count - 1;
  uint32_t half = 1U << (31 - __builtin_clz(last));
  uint32_t *from = head_at(index, last);
  uint32_t *to = head_at(index, last - half);
  while (*to != 0) to = &entry_at(index, *to)->chain;
  *to = *from;
  *from = 0;
  index->bucket_count--;
  /* A segment is kept in hand, or a count that goes up and down would allocate each time. */
  uint32_t needed = (last + SEGMENT_BUCKETS - 1) / SEGMENT_BUCKETS + 1;
  if (index->segment_count > needed)
    memory_free(index->memory, index->segments[--index->segment_count], SEGMENT_BYTES);
}

void queue_index_insert(struct queue_index *index, uint32_t number)
{
  struct queue_entry *entry = entry_at(index, number);
  CHECK_SLOW(queue_index_find(index, entry->key) == 0);
  uint32_t *head = head_at(index, bucket_of(index, hash_of(entry->key)));
  entry->chain = *head;
  *head = number;
  if (++index->count > index->bucket_count && index->bucket_count < UINT32_MAX / 2) grow(index);
}

void queue_index_remove(struct queue_index *index, uint32_t number)
{
  struct queue_entry *entry = entry_at(index, number);
  uint32_t *from = head_at(index, bucket_of(index, hash_of(entry->key)));
  while (*from != number) {
    CHECK_THAT(*from, !=, 0);
    from = &entry_at(index, *from)->chain;
  }
  *from = entry->chain;
  entry->chain = 0;
  /* Two for each insert's one, and not before it is half empty. */
  index->count--;
  for (int i = 0; i < 2; i++)
    if (index->bucket_count > SEGMENT_BUCKETS && index->count < index->bucket_count / 2)
      shrink(index);
}

size_t queue_index_bytes(const struct queue_index *index)
{
  return index->segment_count * (size_t)SEGMENT_BYTES +
         index->segment_capacity * sizeof *index->segments;
}
