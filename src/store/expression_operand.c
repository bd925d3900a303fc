/*
 * The grammar of operands, the same in all expressions:
 *
 *     operand  := path | :value | function '(' group { ',' group } ')'
 *     group    := operand | '(' group ')'             two pairs around one thing are redundant
 *     path     := name { '.' name | '[' digits ']' }
 *     name     := word | #name
 */
#include "store/expression_tree.h"

enum {
  LIST_INDEX_MAX = INT32_MAX,
  ARGUMENTS_MAX = EXPRESSION_SIZE_MAX / 2, /* one byte and a comma each */
};

/* ---- names and values ---- */

static bool check_placeholder_size(struct parser *parser)
{
  if (parser->token.text.size <= EXPRESSION_PLACEHOLDER_MAX) return true;
  return error_set(parser->error, ERROR_INVALID,
                   "Invalid %s: a placeholder has %zu characters, at most %d are allowed: %.40s...",
                   expression_kind_name(parser->kind), parser->token.text.size,
                   EXPRESSION_PLACEHOLDER_MAX, (const char *)parser->token.text.data);
}

/* The attribute behind a #name; when there is none that is noted, and it stands for itself. */
static bool resolve_name(struct parser *parser, struct bytes *name)
{
  const struct expression_placeholders *placeholders = parser->placeholders;
  struct bytes text = parser->token.text;
  if (!check_placeholder_size(parser)) return false;
  *name = text;
  for (size_t i = 0; i < placeholders->name_count; i++) {
    if (!bytes_equal(placeholders->names[i].placeholder, text)) continue;
    struct bytes attribute = placeholders->names[i].attribute;
    if (placeholders->names_used != NULL) placeholders->names_used[i] = true;
    if (attribute.size == 0 || attribute.size > ATTRIBUTE_NAME_MAX)
      return error_set(
          parser->error, ERROR_INVALID,
          "ExpressionAttributeNames contains invalid value: an attribute name has 1 to %d "
          "bytes; key: %.*s",
          ATTRIBUTE_NAME_MAX, BYTES_FORMAT(text));
    *name = arena_copy(parser->arena, attribute);
    return name->data != NULL ||
           error_set(parser->error, ERROR_NO_MEMORY, "no memory for an expression");
  }
  parser_fault(parser, RANK_PLACEHOLDER,
               "An expression attribute name used in the document path is not defined; attribute "
               "name: %.*s",
               BYTES_FORMAT(text));
  return true;
}

/* Words that are part of the grammar of this kind of expression. */
static bool is_keyword(const struct parser *parser)
{
  static const char *const of_conditions[] = {"AND", "OR", "NOT", "BETWEEN", "IN", NULL};
  static const char *const of_updates[] = {"SET", "REMOVE", "ADD", "DELETE", NULL};
  if (parser->kind == EXPRESSION_PROJECTION) return false;
  const char *const *keyword = parser->kind == EXPRESSION_UPDATE ? of_updates : of_conditions;
  for (; *keyword != NULL; keyword++) {
    if (token_is_keyword(&parser->token, *keyword)) return true;
  }
  return false;
}

/* One name of a path. Reserved words are a fault, keywords of this grammar a syntax error. */
static bool parse_name(struct parser *parser, struct bytes *name)
{
  if (parser->token.type == TOKEN_NAME) {
    if (!resolve_name(parser, name)) return false;
  } else if (parser->token.type == TOKEN_WORD && !is_keyword(parser)) {
    *name = parser->token.text;
    if (reserved_word(*name)) {
      bool update = parser->kind == EXPRESSION_UPDATE;
      parser_fault(parser, update ? RANK_UPDATE_RESERVED : RANK_RESERVED,
                   "Attribute name is a reserved keyword; reserved keyword: %.*s",
                   BYTES_FORMAT(*name));
    }
  } else {
    parser_refuse_syntax(parser);
    return false;
  }
  parser_advance(parser);
  return true;
}

struct node *parse_value(struct parser *parser)
{
  const struct expression_placeholders *placeholders = parser->placeholders;
  struct bytes text = parser->token.text;
  if (parser->token.type != TOKEN_VALUE) return parser_refuse_syntax(parser);
  if (!check_placeholder_size(parser)) return NULL;
  struct node *node = parser_alloc(parser, 1, sizeof(*node));
  if (node == NULL) return NULL;
  *node = (struct node){.operation = OPERATION_VALUE};
  size_t slot = 0;
  while (slot < placeholders->value_count && !bytes_equal(placeholders->values[slot], text)) slot++;
  if (slot == placeholders->value_count)
    parser_fault(
        parser, RANK_PLACEHOLDER,
        "An expression attribute value used in expression is not defined; attribute value: "
        "%.*s",
        BYTES_FORMAT(text));
  else if (placeholders->values_used != NULL)
    placeholders->values_used[slot] = true;
  node->slot = (uint32_t)slot;
  parser_advance(parser);
  return node;
}

/* ---- paths ---- */

