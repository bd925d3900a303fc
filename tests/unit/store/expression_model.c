#include "unit/store/expression_model.h"

#include "base/check.h"

#include <stdio.h>

/* ---- values ---- */

struct naive *naive_new(struct arena *arena, enum value_type type)
{
  struct naive *value = arena_alloc(arena, sizeof(*value));
  CHECK(value != NULL);
  memset(value, 0, sizeof(*value));
  value->type = type;
  return value;
}

void naive_add(struct naive *container, const char *name, struct naive *child)
{
  CHECK_THAT(container->count, <, NAIVE_CHILDREN_MAX);
  if (name != NULL) strcpy(container->names[container->count], name);
  container->children[container->count++] = child;
}

struct naive *naive_copy(struct arena *arena, const struct naive *value)
{
  struct naive *copy = naive_new(arena, value->type);
  *copy = *value;
  for (uint32_t i = 0; i < value->count; i++)
    copy->children[i] = naive_copy(arena, value->children[i]);
  return copy;
}

static struct naive *naive_child(const struct naive *map, const char *name)
{
  for (uint32_t i = 0; i < map->count; i++) {
    if (strcmp(map->names[i], name) == 0) return map->children[i];
  }
  return NULL;
}

static bool is_set(const struct naive *value)
{
  return value->type == VALUE_STRING_SET || value->type == VALUE_NUMBER_SET ||
         value->type == VALUE_BINARY_SET;
}

static bool has_element(const struct naive *container, const struct naive *element)
{
  for (uint32_t i = 0; i < container->count; i++) {
    if (naive_equal(container->children[i], element)) return true;
  }
  return false;
}

bool naive_equal(const struct naive *left, const struct naive *right)
{
  if (left->type != right->type || left->count != right->count) return false;
  if (left->hundredths != right->hundredths || left->boolean != right->boolean ||
      strcmp(left->text, right->text) != 0)
    return false;
  for (uint32_t i = 0; i < left->count; i++) {
    const struct naive *other = right->children[i];
    if (left->type == VALUE_MAP) other = naive_child(right, left->names[i]);
    if (is_set(left) ? !has_element(right, left->children[i])
                     : other == NULL || !naive_equal(left->children[i], other))
      return false;
  }
  return true;
}

static struct naive *step_into(const struct naive *value, const struct naive_step *step)
{
  if (step->index)
    return value->type == VALUE_LIST && step->number < value->count ? value->children[step->number]
                                                                    : NULL;
  return value->type == VALUE_MAP ? naive_child(value, step->name) : NULL;
}

/* What the first `count` steps lead to. */
static struct naive *walk(const struct naive_path *path, uint32_t count, struct naive *item)
{
  for (uint32_t i = 0; i < count && item != NULL; i++) item = step_into(item, &path->steps[i]);
  return item;
}

struct naive *naive_at(const struct naive_path *path, struct naive *item)
{
  return walk(path, path->count, item);
}

static bool same_step(const struct naive_step *left, const struct naive_step *right)
{
  return left->index == right->index && left->number == right->number &&
         strcmp(left->name, right->name) == 0;
}

bool naive_clash(const struct naive_path *left, const struct naive_path *right)
{
  for (uint32_t i = 0; i < left->count && i < right->count; i++) {
    if (left->steps[i].index != right->steps[i].index) return true;
    if (!same_step(&left->steps[i], &right->steps[i])) return false;
  }
  return true;
}

/* ---- conditions ---- */

static struct naive *measure(struct arena *arena, const struct naive *value)
{
  if (value->type == VALUE_NUMBER || value->type == VALUE_BOOL || value->type == VALUE_NULL)
    return NULL;
  struct naive *size = naive_new(arena, VALUE_NUMBER);
  bool text = value->type == VALUE_STRING || value->type == VALUE_BINARY;
  size->hundredths = 100 * (text ? (int64_t)strlen(value->text) : value->count);
  return size;
}

static const struct naive *operand_value(struct arena *arena, const struct naive_operand *operand,
                                         struct naive *item)
{
  if (operand->value != NULL) return operand->value;
  const struct naive *value = naive_at(&operand->path, item);
  return operand->size && value != NULL ? measure(arena, value) : value;
}

