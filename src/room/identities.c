#include "room/identities.h"

#include "base/check.h"

enum {
  PER_PARTITION = 128,
  PARTITIONS_MAX = 1 << 16, /* bits of the hash that choose one */
  TAG_SHIFT = IDENTITY_HASH_BITS - 8,
  GROWTH = 16, /* slots: a cache line */
  PARTITION_MAX = UINT16_MAX - GROWTH,
};

static size_t table_bytes(const struct identities *identities)
{
  return ((size_t)identities->mask + 1) * sizeof *identities->partitions;
}

bool identities_init(struct identities *identities, struct memory *memory, uint32_t capacity)
{
  uint32_t partitions = 1;
  while (partitions < PARTITIONS_MAX && partitions * (uint64_t)PER_PARTITION < capacity)
    partitions *= 2;
  identities->memory = memory;
  identities->mask = partitions - 1;
  identities->slots = 0;
  identities->partitions = memory_alloc_zeroed(memory, table_bytes(identities));
  return identities->partitions != NULL;
}

void identities_free(struct identities *identities)
{
  if (identities->partitions == NULL) return;
  for (uint32_t i = 0; i <= identities->mask; i++) {
    const struct identity_partition *partition = &identities->partitions[i];
    if (partition->slots != NULL)
      memory_free(identities->memory, partition->slots,
                  partition->capacity * sizeof *partition->slots);
  }
  memory_free(identities->memory, identities->partitions, table_bytes(identities));
  identities->partitions = NULL;
}

static struct identity_partition *partition_of(const struct identities *identities, uint64_t hash)
{
  return &identities->partitions[hash & identities->mask];
}

static uint32_t slot_of(uint64_t hash, uint32_t number)
{
  return number << 8 | (uint32_t)(hash >> TAG_SHIFT);
}

uint32_t identities_next(const struct identities *identities, struct identity_search *search)
{
  const struct identity_partition *partition = partition_of(identities, search->hash);
  uint8_t tag = (uint8_t)(search->hash >> TAG_SHIFT);
  while (search->at < partition->count) {
    uint32_t slot = partition->slots[partition->count - 1 - search->at++];
    if ((uint8_t)slot == tag) return slot >> 8;
  }
  return IDENTITIES_NONE;
}

/* In order, so that the newest stays the last. */
static void forget_dead(struct identity_partition *partition, identity_is_alive *is_alive,
                        void *context)
{
  uint16_t kept = 0;
  for (uint16_t i = 0; i < partition->count; i++)
    if (is_alive(context, partition->slots[i] >> 8)) partition->slots[kept++] = partition->slots[i];
  partition->count = kept;
}

bool identities_reserve(struct identities *identities, uint64_t hash, identity_is_alive *is_alive,
                        void *context)
{
  struct identity_partition *partition = partition_of(identities, hash);
  if (partition->count == partition->capacity) forget_dead(partition, is_alive, context);
  if (partition->count < partition->capacity) return true;
  if (partition->capacity >= PARTITION_MAX) return false;
  size_t size = partition->capacity * sizeof *partition->slots;
  size_t grown = size + GROWTH * sizeof *partition->slots;
  uint32_t *slots = memory_resize(identities->memory, partition->slots, size, grown);
  if (slots == NULL) return false;
  partition->slots = slots;
  partition->capacity += GROWTH;
  identities->slots += GROWTH;
  return true;
}

void identities_add(struct identities *identities, uint64_t hash, uint32_t number)
{
  struct identity_partition *partition = partition_of(identities, hash);
  CHECK_THAT(partition->count, <, partition->capacity);
  CHECK_THAT(number, <, 1U << 24);
  partition->slots[partition->count++] = slot_of(hash, number);
}

void identities_remove(struct identities *identities, uint64_t hash, uint32_t number)
{
  struct identity_partition *partition = partition_of(identities, hash);
  uint32_t slot = slot_of(hash, number);
  uint32_t at = 0;
  while (at < partition->count && partition->slots[at] != slot) at++;
  CHECK_THAT(at, <, partition->count);
  /* In order, so that the newest stays the last. */
  for (partition->count--; at < partition->count; at++)
    partition->slots[at] = partition->slots[at + 1];
}
