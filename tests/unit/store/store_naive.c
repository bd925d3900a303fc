#include "unit/store/store_naive.h"

#include "base/check.h"

#include <stdlib.h>

#define NO_SORT NAIVE_ATTRIBUTES

const struct naive_schema naive_schemas[NAIVE_TABLES] = {
    {
        .line = "plain id:N | by_q q:S KEYS | by_r r:N id:N",
        .names = {"id", NULL, "q", "r", "v"},
        .limits = {60, 1, 4, 5, 9},
        .own = {NULL, NAIVE_P, NO_SORT, NAIVE_ALL},
        .indexes = {{"by_q", NAIVE_Q, NO_SORT, NAIVE_KEY | 1 << NAIVE_Q},
                    {"by_r", NAIVE_R, NAIVE_P, NAIVE_ALL}},
    },
    {
        .line = "range p:S s:N | by_q q:S r:N | by_r r:N INCLUDE v | stream NEW_AND_OLD",
        .names = {"p", "s", "q", "r", "v"},
        .limits = {6, 14, 4, 5, 9},
        .own = {NULL, NAIVE_P, NAIVE_S, NAIVE_ALL},
        .indexes = {{"by_q", NAIVE_Q, NAIVE_R, NAIVE_ALL},
                    {"by_r", NAIVE_R, NO_SORT, NAIVE_KEY | 1 << NAIVE_R | 1 << NAIVE_V}},
    },
    {
        .line = "texts p:B s:S | by_s s:S r:N KEYS | by_v v:N s:S",
        .names = {"p", "s", "q", "r", "v"},
        .limits = {5, 14, 4, 5, 9},
        .own = {NULL, NAIVE_P, NAIVE_S, NAIVE_ALL},
        .indexes = {{"by_s", NAIVE_S, NAIVE_R, NAIVE_KEY | 1 << NAIVE_R},
                    {"by_v", NAIVE_V, NAIVE_S, NAIVE_ALL}},
    },
};

const char *const naive_conditions[NAIVE_CONDITIONS] = {
    NULL,     "attribute_not_exists(v)",        "attribute_exists(v)",
    "v = :v", "v > :v AND attribute_exists(q)", "NOT q = :q",
};

const char *const naive_updates[NAIVE_UPDATES] = {
    "SET q = :q, v = if_not_exists(v, :v)",
    "SET v = v + :one",
    "REMOVE q",
    "ADD v :one REMOVE r",
    "SET r = :v, q = :q",
};

void naive_value_json(const struct naive_table *table, enum naive_attribute attribute, int value,
                      struct buffer *json)
{
  static const char *const words[] = {"a", "aa", "aab", "ab", "b",  "ba", "bb",
                                      "c", "ca", "cb",  "d",  "da", "e",  "f"};
  static const char *const binaries[] = {"AA==", "AAA=", "gA==", "/w==", "//8="};
  bool texts = table->schema == &naive_schemas[2];
  if (attribute == NAIVE_S && texts) {
    buffer_append_format(json, "{'S':'%s'}", words[value]);
  } else if (attribute == NAIVE_P && texts) {
    buffer_append_format(json, "{'B':'%s'}", binaries[value]);
  } else if (attribute == NAIVE_Q || (attribute == NAIVE_P && table->schema->names[NAIVE_S])) {
    buffer_append_format(json, "{'S':'%c%d'}", attribute == NAIVE_Q ? 'q' : 'p', value);
  } else if (attribute == NAIVE_V || attribute == NAIVE_R) {
    buffer_append_format(json, "{'N':'%d'}", value);
  } else {
    buffer_append_format(json, "{'N':'%d.5'}", value * 3 - 20);
  }
}

void naive_item_json(const struct naive_table *table, const struct naive_item *item,
                     unsigned attributes, struct buffer *json)
{
  const char *comma = "";
  buffer_append_byte(json, '{');
  for (int i = 0; i < NAIVE_ATTRIBUTES; i++) {
    const char *name = table->schema->names[i];
    if ((attributes & 1u << i) == 0 || name == NULL || item->values[i] == NAIVE_NONE) continue;
    buffer_append_format(json, "%s'%s':", comma, name);
    naive_value_json(table, (enum naive_attribute)i, item->values[i], json);
    comma = ",";
  }
  buffer_append_byte(json, '}');
}

struct naive_item *naive_find(struct naive_table *table, const struct naive_item *key)
{
  for (size_t i = 0; i < table->count; i++) {
    struct naive_item *item = &table->items[i];
    if (item->values[NAIVE_P] == key->values[NAIVE_P] &&
        item->values[NAIVE_S] == key->values[NAIVE_S])
      return item;
  }
  return NULL;
}

