/*
 * Compiling: what all grammars share, and the entry point.
 *
 * A syntax error ends the parse at once. Everything else that can be wrong is noted while parsing
 * and the fault of the lowest rank is reported when the whole text has been read, which is
 * DynamoDB's order.
 */
#include "store/expression_tree.h"

#include <stdarg.h>
#include <stdio.h>

enum { FAULT_RANKS_PER_CONDITION = RANK_OPERAND_KIND - RANK_PLACEHOLDER + 1 };

const struct operation_info operation_infos[OPERATION_COUNT] = {
    [OPERATION_PATH] = {"path", PLACE_LEAF, 0},
    [OPERATION_VALUE] = {"value", PLACE_LEAF, 0},
    [OPERATION_AND] = {"AND", PLACE_LOGIC, 0},
    [OPERATION_OR] = {"OR", PLACE_LOGIC, 0},
    [OPERATION_NOT] = {"NOT", PLACE_LOGIC, 1},
    [OPERATION_EQUAL] = {"=", PLACE_COMPARISON, 2},
    [OPERATION_NOT_EQUAL] = {"<>", PLACE_COMPARISON, 2},
    [OPERATION_LESS] = {"<", PLACE_COMPARISON, 2},
    [OPERATION_LESS_EQUAL] = {"<=", PLACE_COMPARISON, 2},
    [OPERATION_GREATER] = {">", PLACE_COMPARISON, 2},
    [OPERATION_GREATER_EQUAL] = {">=", PLACE_COMPARISON, 2},
    [OPERATION_BETWEEN] = {"BETWEEN", PLACE_COMPARISON, 3},
    [OPERATION_IN] = {"IN", PLACE_COMPARISON, 0},
    [OPERATION_ATTRIBUTE_EXISTS] = {"attribute_exists", PLACE_PREDICATE, 1},
    [OPERATION_ATTRIBUTE_NOT_EXISTS] = {"attribute_not_exists", PLACE_PREDICATE, 1},
    [OPERATION_ATTRIBUTE_TYPE] = {"attribute_type", PLACE_PREDICATE, 2},
    [OPERATION_BEGINS_WITH] = {"begins_with", PLACE_PREDICATE, 2},
    [OPERATION_CONTAINS] = {"contains", PLACE_PREDICATE, 2},
    [OPERATION_SIZE] = {"size", PLACE_SIZE, 1},
    [OPERATION_IF_NOT_EXISTS] = {"if_not_exists", PLACE_UPDATE, 2},
    [OPERATION_LIST_APPEND] = {"list_append", PLACE_UPDATE, 2},
    [OPERATION_ADD] = {"+", PLACE_ARITHMETIC, 2},
    [OPERATION_SUBTRACT] = {"-", PLACE_ARITHMETIC, 2},
    [OPERATION_UNKNOWN] = {"unknown", PLACE_LEAF, 0},
};

const char *expression_kind_name(enum expression_kind kind)
{
  static const char *const names[] = {
      [EXPRESSION_CONDITION] = "ConditionExpression",
      [EXPRESSION_FILTER] = "FilterExpression",
      [EXPRESSION_KEY_CONDITION] = "KeyConditionExpression",
      [EXPRESSION_UPDATE] = "UpdateExpression",
      [EXPRESSION_PROJECTION] = "ProjectionExpression",
  };
  CHECK_THAT(kind, <=, EXPRESSION_PROJECTION);
  return names[kind];
}

/* ---- tokens ---- */

/* The offset just behind a token. */
static size_t end_of(const struct parser *parser, const struct token *token)
{
  return (size_t)(token->text.data - parser->text.data) + token->text.size;
}

void parser_advance(struct parser *parser)
{
  parser->previous = parser->token;
  parser->token = expression_lex(parser->text, end_of(parser, &parser->token));
}

bool parser_sees(const struct parser *parser, char symbol)
{
  return parser->token.type == TOKEN_SYMBOL && parser->token.text.data[0] == (uint8_t)symbol;
}

bool parser_accept(struct parser *parser, char symbol)
{
  if (!parser_sees(parser, symbol)) return false;
  parser_advance(parser);
  return true;
}

/* What stands around the looked-at token: from the token before it to the one after. */
static struct bytes text_nearby(const struct parser *parser)
{
  const struct token *token = &parser->token;
  const uint8_t *start = parser->previous.text.size > 0 ? parser->previous.text.data
                                                        : token->text.data;
  size_t end = end_of(parser, parser->token.type == TOKEN_END ? &parser->previous : token);
  if (token->type != TOKEN_END) {
    struct token next = expression_lex(parser->text, end);
    if (next.type != TOKEN_END) end = end_of(parser, &next);
  }
  return bytes_of(start, (size_t)(parser->text.data + end - start));
}

