/*
 * The grammar of conditions:
 *
 *     or         := and { OR and }
 *     and        := not { AND not }
 *     not        := NOT not | comparison
 *     comparison := primary [ comparator group | BETWEEN group AND group
 *                           | IN '(' group { ',' group } ')' ]
 *     primary    := operand | '(' or ')'
 *
 * Whether a parenthesis holds an operand or a condition shows only behind it, so both are read by
 * the same rule and a bare operand is refused where a condition is needed.
 */
#include "store/expression_tree.h"

static struct node *parse_or(struct parser *parser);

static enum operation_place place_of(const struct node *node)
{
  return operation_infos[node->operation].place;
}

/* Paths and values; a function's result is judged by check_condition. */
static bool is_bare_operand(const struct node *node)
{
  return node->operation == OPERATION_PATH || node->operation == OPERATION_VALUE;
}

static bool is_function_call(const struct node *node)
{
  enum operation_place place = place_of(node);
  return place == PLACE_PREDICATE || place == PLACE_SIZE || place == PLACE_UPDATE ||
         node->operation == OPERATION_UNKNOWN;
}

static void fault_misused(struct parser *parser, const struct node *call)
{
  parser_fault(parser, RANK_FUNCTION_PLACE,
               "The function is not allowed to be used this way in an expression; function: %s",
               operation_infos[call->operation].name);
}

/* A node used as a condition: false with a syntax error when it is a bare operand. */
static bool check_condition(struct parser *parser, const struct node *node)
{
  if (is_bare_operand(node)) {
    parser_refuse_syntax(parser);
    return false;
  }
  if (place_of(node) == PLACE_SIZE) fault_misused(parser, node);
  return true;
}

/* DynamoDB takes `a = a` for a mistake; so it does with functions of two operands. */
static void check_distinct(struct parser *parser, const struct node *node)
{
  if (node->count != 2 || node->nodes[0]->operation != OPERATION_PATH ||
      node->nodes[1]->operation != OPERATION_PATH ||
      !path_equal(&node->nodes[0]->path, &node->nodes[1]->path))
    return;
  char path[PATH_TEXT_BYTES];
  parser_fault(
      parser, RANK_DISTINCT,
      "The first operand must be distinct from the remaining operands for this operator or "
      "function; operator: %s, first operand: %s",
      operation_infos[node->operation].name, path_format(&node->nodes[0]->path, path));
}

/* Notes the faults of a finished comparison: of functions only size() may be an operand. */
static struct node *finish_comparison(struct parser *parser, struct node *node)
{
  if (node == NULL) return NULL;
  CHECK_THAT(place_of(node), ==, PLACE_COMPARISON);
  CHECK_THAT(node->count, >=, 2);
  for (uint32_t i = 0; i < node->count; i++) {
    const struct node *operand = node->nodes[i];
    if (is_function_call(operand) && operand->operation != OPERATION_SIZE &&
        operand->operation != OPERATION_UNKNOWN)
      fault_misused(parser, operand);
  }
  if (node->operation != OPERATION_IN) check_distinct(parser, node);
  parser->condition_index++;
  return node;
}

/* The AND inside belongs to BETWEEN because bounds are operands, which no AND can join. */
static struct node *parse_between(struct parser *parser, const struct node *left)
{
  parser_advance(parser);
  const struct node *low = parse_operand_in_parentheses(parser);
  if (low == NULL) return NULL;
  if (!token_is_keyword(&parser->token, "AND")) return parser_refuse_syntax(parser);
  parser_advance(parser);
  const struct node *high = parse_operand_in_parentheses(parser);
  if (high == NULL) return NULL;
  return parser_node(parser, OPERATION_BETWEEN, (const struct node *[]){left, low, high}, 3);
}

