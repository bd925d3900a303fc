/*
 * Applies an update: first every right-hand side is computed from the old item, then one pass
 * merges old attributes and targets, both ascending, into the new image.
 *
 *     old item   pk  qty  seats{a, b}  when          entries between targets are copied in runs
 *     targets        qty  seats.b      total
 *     new item   pk  qty' seats{a, b'} total  when
 *
 * The same merge applies to nested maps and, by index, to lists: indexes are those of the old list,
 * and what is set beyond its end is appended in the order of indexes.
 */
#include "store/expression_tree.h"

/*
 * DynamoDB's size of a value is at most this many times its encoded size (the worst are numbers of
 * few digits with a large exponent): small items need no exact count.
 */
enum { SIZE_PER_ENCODED_BYTE_MAX = 8 };

struct update {
  const struct expression *expression;
  struct value item;
  const struct value *values;
  struct arena *arena;
  struct value *outcomes; /* per target its new value; VALUE_NONE removes */
  struct error *error;
};

static bool refuse(const struct update *update, const char *message)
{
  return error_set(update->error, ERROR_INVALID, "%s", message);
}

static bool refuse_operand(const struct update *update)
{
  return refuse(update, "An operand in the update expression has an incorrect data type");
}

static bool refuse_path(const struct update *update)
{
  return refuse(update,
                "The document path provided in the update expression is invalid for update");
}

static bool refuse_memory(const struct update *update)
{
  return error_set(update->error, ERROR_NO_MEMORY, "no memory to update an item");
}

static bool finish_value(const struct update *update, struct value made, struct value *outcome)
{
  *outcome = made;
  return value_present(made) || refuse_memory(update);
}

/* ---- right-hand sides ---- */

static bool evaluate(const struct update *update, const struct node *node, struct value *outcome);

static bool add_numbers(const struct update *update, struct value left, struct value right,
                        bool subtract, struct value *outcome)
{
  if (value_type(left) != VALUE_NUMBER || value_type(right) != VALUE_NUMBER)
    return refuse_operand(update);
  int64_t first;
  int64_t second;
  int64_t sum;
  if (value_integer(left, &first) && value_integer(right, &second) &&
      !(subtract ? __builtin_sub_overflow(first, second, &sum)
                 : __builtin_add_overflow(first, second, &sum)))
    return finish_value(update, value_make_integer(update->arena, sum), outcome);

  struct decimal one = value_number(left);
  struct decimal two = value_number(right);
  struct decimal total;
  if (subtract ? !decimal_subtract(&one, &two, &total, update->error)
               : !decimal_add(&one, &two, &total, update->error))
    return false;
  return finish_value(update, value_make_number(update->arena, &total), outcome);
}

static void add_all(struct container *container, struct value list)
{
  struct value_iterator iterator = value_iterate(list);
  container_add_run(container, iterator.next, iterator.end, value_count(list));
}

static bool append_lists(const struct update *update, struct value left, struct value right,
                         struct value *outcome)
{
  if (value_type(left) != VALUE_LIST || value_type(right) != VALUE_LIST)
    return refuse_operand(update);
  size_t bound = left.size + right.size;
  uint8_t *memory = arena_alloc(update->arena, bound);
  if (memory == NULL) return refuse_memory(update);
  struct container container;
  container_begin(&container, memory, memory + bound, VALUE_TAG_LIST);
  add_all(&container, left);
  add_all(&container, right);
  *outcome = container_end(&container);
  return true;
}

/* A path on the right-hand side must lead somewhere. */
static bool evaluate_path(const struct update *update, const struct path *path,
                          struct value *outcome)
{
  *outcome = path_resolve(path, update->item);
  return value_present(*outcome) ||
         refuse(update, "The provided expression refers to an attribute that does not exist in the "
                        "item");
}

