/*
 * Names and what is known of each: from a text to a number, and to a row of that number.
 *
 * Numbers count from 1; 0 is "no name", so a zeroed row refers to nothing. Texts are borrowed: they
 * outlive the names. A row moves when a name is added: keep the number, not the address. 80 bytes
 * for a name besides its row at most, when there is room for just as many as there are.
 *
 * A look-up takes one line of memory and does not look at the text: two names are the same when 96
 * bits of their keyed hashes are. Among ten million names two different ones are taken for the same
 * with a probability of 1 in 10^15.
 */
#ifndef TACOS_SALE_AUDIT_NAMES_H
#define TACOS_SALE_AUDIT_NAMES_H

#include "base/bytes.h"

struct audit_slot {
  uint64_t hash;
  uint32_t hash_more;
  uint32_t number; /* 0: empty */
};

struct audit_names {
  struct memory *memory;
  uint64_t hash_seed;
  size_t row_bytes;
  struct bytes *texts; /* [0] is no name */
  uint8_t *rows;
  uint32_t count; /* numbers 1 to count - 1 are taken */
  uint32_t capacity, text_capacity;
  struct audit_slot *slots; /* open addressing, at most half full */
  uint64_t slot_count;
};

void audit_names_init(struct audit_names *names, struct memory *memory, uint64_t hash_seed,
                      size_t row_bytes);
void audit_names_free(struct audit_names *names);

/* Makes room for so many at once; false when there is no memory. */
bool audit_names_reserve(struct audit_names *names, uint64_t count);

/* The number of a text, which is added with a zeroed row when it is new; 0: no memory. */
uint32_t audit_names_add(struct audit_names *names, struct bytes text);

/* The number of a text; 0: it is not there. */
uint32_t audit_names_find(const struct audit_names *names, struct bytes text);

struct bytes audit_names_text(const struct audit_names *names, uint32_t number);

/* Row 0 is there too, and stays zeroed. */
static inline void *audit_names_row(const struct audit_names *names, uint32_t number)
{
  return names->rows + number * names->row_bytes;
}

#endif
