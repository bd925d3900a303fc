#include "sim/disk_file.h"

#include "base/check.h"

enum sector_state {
  SECTOR_CLEAN = 0, /* current equals durable */
  SECTOR_DIRTY,     /* pending; the next sync makes it durable */
  SECTOR_GIVEN_UP,  /* a failed sync dropped it: read, but never durable unless written again */
};

void *disk_alloc(size_t size)
{
  void *block = calloc(1, size);
  CHECK(block != NULL);
  return block;
}

void *disk_resize(void *block, size_t size)
{
  void *resized = realloc(block, size);
  CHECK(resized != NULL);
  return resized;
}

void disk_file_free(struct disk_file *file)
{
  free(file->current);
  free(file->durable);
  free(file->state);
  free(file->pending);
  *file = (struct disk_file){0};
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
  return (value + unit - 1) / unit * unit;
}

static uint8_t *grow(uint8_t *block, uint64_t old_size, uint64_t new_size)
{
  if (block == NULL) return disk_alloc(new_size);
  block = disk_resize(block, new_size);
  memset(block + old_size, 0, new_size - old_size);
  return block;
}

static void reserve(struct disk_file *file, uint64_t size)
{
  if (size <= file->capacity) return;
  uint64_t capacity = file->capacity * 2 > size ? file->capacity * 2 : size;
  capacity = round_up(capacity, DISK_BLOCK_BYTES);
  file->current = grow(file->current, file->capacity, capacity);
  file->durable = grow(file->durable, file->capacity, capacity);
  file->state = grow(file->state, file->capacity / DISK_SECTOR_BYTES, capacity / DISK_SECTOR_BYTES);
  file->capacity = capacity;
}

size_t disk_file_read(const struct disk_file *file, void *to, size_t size, uint64_t offset)
{
  if (offset >= file->size) return 0;
  uint64_t left = file->size - offset;
  size_t count = left < size ? (size_t)left : size;
  memcpy(to, file->current + offset, count);
  return count;
}

static void copy_sector(uint8_t *to, const uint8_t *from, uint64_t sector)
{
  memcpy(to + sector * DISK_SECTOR_BYTES, from + sector * DISK_SECTOR_BYTES, DISK_SECTOR_BYTES);
}

/* Whether no change of size that is still pending reaches into the sector. */
static bool is_settled(const struct disk_file *file, uint64_t sector)
{
  return (sector + 1) * DISK_SECTOR_BYTES <= file->lowest_size;
}

static void mark_dirty(struct disk_file *file, uint64_t sector)
{
  if (file->state[sector] == SECTOR_CLEAN) {
    if (file->pending_count == file->pending_capacity) {
      file->pending_capacity = file->pending_capacity == 0 ? 16 : file->pending_capacity * 2;
      file->pending = disk_resize(file->pending, file->pending_capacity * sizeof(uint32_t));
    }
    CHECK_THAT(sector, <=, UINT32_MAX);
    file->pending[file->pending_count++] = (uint32_t)sector;
  }
  file->state[sector] = SECTOR_DIRTY;
}

void disk_file_write(struct disk_file *file, const void *from, size_t size, uint64_t offset,
                     struct random *random, uint32_t write_back_per_million)
{
  if (size == 0) return;
  uint64_t end = offset + size;
  CHECK_THAT(end, >, offset);
  reserve(file, end);
  for (uint64_t sector = offset / DISK_SECTOR_BYTES; sector * DISK_SECTOR_BYTES < end; sector++) {
    if (file->state[sector] == SECTOR_DIRTY && is_settled(file, sector) &&
        random_chance(random, write_back_per_million))
      copy_sector(file->durable, file->current, sector);
    mark_dirty(file, sector);
  }
  memcpy(file->current + offset, from, size);
  if (end > file->size) file->size = end;
}

void disk_file_resize(struct disk_file *file, uint64_t size)
{
  reserve(file, size);
  if (size < file->size) memset(file->current + size, 0, file->size - size);
  if (size < file->lowest_size) file->lowest_size = size;
  file->size = size;
}

/* The pending changes of size are durable from here on. */
static void settle_size(struct disk_file *file)
{
  if (file->lowest_size < file->durable_size)
    memset(file->durable + file->lowest_size, 0, file->durable_size - file->lowest_size);
  file->durable_size = file->size;
  file->lowest_size = file->size;
  file->durable_allocated = file->allocated;
}