static bool evaluate(const struct update *update, const struct node *node, struct value *outcome)
{
  if (node->operation == OPERATION_VALUE) {
    *outcome = update->values[node->slot];
    CHECK(value_present(*outcome));
    return true;
  }
  if (node->operation == OPERATION_PATH) return evaluate_path(update, &node->path, outcome);

  CHECK_THAT(node->count, ==, 2);
  if (node->operation == OPERATION_IF_NOT_EXISTS) {
    *outcome = path_resolve(&node->nodes[0]->path, update->item);
    return value_present(*outcome) || evaluate(update, node->nodes[1], outcome);
  }
  struct value left = VALUE_NONE;
  struct value right = VALUE_NONE;
  if (!evaluate(update, node->nodes[0], &left) || !evaluate(update, node->nodes[1], &right))
    return false;
  if (node->operation == OPERATION_LIST_APPEND) return append_lists(update, left, right, outcome);
  CHECK(node->operation == OPERATION_ADD || node->operation == OPERATION_SUBTRACT);
  return add_numbers(update, left, right, node->operation == OPERATION_SUBTRACT, outcome);
}

/* ---- ADD and DELETE ---- */

/* Merges two sets of one type: all elements of both, or the old ones that the other lacks. */
static bool merge_sets(const struct update *update, struct value old, struct value other,
                       bool subtract, struct value *outcome)
{
  CHECK_THAT(old.data[0], ==, other.data[0]);
  size_t bound = old.size + other.size;
  uint8_t *memory = arena_alloc(update->arena, bound);
  if (memory == NULL) return refuse_memory(update);
  struct container set;
  container_begin(&set, memory, memory + bound, (enum value_tag)old.data[0]);
  struct value_iterator first = value_iterate(old);
  struct value_iterator second = value_iterate(other);
  struct value left;
  struct value right;
  bool has_left = value_next(&first, NULL, &left);
  bool has_right = value_next(&second, NULL, &right);
  while (has_left || has_right) {
    int order = !has_left ? 1 : !has_right ? -1 : value_compare(left, right);
    if (order < 0 || (order == 0 && !subtract)) container_add(&set, NULL, left);
    if (order > 0 && !subtract) container_add(&set, NULL, right);
    if (order <= 0) has_left = value_next(&first, NULL, &left);
    if (order >= 0) has_right = value_next(&second, NULL, &right);
  }
  /* There are no empty sets: the attribute goes. */
  *outcome = set.count == 0 ? VALUE_NONE : container_end(&set);
  return true;
}

/* ADD counts a missing attribute as zero or as the empty set, DELETE does nothing to it. */
static bool combine(const struct update *update, const struct target *target, struct value *outcome)
{
  struct value operand = update->values[target->operand->slot];
  struct value old = path_resolve(&target->path, update->item);
  bool delete = target->verb == TARGET_DELETE;
  enum value_type type = value_type(operand);
  bool set = type == VALUE_STRING_SET || type == VALUE_NUMBER_SET || type == VALUE_BINARY_SET;
  if (!set && (delete || type != VALUE_NUMBER)) return refuse_operand(update);
  if (!value_present(old)) {
    *outcome = delete ? VALUE_NONE : operand;
    return true;
  }
  if (value_type(old) != type) return refuse_operand(update);
  if (set) return merge_sets(update, old, operand, delete, outcome);
  return add_numbers(update, old, operand, false, outcome);
}

/* How many lists and maps stand inside each other; values are no deeper than ITEM_DEPTH_MAX. */
static uint32_t value_depth(struct value value)
{
  enum value_type type = value_type(value);
  if (type != VALUE_LIST && type != VALUE_MAP) return 0;
  struct value_iterator iterator = value_iterate(value);
  struct value element;
  uint32_t deepest = 0;
  while (value_next(&iterator, NULL, &element)) {
    uint32_t depth = value_depth(element);
    if (depth > deepest) deepest = depth;
  }
  return deepest + 1;
}

static bool compute_outcome(const struct update *update, uint32_t index)
{
  const struct target *target = &update->expression->targets[index];
  struct value *outcome = &update->outcomes[index];
  *outcome = VALUE_NONE;
  switch (target->verb) {
  case TARGET_SET:
    if (!evaluate(update, target->operand, outcome)) return false;
    break;
  case TARGET_ADD:
  case TARGET_DELETE:
    if (!combine(update, target, outcome)) return false;
    break;
  case TARGET_REMOVE:
    return true;
  case TARGET_PROJECT:
    CHECK(false && "an update's target");
  }
  if (target->path.count - 1 + value_depth(*outcome) > ITEM_DEPTH_MAX)
    return refuse(update,
                  "Nesting Levels have exceeded supported limits: Attributes of the item have "
                  "nesting levels beyond supported limit");
  return true;
}

