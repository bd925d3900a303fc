/* Conditions and filters: whether one holds for an item. */
#include "store/expression_tree.h"

struct evaluation {
  struct value item;
  const struct value *values;
  struct arena *arena;
  bool out_of_memory;
};

bool expression_compare(struct value left, struct value right, int *order)
{
  if (!value_present(left) || !value_present(right)) return false;
  enum value_type type = value_type(left);
  if (type != value_type(right)) return false;
  if (type != VALUE_STRING && type != VALUE_NUMBER && type != VALUE_BINARY) return false;
  *order = value_compare(left, right);
  return true;
}

/* ---- operands ---- */

/* size(): bytes of strings and binaries, elements of containers; absent for the other types. */
static struct value size_of(struct evaluation *evaluation, struct value value)
{
  int64_t size = 0;
  switch (value_type(value)) {
  case VALUE_STRING:
  case VALUE_BINARY:
    size = (int64_t)value_bytes(value).size;
    break;
  case VALUE_LIST:
  case VALUE_MAP:
  case VALUE_STRING_SET:
  case VALUE_NUMBER_SET:
  case VALUE_BINARY_SET:
    size = value_count(value);
    break;
  case VALUE_ABSENT:
  case VALUE_NUMBER:
  case VALUE_BOOL:
  case VALUE_NULL:
    return VALUE_NONE;
  }
  struct value made = value_make_integer(evaluation->arena, size);
  if (!value_present(made)) evaluation->out_of_memory = true;
  return made;
}

static struct value resolve(struct evaluation *evaluation, const struct node *node)
{
  if (node->operation == OPERATION_PATH) return path_resolve(&node->path, evaluation->item);
  if (node->operation == OPERATION_VALUE) {
    CHECK_SLOW(value_present(evaluation->values[node->slot]));
    return evaluation->values[node->slot];
  }
  CHECK_THAT(node->operation, ==, OPERATION_SIZE);
  return size_of(evaluation, resolve(evaluation, node->nodes[0]));
}

/* ---- functions ---- */

static bool begins_with(struct value value, struct value prefix)
{
  enum value_type type = value_type(value);
  if (type != value_type(prefix) || (type != VALUE_STRING && type != VALUE_BINARY)) return false;
  return bytes_starts_with(value_bytes(value), value_bytes(prefix));
}

static bool list_contains(struct value list, struct value wanted)
{
  struct value_iterator iterator = value_iterate(list);
  struct value element;
  while (value_next(&iterator, NULL, &element)) {
    if (value_equal(element, wanted)) return true;
  }
  return false;
}

/* A part of a string or binary, or an element of a set or list. */
static bool contains(struct value value, struct value wanted)
{
  enum value_type type = value_type(value);
  enum value_type element = value_type(wanted);
  if (!value_present(value) || !value_present(wanted)) return false;
  switch (type) {
  case VALUE_STRING:
  case VALUE_BINARY:
    return type == element && bytes_find(value_bytes(value), value_bytes(wanted)) != SIZE_MAX;
  case VALUE_STRING_SET:
    return element == VALUE_STRING && value_set_contains(value, wanted);
  case VALUE_NUMBER_SET:
    return element == VALUE_NUMBER && value_set_contains(value, wanted);
  case VALUE_BINARY_SET:
    return element == VALUE_BINARY && value_set_contains(value, wanted);
  case VALUE_LIST:
    return list_contains(value, wanted);
  case VALUE_ABSENT:
  case VALUE_NUMBER:
  case VALUE_BOOL:
  case VALUE_NULL:
  case VALUE_MAP:
    break;
  }
  return false;
}

/* Whether the name of a type, such as "NS", is that of a value. */
static bool has_type(struct value value, struct value name)
{
  if (!value_present(value) || value_type(name) != VALUE_STRING) return false;
  return bytes_equal(value_bytes(name), bytes_of_text(value_type_name(value_type(value))));
}

/* ---- operators ---- */

/* Absent operands equal nothing, not even each other. */
static bool equal(struct value left, struct value right)
{
  return value_present(left) && value_equal(left, right);
}

static bool ordered(enum operation operation, struct value left, struct value right)
{
  int order;
  if (!expression_compare(left, right, &order)) return false;
  switch (operation) {
  case OPERATION_LESS:
    return order < 0;
  case OPERATION_LESS_EQUAL:
    return order <= 0;
  case OPERATION_GREATER:
    return order > 0;
  case OPERATION_GREATER_EQUAL:
    return order >= 0;
  default:
    break;
  }
  CHECK(false && "an ordering operator");
  return false;
}

static bool is_in(struct evaluation *evaluation, const struct node *node)
{
  CHECK_THAT(node->count, >=, 2);
  struct value left = resolve(evaluation, node->nodes[0]);
  for (uint32_t i = 1; i < node->count; i++) {
    if (equal(left, resolve(evaluation, node->nodes[i]))) return true;
  }
  return false;
}

/* Bounds from the item may be the wrong way round: then nothing is between them. */
static bool between(struct evaluation *evaluation, const struct node *node)
{
  struct value value = resolve(evaluation, node->nodes[0]);
  return ordered(OPERATION_GREATER_EQUAL, value, resolve(evaluation, node->nodes[1])) &&
         ordered(OPERATION_LESS_EQUAL, value, resolve(evaluation, node->nodes[2]));
}

/* Any operation that is not AND, OR or NOT; its faults were found when it was compiled. */
static bool holds_leaf(struct evaluation *evaluation, const struct node *node)
{
  if (node->operation == OPERATION_BETWEEN) return between(evaluation, node);
  if (node->operation == OPERATION_IN) return is_in(evaluation, node);
  struct value left = resolve(evaluation, node->nodes[0]);
  if (node->operation == OPERATION_ATTRIBUTE_EXISTS) return value_present(left);
  if (node->operation == OPERATION_ATTRIBUTE_NOT_EXISTS) return !value_present(left);
  /* All that is left compares two operands. */
  CHECK_THAT(node->count, ==, 2);
  struct value right = resolve(evaluation, node->nodes[1]);
  switch (node->operation) {
  case OPERATION_EQUAL:
    return equal(left, right);
  case OPERATION_NOT_EQUAL:
    return !equal(left, right);
  case OPERATION_ATTRIBUTE_TYPE:
    return has_type(left, right);
  case OPERATION_BEGINS_WITH:
    return begins_with(left, right);
  case OPERATION_CONTAINS:
    return contains(left, right);
  default:
    return ordered(node->operation, left, right);
  }
}

/* Left to right, and no further than the answer needs. */
static bool holds(struct evaluation *evaluation, const struct node *node)
{
  switch (node->operation) {
  case OPERATION_AND:
    for (uint32_t i = 0; i < node->count; i++) {
      if (!holds(evaluation, node->nodes[i])) return false;
    }
    return true;
  case OPERATION_OR:
    for (uint32_t i = 0; i < node->count; i++) {
      if (holds(evaluation, node->nodes[i])) return true;
    }
    return false;
  case OPERATION_NOT:
    return !holds(evaluation, node->nodes[0]);
  default:
    return holds_leaf(evaluation, node);
  }
}

bool expression_test(const struct expression *condition, struct value item,
                     const struct value *values, struct arena *arena, bool *result,
                     struct error *error)
{
  CHECK(condition->condition != NULL);
  struct evaluation evaluation = {.item = item, .values = values, .arena = arena};
  *result = holds(&evaluation, condition->condition);
  if (evaluation.out_of_memory)
    return error_set(error, ERROR_NO_MEMORY, "no memory to evaluate an expression");
  return true;
}
