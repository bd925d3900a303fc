/*
 * Key conditions: `partition = :v` alone or AND one condition on the sort key.
 *
 * What is wrong whatever the table is found when compiling; the rest when the key schema is known.
 */
#include "store/expression_tree.h"

static bool is_key_operation(enum operation operation)
{
  switch (operation) {
  case OPERATION_AND:
  case OPERATION_EQUAL:
  case OPERATION_LESS:
  case OPERATION_LESS_EQUAL:
  case OPERATION_GREATER:
  case OPERATION_GREATER_EQUAL:
  case OPERATION_BETWEEN:
  case OPERATION_BEGINS_WITH:
    return true;
  default:
    return false;
  }
}

/* The operand that is the key attribute; after check_operands there is exactly one. */
static const struct node *key_of(const struct node *node)
{
  return node->nodes[0]->operation == OPERATION_PATH ? node->nodes[0] : node->nodes[1];
}

static struct bytes key_name(const struct node *node)
{
  return key_of(node)->path.steps[0].name;
}

static bool check_operands(const struct node *node, struct error *error)
{
  const char *name = operation_infos[node->operation].name;
  bool named = false;
  for (uint32_t i = 0; i < node->count; i++) {
    const struct node *operand = node->nodes[i];
    if (operand->operation == OPERATION_VALUE) {
      if (i > 0 ||
          (node->operation != OPERATION_BETWEEN && node->operation != OPERATION_BEGINS_WITH))
        continue;
      return error_set(error, ERROR_INVALID,
                       "Invalid condition in KeyConditionExpression: %s operator must have the key "
                       "attribute as its first operand",
                       name);
    }
    if (operand->operation != OPERATION_PATH)
      return error_set(error, ERROR_INVALID,
                       "KeyConditionExpressions cannot contain nested operations");
    if (named)
      return error_set(
          error, ERROR_INVALID,
          "Invalid condition in KeyConditionExpression: Multiple attribute names used in "
          "one condition");
    if (operand->path.count > 1)
      return error_set(error, ERROR_INVALID,
                       "KeyConditionExpressions cannot have conditions on nested attributes");
    named = true;
  }
  if (named) return true;
  return error_set(error, ERROR_INVALID,
                   "Invalid condition in KeyConditionExpression: No key attribute specified");
}

static bool check_shape(const struct node *node, struct error *error)
{
  if (!is_key_operation(node->operation))
    return error_set(error, ERROR_INVALID, "Invalid operator used in KeyConditionExpression: %s",
                     operation_infos[node->operation].name);
  if (node->operation != OPERATION_AND) return check_operands(node, error);
  for (uint32_t i = 0; i < node->count; i++) {
    if (!check_shape(node->nodes[i], error)) return false;
  }
  return true;
}

/* The conditions of a tree of ANDs, left to right; counts past `limit` but keeps no more. */
static uint32_t collect(const struct node *node, const struct node **leaves, uint32_t limit,
                        uint32_t count)
{
  if (node->operation != OPERATION_AND) {
    if (count < limit) leaves[count] = node;
    return count + 1;
  }
  for (uint32_t i = 0; i < node->count; i++) count = collect(node->nodes[i], leaves, limit, count);
  return count;
}

bool expression_check_keys(const struct node *condition, struct error *error)
{
  const struct node *leaves[EXPRESSION_OPERATORS_MAX + 1];
  if (!check_shape(condition, error)) return false;
  uint32_t count = collect(condition, leaves, EXPRESSION_OPERATORS_MAX + 1, 0);
  CHECK_THAT(count, <=, EXPRESSION_OPERATORS_MAX + 1);
  for (uint32_t i = 1; i < count; i++) {
    for (uint32_t j = 0; j < i; j++) {
      if (bytes_equal(key_name(leaves[i]), key_name(leaves[j])))
        return error_set(error, ERROR_INVALID,
                         "KeyConditionExpressions must only contain one condition per key");
    }
  }
  return true;
}

/* ---- with a key schema ---- */

/* The range of `key operation value`, or of `value operation key` when it is turned round. */
static enum expression_range range_of(enum operation operation, bool turned)
{
  switch (operation) {
  case OPERATION_EQUAL:
    return EXPRESSION_RANGE_EQUAL;
  case OPERATION_LESS:
    return turned ? EXPRESSION_RANGE_GREATER : EXPRESSION_RANGE_LESS;
  case OPERATION_LESS_EQUAL:
    return turned ? EXPRESSION_RANGE_GREATER_EQUAL : EXPRESSION_RANGE_LESS_EQUAL;
  case OPERATION_GREATER:
    return turned ? EXPRESSION_RANGE_LESS : EXPRESSION_RANGE_GREATER;
  case OPERATION_GREATER_EQUAL:
    return turned ? EXPRESSION_RANGE_LESS_EQUAL : EXPRESSION_RANGE_GREATER_EQUAL;
  case OPERATION_BETWEEN:
    return EXPRESSION_RANGE_BETWEEN;
  case OPERATION_BEGINS_WITH:
    return EXPRESSION_RANGE_BEGINS_WITH;
  default:
    break;
  }
  CHECK(false && "a key operation");
  return EXPRESSION_RANGE_ALL;
}

static struct value operand_of(const struct node *node, const struct value *values)
{
  const struct node *operand = key_of(node) == node->nodes[0] ? node->nodes[1] : node->nodes[0];
  CHECK_THAT(operand->operation, ==, OPERATION_VALUE);
  return values[operand->slot];
}

static bool refuse_missing(struct bytes key, struct error *error)
{
  return error_set(error, ERROR_INVALID, "Query condition missed key schema element: %.*s",
                   BYTES_FORMAT(key));
}

bool expression_resolve_keys(const struct expression *condition, const struct value *values,
                             struct bytes partition, struct bytes sort,
                             struct expression_keys *keys, struct error *error)
{
  CHECK_THAT(condition->kind, ==, EXPRESSION_KEY_CONDITION);
  CHECK_THAT(partition.size, >, 0);
  const struct node *leaves[2];
  const struct node *hash = NULL;
  const struct node *range = NULL;
  uint32_t count = collect(condition->condition, leaves, 2, 0);
  if (count > 2) return error_set(error, ERROR_INVALID, "Conditions can be of length 1 or 2 only");
  for (uint32_t i = 0; i < count; i++) {
    if (bytes_equal(key_name(leaves[i]), partition)) hash = leaves[i];
    if (sort.size > 0 && bytes_equal(key_name(leaves[i]), sort)) range = leaves[i];
  }
  if (hash == NULL) return refuse_missing(partition, error);
  if (count == 2 && range == NULL && sort.size > 0) return refuse_missing(sort, error);
  if (hash->operation != OPERATION_EQUAL || (count == 2 && range == NULL))
    return error_set(error, ERROR_INVALID, "Query key condition not supported");

  *keys = (struct expression_keys){.partition = operand_of(hash, values)};
  if (range == NULL) return true;
  keys->range = range_of(range->operation, key_of(range) != range->nodes[0]);
  keys->low = operand_of(range, values);
  if (range->operation == OPERATION_BETWEEN) keys->high = values[range->nodes[2]->slot];
  return true;
}
