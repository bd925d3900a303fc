/*
 * Schemas: what arguments and attributes each type of hashicorp/aws has.
 *
 * provider/aws.schema is linked into the program as it is. Each line is one of
 *
 *   version 6.25.0
 *   <kind> <name> <item> <item> ...     kind: provider, resource, data, ephemeral, block
 *
 * and an item is an attribute or a nested block:
 *
 *   arn:c=s                 flags r(equired) o(ptional) c(omputed) s(ensitive) w(rite-only); type
 *   tags:o=M(s)             s(tring) n(umber) b(ool) L(ist) S(et) M(ap) O(a=s,b=L(n)) object
 *   ttl@L01{enabled:o=b}    block: L(ist) S(et) or G (one, not in a list); least and most, 0: any
 *   statement@L11{&waf_1}   the items of a line `block waf_1`
 *
 * A block is an object whose fields have flags. Lines are read when their type is first asked for;
 * the arena that schemas_open got holds everything. One thread.
 */
#ifndef TACOS_PROVIDER_SCHEMA_H
#define TACOS_PROVIDER_SCHEMA_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "provider/value.h"

enum type_kind {
  TYPE_STRING,
  TYPE_NUMBER,
  TYPE_BOOL,
  TYPE_LIST,
  TYPE_SET,
  TYPE_MAP,
  TYPE_OBJECT,
};

struct type {
  enum type_kind kind;
  const struct type *element; /* of a list, set or map */
  const struct field *fields; /* of an object, in the order of their names */
  size_t count;
};

enum field_flag {
  FIELD_REQUIRED = 1,
  FIELD_OPTIONAL = 2,
  FIELD_COMPUTED = 4,
  FIELD_SENSITIVE = 8,
  FIELD_WRITE_ONLY = 16,
};

struct field {
  struct bytes name;
  const struct type *type; /* of a block: a list or set of objects, or one object */
  uint8_t flags;           /* 0 in objects that are no blocks */
  bool is_block;
  uint8_t least; /* blocks; 0: none is needed */
  uint8_t most;  /* 0: any number */
};

enum schema_kind {
  SCHEMA_PROVIDER,
  SCHEMA_RESOURCE,
  SCHEMA_DATA,
  SCHEMA_EPHEMERAL,
  SCHEMA_BLOCK,
  SCHEMA_KINDS,
};

struct schema {
  enum schema_kind kind;
  struct bytes name;
  struct bytes items;       /* of the line */
  const struct type *block; /* NULL until it is asked for */
  bool is_open;             /* being read: a block that refers to itself is refused */
};

struct schemas {
  struct arena *arena;
  struct bytes version;
  struct schema *all; /* in the order of kind and name */
  size_t count;
};

/* The text of aws.schema as it is linked in (schema_data.c). */
struct bytes schema_data(void);

/* Finds the lines; `data` must stay. False when a line is of no known kind. */
bool schemas_open(struct schemas *schemas, struct arena *arena, struct bytes data,
                  struct error *error);

/* The block of a type; NULL when there is none, or with *error set when its line is wrong. */
const struct type *schemas_find(struct schemas *schemas, enum schema_kind kind, struct bytes name,
                                struct error *error);

const struct field *schema_field(const struct type *object, struct bytes name);

/*
 * The value in the shape of the type: every field is there, in the type's order; what is missing
 * becomes null (a list of blocks: empty), what the type does not know is left out. False when a
 * part is of another kind than its type.
 */
bool schema_conform(struct arena *arena, const struct type *type, const struct value *value,
                    struct value *conformed, struct error *error);

/* Appends the type as Terraform's JSON has it: ["set","string"]. */
void schema_write_type(struct json_writer *writer, const struct type *type);

#endif
