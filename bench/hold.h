/*
 * The writes of one two-seat hold, the transaction that benchmarks of the store repeat: two tickets
 * updated under a condition, two ticket-events, a reservation (with an index entry) and an outbox
 * row (with a stream record): six items.
 *
 * `struct hold_images` holds the six new items as bytes, so that a peer can write the very same.
 */
#ifndef TACOS_BENCH_HOLD_H
#define TACOS_BENCH_HOLD_H

#include "store/store.h"

enum { HOLD_ITEMS = 6, HOLD_SEATS = 2 };

struct hold_tables {
  struct table *tickets;
  struct table *events;
  struct table *reservations;
  struct table *outbox;
};

/* Finds the tables or makes them, with the keys, indexes and streams of the platform's. */
void hold_tables_open(struct store *store, struct hold_tables *tables);

/* The compiled expressions of a ticket's update. */
struct hold_expressions {
  const struct expression *condition;
  const struct expression *update;
};

void hold_compile(struct arena *arena, struct hold_expressions *expressions);

/* Writes tickets number first .. first + count - 1 in transactions of 100. */
void hold_load_tickets(struct store *store, const struct hold_tables *tables, uint64_t first,
                       uint64_t count);

/* Writes one reservation per number, 100 at a time. */
void hold_load_reservations(struct store *store, const struct hold_tables *tables, uint64_t first,
                            uint64_t count);

/* The key values of a ticket. */
void hold_ticket_key(struct arena *arena, uint64_t number, struct value *partition,
                     struct value *sort);

/* Holds seats 2n and 2n + 1 in one transaction; false when a condition fails. */
bool hold_run(struct store *store, const struct hold_tables *tables,
              const struct hold_expressions *expressions, uint64_t number, struct arena *arena,
              uint64_t *sequence);

/* One ticket as it is loaded, and the six images a hold leaves, in the arena. */
struct value hold_ticket_image(struct arena *arena, uint64_t number, bool reserved);
void hold_images(struct arena *arena, uint64_t number, struct value images[HOLD_ITEMS]);

#endif