void disk_file_sync(struct disk_file *file)
{
  settle_size(file);
  size_t given_up = 0;
  for (size_t i = 0; i < file->pending_count; i++) {
    uint32_t sector = file->pending[i];
    if (file->state[sector] == SECTOR_GIVEN_UP) {
      file->pending[given_up++] = sector;
      continue;
    }
    copy_sector(file->durable, file->current, sector);
    file->state[sector] = SECTOR_CLEAN;
  }
  file->pending_count = given_up;
}

void disk_file_fail_sync(struct disk_file *file, struct random *random)
{
  for (size_t i = 0; i < file->pending_count; i++) {
    uint32_t sector = file->pending[i];
    if (random_coin(random)) {
      file->state[sector] = SECTOR_GIVEN_UP;
    } else if (is_settled(file, sector) && file->state[sector] == SECTOR_DIRTY) {
      copy_sector(file->durable, file->current, sector);
    }
  }
}

static void tear_sector(struct disk_file *file, uint32_t sector, struct random *random)
{
  uint64_t from = random_below(random, DISK_SECTOR_BYTES);
  uint64_t to = random_between(random, from, DISK_SECTOR_BYTES);
  if (random_coin(random)) from = 0; /* the usual tear: the transfer stopped on its way */
  uint64_t start = (uint64_t)sector * DISK_SECTOR_BYTES + from;
  memcpy(file->durable + start, file->current + start, to - from);
}

enum fate { FATE_DROP, FATE_KEEP, FATE_TEAR };

static enum fate random_fate(struct random *random)
{
  uint64_t throw = random_below(random, 10);
  return throw < 4 ? FATE_DROP : throw < 8 ? FATE_KEEP : FATE_TEAR;
}

/* `arrived` is the number of pending sectors that a crash of mode PREFIX lets arrive. */
static enum fate fate_of(enum world_sim_crash mode, size_t index, size_t arrived,
                         struct random *random)
{
  switch (mode) {
  case WORLD_SIM_CRASH_KEEP:
    return FATE_KEEP;
  case WORLD_SIM_CRASH_PREFIX:
    return index < arrived ? FATE_KEEP : index == arrived ? FATE_TEAR : FATE_DROP;
  case WORLD_SIM_CRASH_MIX:
    return random_fate(random);
  case WORLD_SIM_CRASH_DROP:
  case WORLD_SIM_CRASH_RANDOM:
    break;
  }
  return FATE_DROP;
}

static void crash_sectors(struct disk_file *file, enum world_sim_crash mode, bool size_kept,
                          struct random *random)
{
  size_t arrived = (size_t)random_between(random, 0, file->pending_count);
  for (size_t i = 0; i < file->pending_count; i++) {
    uint32_t sector = file->pending[i];
    enum fate fate = fate_of(mode, i, arrived, random);
    if (file->state[sector] == SECTOR_GIVEN_UP) fate = FATE_DROP;
    if (!size_kept && !is_settled(file, sector)) fate = FATE_DROP;
    if (fate == FATE_KEEP) copy_sector(file->durable, file->current, sector);
    if (fate == FATE_TEAR) tear_sector(file, sector, random);
  }
  for (size_t i = 0; i < file->pending_count; i++) {
    copy_sector(file->current, file->durable, file->pending[i]);
    file->state[file->pending[i]] = SECTOR_CLEAN;
  }
  file->pending_count = 0;
}

void disk_file_crash(struct disk_file *file, enum world_sim_crash mode, struct random *random)
{
  CHECK_THAT(mode, !=, WORLD_SIM_CRASH_RANDOM);
  bool size_kept = mode == WORLD_SIM_CRASH_KEEP ||
                   (mode != WORLD_SIM_CRASH_DROP && random_coin(random));
  if (size_kept) settle_size(file);
  crash_sectors(file, mode, size_kept, random);
  if (file->lowest_size < file->durable_size)
    memcpy(file->current + file->lowest_size, file->durable + file->lowest_size,
           file->durable_size - file->lowest_size);
  file->size = file->durable_size;
  file->lowest_size = file->size;
  file->allocated = file->durable_allocated;
  CHECK_SLOW(file->capacity == 0 || memcmp(file->current, file->durable, file->capacity) == 0);
}

void disk_file_flip(struct disk_file *file, uint64_t offset, unsigned bit)
{
  CHECK_THAT(offset, <, file->size);
  CHECK_THAT(bit, <, 8);
  file->current[offset] ^= (uint8_t)(1u << bit);
  if (offset < file->durable_size) file->durable[offset] ^= (uint8_t)(1u << bit);
}
