/*
 * The store's log records: what a transaction changed, as redo.
 *
 *     type                  payload
 *     RECORD_TRANSACTION    parts, one after the other
 *     RECORD_TABLE          a table's definition as it is from now on (table_encode): new or
 *     changed RECORD_TABLE_DELETE   u32 table id
 *
 *     part := u8 kind | u8 flags | u16 0 | u32 table id | u32 image size | u32 old size | image |
 *     old
 *       PART_PUT      image: the whole new item; old: the old item where the table's stream wants
 *       it PART_DELETE   image: the key map; old as above
 *       PART_TOKEN    image: the client request token; old: u64 request hash; table id 0
 *
 * Parts carry whole items, so replaying a record over a state that already has it, or has something
 * newer, and then the records after it, ends in the same state (what a fuzzy snapshot needs).
 */
#ifndef TACOS_STORE_RECORD_H
#define TACOS_STORE_RECORD_H

#include "base/bytes.h"
#include "base/error.h"
#include "store/item.h"

enum record_type {
  RECORD_TRANSACTION = 1,
  RECORD_TABLE = 2,
  RECORD_TABLE_DELETE = 3,
};

enum part_kind {
  PART_PUT = 1,
  PART_DELETE = 2,
  PART_TOKEN = 3,
};

enum part_flag {
  PART_BY_TTL = 1,    /* deleted because its time to live was over */
  PART_REPLACED = 2,  /* a put over an existing item */
  PART_UNCHANGED = 4, /* ... whose image is the same: no stream record */
};

enum { PART_HEADER_BYTES = 16 };

struct part {
  enum part_kind kind;
  uint8_t flags;
  uint32_t table_id;
  struct bytes image;
  struct bytes old;
};

static inline size_t part_size(size_t image_size, size_t old_size)
{
  return PART_HEADER_BYTES + image_size + old_size;
}

/* Writes a part and returns the first byte after it. */
uint8_t *part_write(uint8_t *to, const struct part *part);

/*
 * Takes the next part off `payload`. False at its end, and for a malformed one, which leaves
 * *malformed true. Checksums vouch for the images; they are not validated again.
 */
bool part_read(struct bytes *payload, struct part *part, bool *malformed);

static inline struct value part_image(const struct part *part)
{
  return (struct value){part->image.data, part->image.size};
}

static inline struct value part_old(const struct part *part)
{
  return (struct value){part->old.data, part->old.size};
}

#endif
