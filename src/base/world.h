/*
 * The injected world: all that the engine may ask of the operating system.
 *
 * Domain and engine code never calls the system for time, randomness, files or network; it asks the
 * `struct world` it was given. Production plugs Linux in (world_linux.h); tests/sim plugs in a
 * seeded simulator in which virtual time passes, unsynced data is lost, kept or torn, and calls
 * fail.
 *
 * Ownership: the world outlives everything that was given it. Threads: `memory` and the entropy
 * call belong to the thread that owns the struct; clock and file calls may come from any thread as
 * long as two threads do not use one file at a time.
 *
 * Calls that can fail return a negative errno (-ENOSPC), otherwise 0 or what is said below.
 */
#ifndef TACOS_BASE_WORLD_H
#define TACOS_BASE_WORLD_H

#include "base/bytes.h"
#include "base/memory.h"

enum world_open_flag {
  WORLD_OPEN_READ = 0,
  WORLD_OPEN_WRITE = 1,     /* read and write */
  WORLD_OPEN_CREATE = 2,    /* make it (mode 0600) when absent; implies write */
  WORLD_OPEN_EXCLUSIVE = 4, /* with create: -EEXIST when present */
  WORLD_OPEN_EXACT = 8,     /* only what is read will be read: nothing is fetched ahead */
};

/*
 * Called with each entry's name (not its path) of a directory, in no particular order. It may not
 * change names in that directory.
 */
typedef void world_visit_name(void *context, const char *name);

struct world;

struct world_operations {
  /* UTC milliseconds since 1970, may jump; and nanoseconds that never go back. */
  int64_t (*clock_ms)(struct world *world);
  int64_t (*monotonic_ns)(struct world *world);
  /* Fills with unpredictable bytes (seeded ones in the simulator); cannot fail. */
  void (*entropy)(struct world *world, void *to, size_t size);

  /* Files. open returns a handle >= 0. Sizes and offsets are bytes. */
  int (*file_open)(struct world *world, const char *path, int flags);
  int (*file_close)(struct world *world, int file);
  /* Bytes read; fewer than asked only at the end of the file. */
  int64_t (*file_read)(struct world *world, int file, void *to, size_t size, uint64_t offset);
  /* Writes all or fails (after a failure any part of the range may be written). */
  int (*file_write)(struct world *world, int file, const void *from, size_t size, uint64_t offset);
  /* fdatasync: what was written before, and the size, survives power loss once this returns 0. */
  int (*file_sync)(struct world *world, int file);
  /*
   * Extends to `size` with disk space behind it, reading as zeros; later writes below `size` cannot
   * meet ENOSPC. A file that is already as long keeps its size.
   */
  int (*file_allocate)(struct world *world, int file, uint64_t size);
  int (*file_truncate)(struct world *world, int file, uint64_t size);
  /*
   * Advice: what was synced in this range will not be read soon, so that its memory is better used
   * for what is written next.
   */
  int (*file_uncache)(struct world *world, int file, uint64_t offset, uint64_t size);
  int64_t (*file_size)(struct world *world, int file);
  /*
   * An exclusive lock that ends with file_close or the process; -EWOULDBLOCK when another open
   * file, also one of this process, holds it.
   */
  int (*file_lock)(struct world *world, int file);

  /*
   * Names. A change of names survives power loss once dir_sync of its directory returned 0. Rename
   * replaces `to` in one step; both are files of one directory.
   */
  int (*file_rename)(struct world *world, const char *from, const char *to);
  int (*file_remove)(struct world *world, const char *path);
  int (*dir_make)(struct world *world, const char *path); /* mode 0700; -EEXIST when present */
  int (*dir_list)(struct world *world, const char *path, world_visit_name *visit, void *context);
  int (*dir_sync)(struct world *world, const char *path);
};

struct world_net_operations; /* world_net.h */

struct world {
  const struct world_operations *operations;
  struct memory memory;                   /* of the thread that owns this struct */
  const struct world_net_operations *net; /* NULL: this world has no network */
};

static inline int64_t world_clock_ms(struct world *world)
{
  return world->operations->clock_ms(world);
}

static inline int64_t world_monotonic_ns(struct world *world)
{
  return world->operations->monotonic_ns(world);
}

static inline void world_entropy(struct world *world, void *to, size_t size)
{
  world->operations->entropy(world, to, size);
}

#endif
