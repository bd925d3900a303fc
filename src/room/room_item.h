/*
 * Rooms as items of the table `tacos-rooms`: pk ROOM#{event id}, and by sk
 *
 *     SETTINGS          id, mode, rates, seed, and once it is open: opened at, how many were drawn
 *     WAITERS#{chunk}   base (ms), count and entries (waiters.h) of a chunk that is full
 *     WAITERS#{chunk}#{offset}  the same of a part of the chunk that is being filled
 *     STATES#{chunk}    2 bits for each waiter; absent: all of them wait
 *     SHOPPER#{number}  admitted, entered, expires (ms), holds, buyer
 *
 * Numbers in keys have leading zeros, so that keys sort like numbers.
 *
 * Memory: items are in the arena given, VALUE_NONE without memory. Engine thread.
 */
#ifndef TACOS_ROOM_ROOM_ITEM_H
#define TACOS_ROOM_ROOM_ITEM_H

#include "room/room.h"
#include "room/shoppers.h"
#include "store/item_record.h"

#define ROOM_TABLE "tacos-rooms"

/* The table, made when it is not there and then durable; NULL with *error. */
struct table *room_table(struct store *store, struct error *error);

struct bytes room_key(struct arena *arena, struct bytes event_id);

enum room_item_kind {
  ROOM_ITEM_SETTINGS,
  ROOM_ITEM_WAITERS,
  ROOM_ITEM_PIECE,
  ROOM_ITEM_STATES,
  ROOM_ITEM_SHOPPER,
  ROOM_ITEM_KINDS,
};

/* The sort key; `number` is the chunk or the shopper, `offset` of a piece in its chunk. */
struct bytes room_sort_key(struct arena *arena, enum room_item_kind kind, uint32_t number,
                           uint32_t offset);
/* What a sort key says; ROOM_ITEM_KINDS: none of these. */
enum room_item_kind room_sort_key_read(struct bytes sort, uint32_t *number, uint32_t *offset);

/* A map of just the key. */
struct value room_item_key(struct record_writer *writer, struct arena *arena, struct bytes pk,
                           enum room_item_kind kind, uint32_t number, uint32_t offset);

struct room_record {
  uint32_t id;
  struct bytes event_id;
  struct room_settings settings;
  uint8_t seed[SHUFFLE_SEED_BYTES];
  bool opened;
  int64_t opened_ms;
  uint32_t drawn;
};

struct value room_settings_item(struct record_writer *writer, struct arena *arena,
                                const struct room_record *record);
/* event_id points into the item. False: the item is damaged. */
bool room_settings_read(struct value item, struct room_record *record);

/* kind: WAITERS or PIECE. */
struct value room_waiters_item(struct record_writer *writer, struct arena *arena, struct bytes pk,
                               enum room_item_kind kind, uint32_t chunk, uint32_t offset,
                               int64_t base_ms, uint32_t count, struct bytes entries);
/* False: the item is damaged. `entries` points into it. */
bool room_waiters_read(struct value item, int64_t *base_ms, uint32_t *count, struct bytes *entries);
struct value room_states_item(struct record_writer *writer, struct arena *arena, struct bytes pk,
                              uint32_t chunk, struct bytes image);
/* user_id: of the buyer it is bound to; empty: none. */
struct value room_shopper_item(struct record_writer *writer, struct arena *arena, struct bytes pk,
                               const struct shopper *shopper, struct bytes user_id);
/* Without the buyer's name; *user_id points into the item. */
bool room_shopper_read(struct value item, struct shopper *shopper, struct bytes *user_id);

#endif