/* digits ']'; the '[' has been read. */
static bool parse_index(struct parser *parser, struct path_step *step)
{
  if (parser->token.type != TOKEN_DIGITS) return parser_refuse_syntax(parser) != NULL;
  uint64_t index = 0;
  struct bytes digits = parser->token.text;
  for (size_t i = 0; i < digits.size && index <= LIST_INDEX_MAX; i++)
    index = index * 10 + (uint64_t)(digits.data[i] - '0');
  if (index > LIST_INDEX_MAX) {
    if (digits.size > 40) digits.size = 40;
    return error_set(parser->error, ERROR_INVALID,
                     "Invalid %s: List index is not within the allowable range; index: [%.*s]",
                     expression_kind_name(parser->kind), BYTES_FORMAT(digits));
  }
  *step = (struct path_step){.index = (uint32_t)index};
  parser_advance(parser);
  return parser_expect(parser, ']');
}

/* Extends a path by what follows it: .name and [index]. */
bool parse_path_rest(struct parser *parser, struct path *path)
{
  struct path_step steps[ITEM_DEPTH_MAX];
  CHECK(path->count >= 1 && path->count <= ITEM_DEPTH_MAX);
  uint32_t count = path->count;
  memcpy(steps, path->steps, count * sizeof(steps[0]));
  uint32_t before = count;
  while (parser_sees(parser, '.') || parser_sees(parser, '[')) {
    bool index = parser_sees(parser, '[');
    struct path_step step = {.index = 0};
    parser_advance(parser);
    if (index ? !parse_index(parser, &step) : !parse_name(parser, &step.name)) return false;
    if (count < ITEM_DEPTH_MAX) steps[count] = step;
    count++;
  }
  if (count > ITEM_DEPTH_MAX)
    return error_set(
        parser->error, ERROR_INVALID,
        "Invalid %s: The document path has too many nesting levels; nesting levels: %u",
        expression_kind_name(parser->kind), count);
  if (count == before) return true;
  struct path_step *copy = parser_alloc(parser, count, sizeof(*copy));
  if (copy == NULL) return false;
  memcpy(copy, steps, count * sizeof(steps[0]));
  CHECK(!path_step_is_index(&copy[0]));
  *path = (struct path){copy, count};
  return true;
}

bool parse_path(struct parser *parser, struct path *path)
{
  struct path_step *first = parser_alloc(parser, 1, sizeof(*first));
  struct mention *mention = parser_alloc(parser, 1, sizeof(*mention));
  if (first == NULL || mention == NULL) return false;
  *first = (struct path_step){.index = 0};
  if (!parse_name(parser, &first->name)) return false;
  CHECK_THAT(first->name.size, >, 0);
  *path = (struct path){first, 1};

  *mention = (struct mention){.name = first->name};
  *parser->last_mention = mention;
  parser->last_mention = &mention->next;
  parser->mention_count++;
  return parse_path_rest(parser, path);
}

/* ---- functions ---- */

static enum operation find_function(struct bytes name)
{
  for (int i = OPERATION_ATTRIBUTE_EXISTS; i <= OPERATION_LIST_APPEND; i++) {
    if (bytes_equal(name, bytes_of_text(operation_infos[i].name))) return (enum operation)i;
  }
  return OPERATION_UNKNOWN;
}

static bool is_function(const struct node *node)
{
  return node->operation >= OPERATION_ATTRIBUTE_EXISTS && node->operation <= OPERATION_LIST_APPEND;
}

static const char *kind_in_words(enum expression_kind kind)
{
  switch (kind) {
  case EXPRESSION_FILTER:
    return "a filter expression";
  case EXPRESSION_KEY_CONDITION:
    return "a key condition expression";
  case EXPRESSION_UPDATE:
    return "an update expression";
  case EXPRESSION_PROJECTION:
    return "a projection expression";
  case EXPRESSION_CONDITION:
    break;
  }
  return "a condition expression";
}

/* The faults of a call that do not depend on values. */
static void check_call(struct parser *parser, struct bytes name, const struct node *call)
{
  const struct operation_info *info = &operation_infos[call->operation];
  if (call->operation == OPERATION_UNKNOWN) {
    parser_fault(parser, RANK_FUNCTION_NAME, "Invalid function name; function: %.*s",
                 BYTES_FORMAT(name));
    return;
  }
  if ((info->place == PLACE_UPDATE) != (parser->kind == EXPRESSION_UPDATE)) {
    parser_fault(parser, RANK_FUNCTION_NAME, "The function is not allowed in %s; function: %s",
                 kind_in_words(parser->kind), info->name);
    return;
  }
  if (call->count != info->operands) {
    parser_fault(parser, RANK_OPERAND_COUNT,
                 "Incorrect number of operands for operator or function; operator or function: %s, "
                 "number of operands: %u",
                 info->name, call->count);
    return;
  }
  bool wants_path = call->operation == OPERATION_ATTRIBUTE_EXISTS ||
                    call->operation == OPERATION_ATTRIBUTE_NOT_EXISTS ||
                    call->operation == OPERATION_IF_NOT_EXISTS;
  if (wants_path && call->nodes[0]->operation != OPERATION_PATH)
    parser_fault(parser, RANK_OPERAND_KIND,
                 "Operator or function requires a document path; operator or function: %s",
                 info->name);
  if (call->operation == OPERATION_ATTRIBUTE_TYPE && call->nodes[1]->operation != OPERATION_VALUE)
    parser_fault(
        parser, RANK_OPERAND_KIND,
        "Incorrect operand type for operator or function; operator or function: %s, operand "
        "type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
        info->name);
}