void *parser_refuse_syntax(struct parser *parser)
{
  enum { SHOWN_BYTES_MAX = 120 };
  bool ended = parser->token.type == TOKEN_END;
  struct bytes token = text_cut(ended ? BYTES("<EOF>") : parser->token.text, SHOWN_BYTES_MAX);
  struct bytes near = text_cut(text_nearby(parser), SHOWN_BYTES_MAX);
  error_set(parser->error, ERROR_INVALID,
            "Invalid %s: Syntax error; token: \"%.*s\", near: \"%.*s\"",
            expression_kind_name(parser->kind), BYTES_FORMAT(token), BYTES_FORMAT(near));
  return NULL;
}

bool parser_expect(struct parser *parser, char symbol)
{
  if (parser_accept(parser, symbol)) return true;
  parser_refuse_syntax(parser);
  return false;
}

/* ---- faults, limits, memory ---- */

void parser_fault(struct parser *parser, int rank, const char *format, ...)
{
  if (rank >= RANK_PLACEHOLDER && parser->kind <= EXPRESSION_KEY_CONDITION)
    rank += FAULT_RANKS_PER_CONDITION * (int)parser->condition_index;
  if (rank >= parser->fault) return;
  parser->fault = rank;
  char message[ERROR_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  error_set(&parser->deferred, ERROR_INVALID, "Invalid %s: %s", expression_kind_name(parser->kind),
            message);
}

/* Parsing, checking and evaluating all recurse at most this deep. */
bool parser_enter(struct parser *parser)
{
  if (parser->depth < EXPRESSION_DEPTH_MAX) {
    parser->depth++;
    return true;
  }
  return error_set(parser->error, ERROR_INVALID,
                   "Invalid %s: The expression has too many nesting levels; at most %d are allowed",
                   expression_kind_name(parser->kind), EXPRESSION_DEPTH_MAX);
}

void parser_leave(struct parser *parser)
{
  CHECK_THAT(parser->depth, >, 0);
  parser->depth--;
}

void parser_close_group(struct parser *parser, struct node *node)
{
  if (node->grouped)
    parser_fault(parser, RANK_PARENTHESES, "The expression has redundant parentheses;");
  node->grouped = true;
}

void *parser_alloc(struct parser *parser, size_t count, size_t size)
{
  void *block = arena_alloc_array(parser->arena, count, size);
  if (block == NULL) error_set(parser->error, ERROR_NO_MEMORY, "no memory for an expression");
  return block;
}

struct node *parser_node(struct parser *parser, enum operation operation,
                         const struct node *const *nodes, uint32_t count)
{
  struct node *node = parser_alloc(parser, 1, sizeof(*node));
  if (node == NULL) return NULL;
  CHECK_THAT(operation, <, OPERATION_COUNT);
  *node = (struct node){.operation = operation, .count = count};
  if (count == 0) return node;
  node->nodes = parser_alloc(parser, count, sizeof(*node->nodes));
  if (node->nodes == NULL) return NULL;
  memcpy(node->nodes, nodes, count * sizeof(*nodes));
  /* n operands of AND and OR stand around n - 1 operators. */
  bool chain = operation == OPERATION_AND || operation == OPERATION_OR;
  parser->operators += chain ? count - 1 : 1;
  return node;
}

/* ---- the entry point ---- */

/* The parser's list as an array, for expression_mentions. */
static bool copy_mentions(struct parser *parser, struct expression *expression)
{
  struct bytes *mentioned = parser_alloc(parser, parser->mention_count, sizeof(*mentioned));
  if (mentioned == NULL) return false;
  uint32_t count = 0;
  for (struct mention *mention = parser->first_mention; mention != NULL; mention = mention->next)
    mentioned[count++] = mention->name;
  CHECK_THAT(count, ==, parser->mention_count);
  expression->mentioned = mentioned;
  expression->mentioned_count = count;
  return true;
}

static bool refuse_deferred(struct parser *parser)
{
  *parser->error = parser->deferred;
  return false;
}

/*
 * What remains when the text has been read: the noted faults in DynamoDB's order. Updates and
 * projections report clashing paths between undefined placeholders and faulty operands.
 */
static bool finish(struct parser *parser, struct expression *expression)
{
  CHECK((expression->condition == NULL) == (parser->target_count > 0));
  if (parser->token.type != TOKEN_END) return parser_refuse_syntax(parser) != NULL;
  if (parser->operators > EXPRESSION_OPERATORS_MAX)
    parser_fault(parser, RANK_LIMIT,
                 "The expression contains too many operators; operator count: %u",
                 parser->operators);
  bool conditional = expression->condition != NULL;
  if (parser->fault < RANK_NONE && (conditional || parser->fault <= RANK_PLACEHOLDER))
    return refuse_deferred(parser);
  if (!conditional && !expression_sort_targets(parser, expression)) return false;
  if (parser->fault < RANK_NONE) return refuse_deferred(parser);
  if (parser->kind == EXPRESSION_KEY_CONDITION &&
      !expression_check_keys(expression->condition, parser->error))
    return false;
  return copy_mentions(parser, expression);
}

static bool parse_kind(struct parser *parser, struct expression *expression)
{
  switch (parser->kind) {
  case EXPRESSION_CONDITION:
  case EXPRESSION_FILTER:
  case EXPRESSION_KEY_CONDITION:
    expression->condition = parse_condition(parser);
    return expression->condition != NULL;
  case EXPRESSION_UPDATE:
    return parse_update(parser);
  case EXPRESSION_PROJECTION:
    return parse_projection(parser);
  }
  CHECK(false && "an expression_kind");
  return false;
}

const struct expression *expression_compile(struct arena *arena, enum expression_kind kind,
                                            struct bytes text,
                                            const struct expression_placeholders *placeholders,
                                            struct error *error)
{
  static const struct expression_placeholders none;
  struct parser parser = {
      .arena = arena,
      .placeholders = placeholders == NULL ? &none : placeholders,
      .kind = kind,
      .fault = RANK_NONE,
      .error = error,
  };
  parser.last_mention = &parser.first_mention;
  parser.last_target = &parser.first_target;
  if (text.size > EXPRESSION_SIZE_MAX) {
    error_set(
        error, ERROR_INVALID,
        "Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %zu",
        expression_kind_name(kind), text.size);
    return NULL;
  }
  /* Names and paths point into the text, which the caller need not keep. */
  parser.text = arena_copy(arena, text);
  struct expression *expression = parser_alloc(&parser, 1, sizeof(*expression));
  if (parser.text.data == NULL || expression == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for an expression");
    return NULL;
  }
  *expression = (struct expression){.kind = kind};
  parser.previous = parser.token = (struct token){.text = {parser.text.data, 0}};
  parser.token = expression_lex(parser.text, 0);
  if (parser.token.type == TOKEN_END) {
    error_set(error, ERROR_INVALID, "Invalid %s: The expression can not be empty;",
              expression_kind_name(kind));
    return NULL;
  }
  if (!parse_kind(&parser, expression) || !finish(&parser, expression)) return NULL;
  return expression;
}

/* ---- what the caller asks about placeholders and paths ---- */

/* The placeholders that were not used, as DynamoDB lists them. */
struct unused_keys {
  char text[300];
  size_t size;
};

static void unused_add(struct unused_keys *keys, struct bytes key)
{
  size_t room = sizeof(keys->text) - keys->size;
  const char *comma = keys->size == 0 ? "" : ", ";
  struct bytes shown = text_cut(key, room < sizeof(", ") ? 0 : room - sizeof(", "));
  int printed = snprintf(keys->text + keys->size, room, "%s%.*s", comma, BYTES_FORMAT(shown));
  CHECK_THAT(printed, >=, 0);
  keys->size += (size_t)printed < room ? (size_t)printed : room - 1;
}

static bool refuse_unused(const char *what, const struct unused_keys *keys, struct error *error)
{
  return error_set(error, ERROR_INVALID,
                   "Value provided in ExpressionAttribute%s unused in expressions: keys: {%s}",
                   what, keys->text);
}

bool expression_check_unused(const struct expression_placeholders *placeholders,
                             struct error *error)
{
  CHECK(placeholders->names_used != NULL || placeholders->name_count == 0);
  CHECK(placeholders->values_used != NULL || placeholders->value_count == 0);
  struct unused_keys keys = {.size = 0};
  for (size_t i = 0; i < placeholders->name_count; i++) {
    if (!placeholders->names_used[i]) unused_add(&keys, placeholders->names[i].placeholder);
  }
  if (keys.size > 0) return refuse_unused("Names", &keys, error);
  for (size_t i = 0; i < placeholders->value_count; i++) {
    if (!placeholders->values_used[i]) unused_add(&keys, placeholders->values[i]);
  }
  return keys.size == 0 || refuse_unused("Values", &keys, error);
}

size_t expression_touched(const struct expression *expression, const struct bytes **names)
{
  *names = expression->touched;
  return expression->touched_count;
}

bool expression_only_removes(const struct expression *update)
{
  for (uint32_t i = 0; i < update->target_count; i++) {
    if (update->targets[i].verb != TARGET_REMOVE && update->targets[i].verb != TARGET_DELETE)
      return false;
  }
  return true;
}

bool expression_mentions(const struct expression *expression, struct bytes attribute)
{
  for (uint32_t i = 0; i < expression->mentioned_count; i++) {
    if (bytes_equal(expression->mentioned[i], attribute)) return true;
  }
  return false;
}
