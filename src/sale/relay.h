/*
 * The relay: takes what the outbox has to the event buses, in the order of the log.
 *
 *     outbox rows --stream--> relay --bus_put--> messages, deliveries, archive   } one plan
 *                                   --row: published = true----------------------}
 *
 * A row is marked in the transaction that has its messages, so a crash between them is impossible:
 * a row is published or it is not. At the start the rows that are not are found by a scan and go
 * first.
 *
 * Engine thread.
 */
#ifndef TACOS_SALE_RELAY_H
#define TACOS_SALE_RELAY_H

#include "bus/bus.h"
#include "sale/sale.h"

struct relay;

/* The buses have those of wiring.h. NULL with *error. */
struct relay *relay_open(struct sale *sale, struct buses *buses, struct error *error);
void relay_close(struct relay *relay);

/*
 * A slice: up to some dozens of rows, several in one transaction. True while there is more to do
 * now. Of what was inserted since the start it reads only what is durable.
 */
bool relay_tick(struct relay *relay, int64_t now_ms);

/* How long the loop may sleep unless something becomes durable, 0 to limit_ms. */
int relay_wait_ms(const struct relay *relay, int64_t now_ms, int limit_ms);

struct relay_counts {
  uint64_t published;
  uint64_t failed;  /* attempts that were refused: no memory, disk full; they are made again */
  uint64_t refused; /* rows that no bus can take; marked, with the reason in `refused` */
};

struct relay_counts relay_counts(const struct relay *relay);

#endif
