/*
 * Items of the rooms above, written and read attribute by attribute.
 *
 *     record_begin(writer); record_text(writer, BYTES("status"), ...); item = record_end(writer,
 *     arena);
 *
 * One writer serves all records of its owner: its buffer is kept from one to the next, the finished
 * item is copied to the arena. Running out of memory is remembered: record_end gives VALUE_NONE
 * then.
 *
 * Engine thread.
 */
#ifndef TACOS_STORE_ITEM_RECORD_H
#define TACOS_STORE_ITEM_RECORD_H

#include "base/instant.h"
#include "store/item.h"

struct record_writer {
  struct buffer buffer;
  struct value_writer writer;
};

void record_writer_init(struct record_writer *writer, struct memory *memory);
void record_writer_free(struct record_writer *writer);

void record_begin(struct record_writer *writer);
void record_text(struct record_writer *writer, struct bytes name, struct bytes text);
void record_integer(struct record_writer *writer, struct bytes name, int64_t integer);
void record_bool(struct record_writer *writer, struct bytes name, bool boolean);
void record_binary(struct record_writer *writer, struct bytes name, struct bytes binary);
/* A time as text, "2026-11-23T20:00:00.000Z". */
void record_instant(struct record_writer *writer, struct bytes name, int64_t time_ms);
/* A list of texts. */
void record_texts(struct record_writer *writer, struct bytes name, const struct bytes *texts,
                  size_t count);
/* A list of integers. */
void record_integers(struct record_writer *writer, struct bytes name, const int64_t *integers,
                     size_t count);
struct value record_end(struct record_writer *writer, struct arena *arena);

/* An attribute's text, empty when it is absent or no string. */
struct bytes record_get_text(struct value item, struct bytes name);
/* The same of a binary. */
struct bytes record_get_binary(struct value item, struct bytes name);
/* An attribute's integer, or `fallback`. */
int64_t record_get_integer(struct value item, struct bytes name, int64_t fallback);
/* A time written by record_instant, or `fallback`. */
int64_t record_get_instant(struct value item, struct bytes name, int64_t fallback);

/*
 * `prefix` and `id` as one text in the arena ("TICKET#", "..."): a key. data NULL without memory,
 * and when one of them is NULL, so that a chain of these fails at its end.
 */
struct bytes record_key(struct arena *arena, struct bytes prefix, struct bytes id);

#endif
