/*
 * For tests of keyspaces: items whose key attributes are small numbers, spelled so that the order
 * of the numbers is the order of the keys in every type, and two keyspaces over them.
 *
 *     "p", "s": the primary key    "g", "h": free to be keys of the secondary keyspace
 *
 * Every function is static inline, so that a test uses what it needs.
 */
#ifndef TACOS_UNIT_STORE_KEYSPACE_FIXTURE_H
#define TACOS_UNIT_STORE_KEYSPACE_FIXTURE_H

#include "base/check.h"
#include "sim/random.h"
#include "store/keyspace.h"

#include <inttypes.h>
#include <stdio.h>

enum {
  KEY_ABSENT = -1,     /* the item lacks the attribute */
  KEY_WRONG_TYPE = -2, /* it is a BOOL */
  KEYSPACE_REGION_BYTES = 256 << 10,
};

/* Names of attributes and their types; NULL: no such key. */
struct keyspace_shape {
  const char *sort_name;    /* of the primary keyspace: "s" or NULL */
  enum value_type types[4]; /* of p, s, g, h */
  const char *index_partition;
  const char *index_sort;
};

struct keyspace_fixture {
  struct memory memory;
  struct heap heap;
  const struct keyspace_shape *shape;
  struct keyspace primary;
  struct keyspace secondary;
};

/* The four attributes as numbers. */
struct key_numbers {
  int at[4];
};

static inline enum value_type keyspace_fixture_type(const struct keyspace_shape *shape,
                                                    const char *name)
{
  return shape->types[strchr("psgh", name[0]) - "psgh"];
}

static inline struct table_key keyspace_fixture_key(const struct keyspace_shape *shape,
                                                    const char *name)
{
  if (name == NULL) return (struct table_key){0};
  return (struct table_key){bytes_of_text(name), keyspace_fixture_type(shape, name)};
}

/* A key of a number up to 9999: texts share a long start, numbers have fractions and signs. */
static inline void keyspace_fixture_write_key(struct value_writer *writer, enum value_type type,
                                              int number)
{
  char text[64];
  struct decimal decimal;
  struct error error;
  switch (type) {
  case VALUE_STRING:
    snprintf(text, sizeof text, "TICKET#2026-%04d", number);
    value_write_string(writer, bytes_of_text(text));
    return;
  case VALUE_NUMBER:
    snprintf(text, sizeof text, "%d.%d", number - 5, number < 5 ? 0 : number % 2 * 5);
    CHECK(decimal_parse(bytes_of_text(text), &decimal, &error));
    value_write_number(writer, &decimal);
    return;
  default:
    CHECK(type == VALUE_BINARY);
    uint8_t binary[3] = {0xFF, (uint8_t)(number >> 8), (uint8_t)number};
    value_write_binary(writer, bytes_of(binary, sizeof binary));
  }
}

/* A map of the attributes that are there, and a payload that makes versions differ in size. */
static inline struct value keyspace_fixture_map(const struct keyspace_shape *shape,
                                                const struct key_numbers *numbers,
                                                uint32_t payload_size, struct buffer *buffer)
{
  static const uint8_t payload[64] = {0};
  struct value_writer writer;
  struct value map;
  struct error error;
  value_writer_init(&writer, buffer);
  value_write_begin(&writer, VALUE_MAP);
  for (int i = 0; i < 4; i++) {
    if (numbers->at[i] == KEY_ABSENT) continue;
    value_write_name(&writer, bytes_of(&"psgh"[i], 1));
    if (numbers->at[i] == KEY_WRONG_TYPE)
      value_write_bool(&writer, true);
    else
      keyspace_fixture_write_key(&writer, shape->types[i], numbers->at[i]);
  }
  value_write_name(&writer, BYTES("payload"));
  value_write_binary(&writer, bytes_of(payload, payload_size));
  value_write_end(&writer);
  CHECK(value_writer_finish(&writer, &map, &error));
  return map;
}

static inline struct item *keyspace_fixture_item(struct keyspace_fixture *fixture,
                                                 const struct key_numbers *numbers,
                                                 uint32_t payload_size)
{
  struct buffer buffer;
  buffer_init(&buffer, &fixture->memory);
  struct value map = keyspace_fixture_map(fixture->shape, numbers, payload_size, &buffer);
  struct item *item = heap_alloc(&fixture->heap, item_block_size(map.size));
  CHECK(item != NULL);
  item->size = (uint32_t)map.size;
  memcpy(item->data, map.data, map.size);
  item->partition = (uint32_t)(value_attribute(map, BYTES("p")).data - map.data);
  item->sort = 0;
  if (fixture->shape->sort_name != NULL)
    item->sort = (uint32_t)(value_attribute(map, BYTES("s")).data - map.data);
  buffer_free(&buffer);
  return item;
}

static inline void keyspace_fixture_free_item(struct keyspace_fixture *fixture, struct item *item)
{
  heap_free(&fixture->heap, item, item_block_size(item->size));
}

static inline void keyspace_fixture_open(struct keyspace_fixture *fixture,
                                         const struct keyspace_shape *shape)
{
  *fixture = (struct keyspace_fixture){.shape = shape};
  heap_init(&fixture->heap, &fixture->memory, KEYSPACE_REGION_BYTES);
  CHECK(keyspace_init(&fixture->primary, &fixture->memory, &fixture->heap, 99,
                      keyspace_fixture_key(shape, "p"),
                      keyspace_fixture_key(shape, shape->sort_name), NULL));
  CHECK(keyspace_init(&fixture->secondary, &fixture->memory, &fixture->heap, 99,
                      keyspace_fixture_key(shape, shape->index_partition),
                      keyspace_fixture_key(shape, shape->index_sort), &fixture->primary));
}

/* Items must have been freed. */
static inline void keyspace_fixture_close(struct keyspace_fixture *fixture)
{
  keyspace_free(&fixture->primary);
  keyspace_free(&fixture->secondary);
  CHECK_THAT(fixture->heap.in_use, ==, 0);
  heap_free_all(&fixture->heap);
  CHECK_THAT(fixture->memory.in_use, ==, 0);
}

static inline uint64_t keyspace_fixture_hash(const struct keyspace *keyspace,
                                             const struct item *item)
{
  return keyspace_hash(keyspace, keyspace_partition_of(keyspace, item));
}

/* An insert for which all memory was reserved: no allocation may be asked for in it. */
static inline void keyspace_fixture_insert(struct keyspace_fixture *fixture,
                                           struct keyspace *keyspace, uint64_t hash,
                                           struct item *item)
{
  CHECK(keyspace_reserve(&fixture->heap, 1) && keyspace_prepare(keyspace, hash, 1));
  uint64_t calls = fixture->memory.calls;
  keyspace_insert(keyspace, hash, item);
  CHECK_THAT(fixture->memory.calls, ==, calls);
}

#endif
