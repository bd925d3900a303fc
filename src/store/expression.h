/*
 * DynamoDB's expressions: condition, filter, key condition, update, projection.
 *
 * Compiled once into an arena (handlers keep theirs for the life of the process, the AWS wire
 * compiles one per request), evaluated any number of times without parsing. #names are resolved
 * when compiling; :values become slots into an array of values given at evaluation.
 *
 *     text --lexer--> tokens --parser--> tree of operands and operators --evaluator--> result
 *
 * Grammar and messages: DynamoDB developer guide, "Condition and filter expressions, operators, and
 * functions", "Update expressions", "Key condition expressions", "Projection expressions",
 * "Reserved words". Errors are ERROR_INVALID; the message is DynamoDB's own and names the token,
 * the placeholder or the attribute. Pure; any thread.
 */
#ifndef TACOS_STORE_EXPRESSION_H
#define TACOS_STORE_EXPRESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "store/item.h"

enum expression_kind {
  EXPRESSION_CONDITION,
  EXPRESSION_FILTER,
  EXPRESSION_KEY_CONDITION,
  EXPRESSION_UPDATE,
  EXPRESSION_PROJECTION,
};

/* One entry of ExpressionAttributeNames: "#n" -> "name". */
struct expression_name {
  struct bytes placeholder;
  struct bytes attribute;
};

/*
 * The placeholders of a request, shared by its expressions. Compiling marks those used, so that the
 * caller can refuse unused ones as DynamoDB does (expression_check_unused).
 */
struct expression_placeholders {
  const struct expression_name *names;
  size_t name_count;
  const struct bytes *values; /* ":v" of slot 0, 1, ... */
  size_t value_count;
  bool *names_used;  /* name_count flags, or NULL */
  bool *values_used; /* value_count flags, or NULL */
};

struct expression; /* expression_tree.h */

/* NULL with *error when the text is refused or there is no memory. `placeholders` may be NULL. */
const struct expression *expression_compile(struct arena *arena, enum expression_kind kind,
                                            struct bytes text,
                                            const struct expression_placeholders *placeholders,
                                            struct error *error);

/* Refuses names or values that no expression of the request used, with DynamoDB's message. */
bool expression_check_unused(const struct expression_placeholders *placeholders,
                             struct error *error);

/*
 * Checks what DynamoDB refuses before it looks at any item, once the values are known: operand
 * types of operators and functions, BETWEEN bounds the wrong way round, attribute_type's names,
 * update operands of the wrong type. `values` has one value per slot.
 */
bool expression_check_values(const struct expression *expression, const struct value *values,
                             struct error *error);

/*
 * Evaluates a condition or filter on an item (VALUE_NONE: no such item). Comparisons of different
 * types or with absent attributes are false, only <> is then true, as in DynamoDB. Scratch memory
 * comes from the arena; false only with *error when it runs out.
 */
bool expression_test(const struct expression *condition, struct value item,
                     const struct value *values, struct arena *arena, bool *result,
                     struct error *error);

/*
 * Applies an update to `item` (at least its key attributes) and gives the new image in the arena.
 * All right-hand sides see the old item. Errors are DynamoDB's: "The provided expression refers to
 * an attribute that does not exist in the item", "The document path provided in the update
 * expression is invalid for update", "An operand in the update expression has an incorrect data
 * type", number range and item size.
 */
bool expression_update(const struct expression *update, struct value item,
                       const struct value *values, struct arena *arena, struct value *result,
                       struct error *error);

/* The top-level attribute names an update (or projection) names: returns the count. */
size_t expression_touched(const struct expression *expression, const struct bytes **names);

/* Whether an update has only REMOVE and DELETE: on no item it makes none. */
bool expression_only_removes(const struct expression *update);

/* Whether any path of the expression starts at this attribute. */
bool expression_mentions(const struct expression *expression, struct bytes attribute);

/*
 * The parts of an item that a projection, or the paths an update touches (for ReturnValues
 * UPDATED_OLD and UPDATED_NEW), name: a new item in the arena. List elements keep their order and
 * close up.
 */
bool expression_project(const struct expression *expression, struct value item, struct arena *arena,
                        struct value *result, struct error *error);

/* A key condition resolved against a key schema. */
enum expression_range {
  EXPRESSION_RANGE_ALL,
  EXPRESSION_RANGE_EQUAL,
  EXPRESSION_RANGE_LESS,
  EXPRESSION_RANGE_LESS_EQUAL,
  EXPRESSION_RANGE_GREATER,
  EXPRESSION_RANGE_GREATER_EQUAL,
  EXPRESSION_RANGE_BETWEEN, /* low <= x <= high */
  EXPRESSION_RANGE_BEGINS_WITH,
};

struct expression_keys {
  struct value partition;      /* the partition key's value */
  enum expression_range range; /* on the sort key */
  struct value low;            /* the operand; BETWEEN's lower bound */
  struct value high;           /* BETWEEN's upper bound */
};

/*
 * Resolves a key condition for a table or index whose key attributes are these (`sort` is empty
 * when there is none). Refuses with DynamoDB's messages: missing key, condition not supported,
 * filter on non-key, wrong type is the caller's check.
 */
bool expression_resolve_keys(const struct expression *condition, const struct value *values,
                             struct bytes partition, struct bytes sort,
                             struct expression_keys *keys, struct error *error);

#endif
