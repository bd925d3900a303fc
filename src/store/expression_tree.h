/*
 * The inside of compiled expressions, shared by the expression_*.c files only.
 *
 * Conditions and operands are one kind of node: an operation with nodes as operands, whose leaves
 * are document paths and value slots. Updates and projections are a list of targets, sorted by
 * path, so that one merge pass over the (equally sorted) item applies all of them:
 *
 *     SET b = b + :i, c.x = :v REMOVE a
 *     targets: a (REMOVE)  b (SET, ADD node)  c.x (SET, VALUE node)
 */
#ifndef TACOS_STORE_EXPRESSION_TREE_H
#define TACOS_STORE_EXPRESSION_TREE_H

#include "base/check.h"
#include "store/expression.h"

/* One step of a document path: an attribute name, or a list index when name.data is NULL. */
struct path_step {
  struct bytes name;
  uint32_t index;
};

struct path {
  const struct path_step *steps;
  uint32_t count; /* 1 to ITEM_DEPTH_MAX; the first step is a name */
};

static inline bool path_step_is_index(const struct path_step *step)
{
  return step->name.data == NULL;
}

enum operation {
  OPERATION_PATH,
  OPERATION_VALUE,
  OPERATION_AND,
  OPERATION_OR,
  OPERATION_NOT,
  OPERATION_EQUAL,
  OPERATION_NOT_EQUAL,
  OPERATION_LESS,
  OPERATION_LESS_EQUAL,
  OPERATION_GREATER,
  OPERATION_GREATER_EQUAL,
  OPERATION_BETWEEN,
  OPERATION_IN,
  OPERATION_ATTRIBUTE_EXISTS,
  OPERATION_ATTRIBUTE_NOT_EXISTS,
  OPERATION_ATTRIBUTE_TYPE,
  OPERATION_BEGINS_WITH,
  OPERATION_CONTAINS,
  OPERATION_SIZE,
  OPERATION_IF_NOT_EXISTS,
  OPERATION_LIST_APPEND,
  OPERATION_ADD,
  OPERATION_SUBTRACT,
  OPERATION_UNKNOWN, /* a function that does not exist; only while parsing */
  OPERATION_COUNT,
};

struct node {
  enum operation operation;
  uint32_t slot; /* VALUE: index into the values */
  uint32_t count;
  bool grouped;              /* while parsing: the whole node stood in parentheses */
  const struct node **nodes; /* operands */
  struct path path;          /* PATH */
};

/* Where an operation may stand and what it is called in messages. */
enum operation_place {
  PLACE_LEAF,
  PLACE_LOGIC,      /* AND, OR, NOT */
  PLACE_COMPARISON, /* a condition made of operands */
  PLACE_PREDICATE,  /* a function that is a condition */
  PLACE_SIZE,       /* size(): an operand of conditions */
  PLACE_UPDATE,     /* an operand of updates: functions */
  PLACE_ARITHMETIC, /* + and - */
};

struct operation_info {
  const char *name;
  enum operation_place place;
  uint32_t operands; /* a function's number of operands */
};

extern const struct operation_info operation_infos[OPERATION_COUNT];

enum target_verb { TARGET_PROJECT, TARGET_SET, TARGET_REMOVE, TARGET_ADD, TARGET_DELETE };

/* What an update changes or a projection takes. */
struct target {
  struct path path;
  enum target_verb verb;
  uint32_t order;             /* place among the targets in the text */
  const struct node *operand; /* SET: any operand; ADD, DELETE: a VALUE; else NULL */
};

struct expression {
  enum expression_kind kind;
  const struct node *condition;
  const struct target *targets; /* sorted by path_compare */
  uint32_t target_count;
  uint32_t touched_count;
  const struct bytes *touched;   /* top-level names of the targets, ascending, each once */
  const struct bytes *mentioned; /* the first step of every path, in order of appearance */
  uint32_t mentioned_count;
};

/* At most `size_max` bytes of a text, cut between characters: messages stay well-formed. */
static inline struct bytes text_cut(struct bytes text, size_t size_max)
{
  if (text.size <= size_max) return text;
  while (size_max > 0 && (text.data[size_max] & 0xc0) == 0x80) size_max--;
  return bytes_of(text.data, size_max);
}

/* "ConditionExpression" and so on. */
const char *expression_kind_name(enum expression_kind kind);

/* ---- expression_lex.c ---- */

enum token_type {
  TOKEN_END,
  TOKEN_WORD,   /* a name, a function or a keyword */
  TOKEN_NAME,   /* #name */
  TOKEN_VALUE,  /* :value */
  TOKEN_DIGITS, /* a list index */
  TOKEN_COMPARE,
  TOKEN_SYMBOL, /* one of ( ) [ ] , . + - */
  TOKEN_STRAY,  /* a character that starts no token */
};

struct token {
  enum token_type type;
  enum operation operation; /* COMPARE */
  struct bytes text;        /* inside the expression's text; empty at its end */
};

/* The token at or after `offset`. */
struct token expression_lex(struct bytes text, size_t offset);

/* Whether the token is this keyword, in any case. */
bool token_is_keyword(const struct token *token, const char *keyword);

bool reserved_word(struct bytes word);

/* ---- expression_parse*.c ---- */

/*
 * The order in which DynamoDB reports what is wrong besides syntax; of two faults of equal rank the
 * first wins. Conditions rank undefined placeholders together with operand counts, one condition
 * after the other; updates report them first.
 */
