/*
 * Items of the bus room, written and read attribute by attribute, and their keys.
 *
 *     bus_item_begin(&item, scratch); bus_item_text(&item, BYTES("name"), ...);
 *     value = bus_item_end(&item, arena);
 *
 * Running out of memory is remembered: bus_item_end gives VALUE_NONE then. Engine thread.
 */
#ifndef TACOS_BUS_BUS_ITEM_H
#define TACOS_BUS_BUS_ITEM_H

#include "store/item.h"

struct bus_item {
  struct value_writer writer;
};

/* `scratch` is the caller's, used until the end. */
void bus_item_begin(struct bus_item *item, struct buffer *scratch);
/* The key attributes pk and sk. */
void bus_item_key(struct bus_item *item, struct bytes pk, struct bytes sk);
void bus_item_text(struct bus_item *item, struct bytes name, struct bytes text);
void bus_item_integer(struct bus_item *item, struct bytes name, int64_t integer);
void bus_item_bool(struct bus_item *item, struct bytes name, bool boolean);
void bus_item_texts(struct bus_item *item, struct bytes name, const struct bytes *texts,
                    size_t count);
struct value bus_item_end(struct bus_item *item, struct arena *arena);

/* A map of pk and sk alone. */
struct value bus_item_key_map(struct buffer *scratch, struct arena *arena, struct bytes pk,
                              struct bytes sk);

/* An attribute's text, empty when it is absent or no string. */
struct bytes bus_item_get_text(struct value item, struct bytes name);
int64_t bus_item_get_integer(struct value item, struct bytes name, int64_t fallback);
bool bus_item_get_bool(struct value item, struct bytes name);
/* The same, copied to the arena; data NULL without memory. */
struct bytes bus_item_copy_text(struct value item, struct bytes name, struct arena *arena);

/* Up to four parts as one text in the arena; data NULL without memory. */
struct bytes bus_join(struct arena *arena, struct bytes first, struct bytes second,
                      struct bytes third, struct bytes fourth);

#endif