/* -1, 0 or 1; 2 when they have no order. */
static int compare(const struct naive *left, const struct naive *right)
{
  if (left == NULL || right == NULL || left->type != right->type) return 2;
  if (left->type == VALUE_NUMBER)
    return left->hundredths < right->hundredths ? -1 : left->hundredths > right->hundredths;
  if (left->type != VALUE_STRING && left->type != VALUE_BINARY) return 2;
  int order = strcmp(left->text, right->text);
  return order < 0 ? -1 : order > 0;
}

static bool contains(const struct naive *value, const struct naive *part)
{
  if (value == NULL || part == NULL) return false;
  if (value->type == VALUE_STRING || value->type == VALUE_BINARY)
    return part->type == value->type && strstr(value->text, part->text) != NULL;
  return (is_set(value) || value->type == VALUE_LIST) && has_element(value, part);
}

static bool begins(const struct naive *value, const struct naive *start)
{
  if (value == NULL || start == NULL || value->type != start->type) return false;
  if (value->type != VALUE_STRING && value->type != VALUE_BINARY) return false;
  return strncmp(value->text, start->text, strlen(start->text)) == 0;
}

static bool test_leaf(enum naive_operator operator, const struct naive ** values, uint32_t count)
{
  const struct naive *first = values[0];
  int order = count > 1 ? compare(first, values[1]) : 2;
  bool same = count > 1 && first != NULL && values[1] != NULL && naive_equal(first, values[1]);
  switch (operator) {
  case NAIVE_EQUAL:
    return same;
  case NAIVE_NOT_EQUAL:
    return !same;
  case NAIVE_LESS:
    return order == -1;
  case NAIVE_LESS_EQUAL:
    return order == -1 || order == 0;
  case NAIVE_GREATER:
    return order == 1;
  case NAIVE_GREATER_EQUAL:
    return order == 1 || order == 0;
  case NAIVE_BETWEEN:
    return (order == 0 || order == 1) && compare(first, values[2]) <= 0;
  case NAIVE_IN:
    for (uint32_t i = 1; i < count; i++) {
      if (first != NULL && values[i] != NULL && naive_equal(first, values[i])) return true;
    }
    return false;
  case NAIVE_EXISTS:
    return first != NULL;
  case NAIVE_NOT_EXISTS:
    return first == NULL;
  case NAIVE_TYPE:
    return first != NULL && strcmp(value_type_name(first->type), values[1]->text) == 0;
  case NAIVE_BEGINS:
    return begins(first, values[1]);
  case NAIVE_CONTAINS:
    return contains(first, values[1]);
  default:
    CHECK(false && "a leaf");
    return false;
  }
}

bool naive_test(struct arena *arena, const struct naive_condition *condition, struct naive *item)
{
  if (condition->operator== NAIVE_NOT) return !naive_test(arena, condition->parts[0], item);
  if (condition->operator== NAIVE_AND || condition->operator== NAIVE_OR) {
    uint32_t holding = 0;
    for (uint32_t i = 0; i < condition->count; i++)
      holding += naive_test(arena, condition->parts[i], item);
    return condition->operator== NAIVE_OR ? holding > 0 : holding == condition->count;
  }
  const struct naive *values[NAIVE_PARTS_MAX] = {NULL};
  for (uint32_t i = 0; i < condition->count; i++)
    values[i] = operand_value(arena, &condition->operands[i], item);
  return test_leaf(condition->operator, values, condition->count);
}

/* ---- updates ---- */

static const struct naive *evaluate(struct arena *arena, const struct naive_source *source,
                                    struct naive *item, unsigned *faults)
{
  const struct naive *value = NULL;
  if (source->kind == NAIVE_OPERAND || source->kind == NAIVE_IF_NOT_EXISTS)
    value = operand_value(arena, &source->operand, item);
  if (source->kind == NAIVE_OPERAND && value == NULL) *faults |= NAIVE_FAULT_MISSING;
  if (source->kind == NAIVE_OPERAND || value != NULL) return value;
  if (source->kind == NAIVE_IF_NOT_EXISTS) return evaluate(arena, source->right, item, faults);