/* ---- merging ---- */

/* A container and the targets inside it. */
struct merge {
  const struct update *update;
  uint32_t depth; /* of the step that names the container's entries */
  struct container *out;
};

static bool apply_group(const struct merge *merge, uint32_t first, uint32_t end, bool matched,
                        struct value old);

static bool merge_container(const struct update *update, struct value old, uint32_t first,
                            uint32_t end, uint32_t depth, struct container *out)
{
  const struct target *targets = update->expression->targets;
  bool indexed = path_step_is_index(&targets[first].path.steps[depth]);
  if (!value_present(old) || old.data[0] != (indexed ? VALUE_TAG_LIST : VALUE_TAG_MAP))
    return refuse_path(update);
  container_begin(out, out->start, out->limit, indexed ? VALUE_TAG_LIST : VALUE_TAG_MAP);
  struct merge merge = {update, depth, out};
  struct entry entry = entry_first(old);
  while (first < end) {
    uint32_t group_end = targets_group_end(targets, first, end, depth);
    const uint8_t *run = entry.start;
    uint32_t run_index = entry.index;
    bool matched = entry_seek(&entry, &targets[first].path.steps[depth]);
    container_add_run(out, run, entry.start, entry.index - run_index);
    if (!apply_group(&merge, first, group_end, matched, entry.value)) return false;
    if (matched) entry_advance(&entry);
    first = group_end;
  }
  container_add_run(out, entry.start, entry.iterator.end, value_count(old) - entry.index);
  return true;
}

/* The targets that share a step: one that ends there, or any number that go deeper. */
static bool apply_group(const struct merge *merge, uint32_t first, uint32_t end, bool matched,
                        struct value old)
{
  const struct target *target = &merge->update->expression->targets[first];
  const struct path_step *step = &target->path.steps[merge->depth];
  const struct bytes *name = path_step_is_index(step) ? NULL : &step->name;
  struct container *out = merge->out;
  if (target->path.count == merge->depth + 1) {
    CHECK_THAT(end, ==, first + 1);
    struct value outcome = merge->update->outcomes[first];
    if (value_present(outcome)) container_add(out, name, outcome);
    return true;
  }
  if (!matched) return refuse_path(merge->update);
  if (name != NULL) container_add_name(out, *name);
  struct container inner = {.start = out->next, .limit = out->limit};
  if (!merge_container(merge->update, old, first, end, merge->depth + 1, &inner)) return false;
  container_add_inner(out, &inner);
  return true;
}

/* No more than this is written: the old item and every new value with its name. */
static size_t size_bound(const struct update *update)
{
  size_t bound = update->item.size;
  for (uint32_t i = 0; i < update->expression->target_count; i++) {
    const struct path *path = &update->expression->targets[i].path;
    bound += NAME_HEADER_BYTES_MAX + path->steps[path->count - 1].name.size;
    bound += update->outcomes[i].size;
  }
  return bound;
}

bool expression_update(const struct expression *expression, struct value item,
                       const struct value *values, struct arena *arena, struct value *result,
                       struct error *error)
{
  CHECK_THAT(expression->kind, ==, EXPRESSION_UPDATE);
  CHECK_THAT(value_type(item), ==, VALUE_MAP);
  uint32_t count = expression->target_count;
  struct update update = {expression, item, values, arena, NULL, error};
  update.outcomes = arena_alloc_array(arena, count, sizeof(*update.outcomes));
  if (update.outcomes == NULL) return refuse_memory(&update);
  for (uint32_t i = 0; i < count; i++) {
    if (!compute_outcome(&update, i)) return false;
  }
  size_t bound = size_bound(&update);
  struct container out = {.start = arena_alloc(arena, bound)};
  if (out.start == NULL) return refuse_memory(&update);
  out.limit = out.start + bound;
  if (!merge_container(&update, item, 0, count, 0, &out)) return false;
  *result = container_end(&out);
  CHECK_SLOW(item_size(*result) <= SIZE_PER_ENCODED_BYTE_MAX * result->size);
  if (result->size > ITEM_SIZE_MAX / SIZE_PER_ENCODED_BYTE_MAX &&
      item_size(*result) > ITEM_SIZE_MAX)
    return refuse(&update, "Item size to update has exceeded the maximum allowed size");
  return true;
}
