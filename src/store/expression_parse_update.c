/*
 * The grammars of updates and projections:
 *
 *     update     := section { section }
 *     section    := SET path '=' sum { ',' ... } | REMOVE path { ',' ... }
 *                 | ADD path :value { ',' ... }  | DELETE path :value { ',' ... }
 *     sum        := term [ ('+' | '-') term ] | '(' sum ')'
 *     projection := path { ',' path }
 */
#include "store/expression_tree.h"

static const struct {
  const char *keyword;
  enum target_verb verb;
} sections[] = {
    {"SET", TARGET_SET}, {"REMOVE", TARGET_REMOVE}, {"ADD", TARGET_ADD}, {"DELETE", TARGET_DELETE}};

enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };

/* Targets are kept in the order of the text, in which clashes are reported; sorting comes later. */
bool parser_add_target(struct parser *parser, const struct target *target)
{
  bool has_operand = target->verb != TARGET_REMOVE && target->verb != TARGET_PROJECT;
  CHECK_THAT(target->path.count, >, 0);
  CHECK((target->operand != NULL) == has_operand);
  struct target_link *link = parser_alloc(parser, 1, sizeof(*link));
  if (link == NULL) return false;
  *link = (struct target_link){.target = *target};
  link->target.order = parser->target_count++;
  *parser->last_target = link;
  parser->last_target = &link->next;
  return true;
}

static struct node *parse_sum(struct parser *parser);

/* '(' sum ')': behind it more may follow only when it holds a single operand. */
static struct node *parse_sum_group(struct parser *parser)
{
  if (!parser_enter(parser)) return NULL;
  parser_advance(parser);
  struct node *node = parse_sum(parser);
  if (node == NULL || !parser_expect(parser, ')')) return NULL;
  parser_leave(parser);
  parser_close_group(parser, node);
  return node;
}

/* One operator at most: a sum in parentheses is no operand of another. */
static struct node *parse_sum(struct parser *parser)
{
  struct node *left = parser_sees(parser, '(') ? parse_sum_group(parser) : parse_operand(parser);
  if (left == NULL || operation_infos[left->operation].place == PLACE_ARITHMETIC) return left;
  enum operation operation = parser_sees(parser, '+') ? OPERATION_ADD : OPERATION_SUBTRACT;
  if (!parser_sees(parser, '+') && !parser_sees(parser, '-')) return left;
  parser_advance(parser);
  const struct node *right = parse_operand_in_parentheses(parser);
  if (right == NULL) return NULL;
  return parser_node(parser, operation, (const struct node *[]){left, right}, 2);
}

static bool parse_action(struct parser *parser, enum target_verb verb)
{
  struct target target = {.verb = verb};
  if (!parse_path(parser, &target.path)) return false;
  switch (verb) {
  case TARGET_SET:
    if (parser->token.type != TOKEN_COMPARE || parser->token.operation != OPERATION_EQUAL)
      return parser_refuse_syntax(parser) != NULL;
    parser_advance(parser);
    target.operand = parse_sum(parser);
    if (target.operand == NULL) return false;
    break;
  case TARGET_ADD:
  case TARGET_DELETE:
    target.operand = parse_value(parser);
    if (target.operand == NULL) return false;
    break;
  case TARGET_REMOVE:
  case TARGET_PROJECT:
    break;
  }
  return parser_add_target(parser, &target);
}

static bool parse_actions(struct parser *parser, enum target_verb verb)
{
  do {
    if (!parse_action(parser, verb)) return false;
  } while (parser_accept(parser, ','));
  return true;
}

/* Sections come in any order without commas between them, each at most once. */
bool parse_update(struct parser *parser)
{
  bool seen[SECTION_COUNT] = {false};
  do {
    size_t section = 0;
    while (section < SECTION_COUNT && !token_is_keyword(&parser->token, sections[section].keyword))
      section++;
    if (section == SECTION_COUNT) return parser_refuse_syntax(parser) != NULL;
    if (seen[section])
      parser_fault(parser, RANK_SECTION,
                   "The \"%s\" section can only be used once in an update expression;",
                   sections[section].keyword);
    seen[section] = true;
    parser_advance(parser);
    if (!parse_actions(parser, sections[section].verb)) return false;
  } while (parser->token.type != TOKEN_END);
  CHECK_THAT(parser->target_count, >, 0);
  return true;
}

bool parse_projection(struct parser *parser)
{
  return parse_actions(parser, TARGET_PROJECT);
}
