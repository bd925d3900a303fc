/*
 * What a run has to know of its event before it begins: which one it is, and its seats.
 *
 * Memory: all in the arena given. One thread.
 */
#ifndef TACOS_LOAD_ON_SALE_H
#define TACOS_LOAD_ON_SALE_H

#include "load/control.h"
#include "load/template.h"

enum { ON_SALE_PATH_BYTES = 200 };

struct on_sale {
  struct bytes event_id;
  struct bytes name;
  int64_t max_per_buyer;
  struct seat_list seats;
  char probe[ON_SALE_PATH_BYTES]; /* the path of its availability */
};

/* event_id NULL: the first event that is on sale. */
bool on_sale_find(const struct target *target, const char *event_id, struct arena *arena,
                  struct on_sale *on_sale, struct error *error);

/* Reads all seats of the event, row by row. */
bool on_sale_seats(const struct target *target, struct arena *arena, struct on_sale *on_sale,
                   struct error *error);

/* The seats of the document that GET /api/v1/events/{id}/seats answers. */
bool on_sale_read_seats(struct bytes json, struct arena *arena, struct seat_list *list,
                        struct error *error);

#endif
