#include "base/check.h"
#include "sim/world_sim_parts.h"

/* 2026-01-01T00:00:00Z: any fixed start does. */
static const int64_t START_MS = INT64_C(1767225600000);

void sim_trace(struct world_sim *sim, uint64_t value)
{
  sim->trace = (random_rotate(sim->trace, 23) ^ value) * 0x9e3779b97f4a7c15;
}

void sim_advance_ns(struct world_sim *sim, int64_t ns)
{
  CHECK_THAT(ns, >=, 0);
  sim->monotonic_ns += ns;
}

int64_t sim_duration_ns(struct random *random, uint32_t usual_us, uint32_t slow_per_million,
                        uint32_t slow_us)
{
  uint64_t longest_us = random_chance(random, slow_per_million) ? slow_us : usual_us;
  return (int64_t)random_between(random, (uint64_t)usual_us * 100, longest_us * 1000);
}

static int64_t sim_clock_ms(struct world *world)
{
  struct world_sim *sim = sim_of(world);
  return sim->monotonic_ns / 1000000 + sim->wall_ahead_ms;
}

static int64_t sim_monotonic_ns(struct world *world)
{
  return sim_of(world)->monotonic_ns;
}

static void sim_entropy(struct world *world, void *to, size_t size)
{
  struct world_sim *sim = sim_of(world);
  random_fill(&sim->entropy, to, size);
  sim_trace(sim, size);
}

struct world_sim *world_sim_new(uint64_t seed)
{
  struct world_sim *sim = disk_alloc(sizeof(*sim));
  sim->settings = (struct world_sim_settings){
      .write_back_per_million = 250000,
      .sync_us = 2000,
      .slow_sync_per_million = 1000,
      .slow_sync_us = 5000000,
      .delay_us = 1000,
      .slow_delay_per_million = 10000,
      .slow_delay_us = 300000,
      .stream_bytes = 65536,
      .partial_per_million = 200000,
      .silence_us = 60000000,
  };
  sim->operations[SIDE_CLIENT] = (struct world_operations){
      .clock_ms = sim_clock_ms,
      .monotonic_ns = sim_monotonic_ns,
      .entropy = sim_entropy,
  };
  sim->operations[SIDE_PROCESS] = sim->operations[SIDE_CLIENT];
  disk_fill_operations(&sim->operations[SIDE_PROCESS]);
  for (int side = 0; side < SIDES; side++) {
    sim->faces[side].world.operations = &sim->operations[side];
    sim->faces[side].world.net = &world_sim_net_operations;
    sim->faces[side].sim = sim;
    sim->faces[side].side = (enum side)side;
  }
  sim->wall_ahead_ms = START_MS;
  random_init(&sim->random, random_split_mix(&seed));
  random_init(&sim->entropy, random_split_mix(&seed));
  sim->disk = disk_new();
  sim->net = net_new(random_split_mix(&seed));
  return sim;
}

void world_sim_free(struct world_sim *sim)
{
  disk_free(sim->disk);
  net_free(sim);
  free(sim);
}

struct world *world_sim_world(struct world_sim *sim)
{
  return &sim->faces[SIDE_PROCESS].world;
}

struct world *world_sim_client(struct world_sim *sim)
{
  return &sim->faces[SIDE_CLIENT].world;
}

struct world_sim_settings *world_sim_settings(struct world_sim *sim)
{
  return &sim->settings;
}

uint64_t world_sim_trace(const struct world_sim *sim)
{
  return sim->trace;
}

void world_sim_advance_ms(struct world_sim *sim, int64_t ms)
{
  sim_advance_ns(sim, ms * 1000000);
}

void world_sim_jump_clock_ms(struct world_sim *sim, int64_t ms)
{
  sim->wall_ahead_ms += ms;
}

void world_sim_crash(struct world_sim *sim, enum world_sim_crash mode)
{
  if (mode == WORLD_SIM_CRASH_RANDOM)
    mode = (enum world_sim_crash)random_between(&sim->random, WORLD_SIM_CRASH_DROP,
                                                WORLD_SIM_CRASH_MIX);
  disk_crash(sim, mode);
  net_crash(sim);
  sim->dead = false;
  sim->dies_at = 0;
  memset(sim->faults, 0, sizeof(sim->faults));
  sim_trace(sim, mode);
}

void world_sim_crash_after(struct world_sim *sim, uint64_t operations)
{
  sim->dies_at = operations == 0 ? 0 : sim->disk_operations + operations;
}

bool world_sim_is_dead(const struct world_sim *sim)
{
  return sim->dead;
}

uint64_t world_sim_disk_operations(const struct world_sim *sim)
{
  return sim->disk_operations;
}

void world_sim_fail(struct world_sim *sim, enum world_sim_operation operation, uint64_t nth,
                    int os_errno, bool forever)
{
  CHECK_THAT(operation, <, WORLD_SIM_OPERATIONS);
  CHECK(nth == 0 || os_errno > 0);
  sim->faults[operation] = (struct fault){nth, os_errno, forever};
}
