/*
 * What DynamoDB refuses once it knows the values and before it looks at an item: operand types of
 * operators and functions, bounds of BETWEEN, names of types.
 */
#include "store/expression_tree.h"

#include <stdio.h>

struct check {
  const struct expression *expression;
  const struct value *values;
  struct error *error;
};

/* The type of an operand as far as it is known without an item. */
static enum value_type known_type(const struct check *check, const struct node *node)
{
  if (node->operation == OPERATION_VALUE) return value_type(check->values[node->slot]);
  if (node->operation == OPERATION_SIZE) return VALUE_NUMBER;
  return VALUE_ABSENT;
}

static bool refuse_type(const struct check *check, const struct node *node, enum value_type type)
{
  return error_set(check->error, ERROR_INVALID,
                   "Invalid %s: Incorrect operand type for operator or function; operator or "
                   "function: %s, operand type: %s",
                   expression_kind_name(check->expression->kind),
                   operation_infos[node->operation].name, value_type_name(type));
}

enum { TYPE_S = 1 << VALUE_STRING, TYPE_N = 1 << VALUE_NUMBER, TYPE_B = 1 << VALUE_BINARY };

/* Refuses the first operand whose type is known and not among the allowed ones (a set of bits). */
static bool check_types(const struct check *check, const struct node *node, unsigned allowed)
{
  for (uint32_t i = 0; i < node->count; i++) {
    enum value_type type = known_type(check, node->nodes[i]);
    if (type != VALUE_ABSENT && ((1u << type) & allowed) == 0)
      return refuse_type(check, node, type);
  }
  return true;
}

/* ---- BETWEEN ---- */

enum { BOUND_TEXT_BYTES = 100 };

/* "{N:2}", as DynamoDB prints the bounds; binaries by their size. */
static const char *format_bound(struct value value, char text[BOUND_TEXT_BYTES])
{
  char digits[DECIMAL_TEXT_BYTES];
  struct bytes shown;
  if (value_type(value) == VALUE_NUMBER) {
    struct decimal number = value_number(value);
    shown = bytes_of(digits, decimal_format(&number, digits));
  } else if (value_type(value) == VALUE_STRING) {
    shown = value_bytes(value);
  } else {
    int printed = snprintf(digits, sizeof(digits), "%zu bytes", value_bytes(value).size);
    shown = bytes_of(digits, (size_t)printed);
  }
  shown = text_cut(shown, BOUND_TEXT_BYTES / 2);
  snprintf(text, BOUND_TEXT_BYTES, "{%s:%.*s}", value_type_name(value_type(value)),
           BYTES_FORMAT(shown));
  return text;
}

static bool check_between(const struct check *check, const struct node *node)
{
  if (!check_types(check, node, TYPE_S | TYPE_N | TYPE_B)) return false;
  /* Bounds that the item has are judged when it is known, and are then no error. */
  if (node->nodes[1]->operation != OPERATION_VALUE || node->nodes[2]->operation != OPERATION_VALUE)
    return true;
  struct value low = check->values[node->nodes[1]->slot];
  struct value high = check->values[node->nodes[2]->slot];
  int order;
  bool same = expression_compare(low, high, &order);
  if (same && order <= 0) return true;
  char low_text[BOUND_TEXT_BYTES];
  char high_text[BOUND_TEXT_BYTES];
  return error_set(
      check->error, ERROR_INVALID,
      "Invalid %s: The BETWEEN operator requires %s; lower bound operand: AttributeValue: "
      "%s, upper bound operand: AttributeValue: %s",
      expression_kind_name(check->expression->kind),
      same ? "upper bound to be greater than or equal to lower bound"
           : "same data type for lower and upper bounds",
      format_bound(low, low_text), format_bound(high, high_text));
}

/* ---- functions ---- */

static bool check_attribute_type(const struct check *check, const struct node *node)
{
  enum value_type type = known_type(check, node->nodes[1]);
  if (type != VALUE_STRING) return refuse_type(check, node, type);
  CHECK_THAT(node->nodes[1]->operation, ==, OPERATION_VALUE);
  struct bytes name = value_bytes(check->values[node->nodes[1]->slot]);
  for (int known = VALUE_STRING; known <= VALUE_BINARY_SET; known++) {
    if (bytes_equal(name, bytes_of_text(value_type_name((enum value_type)known)))) return true;
  }
  name = text_cut(name, BOUND_TEXT_BYTES);
  return error_set(check->error, ERROR_INVALID,
                   "Invalid %s: Invalid attribute type name found; type: %.*s, valid types: "
                   "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
                   expression_kind_name(check->expression->kind), BYTES_FORMAT(name));
}

/* Operands before the operation they belong to. */
static bool check_node(const struct check *check, const struct node *node)
{
  for (uint32_t i = 0; i < node->count; i++) {
    if (!check_node(check, node->nodes[i])) return false;
  }
  switch (node->operation) {
  case OPERATION_LESS:
  case OPERATION_LESS_EQUAL:
  case OPERATION_GREATER:
  case OPERATION_GREATER_EQUAL:
    return check_types(check, node, TYPE_S | TYPE_N | TYPE_B);
  case OPERATION_BETWEEN:
    return check_between(check, node);
  case OPERATION_BEGINS_WITH:
    return check_types(check, node, TYPE_S | TYPE_B);
  case OPERATION_ATTRIBUTE_TYPE:
    return check_attribute_type(check, node);
  case OPERATION_SIZE:
    return check_types(check, node, ~(unsigned)(TYPE_N | 1 << VALUE_BOOL | 1 << VALUE_NULL));
  case OPERATION_LIST_APPEND:
    return check_types(check, node, 1 << VALUE_LIST);
  case OPERATION_ADD:
  case OPERATION_SUBTRACT:
    return check_types(check, node, TYPE_N);
  default:
    return true;
  }
}

/* ADD takes numbers and sets, DELETE sets. */
static bool check_target(const struct check *check, const struct target *target)
{
  static const char *const words[] = {
      [VALUE_STRING] = "STRING", [VALUE_NUMBER] = "NUMBER", [VALUE_BINARY] = "BINARY",
      [VALUE_BOOL] = "BOOLEAN",  [VALUE_NULL] = "NULL",     [VALUE_LIST] = "LIST",
      [VALUE_MAP] = "MAP",       [VALUE_BINARY_SET] = NULL,
  };
  bool add = target->verb == TARGET_ADD;
  if (!add && target->verb != TARGET_DELETE) return true;
  enum value_type type = known_type(check, target->operand);
  CHECK_THAT(type, !=, VALUE_ABSENT);
  if (words[type] == NULL || (add && type == VALUE_NUMBER)) return true;
  return error_set(check->error, ERROR_INVALID,
                   "Invalid %s: Incorrect operand type for operator or function; operator: %s, "
                   "operand type: %s",
                   expression_kind_name(check->expression->kind), add ? "ADD" : "DELETE",
                   words[type]);
}

bool expression_check_values(const struct expression *expression, const struct value *values,
                             struct error *error)
{
  CHECK((expression->condition == NULL) == (expression->target_count > 0));
  struct check check = {expression, values, error};
  if (expression->condition != NULL) return check_node(&check, expression->condition);
  for (uint32_t i = 0; i < expression->target_count; i++) {
    if (!check_target(&check, &expression->targets[i])) return false;
  }
  for (uint32_t i = 0; i < expression->target_count; i++) {
    const struct node *operand = expression->targets[i].operand;
    if (operand != NULL && !check_node(&check, operand)) return false;
  }
  return true;
}
