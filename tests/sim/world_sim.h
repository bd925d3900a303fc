/*
 * The simulated world: struct world over memory, one seed and virtual time.
 *
 * Everything random comes from the seed, so a run repeats exactly; world_sim_trace is equal for
 * equal runs. Nothing real is touched, and time passes only when a test, a sync or a wait for the
 * network lets it.
 *
 *     test --- world_sim_world(sim) ---> the process under test: clock, entropy, disk, network
 *          \-- world_sim_client(sim) --> everybody else: the same clock and network, no disk
 *
 * Disk. A write is pending until file_sync of its file, a change of names until dir_sync of its
 * directory. world_sim_crash decides what becomes of what is pending:
 *   - bytes: each sector (512 bytes) written since the last sync keeps its old content, has the new
 *     one, or is torn (a range of it is new); a sector written twice may also show the version
 *     between;
 *   - sizes (extend, allocate, truncate): of each file, all changes since the last sync or none;
 *     bytes beyond the size that is left are gone, bytes that never arrived read as zeros;
 *   - names: of each directory, a prefix of the changes since its last dir_sync. A synced file
 *     whose name is lost is lost, as is all below a directory whose own name is lost.
 * What was synced never changes except by world_sim_flip. A sync that is made to fail drops some of
 * the pending sectors for good although reads still show them, as Linux does.
 *
 * Network. Streams keep their order and lose nothing while they live; delays are random per
 * connection, reads and writes are short at random, connections are reset or fall silent by
 * settings.
 *
 * Threads: one. Memory: plain malloc, never counted in world.memory; running out stops the test.
 */
#ifndef TACOS_SIM_WORLD_SIM_H
#define TACOS_SIM_WORLD_SIM_H

#include "base/world.h"
#include "base/world_net.h"

struct world_sim;

struct world_sim *world_sim_new(uint64_t seed);
void world_sim_free(struct world_sim *sim);

/* The process under test, and the other end of its connections. They live as long as `sim`. */
struct world *world_sim_world(struct world_sim *sim);
struct world *world_sim_client(struct world_sim *sim);

/* Changed at any time; each takes effect from the next operation. world_sim_new sets the values. */
struct world_sim_settings {
  uint64_t disk_bytes;             /* -ENOSPC beyond; 0: no limit (0) */
  uint32_t write_back_per_million; /* an overwritten pending sector reached the disk (250,000) */
  uint32_t sync_us;                /* a sync takes up to this, at least a tenth (2,000) */
  uint32_t slow_sync_per_million;  /* of syncs take up to slow_sync_us (1,000) */
  uint32_t slow_sync_us;           /* (5,000,000) */
  uint32_t delay_us;               /* network, one way, at least a tenth of it (1,000) */
  uint32_t slow_delay_per_million; /* of packets take up to slow_delay_us (10,000) */
  uint32_t slow_delay_us;          /* (300,000) */
  uint32_t stream_bytes;           /* written and not yet read by the peer: then -EAGAIN (65,536) */
  uint32_t partial_per_million;    /* of reads and writes are short (200,000) */
  uint32_t reset_per_million;      /* of writes reset the connection (0) */
  uint32_t silence_per_million;    /* of writes make it fall silent (0) */
  uint32_t silence_us;             /* after at most this each end learns it, -ETIMEDOUT (60 s) */
};

struct world_sim_settings *world_sim_settings(struct world_sim *sim);

/* A hash over all operations, their arguments and results, and the times they happened at. */
uint64_t world_sim_trace(const struct world_sim *sim);

/* ---- time ---- */

void world_sim_advance_ms(struct world_sim *sim, int64_t ms);

/* Moves only the wall clock, in either direction. */
void world_sim_jump_clock_ms(struct world_sim *sim, int64_t ms);

/*
 * Lets time pass until the network delivers something, but at most limit_ms; false when nothing
 * came. The test's loop: step the process, step the clients, advance to the next delivery.
 */
bool world_sim_advance_to_delivery(struct world_sim *sim, int64_t limit_ms);

/* ---- crashes ---- */

enum world_sim_crash {
  WORLD_SIM_CRASH_RANDOM, /* one of the others, by seed */
  WORLD_SIM_CRASH_DROP,   /* nothing pending arrived */
  WORLD_SIM_CRASH_KEEP,   /* everything pending arrived */
  WORLD_SIM_CRASH_PREFIX, /* of each file the oldest pending sectors, the last of them torn */
  WORLD_SIM_CRASH_MIX,    /* each sector on its own: kept, dropped or torn */
};

/*
 * The process dies and starts again: its handles are invalid (-EBADF), its locks released, its
 * connections reset or silent. Crash points and faults still to come are cleared.
 */
void world_sim_crash(struct world_sim *sim, enum world_sim_crash mode);

/*
 * The n-th operation from now that changes the disk (1: the next) is the last: it may take effect,
 * wholly, in part or not at all, and gives -EIO; so does every later one, changing nothing
 * (closing works), until world_sim_crash. 0: never.
 */
void world_sim_crash_after(struct world_sim *sim, uint64_t operations);

/* Whether the crash point was reached. */
bool world_sim_is_dead(const struct world_sim *sim);

/* Operations that changed the disk so far: the range to choose a crash point from. */
uint64_t world_sim_disk_operations(const struct world_sim *sim);

/* ---- faults ---- */

enum world_sim_operation {
  WORLD_SIM_READ,
  WORLD_SIM_WRITE,
  WORLD_SIM_SYNC, /* file_sync */
  WORLD_SIM_ALLOCATE,
  WORLD_SIM_TRUNCATE,
  WORLD_SIM_OPEN, /* of a file that exists */
  WORLD_SIM_CREATE,
  WORLD_SIM_RENAME,
  WORLD_SIM_REMOVE,
  WORLD_SIM_DIR_MAKE,
  WORLD_SIM_DIR_LIST,
  WORLD_SIM_DIR_SYNC,
  WORLD_SIM_OPERATIONS,
};

/*
 * The n-th operation of this kind from now (1: the next), and with `forever` every later one, gives
 * -os_errno. A failing write may have written a part, a failing sync lets some pending sectors
 * go; other operations change nothing when they fail. nth 0: none fails.
 */
void world_sim_fail(struct world_sim *sim, enum world_sim_operation operation, uint64_t nth,
                    int os_errno, bool forever);

/* ---- what is on the disk ---- */

/* Each file in the tree, with its path ("/data/log.1") and its present size. */
typedef void world_sim_visit_file(void *context, const char *path, uint64_t size);
void world_sim_visit_files(struct world_sim *sim, world_sim_visit_file *visit, void *context);

/* Inverts bit 0-7 of one byte, on disk and for readers. -ENOENT, -EINVAL beyond the size. */
int world_sim_flip(struct world_sim *sim, const char *path, uint64_t offset, unsigned bit);

struct world_sim_place {
  char path[256];
  uint64_t offset;
  unsigned bit;
};

/*
 * Flips one random bit of `path` (as visited; NULL: of any file, longer ones more often) and tells
 * where; false when there is no byte to flip.
 */
bool world_sim_flip_random(struct world_sim *sim, const char *path, struct world_sim_place *place);

/* ---- the network from outside ---- */

/* Cuts the connection of a stream handle of `world` at once: from now on nothing arrives. */
void world_sim_silence(struct world *world, int stream);

#endif
