/*
 * What the parts of the simulated world share: world_sim.c (time, settings, entropy),
 * world_sim_disk.c (names and file calls over disk_file.h) and world_sim_net.c (streams).
 */
#ifndef TACOS_SIM_WORLD_SIM_PARTS_H
#define TACOS_SIM_WORLD_SIM_PARTS_H

#include "sim/disk_file.h"
#include "sim/random.h"
#include "sim/world_sim.h"

enum side {
  SIDE_PROCESS, /* under test; dies in crashes */
  SIDE_CLIENT,
  SIDES,
};

/* What a struct world pointer of the simulator points to. */
struct face {
  struct world world;
  struct world_sim *sim;
  enum side side;
};

struct fault {
  uint64_t nth; /* operations of the kind until it fails, this one included; 0: none fails */
  int os_errno;
  bool forever;
};

struct disk;
struct net;

struct world_sim {
  struct face faces[SIDES];
  struct world_operations operations[SIDES];
  struct world_sim_settings settings;
  int64_t monotonic_ns;
  int64_t wall_ahead_ms; /* wall clock minus monotonic clock */
  uint64_t trace;
  struct random entropy;
  struct random random; /* of disk and crashes; the network has its own */
  uint64_t disk_operations;
  uint64_t dies_at; /* the disk operation that is the last; 0: none */
  bool dead;
  struct fault faults[WORLD_SIM_OPERATIONS];
  struct disk *disk;
  struct net *net;
};

static inline struct face *face_of(struct world *world)
{
  return (struct face *)world;
}

static inline struct world_sim *sim_of(struct world *world)
{
  return face_of(world)->sim;
}

/* Mixes one number into the trace. */
void sim_trace(struct world_sim *sim, uint64_t value);

void sim_advance_ns(struct world_sim *sim, int64_t ns);

/* A tenth of `usual_us` up to all of it, or at the given chance up to slow_us; in nanoseconds. */
int64_t sim_duration_ns(struct random *random, uint32_t usual_us, uint32_t slow_per_million,
                        uint32_t slow_us);

struct disk *disk_new(void);
void disk_free(struct disk *disk);
void disk_crash(struct world_sim *sim, enum world_sim_crash mode);

/* Sets the calls for files and names in a table. */
void disk_fill_operations(struct world_operations *operations);

struct net *net_new(uint64_t seed);
void net_free(struct world_sim *sim);
void net_crash(struct world_sim *sim);

extern const struct world_net_operations world_sim_net_operations;

#endif
