/*
 * A naive model of a store: tables as arrays that are searched from the start, attributes as small
 * numbers. test_store_model.c runs it beside the real one.
 *
 * An item is {p, s, q, r, v}; what the numbers stand for depends on the table, but their order is
 * always that of the attribute values. Values are non-negative, NAIVE_NONE is no attribute.
 */
#ifndef TACOS_TESTS_UNIT_STORE_STORE_NAIVE_H
#define TACOS_TESTS_UNIT_STORE_STORE_NAIVE_H

#include "store/store.h"

enum { NAIVE_NONE = -1, NAIVE_ITEMS_MAX = 128, NAIVE_TABLES = 3, NAIVE_INDEXES_MAX = 2 };

enum naive_attribute { NAIVE_P, NAIVE_S, NAIVE_Q, NAIVE_R, NAIVE_V, NAIVE_ATTRIBUTES };

/* Sets of attributes. */
enum {
  NAIVE_ALL = (1 << NAIVE_ATTRIBUTES) - 1,
  NAIVE_KEY = 1 << NAIVE_P | 1 << NAIVE_S,
};

struct naive_item {
  int values[NAIVE_ATTRIBUTES];
};

struct naive_index {
  const char *name; /* NULL: the table itself */
  enum naive_attribute partition;
  enum naive_attribute sort; /* NAIVE_ATTRIBUTES: none */
  unsigned attributes;       /* that it holds */
};

struct naive_schema {
  const char *line;                    /* for store_fixture_table */
  const char *names[NAIVE_ATTRIBUTES]; /* NULL: the table has no such attribute */
  int limits[NAIVE_ATTRIBUTES];        /* values are below */
  struct naive_index own;              /* the table's own keys */
  struct naive_index indexes[NAIVE_INDEXES_MAX];
};

extern const struct naive_schema naive_schemas[NAIVE_TABLES];

struct naive_table {
  const struct naive_schema *schema;
  struct naive_item items[NAIVE_ITEMS_MAX];
  size_t count;
};

/* Appends {'N':'1'} or the like: what a number means in a table. */
void naive_value_json(const struct naive_table *table, enum naive_attribute attribute, int value,
                      struct buffer *json);

/* Appends the attributes of an item that are in the set, as a JSON object. */
void naive_item_json(const struct naive_table *table, const struct naive_item *item,
                     unsigned attributes, struct buffer *json);

struct naive_item *naive_find(struct naive_table *table, const struct naive_item *key);
void naive_put(struct naive_table *table, const struct naive_item *item);
void naive_remove(struct naive_table *table, const struct naive_item *key);

/* Conditions and updates by number; :q and :v are operands, :one is 1. */
extern const char *const naive_conditions[];
extern const char *const naive_updates[];
enum {
  NAIVE_CONDITIONS = 6,
  NAIVE_UPDATE_REMOVES = 2, /* of naive_updates */
  NAIVE_UPDATES = 5
};

struct naive_action {
  enum store_action_kind kind;
  struct naive_table *table;
  struct naive_item item; /* a key but for puts */
  int condition;          /* 0: none */
  int update;
  int q, v;
};

struct naive_outcome {
  enum store_status status; /* of this action alone */
  bool old_present;
  struct naive_item old_item;
  bool new_present;
  struct naive_item new_item;
  unsigned touched; /* by the update */
};

/* What an action comes to; changes nothing. */
struct naive_outcome naive_evaluate(const struct naive_action *action);
void naive_apply(const struct naive_action *action, const struct naive_outcome *outcome);

/*
 * The items of an index (or the table) in order: of one partition, with a sort value between low
 * and high (both inclusive), or with partition NAIVE_NONE all of them in any order.
 */
size_t naive_select(const struct naive_table *table, const struct naive_index *index, int partition,
                    int low, int high, const struct naive_item *selected[NAIVE_ITEMS_MAX]);

#endif
