/*
 * Many clients that listen to one stream of events (GET /events), and one that publishes to it
 * (POST /publish).
 */
#ifndef TACOS_BENCH_FANOUT_H
#define TACOS_BENCH_FANOUT_H

#include "clients.h"

struct fanout {
  struct crowd streams;
  size_t *lacking; /* bytes of the event that each has not got yet */
  int poller;
  int publisher;
};

void fanout_open(struct fanout *fanout, uint16_t port, int count);
void fanout_close(struct fanout *fanout);

/* Publishes one event; milliseconds from then until the last has read it. */
double fanout_publish(struct fanout *fanout, int number);

#endif