  const struct naive *left = evaluate(arena, source->left, item, faults);
  const struct naive *right = evaluate(arena, source->right, item, faults);
  if (left == NULL || right == NULL) return NULL;
  enum value_type wanted = source->kind == NAIVE_APPEND ? VALUE_LIST : VALUE_NUMBER;
  if (left->type != wanted || right->type != wanted) {
    *faults |= NAIVE_FAULT_TYPE;
    return NULL;
  }
  struct naive *result = naive_copy(arena, left);
  if (source->kind == NAIVE_PLUS) result->hundredths += right->hundredths;
  if (source->kind == NAIVE_MINUS) result->hundredths -= right->hundredths;
  for (uint32_t i = 0; source->kind == NAIVE_APPEND && i < right->count; i++)
    naive_add(result, NULL, naive_copy(arena, right->children[i]));
  return result;
}

static const struct naive *combine(struct arena *arena, const struct naive_action *action,
                                   struct naive *item, unsigned *faults)
{
  const struct naive *old = naive_at(&action->path, item);
  const struct naive *operand = action->operand.value;
  bool add = action->verb == NAIVE_ADD;
  if (old == NULL) return add ? operand : NULL;
  if (old->type != operand->type) {
    *faults |= NAIVE_FAULT_TYPE;
    return NULL;
  }
  struct naive *result = naive_copy(arena, old);
  if (operand->type == VALUE_NUMBER) {
    result->hundredths += operand->hundredths;
    return result;
  }
  result->count = 0;
  for (uint32_t i = 0; i < old->count; i++) {
    if (add || !has_element(operand, old->children[i])) naive_add(result, NULL, old->children[i]);
  }
  for (uint32_t i = 0; add && i < operand->count; i++) {
    if (!has_element(old, operand->children[i])) naive_add(result, NULL, operand->children[i]);
  }
  return result->count == 0 ? NULL : result;
}

/* Puts a value (NULL: removes) at a path of the new item; old_count is the parent list's before. */
static void apply(struct arena *arena, const struct naive_path *path, const struct naive *outcome,
                  struct naive *item, uint32_t old_count)
{
  const struct naive_step *last = &path->steps[path->count - 1];
  struct naive *parent = walk(path, path->count - 1, item);
  struct naive *target = last->index && last->number >= old_count ? NULL : step_into(parent, last);
  if (outcome == NULL) {
    if (target != NULL) target->removed = true;
    return;
  }
  struct naive *value = naive_copy(arena, outcome);
  if (target != NULL)
    *target = *value;
  else
    naive_add(parent, last->index ? NULL : last->name, value);
}

static void sweep(struct naive *value)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < value->count; i++) {
    if (value->children[i]->removed) continue;
    sweep(value->children[i]);
    if (kept != i) strcpy(value->names[kept], value->names[i]);
    value->children[kept++] = value->children[i];
  }
  value->count = kept;
}

/* The untaken action whose last step has the smallest index, so that appends come in order. */
static uint32_t next_action(const struct naive_action *actions, uint32_t count, const bool *taken)
{
  uint32_t best = count;
  for (uint32_t i = 0; i < count; i++) {
    const struct naive_path *path = &actions[i].path;
    if (taken[i]) continue;
    if (best == count || path->steps[path->count - 1].number <
                             actions[best].path.steps[actions[best].path.count - 1].number)
      best = i;
  }
  return best;
}

