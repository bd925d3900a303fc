/*
 * The workers: they take messages from the platform's queues and do what is to be done because of
 * them.
 *
 *     receive --> effect + delete, one plan --> done
 *                 refused: the message stays; it comes again after its visibility, and after
 *                 three times it is in the dead-letter queue
 *
 *     traffic-tacos-reservation-expiry    a hold is over: sale_expire; too early: sent again with
 *                                         the rest as its delay
 *     traffic-tacos-payment-webhooks      a payment was approved: sale_confirm, or its refund
 *     traffic-tacos-inventory             tickets were made: nothing is left to do
 *     traffic-tacos-reservation-events    a reservation ended: nothing is left to do
 *
 * An effect and the deletion of its message are one record of the log: a worker that dies in
 * between has done neither. Effects look at the state of what they change, so a message that comes
 * twice does nothing the second time.
 *
 * Engine thread.
 */
#ifndef TACOS_SALE_WORKER_H
#define TACOS_SALE_WORKER_H

#include "queue/queue.h"
#include "sale/sale.h"

enum worker_kind {
  WORKER_EXPIRY,
  WORKER_PAYMENT,
  WORKER_INVENTORY,
  WORKER_RESERVATION_EVENTS,
  WORKER_KINDS,
};

struct worker_counts {
  uint64_t done;
  uint64_t refused; /* left in the queue */
};

struct workers {
  struct sale *sale;
  struct queue *queues[WORKER_KINDS];
  struct arena arena;
  struct worker_counts counts[WORKER_KINDS];
};

/* The queues are those of wiring.h. */
bool workers_open(struct workers *workers, struct sale *sale, struct queues *queues,
                  struct error *error);
void workers_close(struct workers *workers);

/* A slice; true while there is more to do now. */
bool workers_tick(struct workers *workers, int64_t now_ms);

/* "expiry": for metrics. */
const char *worker_name(enum worker_kind kind);

#endif