/* What may follow an operand and makes it a condition; the operand itself when nothing does. */
static struct node *parse_comparison_rest(struct parser *parser, struct node *left)
{
  if (parser->token.type == TOKEN_COMPARE) {
    enum operation operation = parser->token.operation;
    parser_advance(parser);
    const struct node *right = parse_operand_in_parentheses(parser);
    if (right == NULL) return NULL;
    const struct node *operands[] = {left, right};
    return finish_comparison(parser, parser_node(parser, operation, operands, 2));
  }
  if (token_is_keyword(&parser->token, "BETWEEN"))
    return finish_comparison(parser, parse_between(parser, left));
  if (token_is_keyword(&parser->token, "IN")) {
    parser_advance(parser);
    if (!parser_expect(parser, '(')) return NULL;
    return finish_comparison(parser, parse_in(parser, left));
  }
  if (place_of(left) == PLACE_PREDICATE && !left->grouped) {
    check_distinct(parser, left);
    parser->condition_index++;
  }
  return left;
}

/* '(' or ')': a condition, or an operand that a comparator or more of a path may follow. */
static struct node *parse_group(struct parser *parser)
{
  if (!parser_enter(parser)) return NULL;
  parser_advance(parser);
  struct node *node = parse_or(parser);
  if (node == NULL || !parser_expect(parser, ')')) return NULL;
  parser_leave(parser);
  parser_close_group(parser, node);
  if (node->operation == OPERATION_PATH && (parser_sees(parser, '.') || parser_sees(parser, '['))) {
    if (!parse_path_rest(parser, &node->path)) return NULL;
    node->grouped = false;
  }
  return node;
}

static struct node *parse_comparison(struct parser *parser)
{
  struct node *left = parser_sees(parser, '(') ? parse_group(parser) : parse_operand(parser);
  if (left == NULL) return NULL;
  if (is_bare_operand(left) || is_function_call(left)) return parse_comparison_rest(parser, left);
  return left;
}

static struct node *parse_not(struct parser *parser)
{
  if (!token_is_keyword(&parser->token, "NOT")) return parse_comparison(parser);
  if (!parser_enter(parser)) return NULL;
  parser_advance(parser);
  const struct node *operand = parse_not(parser);
  if (operand == NULL || !check_condition(parser, operand)) return NULL;
  parser_leave(parser);
  return parser_node(parser, OPERATION_NOT, &operand, 1);
}

struct link {
  const struct node *node;
  struct link *next;
};

static struct node *chain_node(struct parser *parser, enum operation operation,
                               const struct link *first, uint32_t count)
{
  CHECK_THAT(count, >=, 2);
  const struct node **nodes = parser_alloc(parser, count, sizeof(*nodes));
  if (nodes == NULL) return NULL;
  for (uint32_t i = 0; i < count; i++, first = first->next) nodes[i] = first->node;
  return parser_node(parser, operation, nodes, count);
}

/* One operand alone, or all operands of a row of the same operator in one node. */
static struct node *parse_chain(struct parser *parser, enum operation operation,
                                struct node *(*parse_part)(struct parser *))
{
  struct node *part = parse_part(parser);
  if (part == NULL || !token_is_keyword(&parser->token, operation_infos[operation].name))
    return part;
  struct link head = {.node = part};
  struct link *last = &head;
  uint32_t count = 1;
  if (!check_condition(parser, part)) return NULL;
  while (token_is_keyword(&parser->token, operation_infos[operation].name)) {
    parser_advance(parser);
    part = parse_part(parser);
    if (part == NULL || !check_condition(parser, part)) return NULL;
    struct link *link = parser_alloc(parser, 1, sizeof(*link));
    if (link == NULL) return NULL;
    *link = (struct link){.node = part};
    last->next = link;
    last = link;
    count++;
  }
  return chain_node(parser, operation, &head, count);
}

static struct node *parse_and(struct parser *parser)
{
  return parse_chain(parser, OPERATION_AND, parse_not);
}

static struct node *parse_or(struct parser *parser)
{
  return parse_chain(parser, OPERATION_OR, parse_and);
}

struct node *parse_condition(struct parser *parser)
{
  struct node *node = parse_or(parser);
  if (node == NULL || !check_condition(parser, node)) return NULL;
  CHECK_THAT(parser->depth, ==, 0);
  return node;
}
