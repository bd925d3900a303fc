/*
 * A naive model of DynamoDB's expressions, written from the developer guide: values are trees,
 * expressions are trees, and everything is done one piece at a time. Shares nothing with src/store.
 *
 * Numbers are multiples of 0.01, texts have at most three letters, containers at most
 * NAIVE_CHILDREN_MAX children. Everything lives in an arena of the test, which never runs out.
 */
#ifndef TACOS_TESTS_UNIT_STORE_EXPRESSION_MODEL_H
#define TACOS_TESTS_UNIT_STORE_EXPRESSION_MODEL_H

#include "store/item.h"

enum {
  NAIVE_CHILDREN_MAX = 24,
  NAIVE_STEPS_MAX = 3,
  NAIVE_PARTS_MAX = 4,
  NAIVE_ACTIONS_MAX = 6,
  NAIVE_TEXT_BYTES = 4,
};

struct naive {
  enum value_type type;
  int64_t hundredths;          /* N */
  bool boolean;                /* BOOL */
  bool removed;                /* an element to be taken out when the update is over */
  char text[NAIVE_TEXT_BYTES]; /* S, B */
  uint32_t count;              /* L, M and sets */
  char names[NAIVE_CHILDREN_MAX][NAIVE_TEXT_BYTES];
  struct naive *children[NAIVE_CHILDREN_MAX];
};

struct naive_step {
  bool index;
  uint32_t number;
  char name[NAIVE_TEXT_BYTES];
};

struct naive_path {
  uint32_t count;
  struct naive_step steps[NAIVE_STEPS_MAX];
};

enum naive_operator {
  NAIVE_AND,
  NAIVE_OR,
  NAIVE_NOT,
  NAIVE_EQUAL,
  NAIVE_NOT_EQUAL,
  NAIVE_LESS,
  NAIVE_LESS_EQUAL,
  NAIVE_GREATER,
  NAIVE_GREATER_EQUAL,
  NAIVE_BETWEEN,
  NAIVE_IN,
  NAIVE_EXISTS,
  NAIVE_NOT_EXISTS,
  NAIVE_TYPE,
  NAIVE_BEGINS,
  NAIVE_CONTAINS,
  NAIVE_OPERATORS,
};

/* A path, the size of what is at a path, or (value not NULL) a value. */
struct naive_operand {
  const struct naive *value;
  uint32_t slot;
  bool size;
  struct naive_path path;
};

struct naive_condition {
  enum naive_operator operator;
  uint32_t count;
  struct naive_condition *parts[NAIVE_PARTS_MAX];
  struct naive_operand operands[NAIVE_PARTS_MAX];
};

enum naive_source_kind {
  NAIVE_OPERAND,
  NAIVE_IF_NOT_EXISTS,
  NAIVE_APPEND,
  NAIVE_PLUS,
  NAIVE_MINUS
};

/* A right-hand side of SET. */
struct naive_source {
  enum naive_source_kind kind;
  struct naive_operand operand; /* OPERAND; the path of IF_NOT_EXISTS */
  struct naive_source *left;
  struct naive_source *right; /* also IF_NOT_EXISTS's other value */
};

enum naive_verb { NAIVE_SET, NAIVE_REMOVE, NAIVE_ADD, NAIVE_DELETE };

struct naive_action {
  enum naive_verb verb;
  struct naive_path path;
  struct naive_source *source;  /* SET */
  struct naive_operand operand; /* ADD, DELETE */
};

/* What may be wrong with an update; several can be at once. */
enum naive_fault { NAIVE_FAULT_TYPE = 1, NAIVE_FAULT_MISSING = 2, NAIVE_FAULT_PATH = 4 };

struct naive *naive_new(struct arena *arena, enum value_type type);
void naive_add(struct naive *container, const char *name, struct naive *child);
struct naive *naive_copy(struct arena *arena, const struct naive *value);
bool naive_equal(const struct naive *left, const struct naive *right);

/* The value at a path, or NULL. */
struct naive *naive_at(const struct naive_path *path, struct naive *item);

/* Whether two paths cannot stand in one update: one begins the other, or a name meets an index. */
bool naive_clash(const struct naive_path *left, const struct naive_path *right);

bool naive_test(struct arena *arena, const struct naive_condition *condition, struct naive *item);

/* The new item; *faults is 0 or a set of naive_fault, and then the result means nothing. */
struct naive *naive_update(struct arena *arena, const struct naive_action *actions, uint32_t count,
                           struct naive *item, unsigned *faults);

struct naive *naive_project(struct arena *arena, const struct naive_path *paths, uint32_t count,
                            const struct naive *item);

/* The encoded form, by the value writer. */
struct value naive_encode(struct arena *arena, struct buffer *buffer, const struct naive *value);

#endif
