/*
 * Values for tests: seeded randomness, a naive model of a value, and re-encoding piece by piece.
 *
 * Every function is static inline, so that a test uses what it needs. Model nodes live in an arena.
 */
#ifndef TACOS_UNIT_STORE_VALUE_FIXTURE_H
#define TACOS_UNIT_STORE_VALUE_FIXTURE_H

#include "base/check.h"
#include "store/item.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture_random {
  uint64_t seed;
  uint64_t state;
};

/* TACOS_SEED, or the default. */
static inline struct fixture_random fixture_random_init(uint64_t default_seed)
{
  const char *text = getenv("TACOS_SEED");
  uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : default_seed;
  return (struct fixture_random){seed, seed};
}

/* SplitMix64 (Steele, Lea, Flood 2014), below `end`. */
static inline uint64_t fixture_random_below(struct fixture_random *random, uint64_t end)
{
  uint64_t mixed = random->state += 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return (mixed ^ (mixed >> 31)) % end;
}

/* What the writer is told, in the order it is told. */
struct model {
  enum value_type type;
  bool boolean;
  bool integral; /* a number to be written with value_write_integer */
  int64_t integer;
  struct decimal number;
  struct bytes bytes;
  uint32_t count;
  struct bytes *names;
  struct model *children;
};

static inline struct bytes model_random_bytes(struct arena *arena, struct fixture_random *random,
                                              bool text, size_t least)
{
  size_t limit = fixture_random_below(random, 20) == 0 ? 300 : 4;
  size_t size = least + fixture_random_below(random, limit);
  uint8_t *data = arena_alloc(arena, size);
  for (size_t i = 0; i < size; i++)
    data[i] = text ? (uint8_t)('a' + fixture_random_below(random, 3))
                   : (uint8_t)fixture_random_below(random, 256);
  return (struct bytes){data, size};
}

static inline void model_random_number(struct model *model, struct fixture_random *random)
{
  char text[64];
  int64_t integer = (int64_t)fixture_random_below(random, UINT64_MAX) >>
                    fixture_random_below(random, 63);
  struct error error;
  model->integral = fixture_random_below(random, 2) == 0;
  model->integer = integer;
  model->number = decimal_from_integer(integer);
  if (model->integral) return;
  snprintf(text, sizeof(text), "%lldE%d", (long long)integer,
           (int)fixture_random_below(random, 200) - 100);
  CHECK(decimal_parse(bytes_of_text(text), &model->number, &error));
}

static inline void model_random_scalar(struct model *model, enum value_type type,
                                       struct arena *arena, struct fixture_random *random)
{
  *model = (struct model){.type = type};
  if (type == VALUE_BOOL) model->boolean = fixture_random_below(random, 2) == 0;
  if (type == VALUE_NUMBER) model_random_number(model, random);
  if (type == VALUE_STRING || type == VALUE_BINARY)
    model->bytes = model_random_bytes(arena, random, type == VALUE_STRING, 0);
}

static inline bool model_scalar_equal(const struct model *left, const struct model *right)
{
  if (left->type == VALUE_NUMBER)
    return left->number.coefficient == right->number.coefficient &&
           left->number.exponent == right->number.exponent &&
           left->number.negative == right->number.negative;
  return bytes_equal(left->bytes, right->bytes);
}

/* Whether the newest child has no equal before it: names in a map, elements in a set. */
static inline bool model_newest_is_new(const struct model *model)
{
  uint32_t newest = model->count - 1;
  for (uint32_t i = 0; i < newest; i++) {
    if (model->type == VALUE_LIST) break;
    if (model->type == VALUE_MAP
            ? bytes_equal(model->names[i], model->names[newest])
            : model_scalar_equal(&model->children[i], &model->children[newest]))
      return false;
  }
  return true;
}

