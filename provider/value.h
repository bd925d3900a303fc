/*
 * Values of Terraform's type system, as they travel between core and a provider.
 *
 *   null | unknown | bool | number | string | list of values | map from names to values
 *
 * A set or tuple is a list here, an object a map; which it is, the schema knows. A value and all
 * below it live in one arena and are not changed once they are part of another value, so values
 * may share parts. Numbers are kept as the decimal text they came with: Terraform's have 512 bits.
 *
 * An unknown may carry a prefix that its final text will start with (a "refinement"); Terraform
 * hands it on through references, which is how a plan can tell which VPC a subnet will be in
 * before either exists.
 */
#ifndef TACOS_PROVIDER_VALUE_H
#define TACOS_PROVIDER_VALUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"

enum {
  /* Lists and maps inside each other: three levels of WAF statements take 27. The unpacker of
     msgpack-c gives up at 32. */
  VALUE_DEPTH_MAX = 30,
};

enum value_kind {
  VALUE_NULL,
  VALUE_UNKNOWN,
  VALUE_BOOL,
  VALUE_NUMBER,
  VALUE_STRING,
  VALUE_LIST,
  VALUE_MAP,
};

struct value {
  enum value_kind kind;
  bool boolean;        /* VALUE_BOOL */
  struct bytes text;   /* string, number in decimal, or the prefix of an unknown */
  size_t count;        /* items of a list or map */
  struct value *items; /* count of them */
  struct bytes *keys;  /* of a map: the name of each item */
};

/* What a missing attribute reads as. */
extern const struct value VALUE_NOTHING;

struct value value_string(struct bytes text);
struct value value_bool(bool boolean);
struct value value_unknown(struct bytes prefix);
struct value value_integer(struct arena *arena, int64_t number);
struct value value_list(struct arena *arena, size_t count); /* of nulls, to be filled */
struct value value_map(struct arena *arena, size_t count);  /* keys empty, to be filled */

/* The value under a name; VALUE_NOTHING when it is absent or `map` is no map. */
const struct value *value_get(const struct value *map, const char *name);
const struct value *value_get_bytes(const struct value *map, struct bytes name);

/* The first block of a list of blocks that may hold one; VALUE_NOTHING when there is none. */
const struct value *value_first(const struct value *list);

/* A copy that shares no item, for changes; text is shared. */
struct value value_copy(struct arena *arena, const struct value *value);

/* Replaces the value under a name that the map has. */
void value_set(struct value *map, struct bytes name, struct value item);

/* Known, not null and text or number; its text. Empty otherwise. */
struct bytes value_text(const struct value *value);
bool value_is_string(const struct value *value);
bool value_is_true(const struct value *value);
bool value_to_integer(const struct value *value, int64_t *number);

/* Nothing in it is unknown. */
bool value_is_known(const struct value *value);

/* Same kind and content, lists in the same order. Two unknowns are never the same value. */
bool value_equal(const struct value *left, const struct value *right);

/* The same, with the lists' elements in any order: for sets. */
bool value_equal_unordered(const struct value *left, const struct value *right);

/* --- msgpack (value_msgpack.c) --- */

/* One document, whole; text is copied into the arena. */
bool value_from_msgpack(struct arena *arena, struct bytes input, struct value *value,
                        struct error *error);
struct bytes value_to_msgpack(struct arena *arena, const struct value *value);

/* --- JSON (value_json.c) --- */

/* One document, whole; strings may point into `input`. */
bool value_from_json(struct arena *arena, struct bytes input, struct value *value,
                     struct error *error);

/* Unknowns are written as null: what is stored has none. */
void value_write_json(struct json_writer *writer, const struct value *value);
struct bytes value_to_json(struct arena *arena, const struct value *value);

#endif