struct naive *naive_update(struct arena *arena, const struct naive_action *actions, uint32_t count,
                           struct naive *item, unsigned *faults)
{
  const struct naive *outcomes[NAIVE_ACTIONS_MAX] = {NULL};
  bool taken[NAIVE_ACTIONS_MAX] = {false};
  *faults = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct naive_path *path = &actions[i].path;
    const struct naive *parent = walk(path, path->count - 1, item);
    enum value_type wanted = path->steps[path->count - 1].index ? VALUE_LIST : VALUE_MAP;
    if (parent == NULL || parent->type != wanted) *faults |= NAIVE_FAULT_PATH;
    if (actions[i].verb == NAIVE_SET)
      outcomes[i] = evaluate(arena, actions[i].source, item, faults);
    if (actions[i].verb == NAIVE_ADD || actions[i].verb == NAIVE_DELETE)
      outcomes[i] = combine(arena, &actions[i], item, faults);
  }
  struct naive *result = naive_copy(arena, item);
  if (*faults != 0) return result;
  for (uint32_t done = 0; done < count; done++) {
    uint32_t i = next_action(actions, count, taken);
    taken[i] = true;
    uint32_t old_count = walk(&actions[i].path, actions[i].path.count - 1, item)->count;
    apply(arena, &actions[i].path, outcomes[i], result, old_count);
  }
  sweep(result);
  return result;
}

/* ---- projections ---- */

/* The paths that begin with this step, without it; true when one of them ends there. */
static bool descend(const struct naive_path *paths, uint32_t count, const struct naive_step *step,
                    struct naive_path *deeper, uint32_t *deeper_count)
{
  *deeper_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!same_step(&paths[i].steps[0], step)) continue;
    if (paths[i].count == 1) return true;
    struct naive_path *rest = &deeper[(*deeper_count)++];
    rest->count = paths[i].count - 1;
    for (uint32_t j = 0; j < rest->count; j++) rest->steps[j] = paths[i].steps[j + 1];
  }
  return false;
}

struct naive *naive_project(struct arena *arena, const struct naive_path *paths, uint32_t count,
                            const struct naive *item)
{
  struct naive *result = naive_new(arena, item->type);
  if (item->type != VALUE_LIST && item->type != VALUE_MAP) return result;
  for (uint32_t i = 0; i < item->count; i++) {
    struct naive_step step = {.index = item->type == VALUE_LIST};
    struct naive_path deeper[NAIVE_ACTIONS_MAX];
    uint32_t deeper_count;
    if (step.index)
      step.number = i;
    else
      strcpy(step.name, item->names[i]);
    if (descend(paths, count, &step, deeper, &deeper_count)) {
      naive_add(result, item->names[i], item->children[i]);
    } else if (deeper_count > 0) {
      struct naive *part = naive_project(arena, deeper, deeper_count, item->children[i]);
      if (part->count > 0) naive_add(result, item->names[i], part);
    }
  }
  return result;
}

/* ---- encoding ---- */

static void write_value(struct value_writer *writer, const struct naive *value)
{
  struct decimal number;
  struct error error;
  char digits[40];
  switch (value->type) {
  case VALUE_STRING:
    value_write_string(writer, bytes_of_text(value->text));
    return;
  case VALUE_BINARY:
    value_write_binary(writer, bytes_of_text(value->text));
    return;
  case VALUE_NUMBER:
    snprintf(digits, sizeof(digits), "%lldE-2", (long long)value->hundredths);
    CHECK(decimal_parse(bytes_of_text(digits), &number, &error));
    value_write_number(writer, &number);
    return;
  case VALUE_BOOL:
    value_write_bool(writer, value->boolean);
    return;
  case VALUE_NULL:
    value_write_null(writer);
    return;
  default:
    value_write_begin(writer, value->type);
    for (uint32_t i = 0; i < value->count; i++) {
      if (value->type == VALUE_MAP) value_write_name(writer, bytes_of_text(value->names[i]));
      write_value(writer, value->children[i]);
    }
    value_write_end(writer);
  }
}

struct value naive_encode(struct arena *arena, struct buffer *buffer, const struct naive *value)
{
  struct value_writer writer;
  struct value written;
  struct error error;
  buffer_clear(buffer);
  value_writer_init(&writer, buffer);
  write_value(&writer, value);
  bool done = value_writer_finish(&writer, &written, &error);
  CHECK(done);
  struct bytes copy = arena_copy(arena, bytes_of(written.data, written.size));
  CHECK(copy.data != NULL);
  return (struct value){copy.data, copy.size};
}