static inline void model_random(struct model *model, uint32_t depth, struct arena *arena,
                                struct fixture_random *random)
{
  enum value_type type = VALUE_STRING + (unsigned)fixture_random_below(random, 10);
  if (depth == 0 && (type == VALUE_LIST || type == VALUE_MAP)) type = VALUE_STRING_SET;
  if (type < VALUE_LIST) {
    model_random_scalar(model, type, arena, random);
    return;
  }
  bool set = type >= VALUE_STRING_SET;
  uint32_t wanted = (uint32_t)(fixture_random_below(random, 12) + set);
  *model = (struct model){.type = type};
  /* An arena aligns to 8, the coefficient of a decimal needs 16. */
  uintptr_t children = (uintptr_t)arena_alloc(arena, wanted * sizeof(struct model) + 8);
  model->children = (struct model *)((children + 15) & ~(uintptr_t)15);
  model->names = arena_alloc_array(arena, wanted, sizeof(*model->names));
  for (uint32_t i = 0; i < wanted; i++) {
    struct model *child = &model->children[model->count];
    model->names[model->count] = model_random_bytes(arena, random, true, 1);
    if (type == VALUE_STRING_SET)
      model_random_scalar(child, VALUE_STRING, arena, random);
    else if (type == VALUE_NUMBER_SET)
      model_random_scalar(child, VALUE_NUMBER, arena, random);
    else if (type == VALUE_BINARY_SET)
      model_random_scalar(child, VALUE_BINARY, arena, random);
    else
      model_random(child, depth - 1, arena, random);
    model->count++;
    if (!model_newest_is_new(model)) model->count--;
  }
}

static inline void model_shuffle(struct model *model, struct fixture_random *random)
{
  if (model->type == VALUE_LIST) return;
  for (uint32_t i = model->count; i > 1; i--) {
    uint32_t other = (uint32_t)fixture_random_below(random, i);
    struct model child = model->children[i - 1];
    struct bytes name = model->names[i - 1];
    model->children[i - 1] = model->children[other];
    model->names[i - 1] = model->names[other];
    model->children[other] = child;
    model->names[other] = name;
  }
}

static inline void model_write(const struct model *model, struct value_writer *writer)
{
  switch (model->type) {
  case VALUE_NULL:
    value_write_null(writer);
    return;
  case VALUE_BOOL:
    value_write_bool(writer, model->boolean);
    return;
  case VALUE_NUMBER:
    if (model->integral)
      value_write_integer(writer, model->integer);
    else
      value_write_number(writer, &model->number);
    return;
  case VALUE_STRING:
    value_write_string(writer, model->bytes);
    return;
  case VALUE_BINARY:
    value_write_binary(writer, model->bytes);
    return;
  default:
    value_write_begin(writer, model->type);
    for (uint32_t i = 0; i < model->count; i++) {
      if (model->type == VALUE_MAP) value_write_name(writer, model->names[i]);
      model_write(&model->children[i], writer);
    }
    value_write_end(writer);
  }
}

/* Writes a value again through its readers, one scalar at a time. */
static inline void value_rewrite(struct value value, struct value_writer *writer)
{
  enum value_type type = value_type(value);
  struct decimal number;
  if (type == VALUE_NULL) {
    value_write_null(writer);
  } else if (type == VALUE_BOOL) {
    value_write_bool(writer, value_bool(value));
  } else if (type == VALUE_NUMBER) {
    number = value_number(value);
    value_write_number(writer, &number);
  } else if (type == VALUE_STRING) {
    value_write_string(writer, value_bytes(value));
  } else if (type == VALUE_BINARY) {
    value_write_binary(writer, value_bytes(value));
  } else {
    value_write_begin(writer, type);
    struct value_iterator iterator = value_iterate(value);
    struct bytes name;
    struct value element;
    while (value_next(&iterator, &name, &element)) {
      if (type == VALUE_MAP) value_write_name(writer, name);
      value_rewrite(element, writer);
    }
    value_write_end(writer);
  }
}

#endif
