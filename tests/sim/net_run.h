/*
 * One run of the door's simulation (sim_net.c): a server, its clients, and what must hold.
 *
 * A client has a script of requests, made of its seed, and for each what must come back
 * (net_script.h). The run lets time pass, writes and reads as the network allows, and compares.
 * What does not hold stops the process (CHECK).
 */
#ifndef TACOS_SIM_NET_RUN_H
#define TACOS_SIM_NET_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct net_run_totals {
  uint64_t connections;
  uint64_t broken; /* of them ended before all was answered, by whatever accident */
  uint64_t replies;
  uint64_t refused;
  uint64_t streams;
  uint64_t events;
  uint64_t drains;
  uint64_t failed_allocations;
};

void net_run(uint64_t seed, bool verbose, struct net_run_totals *totals);

#endif