/* Which functions may be an argument: size() in conditions, all but list_append in list_append. */
static void check_arguments(struct parser *parser, const struct node *call)
{
  for (uint32_t i = 0; i < call->count; i++) {
    enum operation argument = call->nodes[i]->operation;
    if (!is_function(call->nodes[i])) continue;
    bool allowed = parser->kind == EXPRESSION_UPDATE ? call->operation != OPERATION_LIST_APPEND ||
                                                           argument != OPERATION_LIST_APPEND
                                                     : argument == OPERATION_SIZE;
    if (!allowed)
      parser_fault(parser, RANK_FUNCTION_PLACE,
                   "The function is not allowed to be used this way in an expression; function: %s",
                   operation_infos[argument].name);
  }
}

struct argument {
  struct node *node;
  struct argument *next;
};

/* group { ',' group } ')' into an array in the arena. */
static const struct node **parse_arguments(struct parser *parser, uint32_t *count)
{
  struct argument *first = NULL;
  struct argument **last = &first;
  *count = 0;
  do {
    struct argument *argument = parser_alloc(parser, 1, sizeof(*argument));
    if (argument == NULL) return NULL;
    *argument = (struct argument){.node = parse_operand_in_parentheses(parser)};
    if (argument->node == NULL) return NULL;
    *last = argument;
    last = &argument->next;
    ++*count;
  } while (parser_accept(parser, ','));
  if (!parser_expect(parser, ')')) return NULL;
  CHECK_THAT(*count, <=, ARGUMENTS_MAX);

  const struct node **nodes = parser_alloc(parser, *count, sizeof(*nodes));
  if (nodes == NULL) return NULL;
  uint32_t copied = 0;
  for (struct argument *argument = first; argument != NULL; argument = argument->next)
    nodes[copied++] = argument->node;
  CHECK_THAT(copied, ==, *count);
  return nodes;
}

/* Behind `name (`. Any word is a function here: that it does not exist is no syntax error. */
static struct node *parse_call(struct parser *parser, struct bytes name)
{
  uint32_t count;
  if (!parser_enter(parser)) return NULL;
  const struct node **nodes = parse_arguments(parser, &count);
  if (nodes == NULL) return NULL;
  struct node *call = parser_node(parser, find_function(name), nodes, count);
  if (call == NULL) return NULL;
  check_arguments(parser, call);
  check_call(parser, name, call);
  parser_leave(parser);
  return call;
}

/* x IN ( a, b, ... ): the list with x before it. */
struct node *parse_in(struct parser *parser, const struct node *left)
{
  uint32_t count;
  const struct node **list = parse_arguments(parser, &count);
  if (list == NULL) return NULL;
  if (count > EXPRESSION_OPERANDS_MAX)
    parser_fault(parser, RANK_LIMIT,
                 "The IN operator is provided with too many operands; number of operands: %u",
                 count);
  const struct node **nodes = parser_alloc(parser, count + 1, sizeof(*nodes));
  if (nodes == NULL) return NULL;
  nodes[0] = left;
  memcpy(nodes + 1, list, count * sizeof(*list));
  return parser_node(parser, OPERATION_IN, nodes, count + 1);
}

struct node *parse_operand(struct parser *parser)
{
  if (parser->token.type == TOKEN_VALUE) return parse_value(parser);
  struct bytes name = parser->token.text;
  bool word = parser->token.type == TOKEN_WORD && !is_keyword(parser);
  if (word) {
    struct token next = expression_lex(parser->text,
                                       (size_t)(name.data - parser->text.data) + name.size);
    if (next.type == TOKEN_SYMBOL && next.text.data[0] == '(') {
      parser_advance(parser);
      parser_advance(parser);
      return parse_call(parser, name);
    }
  }
  struct node *node = parser_alloc(parser, 1, sizeof(*node));
  if (node == NULL) return NULL;
  *node = (struct node){.operation = OPERATION_PATH};
  return parse_path(parser, &node->path) ? node : NULL;
}

struct node *parse_operand_in_parentheses(struct parser *parser)
{
  if (!parser_accept(parser, '(')) return parse_operand(parser);
  if (!parser_enter(parser)) return NULL;
  struct node *node = parse_operand_in_parentheses(parser);
  if (node == NULL || !parser_expect(parser, ')')) return NULL;
  parser_leave(parser);
  parser_close_group(parser, node);
  return node;
}