enum fault_rank {
  RANK_PARENTHESES,
  RANK_UPDATE_RESERVED,
  RANK_FUNCTION_NAME,
  RANK_FUNCTION_PLACE,
  RANK_SECTION,
  RANK_RESERVED,
  RANK_LIMIT,
  RANK_PLACEHOLDER, /* in conditions these four repeat per condition */
  RANK_OPERAND_COUNT,
  RANK_DISTINCT,
  RANK_OPERAND_KIND,
  RANK_NONE = 1 << 30,
};

struct mention {
  struct bytes name;
  struct mention *next;
};

struct target_link {
  struct target target;
  struct target_link *next;
};

struct parser {
  struct arena *arena;
  struct bytes text;
  const struct expression_placeholders *placeholders;
  enum expression_kind kind;
  struct token previous; /* empty text before the first */
  struct token token;    /* the one looked at */
  uint32_t depth;
  uint32_t operators;
  uint32_t condition_index; /* comparisons and predicates finished so far */
  uint32_t mention_count;
  struct mention *first_mention;
  struct mention **last_mention;
  uint32_t target_count;
  struct target_link *first_target; /* in order of appearance */
  struct target_link **last_target;
  int fault;           /* rank of `deferred`, RANK_NONE when there is none */
  struct error *error; /* syntax and memory: ends the parse */
  struct error deferred;
};

void parser_advance(struct parser *parser);

/* Whether the looked-at token is this symbol; parser_accept also steps over it. */
bool parser_sees(const struct parser *parser, char symbol);
bool parser_accept(struct parser *parser, char symbol);

/* Both return NULL/false for the caller to return. */
void *parser_refuse_syntax(struct parser *parser);
bool parser_expect(struct parser *parser, char symbol);

/* Notes a fault to be reported when the whole text has been read without a syntax error. */
void parser_fault(struct parser *parser, int rank, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A guard of recursion; false with *error when the text is nested too deeply. */
bool parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);

/* A node with `count` operands; NULL with *error when there is no memory. */
struct node *parser_node(struct parser *parser, enum operation operation,
                         const struct node *const *nodes, uint32_t count);

/* Marks a node as closed by a parenthesis, and notes the fault when it was already. */
void parser_close_group(struct parser *parser, struct node *node);

void *parser_alloc(struct parser *parser, size_t count, size_t size);

/* path, :value or function(operands); NULL with *error. */
struct node *parse_operand(struct parser *parser);
struct node *parse_operand_in_parentheses(struct parser *parser);
struct node *parse_in(struct parser *parser, const struct node *left);
bool parse_path(struct parser *parser, struct path *path);
bool parse_path_rest(struct parser *parser, struct path *path);
struct node *parse_value(struct parser *parser);
struct node *parse_condition(struct parser *parser);
bool parse_update(struct parser *parser);
bool parse_projection(struct parser *parser);
bool parser_add_target(struct parser *parser, const struct target *target);

/* ---- expression_path.c ---- */

/* Order of paths: step by step, indexes before names, a path before what starts with it. */
int path_compare(const struct path *left, const struct path *right);
bool path_equal(const struct path *left, const struct path *right);

/* "[a, [1], b]", as DynamoDB prints paths; cut when longer than the text. */
enum { PATH_TEXT_BYTES = 160 };
const char *path_format(const struct path *path, char text[PATH_TEXT_BYTES]);

/* The value at a path of an item, or VALUE_NONE. */
struct value path_resolve(const struct path *path, struct value item);

/* Sorts the targets into the expression; false with DynamoDB's message when two overlap. */
bool expression_sort_targets(struct parser *parser, struct expression *expression);

/* The first of targets[first..end) after those that share step `depth` with targets[first]. */
uint32_t targets_group_end(const struct target *targets, uint32_t first, uint32_t end,
                           uint32_t depth);

/* ---- expression_eval.c, expression_key.c ---- */

/* Negative, 0 or positive for two values of the same type S, N or B; false for all others. */
bool expression_compare(struct value left, struct value right, int *order);

/* What DynamoDB refuses in key conditions whatever the table. */
bool expression_check_keys(const struct node *condition, struct error *error);

/* ---- writing containers straight into arena memory (expression_container.c) ---- */

enum {
  NAME_HEADER_BYTES_MAX = 5, /* varint of a name's size */
};

/* A container under construction in memory that was sized beforehand. */
struct container {
  uint8_t *start;
  uint8_t *limit; /* end of the memory */
  uint8_t *next;
  uint32_t count;
};

void container_begin(struct container *container, uint8_t *start, uint8_t *limit,
                     enum value_tag tag);
void container_add(struct container *container, const struct bytes *name, struct value element);

/* Adds `count` entries that stand encoded in a row. */
void container_add_run(struct container *container, const uint8_t *from, const uint8_t *end,
                       uint32_t count);
uint8_t *container_add_name(struct container *container, struct bytes name);
struct value container_end(struct container *container);

/* Ends a container that was written right where this one is to go on, and adds it. */
void container_add_inner(struct container *container, struct container *inner);

/* A place in a map or list that is walked along sorted path steps. */
struct entry {
  struct value_iterator iterator;
  const uint8_t *start; /* of this entry, its name included; the container's end behind the last */
  uint32_t index;
  bool present;
  struct bytes name; /* in maps */
  struct value value;
};

struct entry entry_first(struct value container);
void entry_advance(struct entry *entry);

/* Goes on to the first entry that is not before the step; whether it is the one the step names. */
bool entry_seek(struct entry *entry, const struct path_step *step);

#endif
