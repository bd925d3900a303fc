/*
 * Shoppers: who was admitted, by number, until they are done.
 *
 *     admitted --enters in time--> entered --first hold--> bound to a buyer --buys, time over-->
 *        `--- too late ------------------------------------------------------------------> gone
 *
 * A shopper counts until the admission is over and no hold is pending. In memory a hash table with
 * chains; each has an item in the store (room_item.h).
 *
 * Memory: of the struct memory given; a pointer is valid until the next shoppers_add. One thread.
 */
#ifndef TACOS_ROOM_SHOPPERS_H
#define TACOS_ROOM_SHOPPERS_H

#include "base/memory.h"
#include "room/token.h"

struct shopper {
  uint32_t number;
  uint32_t next;  /* in its chain or among the free, + 1 */
  uint32_t holds; /* reservations that are pending */
  bool used;      /* the entry of the table is one */
  bool bound;     /* to a buyer */
  bool finished;  /* bought or left: no further hold */
  struct token_name buyer;
  int64_t admitted_ms;
  int64_t entered_ms; /* 0: not yet */
  int64_t expires_ms; /* of the reservation token, or of the time to enter */
};

struct shoppers {
  struct memory *memory;
  struct shopper *table;
  uint32_t *heads;   /* of chains, + 1 */
  uint32_t capacity; /* a power of two, of both; 0: nothing yet */
  uint32_t used;     /* entries ever taken */
  uint32_t free;     /* chain of those given back, + 1 */
  uint32_t count;
};

void shoppers_init(struct shoppers *shoppers, struct memory *memory);
void shoppers_free(struct shoppers *shoppers);

/* Room for so many more; false without memory. */
bool shoppers_reserve(struct shoppers *shoppers, uint32_t more);

/* A copy of it; there is room, and none with this number. */
void shoppers_add(struct shoppers *shoppers, const struct shopper *shopper);

/* NULL when there is none. */
struct shopper *shoppers_find(const struct shoppers *shoppers, uint32_t number);
void shoppers_remove(struct shoppers *shoppers, uint32_t number);

#endif
