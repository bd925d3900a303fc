/*
 * One file of the simulated disk: what readers see, what is durable, and what is pending between.
 *
 *     current   what reads return; zero beyond `size`
 *     durable   what a crash with nothing kept leaves; zero beyond `durable_size`
 *     pending   sectors in which the two may differ, oldest write first
 *
 * lowest_size is the smallest size since the last sync: from there on the durable bytes belong to
 * blocks that a truncation has given up, so they come back only if the truncation is lost.
 *
 * A write costs what it touches, a sync and a crash cost the pending sectors (and a truncated
 * range), however long the file is.
 */
#ifndef TACOS_SIM_DISK_FILE_H
#define TACOS_SIM_DISK_FILE_H

#include "sim/random.h"
#include "sim/world_sim.h"

enum {
  DISK_SECTOR_BYTES = 512,
  DISK_BLOCK_BYTES = 4096, /* unit of allocation */
};

struct disk_file {
  uint8_t *current;
  uint8_t *durable;
  uint8_t *state;    /* of each sector: enum sector_state */
  uint64_t capacity; /* bytes, whole sectors, behind each of the above */
  uint64_t size;
  uint64_t durable_size;
  uint64_t lowest_size;
  uint64_t allocated; /* bytes from the start with blocks behind them */
  uint64_t durable_allocated;
  uint32_t *pending;
  size_t pending_count;
  size_t pending_capacity;
};

void disk_file_free(struct disk_file *file);

size_t disk_file_read(const struct disk_file *file, void *to, size_t size, uint64_t offset);

/* write_back_per_million: the chance that a pending sector reached the disk before this write. */
void disk_file_write(struct disk_file *file, const void *from, size_t size, uint64_t offset,
                     struct random *random, uint32_t write_back_per_million);

void disk_file_resize(struct disk_file *file, uint64_t size);

void disk_file_sync(struct disk_file *file);

/* A sync that failed: each pending sector is durable, or is given up and not tried again. */
void disk_file_fail_sync(struct disk_file *file, struct random *random);

/* mode is not WORLD_SIM_CRASH_RANDOM. Afterwards nothing is pending. */
void disk_file_crash(struct disk_file *file, enum world_sim_crash mode, struct random *random);

/* offset is below the size. */
void disk_file_flip(struct disk_file *file, uint64_t offset, unsigned bit);

/* The simulator's own memory: zeroed, or the test stops. */
void *disk_alloc(size_t size);
void *disk_resize(void *block, size_t size);

#endif