void naive_put(struct naive_table *table, const struct naive_item *item)
{
  struct naive_item *known = naive_find(table, item);
  CHECK(known != NULL || table->count < NAIVE_ITEMS_MAX);
  if (known == NULL) known = &table->items[table->count++];
  *known = *item;
}

void naive_remove(struct naive_table *table, const struct naive_item *key)
{
  struct naive_item *known = naive_find(table, key);
  if (known != NULL) *known = table->items[--table->count];
}

/* `old` has no attributes when there is no item. */
static bool holds(const struct naive_action *action, const struct naive_item *old)
{
  int q = old->values[NAIVE_Q];
  int v = old->values[NAIVE_V];
  switch (action->condition) {
  case 1:
    return v == NAIVE_NONE;
  case 2:
    return v != NAIVE_NONE;
  case 3:
    return v == action->v;
  case 4:
    return v != NAIVE_NONE && v > action->v && q != NAIVE_NONE;
  case 5:
    return q != action->q;
  default:
    return true;
  }
}

/* False when the update needs an attribute that is not there. */
static bool update(const struct naive_action *action, struct naive_outcome *outcome)
{
  int *values = outcome->new_item.values;
  switch (action->update) {
  case 0:
    outcome->touched = 1 << NAIVE_Q | 1 << NAIVE_V;
    values[NAIVE_Q] = action->q;
    if (values[NAIVE_V] == NAIVE_NONE) values[NAIVE_V] = action->v;
    return true;
  case 1:
    outcome->touched = 1 << NAIVE_V;
    return values[NAIVE_V]++ != NAIVE_NONE;
  case NAIVE_UPDATE_REMOVES:
    outcome->touched = 1 << NAIVE_Q;
    values[NAIVE_Q] = NAIVE_NONE;
    return true;
  case 3:
    outcome->touched = 1 << NAIVE_V | 1 << NAIVE_R;
    values[NAIVE_V] = values[NAIVE_V] == NAIVE_NONE ? 1 : values[NAIVE_V] + 1;
    values[NAIVE_R] = NAIVE_NONE;
    return true;
  default:
    outcome->touched = 1 << NAIVE_R | 1 << NAIVE_Q;
    values[NAIVE_R] = action->v;
    values[NAIVE_Q] = action->q;
    return true;
  }
}

struct naive_outcome naive_evaluate(const struct naive_action *action)
{
  static const struct naive_item nothing = {
      {NAIVE_NONE, NAIVE_NONE, NAIVE_NONE, NAIVE_NONE, NAIVE_NONE}};
  struct naive_outcome outcome = {.status = STORE_OK};
  const struct naive_item *old = naive_find(action->table, &action->item);
  outcome.old_present = old != NULL;
  outcome.old_item = old == NULL ? nothing : *old;
  if (!holds(action, &outcome.old_item)) {
    outcome.status = STORE_CONDITION_FAILED;
    return outcome;
  }
  outcome.new_present = action->kind == ACTION_PUT || action->kind == ACTION_UPDATE;
  outcome.new_item = action->item;
  if (action->kind != ACTION_UPDATE) return outcome;
  if (old != NULL) outcome.new_item = *old;
  if (!update(action, &outcome)) outcome.status = STORE_VALIDATION;
  /* What only removes makes no item. */
  if (old == NULL && action->update == NAIVE_UPDATE_REMOVES) outcome.new_present = false;
  return outcome;
}

void naive_apply(const struct naive_action *action, const struct naive_outcome *outcome)
{
  CHECK_THAT(outcome->status, ==, STORE_OK);
  if (action->kind == ACTION_DELETE) naive_remove(action->table, &action->item);
  if (outcome->new_present) naive_put(action->table, &outcome->new_item);
}

size_t naive_select(const struct naive_table *table, const struct naive_index *index, int partition,
                    int low, int high, const struct naive_item *selected[NAIVE_ITEMS_MAX])
{
  size_t count = 0;
  for (size_t i = 0; i < table->count; i++) {
    const struct naive_item *item = &table->items[i];
    int own = item->values[index->partition];
    int sort = index->sort == NO_SORT ? low : item->values[index->sort];
    if (own == NAIVE_NONE || sort == NAIVE_NONE) continue;
    if (partition != NAIVE_NONE && (own != partition || sort < low || sort > high)) continue;
    /* Inserted behind all that do not come after it. */
    size_t place = count++;
    for (; place > 0; place--) {
      const int *other = selected[place - 1]->values;
      int other_sort = index->sort == NO_SORT ? low : other[index->sort];
      int order = other_sort != sort ? other_sort - sort
                  : other[NAIVE_P] != item->values[NAIVE_P]
                      ? other[NAIVE_P] - item->values[NAIVE_P]
                      : other[NAIVE_S] - item->values[NAIVE_S];
      if (order < 0) break;
      selected[place] = selected[place - 1];
    }
    selected[place] = item;
  }
  return count;
}
